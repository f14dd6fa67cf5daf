// SPDX-License-Identifier: Apache-2.0
#include "common/rpc_json/connect.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/rpc_json/json.h"

enum {
    CONNECT_BODY_BYTES_DEFAULT = 4 * 1024 * 1024,
    CONNECT_TIMEOUT_DIGITS_MAX = 10,
    CONNECT_RETRY_AFTER_S = 1,
};

struct connect {
    struct httpd *httpd;
    struct rpc_server *server;
};

// X(status, Connect's code)
#define CONNECT_LIST(X)                                                                            \
    X(CANCELLED, "canceled")                                                                       \
    X(UNKNOWN, "unknown")                                                                          \
    X(INVALID_ARGUMENT, "invalid_argument")                                                        \
    X(DEADLINE_EXCEEDED, "deadline_exceeded")                                                      \
    X(NOT_FOUND, "not_found")                                                                      \
    X(ALREADY_EXISTS, "already_exists")                                                            \
    X(PERMISSION_DENIED, "permission_denied")                                                      \
    X(RESOURCE_EXHAUSTED, "resource_exhausted")                                                    \
    X(FAILED_PRECONDITION, "failed_precondition")                                                  \
    X(ABORTED, "aborted")                                                                          \
    X(OUT_OF_RANGE, "out_of_range")                                                                \
    X(UNIMPLEMENTED, "unimplemented")                                                              \
    X(INTERNAL, "internal")                                                                        \
    X(UNAVAILABLE, "unavailable")                                                                  \
    X(DATA_LOSS, "data_loss")                                                                      \
    X(UNAUTHENTICATED, "unauthenticated")

static const char *connect_code(enum rpc_status status)
{
    switch (status) {
#define CONNECT_CASE(name, code)                                                                   \
    case RPC_##name:                                                                               \
        return code;
        CONNECT_LIST(CONNECT_CASE)
#undef CONNECT_CASE
    case RPC_OK:
        break;
    }
    return "unknown";
}

// ---- Answers ------------------------------------------------------------------------------------

static void answer_error(struct httpd_request *request, int http, const char *code,
                         const char *text)
{
    struct buf body = {0};
    buf_printf(&body, "{\"code\":\"%s\"", code);
    if (text[0] != '\0') {
        buf_append_text(&body, ",\"message\":");
        buf_append_json(&body, span_of(text));
    }
    buf_append_text(&body, "}\n");
    if (http == 401)
        httpd_set_header(request, "WWW-Authenticate", "Bearer");
    if (http == 429 || http == 503) {
        char seconds[12];
        snprintf(seconds, sizeof seconds, "%d", CONNECT_RETRY_AFTER_S);
        httpd_set_header(request, "Retry-After", seconds);
    }
    httpd_answer(request, http, "application/json", buf_span(&body));
    buf_deinit(&body);
}

static void answer_status(struct httpd_request *request, enum rpc_status status, const char *text)
{
    answer_error(request, rpc_http_status(status), connect_code(status), text);
}

// ---- One call -----------------------------------------------------------------------------------

struct connect_call {
    struct httpd_request *request;
    struct rpc_incoming *call; // NULL: it has ended, or has not begun
    bool json;
    struct buf answer;
};

static void call_message(void *carrier, const ProtobufCMessage *message)
{
    struct connect_call *call = carrier;
    if (call->json) {
        json_write_message(&call->answer, message);
        buf_append_u8(&call->answer, '\n');
        return;
    }
    size_t n = protobuf_c_message_get_packed_size(message);
    protobuf_c_message_pack(message, buf_reserve(&call->answer, n));
    call->answer.len += n;
}

static void call_destroy(struct connect_call *call)
{
    buf_deinit(&call->answer);
    mem_free(call);
}

static void call_end(void *carrier, enum rpc_status status, const char *text)
{
    struct connect_call *call = carrier;
    if (status != RPC_OK)
        answer_status(call->request, status, text);
    else
        httpd_answer(call->request, 200, call->json ? "application/json" : "application/proto",
                     buf_span(&call->answer));
    call_destroy(call);
}

static const struct rpc_carrier_ops CALL_OPS = {.message = call_message, .end = call_end};

static void call_gone_cb(void *arg)
{
    struct connect_call *call = arg;
    rpc_carried_cancel(call->call);
    answer_status(call->request, RPC_CANCELLED, "the caller has gone");
    call_destroy(call);
}

// ---- Requests -----------------------------------------------------------------------------------

static bool type_is(const char *given, const char *type)
{
    size_t n = strlen(type);
    return given != NULL && strncasecmp(given, type, n) == 0 &&
           (given[n] == '\0' || given[n] == ';' || given[n] == ' ');
}

// What Connect asks of the headers; false when it has answered.
static bool headers_fit(struct httpd_request *request, bool *json, int64_t *timeout_ms)
{
    const char *type = httpd_header(request, "Content-Type");
    const char *version = httpd_header(request, "Connect-Protocol-Version");
    const char *timeout = httpd_header(request, "Connect-Timeout-Ms");
    *json = type_is(type, "application/json");
    *timeout_ms = 0;
    if (!*json && !type_is(type, "application/proto")) {
        httpd_set_header(request, "Accept-Post", "application/json, application/proto");
        answer_error(request, 415, "unknown",
                     "Content-Type: expected application/json or application/proto");
        return false;
    }
    if (version != NULL && strcmp(version, "1") != 0) {
        answer_status(request, RPC_INVALID_ARGUMENT, "Connect-Protocol-Version: expected 1");
        return false;
    }
    if (timeout == NULL)
        return true;
    if (strlen(timeout) > CONNECT_TIMEOUT_DIGITS_MAX ||
        !text_to_i64(span_of(timeout), timeout_ms) || *timeout_ms < 0) {
        answer_status(request, RPC_INVALID_ARGUMENT,
                      "Connect-Timeout-Ms: expected at most 10 digits");
        return false;
    }
    if (*timeout_ms == 0)
        answer_status(request, RPC_DEADLINE_EXCEEDED, "the deadline passed before the call began");
    return *timeout_ms > 0;
}

