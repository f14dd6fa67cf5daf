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
    bool anchors;         // the event is its anchor
    int64_t points_milli; // SCORE
};

struct plan_event {
    struct plan_step *steps[2]; // by scope
    uint32_t n_steps[2];
    struct sigset signals[2];
    uint64_t touched[PLAYBOOK_MEASURES_MAX / 64]; // measures that the event may change
};

struct plan_signal {
    int32_t *leaves; // its own tests, as positions of conditions
    uint32_t n_leaves;
    bool timed;    // time alone can change one of them
    bool rising;   // and could make the signal true by it
    bool hourly;   // at the full hour
    bool fading;   // at any instant
    bool unsteady; // an event may bring the next change by time nearer without changing any leaf
};

struct plan_measure {
    struct span key;
    bool timed;  // its value changes by time
    bool falls;  // and then only towards 0, from above
    bool steady; // later events never bring its next change nearer
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
    struct span *keys; // of each condition
    // Tests of an account's state that user signals look at, directly or through an account's
    // signal.
    int32_t *shared;
    uint32_t n_shared;
    bool shared_unsteady; // an event may bring the next change of one nearer
    struct sigset shared_signals;
    // Account signals to decide when a user signal (by position) changes.
    struct sigset *users_with;
    int32_t *counting; // measures of users
    uint32_t n_counting;
    bool exclude_traits; // an exclusion looks at a user's traits
};

struct plan *plan_create(const struct playbook *playbook);
void plan_destroy(struct plan *plan);
