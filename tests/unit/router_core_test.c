// SPDX-License-Identifier: Apache-2.0
// links: router_core playbook
#include <criterion/criterion.h>

#include "tests/support/router_world.h"

#define EXPECT_LOG(w, expected)                                                                    \
    do {                                                                                           \
        const char *got_ = router_world_log(w);                                                    \
        cr_assert(strcmp(got_, expected) == 0, "expected:\n%s\ngot:\n%s", expected, got_);         \
    } while (0)

static struct router_world w;

static void setup(void)
{
    router_world_init(&w);
}

static void teardown(void)
{
    router_world_deinit(&w);
}

TestSuite(router_core, .init = setup, .fini = teardown);

// Reads the only lead of an account.
static const struct router_lead *lead_of(const char *account)
{
    struct arena arena;
    arena_init(&arena, 1024, 0);
    struct router_account_view view;
    router_core_account(w.core, span_of(account), &arena, &view);
    arena_deinit(&arena);
    return view.lead;
}

static const struct router_lead *lease_one(int64_t now_ms, const char *queue, const char *consumer)
{
    const struct router_lead *leads[ROUTER_LEASE_LEADS_MAX];
    size_t n = router_world_lease(&w, now_ms, queue, consumer, 1, "", leads);
    return n == 0 ? NULL : leads[0];
}

// ---- Qualification ------------------------------------------------------------------------------

Test(router_core, a_user_becomes_pal_then_pql_and_makes_the_lead)
{
    router_world_send(&w, "a", "u", "qualify.pal", true);
    router_world_send(&w, "a", "u", "qualify.pql", true);
    router_world_send(&w, "a", "u", "ready", false);
    router_world_send(&w, "a", "u", "qualify.pql", true); // the same episode
    EXPECT_LOG(&w, "signal a/u qualify.pal=1\n"
                   "pal a/u at 10 by e\n"
                   "signal a/u qualify.pql=1\n"
                   "pql a/u at 20 by e\n"
                   "created a/u self_serve:self_serve:0 (pql)\n"
                   "signal a/u ready=0\n"
                   "signal a/u qualify.pql=1\n");
    struct router_counts counts;
    router_core_counts(w.core, &counts);
    cr_assert_eq(counts.pals, 1);
    cr_assert_eq(counts.pqls, 1);
    cr_assert_eq(counts.pqas, 0);
    cr_assert_eq(counts.leads, 1);
    cr_assert_eq(counts.decisions, 7);
    cr_assert_eq(counts.signals, 4);
}

Test(router_core, what_one_event_changes_is_decided_together)
{
    // One event ends one qualification and begins another: the lead must not go in between.
    router_world_send(&w, "a", "u", "qualify.pql", true);
    router_world_log(&w);
    struct router_signal both[] = {
        router_world_signal(2, 7ull << 32, "a", "u", "qualify.pql", false),
        router_world_signal(2, 7ull << 32 | 1, "a", "", "qualify.pqa", true),
    };
    router_core_signals(w.core, 0, both, 2, &w.effects);
    EXPECT_LOG(&w, "signal a/u qualify.pql=0\n"
                   "signal a/ qualify.pqa=1\n"
                   "left pql a/u at 20 by e\n"
                   "pqa a/ at 20 by e\n");
    cr_assert_eq(lead_of("a")->state, ROUTER_WAITING);
    // In two events it does.
    w.position = 2;
    router_world_send(&w, "b", "u", "qualify.pql", true);
    struct router_signal apart[] = {
        router_world_signal(4, 0, "b", "u", "qualify.pql", false),
        router_world_signal(4, 1ull << 32, "b", "", "qualify.pqa", true),
    };
    router_world_log(&w);
    router_core_signals(w.core, 0, apart, 2, &w.effects);
    EXPECT_LOG(&w, "signal b/u qualify.pql=0\n"
                   "left pql b/u at 40 by e\n"
                   "withdrawn b/ self_serve:self_serve:0 (no longer qualifies)\n"
                   "signal b/ qualify.pqa=1\n"
                   "pqa b/ at 40 by e\n"
                   "created b/ self_serve:self_serve:0 (pqa)\n");
}

