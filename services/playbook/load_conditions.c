// SPDX-License-Identifier: Apache-2.0
// One way to write a condition, wherever it stands: a name, a list (all of it), or a mapping of one
// key. The operand decides which tests it takes; the place decides which operands it takes.
#include "common/base/mem.h"
#include "common/base/check.h"
#include "services/playbook/load_measures.h"

// In the order of operand_kind; a measure has no prefix.
static const char *const OPERAND_PREFIXES[] = {
    [OPERAND_ACCOUNT_TRAIT] = "account.",
    [OPERAND_USER_TRAIT] = "user.",
    [OPERAND_PROPERTY] = "properties.",
    [OPERAND_CONTEXT] = "context.",
};

int32_t load_add_condition(struct loader *l, const struct config_node *node,
                           const struct condition *condition)
{
    if (!load_has_room(l, node, l->n_conditions, PLAYBOOK_CONDITIONS_MAX, "conditions"))
        return PLAYBOOK_NONE;
    MEM_GROW(l->conditions, l->n_conditions, l->cap_conditions);
    struct load_condition *added = &l->conditions[l->n_conditions];
    *added = (struct load_condition){*condition, node};
    added->as.line = config_line(node);
    added->as.leaf = PLAYBOOK_NONE;
    return l->n_conditions++;
}

static int32_t load_add_group(struct loader *l, const struct config_node *node,
                              enum condition_kind kind, const char *text, const int32_t *children,
                              int32_t n, int32_t n_needed)
{
    int32_t *kept = arena_alloc(l->arena, sizeof *kept * (size_t)(n + 1));
    for (int32_t i = 0; i < n; i++) {
        if (children[i] == PLAYBOOK_NONE)
            return PLAYBOOK_NONE;
        kept[i] = children[i];
    }
    return load_add_condition(l, node,
                              &(struct condition){.kind = kind,
                                                  .children = kept,
                                                  .n_children = n,
                                                  .n_needed = n_needed,
                                                  .text = text,
                                                  .threshold = ""});
}

int32_t load_join(struct loader *l, const struct config_node *node, enum condition_kind kind,
                  const int32_t *children, int32_t n)
{
    CHECK(kind == CONDITION_ALL || kind == CONDITION_ANY || (kind == CONDITION_NOT && n == 1));
    if (n == 1 && kind != CONDITION_NOT)
        return children[0];
    return load_add_group(l, node, kind,
                          kind == CONDITION_ALL   ? "all"
                          : kind == CONDITION_ANY ? "any"
                                                  : "not",
                          children, n, 0);
}

int32_t load_look_at_signal(struct loader *l, const struct config_node *node, int32_t signal,
                            const char *text)
{
    return load_add_condition(
        l, node,
        &(struct condition){
            .kind = CONDITION_SIGNAL, .signal = signal, .text = text, .threshold = ""});
}

// The signal that stands for a test of `route`, or for one of a user where an account decides; the
// same test has the same signal.
int32_t load_hoist_signal(struct loader *l, const struct config_node *node, int32_t test)
{
    const char *text = l->conditions[test].as.text;
    if (strlen(text) > LOAD_IMPLIED_BYTES_MAX) {
        config_error_hint(l->config, node, "give it a name under \"signals\" or \"segments\"",
                          "this test is too long to stand here (%d bytes at most)",
                          LOAD_IMPLIED_BYTES_MAX);
        return PLAYBOOK_NONE;
    }
    char *name = arena_printf(l->arena, "when.%s", text);
    for (int32_t i = 0; i < l->n_signals; i++) {
        if (strcmp(l->signals[i].as.name, name) == 0)
            return i;
    }
    if (!load_has_room(l, node, l->n_signals, PLAYBOOK_SIGNALS_MAX, "signals"))
        return PLAYBOOK_NONE;
    int32_t at = load_new_signal(l, name, node, NULL, SIGNAL_IMPLIED);
    l->signals[at].as.condition = l->signals[at].entry = test;
    return at;
}

int32_t load_hoist(struct loader *l, const struct config_node *node, int32_t test)
{
    const char *text = l->conditions[test].as.text;
    int32_t signal = load_hoist_signal(l, node, test);
    return signal == PLAYBOOK_NONE ? PLAYBOOK_NONE : load_look_at_signal(l, node, signal, text);
}

