// SPDX-License-Identifier: Apache-2.0
#include "common/base/mem.h"
#include "common/loop/loop_impl.h"

struct loop_timer {
    uv_timer_t uv;
    struct loop *loop;
    loop_timer_cb cb;
    void *arg;
};

struct loop_timer *loop_timer_create(struct loop *loop, loop_timer_cb cb, void *arg)
{
    CHECK(cb != NULL);
    struct loop_timer *timer = mem_zalloc(sizeof *timer);
    timer->loop = loop;
    timer->cb = cb;
    timer->arg = arg;
    CHECK(uv_timer_init(&loop->uv, &timer->uv) == 0);
    timer->uv.data = timer;
    loop->open.timers++;
    return timer;
}

static void loop_timer_fired_cb(uv_timer_t *uv)
{
    struct loop_timer *timer = uv->data;
    loop_turn_begin(timer->loop);
    timer->cb(timer->arg);
}

void loop_timer_start(struct loop_timer *timer, uint64_t delay_ms, uint64_t repeat_ms)
{
    CHECK(!uv_is_closing((uv_handle_t *)&timer->uv));
    // The delay counts from now, not from the start of a turn that may have been long.
    uv_update_time(&timer->loop->uv);
    CHECK(uv_timer_start(&timer->uv, loop_timer_fired_cb, delay_ms, repeat_ms) == 0);
}

void loop_timer_stop(struct loop_timer *timer)
{
    CHECK(uv_timer_stop(&timer->uv) == 0);
}

static void loop_timer_closed_cb(uv_handle_t *handle)
{
    mem_free(handle->data);
}

void loop_timer_destroy(struct loop_timer *timer)
{
    if (timer == NULL)
        return;
    CHECK(timer->loop->open.timers > 0);
    timer->loop->open.timers--;
    uv_close((uv_handle_t *)&timer->uv, loop_timer_closed_cb);
}
