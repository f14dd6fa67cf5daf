// SPDX-License-Identifier: Apache-2.0
// What the files of the proposal share.
#pragma once

#include "services/scorer/core/condition.h"
#include "services/scorer/core/proposal.h"

enum {
    PROPOSAL_ALTERNATIVES_MAX = 32,
    PROPOSAL_WISHES_MAX = 16,     // leaves of one alternative
    PROPOSAL_ACTS_MAX = 8,        // kinds of events that are combined
    PROPOSAL_PROPERTIES_MAX = 8,  // of one event
    PROPOSAL_MOVES_MAX = 2000,    // events of one proposal
    PROPOSAL_PLAYED_MAX = 200000, // events played for one signal
    PROPOSAL_NODES_MAX = 100000,  // of the search for the numbers
    PROPOSAL_DAYS_MAX = 400,      // looked ahead
};

// A leaf that must turn; or, for the leaf's sake, a measure that must come to lie within bounds.
struct wish {
    int32_t leaf;
    bool want;
    int32_t measure; // PLAYBOOK_NONE: the leaf itself
    int64_t low, high;
};

struct alternative {
    struct wish wishes[PROPOSAL_WISHES_MAX];
    uint32_t n;
};

struct alternatives {
    struct alternative *items;
    uint32_t n;
    bool cut; // there were more
};

// One event as it would be played.
struct play {
    int64_t at_ms;
    enum event_kind kind;
    struct span name;
    struct span user;
    const struct property *properties;
    uint32_t n_properties;
    bool fresh_user; // a user that nothing was known of
    bool named;      // nobody else would do
    const char *with;
};

struct plays {
    struct play *items;
    uint32_t n, cap;
};

enum actor { ACTOR_SELF, ACTOR_FRESH };

// A kind of event that could be played any number of times.
struct act {
    int32_t event; // number of a name
    enum actor actor;
    struct property properties[PROPOSAL_PROPERTIES_MAX];
    bool anew[PROPOSAL_PROPERTIES_MAX];   // a value of its own for each event
    bool shared[PROPOSAL_PROPERTIES_MAX]; // a number that the events add up to
    const char *words[PROPOSAL_PROPERTIES_MAX];
    uint32_t n_properties;
    const int32_t *steps; // events that come before each, a millisecond apart
    int32_t n_steps;
    int64_t moves_milli[PROPOSAL_WISHES_MAX]; // what one of it adds to each wish's measure
    int64_t limit;                            // so many of a day move something; INT64_MAX: any
    bool serves[PROPOSAL_WISHES_MAX];         // the wish's measure takes it
};

// One search.
struct proposer {
    const struct proposal_stage *stage;
    struct core *core;
    const struct plan *plan;
    const struct playbook *playbook;
    int32_t signal;
    struct span user; // empty: the account
    struct arena *arena;
    struct arena played_texts; // of the core's changes
    struct signal_changes changes;
    uint64_t played;
    uint32_t n_fresh;      // users and values that were invented
    uint32_t depth;        // of searches within searches
    bool cut;              // something was left out
    bool failed;           // an alternative failed that nothing in particular blocks
    struct span introduce; // a user that is not in the state, and is looked at
    struct span actor;     // who does what no user in particular has to do
    // Alternatives that turned up while others were played, of this search.
    struct alternative *more;
    uint32_t n_more;
    const char **blocks;
    uint32_t n_blocks;
};

// ---- proposal_wish.c ----
// The alternatives by which a condition gets the wanted value, given what holds now.
void proposal_alternatives(struct proposer *p, const struct scene *scene, int32_t at, bool want,
                           struct alternatives *out);
// Those that ask for one of either list.
struct alternatives proposal_both(struct proposer *p, const struct alternatives *a,
                                  const struct alternatives *b);

bool proposal_same(const struct alternative *a, const struct alternative *b);
// The alternatives for the searched signal itself, from what the scene shows.
void proposal_all(struct proposer *p, const struct scene *scene, struct alternatives *out);

