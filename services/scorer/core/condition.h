// SPDX-License-Identifier: Apache-2.0
// Conditions over events, traits and measures: true or false at a clock.
#pragma once

#include "services/scorer/core/measure.h"

// A threshold that is a share of something else is in thousandths of a percent of it.
enum { PERCENT_WHOLE = 100000 };

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
// What a threshold is relative to; not present when the leaf's is not.
struct operand condition_of(const struct scene *scene, int32_t leaf);
// As an instant in ms: a first or last event, an ISO 8601 text, a number of ms.
bool condition_instant(const struct operand *operand, int64_t *ms);
// As a number in the unit of a threshold.
bool condition_number(const struct operand *operand, int64_t *milli);
// Whether `exists` asks a measure for presence alone; for the rest, 0 is nothing.
bool condition_zero_exists(enum measure_kind kind);
// A test against fixed thresholds, of what stands on its left side.
bool condition_test(const struct operand *left, const struct condition *leaf, int64_t clock_ms);
// One test, at the scene's clock. Changes nothing.
// Whether both sides of a test against a share fade.
bool condition_shares(const struct scene *scene, const struct condition *leaf);
bool condition_leaf(const struct scene *scene, int32_t leaf);
// Whether a leaf looks at one of these measures.
bool condition_touched(const struct scene *scene, int32_t leaf, const uint64_t *touched);
// A whole condition; signals stand as last decided. Changes nothing.
bool condition_holds(const struct scene *scene, int32_t at);
// Whether a signal is true, as last decided. A user's, when the scene has none: false.
bool condition_signal(const struct scene *scene, int32_t position);
// Whether a growth is there, from what was then (if anything) to what is now.
bool condition_grew(const struct growth *growth, int64_t now, bool was, int64_t then);
// Whether an exclusion holds; its position in playbook.exclude, or -1.
int32_t condition_excluded(const struct scene *scene);
// A condition of a signal of `scope`: other signals stand as last decided, and since when each leaf
// holds is kept in the subject.
bool condition_decide(struct scene *scene, int32_t at, enum scope scope);