// ---- Operands ----

// "user_agent" is "userAgent" on the wire; what is written in camel case already stays as it is.
static const char *load_context_key(struct loader *l, struct span key)
{
    char *out = arena_dup(l->arena, key);
    size_t n = 0;
    for (size_t i = 0; i < key.len; i++) {
        char c = out[i], next = i + 1 < key.len ? out[i + 1] : '\0';
        bool joins = c == '_' && n > 0 && out[n - 1] != '.' && next >= 'a' && next <= 'z';
        if (joins)
            out[n++] = (char)(out[++i] - 'a' + 'A');
        else
            out[n++] = c;
    }
    out[n] = '\0';
    return out;
}

static bool load_trait_allowed(struct loader *l, const struct config_node *key,
                               enum operand_kind kind, enum load_place place)
{
    bool of_event = kind == OPERAND_PROPERTY || kind == OPERAND_CONTEXT;
    if (!of_event || place == LOAD_IN_EVENT)
        return true;
    config_error_hint(l->config, key, "count the events that have it with a measure and where:",
                      "there is no event here to look at, only in where and exclude");
    return false;
}

static bool load_operand_measure(struct loader *l, const struct config_node *key,
                                 enum load_place place, struct condition *out)
{
    const struct load_name *name = load_find_name(l, config_text(key), LOAD_NAME_MEASURE);
    if (name == NULL)
        return false;
    out->operand = OPERAND_MEASURE;
    out->measure = name->at;
    l->measures[name->at].used = true;
    if (place != LOAD_IN_EVENT)
        return true;
    config_error_hint(l->config, key, "use properties., context., user. or account.",
                      "a measure cannot be looked at here, only the event and traits");
    return false;
}

// A key that is no operand: what could have been meant.
static void load_unknown_operand(struct loader *l, const struct config_node *key)
{
    struct span text = config_text(key);
    const char *dot = text.len > 0 ? memchr(text.ptr, '.', text.len) : NULL;
    static const char *const GROUPS[] = {"all",     "any",   "none", "not",  "at_least_n_of",
                                         "segment", "stage", "fit",  "buyer"};
    if (load_find_name(l, text, LOAD_NAME_SIGNAL) != NULL) {
        config_error_hint(l->config, key, "a signal stands alone, without a test",
                          "\"" SPAN_FMT "\" is a signal", SPAN_ARG(text));
        return;
    }
    if (dot == NULL) {
        load_unknown_name(l, key, "measure or condition", 1u << LOAD_NAME_MEASURE, GROUPS,
                          ARRAY_LEN(GROUPS));
        return;
    }
    const char *candidates[ARRAY_LEN(OPERAND_PREFIXES)];
    size_t n = 0;
    for (size_t i = OPERAND_MEASURE + 1; i < ARRAY_LEN(OPERAND_PREFIXES); i++)
        candidates[n++] =
            arena_printf(l->arena, "%s" SPAN_FMT, OPERAND_PREFIXES[i],
                         (int)(text.len - (size_t)(dot + 1 - (const char *)text.ptr)), dot + 1);
    config_error_unknown(l->config, key, "operand", candidates, n);
}

// The left side of a test; false with the mistake reported.
static bool load_operand(struct loader *l, const struct config_node *key, enum load_place place,
                         struct condition *out)
{
    struct span text = config_text(key), rest;
    *out = (struct condition){.kind = CONDITION_TEST, .key = ""};
    for (size_t i = OPERAND_MEASURE + 1; i < ARRAY_LEN(OPERAND_PREFIXES); i++) {
        size_t len = strlen(OPERAND_PREFIXES[i]);
        if (!span_starts(text, OPERAND_PREFIXES[i]))
            continue;
        rest = span_make((const char *)text.ptr + len, text.len - len);
        if (rest.len == 0 || rest.len > LOAD_TEXT_BYTES_MAX) {
            config_error(l->config, key, "expected a name of 1 to %d bytes after \"%s\"",
                         LOAD_TEXT_BYTES_MAX, OPERAND_PREFIXES[i]);
            return false;
        }
        out->operand = (enum operand_kind)i;
        out->key = i == OPERAND_CONTEXT ? load_context_key(l, rest) : arena_dup(l->arena, rest);
        return load_trait_allowed(l, key, out->operand, place);
    }
    if (load_find_name(l, text, LOAD_NAME_MEASURE) != NULL)
        return load_operand_measure(l, key, place, out);
    load_unknown_operand(l, key);
    return false;
}

