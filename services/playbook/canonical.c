// SPDX-License-Identifier: Apache-2.0
// Canonical texts: what a measure or a signal means, free of names and of the order in which things
// are written, so that a renamed measure keeps its state and a changed one does not.
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/check.h"
#include "common/base/time_text.h"
#include "services/playbook/build.h"

void playbook_append_milli(int64_t milli, struct buf *out)
{
    uint64_t n = milli < 0 ? 0 - (uint64_t)milli : (uint64_t)milli;
    buf_printf(out, "%s%llu", milli < 0 ? "-" : "", (unsigned long long)(n / 1000));
    if (n % 1000 == 0)
        return;
    buf_printf(out, ".%03llu", (unsigned long long)(n % 1000));
    while (out->bytes[out->len - 1] == '0')
        out->len--;
}

static void canonical_quoted(struct span text, struct buf *out)
{
    const char *p = text.ptr;
    buf_append_text(out, "\"");
    for (size_t i = 0; i < text.len; i++) {
        if (p[i] == '"' || p[i] == '\\')
            buf_append_text(out, "\\");
        buf_append_u8(out, (uint8_t)p[i]);
    }
    buf_append_text(out, "\"");
}

// Words and spaces stand bare, so that the usual event reads well.
static void canonical_name(const char *name, struct buf *out)
{
    bool bare = strcmp(name, "any") != 0;
    for (const char *p = name; *p != '\0'; p++) {
        bool word = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                    (*p >= '0' && *p <= '9') || *p == ' ' || *p == '_' || *p == '-' || *p == '.';
        bare = bare && word;
    }
    if (bare)
        buf_append_text(out, name);
    else
        canonical_quoted(span_of(name), out);
}

static int canonical_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// Appends `parts` sorted and separated by ", ", and frees them.
static void canonical_sorted(char **parts, size_t n, struct buf *out)
{
    if (n > 0)
        qsort(parts, n, sizeof *parts, canonical_compare);
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "%s%s", i == 0 ? "" : ", ", parts[i]);
        mem_free(parts[i]);
    }
    mem_free(parts);
}

static void canonical_value(const struct value *value, struct buf *out)
{
    switch (value->type) {
    case VALUE_NONE:
        buf_append_text(out, "none");
        break;
    case VALUE_TEXT:
        canonical_quoted(value->text, out);
        break;
    case VALUE_NUMBER:
        buf_printf(out, "%.17g", value->number);
        break;
    case VALUE_INTEGER:
        buf_printf(out, "%lld", (long long)value->integer);
        break;
    case VALUE_FLAG:
        buf_append_text(out, value->flag ? "true" : "false");
        break;
    }
}

static void canonical_values(const struct condition *condition, struct buf *out)
{
    char **parts = mem_alloc(sizeof *parts * (size_t)(condition->n_values + 1));
    for (int32_t i = 0; i < condition->n_values; i++) {
        struct buf part = {0};
        canonical_value(&condition->values[i], &part);
        parts[i] = mem_dup(buf_span(&part));
        buf_deinit(&part);
    }
    canonical_sorted(parts, (size_t)condition->n_values, out);
}

static void canonical_operand(const struct playbook *playbook, const struct condition *condition,
                              struct buf *out)
{
    switch (condition->operand) {
    case OPERAND_MEASURE:
        buf_printf(out, "[%s]", playbook->measures[condition->measure].canonical);
        return;
    case OPERAND_ACCOUNT_TRAIT:
        buf_append_text(out, "account.");
        break;
    case OPERAND_USER_TRAIT:
        buf_append_text(out, "user.");
        break;
    case OPERAND_PROPERTY:
        buf_append_text(out, "properties.");
        break;
    case OPERAND_CONTEXT:
        buf_append_text(out, "context.");
        break;
    }
    canonical_name(condition->key, out);
}

