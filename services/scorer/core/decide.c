// SPDX-License-Identifier: Apache-2.0
// An account is decided in one pass along the playbook's signals, each of which comes after those
// that it refers to. At each signal the subjects are decided for whom it may have changed, users by
// ordinal, of whom nothing is left last: those at hand (the user of the event, or those whose
// timers are due, or who are stale), or all of them, when what they see of the account has changed.
// A signal that changes asks for those that look at it. So each is decided after all that it looks
// at.
//
// To decide one that nothing has touched changes nothing; so a set may ask for too much.
#include "services/scorer/core/decide.h"

#include "common/base/mem.h"
#include "common/base/time_text.h"
#include "services/scorer/core/fact.h"
#include "services/scorer/core/identity_impl.h"
#include "services/scorer/core/memory.h"
#include "services/scorer/core/telling.h"
#include "services/scorer/core/timers.h"

struct scene decide_scene(const struct decision *decision, struct user *user)
{
    return (struct scene){
        .core = decision->core,
        .plan = decision->core->plan,
        .account = decision->account,
        .user = user,
        .profile = user == NULL ? NULL : profile_of(decision->core, user),
        .clock_ms = decision->account->clock_ms,
    };
}

bool decide_is_away(const struct account *account, const struct user *user)
{
    return account->vacant || identity_is_away(account->identity) || (user != NULL && user->away);
}

// ---- Asking for more ----

static void decide_ask(struct decision *decision, struct sigset *of, const struct sigset *set)
{
    if (sigset_empty(set))
        return;
    sigset_join(of, set);
    sigset_join(&decision->todo, set);
    // The event is no longer all that may have changed a leaf.
    decision->touched = NULL;
}

void decide_moved(struct decision *decision, struct user *user)
{
    struct core *core = decision->core;
    if (user->moved)
        return;
    user->moved = true;
    MEM_GROW(core->moved, core->n_moved, core->moved_cap);
    core->moved[core->n_moved++] = user;
}

// Leaves of the account that signals of users look at.
static void decide_shared(struct decision *decision)
{
    struct scene scene = decide_scene(decision, NULL);
    const struct plan *plan = scene.plan;
    uint8_t *shared = subject_shared(&plan->scopes[SCOPE_ACCOUNT], &decision->account->subject);
    struct sigset flipped = {0};
    for (uint32_t i = 0; i < plan->n_shared; i++) {
        const struct plan_shared *at = &plan->shared[i];
        if (decision->touched != NULL && !condition_touched(&scene, at->leaf, decision->touched))
            continue;
        bool holds = condition_leaf(&scene, at->leaf);
        decision->moved = decision->moved || plan->signals[at->signal].unsteady;
        if (holds == (shared[i] != 0))
            continue;
        shared[i] = holds;
        decision->moved = true;
        sigset_add(&flipped, at->signal);
    }
    decide_ask(decision, &decision->every, &flipped);
}

static void decide_drag(struct decision *decision, int32_t signal)
{
    const struct plan_drag *drag = &decision->core->plan->drags[signal];
    bool everyone = sigset_has(&decision->every, signal);
    decide_ask(decision, everyone ? &decision->every : &decision->look[SCOPE_USER], &drag->own);
    decide_ask(decision, &decision->look[SCOPE_ACCOUNT], &drag->account);
    decide_ask(decision, &decision->every, &drag->every);
    if (drag->shared) {
        decision->touched = NULL;
        decide_shared(decision);
    }
}

// ---- Changes ----

static struct span decide_copy(struct arena *arena, struct span s)
{
    return span_make(arena_dup(arena, s), s.len);
}

static const char *decide_reason(const struct scene *scene, const struct signal *signal, bool value,
                                 bool left, struct arena *arena)
{
    if (value)
        return "";
    return decide_is_away(scene->account, scene->user)
               ? identity_reason(scene->core, scene->account, scene->user, arena)
               : telling_reason(scene, signal, left, arena);
}

