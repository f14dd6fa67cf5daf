// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/core/plan.h"

#include "common/base/check.h"

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "services/scorer/core/measure.h"
#include "services/scorer/core/measure_plan.h"
#include "services/scorer/core/state.h"

enum { PLAN_BLOCK_BYTES = 16384 };

// ---- Measures ----

static void plan_cells(struct plan *plan, const struct measure *measure)
{
    struct plan_scope *scope = &plan->scopes[measure->scope];
    if (measure->cell == PLAYBOOK_NONE)
        return;
    scope->shapes[measure->cell] = (uint8_t)measure_plan_shape(measure);
    scope->cells[measure->cell] = measure->meaning;
    if (measure->user_cell == PLAYBOOK_NONE)
        return;
    // The companion goes where its measure goes.
    CHECK(measure->kind != MEASURE_DISTINCT_USERS || measure->scope == SCOPE_ACCOUNT);
    if (measure->kind == MEASURE_DISTINCT_USERS)
        scope = &plan->scopes[SCOPE_USER];
    scope->shapes[measure->user_cell] = CELL_BUCKETS;
    scope->cells[measure->user_cell] = measure->meaning ^ 1;
}

// Time changes what is derived as it changes the parts. A sum of what only falls only falls.
static void plan_derive(struct plan *plan, int32_t at)
{
    const struct measure *measure = &plan->playbook->measures[at];
    struct plan_measure *out = &plan->measures[at];
    bool sum = measure->kind == MEASURE_WEIGHTED && measure->veto == PLAYBOOK_NONE;
    if (measure->cell != PLAYBOOK_NONE)
        return;
    *out = (struct plan_measure){.key = out->key, .falls = sum, .steady = sum};
    out->timed = measure->kind == MEASURE_SINCE;
    for (int32_t i = 0; i < measure->n_terms; i++) {
        const struct term *term = &measure->terms[i];
        if (term->measure == PLAYBOOK_NONE) {
            out->steady = false;
            continue;
        }
        plan_derive(plan, term->measure);
        const struct plan_measure *part = &plan->measures[term->measure];
        bool falls = (part->falls || !part->timed) && term->weight_milli >= 0;
        out->timed = out->timed || part->timed;
        out->falls = out->falls && falls;
        out->steady = out->steady && falls && part->steady;
    }
    if (measure->kind != MEASURE_GRADE)
        return;
    plan_derive(plan, measure->rows.measure);
    plan_derive(plan, measure->columns.measure);
    out->timed = plan->measures[measure->rows.measure].timed ||
                 plan->measures[measure->columns.measure].timed;
}

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
        plan_cells(plan, measure);
        if (measure->kind == MEASURE_USERS_WITH)
            plan->counting[plan->n_counting++] = m;
    }
    for (int32_t m = 0; m < playbook->n_measures; m++)
        plan_derive(plan, m);
    for (int32_t m = 0; m < playbook->n_measures; m++)
        plan->measures[m].continuous = measure_continuous(playbook, m);
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
        plan_event_steps(plan, event, SCOPE_USER, dispatch->user_measures,
                         dispatch->n_user_measures);
        plan_event_steps(plan, event, SCOPE_ACCOUNT, dispatch->account_measures,
                         dispatch->n_account_measures);
    }
}

// ---- Signals ----

static bool plan_leaf_timed(const struct plan *plan, const struct condition *leaf)
{
    if (leaf->test == TEST_IS_PAST || leaf->test == TEST_WITHIN)
        return true;
    return (leaf->operand == OPERAND_MEASURE && plan->measures[leaf->measure].timed) ||
           (leaf->of.set && leaf->of.kind == OPERAND_MEASURE &&
            plan->measures[leaf->of.measure].timed);
}

static bool plan_leaf_continuous(const struct plan *plan, const struct condition *leaf)
{
    return (leaf->operand == OPERAND_MEASURE && plan->measures[leaf->measure].continuous) ||
           (leaf->of.set && leaf->of.kind == OPERAND_MEASURE &&
            plan->measures[leaf->of.measure].continuous);
}

