// SPDX-License-Identifier: Apache-2.0
// The other core may know users in another order, or users that this one does not: kept events name
// users by ordinal, so ordinals are translated, and users that are missing are made, as if only
// their traits were known.
#include "services/scorer/core/warming.h"

#include "common/base/check.h"

#include "common/base/mem.h"
#include "services/scorer/core/decide.h"
#include "services/scorer/core/identity_impl.h"
#include "services/scorer/core/measure.h"
#include "services/scorer/core/timers.h"

// ---- What is warming ----

static bool warm_meets(const uint64_t *a, const uint64_t *b)
{
    for (size_t i = 0; i < PLAYBOOK_MEASURES_MAX / 64; i++) {
        if ((a[i] & b[i]) != 0)
            return true;
    }
    return false;
}

static bool warm_refers(const struct sigset *refs, const struct sigset *warming)
{
    for (int32_t i = sigset_next(refs, 0); i >= 0; i = sigset_next(refs, i + 1)) {
        if (sigset_has(warming, i))
            return true;
    }
    return false;
}

void warming_set(struct core *core, const uint64_t measures[PLAYBOOK_MEASURES_MAX / 64])
{
    const struct plan *plan = core->plan;
    const struct playbook *playbook = plan->playbook;
    memcpy(core->warming, measures, sizeof core->warming);
    for (int32_t m = 0; m < playbook->n_measures; m++) {
        uint64_t reached[PLAYBOOK_MEASURES_MAX / 64];
        plan_reach(plan, m, reached);
        if (warm_meets(reached, measures))
            core->warming[m / 64] |= UINT64_C(1) << (m % 64);
    }
    core->warming_signals = (struct sigset){0};
    // Each comes after those that it refers to.
    for (int32_t s = 0; s < playbook->n_signals; s++) {
        const struct plan_signal *signal = &plan->signals[s];
        if (warm_meets(signal->measures, core->warming) ||
            warm_refers(&signal->refs, &core->warming_signals))
            sigset_add(&core->warming_signals, s);
    }
}

// ---- What rows keep ----

static bool warm_has_cell(const struct core *core, int32_t measure)
{
    return core->plan->playbook->measures[measure].cell != PLAYBOOK_NONE;
}

struct warming_mark *warming_marks(const struct core *core, struct arena *arena, size_t *n)
{
    *n = 0;
    if (core->plan == NULL)
        return NULL;
    const struct playbook *playbook = core->plan->playbook;
    struct warming_mark *out = arena_alloc(arena, sizeof *out * (size_t)(playbook->n_measures + 1));
    for (int32_t m = 0; m < playbook->n_measures; m++) {
        bool warming = core_measure_warming(core, m);
        if (warm_has_cell(core, m) && (warming || core->since_ms[m] != 0))
            out[(*n)++] =
                (struct warming_mark){playbook->measures[m].meaning, warming, core->since_ms[m]};
    }
    return out;
}

void warming_restore(struct core *core, const struct warming_mark *marks, size_t n)
{
    uint64_t measures[PLAYBOOK_MEASURES_MAX / 64] = {0};
    for (int32_t m = 0; m < core->plan->playbook->n_measures; m++) {
        for (size_t i = 0; i < n; i++) {
            if (!warm_has_cell(core, m) ||
                core->plan->playbook->measures[m].meaning != marks[i].meaning)
                continue;
            measures[m / 64] |= (uint64_t)marks[i].warming << (m % 64);
            core->since_ms[m] = marks[i].since_ms;
        }
    }
    warming_set(core, measures);
}

// ---- Answers ----

bool core_measure_warming(const struct core *core, int32_t measure)
{
    return (core->warming[measure / 64] >> (measure % 64) & 1) != 0;
}

int64_t core_measure_since(const struct core *core, int32_t measure)
{
    uint64_t reached[PLAYBOOK_MEASURES_MAX / 64];
    int64_t since = 0;
    plan_reach(core->plan, measure, reached);
    for (int32_t m = 0; m < core->plan->playbook->n_measures; m++) {
        if ((reached[m / 64] >> (m % 64) & 1) != 0 && core->since_ms[m] > since)
            since = core->since_ms[m];
    }
    return since;
}

size_t core_warming(const struct core *core)
{
    size_t n = 0;
    for (int32_t m = 0; core->plan != NULL && m < core->plan->playbook->n_measures; m++)
        n += core_measure_warming(core, m) && warm_has_cell(core, m);
    return n;
}

// ---- Taking over ----

struct warm {
    struct core *core, *from;
    struct account *account, *other;
    uint32_t *ordinals; // here, of the users there
};

