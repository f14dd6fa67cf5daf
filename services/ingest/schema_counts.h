// SPDX-License-Identifier: Apache-2.0
// What did not meet the playbook's schemas: counted by event and kind of violation, with a bound on
// the names that stand in metrics. Loop's thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/span.h"
#include "common/metrics/metrics.h"
#include "services/ingest/core/schema.h"

// Labels: event, violation.
#define SCHEMA_METRICS(X)                                                                          \
    X(COUNTER, events, "assay_ingest_schema_violations_total",                                     \
      "Events that did not meet a schema, by event and what was wrong; taken or not")
struct schema_metrics {
    METRICS_FIELDS(SCHEMA_METRICS)
};

// Names with series of their own since the start; the rest, and all without a schema, are "other".
enum { SCHEMA_COUNTS_NAMES_MAX = 256, SCHEMA_COUNTS_SAMPLE_MS = 1000 };

struct schema_counts;
// `metrics` may be NULL, and is kept.
struct schema_counts *schema_counts_create(struct metrics *metrics);
void schema_counts_destroy(struct schema_counts *counts); // NULL is allowed
// Counts one event. True: it is the sample of its name for this second, to be kept even if it is
// taken.
bool schema_counts_add(struct schema_counts *counts, struct span event,
                       const struct ingest_finding *finding, int64_t now_ms);
