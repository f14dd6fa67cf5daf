// SPDX-License-Identifier: Apache-2.0
// What a plan notes of each kind of measure.
#pragma once

#include "services/scorer/core/plan.h"

// All but `continuous`; what is derived from others follows from them.
void measure_plan_fill(const struct measure *measure, struct plan_measure *out);
// Of a measure with a cell.
enum cell_shape measure_plan_shape(const struct measure *measure);
// What measure m does with an event of this name.
struct plan_step measure_plan_step(const struct playbook *playbook, int32_t m, int32_t event);
// plan->bits.
void measure_plan_bits(struct plan *plan);