static void decide_emit(struct decision *decision, const struct scene *scene,
                        const struct signal *signal, const struct signal_mark *mark, bool value,
                        bool left)
{
    struct arena *arena = decision->arena;
    struct signal_changes *changes = decision->changes;
    const struct evidence *evidence = NULL;
    size_t n = 0;
    if (value)
        evidence = telling_evidence(scene, signal, arena, &n);
    MEM_GROW(changes->items, changes->n, changes->cap);
    changes->items[changes->n++] = (struct signal_change){
        .index = decision->index++,
        .signal = arena_dup(arena, span_of(signal->name)),
        .value = value,
        .account = decide_copy(arena, account_id(decision->core, decision->account)),
        .user = scene->user == NULL ? span_make("", 0)
                                    : decide_copy(arena, user_id(decision->core, scene->user)),
        .at_ms = scene->clock_ms,
        .known_at_ms = decision->known_at_ms,
        .event_id = decide_copy(arena, decision->event_id),
        .playbook = arena_dup(arena, span_of(scene->plan->playbook->label)),
        .evidence = evidence,
        .n_evidence = n,
        .episode = mark->episodes,
        .label = value && fact_is(signal) ? fact_text(scene, signal, arena)
                                          : arena_dup(arena, span_of(signal->label)),
        .reason = decide_reason(scene, signal, value, left, arena),
    };
}

// A user's signal has changed: what counts such users has too.
static void decide_count_user(const struct decision *decision, int32_t signal, bool value,
                              bool first)
{
    const struct plan *plan = decision->core->plan;
    for (uint32_t i = 0; i < plan->n_counting; i++) {
        const struct measure *measure = &plan->playbook->measures[plan->counting[i]];
        if (measure->signal != signal || (measure->ever && !first))
            continue;
        cell_put(&decision->account->subject.cells[measure->cell], 0, value ? 1 : -1, CELL_ADD,
                 INT64_MIN);
    }
}

static void decide_mark(const struct decision *decision, struct scene *scene,
                        struct signal_mark *mark)
{
    mark->since_ms = scene->clock_ms;
    mem_free(mark->event_id);
    mark->event_id = decision->event_id.len == 0 ? NULL : mem_dup(decision->event_id);
    scene->flipped = true;
}

// A fact that stays true is told again when its value is another one.
static void decide_fact(struct decision *decision, struct scene *scene, const struct signal *signal)
{
    // What neither the event nor time has touched is as it was.
    if (scene->touched != NULL && !condition_touched(scene, signal->condition, scene->touched))
        return;
    struct signal_mark *mark = subject_mark(&scene->plan->scopes[signal->scope],
                                            scene_subject(scene, signal->scope), signal->number);
    uint64_t told = fact_hash(scene, signal, decision->arena);
    if (told == mark->told)
        return;
    mark->told = told;
    decide_mark(decision, scene, mark);
    decide_emit(decision, scene, signal, mark, true, false);
}

static void decide_change(struct decision *decision, struct scene *scene, int32_t position,
                          bool value, bool left)
{
    const struct signal *signal = &scene->plan->playbook->signals[position];
    const struct plan_scope *scope = &scene->plan->scopes[signal->scope];
    struct subject *subject = scene_subject(scene, signal->scope);
    uint8_t *flags = &subject_flags(scope, subject)[signal->number];
    bool first = value && (*flags & SIGNAL_EVER) == 0;
    *flags = (uint8_t)(value ? *flags | SIGNAL_TRUE | SIGNAL_EVER : *flags & ~SIGNAL_TRUE);
    struct signal_mark *mark = subject_mark(scope, subject, signal->number);
    mark->episodes += value;
    if (fact_is(signal))
        mark->told = value ? fact_hash(scene, signal, decision->arena) : 0;
    decide_mark(decision, scene, mark);
    decide_emit(decision, scene, signal, mark, value, left);
    if (signal->scope == SCOPE_USER)
        decide_count_user(decision, position, value, first);
    decide_drag(decision, position);
}

