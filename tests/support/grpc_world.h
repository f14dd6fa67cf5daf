// SPDX-License-Identifier: Apache-2.0
// One loop with a gRPC server on it, and clients that are looked after in its turns. The methods:
//
//   assay.health.v1.HealthService/Check     does what its `service` says, as in rpc_world.h:
//       echo:TEXT, fail:N (with a text that needs escapes), big:N, hold, meta:KEY
//   assay.admin.v1.AdminService/GetMetrics  a stream of chunks of 1,000 bytes, as many as the
//       number in metadata "count", as fast as it is read; without "count" it stays open
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "assay/admin/v1/admin.pb-c.h"
#include "assay/health/v1/health.pb-c.h"
#include "common/base/mem.h"
#include "common/grpc/grpc.h"
#include "common/rpc/carry.h"
#include "proto/descriptors.h"
#include "tests/support/h2_client.h"

#define EXPECT(cond)                                                                               \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: expected %s\n", __FILE__, __LINE__, #cond);                    \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#define GW_CHECK "/assay.health.v1.HealthService/Check"
#define GW_STREAM "/assay.admin.v1.AdminService/GetMetrics"

enum { GW_HELD_MAX = 128, GW_CLIENTS_MAX = 16, GW_LOOK_MS = 1, GW_HANG_LOOKS = 60000 };

struct gw_held {
    Assay__Health__V1__CheckResponse_Closure closure;
    void *closure_data;
    bool cancelled;
};

struct gw_stream {
    void *closure_data;
    unsigned left, sent, waits;
    bool open_end, cancelled;
};

struct grpc_world {
    struct loop *loop;
    struct rpc_server *rpc;
    struct grpc_server *grpc;
    char address[64];
    Assay__Health__V1__HealthService_Service health;
    Assay__Admin__V1__AdminService_Service admin;
    struct gw_held held[GW_HELD_MAX];
    unsigned n_held, checks;
    struct gw_stream stream; // the last one
    struct h2 *clients[GW_CLIENTS_MAX];
    bool grpc_closed, rpc_closed;
    struct loop_timer *look;
    bool (*until)(struct grpc_world *w);
    int looks;
};

static struct grpc_world *gw_current;

// ---- Methods ------------------------------------------------------------------------------------

static inline void gw_answer(const char *reason, Assay__Health__V1__CheckResponse_Closure closure,
                             void *closure_data)
{
    Assay__Health__V1__CheckResponse response = ASSAY__HEALTH__V1__CHECK_RESPONSE__INIT;
    response.reason = (char *)reason;
    closure(&response, closure_data);
}

static inline void gw_cancelled_cb(void *arg)
{
    struct gw_held *held = arg;
    held->cancelled = true;
}

static inline void gw_check(Assay__Health__V1__HealthService_Service *service,
                            const Assay__Health__V1__CheckRequest *input,
                            Assay__Health__V1__CheckResponse_Closure closure, void *closure_data)
{
    struct grpc_world *w = gw_current;
    struct rpc_incoming *call = rpc_incoming(closure_data);
    const char *what = input->service;
    (void)service;
    w->checks++;
    EXPECT(rpc_incoming_way(call) == RPC_WAY_GRPC);
    EXPECT(strncmp(rpc_incoming_peer(call), "127.0.0.1:", 10) == 0);
    if (strncmp(what, "echo:", 5) == 0) {
        gw_answer(what + 5, closure, closure_data);
    } else if (strncmp(what, "fail:", 5) == 0) {
        rpc_fail(closure_data, (enum rpc_status)atoi(what + 5), "100%% \xc3\xa9t\xc3\xa9\n%s",
                 what);
    } else if (strncmp(what, "big:", 4) == 0) {
        size_t n = (size_t)atol(what + 4);
        char *reason = arena_alloc(rpc_incoming_arena(call), n + 1);
        memset(reason, 'x', n);
        gw_answer(reason, closure, closure_data);
    } else if (strncmp(what, "meta:", 5) == 0) {
        const char *value = rpc_incoming_metadata(call, what + 5);
        gw_answer(value == NULL ? "(none)" : value, closure, closure_data);
    } else if (strcmp(what, "left") == 0) {
        gw_answer(rpc_incoming_left_ms(call) == INT64_MAX ? "none" : "some", closure, closure_data);
    } else {
        EXPECT(w->n_held < GW_HELD_MAX);
        struct gw_held *held = &w->held[w->n_held++];
        *held = (struct gw_held){closure, closure_data, false};
        rpc_incoming_on_cancel(call, gw_cancelled_cb, held);
    }
}

