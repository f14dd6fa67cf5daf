// SPDX-License-Identifier: Apache-2.0
// Conditions over events, traits and measures: true or false at a clock.
#pragma once

#include "services/scorer/core/measure.h"

// The left side of a test.
struct operand {
    bool present;
    bool number; // `milli` (of first and last: an instant) instead of `value`
    bool some;   // what `exists` asks: present, and more than a count of 0
    int64_t milli;
    struct value value;
};

// A text that is derived lies in the arena.
struct operand condition_operand(const struct scene *scene, int32_t leaf, struct arena *arena);
// One test, at the scene's clock. Changes nothing.
bool condition_leaf(const struct scene *scene, int32_t leaf);
// A whole condition, through signals. Changes nothing.
bool condition_holds(const struct scene *scene, int32_t at);
// Whether an exclusion holds; its position in playbook.exclude, or -1.
int32_t condition_excluded(const struct scene *scene);
// A condition of a signal of `scope`: other signals of the scope stand as last decided, and since
// when each leaf holds is kept in the subject.
bool condition_decide(struct scene *scene, int32_t at, enum scope scope);
