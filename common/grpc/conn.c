// SPDX-License-Identifier: Apache-2.0
// A connection. Everything that happens to it (bytes, room to send, time, an answer of a handler)
// ends in grpc_conn_settle, which sends what nghttp2 has to send, tells handlers that there is
// room, and frees the connection when it was cut.
//
// Sending stops while the system does not take bytes, and reading stops with it: what a peer makes
// nghttp2 queue (answers to pings and settings, resets) is bounded so.
//
// Leaving: a first GOAWAY says that new calls should go elsewhere; a moment later, when the peer
// knows, the last one names the calls that are still served; these have a while, and then the rest
// is ended and the connection closed.
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/grpc/grpc_impl.h"

#define LOG_COMPONENT "grpc"
#include "common/log/log.h"

enum {
    CONN_GATHER_BYTES = 64 * 1024,
    CONN_UNSENT_MAX = 256 * 1024,
    CONN_PLAIN_BYTES = 16 * 1024,
    CONN_LINGER_MS = 1000,
    CONN_NOTICE_MS = 1000, // between the two GOAWAYs
    CONN_OVER_MS = 1000,   // for the last trailers to leave
    CONN_ROUNDS = 16,      // of sending and telling handlers, in one turn
};

// What somebody reads who came with HTTP/1.
static const char CONN_HTTP1[] = "HTTP/1.1 505 HTTP Version Not Supported\r\n"
                                 "Connection: close\r\n"
                                 "Content-Type: text/plain\r\n"
                                 "Content-Length: 38\r\n"
                                 "\r\n"
                                 "This address speaks gRPC over HTTP/2.\n";

// ---- Bytes out ----------------------------------------------------------------------------------

static void conn_put_encrypted(struct conn *conn)
{
    struct span pending = tls_pending(conn->tls);
    if (pending.len == 0)
        return;
    tcp_write(conn->tcp, pending);
    tls_sent(conn->tls);
}

static void conn_put(struct conn *conn, struct span bytes)
{
    if (conn->tcp == NULL)
        return;
    if (conn->tls == NULL) {
        tcp_write(conn->tcp, bytes);
        return;
    }
    if (!tls_write(conn->tls, bytes))
        grpc_conn_cut(conn, tls_failure(conn->tls));
    conn_put_encrypted(conn);
}

// Before the handshake is over there is nothing to send by.
static bool conn_is_open(const struct conn *conn)
{
    return conn->tls == NULL || tls_is_ready(conn->tls);
}

static bool conn_is_stuffed(const struct conn *conn)
{
    return conn->tcp != NULL && tcp_unsent(conn->tcp) >= CONN_UNSENT_MAX;
}

static void conn_send(struct conn *conn)
{
    struct buf *gathered = &conn->server->gathered;
    while (!conn->cut && conn_is_open(conn) && !conn_is_stuffed(conn)) {
        const uint8_t *bytes;
        ssize_t n = 1;
        buf_clear(gathered);
        while (gathered->len < CONN_GATHER_BYTES &&
               (n = nghttp2_session_mem_send(conn->session, &bytes)) > 0)
            buf_append(gathered, bytes, (size_t)n);
        if (n < 0)
            grpc_conn_cut(conn, nghttp2_strerror((int)n));
        if (gathered->len == 0)
            return;
        conn_put(conn, buf_span(gathered));
    }
}

// ---- Ends ---------------------------------------------------------------------------------------

void grpc_conn_cut(struct conn *conn, const char *why)
{
    if (conn->cut)
        return;
    LOG_DEBUG("connection_cut", "peer=%s reason=\"%s\"", conn->peer, why);
    conn->server->stats.cut++;
    conn->cut = true;
    grpc_conn_touch(conn);
}

void grpc_conn_dismiss(struct conn *conn, const char *why)
{
    if (conn->spoken && !conn->finishing && !conn->cut) {
        (void)nghttp2_session_terminate_session(conn->session, NGHTTP2_NO_ERROR);
        conn_send(conn);
    }
    grpc_conn_cut(conn, why);
}

