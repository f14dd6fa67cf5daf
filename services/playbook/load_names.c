// SPDX-License-Identifier: Apache-2.0
// Names of measures, scores, signals and segments, which anything may refer to: they are gathered
// before anything that refers is read.
#include "common/base/mem.h"
#include "common/base/check.h"
#include "services/playbook/load_impl.h"
#include "services/playbook/load_measures.h"

static bool load_all_of(struct span text, bool (*allowed)(char c))
{
    const char *p = text.ptr;
    for (size_t i = 0; i < text.len; i++) {
        if (!allowed(p[i]))
            return false;
    }
    return text.len > 0 && text.len <= LOAD_NAME_BYTES_MAX;
}

static bool load_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static bool load_playbook_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

bool load_is_playbook_name(struct span text)
{
    return load_all_of(text, load_playbook_char);
}

bool load_check_name(struct loader *l, const struct config_node *key)
{
    static const char *const RESERVED[] = {
        "all",   "any", "none", "not",  "at_least_n_of", "always",     "segment",
        "stage", "fit", "when", "user", "account",       "properties", "context"};
    struct span text = config_text(key);
    char first = text.len > 0 ? *(const char *)text.ptr : '\0';
    if (!load_all_of(text, load_name_char) || first < 'a' || first > 'z') {
        config_error_hint(l->config, key,
                          "a small letter, then small letters, digits and _, at most 64",
                          "\"%.*s\" is not a name that can be used here",
                          (int)(text.len < LOAD_NAME_BYTES_MAX ? text.len : LOAD_NAME_BYTES_MAX),
                          (const char *)text.ptr);
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(RESERVED); i++) {
        if (!span_is(text, RESERVED[i]))
            continue;
        config_error_hint(l->config, key, "it has a meaning in conditions",
                          "\"%s\" is reserved and cannot be a name", RESERVED[i]);
        return false;
    }
    return true;
}

const struct load_name *load_find_name(const struct loader *l, struct span text,
                                       enum load_name_kind kind)
{
    for (int32_t i = 0; i < l->n_names; i++) {
        if (l->names[i].kind == kind && span_eq(l->names[i].text, text))
            return &l->names[i];
    }
    return NULL;
}

void load_unknown_name(struct loader *l, const struct config_node *node, const char *what,
                       unsigned kinds, const char *const *more, size_t n_more)
{
    const char **candidates = mem_alloc(sizeof *candidates * ((size_t)l->n_names + n_more + 1));
    size_t n = 0;
    for (int32_t i = 0; i < l->n_names; i++) {
        if ((kinds & (1u << l->names[i].kind)) != 0)
            candidates[n++] = arena_dup(l->arena, l->names[i].text);
    }
    for (size_t i = 0; i < n_more; i++)
        candidates[n++] = more[i];
    config_error_unknown(l->config, node, what, candidates, n);
    mem_free(candidates);
}

static const char *load_kind_name(const struct loader *l, const struct load_name *name)
{
    switch (name->kind) {
    case LOAD_NAME_MEASURE:
        if (l->measures[name->at].as.kind == MEASURE_GRADE)
            return "grade";
        return l->measures[name->at].is_score ? "score" : "measure";
    case LOAD_NAME_SIGNAL:
        return "signal";
    case LOAD_NAME_SEGMENT:
        return "segment";
    case LOAD_NAME_STAGE:
        return "stage";
    }
    CHECK(false);
}

static bool load_share_names(enum load_name_kind a, enum load_name_kind b)
{
    bool apart = a == LOAD_NAME_SEGMENT || a == LOAD_NAME_STAGE || b == LOAD_NAME_SEGMENT ||
                 b == LOAD_NAME_STAGE;
    return a == b || !apart;
}

bool load_claim_name(struct loader *l, const struct config_node *key, enum load_name_kind kind,
                     int32_t at)
{
    if (!load_check_name(l, key))
        return false;
    if (kind == LOAD_NAME_MEASURE && span_is(config_text(key), "buyer")) {
        config_error_hint(l->config, key, "it has a meaning in conditions",
                          "\"buyer\" is reserved and cannot be a name");
        return false;
    }
    if (kind == LOAD_NAME_SEGMENT && span_is(config_text(key), "default")) {
        config_error_hint(l->config, key, "it has a meaning in thresholds by segment",
                          "\"default\" is reserved and cannot be a name");
        return false;
    }
    for (int32_t i = 0; i < l->n_names; i++) {
        const struct load_name *name = &l->names[i];
        if (!load_share_names(name->kind, kind) || !span_eq(name->text, config_text(key)))
            continue;
        config_error(l->config, key, "\"" SPAN_FMT "\" is the name of a %s already (line %u)",
                     SPAN_ARG(name->text), load_kind_name(l, name), config_line(name->key));
        return false;
    }
    MEM_GROW(l->names, l->n_names, l->cap_names);
    l->names[l->n_names++] = (struct load_name){config_text(key), kind, at, key};
    return true;
}

