// SPDX-License-Identifier: Apache-2.0
// How a line of the log is written: as text, or as one JSON object. No I/O.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LOG_LINE_MAX = 4096 }; // a write of so much to a pipe is not torn

struct log_line {
    const char *time, *level, *process, *component, *event;
    const char *facts; // "key=value key=\"some text\" ..."; may be ""
    bool cut;          // facts are not whole
    const char *request, *trace;
    uint32_t suppressed;
};

// Both write a whole line with its newline and return its length; what does not fit is cut.
//
//     2026-01-02T03:04:05.678Z info scorer-0 lane checkpoint_done position=12 request=r-1
//     {"time":"2026-...","level":"info","process":"scorer-0","component":"lane",
//      "event":"checkpoint_done","position":12,"request":"r-1"}
//
// Control characters are written as escapes. In JSON a value that is a number of up to 15 digits,
// true or false is one, all others are texts; a fact that has the name of one of the line's own
// fields is called fact_NAME; what is no key=value is the field "facts"; a cut line has "cut":true.
size_t log_line_text(const struct log_line *line, char out[LOG_LINE_MAX]);
size_t log_line_json(const struct log_line *line, char out[LOG_LINE_MAX]);
