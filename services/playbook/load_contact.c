// SPDX-License-Identifier: Apache-2.0
// Who must not be contacted, and who agreed to be.
#include "services/playbook/load_impl.h"

void load_contact(struct loader *l, const struct config_node *node)
{
    if (node == NULL || !load_is_mapping(l, node, "as in {never: {user.unsubscribed: true}}"))
        return;
    (void)load_check_form(l, node, SCHEMA_CONTACT);
    const struct config_node *never = config_get(node, "never");
    const struct config_node *consent = config_get(node, "consent");
    if (never != NULL)
        l->never = load_as_signal(l, never, "contact.never");
    if (consent != NULL)
        l->consent = load_as_signal(l, consent, "contact.consent");
}

void load_check_contact(struct loader *l)
{
    const struct config_node *contact = config_get(config_root(l->config), "contact");
    if (l->consent == PLAYBOOK_NONE || l->signals[l->consent].unsure ||
        l->signals[l->consent].as.scope == SCOPE_USER)
        return;
    config_error_hint(l->config, config_get(contact, "consent"),
                      "say what the user agreed to, as in {user.consent: true}",
                      "consent looks at nothing of a user");
}
