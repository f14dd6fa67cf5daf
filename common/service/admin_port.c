// SPDX-License-Identifier: Apache-2.0
#include "common/service/admin_port.h"

#include <stdio.h>
#include <string.h>

#include "assay/admin/v1/admin.pb-c.h"
#include "common/base/mem.h"
#include "common/httpd/httpd.h"
#include "common/rpc/carry.h"
#include "common/rpc_json/connect.h"
#include "common/service/service_impl.h"

#define ADMIN_METHOD(name) "assay.admin.v1.AdminService/" name
#define TEXT_TYPE "text/plain; charset=utf-8"

enum {
    CALL_TIMEOUT_MS = 60 * 1000,
    REQUESTS_MAX = 64,
    CONNECTIONS_MAX = 256,
    DOCUMENT_BYTES_MAX = 4 * 1024 * 1024,
    LEVEL_BYTES_MAX = 64,
};

struct admin_port {
    struct service *service;
    struct httpd *httpd;
    struct connect *connect; // AdminService by JSON
    void (*closed)(void *arg);
    void *closed_arg;
};

static void answer_text(struct httpd_request *request, int status, const char *text)
{
    httpd_answer(request, status, TEXT_TYPE, span_of(text));
}

// ---- Probes: for everybody ----------------------------------------------------------------------

// The loop turns, or this would not be answered.
static void live(void *arg, struct httpd_request *request)
{
    (void)arg;
    answer_text(request, 200, "ok\n");
}

static void ready(void *arg, struct httpd_request *request)
{
    const struct admin_port *port = arg;
    const struct service *service = port->service;
    const char *text =
        arena_printf(httpd_arena(request), "%s\n", service->ready ? "ready" : service->reason);
    answer_text(request, service->ready ? 200 : 503, text);
}

static void started(void *arg, struct httpd_request *request)
{
    const struct admin_port *port = arg;
    const struct service *service = port->service;
    if (service->was_ready)
        answer_text(request, 200, "started\n");
    else
        answer_text(request, 503, arena_printf(httpd_arena(request), "%s\n", service->reason));
}

// ---- Calls of AdminService ----------------------------------------------------------------------

// One call on its way. It is over when it has ended, or when the peer has gone.
struct admin_call {
    struct admin_port *port;
    struct httpd_request *request;
    struct rpc_incoming *incoming;
    // Makes the answer of the call's message.
    void (*answer)(struct admin_call *call, const ProtobufCMessage *message);
    bool answered;
};

// A path whose call this program does not serve is one that there is not.
static int http_status(enum rpc_status status)
{
    return status == RPC_UNIMPLEMENTED ? 404 : rpc_http_status(status);
}

static void call_message(void *carrier, const ProtobufCMessage *message)
{
    struct admin_call *call = carrier;
    call->answered = true;
    call->answer(call, message);
}

// The reason of a failure as it is: reports of documents have lines.
static void call_end(void *carrier, enum rpc_status status, const char *text)
{
    struct admin_call *call = carrier;
    if (!call->answered) {
        int http = http_status(status);
        if (http == 401)
            httpd_set_header(call->request, "WWW-Authenticate", "Bearer");
        if (http == 429 || http == 503)
            httpd_set_header(call->request, "Retry-After", "1");
        bool line = text[0] != '\0' && text[strlen(text) - 1] == '\n';
        answer_text(call->request, http,
                    arena_printf(httpd_arena(call->request), "%s%s",
                                 text[0] != '\0' ? text : rpc_status_name(status),
                                 line ? "" : "\n"));
    }
    mem_free(call);
}

static void call_gone_cb(void *arg)
{
    struct admin_call *call = arg;
    rpc_carried_cancel(call->incoming);
    answer_text(call->request, 499, "");
    mem_free(call);
}

