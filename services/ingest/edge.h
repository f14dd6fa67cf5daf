// SPDX-License-Identifier: Apache-2.0
// The HTTP port of the process: an HTTP server with everything that is public on it. Loop's thread.
#pragma once

#include <stdbool.h>

#include "common/base/err.h"
#include "common/loop/loop.h"
#include "common/metrics/metrics.h"
#include "common/rpc/rpc.h"

#define EDGE_ONLY_KEY "dev"

struct edge_config {
    const char *http; // "HOST:PORT"; "": there is none
    int64_t connections_max;
    int64_t body_bytes_max;
    int64_t event_bytes_max;
    int64_t events_max;
    int64_t work_bytes_max;
    const char *posthog_group;
    // There is a file of keys; without, the write key is EDGE_ONLY_KEY. Filled by the service.
    bool keys;
    // Of HTTP, in work at once; more are answered 503. Not in the file: the service fills it, so
    // that callers of other transports always find a place.
    int64_t requests_max;
};

struct edge;
struct ingest;
// Listens. `server` has all its services. Keeps `loop`, `server`, `metrics` and `ingest`, which is
// told of what is no event; `config` is read here alone.
// `*out` is NULL when there is no address. Errors as httpd_open has them.
MUST_USE enum err edge_open(struct loop *loop, const struct edge_config *config,
                            struct ingest *ingest, struct rpc_server *server,
                            struct metrics *metrics, struct edge **out, struct err_info *info);
// No new requests; those in work end within drain_ms; then calls back, once, later.
void edge_close(struct edge *edge, int64_t drain_ms, void (*closed)(void *arg), void *arg);
// After `closed`. NULL is allowed.
void edge_destroy(struct edge *edge);
// Writes the metrics that are read at the time of asking. NULL is allowed.
void edge_refresh_metrics(struct edge *edge);
