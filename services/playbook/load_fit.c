// SPDX-License-Identifier: Apache-2.0
// How well somebody fits, and what that makes together with a score. A profile adds up the weights
// of its criteria, each of which is a signal of its own; those that disqualify are one signal
// together. What is here is read twice: names and numbers while names are gathered, so that any
// condition may refer to them; conditions with all others.
#include "services/playbook/load_measures.h"

#include "common/base/mem.h"
#include "common/base/text.h"

enum { FIT_PERCENT = 100, FIT_WEIGHT_MAX = 100000, FIT_CRITERIA_MAX = 64, FIT_ONE = 1000 };

static const struct config_node *load_section(const struct loader *l, const char *section)
{
    return config_get(config_root(l->config), section);
}

// ---- Profiles: their form ----

// Long form: {criteria: [...], at_least: 60} or {disqualifies: true, when: ...}.
static bool load_fit_is_long(const struct config_node *profile)
{
    return config_kind(profile) == CONFIG_MAPPING &&
           (load_key(profile, "criteria") != NULL || load_key(profile, "when") != NULL ||
            load_key(profile, "disqualifies") != NULL || load_key(profile, "at_least") != NULL);
}

static bool load_fit_disqualifies(const struct config_node *profile)
{
    return load_fit_is_long(profile) && config_get(profile, "disqualifies") != NULL &&
           span_is(config_text(config_get(profile, "disqualifies")), "true");
}

// The condition of criterion i; NULL: there are no more, or it has none.
static const struct config_node *load_fit_criterion(const struct config_node *profile, size_t i)
{
    if (!load_fit_is_long(profile))
        return i == 0 ? profile : NULL;
    const struct config_node *criteria = config_get(profile, "criteria");
    if (criteria == NULL)
        return i == 0 ? config_get(profile, "when") : NULL;
    if (i >= config_count(criteria) || config_kind(criteria) != CONFIG_SEQUENCE)
        return NULL;
    const struct config_node *criterion = config_at(criteria, i);
    return config_kind(criterion) == CONFIG_MAPPING ? config_get(criterion, "when") : NULL;
}

static size_t load_fit_n_criteria(const struct config_node *profile)
{
    const struct config_node *criteria =
        load_fit_is_long(profile) ? config_get(profile, "criteria") : NULL;
    return criteria == NULL ? 1 : config_count(criteria);
}

// ---- Profiles: names and numbers ----

static bool load_fit_weight(struct loader *l, const struct config_node *criterion, int64_t *out)
{
    const struct config_node *weight;
    *out = FIT_ONE;
    if (!load_is_mapping(l, criterion, "a criterion, as in {when: ..., weight: 2}"))
        return false;
    bool good = load_check_form(l, criterion, SCHEMA_CRITERION);
    if (good && config_get(criterion, "when") == NULL) {
        config_error_hint(l->config, criterion, "add when: and its condition",
                          "missing key \"when\"");
        good = false;
    }
    weight = config_get(criterion, "weight");
    if (weight == NULL)
        return good;
    if (!load_milli(l, weight, out))
        return false;
    if (*out > 0 && *out <= FIT_WEIGHT_MAX * INT64_C(1000))
        return good;
    config_error(l->config, weight, "a weight is above 0, up to %d, found \"" SPAN_FMT "\"",
                 FIT_WEIGHT_MAX, SPAN_ARG(config_text(weight)));
    return false;
}

static bool load_fit_list(struct loader *l, const struct config_node *criteria)
{
    if (!load_is_list(l, criteria, "a list of criteria"))
        return false;
    if (config_count(criteria) <= FIT_CRITERIA_MAX)
        return true;
    config_error(l->config, config_at(criteria, FIT_CRITERIA_MAX), "too many criteria (%d at most)",
                 FIT_CRITERIA_MAX);
    return false;
}

