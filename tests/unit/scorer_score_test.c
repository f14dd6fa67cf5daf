// SPDX-License-Identifier: Apache-2.0
// links: scorer_core playbook m
#include <criterion/criterion.h>

#include <math.h>

#include "services/scorer/core/score.h"
#include "tests/support/scorer_world.h"

static struct cell CELL;

static void add(int64_t points_milli, int64_t at_ms, int64_t clock_ms, int64_t half_life_ms)
{
    int64_t level = score_level(at_ms, half_life_ms), low = score_low(clock_ms, half_life_ms);
    if (level >= low)
        cell_put(&CELL, level, score_weight(points_milli, at_ms, half_life_ms), CELL_ADD, low);
}

Test(scorer_score, powers_of_two_are_right_to_ten_digits_and_more)
{
    uint64_t seed = 11;
    for (int i = 0; i < 200000; i++) {
        int64_t h =
            1 + (int64_t)(scorer_world_random(&seed) >> (24 + scorer_world_below(&seed, 38)));
        int64_t r = (int64_t)(scorer_world_random(&seed) % (uint64_t)h);
        long double got = (long double)score_exp2(r, h) / 0x1p63l;
        long double want = exp2l((long double)r / (long double)h);
        cr_assert(fabsl(got / want - 1) < 1e-16l, "2^(%lld/%lld): %.20Lg, not %.20Lg", (long long)r,
                  (long long)h, got, want);
    }
}

Test(scorer_score, sums_agree_with_long_double)
{
    uint64_t seed = 7;
    for (int round = 0; round < 3000; round++) {
        int64_t h = 1000 + (int64_t)(scorer_world_random(&seed) % (40ull * TIME_DAY_MS));
        int64_t base = (int64_t)(scorer_world_random(&seed) % (4000ull * TIME_DAY_MS)) -
                       1000 * (int64_t)TIME_DAY_MS;
        int64_t clock = base + (int64_t)(scorer_world_random(&seed) % (uint64_t)(20 * h));
        long double want = 0;
        for (int i = 0; i < 30; i++) {
            int64_t when = clock - (int64_t)(scorer_world_random(&seed) % (uint64_t)(30 * h));
            int64_t points = (int64_t)scorer_world_below(&seed, 200000) - 50000;
            add(points, when, clock, h);
            want += points * exp2l(-(long double)(clock - when) / (long double)h);
        }
        int64_t got = score_value(&CELL, clock, h);
        cr_assert(fabsl(got - want) <= 0.5l + 1e-5l, "round %d: %lld, not %.6Lf", round,
                  (long long)got, want);
        cell_deinit(&CELL, CELL_BUCKETS);
    }
}

Test(scorer_score, does_not_depend_on_order_or_on_when_it_is_read)
{
    uint64_t seed = 3;
    for (int round = 0; round < 500; round++) {
        enum { N = 40 };
        int64_t h = 1 + (int64_t)(scorer_world_random(&seed) % (3ull * TIME_DAY_MS));
        int64_t at_ms[N], points[N], clock = INT64_MIN, values[3];
        for (int i = 0; i < N; i++) {
            at_ms[i] = (int64_t)(scorer_world_random(&seed) % (uint64_t)(100 * h));
            points[i] = (int64_t)scorer_world_below(&seed, 20000) - 4000;
            clock = at_ms[i] > clock ? at_ms[i] : clock;
        }
        for (int pass = 0; pass < 3; pass++) {
            int64_t now = INT64_MIN;
            for (int i = 0; i < N; i++) {
                int at = pass == 0 ? i : pass == 1 ? N - 1 - i : (i * 7) % N;
                now = at_ms[at] > now ? at_ms[at] : now;
                add(points[at], at_ms[at], now, h);
                if (pass == 2)
                    (void)score_value(&CELL, now, h);
            }
            values[pass] = score_value(&CELL, clock, h);
            cell_deinit(&CELL, CELL_BUCKETS);
        }
        cr_assert(values[0] == values[1] && values[0] == values[2], "round %d", round);
    }
}

Test(scorer_score, whole_points_read_back_whole_at_their_own_instant)
{
    uint64_t seed = 5;
    for (int round = 0; round < 20000; round++) {
        int64_t h = 1 + (int64_t)(scorer_world_random(&seed) % (400ull * TIME_DAY_MS));
        int64_t when = (int64_t)(scorer_world_random(&seed) % (20000ull * TIME_DAY_MS));
        int64_t points = 1 + scorer_world_below(&seed, 100000000);
        add(points, when, when, h);
        cr_assert(score_value(&CELL, when, h) == points);
        // And half, a half-life later; an odd thousandth may go either way.
        int64_t half = score_value(&CELL, when + h, h);
        cr_assert(half == points / 2 || half == (points + 1) / 2, "%lld of %lld", (long long)half,
                  (long long)points);
        cell_deinit(&CELL, CELL_BUCKETS);
    }
}

Test(scorer_score, never_rises_by_itself)
{
    uint64_t seed = 9;
    for (int round = 0; round < 300; round++) {
        int64_t h = 1 + (int64_t)(scorer_world_random(&seed) % 5000);
        for (int i = 0; i < 5; i++)
            add(1 + scorer_world_below(&seed, 100000), scorer_world_below(&seed, 10000), 10000, h);
        int64_t before = INT64_MAX;
        for (int64_t t = 10000; t < 10000 + 60 * h; t += 1 + h / 50) {
            int64_t now = score_value(&CELL, t, h);
            cr_assert(now <= before && now >= 0);
            before = now;
        }
        cr_assert(before == 0);
        cell_deinit(&CELL, CELL_BUCKETS);
    }
}

Test(scorer_score, leaves_its_threshold_at_the_exact_instant)
{
    struct scorer_world w;
    scorer_world_open(&w, "playbook: p\nversion: 1\n"
                          "scores: {s: {points: {A: 10}, half_life: 14d}}\n"
                          "signals: {warm: {s: {at_least: 5.5}}}\n");
    scorer_world_track(&w, "a", "u", "A", "2026-01-01T00:00:00Z");
    cr_assert(scorer_world_true(&w, "a", "u", "warm"));
    // 10 * 2^(-x / 14 d) rounds to less than 5.5 once it is below 5.4995.
    long double days = 14 * log2l(10 / 5.4995l);
    int64_t due = at("2026-01-01") + (int64_t)ceill(days * TIME_DAY_MS);
    int64_t next = core_next_due(w.core);
    cr_assert(next == due, "%lld, not %lld", (long long)next, (long long)due);
    scorer_world_tick(&w, due - 1);
    cr_assert(w.changes.n == 0);
    scorer_world_tick(&w, due + 1000000);
    cr_assert(w.changes.n == 1 && !w.changes.items[0].value && w.changes.items[0].at_ms == due &&
              w.changes.items[0].known_at_ms == due + 1000000 &&
              w.changes.items[0].event_id.len == 0);
    cr_assert(core_next_due(w.core) == INT64_MAX);
    scorer_world_close(&w);
}
