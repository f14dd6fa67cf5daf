// SPDX-License-Identifier: Apache-2.0
// links: scorer_core playbook
// The same events in any order, some of them twice, end in the same measures, traits and signals.
#include <criterion/criterion.h>

#include "tests/support/scorer_world.h"

static const char YAML[] =
    "playbook: p\nversion: 1\n"
    "measures:\n"
    "  c: {count: A}\n"
    "  c2: {count: [A, B], window: 2d}\n"
    "  c3: {count: any, window: 5h, per: account}\n"
    "  m: {count: any, window: month}\n"
    "  w: {sum: properties.p, on: any, window: week, per: account}\n"
    "  d: {active_days: any, window: 4d}\n"
    "  d2: {active_days: any, window: 40h, per: account}\n"
    "  u: {distinct: user, window: 3d}\n"
    "  u2: {distinct: user, on: B, after: T, within: 30h}\n"
    "  v: {distinct: properties.p, window: 3d, per: account}\n"
    "  v2: {distinct: properties.p, after: T, within: 60h, per: account}\n"
    "  t: {count: A, after: T, within: 48h}\n"
    "  t2: {sum: properties.p, on: A, after: T, within: 5h, per: account}\n"
    "  f: {first: A}\n"
    "  l: {last: B, per: account}\n"
    "scores:\n"
    "  s: {points: {A: 5, B: -2.5}, half_life: 20h, per: account}\n"
    "  s2: {points: {A: 1, T: 3}, half_life: 9d}\n"
    "signals:\n"
    "  x: [{c: {at_least: 2}}, {not: {t: {at_least: 3}}}, {user.role: {in: [a, b]}}]\n"
    "  y: {any: [{s: {at_least: 12}}, {v: {between: [2, 3]}}, {account.plan: b}]}\n";

enum { EVENTS = 80, USERS = 4 };

static char *whole_state(struct scorer_world *w)
{
    struct buf out = {0};
    for (int u = 0; u < USERS; u++) {
        char user[8] = {'u', (char)('0' + u)};
        struct explanation e = scorer_world_explain(w, "a", user);
        buf_printf(&out, "%s %d %lld\n", user, e.known, (long long)e.clock_ms);
        for (size_t i = 0; i < e.n_measures; i++)
            buf_printf(&out, "  %s %s\n", e.measures[i].name, e.measures[i].value);
        for (size_t i = 0; i < e.n_signals; i++) {
            buf_printf(&out, "  %s %d:", e.signals[i].name, e.signals[i].value);
            for (size_t c = 0; c < e.signals[i].n_conditions; c++)
                buf_printf(&out, " %d", e.signals[i].conditions[c].met);
            buf_append_text(&out, "\n");
        }
        for (size_t i = 0; i < e.n_user_traits; i++)
            buf_printf(&out, "  " SPAN_FMT "=" SPAN_FMT "\n", SPAN_ARG(e.user_traits[i].key),
                       SPAN_ARG(e.user_traits[i].value.text));
    }
    buf_append_u8(&out, 0);
    return (char *)out.bytes;
}

static void make_event(uint64_t *seed, int i, struct say *say, char id[16], char properties[16])
{
    static const char *const USER[] = {"u0", "u1", "u2", "u3"};
    static const char *const NAME[] = {"A", "B", "T", "C"};
    snprintf(id, 16, "e%d", i);
    *say = (struct say){.kind = "track",
                        .account = "a",
                        .user = USER[scorer_world_below(seed, USERS)],
                        .name = NAME[scorer_world_below(seed, 4)],
                        .id = id,
                        .properties = properties};
    say->at_ms = at("2026-02-25") + (int64_t)(scorer_world_random(seed) % (8ull * TIME_DAY_MS));
    if (scorer_world_below(seed, 3) == 0)
        say->at_ms -= say->at_ms % TIME_HOUR_MS;
    snprintf(properties, 16, "p=%u", scorer_world_below(seed, 5));
    uint32_t kind = scorer_world_below(seed, 12);
    if (kind < 2) {
        say->kind = kind == 0 ? "identify" : "group";
        // Some of them at one instant.
        say->at_ms = at("2026-02-26") + scorer_world_below(seed, 3);
        snprintf(properties, 16, "%s=%c", kind == 0 ? "role" : "plan",
                 "abc"[scorer_world_below(seed, 3)]);
    }
}

static void run_once(uint64_t number)
{
    struct say events[EVENTS];
    char ids[EVENTS][16], properties[EVENTS][16];
    uint64_t seed = number + 1;
    for (int i = 0; i < EVENTS; i++)
        make_event(&seed, i, &events[i], ids[i], properties[i]);
    char *first = NULL;
    for (int round = 0; round < 4; round++) {
        struct scorer_world w;
        scorer_world_open(&w, YAML);
        for (int i = 0; i < EVENTS; i++) {
            cr_assert(scorer_world_say(&w, &events[i]) == VERDICT_COUNTED);
            const struct say *again = &events[scorer_world_below(&seed, (uint32_t)i + 1)];
            if (scorer_world_below(&seed, 5) == 0)
                cr_assert(scorer_world_say(&w, again) == VERDICT_DUPLICATE);
        }
        char *state = whole_state(&w);
        cr_assert(first == NULL || strcmp(first, state) == 0, "case %llu round %d\n%s\n%s",
                  (unsigned long long)number, round, first, state);
        if (first == NULL)
            first = state;
        else
            mem_free(state);
        scorer_world_close(&w);
        for (int i = EVENTS - 1; i > 0; i--) {
            uint32_t j = scorer_world_below(&seed, (uint32_t)i + 1);
            struct say held = events[i];
            events[i] = events[j];
            events[j] = held;
        }
    }
    mem_free(first);
}

Test(scorer_order, of_arrival_does_not_matter)
{
    for (uint64_t number = 0; number < 150; number++)
        run_once(number);
}
