// SPDX-License-Identifier: Apache-2.0
#include "services/router/webhook/payload.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/time_text.h"

typedef Assay__Router__V1__LeadDecision decision_t;
typedef Assay__Router__V1__Lead lead_t;

// ---- Names --------------------------------------------------------------------------------------

char *webhook_id(uint64_t instance, const char *webhook, uint64_t offset,
                 char out[WEBHOOK_ID_BYTES])
{
    int n = snprintf(out, WEBHOOK_ID_BYTES, "msg_%016llx_%s_%llu", (unsigned long long)instance,
                     webhook, (unsigned long long)offset);
    CHECK(n > 0 && n < WEBHOOK_ID_BYTES);
    return out;
}

// "LEAD_STEP_CONTACT_ADDED" is "contact_added". Cut at `bytes`.
static void word_of(const ProtobufCEnumDescriptor *type, int value, const char *prefix, char *out,
                    size_t bytes)
{
    const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(type, value);
    size_t n = 0, skip = strlen(prefix);
    if (v != NULL && strncmp(v->name, prefix, skip) == 0)
        for (const char *c = v->name + skip; *c != '\0' && n + 1 < bytes; c++)
            out[n++] = (char)tolower((unsigned char)*c);
    out[n] = '\0';
}

const char *webhook_step_name(uint32_t step)
{
    enum { NAME_BYTES = 32 };
    static _Thread_local char names[WEBHOOK_STEPS][NAME_BYTES];
    if (step == 0 || step >= WEBHOOK_STEPS)
        return NULL;
    if (names[step][0] == '\0')
        word_of(&assay__router__v1__lead_step__descriptor, (int)step, "LEAD_STEP_", names[step],
                NAME_BYTES);
    return names[step][0] == '\0' ? NULL : names[step];
}

// ---- JSON ---------------------------------------------------------------------------------------

// Texts were checked when they came in; one that still is no UTF-8 loses what is not ASCII.
static json_t *text_json(const char *text)
{
    json_t *json = json_string(text);
    if (json != NULL)
        return json;
    char *copy = mem_dup_text(text);
    for (char *c = copy; *c != '\0'; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    json = json_string(copy);
    mem_free(copy);
    return json;
}

static void put(json_t *o, const char *key, const char *text)
{
    json_object_set_new(o, key, text_json(text));
}

static void put_some(json_t *o, const char *key, const char *text)
{
    if (text != NULL && text[0] != '\0')
        put(o, key, text);
}

static void put_int(json_t *o, const char *key, int64_t value)
{
    json_object_set_new(o, key, json_integer(value));
}

static void put_time(json_t *o, const char *key, int64_t ms)
{
    if (ms != 0)
        put_int(o, key, ms);
}

static void put_texts(json_t *o, const char *key, char *const *texts, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, text_json(texts[i]));
    json_object_set_new(o, key, list);
}

static void put_evidence(json_t *o, const lead_t *lead)
{
    json_t *list = json_array();
    for (size_t i = 0; i < lead->n_evidence; i++) {
        const Assay__Router__V1__Evidence *e = lead->evidence[i];
        json_t *one = json_object();
        put(one, "condition", e->condition);
        put(one, "value", e->value);
        put(one, "threshold", e->threshold);
        put_int(one, "since", e->since_ms);
        json_array_append_new(list, one);
    }
    json_object_set_new(o, "evidence", list);
}

static void put_contacts(json_t *o, const lead_t *lead)
{
    json_t *list = json_array();
    for (size_t i = 0; i < lead->n_contacts && i < WEBHOOK_CONTACTS_MAX; i++) {
        const Assay__Router__V1__Contact *c = lead->contacts[i];
        json_t *one = json_object();
        put(one, "user", c->user_id);
        put_time(one, "qualified_at", c->qualified_at_ms);
        put_some(one, "reason", c->reason);
        json_array_append_new(list, one);
    }
    json_object_set_new(o, "contacts", list);
    put_int(o, "n_contacts", (int64_t)lead->n_contacts);
}

