// SPDX-License-Identifier: Apache-2.0
// Single values: what they must be, within which bounds, and how to say so as a person writes them.
#include <float.h>
#include <stdio.h>
#include <string.h>

#include "common/base/text.h"
#include "common/base/time_text.h"
#include "common/config/config_impl.h"

static const struct {
    const char *unit;
    int64_t bytes;
} CONFIG_UNITS[] = {
    {"TiB", 1ll << 40},
    {"GiB", 1ll << 30},
    {"MiB", 1ll << 20},
    {"KiB", 1ll << 10},
    {"TB", 1000000000000},
    {"GB", 1000000000},
    {"MB", 1000000},
    {"KB", 1000},
    {"B", 1},
    {"", 1},
};

bool config_parse_bytes(struct span text, int64_t *out)
{
    const char *p = text.ptr;
    size_t digits = 0;
    int64_t n;
    while (digits < text.len && p[digits] >= '0' && p[digits] <= '9')
        digits++;
    if (!text_to_i64(span_make(p, digits), &n))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(CONFIG_UNITS); i++) {
        if (span_is(span_make(p + digits, text.len - digits), CONFIG_UNITS[i].unit))
            return !__builtin_mul_overflow(n, CONFIG_UNITS[i].bytes, out);
    }
    return false;
}

void config_format(enum config_type type, int64_t value, struct buf *out)
{
    char text[TIME_TEXT_MAX];
    if (type == CONFIG_DURATION && value >= 0) {
        buf_append_text(out, time_format_duration(value, text));
        return;
    }
    // Only the binary units: they are what a size is written in.
    for (size_t i = 0; i < 4 && type == CONFIG_BYTES && value > 0; i++) {
        if (value % CONFIG_UNITS[i].bytes == 0) {
            buf_printf(out, "%lld%s", (long long)(value / CONFIG_UNITS[i].bytes),
                       CONFIG_UNITS[i].unit);
            return;
        }
    }
    buf_printf(out, "%lld", (long long)value);
}

void config_format_bounds(enum config_type type, int64_t min, int64_t max, struct buf *out)
{
    bool low = type == CONFIG_INT ? min != INT64_MIN : min > 0;
    bool high = max != INT64_MAX;
    if (low)
        buf_append_text(out, high ? "from " : "at least ");
    if (low)
        config_format(type, min, out);
    if (high)
        buf_append_text(out, low ? " to " : "at most ");
    if (high)
        config_format(type, max, out);
}

static bool config_out_of_bounds(struct config *config, const struct config_node *node,
                                 struct span bounds)
{
    struct buf found = {0};
    config_describe(node, &found);
    config_error(config, node, "must be " SPAN_FMT ", found " SPAN_FMT, SPAN_ARG(bounds),
                 SPAN_ARG(buf_span(&found)));
    buf_deinit(&found);
    return false;
}

static bool config_within(struct config *config, const struct config_node *node,
                          enum config_type type, int64_t value, int64_t min, int64_t max,
                          int64_t *out)
{
    if (value >= min && value <= max) {
        *out = value;
        return true;
    }
    struct buf bounds = {0};
    config_format_bounds(type, min, max, &bounds);
    config_out_of_bounds(config, node, buf_span(&bounds));
    buf_deinit(&bounds);
    return false;
}

// A number or a truth value in quotes is a text; this says so.
static const char *config_quotes_hint(const struct config_node *node)
{
    return node->kind == CONFIG_SCALAR && !node->plain ? "without quotes" : NULL;
}

bool config_read_bool(struct config *config, const struct config_node *node, bool *out)
{
    bool yes = span_is(node->text, "true");
    if (node->kind == CONFIG_SCALAR && node->plain && (yes || span_is(node->text, "false"))) {
        *out = yes;
        return true;
    }
    if (node->plain && (span_is(node->text, "yes") || span_is(node->text, "on")))
        return config_expected(config, node, "true or false", "write true");
    if (node->plain && (span_is(node->text, "no") || span_is(node->text, "off")))
        return config_expected(config, node, "true or false", "write false");
    return config_expected(config, node, "true or false", config_quotes_hint(node));
}

