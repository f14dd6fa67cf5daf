// SPDX-License-Identifier: Apache-2.0
// Teams and reps as they are now: nothing here changes what is decided.
#include "services/router/core/teams_impl.h"

#include <string.h>

static int64_t next_change_ms(const struct router_core *core, const struct crew *crew,
                              const struct desk *desk, int64_t now_ms, bool absent)
{
    int64_t until_ms;
    (void)rota_at(core, crew, desk, now_ms, &until_ms);
    // Back from an absence, he may be off hours still.
    if (absent && until_ms != INT64_MAX &&
        rota_at(core, crew, desk, until_ms, &(int64_t){0}) == ROUTER_ABSENT)
        (void)rota_at(core, crew, desk, until_ms, &until_ms);
    return until_ms;
}

static bool is_by_hand(const struct router_rep_change *said)
{
    return said->add || said->remove || said->set_active || said->set_weight || said->set_open ||
           said->set_per_day || said->set_per_period || said->set_units || said->set_absent;
}

static struct router_rep_view view_rep(const struct router_core *core, const struct crew *crew,
                                       const struct desk *desk, int64_t now_ms)
{
    const struct desk_rules *rules = desk->in_force;
    struct look look;
    assign_look(core, crew, desk, now_ms, &look);
    struct router_rep_view view = {
        .now =
            {
                .rep = desk->rep,
                .verdict = look.base,
                .assigned = desk->assigned,
                .weight = rules->weight,
                .open = desk->open,
                .today = look.today,
                .period = look.period,
                .units = desk->units,
                .cap = look.cap,
            },
        .takes = rules->takes != NULL ? rules->takes : "",
        .caps = rules->caps,
        .by_hand = is_by_hand(&desk->change),
        .added = desk->change.add,
        .removed = rules->removed,
        .absent_until_ms = rota_absent_until_ms(desk, now_ms),
        .ever_assigned = desk->ever_assigned,
        .credited = desk->credited,
        .touched = desk->touched,
        .missed = desk->missed,
        .completed = desk->completed,
        .won = desk->won,
        .touch_ms_total = desk->touch_ms_total,
    };
    view.caps.when = NULL;
    view.caps.n_when = 0;
    view.next_change_ms = next_change_ms(core, crew, desk, now_ms, view.absent_until_ms != 0);
    return view;
}

static struct router_team_view view_team(const struct router_core *core, const struct crew *crew,
                                         int64_t now_ms, struct arena *arena)
{
    const struct team *rules = crew->rules;
    struct router_rep_view *reps = arena_alloc(arena, ((size_t)crew->n_desks + 1) * sizeof *reps);
    for (uint32_t i = 0; i < crew->n_desks; i++)
        reps[i] = view_rep(core, crew, crew->desks[i], now_ms);
    return (struct router_team_view){
        .name = crew->name,
        .queue = core->playbook->queues[rules->queue].name,
        .reps = reps,
        .n_reps = crew->n_desks,
        .held = crew->n_held,
        .oldest_held_ms = held_oldest_ms(core, crew),
        .overflowed = crew->overflowed,
        .first_touch_ms = rules->sla.first_touch_ms,
        .admits = rules->admit.set,
        .admit_from = crew->admit_from,
        .admit_slots = crew->admit_slots,
        .admit_weekly = crew->admit_weekly,
        .turned_away_weekly = crew->turned_away_weekly,
        .lost_won_weekly = crew->lost_won_weekly,
        .admit_since_ms = crew->admit_since_ms,
    };
}

size_t router_core_teams(const struct router_core *core, int64_t now_ms, struct arena *arena,
                         const struct router_team_view **out)
{
    struct router_team_view *teams = arena_alloc(arena, (core->n_crews + 1) * sizeof *teams);
    size_t n = 0;
    for (size_t i = 0; i < core->n_crews; i++)
        if (core->crews[i]->rules != NULL)
            teams[n++] = view_team(core, core->crews[i], now_ms, arena);
    *out = teams;
    return n;
}
