// SPDX-License-Identifier: Apache-2.0
// A lane's life cycle, and the way of requests: from any thread to the fold's, and back over the
// loop.
#include "services/scorer/lane.h"

#include <stdio.h>

#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/log/log.h"
#include "services/playbook/model.h"
#include "services/scorer/lane_impl.h"

enum {
    TICK_EVERY_MS = 1000,
    MAILBOX_MAX = 8192,
};

#define LOG_COMPONENT "lane"

#define LANE_DESC(kind, field, name, help)                                                         \
    METRICS_DESC(struct lane_metrics, kind, field, name, help)
static const struct metrics_desc LANE_DESCS[] = {LANE_METRICS(LANE_DESC)};

// One of the three.
struct lane_message {
    struct control_item *control;
    struct lane_push *push;
    struct lane_carry *carry;
};

// ---- Items --------------------------------------------------------------------------------------

static void note_trace(struct rpc_trace *trace, const struct rpc_trace *of)
{
    if (of != NULL)
        *trace = *of;
}

struct batch_item *batch_item_create(struct rpc_request *request)
{
    struct batch_item *item = mem_zalloc(sizeof *item);
    item->request = request;
    note_trace(&item->trace, rpc_trace_now());
    arena_init(&item->arena, 256 * 1024, 0);
    struct err_info info;
    struct span body = rpc_request_body(request);
    enum err err = ERR_OK;
    if (body.len > JOURNAL_RECORD_MAX)
        err =
            err_set(&info, ERR_FULL, "batch: %zu bytes, at most %d", body.len, JOURNAL_RECORD_MAX);
    if (err == ERR_OK)
        err = codec_batch(body, &item->arena, &item->batch, &info);
    if (err != ERR_OK) {
        batch_item_refuse(item, rpc_status_of_err(err), info.text);
        return NULL;
    }
    item->fold.type = LANE_BATCH;
    item->fold.body = body;
    item->duplicates =
        arena_alloc(&item->arena, (item->batch.n_events + 1) * sizeof *item->duplicates);
    return item;
}

struct batch_item *batch_item_create_own(struct lane_carry *carry)
{
    struct batch_item *item = mem_zalloc(sizeof *item);
    struct err_info info;
    item->carry = carry;
    note_trace(&item->trace, lane_carry_trace(carry));
    item->fold.type = LANE_BATCH;
    item->fold.body = lane_carry_body(carry);
    arena_init(&item->arena, 64 * 1024, 0);
    CHECK(codec_batch(item->fold.body, &item->arena, &item->batch, &info) == ERR_OK);
    return item;
}

void batch_item_destroy(struct batch_item *item)
{
    arena_deinit(&item->arena);
    mem_free(item);
}

void batch_item_log(const struct batch_item *item)
{
    LOG_DEBUG("batch", "lane=%u source=%llu number=%llu events=%zu", item->batch.lane,
              (unsigned long long)item->batch.source, (unsigned long long)item->batch.number,
              item->batch.n_events);
}

uint32_t batch_item_lane(const struct batch_item *item)
{
    return item->batch.lane;
}

void batch_item_refuse(struct batch_item *item, enum rpc_status status, const char *text)
{
    rpc_request_fail(item->request, status, "%s", text);
    batch_item_destroy(item);
}

void control_item_destroy(struct control_item *item)
{
    playbook_destroy(item->playbook);
    rebuild_destroy(item->rebuild);
    buf_deinit(&item->body);
    mem_free(item);
}

// ---- Between the fold's thread and the loop -----------------------------------------------------

void lane_post(struct lane *lane, struct control_item *control, struct lane_push *push)
{
    struct lane_message *message = mem_alloc(sizeof *message);
    *message = (struct lane_message){control, push, NULL};
    CHECK(mailbox_post(lane->to_loop, message) == ERR_OK);
}

