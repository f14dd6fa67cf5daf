// SPDX-License-Identifier: Apache-2.0
// For transports beside NNG (gRPC, JSON over HTTP), for guards, and for handlers of streams: the
// methods that a server has, called by whoever received a request in some other way. A method is
// registered once, with rpc_server_add, and its handler sees the same `struct rpc_incoming`
// whichever way a call came. Loop's thread.
#pragma once

#include "common/rpc/rpc.h"

// How a call came. Guards look at it.
enum rpc_way { RPC_WAY_NNG, RPC_WAY_GRPC, RPC_WAY_HTTP, RPC_WAY_INSIDE };

// ---- What there is ------------------------------------------------------------------------------

// Keeps a method from other transports than NNG: it is spoken between services only. `method` as in
// rpc_server_add_raw, of a service that has been added. Raw methods are hidden by themselves.
// Before rpc_server_start.
void rpc_server_hide(struct rpc_server *server, const char *method);
// Says that a method is declared with `returns (stream ...)`: its handler answers by rpc_stream_*
// below. Over NNG such a method is UNIMPLEMENTED. As rpc_server_hide.
void rpc_server_stream(struct rpc_server *server, const char *method);

struct rpc_method {
    const char *name; // "assay.x.v1.XService/Method"
    const ProtobufCMessageDescriptor *input, *output;
    bool stream;
};
// A method that is not hidden, or NULL. Valid as long as the server.
const struct rpc_method *rpc_server_method(const struct rpc_server *server, const char *name);
// All of them, in the order of registration: the nth, or NULL.
const struct rpc_method *rpc_server_nth_method(const struct rpc_server *server, size_t n);

// ---- Who may ------------------------------------------------------------------------------------

// Asked before a handler sees a call, whichever way it came. Not OK: the call ends so, with the
// text that it wrote. It may set the call's tag. Both before rpc_server_start.
typedef enum rpc_status (*rpc_guard)(void *arg, struct rpc_incoming *call, char text[RPC_TEXT_MAX]);
void rpc_server_set_guard(struct rpc_server *server, rpc_guard guard, void *arg);
// The same for raw requests, on NNG's threads, before their callback gets them. `peer` as below.
typedef enum rpc_status (*rpc_raw_guard_on_nng)(void *arg, const struct rpc_request *request,
                                                const char *method, const char *peer,
                                                char text[RPC_TEXT_MAX]);
void rpc_server_set_raw_guard(struct rpc_server *server, rpc_raw_guard_on_nng guard, void *arg);
enum rpc_way rpc_incoming_way(const struct rpc_incoming *call);
// "127.0.0.1:4711"; RPC_PEER_LOCAL for what can only come from this machine (ipc://, inproc://); ""
// when the transport does not know it.
#define RPC_PEER_LOCAL "local"
const char *rpc_incoming_peer(const struct rpc_incoming *call);
// The request's message; NULL when it is malformed (the call then ends with INVALID_ARGUMENT when
// the guard has let it pass). Unpacked when first asked for: a guard looks who is there before.
const ProtobufCMessage *rpc_incoming_input(struct rpc_incoming *call);
// Whatever a guard wants handlers to know of the caller; NULL at first. Kept by the guard.
void rpc_incoming_set_tag(struct rpc_incoming *call, const void *tag);
const void *rpc_incoming_tag(const struct rpc_incoming *call);

// ---- Who watches --------------------------------------------------------------------------------

// Told of every call whose method is known, when its caller is told how it ends, `ns` after it
// came; refused ones too, of raw requests only those that a closing server refuses. On the loop,
// inside the call's trace.
typedef void (*rpc_observer)(void *arg, const struct rpc_incoming *call, enum rpc_status status,
                             uint64_t ns);
// Before rpc_server_start.
void rpc_server_set_observer(struct rpc_server *server, rpc_observer observer, void *arg);
// The same for raw requests that were answered, or refused by the raw guard. On the thread that
// answers, before the answer leaves. `method` is the very text that rpc_server_nth_raw gives.
typedef void (*rpc_raw_observer)(void *arg, const char *method, enum rpc_status status,
                                 uint64_t ns);
// Before rpc_server_start.
void rpc_server_set_raw_observer(struct rpc_server *server, rpc_raw_observer observer, void *arg);
// The name of the nth raw method, or NULL.
const char *rpc_server_nth_raw(const struct rpc_server *server, size_t n);

// ---- Carrying a call ----------------------------------------------------------------------------

// What a transport does with what a handler says. `carrier` is the transport's own. Called on the
// loop; perhaps inside rpc_carry, when the handler answers at once. They may call rpc_carried_full
// and rpc_carried_cancel (the handler is told later then), nothing else.
struct rpc_carrier_ops {
    // May be NULL. The call that rpc_carry is going to return, before any other of these, for those
    // who need it inside `message`.
    void (*began)(void *carrier, struct rpc_incoming *call);
    // A message of the answer: exactly one before an OK end of a unary method, any number of a
    // stream. Valid during the call.
    void (*message)(void *carrier, const ProtobufCMessage *message);
    // Exactly once, last; not after rpc_carried_cancel. `text` is "" or says why, in up to
    // RPC_STATUS_TEXT_MAX bytes. The call is not the transport's any more.
    void (*end)(void *carrier, enum rpc_status status, const char *text);
};

struct rpc_carry_opts {
    const struct rpc_method *method;
    enum rpc_way way;
    const char *peer;
    // The request: bytes, which are unpacked and checked as those that come over NNG; or a message
    // that lives in `arena`, already checked.
    struct span body;
    const ProtobufCMessage *message;
    struct arena *arena;             // taken over (emptied) with everything in it; or NULL
    int64_t timeout_ms;              // 0: no deadline
    const struct rpc_pair *metadata; // copied; keys in lower case
    size_t n_metadata;
};
// Begins a call. Returns it, or NULL when `end` has been called already. Calls in work count
// against the server's calls_max with those of NNG; over it the end is RESOURCE_EXHAUSTED. Streams
// are counted for themselves, against the same number. A deadline, a closing server (which ends
// streams at once, and calls after its drain) and a refusing guard end it by `end` too. A server
// that has closed carries nothing more: transports close before it.
struct rpc_incoming *rpc_carry(struct rpc_server *server, const struct rpc_carry_opts *opts,
                               const struct rpc_carrier_ops *ops, void *carrier);
// The caller has gone: the carrier hears nothing more, the handler is told by its on_cancel. Not
// after `end`.
void rpc_carried_cancel(struct rpc_incoming *call);
// After rpc_stream_send said false: the transport has sent what it had.
void rpc_carried_writable(struct rpc_incoming *call);
// For `message`: says that the transport holds enough for now; rpc_stream_send then answers false.
void rpc_carried_full(struct rpc_incoming *call);

// ---- Streams, for handlers ----------------------------------------------------------------------

// Sends one message of a stream. False: it was taken, but the caller reads slowly; nothing more
// should be sent until `on_writable`; or the caller has gone. A message over response_bytes_max
// ends the stream with RESOURCE_EXHAUSTED. After on_cancel (which is never called inside) the
// handler still ends the stream, once.
bool rpc_stream_send(void *closure_data, const ProtobufCMessage *message);
void rpc_stream_on_writable(void *closure_data, void (*cb)(void *arg), void *arg);
// Ends it with OK; with another status by rpc_fail.
void rpc_stream_end(void *closure_data);
