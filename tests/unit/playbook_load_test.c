// SPDX-License-Identifier: Apache-2.0
// links: playbook config base
// What is written in a playbook against what the cores see of it.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/hash.h"
#include "common/base/time_text.h"
#include "services/playbook/load.h"

#define HEAD "playbook: p\nversion: 7\n"

static struct playbook *load(const char *text)
{
    struct buf report = {0};
    struct playbook *playbook = NULL;
    enum err err = playbook_load("p.yaml", span_of(text), &playbook, &report);
    cr_assert_eq(err, ERR_OK, SPAN_FMT, SPAN_ARG(buf_span(&report)));
    buf_deinit(&report);
    return playbook;
}

static const struct measure *measure(const struct playbook *playbook, const char *name)
{
    for (int32_t i = 0; i < playbook->n_measures; i++) {
        if (strcmp(playbook->measures[i].name, name) == 0)
            return &playbook->measures[i];
    }
    cr_assert_fail("no measure %s", name);
    return NULL;
}

static const struct signal *signal_of(const struct playbook *playbook, const char *name)
{
    int32_t at = playbook_signal(playbook, span_of(name));
    cr_assert_neq(at, PLAYBOOK_NONE, "no signal %s", name);
    return &playbook->signals[at];
}

static const struct condition *condition_of(const struct playbook *playbook, const char *name)
{
    return &playbook->conditions[signal_of(playbook, name)->condition];
}

static const char *event_name(const struct playbook *playbook, int32_t event)
{
    cr_assert(event >= 0 && event < playbook->n_events);
    return playbook->events[event];
}

Test(playbook_load, keeps_name_version_text_and_digest)
{
    static const char TEXT[] = HEAD "signals:\n  s: always\nqualify:\n  pqa: s\n";
    struct playbook *playbook = load(TEXT);
    cr_expect_str_eq(playbook->name, "p");
    cr_expect_eq(playbook->version, 7);
    cr_expect_str_eq(playbook->label, "p@7");
    cr_expect_str_eq(playbook->file, "p.yaml");
    cr_expect(span_is(playbook->text, TEXT));
    cr_expect_eq(playbook->digest, hash64(span_of(TEXT)));
    cr_expect_eq(condition_of(playbook, "s")->kind, CONDITION_ALWAYS);
    cr_expect_null(playbook->active_events);
    playbook_destroy(playbook);
}