static bool plan_leaf_hourly(const struct plan *plan, const struct condition *leaf)
{
    const struct measure *measures = plan->playbook->measures;
    return (leaf->operand == OPERAND_MEASURE && measures[leaf->measure].window == WINDOW_HOURS) ||
           (leaf->of.set && leaf->of.kind == OPERAND_MEASURE &&
            measures[leaf->of.measure].window == WINDOW_HOURS);
}

// Whether time can only make this timed leaf false.
static bool plan_leaf_falls(const struct plan *plan, const struct condition *leaf)
{
    if (leaf->operand != OPERAND_MEASURE || leaf->of.set)
        return false;
    if (leaf->test == TEST_WITHIN)
        return plan->playbook->measures[leaf->measure].window == WINDOW_LIFETIME;
    return plan->measures[leaf->measure].falls &&
           (leaf->test == TEST_AT_LEAST || leaf->test == TEST_ABOVE ||
            (leaf->test == TEST_EXISTS && leaf->expected));
}

// Whether events can only bring its next change by time further away, as long as it does not
// change. Those that change a trait make the subject stale.
static bool plan_leaf_steady(const struct plan *plan, const struct condition *leaf)
{
    if (leaf->of.set)
        return false;
    if (leaf->operand != OPERAND_MEASURE)
        return true;
    const struct measure *measure = &plan->playbook->measures[leaf->measure];
    switch (leaf->test) {
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
    case TEST_GREW:
    case TEST_IS_PAST:
    case TEST_LATER_THAN:
        return false;
    }
    return false;
}

static bool plan_walk_leaf(struct plan *plan, int32_t at, bool negated, struct plan_signal *out)
{
    const struct condition *leaf = &plan->playbook->conditions[at];
    struct plan_leaf *note = &plan->leaves[at];
    if (out->leaves != NULL)
        out->leaves[out->n_leaves] = at;
    out->n_leaves++;
    note->timed = plan_leaf_timed(plan, leaf);
    note->continuous = plan_leaf_continuous(plan, leaf);
    if (!note->timed)
        return false;
    out->timed = true;
    out->hourly = out->hourly || plan_leaf_hourly(plan, leaf);
    out->fading =
        out->fading || leaf->test == TEST_WITHIN || leaf->test == TEST_IS_PAST || note->continuous;
    out->unsteady = out->unsteady || !plan_leaf_steady(plan, leaf);
    return negated || !plan_leaf_falls(plan, leaf);
}

// Gathers a signal's own leaves; true when time could make the condition true.
static bool plan_walk(struct plan *plan, int32_t at, bool negated, struct plan_signal *out)
{
    const struct condition *condition = &plan->playbook->conditions[at];
    bool rising = false;
    switch (condition->kind) {
    case CONDITION_ALL:
    case CONDITION_ANY:
    case CONDITION_NOT:
    case CONDITION_AT_LEAST_N:
        for (int32_t i = 0; i < condition->n_children; i++) {
            bool inner = negated != (condition->kind == CONDITION_NOT);
            rising = plan_walk(plan, condition->children[i], inner, out) || rising;
        }
        return rising;
    case CONDITION_TEST:
        return plan_walk_leaf(plan, at, negated, out);
    case CONDITION_SIGNAL:
    case CONDITION_ALWAYS:
    case CONDITION_ROLL_UP:
        return false;
    }
    return false;
}

static void plan_walk_signal(struct plan *plan, const struct signal *signal,
                             struct plan_signal *out)
{
    out->rising = plan_walk(plan, signal->condition, false, out);
    if (signal->memory && signal->exit != PLAYBOOK_NONE)
        (void)plan_walk(plan, signal->exit, false, out);
    // A memory notes every change of its conditions, whatever the signal is.
    if (signal->memory)
        out->rising = out->timed = true;
    if (signal->origin != SIGNAL_FACT)
        return;
    // One test, of what it tells; any event may bring the next change of that nearer.
    const struct condition *condition = &plan->playbook->conditions[signal->condition];
    CHECK(condition->kind == CONDITION_TEST && !signal->memory);
    CHECK(condition->operand != OPERAND_ACCOUNT_TRAIT || signal->scope == SCOPE_ACCOUNT);
    CHECK(condition->operand != OPERAND_MEASURE ||
          plan->playbook->measures[condition->measure].scope == signal->scope);
    out->unsteady = out->unsteady || out->timed;
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
    if (leaf->of.set) {
        uint64_t of = leaf->of.kind == OPERAND_MEASURE
                          ? plan->playbook->measures[leaf->of.measure].meaning
                          : (uint64_t)leaf->of.kind;
        hash = hash64_seeded(span_make(&of, sizeof of), hash);
    }
    if (leaf->test == TEST_GREW) {
        const struct growth *growth = &leaf->growth;
        int64_t told[] = {growth->lag, growth->has_to ? growth->to_milli : INT64_MIN,
                          growth->has_from ? growth->from_milli : INT64_MIN,
                          growth->has_by ? growth->by_milli : INT64_MIN,
                          growth->has_ratio ? growth->ratio_milli : INT64_MIN};
        hash = hash64_seeded(span_make(told, sizeof told), hash);
    }
    return hash64_seeded(span_of(leaf->threshold), hash);
}

