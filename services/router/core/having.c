// SPDX-License-Identifier: Apache-2.0
// For how many members of an organization something is true: the signals that routes and the like
// look at, and whether they qualify. Kept as signals and members come and go, so that nobody needs
// to ask every member.
#include "common/base/check.h"
#include "common/base/mem.h"
#include "services/router/core/organizations_impl.h"

void router_having_learn(struct router_core *core)
{
    struct organizations *o = core->organizations;
    int32_t n = core->playbook->n_signals;
    o->having = mem_alloc(((size_t)n + 1) * sizeof *o->having);
    for (int32_t i = 0; i < n; i++)
        if (core->in_routes[i])
            o->having[o->n_having++] = i;
}

static uint32_t *counts_of(struct router_core *core, struct account *organization)
{
    struct kin *kin = router_kin(organization);
    if (kin->having == NULL)
        kin->having = mem_zalloc((core->organizations->n_having + 1) * sizeof *kin->having);
    return kin->having;
}

static bool has(const struct router_core *core, const struct account *account, int32_t signal)
{
    const char *name = core->signal_names[signal];
    return core->playbook->signals[signal].scope == SCOPE_USER
               ? router_state_users_with(account, name) > 0
               : router_state_holds(&account->self, name);
}

static bool is_definition(const struct router_core *core, const char *signal)
{
    for (size_t i = 0; i < core->n_definitions; i++)
        if (core->definitions[i].signal == signal)
            return true;
    return false;
}

void router_having_held(struct router_core *core, struct account *account, const char *name,
                        int sign)
{
    struct organizations *o = core->organizations;
    struct account *organization = account->organization;
    for (uint32_t i = 0; i < o->n_having; i++)
        if (core->signal_names[o->having[i]] == name && has(core, account, o->having[i]))
            counts_of(core, organization)[i] += (uint32_t)sign;
    if (is_definition(core, name) && router_standing_qualifies(core, account))
        router_kin(organization)->n_qualifying += (uint32_t)sign;
}

void router_having_account(struct router_core *core, struct account *account, int sign)
{
    struct organizations *o = core->organizations;
    struct account *organization = account->organization;
    uint32_t *counts = counts_of(core, organization);
    for (uint32_t i = 0; i < o->n_having; i++)
        if (has(core, account, o->having[i]))
            counts[i] += (uint32_t)sign;
    if (router_standing_qualifies(core, account))
        router_kin(organization)->n_qualifying += (uint32_t)sign;
}

bool router_organizations_has(const struct router_core *core, const struct account *organization,
                              int32_t signal)
{
    const struct organizations *o = core->organizations;
    CHECK(account_is_organization(organization));
    for (uint32_t i = 0; o != NULL && i < o->n_having; i++)
        if (o->having[i] == signal)
            return organization->kin != NULL && organization->kin->having != NULL &&
                   organization->kin->having[i] > 0;
    for (uint32_t i = 0; i < organization->n_members; i++)
        if (has(core, organization->members[i], signal))
            return true;
    return false;
}

bool router_organizations_qualifies(const struct router_core *core,
                                    const struct account *organization,
                                    const struct account *beside)
{
    CHECK(account_is_organization(organization));
    if (router_standing_now(&organization->self, ROUTER_PQA))
        return true;
    if (core->organizations != NULL) {
        uint32_t n = organization->kin == NULL ? 0 : organization->kin->n_qualifying;
        bool less = beside != NULL && beside->organization == organization &&
                    router_standing_qualifies(core, beside);
        return n > less;
    }
    for (uint32_t i = 0; i < organization->n_members; i++)
        if (organization->members[i] != beside &&
            router_standing_qualifies(core, organization->members[i]))
            return true;
    return false;
}
