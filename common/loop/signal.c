// SPDX-License-Identifier: Apache-2.0
#include "common/base/mem.h"
#include "common/loop/loop_impl.h"

struct loop_signal {
    uv_signal_t uv;
    struct loop *loop;
    loop_signal_cb cb;
    void *arg;
};

static void loop_signal_caught_cb(uv_signal_t *uv, int signum)
{
    struct loop_signal *sig = uv->data;
    loop_turn_begin(sig->loop);
    sig->cb(sig->arg, signum);
}

struct loop_signal *loop_signal_create(struct loop *loop, int signum, loop_signal_cb cb, void *arg)
{
    CHECK(cb != NULL);
    struct loop_signal *sig = mem_zalloc(sizeof *sig);
    sig->loop = loop;
    sig->cb = cb;
    sig->arg = arg;
    CHECK(uv_signal_init(&loop->uv, &sig->uv) == 0);
    sig->uv.data = sig;
    CHECK(uv_signal_start(&sig->uv, loop_signal_caught_cb, signum) == 0);
    loop->open.signals++;
    return sig;
}

static void loop_signal_closed_cb(uv_handle_t *handle)
{
    mem_free(handle->data);
}

void loop_signal_destroy(struct loop_signal *sig)
{
    if (sig == NULL)
        return;
    CHECK(sig->loop->open.signals > 0);
    sig->loop->open.signals--;
    uv_close((uv_handle_t *)&sig->uv, loop_signal_closed_cb);
}
