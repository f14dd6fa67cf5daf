// SPDX-License-Identifier: Apache-2.0
// links: scorer_core playbook
#include <criterion/criterion.h>

#include "services/scorer/core/contributions.h"
#include "tests/support/scorer_world.h"

#define HEAD "playbook: p\nversion: 1\n"

static char *explain(struct scorer_world *w, const char *account, const char *user,
                     const char *signal)
{
    struct buf out = {0};
    struct explanation e = scorer_world_explain(w, account, user);
    for (size_t i = 0; i < e.n_signals; i++) {
        const struct explained_signal *s = &e.signals[i];
        if (strcmp(s->name, signal) != 0)
            continue;
        buf_printf(&out, "%s %s %u/%u by %s\n", s->name, s->value ? "true" : "false", s->n_met,
                   s->n_leaves, s->event_id);
        for (size_t c = 0; c < s->n_conditions; c++) {
            const struct explained_condition *row = &s->conditions[c];
            buf_printf(&out, "%*s%s %s = \"%s\" (%s)\n", 2 * (int)row->depth + 2, "",
                       row->met ? "+" : "-", row->text, row->value, row->missing);
        }
    }
    char *text = mem_dup(buf_span(&out));
    buf_deinit(&out);
    return text;
}

static void expect(struct scorer_world *w, const char *account, const char *user,
                   const char *signal, const char *want)
{
    char *got = explain(w, account, user, signal);
    cr_assert(strcmp(got, want) == 0, "got:\n%swant:\n%s", got, want);
    mem_free(got);
}

Test(scorer_explain, says_what_is_met_and_what_is_missing)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures:\n"
                               "  p: {count: P}\n"
                               "  q: {count: P, per: account}\n"
                               "  t: {count: P, after: Trial Started, within: 48h}\n"
                               "  l: {last: P}\n"
                               "scores: {e: {points: {P: 2.5}, half_life: 7d}}\n"
                               "signals:\n"
                               "  base: {p: {at_least: 3}}\n"
                               "  s:\n"
                               "    all:\n"
                               "      - base\n"
                               "      - any: [{e: {at_least: 10}}, {q: {above: 9}}]\n"
                               "      - not: {p: {at_most: 1}}\n"
                               "      - {account.industry: {in: [saas, media]}}\n"
                               "      - {user.age: {between: [10, 20]}}\n"
                               "      - {t: {at_least: 1}}\n"
                               "      - {l: {within: 1h}}\n");
    scorer_world_track(&w, "a", "u", "P", "2026-01-01T10:00:00Z");
    struct say say = {.kind = "group",
                      .account = "a",
                      .at_ms = at("2026-01-01T12:00:00Z"),
                      .properties = "industry=mining"};
    scorer_world_say(&w, &say);
    expect(
        &w, "a", "u", "s",
        "s false 0/8 by \n"
        "  - all = \"\" ()\n"
        "    - base = \"\" ()\n"
        "      - p at_least 3 = \"1\" (2 more)\n"
        "    - any = \"\" ()\n"
        "      - e at_least 10 = \"2.479\" (7.521 more)\n"
        "      - q above 9 = \"1\" (needs more than 9, has 1)\n"
        "    - not = \"\" (must not hold)\n"
        "      + p at_most 1 = \"1\" ()\n"
        "    - account.industry in [saas, media] = \"mining\" (not in [saas, media], has mining)\n"
        "    - user.age between [10, 20] = \"\" (trait age is not set)\n"
        "    - t at_least 1 = \"0\" (Trial Started has not happened)\n"
        "    - l within 1h = \"2026-01-01T10:00:00.000Z\" (more than 1h ago: "
        "2026-01-01T10:00:00.000Z)\n");
    for (int i = 0; i < 2; i++)
        scorer_world_track(&w, "a", "u", "P", "2026-01-01T12:00:00Z");
    expect(&w, "a", "u", "base", "base true 1/1 by m4\n  + p at_least 3 = \"3\" ()\n");
    struct explanation out = scorer_world_explain(&w, "a", "u");
    cr_assert(out.signals[0].since_ms == at("2026-01-01T12:00:00Z") && out.signals[0].of_user);
    cr_assert(out.signals[0].conditions[0].leaf);
    cr_assert(out.n_account_traits == 1 && span_is(out.account_traits[0].key, "industry") &&
              span_is(out.account_traits[0].value.text, "mining"));
    scorer_world_close(&w);
}

Test(scorer_explain, lists_users_that_qualify_first)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures: {p: {count: P}}\nsignals: {s: {p: {at_least: 2}}}\n");
    for (int i = 0; i < 30; i++) {
        char user[16];
        snprintf(user, sizeof user, "u%d", i);
        scorer_world_track(&w, "a", user, "P", "2026-01-01");
    }
    scorer_world_track(&w, "a", "u27", "P", "2026-01-01");
    scorer_world_track(&w, "a", "u9", "P", "2026-01-01");
    struct explanation out = scorer_world_explain(&w, "a", NULL);
    cr_assert(out.known && out.n_users == 30 && out.n_listed_users == 20 && out.n_signals == 0);
    cr_assert(strcmp(out.users[0], "u9") == 0 && strcmp(out.users[1], "u27") == 0 &&
              strcmp(out.users[2], "u0") == 0);
    scorer_world_close(&w);
}

