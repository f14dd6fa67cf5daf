// SPDX-License-Identifier: Apache-2.0
// Between two neighbouring edges nothing changes: an edge is a shift of the clock, local midnight,
// or the local time at which work begins or ends. All answers come from walking over edges, at most
// four a day, so that a skipped or repeated hour needs no case of its own.
#include "services/router/core/hours.h"

#include "common/base/time_text.h"

enum { WEEK_DAYS = 7, THURSDAY = 3, LOOK_DAYS = 400 };
static const int64_t LOOK_MS = (int64_t)LOOK_DAYS * TIME_DAY_MS;
// No zone is further from UTC.
static const int64_t OFFSET_MAX_MS = (int64_t)26 * TIME_HOUR_MS;

// The last shift that is not after the instant; -1: there is none.
static int32_t shift_at(const struct zone *zone, int64_t at_ms)
{
    int32_t low = 0;
    int32_t high = zone == NULL ? 0 : zone->n_shifts;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (zone->shifts[middle].from_ms <= at_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return low - 1;
}

static int64_t offset_of(const struct zone *zone, int32_t shift)
{
    return shift < 0 ? 0 : (int64_t)zone->shifts[shift].offset_s * TIME_SECOND_MS;
}

static int64_t shift_end(const struct zone *zone, int32_t shift)
{
    return zone != NULL && shift + 1 < zone->n_shifts ? zone->shifts[shift + 1].from_ms : INT64_MAX;
}

int64_t hours_offset_ms(const struct zone *zone, int64_t at_ms)
{
    return offset_of(zone, shift_at(zone, at_ms));
}

int32_t hours_local_day(const struct zone *zone, int64_t at_ms)
{
    return (int32_t)time_day(at_ms + hours_offset_ms(zone, at_ms));
}

int64_t hours_day_start_ms(const struct zone *zone, int32_t day)
{
    int64_t local_ms = (int64_t)day * TIME_DAY_MS;
    for (int32_t shift = shift_at(zone, local_ms - OFFSET_MAX_MS);; shift++) {
        int64_t at_ms = local_ms - offset_of(zone, shift);
        // The local time was skipped: the day begins with the shift.
        if (shift >= 0 && at_ms < zone->shifts[shift].from_ms)
            at_ms = zone->shifts[shift].from_ms;
        if (at_ms < shift_end(zone, shift))
            return at_ms;
    }
}

int64_t hours_next_shift_ms(const struct zone *zone, int64_t at_ms)
{
    return shift_end(zone, shift_at(zone, at_ms));
}

// ---- Working time -------------------------------------------------------------------------------

static bool is_holiday(const struct hours *hours, int32_t day)
{
    int32_t low = 0;
    int32_t high = hours->n_holidays;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (hours->holidays[middle] == day)
            return true;
        if (hours->holidays[middle] < day)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static bool is_always(const struct hours *hours)
{
    return hours->days == 0x7f && hours->from_min == 0 && hours->to_min == 24 * 60 &&
           hours->n_holidays == 0;
}

static bool open_at_local(const struct hours *hours, int64_t local_ms)
{
    int64_t day = time_day(local_ms);
    int64_t weekday = ((day + THURSDAY) % WEEK_DAYS + WEEK_DAYS) % WEEK_DAYS;
    int64_t minute = (local_ms - day * TIME_DAY_MS) / TIME_MINUTE_MS;
    return (hours->days >> weekday & 1) != 0 && minute >= hours->from_min &&
           minute < hours->to_min && !is_holiday(hours, (int32_t)day);
}

bool hours_open(const struct hours *hours, const struct zone *zone, int64_t at_ms)
{
    return is_always(hours) || open_at_local(hours, at_ms + hours_offset_ms(zone, at_ms));
}

static int64_t next_edge(const struct hours *hours, const struct zone *zone, int64_t at_ms)
{
    int32_t shift = shift_at(zone, at_ms);
    int64_t offset_ms = offset_of(zone, shift);
    int64_t day_ms = time_day(at_ms + offset_ms) * TIME_DAY_MS;
    const int64_t edges[] = {
        day_ms + (int64_t)hours->from_min * TIME_MINUTE_MS - offset_ms,
        day_ms + (int64_t)hours->to_min * TIME_MINUTE_MS - offset_ms,
        day_ms + TIME_DAY_MS - offset_ms,
        shift_end(zone, shift),
    };
    int64_t next_ms = INT64_MAX;
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
        if (edges[i] > at_ms && edges[i] < next_ms)
            next_ms = edges[i];
    return next_ms;
}

// The first change after at_ms and before end_ms; end_ms: none.
static int64_t change_before(const struct hours *hours, const struct zone *zone, int64_t at_ms,
                             int64_t end_ms)
{
    bool open = hours_open(hours, zone, at_ms);
    while ((at_ms = next_edge(hours, zone, at_ms)) < end_ms)
        if (hours_open(hours, zone, at_ms) != open)
            return at_ms;
    return end_ms;
}

int64_t hours_next_change_ms(const struct hours *hours, const struct zone *zone, int64_t at_ms)
{
    if (is_always(hours))
        return INT64_MAX;
    int64_t end_ms = at_ms + LOOK_MS + 1;
    int64_t change_ms = change_before(hours, zone, at_ms, end_ms);
    return change_ms == end_ms ? INT64_MAX : change_ms;
}

int64_t hours_after_ms(const struct hours *hours, const struct zone *zone, int64_t from_ms,
                       int64_t working_ms)
{
    if (working_ms <= 0 || is_always(hours))
        return working_ms <= 0 ? from_ms : from_ms + working_ms;
    int64_t end_ms = from_ms + LOOK_MS + 1;
    for (int64_t at_ms = from_ms; at_ms < end_ms;) {
        int64_t until_ms = change_before(hours, zone, at_ms, end_ms);
        if (hours_open(hours, zone, at_ms)) {
            if (until_ms - at_ms >= working_ms)
                return at_ms + working_ms;
            working_ms -= until_ms - at_ms;
        }
        at_ms = until_ms;
    }
    return INT64_MAX;
}

int64_t hours_between_ms(const struct hours *hours, const struct zone *zone, int64_t from_ms,
                         int64_t to_ms)
{
    if (to_ms <= from_ms || is_always(hours))
        return to_ms <= from_ms ? 0 : to_ms - from_ms;
    int64_t sum_ms = 0;
    for (int64_t at_ms = from_ms; at_ms < to_ms;) {
        int64_t until_ms = change_before(hours, zone, at_ms, to_ms);
        if (hours_open(hours, zone, at_ms))
            sum_ms += until_ms - at_ms;
        at_ms = until_ms;
    }
    return sum_ms;
}

bool hours_absent(const struct absence *absences, int32_t n, int64_t at_ms)
{
    for (int32_t i = 0; i < n && absences[i].from_ms <= at_ms; i++)
        if (at_ms < absences[i].to_ms)
            return true;
    return false;
}
