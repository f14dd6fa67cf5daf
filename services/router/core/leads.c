// SPDX-License-Identifier: Apache-2.0
// A lead's way:
//
//     created ──► WAITING ──hand out──► LEASED ──ack──► ACKED ──complete──► COMPLETED
//        │           ▲                    │  └────────complete───────────►
//        │           └─released, ran out──┤
//        └─► PARKED ◄──attempts used up───┘
//
// A lead that no queue takes (hold_out, suppress, no route) is PARKED at once. The heap of leases
// that run out has for each leased lead an entry at timer_at_ms, not after its end: one that comes
// early is put back at the true instant; one whose key is not timer_at_ms is stale.
#include "services/router/core/state.h"

#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/base/mem.h"

void router_leads_set_state(struct router_core *core, struct router_lead *lead,
                            enum router_lead_state state)
{
    struct router_queue *queue = lead->in;
    if (lead->state != 0) {
        CHECK(queue->counts[lead->state] > 0);
        queue->counts[lead->state]--;
    }
    lead->state = state;
    queue->counts[state]++;
    if (state == ROUTER_WAITING) {
        heap_push(&queue->waiting, -(int64_t)lead->priority, lead->serial);
        if (lead->serial < queue->oldest_from)
            queue->oldest_from = lead->serial;
    }
    if (state == ROUTER_LEASED)
        router_leads_arm(core, lead);
    router_state_lead_changed(core, lead);
}

void router_leads_arm(struct router_core *core, struct router_lead *lead)
{
    if (lead->timer_at_ms != STATE_NEVER && lead->timer_at_ms <= lead->lease_until_ms)
        return;
    lead->timer_at_ms = lead->lease_until_ms;
    heap_push(&core->expiries, lead->lease_until_ms, lead->serial);
}

struct router_lead *router_leads_take(struct router_core *core, struct router_queue *queue)
{
    while (heap_top(&queue->waiting) != NULL) {
        struct heap_entry entry = heap_pop(&queue->waiting);
        struct router_lead *lead = core->leads[entry.item - 1];
        if (lead->state == ROUTER_WAITING && lead->in == queue &&
            entry.key == -(int64_t)lead->priority)
            return lead;
    }
    return NULL;
}

// ---- Routes
// ---------------------------------------------------------------------------------------

bool router_leads_unrouted(const struct router_lead *lead)
{
    return lead->state == ROUTER_PARKED && lead->motion[0] == '\0';
}

// What the first route that holds says. Queue "": no queue takes it, and `parked` says why.
struct place {
    const char *motion;
    const char *route;
    const char *parked;
    struct router_queue *queue;
    int32_t priority;
};

static struct place find_place(struct router_core *core, const struct account *account)
{
    const struct playbook *playbook = core->playbook;
    for (int32_t i = 0; i < playbook->n_routes; i++) {
        const struct route *route = &playbook->routes[i];
        if (!router_qualify_holds(core, route->when, account, NULL))
            continue;
        const char *motion = router_state_intern(core, span_of(motion_name(route->motion)));
        struct place place = {
            .motion = motion,
            .route = router_state_intern(core, span_of(route->text)),
            .parked = "",
            .queue = core->queues[0],
            .priority = route->priority,
        };
        if (route->queue == PLAYBOOK_NONE)
            place.parked = motion;
        else
            place.queue =
                router_state_queue(core, span_of(playbook->queues[route->queue].name), false);
        CHECK(place.queue != NULL);
        return place;
    }
    return (struct place){"", "", "no_route", core->queues[0], 0};
}

// Puts a lead that is in no state into the place that was found.
static void put(struct router_core *core, struct router_lead *lead, const struct place *place)
{
    CHECK(lead->state == 0);
    lead->motion = place->motion;
    lead->route = place->route;
    lead->parked_reason = place->parked;
    lead->priority = place->priority;
    lead->in = place->queue;
    lead->queue = place->queue->name;
    lead->playbook = core->label;
    router_leads_set_state(core, lead, place->parked[0] == '\0' ? ROUTER_WAITING : ROUTER_PARKED);
}

static void take_out(struct router_lead *lead)
{
    CHECK(lead->in->counts[lead->state] > 0);
    lead->in->counts[lead->state]--;
    lead->state = 0;
}

