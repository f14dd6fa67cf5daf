// SPDX-License-Identifier: Apache-2.0
// Two levels: an account's heap of (due, user's ordinal), made when a user first needs a timer; and
// the core's heap of (earliest due, account's number). Entries are never taken out: one whose key
// is no longer the due of what it names is skipped.
#include "services/scorer/core/timers.h"

#include "common/base/check.h"

#include "common/base/mem.h"
#include "services/scorer/core/fact.h"
#include "services/scorer/core/memory.h"
#include "services/scorer/core/timers_leaf.h"

// ---- The next timer of a subject ----

// Whether what the leaf sees of profiles is what it was decided by.
static bool timers_settled(const struct scene *scene, const struct plan_leaf *leaf)
{
    if (leaf->by_profile && scene->user != NULL && decide_is_behind(scene->core, scene->user))
        return false;
    for (uint32_t i = 0; leaf->by_profiles && i < scene->account->n_users; i++) {
        struct user *user = scene->account->users[i].user;
        if (user->counted && decide_is_behind(scene->core, user))
            return false;
    }
    return true;
}

static int64_t timers_of_leaf(struct scene *scene, int32_t at, enum timers_how how)
{
    const struct plan_leaf *leaf = &scene->plan->leaves[at];
    return leaf->timed && timers_settled(scene, leaf) ? timers_leaf(scene, at, how) : STATE_NEVER;
}

// When what a fact tells changes, while it is true.
static int64_t timers_of_fact(struct scene *scene, const struct signal *fact, enum timers_how how)
{
    const struct plan_leaf *leaf = &scene->plan->leaves[fact->condition];
    return leaf->timed && timers_settled(scene, leaf) ? timers_fact(scene, fact, how) : STATE_NEVER;
}

static int64_t timers_of_signal(struct scene *scene, int32_t position, enum timers_how how)
{
    const struct plan *plan = scene->plan;
    const struct plan_signal *signal = &plan->signals[position];
    const struct signal *what = &plan->playbook->signals[position];
    int64_t due = STATE_NEVER;
    if (fact_is(what) && condition_signal(scene, position))
        return timers_of_fact(scene, what, how);
    for (uint32_t i = 0; i < signal->n_leaves; i++) {
        // What every user sees of the account is timed with the account.
        if (plan->leaves[signal->leaves[i]].sight == SIGHT_SHARED)
            continue;
        int64_t next = timers_of_leaf(scene, signal->leaves[i], how);
        due = next < due ? next : due;
    }
    return due;
}

static int64_t timers_of_subject(struct scene *scene, enum scope scope, enum timers_how how)
{
    const struct plan *plan = scene->plan;
    const struct plan_scope *shape = &plan->scopes[scope];
    struct subject *subject = scene_subject(scene, scope);
    const uint8_t *flags = subject_flags(shape, subject);
    int64_t due = STATE_NEVER;
    for (uint32_t i = 0; i < shape->n_signals; i++) {
        int32_t position = shape->of_number[i];
        const struct plan_signal *signal = &plan->signals[position];
        // One that is false and that time can only keep so needs no timer.
        if (!signal->timed || (!signal->rising && (flags[i] & SIGNAL_TRUE) == 0) ||
            sigset_has(&scene->core->warming_signals, position))
            continue;
        int64_t next = timers_of_signal(scene, position, how);
        due = next < due ? next : due;
        next = memory_due(&plan->playbook->signals[position], flags[i],
                          subject->marks == NULL ? NULL : &subject->marks[i]);
        if (next > scene->clock_ms)
            due = next < due ? next : due;
    }
    return due;
}

static int64_t timers_compute(struct core *core, struct account *account, struct user *user,
                              enum timers_how how)
{
    struct decision decision = {.core = core, .account = account};
    if (account->clock_ms == STATE_NO_CLOCK || (user != NULL && !user->counted) ||
        decide_is_away(account, user))
        return STATE_NEVER;
    struct scene scene = decide_scene(&decision, user);
    if (user != NULL)
        return timers_of_subject(&scene, SCOPE_USER, how);
    int64_t due = timers_of_subject(&scene, SCOPE_ACCOUNT, how);
    for (uint32_t i = 0; i < scene.plan->n_shared; i++) {
        const struct plan_shared *shared = &scene.plan->shared[i];
        if (sigset_has(&core->warming_signals, shared->signal))
            continue;
        int64_t next = timers_of_leaf(&scene, shared->leaf, how);
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
    timers_set(account, user, timers_compute(decision->core, account, user, TIMERS_EARLY));
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

void timers_catch_up(struct core *core, uint64_t position)
{
    const struct heap_entry *top;
    while ((top = heap_top(&core->ahead_rows)) != NULL && (uint64_t)top->key < position) {
        uint32_t number = (uint32_t)heap_pop(&core->ahead_rows).item;
        if (!core->accounts[number]->pending)
            timers_rebuild(core, core->accounts[number], number);
    }
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
        int64_t exact = timers_compute(core, account, user, TIMERS_EXACT);
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
    struct core *core = decision->core;
    struct account *account = decision->account;
    bool own = account->subject.due_ms <= at_ms;
    if (own) {
        int64_t exact = timers_compute(core, account, NULL, TIMERS_EXACT);
        timers_set(account, NULL, exact);
        own = exact <= at_ms;
    }
    uint32_t n = timers_take(core, account, at_ms);
    if (!own && n == 0)
        return;
    CHECK(at_ms > account->clock_ms);
    account->clock_ms = at_ms;
    account_touch(core, decision->number);
    for (uint32_t i = 0; i < n; i++)
        decide_moved(decision, account->users[core->scratch[i]].user);
    decision->n_users = n;
    decision->moved = true;
    if (n > 0)
        decision->look[SCOPE_USER] = core->plan->scopes[SCOPE_USER].all;
    if (own)
        decision->look[SCOPE_ACCOUNT] = core->plan->scopes[SCOPE_ACCOUNT].all;
    decide_pass(decision);
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
        int64_t exact = timers_compute(core, account, user, TIMERS_EXACT);
        if (exact == due)
            return due;
        timers_set(account, user, exact);
    }
}
