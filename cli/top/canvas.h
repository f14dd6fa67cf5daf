// SPDX-License-Identifier: Apache-2.0
// Lines of text with styles, cut to a window. A style is one control byte in the text, which cannot
// come from data: that goes through output_clean. Nothing here knows a terminal.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"

#define STYLE_BOLD "\001"
#define STYLE_DIM "\002"
#define STYLE_REVERSE "\003"
#define STYLE_GOOD "\004"
#define STYLE_WARN "\005"
#define STYLE_BAD "\006"
#define STYLE_ACCENT "\016"
#define STYLE_PLAIN "\017" // ends all of them
static inline int canvas_is_style(unsigned char c)
{
    return (c >= 1 && c <= 6) || c == 0x0e || c == 0x0f;
}

// Columns that `text` takes, every code point as one; styles take none.
size_t canvas_width(const char *text, size_t bytes);

// `text` in exactly `columns`: cut, or filled up on the left when `right`, else on the right.
void canvas_cell(struct buf *out, const char *text, int columns, int right);

// A bar of `columns`: `n` of `of` of it full, at least a sign of it when n > 0. `of` 0: empty.
void canvas_bar(struct buf *out, uint64_t n, uint64_t of, int columns, const char *style);
// Several parts after each other, scaled to `of`.
struct canvas_part {
    uint64_t n;
    const char *style;
};
void canvas_stack(struct buf *out, const struct canvas_part *parts, size_t n_parts, uint64_t of,
                  int columns);
// The last `columns` values as bars of one character each, scaled to the largest.
void canvas_spark(struct buf *out, const double *values, size_t n, int columns);

// Columns of a table; `from`: shown in windows at least so wide.
struct canvas_column {
    const char *name;
    int columns;
    int right;
    int from;
};
// Cells are appended one by one; those of columns that are not shown vanish.
struct canvas_row {
    struct buf *out;
    const struct canvas_column *columns;
    size_t n, at;
    int window;
};
struct canvas_row canvas_row(struct buf *out, const struct canvas_column *columns, size_t n,
                             int window);
void canvas_heading(struct buf *out, const struct canvas_column *columns, size_t n, int window);
void canvas_put(struct canvas_row *row, const char *text, const char *style); // style NULL: plain
// For what fits its column by itself, a bar. NULL: the column is not shown.
struct buf *canvas_put_own(struct canvas_row *row, int *columns);
void canvas_end(struct canvas_row *row);

// Appends lines [first, first + rows) of `text` to `out`, each cut to `columns`. Returns how many
// lines `text` has.
size_t canvas_crop(struct buf *out, const struct buf *text, size_t first, size_t rows,
                   size_t columns);
// Without styles, and without spaces at the ends of lines.
void canvas_strip(struct buf *out, const struct buf *text);