static bool load_fit_goes_not(struct loader *l, const struct config_node *profile, const char *key,
                              const char *with, const char *hint)
{
    const struct config_node *node = load_key(profile, key);
    if (node == NULL || config_get(profile, with) == NULL)
        return true;
    config_error_hint(l->config, node, hint, "%s does not go with %s", key, with);
    return false;
}

// A profile in long form: whether its keys make sense together.
static bool load_fit_keys(struct loader *l, const struct config_node *profile)
{
    const struct config_node *disqualifies = config_get(profile, "disqualifies");
    const struct config_node *at_least = config_get(profile, "at_least");
    bool flag;
    int64_t percent;
    bool good = load_check_form(l, profile, SCHEMA_FIT);
    if (disqualifies != NULL && !config_read_bool(l->config, disqualifies, &flag))
        good = false;
    if (at_least != NULL && !config_read_i64(l->config, at_least, 1, FIT_PERCENT, &percent))
        good = false;
    if (config_get(profile, "criteria") == NULL && config_get(profile, "when") == NULL) {
        config_error_hint(l->config, profile,
                          disqualifies == NULL ? "add criteria: [{when: ..., weight: 2}]"
                                               : "add when: and its condition",
                          "missing key \"%s\"", disqualifies == NULL ? "criteria" : "when");
        good = false;
    }
    if (!load_fit_goes_not(l, profile, "disqualifies", "criteria", "say when: it disqualifies") ||
        !load_fit_goes_not(l, profile, "when", "criteria", "make a criterion of it") ||
        !load_fit_goes_not(l, profile, "at_least", "when",
                           "a single condition fits or not: give criteria"))
        good = false;
    return good;
}

// The hidden signal of criterion i; PLAYBOOK_NONE with the mistake reported.
static int32_t load_fit_signal(struct loader *l, const struct config_node *key, const char *name,
                               size_t i)
{
    if (!load_has_room(l, key, l->n_signals, PLAYBOOK_SIGNALS_MAX, "signals"))
        return PLAYBOOK_NONE;
    return load_new_signal(l, arena_printf(l->arena, "%s.%zu", name, i + 1), key, NULL,
                           SIGNAL_CRITERION);
}

// The criteria of a profile as terms of its measure.
static bool load_fit_terms(struct loader *l, int32_t at, const struct config_node *key,
                           const struct config_node *profile)
{
    const struct config_node *criteria =
        load_fit_is_long(profile) ? config_get(profile, "criteria") : NULL;
    if (criteria != NULL && !load_fit_list(l, criteria))
        return false;
    size_t n = load_fit_n_criteria(profile);
    struct term *terms = arena_alloc(l->arena, sizeof *terms * n);
    int64_t total = 0;
    bool good = true;
    for (size_t i = 0; i < n; i++) {
        const struct config_node *criterion = criteria == NULL ? key : config_at(criteria, i);
        int64_t weight = FIT_ONE;
        if (criteria != NULL && !load_fit_weight(l, criterion, &weight))
            good = false;
        terms[i] = (struct term){PLAYBOOK_NONE,
                                 load_fit_signal(l, criterion, l->measures[at].as.name, i), weight};
        good = good && terms[i].signal != PLAYBOOK_NONE;
        total += weight;
    }
    if (!good)
        return false;
    struct measure *as = &l->measures[at].as;
    as->terms = terms;
    as->n_terms = (int32_t)n;
    as->total_milli = total;
    return true;
}

// A measure of what is derived from fit; PLAYBOOK_NONE with the mistake reported.
static int32_t load_fit_measure(struct loader *l, const struct config_node *key, const char *name,
                                enum measure_kind kind)
{
    if (!load_has_room(l, key, l->n_measures, PLAYBOOK_MEASURES_MAX, "measures and scores"))
        return PLAYBOOK_NONE;
    int32_t at = load_new_measure(l, name, key, NULL);
    l->measures[at].as.kind = kind;
    l->measures[at].as.min_milli = INT64_MIN;
    l->measures[at].as.max_milli = INT64_MAX;
    // It is told with every account, whether a condition looks at it or not.
    l->measures[at].used = true;
    return at;
}

