// SPDX-License-Identifier: Apache-2.0
// The marks behind warm.h, for the files of the core and for rows.c.
#pragma once

#include "services/scorer/core/state.h"
#include "services/scorer/core/warm.h"

// Marks measures as warming, with all that is derived from them and the signals that look at one.
void warming_set(struct core *core, const uint64_t measures[PLAYBOOK_MEASURES_MAX / 64]);

// What rows keep of a measure that is not complete.
struct warming_mark {
    uint64_t meaning;
    bool warming;
    int64_t since_ms;
};
// In the arena.
struct warming_mark *warming_marks(const struct core *core, struct arena *arena, size_t *n);
void warming_restore(struct core *core, const struct warming_mark *marks, size_t n);
