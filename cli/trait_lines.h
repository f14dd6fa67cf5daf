// SPDX-License-Identifier: Apache-2.0
// Tables of traits (firmographics, enrichment, roles) as the group and identify calls that bring
// them: a row of CSV or an object of NDJSON becomes one call. One thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/span.h"

struct trait_lines_opts {
    bool of_users;   // identify calls; else group calls
    const char *key; // the column that names the user or account; NULL: the first one
};

struct trait_lines;
struct trait_lines *trait_lines_create(const struct trait_lines_opts *opts);
void trait_lines_destroy(struct trait_lines *lines); // NULL is allowed
// Before the first line of each file. The traits are as of `at_ms`.
void trait_lines_begin(struct trait_lines *lines, int64_t at_ms);

enum trait_line {
    TRAIT_LINE_CALL, // `call` is one call of Segment's specification as JSON
    TRAIT_LINE_NONE, // a heading, or a row that goes on in the next line
    TRAIT_LINE_BAD,  // `info` says why; the file goes on
};
// The first line decides: an object is NDJSON, anything else the heading of CSV (RFC 4180, with
// commas, semicolons or tabs). Numbers, true and false are such; empty cells say nothing. The same
// row of the same instant has the same message id, so that a file can be imported again.
enum trait_line trait_lines_next(struct trait_lines *lines, struct span line, struct buf *call,
                                 struct err_info *info);
// Whether the file ended inside a row.
bool trait_lines_open(const struct trait_lines *lines);
