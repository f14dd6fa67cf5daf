// SPDX-License-Identifier: Apache-2.0
// Counts and times of the calls that a server serves, by method and status, and a line of the log
// for each at level debug, but of raw ones, whose handlers know more to say. Labels are bounded:
// methods are those of the server, statuses are gRPC's.
#pragma once

#include "common/metrics/metrics.h"
#include "common/rpc/rpc.h"

struct call_metrics;
// Watches `server`, which keeps it. When all methods have been added, before rpc_server_start.
struct call_metrics *call_metrics_create(struct metrics *metrics, struct rpc_server *server);
// Before metrics are written: raw methods and statuses of theirs that are new since then.
void call_metrics_refresh(struct call_metrics *calls);
// After the server has closed and metrics are destroyed.
void call_metrics_destroy(struct call_metrics *calls);