static inline void gw_release(struct grpc_world *w, unsigned i, const char *reason)
{
    EXPECT(i < w->n_held && w->held[i].closure != NULL);
    Assay__Health__V1__CheckResponse_Closure closure = w->held[i].closure;
    w->held[i].closure = NULL;
    gw_answer(reason, closure, w->held[i].closure_data);
}

static inline void gw_stream_more(void *arg)
{
    struct gw_stream *stream = arg;
    char chunk[1001];
    memset(chunk, 'y', 1000);
    chunk[1000] = '\0';
    Assay__Admin__V1__GetMetricsResponse response = ASSAY__ADMIN__V1__GET_METRICS_RESPONSE__INIT;
    response.text = chunk;
    while (stream->left > 0) {
        stream->left--;
        stream->sent++;
        if (!rpc_stream_send(stream->closure_data, &response.base)) {
            stream->waits++;
            return;
        }
    }
    if (!stream->open_end)
        rpc_stream_end(stream->closure_data);
}

static inline void gw_stream_cancelled_cb(void *arg)
{
    struct gw_stream *stream = arg;
    stream->cancelled = true;
    rpc_stream_end(stream->closure_data);
}

static inline void gw_get_metrics(Assay__Admin__V1__AdminService_Service *service,
                                  const Assay__Admin__V1__GetMetricsRequest *input,
                                  Assay__Admin__V1__GetMetricsResponse_Closure closure,
                                  void *closure_data)
{
    struct gw_stream *stream = &gw_current->stream;
    const char *count = rpc_incoming_metadata(rpc_incoming(closure_data), "count");
    (void)service;
    (void)input;
    (void)closure;
    *stream = (struct gw_stream){.closure_data = closure_data, .open_end = count == NULL};
    stream->left = count == NULL ? 1 : (unsigned)atoi(count);
    rpc_stream_on_writable(closure_data, gw_stream_more, stream);
    rpc_incoming_on_cancel(rpc_incoming(closure_data), gw_stream_cancelled_cb, stream);
    gw_stream_more(stream);
}

// ---- Running ------------------------------------------------------------------------------------

static inline void gw_look_cb(void *arg)
{
    struct grpc_world *w = arg;
    EXPECT(w->looks++ < GW_HANG_LOOKS);
    for (unsigned i = 0; i < GW_CLIENTS_MAX; i++)
        if (w->clients[i] != NULL)
            h2_turn(w->clients[i]);
    if (w->until(w))
        loop_stop(w->loop);
}

static inline void gw_run(struct grpc_world *w, bool (*until)(struct grpc_world *w))
{
    w->until = until;
    w->looks = 0;
    loop_timer_start(w->look, GW_LOOK_MS, GW_LOOK_MS);
    while (!until(w))
        loop_run(w->loop);
    loop_timer_stop(w->look);
}

static struct h2_call *gw_awaited;
static struct h2 *gw_awaited_client;
static unsigned gw_turns;

static inline bool gw_is_closed(struct grpc_world *w)
{
    (void)w;
    return gw_awaited->closed || gw_awaited_client->gone;
}

// Until the call is over, or its connection.
static inline void gw_wait(struct grpc_world *w, struct h2 *h2, struct h2_call *call)
{
    gw_awaited = call;
    gw_awaited_client = h2;
    gw_run(w, gw_is_closed);
}

static inline bool gw_is_gone(struct grpc_world *w)
{
    (void)w;
    return gw_awaited_client->gone;
}

static inline void gw_wait_gone(struct grpc_world *w, struct h2 *h2)
{
    gw_awaited_client = h2;
    gw_run(w, gw_is_gone);
}

static inline bool gw_turned(struct grpc_world *w)
{
    (void)w;
    if (gw_turns == 0)
        return true;
    gw_turns--;
    return false;
}

// Some turns, for what needs no answer.
static inline void gw_pass(struct grpc_world *w, unsigned turns)
{
    gw_turns = turns;
    gw_run(w, gw_turned);
}

// ---- Life ---------------------------------------------------------------------------------------

