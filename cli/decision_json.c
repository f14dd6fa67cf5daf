// SPDX-License-Identifier: Apache-2.0
#include "cli/decision_json.h"

#include "cli/output.h"

#include <ctype.h>
#include <string.h>

static void put(json_t *o, const char *key, const char *text)
{
    json_object_set_new(o, key, output_json_text(text));
}

static void put_some(json_t *o, const char *key, const char *text)
{
    if (text[0] != '\0')
        put(o, key, text);
}

static void put_int(json_t *o, const char *key, int64_t value)
{
    json_object_set_new(o, key, json_integer(value));
}

// "LEAD_STEP_CONTACT_ADDED" is "contact_added". Valid until the next call.
static const char *enum_word(const ProtobufCEnumDescriptor *type, int value, const char *prefix)
{
    static char word[64];
    const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(type, value);
    if (v == NULL || strncmp(v->name, prefix, strlen(prefix)) != 0)
        return "unknown";
    size_t n = 0;
    for (const char *c = v->name + strlen(prefix); *c != '\0' && n < sizeof word - 1; c++)
        word[n++] = (char)tolower((unsigned char)*c);
    word[n] = '\0';
    return word;
}

const char *lead_state_word(Assay__Router__V1__LeadState state)
{
    return enum_word(&assay__router__v1__lead_state__descriptor, (int)state, "LEAD_STATE_");
}

const char *lead_step_word(Assay__Router__V1__LeadStep step)
{
    return enum_word(&assay__router__v1__lead_step__descriptor, (int)step, "LEAD_STEP_");
}

json_t *evidence_json(Assay__Router__V1__Evidence *const *evidence, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *o = json_object();
        put(o, "condition", evidence[i]->condition);
        put(o, "value", evidence[i]->value);
        put(o, "threshold", evidence[i]->threshold);
        put_int(o, "since", evidence[i]->since_ms);
        json_array_append_new(list, o);
    }
    return list;
}

// What every decision ends with. Nothing but an instant completed one without an event.
static void put_end(json_t *o, int64_t at_ms, int64_t known_at_ms, const char *event,
                    const char *playbook)
{
    put_int(o, "at", at_ms);
    put_int(o, "known_at", known_at_ms);
    if (event[0] != '\0')
        put(o, "event", event);
    else
        put(o, "by", "timer");
    put(o, "playbook", playbook);
}

static json_t *signal_json(const Assay__Router__V1__Signal *s, bool evidence)
{
    json_t *o = json_object();
    put(o, "decision", "signal");
    put(o, "signal", s->name);
    json_object_set_new(o, "value", json_boolean(s->value));
    put(o, "account", s->account_id);
    put_some(o, "user", s->user_id);
    if (s->episode > 0)
        put_int(o, "episode", s->episode);
    put_some(o, "label", s->label);
    put_some(o, "reason", s->reason);
    put_end(o, s->at_ms, s->known_at_ms, s->event_id, s->playbook);
    if (evidence)
        json_object_set_new(o, "evidence", evidence_json(s->evidence, s->n_evidence));
    return o;
}

static json_t *qualification_json(const Assay__Router__V1__Qualification *q)
{
    json_t *o = json_object();
    put(o, "decision", "qualification");
    put(o, "stage", q->stage);
    put_some(o, "definition", q->definition);
    put_some(o, "label", q->label);
    if (q->episode > 0)
        put_int(o, "episode", q->episode);
    if (q->left)
        json_object_set_new(o, "left", json_true());
    put(o, "account", q->account_id);
    put_some(o, "user", q->user_id);
    put_some(o, "reason", q->reason);
    put_end(o, q->at_ms, q->known_at_ms, q->event_id, q->playbook);
    return o;
}

const char *verdict_word(Assay__Router__V1__Verdict verdict)
{
    return enum_word(&assay__router__v1__verdict__descriptor, (int)verdict, "VERDICT_");
}

