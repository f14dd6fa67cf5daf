// SPDX-License-Identifier: Apache-2.0
// The server's inside, shared by server.c (life cycle), incoming.c and stream.c (calls, whichever
// way they came), and their two carriers: slot.c (NNG) and carry.c (other transports).
//
// A slot is one context of the REP socket: it receives a request, waits for its answer, sends it,
// and receives the next. Its fields belong to whoever has it: NNG's callback until the request is
// handed over, then the loop (or the holder of the raw request), then NNG again with the send. Only
// `parts` is shared: an answer that the server gives by itself (deadline, cancel) is sent while the
// handler still works, and the slot receives again when both are over.
#pragma once

#include <stdatomic.h>

#include "common/loop/loop.h"
#include "common/rpc/carry.h"
#include "common/rpc/rpc_impl.h"
#include "common/rpc/trace.h"

struct server_method {
    struct rpc_method public; // its name is ours
    ProtobufCService *service;
    unsigned index;
    bool hidden;        // from other transports than NNG
    rpc_raw_on_nng raw; // not NULL: a raw method
    void *raw_arg;
};

enum incoming_state {
    INCOMING_NONE,
    INCOMING_WORKING, // a handler has it
    INCOMING_ENDED,   // ended by the server; the handler still has it
};

// What carries a call: a slot or another transport. Each is called on the loop.
struct incoming_ops {
    // The call ends before a handler has seen it. It is gone then.
    void (*refuse)(struct rpc_incoming *call, enum rpc_status status, const char *text);
    // `body` is not needed any more. May be NULL.
    void (*unpacked)(struct rpc_incoming *call);
    // A message of the answer.
    void (*message)(struct rpc_incoming *call, const ProtobufCMessage *message);
    // The caller is told. The handler may still have the call.
    void (*end)(struct rpc_incoming *call, enum rpc_status status, const char *text);
    // The handler has answered, and the call has ended: it is gone then.
    void (*release)(struct rpc_incoming *call);
};

// A call. What stands first is set by its carrier before incoming_begin.
struct rpc_incoming {
    const struct incoming_ops *ops;
    struct rpc_server *server; // NULL: it is gone, and a handler still has the call
    const struct server_method *method;
    enum rpc_way way;
    struct arena *arena;           // lives until the answer
    struct span body;              // the request; until incoming_begin returns
    const ProtobufCMessage *input; // or this, already checked
    const struct rpc_pair *metadata;
    size_t n_metadata;
    const char *peer;
    int64_t deadline_ms; // clock_mono_ms; INT64_MAX: none

    // incoming.c
    uint32_t magic;
    enum incoming_state state;
    struct loop_timer *timer; // the deadline, or an end that must not happen at once
    enum rpc_status doom;     // not OK: the timer ends it so
    bool in_message;          // the carrier is being told
    struct rpc_trace trace;
    uint64_t began_ns; // clock_mono_ns
    const void *tag;   // the guard's
    void (*on_cancel)(void *arg);
    void *on_cancel_arg;
    // stream.c
    bool full;
    void (*on_writable)(void *arg);
    void *on_writable_arg;
};

struct rpc_request {
    atomic_bool open; // handed out and not answered
};

struct slot {
    struct rpc_server *server; // NULL: the server is gone, a handler still has the call
    nng_ctx ctx;
    nng_aio *aio;
    bool sending;      // the operation of `aio`: a send, else a receive
    atomic_uint parts; // what must be over before the slot receives again
    nng_msg *msg;      // the request; freed when nothing points into it
    struct span body;
    struct arena arena; // the header, and all that lives until the answer
    const rpc_request_header *head;
    nng_msg *answer; // packed, not sent yet
    const struct server_method *method;
    int64_t deadline_ms; // clock_mono_ms; INT64_MAX: none
    uint64_t began_ns;   // a raw request: clock_mono_ns
    struct rpc_incoming incoming;
    struct rpc_request request;
};

