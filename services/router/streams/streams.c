// SPDX-License-Identifier: Apache-2.0
#include "services/router/streams/streams_impl.h"

#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/rpc/carry.h"

enum {
    STREAMS_MAX_DEFAULT = 128,
    CALL_MARGIN_MS = 5000, // what an answer may take beyond its own waiting
    PAUSE_MIN_MS = 50,
    PAUSE_MAX_MS = 2000,
    PAUSE_EMPTY_MS = 200,
};

struct streams {
    struct loop *loop;
    char *url;
    struct rpc_client *client; // NULL: no stream yet
    uint32_t streams_max;
    uint32_t n_open; // for their callers
    uint32_t n;      // with those that wait for their last calls
    void (*closed)(void *arg);
    void *closed_arg;
};

// ---- Life ---------------------------------------------------------------------------------------

struct streams *streams_create(struct loop *loop, const struct streams_opts *opts)
{
    struct streams *streams = mem_zalloc(sizeof *streams);
    streams->loop = loop;
    streams->url = mem_dup_text(opts->url);
    streams->streams_max = opts->streams_max != 0 ? opts->streams_max : STREAMS_MAX_DEFAULT;
    return streams;
}

static enum err streams_connect(struct streams *streams, struct err_info *info)
{
    // Two calls a stream; those of streams that have just ended take a moment to end too.
    struct rpc_client_opts opts = {.url = streams->url, .calls_max = 3 * streams->streams_max};
    return streams->client != NULL ? ERR_OK
                                   : rpc_client_open(streams->loop, &opts, &streams->client, info);
}

static void streams_closed_cb(void *arg)
{
    struct streams *streams = arg;
    void (*closed)(void *arg) = streams->closed;
    void *closed_arg = streams->closed_arg;
    CHECK(streams->n == 0); // the client has ended every call
    mem_free(streams->url);
    mem_free(streams);
    if (closed != NULL)
        closed(closed_arg);
}

void streams_close(struct streams *streams, void (*closed)(void *arg), void *arg)
{
    CHECK(streams->n_open == 0);
    streams->closed = closed;
    streams->closed_arg = arg;
    if (streams->client != NULL)
        rpc_client_close(streams->client, streams_closed_cb, streams);
    else
        streams_closed_cb(streams);
}

// ---- One stream ---------------------------------------------------------------------------------

static void stream_look_free(struct stream *stream)
{
    if (stream->closure_data != NULL || stream->polls[0].call != NULL ||
        stream->polls[1].call != NULL)
        return;
    stream->streams->n--;
    for (size_t i = 0; i < ARRAY_LEN(stream->polls); i++)
        loop_timer_destroy(stream->polls[i].pause);
    if (stream->free != NULL)
        stream->free(stream);
    mem_free(stream->authorization);
    mem_free(stream);
}

// Nothing more is sent; calls under way are given up.
static void stream_stop(struct stream *stream)
{
    stream->closure_data = NULL;
    stream->streams->n_open--;
    for (size_t i = 0; i < ARRAY_LEN(stream->polls); i++) {
        loop_timer_stop(stream->polls[i].pause);
        if (stream->polls[i].call != NULL)
            rpc_call_cancel(stream->polls[i].call);
    }
    stream_look_free(stream);
}

void stream_fail(struct stream *stream, enum rpc_status status, const char *text)
{
    void *closure_data = stream->closure_data;
    stream_stop(stream);
    rpc_fail(closure_data, status, "%s", text);
}

static void stream_cancel_cb(void *arg)
{
    struct stream *stream = arg;
    void *closure_data = stream->closure_data;
    stream_stop(stream);
    rpc_stream_end(closure_data);
}

static void stream_writable_cb(void *arg)
{
    struct stream *stream = arg;
    stream->full = false;
    stream->resume(stream);
}

void stream_send(struct stream *stream, const ProtobufCMessage *message)
{
    if (!rpc_stream_send(stream->closure_data, message))
        stream->full = true;
}

static void poll_pause_cb(void *arg)
{
    struct poll *poll = arg;
    poll->pausing = false;
    poll->begin(poll->stream);
}

