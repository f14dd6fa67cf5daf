// SPDX-License-Identifier: Apache-2.0
// Moves that are delivered at once and in memory, for a core that stands for itself: a backtest,
// where one core has every account, and the second core by which new measures get their past, where
// what goes to other lanes is dropped. First in, first out, which keeps the order of each pair of
// accounts. One thread.
#pragma once

#include "common/base/buf.h"
#include "services/scorer/core/identity.h"

// `{0}` is empty. Fields private.
struct moves_queue {
    struct buf bytes;
    size_t at;
};
void moves_queue_deinit(struct moves_queue *queue);
// What the record that has just ended has made (core_moves). `ours` NULL: all of it.
typedef bool (*moves_ours_fn)(void *arg, struct span account);
void moves_queue_add(struct moves_queue *queue, const struct core *core, moves_ours_fn ours,
                     void *arg);
// Takes the first one as a record of its own, which is begun and ended. False: the queue is empty.
struct moves_record {
    uint64_t position;
    int64_t intake_ms;
    int64_t known_at_ms;
};
bool moves_queue_take(struct moves_queue *queue, struct core *core,
                      const struct moves_record *record, struct signal_changes *changes,
                      struct arena *arena);
