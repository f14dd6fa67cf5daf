// SPDX-License-Identifier: Apache-2.0
// Leads, accounts and queues as messages.
#include "services/router/codec.h"

#include "services/router/codec_impl.h"

// ---- Leads --------------------------------------------------------------------------------------

static Assay__Router__V1__Contact **write_contacts(const struct router_contact *in, size_t n,
                                                   struct arena *arena)
{
    Assay__Router__V1__Contact **out = arena_alloc(arena, (n + 1) * sizeof *out);
    for (size_t i = 0; i < n; i++) {
        out[i] = arena_alloc(arena, sizeof *out[i]);
        assay__router__v1__contact__init(out[i]);
        out[i]->user_id = codec_copy(in[i].user_id, arena);
        out[i]->qualified_at_ms = in[i].at_ms;
    }
    return out;
}

static char **copy_all(const char *const *texts, size_t n, struct arena *arena)
{
    char **out = arena_alloc(arena, (n + 1) * sizeof *out);
    for (size_t i = 0; i < n; i++)
        out[i] = codec_copy(texts[i], arena);
    return out;
}

static void write_people(const struct router_core *core, const struct router_lead *lead,
                         struct arena *arena, Assay__Router__V1__Lead *out)
{
    const struct router_person *people;
    out->n_contacts = router_core_people(core, lead, arena, &people);
    out->contacts = arena_alloc(arena, (out->n_contacts + 1) * sizeof *out->contacts);
    for (size_t i = 0; i < out->n_contacts; i++) {
        out->contacts[i] = arena_alloc(arena, sizeof *out->contacts[i]);
        assay__router__v1__contact__init(out->contacts[i]);
        out->contacts[i]->user_id = codec_copy(people[i].user_id, arena);
        out->contacts[i]->qualified_at_ms = people[i].at_ms;
        out->contacts[i]->reason = (char *)people[i].reason;
    }
}

static void write_lead_why(const struct router_core *core, const struct router_lead *lead,
                           struct arena *arena, Assay__Router__V1__Lead *out)
{
    out->n_reasons = lead->n_reasons;
    out->reasons = copy_all(lead->reasons, lead->n_reasons, arena);
    out->n_definitions = out->n_labels = lead->n_definitions;
    out->definitions = copy_all(lead->definitions, lead->n_definitions, arena);
    out->labels = copy_all(lead->labels, lead->n_definitions, arena);
    out->n_evidence = lead->n_evidence;
    out->evidence = codec_evidence(lead->evidence, lead->n_evidence, arena);
    write_people(core, lead, arena, out);
}

static void write_lead_team(const struct router_lead *lead, struct arena *arena,
                            Assay__Router__V1__Lead *out)
{
    out->organization = codec_copy(lead->organization, arena);
    out->not_before_ms = lead->not_before_ms;
    out->team = codec_copy(lead->team, arena);
    out->rep = codec_copy(lead->rep, arena);
    out->assigned_at_ms = lead->assigned_at_ms;
    out->assigned_offset = lead->assigned_offset;
    out->units = lead->units;
    out->held_since_ms = lead->held_since_ms;
    out->overflow_at_ms = lead->overflow_at_ms == INT64_MAX ? 0 : lead->overflow_at_ms;
    out->overflowed = lead->overflowed;
    out->n_passed = lead->n_passed;
    out->passed = copy_all(lead->passed, lead->n_passed, arena);
    out->touch_by_ms = lead->touch_by_ms;
    out->touched_at_ms = lead->touched_at_ms;
    out->sla_missed = lead->sla_missed;
    out->arms = arena_alloc(arena, (lead->n_experiments + 1) * sizeof *out->arms);
    for (uint32_t i = 0; i < lead->n_experiments; i++) {
        Assay__Router__V1__Arm *arm = arena_alloc(arena, sizeof *arm);
        assay__router__v1__arm__init(arm);
        arm->experiment = codec_copy(lead->experiments[i], arena);
        arm->arm = codec_copy(lead->arms[i], arena);
        out->arms[out->n_arms++] = arm;
    }
}

Assay__Router__V1__Lead *router_codec_lead(const struct router_core *core,
                                           const struct router_lead *lead, bool with_token,
                                           struct arena *arena)
{
    Assay__Router__V1__Lead *out = arena_alloc(arena, sizeof *out);
    assay__router__v1__lead__init(out);
    write_lead_why(core, lead, arena, out);
    out->lead_id = codec_copy(lead->id, arena);
    out->account_id = codec_copy(lead->account_id, arena);
    out->state = (Assay__Router__V1__LeadState)lead->state;
    out->motion = codec_copy(lead->motion, arena);
    out->queue = codec_copy(lead->queue, arena);
    out->priority = lead->priority;
    out->created_at_ms = lead->created_at_ms;
    out->known_at_ms = lead->known_at_ms;
    out->playbook = codec_copy(lead->playbook, arena);
    out->attempts = lead->attempts;
    out->consumer = codec_copy(lead->consumer, arena);
    out->lease_until_ms = lead->lease_until_ms;
    out->outcome = codec_copy(lead->outcome, arena);
    out->completed_at_ms = lead->completed_at_ms;
    out->route = codec_copy(lead->route, arena);
    out->parked_reason = codec_copy(lead->parked_reason, arena);
    out->message = codec_copy(lead->message, arena);
    out->number = lead->number;
    out->ended_reason = codec_copy(lead->ended_reason != NULL ? lead->ended_reason : "", arena);
    write_lead_team(lead, arena, out);
    if (with_token) {
        char token[ROUTER_TOKEN_BYTES];
        router_lead_token(lead, token);
        out->lease_token = codec_copy(token, arena);
    }
    return out;
}

