// SPDX-License-Identifier: Apache-2.0
// Signals are put in order, each after those it refers to; along that order it is known whether one
// is of users or of accounts, and so who looks at whom. A user's signal sees what is true of the
// account. An account learns of its users by counting them: where a signal of users stands in a
// condition of an account, it becomes a hidden measure of how many have it.
#include "common/base/check.h"
#include "common/base/mem.h"
#include "services/playbook/load_measures.h"

struct load_path {
    const struct load_path *before;
    int32_t signal;
};

static void load_visit(struct loader *l, int32_t at, const struct load_path *before);

static void load_report_cycle(struct loader *l, int32_t at, const struct load_path *path)
{
    const struct load_path *first = path;
    struct buf names = {0}, turned = {0};
    // The path leads back from the end; it is told from its start.
    buf_printf(&names, "%s", l->signals[at].as.name);
    while (first->signal != at) {
        buf_clear(&turned);
        buf_printf(&turned, "%s -> " SPAN_FMT, l->signals[first->signal].as.name,
                   SPAN_ARG(buf_span(&names)));
        buf_clear(&names);
        buf_append_span(&names, buf_span(&turned));
        first = first->before;
    }
    config_error_hint(l->config, l->signals[at].key, "one of them must not refer to the next",
                      "signals refer to each other in a circle: %s -> " SPAN_FMT,
                      l->signals[at].as.name, SPAN_ARG(buf_span(&names)));
    buf_deinit(&names);
    buf_deinit(&turned);
}

struct load_visitor {
    struct loader *l;
    const struct load_path *path;
};

static void load_visit_measure(struct loader *l, int32_t at, const struct load_path *path);

static void load_visit_reference(void *context, struct load_reference reference)
{
    const struct load_visitor *visitor = context;
    if (reference.signal != PLAYBOOK_NONE)
        load_visit(visitor->l, reference.signal, visitor->path);
    if (reference.measure != PLAYBOOK_NONE)
        load_visit_measure(visitor->l, reference.measure, visitor->path);
}

static void load_visit_measure(struct loader *l, int32_t at, const struct load_path *path)
{
    struct load_visitor visitor = {l, path};
    if (l->measures[at].visited)
        return;
    load_measure_refers(l, at, load_visit_reference, &visitor);
    l->measures[at].visited = true;
}

// Visits what a condition refers to: signals, also those that its measures look at.
static void load_visit_condition(struct loader *l, int32_t at, const struct load_path *path)
{
    if (at == PLAYBOOK_NONE)
        return;
    const struct condition *condition = &l->conditions[at].as;
    for (int32_t i = 0; i < condition->n_children; i++)
        load_visit_condition(l, condition->children[i], path);
    if (condition->kind == CONDITION_SIGNAL)
        load_visit(l, condition->signal, path);
    if (condition->kind != CONDITION_TEST)
        return;
    if (condition->operand == OPERAND_MEASURE)
        load_visit_measure(l, condition->measure, path);
    if (condition->of.set && condition->of.kind == OPERAND_MEASURE)
        load_visit_measure(l, condition->of.measure, path);
}

static void load_visit(struct loader *l, int32_t at, const struct load_path *before)
{
    if (l->signals[at].walk == LOAD_VISITED)
        return;
    if (l->signals[at].walk == LOAD_VISITING) {
        load_report_cycle(l, at, before);
        return;
    }
    struct load_path here = {before, at};
    l->signals[at].walk = LOAD_VISITING;
    load_visit_condition(l, l->signals[at].as.condition, &here);
    load_visit_condition(l, l->signals[at].as.exit, &here);
    l->signals[at].walk = LOAD_VISITED;
    MEM_GROW(l->order, l->n_order, l->cap_order);
    l->order[l->n_order++] = at;
}

// ---- Leaves ----

// The first leaf of a condition, in order of the file, for which `match` holds; PLAYBOOK_NONE:
// none.
typedef bool (*load_match_fn)(struct loader *l, int32_t at);

static int32_t load_find_leaf(struct loader *l, int32_t at, load_match_fn match)
{
    if (at == PLAYBOOK_NONE)
        return PLAYBOOK_NONE;
    const struct condition *condition = &l->conditions[at].as;
    const int32_t *children = condition->children;
    int32_t found = PLAYBOOK_NONE, n = condition->n_children;
    if (condition->kind == CONDITION_TEST || condition->kind == CONDITION_SIGNAL)
        return match(l, at) ? at : PLAYBOOK_NONE;
    for (int32_t i = 0; i < n && found == PLAYBOOK_NONE; i++)
        found = load_find_leaf(l, children[i], match);
    return found;
}

