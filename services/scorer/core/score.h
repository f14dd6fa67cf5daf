// SPDX-License-Identifier: Apache-2.0
// Points that decay: sum points * 2^(-(clock - t) / half_life), rounded to thousandths, the same
// for any order of events and on any machine.
//
// With t = k*h + r (h the half-life, 0 <= r < h) a point's weight is 2^k * 2^(r/h): level k keeps
// the integer sum of points * 2^(r/h), and the value at a clock is a sum over levels of exact
// powers of two, times one factor of the clock. Integer arithmetic only.
#pragma once

#include <stdint.h>

#include "services/scorer/core/cell.h"

// Levels further back than this are below any rounding and are dropped.
enum { SCORE_LEVELS_MAX = 48 };

// Level of an instant; the lowest level that counts at a clock.
int64_t score_level(int64_t at_ms, int64_t half_life_ms);
int64_t score_low(int64_t clock_ms, int64_t half_life_ms);
// What an event adds to its level.
int64_t score_weight(int64_t points_milli, int64_t at_ms, int64_t half_life_ms);
// In thousandths. `cell` is of buckets, keys are levels.
int64_t score_value(const struct cell *cell, int64_t clock_ms, int64_t half_life_ms);
// The same before it is rounded, as in fine.h.
__int128 score_fine(const struct cell *cell, int64_t clock_ms, int64_t half_life_ms);
// 2^(r/h) with 63 bits behind the point, 0 <= r < h.
uint64_t score_exp2(int64_t r, int64_t h);
