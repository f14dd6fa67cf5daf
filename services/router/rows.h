// SPDX-License-Identifier: Apache-2.0
// The router's core as rows of a store and back. Rows are messages of assay.record.v1; a key is a
// number (8 bytes in the machine's order), that of a team's row its name. One thread, the core's.
#pragma once

#include "common/base/buf.h"
#include "common/base/err.h"
#include "services/router/core/core.h"

// Loaded in this order; DECISIONS are the service's own and not loaded.
enum router_table {
    ROUTER_TABLE_ACCOUNTS,
    ROUTER_TABLE_LEADS,
    ROUTER_TABLE_LEASES,
    ROUTER_TABLE_ROUTER,
    ROUTER_TABLE_TEAMS,
    ROUTER_TABLE_DECISIONS,
    ROUTER_TABLES,
};

struct router_rows;
// Keeps the core.
struct router_rows *router_rows_create(struct router_core *core);
void router_rows_destroy(struct router_rows *rows);

// `value.ptr` NULL: the row is deleted.
typedef void (*router_row_put)(void *arg, enum router_table table, struct span key,
                               struct span value);
// Hands out every row that has changed since the last call.
void router_rows_take(struct router_rows *rows, router_row_put put, void *arg);

// Into an empty core, tables in their order, keys in theirs. CORRUPT: not such a row, or not the
// next.
MUST_USE enum err router_rows_load(struct router_rows *rows, enum router_table table,
                                   struct span key, struct span value, struct err_info *info);
// After the last row. The playbook that was in force is read by `load`, a playbook_load; NULL
// result in *out: none was. CORRUPT: rows contradict each other, or the playbook cannot be read.
struct playbook;
typedef enum err (*router_playbook_load)(const char *file, struct span text, struct playbook **out,
                                         struct buf *report);
MUST_USE enum err router_rows_loaded(struct router_rows *rows, router_playbook_load load,
                                     struct err_info *info);
