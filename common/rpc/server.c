// SPDX-License-Identifier: Apache-2.0
// Life of a server: open, add, start, close.
//
// Closing, by a timer that looks every few milliseconds:
//   1. new requests are refused and streams ended; calls in work go on until the drain is over;
//   2. those that are left are ended with UNAVAILABLE; raw ones are waited for;
//   3. when the last answer was handed over some time ago (NNG does not tell when it has left), all
//      operations are stopped, then freed, then the socket is closed.
#include "common/rpc/server_impl.h"

#include <stdio.h>

#include "common/base/mem.h"
#include "common/clock/clock.h"

#define LOG_COMPONENT "rpc"
#include "common/log/log.h"

// After nng/nng.h, without which it does not compile.
#include <nng/protocol/reqrep0/rep.h>

enum {
    SERVER_CLOSE_LOOK_MS = 5,
    SERVER_FLUSH_MS = 20,
    SERVER_SENDS_WAIT_MS = 1000, // for a peer that does not read
};

// ---- Open ---------------------------------------------------------------------------------------

static void server_mail_cb(void *arg, void *item)
{
    struct rpc_server *server = arg;
    if (!server->stopped)
        slot_arrived(item);
}

static enum err server_listen(struct rpc_server *server, struct err_info *info)
{
    int rv = nng_rep0_open(&server->socket);
    if (rv != 0)
        return err_set(info, rpc_err_from_nng(rv), "socket: %s", nng_strerror(rv));
    CHECK(nng_socket_set_size(server->socket, NNG_OPT_RECVMAXSZ,
                              server->request_bytes_max + RPC_SLACK_BYTES) == 0);
    CHECK(nng_socket_set_ms(server->socket, NNG_OPT_RECVTIMEO, NNG_DURATION_INFINITE) == 0);
    CHECK(nng_socket_set_ms(server->socket, NNG_OPT_SENDTIMEO, NNG_DURATION_INFINITE) == 0);
    rv = nng_listen(server->socket, server->url, &server->listener, 0);
    if (rv == 0)
        return ERR_OK;
    nng_close(server->socket);
    return err_set(info, rpc_err_from_nng(rv), "listen on %s: %s", server->url, nng_strerror(rv));
}

enum err rpc_server_open(struct loop *loop, const struct rpc_server_opts *opts,
                         struct rpc_server **out, struct err_info *info)
{
    CHECK(opts->url != NULL);
    struct rpc_server *server = mem_zalloc(sizeof *server);
    server->loop = loop;
    server->url = mem_dup_text(opts->url);
    server->n_slots = opts->calls_max != 0 ? opts->calls_max : RPC_CALLS_MAX_DEFAULT;
    server->request_bytes_max =
        opts->request_bytes_max != 0 ? opts->request_bytes_max : RPC_MESSAGE_BYTES_DEFAULT;
    server->response_bytes_max =
        opts->response_bytes_max != 0 ? opts->response_bytes_max : RPC_MESSAGE_BYTES_DEFAULT;
    enum err err = server_listen(server, info);
    if (err != ERR_OK) {
        mem_free(server->url);
        mem_free(server);
        return err;
    }
    server->mailbox = mailbox_create(loop, server->n_slots, server_mail_cb, server);
    server->slots = mem_alloc(server->n_slots * sizeof *server->slots);
    for (uint32_t i = 0; i < server->n_slots; i++)
        server->slots[i] = slot_create(server);
    watch_open(server);
    *out = server;
    return ERR_OK;
}

static struct server_method *server_add_method(struct rpc_server *server, char *name)
{
    CHECK(!server->started);
    CHECK(strlen(name) <= RPC_METHOD_MAX);
    MEM_GROW(server->methods, server->n_methods, server->methods_cap);
    struct server_method *method = mem_zalloc(sizeof *method);
    method->public.name = name;
    server->methods[server->n_methods++] = method;
    return method;
}

void rpc_server_add(struct rpc_server *server, ProtobufCService *service)
{
    const ProtobufCServiceDescriptor *descriptor = service->descriptor;
    CHECK(descriptor->magic == PROTOBUF_C__SERVICE_DESCRIPTOR_MAGIC);
    for (unsigned i = 0; i < descriptor->n_methods; i++) {
        char name[RPC_METHOD_MAX + 1];
        int n = snprintf(name, sizeof name, "%s/%s", descriptor->name, descriptor->methods[i].name);
        CHECK(n > 0 && n <= RPC_METHOD_MAX);
        struct server_method *method = server_add_method(server, mem_dup_text(name));
        method->public.input = descriptor->methods[i].input;
        method->public.output = descriptor->methods[i].output;
        method->service = service;
        method->index = i;
    }
}

void rpc_server_add_raw(struct rpc_server *server, const char *name, rpc_raw_on_nng cb, void *arg)
{
    CHECK(cb != NULL);
    struct server_method *method = server_add_method(server, mem_dup_text(name));
    method->raw = cb;
    method->raw_arg = arg;
}

