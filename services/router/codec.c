// SPDX-License-Identifier: Apache-2.0
#include "services/router/codec.h"

#include "common/base/text.h"
#include "common/rpc/rpc.h"

// ---- Signals in
// -----------------------------------------------------------------------------------

static bool text_fits(struct span text)
{
    return text.len <= ROUTER_TEXT_MAX && text_is_clean_utf8(text);
}

static bool read_evidence(const Assay__Router__V1__Evidence *in, struct router_evidence *out)
{
    *out = (struct router_evidence){
        .condition = span_of(in->condition),
        .value = span_of(in->value),
        .threshold = span_of(in->threshold),
        .since_ms = in->since_ms,
    };
    return text_fits(out->condition) && text_fits(out->value) && text_fits(out->threshold);
}

// The name of the field that is wrong, or NULL.
static const char *read_signal(const Assay__Router__V1__Signal *in, struct arena *arena,
                               struct router_signal *out)
{
    *out = (struct router_signal){
        .position = in->position,
        .index = in->index,
        .name = span_of(in->name),
        .value = in->value,
        .account = span_of(in->account_id),
        .user = span_of(in->user_id),
        .at_ms = in->at_ms,
        .known_at_ms = in->known_at_ms,
        .event_id = span_of(in->event_id),
        .playbook = span_of(in->playbook),
        .episode = in->episode,
        .label = span_of(in->label),
        .reason = span_of(in->reason),
        .n_evidence = in->n_evidence < ROUTER_EVIDENCE_MAX ? in->n_evidence : ROUTER_EVIDENCE_MAX,
    };
    if (out->position == 0)
        return "position";
    if (out->name.len == 0 || !text_fits(out->name))
        return "name";
    if (out->account.len == 0 || !text_fits(out->account))
        return "account_id";
    if (!text_fits(out->user))
        return "user_id";
    if (!text_fits(out->event_id))
        return "event_id";
    if (!text_fits(out->playbook))
        return "playbook";
    if (!text_fits(out->label))
        return "label";
    if (!text_fits(out->reason))
        return "reason";
    struct router_evidence *evidence = arena_alloc(arena, (out->n_evidence + 1) * sizeof *evidence);
    for (size_t i = 0; i < out->n_evidence; i++)
        if (!read_evidence(in->evidence[i], &evidence[i]))
            return "evidence";
    out->evidence = evidence;
    return NULL;
}

enum err router_codec_signals(struct span bytes, struct arena *arena, struct router_signals *out,
                              struct err_info *info)
{
    ProtobufCMessage *message;
    enum err err = rpc_unpack(&assay__router__v1__apply_signals_request__descriptor, bytes, arena,
                              &message, info);
    if (err != ERR_OK)
        return err_prefix(info, err, "signals");
    const Assay__Router__V1__ApplySignalsRequest *in =
        (const Assay__Router__V1__ApplySignalsRequest *)message;
    if (in->n_signals > ROUTER_SIGNALS_MAX)
        return err_set(info, ERR_INVALID, "signals: %zu of them, at most %d", in->n_signals,
                       ROUTER_SIGNALS_MAX);
    arena_bound(arena, 0); // what follows is a small multiple of what was just bounded
    struct router_signal *signals = arena_alloc(arena, (in->n_signals + 1) * sizeof *signals);
    for (size_t i = 0; i < in->n_signals; i++) {
        const char *wrong = read_signal(in->signals[i], arena, &signals[i]);
        if (wrong != NULL)
            return err_set(info, ERR_INVALID, "signals[%zu].%s is out of bounds", i, wrong);
    }
    *out = (struct router_signals){in->lane, signals, in->n_signals};
    return ERR_OK;
}

// ---- Decisions out
// --------------------------------------------------------------------------------

