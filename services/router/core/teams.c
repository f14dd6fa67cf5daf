// SPDX-License-Identifier: Apache-2.0
// A lead in the queue of a team:
//
//     comes ──admitted──► owner, or the rep who is behind ──► assigned ──► leased, acked, ended
//       │                     │ nobody can         ▲              │ taken from him: credit
//       │ too weak            ▼                    │              ▼
//       └────────► elsewhere ◄──waited── held ─────┘◄─────── comes again
//
// A held lead goes to the first rep who can take it; of several leads the strongest and oldest.
#include "services/router/core/teams_impl.h"

#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/time_text.h"

static const char NOBODY[] = "nobody can take it";

struct crew *teams_of(const struct router_core *core, const struct router_lead *lead)
{
    if (lead->in->crew != NULL && strcmp(lead->in->crew->name, lead->team) == 0)
        return lead->in->crew;
    return router_teams_crew((struct router_core *)core, span_of(lead->team), false);
}

// ---- A rep for it -------------------------------------------------------------------------------

static void go_elsewhere(struct router_core *core, struct crew *crew, struct router_lead *lead,
                         const char *reason, const struct cause *cause,
                         struct router_effects *effects)
{
    held_remove(crew, lead);
    crew->overflowed++;
    crew->dirty = true;
    router_routes_overflow(core, lead, crew->rules->then_motion, crew->rules->then_queue, reason,
                           cause, effects);
}

static void hold(struct router_core *core, struct crew *crew, struct router_lead *lead,
                 const struct kind *kind, const struct cause *cause, struct router_effects *effects)
{
    bool again = lead->held_since_ms != 0;
    held_add(core, crew, lead, kind);
    router_state_lead_changed(core, lead);
    if (again)
        return;
    const struct team *rules = crew->rules;
    lead->held_since_ms = core->clock_ms;
    held_begins(core, crew, lead);
    lead->overflow_at_ms = INT64_MAX;
    if (!lead->overflowed && rules->wait_ms != INT64_MAX)
        lead->overflow_at_ms = rules->wait_working
                                   ? rota_team_after_ms(core, crew, core->clock_ms, rules->wait_ms)
                                   : core->clock_ms + rules->wait_ms;
    size_t n;
    const struct router_candidate *candidates =
        assign_candidates(crew, kind, NULL, ROUTER_CHOSEN, &effects->texts, &n);
    struct router_decision *d =
        router_leads_decide(core, effects, lead, ROUTER_STEP_HELD,
                            kind->owner_only ? "waits for its owner" : NOBODY, cause);
    d->due_ms = lead->overflow_at_ms == INT64_MAX ? 0 : lead->overflow_at_ms;
    d->candidates = candidates;
    d->n_candidates = n;
    if (rules->wait_ms == 0 && !lead->overflowed)
        go_elsewhere(core, crew, lead, NOBODY, cause, effects);
    else
        router_due_arm(core, lead);
}

// To whoever can take it, or held.
static void find_rep(struct router_core *core, struct crew *crew, struct router_lead *lead,
                     const struct cause *cause, struct router_effects *effects)
{
    const struct kind *kind = assign_kind(core, crew, lead);
    fairness_look(core, crew);
    enum router_verdict verdict;
    struct desk *desk = assign_choose(crew, kind, &verdict);
    if (desk != NULL)
        assign_give(core, crew, lead, desk, verdict, kind, cause, effects);
    else
        hold(core, crew, lead, kind, cause, effects);
}

void router_teams_place(struct router_core *core, struct router_lead *lead,
                        const struct cause *cause, struct router_effects *effects)
{
    struct crew *crew = lead->in->crew;
    if (crew == NULL || lead->on_desk)
        return;
    CHECK(lead->state == ROUTER_WAITING && crew->rules != NULL);
    bool comes = strcmp(lead->team, crew->name) != 0;
    lead->team = crew->name;
    lead->rep = "";
    router_state_lead_changed(core, lead);
    if (lead->group != NULL) {
        router_teams_again(core, lead, cause, effects);
        return;
    }
    if (comes && !lead->overflowed && !router_admit(core, crew, lead)) {
        const char *reason =
            arena_printf(&effects->texts, "below the admitted strength: priority %d, from %d",
                         lead->priority, crew->admit_from);
        go_elsewhere(core, crew, lead, reason, cause, effects);
        return;
    }
    find_rep(core, crew, lead, cause, effects);
}

