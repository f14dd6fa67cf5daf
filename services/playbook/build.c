// SPDX-License-Identifier: Apache-2.0
// Order matters in one place: a measure may mean what its signals mean, and a signal what its
// measures mean, so meanings are worked out from each to what it refers to, which is no circle.
#include "services/playbook/build.h"

#include "common/base/check.h"

#include "common/base/hash.h"
#include "common/base/mem.h"

enum { BUILD_WORDS = PLAYBOOK_MEASURES_MAX / 64 };

// What a signal looks at, directly or through other signals.
struct build_reach {
    uint64_t measures[BUILD_WORDS];
    bool account; // an account's measure or trait
};

struct build {
    struct playbook *playbook;
    // The same arrays as the playbook's, which the loader allocated and may still write.
    struct condition *conditions;
    struct measure *measures;
    struct signal *signals;
    struct build_reach *reach; // by position of the signal
    struct build_reach *parts; // by position of the measure: what it is made of
};

struct build_list {
    int32_t *items;
    int32_t n, cap;
};

static void build_list_add(struct build_list *list, int32_t item)
{
    MEM_GROW(list->items, list->n, list->cap);
    list->items[list->n++] = item;
}

// Moves the list into the arena; never NULL.
static const int32_t *build_list_keep(struct build *build, struct build_list *list, int32_t *n)
{
    int32_t *kept = arena_alloc(build->playbook->arena, sizeof *kept * (size_t)(list->n + 1));
    if (list->n > 0)
        memcpy(kept, list->items, sizeof *kept * (size_t)list->n);
    if (n != NULL)
        *n = list->n;
    mem_free(list->items);
    *list = (struct build_list){0};
    return kept;
}

static void build_events(struct build *build)
{
    struct playbook *playbook = build->playbook;
    uint32_t slots = 8;
    while (slots < 2 * (uint32_t)playbook->n_events)
        slots *= 2;
    int32_t *table = arena_alloc(playbook->arena, sizeof *table * slots);
    for (uint32_t i = 0; i < slots; i++)
        table[i] = PLAYBOOK_NONE;
    for (int32_t event = 0; event < playbook->n_events; event++) {
        uint32_t slot = (uint32_t)hash64(span_of(playbook->events[event])) & (slots - 1);
        while (table[slot] != PLAYBOOK_NONE)
            slot = (slot + 1) & (slots - 1);
        table[slot] = event;
    }
    playbook->event_slots = table;
    playbook->event_mask = slots - 1;
}

static void build_signal_meaning(struct build *build, int32_t at);

static void build_measure_meaning(struct build *build, int32_t at)
{
    struct buf text = {0};
    struct measure *measure = &build->measures[at];
    if (at == PLAYBOOK_NONE || measure->canonical != NULL)
        return;
    build_signal_meaning(build, measure->signal);
    build_signal_meaning(build, measure->veto);
    build_measure_meaning(build, measure->rows.measure);
    build_measure_meaning(build, measure->columns.measure);
    for (int32_t i = 0; i < measure->n_terms; i++) {
        build_measure_meaning(build, measure->terms[i].measure);
        build_signal_meaning(build, measure->terms[i].signal);
    }
    playbook_canonical_measure(build->playbook, measure, &text);
    measure->canonical = arena_dup(build->playbook->arena, buf_span(&text));
    measure->meaning = hash64(buf_span(&text));
    buf_deinit(&text);
}

// What a condition looks at.
static void build_condition_meanings(struct build *build, int32_t at)
{
    if (at == PLAYBOOK_NONE)
        return;
    const struct condition *condition = &build->conditions[at];
    for (int32_t i = 0; i < condition->n_children; i++)
        build_condition_meanings(build, condition->children[i]);
    if (condition->kind == CONDITION_SIGNAL)
        build_signal_meaning(build, condition->signal);
    if (condition->kind != CONDITION_TEST)
        return;
    if (condition->operand == OPERAND_MEASURE)
        build_measure_meaning(build, condition->measure);
    if (condition->of.set && condition->of.kind == OPERAND_MEASURE)
        build_measure_meaning(build, condition->of.measure);
}

static void build_signal_meaning(struct build *build, int32_t at)
{
    struct buf text = {0};
    struct signal *signal = &build->signals[at];
    if (at == PLAYBOOK_NONE || signal->canonical != NULL)
        return;
    build_condition_meanings(build, signal->condition);
    build_condition_meanings(build, signal->exit);
    playbook_canonical_signal(build->playbook, signal, &text);
    signal->canonical = arena_dup(build->playbook->arena, buf_span(&text));
    signal->meaning = hash64(buf_span(&text));
    buf_deinit(&text);
}

static void build_meanings(struct build *build)
{
    for (int32_t m = 0; m < build->playbook->n_measures; m++)
        build_measure_meaning(build, m);
    for (int32_t s = 0; s < build->playbook->n_signals; s++)
        build_signal_meaning(build, s);
}

