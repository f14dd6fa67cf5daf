// SPDX-License-Identifier: Apache-2.0
// Keeps child processes running: one that ends is started again after a growing pause; one that
// cannot use its configuration three times in a row makes the supervisor give up. Stops them in
// order of rank. One thread, the loop's.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/loop/loop.h"

// ---- The rule, apart from any process -----------------------------------------------------------

enum {
    SUPERVISOR_PAUSE_MIN_MS = 100,
    SUPERVISOR_PAUSE_MAX_MS = 5000,
    SUPERVISOR_STEADY_MS = 30000, // alive for so long: the pause starts small again
    SUPERVISOR_CONFIG_FAILURES_MAX = 3,
    SUPERVISOR_EXIT_CONFIG = 2,
};

// `{0}`: never started.
struct supervisor_history {
    int64_t started_ms;
    int64_t pause_ms;         // before the last start
    uint32_t config_failures; // in a row
};

// A child ended at `now_ms` with `status` (128 + signal when killed). True: start it again after
// `*pause_ms`. False: give up.
bool supervisor_judge(struct supervisor_history *history, int status, int64_t now_ms,
                      int64_t *pause_ms);

// ---- Processes ----------------------------------------------------------------------------------

struct supervisor_child {
    const char *name;
    const char *file;
    const char *const *argv; // NULL-terminated
    const char *log_path;
    int rank; // the lowest is stopped first
};

// On the loop, never inside a call of these functions but where said.
struct supervisor_events {
    // `pid` runs as child `i`. Also called inside supervisor_start.
    void (*started)(void *arg, size_t i, int pid);
    // Child `i` ended by itself and starts again after `pause_ms`; -1: it does not (given up).
    void (*ended)(void *arg, size_t i, int status, int64_t pause_ms);
    // Every child has ended after supervisor_stop.
    void (*stopped)(void *arg);
    void *arg;
};

struct supervisor;
// Copies the table of children, keeps what it points to.
struct supervisor *supervisor_create(struct loop *loop, const struct supervisor_child *children,
                                     size_t n, const struct supervisor_events *events);
// After `stopped`, or before supervisor_start.
void supervisor_destroy(struct supervisor *supervisor);
// Starts all. On an error the others run: the caller stops them.
MUST_USE enum err supervisor_start(struct supervisor *supervisor, struct err_info *info);
// SIGTERM to the lowest rank; when all of it has ended, to the next. After `patience_ms` SIGKILL to
// what is left. Calling it again has no effect.
void supervisor_stop(struct supervisor *supervisor, int64_t patience_ms);
// SIGKILL to all, now. Stops as well.
void supervisor_kill(struct supervisor *supervisor);