static Assay__Router__V1__Evidence **write_evidence(const struct router_evidence *in, size_t n,
                                                    struct arena *arena)
{
    Assay__Router__V1__Evidence **out = arena_alloc(arena, (n + 1) * sizeof *out);
    for (size_t i = 0; i < n; i++) {
        out[i] = arena_alloc(arena, sizeof *out[i]);
        assay__router__v1__evidence__init(out[i]);
        out[i]->condition = arena_dup(arena, in[i].condition);
        out[i]->value = arena_dup(arena, in[i].value);
        out[i]->threshold = arena_dup(arena, in[i].threshold);
        out[i]->since_ms = in[i].since_ms;
    }
    return out;
}

static void write_signal(const struct router_signal *in, struct arena *arena,
                         Assay__Router__V1__Signal *out)
{
    assay__router__v1__signal__init(out);
    out->position = in->position;
    out->index = in->index;
    out->name = arena_dup(arena, in->name);
    out->value = in->value;
    out->account_id = arena_dup(arena, in->account);
    out->user_id = arena_dup(arena, in->user);
    out->at_ms = in->at_ms;
    out->known_at_ms = in->known_at_ms;
    out->event_id = arena_dup(arena, in->event_id);
    out->playbook = arena_dup(arena, in->playbook);
    out->n_evidence = in->n_evidence;
    out->evidence = write_evidence(in->evidence, in->n_evidence, arena);
    out->episode = in->episode;
    out->label = arena_dup(arena, in->label);
    out->reason = arena_dup(arena, in->reason);
}

static void write_qualification(const struct router_decision *in, struct arena *arena,
                                Assay__Router__V1__Qualification *out)
{
    assay__router__v1__qualification__init(out);
    out->stage = (char *)router_stage_name(in->stage);
    out->account_id = arena_dup(arena, in->account);
    out->user_id = arena_dup(arena, in->user);
    out->at_ms = in->at_ms;
    out->known_at_ms = in->known_at_ms;
    out->event_id = arena_dup(arena, in->event_id);
    out->playbook = (char *)in->playbook;
    out->definition = (char *)in->definition;
    out->label = (char *)in->label;
    out->episode = in->episode;
    out->left = in->left;
    out->reason = (char *)in->reason;
}

static void write_lead_decision(const struct router_decision *in, struct arena *arena,
                                Assay__Router__V1__LeadDecision *out)
{
    assay__router__v1__lead_decision__init(out);
    out->step = (Assay__Router__V1__LeadStep)in->step;
    out->lead_id = (char *)in->lead_id;
    out->account_id = arena_dup(arena, in->account);
    out->user_id = arena_dup(arena, in->user);
    out->motion = (char *)in->motion;
    out->queue = (char *)in->queue;
    out->priority = in->priority;
    out->reason = (char *)in->reason;
    out->consumer = (char *)in->consumer;
    out->outcome = (char *)in->outcome;
    out->message = (char *)in->message;
    out->label = (char *)in->label;
    out->at_ms = in->at_ms;
    out->known_at_ms = in->known_at_ms;
    out->playbook = (char *)in->playbook;
    out->event_id = arena_dup(arena, in->event_id);
}

static void pack(const ProtobufCMessage *message, struct buf *out)
{
    size_t n = protobuf_c_message_get_packed_size(message);
    protobuf_c_message_pack(message, buf_reserve(out, n));
    out->len += n;
}