static void build_cells(struct build *build)
{
    struct playbook *playbook = build->playbook;
    for (int32_t m = 0; m < playbook->n_measures; m++) {
        struct measure *measure = &build->measures[m];
        measure->cell = measure->user_cell = PLAYBOOK_NONE;
        if (playbook_is_derived(measure))
            continue;
        measure->cell = playbook->n_cells[measure->scope]++;
        if (measure->kind == MEASURE_DISTINCT_USERS)
            measure->user_cell = playbook->n_cells[SCOPE_USER]++;
        if (measure->kind == MEASURE_AVERAGE)
            measure->user_cell = playbook->n_cells[measure->scope]++;
    }
}

static void build_reach_signal(struct build *build, int32_t signal, struct build_reach *reach)
{
    if (signal == PLAYBOOK_NONE)
        return;
    const struct build_reach *other = &build->reach[signal];
    for (size_t i = 0; i < BUILD_WORDS; i++)
        reach->measures[i] |= other->measures[i];
    reach->account =
        reach->account || other->account || build->signals[signal].scope == SCOPE_ACCOUNT;
}

// A measure, and all that it is made of. Of a measure of users its signal is no part: it changes
// when the signal does, and not before.
static void build_reach_measure(struct build *build, int32_t at, struct build_reach *reach)
{
    if (at == PLAYBOOK_NONE || (reach->measures[at / 64] >> (at % 64) & 1) != 0)
        return;
    const struct measure *measure = &build->measures[at];
    reach->measures[at / 64] |= UINT64_C(1) << (at % 64);
    reach->account = reach->account || measure->scope == SCOPE_ACCOUNT;
    if (!playbook_is_derived(measure))
        return;
    build_reach_signal(build, measure->signal, reach);
    build_reach_signal(build, measure->veto, reach);
    build_reach_measure(build, measure->rows.measure, reach);
    build_reach_measure(build, measure->columns.measure, reach);
    for (int32_t i = 0; i < measure->n_terms; i++) {
        build_reach_measure(build, measure->terms[i].measure, reach);
        build_reach_signal(build, measure->terms[i].signal, reach);
    }
}

static void build_reach_operand(struct build *build, enum operand_kind kind, int32_t measure,
                                struct build_reach *reach)
{
    if (kind == OPERAND_ACCOUNT_TRAIT)
        reach->account = true;
    if (kind == OPERAND_MEASURE)
        build_reach_measure(build, measure, reach);
}

// Walks a tree of one signal: numbers its leaves and gathers what it looks at.
static void build_walk(struct build *build, int32_t signal, int32_t at, struct build_list *leaves)
{
    if (at == PLAYBOOK_NONE)
        return;
    struct condition *condition = &build->conditions[at];
    struct build_reach *reach = &build->reach[signal];
    switch (condition->kind) {
    case CONDITION_AT_LEAST_N:
    case CONDITION_ALL:
    case CONDITION_ANY:
    case CONDITION_NOT:
        for (int32_t i = 0; i < condition->n_children; i++)
            build_walk(build, signal, condition->children[i], leaves);
        break;
    case CONDITION_TEST:
        // A leaf is of one signal: two that share a test would share what is kept of it.
        CHECK(condition->leaf == PLAYBOOK_NONE);
        condition->leaf = leaves->n;
        build_list_add(leaves, at);
        build_reach_operand(build, condition->operand, condition->measure, reach);
        if (condition->of.set)
            build_reach_operand(build, condition->of.kind, condition->of.measure, reach);
        break;
    case CONDITION_SIGNAL:
        CHECK(condition->signal >= 0 && condition->signal < signal);
        build_reach_signal(build, condition->signal, reach);
        break;
    case CONDITION_ALWAYS:
    case CONDITION_ROLL_UP:
        break;
    }
}

static void build_signals(struct build *build)
{
    struct playbook *playbook = build->playbook;
    struct build_list leaves[2] = {{0}};
    for (int32_t c = 0; c < playbook->n_conditions; c++)
        build->conditions[c].leaf = PLAYBOOK_NONE;
    for (int32_t s = 0; s < playbook->n_signals; s++) {
        struct signal *signal = &build->signals[s];
        signal->number = playbook->n_scope_signals[signal->scope]++;
        build_walk(build, s, signal->condition, &leaves[signal->scope]);
        build_walk(build, s, signal->exit, &leaves[signal->scope]);
    }
    for (int scope = 0; scope < 2; scope++)
        playbook->leaf_condition[scope] =
            build_list_keep(build, &leaves[scope], &playbook->n_leaves[scope]);
}

static bool build_lists(const int32_t *events, int32_t n, int32_t event)
{
    for (int32_t i = 0; i < n; i++) {
        if (events[i] == event)
            return true;
    }
    return false;
}

static bool build_takes(const struct playbook *playbook, const struct measure *measure,
                        int32_t event)
{
    if (measure->kind == MEASURE_USERS_WITH || playbook_is_derived(measure))
        return false;
    if (measure->kind == MEASURE_SCORE) {
        for (int32_t i = 0; i < measure->n_points; i++) {
            if (measure->points[i].event == event)
                return true;
        }
        return false;
    }
    if (measure->window == WINDOW_ANCHORED && measure->anchor == event)
        return true;
    if (measure->window == WINDOW_RESET && build_lists(measure->resets, measure->n_resets, event))
        return true;
    if (measure->events != NULL)
        return build_lists(measure->events, measure->n_events, event);
    return playbook->active_events == NULL ||
           build_lists(playbook->active_events, playbook->n_active_events, event);
}

