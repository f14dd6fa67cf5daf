// SPDX-License-Identifier: Apache-2.0
// links: scorer_core playbook
// When time alone changes a signal: against reading the test anew at every millisecond, for random
// mixtures of what fades in different ways, rises, and moves in steps.
#include <criterion/criterion.h>

#include "services/scorer/core/condition.h"
#include "services/scorer/core/state.h"
#include "tests/support/scorer_world.h"

enum { CASES = 40, HORIZON_MS = 5 * 60 * 1000 };

struct mixture {
    uint64_t seed;
    struct buf yaml;
};

static const char *mixture_pick(struct mixture *m, const char *const *list, uint32_t n)
{
    return list[scorer_world_below(&m->seed, n)];
}
#define PICK(m, ...)                                                                               \
    mixture_pick(m, (const char *const[]){__VA_ARGS__},                                            \
                 sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void mixture_score(struct mixture *m, const char *name)
{
    struct buf *out = &m->yaml;
    buf_printf(out, "  %s: {points: [", name);
    for (int i = 0; i < 3; i++)
        buf_printf(out, "%s{on: %s, points: %s%s}", i == 0 ? "" : ", ", PICK(m, "A", "B", "C"),
                   PICK(m, "10", "3.5", "-7", "25", "-2"),
                   PICK(m, "", "", ", at_most: 6", ", per_day: 1"));
    buf_printf(out, "]%s%s}\n",
               PICK(m, "", ", half_life: 1h", ", half_life: 100m", ", fades_over: 20h",
                    ", fades_over: 14h"),
               PICK(m, "", "", ", at_least: -4", ", at_most: 11"));
}

static void mixture_make(struct mixture *m)
{
    struct buf *out = &m->yaml;
    buf_append_text(out, "playbook: p\nversion: 1\nmeasures:\n  since: {since: A}\n"
                         "  n: {count: any, window: 1h}\nscores:\n");
    mixture_score(m, "x");
    mixture_score(m, "y");
    buf_printf(out, "  z: {weights: {x: %s, y: %s, n: %s}}\n", PICK(m, "1", "2.5", "-1"),
               PICK(m, "1", "-0.75"), PICK(m, "1", "0.5"));
    buf_append_text(out, "signals:\n  s: ");
    switch (scorer_world_below(&m->seed, 6)) {
    case 0:
        buf_printf(out, "{since: {between: [%s, %s]}}\n", PICK(m, "3s", "1m"),
                   PICK(m, "2m", "61500ms"));
        break;
    case 1:
        buf_printf(out, "{x: {%s: %s, of: y}}\n", PICK(m, "at_least_percent", "at_most_percent"),
                   PICK(m, "100", "33.3", "250"));
        break;
    case 2:
        buf_printf(out, "{z: {above: n}}\n");
        break;
    default:
        buf_printf(out, "{z: {%s}}\n",
                   PICK(m, "at_least: 5", "at_most: 2.25", "above: 0", "below: -1",
                        "between: [-1, 4]", "between: [2, 2.5]", "is: 3", "above: 3.5"));
    }
    buf_append_u8(out, 0);
}

// The first millisecond after the clock at which the leaf is not what it is.
static int64_t first_by_hand(struct scene scene, int32_t leaf)
{
    bool now = condition_leaf(&scene, leaf);
    int64_t from = scene.clock_ms;
    for (int64_t ms = from + 1; ms <= from + HORIZON_MS; ms++) {
        scene.clock_ms = ms;
        if (condition_leaf(&scene, leaf) != now)
            return ms;
    }
    return INT64_MAX;
}

static void check_due(struct scorer_world *w, const char *yaml)
{
    uint32_t number;
    struct account *account = account_find(w->core, hash64(span_of("a")), span_of("a"), &number);
    struct scene scene = {.core = w->core,
                          .plan = w->core->plan,
                          .account = account,
                          .user = account->users[0].user,
                          .clock_ms = account->clock_ms};
    int32_t signal = playbook_signal(w->core->playbook, span_of("s"));
    int32_t leaf = w->core->plan->signals[signal].leaves[0];
    int64_t want = first_by_hand(scene, leaf), got = core_next_due(w->core);
    // What lies behind the horizon is not looked at.
    if (want == INT64_MAX && got > account->clock_ms + HORIZON_MS)
        return;
    cr_assert(got == want, "%s\nclock %lld: due in %lld, not in %lld", yaml,
              (long long)account->clock_ms, (long long)(got - account->clock_ms),
              (long long)(want - account->clock_ms));
}

// A playbook's scores fade within hours at least; here they do within seconds and minutes, so that
// every millisecond can be looked at.
static void hurry(struct playbook *playbook)
{
    struct measure *measures = (struct measure *)playbook->measures;
    for (int32_t m = 0; m < playbook->n_measures; m++)
        measures[m].half_life_ms /= 600;
}

static void run_case(uint64_t number)
{
    struct mixture m = {.seed = number * 31 + 5};
    struct scorer_world w;
    int64_t now = at("2026-01-01T10:00:00Z");
    mixture_make(&m);
    const char *yaml = (const char *)m.yaml.bytes;
    scorer_world_open(&w, "playbook: p\nversion: 1\n");
    struct playbook *playbook = scorer_world_playbook(yaml);
    hurry(playbook);
    core_set_playbook(w.core, ++w.position, playbook);
    for (int i = 0; i < 3; i++) {
        now += scorer_world_below(&m.seed, 20000);
        struct say say = {
            .account = "a", .user = "u", .name = PICK(&m, "A", "B", "C"), .at_ms = now};
        scorer_world_say(&w, &say);
    }
    // And what follows on it.
    for (int i = 0; i < 2; i++) {
        check_due(&w, yaml);
        int64_t due = core_next_due(w.core);
        if (due == INT64_MAX)
            break;
        scorer_world_tick(&w, due);
        cr_assert(w.changes.n == 1 && w.changes.items[0].at_ms == due, "%s", yaml);
    }
    scorer_world_close(&w);
    buf_deinit(&m.yaml);
}

Test(scorer_timers, are_exact_for_any_mixture)
{
    for (uint64_t number = 0; number < CASES; number++)
        run_case(number);
}
