// SPDX-License-Identifier: Apache-2.0
// Prompts: what the product may show to a user now, and what the user did with it.
#pragma once

#include "services/router/core/core.h"

enum { ROUTER_PROMPTS_MAX = 32, ROUTER_ANSWERS_MAX = 64 /* remembered of a user */ };

struct router_prompt {
    const char *name, *text, *offer, *link;
    const char *reason;  // "near_limit: messages is 85, at_least 80"
    const char *lead_id; // of the lead that brings it; ""
    int32_t priority;
    int64_t since_ms, expires_at_ms; // 0: it does not
};
// The strongest first, then the earliest, then by name; at most ROUTER_PROMPTS_MAX, each prompt
// once. None for a user (or account) who must not be contacted or did not consent, who is held out
// of the motion by an experiment or `hold_out`, or whose account is a customer already (but for
// prompts whose reason began after that). Changes nothing; answers from memory. An account or user
// that was never heard of: 0.
size_t router_core_prompts(const struct router_core *core, struct span account, struct span user,
                           int64_t now_ms, struct arena *arena, const struct router_prompt **out);

enum router_answer { ROUTER_DISMISSED = 1, ROUTER_CONVERTED };
// NOT_FOUND: no such account or user, or no prompt of this name in the playbook. INVALID: a value.
// The same answer again while it keeps the prompt away: OK, without effect. An empty user is the
// account itself.
MUST_USE enum err router_core_answer_prompt(struct router_core *core, int64_t now_ms,
                                            struct span account, struct span user,
                                            struct span prompt, enum router_answer answer,
                                            struct router_effects *effects, struct err_info *info);
