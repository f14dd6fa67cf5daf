// SPDX-License-Identifier: Apache-2.0
// links: scorer_core playbook
// Definitions, stages and marketing from the playbook to what is decided: what the loader puts
// together is what people mean.
#include <criterion/criterion.h>

#include "tests/support/scorer_world.h"

// The changes of the last call, "qualify.pql/u true, stage.pql/ true".
static void expect_changes(const struct scorer_world *w, const char *expected)
{
    struct buf out = {0};
    for (size_t i = 0; i < w->changes.n; i++)
        buf_printf(&out, "%s%s/" SPAN_FMT " %s", i > 0 ? ", " : "", w->changes.items[i].signal,
                   SPAN_ARG(w->changes.items[i].user),
                   w->changes.items[i].value ? "true" : "false");
    cr_expect(span_is(buf_span(&out), expected), "expected\n%s\nfound\n" SPAN_FMT, expected,
              SPAN_ARG(buf_span(&out)));
    buf_deinit(&out);
}

static void track(struct scorer_world *w, const char *user, const char *name, const char *when)
{
    scorer_world_track(w, "a", user, name, when);
}

// Traits of the account, or of a user in it.
static void say(struct scorer_world *w, const char *user, const char *traits, const char *when)
{
    struct say say = {.kind = user[0] == '\0' ? "group" : "identify",
                      .account = "a",
                      .user = user,
                      .name = "",
                      .properties = traits,
                      .at_ms = at(when)};
    scorer_world_say(w, &say);
}

#define HEAD "playbook: p\nversion: 1\nmeasures: {c: {count: A}, days: {active_days: any}}\n"

Test(scorer_verdicts, a_definition_stays_true_until_its_exit)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "qualify:\n"
                               "  pql: {when: {c: {is: 1}}, exit: {account.over: true}}\n");
    track(&w, "u", "A", "2026-01-01T10:00:00Z");
    expect_changes(&w, "qualify.pql/u true");
    track(&w, "u", "A", "2026-01-01T11:00:00Z");
    expect_changes(&w, "");
    say(&w, "", "over=true", "2026-01-01T12:00:00Z");
    expect_changes(&w, "qualify.pql/u false");
    scorer_world_close(&w);
}

Test(scorer_verdicts, a_person_overrules_a_definition)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "qualify: {pql: {c: {at_least: 2}}}\n");
    say(&w, "u", "qualification=promoted", "2026-01-01T10:00:00Z");
    expect_changes(&w, "qualify.pql/u true");
    say(&w, "u", "qualification=disqualified qualification_reason=student", "2026-01-01T11:00:00Z");
    expect_changes(&w, "qualify.pql/u false");
    cr_expect_str_eq(w.changes.items[0].reason,
                     "exit: user.qualification is disqualified: student");
    track(&w, "u", "A", "2026-01-01T12:00:00Z");
    track(&w, "u", "A", "2026-01-01T12:30:00Z");
    expect_changes(&w, "");
    say(&w, "u", "qualification=none", "2026-01-01T13:00:00Z");
    expect_changes(&w, "qualify.pql/u true");
    // What is said of the account holds for its users.
    say(&w, "", "qualification=disqualified", "2026-01-01T14:00:00Z");
    expect_changes(&w, "qualify.pql/u false");
    scorer_world_close(&w);
}

Test(scorer_verdicts, what_is_put_off_qualifies_at_that_instant)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "qualify: {pql: {c: {at_least: 1}}, pqa: {account.big: true}}\n");
    say(&w, "", "big=true qualification=snoozed qualification_until=2026-01-05T12:00:00Z",
        "2026-01-01T10:00:00Z");
    expect_changes(&w, "");
    track(&w, "u", "A", "2026-01-01T12:00:00Z");
    expect_changes(&w, "");
    scorer_world_tick(&w, at("2026-01-05T11:59:59.999Z"));
    expect_changes(&w, "");
    scorer_world_tick(&w, at("2026-01-05T12:00:00Z"));
    expect_changes(&w, "qualify.pql/u true, qualify.pqa/ true");
    scorer_world_close(&w);
}