static bool config_all_digits(struct span text)
{
    const char *p = text.ptr;
    size_t i = text.len > 1 && p[0] == '-';
    for (; i < text.len; i++) {
        if (p[i] < '0' || p[i] > '9')
            return false;
    }
    return text.len > 0;
}

bool config_read_i64(struct config *config, const struct config_node *node, int64_t min,
                     int64_t max, int64_t *out)
{
    int64_t value;
    if (node->kind != CONFIG_SCALAR || !node->plain || !config_all_digits(node->text))
        return config_expected(config, node, "a whole number", config_quotes_hint(node));
    if (text_to_i64(node->text, &value))
        return config_within(config, node, CONFIG_INT, value, min, max, out);
    // Too large for the type is out of any bounds.
    bool negative = *(const char *)node->text.ptr == '-';
    if (negative ? min == INT64_MIN : max == INT64_MAX)
        return config_expected(config, node, "a whole number of at most 64 bits", NULL);
    return config_within(config, node, CONFIG_INT, negative ? INT64_MIN : INT64_MAX, min, max, out);
}

bool config_read_double(struct config *config, const struct config_node *node, double min,
                        double max, double *out)
{
    double value;
    if (node->kind != CONFIG_SCALAR || !node->plain || !text_to_double(node->text, &value))
        return config_expected(config, node, "a number", config_quotes_hint(node));
    if (value >= min && value <= max) {
        *out = value;
        return true;
    }
    struct buf bounds = {0};
    bool low = min > -DBL_MAX, high = max < DBL_MAX;
    if (low)
        buf_printf(&bounds, "%s%.15g", high ? "from " : "at least ", min);
    if (high)
        buf_printf(&bounds, "%s%.15g", low ? " to " : "at most ", max);
    config_out_of_bounds(config, node, buf_span(&bounds));
    buf_deinit(&bounds);
    return false;
}

bool config_read_duration(struct config *config, const struct config_node *node, int64_t min_ms,
                          int64_t max_ms, int64_t *out_ms)
{
    int64_t value;
    if (node->kind != CONFIG_SCALAR || !time_parse_duration(node->text, &value))
        return config_expected(config, node, "a duration", "write 30d, 48h, 5m, 10s or 250ms");
    return config_within(config, node, CONFIG_DURATION, value, min_ms, max_ms, out_ms);
}

bool config_read_bytes(struct config *config, const struct config_node *node, int64_t min,
                       int64_t max, int64_t *out)
{
    int64_t value;
    if (node->kind != CONFIG_SCALAR || !config_parse_bytes(node->text, &value))
        return config_expected(config, node, "a size", "write 4096, 64MiB or 8GiB");
    return config_within(config, node, CONFIG_BYTES, value, min, max, out);
}

bool config_read_text(struct config *config, const struct config_node *node, size_t len_max,
                      struct span *out)
{
    bool null = node->plain && (span_is(node->text, "~") || span_is(node->text, "null"));
    if (node->kind != CONFIG_SCALAR || node->text.len == 0 || null)
        return config_expected(config, node, "a text", null ? "quote it to mean the text" : NULL);
    if (node->text.len > len_max) {
        config_error(config, node, "a text of at most %zu bytes is allowed, this has %zu", len_max,
                     node->text.len);
        return false;
    }
    *out = node->text;
    return !node->bad;
}

bool config_read_choice(struct config *config, const struct config_node *node,
                        const char *const *names, size_t n, size_t *out)
{
    for (size_t i = 0; i < n && node->kind == CONFIG_SCALAR; i++) {
        if (span_is(node->text, names[i])) {
            *out = i;
            return true;
        }
    }
    config_error_unknown(config, node, "value", names, n);
    return false;
}

bool config_check_keys(struct config *config, const struct config_node *node,
                       const char *const *names, size_t n)
{
    bool known = true;
    if (node->kind != CONFIG_MAPPING)
        return config_expected(config, node, "a mapping", NULL);
    for (size_t i = 0; i < node->n; i++) {
        size_t j = 0;
        while (j < n && !span_is(node->keys[i]->text, names[j]))
            j++;
        if (j < n)
            continue;
        config_error_unknown(config, node->keys[i], "key", names, n);
        known = false;
    }
    return known;
}
