// SPDX-License-Identifier: Apache-2.0
// A playbook as the cores use it: every name resolved to a number, every threshold to an integer.
// Plain data, never changed after playbook_load or playbook_build made it; the cores only read it.
// Any thread.
//
// Values of measures are integers in thousandths ("milli"): a count of 5 is 5000, so that counts,
// sums, averages and points compare exactly and the same on every machine.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/span.h"

enum { PLAYBOOK_NONE = -1 };
enum {
    PLAYBOOK_MEASURES_MAX = 256,
    PLAYBOOK_SIGNALS_MAX = 256,
    PLAYBOOK_CONDITIONS_MAX = 4096,
    PLAYBOOK_EVENTS_MAX = 1024,
    PLAYBOOK_WINDOW_DAYS_MAX = 400,
    PLAYBOOK_WINDOW_HOURS_MAX = 72,
};

// ---- Values that events and traits carry ----

enum value_type { VALUE_NONE, VALUE_TEXT, VALUE_NUMBER, VALUE_INTEGER, VALUE_FLAG };

struct value {
    enum value_type type;
    union {
        struct span text;
        double number;
        int64_t integer;
        bool flag;
    };
};

struct property {
    struct span key;
    struct value value;
};

// ---- Conditions ----

enum condition_kind {
    CONDITION_ALL,
    CONDITION_ANY,
    CONDITION_NOT,
    CONDITION_TEST,   // an operand against a threshold: a leaf
    CONDITION_SIGNAL, // another signal, or a segment
    CONDITION_ALWAYS,
};

enum operand_kind {
    OPERAND_MEASURE,
    OPERAND_ACCOUNT_TRAIT, // account.employees
    OPERAND_USER_TRAIT,    // user.email; the derived key "email_domain" comes from "email"
    OPERAND_PROPERTY,      // properties.plan; only in a measure's `where` and in `exclude`
    OPERAND_CONTEXT,       // context.user_agent, whose key here is "userAgent"; only there too
};

enum test_kind {
    TEST_AT_LEAST,
    TEST_AT_MOST,
    TEST_ABOVE,
    TEST_BELOW,
    TEST_BETWEEN,  // both ends included
    TEST_IS,       // equal: a number, text or flag
    TEST_IN,       // one of several
    TEST_CONTAINS, // text within text, ASCII letters in either case
    TEST_EXISTS,   // `exists: true` or `exists: false`
    TEST_WITHIN,   // first/last measures: less than this long before the clock
};
enum { PLAYBOOK_TESTS = TEST_WITHIN + 1 };
// As a playbook writes them, by test_kind; what a measure or signal means is told with them too.
extern const char *const PLAYBOOK_TEST_NAMES[PLAYBOOK_TESTS];

struct condition {
    enum condition_kind kind;
    // ALL, ANY, NOT: positions of the children in playbook.conditions.
    const int32_t *children;
    int32_t n_children;
    // SIGNAL: position in playbook.signals.
    int32_t signal;
    // TEST:
    enum operand_kind operand;
    int32_t measure; // OPERAND_MEASURE: position in playbook.measures
    const char *key; // trait, property or context key
    enum test_kind test;
    int64_t low_milli;  // AT_LEAST, AT_MOST, ABOVE, BELOW, BETWEEN; WITHIN: milliseconds, not milli
    int64_t high_milli; // BETWEEN
    // IS (one), IN, CONTAINS (one). Against a measure they are numbers, and low_milli is that of
    // IS.
    const struct value *values;
    int32_t n_values;
    bool expected; // EXISTS
    // As the playbook writes it, on one line: "projects at_least 3", "all", "any", "not",
    // "near_limit".
    const char *text;
    const char *threshold; // the right side alone: "3"
    uint32_t line;         // in the file
    // TEST under a signal: its number among the leaves of the signal's scope. Else PLAYBOOK_NONE.
    int32_t leaf;
};

// ---- Measures ----

enum scope { SCOPE_USER, SCOPE_ACCOUNT };

enum measure_kind {
    MEASURE_COUNT,
    MEASURE_SUM,
    MEASURE_DISTINCT_USERS,  // per account only
    MEASURE_DISTINCT_VALUES, // of a property
    MEASURE_ACTIVE_DAYS,
    MEASURE_FIRST, // instant of the earliest event; the value is in ms, not milli
    MEASURE_LAST,
    MEASURE_SCORE,      // points with half-life
    MEASURE_USERS_WITH, // users of the account for whom a user signal is true (or ever was)
};

enum window_kind {
    WINDOW_LIFETIME,
    WINDOW_DAYS,  // the UTC day of the clock and the n-1 before it
    WINDOW_HOURS, // the same in UTC hours
    WINDOW_CALENDAR_DAY,
    WINDOW_CALENDAR_WEEK, // from Monday
    WINDOW_CALENDAR_MONTH,
    WINDOW_ANCHORED, // [first anchor event, + within), exact to the millisecond
};

struct points {
    int32_t event; // number of the event's name
    int64_t milli;
};

