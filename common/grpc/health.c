// SPDX-License-Identifier: Apache-2.0
// grpc.health.v1.Health (https://github.com/grpc/grpc/blob/master/doc/health-checking.md). All
// services of a process are ready together, so each has the process's status.
#include <string.h>

#include "common/grpc/grpc_impl.h"
#include "grpc/health/v1/health.pb-c.h"

typedef Grpc__Health__V1__HealthCheckResponse health_response;

static bool health_knows(const struct grpc_server *server, const char *service)
{
    size_t n = strlen(service);
    if (n == 0)
        return true;
    for (size_t i = 0; i < HEALTH_METHODS_COUNT; i++)
        if (strncmp(HEALTH_METHODS[i].name, service, n) == 0 && HEALTH_METHODS[i].name[n] == '/')
            return true;
    const struct rpc_method *method;
    for (size_t i = 0; (method = rpc_server_nth_method(server->rpc, i)) != NULL; i++)
        if (strncmp(method->name, service, n) == 0 && method->name[n] == '/')
            return true;
    return false;
}

static int health_status(const struct grpc_server *server, const char *service)
{
    if (!health_knows(server, service))
        return GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN;
    return server->serving ? GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
                           : GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING;
}

// The service that is asked for, in the stream's arena; NULL when the stream has ended.
static const char *health_asked(struct stream *stream, struct span bytes)
{
    ProtobufCMessage *message;
    struct err_info info = {""};
    if (rpc_unpack(&grpc__health__v1__health_check_request__descriptor, bytes, &stream->arena,
                   &message, &info) != ERR_OK ||
        !rpc_message_texts_clean(message)) {
        grpc_stream_end(stream, RPC_INVALID_ARGUMENT, "no HealthCheckRequest");
        return NULL;
    }
    return ((Grpc__Health__V1__HealthCheckRequest *)message)->service;
}

static void health_tell(struct stream *stream, int status)
{
    health_response response = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    response.status = (Grpc__Health__V1__HealthCheckResponse__ServingStatus)status;
    grpc_stream_send(stream, &response.base);
}

static void health_check(struct stream *stream, struct span bytes)
{
    const struct grpc_server *server = stream->conn->server;
    const char *service = health_asked(stream, bytes);
    if (service == NULL)
        return;
    if (!health_knows(server, service)) {
        grpc_stream_end(stream, RPC_NOT_FOUND, "there is no service %.200s", service);
        return;
    }
    health_tell(stream, health_status(server, service));
    grpc_stream_end(stream, RPC_OK, "%s", "");
}

static void health_watch(struct stream *stream, struct span bytes)
{
    struct grpc_server *server = stream->conn->server;
    struct watch *watch = &stream->watch;
    watch->service = health_asked(stream, bytes);
    if (watch->service == NULL)
        return;
    watch->on = true;
    watch->next = server->watches;
    if (watch->next != NULL)
        watch->next->watch.prev = stream;
    server->watches = stream;
    watch->told = health_status(server, watch->service);
    health_tell(stream, watch->told);
}

void grpc_health_changed(struct grpc_server *server)
{
    for (struct stream *stream = server->watches, *next; stream != NULL; stream = next) {
        int status = health_status(server, stream->watch.service);
        next = stream->watch.next; // telling may end the watch
        if (status == stream->watch.told)
            continue;
        stream->watch.told = status;
        health_tell(stream, status);
    }
}

void grpc_health_forget(struct stream *stream)
{
    struct watch *watch = &stream->watch;
    if (!watch->on)
        return;
    watch->on = false;
    *(watch->prev == NULL ? &stream->conn->server->watches : &watch->prev->watch.next) =
        watch->next;
    if (watch->next != NULL)
        watch->next->watch.prev = watch->prev;
}

const struct builtin HEALTH_METHODS[] = {
    {.name = "grpc.health.v1.Health/Check", .message = health_check},
    {.name = "grpc.health.v1.Health/Watch", .message = health_watch},
};
const size_t HEALTH_METHODS_COUNT = ARRAY_LEN(HEALTH_METHODS);
