// SPDX-License-Identifier: Apache-2.0
// links: scorer_rows scorer_core playbook
// What is missing: proposals in words, played by hand, and against an exhaustive search.
#include <criterion/criterion.h>

#include "tests/support/proposal_tell.h"

#define HEAD "playbook: p\nversion: 1\n"

Test(scorer_proposal, counts_what_is_left)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures:\n"
                               "  p: {count: P}\n"
                               "  r: {count: R, window: 7d}\n"
                               "signals:\n"
                               "  s: [{p: {at_least: 3}}, {r: {at_least: 2}}]\n");
    scorer_world_track(&w, "a", "u", "P", "2026-01-01T10:00:00Z");
    proposal_expect(&w, "a", "u", "s", "events 4\n2 P|||\n2 R|||\n");
    scorer_world_track(&w, "a", "u", "R", "2026-01-02T10:00:00Z");
    proposal_expect(&w, "a", "u", "s", "events 3 by 2026-01-09T00:00:00.000Z\n2 P|||\n1 R|||\n");
    for (int i = 0; i < 2; i++)
        scorer_world_track(&w, "a", "u", "P", "2026-01-03T10:00:00Z");
    proposal_expect(&w, "a", "u", "s", "events 1 by 2026-01-09T00:00:00.000Z\n1 R|||\n");
    scorer_world_track(&w, "a", "u", "R", "2026-01-03T10:00:00Z");
    proposal_expect(&w, "a", "u", "s", "none 0 at most\n");
    scorer_world_close(&w);
}

Test(scorer_proposal, lets_one_event_serve_several_conditions)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures:\n"
                               "  p: {count: P}\n"
                               "  big: {count: P, where: {properties.size: big}}\n"
                               "  areas: {distinct: properties.area, on: [P, Q]}\n"
                               "  paid: {sum: properties.amount, on: P}\n"
                               "signals:\n"
                               "  s: [{p: {at_least: 2}}, {big: {at_least: 1}}, {areas: "
                               "{at_least: 3}}, {paid: {at_least: 10}}]\n"
                               "  t: {any: [{p: {at_least: 50}}, {paid: {at_least: 100}}]}\n");
    scorer_world_track(&w, "a", "u", "X", "2026-01-01T10:00:00Z");
    proposal_expect(
        &w, "a", "u", "s",
        "events 3\n3 P||properties.size is big, a new value of area, amount adding up to "
        "10|\n");
    proposal_expect(&w, "a", "u", "t", "events 1\n1 P||amount adding up to 100|\n");
    scorer_world_close(&w);
}

Test(scorer_proposal, spreads_over_days)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures:\n"
                               "  d: {active_days: any, window: 7d}\n"
                               "  p: {count: P}\n"
                               "signals:\n"
                               "  s: [{d: {at_least: 4}}, {p: {at_least: 1}}]\n");
    scorer_world_track(&w, "a", "u", "X", "2026-01-01T10:00:00Z");
    scorer_world_track(&w, "a", "u", "X", "2026-01-02T10:00:00Z");
    proposal_expect(&w, "a", "u", "s", "events 2 by 2026-01-07T00:00:00.000Z\n2 P|||on 2 days\n");
    scorer_world_close(&w);
}

Test(scorer_proposal, knows_what_only_time_can_do)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures:\n"
                               "  c: {count: Complaint, window: 7d}\n"
                               "  p: {count: P}\n"
                               "signals:\n"
                               "  calm: {c: {at_most: 0}}\n"
                               "  s: [{c: {at_most: 0}}, {p: {at_least: 1}}]\n");
    scorer_world_track(&w, "a", "u", "Complaint", "2026-01-01T10:00:00Z");
    proposal_expect(&w, "a", "u", "calm", "time 0 true 2026-01-08T00:00:00.000Z\n");
    proposal_expect(&w, "a", "u", "s", "events 1 true 2026-01-08T00:00:00.000Z\n1 P|||\n");
    scorer_world_close(&w);
}

Test(scorer_proposal, knows_what_cannot_be_met_any_more)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures:\n"
                               "  t: {count: P, after: Trial Started, within: 48h}\n"
                               "signals:\n"
                               "  s: {t: {at_least: 2}}\n");
    scorer_world_track(&w, "a", "u", "P", "2026-01-01T10:00:00Z");
    proposal_expect(&w, "a", "u", "s", "events 3\n1 Trial Started|||\n2 P|||\n");
    scorer_world_track(&w, "a", "u", "Trial Started", "2026-01-01T10:00:00Z");
    proposal_expect(&w, "a", "u", "s", "events 1 by 2026-01-03T10:00:00.000Z\n1 P|||\n");
    scorer_world_track(&w, "a", "u", "X", "2026-01-04T10:00:00Z");
    proposal_expect(&w, "a", "u", "s",
                    "never 0 at most\n! t at_least 2: the 2d after Trial Started are over\n");
    scorer_world_close(&w);
}

