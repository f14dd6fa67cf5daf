// SPDX-License-Identifier: Apache-2.0
// Deciding a group of signals: who begins and who ends to qualify, of the subjects that it touched;
// with each beginning, the lead; then, of the account: whether its lead still has a reason, its
// stage, and the routes.
#include "services/router/core/settling.h"

#include "common/base/check.h"
#include "common/base/mem.h"
#include "services/router/core/organizations_impl.h"

static const char NO_LONGER[] = "no longer qualifies";
static const char GONE[] = "the playbook no longer has it";

// ---- Episodes -----------------------------------------------------------------------------------

static struct router_decision *qualification(struct settling *s, const struct account *at,
                                             const struct subject *subject,
                                             const struct qualified *q)
{
    struct router_decision *d =
        router_decision_add(s->core, s->effects, ROUTER_DECISION_QUALIFICATION);
    d->stage = q->role;
    d->definition = q->definition;
    d->label = q->label;
    d->episode = q->episode;
    d->account = span_of(s->account->id);
    d->user = span_of(subject->id);
    d->at_ms = s->cause.at_ms;
    d->known_at_ms = s->cause.known_at_ms;
    d->event_id = s->cause.event_id;
    if (account_is_organization(at))
        d->organization = router_organizations_key(at);
    return d;
}

void router_settling_leave(struct settling *s, struct account *at, struct subject *subject,
                           struct qualified *q, const char *reason)
{
    q->left = true;
    q->left_at_ms = s->cause.at_ms;
    mem_free(q->left_reason);
    q->left_reason = reason != NULL ? mem_dup_text(reason) : NULL;
    router_state_account_changed(s->core, at);
    struct router_decision *d = qualification(s, at, subject, q);
    d->left = true;
    d->reason = arena_dup(&s->effects->texts, span_of(reason != NULL ? reason : ""));
    if (q->role == ROUTER_PAL)
        return;
    s->left = true;
    s->why = span_of(d->reason[0] != '\0' ? d->reason : NO_LONGER);
}

struct qualified *router_settling_enter(struct settling *s, struct account *at,
                                        struct subject *subject, const struct entering *entering)
{
    if (!router_standing_ever(subject, entering->role))
        s->core->n_stage[entering->role - 1]++;
    struct qualified *q = router_standing_add(subject, entering->definition);
    q->role = entering->role;
    q->label = entering->label;
    q->episode = entering->episode;
    q->at_ms = s->cause.at_ms;
    router_state_text_free(q->event_id);
    q->event_id = router_state_text(s->core, s->cause.event_id);
    q->left = false;
    q->left_at_ms = 0;
    mem_free(q->left_reason);
    q->left_reason = NULL;
    router_state_account_changed(s->core, at);
    (void)qualification(s, at, subject, q);
    return q;
}

// ---- Claims -------------------------------------------------------------------------------------

void router_settling_claim(struct settling *s, struct account *account, const struct qualified *q,
                           const struct subject *user)
{
    struct claim claim = {q->definition, q->label, user, &s->reasons};
    struct router_lead *lead = account_home(account)->lead;
    if (router_leads_open(lead))
        router_leads_join(s->core, lead, &claim, &s->cause, s->effects);
    else
        router_leads_create(s->core, account, &claim, &s->cause, s->effects);
}

static void claim_defined(struct settling *s, struct account *account,
                          const struct defined *definition, const struct subject *subject,
                          const struct qualified *q)
{
    const struct subject *user = subject == &account->self ? NULL : subject;
    router_qualify_defined(s->core, definition, account, user, &s->reasons);
    router_settling_claim(s, account, q, user);
}

static void claim_subject(struct settling *s, struct account *account,
                          const struct subject *subject)
{
    for (size_t i = 0; i < s->core->n_definitions; i++) {
        const struct defined *definition = &s->core->definitions[i];
        const struct qualified *q = router_standing_find(subject, definition->name);
        if (q != NULL && !q->left && q->role != ROUTER_PAL)
            claim_defined(s, account, definition, subject, q);
    }
}

void router_settling_claim_all(struct settling *s, struct account *account)
{
    for (uint32_t i = 0; i < account->n_users; i++)
        claim_subject(s, account, account->users[i]);
    claim_subject(s, account, &account->self);
}

// ---- An account and its users -------------------------------------------------------------------

