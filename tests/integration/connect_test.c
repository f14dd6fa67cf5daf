// SPDX-License-Identifier: Apache-2.0
// links: rpc_json httpd rpc assay_proto
//
// A server's methods over HTTP by Connect's protocol. HealthService is rpc_world.h's; the client
// speaks from a thread of its own.
#include <criterion/criterion.h>

#include "common/rpc_json/connect.h"
#include "tests/support/http_raw.h"
#include "tests/support/rpc_world.h"

#define CHECK_PATH "/assay.health.v1.HealthService/Check"

struct connect_world {
    struct world w;
    struct httpd *httpd;
    struct connect *connect;
    enum rpc_status guard_says;
    char saw[256]; // by the guard: metadata
    bool httpd_closed;
    // The client's thread.
    const char *request; // head and body, as sent
    struct http_raw_answer answer;
    bool hangs_up; // before the answer
    atomic_bool done;
};

static enum rpc_status connect_guard(void *arg, struct rpc_incoming *call, char text[RPC_TEXT_MAX])
{
    struct connect_world *cw = arg;
    const char *key = rpc_incoming_metadata(call, "authorization");
    snprintf(cw->saw, sizeof cw->saw, "%d %.9s %s %s %s", (int)rpc_incoming_way(call),
             rpc_incoming_peer(call), key != NULL ? key : "-", rpc_incoming_trace(call)->request_id,
             rpc_incoming_trace(call)->traceparent);
    snprintf(text, RPC_TEXT_MAX, "no key");
    return cw->guard_says;
}

static void connect_open(struct connect_world *cw)
{
    struct err_info info;
    *cw = (struct connect_world){0};
    struct world *w = &cw->w;
    world_init(w, WORLD_INPROC);
    w->server_opts = (struct rpc_server_opts){.url = w->url, .calls_max = 2};
    cr_assert_eq(rpc_server_open(w->loop, &w->server_opts, &w->server, &info), ERR_OK);
    rpc_server_add(w->server, (ProtobufCService *)&w->health);
    rpc_server_set_guard(w->server, connect_guard, cw);
    struct httpd_opts opts = {.address = "127.0.0.1:0"};
    cr_assert_eq(httpd_open(w->loop, &opts, &cw->httpd, &info), ERR_OK, "%s", info.text);
    cw->connect = connect_create(
        &(struct connect_opts){.httpd = cw->httpd, .server = w->server, .body_bytes_max = 2000});
    rpc_server_start(w->server);
}

static void connect_httpd_closed_cb(void *arg)
{
    ((struct connect_world *)arg)->httpd_closed = true;
}

static bool connect_no_httpd(struct world *w)
{
    return CONTAINER_OF(w, struct connect_world, w)->httpd_closed;
}

static void connect_close(struct connect_world *cw)
{
    httpd_close(cw->httpd, 0, connect_httpd_closed_cb, cw);
    world_run(&cw->w, connect_no_httpd);
    connect_destroy(cw->connect);
    world_deinit(&cw->w);
}

// ---- The client ---------------------------------------------------------------------------------

static void connect_client(void *arg)
{
    struct connect_world *cw = arg;
    struct http_raw raw;
    CHECK(http_raw_connect(&raw, httpd_address(cw->httpd)));
    CHECK(http_raw_send(&raw, cw->request, strlen(cw->request)));
    if (!cw->hangs_up)
        cw->answer = http_raw_read(&raw);
    while (cw->hangs_up && atomic_load(&cw->done))
        usleep(1000);
    http_raw_close(&raw);
    atomic_store(&cw->done, true);
}

static bool connect_done(struct world *w)
{
    return atomic_load(&CONTAINER_OF(w, struct connect_world, w)->done);
}

// One request; the answer is in cw->answer until the next one.
static int post(struct connect_world *cw, const char *path, const char *headers, const char *body)
{
    static char text[8192];
    snprintf(text, sizeof text, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n%s\r\n%s",
             path, strlen(body), headers, body);
    cw->request = text;
    atomic_store(&cw->done, false);
    struct thread *thread = thread_start("client", connect_client, cw);
    world_run(&cw->w, connect_done);
    thread_join(thread);
    return cw->answer.status;
}

static void expect(struct connect_world *cw, int status, const char *word)
{
    cr_assert_eq(cw->answer.status, status, "%d, not %d: %s", cw->answer.status, status,
                 cw->answer.body);
    cr_assert_not_null(strstr(cw->answer.body, word), "%s", cw->answer.body);
    http_raw_answer_free(&cw->answer);
}

