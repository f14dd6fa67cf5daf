// SPDX-License-Identifier: Apache-2.0
// What the files of this folder share.
#pragma once

#include "common/keys/token_file.h"
#include "common/log/log.h"
#include "common/httpd/meter.h"
#include "common/service/admin_port.h"
#include "common/service/call_metrics.h"
#include "common/service/grpc_port.h"
#include "common/service/guard.h"
#include "common/service/service.h"

// Read from the server and the loop when somebody asks.
#define SERVICE_METRICS(X)                                                                         \
    X(COUNTER, requests, "assay_rpc_requests_total", "Requests received")                          \
    X(COUNTER, failed, "assay_rpc_failed_total", "Requests answered with an error")                \
    X(COUNTER, deadline_exceeded, "assay_rpc_deadline_exceeded_total",                             \
      "Requests not answered within their deadline")                                               \
    X(COUNTER, cancelled, "assay_rpc_cancelled_total", "Requests cancelled by their callers")      \
    X(COUNTER, refused, "assay_rpc_refused_total", "Requests refused before any work")             \
    X(GAUGE, in_work, "assay_rpc_in_work", "Requests being worked on")                             \
    X(GAUGE, calls_max, "assay_rpc_calls_limit", "Requests that may be worked on at once")         \
    X(SECONDS, turn, "assay_loop_longest_turn_seconds",                                            \
      "Longest turn of the event loop since the last reading")                                     \
    X(GAUGE, ready, "assay_ready", "Whether the service takes work (1) or not (0)")                \
    X(GAUGE, resident, "process_resident_memory_bytes", "Resident memory size")                    \
    X(GAUGE, virtual_bytes, "process_virtual_memory_bytes", "Virtual memory size")                 \
    X(SECONDS_TOTAL, cpu, "process_cpu_seconds_total", "User and system time used")                \
    X(GAUGE, fds, "process_open_fds", "Open file descriptors")                                     \
    X(GAUGE, fds_max, "process_max_fds", "File descriptors that may be open")                      \
    X(SECONDS, started, "process_start_time_seconds", "Start time since the Unix epoch")
// Labels: version.
#define BUILD_METRICS(X) X(GAUGE, info, "assay_build_info", "1, with what was built as labels")

struct service_metrics {
    METRICS_FIELDS(SERVICE_METRICS)
    METRICS_FIELDS(BUILD_METRICS)
};

struct service {
    const struct service_desc *desc;
    void *state;

    struct arena arena; // texts of the configuration
    struct service_config config;
    void *own;

    struct loop *loop;
    struct rpc_server *server;
    struct loop_signal *on_term;
    struct loop_signal *on_int;
    struct loop_timer *soon; // starts the drain outside of whoever asked for it
    struct metrics *metrics;
    struct service_metrics counts;
    struct call_metrics *calls;
    struct httpd_meter *meter; // of the admin port
    struct service_admin *admin;
    struct admin_port *admin_port; // NULL: none
    struct grpc_port *grpc_port;   // NULL: none
    struct guard *guard;
    struct token_file *token_file; // NULL: it shows no token to others

    int64_t started_ms; // wall clock
    bool ready;
    bool was_ready;
    char reason[256]; // why it is not ready
    bool draining;
    bool drained;
    bool closed;
    int64_t drain_until_ms; // monotonic
    int exit_code;
};

// options.c: what the command line asks for.
enum service_action { SERVICE_RUN, SERVICE_CHECK, SERVICE_PRINT, SERVICE_DONE, SERVICE_MISUSED };
enum service_action service_parse_options(const struct service_desc *desc, int argc, char **argv,
                                          const char **config_path);
// Reads the file into config and own; false, with the report on standard error, when it has
// mistakes.
bool service_load_config(struct service *service, const char *path);
void service_print_config(const struct service *service);

// process.c: what the system says of this process; 0 when it does not.
struct service_process {
    int64_t resident_bytes, virtual_bytes, open_fds, max_fds;
    uint64_t cpu_ns;
};
void service_process_read(struct service_process *out);

// admin.c: the admin and health services of one process.
struct service_admin *service_admin_create(struct service *service);
void service_admin_destroy(struct service_admin *admin);
