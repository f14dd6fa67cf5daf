// SPDX-License-Identifier: Apache-2.0
// links: grpc rpc proto_descriptors assay_proto base
// Bytes into a connection of the gRPC server, from the client's preface on. The first byte says how
// they are cut (and whether the preface is there already), then they are what a peer sends.
// Whatever they are, the server goes on, and when the connection has gone nothing of it is left.
#include <stdlib.h>

#include "assay/health/v1/health.pb-c.h"
#include "common/base/mem.h"
#include "common/grpc/grpc_impl.h"
#include "proto/descriptors.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { HELD_MAX = 256, WHOLE_PREFACE = 0x80 };

static struct {
    struct loop *loop;
    struct loop_timer *stop;
    struct rpc_server *rpc;
    struct grpc_server *grpc;
    Assay__Health__V1__HealthService_Service health;
    struct held {
        Assay__Health__V1__CheckResponse_Closure closure;
        void *closure_data;
    } held[HELD_MAX];
    unsigned n_held;
} world;

static void answer(struct held held)
{
    Assay__Health__V1__CheckResponse response = ASSAY__HEALTH__V1__CHECK_RESPONSE__INIT;
    held.closure(&response, held.closure_data);
}

// Every other call is answered when the connection has gone.
static void fuzz_check(Assay__Health__V1__HealthService_Service *service,
                       const Assay__Health__V1__CheckRequest *request,
                       Assay__Health__V1__CheckResponse_Closure closure, void *closure_data)
{
    struct held held = {closure, closure_data};
    (void)service;
    if (request->service[0] == 'h' && world.n_held < HELD_MAX)
        world.held[world.n_held++] = held;
    else
        answer(held);
}

static void stop_cb(void *arg)
{
    (void)arg;
    loop_stop(world.loop);
}

static void turn(void)
{
    loop_timer_start(world.stop, 0, 0);
    loop_run(world.loop);
}

static void world_init(void)
{
    struct rpc_server_opts rpc = {.url = "inproc://grpc-fuzz", .calls_max = 8};
    struct grpc_opts opts = {.descriptors = span_make(proto_descriptors, proto_descriptors_bytes),
                             .message_bytes_max = 64 * 1024,
                             .conn_bytes_max = 256 * 1024};
    world.loop = loop_create();
    world.stop = loop_timer_create(world.loop, stop_cb, NULL);
    world.health =
        (Assay__Health__V1__HealthService_Service)ASSAY__HEALTH__V1__HEALTH_SERVICE__INIT(fuzz_);
    CHECK(rpc_server_open(world.loop, &rpc, &world.rpc, NULL) == ERR_OK);
    rpc_server_add(world.rpc, &world.health.base);
    rpc_server_start(world.rpc);
    CHECK(grpc_server_open(world.loop, &opts, world.rpc, &world.grpc, NULL) == ERR_OK);
    grpc_server_set_serving(world.grpc, true);
}

static struct conn *conn_of_world(void)
{
    return world.grpc->conns;
}

static void feed(const void *bytes, size_t len)
{
    struct conn *conn = conn_of_world();
    if (conn == NULL || conn->finishing)
        return;
    conn->inside = true;
    grpc_conn_take(conn, span_make(bytes, len));
    grpc_conn_settle(conn);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const char PREFACE[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                                  "\0\0\0\4\0\0\0\0";
    if (len == 0)
        return 0;
    if (world.loop == NULL)
        world_init();
    (void)grpc_conn_create(world.grpc, NULL, "127.0.0.1:1");
    if ((bytes[0] & WHOLE_PREFACE) != 0)
        feed(PREFACE, sizeof PREFACE); // the last 0 belongs to it
    size_t step = (bytes[0] & ~WHOLE_PREFACE) == 0 ? len : (size_t)(bytes[0] & ~WHOLE_PREFACE);
    for (size_t at = 1; at < len; at += step)
        feed(bytes + at, step < len - at ? step : len - at);
    if (conn_of_world() != NULL)
        grpc_conn_look(conn_of_world(), INT64_MAX / 4);
    turn();
    if (conn_of_world() != NULL)
        grpc_conn_destroy(conn_of_world());
    for (unsigned i = 0; i < world.n_held; i++)
        answer(world.held[i]);
    world.n_held = 0;
    turn();
    CHECK(world.grpc->conns == NULL && world.grpc->held_bytes == 0 && world.grpc->dirty == NULL);
    CHECK(world.grpc->stats.streams == 0 && world.grpc->stats.open == 0);
    CHECK(world.grpc->watches == NULL);
    return 0;
}
