// SPDX-License-Identifier: Apache-2.0
// The tests of one operand. What the operand is decides which tests it takes and how their right
// side is read: a number, a time, a value, the name of something else to compare with. What a
// playbook may write in a shorter way is put in terms of the few tests that the cores know.
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/time_text.h"
#include "services/playbook/build.h"
#include "services/playbook/load_impl.h"

// What can stand under an operand. Those from PLAYBOOK_TESTS on are no tests of the cores.
enum {
    WRITTEN_PERCENT_LEAST = PLAYBOOK_TESTS,
    WRITTEN_PERCENT_MOST,
    WRITTEN_OF,
    WRITTEN_GREW_TO,
    WRITTEN_FROM,
    WRITTEN_GREW_BY,
    WRITTEN_RATIO,
    WRITTEN_OVER,
    WRITTEN_BAND,
    WRITTEN
};
// PLAYBOOK_TEST_NAMES stand before them.
static const char *const MORE_NAMES[] = {
    [WRITTEN_PERCENT_LEAST - PLAYBOOK_TESTS] = "at_least_percent",
    [WRITTEN_PERCENT_MOST - PLAYBOOK_TESTS] = "at_most_percent",
    [WRITTEN_OF - PLAYBOOK_TESTS] = "of",
    [WRITTEN_GREW_TO - PLAYBOOK_TESTS] = "grew_to",
    [WRITTEN_FROM - PLAYBOOK_TESTS] = "from_at_most",
    [WRITTEN_GREW_BY - PLAYBOOK_TESTS] = "grew_by",
    [WRITTEN_RATIO - PLAYBOOK_TESTS] = "ratio",
    [WRITTEN_OVER - PLAYBOOK_TESTS] = "over",
    [WRITTEN_BAND - PLAYBOOK_TESTS] = "band",
};
enum { ALL_OF_IT = 100000, PERCENT_MAX = 100000 };

struct load_test {
    struct loader *l;
    const struct config_node *key;   // the operand
    const struct config_node *right; // its tests
    struct condition operand;
    const char *left; // the operand as a text
    enum load_place place;
};

static const char *load_keep_text(struct loader *l, struct buf *text)
{
    const char *kept = arena_dup(l->arena, buf_span(text));
    buf_deinit(text);
    return kept;
}

static const struct load_measure *load_looked_at(const struct load_test *t)
{
    return t->operand.operand == OPERAND_MEASURE ? &t->l->measures[t->operand.measure] : NULL;
}

// ---- What an operand takes ----

enum load_class {
    CLASS_NUMBER,   // a measure that is a number and always there
    CLASS_MAYBE,    // a measure that is a number, or absent
    CLASS_DURATION, // a measure of a time
    CLASS_INSTANT,  // a first or last measure
    CLASS_VALUE,    // a measure that is a property of an event
    CLASS_GRADE,
    CLASS_TRAIT,
    CLASS_EVENT, // a property or a part of the context
};
enum { CLASSES = CLASS_EVENT + 1 };

static enum load_class load_class_of(const struct loader *l, const struct condition *operand)
{
    if (operand->operand == OPERAND_PROPERTY || operand->operand == OPERAND_CONTEXT)
        return CLASS_EVENT;
    if (operand->operand != OPERAND_MEASURE)
        return CLASS_TRAIT;
    const struct measure *measure = &l->measures[operand->measure].as;
    switch (measure->kind) {
    case MEASURE_FIRST:
    case MEASURE_LAST:
        return CLASS_INSTANT;
    case MEASURE_FIRST_VALUE:
    case MEASURE_LAST_VALUE:
        return CLASS_VALUE;
    case MEASURE_GRADE:
        return CLASS_GRADE;
    case MEASURE_TIME_SPENT:
    case MEASURE_SINCE:
        return CLASS_DURATION;
    case MEASURE_MAX:
    case MEASURE_MIN:
    case MEASURE_AVERAGE:
        return CLASS_MAYBE;
    case MEASURE_COUNT:
    case MEASURE_SUM:
    case MEASURE_DISTINCT_USERS:
    case MEASURE_DISTINCT_VALUES:
    case MEASURE_ACTIVE_DAYS:
    case MEASURE_ACTIVE_WEEKS:
    case MEASURE_DAY_STREAK:
    case MEASURE_WEEK_STREAK:
    case MEASURE_SEQUENCE:
    case MEASURE_SCORE:
    case MEASURE_POINTS:
    case MEASURE_WEIGHTED:
    case MEASURE_BEST:
    case MEASURE_USERS_WITH:
        return CLASS_NUMBER;
    }
    CHECK(false);
}

