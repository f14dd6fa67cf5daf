// SPDX-License-Identifier: Apache-2.0
// The router's public methods, served here and forwarded to it, so that clients need one address
// for everything. What the caller sent along (authorization, trace, how long it still waits) goes
// with it; what the router answers comes back as it is. Loop's thread.
#pragma once

#include "common/base/err.h"
#include "common/loop/loop.h"
#include "common/rpc/rpc.h"

struct gateway;
struct gateway_opts {
    const char *url;    // the router's
    uint32_t calls_max; // forwarded at once; more are RESOURCE_EXHAUSTED
};
// Adds RouterService to `server`, which has not started. The router need not be there. INVALID for
// what is no address.
MUST_USE enum err gateway_open(struct loop *loop, const struct gateway_opts *opts,
                               struct rpc_server *server, struct gateway **out,
                               struct err_info *info);
// The server has closed. Frees it, a little later. NULL is allowed.
void gateway_close(struct gateway *gateway);
