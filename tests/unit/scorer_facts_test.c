// SPDX-License-Identifier: Apache-2.0
// links: scorer_core playbook
// Facts: a trait or a measure's number, told when it comes, changes and goes.
#include <criterion/criterion.h>

#include "tests/support/scorer_facts.h"

#define OWNER HEAD "signals: {fact_owner: {account.owner: {exists: true}}}\n"

Test(scorer_facts, a_trait_is_told_when_it_comes_changes_and_goes)
{
    struct scorer_world w;
    facts_open(&w, OWNER);
    scorer_world_track(&w, "a", "u", "A", "2026-01-01");
    expect_told(&w, "");
    facts_say(&w, "group", "u", "2026-01-02", "owner=ana plan=pro");
    expect_told(&w, "fact_owner=ana at 2026-01-02T00:00:00.000Z;");
    cr_assert(w.changes.items[0].n_evidence == 1);
    // The same value, another trait, an event: nothing new.
    facts_say(&w, "group", "u", "2026-01-03", "owner=ana");
    expect_told(&w, "");
    facts_say(&w, "group", "u", "2026-01-04", "plan=free");
    expect_told(&w, "");
    scorer_world_track(&w, "a", "u", "A", "2026-01-05");
    expect_told(&w, "");
    facts_say(&w, "group", "u", "2026-01-06", "owner=ben");
    expect_told(&w, "fact_owner=ben at 2026-01-06T00:00:00.000Z;");
    cr_assert(w.changes.items[0].value && w.changes.items[0].episode == 1);
    // A late word that is not the latest.
    facts_say(&w, "group", "u", "2026-01-05T12:00:00Z", "owner=carl");
    expect_told(&w, "");
    // Of one instant the larger counts, at the account's clock.
    facts_say(&w, "group", "u", "2026-01-06", "owner=cleo");
    expect_told(&w, "fact_owner=cleo at 2026-01-06T00:00:00.000Z;");
    facts_say(&w, "group", "u", "2026-01-07", "owner=null");
    expect_told(&w, "fact_owner gone at 2026-01-07T00:00:00.000Z;");
    facts_say(&w, "group", "u", "2026-01-08", "owner=cleo");
    expect_told(&w, "fact_owner=cleo at 2026-01-08T00:00:00.000Z;");
    cr_assert(w.changes.items[0].episode == 2);
    scorer_world_close(&w);
}

Test(scorer_facts, numbers_and_flags_are_told_in_their_shortest_form)
{
    static const struct {
        const char *given, *told;
    } CASES[] = {
        {"owner=12", "fact_owner=12 at 2026-01-01T00:00:00.000Z;"},
        {"owner=0.1", "fact_owner=0.1 at 2026-01-01T00:00:00.000Z;"},
        {"owner=-2.50", "fact_owner=-2.5 at 2026-01-01T00:00:00.000Z;"},
        {"owner=3.0", "fact_owner=3 at 2026-01-01T00:00:00.000Z;"},
        {"owner=0.30000000000000004",
         "fact_owner=0.30000000000000004 at 2026-01-01T00:00:00.000Z;"},
        {"owner=0.0001", "fact_owner=0.0001 at 2026-01-01T00:00:00.000Z;"},
        {"owner=true", "fact_owner=true at 2026-01-01T00:00:00.000Z;"},
        {"owner=false", "fact_owner=false at 2026-01-01T00:00:00.000Z;"},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct scorer_world w;
        facts_open(&w, OWNER);
        facts_say(&w, "group", "u", "2026-01-01", CASES[i].given);
        expect_told(&w, CASES[i].told);
        scorer_world_close(&w);
    }
    // The same number in another type is no change; a text of the same characters is one.
    struct scorer_world w;
    facts_open(&w, OWNER);
    facts_say(&w, "group", "u", "2026-01-01", "owner=3");
    facts_say(&w, "group", "u", "2026-01-02", "owner=3.0");
    expect_told(&w, "");
    scorer_world_close(&w);
}

