// SPDX-License-Identifier: Apache-2.0
// A small HTTP/1.1 server on loopback for what goes out: on a thread of its own, keeps every
// request, and behaves well or badly as the test says.
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/base/check.h"

enum receiver_way {
    RECEIVER_STATUS,   // answers with `status`
    RECEIVER_SILENT,   // takes the request, never answers
    RECEIVER_RESET,    // takes the request, resets the connection
    RECEIVER_REDIRECT, // 302 to /elsewhere of this server
    RECEIVER_BIG,      // 200 with a body of 1 MB
    RECEIVER_HALF,     // 200, then half of the body that it promised, then the end
    RECEIVER_HEADERS,  // 200 with 1 MB of headers
};

enum { RECEIVER_CONNECTIONS_MAX = 128, RECEIVER_REQUEST_MAX = 64 * 1024 };

struct receiver_request {
    char *head; // request line and headers
    char *body;
    enum receiver_way way;
    int status; // answered
};

struct receiver_connection {
    int fd; // -1: free
    char *bytes;
    size_t n;
};

struct http_receiver {
    int listener, wake, port;
    pthread_t thread;
    struct receiver_connection connections[RECEIVER_CONNECTIONS_MAX];
    pthread_mutex_t lock; // guards what follows
    pthread_cond_t came;
    enum receiver_way way;
    int status;
    char extra[256];     // more header lines of the answer, each with CRLF
    const char *fail_if; // requests whose body holds this text get 500
    bool stopping;
    unsigned n_accepted;
    struct receiver_request *requests;
    size_t n;
};

static inline void receiver_say(int fd, const char *text, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return; // the other side may end when it has enough
        text += sent;
        n -= (size_t)sent;
    }
}

static inline void receiver_drop(struct receiver_connection *c, bool reset)
{
    struct linger hard = {1, 0};
    if (reset)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(c->fd);
    free(c->bytes);
    *c = (struct receiver_connection){.fd = -1};
}

static inline void receiver_answer(struct http_receiver *r, struct receiver_connection *c,
                                   enum receiver_way way, int status, const char *extra)
{
    char head[1024];
    int n = 0;
    static const size_t BIG = 1024 * 1024;
    switch (way) {
    case RECEIVER_STATUS:
        n = snprintf(head, sizeof head, "HTTP/1.1 %d X\r\n%sContent-Length: 2\r\n\r\nok", status,
                     extra);
        break;
    case RECEIVER_REDIRECT:
        n = snprintf(head, sizeof head,
                     "HTTP/1.1 302 X\r\nLocation: http://127.0.0.1:%d/elsewhere\r\n"
                     "Content-Length: 0\r\n\r\n",
                     r->port);
        break;
    case RECEIVER_BIG:
    case RECEIVER_HALF:
        n = snprintf(head, sizeof head, "HTTP/1.1 200 X\r\nContent-Length: %zu\r\n\r\n", BIG);
        break;
    case RECEIVER_HEADERS:
        n = snprintf(head, sizeof head, "HTTP/1.1 200 X\r\n");
        break;
    case RECEIVER_RESET:
        receiver_drop(c, true);
        return;
    case RECEIVER_SILENT:
        return;
    }
    receiver_say(c->fd, head, (size_t)n);
    if (way == RECEIVER_BIG || way == RECEIVER_HALF) {
        char *bytes = calloc(1, BIG);
        receiver_say(c->fd, bytes, way == RECEIVER_BIG ? BIG : BIG / 2);
        free(bytes);
    }
    for (int i = 0; way == RECEIVER_HEADERS && i < 1024; i++) {
        n = snprintf(head, sizeof head, "X-%d: %0900d\r\n", i, i);
        receiver_say(c->fd, head, (size_t)n);
    }
    if (way == RECEIVER_HALF)
        receiver_drop(c, false);
}

