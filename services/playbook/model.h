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
    PLAYBOOK_QUEUES_MAX = 64,
    PLAYBOOK_ROUTES_MAX = 256,
    PLAYBOOK_TEAMS_MAX = 64,
    PLAYBOOK_REPS_MAX = 500, // of a team
    PLAYBOOK_EXPERIMENTS_MAX = 8,
    PLAYBOOK_ARMS_MAX = 9, // with the holdout
    PLAYBOOK_PROMPTS_MAX = 64,
    PLAYBOOK_SCHEMAS_MAX = 512,
    PLAYBOOK_SCHEMA_PROPERTIES_MAX = 128, // of an event
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
    CONDITION_SIGNAL, // another signal, a segment, a stage
    CONDITION_ALWAYS,
    CONDITION_AT_LEAST_N, // n_needed of the children
    CONDITION_ROLL_UP, // over an organization's accounts; only in org_definitions: the scorer never
                       // meets it
};

enum roll_up {
    ROLL_UP_ACCOUNTS, // accounts for which `signal` is true
    ROLL_UP_USERS,    // users, by id, for whom it is true in one of the accounts
    ROLL_UP_TOTAL,    // the measure whose fact `signal` is, added up over the accounts
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
    TEST_BETWEEN,    // both ends included
    TEST_IS,         // equal: a number, text or flag
    TEST_IN,         // one of several
    TEST_CONTAINS,   // text within text, ASCII letters in either case
    TEST_EXISTS,     // `exists: true` or `exists: false`
    TEST_WITHIN,     // first/last measures: less than this long before the clock
    TEST_GREW,       // a measure against itself some time before, see struct growth
    TEST_IS_PAST,    // an instant that has come (expected) or is yet to come
    TEST_LATER_THAN, // first/last measures: after the instant of another (`of`), or that has none
};
enum { PLAYBOOK_TESTS = TEST_LATER_THAN + 1 };
// As a playbook writes them, by test_kind; what a measure or signal means is told with them too.
extern const char *const PLAYBOOK_TEST_NAMES[PLAYBOOK_TESTS];

// What a threshold is relative to: `at_least: account.seats`, `at_least_percent: 80, of: ...`.
struct operand_ref {
    bool set;
    enum operand_kind kind; // MEASURE, ACCOUNT_TRAIT, USER_TRAIT
    int32_t measure;
    const char *key;
};

// TEST_GREW: what is now against what was `lag` buckets of the measure's window ago. All that are
// set must hold.
struct growth {
    int32_t lag; // days or hours, as the measure's window counts
    bool has_to, has_from, has_by, has_ratio;
    int64_t to_milli;    // now at least
    int64_t from_milli;  // then at most
    int64_t by_milli;    // now - then at least
    int64_t ratio_milli; // now at least so many times then, and then above 0
};

struct condition {
    enum condition_kind kind;
    // ALL, ANY, NOT, AT_LEAST_N: positions of the children in playbook.conditions.
    const int32_t *children;
    int32_t n_children;
    int32_t n_needed; // AT_LEAST_N
    // SIGNAL, ROLL_UP: position in playbook.signals.
    int32_t signal;
    enum roll_up roll_up; // ROLL_UP: it must be at least low_milli
    // TEST:
    enum operand_kind operand;
    int32_t measure; // OPERAND_MEASURE: position in playbook.measures
    const char *key; // trait, property or context key
    enum test_kind test;
    // AT_LEAST, AT_MOST, ABOVE, BELOW, BETWEEN. Milliseconds instead of milli: WITHIN, and against
    // a measure whose unit is a duration. With `of`: thousandths of a percent of that (100000: of
    // all of it); what it is relative to must be a number above 0, else the test does not hold.
    int64_t low_milli;
    int64_t high_milli;    // BETWEEN
    struct operand_ref of; // AT_LEAST, AT_MOST, ABOVE, BELOW; LATER_THAN
    struct growth growth;  // GREW
    // IS (one), IN, CONTAINS (one). Against a measure they are numbers, and low_milli is that of
    // IS.
    const struct value *values;
    int32_t n_values;
    bool expected; // EXISTS, IS_PAST
    bool quiet;    // the loader added it: not worth telling while it does not hold
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
    MEASURE_MAX,        // of a property; absent when there is none
    MEASURE_MIN,
    MEASURE_AVERAGE,      // rounded to a thousandth, a half away from zero
    MEASURE_ACTIVE_WEEKS, // weeks from Monday with one
    MEASURE_DAY_STREAK,   // days in a row with one, up to the clock's day or the day before it
    MEASURE_WEEK_STREAK,  // the same in weeks
    MEASURE_FIRST_VALUE,  // the property of the earliest event that has it; a value
    MEASURE_LAST_VALUE,
    MEASURE_TIME_SPENT, // ms: gaps of at most idle_ms between one event and the next, added up
    MEASURE_SINCE,      // ms from the latest event, or from when a signal became true, to the clock
    MEASURE_SEQUENCE,   // how often the last step came after the others in order
    MEASURE_POINTS,     // one rule of a score
    MEASURE_WEIGHTED,   // derived: terms times weights, added up
    MEASURE_BEST,       // derived: the largest of its terms
    MEASURE_GRADE,      // derived: a name, by the levels of two measures
    // The UTC hour of the day (0 to 23) with most events, the earliest of several; its value is
    // that + 1 in thousandths, so that 0 says that there was no event yet. Lifetime only.
    MEASURE_BUSIEST_HOUR,
};