Test(scorer_facts, a_long_text_is_told_up_to_a_bound)
{
    struct scorer_world w;
    char text[1200] = "owner=";
    size_t n = strlen(text);
    facts_open(&w, OWNER);
    memset(text + n, 'x', 999);
    strcpy(text + n + 999, "\xc3\xa4yz");
    facts_say(&w, "group", "u", "2026-01-01", text);
    cr_assert(w.changes.n == 1 && strlen(w.changes.items[0].label) == 999);
    // What lies behind it is remembered all the same.
    text[strlen(text) - 1] = 'q';
    facts_say(&w, "group", "u", "2026-01-02", text);
    cr_assert(w.changes.n == 1 && strlen(w.changes.items[0].label) == 999);
    scorer_world_close(&w);
}

Test(scorer_facts, of_users_come_from_calls_profiles_and_addresses)
{
    struct scorer_world w;
    facts_open(&w, HEAD "signals:\n  fact_domain: {user.email_domain: {exists: true}}\n"
                        "  fact_role: {user.role: {exists: true}}\n");
    facts_say(&w, "identify", "u", "2026-01-01", "email=u@ACME.example");
    expect_told(&w, "fact_domain=acme.exampleu at 2026-01-01T00:00:00.000Z;");
    facts_say(&w, "identify", "v", "2026-01-02", "email=v@other.example role=boss");
    expect_told(&w, "fact_domain=other.examplev at 2026-01-02T00:00:00.000Z; "
                    "fact_role=bossv at 2026-01-02T00:00:00.000Z;");
    facts_say(&w, "identify", "u", "2026-01-03", "email=other@acme.example");
    expect_told(&w, "");
    facts_say(&w, "identify", "u", "2026-01-04", "email=u@new.example");
    expect_told(&w, "fact_domain=new.exampleu at 2026-01-04T00:00:00.000Z;");
    // A profile counts when the user is decided the next time.
    struct say say = {.kind = "identify",
                      .account = "user:u",
                      .user = "u",
                      .at_ms = at("2026-01-05"),
                      .properties = "role=cook",
                      .profile_only = true};
    scorer_world_say(&w, &say);
    expect_told(&w, "");
    scorer_world_track(&w, "a", "u", "A", "2026-01-06");
    expect_told(&w, "fact_role=cooku at 2026-01-06T00:00:00.000Z;");
    say.at_ms = at("2026-01-07");
    say.properties = "role=chef";
    scorer_world_say(&w, &say);
    scorer_world_track(&w, "a", "u", "A", "2026-01-08");
    expect_told(&w, "fact_role=chefu at 2026-01-08T00:00:00.000Z;");
    // Another event of another user tells nothing.
    scorer_world_track(&w, "a", "v", "A", "2026-01-09");
    expect_told(&w, "");
    scorer_world_close(&w);
}

#define SEATS                                                                                      \
    HEAD "measures: {seats: {count: Seat, per: account, window: 3d}, other: {count: Other}}\n"     \
         "signals: {fact_seats: {seats: {above: 0}}}\n"

Test(scorer_facts, of_a_measure_is_told_with_every_event_that_changes_it)
{
    struct scorer_world w;
    facts_open(&w, SEATS);
    scorer_world_track(&w, "a", "u", "Other", "2026-01-05");
    expect_told(&w, "");
    scorer_world_track(&w, "a", "u", "Seat", "2026-01-05T10:00:00Z");
    expect_told(&w, "fact_seats=1000 at 2026-01-05T10:00:00.000Z;");
    scorer_world_track(&w, "a", "v", "Seat", "2026-01-05T11:00:00Z");
    expect_told(&w, "fact_seats=2000 at 2026-01-05T11:00:00.000Z;");
    scorer_world_track(&w, "a", "v", "Other", "2026-01-05T12:00:00Z");
    expect_told(&w, "");
    // Late, within the window; and out of it.
    scorer_world_track(&w, "a", "v", "Seat", "2026-01-03T12:00:00Z");
    expect_told(&w, "fact_seats=3000 at 2026-01-05T12:00:00.000Z;");
    scorer_world_track(&w, "a", "v", "Seat", "2026-01-02T12:00:00Z");
    expect_told(&w, "");
    scorer_world_close(&w);
}

