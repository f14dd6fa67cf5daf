// SPDX-License-Identifier: Apache-2.0
// The body of a delivery: a decision on a lead, and the lead as it is when it is sent. Names are
// those of `assay leads --json` and `assay decisions --json`.
//
//     {"type": "lead.assigned", "timestamp": "2026-02-03T10:00:00.000Z",
//      "data": {"id": "msg_...", "idempotency_key": "msg_...", "offset": 4711, "step": "assigned",
//               "lead": "L...", "account": "acme", ... "evidence": [...], "contacts": [...], ...}}
#pragma once

#include "assay/router/v1/router.pb-c.h"
#include "common/base/buf.h"

enum {
    WEBHOOK_ID_BYTES = 128,
    WEBHOOK_CONTACTS_MAX = 20, // told; the rest are only counted
    WEBHOOK_STEPS = 32,        // steps are below this, and fit into a set of bits
};

// "msg_<instance>_<webhook>_<offset>": the same for every attempt and replay, different for every
// webhook and every cluster. `out` holds WEBHOOK_ID_BYTES. Returns `out`.
char *webhook_id(uint64_t instance, const char *webhook, uint64_t offset,
                 char out[WEBHOOK_ID_BYTES]);

// "assigned" of LEAD_STEP_ASSIGNED; NULL: there is no such step.
const char *webhook_step_name(uint32_t step);

// Appends the JSON text. `decision` is one on a lead; `lead` NULL: there is none with this id any
// more.
void webhook_payload(const char *id, const Assay__Router__V1__Decision *decision,
                     const Assay__Router__V1__Lead *lead, struct buf *out);
