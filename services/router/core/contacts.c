// SPDX-License-Identifier: Apache-2.0
#include "services/router/core/state.h"

static bool holds(const struct router_core *core, const struct subject *subject, int32_t signal)
{
    return signal != PLAYBOOK_NONE && router_state_holds(subject, core->signal_names[signal]);
}

bool router_contacts_barred(const struct router_core *core, const struct account *account,
                            const struct subject *user)
{
    const struct playbook *playbook = core->playbook;
    if (user != NULL && holds(core, user, playbook->never_user))
        return true;
    for (uint32_t i = 0; i < account->n_members; i++)
        if (!router_contacts_barred(core, account->members[i], NULL))
            return false;
    return account->n_members > 0 || holds(core, &account->self, playbook->never_account);
}

bool router_contacts_consents(const struct router_core *core, const struct account *account,
                              const struct subject *user)
{
    (void)account;
    return core->playbook->consent == PLAYBOOK_NONE || holds(core, user, core->playbook->consent);
}
