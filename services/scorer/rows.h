// SPDX-License-Identifier: Apache-2.0
// A lane's core as rows of its store and back: what the fold's freeze, collect, seal, load and loaded
// need. Rows are messages of assay.record.v1. On the fold's thread.
#pragma once

#include "common/base/err.h"
#include "common/fold/fold.h"
#include "services/scorer/core/core.h"

enum { ROWS_ACCOUNTS, ROWS_USERS, ROWS_PROFILES, ROWS_SEEN, ROWS_LANE, ROWS_SIGNALS, ROWS_TABLES };
extern const struct store_table ROWS_TABLE_LIST[ROWS_TABLES];

// The part of the LaneRecord that is not the core's, kept by the lane.
struct rows_source {
    uint64_t source;
    uint64_t last_number;
    int64_t last_received_at_ms;
};
struct rows_lane {
    struct rows_source *sources;
    size_t n_sources, sources_cap;
    uint64_t confirmed_position, confirmed_index;
};

struct rows;
// Keeps both.
struct rows *rows_create(struct core *core, struct rows_lane *lane);
void rows_destroy(struct rows *rows);

// freeze: takes what must be of one instant (ids seen, profiles, the lane's record, with `lane` as it is
// now) and marks the accounts that changed since the last freeze.
void rows_freeze(struct rows *rows, uint64_t position);
// Whole accounts: the account's row and its changed users' rows are always in the same slice.
bool rows_collect(struct rows *rows, uint64_t position, struct fold_rows *out, size_t rows_max);
void rows_seal(struct rows *rows, struct fold_rows *out);
// Every table but ROWS_SIGNALS. Rows of the LaneRecord are in a table before... any order of tables works.
enum err rows_load(struct rows *rows, uint32_t table, struct span key, struct span value,
                   struct err_info *info);
enum err rows_loaded(struct rows *rows, uint64_t position, struct err_info *info);
