// SPDX-License-Identifier: Apache-2.0
// links: scorer_core playbook -Wl,--wrap=leaf_may
// Parts of both signs that fade and cancel out: the sum stands still, so nothing that looks at it
// changes, and to find that out takes few looks. Counted are looks and changes, not time.
#include <criterion/criterion.h>

#include "services/scorer/core/leaf_bounds.h"
#include "tests/support/scorer_world.h"

// Looking at every thousandth that a part loses would be hundreds of thousands, for each search.
enum { DAYS = 60, LOOKS_MAX = 60000 };

static uint64_t LOOKS;

bool __real_leaf_may(struct scene *scene, int32_t leaf, bool wanted, int64_t from_ms,
                     int64_t to_ms);
bool __wrap_leaf_may(struct scene *scene, int32_t leaf, bool wanted, int64_t from_ms,
                     int64_t to_ms);
bool __wrap_leaf_may(struct scene *scene, int32_t leaf, bool wanted, int64_t from_ms, int64_t to_ms)
{
    // It would not end within a day.
    cr_assert(++LOOKS <= 20 * LOOKS_MAX, "more than %d looks", 20 * LOOKS_MAX);
    return __real_leaf_may(scene, leaf, wanted, from_ms, to_ms);
}

struct trial {
    const char *scores, *test;
    size_t changes; // most
};

static void run_trial(const struct trial *trial)
{
    struct buf yaml = {0};
    buf_printf(&yaml, "playbook: p\nversion: 1\nscores:\n%s", trial->scores);
    buf_printf(&yaml, "signals:\n  s: {%s}\n", trial->test);
    buf_append_u8(&yaml, 0);
    struct scorer_world w;
    scorer_world_open(&w, (const char *)yaml.bytes);
    int64_t now = at("2026-01-01T10:00:00Z");
    size_t changes = 0;
    LOOKS = 0;
    for (int i = 0; i < 4; i++) {
        struct say say = {.account = "a", .user = "u", .name = "A", .at_ms = now};
        scorer_world_say(&w, &say);
        changes += w.changes.n;
        now += 7654321;
    }
    for (int day = 0; day < DAYS; day++) {
        now += TIME_DAY_MS;
        scorer_world_tick(&w, now);
        changes += w.changes.n;
    }
    cr_expect(changes <= trial->changes, "%s: %zu changes, not %zu at most\n%s", trial->test,
              changes, trial->changes, trial->scores);
    cr_expect(LOOKS <= LOOKS_MAX, "%s: %llu looks\n%s", trial->test, (unsigned long long)LOOKS,
              trial->scores);
    scorer_world_close(&w);
    buf_deinit(&yaml);
}

static const char RULES[] =
    "  x: {points: [{on: A, points: -15}, {on: [A, B], points: 5}, {on: [A, C], points: 10}],"
    " half_life: 14d}\n";
static const char LINES[] =
    "  x: {points: [{on: A, points: -1.5}, {on: [A, B], points: 0.5}, {on: [A, C], points: 1}],"
    " fades_over: 30d}\n";
static const char NESTED[] = "  y: {points: [{on: A, points: 20}], half_life: 5h}\n"
                             "  z: {points: {A: 30}, half_life: 5h}\n"
                             "  v: {weights: {y: 1.5}}\n"
                             "  x: {weights: {v: -1, z: 1}}\n";

Test(scorer_cancel, a_sum_that_stands_still_changes_nothing)
{
    static const char *const SCORES[] = {RULES, LINES, NESTED};
    static const char *const TESTS[] = {"x: {at_least: 0}", "x: {above: 0}", "x: {is: 0}",
                                        "x: {between: [-1, 0]}"};
    for (size_t s = 0; s < ARRAY_LEN(SCORES); s++) {
        for (size_t t = 0; t < ARRAY_LEN(TESTS); t++)
            run_trial(&(struct trial){SCORES[s], TESTS[t], 1});
    }
}

Test(scorer_cancel, a_part_at_its_bound_stands_still)
{
    static const char BOUNDED[] = "  y: {points: {A: -15}, half_life: 14d, at_least: -10}\n"
                                  "  u: {points: {A: -15}, fades_over: 30d, at_least: 0}\n"
                                  "  v: {points: {A: 10}, half_life: 14d}\n"
                                  "  z: {weights: {u: 1, v: -1}}\n"
                                  "  x: {weights: {z: 1, v: 1}}\n";
    run_trial(&(struct trial){BOUNDED, "x: {at_least: 0}", 1});
    run_trial(&(struct trial){BOUNDED, "x: {above: 0}", 1});
    run_trial(&(struct trial){BOUNDED, "y: {at_most: -10}", 3});
}

Test(scorer_cancel, a_sum_that_hardly_moves_comes_to_its_threshold_once)
{
    static const char SLOW[] = "  y: {points: {A: 2000}, half_life: 14d}\n"
                               "  z: {points: {A: 1999.99}, half_life: 14d}\n"
                               "  x: {weights: {y: 1, z: -1}}\n";
    run_trial(&(struct trial){SLOW, "x: {at_least: 0.02}", 2});
    run_trial(&(struct trial){SLOW, "x: {between: [0.003, 0.01]}", 4});
}

Test(scorer_cancel, a_share_that_stays_the_same_changes_nothing)
{
    static const char SHARES[] = "  y: {points: {A: 10}, half_life: 14d}\n"
                                 "  x: {points: {A: 5}, half_life: 14d}\n";
    run_trial(&(struct trial){SHARES, "x: {at_least_percent: 50, of: y}", 1});
    run_trial(&(struct trial){SHARES, "x: {above: y}", 1});
}
