// SPDX-License-Identifier: Apache-2.0
// Outgoing HTTP/1.1 requests: the only folder that knows libcurl. One thread of its own does all
// the I/O; requests go there through a bounded queue and come back through a mailbox. Everything
// here is for the loop's thread.
//
// What leaves and what does not:
// - https with verified certificates (TLS 1.2 or later); http only when the request allows it.
// - Only public addresses, unless the request allows others: what counts is the address that a
//   socket really goes to, so a name that changes its mind between two look-ups gains nothing. A
//   connection that was opened for another request is asked again (see address.h for the ranges).
// - Redirects are not followed: a 3xx is an answer like any other.
// - Proxies of the environment, netrc files and cookies are not looked at.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include "common/loop/loop.h"

enum { HTTP_HEADERS_BYTES_MAX = 64 * 1024 }; // of an answer

struct http_client;

struct http_client_opts {
    size_t requests_max;             // under way or waiting at once; at least 1
    size_t connections_max;          // open at once in all; 0: requests_max
    size_t connections_per_host_max; // of one host and port; 0: connections_max
    const char *user_agent;          // NULL: none is sent
};
struct http_client *http_client_create(struct loop *loop, const struct http_client_opts *opts);

struct http_header {
    const char *name, *value; // without CR and LF (CHECKed)
};

struct http_request;
// On the loop, later than the call that sent it; exactly once for each request that was taken.
typedef void (*http_done_cb)(void *arg, struct http_request *request);

// One POST (GET when the body has no bytes). Embed it in what it belongs to. What it points to is
// kept until it is done.
struct http_request {
    const char *url;
    const struct http_header *headers; // Host and Content-Length are added
    size_t n_headers;
    struct span body;
    int64_t timeout_ms;         // from the start to the last byte of the answer; at least 1
    size_t response_bytes_max;  // of the answer's body; what comes behind is not read
    bool allow_http;            // without TLS
    bool allow_private_address; // loopback, private networks and the like
    const char *ca_file;        // certificates to trust in place of the system's; NULL: those
    http_done_cb done;
    void *arg;

    // Filled before `done`. OK: an answer came, with whatever status. TIMEOUT: none in time.
    // INVALID: the URL or its address is not allowed, or the certificate is not right. UNAVAILABLE:
    // no connection, or it broke. CANCELED: the client closes. `info` says what happened, without
    // the URL.
    enum err err;
    struct err_info info;
    int status;
    int64_t retry_after_ms; // what the answer's Retry-After says, as time from now; 0: nothing
    struct buf response;    // buf_deinit is the owner's
    bool truncated;         // the answer's body was longer than response_bytes_max

    struct http_transfer *transfer; // private
};

// Fills nothing but the request's private part; the fields of the result are cleared. FULL: as many
// as requests_max are under way; CANCELED: the client closes. The request is the caller's then.
MUST_USE enum err http_client_send(struct http_client *client, struct http_request *request);
size_t http_client_outstanding(const struct http_client *client);

// Ends what is under way: each request's `done` gets CANCELED (or its result, if it was faster),
// then `closed` runs, and the client is gone.
typedef void (*http_closed_cb)(void *arg);
void http_client_close(struct http_client *client, http_closed_cb closed, void *arg);
