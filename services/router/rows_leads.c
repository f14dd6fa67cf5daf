// SPDX-License-Identifier: Apache-2.0
// Leads as rows.
#include "common/base/mem.h"
#include "services/router/rows_impl.h"

// ---- Out ----------------------------------------------------------------------------------------

static void write_contacts(const struct router_lead *lead, struct arena *arena,
                           Assay__Record__V1__LeadRecord *out)
{
    out->n_contacts = lead->n_contacts;
    out->contacts = arena_alloc(arena, (lead->n_contacts + 1) * sizeof *out->contacts);
    for (uint32_t i = 0; i < lead->n_contacts; i++) {
        Assay__Record__V1__LeadContactRecord *contact = arena_alloc(arena, sizeof *contact);
        assay__record__v1__lead_contact_record__init(contact);
        contact->user_id = (char *)lead->contacts[i].user_id;
        contact->at_ms = lead->contacts[i].at_ms;
        out->contacts[i] = contact;
    }
}

static int64_t never_as_zero(int64_t at_ms)
{
    return at_ms == INT64_MAX ? 0 : at_ms;
}

static void write_team(const struct router_lead *lead, Assay__Record__V1__LeadRecord *out)
{
    out->account_id = (char *)lead->account_id;
    out->not_before_ms = lead->not_before_ms;
    out->team = (char *)lead->team;
    out->rep = (char *)lead->rep;
    out->units = lead->units;
    out->n_assigned = lead->n_assigned;
    out->caps_when = lead->caps_when;
    out->assigned_at_ms = lead->assigned_at_ms;
    out->assigned_offset = lead->assigned_offset;
    out->held_since_ms = lead->held_since_ms;
    out->overflow_at_ms = never_as_zero(lead->overflow_at_ms);
    out->overflowed = lead->overflowed;
    out->n_passed = lead->n_passed;
    out->passed = (char **)lead->passed;
    out->attempts_base = lead->attempts_base;
    out->n_delays = lead->n_delays;
}

static void write_sla(const struct router_lead *lead, Assay__Record__V1__LeadRecord *out)
{
    out->first_touch_ms = lead->first_touch_ms;
    out->touched_at_ms = lead->touched_at_ms;
    out->touch_by_ms = lead->touch_by_ms;
    out->sla_due_ms = never_as_zero(lead->sla_due_ms);
    out->n_reminded = lead->n_reminded;
    out->n_reassigned = lead->n_reassigned;
    out->n_escalated = lead->n_escalated;
    out->sla_missed = lead->sla_missed;
    out->n_experiments = out->n_arms = lead->n_experiments;
    out->experiments = (char **)lead->experiments;
    out->arms = (char **)lead->arms;
    out->after_first = lead->after_first;
}

void rows_put_lead(struct router_rows *rows, const struct router_lead *lead, router_row_put cb,
                   void *arg)
{
    arena_reset(&rows->arena);
    Assay__Record__V1__LeadRecord record = ASSAY__RECORD__V1__LEAD_RECORD__INIT;
    record.lead_id = (char *)lead->id;
    record.account = lead->account;
    record.state = lead->state;
    record.motion = (char *)lead->motion;
    record.queue = (char *)lead->queue;
    record.priority = lead->priority;
    record.n_reasons = lead->n_reasons;
    record.reasons = (char **)lead->reasons;
    record.n_evidence = lead->n_evidence;
    record.evidence = rows_write_evidence(lead->evidence, lead->n_evidence, &rows->arena);
    write_contacts(lead, &rows->arena, &record);
    record.created_at_ms = lead->created_at_ms;
    record.known_at_ms = lead->known_at_ms;
    record.playbook = (char *)lead->playbook;
    record.attempts = lead->attempts;
    if (lead->consumer != NULL)
        record.consumer = lead->consumer;
    record.lease_until_ms = lead->lease_until_ms;
    record.outcome = (char *)lead->outcome;
    record.completed_at_ms = lead->completed_at_ms;
    record.route = (char *)lead->route;
    record.parked_reason = (char *)lead->parked_reason;
    record.n_definitions = record.n_labels = lead->n_definitions;
    record.definitions = (char **)lead->definitions;
    record.labels = (char **)lead->labels;
    record.message = (char *)lead->message;
    if (lead->ended_reason != NULL)
        record.ended_reason = lead->ended_reason;
    record.completed_offset = lead->completed_offset;
    record.account_clock_ms = lead->account_clock_ms;
    record.number = lead->number;
    write_team(lead, &record);
    write_sla(lead, &record);
    rows_put_number(rows, ROUTER_TABLE_LEADS, lead->serial, &record.base, cb, arg);
}