static void put_arms(json_t *o, const lead_t *lead)
{
    if (lead->n_arms == 0)
        return;
    json_t *arms = json_object();
    for (size_t i = 0; i < lead->n_arms; i++)
        put(arms, lead->arms[i]->experiment, lead->arms[i]->arm);
    json_object_set_new(o, "arms", arms);
}

// What the decision says, at its own instant.
static void put_decision(json_t *o, const decision_t *d)
{
    put(o, "lead", d->lead_id);
    put(o, "account", d->account_id);
    put_some(o, "organization", d->organization);
    put_some(o, "user", d->user_id);
    put_some(o, "motion", d->motion);
    put_some(o, "queue", d->queue);
    put_int(o, "priority", d->priority);
    put_some(o, "message", d->message);
    put_some(o, "label", d->label);
    put_some(o, "reason", d->reason);
    put_some(o, "consumer", d->consumer);
    if (d->step == ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_COMPLETED)
        put_some(o, "outcome", d->outcome);
    put_some(o, "team", d->team);
    put_some(o, "rep", d->rep);
    put_some(o, "to", d->to);
    put_some(o, "by", d->by);
    put_time(o, "due", d->due_ms);
    put_int(o, "at", d->at_ms);
    put_int(o, "known_at", d->known_at_ms);
    put_some(o, "event", d->event_id);
    put(o, "playbook", d->playbook);
}

// What the lead is now, and no decision says.
static void put_lead(json_t *o, const lead_t *lead)
{
    char state[32];
    word_of(&assay__router__v1__lead_state__descriptor, (int)lead->state, "LEAD_STATE_", state,
            sizeof state);
    put(o, "state", state);
    put_int(o, "number", lead->number);
    put(o, "route", lead->route);
    put_texts(o, "definitions", lead->definitions, lead->n_definitions);
    put_texts(o, "labels", lead->labels, lead->n_labels);
    put_texts(o, "reasons", lead->reasons, lead->n_reasons);
    put_evidence(o, lead);
    put_contacts(o, lead);
    put_int(o, "created_at", lead->created_at_ms);
    put_int(o, "attempts", lead->attempts);
    put_int(o, "units", lead->units);
    put_time(o, "assigned_at", lead->assigned_at_ms);
    put_time(o, "touch_by", lead->touch_by_ms);
    put_some(o, "parked_reason", lead->parked_reason);
    put_some(o, "ended_reason", lead->ended_reason);
    put_time(o, "completed_at", lead->completed_at_ms);
    put_arms(o, lead);
}

static int append(const char *bytes, size_t n, void *out)
{
    buf_append(out, bytes, n);
    return 0;
}

void webhook_payload(const char *id, const Assay__Router__V1__Decision *decision,
                     const Assay__Router__V1__Lead *lead, struct buf *out)
{
    CHECK(decision->decision_case == ASSAY__ROUTER__V1__DECISION__DECISION_LEAD);
    const decision_t *d = decision->lead;
    const char *step = webhook_step_name((uint32_t)d->step);
    char type[64], at[TIME_TEXT_MAX];
    snprintf(type, sizeof type, "lead.%s", step == NULL ? "unknown" : step);
    json_t *root = json_object(), *data = json_object();
    put(root, "type", type);
    put(root, "timestamp", time_format(d->at_ms, at));
    put(data, "id", id);
    put(data, "idempotency_key", id);
    put_int(data, "offset", (int64_t)decision->offset);
    put(data, "step", step == NULL ? "unknown" : step);
    put_decision(data, d);
    if (lead != NULL)
        put_lead(data, lead);
    json_object_set_new(root, "data", data);
    CHECK(json_dump_callback(root, append, out, JSON_COMPACT) == 0);
    json_decref(root);
}
