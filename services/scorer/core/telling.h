// SPDX-License-Identifier: Apache-2.0
// What a change of a signal tells: the tests that speak for it, or why it is true no longer.
#pragma once

#include "services/scorer/core/condition.h"

// The tests that hold and speak for a signal, through other signals; in the arena.
const struct evidence *telling_evidence(const struct scene *scene, const struct signal *signal,
                                        struct arena *arena, size_t *n);
// Why it turned false: because its exit holds, or what of its condition does not.
const char *telling_reason(const struct scene *scene, const struct signal *signal, bool left,
                           struct arena *arena);
