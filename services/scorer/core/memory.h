// SPDX-License-Identifier: Apache-2.0
// Signals with a memory: how long a condition has held, how often a signal was true, and when it
// may be again. model.h (struct signal) says what each part means.
#pragma once

#include "services/scorer/core/condition.h"

// What the signal comes to at the scene's clock, its condition holding or not. Decides its exit,
// and notes in the subject what it saw; the scene is `flipped` when that has changed. `left` is set
// when it is true no longer because its exit holds.
bool memory_decide(struct scene *scene, const struct signal *signal, bool holds, bool *left);
// Of one that is false without being decided: what was remembered of its condition is forgotten.
void memory_forget(struct scene *scene, const struct signal *signal);
// When time alone may make it true, its condition holding on; STATE_NEVER: it does not.
int64_t memory_due(const struct signal *signal, uint8_t flags, const struct signal_mark *mark);