static bool load_fit_name(struct loader *l, const struct config_node *key)
{
    static const char *const RESERVED[] = {"best", "veto", "disqualified"};
    if (!load_check_name(l, key))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(RESERVED); i++) {
        if (!span_is(config_text(key), RESERVED[i]))
            continue;
        config_error_hint(l->config, key, "it has a meaning in {fit: ...}",
                          "\"%s\" is reserved and cannot be a profile's name", RESERVED[i]);
        return false;
    }
    return true;
}

// A profile's name and numbers; its measure is a term of `best`.
static void load_fit_profile_names(struct loader *l, const struct config_node *key,
                                   const struct config_node *profile, struct term *best,
                                   int32_t *n_best)
{
    bool named = load_fit_name(l, key);
    bool good = !load_fit_is_long(profile) || load_fit_keys(l, profile);
    if (!named || load_fit_disqualifies(profile))
        return;
    int32_t at = load_fit_measure(
        l, key, arena_printf(l->arena, "fit." SPAN_FMT, SPAN_ARG(config_text(key))),
        MEASURE_WEIGHTED);
    if (at == PLAYBOOK_NONE)
        return;
    l->measures[at].broken = !good;
    if (good && !load_fit_terms(l, at, key, profile))
        l->measures[at].broken = true;
    best[(*n_best)++] = (struct term){at, PLAYBOOK_NONE, FIT_ONE};
}

static void load_fit_best_name(struct loader *l, const struct config_node *key,
                               const struct term *terms, int32_t n)
{
    int32_t at = n == 0 ? PLAYBOOK_NONE : load_fit_measure(l, key, "fit.best", MEASURE_BEST);
    if (at == PLAYBOOK_NONE)
        return;
    l->measures[at].as.terms = terms;
    l->measures[at].as.n_terms = n;
    for (int32_t i = 0; i < n; i++)
        l->measures[at].broken = l->measures[at].broken || l->measures[terms[i].measure].broken;
}

// The signal of those that disqualify, and in every profile that it takes all away.
static void load_fit_veto_name(struct loader *l, const struct config_node *fit)
{
    int32_t veto = PLAYBOOK_NONE;
    for (size_t i = 0; i < config_count(fit) && veto == PLAYBOOK_NONE; i++) {
        const struct config_node *key = config_key_at(fit, i);
        if (!load_fit_disqualifies(config_at(fit, i)))
            continue;
        if (!load_has_room(l, key, l->n_signals, PLAYBOOK_SIGNALS_MAX, "signals"))
            return;
        veto = load_new_signal(l, "fit.veto", key, NULL, SIGNAL_CRITERION);
    }
    for (int32_t m = 0; m < l->n_measures; m++) {
        if (strncmp(l->measures[m].as.name, "fit.", 4) == 0)
            l->measures[m].as.veto = veto;
    }
}

void load_fit_names(struct loader *l)
{
    const struct config_node *fit = load_section(l, "fit");
    int32_t n_best = 0;
    if (fit == NULL || !load_is_mapping(l, fit, "profiles, as in {midmarket: {criteria: [..]}}"))
        return;
    struct term *best = arena_alloc(l->arena, sizeof *best * config_count(fit));
    for (size_t i = 0; i < config_count(fit); i++)
        load_fit_profile_names(l, config_key_at(fit, i), config_at(fit, i), best, &n_best);
    load_fit_best_name(l, config_key_at(fit, 0), best, n_best);
    load_fit_veto_name(l, fit);
}

// ---- Profiles: conditions ----

static int32_t load_find_signal(const struct loader *l, const char *name)
{
    for (int32_t i = 0; i < l->n_signals; i++) {
        if (strcmp(l->signals[i].as.name, name) == 0)
            return i;
    }
    return PLAYBOOK_NONE;
}