static bool load_takes(const struct load_test *t, enum load_class class, enum test_kind kind)
{
    bool value = class == CLASS_VALUE || class == CLASS_TRAIT || class == CLASS_EVENT;
    bool number = class == CLASS_NUMBER || class == CLASS_MAYBE;
    switch (kind) {
    case TEST_AT_LEAST:
    case TEST_AT_MOST:
    case TEST_ABOVE:
    case TEST_BELOW:
    case TEST_BETWEEN:
        return value || number || class == CLASS_DURATION;
    case TEST_IS:
    case TEST_IN:
        return value || number || class == CLASS_GRADE;
    case TEST_CONTAINS:
        return value;
    case TEST_EXISTS:
        return value || class == CLASS_INSTANT || class == CLASS_MAYBE ||
               (class == CLASS_DURATION && load_looked_at(t)->as.kind == MEASURE_SINCE);
    case TEST_WITHIN:
    case TEST_LATER_THAN:
        return class == CLASS_INSTANT;
    case TEST_IS_PAST:
        return class == CLASS_VALUE || (class == CLASS_TRAIT && t->place != LOAD_IN_EVENT);
    case TEST_GREW:
        return class == CLASS_NUMBER || class == CLASS_MAYBE;
    }
    CHECK(false);
}

// Whether the operand takes this test; `at` is where the mistake stands.
static bool load_test_allowed(const struct load_test *t, const struct config_node *at,
                              enum test_kind kind, const char *name)
{
    static const char *const WHAT[CLASSES] = {
        [CLASS_NUMBER] = "a measure that is a number",
        [CLASS_MAYBE] = "a measure that is a number",
        [CLASS_DURATION] = "a measure that is a time",
        [CLASS_INSTANT] = "a first or last measure",
        [CLASS_VALUE] = "a first or last value",
        [CLASS_GRADE] = "a grade",
        [CLASS_TRAIT] = "a trait",
        [CLASS_EVENT] = "a part of an event",
    };
    static const char *const INSTEAD[CLASSES] = {
        [CLASS_NUMBER] = "a measure is always there, from 0 on: use at_least: 1",
        [CLASS_MAYBE] = "compare it with a number: at_least: 1",
        [CLASS_DURATION] = "compare it with a time: at_least: 14d",
        [CLASS_INSTANT] = "use within: 7d, or exists: true",
        [CLASS_GRADE] = "use is: A1, or in: [A1, A2]",
    };
    const struct load_measure *measure = load_looked_at(t);
    enum load_class class = load_class_of(t->l, &t->operand);
    if (measure != NULL && measure->broken)
        return true;
    if (load_takes(t, class, kind))
        return true;
    if (kind == TEST_WITHIN && class != CLASS_INSTANT)
        config_error_hint(t->l->config, at, "a measure counts within a time by its own window",
                          "within goes with first and last measures only");
    else if (kind == TEST_LATER_THAN)
        config_error_hint(t->l->config, at, "compare two instants: {last_paid: {later_than: ..}}",
                          "later_than goes with first and last measures only");
    else if (kind == TEST_IS_PAST && t->place == LOAD_IN_EVENT)
        config_error_hint(t->l->config, at, "use it in a signal",
                          "is_past cannot stand here, where an event is looked at");
    else if (kind == TEST_IS_PAST)
        config_error_hint(t->l->config, at, INSTEAD[class],
                          "is_past goes with traits, and with first and last values");
    else
        config_error_hint(t->l->config, at, INSTEAD[class], "%s does not go with %s", name,
                          WHAT[class]);
    return false;
}

// ---- What a threshold is relative to ----

static bool load_ref_measure(struct load_test *t, const struct config_node *node, int32_t at,
                             struct operand_ref *out)
{
    struct load_measure *measure = &t->l->measures[at];
    struct condition looked = {.operand = OPERAND_MEASURE, .measure = at};
    enum load_class class = load_class_of(t->l, &looked);
    measure->used = true;
    if (t->place == LOAD_IN_EVENT) {
        config_error_hint(t->l->config, node, "use user. or account.",
                          "a measure cannot be looked at here, only the event and traits");
        return false;
    }
    if (!measure->broken && class != CLASS_NUMBER && class != CLASS_MAYBE) {
        config_error_hint(t->l->config, node, "name one that counts or adds up, or a trait",
                          "\"%s\" is no number to compare with", measure->as.name);
        return false;
    }
    *out = (struct operand_ref){true, OPERAND_MEASURE, at, ""};
    return true;
}

