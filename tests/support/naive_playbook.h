// SPDX-License-Identifier: Apache-2.0
// A playbook as the naive model sees it: what its YAML text says, before anything is resolved. The
// generator makes one, naive_playbook_write prints it for the loader, and the naive engine
// evaluates it directly, so that neither the loader's nor the core's mistakes repeat here.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"

enum {
    NAIVE_NONE = -1,
    NAIVE_NUMBERS_MAX = 24,
    NAIVE_SIGNALS_MAX = 40,
    NAIVE_CONDITIONS_MAX = 600,
    NAIVE_CHILDREN_MAX = 4,
    NAIVE_RULES_MAX = 4,
    NAIVE_STAGES = 8,
};

// Names of events; K is the one under `marketing`.
enum { NAIVE_EVENTS = 6, NAIVE_EVENT_MARKETING = 5 };
extern const char *const NAIVE_EVENT[NAIVE_EVENTS];
extern const char *const NAIVE_STAGE[NAIVE_STAGES];

// ---- Values ----

enum naive_type { NAIVE_NOTHING, NAIVE_NUMBER, NAIVE_TEXT, NAIVE_FLAG };

struct naive_value {
    enum naive_type type;
    int64_t milli; // of a number; of a flag 1000 or 0
    char text[28]; // of a text
};
// "2.5", "x", "true", "null" as the wire helper and YAML write them.
struct naive_value naive_value_of(const char *written);
bool naive_value_equal(const struct naive_value *a, const struct naive_value *b);
// An ISO-8601 text or a number of milliseconds as an instant.
bool naive_value_instant(const struct naive_value *value, int64_t *at_ms);

// ---- Conditions ----

enum naive_condition_kind {
    NAIVE_ALL,
    NAIVE_ANY,
    NAIVE_NOT,
    NAIVE_NONE_OF,
    NAIVE_AT_LEAST_N,
    NAIVE_ALWAYS,
    NAIVE_SIGNAL, // of the playbook's signals, also a segment
    NAIVE_IN_STAGE,
    NAIVE_FITS,         // a profile's percent reaches its at_least
    NAIVE_DISQUALIFIED, // any disqualifying profile
    NAIVE_TEST,
};

enum naive_operand {
    NAIVE_OF_NUMBER,
    NAIVE_OF_BEST_FIT,
    NAIVE_OF_ACCOUNT,
    NAIVE_OF_USER,
    NAIVE_OF_PROPERTY,
    NAIVE_OF_CONTEXT,
};

enum naive_test {
    NAIVE_TEST_AT_LEAST,
    NAIVE_TEST_AT_MOST,
    NAIVE_TEST_ABOVE,
    NAIVE_TEST_BELOW,
    NAIVE_TEST_BETWEEN,
    NAIVE_TEST_IS,
    NAIVE_TEST_IN,
    NAIVE_TEST_CONTAINS,
    NAIVE_TEST_EXISTS,
    NAIVE_TEST_WITHIN,
    NAIVE_TEST_GREW,
    NAIVE_TEST_IS_PAST,
    NAIVE_TEST_LATER_THAN,
    NAIVE_TEST_BAND,
};

struct naive_condition {
    enum naive_condition_kind kind;
    int children[NAIVE_CHILDREN_MAX], n_children, needed;
    int signal; // SIGNAL
    int stage;  // IN_STAGE
    int fit;    // FITS
    enum naive_operand operand;
    int number;
    const char *key;
    enum naive_test test;
    int64_t low, high; // milli, or ms against a duration and for WITHIN
    // Thresholds by segment, tried in order: `low` is the default.
    int segments[2], n_segments;
    int64_t segment_low[2];
    // Relative to another: AT_LEAST to BELOW, LATER_THAN. percent: low is milli percent.
    bool relative, percent;
    enum naive_operand of;
    int of_number;
    const char *of_key;
    const char *values[2]; // IS, IN, CONTAINS
    int n_values;
    bool expected;
    // GREW
    bool has_to, has_from, has_by, has_ratio;
    int64_t to, from, by, ratio, over_ms;
    int band;
};

// ---- Numbers: measures, scores, fit profiles, grades ----

enum naive_function {
    NAIVE_COUNT,
    NAIVE_SUM,
    NAIVE_MAX,
    NAIVE_MIN,
    NAIVE_AVERAGE,
    NAIVE_DISTINCT_USER,
    NAIVE_DISTINCT,
    NAIVE_ACTIVE_DAYS,
    NAIVE_ACTIVE_WEEKS,
    NAIVE_DAY_STREAK,
    NAIVE_WEEK_STREAK,
    NAIVE_FIRST,
    NAIVE_LAST,
    NAIVE_FIRST_VALUE,
    NAIVE_LAST_VALUE,
    NAIVE_TIME_SPENT,
    NAIVE_SINCE,
    NAIVE_SINCE_SIGNAL,
    NAIVE_SEQUENCE,
    NAIVE_USERS_WITH,
    NAIVE_BUSIEST,  // hour of the day, and 1
    NAIVE_SCORE,    // points
    NAIVE_WEIGHTED, // weights
    NAIVE_FIT,
    NAIVE_GRADE,
};

enum naive_unit { NAIVE_AS_NUMBER, NAIVE_AS_DURATION, NAIVE_AS_INSTANT, NAIVE_AS_VALUE };

