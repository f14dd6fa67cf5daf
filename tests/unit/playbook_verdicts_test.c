// SPDX-License-Identifier: Apache-2.0
// links: playbook config base
// Conditions, signals with a memory, definitions, stages and marketing: what is written in a
// playbook against what the cores see of it.
#include <criterion/criterion.h>

#include "common/base/time_text.h"
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

static const struct signal *signal_of(const struct playbook *playbook, const char *name)
{
    int32_t at = playbook_signal(playbook, span_of(name));
    cr_assert_neq(at, PLAYBOOK_NONE, "no signal %s", name);
    return &playbook->signals[at];
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

// The tree as one line: "any(a at_least 1, not(all(b, c)))". Signals stand in brackets, what the
// loader added has a star.
static void write_tree(const struct playbook *playbook, int32_t at, struct buf *out)
{
    const struct condition *c = &playbook->conditions[at];
    static const char *const GROUPS[] = {
        [CONDITION_ALL] = "all", [CONDITION_ANY] = "any", [CONDITION_NOT] = "not"};
    buf_append_text(out, c->quiet ? "*" : "");
    switch (c->kind) {
    case CONDITION_TEST:
    case CONDITION_ALWAYS:
    case CONDITION_ROLL_UP:
        buf_append_text(out, c->text);
        return;
    case CONDITION_SIGNAL:
        buf_printf(out, "[%s]", playbook->signals[c->signal].name);
        return;
    case CONDITION_AT_LEAST_N:
        buf_printf(out, "%d of(", c->n_needed);
        break;
    case CONDITION_ALL:
    case CONDITION_ANY:
    case CONDITION_NOT:
        buf_printf(out, "%s(", GROUPS[c->kind]);
        break;
    }
    for (int32_t i = 0; i < c->n_children; i++) {
        buf_append_text(out, i > 0 ? ", " : "");
        write_tree(playbook, c->children[i], out);
    }
    buf_append_text(out, ")");
}

static void expect_tree(const struct playbook *playbook, int32_t at, const char *expected)
{
    struct buf out = {0};
    cr_assert_neq(at, PLAYBOOK_NONE, "%s", expected);
    write_tree(playbook, at, &out);
    cr_expect(span_is(buf_span(&out), expected), "expected\n%s\nfound\n" SPAN_FMT, expected,
              SPAN_ARG(buf_span(&out)));
    buf_deinit(&out);
}

static void expect_signal(const struct playbook *playbook, const char *name, const char *expected)
{
    expect_tree(playbook, signal_of(playbook, name)->condition, expected);
}

static const struct condition *condition_of(const struct playbook *playbook, const char *name)
{
    return &playbook->conditions[signal_of(playbook, name)->condition];
}

// ---- Conditions ----

Test(playbook_verdicts, reads_groups)
{
    struct playbook *playbook =
        load(HEAD "signals:\n"
                  "  a: {none: [{account.a: 1}, {account.b: 2}]}\n"
                  "  b: {none: [a]}\n"
                  "  c: {at_least_n_of: {n: 2, of: [a, b, {account.c: 3}]}}\n"
                  "route:\n"
                  "  - {when: {at_least_n_of: {n: 1, of: [a, {account.c: 3}]}}, motion: sales}\n"
                  "  - {when: {none: [a, b]}, motion: sales}\n"
                  "  - {motion: sales}\n");
    expect_signal(playbook, "a", "not(any(account.a is 1, account.b is 2))");
    cr_expect_str_eq(condition_of(playbook, "a")->text, "none");
    expect_signal(playbook, "b", "not([a])");
    expect_signal(playbook, "c", "2 of([a], [b], account.c is 3)");
    cr_expect_str_eq(condition_of(playbook, "c")->text, "at least 2 of");
    cr_expect_str_eq(playbook->routes[0].text, "at least 1 of (a, account.c is 3)");
    cr_expect_str_eq(playbook->routes[1].text, "not (a or b)");
    playbook_destroy(playbook);
}

struct expected_test {
    const char *written;
    enum test_kind test;
    int64_t low_milli, high_milli;
    const char *text, *threshold;
};

#define DAY ((int64_t)TIME_DAY_MS)

static const struct expected_test TESTS[] = {
    {"m: {at_least_percent: 80, of: account.limit}", TEST_AT_LEAST, 80000, 0,
     "m at_least 80 % of account.limit", "80 % of account.limit"},
    {"m: {at_most_percent: 12.5, of: n}", TEST_AT_MOST, 12500, 0, "m at_most 12.5 % of n",
     "12.5 % of n"},
    {"m: {above: account.seats}", TEST_ABOVE, 100000, 0, "m above account.seats", "account.seats"},
    {"account.used: {below: user.limit}", TEST_BELOW, 100000, 0, "account.used below user.limit",
     "user.limit"},
    {"m: {at_least: n}", TEST_AT_LEAST, 100000, 0, "m at_least n", "n"},
    {"w: {grew_to: 20, from_at_most: 5, over: 14d}", TEST_GREW, 0, 0,
     "w grew to 20 from at most 5 over 14d", "to 20 from at most 5 over 14d"},
    {"w: {over: 2w, grew_by: 15}", TEST_GREW, 0, 0, "w grew by 15 over 14d", "by 15 over 14d"},
    {"w: {ratio: 1.5, grew_by: -2, over: 1d}", TEST_GREW, 0, 0, "w grew by -2, 1.5 times over 1d",
     "by -2, 1.5 times over 1d"},
    {"h: {ratio: 2, over: 1d}", TEST_GREW, 0, 0, "h grew 2 times over 1d", "2 times over 1d"},
    {"idle: {at_least: 14d}", TEST_AT_LEAST, 14 * DAY, 0, "idle at_least 14d", "14d"},
    {"idle: {between: [12h, 2d]}", TEST_BETWEEN, DAY / 2, 2 * DAY, "idle between [12h, 2d]",
     "[12h, 2d]"},
    {"idle: {exists: true}", TEST_EXISTS, 0, 0, "idle exists true", "true"},
    {"account.ends: {is_past: false}", TEST_IS_PAST, 0, 0, "account.ends is_past false", "false"},
    {"ends: {is_past: true}", TEST_IS_PAST, 0, 0, "ends is_past true", "true"},
    {"ends: {contains: \"2026\"}", TEST_CONTAINS, 0, 0, "ends contains \"2026\"", "\"2026\""},
    {"ends: free", TEST_IS, 0, 0, "ends is free", "free"},
    {"ends: {at_least: 5}", TEST_AT_LEAST, 5000, 0, "ends at_least 5", "5"},
    {"top: {exists: false}", TEST_EXISTS, 0, 0, "top exists false", "false"},
    {"l: {later_than: f}", TEST_LATER_THAN, 0, 0, "l later_than f", "f"},
    {"heat: {band: Cold}", TEST_BETWEEN, -1000, 39999, "heat band Cold", "Cold"},
    {"heat: {band: Hot Now}", TEST_AT_LEAST, 80500, 0, "heat band Hot Now", "Hot Now"},
    {"grade: B2", TEST_IS, 0, 0, "grade is B2", "B2"},
    {"grade: {in: [A1, A2]}", TEST_IN, 0, 0, "grade in [A1, A2]", "[A1, A2]"},
    {"fit: mid", TEST_AT_LEAST, 60000, 0, "fit.mid at_least 60", "60"},
    {"fit: {below: 70}", TEST_BELOW, 70000, 0, "fit below 70", "70"},
};

static const char TEST_HEAD[] =
    HEAD "measures:\n"
         "  m: {count: A}\n"
         "  n: {count: B}\n"
         "  w: {count: A, window: 7d}\n"
         "  h: {count: A, window: 24h}\n"
         "  idle: {since: A}\n"
         "  ends: {last: properties.ends_at, on: Trial Started}\n"
         "  top: {max: properties.x, on: A}\n"
         "  f: {first: A}\n"
         "  l: {last: A}\n"
         "scores:\n"
         "  heat: {points: {A: 1}, half_life: 7d, bands: {Cold: -1, Warm: 40, Hot Now: 80.5}}\n"
         "fit:\n"
         "  mid: {criteria: [{when: {account.n: 1}}], at_least: 60}\n"
         "grades:\n"
         "  grade: {fit: [50], score: heat, at_least: [40]}\n"
         "signals:\n"
         "  s:\n    ";

Test(playbook_verdicts, reads_every_test)
{
    for (size_t i = 0; i < ARRAY_LEN(TESTS); i++) {
        const struct expected_test *t = &TESTS[i];
        struct buf text = {0};
        buf_printf(&text, "%s%s\n", TEST_HEAD, t->written);
        buf_append_u8(&text, 0);
        struct playbook *playbook = load((const char *)text.bytes);
        const struct condition *c = condition_of(playbook, "s");
        cr_expect_eq(c->kind, CONDITION_TEST, "%s", t->written);
        cr_expect_eq(c->test, t->test, "%s", t->written);
        cr_expect_eq(c->low_milli, t->low_milli, "%s: %lld", t->written, (long long)c->low_milli);
        cr_expect_eq(c->high_milli, t->high_milli, "%s: %lld", t->written,
                     (long long)c->high_milli);
        cr_expect_str_eq(c->text, t->text);
        cr_expect_str_eq(c->threshold, t->threshold);
        playbook_destroy(playbook);
        buf_deinit(&text);
    }
}

Test(playbook_verdicts, keeps_what_a_threshold_is_relative_to)
{
    struct playbook *playbook =
        load(HEAD "measures:\n"
                  "  m: {count: A, per: account}\n"
                  "  n: {count: B}\n"
                  "  k: {count: B, per: account}\n"
                  "signals:\n"
                  "  a: {m: {at_least_percent: 80, of: account.a.limit}}\n"
                  "  u: {m: {at_least_percent: 80, of: user.limit}}\n"
                  "  n_of_k: {m: {at_least_percent: 50, at_most_percent: 90, of: k}}\n"
                  "  of_user: {account.n: {below: n}}\n");
    const struct condition *a = condition_of(playbook, "a"), *u = condition_of(playbook, "u");
    cr_expect(a->of.set);
    cr_expect_eq(a->of.kind, OPERAND_ACCOUNT_TRAIT);
    cr_expect_str_eq(a->of.key, "a.limit");
    cr_expect_eq(signal_of(playbook, "a")->scope, SCOPE_ACCOUNT);
    cr_expect_eq(u->of.kind, OPERAND_USER_TRAIT);
    cr_expect_eq(signal_of(playbook, "u")->scope, SCOPE_USER);
    const struct condition *both = condition_of(playbook, "n_of_k");
    cr_assert_eq(both->n_children, 2);
    const struct condition *second = &playbook->conditions[both->children[1]];
    cr_expect_eq(second->of.kind, OPERAND_MEASURE);
    cr_expect_str_eq(playbook->measures[second->of.measure].name, "k");
    cr_expect_eq(signal_of(playbook, "n_of_k")->scope, SCOPE_ACCOUNT);
    cr_expect_eq(signal_of(playbook, "of_user")->scope, SCOPE_USER);
    playbook_destroy(playbook);
}

Test(playbook_verdicts, looks_back_as_far_as_growth_needs)
{
    struct playbook *playbook =
        load(HEAD "measures:\n"
                  "  d: {distinct: user, window: 14d}\n"
                  "  h: {count: A, window: 24h, per: account}\n"
                  "signals:\n"
                  "  a: {d: {grew_to: 20, from_at_most: 5, over: 14d, at_least: 3}}\n"
                  "  b: {d: {ratio: 2, over: 7d}}\n"
                  "  c: {h: {grew_by: 3, over: 2d}}\n");
    cr_expect_eq(measure(playbook, "d")->lag, 14);
    cr_expect_eq(measure(playbook, "h")->lag, 48);
    expect_signal(playbook, "a", "all(d grew to 20 from at most 5 over 14d, d at_least 3)");
    const struct condition *a = &playbook->conditions[condition_of(playbook, "a")->children[0]];
    cr_expect(a->growth.has_to && a->growth.has_from && !a->growth.has_by && !a->growth.has_ratio);
    cr_expect_eq(a->growth.to_milli, 20000);
    cr_expect_eq(a->growth.from_milli, 5000);
    cr_expect_eq(a->growth.lag, 14);
    const struct growth *b = &condition_of(playbook, "b")->growth;
    cr_expect(b->has_ratio && !b->has_to);
    cr_expect_eq(b->ratio_milli, 2000);
    cr_expect_eq(b->lag, 7);
    cr_expect_eq(condition_of(playbook, "c")->growth.lag, 48);
    playbook_destroy(playbook);
}

Test(playbook_verdicts, takes_thresholds_by_segment)
{
    struct playbook *playbook =
        load(HEAD "measures:\n"
                  "  m: {count: A}\n"
                  "segments:\n"
                  "  big: {account.n: {above: 1000}}\n"
                  "  mid: {account.n: {above: 50}}\n"
                  "signals:\n"
                  "  s: {m: {at_least: {mid: 4, default: 3, big: account.goal}}}\n"
                  "  t: {m: {between: {default: [1, 2], big: [3, 4]}, below: 9}}\n"
                  "  u: {m: {at_least: {default: 3}}}\n"
                  "  v: {m: {at_least_percent: {default: 80, big: 90}, of: account.limit}}\n");
    expect_signal(playbook, "s",
                  "any(all([segment.mid], m at_least 4), all(not([segment.mid]), "
                  "any(all([segment.big], m at_least account.goal), "
                  "all(not([segment.big]), m at_least 3))))");
    expect_signal(playbook, "t",
                  "all(any(all([segment.big], m between [3, 4]), "
                  "all(not([segment.big]), m between [1, 2])), m below 9)");
    expect_signal(playbook, "u", "m at_least 3");
    expect_signal(playbook, "v",
                  "any(all([segment.big], m at_least 90 % of account.limit), "
                  "all(not([segment.big]), m at_least 80 % of account.limit))");
    playbook_destroy(playbook);
}

Test(playbook_verdicts, reads_bands_and_fit)
{
    struct playbook *playbook =
        load(HEAD "scores:\n"
                  "  heat: {points: {A: 1}, half_life: 7d, bands: {Cold: 0, Warm: 40, Hot: 80}}\n"
                  "fit:\n"
                  "  mid: {account.n: {above: 50}}\n"
                  "  never: {disqualifies: true, when: {account.country: XX}}\n"
                  "signals:\n"
                  "  s: {heat: {band: [Warm, Hot]}}\n"
                  "  t: [{fit: mid}, {not: {fit: disqualified}}]\n"
                  "route:\n"
                  "  - {when: [{fit: mid}, {not: {fit: disqualified}}], motion: sales}\n"
                  "  - {motion: sales}\n");
    expect_signal(playbook, "s", "any(heat band Warm, heat band Hot)");
    expect_signal(playbook, "t", "all(fit.mid at_least 100, not([fit.veto]))");
    cr_expect_str_eq(playbook->routes[0].text, "fit.mid at_least 100 and not fit disqualified");
    expect_tree(playbook, playbook->routes[0].when,
                "all([when.fit.mid at_least 100], not([fit.veto]))");
    playbook_destroy(playbook);
}

// ---- Who looks at whom ----

Test(playbook_verdicts, lets_users_see_what_is_true_of_the_account)
{
    struct playbook *playbook =
        load(HEAD "measures:\n"
                  "  m: {count: A}\n"
                  "  admins: {users_with: admin}\n"
                  "segments:\n"
                  "  big: {account.n: {above: 1000}}\n"
                  "signals:\n"
                  "  s: [{m: {at_least: 1}}, rich, {segment: big}, {admins: {at_least: 2}}]\n"
                  "  rich: {account.plan: paid}\n"
                  "  admin: {user.role: admin}\n");
    cr_expect_eq(signal_of(playbook, "s")->scope, SCOPE_USER);
    expect_signal(playbook, "s", "all(m at_least 1, [rich], [segment.big], admins at_least 2)");
    int32_t s = playbook_signal(playbook, span_of("s"));
    cr_expect_gt(s, playbook_signal(playbook, span_of("rich")));
    cr_expect_gt(s, playbook_signal(playbook, span_of("segment.big")));
    cr_expect_gt(s, playbook_signal(playbook, span_of("admin")));
    playbook_destroy(playbook);
}

// Where an account decides, a signal of users means that some user has it.
Test(playbook_verdicts, counts_users_where_an_account_decides)
{
    struct playbook *playbook =
        load(HEAD "signals:\n"
                  "  some: {when: [admin, {account.a: 1}], exit: {not: admin}, per: account}\n"
                  "  admin: {user.role: admin}\n"
                  "segments:\n"
                  "  led: admin\n"
                  "qualify:\n"
                  "  pqa: [admin, {user.title: boss}]\n"
                  "lifecycle:\n"
                  "  customer: {any: [admin, {segment: led}]}\n");
    const struct measure *counted = measure(playbook, "users_with.admin");
    cr_expect_eq(counted->kind, MEASURE_USERS_WITH);
    cr_expect_eq(counted->scope, SCOPE_ACCOUNT);
    cr_expect(counted->hidden && !counted->ever);
    cr_expect_str_eq(playbook->signals[counted->signal].name, "admin");
    const struct signal *some = signal_of(playbook, "some");
    cr_expect_eq(some->scope, SCOPE_ACCOUNT);
    const struct condition *leaf =
        &playbook->conditions[playbook->conditions[some->condition].children[0]];
    cr_expect_eq(leaf->kind, CONDITION_TEST);
    cr_expect_eq(leaf->test, TEST_AT_LEAST);
    cr_expect_eq(leaf->low_milli, 1000);
    cr_expect_eq(&playbook->measures[leaf->measure], counted);
    cr_expect_str_eq(leaf->text, "admin");
    cr_expect_str_eq(leaf->threshold, "1");
    expect_tree(playbook, some->exit, "not(admin)");
    // One measure for all that look at it.
    int hidden = 0;
    for (int32_t i = 0; i < playbook->n_measures; i++)
        hidden += playbook->measures[i].hidden;
    cr_expect_eq(hidden, 2);
    // A test of one user moves into a signal of its own.
    cr_expect_eq(signal_of(playbook, "when.user.title is boss")->scope, SCOPE_USER);
    cr_expect_eq(signal_of(playbook, "qualify.pqa")->scope, SCOPE_ACCOUNT);
    cr_expect_eq(signal_of(playbook, "segment.led")->scope, SCOPE_ACCOUNT);
    expect_signal(playbook, "stage.customer", "any(admin, [segment.led])");
    playbook_destroy(playbook);
}

// ---- Memory ----

Test(playbook_verdicts, reads_signals_in_long_form)
{
    struct playbook *playbook =
        load(HEAD "measures:\n"
                  "  episodes: {count: A}\n"
                  "  label: {count: B}\n"
                  "signals:\n"
                  "  a: {when: {account.a: 1}, hold_for: 2d, cooldown: 30d, exit: {account.b: 2},"
                  " episodes: 3, per: account, label: Gone quiet}\n"
                  "  b: {when: {account.a: 1}, hold_for: 0s}\n"
                  "  c: {when: {user.a: 1}, per: user, label: \"C\"}\n"
                  "  d: {episodes: {at_least: 3}}\n"
                  "  e: {label: 3}\n");
    const struct signal *a = signal_of(playbook, "a"), *b = signal_of(playbook, "b");
    cr_expect(a->memory && !a->sticky && !a->afresh);
    cr_expect_eq(a->hold_ms, 2 * DAY);
    cr_expect_eq(a->cooldown_ms, 30 * DAY);
    cr_expect_eq(a->episodes_max, 3);
    cr_expect_str_eq(a->label, "Gone quiet");
    expect_tree(playbook, a->exit, "account.b is 2");
    cr_expect(!b->memory);
    cr_expect_eq(b->exit, PLAYBOOK_NONE);
    cr_expect_str_eq(b->label, "");
    cr_expect_str_eq(signal_of(playbook, "c")->label, "C");
    cr_expect_eq(signal_of(playbook, "c")->scope, SCOPE_USER);
    // A measure that is called like a key.
    expect_signal(playbook, "d", "episodes at_least 3");
    expect_signal(playbook, "e", "label is 3");
    playbook_destroy(playbook);
}

// ---- Definitions ----

static const struct definition *definition(const struct playbook *playbook, const char *name)
{
    for (int32_t i = 0; i < playbook->n_definitions; i++) {
        if (strcmp(playbook->definitions[i].name, name) == 0)
            return &playbook->definitions[i];
    }
    cr_assert_fail("no definition %s", name);
    return NULL;
}

#define OWN_BARRED                                                                                 \
    "*not(*any(*account.qualification is disqualified, *all(*account.qualification is snoozed, "   \
    "*account.qualification_until is_past false)))"

Test(playbook_verdicts, reads_definitions)
{
    struct playbook *playbook =
        load(HEAD "measures:\n"
                  "  m: {count: A}\n"
                  "signals:\n"
                  "  keen: {m: {at_least: 3}}\n"
                  "qualify:\n"
                  "  pal: keen\n"
                  "  pql: {when: {account.a: 1}, exit: {account.b: 2}, cooldown: 30d, episodes: 5,"
                  " label: PQL - High Intent}\n"
                  "  trial: {as: pql, when: [keen, {account.a: 1}], requalify: always}\n"
                  "  once: {as: pqa, when: keen, requalify: never}\n");
    cr_assert_eq(playbook->n_definitions, 4);
    cr_expect_eq(definition(playbook, "pal")->role, ROLE_PAL);
    cr_expect_eq(definition(playbook, "trial")->role, ROLE_PQL);
    cr_expect_eq(definition(playbook, "once")->role, ROLE_PQA);
    cr_expect_eq(definition(playbook, "trial")->line, 10u);
    const struct signal *pql = signal_of(playbook, "qualify.pql");
    cr_expect_eq(&playbook->signals[definition(playbook, "pql")->signal], pql);
    cr_expect_eq(pql->origin, SIGNAL_DEFINITION);
    cr_expect(pql->memory && pql->sticky && pql->afresh);
    cr_expect_eq(pql->cooldown_ms, 30 * DAY);
    cr_expect_eq(pql->episodes_max, 5);
    cr_expect_str_eq(pql->label, "PQL - High Intent");
    cr_expect_eq(pql->scope, SCOPE_ACCOUNT);
    const struct signal *trial = signal_of(playbook, "qualify.trial");
    cr_expect(trial->sticky && !trial->afresh);
    cr_expect_eq(trial->episodes_max, 0);
    cr_expect_eq(trial->scope, SCOPE_USER);
    const struct signal *once = signal_of(playbook, "qualify.once");
    cr_expect(once->sticky && !once->afresh);
    cr_expect_eq(once->episodes_max, 1);
    cr_expect_eq(once->scope, SCOPE_ACCOUNT);
    const struct signal *pal = signal_of(playbook, "qualify.pal");
    cr_expect(pal->memory && pal->sticky && pal->afresh);
    cr_expect_eq(pal->scope, SCOPE_USER);
    // What the router looks at.
    expect_tree(playbook, playbook->pal, "[qualify.pal]");
    expect_tree(playbook, playbook->pql, "any([qualify.pql], [qualify.trial])");
    expect_tree(playbook, playbook->pqa, "[qualify.once]");
    playbook_destroy(playbook);
}

Test(playbook_verdicts, lets_a_person_overrule_a_definition)
{
    struct playbook *playbook = load(HEAD "measures:\n"
                                          "  m: {count: A}\n"
                                          "qualify:\n"
                                          "  pal: {m: {at_least: 1}}\n"
                                          "  pql: {m: {at_least: 3}}\n"
                                          "  pqa: {when: {account.a: 1}, exit: {account.b: 2}}\n");
    expect_signal(playbook, "qualify.pal", "m at_least 1");
    cr_expect_eq(signal_of(playbook, "qualify.pal")->exit, PLAYBOOK_NONE);
    expect_signal(playbook, "qualify.pqa",
                  "any(*account.qualification is promoted, all(" OWN_BARRED ", account.a is 1))");
    expect_tree(playbook, signal_of(playbook, "qualify.pqa")->exit,
                "any(*account.qualification is disqualified, account.b is 2)");
    // What is said of the account holds for its users too.
    expect_signal(playbook, "qualify.pql",
                  "any(*user.qualification is promoted, all(*not(*any("
                  "*user.qualification is disqualified, *all(*user.qualification is snoozed, "
                  "*user.qualification_until is_past false), "
                  "*account.qualification is disqualified, *all(*account.qualification is snoozed, "
                  "*account.qualification_until is_past false))), m at_least 3))");
    expect_tree(playbook, signal_of(playbook, "qualify.pql")->exit,
                "any(*user.qualification is disqualified, *account.qualification is disqualified)");
    playbook_destroy(playbook);
}

// ---- Stages ----

Test(playbook_verdicts, fills_in_the_stages_that_are_left_out)
{
    struct playbook *playbook = load(HEAD "measures:\n"
                                          "  m: {count: A}\n"
                                          "qualify:\n"
                                          "  pal: {m: {at_least: 1}}\n"
                                          "  pql: {m: {at_least: 3}}\n"
                                          "  pqa: {account.a: 1}\n"
                                          "lifecycle:\n");
    static const bool THERE[PLAYBOOK_STAGES] = {
        [STAGE_ACTIVATED] = true, [STAGE_PQL] = true, [STAGE_SQL] = true, [STAGE_CUSTOMER] = true};
    cr_expect(playbook->has_stages);
    for (size_t i = 0; i < PLAYBOOK_STAGES; i++) {
        cr_expect_eq(playbook->stages[i] != PLAYBOOK_NONE, THERE[i], "%s", PLAYBOOK_STAGE_NAMES[i]);
        if (!THERE[i])
            continue;
        const struct signal *stage = &playbook->signals[playbook->stages[i]];
        cr_expect_eq(stage->origin, SIGNAL_STAGE);
        cr_expect_eq(stage->scope, SCOPE_ACCOUNT);
        cr_expect(!stage->memory);
    }
    expect_signal(playbook, "stage.activated", "qualify.pal");
    expect_signal(playbook, "stage.pql", "any(qualify.pql, [qualify.pqa])");
    expect_signal(playbook, "stage.sql", "account.lead_outcome in [accepted, meeting, won]");
    expect_signal(playbook, "stage.customer", "account.lead_outcome is won");
    playbook_destroy(playbook);
}

Test(playbook_verdicts, looks_at_the_stage_that_an_account_is_in)
{
    struct playbook *playbook = load(HEAD "lifecycle:\n"
                                          "  customer: {account.plan: paid}\n"
                                          "  churned: {when: {account.plan: none}, hold_for: 2d}\n"
                                          "measures:\n"
                                          "  tenure: {since: {stage: customer}}\n"
                                          "signals:\n"
                                          "  c: {stage: customer}\n"
                                          "  f: {stage: signed_up}\n"
                                          "  g: {stage: churned}\n"
                                          "  old: {tenure: {at_least: 30d}}\n"
                                          "route:\n"
                                          "  - {when: {stage: signed_up}, motion: hold_out}\n"
                                          "  - {when: {not: {stage: customer}}, motion: sales}\n"
                                          "  - {motion: sales}\n");
    expect_signal(playbook, "c", "all([stage.customer], not(*[stage.churned]))");
    expect_signal(playbook, "f", "not(*any([stage.sql], [stage.customer], [stage.churned]))");
    expect_signal(playbook, "g", "[stage.churned]");
    cr_expect_str_eq(condition_of(playbook, "c")->text, "stage customer");
    cr_expect_str_eq(condition_of(playbook, "f")->text, "stage signed_up");
    cr_expect_str_eq(condition_of(playbook, "g")->text, "stage churned");
    cr_expect_str_eq(playbook->routes[0].text, "stage signed_up");
    cr_expect_str_eq(playbook->routes[1].text, "not stage customer");
    cr_expect_eq(signal_of(playbook, "stage.churned")->hold_ms, 2 * DAY);
    cr_expect_eq(measure(playbook, "tenure")->signal, playbook->stages[STAGE_CUSTOMER]);
    cr_expect_eq(playbook->stages[STAGE_PQL], PLAYBOOK_NONE);
    playbook_destroy(playbook);
}

Test(playbook_verdicts, has_no_stages_unless_asked)
{
    struct playbook *playbook = load(HEAD "qualify:\n  pqa: {account.a: 1}\n");
    cr_expect_not(playbook->has_stages);
    for (size_t i = 0; i < PLAYBOOK_STAGES; i++)
        cr_expect_eq(playbook->stages[i], PLAYBOOK_NONE);
    playbook_destroy(playbook);
}

// ---- Marketing ----

Test(playbook_verdicts, keeps_marketing_apart)
{
    struct playbook *playbook = load(HEAD "measures:\n"
                                          "  ads: {count: Ad Clicked}\n"
                                          "  days: {active_days: any}\n"
                                          "marketing:\n"
                                          "  events: [Ad Clicked, Ebook Downloaded]\n"
                                          "  mql: {ads: {at_least: 3}}\n"
                                          "segments:\n"
                                          "  met: {account.met: true}\n"
                                          "qualify:\n"
                                          "  pql: [{days: {at_least: 3}}, {segment: met}]\n"
                                          "route:\n"
                                          "  - {when: mql, motion: sales}\n"
                                          "  - {motion: self_serve}\n");
    cr_assert_eq(playbook->n_marketing_events, 2);
    cr_expect_str_eq(playbook->events[playbook->marketing_events[1]], "Ebook Downloaded");
    const struct signal *mql = signal_of(playbook, "mql");
    cr_expect_eq(mql->origin, SIGNAL_MARKETING);
    cr_expect_eq(mql->scope, SCOPE_USER);
    cr_expect(!mql->sticky && !mql->memory);
    expect_signal(playbook, "mql", "ads at_least 3");
    cr_expect_eq(definition(playbook, "mql")->role, ROLE_MQL);
    expect_tree(playbook, playbook->pql, "[qualify.pql]");
    expect_tree(playbook, playbook->routes[0].when, "[mql]");
    // It means something else to count everything when something does not count.
    cr_expect_str_eq(measure(playbook, "days")->canonical,
                     "active_days[any but: Ad Clicked, Ebook Downloaded] user lifetime");
    playbook_destroy(playbook);
}

// ---- The whole ----

static const char WHOLE[] =
    HEAD "active: [Project Created, Report Run]\n"
         "measures:\n"
         "  projects: {count: Project Created}\n"
         "  active_users: {distinct: user, window: 14d}\n"
         "  idle: {since: any, per: account}\n"
         "  ads: {count: Ad Clicked, per: account}\n"
         "scores:\n"
         "  heat: {points: {Report Run: 5}, half_life: 14d, bands: {Cold: 0, Warm: 40}}\n"
         "fit:\n"
         "  mid: {criteria: [{when: {account.n: {above: 50}}, weight: 2}], at_least: 60}\n"
         "  never: {disqualifies: true, when: {account.country: XX}}\n"
         "grades:\n"
         "  grade: {fit: [50], score: heat, at_least: [40]}\n"
         "segments:\n"
         "  big: {account.n: {above: 1000}}\n"
         "signals:\n"
         "  keen: [{projects: {at_least: {default: 3, big: 5}}}, {none: [{user.bot: true}]}]\n"
         "  grew: {active_users: {grew_to: 20, from_at_most: 5, over: 14d}}\n"
         "  warm: [{heat: {band: Warm}}, {grade: {in: [A1, A2]}}, {fit: mid}]\n"
         "  some: {at_least_n_of: {n: 2, of: [keen, grew, {fit: disqualified}]}}\n"
         "  quiet: {when: {idle: {at_least: 14d}}, hold_for: 2d, exit: {idle: {below: 1d}}}\n"
         "  seats: {active_users: {at_least_percent: 80, of: account.seats}}\n"
         "qualify:\n"
         "  pal: keen\n"
         "  pql: {when: some, exit: {account.ends: {is_past: true}}, label: PQL}\n"
         "  team: {as: pqa, when: [warm, {stage: sql}], requalify: never}\n"
         "lifecycle:\n"
         "  churned: quiet\n"
         "marketing: {events: [Ad Clicked], mql: {ads: {at_least: 3}}}\n"
         "vanity: [Report Opened]\n"
         "route:\n"
         "  - {when: [{stage: pql}, {not: {segment: big}}], motion: sales}\n"
         "  - {when: always, motion: self_serve}\n";

// Whatever a file is cut to or changed to, it is a playbook or has a report, and nothing leaks.
Test(playbook_verdicts, survives_damage)
{
    struct span text = span_of(WHOLE);
    uint64_t seed = 1;
    size_t refused = 0;
    playbook_destroy(load(WHOLE));
    for (size_t i = 0; i < 4000; i++) {
        struct buf damaged = {0}, report = {0};
        struct playbook *playbook = NULL;
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        size_t at = (size_t)(seed >> 33) % text.len, n = 1 + (size_t)(seed >> 20) % 12;
        n = n < text.len - at ? n : text.len - at;
        buf_append(&damaged, text.ptr, i % 4 == 0 ? at : text.len);
        if (i % 4 == 1)
            damaged.bytes[at] = (uint8_t) "{}[]:,-#\n \"a0\xff"[(seed >> 20) % 14];
        if (i % 4 == 2) // a piece is left out
            memmove(damaged.bytes + at, damaged.bytes + at + n, (damaged.len -= n) - at);
        if (i % 4 == 3) // a piece is written over another
            memmove(damaged.bytes + at, text.ptr, n);
        enum err err = playbook_load("p.yaml", buf_span(&damaged), &playbook, &report);
        cr_expect_eq(playbook != NULL, err == ERR_OK);
        cr_expect(err == ERR_OK || report.len > 0);
        refused += err != ERR_OK;
        playbook_destroy(playbook);
        buf_deinit(&damaged);
        buf_deinit(&report);
    }
    cr_expect_gt(refused, 1000u);
}
