// SPDX-License-Identifier: Apache-2.0
// What a leaf may be within an interval of time, from bounds on what it looks at.
#pragma once

#include "services/scorer/core/condition.h"

// Whether the leaf may be `wanted` at some instant of [from_ms, to_ms], nothing else happening,
// when what changes in steps does not change within it. True when in doubt; never in doubt for a
// single instant of numbers.
bool leaf_may(struct scene *scene, int32_t leaf, bool wanted, int64_t from_ms, int64_t to_ms);