int32_t load_new_measure(struct loader *l, const char *name, const struct config_node *key,
                         const struct config_node *definition)
{
    CHECK(l->n_measures < PLAYBOOK_MEASURES_MAX);
    MEM_GROW(l->measures, l->n_measures, l->cap_measures);
    l->measures[l->n_measures] = (struct load_measure){
        .as = {.name = name,
               .anchor = PLAYBOOK_NONE,
               .where = PLAYBOOK_NONE,
               .signal = PLAYBOOK_NONE,
               .veto = PLAYBOOK_NONE,
               .rows = {.measure = PLAYBOOK_NONE},
               .columns = {.measure = PLAYBOOK_NONE},
               .line = config_line(key)},
        .key = key,
        .definition = definition,
    };
    return l->n_measures++;
}

int32_t load_new_signal(struct loader *l, const char *name, const struct config_node *key,
                        const struct config_node *definition, enum signal_origin origin)
{
    CHECK(l->n_signals < PLAYBOOK_SIGNALS_MAX);
    MEM_GROW(l->signals, l->n_signals, l->cap_signals);
    l->signals[l->n_signals] = (struct load_signal){
        .as = {.name = name,
               .origin = origin,
               .condition = PLAYBOOK_NONE,
               .exit = PLAYBOOK_NONE,
               .label = "",
               .line = config_line(key)},
        .key = key,
        .definition = definition,
        .per_account = origin == SIGNAL_SEGMENT || origin == SIGNAL_STAGE,
        .entry = PLAYBOOK_NONE,
    };
    return l->n_signals++;
}

// Takes in the names of one section, with their definitions to be read later.
static void load_names(struct loader *l, const char *section, enum load_name_kind kind,
                       const char *what)
{
    const struct config_node *node = config_get(config_root(l->config), section);
    bool measures = kind == LOAD_NAME_MEASURE, segments = kind == LOAD_NAME_SEGMENT;
    if (node == NULL || !load_is_mapping(l, node, what))
        return;
    for (size_t i = 0; i < config_count(node); i++) {
        const struct config_node *key = config_key_at(node, i), *definition = config_at(node, i);
        if (!load_has_room(l, key, measures ? l->n_measures : l->n_signals,
                           measures ? PLAYBOOK_MEASURES_MAX : PLAYBOOK_SIGNALS_MAX,
                           measures ? "measures and scores" : "signals"))
            return;
        if (!load_claim_name(l, key, kind, measures ? l->n_measures : l->n_signals))
            continue;
        const char *name = arena_printf(l->arena, "%s" SPAN_FMT, segments ? "segment." : "",
                                        SPAN_ARG(config_text(key)));
        if (measures) {
            int32_t at = load_new_measure(l, name, key, definition);
            l->measures[at].is_score = span_is(span_of(section), "scores");
        } else {
            (void)load_new_signal(l, name, key, definition,
                                  segments ? SIGNAL_SEGMENT : SIGNAL_DECLARED);
        }
    }
}

int32_t load_all_names(struct loader *l, const struct config_node *root)
{
    load_names(l, "measures", LOAD_NAME_MEASURE, "measures, as in {reports: {count: Report Run}}");
    load_names(l, "scores", LOAD_NAME_MEASURE, "scores by name");
    int32_t n_measures = l->n_measures;
    load_fit_names(l);
    load_grade_names(l);
    load_names(l, "signals", LOAD_NAME_SIGNAL, "signals by name");
    load_names(l, "segments", LOAD_NAME_SEGMENT, "segments by name");
    load_buyer_names(l, root);
    load_qualify_names(l, config_get(root, "qualify"));
    load_lifecycle_names(l, config_get(root, "lifecycle"));
    load_marketing_names(l, config_get(root, "marketing"));
    return n_measures;
}
