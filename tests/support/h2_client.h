// SPDX-License-Identifier: Apache-2.0
// An HTTP/2 client on a socket that does not block, for tests: h2_turn sends and takes what it can.
// It keeps what came of each call; nothing is judged here.
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/grpc/frames.h"

enum { H2_CALLS_MAX = 512, H2_TEXT_MAX = 8192 };

struct h2_call {
    int32_t id;
    struct buf body; // to send
    size_t sent;
    bool keep_open; // more of the body comes later
    char http[8];
    int grpc; // grpc-status; -1: none yet
    char text[H2_TEXT_MAX];
    char header[H2_TEXT_MAX]; // all that came: "name: value\n"
    struct buf data;
    bool closed;
    uint32_t code; // it was closed with
};

struct h2 {
    int fd;
    nghttp2_session *session;
    struct h2_call calls[H2_CALLS_MAX];
    unsigned n_calls;
    struct buf unsent;
    bool deaf; // reads nothing
    bool gone; // the server has closed
    bool lost; // without a goodbye
    unsigned goaways;
    uint32_t goaway_code;
    char goaway_data[64];
    unsigned pings_answered, pings_seen;
    char raw[512]; // what came before or without HTTP/2
};

static inline struct h2_call *h2_find(struct h2 *h2, int32_t id)
{
    for (unsigned i = 0; i < h2->n_calls; i++)
        if (h2->calls[i].id == id)
            return &h2->calls[i];
    return NULL;
}

static inline int h2_header_cb(nghttp2_session *session, const nghttp2_frame *frame,
                               const uint8_t *name, size_t name_len, const uint8_t *value,
                               size_t value_len, uint8_t flags, void *arg)
{
    struct h2_call *call = h2_find(arg, frame->hd.stream_id);
    (void)session;
    (void)flags;
    if (call == NULL)
        return 0;
    size_t n = strlen(call->header);
    snprintf(call->header + n, sizeof call->header - n, "%.*s: %.*s\n", (int)name_len, name,
             (int)value_len, value);
    if (span_is(span_make(name, name_len), ":status"))
        snprintf(call->http, sizeof call->http, "%.*s", (int)value_len, value);
    if (span_is(span_make(name, name_len), "grpc-status"))
        call->grpc = atoi((const char *)value);
    if (span_is(span_make(name, name_len), "grpc-message"))
        snprintf(call->text, sizeof call->text, "%.*s", (int)value_len, value);
    return 0;
}

static inline int h2_data_cb(nghttp2_session *session, uint8_t flags, int32_t id,
                             const uint8_t *bytes, size_t len, void *arg)
{
    struct h2_call *call = h2_find(arg, id);
    (void)session;
    (void)flags;
    if (call != NULL)
        buf_append(&call->data, bytes, len);
    return 0;
}

static inline int h2_frame_cb(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct h2 *h2 = arg;
    (void)session;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        h2->goaways++;
        if (h2->goaway_data[0] == '\0')
            snprintf(h2->goaway_data, sizeof h2->goaway_data, "%.*s",
                     (int)frame->goaway.opaque_data_len, (const char *)frame->goaway.opaque_data);
        h2->goaway_code = frame->goaway.error_code;
    }
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0)
        h2->pings_answered++;
    else if (frame->hd.type == NGHTTP2_PING)
        h2->pings_seen++;
    return 0;
}

static inline int h2_close_cb(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
    struct h2_call *call = h2_find(arg, id);
    (void)session;
    if (call != NULL) {
        call->closed = true;
        call->code = code;
    }
    return 0;
}

static inline int h2_socket(const char *address)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    at.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int yes = 1;
    CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0);
    CHECK(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0);
    return fd;
}

// `window`: what a stream may send to us at first; 0: the usual.
static inline struct h2 *h2_open(const char *address, uint32_t window)
{
    struct h2 *h2 = mem_zalloc(sizeof *h2);
    nghttp2_session_callbacks *callbacks;
    h2->fd = h2_socket(address);
    CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, h2_header_cb);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, h2_data_cb);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, h2_frame_cb);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, h2_close_cb);
    nghttp2_option *option;
    CHECK(nghttp2_option_new(&option) == 0);
    nghttp2_option_set_peer_max_concurrent_streams(option, 1000000);
    if (window != 0)
        nghttp2_option_set_no_auto_window_update(option, 1);
    CHECK(nghttp2_session_client_new2(&h2->session, callbacks, h2, option) == 0);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_settings_entry entry = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window};
    CHECK(nghttp2_submit_settings(h2->session, 0, &entry, window == 0 ? 0 : 1) == 0);
    return h2;
}

static inline void h2_close(struct h2 *h2)
{
    if (h2->fd >= 0)
        close(h2->fd);
    nghttp2_session_del(h2->session);
    for (unsigned i = 0; i < h2->n_calls; i++) {
        buf_deinit(&h2->calls[i].body);
        buf_deinit(&h2->calls[i].data);
    }
    buf_deinit(&h2->unsent);
    mem_free(h2);
}