// A step that has its cause in signals.
static struct router_decision *decide(struct router_core *core, struct router_effects *effects,
                                      const struct router_lead *lead, enum router_step step,
                                      const char *reason, const struct cause *cause)
{
    struct router_decision *d = router_decision_add_lead(core, effects, lead, step, reason);
    d->at_ms = cause->at_ms;
    d->known_at_ms = cause->known_at_ms;
    d->event_id = cause->event_id;
    return d;
}

void router_leads_route_again(struct router_core *core, struct router_lead *lead,
                              const char *reason, const struct cause *cause,
                              struct router_effects *effects)
{
    if (lead->state != ROUTER_WAITING && !router_leads_unrouted(lead))
        return;
    struct place place = find_place(core, core->accounts[lead->account]);
    if (place.queue == lead->in && place.motion == lead->motion && place.priority == lead->priority)
        return;
    if (place.motion[0] == '\0' && router_leads_unrouted(lead))
        return;
    take_out(lead);
    put(core, lead, &place);
    decide(core, effects, lead, ROUTER_STEP_ROUTED, reason, cause);
    if (lead->state == ROUTER_PARKED)
        decide(core, effects, lead, ROUTER_STEP_PARKED, lead->parked_reason, cause);
}

// ---- Making and changing
// --------------------------------------------------------------------------

// From the account and the number of its lead. Two accounts whose hashes are equal still get two
// leads.
static void make_id(const struct router_core *core, const char *account_id, char *out)
{
    size_t len = strlen(account_id);
    char *text = mem_alloc(len + 2);
    memcpy(text, account_id, len);
    memcpy(text + len, "#1", 2);
    uint64_t hash = hash64(span_make(text, len + 2));
    mem_free(text);
    do
        snprintf(out, ROUTER_LEAD_ID_BYTES, "L%016llx", (unsigned long long)hash++);
    while (router_state_lead_find(core, span_of(out)) != NULL);
}

void router_leads_add_reasons(struct router_core *core, struct router_lead *lead,
                              const struct reasons *reasons)
{
    lead->reasons = mem_realloc(lead->reasons,
                                (lead->n_reasons + reasons->n_names + 1) * sizeof *lead->reasons);
    for (uint32_t i = 0; i < reasons->n_names && lead->n_reasons < ROUTER_REASONS_MAX; i++)
        lead->reasons[lead->n_reasons++] = reasons->names[i];
    struct router_evidence all[2 * ROUTER_EVIDENCE_MAX];
    uint32_t n = 0;
    for (uint32_t i = 0; i < lead->n_evidence; i++)
        all[n++] = lead->evidence[i];
    for (uint32_t i = 0; i < reasons->n_evidence; i++)
        all[n++] = reasons->evidence[i];
    struct router_evidence *old = lead->evidence;
    lead->evidence = router_state_evidence_copy(all, n, &lead->n_evidence);
    mem_free(old);
    router_state_lead_changed(core, lead);
}

static bool contact_known(const struct router_lead *lead, const char *user_id)
{
    for (uint32_t i = 0; i < lead->n_contacts; i++)
        if (lead->contacts[i].user_id == user_id)
            return true;
    return false;
}

static bool contact_put(struct router_core *core, struct router_lead *lead,
                        const struct subject *user, int64_t at_ms)
{
    if (lead->n_contacts >= ROUTER_CONTACTS_MAX || contact_known(lead, user->id))
        return false;
    MEM_GROW(lead->contacts, lead->n_contacts, lead->contacts_cap);
    lead->contacts[lead->n_contacts++] = (struct router_contact){user->id, at_ms};
    router_state_lead_changed(core, lead);
    return true;
}

