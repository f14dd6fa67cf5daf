// SPDX-License-Identifier: Apache-2.0
// Who falls into which arm follows from a keyed hash alone, so that an account (or organization)
// always falls into the same one and nobody can choose. What a lead takes part in is written on it
// when it is made. Who is held out by one experiment takes part in no other: nothing is done to
// him that another one could compare.
#include "services/router/core/experiments.h"

#include <string.h>

#include "common/base/hash.h"
#include "services/router/core/state.h"

enum { WHOLE = 10000 };

// An organization's key without its mark.
static struct span id_of(const struct account *home)
{
    return span_of(home->id[0] == ORGANIZATION_MARK ? home->id + 1 : home->id);
}

static const struct arm *arm_of(const struct experiment *experiment, const struct account *home)
{
    uint64_t seed = hash64(span_of(experiment->key));
    int32_t bucket = (int32_t)(hash64_seeded(id_of(home), seed) % WHOLE);
    int32_t end = 0;
    for (int32_t i = 0; i < experiment->n_arms; i++) {
        end += experiment->arms[i].share;
        if (bucket < end)
            return &experiment->arms[i];
    }
    return NULL;
}

// The arm that the home is in, if it takes part.
static const struct arm *taken_part(const struct router_core *core,
                                    const struct experiment *experiment, const struct account *home)
{
    return router_qualify_holds(core, experiment->of, home, NULL) ? arm_of(experiment, home) : NULL;
}

bool router_experiments_holds_out(const struct router_core *core, const struct account *home)
{
    const struct playbook *playbook = core->playbook;
    for (int32_t i = 0; i < playbook->n_experiments; i++) {
        const struct arm *arm = taken_part(core, &playbook->experiments[i], home);
        if (arm != NULL && arm->holdout)
            return true;
    }
    return false;
}

bool router_experiments_enter(struct router_core *core, struct router_lead *lead,
                              const struct account *home)
{
    const struct playbook *playbook = core->playbook;
    bool out = router_experiments_holds_out(core, home);
    for (int32_t i = 0; i < playbook->n_experiments; i++) {
        const struct arm *arm = taken_part(core, &playbook->experiments[i], home);
        if (arm != NULL && arm->holdout == out)
            router_state_lead_arm(lead,
                                  router_state_intern(core, span_of(playbook->experiments[i].name)),
                                  router_state_intern(core, span_of(arm->name)));
    }
    router_state_lead_changed(core, lead);
    return out;
}

// ---- What an arm changes ------------------------------------------------------------------------

// Of the playbook in force; NULL: it no longer has it.
static const struct arm *arm_at(const struct router_core *core, const struct router_lead *lead,
                                uint32_t place)
{
    const struct playbook *playbook = core->playbook;
    for (int32_t i = 0; i < playbook->n_experiments; i++) {
        const struct experiment *experiment = &playbook->experiments[i];
        if (strcmp(experiment->name, lead->experiments[place]) != 0)
            continue;
        for (int32_t j = 0; j < experiment->n_arms; j++)
            if (strcmp(experiment->arms[j].name, lead->arms[place]) == 0)
                return &experiment->arms[j];
    }
    return NULL;
}

const char *router_experiments_message(const struct router_core *core,
                                       const struct router_lead *lead, const char *message)
{
    for (uint32_t i = 0; i < lead->n_experiments; i++) {
        const struct arm *arm = arm_at(core, lead, i);
        if (arm != NULL && arm->message[0] != '\0')
            message = arm->message;
    }
    return message;
}

void router_experiments_apply(struct router_core *core, struct router_lead *lead)
{
    const char *message = router_experiments_message(core, lead, lead->message);
    if (message != lead->message)
        lead->message = router_state_intern(core, span_of(message));
    for (uint32_t i = 0; i < lead->n_experiments; i++) {
        const struct arm *arm = arm_at(core, lead, i);
        if (arm != NULL && arm->first_touch_ms != 0)
            lead->first_touch_ms = arm->first_touch_ms;
    }
}

// ---- What came of it ----------------------------------------------------------------------------