// How a measure's number is to be read.
enum unit {
    UNIT_NUMBER,   // thousandths
    UNIT_DURATION, // ms
    UNIT_INSTANT,  // ms since 1970
    UNIT_VALUE,    // a value: text, number or flag
};

enum window_kind {
    WINDOW_LIFETIME,
    WINDOW_DAYS,  // the UTC day of the clock and the n-1 before it
    WINDOW_HOURS, // the same in UTC hours
    WINDOW_CALENDAR_DAY,
    WINDOW_CALENDAR_WEEK, // from Monday
    WINDOW_CALENDAR_MONTH,
    WINDOW_ANCHORED, // [anchor event, + within), exact to the millisecond
    WINDOW_WEEKS,    // the week (from Monday) of the clock and the n-1 before it
    WINDOW_RESET,    // what comes after the latest reset event; without one, everything
};

enum decay { DECAY_NONE, DECAY_HALF_LIFE, DECAY_LINEAR };

struct points {
    int32_t event; // number of the event's name
    int64_t milli;
};

// A part of a derived measure: a measure's number, or 1 while a signal is true.
struct term {
    int32_t measure; // position in playbook.measures, or PLAYBOOK_NONE
    int32_t signal;  // position in playbook.signals, or PLAYBOOK_NONE
    int64_t weight_milli;
};

// A named part of a score's range, from `from_milli` up to the next band.
struct band {
    const char *name;
    int64_t from_milli;
};

// The side of a grade's grid: the level of a measure is how many of the bounds it has reached.
struct grade_side {
    int32_t measure;
    const int64_t *at_least_milli; // ascending
    int32_t n;
};

