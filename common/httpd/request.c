// SPDX-License-Identifier: Apache-2.0
// A request from its header to its answer. libmicrohttpd calls httpd_access_cb when the header is
// there, for each piece of the body, when all has come, and again after each resume.
//
//     READING ──whole──► IN_WORK ──answer──► ANSWERED ──► completed
//        └──refused (answer.c)──────────────────▲
//
// - What is refused (no such route, too large, too many) is remembered; the answer goes out when
//   the body has been read, because libmicrohttpd takes no answer in between and a peer that still
//   sends would not see it. A body that is much too large, or that waits for "100 Continue", gets
//   it at once, and the connection ends.
// - A handler that answers later finds its connection suspended; the answer resumes it.
// - The server closes without waiting: the connection ends, the request lives on until it is
//   answered.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/clock/clock.h"
#include "common/httpd/httpd_impl.h"

static const char *header(struct MHD_Connection *mhd, const char *name)
{
    return MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, name);
}

PRINTF_LIKE(4, 5)
static void refuse(struct httpd_request *request, int status, int retry_after_s, const char *format,
                   ...)
{
    if (request->refusal != 0)
        return;
    request->refusal = status;
    request->retry_after_s = retry_after_s;
    va_list args;
    va_start(args, format);
    vsnprintf(request->refusal_text, sizeof request->refusal_text, format, args);
    va_end(args);
}

static void refuse_body(struct httpd_request *request, int status)
{
    if (status == 413)
        refuse(request, 413, 0, "the body is larger than %zu bytes, packed or unpacked",
               request->body.bytes_max);
    else if (status == 503)
        refuse(request, 503, 1, "too many request bodies at once");
    else
        refuse(request, status, 0, "the body is not what its Content-Encoding says");
    httpd_body_deinit(&request->body);
}

static void write_peer(struct MHD_Connection *mhd, char *out, size_t n)
{
    const struct sockaddr *at =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
    char host[INET6_ADDRSTRLEN] = "";
    if (at != NULL && at->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)at;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
        snprintf(out, n, "%s:%u", host, ntohs(in->sin_port));
    } else if (at != NULL && at->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)at;
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
        snprintf(out, n, "[%s]:%u", host, ntohs(in6->sin6_port));
    }
}

static void find_route(struct httpd_request *request)
{
    char allow[HTTPD_TEXT_MAX];
    request->entry = httpd_route_find(request->httpd, request->method, request->path, allow);
    if (request->entry != NULL)
        return;
    if (allow[0] == '\0') {
        refuse(request, 404, 0, "there is nothing at this path");
        return;
    }
    httpd_set_header(request, MHD_HTTP_HEADER_ALLOW, allow);
    refuse(request, 405, 0, "this path takes %s", allow);
}

static struct httpd_request *request_create(struct httpd *httpd, struct MHD_Connection *mhd,
                                            const char *method, const char *path)
{
    struct httpd_request *request = mem_zalloc(sizeof *request);
    request->httpd = httpd;
    request->connection = httpd_connection_of(mhd);
    request->began_ns = clock_mono_ns();
    arena_init(&request->arena, 4096, 0);
    request->method = arena_dup(&request->arena, span_of(method));
    request->path = arena_dup(&request->arena, span_of(path));
    rpc_trace_make(&request->trace, header(mhd, "X-Request-Id"), header(mhd, "traceparent"));
    write_peer(mhd, request->peer, sizeof request->peer);
    httpd->stats.requests++;
    return request;
}

