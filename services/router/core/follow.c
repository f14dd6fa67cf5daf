// SPDX-License-Identifier: Apache-2.0
// "This motion first": when a lead of a route that says so has come to a good end and its account
// still qualifies, the next lead is made at once and skips such routes.
#include "services/router/core/state.h"

#include <string.h>

static bool was_first(const struct router_core *core, const struct router_lead *lead)
{
    const struct playbook *playbook = core->playbook;
    if (lead->after_first || lead->ended_reason != NULL || strcmp(lead->outcome, "rejected") == 0 ||
        strcmp(lead->outcome, "lost") == 0)
        return false;
    for (int32_t i = 0; i < playbook->n_routes; i++) {
        const struct route *route = &playbook->routes[i];
        if (route->first && strcmp(route->text, lead->route) == 0 &&
            strcmp(motion_name(route->motion), lead->motion) == 0)
            return true;
    }
    return false;
}

// Everybody who qualifies for the next lead: the first makes it, the others join.
struct following {
    struct router_core *core;
    const struct router_lead *done;
    struct account *home;
    struct cause cause;
    struct router_effects *effects;
    struct reasons reasons;
    bool made;
};

static const struct defined *defined_as(const struct router_core *core, const char *name)
{
    for (size_t i = 0; i < core->n_definitions; i++)
        if (core->definitions[i].name == name)
            return &core->definitions[i];
    return NULL;
}

// An organization qualifies by what its accounts have together, as the first lead told.
static void tell_again(const struct router_lead *done, struct reasons *out)
{
    out->n_names = done->n_reasons;
    for (uint32_t i = 0; i < done->n_reasons; i++)
        out->names[i] = done->reasons[i];
    out->n_evidence = done->n_evidence;
    for (uint32_t i = 0; i < done->n_evidence; i++)
        out->evidence[i] = done->evidence[i];
}

static void follow_by(struct following *f, struct account *account, const struct subject *subject,
                      const struct qualified *q)
{
    const struct subject *user = subject == &account->self ? NULL : subject;
    const struct defined *definition = defined_as(f->core, q->definition);
    if (definition != NULL)
        router_qualify_defined(f->core, definition, account, user, &f->reasons);
    else
        tell_again(f->done, &f->reasons);
    struct claim claim = {q->definition, q->label, user, &f->reasons};
    if (f->made)
        router_leads_join(f->core, f->home->lead, &claim, &f->cause, f->effects);
    else
        router_leads_create_after(f->core, account, &claim, &f->cause, f->effects);
    f->made = true;
}

static void follow_subject(struct following *f, struct account *account,
                           const struct subject *subject)
{
    for (uint32_t i = 0; i < subject->n_qualified; i++)
        if (!subject->qualified[i].left && subject->qualified[i].role != ROUTER_PAL)
            follow_by(f, account, subject, &subject->qualified[i]);
}

static void follow_account(struct following *f, struct account *account)
{
    follow_subject(f, account, &account->self);
    for (uint32_t i = 0; i < account->n_users; i++)
        if (!f->made || f->home->lead->n_contacts < ROUTER_CONTACTS_MAX)
            follow_subject(f, account, account->users[i]);
}

void router_leads_follow(struct router_core *core, const struct router_lead *done,
                         struct router_effects *effects)
{
    if (!was_first(core, done))
        return;
    struct following f = {
        .core = core,
        .done = done,
        .home = account_home(core->accounts[done->account]),
        .cause = router_leads_now(core),
        .effects = effects,
    };
    if (router_leads_open(f.home->lead))
        return; // the lead was of an account that has moved to where there is one
    // The account that brought the first one about brings the next one, if it can.
    struct account *account = router_state_account_find(core, span_of(done->account_id));
    if (account != f.home && account_home(account) == f.home)
        follow_account(&f, account);
    follow_account(&f, f.home);
    for (uint32_t i = 0; i < f.home->n_members; i++)
        if (f.home->members[i] != account)
            follow_account(&f, f.home->members[i]);
}
