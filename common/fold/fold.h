// SPDX-License-Identifier: Apache-2.0
// A fold: one journal, one state in memory that is computed from it, and checkpoints of that state.
// Runs on one thread of its own. Requests come in through a bounded queue; what waits is taken as
// one group, its records are appended and made durable by one commit, applied in order, and only
// then answered. Start-up is the last checkpoint plus the journal after it: the same `apply`.
//
// Checkpoints are taken in slices while work goes on: `freeze` marks what has changed since the
// last one, `seal` (called directly after it) gives the rows that must all be of one instant, then
// `collect` hands out what was marked, a slice at a time. Each slice is committed by a second
// thread in a transaction of its own; the rows of `seal` go in the last one, together with the
// checkpoint's position. So rows from `collect` may be newer than the checkpoint: each carries the
// position that it includes, and `apply` leaves alone what a row already has. A state that cannot
// do so hands everything out in `seal`. A freeze never comes before the marked set of the one
// before it was collected to its end.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include "common/journal/journal.h"
#include "common/store/store.h"

// Rows on their way to a checkpoint. Fields private.
struct fold_rows {
    struct buf bytes;
    size_t n;
};
// `table` as in fold_opts.tables. The value is sealed by the fold. Copies both.
void fold_rows_put(struct fold_rows *rows, uint32_t table, struct span key, struct span value);
void fold_rows_delete(struct fold_rows *rows, uint32_t table, struct span key);

// One request. The head of the service's own struct; fields private but `type` and `body`.
struct fold_item {
    uint8_t type;     // of the record; 0: nothing is journaled, `inspect` runs after the group
    struct span body; // the record; valid until answered
    uint64_t position;
    struct fold_item *next;
};

enum fold_admission {
    FOLD_APPEND, // journal it, apply it, then `answer`
    FOLD_ANSWER, // it has no effect (a repetition, an error that admit noted): `answer` with the
                 // group, since what it repeats may be in the same group and not durable before
    FOLD_HOLD,   // its turn has not come: admit again with the next group, at the latest after
                 // hold_ms
};

struct fold_ops {
    // Live only, in order of arrival, before the commit. Records that `admit` lets in are applied
    // in this order. Room is checked before, so an admitted record is certain to be applied, but
    // for one case: the journal itself refuses the group (FULL, UNAVAILABLE). Then every item of
    // the group is answered with that error before anything else is admitted: a state whose admit
    // takes notes puts them back to what was applied whenever `answer` brings an error, which is
    // always right, since no item that was admitted is outstanding then but those that get the same
    // error. `expired`: the item was held for hold_ms (or the fold closes) and must not be held
    // again.
    enum fold_admission (*admit)(void *state, struct fold_item *item, bool expired);
    // One record, live (with its item) or in recovery (item is NULL). Deterministic. CORRUPT: the
    // record cannot be read; fatal.
    enum err (*apply)(void *state, uint64_t position, const struct journal_record *record,
                      struct fold_item *item, struct err_info *info);
    // Exactly once for each item with a type. After the group is durable and applied (err OK), or
    // when it was not appended: FULL (no room), UNAVAILABLE (the journal was not reached), CANCELED
    // (the fold stops). The item is the service's again. Items of type 0 only see CANCELED, instead
    // of `inspect`.
    void (*answer)(void *state, struct fold_item *item, enum err err);
    // An item of type 0: reads the state and answers by itself.
    void (*inspect)(void *state, struct fold_item *item);
    // After each group, live: effects that follow from what was applied can leave now. May be NULL.
    void (*flush)(void *state);

    // `position`: the last record that was applied, which the checkpoint will cover.
    void (*freeze)(void *state, uint64_t position);
    // Up to about rows_max rows; false when the frozen set is exhausted. `position`: the last
    // record that was applied, which is what the rows include. May be NULL.
    bool (*collect)(void *state, uint64_t position, struct fold_rows *rows, size_t rows_max);
    void (*seal)(void *state, struct fold_rows *rows);
    // Recovery: every stored row of every table, in order of table and key; then `loaded` with the
    // checkpoint's position (0: there is none), then `apply` for the records after it, then
    // `ready`.
    enum err (*load)(void *state, uint32_t table, struct span key, struct span value,
                     struct err_info *info);
    enum err (*loaded)(void *state, uint64_t position, struct err_info *info);
    enum err (*ready)(void *state, struct err_info *info);
};

