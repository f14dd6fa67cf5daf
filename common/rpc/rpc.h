// SPDX-License-Identifier: Apache-2.0
// gRPC-style calls over NNG: services and methods come from .proto files, generated stubs call and
// serve them; deadlines, gRPC's status codes, metadata, cancellation; every size and count has a
// bound. The only folder that knows NNG. URLs: "ipc://PATH", "tcp://HOST:PORT", "inproc://NAME".
//
// A frame is the header's length (32 bits, little-endian), a RequestHeader or ResponseHeader of
// assay.rpc.v1, and the message.
//
// Everything here is for the loop's own thread but the functions of a raw request (rpc_request_*).
// Callbacks run on the loop, never inside the call that asked for them.
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include "common/loop/loop.h"
#include "common/rpc/trace.h"

// gRPC's codes (https://grpc.github.io/grpc/core/md_doc_statuscodes.html).
enum rpc_status {
    RPC_OK = 0,
    RPC_CANCELLED = 1,
    RPC_UNKNOWN = 2,
    RPC_INVALID_ARGUMENT = 3,
    RPC_DEADLINE_EXCEEDED = 4,
    RPC_NOT_FOUND = 5,
    RPC_ALREADY_EXISTS = 6,
    RPC_PERMISSION_DENIED = 7,
    RPC_RESOURCE_EXHAUSTED = 8,
    RPC_FAILED_PRECONDITION = 9,
    RPC_ABORTED = 10,
    RPC_OUT_OF_RANGE = 11,
    RPC_UNIMPLEMENTED = 12,
    RPC_INTERNAL = 13,
    RPC_UNAVAILABLE = 14,
    RPC_DATA_LOSS = 15,
    RPC_UNAUTHENTICATED = 16,
};
const char *rpc_status_name(enum rpc_status status);
enum rpc_status rpc_status_of_err(enum err err); // from ERR_LIST
enum err rpc_err_of_status(enum rpc_status status);
// The status of HTTP that goes with it, wherever calls are answered over HTTP
// (https://connectrpc.com/docs/protocol/#error-codes; 500 for what is no status).
int rpc_http_status(enum rpc_status status);

struct rpc_pair {
    const char *key;
    const char *value;
};
// The metadata key under which a caller shows who it is: "Bearer TOKEN".
#define RPC_KEY_AUTHORIZATION "authorization"
// Bounds of a header: pairs, bytes of a key or a value, bytes of a method's name; bytes of the text
// that goes with a status (longer ones are cut).
enum {
    RPC_METADATA_MAX = 16,
    RPC_TEXT_MAX = 256,
    RPC_METHOD_MAX = 128,
    RPC_STATUS_TEXT_MAX = 16 * 1024
};

// protobuf-c unpacking into an arena, bounded at 8 times the input plus 64 KiB. INVALID for bytes
// that are not such a message, FULL when the bound was passed. The message lives as long as the
// arena.
MUST_USE enum err rpc_unpack(const ProtobufCMessageDescriptor *type, struct span bytes,
                             struct arena *arena, ProtobufCMessage **out, struct err_info *info);

// Whether every string of the message, at any depth, is well-formed UTF-8. A NUL byte inside a
// string shows as its end: protobuf-c's strings are C strings.
bool rpc_message_texts_clean(const ProtobufCMessage *message);
// The name of the first field that is not; NULL when all are.
const char *rpc_message_unclean_field(const ProtobufCMessage *message);

// ---- Serving ------------------------------------------------------------------------------------

struct rpc_server;
struct rpc_server_opts {
    const char *url;
    uint32_t calls_max; // requests in work at once; more wait in the transport. 0: 64
    // Larger messages are RESOURCE_EXHAUSTED; 64 KiB beyond, they are dropped with their
    // connection. 0: 4 MiB
    size_t request_bytes_max;
    size_t response_bytes_max; // larger answers become RESOURCE_EXHAUSTED. 0: 4 MiB
};
// Listens; requests wait until rpc_server_start. A socket file that a dead server left is replaced.
// BUSY when somebody serves the address, INVALID for what is no address.
MUST_USE enum err rpc_server_open(struct loop *loop, const struct rpc_server_opts *opts,
                                  struct rpc_server **out, struct err_info *info);