enum naive_window {
    NAIVE_ALL_TIME,
    NAIVE_DAYS,
    NAIVE_HOURS,
    NAIVE_WEEKS,
    NAIVE_CALENDAR_DAY,
    NAIVE_CALENDAR_WEEK,
    NAIVE_CALENDAR_MONTH,
    NAIVE_AFTER, // `after` with `within`
    NAIVE_RESET, // `resets_on`
};

enum naive_fade { NAIVE_STAYS, NAIVE_HALVES, NAIVE_LINEAR };

struct naive_rule {
    unsigned events;
    int64_t points; // milli
    bool once;
    int per_day;
    int64_t at_most; // milli; 0: none
    int where;
};

// A part of `weights` (number or signal), or a criterion of a fit profile (condition).
struct naive_term {
    int number, signal, condition;
    int64_t weight; // milli
};

struct naive_number {
    char name[16];
    enum naive_function function;
    bool user;       // its scope
    unsigned events; // a bit each; 0: any
    const char *key; // the property
    enum naive_window window;
    int window_n;
    int after;
    bool from_last;
    int64_t within_ms; // AFTER (0: without end), SEQUENCE
    unsigned resets;
    int where;
    bool historic; // its where looks at traits
    int64_t idle_ms;
    int steps[5], n_steps;
    int signal; // USERS_WITH, SINCE_SIGNAL
    bool ever;
    // SCORE
    struct naive_rule rules[NAIVE_RULES_MAX];
    int n_rules;
    bool short_form;
    enum naive_fade fade;
    int64_t fade_ms;
    int64_t cap; // per event; milli
    // SCORE, WEIGHTED
    bool has_min, has_max;
    int64_t min, max;
    int64_t bands[3];
    int n_bands;
    // WEIGHTED, FIT
    struct naive_term terms[NAIVE_RULES_MAX];
    int n_terms;
    bool disqualifies;
    int64_t at_least; // FIT: milli percent
    // GRADE: bounds of fit.best and of a score
    int score;
    int64_t fit_bounds[2], score_bounds[2];
    int n_fit_bounds, n_score_bounds;
};

enum naive_unit naive_number_unit(const struct naive_number *number);

// ---- Signals ----

enum naive_origin {
    NAIVE_DECLARED,
    NAIVE_SEGMENT,
    NAIVE_DEFINITION,
    NAIVE_LIFECYCLE,
    NAIVE_MQL,
};
enum naive_role { NAIVE_PAL, NAIVE_PQL, NAIVE_PQA };
enum naive_requalify { NAIVE_AFRESH, NAIVE_EVERY_TIME, NAIVE_NEVER };

struct naive_signal {
    char name[32]; // as in changes: "segment.s0", "qualify.pql"
    enum naive_origin origin;
    bool user;
    int condition; // NAIVE_NONE: a stage's default
    bool long_form;
    bool per_account; // written
    int exit;
    int64_t hold_ms, cooldown_ms;
    int episodes;
    enum naive_requalify requalify; // DEFINITION
    enum naive_role role;           // DEFINITION
    bool as;                        // written `as:`
    int stage;                      // LIFECYCLE
    bool dropped;                   // not written
    bool fact;                      // tells the value that its one test looks at
};

struct naive_playbook {
    struct naive_condition conditions[NAIVE_CONDITIONS_MAX];
    int n_conditions;
    struct naive_number numbers[NAIVE_NUMBERS_MAX];
    int n_numbers;
    bool number_dropped[NAIVE_NUMBERS_MAX]; // not written
    struct naive_signal signals[NAIVE_SIGNALS_MAX];
    int n_signals;
    unsigned active; // events; 0: no such section
    bool marketing;
    int exclude[3], n_exclude;
    bool lifecycle;
    int renamed; // how often names were changed: they end in it
};

// Thousandths as a person writes them: "2.5".
void naive_milli_write(int64_t milli, struct buf *out);
bool naive_has_memory(const struct naive_signal *signal);
// The name under which it stands in its section.
const char *naive_signal_key(const struct naive_signal *signal);
void naive_playbook_write(const struct naive_playbook *playbook, struct buf *out);
// One condition as YAML, in flow style.
void naive_condition_write(const struct naive_playbook *playbook, int at, struct buf *out);
// Two measures that are the same but for their names.
bool naive_number_same(const struct naive_playbook *playbook, int a, int b);
// Visits everything that a condition refers to, with what stands under it.
struct naive_visitor {
    void (*number)(void *context, int number);
    void (*signal)(void *context, int signal);
    void (*stage)(void *context);
    void *context;
};
void naive_condition_visit(const struct naive_playbook *playbook, int at,
                           const struct naive_visitor *visitor);
void naive_number_visit(const struct naive_playbook *playbook, int number,
                        const struct naive_visitor *visitor);
void naive_signal_visit(const struct naive_playbook *playbook, int signal,
                        const struct naive_visitor *visitor);
bool naive_condition_of_user(const struct naive_playbook *playbook, int at);
// Works out whose the derived numbers and the signals are, by what they look at.
void naive_playbook_scopes(struct naive_playbook *playbook);
// What something that stands in the playbook refers to.
struct naive_usage {
    bool numbers[NAIVE_NUMBERS_MAX], signals[NAIVE_SIGNALS_MAX], stages;
};
struct naive_usage naive_playbook_usage(const struct naive_playbook *playbook);
