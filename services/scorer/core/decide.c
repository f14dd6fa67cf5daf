// SPDX-License-Identifier: Apache-2.0
// An account is decided in one order: the user of the event (or those whose timers run, by
// ordinal); then, as long as what user signals see of the account keeps changing, every user by
// ordinal; then the account. Within a subject signals go in the playbook's order, where each comes
// after those it refers to.
#include "services/scorer/core/decide.h"

#include "common/base/check.h"

#include "common/base/mem.h"
#include "common/base/time_text.h"
#include "services/scorer/core/timers.h"
#include "services/scorer/core/wording.h"

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

// ---- Changes ----

// Adds the leaves that hold and speak for the condition; counts them when `out` is NULL.
static size_t decide_evidence(const struct scene *scene, int32_t at, bool negated, enum scope scope,
                              struct evidence *out, struct arena *arena)
{
    const struct playbook *playbook = scene->plan->playbook;
    const struct condition *condition = &playbook->conditions[at];
    size_t n = 0;
    switch (condition->kind) {
    case CONDITION_AT_LEAST_N:
        CHECK(false);
    case CONDITION_ALL:
    case CONDITION_ANY:
    case CONDITION_NOT:
        for (int32_t i = 0; i < condition->n_children; i++)
            n += decide_evidence(scene, condition->children[i],
                                 negated != (condition->kind == CONDITION_NOT), scope,
                                 out == NULL ? NULL : out + n, arena);
        return n;
    case CONDITION_SIGNAL: {
        const struct signal *other = &playbook->signals[condition->signal];
        return decide_evidence(scene, other->condition, negated, other->scope, out, arena);
    }
    case CONDITION_ALWAYS:
        return 0;
    case CONDITION_TEST:
        break;
    }
    if (negated || !condition_leaf(scene, at))
        return 0;
    if (out != NULL) {
        int64_t since = subject_leaves(&scene->plan->scopes[scope],
                                       scene_subject(scene, scope))[condition->leaf];
        *out = (struct evidence){
            .condition = arena_dup(arena, span_of(condition->text)),
            .value = wording_value(scene, at, arena),
            .threshold = arena_dup(arena, span_of(condition->threshold)),
            .since_ms = since == 0 ? scene->clock_ms : since,
        };
    }
    return 1;
}

static struct span decide_copy(struct arena *arena, struct span s)
{
    return span_make(arena_dup(arena, s), s.len);
}

static void decide_emit(struct decision *decision, const struct scene *scene,
                        const struct signal *signal, bool value)
{
    struct arena *arena = decision->arena;
    struct signal_changes *changes = decision->changes;
    struct evidence *evidence = NULL;
    size_t n = 0;
    if (value) {
        n = decide_evidence(scene, signal->condition, false, signal->scope, NULL, arena);
        evidence = arena_alloc(arena, (n + 1) * sizeof *evidence);
        (void)decide_evidence(scene, signal->condition, false, signal->scope, evidence, arena);
    }
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
    };
}

// A user's signal has changed: what counts such users has too.
static void decide_count_user(struct decision *decision, int32_t signal, bool value, bool first)
{
    const struct plan *plan = decision->core->plan;
    for (uint32_t i = 0; i < plan->n_counting; i++) {
        const struct measure *measure = &plan->playbook->measures[plan->counting[i]];
        if (measure->signal != signal || (measure->ever && !first))
            continue;
        cell_put(&decision->account->subject.cells[measure->cell], 0, value ? 1 : -1, CELL_ADD,
                 INT64_MIN);
    }
    sigset_join(&decision->account_signals, &plan->users_with[signal]);
    decision->counted = true;
}

static void decide_signal(struct decision *decision, struct scene *scene, int32_t position)
{
    const struct plan *plan = scene->plan;
    const struct signal *signal = &plan->playbook->signals[position];
    const struct plan_scope *scope = &plan->scopes[signal->scope];
    struct subject *subject = scene_subject(scene, signal->scope);
    uint8_t *flags = &subject_flags(scope, subject)[signal->number];
    bool value = condition_decide(scene, signal->condition, signal->scope);
    scene->flipped = scene->flipped || plan->signals[position].unsteady;
    if (value == ((*flags & SIGNAL_TRUE) != 0))
        return;
    bool first = (*flags & SIGNAL_EVER) == 0;
    *flags = value ? SIGNAL_TRUE | SIGNAL_EVER : (uint8_t)(*flags & ~SIGNAL_TRUE);
    struct signal_mark *mark = subject_mark(scope, subject, signal->number);
    mark->since_ms = scene->clock_ms;
    mem_free(mark->event_id);
    mark->event_id = decision->event_id.len == 0 ? NULL : mem_dup(decision->event_id);
    scene->flipped = true;
    decide_emit(decision, scene, signal, value);
    if (signal->scope == SCOPE_USER)
        decide_count_user(decision, position, value, first);
}

