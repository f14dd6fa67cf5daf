// SPDX-License-Identifier: Apache-2.0
// Canonical texts: what a measure or a signal means, free of names and of the order in which things
// are written, so that a renamed measure keeps its state and a changed one does not.
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/check.h"
#include "common/base/time_text.h"
#include "services/playbook/canonical_impl.h"

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

void canonical_name(const char *name, struct buf *out)
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

void canonical_sorted(char **parts, size_t n, struct buf *out)
{
    if (n > 0)
        qsort(parts, n, sizeof *parts, canonical_compare);
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "%s%s", i == 0 ? "" : ", ", parts[i]);
        mem_free(parts[i]);
    }
    mem_free(parts);
}

char *canonical_part(struct buf *part)
{
    char *kept = mem_dup(buf_span(part));
    buf_deinit(part);
    return kept;
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
        parts[i] = canonical_part(&part);
    }
    canonical_sorted(parts, (size_t)condition->n_values, out);
}

// A measure, a trait, or a part of the event.
static void canonical_operand(const struct playbook *playbook, enum operand_kind kind,
                              int32_t measure, const char *key, struct buf *out)
{
    switch (kind) {
    case OPERAND_MEASURE:
        buf_append_text(out, "[");
        canonical_counted(playbook, &playbook->measures[measure], out);
        buf_append_text(out, "]");
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
    canonical_name(key, out);
}

static void canonical_growth(const struct growth *growth, struct buf *out)
{
    const struct {
        bool has;
        const char *name;
        int64_t milli;
    } parts[] = {
        {growth->has_to, "to", growth->to_milli},
        {growth->has_from, "from", growth->from_milli},
        {growth->has_by, "by", growth->by_milli},
        {growth->has_ratio, "ratio", growth->ratio_milli},
    };
    buf_printf(out, "over %d", growth->lag);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (!parts[i].has)
            continue;
        buf_printf(out, " %s ", parts[i].name);
        playbook_append_milli(parts[i].milli, out);
    }
}

static void canonical_test(const struct playbook *playbook, const struct condition *condition,
                           struct buf *out)
{
    canonical_operand(playbook, condition->operand, condition->measure, condition->key, out);
    buf_printf(out, " %s ", PLAYBOOK_TEST_NAMES[condition->test]);
    switch (condition->test) {
    case TEST_GREW:
        canonical_growth(&condition->growth, out);
        break;
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
    case TEST_IS_PAST:
        buf_append_text(out, condition->expected ? "true" : "false");
        break;
    case TEST_WITHIN:
        buf_printf(out, "%lldms", (long long)condition->low_milli);
        break;
    case TEST_LATER_THAN:
        break;
    }
    if (!condition->of.set)
        return;
    buf_append_text(out, condition->test == TEST_LATER_THAN ? "" : "% of ");
    canonical_operand(playbook, condition->of.kind, condition->of.measure, condition->of.key, out);
}

// Recursion is as deep as the file is nested, which the loader bounds.
void canonical_condition(const struct playbook *playbook, int32_t at, struct buf *out)
{
    const struct condition *condition = &playbook->conditions[at];
    switch (condition->kind) {
    case CONDITION_ALL:
        buf_append_text(out, "all(");
        break;
    case CONDITION_ANY:
        buf_append_text(out, "any(");
        break;
    case CONDITION_NOT:
        buf_append_text(out, "not(");
        break;
    case CONDITION_AT_LEAST_N:
        buf_printf(out, "at_least %d of(", condition->n_needed);
        break;
    case CONDITION_TEST:
        canonical_test(playbook, condition, out);
        return;
    case CONDITION_SIGNAL:
        buf_printf(out, "signal %016llx",
                   (unsigned long long)playbook->signals[condition->signal].meaning);
        return;
    case CONDITION_ALWAYS:
    case CONDITION_ROLL_UP:
        buf_append_text(out, "always");
        return;
    }
    char **parts = mem_alloc(sizeof *parts * (size_t)(condition->n_children + 1));
    for (int32_t i = 0; i < condition->n_children; i++) {
        struct buf part = {0};
        canonical_condition(playbook, condition->children[i], &part);
        parts[i] = canonical_part(&part);
    }
    canonical_sorted(parts, (size_t)condition->n_children, out);
    buf_append_text(out, ")");
}

static void canonical_memory(const struct playbook *playbook, const struct signal *signal,
                             struct buf *out)
{
    char duration[TIME_TEXT_MAX];
    buf_append_text(out, signal->sticky ? " sticky" : " following");
    buf_append_text(out, signal->afresh ? " afresh" : "");
    if (signal->hold_ms > 0)
        buf_printf(out, " hold %s", time_format_duration(signal->hold_ms, duration));
    if (signal->cooldown_ms > 0)
        buf_printf(out, " cooldown %s", time_format_duration(signal->cooldown_ms, duration));
    if (signal->episodes_max > 0)
        buf_printf(out, " episodes %d", signal->episodes_max);
    if (signal->exit == PLAYBOOK_NONE)
        return;
    buf_append_text(out, " exit(");
    canonical_condition(playbook, signal->exit, out);
    buf_append_text(out, ")");
}

void playbook_canonical_signal(const struct playbook *playbook, const struct signal *signal,
                               struct buf *out)
{
    buf_append_text(out, signal->scope == SCOPE_USER ? "user: " : "account: ");
    canonical_condition(playbook, signal->condition, out);
    if (signal->memory)
        canonical_memory(playbook, signal, out);
    // It keeps what it told.
    if (signal->origin == SIGNAL_FACT)
        buf_append_text(out, " fact");
}
