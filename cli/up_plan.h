// SPDX-License-Identifier: Apache-2.0
// What `assay up` settles before it starts anything: the folder and its lock, the facts of the
// cluster, the playbook, addresses, the shard map and each service's configuration file.
#pragma once

#include "cli/cluster.h"
#include "cli/up_port.h"
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"

#define UP_HTTP_USUAL "127.0.0.1:8480"
#define UP_GRPC_USUAL "127.0.0.1:8481"

struct up_opts {
    const char *dir;
    const char *playbook;   // NULL: the folder's own copy
    const char *webhooks;   // NULL: as the last time; "none": none
    const char *keys;       // NULL: as the last time, or the folder's own; "none": none
    int64_t scorers;        // 0: as the cluster was made, or 1
    int64_t shards;         // 0: as it was made, or 256
    const char *clock;      // "wall" or "event"; NULL: as it was made, or wall
    const char *accounts;   // "personal" or "email_domain"; NULL: as it was made, or personal
    const char *admin;      // "ADDRESS:PORT" of the first service; NULL, "off": no admin ports
    const char *log_format; // "text" or "json"; NULL: text
    const char *http;       // "ADDRESS:PORT" or "off"; NULL: the usual address, if it is free
    const char *grpc;       // the same
    const char *grpc_cert, *grpc_key; // files; NULL: without TLS
};

struct up_service {
    const char *name;
    const char *program; // path
    const char *config;  // path
    const char *log;     // path
    const char *const *argv;
    int rank; // in which order it is stopped
};

struct up_plan {
    struct arena arena; // owns the rest
    char *dir;          // absolute
    struct cluster_facts facts;
    bool fresh; // the cluster was made just now
    char *playbook_label;
    const char *webhooks;        // path of their file; NULL: none
    const char *keys;            // the same
    struct up_service *services; // router, scorers, ingest
    struct cluster_endpoint *endpoints;
    size_t n;
    struct up_port http, grpc;
    const char *grpc_cert, *grpc_key; // paths; NULL: without TLS
    struct up_port *admin;            // of each service; NULL: none
};

// Checks the playbook first, then takes the lock (for the life of the process) and writes the
// files. INVALID: wrong use or configuration (`report` may hold the playbook's mistakes). BUSY: it
// runs already, or
// a port is taken. Waits for services that an earlier `assay up` left behind when it was killed.
MUST_USE enum err up_plan_make(const struct up_opts *opts, struct up_plan *out, struct buf *report,
                               struct err_info *info);
// After every service has ended: removes the sockets, and their folder if it is a private one.
void up_plan_tidy(const struct up_plan *plan);
void up_plan_destroy(struct up_plan *plan);

// Compares what was asked with what the cluster was made with. INVALID, with what to do.
MUST_USE enum err up_facts_settle(const struct up_opts *opts, const struct cluster_facts *made,
                                  struct cluster_facts *out, struct err_info *info);
