// SPDX-License-Identifier: Apache-2.0
// A connection. Writes go straight to the system while nothing waits; the rest is kept in `next`,
// and one uv_write at a time sends what was in it when the one before ended.
#include <stdio.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/loop/tcp_impl.h"

enum { TCP_READ_BYTES = 64 * 1024, TCP_KEEP_BYTES = 64 * 1024 };

struct tcp {
    uv_tcp_t uv;
    uv_timer_t linger;
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct loop *loop;
    const struct tcp_events *events;
    void *arg;
    struct buf sending; // what `write` has
    struct buf next;
    uint64_t sent;
    unsigned handles; // not closed yet
    bool writing, finishing, shut, ended, destroyed;
    char peer[TCP_ADDRESS_MAX];
};

static struct tcp *tcp_of_stream(uv_stream_t *stream)
{
    return CONTAINER_OF((uv_tcp_t *)(void *)stream, struct tcp, uv);
}

static struct tcp *tcp_create(struct loop *loop, const char *peer)
{
    struct tcp *tcp = mem_zalloc(sizeof *tcp);
    tcp->loop = loop;
    snprintf(tcp->peer, sizeof tcp->peer, "%s", peer);
    CHECK(uv_tcp_init(&loop->uv, &tcp->uv) == 0);
    CHECK(uv_timer_init(&loop->uv, &tcp->linger) == 0);
    tcp->handles = 2;
    loop->open.tcps++;
    return tcp;
}

struct tcp *tcp_open_fd(struct loop *loop, int fd, const char *peer)
{
    struct tcp *tcp = tcp_create(loop, peer);
    if (uv_tcp_open(&tcp->uv, fd) != 0) {
        close(fd);
        tcp_destroy(tcp);
        return NULL;
    }
    (void)uv_tcp_nodelay(&tcp->uv, 1);
    return tcp;
}

void tcp_set_events(struct tcp *tcp, const struct tcp_events *events, void *arg)
{
    CHECK(events->read != NULL && events->ended != NULL);
    tcp->events = events;
    tcp->arg = arg;
}

const char *tcp_peer(const struct tcp *tcp)
{
    return tcp->peer;
}

static void tcp_end(struct tcp *tcp, enum err err)
{
    if (tcp->ended || tcp->destroyed)
        return;
    tcp->ended = true;
    (void)uv_read_stop((uv_stream_t *)&tcp->uv);
    (void)uv_timer_stop(&tcp->linger);
    tcp->events->ended(tcp->arg, err);
}

// ---- Reading ------------------------------------------------------------------------------------

// One buffer serves all connections of a loop: its bytes are used before the callback returns.
static void tcp_alloc_cb(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct tcp *tcp = tcp_of_stream((uv_stream_t *)handle);
    (void)suggested;
    if (tcp->loop->tcp_read_bytes == NULL)
        tcp->loop->tcp_read_bytes = mem_alloc(TCP_READ_BYTES);
    *buf = uv_buf_init(tcp->loop->tcp_read_bytes, TCP_READ_BYTES);
}

static void tcp_read_cb(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct tcp *tcp = tcp_of_stream(stream);
    loop_turn_begin(tcp->loop);
    if (n == 0 || tcp->ended)
        return;
    if (n < 0)
        tcp_end(tcp, n == UV_EOF ? ERR_OK : ERR_IO);
    else if (!tcp->finishing)
        tcp->events->read(tcp->arg, span_make(buf->base, (size_t)n));
}

void tcp_read_start(struct tcp *tcp)
{
    CHECK(tcp->events != NULL && !tcp->destroyed);
    if (!tcp->ended)
        (void)uv_read_start((uv_stream_t *)&tcp->uv, tcp_alloc_cb, tcp_read_cb);
}

void tcp_read_stop(struct tcp *tcp)
{
    if (!tcp->finishing)
        (void)uv_read_stop((uv_stream_t *)&tcp->uv);
}

// ---- Writing ------------------------------------------------------------------------------------

static void tcp_shut_when_sent(struct tcp *tcp);
static void tcp_send_next(struct tcp *tcp);

static void tcp_written_cb(uv_write_t *write, int rv)
{
    struct tcp *tcp = CONTAINER_OF(write, struct tcp, write);
    tcp->writing = false;
    if (tcp->destroyed)
        return;
    loop_turn_begin(tcp->loop);
    if (rv != 0) {
        tcp_end(tcp, ERR_IO);
        return;
    }
    tcp->sent += tcp->sending.len;
    buf_clear(&tcp->sending);
    if (tcp->sending.cap > TCP_KEEP_BYTES)
        buf_deinit(&tcp->sending);
    tcp_send_next(tcp);
    tcp_shut_when_sent(tcp);
    if (!tcp->finishing && !tcp->ended && tcp->events->sent != NULL)
        tcp->events->sent(tcp->arg);
}

