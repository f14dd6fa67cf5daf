// SPDX-License-Identifier: Apache-2.0
// The happy path:
//   1. events are appended to the open batch;
//   2. it is sealed when it is full, or when it has lingered and the window has room: it gets the
//      next number, and from then on the same number always has the same bytes;
//   3. sealed batches are sent in order of number, up to the window;
//   4. APPLIED and REPEATED acknowledge a batch; acknowledged ones leave at the front.
//
// Trouble, by what the answer says:
//   OUT_OF_ORDER         the scorer misses a number: all that is not acknowledged is sent again, in
//                        order;
//   a failed call        the same after a pause, doubled by each failure in a row;
//   INVALID_ARGUMENT,    the scorer will not take these bytes: the requests in it fail, and an
//   INTERNAL five times  empty batch takes the number, so that there is never a hole;
//   OUT_OF_ORDER below   the scorer has forgotten what it acknowledged (restored from a backup, or
//   what was             this source was dropped): what is kept goes out under a new source, from
//   acknowledged         1;
//   WRONG_LANE           the shard map has changed: a new one is asked for.
// Before anything is sent again, all calls in flight have ended: a batch has at most one call.
// Calls that wait for a lane whose trouble lasts are answered with what the scorer says: the caller
// learns why it waits, and sends again.
//
//               trouble                all calls ended, there was progress
//   FLOWING ───────────────► SETTLING ─────────────────────────────────────► FLOWING
//                               │ all calls ended, no progress or a failure    ▲
//                               └────────────► RESTING ───── timer ────────────┘
//   any ── lane_retire ──► RETIRED (gone when all calls have ended)
#include "services/ingest/lane.h"

#include <stdio.h>

#include "assay/scorer/v1/scorer.pb-c.h"
#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/log/log.h"
#include "services/ingest/batch.h"
#include "services/ingest/ingest_impl.h"

#define LOG_COMPONENT "lane"

// INTERNAL answers to one batch until it counts as refused.
enum { LANE_INTERNAL_MAX = 5 };
// Trouble that lasts so long is told to the callers.
enum { LANE_TROUBLE_MS = 2000 };

static const char APPLY_METHOD[] = "assay.scorer.v1.ScorerService/Apply";

enum lane_state { LANE_FLOWING, LANE_SETTLING, LANE_RESTING, LANE_RETIRED, LANE_STATES };

static const char *const STATE_NAMES[LANE_STATES] = {"flowing", "settling", "resting", "retired"};

static const bool MOVES[LANE_STATES][LANE_STATES] = {
    [LANE_FLOWING] = {[LANE_SETTLING] = true, [LANE_RETIRED] = true},
    [LANE_SETTLING] = {[LANE_FLOWING] = true, [LANE_RESTING] = true, [LANE_RETIRED] = true},
    [LANE_RESTING] = {[LANE_FLOWING] = true, [LANE_RETIRED] = true},
    [LANE_RETIRED] = {[LANE_RETIRED] = false},
};

struct lane {
    struct ingest *ingest;
    struct lane_opts opts;
    char node[64];
    enum lane_state state;
    struct batch *first, *last; // sealed and not all acknowledged up to them, by number
    struct batch *to_send;      // the next one; NULL: all are sent
    struct batch *open;         // being filled; NULL: nothing waits
    uint64_t next_number;
    size_t bytes;
    uint32_t in_flight;
    bool lingering; // the open batch waits to grow
    bool lingered;  // it has waited long enough
    bool hurried;
    struct loop_timer *linger;
    // Of the trouble that is being settled:
    bool pause;        // before sending again
    bool progress;     // something was acknowledged since the last time
    bool forgotten;    // by the scorer: a new source is needed
    uint64_t expected; // the highest number that the scorer asked for
    int64_t pause_ms;  // the next pause
    struct loop_timer *rest;
    // Of the first failure since the last acknowledgement; 0: there was none.
    uint64_t trouble_since_ns;
    char trouble[RPC_TEXT_MAX]; // what the last one said
    struct arena scratch;       // of one answer
};

// ---- Batches ------------------------------------------------------------------------------------

static void lane_look_gone(struct lane *lane)
{
    if (lane->state != LANE_RETIRED || lane->in_flight > 0)
        return;
    lane->ingest->n_lanes_alive--;
    loop_timer_destroy(lane->linger);
    loop_timer_destroy(lane->rest);
    arena_deinit(&lane->scratch);
    mem_free(lane);
}