void lane_post_carry(struct lane *lane, struct lane_carry *carry)
{
    struct lane_message *message = mem_alloc(sizeof *message);
    *message = (struct lane_message){NULL, NULL, carry};
    CHECK(mailbox_post(lane->to_loop, message) == ERR_OK);
}

bool lane_is_open(struct lane *lane)
{
    pthread_mutex_lock(&lane->gate);
    bool open = lane->open;
    pthread_mutex_unlock(&lane->gate);
    return open;
}

enum err lane_offer(struct lane *lane, struct fold_item *item)
{
    pthread_mutex_lock(&lane->gate);
    enum err err = lane->open ? fold_submit(lane->fold, item) : ERR_CANCELED;
    pthread_mutex_unlock(&lane->gate);
    return err;
}

static void lane_message_cb(void *arg, void *posted)
{
    struct lane *lane = arg;
    struct lane_message message = *(struct lane_message *)posted;
    mem_free(posted);
    if (message.push != NULL) {
        if (lane_is_open(lane))
            lane_push_send(message.push);
        else
            lane_push_free(message.push);
        return;
    }
    if (message.carry != NULL) {
        lane_carry_send(message.carry);
        return;
    }
    struct control_item *item = message.control;
    if (item->own_tick)
        lane->tick_queued = false;
    if (item->done != NULL)
        item->done(item->arg, item->err, &item->info);
    control_item_destroy(item);
}

// ---- Life cycle ---------------------------------------------------------------------------------

// Hands an item to the fold, or finishes it with the reason why not.
static void lane_submit(struct lane *lane, struct control_item *item)
{
    note_trace(&item->trace, rpc_trace_now());
    enum err err = lane_offer(lane, &item->fold);
    if (err == ERR_OK)
        return;
    item->err = err_set(&item->info, err == ERR_CANCELED ? ERR_UNAVAILABLE : err, "lane %u: %s",
                        lane->opts.number,
                        err == ERR_CANCELED ? "it is stopping" : "too many requests wait");
    lane_post(lane, item, NULL);
}

static void lane_submit_tick(struct lane *lane, int64_t to_ms, bool own, lane_done_cb done,
                             void *arg)
{
    struct control_item *item = mem_zalloc(sizeof *item);
    item->fold.type = LANE_TICK;
    item->to_ms = to_ms;
    item->own_tick = own;
    item->done = done;
    item->arg = arg;
    record_pack_tick(to_ms, &item->body);
    item->fold.body = buf_span(&item->body);
    lane_submit(lane, item);
}

static void lane_tick_cb(void *arg)
{
    struct lane *lane = arg;
    if (lane->tick_queued)
        return;
    lane->tick_queued = true;
    lane_submit_tick(lane, clock_wall_ms(), true, NULL, NULL);
}

enum err lane_open(const struct lane_opts *opts, struct lane **out, struct err_info *info)
{
    struct lane *lane = mem_zalloc(sizeof *lane);
    lane->opts = *opts;
    lane->path = mem_dup_text(opts->path);
    snprintf(lane->name, sizeof lane->name, "lane-%u", opts->number);
    pthread_mutex_init(&lane->gate, NULL);
    pthread_cond_init(&lane->replayed, NULL);
    arena_init(&lane->arena, 64 * 1024, 0);
    struct core_opts core = {opts->dedupe_window_ms, opts->dedupe_ids_max};
    lane->core = core_create(&core);
    lane->rows = rows_create(lane->core, &lane->marks);
    lane->outbox = outbox_create();
    lane->to_loop = mailbox_create(opts->loop, MAILBOX_MAX, lane_message_cb, lane);
    lane->tick = loop_timer_create(opts->loop, lane_tick_cb, lane);
    lane->retry = loop_timer_create(opts->loop, lane_push_retry_cb, lane);
    lane->carry_retry = loop_timer_create(opts->loop, lane_carry_retry_cb, lane);
    lane_moves_open(lane);
    struct fold_opts fold = {
        .name = lane->name,
        .path = lane->path,
        .ops = &LANE_OPS,
        .state = lane,
        .tables = ROWS_TABLE_LIST,
        .n_tables = ROWS_TABLES,
        .journal_bytes_max = opts->journal_bytes_max,
        .journal_keep_bytes = opts->journal_keep_bytes,
        .state_bytes_max = opts->state_bytes_max,
        .queue_max = opts->queue_max,
        .checkpoint_every_ms = opts->checkpoint_every_ms,
        .fatal = lane_fatal,
    };
    enum err err = fold_open(&fold, &lane->fold, info);
    if (err != ERR_OK) {
        lane->fold = NULL;
        lane_close(lane);
        return err_prefix(info, err, "lane %u", opts->number);
    }
    *out = lane;
    return ERR_OK;
}

