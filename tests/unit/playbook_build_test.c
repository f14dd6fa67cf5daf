// SPDX-License-Identifier: Apache-2.0
// links: playbook config base
// What follows from a playbook: meanings, numbers, and what an event sets in motion.
#include <criterion/criterion.h>

#include "common/base/hash.h"
#include "services/playbook/load.h"

#define HEAD "playbook: p\nversion: 1\n"

static struct playbook *load(const char *text)
{
    struct buf report = {0};
    struct playbook *playbook = NULL;
    enum err err = playbook_load("p.yaml", span_of(text), &playbook, &report);
    cr_assert_eq(err, ERR_OK, SPAN_FMT, SPAN_ARG(buf_span(&report)));
    buf_deinit(&report);
    return playbook;
}

static int32_t measure_at(const struct playbook *playbook, const char *name)
{
    for (int32_t i = 0; i < playbook->n_measures; i++) {
        if (strcmp(playbook->measures[i].name, name) == 0)
            return i;
    }
    cr_assert_fail("no measure %s", name);
    return PLAYBOOK_NONE;
}

static int32_t signal_at(const struct playbook *playbook, const char *name)
{
    int32_t at = playbook_signal(playbook, span_of(name));
    cr_assert_neq(at, PLAYBOOK_NONE, "no signal %s", name);
    return at;
}

// ---- Meaning ----

static const struct {
    const char *definition;
    const char *canonical;
} MEASURES[] = {
    {"{count: Report Run, window: 30d, where: {properties.plan: trial}}",
     "count[Report Run] user 30d where(properties.plan is \"trial\")"},
    {"{count: [B, A], per: account}", "count[A, B] account lifetime"},
    {"{count: any, window: 48h}", "count[any] user 48h"},
    {"{count: \"any\", window: day}", "count[\"any\"] user day"},
    {"{count: \"a, b\", window: month}", "count[\"a, b\"] user month"},
    {"{active_days: any, window: week, per: account}", "active_days[any] account week"},
    {"{sum: properties.bytes, on: Up}", "sum properties.bytes[Up] user lifetime"},
    {"{distinct: user, window: 14d}", "distinct user[any] account 14d"},
    {"{distinct: properties.area, on: Used}", "distinct properties.area[Used] user lifetime"},
    {"{count: A, after: Trial Started, within: 2d}", "count[A] user 2d after Trial Started"},
    {"{first: A}", "first[A] user lifetime"},
    {"{last: any, per: account}", "last[any] account lifetime"},
    {"{count: A, where: [{properties.b: 2.5}, {not: {user.a: {in: [z, y, 1]}}}]}",
     "count[A] user lifetime where as it was(all(not(user.a in \"y\", \"z\", 1), properties.b is "
     "2.5))"},
};

Test(playbook_build, writes_what_a_measure_means)
{
    for (size_t i = 0; i < ARRAY_LEN(MEASURES); i++) {
        struct buf text = {0};
        buf_printf(&text, HEAD "measures:\n  m: %s\n", MEASURES[i].definition);
        buf_append_u8(&text, 0);
        struct playbook *playbook = load((const char *)text.bytes);
        cr_expect_str_eq(playbook->measures[0].canonical, MEASURES[i].canonical);
        cr_expect_eq(playbook->measures[0].meaning, hash64(span_of(MEASURES[i].canonical)));
        playbook_destroy(playbook);
        buf_deinit(&text);
    }
}

static const char BEFORE[] =
    HEAD "measures:\n"
         "  projects: {count: [A, B]}\n"
         "  users: {users_with: ready, ever: true}\n"
         "scores:\n"
         "  heat: {points: {A: 1, B: 2.5}, half_life: 2d}\n"
         "signals:\n"
         "  ready: [{projects: {at_least: 3}}, {user.role: {in: [a, b]}}]\n"
         "  team: {users: {at_least: 2}}\n"
         "  hot: {heat: {above: 10}}\n";