// The home's first lead in the experiment, and what became of it.
struct part {
    const struct router_lead *lead;
    const char *arm;
};

// `experiment` is interned, as the leads' are.
static struct part part_of(const struct account *home, const char *experiment)
{
    struct part part = {NULL, NULL};
    for (const struct router_lead *lead = home->lead; lead != NULL; lead = lead->before)
        for (uint32_t i = 0; i < lead->n_experiments; i++)
            if (lead->experiments[i] == experiment)
                part = (struct part){lead, lead->arms[i]};
    return part;
}

static bool within(int64_t at_ms, const struct router_lead *lead, int64_t within_ms)
{
    return at_ms >= lead->created_at_ms && at_ms - lead->created_at_ms <= within_ms;
}

static bool became_customer(const struct account *account, const struct router_lead *lead,
                            int64_t within_ms)
{
    return account->customer_since_ms != 0 && within(account->customer_since_ms, lead, within_ms);
}

// The account became a customer, or the lead (or one that followed it) was won.
static bool converted(const struct account *home, const struct router_lead *lead, int64_t within_ms)
{
    if (became_customer(home, lead, within_ms))
        return true;
    for (uint32_t i = 0; i < home->n_members; i++)
        if (became_customer(home->members[i], lead, within_ms))
            return true;
    for (const struct router_lead *l = home->lead; l != NULL; l = l == lead ? NULL : l->before)
        if (strcmp(l->outcome, "won") == 0 && within(l->completed_at_ms, lead, within_ms))
            return true;
    return false;
}

static struct router_arm_view *arm_named(struct router_arm_view *arms, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(arms[i].name, name) == 0)
            return &arms[i];
    return NULL;
}

static void count(const struct account *home, const char *experiment, int64_t now_ms,
                  struct router_arm_view *arms, struct router_experiment_view *view)
{
    struct part part = part_of(home, experiment);
    struct router_arm_view *arm =
        part.lead == NULL ? NULL : arm_named(arms, view->n_arms, part.arm);
    if (arm == NULL)
        return;
    int64_t at_ms = part.lead->created_at_ms;
    view->first_ms = view->first_ms == 0 || at_ms < view->first_ms ? at_ms : view->first_ms;
    view->last_ms = at_ms > view->last_ms ? at_ms : view->last_ms;
    arm->leads++;
    if (converted(home, part.lead, view->within_ms))
        arm->converted++;
    else
        arm->open += now_ms - at_ms <= view->within_ms;
    arm->touched += part.lead->touched_at_ms != 0 && !part.lead->sla_missed;
    arm->missed += part.lead->sla_missed;
}

static struct router_arm_view *empty_arms(const struct experiment *experiment, struct arena *arena)
{
    struct router_arm_view *arms =
        arena_alloc(arena, ((size_t)experiment->n_arms + 1) * sizeof *arms);
    for (int32_t i = 0; i < experiment->n_arms; i++)
        arms[i] = (struct router_arm_view){
            .name = experiment->arms[i].name,
            .holdout = experiment->arms[i].holdout,
        };
    return arms;
}

size_t router_core_experiments(const struct router_core *core, int64_t now_ms, struct arena *arena,
                               const struct router_experiment_view **out)
{
    const struct playbook *playbook = core->playbook;
    size_t n = playbook == NULL ? 0 : (size_t)playbook->n_experiments;
    struct router_experiment_view *views = arena_alloc(arena, (n + 1) * sizeof *views);
    for (size_t i = 0; i < n; i++) {
        const struct experiment *experiment = &playbook->experiments[i];
        struct router_arm_view *arms = empty_arms(experiment, arena);
        views[i] = (struct router_experiment_view){
            .name = experiment->name,
            .size = experiment->size,
            .within_ms = experiment->within_ms,
            .arms = arms,
            .n_arms = (size_t)experiment->n_arms,
        };
        const char *name = router_state_interned(core, span_of(experiment->name));
        for (size_t a = 0; name != NULL && a < core->n_accounts; a++)
            if (core->accounts[a]->lead != NULL)
                count(core->accounts[a], name, now_ms, arms, &views[i]);
    }
    *out = views;
    return n;
}