Test(router_core, two_instants_of_one_record_are_decided_apart)
{
    struct router_signal s[] = {
        router_world_signal(1, 0, "a", "u", "qualify.pql", true),
        router_world_signal(1, 1, "a", "u", "qualify.pql", false),
    };
    s[1].at_ms += 5;
    router_core_signals(w.core, 0, s, 2, &w.effects);
    EXPECT_LOG(&w, "signal a/u qualify.pql=1\n"
                   "pql a/u at 10 by e\n"
                   "created a/u self_serve:self_serve:0 (pql)\n"
                   "signal a/u qualify.pql=0\n"
                   "left pql a/u at 15 by e\n"
                   "withdrawn a/ self_serve:self_serve:0 (no longer qualifies)\n");
}

Test(router_core, an_account_joins_the_lead_of_its_user)
{
    router_world_send(&w, "a", "u1", "ready", true);
    router_world_send(&w, "a", "u1", "qualify.pql", true);
    router_world_log(&w);
    struct router_signal s[] = {
        router_world_signal(3, 0, "a", "", "busy", true),
        router_world_signal(3, 1, "a", "", "qualify.pqa", true),
    };
    router_core_signals(w.core, 0, s, 2, &w.effects);
    EXPECT_LOG(&w, "signal a/ busy=1\n"
                   "signal a/ qualify.pqa=1\n"
                   "pqa a/ at 30 by e\n"
                   "routed a/ sales:sales:10 (pqa)\n");
    const struct router_lead *lead = lead_of("a");
    cr_assert_str_eq(lead->reasons[0], "pql");
    cr_assert_str_eq(lead->reasons[1], "ready");
    cr_assert_str_eq(lead->reasons[2], "pqa");
    cr_assert_str_eq(lead->reasons[3], "busy");
    cr_assert_eq(lead->n_definitions, 2);
    cr_assert_str_eq(lead->definitions[1], "pqa");
}

Test(router_core, a_pqa_makes_the_lead_when_no_user_did)
{
    router_world_send(&w, "a", "u", "ready", true);
    router_world_send(&w, "a", "", "qualify.pqa", true);
    EXPECT_LOG(&w, "signal a/u ready=1\n"
                   "signal a/ qualify.pqa=1\n"
                   "pqa a/ at 20 by e\n"
                   "created a/ self_serve:self_serve:0 (pqa)\n");
    cr_assert_eq(lead_of("a")->n_contacts, 0);
}

Test(router_core, a_user_of_two_accounts_is_two_subjects)
{
    router_world_send(&w, "a", "u", "qualify.pql", true);
    router_world_send(&w, "b", "u", "qualify.pal", true);
    EXPECT_LOG(&w, "signal a/u qualify.pql=1\n"
                   "pql a/u at 10 by e\n"
                   "created a/u self_serve:self_serve:0 (pql)\n"
                   "signal b/u qualify.pal=1\n"
                   "pal b/u at 20 by e\n");
}

// ---- Numbers ------------------------------------------------------------------------------------

Test(router_core, numbers_that_are_not_higher_have_no_effect)
{
    struct router_signal s[] = {
        router_world_signal(5, 0, "a", "u", "qualify.pal", true),
        router_world_signal(5, 0, "b", "u", "qualify.pal", true), // the same number again
        router_world_signal(4, 9, "c", "u", "qualify.pal", true), // lower
        router_world_signal(5, 1, "d", "u", "qualify.pal", true),
    };
    router_core_signals(w.core, 3, s, 4, &w.effects);
    EXPECT_LOG(&w, "signal a/u qualify.pal=1\npal a/u at 50 by e\n"
                   "signal d/u qualify.pal=1\npal d/u at 50 by e\n");
    struct router_mark mark = router_core_mark(w.core, 3);
    cr_assert_eq(mark.position, 5);
    cr_assert_eq(mark.index, 1);
    router_core_signals(w.core, 3, s, 4, &w.effects);
    EXPECT_LOG(&w, "");
    // Another lane counts for itself.
    cr_assert_eq(router_core_mark(w.core, 2).position, 0);
    s[0].account = span_of("z");
    router_core_signals(w.core, 2, s, 1, &w.effects);
    EXPECT_LOG(&w, "signal z/u qualify.pal=1\npal z/u at 50 by e\n");
}

// ---- Leads and routes ---------------------------------------------------------------------------

