// SPDX-License-Identifier: Apache-2.0
// links: loop base
// TCP on the loop against sockets of the system, all on one thread.
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/loop/tcp.h"

enum { TURNS_MAX = 20000, PEERS_MAX = 64 };

struct peer {
    struct tcp *tcp;
    struct buf got;
    unsigned sents;
    bool ended;
    enum err err;
};

static struct {
    struct loop *loop;
    struct tcp_listener *listener;
    struct loop_timer *stop;
    struct peer peers[PEERS_MAX];
    unsigned n;
} world;

static void stop_cb(void *arg)
{
    (void)arg;
    loop_stop(world.loop);
}

static void turn(void)
{
    loop_timer_start(world.stop, 1, 0);
    loop_run(world.loop);
}

static void read_cb(void *arg, struct span bytes)
{
    struct peer *peer = arg;
    buf_append(&peer->got, bytes.ptr, bytes.len);
}

static void sent_cb(void *arg)
{
    struct peer *peer = arg;
    peer->sents++;
}

static void ended_cb(void *arg, enum err err)
{
    struct peer *peer = arg;
    cr_assert(!peer->ended);
    peer->ended = true;
    peer->err = err;
}

static void accepted_cb(void *arg, struct tcp *tcp)
{
    static const struct tcp_events EVENTS = {read_cb, sent_cb, ended_cb};
    (void)arg;
    cr_assert_lt(world.n, PEERS_MAX);
    struct peer *peer = &world.peers[world.n++];
    peer->tcp = tcp;
    tcp_set_events(tcp, &EVENTS, peer);
    tcp_read_start(tcp);
}

static void init(void)
{
    world.loop = loop_create();
    world.stop = loop_timer_create(world.loop, stop_cb, NULL);
    cr_assert_eq(tcp_listen(world.loop, "127.0.0.1:0", accepted_cb, NULL, &world.listener, NULL),
                 ERR_OK);
}

static void fini(void)
{
    for (unsigned i = 0; i < world.n; i++) {
        tcp_destroy(world.peers[i].tcp);
        buf_deinit(&world.peers[i].got);
    }
    tcp_listener_destroy(world.listener);
    loop_timer_destroy(world.stop);
    loop_destroy(world.loop);
}

