// SPDX-License-Identifier: Apache-2.0
// links: scorer_core playbook
#include <criterion/criterion.h>

#include "tests/support/scorer_world.h"

#define HEAD "playbook: p\nversion: 1\n"

static void expect_log(struct scorer_world *w, const char *want)
{
    char *got = scorer_world_log(w);
    cr_assert(strcmp(got, want) == 0, "got:\n%swant:\n%s", got, want);
    mem_free(got);
}

Test(scorer_signals, change_with_the_event_that_completes_them)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures: {p: {count: P}, r: {count: R, per: account}}\n"
                               "signals:\n"
                               "  s: [{p: {at_least: 2}}, {r: {above: 0}}]\n"
                               "  t: {any: [s, {p: {at_least: 5}}]}\n");
    scorer_world_track(&w, "a", "u", "P", "2026-01-01T10:00:00Z");
    scorer_world_track(&w, "a", "u", "P", "2026-01-01T09:00:00Z");
    expect_log(&w, "");
    // Another user's event completes it for every user of the account.
    scorer_world_track(&w, "a", "v", "R", "2026-01-01T11:00:00Z");
    expect_log(&w,
               "s true a/u at 2026-01-01T11:00:00.000Z by m3 [p at_least 2 = 2] [r above 0 = 1]\n"
               "t true a/u at 2026-01-01T11:00:00.000Z by m3 [p at_least 2 = 2] [r above 0 = 1]\n");
    cr_assert(w.changes.items[0].index == 0 && w.changes.items[1].index == 1);
    cr_assert(strcmp(w.changes.items[0].playbook, "p@1") == 0);
    cr_assert(w.changes.items[0].evidence[0].since_ms == at("2026-01-01T10:00:00Z"));
    cr_assert(w.changes.items[0].evidence[1].since_ms == at("2026-01-01T11:00:00Z"));
    cr_assert(strcmp(w.changes.items[0].evidence[0].threshold, "2") == 0);
    cr_assert(w.changes.items[0].known_at_ms == at("2026-01-01T11:00:01Z"));
    // A late event is decided at the account's clock.
    scorer_world_track(&w, "a", "v", "P", "2026-01-01T01:00:00Z");
    scorer_world_track(&w, "a", "v", "P", "2026-01-01T01:00:00Z");
    expect_log(&w,
               "s true a/v at 2026-01-01T11:00:00.000Z by m5 [p at_least 2 = 2] [r above 0 = 1]\n"
               "t true a/v at 2026-01-01T11:00:00.000Z by m5 [p at_least 2 = 2] [r above 0 = 1]\n");
    scorer_world_close(&w);
}

Test(scorer_signals, timers_run_at_the_exact_instant_in_order)
{
    struct scorer_world w;
    scorer_world_open(
        &w, HEAD "measures: {c: {count: A, window: 2d}, l: {last: A}, h: {count: A, window: 3h}}\n"
                 "signals:\n"
                 "  days: {c: {at_least: 2}}\n"
                 "  fresh: {l: {within: 90m}}\n"
                 "  quiet: {not: {h: {at_least: 1}}}\n");
    scorer_world_track(&w, "a", "u", "A", "2026-01-01T23:50:00Z");
    scorer_world_track(&w, "a", "u", "A", "2026-01-02T00:10:00Z");
    buf_clear(&w.log);
    cr_assert(core_next_due(w.core) == at("2026-01-02T01:40:00Z"));
    scorer_world_tick(&w, at("2026-01-02T01:39:59.999Z"));
    expect_log(&w, "");
    struct explanation out = scorer_world_explain(&w, "a", "u");
    cr_assert(out.clock_ms == at("2026-01-02T00:10:00Z"));
    scorer_world_tick(&w, at("2026-01-20T00:00:00Z"));
    expect_log(&w, "fresh false a/u at 2026-01-02T01:40:00.000Z by \n"
                   "quiet true a/u at 2026-01-02T03:00:00.000Z by \n"
                   "days false a/u at 2026-01-03T00:00:00.000Z by \n");
    cr_assert(w.changes.items[2].index == 2 && w.changes.items[2].known_at_ms == at("2026-01-20"));
    out = scorer_world_explain(&w, "a", "u");
    cr_assert(out.clock_ms == at("2026-01-03T00:00:00Z"));
    cr_assert(core_next_due(w.core) == INT64_MAX);
    scorer_world_close(&w);
}

