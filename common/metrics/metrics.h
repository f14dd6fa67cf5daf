// SPDX-License-Identifier: Apache-2.0
// Counters, gauges and latency histograms, written as Prometheus' text format
// (https://prometheus.io/docs/instrumenting/exposition_formats/). Each module declares its own
// metrics in one X-list; the service registers the sets that it has. Updating is lock-free and
// allowed on any thread; registering and writing are for one thread.
//
// The comment before a list names the labels of its sets, for the reference (docs/reference).
//
// (continuation marks left out)
//     // Labels: lane.
//     #define LANE_METRICS(X)
//         X(COUNTER, records, "assay_lane_records_total", "Records folded")
//         X(GAUGE, waiting, "assay_lane_waiting", "Batches in the lane's queue")
//         X(HISTOGRAM, commit, "assay_lane_commit_seconds", "Time of a journal commit")
//     struct lane_metrics { METRICS_FIELDS(LANE_METRICS) };
//     #define LANE_DESC(kind, field, name, help)
//         METRICS_DESC(struct lane_metrics, kind, field, name, help)
//     static const struct metrics_desc LANE_DESCS[] = { LANE_METRICS(LANE_DESC) };
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"

// SECONDS is a gauge, SECONDS_TOTAL a counter of nanoseconds; both are written in seconds.
enum metrics_kind {
    METRICS_COUNTER,
    METRICS_GAUGE,
    METRICS_SECONDS,
    METRICS_SECONDS_TOTAL,
    METRICS_HISTOGRAM
};

// Fields private.
struct metrics_counter {
    uint64_t value;
};
struct metrics_gauge {
    int64_t value;
};
// Observes nanoseconds; buckets of 1, 2.5 and 5 in each power of ten, from 0.1 ms to 10 s, and the
// rest.
enum { METRICS_BUCKETS = 16 };
struct metrics_histogram {
    uint64_t buckets[METRICS_BUCKETS + 1];
    uint64_t sum_ns;
};

void metrics_add(struct metrics_counter *counter, uint64_t n);
// For a counter that is kept elsewhere: its total, which never goes back.
void metrics_mirror(struct metrics_counter *counter, uint64_t total);
void metrics_set(struct metrics_gauge *gauge, int64_t value);
void metrics_observe(struct metrics_histogram *histogram, uint64_t ns);
uint64_t metrics_value(const struct metrics_counter *counter);

// `name` follows Prometheus' customs: a counter ends in _total, a time is in _seconds.
struct metrics_desc {
    enum metrics_kind kind;
    const char *name;
    const char *help;
    size_t offset;
};

#define METRICS_TYPE_COUNTER struct metrics_counter
#define METRICS_TYPE_GAUGE struct metrics_gauge
#define METRICS_TYPE_SECONDS struct metrics_gauge
#define METRICS_TYPE_SECONDS_TOTAL struct metrics_counter
#define METRICS_TYPE_HISTOGRAM struct metrics_histogram
#define METRICS_FIELD(kind, field, name, help) METRICS_TYPE_##kind field;
#define METRICS_FIELDS(list) list(METRICS_FIELD)
#define METRICS_DESC(type, kind, field, name, help)                                                \
    {METRICS_##kind, name, help, __builtin_offsetof(type, field)},

// A registry of metric sets, each with labels ("lane=\"3\"", may be ""). Sets that share
// descriptors are written together, as the format wants.
struct metrics;
struct metrics *metrics_create(void);
void metrics_destroy(struct metrics *metrics);
// Keeps `set` and `descs`; copies `labels`.
void metrics_register(struct metrics *metrics, const struct metrics_desc *descs, size_t n_descs,
                      const void *set, const char *labels);
// Appends the text. A name that several sets have (of one kind, CHECKed) gets HELP and TYPE once.
void metrics_write(const struct metrics *metrics, struct buf *out);