Test(scorer_explain, knows_what_it_does_not_know)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures: {p: {count: P}}\n");
    scorer_world_track(&w, "a", "u", "P", "2026-01-01");
    struct explanation out = scorer_world_explain(&w, "b", NULL);
    cr_assert(!out.known && strcmp(out.excluded, "") == 0);
    out = scorer_world_explain(&w, "a", "v");
    cr_assert(!out.known);
    out = scorer_world_explain(&w, "a", "u");
    cr_assert(out.known && out.n_measures == 1 && out.measures[0].of_user);
    scorer_world_close(&w);
}

Test(scorer_explain, merges_traits_of_account_and_profile)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures: {p: {count: P}}\n");
    struct say say = {.kind = "identify",
                      .account = "a",
                      .user = "u",
                      .at_ms = at("2026-01-01"),
                      .properties = "a=1 c=null d=4"};
    scorer_world_say(&w, &say);
    say = (struct say){.kind = "identify",
                       .account = "x",
                       .user = "u",
                       .at_ms = at("2026-01-01"),
                       .profile_only = true,
                       .properties = "a=9 b=true c=deep e=null"};
    scorer_world_say(&w, &say);
    struct explanation out = scorer_world_explain(&w, "a", "u");
    cr_assert(out.n_user_traits == 4);
    cr_assert(span_is(out.user_traits[0].key, "a") && out.user_traits[0].value.integer == 1);
    cr_assert(span_is(out.user_traits[1].key, "b") && out.user_traits[1].value.flag);
    cr_assert(span_is(out.user_traits[2].key, "c") &&
              span_is(out.user_traits[2].value.text, "deep"));
    cr_assert(span_is(out.user_traits[3].key, "d"));
    scorer_world_close(&w);
}

static const struct explained_signal *signal_of(const struct explanation *e, const char *name)
{
    for (size_t i = 0; i < e->n_signals; i++) {
        if (strcmp(e->signals[i].name, name) == 0)
            return &e->signals[i];
    }
    cr_assert_fail("no signal %s", name);
    return NULL;
}

Test(scorer_explain, tells_definitions_first_and_a_persons_verdict_only_while_it_counts)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures: {p: {count: P}}\n"
                               "signals: {s: {p: {at_least: 2}}}\n"
                               "qualify: {pql: {when: s, label: Hot}, pal: {p: {at_least: 1}}}\n"
                               "lifecycle: {customer: {account.plan: paid}}\n");
    scorer_world_track(&w, "a", "u", "P", "2026-01-01T10:00:00Z");
    struct explanation out = scorer_world_explain(&w, "a", "u");
    cr_assert(out.signals[0].origin == SIGNAL_DEFINITION &&
              out.signals[1].origin == SIGNAL_DEFINITION);
    const struct explained_signal *pql = signal_of(&out, "qualify.pql");
    cr_assert_str_eq(pql->definition, "pql");
    cr_assert_str_eq(pql->role, "pql");
    cr_assert_str_eq(pql->label, "Hot");
    cr_assert(pql->memory && pql->episodes == 0 && pql->n_leaves == 1 && pql->n_met == 0);
    expect(&w, "a", "u", "qualify.pql",
           "qualify.pql false 0/1 by \n  - s = \"\" ()\n    - p at_least 2 = \"1\" (1 more)\n");
    struct say say = {.kind = "identify",
                      .account = "a",
                      .user = "u",
                      .at_ms = at("2026-01-01T11:00:00Z"),
                      .properties = "qualification=promoted"};
    scorer_world_say(&w, &say);
    out = scorer_world_explain(&w, "a", "u");
    pql = signal_of(&out, "qualify.pql");
    cr_assert(pql->value && pql->episodes == 1 && pql->n_leaves == 1);
    bool told = false;
    for (size_t i = 0; i < pql->n_conditions; i++)
        told = told || strstr(pql->conditions[i].text, "promoted") != NULL;
    cr_assert(told);
    // Nor are hidden parts of others.
    for (size_t i = 0; i < out.n_signals; i++)
        cr_assert(out.signals[i].origin != SIGNAL_CRITERION);
    scorer_world_close(&w);
}

