// SPDX-License-Identifier: Apache-2.0
// The state of a lane as it lies in memory: accounts, their users, and what both have in common, a
// subject. For the files of the core and for rows.c, which stores it.
//
// An account or a user is one allocation: the struct, its cells, leaves and flags as the plan lays
// them out, then its id. Accounts are found by number in core->accounts, so that one can be moved
// when a playbook gives it another size.
#pragma once

#include "common/base/heap.h"
#include "common/base/index.h"
#include "services/scorer/core/identity.h"
#include "services/scorer/core/plan.h"
#include "services/scorer/core/seen.h"
#include "services/scorer/core/traits.h"

#define STATE_NEVER INT64_MAX    // no timer
#define STATE_NO_CLOCK INT64_MIN // no event yet

enum {
    SIGNAL_TRUE = 1,
    SIGNAL_EVER = 2,
    SIGNAL_MET = 4,   // its condition holds; only of one with a memory
    SIGNAL_SPENT = 8, // and held when the signal turned false, and ever since
};

// What is known of a signal since its first change, or since its condition first held.
struct signal_mark {
    int64_t since_ms; // of the last change; of a fact, also of its value
    union {
        int64_t met_ms; // SIGNAL_MET: since when; of one with a memory
        uint64_t told;  // of a fact: the value as last told (fact.h); 0: it is false
    };
    char *event_id;    // NULL: an instant completed the last change
    uint32_t episodes; // how often it has turned true
};

struct subject {
    int64_t due_ms; // a timer may be due then, none before
    struct traits *traits;
    struct signal_mark *marks; // of each signal of the scope; NULL: none has changed yet
    bool stale;                // every signal is decided at the next event
    struct cell cells[];
};

struct user {
    uint64_t hash;
    uint32_t ordinal;         // within the account, for ever
    uint32_t profile;         // number + 1; 0: not known to have one
    uint32_t looked_up;       // number of profiles when it had none
    uint32_t profile_version; // that its signals were decided by
    uint32_t dirty_next;      // ordinal + 1
    uint32_t id_len;
    bool dirty;
    bool counted; // an event of it has counted; else only its traits are known
    bool away;    // nothing of what it did is left here; counted until its signals are false
    bool lost;    // within one record: something of it was taken out
    bool at_hand; // within one pass of decide.c: it is decided from the start
    bool moved;   // and its timer is to be worked out anew
    bool met;     // it has acted here as an anonymous id, and its home was told so
    struct subject subject;
};

struct user_ref {
    uint64_t hash;
    struct user *user;
};

struct account {
    uint64_t hash;
    int64_t clock_ms;
    uint64_t covered;          // position up to which a stored row had every effect; 0: none
    uint64_t created_position; // of the event that made it
    uint32_t created_place;
    uint32_t ordinal; // for ever
    uint32_t n_users, users_cap;
    uint32_t n_counted;
    uint32_t n_excluded;  // events
    uint32_t dirty_users; // ordinal + 1 of the first; 0: none
    uint32_t id_len;
    bool listed;               // among core->dirty, or frozen
    bool pending;              // its row waits for a playbook that comes later in the journal
    bool vacant;               // all that it had is gone: no event names it, and no part is left
    bool ending;               // core_end_record has to see to it
    struct identity *identity; // of a personal account; NULL: no link, and nobody watches
    struct parts *parts;       // NULL: there are none
    struct user_ref *users;    // by ordinal; `only` while there is one
    struct user_ref only;
    struct index *index; // from hash to ordinal; NULL while there are few
    struct heap *timers; // due, ordinal; NULL while there is none
    int64_t queued_ms;   // key of its valid entry in core->timers
    struct subject subject;
};

// A user's traits from identify calls without an account, and how often they changed.
struct profile {
    uint64_t hash;
    struct traits *traits;
    uint32_t version;
    uint32_t id_len;
    bool dirty;
    char id[];
};

// What is worked out once for an event that was announced.
struct ahead_event {
    uint64_t account_hash, user_hash;
    struct hash128 id;
};

// Announced events, see ahead.h.
struct ahead_slot {
    struct ahead_event hashes;
    uint32_t number; // of the account, most likely
    struct account *account;
    struct user *user;
};

enum { AHEAD_SLOTS = 32 };
struct ahead {
    const struct event *events;
    size_t n, at;
    struct ahead_slot slots[AHEAD_SLOTS];
};

// An account that core_end_record has to see to, and where in the record that began.
struct ending {
    uint32_t number, place;
};

struct core {
    struct core_opts opts;
    struct playbook *playbook;
    struct plan *plan;
    uint32_t layout; // number of the playbook in force, from 1

    struct account **accounts;
    uint32_t n_accounts, accounts_cap;
    struct index account_index;
    uint32_t next_ordinal;
    struct profile **profiles;
    uint32_t n_profiles, profiles_cap;
    struct index profile_index;
    struct seen seen;
    struct heap timers; // earliest due of an account, its number
    // Accounts whose rows are ahead of the rest in recovery: up to which position, their number.
    struct heap ahead_rows;
    uint64_t position; // of the last record begun

