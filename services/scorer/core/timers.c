// SPDX-License-Identifier: Apache-2.0
// Two levels: an account's heap of (due, user's ordinal), made when a user first needs a timer; and
// the core's heap of (earliest due, account's number). Entries are never taken out: one whose key
// is no longer the due of what it names is skipped.
#include "services/scorer/core/timers.h"

#include "common/base/check.h"

#include "common/base/mem.h"
#include "services/scorer/core/score.h"
#include "services/scorer/core/value.h"

// ---- The next change of one leaf ----

static bool timers_leaf_at(struct scene *scene, int32_t at, int64_t clock_ms)
{
    int64_t kept = scene->clock_ms;
    scene->clock_ms = clock_ms;
    bool holds = condition_leaf(scene, at);
    scene->clock_ms = kept;
    return holds;
}

// The first instant in (low, high] at which the leaf is not what it is at `low`, when it changes
// once.
static int64_t timers_bisect(struct scene *scene, int32_t at, int64_t low, int64_t high)
{
    bool now = timers_leaf_at(scene, at, low);
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (timers_leaf_at(scene, at, middle) == now)
            low = middle;
        else
            high = middle;
    }
    return high;
}

// The first instant after `low` at which a score has come to `bound` (strictly: has passed it).
static int64_t timers_score_reaches(const struct cell *cell, const struct measure *measure,
                                    int64_t bound, bool strictly, int64_t low, int64_t high)
{
    bool down = score_value(cell, low, measure->half_life_ms) >= 0;
    int64_t toward = down ? 1 : -1;
    for (int64_t middle; high - low > 1;) {
        middle = low + (high - low) / 2;
        int64_t value = score_value(cell, middle, measure->half_life_ms);
        bool there = strictly ? (bound - value) * toward > 0 : (bound - value) * toward >= 0;
        if (there)
            high = middle;
        else
            low = middle;
    }
    return high;
}

// A score goes towards 0, so a test that names several numbers can change once at each of them.
static int64_t timers_score_numbers(struct scene *scene, int32_t at, const struct cell *cell,
                                    int64_t high)
{
    const struct playbook *playbook = scene->plan->playbook;
    const struct condition *leaf = &playbook->conditions[at];
    const struct measure *measure = &playbook->measures[leaf->measure];
    bool now = condition_leaf(scene, at);
    int64_t best = INT64_MAX;
    for (int32_t i = -2; i < leaf->n_values; i++) {
        int64_t bound = i == -2 ? leaf->low_milli : leaf->high_milli;
        if (i >= 0 && !value_milli(&leaf->values[i], &bound))
            continue;
        for (int strictly = 0; strictly < 2; strictly++) {
            int64_t then =
                timers_score_reaches(cell, measure, bound, strictly != 0, scene->clock_ms, high);
            if (then < best && timers_leaf_at(scene, at, then) != now)
                best = then;
        }
    }
    return best;
}

static int64_t timers_score(struct scene *scene, int32_t at)
{
    const struct playbook *playbook = scene->plan->playbook;
    const struct condition *leaf = &playbook->conditions[at];
    const struct measure *measure = &playbook->measures[leaf->measure];
    const struct cell *cell = &scene_subject(scene, measure->scope)->cells[measure->cell];
    int64_t rest, high;
    // By then nothing is left of it.
    if (cell->n == 0 ||
        __builtin_mul_overflow(measure->half_life_ms, SCORE_LEVELS_MAX + 2, &rest) ||
        __builtin_add_overflow(scene->clock_ms, rest, &high))
        return INT64_MAX;
    switch (leaf->test) {
    case TEST_GREW:
    case TEST_IS_PAST:
    case TEST_LATER_THAN:
        CHECK(false);
    case TEST_AT_LEAST:
    case TEST_AT_MOST:
    case TEST_ABOVE:
    case TEST_BELOW:
        break;
    case TEST_BETWEEN:
    case TEST_IS:
    case TEST_IN:
    case TEST_CONTAINS:
    case TEST_EXISTS:
    case TEST_WITHIN:
        return timers_score_numbers(scene, at, cell, high);
    }
    if (timers_leaf_at(scene, at, high) == condition_leaf(scene, at))
        return INT64_MAX;
    return timers_bisect(scene, at, scene->clock_ms, high);
}

static int64_t timers_candidate(const struct scene *scene, int32_t at, int64_t after_ms)
{
    const struct condition *leaf = &scene->plan->playbook->conditions[at];
    int64_t next = measure_change(scene, leaf->measure, after_ms, 0);
    if (leaf->test != TEST_WITHIN)
        return next;
    struct reading reading = measure_read(scene, leaf->measure, after_ms);
    int64_t end;
    if (reading.present && !__builtin_add_overflow(reading.milli, leaf->low_milli, &end) &&
        end > after_ms && end < next)
        next = end;
    return next;
}

