// SPDX-License-Identifier: Apache-2.0
#include "cli/backtest/routing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/base/mem.h"

void routing_init(struct routing *routing)
{
    *routing = (struct routing){0};
}

void routing_deinit(struct routing *routing)
{
    for (size_t i = 0; i < routing->n_leads; i++)
        mem_free(routing->leads[i].id);
    for (size_t i = 0; i < routing->n_reps; i++) {
        mem_free(routing->reps[i].team);
        mem_free(routing->reps[i].name);
    }
    mem_free(routing->leads);
    mem_free(routing->reps);
    mem_free(routing->waits_ms);
    mem_free(routing->touches_ms);
    index_deinit(&routing->index);
    *routing = (struct routing){0};
}

// ---- Leads and reps -----------------------------------------------------------------------------

static bool lead_eq(const void *ctx, uint32_t item, const void *key)
{
    const struct routing *routing = ctx;
    return strcmp(routing->leads[item].id, key) == 0;
}

static uint64_t lead_hash(const void *ctx, uint32_t item)
{
    const struct routing *routing = ctx;
    return hash64(span_of(routing->leads[item].id));
}

static struct routing_lead *find(const struct routing *routing, const char *id)
{
    uint32_t at = index_find(&routing->index, hash64(span_of(id)), lead_eq, routing, id);
    return at == INDEX_NONE ? NULL : &routing->leads[at];
}

const struct routing_lead *routing_find(const struct routing *routing, const char *lead_id)
{
    return find(routing, lead_id);
}

static struct routing_lead *lead_of(struct routing *routing, const struct routing_step *step)
{
    struct routing_lead *lead = find(routing, step->lead_id);
    if (lead != NULL)
        return lead;
    MEM_GROW(routing->leads, routing->n_leads, routing->leads_cap);
    uint32_t at = (uint32_t)routing->n_leads++;
    routing->leads[at] = (struct routing_lead){
        .id = mem_dup_text(step->lead_id),
        .created_ms = step->at_ms,
        .assigned_ms = ROUTING_NEVER,
        .held_ms = ROUTING_NEVER,
        .touched_ms = ROUTING_NEVER,
        .completed_ms = ROUTING_NEVER,
    };
    index_add(&routing->index, lead_hash(routing, at), at, lead_hash, routing);
    return &routing->leads[at];
}

// Its place + 1.
static uint32_t rep_of(struct routing *routing, const char *team, const char *name)
{
    for (size_t i = 0; i < routing->n_reps; i++)
        if (strcmp(routing->reps[i].name, name) == 0 && strcmp(routing->reps[i].team, team) == 0)
            return (uint32_t)i + 1;
    MEM_GROW(routing->reps, routing->n_reps, routing->reps_cap);
    routing->reps[routing->n_reps++] =
        (struct routing_rep){.team = mem_dup_text(team), .name = mem_dup_text(name)};
    return (uint32_t)routing->n_reps;
}

static struct routing_rep *rep_at(struct routing *routing, uint32_t place)
{
    return place == 0 ? NULL : &routing->reps[place - 1];
}

enum motion routing_motion_of(const char *name)
{
    for (int i = 0; i < ROUTING_MOTIONS; i++)
        if (strcmp(motion_name((enum motion)i), name) == 0)
            return (enum motion)i;
    return MOTION_SUPPRESS;
}

// ---- Steps --------------------------------------------------------------------------------------

static void add(int64_t **list, size_t *n, size_t *cap, int64_t value)
{
    MEM_GROW(*list, *n, *cap);
    (*list)[(*n)++] = value;
}

static void end_wait(struct routing *routing, struct routing_lead *lead, int64_t at_ms)
{
    if (lead->held_ms == ROUTING_NEVER)
        return;
    add(&routing->waits_ms, &routing->n_waits, &routing->waits_cap, at_ms - lead->held_ms);
    lead->held_ms = ROUTING_NEVER;
}

static void leave_rep(struct routing *routing, struct routing_lead *lead)
{
    struct routing_rep *rep = rep_at(routing, lead->rep);
    if (rep != NULL && rep->open > 0)
        rep->open--;
    lead->rep = 0;
}

static void note_missed(struct routing *routing, struct routing_lead *lead, int64_t at_ms)
{
    struct routing_rep *rep = rep_at(routing, lead->rep);
    bool late = lead->due_ms != 0 && at_ms >= lead->due_ms && lead->touched_ms == ROUTING_NEVER;
    if (rep == NULL || lead->missed || !late)
        return;
    lead->missed = true;
    rep->missed++;
    routing->missed++;
}

static void assign(struct routing *routing, struct routing_lead *lead,
                   const struct routing_step *step)
{
    end_wait(routing, lead, step->at_ms);
    leave_rep(routing, lead);
    lead->rep = rep_of(routing, step->team, step->rep);
    lead->assigned_ms = step->at_ms;
    lead->due_ms = step->due_ms;
    lead->missed = false;
    struct routing_rep *rep = rep_at(routing, lead->rep);
    rep->assigned++;
    rep->open++;
    if (rep->open > rep->open_max)
        rep->open_max = rep->open;
}

static void unassign(struct routing *routing, struct routing_lead *lead, int64_t at_ms)
{
    note_missed(routing, lead, at_ms);
    struct routing_rep *rep = rep_at(routing, lead->rep);
    if (rep != NULL)
        rep->credited++;
    leave_rep(routing, lead);
    routing->reassigned++;
}

