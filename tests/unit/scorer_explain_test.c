// SPDX-License-Identifier: Apache-2.0
// links: scorer_core playbook
#include <criterion/criterion.h>

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