// A test against one number over a value that only falls changes once: with the first bucket to
// leave by which it has changed.
static int64_t timers_falling(struct scene *scene, int32_t at)
{
    int32_t measure = scene->plan->playbook->conditions[at].measure;
    bool now = condition_leaf(scene, at);
    int64_t then = INT64_MAX;
    uint32_t from = 0, to = measure_changes(scene, measure, scene->clock_ms);
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        int64_t next = measure_change(scene, measure, scene->clock_ms, middle);
        if (timers_leaf_at(scene, at, next) == now) {
            from = middle + 1;
        } else {
            then = next;
            to = middle;
        }
    }
    return then;
}

static int64_t timers_buckets(struct scene *scene, int32_t at)
{
    const struct playbook *playbook = scene->plan->playbook;
    const struct condition *leaf = &playbook->conditions[at];
    if (scene->plan->measures[leaf->measure].falls &&
        (leaf->test == TEST_AT_LEAST || leaf->test == TEST_AT_MOST || leaf->test == TEST_ABOVE ||
         leaf->test == TEST_BELOW))
        return timers_falling(scene, at);
    bool now = condition_leaf(scene, at);
    int64_t then = scene->clock_ms;
    for (;;) {
        int64_t next = timers_candidate(scene, at, then);
        if (next == INT64_MAX)
            return next;
        CHECK(next > then);
        if (timers_leaf_at(scene, at, next) != now)
            return next;
        then = next;
    }
}

// The first instant after the scene's clock at which time alone changes the leaf.
static int64_t timers_leaf(struct scene *scene, int32_t at)
{
    const struct condition *leaf = &scene->plan->playbook->conditions[at];
    if (leaf->operand != OPERAND_MEASURE)
        return STATE_NEVER;
    bool timed = scene->plan->measures[leaf->measure].timed;
    if (!timed && leaf->test != TEST_WITHIN)
        return STATE_NEVER;
    if (scene->plan->playbook->measures[leaf->measure].kind == MEASURE_SCORE)
        return timers_score(scene, at);
    return timers_buckets(scene, at);
}

// ---- The next timer of a subject ----

static int64_t timers_of_signal(struct scene *scene, const struct plan_signal *signal,
                                enum scope scope)
{
    const struct playbook *playbook = scene->plan->playbook;
    int64_t due = STATE_NEVER;
    for (uint32_t i = 0; i < signal->n_leaves; i++) {
        const struct condition *leaf = &playbook->conditions[signal->leaves[i]];
        // What a user's signal sees of the account is timed with the account.
        if (leaf->operand == OPERAND_MEASURE && playbook->measures[leaf->measure].scope == scope) {
            int64_t next = timers_leaf(scene, signal->leaves[i]);
            due = next < due ? next : due;
        }
    }
    return due;
}

static int64_t timers_compute(struct core *core, struct account *account, struct user *user)
{
    struct decision decision = {.core = core, .account = account};
    if (account->clock_ms == STATE_NO_CLOCK)
        return STATE_NEVER;
    struct scene scene = decide_scene(&decision, user);
    const struct plan *plan = scene.plan;
    enum scope scope = user == NULL ? SCOPE_ACCOUNT : SCOPE_USER;
    const struct plan_scope *shape = &plan->scopes[scope];
    const uint8_t *flags = subject_flags(shape, scene_subject(&scene, scope));
    int64_t due = STATE_NEVER;
    for (uint32_t i = 0; i < shape->n_signals; i++) {
        const struct plan_signal *signal = &plan->signals[shape->of_number[i]];
        // One that is false and that time can only keep so needs no timer.
        if (!signal->timed || (!signal->rising && (flags[i] & SIGNAL_TRUE) == 0))
            continue;
        int64_t next = timers_of_signal(&scene, signal, scope);
        due = next < due ? next : due;
    }
    for (uint32_t i = 0; user == NULL && i < plan->n_shared; i++) {
        int64_t next = timers_leaf(&scene, plan->shared[i]);
        due = next < due ? next : due;
    }
    return due;
}

// ---- Heaps ----

static struct subject *timers_subject(struct account *account, struct user *user)
{
    return user == NULL ? &account->subject : &user->subject;
}

// Drops the account's entries when most of them are old.
static void timers_compact(struct account *account)
{
    struct heap *heap = account->timers;
    if (heap->n < 64 || heap->n / 4 < account->n_users)
        return;
    heap->n = 0;
    for (uint32_t i = 0; i < account->n_users; i++) {
        struct user *user = account->users[i].user;
        if (user->subject.due_ms != STATE_NEVER)
            heap_push(heap, user->subject.due_ms, i);
    }
}

