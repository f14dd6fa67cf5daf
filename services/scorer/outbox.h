// SPDX-License-Identifier: Apache-2.0
// Signals on their way from a lane's fold to the router, or moves to one other lane, in order of
// their number. Each is kept until the receiver has confirmed it: in memory, and in the lane's
// store from the next checkpoint slice on, because a slice may move an account past the record that
// made it, and replay would not make it again. On the fold's thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include "common/fold/fold.h"
#include "common/rpc/trace.h"

struct outbox;

struct outbox *outbox_create(void);
void outbox_destroy(struct outbox *outbox);

// Adds a packed message (router.v1.Signal, scorer.v1.Move). Live, numbers rise; in recovery any
// order, and repetitions, are put right by outbox_settle. `trace` is that of the record `position`;
// NULL: none, as always in recovery. In memory alone, and only of the first records that wait.
void outbox_add(struct outbox *outbox, uint64_t position, uint64_t index, struct span signal,
                const struct rpc_trace *trace);
// Recovery: the stored row of one.
MUST_USE enum err outbox_load(struct outbox *outbox, struct span key, struct span value,
                              struct err_info *info);
// End of recovery: in order, each once, none that was confirmed.
void outbox_settle(struct outbox *outbox, uint64_t confirmed_position, uint64_t confirmed_index);

// The first signals that wait, about `max`, as the body of an ApplySignalsRequest for `lane`. It
// ends where an event's signals end, unless one event alone has more than a router takes in one
// call. How many; 0 when none waits.
size_t outbox_batch(const struct outbox *outbox, uint32_t lane, size_t max, struct buf *out);
// The first that wait, at most `max` and about `bytes_max`, each as the field `field` (below 16) of
// a message that begins in `out`. How many, and the number of the last.
size_t outbox_append(const struct outbox *outbox, uint32_t field, size_t max, size_t bytes_max,
                     struct buf *out, uint64_t *position, uint64_t *index);
// The trace of the first `n` that wait: of the first record of theirs that has one. NULL: none has.
const struct rpc_trace *outbox_trace(const struct outbox *outbox, size_t n);
// The number of the first signal that waits; there must be one.
void outbox_first(const struct outbox *outbox, uint64_t *position, uint64_t *index);
// Forgets what the router has taken, up to and with this number.
void outbox_confirm(struct outbox *outbox, uint64_t position, uint64_t index);
size_t outbox_waiting(const struct outbox *outbox);

// Rows for a checkpoint slice: what is not stored yet, and deletions of what was confirmed.
void outbox_collect(struct outbox *outbox, uint32_t table, struct fold_rows *rows);
