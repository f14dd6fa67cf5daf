// SPDX-License-Identifier: Apache-2.0
#include "services/router/core/state.h"

#include "common/base/check.h"
#include "common/base/mem.h"

const char *router_stage_name(enum router_stage stage)
{
    static const char NAMES[][4] = {"", "pal", "pql", "pqa"};
    CHECK((size_t)stage < ARRAY_LEN(NAMES));
    return NAMES[stage];
}

void router_effects_init(struct router_effects *effects)
{
    *effects = (struct router_effects){0};
    arena_init(&effects->texts, 4096, 0);
}

void router_effects_deinit(struct router_effects *effects)
{
    mem_free(effects->items);
    arena_deinit(&effects->texts);
    *effects = (struct router_effects){0};
}

void router_effects_clear(struct router_effects *effects)
{
    effects->n = 0;
    arena_reset(&effects->texts);
}

struct router_decision *router_decision_add(struct router_core *core,
                                            struct router_effects *effects,
                                            enum router_decision_kind kind)
{
    MEM_GROW(effects->items, effects->n, effects->cap);
    struct router_decision *d = &effects->items[effects->n++];
    *d = (struct router_decision){
        .offset = ++core->last_decision,
        .kind = kind,
        .playbook = core->label,
        .lead_id = "",
        .motion = "",
        .queue = "",
        .reason = "",
        .consumer = "",
        .outcome = "",
        .message = "",
        .definition = "",
        .label = "",
        .organization = "",
        .team = "",
        .rep = "",
        .to = "",
        .by = "",
        .change = "",
        .prompt = "",
    };
    return d;
}

// The consumer's name is copied: the lead may pass to another one before the effects are read.
struct router_decision *router_decision_add_lead(struct router_core *core,
                                                 struct router_effects *effects,
                                                 const struct router_lead *lead,
                                                 enum router_step step, const char *reason)
{
    struct router_decision *d = router_decision_add(core, effects, ROUTER_DECISION_LEAD);
    d->step = step;
    d->account = span_of(lead->account_id);
    d->lead_id = lead->id;
    d->motion = lead->motion;
    d->queue = lead->queue;
    d->priority = lead->priority;
    d->reason = reason;
    d->outcome = lead->outcome;
    d->message = lead->message;
    d->organization = lead->organization;
    d->team = lead->team;
    d->rep = lead->rep;
    if (lead->consumer != NULL)
        d->consumer = arena_dup(&effects->texts, span_of(lead->consumer));
    d->at_ms = core->clock_ms;
    d->known_at_ms = core->clock_ms;
    return d;
}
