// SPDX-License-Identifier: Apache-2.0
// Mistakes: kept as they are found, shown in the order of the file.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/config/config_impl.h"

enum { CONFIG_SHOWN_COLUMNS = 100, CONFIG_QUOTE_BYTES = 60, CONFIG_LIST_BYTES = 100 };

// Bytes of the line break at `p`, 0 when there is none. libyaml counts lines by YAML 1.1, where
// these three characters break lines too: NEL, LS, PS.
static size_t config_break_len(const char *p, const char *end)
{
    size_t left = (size_t)(end - p);
    if (*p == '\n')
        return 1;
    if (*p == '\r')
        return left > 1 && p[1] == '\n' ? 2 : 1;
    if (left >= 2 && memcmp(p, "\xC2\x85", 2) == 0)
        return 2;
    if (left >= 3 && (memcmp(p, "\xE2\x80\xA8", 3) == 0 || memcmp(p, "\xE2\x80\xA9", 3) == 0))
        return 3;
    return 0;
}

static bool config_is_char_start(char c)
{
    return ((unsigned char)c & 0xC0) != 0x80;
}

void config_place_of(const struct config *config, size_t offset, uint32_t *line, uint32_t *column)
{
    const char *p = config->bytes, *end = p + config->n_bytes, *at = p + offset;
    *line = 1;
    *column = 1;
    while (p < at) {
        size_t n = config_break_len(p, end);
        if (n > 0) {
            (*line)++;
            *column = 1;
            p += n;
        } else {
            p++;
            *column += p == end || config_is_char_start(*p);
        }
    }
}

size_t config_clean_len(struct span text)
{
    const char *p = text.ptr;
    size_t at = 0;
    if (text_is_clean_utf8(text))
        return text.len;
    for (;;) {
        size_t n = 1;
        while (n <= 4 && at + n <= text.len && !text_is_clean_utf8(span_make(p + at, n)))
            n++;
        if (n > 4 || at + n > text.len)
            return at;
        at += n;
    }
}

// At most `most` bytes, not cutting a character.
static size_t config_cut(struct span text, size_t most)
{
    size_t n = text.len < most ? text.len : most;
    while (n > 0 && n < text.len && !config_is_char_start(((const char *)text.ptr)[n]))
        n--;
    return n;
}

static void config_append_escaped(struct span text, bool quote, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = ((const unsigned char *)text.ptr)[i];
        if (c == '\n' || c == '\r' || c == '\t')
            buf_append_text(out, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
        else if (c < 0x20 || c == 0x7F)
            buf_printf(out, "\\x%02x", c);
        else if (quote && (c == '"' || c == '\\'))
            buf_printf(out, "\\%c", c);
        else
            buf_append_u8(out, c);
    }
}

void config_quote(struct span text, struct buf *out)
{
    size_t n = config_cut(text, CONFIG_QUOTE_BYTES);
    buf_append_text(out, "\"");
    config_append_escaped(span_make(text.ptr, n), true, out);
    buf_append_text(out, n < text.len ? "...\"" : "\"");
}

static const char *config_keep(struct config *config, struct span text)
{
    struct buf escaped = {0};
    config_append_escaped(text, false, &escaped);
    const char *kept = arena_dup(&config->arena, buf_span(&escaped));
    buf_deinit(&escaped);
    return kept;
}

static void config_add(struct config *config, const struct config_mistake *place, const char *hint,
                       struct span message)
{
    size_t *count = place->warning ? &config->n_warnings : &config->n_errors;
    if (++*count > CONFIG_ERRORS_MAX)
        return;
    MEM_GROW(config->mistakes, config->n_mistakes, config->cap_mistakes);
    struct config_mistake *mistake = &config->mistakes[config->n_mistakes];
    *mistake = *place;
    mistake->order = config->n_mistakes++;
    mistake->message = config_keep(config, message);
    mistake->hint = hint == NULL ? NULL : config_keep(config, span_of(hint));
}

static void config_append_args(struct buf *out, const char *format, va_list args)
{
    char *text;
    int n = vasprintf(&text, format, args);
    CHECK(n >= 0);
    buf_append(out, text, (size_t)n);
    free(text);
}

void config_error_at(struct config *config, uint32_t line, uint32_t column, const char *hint,
                     const char *format, ...)
{
    struct buf message = {0};
    struct config_mistake place = {.line = line, .column = column};
    va_list args;
    va_start(args, format);
    config_append_args(&message, format, args);
    va_end(args);
    config_add(config, &place, hint, buf_span(&message));
    buf_deinit(&message);
}