// In the condition of a signal, or in its exit.
static int32_t load_find_in_signal(struct loader *l, int32_t signal, load_match_fn match)
{
    int32_t found = load_find_leaf(l, l->signals[signal].as.condition, match);
    return found != PLAYBOOK_NONE ? found : load_find_leaf(l, l->signals[signal].as.exit, match);
}

// Of what was reported already, nothing is known.
static bool load_is_unsure(struct loader *l, int32_t at)
{
    const struct condition *condition = &l->conditions[at].as;
    if (condition->kind == CONDITION_SIGNAL)
        return l->signals[condition->signal].unsure;
    if (condition->of.set && condition->of.kind == OPERAND_MEASURE &&
        l->measures[condition->of.measure].broken)
        return true;
    return condition->operand == OPERAND_MEASURE && l->measures[condition->measure].broken;
}

static bool load_is_operand_of_user(const struct loader *l, enum operand_kind kind, int32_t measure)
{
    if (kind == OPERAND_MEASURE)
        return l->measures[measure].as.scope == SCOPE_USER;
    return kind == OPERAND_USER_TRAIT;
}

static bool load_is_of_user(struct loader *l, int32_t at)
{
    const struct condition *condition = &l->conditions[at].as;
    if (load_is_unsure(l, at))
        return false;
    if (condition->kind == CONDITION_SIGNAL)
        return l->signals[condition->signal].as.scope == SCOPE_USER;
    return load_is_operand_of_user(l, condition->operand, condition->measure) ||
           (condition->of.set &&
            load_is_operand_of_user(l, condition->of.kind, condition->of.measure));
}

// No match: only so that every measure knows whom it is of.
static bool load_settle_leaf(struct loader *l, int32_t at)
{
    const struct condition *condition = &l->conditions[at].as;
    if (condition->kind != CONDITION_TEST)
        return false;
    if (condition->operand == OPERAND_MEASURE)
        load_settle_measure(l, condition->measure);
    if (condition->of.set && condition->of.kind == OPERAND_MEASURE)
        load_settle_measure(l, condition->of.measure);
    return false;
}

// ---- Users in a condition of an account ----

static int32_t load_users_with(struct loader *l, const struct config_node *node, int32_t signal)
{
    for (int32_t i = 0; i < l->n_measures; i++) {
        const struct measure *measure = &l->measures[i].as;
        if (measure->hidden && measure->kind == MEASURE_USERS_WITH && measure->signal == signal)
            return i;
    }
    if (!load_has_room(l, node, l->n_measures, PLAYBOOK_MEASURES_MAX, "measures and scores"))
        return PLAYBOOK_NONE;
    const char *name = arena_printf(l->arena, "users_with.%s", l->signals[signal].as.name);
    int32_t at = load_new_measure(l, name, node, NULL);
    struct measure *measure = &l->measures[at].as;
    measure->kind = MEASURE_USERS_WITH;
    measure->scope = SCOPE_ACCOUNT;
    measure->signal = signal;
    measure->hidden = l->measures[at].used = true;
    return at;
}

static void load_place(struct loader *l, int32_t signal)
{
    if (l->signals[signal].walk == LOAD_PLACED)
        return;
    l->signals[signal].walk = LOAD_PLACED;
    l->signals[signal].position = l->n_order;
    MEM_GROW(l->order, l->n_order, l->cap_order);
    l->order[l->n_order++] = signal;
}

// A test of a user moves into a signal of its own.
static int32_t load_move_test(struct loader *l, int32_t at)
{
    const struct config_node *node = l->conditions[at].node;
    struct condition moved = l->conditions[at].as;
    int32_t copy = load_add_condition(l, node, &moved);
    int32_t signal = copy == PLAYBOOK_NONE ? PLAYBOOK_NONE : load_hoist_signal(l, node, copy);
    if (signal == PLAYBOOK_NONE)
        return PLAYBOOK_NONE;
    l->signals[signal].as.scope = SCOPE_USER;
    load_place(l, signal);
    return signal;
}