const struct server_method *server_find_method(const struct rpc_server *server, const char *name)
{
    const struct server_method *found = NULL;
    for (size_t i = 0; i < server->n_methods; i++) {
        const struct server_method *method = server->methods[i];
        if (strcmp(method->public.name, name) != 0)
            continue;
        if (method->raw != NULL)
            return method;
        found = method;
    }
    return found;
}

const char *rpc_server_nth_raw(const struct rpc_server *server, size_t n)
{
    for (size_t i = 0; i < server->n_methods; i++)
        if (server->methods[i]->raw != NULL && n-- == 0)
            return server->methods[i]->public.name;
    return NULL;
}

void rpc_server_start(struct rpc_server *server)
{
    CHECK(!server->started);
    server->started = true;
    for (uint32_t i = 0; i < server->n_slots; i++)
        slot_receive(server->slots[i]);
    LOG_INFO("server_started", "url=%s calls_max=%u methods=%zu", server->url, server->n_slots,
             server->n_methods);
}

// ---- Close --------------------------------------------------------------------------------------

static void server_free_cb(void *arg, bool stuck)
{
    struct rpc_server *server = arg;
    void (*closed)(void *arg) = server->closed;
    void *closed_arg = server->closed_arg;
    if (stuck)
        LOG_ERROR("socket_stuck", "url=%s msg=\"NNG did not close the socket\"", server->url);
    LOG_INFO("server_closed", "url=%s requests=%llu", server->url,
             (unsigned long long)atomic_load(&server->requests));
    for (size_t i = 0; i < server->n_methods; i++) {
        mem_free((char *)server->methods[i]->public.name);
        mem_free(server->methods[i]);
    }
    mem_free(server->methods);
    mem_free(server->url);
    mem_free(server);
    if (closed != NULL)
        closed(closed_arg);
}

static void server_stop(struct rpc_server *server)
{
    for (uint32_t i = 0; i < server->n_slots; i++)
        nng_aio_stop(server->slots[i]->aio);
    server->stopped = true;
    mailbox_destroy(server->mailbox);
    for (uint32_t i = 0; i < server->n_slots; i++) {
        struct slot *slot = server->slots[i];
        slot_close(slot);
        slot->server = NULL;
        slot->incoming.server = NULL;
        // A handler that has not answered yet frees it with its answer.
        if (slot->incoming.state == INCOMING_NONE)
            slot_free(slot);
    }
    mem_free(server->slots);
    carried_orphan(server);
    loop_timer_destroy(server->close_timer);
    nng_pipe_notify(server->socket, NNG_PIPE_EV_ADD_POST, NULL, NULL);
    closer_start(server->loop, server->socket, server_free_cb, server);
}

static void server_end_rest(struct rpc_server *server)
{
    for (uint32_t i = 0; i < server->n_slots; i++)
        if (server->slots[i]->incoming.state == INCOMING_WORKING)
            incoming_end(&server->slots[i]->incoming, RPC_UNAVAILABLE, "the server is closing");
    carried_end_all(server, false);
}

// Whether nothing is left that somebody waits for.
static bool server_is_quiet(const struct rpc_server *server, int64_t now_ms)
{
    if (atomic_load(&server->raw_in_work) > 0 || server->n_probes > 0)
        return false;
    if (now_ms >= server->drain_until_ms + SERVER_SENDS_WAIT_MS)
        return true;
    bool drained = now_ms >= server->drain_until_ms ||
                   (atomic_load(&server->in_work) == 0 && server->n_streams == 0);
    return drained && atomic_load(&server->sends) == 0 &&
           now_ms >= atomic_load(&server->answered_ms) + SERVER_FLUSH_MS;
}

static void server_close_cb(void *arg)
{
    struct rpc_server *server = arg;
    int64_t now_ms = clock_mono_ms();
    carried_end_all(server, true);
    if (now_ms >= server->drain_until_ms)
        server_end_rest(server);
    if (!server_is_quiet(server, now_ms))
        return;
    server_stop(server);
}

void rpc_server_close(struct rpc_server *server, int64_t drain_ms, void (*closed)(void *arg),
                      void *arg)
{
    CHECK(!atomic_load(&server->closing) && drain_ms >= 0);
    server->drain_until_ms = clock_mono_ms() + drain_ms;
    server->closed = closed;
    server->closed_arg = arg;
    atomic_store(&server->closing, true);
    watch_close(server);
    server->close_timer = loop_timer_create(server->loop, server_close_cb, server);
    loop_timer_start(server->close_timer, 0, SERVER_CLOSE_LOOK_MS);
}

void rpc_server_stats(struct rpc_server *server, struct rpc_server_stats *out)
{
    *out = (struct rpc_server_stats){
        .requests = atomic_load(&server->requests),
        .failed = atomic_load(&server->failed),
        .deadline_exceeded = atomic_load(&server->deadline_exceeded),
        .cancelled = atomic_load(&server->cancelled),
        .refused = atomic_load(&server->refused),
        .in_work = atomic_load(&server->in_work),
        .streams = server->n_streams,
    };
}