Test(scorer_facts, of_a_measure_with_a_window_change_by_time_alone)
{
    struct scorer_world w;
    facts_open(&w, SEATS);
    scorer_world_track(&w, "a", "u", "Seat", "2026-01-05T10:00:00Z");
    scorer_world_track(&w, "a", "u", "Seat", "2026-01-07T10:00:00Z");
    // A late one leaves first.
    scorer_world_track(&w, "a", "u", "Seat", "2026-01-06T10:00:00Z");
    expect_told(&w, "fact_seats=3000 at 2026-01-07T10:00:00.000Z;");
    cr_assert(core_next_due(w.core) == at("2026-01-08"));
    scorer_world_tick(&w, at("2026-01-08") - 1);
    expect_told(&w, "");
    scorer_world_tick(&w, at("2026-01-08"));
    expect_told(&w, "fact_seats=2000 at 2026-01-08T00:00:00.000Z;");
    cr_assert(w.changes.items[0].event_id.len == 0);
    // Two instants in one tick, the second ends it.
    scorer_world_tick(&w, at("2026-01-20"));
    expect_told(&w, "fact_seats=1000 at 2026-01-09T00:00:00.000Z; "
                    "fact_seats gone at 2026-01-10T00:00:00.000Z;");
    cr_assert(core_next_due(w.core) == INT64_MAX);
    // An event brings the timers before it.
    scorer_world_track(&w, "a", "u", "Seat", "2026-02-01T10:00:00Z");
    scorer_world_track(&w, "a", "u", "Seat", "2026-02-02T10:00:00Z");
    scorer_world_track(&w, "a", "u", "Other", "2026-02-04T10:00:00Z");
    expect_told(&w, "fact_seats=1000 at 2026-02-04T00:00:00.000Z;");
    scorer_world_close(&w);
}

Test(scorer_facts, steps_that_change_nothing_tell_nothing)
{
    struct scorer_world w;
    facts_open(&w, HEAD "measures: {top: {max: properties.n, on: Sale, per: account, window: 3d}}\n"
                        "signals: {fact_top: {top: {above: 0}}}\n");
    struct say say = {.account = "a", .user = "u", .name = "Sale", .properties = "n=5"};
    say.at_ms = at("2026-01-05T10:00:00Z");
    scorer_world_say(&w, &say);
    expect_told(&w, "fact_top=5000 at 2026-01-05T10:00:00.000Z;");
    say.at_ms = at("2026-01-06T10:00:00Z");
    say.properties = "n=9";
    scorer_world_say(&w, &say);
    say.at_ms = at("2026-01-07T10:00:00Z");
    say.properties = "n=2.5";
    scorer_world_say(&w, &say);
    expect_told(&w, "");
    // The 5 leaves without a change.
    cr_assert(core_next_due(w.core) == at("2026-01-09"));
    scorer_world_tick(&w, at("2026-02-01"));
    expect_told(&w, "fact_top=2500 at 2026-01-09T00:00:00.000Z; "
                    "fact_top gone at 2026-01-10T00:00:00.000Z;");
    scorer_world_close(&w);
}

Test(scorer_facts, of_a_score_are_told_with_events_and_once_a_day)
{
    struct scorer_world w;
    facts_open(&w, HEAD "scores: {heat: {points: {A: 10}, half_life: 1h, per: account}}\n"
                        "signals: {fact_heat: {heat: {above: 0}}}\n");
    scorer_world_track(&w, "a", "u", "A", "2026-01-05T10:00:00Z");
    expect_told(&w, "fact_heat=10000 at 2026-01-05T10:00:00.000Z;");
    scorer_world_track(&w, "a", "u", "A", "2026-01-05T11:00:00Z");
    expect_told(&w, "fact_heat=15000 at 2026-01-05T11:00:00.000Z;");
    scorer_world_track(&w, "a", "u", "B", "2026-01-05T12:00:00Z");
    expect_told(&w, "");
    scorer_world_tick(&w, at("2026-01-06"));
    expect_told(&w, "fact_heat=2 at 2026-01-06T00:00:00.000Z;");
    scorer_world_tick(&w, at("2026-02-01"));
    expect_told(&w, "fact_heat gone at 2026-01-06T01:52:21.631Z;");
    cr_assert(core_next_due(w.core) == INT64_MAX);
    scorer_world_close(&w);
}

