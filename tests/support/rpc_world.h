// SPDX-License-Identifier: Apache-2.0
// One loop with a server and a client of the rpc layer on it, for tests. HealthService.Check does
// what its `service` field says:
//
//     echo:TEXT   answers TEXT          fail:N    fails with status N and text "status N"
//     big:N       answers N bytes       hold      answers when released
//     meta        answers "K1=V1 K2=V2" of the metadata keys k1 and k2
//
// AdminService/GetMetrics is raw and answers its own bytes on NNG's thread;
// AdminService/SetLogLevel is raw and answered by a worker thread.
#pragma once

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "assay/admin/v1/admin.pb-c.h"
#include "assay/health/v1/health.pb-c.h"
#include "common/base/mem.h"
#include "common/loop/loop.h"
#include "common/loop/queue.h"
#include "common/rpc/carry.h"
#include "common/rpc/rpc.h"

#define EXPECT(cond)                                                                               \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: expected %s\n", __FILE__, __LINE__, #cond);                    \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

enum world_transport { WORLD_INPROC, WORLD_IPC, WORLD_TCP };
enum { WORLD_HELD_MAX = 64, WORLD_LOOK_MS = 1, WORLD_HANG_LOOKS = 60000 };

struct world_held {
    Assay__Health__V1__CheckResponse_Closure closure;
    void *closure_data;
    bool cancelled; // the server told so
};

struct world {
    struct loop *loop;
    char dir[64];
    char url[128];
    struct rpc_server_opts server_opts;
    struct rpc_server *server;
    struct rpc_client *client;
    Assay__Health__V1__HealthService_Service health;
    struct queue *work; // raw requests for the worker
    struct thread *worker;
    struct world_held held[WORLD_HELD_MAX];
    unsigned n_held;
    unsigned n_cancelled;
    unsigned checks; // handler calls
    // What the observer of raw requests was told: the names' order, how they ended.
    atomic_uint raw_ends[2][RPC_UNAUTHENTICATED + 1];
    bool server_closed;
    bool client_closed;
    // run_until
    struct loop_timer *look;
    bool (*until)(struct world *w);
    int looks;
};

// The answer to one call, as its closure saw it.
struct world_answer {
    struct world *w;
    struct rpc_call *call;
    unsigned n; // closures run
    enum rpc_status status;
    char text[600];
    char reason[600];
    size_t reason_bytes;
};

static struct world *world_current; // HealthService's handlers have no argument of their own

static inline void world_on_cancel_cb(void *arg)
{
    struct world_held *held = arg;
    EXPECT(!held->cancelled);
    held->cancelled = true;
    world_current->n_cancelled++;
}

static inline void world_answer_reason(const char *reason,
                                       Assay__Health__V1__CheckResponse_Closure closure,
                                       void *closure_data)
{
    Assay__Health__V1__CheckResponse response = ASSAY__HEALTH__V1__CHECK_RESPONSE__INIT;
    response.status = ASSAY__HEALTH__V1__SERVING_STATUS__SERVING_STATUS_SERVING;
    response.reason = (char *)reason;
    closure(&response, closure_data);
}

static inline void world_hold(struct world *w, Assay__Health__V1__CheckResponse_Closure closure,
                              void *closure_data)
{
    EXPECT(w->n_held < WORLD_HELD_MAX);
    struct world_held *held = &w->held[w->n_held++];
    *held = (struct world_held){.closure = closure, .closure_data = closure_data};
    rpc_incoming_on_cancel(rpc_incoming(closure_data), world_on_cancel_cb, held);
}

static inline void world_check(Assay__Health__V1__HealthService_Service *service,
                               const Assay__Health__V1__CheckRequest *input,
                               Assay__Health__V1__CheckResponse_Closure closure, void *closure_data)
{
    (void)service;
    struct rpc_incoming *call = rpc_incoming(closure_data);
    const char *what = input->service;
    world_current->checks++;
    EXPECT(strcmp(rpc_incoming_method(call), "assay.health.v1.HealthService/Check") == 0);
    EXPECT(rpc_incoming_way(call) != RPC_WAY_NNG || rpc_incoming_left_ms(call) <= 120000);
    if (strncmp(what, "echo:", 5) == 0) {
        world_answer_reason(what + 5, closure, closure_data);
    } else if (strncmp(what, "fail:", 5) == 0) {
        int status = atoi(what + 5);
        rpc_fail(closure_data, (enum rpc_status)status, "status %d", status);
    } else if (strncmp(what, "big:", 4) == 0) {
        size_t n = (size_t)atol(what + 4);
        char *reason = arena_alloc(rpc_incoming_arena(call), n + 1);
        memset(reason, 'x', n);
        world_answer_reason(reason, closure, closure_data);
    } else if (strcmp(what, "meta") == 0) {
        const char *k1 = rpc_incoming_metadata(call, "k1");
        const char *k2 = rpc_incoming_metadata(call, "k2");
        EXPECT(rpc_incoming_metadata(call, "k3") == NULL);
        char *reason =
            arena_printf(rpc_incoming_arena(call), "K1=%s K2=%s", k1 ? k1 : "", k2 ? k2 : "");
        world_answer_reason(reason, closure, closure_data);
    } else {
        world_hold(world_current, closure, closure_data);
    }
}

