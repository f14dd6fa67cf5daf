// SPDX-License-Identifier: Apache-2.0
// What one measure keeps for one subject. Three shapes:
//   buckets   pairs (where, how much) sorted by where: a UTC day or hour, a period, a level of a
//   score;
//             one pair lies in the cell itself
//   values    the distinct values seen, each with the last bucket that it was seen in, and a
//   histogram of
//             these buckets
//   anchored  instants that may lie in the window after an anchor that is known, or is yet to come
// None of them depends on the order in which events arrive.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/hash.h"

enum cell_shape { CELL_BUCKETS, CELL_VALUES, CELL_ANCHORED };

// Bounds for one cell. Past them: new buckets and new values do not count; anchored instants merge.
enum { CELL_BUCKETS_MAX = 65536, CELL_VALUES_MAX = 1 << 20, CELL_ANCHORED_MAX = 65536 };

struct cell_entry {
    int64_t key;
    int64_t value;
};

// Open struct; all zero is an empty cell of any shape.
struct cell {
    union {
        struct cell_entry one;
        struct cell_entry *entries; // buckets, cap > 0
        struct cell_values *values;
        struct cell_anchored *anchored;
    };
    uint32_t n;   // buckets
    uint32_t cap; // buckets: of `entries`; 0: the one is inline
};

enum cell_op { CELL_ADD, CELL_MIN, CELL_MAX, CELL_SET };

void cell_deinit(struct cell *cell, enum cell_shape shape);

// ---- Buckets ----
// Combines `value` into the bucket; before a new one is added, those below `low` are dropped.
void cell_put(struct cell *cell, int64_t key, int64_t value, enum cell_op op, int64_t low);
// Adds to a bucket if it is there, and drops it at 0.
void cell_take_away(struct cell *cell, int64_t key, int64_t value);
static inline const struct cell_entry *cell_entries(const struct cell *cell)
{
    return cell->cap == 0 ? &cell->one : cell->entries;
}
// The first entry whose key is not below `low`.
uint32_t cell_first(const struct cell *cell, int64_t low);

// ---- Values ----
struct cell_value {
    struct hash128 hash;
    int64_t last; // bucket
    bool used;
};

struct cell_values {
    struct cell buckets; // histogram: how many values were last seen in each bucket
    struct cell_value *slots;
    uint64_t mask;
    uint32_t n;
    int64_t low; // what the last rebuild dropped lies below
};

void cell_see(struct cell *cell, struct hash128 hash, int64_t key, int64_t low);
// The histogram; an empty one when nothing was seen.
const struct cell *cell_histogram(const struct cell *cell);

// ---- Anchored ----
#define CELL_NO_ANCHOR INT64_MAX

struct cell_anchored {
    int64_t anchor; // the earliest; CELL_NO_ANCHOR: none yet
    uint32_t n, cap;
    struct cell_entry *entries; // by (key, value); keys are instants
};

// `apart`: entries of one instant and different values are different (the value is a hash), and
// equal ones are one; otherwise values of an instant are combined by `op`.
void cell_at(struct cell *cell, int64_t at_ms, int64_t value, bool apart, enum cell_op op,
             int64_t within_ms);
void cell_anchor(struct cell *cell, int64_t at_ms, int64_t within_ms);
// Entries within [anchor, anchor + within); the first one and how many.
const struct cell_entry *cell_within(const struct cell *cell, int64_t within_ms, uint32_t *n);

// ---- Rows ----
// Adds back what a row holds.
void cell_restore_bucket(struct cell *cell, int64_t key, int64_t value);
void cell_restore_value(struct cell *cell, struct hash128 hash, int64_t last);
void cell_restore_at(struct cell *cell, int64_t at_ms, int64_t value);
void cell_restore_anchor(struct cell *cell, int64_t anchor); // after the instants