Test(scorer_signals, an_event_runs_the_timers_before_it)
{
    struct scorer_world w;
    scorer_world_open(
        &w, HEAD "measures: {c: {count: A, window: month}}\nsignals: {s: {c: {at_least: 1}}}\n");
    scorer_world_track(&w, "a", "u", "A", "2026-01-31T23:59:59.999Z");
    scorer_world_track(&w, "a", "v", "A", "2026-01-31T23:59:59.999Z");
    buf_clear(&w.log);
    // An event at the very instant finds the month begun.
    scorer_world_track(&w, "a", "u", "A", "2026-02-01T00:00:00Z");
    expect_log(&w, "s false a/u at 2026-02-01T00:00:00.000Z by \n"
                   "s false a/v at 2026-02-01T00:00:00.000Z by \n"
                   "s true a/u at 2026-02-01T00:00:00.000Z by m3 [c at_least 1 = 1]\n");
    cr_assert(w.changes.items[0].index == 0 && w.changes.items[2].index == 2);
    cr_assert(w.changes.items[0].known_at_ms == at("2026-02-01T00:00:01Z"));
    scorer_world_close(&w);
}

Test(scorer_signals, ticks_take_accounts_by_ordinal)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD
                      "measures: {c: {count: A, window: 1d}}\nsignals: {s: {c: {at_least: 1}}}\n");
    // The second account is due first.
    scorer_world_track(&w, "a", "u", "A", "2026-01-05T10:00:00Z");
    scorer_world_track(&w, "b", "u", "A", "2026-01-02T10:00:00Z");
    buf_clear(&w.log);
    scorer_world_tick(&w, at("2026-01-10"));
    expect_log(&w, "s false a/u at 2026-01-06T00:00:00.000Z by \n"
                   "s false b/u at 2026-01-03T00:00:00.000Z by \n");
    cr_assert(w.changes.items[0].index == 0 && w.changes.items[1].index == UINT64_C(1) << 32);
    scorer_world_close(&w);
}

Test(scorer_signals, a_leaf_that_lapsed_unseen_holds_since_it_came_back)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures: {c: {count: A, window: 1d}, p: {count: P}}\n"
                               "signals: {s: [{c: {at_least: 1}}, {p: {at_least: 1}}]}\n");
    scorer_world_track(&w, "a", "u", "A", "2026-01-01T10:00:00Z");
    cr_assert(core_next_due(w.core) == INT64_MAX, "time can only keep it false");
    scorer_world_track(&w, "a", "u", "A", "2026-01-05T10:00:00Z");
    scorer_world_track(&w, "a", "u", "P", "2026-01-05T11:00:00Z");
    cr_assert(w.changes.n == 1);
    cr_assert(w.changes.items[0].evidence[0].since_ms == at("2026-01-05T10:00:00Z"));
    scorer_world_close(&w);
}

Test(scorer_signals, signals_of_the_account_follow_its_users)
{
    struct scorer_world w;
    scorer_world_open(
        &w, HEAD
        "measures: {c: {count: A, window: 1d}, n: {users_with: s}, e: {users_with: s, ever: "
        "true}}\n"
        "signals: {s: {c: {at_least: 1}}, two: {n: {at_least: 2}}, once: {e: {at_least: 2}}}\n");
    scorer_world_track(&w, "a", "u", "A", "2026-01-01T10:00:00Z");
    scorer_world_track(&w, "a", "v", "A", "2026-01-01T11:00:00Z");
    scorer_world_track(&w, "a", "v", "A", "2026-01-02T11:00:00Z");
    expect_log(&w, "s true a/u at 2026-01-01T10:00:00.000Z by m1 [c at_least 1 = 1]\n"
                   "s true a/v at 2026-01-01T11:00:00.000Z by m2 [c at_least 1 = 1]\n"
                   "two true a/ at 2026-01-01T11:00:00.000Z by m2 [n at_least 2 = 2]\n"
                   "once true a/ at 2026-01-01T11:00:00.000Z by m2 [e at_least 2 = 2]\n"
                   "s false a/u at 2026-01-02T00:00:00.000Z by \n"
                   "s false a/v at 2026-01-02T00:00:00.000Z by \n"
                   "two false a/ at 2026-01-02T00:00:00.000Z by \n"
                   "s true a/v at 2026-01-02T11:00:00.000Z by m3 [c at_least 1 = 1]\n");
    scorer_world_close(&w);
}

