// SPDX-License-Identifier: Apache-2.0
// The next change of one leaf by time alone.
#pragma once

#include "services/scorer/core/condition.h"

// The first instant after the scene's clock at which the leaf, nothing else happening, is not what
// it is at the clock; STATE_NEVER: there is none. Exact to the millisecond, whatever it looks at:
// what changes in steps is looked at from step to step, what changes all the time by halving
// intervals with bounds on what it may be within them.
// TIMERS_EARLY may tell an instant that lies before, but not by much, for a few looks instead of a
// hundred.
enum timers_how { TIMERS_EXACT, TIMERS_EARLY };
int64_t timers_leaf(struct scene *scene, int32_t leaf, enum timers_how how);
// The same for what a fact tells, while it is true. Of a measure that changes at every instant: the
// beginning of the next day.
int64_t timers_fact(struct scene *scene, const struct signal *fact, enum timers_how how);