void router_teams_again(struct router_core *core, struct router_lead *lead,
                        const struct cause *cause, struct router_effects *effects)
{
    struct crew *crew = lead->in->crew;
    if (crew == NULL || lead->group == NULL)
        return;
    int64_t since_ms = lead->held_since_ms, overflow_at_ms = lead->overflow_at_ms;
    held_remove(crew, lead);
    lead->held_since_ms = since_ms;
    lead->overflow_at_ms = overflow_at_ms;
    find_rep(core, crew, lead, cause, effects);
}

void router_teams_overflow(struct router_core *core, struct router_lead *lead,
                           struct router_effects *effects)
{
    struct crew *crew = lead->in->crew;
    CHECK(crew != NULL && crew->rules != NULL && lead->group != NULL);
    struct cause cause = router_leads_now(core);
    char waited[TIME_TEXT_MAX];
    const char *reason = arena_printf(&effects->texts, "nobody could take it for %s",
                                      time_format_duration(crew->rules->wait_ms, waited));
    go_elsewhere(core, crew, lead, reason, &cause, effects);
}

// Looks are taken once: each lead that is given takes them again.
static void fill(struct router_core *core, struct crew *crew, struct router_effects *effects)
{
    struct cause cause = router_leads_now(core);
    crew->held->next_known = false;
    for (uint32_t i = 0; i < crew->n_desks; i++)
        assign_look(core, crew, crew->desks[i], core->clock_ms, &crew->desks[i]->in_force->look);
    for (uint64_t left = crew->n_held; left > 0; left--) {
        struct router_lead *lead = held_first(core, crew);
        if (lead == NULL)
            return;
        router_teams_again(core, lead, &cause, effects);
    }
}

void router_teams_fill(struct router_core *core, struct router_effects *effects)
{
    for (size_t i = 0; i < core->n_crews; i++)
        if (core->crews[i]->rules != NULL && core->crews[i]->n_held > 0)
            fill(core, core->crews[i], effects);
}

// ---- Taken from a rep ---------------------------------------------------------------------------

// What became of it, where it has ended.
static void count_end(struct router_core *core, struct crew *crew, struct desk *desk,
                      const struct router_lead *lead)
{
    bool completed = lead->outcome[0] != '\0';
    desk->completed += completed;
    desk->won += strcmp(lead->outcome, "won") == 0;
    if (completed || lead->ended_reason != NULL)
        router_admit_ended(core, crew, lead);
}

void router_teams_leave(struct router_core *core, struct router_lead *lead, bool credit)
{
    struct crew *crew = lead->team[0] == '\0' ? NULL : teams_of(core, lead);
    if (crew == NULL)
        return;
    crew->held->next_known = false;
    if (lead->group != NULL)
        held_remove(crew, lead);
    router_sla_stop(lead);
    router_state_lead_changed(core, lead);
    if (!lead->on_desk)
        return;
    struct desk *desk = router_teams_desk(crew, span_of(lead->rep), false);
    CHECK(desk != NULL);
    assign_take_off(desk, lead);
    crew->n_untouched -= lead->touched_at_ms == 0;
    crew->dirty = true;
    if (!credit) {
        count_end(core, crew, desk, lead);
        return;
    }
    fairness_credit(desk);
    desk->credited++;
    assign_forget(desk, lead->serial);
    lead->rep = "";
    lead->caps_when = 0;
    lead->touch_by_ms = 0;
    router_leads_ready(core, lead);
}

bool teams_unassign(struct router_core *core, struct router_lead *lead, const char *reason,
                    const char *by, bool passes, const struct cause *cause,
                    struct router_effects *effects)
{
    CHECK(lead->on_desk);
    const char *rep = lead->rep;
    bool leased = lead->state == ROUTER_LEASED || lead->state == ROUTER_ACKED;
    router_leads_decide(core, effects, lead, ROUTER_STEP_UNASSIGNED, reason, cause)->by = by;
    router_teams_leave(core, lead, true);
    if (passes)
        router_state_lead_passed(lead, rep);
    if (leased) {
        // Nobody gave it back: it is no attempt.
        lead->n_delays++;
        router_leads_revoke(core, lead);
    }
    if (lead->ended_reason == NULL)
        return true;
    router_leads_set_state(core, lead, ROUTER_WITHDRAWN);
    router_leads_decide(core, effects, lead, ROUTER_STEP_WITHDRAWN, lead->ended_reason, cause);
    return false;
}

void router_teams_reassign(struct router_core *core, struct router_lead *lead, const char *reason,
                           const struct cause *cause, struct router_effects *effects)
{
    if (!lead->on_desk)
        return;
    if (teams_unassign(core, lead, reason, "", true, cause, effects))
        router_teams_place(core, lead, cause, effects);
    router_teams_fill(core, effects);
}
