// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/rpc/client_impl.h"

// ---- How a call ends ----------------------------------------------------------------------------

static void call_set_status(struct rpc_call *call, enum rpc_status status, const char *text)
{
    call->status = status;
    mem_free(call->text);
    call->text = mem_dup_text(text);
}

static void call_set_statusf(struct rpc_call *call, enum rpc_status status, const char *format, ...)
    PRINTF_LIKE(3, 4);
static void call_set_statusf(struct rpc_call *call, enum rpc_status status, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    call_set_status(call, status, text);
}

static const ProtobufCMessage *call_unpack(struct rpc_call *call, struct span answer)
{
    ProtobufCMessage *message;
    struct err_info info;
    if (call->status != RPC_OK)
        return NULL;
    if (rpc_unpack(call->answer_type, answer, &call->client->scratch, &message, &info) == ERR_OK)
        return message;
    call_set_statusf(call, RPC_INTERNAL, "answer: %s", info.text);
    return NULL;
}

// The caller is told, and the call is gone.
static void call_report(struct rpc_call *call, struct span answer)
{
    const struct rpc_trace *outer = rpc_trace_enter(call->opts.trace);
    if (call->raw != NULL)
        call->raw(call->raw_arg, call->status, call->text, answer);
    else
        call->closure(call_unpack(call, answer), call->closure_data);
    rpc_trace_leave(outer);
    CHECK(call->client->n_calls > 0);
    call->client->n_calls--;
    mem_free(call->text);
    mem_free(call);
}

static struct span call_read_answer(struct rpc_call *call, nng_msg *msg)
{
    struct span head, body;
    enum rpc_status status;
    const char *text;
    struct rpc_client *client = call->client;
    if (!frame_split(span_make(nng_msg_body(msg), nng_msg_len(msg)), &head, &body) ||
        frame_response_read(head, &client->scratch, &status, &text) != ERR_OK) {
        call_set_statusf(call, RPC_INTERNAL, "malformed answer from %s", client->url);
        return (struct span){0};
    }
    call_set_status(call, status, text);
    if (status != RPC_OK)
        return (struct span){0};
    if (body.len > client->response_bytes_max) {
        call_set_statusf(call, RPC_RESOURCE_EXHAUSTED, "answer of %zu bytes, at most %zu", body.len,
                         client->response_bytes_max);
        return (struct span){0};
    }
    return body;
}

static void call_set_end_status(struct rpc_call *call)
{
    struct rpc_client *client = call->client;
    if (call->end_status == RPC_UNAVAILABLE)
        call_set_statusf(call, RPC_UNAVAILABLE, "connection to %s lost %d times during the call",
                         client->url, CLIENT_LOSSES_MAX + 1);
    else
        call_set_status(call, RPC_CANCELLED,
                        client->closing ? "the client is closing" : "cancelled");
}

static void call_set_failed(struct rpc_call *call, const struct line *line)
{
    struct rpc_client *client = call->client;
    if (!line->late)
        call_set_statusf(call, rpc_status_of_err(rpc_err_from_nng(line->rv)), "%s: %s", client->url,
                         nng_strerror(line->rv));
    else if (!line->had_connection && line->connects == atomic_load(&client->connects))
        call_set_statusf(call, RPC_UNAVAILABLE, "no connection to %s", client->url);
    else
        call_set_statusf(call, RPC_DEADLINE_EXCEEDED, "no answer from %s in time", client->url);
}

// ---- Lines --------------------------------------------------------------------------------------

static void call_free_line(struct line *line)
{
    struct rpc_client *client = line->client;
    line->phase = LINE_FREE;
    line->call = NULL;
    line->next_free = client->free_lines;
    client->free_lines = line;
    CHECK(client->n_busy > 0);
    client->n_busy--;
}

static struct line *call_take_line(struct rpc_client *client, struct rpc_call *call,
                                   uint64_t call_id)
{
    struct line *line = client->free_lines;
    client->free_lines = line->next_free;
    client->n_busy++;
    line->call = call;
    line->call_id = call_id;
    return line;
}

