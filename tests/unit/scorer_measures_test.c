// SPDX-License-Identifier: Apache-2.0
// links: scorer_core playbook
#include <criterion/criterion.h>

#include "tests/support/scorer_world.h"

static void expect(struct scorer_world *w, const char *account, const char *user,
                   const char *measure, const char *value)
{
    const char *got = scorer_world_value(w, account, user, measure);
    cr_assert(strcmp(got, value) == 0, "%s of %s/%s is %s, not %s", measure, account, user, got,
              value);
}

#define HEAD "playbook: p\nversion: 1\n"

Test(scorer_measures, window_of_days_is_the_day_and_those_before)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures: {c: {count: A, window: 3d}}\n");
    scorer_world_track(&w, "a", "u", "A", "2026-01-10T23:59:59.999Z");
    scorer_world_track(&w, "a", "u", "A", "2026-01-11T00:00:00Z");
    scorer_world_track(&w, "a", "u", "B", "2026-01-12T23:59:59.999Z");
    expect(&w, "a", "u", "c", "2");
    scorer_world_track(&w, "a", "u", "B", "2026-01-13T00:00:00Z");
    expect(&w, "a", "u", "c", "1");
    // Late, on a day that still counts, and on one that does not.
    scorer_world_track(&w, "a", "u", "A", "2026-01-11T05:00:00Z");
    scorer_world_track(&w, "a", "u", "A", "2026-01-10T23:59:59.999Z");
    expect(&w, "a", "u", "c", "2");
    scorer_world_track(&w, "a", "u", "B", "2026-01-14T00:00:00Z");
    expect(&w, "a", "u", "c", "0");
    scorer_world_close(&w);
}

Test(scorer_measures, window_of_hours)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD
                      "measures: {c: {count: A, window: 2h}, d: {active_days: A, window: 30h}}\n");
    scorer_world_track(&w, "a", "u", "A", "2026-01-10T21:00:00Z");
    scorer_world_track(&w, "a", "u", "A", "2026-01-10T22:59:59.999Z");
    expect(&w, "a", "u", "c", "2");
    scorer_world_track(&w, "a", "u", "B", "2026-01-10T23:00:00Z");
    expect(&w, "a", "u", "c", "1");
    expect(&w, "a", "u", "d", "1");
    scorer_world_track(&w, "a", "u", "A", "2026-01-11T00:00:00Z");
    expect(&w, "a", "u", "c", "1");
    expect(&w, "a", "u", "d", "2");
    // 22:00 of the 10th is the 30th hour back at 03:00 of the 12th.
    scorer_world_track(&w, "a", "u", "B", "2026-01-12T03:59:59.999Z");
    expect(&w, "a", "u", "d", "2");
    scorer_world_track(&w, "a", "u", "B", "2026-01-12T04:00:00Z");
    expect(&w, "a", "u", "d", "1");
    scorer_world_close(&w);
}

Test(scorer_measures, calendar_windows_begin_at_midnight)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures:\n"
                               "  day: {count: A, window: day}\n"
                               "  week: {count: A, window: week}\n"
                               "  month: {count: A, window: month}\n"
                               "  days: {active_days: A, window: month}\n"
                               "  users: {distinct: user, on: A, window: month}\n");
    scorer_world_track(&w, "a", "u", "A", "2024-02-29T23:59:59.999Z"); // Thursday
    expect(&w, "a", "u", "month", "1");
    scorer_world_track(&w, "a", "u", "A", "2024-03-01T00:00:00Z"); // Friday
    expect(&w, "a", "u", "day", "1");
    expect(&w, "a", "u", "week", "2");
    expect(&w, "a", "u", "month", "1");
    expect(&w, "a", "u", "days", "1");
    expect(&w, "a", "u", "users", "1");
    scorer_world_track(&w, "a", "v", "A", "2024-03-03T23:59:59.999Z"); // Sunday
    scorer_world_track(&w, "a", "u", "B", "2024-03-03T23:59:59.999Z");
    expect(&w, "a", "u", "day", "0");
    expect(&w, "a", "u", "week", "2");
    expect(&w, "a", "u", "users", "2");
    scorer_world_track(&w, "a", "u", "A", "2024-03-04T00:00:00Z"); // Monday
    expect(&w, "a", "u", "week", "1");
    expect(&w, "a", "u", "month", "2");
    expect(&w, "a", "u", "days", "2");
    // A late event of February counts no more; one of March does.
    scorer_world_track(&w, "a", "u", "A", "2024-02-29T12:00:00Z");
    scorer_world_track(&w, "a", "u", "A", "2024-03-02T12:00:00Z");
    expect(&w, "a", "u", "month", "3");
    expect(&w, "a", "u", "days", "3");
    scorer_world_close(&w);
}

