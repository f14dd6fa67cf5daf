// SPDX-License-Identifier: Apache-2.0
// The playbook in force, and what the core looks up of it at every signal.
#include "services/router/core/state.h"

#include "common/base/check.h"
#include "common/base/mem.h"

const struct playbook *router_core_playbook(const struct router_core *core)
{
    return core->playbook;
}

// Signals that a condition over signals looks at. No condition: none.
static void mark_signals(struct router_core *core, int32_t condition)
{
    if (condition == PLAYBOOK_NONE)
        return;
    const struct condition *c = &core->playbook->conditions[condition];
    if (c->kind == CONDITION_SIGNAL)
        core->in_routes[c->signal] = true;
    for (int32_t i = 0; i < c->n_children; i++)
        mark_signals(core, c->children[i]);
}

static void mark_signal(struct router_core *core, int32_t signal)
{
    if (signal != PLAYBOOK_NONE)
        core->in_routes[signal] = true;
}

static void mark_caps(struct router_core *core, const struct rep_caps *caps)
{
    for (int32_t i = 0; i < caps->n_when; i++)
        mark_signals(core, caps->when[i].condition);
}

static void mark_team(struct router_core *core, const struct team *team)
{
    mark_caps(core, &team->caps);
    for (int32_t i = 0; i < team->n_reps; i++) {
        mark_signals(core, team->reps[i].takes);
        mark_caps(core, &team->reps[i].caps);
    }
}

// Everything that says where a lead goes, and what it is worth there.
static void learn_routes(struct router_core *core, const struct playbook *playbook)
{
    mem_free(core->in_routes);
    core->in_routes = mem_zalloc(((size_t)playbook->n_signals + 1) * sizeof *core->in_routes);
    for (int32_t i = 0; i < playbook->n_routes; i++)
        mark_signals(core, playbook->routes[i].when);
    for (int32_t i = 0; i < playbook->n_priorities; i++)
        mark_signals(core, playbook->priorities[i].when);
    for (int32_t i = 0; i < playbook->n_efforts; i++)
        mark_signals(core, playbook->efforts[i].when);
    for (int32_t i = 0; i < playbook->n_teams; i++)
        mark_team(core, &playbook->teams[i]);
    for (int32_t i = 0; i < playbook->n_experiments; i++)
        mark_signals(core, playbook->experiments[i].of);
    for (int32_t i = 0; i < playbook->n_prompts; i++)
        mark_signal(core, playbook->prompts[i].when);
    mark_signal(core, playbook->owner_fact);
    mark_signal(core, playbook->never_user);
    mark_signal(core, playbook->never_account);
    mark_signal(core, playbook->consent);
}

static void add_defined(struct router_core *core, const char *name, const char *signal,
                        enum router_stage role, enum scope scope, int32_t condition)
{
    core->definitions[core->n_definitions++] = (struct defined){
        .name = router_state_intern(core, span_of(name)),
        .signal = router_state_intern(core, span_of(signal)),
        .role = role,
        .scope = scope,
        .condition = condition,
    };
}

static void learn_definitions(struct router_core *core, const struct playbook *playbook)
{
    static const enum router_stage ROLES[PLAYBOOK_ROLES] = {
        [ROLE_PAL] = ROUTER_PAL, [ROLE_PQL] = ROUTER_PQL, [ROLE_PQA] = ROUTER_PQA};
    core->n_definitions = 0;
    core->definitions = mem_realloc(core->definitions, ((size_t)playbook->n_definitions + 1) *
                                                           sizeof *core->definitions);
    for (int32_t i = 0; i < playbook->n_definitions; i++) {
        const struct definition *d = &playbook->definitions[i];
        const struct signal *signal = &playbook->signals[d->signal];
        if (d->role != ROLE_MQL)
            add_defined(core, d->name, signal->name, ROLES[d->role], signal->scope,
                        signal->condition);
    }
}

static void learn_stages(struct router_core *core, const struct playbook *playbook)
{
    for (int i = 0; i < PLAYBOOK_STAGES; i++) {
        bool named = playbook->has_stages && i != STAGE_SIGNED_UP;
        core->stage_signals[i] = named && playbook->stages[i] != PLAYBOOK_NONE
                                     ? core->signal_names[playbook->stages[i]]
                                     : NULL;
    }
}

// Makes the playbook's names and queues known; what the old one had is let go.
void router_state_restore_playbook(struct router_core *core, struct playbook *playbook)
{
    playbook_destroy(core->playbook);
    core->playbook = playbook;
    core->label = router_state_intern(core, span_of(playbook->label));
    mem_free(core->signal_names);
    core->signal_names = mem_alloc(((size_t)playbook->n_signals + 1) * sizeof *core->signal_names);
    for (int32_t i = 0; i < playbook->n_signals; i++)
        core->signal_names[i] = router_state_intern(core, span_of(playbook->signals[i].name));
    learn_routes(core, playbook);
    learn_definitions(core, playbook);
    learn_stages(core, playbook);
    router_organizations_learn(core);
    for (size_t i = 0; i < core->n_queues; i++)
        core->queues[i]->rules = NULL;
    for (int32_t i = 0; i < playbook->n_queues; i++)
        router_state_queue(core, span_of(playbook->queues[i].name), true)->rules =
            &playbook->queues[i];
}

void router_core_set_playbook(struct router_core *core, struct playbook *playbook,
                              struct router_effects *effects)
{
    CHECK(playbook != NULL);
    router_state_restore_playbook(core, playbook);
    router_leads_rank_again(core);
    router_teams_playbook(core, effects);
    router_organizations_playbook(core, effects);
    struct cause cause = {core->clock_ms == STATE_NEVER ? 0 : core->clock_ms,
                          core->clock_ms == STATE_NEVER ? 0 : core->clock_ms,
                          {NULL, 0}};
    for (size_t i = 0; i < core->n_leads; i++) {
        struct router_lead *lead = core->leads[i];
        bool homeless = lead->state == ROUTER_WAITING && lead->in->rules == NULL;
        if (homeless || router_leads_unrouted(lead))
            router_leads_route_again(core, lead, "playbook", &cause, effects);
    }
    router_settle_playbook(core, effects);
    router_teams_fill(core, effects);
}
