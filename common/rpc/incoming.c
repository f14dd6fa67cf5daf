// SPDX-License-Identifier: Apache-2.0
// A call at the server, whichever way it came: a request becomes a message, a handler gets it and
// answers, or the server ends it first.
//
//   NONE ──begin──► WORKING ──handler answers──────────────────────► NONE (answer is sent)
//                      │
//                      └──deadline, cancel, drain──► ENDED ──handler answers──► NONE (dropped)
#include <stdarg.h>
#include <stdio.h>

#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/rpc/server_impl.h"

enum { INCOMING_MAGIC = 0x1c0311a9 };

struct rpc_incoming *incoming_of(void *closure_data)
{
    struct rpc_incoming *call = closure_data;
    CHECK(call->magic == INCOMING_MAGIC);
    return call;
}

// ---- Ends ---------------------------------------------------------------------------------------

static void incoming_count(struct rpc_incoming *call, bool more)
{
    struct rpc_server *server = call->server;
    if (call->method->public.stream) {
        CHECK(more || server->n_streams > 0);
        server->n_streams += more ? 1 : (uint32_t)-1;
    } else if (more) {
        atomic_fetch_add(&server->in_work, 1);
    } else {
        atomic_fetch_sub(&server->in_work, 1);
    }
}

// A call that outlives its server is not watched any more.
static void incoming_observe(struct rpc_incoming *call, enum rpc_status status)
{
    const struct rpc_server *server = call->server;
    if (server == NULL || server->observer == NULL)
        return;
    const struct rpc_trace *outer = rpc_trace_enter(&call->trace);
    server->observer(server->observer_arg, call, status, clock_mono_ns() - call->began_ns);
    rpc_trace_leave(outer);
}

void incoming_finish(struct rpc_incoming *call, enum rpc_status status, const char *text)
{
    bool told = call->state == INCOMING_ENDED;
    CHECK(call->state != INCOMING_NONE); // the second answer to one call
    call->state = INCOMING_NONE;
    call->on_cancel = NULL;
    call->on_writable = NULL;
    if (call->timer != NULL)
        loop_timer_stop(call->timer);
    if (!told) {
        if (status != RPC_OK)
            atomic_fetch_add(&call->server->failed, 1);
        incoming_observe(call, status);
        call->ops->end(call, status, text);
    }
    if (call->server != NULL)
        incoming_count(call, false);
    call->ops->release(call);
}

void incoming_tell_cancelled(struct rpc_incoming *call)
{
    void (*on_cancel)(void *arg) = call->on_cancel;
    call->state = INCOMING_ENDED;
    call->on_cancel = NULL;
    loop_timer_stop(call->timer);
    // Last: the handler may answer in it.
    if (on_cancel != NULL)
        on_cancel(call->on_cancel_arg);
}

void incoming_end(struct rpc_incoming *call, enum rpc_status status, const char *text)
{
    CHECK(call->state == INCOMING_WORKING);
    incoming_observe(call, status);
    call->ops->end(call, status, text);
    incoming_tell_cancelled(call);
}

void incoming_doom(struct rpc_incoming *call, enum rpc_status status)
{
    if (call->doom == RPC_OK)
        call->doom = status;
    loop_timer_start(call->timer, 0, 0);
}

static int64_t incoming_left_ms(const struct rpc_incoming *call)
{
    return call->deadline_ms == INT64_MAX ? INT64_MAX : call->deadline_ms - clock_mono_ms();
}

static void incoming_timer_cb(void *arg)
{
    struct rpc_incoming *call = arg;
    int64_t left = incoming_left_ms(call);
    if (call->doom != RPC_OK) {
        incoming_end(call, call->doom,
                     call->doom == RPC_CANCELLED ? "cancelled by the caller"
                                                 : "an answer was too large");
    } else if (left > 0) {
        loop_timer_start(call->timer, (uint64_t)left, 0);
    } else {
        atomic_fetch_add(&call->server->deadline_exceeded, 1);
        incoming_end(call, RPC_DEADLINE_EXCEEDED, "the server had no answer in time");
    }
}

// ---- Begin --------------------------------------------------------------------------------------

