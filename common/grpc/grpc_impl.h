// SPDX-License-Identifier: Apache-2.0
// What the files of this folder share.
//
//   server.c      listens, looks at all connections now and then, drains, closes
//   conn.c        a connection: bytes in, bytes out, TLS between, when it ends
//   session.c     what nghttp2 calls back, and how it is set up
//   stream.c      a call: header and messages in, messages and trailers out
//   request.c     what a request's header says, and whether it may go on
//   health.c      grpc.health.v1.Health
//   reflection.c  grpc.reflection.v1 and v1alpha, over descriptors.c
//
// Nothing is freed while nghttp2 or a handler may still use it: connections are ended by a mark
// (grpc_conn_cut) and freed by the outermost function, grpc_conn_settle; streams are freed when
// nghttp2 says that they are closed, or with their connection.
#pragma once

#include <nghttp2/nghttp2.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/grpc/frames.h"
#include "common/grpc/grpc.h"
#include "common/grpc/tls.h"
#include "common/loop/tcp.h"
#include "common/rpc/carry.h"

// A count that is spent and comes back with time.
struct bucket {
    int64_t tokens, filled_ms;
};

struct conn {
    struct grpc_server *server;
    struct conn *prev, *next;
    struct conn *next_dirty;
    struct tcp *tcp; // NULL: its bytes go nowhere (fuzzing)
    struct tls_session *tls;
    nghttp2_session *session;
    struct stream *streams;
    uint32_t n_streams;
    char peer[TCP_ADDRESS_MAX];

    bool spoken;    // its settings came
    bool dirty;     // in the server's list of those to settle
    bool inside;    // grpc_conn_settle is to come, or at work
    bool again;     // something was submitted meanwhile
    bool reading;   // from the socket
    bool leaving;   // got the first GOAWAY
    bool left;      // got the last one
    bool calm;      // was told to be
    bool cut;       // to be freed
    bool finishing; // `session` is gone, the last bytes are on their way
    bool going;     // makes room for another one

    struct conn *idle_prev, *idle_next;  // room.c
    bool idle;                           // has no call and has not been told to go
    int64_t opened_ms, read_ms, idle_ms; // idle since; with calls: unused
    int64_t pinged_ms;                   // 0: no ping is out
    int64_t leave_ms;                    // when it is too old
    int64_t left_ms;                     // when the last GOAWAY is due
    int64_t over_ms;                     // when what is left ends; 0: not leaving
    uint64_t sent;                       // tcp_sent at `moved_ms`
    int64_t moved_ms;                    // when the peer last read something
    struct bucket pings, junk;
    size_t in_bytes, out_bytes; // held
};

enum stream_state {
    STREAM_OPENING,   // its header comes
    STREAM_RECEIVING, // its messages come
    STREAM_WORKING,   // a handler has it
    STREAM_ENDED,     // status and text are settled; the rest is sending
};

struct stream {
    struct conn *conn;
    struct stream *prev, *next;
    int32_t id;
    enum stream_state state;
    struct arena arena; // header, texts

    // The request.
    struct request {
        size_t header_bytes;
        const char *verb, *path, *type, *encoding, *timeout;
        struct rpc_pair metadata[RPC_METADATA_MAX];
        size_t n_metadata;
        const char *bad;      // a key whose value cannot be
        const char *too_long; // a key that is needed
    } request;
    const struct rpc_method *method;
    const struct builtin *builtin; // instead of `method`
    int64_t began_ms, deadline_ms; // INT64_MAX: none
    bool gzip;                     // it came so, and is answered so
    bool half_closed;              // the peer has sent everything
    struct frames frames;
    size_t held_in;
    unsigned n_messages;
    struct buf first; // the request of a method, until the peer has sent everything
    struct rpc_incoming *call;
    size_t unconsumed; // bytes whose window is given back when answers have been read

    // The answer.
    bool answered; // its header is submitted
    bool sent_any; // a message
    bool full;     // told the handler that it is
    bool deferred; // nghttp2 waits for more
    struct buf out;
    size_t out_from;
    enum rpc_status status;
    const char *text;
    int64_t moved_ms; // when the peer last took something, or nothing waited

    // health.c
    struct watch {
        struct stream *prev, *next;
        bool on;
        const char *service;
        int told;
    } watch;
};

// A method that this layer serves by itself.
struct builtin {
    const char *name; // "grpc.health.v1.Health/Check"
    bool bidi;        // any number of requests; otherwise exactly one
    void (*message)(struct stream *stream, struct span bytes);
    void (*half_closed)(struct stream *stream); // bidi only
};

