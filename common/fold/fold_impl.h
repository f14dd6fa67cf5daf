// SPDX-License-Identifier: Apache-2.0
// What the files of this folder share. Fields are of the fold's thread unless they say otherwise.
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "common/fold/fold.h"
#include "common/loop/queue.h"

enum { FOLD_MARKS_MAX = 256 };

// How many bytes of records there have ever been up to a position (that record included): tells
// where to trim without reading the journal.
struct fold_mark {
    uint64_t position;
    uint64_t bytes;
};

// What the last transaction of a checkpoint says about the fold itself.
struct fold_meta {
    uint64_t position;
    uint64_t bytes;
    uint32_t n_marks;
    struct fold_mark marks[FOLD_MARKS_MAX];
};

struct fold_held {
    struct fold_item *item;
    int64_t until_ms;
};

struct fold_admitted {
    struct fold_item *item;
    bool append;
};

// The second thread commits one job at a time. The mutex guards all but `thread`; `rows` belongs to
// the second thread while `busy`.
struct fold_committer {
    struct thread *thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct fold_rows *rows;
    bool busy; // posted, not taken back yet
    bool done; // the result below is there
    bool quit;
    enum err err;
    struct err_info info;
    uint64_t ns;
};

enum fold_phase {
    FOLD_IDLE,    // no checkpoint is under way
    FOLD_COLLECT, // slices
    FOLD_SEAL,    // all collected; the last transaction is to be posted
    FOLD_LAST,    // it is posted
};

struct fold_checkpoint {
    enum fold_phase phase;
    struct fold_meta meta; // as of freeze
    struct fold_rows slice, sealed;
    int64_t started_ms;
    int64_t next_ms;   // IDLE: the next freeze; else the next transaction
    bool retry;        // the job that failed with FULL is to be posted again
    uint64_t position; // of the last one that is complete
    uint64_t trim_below;
    uint64_t keep_from; // not trimmed before keep_until is covered; UINT64_MAX: no such bound
    uint64_t keep_until;
    uint64_t wish_from; // not trimmed while there is room; UINT64_MAX: none
    int64_t trim_ms;    // not before
    bool pressed;       // the journal refused: trim up to the next checkpoint
    uint64_t rows_total, ns_total, n_total;
};

struct fold {
    struct fold_opts opts; // with defaults filled in
    char *name;
    char *path;
    uint32_t table_own; // the fold's own table
    struct journal *journal;
    struct store *store;
    struct queue *queue;
    struct thread *thread;
    struct fold_committer committer;
    atomic_bool abandoned;
    _Atomic size_t waiting; // submitted, not admitted yet

    struct fold_item **pending; // taken from the queue, in order of arrival
    size_t n_pending;
    struct fold_held *held;
    size_t n_held;
    struct fold_admitted *group;
    size_t n_group;
    struct journal_record *records; // of the group
    size_t n_records;
    size_t group_bytes;
    bool group_closed;
    struct fold_item **inspects;
    size_t n_inspects;
    struct fold_item *requeued, *requeued_last;

    uint64_t applied;
    struct fold_meta meta; // position unused: running bytes and marks
    int64_t disk_checked_ms;
    bool disk_low;
    char disk_low_text[80];
    bool draining; // closing, and nothing new can come
    bool dead;     // after `fatal`
    struct fold_checkpoint checkpoint;

    pthread_mutex_t stats_lock;
    struct fold_stats stats;   // under the lock
    struct fold_stats counted; // the fold thread's own
};

// fold_rows.c
void fold_rows_deinit(struct fold_rows *rows);
void fold_rows_clear(struct fold_rows *rows);
// Writes the rows in one transaction. FULL: nothing is in, they can be written again.
MUST_USE enum err fold_rows_commit(const struct fold_rows *rows, struct store *store,
                                   struct err_info *info);
MUST_USE enum err fold_row_open(uint32_t table, struct span key, struct span value,
                                struct span *body, struct err_info *info);

// fold_meta.c
void fold_meta_put(const struct fold *fold, const struct fold_meta *meta, struct fold_rows *rows);
// NOT_FOUND: there was no checkpoint.
MUST_USE enum err fold_meta_get(const struct fold *fold, struct store_txn *txn,
                                struct fold_meta *meta, struct err_info *info);
void fold_meta_count(struct fold_meta *meta, size_t record_bytes);
// At a checkpoint: remembers where it is, when that is far enough from the last mark.
void fold_meta_mark(struct fold_meta *meta, uint64_t position, uint64_t keep_bytes);
// Below which position the journal can go and still keeps `keep_bytes` behind the checkpoint `at`.
uint64_t fold_meta_trim(const struct fold_meta *meta, const struct fold_meta *at,
                        uint64_t keep_bytes);
void fold_meta_forget(struct fold_meta *meta, uint64_t below);

// fold_recover.c
MUST_USE enum err fold_recover(struct fold *fold, struct err_info *info);

// fold_run.c
void fold_run(void *arg);
void fold_fail(struct fold *fold, enum err err, const char *what, const struct err_info *info);

// fold_checkpoint.c
void fold_committer_run_on_committer(void *arg);
void fold_committer_quit(struct fold *fold);
// Moves the checkpoint and the trim on as far as they are due, without waiting.
void fold_checkpoint_step(struct fold *fold, int64_t now_ms);
// When the next step is due: -1 never, until something is applied or the second thread wakes us.
int64_t fold_checkpoint_wait_ms(const struct fold *fold, int64_t now_ms);
// Finishes what is under way and takes one more if anything has changed; waits.
void fold_checkpoint_final(struct fold *fold);
// The journal has said that it is full.
void fold_checkpoint_press(struct fold *fold);
