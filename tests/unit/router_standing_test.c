// SPDX-License-Identifier: Apache-2.0
// links: router_core playbook
//
// Episodes, their ends, what becomes of the lead then, stages, people, and outcomes.
#include <criterion/criterion.h>

#include "tests/support/router_world.h"

#define EXPECT_LOG(w, expected)                                                                    \
    do {                                                                                           \
        const char *got_ = router_world_log(w);                                                    \
        cr_assert(strcmp(got_, expected) == 0, "expected:\n%s\ngot:\n%s", expected, got_);         \
    } while (0)

static const char LIVES[] =
    "playbook: test\n"
    "version: 1\n"
    "measures:\n"
    "  projects: {count: Project Created}\n"
    "  usage: {count: any, per: account}\n"
    "  paid: {count: Paid, per: account}\n"
    "signals:\n"
    "  ready: {projects: {at_least: 3}}\n"
    "  invited: {projects: {at_least: 5}}\n"
    "  stale: {usage: {at_least: 100}}\n"
    "qualify:\n"
    "  pal: {projects: {at_least: 1}}\n"
    "  pql: {when: ready, label: \"PQL - High Intent\"}\n"
    "  trial: {as: pql, when: invited}\n"
    "  pqa: {usage: {at_least: 50}}\n"
    "  expansion: {as: pqa, when: {usage: {at_least: 500}}, label: Expansion}\n"
    "lifecycle:\n"
    "  customer: {paid: {at_least: 1}}\n"
    "  churned: {paid: {at_least: 9}}\n"
    "route:\n"
    "  - {when: stale, motion: self_serve, message: win_back}\n"
    "  - {when: always, motion: self_serve, message: upgrade}\n"
    "queues:\n"
    "  self_serve: {lease: 60s, attempts: 2}\n";

static struct router_world w;
static struct arena arena;

static void setup(void)
{
    router_world_init(&w);
    arena_init(&arena, 4096, 0);
    router_core_set_playbook(w.core, router_world_playbook(LIVES), &w.effects);
}

static void teardown(void)
{
    router_world_deinit(&w);
    arena_deinit(&arena);
}

TestSuite(router_standing, .init = setup, .fini = teardown);

static struct router_account_view view_of(const char *account)
{
    struct router_account_view view;
    router_core_account(w.core, span_of(account), &arena, &view);
    return view;
}

static const struct router_lead *lease_one(int64_t now_ms)
{
    const struct router_lead *leads[ROUTER_LEASE_LEADS_MAX];
    return router_world_lease(&w, now_ms, "self_serve", "c", 1, "", leads) == 0 ? NULL : leads[0];
}

static void complete(int64_t now_ms, const struct router_lead *lead, const char *outcome)
{
    char token[ROUTER_TOKEN_BYTES];
    router_lead_token(lead, token);
    cr_assert(router_core_complete(w.core, now_ms, span_of(lead->id), span_of(token),
                                   span_of(outcome), &lead, &w.effects, NULL) == ERR_OK);
    router_world_note(&w);
}

static void release(int64_t now_ms, const struct router_lead *lead)
{
    char token[ROUTER_TOKEN_BYTES];
    router_lead_token(lead, token);
    cr_assert(router_core_release(w.core, now_ms, span_of(lead->id), span_of(token), span_of(""), 0,
                                  &lead, &w.effects, NULL) == ERR_OK);
    router_world_note(&w);
}

// ---- Episodes -----------------------------------------------------------------------------------

