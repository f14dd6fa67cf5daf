// SPDX-License-Identifier: Apache-2.0
// A lead's way:
//
//     created ──► WAITING ──hand out──► LEASED ──ack──► ACKED ──complete──► COMPLETED
//        │         │ ▲                    │  └────────complete───────────►
//        │         │ └─released, ran out──┤
//        │         └──► WITHDRAWN ◄──no reason any more
//        └─► PARKED ◄──attempts used up───┘
//
// A lead that no queue takes (hold_out, suppress, no route) is PARKED at once; from there, too, it
// is WITHDRAWN when it has no reason any more. One that was handed out is only told so; if it comes
// back to its queue then, it is WITHDRAWN. The heap of leases
// that run out has for each leased lead an entry at timer_at_ms, not after its end: one that comes
// early is put back at the true instant; one whose key is not timer_at_ms is stale.
#include "services/router/core/state.h"

#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/base/mem.h"

static void count_waiting(struct router_queue *queue, uint64_t serial, int change)
{
    size_t block = (size_t)(serial - 1) / STATE_BLOCK;
    if (block >= queue->n_blocks) {
        size_t n = 2 * block + 1;
        queue->waiting_of = mem_realloc(queue->waiting_of, n * sizeof *queue->waiting_of);
        memset(queue->waiting_of + queue->n_blocks, 0,
               (n - queue->n_blocks) * sizeof *queue->waiting_of);
        queue->n_blocks = n;
    }
    queue->waiting_of[block] += (uint32_t)change;
}

void router_leads_uncount(struct router_lead *lead)
{
    CHECK(lead->in->counts[lead->state] > 0);
    lead->in->counts[lead->state]--;
    if (lead->state == ROUTER_WAITING)
        count_waiting(lead->in, lead->serial, -1);
    lead->state = 0;
}

void router_leads_set_state(struct router_core *core, struct router_lead *lead,
                            enum router_lead_state state)
{
    struct router_queue *queue = lead->in;
    if (lead->state != 0)
        router_leads_uncount(lead);
    lead->state = state;
    queue->counts[state]++;
    if (state == ROUTER_WAITING)
        count_waiting(queue, lead->serial, 1);
    if (state != ROUTER_WAITING)
        lead->not_before_ms = 0;
    if (state == ROUTER_WAITING && lead->serial < queue->oldest_from)
        queue->oldest_from = lead->serial;
    if (state == ROUTER_PARKED && lead->serial < queue->parked_from)
        queue->parked_from = lead->serial;
    router_leads_ready(core, lead);
    router_due_arm(core, lead);
    router_state_lead_changed(core, lead);
}

// ---- Making and changing ------------------------------------------------------------------------

// From the account and the number of its lead. Two whose hashes are equal still get two ids.
static void make_id(const struct router_core *core, const struct account *account, char *out)
{
    size_t room = strlen(account->id) + 16;
    char *text = mem_alloc(room);
    uint32_t number = account->lead == NULL ? 1 : account->lead->number + 1;
    int len = snprintf(text, room, "%s#%u", account->id, number);
    uint64_t hash = hash64(span_make(text, (size_t)len));
    mem_free(text);
    do
        snprintf(out, ROUTER_LEAD_ID_BYTES, "L%016llx", (unsigned long long)hash++);
    while (router_state_lead_find(core, span_of(out)) != NULL);
}

bool router_leads_open(const struct router_lead *lead)
{
    if (lead == NULL || lead->state == ROUTER_COMPLETED || lead->state == ROUTER_WITHDRAWN)
        return false;
    // Nobody sees one whose attempts are used up: what comes next is worth a new one.
    return lead->state != ROUTER_PARKED || strcmp(lead->parked_reason, "attempts") != 0;
}

static bool reason_known(const struct router_lead *lead, const char *name)
{
    for (uint32_t i = 0; i < lead->n_reasons; i++)
        if (lead->reasons[i] == name)
            return true;
    return false;
}

