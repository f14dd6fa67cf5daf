// SPDX-License-Identifier: Apache-2.0
// links: router_core playbook
#include <criterion/criterion.h>

#include "tests/support/team_world.h"

#define EXPECT_LOG(w, expected)                                                                    \
    do {                                                                                           \
        const char *got_ = team_world_log(w);                                                      \
        cr_assert(strcmp(got_, expected) == 0, "expected:\n%s\ngot:\n%s", expected, got_);         \
    } while (0)

static struct team_world w;

static void teardown(void)
{
    team_world_deinit(&w);
}

TestSuite(router_teams, .fini = teardown);

static const char FOUR[] = "teams:\n"
                           "  smb:\n"
                           "    queue: sales\n"
                           "    reps: {A: {weight: 2}, B: {}, C: {}, D: {}}\n";

static void leads(const char *prefix, int n)
{
    for (int i = 1; i <= n; i++) {
        char account[32];
        snprintf(account, sizeof account, "%s%d", prefix, i);
        team_world_lead(&w, account);
    }
}

static const char *rep_of(const char *account)
{
    return team_world_lead_of(&w, account)->rep;
}

// Whoever has the account's lead does that with it.
static void do_with(const char *account, enum team_world_act act)
{
    const struct router_lead *lead = team_world_lead_of(&w, account);
    if (lead->state == ROUTER_WAITING)
        while (team_world_take(&w, lead->queue, "anybody") != lead)
            ;
    cr_assert_eq(team_world_do(&w, lead, act), ERR_OK);
}

// How many leads each of A to D ever got, as in "8 4 4 4".
static const char *counts(void)
{
    static char text[128];
    struct arena arena;
    arena_init(&arena, 4096, 0);
    const struct router_team_view *teams;
    cr_assert_eq(router_core_teams(w.core, w.now_ms, &arena, &teams), 1);
    text[0] = '\0';
    for (size_t i = 0; i < teams[0].n_reps; i++) {
        const struct router_rep_view *rep = &teams[0].reps[i];
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%llu", i == 0 ? "" : " ",
                 (unsigned long long)(rep->ever_assigned - rep->credited));
    }
    arena_deinit(&arena);
    return text;
}

static struct router_rep_view rep_view(const char *name)
{
    struct arena arena;
    arena_init(&arena, 4096, 0);
    const struct router_team_view *teams;
    cr_assert_eq(router_core_teams(w.core, w.now_ms, &arena, &teams), 1);
    struct router_rep_view found = {0};
    for (size_t i = 0; i < teams[0].n_reps; i++)
        if (strcmp(teams[0].reps[i].now.rep, name) == 0)
            found = teams[0].reps[i];
    arena_deinit(&arena);
    return found;
}

// ---- Whose turn it is ---------------------------------------------------------------------------

Test(router_teams, weights_say_whose_turn_it_is)
{
    team_world_init(&w, FOUR);
    leads("a", 10);
    EXPECT_LOG(&w, "assigned a1 A\n"
                   "assigned a2 B\n"
                   "assigned a3 C\n"
                   "assigned a4 D\n"
                   "assigned a5 A\n"
                   "assigned a6 A\n"
                   "assigned a7 B\n"
                   "assigned a8 C\n"
                   "assigned a9 D\n"
                   "assigned a10 A\n");
    leads("b", 10);
    cr_assert_str_eq(counts(), "8 4 4 4");
}

Test(router_teams, who_is_absent_gets_nothing_and_does_not_catch_up)
{
    team_world_init(&w, "teams:\n"
                        "  smb:\n"
                        "    queue: sales\n"
                        "    reps:\n"
                        "      A: {}\n"
                        "      B: {absent: [{from: 2026-01-05, to: 2026-01-06}]}\n"
                        "      C: {}\n");
    leads("a", 20);
    cr_assert_str_eq(counts(), "10 0 10");
    team_world_tick(&w, "2026-01-07T00:00:00Z");
    leads("b", 9);
    cr_assert_str_eq(counts(), "13 3 13");
}