Test(router_core, an_account_has_one_lead_with_a_contact_for_every_pql)
{
    router_world_send(&w, "a", "u1", "qualify.pql", true);
    router_world_send(&w, "a", "u2", "qualify.pql", true);
    router_world_send(&w, "a", "u3", "qualify.pal", true);
    EXPECT_LOG(&w, "signal a/u1 qualify.pql=1\n"
                   "pql a/u1 at 10 by e\n"
                   "created a/u1 self_serve:self_serve:0 (pql)\n"
                   "signal a/u2 qualify.pql=1\n"
                   "pql a/u2 at 20 by e\n"
                   "contact_added a/u2 self_serve:self_serve:0 (pql)\n"
                   "signal a/u3 qualify.pal=1\n"
                   "pal a/u3 at 30 by e\n");
    const struct router_lead *lead = lead_of("a");
    cr_assert_eq(lead->n_contacts, 2);
    cr_assert_str_eq(lead->contacts[1].user_id, "u2");
    cr_assert_eq(lead->contacts[1].at_ms, 20);
    cr_assert_eq(lead->created_at_ms, 10);
    cr_assert_eq(lead->known_at_ms, 11);
    cr_assert(lead->id[0] == 'L' && strlen(lead->id) == 17);
}

Test(router_core, the_first_route_that_holds_wins)
{
    router_world_send(&w, "a", "", "segment.big", true);
    router_world_send(&w, "a", "", "busy", true);
    router_world_send(&w, "a", "u", "qualify.pql", true);
    EXPECT_LOG(&w, "signal a/ segment.big=1\n"
                   "signal a/ busy=1\n"
                   "signal a/u qualify.pql=1\n"
                   "pql a/u at 30 by e\n"
                   "created a/u sales:enterprise:50 (pql)\n");
    cr_assert_str_eq(lead_of("a")->playbook, "test@1");
    cr_assert(lead_of("a")->route[0] != '\0');
}

Test(router_core, a_held_out_lead_is_parked_and_never_handed_out)
{
    router_world_send(&w, "a", "", "held_out", true);
    router_world_send(&w, "a", "u", "qualify.pql", true);
    EXPECT_LOG(&w, "signal a/ held_out=1\n"
                   "signal a/u qualify.pql=1\n"
                   "pql a/u at 20 by e\n"
                   "created a/u hold_out::0 (pql)\n"
                   "parked a/ hold_out::0 (hold_out)\n");
    cr_assert_eq(lead_of("a")->state, ROUTER_PARKED);
    cr_assert_str_eq(lead_of("a")->parked_reason, "hold_out");
}

Test(router_core, a_lead_moves_when_what_a_route_looks_at_changes_while_it_waits)
{
    router_world_send(&w, "a", "u", "qualify.pql", true);
    const struct router_lead *leads[4];
    router_world_send(&w, "b", "u", "qualify.pql", true);
    cr_assert_eq(router_world_lease(&w, 1000, "self_serve", "c", 1, "", leads), 1);
    cr_assert_str_eq(leads[0]->account_id, "a");
    router_world_log(&w);
    router_world_send(&w, "a", "", "busy", true); // handed out: stays where it is
    router_world_send(&w, "b", "", "busy", true);
    router_world_send(&w, "b", "u", "risky", true); // no route looks at it
    EXPECT_LOG(&w, "signal a/ busy=1\n"
                   "signal b/ busy=1\n"
                   "routed b/ sales:sales:10 (signals)\n"
                   "signal b/u risky=1\n");
    cr_assert(lease_one(1001, "self_serve", "c") == NULL);
    cr_assert_str_eq(lease_one(1001, "sales", "c")->account_id, "b");
}

Test(router_core, an_event_that_is_split_over_two_calls_routes_its_lead_again)
{
    struct router_signal s[] = {
        router_world_signal(1, 0, "a", "u", "qualify.pql", true),
        router_world_signal(1, 1, "a", "", "segment.big", true),
    };
    router_core_signals(w.core, 0, s, 1, &w.effects);
    router_core_signals(w.core, 0, s + 1, 1, &w.effects);
    EXPECT_LOG(&w, "signal a/u qualify.pql=1\n"
                   "pql a/u at 10 by e\n"
                   "created a/u self_serve:self_serve:0 (pql)\n"
                   "signal a/ segment.big=1\n"
                   "routed a/ sales:enterprise:50 (signals)\n");
}

