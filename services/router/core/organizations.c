// SPDX-License-Identifier: Apache-2.0
#include "services/router/core/state.h"

void router_organizations_fact(struct router_core *core, struct account *account,
                               const struct cause *cause, struct router_effects *effects)
{
    (void)core;
    (void)account;
    (void)cause;
    (void)effects;
}

void router_organizations_settle(struct router_core *core, struct account *organization,
                                 const struct cause *cause, struct router_effects *effects)
{
    (void)core;
    (void)organization;
    (void)cause;
    (void)effects;
}

void router_organizations_playbook(struct router_core *core, struct router_effects *effects)
{
    (void)core;
    (void)effects;
}

bool router_organizations_restored(struct router_core *core)
{
    (void)core;
    return true;
}

const char *router_organizations_key(const struct account *account)
{
    return account->organization == NULL ? "" : account->organization->id + 1;
}

const char *router_organizations_fact_of(const struct router_core *core,
                                         const struct account *account, int32_t fact)
{
    if (fact == PLAYBOOK_NONE)
        return NULL;
    const struct held *held =
        router_state_held((struct subject *)&account->self, core->signal_names[fact], false);
    return held == NULL || !held->value ? NULL : held->fact;
}
