// SPDX-License-Identifier: Apache-2.0
// Conditions in words, for evidence and explanations.
#pragma once

#include "services/scorer/core/condition.h"

// What stands on the left side of a test: "3", "12.5", "saas", an instant, "63.2 (Warm)", "14d 3h";
// of a test against something else both: "80 of 100 (80 %)", "5 to 20 (x4.0)"; "" when there is
// nothing.
const char *wording_value(const struct scene *scene, int32_t leaf, struct arena *arena);
// What is missing for a test that does not hold: "2 more", "trait industry is not set".
const char *wording_missing(const struct scene *scene, int32_t leaf, struct arena *arena);
// What a measure reads, by its unit, with its band; "" when there is nothing.
const char *wording_reading(const struct measure *measure, const struct reading *reading,
                            struct arena *arena);
const char *wording_instant(int64_t ms, struct arena *arena);
// The two largest units: "14d 3h", "45s", "250ms".
const char *wording_duration(int64_t ms, struct arena *arena);
