// SPDX-License-Identifier: Apache-2.0
// links: router_core zone
#include <criterion/criterion.h>
#include <stdlib.h>

#include "common/base/time_text.h"
#include "common/zone/zone.h"
#include "services/router/core/hours.h"

static struct arena arena;

static void setup(void)
{
    arena_init(&arena, 64 * 1024, 0);
}

static void teardown(void)
{
    arena_deinit(&arena);
}

TestSuite(router_hours, .init = setup, .fini = teardown);

static struct zone zone_named(const char *name)
{
    const struct zone_change *changes;
    size_t n;
    cr_assert_eq(zone_shifts(span_of(name), 1970, 2100, &arena, &changes, &n, NULL), ERR_OK);
    struct zone_shift *shifts = arena_alloc(&arena, n * sizeof *shifts);
    for (size_t i = 0; i < n; i++)
        shifts[i] = (struct zone_shift){changes[i].from_ms, changes[i].offset_s};
    return (struct zone){name, shifts, (int32_t)n};
}

static int64_t at(const char *text)
{
    int64_t ms;
    cr_assert(time_parse(span_of(text), &ms), "%s", text);
    return ms;
}

static const struct hours ALWAYS = {0, 0x7f, 0, 1440, NULL, 0};
static const struct hours NINE_TO_FIVE = {0, 0x1f, 9 * 60, 17 * 60, NULL, 0};
static const struct hours NIGHT = {0, 0x7f, 60, 4 * 60, NULL, 0}; // 01:00 to 04:00

#define EXPECT_AT(got, expected)                                                                   \
    do {                                                                                           \
        int64_t got_ = (got);                                                                      \
        char text_[TIME_TEXT_MAX];                                                                 \
        cr_assert_eq(got_, at(expected), "%s, not %s", time_format(got_, text_), expected);        \
    } while (0)

Test(router_hours, local_days_of_23_24_and_25_hours)
{
    struct zone berlin = zone_named("Europe/Berlin");
    int32_t spring = (int32_t)time_day(at("2026-03-29"));
    int32_t autumn = (int32_t)time_day(at("2026-10-25"));
    EXPECT_AT(hours_day_start_ms(&berlin, spring), "2026-03-28T23:00:00Z");
    EXPECT_AT(hours_day_start_ms(&berlin, spring + 1), "2026-03-29T22:00:00Z");
    EXPECT_AT(hours_day_start_ms(&berlin, autumn), "2026-10-24T22:00:00Z");
    EXPECT_AT(hours_day_start_ms(&berlin, autumn + 1), "2026-10-25T23:00:00Z");
    cr_assert_eq(hours_local_day(&berlin, at("2026-10-25T22:59:59.999Z")), autumn);
    cr_assert_eq(hours_local_day(&berlin, at("2026-10-25T23:00:00Z")), autumn + 1);
    // No zone: UTC.
    cr_assert_eq(hours_day_start_ms(NULL, 3), 3 * (int64_t)TIME_DAY_MS);
}

Test(router_hours, a_day_that_begins_with_a_shift_or_comes_twice)
{
    // Clocks went from 00:00 to 01:00: the day has no midnight.
    struct zone sao_paulo = zone_named("America/Sao_Paulo");
    int32_t day = (int32_t)time_day(at("2018-11-04"));
    EXPECT_AT(hours_day_start_ms(&sao_paulo, day), "2018-11-04T03:00:00Z");
    // And back from 00:00 to 23:00: the day before is an hour longer.
    day = (int32_t)time_day(at("2018-02-18"));
    EXPECT_AT(hours_day_start_ms(&sao_paulo, day), "2018-02-18T03:00:00Z");
    // From 00:01 back to 23:01: the day begins twice, and the first time counts.
    struct zone_shift shifts[] = {{INT64_MIN, 0}, {at("2026-05-02T00:01:00Z"), -3600}};
    struct zone twice = {"Twice", shifts, 2};
    day = (int32_t)time_day(at("2026-05-02"));
    EXPECT_AT(hours_day_start_ms(&twice, day), "2026-05-02T00:00:00Z");
    cr_assert_eq(hours_local_day(&twice, at("2026-05-02T00:00:30Z")), day);
    cr_assert_eq(hours_local_day(&twice, at("2026-05-02T00:01:00Z")), day - 1);
    cr_assert_eq(hours_local_day(&twice, at("2026-05-02T01:00:00Z")), day);
    // A day that was skipped as a whole begins where the next one does.
    struct zone apia = zone_named("Pacific/Apia");
    day = (int32_t)time_day(at("2011-12-30"));
    EXPECT_AT(hours_day_start_ms(&apia, day), "2011-12-30T10:00:00Z");
    EXPECT_AT(hours_day_start_ms(&apia, day + 1), "2011-12-30T10:00:00Z");
}