// The same with other names, in another order.
static const char RENAMED[] =
    HEAD "scores:\n"
         "  warmth: {half_life: 48h, points: {B: 2.500, A: 1}}\n"
         "measures:\n"
         "  folk: {ever: true, users_with: keen}\n"
         "  tasks: {count: [B, A], per: user}\n"
         "signals:\n"
         "  many: {folk: {at_least: 2}}\n"
         "  warm: {warmth: {above: 10.0}}\n"
         "  keen: {all: [{user.role: {in: [b, a]}}, {tasks: {at_least: 3}}]}\n";

Test(playbook_build, keeps_meaning_when_names_and_order_change)
{
    struct playbook *a = load(BEFORE), *b = load(RENAMED);
    static const char *const M[][2] = {
        {"projects", "tasks"}, {"users", "folk"}, {"heat", "warmth"}};
    static const char *const S[][2] = {{"ready", "keen"}, {"team", "many"}, {"hot", "warm"}};
    for (size_t i = 0; i < 3; i++) {
        const struct measure *x = &a->measures[measure_at(a, M[i][0])];
        const struct measure *y = &b->measures[measure_at(b, M[i][1])];
        cr_expect_str_eq(x->canonical, y->canonical);
        cr_expect_eq(x->meaning, y->meaning);
        const struct signal *s = &a->signals[signal_at(a, S[i][0])];
        const struct signal *t = &b->signals[signal_at(b, S[i][1])];
        cr_expect_str_eq(s->canonical, t->canonical);
        cr_expect_eq(s->meaning, t->meaning);
    }
    playbook_destroy(a);
    playbook_destroy(b);
}

Test(playbook_build, changes_meaning_along_with_what_is_counted)
{
    static const struct {
        const char *from, *to;
        bool ready, team;
    } CHANGES[] = {
        {"at_least: 3", "at_least: 4", true, true}, {"count: [A, B]", "count: [A, C]", true, true},
        {"ever: true", "ever: false", false, true}, {"at_least: 2", "at_least: 3", false, true},
        {"above: 10", "above: 11", false, false},
    };
    struct playbook *before = load(BEFORE);
    for (size_t i = 0; i < ARRAY_LEN(CHANGES); i++) {
        struct buf text = {0};
        const char *at = strstr(BEFORE, CHANGES[i].from);
        cr_assert_not_null(at);
        buf_append(&text, BEFORE, (size_t)(at - BEFORE));
        buf_append_text(&text, CHANGES[i].to);
        buf_append_text(&text, at + strlen(CHANGES[i].from));
        buf_append_u8(&text, 0);
        struct playbook *after = load((const char *)text.bytes);
        bool ready = before->signals[signal_at(before, "ready")].meaning !=
                     after->signals[signal_at(after, "ready")].meaning;
        bool team = before->signals[signal_at(before, "team")].meaning !=
                    after->signals[signal_at(after, "team")].meaning;
        cr_expect_eq(ready, CHANGES[i].ready, "%s", CHANGES[i].to);
        cr_expect_eq(team, CHANGES[i].team, "%s", CHANGES[i].to);
        playbook_destroy(after);
        buf_deinit(&text);
    }
    playbook_destroy(before);
}

Test(playbook_build, tells_every_active_event_from_listed_ones)
{
    struct playbook *all = load(HEAD "measures:\n  m: {active_days: any}\n");
    struct playbook *some = load(HEAD "active: [B, A]\nmeasures:\n  m: {active_days: any}\n");
    cr_expect_str_eq(all->measures[0].canonical, "active_days[any] user lifetime");
    cr_expect_str_eq(some->measures[0].canonical, "active_days[any: A, B] user lifetime");
    playbook_destroy(all);
    playbook_destroy(some);
}

// ---- Order, numbers ----

static const char WIDE[] =
    HEAD "measures:\n"
         "  acts: {count: Act}\n"
         "  days: {active_days: any}\n"
         "  trial: {count: Act, after: Trial Started, within: 48h}\n"
         "  seats: {count: Seat Added, per: account}\n"
         "  active: {distinct: user, window: 7d}\n"
         "  keen_users: {users_with: keen}\n"
         "scores:\n"
         "  heat: {points: {Act: 5, Seat Added: 8}, half_life: 2d, per: account}\n"
         "signals:\n"
         "  wide: {any: [deep, {heat: {at_least: 10}}]}\n" // forward
         "  deep: {keen_users: {at_least: 2}}\n"
         "  keen: [{acts: {at_least: 3}}, busy]\n"
         "  busy: [{days: {at_least: 2}}, {seats: {at_least: 5}}]\n"
         "  tried: {trial: {at_least: 1}}\n"
         "  led: {user.role: lead}\n"
         "  local: [{user.role: x}, {account.country: pt}]\n"
         "  team: {active: {at_least: 2}}\n"
         "qualify:\n"
         "  pql: keen\n";