Test(router_standing, an_episode_begins_and_ends_with_label_and_reason)
{
    struct router_signal s = router_world_signal(1, 0, "a", "u", "qualify.pql", true);
    s.label = span_of("PQL - High Intent");
    router_core_signals(w.core, 0, &s, 1, &w.effects);
    router_world_note(&w);
    s.position = 2;
    s.value = false;
    s.reason = span_of("trial is over");
    router_core_signals(w.core, 0, &s, 1, &w.effects);
    router_world_note(&w);
    s = router_world_signal(3, 0, "a", "u", "qualify.pql", true);
    s.episode = 2;
    router_core_signals(w.core, 0, &s, 1, &w.effects);
    EXPECT_LOG(&w, "signal a/u qualify.pql=1\n"
                   "pql a/u at 10 by e [PQL - High Intent]\n"
                   "created a/u self_serve:self_serve:0 (pql) with upgrade\n"
                   "signal a/u qualify.pql=0\n"
                   "left pql a/u at 10 by e [PQL - High Intent] (trial is over)\n"
                   "withdrawn a/ self_serve:self_serve:0 (trial is over) with upgrade\n"
                   "signal a/u qualify.pql=1\n"
                   "pql a/u at 30 by e #2\n"
                   "created a/u self_serve:self_serve:0 (pql) with upgrade\n");
    const struct router_lead *lead = view_of("a").lead;
    cr_assert_eq(lead->number, 2);
    cr_assert_eq(lead->before->state, ROUTER_WITHDRAWN);
    cr_assert_str_eq(lead->before->ended_reason, "trial is over");
    cr_assert_str_eq(lead->before->labels[0], "PQL - High Intent");
    cr_assert(strcmp(lead->id, lead->before->id) != 0);
    struct router_counts counts;
    router_core_counts(w.core, &counts);
    cr_assert_eq(counts.pqls, 1); // the same user again
    cr_assert_eq(counts.leads, 2);
}

Test(router_standing, an_episode_that_follows_at_once_ends_the_one_before)
{
    router_world_episode(&w, "a", "u", "pql", 1, true, "");
    struct router_signal s[] = {
        router_world_signal(2, 0, "a", "u", "qualify.pql", false),
        router_world_signal(2, 1, "a", "u", "qualify.pql", true),
    };
    s[1].episode = 2;
    router_world_log(&w);
    router_core_signals(w.core, 0, s, 2, &w.effects);
    EXPECT_LOG(&w, "signal a/u qualify.pql=0\n"
                   "signal a/u qualify.pql=1\n"
                   "left pql a/u at 20 by e\n"
                   "pql a/u at 20 by e #2\n");
    cr_assert_eq(view_of("a").lead->state, ROUTER_WAITING);
}

Test(router_standing, definitions_stand_side_by_side_and_join_one_lead)
{
    router_world_episode(&w, "a", "u", "pql", 1, true, "");
    router_world_episode(&w, "a", "u", "trial", 1, true, "");
    router_world_episode(&w, "a", "v", "trial", 1, true, "");
    router_world_episode(&w, "a", "", "pqa", 1, true, "");
    router_world_episode(&w, "a", "u", "pql", 1, false, "x");
    router_world_episode(&w, "a", "u", "trial", 1, false, "x");
    router_world_episode(&w, "a", "v", "trial", 1, false, "x");
    EXPECT_LOG(&w, "signal a/u qualify.pql=1\n"
                   "pql a/u at 10 by e\n"
                   "created a/u self_serve:self_serve:0 (pql) with upgrade\n"
                   "signal a/u qualify.trial=1\n"
                   "trial a/u at 20 by e\n"
                   "signal a/v qualify.trial=1\n"
                   "trial a/v at 30 by e\n"
                   "contact_added a/v self_serve:self_serve:0 (trial) with upgrade\n"
                   "signal a/ qualify.pqa=1\n"
                   "pqa a/ at 40 by e\n"
                   "signal a/u qualify.pql=0\n"
                   "left pql a/u at 50 by e (x)\n"
                   "signal a/u qualify.trial=0\n"
                   "left trial a/u at 60 by e (x)\n"
                   "signal a/v qualify.trial=0\n"
                   "left trial a/v at 70 by e (x)\n");
    struct router_account_view view = view_of("a");
    cr_assert_eq(view.lead->n_definitions, 3);
    cr_assert(view.pqa);
    cr_assert_eq(view.n_pqls, 0);
    cr_assert_eq(view.n_standings, 4);
    cr_assert_str_eq(view.standings[0].definition, "pqa");
    cr_assert_str_eq(view.standings[2].user_id, "u");
    cr_assert(view.standings[2].left);
    cr_assert_eq(view.standings[2].left_at_ms, 60);
    // The account's own was the last one.
    router_world_episode(&w, "a", "", "pqa", 1, false, "seats are empty");
    EXPECT_LOG(&w, "signal a/ qualify.pqa=0\n"
                   "left pqa a/ at 80 by e (seats are empty)\n"
                   "withdrawn a/ self_serve:self_serve:0 (seats are empty) with upgrade\n");
}

