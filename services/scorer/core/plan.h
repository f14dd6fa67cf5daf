// SPDX-License-Identifier: Apache-2.0
// A playbook laid out for the core's hot path: where each part of a subject lies, what one event's
// name sets in motion, and which signals time alone can change. Made once for each playbook in
// force.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "services/playbook/model.h"
#include "services/scorer/core/cell.h"

// A set of signals, by position in the playbook.
enum { SIGSET_WORDS = PLAYBOOK_SIGNALS_MAX / 64 };
struct sigset {
    uint64_t words[SIGSET_WORDS];
    int32_t end; // no signal of the set is at or behind it
};

static inline void sigset_add(struct sigset *set, int32_t signal)
{
    set->words[signal / 64] |= UINT64_C(1) << (signal % 64);
    set->end = signal >= set->end ? signal + 1 : set->end;
}

static inline void sigset_join(struct sigset *set, const struct sigset *other)
{
    for (int32_t i = 0; i * 64 < other->end; i++)
        set->words[i] |= other->words[i];
    set->end = other->end > set->end ? other->end : set->end;
}

static inline bool sigset_has(const struct sigset *set, int32_t signal)
{
    return (set->words[signal / 64] >> (signal % 64) & 1) != 0;
}

static inline bool sigset_empty(const struct sigset *set)
{
    return set->end == 0;
}

// The first signal of the set that is not before `from`, or -1.
static inline int32_t sigset_next(const struct sigset *set, int32_t from)
{
    while (from < set->end) {
        uint64_t bits = set->words[from / 64] >> (from % 64);
        if (bits != 0)
            return from + __builtin_ctzll(bits);
        from = (from / 64 + 1) * 64;
    }
    return -1;
}

// What one measure does with one event.
struct plan_step {
    int32_t measure;
    bool takes;           // by name, or as an active event
    bool active;          // only when the event is active
    bool anchors;         // the event is its anchor, or resets it
    uint32_t steps;       // SEQUENCE: which of its steps the event is, a bit each
    int64_t points_milli; // SCORE
};

struct plan_event {
    struct plan_step *steps[2]; // by scope
    uint32_t n_steps[2];
    struct sigset signals[2]; // that look at what the event may change, but through another signal
    // Signals of users that weigh what the event may change of the account against what is their
    // own: to be decided for every user.
    struct sigset every;
    // Measures that the event may change, with those derived from them.
    uint64_t touched[PLAYBOOK_MEASURES_MAX / 64];
};

struct plan_signal {
    int32_t *leaves; // its own tests, also those of its exit, as positions of conditions
    uint32_t n_leaves;
    bool timed;    // time alone can change one of them
    bool rising;   // and could make the signal true by it
    bool hourly;   // at the full hour
    bool fading;   // at any instant
    bool unsteady; // an event may bring the next change by time nearer without changing any leaf
    // All that it looks at, but through another signal.
    uint64_t measures[PLAYBOOK_MEASURES_MAX / 64];
    struct sigset refs;
};

struct plan_measure {
    struct span key;
    bool logs;       // it keeps its events one by one
    bool timed;      // its value changes by time
    bool continuous; // and then at any instant
    bool falls;      // and then only towards 0, from above
    bool steady;     // later events never bring its next change nearer
};

// What a leaf looks at, seen from the subject of its signal.
enum plan_sight {
    SIGHT_OWN,    // the subject alone
    SIGHT_SHARED, // a user's signal: the account alone, so that it is the same for every user
    SIGHT_MIXED,  // a user's signal: both
};

struct plan_leaf {
    enum plan_sight sight;
    bool timed;       // time alone can change it
    bool continuous;  // at any instant
    bool by_profile;  // it looks at the user's traits as they are or were
    bool by_profiles; // at those of all users, through a measure of the account
};

// What a changed signal sets in motion. A user's own: of that user alone.
struct plan_drag {
    struct sigset own;     // signals of the user
    struct sigset account; // signals of the account
    struct sigset every;   // signals of every user
    bool shared;           // shared leaves may have changed
};

struct plan_shared {
    int32_t leaf;   // position of the condition
    int32_t signal; // whose it is
};

// Where the parts of a subject of one scope lie, in bytes from its start.
struct plan_scope {
    uint32_t n_cells, n_leaves, n_signals;
    size_t leaves_at; // int64_t since when each leaf holds; 0: it does not
    size_t looked_at; // int32_t for each signal: the day or hour for which decide_lapse has looked
    size_t flags_at;  // uint8_t for each signal
    size_t shared_at; // uint8_t for each shared leaf; accounts only
    size_t bytes;
    uint8_t *shapes;    // of each cell
    uint64_t *cells;    // meaning of each cell
    uint64_t *signals;  // meaning of each signal
    uint64_t *leaves;   // meaning of each leaf
    int32_t *of_number; // position of signal i of the scope
    struct sigset all;  // signals of the scope
};

struct plan {
    const struct playbook *playbook;
    struct arena *arena;
    struct plan_scope scopes[2];
    struct plan_event *events; // n_events + 1
    struct plan_signal *signals;
    struct plan_measure *measures;
    struct plan_leaf *leaves; // of each condition that is a leaf of a signal
    struct span *keys;        // of each condition
    // Tests of the account alone that stand in signals of users.
    struct plan_shared *shared;
    uint32_t n_shared;
    struct sigset mixed;     // signals of users with a test that looks at both
    struct plan_drag *drags; // by signal
    int32_t *counting;       // measures of users
    uint32_t n_counting;
    bool exclude_traits; // an exclusion looks at a user's traits
    // Keys of traits whose past is kept, by scope, for historic measures.
    struct span *past_keys[2];
    uint32_t n_past_keys[2];
    bool past_in_account; // an account's measure looks at the past of its users' traits
    bool past_in_users;   // a user's measure looks at the past of the account's
    // Of each condition: which bit of a kept event says whether it holds, if it is a part of a
    // historic measure's `where` that looks at the event alone; else -1.
    int8_t *bits;
};

struct plan *plan_create(const struct playbook *playbook);
void plan_destroy(struct plan *plan);
// Whether earlier values of a trait of users or accounts are to be kept.
bool plan_keeps_past(const struct plan *plan, enum scope scope, struct span key);

// plan_across.c: sights, shared leaves, drags, and what an event asks of every user. The rest of
// the plan is there.
void plan_across(struct plan *plan);
// The measures that one looks at, itself among them.
void plan_reach(const struct plan *plan, int32_t measure,
                uint64_t reached[PLAYBOOK_MEASURES_MAX / 64]);
