// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/core/window.h"

// ---- Calendar ----

static int64_t window_month(int64_t day)
{
    struct time_date date = time_date_of_day(day);
    return (int64_t)date.year * 12 + (int64_t)date.month - 1;
}

static int64_t window_month_day(int64_t month)
{
    struct time_date date = {(int32_t)window_floor_div(month, 12), 1, 1};
    date.month = (uint32_t)(month - (int64_t)date.year * 12) + 1;
    return time_day_of_date(date);
}

int64_t window_period_day(enum window_kind window, int64_t day, int64_t next)
{
    if (window == WINDOW_CALENDAR_WEEK)
        return (window_week(day) + next) * 7 - 3;
    if (window == WINDOW_CALENDAR_MONTH)
        return window_month_day(window_month(day) + next);
    return day + next;
}

// ---- Moving windows ----

int64_t window_begin(const struct measure *measure, int64_t clock_ms, int64_t lag)
{
    int64_t low = window_low(measure, clock_ms);
    if (low == INT64_MIN)
        return low;
    return window_instant(window_by(measure), low - lag);
}

int64_t window_end(const struct measure *measure, int64_t clock_ms, int64_t lag)
{
    enum window_by by = window_by(measure);
    return window_instant(by, window_bucket(measure, by, clock_ms) - lag + 1);
}

int64_t window_move(const struct measure *measure, int64_t after_ms, uint32_t nth)
{
    enum window_by by = window_step(measure);
    if (by == BY_ALL)
        return INT64_MAX;
    if (by == BY_PERIOD)
        return window_period_day(measure->window, time_day(after_ms), 1) * TIME_DAY_MS;
    return window_instant(by, window_bucket(measure, by, after_ms) + 1 + nth);
}

uint32_t window_moves(const struct measure *measure, int64_t after_ms, int64_t last_ms)
{
    enum window_by by = window_step(measure);
    if (by == BY_ALL)
        return 0;
    int64_t now = window_bucket(measure, by, after_ms);
    int64_t last = window_bucket(measure, by, last_ms);
    if (by == BY_PERIOD)
        return last == now;
    bool streak = measure->kind == MEASURE_DAY_STREAK || measure->kind == MEASURE_WEEK_STREAK;
    int64_t n = last + (streak ? 2 : measure->window_n) + measure->lag - now;
    return n > 0 ? (uint32_t)n : 0;
}
