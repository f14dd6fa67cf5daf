// SPDX-License-Identifier: Apache-2.0
// A lane's core between rows and rows: loaded from a shelf, checkpointed to one.
#pragma once

#include "common/base/err.h"
#include "services/scorer/rows.h"
#include "tests/fuzz/shelf.h"

struct lane_shelf {
    struct core *core;
    struct rows *rows;
    struct rows_lane lane;
};

void lane_shelf_init(struct lane_shelf *lane);
void lane_shelf_deinit(struct lane_shelf *lane);
// CORRUPT, with the reason, or OK.
enum err lane_shelf_load(struct lane_shelf *lane, const struct shelf *from, struct err_info *info);
// Every account and profile as if it had changed.
void lane_shelf_touch(struct lane_shelf *lane);
void lane_shelf_checkpoint(struct lane_shelf *lane, uint64_t position, struct shelf *to);