// ---- Groups and names ----

static int32_t load_group(struct loader *l, const struct config_node *node,
                          const struct config_node *list, enum condition_kind kind,
                          enum load_place place)
{
    if (!load_is_list(l, list, "a list of conditions"))
        return PLAYBOOK_NONE;
    size_t n = config_count(list);
    int32_t *children = mem_alloc(sizeof *children * n);
    bool good = true;
    for (size_t i = 0; i < n; i++) {
        children[i] = load_condition(l, config_at(list, i), place);
        good = good && children[i] != PLAYBOOK_NONE;
    }
    int32_t added = PLAYBOOK_NONE;
    if (good)
        added = load_join(l, node, kind, children, (int32_t)n);
    mem_free(children);
    return added;
}

static int32_t load_negation(struct loader *l, const struct config_node *node,
                             const struct config_node *right, enum load_place place)
{
    int32_t child = load_condition(l, right, place);
    return child == PLAYBOOK_NONE ? PLAYBOOK_NONE : load_join(l, node, CONDITION_NOT, &child, 1);
}

static int32_t load_none(struct loader *l, const struct config_node *node,
                         const struct config_node *right, enum load_place place)
{
    int32_t any = load_group(l, node, right, CONDITION_ANY, place);
    return any == PLAYBOOK_NONE ? PLAYBOOK_NONE
                                : load_add_group(l, node, CONDITION_NOT, "none", &any, 1, 0);
}

// {n: 2, of: [A, B, C]}
static int32_t load_at_least_n(struct loader *l, const struct config_node *node,
                               const struct config_node *right, enum load_place place)
{
    static const char *const KEYS[] = {"n", "of"};
    if (!load_is_mapping(l, right, "a number and conditions, as in {n: 2, of: [A, B, C]}"))
        return PLAYBOOK_NONE;
    bool good = config_check_keys(l->config, right, KEYS, ARRAY_LEN(KEYS));
    const struct config_node *needed = config_get(right, "n"), *of = config_get(right, "of");
    int64_t n = 0;
    for (size_t i = 0; good && i < ARRAY_LEN(KEYS); i++) {
        if (config_get(right, KEYS[i]) != NULL)
            continue;
        config_error_hint(l->config, right, "write {n: 2, of: [A, B, C]}", "missing key \"%s\"",
                          KEYS[i]);
        good = false;
    }
    if (!good || !load_is_list(l, of, "a list of conditions"))
        return PLAYBOOK_NONE;
    good = config_read_i64(l->config, needed, 1, (int64_t)config_count(of), &n);
    int32_t *children = mem_alloc(sizeof *children * config_count(of)), added = PLAYBOOK_NONE;
    for (size_t i = 0; i < config_count(of); i++)
        children[i] = load_condition(l, config_at(of, i), place);
    if (good)
        added = load_add_group(l, node, CONDITION_AT_LEAST_N,
                               arena_printf(l->arena, "at least %d of", (int)n), children,
                               (int32_t)config_count(of), (int32_t)n);
    mem_free(children);
    return added;
}

bool load_signal_allowed(struct loader *l, const struct config_node *node, enum load_place place)
{
    if (place != LOAD_IN_EVENT)
        return true;
    config_error_hint(l->config, node, "use properties., context., user. or account.",
                      "a signal cannot be looked at here, only the event and traits");
    return false;
}

int32_t load_segment(struct loader *l, const struct config_node *right, enum load_place place)
{
    const struct load_name *name = load_find_name(l, config_text(right), LOAD_NAME_SEGMENT);
    if (!load_signal_allowed(l, right, place))
        return PLAYBOOK_NONE;
    if (name == NULL) {
        load_unknown_name(l, right, "segment", 1u << LOAD_NAME_SEGMENT, NULL, 0);
        return PLAYBOOK_NONE;
    }
    return load_look_at_signal(l, right, name->at, l->signals[name->at].as.name);
}