void lane_start(struct lane *lane)
{
    bool waiting = outbox_waiting(lane->outbox) > 0 || lane_moves_waiting(lane) > 0;
    pthread_mutex_lock(&lane->gate);
    lane->open = true;
    pthread_mutex_unlock(&lane->gate);
    lane_warm_start(lane);
    fold_start(lane->fold);
    if (lane->opts.wall_clock)
        loop_timer_start(lane->tick, TICK_EVERY_MS, TICK_EVERY_MS);
    // What recovery found is not followed by a group of its own: an empty look starts the flow.
    if (waiting)
        lane_look(lane, NULL, NULL, NULL);
}

void lane_stop(struct lane *lane)
{
    pthread_mutex_lock(&lane->gate);
    bool was_open = lane->open;
    lane->open = false;
    pthread_mutex_unlock(&lane->gate);
    lane_warm_stop(lane);
    pthread_mutex_lock(&lane->gate);
    while (lane->n_replays > 0)
        pthread_cond_wait(&lane->replayed, &lane->gate);
    pthread_mutex_unlock(&lane->gate);
    if (was_open && lane->fold != NULL) {
        fold_close(lane->fold);
        lane->fold = NULL;
    }
}

void lane_close(struct lane *lane)
{
    if (lane == NULL)
        return;
    if (lane->fold != NULL) // opened, never started
        fold_abandon(lane->fold);
    loop_timer_destroy(lane->tick);
    loop_timer_destroy(lane->retry);
    if (lane->retrying != NULL)
        lane_push_free(lane->retrying);
    loop_timer_destroy(lane->carry_retry);
    mailbox_destroy(lane->to_loop);
    outbox_destroy(lane->outbox);
    lane_moves_close(lane);
    rows_destroy(lane->rows);
    core_destroy(lane->core);
    signal_changes_deinit(&lane->changes);
    arena_deinit(&lane->arena);
    buf_deinit(&lane->scratch);
    mem_free(lane->marks.sources);
    mem_free(lane->marks.moved);
    mem_free(lane->ahead);
    pthread_cond_destroy(&lane->replayed);
    pthread_mutex_destroy(&lane->gate);
    mem_free(lane->path);
    mem_free(lane);
}

uint32_t lane_number(const struct lane *lane)
{
    return lane->opts.number;
}

const struct playbook *lane_recovered_playbook(const struct lane *lane)
{
    return core_playbook(lane->core);
}

void lane_take(struct lane *lane, struct batch_item *item)
{
    enum err err = lane_offer(lane, &item->fold);
    if (err == ERR_FULL)
        batch_item_refuse(item, RPC_RESOURCE_EXHAUSTED, "the lane's queue is full");
    else if (err != ERR_OK)
        batch_item_refuse(item, RPC_UNAVAILABLE, "the lane is stopping");
}

void lane_set_playbook(struct lane *lane, struct playbook *playbook, lane_done_cb done, void *arg)
{
    struct control_item *item = mem_zalloc(sizeof *item);
    item->fold.type = LANE_PLAYBOOK;
    item->playbook = playbook;
    item->done = done;
    item->arg = arg;
    item->to_ms = clock_wall_ms();
    record_pack_playbook(playbook, item->to_ms, &item->body);
    item->fold.body = buf_span(&item->body);
    lane_submit(lane, item);
}

