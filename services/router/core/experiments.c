// SPDX-License-Identifier: Apache-2.0
#include "services/router/core/experiments.h"

#include "services/router/core/state.h"

bool router_experiments_enter(struct router_core *core, struct router_lead *lead,
                              const struct account *home)
{
    (void)core;
    (void)lead;
    (void)home;
    return false;
}

void router_experiments_apply(const struct router_core *core, struct router_lead *lead)
{
    (void)core;
    (void)lead;
}

size_t router_core_experiments(const struct router_core *core, int64_t now_ms, struct arena *arena,
                               const struct router_experiment_view **out)
{
    (void)core;
    (void)now_ms;
    (void)arena;
    *out = NULL;
    return 0;
}
