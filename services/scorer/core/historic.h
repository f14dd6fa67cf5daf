// SPDX-License-Identifier: Apache-2.0
// A `where` that looks at traits: what it says of a kept event is asked when the measure is read,
// with the traits as they were at the event. Its tests on the event itself are worked out when the
// event comes, and kept as bits (plan->bits).
#pragma once

#include "services/scorer/core/scene.h"

// The bits of the scene's event; false when it can never count, whatever its traits were.
bool historic_bits(const struct scene *scene, int32_t where, uint32_t *bits);
// Whether a kept event counts. `scope`: of the measure.
bool historic_counts(const struct scene *scene, int32_t where, enum scope scope,
                     const struct cell_event *event);