// The whole request is there: keeps it and answers.
static inline void receiver_serve(struct http_receiver *r, struct receiver_connection *c,
                                  size_t head, size_t body)
{
    char extra[sizeof r->extra];
    pthread_mutex_lock(&r->lock);
    r->requests = realloc(r->requests, (r->n + 1) * sizeof *r->requests);
    struct receiver_request *request = &r->requests[r->n++];
    request->head = strndup(c->bytes, head);
    request->body = strndup(c->bytes + head, body);
    request->way = r->way;
    request->status = r->status;
    if (r->fail_if != NULL && strstr(request->body, r->fail_if) != NULL)
        request->status = 500;
    enum receiver_way way = request->way;
    int status = request->status;
    snprintf(extra, sizeof extra, "%s", r->extra);
    pthread_cond_broadcast(&r->came);
    pthread_mutex_unlock(&r->lock);
    memmove(c->bytes, c->bytes + head + body, c->n - head - body);
    c->n -= head + body;
    receiver_answer(r, c, way, status, extra);
}

static inline void receiver_read(struct http_receiver *r, struct receiver_connection *c)
{
    ssize_t n = recv(c->fd, c->bytes + c->n, RECEIVER_REQUEST_MAX - c->n, 0);
    if (n <= 0) {
        receiver_drop(c, false);
        return;
    }
    c->n += (size_t)n;
    c->bytes[c->n] = '\0';
    char *end = strstr(c->bytes, "\r\n\r\n");
    if (end == NULL)
        return;
    size_t head = (size_t)(end - c->bytes) + 4;
    const char *length = strcasestr(c->bytes, "content-length:");
    size_t body = length != NULL && length < end ? strtoul(length + 15, NULL, 10) : 0;
    if (c->n >= head + body)
        receiver_serve(r, c, head, body);
}

static inline void receiver_accept(struct http_receiver *r)
{
    int fd = accept(r->listener, NULL, NULL);
    if (fd < 0)
        return;
    pthread_mutex_lock(&r->lock);
    r->n_accepted++;
    pthread_mutex_unlock(&r->lock);
    for (size_t i = 0; i < RECEIVER_CONNECTIONS_MAX; i++)
        if (r->connections[i].fd < 0) {
            r->connections[i].fd = fd;
            r->connections[i].bytes = malloc(RECEIVER_REQUEST_MAX + 1);
            return;
        }
    close(fd);
}

static inline bool receiver_stops(struct http_receiver *r)
{
    pthread_mutex_lock(&r->lock);
    bool stopping = r->stopping;
    pthread_mutex_unlock(&r->lock);
    return stopping;
}

static inline void *receiver_run(void *arg)
{
    struct http_receiver *r = arg;
    while (!receiver_stops(r)) {
        struct pollfd polls[RECEIVER_CONNECTIONS_MAX + 2];
        polls[0] = (struct pollfd){.fd = r->listener, .events = POLLIN};
        polls[1] = (struct pollfd){.fd = r->wake, .events = POLLIN};
        for (size_t i = 0; i < RECEIVER_CONNECTIONS_MAX; i++)
            polls[i + 2] = (struct pollfd){.fd = r->connections[i].fd, .events = POLLIN};
        if (poll(polls, RECEIVER_CONNECTIONS_MAX + 2, -1) <= 0)
            continue;
        for (size_t i = 0; i < RECEIVER_CONNECTIONS_MAX; i++)
            if (polls[i + 2].revents != 0)
                receiver_read(r, &r->connections[i]);
        if (polls[0].revents != 0)
            receiver_accept(r);
    }
    for (size_t i = 0; i < RECEIVER_CONNECTIONS_MAX; i++)
        if (r->connections[i].fd >= 0)
            receiver_drop(&r->connections[i], false);
    close(r->listener);
    return NULL;
}

