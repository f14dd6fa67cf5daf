// SPDX-License-Identifier: Apache-2.0
// How often one event may repeat in the log: a fixed table of windows, time as an argument. Not
// thread safe; log.c holds its lock around it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { LOG_LIMIT_SLOTS = 256, LOG_LIMIT_LINES = 20, LOG_LIMIT_WINDOW_MS = 10000 };

// `{0}` is empty. Fields private.
struct log_limit {
    struct log_limit_slot {
        uint64_t key; // 0: free
        int64_t started_ms;
        uint32_t lines;      // passed in this window
        uint32_t suppressed; // since the last line that passed
    } slots[LOG_LIMIT_SLOTS];
};

// Whether a line of the event with this hash may be written now. When it may, `*suppressed` is how
// many were held back before it. More kinds of events than slots: the one that is quiet for longest
// is forgotten.
bool log_limit_pass(struct log_limit *limit, uint64_t key, int64_t now_ms, uint32_t *suppressed);
