// SPDX-License-Identifier: Apache-2.0
// Signals are put in order, each after those it refers to; along that order it is known whether one
// is of users or of accounts, and so who looks at whom. An account decides for itself and each user
// for herself: an account learns of its users by counting them, and a user's signal sees the
// account's numbers and traits but not its signals. What mixes the two belongs under `qualify`.
#include "common/base/mem.h"
#include "common/base/check.h"
#include "services/playbook/load_impl.h"

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

// Visits what a condition refers to: signals, and through measures of users their signals.
static void load_visit_condition(struct loader *l, int32_t at, const struct load_path *path)
{
    if (at == PLAYBOOK_NONE)
        return;
    const struct condition *condition = &l->conditions[at].as;
    switch (condition->kind) {
    case CONDITION_AT_LEAST_N:
        CHECK(false);
    case CONDITION_ALL:
    case CONDITION_ANY:
    case CONDITION_NOT:
        for (int32_t i = 0; i < condition->n_children; i++)
            load_visit_condition(l, condition->children[i], path);
        break;
    case CONDITION_TEST: {
        if (condition->operand != OPERAND_MEASURE)
            break;
        const struct measure *measure = &l->measures[condition->measure].as;
        if (measure->kind == MEASURE_USERS_WITH && measure->signal != PLAYBOOK_NONE)
            load_visit(l, measure->signal, path);
        break;
    }
    case CONDITION_SIGNAL:
        load_visit(l, condition->signal, path);
        break;
    case CONDITION_ALWAYS:
        break;
    }
}

// The first leaf of a condition, in order of the file, for which `match` holds; PLAYBOOK_NONE:
// none.
typedef bool (*load_match_fn)(const struct loader *l, const struct condition *condition);

static int32_t load_find_leaf(const struct loader *l, int32_t at, load_match_fn match)
{
    if (at == PLAYBOOK_NONE)
        return PLAYBOOK_NONE;
    const struct condition *condition = &l->conditions[at].as;
    int32_t found = PLAYBOOK_NONE;
    if (condition->kind == CONDITION_TEST || condition->kind == CONDITION_SIGNAL)
        return match(l, condition) ? at : PLAYBOOK_NONE;
    for (int32_t i = 0; i < condition->n_children && found == PLAYBOOK_NONE; i++)
        found = load_find_leaf(l, condition->children[i], match);
    return found;
}

// Of what was reported already, nothing is known.
static bool load_is_unsure(const struct loader *l, const struct condition *condition)
{
    if (condition->kind == CONDITION_SIGNAL)
        return l->signals[condition->signal].unsure;
    return condition->operand == OPERAND_MEASURE && l->measures[condition->measure].broken;
}

static bool load_is_of_user(const struct loader *l, const struct condition *condition)
{
    if (load_is_unsure(l, condition))
        return false;
    if (condition->kind == CONDITION_SIGNAL)
        return l->signals[condition->signal].as.scope == SCOPE_USER;
    if (condition->operand == OPERAND_MEASURE)
        return l->measures[condition->measure].as.scope == SCOPE_USER;
    return condition->operand == OPERAND_USER_TRAIT;
}

static bool load_is_account_signal(const struct loader *l, const struct condition *condition)
{
    return condition->kind == CONDITION_SIGNAL && !l->signals[condition->signal].unsure &&
           l->signals[condition->signal].as.scope == SCOPE_ACCOUNT;
}

static bool load_is_users_with(const struct loader *l, const struct condition *condition)
{
    return condition->kind == CONDITION_TEST && condition->operand == OPERAND_MEASURE &&
           l->measures[condition->measure].as.kind == MEASURE_USERS_WITH;
}

// A signal of users must not look at what accounts decide.
static void load_check_user_signal(struct loader *l, const struct load_signal *signal,
                                   int32_t of_user)
{
    int32_t other = load_find_leaf(l, signal->as.condition, load_is_account_signal);
    const char *user_side = l->conditions[of_user].as.text;
    bool counts = l->conditions[of_user].as.kind == CONDITION_SIGNAL;
    if (other != PLAYBOOK_NONE)
        config_error_hint(l->config, l->conditions[other].node,
                          counts ? "count the users in a measure, {users_with: ...}, or combine "
                                   "the two under qualify"
                                 : "combine the two under qualify",
                          "\"%s\" is decided for each user (\"%s\") and cannot refer to \"%s\", "
                          "which is the account's",
                          signal->as.name, user_side, l->conditions[other].as.text);
    other = load_find_leaf(l, signal->as.condition, load_is_users_with);
    if (other != PLAYBOOK_NONE)
        config_error_hint(l->config, l->conditions[other].node,
                          "make an account's signal of it, and combine the two under qualify",
                          "\"%s\" is decided for each user (\"%s\") and cannot look at \"%s\", "
                          "which counts users",
                          signal->as.name, user_side, l->conditions[other].as.text);
}

static void load_scope(struct loader *l, int32_t at)
{
    struct load_signal *signal = &l->signals[at];
    int32_t of_user = load_find_leaf(l, signal->as.condition, load_is_of_user);
    signal->as.scope = of_user == PLAYBOOK_NONE ? SCOPE_ACCOUNT : SCOPE_USER;
    signal->unsure = of_user == PLAYBOOK_NONE &&
                     (signal->as.condition == PLAYBOOK_NONE ||
                      load_find_leaf(l, signal->as.condition, load_is_unsure) != PLAYBOOK_NONE);
    if (of_user == PLAYBOOK_NONE)
        return;
    if (signal->as.origin == SIGNAL_SEGMENT)
        config_error_hint(l->config, l->conditions[of_user].node,
                          "count the users in a measure, {users_with: ...} or per: account",
                          "a segment is of accounts, and \"%s\" is of one user",
                          l->conditions[of_user].as.text);
    else
        load_check_user_signal(l, signal, of_user);
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
    l->signals[at].walk = LOAD_VISITED;
    l->signals[at].position = l->n_order;
    MEM_GROW(l->order, l->n_order, l->cap_order);
    l->order[l->n_order++] = at;
}

static void load_check_counted(struct loader *l, const struct load_measure *entry)
{
    if (entry->as.kind != MEASURE_USERS_WITH || entry->as.signal == PLAYBOOK_NONE)
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
    for (int32_t i = 0; i < l->n_order; i++)
        load_scope(l, l->order[i]);
    for (int32_t i = 0; i < l->n_measures; i++)
        load_check_counted(l, &l->measures[i]);
}