static void decide_signal(struct decision *decision, struct scene *scene, int32_t position)
{
    const struct signal *signal = &scene->plan->playbook->signals[position];
    bool left = false, value = false;
    scene->touched = decision->touched;
    if (decide_is_away(scene->account, scene->user)) {
        memory_forget(scene, signal);
    } else {
        value = condition_decide(scene, signal->condition, signal->scope);
        if (signal->memory)
            value = memory_decide(scene, signal, value, &left);
    }
    scene->flipped = scene->flipped || scene->plan->signals[position].unsteady;
    if (value != condition_signal(scene, position))
        decide_change(decision, scene, position, value, left);
    else if (value && fact_is(signal))
        decide_fact(decision, scene, signal);
}

// ---- Lapses ----

static void decide_lapse_signal(const struct scene *scene, enum scope scope, int32_t position)
{
    const struct plan *plan = scene->plan;
    const struct plan_signal *signal = &plan->signals[position];
    int64_t *leaves = subject_leaves(&plan->scopes[scope], scene_subject(scene, scope));
    for (uint32_t i = 0; i < signal->n_leaves; i++) {
        const struct condition *leaf = &plan->playbook->conditions[signal->leaves[i]];
        if (leaves[leaf->leaf] != 0 && plan->leaves[signal->leaves[i]].timed &&
            !condition_leaf(scene, signal->leaves[i]))
            leaves[leaf->leaf] = 0;
    }
}

void decide_lapse(const struct decision *decision, struct user *user, const struct sigset *set)
{
    const struct plan *plan = decision->core->plan;
    enum scope scope = user == NULL ? SCOPE_ACCOUNT : SCOPE_USER;
    const struct plan_scope *shape = &plan->scopes[scope];
    struct subject *subject = user == NULL ? &decision->account->subject : &user->subject;
    const uint8_t *flags = subject_flags(shape, subject);
    int32_t *looked = subject_looked(shape, subject);
    int64_t clock_ms = decision->account->clock_ms;
    int32_t hour = (int32_t)time_hour(clock_ms), day = (int32_t)time_day(clock_ms);
    if (subject->stale)
        set = &shape->all;
    for (int32_t s = sigset_next(set, 0); s >= 0; s = sigset_next(set, s + 1)) {
        const struct plan_signal *signal = &plan->signals[s];
        int32_t number = plan->playbook->signals[s].number;
        int32_t now = signal->hourly ? hour : day;
        // A signal that is true, or that time could make so, has timers that see every leaf change.
        if (!signal->timed || signal->rising || (flags[number] & SIGNAL_TRUE) != 0 ||
            (looked[number] == now && !signal->fading))
            continue;
        looked[number] = now;
        struct scene scene = decide_scene(decision, user);
        decide_lapse_signal(&scene, scope, s);
    }
}

// ---- A pass ----

bool decide_is_behind(struct core *core, struct user *user)
{
    const struct profile *profile = profile_of(core, user);
    return user->profile_version != (profile == NULL ? 0 : profile->version);
}

static bool decide_is_stale(const struct decision *decision, struct user *user)
{
    return user->subject.stale || decide_is_behind(decision->core, user);
}

// Makes a stale user one for whom all is decided.
static void decide_freshen(struct decision *decision, struct user *user)
{
    const struct profile *profile = profile_of(decision->core, user);
    uint32_t version = profile == NULL ? 0 : profile->version;
    // A profile's past is the user's, and its account's events are judged by it.
    if (user->profile_version != version && decision->core->plan->past_in_account)
        decision->account->subject.stale = true;
    user->subject.stale = false;
    user->profile_version = version;
    decide_ask(decision, &decision->look[SCOPE_USER],
               &decision->core->plan->scopes[SCOPE_USER].all);
    decision->touched = NULL;
    decide_moved(decision, user);
}

static struct user *decide_at_hand(const struct decision *decision, uint32_t i)
{
    return decision->user != NULL ? decision->user
                                  : decision->account->users[decision->core->scratch[i]].user;
}

// Takes the stale users in: they may not see what the others see.
static void decide_gather_stale(struct decision *decision)
{
    struct account *account = decision->account;
    for (uint32_t i = 0; i < decision->n_users; i++)
        decide_at_hand(decision, i)->at_hand = true;
    uint32_t n = 0;
    for (uint32_t i = 0; i < account->n_users; i++) {
        struct user *user = account->users[i].user;
        if (!user->at_hand && !(user->counted && user->subject.stale))
            continue;
        user->at_hand = false;
        state_scratch(decision->core, n + 1)[n] = i;
        n++;
    }
    decision->user = NULL;
    decision->n_users = n;
}

