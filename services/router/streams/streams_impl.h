// SPDX-License-Identifier: Apache-2.0
// What streams.c (life, polls) and the two kinds of streams share.
//
// A poll is one unary method, called again and again: idle, under way, or pausing. A stream has one
// or two, and is freed when it has ended and none of its calls is under way.
#pragma once

#include "services/router/streams/streams.h"

enum {
    STREAM_WAIT_MS = 10000,   // of one long poll
    STREAM_BROKEN_MS = 30000, // without an answer: the stream ends
};

struct stream;
struct poll {
    struct stream *stream;
    // Calls the method if there is something to ask for; see poll_call.
    void (*begin)(struct stream *stream);
    // Uses an answer, and begins what comes next.
    void (*took)(struct stream *stream, const ProtobufCMessage *answer);
    struct rpc_call *call;    // under way
    struct loop_timer *pause; // before the next one
    bool pausing;
    int64_t started_ms;
    int64_t broken_ms; // since when there has been no answer; 0: there has
    int64_t pause_ms;  // the last one after a failure
};

struct stream {
    struct streams *streams;
    void *closure_data; // NULL: it has ended
    bool full;          // the caller reads slowly
    void (*resume)(struct stream *stream);
    void (*free)(struct stream *stream); // its own part; may be NULL
    struct poll polls[2];
    char *authorization; // or NULL
    struct rpc_trace trace;
    uint64_t after; // offset in the decision log
};

// A new stream for a call, or NULL when it has been refused. `bytes`: of the struct that starts
// with it, zeroed.
void *stream_create(struct streams *streams, size_t bytes, void *closure_data);
// Ends it for the caller; the stream may be gone when this returns.
void stream_fail(struct stream *stream, enum rpc_status status, const char *text);
// Sends a message; the caller's slowness stops the stream until `resume`.
void stream_send(struct stream *stream, const ProtobufCMessage *message);

static inline bool poll_is_idle(const struct poll *poll)
{
    return poll->call == NULL && !poll->pausing;
}
// Calls a method of RouterService. `wait_ms`: how long it may wait by itself.
void poll_call(struct poll *poll, const char *method, const ProtobufCMessage *request,
               int64_t wait_ms);
// Begins the next one: at once after an answer that said something, a little later after an empty
// one that came too soon to be a long poll's.
void poll_again(struct poll *poll, bool empty);