static inline void gw_init(struct grpc_world *w, const struct grpc_opts *opts)
{
    static int number;
    static char url[64];
    struct err_info info = {""};
    *w = (struct grpc_world){0};
    gw_current = w;
    w->loop = loop_create();
    w->look = loop_timer_create(w->loop, gw_look_cb, w);
    w->health =
        (Assay__Health__V1__HealthService_Service)ASSAY__HEALTH__V1__HEALTH_SERVICE__INIT(gw_);
    assay__admin__v1__admin_service__init(&w->admin, NULL);
    w->admin.get_metrics = gw_get_metrics;
    snprintf(url, sizeof url, "inproc://grpc-%d-%d", (int)getpid(), number++);
    struct rpc_server_opts rpc_opts = {.url = url};
    EXPECT(rpc_server_open(w->loop, &rpc_opts, &w->rpc, &info) == ERR_OK);
    rpc_server_add(w->rpc, &w->health.base);
    rpc_server_add(w->rpc, &w->admin.base);
    rpc_server_stream(w->rpc, GW_STREAM + 1);
    rpc_server_hide(w->rpc, "assay.admin.v1.AdminService/GetStatus");
    rpc_server_start(w->rpc);
    struct grpc_opts own = *opts;
    own.address = "127.0.0.1:0";
    own.descriptors = span_make(proto_descriptors, proto_descriptors_bytes);
    enum err err = grpc_server_open(w->loop, &own, w->rpc, &w->grpc, &info);
    if (err != ERR_OK)
        fprintf(stderr, "%s\n", info.text);
    EXPECT(err == ERR_OK);
    snprintf(w->address, sizeof w->address, "%s", grpc_server_address(w->grpc));
}

static inline struct h2 *gw_client(struct grpc_world *w, uint32_t window)
{
    for (unsigned i = 0; i < GW_CLIENTS_MAX; i++)
        if (w->clients[i] == NULL)
            return w->clients[i] = h2_open(w->address, window);
    abort();
}

static inline void gw_client_close(struct grpc_world *w, struct h2 *h2)
{
    for (unsigned i = 0; i < GW_CLIENTS_MAX; i++)
        if (w->clients[i] == h2)
            w->clients[i] = NULL;
    h2_close(h2);
}

static inline void gw_grpc_closed_cb(void *arg)
{
    struct grpc_world *w = arg;
    w->grpc_closed = true;
}

static inline void gw_rpc_closed_cb(void *arg)
{
    struct grpc_world *w = arg;
    w->rpc_closed = true;
}

static inline bool gw_grpc_is_closed(struct grpc_world *w)
{
    return w->grpc_closed;
}

static inline bool gw_rpc_is_closed(struct grpc_world *w)
{
    return w->rpc_closed;
}

static inline void gw_deinit(struct grpc_world *w)
{
    for (unsigned i = 0; i < w->n_held; i++)
        if (w->held[i].closure != NULL)
            gw_release(w, i, "late");
    for (unsigned i = 0; i < GW_CLIENTS_MAX; i++)
        if (w->clients[i] != NULL)
            gw_client_close(w, w->clients[i]);
    if (!w->grpc_closed) {
        grpc_server_close(w->grpc, 0, gw_grpc_closed_cb, w);
        gw_run(w, gw_grpc_is_closed);
    }
    rpc_server_close(w->rpc, 0, gw_rpc_closed_cb, w);
    gw_run(w, gw_rpc_is_closed);
    loop_timer_destroy(w->look);
    loop_destroy(w->loop);
}

// ---- Calls --------------------------------------------------------------------------------------

static inline void gw_write_check(struct h2 *h2, struct h2_call *call, const char *what)
{
    Assay__Health__V1__CheckRequest request = ASSAY__HEALTH__V1__CHECK_REQUEST__INIT;
    struct buf bytes = {0};
    request.service = (char *)what;
    size_t n = assay__health__v1__check_request__get_packed_size(&request);
    bytes.len = assay__health__v1__check_request__pack(&request, buf_reserve(&bytes, n));
    h2_message(h2, call, false, bytes.bytes, bytes.len);
    buf_deinit(&bytes);
}

static inline struct h2_call *gw_call(struct h2 *h2, const char *what, const char *const *pairs)
{
    struct h2_call *call = h2_request(h2, GW_CHECK, pairs);
    gw_write_check(h2, call, what);
    h2_end(h2, call);
    return call;
}

// One call to its end; prints what came.
static inline struct h2_call *gw_ask(struct grpc_world *w, struct h2 *h2, const char *what,
                                     const char *const *pairs)
{
    struct h2_call *call = gw_call(h2, what, pairs);
    gw_wait(w, h2, call);
    fprintf(stderr, "%.40s: http %s grpc %d %.80s (%zu bytes)\n", what, call->http, call->grpc,
            call->text, call->data.len);
    return call;
}

// Whether the answer's `reason` is that text.
static inline bool gw_said(struct h2_call *call, const char *reason)
{
    struct span answer = h2_answer(call, 0, NULL);
    if (call->grpc != 0 || answer.ptr == NULL)
        return false;
    Assay__Health__V1__CheckResponse *response =
        assay__health__v1__check_response__unpack(NULL, answer.len, answer.ptr);
    bool same = response != NULL && strcmp(response->reason, reason) == 0;
    if (response != NULL)
        assay__health__v1__check_response__free_unpacked(response, NULL);
    return same;
}
