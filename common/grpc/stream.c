// SPDX-License-Identifier: Apache-2.0
// A call:
//
//   OPENING ──header──► RECEIVING ──one message, END_STREAM──► WORKING ──handler ends──► ENDED
//      │                    │                                     │                        ▲
//      └─refused────────────┴─too large, malformed, late──────────┴─conn leaves────────────┘
//
// An answer is HEADERS, a DATA for what waits in `out`, and trailers; one that has no message is
// one HEADERS with the status in it. The peer may reset the stream at any instant: nghttp2 closes
// it, and a handler that has the call is told by rpc_carried_cancel.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/grpc/grpc_impl.h"
#include "common/grpc/gzip.h"
#include "common/grpc/header.h"

enum {
    STREAM_ARENA_BYTES = 1024,
    STREAM_OUT_HIGH = 64 * 1024, // what waits for the peer before a handler is told to wait
    STREAM_GZIP_FROM = 1024,     // smaller answers gain nothing
    STREAM_TEXT_MAX = 4096,      // of grpc-message, encoded: clients bound their headers
};

#define NV(name, value) stream_nv(name, sizeof(name) - 1, value)
static nghttp2_nv stream_nv(const char *name, size_t name_len, const char *value)
{
    return (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, name_len, strlen(value),
                        NGHTTP2_NV_FLAG_NO_COPY_NAME};
}

// ---- What is held -------------------------------------------------------------------------------

static void stream_hold_in(struct stream *stream)
{
    struct conn *conn = stream->conn;
    size_t now = stream->frames.body.len + stream->first.len;
    conn->in_bytes += now - stream->held_in;
    conn->server->held_bytes += now - stream->held_in;
    stream->held_in = now;
}

static void stream_drop_in(struct stream *stream)
{
    frames_next(&stream->frames);
    buf_deinit(&stream->first);
    stream->first = (struct buf){0};
    stream_hold_in(stream);
}

static size_t stream_waiting(const struct stream *stream)
{
    return stream->out.len - stream->out_from;
}

static void stream_out_taken(struct stream *stream, size_t n)
{
    stream->out_from += n;
    stream->conn->out_bytes -= n;
    stream->conn->server->held_bytes -= n;
    if (stream->out_from < stream->out.len)
        return;
    stream->out_from = 0;
    if (stream->out.cap > STREAM_OUT_HIGH) {
        buf_deinit(&stream->out);
        stream->out = (struct buf){0};
    }
    buf_clear(&stream->out);
}

// ---- Life ---------------------------------------------------------------------------------------

struct stream *grpc_stream_create(struct conn *conn, int32_t id)
{
    struct stream *stream = mem_zalloc(sizeof *stream);
    stream->conn = conn;
    stream->id = id;
    stream->began_ms = stream->moved_ms = clock_mono_ms();
    stream->deadline_ms = INT64_MAX;
    stream->frames.bytes_max = conn->server->opts.message_bytes_max;
    arena_init(&stream->arena, STREAM_ARENA_BYTES, 0);
    stream->next = conn->streams;
    if (stream->next != NULL)
        stream->next->prev = stream;
    conn->streams = stream;
    conn->n_streams++;
    grpc_room_busy(conn);
    conn->server->stats.streams++;
    return stream;
}

void grpc_stream_destroy(struct stream *stream)
{
    struct conn *conn = stream->conn;
    struct rpc_incoming *call = stream->call;
    stream->call = NULL;
    stream->state = STREAM_ENDED;
    if (call != NULL) {
        conn->server->stats.cancelled++;
        rpc_carried_cancel(call);
    }
    grpc_health_forget(stream);
    stream_drop_in(stream);
    stream_out_taken(stream, stream_waiting(stream));
    buf_deinit(&stream->out);
    arena_deinit(&stream->arena);
    *(stream->prev == NULL ? &conn->streams : &stream->prev->next) = stream->next;
    if (stream->next != NULL)
        stream->next->prev = stream->prev;
    conn->n_streams--;
    conn->server->stats.streams--;
    if (conn->n_streams == 0 && !conn->going)
        grpc_room_idle(conn);
    mem_free(stream);
}

// ---- The answer ---------------------------------------------------------------------------------

static void stream_submit_trailers(struct stream *stream)
{
    char number[8];
    snprintf(number, sizeof number, "%d", (int)stream->status);
    nghttp2_nv trailers[] = {NV("grpc-status", number), NV("grpc-message", stream->text)};
    (void)nghttp2_submit_trailer(stream->conn->session, stream->id, trailers,
                                 stream->text[0] == '\0' ? 1 : 2);
}