Test(router_core, a_playbook_that_loses_a_queue_moves_the_leads_that_wait_there)
{
    router_world_send(&w, "a", "", "segment.big", true);
    router_world_send(&w, "a", "u", "qualify.pql", true);
    router_world_send(&w, "b", "u", "qualify.pql", true);
    router_world_log(&w);
    const char *text = "playbook: test\nversion: 2\n"
                       "measures:\n  projects: {count: Project Created}\n"
                       "signals:\n  ready: {projects: {at_least: 3}}\n"
                       "qualify: {pql: ready}\n"
                       "route:\n  - {when: always, motion: success, queue: support}\n"
                       "queues:\n  support: {lease: 10s, attempts: 2}\n";
    router_core_set_playbook(w.core, router_world_playbook(text), &w.effects);
    EXPECT_LOG(&w, "routed a/ success:support:0 (playbook)\n"); // self_serve is always there
    cr_assert_str_eq(lease_one(1, "support", "c")->account_id, "a");
    cr_assert_str_eq(lead_of("a")->playbook, "test@2");
    router_world_send(&w, "c", "u", "qualify.pql", true);
    cr_assert_str_eq(lead_of("c")->queue, "support");
}

// ---- Leases -------------------------------------------------------------------------------------

Test(router_core, leads_are_handed_out_by_priority_then_by_age)
{
    // Held out of the order of creation by priority: only "sales" and one queue are compared.
    router_world_send(&w, "low1", "u", "qualify.pql", true);
    router_world_send(&w, "low2", "u", "qualify.pql", true);
    router_world_send(&w, "low3", "u", "qualify.pql", true);
    const struct router_lead *leads[8];
    cr_assert_eq(router_world_lease(&w, 1, "self_serve", "c", 2, "", leads), 2);
    cr_assert_str_eq(leads[0]->account_id, "low1");
    cr_assert_str_eq(leads[1]->account_id, "low2");
    cr_assert_eq(router_world_lease(&w, 1, "self_serve", "d", 8, "", leads), 1);
    cr_assert_str_eq(leads[0]->account_id, "low3");
    cr_assert_eq(router_world_lease(&w, 1, "self_serve", "d", 8, "", leads), 0);
}

Test(router_core, a_stronger_lead_goes_first)
{
    const char *text = "playbook: test\nversion: 1\n"
                       "measures:\n  projects: {count: Project Created}\n"
                       "signals:\n  ready: {projects: {at_least: 3}}\n"
                       "  strong: {projects: {at_least: 9}}\n"
                       "qualify: {pql: ready}\n"
                       "route:\n  - {when: strong, motion: sales, priority: 7}\n"
                       "  - {when: always, motion: sales, priority: 2}\n";
    router_core_set_playbook(w.core, router_world_playbook(text), &w.effects);
    router_world_send(&w, "weak", "u", "qualify.pql", true);
    router_world_send(&w, "firm", "u", "strong", true);
    router_world_send(&w, "firm", "u", "qualify.pql", true);
    cr_assert_str_eq(lease_one(1, "sales", "c")->account_id, "firm");
    cr_assert_str_eq(lease_one(1, "sales", "c")->account_id, "weak");
}

static enum err complete(int64_t now_ms, const char *lead_id, const char *token,
                         const char *outcome)
{
    const struct router_lead *lead;
    enum err err = router_core_complete(w.core, now_ms, span_of(lead_id), span_of(token),
                                        span_of(outcome), &lead, &w.effects, NULL);
    router_world_note(&w);
    return err;
}

static enum err ack(int64_t now_ms, const char *lead_id, const char *token)
{
    const struct router_lead *lead;
    enum err err =
        router_core_ack(w.core, now_ms, span_of(lead_id), span_of(token), &lead, &w.effects, NULL);
    router_world_note(&w);
    return err;
}

static enum err release(int64_t now_ms, const char *lead_id, const char *token)
{
    const struct router_lead *lead;
    enum err err = router_core_release(w.core, now_ms, span_of(lead_id), span_of(token),
                                       span_of("no time"), 0, &lead, &w.effects, NULL);
    router_world_note(&w);
    return err;
}

static enum err extend(int64_t now_ms, const char *lead_id, const char *token, int64_t lease_ms)
{
    const struct router_lead *lead;
    enum err err = router_core_extend(w.core, now_ms, span_of(lead_id), span_of(token), lease_ms,
                                      &lead, &w.effects, NULL);
    router_world_note(&w);
    return err;
}

static void big_lead(const char *account)
{
    router_world_send(&w, account, "", "segment.big", true);
    router_world_send(&w, account, "u", "qualify.pql", true);
    router_world_log(&w);
}