struct rpc_server {
    struct loop *loop;
    char *url;
    size_t request_bytes_max;
    size_t response_bytes_max;
    nng_socket socket;
    nng_listener listener;
    struct mailbox *mailbox; // of slots, one item each at most
    uint32_t n_slots;
    struct slot **slots;
    struct server_method **methods; // raw ones are looked up first
    size_t n_methods;
    size_t methods_cap;
    bool started;
    rpc_guard guard; // may be NULL
    void *guard_arg;
    rpc_observer observer; // may be NULL
    void *observer_arg;
    rpc_raw_observer raw_observer; // may be NULL
    void *raw_observer_arg;
    rpc_raw_guard_on_nng raw_guard; // may be NULL
    void *raw_guard_arg;
    struct carried *carried; // calls of other transports, as a list
    uint32_t n_streams;      // in work; not among in_work

    // watch.c
    atomic_uint connections; // that were handed out, ever
    struct loop_timer *watch;
    struct watch_probe *probe; // under way
    unsigned n_probes;         // with those that are being closed
    unsigned misses;           // probes in a row
    bool deaf;                 // it could not listen anew

    atomic_bool closing;
    bool stopped; // no operation runs any more
    int64_t drain_until_ms;
    struct loop_timer *close_timer;
    void (*closed)(void *arg);
    void *closed_arg;

    atomic_uint in_work; // handlers and raw requests that have not answered
    atomic_uint raw_in_work;
    atomic_uint sends;                // answers on their way
    atomic_int_least64_t answered_ms; // when the last answer, refusals aside, was handed to NNG
    atomic_uint_least64_t requests, failed, deadline_exceeded, cancelled, refused;
};

// slot.c
struct slot *slot_create(struct rpc_server *server);
// Its operations have been stopped.
void slot_close(struct slot *slot);
void slot_free(struct slot *slot);
void slot_receive(struct slot *slot);
// One of `parts` is over.
void slot_part_over(struct slot *slot);
// Takes `msg`. Any thread that has the slot.
void slot_send(struct slot *slot, nng_msg *msg, unsigned parts);
// The same for what somebody in work waits for; a closing server gives it time to leave.
void slot_answer(struct slot *slot, nng_msg *msg, unsigned parts);
// An answer of the server's own; counts as refused.
void slot_refuse(struct slot *slot, enum rpc_status status, const char *format, ...)
    PRINTF_LIKE(3, 4);
void slot_free_request(struct slot *slot);

// watch.c: looks now and then whether the server can still be reached.
void watch_open(struct rpc_server *server);
void watch_close(struct rpc_server *server);

// The loop's side: a request that arrived.
void slot_arrived(struct slot *slot);

// server.c
const struct server_method *server_find_method(const struct rpc_server *server, const char *name);

// incoming.c
// The call's timer; before anything else.
void incoming_init(struct rpc_incoming *call, struct loop *loop);
void incoming_deinit(struct rpc_incoming *call);
// Looks whether the call may be served, and gives it to its handler, which may answer at once.
void incoming_begin(struct rpc_incoming *call);
// Ends a call in work from the server's side.
void incoming_end(struct rpc_incoming *call, enum rpc_status status, const char *text);
// The same in the next turn, for whoever is called by the handler.
void incoming_doom(struct rpc_incoming *call, enum rpc_status status);
// Tells the handler, whose call has been taken from it.
void incoming_tell_cancelled(struct rpc_incoming *call);
// The handler's end.
void incoming_finish(struct rpc_incoming *call, enum rpc_status status, const char *text);
// From what a handler was given.
struct rpc_incoming *incoming_of(void *closure_data);
// One message to the carrier.
void incoming_message(struct rpc_incoming *call, const ProtobufCMessage *message);

// carry.c
// Ends the streams, or all calls, that other transports carry; a stream waits for no drain.
void carried_end_all(struct rpc_server *server, bool streams_only);
// The server is going: calls that handlers still have are theirs alone.
void carried_orphan(struct rpc_server *server);
