// SPDX-License-Identifier: Apache-2.0
// Conditions over signals: a user's own, or with no user given, those that some user of the account
// has.
#include "services/router/core/state.h"

#include "common/base/check.h"

static bool signal_holds(const struct router_core *core, int32_t signal,
                         const struct account *account, const struct subject *user)
{
    const char *name = core->signal_names[signal];
    if (core->playbook->signals[signal].scope == SCOPE_ACCOUNT)
        return router_state_holds(&account->self, name);
    return user != NULL ? router_state_holds(user, name)
                        : router_state_users_with(account, name) > 0;
}

bool router_qualify_holds(const struct router_core *core, int32_t condition,
                          const struct account *account, const struct subject *user)
{
    const struct condition *c = &core->playbook->conditions[condition];
    switch (c->kind) {
    case CONDITION_AT_LEAST_N:
        CHECK(false);
    case CONDITION_ALL:
        for (int32_t i = 0; i < c->n_children; i++)
            if (!router_qualify_holds(core, c->children[i], account, user))
                return false;
        return true;
    case CONDITION_ANY:
        for (int32_t i = 0; i < c->n_children; i++)
            if (router_qualify_holds(core, c->children[i], account, user))
                return true;
        return false;
    case CONDITION_NOT:
        return !router_qualify_holds(core, c->children[0], account, user);
    case CONDITION_SIGNAL:
        return signal_holds(core, c->signal, account, user);
    case CONDITION_ALWAYS:
        return true;
    case CONDITION_TEST: // only under signals, which the scorer decides
        break;
    }
    return false;
}

// Of a user signal without a user: the first user, in order of id, who has it.
static const struct held *holder(const struct router_core *core, int32_t signal,
                                 const struct account *account, const struct subject *user)
{
    const char *name = core->signal_names[signal];
    const struct subject *subject = user;
    if (core->playbook->signals[signal].scope == SCOPE_ACCOUNT)
        subject = &account->self;
    for (uint32_t i = 0; subject == NULL && i < account->n_users; i++)
        if (router_state_holds(account->users[i], name))
            subject = account->users[i];
    CHECK(subject != NULL);
    return router_state_held((struct subject *)subject, name, false);
}

static void add_signal(const struct held *held, struct reasons *out)
{
    for (uint32_t i = 0; i < out->n_names; i++)
        if (out->names[i] == held->name)
            return;
    if (out->n_names < ROUTER_REASONS_MAX)
        out->names[out->n_names++] = held->name;
    for (uint32_t i = 0; i < held->n_evidence && out->n_evidence < ROUTER_EVIDENCE_MAX; i++)
        out->evidence[out->n_evidence++] = held->evidence[i];
}

void router_qualify_reasons(const struct router_core *core, int32_t condition,
                            const struct account *account, const struct subject *user,
                            struct reasons *out)
{
    const struct condition *c = &core->playbook->conditions[condition];
    if (!router_qualify_holds(core, condition, account, user))
        return;
    if (c->kind == CONDITION_SIGNAL)
        add_signal(holder(core, c->signal, account, user), out);
    if (c->kind == CONDITION_ALL || c->kind == CONDITION_ANY)
        for (int32_t i = 0; i < c->n_children; i++)
            router_qualify_reasons(core, c->children[i], account, user, out);
}