// A measure, or a trait of an account or a user.
static bool load_ref(struct load_test *t, const struct config_node *node, struct operand_ref *out)
{
    static const struct {
        const char *prefix;
        enum operand_kind kind;
    } TRAITS[] = {{"account.", OPERAND_ACCOUNT_TRAIT}, {"user.", OPERAND_USER_TRAIT}};
    struct span text = config_text(node);
    for (size_t i = 0; i < ARRAY_LEN(TRAITS); i++) {
        size_t len = strlen(TRAITS[i].prefix);
        if (!span_starts(text, TRAITS[i].prefix) || text.len == len ||
            text.len - len > LOAD_TEXT_BYTES_MAX)
            continue;
        struct span key = span_make((const char *)text.ptr + len, text.len - len);
        *out =
            (struct operand_ref){true, TRAITS[i].kind, PLAYBOOK_NONE, arena_dup(t->l->arena, key)};
        return true;
    }
    const struct load_name *name = load_find_name(t->l, text, LOAD_NAME_MEASURE);
    if (name != NULL)
        return load_ref_measure(t, node, name->at, out);
    const char *dot = text.len > 0 ? memchr(text.ptr, '.', text.len) : NULL;
    if (dot == NULL) {
        load_unknown_name(t->l, node, "measure or trait", 1u << LOAD_NAME_MEASURE, NULL, 0);
        return false;
    }
    const char *candidates[ARRAY_LEN(TRAITS)];
    for (size_t i = 0; i < ARRAY_LEN(TRAITS); i++)
        candidates[i] =
            arena_printf(t->l->arena, "%s" SPAN_FMT, TRAITS[i].prefix,
                         (int)(text.len - (size_t)(dot + 1 - (const char *)text.ptr)), dot + 1);
    config_error_unknown(t->l->config, node, "trait", candidates, ARRAY_LEN(candidates));
    return false;
}

// "account.seats", or the name of a measure: something else than a number was meant.
static bool load_is_ref(const struct load_test *t, const struct config_node *node)
{
    struct span text = config_text(node);
    char first = text.len > 0 ? *(const char *)text.ptr : '\0';
    if (config_kind(node) != CONFIG_SCALAR || !config_plain(node) || first < 'a' || first > 'z')
        return false;
    return memchr(text.ptr, '.', text.len) != NULL ||
           load_find_name(t->l, text, LOAD_NAME_MEASURE) != NULL;
}

// ---- The right side ----

static bool load_is_duration(const struct load_test *t)
{
    return load_class_of(t->l, &t->operand) == CLASS_DURATION;
}

// A number in thousandths, or a time in ms against a time.
static bool load_bound(struct load_test *t, const struct config_node *node, int64_t *out,
                       struct buf *threshold)
{
    char duration[TIME_TEXT_MAX];
    if (load_is_duration(t)) {
        if (!config_read_duration(t->l->config, node, 0, 3650 * (int64_t)TIME_DAY_MS, out))
            return false;
        buf_append_text(threshold, time_format_duration(*out, duration));
        return true;
    }
    if (!load_milli(t->l, node, out))
        return false;
    playbook_append_milli(*out, threshold);
    return true;
}

static bool load_test_numbers(struct load_test *t, const struct config_node *node,
                              struct condition *test, struct buf *threshold)
{
    bool duration = load_is_duration(t);
    if (test->test != TEST_BETWEEN && !duration && load_is_ref(t, node)) {
        test->low_milli = ALL_OF_IT;
        buf_append_span(threshold, config_text(node));
        return load_ref(t, node, &test->of);
    }
    if (test->test != TEST_BETWEEN)
        return load_bound(t, node, &test->low_milli, threshold);
    if (config_kind(node) != CONFIG_SEQUENCE || config_count(node) != 2) {
        load_expected(t->l, node, duration ? "two times" : "two numbers",
                      duration ? "write between: [7d, 14d]" : "write between: [50, 1000]");
        return false;
    }
    buf_append_text(threshold, "[");
    bool low = load_bound(t, config_at(node, 0), &test->low_milli, threshold);
    buf_append_text(threshold, ", ");
    bool high = load_bound(t, config_at(node, 1), &test->high_milli, threshold);
    buf_append_text(threshold, "]");
    if (low && high && test->low_milli > test->high_milli) {
        config_error(t->l->config, node, "the first %s is larger than the second",
                     duration ? "time" : "number");
        return false;
    }
    return low && high;
}