void incoming_init(struct rpc_incoming *call, struct loop *loop)
{
    call->magic = INCOMING_MAGIC;
    call->timer = loop_timer_create(loop, incoming_timer_cb, call);
}

void incoming_deinit(struct rpc_incoming *call)
{
    loop_timer_destroy(call->timer);
    call->timer = NULL;
}

static enum err incoming_unpack(struct rpc_incoming *call, struct err_info *info)
{
    const ProtobufCMessageDescriptor *type = call->method->public.input;
    ProtobufCMessage *input;
    if (call->input != NULL)
        return ERR_OK;
    enum err err = rpc_unpack(type, call->body, call->arena, &input, info);
    if (err != ERR_OK)
        return err;
    const char *unclean = rpc_message_unclean_field(input);
    if (unclean != NULL)
        return err_set(info, ERR_INVALID, "%s: %s is not UTF-8", type->name, unclean);
    call->input = input;
    return ERR_OK;
}

// Whether a handler may have it; else why not.
static enum rpc_status incoming_look(struct rpc_incoming *call, struct err_info *info)
{
    struct rpc_server *server = call->server;
    info->text[0] = '\0';
    if (atomic_load(&server->closing)) {
        err_set(info, ERR_UNAVAILABLE, "%s is closing", server->url);
        return RPC_UNAVAILABLE;
    }
    if (incoming_left_ms(call) <= 0) {
        atomic_fetch_add(&server->deadline_exceeded, 1);
        err_set(info, ERR_TIMEOUT, "the deadline passed before the call began");
        return RPC_DEADLINE_EXCEEDED;
    }
    // Other transports share the number with the slots: handlers count on it.
    if (!call->method->public.stream && atomic_load(&server->in_work) >= server->n_slots) {
        err_set(info, ERR_FULL, "%u calls in work, which is all that the server takes",
                server->n_slots);
        return RPC_RESOURCE_EXHAUSTED;
    }
    if (call->method->public.stream && call->way == RPC_WAY_NNG) {
        err_set(info, ERR_INVALID, "%s is a stream: it needs gRPC", call->method->public.name);
        return RPC_UNIMPLEMENTED;
    }
    char text[RPC_TEXT_MAX] = "";
    if (server->guard != NULL) {
        enum rpc_status status = server->guard(server->guard_arg, call, text);
        err_set(info, ERR_INVALID, "%s", text);
        if (status != RPC_OK)
            return status;
    }
    enum err err = incoming_unpack(call, info);
    return err == ERR_OK ? RPC_OK : rpc_status_of_err(err);
}

static void incoming_answer_cb(const ProtobufCMessage *message, void *closure_data)
{
    struct rpc_incoming *call = incoming_of(closure_data);
    CHECK(call->state != INCOMING_NONE); // the second answer to one call
    if (call->state == INCOMING_ENDED) {
        incoming_finish(call, RPC_OK, "");
        return;
    }
    CHECK(message != NULL && !call->method->public.stream);
    size_t bytes = protobuf_c_message_get_packed_size(message);
    size_t max = call->server->response_bytes_max;
    if (bytes > max) {
        rpc_fail(closure_data, RPC_RESOURCE_EXHAUSTED, "answer of %zu bytes, at most %zu", bytes,
                 max);
        return;
    }
    incoming_message(call, message);
    incoming_finish(call, RPC_OK, "");
}

void incoming_message(struct rpc_incoming *call, const ProtobufCMessage *message)
{
    call->in_message = true;
    call->ops->message(call, message);
    call->in_message = false;
}

static void incoming_invoke(struct rpc_incoming *call)
{
    const struct server_method *method = call->method;
    ProtobufCService *service = method->service;
    // A copy: the call may be gone while its handler still runs.
    struct rpc_trace trace = call->trace;
    call->state = INCOMING_WORKING;
    incoming_count(call, true);
    int64_t left = incoming_left_ms(call);
    if (left != INT64_MAX)
        loop_timer_start(call->timer, left > 0 ? (uint64_t)left : 0, 0);
    const struct rpc_trace *outer = rpc_trace_enter(&trace);
    service->invoke(service, method->index, call->input, incoming_answer_cb, call);
    rpc_trace_leave(outer);
}

