// SPDX-License-Identifier: Apache-2.0
#include "tests/support/naive_playbook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/time_text.h"

const char *const NAIVE_EVENT[NAIVE_EVENTS] = {"A", "B", "C", "T", "R", "K"};
const char *const NAIVE_STAGE[NAIVE_STAGES] = {"signed_up", "activated", "pql",     "sql",
                                               "customer",  "expansion", "at_risk", "churned"};

struct naive_value naive_value_of(const char *written)
{
    struct naive_value value = {.type = NAIVE_TEXT};
    if (strcmp(written, "null") == 0)
        return (struct naive_value){0};
    if (strcmp(written, "true") == 0 || strcmp(written, "false") == 0)
        return (struct naive_value){.type = NAIVE_FLAG, .milli = written[0] == 't' ? 1000 : 0};
    char *end;
    double number = strtod(written, &end);
    if (*end == '\0' && end != written) {
        value.type = NAIVE_NUMBER;
        value.milli = (int64_t)(number * 1000 + (number < 0 ? -0.5 : 0.5));
        return value;
    }
    CHECK(strlen(written) < sizeof value.text);
    strcpy(value.text, written);
    return value;
}

bool naive_value_equal(const struct naive_value *a, const struct naive_value *b)
{
    if (a->type != b->type || a->type == NAIVE_NOTHING)
        return false;
    return a->type == NAIVE_TEXT ? strcmp(a->text, b->text) == 0 : a->milli == b->milli;
}

bool naive_value_instant(const struct naive_value *value, int64_t *at_ms)
{
    if (value->type == NAIVE_NUMBER) {
        *at_ms = value->milli / 1000;
        return true;
    }
    return value->type == NAIVE_TEXT && time_parse(span_of(value->text), at_ms);
}

enum naive_unit naive_number_unit(const struct naive_number *number)
{
    switch (number->function) {
    case NAIVE_FIRST:
    case NAIVE_LAST:
        return NAIVE_AS_INSTANT;
    case NAIVE_FIRST_VALUE:
    case NAIVE_LAST_VALUE:
    case NAIVE_GRADE:
        return NAIVE_AS_VALUE;
    case NAIVE_TIME_SPENT:
    case NAIVE_SINCE:
    case NAIVE_SINCE_SIGNAL:
        return NAIVE_AS_DURATION;
    case NAIVE_COUNT:
    case NAIVE_SUM:
    case NAIVE_MAX:
    case NAIVE_MIN:
    case NAIVE_AVERAGE:
    case NAIVE_DISTINCT_USER:
    case NAIVE_DISTINCT:
    case NAIVE_ACTIVE_DAYS:
    case NAIVE_ACTIVE_WEEKS:
    case NAIVE_DAY_STREAK:
    case NAIVE_WEEK_STREAK:
    case NAIVE_SEQUENCE:
    case NAIVE_USERS_WITH:
    case NAIVE_BUSIEST:
    case NAIVE_SCORE:
    case NAIVE_WEIGHTED:
    case NAIVE_FIT:
        break;
    }
    return NAIVE_AS_NUMBER;
}

bool naive_has_memory(const struct naive_signal *signal)
{
    return signal->long_form || signal->origin == NAIVE_DEFINITION;
}

const char *naive_signal_key(const struct naive_signal *signal)
{
    const char *dot = strchr(signal->name, '.');
    return dot == NULL ? signal->name : dot + 1;
}

// ---- Small parts ----

void naive_milli_write(int64_t milli, struct buf *out)
{
    uint64_t size = milli < 0 ? -(uint64_t)milli : (uint64_t)milli;
    buf_printf(out, "%s%llu", milli < 0 ? "-" : "", (unsigned long long)(size / 1000));
    if (size % 1000 == 0)
        return;
    char digits[8];
    snprintf(digits, sizeof digits, "%03u", (unsigned)(size % 1000));
    for (int i = 2; digits[i] == '0'; i--)
        digits[i] = '\0';
    buf_printf(out, ".%s", digits);
}

static void write_duration(int64_t ms, struct buf *out)
{
    static const struct {
        int64_t ms;
        const char *unit;
    } UNITS[] = {{TIME_DAY_MS, "d"},
                 {TIME_HOUR_MS, "h"},
                 {TIME_MINUTE_MS, "m"},
                 {TIME_SECOND_MS, "s"},
                 {1, "ms"}};
    for (int i = 0;; i++) {
        if (ms % UNITS[i].ms == 0) {
            buf_printf(out, "%lld%s", (long long)(ms / UNITS[i].ms), UNITS[i].unit);
            return;
        }
    }
}