// ---- proposal_act.c ----
// The number that a wish wants its measure to reach: at least `low`, at most `high`; false when it
// is not about a number.
bool proposal_bounds(const struct proposer *p, const struct scene *scene, const struct wish *wish,
                     int64_t *low, int64_t *high);
// Kinds of events that may move the alternative's measures.
uint32_t proposal_acts(struct proposer *p, const struct scene *scene,
                       const struct alternative *alternative, struct act acts[PROPOSAL_ACTS_MAX]);
// A value for a trait or a property that meets the test or, unwanted, fails it; false: there is
// none.
bool proposal_value(struct proposer *p, const struct scene *scene, int32_t leaf, bool want,
                    struct value *out);
// How far apart events must be for each to move the measure; 0: they need not.
int64_t proposal_spacing(const struct playbook *playbook, int32_t measure);
// The measure that a wish is about, or PLAYBOOK_NONE; and whether it is as wished at the scene's
// clock.
int32_t proposal_measure(const struct proposer *p, const struct wish *wish);
bool proposal_met(const struct scene *scene, const struct wish *wish);
// What an event must carry, in words.
const char *proposal_with(const struct act *act, struct arena *arena);

// ---- proposal_play.c ----
struct scene proposal_scene(struct proposer *p, struct span user);
// Sets the stage back and lets time pass until then.
void proposal_begin(struct proposer *p, int64_t at_ms);
// Plays moves, each `shift_ms` later than it says.
void proposal_play(struct proposer *p, const struct plays *moves, int64_t shift_ms);
bool proposal_true(struct proposer *p);
// Lets timers run until the signal is true; false: they do not make it so. `at_ms`: when.
bool proposal_wait(struct proposer *p, int64_t from_ms, int64_t *at_ms);
// The first instant after `from_ms` at which time alone gives the wished value; INT64_MAX: none.
int64_t proposal_turns(struct proposer *p, const struct wish *wish, int64_t from_ms);
void proposal_add(struct proposer *p, struct plays *moves, const struct play *move);
struct span proposal_fresh(struct proposer *p, const char *what);
void proposal_block(struct proposer *p, const char *text);

// ---- proposal_search.c ----
// What makes the signal true, as moves; false: nothing was found.
struct found {
    struct plays moves;
    int64_t from_ms, true_ms;
    bool least;
};
bool proposal_search(struct proposer *p, int64_t now_ms, struct found *out);

// ---- One alternative at one instant ----
// What a wish still needs.
struct need {
    bool open;       // not met after the setup
    bool touch;      // it is met or it is not, there is no number
    int64_t gap;     // of the measure; touch: 1
    int64_t room;    // how much more the measure may take; INT64_MAX: any
    int64_t spacing; // slots of their own, so far apart; 0: none
    int64_t offset;  // of the first slot
    int64_t slots;
};

struct attempt {
    struct proposer *p;
    const struct alternative *alternative;
    int64_t at_ms;
    struct plays setup;
    struct act acts[PROPOSAL_ACTS_MAX];
    uint32_t n_acts;
    struct need needs[PROPOSAL_WISHES_MAX];
    // The search for the numbers.
    int64_t n[PROPOSAL_ACTS_MAX], best[PROPOSAL_ACTS_MAX];
    int64_t best_cost;
    int64_t days; // over which an act with a limit may be spread
    uint32_t nodes;
    bool cut;
};

// ---- proposal_setup.c ----
// One more event of a kind of which there are `of` in all.
void attempt_act(struct attempt *a, const struct act *act, int64_t of, int64_t at_ms,
                 struct plays *out);
// The stage at the attempt's instant, what must come first played.
void attempt_begin(struct attempt *a);
// Plays one event of the kind.
void attempt_once(struct attempt *a, const struct act *act, int64_t at_ms);
// An event that opens the window of a measure that nothing has opened yet.
void attempt_anchor(struct attempt *a, int32_t measure);
// What must come first: traits, users who must have a signal. False: it cannot be had.
bool attempt_setup(struct attempt *a);

// ---- proposal_numbers.c ----
// How many of each act, the fewest in all that are enough: a->best. False: none are.
bool attempt_numbers(struct attempt *a);
