// SPDX-License-Identifier: Apache-2.0
// How far what fades bends away from a straight line. Points that fade in different ways, some up
// and some down, may add up to something that hardly moves: bounds on each alone say little of the
// sum, a line does.
#pragma once

#include "services/scorer/core/measure.h"

// Over [from_ms, to_ms] the measure stays between the line through `from` and `to`, less `below`,
// and the same line, plus `above`. As in fine.h; roundings are in it.
struct bend {
    bool known; // false: nothing can be said
    __int128 from, to;
    __int128 below, above;
};

struct bend bend_of(const struct scene *scene, int32_t measure, int64_t from_ms, int64_t to_ms);
// Of a weighted sum, which need not be one of the playbook's.
struct bend bend_of_sum(const struct scene *scene, const struct measure *sum, int64_t from_ms,
                        int64_t to_ms);