// Takes the events out of a batch; the caller tells their requests.
static struct batch_event *lane_take_events(struct batch *batch, uint32_t *n)
{
    batch->lane->bytes -= batch_weight(batch);
    return batch_take_events(batch, n);
}

static void lane_write_head(struct lane *lane, struct batch *batch)
{
    struct batch_head head = {
        .source = lane->opts.source,
        .number = batch->number,
        .lane = lane->opts.number,
        .map_version = lane->opts.map_version,
    };
    batch_write_head(batch, &head);
}

static void lane_seal(struct lane *lane)
{
    struct batch *batch = lane->open;
    CHECK(batch != NULL && batch->n_events > 0);
    lane->open = NULL;
    lane->lingering = lane->lingered = false;
    loop_timer_stop(lane->linger);
    batch->number = lane->next_number++;
    // Also where events' times move the clock: scorers remember message ids by time of intake.
    batch->received_at_ms = clock_wall_ms();
    lane_write_head(lane, batch);
    *(lane->last != NULL ? &lane->last->next : &lane->first) = batch;
    lane->last = batch;
    if (lane->to_send == NULL)
        lane->to_send = batch;
}

static bool is_full(const struct lane *lane)
{
    const struct ingest_config *config = lane->ingest->config;
    return lane->open->n_events >= (uint64_t)config->batch_events ||
           lane->open->events_len >= (uint64_t)config->batch_bytes;
}

// ---- The machine --------------------------------------------------------------------------------

static void lane_move(struct lane *lane, enum lane_state state)
{
    CHECK(MOVES[lane->state][state]);
    LOG_DEBUG("lane_moved", "lane=%u from=%s to=%s in_flight=%u", lane->opts.number,
              STATE_NAMES[lane->state], STATE_NAMES[state], lane->in_flight);
    lane->state = state;
}

static void lane_check(const struct lane *lane)
{
    CHECK((lane->first == NULL) == (lane->last == NULL));
    CHECK(lane->first == NULL || !lane->first->acknowledged);
    CHECK(lane->last == NULL || lane->last->number == lane->next_number - 1);
    CHECK(lane->in_flight <= (uint64_t)lane->ingest->config->window);
}

static void lane_answered_cb(void *arg, enum rpc_status status, const char *text,
                             struct span answer);

static void lane_send(struct lane *lane, struct batch *batch)
{
    struct rpc_call_opts opts = {.timeout_ms = lane->ingest->config->apply_timeout_ms};
    CHECK(!batch->in_flight && !batch->acknowledged);
    if (batch->trace.request_id[0] != '\0')
        opts.trace = &batch->trace;
    batch->in_flight = true;
    batch->was_first = batch == lane->first;
    batch->sent_ns = clock_mono_ns();
    if (batch->n_sent++ > 0)
        metrics_add(&lane->opts.metrics->resends, 1);
    lane->in_flight++;
    rpc_call_raw(lane->opts.peer->client, APPLY_METHOD, buf_span(&batch->body), &opts,
                 lane_answered_cb, batch);
}

static bool may_seal(const struct lane *lane)
{
    return lane->open != NULL && (lane->lingered || lane->hurried);
}

static void lane_pump(struct lane *lane)
{
    while (lane->in_flight < (uint64_t)lane->ingest->config->window) {
        while (lane->to_send != NULL && lane->to_send->acknowledged)
            lane->to_send = lane->to_send->next;
        if (lane->to_send == NULL && may_seal(lane))
            lane_seal(lane);
        struct batch *batch = lane->to_send;
        if (batch == NULL)
            break;
        lane->to_send = batch->next;
        lane_send(lane, batch);
    }
    lane_check(lane);
}

// Tells the batch's requests, the last thing done with it: an acknowledged batch may be gone after.
static void batch_acknowledge(struct batch *batch, const uint32_t *duplicates, size_t n_duplicates)
{
    struct lane *lane = batch->lane;
    uint32_t n;
    struct batch_event *events = lane_take_events(batch, &n);
    size_t at = 0;
    CHECK(!batch->acknowledged);
    batch->acknowledged = true;
    lane->progress = true;
    lane->trouble_since_ns = 0;
    lane->pause_ms = lane->ingest->config->retry_min_ms;
    metrics_add(&lane->opts.metrics->batches, 1);
    metrics_add(&lane->opts.metrics->events, n);
    for (uint32_t i = 0; i < n; i++) {
        while (at < n_duplicates && duplicates[at] < i)
            at++;
        bool duplicate = at < n_duplicates && duplicates[at] == i;
        request_acknowledged(events[i].request, events[i].index, duplicate, events[i].copy);
    }
    mem_free(events);
}

