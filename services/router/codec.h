// SPDX-License-Identifier: Apache-2.0
// Messages of router.v1 to core structs and back. What comes from outside is checked here before
// the core sees it. Any thread.
#pragma once

#include "assay/router/v1/router.pb-c.h"
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "services/router/core/core.h"

enum {
    ROUTER_SIGNALS_MAX = 10000, // of one call
    ROUTER_ACCOUNT_LEADS_MAX = 100,
};

// A group of signals as a lane sends it; everything lives in the arena that it was read into.
struct router_signals {
    uint32_t lane;
    const struct router_signal *items;
    size_t n;
};
// INVALID: the bytes are no ApplySignalsRequest, or a field is out of its bounds (the text names
// it). FULL: too large.
MUST_USE enum err router_codec_signals(struct span bytes, struct arena *arena,
                                       struct router_signals *out, struct err_info *info);

// Appends a Decision, packed. `scratch` is reset.
void router_codec_decision(const struct router_decision *decision, struct arena *scratch,
                           struct buf *out);

// One that router_codec_decision packed, read into `arena`; NULL: it is none.
Assay__Router__V1__Decision *router_codec_decision_read(struct span packed, struct arena *arena);

// Messages in `arena`, with copies of every text, so that they outlive the core's next step.
Assay__Router__V1__Lead *router_codec_lead(const struct router_core *core,
                                           const struct router_lead *lead, bool with_token,
                                           struct arena *arena);
// With its last ROUTER_ACCOUNT_LEADS_MAX leads.
Assay__Router__V1__GetAccountResponse *router_codec_account(const struct router_core *core,
                                                            const char *account_id,
                                                            const struct router_account_view *view,
                                                            struct arena *arena);
Assay__Router__V1__Queue *router_codec_queue(const struct router_queue_view *view,
                                             struct arena *arena);
