// SPDX-License-Identifier: Apache-2.0
// The client's inside, shared by client.c (life cycle), line.c (NNG's side) and call.c (calls).
//
// A line is one context of the REQ socket and carries one call at a time:
//
//   FREE ──start──► SENDING ──sent──► WAITING ──answer, error──► DONE ──on the loop──► FREE
//
// The steps to WAITING and DONE are made on NNG's threads. A wish to end early (`ending`) is set
// under the line's lock, so that it either stops the operation that runs or is seen before the next
// begins.
//
// REQ must not be told to stop receiving while its send still waits (NNG 1.5.2 may crash on that),
// hence one operation after the other. And NNG's own timeouts are not used: one that fires just as
// its operation ends may stop the next operation instead.
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "common/loop/loop.h"
#include "common/rpc/rpc_impl.h"

enum {
    // A call whose connection was lost more often than this fails: it may be what breaks the
    // server.
    CLIENT_LOSSES_MAX = 8,
    CLIENT_TIMEOUT_DEFAULT_MS = 10000,
    // How long a cancel waits for a connection and its answer; and a closing client for silence.
    CLIENT_CANCEL_MS = 1000,
};

enum line_phase { LINE_FREE, LINE_SENDING, LINE_WAITING, LINE_DONE };

struct line {
    struct rpc_client *client;
    nng_ctx ctx;
    nng_aio *aio;
    struct line *next_free;
    struct rpc_call *call; // NULL while it only tells the server of a cancel
    uint64_t call_id;
    struct loop_timer *deadline;
    int64_t deadline_ms; // clock_mono_ms
    bool late;           // the deadline has passed
    bool had_connection; // at the start
    unsigned connects;   // the client's counts at the start
    unsigned losses;

    pthread_mutex_t lock; // guards what follows, but not after DONE, when it is the loop's
    enum line_phase phase;
    bool ending;
    bool sent; // the server may have it
    int rv;
    nng_msg *answer;
};

struct rpc_call {
    ProtobufCService service; // first: a call is passed to stubs as a service
    struct rpc_client *client;
    struct rpc_call_opts opts;
    struct rpc_trace trace; // when opts.trace is not NULL
    struct line *line;      // NULL: not sent (yet)
    struct rpc_call *next_failed;
    bool started;
    enum rpc_status end_status; // not OK: ended early, for this reason
    // The answer goes either to the stub's closure as a message,
    const ProtobufCMessageDescriptor *answer_type;
    ProtobufCClosure closure;
    void *closure_data;
    // or to a raw callback.
    rpc_raw_cb raw;
    void *raw_arg;
    enum rpc_status status;
    char *text;
};

struct rpc_client {
    struct loop *loop;
    char *url;
    size_t request_bytes_max;
    size_t response_bytes_max;
    const char *(*authorization)(void *arg); // may be NULL
    void *authorization_arg;
    nng_socket socket;
    nng_dialer dialer;
    struct mailbox *mailbox; // of lines, and of the client itself for a change of connection
    uint32_t n_lines;
    struct line *lines;
    struct line *free_lines;
    uint32_t n_busy;
    uint32_t n_calls; // begun or in flight
    uint64_t call_id; // of the last call
    struct arena scratch;
    // Calls that ended before they were sent wait here for the next turn.
    struct rpc_call *failed_first;
    struct rpc_call *failed_last;
    struct loop_timer *later;
    struct loop_timer *silence;
    struct loop_timer *redial;
    bool redial_without; // a connection, when it last looked
    unsigned redial_connects;

    atomic_uint connections;
    atomic_uint connects; // ever
    atomic_uint losses;   // ever
    atomic_bool change_posted;

    bool suspects; // finds out whether NNG hangs
    int64_t suspect_after_ms;

    bool closing;
    void (*closed)(void *arg);
    void *closed_arg;
};

// line.c
void line_init(struct line *line, struct rpc_client *client);
void line_deinit(struct line *line);
// Takes `msg`.
void line_start(struct line *line, nng_msg *msg, int64_t timeout_ms);
// DONE follows soon.
void line_end(struct line *line);
// Whether an answer may be on its way.
bool line_waits(struct line *line);

// call.c
// On the loop: the line is DONE.
void call_line_done(struct line *line);
void call_end(struct rpc_call *call, enum rpc_status status);
// For a client that closes: the caller gets CANCELLED in the next turn, the server is told, and the
// line is done when the server's answer has come.
void call_abandon(struct line *line);
// Reports the calls that failed before they were sent.
void call_report_failed(struct rpc_client *client);

// client.c
// A call ran into its deadline: the server's fault, or NNG hangs. That is found out, now and then,
// and ends the process when it is so.
void client_suspect(struct rpc_client *client);
// Frees what can be freed when a closing client has become idle; nothing of it may be used after.
void client_look_closed(struct rpc_client *client);
