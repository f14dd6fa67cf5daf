// SPDX-License-Identifier: Apache-2.0
// Time runs in steps: to the next signal of the log, to the next thing that is due in the core, or
// to the next deed of a consumer, whichever is first.
#include "cli/backtest/whatif.h"

#include <string.h>

#include "common/base/check.h"
#include "common/base/heap.h"
#include "common/base/mem.h"
#include "services/playbook/load.h"
#include "services/router/core/state.h"

enum { LANE = 0, DEED_TOUCH = 0, DEED_COMPLETE = 1, DEEDS = 2 };
// Nobody's lease runs out while a deed is on its way: these consumers take what they touch.
static const int64_t LEASE_MS = ROUTER_LEASE_MS_MAX;

struct whatif {
    bool by_event;
    struct routing recorded, replayed;
    // Of leads that went that way; -1: nobody ever did.
    int64_t median_touch_ms[ROUTING_MOTIONS], median_work_ms[ROUTING_MOTIONS];
    int64_t last_ms; // where the log ends
    bool learned;

    struct router_core *core;
    struct router_effects effects;
    struct heap deeds;    // (instant, serial * DEEDS + which)
    int64_t *touch_at_ms; // of the lead with serial s at s - 1: when it is to be touched
    size_t n_touch_at, touch_at_cap;
    uint64_t position;
    bool *seen; // [playbook.n_signals]: the log tells it

    // The group of signals that is being gathered.
    struct router_signal *group;
    size_t n_group, group_cap;
    uint64_t group_position, group_place;
    struct arena texts;
};

enum err whatif_create(const char *file, struct span text, bool by_event, struct whatif **out,
                       struct buf *report)
{
    struct playbook *playbook;
    *out = NULL;
    enum err err = playbook_load(file, text, &playbook, report);
    if (err != ERR_OK)
        return err;
    struct whatif *w = mem_zalloc(sizeof *w);
    w->by_event = by_event;
    w->last_ms = INT64_MIN;
    routing_init(&w->recorded);
    routing_init(&w->replayed);
    router_effects_init(&w->effects);
    arena_init(&w->texts, 16 * 1024, 0);
    w->seen = mem_zalloc(((size_t)playbook->n_signals + 1) * sizeof *w->seen);
    w->core = router_core_create();
    if (by_event)
        router_core_by_event(w->core);
    router_core_set_playbook(w->core, playbook, &w->effects);
    router_effects_clear(&w->effects);
    *out = w;
    return ERR_OK;
}

void whatif_destroy(struct whatif *w)
{
    if (w == NULL)
        return;
    routing_deinit(&w->recorded);
    routing_deinit(&w->replayed);
    router_effects_deinit(&w->effects);
    router_core_destroy(w->core);
    heap_deinit(&w->deeds);
    mem_free(w->touch_at_ms);
    arena_deinit(&w->texts);
    mem_free(w->seen);
    mem_free(w->group);
    mem_free(w);
}

// ---- What the log says --------------------------------------------------------------------------

static int64_t instant(const struct whatif *w, int64_t at_ms, int64_t known_at_ms)
{
    return w->by_event ? at_ms : known_at_ms;
}

void whatif_learn(struct whatif *w, const Assay__Router__V1__Decision *decision)
{
    int64_t at_ms = INT64_MIN;
    if (decision->decision_case == ASSAY__ROUTER__V1__DECISION__DECISION_LEAD) {
        struct routing_step step = routing_step_of(decision->lead, w->by_event);
        routing_take(&w->recorded, &step);
        at_ms = step.at_ms;
    } else if (decision->decision_case == ASSAY__ROUTER__V1__DECISION__DECISION_SIGNAL) {
        at_ms = instant(w, decision->signal->at_ms, decision->signal->known_at_ms);
    }
    if (at_ms > w->last_ms)
        w->last_ms = at_ms;
}

static int64_t touch_ms(const struct routing_lead *lead)
{
    if (lead->touched_ms == ROUTING_NEVER)
        return -1;
    int64_t from_ms = lead->assigned_ms == ROUTING_NEVER ? lead->created_ms : lead->assigned_ms;
    return lead->touched_ms > from_ms ? lead->touched_ms - from_ms : 0;
}

static int64_t work_ms(const struct routing_lead *lead)
{
    if (lead->completed_ms == ROUTING_NEVER)
        return -1;
    return lead->completed_ms > lead->touched_ms ? lead->completed_ms - lead->touched_ms : 0;
}

static int64_t median(const struct routing *routing, enum motion motion,
                      int64_t (*of)(const struct routing_lead *lead))
{
    int64_t *all = mem_alloc((routing->n_leads + 1) * sizeof *all);
    size_t n = 0;
    for (size_t i = 0; i < routing->n_leads; i++)
        if (routing->leads[i].motion == motion && of(&routing->leads[i]) >= 0)
            all[n++] = of(&routing->leads[i]);
    int64_t ms = n == 0 ? -1 : routing_quantile_ms(all, n, 50);
    mem_free(all);
    return ms;
}

