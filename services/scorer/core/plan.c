// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/core/plan.h"

#include "common/base/check.h"

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "services/scorer/core/measure_plan.h"
#include "services/scorer/core/state.h"

enum { PLAN_BLOCK_BYTES = 16384 };

// ---- Measures ----

static void plan_measures(struct plan *plan)
{
    const struct playbook *playbook = plan->playbook;
    plan->measures =
        arena_alloc(plan->arena, sizeof *plan->measures * (size_t)playbook->n_measures);
    plan->counting =
        arena_alloc(plan->arena, sizeof *plan->counting * (size_t)playbook->n_measures);
    for (int32_t m = 0; m < playbook->n_measures; m++) {
        const struct measure *measure = &playbook->measures[m];
        measure_plan_fill(measure, &plan->measures[m]);
        struct plan_scope *scope = &plan->scopes[measure->scope];
        scope->shapes[measure->cell] = (uint8_t)measure_plan_shape(measure);
        scope->cells[measure->cell] = measure->meaning;
        if (measure->kind == MEASURE_USERS_WITH)
            plan->counting[plan->n_counting++] = m;
        if (measure->kind != MEASURE_DISTINCT_USERS)
            continue;
        CHECK(measure->scope == SCOPE_ACCOUNT && measure->user_cell >= 0);
        plan->scopes[SCOPE_USER].shapes[measure->user_cell] = CELL_BUCKETS;
        // The companion goes where its measure goes.
        plan->scopes[SCOPE_USER].cells[measure->user_cell] = measure->meaning ^ 1;
    }
}

// ---- Events ----

static void plan_event_steps(struct plan *plan, int32_t event, enum scope scope,
                             const int32_t *measures, int32_t n)
{
    struct plan_event *out = &plan->events[event];
    out->steps[scope] = arena_alloc(plan->arena, sizeof *out->steps[scope] * (size_t)n);
    for (int32_t i = 0; i < n; i++) {
        struct plan_step step = measure_plan_step(plan->playbook, measures[i], event);
        if (!step.takes && !step.anchors)
            continue;
        out->steps[scope][out->n_steps[scope]++] = step;
        out->touched[step.measure / 64] |= UINT64_C(1) << (step.measure % 64);
    }
}

static void plan_events(struct plan *plan)
{
    const struct playbook *playbook = plan->playbook;
    plan->events =
        arena_alloc(plan->arena, sizeof *plan->events * (size_t)(playbook->n_events + 1));
    for (int32_t event = 0; event <= playbook->n_events; event++) {
        const struct dispatch *dispatch = &playbook->dispatch[event];
        struct plan_event *out = &plan->events[event];
        plan_event_steps(plan, event, SCOPE_USER, dispatch->user_measures,
                         dispatch->n_user_measures);
        plan_event_steps(plan, event, SCOPE_ACCOUNT, dispatch->account_measures,
                         dispatch->n_account_measures);
        for (int32_t i = 0; i < dispatch->n_user_signals; i++)
            sigset_add(&out->signals[SCOPE_USER], dispatch->user_signals[i]);
        for (int32_t i = 0; i < dispatch->n_account_signals; i++)
            sigset_add(&out->signals[SCOPE_ACCOUNT], dispatch->account_signals[i]);
    }
}

// ---- Signals ----

static bool plan_leaf_timed(const struct plan *plan, const struct condition *leaf)
{
    return leaf->operand == OPERAND_MEASURE &&
           (plan->measures[leaf->measure].timed || leaf->test == TEST_WITHIN);
}

// Whether time can only make this timed leaf false.
static bool plan_leaf_falls(const struct plan *plan, const struct condition *leaf)
{
    if (leaf->test == TEST_WITHIN)
        return plan->playbook->measures[leaf->measure].window == WINDOW_LIFETIME;
    return plan->measures[leaf->measure].falls &&
           (leaf->test == TEST_AT_LEAST || leaf->test == TEST_ABOVE ||
            (leaf->test == TEST_EXISTS && leaf->expected));
}

// Whether events can only bring its next change by time further away, as long as it does not
// change.
static bool plan_leaf_steady(const struct plan *plan, const struct condition *leaf)
{
    const struct measure *measure = &plan->playbook->measures[leaf->measure];
    switch (leaf->test) {
    case TEST_GREW:
    case TEST_IS_PAST:
    case TEST_LATER_THAN:
        CHECK(false);
    case TEST_AT_LEAST:
    case TEST_AT_MOST:
    case TEST_ABOVE:
    case TEST_BELOW:
    case TEST_EXISTS:
        return plan->measures[leaf->measure].steady;
    case TEST_WITHIN:
        return measure->kind == MEASURE_LAST && measure->window == WINDOW_LIFETIME;
    case TEST_BETWEEN:
    case TEST_IS:
    case TEST_IN:
    case TEST_CONTAINS:
        return false;
    }
    return false;
}