// Serves a generated service: handlers run on the loop's thread, may answer later, and answer
// exactly once, by the closure or by rpc_fail (CHECKed). Keeps `service`. Before rpc_server_start.
// A handler gets messages whose strings are well-formed UTF-8; one that is not, or does not unpack,
// is INVALID_ARGUMENT. The message and the call are gone when it has answered.
void rpc_server_add(struct rpc_server *server, ProtobufCService *service);
// Takes one method of a service out of the loop: its requests go to `cb` on one of NNG's threads,
// as bytes. For the hot path. `method` is "assay.x.v1.XService/Method", copied. Before
// rpc_server_start. The server neither ends raw requests at their deadline nor tells of a cancel.
struct rpc_request;
typedef void (*rpc_raw_on_nng)(void *arg, struct rpc_request *request);
void rpc_server_add_raw(struct rpc_server *server, const char *method, rpc_raw_on_nng cb,
                        void *arg);
void rpc_server_start(struct rpc_server *server);
// Refuses new requests with UNAVAILABLE, lets those in work end (up to drain_ms; the rest are
// answered UNAVAILABLE, and on_cancel tells their handlers), then closes and calls back; the server
// is gone then. Handlers that have not answered by then still do, into nothing. Raw requests are
// waited for without end: their bytes are in use.
void rpc_server_close(struct rpc_server *server, int64_t drain_ms, void (*closed)(void *arg),
                      void *arg);
struct rpc_server_stats {
    uint64_t requests; // frames that arrived
    uint64_t failed;   // answered with another status than OK by a handler
    uint64_t deadline_exceeded;
    uint64_t cancelled;
    uint64_t refused; // answered by the server itself: malformed, unknown, closing
    uint32_t in_work;
    uint32_t streams; // in work; loop's thread
};
void rpc_server_stats(struct rpc_server *server, struct rpc_server_stats *out);

// The call that a handler serves, from the `closure_data` it was given. Valid until answered.
struct rpc_incoming;
struct rpc_incoming *rpc_incoming(void *closure_data);
const char *rpc_incoming_method(const struct rpc_incoming *call);
// The value of a metadata key, or NULL.
const char *rpc_incoming_metadata(const struct rpc_incoming *call, const char *key);
// The caller's trace, or one made for it; other calls that the handler makes carry it on.
const struct rpc_trace *rpc_incoming_trace(const struct rpc_incoming *call);
// Milliseconds until the caller gives up; INT64_MAX without a deadline.
int64_t rpc_incoming_left_ms(const struct rpc_incoming *call);
// Memory that lives until the answer.
struct arena *rpc_incoming_arena(struct rpc_incoming *call);
// Called on the loop at most once, when the caller cancels or its deadline passes before the
// answer; the server has answered by itself then, and the handler's later answer is dropped. The
// handler still gives it: until then the request counts as in work.
void rpc_incoming_on_cancel(struct rpc_incoming *call, void (*cb)(void *arg), void *arg);
// Answers with an error.
void rpc_fail(void *closure_data, enum rpc_status status, const char *format, ...)
    PRINTF_LIKE(3, 4);
void rpc_fail_err(void *closure_data, enum err err, const struct err_info *info);

// A raw request: any thread; answer exactly once; `body` is valid until then.
struct span rpc_request_body(const struct rpc_request *request);
const char *rpc_request_metadata(const struct rpc_request *request, const char *key);
void rpc_request_answer(struct rpc_request *request, struct span message);
void rpc_request_answer_message(struct rpc_request *request, const ProtobufCMessage *message);
void rpc_request_fail(struct rpc_request *request, enum rpc_status status, const char *format, ...)
    PRINTF_LIKE(3, 4);

// ---- Calling ------------------------------------------------------------------------------------

