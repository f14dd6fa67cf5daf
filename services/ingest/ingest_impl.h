// SPDX-License-Identifier: Apache-2.0
// What the files of this service share.
#pragma once

#include "common/base/arena.h"
#include "common/rpc/rpc.h"
#include "services/ingest/core/core.h"
#include "services/ingest/ingest.h"
#include "services/ingest/lane.h"
#include "services/ingest/letters/letters.h"
#include "services/ingest/request.h"
#include "services/ingest/schema_counts.h"
#include "services/ingest/sender.h"

#define INGEST_METRICS(X)                                                                          \
    X(COUNTER, accepted, "assay_ingest_events_accepted_total", "Events durable at their owner")    \
    X(COUNTER, duplicate, "assay_ingest_events_duplicate_total",                                   \
      "Events whose message id was seen before")                                                   \
    X(COUNTER, unavailable, "assay_ingest_requests_unavailable_total",                             \
      "Requests to be sent again: no room, or not their turn in time")                             \
    X(COUNTER, repeated, "assay_ingest_requests_repeated_total",                                   \
      "Requests sent again while their events waited for a scorer")                                \
    X(COUNTER, moves, "assay_ingest_moves_total", "Moves passed on from one lane to another")      \
    X(COUNTER, reloads, "assay_ingest_map_reloads_total", "Changes of the shard map")              \
    X(GAUGE, open, "assay_ingest_requests_open", "Requests taken and not yet answered")            \
    X(GAUGE, held, "assay_ingest_requests_held", "Requests that wait for their turn")              \
    X(GAUGE, held_bytes, "assay_ingest_requests_held_bytes", "Memory of requests that wait")       \
    X(GAUGE, senders, "assay_ingest_senders", "Senders remembered")
struct ingest_metrics {
    METRICS_FIELDS(INGEST_METRICS)
};

// Labels: reason.
#define INGEST_REFUSAL_METRICS(X)                                                                  \
    X(COUNTER, events, "assay_ingest_events_refused_total", "Events refused, by what was wrong")
struct ingest_refusal_metrics {
    METRICS_FIELDS(INGEST_REFUSAL_METRICS)
};

// A scorer's address; lanes share its client.
struct peer {
    struct ingest *ingest;
    char address[200];
    struct rpc_client *client;
};

struct ingest {
    Assay__Ingest__V1__IngestService_Service methods; // first: the service is found by it
    struct loop *loop;
    const struct ingest_config *config;
    struct shard_source *source;
    struct metrics *registry;
    struct shard_map *map;
    struct lane **lanes; // [map->n_lanes]
    struct lane_metrics *lane_metrics[SHARD_LANES_MAX];
    struct peer peers[SHARD_LANES_MAX];
    size_t n_peers;
    struct senders senders;
    struct request_list open; // taken and not yet acknowledged
    struct arena scratch;     // of one request's intake
    struct ingest_metrics metrics;
    struct ingest_refusal_metrics refused[INGEST_REFUSAL_COUNT];
    struct playbook *playbook;     // whose schemas are in force; may be NULL
    struct schema_counts *schemas; // what did not meet them
    struct letters *letters;       // NULL: none are kept
    struct rpc_server *server;     // NULL: letters cannot be sent again
    bool reload_wanted;
    struct loop_timer *reload; // later: a lane asks for it in the middle of its step
    size_t n_lanes_alive;      // those of an older map included, until their last call has ended
    // Closing.
    bool closing;
    int64_t drain_until_ms;
    size_t n_clients; // not closed yet
    struct loop_timer *drain;
    void (*closed)(void *arg);
    void *closed_arg;
};

// intake.c: the method, and a request whose turn has come. False: there was no room, the request
// has been answered and is gone.
void intake_ingest(Assay__Ingest__V1__IngestService_Service *service,
                   const Assay__Ingest__V1__IngestRequest *message,
                   Assay__Ingest__V1__IngestResponse_Closure closure, void *closure_data);
bool intake_take(struct ingest *ingest, struct request *request);

// refusals.c: an event of a request in work is refused, or taken although it does not meet its
// schema; counts it and keeps it.
struct refusal {
    const Assay__Ingest__V1__Event *event;
    struct rpc_incoming *call;
    const char *source; // id of the write key; "" without one
    enum ingest_refusal rule;
    bool observed; // taken all the same
    const char *reason;
    int64_t now_ms;
};
void refusals_take(struct ingest *ingest, const struct refusal *refusal);

// dead_letters.c, dead_letters_resend.c: methods.
void dead_letters_add_methods(struct ingest *ingest);
void dead_letters_resend(Assay__Ingest__V1__IngestService_Service *service,
                         const Assay__Ingest__V1__ResendDeadLettersRequest *request,
                         Assay__Ingest__V1__ResendDeadLettersResponse_Closure closure,
                         void *closure_data);

// carry.c: the method between scorers.
void carry_moves(Assay__Ingest__V1__IngestService_Service *service,
                 const Assay__Ingest__V1__CarryRequest *message,
                 Assay__Ingest__V1__CarryResponse_Closure closure, void *closure_data);

// ingest.c: of an address of the map in force; NULL: unknown.
struct peer *ingest_find_peer(struct ingest *ingest, const char *address);
// ingest.c: a scorer answered that the map has changed.
void ingest_want_reload(struct ingest *ingest);
