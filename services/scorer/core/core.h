// SPDX-License-Identifier: Apache-2.0
// What one lane knows: its accounts, their users, their measures and signals, the message ids it
// has seen, as a fold of its journal. A deterministic library: no I/O, no clock, no threads; the
// same inputs in the same order give the same signals with the same numbers.
//
// Rules of time (docs/architecture.md): an account's clock is the latest event time that it has
// accepted; a subject is decided at its account's clock when an event arrives; before the event is
// applied the account's timers that are due up to the new clock run, in order of instant; a timer
// that ran moves the clock to its instant. So what an account decides depends on its own events
// alone.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include "services/playbook/model.h"

enum event_kind {
    EVENT_TRACK = 1,
    EVENT_IDENTIFY,
    EVENT_GROUP,
    EVENT_ALIAS,
    EVENT_PAGE,
    EVENT_SCREEN,
};

// Everything is borrowed for the call.
struct event {
    enum event_kind kind;
    struct span message_id;
    struct span account; // never empty
    struct span user;    // may be empty (a group call without a user)
    bool anonymous;      // `user` is an anonymous id: see identity.h
    struct span name;
    int64_t at_ms;
    int64_t received_at_ms;            // what known_at is taken from
    const struct property *properties; // of identify and group: the traits
    size_t n_properties;
    const struct property *context;
    size_t n_context;
    bool profile_only;
};

enum verdict {
    VERDICT_COUNTED,
    VERDICT_DUPLICATE, // its message id was seen
    VERDICT_EXCLUDED,  // remembered, but it never counts as usage
};

struct evidence {
    const char *condition; // "projects at_least 3"
    const char *value;     // "3"
    const char *threshold;
    int64_t since_ms;
};

// A signal that changed, or a fact that is told again (fact.h). Texts live in the arena given to
// the call.
struct signal_change {
    uint64_t index; // within the record: (place of the event or account) << 32 | running number
    const char *signal;
    bool value;
    struct span account;
    struct span user; // empty: the account's
    int64_t at_ms;
    int64_t known_at_ms;
    struct span event_id;            // empty: an instant completed it
    const char *playbook;            // label
    const struct evidence *evidence; // the leaves that hold, when value is true
    size_t n_evidence;
    uint32_t episode;   // which time it is, from 1; also of the change to false
    const char *label;  // of the signal, or ""; of a fact that is true what it tells
    const char *reason; // why it turned false: "exit: not activated", "projects at_least 3"; or ""
};

struct signal_changes {
    struct signal_change *items;
    size_t n, cap;
};
void signal_changes_deinit(struct signal_changes *changes);

struct core_opts {
    int64_t dedupe_window_ms; // message ids are remembered at least this long, by time of intake
    uint64_t dedupe_ids_max;  // bound on remembered ids
};

struct core;
struct core *core_create(const struct core_opts *opts);
void core_destroy(struct core *core);

// Puts a playbook in force (takes it). State of measures and signals with the same meaning is kept,
// new ones start empty; when events were applied before, new measures are warming from then on,
// until core_warm (warm.h), or until another playbook is without them. `position` as below. The
// first call is needed before any event.
void core_set_playbook(struct core *core, uint64_t position, struct playbook *playbook);
const struct playbook *core_playbook(const struct core *core);

// Called before the events of one record: `intake_ms` is the wall clock at which the batch was
// taken in (it travels in the record); message ids older than the window are forgotten by it.
void core_begin_record(struct core *core, uint64_t position, int64_t intake_ms);
// Whether `n` more ids can be remembered by a record that is taken in then; when not, it must be
// refused before it is journaled.
bool core_has_room(const struct core *core, int64_t intake_ms, size_t n);
// Applies event `place` (from 0) of the record at `position`. Accounts whose stored row already has
// this record are left alone, but the message id is remembered and the verdict is right all the
// same. Changes are appended; their texts are allocated in `arena`.
enum verdict core_apply(struct core *core, uint64_t position, uint32_t place,
                        const struct event *event, struct signal_changes *changes,
                        struct arena *arena);