Test(scorer_signals, traits_decide)
{
    struct scorer_world w;
    scorer_world_open(&w,
                      HEAD "measures: {c: {count: A}}\n"
                           "signals:\n"
                           "  boss: [{user.role: {in: [boss, 3]}}, {c: {at_least: 1}}]\n"
                           "  big: {account.employees: {between: [10, 20.5]}}\n"
                           "  both: [{account.plan: pro}, {user.email_domain: acme.example}]\n");
    struct say say = {.kind = "identify",
                      .account = "a",
                      .user = "u",
                      .at_ms = at("2026-01-02"),
                      .properties = "role=boss email=x@y@ACME.example"};
    scorer_world_say(&w, &say);
    scorer_world_track(&w, "a", "u", "A", "2026-01-03");
    expect_log(&w,
               "boss true a/u at 2026-01-03T00:00:00.000Z by m2 [user.role in [boss, 3] = boss] "
               "[c at_least 1 = 1]\n");
    // Older words do not win; at the same instant the larger value does, whatever comes first.
    say.properties = "role=nobody";
    say.at_ms = at("2026-01-01");
    scorer_world_say(&w, &say);
    say.at_ms = at("2026-01-02");
    say.properties = "role=aaa";
    scorer_world_say(&w, &say);
    expect_log(&w, "");
    say.properties = "role=zzz";
    scorer_world_say(&w, &say);
    expect_log(&w, "boss false a/u at 2026-01-03T00:00:00.000Z by m5\n");
    struct say group = {.kind = "group",
                        .account = "a",
                        .at_ms = at("2026-01-04"),
                        .properties = "employees=20.5 plan=pro"};
    scorer_world_say(&w, &group);
    // In the playbook's order, whoever's they are.
    expect_log(&w, "big true a/ at 2026-01-04T00:00:00.000Z by m6 "
                   "[account.employees between [10, 20.5] = 20.5]\n"
                   "both true a/u at 2026-01-04T00:00:00.000Z by m6 [account.plan is pro = pro] "
                   "[user.email_domain is acme.example = acme.example]\n");
    group.properties = "employees=null";
    group.at_ms = at("2026-01-05");
    scorer_world_say(&w, &group);
    expect_log(&w, "big false a/ at 2026-01-05T00:00:00.000Z by m7\n");
    scorer_world_close(&w);
}

Test(scorer_signals, a_profile_is_known_in_every_account)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures: {c: {count: A}}\nsignals: {boss: {user.role: boss}}\n");
    scorer_world_track(&w, "a", "u", "A", "2026-01-01");
    struct say say = {.kind = "identify",
                      .account = "user:u",
                      .user = "u",
                      .profile_only = true,
                      .at_ms = at("2026-01-02"),
                      .properties = "role=boss"};
    cr_assert(scorer_world_say(&w, &say) == VERDICT_COUNTED);
    struct explanation out = scorer_world_explain(&w, "user:u", "u");
    cr_assert(!out.known, "a copy makes no account");
    expect_log(&w, "");
    scorer_world_track(&w, "a", "u", "B", "2026-01-03");
    expect_log(&w, "boss true a/u at 2026-01-03T00:00:00.000Z by m3 [user.role is boss = boss]\n");
    // The account's own word goes before it.
    say = (struct say){.kind = "identify",
                       .account = "a",
                       .user = "u",
                       .at_ms = at("2026-01-01"),
                       .properties = "role=nobody"};
    scorer_world_say(&w, &say);
    expect_log(&w, "boss false a/u at 2026-01-03T00:00:00.000Z by m4\n");
    // In the personal account itself the call counts as an event.
    say = (struct say){.kind = "identify",
                       .account = "user:u",
                       .user = "u",
                       .at_ms = at("2026-01-05"),
                       .properties = "x=1"};
    scorer_world_say(&w, &say);
    expect_log(&w,
               "boss true user:u/u at 2026-01-05T00:00:00.000Z by m5 [user.role is boss = boss]\n");
    out = scorer_world_explain(&w, "user:u", "u");
    cr_assert(out.known && out.n_users == 1 && out.clock_ms == at("2026-01-05"));
    scorer_world_close(&w);
}