static void write_events(unsigned events, struct buf *out)
{
    int n = __builtin_popcount(events);
    if (n == 0)
        buf_append_text(out, "any");
    buf_append_text(out, n > 1 ? "[" : "");
    for (int i = 0, seen = 0; i < NAIVE_EVENTS; i++) {
        if ((events >> i & 1u) != 0)
            buf_printf(out, "%s%s", seen++ > 0 ? ", " : "", NAIVE_EVENT[i]);
    }
    buf_append_text(out, n > 1 ? "]" : "");
}

// A value that is no number or flag is a text in quotes.
static void write_value(const char *value, struct buf *out)
{
    buf_printf(out, naive_value_of(value).type == NAIVE_TEXT ? "\"%s\"" : "%s", value);
}

// ---- Conditions ----

static const char *const TEST_KEY[] = {"at_least", "at_most", "above",      "below",  "between",
                                       "is",       "in",      "contains",   "exists", "within",
                                       "",         "is_past", "later_than", "band"};

static bool of_duration(const struct naive_playbook *pb, const struct naive_condition *c)
{
    return c->operand == NAIVE_OF_NUMBER &&
           naive_number_unit(&pb->numbers[c->number]) == NAIVE_AS_DURATION;
}

static void write_threshold(const struct naive_playbook *pb, const struct naive_condition *c,
                            int64_t value, struct buf *out)
{
    if (of_duration(pb, c) || c->test == NAIVE_TEST_WITHIN)
        write_duration(value, out);
    else
        naive_milli_write(value, out);
}

static void write_operand(const struct naive_playbook *pb, enum naive_operand operand, int number,
                          const char *key, struct buf *out)
{
    static const char *const PREFIX[] = {"", "", "account", "user", "properties", "context"};
    if (operand == NAIVE_OF_NUMBER)
        buf_append_text(out, pb->numbers[number].name);
    else if (operand == NAIVE_OF_BEST_FIT)
        buf_append_text(out, "fit");
    else
        buf_printf(out, "%s.%s", PREFIX[operand], key);
}

static void write_growth(const struct naive_condition *c, struct buf *out)
{
    const struct {
        bool set;
        const char *key;
        int64_t value;
    } parts[] = {{c->has_to, "grew_to", c->to},
                 {c->has_from, "from_at_most", c->from},
                 {c->has_by, "grew_by", c->by},
                 {c->has_ratio, "ratio", c->ratio}};
    for (int i = 0; i < 4; i++) {
        if (!parts[i].set)
            continue;
        buf_printf(out, "%s: ", parts[i].key);
        naive_milli_write(parts[i].value, out);
        buf_append_text(out, ", ");
    }
    buf_append_text(out, "over: ");
    write_duration(c->over_ms, out);
}

static void write_segments(const struct naive_playbook *pb, const struct naive_condition *c,
                           struct buf *out)
{
    buf_append_text(out, "{default: ");
    write_threshold(pb, c, c->low, out);
    for (int i = 0; i < c->n_segments; i++) {
        buf_printf(out, ", %s: ", naive_signal_key(&pb->signals[c->segments[i]]));
        write_threshold(pb, c, c->segment_low[i], out);
    }
    buf_append_text(out, "}");
}

static void write_limit(const struct naive_playbook *pb, const struct naive_condition *c,
                        struct buf *out)
{
    if (c->relative && c->percent) {
        buf_printf(out, "%s_percent: ", TEST_KEY[c->test]);
        naive_milli_write(c->low, out);
        buf_append_text(out, ", of: ");
        write_operand(pb, c->of, c->of_number, c->of_key, out);
        return;
    }
    buf_printf(out, "%s: ", TEST_KEY[c->test]);
    if (c->relative)
        write_operand(pb, c->of, c->of_number, c->of_key, out);
    else if (c->n_segments > 0)
        write_segments(pb, c, out);
    else
        write_threshold(pb, c, c->low, out);
}