static void lane_drop_acknowledged(struct lane *lane)
{
    while (lane->first != NULL && lane->first->acknowledged && !lane->first->in_flight) {
        struct batch *batch = lane->first;
        lane->first = batch->next;
        if (lane->first == NULL)
            lane->last = NULL;
        if (lane->to_send == batch)
            lane->to_send = batch->next;
        batch_destroy(batch);
    }
}

// The scorer has nothing of what it acknowledged under this source.
static void lane_renumber(struct lane *lane)
{
    LOG_ERROR("lane_forgotten",
              "lane=%u node=%s first=%llu msg=\"the scorer has lost batches that it acknowledged; "
              "what is kept goes out under a new source\"",
              lane->opts.number, lane->node, (unsigned long long)lane->first->number);
    struct batch *batch = lane->first;
    lane->opts.source = clock_random_u64() | 1;
    lane->next_number = 1;
    lane->first = lane->last = NULL;
    while (batch != NULL) {
        struct batch *next = batch->next;
        batch->next = NULL;
        if (batch->acknowledged) {
            batch_destroy(batch);
        } else {
            batch->number = lane->next_number++;
            lane_write_head(lane, batch);
            *(lane->last != NULL ? &lane->last->next : &lane->first) = batch;
            lane->last = batch;
        }
        batch = next;
    }
}

// All calls have ended: what is not acknowledged goes out again, in order.
static void lane_rewind(struct lane *lane)
{
    CHECK(lane->in_flight == 0);
    // Below what the scorer asks for, only the answers were lost.
    for (struct batch *batch = lane->first;
         !lane->forgotten && batch != NULL && batch->number < lane->expected; batch = batch->next) {
        if (!batch->acknowledged)
            batch_acknowledge(batch, NULL, 0);
    }
    lane_drop_acknowledged(lane);
    if (lane->forgotten && lane->first != NULL)
        lane_renumber(lane);
    lane->to_send = lane->first;
    lane->forgotten = false;
    lane->expected = 0;
}

static void lane_tell_trouble(struct lane *lane)
{
    char text[RPC_TEXT_MAX + 128];
    if (lane->trouble_since_ns == 0 ||
        clock_mono_ns() - lane->trouble_since_ns < LANE_TROUBLE_MS * 1000000ULL)
        return;
    snprintf(text, sizeof text, "lane %u (%s): %s", lane->opts.number, lane->node, lane->trouble);
    for (struct batch *batch = lane->first; batch != NULL; batch = batch->next)
        for (uint32_t i = 0; batch->events != NULL && i < batch->n_events; i++)
            request_give_up(batch->events[i].request, text);
}

static void lane_settle(struct lane *lane)
{
    if (lane->in_flight > 0)
        return;
    lane_rewind(lane);
    bool pause = lane->pause || !lane->progress;
    lane->pause = false;
    lane->progress = false;
    if (!pause) {
        lane_move(lane, LANE_FLOWING);
        lane_pump(lane);
        return;
    }
    lane_tell_trouble(lane);
    lane_move(lane, LANE_RESTING);
    loop_timer_start(lane->rest, (uint64_t)lane->pause_ms, 0);
    lane->pause_ms *= 2;
    if (lane->pause_ms > lane->ingest->config->retry_max_ms)
        lane->pause_ms = lane->ingest->config->retry_max_ms;
}

// After whatever happened.
static void lane_step(struct lane *lane, bool trouble)
{
    if (lane->state != LANE_RETIRED)
        lane_drop_acknowledged(lane);
    switch (lane->state) {
    case LANE_FLOWING:
        if (trouble) {
            lane_move(lane, LANE_SETTLING);
            lane_settle(lane);
        } else {
            lane_pump(lane);
        }
        break;
    case LANE_SETTLING:
        lane_settle(lane);
        break;
    case LANE_RESTING:
        break;
    case LANE_RETIRED:
        lane_look_gone(lane);
        break;
    case LANE_STATES:
        CHECK(false);
    }
}

static void lane_rest_cb(void *arg)
{
    struct lane *lane = arg;
    lane_move(lane, LANE_FLOWING);
    lane_step(lane, false);
}