void *stream_create(struct streams *streams, size_t bytes, void *closure_data)
{
    if (streams->n_open >= streams->streams_max) {
        rpc_fail(closure_data, RPC_RESOURCE_EXHAUSTED, "%u streams are open, which is all",
                 streams->n_open);
        return NULL;
    }
    struct err_info info;
    enum err err = streams_connect(streams, &info);
    if (err != ERR_OK) {
        rpc_fail_err(closure_data, err, &info);
        return NULL;
    }
    struct rpc_incoming *call = rpc_incoming(closure_data);
    struct stream *stream = mem_zalloc(bytes);
    stream->streams = streams;
    stream->closure_data = closure_data;
    stream->trace = *rpc_incoming_trace(call);
    const char *authorization = rpc_incoming_metadata(call, "authorization");
    if (authorization != NULL)
        stream->authorization = mem_dup_text(authorization);
    for (size_t i = 0; i < ARRAY_LEN(stream->polls); i++) {
        stream->polls[i].stream = stream;
        stream->polls[i].pause = loop_timer_create(streams->loop, poll_pause_cb, &stream->polls[i]);
    }
    streams->n++;
    streams->n_open++;
    rpc_incoming_on_cancel(call, stream_cancel_cb, stream);
    rpc_stream_on_writable(closure_data, stream_writable_cb, stream);
    return stream;
}

// ---- Polls --------------------------------------------------------------------------------------

static void poll_pause(struct poll *poll, int64_t ms)
{
    poll->pausing = true;
    loop_timer_start(poll->pause, (uint64_t)ms, 0);
}

static bool poll_may_try_again(enum rpc_status status)
{
    return status == RPC_UNAVAILABLE || status == RPC_DEADLINE_EXCEEDED ||
           status == RPC_RESOURCE_EXHAUSTED;
}

static void poll_failed(struct poll *poll, enum rpc_status status, const char *text)
{
    if (poll->broken_ms == 0) {
        poll->broken_ms = poll->started_ms;
        poll->pause_ms = PAUSE_MIN_MS / 2;
    }
    if (!poll_may_try_again(status)) {
        stream_fail(poll->stream, status, text);
        return;
    }
    if (clock_mono_ms() - poll->broken_ms >= STREAM_BROKEN_MS) {
        stream_fail(poll->stream, RPC_UNAVAILABLE, text);
        return;
    }
    poll->pause_ms = poll->pause_ms * 2 < PAUSE_MAX_MS ? poll->pause_ms * 2 : PAUSE_MAX_MS;
    poll_pause(poll, poll->pause_ms);
}

static void poll_done_cb(const ProtobufCMessage *answer, void *arg)
{
    struct poll *poll = arg;
    struct stream *stream = poll->stream;
    struct rpc_call *call = poll->call;
    poll->call = NULL;
    if (stream->closure_data == NULL) {
        stream_look_free(stream);
    } else if (answer == NULL) {
        poll_failed(poll, rpc_call_status(call), rpc_call_text(call));
    } else {
        poll->broken_ms = 0;
        poll->took(stream, answer);
    }
}

static unsigned method_index(const char *method)
{
    const ProtobufCServiceDescriptor *service = &assay__router__v1__router_service__descriptor;
    unsigned i = 0;
    while (i < service->n_methods && strcmp(service->methods[i].name, method) != 0)
        i++;
    CHECK(i < service->n_methods);
    return i;
}

void poll_call(struct poll *poll, const char *method, const ProtobufCMessage *request,
               int64_t wait_ms)
{
    struct stream *stream = poll->stream;
    CHECK(poll_is_idle(poll) && stream->closure_data != NULL);
    struct rpc_pair key = {"authorization", stream->authorization};
    struct rpc_call_opts opts = {.timeout_ms = wait_ms + CALL_MARGIN_MS,
                                 .metadata = &key,
                                 .n_metadata = stream->authorization != NULL,
                                 .trace = &stream->trace};
    poll->started_ms = clock_mono_ms();
    poll->call = rpc_call_begin(stream->streams->client,
                                &assay__router__v1__router_service__descriptor, &opts);
    ProtobufCService *service = (ProtobufCService *)poll->call;
    service->invoke(service, method_index(method), request, poll_done_cb, poll);
}

void poll_again(struct poll *poll, bool empty)
{
    if (empty && clock_mono_ms() - poll->started_ms < STREAM_WAIT_MS / 2)
        poll_pause(poll, PAUSE_EMPTY_MS);
    else
        poll->begin(poll->stream);
}
