// SPDX-License-Identifier: Apache-2.0
// The naive engine: keeps every event and every trait that was ever set, and works everything out
// anew at every instant at which anything could change. Written from the reference alone, to be
// compared with the scorer's core; slow on purpose.
#pragma once

#include "tests/support/naive_playbook.h"

enum { NAIVE_ACCOUNTS = 2, NAIVE_USERS = 3, NAIVE_PAIRS_MAX = 4, NAIVE_EVENTS_MAX = 96 };
extern const char *const NAIVE_ACCOUNT[NAIVE_ACCOUNTS];
extern const char *const NAIVE_USER[NAIVE_USERS];

enum naive_call { NAIVE_TRACK, NAIVE_PAGE, NAIVE_SCREEN, NAIVE_IDENTIFY, NAIVE_GROUP };

struct naive_pair {
    const char *key;
    const char *written;
    struct naive_value value;
};

struct naive_event {
    enum naive_call call;
    bool profile; // an identify call that is of no account
    int account, user;
    int name; // NAIVE_NONE: identify and group
    int64_t at_ms;
    bool passive; // context.active is false
    struct naive_pair properties[NAIVE_PAIRS_MAX], context;
    int n_properties, n_context;
    char id[16];
};

// What an identify or group call said. account NAIVE_NONE: a user's profile; user NAIVE_NONE: of
// the account.
struct naive_trait {
    int account, user;
    const char *key;
    struct naive_value value;
    int64_t at_ms;
};

// What a signal remembers of one subject.
struct naive_memory {
    bool value, ever;
    int64_t since_ms;
    bool held;
    int64_t held_since_ms;
    int64_t false_since_ms;
    bool seen_false; // since then
    int episodes;
    struct naive_value told; // of a fact that is true
};

struct naive_world {
    const struct naive_playbook *playbook;
    int order[NAIVE_SIGNALS_MAX], n_order;
    struct naive_event events[NAIVE_EVENTS_MAX]; // accepted, as they came
    int n_events;
    struct naive_trait traits[NAIVE_EVENTS_MAX * NAIVE_PAIRS_MAX];
    int n_traits;
    int64_t clock_ms[NAIVE_ACCOUNTS]; // INT64_MIN: no event yet
    bool known[NAIVE_ACCOUNTS][NAIVE_USERS];
    // The account's own at NAIVE_USERS.
    struct naive_memory memory[NAIVE_ACCOUNTS][NAIVE_USERS + 1][NAIVE_SIGNALS_MAX];
    int64_t changed_ms[NAIVE_ACCOUNTS]; // when a signal last changed
    struct buf log;
};

struct naive_subject {
    const struct naive_world *world;
    int account;
    int user; // NAIVE_NONE: the account itself
    int64_t clock_ms;
};

struct naive_reading {
    bool present;
    int64_t number; // milli, ms, or an instant
    struct naive_value value;
};

// ---- naive_world.c: what happens, and when ----

void naive_world_init(struct naive_world *world, const struct naive_playbook *playbook);
void naive_world_deinit(struct naive_world *world);
// After signals were left out of its playbook, or taken in again: they begin anew.
void naive_world_change(struct naive_world *world);
// Decides an account at its clock, without an event.
void naive_world_settle(struct naive_world *world, int account);
// False: excluded.
bool naive_world_apply(struct naive_world *world, const struct naive_event *event);
// Decides what time alone changes up to then.
void naive_world_run(struct naive_world *world, int account, int64_t until_ms);

// ---- naive_condition.c ----

// `event` NULL: of the subject. Else of an event: traits as they were then, or as they are now.
bool naive_holds(const struct naive_subject *subject, int condition,
                 const struct naive_event *event);
struct naive_value naive_trait(const struct naive_world *world, int account, int user,
                               const char *key, int64_t as_of_ms);
int naive_stage(const struct naive_world *world, int account);
// What one test looks at: a number as it is counted, a trait's value.
struct naive_value naive_left(const struct naive_subject *subject, int condition);
// v >= or > what a relative test asks for: both sides in units that compare. False: there is none.
bool naive_relative(const struct naive_subject *subject, const struct naive_condition *condition,
                    __int128 *out);

// ---- naive_measure.c ----

struct naive_reading naive_read(const struct naive_subject *subject, int number);
// The same at an earlier clock, with all that is known now.
struct naive_reading naive_read_at(const struct naive_subject *subject, int number,
                                   int64_t clock_ms);
// Its events: those it takes, that meet its `where`. Positions in world.events, by instant; returns
// how many.
int naive_taken(const struct naive_subject *subject, const struct naive_number *number,
                unsigned events, int where, int out[NAIVE_EVENTS_MAX]);
int64_t naive_days(int64_t ms);
int64_t naive_hours(int64_t ms);

// ---- naive_score.c ----

int64_t naive_score(const struct naive_subject *subject, const struct naive_number *number);
int64_t naive_percent(const struct naive_subject *subject, const struct naive_number *number);
int64_t naive_best_fit(const struct naive_subject *subject);
bool naive_disqualified(const struct naive_subject *subject);
// n / d to the nearest, a half away from zero.
int64_t naive_divide(__int128 n, __int128 d);
// The first instant in (from, until] at which the score's comparison with one of the thresholds
// changes, when nothing but time does; INT64_MAX: none.
int64_t naive_crossing(const struct naive_subject *subject, int number, const int64_t *thresholds,
                       int n, int64_t until_ms);

// ---- naive_instants.c ----

// The next instant after the account's clock, at most `until`, at which time alone could change
// anything; INT64_MAX: none.
int64_t naive_next_instant(const struct naive_world *world, int account, int64_t after_ms,
                           int64_t until_ms);
