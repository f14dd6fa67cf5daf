// SPDX-License-Identifier: Apache-2.0
#include "services/router/core/state.h"

bool router_admit(struct router_core *core, struct crew *crew, const struct router_lead *lead)
{
    (void)core;
    (void)crew;
    (void)lead;
    return true;
}

void router_admit_ended(struct router_core *core, struct crew *crew, const struct router_lead *lead)
{
    (void)core;
    (void)crew;
    (void)lead;
}
