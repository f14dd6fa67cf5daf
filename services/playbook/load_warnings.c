// SPDX-License-Identifier: Apache-2.0
// What is no mistake but surely not meant: measures that nothing looks at, a playbook that never
// makes a lead, and a definition that is met by events which show no value by themselves.
#include "common/base/mem.h"
#include "services/playbook/load_measures.h"

// ---- Vanity ----

// As most products call them; small letters and letters alone are compared.
static const char *const VANITY[] = {
    "signedin",    "signin",       "loggedin",    "login",     "sessionstarted",
    "emailopened", "emailclicked", "linkclicked", "adclicked", "buttonclicked",
    "pageviewed",  "screenviewed", "appopened",
};

void load_read_vanity(struct loader *l, const struct config_node *node)
{
    bool one = node != NULL && config_kind(node) == CONFIG_SCALAR;
    if (node == NULL || (!one && !load_is_list(l, node, "an event or a list of events")))
        return;
    for (size_t i = 0; i < (one ? 1 : config_count(node)); i++) {
        struct span name;
        if (!config_read_text(l->config, one ? node : config_at(node, i), LOAD_TEXT_BYTES_MAX,
                              &name))
            continue;
        MEM_GROW(l->vanity, l->n_vanity, l->cap_vanity);
        l->vanity[l->n_vanity++] = name;
    }
}

static bool load_is_called(const char *event, const char *letters)
{
    for (const char *p = event; *p != '\0'; p++) {
        if (*p == ' ' || *p == '_' || *p == '-')
            continue;
        char c = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
        if (c != *letters++)
            return false;
    }
    return *letters == '\0';
}

static bool load_is_vanity(const struct loader *l, int32_t event)
{
    const char *name = l->events[event];
    for (size_t i = 0; i < ARRAY_LEN(VANITY); i++) {
        if (load_is_called(name, VANITY[i]))
            return true;
    }
    for (int32_t i = 0; i < l->n_vanity; i++) {
        if (span_is(l->vanity[i], name))
            return true;
    }
    return false;
}

// How little it takes for a condition to hold.
enum load_met {
    MET_BY_NOTHING, // no event is needed
    MET_BY_VANITY,  // events that show no value are enough
    MET_BY_USE,
};

static enum load_met load_met_by_events(const struct loader *l, const int32_t *events, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        if (!load_is_vanity(l, events[i]))
            return MET_BY_USE;
    }
    return MET_BY_VANITY;
}

// `any`: all events when nothing says which are active, page views among them.
static enum load_met load_met_by_any(const struct loader *l)
{
    const struct playbook *playbook = l->playbook;
    for (int32_t i = 0; i < playbook->n_active_events; i++) {
        if (load_is_vanity(l, playbook->active_events[i]))
            return MET_BY_VANITY;
    }
    return playbook->active_events == NULL ? MET_BY_VANITY : MET_BY_USE;
}

static enum load_met load_met_by_points(const struct loader *l, const struct measure *measure)
{
    for (int32_t i = 0; i < measure->n_points; i++) {
        if (measure->points[i].milli > 0 && !load_is_vanity(l, measure->points[i].event))
            return MET_BY_USE;
    }
    return MET_BY_VANITY;
}

// What is known already, by signal and by measure; they make no circle here.
struct load_guard {
    const struct loader *l;
    bool signal_known[PLAYBOOK_SIGNALS_MAX], measure_known[PLAYBOOK_MEASURES_MAX];
    enum load_met signals[PLAYBOOK_SIGNALS_MAX], measures[PLAYBOOK_MEASURES_MAX];
    int32_t leaves[PLAYBOOK_SIGNALS_MAX]; // the first test of the signal that vanity meets
};

static enum load_met load_met_by(struct load_guard *g, int32_t at, int32_t *leaf);
static enum load_met load_met_by_measure(struct load_guard *g, int32_t at);

static enum load_met load_met_by_signal(struct load_guard *g, int32_t signal, int32_t *leaf)
{
    const struct load_signal *entry = &g->l->signals[signal];
    int32_t condition = entry->entry != PLAYBOOK_NONE ? entry->entry : entry->as.condition;
    if (!g->signal_known[signal]) {
        g->leaves[signal] = PLAYBOOK_NONE;
        g->signals[signal] = load_met_by(g, condition, &g->leaves[signal]);
        g->signal_known[signal] = true;
    }
    if (*leaf == PLAYBOOK_NONE)
        *leaf = g->leaves[signal];
    return g->signals[signal];
}

// All that a score adds up must be of that kind; of several at once the best may do.
static enum load_met load_met_by_terms(struct load_guard *g, const struct measure *measure)
{
    bool any = measure->kind == MEASURE_BEST;
    enum load_met met = any ? MET_BY_USE : MET_BY_NOTHING;
    for (int32_t i = 0; i < measure->n_terms; i++) {
        const struct term *term = &measure->terms[i];
        int32_t ignored = PLAYBOOK_NONE;
        enum load_met part;
        if (term->weight_milli < 0)
            continue;
        if (term->measure != PLAYBOOK_NONE)
            part = load_met_by_measure(g, term->measure);
        else
            part = load_met_by_signal(g, term->signal, &ignored);
        met = any ? (part < met ? part : met) : (part > met ? part : met);
    }
    return met;
}

static enum load_met load_met_by_grade(struct load_guard *g, const struct measure *measure)
{
    enum load_met rows = MET_BY_NOTHING, columns = MET_BY_NOTHING;
    if (measure->rows.measure != PLAYBOOK_NONE)
        rows = load_met_by_measure(g, measure->rows.measure);
    if (measure->columns.measure != PLAYBOOK_NONE)
        columns = load_met_by_measure(g, measure->columns.measure);
    return rows > columns ? rows : columns;
}