// Begins a call whose message lives in `arena`, which is taken over.
static void carry(struct admin_port *port, struct httpd_request *request, const char *method,
                  const ProtobufCMessage *message, struct arena *arena,
                  void (*answer)(struct admin_call *call, const ProtobufCMessage *message))
{
    static const struct rpc_carrier_ops OPS = {.message = call_message, .end = call_end};
    struct admin_call *call = mem_zalloc(sizeof *call);
    *call = (struct admin_call){.port = port, .request = request, .answer = answer};
    const char *token = httpd_header(request, "Authorization");
    const struct rpc_pair metadata[] = {
        {RPC_KEY_REQUEST_ID, httpd_request_id(request)},
        {RPC_KEY_TRACEPARENT, httpd_traceparent(request)},
        {"authorization", token},
    };
    const struct rpc_carry_opts opts = {
        .method = rpc_server_method(port->service->server, method),
        .way = RPC_WAY_HTTP,
        .peer = httpd_peer(request),
        .message = message,
        .arena = arena,
        .timeout_ms = CALL_TIMEOUT_MS,
        .metadata = metadata,
        .n_metadata = ARRAY_LEN(metadata) - (token == NULL),
    };
    struct rpc_incoming *incoming = rpc_carry(port->service->server, &opts, &OPS, call);
    if (incoming == NULL)
        return; // it has ended
    call->incoming = incoming;
    httpd_on_gone(request, call_gone_cb, call);
}

static void answer_metrics(struct admin_call *call, const ProtobufCMessage *message)
{
    const Assay__Admin__V1__GetMetricsResponse *answer = (const void *)message;
    httpd_answer(call->request, 200, "text/plain; version=0.0.4; charset=utf-8",
                 span_of(answer->text));
}

static void metrics(void *arg, struct httpd_request *request)
{
    struct arena arena;
    arena_init(&arena, 1024, 0);
    Assay__Admin__V1__GetMetricsRequest *message = arena_alloc(&arena, sizeof *message);
    *message = (Assay__Admin__V1__GetMetricsRequest)ASSAY__ADMIN__V1__GET_METRICS_REQUEST__INIT;
    carry(arg, request, ADMIN_METHOD("GetMetrics"), &message->base, &arena, answer_metrics);
}

static void answer_version(struct admin_call *call, const ProtobufCMessage *message)
{
    const Assay__Admin__V1__GetStatusResponse *answer = (const void *)message;
    struct buf text = {0};
    buf_append_text(&text, "{\"program\": ");
    buf_append_json(&text, span_of(call->port->service->desc->program));
    buf_append_text(&text, ", \"name\": ");
    buf_append_json(&text, span_of(answer->service));
    buf_append_text(&text, ", \"version\": ");
    buf_append_json(&text, span_of(answer->version));
    buf_append_text(&text, ", \"document\": ");
    buf_append_json(&text, span_of(answer->document));
    buf_printf(&text, ", \"ready\": %s, \"pid\": %lld, \"started_at_ms\": %lld}\n",
               answer->ready ? "true" : "false", (long long)answer->pid,
               (long long)answer->started_at_ms);
    httpd_answer(call->request, 200, "application/json", buf_span(&text));
    buf_deinit(&text);
}

static void answer_level(struct admin_call *call, const ProtobufCMessage *message)
{
    (void)message;
    answer_text(call->request, 200,
                arena_printf(httpd_arena(call->request), "%s\n", log_level_name(log_level())));
}

static void get_status(struct admin_port *port, struct httpd_request *request,
                       void (*answer)(struct admin_call *call, const ProtobufCMessage *message))
{
    struct arena arena;
    arena_init(&arena, 1024, 0);
    Assay__Admin__V1__GetStatusRequest *message = arena_alloc(&arena, sizeof *message);
    *message = (Assay__Admin__V1__GetStatusRequest)ASSAY__ADMIN__V1__GET_STATUS_REQUEST__INIT;
    carry(port, request, ADMIN_METHOD("GetStatus"), &message->base, &arena, answer);
}

static void version(void *arg, struct httpd_request *request)
{
    get_status(arg, request, answer_version);
}

static void get_level(void *arg, struct httpd_request *request)
{
    get_status(arg, request, answer_level);
}

// A page in a browser on this machine reaches loopback addresses too, and says so: whatever changes
// something is not for it.
static bool is_from_a_page(struct httpd_request *request)
{
    if (httpd_header(request, "Origin") == NULL)
        return false;
    answer_text(request, 403, "not for pages in a browser\n");
    return true;
}

// "debug", "debug\n", "\"debug\"".
static char *word_of_body(struct httpd_request *request, struct arena *arena)
{
    struct span body = httpd_body(request);
    const char *from = body.ptr, *to = from + body.len;
    while (from < to && strchr(" \t\r\n\"", *from) != NULL)
        from++;
    while (from < to && strchr(" \t\r\n\"", to[-1]) != NULL)
        to--;
    return arena_dup(arena, span_make(from, (size_t)(to - from)));
}