static bool load_grade_value(struct load_test *t, const struct config_node *node, struct value *out)
{
    const struct measure *grade = &load_looked_at(t)->as;
    int32_t n = (grade->rows.n + 1) * (grade->columns.n + 1);
    struct span text;
    if (!config_read_text(t->l->config, node, LOAD_TEXT_BYTES_MAX, &text))
        return false;
    *out = (struct value){VALUE_TEXT, {.text = {arena_dup(t->l->arena, text), text.len}}};
    if (load_looked_at(t)->broken || grade->names == NULL)
        return true;
    for (int32_t i = 0; i < n; i++) {
        if (span_is(text, grade->names[i]))
            return true;
    }
    config_error_unknown(t->l->config, node, "grade", grade->names, (size_t)n);
    return false;
}

static bool load_test_value(struct load_test *t, const struct config_node *node,
                            struct condition *test, struct value *out)
{
    enum load_class class = load_class_of(t->l, &t->operand);
    if (class == CLASS_GRADE)
        return load_grade_value(t, node, out);
    // Such a measure is a number, whatever it is compared with.
    if ((class == CLASS_NUMBER || class == CLASS_MAYBE || class == CLASS_DURATION) &&
        !load_milli(t->l, node, &test->low_milli))
        return false;
    if (!load_value(t->l, node, out))
        return false;
    if (test->test == TEST_CONTAINS && (out->type != VALUE_TEXT || out->text.len == 0)) {
        load_expected(t->l, node, "a text", "contains looks for a text within a text");
        return false;
    }
    return true;
}

static bool load_test_values(struct load_test *t, const struct config_node *node,
                             struct condition *test, struct buf *threshold)
{
    bool list = test->test == TEST_IN, good = true;
    if (list && !load_is_list(t->l, node, "a list of values"))
        return false;
    int32_t n = list ? (int32_t)config_count(node) : 1;
    struct value *values = arena_alloc(t->l->arena, sizeof *values * (size_t)n);
    buf_append_text(threshold, list ? "[" : "");
    for (int32_t i = 0; i < n; i++) {
        const struct config_node *item = list ? config_at(node, (size_t)i) : node;
        good = load_test_value(t, item, test, &values[i]) && good;
        buf_append_text(threshold, i > 0 ? ", " : "");
        load_value_text(&values[i], threshold);
    }
    buf_append_text(threshold, list ? "]" : "");
    test->values = values;
    test->n_values = n;
    return good;
}

static bool load_test_later(struct load_test *t, const struct config_node *node,
                            struct condition *test, struct buf *threshold)
{
    const struct load_name *name = load_find_name(t->l, config_text(node), LOAD_NAME_MEASURE);
    if (name == NULL) {
        load_unknown_name(t->l, node, "measure", 1u << LOAD_NAME_MEASURE, NULL, 0);
        return false;
    }
    struct load_measure *other = &t->l->measures[name->at];
    struct condition looked = {.operand = OPERAND_MEASURE, .measure = name->at};
    other->used = true;
    if (!other->broken && load_class_of(t->l, &looked) != CLASS_INSTANT) {
        config_error_hint(t->l->config, node, "name a measure first: or last: an event",
                          "\"%s\" is no instant to compare with", other->as.name);
        return false;
    }
    test->of = (struct operand_ref){true, OPERAND_MEASURE, name->at, ""};
    buf_append_span(threshold, config_text(node));
    return true;
}

// The right side by kind of test.
static bool load_test_right(struct load_test *t, const struct config_node *node,
                            struct condition *test, struct buf *threshold)
{
    char duration[TIME_TEXT_MAX];
    switch (test->test) {
    case TEST_AT_LEAST:
    case TEST_AT_MOST:
    case TEST_ABOVE:
    case TEST_BELOW:
    case TEST_BETWEEN:
        return load_test_numbers(t, node, test, threshold);
    case TEST_IS:
    case TEST_IN:
    case TEST_CONTAINS:
        return load_test_values(t, node, test, threshold);
    case TEST_EXISTS:
    case TEST_IS_PAST:
        if (!config_read_bool(t->l->config, node, &test->expected))
            return false;
        buf_append_text(threshold, test->expected ? "true" : "false");
        return true;
    case TEST_WITHIN:
        if (!config_read_duration(t->l->config, node, 1, LOAD_DAYS_MAX * (int64_t)TIME_DAY_MS,
                                  &test->low_milli))
            return false;
        buf_append_text(threshold, time_format_duration(test->low_milli, duration));
        return true;
    case TEST_LATER_THAN:
        return load_test_later(t, node, test, threshold);
    case TEST_GREW:
        break;
    }
    CHECK(false);
}

