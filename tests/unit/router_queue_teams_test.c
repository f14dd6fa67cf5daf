// SPDX-License-Identifier: Apache-2.0
// links: router_core playbook
//
// Queues whose leads have reps: who may lease what, and what becomes of reps when a lead is parked,
// redriven, delayed or routed elsewhere.
#include <criterion/criterion.h>

#include "services/router/core/state.h"
#include "tests/support/team_world.h"

#define EXPECT_LOG(w, expected)                                                                    \
    do {                                                                                           \
        const char *got_ = team_world_log(w);                                                      \
        cr_assert(strcmp(got_, expected) == 0, "expected:\n%s\ngot:\n%s", expected, got_);         \
    } while (0)

static const int64_t HOUR = 3600 * 1000;

static struct team_world w;

static void teardown(void)
{
    team_world_deinit(&w);
}

TestSuite(router_queue_teams, .fini = teardown);

#define TWO "teams: {smb: {queue: sales, reps: {ana: {}, ben: {}}}}\n"
#define ONE_EACH "teams: {smb: {queue: sales, caps: {open: 1}, reps: {ana: {}, ben: {}}}}\n"

static const struct router_lead *lead_of(const char *account)
{
    return team_world_lead_of(&w, account);
}

static void leads(int n)
{
    for (int i = 1; i <= n; i++) {
        char account[16];
        snprintf(account, sizeof account, "a%d", i);
        team_world_lead(&w, account);
    }
}

static struct router_queue *sales(void)
{
    return router_state_queue(w.core, span_of("sales"), false);
}

static enum router_prospect prospect(const char *consumer)
{
    struct router_lease request = {
        .queue = span_of("sales"), .consumer = span_of(consumer), .max = 1};
    return router_core_prospect(w.core, &request);
}

static void expect_taken(const char *consumer, const char *account)
{
    cr_assert_eq(prospect(consumer), ROUTER_PROSPECT_LEADS);
    const struct router_lead *lead = team_world_take(&w, "sales", consumer);
    cr_assert(lead != NULL, "%s gets nothing instead of %s", consumer, account);
    cr_assert_str_eq(lead->account_id, account);
}

static void expect_nothing(const char *consumer)
{
    cr_assert_eq(prospect(consumer), ROUTER_PROSPECT_NOTHING);
    cr_assert(team_world_take(&w, "sales", consumer) == NULL);
}

static enum err park(const char *account)
{
    const struct router_lead *out;
    enum err err = router_core_park(w.core, w.now_ms, span_of(lead_of(account)->id), span_of(""),
                                    span_of("later"), span_of("olga"), &out, &w.effects, NULL);
    team_world_note(&w);
    return err;
}

static size_t redrive(const char *lead_id, const char *queue)
{
    size_t n;
    cr_assert(router_core_redrive(w.core, w.now_ms, span_of(lead_id), span_of(queue),
                                  span_of("olga"), &n, &w.effects, NULL) == ERR_OK);
    team_world_note(&w);
    return n;
}

static enum err delay(const char *account, const char *reason, int64_t delay_ms)
{
    char token[ROUTER_TOKEN_BYTES];
    router_lead_token(lead_of(account), token);
    const struct router_lead *out;
    enum err err =
        router_core_release(w.core, w.now_ms, span_of(lead_of(account)->id), span_of(token),
                            span_of(reason), delay_ms, &out, &w.effects, NULL);
    team_world_note(&w);
    return err;
}

static void use(const char *head, const char *teams)
{
    char text[4096];
    snprintf(text, sizeof text, "%s%s", head, teams);
    struct playbook *playbook;
    struct buf report = {0};
    enum err err = playbook_load("t.yaml", span_of(text), &playbook, &report);
    cr_assert(err == ERR_OK, "%.*s", (int)report.len, (const char *)report.bytes);
    buf_deinit(&report);
    router_core_set_playbook(w.core, playbook, &w.effects);
    team_world_note(&w);
}

// ---- Who leases what ----------------------------------------------------------------------------

Test(router_queue_teams, a_rep_gets_his_leads_and_anybody_else_any)
{
    team_world_init(&w, TWO);
    leads(6); // ana, ben, ana, ben ...
    cr_assert_eq(sales()->ready, 6);
    expect_taken("ben", "a2");
    expect_taken("crm", "a1");
    expect_taken("ana", "a3");
    expect_taken("crm", "a4");
    expect_taken("ben", "a6");
    expect_nothing("ben");
    expect_taken("ana", "a5");
    expect_nothing("ana");
    expect_nothing("crm");
}

