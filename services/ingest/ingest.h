// SPDX-License-Identifier: Apache-2.0
// The way in: takes requests of events, splits them by account, sends numbered batches to the lanes
// of the scorers, and answers once every event is durable there. One loop's thread.
//
// Nothing is kept on disk: a source is one start of this process, and what was not acknowledged
// when it ends is sent again by its senders (their message ids keep it from counting twice).
#pragma once

#include "assay/ingest/v1/ingest.pb-c.h"
#include "common/base/err.h"
#include "common/loop/loop.h"
#include "common/metrics/metrics.h"
#include "common/rpc/rpc.h"
#include "common/shard/shard.h"

struct ingest_config {
    const char *shard_map;    // file
    int clock;                // enum ingest_clock
    int accounts;             // enum ingest_accounts
    int64_t lane_bytes_max;   // of events that wait for one lane
    int64_t batch_events;     // at most in a batch
    int64_t batch_bytes;      // a batch that has as many is sent
    int64_t linger_ms;        // how long a batch waits to grow when there is room in the window
    int64_t window;           // batches of a lane in flight
    int64_t apply_timeout_ms; // of one batch
    int64_t retry_min_ms;     // the pause after a failure; doubled by each one more
    int64_t retry_max_ms;
    int64_t senders_max;       // remembered; the one idle for longest is forgotten
    int64_t held_requests_max; // of one sender, ahead of their turn
    int64_t held_bytes_max;    // of all senders
    // Of all senders; at most a part of the server's calls_max, so that those whose turn it is
    // always find a place. Not in the file: the service fills it.
    int64_t held_all_max;
    const char *data;     // folder for dead letters; NULL or "": none are kept
    const char *playbook; // file with schemas; NULL or "": none, until one is loaded
    int64_t letters_max;
    int64_t letters_bytes_max;
    int64_t letters_age_max_ms;
    // What it shows of itself to scorers, as rpc_client_opts has it; may be NULL. Not in the file.
    const char *(*authorization)(void *arg);
    void *authorization_arg;
};

enum { INGEST_REQUEST_EVENTS_MAX = 2500, INGEST_SENDER_BYTES_MAX = 200 };

struct ingest;
struct playbook;

// `source` is where the shard map is; it is read here, and again when a scorer says that it has
// changed. Keeps `config` and `source`. `metrics` may be NULL; the registered sets live until
// ingest_destroy. NOT_FOUND and UNAVAILABLE when there is no map yet, CORRUPT when it makes no
// sense.
MUST_USE enum err ingest_open(struct loop *loop, const struct ingest_config *config,
                              struct shard_source *source, struct metrics *metrics,
                              struct ingest **out, struct err_info *info);
// assay.ingest.v1.IngestService, for rpc_server_add.
ProtobufCService *ingest_service(struct ingest *ingest);
// The same, added to a server through which dead letters are then sent again. Keeps `server`.
void ingest_serve(struct ingest *ingest, struct rpc_server *server);
// Puts a playbook's schemas in force; takes it. NULL: no event is judged by schemas.
void ingest_use_playbook(struct ingest *ingest, struct playbook *playbook);
// What is in force, or NULL.
const struct playbook *ingest_playbook(const struct ingest *ingest);

// For edges that read another form than messages: something came that is no event at all. It is
// counted as refused, and kept as a dead letter.
struct ingest_unread {
    const char *reason;      // as for events: the field and what was expected of it
    struct span as_received; // one JSON object, or what came in its place
    const char *way;         // "http"
    const char *source;      // id of the write key; "" without one
};
void ingest_refuse_unread(struct ingest *ingest, const struct ingest_unread *unread);

// Refuses new requests (UNAVAILABLE), finishes those taken within `drain_ms`, answers the rest
// UNAVAILABLE, and closes everything that is open; then calls back, once. Once only.
void ingest_close(struct ingest *ingest, int64_t drain_ms, void (*closed)(void *arg), void *arg);
// After `closed`.
void ingest_destroy(struct ingest *ingest);
// Writes the gauges that are read at the time of asking.
void ingest_refresh_metrics(struct ingest *ingest);
