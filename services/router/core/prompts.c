// SPDX-License-Identifier: Apache-2.0
#include "services/router/core/prompts.h"

#include "services/router/core/state.h"

size_t router_core_prompts(const struct router_core *core, struct span account, struct span user,
                           int64_t now_ms, struct arena *arena, const struct router_prompt **out)
{
    (void)core;
    (void)account;
    (void)user;
    (void)now_ms;
    (void)arena;
    *out = NULL;
    return 0;
}

enum err router_core_answer_prompt(struct router_core *core, int64_t now_ms, struct span account,
                                   struct span user, struct span prompt, enum router_answer answer,
                                   struct router_effects *effects, struct err_info *info)
{
    (void)account;
    (void)user;
    (void)answer;
    router_core_tick(core, now_ms, effects);
    return err_set(info, ERR_NOT_FOUND, "prompt: there is no \"" SPAN_FMT "\"", SPAN_ARG(prompt));
}