static void tcp_send_next(struct tcp *tcp)
{
    if (tcp->writing || tcp->next.len == 0)
        return;
    struct buf empty = tcp->sending;
    tcp->sending = tcp->next;
    tcp->next = empty;
    uv_buf_t out = uv_buf_init((char *)tcp->sending.bytes, (unsigned)tcp->sending.len);
    tcp->writing = uv_write(&tcp->write, (uv_stream_t *)&tcp->uv, &out, 1, tcp_written_cb) == 0;
}

void tcp_write(struct tcp *tcp, struct span bytes)
{
    CHECK(!tcp->destroyed && !tcp->finishing);
    size_t done = 0;
    if (tcp->ended || bytes.len == 0)
        return;
    if (!tcp->writing && tcp->next.len == 0) {
        uv_buf_t out = uv_buf_init((char *)bytes.ptr, (unsigned)bytes.len);
        int n = uv_try_write((uv_stream_t *)&tcp->uv, &out, 1);
        // An error shows again in the write below, whose callback tells of it.
        done = n > 0 ? (size_t)n : 0;
    }
    tcp->sent += done;
    buf_append(&tcp->next, (const char *)bytes.ptr + done, bytes.len - done);
    tcp_send_next(tcp);
}

size_t tcp_unsent(const struct tcp *tcp)
{
    return tcp->next.len +
           (tcp->writing ? uv_stream_get_write_queue_size((const uv_stream_t *)&tcp->uv) : 0);
}

uint64_t tcp_sent(const struct tcp *tcp)
{
    size_t left = tcp->writing ? uv_stream_get_write_queue_size((const uv_stream_t *)&tcp->uv) : 0;
    return tcp->sent + (tcp->writing ? tcp->sending.len - left : 0);
}

// ---- The end ------------------------------------------------------------------------------------

static void tcp_shut_cb(uv_shutdown_t *shutdown, int rv)
{
    struct tcp *tcp = CONTAINER_OF(shutdown, struct tcp, shutdown);
    if (rv != 0 && !tcp->destroyed)
        tcp_end(tcp, ERR_IO);
}

static void tcp_shut_when_sent(struct tcp *tcp)
{
    if (!tcp->finishing || tcp->shut || tcp->ended || tcp->writing)
        return;
    tcp->shut = true;
    // When it cannot even be shut, `linger` ends it.
    (void)uv_shutdown(&tcp->shutdown, (uv_stream_t *)&tcp->uv, tcp_shut_cb);
}

static void tcp_linger_cb(uv_timer_t *timer)
{
    struct tcp *tcp = CONTAINER_OF(timer, struct tcp, linger);
    loop_turn_begin(tcp->loop);
    tcp_end(tcp, ERR_TIMEOUT);
}

void tcp_finish(struct tcp *tcp, uint64_t linger_ms)
{
    CHECK(!tcp->destroyed);
    if (tcp->finishing || tcp->ended)
        return;
    tcp->finishing = true;
    CHECK(uv_timer_start(&tcp->linger, tcp_linger_cb, linger_ms, 0) == 0);
    (void)uv_read_start((uv_stream_t *)&tcp->uv, tcp_alloc_cb, tcp_read_cb);
    tcp_shut_when_sent(tcp);
}

static void tcp_handle_closed(struct tcp *tcp)
{
    if (--tcp->handles > 0)
        return;
    buf_deinit(&tcp->sending);
    buf_deinit(&tcp->next);
    mem_free(tcp);
}

static void tcp_closed_cb(uv_handle_t *handle)
{
    tcp_handle_closed(tcp_of_stream((uv_stream_t *)handle));
}

static void tcp_linger_closed_cb(uv_handle_t *handle)
{
    tcp_handle_closed(CONTAINER_OF((uv_timer_t *)(void *)handle, struct tcp, linger));
}

void tcp_destroy(struct tcp *tcp)
{
    if (tcp == NULL)
        return;
    CHECK(!tcp->destroyed && tcp->loop->open.tcps > 0);
    tcp->destroyed = true;
    tcp->loop->open.tcps--;
    uv_close((uv_handle_t *)&tcp->uv, tcp_closed_cb);
    uv_close((uv_handle_t *)&tcp->linger, tcp_linger_closed_cb);
}