Test(playbook_build, puts_each_signal_after_those_it_looks_at)
{
    struct playbook *playbook = load(WIDE);
    cr_assert_eq(playbook->n_signals, 9);
    cr_expect_lt(signal_at(playbook, "busy"), signal_at(playbook, "keen"));
    cr_expect_lt(signal_at(playbook, "keen"), signal_at(playbook, "deep")); // through a measure
    cr_expect_lt(signal_at(playbook, "deep"), signal_at(playbook, "wide"));
    // What refers to a signal found it again.
    int32_t pql = signal_at(playbook, "qualify.pql");
    cr_expect_lt(signal_at(playbook, "keen"), pql);
    cr_expect_eq(playbook->conditions[playbook->pql].signal, pql);
    cr_expect_eq(playbook->measures[measure_at(playbook, "keen_users")].signal,
                 signal_at(playbook, "keen"));
    int32_t numbers[2] = {0, 0};
    for (int32_t i = 0; i < playbook->n_signals; i++) {
        cr_expect_eq(playbook->signals[i].number, numbers[playbook->signals[i].scope]);
        numbers[playbook->signals[i].scope]++;
    }
    cr_expect_eq(playbook->n_scope_signals[SCOPE_USER], numbers[SCOPE_USER]);
    cr_expect_eq(playbook->n_scope_signals[SCOPE_ACCOUNT], numbers[SCOPE_ACCOUNT]);
    cr_expect_eq(numbers[SCOPE_USER], 6);
    playbook_destroy(playbook);
}

Test(playbook_build, numbers_cells_and_leaves_without_gaps)
{
    struct playbook *playbook = load(WIDE);
    bool seen[2][16] = {{false}};
    for (int32_t i = 0; i < playbook->n_measures; i++) {
        const struct measure *m = &playbook->measures[i];
        cr_expect_not(seen[m->scope][m->cell]);
        seen[m->scope][m->cell] = true;
        cr_expect_eq(m->user_cell != PLAYBOOK_NONE, m->kind == MEASURE_DISTINCT_USERS);
        if (m->user_cell == PLAYBOOK_NONE)
            continue;
        cr_expect_not(seen[SCOPE_USER][m->user_cell]);
        seen[SCOPE_USER][m->user_cell] = true;
    }
    cr_expect_eq(playbook->n_cells[SCOPE_USER], 4);
    cr_expect_eq(playbook->n_cells[SCOPE_ACCOUNT], 4);
    for (int scope = 0; scope < 2; scope++) {
        for (int32_t i = 0; i < playbook->n_cells[scope]; i++)
            cr_expect(seen[scope][i]);
        for (int32_t i = 0; i < playbook->n_leaves[scope]; i++) {
            const struct condition *leaf =
                &playbook->conditions[playbook->leaf_condition[scope][i]];
            cr_expect_eq(leaf->kind, CONDITION_TEST);
            cr_expect_eq(leaf->leaf, i);
        }
    }
    // The test on the account's seats belongs to the user's signal that makes it.
    // Nine are the verdicts of persons that overrule the definition.
    cr_expect_eq(playbook->n_leaves[SCOPE_USER], 7 + 9);
    cr_expect_eq(playbook->n_leaves[SCOPE_ACCOUNT], 3);
    playbook_destroy(playbook);
}

// ---- What an event sets in motion ----

// The names of a list, in order, separated by spaces.
static void expect_names(const struct playbook *playbook, bool signals, const int32_t *list,
                         int32_t n, const char *expected)
{
    struct buf names = {0};
    for (int32_t i = 0; i < n; i++)
        buf_printf(&names, "%s%s", i > 0 ? " " : "",
                   signals ? playbook->signals[list[i]].name : playbook->measures[list[i]].name);
    cr_expect(span_is(buf_span(&names), expected), "expected \"%s\", found \"" SPAN_FMT "\"",
              expected, SPAN_ARG(buf_span(&names)));
    buf_deinit(&names);
}

