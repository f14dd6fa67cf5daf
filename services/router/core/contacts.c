// SPDX-License-Identifier: Apache-2.0
#include "services/router/core/state.h"

bool router_contacts_barred(const struct router_core *core, const struct account *account,
                            const struct subject *user)
{
    (void)core;
    (void)account;
    (void)user;
    return false;
}

bool router_contacts_consents(const struct router_core *core, const struct account *account,
                              const struct subject *user)
{
    (void)core;
    (void)account;
    (void)user;
    return true;
}
