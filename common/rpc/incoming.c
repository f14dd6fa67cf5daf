// SPDX-License-Identifier: Apache-2.0
// The loop's side of the server: a request becomes a message, a handler gets it and answers, or the
// server ends it first.
//
//   NONE ──dispatch──► WORKING ──handler answers──────────────────────► NONE (answer is sent)
//                         │
//                         └──deadline, cancel, drain──► ENDED ──handler answers──► NONE (dropped)
#include <stdarg.h>
#include <stdio.h>

#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/rpc/server_impl.h"

enum { INCOMING_MAGIC = 0x1c0311a9 };

static struct slot *incoming_slot(const struct rpc_incoming *call)
{
    CHECK(call->magic == INCOMING_MAGIC);
    return CONTAINER_OF(call, struct slot, incoming);
}

static int64_t incoming_left_ms(const struct slot *slot)
{
    return slot->deadline_ms == INT64_MAX ? INT64_MAX : slot->deadline_ms - clock_mono_ms();
}

// ---- Ends ---------------------------------------------------------------------------------------

static void incoming_over(struct slot *slot)
{
    slot->incoming.state = INCOMING_NONE;
    slot->incoming.on_cancel = NULL;
    if (slot->incoming.deadline != NULL)
        loop_timer_stop(slot->incoming.deadline);
}

// The handler's answer. Takes `msg`.
static void incoming_answer(struct slot *slot, enum rpc_status status, nng_msg *msg)
{
    struct rpc_server *server = slot->server;
    incoming_over(slot);
    if (status != RPC_OK)
        atomic_fetch_add(&server->failed, 1);
    slot_answer(slot, msg, 1);
    atomic_fetch_sub(&server->in_work, 1);
}

// The handler's answer to a call that the server has ended.
static void incoming_answer_late(struct slot *slot)
{
    incoming_over(slot);
    if (slot->server == NULL) {
        slot_free(slot);
        return;
    }
    struct rpc_server *server = slot->server;
    slot_part_over(slot);
    atomic_fetch_sub(&server->in_work, 1);
}

void incoming_end(struct slot *slot, enum rpc_status status, const char *text)
{
    struct rpc_incoming *call = &slot->incoming;
    CHECK(call->state == INCOMING_WORKING);
    call->state = INCOMING_ENDED;
    loop_timer_stop(call->deadline);
    slot_answer(slot, frame_response_create(status, text, 0, NULL), 2);
    void (*on_cancel)(void *arg) = call->on_cancel;
    call->on_cancel = NULL;
    // Last: the handler may answer in it.
    if (on_cancel != NULL)
        on_cancel(call->on_cancel_arg);
}

static void incoming_deadline_cb(void *arg)
{
    struct slot *slot = arg;
    int64_t left = incoming_left_ms(slot);
    if (left > 0) {
        loop_timer_start(slot->incoming.deadline, (uint64_t)left, 0);
        return;
    }
    atomic_fetch_add(&slot->server->deadline_exceeded, 1);
    incoming_end(slot, RPC_DEADLINE_EXCEEDED, "the server had no answer in time");
}

// ---- Dispatch -----------------------------------------------------------------------------------

void incoming_init(struct slot *slot)
{
    slot->incoming.magic = INCOMING_MAGIC;
    slot->incoming.deadline = loop_timer_create(slot->server->loop, incoming_deadline_cb, slot);
}

void incoming_deinit(struct slot *slot)
{
    loop_timer_destroy(slot->incoming.deadline);
    slot->incoming.deadline = NULL;
}

static void incoming_cancel(struct slot *slot)
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
        incoming_end(other, RPC_CANCELLED, "cancelled by the caller");
    }
    slot_send(slot, frame_response_create(RPC_OK, NULL, 0, NULL), 1);
}

static void incoming_answer_cb(const ProtobufCMessage *message, void *closure_data)
{
    struct slot *slot = incoming_slot(closure_data);
    CHECK(slot->incoming.state != INCOMING_NONE); // the second answer to one call
    if (slot->incoming.state == INCOMING_ENDED) {
        incoming_answer_late(slot);
        return;
    }
    CHECK(message != NULL);
    size_t bytes = protobuf_c_message_get_packed_size(message);
    size_t max = slot->server->response_bytes_max;
    if (bytes > max) {
        rpc_fail(closure_data, RPC_RESOURCE_EXHAUSTED, "answer of %zu bytes, at most %zu", bytes,
                 max);
        return;
    }
    uint8_t *body;
    nng_msg *msg = frame_response_create(RPC_OK, NULL, bytes, &body);
    CHECK(protobuf_c_message_pack(message, body) == bytes);
    incoming_answer(slot, RPC_OK, msg);
}