static void lane_linger_cb(void *arg)
{
    struct lane *lane = arg;
    lane->lingered = true;
    lane_step(lane, false);
}

// ---- Answers ------------------------------------------------------------------------------------

// The scorer will not take these bytes, now or later.
static void batch_replace(struct batch *batch, enum rpc_status status, const char *text)
{
    struct lane *lane = batch->lane;
    uint32_t n;
    LOG_ERROR("batch_refused", "lane=%u node=%s number=%llu events=%u status=%s msg=\"%s\"",
              lane->opts.number, lane->node, (unsigned long long)batch->number, batch->n_events,
              rpc_status_name(status), text);
    metrics_add(&lane->opts.metrics->replaced, 1);
    struct batch_event *events = lane_take_events(batch, &n);
    batch->replaced = true;
    lane_write_head(lane, batch);
    for (uint32_t i = 0; i < n; i++) {
        request_fail(events[i].request, RPC_INTERNAL, "the scorer refused the batch");
        request_acknowledged(events[i].request, events[i].index, false, true);
    }
    mem_free(events);
}

static void lane_take_out_of_order(struct lane *lane, const struct batch *batch, uint64_t expected)
{
    LOG_DEBUG("batch_out_of_order", "lane=%u number=%llu expected=%llu", lane->opts.number,
              (unsigned long long)batch->number, (unsigned long long)expected);
    // An old answer may ask for what was acknowledged since; this one was sent after.
    if (batch->was_first && expected < batch->number)
        lane->forgotten = true;
    if (expected > lane->expected)
        lane->expected = expected;
}

// An answer with a message. Whether there is trouble.
static bool lane_take_answer(struct lane *lane, struct batch *batch, struct span answer)
{
    ProtobufCMessage *base;
    struct err_info info;
    enum err err = rpc_unpack(&assay__scorer__v1__apply_response__descriptor, answer,
                              &lane->scratch, &base, &info);
    if (err != ERR_OK) {
        LOG_ERROR("answer_unreadable", "lane=%u msg=\"%s\"", lane->opts.number, info.text);
        lane->pause = true;
        return true;
    }
    const Assay__Scorer__V1__ApplyResponse *response = (Assay__Scorer__V1__ApplyResponse *)base;
    switch (response->outcome) {
    case ASSAY__SCORER__V1__APPLY_OUTCOME__APPLY_OUTCOME_APPLIED:
        batch_acknowledge(batch, response->duplicates, response->n_duplicates);
        return false;
    case ASSAY__SCORER__V1__APPLY_OUTCOME__APPLY_OUTCOME_REPEATED:
        batch_acknowledge(batch, NULL, 0);
        return false;
    case ASSAY__SCORER__V1__APPLY_OUTCOME__APPLY_OUTCOME_OUT_OF_ORDER:
        lane_take_out_of_order(lane, batch, response->expected);
        return true;
    case ASSAY__SCORER__V1__APPLY_OUTCOME__APPLY_OUTCOME_WRONG_LANE:
        ingest_want_reload(lane->ingest);
        break;
    case ASSAY__SCORER__V1__APPLY_OUTCOME__APPLY_OUTCOME_UNSPECIFIED:
    case _ASSAY__SCORER__V1__APPLY_OUTCOME_IS_INT_SIZE:
        break;
    }
    LOG_WARN("batch_not_applied", "lane=%u node=%s outcome=%d", lane->opts.number, lane->node,
             (int)response->outcome);
    lane->pause = true;
    return true;
}

static bool lane_take_failure(struct lane *lane, struct batch *batch, enum rpc_status status,
                              const char *text)
{
    // INTERNAL may be a disk that fails once, or this batch that does every time.
    bool refused = status == RPC_INVALID_ARGUMENT ||
                   (status == RPC_INTERNAL && ++batch->n_internal >= LANE_INTERNAL_MAX);
    if (refused && !batch->replaced) {
        batch_replace(batch, status, text);
        lane->progress = true; // the next attempt differs
        return true;
    }
    LOG_WARN("apply_failed", "lane=%u node=%s status=%s msg=\"%s\"", lane->opts.number, lane->node,
             rpc_status_name(status), text);
    if (lane->trouble_since_ns == 0)
        lane->trouble_since_ns = batch->sent_ns;
    snprintf(lane->trouble, sizeof lane->trouble, "%s", text);
    lane->pause = true;
    return true;
}

