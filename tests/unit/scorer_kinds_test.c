// SPDX-License-Identifier: Apache-2.0
// links: scorer_core playbook
// What each kind of measure reads, as numbers: by hand, at the edges of windows, with late events.
#include <criterion/criterion.h>

#include "common/base/hash.h"
#include "services/scorer/core/measure.h"
#include "tests/support/scorer_world.h"

#define HEAD "playbook: p\nversion: 1\n"
enum { ABSENT = INT32_MIN };

// What a measure reads at the account's clock, or `ahead_ms` later.
static struct reading look(struct scorer_world *w, const char *account, const char *user,
                           const char *name, int64_t ahead_ms, int32_t lag)
{
    struct core *core = w->core;
    uint32_t number;
    struct scene scene = {.core = core, .plan = core->plan};
    scene.account = account_find(core, hash64(span_of(account)), span_of(account), &number);
    cr_assert_not_null(scene.account, "%s", account);
    if (user != NULL) {
        scene.user = user_find(core, scene.account, hash64(span_of(user)), span_of(user));
        cr_assert_not_null(scene.user, "%s", user);
        scene.profile = profile_of(core, scene.user);
    }
    scene.clock_ms = scene.account->clock_ms;
    for (int32_t m = 0; m < core->playbook->n_measures; m++) {
        if (strcmp(core->playbook->measures[m].name, name) == 0)
            return lag == 0 ? measure_read(&scene, m, scene.clock_ms + ahead_ms)
                            : measure_read_before(&scene, m, scene.clock_ms + ahead_ms, lag);
    }
    cr_assert_fail("no measure %s", name);
    return (struct reading){0};
}

static void is_at(struct scorer_world *w, int64_t ahead_ms, int32_t lag, const char *user,
                  const char *name, double expected, int line)
{
    struct reading reading = look(w, "a", user, name, ahead_ms, lag);
    if (expected == ABSENT) {
        cr_assert(!reading.present, "line %d: %s is %lld", line, name, (long long)reading.milli);
        return;
    }
    cr_assert(reading.present, "line %d: %s is absent", line, name);
    int64_t milli = (int64_t)(expected * 1000 + (expected < 0 ? -0.5 : 0.5));
    cr_assert(reading.milli == milli, "line %d: %s is %lld, not %lld", line, name,
              (long long)reading.milli, (long long)milli);
}
// Of user u of account a; numbers, or seconds of durations.
#define IS(name, expected) is_at(&w, 0, 0, "u", name, expected, __LINE__)
#define IS_OF_ACCOUNT(name, expected) is_at(&w, 0, 0, NULL, name, expected, __LINE__)
#define IS_AFTER(ahead_ms, name, expected) is_at(&w, ahead_ms, 0, "u", name, expected, __LINE__)
#define WAS(lag, name, expected) is_at(&w, 0, lag, "u", name, expected, __LINE__)
#define ACCOUNT_WAS(lag, name, expected) is_at(&w, 0, lag, NULL, name, expected, __LINE__)

static void is_text(struct scorer_world *w, const char *name, const char *expected, int line)
{
    struct reading reading = look(w, "a", "u", name, 0, 0);
    if (expected == NULL) {
        cr_assert(!reading.present, "line %d: %s is there", line, name);
        return;
    }
    cr_assert(reading.present && reading.value.type == VALUE_TEXT, "line %d: %s", line, name);
    cr_assert(span_is(reading.value.text, expected), "line %d: %s is " SPAN_FMT ", not %s", line,
              name, SPAN_ARG(reading.value.text), expected);
}
#define SAYS(name, expected) is_text(&w, name, expected, __LINE__)

static void say(struct scorer_world *w, const char *user, const char *name, const char *properties,
                const char *when)
{
    struct say event = {
        .account = "a", .user = user, .name = name, .properties = properties, .at_ms = at(when)};
    cr_assert_eq(scorer_world_say(w, &event), VERDICT_COUNTED);
}

static void said(struct scorer_world *w, const char *kind, const char *user, const char *traits,
                 const char *when)
{
    struct say event = {
        .kind = kind, .account = "a", .user = user, .properties = traits, .at_ms = at(when)};
    scorer_world_say(w, &event);
}

// ---- Numbers ----