// Gathers a signal's own leaves; true when time could make the condition true.
static bool plan_walk(struct plan *plan, int32_t at, bool negated, struct plan_signal *out)
{
    const struct condition *condition = &plan->playbook->conditions[at];
    const struct measure *measure;
    bool rising = false;
    switch (condition->kind) {
    case CONDITION_AT_LEAST_N:
        CHECK(false);
    case CONDITION_ALL:
    case CONDITION_ANY:
    case CONDITION_NOT:
        for (int32_t i = 0; i < condition->n_children; i++) {
            bool inner = negated != (condition->kind == CONDITION_NOT);
            rising = plan_walk(plan, condition->children[i], inner, out) || rising;
        }
        return rising;
    case CONDITION_TEST:
        if (out->leaves != NULL)
            out->leaves[out->n_leaves] = at;
        out->n_leaves++;
        if (!plan_leaf_timed(plan, condition))
            return false;
        measure = &plan->playbook->measures[condition->measure];
        out->timed = true;
        out->hourly = out->hourly || measure->window == WINDOW_HOURS;
        out->fading =
            out->fading || condition->test == TEST_WITHIN || measure->kind == MEASURE_SCORE;
        out->unsteady = out->unsteady || !plan_leaf_steady(plan, condition);
        return negated || !plan_leaf_falls(plan, condition);
    case CONDITION_SIGNAL:
    case CONDITION_ALWAYS:
        return false;
    }
    return false;
}

// What a leaf says, without the order in which its signal lists it.
static uint64_t plan_leaf_meaning(const struct plan *plan, const struct signal *signal,
                                  const struct condition *leaf)
{
    uint64_t hash = signal->meaning;
    int64_t parts[] = {leaf->operand, leaf->test, leaf->low_milli, leaf->high_milli,
                       leaf->expected};
    hash = hash64_seeded(span_make(parts, sizeof parts), hash);
    if (leaf->operand == OPERAND_MEASURE) {
        uint64_t meaning = plan->playbook->measures[leaf->measure].meaning;
        hash = hash64_seeded(span_make(&meaning, sizeof meaning), hash);
    } else {
        hash = hash64_seeded(span_of(leaf->key), hash);
    }
    return hash64_seeded(span_of(leaf->threshold), hash);
}

static void plan_signals(struct plan *plan)
{
    const struct playbook *playbook = plan->playbook;
    plan->signals = arena_alloc(plan->arena, sizeof *plan->signals * (size_t)playbook->n_signals);
    for (int32_t s = 0; s < playbook->n_signals; s++) {
        const struct signal *signal = &playbook->signals[s];
        struct plan_scope *scope = &plan->scopes[signal->scope];
        struct plan_signal count = {0}, *out = &plan->signals[s];
        (void)plan_walk(plan, signal->condition, false, &count);
        out->leaves = arena_alloc(plan->arena, sizeof *out->leaves * (count.n_leaves + 1));
        out->rising = plan_walk(plan, signal->condition, false, out);
        scope->signals[signal->number] = signal->meaning;
        scope->of_number[signal->number] = s;
        sigset_add(&scope->all, s);
        for (uint32_t i = 0; i < out->n_leaves; i++) {
            const struct condition *leaf = &playbook->conditions[out->leaves[i]];
            scope->leaves[leaf->leaf] = plan_leaf_meaning(plan, signal, leaf);
        }
    }
}

// ---- Across scopes ----

static bool plan_of_account(const struct playbook *playbook, const struct condition *leaf)
{
    return leaf->operand == OPERAND_ACCOUNT_TRAIT ||
           (leaf->operand == OPERAND_MEASURE &&
            playbook->measures[leaf->measure].scope == SCOPE_ACCOUNT);
}

static void plan_share(struct plan *plan, int32_t at)
{
    const struct condition *leaf = &plan->playbook->conditions[at];
    if (plan_leaf_timed(plan, leaf) && !plan_leaf_steady(plan, leaf))
        plan->shared_unsteady = true;
    for (uint32_t i = 0; i < plan->n_shared; i++) {
        if (plan->shared[i] == at)
            return;
    }
    plan->shared[plan->n_shared++] = at;
}

