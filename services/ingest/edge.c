// SPDX-License-Identifier: Apache-2.0
#include "services/ingest/edge.h"

#include "common/base/mem.h"
#include "common/httpd/meter.h"
#include "common/log/log.h"
#include "common/rpc_json/connect.h"
#include "services/ingest/http/http.h"
#include "services/ingest/ingest.h"

#define LOG_COMPONENT "edge"

#define EDGE_METRICS(X)                                                                            \
    X(COUNTER, bodies, "assay_ingest_http_bodies_total", "Bodies of events that were read")        \
    X(COUNTER, events, "assay_ingest_http_events_total", "Events in them")                         \
    X(COUNTER, keys_refused, "assay_ingest_http_keys_refused_total",                               \
      "Requests refused for their write key")                                                      \
    X(COUNTER, pushed_back, "assay_ingest_http_pushed_back_total",                                 \
      "Bodies to be sent again: answered 429 or 503")                                              \
    X(GAUGE, work_bytes, "assay_ingest_http_work_bytes", "Memory of bodies that are worked on")
struct edge_metrics {
    METRICS_FIELDS(EDGE_METRICS)
};
#define EDGE_DESC(kind, field, name, help)                                                         \
    METRICS_DESC(struct edge_metrics, kind, field, name, help)
static const struct metrics_desc EDGE_DESCS[] = {EDGE_METRICS(EDGE_DESC)};

struct edge {
    struct httpd *httpd;
    struct ingest_http *http;
    struct connect *connect; // every public method, by JSON
    struct httpd_meter *meter;
    struct edge_metrics metrics;
};

static void refused_cb(void *arg, struct span json, const char *reason, const char *source)
{
    ingest_refuse_unread(
        arg, &(struct ingest_unread){
                 .reason = reason, .as_received = json, .way = "http", .source = source});
}

enum err edge_open(struct loop *loop, const struct edge_config *config, struct ingest *ingest,
                   struct rpc_server *server, struct metrics *metrics, struct edge **out,
                   struct err_info *info)
{
    struct httpd_opts opts = {
        .address = config->http,
        .connections_max = (uint32_t)config->connections_max,
        .requests_max = (uint32_t)config->requests_max,
        .body_bytes_max = (size_t)config->body_bytes_max,
    };
    *out = NULL;
    if (config->http[0] == '\0')
        return ERR_OK;
    struct edge *edge = mem_zalloc(sizeof *edge);
    opts.meter = edge->meter = httpd_meter_create(metrics, "edge");
    enum err err = httpd_open(loop, &opts, &edge->httpd, info);
    if (err != ERR_OK) {
        mem_free(edge); // its metrics stay registered; the process ends
        return err_prefix(info, err, "http");
    }
    const struct ingest_http_opts http = {
        .httpd = edge->httpd,
        .server = server,
        .body_bytes_max = (size_t)config->body_bytes_max,
        .event_bytes_max = (size_t)config->event_bytes_max,
        .events_max = (size_t)config->events_max,
        .work_bytes_max = (size_t)config->work_bytes_max,
        .only_key = config->keys ? NULL : EDGE_ONLY_KEY,
        .posthog_group = config->posthog_group,
        .refused = refused_cb,
        .refused_arg = ingest,
    };
    edge->http = ingest_http_create(&http);
    edge->connect = connect_create(&(struct connect_opts){.httpd = edge->httpd, .server = server});
    metrics_register(metrics, EDGE_DESCS, ARRAY_LEN(EDGE_DESCS), &edge->metrics, "");
    LOG_INFO("http", "address=%s", httpd_address(edge->httpd));
    *out = edge;
    return ERR_OK;
}

void edge_close(struct edge *edge, int64_t drain_ms, void (*closed)(void *arg), void *arg)
{
    httpd_close(edge->httpd, drain_ms, closed, arg);
}

void edge_destroy(struct edge *edge)
{
    if (edge == NULL)
        return;
    ingest_http_destroy(edge->http);
    connect_destroy(edge->connect);
    httpd_meter_destroy(edge->meter);
    mem_free(edge);
}

void edge_refresh_metrics(struct edge *edge)
{
    struct ingest_http_stats stats;
    if (edge == NULL)
        return;
    ingest_http_stats(edge->http, &stats);
    metrics_mirror(&edge->metrics.bodies, stats.bodies);
    metrics_mirror(&edge->metrics.events, stats.events);
    metrics_mirror(&edge->metrics.keys_refused, stats.keys_refused);
    metrics_mirror(&edge->metrics.pushed_back, stats.pushed_back);
    metrics_set(&edge->metrics.work_bytes, (int64_t)stats.work_bytes);
}