static inline ssize_t h2_body_cb(nghttp2_session *session, int32_t id, uint8_t *bytes, size_t len,
                                 uint32_t *flags, nghttp2_data_source *source, void *arg)
{
    struct h2_call *call = source->ptr;
    size_t left = call->body.len - call->sent, n = left < len ? left : len;
    (void)session;
    (void)id;
    (void)arg;
    if (n > 0)
        memcpy(bytes, call->body.bytes + call->sent, n);
    call->sent += n;
    if (call->sent == call->body.len && !call->keep_open)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    else if (n == 0)
        return NGHTTP2_ERR_DEFERRED;
    return (ssize_t)n;
}

// `pairs`: name, value, ..., NULL, in place of the usual header when it begins with ":method".
static inline struct h2_call *h2_request(struct h2 *h2, const char *path, const char *const *pairs)
{
    nghttp2_nv header[256];
    size_t n = 0;
    const char *const usual[] = {":method", "POST",     ":scheme",      "http",
                                 ":path",   path,       ":authority",   "test",
                                 "te",      "trailers", "content-type", "application/grpc",
                                 NULL};
    const char *const *lists[] = {usual, pairs};
    bool own = pairs != NULL && strcmp(pairs[0], ":method") == 0;
    for (int list = own ? 1 : 0; list < 2; list++)
        for (const char *const *p = lists[list]; p != NULL && *p != NULL; p += 2)
            header[n++] = (nghttp2_nv){(uint8_t *)p[0], (uint8_t *)p[1], strlen(p[0]), strlen(p[1]),
                                       NGHTTP2_NV_FLAG_NONE};
    CHECK(h2->n_calls < H2_CALLS_MAX);
    struct h2_call *call = &h2->calls[h2->n_calls++];
    *call = (struct h2_call){.grpc = -1, .keep_open = true};
    nghttp2_data_provider provider = {.source.ptr = call, .read_callback = h2_body_cb};
    call->id = nghttp2_submit_request(h2->session, NULL, header, n, &provider, NULL);
    CHECK(call->id > 0);
    return call;
}

static inline void h2_write(struct h2 *h2, struct h2_call *call, const void *bytes, size_t len)
{
    buf_append(&call->body, bytes, len);
    (void)nghttp2_session_resume_data(h2->session, call->id);
}

static inline void h2_end(struct h2 *h2, struct h2_call *call)
{
    call->keep_open = false;
    (void)nghttp2_session_resume_data(h2->session, call->id);
}

static inline void h2_message(struct h2 *h2, struct h2_call *call, bool compressed,
                              const void *bytes, size_t len)
{
    uint8_t head[FRAMES_HEAD_BYTES];
    frames_write_head(head, compressed, len);
    h2_write(h2, call, head, sizeof head);
    h2_write(h2, call, bytes, len);
}

static inline void h2_flush(struct h2 *h2)
{
    const uint8_t *bytes;
    ssize_t n = -1;
    while (h2->unsent.len < 1 << 20 && (n = nghttp2_session_mem_send(h2->session, &bytes)) > 0)
        buf_append(&h2->unsent, bytes, (size_t)n);
    while (h2->unsent.len > 0) {
        ssize_t sent = send(h2->fd, h2->unsent.bytes, h2->unsent.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            h2->gone = h2->lost = true;
        if (sent <= 0)
            return;
        memmove(h2->unsent.bytes, h2->unsent.bytes + sent, h2->unsent.len - (size_t)sent);
        h2->unsent.len -= (size_t)sent;
    }
}

static inline void h2_turn(struct h2 *h2)
{
    uint8_t bytes[64 * 1024];
    ssize_t n = -1;
    if (h2->gone)
        return;
    h2_flush(h2);
    while (!h2->deaf && !h2->gone && (n = recv(h2->fd, bytes, sizeof bytes, MSG_DONTWAIT)) != 0) {
        if (n < 0 && errno != EAGAIN)
            h2->gone = h2->lost = true;
        if (n < 0)
            break;
        if (h2->raw[0] == '\0')
            snprintf(h2->raw, sizeof h2->raw, "%.*s", (int)n, (const char *)bytes);
        (void)nghttp2_session_mem_recv(h2->session, bytes, (size_t)n);
    }
    if (!h2->deaf && n == 0)
        h2->gone = true;
    if (!h2->gone)
        h2_flush(h2);
}

// The nth message of what came, or an empty span with ptr NULL.
static inline struct span h2_answer(const struct h2_call *call, unsigned nth, bool *compressed)
{
    size_t at = 0;
    while (at + FRAMES_HEAD_BYTES <= call->data.len) {
        const uint8_t *p = call->data.bytes + at;
        size_t len = (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
        if (at + FRAMES_HEAD_BYTES + len > call->data.len)
            break;
        if (compressed != NULL)
            *compressed = p[0] == 1;
        if (nth-- == 0)
            return span_make(p + FRAMES_HEAD_BYTES, len);
        at += FRAMES_HEAD_BYTES + len;
    }
    return (struct span){0};
}