Test(router_standing, a_pal_neither_makes_nor_keeps_a_lead)
{
    router_world_episode(&w, "a", "u", "pal", 1, true, "");
    router_world_episode(&w, "a", "u", "pql", 1, true, "");
    router_world_episode(&w, "a", "u", "pql", 1, false, "");
    EXPECT_LOG(&w, "signal a/u qualify.pal=1\n"
                   "pal a/u at 10 by e\n"
                   "signal a/u qualify.pql=1\n"
                   "pql a/u at 20 by e\n"
                   "created a/u self_serve:self_serve:0 (pql) with upgrade\n"
                   "signal a/u qualify.pql=0\n"
                   "left pql a/u at 30 by e\n"
                   "withdrawn a/ self_serve:self_serve:0 (no longer qualifies) with upgrade\n");
}

// ---- Leads that were handed out -----------------------------------------------------------------

Test(router_standing, a_lead_that_was_handed_out_gets_a_note_and_is_withdrawn_when_it_comes_back)
{
    router_world_episode(&w, "a", "u", "pql", 1, true, "");
    const struct router_lead *lead = lease_one(1000);
    router_world_log(&w);
    router_world_episode(&w, "a", "u", "pql", 1, false, "trial is over");
    cr_assert_eq(lead->state, ROUTER_LEASED);
    release(1001, lead);
    EXPECT_LOG(&w, "signal a/u qualify.pql=0\n"
                   "left pql a/u at 20 by e (trial is over)\n"
                   "noted a/ self_serve:self_serve:0 (trial is over) by c with upgrade\n"
                   "released a/ self_serve:self_serve:0 by c with upgrade\n"
                   "withdrawn a/ self_serve:self_serve:0 (trial is over) with upgrade\n");
    release(1002, lead); // again: nothing more happens
    EXPECT_LOG(&w, "");
    cr_assert(lease_one(1003) == NULL);
}

Test(router_standing, who_qualifies_again_joins_the_lead_that_is_out)
{
    router_world_episode(&w, "a", "u", "pql", 1, true, "");
    const struct router_lead *lead = lease_one(1000);
    router_world_episode(&w, "a", "u", "pql", 1, false, "");
    router_world_log(&w);
    router_world_episode(&w, "a", "u", "pql", 2, true, "");
    release(1001, lead);
    EXPECT_LOG(&w, "signal a/u qualify.pql=1\n"
                   "pql a/u at 30 by e #2\n"
                   "noted a/ self_serve:self_serve:0 (qualifies again) by c with upgrade\n"
                   "released a/ self_serve:self_serve:0 by c with upgrade\n");
    cr_assert(lease_one(1002) == lead);
}

Test(router_standing, an_episode_after_the_lead_ended_makes_the_next_lead)
{
    router_world_episode(&w, "a", "u", "pql", 1, true, "");
    const struct router_lead *lead = lease_one(1000);
    complete(1001, lead, "rejected");
    router_world_log(&w);
    router_world_send(&w, "a", "u", "ready", true); // the episode goes on: no new lead
    router_world_episode(&w, "a", "u", "pql", 1, false, "");
    router_world_episode(&w, "a", "u", "pql", 2, true, "");
    EXPECT_LOG(&w, "signal a/u ready=1\n"
                   "signal a/u qualify.pql=0\n"
                   "left pql a/u at 30 by e\n"
                   "signal a/u qualify.pql=1\n"
                   "pql a/u at 40 by e #2\n"
                   "created a/u self_serve:self_serve:0 (pql) with upgrade\n");
    const struct router_lead *leads[4];
    uint64_t next, total;
    struct router_filter filter = {.account = span_of("a"), .max = 4};
    cr_assert_eq(router_core_leads(w.core, &filter, leads, &next, &total), 2);
    cr_assert(leads[0] == lead && leads[1]->number == 2);
    filter.max = 1;
    cr_assert_eq(router_core_leads(w.core, &filter, leads, &next, &total), 1);
    cr_assert(leads[0] == lead && total == 2 && next == lead->serial);
    filter.after = next;
    cr_assert_eq(router_core_leads(w.core, &filter, leads, &next, &total), 1);
    cr_assert(leads[0]->number == 2 && next == 0);
}

