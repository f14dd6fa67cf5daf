// SPDX-License-Identifier: Apache-2.0
// The right side of a test: a number, a time, a value, or the name of something to compare with.
#include "common/base/check.h"
#include "common/base/time_text.h"
#include "services/playbook/build.h"
#include "services/playbook/load_tests.h"

enum { ALL_OF_IT = 100000 }; // in thousandths of a percent

// ---- What a threshold is relative to ----

static bool load_ref_measure(struct load_test *t, const struct config_node *node, int32_t at,
                             struct operand_ref *out)
{
    struct load_measure *measure = &t->l->measures[at];
    struct condition looked = {.operand = OPERAND_MEASURE, .measure = at};
    enum load_class class = load_class_of(t->l, &looked);
    measure->used = true;
    if (!measure->broken && class != CLASS_NUMBER && class != CLASS_MAYBE) {
        config_error_hint(t->l->config, node, "name one that counts or adds up, or a trait",
                          "\"%s\" is no number to compare with", measure->as.name);
        return false;
    }
    *out = (struct operand_ref){true, OPERAND_MEASURE, at, ""};
    return true;
}

// A measure, or a trait of an account or a user.
bool load_ref(struct load_test *t, const struct config_node *node, struct operand_ref *out)
{
    static const struct {
        const char *prefix;
        enum operand_kind kind;
    } TRAITS[] = {{"account.", OPERAND_ACCOUNT_TRAIT}, {"user.", OPERAND_USER_TRAIT}};
    struct span text = config_text(node);
    // An event is judged by itself: what it would be compared with may arrive later.
    if (t->place == LOAD_IN_EVENT) {
        config_error_hint(t->l->config, node, "compare with something else in a signal",
                          "where an event is looked at, a threshold is a number");
        return false;
    }
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
bool load_test_right(struct load_test *t, const struct config_node *node, struct condition *test,
                     struct buf *threshold)
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
