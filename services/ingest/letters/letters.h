// SPDX-License-Identifier: Apache-2.0
// Dead letters: what was refused is kept for a while, so that it can be looked at, put right where
// it came from, and sent again. A shelf on disk with a thread of its own; whoever takes events is
// never slowed: what the thread cannot keep up with is counted as lost.
//
// On the loop's thread, but letters_open, which reads and may wait, before the loop runs.
#pragma once

#include "common/loop/loop.h"
#include "common/metrics/metrics.h"
#include "services/ingest/letters/shelf.h"

#define LETTERS_METRICS(X)                                                                         \
    X(COUNTER, kept, "assay_ingest_dead_letters_kept_total",                                       \
      "Events kept because they were refused, or did not meet a schema")                           \
    X(COUNTER, lost, "assay_ingest_dead_letters_lost_total",                                       \
      "Such events that could not be kept: no room in memory or on the disk")                      \
    X(COUNTER, corrupt, "assay_ingest_dead_letters_corrupt_total",                                 \
      "Letters removed because their bytes were changed")                                          \
    X(GAUGE, refused, "assay_ingest_dead_letters_refused", "Letters of events that were refused")  \
    X(GAUGE, observed, "assay_ingest_dead_letters_observed",                                       \
      "Letters of events that were taken although they did not meet a schema")                     \
    X(GAUGE, bytes, "assay_ingest_dead_letters_bytes", "Bytes of all letters on the disk")
struct letters_metrics {
    METRICS_FIELDS(LETTERS_METRICS)
};

struct letters_opts {
    const char *path;   // a folder, ...
    const char *folder; // ... in this one, whose parent must exist
    struct letters_bounds bounds;
    struct metrics *metrics; // may be NULL
};

struct letters;
// Always gives letters. Those whose store cannot be opened (the reason goes to the log) keep
// nothing: whoever takes events works without them.
struct letters *letters_open(struct loop *loop, const struct letters_opts *opts);

// Keeps a letter, soon; copied. Its number is given later.
void letters_keep(struct letters *letters, const struct letter *letter);
// Letters that could not be kept since the start.
uint64_t letters_lost(const struct letters *letters);

// Work on the shelf, done by the letters' thread after all that was kept before. `run` is called
// there, then `done` on the loop; both exactly once, and `job` is the caller's again in `done`. It
// embeds this; the fields are private but `err` and `info`, which `run` sets.
struct letters_job {
    void (*run)(struct letters_job *job, struct letters_shelf *shelf);
    void (*done)(struct letters_job *job);
    enum err err;
    struct err_info info;
    // Of the module's own jobs: letters to be written, how many, how many of them stayed.
    struct buf group;
    uint64_t n_letters, n_kept;
};
// UNAVAILABLE: nothing can be kept, with the reason. FULL: LETTERS_JOBS_MAX wait. `done` is not
// called then.
enum { LETTERS_JOBS_MAX = 64 };
MUST_USE enum err letters_ask(struct letters *letters, struct letters_job *job,
                              struct err_info *info);

// Writes what waits, finishes what was asked, then `closed` runs and the letters are gone.
void letters_close(struct letters *letters, void (*closed)(void *arg), void *arg);