Test(playbook_build, lists_what_an_event_sets_in_motion)
{
    static const struct {
        const char *event, *user_measures, *account_measures, *user_signals, *account_signals;
    } EVENTS[] = {
        {"Act", "acts days trial", "active heat", "busy keen tried qualify.pql", "wide team"},
        {"Trial Started", "days trial", "active", "busy keen tried qualify.pql", "team"},
        {"Seat Added", "days", "seats active heat", "busy keen qualify.pql", "wide team"},
        {"Something Else", "days", "active", "busy keen qualify.pql", "team"},
    };
    struct playbook *playbook = load(WIDE);
    for (size_t i = 0; i < ARRAY_LEN(EVENTS); i++) {
        const struct dispatch *d =
            &playbook->dispatch[playbook_event(playbook, span_of(EVENTS[i].event))];
        expect_names(playbook, false, d->user_measures, d->n_user_measures,
                     EVENTS[i].user_measures);
        expect_names(playbook, false, d->account_measures, d->n_account_measures,
                     EVENTS[i].account_measures);
        expect_names(playbook, true, d->user_signals, d->n_user_signals, EVENTS[i].user_signals);
        expect_names(playbook, true, d->account_signals, d->n_account_signals,
                     EVENTS[i].account_signals);
    }
    playbook_destroy(playbook);
}

Test(playbook_build, lets_listed_active_events_alone_count_as_any)
{
    struct playbook *playbook = load(
        HEAD "active: [Act]\nmeasures:\n  days: {active_days: any}\n  other: {count: Other}\n");
    static const struct {
        const char *event, *measures;
    } EVENTS[] = {{"Act", "days"}, {"Other", "other"}, {"Unknown", ""}};
    for (size_t i = 0; i < ARRAY_LEN(EVENTS); i++) {
        const struct dispatch *d =
            &playbook->dispatch[playbook_event(playbook, span_of(EVENTS[i].event))];
        expect_names(playbook, false, d->user_measures, d->n_user_measures, EVENTS[i].measures);
    }
    playbook_destroy(playbook);
}

Test(playbook_build, knows_which_users_an_account_concerns)
{
    struct playbook *playbook = load(WIDE);
    expect_names(playbook, true, playbook->shared_user_signals, playbook->n_shared_user_signals,
                 "busy keen local qualify.pql");
    for (int32_t i = 0; i < playbook->n_signals; i++) {
        const int32_t *list = playbook->signals_of_users_with[i];
        bool counted = i == signal_at(playbook, "keen");
        cr_expect_eq(list != NULL, counted, "%s", playbook->signals[i].name);
        int32_t n = 0;
        while (list != NULL && list[n] != PLAYBOOK_NONE)
            n++;
        if (counted)
            expect_names(playbook, true, list, n, "deep wide");
    }
    playbook_destroy(playbook);
}

Test(playbook_build, finds_events_by_name)
{
    struct buf text = {0};
    buf_append_text(&text, HEAD "active:\n");
    for (int i = 0; i < 1000; i++)
        buf_printf(&text, "  - Event Number %d\n", i);
    buf_append_u8(&text, 0);
    struct playbook *playbook = load((const char *)text.bytes);
    cr_assert_eq(playbook->n_events, 1000);
    for (int32_t i = 0; i < 1000; i++)
        cr_expect_eq(playbook_event(playbook, span_of(playbook->events[i])), i);
    cr_expect_eq(playbook_event(playbook, span_of("Event Number 1000")), 1000);
    cr_expect_eq(playbook_event(playbook, span_of("")), 1000);
    cr_expect_eq(playbook_signal(playbook, span_of("none")), PLAYBOOK_NONE);
    playbook_destroy(playbook);
    buf_deinit(&text);
    playbook = load(HEAD);
    cr_expect_eq(playbook_event(playbook, span_of("Act")), 0);
    playbook_destroy(playbook);
}