struct measure {
    const char *name;
    enum measure_kind kind;
    enum scope scope;
    enum unit unit;
    enum window_kind window;
    int32_t window_n;      // DAYS, HOURS, WEEKS
    int64_t within_ms;     // ANCHORED (INT64_MAX: without end); SEQUENCE
    int32_t anchor;        // ANCHORED: event number
    bool anchor_last;      // ANCHORED: from the latest anchor event instead of the first
    const int32_t *resets; // RESET: event numbers
    int32_t n_resets;
    // The longest lag that a TEST_GREW looks back over it, in buckets of its window; 0: none.
    int32_t lag;
    // Its `where` looks at traits: they count as they were at the event, whatever arrives when.
    bool historic;
    int64_t idle_ms;      // TIME_SPENT
    const int32_t *steps; // SEQUENCE: event numbers, two or more
    int32_t n_steps;
    const int32_t *events; // event numbers that it takes; NULL: every active event
    int32_t n_events;
    const char *key;             // SUM, DISTINCT_VALUES, MAX, MIN, AVERAGE, FIRST_VALUE, LAST_VALUE
    int32_t where;               // position of a condition on the event, or PLAYBOOK_NONE
    const struct points *points; // SCORE
    int32_t n_points;
    int64_t half_life_ms;     // SCORE, POINTS: of HALF_LIFE; LINEAR: when nothing is left
    enum decay decay;         // POINTS; SCORE is always HALF_LIFE
    int64_t points_milli;     // POINTS: of one event
    bool once;                // POINTS: the earliest event only
    int32_t per_day;          // POINTS: so many of a UTC day, the earliest; 0: all
    int64_t cap_milli;        // POINTS: bound on its size at any instant, either way; 0: none
    const struct term *terms; // WEIGHTED, BEST
    int32_t n_terms;
    int64_t total_milli; // WEIGHTED: the sum of weights that is 100 (a percentage); 0: none
    int64_t min_milli, max_milli; // WEIGHTED: bounds
    int32_t veto;                 // WEIGHTED, BEST: 0 while this signal is true; or PLAYBOOK_NONE
    struct grade_side rows, columns;
    const char *const *names; // GRADE: [(rows.n + 1) * (columns.n + 1)], by row level, then column
    const struct band *bands; // SCORE, WEIGHTED: ascending
    int32_t n_bands;
    int32_t signal; // USERS_WITH, SINCE (or PLAYBOOK_NONE): position of the signal
    bool ever;      // USERS_WITH
    // What it measures, whatever it is called: a canonical text and its hash. State is matched by
    // it when a playbook changes.
    const char *canonical;
    uint64_t meaning;
    // Number of its cell among the cells of its scope; PLAYBOOK_NONE: it is derived.
    int32_t cell;
    // DISTINCT_USERS: number of the cell, in the user's scope, that keeps the user's last bucket
    // (with a lag: buckets). AVERAGE: of the cell, in its own scope, that counts.
    int32_t user_cell;
    bool hidden; // a part of another, not worth telling
    uint32_t line;
};

// ---- Signals ----

enum signal_origin {
    SIGNAL_DECLARED,   // under `signals`
    SIGNAL_SEGMENT,    // under `segments`: named "segment.<name>"
    SIGNAL_IMPLIED,    // a test that stands in `route`: named "when.<text>"
    SIGNAL_DEFINITION, // under `qualify`: named "qualify.<name>"
    SIGNAL_STAGE,      // under `lifecycle`: named "stage.<name>"
    SIGNAL_CRITERION,  // a part of a fit profile: named "fit.<profile>.<number>"; "fit.veto"
    SIGNAL_MARKETING,  // the `mql` of `marketing`: named "mql"
    SIGNAL_FACT,       // a value that the router needs: "fact.account.owner", "fact.measure.seats"
};

// A signal is true while its condition holds, unless it has a memory:
//   - it turns true when the condition has held for hold_ms without a break;
//   - `sticky`: it then stays true whatever its condition does, until `exit` holds (never without
//   one);
//     not sticky: it turns false when its condition no longer holds or `exit` holds;
//   - it does not turn true while `exit` holds, nor before cooldown_ms have passed since it turned
//     false, nor more than episodes_max times (0: no bound);
//   - `afresh`: nor before the condition was seen false since it turned false.
// Each time that it turns true is an episode, counted from 1.
struct signal {
    const char *name;
    enum signal_origin origin;
    enum scope scope; // USER when it looks at anything of a user, else ACCOUNT
    int32_t condition;
    int32_t exit; // a condition, or PLAYBOOK_NONE
    bool memory;  // any of the following is in use; else it simply follows its condition
    bool sticky;
    bool afresh;
    int64_t hold_ms, cooldown_ms;
    int32_t episodes_max;
    const char *label; // what a person calls it, "PQL - High Intent"; "" for none
    // FACT: what it tells, a trait by its key or a measure. It is true while there is a value (of a
    // measure: one above 0) and is told again, as true, whenever the value changes; its label then
    // is the value as a text: of a trait the text, number or flag, of a measure its thousandths.
    enum operand_kind fact_of;
    const char *fact_key;
    int32_t fact_measure; // position in playbook.measures, or PLAYBOOK_NONE
    const char *canonical;
    uint64_t meaning;
    int32_t number; // among the signals of its scope
    uint32_t line;
};

// ---- Qualification ----

