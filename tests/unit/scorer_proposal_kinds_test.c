// SPDX-License-Identifier: Apache-2.0
// links: scorer_rows scorer_core playbook
// What is missing, for every kind of measure and condition.
#include <criterion/criterion.h>

#include "tests/support/proposal_tell.h"

#define HEAD "playbook: p\nversion: 1\n"

Test(scorer_proposal_kinds, weighs_scores_with_caps)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "scores:\n"
                               "  e:\n"
                               "    points:\n"
                               "      - {on: Demo, points: 50, once: true}\n"
                               "      - {on: Pricing, points: 10, per_day: 2}\n"
                               "      - {on: Ticket, points: -15, where: {properties.severity: "
                               "high}}\n"
                               "    bands: {Cold: 0, Warm: 40, Hot: 60}\n"
                               "signals:\n"
                               "  warm: {e: {band: Warm}}\n"
                               "  hot: {e: {at_least: 60}}\n");
    scorer_world_track(&w, "a", "u", "X", "2026-01-01T10:00:00Z");
    proposal_expect(&w, "a", "u", "warm", "events 1\n1 Demo|||\n");
    proposal_expect(&w, "a", "u", "hot", "events 2\n1 Demo|||\n1 Pricing|||\n");
    scorer_world_track(&w, "a", "u", "Demo", "2026-01-01T11:00:00Z");
    proposal_expect(&w, "a", "u", "hot", "events 1\n1 Pricing|||\n");
    scorer_world_close(&w);
}

Test(scorer_proposal_kinds, fits_profiles_and_grades)
{
    struct scorer_world w;
    scorer_world_open(&w,
                      HEAD "measures: {p: {count: P, per: account}}\n"
                           "fit:\n"
                           "  mid:\n"
                           "    criteria:\n"
                           "      - {when: {account.employees: {between: [50, 1000]}}, weight: 2}\n"
                           "      - {when: {account.industry: {in: [saas, media]}}}\n"
                           "      - {when: {account.country: DE}}\n"
                           "    at_least: 75\n"
                           "  never: {disqualifies: true, when: {account.country: XX}}\n"
                           "grades:\n"
                           "  grade: {fit: [50, 80], score: p, at_least: [2, 4]}\n"
                           "signals:\n"
                           "  good: {fit: mid}\n"
                           "  top: {grade: {in: [A1]}}\n"
                           "  fine: {grade: {in: [A1, A2, B1, B2]}}\n");
    scorer_world_track(&w, "a", "u", "P", "2026-01-01T10:00:00Z");
    proposal_expect(&w, "a", NULL, "good",
                    "events 1\n1 group||account.employees between [50, 1000], account.industry in "
                    "[saas, media]|\n");
    proposal_expect(&w, "a", NULL, "fine",
                    "events 2\n1 group||account.employees between [50, 1000]|\n1 P|||\n");
    proposal_expect(&w, "a", NULL, "top",
                    "events 4\n1 group||account.employees between [50, 1000], account.industry in "
                    "[saas, media], account.country is DE|\n3 P|||\n");
    scorer_world_close(&w);
}

Test(scorer_proposal_kinds, waits_for_holds_and_cooldowns)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures: {p: {count: P, window: 3d}, l: {since: any}}\n"
                               "signals:\n"
                               "  held: {when: {p: {at_least: 1}}, hold_for: 1d}\n"
                               "  again: {when: {p: {at_least: 1}}, cooldown: 30d, episodes: 2}\n"
                               "  once: {when: {p: {at_least: 1}}, episodes: 1}\n"
                               "  quiet: {l: {at_least: 14d}}\n");
    scorer_world_track(&w, "a", "u", "X", "2026-01-01T10:00:00Z");
    proposal_expect(&w, "a", "u", "held", "events 1 true 2026-01-02T10:00:00.001Z\n1 P|||\n");
    proposal_expect(&w, "a", "u", "quiet", "time 0 true 2026-01-15T10:00:00.000Z\n");
    scorer_world_track(&w, "a", "u", "P", "2026-01-01T11:00:00Z");
    scorer_world_track(&w, "a", "u", "X", "2026-01-05T10:00:00Z");
    proposal_expect(&w, "a", "u", "again", "events 1 from 2026-02-03T00:00:00.000Z\n1 P|||\n");
    proposal_expect(&w, "a", "u", "once",
                    "never 0 at most\n! it was true once, and may not be again\n");
    scorer_world_close(&w);
}