static void write_tests(const struct naive_playbook *pb, const struct naive_condition *c,
                        struct buf *out)
{
    const char *key = TEST_KEY[c->test];
    switch (c->test) {
    case NAIVE_TEST_AT_LEAST:
    case NAIVE_TEST_AT_MOST:
    case NAIVE_TEST_ABOVE:
    case NAIVE_TEST_BELOW:
    case NAIVE_TEST_LATER_THAN:
    case NAIVE_TEST_WITHIN:
        write_limit(pb, c, out);
        return;
    case NAIVE_TEST_BETWEEN:
        buf_append_text(out, "between: [");
        write_threshold(pb, c, c->low, out);
        buf_append_text(out, ", ");
        write_threshold(pb, c, c->high, out);
        buf_append_text(out, "]");
        return;
    case NAIVE_TEST_IN:
        buf_append_text(out, "in: [");
        for (int i = 0; i < c->n_values; i++) {
            buf_append_text(out, i > 0 ? ", " : "");
            write_value(c->values[i], out);
        }
        buf_append_text(out, "]");
        return;
    case NAIVE_TEST_IS:
    case NAIVE_TEST_CONTAINS:
        buf_printf(out, "%s: ", key);
        write_value(c->values[0], out);
        return;
    case NAIVE_TEST_EXISTS:
    case NAIVE_TEST_IS_PAST:
        buf_printf(out, "%s: %s", key, c->expected ? "true" : "false");
        return;
    case NAIVE_TEST_GREW:
        write_growth(c, out);
        return;
    case NAIVE_TEST_BAND:
        buf_printf(out, "band: Band%d", c->band);
        return;
    }
}

// Every other version is written from the end: nothing may depend on where something stands.
static int in_order(const struct naive_playbook *pb, int at, int n)
{
    return pb->renamed % 2 == 0 ? at : n - 1 - at;
}

static void write_group(const struct naive_playbook *pb, const struct naive_condition *c,
                        struct buf *out)
{
    static const char *const KEY[] = {"all", "any", "not", "none"};
    if (c->kind == NAIVE_NOT) {
        buf_append_text(out, "{not: ");
        naive_condition_write(pb, c->children[0], out);
        buf_append_text(out, "}");
        return;
    }
    if (c->kind == NAIVE_AT_LEAST_N)
        buf_printf(out, "{at_least_n_of: {n: %d, of: [", c->needed);
    else
        buf_printf(out, "{%s: [", KEY[c->kind]);
    for (int i = 0; i < c->n_children; i++) {
        buf_append_text(out, i > 0 ? ", " : "");
        naive_condition_write(pb, c->children[in_order(pb, i, c->n_children)], out);
    }
    buf_append_text(out, c->kind == NAIVE_AT_LEAST_N ? "]}}" : "]}");
}

void naive_condition_write(const struct naive_playbook *pb, int at, struct buf *out)
{
    const struct naive_condition *c = &pb->conditions[at];
    switch (c->kind) {
    case NAIVE_ALL:
    case NAIVE_ANY:
    case NAIVE_NOT:
    case NAIVE_NONE_OF:
    case NAIVE_AT_LEAST_N:
        write_group(pb, c, out);
        return;
    case NAIVE_ALWAYS:
        buf_append_text(out, "always");
        return;
    case NAIVE_SIGNAL:
        if (pb->signals[c->signal].origin == NAIVE_SEGMENT)
            buf_printf(out, "{segment: %s}", naive_signal_key(&pb->signals[c->signal]));
        else
            buf_append_text(out, pb->signals[c->signal].name);
        return;
    case NAIVE_IN_STAGE:
        buf_printf(out, "{stage: %s}", NAIVE_STAGE[c->stage]);
        return;
    case NAIVE_FITS:
        buf_printf(out, "{fit: %s}", pb->numbers[c->fit].name);
        return;
    case NAIVE_DISQUALIFIED:
        buf_append_text(out, "{fit: disqualified}");
        return;
    case NAIVE_TEST:
        buf_append_text(out, "{");
        write_operand(pb, c->operand, c->number, c->key, out);
        buf_append_text(out, ": {");
        write_tests(pb, c, out);
        buf_append_text(out, "}}");
        return;
    }
}

// ---- Numbers ----

static void write_where(const struct naive_playbook *pb, int where, struct buf *out)
{
    if (where == NAIVE_NONE)
        return;
    buf_append_text(out, ", where: ");
    naive_condition_write(pb, where, out);
}

