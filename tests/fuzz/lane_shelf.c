// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/lane_shelf.h"

#include "common/base/mem.h"
#include "common/base/time_text.h"
#include "services/scorer/core/state.h"

enum { SLICE_ROWS = 3 };
// Of a checkpoint that the rows are of.
static const uint64_t POSITION = 3000000;

static struct shelf *collected;

// These two stand in for the fold's.
void fold_rows_put(struct fold_rows *rows, uint32_t table, struct span key, struct span value)
{
    rows->n++;
    shelf_put(collected, table, key, value);
}

void fold_rows_delete(struct fold_rows *rows, uint32_t table, struct span key)
{
    rows->n++;
    shelf_put(collected, table, key, (struct span){NULL, 0});
}

void lane_shelf_init(struct lane_shelf *lane)
{
    struct core_opts opts = {.dedupe_window_ms = TIME_DAY_MS, .dedupe_ids_max = 100000};
    *lane = (struct lane_shelf){.core = core_create(&opts)};
    lane->rows = rows_create(lane->core, &lane->lane);
}

void lane_shelf_deinit(struct lane_shelf *lane)
{
    rows_destroy(lane->rows);
    core_destroy(lane->core);
    mem_free(lane->lane.sources);
}

enum err lane_shelf_load(struct lane_shelf *lane, const struct shelf *from, struct err_info *info)
{
    for (size_t i = 0; i < from->n; i++) {
        const struct shelf_row *row = &from->rows[i];
        if (row->table == ROWS_SIGNALS || row->table == ROWS_MOVES)
            continue; // the lane's
        enum err err = rows_load(lane->rows, row->table, row->key, row->value, info);
        if (err != ERR_OK)
            return err;
    }
    return rows_loaded(lane->rows, POSITION, info);
}

void lane_shelf_touch(struct lane_shelf *lane)
{
    struct core *core = lane->core;
    for (uint32_t i = 0; i < core->n_accounts; i++) {
        struct account *account = core->accounts[i];
        account_touch(core, i);
        for (uint32_t u = 0; u < account->n_users; u++)
            user_touch(account, account->users[u].user);
    }
    for (uint32_t i = 0; i < core->n_profiles; i++)
        profile_touch(core, i);
}

void lane_shelf_checkpoint(struct lane_shelf *lane, uint64_t position, struct shelf *to)
{
    struct fold_rows out = {0};
    collected = to;
    rows_freeze(lane->rows, position);
    while (rows_collect(lane->rows, position, &out, SLICE_ROWS))
        continue;
    rows_seal(lane->rows, &out);
}
