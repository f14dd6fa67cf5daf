// SPDX-License-Identifier: Apache-2.0
// Where a user's events count that name no account.
#include "common/base/check.h"
#include "services/playbook/load_impl.h"

void load_identity(struct loader *l, const struct config_node *node)
{
    static const char *const NAMES[] = {
        [DEFAULT_ACCOUNT_ONLY] = "only",
        [DEFAULT_ACCOUNT_FIRST] = "first",
        [DEFAULT_ACCOUNT_LATEST] = "latest",
        [DEFAULT_ACCOUNT_NONE] = "none",
    };
    size_t choice;
    if (node == NULL || !load_is_mapping(l, node, "as in {default_account: latest}"))
        return;
    (void)load_check_form(l, node, SCHEMA_IDENTITY);
    const struct config_node *account = config_get(node, "default_account");
    if (account != NULL && config_read_choice(l->config, account, NAMES, ARRAY_LEN(NAMES), &choice))
        l->playbook->default_account = (enum default_account)choice;
}