static void write_window(const struct naive_number *m, struct buf *out)
{
    switch (m->window) {
    case NAIVE_ALL_TIME:
        return;
    case NAIVE_DAYS:
        buf_printf(out, ", window: %dd", m->window_n);
        return;
    case NAIVE_HOURS:
        buf_printf(out, ", window: %dh", m->window_n);
        return;
    case NAIVE_WEEKS:
        buf_printf(out, ", window: %dw", m->window_n);
        return;
    case NAIVE_CALENDAR_DAY:
        buf_append_text(out, ", window: day");
        return;
    case NAIVE_CALENDAR_WEEK:
        buf_append_text(out, ", window: week");
        return;
    case NAIVE_CALENDAR_MONTH:
        buf_append_text(out, ", window: month");
        return;
    case NAIVE_AFTER:
        buf_printf(out, ", after: %s%s", NAIVE_EVENT[m->after], m->from_last ? ", from: last" : "");
        if (m->within_ms > 0) {
            buf_append_text(out, ", within: ");
            write_duration(m->within_ms, out);
        }
        return;
    case NAIVE_RESET:
        buf_append_text(out, ", resets_on: ");
        write_events(m->resets, out);
        return;
    }
}

static const char *const FUNCTION_KEY[] = {
    "count",    "sum",         "max",          "min",        "average",     "distinct",
    "distinct", "active_days", "active_weeks", "day_streak", "week_streak", "first",
    "last",     "first",       "last",         "time_spent", "since",       "since",
    "sequence", "users_with",  "count"};

static void write_function(const struct naive_playbook *pb, const struct naive_number *m,
                           struct buf *out)
{
    const char *key = FUNCTION_KEY[m->function];
    switch (m->function) {
    case NAIVE_SUM:
    case NAIVE_MAX:
    case NAIVE_MIN:
    case NAIVE_AVERAGE:
    case NAIVE_DISTINCT:
    case NAIVE_FIRST_VALUE:
    case NAIVE_LAST_VALUE:
        buf_printf(out, "%s: properties.%s, on: ", key, m->key);
        write_events(m->events, out);
        return;
    case NAIVE_DISTINCT_USER:
        buf_append_text(out, "distinct: user, on: ");
        write_events(m->events, out);
        return;
    case NAIVE_COUNT:
    case NAIVE_ACTIVE_DAYS:
    case NAIVE_ACTIVE_WEEKS:
    case NAIVE_DAY_STREAK:
    case NAIVE_WEEK_STREAK:
    case NAIVE_FIRST:
    case NAIVE_LAST:
    case NAIVE_SINCE:
    case NAIVE_TIME_SPENT:
        buf_printf(out, "%s: ", key);
        write_events(m->events, out);
        if (m->function == NAIVE_TIME_SPENT) {
            buf_append_text(out, ", idle: ");
            write_duration(m->idle_ms, out);
        }
        return;
    case NAIVE_SINCE_SIGNAL:
        if (pb->signals[m->signal].origin == NAIVE_LIFECYCLE)
            buf_printf(out, "since: {stage: %s}", naive_signal_key(&pb->signals[m->signal]));
        else
            buf_printf(out, "since: {signal: %s}", pb->signals[m->signal].name);
        return;
    case NAIVE_SEQUENCE:
        buf_append_text(out, "sequence: [");
        for (int i = 0; i < m->n_steps; i++)
            buf_printf(out, "%s%s", i > 0 ? ", " : "", NAIVE_EVENT[m->steps[i]]);
        buf_append_text(out, "], within: ");
        write_duration(m->within_ms, out);
        return;
    case NAIVE_USERS_WITH:
        buf_printf(out, "users_with: %s%s", pb->signals[m->signal].name,
                   m->ever ? ", ever: true" : "");
        return;
    case NAIVE_BUSIEST:
        buf_append_text(out, "count: any, where: {properties.never: {is: busiest}}");
        return;
    case NAIVE_SCORE:
    case NAIVE_WEIGHTED:
    case NAIVE_FIT:
    case NAIVE_GRADE:
        break;
    }
    CHECK(false);
}

static void write_measure(const struct naive_playbook *pb, const struct naive_number *m,
                          struct buf *out)
{
    buf_printf(out, "  %s: {", m->name);
    write_function(pb, m, out);
    write_window(m, out);
    write_where(pb, m->where, out);
    bool implied = m->function == NAIVE_USERS_WITH || m->function == NAIVE_DISTINCT_USER ||
                   m->function == NAIVE_SINCE_SIGNAL;
    if (!m->user && !implied)
        buf_append_text(out, ", per: account");
    buf_append_text(out, "}\n");
}

