// SPDX-License-Identifier: Apache-2.0
// Calendars: when somebody works, and working time. Pure; instants are UTC milliseconds, shifts of
// the clock come from the zone's table.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "services/playbook/model.h"

// What the zone adds to UTC at the instant, in milliseconds.
int64_t hours_offset_ms(const struct zone *zone, int64_t at_ms);
// The local day of the instant, in days since 1970-01-01.
int32_t hours_local_day(const struct zone *zone, int64_t at_ms);
// The first instant of the local day (of two, where clocks are set back over midnight, the first).
int64_t hours_day_start_ms(const struct zone *zone, int32_t day);

// The next instant at which the zone's clock is set; INT64_MAX: none is known.
int64_t hours_next_shift_ms(const struct zone *zone, int64_t at_ms);

// Whether it is working time. A local time that a shift skips does not exist; one that it repeats
// is working time both times.
bool hours_open(const struct hours *hours, const struct zone *zone, int64_t at_ms);
// The first instant after at_ms at which hours_open changes; INT64_MAX: it does not within 400
// days.
int64_t hours_next_change_ms(const struct hours *hours, const struct zone *zone, int64_t at_ms);
// The instant at which so much working time has passed since from_ms; INT64_MAX: not within 400
// days. Of 0: from_ms itself. At an end that falls on the end of a working day it is that end.
int64_t hours_after_ms(const struct hours *hours, const struct zone *zone, int64_t from_ms,
                       int64_t working_ms);
// How much working time lies in [from_ms, to_ms).
int64_t hours_between_ms(const struct hours *hours, const struct zone *zone, int64_t from_ms,
                         int64_t to_ms);
// The instant `t` is within one of the absences.
bool hours_absent(const struct absence *absences, int32_t n, int64_t at_ms);
