// SPDX-License-Identifier: Apache-2.0
// A run over files with its tally: what `assay backtest` and `assay playbook diff` have in common.
#pragma once

#include <stdio.h>

#include "cli/backtest/run.h"
#include "cli/backtest/tally.h"

enum { BACKTEST_PAID_MAX = 16, BACKTEST_MOTIONS = MOTION_SUPPRESS + 1 };

// Events by which a subject is known to have paid: "Subscription Started, Order Completed".
struct backtest_paid {
    struct span names[BACKTEST_PAID_MAX];
    size_t n;
};
// INVALID: too many, or an empty name. Borrows the text.
MUST_USE enum err backtest_paid_parse(const char *text, struct backtest_paid *out,
                                      struct err_info *info);

struct backtest {
    struct run *run;
    struct backtest_paid paid;
    struct tally users, accounts;
    uint64_t signals_true, leads, leads_by_motion[BACKTEST_MOTIONS];
    uint64_t left;   // qualifications that ended
    FILE *decisions; // NULL: they are not written
    // For a second look at single subjects: told once for each that qualifies. May be NULL.
    void (*qualified)(void *arg, const char *account, const char *user, int64_t at_ms);
    void *arg;
};

struct backtest_opts {
    const char *file; // of the playbook
    struct span playbook;
    uint64_t ids_remember;
    const char *paid;
    bool by_domain;
    FILE *decisions; // keeps
};
// INVALID: `report` has the playbook's mistakes, or `info` says what is wrong. OK: `report` has
// warnings. `out` must stay where it is.
MUST_USE enum err backtest_open(const struct backtest_opts *opts, struct backtest *out,
                                struct buf *report, struct err_info *info);
void backtest_close(struct backtest *backtest);

// Called for each line that is refused, and now and then for progress.
struct backtest_watch {
    void (*refused)(void *arg, const char *file, uint64_t line, const char *reason);
    // `share`: of the file's bytes, -1: not known.
    void (*progress)(void *arg, const char *file, double share);
    void *arg;
};
// The first few refused lines, one each, then that the rest is only counted; `n`: told before.
// `begin` is written before each.
void backtest_tell_refused(uint64_t *n, const char *begin, const char *file, uint64_t line,
                           const char *reason);
// Every event of the files, in order; then the clock moves to the latest event's time. NOT_FOUND,
// IO: a file.
MUST_USE enum err backtest_files(struct backtest *const *backtests, size_t n,
                                 const char *const *files, size_t n_files,
                                 const struct backtest_watch *watch, struct err_info *info);