ssize_t grpc_stream_read_cb(nghttp2_session *session, int32_t id, uint8_t *bytes, size_t len,
                            uint32_t *flags, nghttp2_data_source *source, void *arg)
{
    struct stream *stream = source->ptr;
    size_t n = stream_waiting(stream) < len ? stream_waiting(stream) : len;
    (void)session;
    (void)id;
    (void)arg;
    if (n > 0) {
        memcpy(bytes, stream->out.bytes + stream->out_from, n);
        stream_out_taken(stream, n);
        stream->moved_ms = clock_mono_ms();
    }
    if (stream_waiting(stream) == 0 && stream->state == STREAM_ENDED) {
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        stream_submit_trailers(stream);
    } else if (n == 0) {
        stream->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    return (ssize_t)n;
}

static void stream_submit_header(struct stream *stream)
{
    nghttp2_nv header[] = {
        NV(":status", "200"),
        NV("content-type", "application/grpc+proto"),
        NV("grpc-accept-encoding", "identity,gzip"),
        NV("grpc-encoding", "gzip"),
    };
    nghttp2_data_provider provider = {.source.ptr = stream, .read_callback = grpc_stream_read_cb};
    stream->answered = true;
    (void)nghttp2_submit_response(stream->conn->session, stream->id, header,
                                  ARRAY_LEN(header) - (stream->gzip ? 0 : 1), &provider);
}

static void stream_submit_refusal(struct stream *stream)
{
    char number[8];
    snprintf(number, sizeof number, "%d", (int)stream->status);
    nghttp2_nv header[] = {
        NV(":status", "200"),
        NV("content-type", "application/grpc+proto"),
        NV("grpc-status", number),
        NV("grpc-accept-encoding", "identity,gzip"),
        NV("grpc-message", stream->text),
    };
    stream->answered = true;
    (void)nghttp2_submit_response(stream->conn->session, stream->id, header,
                                  ARRAY_LEN(header) - (stream->text[0] == '\0' ? 1 : 0), NULL);
}

static void stream_resume(struct stream *stream)
{
    if (stream->deferred) {
        stream->deferred = false;
        (void)nghttp2_session_resume_data(stream->conn->session, stream->id);
    }
    grpc_conn_touch(stream->conn);
}

// Texts are cut between characters, before they are encoded: an escape stays whole.
static void stream_set_text(struct stream *stream, const char *text)
{
    char *cut = arena_dup(&stream->arena, span_of(text));
    char *encoded = header_percent_encode(cut, &stream->arena);
    while (strlen(encoded) > STREAM_TEXT_MAX) {
        size_t n = strlen(cut) * STREAM_TEXT_MAX / strlen(encoded);
        n = n < strlen(cut) ? n : strlen(cut) - 1;
        while (n > 0 && ((unsigned char)cut[n] & 0xc0) == 0x80)
            n--;
        cut[n] = '\0';
        encoded = header_percent_encode(cut, &stream->arena);
    }
    stream->text = encoded;
}

static void stream_settle(struct stream *stream, enum rpc_status status, const char *text)
{
    struct conn *conn = stream->conn;
    if (stream->state == STREAM_ENDED)
        return;
    // Before a handler had it, this layer refused it.
    if (stream->state != STREAM_WORKING && status != RPC_OK)
        conn->server->stats.refused_calls++;
    stream->state = STREAM_ENDED;
    stream->status = status;
    stream_set_text(stream, text);
    stream_drop_in(stream);
    grpc_health_forget(stream);
    if (stream->unconsumed > 0)
        (void)nghttp2_session_consume_stream(conn->session, stream->id, stream->unconsumed);
    stream->unconsumed = 0;
    stream->full = false;
    if (!stream->answered && status == RPC_OK && stream->sent_any)
        stream_submit_header(stream);
    else if (!stream->answered)
        stream_submit_refusal(stream);
    stream_resume(stream);
}

void grpc_stream_end(struct stream *stream, enum rpc_status status, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    stream_settle(stream, status, text);
}

void grpc_stream_end_http(struct stream *stream, const char *http_status)
{
    nghttp2_nv header[] = {NV(":status", http_status), NV("content-type", "text/plain"),
                           NV("allow", "POST")};
    if (stream->state == STREAM_ENDED)
        return;
    stream->conn->server->stats.refused_calls++;
    stream->state = STREAM_ENDED;
    stream->text = "";
    stream->answered = true;
    (void)nghttp2_submit_response(stream->conn->session, stream->id, header,
                                  strcmp(http_status, "405") == 0 ? 3 : 2, NULL);
    grpc_conn_touch(stream->conn);
}

void grpc_stream_give_up(struct stream *stream, enum rpc_status status, const char *text)
{
    struct rpc_incoming *call = stream->call;
    stream->call = NULL;
    if (call != NULL)
        rpc_carried_cancel(call);
    stream_settle(stream, status, text);
}

static bool stream_has_room(const struct stream *stream, size_t more)
{
    const struct conn *conn = stream->conn;
    const struct grpc_opts *opts = &conn->server->opts;
    return conn->out_bytes + more <= opts->conn_bytes_max &&
           conn->server->held_bytes + more <= opts->all_bytes_max;
}

static void stream_append(struct stream *stream, const ProtobufCMessage *message, size_t size)
{
    struct buf packed = {0};
    uint8_t head[FRAMES_HEAD_BYTES];
    size_t before = stream->out.len;
    bool pack = stream->gzip && size >= STREAM_GZIP_FROM;
    if (!pack) {
        frames_write_head(head, false, size);
        buf_append(&stream->out, head, sizeof head);
        stream->out.len += protobuf_c_message_pack(message, buf_reserve(&stream->out, size));
    } else {
        struct buf plain = {0};
        plain.len = protobuf_c_message_pack(message, buf_reserve(&plain, size));
        gzip_pack(buf_span(&plain), &packed);
        frames_write_head(head, true, packed.len);
        buf_append(&stream->out, head, sizeof head);
        buf_append(&stream->out, packed.bytes, packed.len);
        buf_deinit(&plain);
        buf_deinit(&packed);
    }
    stream->conn->out_bytes += stream->out.len - before;
    stream->conn->server->held_bytes += stream->out.len - before;
}

void grpc_stream_send(struct stream *stream, const ProtobufCMessage *message)
{
    const struct grpc_opts *opts = &stream->conn->server->opts;
    size_t size = protobuf_c_message_get_packed_size(message);
    if (stream->state == STREAM_ENDED)
        return;
    if (size > opts->response_bytes_max) {
        grpc_stream_end(stream, RPC_RESOURCE_EXHAUSTED, "the answer has %zu bytes, more than %zu",
                        size, opts->response_bytes_max);
        return;
    }
    if (!stream_has_room(stream, size)) {
        grpc_stream_end(stream, RPC_RESOURCE_EXHAUSTED, "too many answers wait to be read");
        return;
    }
    if (stream_waiting(stream) == 0)
        stream->moved_ms = clock_mono_ms(); // the peer has had nothing to read
    stream_append(stream, message, size);
    stream->sent_any = true;
    stream->full = stream_waiting(stream) >= STREAM_OUT_HIGH;
    // The answer of a unary call is sent when its status is known.
    bool unary = stream->method != NULL && !stream->method->stream;
    if (!stream->answered && !unary)
        stream_submit_header(stream);
    stream_resume(stream);
}

void grpc_stream_refresh(struct stream *stream)
{
    if (!stream->full || stream_waiting(stream) >= STREAM_OUT_HIGH / 2)
        return;
    stream->full = false;
    if (stream->unconsumed > 0)
        (void)nghttp2_session_consume_stream(stream->conn->session, stream->id, stream->unconsumed);
    stream->unconsumed = 0;
    if (stream->call != NULL)
        rpc_carried_writable(stream->call);
}

// ---- The handler's side -------------------------------------------------------------------------

static void stream_began_cb(void *carrier, struct rpc_incoming *call)
{
    struct stream *stream = carrier;
    stream->call = call;
}

static void stream_message_cb(void *carrier, const ProtobufCMessage *message)
{
    struct stream *stream = carrier;
    grpc_stream_send(stream, message);
    if (stream->full && stream->call != NULL)
        rpc_carried_full(stream->call);
}

static void stream_end_cb(void *carrier, enum rpc_status status, const char *text)
{
    struct stream *stream = carrier;
    stream->call = NULL;
    stream_settle(stream, status, text);
}

static void stream_call(struct stream *stream)
{
    static const struct rpc_carrier_ops OPS = {
        .began = stream_began_cb, .message = stream_message_cb, .end = stream_end_cb};
    int64_t left_ms = stream->deadline_ms == INT64_MAX ? 0 : stream->deadline_ms - clock_mono_ms();
    if (stream->deadline_ms != INT64_MAX && left_ms <= 0) {
        grpc_stream_end(stream, RPC_DEADLINE_EXCEEDED,
                        "the deadline passed before the request came");
        return;
    }
    struct rpc_carry_opts opts = {
        .method = stream->method,
        .way = RPC_WAY_GRPC,
        .peer = stream->conn->peer,
        .body = buf_span(&stream->first),
        .timeout_ms = left_ms,
        .metadata = stream->request.metadata,
        .n_metadata = stream->request.n_metadata,
    };
    struct buf body = stream->first; // lives through the call, whatever becomes of the stream
    stream->state = STREAM_WORKING;
    stream->first = (struct buf){0};
    stream_hold_in(stream);
    (void)rpc_carry(stream->conn->server->rpc, &opts, &OPS, stream);
    buf_deinit(&body);
}

// ---- The request --------------------------------------------------------------------------------

void grpc_stream_opened(struct stream *stream)
{
    stream->state = STREAM_RECEIVING;
    stream->conn->server->stats.calls++;
    grpc_request_check(stream);
}

// A complete message stands in `frames`. Its plain bytes end in `*plain`.
static bool stream_unpack(struct stream *stream, struct buf *plain)
{
    size_t max = stream->frames.bytes_max;
    if (!frames_compressed(&stream->frames)) {
        *plain = stream->frames.body;
        stream->frames.body = (struct buf){0};
        return true;
    }
    if (!stream->gzip) {
        grpc_stream_end(stream, RPC_INTERNAL, "a compressed message without grpc-encoding");
        return false;
    }
    enum err err = gzip_unpack(buf_span(&stream->frames.body), max, plain);
    if (err == ERR_FULL)
        grpc_stream_end(stream, RPC_RESOURCE_EXHAUSTED,
                        "the message unpacks to more than %zu bytes", max);
    else if (err != ERR_OK)
        grpc_stream_end(stream, RPC_INVALID_ARGUMENT, "the message is not gzip");
    return err == ERR_OK;
}

static void stream_message(struct stream *stream)
{
    struct buf plain = {0};
    bool bidi = stream->builtin != NULL && stream->builtin->bidi;
    if (++stream->n_messages > 1 && !bidi)
        grpc_stream_end(stream, RPC_INVALID_ARGUMENT, "this method takes one message");
    else if (stream_unpack(stream, &plain) && bidi)
        stream->builtin->message(stream, buf_span(&plain));
    if (bidi || stream->state == STREAM_ENDED) {
        buf_deinit(&plain);
        return;
    }
    stream->first = plain;
}

void grpc_stream_take(struct stream *stream, struct span bytes)
{
    const struct conn *conn = stream->conn;
    const struct grpc_opts *opts = &conn->server->opts;
    if (stream->state != STREAM_RECEIVING)
        return; // it has its answer
    if (conn->in_bytes + bytes.len > opts->conn_bytes_max ||
        conn->server->held_bytes + bytes.len > opts->all_bytes_max) {
        grpc_stream_end(stream, RPC_RESOURCE_EXHAUSTED, "too many requests come in at once");
        return;
    }
    while (bytes.len > 0 && stream->state == STREAM_RECEIVING) {
        switch (frames_take(&stream->frames, &bytes)) {
        case FRAMES_MORE:
            break;
        case FRAMES_MESSAGE:
            stream_message(stream);
            frames_next(&stream->frames);
            break;
        case FRAMES_TOO_LARGE:
            grpc_stream_end(stream, RPC_RESOURCE_EXHAUSTED,
                            "the message has %u bytes, more than %zu",
                            frames_length(&stream->frames), stream->frames.bytes_max);
            break;
        case FRAMES_BAD:
            grpc_stream_end(stream, RPC_INTERNAL, "a message begins with 0 or 1");
            break;
        }
    }
    if (stream->state == STREAM_RECEIVING)
        stream_hold_in(stream);
}

void grpc_stream_half_closed(struct stream *stream)
{
    if (stream->state != STREAM_RECEIVING)
        return;
    if (frames_inside(&stream->frames))
        grpc_stream_end(stream, RPC_INVALID_ARGUMENT, "the message is cut off");
    else if (stream->builtin != NULL && stream->builtin->bidi)
        stream->builtin->half_closed(stream);
    else if (stream->n_messages == 0)
        grpc_stream_end(stream, RPC_INVALID_ARGUMENT, "this method takes one message");
    else if (stream->builtin != NULL)
        stream->builtin->message(stream, buf_span(&stream->first));
    else
        stream_call(stream);
}
