// SPDX-License-Identifier: Apache-2.0
// The fold's operations of a lane: which batch is let in, what a record does, what is answered, and
// what goes into a checkpoint. On the fold's thread.
#include <unistd.h>

#include "assay/scorer/v1/scorer.pb-c.h"
#include "common/base/mem.h"
#include "common/log/log.h"
#include "services/scorer/lane_impl.h"
#include "services/scorer/moves_codec.h"

#define LOG_COMPONENT "lane"

enum {
    SOURCES_MAX = 1024,    // the source that was silent for longest is forgotten beyond
    SIGNALS_MAX = 1000000, // wait for the router; more batches are refused until it takes some
    MOVES_MAX = 200000,    // wait for other lanes; then no events are taken, moves still are
};

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

static struct rows_moved *lane_find_moved(const struct lane *lane, uint32_t from_lane)
{
    const struct rows_lane *marks = &lane->marks;
    for (size_t i = 0; i < marks->n_moved; i++) {
        if (marks->moved[i].lane == from_lane)
            return &marks->moved[i];
    }
    return NULL;
}

static bool lane_has_move(const struct rows_moved *mark, const struct batch_move *move)
{
    return mark != NULL && (move->position < mark->position ||
                            (move->position == mark->position && move->index <= mark->index));
}

// Moves have the numbers of the lane that sends them, and no turn to wait for: it sends the next
// ones when it knows that these are here. A lane that takes no events takes moves all the same, so
// that no two wait for each other.
static enum fold_admission lane_admit_moves(struct lane *lane, struct batch_item *item)
{
    const struct batch *batch = &item->batch;
    item->outcome = OUTCOME_REPEATED;
    if (lane_has_move(lane_find_moved(lane, batch->from_lane), &batch->moves[batch->n_moves - 1]))
        return FOLD_ANSWER;
    item->outcome = OUTCOME_NO_ROOM;
    if (!core_has_room(lane->core, batch->received_at_ms, lane->admitted_events + batch->n_moves))
        return FOLD_ANSWER;
    lane->admitted_batches++;
    lane->admitted_events += batch->n_moves;
    item->outcome = OUTCOME_APPLIED;
    return FOLD_APPEND;
}