struct measure {
    const char *name;
    enum measure_kind kind;
    enum scope scope;
    enum window_kind window;
    int32_t window_n;      // DAYS, HOURS
    int64_t within_ms;     // ANCHORED
    int32_t anchor;        // ANCHORED: event number
    const int32_t *events; // event numbers that it takes; NULL: every active event
    int32_t n_events;
    const char *key;             // SUM, DISTINCT_VALUES: the property
    int32_t where;               // position of a condition on the event, or PLAYBOOK_NONE
    const struct points *points; // SCORE
    int32_t n_points;
    int64_t half_life_ms; // SCORE
    int32_t signal;       // USERS_WITH: position of the user signal
    bool ever;            // USERS_WITH
    // What it measures, whatever it is called: a canonical text and its hash. State is matched by
    // it when a playbook changes.
    const char *canonical;
    uint64_t meaning;
    // Number of its cell among the cells of its scope.
    int32_t cell;
    // DISTINCT_USERS: number of the cell, in the user's scope, that keeps the user's last bucket.
    int32_t user_cell;
    uint32_t line;
};

// ---- Signals ----

enum signal_origin {
    SIGNAL_DECLARED, // under `signals`
    SIGNAL_SEGMENT,  // under `segments`: named "segment.<name>"
    SIGNAL_IMPLIED,  // a test that stands in `qualify` or `route`: named "when.<text>"
};

struct signal {
    const char *name;
    enum signal_origin origin;
    enum scope scope; // USER when it looks at anything of a user, else ACCOUNT
    int32_t condition;
    const char *canonical;
    uint64_t meaning;
    int32_t number; // among the signals of its scope
    uint32_t line;
};

// ---- Routing ----

enum motion { MOTION_SALES, MOTION_SELF_SERVE, MOTION_SUCCESS, MOTION_HOLD_OUT, MOTION_SUPPRESS };
const char *motion_name(enum motion motion);

struct route {
    int32_t when; // a condition of ALL, ANY, NOT, SIGNAL, ALWAYS
    enum motion motion;
    int32_t queue; // position in playbook.queues; PLAYBOOK_NONE for hold_out and suppress
    int32_t priority;
    const char *text; // the condition on one line
};

struct lead_queue {
    const char *name;
    int64_t lease_ms;     // how long a lease lasts when the consumer does not say
    int32_t attempts_max; // leases that ran out or were released before the lead is parked
};

// ---- The whole ----

// What one event name sets in motion. Lists are positions in playbook.measures and
// playbook.signals.
struct dispatch {
    const int32_t
        *user_measures; // that take the event, or are anchored at it, or give points for it
    const int32_t *account_measures;
    const int32_t *user_signals; // that look at one of these measures, directly or through a signal
    const int32_t *account_signals;
    int32_t n_user_measures, n_account_measures, n_user_signals, n_account_signals;
};

struct playbook {
    const char *name;
    int64_t version;
    const char *label; // "name@version"
    uint64_t digest;   // of the text
    struct span text;  // the file as loaded
    const char *file;

    const char *const *events; // names of events, by number
    int32_t n_events;
    // Derived: a hash table from names to numbers, of event_mask + 1 slots; PLAYBOOK_NONE: an empty
    // one.
    const int32_t *event_slots;
    uint32_t event_mask;
    // The events that count as activity; NULL: every track, page and screen with context.active not
    // false.
    const int32_t *active_events;
    int32_t n_active_events;

    const struct condition *conditions;
    int32_t n_conditions;
    const struct measure *measures; // scores are measures too
    int32_t n_measures;
    const struct signal *signals; // in an order such that each comes after those it refers to
    int32_t n_signals;
    const int32_t *exclude; // conditions on the event; one that holds excludes it
    int32_t n_exclude;

    int32_t pal, pql, pqa; // conditions over signals, or PLAYBOOK_NONE
    const struct route *routes;
    int32_t n_routes;
    const struct lead_queue *queues;
    int32_t n_queues;

    // Derived by playbook_build:
    int32_t n_cells[2]; // by scope
    int32_t n_scope_signals[2];
    // Leaves are numbered per scope *of the signal*: a test on an account's measure under a user's
    // signal is a leaf of SCOPE_USER.
    int32_t n_leaves[2];
    const int32_t *leaf_condition[2]; // condition of leaf i
    const struct dispatch *dispatch;  // [n_events + 1]; the last one is for every other name
    // User signals that look at an account's measure or trait: they are decided anew for every user
    // of the account when one of those leaves changes.
    const int32_t *shared_user_signals;
    int32_t n_shared_user_signals;
    // Account signals that look, directly or not, at USERS_WITH of the user signal i (by position).
    const int32_t *const
        *signals_of_users_with; // [n_signals], each ended by PLAYBOOK_NONE; may be NULL

    struct arena *arena; // owns everything
};

void playbook_destroy(struct playbook *playbook);
// The number of an event's name, or n_events for one that the playbook does not mention.
int32_t playbook_event(const struct playbook *playbook, struct span name);
int32_t playbook_signal(const struct playbook *playbook, struct span name); // position, or NONE
