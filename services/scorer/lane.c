// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/lane.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "assay/record/v1/record_scorer.pb-c.h"
#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/fold/fold.h"
#include "common/log/log.h"
#include "services/playbook/load.h"
#include "services/scorer/codec.h"
#include "services/scorer/outbox.h"
#include "services/scorer/rows.h"

#define LOG_COMPONENT "lane"

enum {
    SOURCES_MAX = 1024,      // the source that was silent for longest is forgotten beyond
    SIGNALS_MAX = 1000000,   // wait for the router; more batches are refused until it takes some
    PUSH_SIGNALS_MAX = 500,  // in one request to the router
    PUSH_TIMEOUT_MS = 10000, // then it is sent again
    PUSH_RETRY_MS = 200,
    TICK_EVERY_MS = 1000,
    MAILBOX_MAX = 8192,
};

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
    X(GAUGE, lag, "assay_lane_checkpoint_lag_records", "Journal records after the last checkpoint")

struct lane_metrics {
    METRICS_FIELDS(LANE_METRICS)
};
#define LANE_DESC(kind, field, name, help)                                                         \
    METRICS_DESC(struct lane_metrics, kind, field, name, help)
static const struct metrics_desc LANE_DESCS[] = {LANE_METRICS(LANE_DESC)};

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
    bool tick_queued; // loop
    struct lane_metrics metrics;
};

struct lane_message {
    struct control_item *control;
    struct lane_push *push;
};

// ---- Items
// ------------------------------------------------------------------------------------------