Test(router_teams, who_joins_starts_at_the_level)
{
    team_world_init(&w, FOUR);
    leads("a", 50);
    cr_assert_eq(team_world_change(&w, "E", (struct router_rep_change){.add = true}), ERR_OK);
    leads("b", 12);
    cr_assert_str_eq(counts(), "24 12 12 12 2");
}

Test(router_teams, a_weight_counts_from_now_on)
{
    team_world_init(&w, FOUR);
    leads("a", 50); // 20 10 10 10
    struct router_rep_change change = {.set_weight = true, .weight = 4};
    cr_assert_eq(team_world_change(&w, "B", change), ERR_OK);
    leads("b", 16);
    cr_assert_str_eq(counts(), "24 18 12 12");
}

Test(router_teams, a_shift_that_is_handed_over_starts_at_its_level)
{
    team_world_init(&w, "teams:\n"
                        "  smb:\n"
                        "    queue: sales\n"
                        "    days: [mon, tue, wed, thu, fri, sat, sun]\n"
                        "    reps:\n"
                        "      A: {hours: \"00:00-12:00\"}\n"
                        "      B: {hours: \"12:00-24:00\"}\n"
                        "      C: {hours: \"11:00-13:00\"}\n");
    leads("a", 30); // A alone
    team_world_tick(&w, "2026-01-05T12:00:00Z");
    leads("b", 10);
    cr_assert_str_eq(counts(), "30 5 5");
    team_world_tick(&w, "2026-01-05T14:00:00Z");
    leads("c", 10);
    cr_assert_str_eq(counts(), "30 15 5");
    // Nobody of the night is level with C of yesterday: he starts where they are.
    team_world_tick(&w, "2026-01-06T11:00:00Z");
    leads("d", 10);
    cr_assert_str_eq(counts(), "35 15 10");
}

// ---- Caps ---------------------------------------------------------------------------------------

Test(router_teams, all_full_waits_then_goes_elsewhere)
{
    team_world_init(&w, "teams:\n"
                        "  smb:\n"
                        "    queue: sales\n"
                        "    caps: {open: 1}\n"
                        "    reps: {A: {}, B: {}}\n"
                        "    full: {wait: 30m, then: self_serve}\n");
    leads("a", 3);
    EXPECT_LOG(&w, "assigned a1 A\nassigned a2 B\nheld a3\n");
    cr_assert_eq(team_world_lead_of(&w, "a3")->overflow_at_ms,
                 team_world_instant("2026-01-05T10:30:00Z"));
    team_world_tick(&w, "2026-01-05T10:29:59Z");
    EXPECT_LOG(&w, "");
    team_world_tick(&w, "2026-01-05T10:30:00Z");
    EXPECT_LOG(&w, "overflowed a3 self_serve:self_serve (nobody could take it for 30m)\n");
    const struct router_lead *lead = team_world_take(&w, "self_serve", "anybody");
    cr_assert_not_null(lead);
    cr_assert(lead->overflowed);
    cr_assert_str_eq(lead->team, "");
    team_world_log(&w);
    // A rep who comes free now gets nothing of it.
    do_with("a1", TEAM_WIN);
    EXPECT_LOG(&w, "leased a1 A\ncompleted a1 A\n");
}

Test(router_teams, waiting_time_is_working_time_of_the_team)
{
    team_world_init(&w, "teams:\n"
                        "  smb:\n"
                        "    queue: sales\n"
                        "    zone: Europe/Berlin\n"
                        "    hours: \"09:00-17:00\"\n"
                        "    caps: {open: 1}\n"
                        "    reps: {A: {}, B: {hours: \"12:00-18:00\"}}\n"
                        "    full: {wait: 9h, then: self_serve}\n");
    leads("a", 3); // 11:00 in Berlin: A has one, B comes at noon
    EXPECT_LOG(&w, "assigned a1 A\nheld a2\nheld a3\n");
    team_world_tick(&w, "2026-01-05T11:00:00Z");
    EXPECT_LOG(&w, "assigned a2 B\n");
    // Seven hours until 18:00, two more from 9:00 on.
    cr_assert_eq(team_world_lead_of(&w, "a3")->overflow_at_ms,
                 team_world_instant("2026-01-06T10:00:00Z"));
}