static enum fold_admission lane_admit_batch(struct lane *lane, struct batch_item *item,
                                            bool expired)
{
    const struct batch *batch = &item->batch;
    if (core_playbook(lane->core) == NULL) {
        item->outcome = OUTCOME_NO_PLAYBOOK;
        return FOLD_ANSWER;
    }
    if (batch->source == 0)
        return lane_admit_moves(lane, item);
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
    if (lane_moves_waiting(lane) >= MOVES_MAX) {
        item->outcome = OUTCOME_MOVES_BEHIND;
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
    if (fold_item->type == LANE_WARMED)
        return lane_warm_admit(lane, item);
    if (fold_item->type == LANE_IDENTITY && core_playbook(lane->core) == NULL) {
        item->link_changed = LINK_UNKNOWN;
        return FOLD_ANSWER;
    }
    CHECK(fold_item->type == LANE_PLAYBOOK || fold_item->type == LANE_IDENTITY);
    return FOLD_APPEND;
}

static void lane_take_changes(struct lane *lane, uint64_t position, int64_t known_at_ms,
                              const struct rpc_trace *trace)
{
    for (size_t i = 0; i < lane->changes.n; i++) {
        buf_clear(&lane->scratch);
        codec_signal(&lane->changes.items[i], position, &lane->scratch);
        outbox_add(lane->outbox, position, lane->changes.items[i].index, buf_span(&lane->scratch),
                   trace);
    }
    metrics_add(&lane->metrics.signals, lane->changes.n);
    lane->changes.n = 0;
    const struct moves *moves = core_moves(lane->core);
    for (size_t i = 0; i < moves->n; i++)
        lane_moves_add(lane, position, &moves->items[i], known_at_ms, trace);
    arena_reset(&lane->arena);
}

// The links of a batch that come before `place`, from `at` on. Where the rest begins.
static size_t lane_apply_links(struct lane *lane, uint64_t position, const struct batch *batch,
                               size_t at, uint32_t place)
{
    for (; at < batch->n_links && batch->links[at].place < place; at++)
        core_link(lane->core, position, batch->links[at].place, &batch->links[at].link,
                  batch->known_at_ms);
    return at;
}

// A move that cannot be read is left out, aloud: it is another process's mistake.
static void lane_apply_move(struct lane *lane, uint64_t position, uint32_t place,
                            const struct batch *batch)
{
    struct move move;
    struct err_info info;
    enum err err = moves_unpack(lane->core, batch->moves[place].body, &lane->arena, &move, &info);
    if (err != ERR_OK) {
        LOG_ERROR("move_unreadable", "lane=%u from=%u position=%llu msg=\"%s\"", lane->opts.number,
                  batch->from_lane, (unsigned long long)batch->moves[place].position, info.text);
        return;
    }
    core_take_move(lane->core, position, place, &move, batch->known_at_ms, &lane->changes,
                   &lane->arena);
    move_deinit(&move);
    metrics_add(&lane->metrics.moves_in, 1);
}

static void lane_apply_moves(struct lane *lane, uint64_t position, const struct batch *batch)
{
    struct rows_lane *marks = &lane->marks;
    struct rows_moved *mark = lane_find_moved(lane, batch->from_lane);
    if (mark == NULL) {
        MEM_GROW(marks->moved, marks->n_moved, marks->moved_cap);
        mark = &marks->moved[marks->n_moved++];
        *mark = (struct rows_moved){.lane = batch->from_lane};
    }
    core_begin_record(lane->core, position, batch->received_at_ms);
    for (uint32_t i = 0; i < batch->n_moves; i++) {
        const struct batch_move *in = &batch->moves[i];
        if (lane_has_move(mark, in))
            continue;
        lane_apply_move(lane, position, i, batch);
        mark->position = in->position;
        mark->index = in->index;
    }
    core_end_record(lane->core, position, batch->known_at_ms, &lane->changes, &lane->arena);
}

static void lane_apply_batch(struct lane *lane, uint64_t position, const struct batch *batch,
                             struct batch_item *item)
{
    size_t n_duplicates = 0, n_excluded = 0, next_link = 0;
    core_begin_record(lane->core, position, batch->received_at_ms);
    core_expect(lane->core, batch->events, batch->n_events);
    for (size_t i = 0; i < batch->n_events; i++) {
        next_link = lane_apply_links(lane, position, batch, next_link, batch->places[i]);
        enum verdict verdict = core_apply(lane->core, position, batch->places[i], &batch->events[i],
                                          &lane->changes, &lane->arena);
        switch (verdict) {
        case VERDICT_DUPLICATE:
            if (item != NULL)
                item->duplicates[n_duplicates] = batch->places[i];
            n_duplicates++;
            break;
        case VERDICT_EXCLUDED:
            n_excluded++;
            break;
        case VERDICT_COUNTED:
            break;
        }
    }
    (void)lane_apply_links(lane, position, batch, next_link, UINT32_MAX);
    core_end_record(lane->core, position, batch->known_at_ms, &lane->changes, &lane->arena);
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

static void lane_apply_either(struct lane *lane, uint64_t position, const struct batch *batch,
                              struct batch_item *item)
{
    if (batch->source == 0)
        lane_apply_moves(lane, position, batch);
    else
        lane_apply_batch(lane, position, batch, item);
}

static enum err lane_apply_identity(struct lane *lane, uint64_t position, struct span body,
                                    struct control_item *item, int64_t *known_at_ms,
                                    struct err_info *info)
{
    struct link_change change;
    enum err err = record_read_identity(position, body, &lane->arena, &change, info);
    if (err != ERR_OK)
        return err;
    *known_at_ms = change.now_ms;
    core_begin_record(lane->core, position, change.now_ms);
    enum link_changed changed = core_change_link(lane->core, position, 0, &change);
    core_end_record(lane->core, position, change.now_ms, &lane->changes, &lane->arena);
    if (item != NULL)
        item->link_changed = changed;
    return ERR_OK;
}

static enum err lane_apply_playbook(struct lane *lane, uint64_t position, struct span body,
                                    struct control_item *item, int64_t *known_at_ms,
                                    struct err_info *info)
{
    struct playbook *playbook = NULL;
    if (item != NULL) {
        playbook = item->playbook;
        *known_at_ms = item->to_ms;
        item->playbook = NULL;
    } else {
        enum err err = record_read_playbook(position, body, &playbook, known_at_ms, info);
        if (err != ERR_OK)
            return err;
    }
    if (item != NULL)
        lane_warm_stop(lane);
    core_set_playbook(lane->core, position, playbook);
    core_settle(lane->core, position, *known_at_ms, &lane->changes, &lane->arena);
    enum err adopted = rows_adopted(lane->rows, info);
    if (adopted == ERR_OK && item != NULL)
        lane_warm_start(lane);
    return adopted;
}

static struct control_item *lane_control_of(struct fold_item *item)
{
    return item == NULL ? NULL : CONTAINER_OF(item, struct control_item, fold);
}

// NULL: it has none, or this is recovery.
static const struct rpc_trace *lane_trace_of(struct fold_item *item)
{
    if (item != NULL && item->type == LANE_BATCH)
        return lane_trace(&CONTAINER_OF(item, struct batch_item, fold)->trace);
    return item == NULL ? NULL : lane_trace(&lane_control_of(item)->trace);
}

static enum err lane_apply(void *state, uint64_t position, const struct journal_record *record,
                           struct fold_item *fold_item, struct err_info *info)
{
    struct lane *lane = state;
    enum err err = ERR_OK;
    int64_t known_at_ms = 0;
    switch ((enum lane_record)record->type) {
    case LANE_BATCH: {
        struct batch_item *item =
            fold_item == NULL ? NULL : CONTAINER_OF(fold_item, struct batch_item, fold);
        if (item != NULL) {
            lane_apply_either(lane, position, &item->batch, item);
            known_at_ms = item->batch.known_at_ms;
            break;
        }
        struct arena arena;
        struct batch batch;
        arena_init(&arena, 256 * 1024, 0);
        err = codec_batch(record->body, &arena, &batch, info);
        if (err == ERR_OK) {
            lane_apply_either(lane, position, &batch, NULL);
            known_at_ms = batch.known_at_ms;
        } else {
            err = ERR_CORRUPT;
        }
        arena_deinit(&arena);
        break;
    }
    case LANE_TICK: {
        err = record_read_tick(position, record->body, &known_at_ms, info);
        if (err == ERR_OK)
            core_tick(lane->core, position, known_at_ms, &lane->changes, &lane->arena);
        break;
    }
    case LANE_PLAYBOOK:
        err = lane_apply_playbook(lane, position, record->body, lane_control_of(fold_item),
                                  &known_at_ms, info);
        break;
    case LANE_IDENTITY:
        err = lane_apply_identity(lane, position, record->body, lane_control_of(fold_item),
                                  &known_at_ms, info);
        break;
    case LANE_WARMED:
        err = lane_warm_apply(lane, position, record->body, lane_control_of(fold_item), info);
        break;
    default:
        return err_set(info, ERR_CORRUPT, "record %llu: unknown type %u",
                       (unsigned long long)position, record->type);
    }
    if (err != ERR_OK)
        return err;
    lane_take_changes(lane, position, known_at_ms, lane_trace_of(fold_item));
    lane->applied = position;
    return ERR_OK;
}

// The lane's moves to itself.
static void lane_answer_own(struct batch_item *item, enum err err)
{
    bool taken = item->outcome == OUTCOME_APPLIED || item->outcome == OUTCOME_REPEATED;
    struct lane_carry *carry = item->carry;
    batch_item_destroy(item);
    lane_carry_home_done(carry, err != ERR_OK || taken ? err : ERR_FULL);
}

static void lane_answer_batch(struct lane *lane, struct batch_item *item, enum err err)
{
    if (item->outcome == OUTCOME_APPLIED)
        lane_let_out(lane);
    if (item->request == NULL) {
        lane_answer_own(item, err);
        return;
    }
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
    case OUTCOME_MOVES_BEHIND:
        batch_item_refuse(item, RPC_RESOURCE_EXHAUSTED, "too many moves wait for other lanes");
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
    if (fold_item->type == LANE_WARMED) {
        lane_warm_answer(lane, item, err);
        return;
    }
    if (err == ERR_OK && fold_item->type == LANE_IDENTITY && item->link_changed != LINK_CHANGED) {
        bool unknown = item->link_changed == LINK_UNKNOWN;
        item->err = err_set(&item->info, unknown ? ERR_NOT_FOUND : ERR_CONFLICT, "%s",
                            unknown ? "no such link" : "the link is so already");
        lane_post(lane, item, NULL);
        return;
    }
    item->err = err;
    (void)err_set(&item->info, err, "lane %u: %s", lane->opts.number, err_text(err));
    lane_post(lane, item, NULL);
}

static void lane_inspect(void *state, struct fold_item *fold_item)
{
    struct lane *lane = state;
    struct control_item *item = CONTAINER_OF(fold_item, struct control_item, fold);
    if (item->confirm) {
        lane_push_confirmed(lane, item->position, item->index);
        control_item_destroy(item);
        return;
    }
    if (item->confirm_moves) {
        lane_moves_confirmed(lane, item->to_lane, item->position, item->index);
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
        .moves_waiting = lane_moves_waiting(lane),
    };
    lane_warm_progress(lane, &view.warm_first, &view.warm_last);
    item->look(item->arg, &view);
    lane_post(lane, item, NULL);
}

static void lane_flush(void *state)
{
    lane_push_next(state);
    lane_moves_next(state);
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
    lane_moves_collect(lane, rows);
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
    if (table == ROWS_MOVES)
        return lane_moves_load(lane, key, value, info);
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
    lane_moves_settle(lane);
    return ERR_OK;
}

void lane_fatal(void *state, enum err err, const char *text)
{
    const struct lane *lane = state;
    LOG_ERROR("lane_failed", "lane=%u err=%s msg=\"%s\"", lane->opts.number, err_name(err), text);
    _exit(1); // nothing after the last commit was acknowledged; a restart recovers it
}

const struct fold_ops LANE_OPS = {
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