// Gathers the account's leaves under a condition; true when there is one.
static bool plan_shared_walk(struct plan *plan, int32_t at)
{
    const struct playbook *playbook = plan->playbook;
    const struct condition *condition = &playbook->conditions[at];
    bool any = false;
    switch (condition->kind) {
    case CONDITION_AT_LEAST_N:
        CHECK(false);
    case CONDITION_ALL:
    case CONDITION_ANY:
    case CONDITION_NOT:
        for (int32_t i = 0; i < condition->n_children; i++)
            any = plan_shared_walk(plan, condition->children[i]) || any;
        return any;
    case CONDITION_TEST:
        if (!plan_of_account(playbook, condition))
            return false;
        plan_share(plan, at);
        return true;
    case CONDITION_SIGNAL:
        return plan_shared_walk(plan, playbook->signals[condition->signal].condition);
    case CONDITION_ALWAYS:
        return false;
    }
    return false;
}

static void plan_across(struct plan *plan)
{
    const struct playbook *playbook = plan->playbook;
    plan->shared = arena_alloc(plan->arena, sizeof *plan->shared * (size_t)playbook->n_conditions);
    plan->users_with =
        arena_alloc(plan->arena, sizeof *plan->users_with * (size_t)playbook->n_signals);
    for (int32_t s = 0; s < playbook->n_signals; s++) {
        if (playbook->signals[s].scope == SCOPE_USER &&
            plan_shared_walk(plan, playbook->signals[s].condition))
            sigset_add(&plan->shared_signals, s);
        const int32_t *list =
            playbook->signals_of_users_with == NULL ? NULL : playbook->signals_of_users_with[s];
        for (; list != NULL && *list != PLAYBOOK_NONE; list++)
            sigset_add(&plan->users_with[s], *list);
    }
}

static bool plan_looks_at_user(const struct playbook *playbook, int32_t at)
{
    const struct condition *condition = &playbook->conditions[at];
    for (int32_t i = 0; i < condition->n_children; i++) {
        if (plan_looks_at_user(playbook, condition->children[i]))
            return true;
    }
    return condition->kind == CONDITION_TEST && condition->operand == OPERAND_USER_TRAIT;
}

// ---- The whole ----

static void plan_scope_make(struct plan *plan, enum scope scope)
{
    const struct playbook *playbook = plan->playbook;
    struct plan_scope *out = &plan->scopes[scope];
    out->n_cells = (uint32_t)playbook->n_cells[scope];
    out->n_leaves = (uint32_t)playbook->n_leaves[scope];
    out->n_signals = (uint32_t)playbook->n_scope_signals[scope];
    out->shapes = arena_alloc(plan->arena, out->n_cells + 1);
    out->cells = arena_alloc(plan->arena, sizeof(uint64_t) * (out->n_cells + 1));
    out->signals = arena_alloc(plan->arena, sizeof(uint64_t) * (out->n_signals + 1));
    out->leaves = arena_alloc(plan->arena, sizeof(uint64_t) * (out->n_leaves + 1));
    out->of_number = arena_alloc(plan->arena, sizeof(int32_t) * (out->n_signals + 1));
}

// Where the parts lie. What comes last are bytes, and the id follows them.
static void plan_scope_lay(struct plan_scope *scope, uint32_t n_shared)
{
    scope->leaves_at = sizeof(struct subject) + scope->n_cells * sizeof(struct cell);
    scope->looked_at = scope->leaves_at + scope->n_leaves * sizeof(int64_t);
    scope->flags_at = scope->looked_at + scope->n_signals * sizeof(int32_t);
    scope->shared_at = scope->flags_at + scope->n_signals;
    scope->bytes = scope->shared_at + n_shared;
}

static void plan_keys(struct plan *plan)
{
    const struct playbook *playbook = plan->playbook;
    plan->keys = arena_alloc(plan->arena, sizeof *plan->keys * (size_t)playbook->n_conditions);
    for (int32_t c = 0; c < playbook->n_conditions; c++)
        plan->keys[c] = span_of(playbook->conditions[c].key);
    for (int32_t i = 0; i < playbook->n_exclude; i++)
        plan->exclude_traits =
            plan->exclude_traits || plan_looks_at_user(playbook, playbook->exclude[i]);
}

struct plan *plan_create(const struct playbook *playbook)
{
    struct arena *arena = mem_alloc(sizeof *arena);
    arena_init(arena, PLAN_BLOCK_BYTES, 0);
    struct plan *plan = arena_alloc(arena, sizeof *plan);
    plan->playbook = playbook;
    plan->arena = arena;
    plan_scope_make(plan, SCOPE_USER);
    plan_scope_make(plan, SCOPE_ACCOUNT);
    plan_keys(plan);
    plan_measures(plan);
    plan_events(plan);
    plan_signals(plan);
    plan_across(plan);
    plan_scope_lay(&plan->scopes[SCOPE_USER], 0);
    plan_scope_lay(&plan->scopes[SCOPE_ACCOUNT], plan->n_shared);
    return plan;
}

void plan_destroy(struct plan *plan)
{
    if (plan == NULL)
        return;
    struct arena *arena = plan->arena;
    arena_deinit(arena);
    mem_free(arena);
}