static void settle_definition(struct settling *s, struct subject *subject,
                              const struct defined *definition)
{
    const struct held *held = router_state_held(subject, definition->signal, false);
    struct qualified *q = router_standing_find(subject, definition->name);
    bool open = q != NULL && !q->left;
    bool holds = held != NULL && held->value;
    bool same = open && holds && q->episode == held->episode;
    if (open && !same)
        router_settling_leave(s, s->account, subject, q, held != NULL ? held->reason : NULL);
    if (!holds || same)
        return;
    struct entering entering = {definition->name, held->label, definition->role, held->episode};
    q = router_settling_enter(s, s->account, subject, &entering);
    if (q->role != ROUTER_PAL)
        claim_defined(s, s->account, definition, subject, q);
}

static bool definition_gone(const struct router_core *core, const char *name)
{
    for (size_t i = 0; i < core->n_definitions; i++)
        if (core->definitions[i].name == name)
            return false;
    return true;
}

static void settle_subject(struct settling *s, struct subject *subject)
{
    enum scope scope = subject == &s->account->self ? SCOPE_ACCOUNT : SCOPE_USER;
    for (uint32_t i = 0; i < subject->n_qualified; i++) {
        struct qualified *q = &subject->qualified[i];
        if (!q->left && definition_gone(s->core, q->definition))
            router_settling_leave(s, s->account, subject, q, GONE);
    }
    for (size_t i = 0; i < s->core->n_definitions; i++)
        if (s->core->definitions[i].scope == scope)
            settle_definition(s, subject, &s->core->definitions[i]);
}

// What follows for the lead and the account, after its subjects.
static void settle_account(struct settling *s, bool converted)
{
    struct router_core *core = s->core;
    struct account *home = account_home(s->account);
    struct router_lead *lead = home->lead;
    if (router_leads_open(lead) && s->left && !router_standing_qualifies(core, home))
        router_leads_end(core, lead, s->why, &s->cause, s->effects);
    bool kept =
        home != s->account && converted && router_organizations_qualifies(core, home, s->account);
    if (router_leads_open(lead) && converted && !kept && !router_standing_expands(core, home))
        router_leads_end(core, lead, span_of("converted"), &s->cause, s->effects);
    router_standing_note_stage(core, s->account, s->cause.at_ms, s->cause.event_id);
}

// ---- A group ------------------------------------------------------------------------------------

void router_settle(struct router_core *core, struct router_effects *effects)
{
    struct group *group = &core->group;
    if (!group->open)
        return;
    const struct router_signal *last = group->last;
    router_core_tick(core, cause_now_ms(core, last->at_ms, last->known_at_ms), effects);
    struct settling s = {
        .core = core,
        .account = group->account,
        .cause = {last->at_ms, last->known_at_ms, last->event_id},
        .effects = effects,
    };
    if (group->belongs)
        router_organizations_fact(core, s.account, &s.cause, effects);
    struct account *home = account_home(s.account);
    const struct router_lead *before = home->lead;
    for (size_t i = 0; i < group->n_touched; i++)
        settle_subject(&s, group->touched[i]);
    settle_subject(&s, &s.account->self);
    if (home != s.account)
        router_rollup_settle(&s, home, NULL);
    settle_account(&s, group->converted);
    struct router_lead *lead = home->lead;
    // A lead that no route took, that a route has looked at again, or whose event goes on in this
    // call, may have found its route now.
    bool again = lead != NULL && lead == before &&
                 (router_leads_unrouted(lead) || group->routes || group->continues);
    if (again)
        router_leads_route_again(core, lead, "signals", &s.cause, effects);
    group->open = false;
}

// ---- A playbook ---------------------------------------------------------------------------------

static void settle_again(struct settling *s)
{
    if (account_is_organization(s->account)) {
        router_rollup_settle_again(s);
        return;
    }
    s->cause.at_ms = router_standing_clock(s->account, &s->cause.known_at_ms);
    for (uint32_t j = 0; j < s->account->n_users; j++)
        settle_subject(s, s->account->users[j]);
    settle_subject(s, &s->account->self);
    settle_account(s, false);
}

void router_settle_playbook(struct router_core *core, struct router_effects *effects)
{
    for (size_t i = 0; i < core->n_accounts; i++) {
        struct settling s = {.core = core, .account = core->accounts[i], .effects = effects};
        settle_again(&s);
    }
}
