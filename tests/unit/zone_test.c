// SPDX-License-Identifier: Apache-2.0
// links: zone base
#include <criterion/criterion.h>
#include <string.h>

#include "common/base/time_text.h"
#include "common/zone/zone.h"

static int64_t at(const char *text)
{
    int64_t ms = 0;
    cr_assert(time_parse(span_of(text), &ms), "%s", text);
    return ms;
}

static const struct zone_change *table_of(const char *name, struct arena *arena, size_t *n)
{
    const struct zone_change *table;
    struct err_info info;
    cr_assert_eq(zone_shifts(span_of(name), 1970, 2100, arena, &table, n, &info), ERR_OK, "%s",
                 name);
    cr_assert_gt(*n, 0);
    cr_expect_eq(table[0].from_ms, INT64_MIN);
    for (size_t i = 1; i < *n; i++) {
        cr_expect_lt(table[i - 1].from_ms, table[i].from_ms);
        cr_expect_neq(table[i - 1].offset_s, table[i].offset_s);
    }
    return table;
}

static int32_t offset(const struct zone_change *table, size_t n, const char *instant)
{
    int32_t found = table[0].offset_s;
    for (size_t i = 0; i < n && table[i].from_ms <= at(instant); i++)
        found = table[i].offset_s;
    return found;
}

static void expect(const char *name, const char *instant, int32_t seconds)
{
    struct arena arena;
    size_t n;
    arena_init(&arena, 4096, 0);
    const struct zone_change *table = table_of(name, &arena, &n);
    cr_expect_eq(offset(table, n, instant), seconds, "%s at %s: %d, not %d", name, instant,
                 offset(table, n, instant), seconds);
    arena_deinit(&arena);
}

Test(zone, summer_time_in_europe)
{
    expect("Europe/Berlin", "2026-03-29T00:59:59.999Z", 3600);
    expect("Europe/Berlin", "2026-03-29T01:00:00Z", 7200);
    expect("Europe/Berlin", "2026-10-25T00:59:59.999Z", 7200);
    expect("Europe/Berlin", "2026-10-25T01:00:00Z", 3600);
    expect("Europe/London", "2026-03-29T00:59:59Z", 0);
    expect("Europe/London", "2026-03-29T01:00:00Z", 3600);
    // Berlin had no summer time in 1975, and by today's rules still has it at the end of the table.
    expect("Europe/Berlin", "1975-07-01T00:00:00Z", 3600);
    expect("Europe/Berlin", "2100-07-01T00:00:00Z", 7200);
}

Test(zone, summer_time_in_america)
{
    expect("America/New_York", "2026-03-08T06:59:59Z", -18000);
    expect("America/New_York", "2026-03-08T07:00:00Z", -14400);
    expect("America/New_York", "2026-11-01T05:59:59Z", -14400);
    expect("America/New_York", "2026-11-01T06:00:00Z", -18000);
    expect("America/Phoenix", "2026-07-01T00:00:00Z", -25200);
}

Test(zone, halves_of_hours_and_other_oddities)
{
    expect("Asia/Kolkata", "2026-07-01T00:00:00Z", 19800);
    expect("Asia/Kathmandu", "2026-07-01T00:00:00Z", 20700);
    // Half an hour of summer time.
    expect("Australia/Lord_Howe", "2026-01-01T00:00:00Z", 39600);
    expect("Australia/Lord_Howe", "2026-07-01T00:00:00Z", 37800);
    // A day that there never was: Samoa crossed the date line.
    expect("Pacific/Apia", "2011-12-30T09:59:59Z", -36000);
    expect("Pacific/Apia", "2011-12-30T10:00:00Z", 50400);
}

Test(zone, some_never_change)
{
    struct arena arena;
    size_t n;
    arena_init(&arena, 4096, 0);
    const struct zone_change *table = table_of("UTC", &arena, &n);
    cr_expect_eq(n, 1);
    cr_expect_eq(table[0].offset_s, 0);
    (void)table_of("Asia/Kolkata", &arena, &n);
    cr_expect_eq(n, 1);
    arena_deinit(&arena);
}

Test(zone, what_is_no_name)
{
    static const char *const BAD[] = {
        "",
        "Europe/Berlni",
        "europe/berlin",
        "EST",
        "CST",
        "ACT",
        "GMT+3",
        "Etc/Unknown",
        "Berlin",
        "SystemV/EST5",
        "../etc/passwd",
        "Europe/Berlin/Europe/Berlin/Europe/Berlin/Europe/Berlin/Europe/Berlin/Europe/Berlin"};
    struct arena arena;
    const struct zone_change *table;
    struct err_info info;
    size_t n;
    arena_init(&arena, 4096, 0);
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        cr_expect_eq(zone_shifts(span_of(BAD[i]), 1970, 2100, &arena, &table, &n, &info),
                     ERR_NOT_FOUND, "%s", BAD[i]);
        cr_expect(table == NULL && n == 0);
    }
    cr_expect_eq(zone_shifts(span_of("UTC"), 2026, 2025, &arena, &table, &n, &info), ERR_INVALID);
    cr_expect_eq(zone_shifts(span_of("UTC"), 0, 2025, &arena, &table, &n, &info), ERR_INVALID);
    arena_deinit(&arena);
}

Test(zone, every_name_has_a_table)
{
    struct arena arena;
    const char *const *names;
    arena_init(&arena, 64 * 1024, 0);
    size_t n = zone_names(&arena, &names), most = 0;
    cr_assert_gt(n, 300);
    for (size_t i = 0; i < n; i++) {
        size_t changes;
        (void)table_of(names[i], &arena, &changes);
        most = changes > most ? changes : most;
        cr_expect(i == 0 || strcmp(names[i - 1], names[i]) < 0);
    }
    cr_expect_gt(most, 200);
    arena_deinit(&arena);
}