static int dial(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    at.sin_port = htons((uint16_t)atoi(strrchr(tcp_listener_address(world.listener), ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0);
    return fd;
}

static struct peer *peer_of(unsigned i)
{
    for (int turns = 0; turns < TURNS_MAX && world.n <= i; turns++)
        turn();
    cr_assert_gt(world.n, i);
    return &world.peers[i];
}

Test(loop_tcp, bytes_both_ways, .init = init, .fini = fini)
{
    int fd = dial();
    struct peer *peer = peer_of(0);
    char got[16] = "";
    cr_assert_eq(send(fd, "hello", 5, 0), 5);
    for (int i = 0; i < TURNS_MAX && peer->got.len < 5; i++)
        turn();
    cr_assert(span_is(buf_span(&peer->got), "hello"));
    tcp_write(peer->tcp, span_of("wor"));
    tcp_write(peer->tcp, span_of("ld"));
    cr_assert_eq(recv(fd, got, 5, MSG_WAITALL), 5);
    cr_assert_str_eq(got, "world");
    cr_assert_eq(tcp_sent(peer->tcp), 5);
    close(fd);
    for (int i = 0; i < TURNS_MAX && !peer->ended; i++)
        turn();
    cr_assert(peer->ended && peer->err == ERR_OK);
}

// What a peer does not read waits, is counted, and arrives whole and in order.
Test(loop_tcp, a_slow_reader, .init = init, .fini = fini)
{
    int fd = dial();
    struct peer *peer = peer_of(0);
    static uint8_t piece[100000], read[100000];
    const size_t total = 200 * sizeof piece;
    for (size_t n = 0; n < 200; n++) {
        memset(piece, (int)n, sizeof piece);
        tcp_write(peer->tcp, span_make(piece, sizeof piece));
    }
    turn();
    cr_assert(tcp_unsent(peer->tcp) > 0 && tcp_sent(peer->tcp) < total);
    cr_assert_eq(tcp_unsent(peer->tcp) + tcp_sent(peer->tcp), total);
    for (size_t at = 0; at < total;) {
        ssize_t n = recv(fd, read, sizeof read, MSG_DONTWAIT);
        for (ssize_t i = 0; i < n; i++, at++)
            cr_assert_eq(read[i], (uint8_t)(at / sizeof piece));
        turn();
    }
    cr_assert(tcp_unsent(peer->tcp) == 0 && tcp_sent(peer->tcp) == total && peer->sents > 0);
    close(fd);
}

// The last word arrives although the peer's own were never read.
Test(loop_tcp, finish, .init = init, .fini = fini)
{
    int fd = dial();
    struct peer *peer = peer_of(0);
    char got[8] = "";
    tcp_read_stop(peer->tcp);
    cr_assert_eq(send(fd, "unread", 6, 0), 6);
    tcp_write(peer->tcp, span_of("bye"));
    tcp_finish(peer->tcp, 60000);
    turn();
    cr_assert(!peer->ended && peer->got.len == 0);
    cr_assert_eq(recv(fd, got, sizeof got, MSG_WAITALL), 3);
    cr_assert_str_eq(got, "bye");
    close(fd);
    for (int i = 0; i < TURNS_MAX && !peer->ended; i++)
        turn();
    cr_assert(peer->ended && peer->err == ERR_OK);
}

Test(loop_tcp, finish_does_not_wait_for_ever, .init = init, .fini = fini)
{
    int fd = dial();
    struct peer *peer = peer_of(0);
    tcp_finish(peer->tcp, 20);
    for (int i = 0; i < TURNS_MAX && !peer->ended; i++)
        turn();
    cr_assert(peer->ended && peer->err == ERR_TIMEOUT);
    close(fd);
}

// Without descriptors the listener rests; whoever waited is served when there are some again.
Test(loop_tcp, out_of_descriptors, .init = init, .fini = fini)
{
    int clients[8], spare[256], n = 0;
    struct rlimit old, small;
    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        clients[i] = dial();
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    small = (struct rlimit){128, old.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &small), 0);
    while (n < 256 && (spare[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        n++;
    cr_assert_eq(errno, EMFILE);
    close(spare[--n]);
    close(spare[--n]);
    for (int i = 0; i < TURNS_MAX && tcp_listener_rests(world.listener) < 2; i++)
        turn();
    cr_assert_leq(world.n, 2); // the loop may need one itself
    cr_assert_geq(tcp_listener_rests(world.listener), 2);
    cr_assert_lt(loop_longest_turn_ns(world.loop), 10ull * 1000 * 1000 * 1000);
    while (n > 0)
        close(spare[--n]);
    (void)peer_of(ARRAY_LEN(clients) - 1);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        close(clients[i]);
}

Test(loop_tcp, addresses)
{
    const struct {
        const char *text;
        bool good, loopback;
    } cases[] = {
        {"127.0.0.1:80", true, true},   {"127.8.9.1:0", true, true},
        {"localhost:1", true, true},    {"[::1]:65535", true, true},
        {"0.0.0.0:80", true, false},    {"[::]:80", true, false},
        {"10.0.0.1:80", true, false},   {"127.0.0.1", false, false},
        {"127.0.0.1:", false, false},   {":80", false, false},
        {"a.b:80", false, false},       {"127.0.0.1:65536", false, false},
        {"::1:80", false, false},       {"[::1:80", false, false},
        {"127.0.0.1:-1", false, false},
    };
    struct err_info info;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool loopback = false;
        enum err err = tcp_address_check(cases[i].text, &loopback, &info);
        cr_assert_eq(err, cases[i].good ? ERR_OK : ERR_INVALID, "%s", cases[i].text);
        cr_assert_eq(loopback, cases[i].loopback, "%s", cases[i].text);
    }
}

Test(loop_tcp, somebody_listens_there, .init = init, .fini = fini)
{
    struct tcp_listener *second;
    struct err_info info;
    cr_assert_eq(tcp_listen(world.loop, tcp_listener_address(world.listener), accepted_cb, NULL,
                            &second, &info),
                 ERR_BUSY);
}