Test(router_hours, working_days_weekends_and_holidays)
{
    struct zone berlin = zone_named("Europe/Berlin");
    static const int32_t HOLIDAYS[] = {20446, 20447}; // 2025-12-24 and 25, Wednesday and Thursday
    struct hours hours = NINE_TO_FIVE;
    cr_assert(hours_open(&hours, &berlin, at("2025-12-24T08:00:00Z")));
    cr_assert(!hours_open(&hours, &berlin, at("2025-12-24T07:59:59.999Z")));
    cr_assert(!hours_open(&hours, &berlin, at("2025-12-24T16:00:00Z")));
    cr_assert(!hours_open(&hours, &berlin, at("2025-12-27T10:00:00Z"))); // Saturday
    hours.holidays = HOLIDAYS;
    hours.n_holidays = 2;
    cr_assert(!hours_open(&hours, &berlin, at("2025-12-24T10:00:00Z")));
    EXPECT_AT(hours_next_change_ms(&hours, &berlin, at("2025-12-23T10:00:00Z")),
              "2025-12-23T16:00:00Z");
    EXPECT_AT(hours_next_change_ms(&hours, &berlin, at("2025-12-23T16:00:00Z")),
              "2025-12-26T08:00:00Z");
    EXPECT_AT(hours_after_ms(&hours, &berlin, at("2025-12-23T15:30:00Z"), 31 * TIME_MINUTE_MS),
              "2025-12-26T08:01:00Z");
    cr_assert_eq(
        hours_between_ms(&hours, &berlin, at("2025-12-23T15:30:00Z"), at("2025-12-26T09:00:00Z")),
        90 * TIME_MINUTE_MS);
}

Test(router_hours, an_hour_that_is_skipped_is_no_working_time)
{
    struct zone berlin = zone_named("Europe/Berlin"); // 02:00 becomes 03:00
    int64_t from = at("2026-03-29T00:00:00Z");        // 01:00, where the night shift begins
    EXPECT_AT(hours_next_change_ms(&NIGHT, &berlin, from), "2026-03-29T02:00:00Z");
    cr_assert_eq(hours_between_ms(&NIGHT, &berlin, from, from + 12 * TIME_HOUR_MS),
                 2 * TIME_HOUR_MS);
    EXPECT_AT(hours_after_ms(&NIGHT, &berlin, from, 2 * TIME_HOUR_MS), "2026-03-29T02:00:00Z");
    EXPECT_AT(hours_after_ms(&NIGHT, &berlin, from, 2 * TIME_HOUR_MS + 1),
              "2026-03-29T23:00:00.001Z");
    // A shift that falls into the hour as a whole does not take place.
    struct hours lost = {0, 0x7f, 120, 180, NULL, 0};
    EXPECT_AT(hours_next_change_ms(&lost, &berlin, at("2026-03-28T12:00:00Z")),
              "2026-03-30T00:00:00Z");
}

Test(router_hours, an_hour_that_comes_twice_counts_twice)
{
    struct zone berlin = zone_named("Europe/Berlin"); // 03:00 becomes 02:00
    int64_t from = at("2026-10-24T23:00:00Z");        // 01:00
    EXPECT_AT(hours_next_change_ms(&NIGHT, &berlin, from), "2026-10-25T03:00:00Z");
    cr_assert_eq(hours_between_ms(&NIGHT, &berlin, from, from + 12 * TIME_HOUR_MS),
                 4 * TIME_HOUR_MS);
    struct hours twice = {0, 0x7f, 120, 150, NULL, 0}; // 02:00 to 02:30, on that day twice
    cr_assert(hours_open(&twice, &berlin, at("2026-10-25T00:15:00Z")));
    cr_assert(!hours_open(&twice, &berlin, at("2026-10-25T00:45:00Z")));
    cr_assert(hours_open(&twice, &berlin, at("2026-10-25T01:15:00Z")));
    EXPECT_AT(hours_after_ms(&twice, &berlin, at("2026-10-25T00:00:00Z"), 45 * TIME_MINUTE_MS),
              "2026-10-25T01:15:00Z");
}

Test(router_hours, zones_at_a_half_hour_and_beyond_a_day)
{
    struct zone kolkata = zone_named("Asia/Kolkata");
    cr_assert_eq(hours_offset_ms(&kolkata, at("2026-01-01")), 330 * TIME_MINUTE_MS);
    cr_assert(hours_open(&NINE_TO_FIVE, &kolkata, at("2026-01-05T03:30:00Z")));
    cr_assert(!hours_open(&NINE_TO_FIVE, &kolkata, at("2026-01-05T03:29:00Z")));
    EXPECT_AT(hours_next_change_ms(&NINE_TO_FIVE, &kolkata, at("2026-01-05T03:30:00Z")),
              "2026-01-05T11:30:00Z");
    // Where it is Monday already, and where it is Sunday still.
    struct zone kiritimati = zone_named("Pacific/Kiritimati"),
                pago = zone_named("Pacific/Pago_Pago");
    cr_assert(hours_open(&NINE_TO_FIVE, &kiritimati, at("2026-01-04T19:00:00Z")));
    cr_assert(!hours_open(&NINE_TO_FIVE, &pago, at("2026-01-05T10:00:00Z")));
}