Test(router_core, a_lease_that_runs_out_comes_back_and_the_last_one_parks_the_lead)
{
    big_lead("a");
    const struct router_lead *lead = lease_one(1000, "enterprise", "c");
    cr_assert_eq(router_core_next_due(w.core), 11000); // the queue says 10s
    router_core_tick(w.core, 10999, &w.effects);
    cr_assert_eq(lead->state, ROUTER_LEASED);
    router_core_tick(w.core, 11000, &w.effects);
    cr_assert_eq(lead->state, ROUTER_WAITING);
    cr_assert_eq(router_core_next_due(w.core), INT64_MAX);
    cr_assert(lease_one(12000, "enterprise", "d") == lead);
    cr_assert_eq(lead->attempts, 2);
    router_core_tick(w.core, 30000, &w.effects); // attempts: 2
    cr_assert_eq(lead->state, ROUTER_PARKED);
    cr_assert_str_eq(lead->parked_reason, "attempts");
    cr_assert(lease_one(30001, "enterprise", "d") == NULL);
    EXPECT_LOG(&w, "leased a/ sales:enterprise:50 by c\n"
                   "expired a/ sales:enterprise:50 (lease ran out) by c\n"
                   "leased a/ sales:enterprise:50 by d\n"
                   "expired a/ sales:enterprise:50 (lease ran out) by d\n"
                   "parked a/ sales:enterprise:50 (attempts)\n");
}

Test(router_core, leases_end_in_order_of_their_instant)
{
    router_world_send(&w, "a", "u", "qualify.pql", true);
    router_world_send(&w, "b", "u", "qualify.pql", true);
    const struct router_lead *leads[2];
    struct router_lease request = {span_of("self_serve"), span_of("c"), {NULL, 0}, 1, 9000};
    size_t n;
    cr_assert(router_core_lease(w.core, 0, &request, leads, &n, &w.effects, NULL) == ERR_OK);
    request.lease_ms = 5000;
    cr_assert(router_core_lease(w.core, 0, &request, leads, &n, &w.effects, NULL) == ERR_OK);
    router_world_log(&w);
    router_core_tick(w.core, 100000, &w.effects);
    EXPECT_LOG(&w, "expired b/ self_serve:self_serve:0 (lease ran out) by c\n"
                   "expired a/ self_serve:self_serve:0 (lease ran out) by c\n");
}

Test(router_core, an_extended_lease_lasts_longer_and_never_shorter)
{
    big_lead("a");
    const struct router_lead *lead = lease_one(0, "enterprise", "c");
    char token[ROUTER_TOKEN_BYTES];
    router_lead_token(lead, token);
    cr_assert(extend(9000, lead->id, token, 0) == ERR_OK);
    cr_assert_eq(lead->lease_until_ms, 19000);
    cr_assert(extend(9500, lead->id, token, 1000) == ERR_OK);
    cr_assert_eq(lead->lease_until_ms, 19000);
    cr_assert_eq(router_core_next_due(w.core), 19000);
    cr_assert(extend(9500, lead->id, token, -1) == ERR_INVALID);
    cr_assert(extend(19000, lead->id, token, 1000) == ERR_CONFLICT); // it has just run out
    cr_assert_eq(lead->state, ROUTER_WAITING);
}

Test(router_core, an_acked_lead_never_runs_out)
{
    big_lead("a");
    const struct router_lead *lead = lease_one(0, "enterprise", "c");
    char token[ROUTER_TOKEN_BYTES];
    router_lead_token(lead, token);
    cr_assert(ack(1, lead->id, token) == ERR_OK);
    cr_assert(ack(1, lead->id, token) == ERR_OK); // again: nothing more happens
    router_core_tick(w.core, 1000000, &w.effects);
    cr_assert_eq(lead->state, ROUTER_ACKED);
    cr_assert(extend(1000000, lead->id, token, 1000) == ERR_CONFLICT);
    cr_assert(release(1000000, lead->id, token) == ERR_CONFLICT);
    cr_assert(complete(1000001, lead->id, token, "won") == ERR_OK);
    cr_assert_eq(lead->completed_at_ms, 1000001);
    cr_assert(complete(1000002, lead->id, token, "won") == ERR_OK);
    cr_assert(complete(1000003, lead->id, token, "lost") == ERR_CONFLICT);
    cr_assert(ack(1000003, lead->id, token) == ERR_CONFLICT);
    EXPECT_LOG(&w, "leased a/ sales:enterprise:50 by c\n"
                   "acked a/ sales:enterprise:50 by c\n"
                   "completed a/ sales:enterprise:50 by c as won\n");
}