static void write_rules(const struct naive_playbook *pb, const struct naive_number *s,
                        struct buf *out)
{
    buf_append_text(out, s->short_form ? "points: {" : "points: [");
    for (int i = 0; i < s->n_rules; i++) {
        const struct naive_rule *r = &s->rules[i];
        buf_append_text(out, i > 0 ? ", " : "");
        if (s->short_form) {
            buf_printf(out, "%s: ", NAIVE_EVENT[__builtin_ctz(r->events)]);
            naive_milli_write(r->points, out);
            continue;
        }
        buf_append_text(out, "{on: ");
        write_events(r->events, out);
        buf_append_text(out, ", points: ");
        naive_milli_write(r->points, out);
        buf_append_text(out, r->once ? ", once: true" : "");
        if (r->per_day > 0)
            buf_printf(out, ", per_day: %d", r->per_day);
        if (r->at_most > 0) {
            buf_append_text(out, ", at_most: ");
            naive_milli_write(r->at_most, out);
        }
        write_where(pb, r->where, out);
        buf_append_text(out, "}");
    }
    buf_append_text(out, s->short_form ? "}" : "]");
    if (s->fade != NAIVE_STAYS) {
        buf_append_text(out, s->fade == NAIVE_HALVES ? ", half_life: " : ", fades_over: ");
        write_duration(s->fade_ms, out);
    }
    if (s->cap > 0) {
        buf_append_text(out, ", cap_per_event: ");
        naive_milli_write(s->cap, out);
    }
}

static void write_terms(const struct naive_playbook *pb, const struct naive_number *s,
                        struct buf *out)
{
    buf_append_text(out, "weights: {");
    for (int i = 0; i < s->n_terms; i++) {
        const struct naive_term *t = &s->terms[i];
        buf_printf(out, "%s%s: ", i > 0 ? ", " : "",
                   t->number >= 0 ? pb->numbers[t->number].name : pb->signals[t->signal].name);
        naive_milli_write(t->weight, out);
    }
    buf_append_text(out, "}");
}

static void write_score(const struct naive_playbook *pb, const struct naive_number *s,
                        struct buf *out)
{
    buf_printf(out, "  %s: {", s->name);
    if (s->function == NAIVE_SCORE)
        write_rules(pb, s, out);
    else
        write_terms(pb, s, out);
    if (s->has_min) {
        buf_append_text(out, ", at_least: ");
        naive_milli_write(s->min, out);
    }
    if (s->has_max) {
        buf_append_text(out, ", at_most: ");
        naive_milli_write(s->max, out);
    }
    if (s->n_bands > 0) {
        buf_append_text(out, ", bands: {");
        for (int i = 0; i < s->n_bands; i++) {
            buf_printf(out, "%sBand%d: ", i > 0 ? ", " : "", i);
            naive_milli_write(s->bands[i], out);
        }
        buf_append_text(out, "}");
    }
    if (!s->user && s->function == NAIVE_SCORE)
        buf_append_text(out, ", per: account");
    buf_append_text(out, "}\n");
}

static void write_fit(const struct naive_playbook *pb, const struct naive_number *f,
                      struct buf *out)
{
    buf_printf(out, "  %s: ", f->name);
    if (f->short_form || f->disqualifies) {
        buf_append_text(out, f->disqualifies ? "{disqualifies: true, when: " : "");
        naive_condition_write(pb, f->terms[0].condition, out);
        buf_append_text(out, f->disqualifies ? "}\n" : "\n");
        return;
    }
    buf_append_text(out, "{criteria: [");
    for (int i = 0; i < f->n_terms; i++) {
        buf_append_text(out, i > 0 ? ", {when: " : "{when: ");
        naive_condition_write(pb, f->terms[i].condition, out);
        if (f->terms[i].weight != 1000) {
            buf_append_text(out, ", weight: ");
            naive_milli_write(f->terms[i].weight, out);
        }
        buf_append_text(out, "}");
    }
    buf_append_text(out, "]");
    if (f->at_least != 100000) {
        buf_append_text(out, ", at_least: ");
        naive_milli_write(f->at_least, out);
    }
    buf_append_text(out, "}\n");
}

static void write_bounds(const int64_t *bounds, int n, struct buf *out)
{
    buf_append_text(out, "[");
    for (int i = 0; i < n; i++) {
        buf_append_text(out, i > 0 ? ", " : "");
        naive_milli_write(bounds[i], out);
    }
    buf_append_text(out, "]");
}

