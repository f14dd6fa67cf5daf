// SPDX-License-Identifier: Apache-2.0
// Teams as they stand in the playbook in force, with what operators said; and what is derived of
// rows after a start.
#include "services/router/core/teams_impl.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"

static const char ALWAYS[] = "always";

// ---- Crews and desks ----------------------------------------------------------------------------

struct crew *router_teams_crew(struct router_core *core, struct span name, bool add)
{
    size_t i = 0;
    while (i < core->n_crews && span_cmp(span_of(core->crews[i]->name), name) < 0)
        i++;
    if (i < core->n_crews && span_is(name, core->crews[i]->name))
        return core->crews[i];
    if (!add)
        return NULL;
    struct crew *crew = mem_zalloc(sizeof *crew);
    crew->name = router_state_intern(core, name);
    crew->admit_from = INT32_MIN;
    crew->held = mem_zalloc(sizeof *crew->held);
    crew->held->kind_bytes = sizeof *crew->held->kind;
    crew->held->kind = mem_zalloc(crew->held->kind_bytes);
    MEM_GROW(core->crews, core->n_crews, core->crews_cap);
    memmove(core->crews + i + 1, core->crews + i, (core->n_crews - i) * sizeof *core->crews);
    core->n_crews++;
    core->crews[i] = crew;
    return crew;
}

struct desk *router_teams_desk(struct crew *crew, struct span rep, bool add)
{
    uint32_t low = 0;
    uint32_t high = crew->n_desks;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int c = span_cmp(span_of(crew->desks[middle]->rep), rep);
        if (c == 0)
            return crew->desks[middle];
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (!add)
        return NULL;
    struct desk *desk = mem_zalloc(sizeof *desk);
    desk->rep = mem_dup(rep);
    desk->away = true;
    desk->in_force = mem_zalloc(sizeof *desk->in_force);
    desk->in_force->weight = 1;
    desk->in_force->takes_bit = NO_BIT;
    MEM_GROW(crew->desks, crew->n_desks, crew->desks_cap);
    memmove(crew->desks + low + 1, crew->desks + low, (crew->n_desks - low) * sizeof *crew->desks);
    crew->n_desks++;
    crew->desks[low] = desk;
    return desk;
}

void router_teams_deinit(struct crew *crew)
{
    for (uint32_t i = 0; i < crew->n_desks; i++) {
        struct desk *desk = crew->desks[i];
        heap_deinit(&desk->waiting);
        mem_free(desk->taken);
        mem_free(desk->in_force);
        mem_free((char *)desk->rep);
        mem_free(desk);
    }
    mem_free(crew->desks);
    mem_free(crew->strengths);
    held_deinit(crew);
    mem_free(crew);
}

// ---- What holds ---------------------------------------------------------------------------------

bool router_teams_removed(const struct desk *desk)
{
    return desk->change.remove || (desk->rules == NULL && !desk->change.add);
}

int32_t router_teams_weight(const struct desk *desk)
{
    if (desk->change.set_weight)
        return desk->change.weight;
    return desk->rules != NULL && desk->rules->weight > 0 ? desk->rules->weight : 1;
}

static bool is_active(const struct desk *desk)
{
    if (desk->change.set_active)
        return desk->change.active;
    return desk->rules == NULL || !desk->rules->inactive;
}

const struct hours *router_teams_hours(const struct crew *crew, const struct desk *desk)
{
    static const struct hours ALL_THE_TIME = {PLAYBOOK_NONE, 0x7f, 0, 24 * 60, NULL, 0};
    if (desk->rules != NULL)
        return &desk->rules->hours;
    return crew->rules != NULL ? &crew->rules->hours : &ALL_THE_TIME;
}

const struct rep_caps *router_teams_caps(const struct crew *crew, const struct desk *desk,
                                         struct rep_caps *room)
{
    const struct router_rep_change *change = &desk->change;
    *room = (struct rep_caps){0};
    if (desk->rules != NULL)
        *room = desk->rules->caps;
    else if (crew->rules != NULL)
        *room = crew->rules->caps;
    if (change->set_open)
        room->open = change->open;
    if (change->set_per_day)
        room->per_day = change->per_day;
    if (change->set_per_period) {
        room->per_period = change->per_period;
        room->period_ms = change->period_ms;
    }
    if (change->set_units)
        room->units = change->units;
    return room;
}

// ---- Conditions that tell reps apart ------------------------------------------------------------