static void incoming_dispatch(struct slot *slot)
{
    const struct server_method *method = slot->method;
    const ProtobufCMessageDescriptor *type =
        method->service->descriptor->methods[method->index].input;
    struct err_info info;
    ProtobufCMessage *input;
    enum err err = rpc_unpack(type, slot->body, &slot->arena, &input, &info);
    if (err != ERR_OK) {
        slot_refuse(slot, rpc_status_of_err(err), "%s", info.text);
        return;
    }
    slot_free_request(slot);
    const char *unclean = rpc_message_unclean_field(input);
    if (unclean != NULL) {
        slot_refuse(slot, RPC_INVALID_ARGUMENT, "%s: %s is not UTF-8", type->name, unclean);
        return;
    }
    slot->incoming.state = INCOMING_WORKING;
    atomic_fetch_add(&slot->server->in_work, 1);
    int64_t left = incoming_left_ms(slot);
    if (left != INT64_MAX)
        loop_timer_start(slot->incoming.deadline, left > 0 ? (uint64_t)left : 0, 0);
    // Last: the handler may answer in it.
    method->service->invoke(method->service, method->index, input, incoming_answer_cb,
                            &slot->incoming);
}

void incoming_arrived(struct slot *slot)
{
    struct rpc_server *server = slot->server;
    if (slot->head->cancel) {
        incoming_cancel(slot);
    } else if (atomic_load(&server->closing)) {
        slot_refuse(slot, RPC_UNAVAILABLE, "%s is closing", server->url);
    } else if (incoming_left_ms(slot) <= 0) {
        atomic_fetch_add(&server->deadline_exceeded, 1);
        slot_refuse(slot, RPC_DEADLINE_EXCEEDED, "the deadline passed before the call began");
    } else {
        incoming_dispatch(slot);
    }
}

// ---- For handlers -------------------------------------------------------------------------------

struct rpc_incoming *rpc_incoming(void *closure_data)
{
    struct slot *slot = incoming_slot(closure_data);
    CHECK(slot->incoming.state != INCOMING_NONE);
    return &slot->incoming;
}

const char *rpc_incoming_method(const struct rpc_incoming *call)
{
    return incoming_slot(call)->head->method;
}

const char *rpc_incoming_metadata(const struct rpc_incoming *call, const char *key)
{
    const rpc_request_header *head = incoming_slot(call)->head;
    for (size_t i = 0; i < head->n_metadata; i++)
        if (strcmp(head->metadata[i]->key, key) == 0)
            return head->metadata[i]->value;
    return NULL;
}

int64_t rpc_incoming_left_ms(const struct rpc_incoming *call)
{
    return incoming_left_ms(incoming_slot(call));
}

struct arena *rpc_incoming_arena(struct rpc_incoming *call)
{
    return &incoming_slot(call)->arena;
}

void rpc_incoming_on_cancel(struct rpc_incoming *call, void (*cb)(void *arg), void *arg)
{
    CHECK(incoming_slot(call)->incoming.state != INCOMING_NONE);
    call->on_cancel = cb;
    call->on_cancel_arg = arg;
}

void rpc_fail(void *closure_data, enum rpc_status status, const char *format, ...)
{
    struct slot *slot = incoming_slot(closure_data);
    CHECK(status != RPC_OK);
    CHECK(slot->incoming.state != INCOMING_NONE); // the second answer to one call
    if (slot->incoming.state == INCOMING_ENDED) {
        incoming_answer_late(slot);
        return;
    }
    char text[RPC_STATUS_TEXT_MAX + 1];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    incoming_answer(slot, status, frame_response_create(status, text, 0, NULL));
}

void rpc_fail_err(void *closure_data, enum err err, const struct err_info *info)
{
    CHECK(err != ERR_OK);
    rpc_fail(closure_data, rpc_status_of_err(err), "%s",
             info != NULL && info->text[0] != '\0' ? info->text : err_text(err));
}
