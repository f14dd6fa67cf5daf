// SPDX-License-Identifier: Apache-2.0
// Which events the measures of one account took: the first, the last and how many of those that
// count at a clock. Filled by following a core while the account's events are applied to it.
#pragma once

#include "services/scorer/core/core.h"

struct contributions;
// Follows the core (core_trace), which has a playbook and gets events of one account alone. Of
// measures of users the events of these are kept: one user, and visitors who are him
// (core_acting_as). Keeps the core, borrows the users.
struct contributions *contributions_create(struct core *core, const struct span *users, size_t n);
// Follows no longer.
void contributions_destroy(struct contributions *contributions);

struct contribution {
    uint64_t n;
    bool more; // there were more than are kept: at least n
    int64_t first_ms, last_ms;
    const char *first_id, *last_id; // message ids; valid as long as the contributions
};
// At a clock that is not before the account's. Of a derived measure those of its parts.
void contributions_of(const struct contributions *contributions, int32_t measure, int64_t clock_ms,
                      struct contribution *out);