Test(router_teams, a_freed_slot_takes_the_strongest_then_the_oldest)
{
    team_world_init(&w, "teams:\n"
                        "  smb:\n"
                        "    queue: sales\n"
                        "    caps: {open: 1}\n"
                        "    reps: {A: {}}\n");
    leads("a", 1);
    team_world_is(&w, "weak", "cold");
    team_world_lead(&w, "weak");
    leads("n", 2);
    team_world_is(&w, "strong", "hot");
    team_world_lead(&w, "strong");
    team_world_log(&w);
    do_with("a1", TEAM_WIN);
    EXPECT_LOG(&w, "leased a1 A\ncompleted a1 A\nassigned strong A\n");
    do_with("strong", TEAM_LOSE);
    cr_assert_str_eq(rep_of("n1"), "A");
    // A lead that becomes stronger while it waits goes first.
    team_world_is(&w, "weak", "hot");
    do_with("n1", TEAM_LOSE);
    cr_assert_str_eq(rep_of("weak"), "A");
    do_with("weak", TEAM_LOSE);
    cr_assert_str_eq(rep_of("n2"), "A");
}

Test(router_teams, a_cap_per_local_day_starts_anew_at_midnight)
{
    team_world_init(&w, "teams:\n"
                        "  smb:\n"
                        "    queue: sales\n"
                        "    zone: America/New_York\n"
                        "    caps: {per_day: 2}\n"
                        "    reps: {A: {}}\n");
    team_world_tick(&w, "2026-01-06T03:00:00Z"); // 22:00 in New York
    leads("a", 5);
    EXPECT_LOG(&w, "assigned a1 A\nassigned a2 A\nheld a3\nheld a4\nheld a5\n");
    do_with("a1", TEAM_WIN);
    team_world_log(&w);
    team_world_tick(&w, "2026-01-06T04:59:59.999Z");
    EXPECT_LOG(&w, "");
    cr_assert_eq(router_core_next_due(w.core) >= w.now_ms, true);
    team_world_tick(&w, "2026-01-06T05:00:00Z");
    EXPECT_LOG(&w, "assigned a3 A\nassigned a4 A\n");
    team_world_tick(&w, "2026-01-07T06:00:00Z");
    EXPECT_LOG(&w, "assigned a5 A\n");
    cr_assert_eq(team_world_lead_of(&w, "a5")->assigned_at_ms,
                 team_world_instant("2026-01-07T05:00:00Z"));
}

Test(router_teams, a_cap_per_rolling_period)
{
    team_world_init(&w, "teams:\n"
                        "  smb:\n"
                        "    queue: sales\n"
                        "    caps: {per_period: {at_most: 2, within: 7d}}\n"
                        "    reps: {A: {}}\n");
    leads("a", 1);
    team_world_tick(&w, "2026-01-08T10:00:00Z");
    leads("b", 2);
    EXPECT_LOG(&w, "assigned a1 A\nassigned b1 A\nheld b2\n");
    team_world_tick(&w, "2026-01-12T09:59:59.999Z");
    EXPECT_LOG(&w, "");
    team_world_tick(&w, "2026-01-12T10:00:00Z");
    EXPECT_LOG(&w, "assigned b2 A\n");
    leads("c", 1);
    team_world_tick(&w, "2026-01-20T10:00:00Z");
    EXPECT_LOG(&w, "held c1\nassigned c1 A\n");
    cr_assert_eq(team_world_lead_of(&w, "c1")->assigned_at_ms,
                 team_world_instant("2026-01-15T10:00:00Z"));
}