static enum load_met load_met_by_kind(struct load_guard *g, const struct measure *measure)
{
    int32_t ignored = PLAYBOOK_NONE;
    switch (measure->kind) {
    case MEASURE_USERS_WITH:
        return load_met_by_signal(g, measure->signal, &ignored);
    case MEASURE_SINCE:
        if (measure->signal != PLAYBOOK_NONE)
            return load_met_by_signal(g, measure->signal, &ignored);
        break;
    case MEASURE_SCORE:
        return load_met_by_points(g->l, measure);
    case MEASURE_POINTS:
        if (measure->points_milli <= 0)
            return MET_BY_NOTHING;
        break;
    case MEASURE_WEIGHTED:
    case MEASURE_BEST:
        return load_met_by_terms(g, measure);
    case MEASURE_GRADE:
        return load_met_by_grade(g, measure);
    case MEASURE_SEQUENCE:
        return load_met_by_events(g->l, measure->steps, measure->n_steps);
    case MEASURE_COUNT:
    case MEASURE_BUSIEST_HOUR:
    case MEASURE_SUM:
    case MEASURE_DISTINCT_USERS:
    case MEASURE_DISTINCT_VALUES:
    case MEASURE_ACTIVE_DAYS:
    case MEASURE_FIRST:
    case MEASURE_LAST:
    case MEASURE_MAX:
    case MEASURE_MIN:
    case MEASURE_AVERAGE:
    case MEASURE_ACTIVE_WEEKS:
    case MEASURE_DAY_STREAK:
    case MEASURE_WEEK_STREAK:
    case MEASURE_FIRST_VALUE:
    case MEASURE_LAST_VALUE:
    case MEASURE_TIME_SPENT:
        break;
    }
    return measure->events == NULL ? load_met_by_any(g->l)
                                   : load_met_by_events(g->l, measure->events, measure->n_events);
}

static enum load_met load_met_by_measure(struct load_guard *g, int32_t at)
{
    if (!g->measure_known[at])
        g->measures[at] = load_met_by_kind(g, &g->l->measures[at].as);
    g->measure_known[at] = true;
    return g->measures[at];
}

static enum load_met load_met_by_test(struct load_guard *g, int32_t at, int32_t *leaf)
{
    const struct condition *test = &g->l->conditions[at].as;
    bool low = test->test == TEST_AT_MOST || test->test == TEST_BELOW ||
               (test->test == TEST_EXISTS && !test->expected);
    if (test->operand != OPERAND_MEASURE || low)
        return MET_BY_NOTHING;
    enum load_met met = load_met_by_measure(g, test->measure);
    if (met == MET_BY_VANITY && *leaf == PLAYBOOK_NONE)
        *leaf = at;
    return met;
}

// Of n conditions, what the cheapest `needed` of them take.
static enum load_met load_met_by_some(struct load_guard *g, const struct condition *group,
                                      int32_t needed, int32_t *leaf)
{
    int32_t count[MET_BY_USE + 1] = {0};
    for (int32_t i = 0; i < group->n_children; i++)
        count[load_met_by(g, group->children[i], leaf)]++;
    if (count[MET_BY_NOTHING] >= needed)
        return MET_BY_NOTHING;
    return count[MET_BY_NOTHING] + count[MET_BY_VANITY] >= needed ? MET_BY_VANITY : MET_BY_USE;
}

// `leaf`: the first test that vanity meets.
static enum load_met load_met_by(struct load_guard *g, int32_t at, int32_t *leaf)
{
    const struct condition *condition = &g->l->conditions[at].as;
    switch (condition->kind) {
    case CONDITION_ALL:
        return load_met_by_some(g, condition, condition->n_children, leaf);
    case CONDITION_ANY:
        return load_met_by_some(g, condition, 1, leaf);
    case CONDITION_AT_LEAST_N:
        return load_met_by_some(g, condition, condition->n_needed, leaf);
    case CONDITION_TEST:
        return load_met_by_test(g, at, leaf);
    case CONDITION_SIGNAL:
        return load_met_by_signal(g, condition->signal, leaf);
    case CONDITION_NOT:
    case CONDITION_ALWAYS:
    case CONDITION_ROLL_UP:
        break;
    }
    return MET_BY_NOTHING;
}

static void load_warn_vanity(struct loader *l)
{
    struct load_guard guard = {.l = l};
    for (int32_t i = 0; i < l->n_definitions; i++) {
        const struct definition *definition = &l->definitions[i];
        int32_t leaf = PLAYBOOK_NONE;
        if (definition->role != ROLE_PQL && definition->role != ROLE_PQA)
            continue;
        if (load_met_by_signal(&guard, definition->signal, &leaf) != MET_BY_VANITY ||
            leaf == PLAYBOOK_NONE)
            continue;
        config_warn(
            l->config, l->signals[definition->signal].key,
            "require one that does, or say under active: which events count",
            "\"%s\" can be met by events that show no value by themselves: \"%s\" (line %u)",
            definition->name, l->conditions[leaf].as.text, l->conditions[leaf].as.line);
    }
}

// ---- All ----

void load_warnings(struct loader *l)
{
    const struct config_node *root = config_root(l->config);
    const struct config_node *qualify = config_get(root, "qualify");
    load_warn_unused(l);
    load_warn_vanity(l);
    load_warn_routing(l);
    if (l->playbook->pql == PLAYBOOK_NONE && l->playbook->pqa == PLAYBOOK_NONE &&
        l->n_org_definitions == 0)
        config_warn(l->config, qualify != NULL ? qualify : root, "add pql: or pqa: under qualify",
                    "nothing qualifies: signals are decided, but no lead is ever made");
}