#define JSON_TYPE "Content-Type: application/json\r\n"

Test(connect, answers_json)
{
    struct connect_world cw;
    connect_open(&cw);
    post(&cw, CHECK_PATH, "Content-Type: application/json; charset=utf-8\r\n",
         "{\"service\": \"echo:hello\"}");
    cr_assert_not_null(strcasestr(cw.answer.head, "content-type: application/json"));
    expect(&cw, 200, "{\"status\":\"SERVING_STATUS_SERVING\",\"reason\":\"hello\"}");
    post(&cw, CHECK_PATH, JSON_TYPE "Connect-Protocol-Version: 1\r\nConnect-Timeout-Ms: 5000\r\n",
         "{\"service\": \"echo:\"}");
    expect(&cw, 200, "{\"status\":\"SERVING_STATUS_SERVING\"}");
    connect_close(&cw);
}

Test(connect, answers_proto)
{
    struct connect_world cw;
    connect_open(&cw);
    post(&cw, CHECK_PATH, "Content-Type: application/proto\r\n",
         "\x0a\x06"
         "echo:x");
    cr_assert_eq(cw.answer.body_bytes, 5);
    expect(&cw, 200, "\x08\x01\x12\x01x");
    post(&cw, CHECK_PATH, "Content-Type: application/proto\r\n", "\x0a\x7f");
    expect(&cw, 400, "\"code\":\"invalid_argument\"");
    connect_close(&cw);
}

Test(connect, has_connects_codes_and_statuses)
{
    static const struct {
        int status, http;
        const char *code;
    } cases[] = {{1, 499, "canceled"},
                 {2, 500, "unknown"},
                 {3, 400, "invalid_argument"},
                 {4, 504, "deadline_exceeded"},
                 {5, 404, "not_found"},
                 {6, 409, "already_exists"},
                 {7, 403, "permission_denied"},
                 {8, 429, "resource_exhausted"},
                 {9, 400, "failed_precondition"},
                 {10, 409, "aborted"},
                 {11, 400, "out_of_range"},
                 {12, 501, "unimplemented"},
                 {13, 500, "internal"},
                 {14, 503, "unavailable"},
                 {15, 500, "data_loss"},
                 {16, 401, "unauthenticated"}};
    struct connect_world cw;
    connect_open(&cw);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char body[64], expected[128];
        snprintf(body, sizeof body, "{\"service\": \"fail:%d\"}", cases[i].status);
        snprintf(expected, sizeof expected, "{\"code\":\"%s\",\"message\":\"status %d\"}",
                 cases[i].code, cases[i].status);
        post(&cw, CHECK_PATH, JSON_TYPE, body);
        bool again = cases[i].http == 429 || cases[i].http == 503;
        cr_assert_eq(strcasestr(cw.answer.head, "retry-after: 1") != NULL, again);
        expect(&cw, cases[i].http, expected);
    }
    connect_close(&cw);
}

Test(connect, refuses_what_it_does_not_speak)
{
    static char large[3000];
    struct connect_world cw;
    connect_open(&cw);
    post(&cw, "/assay.health.v1.HealthService/Nothing", JSON_TYPE, "{}");
    expect(&cw, 404, "\"code\":\"unimplemented\"");
    post(&cw, "/assay.health.v1.Nothing/Check", JSON_TYPE, "{}");
    expect(&cw, 404, "");
    post(&cw, CHECK_PATH, "Content-Type: text/plain\r\n", "{}");
    expect(&cw, 415, "application/json or application/proto");
    post(&cw, CHECK_PATH, "Content-Type: application/connect+json\r\n", "{}");
    expect(&cw, 415, "application/proto");
    post(&cw, CHECK_PATH, "", "{}");
    expect(&cw, 415, "application/proto");
    post(&cw, CHECK_PATH, JSON_TYPE "Connect-Protocol-Version: 2\r\n", "{}");
    expect(&cw, 400, "Connect-Protocol-Version");
    post(&cw, CHECK_PATH, JSON_TYPE "Connect-Timeout-Ms: soon\r\n", "{}");
    expect(&cw, 400, "Connect-Timeout-Ms");
    post(&cw, CHECK_PATH, JSON_TYPE "Connect-Timeout-Ms: 12345678901\r\n", "{}");
    expect(&cw, 400, "Connect-Timeout-Ms");
    post(&cw, CHECK_PATH, JSON_TYPE, "{\"servce\": 1}");
    expect(&cw, 400, "\\\"servce\\\"");
    post(&cw, CHECK_PATH, JSON_TYPE, "{\"service\": 1}");
    expect(&cw, 400, "service: expected a text, got a number");
    memset(large, 'x', sizeof large - 1);
    post(&cw, CHECK_PATH, JSON_TYPE, large);
    expect(&cw, 413, "");
    post(&cw, CHECK_PATH, JSON_TYPE "Origin: https://evil.example\r\n", "{}");
    expect(&cw, 403, "permission_denied");
    cr_assert_eq(cw.w.checks, 0);
    post(&cw, CHECK_PATH, JSON_TYPE "Origin: https://ours.example\r\nAuthorization: Bearer x\r\n",
         "{\"service\": \"echo:x\"}");
    expect(&cw, 200, "x");
    connect_close(&cw);
}

