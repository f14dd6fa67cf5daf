// SPDX-License-Identifier: Apache-2.0
// Life of a server: open, look at all connections a few times a second, drain, close.
#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/grpc/descriptors.h"
#include "common/grpc/grpc_impl.h"

#define LOG_COMPONENT "grpc"
#include "common/log/log.h"

enum {
    SERVER_LOOK_MS = 100,
    SERVER_CLOSE_LOOK_MS = 5,
    SERVER_FILES_LOOK_MS = 10 * 1000,
    SERVER_PLAIN_BYTES = 16 * 1024,
};

// ---- Connections --------------------------------------------------------------------------------

static void server_accepted_cb(void *arg, struct tcp *tcp)
{
    struct grpc_server *server = arg;
    if (!grpc_room_is_there(server)) {
        server->stats.refused_connections++;
        tcp_destroy(tcp);
        return;
    }
    server->stats.connections++;
    (void)grpc_conn_create(server, tcp, tcp_peer(tcp));
}

static void server_soon_cb(void *arg)
{
    struct grpc_server *server = arg;
    // Only those of now: a connection that has more to do comes again in the next turn.
    struct conn *conn = server->dirty;
    server->dirty = NULL;
    for (struct conn *next; conn != NULL; conn = next) {
        next = conn->next_dirty;
        conn->dirty = false;
        grpc_conn_settle(conn);
    }
}

// ---- Certificates -------------------------------------------------------------------------------

void grpc_server_reload(struct grpc_server *server)
{
    struct err_info info = {""};
    if (server->tls == NULL)
        return;
    if (tls_reload(server->tls, &info) == ERR_OK)
        LOG_INFO("certificate_read", "file=%s", server->opts.tls_cert);
    else
        LOG_ERROR("certificate_refused", "msg=\"%s; the one before stays in force\"", info.text);
}

static void server_look_at_files(struct grpc_server *server, int64_t now_ms)
{
    if (server->tls == NULL || now_ms - server->files_looked_ms < SERVER_FILES_LOOK_MS)
        return;
    server->files_looked_ms = now_ms;
    if (tls_files_changed(server->tls))
        grpc_server_reload(server);
}

// ---- Close --------------------------------------------------------------------------------------

static void server_free(struct grpc_server *server)
{
    void (*closed)(void *arg) = server->closed;
    void *arg = server->closed_arg;
    LOG_INFO("grpc_closed", "calls=%llu", (unsigned long long)server->stats.calls);
    loop_timer_destroy(server->look);
    loop_timer_destroy(server->soon);
    nghttp2_option_del(server->options);
    nghttp2_session_callbacks_del(server->callbacks);
    descriptors_destroy(server->descriptors);
    tls_close(server->tls);
    buf_deinit(&server->gathered);
    mem_free(server->plain);
    mem_free((char *)server->opts.tls_cert);
    mem_free(server);
    if (closed != NULL)
        closed(arg);
}

static void server_look_cb(void *arg)
{
    struct grpc_server *server = arg;
    int64_t now_ms = clock_mono_ms();
    for (struct conn *conn = server->conns; conn != NULL; conn = conn->next)
        grpc_conn_look(conn, now_ms);
    server_look_at_files(server, now_ms);
    grpc_room_look(server);
    if (server->closing && server->conns == NULL)
        server_free(server);
}

void grpc_server_drain(struct grpc_server *server)
{
    grpc_server_set_serving(server, false);
    if (server->draining)
        return;
    server->draining = true;
    for (struct conn *conn = server->conns; conn != NULL; conn = conn->next)
        grpc_conn_leave(conn, server->opts.grace_ms);
}

static void server_close_conn(struct conn *conn, int64_t drain_ms)
{
    if (!conn->spoken) {
        grpc_conn_cut(conn, "the server is closing");
        return;
    }
    // Streams end only when somebody ends them.
    for (struct stream *stream = conn->streams; stream != NULL; stream = stream->next)
        if (stream->builtin != NULL || (stream->method != NULL && stream->method->stream))
            grpc_stream_give_up(stream, RPC_UNAVAILABLE, "the server is closing");
    grpc_conn_leave_now(conn, drain_ms);
}

