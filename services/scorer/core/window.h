// SPDX-License-Identifier: Apache-2.0
// The buckets that a measure counts in, and which of them its window holds at a clock. A bucket is
// a UTC day, an hour, a week from Monday, or the first day of a calendar period; one bucket holds
// everything when nothing leaves.
#pragma once

#include "common/base/time_text.h"
#include "services/playbook/model.h"

enum { WINDOW_STREAK_DAYS = 400, WINDOW_STREAK_WEEKS = 57 };

static inline int64_t window_floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return a % b < 0 ? q - 1 : q;
}

// Weeks begin on Monday; 1970-01-01 was a Thursday.
static inline int64_t window_week(int64_t day)
{
    return window_floor_div(day + 3, 7);
}

// The first day of the calendar period of a day, and of the next one.
int64_t window_period_day(enum window_kind window, int64_t day, int64_t next);

// What a measure's buckets are.
enum window_by { BY_ALL, BY_HOUR, BY_DAY, BY_WEEK, BY_PERIOD };

// What the window moves on by, whatever the measure's buckets are.
static inline enum window_by window_step(const struct measure *measure)
{
    if (measure->kind == MEASURE_DAY_STREAK)
        return BY_DAY;
    if (measure->kind == MEASURE_WEEK_STREAK)
        return BY_WEEK;
    switch (measure->window) {
    case WINDOW_LIFETIME:
    case WINDOW_ANCHORED:
    case WINDOW_RESET:
        return BY_ALL;
    case WINDOW_DAYS:
        return BY_DAY;
    case WINDOW_HOURS:
        return BY_HOUR;
    case WINDOW_WEEKS:
        return BY_WEEK;
    case WINDOW_CALENDAR_DAY:
    case WINDOW_CALENDAR_WEEK:
    case WINDOW_CALENDAR_MONTH:
        return BY_PERIOD;
    }
    return BY_ALL;
}

// Days and weeks are kept as such whatever the period; all else by what the window counts in.
static inline enum window_by window_by(const struct measure *measure)
{
    if (measure->kind == MEASURE_ACTIVE_DAYS && measure->window != WINDOW_HOURS)
        return BY_DAY;
    if (measure->kind == MEASURE_ACTIVE_WEEKS)
        return BY_WEEK;
    return window_step(measure);
}

static inline int64_t window_bucket(const struct measure *measure, enum window_by by, int64_t at_ms)
{
    switch (by) {
    case BY_ALL:
        return 0;
    case BY_HOUR:
        return time_hour(at_ms);
    case BY_DAY:
        return time_day(at_ms);
    case BY_WEEK:
        return window_week(time_day(at_ms));
    case BY_PERIOD:
        return window_period_day(measure->window, time_day(at_ms), 0);
    }
    return 0;
}

static inline int64_t window_key(const struct measure *measure, int64_t at_ms)
{
    return window_bucket(measure, window_by(measure), at_ms);
}

// The first instant of a bucket.
static inline int64_t window_instant(enum window_by by, int64_t bucket)
{
    switch (by) {
    case BY_ALL:
        return INT64_MIN;
    case BY_HOUR:
        return bucket * TIME_HOUR_MS;
    case BY_DAY:
    case BY_PERIOD:
        return bucket * TIME_DAY_MS;
    case BY_WEEK:
        return (bucket * 7 - 3) * TIME_DAY_MS;
    }
    return INT64_MIN;
}

static inline int64_t window_streak_low(const struct measure *measure, int64_t clock_ms)
{
    if (measure->kind == MEASURE_DAY_STREAK)
        return time_day(clock_ms) - WINDOW_STREAK_DAYS;
    if (measure->kind == MEASURE_WEEK_STREAK)
        return window_week(time_day(clock_ms)) - WINDOW_STREAK_WEEKS;
    return INT64_MIN;
}

static inline int64_t window_week_low(const struct measure *measure, int64_t clock_ms)
{
    int64_t low = window_week(time_day(clock_ms)) - measure->window_n + 1;
    return measure->kind == MEASURE_ACTIVE_DAYS ? low * 7 - 3 : low;
}

// The lowest bucket that counts at a clock; INT64_MIN: all do.
static inline int64_t window_low(const struct measure *measure, int64_t clock_ms)
{
    switch (measure->window) {
    case WINDOW_LIFETIME:
        return window_streak_low(measure, clock_ms);
    case WINDOW_ANCHORED:
    case WINDOW_RESET:
        return INT64_MIN;
    case WINDOW_DAYS:
        return time_day(clock_ms) - measure->window_n + 1;
    case WINDOW_HOURS:
        return time_hour(clock_ms) - measure->window_n + 1;
    case WINDOW_WEEKS:
        return window_week_low(measure, clock_ms);
    case WINDOW_CALENDAR_DAY:
    case WINDOW_CALENDAR_WEEK:
    case WINDOW_CALENDAR_MONTH:
        return window_period_day(measure->window, time_day(clock_ms), 0);
    }
    return INT64_MIN;
}

// The first instant of the window `lag` buckets before the one at a clock; INT64_MIN: there is no
// first. Not of windows that an event opens.
int64_t window_begin(const struct measure *measure, int64_t clock_ms, int64_t lag);
// The first instant behind it, when lag > 0.
int64_t window_end(const struct measure *measure, int64_t clock_ms, int64_t lag);

// The instants after `after_ms` at which the window moves on: the nth, from 0, or INT64_MAX.
int64_t window_move(const struct measure *measure, int64_t after_ms, uint32_t nth);
// How many of them there are until nothing up to `last_ms` (which is not behind after_ms) is in the
// window any more, nor in the one `lag` buckets before.
uint32_t window_moves(const struct measure *measure, int64_t after_ms, int64_t last_ms);
