// SPDX-License-Identifier: Apache-2.0
// Facts: signals that tell a value, a trait or a measure's number. One is true while there is a
// value, and is told again whenever the value changes. Its condition is one test, whose left side
// is the value. Where a measure's number changes at every instant (a score), what time alone makes
// of it is told as each UTC day begins.
#pragma once

#include "services/scorer/core/condition.h"

enum { FACT_TEXT_MAX = 1000 }; // bytes; a longer text is told up to there

static inline bool fact_is(const struct signal *signal)
{
    return signal->origin == SIGNAL_FACT;
}

// The value at the scene's clock as a number of 64 bits, which is never 0; equal for equal values.
uint64_t fact_hash(const struct scene *scene, const struct signal *signal, struct arena *arena);
// As it is told: of a trait the text, the number in its shortest form, true or false; of a measure
// its thousandths; "" for none.
const char *fact_text(const struct scene *scene, const struct signal *signal, struct arena *arena);