enum role { ROLE_PAL, ROLE_PQL, ROLE_PQA, ROLE_MQL };
enum { PLAYBOOK_ROLES = ROLE_MQL + 1 };
extern const char *const PLAYBOOK_ROLE_NAMES[PLAYBOOK_ROLES]; // "pal", ...

struct definition {
    const char *name; // "pql", "trial_pql"
    enum role role;
    int32_t signal; // position in playbook.signals
    uint32_t line;
};

// In order of precedence: an account is in the highest whose signal is true.
enum stage {
    STAGE_SIGNED_UP, // always
    STAGE_ACTIVATED,
    STAGE_PQL,
    STAGE_SQL,
    STAGE_CUSTOMER,
    STAGE_EXPANSION,
    STAGE_AT_RISK,
    STAGE_CHURNED,
};
enum { PLAYBOOK_STAGES = STAGE_CHURNED + 1 };
extern const char *const PLAYBOOK_STAGE_NAMES[PLAYBOOK_STAGES]; // "signed_up", ...

// ---- Routing ----

enum motion { MOTION_SALES, MOTION_SELF_SERVE, MOTION_SUCCESS, MOTION_HOLD_OUT, MOTION_SUPPRESS };
const char *motion_name(enum motion motion);

struct route {
    int32_t when; // a condition of ALL, ANY, NOT, SIGNAL, ALWAYS
    enum motion motion;
    int32_t queue; // position in playbook.queues; PLAYBOOK_NONE for hold_out and suppress
    int32_t priority;
    const char *text;    // the condition on one line
    const char *message; // name of the prompt or sequence that goes with it; "" for none
    // This motion first: when such a lead is completed with any outcome but "rejected" and "lost"
    // and the account still qualifies, the next lead is made at once and skips such routes.
    bool first;
};

struct lead_queue {
    const char *name;
    int64_t lease_ms;     // how long a lease lasts when the consumer does not say
    int32_t attempts_max; // leases that ran out or were released before the lead is parked
    bool busiest_hour;    // a lead waits for the busiest hour of its account; see busiest_fact
    int32_t team;         // position in playbook.teams; PLAYBOOK_NONE: whoever leases
};

// All that hold add to the priority that the route says.
struct priority_rule {
    int32_t when; // a condition as in routes
    int32_t add;  // -1000 to 1000
};

// The first that holds; without one a lead costs 1.
struct effort_rule {
    int32_t when;
    int32_t units; // 1 to 100
};

// ---- Teams ----

// What is added to UTC from an instant on. The first one is from INT64_MIN.
struct zone_shift {
    int64_t from_ms;
    int32_t offset_s;
};

struct zone {
    const char *name;                // IANA: "Europe/Berlin"
    const struct zone_shift *shifts; // ascending
    int32_t n_shifts;
};

// When somebody works: on these days of the week, in local time; never on a holiday.
struct hours {
    int32_t zone;            // position in playbook.zones
    uint8_t days;            // bit 0: Monday ... bit 6: Sunday; 0x7f with 0 to 1440: always
    int32_t from_min;        // of the local day; 0 to 1439
    int32_t to_min;          // the first minute after; 1 to 1440, after from_min
    const int32_t *holidays; // local days since 1970-01-01, ascending
    int32_t n_holidays;
};

struct absence {
    int64_t from_ms, to_ms; // [from, to)
};

// At most so many of the open leads for which the condition held when they were assigned.
struct cap_when {
    int32_t condition; // as in routes
    int32_t open;
};

// 0: no such cap.
struct rep_caps {
    int32_t open;    // leads assigned and not ended
    int32_t per_day; // assigned on one local day
    int32_t per_period;
    int64_t period_ms; // assigned within so long
    int32_t units;     // of effort, of open leads
    const struct cap_when *when;
    int32_t n_when;
};

struct rep {
    const char *name;
    int32_t weight; // 1 to 100
    struct rep_caps caps;
    int32_t takes;          // a condition as in routes: territory, skills
    const char *takes_text; // "always"
    struct hours hours;
    const struct absence *absences; // ascending
    int32_t n_absences;
    bool inactive;
    uint32_t line;
};

struct escalation {
    int64_t after_ms; // from the assignment on
    const char *to;
};