Test(scorer_measures, anchored_window_is_half_open_to_the_millisecond)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures: {c: {count: A, after: T, within: 48h}}\n");
    scorer_world_track(&w, "a", "u", "A", "2026-01-01T11:59:59.999Z");
    expect(&w, "a", "u", "c", "0");
    scorer_world_track(&w, "a", "u", "T", "2026-01-01T12:00:00Z");
    scorer_world_track(&w, "a", "u", "A", "2026-01-01T12:00:00Z");
    expect(&w, "a", "u", "c", "1");
    scorer_world_track(&w, "a", "u", "A", "2026-01-03T11:59:59.999Z");
    expect(&w, "a", "u", "c", "2");
    scorer_world_track(&w, "a", "u", "A", "2026-01-03T12:00:00Z");
    expect(&w, "a", "u", "c", "2");
    // A second anchor changes nothing; an earlier one moves the window.
    scorer_world_track(&w, "a", "u", "T", "2026-01-02T00:00:00Z");
    expect(&w, "a", "u", "c", "2");
    scorer_world_track(&w, "a", "u", "T", "2026-01-01T11:59:59.999Z");
    expect(&w, "a", "u", "c", "2");
    scorer_world_track(&w, "a", "u", "T", "2026-01-01T11:59:59.998Z");
    expect(&w, "a", "u", "c", "2");
    scorer_world_track(&w, "a", "u", "T", "2026-01-01T11:00:00Z");
    expect(&w, "a", "u", "c", "2");
    scorer_world_close(&w);
}

Test(scorer_measures, anchor_that_comes_last_finds_what_came_before)
{
    struct scorer_world w;
    scorer_world_open(&w,
                      HEAD "measures:\n"
                           "  c: {count: A, after: T, within: 1h, per: account}\n"
                           "  s: {sum: properties.n, on: A, after: T, within: 1h, per: account}\n"
                           "  v: {distinct: properties.n, on: A, after: T, within: 1h}\n"
                           "  u: {distinct: user, on: A, after: T, within: 1h}\n"
                           "  d: {active_days: A, after: T, within: 40h}\n");
    struct say say = {.account = "a", .user = "u", .name = "A", .properties = "n=1.5"};
    for (int i = 0; i < 5; i++) {
        say.at_ms = at("2026-01-01T23:30:00Z") + i * 15 * (int64_t)TIME_MINUTE_MS;
        say.user = i % 2 == 0 ? "u" : "v";
        scorer_world_say(&w, &say);
    }
    expect(&w, "a", "u", "c", "0");
    struct say start = {
        .account = "a", .user = "u", .name = "T", .at_ms = at("2026-01-01T23:45:00Z")};
    scorer_world_say(&w, &start);
    expect(&w, "a", "u", "c", "4"); // 23:45, 0:00, 0:15, 0:30
    expect(&w, "a", "u", "s", "6");
    expect(&w, "a", "u", "v", "1");
    expect(&w, "a", "u", "u", "2");
    expect(&w, "a", "u", "d", "1"); // the user's: 0:00 and 0:30
    expect(&w, "a", "v", "v", "0"); // the anchor was the other user's
    start.at_ms = at("2026-01-01T23:30:00Z");
    scorer_world_say(&w, &start);
    expect(&w, "a", "u", "c", "4"); // 23:30 to 0:15
    expect(&w, "a", "u", "d", "2");
    scorer_world_close(&w);
}

