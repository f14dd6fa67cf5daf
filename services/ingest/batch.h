// SPDX-License-Identifier: Apache-2.0
// One batch of a lane: the events' bytes as they go over the wire, and whose events they are. The
// lane owns it and decides everything.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/rpc/trace.h"
#include "services/ingest/lane.h"

struct batch_event {
    struct request *request;
    uint32_t index;
    bool copy;
};

struct batch {
    struct batch *next;
    struct lane *lane;
    uint64_t number; // 0 while it is open
    // The events, then the other fields of the ApplyRequest.
    struct buf body;
    size_t events_len;
    struct batch_event *events;
    uint32_t n_events, events_cap;
    struct rpc_trace trace; // of the first event's request
    int64_t received_at_ms; // by the wall clock; set when it is sealed
    int64_t unpack_excess;
    uint64_t sent_ns;
    uint32_t n_sent;
    uint32_t n_internal; // answers with INTERNAL
    bool in_flight;
    bool was_first; // when it was sent, all below it was acknowledged
    bool acknowledged;
    bool replaced; // by nothing
};

struct batch_head {
    uint64_t source;
    uint64_t number;
    uint32_t lane;
    uint64_t map_version;
};

struct batch *batch_create(struct lane *lane);
// No call of it is in flight. Its requests are not told.
void batch_destroy(struct batch *batch);
// What it counts in the lane's bytes.
size_t batch_weight(const struct batch *batch);
// Whether the scorer can still read it with this event in it.
bool batch_can_grow(const struct batch *batch, const struct lane_event *event);
void batch_append(struct batch *batch, const struct lane_event *event);
// Writes the fields beside the events, in place of those written before.
void batch_write_head(struct batch *batch, const struct batch_head *head);
// Empties it; the events are the caller's.
struct batch_event *batch_take_events(struct batch *batch, uint32_t *n);