Test(playbook_load, reads_every_function_of_a_measure)
{
    struct playbook *playbook =
        load(HEAD "measures:\n"
                  "  c: {count: [B, A]}\n"
                  "  d: {active_days: any, per: account}\n"
                  "  f: {first: A}\n"
                  "  l: {last: any, per: account}\n"
                  "  s: {sum: properties.size.bytes, on: Up, per: account}\n"
                  "  u: {distinct: user}\n"
                  "  v: {distinct: properties.area, on: [A, Up]}\n"
                  "  w: {users_with: admin}\n"
                  "  e: {users_with: admin, ever: true, per: account}\n"
                  "  q: {count: \"any\"}\n"
                  "signals:\n"
                  "  admin: {user.role: admin}\n");
    const struct measure *c = measure(playbook, "c");
    cr_expect_eq(c->kind, MEASURE_COUNT);
    cr_expect_eq(c->scope, SCOPE_USER);
    cr_expect_eq(c->n_events, 2);
    cr_expect_str_eq(event_name(playbook, c->events[0]), "B");
    cr_expect_str_eq(event_name(playbook, c->events[1]), "A");
    cr_expect_eq(c->window, WINDOW_LIFETIME);
    cr_expect_eq(c->where, PLAYBOOK_NONE);
    cr_expect_eq(c->line, 4u);
    const struct measure *d = measure(playbook, "d");
    cr_expect_eq(d->kind, MEASURE_ACTIVE_DAYS);
    cr_expect_eq(d->scope, SCOPE_ACCOUNT);
    cr_expect_null(d->events);
    cr_expect_eq(measure(playbook, "f")->kind, MEASURE_FIRST);
    cr_expect_eq(measure(playbook, "l")->kind, MEASURE_LAST);
    cr_expect_eq(measure(playbook, "l")->scope, SCOPE_ACCOUNT);
    const struct measure *s = measure(playbook, "s");
    cr_expect_eq(s->kind, MEASURE_SUM);
    cr_expect_str_eq(s->key, "size.bytes");
    cr_expect_str_eq(event_name(playbook, s->events[0]), "Up");
    const struct measure *u = measure(playbook, "u");
    cr_expect_eq(u->kind, MEASURE_DISTINCT_USERS);
    cr_expect_eq(u->scope, SCOPE_ACCOUNT);
    cr_expect_null(u->events);
    const struct measure *v = measure(playbook, "v");
    cr_expect_eq(v->kind, MEASURE_DISTINCT_VALUES);
    cr_expect_eq(v->scope, SCOPE_USER);
    cr_expect_str_eq(v->key, "area");
    cr_expect_eq(v->n_events, 2);
    const struct measure *w = measure(playbook, "w"), *e = measure(playbook, "e");
    cr_expect_eq(w->kind, MEASURE_USERS_WITH);
    cr_expect_eq(w->scope, SCOPE_ACCOUNT);
    cr_expect_not(w->ever);
    cr_expect(e->ever);
    cr_expect_str_eq(playbook->signals[e->signal].name, "admin");
    // In quotes it is an event of that name.
    cr_expect_eq(measure(playbook, "q")->n_events, 1);
    cr_expect_str_eq(event_name(playbook, measure(playbook, "q")->events[0]), "any");
    playbook_destroy(playbook);
}