Test(router_core, a_leased_lead_can_be_completed_at_once)
{
    big_lead("a");
    const struct router_lead *lead = lease_one(0, "enterprise", "c");
    char token[ROUTER_TOKEN_BYTES];
    router_lead_token(lead, token);
    cr_assert(complete(1, lead->id, token, "bought") == ERR_INVALID);
    cr_assert(complete(1, lead->id, token, "") == ERR_INVALID);
    cr_assert(complete(1, lead->id, token, "rejected") == ERR_OK);
    router_core_tick(w.core, 1000000, &w.effects);
    cr_assert_eq(lead->state, ROUTER_COMPLETED);
    cr_assert(lease_one(1000001, "enterprise", "d") == NULL);
}

Test(router_core, a_released_lead_keeps_its_place)
{
    router_world_send(&w, "a", "u", "qualify.pql", true);
    router_world_send(&w, "b", "u", "qualify.pql", true);
    const struct router_lead *lead = lease_one(0, "self_serve", "c");
    char token[ROUTER_TOKEN_BYTES];
    router_lead_token(lead, token);
    router_world_log(&w);
    cr_assert(release(1, lead->id, token) == ERR_OK);
    cr_assert(release(1, lead->id, token) == ERR_OK); // again
    EXPECT_LOG(&w, "released a/ self_serve:self_serve:0 (no time) by c\n");
    cr_assert(lease_one(2, "self_serve", "d") == lead);
    cr_assert_eq(lead->attempts, 2);
}

Test(router_core, a_token_is_of_one_lease_alone)
{
    big_lead("a");
    const struct router_lead *lead = lease_one(0, "enterprise", "c");
    char first[ROUTER_TOKEN_BYTES], second[ROUTER_TOKEN_BYTES];
    router_lead_token(lead, first);
    cr_assert(release(1, lead->id, first) == ERR_OK);
    cr_assert(ack(1, lead->id, first) == ERR_CONFLICT);
    cr_assert(complete(1, lead->id, first, "won") == ERR_CONFLICT);
    cr_assert(lease_one(2, "enterprise", "d") == lead);
    router_lead_token(lead, second);
    cr_assert(strcmp(first, second) != 0);
    cr_assert(ack(3, lead->id, first) == ERR_CONFLICT);
    cr_assert(release(3, lead->id, first) == ERR_CONFLICT);
    cr_assert(extend(3, lead->id, first, 1) == ERR_CONFLICT);
    cr_assert(complete(3, lead->id, first, "won") == ERR_CONFLICT);
    cr_assert(ack(3, lead->id, "") == ERR_CONFLICT);
    cr_assert(ack(3, "L0", second) == ERR_NOT_FOUND);
    cr_assert_str_eq(lead->consumer, "d");
    cr_assert(ack(3, lead->id, second) == ERR_OK);
}

Test(router_core, a_lead_that_was_never_leased_has_no_token)
{
    big_lead("a");
    char token[ROUTER_TOKEN_BYTES];
    router_lead_token(lead_of("a"), token);
    cr_assert(ack(1, lead_of("a")->id, token) == ERR_CONFLICT);
    cr_assert(complete(1, lead_of("a")->id, token, "won") == ERR_CONFLICT);
}

Test(router_core, the_same_lease_request_gets_the_same_leads)
{
    for (int i = 0; i < 4; i++) {
        char account[16];
        snprintf(account, sizeof account, "a%d", i);
        router_world_send(&w, account, "u", "qualify.pql", true);
    }
    const struct router_lead *first[8], *again[8];
    cr_assert_eq(router_world_lease(&w, 0, "self_serve", "c", 2, "r1", first), 2);
    cr_assert_eq(router_world_lease(&w, 5, "self_serve", "c", 2, "r1", again), 2);
    cr_assert(first[0] == again[0] && first[1] == again[1]);
    cr_assert_eq(first[0]->attempts, 1);
    // Another consumer's request of the same name is another one.
    cr_assert_eq(router_world_lease(&w, 5, "self_serve", "d", 1, "r1", again), 1);
    cr_assert(again[0] != first[0] && again[0] != first[1]);
    // What is no longer held under it is not given again, to whoever has it now.
    char token[ROUTER_TOKEN_BYTES];
    router_lead_token(first[0], token);
    cr_assert(release(6, first[0]->id, token) == ERR_OK);
    cr_assert_eq(router_world_lease(&w, 7, "self_serve", "c", 2, "r1", again), 1);
    cr_assert(again[0] == first[1]);
    cr_assert_eq(router_world_lease(&w, 8, "self_serve", "c", 1, "r2", again), 1);
    cr_assert(again[0] == first[0]);
    cr_assert_eq(router_world_lease(&w, 9, "self_serve", "c", 2, "r1", again), 1);
    // Nothing but the leases' own decisions happened.
    struct router_counts counts;
    router_core_counts(w.core, &counts);
    cr_assert_eq(counts.states[ROUTER_LEASED], 3);
    cr_assert_eq(counts.states[ROUTER_WAITING], 1);
}

