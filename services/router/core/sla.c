// SPDX-License-Identifier: Apache-2.0
// The time to a lead's first touch, from each assignment on: a reminder, then at its end another
// rep, then, when nobody else can take the lead or it was passed on often enough, those who are
// told. With working time these instants are on the calendar of the rep who has it. How far it got
// is told by counts of the present assignment and by whether touch_by_ms has passed.
#include "services/router/core/teams_impl.h"

#include "common/base/check.h"

static const struct sla *sla_of(const struct crew *crew)
{
    return crew != NULL && crew->rules != NULL ? &crew->rules->sla : NULL;
}

// INT64_MAX: never.
static int64_t after(const struct router_core *core, const struct crew *crew,
                     const struct desk *desk, const struct router_lead *lead, int64_t ms)
{
    if (!crew->rules->sla.working_time)
        return lead->assigned_at_ms + ms;
    return rota_after_ms(core, crew, desk, lead->assigned_at_ms, ms);
}

static bool is_last(const struct sla *sla, const struct router_lead *lead)
{
    return lead->n_reassigned >= (uint32_t)sla->reassigns;
}

static int64_t remind_at(const struct router_core *core, const struct crew *crew,
                         const struct desk *desk, const struct router_lead *lead)
{
    const struct sla *sla = &crew->rules->sla;
    if (sla->remind_ms == 0 || lead->n_reminded > 0 || sla->remind_ms >= lead->first_touch_ms)
        return INT64_MAX;
    return after(core, crew, desk, lead, sla->remind_ms);
}

static int64_t escalate_at(const struct router_core *core, const struct crew *crew,
                           const struct desk *desk, const struct router_lead *lead, bool passed)
{
    const struct sla *sla = &crew->rules->sla;
    bool any = lead->n_escalated < (uint32_t)sla->n_escalations && (passed || is_last(sla, lead));
    return any ? after(core, crew, desk, lead, sla->escalations[lead->n_escalated].after_ms)
               : INT64_MAX;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

// `passed`: touch_by_ms has.
static void set_due(const struct router_core *core, const struct crew *crew,
                    const struct desk *desk, struct router_lead *lead, bool passed)
{
    int64_t due_ms = escalate_at(core, crew, desk, lead, passed);
    if (!passed)
        due_ms = earlier(due_ms, earlier(lead->touch_by_ms, remind_at(core, crew, desk, lead)));
    lead->sla_due_ms = due_ms;
}

void router_sla_start(struct router_core *core, struct router_lead *lead)
{
    struct crew *crew = teams_of(core, lead);
    const struct sla *sla = sla_of(crew);
    lead->touch_by_ms = 0;
    lead->sla_due_ms = INT64_MAX;
    lead->n_reminded = lead->n_escalated = 0;
    if (sla == NULL || lead->first_touch_ms == 0 || lead->touched_at_ms != 0)
        return;
    const struct desk *desk = router_teams_desk(crew, span_of(lead->rep), false);
    CHECK(desk != NULL);
    int64_t touch_by_ms = after(core, crew, desk, lead, lead->first_touch_ms);
    if (touch_by_ms == INT64_MAX)
        return; // he never works so long
    lead->touch_by_ms = touch_by_ms;
    set_due(core, crew, desk, lead, false);
}

void router_sla_stop(struct router_lead *lead)
{
    lead->sla_due_ms = INT64_MAX;
}

void router_sla_touched(struct router_core *core, struct router_lead *lead)
{
    router_sla_stop(lead);
    if (lead->touched_at_ms != 0)
        return;
    lead->touched_at_ms = core->clock_ms;
    router_state_lead_changed(core, lead);
    struct crew *crew = lead->on_desk ? teams_of(core, lead) : NULL;
    struct desk *desk = crew == NULL ? NULL : router_teams_desk(crew, span_of(lead->rep), false);
    if (desk == NULL)
        return;
    CHECK(crew->n_untouched > 0);
    crew->n_untouched--;
    crew->dirty = true;
    desk->touched++;
    if (core->clock_ms > lead->assigned_at_ms)
        desk->touch_ms_total += (uint64_t)(core->clock_ms - lead->assigned_at_ms);
}

// ---- What is due --------------------------------------------------------------------------------

static void remind(struct router_core *core, struct router_lead *lead, const struct cause *cause,
                   struct router_effects *effects)
{
    lead->n_reminded++;
    router_leads_decide(core, effects, lead, ROUTER_STEP_REMINDED, "not touched yet", cause)
        ->due_ms = lead->touch_by_ms;
}

static void escalate(struct router_core *core, const struct sla *sla, struct router_lead *lead,
                     const struct cause *cause, struct router_effects *effects)
{
    struct router_decision *d = router_leads_decide(core, effects, lead, ROUTER_STEP_ESCALATED,
                                                    "not touched in time", cause);
    d->to = arena_dup(&effects->texts, span_of(sla->escalations[lead->n_escalated].to));
    d->due_ms = lead->touch_by_ms;
    lead->n_escalated++;
}

// Whether another rep could take it now.
static bool another_can(struct router_core *core, struct crew *crew, struct desk *desk,
                        const struct router_lead *lead)
{
    struct kind *kind = assign_kind(core, crew, lead);
    if (kind->n_passed == ROUTER_PASSED_MAX)
        kind->n_passed--;
    kind->passed[kind->n_passed++] = desk;
    if (kind->owner == desk) {
        kind->owner = NULL;
        kind->owner_only = false;
    }
    for (uint32_t i = 0; i < crew->n_desks; i++)
        assign_look(core, crew, crew->desks[i], core->clock_ms, &crew->desks[i]->in_force->look);
    enum router_verdict verdict;
    return assign_choose(crew, kind, &verdict) != NULL;
}

// Its time has passed. True: another one has it.
static bool miss(struct router_core *core, struct crew *crew, struct desk *desk,
                 struct router_lead *lead, const struct cause *cause,
                 struct router_effects *effects)
{
    lead->sla_missed = true;
    desk->missed++;
    crew->dirty = true;
    if (!is_last(&crew->rules->sla, lead) && another_can(core, crew, desk, lead)) {
        lead->n_reassigned++;
        router_teams_reassign(core, lead, "not touched in time", cause, effects);
        return true;
    }
    router_leads_decide(core, effects, lead, ROUTER_STEP_NOTED, "not touched in time", cause);
    return false;
}

void router_sla_due(struct router_core *core, struct router_lead *lead,
                    struct router_effects *effects)
{
    struct crew *crew = teams_of(core, lead);
    struct desk *desk =
        crew == NULL || !lead->on_desk ? NULL : router_teams_desk(crew, span_of(lead->rep), false);
    int64_t due_ms = lead->sla_due_ms;
    router_sla_stop(lead);
    router_state_lead_changed(core, lead);
    if (desk == NULL || sla_of(crew) == NULL)
        return;
    struct cause cause = router_leads_now(core);
    if (due_ms < lead->touch_by_ms && remind_at(core, crew, desk, lead) <= due_ms)
        remind(core, lead, &cause, effects);
    if (due_ms == lead->touch_by_ms && miss(core, crew, desk, lead, &cause, effects))
        return;
    bool passed = due_ms >= lead->touch_by_ms;
    while (escalate_at(core, crew, desk, lead, passed) <= due_ms)
        escalate(core, sla_of(crew), lead, &cause, effects);
    set_due(core, crew, desk, lead, passed);
}