Test(router_queue_teams, a_rep_s_strongest_and_oldest_comes_first)
{
    team_world_init(&w, TWO);
    team_world_is(&w, "cold", "cold");
    team_world_is(&w, "hot", "hot");
    team_world_lead(&w, "cold"); // ana
    team_world_lead(&w, "x");    // ben
    team_world_lead(&w, "warm"); // ana
    team_world_lead(&w, "y");    // ben
    team_world_lead(&w, "hot");  // ana
    expect_taken("ana", "hot");
    expect_taken("ana", "warm");
    expect_taken("ana", "cold");
}

Test(router_queue_teams, what_nobody_has_cannot_be_leased)
{
    team_world_init(&w, ONE_EACH);
    leads(3);
    cr_assert_eq(sales()->ready, 2);
    cr_assert_eq(sales()->counts[ROUTER_WAITING], 3);
    expect_taken("ana", "a1");
    expect_taken("crm", "a2");
    expect_nothing("crm");
    expect_nothing("ana");
    team_world_log(&w);
    cr_assert_eq(team_world_do(&w, lead_of("a1"), TEAM_WIN), ERR_OK);
    EXPECT_LOG(&w, "completed a1 ana\nassigned a3 ana\n");
    expect_taken("ana", "a3");
}

Test(router_queue_teams, a_lead_that_changes_hands_is_where_its_rep_looks)
{
    team_world_init(&w, TWO);
    leads(2);
    cr_assert_eq(team_world_assign(&w, "a1", "ben"), ERR_OK);
    expect_nothing("ana");
    expect_taken("ben", "a1");
    expect_taken("ben", "a2");
    cr_assert_eq(team_world_do(&w, lead_of("a2"), TEAM_DECLINE), ERR_OK);
    cr_assert_str_eq(lead_of("a2")->rep, "ana");
    expect_nothing("ben");
    expect_taken("ana", "a2");
    // A lease that runs out leaves it his.
    w.now_ms += 2 * HOUR;
    router_core_tick(w.core, w.now_ms, &w.effects);
    team_world_note(&w);
    cr_assert_str_eq(lead_of("a2")->rep, "ana");
    expect_taken("ana", "a2");
    expect_nothing("ana");
    expect_taken("crm", "a1");
}

Test(router_queue_teams, heaps_of_reps_and_queues_stay_small)
{
    team_world_init(&w, "teams: {smb: {queue: sales, reps: {ana: {}}}}\n");
    leads(2);
    struct desk *desk = router_teams_desk(sales()->crew, span_of("ana"), false);
    for (int i = 0; i < 1000; i++) {
        ((struct router_lead *)lead_of("a1"))->attempts_base = lead_of("a1")->attempts;
        expect_taken(i % 3 == 0 ? "crm" : "ana", "a1");
        cr_assert_eq(sales()->ready, 1);
        cr_assert_eq(desk->ready, 1);
        cr_assert_eq(team_world_do(&w, lead_of("a1"), TEAM_RELEASE), ERR_OK);
        cr_assert_eq(desk->ready, 2);
        cr_assert(desk->waiting.n <= 128 && sales()->waiting.n <= 128);
        cr_assert(w.core->expiries.n <= 128);
        buf_clear(&w.log);
    }
    expect_taken("ana", "a1");
    expect_taken("ana", "a2");
    expect_nothing("ana");
}

// ---- Parked and back ----------------------------------------------------------------------------

Test(router_queue_teams, a_parked_lead_frees_its_slot_and_comes_anew)
{
    team_world_init(&w, ONE_EACH);
    leads(3);
    team_world_log(&w);
    cr_assert(park("a2") == ERR_OK);
    EXPECT_LOG(&w, "parked a2 ben (later)\nassigned a3 ben\n");
    cr_assert_eq(redrive(lead_of("a2")->id, ""), 1);
    EXPECT_LOG(&w, "redriven a2\nheld a2\n");
    cr_assert_eq(lead_of("a2")->held_since_ms, w.now_ms);
    expect_taken("ben", "a3");
    cr_assert_eq(team_world_do(&w, lead_of("a3"), TEAM_LOSE), ERR_OK);
    EXPECT_LOG(&w, "leased a3 ben\ncompleted a3 ben\nassigned a2 ben\n");
    // One that is parked while it waits for a rep frees nothing.
    team_world_lead(&w, "a4");
    cr_assert(park("a4") == ERR_OK);
    EXPECT_LOG(&w, "held a4\nparked a4 (later)\n");
    cr_assert_eq(sales()->crew->n_held, 0);
    cr_assert_eq(redrive("", "sales"), 1);
    EXPECT_LOG(&w, "redriven a4\nheld a4\n");
}