static void config_add_at_node(struct config *config, const struct config_node *node, bool warning,
                               const char *hint, const char *format, va_list args)
{
    struct buf message = {0};
    struct config_mistake place = {.warning = warning};
    if (node != NULL && node->bad)
        return;
    if (node != NULL) {
        place.line = node->line;
        place.column = node->column;
        config_path(node, &message);
        buf_append_text(&message, ": ");
    }
    if (warning)
        buf_append_text(&message, "warning: ");
    config_append_args(&message, format, args);
    config_add(config, &place, hint, buf_span(&message));
    buf_deinit(&message);
}

void config_error(struct config *config, const struct config_node *node, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    config_add_at_node(config, node, false, NULL, format, args);
    va_end(args);
}

void config_error_hint(struct config *config, const struct config_node *node, const char *hint,
                       const char *format, ...)
{
    va_list args;
    va_start(args, format);
    config_add_at_node(config, node, false, hint, format, args);
    va_end(args);
}

void config_warn(struct config *config, const struct config_node *node, const char *hint,
                 const char *format, ...)
{
    va_list args;
    va_start(args, format);
    config_add_at_node(config, node, true, hint, format, args);
    va_end(args);
}

void config_describe(const struct config_node *node, struct buf *out)
{
    if (node->kind == CONFIG_MAPPING)
        buf_append_text(out, "a mapping");
    else if (node->kind == CONFIG_SEQUENCE)
        buf_append_text(out, "a list");
    else if (node->text.len == 0)
        buf_append_text(out, node->plain ? "nothing" : "an empty text");
    else
        config_quote(node->text, out);
}

bool config_expected(struct config *config, const struct config_node *node, const char *what,
                     const char *hint)
{
    struct buf found = {0};
    config_describe(node, &found);
    config_error_hint(config, node, hint, "expected %s, found " SPAN_FMT, what,
                      SPAN_ARG(buf_span(&found)));
    buf_deinit(&found);
    return false;
}

// The candidate that is most like the text, whatever the case of letters; NULL when none is near.
static const char *config_nearest(struct span text, const char *const *candidates, size_t n)
{
    enum { LEN_MAX = 64 };
    char folded[2][LEN_MAX];
    const char *nearest = NULL;
    if (text.len == 0 || text.len > LEN_MAX)
        return NULL;
    size_t most = text.len / 3 > 1 ? text.len / 3 : 1;
    for (size_t i = 0; i < n; i++) {
        struct span sides[2] = {text, span_of(candidates[i])};
        if (sides[1].len > LEN_MAX)
            continue;
        for (int side = 0; side < 2; side++) {
            for (size_t j = 0; j < sides[side].len; j++) {
                char c = ((const char *)sides[side].ptr)[j];
                folded[side][j] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
            }
        }
        size_t distance = text_distance(span_make(folded[0], sides[0].len),
                                        span_make(folded[1], sides[1].len), most);
        if (distance > most)
            continue;
        nearest = candidates[i];
        if (distance == 0)
            break;
        most = distance - 1; // only a nearer one replaces it
    }
    return nearest;
}

// "did you mean ...", or the list when it is short, or nothing.
static void config_suggest(struct span text, const char *const *candidates, size_t n,
                           struct buf *out)
{
    const char *nearest = config_nearest(text, candidates, n);
    if (nearest != NULL) {
        buf_printf(out, "did you mean \"%s\"?", nearest);
        return;
    }
    buf_append_text(out, n == 1 ? "expected " : "expected one of ");
    for (size_t i = 0; i < n && out->len <= CONFIG_LIST_BYTES; i++)
        buf_printf(out, "%s%s", i > 0 ? ", " : "", candidates[i]);
    if (n == 0 || out->len > CONFIG_LIST_BYTES)
        buf_clear(out);
}

