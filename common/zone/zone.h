// SPDX-License-Identifier: Apache-2.0
// Time zones by their IANA names, as tables of what they add to UTC and from when. The only folder
// that knows ICU, whose data holds the rules (its edition is that of the installed library). Any
// thread; nothing is kept between calls.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"

enum {
    ZONE_NAME_BYTES_MAX = 64,
    ZONE_SHIFTS_MAX = 1000, // of a table; the busiest zones have some 270 in 130 years
};

// From this instant on, in UTC milliseconds, local time is so many seconds ahead of UTC. The first
// of a table is from INT64_MIN.
struct zone_change {
    int64_t from_ms;
    int32_t offset_s;
};

// The changes of a zone from the beginning of one year to the end of another (both included; 1900
// to 2200), ascending; what holds before the first and after the last is taken as it is there. In
// the arena. NOT_FOUND: there is no such zone. Names are as IANA writes them, a region and a place
// ("Europe/Berlin", "America/Argentina/Buenos_Aires"), or "UTC"; letters count as they are.
// INVALID: the years, or more changes than ZONE_SHIFTS_MAX.
MUST_USE enum err zone_shifts(struct span name, int32_t from_year, int32_t to_year,
                              struct arena *arena, const struct zone_change **out, size_t *n,
                              struct err_info *info);

// All names that zone_shifts takes, ascending, in the arena: for "did you mean". Returns how many.
size_t zone_names(struct arena *arena, const char *const **out);
