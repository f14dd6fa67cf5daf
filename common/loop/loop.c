// SPDX-License-Identifier: Apache-2.0
#include "common/loop/loop.h"

#include <signal.h>
#include <stdio.h>

#include "common/base/mem.h"
#include "common/loop/loop_impl.h"

// All callbacks of one turn run between a wake-up and the next prepare, timers included, so the
// time from the first of them to here is how long the loop was deaf.
static void loop_prepare_cb(uv_prepare_t *prepare)
{
    struct loop *loop = prepare->data;
    if (loop->turn_began_ns == 0)
        return;
    uint64_t ns = uv_hrtime() - loop->turn_began_ns;
    loop->turn_began_ns = 0;
    if (ns > loop->longest_turn_ns)
        loop->longest_turn_ns = ns;
}

struct loop *loop_create(void)
{
    struct loop *loop = mem_zalloc(sizeof *loop);
    // A peer that goes away is an error of a write, not the end of the process.
    signal(SIGPIPE, SIG_IGN);
    CHECK(uv_loop_init(&loop->uv) == 0);
    CHECK(uv_prepare_init(&loop->uv, &loop->prepare) == 0);
    loop->prepare.data = loop;
    CHECK(uv_prepare_start(&loop->prepare, loop_prepare_cb) == 0);
    uv_unref((uv_handle_t *)&loop->prepare);
    return loop;
}

static void loop_check_nothing_open(const struct loop_open *open)
{
    unsigned left = open->timers + open->mailboxes + open->polls + open->signals + open->processes +
                    open->listeners + open->tcps;
    if (left > 0)
        fprintf(stderr,
                "loop_destroy: left open: %u timers, %u mailboxes, %u polls, %u signals, "
                "%u processes, %u listeners, %u connections\n",
                open->timers, open->mailboxes, open->polls, open->signals, open->processes,
                open->listeners, open->tcps);
    CHECK(left == 0);
}

void loop_destroy(struct loop *loop)
{
    if (loop == NULL)
        return;
    CHECK(!loop->running);
    loop_check_nothing_open(&loop->open);
    uv_close((uv_handle_t *)&loop->prepare, NULL);
    // Only closed handles are left; their memory is freed by their close callbacks.
    CHECK(uv_run(&loop->uv, UV_RUN_DEFAULT) == 0);
    CHECK(uv_loop_close(&loop->uv) == 0);
    mem_free(loop->tcp_read_bytes);
    mem_free(loop);
}

void loop_run(struct loop *loop)
{
    CHECK(!loop->running);
    loop->running = true;
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    loop->running = false;
}

void loop_stop(struct loop *loop)
{
    uv_stop(&loop->uv);
}

int64_t loop_now_ms(struct loop *loop)
{
    return (int64_t)uv_now(&loop->uv);
}

uint64_t loop_longest_turn_ns(struct loop *loop)
{
    uint64_t ns = loop->longest_turn_ns;
    loop->longest_turn_ns = 0;
    return ns;
}
