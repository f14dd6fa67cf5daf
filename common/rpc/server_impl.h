// SPDX-License-Identifier: Apache-2.0
// The server's inside, shared by server.c (life cycle), slot.c (NNG's side) and incoming.c (the
// loop's side).
//
// A slot is one context of the REP socket: it receives a request, waits for its answer, sends it,
// and receives the next. Its fields belong to whoever has it: NNG's callback until the request is
// handed over, then the loop (or the holder of the raw request), then NNG again with the send. Only
// `parts` is shared: an answer that the server gives by itself (deadline, cancel) is sent while the
// handler still works, and the slot receives again when both are over.
#pragma once

#include <stdatomic.h>

#include "common/loop/loop.h"
#include "common/rpc/rpc_impl.h"

struct server_method {
    char *name; // "package.Service/Method"
    ProtobufCService *service;
    unsigned index;
    rpc_raw_on_nng raw; // not NULL: a raw method
    void *raw_arg;
};

enum incoming_state {
    INCOMING_NONE,
    INCOMING_WORKING, // a handler has it
    INCOMING_ENDED,   // answered by the server; the handler still has it
};

// Fields private to incoming.c.
struct rpc_incoming {
    uint32_t magic;
    enum incoming_state state;
    struct loop_timer *deadline;
    void (*on_cancel)(void *arg);
    void *on_cancel_arg;
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
    const struct server_method *method;
    int64_t deadline_ms; // clock_mono_ms; INT64_MAX: none
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
    struct server_method *methods; // raw ones are looked up first
    size_t n_methods;
    size_t methods_cap;
    bool started;

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

// incoming.c
void incoming_init(struct slot *slot);
void incoming_deinit(struct slot *slot);
// On the loop: a request that arrived.
void incoming_arrived(struct slot *slot);
// On the loop: ends a call in work from the server's side.
void incoming_end(struct slot *slot, enum rpc_status status, const char *text);