// ---- One test ----

// Takes `threshold`. `name`: how the test is told.
static int32_t load_add_test(struct load_test *t, struct condition *test, const char *name,
                             struct buf *threshold)
{
    struct buf text = {0};
    buf_printf(&text, "%s %s " SPAN_FMT, t->left, name, SPAN_ARG(buf_span(threshold)));
    test->text = load_keep_text(t->l, &text);
    test->threshold = load_keep_text(t->l, threshold);
    int32_t added = load_add_condition(t->l, t->key, test);
    if (added == PLAYBOOK_NONE || t->place != LOAD_IN_ROUTE)
        return added;
    return load_hoist(t->l, t->key, added);
}

static int32_t load_plain_test(struct load_test *t, const struct config_node *node,
                               enum test_kind kind)
{
    struct condition test = t->operand;
    struct buf threshold = {0};
    test.test = kind;
    if (!load_test_right(t, node, &test, &threshold)) {
        buf_deinit(&threshold);
        return PLAYBOOK_NONE;
    }
    return load_add_test(t, &test, PLAYBOOK_TEST_NAMES[kind], &threshold);
}

static int32_t load_percent_test(struct load_test *t, const struct config_node *node,
                                 enum test_kind kind)
{
    struct condition test = t->operand;
    const struct config_node *of = config_get(t->right, "of");
    struct buf threshold = {0};
    int64_t percent;
    test.test = kind;
    if (of == NULL || !load_ref(t, of, &test.of) || !load_milli(t->l, node, &percent))
        return PLAYBOOK_NONE;
    if (percent <= 0 || percent > PERCENT_MAX * INT64_C(1000)) {
        config_error(t->l->config, node,
                     "a percentage is above 0, at most %d, found \"" SPAN_FMT "\"", PERCENT_MAX,
                     SPAN_ARG(config_text(node)));
        return PLAYBOOK_NONE;
    }
    test.low_milli = percent;
    playbook_append_milli(percent, &threshold);
    buf_printf(&threshold, " %% of " SPAN_FMT, SPAN_ARG(config_text(of)));
    return load_add_test(t, &test, PLAYBOOK_TEST_NAMES[kind], &threshold);
}

static int32_t load_number_test(struct load_test *t, const struct config_node *node, size_t written)
{
    if (written == WRITTEN_PERCENT_LEAST)
        return load_percent_test(t, node, TEST_AT_LEAST);
    if (written == WRITTEN_PERCENT_MOST)
        return load_percent_test(t, node, TEST_AT_MOST);
    return load_plain_test(t, node, (enum test_kind)written);
}

// ---- By segment ----

// {default: 3, enterprise: 5}: in the segment that one, else what follows.
static int32_t load_by_segment(struct load_test *t, const struct config_node *node, size_t written)
{
    const struct config_node *otherwise = config_get(node, "default");
    if (otherwise == NULL) {
        config_error_hint(t->l->config, node, "add default: for all other accounts",
                          "missing key \"default\"");
        return PLAYBOOK_NONE;
    }
    int32_t rest = load_number_test(t, otherwise, written);
    for (size_t i = config_count(node); i-- > 0;) {
        const struct config_node *segment = config_key_at(node, i);
        if (config_at(node, i) == otherwise)
            continue;
        int32_t within = load_segment(t->l, segment, t->place);
        int32_t without =
            within == PLAYBOOK_NONE ? PLAYBOOK_NONE : load_segment(t->l, segment, t->place);
        int32_t test = load_number_test(t, config_at(node, i), written);
        if (rest == PLAYBOOK_NONE || without == PLAYBOOK_NONE || test == PLAYBOOK_NONE) {
            rest = PLAYBOOK_NONE;
            continue;
        }
        without = load_join(t->l, t->key, CONDITION_NOT, &without, 1);
        int32_t here = load_join(t->l, t->key, CONDITION_ALL, (int32_t[]){within, test}, 2);
        rest = load_join(t->l, t->key, CONDITION_ALL, (int32_t[]){without, rest}, 2);
        rest = load_join(t->l, t->key, CONDITION_ANY, (int32_t[]){here, rest}, 2);
    }
    return rest;
}

