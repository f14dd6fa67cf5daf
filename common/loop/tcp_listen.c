// SPDX-License-Identifier: Apache-2.0
// The listener accepts by itself instead of by uv_listen: out of descriptors libuv would take and
// drop connections, or call back without end; this one rests and leaves them in the backlog.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/loop/tcp_impl.h"

enum { TCP_BACKLOG = 1024, TCP_ACCEPTS_A_TURN = 64, TCP_REST_MS = 100, TCP_PORT_MAX = 65535 };

struct tcp_listener {
    struct loop *loop;
    uv_poll_t poll;
    uv_timer_t rest;
    int fd;
    unsigned handles; // not closed yet
    tcp_accepted_cb accepted;
    void *arg;
    uint64_t rests;
    char address[TCP_ADDRESS_MAX];
};

// ---- Addresses ----------------------------------------------------------------------------------

union tcp_sockaddr {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static enum err tcp_address_bad(const char *address, struct err_info *info)
{
    return err_set(info, ERR_INVALID,
                   "\"%.80s\" is no address: expected HOST:PORT, as 127.0.0.1:8080, [::1]:8080 or "
                   "0.0.0.0:8080",
                   address);
}

static enum err tcp_address_parse(const char *address, union tcp_sockaddr *out, socklen_t *len,
                                  struct err_info *info)
{
    char host[TCP_ADDRESS_MAX];
    int64_t port;
    const char *colon = strrchr(address, ':');
    size_t n = colon == NULL ? 0 : (size_t)(colon - address);
    if (n == 0 || n >= sizeof host || !text_to_i64(span_of(colon + 1), &port) || port < 0 ||
        port > TCP_PORT_MAX)
        return tcp_address_bad(address, info);
    memcpy(host, address, n);
    host[n] = '\0';
    memset(out, 0, sizeof *out);
    if (host[0] == '[' && host[n - 1] == ']') {
        host[n - 1] = '\0';
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons((uint16_t)port);
        *len = sizeof out->v6;
        return inet_pton(AF_INET6, host + 1, &out->v6.sin6_addr) == 1
                   ? ERR_OK
                   : tcp_address_bad(address, info);
    }
    out->v4.sin_family = AF_INET;
    out->v4.sin_port = htons((uint16_t)port);
    *len = sizeof out->v4;
    const char *numbers = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    return inet_pton(AF_INET, numbers, &out->v4.sin_addr) == 1 ? ERR_OK
                                                               : tcp_address_bad(address, info);
}

enum err tcp_address_check(const char *address, bool *loopback, struct err_info *info)
{
    union tcp_sockaddr at;
    socklen_t len;
    enum err err = tcp_address_parse(address, &at, &len, info);
    if (err == ERR_OK && loopback != NULL)
        *loopback = at.any.sa_family == AF_INET6
                        ? IN6_IS_ADDR_LOOPBACK(&at.v6.sin6_addr) != 0
                        : (ntohl(at.v4.sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
    return err;
}

static void tcp_address_text(const union tcp_sockaddr *at, char out[TCP_ADDRESS_MAX])
{
    char host[INET6_ADDRSTRLEN] = "";
    if (at->any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &at->v6.sin6_addr, host, sizeof host);
        snprintf(out, TCP_ADDRESS_MAX, "[%s]:%u", host, (unsigned)ntohs(at->v6.sin6_port));
    } else {
        inet_ntop(AF_INET, &at->v4.sin_addr, host, sizeof host);
        snprintf(out, TCP_ADDRESS_MAX, "%s:%u", host, (unsigned)ntohs(at->v4.sin_port));
    }
}

// ---- Accepting ----------------------------------------------------------------------------------

static void tcp_poll_cb(uv_poll_t *poll, int status, int events);

static void tcp_watch(struct tcp_listener *listener)
{
    CHECK(uv_poll_start(&listener->poll, UV_READABLE, tcp_poll_cb) == 0);
}

static void tcp_rested_cb(uv_timer_t *timer)
{
    tcp_watch(CONTAINER_OF(timer, struct tcp_listener, rest));
}

static void tcp_rest(struct tcp_listener *listener)
{
    listener->rests++;
    CHECK(uv_poll_stop(&listener->poll) == 0);
    CHECK(uv_timer_start(&listener->rest, tcp_rested_cb, TCP_REST_MS, 0) == 0);
}

// False: nothing more for now.
static bool tcp_accept(struct tcp_listener *listener)
{
    union tcp_sockaddr at;
    socklen_t len = sizeof at;
    char peer[TCP_ADDRESS_MAX];
    int fd = accept4(listener->fd, &at.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
        tcp_rest(listener);
        return false;
    }
    if (fd < 0)
        return errno != EAGAIN && errno != EWOULDBLOCK; // one that went before it was taken
    tcp_address_text(&at, peer);
    struct tcp *tcp = tcp_open_fd(listener->loop, fd, peer);
    if (tcp != NULL)
        listener->accepted(listener->arg, tcp);
    return true;
}

static void tcp_poll_cb(uv_poll_t *poll, int status, int events)
{
    struct tcp_listener *listener = CONTAINER_OF(poll, struct tcp_listener, poll);
    (void)events;
    loop_turn_begin(listener->loop);
    if (status < 0) {
        tcp_rest(listener);
        return;
    }
    for (int i = 0; i < TCP_ACCEPTS_A_TURN && !uv_is_closing((uv_handle_t *)poll); i++)
        if (!tcp_accept(listener))
            return;
}

// ---- Life ---------------------------------------------------------------------------------------

static enum err tcp_bind(const char *address, int *out, union tcp_sockaddr *at,
                         struct err_info *info)
{
    socklen_t len;
    int yes = 1;
    enum err err = tcp_address_parse(address, at, &len, info);
    if (err != ERR_OK)
        return err;
    int fd = socket(at->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(info, ERR_IO, "socket: %s", strerror(errno));
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, &at->any, len) != 0 || listen(fd, TCP_BACKLOG) != 0) {
        err = errno == EADDRINUSE ? ERR_BUSY : ERR_IO;
        (void)err_set(info, err, "listen on %s: %s", address, strerror(errno));
        close(fd);
        return err;
    }
    len = sizeof *at;
    CHECK(getsockname(fd, &at->any, &len) == 0);
    *out = fd;
    return ERR_OK;
}

enum err tcp_listen(struct loop *loop, const char *address, tcp_accepted_cb accepted, void *arg,
                    struct tcp_listener **out, struct err_info *info)
{
    union tcp_sockaddr at;
    int fd = -1;
    CHECK(accepted != NULL);
    enum err err = tcp_bind(address, &fd, &at, info);
    if (err != ERR_OK)
        return err;
    struct tcp_listener *listener = mem_zalloc(sizeof *listener);
    *listener = (struct tcp_listener){
        .loop = loop, .fd = fd, .handles = 2, .accepted = accepted, .arg = arg};
    tcp_address_text(&at, listener->address);
    CHECK(uv_poll_init(&loop->uv, &listener->poll, fd) == 0);
    CHECK(uv_timer_init(&loop->uv, &listener->rest) == 0);
    loop->open.listeners++;
    tcp_watch(listener);
    *out = listener;
    return ERR_OK;
}

const char *tcp_listener_address(const struct tcp_listener *listener)
{
    return listener->address;
}

uint64_t tcp_listener_rests(const struct tcp_listener *listener)
{
    return listener->rests;
}

static void tcp_listener_handle_closed(struct tcp_listener *listener)
{
    if (--listener->handles == 0)
        mem_free(listener);
}

static void tcp_poll_closed_cb(uv_handle_t *handle)
{
    tcp_listener_handle_closed(
        CONTAINER_OF((uv_poll_t *)(void *)handle, struct tcp_listener, poll));
}

static void tcp_rest_closed_cb(uv_handle_t *handle)
{
    tcp_listener_handle_closed(
        CONTAINER_OF((uv_timer_t *)(void *)handle, struct tcp_listener, rest));
}

void tcp_listener_destroy(struct tcp_listener *listener)
{
    if (listener == NULL)
        return;
    CHECK(listener->loop->open.listeners > 0);
    listener->loop->open.listeners--;
    uv_close((uv_handle_t *)&listener->poll, tcp_poll_closed_cb);
    uv_close((uv_handle_t *)&listener->rest, tcp_rest_closed_cb);
    close(listener->fd); // after uv_close, which takes it out of the loop's epoll
}