static int32_t bit_for(const struct router_core *core, struct crew_held *held, int32_t condition,
                       bool add)
{
    const struct playbook *playbook = core->playbook;
    if (condition < 0 || condition >= playbook->n_conditions ||
        playbook->conditions[condition].kind == CONDITION_ALWAYS)
        return NO_BIT;
    for (uint32_t i = 0; i < held->n_conditions; i++)
        if (held->conditions[i] == condition)
            return (int32_t)i;
    CHECK(add);
    MEM_GROW(held->conditions, held->n_conditions, held->conditions_cap);
    held->conditions[held->n_conditions] = condition;
    return (int32_t)held->n_conditions++;
}

// Of the playbook alone: what operators change never changes what kinds are made of.
static void learn_conditions(struct router_core *core, struct crew *crew)
{
    struct crew_held *held = crew->held;
    const struct team *team = crew->rules;
    held->n_conditions = 0;
    for (int32_t i = 0; i < team->caps.n_when; i++)
        (void)bit_for(core, held, team->caps.when[i].condition, true);
    for (int32_t i = 0; i < team->n_reps; i++) {
        (void)bit_for(core, held, team->reps[i].takes, true);
        for (int32_t j = 0; j < team->reps[i].caps.n_when; j++)
            (void)bit_for(core, held, team->reps[i].caps.when[j].condition, true);
    }
    size_t words = (held->n_conditions + 63) / 64;
    held->kind_bytes = sizeof *held->kind + words * sizeof *held->kind->bits;
    held->kind = mem_realloc(held->kind, held->kind_bytes);
}

// Reps whose conditions read the same are of one family.
static void learn_takes(struct router_core *core, struct crew *crew, uint32_t place)
{
    const struct rep *rep = crew->desks[place]->rules;
    struct desk_rules *rules = crew->desks[place]->in_force;
    const char *text = rep != NULL && rep->takes_text != NULL ? rep->takes_text : ALWAYS;
    rules->took = rules->takes;
    rules->takes = router_state_intern(core, span_of(text));
    rules->takes_bit = rep == NULL ? NO_BIT : bit_for(core, crew->held, rep->takes, false);
    rules->family = place;
    for (uint32_t i = 0; i < place; i++)
        if (crew->desks[i]->in_force->takes == rules->takes) {
            rules->family = crew->desks[i]->in_force->family;
            return;
        }
}

static void learn_caps(struct router_core *core, struct crew *crew, struct desk *desk)
{
    struct desk_rules *rules = desk->in_force;
    (void)router_teams_caps(crew, desk, &rules->caps);
    int32_t n = rules->caps.n_when;
    rules->n_when = n < ROUTER_CAPS_WHEN_MAX ? n : ROUTER_CAPS_WHEN_MAX;
    for (int32_t i = 0; i < rules->n_when; i++)
        rules->when_bits[i] = bit_for(core, crew->held, rules->caps.when[i].condition, false);
}

static int taken_cmp(const void *x, const void *y)
{
    const struct taken *a = x, *b = y;
    if (a->at_ms != b->at_ms)
        return a->at_ms < b->at_ms ? -1 : 1;
    return (a->serial > b->serial) - (a->serial < b->serial);
}

// A cap looks further back than what is remembered: the leads themselves tell the rest.
static void recall(struct router_core *core, struct crew *crew, struct desk *desk)
{
    int64_t from_ms = core->clock_ms - desk->in_force->remembered_ms;
    desk->n_taken = 0;
    for (size_t i = core->n_leads; i-- > 0 && desk->n_taken < ROUTER_TAKEN_MAX;) {
        const struct router_lead *lead = core->leads[i];
        if (lead->assigned_at_ms <= from_ms || lead->n_assigned == 0 ||
            strcmp(lead->rep, desk->rep) != 0 || strcmp(lead->team, crew->name) != 0)
            continue;
        MEM_GROW(desk->taken, desk->n_taken, desk->taken_cap);
        desk->taken[desk->n_taken++] = (struct taken){lead->serial, lead->assigned_at_ms};
    }
    if (desk->n_taken > 0)
        qsort(desk->taken, desk->n_taken, sizeof *desk->taken, taken_cmp);
    crew->dirty = true;
}

static void learn_desk(struct router_core *core, struct crew *crew, uint32_t place, bool changed)
{
    struct desk *desk = crew->desks[place];
    struct desk_rules *rules = desk->in_force;
    rules->was_removed = rules->removed;
    rules->weighed = rules->weight;
    rules->removed = router_teams_removed(desk);
    rules->active = is_active(desk);
    rules->weight = router_teams_weight(desk);
    learn_takes(core, crew, place);
    learn_caps(core, crew, desk);
    int64_t remembered_ms = rules->remembered_ms;
    rules->remembered_ms = assign_remembered_ms(&rules->caps);
    if (changed && remembered_ms < rules->remembered_ms && core->clock_ms != STATE_NEVER)
        recall(core, crew, desk);
}