Test(scorer_measures, sums_are_in_thousandths)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures: {s: {sum: properties.n, on: A}}\n");
    static const char *const VALUES[] = {"n=0.1",  "n=0.2",    "n=-5",      "n=text", "m=7",
                                         "n=true", "n=0.0005", "n=0.00049", "n=null"};
    for (size_t i = 0; i < ARRAY_LEN(VALUES); i++) {
        struct say say = {.account = "a",
                          .user = "u",
                          .name = "A",
                          .properties = VALUES[i],
                          .at_ms = at("2026-01-01")};
        scorer_world_say(&w, &say);
    }
    expect(&w, "a", "u", "s", "-4.699");
    struct say huge = {.account = "a",
                       .user = "v",
                       .name = "A",
                       .properties = "n=99999999999999999999999.5",
                       .at_ms = at("2026-01-01")};
    scorer_world_say(&w, &huge);
    scorer_world_say(&w, &huge);
    expect(&w, "a", "v", "s", "2305843009213693.951");
    scorer_world_close(&w);
}

Test(scorer_measures, distinct_users_and_values_are_exact)
{
    struct scorer_world w;
    scorer_world_open(&w,
                      HEAD "measures:\n"
                           "  users: {distinct: user, on: A, window: 2d}\n"
                           "  ever: {distinct: user, on: A}\n"
                           "  areas: {distinct: properties.area, on: A, window: 2d, per: account}\n"
                           "  all_areas: {distinct: properties.area, on: A, per: account}\n");
    static const struct {
        const char *user, *area, *when;
    } EVENTS[] = {
        {"u", "area=x", "2026-01-01T10:00:00Z"},   {"v", "area=1", "2026-01-01T11:00:00Z"},
        {"u", "area=1.0", "2026-01-02T10:00:00Z"}, {"u", "area=true", "2026-01-02T10:00:00Z"},
        {"v", "b=2", "2026-01-01T12:00:00Z"},      {"w", "area=null", "2026-01-02T12:00:00Z"},
    };
    for (size_t i = 0; i < ARRAY_LEN(EVENTS); i++) {
        struct say say = {.account = "a",
                          .user = EVENTS[i].user,
                          .name = "A",
                          .properties = EVENTS[i].area,
                          .at_ms = at(EVENTS[i].when)};
        scorer_world_say(&w, &say);
    }
    expect(&w, "a", NULL, "users", "3");
    expect(&w, "a", NULL, "areas", "3"); // x, 1, true
    scorer_world_track(&w, "a", "u", "B", "2026-01-03T00:00:00Z");
    expect(&w, "a", NULL, "users", "2"); // v was last seen on the 1st
    expect(&w, "a", NULL, "areas", "2"); // 1 and true
    scorer_world_track(&w, "a", "u", "B", "2026-01-09T00:00:00Z");
    expect(&w, "a", NULL, "users", "0");
    expect(&w, "a", NULL, "areas", "0");
    expect(&w, "a", NULL, "ever", "3");
    expect(&w, "a", NULL, "all_areas", "3");
    scorer_world_close(&w);
}

Test(scorer_measures, many_values_come_and_go)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures: {v: {distinct: properties.n, on: A, window: 2d}}\n");
    for (int day = 0; day < 20; day++) {
        for (int i = 0; i < 300; i++) {
            char text[32];
            snprintf(text, sizeof text, "n=%d", day * 150 + i);
            struct say say = {.account = "a",
                              .user = "u",
                              .name = "A",
                              .properties = text,
                              .at_ms = at("2026-01-01") + day * (int64_t)TIME_DAY_MS};
            scorer_world_say(&w, &say);
        }
        expect(&w, "a", "u", "v", day == 0 ? "300" : "450");
    }
    scorer_world_close(&w);
}

Test(scorer_measures, first_last_and_active_days)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures: {f: {first: A}, l: {last: A}, d: {active_days: any}}\n");
    scorer_world_track(&w, "a", "u", "B", "2026-01-05T00:00:00Z");
    expect(&w, "a", "u", "f", "");
    expect(&w, "a", "u", "l", "");
    scorer_world_track(&w, "a", "u", "A", "2026-01-03T10:00:00Z");
    scorer_world_track(&w, "a", "u", "A", "2026-01-03T09:00:00Z");
    scorer_world_track(&w, "a", "u", "A", "2026-01-04T08:00:00Z");
    expect(&w, "a", "u", "f", "2026-01-03T09:00:00.000Z");
    expect(&w, "a", "u", "l", "2026-01-04T08:00:00.000Z");
    expect(&w, "a", "u", "d", "3");
    scorer_world_close(&w);
}

