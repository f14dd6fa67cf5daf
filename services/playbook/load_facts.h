// SPDX-License-Identifier: Apache-2.0
// Facts: values of accounts and users that are told beside what is true of them. Each is made once,
// and only where something needs it.
#pragma once

#include "services/playbook/load_impl.h"

// "account.owner": the trait's key; false with the mistake reported.
bool load_account_trait(struct loader *l, const struct config_node *node, struct span *key);
// Places in `signals`; PLAYBOOK_NONE with the mistake reported. `node` (or NULL: the file as a
// whole) is what needs it.
int32_t load_fact_of_trait(struct loader *l, const struct config_node *node,
                           enum operand_kind operand, struct span key);
int32_t load_fact_of_measure(struct loader *l, const struct config_node *node, int32_t measure);
// The hour in which an account's users are busiest; `node`: of the queue that waits for it.
void load_busiest_hour(struct loader *l, const struct config_node *node);