// ---- Growth ----

static bool load_growth_window(struct load_test *t, const struct config_node *at)
{
    const struct load_measure *entry = load_looked_at(t);
    enum measure_kind kind = entry == NULL ? MEASURE_FIRST : entry->as.kind;
    bool counts = kind == MEASURE_COUNT || kind == MEASURE_SUM || kind == MEASURE_DISTINCT_USERS ||
                  kind == MEASURE_DISTINCT_VALUES || kind == MEASURE_ACTIVE_DAYS ||
                  kind == MEASURE_MAX;
    if (entry != NULL && entry->broken)
        return false;
    if (!counts) {
        config_error_hint(t->l->config, at,
                          "use a measure count, sum, distinct, active_days or max",
                          "growth is told of measures that count, not of this");
        return false;
    }
    if (entry->as.window == WINDOW_DAYS || entry->as.window == WINDOW_HOURS)
        return true;
    config_error_hint(t->l->config, at, "give it one, as in window: 14d",
                      "growth needs a window in days or hours, and \"%s\" has none",
                      entry->as.name);
    return false;
}

// How far back, in buckets of the measure's window.
static bool load_growth_over(struct load_test *t, const struct config_node *at, struct growth *out,
                             struct buf *threshold)
{
    struct measure *measure = &t->l->measures[t->operand.measure].as;
    bool hours = measure->window == WINDOW_HOURS;
    const struct config_node *over = config_get(t->right, "over");
    int64_t bucket = hours ? TIME_HOUR_MS : TIME_DAY_MS, ms;
    int64_t most = (hours ? PLAYBOOK_WINDOW_HOURS_MAX : PLAYBOOK_WINDOW_DAYS_MAX);
    char duration[TIME_TEXT_MAX];
    if (over == NULL) {
        config_error_hint(t->l->config, at,
                          "add over: and the time in which it grew, as in over: 14d",
                          "missing key \"over\"");
        return false;
    }
    if (!config_read_duration(t->l->config, over, 1, most * bucket, &ms))
        return false;
    if (ms % bucket != 0) {
        config_error_hint(t->l->config, over, hours ? "write it in hours" : "write it in days",
                          "the window of \"%s\" moves on by the %s, and %s is not so many of them",
                          measure->name, hours ? "hour" : "day",
                          time_format_duration(ms, duration));
        return false;
    }
    out->lag = (int32_t)(ms / bucket);
    if (out->lag + measure->window_n > most) {
        config_error(t->l->config, over,
                     "the window of \"%s\" and this are at most %lld%c together, found %lld%c",
                     measure->name, (long long)most, hours ? 'h' : 'd',
                     (long long)(out->lag + measure->window_n), hours ? 'h' : 'd');
        return false;
    }
    measure->lag = measure->lag > out->lag ? measure->lag : out->lag;
    buf_printf(threshold, " over %s", time_format_duration(ms, duration));
    return true;
}

// One of the numbers of a growth; true when it is not there.
static bool load_growth_part(struct load_test *t, size_t written, const char *before,
                             const char *after, bool *has, int64_t *out, struct buf *threshold)
{
    const struct config_node *node = config_get(t->right, MORE_NAMES[written - PLAYBOOK_TESTS]);
    if (node == NULL)
        return true;
    if (!load_milli(t->l, node, out))
        return false;
    *has = true;
    buf_append_text(threshold, threshold->len > 0 ? " " : "");
    buf_append_text(threshold, before);
    playbook_append_milli(*out, threshold);
    buf_append_text(threshold, after);
    return true;
}