Test(scorer_kinds, extremes_and_averages)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures:\n"
                               "  max: {max: properties.n, on: A, window: 2d}\n"
                               "  min: {min: properties.n, on: A, window: 2d}\n"
                               "  avg: {average: properties.n, on: A, window: 2d}\n"
                               "  ever: {average: properties.n, on: A}\n");
    say(&w, "u", "B", NULL, "2026-01-01T00:00:00Z");
    IS("max", ABSENT);
    IS("avg", ABSENT);
    say(&w, "u", "A", "n=-5", "2026-01-01T10:00:00Z");
    say(&w, "u", "A", "n=-2.5", "2026-01-01T11:00:00Z");
    say(&w, "u", "A", "n=text", "2026-01-01T11:00:00Z");
    IS("max", -2.5);
    IS("min", -5);
    IS("avg", -3.75);
    say(&w, "u", "A", "n=-4", "2026-01-02T23:59:59.999Z");
    // -11.5 / 3 = -3.83333.
    IS("avg", -3.833);
    IS("max", -2.5);
    IS_AFTER(1, "max", -4);
    IS_AFTER(1, "avg", -4);
    IS_AFTER(1 + TIME_DAY_MS, "max", ABSENT);
    IS_AFTER(1 + TIME_DAY_MS, "avg", ABSENT);
    IS_AFTER(1 + TIME_DAY_MS, "ever", -3.833);
    scorer_world_close(&w);
}

Test(scorer_kinds, an_average_is_rounded_away_from_zero)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures: {m: {average: properties.n, on: A}}\n");
    say(&w, "u", "A", "n=0.001", "2026-01-01");
    say(&w, "u", "A", "n=0.002", "2026-01-01");
    IS("m", 0.002); // 0.0015
    say(&w, "v", "A", "n=-0.001", "2026-01-01");
    say(&w, "v", "A", "n=-0.002", "2026-01-01");
    is_at(&w, 0, 0, "v", "m", -0.002, __LINE__);
    scorer_world_close(&w);
}

Test(scorer_kinds, windows_of_weeks_begin_on_monday)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures:\n"
                               "  c: {count: A, window: 2w}\n"
                               "  d: {active_days: A, window: 1w}\n"
                               "  w: {active_weeks: A, window: 4w}\n"
                               "  ever: {active_weeks: A}\n");
    say(&w, "u", "A", NULL, "2026-01-04T23:59:59.999Z"); // Sunday
    IS("c", 1);
    say(&w, "u", "A", NULL, "2026-01-05T00:00:00Z"); // Monday
    IS("c", 2);
    IS("d", 1);
    IS("w", 2);
    say(&w, "u", "A", NULL, "2026-01-11T23:59:59.999Z");
    IS("d", 2);
    IS_AFTER(1, "c", 2); // Monday the 12th
    IS_AFTER(1, "d", 0);
    IS_AFTER(1, "w", 2);
    say(&w, "u", "B", NULL, "2026-01-25T23:59:59.999Z"); // the fourth week of the first
    IS("w", 2);
    IS_AFTER(1, "w", 1);
    IS("ever", 2);
    scorer_world_close(&w);
}

// ---- Streaks ----

Test(scorer_kinds, a_streak_ends_today_or_yesterday)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures: {d: {day_streak: A}, w: {week_streak: A}}\n");
    say(&w, "u", "A", NULL, "2026-01-04T23:00:00Z"); // Sunday
    say(&w, "u", "A", NULL, "2026-01-05T01:00:00Z");
    IS("d", 2);
    IS("w", 2);
    say(&w, "u", "B", NULL, "2026-01-06T23:59:59.999Z");
    IS("d", 2);
    IS_AFTER(1, "d", 0);
    say(&w, "u", "B", NULL, "2026-01-07T00:00:00Z");
    IS("d", 0);
    IS("w", 2);
    // Late: the 6th joins the 5th to the 7th.
    say(&w, "u", "A", NULL, "2026-01-07T00:00:00Z");
    IS("d", 1);
    say(&w, "u", "A", NULL, "2026-01-06T12:00:00Z");
    IS("d", 4);
    say(&w, "u", "B", NULL, "2026-01-18T23:59:59.999Z"); // the Sunday after next
    IS("w", 2);
    IS_AFTER(1, "w", 0);
    scorer_world_close(&w);
}

