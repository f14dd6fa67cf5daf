// SPDX-License-Identifier: Apache-2.0
// The listening socket: accepts what fits and hands it to libmicrohttpd, whose own listener would
// leave connections over a bound waiting without an answer, and would spin without descriptors.
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/httpd/httpd_impl.h"
#include "common/log/log.h"

#define LOG_COMPONENT "httpd"

enum { BACKLOG = 1024, ACCEPT_MAX = 64, AGAIN_MS = 100, HOST_MAX = 64, PORT_MAX = 8 };
// Descriptors that are freed at once when there are none left.
enum { ROOM_MAX = 64 };

// "HOST:PORT" or "[HOST]:PORT".
static bool split(const char *address, char host[HOST_MAX], char port[PORT_MAX])
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon == address)
        return false;
    size_t n = (size_t)(colon - address), n_port = strlen(colon + 1);
    bool bracket = address[0] == '[' && colon[-1] == ']';
    if (bracket) {
        address++;
        n -= 2;
    }
    bool stray = memchr(address, '[', n) != NULL || memchr(address, ']', n) != NULL ||
                 (!bracket && memchr(address, ':', n) != NULL);
    if (stray || n == 0 || n >= HOST_MAX || n_port == 0 || n_port >= PORT_MAX ||
        strspn(colon + 1, "0123456789") != n_port || strtoul(colon + 1, NULL, 10) > 65535)
        return false;
    memcpy(host, address, n);
    host[n] = '\0';
    memcpy(port, colon + 1, n_port + 1);
    return true;
}

static enum err listen_on(struct httpd *httpd, const struct addrinfo *info, struct err_info *err)
{
    int on = 1;
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(err, ERR_IO, "socket: %s", strerror(errno));
    CHECK(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
    if (info->ai_family == AF_INET6)
        CHECK(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0);
    if (bind(fd, info->ai_addr, info->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        int saved = errno;
        close(fd);
        return err_set(err, saved == EADDRINUSE ? ERR_BUSY : ERR_INVALID, "%s",
                       saved == EADDRINUSE ? "somebody listens there already" : strerror(saved));
    }
    httpd->listener = fd;
    return ERR_OK;
}

// The address with the port that the socket has got.
static void name(struct httpd *httpd)
{
    struct sockaddr_storage at = {0};
    socklen_t n = sizeof at;
    char host[INET6_ADDRSTRLEN], port[PORT_MAX];
    CHECK(getsockname(httpd->listener, (struct sockaddr *)&at, &n) == 0);
    CHECK(getnameinfo((struct sockaddr *)&at, n, host, sizeof host, port, sizeof port,
                      NI_NUMERICHOST | NI_NUMERICSERV) == 0);
    snprintf(httpd->address, sizeof httpd->address, at.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s",
             host, port);
}

static void close_new(struct httpd *httpd, int fd)
{
    close(fd);
    httpd->stats.cut++;
}

static void again_cb(void *arg);

// No descriptor or no memory for another connection: those that wait stay in the backlog.
static void pause_accepting(struct httpd *httpd, int error)
{
    LOG_WARN("accept_failed", "address=%s msg=\"%s\"", httpd->address, strerror(error));
    for (int i = 0; i < ROOM_MAX && httpd_make_room(httpd); i++)
        ;
    loop_poll_destroy(httpd->listening);
    httpd->listening = NULL;
    loop_timer_start(httpd->listen_again, AGAIN_MS, 0);
}

// Those that were shut down are open until libmicrohttpd has found out, in this turn or the next: a
// few more than the bound for a moment.
static bool has_room(struct httpd *httpd)
{
    uint32_t open = httpd->stats.open, max = httpd->opts.connections_max;
    return open < max ||
           (open < max + HTTPD_SLACK && (open - httpd->n_cut < max || httpd_make_room(httpd)));
}

static void accept_cb(void *arg)
{
    struct httpd *httpd = arg;
    for (int i = 0; i < ACCEPT_MAX; i++) {
        struct sockaddr_storage peer;
        socklen_t n = sizeof peer;
        int fd =
            accept4(httpd->listener, (struct sockaddr *)&peer, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0 && !has_room(httpd))
            close_new(httpd, fd);
        else if (fd >= 0 &&
                 MHD_add_connection(httpd->daemon, fd, (struct sockaddr *)&peer, n) != MHD_YES)
            httpd->stats.cut++; // one address has too many; it is closed
        if (fd >= 0)
            continue;
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
            pause_accepting(httpd, errno);
        if (errno != ECONNABORTED && errno != EINTR && errno != EPROTO)
            break;
    }
    // What has been added wakes libmicrohttpd through its own descriptor or has more to do at once.
    loop_timer_start(httpd->again, 0, 0);
}

static void again_cb(void *arg)
{
    struct httpd *httpd = arg;
    httpd->listening =
        loop_poll_create(httpd->loop, httpd->listener, LOOP_POLL_READABLE, accept_cb, httpd);
}

enum err httpd_listen(struct httpd *httpd, const char *address, struct err_info *info)
{
    char host[HOST_MAX], port[PORT_MAX];
    struct addrinfo *found = NULL;
    const struct addrinfo want = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                                  .ai_socktype = SOCK_STREAM};
    if (!split(address, host, port) || getaddrinfo(host, port, &want, &found) != 0)
        return err_set(info, ERR_INVALID, "\"%s\" is no HOST:PORT", address);
    enum err err = listen_on(httpd, found, info);
    freeaddrinfo(found);
    if (err != ERR_OK)
        return err_prefix(info, err, "listen on %s", address);
    name(httpd);
    httpd->listen_again = loop_timer_create(httpd->loop, again_cb, httpd);
    again_cb(httpd);
    return ERR_OK;
}

void httpd_listen_stop(struct httpd *httpd)
{
    loop_poll_destroy(httpd->listening);
    loop_timer_destroy(httpd->listen_again);
    httpd->listening = NULL;
    httpd->listen_again = NULL;
    close(httpd->listener);
    httpd->listener = -1;
}
