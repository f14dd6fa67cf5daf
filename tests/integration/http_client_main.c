// SPDX-License-Identifier: Apache-2.0
// links: http_client loop base
//
// The client against a server on loopback that behaves well and badly. A plain program: it runs
// under the thread sanitizer too.
#include <stdio.h>

#include "common/base/mem.h"
#include "common/http_client/http_client.h"
#include "tests/support/http_receiver.h"

enum { PATIENCE_MS = 60000, MANY = 200 };

struct world {
    struct loop *loop;
    struct http_client *client;
    struct http_receiver receiver;
    size_t n_done, n_awaited;
    bool closed;
};

static void done_cb(void *arg, struct http_request *request)
{
    struct world *w = arg;
    (void)request;
    if (++w->n_done == w->n_awaited)
        loop_stop(w->loop);
}

static void await(struct world *w, size_t n)
{
    w->n_awaited = w->n_done + n;
    loop_run(w->loop);
}

static void setup(struct world *w, size_t requests_max, size_t per_host)
{
    *w = (struct world){.loop = loop_create()};
    struct http_client_opts opts = {.requests_max = requests_max,
                                    .connections_per_host_max = per_host,
                                    .user_agent = "tester/1"};
    w->client = http_client_create(w->loop, &opts);
    receiver_init(&w->receiver);
}

static void closed_cb(void *arg)
{
    struct world *w = arg;
    w->closed = true;
}

static void teardown(struct world *w)
{
    http_client_close(w->client, closed_cb, w);
    CHECK(!w->closed);
    loop_run(w->loop); // until nothing is left
    CHECK(w->closed);
    loop_destroy(w->loop);
    receiver_deinit(&w->receiver);
}

static struct http_request request_to(struct world *w, const char *url)
{
    return (struct http_request){
        .url = url,
        .body = span_of("{\"a\":1}"),
        .timeout_ms = PATIENCE_MS,
        .response_bytes_max = 1000,
        .allow_http = true,
        .allow_private_address = true,
        .done = done_cb,
        .arg = w,
    };
}

// One request to the receiver, in the form "http://HOST:PORT/hook".
static void url_of(const struct world *w, const char *host, char out[256])
{
    snprintf(out, 256, "http://%s:%d/hook?q=1", host, w->receiver.port);
}

static void run_one(struct world *w, struct http_request *request)
{
    CHECK(http_client_send(w->client, request) == ERR_OK);
    await(w, 1);
    CHECK(http_client_outstanding(w->client) == 0);
}

static void expect(const struct http_request *request, enum err err, const char *words)
{
    if (request->err != err || strstr(request->info.text, words) == NULL) {
        fprintf(stderr, "expected %s with \"%s\", got %s: %s\n", err_name(err), words,
                err_name(request->err), request->info.text);
        abort();
    }
}

static void a_request_comes_as_it_was_sent(void)
{
    struct world w;
    char url[256], value[256];
    setup(&w, 4, 0);
    url_of(&w, "127.0.0.1", url);
    struct http_header headers[] = {{"Content-Type", "application/json"}, {"X-Empty", ""}};
    struct http_request request = request_to(&w, url);
    request.headers = headers;
    request.n_headers = ARRAY_LEN(headers);
    receiver_behave(&w.receiver, RECEIVER_STATUS, 429, "Retry-After: 7\r\n");
    run_one(&w, &request);
    expect(&request, ERR_OK, "");
    CHECK(request.status == 429 && request.retry_after_ms == 7000 && !request.truncated);
    CHECK(span_is(buf_span(&request.response), "ok"));
    struct receiver_request got = receiver_get(&w.receiver, 0);
    CHECK(strncmp(got.head, "POST /hook?q=1 HTTP/1.1\r\n", 25) == 0);
    CHECK(strcmp(got.body, "{\"a\":1}") == 0);
    CHECK(strcmp(receiver_header(&got, "content-type:", value, sizeof value), "application/json") ==
          0);
    CHECK(strcmp(receiver_header(&got, "user-agent:", value, sizeof value), "tester/1") == 0);
    CHECK(strcasestr(got.head, "x-empty:\r\n") != NULL);
    CHECK(strcasestr(got.head, "expect:") == NULL);
    // The connection is used again.
    receiver_behave(&w.receiver, RECEIVER_STATUS, 200, "");
    run_one(&w, &request);
    CHECK(request.status == 200 && request.retry_after_ms == 0);
    CHECK(receiver_accepted(&w.receiver) == 1);
    buf_deinit(&request.response);
    teardown(&w);
}

static void bad_answers_are_told(void)
{
    struct world w;
    char url[256];
    setup(&w, 4, 0);
    url_of(&w, "127.0.0.1", url);
    struct http_request request = request_to(&w, url);

    receiver_behave(&w.receiver, RECEIVER_REDIRECT, 0, "");
    run_one(&w, &request);
    expect(&request, ERR_OK, "");
    CHECK(request.status == 302 && receiver_count(&w.receiver) == 1);

    receiver_behave(&w.receiver, RECEIVER_BIG, 0, "");
    run_one(&w, &request);
    expect(&request, ERR_OK, "");
    CHECK(request.status == 200 && request.truncated && request.response.len == 1000);

    receiver_behave(&w.receiver, RECEIVER_HALF, 0, "");
    request.response_bytes_max = 2 * 1024 * 1024;
    run_one(&w, &request);
    expect(&request, ERR_UNAVAILABLE, "");

    receiver_behave(&w.receiver, RECEIVER_HEADERS, 0, "");
    run_one(&w, &request);
    expect(&request, ERR_UNAVAILABLE, "");

    receiver_behave(&w.receiver, RECEIVER_RESET, 0, "");
    run_one(&w, &request);
    expect(&request, ERR_UNAVAILABLE, "");

    receiver_behave(&w.receiver, RECEIVER_SILENT, 0, "");
    request.timeout_ms = 50;
    run_one(&w, &request);
    expect(&request, ERR_TIMEOUT, "no answer in 50 ms");

    request.timeout_ms = PATIENCE_MS;
    receiver_stop(&w.receiver);
    run_one(&w, &request);
    expect(&request, ERR_UNAVAILABLE, "");
    receiver_open(&w.receiver, w.receiver.port);
    receiver_behave(&w.receiver, RECEIVER_STATUS, 204, "");
    run_one(&w, &request);
    expect(&request, ERR_OK, "");
    CHECK(request.status == 204);
    buf_deinit(&request.response);
    teardown(&w);
}

