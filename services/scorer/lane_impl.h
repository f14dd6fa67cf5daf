// SPDX-License-Identifier: Apache-2.0
// What lane.c (life cycle, requests), lane_fold.c (the fold's operations), lane_push.c (signals to
// the router), lane_moves.c (moves to other lanes) and lane_warm.c (new measures get their past)
// share.
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
    X(COUNTER, moves_out, "assay_lane_moves_sent_total",                                           \
      "Moves of identities' contributions made for other accounts")                                \
    X(COUNTER, moves_in, "assay_lane_moves_taken_total",                                           \
      "Moves of identities' contributions taken from other accounts")                              \
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
    OUTCOME_MOVES_BEHIND,
    OUTCOME_NO_PLAYBOOK,
};

struct lane_carry;
struct batch_item {
    struct fold_item fold;       // first: the fold gives it back
    struct rpc_request *request; // NULL: the lane's own moves to itself
    struct lane_carry *carry;    // then
    struct arena arena;
    struct batch batch;
    enum lane_outcome outcome;
    uint64_t expected;
    uint32_t *duplicates;
    size_t n_duplicates;
    struct rpc_trace trace; // of the call that brought it; no request id: none
};

// Every item that is no batch.
struct control_item {
    struct fold_item fold;
    struct buf body;
    struct playbook *playbook; // LANE_PLAYBOOK
    int64_t to_ms;             // LANE_TICK; LANE_PLAYBOOK: when it was written
    bool own_tick;             // from the lane's own timer: nobody waits for it
    lane_look_fn look;         // type 0
    bool confirm;              // type 0: the router's answer
    bool confirm_moves;        // type 0: the answer of the lane `to_lane`
    uint32_t to_lane;
    uint64_t position, index;
    struct link_change change;         // LANE_IDENTITY; in the body's bytes
    enum link_changed link_changed;    // what came of it
    struct rebuild *rebuild;           // LANE_WARMED, until it is applied
    uint64_t warmed_digest, warm_from; // of the record
    int64_t warming_ms;                // since when, monotonic
    bool warm_again;                   // admit: the journal no longer has what it needs
    lane_done_cb done;
    void *arg;
    enum err err;
    struct err_info info;
    struct rpc_trace trace; // of the call that asked for it; no request id: none
};

// Signals on their way: built on the fold's thread, sent on the loop.
struct lane_push {
    struct lane *lane;
    uint64_t position, index; // of the first signal
    struct buf body;
    struct rpc_trace trace; // of the first signal that has one; no request id: none
};

// The way to one lane.
struct lane_way {
    struct outbox *outbox;
    bool busy; // a request is under way
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
    struct lane_way *ways; // [n_ways], by lane; moves
    uint32_t n_ways;
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
    struct loop_timer *carry_retry;
    struct lane_carry *carries; // loop: to be sent again
    bool tick_queued;           // loop
    struct lane_warmer *warmer; // under the gate; NULL: none runs
    struct lane_metrics metrics;
};

// ---- lane.c
// Any thread: to the loop. Bounded by what the loop itself has asked for, and one push.
void lane_post(struct lane *lane, struct control_item *control, struct lane_push *push);
void lane_post_carry(struct lane *lane, struct lane_carry *carry);
// The trace of a part that has one, or NULL.
static inline const struct rpc_trace *lane_trace(const struct rpc_trace *trace)
{
    return trace->request_id[0] == '\0' ? NULL : trace;
}
// Any thread.
bool lane_is_open(struct lane *lane);
// Any thread. CANCELED when the lane is stopping, FULL when too much waits; the item stays the
// caller's then.
MUST_USE enum err lane_offer(struct lane *lane, struct fold_item *item);
void batch_item_destroy(struct batch_item *item);
// Of the moves of a lane to itself: borrows its body until it is answered.
struct batch_item *batch_item_create_own(struct lane_carry *carry);
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

// ---- lane_moves.c
// With the lane, before the fold opens; after the fold is gone.
void lane_moves_open(struct lane *lane);
void lane_moves_close(struct lane *lane);
// Fold's thread (also in recovery): what a record has made.
void lane_moves_add(struct lane *lane, uint64_t position, const struct move *move,
                    int64_t known_at_ms, const struct rpc_trace *trace);
size_t lane_moves_waiting(const struct lane *lane);
// Recovery: a stored row; and the end of it.
MUST_USE enum err lane_moves_load(struct lane *lane, struct span key, struct span value,
                                  struct err_info *info);
void lane_moves_settle(struct lane *lane);
// Fold's thread: rows for a checkpoint slice.
void lane_moves_collect(struct lane *lane, struct fold_rows *rows);
// Fold's thread: the next request to each lane that has none under way.
void lane_moves_next(struct lane *lane);
// Fold's thread: a lane has everything up to there.
void lane_moves_confirmed(struct lane *lane, uint32_t to_lane, uint64_t position, uint64_t index);
// Fold's thread: what came of moves to the lane itself.
void lane_carry_home_done(struct lane_carry *carry, enum err err);
// Loop.
void lane_carry_send(struct lane_carry *carry);
void lane_carry_later(struct lane_carry *carry);
void lane_carry_free(struct lane_carry *carry);
void lane_carry_retry_cb(void *arg);
struct span lane_carry_body(const struct lane_carry *carry);
const struct rpc_trace *lane_carry_trace(const struct lane_carry *carry); // NULL: none

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