void config_error_unknown(struct config *config, const struct config_node *node, const char *what,
                          const char *const *candidates, size_t n_candidates)
{
    struct buf quoted = {0}, hint = {0};
    if (node->kind != CONFIG_SCALAR || node->text.len == 0) {
        config_suggest(span_make("", 0), candidates, n_candidates, &hint);
        buf_append_u8(&hint, 0);
        buf_printf(&quoted, "%s %s", strchr("aeiou", what[0]) != NULL ? "an" : "a", what);
        buf_append_u8(&quoted, 0);
        config_expected(config, node, (const char *)quoted.bytes,
                        hint.len > 1 ? (const char *)hint.bytes : NULL);
    } else {
        config_suggest(node->text, candidates, n_candidates, &hint);
        buf_append_u8(&hint, 0);
        config_quote(node->text, &quoted);
        config_error_hint(config, node, hint.len > 1 ? (const char *)hint.bytes : NULL,
                          "unknown %s " SPAN_FMT, what, SPAN_ARG(buf_span(&quoted)));
    }
    buf_deinit(&quoted);
    buf_deinit(&hint);
}

size_t config_error_count(const struct config *config)
{
    return config->n_errors;
}

size_t config_warning_count(const struct config *config)
{
    return config->n_warnings;
}

static int config_mistake_cmp(const void *a, const void *b)
{
    const struct config_mistake *x = a, *y = b;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    if (x->column != y->column)
        return x->column < y->column ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

// A walk through the lines of the file; lines are asked for in rising order.
struct config_lines {
    const char *p, *end;
    uint32_t line; // that starts at p
};

static struct span config_line_text(struct config_lines *lines, uint32_t line)
{
    for (;;) {
        const char *stop = lines->p;
        size_t n = 0;
        while (stop < lines->end && (n = config_break_len(stop, lines->end)) == 0)
            stop++;
        if (lines->line >= line || stop == lines->end)
            return span_make(lines->p, lines->line == line ? (size_t)(stop - lines->p) : 0);
        lines->p = stop + n;
        lines->line++;
    }
}

// The line with its number, cut around the caret when it is long, and the caret with its hint
// below.
static void config_show_line(struct span text, const struct config_mistake *mistake,
                             struct buf *out)
{
    const char *p = text.ptr;
    uint32_t columns = 0, caret = mistake->column - 1;
    for (size_t i = 0; i < text.len; i++)
        columns += config_is_char_start(p[i]);
    uint32_t from = 0, to = columns;
    if (columns > CONFIG_SHOWN_COLUMNS) {
        from = caret > CONFIG_SHOWN_COLUMNS / 2 ? caret - CONFIG_SHOWN_COLUMNS / 2 : 0;
        if (from + CONFIG_SHOWN_COLUMNS > columns)
            from = columns - CONFIG_SHOWN_COLUMNS;
        to = from + CONFIG_SHOWN_COLUMNS;
    }
    int width = snprintf(NULL, 0, "%u", mistake->line);
    buf_printf(out, "  %u | %s", mistake->line, from > 0 ? "..." : "");
    uint32_t column = 0;
    size_t clean = config_clean_len(text); // a report is UTF-8, whatever the file is
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)p[i];
        column += config_is_char_start(p[i]);
        if (column > from && column <= to)
            buf_append_u8(out, c < 0x20 || c == 0x7F ? ' ' : c > 0x7F && i >= clean ? '?' : c);
    }
    buf_printf(out, "%s\n", to < columns ? "..." : "");
    int indent = (int)(caret - from) + (from > 0 ? 3 : 0);
    buf_printf(out, "  %*s | %*s^", width, "", indent, "");
    buf_printf(out, "%s%s\n", mistake->hint != NULL ? " " : "",
               mistake->hint != NULL ? mistake->hint : "");
}

void config_report(const struct config *config, struct buf *out)
{
    struct config_lines lines = {config->bytes, config->bytes + config->n_bytes, 1};
    if (config->n_mistakes > 0)
        qsort(config->mistakes, config->n_mistakes, sizeof *config->mistakes, config_mistake_cmp);
    for (size_t i = 0; i < config->n_mistakes; i++) {
        const struct config_mistake *mistake = &config->mistakes[i];
        if (mistake->line == 0) {
            buf_printf(out, "%s: %s\n", config->name, mistake->message);
            if (mistake->hint != NULL)
                buf_printf(out, "  %s\n", mistake->hint);
            continue;
        }
        buf_printf(out, "%s:%u:%u: %s\n", config->name, mistake->line, mistake->column,
                   mistake->message);
        config_show_line(config_line_text(&lines, mistake->line), mistake, out);
    }
    if (config->n_errors > CONFIG_ERRORS_MAX)
        buf_printf(out, "%zu errors, the first %d found are shown\n", config->n_errors,
                   CONFIG_ERRORS_MAX);
    else if (config->n_errors > 1)
        buf_printf(out, "%zu errors\n", config->n_errors);
}
