// SPDX-License-Identifier: Apache-2.0
// links: scorer_core playbook
// Signals of users that look at signals and measures of their account, and back.
#include <criterion/criterion.h>

#include "services/scorer/core/state.h"
#include "tests/support/scorer_world.h"

#define HEAD "playbook: p\nversion: 1\n"

static void expect_log(struct scorer_world *w, const char *want)
{
    char *got = scorer_world_log(w);
    cr_assert(strcmp(got, want) == 0, "got:\n%swant:\n%s", got, want);
    mem_free(got);
}

Test(scorer_across, users_follow_a_signal_of_their_account_that_counts_users)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures: {c: {count: A}, n: {users_with: active}}\n"
                               "signals:\n"
                               "  active: {c: {at_least: 1}}\n"
                               "  team: {n: {at_least: 2}}\n"
                               "  member: [team, {c: {at_least: 2}}]\n"
                               "  lonely: [{not: team}, {c: {at_least: 1}}]\n");
    scorer_world_track(&w, "a", "u", "A", "2026-01-01T10:00:00Z");
    scorer_world_track(&w, "a", "u", "A", "2026-01-01T11:00:00Z");
    expect_log(&w, "active true a/u at 2026-01-01T10:00:00.000Z by m1 [c at_least 1 = 1]\n"
                   "lonely true a/u at 2026-01-01T10:00:00.000Z by m1 [c at_least 1 = 1]\n");
    // In the order of the playbook, then of users: who sees it changes with the one who makes it.
    scorer_world_track(&w, "a", "v", "A", "2026-01-01T12:00:00Z");
    expect_log(&w,
               "active true a/v at 2026-01-01T12:00:00.000Z by m3 [c at_least 1 = 1]\n"
               "team true a/ at 2026-01-01T12:00:00.000Z by m3 [n at_least 2 = 2]\n"
               "member true a/u at 2026-01-01T12:00:00.000Z by m3 [n at_least 2 = 2] [c at_least "
               "2 = 2]\n"
               "lonely false a/u at 2026-01-01T12:00:00.000Z by m3\n");
    scorer_world_close(&w);
}

Test(scorer_across, a_share_of_the_accounts_trait)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures: {mine: {count: A}, whole: {count: A, per: account}}\n"
                               "signals:\n"
                               "  much: {mine: {at_least_percent: 40, of: account.limit}}\n"
                               "  near: {whole: {at_least_percent: 80, of: account.limit}}\n"
                               "  over: {whole: {above: account.limit}}\n"
                               "  most: {mine: {at_least_percent: 50, of: whole}}\n");
    for (int i = 0; i < 3; i++)
        scorer_world_track(&w, "a", "u", "A", "2026-01-01T10:00:00Z");
    scorer_world_track(&w, "a", "v", "A", "2026-01-01T11:00:00Z");
    expect_log(&w, "most true a/u at 2026-01-01T10:00:00.000Z by m1 [mine at_least 50 % of whole = "
                   "1 of 1 (100 %)]\n");
    struct say group = {
        .kind = "group", .account = "a", .at_ms = at("2026-01-02"), .properties = "limit=5"};
    scorer_world_say(&w, &group);
    // A trait of the account decides for each of its users.
    char *got = scorer_world_log(&w);
    cr_assert(strstr(got, "much true a/u at 2026-01-02T00:00:00.000Z by m5") != NULL, "%s", got);
    cr_assert(strstr(got, "= 3 of 5 (60 %)]") != NULL, "%s", got);
    cr_assert(strstr(got, "near true a/ at") != NULL && strstr(got, "= 4 of 5 (80 %)]") != NULL);
    cr_assert(strstr(got, "a/v") == NULL && strstr(got, "over") == NULL, "%s", got);
    mem_free(got);
    // Another user's events make the first one's share smaller.
    for (int i = 0; i < 3; i++)
        scorer_world_track(&w, "a", "v", "A", "2026-01-03T11:00:00Z");
    got = scorer_world_log(&w);
    cr_assert(strstr(got, "most false a/u at 2026-01-03T11:00:00.000Z by m8\n") != NULL, "%s", got);
    cr_assert(strstr(got, "most true a/v at 2026-01-03T11:00:00.000Z by m7") != NULL, "%s", got);
    cr_assert(strstr(got, "7 of 5 (140 %), 2 missing") == NULL, "above is told when it turns true");
    cr_assert(strstr(got, "over true a/ at 2026-01-03T11:00:00.000Z by m7") != NULL, "%s", got);
    cr_assert(strstr(got, "6 of 5 (120 %), 1 missing") != NULL, "%s", got);
    mem_free(got);
    scorer_world_close(&w);
}

Test(scorer_across, a_late_user_sees_what_the_account_is)
{
    struct scorer_world w;
    scorer_world_open(&w,
                      HEAD "measures: {r: {count: R, per: account}}\n"
                           "signals: {ready: {r: {at_least: 1}}, go: [ready, {user.role: x}]}\n");
    scorer_world_track(&w, "a", "u", "R", "2026-01-01T10:00:00Z");
    struct say say = {.kind = "identify",
                      .account = "a",
                      .user = "v",
                      .at_ms = at("2026-01-01"),
                      .properties = "role=x"};
    scorer_world_say(&w, &say);
    expect_log(&w, "ready true a/ at 2026-01-01T10:00:00.000Z by m1 [r at_least 1 = 1]\n"
                   "go true a/v at 2026-01-01T10:00:00.000Z by m2 [r at_least 1 = 1] [user.role is "
                   "x = x]\n");
    scorer_world_close(&w);
}

Test(scorer_across, growth_is_told_from_then_to_now)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures: {people: {distinct: user, window: 7d}}\n"
                               "signals:\n"
                               "  grown: {people: {grew_to: 20, from_at_most: 5, over: 14d}}\n"
                               "  seats: {people: {above: account.seats}}\n");
    struct say group = {
        .kind = "group", .account = "a", .at_ms = at("2026-01-01"), .properties = "seats=5"};
    scorer_world_say(&w, &group);
    char user[16];
    for (int day = 0; day <= 14; day += 14) {
        for (int i = 0; i < (day == 0 ? 5 : 20); i++) {
            snprintf(user, sizeof user, "u%d", i);
            struct say say = {.account = "a",
                              .user = user,
                              .name = "A",
                              .at_ms = at("2026-01-01T10:00:00Z") + day * (int64_t)TIME_DAY_MS + i};
            scorer_world_say(&w, &say);
        }
    }
    char *got = scorer_world_log(&w);
    cr_assert(strstr(got, "grown true a/ at 2026-01-15T10:00:00.019Z by m26 [") != NULL, "%s", got);
    cr_assert(strstr(got, "= 5 to 20 (x4.0)]") != NULL, "%s", got);
    cr_assert(strstr(got, "= 6 of 5 (120 %), 1 missing]") != NULL, "%s", got);
    mem_free(got);
    struct explanation out = scorer_world_explain(&w, "a", NULL);
    bool told = false;
    for (size_t i = 0; i < out.n_signals; i++) {
        for (size_t c = 0; c < out.signals[i].n_conditions; c++)
            told = told ||
                   strcmp(out.signals[i].conditions[c].value, "20 of 5 (400 %), 15 missing") == 0;
    }
    cr_assert(told);
    // What was then becomes what is 14 days later.
    scorer_world_tick(&w, at("2026-03-01"));
    got = scorer_world_log(&w);
    cr_assert(strstr(got, "grown false a/ at 2026-01-22T00:00:00.000Z by ") != NULL, "%s", got);
    mem_free(got);
    scorer_world_close(&w);
}
