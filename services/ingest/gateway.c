// SPDX-License-Identifier: Apache-2.0
#include "services/ingest/gateway.h"

#include <stdio.h>
#include <string.h>

#include "assay/router/v1/router.pb-c.h"
#include "common/base/mem.h"
#include "common/rpc/carry.h"
#include "services/router/streams/streams.h"

enum {
    // Of a call without a deadline of its own: beyond what it asks the router to wait.
    FORWARD_TIMEOUT_MS = 30000,
    FORWARD_WAIT_MAX_MS = 10 * 60 * 1000, // the router waits no longer
};

struct gateway {
    ProtobufCService service;
    struct rpc_client *client;
    struct streams *streams;
};

// ---- One call -----------------------------------------------------------------------------------

struct forward {
    struct rpc_call *call;
    ProtobufCClosure closure;
    void *closure_data;
};

static void forward_cancel_cb(void *arg)
{
    struct forward *forward = arg;
    rpc_call_cancel(forward->call);
}

static void forward_done_cb(const ProtobufCMessage *answer, void *arg)
{
    struct forward *forward = arg;
    if (answer != NULL)
        forward->closure(answer, forward->closure_data);
    else
        rpc_fail(forward->closure_data, rpc_call_status(forward->call), "%s",
                 rpc_call_text(forward->call));
    mem_free(forward);
}

// A long poll says in its request how long it may take.
static int64_t forward_wait_ms(const ProtobufCMessage *request)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(request->descriptor, "wait_ms");
    if (field == NULL || field->type != PROTOBUF_C_TYPE_INT64)
        return 0;
    int64_t wait_ms = *(const int64_t *)((const char *)request + field->offset);
    if (wait_ms < 0)
        return 0;
    return wait_ms < FORWARD_WAIT_MAX_MS ? wait_ms : FORWARD_WAIT_MAX_MS;
}

static void forward_start(struct gateway *gateway, unsigned method_index,
                          const ProtobufCMessage *request, ProtobufCClosure closure,
                          void *closure_data)
{
    struct rpc_incoming *incoming = rpc_incoming(closure_data);
    struct forward *forward = mem_zalloc(sizeof *forward);
    int64_t left_ms = rpc_incoming_left_ms(incoming);
    struct rpc_pair key = {"authorization", rpc_incoming_metadata(incoming, "authorization")};
    struct rpc_call_opts opts = {
        .timeout_ms =
            left_ms == INT64_MAX ? FORWARD_TIMEOUT_MS + forward_wait_ms(request) : left_ms,
        .metadata = &key,
        .n_metadata = key.value != NULL,
        .trace = rpc_incoming_trace(incoming),
    };
    if (opts.timeout_ms <= 0)
        opts.timeout_ms = 1; // its deadline passes at this moment
    forward->closure = closure;
    forward->closure_data = closure_data;
    forward->call = rpc_call_begin(gateway->client, gateway->service.descriptor, &opts);
    rpc_incoming_on_cancel(incoming, forward_cancel_cb, forward);
    ProtobufCService *router = (ProtobufCService *)forward->call;
    router->invoke(router, method_index, request, forward_done_cb, forward);
}

// ---- The service --------------------------------------------------------------------------------

static void gateway_invoke(ProtobufCService *service, unsigned method_index,
                           const ProtobufCMessage *request, ProtobufCClosure closure,
                           void *closure_data)
{
    struct gateway *gateway = CONTAINER_OF(service, struct gateway, service);
    const char *method = service->descriptor->methods[method_index].name;
    if (strcmp(method, "ApplySignals") == 0)
        rpc_fail(closure_data, RPC_UNIMPLEMENTED, "ApplySignals is for scorers, at the router");
    else if (strcmp(method, "StreamLeases") == 0)
        streams_leases(gateway->streams, (const void *)request, closure_data);
    else if (strcmp(method, "StreamDecisions") == 0)
        streams_decisions(gateway->streams, (const void *)request, closure_data);
    else
        forward_start(gateway, method_index, request, closure, closure_data);
}

enum err gateway_open(struct loop *loop, const struct gateway_opts *opts, struct rpc_server *server,
                      struct gateway **out, struct err_info *info)
{
    struct gateway *gateway = mem_zalloc(sizeof *gateway);
    struct rpc_client_opts client = {.url = opts->url, .calls_max = opts->calls_max};
    enum err err = rpc_client_open(loop, &client, &gateway->client, info);
    if (err != ERR_OK) {
        mem_free(gateway);
        return err_prefix(info, err, "router");
    }
    struct streams_opts streams = {.url = opts->url};
    gateway->streams = streams_create(loop, &streams);
    gateway->service.descriptor = &assay__router__v1__router_service__descriptor;
    gateway->service.invoke = gateway_invoke;
    rpc_server_add(server, &gateway->service);
    rpc_server_hide(server, "assay.router.v1.RouterService/ApplySignals");
    rpc_server_stream(server, "assay.router.v1.RouterService/StreamLeases");
    rpc_server_stream(server, "assay.router.v1.RouterService/StreamDecisions");
    *out = gateway;
    return ERR_OK;
}

static void gateway_closed_cb(void *arg)
{
    mem_free(arg);
}

void gateway_close(struct gateway *gateway)
{
    if (gateway == NULL)
        return;
    streams_close(gateway->streams, NULL, NULL);
    // Calls whose callers have been told by the closing server end here.
    rpc_client_close(gateway->client, gateway_closed_cb, gateway);
}
