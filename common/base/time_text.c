// SPDX-License-Identifier: Apache-2.0
// Civil dates from day numbers and back follow the era method of Howard Hinnant,
// "chrono-Compatible Low-Level Date Algorithms".
#include "common/base/time_text.h"

#include <stdio.h>

#include "common/base/check.h"
#include "common/base/text.h"

static int64_t time_floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return a % b < 0 ? q - 1 : q;
}

int64_t time_day(int64_t ms)
{
    return time_floor_div(ms, TIME_DAY_MS);
}

int64_t time_hour(int64_t ms)
{
    return time_floor_div(ms, TIME_HOUR_MS);
}

int64_t time_day_of_date(struct time_date date)
{
    int64_t y = date.year - (date.month <= 2);
    int64_t era = time_floor_div(y, 400);
    int64_t yoe = y - era * 400;
    int64_t shifted = (int64_t)(date.month + 9) % 12;
    int64_t doy = (153 * shifted + 2) / 5 + (int64_t)date.day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

struct time_date time_date_of_day(int64_t day)
{
    int64_t z = day + 719468;
    int64_t era = time_floor_div(z, 146097);
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    struct time_date date;
    date.day = (uint32_t)(doy - (153 * mp + 2) / 5 + 1);
    date.month = (uint32_t)(mp < 10 ? mp + 3 : mp - 9);
    date.year = (int32_t)(yoe + era * 400 + (date.month <= 2));
    return date;
}

// Reads exactly `n` digits; moves `*at`.
static bool time_digits(struct span s, size_t *at, size_t n, uint32_t *out)
{
    uint32_t v = 0;
    if (s.len - *at < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = ((const char *)s.ptr)[*at + i];
        if (c < '0' || c > '9')
            return false;
        v = v * 10 + (uint32_t)(c - '0');
    }
    *at += n;
    *out = v;
    return true;
}

static bool time_literal(struct span s, size_t *at, char c)
{
    if (*at >= s.len || ((const char *)s.ptr)[*at] != c)
        return false;
    (*at)++;
    return true;
}

static uint32_t time_month_days(uint32_t year, uint32_t month)
{
    static const uint32_t DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return DAYS[month - 1] + (month == 2 && leap);
}

// The part after 'T': hh:mm[:ss[.fraction]] and the zone.
static bool time_parse_clock(struct span s, size_t *at, int64_t *out_ms)
{
    uint32_t hour, minute, second = 0, millis = 0;
    if (!time_digits(s, at, 2, &hour) || !time_literal(s, at, ':') ||
        !time_digits(s, at, 2, &minute))
        return false;
    if (time_literal(s, at, ':')) {
        if (!time_digits(s, at, 2, &second))
            return false;
        if (time_literal(s, at, '.')) {
            size_t n = 0;
            uint32_t digit;
            while (n < 9 && time_digits(s, at, 1, &digit)) {
                if (n < 3)
                    millis = millis * 10 + digit;
                n++;
            }
            if (n == 0)
                return false;
            for (; n < 3; n++)
                millis *= 10;
        }
    }
    if (hour > 23 || minute > 59 || second > 60)
        return false;
    int64_t zone_ms = 0;
    if (!time_literal(s, at, 'Z') && !time_literal(s, at, 'z')) {
        int64_t sign = time_literal(s, at, '+') ? 1 : time_literal(s, at, '-') ? -1 : 0;
        uint32_t zone_hour, zone_minute;
        if (sign == 0 || !time_digits(s, at, 2, &zone_hour))
            return false;
        (void)time_literal(s, at, ':');
        if (!time_digits(s, at, 2, &zone_minute) || zone_hour > 23 || zone_minute > 59)
            return false;
        zone_ms =
            sign * ((int64_t)zone_hour * TIME_HOUR_MS + (int64_t)zone_minute * TIME_MINUTE_MS);
    }
    *out_ms = (int64_t)hour * TIME_HOUR_MS + (int64_t)minute * TIME_MINUTE_MS +
              (int64_t)second * TIME_SECOND_MS + millis - zone_ms;
    return true;
}

bool time_parse(struct span s, int64_t *out_ms)
{
    size_t at = 0;
    uint32_t year, month, day;
    int64_t clock_ms = 0;
    if (!time_digits(s, &at, 4, &year) || !time_literal(s, &at, '-') ||
        !time_digits(s, &at, 2, &month) || !time_literal(s, &at, '-') ||
        !time_digits(s, &at, 2, &day))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > time_month_days(year, month))
        return false;
    if (at < s.len) {
        if (!time_literal(s, &at, 'T') && !time_literal(s, &at, ' ') && !time_literal(s, &at, 't'))
            return false;
        if (!time_parse_clock(s, &at, &clock_ms) || at != s.len)
            return false;
    }
    struct time_date date = {(int32_t)year, month, day};
    *out_ms = time_day_of_date(date) * TIME_DAY_MS + clock_ms;
    return true;
}

char *time_format(int64_t ms, char out[TIME_TEXT_MAX])
{
    int64_t day = time_day(ms);
    int64_t rest = ms - day * TIME_DAY_MS;
    struct time_date date = time_date_of_day(day);
    snprintf(out, TIME_TEXT_MAX, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", (int)date.year, date.month,
             date.day, (int)(rest / TIME_HOUR_MS), (int)(rest / TIME_MINUTE_MS % 60),
             (int)(rest / TIME_SECOND_MS % 60), (int)(rest % 1000));
    return out;
}

static const struct {
    const char *unit;
    int64_t ms;
} TIME_UNITS[] = {
    {"w", 7ll * TIME_DAY_MS}, {"d", TIME_DAY_MS},    {"h", TIME_HOUR_MS},
    {"m", TIME_MINUTE_MS},    {"s", TIME_SECOND_MS}, {"ms", 1},
};

bool time_parse_duration(struct span s, int64_t *out_ms)
{
    const char *p = s.ptr;
    size_t digits = 0;
    while (digits < s.len && p[digits] >= '0' && p[digits] <= '9')
        digits++;
    int64_t n;
    if (!text_to_i64(span_make(p, digits), &n))
        return false;
    struct span unit = span_make(p + digits, s.len - digits);
    for (size_t i = 0; i < ARRAY_LEN(TIME_UNITS); i++) {
        if (span_is(unit, TIME_UNITS[i].unit))
            return !__builtin_mul_overflow(n, TIME_UNITS[i].ms, out_ms);
    }
    return false;
}

char *time_format_duration(int64_t ms, char out[TIME_TEXT_MAX])
{
    // Weeks are not written: "14d" reads better than "2w" beside "30d".
    for (size_t i = 1; i < ARRAY_LEN(TIME_UNITS); i++) {
        if (ms % TIME_UNITS[i].ms == 0 && (ms != 0 || i + 1 == ARRAY_LEN(TIME_UNITS))) {
            snprintf(out, TIME_TEXT_MAX, "%lld%s", (long long)(ms / TIME_UNITS[i].ms),
                     TIME_UNITS[i].unit);
            break;
        }
    }
    return out;
}
