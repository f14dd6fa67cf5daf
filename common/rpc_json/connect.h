// SPDX-License-Identifier: Apache-2.0
// A server's public methods over HTTP by Connect's unary protocol
// (https://connectrpc.com/docs/protocol), so that `curl` can call them:
//
//     POST /assay.x.v1.XService/Method   {"service": "x"}   ->   200 {"ready": true}
//
// Content types: application/json and application/proto. Errors are {"code", "message"} in JSON
// with Connect's HTTP statuses. Takes Authorization, X-Request-Id, traceparent and
// Connect-Timeout-Ms; a caller that goes cancels its call. Pages in browsers (Origin) need an
// Authorization. Streams need gRPC. Loop's thread.
#pragma once

#include "common/httpd/httpd.h"
#include "common/rpc/carry.h"

struct connect_opts {
    struct httpd *httpd;
    struct rpc_server *server; // every service has been added
    const char *service;       // "assay.x.v1.XService" alone; NULL: all
    size_t body_bytes_max;     // as sent and as unpacked, each; 0: 4 MiB
};
struct connect;
// Adds a route for each service that has a public method. `httpd` and `server` are kept.
struct connect *connect_create(const struct connect_opts *opts);
// The HTTP server has closed.
void connect_destroy(struct connect *connect);
