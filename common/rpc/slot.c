// SPDX-License-Identifier: Apache-2.0
// NNG's side of the server: receiving, raw requests, sending; and what carries a call of the loop's
// through a slot. What runs on NNG's threads reads the header, and either calls the raw method or
// posts the slot to the loop.
#include <stdio.h>

#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/rpc/server_impl.h"

static void slot_on_nng(void *arg);

struct slot *slot_create(struct rpc_server *server)
{
    struct slot *slot = mem_zalloc(sizeof *slot);
    slot->server = server;
    CHECK(nng_ctx_open(&slot->ctx, server->socket) == 0);
    CHECK(nng_aio_alloc(&slot->aio, slot_on_nng, slot) == 0);
    arena_init(&slot->arena, RPC_ARENA_BLOCK_BYTES, 0);
    incoming_init(&slot->incoming, server->loop);
    return slot;
}

void slot_close(struct slot *slot)
{
    nng_aio_free(slot->aio);
    nng_ctx_close(slot->ctx);
    slot->aio = NULL;
    slot_free_request(slot);
    incoming_deinit(&slot->incoming);
}

void slot_free(struct slot *slot)
{
    arena_deinit(&slot->arena);
    mem_free(slot);
}

void slot_free_request(struct slot *slot)
{
    if (slot->msg != NULL)
        nng_msg_free(slot->msg);
    slot->msg = NULL;
    slot->body = (struct span){0};
}

void slot_receive(struct slot *slot)
{
    slot_free_request(slot);
    arena_reset(&slot->arena);
    slot->head = NULL;
    slot->method = NULL;
    slot->sending = false;
    nng_ctx_recv(slot->ctx, slot->aio);
}

void slot_part_over(struct slot *slot)
{
    if (atomic_fetch_sub(&slot->parts, 1) == 1)
        slot_receive(slot);
}

void slot_send(struct slot *slot, nng_msg *msg, unsigned parts)
{
    atomic_store(&slot->parts, parts);
    atomic_fetch_add(&slot->server->sends, 1);
    slot->sending = true;
    nng_aio_set_msg(slot->aio, msg);
    nng_ctx_send(slot->ctx, slot->aio);
}

void slot_answer(struct slot *slot, nng_msg *msg, unsigned parts)
{
    atomic_store(&slot->server->answered_ms, clock_mono_ms());
    slot_send(slot, msg, parts);
}

void slot_refuse(struct slot *slot, enum rpc_status status, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    atomic_fetch_add(&slot->server->refused, 1);
    slot_send(slot, frame_response_create(status, text, 0, NULL), 1);
}

// ---- A request that arrived ---------------------------------------------------------------------

static const char *slot_peer(struct slot *slot)
{
    const char *url = slot->server->url;
    if (strncmp(url, "tcp://", 6) != 0)
        return RPC_PEER_LOCAL;
    nng_sockaddr from;
    char text[64] = "";
    if (nng_pipe_get_addr(nng_msg_get_pipe(slot->msg), NNG_OPT_REMADDR, &from) == 0)
        frame_peer_text(&from, text, sizeof text);
    return arena_dup(&slot->arena, span_of(text));
}

static void slot_observe_raw(const struct slot *slot, enum rpc_status status)
{
    const struct rpc_server *server = slot->server;
    if (server->raw_observer != NULL)
        server->raw_observer(server->raw_observer_arg, slot->method->public.name, status,
                             clock_mono_ns() - slot->began_ns);
}

// Whether the raw request may go on; refuses it if not.
static bool slot_raw_may_on_nng(struct slot *slot)
{
    struct rpc_server *server = slot->server;
    char text[RPC_TEXT_MAX] = "";
    if (server->raw_guard == NULL)
        return true;
    enum rpc_status status = server->raw_guard(server->raw_guard_arg, &slot->request,
                                               slot->method->public.name, slot_peer(slot), text);
    if (status == RPC_OK)
        return true;
    atomic_store(&slot->request.open, false);
    slot_observe_raw(slot, status);
    slot_refuse(slot, status, "%s", text);
    return false;
}

static void slot_call_raw_on_nng(struct slot *slot)
{
    struct rpc_server *server = slot->server;
    slot->began_ns = clock_mono_ns();
    atomic_store(&slot->request.open, true);
    struct rpc_trace trace;
    const char *id = rpc_request_metadata(&slot->request, RPC_KEY_REQUEST_ID);
    if (id != NULL)
        rpc_trace_make(&trace, id, rpc_request_metadata(&slot->request, RPC_KEY_TRACEPARENT));
    const struct rpc_trace *outer = rpc_trace_enter(id != NULL ? &trace : NULL);
    if (slot_raw_may_on_nng(slot)) {
        atomic_fetch_add(&server->in_work, 1);
        atomic_fetch_add(&server->raw_in_work, 1);
        slot->method->raw(slot->method->raw_arg, &slot->request);
    }
    rpc_trace_leave(outer);
}