Test(router_standing, a_lead_whose_attempts_are_used_up_makes_room)
{
    router_world_episode(&w, "a", "u", "pql", 1, true, "");
    release(1, lease_one(1));
    release(2, lease_one(2));
    cr_assert_eq(view_of("a").lead->state, ROUTER_PARKED);
    router_world_log(&w);
    router_world_episode(&w, "a", "v", "pql", 1, true, "");
    EXPECT_LOG(&w, "signal a/v qualify.pql=1\n"
                   "pql a/v at 20 by e\n"
                   "created a/v self_serve:self_serve:0 (pql) with upgrade\n");
    // Its end is not told of the parked one.
    cr_assert_eq(view_of("a").lead->before->state, ROUTER_PARKED);
}

// ---- Conversion ---------------------------------------------------------------------------------

Test(router_standing, conversion_withdraws_a_lead_that_waits)
{
    router_world_episode(&w, "a", "u", "pql", 1, true, "");
    router_world_log(&w);
    router_world_send(&w, "a", "", "stage.customer", true);
    EXPECT_LOG(&w, "signal a/ stage.customer=1\n"
                   "withdrawn a/ self_serve:self_serve:0 (converted) with upgrade\n");
    router_world_send(&w, "a", "", "stage.customer", true); // no turn
    EXPECT_LOG(&w, "signal a/ stage.customer=1\n");
}

Test(router_standing, conversion_leaves_a_lead_that_expands)
{
    router_world_episode(&w, "a", "", "expansion", 1, true, "");
    router_world_log(&w);
    router_world_send(&w, "a", "", "stage.customer", true);
    EXPECT_LOG(&w, "signal a/ stage.customer=1\n");
    cr_assert_eq(view_of("a").lead->state, ROUTER_WAITING);
}

Test(router_standing, conversion_is_noted_on_a_lead_that_was_handed_out)
{
    router_world_episode(&w, "a", "u", "pql", 1, true, "");
    const struct router_lead *lead = lease_one(1);
    router_world_log(&w);
    router_world_send(&w, "a", "", "stage.customer", true);
    EXPECT_LOG(&w, "signal a/ stage.customer=1\n"
                   "noted a/ self_serve:self_serve:0 (converted) by c with upgrade\n");
    cr_assert_eq(lead->state, ROUTER_LEASED);
    complete(2, lead, "won");
    cr_assert_eq(lead->state, ROUTER_COMPLETED);
}

// ---- Routes, stages, people ---------------------------------------------------------------------

Test(router_standing, a_lead_that_waits_gets_another_message)
{
    router_world_episode(&w, "a", "u", "pql", 1, true, "");
    router_world_log(&w);
    router_world_send(&w, "a", "", "stale", true);
    EXPECT_LOG(&w, "signal a/ stale=1\n"
                   "routed a/ self_serve:self_serve:0 (signals) with win_back\n");
    cr_assert_str_eq(view_of("a").lead->message, "win_back");
}

Test(router_standing, an_account_is_in_its_highest_stage_and_has_a_history)
{
    router_world_send(&w, "a", "u", "ready", true);
    cr_assert_str_eq(view_of("a").stage, "signed_up");
    router_world_send(&w, "a", "", "stage.activated", true);
    router_world_send(&w, "a", "", "stage.churned", true);
    router_world_send(&w, "a", "", "stage.customer", true);
    cr_assert_str_eq(view_of("a").stage, "churned");
    router_world_send(&w, "a", "", "stage.churned", false);
    struct router_account_view view = view_of("a");
    cr_assert_str_eq(view.stage, "customer");
    cr_assert_eq(view.stage_since_ms, 50);
    cr_assert_eq(view.n_history, 4);
    cr_assert_str_eq(view.history[0].stage, "signed_up");
    cr_assert_eq(view.history[0].since_ms, 10);
    cr_assert_str_eq(view.history[2].stage, "churned");
    cr_assert_str_eq(view.history[2].event_id, "e");
    for (int i = 0; i < 40; i++)
        router_world_send(&w, "a", "", "stage.churned", i % 2 == 0);
    view = view_of("a");
    cr_assert_eq(view.n_history, ROUTER_HISTORY_MAX);
    cr_assert_eq(view.history[0].since_ms, 50 + 10 * (40 - 31));
    cr_assert_eq(view.stage_since_ms, 450);
}

