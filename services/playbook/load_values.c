// SPDX-License-Identifier: Apache-2.0
// Numbers are decimal and exact: what cannot be held in thousandths is refused, and so is a number
// that somebody may have meant as a text (a postal code, an exponent).
#include "common/base/text.h"
#include "services/playbook/build.h"
#include "services/playbook/load_impl.h"

// 10^15: in thousandths it still leaves room in 64 bits for a sum of many.
#define LOAD_NUMBER_MAX INT64_C(1000000000000000)

enum load_number { LOAD_NUMBER, LOAD_NO_NUMBER, LOAD_TOO_FINE, LOAD_TOO_LARGE, LOAD_ODD_NUMBER };

// -?(0|[1-9][0-9]*)(\.[0-9]{1,3})?
static enum load_number load_parse_milli(struct span text, int64_t *out, bool *whole)
{
    const char *p = text.ptr;
    double ignored;
    size_t at = text.len > 0 && p[0] == '-', whole_from = at;
    int64_t n = 0;
    bool large = false;
    for (; at < text.len && p[at] >= '0' && p[at] <= '9'; at++) {
        large = large || n > LOAD_NUMBER_MAX / 10;
        n = large ? n : n * 10 + (p[at] - '0');
    }
    size_t n_whole = at - whole_from;
    bool odd = n_whole == 0 || (n_whole > 1 && p[whole_from] == '0');
    size_t decimals_from = at < text.len && p[at] == '.' ? at + 1 : at;
    int64_t milli = n * 1000, unit = 100;
    for (at = decimals_from; at < text.len && p[at] >= '0' && p[at] <= '9'; at++) {
        milli += (p[at] - '0') * unit;
        unit /= 10;
    }
    size_t n_decimals = at - decimals_from;
    bool dot = decimals_from > whole_from + n_whole;
    if (odd || at < text.len || (dot && n_decimals == 0))
        return text_to_double(text, &ignored) ? LOAD_ODD_NUMBER : LOAD_NO_NUMBER;
    if (n_decimals > 3)
        return LOAD_TOO_FINE;
    if (large || n > LOAD_NUMBER_MAX)
        return LOAD_TOO_LARGE;
    *out = p[0] == '-' ? -milli : milli;
    *whole = !dot;
    return LOAD_NUMBER;
}

// Reports what is wrong with a number; false when nothing is.
static bool load_bad_number(struct loader *l, const struct config_node *node,
                            enum load_number found)
{
    struct span text = config_text(node);
    switch (found) {
    case LOAD_NUMBER:
    case LOAD_NO_NUMBER:
        return false;
    case LOAD_TOO_FINE:
        config_error(l->config, node, "\"" SPAN_FMT "\" has more than three decimals",
                     SPAN_ARG(text));
        return true;
    case LOAD_TOO_LARGE:
        config_error(l->config, node, "\"" SPAN_FMT "\" is too large (10^15 at most)",
                     SPAN_ARG(text));
        return true;
    case LOAD_ODD_NUMBER:
        config_error_hint(l->config, node, "write it in plain digits, or in quotes as a text",
                          "\"" SPAN_FMT "\" is not clear as a number", SPAN_ARG(text));
        return true;
    }
    CHECK(false);
}

bool load_milli(struct loader *l, const struct config_node *node, int64_t *out)
{
    bool whole;
    enum load_number found = LOAD_NO_NUMBER;
    if (config_kind(node) == CONFIG_SCALAR && config_plain(node))
        found = load_parse_milli(config_text(node), out, &whole);
    if (found == LOAD_NUMBER)
        return true;
    if (!load_bad_number(l, node, found))
        load_expected(l, node, "a number",
                      config_plain(node) || config_kind(node) != CONFIG_SCALAR ? NULL
                                                                               : "without quotes");
    return false;
}

bool load_value(struct loader *l, const struct config_node *node, struct value *out)
{
    struct span text;
    int64_t milli;
    bool whole;
    if (config_kind(node) != CONFIG_SCALAR) {
        load_expected(l, node, "a text, a number, true or false", NULL);
        return false;
    }
    if (!config_plain(node)) {
        // An empty text may be meant: account.plan: "".
        if (config_text(node).len > LOAD_TEXT_BYTES_MAX)
            return config_read_text(l->config, node, LOAD_TEXT_BYTES_MAX, &text);
        text = config_text(node);
        *out = (struct value){VALUE_TEXT, {.text = {arena_dup(l->arena, text), text.len}}};
        return true;
    }
    if (!config_read_text(l->config, node, LOAD_TEXT_BYTES_MAX, &text))
        return false;
    if (span_is(text, "true") || span_is(text, "false")) {
        *out = (struct value){VALUE_FLAG, {.flag = span_is(text, "true")}};
        return true;
    }
    enum load_number found = load_parse_milli(text, &milli, &whole);
    if (load_bad_number(l, node, found))
        return false;
    if (found == LOAD_NUMBER && whole)
        *out = (struct value){VALUE_INTEGER, {.integer = milli / 1000}};
    else if (found == LOAD_NUMBER)
        *out = (struct value){VALUE_NUMBER, {.number = (double)milli / 1000}};
    else
        *out = (struct value){VALUE_TEXT, {.text = {arena_dup(l->arena, text), text.len}}};
    return true;
}

// A text stands bare when it reads back as the same text.
static bool load_is_bare(struct span text)
{
    const char *p = text.ptr;
    double ignored;
    if (text.len == 0 || span_is(text, "true") || span_is(text, "false"))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (p[i] == '"' || p[i] == ',' || p[i] == '[' || p[i] == ']' || (unsigned char)p[i] < ' ')
            return false;
    }
    return p[0] != ' ' && p[text.len - 1] != ' ' && !text_to_double(text, &ignored);
}

void load_value_text(const struct value *value, struct buf *out)
{
    switch (value->type) {
    case VALUE_NONE:
        break;
    case VALUE_TEXT:
        if (load_is_bare(value->text))
            buf_append_span(out, value->text);
        else
            buf_printf(out, "\"" SPAN_FMT "\"", SPAN_ARG(value->text));
        break;
    case VALUE_NUMBER:
        playbook_append_milli((int64_t)(value->number * 1000 + (value->number < 0 ? -0.5 : 0.5)),
                              out);
        break;
    case VALUE_INTEGER:
        buf_printf(out, "%lld", (long long)value->integer);
        break;
    case VALUE_FLAG:
        buf_append_text(out, value->flag ? "true" : "false");
        break;
    }
}
