// SPDX-License-Identifier: Apache-2.0
// links: playbook config base
// What every function, score, profile and grade becomes when it is read, and what they mean.
#include <criterion/criterion.h>

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/base/time_text.h"
#include "services/playbook/load.h"

#define HEAD "playbook: p\nversion: 1\n"

static struct playbook *load(const char *text)
{
    struct buf report = {0};
    struct playbook *playbook = NULL;
    enum err err = playbook_load("p.yaml", span_of(text), &playbook, &report);
    cr_assert_eq(err, ERR_OK, "%s\n" SPAN_FMT, text, SPAN_ARG(buf_span(&report)));
    buf_deinit(&report);
    return playbook;
}

static struct playbook *load_measure_m(const char *definition)
{
    struct buf text = {0};
    buf_printf(&text,
               HEAD "measures:\n  m: %s\nsignals:\n  ready: {user.role: admin}\n"
                    "  rich: {account.plan: pro}\nlifecycle:\n  customer: rich\n",
               definition);
    buf_append_u8(&text, 0);
    struct playbook *playbook = load((const char *)text.bytes);
    buf_deinit(&text);
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

static const struct measure *find(const struct playbook *playbook, const char *name)
{
    return &playbook->measures[measure_at(playbook, name)];
}

static int32_t signal_at(const struct playbook *playbook, const char *name)
{
    int32_t at = playbook_signal(playbook, span_of(name));
    cr_assert_neq(at, PLAYBOOK_NONE, "no signal %s", name);
    return at;
}

static void expect_events(const struct playbook *playbook, const int32_t *events, int32_t n,
                          const char *expected)
{
    struct buf names = {0};
    for (int32_t i = 0; i < n; i++)
        buf_printf(&names, "%s%s", i > 0 ? ", " : "", playbook->events[events[i]]);
    cr_expect(span_is(buf_span(&names), expected), "expected %s, found " SPAN_FMT, expected,
              SPAN_ARG(buf_span(&names)));
    buf_deinit(&names);
}

// ---- Functions ----

#define ANY NULL

static const struct {
    const char *definition;
    struct measure is;
    const char *events; // ANY: all
    const char *canonical;
} FUNCTIONS[] = {
    {"{max: properties.bytes, on: Up, window: 30d}",
     {.kind = MEASURE_MAX, .window = WINDOW_DAYS, .window_n = 30, .key = "bytes"},
     "Up",
     "max properties.bytes[Up] user 30d"},
    {"{min: properties.bytes, on: [Up, Down], per: account}",
     {.kind = MEASURE_MIN, .scope = SCOPE_ACCOUNT, .key = "bytes"},
     "Up, Down",
     "min properties.bytes[Down, Up] account lifetime"},
    {"{average: properties.a.b, on: any, window: 48h}",
     {.kind = MEASURE_AVERAGE, .window = WINDOW_HOURS, .window_n = 48, .key = "a.b"},
     ANY,
     "average properties.a.b[any] user 48h"},
    {"{active_weeks: any}", {.kind = MEASURE_ACTIVE_WEEKS}, ANY, "active_weeks[any] user lifetime"},
    {"{active_weeks: Up, window: 4w, per: account}",
     {.kind = MEASURE_ACTIVE_WEEKS, .scope = SCOPE_ACCOUNT, .window = WINDOW_WEEKS, .window_n = 4},
     "Up",
     "active_weeks[Up] account 4w"},
    {"{count: Up, window: 57w}",
     {.kind = MEASURE_COUNT, .window = WINDOW_WEEKS, .window_n = 57},
     "Up",
     "count[Up] user 57w"},
    {"{day_streak: any}", {.kind = MEASURE_DAY_STREAK}, ANY, "day_streak[any] user"},
    {"{week_streak: [A, B], per: account}",
     {.kind = MEASURE_WEEK_STREAK, .scope = SCOPE_ACCOUNT},
     "A, B",
     "week_streak[A, B] account"},
    {"{first: Up}", {.kind = MEASURE_FIRST, .unit = UNIT_INSTANT}, "Up", "first[Up] user lifetime"},
    {"{last: \"properties.x\"}",
     {.kind = MEASURE_LAST, .unit = UNIT_INSTANT},
     "properties.x",
     "last[properties.x] user lifetime"},
    {"{first: properties.plan, on: Signed Up}",
     {.kind = MEASURE_FIRST_VALUE, .unit = UNIT_VALUE, .key = "plan"},
     "Signed Up",
     "first properties.plan[Signed Up] user lifetime"},
    {"{last: properties.plan, on: any, per: account}",
     {.kind = MEASURE_LAST_VALUE, .scope = SCOPE_ACCOUNT, .unit = UNIT_VALUE, .key = "plan"},
     ANY,
     "last properties.plan[any] account lifetime"},
    {"{time_spent: any}",
     {.kind = MEASURE_TIME_SPENT, .unit = UNIT_DURATION, .idle_ms = 30 * TIME_MINUTE_MS},
     ANY,
     "time_spent 30m[any] user lifetime"},
    {"{time_spent: Up, idle: 24h, window: week}",
     {.kind = MEASURE_TIME_SPENT,
      .unit = UNIT_DURATION,
      .window = WINDOW_CALENDAR_WEEK,
      .idle_ms = TIME_DAY_MS},
     "Up",
     "time_spent 1d[Up] user week"},
    {"{since: any}", {.kind = MEASURE_SINCE, .unit = UNIT_DURATION}, ANY, "since[any] user"},
    {"{since: [A, B], per: account}",
     {.kind = MEASURE_SINCE, .scope = SCOPE_ACCOUNT, .unit = UNIT_DURATION},
     "A, B",
     "since[A, B] account"},
    {"{count: Up, after: Trial, within: 2d}",
     {.kind = MEASURE_COUNT, .window = WINDOW_ANCHORED, .within_ms = 2 * (int64_t)TIME_DAY_MS},
     "Up",
     "count[Up] user 2d after Trial"},
    {"{count: Up, after: Trial, from: first, within: 2d}",
     {.kind = MEASURE_COUNT, .window = WINDOW_ANCHORED, .within_ms = 2 * (int64_t)TIME_DAY_MS},
     "Up",
     "count[Up] user 2d after Trial"},
    {"{count: Up, after: Trial, from: last, within: 2d}",
     {.kind = MEASURE_COUNT,
      .window = WINDOW_ANCHORED,
      .within_ms = 2 * (int64_t)TIME_DAY_MS,
      .anchor_last = true},
     "Up",
     "count[Up] user 2d after last [Trial]"},
    {"{count: Up, after: Trial, from: last}",
     {.kind = MEASURE_COUNT,
      .window = WINDOW_ANCHORED,
      .within_ms = INT64_MAX,
      .anchor_last = true},
     "Up",
     "count[Up] user ever after last [Trial]"},
    {"{sum: properties.x, on: Up, resets_on: [Paid, Ended]}",
     {.kind = MEASURE_SUM, .window = WINDOW_RESET, .n_resets = 2, .key = "x"},
     "Up",
     "sum properties.x[Up] user reset[Ended, Paid]"},
    {"{last: Up, resets_on: Up}",
     {.kind = MEASURE_LAST, .unit = UNIT_INSTANT, .window = WINDOW_RESET, .n_resets = 1},
     "Up",
     "last[Up] user reset[Up]"},
    {"{distinct: user, resets_on: Renewed}",
     {.kind = MEASURE_DISTINCT_USERS,
      .scope = SCOPE_ACCOUNT,
      .window = WINDOW_RESET,
      .n_resets = 1},
     ANY,
     "distinct user[any] account reset[Renewed]"},
    {"{sequence: [A, B, A], within: 7d}",
     {.kind = MEASURE_SEQUENCE, .within_ms = 7 * (int64_t)TIME_DAY_MS, .n_steps = 3},
     "A, B",
     "sequence 7d[A > B > A] user"},
    {"{count: Up, where: {context.page.path: /x}}",
     {.kind = MEASURE_COUNT},
     "Up",
     "count[Up] user lifetime where(context.page.path is \"/x\")"},
    {"{count: Up, where: [{user.role: admin}, {properties.a: 1}]}",
     {.kind = MEASURE_COUNT, .historic = true},
     "Up",
     "count[Up] user lifetime where as it was(all(properties.a is 1, user.role is \"admin\"))"},
    {"{day_streak: any, where: {not: {account.plan: free}}, per: account}",
     {.kind = MEASURE_DAY_STREAK, .scope = SCOPE_ACCOUNT, .historic = true},
     ANY,
     "day_streak[any] account where as it was(not(account.plan is \"free\"))"},
};

Test(playbook_measures, reads_every_function)
{
    for (size_t i = 0; i < ARRAY_LEN(FUNCTIONS); i++) {
        struct playbook *playbook = load_measure_m(FUNCTIONS[i].definition);
        const struct measure *m = &playbook->measures[0], *is = &FUNCTIONS[i].is;
        const char *what = FUNCTIONS[i].definition;
        cr_expect_eq(m->kind, is->kind, "%s", what);
        cr_expect_eq(m->scope, is->scope, "%s", what);
        cr_expect_eq(m->unit, is->unit, "%s", what);
        cr_expect_eq(m->window, is->window, "%s", what);
        cr_expect_eq(m->window_n, is->window_n, "%s", what);
        cr_expect_eq(m->within_ms, is->within_ms, "%s", what);
        cr_expect_eq(m->anchor_last, is->anchor_last, "%s", what);
        cr_expect_eq(m->idle_ms, is->idle_ms, "%s", what);
        cr_expect_eq(m->historic, is->historic, "%s", what);
        cr_expect_eq(m->n_steps, is->n_steps, "%s", what);
        cr_expect_eq(m->n_resets, is->n_resets, "%s", what);
        cr_expect_str_eq(m->key == NULL ? "" : m->key, is->key == NULL ? "" : is->key);
        cr_expect_str_eq(m->canonical, FUNCTIONS[i].canonical);
        cr_expect_eq(m->meaning, hash64(span_of(FUNCTIONS[i].canonical)));
        cr_expect_eq(m->events == NULL, FUNCTIONS[i].events == ANY, "%s", what);
        if (FUNCTIONS[i].events != ANY)
            expect_events(playbook, m->events, m->n_events, FUNCTIONS[i].events);
        cr_expect_eq(m->cell, 0, "%s", what);
        cr_expect_eq(m->signal, PLAYBOOK_NONE, "%s", what);
        cr_expect_eq(m->veto, PLAYBOOK_NONE, "%s", what);
        cr_expect_eq(m->anchor == PLAYBOOK_NONE, m->window != WINDOW_ANCHORED, "%s", what);
        playbook_destroy(playbook);
    }
}

Test(playbook_measures, keeps_steps_in_order_and_events_once)
{
    struct playbook *playbook = load_measure_m("{sequence: [A, B, A, C], within: 1h}");
    const struct measure *m = &playbook->measures[0];
    expect_events(playbook, m->steps, m->n_steps, "A, B, A, C");
    expect_events(playbook, m->events, m->n_events, "A, B, C");
    playbook_destroy(playbook);
    playbook = load_measure_m("{count: Up, resets_on: [Paid, Ended]}");
    m = &playbook->measures[0];
    expect_events(playbook, m->resets, m->n_resets, "Paid, Ended");
    playbook_destroy(playbook);
}

Test(playbook_measures, is_of_whom_its_signal_is)
{
    static const struct {
        const char *definition, *signal;
        enum scope scope;
    } SINCE[] = {
        {"{since: {signal: ready}}", "ready", SCOPE_USER},
        {"{since: {signal: rich}}", "rich", SCOPE_ACCOUNT},
        {"{since: {stage: customer}}", "stage.customer", SCOPE_ACCOUNT},
    };
    for (size_t i = 0; i < ARRAY_LEN(SINCE); i++) {
        struct playbook *playbook = load_measure_m(SINCE[i].definition);
        const struct measure *m = &playbook->measures[0];
        cr_expect_eq(m->kind, MEASURE_SINCE);
        cr_expect_eq(m->unit, UNIT_DURATION);
        cr_expect_eq(m->signal, signal_at(playbook, SINCE[i].signal));
        cr_expect_eq(m->scope, SINCE[i].scope, "%s", SINCE[i].definition);
        cr_expect_eq(m->cell, PLAYBOOK_NONE);
        cr_expect_eq(m->user_cell, PLAYBOOK_NONE);
        playbook_destroy(playbook);
    }
}

Test(playbook_measures, gives_an_average_two_cells_and_what_is_derived_none)
{
    struct playbook *playbook = load(HEAD "measures:\n"
                                          "  a: {average: properties.x, on: A, per: account}\n"
                                          "  b: {count: A, per: account}\n"
                                          "  c: {average: properties.x, on: A}\n"
                                          "  d: {distinct: user}\n"
                                          "  e: {since: {signal: s}}\n"
                                          "signals:\n  s: {b: {at_least: 1}}\n");
    cr_expect_eq(find(playbook, "a")->cell, 0);
    cr_expect_eq(find(playbook, "a")->user_cell, 1);
    cr_expect_eq(find(playbook, "b")->cell, 2);
    cr_expect_eq(find(playbook, "b")->user_cell, PLAYBOOK_NONE);
    cr_expect_eq(find(playbook, "c")->cell, 0);
    cr_expect_eq(find(playbook, "c")->user_cell, 1);
    cr_expect_eq(find(playbook, "d")->cell, 3);
    cr_expect_eq(find(playbook, "d")->user_cell, 2);
    cr_expect_eq(find(playbook, "e")->cell, PLAYBOOK_NONE);
    cr_expect_eq(playbook->n_cells[SCOPE_ACCOUNT], 4);
    cr_expect_eq(playbook->n_cells[SCOPE_USER], 3);
    playbook_destroy(playbook);
}

// ---- Scores ----

Test(playbook_measures, keeps_the_short_score_one_measure)
{
    struct playbook *playbook =
        load(HEAD "scores:\n  s: {points: {A: 5, B: -2.5}, half_life: 14d, per: account, "
                  "bands: {Cold: -10, Warm: 40, High Intent: 80.5}}\n");
    const struct measure *s = &playbook->measures[0];
    cr_assert_eq(playbook->n_measures, 1);
    cr_expect_eq(s->kind, MEASURE_SCORE);
    cr_expect_eq(s->scope, SCOPE_ACCOUNT);
    cr_expect_eq(s->half_life_ms, 14 * (int64_t)TIME_DAY_MS);
    cr_assert_eq(s->n_points, 2);
    cr_expect_eq(s->points[1].milli, -2500);
    cr_assert_eq(s->n_bands, 3);
    cr_expect_str_eq(s->bands[2].name, "High Intent");
    cr_expect_eq(s->bands[0].from_milli, -10000);
    cr_expect_eq(s->bands[2].from_milli, 80500);
    cr_expect_str_eq(s->canonical, "score[A 5, B -2.5] account half_life 14d");
    playbook_destroy(playbook);
}

static const char RULES[] =
    HEAD "scores:\n"
         "  intent:\n"
         "    points:\n"
         "      - {on: Pricing Viewed, points: 10, per_day: 2}\n"
         "      - {on: Demo Requested, points: 50, once: true}\n"
         "      - {on: [Ticket, Bug], points: -15, at_most: 40, where: {properties.sev: high}}\n"
         "      - {on: any, points: 0.5, where: {user.role: admin}}\n"
         "    cap_per_event: 50\n"
         "    fades_over: 30d\n"
         "    per: account\n"
         "    at_least: 0\n"
         "    at_most: 100\n";

Test(playbook_measures, makes_a_part_of_every_rule)
{
    struct playbook *playbook = load(RULES);
    const struct measure *s = find(playbook, "intent");
    cr_assert_eq(playbook->n_measures, 5);
    cr_expect_eq(s->kind, MEASURE_WEIGHTED);
    cr_expect_eq(s->unit, UNIT_NUMBER);
    cr_expect_eq(s->scope, SCOPE_ACCOUNT);
    cr_expect_eq(s->min_milli, 0);
    cr_expect_eq(s->max_milli, 100000);
    cr_expect_eq(s->total_milli, 0);
    cr_expect_eq(s->veto, PLAYBOOK_NONE);
    cr_expect_eq(s->cell, PLAYBOOK_NONE);
    cr_expect_not(s->hidden);
    cr_assert_eq(s->n_terms, 4);
    static const char *const MEANS[] = {
        "points 10[Pricing Viewed] 2 a day at_most 50 fades_over 30d account",
        "points 50[Demo Requested] once at_most 50 fades_over 30d account",
        "points -15[Bug, Ticket] at_most 40 fades_over 30d account where(properties.sev is "
        "\"high\")",
        "points 0.5[any] at_most 50 fades_over 30d account where as it was(user.role is "
        "\"admin\")"};
    static const char *const PARTS[] = {"intent#1", "intent#2", "intent#3", "intent#4"};
    for (int32_t i = 0; i < 4; i++) {
        const char *name = PARTS[i];
        const struct measure *part = find(playbook, name);
        cr_expect_eq(s->terms[i].measure, measure_at(playbook, name));
        cr_expect_eq(s->terms[i].signal, PLAYBOOK_NONE);
        cr_expect_eq(s->terms[i].weight_milli, 1000);
        cr_expect_eq(part->kind, MEASURE_POINTS);
        cr_expect_eq(part->decay, DECAY_LINEAR);
        cr_expect_eq(part->half_life_ms, 30 * (int64_t)TIME_DAY_MS);
        cr_expect(part->hidden);
        cr_expect_eq(part->cell, i);
        cr_expect_str_eq(part->canonical, MEANS[i]);
    }
    cr_expect_eq(find(playbook, "intent#1")->per_day, 2);
    cr_expect(find(playbook, "intent#2")->once);
    cr_expect_eq(find(playbook, "intent#3")->cap_milli, 40000);
    cr_expect_eq(find(playbook, "intent#3")->points_milli, -15000);
    cr_expect(find(playbook, "intent#4")->historic);
    cr_expect_null(find(playbook, "intent#4")->events);
    playbook_destroy(playbook);
}

Test(playbook_measures, takes_a_short_score_apart_when_more_is_asked)
{
    static const struct {
        const char *more;
        enum decay decay;
        int64_t min, max, cap;
    } MORE[] = {
        {"", DECAY_NONE, INT64_MIN, INT64_MAX, 0},
        {", fades_over: 10d", DECAY_LINEAR, INT64_MIN, INT64_MAX, 0},
        {", half_life: 1d, at_most: 50", DECAY_HALF_LIFE, INT64_MIN, 50000, 0},
        {", half_life: 1d, at_least: -0.5", DECAY_HALF_LIFE, -500, INT64_MAX, 0},
        {", half_life: 1d, cap_per_event: 20", DECAY_HALF_LIFE, INT64_MIN, INT64_MAX, 20000},
    };
    for (size_t i = 0; i < ARRAY_LEN(MORE); i++) {
        struct buf text = {0};
        buf_printf(&text, HEAD "scores:\n  s: {points: {A: 5, B: 7}%s}\n", MORE[i].more);
        buf_append_u8(&text, 0);
        struct playbook *playbook = load((const char *)text.bytes);
        const struct measure *s = find(playbook, "s"), *b = find(playbook, "s#2");
        cr_expect_eq(s->kind, MEASURE_WEIGHTED);
        cr_expect_eq(s->n_terms, 2);
        cr_expect_eq(s->min_milli, MORE[i].min);
        cr_expect_eq(s->max_milli, MORE[i].max);
        cr_expect_eq(b->decay, MORE[i].decay);
        cr_expect_eq(b->cap_milli, MORE[i].cap);
        cr_expect_eq(b->points_milli, 7000);
        expect_events(playbook, b->events, b->n_events, "B");
        playbook_destroy(playbook);
        buf_deinit(&text);
    }
}

static const char WEIGHTS[] =
    HEAD "measures:\n"
         "  seats: {count: Seat, per: account}\n"
         "  days: {active_days: any, window: 30d}\n"
         "scores:\n"
         "  total: {weights: {heat: 1, days: 0.5, near: -20, seats: 2}, at_least: 0}\n"
         "  heat: {points: {A: 5}, half_life: 1d, per: account}\n"
         "  both: {weights: {heat: 1, seats: 2}, bands: {Low: 0, High: 10}}\n"
         "  deep: {weights: {total: 1, both: 1}}\n"
         "signals:\n"
         "  near: {seats: {at_least: 5}}\n"
         "  hot: {deep: {at_least: 50}}\n"
         "  cool: {both: {below: 1}}\n";

Test(playbook_measures, adds_up_what_is_declared_elsewhere)
{
    struct playbook *playbook = load(WEIGHTS);
    const struct measure *total = find(playbook, "total");
    cr_assert_eq(total->n_terms, 4);
    cr_expect_eq(total->terms[0].measure, measure_at(playbook, "heat"));
    cr_expect_eq(total->terms[1].weight_milli, 500);
    cr_expect_eq(total->terms[2].measure, PLAYBOOK_NONE);
    cr_expect_eq(total->terms[2].signal, signal_at(playbook, "near"));
    cr_expect_eq(total->terms[2].weight_milli, -20000);
    // Of users when a part is, of accounts else.
    cr_expect_eq(total->scope, SCOPE_USER);
    cr_expect_eq(find(playbook, "both")->scope, SCOPE_ACCOUNT);
    cr_expect_eq(find(playbook, "deep")->scope, SCOPE_USER);
    cr_expect_eq(playbook->signals[signal_at(playbook, "hot")].scope, SCOPE_USER);
    cr_expect_eq(playbook->signals[signal_at(playbook, "cool")].scope, SCOPE_ACCOUNT);
    // Each signal comes after those that its measures look at.
    cr_expect_lt(signal_at(playbook, "near"), signal_at(playbook, "hot"));
    cr_expect_eq(find(playbook, "both")->n_bands, 2);
    playbook_destroy(playbook);
}

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

Test(playbook_measures, sets_in_motion_what_is_derived)
{
    static const struct {
        const char *event, *user_measures, *account_measures, *user_signals, *account_signals;
    } EVENTS[] = {
        {"A", "days total deep", "heat both", "hot", "cool"},
        {"Seat", "days total deep", "seats both", "hot", "near cool"},
        {"Else", "days total deep", "", "hot", ""},
    };
    struct playbook *playbook = load(WEIGHTS);
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
    expect_names(playbook, true, playbook->shared_user_signals, playbook->n_shared_user_signals,
                 "hot");
    playbook_destroy(playbook);
}

Test(playbook_measures, is_set_in_motion_by_steps_anchors_and_resets)
{
    struct playbook *playbook = load(HEAD "measures:\n"
                                          "  s: {sequence: [A, B], within: 1d}\n"
                                          "  r: {count: C, resets_on: D}\n"
                                          "  l: {count: C, after: E, from: last}\n"
                                          "  i: {since: {signal: x}}\n"
                                          "signals:\n"
                                          "  x: {s: {at_least: 1}}\n"
                                          "  y: {i: {at_least: 1d}}\n"
                                          "  z: {r: {at_least: 1}}\n");
    static const struct {
        const char *event, *measures, *signals;
    } EVENTS[] = {
        {"A", "s i", "x y"}, {"B", "s i", "x y"}, {"C", "r l", "z"},
        {"D", "r", "z"},     {"E", "l", ""},      {"F", "", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(EVENTS); i++) {
        const struct dispatch *d =
            &playbook->dispatch[playbook_event(playbook, span_of(EVENTS[i].event))];
        expect_names(playbook, false, d->user_measures, d->n_user_measures, EVENTS[i].measures);
        expect_names(playbook, true, d->user_signals, d->n_user_signals, EVENTS[i].signals);
    }
    playbook_destroy(playbook);
}

Test(playbook_measures, shares_users_by_what_their_account_decides)
{
    struct playbook *playbook = load(HEAD "measures:\n"
                                          "  n: {count: A}\n"
                                          "  seats: {count: Seat, per: account}\n"
                                          "  keen: {users_with: alone}\n"
                                          "scores:\n"
                                          "  w: {weights: {n: 1, rich: 2}}\n"
                                          "signals:\n"
                                          "  alone: {n: {at_least: 1}}\n"
                                          "  rich: {account.plan: pro}\n"
                                          "  through_signal: [alone, rich]\n"
                                          "  through_weight: {w: {at_least: 1}}\n"
                                          "  through_users: [alone, {keen: {at_least: 1}}]\n"
                                          "  through_other: [through_weight, {n: {above: 3}}]\n"
                                          "  through_of: {n: {at_least: account.seats}}\n"
                                          "  through_of_measure: {n: {above: seats}}\n");
    expect_names(playbook, true, playbook->shared_user_signals, playbook->n_shared_user_signals,
                 "through_signal through_weight through_users through_other through_of "
                 "through_of_measure");
    playbook_destroy(playbook);
}

// ---- Fit and grades ----

static const char FIT[] =
    HEAD "fit:\n"
         "  midmarket:\n"
         "    criteria:\n"
         "      - {when: {account.employees: {between: [50, 1000]}}, weight: 2}\n"
         "      - {when: {account.industry: {in: [saas, media]}}}\n"
         "      - {when: {account.country: pt}, weight: 0.5}\n"
         "    at_least: 60\n"
         "  startup: {all: [{account.plan: startup}, {account.seats: {below: 10}}]}\n"
         "  buyer: {when: {user.title: {contains: head}}}\n"
         "  never: {disqualifies: true, when: {account.country: {in: [XX]}}}\n"
         "  nor: {disqualifies: true, when: {account.rival: true}}\n"
         "scores:\n"
         "  heat: {points: {A: 5}, half_life: 1d}\n"
         "grades:\n"
         "  grade: {fit: [50, 80], score: heat, at_least: [40, 100]}\n"
         "  named: {fit: [70], score: heat, at_least: [10, 20], names: [[c, b, b], [B, A, A]]}\n"
         "signals:\n"
         "  mid: {fit: midmarket}\n"
         "  start: {fit: startup}\n"
         "  some: {fit: {at_least: 70}}\n"
         "  out: {fit: disqualified}\n"
         "  top: {grade: {in: [A1, A2]}}\n";

Test(playbook_measures, makes_signals_of_criteria_and_a_percentage_of_a_profile)
{
    struct playbook *playbook = load(FIT);
    const struct measure *mid = find(playbook, "fit.midmarket");
    int32_t veto = signal_at(playbook, "fit.veto");
    cr_expect_eq(mid->kind, MEASURE_WEIGHTED);
    cr_expect_eq(mid->unit, UNIT_NUMBER);
    cr_expect_eq(mid->total_milli, 3500);
    cr_expect_eq(mid->veto, veto);
    cr_expect_eq(mid->min_milli, INT64_MIN);
    cr_expect_eq(mid->max_milli, INT64_MAX);
    cr_expect_eq(mid->scope, SCOPE_ACCOUNT);
    cr_assert_eq(mid->n_terms, 3);
    cr_expect_eq(mid->terms[0].signal, signal_at(playbook, "fit.midmarket.1"));
    cr_expect_eq(mid->terms[0].measure, PLAYBOOK_NONE);
    cr_expect_eq(mid->terms[0].weight_milli, 2000);
    cr_expect_eq(mid->terms[1].weight_milli, 1000);
    cr_expect_eq(mid->terms[2].weight_milli, 500);
    const struct signal *criterion = &playbook->signals[mid->terms[1].signal];
    cr_expect_eq(criterion->origin, SIGNAL_CRITERION);
    cr_expect_str_eq(playbook->conditions[criterion->condition].text,
                     "account.industry in [saas, media]");
    cr_expect_eq(find(playbook, "fit.startup")->n_terms, 1);
    cr_expect_eq(find(playbook, "fit.startup")->total_milli, 1000);
    cr_expect_eq(find(playbook, "fit.buyer")->scope, SCOPE_USER);
    const struct condition *out = &playbook->conditions[playbook->signals[veto].condition];
    cr_expect_eq(out->kind, CONDITION_ANY);
    cr_expect_eq(out->n_children, 2);
    const struct measure *best = find(playbook, "fit.best");
    cr_expect_eq(best->kind, MEASURE_BEST);
    cr_expect_eq(best->scope, SCOPE_USER);
    cr_expect_eq(best->veto, veto);
    cr_assert_eq(best->n_terms, 3);
    cr_expect_eq(best->terms[2].measure, measure_at(playbook, "fit.buyer"));
    playbook_destroy(playbook);
}

Test(playbook_measures, asks_conditions_of_fit)
{
    static const struct {
        const char *signal, *measure;
        int64_t low_milli;
    } TESTS[] = {
        {"mid", "fit.midmarket", 60000},
        {"start", "fit.startup", 100000},
        {"some", "fit.best", 70000},
    };
    struct playbook *playbook = load(FIT);
    for (size_t i = 0; i < ARRAY_LEN(TESTS); i++) {
        const struct signal *signal = &playbook->signals[signal_at(playbook, TESTS[i].signal)];
        const struct condition *c = &playbook->conditions[signal->condition];
        cr_assert_eq(c->kind, CONDITION_TEST);
        cr_expect_eq(c->test, TEST_AT_LEAST);
        cr_expect_eq(c->measure, measure_at(playbook, TESTS[i].measure));
        cr_expect_eq(c->low_milli, TESTS[i].low_milli);
    }
    const struct signal *out = &playbook->signals[signal_at(playbook, "out")];
    const struct condition *c = &playbook->conditions[out->condition];
    cr_expect_eq(c->kind, CONDITION_SIGNAL);
    cr_expect_eq(c->signal, signal_at(playbook, "fit.veto"));
    playbook_destroy(playbook);
}

Test(playbook_measures, names_grades_by_fit_and_score)
{
    static const char *const NAMES[] = {"C3", "C2", "C1", "B3", "B2", "B1", "A3", "A2", "A1"};
    static const char *const OWN[] = {"c", "b", "b", "B", "A", "A"};
    struct playbook *playbook = load(FIT);
    const struct measure *grade = find(playbook, "grade"), *named = find(playbook, "named");
    cr_expect_eq(grade->kind, MEASURE_GRADE);
    cr_expect_eq(grade->unit, UNIT_VALUE);
    cr_expect_eq(grade->scope, SCOPE_USER);
    cr_expect_eq(grade->rows.measure, measure_at(playbook, "fit.best"));
    cr_expect_eq(grade->columns.measure, measure_at(playbook, "heat"));
    cr_assert_eq(grade->rows.n, 2);
    cr_assert_eq(grade->columns.n, 2);
    cr_expect_eq(grade->rows.at_least_milli[1], 80000);
    cr_expect_eq(grade->columns.at_least_milli[0], 40000);
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
        cr_expect_str_eq(grade->names[i], NAMES[i]);
    cr_assert_eq(named->rows.n, 1);
    for (size_t i = 0; i < ARRAY_LEN(OWN); i++)
        cr_expect_str_eq(named->names[i], OWN[i]);
    playbook_destroy(playbook);
}

// ---- Meaning ----

// A playbook with `from` replaced by `to`.
static struct playbook *load_changed(const char *text, const char *from, const char *to)
{
    struct buf changed = {0};
    const char *at = strstr(text, from);
    cr_assert_not_null(at, "%s", from);
    buf_append(&changed, text, (size_t)(at - text));
    buf_append_text(&changed, to);
    buf_append_text(&changed, at + strlen(from));
    buf_append_u8(&changed, 0);
    struct playbook *playbook = load((const char *)changed.bytes);
    buf_deinit(&changed);
    return playbook;
}

static uint64_t meaning_of(const struct playbook *playbook, const char *name)
{
    int32_t signal = playbook_signal(playbook, span_of(name));
    return signal != PLAYBOOK_NONE ? playbook->signals[signal].meaning
                                   : find(playbook, name)->meaning;
}

Test(playbook_measures, means_something_else_when_a_part_does)
{
    static const struct {
        const char *text, *from, *to;
        const char *name; // whose meaning is looked at
        bool changes;
    } CHANGES[] = {
        {RULES, "points: 10", "points: 11", "intent", true},
        {RULES, "per_day: 2", "per_day: 3", "intent", true},
        {RULES, "once: true", "once: false", "intent", true},
        {RULES, "at_most: 40", "at_most: 41", "intent", true},
        {RULES, "cap_per_event: 50", "cap_per_event: 51", "intent", true},
        {RULES, "fades_over: 30d", "fades_over: 31d", "intent", true},
        {RULES, "fades_over: 30d", "half_life: 30d", "intent", true},
        {RULES, "at_least: 0", "at_least: 1", "intent", true},
        {RULES, "at_most: 100", "at_most: 101", "intent", true},
        {RULES, "at_most: 100\n", "", "intent", true},
        {RULES, "per: account", "per: user", "intent", true},
        {RULES, "{user.role: admin}", "{user.role: owner}", "intent", true},
        {RULES, "at_least: 0\n", "at_least: 0\n    bands: {Low: 0}\n", "intent", false},
        {RULES, "[Ticket, Bug]", "[Bug, Ticket]", "intent", false},
        {RULES, "fades_over: 30d", "fades_over: 720h", "intent", false},
        {WEIGHTS, "heat: 1, days", "heat: 2, days", "hot", true},
        {WEIGHTS, "{A: 5}", "{A: 6}", "hot", true},
        {WEIGHTS, "at_least: 5", "at_least: 6", "hot", true},
        {WEIGHTS, "at_least: 5", "at_least: 6", "cool", false},
        {WEIGHTS, "Low: 0", "Cold: 1", "cool", false},
        {WEIGHTS, "heat: 1, days: 0.5", "days: 0.5, heat: 1", "hot", false},
        {FIT, "weight: 2", "weight: 3", "mid", true},
        {FIT, "[saas, media]", "[saas]", "mid", true},
        {FIT, "at_least: 60", "at_least: 61", "mid", true},
        {FIT, "at_least: 60", "at_least: 61", "fit.midmarket", false},
        {FIT, "[saas, media]", "[saas]", "start", false},
        {FIT, "[XX]", "[YY]", "start", true},
        {FIT, "[XX]", "[YY]", "out", true},
        {FIT, "[XX]", "[YY]", "top", true},
        {FIT, "fit: [50, 80]", "fit: [50, 81]", "top", true},
        {FIT, "at_least: [40, 100]", "at_least: [40, 101]", "top", true},
        {FIT, "at_least: [40, 100]}",
         "at_least: [40, 100], names: [[C3, C2, C1], [B3, B2, B1], "
         "[A3, A1, A2]]}",
         "grade", true},
        {FIT, "at_least: [40, 100]}",
         "at_least: [40, 100], names: [[C3, C2, C1], [B3, B2, B1], "
         "[A3, A2, A1]]}",
         "grade", false},
        {FIT, "startup: {all", "young: {all", "top", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(CHANGES); i++) {
        bool renamed = strstr(CHANGES[i].from, "startup") != NULL;
        struct buf text = {0};
        // The condition on it goes along.
        const char *fit = renamed ? strstr(CHANGES[i].text, "{fit: startup}") : NULL;
        buf_append_text(&text, CHANGES[i].text);
        if (fit != NULL)
            memcpy(text.bytes + (fit - CHANGES[i].text), "{fit: buyer  }", 14);
        buf_append_u8(&text, 0);
        struct playbook *before = load((const char *)text.bytes);
        struct playbook *after =
            load_changed((const char *)text.bytes, CHANGES[i].from, CHANGES[i].to);
        bool changed = meaning_of(before, CHANGES[i].name) != meaning_of(after, CHANGES[i].name);
        cr_expect_eq(changed, CHANGES[i].changes, "%s -> %s", CHANGES[i].from, CHANGES[i].to);
        playbook_destroy(before);
        playbook_destroy(after);
        buf_deinit(&text);
    }
}

Test(playbook_measures, tells_measures_apart)
{
    // Each next to one that is nearly it.
    static const char *const APART[][2] = {
        {"{count: Up, after: X, within: 2d}", "{count: Up, after: X, within: 2d, from: last}"},
        {"{count: Up, after: last X, within: 2d}", "{count: Up, after: X, within: 2d, from: last}"},
        {"{count: Up, after: X, from: last}", "{count: Up, after: X, within: 2d, from: last}"},
        {"{count: Up, resets_on: X}", "{count: Up, resets_on: Y}"},
        {"{count: Up, resets_on: X}", "{count: Up}"},
        {"{sequence: [A, B], within: 1d}", "{sequence: [B, A], within: 1d}"},
        {"{sequence: [A, B], within: 1d}", "{sequence: [A, B], within: 2d}"},
        {"{time_spent: any}", "{time_spent: any, idle: 31m}"},
        {"{since: any}", "{last: any}"},
        {"{since: {signal: ready}}", "{since: {signal: rich}}"},
        {"{since: {signal: rich}}", "{since: {stage: customer}}"},
        {"{first: properties.x, on: A}", "{last: properties.x, on: A}"},
        {"{max: properties.x, on: A}", "{min: properties.x, on: A}"},
        {"{average: properties.x, on: A}", "{sum: properties.x, on: A}"},
        {"{day_streak: any}", "{week_streak: any}"},
        {"{count: A, window: 1w}", "{count: A, window: week}"},
        {"{active_weeks: any, window: 4w}", "{active_weeks: any, window: 5w}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(APART); i++) {
        struct playbook *a = load_measure_m(APART[i][0]), *b = load_measure_m(APART[i][1]);
        cr_expect_neq(a->measures[0].meaning, b->measures[0].meaning, "%s", APART[i][0]);
        playbook_destroy(a);
        playbook_destroy(b);
    }
}

Test(playbook_measures, keeps_more_for_a_look_back)
{
    static const char TEXT[] = HEAD "measures:\n"
                                    "  m: {count: A, window: 7d}\n"
                                    "signals:\n"
                                    "  s: {m: {at_least: 5}}\n";
    struct playbook *plain = load(TEXT);
    struct playbook *grown = load_changed(TEXT, "{at_least: 5}", "{grew_by: 5, over: 14d}");
    cr_expect_eq(plain->measures[0].lag, 0);
    cr_expect_eq(grown->measures[0].lag, 14);
    cr_expect_str_eq(plain->measures[0].canonical, "count[A] user 7d");
    cr_expect_str_eq(grown->measures[0].canonical, "count[A] user 7d lag 14");
    cr_expect_str_eq(grown->signals[0].canonical, "user: [count[A] user 7d] grew over 14 by 5");
    // Other signals that look at the measure stay what they are.
    struct playbook *both = load_changed(TEXT, "{m: {at_least: 5}}",
                                         "{m: {at_least: 5}}\n  t: {m: {grew_by: 5, over: 14d}}");
    cr_expect_eq(both->measures[0].lag, 14);
    cr_expect_neq(both->measures[0].meaning, plain->measures[0].meaning);
    cr_expect_eq(both->signals[0].meaning, plain->signals[0].meaning);
    playbook_destroy(plain);
    playbook_destroy(grown);
    playbook_destroy(both);
}

// ---- Bounds ----

// Scores upon scores double with each: so many are refused, and at once.
Test(playbook_measures, bounds_scores_that_are_woven_together)
{
    for (int n = 14; n <= 200; n += n == 14 ? 1 : 185) {
        struct buf text = {0}, report = {0};
        struct playbook *playbook = NULL;
        buf_append_text(&text, HEAD "scores:\n"
                                    "  s0: {points: {A: 1}, half_life: 1d}\n"
                                    "  s1: {points: {B: 1}, half_life: 1d}\n");
        for (int i = 2; i < n; i++)
            buf_printf(&text, "  s%d: {weights: {s%d: 1, s%d: 1}}\n", i, i - 1, i - 2);
        buf_printf(&text,
                   "signals:\n  x: {s%d: {at_least: 1}}\nqualify:\n  pql: x\n"
                   "marketing: {events: [Ad Clicked]}\n",
                   n - 1);
        enum err err = playbook_load("p.yaml", buf_span(&text), &playbook, &report);
        buf_append_u8(&report, 0);
        cr_expect_eq(err, n > 14 ? ERR_INVALID : ERR_OK, "%s", (const char *)report.bytes);
        const char *told =
            strstr((const char *)report.bytes,
                   "p.yaml:18:3: $.scores: the score \"s14\" has too many parts, with all parts of "
                   "its parts (1000 at most)\n");
        cr_expect_eq(told != NULL, n > 14, "%s", (const char *)report.bytes);
        if (n == 14)
            cr_expect_eq(playbook->dispatch[playbook_event(playbook, span_of("A"))].n_user_measures,
                         13);
        playbook_destroy(playbook);
        buf_deinit(&text);
        buf_deinit(&report);
    }
}

Test(playbook_measures, has_room_for_a_bounded_number_of_parts)
{
    for (int over = 0; over < 2; over++) {
        struct buf text = {0}, report = {0};
        struct playbook *playbook = NULL;
        buf_append_text(&text, HEAD "scores:\n");
        // Each is a measure and five parts: 42 of them are 252.
        for (int i = 0; i < 42 + over; i++)
            buf_printf(&text, "  s%d: {points: {A: 1, B: 1, C: 1, D: 1, E: 1}}\n", i);
        enum err err = playbook_load("p.yaml", buf_span(&text), &playbook, &report);
        buf_append_u8(&report, 0);
        cr_expect_eq(err, over ? ERR_INVALID : ERR_OK, "%s", (const char *)report.bytes);
        const char *told =
            strstr((const char *)report.bytes, "too many measures and scores (256 at most)");
        cr_expect_eq(told != NULL, over);
        cr_expect_null(told == NULL ? NULL : strstr(told + 1, "too many measures"));
        playbook_destroy(playbook);
        buf_deinit(&text);
        buf_deinit(&report);
    }
}