// A client speaks to one address and reconnects by itself, for ever, with backoff up to 200 ms. A
// request may reach the server more than once when a connection breaks: methods are idempotent.
struct rpc_client;
struct rpc_client_opts {
    const char *url;
    uint32_t calls_max;        // in flight; more are RESOURCE_EXHAUSTED. 0: 64
    size_t request_bytes_max;  // larger messages are RESOURCE_EXHAUSTED, unsent. 0: 4 MiB
    size_t response_bytes_max; // 0: 4 MiB
    // Gives what goes along as "authorization" with calls that name none themselves; "" for
    // nothing. Asked at each call, on the loop. May be NULL.
    const char *(*authorization)(void *arg);
    void *authorization_arg;
};
// INVALID for what is no address; a server need not be there.
MUST_USE enum err rpc_client_open(struct loop *loop, const struct rpc_client_opts *opts,
                                  struct rpc_client **out, struct err_info *info);
// Calls in flight end with CANCELLED, each with its callback, before `closed`.
void rpc_client_close(struct rpc_client *client, void (*closed)(void *arg), void *arg);
// Whether there is a connection at this moment.
bool rpc_client_connected(const struct rpc_client *client);

// Borrowed for the call (rpc_call_begin: until the stub has been called).
struct rpc_call_opts {
    int64_t timeout_ms; // 0: 10 s. There is no call without a deadline.
    const struct rpc_pair *metadata;
    size_t n_metadata;
    // Goes along as metadata (not when there is no room for two pairs more). NULL: the trace that
    // the thread works in, if any. The callback runs in it again.
    const struct rpc_trace *trace;
    // rpc_call_wait only, may be NULL: gets the whole text of a status that is not OK, in the arena
    // (an err_info holds 511 bytes of it).
    const char **full_text;
};

// One call by a generated stub; `opts` may be NULL:
//
//     struct rpc_call *call = rpc_call_begin(client, &assay__x__v1__x_service__descriptor, &opts);
//     assay__x__v1__x_service__get((ProtobufCService *)call, &request, got_cb, my);
//
// A call ends, beside what handlers say, with: DEADLINE_EXCEEDED (also when the server hangs),
// UNAVAILABLE "no connection to URL" when there was none during the whole call or it was lost many
// times, RESOURCE_EXHAUSTED, CANCELLED, UNIMPLEMENTED, INVALID_ARGUMENT.
//
// The stub's closure runs on the loop, never inside the stub, exactly once: with the answer, valid
// during the callback, or with NULL; rpc_call_status tells why. `my` is the caller's; keep `call`
// in it to ask. The call is gone after the closure.
struct rpc_call;
struct rpc_call *rpc_call_begin(struct rpc_client *client,
                                const ProtobufCServiceDescriptor *service,
                                const struct rpc_call_opts *opts);
enum rpc_status rpc_call_status(const struct rpc_call *call);
const char *rpc_call_text(const struct rpc_call *call);
// Ends it with CANCELLED (the closure still runs, later) and tells the server, once, within a
// second.
void rpc_call_cancel(struct rpc_call *call);

// The same with bytes instead of messages, for the hot path. `body` is copied. The callback runs on
// the loop exactly once; `answer` is valid during it.
typedef void (*rpc_raw_cb)(void *arg, enum rpc_status status, const char *text, struct span answer);
void rpc_call_raw(struct rpc_client *client, const char *method, struct span body,
                  const struct rpc_call_opts *opts, rpc_raw_cb cb, void *arg);

// Waits for the answer of one call by running the loop of this thread: for command line tools and
// tests. `answer` lives in `arena`. Any status but OK gives the matching err, with the server's
// text.
MUST_USE enum err rpc_call_wait(struct loop *loop, struct rpc_client *client, const char *method,
                                const ProtobufCMessage *request,
                                const ProtobufCMessageDescriptor *answer_type,
                                const struct rpc_call_opts *opts, struct arena *arena,
                                ProtobufCMessage **answer, struct err_info *info);