static void lane_answered_cb(void *arg, enum rpc_status status, const char *text,
                             struct span answer)
{
    struct batch *batch = arg;
    struct lane *lane = batch->lane;
    CHECK(batch->in_flight && lane->in_flight > 0);
    batch->in_flight = false;
    lane->in_flight--;
    if (lane->state == LANE_RETIRED) {
        batch_destroy(batch);
        lane_look_gone(lane);
        return;
    }
    metrics_observe(&lane->opts.metrics->apply, clock_mono_ns() - batch->sent_ns);
    bool trouble = status == RPC_OK ? lane_take_answer(lane, batch, answer)
                                    : lane_take_failure(lane, batch, status, text);
    arena_reset(&lane->scratch);
    lane_step(lane, trouble);
}

// ---- For the rest of the service ----------------------------------------------------------------

struct lane *lane_create(struct ingest *ingest, const struct lane_opts *opts)
{
    CHECK(opts->source != 0);
    struct lane *lane = mem_zalloc(sizeof *lane);
    lane->ingest = ingest;
    lane->opts = *opts;
    snprintf(lane->node, sizeof lane->node, "%s", opts->node);
    lane->opts.node = lane->node;
    lane->next_number = 1;
    lane->pause_ms = ingest->config->retry_min_ms;
    lane->linger = loop_timer_create(ingest->loop, lane_linger_cb, lane);
    lane->rest = loop_timer_create(ingest->loop, lane_rest_cb, lane);
    arena_init(&lane->scratch, 4096, 0);
    ingest->n_lanes_alive++;
    return lane;
}

static void batch_drop(struct batch *batch)
{
    uint32_t n;
    struct batch_event *events = lane_take_events(batch, &n);
    for (uint32_t i = 0; i < n; i++)
        request_dropped(events[i].request);
    mem_free(events);
    if (!batch->in_flight) // else its call frees it
        batch_destroy(batch);
}

void lane_retire(struct lane *lane)
{
    lane_move(lane, LANE_RETIRED);
    loop_timer_stop(lane->linger);
    loop_timer_stop(lane->rest);
    struct batch *batch = lane->first;
    while (batch != NULL) {
        struct batch *next = batch->next;
        batch_drop(batch);
        batch = next;
    }
    if (lane->open != NULL)
        batch_drop(lane->open);
    lane->first = lane->last = lane->to_send = lane->open = NULL;
    lane_refresh_metrics(lane);
    lane_look_gone(lane);
}

bool lane_has_room(const struct lane *lane, size_t bytes)
{
    return lane->bytes == 0 ||
           lane->bytes + bytes <= (uint64_t)lane->ingest->config->lane_bytes_max;
}

const char *lane_describe_behind(const struct lane *lane, char out[160])
{
    double mib = (double)lane->bytes / (1024 * 1024);
    snprintf(out, 160, "lane %u (%s) is behind: %.*f MiB wait", lane->opts.number, lane->node,
             mib < 10 ? 1 : 0, mib);
    return out;
}

static struct batch *lane_open_batch(struct lane *lane, const struct lane_event *event)
{
    if (lane->open != NULL && !batch_can_grow(lane->open, event))
        lane_seal(lane);
    if (lane->open == NULL)
        lane->open = batch_create(lane);
    return lane->open;
}

void lane_append(struct lane *lane, const struct lane_event *event)
{
    struct batch *batch = lane_open_batch(lane, event);
    lane->bytes -= batch_weight(batch);
    batch_append(batch, event);
    lane->bytes += batch_weight(batch);
    request_wait(event->request);
    if (is_full(lane))
        lane_seal(lane);
}

void lane_flush(struct lane *lane)
{
    int64_t linger_ms = lane->ingest->config->linger_ms;
    if (lane->open != NULL && linger_ms == 0)
        lane->lingered = true;
    if (lane->open != NULL && !lane->lingering && !lane->lingered) {
        lane->lingering = true;
        loop_timer_start(lane->linger, (uint64_t)linger_ms, 0);
    }
    lane_step(lane, false);
}

void lane_hurry(struct lane *lane)
{
    lane->hurried = true;
    lane_step(lane, false);
}

void lane_refresh_metrics(struct lane *lane)
{
    metrics_set(&lane->opts.metrics->bytes, (int64_t)lane->bytes);
    metrics_set(&lane->opts.metrics->in_flight, lane->in_flight);
}