struct grpc_server {
    struct loop *loop;
    struct grpc_opts opts;
    struct rpc_server *rpc;
    struct tcp_listener *listener;
    struct tls *tls;
    struct descriptors *descriptors;
    nghttp2_option *options;
    nghttp2_session_callbacks *callbacks;
    struct loop_timer *look; // at all connections, again and again
    struct loop_timer *soon; // settles those in `dirty`
    struct buf gathered;     // what is about to be sent
    uint8_t *plain;          // what TLS has given
    struct conn *conns, *dirty;
    struct conn *idle_first, *idle_last; // room.c
    uint32_t n_going;
    uint64_t rests;         // of the listener, for want of descriptors
    struct stream *watches; // health.c
    bool serving, draining, closing;
    int64_t files_looked_ms;
    uint64_t held_bytes;
    void (*closed)(void *arg);
    void *closed_arg;
    struct grpc_stats stats;
};

// conn.c
struct conn *grpc_conn_create(struct grpc_server *server, struct tcp *tcp, const char *peer);
// Bytes of the peer, TLS taken off.
void grpc_conn_take(struct conn *conn, struct span bytes);
// Sends what is to be sent, tells handlers that wait for room, ends what has ended. The outermost
// function of whatever came from outside; the connection may be gone after it.
void grpc_conn_settle(struct conn *conn);
// Settles it in the next turn.
void grpc_conn_touch(struct conn *conn);
void grpc_conn_cut(struct conn *conn, const char *why);
// Cuts it, and says GOAWAY before, so that a call that is just being made is made elsewhere.
void grpc_conn_dismiss(struct conn *conn, const char *why);
// GOAWAY with ENHANCE_YOUR_CALM.
void grpc_conn_calm(struct conn *conn, const char *why);
// First GOAWAY; the last one follows by itself, and calls have `grace_ms` then.
void grpc_conn_leave(struct conn *conn, int64_t grace_ms);
// The last one at once.
void grpc_conn_leave_now(struct conn *conn, int64_t grace_ms);
// What time brings.
void grpc_conn_look(struct conn *conn, int64_t now_ms);
void grpc_conn_destroy(struct conn *conn);

// room.c
// The connection has no call any more, or not yet; it has one, or is gone.
void grpc_room_idle(struct conn *conn);
void grpc_room_busy(struct conn *conn);
// Whether another connection fits; an idle one may be dismissed for it.
bool grpc_room_is_there(struct grpc_server *server);
// Dismisses some when the listener had no descriptors since the last look.
void grpc_room_look(struct grpc_server *server);

// session.c
void grpc_session_setup(struct grpc_server *server);
nghttp2_session *grpc_session_create(struct conn *conn);
// Whether the bucket had a token; it fills at `rate` a second up to `burst`.
bool grpc_bucket_take(struct bucket *bucket, int64_t now_ms, int64_t burst, int64_t rate);

// stream.c
struct stream *grpc_stream_create(struct conn *conn, int32_t id);
void grpc_stream_destroy(struct stream *stream); // cancels what works on it
void grpc_stream_opened(struct stream *stream);  // its header is complete
void grpc_stream_take(struct stream *stream, struct span bytes);
void grpc_stream_half_closed(struct stream *stream);
void grpc_stream_send(struct stream *stream, const ProtobufCMessage *message);
// Exactly once; what comes after is dropped.
void grpc_stream_end(struct stream *stream, enum rpc_status status, const char *format, ...)
    PRINTF_LIKE(3, 4);
// An answer without gRPC in it.
void grpc_stream_end_http(struct stream *stream, const char *http_status);
// The server ends it: the handler is told.
void grpc_stream_give_up(struct stream *stream, enum rpc_status status, const char *text);
// Tells its handler that it may send again, when it may.
void grpc_stream_refresh(struct stream *stream);
ssize_t grpc_stream_read_cb(nghttp2_session *session, int32_t id, uint8_t *bytes, size_t len,
                            uint32_t *flags, nghttp2_data_source *source, void *arg);

// request.c
void grpc_request_header(struct stream *stream, struct span name, struct span value);
// Looks at the whole header: finds the method, or ends the stream.
void grpc_request_check(struct stream *stream);

// health.c
extern const struct builtin HEALTH_METHODS[];
extern const size_t HEALTH_METHODS_COUNT;
void grpc_health_changed(struct grpc_server *server);
void grpc_health_forget(struct stream *stream);

// reflection.c
extern const struct builtin REFLECTION_METHODS[];
extern const size_t REFLECTION_METHODS_COUNT;