Test(scorer_kinds, a_streak_has_a_longest)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures: {d: {day_streak: A}, w: {week_streak: A}}\n");
    for (int i = 0; i < 450; i++) {
        struct say event = {.account = "a",
                            .user = "u",
                            .name = "A",
                            .at_ms = at("2025-01-01") + i * (int64_t)TIME_DAY_MS};
        scorer_world_say(&w, &event);
    }
    IS("d", 400);
    IS("w", 57);
    IS_AFTER(TIME_DAY_MS, "d", 400);
    IS_AFTER(2 * (int64_t)TIME_DAY_MS, "d", 0);
    scorer_world_close(&w);
}

// ---- Values ----

Test(scorer_kinds, first_and_last_values)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures:\n"
                               "  f: {first: properties.p, on: A}\n"
                               "  l: {last: properties.p, on: A}\n");
    say(&w, "u", "A", NULL, "2026-01-01");
    say(&w, "u", "A", "p=null", "2026-01-01");
    SAYS("f", NULL);
    say(&w, "u", "A", "p=m", "2026-01-02");
    SAYS("f", "m");
    SAYS("l", "m");
    // Of one instant the smaller is first, the larger last.
    say(&w, "u", "A", "p=b", "2026-01-02");
    say(&w, "u", "A", "p=z", "2026-01-02");
    say(&w, "u", "A", "p=c", "2026-01-02");
    SAYS("f", "b");
    SAYS("l", "z");
    say(&w, "u", "A", "p=y", "2026-01-01T23:59:59.999Z");
    SAYS("f", "y");
    SAYS("l", "z");
    say(&w, "u", "A", "p=a", "2026-01-03");
    SAYS("l", "a");
    scorer_world_close(&w);
}

// ---- Time ----

Test(scorer_kinds, time_spent_is_what_lies_between)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures:\n"
                               "  t: {time_spent: [A, B], idle: 10m}\n"
                               "  day: {time_spent: [A, B], idle: 10m, window: 1d}\n"
                               "  team: {time_spent: [A, B], idle: 10m, per: account}\n");
    say(&w, "u", "A", NULL, "2026-01-01T10:00:00Z");
    IS("t", 0);
    say(&w, "u", "B", NULL, "2026-01-01T10:10:00Z");
    IS("t", 600);
    say(&w, "u", "A", NULL, "2026-01-01T10:20:00.001Z");
    IS("t", 600);
    // Late, between the two: both gaps are short now.
    say(&w, "u", "A", NULL, "2026-01-01T10:15:00Z");
    IS("t", 1200.001);
    say(&w, "u", "A", NULL, "2026-01-01T10:15:00Z");
    IS("t", 1200.001);
    say(&w, "v", "A", NULL, "2026-01-01T10:25:00Z");
    IS_OF_ACCOUNT("team", 1500);
    // Over midnight: the window has the part of its day.
    say(&w, "u", "A", NULL, "2026-01-01T23:56:00Z");
    say(&w, "u", "A", NULL, "2026-01-02T00:04:00Z");
    IS("day", 240);
    IS("t", 1200.001 + 480);
    // Late, from before the window, but it reaches into it.
    say(&w, "u", "A", NULL, "2026-01-02T00:14:00Z");
    IS("day", 840);
    IS_AFTER(TIME_DAY_MS, "day", 0);
    scorer_world_close(&w);
}

Test(scorer_kinds, since_goes_on_with_the_clock)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures:\n"
                               "  e: {since: A}\n"
                               "  c: {count: A, window: 1d}\n"
                               "  s: {since: {signal: busy}}\n"
                               "signals: {busy: {c: {at_least: 2}}}\n");
    say(&w, "u", "B", NULL, "2026-01-01T10:00:00Z");
    IS("e", ABSENT);
    IS("s", ABSENT);
    say(&w, "u", "A", NULL, "2026-01-01T11:00:00Z");
    say(&w, "u", "A", NULL, "2026-01-01T10:30:00Z");
    IS("e", 0);
    IS("s", 0);
    IS_AFTER(90000, "e", 90);
    IS_AFTER(90000, "s", 90);
    say(&w, "u", "B", NULL, "2026-01-02T11:00:00Z");
    IS("e", 86400);
    IS("s", ABSENT);
    scorer_world_close(&w);
}