static inline void world_release(struct world *w, unsigned i, const char *reason)
{
    EXPECT(i < w->n_held && w->held[i].closure != NULL);
    Assay__Health__V1__CheckResponse_Closure closure = w->held[i].closure;
    w->held[i].closure = NULL;
    world_answer_reason(reason, closure, w->held[i].closure_data);
}

static inline void world_raw_on_nng(void *arg, struct rpc_request *request)
{
    (void)arg;
    rpc_request_answer(request, rpc_request_body(request));
}

static inline void world_queue_on_nng(void *arg, struct rpc_request *request)
{
    struct world *w = arg;
    if (queue_put(w->work, request) != ERR_OK)
        rpc_request_fail(request, RPC_RESOURCE_EXHAUSTED, "worker is full");
}

static inline void world_raw_ended(void *arg, const char *method, enum rpc_status status,
                                   uint64_t ns)
{
    struct world *w = arg;
    size_t n = method == rpc_server_nth_raw(w->server, 0) ? 0 : 1;
    EXPECT(method == rpc_server_nth_raw(w->server, n) && ns > 0 && ns < UINT64_C(1000000000000));
    atomic_fetch_add(&w->raw_ends[n][status], 1);
}

static inline void world_worker(void *arg)
{
    struct world *w = arg;
    void *items[8];
    for (;;) {
        size_t n = queue_take(w->work, items, 8, -1);
        for (size_t i = 0; i < n; i++) {
            struct rpc_request *request = items[i];
            struct span body = rpc_request_body(request);
            if (body.len == 0)
                rpc_request_fail(request, RPC_OUT_OF_RANGE, "nothing in it");
            else
                rpc_request_answer(request, body);
        }
        if (n == 0 && queue_is_shut(w->work))
            return;
    }
}

// ---- Running ------------------------------------------------------------------------------------

static inline void world_look_cb(void *arg)
{
    struct world *w = arg;
    EXPECT(w->looks++ < WORLD_HANG_LOOKS);
    if (w->until(w))
        loop_stop(w->loop);
}

// Runs the loop until `until` holds. A test that hangs aborts.
static inline void world_run(struct world *w, bool (*until)(struct world *w))
{
    w->until = until;
    w->looks = 0;
    loop_timer_start(w->look, 0, WORLD_LOOK_MS);
    while (!until(w))
        loop_run(w->loop);
    loop_timer_stop(w->look);
}

// ---- Life ---------------------------------------------------------------------------------------

static inline void world_serve(struct world *w)
{
    struct err_info info = {0};
    EXPECT(w->server == NULL);
    w->server_opts.url = w->url;
    enum err err = rpc_server_open(w->loop, &w->server_opts, &w->server, &info);
    if (err != ERR_OK)
        fprintf(stderr, "%s\n", info.text);
    EXPECT(err == ERR_OK);
    rpc_server_add(w->server, (ProtobufCService *)&w->health);
    rpc_server_add_raw(w->server, "assay.admin.v1.AdminService/GetMetrics", world_raw_on_nng, w);
    rpc_server_add_raw(w->server, "assay.admin.v1.AdminService/SetLogLevel", world_queue_on_nng, w);
    EXPECT(rpc_server_nth_raw(w->server, 2) == NULL);
    rpc_server_set_raw_observer(w->server, world_raw_ended, w);
    rpc_server_start(w->server);
}

static inline void world_connect(struct world *w, const struct rpc_client_opts *opts)
{
    struct rpc_client_opts own = *opts;
    struct err_info info;
    own.url = w->url;
    EXPECT(w->client == NULL);
    EXPECT(rpc_client_open(w->loop, &own, &w->client, &info) == ERR_OK);
}