// Some user has it: the text stays what the playbook says.
static void load_count_users(struct loader *l, int32_t at, int32_t signal)
{
    struct load_condition *condition = &l->conditions[at];
    int32_t measure = load_users_with(l, condition->node, signal);
    if (measure == PLAYBOOK_NONE)
        return;
    condition->as = (struct condition){.kind = CONDITION_TEST,
                                       .operand = OPERAND_MEASURE,
                                       .measure = measure,
                                       .key = "",
                                       .test = TEST_AT_LEAST,
                                       .low_milli = 1000,
                                       .text = condition->as.text,
                                       .threshold = "1",
                                       .quiet = condition->as.quiet,
                                       .line = condition->as.line,
                                       .leaf = PLAYBOOK_NONE};
}

static void load_report_user(struct loader *l, int32_t signal, int32_t at)
{
    const struct load_signal *entry = &l->signals[signal];
    if (entry->as.origin == SIGNAL_SEGMENT)
        config_error_hint(l->config, l->conditions[at].node,
                          "count the users in a measure, {users_with: ...} or per: account",
                          "a segment is of accounts, and \"%s\" is of one user",
                          l->conditions[at].as.text);
    else
        config_error_hint(l->config, l->conditions[at].node,
                          "make a signal of it, which then means that some user has it",
                          "\"%s\" is decided for each account, and \"%s\" is of one user",
                          entry->as.name, l->conditions[at].as.text);
}

static void load_settle_users(struct loader *l, int32_t signal)
{
    for (;;) {
        int32_t at = load_find_in_signal(l, signal, load_is_of_user);
        if (at == PLAYBOOK_NONE || l->full_told)
            return;
        int32_t of_user = l->conditions[at].as.signal;
        if (l->conditions[at].as.kind == CONDITION_TEST) {
            if (l->signals[signal].as.origin != SIGNAL_DEFINITION && !l->signals[signal].hoists) {
                load_report_user(l, signal, at);
                return;
            }
            of_user = load_move_test(l, at);
            if (of_user == PLAYBOOK_NONE)
                return;
        }
        load_count_users(l, at, of_user);
    }
}

// ---- Scopes ----

static void load_scope(struct loader *l, int32_t at)
{
    (void)load_find_in_signal(l, at, load_settle_leaf);
    struct load_signal *signal = &l->signals[at];
    int32_t of_user = load_find_in_signal(l, at, load_is_of_user);
    bool unsure = signal->as.condition == PLAYBOOK_NONE ||
                  load_find_in_signal(l, at, load_is_unsure) != PLAYBOOK_NONE;
    bool user = of_user != PLAYBOOK_NONE && !signal->per_account;
    signal->as.scope = user ? SCOPE_USER : SCOPE_ACCOUNT;
    signal->unsure = unsure && !user;
    if (signal->per_user && !user && !unsure)
        config_error_hint(l->config, config_get(signal->definition, "per"),
                          "leave it out: the signal is of accounts",
                          "\"%s\" looks at nothing of a user", signal->as.name);
    if (signal->per_account)
        load_settle_users(l, at);
    if (l->signals[at].verdicts)
        load_verdicts(l, at);
}

static void load_check_counted(struct loader *l, const struct load_measure *entry)
{
    if (entry->as.kind != MEASURE_USERS_WITH || entry->as.signal == PLAYBOOK_NONE ||
        entry->as.hidden)
        return;
    const struct load_signal *signal = &l->signals[entry->as.signal];
    if (signal->as.scope == SCOPE_USER || signal->unsure)
        return;
    config_error_hint(l->config, config_get(entry->definition, "users_with"),
                      "users_with needs a signal that looks at something of a user",
                      "\"%s\" is a signal of the account", signal->as.name);
}

void load_order_signals(struct loader *l)
{
    size_t errors = config_error_count(l->config);
    for (int32_t i = 0; i < l->n_signals; i++)
        load_visit(l, i, NULL);
    // Scopes along a circle mean nothing.
    if (config_error_count(l->config) > errors)
        return;
    // Signals that are made on the way take their places between those that are there.
    int32_t n = l->n_order, *order = l->order;
    l->order = NULL;
    l->n_order = l->cap_order = 0;
    for (int32_t i = 0; i < n; i++) {
        if (l->signals[order[i]].walk == LOAD_PLACED)
            continue;
        load_scope(l, order[i]);
        load_place(l, order[i]);
    }
    mem_free(order);
    for (int32_t i = 0; i < l->n_measures; i++) {
        load_settle_measure(l, i);
        load_check_counted(l, &l->measures[i]);
    }
}