static void plan_signals(struct plan *plan)
{
    const struct playbook *playbook = plan->playbook;
    plan->signals = arena_alloc(plan->arena, sizeof *plan->signals * (size_t)playbook->n_signals);
    plan->leaves = arena_alloc(plan->arena, sizeof *plan->leaves * (size_t)playbook->n_conditions);
    for (int32_t s = 0; s < playbook->n_signals; s++) {
        const struct signal *signal = &playbook->signals[s];
        struct plan_scope *scope = &plan->scopes[signal->scope];
        struct plan_signal count = {0}, *out = &plan->signals[s];
        plan_walk_signal(plan, signal, &count);
        out->leaves = arena_alloc(plan->arena, sizeof *out->leaves * (count.n_leaves + 1));
        plan_walk_signal(plan, signal, out);
        scope->signals[signal->number] = signal->meaning;
        scope->of_number[signal->number] = s;
        sigset_add(&scope->all, s);
        for (uint32_t i = 0; i < out->n_leaves; i++) {
            const struct condition *leaf = &playbook->conditions[out->leaves[i]];
            scope->leaves[leaf->leaf] = plan_leaf_meaning(plan, signal, leaf);
        }
    }
}

// ---- Traits ----

// Notes the traits that a historic measure's `where` looks at.
static void plan_past(struct plan *plan, const struct measure *measure, int32_t at)
{
    const struct condition *condition = &plan->playbook->conditions[at];
    for (int32_t i = 0; i < condition->n_children; i++)
        plan_past(plan, measure, condition->children[i]);
    if (condition->kind != CONDITION_TEST ||
        (condition->operand != OPERAND_ACCOUNT_TRAIT && condition->operand != OPERAND_USER_TRAIT))
        return;
    enum scope scope = condition->operand == OPERAND_USER_TRAIT ? SCOPE_USER : SCOPE_ACCOUNT;
    if (scope == SCOPE_USER && measure->scope == SCOPE_ACCOUNT)
        plan->past_in_account = true;
    if (scope == SCOPE_ACCOUNT && measure->scope == SCOPE_USER)
        plan->past_in_users = true;
    struct span key = span_of(condition->key);
    plan->past_keys[scope][plan->n_past_keys[scope]++] = key;
    if (scope == SCOPE_USER && span_is(key, "email_domain"))
        plan->past_keys[scope][plan->n_past_keys[scope]++] = span_of("email");
}

static void plan_pasts(struct plan *plan)
{
    const struct playbook *playbook = plan->playbook;
    for (int scope = 0; scope < 2; scope++)
        plan->past_keys[scope] = arena_alloc(plan->arena, sizeof(struct span) * 2 *
                                                              (size_t)(playbook->n_conditions + 1));
    for (int32_t m = 0; m < playbook->n_measures; m++) {
        const struct measure *measure = &playbook->measures[m];
        if (measure->historic && measure->where != PLAYBOOK_NONE)
            plan_past(plan, measure, measure->where);
    }
}

bool plan_keeps_past(const struct plan *plan, enum scope scope, struct span key)
{
    for (uint32_t i = 0; i < plan->n_past_keys[scope]; i++) {
        if (span_eq(plan->past_keys[scope][i], key))
            return true;
    }
    return false;
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
    plan_pasts(plan);
    plan_measures(plan);
    measure_plan_bits(plan);
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