static void warm_traits(const struct core *core, enum scope scope, struct traits **to,
                        const struct traits *from)
{
    for (uint32_t i = 0; from != NULL && i < from->n; i++) {
        const struct trait *trait = from->items[i];
        if (!plan_keeps_past(core->plan, scope, trait_key(trait)))
            continue;
        (void)traits_put_past(to, trait_key(trait), &trait->value, trait->at_ms);
        for (uint32_t j = 0; trait->past != NULL && j < trait->past->n; j++) {
            const struct trait *was = trait->past->items[j];
            (void)traits_put_past(to, trait_key(trait), &was->value, was->at_ms);
        }
    }
}

// Users of both cores, those that are only there made here too. True when ordinals differ.
static bool warm_users(struct warm *w)
{
    bool moved = false;
    w->ordinals = mem_alloc((w->other->n_users + 1) * sizeof *w->ordinals);
    for (uint32_t i = 0; i < w->other->n_users; i++) {
        struct user *there = w->other->users[i].user;
        struct span id = user_id(w->from, there);
        struct user *here = user_find(w->core, w->account, there->hash, id);
        if (here == NULL)
            here = user_add(w->core, w->account, there->hash, id);
        w->ordinals[i] = here->ordinal;
        moved = moved || here->ordinal != i;
    }
    return moved;
}

static void warm_swap(struct cell *a, struct cell *b)
{
    struct cell held = *a;
    *a = *b;
    *b = held;
}

static void warm_cell(const struct warm *w, const struct measure *measure, bool moved)
{
    struct cell *cell = &w->account->subject.cells[measure->cell];
    enum cell_shape shape =
        (enum cell_shape)w->core->plan->scopes[SCOPE_ACCOUNT].shapes[measure->cell];
    struct renaming renaming = {w->ordinals, w->other->n_users, CELL_NO_USER};
    warm_swap(cell, &w->other->subject.cells[measure->cell]);
    if (moved && (shape == CELL_EVENTS || shape == CELL_SAID))
        measure_rename_users(measure, cell, &renaming);
}

static void warm_user_cells(const struct warm *w, int32_t cell)
{
    for (uint32_t i = 0; cell != PLAYBOOK_NONE && i < w->other->n_users; i++)
        warm_swap(&w->account->users[w->ordinals[i]].user->subject.cells[cell],
                  &w->other->users[i].user->subject.cells[cell]);
}

static void warm_take_measure(const struct warm *w, const struct measure *measure, bool moved)
{
    if (measure->scope == SCOPE_USER) {
        warm_user_cells(w, measure->cell);
        warm_user_cells(w, measure->user_cell);
        return;
    }
    warm_cell(w, measure, moved);
    if (measure->kind == MEASURE_DISTINCT_USERS)
        warm_user_cells(w, measure->user_cell);
    else if (measure->user_cell != PLAYBOOK_NONE)
        warm_swap(&w->account->subject.cells[measure->user_cell],
                  &w->other->subject.cells[measure->user_cell]);
}

static void warm_take_measures(const struct warm *w, bool moved)
{
    const struct playbook *playbook = w->core->playbook;
    for (int32_t m = 0; m < playbook->n_measures; m++) {
        const struct measure *measure = &playbook->measures[m];
        // What counts users follows from them.
        if (core_measure_warming(w->core, m) && measure->cell != PLAYBOOK_NONE &&
            measure->kind != MEASURE_USERS_WITH)
            warm_take_measure(w, measure, moved);
    }
}

// Each part that both have. The total follows from them and from the account's own.
static void warm_take_parts(struct core *core, struct account *account, struct account *other)
{
    struct parts *parts = account->parts;
    uint32_t first = 0;
    for (uint32_t i = 0; i < parts->n; i++) {
        struct part *part = parts->items[i];
        struct part *there = parts_find(other, span_make(part->id, part->id_len));
        if (there == NULL)
            continue;
        struct warm w = {
            .core = core, .account = part->book, .other = there->book, .ordinals = &first};
        warm_take_measures(&w, false);
        part->dirty = true;
    }
    parts->remake = true;
    parts_end(core, account);
}

static void warm_take(struct core *core, struct core *from, struct account *account,
                      struct account *other)
{
    struct warm w = {.core = core, .from = from, .account = account, .other = other};
    struct account *own = parts_own(account), *other_own = parts_own(other);
    bool moved = warm_users(&w);
    // What others contribute there may not be here yet, and comes by itself.
    w.account = own != NULL ? own : account;
    w.other = other_own != NULL ? other_own : other;
    warm_take_measures(&w, moved);
    if (own != NULL)
        warm_take_parts(core, account, other);
    warm_traits(core, SCOPE_ACCOUNT, &account->subject.traits, other->subject.traits);
    for (uint32_t i = 0; i < other->n_users; i++)
        warm_traits(core, SCOPE_USER, &account->users[w.ordinals[i]].user->subject.traits,
                    other->users[i].user->subject.traits);
    mem_free(w.ordinals);
}

