// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/rebuild.h"

#include "common/base/mem.h"
#include "services/scorer/codec.h"
#include "services/scorer/core/state.h"

struct rebuild {
    struct core *core;
    uint64_t first, last;
    int64_t since_ms;
    struct arena events, changed; // of one record
    struct signal_changes changes;
    enum err err;
    struct err_info info;
};

struct rebuild *rebuild_create(const struct core_opts *opts, struct playbook *playbook)
{
    struct rebuild *rebuild = mem_zalloc(sizeof *rebuild);
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
    core_destroy(rebuild->core);
    signal_changes_deinit(&rebuild->changes);
    arena_deinit(&rebuild->events);
    arena_deinit(&rebuild->changed);
    mem_free(rebuild);
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
    core_expect(rebuild->core, batch.events, batch.n_events);
    for (size_t i = 0; i < batch.n_events; i++)
        (void)core_apply(rebuild->core, position, (uint32_t)i, &batch.events[i], &rebuild->changes,
                         &rebuild->changed);
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