static void decide_set(struct decision *decision, struct scene *scene, const struct sigset *set)
{
    for (int32_t s = sigset_next(set, 0); s >= 0; s = sigset_next(set, s + 1))
        decide_signal(decision, scene, s);
}

// ---- Subjects ----

static void decide_lapse_signal(const struct scene *scene, enum scope scope, int32_t position)
{
    const struct plan *plan = scene->plan;
    const struct plan_signal *signal = &plan->signals[position];
    int64_t *leaves = subject_leaves(&plan->scopes[scope], scene_subject(scene, scope));
    for (uint32_t i = 0; i < signal->n_leaves; i++) {
        const struct condition *leaf = &plan->playbook->conditions[signal->leaves[i]];
        if (leaf->operand == OPERAND_MEASURE && leaves[leaf->leaf] != 0 &&
            (plan->measures[leaf->measure].timed || leaf->test == TEST_WITHIN) &&
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

void decide_user(struct decision *decision, struct user *user, const struct sigset *set)
{
    struct scene scene = decide_scene(decision, user);
    uint32_t version = scene.profile == NULL ? 0 : scene.profile->version;
    scene.touched = decision->touched;
    if (user->subject.stale || user->profile_version != version) {
        set = &scene.plan->scopes[SCOPE_USER].all;
        scene.touched = NULL;
        scene.flipped = true;
    }
    user->subject.stale = false;
    user->profile_version = version;
    decide_set(decision, &scene, set);
    if (!scene.flipped)
        return;
    timers_refresh(decision, user);
    user_touch(decision->account, user);
}

// Whether what user signals see of the account has changed.
static bool decide_shared_changed(const struct decision *decision)
{
    struct scene scene = decide_scene(decision, NULL);
    const struct plan *plan = scene.plan;
    uint8_t *shared = subject_shared(&plan->scopes[SCOPE_ACCOUNT], &decision->account->subject);
    bool changed = false;
    for (uint32_t i = 0; i < plan->n_shared; i++) {
        bool holds = condition_leaf(&scene, plan->shared[i]);
        changed = changed || holds != (shared[i] != 0);
        shared[i] = holds;
    }
    return changed;
}

static void decide_every_user(struct decision *decision)
{
    const struct plan *plan = decision->core->plan;
    const uint64_t *touched = decision->touched;
    decision->touched = NULL;
    for (uint32_t i = 0; i < decision->account->n_users; i++) {
        struct user *user = decision->account->users[i].user;
        if (user->counted)
            decide_user(decision, user, &plan->shared_signals);
    }
    decision->touched = touched;
}

void decide_account(struct decision *decision, const struct sigset *set)
{
    const struct plan *plan = decision->core->plan;
    struct subject *subject = &decision->account->subject;
    bool flipped = subject->stale || plan->shared_unsteady;
    // Users that change may change what the others see; a signal refers to earlier ones only, so
    // this comes to rest within as many rounds as there are signals.
    for (int32_t round = 0; plan->n_shared > 0 && round <= plan->playbook->n_signals; round++) {
        if (!decide_shared_changed(decision))
            break;
        flipped = true;
        decide_every_user(decision);
    }
    struct scene scene = decide_scene(decision, NULL);
    struct sigset look = *set;
    sigset_join(&look, &decision->account_signals);
    scene.touched = decision->counted ? NULL : decision->touched;
    if (subject->stale) {
        look = plan->scopes[SCOPE_ACCOUNT].all;
        scene.touched = NULL;
    }
    subject->stale = false;
    decision->account_signals = (struct sigset){0};
    decision->counted = false;
    decide_set(decision, &scene, &look);
    if (flipped || scene.flipped)
        timers_refresh(decision, NULL);
}
