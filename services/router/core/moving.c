// SPDX-License-Identifier: Apache-2.0
// An account moves from one home to another: from an organization to another, out of one, or into
// one. In this order:
//
//     its signals leave the values of the old organization, and count in those of the new one
//     the old organization's definitions are decided
//     the old home's open lead, when nothing qualifies that home any more:
//         the account qualifies: the lead joins the new home's open lead, or without one moves
//         there else: it is withdrawn, or (in somebody's hands) noted
//     the account's definitions and contacts join the new home's open lead; when the old home's
//     lead
//         stayed there and the new home has none, they make one
//     the new organization's definitions are decided
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "services/router/core/organizations_impl.h"

static const char LEFT[] = "moved to another organization";

// ---- Members ------------------------------------------------------------------------------------

// Where the account is among the members, or would be.
static uint32_t member_at(const struct account *organization, const struct account *account)
{
    uint32_t low = 0, high = organization->n_members;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (organization->members[middle]->number < account->number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void router_moving_attach(struct router_core *core, struct account *account,
                          struct account *organization)
{
    CHECK(account->organization == NULL);
    account->organization = organization;
    if (organization == NULL)
        return;
    uint32_t at = member_at(organization, account);
    MEM_GROW(organization->members, organization->n_members, organization->members_cap);
    memmove(&organization->members[at + 1], &organization->members[at],
            (organization->n_members++ - at) * sizeof *organization->members);
    organization->members[at] = account;
    if (core->organizations == NULL)
        return;
    router_rollup_account(core, account, 1);
    router_having_account(core, account, 1);
}

static void detach(struct router_core *core, struct account *account)
{
    struct account *organization = account->organization;
    if (organization == NULL)
        return;
    if (core->organizations != NULL) {
        router_rollup_account(core, account, -1);
        router_having_account(core, account, -1);
    }
    uint32_t at = member_at(organization, account);
    CHECK(at < organization->n_members && organization->members[at] == account);
    memmove(&organization->members[at], &organization->members[at + 1],
            (--organization->n_members - at) * sizeof *organization->members);
    account->organization = NULL;
}

// ---- Leads --------------------------------------------------------------------------------------

static struct router_lead *open_lead(const struct account *home)
{
    return router_leads_open(home->lead) ? home->lead : NULL;
}

// By an episode that makes leads, as decided so far.
static bool stands(const struct account *account)
{
    bool now = router_standing_now(&account->self, ROUTER_PQL) ||
               router_standing_now(&account->self, ROUTER_PQA);
    for (uint32_t i = 0; i < account->n_users && !now; i++)
        now = router_standing_now(account->users[i], ROUTER_PQL) ||
              router_standing_now(account->users[i], ROUTER_PQA);
    return now;
}

static void end(struct settling *s, struct router_lead *lead, const char *reason)
{
    if (lead->ended_reason == NULL) // else it was told already
        router_leads_end(s->core, lead, span_of(reason), &s->cause, s->effects);
}

static bool has_user(const struct account *account, const char *user_id)
{
    return router_state_user((struct account *)account, span_of(user_id), false) != NULL;
}

static bool member_has_user(const struct account *home, const char *user_id)
{
    for (uint32_t i = 0; i < home->n_members; i++)
        if (has_user(home->members[i], user_id))
            return true;
    return has_user(home, user_id);
}

// Users of accounts that are not at the lead's home are no contacts: those who moved away, and
// those whom a lead that moved has left behind.
static void keep_contacts(const struct settling *s, struct router_lead *lead)
{
    const struct account *home = s->core->accounts[lead->account];
    bool came = home == account_home(s->account);
    uint32_t n = 0;
    for (uint32_t i = 0; i < lead->n_contacts; i++) {
        const char *user_id = lead->contacts[i].user_id;
        bool sure = has_user(s->account, user_id) == came;
        if (sure || member_has_user(home, user_id))
            lead->contacts[n++] = lead->contacts[i];
    }
    if (n == lead->n_contacts)
        return;
    lead->n_contacts = n;
    router_state_lead_changed(s->core, lead);
}

// It is the last one of its home again: one that is parked can be redriven.
static void leave_parked(struct router_lead *last)
{
    if (last != NULL && last->state == ROUTER_PARKED && last->serial < last->in->parked_from)
        last->in->parked_from = last->serial;
}

// The lead becomes the last one of the account's new home.
static void carry(struct settling *s, struct account *from, struct router_lead *lead)
{
    struct account *home = account_home(s->account);
    CHECK(from->lead == lead && !router_leads_open(home->lead));
    from->lead = lead->before;
    leave_parked(from->lead);
    lead->before = home->lead;
    lead->number = home->lead == NULL ? 1 : home->lead->number + 1;
    home->lead = lead;
    lead->account = home->number;
    lead->account_id = s->account->id;
    lead->organization = router_organizations_key(s->account);
    router_state_lead_changed(s->core, lead);
    router_leads_decide(s->core, s->effects, lead, ROUTER_STEP_MOVED, "", &s->cause);
}

// The old home's open lead.
static void settle_old(struct settling *s, struct account *old, struct router_lead *lead)
{
    if (account_is_organization(old) && router_standing_qualifies(s->core, old))
        return;
    if (!stands(s->account)) {
        end(s, lead, LEFT);
        return;
    }
    const struct router_lead *there = open_lead(account_home(s->account));
    if (there == NULL)
        carry(s, old, lead);
    else
        end(s, lead, arena_printf(&s->effects->texts, "joined %s", there->id));
}

// ---- The move -----------------------------------------------------------------------------------

void router_moving_move(struct router_core *core, struct account *account, struct account *to,
                        const struct cause *cause, struct router_effects *effects)
{
    CHECK(to == NULL || account_is_organization(to));
    struct settling s = {.core = core, .account = account, .cause = *cause, .effects = effects};
    struct account *old = account_home(account);
    detach(core, account);
    router_moving_attach(core, account, to);
    struct account *home = account_home(account);
    if (old != account)
        router_rollup_settle(&s, old, LEFT);
    struct router_lead *lead = open_lead(old);
    bool joins = open_lead(home) != NULL;
    if (lead != NULL)
        settle_old(&s, old, lead);
    if (lead != NULL && router_leads_open(lead) && old != account)
        keep_contacts(&s, lead);
    bool stays = lead != NULL && open_lead(old) == lead && lead->ended_reason == NULL;
    if (joins || stays)
        router_settling_claim_all(&s, account);
    s.left = false;
    if (home != account)
        router_rollup_settle(&s, home, NULL);
    if (s.left && open_lead(home) != NULL && !router_standing_qualifies(core, home))
        router_leads_end(core, home->lead, s.why, &s.cause, s.effects);
}