// ---- In -----------------------------------------------------------------------------------------

// The user's own text where he is one of the lead's account, or of the one that brought it about.
static const char *contact_id(struct router_core *core, const struct router_lead *lead,
                              struct span user_id)
{
    struct account *home = core->accounts[lead->account];
    struct account *account = router_state_account_find(core, span_of(lead->account_id));
    const struct subject *user = router_state_user(home, user_id, false);
    if (user == NULL && account != NULL)
        user = router_state_user(account, user_id, false);
    if (user != NULL)
        return user->id;
    // Of an organization: somebody of another of its accounts, which are not known yet.
    return account_is_organization(home) ? router_state_intern(core, user_id) : NULL;
}

static bool read_contacts(struct router_core *core, const Assay__Record__V1__LeadRecord *in,
                          struct router_lead *lead)
{
    lead->contacts_cap = (uint32_t)in->n_contacts;
    lead->contacts = mem_alloc((in->n_contacts + 1) * sizeof *lead->contacts);
    for (size_t i = 0; i < in->n_contacts; i++) {
        const char *id = contact_id(core, lead, span_of(in->contacts[i]->user_id));
        if (id == NULL || lead->n_contacts >= ROUTER_CONTACTS_MAX)
            return false;
        lead->contacts[lead->n_contacts++] = (struct router_contact){id, in->contacts[i]->at_ms};
    }
    return true;
}

// What rows that were written before teams do not have stays as it is for a new lead.
static void read_team(struct router_core *core, const Assay__Record__V1__LeadRecord *in,
                      struct router_lead *lead)
{
    lead->not_before_ms = in->not_before_ms;
    lead->team = router_state_intern(core, span_of(in->team));
    lead->rep = router_state_intern(core, span_of(in->rep));
    lead->units = in->units != 0 ? in->units : 1;
    lead->n_assigned = in->n_assigned;
    lead->caps_when = in->caps_when;
    lead->assigned_at_ms = in->assigned_at_ms;
    lead->assigned_offset = in->assigned_offset;
    lead->held_since_ms = in->held_since_ms;
    lead->overflow_at_ms = in->overflow_at_ms != 0 ? in->overflow_at_ms : INT64_MAX;
    lead->overflowed = in->overflowed;
    for (size_t i = 0; i < in->n_passed; i++)
        router_state_lead_passed(lead, router_state_intern(core, span_of(in->passed[i])));
    lead->attempts_base = in->attempts_base;
    lead->n_delays = in->n_delays;
}

static void read_sla(struct router_core *core, const Assay__Record__V1__LeadRecord *in,
                     struct router_lead *lead)
{
    lead->first_touch_ms = in->first_touch_ms;
    lead->touched_at_ms = in->touched_at_ms;
    lead->touch_by_ms = in->touch_by_ms;
    lead->sla_due_ms = in->sla_due_ms != 0 ? in->sla_due_ms : INT64_MAX;
    lead->n_reminded = in->n_reminded;
    lead->n_reassigned = in->n_reassigned;
    lead->n_escalated = in->n_escalated;
    lead->sla_missed = in->sla_missed;
    for (size_t i = 0; i < in->n_experiments; i++)
        router_state_lead_arm(lead, router_state_intern(core, span_of(in->experiments[i])),
                              router_state_intern(core, span_of(in->arms[i])));
    lead->after_first = in->after_first;
}