json_t *candidate_json(const Assay__Router__V1__Candidate *c)
{
    json_t *o = json_object();
    put(o, "rep", c->rep);
    put(o, "verdict", verdict_word(c->verdict));
    put_int(o, "assigned", (int64_t)c->assigned);
    put_int(o, "weight", c->weight);
    put_int(o, "open", c->open);
    put_int(o, "today", c->today);
    put_int(o, "period", c->period);
    put_int(o, "units", c->units);
    if (c->cap > 0)
        put_int(o, "cap", c->cap);
    return o;
}

static json_t *candidates_json(const Assay__Router__V1__LeadDecision *d)
{
    json_t *list = json_array();
    for (size_t i = 0; i < d->n_candidates; i++)
        json_array_append_new(list, candidate_json(d->candidates[i]));
    return list;
}

// A step that a consumer took has neither an event nor a timer.
static json_t *step_json(const Assay__Router__V1__LeadDecision *d)
{
    json_t *o = json_object();
    put(o, "decision", "lead");
    put(o, "step", lead_step_word(d->step));
    put(o, "lead", d->lead_id);
    put(o, "account", d->account_id);
    put_some(o, "user", d->user_id);
    put_some(o, "queue", d->queue);
    put_some(o, "motion", d->motion);
    if (d->priority != 0)
        put_int(o, "priority", d->priority);
    put_some(o, "message", d->message);
    put_some(o, "label", d->label);
    put_some(o, "reason", d->reason);
    put_some(o, "consumer", d->consumer);
    // What comes to a lead later carries its outcome too, but did not bring it about.
    if (d->step == ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_COMPLETED)
        put_some(o, "outcome", d->outcome);
    put_some(o, "organization", d->organization);
    put_some(o, "team", d->team);
    put_some(o, "rep", d->rep);
    put_some(o, "to", d->to);
    put_some(o, "by", d->by);
    if (d->due_ms != 0)
        put_int(o, "due", d->due_ms);
    if (d->n_candidates > 0)
        json_object_set_new(o, "candidates", candidates_json(d));
    put_int(o, "at", d->at_ms);
    put_int(o, "known_at", d->known_at_ms);
    put_some(o, "event", d->event_id);
    put(o, "playbook", d->playbook);
    return o;
}

static json_t *rep_json(const Assay__Router__V1__RepDecision *d)
{
    json_t *o = json_object();
    put(o, "decision", "rep");
    put(o, "team", d->team);
    put(o, "rep", d->rep);
    put(o, "change", d->change);
    put_some(o, "by", d->by);
    put_some(o, "reason", d->reason);
    put_int(o, "at", d->at_ms);
    put(o, "playbook", d->playbook);
    return o;
}

static json_t *prompt_json(const Assay__Router__V1__PromptDecision *d)
{
    json_t *o = json_object();
    put(o, "decision", "prompt");
    put(o, "account", d->account_id);
    put_some(o, "user", d->user_id);
    put(o, "prompt", d->prompt);
    put(o, "answer", d->answer);
    put_int(o, "at", d->at_ms);
    put(o, "playbook", d->playbook);
    return o;
}

json_t *decision_json(const Assay__Router__V1__Decision *decision, bool evidence)
{
    switch (decision->decision_case) {
    case ASSAY__ROUTER__V1__DECISION__DECISION_SIGNAL:
        return signal_json(decision->signal, evidence);
    case ASSAY__ROUTER__V1__DECISION__DECISION_QUALIFICATION:
        return qualification_json(decision->qualification);
    case ASSAY__ROUTER__V1__DECISION__DECISION_LEAD:
        return step_json(decision->lead);
    case ASSAY__ROUTER__V1__DECISION__DECISION_REP:
        return rep_json(decision->rep);
    case ASSAY__ROUTER__V1__DECISION__DECISION_PROMPT:
        return prompt_json(decision->prompt);
    case ASSAY__ROUTER__V1__DECISION__DECISION__NOT_SET:
    case _ASSAY__ROUTER__V1__DECISION__DECISION__CASE_IS_INT_SIZE:
        break;
    }
    return NULL;
}