struct batch_item *batch_item_create(struct rpc_request *request)
{
    struct batch_item *item = mem_zalloc(sizeof *item);
    item->request = request;
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

static void batch_item_destroy(struct batch_item *item)
{
    arena_deinit(&item->arena);
    mem_free(item);
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

static void control_item_destroy(struct control_item *item)
{
    playbook_destroy(item->playbook);
    buf_deinit(&item->body);
    mem_free(item);
}

// ---- Between the fold's thread and the loop
// ----------------------------------------------------------

static void lane_post(struct lane *lane, struct control_item *control, struct lane_push *push)
{
    struct lane_message *message = mem_alloc(sizeof *message);
    *message = (struct lane_message){control, push};
    // Bounded by what the loop itself has asked for, and one push: there is always room.
    CHECK(mailbox_post(lane->to_loop, message) == ERR_OK);
}

static bool lane_is_open(struct lane *lane)
{
    pthread_mutex_lock(&lane->gate);
    bool open = lane->open;
    pthread_mutex_unlock(&lane->gate);
    return open;
}

// CANCELED when the lane is stopping, FULL when too much waits; the item stays the caller's then.
static enum err lane_offer(struct lane *lane, struct fold_item *item)
{
    pthread_mutex_lock(&lane->gate);
    enum err err = lane->open ? fold_submit(lane->fold, item) : ERR_CANCELED;
    pthread_mutex_unlock(&lane->gate);
    return err;
}

static void lane_send_push(struct lane_push *push);

static void lane_retry_cb(void *arg)
{
    struct lane *lane = arg;
    struct lane_push *push = lane->retrying;
    lane->retrying = NULL;
    if (push != NULL)
        lane_send_push(push);
}

static void lane_push_free(struct lane_push *push)
{
    buf_deinit(&push->body);
    mem_free(push);
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

static void lane_send_push(struct lane_push *push)
{
    struct rpc_call_opts opts = {.timeout_ms = PUSH_TIMEOUT_MS};
    metrics_add(&push->lane->metrics.pushes, 1);
    rpc_call_raw(push->lane->opts.router, "assay.router.v1.RouterService/ApplySignals",
                 buf_span(&push->body), &opts, lane_pushed_cb, push);
}

static void lane_message_cb(void *arg, void *posted)
{
    struct lane *lane = arg;
    struct lane_message message = *(struct lane_message *)posted;
    mem_free(posted);
    if (message.push != NULL) {
        if (lane_is_open(lane))
            lane_send_push(message.push);
        else
            lane_push_free(message.push);
        return;
    }
    struct control_item *item = message.control;
    if (item->own_tick)
        lane->tick_queued = false;
    if (item->done != NULL)
        item->done(item->arg, item->err, &item->info);
    control_item_destroy(item);
}

// ---- The fold's operations
// ---------------------------------------------------------------------------

static struct rows_source *lane_find_source(const struct lane *lane, uint64_t source)
{
    const struct rows_lane *marks = &lane->marks;
    for (size_t i = 0; i < marks->n_sources; i++) {
        if (marks->sources[i].source == source)
            return &marks->sources[i];
    }
    return NULL;
}

// The source's place in the fold; made when there is none.
static struct rows_source *lane_make_source(struct lane *lane, uint64_t source)
{
    struct rows_lane *marks = &lane->marks;
    struct rows_source *found = lane_find_source(lane, source);
    if (found != NULL)
        return found;
    size_t at = marks->n_sources;
    if (at == SOURCES_MAX) {
        at = 0;
        for (size_t i = 1; i < marks->n_sources; i++) {
            if (marks->sources[i].last_received_at_ms < marks->sources[at].last_received_at_ms)
                at = i;
        }
    } else {
        MEM_GROW(marks->sources, marks->n_sources, marks->sources_cap);
        marks->n_sources++;
    }
    marks->sources[at] = (struct rows_source){.source = source};
    return &marks->sources[at];
}

static struct lane_ahead *lane_find_ahead(const struct lane *lane, uint64_t source)
{
    for (size_t i = 0; i < lane->n_ahead; i++) {
        if (lane->ahead[i].source == source)
            return &lane->ahead[i];
    }
    return NULL;
}

static void lane_let_in(struct lane *lane, struct lane_ahead *ahead, const struct batch *batch)
{
    if (ahead == NULL) {
        MEM_GROW(lane->ahead, lane->n_ahead, lane->ahead_cap);
        ahead = &lane->ahead[lane->n_ahead++];
        ahead->source = batch->source;
    }
    ahead->number = batch->number;
    lane->admitted_batches++;
    lane->admitted_events += batch->n_events;
}

// The item was answered. When none of the group is left, what was applied tells what comes next,
// whether the group was applied or not.
static void lane_let_out(struct lane *lane)
{
    CHECK(lane->admitted_batches > 0);
    if (--lane->admitted_batches > 0)
        return;
    lane->n_ahead = 0;
    lane->admitted_events = 0;
}

static enum fold_admission lane_admit_batch(struct lane *lane, struct batch_item *item,
                                            bool expired)
{
    const struct batch *batch = &item->batch;
    if (core_playbook(lane->core) == NULL) {
        item->outcome = OUTCOME_NO_PLAYBOOK;
        return FOLD_ANSWER;
    }
    const struct rows_source *source = lane_find_source(lane, batch->source);
    struct lane_ahead *ahead = lane_find_ahead(lane, batch->source);
    uint64_t last = ahead != NULL ? ahead->number : source != NULL ? source->last_number : 0;
    if (batch->number <= last) {
        // What it repeats may be in this group: it is answered with the group.
        item->outcome = OUTCOME_REPEATED;
        return FOLD_ANSWER;
    }
    if (batch->number > last + 1) {
        if (!expired)
            return FOLD_HOLD;
        item->outcome = OUTCOME_EARLY;
        item->expected = last + 1;
        return FOLD_ANSWER;
    }
    if (outbox_waiting(lane->outbox) >= SIGNALS_MAX) {
        item->outcome = OUTCOME_ROUTER_BEHIND;
        return FOLD_ANSWER;
    }
    if (!core_has_room(lane->core, batch->received_at_ms,
                       lane->admitted_events + batch->n_events)) {
        item->outcome = OUTCOME_NO_ROOM;
        return FOLD_ANSWER;
    }
    lane_let_in(lane, ahead, batch);
    item->outcome = OUTCOME_APPLIED;
    return FOLD_APPEND;
}

static enum fold_admission lane_admit(void *state, struct fold_item *fold_item, bool expired)
{
    struct lane *lane = state;
    if (fold_item->type == LANE_BATCH)
        return lane_admit_batch(lane, CONTAINER_OF(fold_item, struct batch_item, fold), expired);
    struct control_item *item = CONTAINER_OF(fold_item, struct control_item, fold);
    if (fold_item->type == LANE_TICK) {
        struct core_counts counts;
        core_counts(lane->core, &counts);
        bool needed = item->own_tick ? core_next_due(lane->core) <= item->to_ms &&
                                           outbox_waiting(lane->outbox) < SIGNALS_MAX
                                     : counts.clock_ms < item->to_ms;
        return needed ? FOLD_APPEND : FOLD_ANSWER;
    }
    CHECK(fold_item->type == LANE_PLAYBOOK);
    return FOLD_APPEND;
}

static void lane_take_changes(struct lane *lane, uint64_t position)
{
    for (size_t i = 0; i < lane->changes.n; i++) {
        buf_clear(&lane->scratch);
        codec_signal(&lane->changes.items[i], position, &lane->scratch);
        outbox_add(lane->outbox, position, lane->changes.items[i].index, buf_span(&lane->scratch));
    }
    metrics_add(&lane->metrics.signals, lane->changes.n);
    lane->changes.n = 0;
    arena_reset(&lane->arena);
}

static void lane_apply_batch(struct lane *lane, uint64_t position, const struct batch *batch,
                             struct batch_item *item)
{
    size_t n_duplicates = 0, n_excluded = 0;
    core_begin_record(lane->core, position, batch->received_at_ms);
    core_expect(lane->core, batch->events, batch->n_events);
    for (size_t i = 0; i < batch->n_events; i++) {
        enum verdict verdict = core_apply(lane->core, position, (uint32_t)i, &batch->events[i],
                                          &lane->changes, &lane->arena);
        switch (verdict) {
        case VERDICT_DUPLICATE:
            if (item != NULL)
                item->duplicates[n_duplicates] = (uint32_t)i;
            n_duplicates++;
            break;
        case VERDICT_EXCLUDED:
            n_excluded++;
            break;
        case VERDICT_COUNTED:
            break;
        }
    }
    struct rows_source *source = lane_make_source(lane, batch->source);
    source->last_number = batch->number;
    source->last_received_at_ms = batch->received_at_ms;
    if (item == NULL)
        return;
    item->n_duplicates = n_duplicates;
    metrics_add(&lane->metrics.batches, 1);
    metrics_add(&lane->metrics.events, batch->n_events);
    metrics_add(&lane->metrics.duplicates, n_duplicates);
    metrics_add(&lane->metrics.excluded, n_excluded);
}

static enum err lane_apply_playbook(struct lane *lane, uint64_t position, struct span body,
                                    struct control_item *item, struct err_info *info)
{
    struct playbook *playbook = NULL;
    if (item != NULL) {
        playbook = item->playbook;
        item->playbook = NULL;
    } else {
        Assay__Record__V1__PlaybookRecord *record =
            assay__record__v1__playbook_record__unpack(NULL, body.len, body.ptr);
        if (record == NULL)
            return err_set(info, ERR_CORRUPT, "record %llu: no playbook",
                           (unsigned long long)position);
        struct buf report = {0};
        enum err err = playbook_load(record->file, span_make(record->text.data, record->text.len),
                                     &playbook, &report);
        assay__record__v1__playbook_record__free_unpacked(record, NULL);
        if (err != ERR_OK)
            (void)err_set(info, ERR_CORRUPT,
                          "record %llu: a playbook that was in force is refused: %.200s",
                          (unsigned long long)position, (const char *)buf_span(&report).ptr);
        buf_deinit(&report);
        if (err != ERR_OK)
            return ERR_CORRUPT;
    }
    core_set_playbook(lane->core, position, playbook);
    return ERR_OK;
}

static enum err lane_apply(void *state, uint64_t position, const struct journal_record *record,
                           struct fold_item *fold_item, struct err_info *info)
{
    struct lane *lane = state;
    enum err err = ERR_OK;
    switch ((enum lane_record)record->type) {
    case LANE_BATCH: {
        struct batch_item *item =
            fold_item == NULL ? NULL : CONTAINER_OF(fold_item, struct batch_item, fold);
        if (item != NULL) {
            lane_apply_batch(lane, position, &item->batch, item);
            break;
        }
        struct arena arena;
        struct batch batch;
        arena_init(&arena, 256 * 1024, 0);
        err = codec_batch(record->body, &arena, &batch, info);
        if (err == ERR_OK)
            lane_apply_batch(lane, position, &batch, NULL);
        else
            err = ERR_CORRUPT;
        arena_deinit(&arena);
        break;
    }
    case LANE_TICK: {
        Assay__Record__V1__TickRecord *tick =
            assay__record__v1__tick_record__unpack(NULL, record->body.len, record->body.ptr);
        if (tick == NULL)
            return err_set(info, ERR_CORRUPT, "record %llu: no tick", (unsigned long long)position);
        core_tick(lane->core, position, tick->now_ms, &lane->changes, &lane->arena);
        assay__record__v1__tick_record__free_unpacked(tick, NULL);
        break;
    }
    case LANE_PLAYBOOK: {
        struct control_item *item =
            fold_item == NULL ? NULL : CONTAINER_OF(fold_item, struct control_item, fold);
        err = lane_apply_playbook(lane, position, record->body, item, info);
        break;
    }
    default:
        return err_set(info, ERR_CORRUPT, "record %llu: unknown type %u",
                       (unsigned long long)position, record->type);
    }
    if (err != ERR_OK)
        return err;
    lane_take_changes(lane, position);
    lane->applied = position;
    return ERR_OK;
}

static void lane_answer_batch(struct lane *lane, struct batch_item *item, enum err err)
{
    if (item->outcome == OUTCOME_APPLIED)
        lane_let_out(lane);
    if (err != ERR_OK) {
        batch_item_refuse(item, err == ERR_CANCELED ? RPC_UNAVAILABLE : rpc_status_of_err(err),
                          err == ERR_FULL ? fold_describe_full(lane->fold)
                                          : "the lane is stopping");
        return;
    }
    Assay__Scorer__V1__ApplyResponse response = ASSAY__SCORER__V1__APPLY_RESPONSE__INIT;
    switch (item->outcome) {
    case OUTCOME_NO_ROOM:
        batch_item_refuse(item, RPC_RESOURCE_EXHAUSTED, "the memory of message ids is full");
        return;
    case OUTCOME_ROUTER_BEHIND:
        batch_item_refuse(item, RPC_RESOURCE_EXHAUSTED, "too many signals wait for the router");
        return;
    case OUTCOME_NO_PLAYBOOK:
        batch_item_refuse(item, RPC_UNAVAILABLE, "no playbook is in force yet");
        return;
    case OUTCOME_REPEATED:
        response.outcome = ASSAY__SCORER__V1__APPLY_OUTCOME__APPLY_OUTCOME_REPEATED;
        metrics_add(&lane->metrics.repeated, 1);
        break;
    case OUTCOME_EARLY:
        response.outcome = ASSAY__SCORER__V1__APPLY_OUTCOME__APPLY_OUTCOME_OUT_OF_ORDER;
        response.expected = item->expected;
        metrics_add(&lane->metrics.out_of_order, 1);
        break;
    case OUTCOME_APPLIED:
        response.outcome = ASSAY__SCORER__V1__APPLY_OUTCOME__APPLY_OUTCOME_APPLIED;
        response.n_duplicates = item->n_duplicates;
        response.duplicates = item->duplicates;
        break;
    case OUTCOME_NONE:
        CHECK(false);
    }
    rpc_request_answer_message(item->request, &response.base);
    batch_item_destroy(item);
}

static void lane_answer(void *state, struct fold_item *fold_item, enum err err)
{
    struct lane *lane = state;
    if (fold_item->type == LANE_BATCH) {
        lane_answer_batch(lane, CONTAINER_OF(fold_item, struct batch_item, fold), err);
        return;
    }
    struct control_item *item = CONTAINER_OF(fold_item, struct control_item, fold);
    item->err = err;
    (void)err_set(&item->info, err, "lane %u: %s", lane->opts.number, err_text(err));
    lane_post(lane, item, NULL);
}

static void lane_confirm(struct lane *lane, uint64_t position, uint64_t index)
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

static void lane_inspect(void *state, struct fold_item *fold_item)
{
    struct lane *lane = state;
    struct control_item *item = CONTAINER_OF(fold_item, struct control_item, fold);
    if (item->confirm) {
        lane_confirm(lane, item->position, item->index);
        control_item_destroy(item);
        return;
    }
    struct fold_stats stats;
    fold_stats(lane->fold, &stats);
    struct lane_view view = {
        .core = lane->core,
        .core_mutable = lane->core,
        .journal_last = stats.journal_last,
        .checkpoint = stats.checkpoint_position,
        .signals_waiting = outbox_waiting(lane->outbox),
    };
    item->look(item->arg, &view);
    lane_post(lane, item, NULL);
}

static void lane_flush(void *state)
{
    struct lane *lane = state;
    if (lane->pushing || outbox_waiting(lane->outbox) == 0)
        return;
    struct lane_push *push = mem_zalloc(sizeof *push);
    push->lane = lane;
    outbox_first(lane->outbox, &push->position, &push->index);
    (void)outbox_batch(lane->outbox, lane->opts.number, PUSH_SIGNALS_MAX, &push->body);
    lane->pushing = true;
    lane_post(lane, NULL, push);
}

static void lane_freeze(void *state, uint64_t position)
{
    struct lane *lane = state;
    rows_freeze(lane->rows, position);
}

static bool lane_collect(void *state, uint64_t position, struct fold_rows *rows, size_t rows_max)
{
    struct lane *lane = state;
    // Before the accounts, and so in the same transaction: see outbox.h.
    outbox_collect(lane->outbox, ROWS_SIGNALS, rows);
    return rows_collect(lane->rows, position, rows, rows_max);
}

static void lane_seal(void *state, struct fold_rows *rows)
{
    // No signals here: sealed rows are committed last, after slices that already rely on them.
    struct lane *lane = state;
    rows_seal(lane->rows, rows);
}

static enum err lane_load(void *state, uint32_t table, struct span key, struct span value,
                          struct err_info *info)
{
    struct lane *lane = state;
    if (table == ROWS_SIGNALS)
        return outbox_load(lane->outbox, key, value, info);
    return rows_load(lane->rows, table, key, value, info);
}

static enum err lane_loaded(void *state, uint64_t position, struct err_info *info)
{
    struct lane *lane = state;
    lane->applied = position;
    return rows_loaded(lane->rows, position, info);
}

static enum err lane_ready(void *state, struct err_info *info)
{
    (void)info;
    struct lane *lane = state;
    outbox_settle(lane->outbox, lane->marks.confirmed_position, lane->marks.confirmed_index);
    return ERR_OK;
}

static void lane_fatal(void *state, enum err err, const char *text)
{
    const struct lane *lane = state;
    LOG_ERROR("lane_failed", "lane=%u err=%s msg=\"%s\"", lane->opts.number, err_name(err), text);
    _exit(1); // nothing after the last commit was acknowledged; a restart recovers it
}

static const struct fold_ops LANE_OPS = {
    .admit = lane_admit,
    .apply = lane_apply,
    .answer = lane_answer,
    .inspect = lane_inspect,
    .flush = lane_flush,
    .freeze = lane_freeze,
    .collect = lane_collect,
    .seal = lane_seal,
    .load = lane_load,
    .loaded = lane_loaded,
    .ready = lane_ready,
};

// ---- Life cycle
// --------------------------------------------------------------------------------------

// Hands an item to the fold, or finishes it with the reason why not.
static void lane_submit(struct lane *lane, struct control_item *item)
{
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
    Assay__Record__V1__TickRecord record = ASSAY__RECORD__V1__TICK_RECORD__INIT;
    record.now_ms = to_ms;
    size_t n = assay__record__v1__tick_record__get_packed_size(&record);
    assay__record__v1__tick_record__pack(&record, buf_reserve(&item->body, n));
    item->body.len = n;
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
    lane->retry = loop_timer_create(opts->loop, lane_retry_cb, lane);
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
    bool waiting = outbox_waiting(lane->outbox) > 0;
    pthread_mutex_lock(&lane->gate);
    lane->open = true;
    pthread_mutex_unlock(&lane->gate);
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
    mailbox_destroy(lane->to_loop);
    outbox_destroy(lane->outbox);
    rows_destroy(lane->rows);
    core_destroy(lane->core);
    signal_changes_deinit(&lane->changes);
    arena_deinit(&lane->arena);
    buf_deinit(&lane->scratch);
    mem_free(lane->marks.sources);
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
    Assay__Record__V1__PlaybookRecord record = ASSAY__RECORD__V1__PLAYBOOK_RECORD__INIT;
    record.file = (char *)playbook->file;
    record.text.data = (uint8_t *)playbook->text.ptr;
    record.text.len = playbook->text.len;
    size_t n = assay__record__v1__playbook_record__get_packed_size(&record);
    assay__record__v1__playbook_record__pack(&record, buf_reserve(&item->body, n));
    item->body.len = n;
    item->fold.body = buf_span(&item->body);
    lane_submit(lane, item);
}

void lane_advance(struct lane *lane, int64_t to_ms, lane_done_cb done, void *arg)
{
    lane_submit_tick(lane, to_ms, false, done, arg);
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

// ---- Reading the journal
// -----------------------------------------------------------------------------------

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
}
