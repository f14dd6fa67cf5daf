// SPDX-License-Identifier: Apache-2.0
// Metrics of an HTTP server, which outlive it: whoever reads the registry may do so after it has
// closed. Labels are bounded: a route is its pattern, a status its class.
#pragma once

#include "common/httpd/httpd.h"
#include "common/metrics/metrics.h"

struct httpd_meter;
// `server` names it beside others of the process ("admin"). Registers as routes are added.
struct httpd_meter *httpd_meter_create(struct metrics *metrics, const char *server);
// After the server has closed and the metrics are destroyed. NULL is allowed.
void httpd_meter_destroy(struct httpd_meter *meter);

// For the server itself. A NULL meter gives NULL, which counts nothing.
struct httpd_route_meter;
struct httpd_route_meter *httpd_meter_route(struct httpd_meter *meter, const char *method,
                                            const char *path);
void httpd_meter_count(struct httpd_route_meter *route, int status, uint64_t ns);
void httpd_meter_set(struct httpd_meter *meter, const struct httpd_stats *stats,
                     uint64_t body_bytes);