Test(router_teams, units_of_effort)
{
    team_world_init(&w, "teams:\n"
                        "  smb:\n"
                        "    queue: sales\n"
                        "    caps: {units: 4}\n"
                        "    reps: {A: {}, B: {}}\n");
    for (int i = 1; i <= 4; i++) {
        char account[16];
        snprintf(account, sizeof account, "g%d", i);
        team_world_is(&w, account, "big");
    }
    team_world_lead(&w, "g1");
    team_world_lead(&w, "g2");
    leads("a", 3);
    team_world_lead(&w, "g3");
    EXPECT_LOG(&w, "assigned g1 A\nassigned g2 B\nassigned a1 A\nassigned a2 B\nheld a3\n"
                   "held g3\n");
    cr_assert_eq(team_world_lead_of(&w, "g1")->units, 3);
    // One unit is free: the big lead still waits.
    do_with("a1", TEAM_WIN);
    EXPECT_LOG(&w, "leased g1 A\nleased g2 B\nleased a1 A\ncompleted a1 A\nassigned a3 A\n");
    cr_assert_eq(rep_view("A").now.units, 4);
}

Test(router_teams, caps_by_condition_count_their_own)
{
    team_world_init(&w, "teams:\n"
                        "  smb:\n"
                        "    queue: sales\n"
                        "    caps: {open: 5, when: [{if: {segment: big}, open: 1}]}\n"
                        "    reps: {A: {}, B: {caps: {when: [{if: {segment: big}, open: 0}]}}}\n");
    team_world_is(&w, "g1", "big");
    team_world_is(&w, "g2", "big");
    team_world_lead(&w, "g1");
    team_world_lead(&w, "g2");
    leads("a", 2);
    EXPECT_LOG(&w, "assigned g1 A\nheld g2\nassigned a1 B\nassigned a2 A\n");
    do_with("g1", TEAM_WIN);
    cr_assert_str_eq(rep_of("g2"), "A");
}

Test(router_teams, reps_take_what_their_condition_says)
{
    team_world_init(&w, "teams:\n"
                        "  smb:\n"
                        "    queue: sales\n"
                        "    reps:\n"
                        "      A: {takes: {segment: eu}}\n"
                        "      B: {takes: {not: {segment: eu}}}\n");
    team_world_is(&w, "e1", "eu");
    team_world_is(&w, "e2", "eu");
    team_world_lead(&w, "e1");
    team_world_lead(&w, "e2");
    leads("a", 1);
    EXPECT_LOG(&w, "assigned e1 A\nassigned e2 A\nassigned a1 B\n");
}

Test(router_teams, a_held_lead_that_becomes_what_somebody_takes_is_his)
{
    team_world_init(&w, "teams:\n"
                        "  smb:\n"
                        "    queue: sales\n"
                        "    reps: {A: {takes: {segment: eu}}}\n");
    team_world_lead(&w, "a1");
    EXPECT_LOG(&w, "held a1\n");
    team_world_is(&w, "a1", "eu");
    EXPECT_LOG(&w, "assigned a1 A\n");
}

// ---- Owners -------------------------------------------------------------------------------------

Test(router_teams, the_owner_comes_first)
{
    team_world_init(&w, FOUR);
    team_world_owned(&w, "x", "d");
    team_world_owned(&w, "y", "somebody else");
    team_world_lead(&w, "x");
    team_world_lead(&w, "y");
    leads("a", 4);
    EXPECT_LOG(&w, "assigned x D\nassigned y A\nassigned a1 B\nassigned a2 C\nassigned a3 A\n"
                   "assigned a4 A\n");
}