// Announces the events that core_apply will be given next, in this order and at these addresses, so
// that the core can ask for their memory early. Optional, changes no result. Borrows them until the
// next call or until core_set_playbook; after core_begin_record.
void core_expect(struct core *core, const struct event *events, size_t n);
// The cluster clock passes `now_ms`: every timer that is due by then runs, accounts in order of
// their ordinal, each account's timers in order of instant.
void core_tick(struct core *core, uint64_t position, int64_t now_ms, struct signal_changes *changes,
               struct arena *arena);
// The earliest instant at which a timer is due, or INT64_MAX.
int64_t core_next_due(struct core *core);

// Has `fn` called inside core_apply for every measure that an event goes to (NULL: no longer).
struct core_taken {
    int32_t measure;
    bool takes;   // it counts, but for the traits that a historic measure looks at
    bool anchors; // its window begins with it, or begins anew
    const struct event *event;
};
typedef void (*core_taken_fn)(void *arg, const struct core_taken *taken);
void core_trace(struct core *core, core_taken_fn fn, void *arg);

struct core_counts {
    uint64_t accounts, users, events, duplicates, excluded, ids;
    int64_t event_time_max_ms; // INT64_MIN: no event yet
    int64_t clock_ms;          // the last tick; INT64_MIN: none yet
};
void core_counts(const struct core *core, struct core_counts *out);

// ---- Explaining ---------------------------------------------------------------------------------

struct explained_condition {
    const char *text;
    const char *value;
    const char *threshold;
    const char *missing; // in words: "1 more", "not in [saas, media]"; empty when met
    bool met;
    bool warming;     // its past is not all in: it is not decided
    int64_t since_ms; // 0: not met or not known
    uint32_t depth;
    bool leaf;
    int32_t measure; // of a leaf, or PLAYBOOK_NONE
    bool exit;       // a part of the signal's exit, not of its condition
    // Of a leaf on a measure, when events were followed (contributions.h): those that count.
    uint64_t n_events;
    bool more_events; // there are more than n_events
    int64_t first_ms, last_ms;
    const char *first_id, *last_id; // message ids, or ""
};

struct explained_signal {
    const char *name;
    bool of_user;
    bool value;
    int64_t since_ms;
    const char *event_id;
    const struct explained_condition *conditions;
    size_t n_conditions;
    uint32_t n_leaves, n_met; // met: it holds, or under `not` it does not; of the condition alone
    int32_t position;         // in the playbook
    enum signal_origin origin;
    const char *definition; // DEFINITION: its name; else ""
    const char *role;       // DEFINITION: "pal", "pql", "pqa", "mql"; else ""
    const char *label;      // or ""; of a fact that is true its value
    // Of a signal with a memory. Instants are 0 when there is nothing to wait for.
    bool memory;
    uint32_t episodes;  // how often it has been true, now included
    int64_t held_ms;    // it turns true then, if its condition goes on holding
    int64_t cooling_ms; // it does not turn true before
    bool spent;         // its condition must first cease to hold
    bool exhausted;     // it was true as often as it may be
    bool leaving;       // its exit holds
};

struct explained_measure {
    const char *name;
    const char *value; // as a person reads it: "3", "12.5", a time
    bool of_user;
    bool warming;     // its past is not all in
    int64_t since_ms; // see core_measure_since
};

struct explanation {
    bool known;
    int64_t clock_ms;
    uint64_t n_users;
    const struct explained_signal *signals; // the user's (if asked), then the account's
    size_t n_signals;
    const struct explained_measure *measures;
    size_t n_measures;
    const struct property *account_traits, *user_traits;
    size_t n_account_traits, n_user_traits;
    const char *excluded;     // the exclusion that holds for the user by traits, or ""
    const char *const *users; // at most 20 of the account, those with a true signal first
    size_t n_listed_users;
};

// As of the account's clock. `user` empty: the account alone; a user that is not known: known is
// false. Definitions come first, then stages, then other signals, facts last; parts of fit profiles
// stand under the conditions that look at them.
void core_explain(struct core *core, struct span account, struct span user, struct arena *arena,
                  struct explanation *out);
// Fills the events of an explanation's conditions, as of its clock.
struct contributions;
void core_explain_events(const struct contributions *contributions, struct arena *arena,
                         struct explanation *out);