static void write_grade(const struct naive_playbook *pb, const struct naive_number *g,
                        struct buf *out)
{
    buf_printf(out, "  %s: {fit: ", g->name);
    write_bounds(g->fit_bounds, g->n_fit_bounds, out);
    buf_printf(out, ", score: %s, at_least: ", pb->numbers[g->score].name);
    write_bounds(g->score_bounds, g->n_score_bounds, out);
    buf_append_text(out, "}\n");
}

// ---- The whole ----

bool naive_number_same(const struct naive_playbook *pb, int a, int b)
{
    struct buf text[2] = {{0}, {0}};
    struct span definition[2];
    if (pb->numbers[a].function >= NAIVE_FIT || pb->numbers[b].function >= NAIVE_FIT)
        return a == b;
    for (int i = 0; i < 2; i++) {
        const struct naive_number *n = &pb->numbers[i == 0 ? a : b];
        (n->function >= NAIVE_SCORE ? write_score : write_measure)(pb, n, &text[i]);
        size_t name = strlen(n->name) + 2;
        definition[i] = span_make(text[i].bytes + name, text[i].len - name);
    }
    bool same = span_eq(definition[0], definition[1]);
    buf_deinit(&text[0]);
    buf_deinit(&text[1]);
    return same;
}

static void write_numbers(const struct naive_playbook *pb, struct buf *out)
{
    static const char *const SECTION[] = {"measures", "scores", "fit", "grades"};
    for (int section = 0; section < 4; section++) {
        bool begun = false;
        for (int k = 0; k < pb->n_numbers; k++) {
            int i = in_order(pb, k, pb->n_numbers);
            const struct naive_number *n = &pb->numbers[i];
            int of = n->function == NAIVE_GRADE   ? 3
                     : n->function == NAIVE_FIT   ? 2
                     : n->function >= NAIVE_SCORE ? 1
                                                  : 0;
            if (of != section || pb->number_dropped[i])
                continue;
            if (!begun)
                buf_printf(out, "%s:\n", SECTION[section]);
            begun = true;
            void (*const WRITE[])(const struct naive_playbook *, const struct naive_number *,
                                  struct buf *) = {write_measure, write_score, write_fit,
                                                   write_grade};
            WRITE[section](pb, n, out);
        }
    }
}

static void write_memory(const struct naive_playbook *pb, const struct naive_signal *s,
                         struct buf *out)
{
    static const char *const ROLE[] = {"pal", "pql", "pqa"};
    buf_append_text(out, "{");
    if (s->as)
        buf_printf(out, "as: %s, ", ROLE[s->role]);
    buf_append_text(out, "when: ");
    naive_condition_write(pb, s->condition, out);
    if (s->exit != NAIVE_NONE) {
        buf_append_text(out, ", exit: ");
        naive_condition_write(pb, s->exit, out);
    }
    if (s->hold_ms > 0) {
        buf_append_text(out, ", hold_for: ");
        write_duration(s->hold_ms, out);
    }
    if (s->cooldown_ms > 0) {
        buf_append_text(out, ", cooldown: ");
        write_duration(s->cooldown_ms, out);
    }
    if (s->episodes > 0)
        buf_printf(out, ", episodes: %d", s->episodes);
    if (s->origin == NAIVE_DEFINITION && s->requalify != NAIVE_AFRESH)
        buf_printf(out, ", requalify: %s", s->requalify == NAIVE_NEVER ? "never" : "always");
    if (s->per_account)
        buf_append_text(out, ", per: account");
    buf_append_text(out, "}");
}

static void write_signals(const struct naive_playbook *pb, enum naive_origin origin,
                          const char *section, struct buf *out)
{
    bool begun = false;
    for (int k = 0; k < pb->n_signals; k++) {
        const struct naive_signal *s = &pb->signals[in_order(pb, k, pb->n_signals)];
        if (s->origin != origin || s->dropped || s->condition == NAIVE_NONE)
            continue;
        buf_printf(out, "%s", begun ? "" : section);
        begun = true;
        buf_printf(out, "  %s: ", naive_signal_key(s));
        if (s->long_form)
            write_memory(pb, s, out);
        else
            naive_condition_write(pb, s->condition, out);
        buf_append_text(out, "\n");
    }
    if (!begun && origin == NAIVE_LIFECYCLE)
        buf_append_text(out, "lifecycle: {}\n");
}