Test(router_teams, an_owner_who_cannot_is_passed_over_or_waited_for)
{
    static const char ABSENT[] = "teams:\n"
                                 "  smb:\n"
                                 "    queue: sales\n"
                                 "    owner: %s\n"
                                 "    reps:\n"
                                 "      A: {}\n"
                                 "      B: {absent: [{from: 2026-01-05, to: 2026-01-05}]}\n";
    char text[512];
    snprintf(text, sizeof text, ABSENT, "team");
    team_world_init(&w, text);
    team_world_owned(&w, "x", "B");
    team_world_lead(&w, "x");
    EXPECT_LOG(&w, "assigned x A\n");
    team_world_deinit(&w);
    snprintf(text, sizeof text, ABSENT, "wait");
    team_world_init(&w, text);
    team_world_owned(&w, "x", "B");
    team_world_lead(&w, "x");
    EXPECT_LOG(&w, "held x\n");
    team_world_tick(&w, "2026-01-06T00:00:00Z");
    EXPECT_LOG(&w, "assigned x B\n");
}

// ---- Back from a rep ----------------------------------------------------------------------------

Test(router_teams, who_declines_does_not_get_it_again_and_has_his_credit_back)
{
    team_world_init(&w, FOUR);
    leads("a", 1);
    do_with("a1", TEAM_DECLINE);
    EXPECT_LOG(&w, "assigned a1 A\nleased a1 A\nreleased a1 A (declined)\n"
                   "unassigned a1 A (declined)\nassigned a1 B\n");
    leads("b", 1);
    EXPECT_LOG(&w, "assigned b1 A\n");
    cr_assert_str_eq(counts(), "1 1 0 0");
}

Test(router_teams, a_release_without_a_word_leaves_it_his)
{
    team_world_init(&w, FOUR);
    leads("a", 1);
    do_with("a1", TEAM_RELEASE);
    cr_assert_str_eq(rep_of("a1"), "A");
    // Only he gets it by his own name; another consumer gets anybody's.
    cr_assert_null(team_world_take(&w, "sales", "B"));
    cr_assert_not_null(team_world_take(&w, "sales", "A"));
}

Test(router_teams, a_lead_that_nobody_else_can_have_waits)
{
    team_world_init(&w, "teams:\n"
                        "  smb:\n"
                        "    queue: sales\n"
                        "    reps: {A: {}}\n");
    leads("a", 1);
    do_with("a1", TEAM_DECLINE);
    EXPECT_LOG(&w, "assigned a1 A\nleased a1 A\nreleased a1 A (declined)\n"
                   "unassigned a1 A (declined)\nheld a1\n");
    cr_assert_eq(team_world_change(&w, "B", (struct router_rep_change){.add = true}), ERR_OK);
    EXPECT_LOG(&w, "rep B: added\nassigned a1 B\n");
}

// ---- What operators say -------------------------------------------------------------------------

Test(router_teams, leads_of_a_removed_rep_go_to_others)
{
    team_world_init(&w, FOUR);
    leads("a", 5); // A B C D A
    const struct router_lead *first = team_world_take(&w, "sales", "A");
    cr_assert_eq(team_world_do(&w, first, TEAM_ACK), ERR_OK);
    const struct router_lead *second = team_world_take(&w, "sales", "A");
    char stale[ROUTER_TOKEN_BYTES];
    router_lead_token(second, stale);
    team_world_log(&w);
    cr_assert_eq(team_world_change(&w, "A", (struct router_rep_change){.remove = true}), ERR_OK);
    EXPECT_LOG(&w, "rep A: removed\n"
                   "unassigned a1 A (rep removed)\nunassigned a5 A (rep removed)\n"
                   "assigned a1 B\nassigned a5 C\n");
    const struct router_lead *out;
    cr_assert_eq(router_core_ack(w.core, w.now_ms, span_of(second->id), span_of(stale), &out,
                                 &w.effects, NULL),
                 ERR_CONFLICT);
    leads("b", 3);
    EXPECT_LOG(&w, "assigned b1 D\nassigned b2 B\nassigned b3 C\n");
    cr_assert_eq(team_world_change(&w, "A", (struct router_rep_change){.set_active = true}),
                 ERR_NOT_FOUND);
    cr_assert_eq(team_world_change(&w, "A", (struct router_rep_change){.add = true}), ERR_OK);
    leads("c", 2);
    EXPECT_LOG(&w, "rep A: added\nassigned c1 A\nassigned c2 D\n");
}

