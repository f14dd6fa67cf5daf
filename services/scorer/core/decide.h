// SPDX-License-Identifier: Apache-2.0
// From state to signals: which are true now, what changed, and the evidence.
#pragma once

#include "services/scorer/core/condition.h"

// One account being decided, for one event or one run of timers.
struct decision {
    struct core *core;
    struct account *account;
    uint32_t number; // of the account
    struct signal_changes *changes;
    struct arena *arena;
    uint64_t index; // of the next change
    int64_t known_at_ms;
    struct span event_id;          // empty: an instant
    const uint64_t *touched;       // measures that the event may have changed; NULL: look at all
    struct sigset account_signals; // to decide, as changes of users ask for it
    bool counted;                  // and measures of users have changed
};

// A user's or (user NULL) the account's scene at the account's clock.
struct scene decide_scene(const struct decision *decision, struct user *user);
// Leaves that time made false unseen, at a new clock, before an event adds to their measures: a
// leaf that the event makes true again holds since the event.
void decide_lapse(const struct decision *decision, struct user *user, const struct sigset *set);
// Decides the set's signals in the playbook's order, all of them when the subject is stale, and
// sees to its timer.
void decide_user(struct decision *decision, struct user *user, const struct sigset *set);
// The users whose signals look at the account's state, when that has changed; then the account's
// set and what changes of users ask for.
void decide_account(struct decision *decision, const struct sigset *set);