Test(scorer_kinds, a_sequence_is_in_order_and_in_time)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures: {s: {sequence: [A, B, C], within: 1h}}\n");
    say(&w, "u", "A", NULL, "2026-01-01T10:00:00Z");
    say(&w, "u", "C", NULL, "2026-01-01T10:30:00Z");
    IS("s", 0);
    // Late: B at the instant of C is not before it.
    say(&w, "u", "B", NULL, "2026-01-01T10:30:00Z");
    IS("s", 0);
    say(&w, "u", "B", NULL, "2026-01-01T10:29:59.999Z");
    IS("s", 1);
    say(&w, "u", "C", NULL, "2026-01-01T10:59:59.999Z");
    IS("s", 2);
    say(&w, "u", "C", NULL, "2026-01-01T11:00:00Z");
    IS("s", 2);
    // A later A begins anew, and needs its own B.
    say(&w, "u", "A", NULL, "2026-01-01T10:45:00Z");
    IS("s", 2);
    say(&w, "u", "B", NULL, "2026-01-01T10:59:59.999Z");
    IS("s", 3);
    scorer_world_close(&w);
}

Test(scorer_kinds, a_sequence_may_take_one_event_twice)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures: {s: {sequence: [A, A, A], within: 1h}}\n");
    for (int i = 0; i < 5; i++) {
        struct say event = {.account = "a",
                            .user = "u",
                            .name = "A",
                            .at_ms = at("2026-01-01") + i * 29 * (int64_t)TIME_MINUTE_MS};
        scorer_world_say(&w, &event);
    }
    IS("s", 3); // 0-29-58, 29-58-87, 58-87-116
    say(&w, "u", "A", NULL, "2026-01-01");
    IS("s", 3);
    scorer_world_close(&w);
}

// ---- Windows that events open ----

Test(scorer_kinds, a_window_from_the_last_anchor)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures:\n"
                               "  c: {count: A, after: T, within: 1h, from: last}\n"
                               "  e: {count: A, after: T, from: last}\n"
                               "  m: {max: properties.n, on: A, after: T, from: last}\n"
                               "  p: {average: properties.n, on: A, after: T, from: last}\n");
    say(&w, "u", "A", "n=9", "2026-01-01T09:00:00Z");
    IS("e", 0);
    IS("m", ABSENT);
    say(&w, "u", "T", NULL, "2026-01-01T10:00:00Z");
    say(&w, "u", "A", "n=5", "2026-01-01T10:00:00Z");
    say(&w, "u", "A", "n=2", "2026-01-01T11:00:00Z");
    IS("c", 1);
    IS("e", 2);
    IS("m", 5);
    IS("p", 3.5);
    say(&w, "u", "T", NULL, "2026-01-01T10:30:00Z");
    IS("c", 1);
    IS("e", 1);
    IS("m", 2);
    // An earlier anchor changes nothing.
    say(&w, "u", "T", NULL, "2026-01-01T08:00:00Z");
    IS("e", 1);
    scorer_world_close(&w);
}

Test(scorer_kinds, a_reset_forgets_what_is_not_after_it)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures:\n"
                               "  c: {count: A, resets_on: [R, S]}\n"
                               "  s: {sum: properties.n, on: A, resets_on: R}\n"
                               "  d: {active_days: A, resets_on: R}\n"
                               "  f: {first: A, resets_on: R}\n"
                               "  l: {last: properties.n, on: A, resets_on: R}\n"
                               "  v: {distinct: properties.n, on: A, resets_on: R}\n"
                               "  u: {distinct: user, on: A, resets_on: R}\n");
    say(&w, "u", "A", "n=1", "2026-01-01T10:00:00Z");
    say(&w, "u", "A", "n=1", "2026-01-01T10:00:00.001Z");
    say(&w, "u", "A", "n=2", "2026-01-02T10:00:00Z");
    say(&w, "v", "A", "n=2", "2026-01-02T10:00:00Z");
    IS("c", 3);
    IS("s", 4);
    IS("d", 2);
    IS("v", 2);
    IS_OF_ACCOUNT("u", 2);
    say(&w, "u", "R", NULL, "2026-01-01T10:00:00Z");
    IS("c", 2);
    IS("s", 3);
    say(&w, "u", "S", NULL, "2026-01-01T10:00:00.001Z");
    IS("c", 1);
    IS("s", 3);
    say(&w, "u", "A", "n=7", "2026-01-01T09:00:00Z");
    IS("c", 1);
    cr_assert_eq(look(&w, "a", "u", "f", 0, 0).milli, at("2026-01-01T10:00:00.001Z"));
    say(&w, "v", "R", NULL, "2026-01-03T10:00:00Z");
    IS_OF_ACCOUNT("u", 0);
    IS("c", 1);
    scorer_world_close(&w);
}

