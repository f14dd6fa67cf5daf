// SPDX-License-Identifier: Apache-2.0
// Messages of router.v1 to core structs and back. What comes from outside is checked here before
// the core sees it. Any thread.
#pragma once

#include "assay/router/v1/router.pb-c.h"
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "services/router/core/core.h"
#include "services/router/core/experiments.h"
#include "services/router/core/prompts.h"
#include "services/router/core/teams.h"

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

// What is wrong with a request by itself; the text names the field. INVALID, or OK.
MUST_USE enum err router_codec_check_release(const Assay__Router__V1__ReleaseRequest *in,
                                             struct err_info *info);
MUST_USE enum err router_codec_check_park(const Assay__Router__V1__ParkRequest *in,
                                          struct err_info *info);
MUST_USE enum err router_codec_check_redrive(const Assay__Router__V1__RedriveRequest *in,
                                             struct err_info *info);
MUST_USE enum err router_codec_check_assign(const Assay__Router__V1__AssignRequest *in,
                                            struct err_info *info);
MUST_USE enum err router_codec_check_change_rep(const Assay__Router__V1__ChangeRepRequest *in,
                                                struct err_info *info);
MUST_USE enum err router_codec_check_answer_prompt(const Assay__Router__V1__AnswerPromptRequest *in,
                                                   struct err_info *info);
MUST_USE enum err router_codec_check_get_prompts(const Assay__Router__V1__GetPromptsRequest *in,
                                                 struct err_info *info);
MUST_USE enum err router_codec_check_get_account(const Assay__Router__V1__GetAccountRequest *in,
                                                 struct err_info *info);

// Appends a Decision, packed. `scratch` is reset.
void router_codec_decision(const struct router_decision *decision, struct arena *scratch,
                           struct buf *out);

// One that router_codec_decision packed, read into `arena`; NULL: it is none.
Assay__Router__V1__Decision *router_codec_decision_read(struct span packed, struct arena *arena);

// Whether a packed decision is on a lead of this queue and on this lead (either may be empty: any).
bool router_codec_decision_is_of(struct span packed, struct span queue, struct span lead_id);

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
Assay__Router__V1__Team *router_codec_team(const struct router_team_view *view,
                                           struct arena *arena);
Assay__Router__V1__Experiment *router_codec_experiment(const struct router_experiment_view *view,
                                                       struct arena *arena);
Assay__Router__V1__Prompt *router_codec_prompt(const struct router_prompt *prompt,
                                               struct arena *arena);

// What an operator says of a rep, with views of the message's texts, which are not looked at. The
// name of a field whose number is out of its bounds, or NULL.
const char *router_codec_rep_change(const Assay__Router__V1__ChangeRepRequest *in,
                                    struct router_rep_change *out);
Assay__Router__V1__ChangeRepRequest *
router_codec_rep_changed(const struct router_rep_change *change, struct arena *arena);
