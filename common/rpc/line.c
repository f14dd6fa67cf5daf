// SPDX-License-Identifier: Apache-2.0
// NNG's side of the client: one call's way through a context.
#include "common/base/check.h"
#include "common/clock/clock.h"
#include "common/rpc/client_impl.h"

static void line_on_nng(void *arg);

static void line_deadline_cb(void *arg)
{
    struct line *line = arg;
    int64_t left = line->deadline_ms - clock_mono_ms();
    if (left > 0) {
        loop_timer_start(line->deadline, (uint64_t)left, 0);
        return;
    }
    line->late = true;
    line_end(line);
}

void line_init(struct line *line, struct rpc_client *client)
{
    *line = (struct line){.client = client};
    CHECK(nng_ctx_open(&line->ctx, client->socket) == 0);
    CHECK(nng_aio_alloc(&line->aio, line_on_nng, line) == 0);
    nng_aio_set_timeout(line->aio, NNG_DURATION_INFINITE);
    line->deadline = loop_timer_create(client->loop, line_deadline_cb, line);
    CHECK(pthread_mutex_init(&line->lock, NULL) == 0);
}

void line_deinit(struct line *line)
{
    CHECK(line->phase == LINE_FREE);
    nng_aio_free(line->aio);
    nng_ctx_close(line->ctx);
    loop_timer_destroy(line->deadline);
    pthread_mutex_destroy(&line->lock);
}

void line_start(struct line *line, nng_msg *msg, int64_t timeout_ms)
{
    struct rpc_client *client = line->client;
    line->losses = atomic_load(&client->losses);
    line->connects = atomic_load(&client->connects);
    line->had_connection = atomic_load(&client->connections) > 0;
    line->late = false;
    line->deadline_ms = clock_mono_ms() + timeout_ms;
    loop_timer_start(line->deadline, (uint64_t)timeout_ms, 0);
    pthread_mutex_lock(&line->lock);
    CHECK(line->phase == LINE_FREE || line->phase == LINE_DONE);
    line->phase = LINE_SENDING;
    line->ending = false;
    line->sent = false;
    nng_aio_set_msg(line->aio, msg);
    nng_ctx_send(line->ctx, line->aio);
    pthread_mutex_unlock(&line->lock);
}

void line_end(struct line *line)
{
    pthread_mutex_lock(&line->lock);
    line->ending = true;
    if (line->phase == LINE_SENDING || line->phase == LINE_WAITING)
        nng_aio_cancel(line->aio);
    pthread_mutex_unlock(&line->lock);
}

bool line_waits(struct line *line)
{
    pthread_mutex_lock(&line->lock);
    bool waits = line->phase == LINE_WAITING;
    pthread_mutex_unlock(&line->lock);
    return waits;
}

// Under the lock. Whether the line is done.
static bool line_sent(struct line *line, int rv)
{
    if (rv != 0) {
        // A failed send gives the message back.
        nng_msg *msg = nng_aio_get_msg(line->aio);
        nng_aio_set_msg(line->aio, NULL);
        if (msg != NULL)
            nng_msg_free(msg);
        line->rv = rv;
        return true;
    }
    line->sent = true;
    if (line->ending) {
        line->rv = NNG_ECANCELED;
        return true;
    }
    line->phase = LINE_WAITING;
    nng_ctx_recv(line->ctx, line->aio);
    return false;
}

static void line_on_nng(void *arg)
{
    struct line *line = arg;
    bool done = true;
    pthread_mutex_lock(&line->lock);
    int rv = nng_aio_result(line->aio);
    if (line->phase == LINE_SENDING) {
        done = line_sent(line, rv);
    } else {
        CHECK(line->phase == LINE_WAITING);
        line->rv = rv;
        line->answer = rv == 0 ? nng_aio_get_msg(line->aio) : NULL;
        nng_aio_set_msg(line->aio, NULL);
    }
    if (done)
        line->phase = LINE_DONE;
    pthread_mutex_unlock(&line->lock);
    if (done)
        CHECK(mailbox_post(line->client->mailbox, line) == ERR_OK);
}
