// SPDX-License-Identifier: Apache-2.0
// Where a lead goes: the first route that holds. Read when a lead is made, and for one that waits
// again, when something that a route looks at has changed.
#include "services/router/core/state.h"

#include <string.h>

#include "common/base/check.h"

bool router_leads_unrouted(const struct router_lead *lead)
{
    return lead->state == ROUTER_PARKED && lead->motion[0] == '\0';
}

// What the first route that holds says. Queue "": no queue takes it, and `parked` says why.
struct place {
    const char *motion;
    const char *route;
    const char *message;
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
            .message = router_state_intern(core, span_of(route->message)),
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
    return (struct place){"", "", "", "no_route", core->queues[0], 0};
}

static void put(struct router_core *core, struct router_lead *lead, const struct place *place)
{
    CHECK(lead->state == 0);
    lead->motion = place->motion;
    lead->route = place->route;
    lead->message = place->message;
    lead->parked_reason = place->parked;
    lead->priority = place->priority;
    lead->in = place->queue;
    lead->queue = place->queue->name;
    lead->playbook = core->label;
    router_leads_set_state(core, lead, place->parked[0] == '\0' ? ROUTER_WAITING : ROUTER_PARKED);
}

void router_routes_place(struct router_core *core, struct router_lead *lead,
                         const struct account *account)
{
    struct place place = find_place(core, account);
    put(core, lead, &place);
}

static void take_out(struct router_lead *lead)
{
    CHECK(lead->in->counts[lead->state] > 0);
    lead->in->counts[lead->state]--;
    lead->state = 0;
}

struct router_decision *router_leads_decide(struct router_core *core,
                                            struct router_effects *effects,
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
    // Texts may be equal at two addresses: not every "" is interned.
    if (place.queue == lead->in && strcmp(place.motion, lead->motion) == 0 &&
        place.priority == lead->priority && strcmp(place.message, lead->message) == 0)
        return;
    if (place.motion[0] == '\0' && router_leads_unrouted(lead))
        return;
    take_out(lead);
    put(core, lead, &place);
    router_leads_decide(core, effects, lead, ROUTER_STEP_ROUTED, reason, cause);
    if (lead->state == ROUTER_PARKED)
        router_leads_decide(core, effects, lead, ROUTER_STEP_PARKED, lead->parked_reason, cause);
}
