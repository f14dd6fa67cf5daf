// SPDX-License-Identifier: Apache-2.0
// A store in memory: rows by table and key. As bytes it is a message of rows (1), each with its
// table (1), key (2) and value (3).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/span.h"

struct shelf_row {
    uint32_t table;
    struct span key, value; // owned
};
struct shelf {
    struct shelf_row *rows; // in order of table and key
    size_t n, cap;
};

// Copies both; replaces the row that is there. A value without bytes at NULL: the row is deleted.
void shelf_put(struct shelf *shelf, uint32_t table, struct span key, struct span value);
void shelf_deinit(struct shelf *shelf);
// Rows of tables up to `n_tables`; what cannot be read is left out.
void shelf_read(struct shelf *shelf, struct span bytes, uint32_t n_tables);
void shelf_write(const struct shelf *shelf, struct buf *out);
// The first row of `a` that `b` does not have just so; NULL: it has them all. Rows of the tables in
// the set `skipped` (by bit) are not looked at.
const struct shelf_row *shelf_differ(const struct shelf *a, const struct shelf *b,
                                     uint32_t skipped);
