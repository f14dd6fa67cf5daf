// SPDX-License-Identifier: Apache-2.0
#include "services/router/codec.h"

#include "services/router/codec_impl.h"

#include "common/base/text.h"
#include "common/rpc/rpc.h"

// ---- Signals in ---------------------------------------------------------------------------------

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

// ---- Decisions out ------------------------------------------------------------------------------

Assay__Router__V1__Evidence **codec_evidence(const struct router_evidence *in, size_t n,
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
    out->evidence = codec_evidence(in->evidence, in->n_evidence, arena);
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
    out->organization = (char *)in->organization;
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
    out->organization = (char *)in->organization;
    out->team = (char *)in->team;
    out->rep = (char *)in->rep;
    out->to = (char *)in->to;
    out->by = (char *)in->by;
    out->due_ms = in->due_ms == INT64_MAX ? 0 : in->due_ms;
    out->n_candidates = in->n_candidates;
    out->candidates = arena_alloc(arena, (in->n_candidates + 1) * sizeof *out->candidates);
    for (size_t i = 0; i < in->n_candidates; i++)
        out->candidates[i] = codec_candidate(&in->candidates[i], arena);
}

static void write_rep_decision(const struct router_decision *in,
                               Assay__Router__V1__RepDecision *out)
{
    assay__router__v1__rep_decision__init(out);
    out->team = (char *)in->team;
    out->rep = (char *)in->rep;
    out->change = (char *)in->change;
    out->by = (char *)in->by;
    out->reason = (char *)in->reason;
    out->at_ms = in->at_ms;
    out->playbook = (char *)in->playbook;
}

static void write_prompt_decision(const struct router_decision *in, struct arena *arena,
                                  Assay__Router__V1__PromptDecision *out)
{
    assay__router__v1__prompt_decision__init(out);
    out->account_id = arena_dup(arena, in->account);
    out->user_id = arena_dup(arena, in->user);
    out->prompt = (char *)in->prompt;
    out->answer = (char *)in->change;
    out->at_ms = in->at_ms;
    out->playbook = (char *)in->playbook;
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
    Assay__Router__V1__RepDecision rep;
    Assay__Router__V1__PromptDecision prompt;
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
    case ROUTER_DECISION_LEAD:
        write_lead_decision(decision, scratch, &lead);
        message.decision_case = ASSAY__ROUTER__V1__DECISION__DECISION_LEAD;
        message.lead = &lead;
        break;
    case ROUTER_DECISION_REP:
        write_rep_decision(decision, &rep);
        message.decision_case = ASSAY__ROUTER__V1__DECISION__DECISION_REP;
        message.rep = &rep;
        break;
    case ROUTER_DECISION_PROMPT:
        write_prompt_decision(decision, scratch, &prompt);
        message.decision_case = ASSAY__ROUTER__V1__DECISION__DECISION_PROMPT;
        message.prompt = &prompt;
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