static bool load_has_fit(struct loader *l, const struct config_node *key, enum load_place place)
{
    if (!load_signal_allowed(l, key, place))
        return false;
    if (config_get(config_root(l->config), "fit") != NULL)
        return true;
    config_error_hint(l->config, key, "declare profiles under fit:", "there is no fit to look at");
    return false;
}

// {fit: {at_least: 70}}: of the profile that fits best.
static int32_t load_best_fit(struct loader *l, const struct config_node *key,
                             const struct config_node *right, enum load_place place)
{
    struct condition best = {.kind = CONDITION_TEST, .operand = OPERAND_MEASURE, .key = ""};
    best.measure = load_fit_best(l);
    if (best.measure != PLAYBOOK_NONE)
        return load_tests(l, key, right, &best, "fit", place);
    config_error_hint(l->config, key, "declare one that does not disqualify",
                      "no profile under fit: has a percentage");
    return PLAYBOOK_NONE;
}

static void load_unknown_profile(struct loader *l, const struct config_node *node)
{
    const struct config_node *section = config_get(config_root(l->config), "fit");
    struct span text = config_text(node);
    size_t n = 0;
    const char *const *profiles = load_fit_profiles(l, &n);
    if (span_is(text, "disqualified"))
        config_error_hint(l->config, node, "give a profile disqualifies: true and when:",
                          "no profile under fit: disqualifies");
    else if (config_kind(section) == CONFIG_MAPPING &&
             load_key(section, arena_dup(l->arena, text)) != NULL)
        config_error_hint(l->config, node, "write {fit: disqualified}",
                          "\"" SPAN_FMT "\" disqualifies: nobody fits it", SPAN_ARG(text));
    else
        config_error_unknown(l->config, node, "profile", profiles, n);
}

// {fit: midmarket}, {fit: disqualified}, {fit: {at_least: 70}}
static int32_t load_fit_condition(struct loader *l, const struct config_node *node,
                                  const struct config_node *key, const struct config_node *right,
                                  enum load_place place)
{
    int64_t at_least = 0;
    if (!load_has_fit(l, key, place))
        return PLAYBOOK_NONE;
    if (config_kind(right) == CONFIG_MAPPING)
        return load_best_fit(l, key, right, place);
    if (config_kind(right) == CONFIG_SEQUENCE) {
        load_expected(l, right, "a profile or a test of the best", "write {fit: {at_least: 70}}");
        return PLAYBOOK_NONE;
    }
    if (span_is(config_text(right), "disqualified") && load_fit_veto(l) != PLAYBOOK_NONE)
        return load_look_at_signal(l, node, load_fit_veto(l), "fit disqualified");
    int32_t measure = load_fit_profile(l, config_text(right), &at_least);
    if (measure != PLAYBOOK_NONE)
        return load_at_least(l, key, measure, l->measures[measure].as.name, at_least, place);
    load_unknown_profile(l, right);
    return PLAYBOOK_NONE;
}

int32_t load_always(struct loader *l, const struct config_node *node)
{
    return load_add_condition(
        l, node, &(struct condition){.kind = CONDITION_ALWAYS, .text = "always", .threshold = ""});
}

static int32_t load_name_alone(struct loader *l, const struct config_node *node,
                               enum load_place place)
{
    struct span text = config_text(node);
    if (span_is(text, "always"))
        return load_always(l, node);
    const struct load_name *name = load_find_name(l, text, LOAD_NAME_SIGNAL);
    if (name != NULL) {
        if (!load_signal_allowed(l, node, place))
            return PLAYBOOK_NONE;
        return load_look_at_signal(l, node, name->at, l->signals[name->at].as.name);
    }
    if (load_find_name(l, text, LOAD_NAME_MEASURE) != NULL)
        config_error_hint(l->config, node, "give it a test, as in {reports: {at_least: 1}}",
                          "\"" SPAN_FMT "\" is a measure", SPAN_ARG(text));
    else if (load_find_name(l, text, LOAD_NAME_SEGMENT) != NULL)
        config_error_hint(l->config, node, "write it as {segment: name}",
                          "\"" SPAN_FMT "\" is a segment", SPAN_ARG(text));
    else if (place == LOAD_IN_EVENT)
        load_expected(l, node, "a condition",
                      "write a test, as in {context.user_agent: {contains: bot}}");
    else
        load_unknown_name(l, node, "signal", 1u << LOAD_NAME_SIGNAL, NULL, 0);
    return PLAYBOOK_NONE;
}

