// SPDX-License-Identifier: Apache-2.0
// Stands before every method of a process: see access.h. Opened and closed on the loop's thread.
#pragma once

#include "common/base/err.h"
#include "common/rpc/rpc.h"

struct guard;
struct service;
// Reads the keys, if the configuration names a file. Before other threads can ask.
MUST_USE enum err guard_open(struct service *service, struct guard **out, struct err_info *info);
// The server has closed: what the loop would wait for ends.
void guard_close(struct guard *guard);
// After the registry of metrics.
void guard_destroy(struct guard *guard);
// Before the server starts.
void guard_stand_before(struct guard *guard, struct rpc_server *server);
void guard_refresh_metrics(struct guard *guard);
