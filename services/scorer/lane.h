// SPDX-License-Identifier: Apache-2.0
// A lane: one writer thread with its own journal, state and shards. Batches come in on any thread,
// numbered by their source; the lane applies each once and in order, answers when it is durable,
// and passes the signals on to the router until the router confirms them.
//
// The happy path of a batch: lane_take (NNG's thread: decode, queue) -> admit (fold's thread: is it
// this source's next number?) -> journal -> apply (the core) -> answer -> flush (signals to the
// router). A repeated number is answered without effect; one that comes too early is held a moment,
// then answered with the number that is missing; what the lane cannot take now is
// RESOURCE_EXHAUSTED.
#pragma once

#include "common/fold/fold.h"
#include "common/loop/loop.h"
#include "common/metrics/metrics.h"
#include "common/rpc/rpc.h"
#include "common/shard/shard.h"
#include "services/scorer/core/core.h"
#include "services/scorer/core/identity.h"
#include "services/scorer/records.h"

struct lane;

struct lane_opts {
    uint32_t number;
    const char *path;          // its folder
    struct loop *loop;         // answers to the service and signals to the router travel over it
    struct rpc_client *router; // keeps; closed after lane_stop and before lane_close
    // Addresses of ingest, by which moves to other lanes go: kept and closed like the router's.
    struct rpc_client *const *ingests;
    size_t n_ingests;
    const struct shard_map *map; // keeps
    bool wall_clock;             // timers follow the wall clock, not lane_advance
    int64_t dedupe_window_ms;
    uint64_t dedupe_ids_max;
    uint64_t journal_bytes_max, journal_keep_bytes, state_bytes_max;
    int64_t checkpoint_every_ms;
    size_t queue_max;
};

// Opens and recovers on the calling thread.
MUST_USE enum err lane_open(const struct lane_opts *opts, struct lane **out, struct err_info *info);
void lane_start(struct lane *lane);
// Any thread, may block: what waits ends, a last checkpoint is written. Batches are refused from
// then on.
void lane_stop(struct lane *lane);
// On the loop, after lane_stop (or without lane_start) and after the router's client has closed:
// its calls end in the lane.
void lane_close(struct lane *lane);
uint32_t lane_number(const struct lane *lane);
// The playbook that recovery found in force, or NULL. Before lane_start.
const struct playbook *lane_recovered_playbook(const struct lane *lane);

// Any thread: takes the request (an ApplyRequest) over and answers it.
struct batch_item;
void lane_take(struct lane *lane, struct batch_item *item);
// Decodes a request; answers it by itself and returns NULL when it is no batch.
struct batch_item *batch_item_create(struct rpc_request *request);
uint32_t batch_item_lane(const struct batch_item *item);
// A line of the log for it, at level debug.
void batch_item_log(const struct batch_item *item);
// Answers with an error and frees the item.
void batch_item_refuse(struct batch_item *item, enum rpc_status status, const char *text);

// The rest: on the loop; the callback runs on the loop, later, exactly once. OK or the reason why
// not.
typedef void (*lane_done_cb)(void *arg, enum err err, const struct err_info *info);
// Puts a playbook in force (takes it).
void lane_set_playbook(struct lane *lane, struct playbook *playbook, lane_done_cb done, void *arg);
// Runs the timers that are due by then, unless the lane's clock is there already.
void lane_advance(struct lane *lane, int64_t to_ms, lane_done_cb done, void *arg);

// Undoes or redoes a link of an identity whose home is in this lane. NOT_FOUND: there is no such
// link; CONFLICT: it is so already. `change` is copied.
void lane_change_link(struct lane *lane, const struct link_change *change, lane_done_cb done,
                      void *arg);

// Looks at the state from the fold's thread: `look` runs there, then `done` on the loop.
struct lane_view {
    const struct core *core;
    struct core *core_mutable; // core_explain wants it so
    uint64_t journal_last, checkpoint;
    size_t signals_waiting;
    size_t moves_waiting;
    // While measures are warming (core_warming): the records that have been read again; 0: none
    // yet.
    uint64_t warm_first, warm_last;
};
typedef void (*lane_look_fn)(void *arg, const struct lane_view *view);
void lane_look(struct lane *lane, lane_look_fn look, lane_done_cb done, void *arg);

// The lane's journal, as fold_replay, also what is not applied yet. Any thread but the lane's own,
// and not the loop's: it takes as long as there are records, and lane_stop waits for it (it ends
// with the next record then). UNAVAILABLE: the lane is not running, or was stopped meanwhile.
MUST_USE enum err lane_replay(struct lane *lane, uint64_t from, uint64_t to, fold_record_fn record,
                              void *arg, struct err_info *info);

void lane_register_metrics(struct lane *lane, struct metrics *metrics);
void lane_refresh_metrics(struct lane *lane);