// The length that the header promises; 0 when it does not say.
static uint64_t promised_bytes(struct MHD_Connection *mhd)
{
    uint64_t bytes = 0;
    const char *length = header(mhd, MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (length != NULL && !text_to_u64(span_of(length), &bytes))
        bytes = UINT64_MAX;
    return bytes;
}

static enum MHD_Result queue(struct httpd_request *request)
{
    struct MHD_Response *response = request->response;
    request->response = NULL;
    httpd_connection_phase(request->httpd, request->connection, HTTPD_ANSWERING);
    enum MHD_Result result =
        MHD_queue_response(request->connection->mhd, (unsigned)request->status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_refusal(struct httpd_request *request)
{
    request->in_handler = true;
    httpd_answer_refusal(request);
    request->in_handler = false;
    return queue(request);
}

// The header is there.
static enum MHD_Result begin(struct httpd_request *request)
{
    struct httpd *httpd = request->httpd;
    struct MHD_Connection *mhd = request->connection->mhd;
    uint64_t promised = promised_bytes(mhd);
    const char *expect = header(mhd, MHD_HTTP_HEADER_EXPECT);
    enum httpd_coding coding = httpd_coding_parse(header(mhd, MHD_HTTP_HEADER_CONTENT_ENCODING));
    find_route(request);
    size_t bytes_max =
        request->entry != NULL ? request->entry->body_bytes_max : httpd->opts.body_bytes_max;
    httpd_body_init(&request->body, coding, bytes_max, &httpd->bodies);
    httpd_connection_phase(httpd, request->connection, HTTPD_BODY);
    if (coding == HTTPD_UNKNOWN_CODING) {
        httpd_set_header(request, MHD_HTTP_HEADER_ACCEPT_ENCODING, "gzip, deflate, zstd");
        refuse(request, 415, 0, "the Content-Encoding is none of gzip, deflate, zstd");
    }
    if (promised > bytes_max)
        refuse_body(request, 413);
    bool waits = expect != NULL && strcasecmp(expect, "100-continue") == 0;
    if (request->refusal != 0 && (waits || promised > HTTPD_DISCARD_BYTES))
        return answer_refusal(request);
    return MHD_YES;
}

static enum MHD_Result take(struct httpd_request *request, struct span piece)
{
    if (request->refusal == 0) {
        int status = httpd_body_take(&request->body, piece);
        if (status != 0)
            refuse_body(request, status);
        return MHD_YES;
    }
    request->body.as_sent += piece.len;
    if (request->body.as_sent <= request->body.bytes_max + HTTPD_DISCARD_BYTES)
        return MHD_YES;
    // It does not stop: the connection ends without an answer.
    return MHD_NO;
}

static void gone_cb(void *arg)
{
    struct httpd_request *request = arg;
    void (*cb)(void *arg) = request->gone_cb;
    loop_poll_destroy(request->gone_poll);
    request->gone_poll = NULL;
    request->gone_cb = NULL;
    cb(request->gone_arg);
}

static void watch_peer(struct httpd_request *request)
{
    request->gone_poll = loop_poll_create(request->httpd->loop, request->connection->fd,
                                          LOOP_POLL_GONE, gone_cb, request);
}

void httpd_on_gone(struct httpd_request *request, void (*cb)(void *arg), void *arg)
{
    CHECK(request->state == HTTPD_IN_WORK && cb != NULL && request->gone_cb == NULL);
    request->gone_cb = cb;
    request->gone_arg = arg;
    if (!request->in_handler && request->connection != NULL)
        watch_peer(request);
}

static enum MHD_Result hand_over(struct httpd_request *request)
{
    struct httpd *httpd = request->httpd;
    request->state = HTTPD_IN_WORK;
    httpd->stats.in_work++;
    request->next = httpd->working;
    if (request->next != NULL)
        request->next->prev = request;
    httpd->working = request;
    httpd_connection_phase(httpd, request->connection, HTTPD_WORKING);
    const struct rpc_trace *outer = rpc_trace_enter(&request->trace);
    request->in_handler = true;
    request->entry->handler(request->entry->arg, request);
    request->in_handler = false;
    rpc_trace_leave(outer);
    if (request->state == HTTPD_ANSWERED)
        return queue(request);
    MHD_suspend_connection(request->connection->mhd);
    if (request->gone_cb != NULL)
        watch_peer(request);
    return MHD_YES;
}

// The whole request is there.
static enum MHD_Result go(struct httpd_request *request)
{
    const struct httpd *httpd = request->httpd;
    int status = request->refusal == 0 ? httpd_body_end(&request->body) : 0;
    if (status != 0)
        refuse_body(request, status);
    if (request->refusal == 0 && httpd->stats.in_work >= httpd->opts.requests_max)
        refuse(request, 503, 1, "%u requests are being worked on", httpd->stats.in_work);
    return request->refusal != 0 ? answer_refusal(request) : hand_over(request);
}

enum MHD_Result httpd_access_cb(void *cls, struct MHD_Connection *mhd, const char *url,
                                const char *method, const char *version, const char *data,
                                size_t *n, void **closure)
{
    struct httpd_request *request = *closure;
    (void)version;
    if (request == NULL) {
        *closure = request = request_create(cls, mhd, method, url);
        return begin(request);
    }
    if (*n > 0) {
        struct span piece = {data, *n};
        *n = 0;
        return take(request, piece);
    }
    switch (request->state) {
    case HTTPD_READING:
        return go(request);
    case HTTPD_IN_WORK:
        CHECK(request->abandoned);
        return MHD_NO;
    case HTTPD_ANSWERED:
        return queue(request);
    }
    return MHD_NO;
}

void httpd_completed_cb(void *cls, struct MHD_Connection *mhd, void **closure,
                        enum MHD_RequestTerminationCode code)
{
    struct httpd *httpd = cls;
    struct httpd_request *request = *closure;
    (void)mhd;
    if (request == NULL)
        return;
    if (code != MHD_REQUEST_TERMINATED_COMPLETED_OK && !request->connection->cut)
        httpd->stats.cut++;
    httpd_connection_phase(httpd, request->connection, HTTPD_WAITING);
    request->connection = NULL;
    *closure = NULL;
    if (request->state == HTTPD_IN_WORK)
        return; // its handler still has it
    if (request->state == HTTPD_READING)
        httpd_request_release(request);
    httpd_request_free(request);
}

// ---- The end ------------------------------------------------------------------------------------

static void leave_work(struct httpd_request *request)
{
    struct httpd *httpd = request->httpd;
    if (request->next != NULL)
        request->next->prev = request->prev;
    if (request->prev != NULL)
        request->prev->next = request->next;
    else
        httpd->working = request->next;
    request->prev = request->next = NULL;
    CHECK(httpd->stats.in_work > 0);
    httpd->stats.in_work--;
}

void httpd_request_release(struct httpd_request *request)
{
    if (request->state == HTTPD_IN_WORK && !request->abandoned)
        leave_work(request);
    loop_poll_destroy(request->gone_poll);
    request->gone_poll = NULL;
    request->gone_cb = NULL;
    request->fields = NULL;
    httpd_body_deinit(&request->body);
    arena_deinit(&request->arena);
}

void httpd_request_free(struct httpd_request *request)
{
    if (request->response != NULL)
        MHD_destroy_response(request->response);
    mem_free(request);
}

// The request has no server any more: nothing of that may be used, and what it holds is not
// counted.
static void abandon(struct httpd_request *request)
{
    leave_work(request);
    request->abandoned = true;
    request->httpd = NULL;
    httpd_body_uncount(&request->body);
    loop_poll_destroy(request->gone_poll);
    request->gone_poll = NULL;
    MHD_resume_connection(request->connection->mhd);
}

static struct httpd_request *first_with_gone_cb(const struct httpd *httpd)
{
    struct httpd_request *request = httpd->working;
    while (request != NULL && request->gone_cb == NULL)
        request = request->next;
    return request;
}

void httpd_abandon_all(struct httpd *httpd)
{
    struct httpd_request *request;
    // Those who want to know may answer then, and change the list.
    while ((request = first_with_gone_cb(httpd)) != NULL)
        gone_cb(request);
    while (httpd->working != NULL)
        abandon(httpd->working);
}

// ---- For handlers -------------------------------------------------------------------------------

const char *httpd_path(const struct httpd_request *request)
{
    return request->path;
}

// Copied: libmicrohttpd's own ends with the connection, which may end before the handler answers.
static char *look_up(const struct httpd_request *request, enum MHD_ValueKind kind, const char *name)
{
    if (request->connection == NULL)
        return NULL;
    const char *value = MHD_lookup_connection_value(request->connection->mhd, kind, name);
    if (value == NULL)
        return NULL;
    return arena_dup(&((struct httpd_request *)request)->arena, span_of(value));
}

const char *httpd_header(const struct httpd_request *request, const char *name)
{
    char *value = look_up(request, MHD_HEADER_KIND, name);
    for (char *at = value; at != NULL && *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = ' ';
    return value;
}

const char *httpd_query(const struct httpd_request *request, const char *name)
{
    return look_up(request, MHD_GET_ARGUMENT_KIND, name);
}

struct span httpd_body(const struct httpd_request *request)
{
    return span_make(request->body.bytes, request->body.len);
}

const char *httpd_peer(const struct httpd_request *request)
{
    return request->peer;
}

const char *httpd_request_id(const struct httpd_request *request)
{
    return request->trace.request_id;
}

const char *httpd_traceparent(const struct httpd_request *request)
{
    return request->trace.traceparent;
}

struct arena *httpd_arena(struct httpd_request *request)
{
    return &request->arena;
}
