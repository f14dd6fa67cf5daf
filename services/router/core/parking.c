// SPDX-License-Identifier: Apache-2.0
// Out of a queue by somebody's word, and back.
#include "services/router/core/state.h"

enum err router_core_park(struct router_core *core, int64_t now_ms, struct span lead_id,
                          struct span token, struct span reason, struct span by,
                          const struct router_lead **out, struct router_effects *effects,
                          struct err_info *info)
{
    (void)token;
    (void)reason;
    (void)by;
    *out = NULL;
    router_core_tick(core, now_ms, effects);
    return err_set(info, ERR_NOT_FOUND, "lead_id: there is no \"" SPAN_FMT "\"", SPAN_ARG(lead_id));
}

enum err router_core_redrive(struct router_core *core, int64_t now_ms, struct span lead_id,
                             struct span queue, struct span by, size_t *n,
                             struct router_effects *effects, struct err_info *info)
{
    (void)lead_id;
    (void)by;
    *n = 0;
    router_core_tick(core, now_ms, effects);
    return err_set(info, ERR_NOT_FOUND, "queue: there is no \"" SPAN_FMT "\"", SPAN_ARG(queue));
}