static int32_t load_find_measure(const struct loader *l, const char *name)
{
    for (int32_t i = 0; i < l->n_measures; i++) {
        if (strcmp(l->measures[i].as.name, name) == 0)
            return i;
    }
    return PLAYBOOK_NONE;
}

static void load_fit_criteria(struct loader *l, const struct config_node *key,
                              const struct config_node *profile)
{
    size_t n = load_fit_n_criteria(profile);
    for (size_t i = 0; i < n && i < FIT_CRITERIA_MAX; i++) {
        const struct config_node *when = load_fit_criterion(profile, i);
        const char *name =
            arena_printf(l->arena, "fit." SPAN_FMT ".%zu", SPAN_ARG(config_text(key)), i + 1);
        if (when == NULL)
            continue;
        int32_t condition = load_condition(l, when, LOAD_IN_SIGNAL);
        int32_t signal = load_find_signal(l, name);
        if (signal != PLAYBOOK_NONE)
            l->signals[signal].as.condition = condition;
    }
}

void load_fit(struct loader *l)
{
    const struct config_node *fit = load_section(l, "fit");
    int32_t n_vetoes = 0, veto = load_fit_veto(l);
    bool good = true;
    if (fit == NULL || config_kind(fit) != CONFIG_MAPPING)
        return;
    int32_t *vetoes = mem_alloc(sizeof *vetoes * (config_count(fit) + 1));
    for (size_t i = 0; i < config_count(fit); i++) {
        const struct config_node *profile = config_at(fit, i);
        if (!load_fit_disqualifies(profile)) {
            load_fit_criteria(l, config_key_at(fit, i), profile);
            continue;
        }
        const struct config_node *when = config_get(profile, "when");
        int32_t condition = when == NULL ? PLAYBOOK_NONE : load_condition(l, when, LOAD_IN_SIGNAL);
        good = good && condition != PLAYBOOK_NONE;
        vetoes[n_vetoes++] = condition;
    }
    if (veto != PLAYBOOK_NONE && good)
        l->signals[veto].as.condition =
            load_join(l, l->signals[veto].key, CONDITION_ANY, vetoes, n_vetoes);
    mem_free(vetoes);
}

// ---- What conditions ask of profiles ----

int32_t load_fit_profile(struct loader *l, struct span name, int64_t *at_least_milli)
{
    const struct config_node *fit = load_section(l, "fit");
    char *text = arena_dup(l->arena, name);
    const struct config_node *profile =
        fit != NULL && config_kind(fit) == CONFIG_MAPPING ? config_get(fit, text) : NULL;
    int32_t at = load_find_measure(l, arena_printf(l->arena, "fit.%s", text));
    int64_t percent = FIT_PERCENT;
    // "fit.best" is no profile.
    if (profile == NULL || at == PLAYBOOK_NONE)
        return PLAYBOOK_NONE;
    if (load_fit_is_long(profile) && config_get(profile, "at_least") != NULL)
        (void)text_to_i64(config_text(config_get(profile, "at_least")), &percent);
    *at_least_milli = percent * 1000;
    return at;
}

int32_t load_fit_best(struct loader *l)
{
    return load_find_measure(l, "fit.best");
}

int32_t load_fit_veto(struct loader *l)
{
    return load_find_signal(l, "fit.veto");
}

const char *const *load_fit_profiles(struct loader *l, size_t *n)
{
    const struct config_node *fit = load_section(l, "fit");
    *n = 0;
    if (fit == NULL || config_kind(fit) != CONFIG_MAPPING)
        return NULL;
    const char **names = arena_alloc(l->arena, sizeof *names * (config_count(fit) + 1));
    for (size_t i = 0; i < config_count(fit); i++) {
        if (!load_fit_disqualifies(config_at(fit, i)))
            names[(*n)++] = arena_dup(l->arena, config_text(config_key_at(fit, i)));
    }
    return names;
}
