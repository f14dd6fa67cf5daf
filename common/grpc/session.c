// SPDX-License-Identifier: Apache-2.0
#include "common/clock/clock.h"
#include "common/grpc/grpc_impl.h"

enum {
    SESSION_STREAM_WINDOW = 1024 * 1024,
    SESSION_WINDOW = 16 * 1024 * 1024,
    SESSION_RESETS_BURST = 500,
    SESSION_RESETS_A_SECOND = 100,
    SESSION_PINGS_BURST = 100,
    SESSION_PINGS_A_SECOND = 1,
    SESSION_JUNK_BURST = 2000,
    SESSION_JUNK_A_SECOND = 200,
    SESSION_ACKS_MAX = 1000,
    SESSION_SETTINGS_MAX = 32,
    SESSION_CONTINUATIONS_MAX = 8,
};

bool grpc_bucket_take(struct bucket *bucket, int64_t now_ms, int64_t burst, int64_t rate)
{
    // In thousandths, so that a rate of 1 fills within its second.
    int64_t full = burst * 1000, gained = (now_ms - bucket->filled_ms) * rate;
    if (bucket->filled_ms == 0 || gained > full)
        gained = full;
    bucket->filled_ms = now_ms;
    bucket->tokens = bucket->tokens + gained > full ? full : bucket->tokens + gained;
    if (bucket->tokens < 1000)
        return false;
    bucket->tokens -= 1000;
    return true;
}

static struct stream *session_stream(nghttp2_session *session, int32_t id)
{
    return id == 0 ? NULL : nghttp2_session_get_stream_user_data(session, id);
}

// ---- What comes ---------------------------------------------------------------------------------

// Frames that move nothing cost their sender little; too many of them end the connection.
static int session_begin_frame_cb(nghttp2_session *session, const nghttp2_frame_hd *hd, void *arg)
{
    struct conn *conn = arg;
    bool junk = false;
    (void)session;
    switch (hd->type) {
    case NGHTTP2_PING:
        if ((hd->flags & NGHTTP2_FLAG_ACK) == 0 &&
            !grpc_bucket_take(&conn->pings, clock_mono_ms(), SESSION_PINGS_BURST,
                              SESSION_PINGS_A_SECOND))
            grpc_conn_calm(conn, "too_many_pings");
        return 0;
    case NGHTTP2_DATA:
        junk = hd->length == 0 && (hd->flags & NGHTTP2_FLAG_END_STREAM) == 0;
        break;
    case NGHTTP2_HEADERS:
    case NGHTTP2_CONTINUATION:
    case NGHTTP2_WINDOW_UPDATE:
    case NGHTTP2_RST_STREAM: // nghttp2 has a bound of its own
        break;
    default:
        junk = true;
    }
    if (junk &&
        !grpc_bucket_take(&conn->junk, clock_mono_ms(), SESSION_JUNK_BURST, SESSION_JUNK_A_SECOND))
        grpc_conn_calm(conn, "too_many_empty_frames");
    return 0;
}

static int session_begin_headers_cb(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct conn *conn = arg;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    if (conn->server->stats.streams >= conn->server->opts.all_streams_max) {
        (void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                        NGHTTP2_REFUSED_STREAM);
        return 0;
    }
    struct stream *stream = grpc_stream_create(conn, frame->hd.stream_id);
    (void)nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, stream);
    return 0;
}

static int session_header_cb(nghttp2_session *session, const nghttp2_frame *frame,
                             const uint8_t *name, size_t name_len, const uint8_t *value,
                             size_t value_len, uint8_t flags, void *arg)
{
    struct stream *stream = session_stream(session, frame->hd.stream_id);
    (void)flags;
    (void)arg;
    // Trailers of a request say nothing in gRPC.
    if (stream != NULL && stream->state == STREAM_OPENING)
        grpc_request_header(stream, span_make(name, name_len), span_make(value, value_len));
    return 0;
}

static int session_data_cb(nghttp2_session *session, uint8_t flags, int32_t id,
                           const uint8_t *bytes, size_t len, void *arg)
{
    struct stream *stream = session_stream(session, id);
    (void)flags;
    (void)arg;
    (void)nghttp2_session_consume_connection(session, len);
    if (stream != NULL && stream->full)
        stream->unconsumed += len; // who does not read answers shall not ask for more
    else
        (void)nghttp2_session_consume_stream(session, id, len);
    if (stream != NULL)
        grpc_stream_take(stream, span_make(bytes, len));
    return 0;
}

static int session_frame_cb(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct conn *conn = arg;
    struct stream *stream = session_stream(session, frame->hd.stream_id);
    if (frame->hd.type == NGHTTP2_SETTINGS)
        conn->spoken = true;
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0)
        conn->pinged_ms = 0;
    if (stream == NULL || (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
        return 0;
    bool last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (last)
        stream->half_closed = true;
    if (frame->hd.type == NGHTTP2_HEADERS && stream->state == STREAM_OPENING)
        grpc_stream_opened(stream);
    if (last)
        grpc_stream_half_closed(stream);
    return 0;
}

static int session_stream_close_cb(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
    struct stream *stream = session_stream(session, id);
    (void)code;
    (void)arg;
    if (stream != NULL)
        grpc_stream_destroy(stream);
    return 0;
}

// ---- What goes ----------------------------------------------------------------------------------

static int session_frame_sent_cb(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct conn *conn = arg;
    struct stream *stream = session_stream(session, frame->hd.stream_id);
    // A peer that is being answered may ask by pings how fast the way is.
    if (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS)
        conn->pings.filled_ms = 0;
    // Answered before the whole request came: the rest is not wanted. Not sooner, or the answer
    // would be dropped with the stream.
    if (stream != NULL && !stream->half_closed &&
        (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
        (void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                        NGHTTP2_NO_ERROR);
    return 0;
}

// ---- Life ---------------------------------------------------------------------------------------

void grpc_session_setup(struct grpc_server *server)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, session_begin_frame_cb);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, session_begin_headers_cb);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, session_header_cb);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, session_data_cb);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, session_frame_cb);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, session_frame_sent_cb);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, session_stream_close_cb);
    server->callbacks = callbacks;

    CHECK(nghttp2_option_new(&option) == 0);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_max_outbound_ack(option, SESSION_ACKS_MAX);
    nghttp2_option_set_max_settings(option, SESSION_SETTINGS_MAX);
    nghttp2_option_set_max_continuations(option, SESSION_CONTINUATIONS_MAX);
    nghttp2_option_set_stream_reset_rate_limit(option, SESSION_RESETS_BURST,
                                               SESSION_RESETS_A_SECOND);
    server->options = option;
}

nghttp2_session *grpc_session_create(struct conn *conn)
{
    const struct grpc_opts *opts = &conn->server->opts;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, opts->streams_max},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, SESSION_STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)opts->header_bytes_max},
    };
    nghttp2_session *session;
    CHECK(nghttp2_session_server_new2(&session, conn->server->callbacks, conn,
                                      conn->server->options) == 0);
    CHECK(nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings)) == 0);
    CHECK(nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, SESSION_WINDOW) ==
          0);
    return session;
}