Test(scorer_signals, what_is_excluded_leaves_only_its_traits)
{
    struct scorer_world w;
    scorer_world_open(&w,
                      HEAD "exclude: [{user.bot: true}, {context.user_agent: {contains: crawler}}, "
                           "{properties.source: import}]\n"
                           "measures: {c: {count: any, per: account}, n: {distinct: user}}\n"
                           "signals: {s: {c: {at_least: 1}}}\n");
    struct say bot = {.kind = "identify",
                      .account = "a",
                      .user = "b",
                      .at_ms = at("2026-01-02"),
                      .properties = "bot=true"};
    cr_assert(scorer_world_say(&w, &bot) == VERDICT_EXCLUDED);
    struct explanation out = scorer_world_explain(&w, "a", NULL);
    cr_assert(!out.known);
    cr_assert(scorer_world_track(&w, "a", "b", "A", "2026-01-09") == VERDICT_EXCLUDED);
    struct say say = {.account = "a",
                      .user = "u",
                      .name = "A",
                      .at_ms = at("2026-01-09"),
                      .context = "userAgent=Some-CRAWLER/1"};
    cr_assert(scorer_world_say(&w, &say) == VERDICT_EXCLUDED);
    say.context = NULL;
    say.properties = "source=import";
    say.id = "same";
    cr_assert(scorer_world_say(&w, &say) == VERDICT_EXCLUDED);
    cr_assert(scorer_world_say(&w, &say) == VERDICT_DUPLICATE, "its id is remembered");
    expect_log(&w, "");
    cr_assert(scorer_world_track(&w, "a", "u", "A", "2026-01-03") == VERDICT_COUNTED);
    out = scorer_world_explain(&w, "a", "b");
    cr_assert(!out.known && strcmp(out.excluded, "user.bot is true") == 0, "%s", out.excluded);
    out = scorer_world_explain(&w, "a", NULL);
    cr_assert(out.known && out.clock_ms == at("2026-01-03") && out.n_users == 1);
    cr_assert(strcmp(scorer_world_value(&w, "a", NULL, "n"), "1") == 0);
    // No robot any more.
    bot.properties = "bot=false";
    bot.at_ms = at("2026-01-04");
    cr_assert(scorer_world_say(&w, &bot) == VERDICT_COUNTED);
    cr_assert(scorer_world_track(&w, "a", "b", "A", "2026-01-04") == VERDICT_COUNTED);
    cr_assert(strcmp(scorer_world_value(&w, "a", NULL, "n"), "2") == 0);
    // A profile excludes too, with the call itself.
    struct say own = {.kind = "identify",
                      .account = "user:p",
                      .user = "p",
                      .at_ms = at("2026-01-04"),
                      .properties = "bot=true"};
    cr_assert(scorer_world_say(&w, &own) == VERDICT_EXCLUDED);
    cr_assert(scorer_world_track(&w, "a", "p", "A", "2026-01-05") == VERDICT_EXCLUDED);
    struct core_counts counts;
    core_counts(w.core, &counts);
    cr_assert(counts.excluded == 6 && counts.duplicates == 1 && counts.accounts == 1 &&
              counts.users == 2 && counts.events == 9);
    scorer_world_close(&w);
}

Test(scorer_signals, timers_see_the_state_before_the_event)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures: {c: {count: A, window: 1d}}\n"
                               "signals: {s: [{c: {at_least: 1}}, {not: {user.role: boss}}]}\n");
    scorer_world_track(&w, "a", "u", "A", "2026-01-01");
    buf_clear(&w.log);
    struct say say = {.kind = "identify",
                      .account = "a",
                      .user = "u",
                      .at_ms = at("2026-01-09"),
                      .properties = "role=boss"};
    scorer_world_say(&w, &say);
    expect_log(&w, "s false a/u at 2026-01-02T00:00:00.000Z by \n");
    scorer_world_close(&w);
}

Test(scorer_signals, calls_without_usage_move_the_clock)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures: {c: {count: A}}\n");
    struct say say = {.kind = "alias", .account = "a", .user = "u", .at_ms = at("2026-01-01")};
    scorer_world_say(&w, &say);
    struct explanation out = scorer_world_explain(&w, "a", NULL);
    cr_assert(out.known && out.n_users == 0 && out.clock_ms == at("2026-01-01"));
    say.kind = "group";
    say.at_ms = at("2026-01-02");
    scorer_world_say(&w, &say);
    out = scorer_world_explain(&w, "a", "u");
    cr_assert(out.known && out.n_users == 1 && out.clock_ms == at("2026-01-02"));
    scorer_world_close(&w);
}

Test(scorer_signals, ids_count_once_within_the_window)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures: {c: {count: A}}\n");
    struct say say = {
        .account = "a", .user = "u", .name = "A", .id = "x", .at_ms = at("2026-01-01")};
    cr_assert(scorer_world_say(&w, &say) == VERDICT_COUNTED);
    cr_assert(scorer_world_say(&w, &say) == VERDICT_DUPLICATE);
    w.intake_ms += 24 * (int64_t)TIME_HOUR_MS;
    say.account = "b";
    cr_assert(scorer_world_say(&w, &say) == VERDICT_DUPLICATE);
    w.intake_ms += 2 * (int64_t)TIME_HOUR_MS;
    cr_assert(scorer_world_say(&w, &say) == VERDICT_COUNTED);
    cr_assert(core_has_room(w.core, w.intake_ms, 999999) &&
              !core_has_room(w.core, w.intake_ms, 1000000));
    scorer_world_close(&w);
}
