// SPDX-License-Identifier: Apache-2.0
// What lane.c (life cycle, requests), lane_fold.c (the fold's operations), lane_push.c (signals to
// the router) and lane_warm.c (new measures get their past) share.
#pragma once

#include <pthread.h>

#include "common/base/buf.h"
#include "services/scorer/codec.h"
#include "services/scorer/lane.h"
#include "services/scorer/outbox.h"
#include "services/scorer/rebuild.h"
#include "services/scorer/rows.h"

// Labels: lane.
#define LANE_METRICS(X)                                                                            \
    X(COUNTER, batches, "assay_lane_batches_total", "Batches applied")                             \
    X(COUNTER, repeated, "assay_lane_batches_repeated_total",                                      \
      "Batches whose number was applied before")                                                   \
    X(COUNTER, out_of_order, "assay_lane_batches_out_of_order_total",                              \
      "Batches answered with the number that is missing")                                          \
    X(COUNTER, events, "assay_lane_events_total", "Events taken, duplicates included")             \
    X(COUNTER, duplicates, "assay_lane_events_duplicate_total",                                    \
      "Events whose message id was seen")                                                          \
    X(COUNTER, excluded, "assay_lane_events_excluded_total", "Events that the playbook excludes")  \
    X(COUNTER, signals, "assay_lane_signals_total", "Changes of signals")                          \
    X(COUNTER, pushes, "assay_lane_pushes_total", "Requests with signals sent to the router")      \
    X(COUNTER, groups, "assay_lane_groups_total", "Journal commits")                               \
    X(COUNTER, journaled, "assay_lane_journal_bytes_total", "Bytes of journal records")            \
    X(COUNTER, checkpoints, "assay_lane_checkpoints_total", "Checkpoints completed")               \
    X(COUNTER, checkpoint_rows, "assay_lane_checkpoint_rows_total", "Rows written by checkpoints") \
    X(GAUGE, waiting, "assay_lane_queue_items", "Requests in the lane's queue")                    \
    X(GAUGE, journal_used, "assay_lane_journal_used_bytes", "Size of the journal's file")          \
    X(GAUGE, state_used, "assay_lane_state_used_bytes", "Size of the state's file")                \
    X(GAUGE, disk_free, "assay_lane_disk_free_bytes", "Bytes free on the journal's disk")          \
    X(GAUGE, lag, "assay_lane_checkpoint_lag_records",                                             \
      "Journal records after the last checkpoint")                                                 \
    X(GAUGE, warming, "assay_lane_warming_measures",                                               \
      "Measures of the playbook whose past is not all in yet")                                     \
    X(GAUGE, behind, "assay_lane_warming_behind_records",                                          \
      "Journal records that their past has not taken in yet")

struct lane_metrics {
    METRICS_FIELDS(LANE_METRICS)
};

enum lane_outcome {
    OUTCOME_NONE,
    OUTCOME_APPLIED,
    OUTCOME_REPEATED,
    OUTCOME_EARLY,
    OUTCOME_NO_ROOM,
    OUTCOME_ROUTER_BEHIND,
    OUTCOME_NO_PLAYBOOK,
};

struct batch_item {
    struct fold_item fold; // first: the fold gives it back
    struct rpc_request *request;
    struct arena arena;
    struct batch batch;
    enum lane_outcome outcome;
    uint64_t expected;
    uint32_t *duplicates;
    size_t n_duplicates;
};

// Every item that is no batch.
struct control_item {
    struct fold_item fold;
    struct buf body;
    struct playbook *playbook; // LANE_PLAYBOOK
    int64_t to_ms;             // LANE_TICK
    bool own_tick;             // from the lane's own timer: nobody waits for it
    lane_look_fn look;         // type 0
    bool confirm;              // type 0: the router's answer
    uint64_t position, index;
    struct rebuild *rebuild;           // LANE_WARMED, until it is applied
    uint64_t warmed_digest, warm_from; // of the record
    int64_t warming_ms;                // since when, monotonic
    bool warm_again;                   // admit: the journal no longer has what it needs
    lane_done_cb done;
    void *arg;
    enum err err;
    struct err_info info;
};

// Signals on their way: built on the fold's thread, sent on the loop.
struct lane_push {
    struct lane *lane;
    uint64_t position, index; // of the first signal
    struct buf body;
};

// The last number of a source that was let in but not applied yet.
struct lane_ahead {
    uint64_t source;
    uint64_t number;
};

struct lane {
    struct lane_opts opts;
    char *path;
    char name[32];
    struct core *core;
    struct rows *rows;
    struct rows_lane marks;
    // What this group has let in so far; empty between groups.
    struct lane_ahead *ahead;
    size_t n_ahead, ahead_cap;
    size_t admitted_batches, admitted_events;
    struct outbox *outbox;
    struct fold *fold;
    struct signal_changes changes;
    struct arena arena; // of one record
    struct buf scratch;
    uint64_t applied; // position
    bool pushing;     // fold's thread: a request to the router is under way

    pthread_mutex_t gate; // between lane_take on NNG's threads and lane_stop
    bool open;
    size_t n_replays; // under the gate; lane_stop waits for none
    pthread_cond_t replayed;
    struct mailbox *to_loop; // control_item with done, or lane_push (tagged)
    struct loop_timer *tick;
    struct loop_timer *retry; // the last push again
    struct lane_push *retrying;
    bool tick_queued;           // loop
    struct lane_warmer *warmer; // under the gate; NULL: none runs
    struct lane_metrics metrics;
};

// ---- lane.c
// Any thread: to the loop. Bounded by what the loop itself has asked for, and one push.
void lane_post(struct lane *lane, struct control_item *control, struct lane_push *push);
// Any thread.
bool lane_is_open(struct lane *lane);
// Any thread. CANCELED when the lane is stopping, FULL when too much waits; the item stays the
// caller's then.
MUST_USE enum err lane_offer(struct lane *lane, struct fold_item *item);
void batch_item_destroy(struct batch_item *item);
void control_item_destroy(struct control_item *item);

// ---- lane_fold.c
extern const struct fold_ops LANE_OPS;
// How the fold ends when it cannot go on.
void lane_fatal(void *state, enum err err, const char *text);

// ---- lane_warm.c
// Fold's thread, or before fold_start: after a playbook came into force. Starts the thread when
// there are measures to be warmed. The lane is open; one that is not does nothing.
void lane_warm_start(struct lane *lane);
// Any thread: ends it.
void lane_warm_stop(struct lane *lane);
// Any thread: the first and the last record that it has so far; 0: none.
void lane_warm_progress(struct lane *lane, uint64_t *first, uint64_t *last);
// Fold's thread: the item of LANE_WARMED. `item` is NULL in recovery.
enum fold_admission lane_warm_admit(struct lane *lane, struct control_item *item);
MUST_USE enum err lane_warm_apply(struct lane *lane, uint64_t position, struct span body,
                                  struct control_item *item, struct err_info *info);
// Takes the item.
void lane_warm_answer(struct lane *lane, struct control_item *item, enum err err);

// ---- lane_push.c
// Fold's thread: the next request to the router, if there is something to send and none is under
// way.
void lane_push_next(struct lane *lane);
// Fold's thread: the router has said that it took everything up to there.
void lane_push_confirmed(struct lane *lane, uint64_t position, uint64_t index);
// Loop.
void lane_push_send(struct lane_push *push);
void lane_push_free(struct lane_push *push);
void lane_push_retry_cb(void *arg);