// The line carries a request to stop the call of that id.
static void call_tell_cancel(struct line *line, uint64_t call_id)
{
    struct frame_request head = {
        .method = "", .timeout_ms = CLIENT_CANCEL_MS, .call_id = call_id, .cancel = true};
    line->call = NULL;
    line_start(line, frame_request_create(&head, 0, NULL), CLIENT_CANCEL_MS);
}

void call_line_done(struct line *line)
{
    struct rpc_client *client = line->client;
    struct rpc_call *call = line->call;
    nng_msg *msg = line->answer;
    struct span answer = {0};
    line->answer = NULL;
    loop_timer_stop(line->deadline);
    if (call != NULL) {
        if (call->end_status != RPC_OK)
            call_set_end_status(call);
        else if (line->rv == 0)
            answer = call_read_answer(call, msg);
        else
            call_set_failed(call, line);
        if (line->late)
            client_suspect(client);
    }
    bool tell = call != NULL && call->end_status == RPC_CANCELLED && line->sent && line->rv != 0 &&
                !client->closing;
    if (tell)
        call_tell_cancel(line, line->call_id);
    else
        call_free_line(line);
    if (call != NULL)
        call_report(call, answer);
    if (msg != NULL)
        nng_msg_free(msg);
    arena_reset(&client->scratch);
    client_look_closed(client);
}

void call_end(struct rpc_call *call, enum rpc_status status)
{
    if (call->end_status != RPC_OK)
        return;
    call->end_status = status;
    if (call->line != NULL)
        line_end(call->line);
}

// ---- Start --------------------------------------------------------------------------------------

// Ends a call that was not sent, in the next turn.
static void call_fail_later(struct rpc_call *call)
{
    struct rpc_client *client = call->client;
    if (client->failed_last != NULL)
        client->failed_last->next_failed = call;
    else
        client->failed_first = call;
    client->failed_last = call;
    loop_timer_start(client->later, 0, 0);
}

void call_abandon(struct line *line)
{
    struct rpc_client *client = line->client;
    struct rpc_call *call = line->call;
    line->call = NULL;
    call->line = NULL;
    call->end_status = RPC_CANCELLED;
    call_set_end_status(call);
    call_fail_later(call);
    if (!line_waits(line) || !rpc_client_connected(client))
        line_end(line);
    else if (client->free_lines != NULL)
        call_tell_cancel(call_take_line(client, NULL, 0), line->call_id);
}

void call_report_failed(struct rpc_client *client)
{
    struct rpc_call *call = client->failed_first;
    client->failed_first = NULL;
    client->failed_last = NULL;
    while (call != NULL) {
        struct rpc_call *next = call->next_failed;
        call_report(call, (struct span){0});
        call = next;
    }
    client_look_closed(client);
}

static struct rpc_call *call_create(struct rpc_client *client, const struct rpc_call_opts *opts)
{
    struct rpc_call *call = mem_zalloc(sizeof *call);
    call->client = client;
    if (opts != NULL)
        call->opts = *opts;
    if (call->opts.trace == NULL)
        call->opts.trace = rpc_trace_now();
    if (call->opts.trace != NULL) {
        call->trace = *call->opts.trace;
        call->opts.trace = &call->trace;
    }
    if (call->opts.timeout_ms <= 0)
        call->opts.timeout_ms = CLIENT_TIMEOUT_DEFAULT_MS;
    if (call->opts.timeout_ms > INT32_MAX)
        call->opts.timeout_ms = INT32_MAX;
    client->n_calls++;
    return call;
}

static bool call_metadata_fits(const struct rpc_call *call)
{
    if (call->opts.n_metadata > RPC_METADATA_MAX)
        return false;
    for (size_t i = 0; i < call->opts.n_metadata; i++)
        if (strlen(call->opts.metadata[i].key) > RPC_TEXT_MAX ||
            strlen(call->opts.metadata[i].value) > RPC_TEXT_MAX)
            return false;
    return true;
}