void naive_playbook_write(const struct naive_playbook *pb, struct buf *out)
{
    buf_printf(out, "playbook: p\nversion: %d\n", pb->renamed + 1);
    if (pb->active != 0) {
        buf_append_text(out, "active: [");
        for (int i = 0, seen = 0; i < NAIVE_EVENTS; i++) {
            if ((pb->active >> i & 1u) != 0)
                buf_printf(out, "%s%s", seen++ > 0 ? ", " : "", NAIVE_EVENT[i]);
        }
        buf_append_text(out, "]\n");
    }
    if (pb->n_exclude > 0)
        buf_append_text(out, "exclude:\n");
    for (int i = 0; i < pb->n_exclude; i++) {
        buf_append_text(out, "  - ");
        naive_condition_write(pb, pb->exclude[i], out);
        buf_append_text(out, "\n");
    }
    if (pb->marketing) {
        buf_printf(out, "marketing:\n  events: [%s]\n", NAIVE_EVENT[NAIVE_EVENT_MARKETING]);
        write_signals(pb, NAIVE_MQL, "", out);
    }
    write_numbers(pb, out);
    write_signals(pb, NAIVE_DECLARED, "signals:\n", out);
    write_signals(pb, NAIVE_SEGMENT, "segments:\n", out);
    write_signals(pb, NAIVE_DEFINITION, "qualify:\n", out);
    if (pb->lifecycle)
        write_signals(pb, NAIVE_LIFECYCLE, "lifecycle:\n", out);
}

// ---- Who refers to whom ----

static void visit_number(const struct naive_visitor *v, int number)
{
    if (v->number != NULL)
        v->number(v->context, number);
}

static void visit_signal(const struct naive_visitor *v, int signal)
{
    if (v->signal != NULL)
        v->signal(v->context, signal);
}

// A profile is 0 where a disqualifying one holds: who looks at one looks at those too.
static void visit_fits(const struct naive_playbook *pb, const struct naive_visitor *v, bool all)
{
    for (int i = 0; i < pb->n_numbers; i++) {
        const struct naive_number *n = &pb->numbers[i];
        if (n->function == NAIVE_FIT && !pb->number_dropped[i] && (all || n->disqualifies))
            visit_number(v, i);
    }
}

void naive_condition_visit(const struct naive_playbook *pb, int at, const struct naive_visitor *v)
{
    if (at == NAIVE_NONE)
        return;
    const struct naive_condition *c = &pb->conditions[at];
    for (int i = 0; i < c->n_children; i++)
        naive_condition_visit(pb, c->children[i], v);
    for (int i = 0; i < c->n_segments; i++)
        visit_signal(v, c->segments[i]);
    if (c->kind == NAIVE_SIGNAL)
        visit_signal(v, c->signal);
    if (c->kind == NAIVE_IN_STAGE && v->stage != NULL)
        v->stage(v->context);
    bool best = c->kind == NAIVE_TEST && c->operand == NAIVE_OF_BEST_FIT;
    if (c->kind == NAIVE_FITS || c->kind == NAIVE_DISQUALIFIED || best)
        visit_fits(pb, v, best);
    if (c->kind == NAIVE_FITS)
        visit_number(v, c->fit);
    if (c->kind == NAIVE_TEST && c->operand == NAIVE_OF_NUMBER)
        visit_number(v, c->number);
    if (c->kind == NAIVE_TEST && c->relative && c->of == NAIVE_OF_NUMBER)
        visit_number(v, c->of_number);
}

void naive_number_visit(const struct naive_playbook *pb, int number, const struct naive_visitor *v)
{
    const struct naive_number *n = &pb->numbers[number];
    naive_condition_visit(pb, n->where, v);
    for (int i = 0; i < n->n_rules; i++)
        naive_condition_visit(pb, n->rules[i].where, v);
    for (int i = 0; i < n->n_terms; i++) {
        if (n->terms[i].number >= 0)
            visit_number(v, n->terms[i].number);
        if (n->terms[i].signal >= 0)
            visit_signal(v, n->terms[i].signal);
        naive_condition_visit(pb, n->terms[i].condition, v);
    }
    if (n->function == NAIVE_USERS_WITH || n->function == NAIVE_SINCE_SIGNAL)
        visit_signal(v, n->signal);
    if (n->function == NAIVE_GRADE) {
        visit_number(v, n->score);
        visit_fits(pb, v, true);
    }
}

