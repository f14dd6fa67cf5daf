// SPDX-License-Identifier: Apache-2.0
// Life of a client: the socket, its dialer, its lines; coming and going of connections; the end.

#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/rpc/client_impl.h"

#define LOG_COMPONENT "rpc"
#include "common/log/log.h"

// After nng/nng.h, without which it does not compile.
#include <nng/protocol/reqrep0/req.h>

enum {
    CLIENT_RECONNECT_MIN_MS = 10,
    CLIENT_RECONNECT_MAX_MS = 200,
    CLIENT_SUSPECT_EVERY_MS = 5000,
    CLIENT_REDIAL_MS = 1000,
};

// ---- Connections --------------------------------------------------------------------------------

static void client_pipe_on_nng(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
    struct rpc_client *client = arg;
    (void)pipe;
    if (event == NNG_PIPE_EV_ADD_POST) {
        atomic_fetch_add(&client->connections, 1);
        atomic_fetch_add(&client->connects, 1);
    } else {
        atomic_fetch_sub(&client->connections, 1);
        atomic_fetch_add(&client->losses, 1);
    }
    // One note at a time: there is room for no more.
    if (!atomic_exchange(&client->change_posted, true))
        CHECK(mailbox_post(client->mailbox, client) == ERR_OK);
}

static void client_changed(struct rpc_client *client)
{
    atomic_store(&client->change_posted, false);
    if (client->closing)
        return;
    unsigned losses = atomic_load(&client->losses);
    LOG_DEBUG("client_connection", "url=%s connections=%u losses=%u", client->url,
              atomic_load(&client->connections), losses);
    for (uint32_t i = 0; i < client->n_lines; i++) {
        struct line *line = &client->lines[i];
        if (line->call != NULL && losses - line->losses > CLIENT_LOSSES_MAX)
            call_end(line->call, RPC_UNAVAILABLE);
    }
}

static void client_mail_cb(void *arg, void *item)
{
    struct rpc_client *client = arg;
    if (item == client)
        client_changed(client);
    else
        call_line_done(item);
}

static void client_canary_cb(void *arg, bool stuck)
{
    struct rpc_client *client = arg;
    if (stuck)
        LOG_ERROR("transport_stuck", "url=%s msg=\"NNG hangs; only a new process can connect\"",
                  client->url);
    bool nng_lives = !stuck;
    CHECK(nng_lives);
    client->suspects = false;
    client_look_closed(client);
}

void client_suspect(struct rpc_client *client)
{
    int64_t now_ms = clock_mono_ms();
    if (client->suspects || client->closing || now_ms < client->suspect_after_ms)
        return;
    client->suspects = true;
    client->suspect_after_ms = now_ms + CLIENT_SUSPECT_EVERY_MS;
    canary_start(client->loop, client_canary_cb, client);
}

bool rpc_client_connected(const struct rpc_client *client)
{
    return atomic_load(&client->connections) > 0;
}

// ---- Open ---------------------------------------------------------------------------------------

static void client_set_options(struct rpc_client *client)
{
    nng_socket socket = client->socket;
    CHECK(nng_socket_set_size(socket, NNG_OPT_RECVMAXSZ,
                              client->response_bytes_max + RPC_SLACK_BYTES) == 0);
    CHECK(nng_socket_set_ms(socket, NNG_OPT_RECVTIMEO, NNG_DURATION_INFINITE) == 0);
    CHECK(nng_socket_set_ms(socket, NNG_OPT_SENDTIMEO, NNG_DURATION_INFINITE) == 0);
    CHECK(nng_socket_set_ms(socket, NNG_OPT_RECONNMINT, CLIENT_RECONNECT_MIN_MS) == 0);
    CHECK(nng_socket_set_ms(socket, NNG_OPT_RECONNMAXT, CLIENT_RECONNECT_MAX_MS) == 0);
    // Not by the clock; only when a connection is lost. "Infinite" would turn that off as well.
    CHECK(nng_socket_set_ms(socket, NNG_OPT_REQ_RESENDTIME, INT32_MAX) == 0);
    CHECK(nng_pipe_notify(socket, NNG_PIPE_EV_ADD_POST, client_pipe_on_nng, client) == 0);
    CHECK(nng_pipe_notify(socket, NNG_PIPE_EV_REM_POST, client_pipe_on_nng, client) == 0);
}

static void client_later_cb(void *arg)
{
    call_report_failed(arg);
}

// A dialer of NNG 1.5.2 gives up for good when the other side goes away in the middle of the
// handshake, so one that has had no connection for a while is replaced.
static void client_redial_cb(void *arg)
{
    struct rpc_client *client = arg;
    unsigned connects = atomic_load(&client->connects);
    bool without = atomic_load(&client->connections) == 0;
    bool redial = without && client->redial_without && connects == client->redial_connects;
    client->redial_connects = connects;
    client->redial_without = without;
    if (client->closing || !redial)
        return;
    nng_dialer_close(client->dialer);
    int rv = nng_dial(client->socket, client->url, &client->dialer, NNG_FLAG_NONBLOCK);
    if (rv != 0)
        LOG_WARN("redial_failed", "url=%s msg=\"%s\"", client->url, nng_strerror(rv));
}

