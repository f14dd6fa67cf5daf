// SPDX-License-Identifier: Apache-2.0
// A listener of NNG 1.5.2 hands out no more connections when a peer goes away in the middle of the
// handshake: they are made, and nobody serves them. So a server connects to itself now and then,
// sends nothing, and listens anew when that does not succeed: connections are lost then, and
// clients make new ones and send again. When not even the probe's socket closes, NNG as a whole may
// hang (closer.c), and the process ends.
#include "common/base/mem.h"
#include "common/rpc/server_impl.h"

#define LOG_COMPONENT "rpc"
#include "common/log/log.h"

// After nng/nng.h, without which it does not compile.
#include <nng/protocol/reqrep0/req.h>

enum { WATCH_EVERY_MS = 2000, WATCH_LISTEN_RETRY_MS = 50, WATCH_MISSES_MAX = 2 };

// One connection to oneself; freed when its socket has closed.
struct watch_probe {
    struct rpc_server *server;
    nng_socket socket;
    unsigned connections; // of the server, when it began
};

static void watch_connection_on_nng(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
    struct rpc_server *server = arg;
    (void)pipe;
    (void)event;
    atomic_fetch_add(&server->connections, 1);
}

static void watch_canary_cb(void *arg, bool stuck)
{
    (void)arg;
    if (stuck)
        LOG_ERROR("transport_stuck", "msg=\"NNG hangs; only a new process can be reached\"");
    bool nng_lives = !stuck;
    CHECK(nng_lives);
}

static void watch_closed_cb(void *arg, bool stuck)
{
    struct watch_probe *probe = arg;
    struct rpc_server *server = probe->server;
    server->n_probes--;
    if (!stuck) // else NNG still knows the probe
        mem_free(probe);
    else if (!atomic_load(&server->closing))
        canary_start(server->loop, watch_canary_cb, NULL);
}

static struct watch_probe *watch_start(struct rpc_server *server)
{
    struct watch_probe *probe = mem_zalloc(sizeof *probe);
    probe->server = server;
    if (nng_req0_open(&probe->socket) != 0) {
        mem_free(probe);
        return NULL;
    }
    server->n_probes++;
    probe->connections = atomic_load(&server->connections);
    (void)nng_dial(probe->socket, server->url, NULL, NNG_FLAG_NONBLOCK);
    return probe;
}

static void watch_listen(struct rpc_server *server)
{
    server->deaf = true;
    (void)nng_listener_close(server->listener);
    int rv = nng_listen(server->socket, server->url, &server->listener, 0);
    server->deaf = rv != 0;
    LOG_WARN("listens_anew", "url=%s msg=\"%s\"", server->url,
             rv == 0 ? "no connection came through" : nng_strerror(rv));
}

static void watch_cb(void *arg)
{
    struct rpc_server *server = arg;
    struct watch_probe *probe = server->probe;
    server->probe = NULL;
    if (probe != NULL) {
        bool connected = atomic_load(&server->connections) != probe->connections;
        server->misses = connected ? 0 : server->misses + 1;
        closer_start(server->loop, probe->socket, watch_closed_cb, probe);
    }
    if (server->deaf || server->misses == WATCH_MISSES_MAX) {
        server->misses = 0;
        watch_listen(server);
    }
    if (!server->deaf)
        server->probe = watch_start(server);
    loop_timer_start(server->watch, server->deaf ? WATCH_LISTEN_RETRY_MS : WATCH_EVERY_MS, 0);
}

void watch_open(struct rpc_server *server)
{
    CHECK(nng_pipe_notify(server->socket, NNG_PIPE_EV_ADD_POST, watch_connection_on_nng, server) ==
          0);
    server->watch = loop_timer_create(server->loop, watch_cb, server);
    loop_timer_start(server->watch, WATCH_EVERY_MS, 0);
}

void watch_close(struct rpc_server *server)
{
    loop_timer_destroy(server->watch);
    if (server->probe != NULL)
        closer_start(server->loop, server->probe->socket, watch_closed_cb, server->probe);
    server->probe = NULL;
}
