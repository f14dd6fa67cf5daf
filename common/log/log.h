// SPDX-License-Identifier: Apache-2.0
// One line per event on standard error: time, level, process, component, event name, then facts; as
// text with key=value, or as one JSON object. Any thread; a line is one write. Levels say who must
// act: error someone now, warn someone this week, info life-cycle and decisions per batch, debug
// per request.
//
//     #define LOG_COMPONENT "lane"
//     LOG_INFO("checkpoint_done", "position=%llu rows=%u", position, rows);
//     LOG_INFO("started");
//     LOG_WARN("peer_gone", "peer=%s msg=\"no answer for %d ms\"", peer, ms);
//
// Identifiers of people go through log_redact, never in the clear.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/check.h"
#include "common/base/span.h"

enum log_level { LOG_LEVEL_OFF, LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

// Names the process in every line ("scorer-0"); once, before other threads start. Copied.
void log_init(const char *process, enum log_level level);
void log_set_level(enum log_level level);
enum log_level log_level(void);
const char *log_level_name(enum log_level level);
bool log_level_parse(struct span text, enum log_level *out);
bool log_enabled(enum log_level level);
// Text at first. See log_line.h for both.
enum log_format { LOG_TEXT, LOG_JSON };
void log_set_format(enum log_format format);

// Facts are already formatted as key=value; control characters in them are written as escapes, and
// a line is cut ("...") at about 4000 bytes. errno is kept. Nothing is written when standard error
// fails. Repeats of the same (component, event) are limited: after 20 within 10 s the rest are
// counted, and the count is written with the next line that passes (suppressed=N). Debug lines are
// all written.
void log_write(enum log_level level, const char *component, const char *event, const char *format,
               ...) PRINTF_LIKE(4, 5);

// What this thread works on from now on: lines that it writes end in request=... and trace=...
// until the next call; NULL or "" clears. Copied, up to 64 bytes each; bytes that are not printable
// ASCII are written as '_'. Whoever calls a handler sets it before and clears it after.
void log_set_context(const char *request_id, const char *trace_id);

// The format is a literal, and may be left out. Its arguments are evaluated only when the level is
// on.
#define LOG_AT(level, event, ...)                                                                  \
    do {                                                                                           \
        if (log_enabled(level))                                                                    \
            log_write(level, LOG_COMPONENT, event, " " __VA_ARGS__);                               \
    } while (0)
#define LOG_ERROR(event, ...) LOG_AT(LOG_LEVEL_ERROR, event, __VA_ARGS__)
#define LOG_WARN(event, ...) LOG_AT(LOG_LEVEL_WARN, event, __VA_ARGS__)
#define LOG_INFO(event, ...) LOG_AT(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define LOG_DEBUG(event, ...) LOG_AT(LOG_LEVEL_DEBUG, event, __VA_ARGS__)

// A short stable token in place of a personal identifier, so that lines about one person can be
// matched without naming the person: "~3fa9c1d2e4". Keyed by a random number of this process.
// `out` holds LOG_REDACTED_MAX bytes. Returns `out`.
enum { LOG_REDACTED_MAX = 16 };
char *log_redact(struct span id, char out[LOG_REDACTED_MAX]);
