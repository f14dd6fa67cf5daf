// SPDX-License-Identifier: Apache-2.0
// links: scorer_core playbook
// What measures read does not depend on the order in which events and traits arrive; and time alone
// changes it only when measure_change, measure_range and measure_rest say so.
#include <criterion/criterion.h>

#include "common/base/hash.h"
#include "services/scorer/core/measure.h"
#include "services/scorer/core/value.h"
#include "tests/support/scorer_world.h"

enum { CASES = 24, ORDERS = 6, EVENTS = 90, USERS = 3 };

static const char YAML[] =
    "playbook: p\nversion: 1\n"
    "measures:\n"
    "  count: {count: A, window: 3d}\n"
    "  hours: {count: [A, B], window: 30h}\n"
    "  weeks: {count: A, window: 2w, per: account}\n"
    "  month: {count: A, window: month, per: account}\n"
    "  week: {sum: properties.n, on: A, window: week}\n"
    "  sum: {sum: properties.n, on: A, window: 4d, per: account}\n"
    "  max: {max: properties.n, on: A, window: 5d}\n"
    "  min: {min: properties.n, on: A, per: account}\n"
    "  average: {average: properties.n, on: any, window: 6d}\n"
    "  values: {distinct: properties.n, on: any, window: 4d}\n"
    "  users: {distinct: user, on: A, window: 4d}\n"
    "  users_ever: {distinct: user, on: A}\n"
    "  days: {active_days: A, window: 5d}\n"
    "  days_in_weeks: {active_days: any, window: 2w}\n"
    "  active_weeks: {active_weeks: any, window: 3w}\n"
    "  day_streak: {day_streak: any}\n"
    "  week_streak: {week_streak: A}\n"
    "  first: {first: B}\n"
    "  first_value: {first: properties.t, on: any}\n"
    "  last_value: {last: properties.t, on: any, per: account}\n"
    "  stay: {time_spent: any, idle: 7h}\n"
    "  stay_days: {time_spent: any, idle: 20h, window: 3d, per: account}\n"
    "  since: {since: B}\n"
    "  sequence: {sequence: [A, B, C], within: 3d}\n"
    "  sequence_twice: {sequence: [A, A], within: 9h, per: account}\n"
    "  after: {count: A, after: T, within: 4d}\n"
    "  after_last: {sum: properties.n, on: A, after: T, within: 4d, from: last}\n"
    "  after_last_days: {active_days: any, after: T, from: last, per: account}\n"
    "  reset: {count: A, resets_on: R}\n"
    "  reset_users: {distinct: user, on: any, resets_on: [R, T]}\n"
    "  reset_value: {last: properties.t, on: any, resets_on: R}\n"
    "  j_count: {count: A, where: {account.plan: x}}\n"
    "  j_days: {count: any, window: 4d, where: {any: [{user.role: x}, {properties.n: {above: "
    "2}}]}}\n"
    "  j_team: {count: any, per: account, where: [{user.role: x}, {not: {account.plan: y}}]}\n"
    "  j_sum: {sum: properties.n, on: any, per: account, window: week, where: {user.role: x}}\n"
    "  j_max: {max: properties.n, on: A, where: {user.role: {in: [x, y]}}}\n"
    "  j_average: {average: properties.n, on: A, window: 5d, where: {user.email_domain: x.org}}\n"
    "  j_users: {distinct: user, on: any, window: 4d, where: {user.role: {exists: true}}}\n"
    "  j_values: {distinct: properties.n, on: any, where: {account.plan: {exists: true}}}\n"
    "  j_streak: {day_streak: any, per: account, where: {user.role: x}}\n"
    "  j_first: {first: properties.t, on: any, where: {account.plan: x}}\n"
    "  j_stay: {time_spent: any, idle: 20h, window: 3d, where: {account.plan: x}}\n"
    "  j_sequence: {sequence: [A, B], within: 2d, where: {user.role: x}}\n"
    "  j_after: {count: A, after: T, within: 4d, where: {user.role: x}}\n"
    "  j_reset: {count: any, resets_on: R, where: {account.plan: x}}\n"
    "scores:\n"
    "  score: {points: {A: 5, B: -2}, half_life: 2d}\n"
    "  line: {points: {A: 5, B: 2.5}, fades_over: 4d}\n"
    "  rules:\n"
    "    points:\n"
    "      - {on: A, points: 10, per_day: 2}\n"
    "      - {on: B, points: 7, once: true}\n"
    "      - {on: any, points: -1, at_most: 4}\n"
    "      - {on: C, points: 3, per_day: 1, where: {user.role: x}}\n"
    "    half_life: 30h\n"
    "    per: account\n"
    "  slow: {points: [{on: A, points: 2, per_day: 1}, {on: B, points: 9, once: true}], "
    "fades_over: 3d}\n"
    "  stays: {points: [{on: A, points: 2, per_day: 1}, {on: B, points: 9, once: true}, "
    "{on: C, points: 1, once: true, where: {user.role: x}}]}\n"
    "  total: {weights: {score: 1, line: -0.5, count: 2.5, week: 0.25}, at_least: -10, at_most: "
    "40}\n"
    "signals:\n"
    "  grew: [{count: {grew_by: 1, over: 2d}}, {sum: {grew_by: 1, over: 3d}},\n"
    "    {max: {grew_by: 1, over: 2d}}, {values: {grew_by: 1, over: 3d}},\n"
    "    {users: {grew_by: 1, over: 5d}}, {days: {grew_by: 1, over: 5d}},\n"
    "    {hours: {grew_by: 1, over: 12h}}, {j_days: {grew_by: 1, over: 2d}}]\n";

