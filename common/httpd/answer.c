// SPDX-License-Identifier: Apache-2.0
// Answers: made at once, sent by libmicrohttpd when it asks for them.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/httpd/httpd_impl.h"
#include "common/log/log.h"

#define LOG_COMPONENT "httpd"

// What libmicrohttpd takes, and a little less.
static bool is_clean(const char *text)
{
    const char *at = text;
    while ((unsigned char)*at >= ' ' && *at != 0x7f)
        at++;
    return at > text && *at == '\0';
}

void httpd_set_header(struct httpd_request *request, const char *name, const char *value)
{
    CHECK(request->state != HTTPD_ANSWERED && is_clean(name) && is_clean(value));
    struct httpd_field *field = arena_alloc(&request->arena, sizeof *field);
    *field = (struct httpd_field){request->fields, arena_dup(&request->arena, span_of(name)),
                                  arena_dup(&request->arena, span_of(value))};
    request->fields = field;
}

static void add(struct MHD_Response *response, const char *name, const char *value)
{
    CHECK(MHD_add_response_header(response, name, value) == MHD_YES);
}

static struct MHD_Response *make(struct httpd_request *request, const char *type, struct span body)
{
    const struct httpd *httpd = request->httpd;
    void *copy = mem_alloc(body.len + 1);
    if (body.len > 0)
        memcpy(copy, body.ptr, body.len);
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback(body.len, copy, mem_free);
    CHECK(response != NULL);
    httpd_pages_admit(request);
    for (const struct httpd_field *f = request->fields; f != NULL; f = f->next)
        add(response, f->name, f->value);
    if (type != NULL && type[0] != '\0')
        add(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    add(response, "X-Request-Id", request->trace.request_id);
    if (httpd->closing)
        add(response, MHD_HTTP_HEADER_CONNECTION, "close");
    return response;
}

static void log_answer(const struct httpd_request *request, int status)
{
    if (!log_enabled(LOG_LEVEL_DEBUG))
        return;
    // The route and not the path: a path may hold a secret.
    const struct rpc_trace *outer = rpc_trace_enter(&request->trace);
    LOG_DEBUG("request", "method=%s route=%s status=%d us=%llu body_bytes=%zu", request->method,
              request->entry != NULL ? request->entry->path : "-", status,
              (unsigned long long)(clock_mono_ns() - request->began_ns) / 1000, request->body.len);
    rpc_trace_leave(outer);
}

static void count_answer(const struct httpd_request *request, int status)
{
    const struct httpd *httpd = request->httpd;
    struct httpd_route_meter *meter =
        request->entry != NULL ? request->entry->meter : httpd->unknown;
    httpd_meter_count(meter, status, clock_mono_ns() - request->began_ns);
}

void httpd_answer(struct httpd_request *request, int status, const char *type, struct span body)
{
    CHECK(request->state != HTTPD_ANSWERED && status >= 200 && status <= 599);
    bool abandoned = request->abandoned;
    if (!abandoned) {
        request->response = make(request, type, body);
        request->status = status;
        count_answer(request, status);
        log_answer(request, status);
    }
    httpd_request_release(request);
    request->state = HTTPD_ANSWERED;
    if (request->connection == NULL)
        httpd_request_free(request); // into nothing
    else if (!abandoned && !request->in_handler) {
        MHD_resume_connection(request->connection->mhd);
        loop_timer_start(request->httpd->again, 0, 0);
    }
}

void httpd_fail(struct httpd_request *request, int status, int retry_after_s, const char *format,
                ...)
{
    char text[1024], seconds[16];
    struct buf body = {0};
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    buf_append_text(&body, "{\"error\": ");
    buf_append_json(&body, span_of(text));
    buf_append_text(&body, "}\n");
    if (retry_after_s > 0) {
        snprintf(seconds, sizeof seconds, "%d", retry_after_s);
        httpd_set_header(request, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    }
    httpd_answer(request, status, "application/json", buf_span(&body));
    buf_deinit(&body);
}

void httpd_answer_refusal(struct httpd_request *request)
{
    request->httpd->stats.refused++;
    httpd_fail(request, request->refusal, request->retry_after_s, "%s", request->refusal_text);
}
