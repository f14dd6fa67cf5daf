// SPDX-License-Identifier: Apache-2.0
// Conditions over signals: a user's own, or with no user given, those that some user of the account
// has.
#include "services/router/core/state.h"

#include "common/base/check.h"

// Of an organization: for one of its members.
static bool signal_holds(const struct router_core *core, int32_t signal,
                         const struct account *account, const struct subject *user)
{
    const char *name = core->signal_names[signal];
    if (account_is_organization(account))
        return router_organizations_has(core, account, signal);
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
    case CONDITION_AT_LEAST_N: {
        int32_t n = 0;
        for (int32_t i = 0; i < c->n_children; i++)
            n += router_qualify_holds(core, c->children[i], account, user);
        return n >= c->n_needed;
    }
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
    case CONDITION_TEST:    // only under signals, which the scorer decides
    case CONDITION_ROLL_UP: // only in definitions of organizations
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

static bool evidence_known(const struct reasons *reasons, struct span condition)
{
    for (uint32_t i = 0; i < reasons->n_evidence; i++)
        if (span_eq(reasons->evidence[i].condition, condition))
            return true;
    return false;
}

static void add_evidence(const struct held *held, struct reasons *out)
{
    for (uint32_t i = 0; i < held->n_evidence && out->n_evidence < ROUTER_EVIDENCE_MAX; i++)
        if (!evidence_known(out, held->evidence[i].condition))
            out->evidence[out->n_evidence++] = held->evidence[i];
}

static void add_signal(const struct held *held, struct reasons *out)
{
    for (uint32_t i = 0; i < out->n_names; i++)
        if (out->names[i] == held->name)
            return;
    if (out->n_names < ROUTER_REASONS_MAX)
        out->names[out->n_names++] = held->name;
    add_evidence(held, out);
}

// Signals that hold, wherever they stand but under a "not": the tests beside them are the scorer's.
static void add_signals_of(const struct router_core *core, int32_t condition,
                           const struct account *account, const struct subject *user,
                           struct reasons *out)
{
    const struct condition *c = &core->playbook->conditions[condition];
    if (c->kind == CONDITION_NOT)
        return;
    if (c->kind == CONDITION_SIGNAL &&
        core->playbook->signals[c->signal].origin != SIGNAL_CRITERION &&
        signal_holds(core, c->signal, account, user))
        add_signal(holder(core, c->signal, account, user), out);
    for (int32_t i = 0; i < c->n_children; i++)
        add_signals_of(core, c->children[i], account, user, out);
}

void router_qualify_defined(const struct router_core *core, const struct defined *definition,
                            const struct account *account, const struct subject *user,
                            struct reasons *out)
{
    const struct subject *subject = user != NULL ? user : &account->self;
    const struct held *held =
        router_state_held((struct subject *)subject, definition->signal, false);
    out->n_names = 0;
    out->n_evidence = 0;
    out->names[out->n_names++] = definition->name;
    if (held != NULL)
        add_evidence(held, out);
    add_signals_of(core, definition->condition, account, user, out);
}