struct sla {
    int64_t first_touch_ms; // from its assignment to the lead's first Ack or Complete; 0: no SLA
    int64_t remind_ms;      // from its assignment on; 0: no reminder
    int32_t reassigns;      // how often it passes to another rep when it is not touched in time
    const struct escalation *escalations; // ascending; after the last reassignment
    int32_t n_escalations;
    bool working_time; // these times pass only while the rep works
};

// The threshold of priority that fills the team's slots; see docs/routing.md.
struct admission {
    bool set;
    int32_t slots_per_week; // 0: what the caps allow
    int32_t days;           // of leads that are looked back at
};

struct team {
    const char *name;
    int32_t queue;          // position in playbook.queues
    const struct rep *reps; // in order of name
    int32_t n_reps;
    struct hours hours; // of reps that are added later
    struct rep_caps caps;
    // When nobody can take a lead: how long it waits, then where it goes. INT64_MAX: for ever.
    int64_t wait_ms;
    bool wait_working; // that time passes only while one of the reps works
    enum motion then_motion;
    int32_t then_queue; // PLAYBOOK_NONE for hold_out and suppress
    // The account's owner is one of the team, but cannot take it: it waits for him.
    bool owner_only;
    struct sla sla;
    struct admission admit;
    uint32_t line;
};

// ---- Experiments and prompts ----

struct arm {
    const char *name;
    int32_t share; // in ten thousandths
    bool holdout;
    int64_t first_touch_ms; // instead of the team's; 0: as it is
    const char *message;    // instead of the route's; "": as it is
};

// Who takes part falls into an arm by a keyed hash of the account (or organization) and `key`.
struct experiment {
    const char *name;
    const char *key;
    int32_t of;             // a condition as in routes
    const struct arm *arms; // the holdout first; shares add up to 10,000
    int32_t n_arms;
    int64_t within_ms; // a conversion counts so long after the lead was made
    int64_t size;      // how many leads are planned, over all arms; 0: not said
    uint32_t line;
};

struct prompt {
    const char *name;
    int32_t when;     // position in playbook.signals; PLAYBOOK_NONE: only as a route's message
    const char *text; // what the person reads, with the reason in it
    const char *offer, *link; // "" for none
    int32_t priority;
    int64_t expires_ms; // after its reason became true; 0: never
    int64_t snooze_ms;  // shown again so long after it was dismissed; 0: not in this episode
};

// ---- Organizations ----

enum organization_source {
    ORGANIZATION_PARENT, // fact: the id of another account
    ORGANIZATION_TRAIT,  // fact: a trait of the account
    ORGANIZATION_DOMAIN, // fact of users: the domain of their e-mail address, not a free-mail one
};

struct organization_by {
    enum organization_source source;
    int32_t fact; // position in playbook.signals
};

// A definition over the roll-up. Its condition is of ALL, ANY, NOT, AT_LEAST_N and ROLL_UP.
struct organization_definition {
    const char *name;
    int32_t when;
    const char *label;
    uint32_t line;
};

// ---- The whole ----

// What one event name sets in motion. Lists are positions in playbook.measures and
// playbook.signals.
struct dispatch {
    // That take the event, or are anchored at it, or reset by it, or give points for it, and those
    // that are derived from such a one, also through a signal.
    const int32_t *user_measures;
    const int32_t *account_measures;
    const int32_t *user_signals; // that look at one of these measures, directly or through a signal
    const int32_t *account_signals;
    int32_t n_user_measures, n_account_measures, n_user_signals, n_account_signals;
};

// Where a user's events count that name no account, by the accounts of group calls.
enum default_account {
    DEFAULT_ACCOUNT_ONLY, // in that one, when all calls name the same
    DEFAULT_ACCOUNT_FIRST,
    DEFAULT_ACCOUNT_LATEST,
    DEFAULT_ACCOUNT_NONE, // in the user's personal account
};

// ---- What events should look like: ingest judges them; scorers and the router do not ask ----

