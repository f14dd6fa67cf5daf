// SPDX-License-Identifier: Apache-2.0
// Signals on their way to the router. One request at a time: the fold's thread builds it from what
// waits in the outbox, the loop sends it, and the answer comes back to the fold's thread as an item
// that confirms. A request that fails, or of which the router took nothing, is sent again after a
// pause, as it is: the router knows each signal by its number.
#include "assay/router/v1/router.pb-c.h"
#include "common/base/mem.h"
#include "common/log/log.h"
#include "services/scorer/lane_impl.h"

#define LOG_COMPONENT "lane"

enum {
    PUSH_SIGNALS_MAX = 500,  // in one request to the router
    PUSH_TIMEOUT_MS = 10000, // then it is sent again
    PUSH_RETRY_MS = 200,
};

void lane_push_free(struct lane_push *push)
{
    buf_deinit(&push->body);
    mem_free(push);
}

void lane_push_retry_cb(void *arg)
{
    struct lane *lane = arg;
    struct lane_push *push = lane->retrying;
    lane->retrying = NULL;
    if (push != NULL)
        lane_push_send(push);
}

static void lane_push_later(struct lane_push *push)
{
    struct lane *lane = push->lane;
    if (!lane_is_open(lane)) {
        lane_push_free(push); // what it holds is in the last checkpoint
        return;
    }
    CHECK(lane->retrying == NULL);
    lane->retrying = push;
    loop_timer_start(lane->retry, PUSH_RETRY_MS, 0);
}

// Reads the router's answer: the last number that it has taken. False: the push must go again.
static bool lane_read_confirm(const struct lane_push *push, struct span answer,
                              struct control_item *item)
{
    Assay__Router__V1__ApplySignalsResponse *response =
        assay__router__v1__apply_signals_response__unpack(NULL, answer.len, answer.ptr);
    if (response == NULL)
        return false;
    item->position = response->position;
    item->index = response->index;
    assay__router__v1__apply_signals_response__free_unpacked(response, NULL);
    return item->position > push->position ||
           (item->position == push->position && item->index >= push->index);
}

static void lane_pushed_cb(void *arg, enum rpc_status status, const char *text, struct span answer)
{
    struct lane_push *push = arg;
    struct lane *lane = push->lane;
    if (status != RPC_OK) {
        LOG_WARN("router_unreachable", "lane=%u status=%s msg=\"%s\"", lane->opts.number,
                 rpc_status_name(status), text);
        lane_push_later(push);
        return;
    }
    struct control_item *item = mem_zalloc(sizeof *item);
    item->confirm = true;
    bool taken = lane_read_confirm(push, answer, item);
    if (!taken)
        LOG_WARN("router_took_nothing", "lane=%u sent=%llu answered=%llu", lane->opts.number,
                 (unsigned long long)push->position, (unsigned long long)item->position);
    if (taken && lane_offer(lane, &item->fold) == ERR_OK) {
        lane_push_free(push);
        return;
    }
    control_item_destroy(item); // if only the queue is full, the router will say it again
    lane_push_later(push);
}

void lane_push_send(struct lane_push *push)
{
    struct rpc_call_opts opts = {.timeout_ms = PUSH_TIMEOUT_MS, .trace = lane_trace(&push->trace)};
    // Once the lane is stopped the client may close at any moment, and nobody waits for what comes
    // of a call that begins after that; what the push holds is in the last checkpoint.
    if (!lane_is_open(push->lane)) {
        lane_push_free(push);
        return;
    }
    metrics_add(&push->lane->metrics.pushes, 1);
    rpc_call_raw(push->lane->opts.router, "assay.router.v1.RouterService/ApplySignals",
                 buf_span(&push->body), &opts, lane_pushed_cb, push);
}

void lane_push_confirmed(struct lane *lane, uint64_t position, uint64_t index)
{
    struct rows_lane *marks = &lane->marks;
    if (position > lane->applied)
        LOG_ERROR("router_ahead",
                  "lane=%u router=%llu journal=%llu msg=\"the router has signals of another "
                  "journal of this lane, and takes none of ours up to there\"",
                  lane->opts.number, (unsigned long long)position,
                  (unsigned long long)lane->applied);
    outbox_confirm(lane->outbox, position, index);
    if (position > marks->confirmed_position ||
        (position == marks->confirmed_position && index > marks->confirmed_index)) {
        marks->confirmed_position = position;
        marks->confirmed_index = index;
    }
    lane->pushing = false;
}

void lane_push_next(struct lane *lane)
{
    if (lane->pushing || outbox_waiting(lane->outbox) == 0)
        return;
    struct lane_push *push = mem_zalloc(sizeof *push);
    push->lane = lane;
    outbox_first(lane->outbox, &push->position, &push->index);
    size_t n = outbox_batch(lane->outbox, lane->opts.number, PUSH_SIGNALS_MAX, &push->body);
    const struct rpc_trace *trace = outbox_trace(lane->outbox, n);
    if (trace != NULL)
        rpc_trace_child(&push->trace, trace);
    lane->pushing = true;
    lane_post(lane, NULL, push);
}