static bool load_growth_parts(struct load_test *t, const struct config_node *at, struct growth *g,
                              struct buf *threshold)
{
    bool good =
        load_growth_part(t, WRITTEN_GREW_TO, "to ", "", &g->has_to, &g->to_milli, threshold);
    good = load_growth_part(t, WRITTEN_FROM, "from at most ", "", &g->has_from, &g->from_milli,
                            threshold) &&
           good;
    good = load_growth_part(t, WRITTEN_GREW_BY, "by ", "", &g->has_by, &g->by_milli, threshold) &&
           good;
    good = load_growth_part(t, WRITTEN_RATIO, "", " times", &g->has_ratio, &g->ratio_milli,
                            threshold) &&
           good;
    if (!good)
        return false;
    if (g->has_ratio && (g->ratio_milli <= 0 || g->ratio_milli > 1000000 * INT64_C(1000))) {
        config_error(t->l->config, config_get(t->right, "ratio"),
                     "a ratio is above 0, at most 1000000, found \"" SPAN_FMT "\"",
                     SPAN_ARG(config_text(config_get(t->right, "ratio"))));
        return false;
    }
    if (g->has_by || g->has_ratio || (g->has_to && g->has_from))
        return true;
    config_error_hint(t->l->config, at,
                      g->has_to ? "add from_at_most: 5, or say it with grew_by or ratio"
                      : g->has_from
                          ? "add grew_to: 20, grew_by: 15 or ratio: 2"
                          : "add grew_to: 20 and from_at_most: 5, grew_by: 15 or ratio: 2",
                      "it does not say from where to where it grew");
    return false;
}

// All the parts of a growth are one test; `at` is the first of them.
static int32_t load_growth(struct load_test *t, const struct config_node *at)
{
    struct condition test = t->operand;
    struct buf threshold = {0};
    test.test = TEST_GREW;
    if (!load_growth_window(t, at) || !load_growth_parts(t, at, &test.growth, &threshold) ||
        !load_growth_over(t, at, &test.growth, &threshold)) {
        buf_deinit(&threshold);
        return PLAYBOOK_NONE;
    }
    return load_add_test(t, &test, PLAYBOOK_TEST_NAMES[TEST_GREW], &threshold);
}

// ---- Bands ----

static void load_unknown_band(struct load_test *t, const struct config_node *node,
                              const struct measure *measure)
{
    const char **names = mem_alloc(sizeof *names * (size_t)measure->n_bands);
    for (int32_t i = 0; i < measure->n_bands; i++)
        names[i] = measure->bands[i].name;
    config_error_unknown(t->l->config, node, "band", names, (size_t)measure->n_bands);
    mem_free(names);
}

// A band ends right before the next one begins, a thousandth below.
static int32_t load_one_band(struct load_test *t, const struct config_node *node)
{
    const struct measure *measure = &load_looked_at(t)->as;
    struct condition test = t->operand;
    struct buf threshold = {0};
    for (int32_t i = 0; i < measure->n_bands; i++) {
        if (!span_is(config_text(node), measure->bands[i].name))
            continue;
        bool last = i + 1 == measure->n_bands;
        test.test = last ? TEST_AT_LEAST : TEST_BETWEEN;
        test.low_milli = measure->bands[i].from_milli;
        test.high_milli = last ? 0 : measure->bands[i + 1].from_milli - 1;
        buf_append_text(&threshold, measure->bands[i].name);
        return load_add_test(t, &test, "band", &threshold);
    }
    load_unknown_band(t, node, measure);
    return PLAYBOOK_NONE;
}

static int32_t load_band(struct load_test *t, const struct config_node *at,
                         const struct config_node *node)
{
    const struct load_measure *entry = load_looked_at(t);
    if (entry != NULL && entry->broken)
        return PLAYBOOK_NONE;
    if (entry == NULL || entry->as.n_bands == 0) {
        config_error_hint(t->l->config, at, "give a score its bands: {Cold: 0, Warm: 40}",
                          "\"%s\" has no bands", t->left);
        return PLAYBOOK_NONE;
    }
    if (config_kind(node) == CONFIG_SCALAR)
        return load_one_band(t, node);
    if (!load_is_list(t->l, node, "a band or a list of bands"))
        return PLAYBOOK_NONE;
    int32_t *any = mem_alloc(sizeof *any * config_count(node)), added = PLAYBOOK_NONE;
    bool good = true;
    for (size_t i = 0; i < config_count(node); i++) {
        any[i] = load_one_band(t, config_at(node, i));
        good = good && any[i] != PLAYBOOK_NONE;
    }
    if (good)
        added = load_join(t->l, t->key, CONDITION_ANY, any, (int32_t)config_count(node));
    mem_free(any);
    return added;
}

// ---- All tests of an operand ----

static const char *load_written_name(size_t written)
{
    return written < PLAYBOOK_TESTS ? PLAYBOOK_TEST_NAMES[written]
                                    : MORE_NAMES[written - PLAYBOOK_TESTS];
}

static bool load_check_tests(struct load_test *t)
{
    const char *names[WRITTEN];
    size_t n = 0;
    for (size_t i = 0; i < WRITTEN; i++) {
        if (i != TEST_GREW)
            names[n++] = load_written_name(i);
    }
    return config_check_keys(t->l->config, t->right, names, n);
}