Test(router_teams, an_inactive_rep_keeps_what_he_has_acked)
{
    team_world_init(&w, FOUR);
    leads("a", 5);
    const struct router_lead *first = team_world_take(&w, "sales", "A");
    cr_assert_eq(team_world_do(&w, first, TEAM_ACK), ERR_OK);
    team_world_log(&w);
    struct router_rep_change off = {.set_active = true, .active = false};
    cr_assert_eq(team_world_change(&w, "A", off), ERR_OK);
    EXPECT_LOG(&w, "rep A: inactive\nunassigned a5 A (rep inactive)\nassigned a5 B\n");
    cr_assert_str_eq(rep_of("a1"), "A");
    leads("b", 3);
    EXPECT_LOG(&w, "assigned b1 C\nassigned b2 D\nassigned b3 B\n");
    cr_assert_eq(team_world_assign(&w, "b1", "A"), ERR_INVALID);
}

Test(router_teams, by_hand_whatever_his_caps_say)
{
    team_world_init(&w, "teams:\n"
                        "  smb:\n"
                        "    queue: sales\n"
                        "    caps: {open: 1}\n"
                        "    reps: {A: {}, B: {}}\n");
    leads("a", 2);
    team_world_log(&w);
    cr_assert_eq(team_world_assign(&w, "a1", "B"), ERR_OK);
    EXPECT_LOG(&w, "unassigned a1 A (knows them)\nassigned a1 B (knows them)\n");
    cr_assert_eq(rep_view("B").now.open, 2);
    cr_assert_eq(team_world_assign(&w, "a1", "B"), ERR_OK);
    EXPECT_LOG(&w, "");
    cr_assert_eq(team_world_assign(&w, "a1", "nobody"), ERR_NOT_FOUND);
    // To whoever is next: not to him who had it.
    cr_assert_eq(team_world_assign(&w, "a2", ""), ERR_OK);
    EXPECT_LOG(&w, "unassigned a2 B (knows them)\nassigned a2 A\n");
    do_with("a1", TEAM_WIN);
    cr_assert_eq(team_world_assign(&w, "a1", "A"), ERR_CONFLICT);
}

Test(router_teams, what_an_operator_says_stands_over_the_next_playbook)
{
    team_world_init(&w, FOUR);
    struct router_rep_change change = {.set_open = true, .open = 1};
    cr_assert_eq(team_world_change(&w, "A", change), ERR_OK);
    cr_assert_eq(team_world_change(&w, "E", (struct router_rep_change){.add = true}), ERR_OK);
    team_world_playbook(&w, FOUR);
    cr_assert_eq(rep_view("A").caps.open, 1);
    cr_assert(rep_view("A").by_hand);
    cr_assert(rep_view("E").added && !rep_view("E").removed);
    cr_assert_eq(team_world_change(&w, "A", (struct router_rep_change){.reset = true}), ERR_OK);
    cr_assert_eq(rep_view("A").caps.open, 0);
    cr_assert_eq(team_world_change(&w, "E", (struct router_rep_change){.reset = true}), ERR_OK);
    cr_assert(rep_view("E").removed);
}

Test(router_teams, what_cannot_be_said)
{
    team_world_init(&w, FOUR);
    struct router_rep_change none = {.team = span_of("smb"), .rep = span_of("A")};
    cr_assert_eq(team_world_change(&w, "A", none), ERR_INVALID);
    struct router_rep_change weight = {.set_weight = true, .weight = 101};
    cr_assert_eq(team_world_change(&w, "A", weight), ERR_INVALID);
    struct router_rep_change period = {.set_per_period = true, .per_period = 3, .period_ms = 5};
    cr_assert_eq(team_world_change(&w, "A", period), ERR_INVALID);
    struct router_rep_change open = {.set_open = true, .open = -1};
    cr_assert_eq(team_world_change(&w, "A", open), ERR_INVALID);
    cr_assert_eq(team_world_change(&w, "A", (struct router_rep_change){.add = true}), ERR_CONFLICT);
    cr_assert_eq(team_world_change(&w, "Z", (struct router_rep_change){.remove = true}),
                 ERR_NOT_FOUND);
    for (int i = 0; i < ROUTER_REPS_MAX - 4; i++) {
        char name[16];
        snprintf(name, sizeof name, "r%d", i);
        cr_assert_eq(team_world_change(&w, name, (struct router_rep_change){.add = true}), ERR_OK);
    }
    cr_assert_eq(team_world_change(&w, "one more", (struct router_rep_change){.add = true}),
                 ERR_FULL);
}

