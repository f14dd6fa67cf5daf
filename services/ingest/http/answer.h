// SPDX-License-Identifier: Apache-2.0
// What a body of events is answered. Pure.
#pragma once

#include "assay/ingest/v1/ingest.pb-c.h"
#include "common/base/buf.h"
#include "common/rpc/rpc.h"

// An event that was refused before IngestService saw it.
struct answer_refusal {
    uint32_t index; // in the body
    const char *reason;
};

// {"success":true,"accepted":2,"duplicate":0,"refused":1,"events":[{"index":1,...}]}. `indexes`
// says where in the body each event of the response stood; both lists are in order of the body.
void answer_write(struct buf *out, const Assay__Ingest__V1__IngestResponse *response,
                  const uint32_t *indexes, const struct answer_refusal *refusals,
                  size_t n_refusals);
// The status of HTTP for one of a call that is not OK, and when it makes sense to try again: in
// seconds, 0 for never.
int answer_status(enum rpc_status status, int *retry_after_s);