Test(scorer_proposal_kinds, follows_sequences_streaks_and_sessions)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures:\n"
                               "  seq: {sequence: [A, B, C], within: 7d}\n"
                               "  run: {day_streak: any}\n"
                               "  weeks: {active_weeks: any, window: 4w}\n"
                               "  spent: {time_spent: any, idle: 30m}\n"
                               "  best: {max: properties.x, on: A}\n"
                               "  mean: {average: properties.x, on: A}\n"
                               "  plan: {last: properties.plan, on: A}\n"
                               "signals:\n"
                               "  s_seq: {seq: {at_least: 1}}\n"
                               "  s_run: {run: {at_least: 3}}\n"
                               "  s_weeks: {weeks: {at_least: 3}}\n"
                               "  s_spent: {spent: {at_least: 1h}}\n"
                               "  s_best: {best: {at_least: 7}}\n"
                               "  s_mean: {mean: {at_least: 5}}\n"
                               "  s_plan: {plan: pro}\n");
    struct say say = {.account = "a",
                      .user = "u",
                      .name = "A",
                      .properties = "x=2",
                      .at_ms = at("2026-01-05T10:00:00Z")};
    scorer_world_say(&w, &say);
    proposal_expect(&w, "a", "u", "s_seq",
                    "events 2 by 2026-01-12T09:59:59.999Z\n1 B|||\n1 C|||\n");
    proposal_expect(&w, "a", "u", "s_run",
                    "events 2 by 2026-01-07T00:00:00.000Z\n2 any active event|||on 2 days\n");
    proposal_expect(&w, "a", "u", "s_weeks",
                    "events 2 by 2026-01-26T00:00:00.000Z\n2 any active event|||on 2 days\n");
    proposal_expect(&w, "a", "u", "s_spent",
                    "events 2 by 2026-01-05T10:30:00.001Z\n2 any active event|||\n");
    proposal_expect(&w, "a", "u", "s_best", "events 1\n1 A||x at least 7|\n");
    proposal_expect(&w, "a", "u", "s_mean", "events 1\n1 A||x of at least 10|\n");
    proposal_expect(&w, "a", "u", "s_plan", "events 1\n1 A||plan is pro|\n");
    scorer_world_close(&w);
}

Test(scorer_proposal_kinds, reads_limits_growth_and_resets)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures:\n"
                               "  sent: {count: Sent, per: account, window: month}\n"
                               "  users: {distinct: user, on: any, window: 7d}\n"
                               "  since_pay: {count: Error, resets_on: Paid}\n"
                               "signals:\n"
                               "  near: {sent: {at_least_percent: 80, of: account.limit}}\n"
                               "  grew: {users: {grew_to: 3, from_at_most: 1, over: 7d}}\n"
                               "  two: {at_least_n_of: {n: 2, of: [{sent: {at_least: 9}}, {users: "
                               "{at_least: 2}}, {account.limit: {at_least: 1}}]}}\n"
                               "  broken: {since_pay: {at_least: 3}}\n");
    struct say say = {.kind = "group",
                      .account = "a",
                      .at_ms = at("2026-01-05T10:00:00Z"),
                      .properties = "limit=5"};
    scorer_world_say(&w, &say);
    scorer_world_track(&w, "a", "u", "Sent", "2026-01-05T11:00:00Z");
    scorer_world_track(&w, "a", "u", "Error", "2026-01-05T11:00:00Z");
    scorer_world_track(&w, "a", "u", "Paid", "2026-01-05T12:00:00Z");
    proposal_expect(&w, "a", NULL, "near", "events 3 by 2026-02-01T00:00:00.000Z\n3 Sent|||\n");
    proposal_expect(&w, "a", NULL, "grew",
                    "events 2 by 2026-01-12T00:00:00.000Z\n2 any active event|2 further users||\n");
    proposal_expect(&w, "a", NULL, "two",
                    "events 1 by 2026-01-12T00:00:00.000Z\n1 any active event|a further user||\n");
    proposal_expect(&w, "a", "u", "broken", "events 3\n3 Error|||\n");
    scorer_world_close(&w);
}

Test(scorer_proposal_kinds, leaves_a_persons_verdict_alone)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "measures: {p: {count: P}}\n"
                               "signals: {s: {p: {at_least: 2}}}\n"
                               "qualify: {pql: s}\n");
    scorer_world_track(&w, "a", "u", "P", "2026-01-05T10:00:00Z");
    proposal_expect(&w, "a", "u", "qualify.pql", "events 1\n1 P|||\n");
    struct say say = {.kind = "identify",
                      .account = "a",
                      .user = "u",
                      .at_ms = at("2026-01-05T11:00:00Z"),
                      .properties = "qualification=disqualified"};
    scorer_world_say(&w, &say);
    char *got = proposal_text(&w, "a", "u", "qualify.pql");
    cr_assert(strncmp(got, "never", 5) == 0, "%s", got);
    mem_free(got);
    say.properties = "qualification=snoozed qualification_until=2026-02-01";
    say.at_ms = at("2026-01-05T12:00:00Z");
    scorer_world_say(&w, &say);
    proposal_expect(&w, "a", "u", "qualify.pql",
                    "events 1 true 2026-02-01T00:00:00.000Z\n1 P|||\n");
    scorer_world_close(&w);
}
