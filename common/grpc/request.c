// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/grpc/grpc_impl.h"
#include "common/grpc/header.h"

enum {
    REQUEST_ENTRY_BYTES = 32, // what HTTP/2 counts for a header beside its texts
    REQUEST_TIMEOUT_MAX_MS = 7 * 24 * 3600 * 1000,
};

// ---- One header ---------------------------------------------------------------------------------

// Those that are HTTP's and gRPC's own.
static bool request_is_reserved(struct span name)
{
    static const char *const NAMES[] = {"te",   "content-length", "user-agent", "accept-encoding",
                                        "host", "accept",         "connection"};
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
        if (span_is(name, NAMES[i]))
            return true;
    return name.len == 0 || span_starts(name, ":") || span_starts(name, "grpc-");
}

// Those that have a place whatever else a proxy adds.
static bool request_is_needed(struct span name)
{
    return span_is(name, "authorization") || span_is(name, "x-request-id") ||
           span_is(name, "traceparent");
}

// Where a pair goes: a free place, else, for one that is needed, that of the last which is not.
static struct rpc_pair *request_place(struct request *request, struct span name)
{
    if (request->n_metadata < RPC_METADATA_MAX)
        return &request->metadata[request->n_metadata++];
    for (size_t i = RPC_METADATA_MAX; request_is_needed(name) && i-- > 0;)
        if (!request_is_needed(span_of(request->metadata[i].key)))
            return &request->metadata[i];
    return NULL;
}

// Handlers know few keys: what does not fit is left out, but for what they need.
static void request_metadata(struct stream *stream, struct span name, struct span value)
{
    static const char BIN[] = "-bin";
    const size_t n_bin = sizeof BIN - 1;
    struct request *request = &stream->request;
    char *text = NULL;
    bool bin =
        name.len > n_bin && memcmp((const char *)name.ptr + name.len - n_bin, BIN, n_bin) == 0;
    if (name.len >= RPC_TEXT_MAX || value.len >= RPC_TEXT_MAX) {
        if (request_is_needed(name))
            request->too_long = arena_dup(&stream->arena, name);
        return;
    }
    if (bin ? !header_bin(value, &stream->arena, &text) : !header_is_ascii(value)) {
        request->bad = arena_dup(&stream->arena, name);
        return;
    }
    if (!bin)
        text = arena_dup(&stream->arena, value);
    struct rpc_pair *place = strlen(text) < RPC_TEXT_MAX ? request_place(request, name) : NULL;
    if (place != NULL)
        *place = (struct rpc_pair){arena_dup(&stream->arena, name), text};
}

void grpc_request_header(struct stream *stream, struct span name, struct span value)
{
    struct request *request = &stream->request;
    const struct {
        const char *name;
        const char **at;
    } known[] = {
        {":method", &request->verb},         {":path", &request->path},
        {"content-type", &request->type},    {"grpc-encoding", &request->encoding},
        {"grpc-timeout", &request->timeout},
    };
    request->header_bytes += name.len + value.len + REQUEST_ENTRY_BYTES;
    if (request->header_bytes > stream->conn->server->opts.header_bytes_max)
        return;
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (span_is(name, known[i].name)) {
            *known[i].at = arena_dup(&stream->arena, value);
            return;
        }
    }
    if (!request_is_reserved(name))
        request_metadata(stream, name, value);
}

// ---- The whole ----------------------------------------------------------------------------------

static const struct builtin *request_builtin(const char *name)
{
    for (size_t i = 0; i < HEALTH_METHODS_COUNT; i++)
        if (strcmp(HEALTH_METHODS[i].name, name) == 0)
            return &HEALTH_METHODS[i];
    for (size_t i = 0; i < REFLECTION_METHODS_COUNT; i++)
        if (strcmp(REFLECTION_METHODS[i].name, name) == 0)
            return &REFLECTION_METHODS[i];
    return NULL;
}

static void request_find(struct stream *stream)
{
    const char *path = stream->request.path;
    if (path == NULL || path[0] != '/') {
        grpc_stream_end(stream, RPC_UNIMPLEMENTED, "a path is /package.Service/Method");
        return;
    }
    stream->builtin = request_builtin(path + 1);
    if (stream->builtin == NULL)
        stream->method = rpc_server_method(stream->conn->server->rpc, path + 1);
    if (stream->builtin == NULL && stream->method == NULL)
        grpc_stream_end(stream, RPC_UNIMPLEMENTED, "there is no method %.*s", RPC_METHOD_MAX,
                        path + 1);
}

static void request_check_deadline(struct stream *stream)
{
    const char *timeout = stream->request.timeout;
    int64_t ms;
    if (timeout == NULL)
        return;
    if (!header_timeout(span_of(timeout), &ms)) {
        grpc_stream_end(stream, RPC_INVALID_ARGUMENT,
                        "grpc-timeout is \"%.20s\": expected up to 8 digits and one of H M S m u n",
                        timeout);
        return;
    }
    stream->deadline_ms =
        stream->began_ms + (ms < REQUEST_TIMEOUT_MAX_MS ? ms : REQUEST_TIMEOUT_MAX_MS);
}

static void request_check_encoding(struct stream *stream)
{
    const char *encoding = stream->request.encoding;
    stream->gzip = encoding != NULL && strcmp(encoding, "gzip") == 0;
    if (encoding != NULL && !stream->gzip && strcmp(encoding, "identity") != 0)
        grpc_stream_end(stream, RPC_UNIMPLEMENTED,
                        "grpc-encoding is \"%.20s\": expected identity or gzip", encoding);
}

void grpc_request_check(struct stream *stream)
{
    const struct request *request = &stream->request;
    const struct grpc_opts *opts = &stream->conn->server->opts;
    if (request->header_bytes > opts->header_bytes_max)
        grpc_stream_end(stream, RPC_RESOURCE_EXHAUSTED, "the header has %zu bytes, more than %zu",
                        request->header_bytes, opts->header_bytes_max);
    else if (request->verb == NULL || strcmp(request->verb, "POST") != 0)
        grpc_stream_end_http(stream, "405");
    else if (request->type == NULL || !header_is_grpc_type(span_of(request->type)))
        grpc_stream_end_http(stream, "415");
    else if (stream->conn->server->closing)
        grpc_stream_end(stream, RPC_UNAVAILABLE, "the server is closing");
    else if (request->bad != NULL)
        grpc_stream_end(stream, RPC_INVALID_ARGUMENT,
                        "%.80s: expected printable ASCII, or base64 where the key ends in -bin",
                        request->bad);
    else if (request->too_long != NULL)
        grpc_stream_end(stream, RPC_RESOURCE_EXHAUSTED, "%.80s has more than %d bytes",
                        request->too_long, RPC_TEXT_MAX - 1);
    if (stream->state != STREAM_ENDED)
        request_find(stream);
    if (stream->state != STREAM_ENDED)
        request_check_encoding(stream);
    if (stream->state != STREAM_ENDED)
        request_check_deadline(stream);
}