// One piece: a choice by the one key that a condition has.
int32_t load_condition(struct loader *l, const struct config_node *node, enum load_place place)
{
    struct condition operand;
    if (config_kind(node) == CONFIG_SCALAR && place == LOAD_IN_ORGANIZATION)
        return load_roll_up(l, node, NULL);
    if (config_kind(node) == CONFIG_SCALAR)
        return load_name_alone(l, node, place);
    if (config_kind(node) == CONFIG_SEQUENCE)
        return load_group(l, node, node, CONDITION_ALL, place);
    if (!load_is_mapping(l, node, "a condition"))
        return PLAYBOOK_NONE;
    if (config_count(node) > 1) {
        config_error_hint(l->config, config_key_at(node, 1),
                          "write a list to require several: [{..}, {..}]",
                          "a condition has one key, this has %zu", config_count(node));
        return PLAYBOOK_NONE;
    }
    const struct config_node *key = config_key_at(node, 0), *right = config_at(node, 0);
    struct span text = config_text(key);
    if (span_is(text, "all") || span_is(text, "any"))
        return load_group(l, node, right, span_is(text, "all") ? CONDITION_ALL : CONDITION_ANY,
                          place);
    if (span_is(text, "not"))
        return load_negation(l, node, right, place);
    if (span_is(text, "none"))
        return load_none(l, node, right, place);
    if (span_is(text, "at_least_n_of"))
        return load_at_least_n(l, node, right, place);
    if (place == LOAD_IN_ORGANIZATION)
        return load_roll_up(l, key, right);
    if (span_is(text, "segment"))
        return load_segment(l, right, place);
    if (span_is(text, "stage"))
        return load_signal_allowed(l, key, place) ? load_stage(l, node, right) : PLAYBOOK_NONE;
    if (span_is(text, "fit"))
        return load_fit_condition(l, node, key, right, place);
    if (span_is(text, "buyer"))
        return load_buyer(l, right, place);
    if (!load_operand(l, key, place, &operand))
        return PLAYBOOK_NONE;
    return load_tests(l, key, right, &operand, arena_dup(l->arena, text), place);
}

static bool load_is_group_text(const char *text)
{
    return strcmp(text, "all") == 0 || strcmp(text, "any") == 0 || strcmp(text, "not") == 0 ||
           strcmp(text, "none") == 0;
}

static void load_line_part(const struct loader *l, int32_t at, bool nested, struct buf *out)
{
    const struct condition *condition = &l->conditions[at].as;
    bool group = condition->kind == CONDITION_ALL || condition->kind == CONDITION_ANY;
    bool some = condition->kind == CONDITION_AT_LEAST_N;
    // What stands for something shorter, as a stage does, is told by its text.
    bool plain = !load_is_group_text(condition->text) && !some;
    if (condition->kind == CONDITION_NOT && !plain) {
        buf_append_text(out, "not ");
        load_line_part(l, condition->children[0], true, out);
    } else if ((group || some) && !plain) {
        nested = nested || some;
        if (some)
            buf_printf(out, "%s ", condition->text);
        buf_append_text(out, nested ? "(" : "");
        for (int32_t i = 0; i < condition->n_children; i++) {
            if (i > 0)
                buf_append_text(out, some                               ? ", "
                                     : condition->kind == CONDITION_ALL ? " and "
                                                                        : " or ");
            load_line_part(l, condition->children[i], true, out);
        }
        buf_append_text(out, nested ? ")" : "");
    } else {
        buf_append_text(out, condition->text);
    }
}

void load_condition_line(const struct loader *l, int32_t at, struct buf *out)
{
    load_line_part(l, at, false, out);
}