void grpc_conn_calm(struct conn *conn, const char *why)
{
    if (conn->calm || conn->finishing)
        return;
    LOG_INFO("connection_calmed", "peer=%s reason=%s", conn->peer, why);
    conn->server->stats.cut++;
    conn->calm = true;
    (void)nghttp2_submit_goaway(conn->session, NGHTTP2_FLAG_NONE,
                                nghttp2_session_get_last_proc_stream_id(conn->session),
                                NGHTTP2_ENHANCE_YOUR_CALM, (const uint8_t *)why, strlen(why));
    (void)nghttp2_session_terminate_session(conn->session, NGHTTP2_ENHANCE_YOUR_CALM);
    grpc_conn_touch(conn);
}

static void conn_drop_session(struct conn *conn)
{
    while (conn->streams != NULL)
        grpc_stream_destroy(conn->streams);
    nghttp2_session_del(conn->session);
    conn->session = NULL;
}

// What is queued still goes out.
static void conn_finish(struct conn *conn)
{
    conn->finishing = true;
    conn_drop_session(conn);
    if (conn->tcp == NULL)
        return;
    if (conn->tls != NULL) {
        tls_shutdown(conn->tls);
        conn_put_encrypted(conn);
    }
    tcp_finish(conn->tcp, CONN_LINGER_MS);
}

void grpc_conn_destroy(struct conn *conn)
{
    struct grpc_server *server = conn->server;
    conn->inside = true; // handlers that are told of the end touch it no more
    if (conn->session != NULL)
        conn_drop_session(conn);
    for (struct conn **at = &server->dirty; conn->dirty; at = &(*at)->next_dirty) {
        if (*at != conn)
            continue;
        *at = conn->next_dirty;
        break;
    }
    tls_session_destroy(conn->tls);
    tcp_destroy(conn->tcp);
    *(conn->prev == NULL ? &server->conns : &conn->prev->next) = conn->next;
    if (conn->next != NULL)
        conn->next->prev = conn->prev;
    grpc_room_busy(conn);
    server->n_going -= conn->going;
    server->stats.open--;
    mem_free(conn);
}

void grpc_conn_leave(struct conn *conn, int64_t grace_ms)
{
    if (conn->leaving || conn->finishing)
        return;
    conn->leaving = true;
    conn->left_ms = clock_mono_ms() + CONN_NOTICE_MS;
    conn->over_ms = conn->left_ms + grace_ms;
    (void)nghttp2_submit_shutdown_notice(conn->session);
    grpc_conn_touch(conn);
}

void grpc_conn_leave_now(struct conn *conn, int64_t grace_ms)
{
    if (conn->finishing)
        return;
    conn->leaving = true;
    conn->over_ms = clock_mono_ms() + grace_ms;
    if (!conn->left)
        (void)nghttp2_submit_goaway(conn->session, NGHTTP2_FLAG_NONE,
                                    nghttp2_session_get_last_proc_stream_id(conn->session),
                                    NGHTTP2_NO_ERROR, NULL, 0);
    conn->left = true;
    grpc_conn_touch(conn);
}

// ---- Settling -----------------------------------------------------------------------------------

void grpc_conn_touch(struct conn *conn)
{
    struct grpc_server *server = conn->server;
    conn->again = true;
    if (conn->inside || conn->dirty)
        return;
    conn->dirty = true;
    conn->next_dirty = server->dirty;
    server->dirty = conn;
    loop_timer_start(server->soon, 0, 0);
}

static void conn_tell_handlers(struct conn *conn)
{
    for (struct stream *stream = conn->streams; stream != NULL; stream = stream->next)
        grpc_stream_refresh(stream);
}

// Whoever does not take what is sent is not listened to either.
static void conn_steer_reading(struct conn *conn)
{
    if (conn->tcp == NULL || conn->finishing || conn->reading == !conn_is_stuffed(conn))
        return;
    conn->reading = !conn->reading;
    if (conn->reading)
        tcp_read_start(conn->tcp);
    else
        tcp_read_stop(conn->tcp);
}

