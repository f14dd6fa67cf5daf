// SPDX-License-Identifier: Apache-2.0
// links: httpd loop log base
// Bytes of a peer to the HTTP server, over a connection. The first byte says how they are cut.
// Whatever they are, the server goes on, what it answers is HTTP, and when the connection has gone
// nothing of it is left.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/httpd/httpd.h"
#include "common/log/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { TURNS = 3, TURNS_MAX = 100000, PIECES_MAX = 64 };

static struct {
    struct loop *loop;
    struct loop_timer *stop;
    struct httpd *httpd;
    struct sockaddr_in address;
    struct httpd_request *kept; // not answered yet
} world;

// Tells back what a handler can know, also as a header.
static void echo_cb(void *arg, struct httpd_request *request)
{
    (void)arg;
    struct buf out = {0};
    const char *said = httpd_header(request, "X-Say"), *query = httpd_query(request, "q");
    if (said != NULL && said[0] != '\0')
        httpd_set_header(request, "X-Said", said);
    buf_printf(&out, "%s %s %s %s\n", httpd_path(request), query == NULL ? "-" : query,
               httpd_request_id(request), httpd_traceparent(request));
    buf_append(&out, httpd_body(request).ptr, httpd_body(request).len);
    httpd_answer(request, 200, "text/plain", buf_span(&out));
    buf_deinit(&out);
}

static void gone_cb(void *arg)
{
    (void)arg;
}

static void keep_cb(void *arg, struct httpd_request *request)
{
    if (world.kept != NULL) {
        echo_cb(arg, request);
        return;
    }
    world.kept = request;
    httpd_on_gone(request, gone_cb, request);
}

static void stop_cb(void *arg)
{
    (void)arg;
    loop_stop(world.loop);
}

static void turn(void)
{
    loop_timer_start(world.stop, 0, 0);
    loop_run(world.loop);
}

static void world_init(void)
{
    struct httpd_opts opts = {.address = "127.0.0.1:0",
                              .body_bytes_max = 4096,
                              .bodies_bytes_max = 64 * 1024,
                              .requests_max = 2};
    const struct httpd_route routes[] = {
        {"GET", "/echo", 0, echo_cb, NULL},
        {"POST", "/echo", 0, echo_cb, NULL},
        {"POST", "/keep", 0, keep_cb, NULL},
    };
    const struct httpd_route pages = {"POST", "/pages/*", 100, echo_cb, NULL};
    log_set_level(LOG_LEVEL_ERROR);
    world.loop = loop_create();
    world.stop = loop_timer_create(world.loop, stop_cb, NULL);
    CHECK(httpd_open(world.loop, &opts, &world.httpd, NULL) == ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        httpd_add(world.httpd, &routes[i]);
    httpd_add_for_pages(world.httpd, &pages);
    world.address = (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_addr = {htonl(INADDR_LOOPBACK)},
        .sin_port =
            htons((uint16_t)strtoul(strrchr(httpd_address(world.httpd), ':') + 1, NULL, 10)),
    };
}

// Each from another address of this machine: ports of connections that the server has closed are
// not free again for a minute.
static int open_peer(void)
{
    static uint32_t n;
    const struct linger reset = {1, 0};
    const struct sockaddr_in own = {.sin_family = AF_INET,
                                    .sin_addr = {htonl(INADDR_LOOPBACK + 1 + n++ % 100000)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) == 0);
    CHECK(bind(fd, (const struct sockaddr *)&own, sizeof own) == 0);
    if (connect(fd, (const struct sockaddr *)&world.address, sizeof world.address) != 0) {
        CHECK(errno == EADDRNOTAVAIL); // the machine has no port left at the moment
        close(fd);
        return -1;
    }
    return fd;
}

static void read_answers(int fd, size_t *n_read)
{
    char bytes[16384];
    ssize_t n;
    while ((n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {
        size_t seen = (size_t)n < 9 ? (size_t)n : 9;
        CHECK(*n_read > 0 || memcmp(bytes, "HTTP/1.1 ", seen) == 0);
        *n_read += (size_t)n;
    }
}

static struct httpd_stats stats(void)
{
    struct httpd_stats now;
    httpd_stats(world.httpd, &now);
    return now;
}

static void say(int fd, struct span bytes, size_t *n_read)
{
    // What does not fit into the system's buffers is not said.
    if (send(fd, bytes.ptr, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        CHECK(errno == EAGAIN || errno == EPIPE || errno == ECONNRESET);
    for (int i = 0; i < TURNS; i++)
        turn();
    read_answers(fd, n_read);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    size_t n_read = 0;
    if (len < 2)
        return 0;
    if (world.loop == NULL)
        world_init();
    uint64_t before = stats().connections;
    int fd = open_peer();
    if (fd < 0)
        return 0;
    size_t step = bytes[0] == 0 ? len : bytes[0], at = 1;
    for (size_t i = 0; at < len; i++, at += step) {
        step = i == PIECES_MAX ? len : step;
        say(fd, span_make(bytes + at, step < len - at ? step : len - at), &n_read);
    }
    if (world.kept != NULL && bytes[0] % 2 == 0)
        echo_cb(NULL, world.kept), world.kept = NULL;
    for (int i = 0; i < TURNS; i++)
        turn();
    read_answers(fd, &n_read);
    close(fd);
    int turns = 0;
    for (; stats().connections == before || stats().open > 0; turns++) {
        // A peer that has gone is found out at its request, which somebody works on, alone.
        if (world.kept != NULL)
            echo_cb(NULL, world.kept), world.kept = NULL;
        CHECK(turns < TURNS_MAX);
        turn();
    }
    CHECK(stats().in_work == 0 && stats().body_bytes == 0);
    return 0;
}