Test(scorer_measures, what_is_active_and_what_counts_by_name)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures: {every: {count: any}, a: {count: A}}\n");
    struct say say = {.account = "a", .user = "u", .name = "A", .at_ms = at("2026-01-01")};
    static const char *const KINDS[] = {"track", "page", "screen", "identify", "group", "alias"};
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
        say.kind = KINDS[i];
        scorer_world_say(&w, &say);
    }
    say.kind = "track";
    say.context = "active=false";
    scorer_world_say(&w, &say);
    expect(&w, "a", "u", "every", "3");
    expect(&w, "a", "u", "a", "4");
    scorer_world_close(&w);

    scorer_world_open(&w,
                      HEAD "active: [A]\nmeasures: {every: {count: any}, u: {distinct: user}}\n");
    scorer_world_track(&w, "a", "u", "B", "2026-01-01");
    expect(&w, "a", "u", "every", "0");
    expect(&w, "a", "u", "u", "0");
    scorer_world_track(&w, "a", "u", "A", "2026-01-01");
    expect(&w, "a", "u", "every", "1");
    expect(&w, "a", "u", "u", "1");
    scorer_world_close(&w);
}

Test(scorer_measures, where_looks_at_the_event)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures:\n"
                               "  c: {count: A, where: {properties.plan: {in: [pro, 7]}}}\n"
                               "  d: {count: A, where: [{context.page.path: {contains: \"/x\"}}, "
                               "{user.role: admin}]}\n");
    static const char *const PLANS[] = {"plan=pro", "plan=7.0", "plan=free", "", "plan=PRO"};
    for (size_t i = 0; i < ARRAY_LEN(PLANS); i++) {
        struct say say = {.account = "a",
                          .user = "u",
                          .name = "A",
                          .properties = PLANS[i],
                          .context = "page.path=/y/X",
                          .at_ms = at("2026-01-01")};
        scorer_world_say(&w, &say);
    }
    expect(&w, "a", "u", "c", "2");
    // By the traits as they were at the event, whenever they came.
    expect(&w, "a", "u", "d", "0");
    struct say admin = {.kind = "identify",
                        .account = "a",
                        .user = "u",
                        .properties = "role=admin",
                        .at_ms = at("2026-01-01T00:00:00.001Z")};
    scorer_world_say(&w, &admin);
    expect(&w, "a", "u", "d", "0");
    struct say say = {.account = "a",
                      .user = "u",
                      .name = "A",
                      .context = "page.path=/y/X",
                      .at_ms = at("2026-01-01T00:00:00.001Z")};
    scorer_world_say(&w, &say);
    expect(&w, "a", "u", "d", "1");
    admin.at_ms = at("2026-01-01");
    scorer_world_say(&w, &admin);
    expect(&w, "a", "u", "d", "6");
    scorer_world_close(&w);
}

Test(scorer_measures, users_with_a_signal_now_and_ever)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures: {c: {count: A, window: 1d}, n: {users_with: s}, "
                               "e: {users_with: s, ever: true}}\n"
                               "signals: {s: {c: {at_least: 1}}}\n");
    scorer_world_track(&w, "a", "u", "A", "2026-01-01T10:00:00Z");
    scorer_world_track(&w, "a", "v", "A", "2026-01-01T10:00:00Z");
    expect(&w, "a", NULL, "n", "2");
    scorer_world_track(&w, "a", "v", "A", "2026-01-02T10:00:00Z");
    expect(&w, "a", NULL, "n", "1");
    expect(&w, "a", NULL, "e", "2");
    scorer_world_track(&w, "a", "u", "A", "2026-01-02T10:00:00Z");
    expect(&w, "a", NULL, "n", "2");
    expect(&w, "a", NULL, "e", "2");
    scorer_world_close(&w);
}