static void decide_freshen_users(struct decision *decision)
{
    for (uint32_t i = 0; i < decision->n_users; i++) {
        struct user *user = decide_at_hand(decision, i);
        if (decide_is_stale(decision, user))
            decide_freshen(decision, user);
    }
}

static void decide_begin(struct decision *decision)
{
    const struct plan *plan = decision->core->plan;
    struct subject *subject = &decision->account->subject;
    decision->todo = decision->look[SCOPE_USER];
    sigset_join(&decision->todo, &decision->look[SCOPE_ACCOUNT]);
    if (!sigset_empty(&decision->every))
        decide_ask(decision, &decision->every, &decision->every);
    decide_freshen_users(decision);
    if (subject->stale) {
        subject->stale = false;
        decision->touched = NULL;
        decision->moved = true;
        decide_ask(decision, &decision->look[SCOPE_ACCOUNT], &plan->scopes[SCOPE_ACCOUNT].all);
        decide_ask(decision, &decision->every, &plan->mixed);
        decide_gather_stale(decision);
        decide_freshen_users(decision);
    }
    if (plan->n_shared > 0)
        decide_shared(decision);
}

static void decide_for_user(struct decision *decision, struct user *user, int32_t position)
{
    struct scene scene = decide_scene(decision, user);
    decide_signal(decision, &scene, position);
    if (scene.flipped)
        decide_moved(decision, user);
}

// Those who are here, or those who leave; true: there are others.
static bool decide_for_those(struct decision *decision, int32_t position, bool everyone,
                             bool leaving)
{
    const struct account *account = decision->account;
    uint32_t n = everyone ? account->n_users : decision->n_users;
    bool others = false;
    for (uint32_t i = 0; i < n; i++) {
        struct user *user = everyone ? account->users[i].user : decide_at_hand(decision, i);
        if (everyone && !user->counted)
            continue;
        if (user->away == leaving)
            decide_for_user(decision, user, position);
        else
            others = true;
    }
    return others;
}

// `hand`: the scene of the one user at hand, when there is only that one. Who leaves comes last: a
// signal that goes from one user to another is true of somebody all the time.
static void decide_for_users(struct decision *decision, struct scene *hand, int32_t position)
{
    bool everyone = sigset_has(&decision->every, position);
    if (!everyone && decision->user != NULL)
        decide_signal(decision, hand, position);
    else if (decide_for_those(decision, position, everyone, false))
        (void)decide_for_those(decision, position, everyone, true);
}

static void decide_end(struct decision *decision)
{
    struct core *core = decision->core;
    for (size_t i = 0; i < core->n_moved; i++) {
        struct user *user = core->moved[i];
        user->moved = false;
        timers_refresh(decision, user);
        user_touch(decision->account, user);
    }
    core->n_moved = 0;
    if (decision->moved)
        timers_refresh(decision, NULL);
    decision->look[SCOPE_USER] = decision->look[SCOPE_ACCOUNT] = decision->every =
        (struct sigset){0};
    decision->user = NULL;
    decision->n_users = 0;
    decision->moved = false;
}

void decide_pass(struct decision *decision)
{
    const struct playbook *playbook = decision->core->playbook;
    const struct sigset *warming = &decision->core->warming_signals;
    decide_begin(decision);
    struct user *user = decision->user;
    struct scene scene = decide_scene(decision, NULL), hand = scene;
    if (user != NULL)
        hand = decide_scene(decision, user);
    for (int32_t s = sigset_next(&decision->todo, 0); s >= 0;
         s = sigset_next(&decision->todo, s + 1)) {
        if (sigset_has(warming, s))
            continue;
        if (playbook->signals[s].scope == SCOPE_ACCOUNT)
            decide_signal(decision, &scene, s);
        else
            decide_for_users(decision, &hand, s);
    }
    if (user != NULL && hand.flipped)
        decide_moved(decision, user);
    decision->moved = decision->moved || scene.flipped;
    decide_end(decision);
}
