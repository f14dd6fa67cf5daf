// SPDX-License-Identifier: Apache-2.0
// Whether what a row put back can be what the core made: the core takes for certain that nothing is
// later than the clock, that buckets are the measure's own, and that numbers are within bounds.
#pragma once

#include <stdbool.h>

#include "services/scorer/core/state.h"

// Traits that stand alone (profiles).
bool rows_check_traits(const struct traits *traits);
// A subject of an account, or of one of its users, at the account's clock and with its number of
// users.
bool rows_check_subject(const struct plan *plan, enum scope scope, struct subject *subject,
                        const struct account *account);