// ---- What was before ----

// With every measure compared to what it was three buckets before.
static void open_with_lag(struct scorer_world *w, const char *yaml)
{
    scorer_world_open(w, HEAD);
    struct playbook *playbook = scorer_world_playbook(yaml);
    for (int32_t m = 0; m < playbook->n_measures; m++)
        ((struct measure *)playbook->measures)[m].lag = 3;
    core_set_playbook(w->core, ++w->position, playbook);
}

Test(scorer_kinds, reads_what_it_was)
{
    struct scorer_world w;
    open_with_lag(&w, HEAD "measures:\n"
                           "  c: {count: A, window: 2d}\n"
                           "  m: {max: properties.n, on: A, window: 2d}\n"
                           "  d: {active_days: A, window: 2d}\n"
                           "  v: {distinct: properties.n, on: A, window: 2d}\n"
                           "  u: {distinct: user, on: A, window: 2d}\n");
    say(&w, "u", "A", "n=1", "2026-01-01T10:00:00Z");
    say(&w, "v", "A", "n=1", "2026-01-01T10:00:00Z");
    say(&w, "u", "A", "n=3", "2026-01-02T23:59:59.999Z");
    say(&w, "u", "A", "n=2", "2026-01-04T10:00:00Z");
    say(&w, "u", "A", "n=2", "2026-01-05T10:00:00Z");
    // Now: the 4th and 5th; then: the 1st and 2nd.
    IS("c", 2);
    WAS(3, "c", 2);
    IS("m", 2);
    WAS(3, "m", 3);
    IS("d", 2);
    WAS(3, "d", 2);
    IS("v", 1);
    WAS(3, "v", 2);
    IS_OF_ACCOUNT("u", 1);
    ACCOUNT_WAS(3, "u", 2);
    // Late, into the window of then, and before it.
    say(&w, "w", "A", "n=8", "2026-01-02T00:00:00Z");
    say(&w, "x", "A", "n=8", "2025-12-31T23:59:59.999Z");
    say(&w, "u", "A", "n=9", "2026-01-01T00:00:00Z");
    IS_OF_ACCOUNT("u", 1);
    ACCOUNT_WAS(3, "u", 3);
    WAS(3, "c", 3);
    WAS(3, "m", 9);
    WAS(3, "v", 3);
    // A day on, the 1st has left the window of then.
    is_at(&w, TIME_DAY_MS, 3, NULL, "u", 2, __LINE__);
    is_at(&w, TIME_DAY_MS, 3, "u", "c", 1, __LINE__);
    is_at(&w, TIME_DAY_MS, 3, "u", "v", 1, __LINE__);
    is_at(&w, TIME_DAY_MS, 0, NULL, "u", 1, __LINE__);
    is_at(&w, 2 * (int64_t)TIME_DAY_MS, 0, NULL, "u", 0, __LINE__);
    scorer_world_close(&w);
}

// ---- Scores ----

Test(scorer_kinds, points_in_a_line)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "scores:\n"
                               "  s: {points: {A: 10, B: -3}, fades_over: 10d}\n"
                               "  p: {points: {A: 10}}\n");
    say(&w, "u", "A", NULL, "2026-01-01T00:00:00Z");
    IS("s", 10);
    IS_AFTER(TIME_DAY_MS, "s", 9);
    // 864,000,000 ms: a thousandth goes in 86,400 ms, rounded at the half.
    IS_AFTER(43200, "s", 10);
    IS_AFTER(43201, "s", 9.999);
    IS_AFTER(10 * (int64_t)TIME_DAY_MS - 1, "s", 0);
    IS_AFTER(10 * (int64_t)TIME_DAY_MS, "s", 0);
    say(&w, "u", "B", NULL, "2026-01-02T00:00:00Z");
    IS("s", 6);
    say(&w, "u", "A", NULL, "2026-01-01T12:00:00Z"); // late
    IS("s", 15.5);
    IS("p", 20);
    say(&w, "u", "B", NULL, "2026-01-11T12:00:00Z"); // all of the As has gone
    IS("s", -3 - 0.15);
    scorer_world_close(&w);
}