Test(router_core, a_request_that_got_nothing_is_not_remembered)
{
    const struct router_lead *leads[8];
    cr_assert_eq(router_world_lease(&w, 0, "self_serve", "c", 2, "r1", leads), 0);
    router_world_send(&w, "a", "u", "qualify.pql", true);
    cr_assert_eq(router_world_lease(&w, 0, "self_serve", "c", 2, "r1", leads), 1);
}

Test(router_core, lease_requests_are_checked)
{
    const struct router_lead *leads[ROUTER_LEASE_LEADS_MAX];
    size_t n;
    struct err_info info;
    struct router_lease good = {span_of("sales"), span_of("c"), {NULL, 0}, 1, 0};
    struct router_lease bad = good;
    bad.queue = span_of("nowhere");
    cr_assert(router_core_lease(w.core, 0, &bad, leads, &n, &w.effects, &info) == ERR_NOT_FOUND);
    cr_assert(strstr(info.text, "nowhere") != NULL);
    cr_assert(router_core_prospect(w.core, &bad) == ROUTER_PROSPECT_UNKNOWN);
    bad.queue = span_of("");
    cr_assert(router_core_lease(w.core, 0, &bad, leads, &n, &w.effects, &info) == ERR_NOT_FOUND);
    bad = good;
    bad.consumer = span_of("");
    cr_assert(router_core_lease(w.core, 0, &bad, leads, &n, &w.effects, &info) == ERR_INVALID);
    bad = good;
    bad.max = 0;
    cr_assert(router_core_lease(w.core, 0, &bad, leads, &n, &w.effects, &info) == ERR_INVALID);
    bad.max = ROUTER_LEASE_LEADS_MAX + 1;
    cr_assert(router_core_lease(w.core, 0, &bad, leads, &n, &w.effects, &info) == ERR_INVALID);
    bad = good;
    bad.lease_ms = -1;
    cr_assert(router_core_lease(w.core, 0, &bad, leads, &n, &w.effects, &info) == ERR_INVALID);
    bad.lease_ms = (int64_t)ROUTER_LEASE_MS_MAX + 1;
    cr_assert(router_core_lease(w.core, 0, &bad, leads, &n, &w.effects, &info) == ERR_INVALID);
    cr_assert(router_core_lease(w.core, 0, &good, leads, &n, &w.effects, &info) == ERR_OK);
    cr_assert_eq(n, 0);
    cr_assert(router_core_prospect(w.core, &good) == ROUTER_PROSPECT_NOTHING);
}

Test(router_core, the_oldest_remembered_request_makes_room)
{
    router_world_send(&w, "a", "u", "qualify.pql", true);
    const struct router_lead *leads[2];
    char id[16], token[ROUTER_TOKEN_BYTES];
    const char *text = "playbook: test\nversion: 2\n"
                       "measures:\n  projects: {count: Project Created}\n"
                       "signals:\n  ready: {projects: {at_least: 3}}\n"
                       "qualify: {pql: ready}\n";
    router_core_set_playbook(w.core, router_world_playbook(text), &w.effects);
    size_t rounds = 0;
    for (int i = 0; i <= ROUTER_REMEMBERED_MAX; i++) {
        char account[16];
        snprintf(account, sizeof account, "n%d", i);
        router_world_send(&w, account, "u", "qualify.pql", true);
        snprintf(id, sizeof id, "r%d", i);
        rounds += router_world_lease(&w, 0, "self_serve", "c", 1, id, leads);
        router_lead_token(leads[0], token);
        cr_assert(ack(0, leads[0]->id, token) == ERR_OK);
    }
    cr_assert_eq(rounds, ROUTER_REMEMBERED_MAX + 1);
    cr_assert_eq(router_world_lease(&w, 0, "self_serve", "c", 1, "r1", leads), 1);
    cr_assert_str_eq(leads[0]->account_id, "n0"); // "a" was first
    // r0 was forgotten: it leases anew.
    cr_assert_eq(router_world_lease(&w, 0, "self_serve", "c", 1, "r0", leads), 1);
    cr_assert_eq(leads[0]->state, ROUTER_LEASED);
    buf_clear(&w.log);
}