static void add_reasons(struct router_core *core, struct router_lead *lead,
                        const struct reasons *reasons)
{
    lead->reasons = mem_realloc(lead->reasons,
                                (lead->n_reasons + reasons->n_names + 1) * sizeof *lead->reasons);
    for (uint32_t i = 0; i < reasons->n_names && lead->n_reasons < ROUTER_REASONS_MAX; i++)
        if (!reason_known(lead, reasons->names[i]))
            lead->reasons[lead->n_reasons++] = reasons->names[i];
    struct router_evidence all[2 * ROUTER_EVIDENCE_MAX];
    uint32_t n = 0;
    for (uint32_t i = 0; i < lead->n_evidence; i++)
        all[n++] = lead->evidence[i];
    for (uint32_t i = 0; i < reasons->n_evidence; i++)
        all[n++] = reasons->evidence[i];
    struct router_evidence *old = lead->evidence;
    lead->evidence = router_state_evidence_copy(core, all, n, &lead->n_evidence);
    router_state_evidence_free(old);
    router_state_lead_changed(core, lead);
}

static bool contact_known(const struct router_lead *lead, const char *user_id)
{
    for (uint32_t i = 0; i < lead->n_contacts; i++)
        if (lead->contacts[i].user_id == user_id || strcmp(lead->contacts[i].user_id, user_id) == 0)
            return true;
    return false;
}

static bool contact_put(struct router_core *core, struct router_lead *lead,
                        const struct subject *user, int64_t at_ms)
{
    if (lead->n_contacts >= ROUTER_CONTACTS_MAX || contact_known(lead, user->id))
        return false;
    STATE_GROW(lead->contacts, lead->n_contacts, lead->contacts_cap);
    lead->contacts[lead->n_contacts++] = (struct router_contact){user->id, at_ms};
    router_state_lead_changed(core, lead);
    return true;
}

// Whether the lead did not have the definition yet.
static bool add_definition(struct router_core *core, struct router_lead *lead,
                           const struct claim *claim)
{
    for (uint32_t i = 0; i < lead->n_definitions; i++)
        if (lead->definitions[i] == claim->definition)
            return false;
    if (lead->n_definitions == ROUTER_DEFINITIONS_MAX)
        return false;
    router_state_lead_definition(lead, claim->definition, claim->label);
    add_reasons(core, lead, claim->reasons);
    return true;
}

// An organization's own claim is told of its first account.
static struct account *brought_by(struct account *account)
{
    return account->n_members > 0 ? account->members[0] : account;
}

// A user who must not be contacted is a contact that is never named.
static void tell_user(const struct router_core *core, const struct account *account,
                      const struct subject *user, struct router_decision *d)
{
    if (!router_contacts_barred(core, account, user))
        d->user = span_of(user->id);
}

// `after_first`: it follows a lead of a route that says `first`.
static void create(struct router_core *core, struct account *account, const struct claim *claim,
                   bool after_first, const struct cause *cause, struct router_effects *effects)
{
    struct account *home = account_home(account);
    CHECK(!router_leads_open(home->lead));
    char id[ROUTER_LEAD_ID_BYTES];
    make_id(core, home, id);
    struct router_lead *lead = router_state_lead_add(core, home, id);
    lead->account_id = brought_by(account)->id;
    lead->organization = router_organizations_key(account);
    lead->created_at_ms = cause->at_ms;
    lead->known_at_ms = cause->known_at_ms;
    lead->after_first = after_first;
    if (claim->user != NULL)
        (void)contact_put(core, lead, claim->user, cause->at_ms);
    router_routes_place(core, lead, home);
    (void)add_definition(core, lead, claim);
    struct router_decision *d =
        router_leads_decide(core, effects, lead, ROUTER_STEP_CREATED, claim->definition, cause);
    d->label = claim->label;
    if (claim->user != NULL)
        tell_user(core, account, claim->user, d);
    router_routes_arrive(core, lead, cause, effects);
}

void router_leads_create(struct router_core *core, struct account *account,
                         const struct claim *claim, const struct cause *cause,
                         struct router_effects *effects)
{
    create(core, account, claim, false, cause, effects);
}

void router_leads_create_after(struct router_core *core, struct account *account,
                               const struct claim *claim, const struct cause *cause,
                               struct router_effects *effects)
{
    create(core, account, claim, true, cause, effects);
}

// The member of the lead's home that the user is one of.
static const struct account *account_of(const struct account *home, const struct subject *user)
{
    for (uint32_t i = 0; i < home->n_members; i++)
        if (router_state_user(home->members[i], span_of(user->id), false) == user)
            return home->members[i];
    return home;
}