static bool build_reaches(const struct build_reach *reach, const uint64_t taken[BUILD_WORDS])
{
    for (size_t i = 0; i < BUILD_WORDS; i++) {
        if ((reach->measures[i] & taken[i]) != 0)
            return true;
    }
    return false;
}

// What each measure is made of: itself, or what it is derived from as well.
static void build_parts(struct build *build)
{
    for (int32_t m = 0; m < build->playbook->n_measures; m++)
        build_reach_measure(build, m, &build->parts[m]);
}

static void build_dispatch_event(struct build *build, int32_t event, struct dispatch *out)
{
    const struct playbook *playbook = build->playbook;
    struct build_list measures[2] = {{0}}, signals[2] = {{0}};
    uint64_t taken[BUILD_WORDS] = {0};
    for (int32_t m = 0; m < playbook->n_measures; m++) {
        if (build_takes(playbook, &build->measures[m], event))
            taken[m / 64] |= UINT64_C(1) << (m % 64);
    }
    for (int32_t m = 0; m < playbook->n_measures; m++) {
        if (build_reaches(&build->parts[m], taken))
            build_list_add(&measures[build->measures[m].scope], m);
    }
    for (int32_t s = 0; s < playbook->n_signals; s++) {
        if (build_reaches(&build->reach[s], taken))
            build_list_add(&signals[build->signals[s].scope], s);
    }
    out->user_measures = build_list_keep(build, &measures[SCOPE_USER], &out->n_user_measures);
    out->account_measures =
        build_list_keep(build, &measures[SCOPE_ACCOUNT], &out->n_account_measures);
    out->user_signals = build_list_keep(build, &signals[SCOPE_USER], &out->n_user_signals);
    out->account_signals = build_list_keep(build, &signals[SCOPE_ACCOUNT], &out->n_account_signals);
}

static void build_dispatch(struct build *build)
{
    struct playbook *playbook = build->playbook;
    struct dispatch *dispatch =
        arena_alloc(playbook->arena, sizeof *dispatch * (size_t)(playbook->n_events + 1));
    // One past the last name stands for every name that the playbook does not mention.
    for (int32_t event = 0; event <= playbook->n_events; event++)
        build_dispatch_event(build, event, &dispatch[event]);
    playbook->dispatch = dispatch;
}

static void build_shared(struct build *build)
{
    struct playbook *playbook = build->playbook;
    struct build_list shared = {0};
    for (int32_t s = 0; s < playbook->n_signals; s++) {
        if (build->signals[s].scope == SCOPE_USER && build->reach[s].account)
            build_list_add(&shared, s);
    }
    playbook->shared_user_signals =
        build_list_keep(build, &shared, &playbook->n_shared_user_signals);
}

static const int32_t *build_users_with_one(struct build *build, int32_t counted)
{
    const struct playbook *playbook = build->playbook;
    uint64_t counting[BUILD_WORDS] = {0};
    struct build_list list = {0};
    bool any = false;
    for (int32_t m = 0; m < playbook->n_measures; m++) {
        const struct measure *measure = &build->measures[m];
        if (measure->kind != MEASURE_USERS_WITH || measure->signal != counted)
            continue;
        counting[m / 64] |= UINT64_C(1) << (m % 64);
        any = true;
    }
    if (!any)
        return NULL;
    for (int32_t s = 0; s < playbook->n_signals; s++) {
        if (build->signals[s].scope == SCOPE_ACCOUNT && build_reaches(&build->reach[s], counting))
            build_list_add(&list, s);
    }
    build_list_add(&list, PLAYBOOK_NONE);
    return build_list_keep(build, &list, NULL);
}

static void build_users_with(struct build *build)
{
    struct playbook *playbook = build->playbook;
    const int32_t **lists =
        arena_alloc(playbook->arena, sizeof *lists * (size_t)(playbook->n_signals + 1));
    for (int32_t s = 0; s < playbook->n_signals; s++)
        lists[s] = build_users_with_one(build, s);
    playbook->signals_of_users_with = lists;
}

void playbook_build(struct playbook *playbook)
{
    CHECK(playbook->n_measures <= PLAYBOOK_MEASURES_MAX);
    CHECK(playbook->dispatch == NULL);
    struct build build = {
        .playbook = playbook,
        .conditions = (struct condition *)playbook->conditions,
        .measures = (struct measure *)playbook->measures,
        .signals = (struct signal *)playbook->signals,
        .reach = mem_zalloc(sizeof *build.reach * (size_t)(playbook->n_signals + 1)),
        .parts = mem_zalloc(sizeof *build.parts * (size_t)(playbook->n_measures + 1)),
    };
    build_events(&build);
    build_meanings(&build);
    build_cells(&build);
    build_signals(&build);
    build_parts(&build);
    build_dispatch(&build);
    build_shared(&build);
    build_users_with(&build);
    mem_free(build.reach);
    mem_free(build.parts);
}