Test(router_teams, a_longer_period_knows_what_was_before_it)
{
    team_world_init(&w, "teams:\n"
                        "  smb:\n"
                        "    queue: sales\n"
                        "    reps: {A: {}}\n");
    leads("a", 3);
    team_world_tick(&w, "2026-01-15T10:00:00Z");
    leads("b", 70); // what is older than two days is forgotten by now
    team_world_log(&w);
    struct router_rep_change change = {
        .set_per_period = true, .per_period = 73, .period_ms = 14 * (int64_t)TIME_DAY_MS};
    cr_assert_eq(team_world_change(&w, "A", change), ERR_OK);
    cr_assert_eq(rep_view("A").now.period, 73);
    leads("c", 1);
    EXPECT_LOG(&w, "rep A: cap 73 per 14d\nheld c1\n");
}

// ---- Playbooks ----------------------------------------------------------------------------------

Test(router_teams, another_playbook_moves_what_its_reps_no_longer_hold)
{
    team_world_init(&w, FOUR);
    leads("a", 4);
    team_world_log(&w);
    team_world_playbook(&w, "teams:\n"
                            "  smb:\n"
                            "    queue: sales\n"
                            "    reps: {B: {}, C: {inactive: true}, F: {}}\n");
    EXPECT_LOG(&w, "unassigned a1 A (rep removed)\nassigned a1 B\n"
                   "unassigned a3 C (rep inactive)\nassigned a3 F\n"
                   "unassigned a4 D (rep removed)\nassigned a4 B\n");
    // A queue without its team is leased by whoever comes.
    team_world_playbook(&w, "");
    EXPECT_LOG(&w, "unassigned a1 B (playbook)\nunassigned a2 B (playbook)\n"
                   "unassigned a3 F (playbook)\nunassigned a4 B (playbook)\n");
    cr_assert_not_null(team_world_take(&w, "sales", "C"));
    team_world_log(&w);
    // And back: who holds one keeps it.
    team_world_playbook(&w, FOUR);
    cr_assert_str_eq(rep_of("a1"), "");
    cr_assert_str_neq(rep_of("a2"), "");
}

// ---- Why ----------------------------------------------------------------------------------------

Test(router_teams, an_assignment_tells_why_not_the_others)
{
    team_world_init(&w, "teams:\n"
                        "  smb:\n"
                        "    queue: sales\n"
                        "    caps: {open: 1}\n"
                        "    reps:\n"
                        "      A: {takes: {segment: eu}}\n"
                        "      B: {inactive: true}\n"
                        "      C: {absent: [{from: 2026-01-01, to: 2026-02-01}]}\n"
                        "      D: {hours: \"08:00-09:00\"}\n"
                        "      E: {}\n"
                        "      F: {}\n"
                        "      G: {}\n");
    team_world_lead(&w, "a1"); // E
    struct router_signal s = {.position = 99,
                              .name = span_of("qualify.pql"),
                              .value = true,
                              .account = span_of("a2"),
                              .user = span_of("u"),
                              .at_ms = w.now_ms,
                              .known_at_ms = w.now_ms,
                              .event_id = span_of("e"),
                              .playbook = span_of("p"),
                              .episode = 1};
    router_core_signals(w.core, 0, &s, 1, &w.effects);
    const struct router_decision *d = &w.effects.items[w.effects.n - 1];
    cr_assert_eq(d->step, ROUTER_STEP_ASSIGNED);
    cr_assert_eq(d->n_candidates, 7);
    static const enum router_verdict EXPECTED[] = {
        ROUTER_TAKES_NOT, ROUTER_INACTIVE, ROUTER_ABSENT, ROUTER_OFF_HOURS,
        ROUTER_FULL_OPEN, ROUTER_CHOSEN,   ROUTER_BEHIND};
    for (size_t i = 0; i < 7; i++)
        cr_assert_eq(d->candidates[i].verdict, EXPECTED[i], "%s: %d", d->candidates[i].rep,
                     d->candidates[i].verdict);
    cr_assert_eq(d->candidates[4].cap, 1);
    cr_assert_eq(d->candidates[4].open, 1);
    cr_assert_eq(d->candidates[4].assigned, 1);
    cr_assert_eq(d->offset, team_world_lead_of(&w, "a2")->assigned_offset);
    team_world_note(&w);
}