Test(scorer_verdicts, the_stage_is_the_highest_that_holds)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "qualify: {pal: {c: {at_least: 1}}, pql: {c: {at_least: 2}}}\n"
                               "lifecycle: {churned: {account.gone: true}}\n"
                               "signals: {paying: {stage: customer}}\n");
    track(&w, "u", "A", "2026-01-01T10:00:00Z");
    expect_changes(&w, "qualify.pal/u true, stage.activated/ true");
    track(&w, "u", "A", "2026-01-01T11:00:00Z");
    expect_changes(&w, "qualify.pql/u true, stage.pql/ true");
    say(&w, "", "lead_outcome=accepted", "2026-01-01T12:00:00Z");
    expect_changes(&w, "stage.sql/ true");
    say(&w, "", "lead_outcome=won", "2026-01-01T13:00:00Z");
    expect_changes(&w, "stage.customer/ true, paying/ true");
    say(&w, "", "gone=true", "2026-01-01T14:00:00Z");
    expect_changes(&w, "stage.churned/ true, paying/ false");
    scorer_world_close(&w);
}

Test(scorer_verdicts, marketing_makes_an_mql_and_nobody_active)
{
    struct scorer_world w;
    scorer_world_open(&w, "playbook: p\nversion: 1\n"
                          "measures: {ads: {count: Ad Clicked}, days: {active_days: any}}\n"
                          "marketing: {events: [Ad Clicked], mql: {ads: {at_least: 2}}}\n");
    track(&w, "u", "Ad Clicked", "2026-01-01T10:00:00Z");
    cr_expect_str_eq(scorer_world_value(&w, "a", "u", "days"), "0");
    cr_expect_str_eq(scorer_world_value(&w, "a", "u", "ads"), "1");
    track(&w, "u", "Ad Clicked", "2026-01-02T10:00:00Z");
    expect_changes(&w, "mql/u true");
    track(&w, "u", "Other", "2026-01-03T10:00:00Z");
    cr_expect_str_eq(scorer_world_value(&w, "a", "u", "days"), "1");
    scorer_world_close(&w);
}

Test(scorer_verdicts, thresholds_go_by_segment)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "segments: {big: {account.n: {above: 10}}}\n"
                               "signals: {s: {c: {at_least: {default: 2, big: 3}}}}\n");
    track(&w, "u", "A", "2026-01-01T10:00:00Z");
    track(&w, "u", "A", "2026-01-01T10:00:01Z");
    expect_changes(&w, "s/u true");
    say(&w, "", "n=11", "2026-01-01T10:00:02Z");
    expect_changes(&w, "segment.big/ true, s/u false");
    track(&w, "u", "A", "2026-01-01T10:00:03Z");
    expect_changes(&w, "s/u true");
    scorer_world_close(&w);
}

Test(scorer_verdicts, a_band_ends_where_the_next_begins)
{
    struct scorer_world w;
    scorer_world_open(&w, "playbook: p\nversion: 1\n"
                          "scores:\n"
                          "  e: {points: {A: 1, B: 0.001}, bands: {Cold: 0, Warm: 1, Hot: 1.002}}\n"
                          "signals: {cold: {e: {band: Cold}}, warm: {e: {band: Warm}},"
                          " hot: {e: {band: [Hot]}}}\n");
    track(&w, "u", "B", "2026-01-01T10:00:00Z");
    expect_changes(&w, "cold/u true");
    track(&w, "u", "A", "2026-01-01T10:00:01Z");
    expect_changes(&w, "cold/u false, warm/u true");
    track(&w, "u", "B", "2026-01-01T10:00:02Z");
    expect_changes(&w, "warm/u false, hot/u true");
    scorer_world_close(&w);
}

// In an account's condition a signal of users means that some user has it.
Test(scorer_verdicts, an_account_sees_that_some_user_has_it)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "signals:\n"
                               "  keen: {c: {at_least: 1}}\n"
                               "  idle: {when: {not: keen}, per: account}\n"
                               "  follows: [keen, {not: idle}, {user.role: admin}]\n");
    say(&w, "u", "role=admin", "2026-01-01T10:00:00Z");
    expect_changes(&w, "idle/ true");
    track(&w, "v", "A", "2026-01-01T10:00:01Z");
    expect_changes(&w, "keen/v true, idle/ false");
    track(&w, "u", "A", "2026-01-01T10:00:02Z");
    expect_changes(&w, "keen/u true, follows/u true");
    scorer_world_close(&w);
}