static void end_learning(struct whatif *w)
{
    if (w->learned)
        return;
    w->learned = true;
    for (int i = 0; i < ROUTING_MOTIONS; i++) {
        w->median_touch_ms[i] = median(&w->recorded, (enum motion)i, touch_ms);
        w->median_work_ms[i] = median(&w->recorded, (enum motion)i, work_ms);
    }
    routing_finish(&w->recorded, w->last_ms);
}

// ---- Consumers ----------------------------------------------------------------------------------

static void plan(struct whatif *w, const struct router_lead *lead, int64_t at_ms, int64_t after_ms,
                 int deed)
{
    while (w->n_touch_at < lead->serial) {
        MEM_GROW(w->touch_at_ms, w->n_touch_at, w->touch_at_cap);
        w->touch_at_ms[w->n_touch_at++] = ROUTING_NEVER;
    }
    if (deed == DEED_TOUCH)
        w->touch_at_ms[lead->serial - 1] = after_ms >= 0 ? at_ms + after_ms : ROUTING_NEVER;
    if (after_ms >= 0)
        heap_push(&w->deeds, at_ms + after_ms, lead->serial * DEEDS + (uint64_t)deed);
}

// Whoever gets a lead touches it as long after as in the log; one that goes another way than there
// as soon as leads of that way were touched, if they ever were.
static void plan_touch(struct whatif *w, const struct routing_step *step)
{
    const struct router_lead *lead = router_state_lead_find(w->core, span_of(step->lead_id));
    if (lead == NULL || lead->queue[0] == '\0')
        return;
    bool team = lead->in->crew != NULL;
    bool comes = step->step == ROUTER_STEP_ASSIGNED ||
                 (!team && (step->step == ROUTER_STEP_CREATED || step->step == ROUTER_STEP_ROUTED ||
                            step->step == ROUTER_STEP_OVERFLOWED));
    if (!comes)
        return;
    const struct routing_lead *known = routing_find(&w->recorded, step->lead_id);
    enum motion motion = routing_motion_of(lead->motion);
    bool same_way = known != NULL && known->motion == motion;
    int64_t after_ms = same_way ? touch_ms(known) : -1;
    // One that the log's consumers left alone stays alone, if they could have touched it.
    bool kept_from_them =
        !same_way || (known->assigned_ms == ROUTING_NEVER && known->held_ms != ROUTING_NEVER);
    if (after_ms < 0 && kept_from_them)
        after_ms = w->median_touch_ms[motion];
    plan(w, lead, step->at_ms, after_ms, DEED_TOUCH);
}

static void take_effects(struct whatif *w)
{
    for (size_t i = 0; i < w->effects.n; i++) {
        const struct router_decision *d = &w->effects.items[i];
        if (d->kind != ROUTER_DECISION_LEAD)
            continue;
        struct routing_step step = routing_step_of_core(d, w->by_event);
        routing_take(&w->replayed, &step);
        plan_touch(w, &step);
    }
    router_effects_clear(&w->effects);
}

static void touch_lead(struct whatif *w, struct router_lead *lead, int64_t at_ms)
{
    const struct router_lead *out;
    char token[ROUTER_TOKEN_BYTES];
    bool team = lead->in->crew != NULL;
    // Whoever had it before does not touch it any more.
    if (lead->state != ROUTER_WAITING || w->touch_at_ms[lead->serial - 1] != at_ms ||
        lead->not_before_ms > at_ms || (team && lead->rep[0] == '\0'))
        return;
    router_leads_hand_out(w->core, lead, span_of(team ? lead->rep : "replay"), LEASE_MS,
                          &w->effects);
    router_lead_token(lead, token);
    enum err err =
        router_core_ack(w->core, at_ms, span_of(lead->id), span_of(token), &out, &w->effects, NULL);
    CHECK(err == ERR_OK);
    const struct routing_lead *known = routing_find(&w->recorded, lead->id);
    int64_t after_ms = known != NULL && known->touched_ms != ROUTING_NEVER
                           ? work_ms(known)
                           : w->median_work_ms[routing_motion_of(lead->motion)];
    plan(w, lead, at_ms, after_ms, DEED_COMPLETE);
}

static void complete_lead(struct whatif *w, const struct router_lead *lead, int64_t at_ms)
{
    const struct router_lead *out;
    char token[ROUTER_TOKEN_BYTES];
    if (lead->state != ROUTER_ACKED)
        return;
    const struct routing_lead *known = routing_find(&w->recorded, lead->id);
    bool told = known != NULL && known->outcome[0] != '\0';
    router_lead_token(lead, token);
    enum err err =
        router_core_complete(w->core, at_ms, span_of(lead->id), span_of(token),
                             span_of(told ? known->outcome : "accepted"), &out, &w->effects, NULL);
    CHECK(err == ERR_OK);
}

