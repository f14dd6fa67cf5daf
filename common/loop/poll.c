// SPDX-License-Identifier: Apache-2.0
#include "common/base/mem.h"
#include "common/loop/loop_impl.h"

struct loop_poll {
    uv_poll_t uv;
    struct loop *loop;
    loop_poll_cb cb;
    void *arg;
};

static void loop_poll_ready_cb(uv_poll_t *uv, int status, int events)
{
    struct loop_poll *poll = uv->data;
    (void)events;
    (void)status; // an error is what the owner finds when it uses the descriptor
    loop_turn_begin(poll->loop);
    poll->cb(poll->arg);
}

struct loop_poll *loop_poll_create(struct loop *loop, int fd, enum loop_poll_for what,
                                   loop_poll_cb cb, void *arg)
{
    CHECK(cb != NULL && fd >= 0);
    struct loop_poll *poll = mem_zalloc(sizeof *poll);
    poll->loop = loop;
    poll->cb = cb;
    poll->arg = arg;
    CHECK(uv_poll_init(&loop->uv, &poll->uv, fd) == 0);
    poll->uv.data = poll;
    int events = what == LOOP_POLL_READABLE ? UV_READABLE : UV_DISCONNECT;
    CHECK(uv_poll_start(&poll->uv, events, loop_poll_ready_cb) == 0);
    loop->open.polls++;
    return poll;
}

static void loop_poll_closed_cb(uv_handle_t *handle)
{
    mem_free(handle->data);
}

void loop_poll_destroy(struct loop_poll *poll)
{
    if (poll == NULL)
        return;
    CHECK(poll->loop->open.polls > 0);
    poll->loop->open.polls--;
    uv_close((uv_handle_t *)&poll->uv, loop_poll_closed_cb);
}