Test(scorer_facts, outlive_a_playbook_that_means_the_same)
{
    struct scorer_world w;
    facts_open(&w, OWNER);
    facts_say(&w, "group", "u", "2026-01-01", "owner=ana");
    core_set_playbook(w.core, ++w.position,
                      facts_playbook(HEAD "measures: {c: {count: A}}\nsignals:\n"
                                          "  s: {account.owner: {exists: true}}\n"
                                          "  fact_renamed: {account.owner: {exists: true}}\n"));
    facts_say(&w, "group", "u", "2026-01-02", "plan=pro");
    expect_told(&w, "s= at 2026-01-02T00:00:00.000Z;");
    facts_say(&w, "group", "u", "2026-01-03", "owner=ben");
    expect_told(&w, "fact_renamed=ben at 2026-01-03T00:00:00.000Z;");
    // A new one is told with the account's next event.
    core_set_playbook(
        w.core, ++w.position,
        facts_playbook(HEAD "signals: {fact_plan: {account.plan: {exists: true}}}\n"));
    scorer_world_track(&w, "a", "u", "A", "2026-01-04");
    expect_told(&w, "fact_plan=pro at 2026-01-04T00:00:00.000Z;");
    scorer_world_close(&w);
}

Test(scorer_facts, are_told_in_the_playbooks_order_whatever_came_first)
{
    static const char *const PROPERTIES[] = {"owner=ana", "owner=ben", "plan=pro", "owner=null",
                                             "plan=free"};
    static const char *const WHEN[] = {"2026-01-01", "2026-01-03", "2026-01-02", "2026-01-04",
                                       "2026-01-05"};
    static const char FACTS[] = HEAD "signals: {fact_owner: {account.owner: {exists: true}}, "
                                     "fact_plan: {account.plan: {exists: true}}}\n";
    uint64_t seed = 5;
    for (int round = 0; round < 50; round++) {
        size_t order[] = {0, 1, 2, 3, 4};
        for (uint32_t i = 5; i > 1; i--) {
            uint32_t j = scorer_world_below(&seed, i);
            size_t held = order[i - 1];
            order[i - 1] = order[j];
            order[j] = held;
        }
        struct scorer_world w;
        facts_open(&w, FACTS);
        const char *owner = "";
        for (size_t i = 0; i < ARRAY_LEN(order); i++) {
            facts_say(&w, "group", "u", WHEN[order[i]], PROPERTIES[order[i]]);
            for (size_t c = 0; c < w.changes.n; c++) {
                const struct signal_change *change = &w.changes.items[c];
                if (strcmp(change->signal, "fact_owner") == 0)
                    owner = change->value ? "set" : "";
            }
        }
        struct explanation out = scorer_world_explain(&w, "a", NULL);
        cr_assert(strcmp(owner, "") == 0);
        cr_assert(out.n_signals == 2 && !out.signals[0].value && out.signals[1].value);
        cr_assert(strcmp(out.signals[1].label, "free") == 0);
        scorer_world_close(&w);
    }
}

Test(scorer_facts, are_the_last_of_an_explanation_and_make_no_user_stand_out)
{
    struct scorer_world w;
    facts_open(&w, HEAD "measures: {c: {count: A}}\n"
                        "signals:\n  fact_role: {user.role: {exists: true}}\n"
                        "  s: {c: {above: 0}}\n");
    facts_say(&w, "identify", "u", "2026-01-01", "role=boss");
    scorer_world_track(&w, "a", "v", "A", "2026-01-02");
    struct explanation out = scorer_world_explain(&w, "a", "u");
    cr_assert(out.n_signals == 2 && strcmp(out.signals[1].name, "fact_role") == 0);
    cr_assert(out.signals[1].origin == SIGNAL_FACT && strcmp(out.signals[1].label, "boss") == 0);
    cr_assert(out.n_listed_users == 2 && strcmp(out.users[0], "v") == 0);
    scorer_world_close(&w);
}
