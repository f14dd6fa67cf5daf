// SPDX-License-Identifier: Apache-2.0
// An HTTP/1.1 server on the loop (libmicrohttpd): routes, whole bodies within bounds, answers now
// or later. The only folder that knows libmicrohttpd. Everything is for the loop's own thread;
// handlers never run inside the call that asked for them.
//
// Bounds, each with its answer: connections (of one address: more are closed at once; in all: the
// one that has been longest where it is makes room, if that is `room_ms` at least, else the new one
// is closed; never one whose request is in work), connections that wait for a request (closed
// after `idle_ms`; a new one after `request_ms` if that is less), requests whose header, body or
// answer takes longer than `request_ms` each, whatever trickles (closed), header bytes (431, about
// 16 KiB), body bytes as sent and as unpacked (413; of a body that is refused at most 1 MiB is
// read), requests that are being worked on and bodies of all requests together (503 with
// Retry-After). Out of descriptors: some make room, and it stops accepting for a moment.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include "common/loop/loop.h"

struct httpd;
struct httpd_meter; // meter.h
struct httpd_opts {
    const char *address;       // "HOST:PORT", "[::1]:PORT"; port 0: any (httpd_address tells)
    uint32_t connections_max;  // 0: 10,000
    uint32_t per_address_max;  // connections of one address; 0: no bound of its own
    uint32_t requests_max;     // in work at once; 0: 1,024
    size_t body_bytes_max;     // of all routes that do not say their own; 0: 1 MiB
    size_t bodies_bytes_max;   // of all requests together, unpacked; beyond it 503. 0: 256 MiB
    int64_t idle_ms;           // 0: 60 s
    int64_t request_ms;        // 0: 30 s
    int64_t room_ms;           // 0: half a second, time for a round trip
    struct httpd_meter *meter; // kept; NULL: nothing is counted for metrics
};
// INVALID for what is no address, BUSY when somebody listens there.
MUST_USE enum err httpd_open(struct loop *loop, const struct httpd_opts *opts, struct httpd **out,
                             struct err_info *info);
// "127.0.0.1:8080", with the port that it got.
const char *httpd_address(const struct httpd *httpd);
// Stops accepting; requests in work get up to drain_ms, answers carry "Connection: close"; then all
// is closed and `closed` is called, once; the server is gone then. Handlers that have not answered
// by then still do, into nothing.
void httpd_close(struct httpd *httpd, int64_t drain_ms, void (*closed)(void *arg), void *arg);

struct httpd_stats {
    uint64_t connections, requests; // ever
    uint64_t refused;               // answered by the server itself (4xx, 503), handler not asked
    uint64_t cut;                   // connections closed for a bound, a time-out or a broken peer
    uint32_t open, in_work;
    uint64_t body_bytes; // held now
};
void httpd_stats(const struct httpd *httpd, struct httpd_stats *out);

// ---- Routes -------------------------------------------------------------------------------------

struct httpd_request;
// The whole body is there. Answers exactly once (CHECKed), now or later.
typedef void (*httpd_handler)(void *arg, struct httpd_request *request);
struct httpd_route {
    const char *method;    // "GET" (serves HEAD too), "POST", "PUT", "OPTIONS" ...
    const char *path;      // exact, or ending in "/*" for all below
    size_t body_bytes_max; // as sent and as unpacked, each; 0: the server's
    httpd_handler handler;
    void *arg;
};
// Copies. The most exact path that serves the method wins. A path that has only other methods is
// answered 405 with Allow; an unknown path, also one that only "/*" matches, 404.
void httpd_add(struct httpd *httpd, const struct httpd_route *route);
// The same for a route that pages of any origin may call: they can read every answer with its
// headers, also what the server answers by itself, and preflights are answered. Requests may carry
// the page's credentials, so this is nothing for a route that goes by cookies.
void httpd_add_for_pages(struct httpd *httpd, const struct httpd_route *route);

// ---- A request ----------------------------------------------------------------------------------

// All valid until answered; the query and headers that were not asked for before are gone when the
// server has gone.
const char *httpd_path(const struct httpd_request *request);
// As sent, decoded; NULL when it is not there. Names of headers in any case; a control character in
// a header, which libmicrohttpd lets through, is a space here (RFC 9110, 5.5).
const char *httpd_header(const struct httpd_request *request, const char *name);
const char *httpd_query(const struct httpd_request *request, const char *name);
// With gzip, deflate or zstd taken off.
struct span httpd_body(const struct httpd_request *request);
// "127.0.0.1:4711"
const char *httpd_peer(const struct httpd_request *request);
// Names the request in logs and answers (X-Request-Id): the caller's own id when it is 1 to 64
// printable characters without a space, else a random one.
const char *httpd_request_id(const struct httpd_request *request);
// W3C trace context: the caller's traceparent when it is well-formed, else a new one. A handler
// runs inside this trace (common/rpc/trace.h).
const char *httpd_traceparent(const struct httpd_request *request);
struct arena *httpd_arena(struct httpd_request *request);
// Called at most once, when the peer (or the server) goes before the answer; a peer that closes its
// sending half has gone. The handler still answers.
void httpd_on_gone(struct httpd_request *request, void (*cb)(void *arg), void *arg);

// Adds a header to the answer; neither text is empty or has a control character (CHECKed). Copied.
void httpd_set_header(struct httpd_request *request, const char *name, const char *value);
// `type` e.g. "application/json"; `body` is copied.
void httpd_answer(struct httpd_request *request, int status, const char *type, struct span body);
// {"error": "..."} with the status; `retry_after_s` > 0 adds Retry-After.
void httpd_fail(struct httpd_request *request, int status, int retry_after_s, const char *format,
                ...) PRINTF_LIKE(4, 5);
