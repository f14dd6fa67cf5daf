// SPDX-License-Identifier: Apache-2.0
// From state to signals: which are true now, and what changed.
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
    struct span event_id;    // empty: an instant
    const uint64_t *touched; // measures that the event may have changed; NULL: look at all

    // What a pass decides: of the users at hand, of the account, of every user. The caller begins
    // them, changes of signals add to them.
    struct sigset look[2];
    struct sigset every;
    struct sigset todo; // all of them
    // The users at hand: one, or n ordinals in core->scratch, ascending.
    struct user *user;
    uint32_t n_users;
    bool moved; // the account's timer is to be worked out anew
};

// A user's or (user NULL) the account's scene at the account's clock.
struct scene decide_scene(const struct decision *decision, struct user *user);
// Whether a user has not been decided by its profile as it is now.
bool decide_is_behind(struct core *core, struct user *user);
// Whether the account's (user NULL) or the user's signals are false whatever their conditions say:
// what they did counts elsewhere.
bool decide_is_away(const struct account *account, const struct user *user);
// Leaves that time made false unseen, at a new clock, before an event adds to their measures: a
// leaf that the event makes true again holds since the event.
void decide_lapse(const struct decision *decision, struct user *user, const struct sigset *set);
// One pass in the playbook's order, at the account's clock, over what `look` and `every` ask for,
// and all signals of who is stale; then timers are seen to. Afterwards the decision can be used
// again, but for `touched`.
void decide_pass(struct decision *decision);
// A user whose timer is to be worked out anew at the end of the pass.
void decide_moved(struct decision *decision, struct user *user);
