// SPDX-License-Identifier: Apache-2.0
// Streams: answers of many messages. The carrier says when it holds enough (full) and when it has
// room again (writable).
#include "common/rpc/server_impl.h"

bool rpc_stream_send(void *closure_data, const ProtobufCMessage *message)
{
    struct rpc_incoming *call = incoming_of(closure_data);
    CHECK(call->state != INCOMING_NONE && call->method->public.stream);
    if (call->state == INCOMING_ENDED || call->doom != RPC_OK)
        return false;
    if (protobuf_c_message_get_packed_size(message) > call->server->response_bytes_max) {
        incoming_doom(call, RPC_RESOURCE_EXHAUSTED);
        return false;
    }
    incoming_message(call, message);
    return !call->full && call->doom == RPC_OK;
}

void rpc_stream_on_writable(void *closure_data, void (*cb)(void *arg), void *arg)
{
    struct rpc_incoming *call = incoming_of(closure_data);
    CHECK(call->state != INCOMING_NONE && call->method->public.stream);
    call->on_writable = cb;
    call->on_writable_arg = arg;
}

void rpc_stream_end(void *closure_data)
{
    struct rpc_incoming *call = incoming_of(closure_data);
    CHECK(call->method->public.stream);
    incoming_finish(call, RPC_OK, "");
}

void rpc_carried_full(struct rpc_incoming *call)
{
    incoming_of(call)->full = true;
}

void rpc_carried_writable(struct rpc_incoming *call)
{
    CHECK(incoming_of(call)->state == INCOMING_WORKING);
    call->full = false;
    // Last: the handler may end the stream in it.
    if (call->on_writable != NULL)
        call->on_writable(call->on_writable_arg);
}