Test(scorer_kinds, rules_of_a_score)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "scores:\n"
                               "  s:\n"
                               "    points:\n"
                               "      - {on: A, points: 10, per_day: 2}\n"
                               "      - {on: B, points: 50, once: true}\n"
                               "      - {on: C, points: -15, at_most: 40}\n"
                               "    half_life: 1d\n"
                               "  n:\n"
                               "    points: [{on: A, points: 1, per_day: 2}, {on: B, points: 5}]\n"
                               "    cap_per_event: 12\n"
                               "  b: {points: {C: -1, A: 30}, at_least: 0, at_most: 100}\n");
    say(&w, "u", "A", NULL, "2026-01-01T12:00:00Z");
    say(&w, "u", "A", NULL, "2026-01-01T12:00:00Z");
    say(&w, "u", "A", NULL, "2026-01-01T12:00:00Z");
    IS("s", 20);
    IS("n", 2);
    IS_AFTER(TIME_DAY_MS, "s", 10);
    IS_AFTER(2 * (int64_t)TIME_DAY_MS, "s", 5);
    say(&w, "u", "A", NULL, "2026-01-02T12:00:00Z");
    IS("s", 20);
    IS("n", 3);
    say(&w, "u", "B", NULL, "2026-01-02T12:00:00Z");
    say(&w, "u", "B", NULL, "2026-01-02T12:00:00Z");
    IS("s", 70);
    IS("n", 13);
    // The earliest of its rule, a day before.
    say(&w, "u", "B", NULL, "2026-01-01T12:00:00Z");
    IS("s", 45);
    IS("n", 15); // 3 and, of 15, 12
    for (int i = 0; i < 4; i++)
        say(&w, "u", "C", NULL, "2026-01-02T12:00:00Z");
    IS("s", 5); // -60 is held at -40
    IS_AFTER(TIME_DAY_MS, "s", 22.5 - 30);
    IS("b", 100);
    say(&w, "v", "C", NULL, "2026-01-02T12:00:00Z");
    is_at(&w, 0, 0, "v", "b", 0, __LINE__);
    scorer_world_close(&w);
}

Test(scorer_kinds, the_first_of_a_day_are_those_by_time_not_by_arrival)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "scores:\n"
                               "  s: {points: [{on: A, points: 8, per_day: 1}], fades_over: 2d}\n");
    say(&w, "u", "A", NULL, "2026-01-01T12:00:00Z");
    IS("s", 8);
    say(&w, "u", "A", NULL, "2026-01-01T06:00:00Z");
    IS("s", 7); // 8 * 42h / 48h
    say(&w, "u", "B", NULL, "2026-01-03T05:59:59.999Z");
    say(&w, "u", "A", NULL, "2026-01-01T00:00:00Z"); // gone, and so is its day
    IS("s", 0);
    scorer_world_close(&w);
}

Test(scorer_kinds, weights_add_up)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures:\n"
                               "  c: {count: A, window: 1d}\n"
                               "  n: {sum: properties.n, on: A, per: account}\n"
                               "signals: {many: {c: {at_least: 2}}}\n"
                               "scores:\n"
                               "  s: {points: {A: 10}, half_life: 1d}\n"
                               "  t: {weights: {s: 2.5, c: 1, n: 0.5, many: 20}}\n");
    say(&w, "u", "A", "n=-0.001", "2026-01-01T12:00:00Z");
    IS("t", 26); // 25.9995: half away from zero
    say(&w, "v", "A", "n=-0.001", "2026-01-01T12:00:00Z");
    IS("t", 25.999);
    say(&w, "u", "A", "n=-0.001", "2026-01-01T12:00:00Z");
    IS("t", 71.999);                    // 71.9985
    IS_AFTER(TIME_DAY_MS, "t", 44.999); // the count has gone, the signal is as it was decided
    scorer_world_close(&w);
}