// ---- Reading ------------------------------------------------------------------------------------

Test(router_core, leads_are_listed_in_pages_with_filters)
{
    for (int i = 0; i < 5; i++) {
        char account[16];
        snprintf(account, sizeof account, "a%d", i);
        router_world_send(&w, account, "u", "qualify.pql", true);
    }
    big_lead("big");
    const struct router_lead *leads[8];
    uint64_t next, total;
    struct router_filter filter = {.max = 2};
    cr_assert_eq(router_core_leads(w.core, &filter, leads, &next, &total), 2);
    cr_assert_eq(total, 6);
    cr_assert_eq(next, 2);
    filter.after = 4;
    filter.max = 8;
    cr_assert_eq(router_core_leads(w.core, &filter, leads, &next, &total), 2);
    cr_assert_str_eq(leads[1]->account_id, "big");
    cr_assert_eq(next, 0);
    filter = (struct router_filter){.queue = span_of("enterprise"), .max = 8};
    cr_assert_eq(router_core_leads(w.core, &filter, leads, &next, &total), 1);
    cr_assert_eq(total, 1);
    filter = (struct router_filter){.state = ROUTER_LEASED, .max = 8};
    cr_assert_eq(router_core_leads(w.core, &filter, leads, &next, &total), 0);
    lease_one(0, "self_serve", "c");
    cr_assert_eq(router_core_leads(w.core, &filter, leads, &next, &total), 1);
    filter = (struct router_filter){.account = span_of("a3"), .max = 8};
    cr_assert_eq(router_core_leads(w.core, &filter, leads, &next, &total), 1);
    cr_assert_str_eq(leads[0]->account_id, "a3");
    filter.account = span_of("nobody");
    cr_assert_eq(router_core_leads(w.core, &filter, leads, &next, &total), 0);
    filter = (struct router_filter){.after = 1000000, .max = 8};
    cr_assert_eq(router_core_leads(w.core, &filter, leads, &next, &total), 0);
    cr_assert_eq(next, 0);
}

Test(router_core, an_account_shows_its_stage_and_contacts)
{
    struct arena arena;
    arena_init(&arena, 1024, 0);
    struct router_account_view view;
    router_core_account(w.core, span_of("a"), &arena, &view);
    cr_assert(!view.known);
    router_world_send(&w, "a", "u1", "risky", true);
    router_core_account(w.core, span_of("a"), &arena, &view);
    cr_assert(view.known);
    cr_assert_str_eq(view.stage, "signed_up");
    router_world_send(&w, "a", "u1", "qualify.pal", true);
    router_core_account(w.core, span_of("a"), &arena, &view);
    cr_assert_str_eq(view.stage, "activated");
    router_world_send(&w, "a", "u0", "qualify.pql", true);
    router_core_account(w.core, span_of("a"), &arena, &view);
    cr_assert_str_eq(view.stage, "pql");
    cr_assert_eq(view.n_pqls, 1);
    cr_assert_str_eq(view.pqls[0].user_id, "u0");
    cr_assert(view.lead != NULL && !view.pqa);
    arena_deinit(&arena);
}

Test(router_core, queues_are_counted)
{
    router_world_send(&w, "a", "u", "qualify.pql", true);
    router_world_send(&w, "b", "u", "qualify.pql", true);
    lease_one(0, "self_serve", "c");
    struct arena arena;
    arena_init(&arena, 1024, 0);
    const struct router_queue_view *queues;
    cr_assert_eq(router_core_queues(w.core, &arena, &queues), 3);
    cr_assert_str_eq(queues[0].name, "enterprise");
    cr_assert_eq(queues[0].oldest_known_at_ms, INT64_MIN);
    cr_assert_str_eq(queues[1].name, "sales");
    cr_assert_str_eq(queues[2].name, "self_serve");
    cr_assert_eq(queues[2].counts[ROUTER_WAITING], 1);
    cr_assert_eq(queues[2].counts[ROUTER_LEASED], 1);
    cr_assert_eq(queues[2].oldest_known_at_ms, 21); // b's
    // The first one comes back and is the oldest again.
    router_core_tick(w.core, 1000000, &w.effects);
    router_core_queues(w.core, &arena, &queues);
    cr_assert_eq(queues[2].oldest_known_at_ms, 11);
    arena_deinit(&arena);
}
