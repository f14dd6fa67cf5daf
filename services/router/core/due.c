// SPDX-License-Identifier: Apache-2.0
#include "services/router/core/state.h"

int64_t router_due_ms(const struct router_lead *lead)
{
    return lead->state == ROUTER_LEASED ? lead->lease_until_ms : INT64_MAX;
}

void router_due_arm(struct router_core *core, struct router_lead *lead)
{
    router_leads_arm(core, lead);
}