// What a stage that is not written follows.
static void visit_stage_default(const struct naive_playbook *pb, int stage,
                                const struct naive_visitor *v)
{
    for (int i = 0; i < pb->n_signals; i++) {
        const struct naive_signal *s = &pb->signals[i];
        if (s->origin == NAIVE_DEFINITION && !s->dropped &&
            ((stage == 1 && s->role == NAIVE_PAL) || (stage == 2 && s->role != NAIVE_PAL)))
            visit_signal(v, i);
    }
}

void naive_signal_visit(const struct naive_playbook *pb, int signal, const struct naive_visitor *v)
{
    const struct naive_signal *s = &pb->signals[signal];
    if (s->origin == NAIVE_LIFECYCLE && s->condition == NAIVE_NONE)
        visit_stage_default(pb, s->stage, v);
    naive_condition_visit(pb, s->condition, v);
    naive_condition_visit(pb, s->exit, v);
}

// ---- Whose a condition is ----

struct finding {
    const struct naive_playbook *playbook;
    bool user;
};

static void find_number(void *context, int number)
{
    struct finding *finding = context;
    finding->user |= finding->playbook->numbers[number].user;
}

static void find_signal(void *context, int signal)
{
    struct finding *finding = context;
    finding->user |= finding->playbook->signals[signal].user;
}

static bool has_user_trait(const struct naive_playbook *pb, int at)
{
    const struct naive_condition *c = &pb->conditions[at];
    for (int i = 0; i < c->n_children; i++) {
        if (has_user_trait(pb, c->children[i]))
            return true;
    }
    return c->kind == NAIVE_TEST &&
           (c->operand == NAIVE_OF_USER || (c->relative && c->of == NAIVE_OF_USER));
}

bool naive_condition_of_user(const struct naive_playbook *pb, int at)
{
    if (at == NAIVE_NONE)
        return false;
    struct finding finding = {pb, has_user_trait(pb, at)};
    struct naive_visitor visitor = {find_number, find_signal, NULL, &finding};
    naive_condition_visit(pb, at, &visitor);
    return finding.user;
}

static bool number_of_user(const struct naive_playbook *pb, int number)
{
    const struct naive_number *n = &pb->numbers[number];
    if (n->function == NAIVE_SINCE_SIGNAL)
        return pb->signals[n->signal].user;
    if (n->function != NAIVE_WEIGHTED && n->function != NAIVE_FIT && n->function != NAIVE_GRADE)
        return n->user;
    struct finding finding = {pb, false};
    struct naive_visitor visitor = {find_number, find_signal, NULL, &finding};
    naive_number_visit(pb, number, &visitor);
    for (int i = 0; i < n->n_terms && n->function == NAIVE_FIT; i++)
        finding.user |= has_user_trait(pb, n->terms[i].condition);
    return finding.user;
}

static bool signal_of_user(const struct naive_playbook *pb, const struct naive_signal *s)
{
    bool of_account = s->per_account || s->origin == NAIVE_SEGMENT ||
                      s->origin == NAIVE_LIFECYCLE ||
                      (s->origin == NAIVE_DEFINITION && s->role == NAIVE_PQA);
    return !of_account &&
           (naive_condition_of_user(pb, s->condition) || naive_condition_of_user(pb, s->exit));
}

void naive_playbook_scopes(struct naive_playbook *pb)
{
    // Each looks at others that may not be settled yet.
    for (int round = 0; round < 12; round++) {
        for (int i = 0; i < pb->n_numbers; i++)
            pb->numbers[i].user = number_of_user(pb, i);
        for (int i = 0; i < pb->n_signals; i++)
            pb->signals[i].user = signal_of_user(pb, &pb->signals[i]);
    }
}

// ---- What is looked at ----

static void use_number(void *context, int number)
{
    ((struct naive_usage *)context)->numbers[number] = true;
}

static void use_signal(void *context, int signal)
{
    ((struct naive_usage *)context)->signals[signal] = true;
}

static void use_stages(void *context)
{
    ((struct naive_usage *)context)->stages = true;
}

struct naive_usage naive_playbook_usage(const struct naive_playbook *pb)
{
    struct naive_usage usage = {.stages = false};
    struct naive_visitor visitor = {use_number, use_signal, use_stages, &usage};
    for (int i = 0; i < pb->n_signals; i++) {
        if (!pb->signals[i].dropped)
            naive_signal_visit(pb, i, &visitor);
    }
    for (int i = 0; i < pb->n_numbers; i++) {
        if (!pb->number_dropped[i])
            naive_number_visit(pb, i, &visitor);
    }
    return usage;
}