static void touch(struct routing *routing, struct routing_lead *lead, int64_t at_ms)
{
    if (lead->touched_ms != ROUTING_NEVER)
        return;
    note_missed(routing, lead, at_ms);
    struct routing_rep *rep = rep_at(routing, lead->rep);
    int64_t from_ms = rep != NULL ? lead->assigned_ms : lead->created_ms;
    lead->touched_ms = at_ms;
    add(&routing->touches_ms, &routing->n_touches, &routing->touches_cap, at_ms - from_ms);
    if (rep != NULL)
        rep->touched++;
}

static void complete(struct routing *routing, struct routing_lead *lead,
                     const struct routing_step *step)
{
    touch(routing, lead, step->at_ms);
    struct routing_rep *rep = rep_at(routing, lead->rep);
    bool won = strcmp(step->outcome, "won") == 0;
    if (rep != NULL) {
        rep->completed++;
        rep->won += won;
    }
    routing->completed++;
    routing->won += won;
    lead->completed_ms = step->at_ms;
    snprintf(lead->outcome, sizeof lead->outcome, "%s", step->outcome);
    leave_rep(routing, lead);
}

void routing_take(struct routing *routing, const struct routing_step *step)
{
    struct routing_lead *lead = lead_of(routing, step);
    lead->motion = routing_motion_of(step->motion);
    switch (step->step) {
    case ROUTER_STEP_ASSIGNED:
        assign(routing, lead, step);
        break;
    case ROUTER_STEP_UNASSIGNED:
        unassign(routing, lead, step->at_ms);
        break;
    case ROUTER_STEP_HELD:
        if (lead->held_ms == ROUTING_NEVER) {
            lead->held_ms = step->at_ms;
            routing->held++;
        }
        break;
    case ROUTER_STEP_OVERFLOWED:
        end_wait(routing, lead, step->at_ms);
        routing->overflowed++;
        break;
    case ROUTER_STEP_ACKED:
        touch(routing, lead, step->at_ms);
        break;
    case ROUTER_STEP_COMPLETED:
        complete(routing, lead, step);
        break;
    case ROUTER_STEP_WITHDRAWN:
        routing->withdrawn++;
        end_wait(routing, lead, step->at_ms);
        leave_rep(routing, lead);
        break;
    case ROUTER_STEP_PARKED:
        end_wait(routing, lead, step->at_ms);
        leave_rep(routing, lead);
        break;
    case ROUTER_STEP_REMINDED:
        routing->reminded++;
        break;
    case ROUTER_STEP_ESCALATED:
        note_missed(routing, lead, step->at_ms);
        routing->escalated++;
        break;
    case ROUTER_STEP_CREATED:
    case ROUTER_STEP_CONTACT_ADDED:
    case ROUTER_STEP_LEASED:
    case ROUTER_STEP_EXTENDED:
    case ROUTER_STEP_RELEASED:
    case ROUTER_STEP_EXPIRED:
    case ROUTER_STEP_ROUTED:
    case ROUTER_STEP_NOTED:
    case ROUTER_STEP_DELAYED:
    case ROUTER_STEP_REDRIVEN:
    case ROUTER_STEP_MOVED:
        break;
    }
}

struct routing_step routing_step_of(const Assay__Router__V1__LeadDecision *lead, bool by_event)
{
    return (struct routing_step){
        .step = (enum router_step)lead->step,
        .lead_id = lead->lead_id,
        .motion = lead->motion,
        .queue = lead->queue,
        .team = lead->team,
        .rep = lead->rep,
        .reason = lead->reason,
        .outcome = lead->outcome,
        .at_ms = by_event ? lead->at_ms : lead->known_at_ms,
        .due_ms = lead->due_ms,
    };
}

struct routing_step routing_step_of_core(const struct router_decision *decision, bool by_event)
{
    return (struct routing_step){
        .step = decision->step,
        .lead_id = decision->lead_id,
        .motion = decision->motion,
        .queue = decision->queue,
        .team = decision->team,
        .rep = decision->rep,
        .reason = decision->reason,
        .outcome = decision->outcome,
        .at_ms = by_event ? decision->at_ms : decision->known_at_ms,
        .due_ms = decision->due_ms,
    };
}

// ---- The end ------------------------------------------------------------------------------------

static int rep_order(const void *a, const void *b)
{
    const struct routing_rep *x = a, *y = b;
    int by_team = strcmp(x->team, y->team);
    return by_team != 0 ? by_team : strcmp(x->name, y->name);
}

void routing_finish(struct routing *routing, int64_t now_ms)
{
    for (size_t i = 0; i < routing->n_leads; i++) {
        struct routing_lead *lead = &routing->leads[i];
        note_missed(routing, lead, now_ms);
        routing->motions[lead->motion]++;
    }
    if (routing->n_reps > 0)
        qsort(routing->reps, routing->n_reps, sizeof *routing->reps, rep_order);
}

static int duration_order(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int64_t routing_quantile_ms(int64_t *durations, size_t n, int percent)
{
    if (n == 0)
        return 0;
    qsort(durations, n, sizeof *durations, duration_order);
    return durations[(n - 1) * (size_t)percent / 100];
}
