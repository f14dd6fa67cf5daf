// SPDX-License-Identifier: Apache-2.0
// What a plan notes across measures, signals and scopes. A measure that is derived looks at all
// that its parts look at.
#include "services/scorer/core/plan.h"

#include <string.h>

#include "common/base/check.h"

// What a measure or a leaf looks at.
struct across {
    uint64_t measures[PLAYBOOK_MEASURES_MAX / 64];
    // Signals, by how far a change of one reaches: it is of the same user; it is of the account, or
    // an account's measure lies between.
    struct sigset near, far;
    bool of_user, of_account;     // a measure or a trait of one
    bool by_profile, by_profiles; // see plan_leaf
};

static void across_where(const struct plan *plan, int32_t at, bool far, struct across *out)
{
    const struct condition *condition = &plan->playbook->conditions[at];
    for (int32_t i = 0; i < condition->n_children; i++)
        across_where(plan, condition->children[i], far, out);
    if (condition->kind != CONDITION_TEST)
        return;
    if (condition->operand == OPERAND_ACCOUNT_TRAIT)
        out->of_account = true;
    if (condition->operand == OPERAND_USER_TRAIT)
        *(far ? &out->by_profiles : &out->by_profile) = true;
}

static void across_signal(const struct plan *plan, int32_t signal, bool far, struct across *out)
{
    if (signal == PLAYBOOK_NONE)
        return;
    bool account = plan->playbook->signals[signal].scope == SCOPE_ACCOUNT;
    sigset_add(account || far ? &out->far : &out->near, signal);
    if (account)
        out->of_account = true;
    else
        out->of_user = true;
}

static void across_measure(const struct plan *plan, int32_t at, bool far, struct across *out)
{
    const struct measure *measure = &plan->playbook->measures[at];
    bool account = measure->scope == SCOPE_ACCOUNT;
    struct across inner = {0};
    far = far || account;
    out->measures[at / 64] |= UINT64_C(1) << (at % 64);
    if (measure->kind == MEASURE_USERS_WITH || measure->kind == MEASURE_SINCE)
        across_signal(plan, measure->signal, far, &inner);
    bool weighs = measure->kind == MEASURE_WEIGHTED || measure->kind == MEASURE_BEST;
    if (weighs)
        across_signal(plan, measure->veto, far, &inner);
    for (int32_t i = 0; weighs && i < measure->n_terms; i++) {
        if (measure->terms[i].measure != PLAYBOOK_NONE)
            across_measure(plan, measure->terms[i].measure, far, &inner);
        else
            across_signal(plan, measure->terms[i].signal, far, &inner);
    }
    if (measure->kind == MEASURE_GRADE) {
        across_measure(plan, measure->rows.measure, far, &inner);
        across_measure(plan, measure->columns.measure, far, &inner);
    }
    if (measure->historic && measure->where != PLAYBOOK_NONE)
        across_where(plan, measure->where, account, &inner);
    for (size_t i = 0; i < PLAYBOOK_MEASURES_MAX / 64; i++)
        out->measures[i] |= inner.measures[i];
    sigset_join(&out->near, &inner.near);
    sigset_join(&out->far, &inner.far);
    out->by_profile = out->by_profile || inner.by_profile;
    out->by_profiles = out->by_profiles || inner.by_profiles;
    // An account's measure is the account's, whatever it counts.
    out->of_account = out->of_account || account || inner.of_account;
    out->of_user = out->of_user || !account;
}

static void across_operand(const struct plan *plan, enum operand_kind kind, int32_t measure,
                           struct across *out)
{
    switch (kind) {
    case OPERAND_MEASURE:
        across_measure(plan, measure, false, out);
        break;
    case OPERAND_ACCOUNT_TRAIT:
        out->of_account = true;
        break;
    case OPERAND_USER_TRAIT:
        out->of_user = out->by_profile = true;
        break;
    case OPERAND_PROPERTY:
    case OPERAND_CONTEXT:
        break;
    }
}

// ---- Signals ----

// What one signal looks at.
struct across_whole {
    struct across seen;                         // but for shared leaves
    struct sigset refs;                         // every signal, also through those
    uint64_t mixed[PLAYBOOK_MEASURES_MAX / 64]; // the account's measures in mixed leaves
};

static void across_shared(struct plan *plan, int32_t s, int32_t at, const struct across *seen)
{
    plan->shared[plan->n_shared++] = (struct plan_shared){at, s};
    for (int32_t i = sigset_next(&seen->far, 0); i >= 0; i = sigset_next(&seen->far, i + 1))
        plan->drags[i].shared = true;
}

