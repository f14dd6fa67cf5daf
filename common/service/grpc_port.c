// SPDX-License-Identifier: Apache-2.0
#include "common/service/grpc_port.h"

#include <signal.h>

#include "common/base/mem.h"
#include "common/grpc/grpc.h"
#include "common/service/service_impl.h"
#include "proto/descriptors.h"

#define GRPC_METRICS(X)                                                                            \
    X(COUNTER, connections, "assay_grpc_connections_total", "Connections accepted")                \
    X(COUNTER, refused_connections, "assay_grpc_refused_connections_total",                        \
      "Connections refused because there were too many")                                           \
    X(COUNTER, cut, "assay_grpc_cut_connections_total",                                            \
      "Connections ended for a bound, a time-out or a broken peer")                                \
    X(COUNTER, tls_failures, "assay_grpc_tls_failures_total", "Handshakes that failed")            \
    X(COUNTER, calls, "assay_grpc_calls_total", "Calls begun")                                     \
    X(COUNTER, refused_calls, "assay_grpc_refused_calls_total",                                    \
      "Calls refused before a handler saw them")                                                   \
    X(COUNTER, cancelled, "assay_grpc_cancelled_calls_total", "Calls given up by their callers")   \
    X(GAUGE, open, "assay_grpc_connections", "Connections")                                        \
    X(GAUGE, streams, "assay_grpc_streams", "Calls and streams under way")                         \
    X(GAUGE, held_bytes, "assay_grpc_held_bytes", "Half received requests and unread answers")

struct grpc_metrics {
    METRICS_FIELDS(GRPC_METRICS)
};

struct grpc_port {
    struct grpc_server *server; // NULL: closed
    struct loop_signal *on_hup;
    struct grpc_metrics counts;
    void (*closed)(void *arg);
    void *closed_arg;
};

static void grpc_port_hup_cb(void *arg, int signum)
{
    struct grpc_port *port = arg;
    (void)signum;
    grpc_server_reload(port->server);
}

static const char *grpc_port_text(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

enum err grpc_port_open(struct service *service, struct grpc_port **out, struct err_info *info)
{
    static const struct metrics_desc DESCS[] = {
#define GRPC_METRICS_DESC(kind, field, name, help)                                                 \
    METRICS_DESC(struct grpc_metrics, kind, field, name, help)
        GRPC_METRICS(GRPC_METRICS_DESC)};
    const struct service_config *config = service_config(service);
    *out = NULL;
    if (config->grpc[0] == '\0')
        return ERR_OK;
    struct grpc_opts opts = {
        .address = config->grpc,
        .tls_cert = grpc_port_text(config->tls_cert),
        .tls_key = grpc_port_text(config->tls_key),
        .tls_client_ca = grpc_port_text(config->tls_client_ca),
        .descriptors = span_make(proto_descriptors, proto_descriptors_bytes),
        .message_bytes_max = (size_t)config->request_bytes_max,
    };
    struct grpc_server *server;
    enum err err =
        grpc_server_open(service_loop(service), &opts, service_server(service), &server, info);
    if (err != ERR_OK)
        return err_prefix(info, err, "grpc");
    struct grpc_port *port = *out = mem_zalloc(sizeof *port);
    port->server = server;
    if (opts.tls_cert != NULL)
        port->on_hup = loop_signal_create(service_loop(service), SIGHUP, grpc_port_hup_cb, port);
    metrics_register(service_metrics(service), DESCS, ARRAY_LEN(DESCS), &port->counts, "");
    return ERR_OK;
}

void grpc_port_set_serving(struct grpc_port *port, bool serving)
{
    if (port != NULL && port->server != NULL)
        grpc_server_set_serving(port->server, serving);
}

void grpc_port_drain(struct grpc_port *port)
{
    if (port != NULL && port->server != NULL)
        grpc_server_drain(port->server);
}

static void grpc_port_closed_cb(void *arg)
{
    struct grpc_port *port = arg;
    port->server = NULL;
    port->closed(port->closed_arg);
}

void grpc_port_close(struct grpc_port *port, int64_t drain_ms, void (*closed)(void *arg), void *arg)
{
    if (port == NULL) {
        closed(arg);
        return;
    }
    port->closed = closed;
    port->closed_arg = arg;
    grpc_port_refresh(port);
    if (port->on_hup != NULL)
        loop_signal_destroy(port->on_hup);
    port->on_hup = NULL;
    grpc_server_close(port->server, drain_ms, grpc_port_closed_cb, port);
}

void grpc_port_refresh(struct grpc_port *port)
{
    struct grpc_stats stats;
    if (port == NULL || port->server == NULL)
        return;
    grpc_server_stats(port->server, &stats);
    struct grpc_metrics *counts = &port->counts;
    metrics_mirror(&counts->connections, stats.connections);
    metrics_mirror(&counts->refused_connections, stats.refused_connections);
    metrics_mirror(&counts->cut, stats.cut);
    metrics_mirror(&counts->tls_failures, stats.tls_failures);
    metrics_mirror(&counts->calls, stats.calls);
    metrics_mirror(&counts->refused_calls, stats.refused_calls);
    metrics_mirror(&counts->cancelled, stats.cancelled);
    metrics_set(&counts->open, stats.open);
    metrics_set(&counts->streams, stats.streams);
    metrics_set(&counts->held_bytes, (int64_t)stats.held_bytes);
}

void grpc_port_destroy(struct grpc_port *port)
{
    mem_free(port);
}
