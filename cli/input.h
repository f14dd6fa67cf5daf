// SPDX-License-Identifier: Apache-2.0
// Lines of a file, plain or compressed by gzip or zstd (found by the first bytes, not by the name),
// or of standard input. Lines are bounded; memory is bounded by the longest line. One thread;
// reading a file blocks, reading a pipe does not.
#pragma once

#include <stdint.h>

#include "common/base/err.h"
#include "common/base/span.h"

enum { INPUT_LINE_MAX = 1024 * 1024 };

struct input;

// "-" is standard input. NOT_FOUND, IO.
MUST_USE enum err input_open(const char *path, struct input **out, struct err_info *info);
void input_close(struct input *input); // NULL is allowed

enum input_result {
    INPUT_LINE, // `line` without its end; valid until the next call
    INPUT_LONG, // a line of more than INPUT_LINE_MAX bytes, which was skipped; `line` has its start
    INPUT_WAIT, // a pipe has nothing at the moment: ask again later
    INPUT_END,  // no more lines
    INPUT_FAILED, // the file cannot be read on; `info` says why. For good.
};
// Lines of only blanks are passed over, but counted. The last line needs no line end.
enum input_result input_next(struct input *input, struct span *line, struct err_info *info);

const char *input_name(const struct input *input);
// Number of the line that input_next gave last, from 1.
uint64_t input_line(const struct input *input);
// Bytes read from the file so far (compressed ones), and its size; -1: not known.
int64_t input_bytes_read(const struct input *input);
int64_t input_bytes_total(const struct input *input);
// When the file was last changed; of a pipe, when it was opened. Milliseconds since 1970.
int64_t input_changed_ms(const struct input *input);