enum schemas_mode { SCHEMAS_OBSERVE, SCHEMAS_ENFORCE };
enum schemas_naming {
    NAMING_ANY,
    NAMING_TITLE_CASE,
    NAMING_SNAKE_CASE,
    NAMING_CAMEL_CASE,
    NAMING_PASCAL_CASE,
    NAMING_KEBAB_CASE,
};
enum { SCHEMAS_NAMINGS = NAMING_KEBAB_CASE + 1 };
extern const char *const PLAYBOOK_NAMING_NAMES[SCHEMAS_NAMINGS + 1]; // NULL-terminated

enum property_type {
    PROPERTY_ANY,
    PROPERTY_TEXT,
    PROPERTY_NUMBER,
    PROPERTY_INTEGER, // also a number without a fraction
    PROPERTY_FLAG,
    PROPERTY_TIME,   // a text as in 2026-01-31 or 2026-01-31T10:00:00Z
    PROPERTY_ONE_OF, // a text of a list
};
enum { PROPERTY_TYPES = PROPERTY_TIME + 1 };
extern const char *const PLAYBOOK_PROPERTY_TYPE_NAMES[PROPERTY_TYPES + 1]; // NULL-terminated

struct property_rule {
    struct span name;
    enum property_type type;
    bool required;
    const struct span *values; // PROPERTY_ONE_OF
    int32_t n_values;
};

// Of a track call.
struct event_schema {
    struct span event;
    enum schemas_mode mode;
    enum schemas_naming property_naming; // of properties that have no rule
    bool refuse_unknown;                 // such properties are a violation
    const struct property_rule *rules;   // by name, ascending
    int32_t n_rules, n_required;
};

struct schemas {
    enum schemas_mode mode; // of events that have no schema
    enum schemas_naming naming;
    bool refuse_unknown;               // an event without a schema is a violation
    const struct event_schema *events; // by name, ascending
    int32_t n_events;
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

    // Conditions over the signals of the definitions of each role, any of which will do; or
    // PLAYBOOK_NONE.
    int32_t pal, pql, pqa;
    const struct definition *definitions;
    int32_t n_definitions;
    // Signals of accounts by stage, or PLAYBOOK_NONE; has_stages: there is a `lifecycle`.
    int32_t stages[PLAYBOOK_STAGES];
    bool has_stages;
    enum default_account default_account;
    // Events under `marketing`: kept beside, never active.
    const int32_t *marketing_events;
    int32_t n_marketing_events;
    const struct route *routes;
    int32_t n_routes;
    const struct lead_queue *queues;
    int32_t n_queues;
    const struct priority_rule *priorities;
    int32_t n_priorities;
    // Waiting adds age_points to a lead's priority every age_ms, without bound; 0: it adds nothing.
    int32_t age_points;
    int64_t age_ms;
    const struct effort_rule *efforts;
    int32_t n_efforts;
    const struct zone *zones;
    int32_t n_zones;
    const struct team *teams;
    int32_t n_teams;
    const struct experiment *experiments;
    int32_t n_experiments;
    const struct prompt *prompts;
    int32_t n_prompts;
    const struct organization_by *organizations; // the first that is known says it
    int32_t n_organizations;
    const struct organization_definition *org_definitions;
    int32_t n_org_definitions;
    // Positions in playbook.signals, or PLAYBOOK_NONE.
    int32_t owner_fact;    // of the account: the name of the rep who owns it
    int32_t busiest_fact;  // of the account
    int32_t never_user;    // who must not be contacted: a user
    int32_t never_account; // ... a whole account: its leads are suppressed
    int32_t consent;       // of a user: who may be sent messages (self_serve, prompts)

    const struct schemas *schemas; // NULL: none

    // Derived by playbook_build:
    int32_t n_cells[2]; // by scope
    int32_t n_scope_signals[2];
    // Leaves are numbered per scope *of the signal*: a test on an account's measure under a user's
    // signal is a leaf of SCOPE_USER.
    int32_t n_leaves[2];
    const int32_t *leaf_condition[2]; // condition of leaf i
    const struct dispatch *dispatch;  // [n_events + 1]; the last one is for every other name
    // User signals that look at an account's measure, trait or signal, also through what they refer
    // to: they are decided anew for every user of the account when one of those changes.
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
// Whether a measure is worked out from others and keeps nothing itself.
bool playbook_is_derived(const struct measure *measure);
int32_t playbook_signal(const struct playbook *playbook, struct span name); // position, or NONE
