// SPDX-License-Identifier: Apache-2.0
// What names a request in logs on its way through all processes: a request id and W3C's
// traceparent (https://www.w3.org/TR/trace-context/), carried as metadata of calls.
//
// A handler runs inside the trace of the call that it serves, and so does the callback of a call:
// whatever calls they make carry the same trace on, and their log lines show it.
#pragma once

#include <stdbool.h>

#define RPC_KEY_REQUEST_ID "x-request-id"
#define RPC_KEY_TRACEPARENT "traceparent"

enum { RPC_REQUEST_ID_MAX = 64, RPC_TRACEPARENT_BYTES = 55 };
struct rpc_trace {
    char request_id[RPC_REQUEST_ID_MAX + 1];
    char traceparent[RPC_TRACEPARENT_BYTES + 1]; // "00-TRACE-PARENT-FLAGS" in hex
};
// Takes over what a caller sent where it is well-formed, and makes the rest: a request id is up to
// 64 printable ASCII characters without spaces. Either may be NULL.
void rpc_trace_make(struct rpc_trace *trace, const char *request_id, const char *traceparent);
// The same request and trace, in a span of its own: for what goes on after the call that brought it
// was answered.
void rpc_trace_child(struct rpc_trace *child, const struct rpc_trace *of);

// The trace that this thread works in; NULL: none.
const struct rpc_trace *rpc_trace_now(void);
// Works in `trace` (NULL: in none) until rpc_trace_leave with what was returned. Keeps `trace`;
// the two nest.
const struct rpc_trace *rpc_trace_enter(const struct rpc_trace *trace);
void rpc_trace_leave(const struct rpc_trace *outer);
