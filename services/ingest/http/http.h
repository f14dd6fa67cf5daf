// SPDX-License-Identifier: Apache-2.0
// Events over HTTP, as the SDKs of Segment, RudderStack, PostHog and Jitsu post them: routes on a
// server of common/httpd, whose bodies become calls of IngestService/Ingest inside this process.
// One body is one IngestRequest without a sender. Loop's thread.
//
// 200 with a verdict for each event that was not simply accepted, as soon as all of them are
// durable. Otherwise nothing of the body is promised: 400 (no JSON), 401 and 403 (the key), 413
// (bounds), 429 (over a rate) and 503 (not now) with Retry-After, 500, 501; SDKs send 429 and 5xx
// again.
#pragma once

#include "common/httpd/httpd.h"
#include "common/rpc/carry.h"

struct ingest_http_opts {
    struct httpd *httpd;       // keeps; closed before ingest_http_destroy
    struct rpc_server *server; // keeps; has IngestService
    size_t body_bytes_max;     // as sent and as unpacked, each
    size_t event_bytes_max;
    size_t events_max;     // of a body
    size_t work_bytes_max; // memory of all requests together; beyond it 503
    // Without a file of keys: the one write key that is taken, so that a wrong one is noticed
    // before there are others. NULL: the server's guard looks at keys.
    const char *only_key;
    const char *posthog_group; // the type of PostHog's groups that accounts are; "": any
    // Something in a body was no event, so that IngestService never saw it. `json` is valid during
    // the call. May be NULL. (Events that IngestService refuses carry their JSON in as_received.)
    // `source` is the id of the write key; "" without one.
    void (*refused)(void *arg, struct span json, const char *reason, const char *source);
    void *refused_arg;
};

struct ingest_http;
// Adds the routes. `opts` is copied.
struct ingest_http *ingest_http_create(const struct ingest_http_opts *opts);
// When the server has closed and every call has ended.
void ingest_http_destroy(struct ingest_http *http);

struct ingest_http_stats {
    uint64_t bodies, events;
    uint64_t keys_refused; // 401 and 403
    uint64_t pushed_back;  // 429 and 503
    uint64_t work_bytes;   // held now
};
void ingest_http_stats(const struct ingest_http *http, struct ingest_http_stats *out);