static void timers_set(struct account *account, struct user *user, int64_t due_ms)
{
    struct subject *subject = timers_subject(account, user);
    if (subject->due_ms == due_ms)
        return;
    subject->due_ms = due_ms;
    if (user == NULL || due_ms == STATE_NEVER)
        return;
    if (account->timers == NULL)
        account->timers = mem_zalloc(sizeof *account->timers);
    heap_push(account->timers, due_ms, user->ordinal);
    timers_compact(account);
}

// The earliest due of the account's subjects.
static int64_t timers_due(struct account *account)
{
    int64_t due = account->subject.due_ms;
    const struct heap_entry *top = account->timers == NULL ? NULL : heap_top(account->timers);
    while (top != NULL && account->users[top->item].user->subject.due_ms != top->key) {
        (void)heap_pop(account->timers);
        top = heap_top(account->timers);
    }
    return top != NULL && top->key < due ? top->key : due;
}

void timers_queue(struct core *core, struct account *account, uint32_t number)
{
    int64_t due = timers_due(account);
    if (due >= account->queued_ms)
        return;
    account->queued_ms = due;
    heap_push(&core->timers, due, number);
}

void timers_refresh(const struct decision *decision, struct user *user)
{
    struct account *account = decision->account;
    timers_set(account, user, timers_compute(decision->core, account, user));
    int64_t due = timers_subject(account, user)->due_ms;
    if (due < account->queued_ms)
        timers_queue(decision->core, account, decision->number);
}

void timers_rebuild(struct core *core, struct account *account, uint32_t number)
{
    struct decision decision = {.core = core, .account = account, .number = number};
    timers_refresh(&decision, NULL);
    for (uint32_t i = 0; i < account->n_users; i++)
        timers_refresh(&decision, account->users[i].user);
}

// ---- Running ----

// Takes the users whose timers are due exactly at the instant out of the heap, by ordinal; what was
// due too early is put back. Their ordinals are in core->scratch.
static uint32_t timers_take(struct core *core, struct account *account, int64_t at_ms)
{
    uint32_t n = 0;
    const struct heap_entry *top;
    while (account->timers != NULL && (top = heap_top(account->timers)) != NULL &&
           top->key <= at_ms) {
        struct heap_entry entry = heap_pop(account->timers);
        struct user *user = account->users[entry.item].user;
        if (user->subject.due_ms != entry.key)
            continue;
        int64_t exact = timers_compute(core, account, user);
        user->subject.due_ms = STATE_NEVER;
        if (exact > at_ms) {
            timers_set(account, user, exact);
            continue;
        }
        state_scratch(core, n + 1)[n] = user->ordinal;
        n++;
    }
    return n;
}

static void timers_fire(struct decision *decision, int64_t at_ms)
{
    static const struct sigset NONE;
    struct core *core = decision->core;
    struct account *account = decision->account;
    bool own = account->subject.due_ms <= at_ms;
    if (own) {
        int64_t exact = timers_compute(core, account, NULL);
        timers_set(account, NULL, exact);
        own = exact <= at_ms;
    }
    uint32_t n = timers_take(core, account, at_ms);
    if (!own && n == 0)
        return;
    CHECK(at_ms > account->clock_ms);
    account->clock_ms = at_ms;
    account_touch(core, decision->number);
    for (uint32_t i = 0; i < n; i++) {
        struct user *user = account->users[core->scratch[i]].user;
        decide_user(decision, user, &core->plan->scopes[SCOPE_USER].all);
        timers_refresh(decision, user);
    }
    decide_account(decision, own ? &core->plan->scopes[SCOPE_ACCOUNT].all : &NONE);
    timers_refresh(decision, NULL);
}

void timers_run(struct decision *decision, int64_t limit_ms)
{
    struct account *account = decision->account;
    for (;;) {
        int64_t due = timers_due(account);
        if (due > limit_ms || due == STATE_NEVER)
            break;
        timers_fire(decision, due);
    }
    account->queued_ms = STATE_NEVER;
    timers_queue(decision->core, account, decision->number);
}

int64_t timers_next(struct core *core, struct account *account)
{
    for (;;) {
        int64_t due = timers_due(account);
        if (due == STATE_NEVER)
            return due;
        struct user *user = NULL;
        if (account->subject.due_ms != due)
            user = account->users[heap_top(account->timers)->item].user;
        int64_t exact = timers_compute(core, account, user);
        if (exact == due)
            return due;
        timers_set(account, user, exact);
    }
}