// Whether the call can be sent; sets its status when not.
static bool call_may_start(struct rpc_call *call, size_t body_bytes)
{
    struct rpc_client *client = call->client;
    if (client->closing || call->end_status != RPC_OK)
        call_set_end_status(call);
    else if (!call_metadata_fits(call))
        call_set_statusf(call, RPC_INVALID_ARGUMENT, "metadata: more than %d pairs or %d bytes",
                         RPC_METADATA_MAX, RPC_TEXT_MAX);
    else if (body_bytes > client->request_bytes_max)
        call_set_statusf(call, RPC_RESOURCE_EXHAUSTED, "request of %zu bytes, at most %zu",
                         body_bytes, client->request_bytes_max);
    else if (client->free_lines == NULL)
        call_set_statusf(call, RPC_RESOURCE_EXHAUSTED, "%u calls to %s in flight", client->n_lines,
                         client->url);
    else
        return true;
    return false;
}

// What the client says of itself, unless the call says it.
static size_t call_add_authorization(const struct rpc_call *call, struct rpc_pair *out, size_t n)
{
    struct rpc_client *client = call->client;
    if (client->authorization == NULL || n == RPC_METADATA_MAX)
        return n;
    for (size_t i = 0; i < n; i++)
        if (strcmp(out[i].key, RPC_KEY_AUTHORIZATION) == 0)
            return n;
    const char *value = client->authorization(client->authorization_arg);
    CHECK(strlen(value) <= RPC_TEXT_MAX);
    if (value[0] != '\0')
        out[n++] = (struct rpc_pair){RPC_KEY_AUTHORIZATION, value};
    return n;
}

static size_t call_metadata(const struct rpc_call *call, struct rpc_pair out[RPC_METADATA_MAX])
{
    size_t n = call->opts.n_metadata;
    for (size_t i = 0; i < n; i++)
        out[i] = call->opts.metadata[i];
    n = call_add_authorization(call, out, n);
    if (call->opts.trace == NULL || n + 2 > RPC_METADATA_MAX)
        return n;
    out[n++] = (struct rpc_pair){RPC_KEY_REQUEST_ID, call->trace.request_id};
    out[n++] = (struct rpc_pair){RPC_KEY_TRACEPARENT, call->trace.traceparent};
    return n;
}

// The message goes to `*body` of what is returned; NULL when the call has failed.
static nng_msg *call_frame(struct rpc_call *call, const char *method, size_t body_bytes,
                           uint8_t **body)
{
    struct rpc_client *client = call->client;
    CHECK(!call->started && strlen(method) <= RPC_METHOD_MAX);
    call->started = true;
    if (!call_may_start(call, body_bytes)) {
        call_fail_later(call);
        return NULL;
    }
    struct rpc_pair metadata[RPC_METADATA_MAX];
    struct frame_request head = {
        .method = method,
        .timeout_ms = (uint32_t)call->opts.timeout_ms,
        .call_id = ++client->call_id,
        .metadata = metadata,
        .n_metadata = call_metadata(call, metadata),
    };
    return frame_request_create(&head, body_bytes, body);
}

static void call_send(struct rpc_call *call, nng_msg *msg)
{
    struct rpc_client *client = call->client;
    struct line *line = call_take_line(client, call, client->call_id);
    call->line = line;
    line_start(line, msg, call->opts.timeout_ms);
}