Test(scorer_kinds, fit_and_grades)
{
    struct scorer_world w;
    scorer_world_open(&w,
                      HEAD "scores: {heat: {points: {A: 10}, per: account}}\n"
                           "fit:\n"
                           "  mid:\n"
                           "    criteria:\n"
                           "      - {when: {account.employees: {between: [50, 1000]}}, weight: 2}\n"
                           "      - {when: {account.industry: {in: [saas, media]}}}\n"
                           "    at_least: 60\n"
                           "  small: {account.employees: {below: 10}}\n"
                           "  never: {disqualifies: true, when: {account.country: XX}}\n"
                           "grades:\n"
                           "  grade: {fit: [50, 80], score: heat, at_least: [10, 20]}\n");
    say(&w, "u", "A", NULL, "2026-01-01");
    IS_OF_ACCOUNT("fit.mid", 0);
    SAYS("grade", "C2");
    said(&w, "group", NULL, "industry=saas", "2026-01-01");
    IS_OF_ACCOUNT("fit.mid", 33.333);
    SAYS("grade", "C2");
    said(&w, "group", NULL, "employees=50", "2026-01-02");
    IS_OF_ACCOUNT("fit.mid", 100);
    IS_OF_ACCOUNT("fit.best", 100);
    say(&w, "u", "A", NULL, "2026-01-02");
    SAYS("grade", "A1");
    said(&w, "group", NULL, "industry=mining", "2026-01-03");
    IS_OF_ACCOUNT("fit.mid", 66.667);
    SAYS("grade", "B1");
    said(&w, "group", NULL, "employees=9", "2026-01-04");
    IS_OF_ACCOUNT("fit.mid", 0);
    IS_OF_ACCOUNT("fit.best", 100);
    said(&w, "group", NULL, "country=XX", "2026-01-05");
    IS_OF_ACCOUNT("fit.best", 0);
    SAYS("grade", "C1");
    scorer_world_close(&w);
}

// ---- Traits as they were ----

Test(scorer_kinds, judges_by_the_traits_of_then)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures:\n"
                               "  pro: {count: A, where: {account.plan: pro}}\n"
                               "  admin: {count: A, per: account, where: {user.role: admin}}\n"
                               "  both: {count: A, where: {any: [{properties.x: 1}, "
                               "{all: [{account.plan: pro}, {user.email_domain: acme.com}]}]}}\n");
    said(&w, "group", NULL, "plan=free", "2026-01-01T00:00:00Z");
    say(&w, "u", "A", NULL, "2026-01-02T00:00:00Z");
    say(&w, "u", "A", "x=1", "2026-01-03T00:00:00Z");
    say(&w, "v", "A", NULL, "2026-01-03T00:00:00Z");
    say(&w, "u", "A", NULL, "2026-01-04T00:00:00Z");
    IS("pro", 0);
    IS("both", 1);
    // Late: pro from the 3rd on.
    said(&w, "group", NULL, "plan=pro", "2026-01-03T00:00:00Z");
    IS("pro", 2);
    IS("both", 1);
    // And free again from the 4th; then not set.
    said(&w, "group", NULL, "plan=free", "2026-01-03T00:00:00.001Z");
    IS("pro", 1);
    said(&w, "group", NULL, "plan=null", "2026-01-03T23:00:00Z");
    IS("pro", 1);
    IS_OF_ACCOUNT("admin", 0);
    said(&w, "identify", "u", "role=admin", "2026-01-03T12:00:00Z");
    IS_OF_ACCOUNT("admin", 1);
    said(&w, "identify", "v", "role=admin", "2026-01-03T00:00:00Z");
    IS_OF_ACCOUNT("admin", 2);
    // A profile stands in while the account says nothing.
    struct say profile = {.kind = "identify",
                          .account = "user:u",
                          .user = "u",
                          .properties = "role=admin email=u@ACME.com",
                          .at_ms = at("2026-01-01"),
                          .profile_only = true};
    scorer_world_say(&w, &profile);
    IS_OF_ACCOUNT("admin", 4);
    said(&w, "identify", "u", "role=member", "2026-01-02T12:00:00Z");
    IS_OF_ACCOUNT("admin", 3);
    IS("both", 1);
    said(&w, "group", NULL, "plan=pro", "2026-01-02T00:00:00Z");
    IS("both", 2);
    scorer_world_close(&w);
}