Test(connect, ends_at_the_deadline)
{
    struct connect_world cw;
    connect_open(&cw);
    post(&cw, CHECK_PATH, JSON_TYPE "Connect-Timeout-Ms: 20\r\n", "{\"service\": \"hold\"}");
    expect(&cw, 504, "deadline_exceeded");
    cr_assert_eq(cw.w.n_cancelled, 1);
    world_release(&cw.w, 0, "late");
    post(&cw, CHECK_PATH, JSON_TYPE "Connect-Timeout-Ms: 0\r\n", "{\"service\": \"hold\"}");
    expect(&cw, 504, "deadline_exceeded");
    connect_close(&cw);
}

Test(connect, passes_key_and_trace_on)
{
    struct connect_world cw;
    connect_open(&cw);
    post(&cw, CHECK_PATH,
         JSON_TYPE "Authorization: Bearer abc\r\nX-Request-Id: r-1\r\n"
                   "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n",
         "{\"service\": \"echo:x\"}");
    cr_assert_str_eq(cw.saw, "2 127.0.0.1 Bearer abc r-1 "
                             "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    cr_assert_not_null(strcasestr(cw.answer.head, "x-request-id: r-1"));
    expect(&cw, 200, "x");
    cw.guard_says = RPC_UNAUTHENTICATED;
    post(&cw, CHECK_PATH, JSON_TYPE, "{\"service\": \"echo:x\"}");
    cr_assert_not_null(strcasestr(cw.answer.head, "www-authenticate: bearer"));
    expect(&cw, 401, "{\"code\":\"unauthenticated\",\"message\":\"no key\"}");
    cr_assert_eq(cw.w.checks, 1);
    connect_close(&cw);
}

static bool connect_held(struct world *w)
{
    return w->n_held == 1;
}

static bool connect_cancelled(struct world *w)
{
    return w->n_cancelled == 1;
}

Test(connect, cancels_when_the_caller_goes)
{
    struct connect_world cw;
    connect_open(&cw);
    cw.request = "POST " CHECK_PATH " HTTP/1.1\r\nHost: x\r\n" JSON_TYPE
                 "Connect-Timeout-Ms: 60000\r\nContent-Length: 19\r\n\r\n{\"service\": \"hold\"}";
    cw.hangs_up = true;
    atomic_store(&cw.done, true); // it waits for false
    struct thread *thread = thread_start("client", connect_client, &cw);
    world_run(&cw.w, connect_held);
    atomic_store(&cw.done, false);
    world_run(&cw.w, connect_cancelled);
    thread_join(thread);
    world_release(&cw.w, 0, "into nothing");
    connect_close(&cw);
}

Test(connect, closing_answers_those_in_work)
{
    struct connect_world cw;
    connect_open(&cw);
    cw.request = "POST " CHECK_PATH " HTTP/1.1\r\nHost: x\r\n" JSON_TYPE
                 "Connect-Timeout-Ms: 60000\r\nContent-Length: 19\r\n\r\n{\"service\": \"hold\"}";
    struct thread *thread = thread_start("client", connect_client, &cw);
    world_run(&cw.w, connect_held);
    world_close_server(&cw.w, 0);
    world_run(&cw.w, connect_done);
    thread_join(thread);
    expect(&cw, 503, "\"code\":\"unavailable\"");
    world_release(&cw.w, 0, "late");
    connect_close(&cw);
}
