// SPDX-License-Identifier: Apache-2.0
// A server on a thread of its own, with routes that answer now, later, or when they are told to.
#pragma once

#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/httpd/httpd.h"
#include "common/loop/queue.h"
#include "tests/support/http_raw.h"

#define EXPECT(cond)                                                                               \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: expected %s\n", __FILE__, __LINE__, #cond);                    \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

enum { KEPT_MAX = 64, BIG_BYTES = 8 * 1024 * 1024 };

enum httpd_order { ORDER_ANSWER_KEPT, ORDER_STATS, ORDER_CLOSE, ORDER_STOP };

struct httpd_world {
    struct httpd_opts opts;
    int64_t drain_ms;
    struct thread *thread;
    struct mailbox *orders;
    sem_t done;
    atomic_uint n_kept, n_gone, n_handled;
    // The server's thread.
    struct loop *loop;
    struct httpd *httpd;
    struct loop_timer *soon;
    struct httpd_request *waiting[KEPT_MAX]; // answered in the next turn
    size_t n_waiting;
    struct httpd_request *kept[KEPT_MAX]; // answered by order
    bool closed;
    // Between threads, under `done`.
    char address[96];
    struct httpd_stats stats;
};

static inline void world_echo(void *arg, struct httpd_request *request)
{
    struct httpd_world *world = arg;
    atomic_fetch_add(&world->n_handled, 1);
    httpd_set_header(request, "X-Path", httpd_path(request));
    const char *query = httpd_query(request, "q");
    httpd_set_header(request, "X-Query", query != NULL ? query : "(none)");
    httpd_answer(request, 200, "application/octet-stream", httpd_body(request));
}

static inline void world_soon_cb(void *arg)
{
    struct httpd_world *world = arg;
    for (size_t i = 0; i < world->n_waiting; i++)
        world_echo(world, world->waiting[i]);
    world->n_waiting = 0;
}

static inline void world_later(void *arg, struct httpd_request *request)
{
    struct httpd_world *world = arg;
    EXPECT(world->n_waiting < KEPT_MAX);
    world->waiting[world->n_waiting++] = request;
    loop_timer_start(world->soon, 1, 0);
}

static inline void world_gone_cb(void *arg)
{
    struct httpd_world *world = arg;
    atomic_fetch_add(&world->n_gone, 1);
}

static inline void world_keep(void *arg, struct httpd_request *request)
{
    struct httpd_world *world = arg;
    unsigned n = atomic_load(&world->n_kept);
    EXPECT(n < KEPT_MAX);
    httpd_on_gone(request, world_gone_cb, world);
    world->kept[n] = request;
    atomic_store(&world->n_kept, n + 1);
}

static inline void world_big(void *arg, struct httpd_request *request)
{
    char *body = mem_zalloc(BIG_BYTES);
    (void)arg;
    httpd_answer(request, 200, "application/octet-stream", span_make(body, BIG_BYTES));
    mem_free(body);
}

static inline void world_fail(void *arg, struct httpd_request *request)
{
    (void)arg;
    httpd_fail(request, 429, 7, "slow \"down\"\n%s", httpd_header(request, "X-Why"));
}

static inline void world_closed_cb(void *arg)
{
    struct httpd_world *world = arg;
    world->closed = true;
    world->httpd = NULL;
    sem_post(&world->done);
}

static inline void world_order_cb(void *arg, void *item)
{
    struct httpd_world *world = arg;
    switch ((enum httpd_order)(uintptr_t)item) {
    case ORDER_ANSWER_KEPT:
        for (unsigned i = 0, n = atomic_exchange(&world->n_kept, 0); i < n; i++)
            world_echo(world, world->kept[i]);
        break;
    case ORDER_STATS:
        httpd_stats(world->httpd, &world->stats);
        break;
    case ORDER_CLOSE: // `done` follows when it has closed
        httpd_close(world->httpd, world->drain_ms, world_closed_cb, world);
        return;
    case ORDER_STOP:
        EXPECT(world->closed && atomic_load(&world->n_kept) == 0);
        loop_timer_destroy(world->soon);
        mailbox_destroy(world->orders);
        return;
    }
    sem_post(&world->done);
}

static inline void world_run(void *arg)
{
    struct httpd_world *world = arg;
    struct err_info info;
    const struct httpd_route routes[] = {
        {"POST", "/echo", 0, world_echo, world},     {"GET", "/echo", 0, world_echo, world},
        {"POST", "/later", 0, world_later, world},   {"POST", "/keep", 0, world_keep, world},
        {"POST", "/small", 1000, world_echo, world}, {"GET", "/big", 0, world_big, world},
        {"GET", "/fail", 0, world_fail, world},      {"GET", "/under/*", 0, world_echo, world},
        {"OPTIONS", "/*", 0, world_echo, world},
    };
    world->loop = loop_create();
    world->opts.address = "127.0.0.1:0";
    EXPECT(httpd_open(world->loop, &world->opts, &world->httpd, &info) == ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        httpd_add(world->httpd, &routes[i]);
    httpd_add_for_pages(world->httpd,
                        &(struct httpd_route){"POST", "/pages", 1000, world_echo, world});
    snprintf(world->address, sizeof world->address, "%s", httpd_address(world->httpd));
    world->soon = loop_timer_create(world->loop, world_soon_cb, world);
    world->orders = mailbox_create(world->loop, 16, world_order_cb, world);
    sem_post(&world->done);
    loop_run(world->loop);
    loop_destroy(world->loop);
}

static inline void world_wait(struct httpd_world *world)
{
    while (sem_wait(&world->done) != 0)
        EXPECT(errno == EINTR);
}

static inline void world_begin(struct httpd_world *world)
{
    EXPECT(sem_init(&world->done, 0, 0) == 0);
    world->thread = thread_start("server", world_run, world);
    world_wait(world);
}

static inline void world_order(struct httpd_world *world, enum httpd_order order)
{
    EXPECT(mailbox_post(world->orders, (void *)(uintptr_t)order) == ERR_OK);
    if (order != ORDER_STOP)
        world_wait(world);
}

static inline void world_stop(struct httpd_world *world)
{
    world_order(world, ORDER_STOP);
    thread_join(world->thread);
    EXPECT(sem_destroy(&world->done) == 0);
}

static inline void world_end(struct httpd_world *world)
{
    world_order(world, ORDER_CLOSE);
    world_stop(world);
}