Test(router_teams, without_a_time_to_wait_it_goes_elsewhere_at_once)
{
    team_world_init(&w, "teams:\n"
                        "  smb:\n"
                        "    queue: sales\n"
                        "    caps: {open: 1}\n"
                        "    reps: {A: {}}\n"
                        "    full: {then: {motion: sales, queue: backup}}\n"
                        "  second:\n"
                        "    queue: backup\n"
                        "    caps: {open: 1}\n"
                        "    reps: {Z: {}}\n"
                        "    full: {then: self_serve}\n");
    leads("a", 3);
    // Once at most: the third one waits at the second team.
    EXPECT_LOG(&w, "assigned a1 A\nheld a2\noverflowed a2 sales:backup (nobody can take it)\n"
                   "assigned a2 Z\nheld a3\noverflowed a3 sales:backup (nobody can take it)\n"
                   "held a3\n");
    do_with("a2", TEAM_WIN);
    cr_assert_str_eq(rep_of("a3"), "Z");
}

Test(router_teams, another_playbook_says_how_long_held_leads_wait)
{
    static const char WAIT[] = "teams:\n"
                               "  smb:\n"
                               "    queue: sales\n"
                               "    caps: {open: 1}\n"
                               "    reps: {A: {}}\n"
                               "%s";
    char text[512];
    snprintf(text, sizeof text, WAIT, "");
    team_world_init(&w, text);
    leads("a", 2);
    cr_assert_eq(team_world_lead_of(&w, "a2")->overflow_at_ms, INT64_MAX);
    snprintf(text, sizeof text, WAIT, "    full: {wait: 1h, then: self_serve}\n");
    team_world_tick(&w, "2026-01-05T12:00:00Z");
    team_world_playbook(&w, text);
    cr_assert_eq(team_world_lead_of(&w, "a2")->overflow_at_ms,
                 team_world_instant("2026-01-05T13:00:00Z"));
    // What was told stays.
    snprintf(text, sizeof text, WAIT, "    full: {wait: 9h, then: self_serve}\n");
    team_world_playbook(&w, text);
    team_world_tick(&w, "2026-01-05T13:00:00Z");
    cr_assert(team_world_lead_of(&w, "a2")->overflowed);
}

Test(router_teams, a_lead_that_waits_for_its_owner_is_free_when_he_goes)
{
    team_world_init(&w, "teams:\n"
                        "  smb:\n"
                        "    queue: sales\n"
                        "    owner: wait\n"
                        "    reps:\n"
                        "      A: {}\n"
                        "      B: {absent: [{from: 2026-01-05, to: 2026-02-05}]}\n");
    team_world_owned(&w, "x", "B");
    team_world_owned(&w, "y", "C");
    team_world_lead(&w, "x");
    team_world_lead(&w, "y");
    EXPECT_LOG(&w, "held x\nassigned y A\n");
    struct router_rep_change off = {.set_active = true, .active = false};
    cr_assert_eq(team_world_change(&w, "B", off), ERR_OK);
    EXPECT_LOG(&w, "rep B: inactive\nassigned x A\n");
}
