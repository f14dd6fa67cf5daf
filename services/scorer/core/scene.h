// SPDX-License-Identifier: Apache-2.0
// What measures and conditions may look at: one account, perhaps one of its users, at a clock.
#pragma once

#include "services/scorer/core/state.h"

// What a condition may look at.
struct scene {
    struct core *core;
    const struct plan *plan;
    struct account *account;       // may be NULL for an event that is not applied yet
    struct user *user;             // NULL: the account alone
    const struct profile *profile; // of the user; may be NULL
    int64_t clock_ms;
    bool past;                 // traits are looked at as they were at clock_ms
    const struct event *event; // NULL: none; its properties and context
    // Traits that the event brings and that are not yet in the state: the account's, the user's in
    // the account, the profile's.
    bool brings_account, brings_user, brings_profile;
    // For condition_decide: the measures that may have changed since the leaves were last decided;
    // NULL: any.
    const uint64_t *touched;
    bool flipped; // set by condition_decide when a leaf has changed
};

// The subject that the scene's signals of a scope belong to.
static inline struct subject *scene_subject(const struct scene *scene, enum scope scope)
{
    return scope == SCOPE_USER ? &scene->user->subject : &scene->account->subject;
}