void incoming_begin(struct rpc_incoming *call)
{
    struct err_info info;
    CHECK(call->state == INCOMING_NONE && call->server != NULL);
    call->began_ns = clock_mono_ns();
    call->doom = RPC_OK;
    call->tag = NULL;
    call->full = false;
    rpc_trace_make(&call->trace, rpc_incoming_metadata(call, RPC_KEY_REQUEST_ID),
                   rpc_incoming_metadata(call, RPC_KEY_TRACEPARENT));
    enum rpc_status status = incoming_look(call, &info);
    if (status == RPC_OK) {
        call->body = (struct span){0};
        if (call->ops->unpacked != NULL)
            call->ops->unpacked(call);
        incoming_invoke(call);
        return;
    }
    atomic_fetch_add(&call->server->refused, 1);
    incoming_observe(call, status);
    call->ops->refuse(call, status, info.text);
}

void rpc_server_set_observer(struct rpc_server *server, rpc_observer observer, void *arg)
{
    CHECK(!server->started);
    server->observer = observer;
    server->observer_arg = arg;
}

void rpc_server_set_raw_observer(struct rpc_server *server, rpc_raw_observer observer, void *arg)
{
    CHECK(!server->started);
    server->raw_observer = observer;
    server->raw_observer_arg = arg;
}

// ---- For guards ---------------------------------------------------------------------------------

void rpc_server_set_guard(struct rpc_server *server, rpc_guard guard, void *arg)
{
    server->guard = guard;
    server->guard_arg = arg;
}

void rpc_server_set_raw_guard(struct rpc_server *server, rpc_raw_guard_on_nng guard, void *arg)
{
    CHECK(!server->started);
    server->raw_guard = guard;
    server->raw_guard_arg = arg;
}

enum rpc_way rpc_incoming_way(const struct rpc_incoming *call)
{
    return call->way;
}

const char *rpc_incoming_peer(const struct rpc_incoming *call)
{
    return call->peer;
}

const ProtobufCMessage *rpc_incoming_input(struct rpc_incoming *call)
{
    return incoming_unpack(call, NULL) == ERR_OK ? call->input : NULL;
}

void rpc_incoming_set_tag(struct rpc_incoming *call, const void *tag)
{
    call->tag = tag;
}

const void *rpc_incoming_tag(const struct rpc_incoming *call)
{
    return call->tag;
}

// ---- For handlers -------------------------------------------------------------------------------

struct rpc_incoming *rpc_incoming(void *closure_data)
{
    struct rpc_incoming *call = incoming_of(closure_data);
    CHECK(call->state != INCOMING_NONE);
    return call;
}

const char *rpc_incoming_method(const struct rpc_incoming *call)
{
    return call->method->public.name;
}

const char *rpc_incoming_metadata(const struct rpc_incoming *call, const char *key)
{
    for (size_t i = 0; i < call->n_metadata; i++)
        if (strcmp(call->metadata[i].key, key) == 0)
            return call->metadata[i].value;
    return NULL;
}

int64_t rpc_incoming_left_ms(const struct rpc_incoming *call)
{
    return incoming_left_ms(call);
}

const struct rpc_trace *rpc_incoming_trace(const struct rpc_incoming *call)
{
    return &call->trace;
}

struct arena *rpc_incoming_arena(struct rpc_incoming *call)
{
    return call->arena;
}

void rpc_incoming_on_cancel(struct rpc_incoming *call, void (*cb)(void *arg), void *arg)
{
    CHECK(incoming_of(call)->state != INCOMING_NONE);
    call->on_cancel = cb;
    call->on_cancel_arg = arg;
}

void rpc_fail(void *closure_data, enum rpc_status status, const char *format, ...)
{
    CHECK(status != RPC_OK);
    char text[RPC_STATUS_TEXT_MAX + 1];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    incoming_finish(incoming_of(closure_data), status, text);
}

void rpc_fail_err(void *closure_data, enum err err, const struct err_info *info)
{
    CHECK(err != ERR_OK);
    rpc_fail(closure_data, rpc_status_of_err(err), "%s",
             info != NULL && info->text[0] != '\0' ? info->text : err_text(err));
}