struct router_lead *router_leads_create(struct router_core *core, struct account *account,
                                        const struct subject *first, const struct reasons *reasons,
                                        const struct cause *cause, struct router_effects *effects)
{
    CHECK(reasons->n_names > 0);
    char id[ROUTER_LEAD_ID_BYTES];
    make_id(core, account->id, id);
    struct router_lead *lead = router_state_lead_add(core, account, id);
    lead->created_at_ms = cause->at_ms;
    lead->known_at_ms = cause->known_at_ms;
    struct place place = find_place(core, account);
    put(core, lead, &place);
    router_leads_add_reasons(core, lead, reasons);
    struct router_decision *d =
        decide(core, effects, lead, ROUTER_STEP_CREATED, reasons->names[0], cause);
    if (first != NULL && contact_put(core, lead, first, cause->at_ms))
        d->user = span_of(first->id);
    if (lead->state == ROUTER_PARKED)
        decide(core, effects, lead, ROUTER_STEP_PARKED, lead->parked_reason, cause);
    return lead;
}

void router_leads_add_contact(struct router_core *core, struct router_lead *lead,
                              const struct subject *user, const struct cause *cause,
                              struct router_effects *effects)
{
    if (!contact_put(core, lead, user, cause->at_ms))
        return;
    struct router_decision *d =
        decide(core, effects, lead, ROUTER_STEP_CONTACT_ADDED, "pql", cause);
    d->user = span_of(user->id);
}

// ---- Leases
// ---------------------------------------------------------------------------------------

int64_t router_leads_lease_ms(const struct router_lead *lead, int64_t asked_ms)
{
    if (asked_ms > 0)
        return asked_ms;
    return lead->in->rules != NULL ? lead->in->rules->lease_ms : ROUTER_LEASE_MS_DEFAULT;
}

void router_leads_hand_out(struct router_core *core, struct router_lead *lead, struct span consumer,
                           int64_t lease_ms, struct router_effects *effects)
{
    CHECK(lead->state == ROUTER_WAITING && lead->consumer == NULL);
    lead->consumer = mem_dup(consumer);
    lead->attempts++;
    lead->lease_until_ms = core->clock_ms + router_leads_lease_ms(lead, lease_ms);
    router_leads_set_state(core, lead, ROUTER_LEASED);
    router_decision_add_lead(core, effects, lead, ROUTER_STEP_LEASED, "");
}

void router_leads_return(struct router_core *core, struct router_lead *lead,
                         struct router_effects *effects)
{
    const struct lead_queue *rules = lead->in->rules;
    uint32_t attempts_max =
        rules != NULL ? (uint32_t)rules->attempts_max : ROUTER_ATTEMPTS_MAX_DEFAULT;
    mem_free(lead->consumer);
    lead->consumer = NULL;
    lead->lease_until_ms = 0;
    if (lead->attempts < attempts_max) {
        router_leads_set_state(core, lead, ROUTER_WAITING);
        return;
    }
    lead->parked_reason = "attempts";
    router_leads_set_state(core, lead, ROUTER_PARKED);
    router_decision_add_lead(core, effects, lead, ROUTER_STEP_PARKED, lead->parked_reason);
}

// The next entry of the heap that is no longer stale and at its true instant.
static const struct heap_entry *next_expiry(struct router_core *core)
{
    const struct heap_entry *top;
    while ((top = heap_top(&core->expiries)) != NULL) {
        struct router_lead *lead = core->leads[top->item - 1];
        bool leased = lead->state == ROUTER_LEASED;
        if (top->key == lead->timer_at_ms && leased && lead->lease_until_ms == top->key)
            return top;
        struct heap_entry entry = heap_pop(&core->expiries);
        if (entry.key != lead->timer_at_ms)
            continue;
        lead->timer_at_ms = STATE_NEVER;
        if (leased)
            router_leads_arm(core, lead);
    }
    return NULL;
}

int64_t router_core_next_due(struct router_core *core)
{
    const struct heap_entry *next = next_expiry(core);
    return next == NULL ? INT64_MAX : next->key;
}

void router_core_tick(struct router_core *core, int64_t now_ms, struct router_effects *effects)
{
    if (now_ms > core->clock_ms)
        core->clock_ms = now_ms;
    const struct heap_entry *next;
    while ((next = next_expiry(core)) != NULL && next->key <= core->clock_ms) {
        struct heap_entry entry = heap_pop(&core->expiries);
        struct router_lead *lead = core->leads[entry.item - 1];
        lead->timer_at_ms = STATE_NEVER;
        router_decision_add_lead(core, effects, lead, ROUTER_STEP_EXPIRED, "lease ran out");
        router_leads_return(core, lead, effects);
    }
}