Test(router_queue_teams, attempts_that_are_used_up_free_the_slot)
{
    team_world_init(&w, ONE_EACH);
    leads(3);
    for (int i = 0; i < 3; i++) {
        expect_taken("ana", "a1");
        cr_assert_eq(team_world_do(&w, lead_of("a1"), TEAM_RELEASE), ERR_OK);
    }
    cr_assert_str_eq(lead_of("a1")->parked_reason, "attempts");
    cr_assert_str_eq(lead_of("a3")->rep, "ana");
}

// ---- Delays -------------------------------------------------------------------------------------

Test(router_queue_teams, a_delayed_lead_stays_with_its_rep)
{
    team_world_init(&w, ONE_EACH);
    leads(3);
    expect_taken("ana", "a1");
    team_world_log(&w);
    cr_assert(delay("a1", "call later", 5 * HOUR) == ERR_OK);
    EXPECT_LOG(&w, "released a1 ana (call later)\ndelayed a1 ana (released)\n");
    expect_nothing("ana");
    cr_assert_eq(lead_of("a3")->held_since_ms, w.now_ms); // the slot is his still
    w.now_ms += 5 * HOUR;
    router_core_tick(w.core, w.now_ms, &w.effects);
    expect_taken("ana", "a1");
    // Who declines has no say about when.
    cr_assert(delay("a1", "declined", 5 * HOUR) == ERR_OK);
    cr_assert_eq(lead_of("a1")->not_before_ms, 0);
}

Test(router_queue_teams, the_busiest_hour_comes_before_the_rep)
{
    team_world_init(&w, TWO);
    use("playbook: test\nversion: 2\n"
        "measures: {projects: {count: Project Created}}\n"
        "signals: {ready: {projects: {at_least: 3}}}\n"
        "qualify: {pql: ready}\n"
        "route: [{when: always, motion: sales}]\n"
        "queues: {sales: {deliver: busiest_hour}}\n",
        TWO);
    team_world_signal(&w, "a1", "", "fact.measure.busiest_hour", true, "16000"); // 15:00
    team_world_log(&w);
    leads(1); // at 10:00
    EXPECT_LOG(&w, "delayed a1 (busiest hour)\n");
    cr_assert_str_eq(lead_of("a1")->rep, "");
    cr_assert_eq(sales()->ready, 0);
    router_teams_fill(w.core, &w.effects);
    EXPECT_LOG(&w, "");
    w.now_ms += 6 * HOUR;
    router_core_tick(w.core, w.now_ms, &w.effects);
    EXPECT_LOG(&w, "assigned a1 ana\n");
    cr_assert_eq(lead_of("a1")->assigned_at_ms, w.now_ms - HOUR);
    expect_taken("ana", "a1");
}

// ---- Routed elsewhere ---------------------------------------------------------------------------

static const char BIG_ELSEWHERE[] = "playbook: test\nversion: 2\n"
                                    "measures: {projects: {count: Project Created}}\n"
                                    "signals: {ready: {projects: {at_least: 3}}}\n"
                                    "segments:\n"
                                    "  big: {account.employees: {at_least: 1000}}\n"
                                    "  hot: {account.grade: {is: A}}\n"
                                    "qualify: {pql: ready}\n"
                                    "route:\n"
                                    "  - {when: {segment: big}, motion: sales, queue: big}\n"
                                    "  - {when: always, motion: sales}\n"
                                    "priority: [{when: {segment: hot}, add: 7}]\n"
                                    "queues: {sales: {lease: 1h}, big: {lease: 1h}}\n";

Test(router_queue_teams, a_lead_that_is_routed_elsewhere_frees_its_slot)
{
    team_world_init(&w, TWO);
    use(BIG_ELSEWHERE, ONE_EACH);
    leads(3);
    team_world_log(&w);
    team_world_is(&w, "a1", "big");
    EXPECT_LOG(&w, "routed a1 (signals)\nassigned a3 ana\n");
    cr_assert_str_eq(lead_of("a1")->team, "");
    cr_assert_eq(team_world_take(&w, "big", "anybody"), lead_of("a1"));
    // Another strength alone leaves it his.
    team_world_log(&w);
    team_world_is(&w, "a2", "hot");
    EXPECT_LOG(&w, "routed a2 ben (signals)\n");
    cr_assert_eq(lead_of("a2")->priority, 7);
    cr_assert_str_eq(lead_of("a2")->rep, "ben");
    expect_taken("ben", "a2");
}

