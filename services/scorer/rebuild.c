// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/rebuild.h"

#include "common/base/mem.h"
#include "services/scorer/codec.h"
#include "services/scorer/core/state.h"
#include "services/scorer/moves_codec.h"
#include "services/scorer/moves_queue.h"

struct rebuild {
    struct core *core;
    const struct shard_map *map;
    uint32_t lane;
    struct moves_queue moves;
    uint64_t first, last;
    int64_t since_ms;
    struct arena events, changed; // of one record
    struct signal_changes changes;
    enum err err;
    struct err_info info;
};

struct rebuild *rebuild_create(const struct core_opts *opts, struct playbook *playbook,
                               const struct shard_map *map, uint32_t lane)
{
    struct rebuild *rebuild = mem_zalloc(sizeof *rebuild);
    rebuild->map = map;
    rebuild->lane = lane;
    arena_init(&rebuild->events, 256 * 1024, 0);
    arena_init(&rebuild->changed, 64 * 1024, 0);
    rebuild->core = core_create(opts);
    core_set_playbook(rebuild->core, 0, playbook);
    // Only its measures are wanted: as long as these are said to warm, no signal is decided.
    for (int32_t i = 0; i < playbook->n_signals; i++)
        sigset_add(&rebuild->core->warming_signals, i);
    return rebuild;
}

void rebuild_destroy(struct rebuild *rebuild)
{
    if (rebuild == NULL)
        return;
    moves_queue_deinit(&rebuild->moves);
    core_destroy(rebuild->core);
    signal_changes_deinit(&rebuild->changes);
    arena_deinit(&rebuild->events);
    arena_deinit(&rebuild->changed);
    mem_free(rebuild);
}

static bool rebuild_is_ours(void *arg, struct span account)
{
    const struct rebuild *rebuild = arg;
    return shard_map_lane_of_key(rebuild->map, account) == rebuild->lane;
}

static void rebuild_deliver(struct rebuild *rebuild, const struct moves_record *record)
{
    do
        moves_queue_add(&rebuild->moves, rebuild->core, rebuild_is_ours, rebuild);
    while (moves_queue_take(&rebuild->moves, rebuild->core, record, &rebuild->changes,
                            &rebuild->changed));
}

static void rebuild_events(struct rebuild *rebuild, uint64_t position, const struct batch *batch)
{
    core_expect(rebuild->core, batch->events, batch->n_events);
    for (size_t i = 0; i < batch->n_events; i++)
        (void)core_apply(rebuild->core, position, batch->places[i], &batch->events[i],
                         &rebuild->changes, &rebuild->changed);
    for (size_t i = 0; i < batch->n_links; i++)
        core_link(rebuild->core, position, batch->links[i].place, &batch->links[i].link,
                  batch->known_at_ms);
}

// The lane's moves to itself were delivered when they were made.
static void rebuild_moves(struct rebuild *rebuild, uint64_t position, const struct batch *batch)
{
    for (uint32_t i = 0; i < batch->n_moves && batch->from_lane != rebuild->lane; i++) {
        struct move move;
        struct err_info info;
        if (moves_unpack(rebuild->core, batch->moves[i].body, &rebuild->events, &move, &info) !=
            ERR_OK)
            continue; // as when it was taken
        core_take_move(rebuild->core, position, i, &move, batch->known_at_ms, &rebuild->changes,
                       &rebuild->changed);
        move_deinit(&move);
    }
}

static enum err rebuild_batch(struct rebuild *rebuild, uint64_t position, struct span body)
{
    struct batch batch;
    enum err err = codec_batch(body, &rebuild->events, &batch, &rebuild->info);
    if (err != ERR_OK)
        return err_prefix(&rebuild->info, ERR_CORRUPT, "record %llu", (unsigned long long)position);
    if (rebuild->since_ms == 0)
        rebuild->since_ms = batch.received_at_ms;
    core_begin_record(rebuild->core, position, batch.received_at_ms);
    if (batch.source == 0)
        rebuild_moves(rebuild, position, &batch);
    else
        rebuild_events(rebuild, position, &batch);
    core_end_record(rebuild->core, position, batch.known_at_ms, &rebuild->changes,
                    &rebuild->changed);
    struct moves_record record = {position, batch.received_at_ms, batch.known_at_ms};
    rebuild_deliver(rebuild, &record);
    return ERR_OK;
}

static enum err rebuild_identity(struct rebuild *rebuild, uint64_t position, struct span body)
{
    struct link_change change;
    enum err err = record_read_identity(position, body, &rebuild->events, &change, &rebuild->info);
    if (err != ERR_OK)
        return err;
    core_begin_record(rebuild->core, position, change.now_ms);
    (void)core_change_link(rebuild->core, position, 0, &change);
    core_end_record(rebuild->core, position, change.now_ms, &rebuild->changes, &rebuild->changed);
    struct moves_record record = {position, change.now_ms, change.now_ms};
    rebuild_deliver(rebuild, &record);
    return ERR_OK;
}

bool rebuild_record(void *arg, uint64_t position, const struct journal_record *record)
{
    struct rebuild *rebuild = arg;
    CHECK(rebuild->last == 0 || position == rebuild->last + 1);
    switch ((enum lane_record)record->type) {
    case LANE_BATCH:
        rebuild->err = rebuild_batch(rebuild, position, record->body);
        break;
    case LANE_TICK:     // moves no measure
    case LANE_PLAYBOOK: // it has its own
    case LANE_WARMED:
        break;
    case LANE_IDENTITY:
        rebuild->err = rebuild_identity(rebuild, position, record->body);
        break;
    }
    if (rebuild->first == 0)
        rebuild->first = position;
    rebuild->last = position;
    rebuild->core->seen.n_fresh = 0; // no rows are made of them
    rebuild->changes.n = 0;
    arena_reset(&rebuild->events);
    arena_reset(&rebuild->changed);
    return rebuild->err == ERR_OK;
}

enum err rebuild_err(const struct rebuild *rebuild, struct err_info *info)
{
    if (info != NULL)
        *info = rebuild->info;
    return rebuild->err;
}

struct core *rebuild_core(struct rebuild *rebuild)
{
    return rebuild->core;
}

uint64_t rebuild_first(const struct rebuild *rebuild)
{
    return rebuild->first;
}

uint64_t rebuild_last(const struct rebuild *rebuild)
{
    return rebuild->last;
}

int64_t rebuild_since_ms(const struct rebuild *rebuild)
{
    return rebuild->first == 1 ? 0 : rebuild->since_ms;
}
