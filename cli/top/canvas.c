// SPDX-License-Identifier: Apache-2.0
#include "cli/top/canvas.h"

#include <string.h>

#include "cli/output.h"

static int begins(unsigned char c)
{
    return !canvas_is_style(c) && (c & 0xC0) != 0x80;
}

size_t canvas_width(const char *text, size_t bytes)
{
    size_t n = 0;
    for (size_t i = 0; i < bytes; i++)
        n += (size_t)begins((unsigned char)text[i]);
    return n;
}

static void spaces(struct buf *out, int n)
{
    for (int i = 0; i < n; i++)
        buf_append_u8(out, ' ');
}

// The first `columns` of it, all of its styles. Returns how many it took.
static size_t cut(struct buf *out, const char *text, size_t bytes, size_t columns)
{
    size_t n = 0;
    for (size_t i = 0; i < bytes; i++) {
        unsigned char c = (unsigned char)text[i];
        if (canvas_is_style(c)) {
            buf_append_u8(out, c);
            continue;
        }
        n += (size_t)begins(c);
        if (n <= columns)
            buf_append_u8(out, c);
    }
    return n < columns ? n : columns;
}

void canvas_cell(struct buf *out, const char *text, int columns, int right)
{
    size_t bytes = strlen(text), w = canvas_width(text, bytes), room = (size_t)columns;
    int pad = w < room ? (int)(room - w) : 0;
    spaces(out, right ? pad : 0);
    if (w > room && room > 1) {
        cut(out, text, bytes, room - 1);
        buf_append_text(out, output_utf8() ? "\xE2\x80\xA6" : "~");
    } else {
        cut(out, text, bytes, room);
    }
    spaces(out, right ? 0 : pad);
}

// ---- Bars ---------------------------------------------------------------------------------------

static int scaled(uint64_t n, uint64_t of, int columns)
{
    if (n == 0 || of == 0)
        return 0;
    if (n >= of)
        return columns;
    int full = (int)((double)n / (double)of * columns + 0.5);
    return full < 1 ? 1 : full;
}

static void repeat(struct buf *out, const char *style, const char *utf8, const char *ascii, int n)
{
    if (n <= 0)
        return;
    buf_append_text(out, style);
    for (int i = 0; i < n; i++)
        buf_append_text(out, output_utf8() ? utf8 : ascii);
    buf_append_text(out, STYLE_PLAIN);
}

static void rest(struct buf *out, int n)
{
    repeat(out, STYLE_DIM, "\xC2\xB7", ".", n);
}

void canvas_bar(struct buf *out, uint64_t n, uint64_t of, int columns, const char *style)
{
    int full = scaled(n, of, columns);
    repeat(out, style, "\xE2\x96\x88", "#", full);
    rest(out, columns - full);
}

void canvas_stack(struct buf *out, const struct canvas_part *parts, size_t n_parts, uint64_t of,
                  int columns)
{
    static const char *const ascii[] = {"#", "=", "-", "+"};
    int left = columns;
    for (size_t i = 0; i < n_parts && left > 0; i++) {
        int some = scaled(parts[i].n, of, columns);
        some = some < left ? some : left;
        repeat(out, parts[i].style, "\xE2\x96\x88", ascii[i % 4], some);
        left -= some;
    }
    rest(out, left);
}

void canvas_spark(struct buf *out, const double *values, size_t n, int columns)
{
    static const char *const utf8[] = {"\xE2\x96\x81", "\xE2\x96\x82", "\xE2\x96\x83",
                                       "\xE2\x96\x84", "\xE2\x96\x85", "\xE2\x96\x86",
                                       "\xE2\x96\x87", "\xE2\x96\x88"};
    static const char ascii[][2] = {"_", ".", "-", "~", "=", "+", "*", "#"};
    size_t room = (size_t)(columns > 0 ? columns : 0), from = n > room ? n - room : 0;
    double most = 0;
    for (size_t i = from; i < n; i++)
        most = values[i] > most ? values[i] : most;
    spaces(out, (int)(room - (n - from)));
    buf_append_text(out, STYLE_ACCENT);
    for (size_t i = from; i < n; i++) {
        int step = most > 0 ? (int)(values[i] / most * 7 + 0.5) : 0;
        buf_append_text(out, output_utf8() ? utf8[step] : ascii[step]);
    }
    buf_append_text(out, STYLE_PLAIN);
}

// ---- Tables -------------------------------------------------------------------------------------

struct canvas_row canvas_row(struct buf *out, const struct canvas_column *columns, size_t n,
                             int window)
{
    buf_append_text(out, " ");
    return (struct canvas_row){out, columns, n, 0, window};
}

struct buf *canvas_put_own(struct canvas_row *row, int *columns)
{
    CHECK(row->at < row->n);
    const struct canvas_column *column = &row->columns[row->at++];
    *columns = column->columns;
    if (row->window < column->from)
        return NULL;
    buf_append_text(row->out, " ");
    return row->out;
}

void canvas_put(struct canvas_row *row, const char *text, const char *style)
{
    int columns;
    const struct canvas_column *column = &row->columns[row->at];
    struct buf *out = canvas_put_own(row, &columns);
    if (out == NULL)
        return;
    if (style != NULL)
        buf_append_text(out, style);
    canvas_cell(out, output_clean(text), columns, column->right);
    if (style != NULL)
        buf_append_text(out, STYLE_PLAIN);
}

void canvas_end(struct canvas_row *row)
{
    CHECK(row->at == row->n);
    buf_append_text(row->out, "\n");
}

void canvas_heading(struct buf *out, const struct canvas_column *columns, size_t n, int window)
{
    struct canvas_row row = canvas_row(out, columns, n, window);
    for (size_t i = 0; i < n; i++)
        canvas_put(&row, columns[i].name, STYLE_DIM);
    canvas_end(&row);
}

// ---- Lines --------------------------------------------------------------------------------------

size_t canvas_crop(struct buf *out, const struct buf *text, size_t first, size_t rows,
                   size_t columns)
{
    const char *at = (const char *)text->bytes;
    size_t left = text->len, n = 0;
    for (; left > 0; n++) {
        const char *end = memchr(at, '\n', left);
        size_t bytes = end != NULL ? (size_t)(end - at) : left;
        if (n >= first && n - first < rows) {
            cut(out, at, bytes, columns);
            buf_append_text(out, STYLE_PLAIN "\n");
        }
        bytes += end != NULL;
        at += bytes;
        left -= bytes;
    }
    return n;
}

void canvas_strip(struct buf *out, const struct buf *text)
{
    for (size_t i = 0; i < text->len; i++) {
        uint8_t c = text->bytes[i];
        if (canvas_is_style(c))
            continue;
        while (c == '\n' && out->len > 0 && out->bytes[out->len - 1] == ' ')
            out->len--;
        buf_append_u8(out, c);
    }
}