static json_t *contacts_json(const Assay__Router__V1__Lead *lead)
{
    json_t *list = json_array();
    for (size_t i = 0; i < lead->n_contacts; i++) {
        json_t *o = json_object();
        put(o, "user", lead->contacts[i]->user_id);
        if (lead->contacts[i]->qualified_at_ms != 0)
            put_int(o, "qualified_at", lead->contacts[i]->qualified_at_ms);
        put_some(o, "reason", lead->contacts[i]->reason);
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *texts_json(char *const *texts, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, output_json_text(texts[i]));
    return list;
}

json_t *lead_json(const Assay__Router__V1__Lead *lead)
{
    json_t *o = json_object();
    put(o, "lead", lead->lead_id);
    put(o, "account", lead->account_id);
    put_int(o, "number", lead->number);
    put(o, "state", lead_state_word(lead->state));
    put(o, "motion", lead->motion);
    put_some(o, "queue", lead->queue);
    put_int(o, "priority", lead->priority);
    put(o, "route", lead->route);
    put_some(o, "message", lead->message);
    json_object_set_new(o, "definitions", texts_json(lead->definitions, lead->n_definitions));
    json_object_set_new(o, "labels", texts_json(lead->labels, lead->n_labels));
    json_object_set_new(o, "reasons", texts_json(lead->reasons, lead->n_reasons));
    json_object_set_new(o, "evidence", evidence_json(lead->evidence, lead->n_evidence));
    json_object_set_new(o, "contacts", contacts_json(lead));
    put_int(o, "created_at", lead->created_at_ms);
    put_int(o, "known_at", lead->known_at_ms);
    put_int(o, "attempts", lead->attempts);
    put_some(o, "consumer", lead->consumer);
    put_some(o, "token", lead->lease_token);
    if (lead->lease_until_ms != 0)
        put_int(o, "lease_until", lead->lease_until_ms);
    put_some(o, "outcome", lead->outcome);
    if (lead->completed_at_ms != 0)
        put_int(o, "completed_at", lead->completed_at_ms);
    put_some(o, "organization", lead->organization);
    if (lead->not_before_ms != 0)
        put_int(o, "not_before", lead->not_before_ms);
    put_some(o, "team", lead->team);
    put_some(o, "rep", lead->rep);
    if (lead->assigned_at_ms != 0)
        put_int(o, "assigned_at", lead->assigned_at_ms);
    if (lead->units > 1)
        put_int(o, "units", lead->units);
    if (lead->held_since_ms != 0)
        put_int(o, "held_since", lead->held_since_ms);
    if (lead->held_since_ms != 0 && lead->overflow_at_ms != 0)
        put_int(o, "overflow_at", lead->overflow_at_ms);
    if (lead->overflowed)
        json_object_set_new(o, "overflowed", json_true());
    if (lead->n_passed > 0)
        json_object_set_new(o, "passed", texts_json(lead->passed, lead->n_passed));
    if (lead->touch_by_ms != 0)
        put_int(o, "touch_by", lead->touch_by_ms);
    if (lead->touched_at_ms != 0)
        put_int(o, "touched_at", lead->touched_at_ms);
    if (lead->sla_missed)
        json_object_set_new(o, "sla_missed", json_true());
    if (lead->n_arms > 0) {
        json_t *arms = json_object();
        for (size_t i = 0; i < lead->n_arms; i++)
            put(arms, lead->arms[i]->experiment, lead->arms[i]->arm);
        json_object_set_new(o, "arms", arms);
    }
    put_some(o, "parked_reason", lead->parked_reason);
    put_some(o, "ended_reason", lead->ended_reason);
    put(o, "playbook", lead->playbook);
    return o;
}