// ---- Stories ----

struct story {
    struct say says[EVENTS];
    char texts[EVENTS][64];
    int64_t end_ms;
};

static void story_make(struct story *story, uint64_t *seed)
{
    static const char *const NAMES[] = {"A", "A", "B", "C", "T", "R"};
    static const char *const NUMBERS[] = {"n=1", "n=2.5", "n=-3", "n=text", "n=4"};
    static const char *const ROLES[] = {"role=x", "role=y", "role=null"};
    static const char *const USER_IDS[USERS] = {"u", "v", "w"};
    int64_t begin = at("2026-02-20T00:00:00Z"), span = 16 * (int64_t)TIME_DAY_MS;
    story->end_ms = begin + span;
    for (int i = 0; i < EVENTS; i++) {
        struct say *say = &story->says[i];
        *say = (struct say){.account = "a", .user = USER_IDS[scorer_world_below(seed, USERS)]};
        // Now and then of one instant, and at midnight.
        int64_t step = scorer_world_below(seed, 4) == 0 ? 12 * TIME_HOUR_MS : 1;
        say->at_ms = begin + (int64_t)(scorer_world_random(seed) % (uint64_t)(span / step)) * step;
        uint32_t kind = scorer_world_below(seed, 10);
        if (kind == 0) {
            say->kind = "group";
            say->properties = scorer_world_below(seed, 2) == 0 ? "plan=x" : "plan=y";
            say->user = NULL;
        } else if (kind <= 2) {
            say->kind = "identify";
            say->properties = ROLES[scorer_world_below(seed, ARRAY_LEN(ROLES))];
            say->profile_only = scorer_world_below(seed, 3) == 0;
            if (say->profile_only)
                say->properties = "role=y email=u@X.org";
        } else {
            say->name = NAMES[scorer_world_below(seed, ARRAY_LEN(NAMES))];
            snprintf(story->texts[i], sizeof story->texts[i], "%s t=%c",
                     NUMBERS[scorer_world_below(seed, ARRAY_LEN(NUMBERS))],
                     'a' + (int)scorer_world_below(seed, 5));
            say->properties = story->texts[i];
        }
    }
    // Whatever the order, the clock ends here, and everyone is there.
    for (int i = 0; i < USERS; i++)
        story->says[i] = (struct say){
            .account = "a", .user = USER_IDS[i], .name = "end", .at_ms = story->end_ms};
}