Test(playbook_load, reads_every_window)
{
    static const struct {
        const char *text;
        enum window_kind kind;
        int32_t n;
    } WINDOWS[] = {
        {"1d", WINDOW_DAYS, 1},
        {"400d", WINDOW_DAYS, 400},
        {"1h", WINDOW_HOURS, 1},
        {"72h", WINDOW_HOURS, 72},
        {"day", WINDOW_CALENDAR_DAY, 0},
        {"week", WINDOW_CALENDAR_WEEK, 0},
        {"month", WINDOW_CALENDAR_MONTH, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(WINDOWS); i++) {
        struct buf text = {0};
        buf_printf(&text, HEAD "measures:\n  m: {count: A, window: %s}\n", WINDOWS[i].text);
        buf_append_u8(&text, 0);
        struct playbook *playbook = load((const char *)text.bytes);
        cr_expect_eq(playbook->measures[0].window, WINDOWS[i].kind, "%s", WINDOWS[i].text);
        cr_expect_eq(playbook->measures[0].window_n, WINDOWS[i].n, "%s", WINDOWS[i].text);
        playbook_destroy(playbook);
        buf_deinit(&text);
    }
    struct playbook *playbook =
        load(HEAD "measures:\n  m: {count: A, after: Trial Started, within: 48h}\n");
    cr_expect_eq(playbook->measures[0].window, WINDOW_ANCHORED);
    cr_expect_eq(playbook->measures[0].within_ms, 48 * (int64_t)TIME_HOUR_MS);
    cr_expect_str_eq(event_name(playbook, playbook->measures[0].anchor), "Trial Started");
    playbook_destroy(playbook);
}

Test(playbook_load, reads_a_score)
{
    struct playbook *playbook = load(
        HEAD
        "scores:\n  heat: {points: {A: 5, B: -0.125, C: 100000}, half_life: 30d, per: account}\n");
    const struct measure *heat = measure(playbook, "heat");
    cr_expect_eq(heat->kind, MEASURE_SCORE);
    cr_expect_eq(heat->scope, SCOPE_ACCOUNT);
    cr_expect_eq(heat->half_life_ms, 30 * (int64_t)TIME_DAY_MS);
    cr_assert_eq(heat->n_points, 3);
    cr_expect_eq(heat->points[0].milli, 5000);
    cr_expect_eq(heat->points[1].milli, -125);
    cr_expect_eq(heat->points[2].milli, 100000000);
    cr_expect_str_eq(event_name(playbook, heat->points[1].event), "B");
    playbook_destroy(playbook);
}

struct expected_test {
    const char *written;
    enum operand_kind operand;
    const char *key;
    enum test_kind test;
    int64_t low_milli, high_milli;
    int32_t n_values;
    const char *text;
    const char *threshold;
};

static const struct expected_test TESTS[] = {
    {"m: {at_least: 3}", OPERAND_MEASURE, "", TEST_AT_LEAST, 3000, 0, 0, "m at_least 3", "3"},
    {"m: {at_most: 0.5}", OPERAND_MEASURE, "", TEST_AT_MOST, 500, 0, 0, "m at_most 0.5", "0.5"},
    {"m: {above: -1.25}", OPERAND_MEASURE, "", TEST_ABOVE, -1250, 0, 0, "m above -1.25", "-1.25"},
    {"m: {below: 1000000000000000}", OPERAND_MEASURE, "", TEST_BELOW, INT64_C(1000000000000000000),
     0, 0, "m below 1000000000000000", "1000000000000000"},
    {"m: {between: [0.001, 2.10]}", OPERAND_MEASURE, "", TEST_BETWEEN, 1, 2100, 0,
     "m between [0.001, 2.1]", "[0.001, 2.1]"},
    {"m: 3", OPERAND_MEASURE, "", TEST_IS, 3000, 0, 1, "m is 3", "3"},
    {"m: {in: [1, 2]}", OPERAND_MEASURE, "", TEST_IN, 2000, 0, 2, "m in [1, 2]", "[1, 2]"},
    {"l: {within: 7d}", OPERAND_MEASURE, "", TEST_WITHIN, 7 * (int64_t)TIME_DAY_MS, 0, 0,
     "l within 7d", "7d"},
    {"l: {exists: false}", OPERAND_MEASURE, "", TEST_EXISTS, 0, 0, 0, "l exists false", "false"},
    {"account.plan: free", OPERAND_ACCOUNT_TRAIT, "plan", TEST_IS, 0, 0, 1, "account.plan is free",
     "free"},
    {"account.billing.seats: {at_least: 5}", OPERAND_ACCOUNT_TRAIT, "billing.seats", TEST_AT_LEAST,
     5000, 0, 0, "account.billing.seats at_least 5", "5"},
    {"user.bot: true", OPERAND_USER_TRAIT, "bot", TEST_IS, 0, 0, 1, "user.bot is true", "true"},
    {"user.bot: \"true\"", OPERAND_USER_TRAIT, "bot", TEST_IS, 0, 0, 1, "user.bot is \"true\"",
     "\"true\""},
    {"user.zip: \"01234\"", OPERAND_USER_TRAIT, "zip", TEST_IS, 0, 0, 1, "user.zip is \"01234\"",
     "\"01234\""},
    {"user.email: {contains: \"@x.io\"}", OPERAND_USER_TRAIT, "email", TEST_CONTAINS, 0, 0, 1,
     "user.email contains @x.io", "@x.io"},
    {"account.industry: {in: [saas, \"a, b\"]}", OPERAND_ACCOUNT_TRAIT, "industry", TEST_IN, 0, 0,
     2, "account.industry in [saas, \"a, b\"]", "[saas, \"a, b\"]"},
    {"account.plan: \"\"", OPERAND_ACCOUNT_TRAIT, "plan", TEST_IS, 0, 0, 1, "account.plan is \"\"",
     "\"\""},
};

Test(playbook_load, reads_every_test)
{
    for (size_t i = 0; i < ARRAY_LEN(TESTS); i++) {
        const struct expected_test *t = &TESTS[i];
        struct buf text = {0};
        buf_printf(&text,
                   HEAD "measures:\n  m: {count: A}\n  l: {last: any}\nsignals:\n  s:\n    %s\n",
                   t->written);
        buf_append_u8(&text, 0);
        struct playbook *playbook = load((const char *)text.bytes);
        const struct condition *c = condition_of(playbook, "s");
        cr_expect_eq(c->kind, CONDITION_TEST, "%s", t->written);
        cr_expect_eq(c->operand, t->operand, "%s", t->written);
        cr_expect_str_eq(c->key, t->key);
        cr_expect_eq(c->test, t->test, "%s", t->written);
        cr_expect_eq(c->low_milli, t->low_milli, "%s", t->written);
        cr_expect_eq(c->high_milli, t->high_milli, "%s", t->written);
        cr_expect_eq(c->n_values, t->n_values, "%s", t->written);
        cr_expect_str_eq(c->text, t->text);
        cr_expect_str_eq(c->threshold, t->threshold);
        cr_expect_eq(c->line, 8u);
        playbook_destroy(playbook);
        buf_deinit(&text);
    }
}

Test(playbook_load, gives_values_their_type)
{
    struct playbook *playbook =
        load(HEAD "signals:\n  s: {account.x: {in: [5, -2.5, true, text, \"5\", 1.2.3, yes]}}\n");
    const struct condition *c = condition_of(playbook, "s");
    cr_assert_eq(c->n_values, 7);
    cr_expect_eq(c->values[0].type, VALUE_INTEGER);
    cr_expect_eq(c->values[0].integer, 5);
    cr_expect_eq(c->values[1].type, VALUE_NUMBER);
    cr_expect_float_eq(c->values[1].number, -2.5, 0.0);
    cr_expect_eq(c->values[2].type, VALUE_FLAG);
    cr_expect(c->values[2].flag);
    for (int i = 3; i < 7; i++)
        cr_expect_eq(c->values[i].type, VALUE_TEXT, "%d", i);
    cr_expect(span_is(c->values[4].text, "5"));
    playbook_destroy(playbook);
}

Test(playbook_load, reads_groups)
{
    struct playbook *playbook =
        load(HEAD "measures:\n"
                  "  m: {count: A}\n"
                  "signals:\n"
                  "  base: {user.a: 1}\n"
                  "  list: [{m: {at_least: 1}}, base]\n"
                  "  tree: {any: [{not: list}, {all: [base, {user.b: 2}]}]}\n"
                  "  two: {m: {at_least: 1, below: 5}}\n"
                  "  single: {all: [{user.c: 3}]}\n");
    const struct condition *list = condition_of(playbook, "list");
    cr_expect_eq(list->kind, CONDITION_ALL);
    cr_assert_eq(list->n_children, 2);
    const struct condition *second = &playbook->conditions[list->children[1]];
    cr_expect_eq(second->kind, CONDITION_SIGNAL);
    cr_expect_eq(second->signal, playbook_signal(playbook, span_of("base")));
    cr_expect_str_eq(second->text, "base");
    const struct condition *tree = condition_of(playbook, "tree");
    cr_expect_eq(tree->kind, CONDITION_ANY);
    cr_expect_str_eq(tree->text, "any");
    const struct condition *not = &playbook->conditions[tree->children[0]];
    cr_expect_eq(not ->kind, CONDITION_NOT);
    cr_expect_eq(not ->n_children, 1);
    cr_expect_eq(playbook->conditions[tree->children[1]].kind, CONDITION_ALL);
    // Several tests of one operand must all hold.
    const struct condition *two = condition_of(playbook, "two");
    cr_expect_eq(two->kind, CONDITION_ALL);
    cr_assert_eq(two->n_children, 2);
    cr_expect_str_eq(playbook->conditions[two->children[1]].text, "m below 5");
    // A group of one is that one.
    cr_expect_str_eq(condition_of(playbook, "single")->text, "user.c is 3");
    playbook_destroy(playbook);
}

Test(playbook_load, reads_conditions_on_events)
{
    struct playbook *playbook = load(HEAD "exclude:\n"
                                          "  - context.user_agent: {contains: bot}\n"
                                          "  - all: [{user.bot: true}, {properties.test: true}]\n"
                                          "measures:\n"
                                          "  m:\n"
                                          "    count: A\n"
                                          "    where:\n"
                                          "      - properties.plan: trial\n"
                                          "      - context.page.site_path: {contains: /pricing}\n"
                                          "      - context.userAgent: {exists: true}\n");
    cr_assert_eq(playbook->n_exclude, 2);
    const struct condition *agent = &playbook->conditions[playbook->exclude[0]];
    cr_expect_eq(agent->operand, OPERAND_CONTEXT);
    cr_expect_str_eq(agent->key, "userAgent");
    cr_expect_str_eq(agent->text, "context.user_agent contains bot");
    cr_expect_eq(agent->leaf, PLAYBOOK_NONE);
    cr_expect_eq(playbook->conditions[playbook->exclude[1]].kind, CONDITION_ALL);
    const struct condition *where = &playbook->conditions[playbook->measures[0].where];
    cr_assert_eq(where->n_children, 3);
    cr_expect_eq(playbook->conditions[where->children[0]].operand, OPERAND_PROPERTY);
    cr_expect_str_eq(playbook->conditions[where->children[1]].key, "page.sitePath");
    cr_expect_str_eq(playbook->conditions[where->children[2]].key, "userAgent");
    cr_expect_eq(playbook->n_leaves[SCOPE_USER] + playbook->n_leaves[SCOPE_ACCOUNT], 0);
    playbook_destroy(playbook);
}

Test(playbook_load, makes_signals_of_tests_that_stand_in_a_route)
{
    struct playbook *playbook =
        load(HEAD "measures:\n"
                  "  m: {count: A}\n"
                  "signals:\n"
                  "  rich: {account.plan: paid}\n"
                  "segments:\n"
                  "  big: {account.employees: {above: 1000}}\n"
                  "qualify:\n"
                  "  pal: {m: {at_least: 1}}\n"
                  "  pql: {all: [{m: {at_least: 1, below: 9}}, rich]}\n"
                  "route:\n"
                  "  - {when: [{segment: big}, {not: {any: [rich, {user.a: 1}]}}],"
                  " motion: hold_out}\n"
                  "  - {when: {not: {user.a: 1}}, motion: suppress}\n"
                  "  - {motion: suppress}\n");
    // A test in a definition stands in its signal; one in a rule is a signal, the same one twice.
    cr_expect_eq(playbook->n_signals, 5);
    const struct signal *implied = signal_of(playbook, "when.user.a is 1");
    cr_expect_eq(implied->origin, SIGNAL_IMPLIED);
    cr_expect_eq(implied->scope, SCOPE_USER);
    cr_expect_eq(playbook->conditions[playbook->pal].kind, CONDITION_SIGNAL);
    cr_expect_eq(&playbook->signals[playbook->conditions[playbook->pal].signal],
                 signal_of(playbook, "qualify.pal"));
    cr_expect_str_eq(condition_of(playbook, "qualify.pal")->text, "m at_least 1");
    cr_expect_eq(signal_of(playbook, "segment.big")->origin, SIGNAL_SEGMENT);
    cr_expect_eq(signal_of(playbook, "rich")->origin, SIGNAL_DECLARED);
    cr_expect_eq(playbook->pqa, PLAYBOOK_NONE);
    cr_assert_eq(playbook->n_routes, 3);
    cr_expect_str_eq(playbook->routes[0].text, "segment.big and not (rich or user.a is 1)");
    cr_expect_eq(playbook->routes[0].motion, MOTION_HOLD_OUT);
    cr_expect_eq(playbook->routes[0].queue, PLAYBOOK_NONE);
    cr_expect_str_eq(playbook->routes[2].text, "always");
    // The router sees signals only.
    const struct condition *rule = &playbook->conditions[playbook->routes[0].when];
    cr_assert_eq(rule->n_children, 2);
    const struct condition *any =
        &playbook->conditions[playbook->conditions[rule->children[1]].children[0]];
    cr_assert_eq(any->n_children, 2);
    for (int i = 0; i < 2; i++)
        cr_expect_eq(playbook->conditions[any->children[i]].kind, CONDITION_SIGNAL);
    playbook_destroy(playbook);
}

Test(playbook_load, gives_routes_their_queue)
{
    struct playbook *playbook =
        load(HEAD "queues:\n"
                  "  sales: {lease: 5m}\n"
                  "  success:\n"
                  "  enterprise: {attempts: 2}\n"
                  "route:\n"
                  "  - {when: {account.a: 1}, motion: success}\n"
                  "  - {when: {account.a: 2}, motion: sales, priority: 1000}\n"
                  "  - {when: {account.a: 3}, motion: sales, queue: enterprise}\n"
                  "  - {when: always, motion: self_serve}\n");
    static const struct {
        const char *queue;
        enum motion motion;
        int32_t priority;
    } ROUTES[] = {
        {"success", MOTION_SUCCESS, 0},
        {"sales", MOTION_SALES, 1000},
        {"enterprise", MOTION_SALES, 0},
        {"self_serve", MOTION_SELF_SERVE, 0},
    };
    static const struct lead_queue QUEUES[] = {
        {"sales", 5 * TIME_MINUTE_MS, 5, false, PLAYBOOK_NONE},
        {"self_serve", 15 * TIME_MINUTE_MS, 5, false, PLAYBOOK_NONE},
        {"success", 15 * TIME_MINUTE_MS, 5, false, PLAYBOOK_NONE},
        {"enterprise", 15 * TIME_MINUTE_MS, 2, false, PLAYBOOK_NONE},
    };
    cr_assert_eq(playbook->n_routes, 4);
    for (size_t i = 0; i < ARRAY_LEN(ROUTES); i++) {
        cr_expect_str_eq(playbook->queues[playbook->routes[i].queue].name, ROUTES[i].queue);
        cr_expect_eq(playbook->routes[i].motion, ROUTES[i].motion);
        cr_expect_eq(playbook->routes[i].priority, ROUTES[i].priority);
    }
    cr_assert_eq(playbook->n_queues, 4);
    for (size_t i = 0; i < ARRAY_LEN(QUEUES); i++) {
        cr_expect_str_eq(playbook->queues[i].name, QUEUES[i].name);
        cr_expect_eq(playbook->queues[i].lease_ms, QUEUES[i].lease_ms);
        cr_expect_eq(playbook->queues[i].attempts_max, QUEUES[i].attempts_max);
    }
    playbook_destroy(playbook);
}

Test(playbook_load, sends_everything_to_self_serve_without_routes)
{
    struct playbook *playbook = load(HEAD);
    cr_assert_eq(playbook->n_routes, 1);
    cr_expect_eq(playbook->conditions[playbook->routes[0].when].kind, CONDITION_ALWAYS);
    cr_expect_eq(playbook->routes[0].motion, MOTION_SELF_SERVE);
    cr_expect_str_eq(playbook->queues[playbook->routes[0].queue].name, "self_serve");
    cr_expect_eq(playbook->pal, PLAYBOOK_NONE);
    cr_expect_eq(playbook->pql, PLAYBOOK_NONE);
    playbook_destroy(playbook);
}

Test(playbook_load, lists_active_events)
{
    struct playbook *playbook =
        load(HEAD "active: [Report Run, Project Created]\nmeasures:\n  m: {active_days: any}\n");
    cr_assert_eq(playbook->n_active_events, 2);
    cr_expect_str_eq(event_name(playbook, playbook->active_events[0]), "Report Run");
    cr_expect_null(playbook->measures[0].events);
    playbook_destroy(playbook);
}

// ---- Files ----

static struct playbook *load_example(const char *name)
{
    struct buf report = {0};
    struct playbook *playbook = NULL;
    char path[512];
    snprintf(path, sizeof path, TEST_SOURCE_DIR "/deploy/playbooks/%s", name);
    cr_assert_eq(playbook_load_file(path, &playbook, &report), ERR_OK, SPAN_FMT,
                 SPAN_ARG(buf_span(&report)));
    // The examples are without a warning too.
    cr_expect_eq(report.len, 0u, SPAN_FMT, SPAN_ARG(buf_span(&report)));
    buf_deinit(&report);
    return playbook;
}

Test(playbook_load, reads_the_examples)
{
    struct playbook *history = load_example("git-history.yaml");
    cr_expect_str_eq(history->label, "git-history@1");
    cr_expect_eq(signal_of(history, "user_pql")->scope, SCOPE_USER);
    cr_expect_eq(signal_of(history, "account_pqa")->scope, SCOPE_ACCOUNT);
    cr_expect_eq(signal_of(history, "score")->scope, SCOPE_ACCOUNT);
    cr_expect_eq(history->n_signals, 5);
    playbook_destroy(history);
    struct playbook *tool = load_example("project-tool.yaml");
    cr_expect_eq(tool->n_exclude, 2);
    cr_expect_eq(tool->n_routes, 5);
    cr_expect_neq(tool->pql, PLAYBOOK_NONE);
    cr_expect_neq(tool->pqa, PLAYBOOK_NONE);
    playbook_destroy(tool);
    struct playbook *routing = load_example("routing.yaml");
    cr_expect_eq(routing->n_teams, 2);
    cr_expect_eq(routing->n_zones, 3);
    cr_expect_eq(routing->n_organizations, 3);
    cr_expect_eq(routing->n_org_definitions, 1);
    cr_expect_eq(routing->n_prompts, 3);
    cr_expect_eq(routing->n_experiments, 1);
    playbook_destroy(routing);
    playbook_destroy(load_example("response-time.yaml"));
}

Test(playbook_load, says_why_a_file_cannot_be_read)
{
    struct buf report = {0};
    struct playbook *playbook = NULL;
    char dir[] = "/tmp/playbook-XXXXXX", path[64];
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/none.yaml", dir);
    cr_expect_eq(playbook_load_file(path, &playbook, &report), ERR_NOT_FOUND);
    cr_expect_null(playbook);
    cr_expect_gt(report.len, strlen(path));
    buf_clear(&report);
    cr_expect_eq(playbook_load_file(dir, &playbook, &report), ERR_IO);
    cr_expect_gt(report.len, strlen(dir));
    buf_deinit(&report);
    rmdir(dir);
}

// Whatever a file is cut to or changed to, it is a playbook or has a report, and nothing leaks.
static void damage(const char *name)
{
    struct playbook *whole = load_example(name);
    struct span text = whole->text;
    uint64_t seed = 1;
    size_t refused = 0;
    for (size_t i = 0; i < 600; i++) {
        struct buf damaged = {0}, report = {0};
        struct playbook *playbook = NULL;
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        size_t at = (size_t)(seed >> 33) % text.len;
        buf_append(&damaged, text.ptr, i % 2 == 0 ? at : text.len);
        if (i % 2 == 1)
            damaged.bytes[at] = (uint8_t) "{}[]:,-#\n \"a0\xff"[(seed >> 20) % 14];
        enum err err = playbook_load("p.yaml", buf_span(&damaged), &playbook, &report);
        cr_expect_eq(playbook != NULL, err == ERR_OK);
        cr_expect(err == ERR_OK || report.len > 0);
        refused += err != ERR_OK;
        playbook_destroy(playbook);
        buf_deinit(&damaged);
        buf_deinit(&report);
    }
    cr_expect_gt(refused, 100u);
    playbook_destroy(whole);
}

Test(playbook_load, survives_damage)
{
    damage("project-tool.yaml");
    damage("routing.yaml");
}
