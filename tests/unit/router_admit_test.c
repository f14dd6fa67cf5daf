// SPDX-License-Identifier: Apache-2.0
// links: router_core playbook
#include <criterion/criterion.h>

#include "tests/support/team_world.h"

static struct team_world w;

static void teardown(void)
{
    team_world_deinit(&w);
}

TestSuite(router_admit, .fini = teardown);

static struct router_team_view team(void)
{
    struct arena arena;
    arena_init(&arena, 4096, 0);
    const struct router_team_view *teams;
    cr_assert_eq(router_core_teams(w.core, w.now_ms, &arena, &teams), 1);
    struct router_team_view view = teams[0];
    arena_deinit(&arena);
    return view;
}

static int n_made;

// One lead of a segment (hot 50, cold 1, else 10); who it goes to.
static const struct router_lead *lead(const char *segment)
{
    char account[32];
    snprintf(account, sizeof account, "a%d", n_made++);
    if (segment[0] != '\0')
        team_world_is(&w, account, segment);
    team_world_lead(&w, account);
    return team_world_lead_of(&w, account);
}

static bool is_admitted(const struct router_lead *made)
{
    return !made->overflowed && strcmp(made->queue, "sales") == 0;
}

// So many leads of each strength, and the next morning.
static void day(int hot, int middle, int cold)
{
    for (int i = 0; i < hot; i++)
        (void)lead("hot");
    for (int i = 0; i < middle; i++)
        (void)lead("");
    for (int i = 0; i < cold; i++)
        (void)lead("cold");
    w.now_ms += TIME_DAY_MS;
    router_core_tick(w.core, w.now_ms, &w.effects);
    team_world_note(&w);
}

static void start(const char *caps, const char *admit)
{
    char text[512];
    snprintf(text, sizeof text,
             "teams:\n"
             "  smb:\n"
             "    queue: sales\n"
             "    reps: {A: {%s}, B: {%s}}\n"
             "    full: {wait: 30d, then: self_serve}\n"
             "    admit: %s\n",
             caps, caps, admit);
    team_world_init(&w, text);
}

Test(router_admit, the_week_is_filled_from_the_strongest_down)
{
    start("", "{slots_per_week: 40, days: 28}");
    for (int i = 0; i < 7; i++)
        day(2, 3, 5); // a week: 14, 21 and 35
    cr_assert(is_admitted(lead("hot")));
    struct router_team_view view = team();
    cr_assert(view.admits);
    cr_assert_eq(view.admit_from, 10);
    cr_assert_eq(view.admit_slots, 40);
    cr_assert_float_eq(view.admit_weekly, 35, 1e-9);
    cr_assert_float_eq(view.turned_away_weekly, 35, 1e-9);
    cr_assert_eq(view.admit_since_ms, w.now_ms);
    cr_assert(is_admitted(lead("")));
    const struct router_lead *weak = lead("cold");
    cr_assert(!is_admitted(weak));
    cr_assert(weak->overflowed);
    cr_assert_str_eq(weak->queue, "self_serve");
    cr_assert_str_eq(weak->rep, "");
}

Test(router_admit, what_is_turned_away_says_why)
{
    start("", "{slots_per_week: 20, days: 28}");
    for (int i = 0; i < 7; i++)
        day(2, 3, 0);
    team_world_log(&w);
    (void)lead("");
    const char *expected = "overflowed a35 self_serve:self_serve (below the admitted strength: "
                           "priority 10, from 50)\n";
    const char *got = team_world_log(&w);
    cr_assert_str_eq(got, expected);
}

Test(router_admit, everything_until_there_is_a_week_to_look_at)
{
    start("", "{slots_per_week: 1, days: 28}");
    for (int i = 0; i < 6; i++) {
        cr_assert(is_admitted(lead("cold")));
        day(5, 5, 5);
    }
    cr_assert(is_admitted(lead("cold")));
    day(5, 5, 5);
    cr_assert(!is_admitted(lead("cold")));
    // The strongest are never turned away.
    cr_assert(is_admitted(lead("hot")));
}

Test(router_admit, it_follows_what_comes)
{
    start("", "{slots_per_week: 30, days: 7}");
    for (int i = 0; i < 7; i++)
        day(2, 5, 0); // 14 and 35
    cr_assert(!is_admitted(lead("")));
    for (int i = 0; i < 8; i++)
        day(1, 2, 0); // 7 and 14, of those that come to be judged
    cr_assert(is_admitted(lead("")));
    cr_assert_eq(team().admit_from, INT32_MIN);
}

Test(router_admit, slots_of_the_caps)
{
    // Each rep: 3 on each of 5 days, but 20 in 14 days: 10 a week.
    start("hours: \"09:00-17:00\", caps: {per_day: 3, per_period: {at_most: 20, within: 14d}}",
          "auto");
    day(1, 0, 0);
    (void)lead("");
    cr_assert_eq(team().admit_slots, 20);
    struct router_rep_change change = {.set_active = true, .active = false};
    cr_assert_eq(team_world_change(&w, "B", change), ERR_OK);
    day(1, 0, 0);
    (void)lead("");
    cr_assert_eq(team().admit_slots, 10);
    struct router_rep_change none = {
        .set_per_day = true, .set_per_period = true, .per_day = 0, .per_period = 0};
    cr_assert_eq(team_world_change(&w, "A", none), ERR_OK);
    for (int i = 0; i < 8; i++)
        day(9, 9, 9);
    cr_assert(is_admitted(lead("cold")));
    cr_assert_eq(team().admit_slots, -1);
}

Test(router_admit, what_it_costs_goes_by_outcomes_of_that_strength)
{
    start("", "{slots_per_week: 20, days: 28}");
    // Of four weak leads that the team had, one was won.
    for (int i = 0; i < 4; i++) {
        const struct router_lead *made = lead("cold");
        cr_assert_eq(team_world_take(&w, "sales", made->rep), made);
        cr_assert_eq(team_world_do(&w, made, i == 0 ? TEAM_WIN : TEAM_LOSE), ERR_OK);
    }
    for (int i = 0; i < 7; i++)
        day(2, 0, i == 0 ? 6 : 10); // with those, ten on each day
    (void)lead("hot");
    struct router_team_view view = team();
    cr_assert_eq(view.admit_from, 50);
    cr_assert_float_eq(view.turned_away_weekly, 70, 1e-9);
    cr_assert_float_eq(view.lost_won_weekly, 17.5, 1e-9);
}

Test(router_admit, another_playbook_is_asked_at_once)
{
    start("", "{slots_per_week: 20, days: 28}");
    for (int i = 0; i < 7; i++)
        day(2, 3, 0);
    cr_assert(!is_admitted(lead("")));
    team_world_playbook(&w, "teams:\n"
                            "  smb:\n"
                            "    queue: sales\n"
                            "    reps: {A: {}}\n"
                            "    full: {wait: 30d, then: self_serve}\n"
                            "    admit: {slots_per_week: 40}\n");
    cr_assert(is_admitted(lead("")));
    cr_assert_eq(team().admit_slots, 40);
    // And with none there is no threshold.
    team_world_playbook(&w, "teams: {smb: {queue: sales, reps: {A: {}}}}\n");
    cr_assert(!team().admits);
    cr_assert(is_admitted(lead("cold")));
}
