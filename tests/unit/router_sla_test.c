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

TestSuite(router_sla, .fini = teardown);

static const char PROMISE[] =
    "    sla:\n"
    "      first_touch: 1h\n"
    "      remind: 45m\n"
    "      reassign: 1\n"
    "      escalate: [{after: 2h, to: lead manager}, {after: 3h, to: head of sales}]\n";

static void start(const char *team)
{
    char text[1024];
    snprintf(text, sizeof text, "teams:\n  smb:\n    queue: sales\n%s%s", team, PROMISE);
    team_world_init(&w, text);
}

static const struct router_rep_view *rep_view(const char *name, struct router_rep_view *found)
{
    struct arena arena;
    arena_init(&arena, 4096, 0);
    const struct router_team_view *teams;
    cr_assert_eq(router_core_teams(w.core, w.now_ms, &arena, &teams), 1);
    for (size_t i = 0; i < teams[0].n_reps; i++)
        if (strcmp(teams[0].reps[i].now.rep, name) == 0)
            *found = teams[0].reps[i];
    arena_deinit(&arena);
    return found;
}

Test(router_sla, reminder_another_rep_then_those_who_are_told)
{
    start("    reps: {A: {}, B: {}, C: {}}\n");
    team_world_lead(&w, "a");
    const struct router_lead *lead = team_world_lead_of(&w, "a");
    cr_assert_eq(lead->touch_by_ms, team_world_instant("2026-01-05T11:00:00Z"));
    cr_assert_eq(router_core_next_due(w.core), team_world_instant("2026-01-05T10:45:00Z"));
    EXPECT_LOG(&w, "assigned a A\n");
    team_world_tick(&w, "2026-01-05T10:59:59.999Z");
    EXPECT_LOG(&w, "reminded a A (not touched yet)\n");
    team_world_tick(&w, "2026-01-05T11:00:00Z");
    EXPECT_LOG(&w, "unassigned a A (not touched in time)\nassigned a B\n");
    cr_assert_eq(lead->touch_by_ms, team_world_instant("2026-01-05T12:00:00Z"));
    cr_assert(lead->sla_missed);
    // Once: then he keeps it, and others are told.
    team_world_tick(&w, "2026-01-05T20:00:00Z");
    EXPECT_LOG(&w, "reminded a B (not touched yet)\n"
                   "noted a B (not touched in time)\n"
                   "escalated a B to lead manager (not touched in time)\n"
                   "escalated a B to head of sales (not touched in time)\n");
    cr_assert_eq(lead->n_escalated, 2);
    cr_assert_eq(router_core_next_due(w.core), INT64_MAX);
    struct router_rep_view view;
    cr_assert_eq(rep_view("A", &view)->missed, 1);
    cr_assert_eq(view.credited, 1);
    cr_assert_eq(view.now.assigned, 0);
    cr_assert_eq(rep_view("B", &view)->missed, 1);
    cr_assert_eq(view.credited, 0);
    // A's credit is back: the next one is his.
    team_world_lead(&w, "b");
    EXPECT_LOG(&w, "assigned b A\n");
}

Test(router_sla, all_at_their_own_instants_however_late_the_clock)
{
    start("    reps: {A: {}, B: {}}\n");
    team_world_lead(&w, "a");
    w.now_ms = team_world_instant("2026-01-06T00:00:00Z");
    router_core_tick(w.core, w.now_ms, &w.effects);
    static const char *const EXPECTED[] = {"10:45", "11:00", "11:00", "11:45",
                                           "12:00", "13:00", "14:00"};
    size_t n = 0;
    for (size_t i = 0; i < w.effects.n; i++) {
        char text[TIME_TEXT_MAX];
        cr_assert_lt(n, 7);
        cr_assert_arr_eq(time_format(w.effects.items[i].at_ms, text) + 11, EXPECTED[n], 5, "%s",
                         text);
        n++;
    }
    cr_assert_eq(n, 7);
    team_world_note(&w);
}

Test(router_sla, a_touch_ends_it)
{
    start("    reps: {A: {}, B: {}}\n");
    team_world_lead(&w, "a");
    const struct router_lead *lead = team_world_take(&w, "sales", "A");
    // To be handed out is no touch.
    team_world_tick(&w, "2026-01-05T10:50:00Z");
    EXPECT_LOG(&w, "assigned a A\nleased a A\nreminded a A (not touched yet)\n");
    cr_assert_eq(team_world_do(&w, lead, TEAM_ACK), ERR_OK);
    team_world_tick(&w, "2026-01-06T00:00:00Z");
    EXPECT_LOG(&w, "acked a A\n");
    cr_assert_eq(lead->touched_at_ms, team_world_instant("2026-01-05T10:50:00Z"));
    cr_assert(!lead->sla_missed);
    struct router_rep_view view;
    cr_assert_eq(rep_view("A", &view)->touched, 1);
    cr_assert_eq(view.touch_ms_total, 50 * TIME_MINUTE_MS);
}

Test(router_sla, to_complete_is_a_touch_too)
{
    start("    reps: {A: {}, B: {}}\n");
    team_world_lead(&w, "a");
    cr_assert_eq(team_world_do(&w, team_world_take(&w, "sales", "A"), TEAM_WIN), ERR_OK);
    team_world_tick(&w, "2026-01-06T00:00:00Z");
    EXPECT_LOG(&w, "assigned a A\nleased a A\ncompleted a A\n");
    struct router_rep_view view;
    cr_assert_eq(rep_view("A", &view)->won, 1);
}