static void read_lead(struct router_core *core, const Assay__Record__V1__LeadRecord *in,
                      struct router_lead *lead)
{
    lead->state = (enum router_lead_state)in->state;
    lead->motion = router_state_intern(core, span_of(in->motion));
    lead->queue = router_state_intern(core, span_of(in->queue));
    lead->priority = in->priority;
    lead->n_reasons =
        (uint32_t)(in->n_reasons < ROUTER_REASONS_MAX ? in->n_reasons : ROUTER_REASONS_MAX);
    lead->reasons = mem_alloc((lead->n_reasons + 1) * sizeof *lead->reasons);
    for (uint32_t i = 0; i < lead->n_reasons; i++)
        lead->reasons[i] = router_state_intern(core, span_of(in->reasons[i]));
    lead->evidence = rows_read_evidence(core, in->evidence, in->n_evidence, &lead->n_evidence);
    lead->created_at_ms = in->created_at_ms;
    lead->known_at_ms = in->known_at_ms;
    lead->playbook = router_state_intern(core, span_of(in->playbook));
    lead->attempts = in->attempts;
    if (in->consumer[0] != '\0')
        lead->consumer = mem_dup(span_of(in->consumer));
    lead->lease_until_ms = in->lease_until_ms;
    lead->outcome = router_state_intern(core, span_of(in->outcome));
    lead->completed_at_ms = in->completed_at_ms;
    lead->route = router_state_intern(core, span_of(in->route));
    lead->parked_reason = router_state_intern(core, span_of(in->parked_reason));
    lead->message = router_state_intern(core, span_of(in->message));
    for (size_t i = 0; i < in->n_definitions && i < in->n_labels; i++)
        router_state_lead_definition(lead, router_state_intern(core, span_of(in->definitions[i])),
                                     router_state_intern(core, span_of(in->labels[i])));
    if (in->ended_reason[0] != '\0')
        lead->ended_reason = mem_dup_text(in->ended_reason);
    lead->completed_offset = in->completed_offset;
    lead->account_clock_ms = in->account_clock_ms;
    if (in->number > 0)
        lead->number = in->number;
    read_team(core, in, lead);
    read_sla(core, in, lead);
}

static bool times_fit(const Assay__Record__V1__LeadRecord *in)
{
    const int64_t times[] = {in->created_at_ms,   in->known_at_ms,    in->lease_until_ms,
                             in->completed_at_ms, in->not_before_ms,  in->assigned_at_ms,
                             in->held_since_ms,   in->overflow_at_ms, in->first_touch_ms,
                             in->touched_at_ms,   in->touch_by_ms,    in->sla_due_ms};
    for (size_t i = 0; i < ARRAY_LEN(times); i++)
        if (!rows_time_fits(times[i]))
            return false;
    return in->first_touch_ms >= 0;
}

enum { UNITS_MAX = 1000000 };

static bool numbers_fit(const Assay__Record__V1__LeadRecord *in)
{
    return in->state >= ROUTER_WAITING && in->state <= ROUTER_PARKED &&
           span_of(in->lead_id).len < ROUTER_LEAD_ID_BYTES && in->units >= 0 &&
           in->units <= UNITS_MAX && in->n_passed <= ROUTER_PASSED_MAX &&
           in->n_experiments <= ROUTER_EXPERIMENTS_MAX && in->n_arms == in->n_experiments &&
           in->assigned_offset <= ROWS_COUNT_MAX && in->caps_when < 1u << ROUTER_CAPS_WHEN_MAX &&
           in->number <= UINT32_MAX / 2 &&
           (uint64_t)in->attempts_base + in->n_delays <= in->attempts && times_fit(in);
}

// What of a record makes no sense whatever else there is; NULL: nothing.
static const char *wrong_by_itself(const Assay__Record__V1__LeadRecord *in)
{
    if (!numbers_fit(in))
        return "not a lead's record";
    if ((in->state == ROUTER_WAITING && in->consumer[0] != '\0') ||
        (in->state == ROUTER_LEASED && in->consumer[0] == '\0'))
        return "a lead that waits has a consumer, or one that is leased has none";
    if (in->rep[0] != '\0' && in->team[0] == '\0')
        return "a lead has a rep, but no team";
    return NULL;
}

enum err rows_load_lead(struct router_rows *rows, uint64_t serial, struct span value,
                        struct err_info *info)
{
    struct router_core *core = rows->core;
    const Assay__Record__V1__LeadRecord *in =
        rows_unpack(rows, &assay__record__v1__lead_record__descriptor, value);
    const char *wrong = in == NULL ? "not a lead's record" : wrong_by_itself(in);
    if (wrong != NULL)
        return rows_corrupt(info, wrong);
    if (serial != core->n_leads + 1 || in->account >= core->n_accounts)
        return rows_corrupt(info, "a lead is missing, or its account is not there");
    struct account *home = core->accounts[in->account];
    const struct account *account = home;
    if (in->account_id[0] != '\0')
        account = router_state_account_find(core, span_of(in->account_id));
    if (account == NULL)
        return rows_corrupt(info, "the account that brought a lead about is not there");
    struct router_lead *lead = router_state_lead_add(core, home, in->lead_id);
    lead->account_id = account->id;
    if (account_is_organization(home))
        lead->organization = home->id + 1;
    read_lead(core, in, lead);
    if (!read_contacts(core, in, lead))
        return rows_corrupt(info, "a lead's contact is no user of its account");
    router_state_evidence_share(lead, account);
    return ERR_OK;
}