static void client_free(struct rpc_client *client)
{
    mailbox_destroy(client->mailbox);
    loop_timer_destroy(client->later);
    loop_timer_destroy(client->silence);
    loop_timer_destroy(client->redial);
    arena_deinit(&client->scratch);
    mem_free(client->url);
    mem_free(client);
}

static void client_free_lines(struct rpc_client *client)
{
    for (uint32_t i = 0; i < client->n_lines; i++)
        nng_aio_stop(client->lines[i].aio);
    for (uint32_t i = 0; i < client->n_lines; i++)
        line_deinit(&client->lines[i]);
    mem_free(client->lines);
    client->lines = NULL;
    client->n_lines = 0;
}

static void client_silence_cb(void *arg)
{
    struct rpc_client *client = arg;
    for (uint32_t i = 0; i < client->n_lines; i++)
        line_end(&client->lines[i]);
}

static void client_create_lines(struct rpc_client *client)
{
    client->lines = mem_zalloc(client->n_lines * sizeof *client->lines);
    for (uint32_t i = client->n_lines; i-- > 0;) {
        line_init(&client->lines[i], client);
        client->lines[i].next_free = client->free_lines;
        client->free_lines = &client->lines[i];
    }
}

enum err rpc_client_open(struct loop *loop, const struct rpc_client_opts *opts,
                         struct rpc_client **out, struct err_info *info)
{
    CHECK(opts->url != NULL);
    struct rpc_client *client = mem_zalloc(sizeof *client);
    int rv = nng_req0_open(&client->socket);
    if (rv != 0) {
        mem_free(client);
        return err_set(info, rpc_err_from_nng(rv), "socket: %s", nng_strerror(rv));
    }
    client->loop = loop;
    client->url = mem_dup_text(opts->url);
    client->n_lines = opts->calls_max != 0 ? opts->calls_max : RPC_CALLS_MAX_DEFAULT;
    client->authorization = opts->authorization;
    client->authorization_arg = opts->authorization_arg;
    client->request_bytes_max =
        opts->request_bytes_max != 0 ? opts->request_bytes_max : RPC_MESSAGE_BYTES_DEFAULT;
    client->response_bytes_max =
        opts->response_bytes_max != 0 ? opts->response_bytes_max : RPC_MESSAGE_BYTES_DEFAULT;
    client->call_id = clock_random_u64();
    client->mailbox = mailbox_create(loop, client->n_lines + 1, client_mail_cb, client);
    client->later = loop_timer_create(loop, client_later_cb, client);
    client->silence = loop_timer_create(loop, client_silence_cb, client);
    client->redial = loop_timer_create(loop, client_redial_cb, client);
    arena_init(&client->scratch, RPC_ARENA_BLOCK_BYTES, 0);
    client_set_options(client);
    client_create_lines(client);
    rv = nng_dial(client->socket, client->url, &client->dialer, NNG_FLAG_NONBLOCK);
    if (rv != 0) {
        enum err err =
            err_set(info, rpc_err_from_nng(rv), "dial %s: %s", client->url, nng_strerror(rv));
        client_free_lines(client);
        nng_close(client->socket);
        client_free(client);
        return err;
    }
    loop_timer_start(client->redial, CLIENT_REDIAL_MS, CLIENT_REDIAL_MS);
    *out = client;
    return ERR_OK;
}

// ---- Close --------------------------------------------------------------------------------------

static void client_closed_cb(void *arg, bool stuck)
{
    struct rpc_client *client = arg;
    if (stuck)
        LOG_ERROR("socket_stuck", "url=%s msg=\"NNG did not close the socket\"", client->url);
    void (*closed)(void *arg) = client->closed;
    void *closed_arg = client->closed_arg;
    client_free(client);
    if (closed != NULL)
        closed(closed_arg);
}

void client_look_closed(struct rpc_client *client)
{
    if (!client->closing || client->lines == NULL || client->n_busy > 0 ||
        client->failed_first != NULL || client->suspects)
        return;
    CHECK(client->n_calls == 0); // a call was begun and its stub never called
    client_free_lines(client);
    nng_pipe_notify(client->socket, NNG_PIPE_EV_ADD_POST, NULL, NULL);
    nng_pipe_notify(client->socket, NNG_PIPE_EV_REM_POST, NULL, NULL);
    closer_start(client->loop, client->socket, client_closed_cb, client);
}

// Answers that are on their way are waited for, for a while: a connection that ends in the middle
// of a message is what NNG does not get over.
void rpc_client_close(struct rpc_client *client, void (*closed)(void *arg), void *arg)
{
    CHECK(!client->closing);
    client->closing = true;
    loop_timer_stop(client->redial);
    client->closed = closed;
    client->closed_arg = arg;
    for (uint32_t i = 0; i < client->n_lines; i++)
        if (client->lines[i].call != NULL)
            call_abandon(&client->lines[i]);
    loop_timer_start(client->silence, CLIENT_CANCEL_MS, 0);
    // With nothing in flight this is what closes it.
    loop_timer_start(client->later, 0, 0);
}