void router_codec_decision(const struct router_decision *decision, struct arena *scratch,
                           struct buf *out)
{
    arena_reset(scratch);
    Assay__Router__V1__Decision message = ASSAY__ROUTER__V1__DECISION__INIT;
    Assay__Router__V1__Signal signal;
    Assay__Router__V1__Qualification qualification;
    Assay__Router__V1__LeadDecision lead;
    message.offset = decision->offset;
    switch (decision->kind) {
    case ROUTER_DECISION_SIGNAL:
        write_signal(decision->signal, scratch, &signal);
        message.decision_case = ASSAY__ROUTER__V1__DECISION__DECISION_SIGNAL;
        message.signal = &signal;
        break;
    case ROUTER_DECISION_QUALIFICATION:
        write_qualification(decision, scratch, &qualification);
        message.decision_case = ASSAY__ROUTER__V1__DECISION__DECISION_QUALIFICATION;
        message.qualification = &qualification;
        break;
    case ROUTER_DECISION_REP:
    case ROUTER_DECISION_PROMPT:
        break;
    case ROUTER_DECISION_LEAD:
        write_lead_decision(decision, scratch, &lead);
        message.decision_case = ASSAY__ROUTER__V1__DECISION__DECISION_LEAD;
        message.lead = &lead;
        break;
    }
    pack(&message.base, out);
}

static void *decision_alloc(void *arg, size_t n)
{
    return arena_alloc(arg, n);
}

static void decision_free(void *arg, void *p)
{
    (void)arg;
    (void)p;
}

Assay__Router__V1__Decision *router_codec_decision_read(struct span packed, struct arena *arena)
{
    ProtobufCAllocator allocator = {decision_alloc, decision_free, arena};
    return assay__router__v1__decision__unpack(&allocator, packed.len, packed.ptr);
}

// ---- Views out
// ------------------------------------------------------------------------------------

static char *copy(const char *text, struct arena *arena)
{
    return arena_dup(arena, span_of(text));
}

static Assay__Router__V1__Contact **write_contacts(const struct router_contact *in, size_t n,
                                                   struct arena *arena)
{
    Assay__Router__V1__Contact **out = arena_alloc(arena, (n + 1) * sizeof *out);
    for (size_t i = 0; i < n; i++) {
        out[i] = arena_alloc(arena, sizeof *out[i]);
        assay__router__v1__contact__init(out[i]);
        out[i]->user_id = copy(in[i].user_id, arena);
        out[i]->qualified_at_ms = in[i].at_ms;
    }
    return out;
}

static char **copy_all(const char *const *texts, size_t n, struct arena *arena)
{
    char **out = arena_alloc(arena, (n + 1) * sizeof *out);
    for (size_t i = 0; i < n; i++)
        out[i] = copy(texts[i], arena);
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
        out->contacts[i]->user_id = copy(people[i].user_id, arena);
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
    out->evidence = write_evidence(lead->evidence, lead->n_evidence, arena);
    write_people(core, lead, arena, out);
}

Assay__Router__V1__Lead *router_codec_lead(const struct router_core *core,
                                           const struct router_lead *lead, bool with_token,
                                           struct arena *arena)
{
    Assay__Router__V1__Lead *out = arena_alloc(arena, sizeof *out);
    assay__router__v1__lead__init(out);
    write_lead_why(core, lead, arena, out);
    out->lead_id = copy(lead->id, arena);
    out->account_id = copy(lead->account_id, arena);
    out->state = (Assay__Router__V1__LeadState)lead->state;
    out->motion = copy(lead->motion, arena);
    out->queue = copy(lead->queue, arena);
    out->priority = lead->priority;
    out->created_at_ms = lead->created_at_ms;
    out->known_at_ms = lead->known_at_ms;
    out->playbook = copy(lead->playbook, arena);
    out->attempts = lead->attempts;
    out->consumer = copy(lead->consumer, arena);
    out->lease_until_ms = lead->lease_until_ms;
    out->outcome = copy(lead->outcome, arena);
    out->completed_at_ms = lead->completed_at_ms;
    out->route = copy(lead->route, arena);
    out->parked_reason = copy(lead->parked_reason, arena);
    out->message = copy(lead->message, arena);
    out->number = lead->number;
    out->ended_reason = copy(lead->ended_reason != NULL ? lead->ended_reason : "", arena);
    if (with_token) {
        char token[ROUTER_TOKEN_BYTES];
        router_lead_token(lead, token);
        out->lease_token = copy(token, arena);
    }
    return out;
}