static void story_tell(const struct story *story, struct scorer_world *w, uint64_t *seed)
{
    int order[EVENTS];
    for (int i = 0; i < EVENTS; i++) {
        int at = (int)scorer_world_below(seed, (uint32_t)i + 1);
        order[i] = order[at];
        order[at] = i;
    }
    scorer_world_open(w, YAML);
    for (int i = 0; i < EVENTS; i++)
        cr_assert_eq(scorer_world_say(w, &story->says[order[i]]), VERDICT_COUNTED);
}

// ---- Looking ----

static struct scene scene_of(struct scorer_world *w, const char *user)
{
    struct core *core = w->core;
    uint32_t number;
    struct scene scene = {.core = core, .plan = core->plan};
    scene.account = account_find(core, hash64(span_of("a")), span_of("a"), &number);
    scene.clock_ms = scene.account->clock_ms;
    if (user != NULL) {
        scene.user = user_find(core, scene.account, hash64(span_of(user)), span_of(user));
        scene.profile = profile_of(core, scene.user);
    }
    return scene;
}

static void write_reading(struct scorer_world *w, const struct measure *measure, int64_t ahead_ms,
                          struct reading reading, struct buf *out)
{
    buf_printf(out, "%s +%lld ", measure->name, (long long)ahead_ms);
    if (!reading.present)
        buf_append_text(out, "absent\n");
    else if (measure->unit == UNIT_VALUE)
        buf_printf(out, "%s\n", value_text(&reading.value, &w->arena));
    else
        buf_printf(out, "%lld\n", (long long)reading.milli);
}

static char *all_readings(struct scorer_world *w)
{
    static const char *const WHO[] = {"u", "v", "w", NULL};
    static const int64_t AHEAD[] = {0, 5 * TIME_HOUR_MS + 1, 3 * (int64_t)TIME_DAY_MS + 7};
    const struct playbook *playbook = w->core->playbook;
    struct buf out = {0};
    for (size_t u = 0; u < ARRAY_LEN(WHO); u++) {
        struct scene scene = scene_of(w, WHO[u]);
        buf_printf(&out, "-- %s\n", WHO[u] == NULL ? "account" : WHO[u]);
        for (int32_t m = 0; m < playbook->n_measures; m++) {
            const struct measure *measure = &playbook->measures[m];
            if ((measure->scope == SCOPE_USER) != (WHO[u] != NULL))
                continue;
            for (size_t a = 0; a < ARRAY_LEN(AHEAD); a++) {
                int64_t clock_ms = scene.clock_ms + AHEAD[a];
                write_reading(w, measure, AHEAD[a], measure_read(&scene, m, clock_ms), &out);
                if (measure->lag > 0)
                    write_reading(w, measure, AHEAD[a],
                                  measure_read_before(&scene, m, clock_ms, measure->lag), &out);
            }
        }
    }
    buf_append_u8(&out, 0);
    char *text = mem_dup(buf_span(&out));
    buf_deinit(&out);
    return text;
}

static void first_difference(const char *a, const char *b, int number)
{
    const char *line = a;
    for (size_t i = 0; a[i] == b[i] && a[i] != '\0'; i++)
        line = a[i] == '\n' ? a + i + 1 : line;
    cr_assert_fail("case %d: %.*s, and %.*s", number, (int)strcspn(line, "\n"), line,
                   (int)strcspn(b + (line - a), "\n"), b + (line - a));
}

Test(scorer_late, readings_do_not_depend_on_the_order)
{
    uint64_t seed = 20261122;
    static struct story story;
    for (int number = 0; number < CASES; number++) {
        story_make(&story, &seed);
        char *expected = NULL;
        for (int order = 0; order < ORDERS; order++) {
            struct scorer_world w;
            story_tell(&story, &w, &seed);
            char *readings = all_readings(&w);
            if (expected == NULL)
                expected = mem_dup_text(readings);
            if (strcmp(expected, readings) != 0)
                first_difference(expected, readings, number);
            mem_free(readings);
            scorer_world_close(&w);
        }
        mem_free(expected);
    }
}

// ---- Time alone ----

