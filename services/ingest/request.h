// SPDX-License-Identifier: Apache-2.0
// One request on its way: held until its sender's turn, then taken, then waiting for the batches
// that hold its events. It outlives its call: a caller that gives up and sends the same request
// again finds it here and gets its verdicts.
//
//   HELD ──turn──► (taken) OPEN ──last event acknowledged──► gone
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "assay/ingest/v1/ingest.pb-c.h"
#include "common/base/arena.h"
#include "common/rpc/rpc.h"

struct ingest;
struct sender;
struct keys_key;
enum { REQUEST_SOURCE_MAX = 64 };

struct request {
    struct request *prev, *next;               // in ingest's open list
    struct request *sender_prev, *sender_next; // in the sender's list: held or open
    struct ingest *ingest;
    struct sender *sender; // NULL: no order
    uint64_t sequence;
    // The call; NULL when it has been answered. The message is there as long as the call.
    Assay__Ingest__V1__IngestResponse_Closure closure;
    void *closure_data;
    const Assay__Ingest__V1__IngestRequest *message;
    bool held;
    bool open;
    size_t held_bytes;
    uint64_t digest; // of its message ids
    // The caller's, if it limits accounts; else NULL. Its keys are held.
    const struct keys_key *key;
    char source[REQUEST_SOURCE_MAX]; // id of the caller's key; "" without one
    // Taken:
    struct arena arena;
    uint32_t n_events;
    uint32_t waiting;  // events, copies included, that are not acknowledged
    bool failed;       // its call was answered with an error
    uint8_t *verdicts; // [n_events] of Assay__Ingest__V1__Verdict
    // [n_events], or NULL when none was refused: the sentence, and the word for it.
    const char **reasons, **rules;
};

// Open struct; `{0}` is an empty list.
struct request_list {
    struct request *first, *last;
    size_t n;
};

// A call that arrived. From here on its end is a request's business: the answer, or the caller
// giving up.
struct request *request_create(struct ingest *ingest,
                               const Assay__Ingest__V1__IngestRequest *message,
                               Assay__Ingest__V1__IngestResponse_Closure closure,
                               void *closure_data);
// Not taken, or refused as a whole: answers with an error and is gone.
void request_refuse(struct request *request, enum rpc_status status, const char *format, ...)
    PRINTF_LIKE(3, 4);
// Its turn has come: verdicts can be written.
void request_begin(struct request *request);
// There is room: it is open now. The message is not used any more.
void request_open(struct request *request);
// `rule` is a constant.
void request_set_refused(struct request *request, uint32_t index, const char *rule,
                         const char *reason);
// An event was put into a batch, and the batch was acknowledged. The last one answers and ends the
// request; `copy`: the verdict on it is not the event's.
void request_wait(struct request *request);
void request_acknowledged(struct request *request, uint32_t index, bool duplicate, bool copy);
// Nothing to wait for is left, perhaps from the beginning: answers, and is gone.
void request_look_done(struct request *request);
// Answers an open request with an error; what it waits for goes on.
void request_fail(struct request *request, enum rpc_status status, const char *text);
// Answers an open request's call: it is to be sent again, and then finds the request here.
void request_give_up(struct request *request, const char *text);
// Its event's batch is dropped.
void request_dropped(struct request *request);
// An open request gets another call of the same content: that one will be answered. Takes `again`.
void request_attach(struct request *request, struct request *again);