Test(scorer_proposal, asks_for_traits_and_further_users)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures:\n"
                               "  p: {count: P}\n"
                               "  people: {distinct: user, on: [P, Q], window: 14d}\n"
                               "  keen: {users_with: s}\n"
                               "signals:\n"
                               "  s: [{p: {at_least: 2}}, {user.role: {in: [admin, owner]}}]\n"
                               "  team: [{people: {at_least: 3}}, {account.plan: pro}]\n"
                               "  many: {keen: {at_least: 2}}\n");
    scorer_world_track(&w, "a", "u", "P", "2026-01-01T10:00:00Z");
    scorer_world_track(&w, "a", "v", "Q", "2026-01-01T10:00:00Z");
    proposal_expect(&w, "a", "u", "s",
                    "events 2\n1 identify||user.role in [admin, owner]|\n1 P|||\n");
    proposal_expect(
        &w, "a", NULL, "team",
        "events 2 by 2026-01-15T00:00:00.000Z\n1 group||account.plan is pro|\n1 P|a further "
        "user||\n");
    proposal_expect(
        &w, "a", NULL, "many",
        "events 5\n1 identify|u|user.role in [admin, owner]|\n1 P|u||\n1 identify|v|user.role in "
        "[admin, owner]|\n2 P|v||\n");
    scorer_world_close(&w);
}

// ---- Against an exhaustive search ---------------------------------------------------------------

enum { CASES = 400, KINDS = 4, SMALL = 4 };

// A small playbook, whose measures look at the events A and B, and its signal s.
static void draw_playbook(uint64_t *seed, struct buf *out)
{
    static const char *const MEASURES[] = {
        "{count: A}\n",
        "{count: [A, B], window: 3d}\n",
        "{count: B, where: {properties.x: 1}}\n",
        "{active_days: any, window: 5d}\n",
        "{distinct: properties.v, on: A}\n",
        "{count: B, after: A, within: 48h}\n",
        "{count: A, window: 24h}\n",
    };
    buf_append_text(out, HEAD "measures:\n");
    for (int m = 0; m < 3; m++)
        buf_printf(out, "  m%d: %s", m, MEASURES[scorer_world_below(seed, ARRAY_LEN(MEASURES))]);
    buf_append_text(out, "scores: {sc: {points: {A: 3, B: 5}, half_life: 2d}}\nsignals:\n");
    buf_printf(out, "  s: {%s: [", scorer_world_below(seed, 2) == 0 ? "all" : "any");
    for (int i = 0; i < 2; i++) {
        buf_printf(out, "%s{%s: [", i == 0 ? "" : ", ",
                   scorer_world_below(seed, 2) == 0 ? "all" : "any");
        for (int j = 0; j < 2; j++) {
            const char *comma = j == 0 ? "" : ", ";
            uint32_t pick = scorer_world_below(seed, 4);
            if (pick == 3)
                buf_printf(out, "%s{sc: {at_least: %u}}", comma, 3 + scorer_world_below(seed, 9));
            else if (scorer_world_below(seed, 5) == 0)
                buf_printf(out, "%s{m%u: {at_most: %u}}", comma, pick, scorer_world_below(seed, 3));
            else
                buf_printf(out, "%s{m%u: {at_least: %u}}", comma, pick,
                           1 + scorer_world_below(seed, 3));
        }
        buf_append_text(out, "]}");
    }
    buf_append_text(out, "]}\n");
    buf_append_u8(out, '\0');
}

struct tries {
    const struct proposal_stage *stage;
    int64_t now_ms;
    struct signal_changes changes;
    struct arena arena;
    uint32_t fresh;
};

static bool stage_true(struct tries *t)
{
    struct explanation e;
    core_explain(t->stage->core, t->stage->account, span_of("u"), &t->arena, &e);
    for (size_t i = 0; i < e.n_signals; i++) {
        if (strcmp(e.signals[i].name, "s") == 0)
            return e.signals[i].value;
    }
    return false;
}