static void slot_received_on_nng(struct slot *slot)
{
    struct rpc_server *server = slot->server;
    struct span head;
    struct err_info info;
    rpc_request_header *read;
    atomic_fetch_add(&server->requests, 1);
    struct span frame = span_make(nng_msg_body(slot->msg), nng_msg_len(slot->msg));
    if (!frame_split(frame, &head, &slot->body)) {
        slot_refuse(slot, RPC_INVALID_ARGUMENT, "malformed frame");
        return;
    }
    if (frame_request_read(head, &slot->arena, &read, &info) != ERR_OK) {
        slot_refuse(slot, RPC_INVALID_ARGUMENT, "%s", info.text);
        return;
    }
    slot->head = read;
    slot->deadline_ms = read->timeout_ms == 0 ? INT64_MAX : clock_mono_ms() + read->timeout_ms;
    if (!read->cancel) {
        slot->method = server_find_method(server, read->method);
        if (slot->method == NULL) {
            slot_refuse(slot, RPC_UNIMPLEMENTED, "no method %s", read->method);
            return;
        }
        if (slot->body.len > server->request_bytes_max) {
            slot_refuse(slot, RPC_RESOURCE_EXHAUSTED, "request of %zu bytes, at most %zu",
                        slot->body.len, server->request_bytes_max);
            return;
        }
        if (slot->method->raw != NULL && !atomic_load(&server->closing)) {
            slot_call_raw_on_nng(slot);
            return;
        }
    }
    CHECK(mailbox_post(server->mailbox, slot) == ERR_OK);
}

static void slot_on_nng(void *arg)
{
    struct slot *slot = arg;
    int rv = nng_aio_result(slot->aio);
    nng_msg *msg = nng_aio_get_msg(slot->aio);
    nng_aio_set_msg(slot->aio, NULL);
    if (slot->sending) {
        if (rv != 0 && msg != NULL)
            nng_msg_free(msg);
        // Before the count goes down: a server that sees no sends may be freed.
        struct rpc_server *server = slot->server;
        if (rv != NNG_ECLOSED && rv != NNG_ECANCELED)
            slot_part_over(slot);
        atomic_fetch_sub(&server->sends, 1);
        return;
    }
    // A receive fails only when it is stopped.
    if (rv != 0)
        return;
    slot->msg = msg;
    slot_received_on_nng(slot);
}

// ---- Carrying a call of the loop's --------------------------------------------------------------

static struct slot *slot_of(struct rpc_incoming *call)
{
    return CONTAINER_OF(call, struct slot, incoming);
}

static void slot_call_refuse(struct rpc_incoming *call, enum rpc_status status, const char *text)
{
    slot_send(slot_of(call), frame_response_create(status, text, 0, NULL), 1);
}

static void slot_call_unpacked(struct rpc_incoming *call)
{
    slot_free_request(slot_of(call));
}

static void slot_call_message(struct rpc_incoming *call, const ProtobufCMessage *message)
{
    uint8_t *body;
    size_t bytes = protobuf_c_message_get_packed_size(message);
    struct slot *slot = slot_of(call);
    CHECK(slot->answer == NULL);
    slot->answer = frame_response_create(RPC_OK, NULL, bytes, &body);
    CHECK(protobuf_c_message_pack(message, body) == bytes);
}

// Two parts: the answer on its way, and the handler.
static void slot_call_end(struct rpc_incoming *call, enum rpc_status status, const char *text)
{
    struct slot *slot = slot_of(call);
    nng_msg *msg = slot->answer;
    slot->answer = NULL;
    CHECK((msg != NULL) == (status == RPC_OK));
    slot_answer(slot, msg != NULL ? msg : frame_response_create(status, text, 0, NULL), 2);
}

static void slot_call_release(struct rpc_incoming *call)
{
    struct slot *slot = slot_of(call);
    if (slot->server == NULL)
        slot_free(slot);
    else
        slot_part_over(slot);
}

static const struct incoming_ops SLOT_OPS = {
    .refuse = slot_call_refuse,
    .unpacked = slot_call_unpacked,
    .message = slot_call_message,
    .end = slot_call_end,
    .release = slot_call_release,
};