static void write_history(const struct router_account_view *view, struct arena *arena,
                          Assay__Router__V1__GetAccountResponse *out)
{
    out->n_history = view->n_history;
    out->history = arena_alloc(arena, (view->n_history + 1) * sizeof *out->history);
    for (size_t i = 0; i < view->n_history; i++) {
        Assay__Router__V1__StageChange *change = arena_alloc(arena, sizeof *change);
        assay__router__v1__stage_change__init(change);
        change->stage = copy(view->history[i].stage, arena);
        change->since_ms = view->history[i].since_ms;
        change->event_id = copy(view->history[i].event_id, arena);
        out->history[i] = change;
    }
}

static Assay__Router__V1__Standing *write_standing(const struct router_standing *in,
                                                   struct arena *arena)
{
    Assay__Router__V1__Standing *out = arena_alloc(arena, sizeof *out);
    assay__router__v1__standing__init(out);
    out->definition = copy(in->definition, arena);
    out->role = (char *)router_stage_name(in->role);
    out->label = copy(in->label, arena);
    out->user_id = copy(in->user_id, arena);
    out->episode = in->episode;
    out->since_ms = in->since_ms;
    out->event_id = copy(in->event_id, arena);
    out->left = in->left;
    out->left_at_ms = in->left_at_ms;
    out->reason = copy(in->reason, arena);
    return out;
}

static void write_leads(const struct router_core *core, const struct router_lead *last,
                        struct arena *arena, Assay__Router__V1__GetAccountResponse *out)
{
    size_t n = last == NULL ? 0 : last->number;
    size_t shown = n < ROUTER_ACCOUNT_LEADS_MAX ? n : ROUTER_ACCOUNT_LEADS_MAX;
    out->n_leads = shown;
    out->leads = arena_alloc(arena, (shown + 1) * sizeof *out->leads);
    for (size_t i = shown; i > 0; i--, last = last->before)
        out->leads[i - 1] = router_codec_lead(core, last, false, arena);
}

Assay__Router__V1__GetAccountResponse *router_codec_account(const struct router_core *core,
                                                            const char *account_id,
                                                            const struct router_account_view *view,
                                                            struct arena *arena)
{
    Assay__Router__V1__GetAccountResponse *out = arena_alloc(arena, sizeof *out);
    assay__router__v1__get_account_response__init(out);
    out->account_id = copy(account_id, arena);
    out->known = view->known;
    out->stage = copy(view->stage, arena);
    out->pqa = view->pqa;
    out->n_pqls = view->n_pqls;
    out->pqls = write_contacts(view->pqls, view->n_pqls, arena);
    out->stage_since_ms = view->stage_since_ms;
    write_history(view, arena, out);
    out->n_standings = view->n_standings;
    out->standings = arena_alloc(arena, (view->n_standings + 1) * sizeof *out->standings);
    for (size_t i = 0; i < view->n_standings; i++)
        out->standings[i] = write_standing(&view->standings[i], arena);
    write_leads(core, view->lead, arena, out);
    return out;
}

Assay__Router__V1__Queue *router_codec_queue(const struct router_queue_view *view,
                                             struct arena *arena)
{
    Assay__Router__V1__Queue *out = arena_alloc(arena, sizeof *out);
    assay__router__v1__queue__init(out);
    out->name = copy(view->name, arena);
    out->waiting = view->counts[ROUTER_WAITING];
    out->leased = view->counts[ROUTER_LEASED];
    out->acked = view->counts[ROUTER_ACKED];
    out->completed = view->counts[ROUTER_COMPLETED];
    out->parked = view->counts[ROUTER_PARKED];
    out->withdrawn = view->counts[ROUTER_WITHDRAWN];
    if (view->oldest_known_at_ms != INT64_MIN)
        out->oldest_known_at_ms = view->oldest_known_at_ms;
    return out;
}