void grpc_conn_settle(struct conn *conn)
{
    conn->inside = true;
    for (int round = 0; round < CONN_ROUNDS && !conn->cut && !conn->finishing; round++) {
        conn->again = false;
        conn_send(conn);
        conn_tell_handlers(conn);
        if (!conn->again)
            break;
    }
    if (!conn->cut && !conn->finishing && !nghttp2_session_want_read(conn->session) &&
        !nghttp2_session_want_write(conn->session))
        conn_finish(conn);
    if (conn->cut) {
        grpc_conn_destroy(conn);
        return;
    }
    conn_steer_reading(conn);
    conn->inside = false;
    if (conn->again && !conn->finishing)
        grpc_conn_touch(conn);
}

// ---- Bytes in -----------------------------------------------------------------------------------

void grpc_conn_take(struct conn *conn, struct span bytes)
{
    if (conn->cut || conn->finishing)
        return;
    ssize_t n = nghttp2_session_mem_recv(conn->session, bytes.ptr, bytes.len);
    if (n == NGHTTP2_ERR_BAD_CLIENT_MAGIC) {
        conn->server->stats.cut++;
        conn_put(conn, span_make(CONN_HTTP1, sizeof CONN_HTTP1 - 1));
        conn_finish(conn);
    } else if (n < 0) {
        grpc_conn_cut(conn, nghttp2_strerror((int)n));
    }
}

static void conn_take_encrypted(struct conn *conn, struct span bytes)
{
    int n;
    tls_feed(conn->tls, bytes);
    while ((n = tls_read(conn->tls, conn->server->plain, CONN_PLAIN_BYTES)) > 0)
        grpc_conn_take(conn, span_make(conn->server->plain, (size_t)n));
    if (conn->cut || conn->finishing)
        return;
    conn_put_encrypted(conn);
    if (n == 0)
        return;
    if (!conn->spoken) {
        conn->server->stats.tls_failures++;
        LOG_DEBUG("tls_failed", "peer=%s msg=\"%s\"", conn->peer, tls_failure(conn->tls));
    }
    conn_finish(conn); // what is pending may be the alert that says why
}

static void conn_read_cb(void *arg, struct span bytes)
{
    struct conn *conn = arg;
    conn->inside = true;
    conn->read_ms = clock_mono_ms();
    if (conn->tls != NULL)
        conn_take_encrypted(conn, bytes);
    else
        grpc_conn_take(conn, bytes);
    grpc_conn_settle(conn);
}

static void conn_sent_cb(void *arg)
{
    grpc_conn_settle(arg);
}

static void conn_ended_cb(void *arg, enum err err)
{
    struct conn *conn = arg;
    (void)err;
    conn->cut = true;
    grpc_conn_settle(conn);
}

struct conn *grpc_conn_create(struct grpc_server *server, struct tcp *tcp, const char *peer)
{
    static const struct tcp_events EVENTS = {conn_read_cb, conn_sent_cb, conn_ended_cb};
    struct conn *conn = mem_zalloc(sizeof *conn);
    int64_t now_ms = clock_mono_ms(), age_ms = server->opts.age_ms;
    conn->server = server;
    conn->tcp = tcp;
    snprintf(conn->peer, sizeof conn->peer, "%s", peer);
    conn->opened_ms = conn->read_ms = conn->moved_ms = now_ms;
    // So that clients who came together do not come back together.
    conn->leave_ms =
        now_ms + age_ms - age_ms / 10 + (int64_t)(clock_random_u64() % (uint64_t)(age_ms / 5 + 1));
    conn->session = grpc_session_create(conn);
    conn->next = server->conns;
    if (conn->next != NULL)
        conn->next->prev = conn;
    server->conns = conn;
    server->stats.open++;
    grpc_room_idle(conn);
    if (tcp == NULL)
        return conn;
    if (server->tls != NULL)
        conn->tls = tls_session_create(server->tls);
    tcp_set_events(tcp, &EVENTS, conn);
    conn->reading = true;
    tcp_read_start(tcp);
    return conn;
}

