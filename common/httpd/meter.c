// SPDX-License-Identifier: Apache-2.0
#include "common/httpd/meter.h"

#include "common/base/buf.h"
#include "common/base/mem.h"

// Labels: server.
#define HTTPD_METRICS(X)                                                                           \
    X(COUNTER, connections, "assay_http_connections_total", "Connections accepted")                \
    X(COUNTER, cut, "assay_http_connections_cut_total",                                            \
      "Connections closed for a bound, a time-out or a broken peer")                               \
    X(COUNTER, refused, "assay_http_requests_refused_total",                                       \
      "Requests answered by the server itself: no such route, too large, too many")                \
    X(GAUGE, open, "assay_http_connections_open", "Connections that are open")                     \
    X(GAUGE, in_work, "assay_http_requests_in_work", "Requests being worked on")                   \
    X(GAUGE, body_bytes, "assay_http_body_bytes", "Memory of request bodies")
// Labels: server, method, route, status.
#define HTTPD_STATUS_METRICS(X)                                                                    \
    X(COUNTER, requests, "assay_http_requests_total", "Requests answered, by class of status")
// Labels: server, method, route.
#define HTTPD_ROUTE_METRICS(X)                                                                     \
    X(HISTOGRAM, time, "assay_http_request_seconds", "Time from a request's header to its answer")

enum { CLASSES = 6 }; // the first digit of a status

struct httpd_status_meter {
    METRICS_FIELDS(HTTPD_STATUS_METRICS)
};

struct httpd_route_meter {
    struct httpd_meter *meter;
    struct httpd_route_meter *next;
    char *labels;
    struct httpd_status_meter *statuses[CLASSES]; // when they are seen
    METRICS_FIELDS(HTTPD_ROUTE_METRICS)
};

struct httpd_meter {
    struct metrics *metrics;
    char *server;
    struct httpd_route_meter *routes;
    METRICS_FIELDS(HTTPD_METRICS)
};

#define HTTPD_DESC(kind, field, name, help)                                                        \
    METRICS_DESC(struct httpd_meter, kind, field, name, help)
#define HTTPD_STATUS_DESC(kind, field, name, help)                                                 \
    METRICS_DESC(struct httpd_status_meter, kind, field, name, help)
#define HTTPD_ROUTE_DESC(kind, field, name, help)                                                  \
    METRICS_DESC(struct httpd_route_meter, kind, field, name, help)
static const struct metrics_desc SERVER_DESCS[] = {HTTPD_METRICS(HTTPD_DESC)};
static const struct metrics_desc STATUS_DESCS[] = {HTTPD_STATUS_METRICS(HTTPD_STATUS_DESC)};
static const struct metrics_desc ROUTE_DESCS[] = {HTTPD_ROUTE_METRICS(HTTPD_ROUTE_DESC)};

struct httpd_meter *httpd_meter_create(struct metrics *metrics, const char *server)
{
    struct httpd_meter *meter = mem_zalloc(sizeof *meter);
    struct buf labels = {0};
    meter->metrics = metrics;
    meter->server = mem_dup_text(server);
    buf_printf(&labels, "server=\"%s\"", server);
    buf_append_u8(&labels, 0);
    metrics_register(metrics, SERVER_DESCS, ARRAY_LEN(SERVER_DESCS), meter,
                     (const char *)labels.bytes);
    buf_deinit(&labels);
    return meter;
}

void httpd_meter_destroy(struct httpd_meter *meter)
{
    struct httpd_route_meter *route;
    if (meter == NULL)
        return;
    while ((route = meter->routes) != NULL) {
        meter->routes = route->next;
        for (size_t i = 0; i < CLASSES; i++)
            mem_free(route->statuses[i]);
        mem_free(route->labels);
        mem_free(route);
    }
    mem_free(meter->server);
    mem_free(meter);
}

struct httpd_route_meter *httpd_meter_route(struct httpd_meter *meter, const char *method,
                                            const char *path)
{
    if (meter == NULL)
        return NULL;
    struct httpd_route_meter *route = mem_zalloc(sizeof *route);
    struct buf labels = {0};
    // Paths of ours need no quoting.
    buf_printf(&labels, "server=\"%s\",method=\"%s\",route=\"%s\"", meter->server, method, path);
    buf_append_u8(&labels, 0);
    route->labels = (char *)labels.bytes;
    route->meter = meter;
    route->next = meter->routes;
    meter->routes = route;
    return route;
}

// A route that nobody asks for has no lines: there are many.
static struct httpd_status_meter *status_meter(struct httpd_route_meter *route, int status)
{
    struct httpd_status_meter **set = &route->statuses[status / 100];
    struct buf labels = {0};
    if (*set != NULL)
        return *set;
    bool first = true;
    for (size_t i = 0; i < CLASSES; i++)
        first = first && route->statuses[i] == NULL;
    if (first)
        metrics_register(route->meter->metrics, ROUTE_DESCS, ARRAY_LEN(ROUTE_DESCS), route,
                         route->labels);
    *set = mem_zalloc(sizeof **set);
    buf_printf(&labels, "%s,status=\"%dxx\"", route->labels, status / 100);
    buf_append_u8(&labels, 0);
    metrics_register(route->meter->metrics, STATUS_DESCS, ARRAY_LEN(STATUS_DESCS), *set,
                     (const char *)labels.bytes);
    buf_deinit(&labels);
    return *set;
}

void httpd_meter_count(struct httpd_route_meter *route, int status, uint64_t ns)
{
    if (route == NULL)
        return;
    CHECK(status >= 100 && status / 100 < CLASSES);
    metrics_add(&status_meter(route, status)->requests, 1);
    metrics_observe(&route->time, ns);
}

void httpd_meter_set(struct httpd_meter *meter, const struct httpd_stats *stats,
                     uint64_t body_bytes)
{
    if (meter == NULL)
        return;
    metrics_mirror(&meter->connections, stats->connections);
    metrics_mirror(&meter->cut, stats->cut);
    metrics_mirror(&meter->refused, stats->refused);
    metrics_set(&meter->open, stats->open);
    metrics_set(&meter->in_work, stats->in_work);
    metrics_set(&meter->body_bytes, (int64_t)body_bytes);
}