// However the address is written, and whatever a name says: nothing reaches the server.
static void private_addresses_are_refused(void)
{
    static const char *const HOSTS[] = {
        "127.0.0.1",          "127.1",           "2130706433", "0x7f000001",
        "0177.0.0.1",         "localhost",       "127.0.0.2",  "[::1]",
        "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0.0.0.0",    "[::127.0.0.1]",
    };
    struct world w;
    char url[256];
    setup(&w, 4, 0);
    for (size_t i = 0; i < ARRAY_LEN(HOSTS); i++) {
        url_of(&w, HOSTS[i], url);
        struct http_request request = request_to(&w, url);
        request.allow_private_address = false;
        run_one(&w, &request);
        expect(&request, ERR_INVALID, "which is not allowed");
    }
    CHECK(receiver_accepted(&w.receiver) == 0);
    // A connection that somebody else opened, who may, is no way around it.
    url_of(&w, "localhost", url);
    struct http_request request = request_to(&w, url);
    run_one(&w, &request);
    expect(&request, ERR_OK, "");
    request.allow_private_address = false;
    run_one(&w, &request);
    expect(&request, ERR_INVALID, "is loopback, which is not allowed");
    CHECK(receiver_count(&w.receiver) == 1);
    buf_deinit(&request.response);
    teardown(&w);
}

static void only_what_is_allowed_is_spoken(void)
{
    static const char *const URLS[] = {"http://example.com/", "ftp://127.0.0.1/",
                                       "file:///etc/hostname", "gopher://127.0.0.1/", "nonsense:"};
    struct world w;
    setup(&w, 4, 0);
    for (size_t i = 0; i < ARRAY_LEN(URLS); i++) {
        struct http_request request = request_to(&w, URLS[i]);
        request.allow_http = false;
        run_one(&w, &request);
        expect(&request, ERR_INVALID, "");
    }
    // The environment's proxy is not asked: nobody is there.
    char url[256];
    url_of(&w, "127.0.0.1", url);
    struct http_request request = request_to(&w, url);
    CHECK(setenv("http_proxy", "http://127.0.0.1:1/", 1) == 0);
    CHECK(setenv("all_proxy", "http://127.0.0.1:1/", 1) == 0);
    run_one(&w, &request);
    expect(&request, ERR_OK, "");
    buf_deinit(&request.response);
    teardown(&w);
}

static void many_at_once_stay_within_the_bounds(void)
{
    struct world w;
    char url[256];
    setup(&w, MANY, 4);
    url_of(&w, "127.0.0.1", url);
    struct http_request *requests = mem_zalloc((MANY + 1) * sizeof *requests);
    for (int i = 0; i < MANY; i++) {
        requests[i] = request_to(&w, url);
        CHECK(http_client_send(w.client, &requests[i]) == ERR_OK);
    }
    requests[MANY] = request_to(&w, url);
    CHECK(http_client_send(w.client, &requests[MANY]) == ERR_FULL);
    await(&w, MANY);
    for (int i = 0; i < MANY; i++) {
        CHECK(requests[i].err == ERR_OK && requests[i].status == 200);
        buf_deinit(&requests[i].response);
    }
    CHECK(receiver_count(&w.receiver) == MANY);
    CHECK(receiver_accepted(&w.receiver) <= 4);
    mem_free(requests);
    teardown(&w);
}

static void closing_gives_back_what_is_under_way(void)
{
    enum { WAITING = 20 };
    struct world w;
    char url[256];
    setup(&w, WAITING, 4);
    url_of(&w, "127.0.0.1", url);
    receiver_behave(&w.receiver, RECEIVER_SILENT, 0, "");
    struct http_request requests[WAITING];
    for (int i = 0; i < WAITING; i++) {
        requests[i] = request_to(&w, url);
        CHECK(http_client_send(w.client, &requests[i]) == ERR_OK);
    }
    w.n_awaited = SIZE_MAX;
    http_client_close(w.client, closed_cb, &w);
    struct http_request late = request_to(&w, url);
    CHECK(http_client_send(w.client, &late) == ERR_CANCELED);
    loop_run(w.loop);
    CHECK(w.closed && w.n_done == WAITING);
    for (int i = 0; i < WAITING; i++)
        expect(&requests[i], ERR_CANCELED, "");
    loop_destroy(w.loop);
    receiver_deinit(&w.receiver);
}

int main(void)
{
    a_request_comes_as_it_was_sent();
    bad_answers_are_told();
    private_addresses_are_refused();
    only_what_is_allowed_is_spoken();
    many_at_once_stay_within_the_bounds();
    closing_gives_back_what_is_under_way();
    return 0;
}