// ---- Time ---------------------------------------------------------------------------------------

// Whether the peer reads at all.
static void conn_look_at_sending(struct conn *conn, int64_t now_ms)
{
    if (conn->tcp == NULL)
        return;
    if (tcp_unsent(conn->tcp) == 0 || tcp_sent(conn->tcp) != conn->sent) {
        conn->sent = tcp_sent(conn->tcp);
        conn->moved_ms = now_ms;
    } else if (now_ms - conn->moved_ms > conn->server->opts.stall_ms) {
        grpc_conn_cut(conn, "does not read");
    }
}

// Whether it is still there.
static void conn_look_for_life(struct conn *conn, int64_t now_ms)
{
    const struct grpc_opts *opts = &conn->server->opts;
    if (!conn->spoken) {
        if (now_ms - conn->opened_ms > opts->handshake_ms)
            grpc_conn_cut(conn, "no handshake");
        return;
    }
    if (conn->pinged_ms != 0 && conn->read_ms >= conn->pinged_ms)
        conn->pinged_ms = 0;
    if (conn->pinged_ms != 0 && now_ms - conn->pinged_ms > opts->ping_wait_ms) {
        grpc_conn_cut(conn, "no answer to a ping");
    } else if (conn->pinged_ms == 0 && now_ms - conn->read_ms > opts->ping_ms && conn->reading) {
        conn->pinged_ms = now_ms;
        (void)nghttp2_submit_ping(conn->session, NGHTTP2_FLAG_NONE, NULL);
        grpc_conn_touch(conn);
    }
}

static void conn_look_at_streams(struct conn *conn, int64_t now_ms)
{
    const struct grpc_opts *opts = &conn->server->opts;
    for (struct stream *stream = conn->streams; stream != NULL; stream = stream->next) {
        if (stream->state <= STREAM_RECEIVING && !stream->half_closed &&
            (stream->builtin == NULL || !stream->builtin->bidi) &&
            now_ms - stream->began_ms > opts->receive_ms)
            grpc_stream_end(stream, RPC_DEADLINE_EXCEEDED,
                            "the request did not come within %lld ms", (long long)opts->receive_ms);
        else if (stream->state <= STREAM_RECEIVING && now_ms >= stream->deadline_ms)
            grpc_stream_end(stream, RPC_DEADLINE_EXCEEDED, "the deadline passed");
        if (stream->out.len > 0 && now_ms - stream->moved_ms > opts->stall_ms) {
            stream->moved_ms = now_ms;
            (void)nghttp2_submit_rst_stream(conn->session, NGHTTP2_FLAG_NONE, stream->id,
                                            NGHTTP2_CANCEL);
            grpc_conn_touch(conn);
        }
    }
}

static void conn_look_at_leaving(struct conn *conn, int64_t now_ms)
{
    const struct grpc_opts *opts = &conn->server->opts;
    if (!conn->leaving && now_ms >= conn->leave_ms)
        grpc_conn_leave(conn, opts->grace_ms);
    if (!conn->leaving && conn->n_streams == 0 && now_ms - conn->idle_ms > opts->idle_ms)
        grpc_conn_leave(conn, opts->grace_ms);
    if (conn->leaving && !conn->left && now_ms >= conn->left_ms)
        grpc_conn_leave_now(conn, conn->over_ms - now_ms);
    if (!conn->left || now_ms < conn->over_ms)
        return;
    for (struct stream *stream = conn->streams; stream != NULL; stream = stream->next)
        grpc_stream_give_up(stream, RPC_UNAVAILABLE, "the connection is closing");
    if (now_ms >= conn->over_ms + CONN_OVER_MS)
        grpc_conn_cut(conn, "did not leave");
}

void grpc_conn_look(struct conn *conn, int64_t now_ms)
{
    if (conn->finishing || conn->cut)
        return;
    conn_look_at_sending(conn, now_ms);
    conn_look_for_life(conn, now_ms);
    conn_look_at_streams(conn, now_ms);
    conn_look_at_leaving(conn, now_ms);
}