// `port` 0: any free one.
static inline void receiver_open(struct http_receiver *r, int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t len = sizeof at;
    int one = 1;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    r->stopping = false;
    for (size_t i = 0; i < RECEIVER_CONNECTIONS_MAX; i++)
        r->connections[i].fd = -1;
    r->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    r->wake = eventfd(0, EFD_CLOEXEC);
    CHECK(r->listener >= 0 && r->wake >= 0);
    CHECK(setsockopt(r->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0);
    CHECK(bind(r->listener, (struct sockaddr *)&at, sizeof at) == 0);
    CHECK(listen(r->listener, 64) == 0);
    CHECK(getsockname(r->listener, (struct sockaddr *)&at, &len) == 0);
    r->port = ntohs(at.sin_port);
    CHECK(pthread_create(&r->thread, NULL, receiver_run, r) == 0);
}

static inline void receiver_init(struct http_receiver *r)
{
    *r = (struct http_receiver){.status = 200};
    CHECK(pthread_mutex_init(&r->lock, NULL) == 0);
    CHECK(pthread_cond_init(&r->came, NULL) == 0);
    receiver_open(r, 0);
}

// Nobody is at its port then; receiver_open(r, r->port) brings it back.
static inline void receiver_stop(struct http_receiver *r)
{
    pthread_mutex_lock(&r->lock);
    r->stopping = true;
    pthread_mutex_unlock(&r->lock);
    CHECK(eventfd_write(r->wake, 1) == 0);
    CHECK(pthread_join(r->thread, NULL) == 0);
    close(r->wake);
}

static inline void receiver_deinit(struct http_receiver *r)
{
    if (!r->stopping)
        receiver_stop(r);
    for (size_t i = 0; i < r->n; i++) {
        free(r->requests[i].head);
        free(r->requests[i].body);
    }
    free(r->requests);
    pthread_cond_destroy(&r->came);
    pthread_mutex_destroy(&r->lock);
}

static inline void receiver_behave(struct http_receiver *r, enum receiver_way way, int status,
                                   const char *extra)
{
    pthread_mutex_lock(&r->lock);
    r->way = way;
    r->status = status;
    snprintf(r->extra, sizeof r->extra, "%s", extra);
    pthread_mutex_unlock(&r->lock);
}

static inline void receiver_fail_if(struct http_receiver *r, const char *text)
{
    pthread_mutex_lock(&r->lock);
    r->fail_if = text;
    pthread_mutex_unlock(&r->lock);
}

static inline size_t receiver_count(struct http_receiver *r)
{
    pthread_mutex_lock(&r->lock);
    size_t n = r->n;
    pthread_mutex_unlock(&r->lock);
    return n;
}

// Waits until there are `n` requests; false: they do not come.
static inline bool receiver_await(struct http_receiver *r, size_t n)
{
    enum { PATIENCE_S = 120 };
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&r->lock);
    int err = 0;
    while (r->n < n && err == 0)
        err = pthread_cond_timedwait(&r->came, &r->lock, &until);
    bool there = r->n >= n;
    pthread_mutex_unlock(&r->lock);
    return there;
}

static inline unsigned receiver_accepted(struct http_receiver *r)
{
    pthread_mutex_lock(&r->lock);
    unsigned n = r->n_accepted;
    pthread_mutex_unlock(&r->lock);
    return n;
}

// A copy of a request; its texts stay valid until receiver_deinit.
static inline struct receiver_request receiver_get(struct http_receiver *r, size_t i)
{
    pthread_mutex_lock(&r->lock);
    CHECK(i < r->n);
    struct receiver_request request = r->requests[i];
    pthread_mutex_unlock(&r->lock);
    return request;
}

// The value of a header (its name with the colon), cut at the line's end, in `out`; "" when there
// is none.
static inline const char *receiver_header(const struct receiver_request *request, const char *name,
                                          char *out, size_t bytes)
{
    const char *at = strcasestr(request->head, name);
    out[0] = '\0';
    if (at == NULL)
        return out;
    at += strlen(name);
    at += strspn(at, " ");
    snprintf(out, bytes, "%.*s", (int)strcspn(at, "\r"), at);
    return out;
}