Test(router_sla, another_rep_revokes_the_lease)
{
    start("    reps: {A: {}, B: {}}\n");
    team_world_lead(&w, "a");
    team_world_tick(&w, "2026-01-05T10:30:00Z");
    const struct router_lead *lead = team_world_take(&w, "sales", "A");
    team_world_tick(&w, "2026-01-05T11:00:00Z");
    cr_assert_eq(lead->state, ROUTER_WAITING);
    cr_assert_eq(team_world_do(&w, lead, TEAM_ACK), ERR_CONFLICT);
    cr_assert_eq(team_world_take(&w, "sales", "B"), lead);
    cr_assert_eq(team_world_do(&w, lead, TEAM_ACK), ERR_OK);
    // What was taken from him is no attempt.
    cr_assert_eq(lead->attempts, 2);
    cr_assert_eq(lead->n_delays, 1);
}

Test(router_sla, nobody_else_can_take_it)
{
    start("    reps: {A: {}, B: {inactive: true}}\n");
    team_world_lead(&w, "a");
    team_world_tick(&w, "2026-01-05T12:00:00Z");
    EXPECT_LOG(&w, "assigned a A\nreminded a A (not touched yet)\n"
                   "noted a A (not touched in time)\n"
                   "escalated a A to lead manager (not touched in time)\n");
}

Test(router_sla, time_passes_only_while_he_works)
{
    start("    zone: Europe/Berlin\n"
          "    hours: \"09:00-17:00\"\n"
          "    reps: {A: {absent: [{from: 2026-01-06, to: 2026-01-06}]}}\n");
    team_world_tick(&w, "2026-01-05T15:30:00Z"); // 16:30
    team_world_lead(&w, "a");
    const struct router_lead *lead = team_world_lead_of(&w, "a");
    // Half an hour today, nothing tomorrow, half an hour on Wednesday.
    cr_assert_eq(lead->touch_by_ms, team_world_instant("2026-01-07T08:30:00Z"));
    team_world_tick(&w, "2026-01-07T09:30:00Z");
    EXPECT_LOG(&w, "assigned a A\nreminded a A (not touched yet)\n"
                   "noted a A (not touched in time)\n"
                   "escalated a A to lead manager (not touched in time)\n");
}

Test(router_sla, working_time_over_a_shift_of_the_clock)
{
    // On 29 March 2026 02:00 becomes 03:00: the night shift has an hour less.
    start("    zone: Europe/Berlin\n"
          "    hours: \"01:00-04:00\"\n"
          "    days: [sun, mon]\n"
          "    reps: {A: {}}\n");
    team_world_tick(&w, "2026-03-29T00:30:00Z");
    team_world_lead(&w, "a");
    cr_assert_eq(team_world_lead_of(&w, "a")->touch_by_ms,
                 team_world_instant("2026-03-29T01:30:00Z"));
    team_world_tick(&w, "2026-03-29T01:15:00Z"); // 03:15
    team_world_lead(&w, "b");
    cr_assert_eq(team_world_lead_of(&w, "b")->touch_by_ms,
                 team_world_instant("2026-03-29T23:15:00Z"));
}

Test(router_sla, clock_time_when_the_playbook_says_so)
{
    team_world_init(&w, "teams:\n"
                        "  smb:\n"
                        "    queue: sales\n"
                        "    hours: \"09:00-17:00\"\n"
                        "    reps: {A: {}}\n"
                        "    sla: {first_touch: 24h, working_time: false}\n");
    team_world_lead(&w, "a");
    cr_assert_eq(team_world_lead_of(&w, "a")->touch_by_ms,
                 team_world_instant("2026-01-06T10:00:00Z"));
}

Test(router_sla, a_lead_that_waits_for_a_rep_has_no_clock_yet)
{
    start("    caps: {open: 1}\n    reps: {A: {}}\n");
    team_world_lead(&w, "a");
    team_world_lead(&w, "b");
    const struct router_lead *a = team_world_take(&w, "sales", "A");
    cr_assert_eq(team_world_do(&w, a, TEAM_ACK), ERR_OK);
    team_world_tick(&w, "2026-01-05T15:00:00Z");
    cr_assert_eq(team_world_do(&w, a, TEAM_LOSE), ERR_OK);
    cr_assert_eq(team_world_lead_of(&w, "b")->touch_by_ms,
                 team_world_instant("2026-01-05T16:00:00Z"));
}

Test(router_sla, an_arm_of_an_experiment_has_its_own_time)
{
    team_world_init(&w, "teams:\n"
                        "  smb:\n"
                        "    queue: sales\n"
                        "    reps: {A: {}}\n"
                        "    sla: {first_touch: 1h}\n"
                        "experiments:\n"
                        "  slower: {arms: {slow: {share: 100%, first_touch: 6h}}}\n");
    team_world_lead(&w, "a");
    cr_assert_eq(team_world_lead_of(&w, "a")->touch_by_ms,
                 team_world_instant("2026-01-05T16:00:00Z"));
}

Test(router_sla, what_is_withdrawn_is_told_of_no_more)
{
    start("    reps: {A: {}, B: {}}\n");
    team_world_lead(&w, "a");
    team_world_signal(&w, "a", "u", "qualify.pql", false, "");
    team_world_tick(&w, "2026-01-06T00:00:00Z");
    EXPECT_LOG(&w, "assigned a A\nwithdrawn a A (no longer qualifies)\n");
    struct router_rep_view view;
    cr_assert_eq(rep_view("A", &view)->now.open, 0);
}