struct fold_opts {
    const char *name; // of the threads and in logs
    const char *path; // a folder; made when missing; holds journal/ and state/
    const struct fold_ops *ops;
    void *state;             // keeps
    struct journal *journal; // takes, also on failure; NULL: one in LMDB, in <path>/journal
    const struct store_table *tables; // at most STORE_TABLES_MAX - 1; one more is the fold's own
    uint32_t n_tables;
    // So many of the last tables are not handed to `load`: they are a log that only fold_scan
    // reads.
    uint32_t n_tables_unloaded;
    uint64_t journal_bytes_max; // 0: 64 GiB
    uint64_t state_bytes_max;   // 0: 64 GiB
    // Keep about this much of the journal behind the checkpoint, for replay; 0: 8 GiB. Taking new
    // records comes first: a journal that is 7/8 full is trimmed up to the checkpoint.
    uint64_t journal_keep_bytes;
    uint64_t disk_reserve_bytes; // refuse records (FULL) when less is free on the disk; 0: 256 MiB
    size_t queue_max;            // items that may wait; 0: 1024
    size_t group_bytes_max;      // of one commit; 0: 8 MiB
    int64_t hold_ms;             // 0: 200
    int64_t checkpoint_every_ms; // 0: 5000
    size_t slice_rows;           // 0: 4096
    int64_t slice_pause_ms;      // 0: 20
    // Called on the fold's thread when it cannot go on (the journal or the store failed). The
    // process should exit; the default (NULL) writes the reason and aborts. When it returns, every
    // item gets CANCELED from then on, and nothing more is written.
    void (*fatal)(void *state, enum err err, const char *text);
};

struct fold;
// Opens both stores and recovers on the calling thread: the state is complete when it returns OK.
// What `opts` points to is borrowed for the call but the state, the ops and the journal. BUSY: open
// already. CORRUPT: a row or a record cannot be trusted, or the journal does not reach back to the
// checkpoint; the text says which. INVALID, IO: the folders; and whatever load, loaded, apply and
// ready return. `*out` is set before anything of `ops` is called, so that `apply` can already use
// fold_replay on it, and NULL after a failure.
MUST_USE enum err fold_open(const struct fold_opts *opts, struct fold **out, struct err_info *info);
// Starts the threads.
void fold_start(struct fold *fold);
// Any thread, also before fold_start. Keeps the item until its answer. FULL: queue_max wait (held
// ones included); CANCELED: it stops. The item stays the caller's then.
MUST_USE enum err fold_submit(struct fold *fold, struct fold_item *item);
// On the fold's thread (inside ops): run `inspect` for this item of type 0 with the next group,
// e.g. for effects that come back. Never fails: it does not count against queue_max.
void fold_requeue(struct fold *fold, struct fold_item *item);
// Any thread but the fold's: lets what waits finish, writes a last checkpoint, stops the threads,
// closes the stores. Items that come while it works are refused. Frees the fold, so nobody submits
// after.
void fold_close(struct fold *fold);

// Reads rows as of the last complete slice of a checkpoint, in order of key, from `from` on (empty:
// from the first), until `row` says false. Any thread; a short read transaction is open meanwhile,
// and what the callback gets is valid in it. CORRUPT: a row cannot be trusted.
typedef bool (*fold_row_fn)(void *arg, struct span key, struct span value);
MUST_USE enum err fold_scan(struct fold *fold, uint32_t table, struct span from, fold_row_fn row,
                            void *arg, struct err_info *info);

// Hands out the records of [from, to], in order, until `record` says false. `from` 0: the first
// that is kept; `to` beyond the end: up to the last one that is durable at the call. Any thread, as
// long as nobody closes the fold, also inside `apply` in recovery (see fold_open); takes as long as
// there are records. The journal is appended and trimmed meanwhile: it is read in short
// transactions, none of which is open while `record` runs. What `record` gets is valid for its
// call. NOT_FOUND: `from`, or a record after it that was not read yet, is no longer kept; `info`
// names the first that is. CORRUPT: a record that cannot be trusted.
typedef bool (*fold_record_fn)(void *arg, uint64_t position, const struct journal_record *record);
MUST_USE enum err fold_replay(struct fold *fold, uint64_t from, uint64_t to, fold_record_fn record,
                              void *arg, struct err_info *info);

// Keeps the journal from `from` on until a checkpoint has covered `until`, whatever else would trim
// it: records are refused (FULL) before any of it goes. Several add up.
// On the fold's thread (inside ops, also in recovery) or before fold_start.
void fold_keep(struct fold *fold, uint64_t from, uint64_t until);
// The same as a wish, which ends with the next one (UINT64_MAX: none), or when room is needed: a
// journal that is 7/8 full, or refuses, is trimmed all the same (see journal_first in fold_stats).
void fold_wish(struct fold *fold, uint64_t from);

struct fold_stats {
    uint64_t journal_first, journal_last, checkpoint_position;
    uint64_t groups, records, record_bytes, checkpoints, checkpoint_rows;
    uint64_t journal_used_bytes, state_used_bytes, disk_free_bytes;
    uint64_t commit_ns_total, apply_ns_total, checkpoint_ns_total;
    uint64_t replayed; // records that recovery applied
    size_t waiting;
};
// Any thread.
void fold_stats(struct fold *fold, struct fold_stats *out);
// For an answer with FULL, inside `answer`: what there is too little of, in words. Valid as long as
// the fold.
const char *fold_describe_full(const struct fold *fold);
// Tests: forget everything at once, as a kill would (no checkpoint, no answers). Frees the fold.
void fold_abandon(struct fold *fold);