Test(scorer_kinds, every_kind_can_be_judged)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD
                      "measures:\n"
                      "  sum: {sum: properties.n, on: A, window: 3d, where: {user.k: 1}}\n"
                      "  max: {max: properties.n, on: A, where: {user.k: 1}}\n"
                      "  avg: {average: properties.n, on: A, where: {user.k: 1}}\n"
                      "  val: {distinct: properties.n, on: A, where: {user.k: 1}}\n"
                      "  usr: {distinct: user, on: A, where: {user.k: 1}}\n"
                      "  day: {active_days: A, where: {user.k: 1}}\n"
                      "  wks: {active_weeks: A, where: {user.k: 1}}\n"
                      "  str: {day_streak: A, where: {user.k: 1}}\n"
                      "  last: {last: properties.t, on: A, where: {user.k: 1}}\n"
                      "  time: {time_spent: A, idle: 24h, where: {user.k: 1}}\n"
                      "  ago: {since: A, where: {user.k: 1}}\n"
                      "  seq: {sequence: [A, B], within: 48h, where: {user.k: 1}}\n"
                      "scores:\n"
                      "  pts: {points: [{on: A, points: 4, once: true, where: {user.k: 1}}]}\n");
    say(&w, "u", "A", "n=2 t=x", "2026-01-04T00:00:00Z"); // Sunday
    say(&w, "u", "A", "n=3 t=y", "2026-01-05T00:00:00Z");
    say(&w, "u", "B", NULL, "2026-01-05T12:00:00Z");
    say(&w, "u", "A", "n=7 t=z", "2026-01-06T00:00:00Z");
    IS("sum", 0);
    IS("max", ABSENT);
    IS("avg", ABSENT);
    IS("str", 0);
    IS("ago", ABSENT);
    IS("pts", 0);
    SAYS("last", NULL);
    said(&w, "identify", "u", "k=1", "2026-01-03T00:00:00Z");
    said(&w, "identify", "u", "k=2", "2026-01-05T18:00:00Z");
    IS("sum", 5);
    IS("max", 3);
    IS("avg", 2.5);
    IS("val", 2);
    IS_OF_ACCOUNT("usr", 1);
    IS("day", 2);
    IS("wks", 2);
    IS("str", 2);
    IS("time", 86400);
    IS("ago", 86400);
    IS("seq", 2 - 1);
    IS("pts", 4);
    SAYS("last", "y");
    IS_AFTER(TIME_DAY_MS, "sum", 3); // of the 5th to the 7th
    IS_AFTER(TIME_DAY_MS, "str", 0);
    scorer_world_close(&w);
}

Test(scorer_kinds, late_traits_decide_everyone_anew)
{
    struct scorer_world w;
    scorer_world_open(&w,
                      HEAD "measures:\n"
                           "  pro: {count: A, where: {account.plan: pro}}\n"
                           "  admins: {count: A, per: account, where: {user.role: admin}}\n"
                           "signals: {paid: {pro: {at_least: 1}}, led: {admins: {at_least: 1}}}\n");
    say(&w, "u", "A", NULL, "2026-01-02");
    say(&w, "v", "A", NULL, "2026-01-03");
    cr_assert(!scorer_world_true(&w, "a", "u", "paid"));
    said(&w, "group", NULL, "plan=pro", "2026-01-03");
    cr_assert(!scorer_world_true(&w, "a", "u", "paid"));
    cr_assert(scorer_world_true(&w, "a", "v", "paid"));
    said(&w, "group", NULL, "plan=pro", "2026-01-01");
    cr_assert(scorer_world_true(&w, "a", "u", "paid"));
    said(&w, "identify", "u", "role=admin", "2026-01-02T00:00:00.001Z");
    cr_assert(!scorer_world_true(&w, "a", NULL, "led"));
    said(&w, "identify", "u", "role=admin", "2026-01-02");
    cr_assert(scorer_world_true(&w, "a", NULL, "led"));
    scorer_world_close(&w);
}