static void stage_event(struct tries *t, uint32_t kind, int64_t at_ms)
{
    struct property properties[2] = {
        {span_of("x"), {.type = VALUE_INTEGER, .integer = kind % 2 == 0 ? 1 : 0}},
        {span_of("v"), {.type = VALUE_INTEGER, .integer = 1000 + ++t->fresh}},
    };
    struct event event = {
        .kind = EVENT_TRACK,
        .account = t->stage->account,
        .user = span_of("u"),
        .name = span_of(kind < 2 ? "A" : "B"),
        .at_ms = at_ms,
        .properties = properties,
        .n_properties = 2,
    };
    core_tick(t->stage->core, 1, at_ms, &t->changes, &t->arena);
    (void)core_apply(t->stage->core, 1, 0, &event, &t->changes, &t->arena);
}

// Whether some n events, the k-th not before the one before it, on the days ahead, make it true.
static bool some_set(struct tries *t, uint32_t *kinds, int64_t *days, uint32_t k, uint32_t n)
{
    if (k == n) {
        t->stage->rewind(t->stage->arg);
        arena_reset(&t->arena);
        t->changes.n = 0;
        core_tick(t->stage->core, 1, t->now_ms, &t->changes, &t->arena);
        for (uint32_t i = 0; i < n; i++)
            stage_event(t, kinds[i], t->now_ms + days[i] * TIME_DAY_MS);
        return stage_true(t);
    }
    for (int64_t day = k == 0 ? 0 : days[k - 1]; day < 4; day++) {
        for (uint32_t kind = 0; kind < KINDS; kind++) {
            kinds[k] = kind;
            days[k] = day;
            if (some_set(t, kinds, days, k + 1, n))
                return true;
        }
    }
    return false;
}

static void check_least(const struct proposal_stage *stage, const struct proposal *found,
                        const char *yaml, uint64_t seed)
{
    uint32_t kinds[SMALL];
    int64_t days[SMALL];
    struct tries t = {.stage = stage};
    arena_init(&t.arena, 16384, 0);
    stage->rewind(stage->arg);
    struct explanation e;
    core_explain(stage->core, stage->account, span_of("u"), &t.arena, &e);
    t.now_ms = e.clock_ms + 1 > stage->now_ms ? e.clock_ms + 1 : stage->now_ms;
    uint32_t below = found->kind == PROPOSAL_EVENTS ? found->n_events : SMALL;
    for (uint32_t n = 1; n < below && n < SMALL; n++)
        cr_assert(!some_set(&t, kinds, days, 0, n), "seed %llu: %u instead of %u\n%s",
                  (unsigned long long)seed, n, found->n_events, yaml);
    signal_changes_deinit(&t.changes);
    arena_deinit(&t.arena);
}

Test(scorer_proposal, is_the_smallest_set_that_there_is)
{
    int events = 0, least = 0, unknown = 0;
    for (uint64_t c = 0; c < CASES; c++) {
        uint64_t seed = c;
        struct buf yaml = {0};
        struct scorer_world w;
        struct arena arena;
        struct proposal found;
        draw_playbook(&seed, &yaml);
        scorer_world_open(&w, (const char *)yaml.bytes);
        int64_t at_ms = at("2026-01-01T10:00:00Z");
        for (uint32_t i = 0, n = 1 + scorer_world_below(&seed, 5); i < n; i++) {
            struct say say = {.account = "a",
                              .user = "u",
                              .name = scorer_world_below(&seed, 2) == 0 ? "A" : "B",
                              .properties = scorer_world_below(&seed, 2) == 0 ? "x=1 v=1" : "x=2",
                              .at_ms = at_ms += scorer_world_below(&seed, 2 * TIME_DAY_MS)};
            scorer_world_say(&w, &say);
        }
        arena_init(&arena, 16384, 0);
        struct rehearsal_copy *copy = rehearsal_copy_create(w.core, span_of("a"), span_of("u"));
        struct rehearsal *rehearsal = rehearsal_create(copy);
        const struct proposal_stage *stage = rehearsal_stage(rehearsal);
        int32_t s = playbook_signal(core_playbook(w.core), span_of("s"));
        proposal_find(stage, s, span_of("u"), &arena, &found);
        events += found.kind == PROPOSAL_EVENTS;
        least += found.kind == PROPOSAL_EVENTS && found.least;
        unknown += found.kind == PROPOSAL_UNKNOWN;
        if ((found.kind == PROPOSAL_EVENTS && found.least) || found.kind == PROPOSAL_NEVER)
            check_least(stage, &found, (const char *)yaml.bytes, c);
        rehearsal_destroy(rehearsal);
        rehearsal_copy_destroy(copy);
        arena_deinit(&arena);
        buf_deinit(&yaml);
        scorer_world_close(&w);
    }
    fprintf(stderr, "%d cases: %d with events, %d of these least; %d unknown\n", CASES, events,
            least, unknown);
    cr_assert(events > CASES / 3 && least > events * 3 / 4);
}