// ---- Accounts and queues ------------------------------------------------------------------------

static void write_history(const struct router_account_view *view, struct arena *arena,
                          Assay__Router__V1__GetAccountResponse *out)
{
    out->n_history = view->n_history;
    out->history = arena_alloc(arena, (view->n_history + 1) * sizeof *out->history);
    for (size_t i = 0; i < view->n_history; i++) {
        Assay__Router__V1__StageChange *change = arena_alloc(arena, sizeof *change);
        assay__router__v1__stage_change__init(change);
        change->stage = codec_copy(view->history[i].stage, arena);
        change->since_ms = view->history[i].since_ms;
        change->event_id = codec_copy(view->history[i].event_id, arena);
        out->history[i] = change;
    }
}

static Assay__Router__V1__Standing *write_standing(const struct router_standing *in,
                                                   struct arena *arena)
{
    Assay__Router__V1__Standing *out = arena_alloc(arena, sizeof *out);
    assay__router__v1__standing__init(out);
    out->definition = codec_copy(in->definition, arena);
    out->role = (char *)router_stage_name(in->role);
    out->label = codec_copy(in->label, arena);
    out->user_id = codec_copy(in->user_id, arena);
    out->episode = in->episode;
    out->since_ms = in->since_ms;
    out->event_id = codec_copy(in->event_id, arena);
    out->left = in->left;
    out->left_at_ms = in->left_at_ms;
    out->reason = codec_copy(in->reason, arena);
    out->organization = codec_copy(in->organization, arena);
    return out;
}

static const struct router_lead *later_of(const struct router_lead *a, const struct router_lead *b)
{
    if (a == NULL || b == NULL)
        return a == NULL ? b : a;
    return a->serial > b->serial ? a : b;
}

// The last ones of the organization and of the account itself, in order of creation.
static void write_leads(const struct router_core *core, const struct router_account_view *view,
                        struct arena *arena, Assay__Router__V1__GetAccountResponse *out)
{
    const struct router_lead *leads[ROUTER_ACCOUNT_LEADS_MAX];
    const struct router_lead *of_home = view->lead, *own = view->own_lead, *lead;
    size_t n = 0;
    while (n < ROUTER_ACCOUNT_LEADS_MAX && (lead = later_of(of_home, own)) != NULL) {
        of_home = lead == of_home ? lead->before : of_home;
        own = lead == own ? lead->before : own;
        size_t at = n++;
        for (; at > 0 && leads[at - 1]->serial > lead->serial; at--)
            leads[at] = leads[at - 1];
        leads[at] = lead;
    }
    out->leads = arena_alloc(arena, (n + 1) * sizeof *out->leads);
    for (; out->n_leads < n; out->n_leads++)
        out->leads[out->n_leads] = router_codec_lead(core, leads[out->n_leads], false, arena);
}

Assay__Router__V1__GetAccountResponse *router_codec_account(const struct router_core *core,
                                                            const char *account_id,
                                                            const struct router_account_view *view,
                                                            struct arena *arena)
{
    Assay__Router__V1__GetAccountResponse *out = arena_alloc(arena, sizeof *out);
    assay__router__v1__get_account_response__init(out);
    out->account_id = codec_copy(account_id, arena);
    out->known = view->known;
    out->stage = codec_copy(view->stage, arena);
    out->pqa = view->pqa;
    out->n_pqls = view->n_pqls;
    out->pqls = write_contacts(view->pqls, view->n_pqls, arena);
    out->stage_since_ms = view->stage_since_ms;
    write_history(view, arena, out);
    out->n_standings = view->n_standings;
    out->standings = arena_alloc(arena, (view->n_standings + 1) * sizeof *out->standings);
    for (size_t i = 0; i < view->n_standings; i++)
        out->standings[i] = write_standing(&view->standings[i], arena);
    write_leads(core, view, arena, out);
    out->organization = codec_copy(view->organization, arena);
    out->n_members = view->n_members;
    out->members = copy_all(view->members, view->n_members, arena);
    out->owner = codec_copy(view->owner, arena);
    return out;
}

Assay__Router__V1__Queue *router_codec_queue(const struct router_queue_view *view,
                                             struct arena *arena)
{
    Assay__Router__V1__Queue *out = arena_alloc(arena, sizeof *out);
    assay__router__v1__queue__init(out);
    out->name = codec_copy(view->name, arena);
    out->waiting = view->counts[ROUTER_WAITING];
    out->leased = view->counts[ROUTER_LEASED];
    out->acked = view->counts[ROUTER_ACKED];
    out->completed = view->counts[ROUTER_COMPLETED];
    out->parked = view->counts[ROUTER_PARKED];
    out->withdrawn = view->counts[ROUTER_WITHDRAWN];
    if (view->oldest_known_at_ms != INT64_MIN)
        out->oldest_known_at_ms = view->oldest_known_at_ms;
    out->ready = view->ready;
    out->delayed = view->delayed;
    out->held = view->held;
    out->team = codec_copy(view->team, arena);
    out->untouched = view->untouched;
    out->touched = view->touched;
    out->sla_missed = view->sla_missed;
    return out;
}
