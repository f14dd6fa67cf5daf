// SPDX-License-Identifier: Apache-2.0
// Instants as text, without a time zone database: everything is UTC. Instants are milliseconds
// since 1970-01-01T00:00:00Z, leap seconds left out.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/span.h"

enum {
    TIME_SECOND_MS = 1000,
    TIME_MINUTE_MS = 60 * TIME_SECOND_MS,
    TIME_HOUR_MS = 60 * TIME_MINUTE_MS,
    TIME_DAY_MS = 24 * TIME_HOUR_MS,
};

struct time_date {
    int32_t year;
    uint32_t month; // 1 to 12
    uint32_t day;   // 1 to 31
};

// RFC 3339 / ISO 8601: "2026-01-31", "2026-01-31T10:00:00Z", fractions, "+01:00". The entire span.
bool time_parse(struct span s, int64_t *out_ms);
// "2026-01-31T10:00:00.000Z"; `out` holds TIME_TEXT_MAX bytes. Returns `out`.
enum { TIME_TEXT_MAX = 40 };
char *time_format(int64_t ms, char out[TIME_TEXT_MAX]);
// Durations: "250ms" "5s" "30m" "48h" "14d" "2w", whole and not negative.
bool time_parse_duration(struct span s, int64_t *out_ms);
// The shortest exact form of the same: "14d", "1500ms".
char *time_format_duration(int64_t ms, char out[TIME_TEXT_MAX]);

// Floors, also before 1970.
int64_t time_day(int64_t ms);  // days since 1970-01-01
int64_t time_hour(int64_t ms); // hours since 1970-01-01T00
struct time_date time_date_of_day(int64_t day);
int64_t time_day_of_date(struct time_date date);