static void set_level(void *arg, struct httpd_request *request)
{
    struct arena arena;
    if (is_from_a_page(request))
        return;
    arena_init(&arena, 1024, 0);
    Assay__Admin__V1__SetLogLevelRequest *message = arena_alloc(&arena, sizeof *message);
    *message = (Assay__Admin__V1__SetLogLevelRequest)ASSAY__ADMIN__V1__SET_LOG_LEVEL_REQUEST__INIT;
    message->level = word_of_body(request, &arena);
    carry(arg, request, ADMIN_METHOD("SetLogLevel"), &message->base, &arena, answer_level);
}

static void answer_reload(struct admin_call *call, const ProtobufCMessage *message)
{
    const Assay__Admin__V1__LoadDocumentResponse *answer = (const void *)message;
    const char *text = arena_printf(httpd_arena(call->request), "%s %s\n", answer->document,
                                    answer->changed ? "changed" : "unchanged");
    answer_text(call->request, 200, text);
}

static void reload(void *arg, struct httpd_request *request)
{
    struct arena arena;
    if (is_from_a_page(request))
        return;
    const char *check = httpd_query(request, "check"), *file = httpd_query(request, "file");
    struct span body = httpd_body(request);
    if (check != NULL && strcmp(check, "true") != 0 && strcmp(check, "false") != 0) {
        answer_text(request, 400, "check: expected true or false\n");
        return;
    }
    arena_init(&arena, 1024, 0);
    Assay__Admin__V1__LoadDocumentRequest *message = arena_alloc(&arena, sizeof *message);
    *message = (Assay__Admin__V1__LoadDocumentRequest)ASSAY__ADMIN__V1__LOAD_DOCUMENT_REQUEST__INIT;
    message->file = arena_dup(&arena, span_of(file));
    message->text = (ProtobufCBinaryData){body.len, (uint8_t *)(uintptr_t)body.ptr};
    message->check_only = check != NULL && strcmp(check, "true") == 0;
    carry(arg, request, ADMIN_METHOD("LoadDocument"), &message->base, &arena, answer_reload);
}

// ---- Life ---------------------------------------------------------------------------------------

static void add_routes(struct admin_port *port)
{
    const struct httpd_route routes[] = {
        {"GET", "/livez", 1, live, port},
        {"GET", "/readyz", 1, ready, port},
        {"GET", "/startupz", 1, started, port},
        {"GET", "/metrics", 1, metrics, port},
        {"GET", "/version", 1, version, port},
        {"GET", "/log-level", 1, get_level, port},
        {"PUT", "/log-level", LEVEL_BYTES_MAX, set_level, port},
        {"POST", "/reload", DOCUMENT_BYTES_MAX, reload, port},
    };
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        httpd_add(port->httpd, &routes[i]);
}

enum err admin_port_open(struct service *service, const char *address, struct admin_port **out,
                         struct err_info *info)
{
    struct admin_port *port = mem_zalloc(sizeof *port);
    service->meter = httpd_meter_create(service->metrics, "admin");
    const struct httpd_opts opts = {.address = address,
                                    .connections_max = CONNECTIONS_MAX,
                                    .requests_max = REQUESTS_MAX,
                                    .meter = service->meter};
    port->service = service;
    enum err err = httpd_open(service->loop, &opts, &port->httpd, info);
    if (err != ERR_OK) {
        mem_free(port);
        return err_prefix(info, err, "admin");
    }
    add_routes(port);
    port->connect = connect_create(&(struct connect_opts){
        .httpd = port->httpd, .server = service->server, .service = "assay.admin.v1.AdminService"});
    *out = port;
    return ERR_OK;
}

const char *admin_port_address(const struct admin_port *port)
{
    return httpd_address(port->httpd);
}

static void httpd_closed_cb(void *arg)
{
    struct admin_port *port = arg;
    void (*closed)(void *arg) = port->closed;
    void *closed_arg = port->closed_arg;
    connect_destroy(port->connect);
    mem_free(port);
    closed(closed_arg);
}

void admin_port_close(struct admin_port *port, int64_t drain_ms, void (*closed)(void *arg),
                      void *arg)
{
    port->closed = closed;
    port->closed_arg = arg;
    httpd_close(port->httpd, drain_ms, httpd_closed_cb, port);
}
