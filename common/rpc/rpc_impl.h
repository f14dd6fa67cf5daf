// SPDX-License-Identifier: Apache-2.0
// What the two sides share: frames, bounds, NNG's errors. NNG's message ownership is kept to one
// rule here: whoever holds a `nng_msg *` frees it, and starting a send gives it away.
#pragma once

#include <nng/nng.h>
#include <stdint.h>

#include "assay/rpc/v1/envelope.pb-c.h"
#include "common/rpc/rpc.h"

enum {
    RPC_CALLS_MAX_DEFAULT = 64,
    RPC_MESSAGE_BYTES_DEFAULT = 4 * 1024 * 1024,
    // What a frame may be larger than its message. Also how far a message may be over the bound and
    // still be answered instead of losing its connection.
    RPC_SLACK_BYTES = 64 * 1024,
    RPC_ARENA_BLOCK_BYTES = 4096,
    FRAME_LENGTH_BYTES = 4,
    FRAME_HEADER_MAX = 32 * 1024,
};

typedef Assay__Rpc__V1__RequestHeader rpc_request_header;

// The one place that knows NNG's codes.
enum err rpc_err_from_nng(int rv);

struct frame_request {
    const char *method;
    uint32_t timeout_ms;
    uint64_t call_id;
    const struct rpc_pair *metadata;
    size_t n_metadata; // at most RPC_METADATA_MAX
    bool cancel;
};
// A new frame with room for `body_bytes` at `*body`. Owned by the caller.
nng_msg *frame_request_create(const struct frame_request *head, size_t body_bytes, uint8_t **body);
// `text` may be NULL; it is cut at RPC_STATUS_TEXT_MAX.
nng_msg *frame_response_create(enum rpc_status status, const char *text, size_t body_bytes,
                               uint8_t **body);

// "127.0.0.1:4711", "[::1]:4711"; "" for what has no port.
void frame_peer_text(const nng_sockaddr *from, char *out, size_t bytes);

// Finds header and message of a frame from outside; false when the lengths do not fit.
bool frame_split(struct span frame, struct span *head, struct span *body);
// Header from outside, with all bounds and texts checked, in `arena`.
MUST_USE enum err frame_request_read(struct span head, struct arena *arena,
                                     rpc_request_header **out, struct err_info *info);
MUST_USE enum err frame_response_read(struct span head, struct arena *arena,
                                      enum rpc_status *status, const char **text);

// Closes a socket whose operations have all been stopped, and calls back on the loop when it is
// closed, or with `stuck` when it does not close.
void closer_start(struct loop *loop, nng_socket socket, void (*closed)(void *arg, bool stuck),
                  void *arg);
// Finds out whether NNG hangs; calls back on the loop.
void canary_start(struct loop *loop, void (*landed)(void *arg, bool stuck), void *arg);