static void canonical_test(const struct playbook *playbook, const struct condition *condition,
                           struct buf *out)
{
    canonical_operand(playbook, condition, out);
    buf_printf(out, " %s ", PLAYBOOK_TEST_NAMES[condition->test]);
    switch (condition->test) {
    case TEST_GREW:
    case TEST_IS_PAST:
    case TEST_LATER_THAN:
        CHECK(false);
    case TEST_AT_LEAST:
    case TEST_AT_MOST:
    case TEST_ABOVE:
    case TEST_BELOW:
        playbook_append_milli(condition->low_milli, out);
        break;
    case TEST_BETWEEN:
        playbook_append_milli(condition->low_milli, out);
        buf_append_text(out, " and ");
        playbook_append_milli(condition->high_milli, out);
        break;
    case TEST_IS:
    case TEST_IN:
    case TEST_CONTAINS:
        canonical_values(condition, out);
        break;
    case TEST_EXISTS:
        buf_append_text(out, condition->expected ? "true" : "false");
        break;
    case TEST_WITHIN:
        buf_printf(out, "%lldms", (long long)condition->low_milli);
        break;
    }
}

// Recursion is as deep as the file is nested, which the loader bounds.
static void canonical_condition(const struct playbook *playbook, int32_t at, struct buf *out)
{
    const struct condition *condition = &playbook->conditions[at];
    switch (condition->kind) {
    case CONDITION_AT_LEAST_N:
        CHECK(false);
    case CONDITION_ALL:
    case CONDITION_ANY:
    case CONDITION_NOT:
        break;
    case CONDITION_TEST:
        canonical_test(playbook, condition, out);
        return;
    case CONDITION_SIGNAL:
        buf_printf(out, "signal %016llx",
                   (unsigned long long)playbook->signals[condition->signal].meaning);
        return;
    case CONDITION_ALWAYS:
        buf_append_text(out, "always");
        return;
    }
    buf_append_text(out, condition->kind == CONDITION_ALL   ? "all("
                         : condition->kind == CONDITION_ANY ? "any("
                                                            : "not(");
    char **parts = mem_alloc(sizeof *parts * (size_t)(condition->n_children + 1));
    for (int32_t i = 0; i < condition->n_children; i++) {
        struct buf part = {0};
        canonical_condition(playbook, condition->children[i], &part);
        parts[i] = mem_dup(buf_span(&part));
        buf_deinit(&part);
    }
    canonical_sorted(parts, (size_t)condition->n_children, out);
    buf_append_text(out, ")");
}

static void canonical_event_names(const struct playbook *playbook, const int32_t *events, int32_t n,
                                  struct buf *out)
{
    char **parts = mem_alloc(sizeof *parts * (size_t)(n + 1));
    for (int32_t i = 0; i < n; i++) {
        struct buf part = {0};
        canonical_name(playbook->events[events[i]], &part);
        parts[i] = mem_dup(buf_span(&part));
        buf_deinit(&part);
    }
    canonical_sorted(parts, (size_t)n, out);
}

static void canonical_events(const struct playbook *playbook, const struct measure *measure,
                             struct buf *out)
{
    buf_append_text(out, "[");
    if (measure->events != NULL) {
        canonical_event_names(playbook, measure->events, measure->n_events, out);
    } else if (playbook->active_events == NULL) {
        // An event of that name stands in quotes.
        buf_append_text(out, "any");
    } else {
        buf_append_text(out, "any: ");
        canonical_event_names(playbook, playbook->active_events, playbook->n_active_events, out);
    }
    buf_append_text(out, "]");
}

static void canonical_points(const struct playbook *playbook, const struct measure *measure,
                             struct buf *out)
{
    char **parts = mem_alloc(sizeof *parts * (size_t)(measure->n_points + 1));
    for (int32_t i = 0; i < measure->n_points; i++) {
        struct buf part = {0};
        canonical_name(playbook->events[measure->points[i].event], &part);
        buf_append_text(&part, " ");
        playbook_append_milli(measure->points[i].milli, &part);
        parts[i] = mem_dup(buf_span(&part));
        buf_deinit(&part);
    }
    buf_append_text(out, "[");
    canonical_sorted(parts, (size_t)measure->n_points, out);
    buf_append_text(out, "]");
}

