// SPDX-License-Identifier: Apache-2.0
// Conditions over events, traits and measures: true or false at a clock.
#pragma once

#include "services/scorer/core/measure.h"

// What a condition may look at.
struct scene {
    struct core *core;
    const struct plan *plan;
    struct account *account;       // may be NULL for an event that is not applied yet
    struct user *user;             // NULL: the account alone
    const struct profile *profile; // of the user; may be NULL
    int64_t clock_ms;
    const struct event *event; // NULL: none; its properties and context
    // Traits that the event brings and that are not yet in the state: the account's, the user's in
    // the account, the profile's.
    bool brings_account, brings_user, brings_profile;
    // For condition_decide: the measures that may have changed since the leaves were last decided;
    // NULL: any.
    const uint64_t *touched;
    bool flipped; // set by condition_decide when a leaf has changed
};

// The left side of a test.
struct operand {
    bool present;
    bool number; // `milli` (of first and last: an instant) instead of `value`
    bool some;   // what `exists` asks: present, and more than a count of 0
    int64_t milli;
    struct value value;
};

// A text that is derived lies in the arena.
struct operand condition_operand(const struct scene *scene, int32_t leaf, struct arena *arena);
// One test, at the scene's clock. Changes nothing.
bool condition_leaf(const struct scene *scene, int32_t leaf);
// A whole condition, through signals. Changes nothing.
bool condition_holds(const struct scene *scene, int32_t at);
// Whether an exclusion holds; its position in playbook.exclude, or -1.
int32_t condition_excluded(const struct scene *scene);
// A condition of a signal of `scope`: other signals of the scope stand as last decided, and since
// when each leaf holds is kept in the subject.
bool condition_decide(struct scene *scene, int32_t at, enum scope scope);
// The subject that the scene's signals of a scope belong to.
static inline struct subject *scene_subject(const struct scene *scene, enum scope scope)
{
    return scope == SCOPE_USER ? &scene->user->subject : &scene->account->subject;
}