static void warm_profiles(struct core *core, const struct core *from)
{
    for (uint32_t i = 0; i < from->n_profiles; i++) {
        const struct profile *there = from->profiles[i];
        uint32_t number;
        struct profile *here =
            profile_find(core, there->hash, span_make(there->id, there->id_len), &number);
        if (here == NULL)
            continue;
        warm_traits(core, SCOPE_USER, &here->traits, there->traits);
        profile_touch(core, number);
    }
}

// ---- Deciding ----

static void warm_decide(struct decision *decision)
{
    struct account *account = decision->account;
    account_touch(decision->core, decision->number);
    account->subject.stale = true;
    for (uint32_t i = 0; i < account->n_users; i++) {
        account->users[i].user->subject.stale = true;
        user_touch(account, account->users[i].user);
    }
    if (account->clock_ms != STATE_NO_CLOCK)
        decide_pass(decision);
}

// What the account's measures bring along may lie beyond its clock: events that were excluded here
// and are not there (by another playbook, or by traits that the journal no longer has). They count
// now, so the clock moves as it does for an event.
static void warm_move_clock(struct decision *decision, const struct account *other)
{
    struct account *account = decision->account;
    if (other->clock_ms <= account->clock_ms)
        return;
    timers_run(decision, other->clock_ms);
    account->clock_ms = other->clock_ms;
}

static void warm_account(struct decision *decision, struct core *rebuilt)
{
    struct core *core = decision->core;
    struct account *account = decision->account;
    uint32_t number;
    struct account *other =
        account_find(rebuilt, account->hash, account_id(core, account), &number);
    // One that has no clock has counted nothing: it is left out as if it were not there. So is one
    // that is away: what it did is elsewhere, and a journal that does not begin with its links
    // would have it here too.
    if (other != NULL && !identity_is_away(account->identity) &&
        other->clock_ms != STATE_NO_CLOCK && account->clock_ms != STATE_NO_CLOCK) {
        warm_move_clock(decision, other);
        warm_take(core, rebuilt, account, other);
    }
}

// Whether the account is to be warmed: not when its row has this already, or waits.
static bool warm_wants(const struct account *account, uint64_t position)
{
    return !account->pending && position > account->covered;
}

// Accounts by ordinal. Those that need nothing else get their timers, which knew nothing of signals
// that were not decided.
static void warm_order(struct core *core, uint64_t position, struct heap *order)
{
    for (uint32_t i = 0; i < core->n_accounts; i++) {
        struct account *account = core->accounts[i];
        if (warm_wants(account, position))
            heap_push(order, account->ordinal, i);
        else if (!account->pending)
            timers_rebuild(core, account, i);
    }
}

static void warm_note_since(struct core *core, int64_t since_ms)
{
    for (int32_t m = 0; m < core->playbook->n_measures; m++) {
        if (core_measure_warming(core, m) && warm_has_cell(core, m))
            core->since_ms[m] = since_ms;
    }
}

// What was warming until now, and nothing.
struct warm_marks {
    uint64_t measures[PLAYBOOK_MEASURES_MAX / 64];
    struct sigset signals;
};

static void warm_swap_marks(struct core *core, struct warm_marks *marks)
{
    struct warm_marks held = *marks;
    memcpy(marks->measures, core->warming, sizeof marks->measures);
    marks->signals = core->warming_signals;
    memcpy(core->warming, held.measures, sizeof core->warming);
    core->warming_signals = held.signals;
}

void core_warm(struct core *core, uint64_t position, const struct core_warmed *warmed,
               struct signal_changes *changes, struct arena *arena)
{
    struct core *rebuilt = warmed->rebuilt;
    CHECK(core->playbook != NULL && rebuilt->playbook != NULL);
    CHECK(core->playbook->digest == rebuilt->playbook->digest);
    struct heap order = {0};
    struct warm_marks marks = {0};
    core->ahead.n = 0;
    moves_clear(core);
    timers_catch_up(core, position);
    core->position = position;
    warm_profiles(core, rebuilt);
    warm_note_since(core, warmed->since_ms);
    warm_swap_marks(core, &marks);
    warm_order(core, position, &order);
    while (heap_top(&order) != NULL) {
        uint32_t number = (uint32_t)heap_pop(&order).item;
        struct account *account = core->accounts[number];
        struct decision decision = {
            .core = core,
            .account = account,
            .number = number,
            .changes = changes,
            .arena = arena,
            .index = (uint64_t)account->ordinal << 32,
            .known_at_ms = warmed->known_at_ms,
            .event_id = span_make("", 0),
        };
        // For this account it is still warming until it has what it lacks.
        warm_swap_marks(core, &marks);
        warm_account(&decision, rebuilt);
        warm_swap_marks(core, &marks);
        warm_decide(&decision);
        parts_ended(core, account);
    }
    heap_deinit(&order);
}
