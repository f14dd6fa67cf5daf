// SPDX-License-Identifier: Apache-2.0
// What commands write: tables and trees for people, JSON for programs. Colours and marks only where
// the terminal has them; control characters from data never reach a terminal.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/buf.h"
#include "common/base/err.h"

// Once, at start: reads the locale's character set (nothing else of the locale).
void output_init(void);
// Whether `stream` is a terminal.
bool output_is_terminal(FILE *stream);
// "✓" and "✗", or "+" and "-" when the locale is not UTF-8; green and red on a terminal.
const char *output_mark(bool met);
bool output_utf8(void);
// Turns the marks' character set by hand (tests).
void output_set_utf8(bool utf8);

// Escape sequences when standard output is a terminal, else "".
const char *output_bold(void);
const char *output_dim(void);
const char *output_plain(void);

// A copy of `text` in which control characters (and the bytes of malformed UTF-8) are '?'. Valid
// for 16 more such calls.
const char *output_clean(const char *text);

// "2026-01-31 10:00:00" in UTC; "-" for 0. Valid for 16 more such calls.
const char *output_time(int64_t ms);
// "12,345". Valid for 16 more such calls.
const char *output_count(uint64_t n);
// "1 user", "2 users". Valid for 16 more such calls.
const char *output_plural(uint64_t n, const char *one, const char *many);
// "3 days", "1.5 h", "90 min", "12 s". Valid for 16 more such calls.
const char *output_duration(int64_t ms);

// The name of whoever runs this; "" when it has none.
const char *output_user(void);

// A JSON string of any bytes: malformed UTF-8 is replaced.
json_t *output_json_text(const char *text);
// Writes `json` to standard output on one line and releases it.
void output_json(json_t *json);
void output_json_to(json_t *json, FILE *stream);

// "assay COMMAND: MESSAGE" on standard error; returns the exit code for the error.
int output_error(const char *command, enum err err, const char *message);

// Rows of cells, aligned by columns. `{0}` is empty.
enum { OUTPUT_COLUMNS_MAX = 16 };
struct output_table {
    char **cells; // [n_rows * n_columns]
    size_t n_cells, cap;
    size_t n_columns;
    uint32_t right;     // bit i: column i holds numbers
    uint32_t optional;  // bit i: without column i when it has nothing but "-" below its heading
    size_t columns_max; // the last column is cut, or left out, to make lines fit; 0: not so
};
// The first row is the heading. `cells` ends with NULL at the heading; later rows have as many.
void output_row(struct output_table *table, const char *const *cells);
// Columns of the terminal that standard output is; 120 when it is none.
size_t output_columns(void);
void output_set_columns(size_t columns); // by hand (tests); 0: as found
// Writes the table with `indent` spaces before each row, and empties it.
void output_table_write(struct output_table *table, int indent, FILE *stream);