static void canonical_function(const struct playbook *playbook, const struct measure *measure,
                               struct buf *out)
{
    switch (measure->kind) {
    case MEASURE_ACTIVE_WEEKS:
    case MEASURE_AVERAGE:
    case MEASURE_BEST:
    case MEASURE_DAY_STREAK:
    case MEASURE_FIRST_VALUE:
    case MEASURE_GRADE:
    case MEASURE_LAST_VALUE:
    case MEASURE_MAX:
    case MEASURE_MIN:
    case MEASURE_POINTS:
    case MEASURE_SEQUENCE:
    case MEASURE_SINCE:
    case MEASURE_TIME_SPENT:
    case MEASURE_WEEK_STREAK:
    case MEASURE_WEIGHTED:
        CHECK(false);
    case MEASURE_COUNT:
        buf_append_text(out, "count");
        break;
    case MEASURE_SUM:
    case MEASURE_DISTINCT_VALUES:
        buf_append_text(out, measure->kind == MEASURE_SUM ? "sum" : "distinct");
        buf_append_text(out, " properties.");
        canonical_name(measure->key, out);
        break;
    case MEASURE_DISTINCT_USERS:
        buf_append_text(out, "distinct user");
        break;
    case MEASURE_ACTIVE_DAYS:
        buf_append_text(out, "active_days");
        break;
    case MEASURE_FIRST:
        buf_append_text(out, "first");
        break;
    case MEASURE_LAST:
        buf_append_text(out, "last");
        break;
    case MEASURE_SCORE:
        buf_append_text(out, "score");
        canonical_points(playbook, measure, out);
        return;
    case MEASURE_USERS_WITH:
        buf_printf(out, "users_with[signal %016llx]",
                   (unsigned long long)playbook->signals[measure->signal].meaning);
        return;
    }
    canonical_events(playbook, measure, out);
}

static void canonical_window(const struct playbook *playbook, const struct measure *measure,
                             struct buf *out)
{
    switch (measure->window) {
    case WINDOW_RESET:
    case WINDOW_WEEKS:
        CHECK(false);
    case WINDOW_LIFETIME:
        buf_append_text(out, " lifetime");
        break;
    case WINDOW_DAYS:
        buf_printf(out, " %dd", measure->window_n);
        break;
    case WINDOW_HOURS:
        buf_printf(out, " %dh", measure->window_n);
        break;
    case WINDOW_CALENDAR_DAY:
        buf_append_text(out, " day");
        break;
    case WINDOW_CALENDAR_WEEK:
        buf_append_text(out, " week");
        break;
    case WINDOW_CALENDAR_MONTH:
        buf_append_text(out, " month");
        break;
    case WINDOW_ANCHORED: {
        char within[TIME_TEXT_MAX];
        buf_printf(out, " %s after ", time_format_duration(measure->within_ms, within));
        canonical_name(playbook->events[measure->anchor], out);
        break;
    }
    }
}

void playbook_canonical_measure(const struct playbook *playbook, const struct measure *measure,
                                struct buf *out)
{
    canonical_function(playbook, measure, out);
    buf_append_text(out, measure->scope == SCOPE_USER ? " user" : " account");
    if (measure->kind == MEASURE_SCORE) {
        char half_life[TIME_TEXT_MAX];
        buf_printf(out, " half_life %s", time_format_duration(measure->half_life_ms, half_life));
    } else if (measure->kind == MEASURE_USERS_WITH) {
        buf_append_text(out, measure->ever ? " ever" : " now");
    } else {
        canonical_window(playbook, measure, out);
    }
    if (measure->where == PLAYBOOK_NONE)
        return;
    buf_append_text(out, " where(");
    canonical_condition(playbook, measure->where, out);
    buf_append_text(out, ")");
}

void playbook_canonical_signal(const struct playbook *playbook, const struct signal *signal,
                               struct buf *out)
{
    buf_append_text(out, signal->scope == SCOPE_USER ? "user: " : "account: ");
    canonical_condition(playbook, signal->condition, out);
}
