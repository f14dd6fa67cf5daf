// SPDX-License-Identifier: Apache-2.0
// The decision log: offset 1, 2, 3 ... to a Decision as packed. The newest part is in memory, the
// rest are rows of the fold's store. One thread, the fold's.
#pragma once

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/fold/fold.h"

struct decision_log;
// `keep`: so many decisions stay in memory after they were stored.
struct decision_log *decision_log_create(uint32_t table, size_t keep);
void decision_log_destroy(struct decision_log *log);
// Recovery: decisions up to here are stored.
void decision_log_restore(struct decision_log *log, uint64_t last);
// The next one; copies. Its offset must be the last one's + 1.
void decision_log_add(struct decision_log *log, uint64_t offset, struct span packed);
uint64_t decision_log_last(const struct decision_log *log);

// A checkpoint: hands out what is not stored yet, and forgets in memory what the checkpoint before
// this one has stored for certain.
void decision_log_seal(struct decision_log *log, struct fold_rows *rows);

// Up to `max` decisions with offsets above `after`, and no more than about bytes_max: for each its
// length (32 bits, little-endian), then its bytes, appended to `out`.
//
// With `wanted`, only those for which it says true, and no more than `look_max` are looked at.
// *next: the last offset that was looked at, `after` when there is none.
struct decision_query {
    uint64_t after;
    size_t max;
    size_t bytes_max;
    size_t look_max;
    bool (*wanted)(void *arg, struct span packed); // NULL: all
    void *arg;
};
MUST_USE enum err decision_log_find(const struct decision_log *log, struct fold *fold,
                                    const struct decision_query *query, struct buf *out,
                                    uint64_t *next, struct err_info *info);
// All of them, up to `max`.
MUST_USE enum err decision_log_read(const struct decision_log *log, struct fold *fold,
                                    uint64_t after, size_t max, size_t bytes_max, struct buf *out,
                                    struct err_info *info);