Test(scorer_explain, tells_what_a_signal_with_a_memory_waits_for)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures: {p: {count: P, window: 2d}}\n"
                               "signals:\n"
                               "  held: {when: {p: {at_least: 1}}, hold_for: 6h}\n"
                               "  cool: {when: {p: {at_least: 1}}, cooldown: 30d, episodes: 2}\n"
                               "  once: {when: {p: {at_least: 1}}, episodes: 1, exit: {p: "
                               "{at_least: 9}}}\n");
    scorer_world_track(&w, "a", "u", "P", "2026-01-01T10:00:00Z");
    struct explanation out = scorer_world_explain(&w, "a", "u");
    const struct explained_signal *s = signal_of(&out, "held");
    cr_assert(!s->value && s->held_ms == at("2026-01-01T16:00:00Z"));
    s = signal_of(&out, "once");
    cr_assert(s->value && s->n_conditions == 2 && s->conditions[1].exit && s->n_leaves == 1);
    scorer_world_track(&w, "a", "u", "X", "2026-01-05T10:00:00Z");
    out = scorer_world_explain(&w, "a", "u");
    s = signal_of(&out, "cool");
    cr_assert(!s->value && s->episodes == 1 && !s->exhausted);
    cr_assert_eq(s->cooling_ms, at("2026-02-02T00:00:00Z"));
    cr_assert(signal_of(&out, "once")->exhausted);
    scorer_world_close(&w);
}

Test(scorer_explain, tells_each_criterion_of_a_fit_and_the_band_of_a_score)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "scores: {e: {points: {P: 45}, bands: {Cold: 0, Warm: 40}}}\n"
                               "fit:\n"
                               "  mid:\n"
                               "    criteria:\n"
                               "      - {when: {account.size: {at_least: 50}}}\n"
                               "      - {when: {account.plan: pro}}\n"
                               "    at_least: 50\n"
                               "signals: {s: [{fit: mid}, {e: {band: Warm}}]}\n");
    struct say say = {.kind = "group",
                      .account = "a",
                      .at_ms = at("2026-01-01T09:00:00Z"),
                      .properties = "size=60"};
    scorer_world_say(&w, &say);
    scorer_world_track(&w, "a", "u", "P", "2026-01-01T10:00:00Z");
    struct explanation out = scorer_world_explain(&w, "a", "u");
    const struct explained_signal *s = signal_of(&out, "s");
    int criteria = 0, bands = 0;
    for (size_t i = 0; i < s->n_conditions; i++) {
        const struct explained_condition *c = &s->conditions[i];
        criteria += strcmp(c->text, "account.size at_least 50") == 0 && c->met;
        criteria += strcmp(c->text, "account.plan is pro") == 0 && !c->met;
        bands += strstr(c->value, "(Warm)") != NULL;
    }
    cr_assert(criteria == 2 && bands >= 1 && s->value, "%d %d", criteria, bands);
    for (size_t i = 0; i < out.n_measures; i++)
        cr_assert(strchr(out.measures[i].name, '#') == NULL);
    scorer_world_close(&w);
}

// ---- Events that count --------------------------------------------------------------------------

static void expect_events(struct scorer_world *w, const struct contributions *c,
                          const char *measure, const char *want)
{
    const struct playbook *playbook = core_playbook(w->core);
    struct explanation e = scorer_world_explain(w, "a", "u");
    for (int32_t m = 0; m < playbook->n_measures; m++) {
        struct contribution found;
        char got[200];
        if (strcmp(playbook->measures[m].name, measure) != 0)
            continue;
        contributions_of(c, m, e.clock_ms, &found);
        snprintf(got, sizeof got, "%llu %s %s%s", (unsigned long long)found.n, found.first_id,
                 found.last_id, found.more ? " more" : "");
        cr_assert_str_eq(got, want, "%s", measure);
        return;
    }
    cr_assert_fail("no measure %s", measure);
}

Test(scorer_explain, names_the_first_and_the_last_event_of_each_measure)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures:\n"
                               "  p: {count: P}\n"
                               "  big: {count: P, where: {properties.x: 1}}\n"
                               "  recent: {count: P, window: 2d}\n"
                               "  trial: {count: P, after: T, within: 36h}\n"
                               "  open: {count: P, resets_on: T}\n"
                               "  paid: {sum: properties.y, on: P}\n"
                               "  whole: {count: P, per: account}\n"
                               "scores:\n"
                               "  s: {points: [{on: P, points: 2}, {on: T, points: 1}]}\n"
                               "signals: {k: {s: {at_least: 100}}}\n");
    const struct span user = span_of("u");
    struct contributions *c = contributions_create(w.core, &user, 1);
    const char *const days[] = {"2026-01-03", "2026-01-01", "2026-01-02", "2026-01-04"};
    for (int i = 0; i < 4; i++) {
        struct say say = {.account = "a",
                          .user = i == 3 ? "v" : "u",
                          .name = "P",
                          .properties = i == 0 ? "x=1 y=2" : "x=2",
                          .at_ms = at(days[i])};
        scorer_world_say(&w, &say);
    }
    scorer_world_track(&w, "a", "u", "T", "2026-01-01T12:00:00Z");
    expect_events(&w, c, "p", "3 m2 m1");
    expect_events(&w, c, "big", "1 m1 m1");
    expect_events(&w, c, "recent", "1 m1 m1"); // the account's clock is the 4th
    expect_events(&w, c, "trial", "1 m3 m3");
    expect_events(&w, c, "open", "2 m3 m1");
    expect_events(&w, c, "paid", "1 m1 m1");
    expect_events(&w, c, "whole", "4 m2 m4");
    expect_events(&w, c, "s", "4 m2 m1");
    contributions_destroy(c);
    scorer_world_close(&w);
}