// A leaf of signal `s`: its sight, and what drags `s` along.
static void across_leaf(struct plan *plan, int32_t s, int32_t at, struct across_whole *whole)
{
    const struct playbook *playbook = plan->playbook;
    const struct condition *leaf = &playbook->conditions[at];
    struct plan_leaf *note = &plan->leaves[at];
    struct across seen = {0};
    across_operand(plan, leaf->operand, leaf->measure, &seen);
    if (leaf->of.set)
        across_operand(plan, leaf->of.kind, leaf->of.measure, &seen);
    for (size_t i = 0; i < ARRAY_LEN(seen.measures); i++)
        plan->signals[s].measures[i] |= seen.measures[i];
    sigset_join(&whole->refs, &seen.near);
    sigset_join(&whole->refs, &seen.far);
    note->by_profile = seen.by_profile;
    note->by_profiles = seen.by_profiles;
    if (playbook->signals[s].scope == SCOPE_USER && seen.of_account)
        note->sight = seen.of_user ? SIGHT_MIXED : SIGHT_SHARED;
    if (note->sight == SIGHT_SHARED) {
        across_shared(plan, s, at, &seen);
        return;
    }
    sigset_join(&whole->seen.near, &seen.near);
    sigset_join(&whole->seen.far, &seen.far);
    if (note->sight != SIGHT_MIXED)
        return;
    sigset_add(&plan->mixed, s);
    for (int32_t m = 0; m < playbook->n_measures; m++) {
        if ((seen.measures[m / 64] >> (m % 64) & 1) != 0 &&
            playbook->measures[m].scope == SCOPE_ACCOUNT)
            whole->mixed[m / 64] |= UINT64_C(1) << (m % 64);
    }
}

static void across_walk(struct plan *plan, int32_t s, int32_t at, struct across_whole *whole)
{
    const struct condition *condition = &plan->playbook->conditions[at];
    for (int32_t i = 0; i < condition->n_children; i++)
        across_walk(plan, s, condition->children[i], whole);
    if (condition->kind == CONDITION_SIGNAL) {
        sigset_add(&whole->refs, condition->signal);
        across_signal(plan, condition->signal, false, &whole->seen);
    } else if (condition->kind == CONDITION_TEST) {
        across_leaf(plan, s, at, whole);
    }
}

static bool across_meets(const uint64_t *a, const uint64_t *b)
{
    for (size_t i = 0; i < PLAYBOOK_MEASURES_MAX / 64; i++) {
        if ((a[i] & b[i]) != 0)
            return true;
    }
    return false;
}

static void across_one(struct plan *plan, int32_t s)
{
    const struct playbook *playbook = plan->playbook;
    const struct signal *signal = &playbook->signals[s];
    struct across_whole whole = {0};
    across_walk(plan, s, signal->condition, &whole);
    if (signal->memory && signal->exit != PLAYBOOK_NONE)
        across_walk(plan, s, signal->exit, &whole);
    plan->signals[s].refs = whole.refs;
    bool account = signal->scope == SCOPE_ACCOUNT;
    struct across *seen = &whole.seen;
    for (int32_t i = sigset_next(&seen->near, 0); i >= 0; i = sigset_next(&seen->near, i + 1))
        sigset_add(account ? &plan->drags[i].account : &plan->drags[i].own, s);
    for (int32_t i = sigset_next(&seen->far, 0); i >= 0; i = sigset_next(&seen->far, i + 1))
        sigset_add(account ? &plan->drags[i].account : &plan->drags[i].every, s);
    for (int32_t event = 0; event <= playbook->n_events; event++) {
        struct plan_event *out = &plan->events[event];
        // What it sees through another signal reaches it when that one changes.
        if (across_meets(out->touched, plan->signals[s].measures))
            sigset_add(&out->signals[signal->scope], s);
        if (across_meets(out->touched, whole.mixed))
            sigset_add(&out->every, s);
    }
}

// What an event touches it touches in what is derived from that, too.
static void across_touch(struct plan *plan)
{
    const struct playbook *playbook = plan->playbook;
    for (int32_t m = 0; m < playbook->n_measures; m++) {
        struct across seen = {0};
        if (playbook->measures[m].cell != PLAYBOOK_NONE)
            continue;
        across_measure(plan, m, false, &seen);
        for (int32_t event = 0; event <= playbook->n_events; event++) {
            if (across_meets(plan->events[event].touched, seen.measures))
                plan->events[event].touched[m / 64] |= UINT64_C(1) << (m % 64);
        }
    }
}

void plan_reach(const struct plan *plan, int32_t measure,
                uint64_t reached[PLAYBOOK_MEASURES_MAX / 64])
{
    struct across seen = {0};
    across_measure(plan, measure, false, &seen);
    memcpy(reached, seen.measures, sizeof seen.measures);
}

void plan_across(struct plan *plan)
{
    const struct playbook *playbook = plan->playbook;
    plan->shared = arena_alloc(plan->arena, sizeof *plan->shared * (size_t)playbook->n_conditions);
    plan->drags = arena_alloc(plan->arena, sizeof *plan->drags * (size_t)playbook->n_signals);
    across_touch(plan);
    for (int32_t s = 0; s < playbook->n_signals; s++)
        across_one(plan, s);
}