Test(router_standing, whom_to_speak_to_first)
{
    router_world_episode(&w, "a", "late", "pql", 1, true, "");
    router_world_episode(&w, "a", "early", "pql", 1, true, "");
    router_world_episode(&w, "a", "keen", "pql", 1, true, "");
    router_world_send(&w, "a", "keen", "ready", true);
    router_world_send(&w, "a", "keen", "invited", true);
    router_world_episode(&w, "a", "double", "trial", 1, true, "");
    router_world_episode(&w, "a", "double", "pql", 1, true, "");
    router_world_send(&w, "a", "double", "ready", true);
    const struct router_person *people;
    const struct router_lead *lead = view_of("a").lead;
    cr_assert_eq(router_core_people(w.core, lead, &arena, &people), 4);
    cr_assert_str_eq(people[0].user_id, "double");
    cr_assert_str_eq(people[0].reason, "ready");
    cr_assert_str_eq(people[1].user_id, "keen");
    cr_assert_str_eq(people[1].reason, "ready, invited");
    cr_assert_str_eq(people[2].user_id, "late"); // qualified first
    cr_assert_str_eq(people[2].reason, "pql");   // no signal of its own
    cr_assert_str_eq(people[3].user_id, "early");
    // Of an account that qualifies without a user, the best there are.
    router_world_send(&w, "b", "x", "ready", true);
    router_world_send(&w, "b", "y", "ready", true);
    router_world_send(&w, "b", "y", "invited", true);
    router_world_send(&w, "b", "z", "ready", false);
    router_world_episode(&w, "b", "", "pqa", 1, true, "");
    lead = view_of("b").lead;
    cr_assert_eq(router_core_people(w.core, lead, &arena, &people), 2);
    cr_assert_str_eq(people[0].user_id, "y");
    cr_assert_eq(people[0].at_ms, 0);
    cr_assert_eq(lead->n_contacts, 0);
}

// ---- Playbooks ----------------------------------------------------------------------------------

Test(router_standing, a_definition_that_goes_ends_its_episodes)
{
    router_world_episode(&w, "a", "u", "trial", 1, true, "");
    router_world_episode(&w, "b", "u", "trial", 1, true, "");
    router_world_episode(&w, "b", "u", "pql", 1, true, "");
    router_world_log(&w);
    router_core_set_playbook(w.core, router_world_playbook(ROUTER_WORLD_PLAYBOOK), &w.effects);
    EXPECT_LOG(&w, "left trial a/u at 10 by  (the playbook no longer has it)\n"
                   "withdrawn a/ self_serve:self_serve:0 (the playbook no longer has it) with "
                   "upgrade\n"
                   "left trial b/u at 30 by  (the playbook no longer has it)\n");
}

Test(router_standing, a_definition_whose_signals_came_before_the_playbook_begins_with_it)
{
    router_core_set_playbook(w.core, router_world_playbook(ROUTER_WORLD_PLAYBOOK), &w.effects);
    router_world_episode(&w, "a", "u", "trial", 3, true, "");
    EXPECT_LOG(&w, "signal a/u qualify.trial=1\n");
    router_core_set_playbook(w.core, router_world_playbook(LIVES), &w.effects);
    EXPECT_LOG(&w, "trial a/u at 10 by  #3\n"
                   "created a/u self_serve:self_serve:0 (trial) with upgrade\n");
}

// ---- Outcomes -----------------------------------------------------------------------------------

Test(router_standing, outcomes_wait_in_order_until_they_are_reported)
{
    const struct router_lead *leads[4], *out[4];
    for (int i = 0; i < 3; i++) {
        char account[16];
        snprintf(account, sizeof account, "a%d", i);
        router_world_episode(&w, account, "u", "pql", 1, true, "");
        leads[i] = lease_one(1000);
    }
    complete(2000, leads[1], "won");
    complete(2001, leads[0], "lost");
    cr_assert_eq(router_core_outcomes(w.core, out, 4), 2);
    cr_assert(out[0] == leads[1] && out[1] == leads[0]);
    cr_assert_eq(out[0]->completed_at_ms, 2000);
    cr_assert_eq(out[0]->account_clock_ms, 21);
    cr_assert_eq(router_core_outcomes(w.core, out, 1), 1);
    router_core_reported(w.core, leads[1]->completed_offset);
    router_core_reported(w.core, 0); // behind: no effect
    cr_assert_eq(router_core_outcomes(w.core, out, 4), 1);
    cr_assert(out[0] == leads[0]);
    complete(2002, leads[2], "meeting");
    cr_assert_eq(router_core_n_outcomes(w.core), 2);
    router_core_reported(w.core, leads[2]->completed_offset);
    cr_assert_eq(router_core_n_outcomes(w.core), 0);
    buf_clear(&w.log);
}