static size_t fill_metadata(struct httpd_request *request, struct rpc_pair pairs[3])
{
    size_t n = 0;
    const char *authorization = httpd_header(request, "Authorization");
    pairs[n++] = (struct rpc_pair){RPC_KEY_REQUEST_ID, httpd_request_id(request)};
    pairs[n++] = (struct rpc_pair){RPC_KEY_TRACEPARENT, httpd_traceparent(request)};
    if (authorization != NULL)
        pairs[n++] = (struct rpc_pair){"authorization", authorization};
    return n;
}

static void call_begin(struct connect *connect, struct httpd_request *request,
                       struct rpc_carry_opts *opts, bool json)
{
    struct rpc_pair metadata[3];
    struct connect_call *call = mem_zalloc(sizeof *call);
    call->request = request;
    call->json = json;
    opts->way = RPC_WAY_HTTP;
    opts->peer = httpd_peer(request);
    opts->metadata = metadata;
    opts->n_metadata = fill_metadata(request, metadata);
    // The call is gone when it has ended.
    struct rpc_incoming *incoming = rpc_carry(connect->server, opts, &CALL_OPS, call);
    if (incoming == NULL)
        return;
    call->call = incoming;
    httpd_on_gone(request, call_gone_cb, call);
}

// An empty body is an empty message in both.
static void call_by_json(struct connect *connect, struct httpd_request *request,
                         struct rpc_carry_opts *opts)
{
    struct arena arena;
    ProtobufCMessage *message;
    struct err_info info;
    struct span body = httpd_body(request);
    arena_init(&arena, 4096, 0);
    enum err err = json_read_message(opts->method->input, body.len > 0 ? body : span_of("{}"),
                                     &arena, &message, &info);
    if (err == ERR_OK) {
        opts->message = message;
        opts->arena = &arena;
        call_begin(connect, request, opts, true);
    } else {
        answer_status(request, rpc_status_of_err(err), info.text);
    }
    arena_deinit(&arena);
}

// A page in a browser on this machine reaches loopback addresses too, which ask for no key: a page
// has to send one.
static bool is_from_a_stranger(struct httpd_request *request)
{
    if (httpd_header(request, "Origin") == NULL || httpd_header(request, "Authorization") != NULL)
        return false;
    answer_status(request, RPC_PERMISSION_DENIED, "a page in a browser needs an Authorization");
    return true;
}

static void connect_handle(void *arg, struct httpd_request *request)
{
    struct connect *connect = arg;
    struct rpc_carry_opts opts = {0};
    bool json;
    opts.method = rpc_server_method(connect->server, httpd_path(request) + 1);
    if (opts.method == NULL) {
        answer_error(request, 404, "unimplemented", "there is no such method");
        return;
    }
    if (opts.method->stream) {
        answer_status(request, RPC_UNIMPLEMENTED, "the method is a stream: it needs gRPC");
        return;
    }
    if (is_from_a_stranger(request) || !headers_fit(request, &json, &opts.timeout_ms))
        return;
    if (json) {
        call_by_json(connect, request, &opts);
        return;
    }
    opts.body = httpd_body(request);
    call_begin(connect, request, &opts, false);
}

// ---- Routes -------------------------------------------------------------------------------------

// Length of the service's name in a method's.
static size_t service_bytes(const struct rpc_method *method)
{
    return (size_t)(strchr(method->name, '/') - method->name);
}

static bool is_first_of_service(const struct rpc_server *server, size_t n)
{
    const struct rpc_method *method = rpc_server_nth_method(server, n);
    const struct rpc_method *before = n == 0 ? NULL : rpc_server_nth_method(server, n - 1);
    size_t bytes = service_bytes(method);
    return before == NULL || service_bytes(before) != bytes ||
           memcmp(before->name, method->name, bytes) != 0;
}

static void add_route(struct connect *connect, const char *service, size_t body_bytes_max)
{
    char path[RPC_METHOD_MAX + 4];
    snprintf(path, sizeof path, "/%s/*", service);
    httpd_add(connect->httpd, &(struct httpd_route){.method = "POST",
                                                    .path = path,
                                                    .body_bytes_max = body_bytes_max,
                                                    .handler = connect_handle,
                                                    .arg = connect});
}

struct connect *connect_create(const struct connect_opts *opts)
{
    struct connect *connect = mem_zalloc(sizeof *connect);
    const struct rpc_method *method;
    size_t bytes =
        opts->body_bytes_max != 0 ? opts->body_bytes_max : (size_t)CONNECT_BODY_BYTES_DEFAULT;
    connect->httpd = opts->httpd;
    connect->server = opts->server;
    for (size_t n = 0; (method = rpc_server_nth_method(opts->server, n)) != NULL; n++) {
        char service[RPC_METHOD_MAX + 1];
        snprintf(service, sizeof service, "%.*s", (int)service_bytes(method), method->name);
        if (is_first_of_service(opts->server, n) &&
            (opts->service == NULL || strcmp(opts->service, service) == 0))
            add_route(connect, service, bytes);
    }
    return connect;
}

void connect_destroy(struct connect *connect)
{
    mem_free(connect);
}