// Everything that happens up to the instant. Bounded by what is planned and due.
static void run_until(struct whatif *w, int64_t until_ms)
{
    for (;;) {
        const struct heap_entry *top = heap_top(&w->deeds);
        int64_t deed_ms = top == NULL ? INT64_MAX : top->key;
        int64_t due_ms = router_core_next_due(w->core);
        int64_t at_ms = deed_ms < due_ms ? deed_ms : due_ms;
        if (at_ms > until_ms || at_ms == INT64_MAX)
            break;
        router_core_tick(w->core, at_ms, &w->effects);
        if (deed_ms <= due_ms) {
            struct heap_entry deed = heap_pop(&w->deeds);
            struct router_lead *lead = w->core->leads[deed.item / DEEDS - 1];
            if (deed.item % DEEDS == DEED_TOUCH)
                touch_lead(w, lead, at_ms);
            else
                complete_lead(w, lead, at_ms);
        }
        take_effects(w);
    }
    router_core_tick(w->core, until_ms, &w->effects);
    take_effects(w);
}

// ---- Signals ------------------------------------------------------------------------------------

static void end_group(struct whatif *w)
{
    if (w->n_group == 0)
        return;
    const struct router_signal *last = &w->group[w->n_group - 1];
    // What consumers do at the instant comes after: they have seen what it brought.
    run_until(w, instant(w, last->at_ms, last->known_at_ms) - 1);
    w->position++;
    for (size_t i = 0; i < w->n_group; i++) {
        w->group[i].position = w->position;
        w->group[i].index = i + 1;
    }
    router_core_signals(w->core, LANE, w->group, w->n_group, &w->effects);
    take_effects(w);
    w->n_group = 0;
    arena_reset(&w->texts);
}

static struct span keep(struct whatif *w, const char *text)
{
    return span_of(arena_dup(&w->texts, span_of(text)));
}

static void note_seen(struct whatif *w, const char *name)
{
    const struct playbook *playbook = whatif_playbook(w);
    for (int32_t i = 0; i < playbook->n_signals; i++)
        if (strcmp(playbook->signals[i].name, name) == 0)
            w->seen[i] = true;
}

static const struct router_evidence *keep_evidence(struct whatif *w,
                                                   const Assay__Router__V1__Signal *in)
{
    struct router_evidence *list = arena_alloc(&w->texts, (in->n_evidence + 1) * sizeof *list);
    for (size_t i = 0; i < in->n_evidence; i++)
        list[i] = (struct router_evidence){
            keep(w, in->evidence[i]->condition),
            keep(w, in->evidence[i]->value),
            keep(w, in->evidence[i]->threshold),
            in->evidence[i]->since_ms,
        };
    return list;
}

// As the router groups them: what one event changed of one account at one instant.
static bool in_group(const struct whatif *w, const Assay__Router__V1__Signal *in)
{
    if (w->n_group == 0)
        return true;
    const struct router_signal *last = &w->group[w->n_group - 1];
    return w->group_position == in->position && w->group_place == in->index >> 32 &&
           last->at_ms == in->at_ms && span_is(last->account, in->account_id);
}

static void gather(struct whatif *w, const Assay__Router__V1__Signal *in)
{
    if (!in_group(w, in))
        end_group(w);
    w->group_position = in->position;
    w->group_place = in->index >> 32;
    note_seen(w, in->name);
    MEM_GROW(w->group, w->n_group, w->group_cap);
    w->group[w->n_group++] = (struct router_signal){
        .name = keep(w, in->name),
        .value = in->value,
        .account = keep(w, in->account_id),
        .user = keep(w, in->user_id),
        .at_ms = in->at_ms,
        .known_at_ms = in->known_at_ms,
        .event_id = keep(w, in->event_id),
        .playbook = keep(w, in->playbook),
        .evidence = keep_evidence(w, in),
        .n_evidence = in->n_evidence,
        .episode = in->episode,
        .label = keep(w, in->label),
        .reason = keep(w, in->reason),
    };
}

void whatif_replay(struct whatif *w, const Assay__Router__V1__Decision *decision)
{
    end_learning(w);
    if (decision->decision_case == ASSAY__ROUTER__V1__DECISION__DECISION_SIGNAL)
        gather(w, decision->signal);
    else
        end_group(w);
}

void whatif_finish(struct whatif *w)
{
    end_learning(w);
    end_group(w);
    if (w->last_ms != INT64_MIN)
        run_until(w, w->last_ms);
    routing_finish(&w->replayed, w->last_ms);
}

// ---- The result ---------------------------------------------------------------------------------

const struct playbook *whatif_playbook(const struct whatif *w)
{
    return router_core_playbook(w->core);
}

struct routing *whatif_recorded(struct whatif *w)
{
    return &w->recorded;
}

struct routing *whatif_replayed(struct whatif *w)
{
    return &w->replayed;
}

const char *whatif_unknown(const struct whatif *w, size_t i)
{
    const struct playbook *playbook = whatif_playbook(w);
    for (int32_t k = 0; k < playbook->n_signals; k++)
        if (w->core->in_routes[k] && !w->seen[k] && i-- == 0)
            return playbook->signals[k].name;
    return NULL;
}