Test(router_queue_teams, a_held_lead_that_grows_stronger_comes_before_the_others)
{
    team_world_init(&w, TWO);
    use(BIG_ELSEWHERE, ONE_EACH);
    leads(5);
    team_world_is(&w, "a5", "hot");
    team_world_log(&w);
    expect_taken("ana", "a1");
    cr_assert_eq(team_world_do(&w, lead_of("a1"), TEAM_WIN), ERR_OK);
    EXPECT_LOG(&w, "leased a1 ana\ncompleted a1 ana\nassigned a5 ana\n");
}

Test(router_queue_teams, an_overflowed_lead_stays_while_its_route_is_the_same)
{
    static const char OVERFLOWS[] =
        "teams:\n"
        "  smb:\n"
        "    queue: sales\n"
        "    caps: {open: 1}\n"
        "    reps: {ana: {}, ben: {}}\n"
        "    full: {wait: 30m, then: {motion: sales, queue: backup}, working_time: false}\n";
    char head[2048];
    snprintf(head, sizeof head,
             "%.*squeues: {sales: {lease: 1h}, big: {lease: 1h}, backup: {lease: 1h}}\n",
             (int)(strstr(BIG_ELSEWHERE, "queues:") - BIG_ELSEWHERE), BIG_ELSEWHERE);
    team_world_init(&w, TWO);
    use(head, OVERFLOWS);
    leads(3);
    w.now_ms += HOUR;
    router_core_tick(w.core, w.now_ms, &w.effects);
    team_world_log(&w);
    cr_assert_str_eq(lead_of("a3")->queue, "backup");
    cr_assert_str_eq(lead_of("a3")->team, "");
    team_world_is(&w, "a3", "hot");
    EXPECT_LOG(&w, "");
    cr_assert_str_eq(lead_of("a3")->queue, "backup");
    team_world_is(&w, "a3", "big");
    EXPECT_LOG(&w, "routed a3 (signals)\n");
    cr_assert_str_eq(lead_of("a3")->queue, "big");
}

Test(router_queue_teams, a_lead_that_is_withdrawn_frees_its_slot)
{
    team_world_init(&w, ONE_EACH);
    leads(3);
    team_world_log(&w);
    team_world_signal(&w, "a1", "u", "qualify.pql", false, "");
    EXPECT_LOG(&w, "withdrawn a1 ana (no longer qualifies)\nassigned a3 ana\n");
    cr_assert_eq(sales()->ready, 2);
}

// ---- Experiments --------------------------------------------------------------------------------

Test(router_queue_teams, an_arm_says_the_time_to_the_first_touch)
{
    static const char SLA[] =
        "teams:\n"
        "  smb:\n"
        "    queue: sales\n"
        "    reps: {ana: {}, ben: {}}\n"
        "    sla: {first_touch: 10h}\n"
        "experiments:\n"
        "  speed: {arms: {fast: {share: 50%, first_touch: 1h}, as_ever: {share: 50%}}}\n";
    team_world_init(&w, SLA);
    leads(20);
    int fast = 0;
    for (int i = 1; i <= 20; i++) {
        char account[16];
        snprintf(account, sizeof account, "a%d", i);
        const struct router_lead *lead = lead_of(account);
        bool is_fast = strcmp(lead->arms[0], "fast") == 0;
        fast += is_fast;
        cr_assert_eq(lead->touch_by_ms - lead->assigned_at_ms, is_fast ? HOUR : 10 * HOUR);
    }
    cr_assert(fast > 0 && fast < 20);
}

// ---- Instants -----------------------------------------------------------------------------------

Test(router_queue_teams, at_one_instant_leads_come_before_teams)
{
    // Ben comes to work at the instant at which the lead that nobody could take goes elsewhere.
    team_world_init(&w, "teams:\n"
                        "  smb:\n"
                        "    queue: sales\n"
                        "    hours: \"09:00-12:00\"\n"
                        "    reps: {ana: {inactive: true}, ben: {hours: \"11:00-12:00\"}}\n"
                        "    full: {wait: 1h, then: self_serve, working_time: false}\n");
    leads(1); // at 10:00
    team_world_log(&w);
    cr_assert_eq(router_core_next_due(w.core), w.now_ms + HOUR);
    team_world_tick(&w, "2026-01-05T11:30:00Z");
    EXPECT_LOG(&w, "overflowed a1 self_serve:self_serve (nobody could take it for 1h)\n");
}