static void call_invoke(ProtobufCService *service, unsigned method_index,
                        const ProtobufCMessage *input, ProtobufCClosure closure, void *closure_data)
{
    struct rpc_call *call = (struct rpc_call *)service;
    const ProtobufCServiceDescriptor *descriptor = service->descriptor;
    const ProtobufCMethodDescriptor *method = &descriptor->methods[method_index];
    CHECK(method_index < descriptor->n_methods);
    char name[RPC_METHOD_MAX + 2];
    snprintf(name, sizeof name, "%s/%s", descriptor->name, method->name);
    call->answer_type = method->output;
    call->closure = closure;
    call->closure_data = closure_data;
    uint8_t *body;
    size_t bytes = protobuf_c_message_get_packed_size(input);
    nng_msg *msg = call_frame(call, name, bytes, &body);
    if (msg == NULL)
        return;
    CHECK(protobuf_c_message_pack(input, body) == bytes);
    call_send(call, msg);
}

struct rpc_call *rpc_call_begin(struct rpc_client *client,
                                const ProtobufCServiceDescriptor *service,
                                const struct rpc_call_opts *opts)
{
    CHECK(service->magic == PROTOBUF_C__SERVICE_DESCRIPTOR_MAGIC);
    struct rpc_call *call = call_create(client, opts);
    call->service.descriptor = service;
    call->service.invoke = call_invoke;
    return call;
}

enum rpc_status rpc_call_status(const struct rpc_call *call)
{
    return call->status;
}

const char *rpc_call_text(const struct rpc_call *call)
{
    return call->text == NULL ? "" : call->text;
}

void rpc_call_cancel(struct rpc_call *call)
{
    call_end(call, RPC_CANCELLED);
}

void rpc_call_raw(struct rpc_client *client, const char *method, struct span body,
                  const struct rpc_call_opts *opts, rpc_raw_cb cb, void *arg)
{
    CHECK(cb != NULL);
    struct rpc_call *call = call_create(client, opts);
    call->raw = cb;
    call->raw_arg = arg;
    uint8_t *to;
    nng_msg *msg = call_frame(call, method, body.len, &to);
    if (msg == NULL)
        return;
    if (body.len > 0)
        memcpy(to, body.ptr, body.len);
    call_send(call, msg);
}

// ---- Waiting ------------------------------------------------------------------------------------

struct call_wait {
    struct loop *loop;
    bool done;
    const ProtobufCMessageDescriptor *answer_type;
    const struct rpc_call_opts *opts;
    struct arena *arena;
    ProtobufCMessage **answer;
    struct err_info *info;
    enum err err;
};

static void call_wait_cb(void *arg, enum rpc_status status, const char *text, struct span answer)
{
    struct call_wait *wait = arg;
    wait->done = true;
    loop_stop(wait->loop);
    if (status == RPC_OK) {
        wait->err = rpc_unpack(wait->answer_type, answer, wait->arena, wait->answer, wait->info);
        return;
    }
    if (wait->opts != NULL && wait->opts->full_text != NULL)
        *wait->opts->full_text = arena_dup(wait->arena, span_of(text));
    wait->err = err_set(wait->info, rpc_err_of_status(status), "%s",
                        text[0] != '\0' ? text : rpc_status_name(status));
}

enum err rpc_call_wait(struct loop *loop, struct rpc_client *client, const char *method,
                       const ProtobufCMessage *request,
                       const ProtobufCMessageDescriptor *answer_type,
                       const struct rpc_call_opts *opts, struct arena *arena,
                       ProtobufCMessage **answer, struct err_info *info)
{
    struct call_wait wait = {.loop = loop,
                             .answer_type = answer_type,
                             .opts = opts,
                             .arena = arena,
                             .answer = answer,
                             .info = info};
    size_t bytes = protobuf_c_message_get_packed_size(request);
    struct rpc_call *call = call_create(client, opts);
    call->raw = call_wait_cb;
    call->raw_arg = &wait;
    *answer = NULL;
    uint8_t *body;
    nng_msg *msg = call_frame(call, method, bytes, &body);
    if (msg != NULL) {
        CHECK(protobuf_c_message_pack(request, body) == bytes);
        call_send(call, msg);
    }
    while (!wait.done)
        loop_run(loop);
    return wait.err;
}