static bool same(struct reading a, struct reading b)
{
    return a.present == b.present &&
           (!a.present || (a.milli == b.milli && value_order(&a.value, &b.value) == 0));
}

// Between one change and the next nothing happens, and the list is in order.
static void check_steps(const struct scene *scene, int32_t m)
{
    const struct measure *measure = &scene->plan->playbook->measures[m];
    int64_t then = scene->clock_ms;
    uint32_t n = measure_changes(scene, m, then);
    struct reading reading = measure_read(scene, m, then);
    for (uint32_t i = 0; i <= n; i++) {
        int64_t next = measure_change(scene, m, scene->clock_ms, i);
        cr_assert((next == INT64_MAX) == (i == n), "%s: %u of %u", measure->name, i, n);
        cr_assert(next > then, "%s", measure->name);
        cr_assert(i > 0 || next == measure_change(scene, m, then, 0));
        int64_t last = next == INT64_MAX ? then + 90 * (int64_t)TIME_DAY_MS : next - 1;
        cr_assert(same(reading, measure_read(scene, m, last)), "%s changes before %lld",
                  measure->name, (long long)next);
        if (measure->lag > 0)
            cr_assert(same(measure_read_before(scene, m, then, measure->lag),
                           measure_read_before(scene, m, last, measure->lag)),
                      "%s of then changes before %lld", measure->name, (long long)next);
        if (next == INT64_MAX)
            break;
        then = next;
        reading = measure_read(scene, m, then);
    }
    cr_assert_eq(measure_rest(scene, m), then, "%s", measure->name);
}

static void check_range(const struct scene *scene, int32_t m, uint64_t *seed)
{
    const struct measure *measure = &scene->plan->playbook->measures[m];
    int64_t from = scene->clock_ms + (int64_t)(scorer_world_random(seed) % (9ull * TIME_DAY_MS));
    int64_t length = (int64_t)(scorer_world_random(seed) % (9ull * TIME_DAY_MS));
    struct range range = measure_range(scene, m, from, from + length);
    for (int i = 0; i <= 24; i++) {
        struct reading reading = measure_read(scene, m, from + length / 24 * i);
        cr_assert(reading.present || range.absent, "%s", measure->name);
        cr_assert(!reading.present || (reading.milli >= range.low && reading.milli <= range.high),
                  "%s: %lld is not in %lld to %lld", measure->name, (long long)reading.milli,
                  (long long)range.low, (long long)range.high);
    }
    struct range exact = measure_range(scene, m, from, from);
    struct reading reading = measure_read(scene, m, from);
    cr_assert(exact.absent == !reading.present, "%s", measure->name);
    cr_assert(reading.present ? exact.low == reading.milli && exact.high == reading.milli
                              : exact.low > exact.high,
              "%s", measure->name);
}

static void check_rest(const struct scene *scene, int32_t m)
{
    const struct measure *measure = &scene->plan->playbook->measures[m];
    int64_t rest = measure_rest(scene, m);
    cr_assert(rest >= scene->clock_ms);
    if (rest == INT64_MAX)
        return;
    struct reading reading = measure_read(scene, m, rest);
    for (int i = 1; i < 40; i++)
        cr_assert(same(reading, measure_read(scene, m, rest + i * (int64_t)TIME_DAY_MS)), "%s",
                  measure->name);
}

Test(scorer_late, time_changes_what_it_is_said_to)
{
    uint64_t seed = 77;
    static struct story story;
    for (int number = 0; number < CASES; number++) {
        struct scorer_world w;
        story_make(&story, &seed);
        story_tell(&story, &w, &seed);
        const struct playbook *playbook = w.core->playbook;
        for (int32_t m = 0; m < playbook->n_measures; m++) {
            struct scene scene =
                scene_of(&w, playbook->measures[m].scope == SCOPE_USER ? "u" : NULL);
            check_rest(&scene, m);
            if (!measure_continuous(playbook, m))
                check_steps(&scene, m);
            if (playbook->measures[m].unit != UNIT_VALUE)
                check_range(&scene, m, &seed);
        }
        scorer_world_close(&w);
    }
}
