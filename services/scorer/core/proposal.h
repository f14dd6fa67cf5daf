// SPDX-License-Identifier: Apache-2.0
// What is missing: the smallest set of further events by which a signal would become true, and by
// when they must come. Found by trying: a private core plays the events through, and only what made
// the signal true there is proposed. Pure.
//
// How it searches. The signal's condition is taken apart into alternatives, each a list of leaves
// that must change. For each alternative the events that move its leaves are listed (one event may
// move several), what one of each moves is measured by playing it, and the smallest numbers of each
// that are enough are searched exhaustively within a bound, greedily beyond. The result is played
// whole; what is then still missing is added and tried again. A proposal is `least` when every step
// was exhaustive and the first try was right; otherwise there may be a smaller one.
#pragma once

#include "services/scorer/core/core.h"

// An account that can be set back to how it stands whenever asked: a copy in a core of its own.
struct proposal_stage {
    struct core *core;
    struct span account;
    void (*rewind)(void *arg);
    void *arg;
    // Not before this instant do further events come; the account's clock if that is later.
    int64_t now_ms;
    // The account has users that the copy leaves out.
    bool partial;
};

enum proposal_kind {
    PROPOSAL_NONE,    // the signal is true
    PROPOSAL_EVENTS,  // these events make it true
    PROPOSAL_TIME,    // time alone does
    PROPOSAL_NEVER,   // nothing can any more; `blocks` says why
    PROPOSAL_UNKNOWN, // none was found within the bounds of the search
};

// Some equal events.
struct proposal_step {
    const char *event; // a name; "identify" or "group": a trait is set
    uint32_t n;
    const char *who;  // "a further user", the id of a user, or ""
    const char *with; // what it must carry: "plan is trial", or ""
    const char *when; // "on 3 days", "after the one before", or ""
};

struct proposal {
    enum proposal_kind kind;
    const struct proposal_step *steps;
    size_t n_steps;
    uint32_t n_events;
    bool least;      // no smaller set does
    int64_t from_ms; // the first of them not before then; 0: at once
    int64_t by_ms;   // the first of them at the latest by then; 0: at any time
    int64_t true_ms; // when it then turns true, if not with the last event (TIME: by itself); 0
    const char *const *blocks; // NEVER, UNKNOWN: what stands in the way, in words
    size_t n_blocks;
};

// For a signal by position; `user` of the account for a signal of users, else empty. Texts are in
// the arena. The stage is left as it falls.
void proposal_find(const struct proposal_stage *stage, int32_t signal, struct span user,
                   struct arena *arena, struct proposal *out);