void lane_advance(struct lane *lane, int64_t to_ms, lane_done_cb done, void *arg)
{
    lane_submit_tick(lane, to_ms, false, done, arg);
}

void lane_change_link(struct lane *lane, const struct link_change *change, lane_done_cb done,
                      void *arg)
{
    struct control_item *item = mem_zalloc(sizeof *item);
    item->fold.type = LANE_IDENTITY;
    item->done = done;
    item->arg = arg;
    record_pack_identity(change, &item->body);
    item->fold.body = buf_span(&item->body);
    lane_submit(lane, item);
}

static void lane_look_nowhere(void *arg, const struct lane_view *view)
{
    (void)arg;
    (void)view;
}

void lane_look(struct lane *lane, lane_look_fn look, lane_done_cb done, void *arg)
{
    struct control_item *item = mem_zalloc(sizeof *item);
    item->look = look != NULL ? look : lane_look_nowhere;
    item->done = done;
    item->arg = arg;
    lane_submit(lane, item);
}

// ---- Reading the journal ------------------------------------------------------------------------

struct lane_reading {
    struct lane *lane;
    fold_record_fn record;
    void *arg;
    bool stopped;
};

static bool lane_replay_record(void *arg, uint64_t position, const struct journal_record *record)
{
    struct lane_reading *reading = arg;
    reading->stopped = !lane_is_open(reading->lane);
    return !reading->stopped && reading->record(reading->arg, position, record);
}

enum err lane_replay(struct lane *lane, uint64_t from, uint64_t to, fold_record_fn record,
                     void *arg, struct err_info *info)
{
    struct lane_reading reading = {lane, record, arg, false};
    pthread_mutex_lock(&lane->gate);
    bool open = lane->open;
    lane->n_replays += open;
    pthread_mutex_unlock(&lane->gate);
    enum err err = ERR_OK;
    if (open) {
        err = fold_replay(lane->fold, from, to, lane_replay_record, &reading, info);
        pthread_mutex_lock(&lane->gate);
        lane->n_replays--;
        pthread_cond_broadcast(&lane->replayed);
        pthread_mutex_unlock(&lane->gate);
    }
    if (!open || reading.stopped)
        err = err_set(info, ERR_UNAVAILABLE, "lane %u is stopping", lane->opts.number);
    return err;
}

void lane_register_metrics(struct lane *lane, struct metrics *metrics)
{
    char labels[32];
    snprintf(labels, sizeof labels, "lane=\"%u\"", lane->opts.number);
    metrics_register(metrics, LANE_DESCS, ARRAY_LEN(LANE_DESCS), &lane->metrics, labels);
}

void lane_refresh_metrics(struct lane *lane)
{
    struct fold_stats stats;
    pthread_mutex_lock(&lane->gate);
    bool open = lane->open;
    if (open)
        fold_stats(lane->fold, &stats);
    pthread_mutex_unlock(&lane->gate);
    if (!open)
        return;
    struct lane_metrics *m = &lane->metrics;
    metrics_mirror(&m->groups, stats.groups);
    metrics_mirror(&m->journaled, stats.record_bytes);
    metrics_mirror(&m->checkpoints, stats.checkpoints);
    metrics_mirror(&m->checkpoint_rows, stats.checkpoint_rows);
    metrics_set(&m->waiting, (int64_t)stats.waiting);
    metrics_set(&m->journal_used, (int64_t)stats.journal_used_bytes);
    metrics_set(&m->state_used, (int64_t)stats.state_used_bytes);
    metrics_set(&m->disk_free, (int64_t)stats.disk_free_bytes);
    metrics_set(&m->lag, (int64_t)(stats.journal_last - stats.checkpoint_position));
    uint64_t first, last;
    lane_warm_progress(lane, &first, &last);
    bool behind = first != 0 && last < stats.journal_last;
    metrics_set(&m->behind, behind ? (int64_t)(stats.journal_last - last) : 0);
}