static void join_contact(struct router_core *core, struct router_lead *lead,
                         const struct claim *claim, const struct cause *cause,
                         struct router_effects *effects)
{
    if (claim->user == NULL || !contact_put(core, lead, claim->user, cause->at_ms) ||
        router_contacts_barred(core, account_of(core->accounts[lead->account], claim->user),
                               claim->user))
        return;
    struct router_decision *d = router_leads_decide(core, effects, lead, ROUTER_STEP_CONTACT_ADDED,
                                                    claim->definition, cause);
    d->user = span_of(claim->user->id);
    d->label = claim->label;
}

void router_leads_join(struct router_core *core, struct router_lead *lead,
                       const struct claim *claim, const struct cause *cause,
                       struct router_effects *effects)
{
    CHECK(router_leads_open(lead));
    if (lead->ended_reason != NULL) {
        mem_free(lead->ended_reason);
        lead->ended_reason = NULL;
        router_state_lead_changed(core, lead);
        router_leads_decide(core, effects, lead, ROUTER_STEP_NOTED, "qualifies again", cause);
    }
    join_contact(core, lead, claim, cause, effects);
    if (add_definition(core, lead, claim) || router_leads_unrouted(lead))
        router_leads_route_again(core, lead, claim->definition, cause, effects);
}

// Takes a lead out of its rep's hands for good. It still is in its queue and state.
static void leave_team(struct router_core *core, struct router_lead *lead)
{
    if (lead->state >= ROUTER_WAITING && lead->state <= ROUTER_ACKED)
        router_teams_leave(core, lead, false);
}

void router_leads_end(struct router_core *core, struct router_lead *lead, struct span reason,
                      const struct cause *cause, struct router_effects *effects)
{
    CHECK(router_leads_open(lead));
    bool held = lead->state == ROUTER_LEASED || lead->state == ROUTER_ACKED;
    mem_free(lead->ended_reason);
    lead->ended_reason = mem_dup(reason);
    const char *text = arena_dup(&effects->texts, reason);
    if (held) {
        router_state_lead_changed(core, lead);
        router_leads_decide(core, effects, lead, ROUTER_STEP_NOTED, text, cause);
        return;
    }
    leave_team(core, lead);
    router_leads_set_state(core, lead, ROUTER_WITHDRAWN);
    router_leads_decide(core, effects, lead, ROUTER_STEP_WITHDRAWN, text, cause);
    router_teams_fill(core, effects);
}

// ---- Leases -------------------------------------------------------------------------------------

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

static void take_from_consumer(struct router_lead *lead)
{
    mem_free(lead->consumer);
    lead->consumer = NULL;
    lead->lease_until_ms = 0;
}

void router_leads_revoke(struct router_core *core, struct router_lead *lead)
{
    CHECK(lead->state == ROUTER_LEASED || lead->state == ROUTER_ACKED);
    take_from_consumer(lead);
    router_leads_set_state(core, lead, ROUTER_WAITING);
}

void router_leads_park(struct router_core *core, struct router_lead *lead, const char *reason,
                       const struct cause *cause, const char *by, struct router_effects *effects)
{
    leave_team(core, lead);
    take_from_consumer(lead);
    lead->parked_reason = reason;
    router_leads_set_state(core, lead, ROUTER_PARKED);
    router_leads_decide(core, effects, lead, ROUTER_STEP_PARKED, reason, cause)->by = by;
    router_teams_fill(core, effects);
}

void router_leads_return(struct router_core *core, struct router_lead *lead,
                         struct router_effects *effects)
{
    const struct lead_queue *rules = lead->in->rules;
    uint32_t attempts_max =
        rules != NULL ? (uint32_t)rules->attempts_max : ROUTER_ATTEMPTS_MAX_DEFAULT;
    struct cause cause = router_leads_now(core);
    if (lead->ended_reason != NULL) {
        leave_team(core, lead);
        take_from_consumer(lead);
        router_leads_set_state(core, lead, ROUTER_WITHDRAWN);
        router_decision_add_lead(core, effects, lead, ROUTER_STEP_WITHDRAWN, lead->ended_reason);
        router_teams_fill(core, effects);
        return;
    }
    if (lead->attempts - lead->attempts_base - lead->n_delays < attempts_max)
        router_leads_revoke(core, lead);
    else
        router_leads_park(core, lead, "attempts", &cause, "", effects);
}