    struct core_counts counts;
    uint64_t excluded_alone; // of the excluded events those that no account counts

    // Numbers of accounts and profiles that changed since rows took them.
    uint32_t *dirty;
    size_t n_dirty, dirty_cap;
    uint32_t *dirty_profiles;
    size_t n_dirty_profiles, dirty_profiles_cap;

    struct ahead ahead;

    uint32_t *scratch; // ordinals or numbers, within one call
    size_t scratch_cap;
    struct user **moved; // within one pass of decide.c
    size_t n_moved, moved_cap;

    // Measures in force whose past is not all in yet, and the signals that look at them.
    uint64_t warming[PLAYBOOK_MEASURES_MAX / 64];
    struct sigset warming_signals;
    int64_t since_ms[PLAYBOOK_MEASURES_MAX]; // 0: it has all the past that there is

    // Messages that the record has made, with their texts, and the number of the next one.
    struct moves moves;
    struct arena moves_arena;
    uint64_t move_index;
    struct ending *ending;
    size_t n_ending, ending_cap;

    core_taken_fn trace;
    void *trace_arg;

    // Called after a playbook came into force, by whoever has rows for it.
    void (*adopt)(void *ctx);
    void *adopt_ctx;
};

// ---- Parts of a subject ----
static inline int64_t *subject_leaves(const struct plan_scope *scope, struct subject *subject)
{
    return (int64_t *)(void *)((char *)subject + scope->leaves_at);
}
static inline uint8_t *subject_flags(const struct plan_scope *scope, struct subject *subject)
{
    return (uint8_t *)subject + scope->flags_at;
}
static inline int32_t *subject_looked(const struct plan_scope *scope, struct subject *subject)
{
    return (int32_t *)(void *)((char *)subject + scope->looked_at);
}
static inline uint8_t *subject_shared(const struct plan_scope *scope, struct subject *subject)
{
    return (uint8_t *)subject + scope->shared_at;
}
// Frees what the parts hold, not the subject.
void subject_clear(const struct plan_scope *scope, struct subject *subject);
// The mark of a signal, to be written.
struct signal_mark *subject_mark(const struct plan_scope *scope, struct subject *subject,
                                 int32_t number);

// ---- Accounts ----
struct span account_id(const struct core *core, const struct account *account);
// NULL when there is none.
struct account *account_find(struct core *core, uint64_t hash, struct span id, uint32_t *number);
// Adds one with the next ordinal, or with a given one (rows).
struct account *account_add(struct core *core, uint64_t hash, struct span id, uint32_t ordinal,
                            uint32_t *number);
// It has changed: rows take it with the next checkpoint.
void account_touch(struct core *core, uint32_t number);
// The account that an input of the record is for, made when it is not there. NULL: its stored row
// has the record already.
struct account *account_reach(struct core *core, uint64_t position, uint32_t place, struct span id,
                              uint32_t *number);
// An event, or what events gave, counts at a clock which is not before the account's: the account
// and the user (or NULL) are known from then on.
void account_know(struct core *core, struct account *account, struct user *user, int64_t clock_ms);
// A loose account, that no id leads to: it keeps what measures keep. Its users have no ids, and are
// made with it.
struct account *book_create(struct core *core, uint32_t n_users);
void book_destroy(struct core *core, struct account *book);
void book_add_user(struct core *core, struct account *book, uint64_t hash);
// Its place must be free and below n_users.
struct user *book_place_user(struct core *core, struct account *book, uint64_t hash,
                             uint32_t ordinal);

// ---- Users ----
struct span user_id(const struct core *core, const struct user *user);
struct user *user_find(struct core *core, const struct account *account, uint64_t hash,
                       struct span id);
// Adds one with the next ordinal.
struct user *user_add(struct core *core, struct account *account, uint64_t hash, struct span id);
// Puts a user at its stored ordinal (rows): its slot must be free and below n_users.
struct user *user_place(struct core *core, struct account *account, uint64_t hash, struct span id,
                        uint32_t ordinal);
void account_reserve_users(struct account *account, uint32_t n);
void user_touch(struct account *account, struct user *user);

// ---- Profiles ----
struct profile *profile_find(struct core *core, uint64_t hash, struct span id, uint32_t *number);
struct profile *profile_add(struct core *core, uint64_t hash, struct span id, uint32_t *number);
// It has changed: rows take it with the next checkpoint.
void profile_touch(struct core *core, uint32_t number);
// The profile of a user, or NULL.
struct profile *profile_of(struct core *core, struct user *user);

// ---- The whole ----
void state_destroy(struct core *core);
// Gives every subject the shape of `plan`, matching parts by meaning, except accounts whose rows
// wait. Measures that are new are warming when events were applied before.
void state_reshape(struct core *core, struct plan *plan);
// Room for n numbers in core->scratch.
uint32_t *state_scratch(struct core *core, size_t n);
