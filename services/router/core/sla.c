// SPDX-License-Identifier: Apache-2.0
#include "services/router/core/state.h"

void router_sla_start(struct router_core *core, struct router_lead *lead)
{
    (void)core;
    (void)lead;
}

void router_sla_stop(struct router_lead *lead)
{
    (void)lead;
}

void router_sla_touched(struct router_core *core, struct router_lead *lead)
{
    (void)core;
    (void)lead;
}

void router_sla_due(struct router_core *core, struct router_lead *lead,
                    struct router_effects *effects)
{
    (void)core;
    (void)lead;
    (void)effects;
}