Test(router_hours, always_and_never)
{
    struct hours never = {0, 0, 9 * 60, 17 * 60, NULL, 0};
    int64_t from = at("2026-01-05T10:00:00Z");
    cr_assert_eq(hours_next_change_ms(&ALWAYS, NULL, from), INT64_MAX);
    cr_assert_eq(hours_after_ms(&ALWAYS, NULL, from, 5000), from + 5000);
    cr_assert_eq(hours_between_ms(&ALWAYS, NULL, from, from + 7), 7);
    cr_assert_eq(hours_next_change_ms(&never, NULL, from), INT64_MAX);
    cr_assert_eq(hours_after_ms(&never, NULL, from, 1), INT64_MAX);
    cr_assert_eq(hours_after_ms(&never, NULL, from, 0), from);
    cr_assert_eq(hours_between_ms(&never, NULL, from, from + TIME_DAY_MS), 0);
    cr_assert_eq(hours_between_ms(&ALWAYS, NULL, from, from - 1), 0);
}

Test(router_hours, absences_are_half_open)
{
    struct absence absences[] = {{10, 20}, {15, 40}, {50, 60}};
    cr_assert(!hours_absent(absences, 3, 9));
    cr_assert(hours_absent(absences, 3, 10));
    cr_assert(hours_absent(absences, 3, 39));
    cr_assert(!hours_absent(absences, 3, 40));
    cr_assert(hours_absent(absences, 3, 59));
    cr_assert(!hours_absent(absences, 3, 60));
    cr_assert(!hours_absent(NULL, 0, 0));
}

// Minute by minute, as the words say it.
static bool open_by_words(const struct hours *hours, const struct zone *zone, int64_t at_ms)
{
    int64_t local_ms = at_ms + hours_offset_ms(zone, at_ms);
    int64_t day = time_day(local_ms);
    int64_t minute = (local_ms - day * TIME_DAY_MS) / TIME_MINUTE_MS;
    for (int32_t i = 0; i < hours->n_holidays; i++)
        if (hours->holidays[i] == day)
            return false;
    return (hours->days >> ((day + 3) % 7) & 1) != 0 && minute >= hours->from_min &&
           minute < hours->to_min;
}

Test(router_hours, agrees_with_a_walk_over_minutes_in_random_weeks)
{
    static const char *const ZONES[] = {"Europe/Berlin",     "America/New_York",    "Asia/Kolkata",
                                        "America/Sao_Paulo", "Australia/Lord_Howe", "UTC"};
    static const char *const STARTS[] = {"2018-02-14", "2018-11-01", "2026-03-06", "2026-03-27",
                                         "2026-10-02", "2026-10-23", "2026-10-30", "2018-10-05"};
    unsigned seed = 20260105;
    for (int round = 0; round < 60; round++) {
        struct zone zone = zone_named(ZONES[rand_r(&seed) % 6]);
        int32_t from_min = rand_r(&seed) % 1439, to_min = from_min + 1 + rand_r(&seed) % 600;
        int64_t from = at(STARTS[rand_r(&seed) % 8]);
        int32_t holiday = (int32_t)time_day(from) + rand_r(&seed) % 7;
        struct hours hours = {0,        (uint8_t)(rand_r(&seed) & 0x7f),
                              from_min, to_min < 1440 ? to_min : 1440,
                              &holiday, rand_r(&seed) % 2};
        int64_t sum = 0, change = INT64_MAX;
        int64_t length = 7 * TIME_DAY_MS;
        for (int64_t t = from; t < from + length; t += TIME_MINUTE_MS) {
            bool open = open_by_words(&hours, &zone, t);
            cr_assert_eq(hours_open(&hours, &zone, t), open, "round %d", round);
            sum += open ? TIME_MINUTE_MS : 0;
            if (change == INT64_MAX && open != open_by_words(&hours, &zone, from))
                change = t;
        }
        cr_assert_eq(hours_between_ms(&hours, &zone, from, from + length), sum, "round %d", round);
        if (change != INT64_MAX)
            cr_assert_eq(hours_next_change_ms(&hours, &zone, from), change, "round %d", round);
        if (sum > 0) {
            int64_t after = hours_after_ms(&hours, &zone, from, sum);
            cr_assert(after <= from + length, "round %d", round);
            cr_assert_eq(hours_between_ms(&hours, &zone, from, after), sum, "round %d", round);
            cr_assert_eq(hours_between_ms(&hours, &zone, from, after - 1), sum - 1, "round %d",
                         round);
        }
    }
}