void grpc_server_close(struct grpc_server *server, int64_t drain_ms, void (*closed)(void *arg),
                       void *arg)
{
    CHECK(!server->closing && drain_ms >= 0);
    grpc_server_drain(server);
    server->closing = true;
    server->closed = closed;
    server->closed_arg = arg;
    tcp_listener_destroy(server->listener);
    server->listener = NULL;
    for (struct conn *conn = server->conns; conn != NULL; conn = conn->next)
        if (!conn->finishing)
            server_close_conn(conn, drain_ms);
    loop_timer_start(server->look, 0, SERVER_CLOSE_LOOK_MS);
}

// ---- Open ---------------------------------------------------------------------------------------

static void server_defaults(struct grpc_opts *opts)
{
#define SERVER_DEFAULT(field, value) opts->field = opts->field != 0 ? opts->field : (value)
    SERVER_DEFAULT(connections_max, 10000);
    SERVER_DEFAULT(streams_max, 100);
    SERVER_DEFAULT(all_streams_max, 20000);
    SERVER_DEFAULT(header_bytes_max, 16 * 1024);
    SERVER_DEFAULT(message_bytes_max, 4 * 1024 * 1024);
    SERVER_DEFAULT(response_bytes_max, 4 * 1024 * 1024);
    SERVER_DEFAULT(conn_bytes_max, 16 * 1024 * 1024);
    SERVER_DEFAULT(all_bytes_max, 256 * 1024 * 1024);
    SERVER_DEFAULT(handshake_ms, 10 * 1000);
    SERVER_DEFAULT(receive_ms, 60 * 1000);
    SERVER_DEFAULT(stall_ms, 60 * 1000);
    SERVER_DEFAULT(idle_ms, 10 * 60 * 1000);
    SERVER_DEFAULT(room_ms, 500);
    SERVER_DEFAULT(ping_ms, 60 * 1000);
    SERVER_DEFAULT(ping_wait_ms, 20 * 1000);
    SERVER_DEFAULT(age_ms, 30 * 60 * 1000);
    SERVER_DEFAULT(grace_ms, 60 * 1000);
#undef SERVER_DEFAULT
}

static enum err server_read_files(struct grpc_server *server, struct err_info *info)
{
    const struct grpc_opts *opts = &server->opts;
    enum err err = ERR_OK;
    if (opts->tls_cert != NULL) {
        struct tls_opts tls = {opts->tls_cert, opts->tls_key, opts->tls_client_ca};
        CHECK(opts->tls_key != NULL);
        err = tls_open(&tls, &server->tls, info);
    }
    if (err == ERR_OK)
        err = descriptors_create(opts->descriptors, &server->descriptors, info);
    return err;
}

enum err grpc_server_open(struct loop *loop, const struct grpc_opts *opts, struct rpc_server *rpc,
                          struct grpc_server **out, struct err_info *info)
{
    struct grpc_server *server = mem_zalloc(sizeof *server);
    server->loop = loop;
    server->rpc = rpc;
    server->opts = *opts;
    server_defaults(&server->opts);
    enum err err = server_read_files(server, info);
    if (err == ERR_OK && opts->address != NULL)
        err = tcp_listen(loop, opts->address, server_accepted_cb, server, &server->listener, info);
    if (err != ERR_OK) {
        descriptors_destroy(server->descriptors);
        tls_close(server->tls);
        mem_free(server);
        return err;
    }
    // The rest of what was given lives with the caller only as long as this call.
    server->opts.address = NULL;
    server->opts.tls_cert = opts->tls_cert == NULL ? NULL : mem_dup_text(opts->tls_cert);
    server->opts.tls_key = server->opts.tls_client_ca = NULL;
    server->plain = mem_alloc(SERVER_PLAIN_BYTES);
    grpc_session_setup(server);
    server->soon = loop_timer_create(loop, server_soon_cb, server);
    server->look = loop_timer_create(loop, server_look_cb, server);
    loop_timer_start(server->look, SERVER_LOOK_MS, SERVER_LOOK_MS);
    LOG_INFO("grpc_serves", "address=%s tls=%s", grpc_server_address(server),
             server->tls != NULL ? "yes" : "no");
    *out = server;
    return ERR_OK;
}

const char *grpc_server_address(const struct grpc_server *server)
{
    return server->listener == NULL ? "" : tcp_listener_address(server->listener);
}

void grpc_server_set_serving(struct grpc_server *server, bool serving)
{
    if (server->draining || server->serving == serving)
        return;
    server->serving = serving;
    grpc_health_changed(server);
}

void grpc_server_stats(const struct grpc_server *server, struct grpc_stats *out)
{
    *out = server->stats;
    out->held_bytes = server->held_bytes;
}