static void learn_level(struct crew *crew, struct desk *desk)
{
    const struct desk_rules *rules = desk->in_force;
    if (rules->removed)
        desk->away = true;
    else if (rules->was_removed || rules->took != rules->takes)
        fairness_join(desk);
    else if (rules->weighed != rules->weight)
        fairness_weigh(crew, desk, rules->weighed);
    else
        return;
    crew->dirty = true;
}

void teams_learn(struct router_core *core, struct crew *crew, bool changed)
{
    for (uint32_t i = 0; i < crew->n_desks; i++)
        learn_desk(core, crew, i, changed);
    for (uint32_t i = 0; changed && i < crew->n_desks; i++)
        learn_level(crew, crew->desks[i]);
    rota_forget(crew);
}

// ---- A playbook ---------------------------------------------------------------------------------

static void link_crew(struct router_core *core, const struct team *team)
{
    struct crew *crew = router_teams_crew(core, span_of(team->name), true);
    crew->rules = team;
    learn_conditions(core, crew);
    for (int32_t i = 0; i < team->n_reps; i++) {
        // With those of old playbooks there may be too many: then some are not known.
        struct span name = span_of(team->reps[i].name);
        struct desk *desk = router_teams_desk(crew, name, crew->n_desks < ROUTER_REPS_MAX);
        if (desk != NULL)
            desk->rules = &team->reps[i];
    }
    struct router_queue *queue =
        router_state_queue(core, span_of(core->playbook->queues[team->queue].name), true);
    queue->crew = crew;
}

// Crews, desks and queues point into the playbook in force.
static void link_playbook(struct router_core *core)
{
    const struct playbook *playbook = core->playbook;
    for (size_t i = 0; i < core->n_queues; i++)
        core->queues[i]->crew = NULL;
    for (size_t i = 0; i < core->n_crews; i++) {
        core->crews[i]->rules = NULL;
        for (uint32_t j = 0; j < core->crews[i]->n_desks; j++)
            core->crews[i]->desks[j]->rules = NULL;
    }
    for (int32_t i = 0; i < playbook->n_teams; i++)
        if (playbook->teams[i].queue != PLAYBOOK_NONE)
            link_crew(core, &playbook->teams[i]);
}

static bool is_open(const struct router_lead *lead)
{
    return lead->state >= ROUTER_WAITING && lead->state <= ROUTER_ACKED;
}

// ---- Another playbook ---------------------------------------------------------------------------

// Which caps by condition count it, as the new ones say.
static void count_again(struct router_core *core, struct crew *crew, struct router_lead *lead)
{
    struct desk *desk = router_teams_desk(crew, span_of(lead->rep), false);
    assign_take_off(desk, lead);
    crew->n_untouched -= lead->touched_at_ms == 0;
    uint32_t before = lead->caps_when;
    lead->caps_when = assign_caps_when(desk, assign_kind(core, crew, lead));
    assign_put_on(core, desk, lead);
    if (before != lead->caps_when)
        router_state_lead_changed(core, lead);
}

// With the next lead the threshold is worked out anew: what it rests on may be another.
static void admit_again(struct crew *crew)
{
    crew->admit_from = INT32_MIN;
    crew->admit_since_ms = 0;
    crew->admit_slots = 0;
    crew->admit_weekly = crew->turned_away_weekly = crew->lost_won_weekly = 0;
    crew->dirty = true;
}

// The time that a held lead waits was told when it began; only whether it ends may change.
static void wait_again(struct router_core *core, struct crew *crew, struct router_lead *lead)
{
    const struct team *rules = crew->rules;
    bool ends = rules->wait_ms != INT64_MAX && !lead->overflowed;
    if (ends == (lead->overflow_at_ms != INT64_MAX))
        return;
    lead->overflow_at_ms = INT64_MAX;
    if (ends)
        lead->overflow_at_ms = rules->wait_working
                                   ? rota_team_after_ms(core, crew, core->clock_ms, rules->wait_ms)
                                   : core->clock_ms + rules->wait_ms;
    router_state_lead_changed(core, lead);
    router_due_arm(core, lead);
}

