// SPDX-License-Identifier: Apache-2.0
// The thread: takes requests from the queue, lets the library work, posts what is done.
//
//     send (loop) ──queue──► transfer ──multi──► finished ──mailbox──► done (loop)
//     close (loop): the queue is shut ──► what is left is CANCELED ──► the mailbox's last item is
//     NULL ──► the thread is joined, `closed` runs (loop)
#include "common/http_client/http_client.h"

#include <pthread.h>

#include "common/base/mem.h"
#include "common/http_client/transfer.h"
#include "common/loop/queue.h"

enum { TAKE_MAX = 64, POLL_MS = 1000 };

struct http_client {
    // The loop.
    struct mailbox *results;
    struct thread *thread;
    size_t requests_max, outstanding;
    bool closing;
    http_closed_cb closed;
    void *closed_arg;
    // Both: thread-safe by themselves.
    struct queue *requests;
    CURLM *multi; // the loop only wakes it
    // The thread.
    char *user_agent;
    struct http_transfer **running; // in no order
    size_t n_running;
};

// ---- The thread ---------------------------------------------------------------------------------

static void post(struct http_client *client, struct http_request *request)
{
    CHECK(mailbox_post(client->results, request) == ERR_OK); // bounded by requests_max
}

static void finish(struct http_client *client, struct http_transfer *transfer, CURLcode code)
{
    struct http_request *request = http_transfer_request(transfer);
    CHECK(curl_multi_remove_handle(client->multi, http_transfer_easy(transfer)) == CURLM_OK);
    http_transfer_finish(transfer, code);
    http_transfer_destroy(transfer);
    post(client, request);
}

static void cancel(struct http_client *client, struct http_request *request)
{
    request->err = err_set(&request->info, ERR_CANCELED, "the client closes");
    post(client, request);
}

static void begin(struct http_client *client, struct http_request *request)
{
    struct http_transfer *transfer = http_transfer_create(request, client->user_agent);
    request->transfer = transfer;
    client->running[client->n_running++] = transfer;
    CHECK(curl_multi_add_handle(client->multi, http_transfer_easy(transfer)) == CURLM_OK);
}

static void forget(struct http_client *client, const struct http_transfer *transfer)
{
    size_t i = 0;
    while (client->running[i] != transfer)
        i++;
    client->running[i] = client->running[--client->n_running];
}

static void reap(struct http_client *client)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        struct http_transfer *transfer = NULL;
        CHECK(curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer) == CURLE_OK);
        forget(client, transfer);
        finish(client, transfer, code);
    }
}

static void take(struct http_client *client)
{
    void *items[TAKE_MAX];
    size_t n;
    while ((n = queue_take(client->requests, items, TAKE_MAX, 0)) > 0)
        for (size_t i = 0; i < n; i++)
            if (queue_is_shut(client->requests))
                cancel(client, items[i]);
            else
                begin(client, items[i]);
}

static void end_all(struct http_client *client)
{
    while (client->n_running > 0) {
        struct http_transfer *transfer = client->running[--client->n_running];
        struct http_request *request = http_transfer_request(transfer);
        CHECK(curl_multi_remove_handle(client->multi, http_transfer_easy(transfer)) == CURLM_OK);
        http_transfer_destroy(transfer);
        cancel(client, request);
    }
}

static void run(void *arg)
{
    struct http_client *client = arg;
    while (!queue_is_shut(client->requests)) {
        int running;
        take(client);
        CHECK(curl_multi_perform(client->multi, &running) == CURLM_OK);
        reap(client);
        CHECK(curl_multi_poll(client->multi, NULL, 0, POLL_MS, NULL) == CURLM_OK);
    }
    take(client);
    end_all(client);
    CHECK(mailbox_post(client->results, NULL) == ERR_OK);
}

// ---- The loop -----------------------------------------------------------------------------------

static void client_free(struct http_client *client)
{
    thread_join(client->thread);
    CHECK(client->outstanding == 0);
    curl_multi_cleanup(client->multi);
    queue_destroy(client->requests);
    mailbox_destroy(client->results);
    mem_free(client->running);
    mem_free(client->user_agent);
    http_closed_cb closed = client->closed;
    void *arg = client->closed_arg;
    mem_free(client);
    closed(arg);
}

static void result_cb(void *arg, void *item)
{
    struct http_client *client = arg;
    struct http_request *request = item;
    if (request == NULL) {
        client_free(client);
        return;
    }
    request->transfer = NULL;
    client->outstanding--;
    request->done(request->arg, request);
}

static void library_init(void)
{
    CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

#define SET(option, value) CHECK(curl_multi_setopt(client->multi, option, value) == CURLM_OK)

struct http_client *http_client_create(struct loop *loop, const struct http_client_opts *opts)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    CHECK(opts->requests_max > 0);
    CHECK(pthread_once(&once, library_init) == 0);
    size_t all = opts->connections_max > 0 ? opts->connections_max : opts->requests_max;
    size_t per_host = opts->connections_per_host_max > 0 ? opts->connections_per_host_max : all;
    struct http_client *client = mem_zalloc(sizeof *client);
    client->requests_max = opts->requests_max;
    client->user_agent = opts->user_agent == NULL ? NULL : mem_dup_text(opts->user_agent);
    client->running = mem_alloc(opts->requests_max * sizeof(struct http_transfer *));
    client->requests = queue_create(opts->requests_max);
    client->results = mailbox_create(loop, opts->requests_max + 1, result_cb, client);
    client->multi = curl_multi_init();
    CHECK(client->multi != NULL);
    SET(CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)all);
    SET(CURLMOPT_MAX_HOST_CONNECTIONS, (long)per_host);
    SET(CURLMOPT_MAXCONNECTS, (long)all);
    SET(CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    client->thread = thread_start("http-client", run, client);
    return client;
}

enum err http_client_send(struct http_client *client, struct http_request *request)
{
    CHECK(request->done != NULL && request->timeout_ms > 0);
    if (client->closing)
        return ERR_CANCELED;
    if (client->outstanding == client->requests_max)
        return ERR_FULL;
    request->err = ERR_OK;
    request->info.text[0] = '\0';
    request->status = 0;
    request->retry_after_ms = 0;
    request->truncated = false;
    buf_clear(&request->response);
    CHECK(queue_put(client->requests, request) == ERR_OK);
    client->outstanding++;
    CHECK(curl_multi_wakeup(client->multi) == CURLM_OK);
    return ERR_OK;
}

size_t http_client_outstanding(const struct http_client *client)
{
    return client->outstanding;
}

void http_client_close(struct http_client *client, http_closed_cb closed, void *arg)
{
    CHECK(!client->closing && closed != NULL);
    client->closing = true;
    client->closed = closed;
    client->closed_arg = arg;
    queue_shut(client->requests);
    CHECK(curl_multi_wakeup(client->multi) == CURLM_OK);
}