static const struct rpc_pair *slot_metadata(struct slot *slot)
{
    const rpc_request_header *head = slot->head;
    if (head->n_metadata == 0)
        return NULL;
    struct rpc_pair *pairs = arena_alloc(&slot->arena, head->n_metadata * sizeof *pairs);
    for (size_t i = 0; i < head->n_metadata; i++)
        pairs[i] = (struct rpc_pair){head->metadata[i]->key, head->metadata[i]->value};
    return pairs;
}

static void slot_begin(struct slot *slot)
{
    struct rpc_incoming *call = &slot->incoming;
    call->ops = &SLOT_OPS;
    call->server = slot->server;
    call->method = slot->method;
    call->way = RPC_WAY_NNG;
    call->arena = &slot->arena;
    call->body = slot->body;
    call->input = NULL;
    call->metadata = slot_metadata(slot);
    call->n_metadata = slot->head->n_metadata;
    call->peer = slot_peer(slot);
    call->deadline_ms = slot->deadline_ms;
    incoming_begin(call);
}

static void slot_cancel_call(struct slot *slot)
{
    struct rpc_server *server = slot->server;
    uint64_t call_id = slot->head->call_id;
    // A request that was sent again after a lost connection is there twice.
    for (uint32_t i = 0; i < server->n_slots; i++) {
        struct slot *other = server->slots[i];
        // The state first: only then do the other fields belong to the loop.
        if (other->incoming.state != INCOMING_WORKING || other->head->call_id != call_id)
            continue;
        atomic_fetch_add(&server->cancelled, 1);
        incoming_end(&other->incoming, RPC_CANCELLED, "cancelled by the caller");
    }
    slot_send(slot, frame_response_create(RPC_OK, NULL, 0, NULL), 1);
}

void slot_arrived(struct slot *slot)
{
    if (slot->head->cancel)
        slot_cancel_call(slot);
    else
        slot_begin(slot);
}

// ---- Raw requests, any thread -------------------------------------------------------------------

struct span rpc_request_body(const struct rpc_request *request)
{
    CHECK(atomic_load(&request->open));
    return CONTAINER_OF(request, struct slot, request)->body;
}

const char *rpc_request_metadata(const struct rpc_request *request, const char *key)
{
    CHECK(atomic_load(&request->open));
    const rpc_request_header *head = CONTAINER_OF(request, struct slot, request)->head;
    for (size_t i = 0; i < head->n_metadata; i++)
        if (strcmp(head->metadata[i]->key, key) == 0)
            return head->metadata[i]->value;
    return NULL;
}

// Takes `msg`.
static void slot_answer_raw(struct slot *slot, enum rpc_status status, nng_msg *msg)
{
    struct rpc_server *server = slot->server;
    CHECK(atomic_exchange(&slot->request.open, false));
    slot_observe_raw(slot, status);
    slot_free_request(slot);
    slot_answer(slot, msg, 1);
    // After the send: a closing server waits until neither is left.
    atomic_fetch_sub(&server->raw_in_work, 1);
    atomic_fetch_sub(&server->in_work, 1);
}

static bool slot_raw_too_large(struct rpc_request *request, size_t bytes)
{
    size_t max = CONTAINER_OF(request, struct slot, request)->server->response_bytes_max;
    if (bytes <= max)
        return false;
    rpc_request_fail(request, RPC_RESOURCE_EXHAUSTED, "answer of %zu bytes, at most %zu", bytes,
                     max);
    return true;
}

void rpc_request_answer(struct rpc_request *request, struct span message)
{
    if (slot_raw_too_large(request, message.len))
        return;
    uint8_t *body;
    nng_msg *msg = frame_response_create(RPC_OK, NULL, message.len, &body);
    if (message.len > 0)
        memcpy(body, message.ptr, message.len);
    slot_answer_raw(CONTAINER_OF(request, struct slot, request), RPC_OK, msg);
}

void rpc_request_answer_message(struct rpc_request *request, const ProtobufCMessage *message)
{
    size_t bytes = protobuf_c_message_get_packed_size(message);
    if (slot_raw_too_large(request, bytes))
        return;
    uint8_t *body;
    nng_msg *msg = frame_response_create(RPC_OK, NULL, bytes, &body);
    CHECK(protobuf_c_message_pack(message, body) == bytes);
    slot_answer_raw(CONTAINER_OF(request, struct slot, request), RPC_OK, msg);
}

void rpc_request_fail(struct rpc_request *request, enum rpc_status status, const char *format, ...)
{
    CHECK(status != RPC_OK);
    struct slot *slot = CONTAINER_OF(request, struct slot, request);
    va_list args;
    va_start(args, format);
    char text[1024];
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    atomic_fetch_add(&slot->server->failed, 1);
    slot_answer_raw(slot, status, frame_response_create(status, text, 0, NULL));
}