// A lead whose queue has another team now, or none. Who holds it keeps it.
static void change_team(struct router_core *core, struct router_lead *lead,
                        const struct cause *cause, struct router_effects *effects)
{
    if (lead->state != ROUTER_WAITING) {
        router_sla_stop(lead);
        return;
    }
    if (lead->on_desk)
        (void)teams_unassign(core, lead, "playbook", "", false, cause, effects);
    else
        router_teams_leave(core, lead, true);
    lead->team = lead->rep = "";
    lead->first_touch_ms = 0;
    router_leads_ready(core, lead);
    router_state_lead_changed(core, lead);
}

static void lead_again(struct router_core *core, struct router_lead *lead,
                       const struct cause *cause, struct router_effects *effects)
{
    struct crew *crew = lead->in->crew;
    if (lead->in->rules == NULL)
        return; // it is routed again
    if (lead->team[0] != '\0' && (crew == NULL || strcmp(crew->name, lead->team) != 0))
        change_team(core, lead, cause, effects);
    else if (crew != NULL && lead->on_desk)
        count_again(core, crew, lead);
    else if (crew != NULL && lead->group != NULL)
        wait_again(core, crew, lead);
}

static int by_rank(const void *x, const void *y)
{
    const struct router_lead *a = *(struct router_lead *const *)x;
    const struct router_lead *b = *(struct router_lead *const *)y;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    return (a->serial > b->serial) - (a->serial < b->serial);
}

// Leads that waited in the queue before it had a team, the strongest first.
static void place_new(struct router_core *core, const struct cause *cause,
                      struct router_effects *effects)
{
    struct router_lead **leads = mem_alloc((core->n_leads + 1) * sizeof *leads);
    size_t n = 0;
    for (size_t i = 0; i < core->n_leads; i++) {
        struct router_lead *lead = core->leads[i];
        if (lead->state == ROUTER_WAITING && lead->in->crew != NULL && lead->team[0] == '\0' &&
            lead->not_before_ms == 0)
            leads[n++] = lead;
    }
    if (n > 0)
        qsort(leads, n, sizeof *leads, by_rank);
    for (size_t i = 0; i < n; i++) {
        // One that was told to go elsewhere may have another place by now.
        struct router_lead *lead = leads[i];
        if (lead->state != ROUTER_WAITING || lead->in->crew == NULL)
            continue;
        lead->first_touch_ms = lead->in->crew->rules->sla.first_touch_ms;
        router_experiments_apply(core, lead);
        router_leads_ready(core, lead);
        router_teams_place(core, lead, cause, effects);
    }
    mem_free(leads);
}

void router_teams_playbook(struct router_core *core, struct router_effects *effects)
{
    link_playbook(core);
    for (size_t i = 0; i < core->n_crews; i++) {
        teams_learn(core, core->crews[i], true);
        admit_again(core->crews[i]);
    }
    for (size_t i = 0; i < core->n_crews; i++)
        if (core->crews[i]->rules != NULL && core->crews[i]->n_held > 0)
            held_again(core, core->crews[i]);
    struct cause cause = router_leads_now(core);
    for (size_t i = 0; i < core->n_leads; i++)
        if (is_open(core->leads[i]))
            lead_again(core, core->leads[i], &cause, effects);
    for (size_t i = 0; i < core->n_crews; i++) {
        struct crew *crew = core->crews[i];
        if (crew->rules == NULL)
            continue;
        for (uint32_t j = 0; j < crew->n_desks; j++)
            teams_free(core, crew, crew->desks[j], "", effects);
    }
    place_new(core, &cause, effects);
    router_teams_fill(core, effects);
}

// ---- After a start ------------------------------------------------------------------------------

static bool restore_lead(struct router_core *core, struct router_lead *lead)
{
    struct crew *crew = router_teams_crew(core, span_of(lead->team), false);
    if (crew == NULL)
        return false;
    if (lead->rep[0] == '\0') {
        if (lead->state == ROUTER_WAITING && lead->in->crew == crew) {
            held_add(core, crew, lead, assign_kind(core, crew, lead));
            held_begins(core, crew, lead);
        }
        return true;
    }
    struct desk *desk = router_teams_desk(crew, span_of(lead->rep), false);
    if (desk == NULL)
        return false;
    lead->rep = desk->rep;
    if (is_open(lead))
        assign_put_on(core, desk, lead);
    return true;
}

bool router_teams_restored(struct router_core *core)
{
    if (core->playbook == NULL)
        return core->n_leads == 0;
    link_playbook(core);
    for (size_t i = 0; i < core->n_crews; i++)
        teams_learn(core, core->crews[i], false);
    for (size_t i = 0; i < core->n_leads; i++)
        if (core->leads[i]->team[0] != '\0' && !restore_lead(core, core->leads[i]))
            return false;
    return true;
}