// No server yet, no client yet.
static inline void world_init(struct world *w, enum world_transport transport)
{
    static int number;
    *w = (struct world){0};
    world_current = w;
    w->loop = loop_create();
    w->look = loop_timer_create(w->loop, world_look_cb, w);
    w->health =
        (Assay__Health__V1__HealthService_Service)ASSAY__HEALTH__V1__HEALTH_SERVICE__INIT(world_);
    const char *tmp = getenv("TMPDIR");
    snprintf(w->dir, sizeof w->dir, "%s/rpc.XXXXXX", tmp != NULL ? tmp : "/tmp");
    EXPECT(mkdtemp(w->dir) != NULL);
    number++;
    if (transport == WORLD_INPROC)
        snprintf(w->url, sizeof w->url, "inproc://rpc-%d-%d", (int)getpid(), number);
    else if (transport == WORLD_IPC)
        snprintf(w->url, sizeof w->url, "ipc://%s/socket", w->dir);
    else // below the range that the system gives to clients
        snprintf(w->url, sizeof w->url, "tcp://127.0.0.1:%d",
                 20000 + ((int)getpid() * 7 + number) % 12000);
    w->work = queue_create(64);
    w->worker = thread_start("worker", world_worker, w);
}

static inline void world_server_closed_cb(void *arg)
{
    struct world *w = arg;
    w->server = NULL;
    w->server_closed = true;
}

static inline void world_client_closed_cb(void *arg)
{
    struct world *w = arg;
    w->client = NULL;
    w->client_closed = true;
}

static inline bool world_no_server(struct world *w)
{
    return w->server == NULL;
}

static inline bool world_no_client(struct world *w)
{
    return w->client == NULL;
}

static inline void world_close_server(struct world *w, int64_t drain_ms)
{
    struct rpc_server *server = w->server;
    rpc_server_close(server, drain_ms, world_server_closed_cb, w);
    EXPECT(w->server == server); // not called back inside the call
    world_run(w, world_no_server);
}

static inline void world_close_client(struct world *w)
{
    struct rpc_client *client = w->client;
    rpc_client_close(client, world_client_closed_cb, w);
    EXPECT(w->client == client);
    world_run(w, world_no_client);
}

static inline void world_deinit(struct world *w)
{
    if (w->client != NULL)
        world_close_client(w);
    for (unsigned i = 0; i < w->n_held; i++)
        if (w->held[i].closure != NULL)
            world_release(w, i, "late");
    if (w->server != NULL)
        world_close_server(w, 5000);
    loop_timer_destroy(w->look);
    loop_destroy(w->loop);
    queue_shut(w->work);
    thread_join(w->worker);
    queue_destroy(w->work);
    char path[80];
    snprintf(path, sizeof path, "%s/socket", w->dir);
    unlink(path);
    EXPECT(rmdir(w->dir) == 0);
}

// ---- Calls --------------------------------------------------------------------------------------

static inline void world_answered_cb(const Assay__Health__V1__CheckResponse *response, void *arg)
{
    struct world_answer *answer = arg;
    answer->n++;
    EXPECT(answer->n == 1);
    answer->status = rpc_call_status(answer->call);
    EXPECT((response != NULL) == (answer->status == RPC_OK));
    snprintf(answer->text, sizeof answer->text, "%s", rpc_call_text(answer->call));
    if (response != NULL) {
        answer->reason_bytes = strlen(response->reason);
        snprintf(answer->reason, sizeof answer->reason, "%s", response->reason);
    }
}

static inline void world_call(struct world *w, const char *what, const struct rpc_call_opts *opts,
                              struct world_answer *answer)
{
    Assay__Health__V1__CheckRequest request = ASSAY__HEALTH__V1__CHECK_REQUEST__INIT;
    request.service = (char *)what;
    *answer = (struct world_answer){.w = w};
    answer->call = rpc_call_begin(w->client, &assay__health__v1__health_service__descriptor, opts);
    assay__health__v1__health_service__check((ProtobufCService *)answer->call, &request,
                                             world_answered_cb, answer);
    EXPECT(answer->n == 0); // not called back inside the stub
}

static struct world_answer *world_awaited;
static unsigned world_n_awaited;

static inline bool world_all_answered(struct world *w)
{
    (void)w;
    for (unsigned i = 0; i < world_n_awaited; i++)
        if (world_awaited[i].n == 0)
            return false;
    return true;
}

static inline void world_wait(struct world *w, struct world_answer *answers, unsigned n)
{
    world_awaited = answers;
    world_n_awaited = n;
    world_run(w, world_all_answered);
}

// One call, and its answer.
static inline enum rpc_status world_ask(struct world *w, const char *what,
                                        const struct rpc_call_opts *opts,
                                        struct world_answer *answer)
{
    world_call(w, what, opts, answer);
    world_wait(w, answer, 1);
    fprintf(stderr, "%.40s: %s %s\n", what, rpc_status_name(answer->status), answer->text);
    return answer->status;
}
