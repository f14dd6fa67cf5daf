// SPDX-License-Identifier: Apache-2.0
// The one shape of every service process: options, configuration, log, loop, server with the admin
// and health services, signals, drain, exit codes. A service's main fills a table and calls
// service_main.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/config/config.h"
#include "common/loop/loop.h"
#include "common/metrics/metrics.h"
#include "common/rpc/rpc.h"

enum { SERVICE_EXIT_OK = 0, SERVICE_EXIT_FAILED = 1, SERVICE_EXIT_USAGE = 2 };

struct service;

// What all services have in their files, beside their own fields. Their key names: "name",
// "listen", "grpc", "tls_cert", "tls_key", "tls_client_ca", "keys", "token_file", "admin",
// "log_level", "log_format", "calls_max", "request_max", "drain".
struct service_config {
    const char *name;                               // in logs, e.g. "scorer-0"
    const char *listen;                             // URL
    const char *grpc;                               // HOST:PORT of gRPC; "" for none
    const char *tls_cert, *tls_key, *tls_client_ca; // files for gRPC; "" for none
    const char *keys;                               // file; "" for none
    const char *token_file;                         // the same
    const char *admin;                              // HOST:PORT of the admin port; "" for none
    int log_level;                                  // enum log_level
    int log_format;                                 // enum log_format
    int64_t calls_max;
    int64_t request_bytes_max;
    int64_t drain_ms;
};

struct service_desc {
    const char *program; // "assay-scorer"
    const char *summary; // one sentence for --help
    // The service's own fields, in the same flat file.
    const struct config_field *fields;
    size_t n_fields;
    size_t config_bytes; // of the struct that they fill
    // Who may call its methods (access.h). One without a row is refused to everybody.
    const struct service_access_table *access;
    // Cross-field checks, when each field is right; reports into `config`. May be NULL.
    void (*validate)(struct config *config, const struct config_node *root, const void *own);
    // Builds everything and adds services to the server (service_server). An error ends the
    // process.
    enum err (*open)(struct service *service, const void *own, struct err_info *info);
    // SIGTERM: stop taking work; call service_drained (now or later) when what was taken has been
    // answered. NULL: nothing to do.
    void (*drain)(struct service *service);
    // After the server has closed: free everything. What closes later keeps the process until it is
    // done.
    void (*close)(struct service *service);

    // Answers for the admin service; each may be NULL.
    // The document that governs the service, as it is in force: "name@version".
    const char *(*document)(struct service *service);
    // Checks and perhaps loads a new one: calls service_document_done exactly once, now or later,
    // on the loop. `text` is valid until then.
    void (*load_document)(struct service *service, const char *file, struct span text,
                          bool check_only, void *token);
    // Moves the event clock: calls service_clock_done exactly once.
    void (*advance_clock)(struct service *service, int64_t to_ms, void *token);
    // Writes metrics that are read at the time of asking into `metrics`' sets.
    void (*refresh_metrics)(struct service *service);
};

// Parses options (--config FILE, --check-config, --print-config, --version, --help), runs, returns
// the exit code: 0 done, 1 failed, 2 used or configured wrongly.
int service_main(const struct service_desc *desc, int argc, char **argv);

// For the desc's functions:
void *service_state(struct service *service);
void service_set_state(struct service *service, void *state);
const struct service_config *service_config(const struct service *service);
struct loop *service_loop(struct service *service);
struct rpc_server *service_server(struct service *service);
struct metrics *service_metrics(struct service *service);
// For rpc_client_opts.authorization, with the service as its argument: what the process shows of
// itself to others.
const char *service_authorization(void *service);
// Ready is what HealthService and GetStatus say; a service starts as not ready. `reason` while it
// is not.
void service_set_ready(struct service *service, bool ready, const char *reason);
// The drain has finished: the server closes, then `close` runs, then the process ends. Once.
void service_drained(struct service *service);
// For `drain`: runs `stop` on a thread of its own, for what takes longer than the loop may wait (a
// last checkpoint), then calls service_drained on the loop.
void service_drain_aside(struct service *service, void (*stop)(void *arg), void *arg);
// Ends as SIGTERM does, with exit code 1.
void service_fail(struct service *service, const char *reason);
// `err` OK: `in_force` names the document now in force, `changed` whether it is another than
// before. Otherwise `report` holds every mistake.
void service_document_done(void *token, enum err err, const char *in_force, bool changed,
                           const char *report);
void service_clock_done(void *token, enum err err, int64_t clock_ms, const struct err_info *info);
