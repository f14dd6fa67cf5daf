// SPDX-License-Identifier: Apache-2.0
// Conditions in words, for evidence and explanations.
#pragma once

#include "services/scorer/core/condition.h"

// What stands on the left side of a test: "3", "12.5", "saas", an instant; "" when there is
// nothing.
const char *wording_value(const struct scene *scene, int32_t leaf, struct arena *arena);
// What is missing for a test that does not hold: "2 more", "trait industry is not set".
const char *wording_missing(const struct scene *scene, int32_t leaf, struct arena *arena);
const char *wording_instant(int64_t ms, struct arena *arena);
