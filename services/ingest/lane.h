// SPDX-License-Identifier: Apache-2.0
// The way to one lane of a scorer: events become batches numbered 1, 2, 3 ... without a hole, up to
// a window of them is in flight, and each is kept until it is acknowledged. One loop's thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/span.h"
#include "common/metrics/metrics.h"

struct ingest;
struct lane;
struct request;
struct peer;

// Labels: lane.
#define LANE_METRICS(X)                                                                            \
    X(GAUGE, bytes, "assay_ingest_lane_waiting_bytes", "Events that are not acknowledged")         \
    X(GAUGE, in_flight, "assay_ingest_lane_batches_in_flight", "Batches sent and not answered")    \
    X(COUNTER, batches, "assay_ingest_lane_batches_total", "Batches acknowledged")                 \
    X(COUNTER, events, "assay_ingest_lane_events_total", "Events acknowledged, copies included")   \
    X(COUNTER, resends, "assay_ingest_lane_resends_total", "Batches sent again")                   \
    X(COUNTER, replaced, "assay_ingest_lane_replaced_total",                                       \
      "Batches that the scorer would not take, sent again without events")                         \
    X(HISTOGRAM, apply, "assay_ingest_lane_apply_seconds", "Time from sending to the answer")
struct lane_metrics {
    METRICS_FIELDS(LANE_METRICS)
};

struct lane_opts {
    uint32_t number;
    const char *node; // the owner's name
    uint64_t map_version;
    uint64_t source; // not 0
    struct peer *peer;
    struct lane_metrics *metrics;
};

// What an event weighs beside its bytes, in `lane_bytes_max` too.
enum { LANE_EVENT_OVERHEAD = 32 };

struct lane_event {
    struct span packed;    // as assay.scorer.v1.Event
    size_t unpacked_bytes; // what it takes in memory when the scorer reads it, at most
    struct request *request;
    uint32_t index; // its place in the request
    bool copy;      // the verdict on it is not the event's
};

// Copies `node`, keeps the peer and the metrics.
struct lane *lane_create(struct ingest *ingest, const struct lane_opts *opts);
// Drops what it holds: the events' requests, whose calls have been answered, are told by
// request_dropped. The lane is gone once its calls have ended; ingest->n_lanes_alive counts it till
// then.
void lane_retire(struct lane *lane);
// Whether events of `bytes` fit (packed, with LANE_EVENT_OVERHEAD each). An empty lane takes
// anything.
bool lane_has_room(const struct lane *lane, size_t bytes);
// "lane 3 (scorer-1) is behind: 64 MiB wait"
const char *lane_describe_behind(const struct lane *lane, char out[160]);
// Adds an event. Borrows what `event` points to, but keeps the request.
void lane_append(struct lane *lane, const struct lane_event *event);
// After the last event of a request: sends what may be sent.
void lane_flush(struct lane *lane);
// Waits no longer for batches to grow.
void lane_hurry(struct lane *lane);
void lane_refresh_metrics(struct lane *lane);