static bool load_check_percent(struct load_test *t)
{
    const struct config_node *least = load_key(t->right, "at_least_percent");
    const struct config_node *most = load_key(t->right, "at_most_percent");
    const struct config_node *of = load_key(t->right, "of");
    const struct config_node *percent = least != NULL ? least : most;
    if (percent != NULL && of == NULL)
        config_error_hint(t->l->config, percent, "add of: and a trait or a measure",
                          "a percentage needs what it is of");
    if (percent == NULL && of != NULL)
        config_error_hint(t->l->config, of, "write at_least_percent: 80, of: account.limit",
                          "of goes with at_least_percent and at_most_percent");
    return (percent == NULL) == (of == NULL);
}

static bool load_is_growth(size_t written)
{
    return written >= WRITTEN_GREW_TO && written <= WRITTEN_OVER;
}

static int32_t load_written(struct load_test *t, const struct config_node *at,
                            const struct config_node *node, size_t written)
{
    bool percent = written == WRITTEN_PERCENT_LEAST || written == WRITTEN_PERCENT_MOST;
    enum test_kind kind = percent ? TEST_AT_LEAST : (enum test_kind)written;
    if (written == WRITTEN_BAND)
        return load_band(t, at, node);
    if (load_is_growth(written))
        return load_growth(t, at);
    if (!load_test_allowed(t, at, kind, load_written_name(written)))
        return PLAYBOOK_NONE;
    if (percent && load_is_duration(t)) {
        config_error_hint(t->l->config, at, "compare it with a time: at_least: 14d",
                          "%s does not go with a measure that is a time",
                          load_written_name(written));
        return PLAYBOOK_NONE;
    }
    if (kind <= TEST_BETWEEN && config_kind(node) == CONFIG_MAPPING && config_count(node) > 0)
        return load_by_segment(t, node, written);
    return load_number_test(t, node, written);
}

static int32_t load_test_mapping(struct load_test *t)
{
    size_t n = config_count(t->right);
    int32_t *children = mem_alloc(sizeof *children * n), n_children = 0, added = PLAYBOOK_NONE;
    bool good = load_check_tests(t), grew = false;
    good = load_check_percent(t) && good;
    for (size_t i = 0; i < n; i++) {
        const struct config_node *at = config_key_at(t->right, i);
        size_t written = 0;
        while (written < WRITTEN &&
               (written == TEST_GREW || !span_is(config_text(at), load_written_name(written))))
            written++;
        if (written == WRITTEN || written == WRITTEN_OF || (grew && load_is_growth(written)))
            continue;
        grew = grew || load_is_growth(written);
        int32_t child = load_written(t, at, config_at(t->right, i), written);
        good = good && child != PLAYBOOK_NONE;
        children[n_children++] = child;
    }
    if (good)
        added = load_join(t->l, t->key, CONDITION_ALL, children, n_children);
    mem_free(children);
    return added;
}

int32_t load_tests(struct loader *l, const struct config_node *key, const struct config_node *right,
                   const struct condition *operand, const char *left, enum load_place place)
{
    struct load_test t = {l, key, right, *operand, left, place};
    if (config_kind(right) == CONFIG_SEQUENCE) {
        load_expected(l, right, "a value or tests", "one of several is written in: [a, b]");
        return PLAYBOOK_NONE;
    }
    if (config_kind(right) == CONFIG_MAPPING)
        return load_is_mapping(l, right, "a value or tests") ? load_test_mapping(&t)
                                                             : PLAYBOOK_NONE;
    if (!load_test_allowed(&t, right, TEST_IS, PLAYBOOK_TEST_NAMES[TEST_IS]))
        return PLAYBOOK_NONE;
    return load_plain_test(&t, right, TEST_IS);
}

int32_t load_at_least(struct loader *l, const struct config_node *node, int32_t measure,
                      const char *left, int64_t milli, enum load_place place)
{
    struct condition operand = {.kind = CONDITION_TEST,
                                .operand = OPERAND_MEASURE,
                                .measure = measure,
                                .key = "",
                                .test = TEST_AT_LEAST,
                                .low_milli = milli};
    struct load_test t = {l, node, node, operand, left, place};
    struct buf threshold = {0};
    playbook_append_milli(milli, &threshold);
    return load_add_test(&t, &operand, PLAYBOOK_TEST_NAMES[TEST_AT_LEAST], &threshold);
}
