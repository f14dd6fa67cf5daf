// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/codec.h"

#include <math.h>

#include "common/base/buf.h"
#include "common/rpc/rpc.h"

// 9999-12-31T23:59:59.999Z. The arithmetic of windows, days and years is exact up to there.
static const int64_t CODEC_INSTANT_MAX_MS = 253402300799999;

// 0 stands for "not given" in several places, so no event happens then.
static bool codec_is_instant(int64_t ms)
{
    return ms > 0 && ms <= CODEC_INSTANT_MAX_MS;
}

static bool codec_property(const Assay__Event__V1__Property *in, struct property *out)
{
    out->key = span_of(in->key);
    switch (in->value_case) {
    case ASSAY__EVENT__V1__PROPERTY__VALUE_TEXT:
        out->value = (struct value){.type = VALUE_TEXT, .text = span_of(in->text)};
        return true;
    case ASSAY__EVENT__V1__PROPERTY__VALUE_NUMBER:
        out->value = (struct value){.type = VALUE_NUMBER, .number = in->number};
        return isfinite(in->number);
    case ASSAY__EVENT__V1__PROPERTY__VALUE_INTEGER:
        out->value = (struct value){.type = VALUE_INTEGER, .integer = in->integer};
        return true;
    case ASSAY__EVENT__V1__PROPERTY__VALUE_FLAG:
        out->value = (struct value){.type = VALUE_FLAG, .flag = in->flag};
        return true;
    case ASSAY__EVENT__V1__PROPERTY__VALUE__NOT_SET:
        out->value = (struct value){.type = VALUE_NONE};
        return true;
    case _ASSAY__EVENT__V1__PROPERTY__VALUE__CASE_IS_INT_SIZE:
        break;
    }
    return false;
}

static const struct property *codec_properties(Assay__Event__V1__Property **in, size_t n,
                                               struct arena *arena)
{
    if (n == 0)
        return NULL;
    struct property *out = arena_try(arena, n * sizeof *out);
    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        if (!codec_property(in[i], &out[i]))
            return NULL;
    }
    return out;
}

// The name of the field that is wrong, or NULL.
static const char *codec_event(const Assay__Scorer__V1__Event *in, struct arena *arena,
                               struct event *out)
{
    if (in->kind < ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_TRACK ||
        in->kind > ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_SCREEN)
        return "kind";
    *out = (struct event){
        .kind = (enum event_kind)in->kind, // the numbers are Segment's calls in both
        .message_id = span_of(in->message_id),
        .account = span_of(in->account_id),
        .user = span_of(in->user_id),
        .name = span_of(in->name),
        .at_ms = in->at_ms,
        .received_at_ms = in->received_at_ms,
        .n_properties = in->n_properties,
        .n_context = in->n_context,
        .profile_only = in->profile_only,
    };
    if (out->message_id.len == 0 || out->message_id.len > CODEC_MESSAGE_ID_MAX)
        return "message_id";
    if (out->account.len == 0 || out->account.len > CODEC_ID_MAX + 8)
        return "account_id";
    if (out->user.len > CODEC_ID_MAX + 8)
        return "user_id";
    if (!codec_is_instant(in->at_ms))
        return "at_ms";
    if (in->received_at_ms != 0 && !codec_is_instant(in->received_at_ms))
        return "received_at_ms";
    out->properties = codec_properties(in->properties, in->n_properties, arena);
    if (out->properties == NULL && in->n_properties > 0)
        return "properties";
    out->context = codec_properties(in->context, in->n_context, arena);
    if (out->context == NULL && in->n_context > 0)
        return "context";
    return NULL;
}

enum err codec_batch(struct span bytes, struct arena *arena, struct batch *out,
                     struct err_info *info)
{
    ProtobufCMessage *base;
    enum err err =
        rpc_unpack(&assay__scorer__v1__apply_request__descriptor, bytes, arena, &base, info);
    if (err != ERR_OK)
        return err_prefix(info, err, "batch");
    const Assay__Scorer__V1__ApplyRequest *in = (const Assay__Scorer__V1__ApplyRequest *)base;
    if (in->number == 0 || in->source == 0)
        return err_set(info, ERR_INVALID, "batch: source and number start at 1");
    if (in->received_at_ms != 0 && !codec_is_instant(in->received_at_ms))
        return err_set(info, ERR_INVALID, "batch: received_at_ms is out of bounds");
    if (in->n_events > CODEC_BATCH_EVENTS_MAX)
        return err_set(info, ERR_INVALID, "batch: %zu events, at most %d", in->n_events,
                       CODEC_BATCH_EVENTS_MAX);
    // Texts go on to the router, which takes UTF-8 only: one that it refuses would hold up the
    // lane.
    const char *unclean = rpc_message_unclean_field(base);
    if (unclean != NULL)
        return err_set(info, ERR_INVALID, "batch: %s is not UTF-8", unclean);
    arena_bound(arena, 0); // what follows is a small multiple of what was just bounded
    struct event *events = arena_alloc(arena, (in->n_events + 1) * sizeof *events);
    for (size_t i = 0; i < in->n_events; i++) {
        const char *wrong = codec_event(in->events[i], arena, &events[i]);
        if (wrong != NULL)
            return err_set(info, ERR_INVALID, "batch: events[%zu].%s is out of bounds", i, wrong);
    }
    *out = (struct batch){
        .source = in->source,
        .number = in->number,
        .lane = in->lane,
        .map_version = in->map_version,
        .received_at_ms = in->received_at_ms,
        .events = events,
        .n_events = in->n_events,
    };
    return ERR_OK;
}

// What the router takes of one text; a trait can be longer.
static char *codec_evidence_text(const char *text, struct arena *arena)
{
    static const char MORE[] = "...";
    size_t len = strlen(text);
    if (len <= CODEC_EVIDENCE_MAX)
        return (char *)text;
    len = CODEC_EVIDENCE_MAX - strlen(MORE);
    while (len > 0 && ((uint8_t)text[len] & 0xc0) == 0x80)
        len--; // not within a character
    return arena_printf(arena, "%.*s%s", (int)len, text, MORE);
}

// protobuf-c wants C strings; the core's texts end in NUL where they are `const char *`, and its
// spans are copied.
void codec_signal(const struct signal_change *change, uint64_t position, struct buf *out)
{
    struct arena arena;
    arena_init(&arena, 1024, 0);
    Assay__Router__V1__Signal signal = ASSAY__ROUTER__V1__SIGNAL__INIT;
    signal.position = position;
    signal.index = change->index;
    signal.name = (char *)change->signal;
    signal.value = change->value;
    signal.account_id = arena_dup(&arena, change->account);
    signal.user_id = arena_dup(&arena, change->user);
    signal.at_ms = change->at_ms;
    signal.known_at_ms = change->known_at_ms;
    signal.event_id = arena_dup(&arena, change->event_id);
    signal.playbook = (char *)change->playbook;
    signal.episode = change->episode;
    signal.label = codec_evidence_text(change->label == NULL ? "" : change->label, &arena);
    signal.reason = codec_evidence_text(change->reason == NULL ? "" : change->reason, &arena);
    signal.n_evidence = change->n_evidence;
    signal.evidence = arena_alloc(&arena, (change->n_evidence + 1) * sizeof *signal.evidence);
    for (size_t i = 0; i < change->n_evidence; i++) {
        Assay__Router__V1__Evidence *evidence = arena_alloc(&arena, sizeof *evidence);
        assay__router__v1__evidence__init(evidence);
        evidence->condition = codec_evidence_text(change->evidence[i].condition, &arena);
        evidence->value = codec_evidence_text(change->evidence[i].value, &arena);
        evidence->threshold = codec_evidence_text(change->evidence[i].threshold, &arena);
        evidence->since_ms = change->evidence[i].since_ms;
        signal.evidence[i] = evidence;
    }
    size_t n = assay__router__v1__signal__get_packed_size(&signal);
    assay__router__v1__signal__pack(&signal, buf_reserve(out, n));
    out->len += n;
    arena_deinit(&arena);
}

static Assay__Event__V1__Property **codec_traits(const struct property *in, size_t n,
                                                 struct arena *arena)
{
    Assay__Event__V1__Property **out = arena_alloc(arena, (n + 1) * sizeof *out);
    for (size_t i = 0; i < n; i++) {
        Assay__Event__V1__Property *property = arena_alloc(arena, sizeof *property);
        assay__event__v1__property__init(property);
        property->key = arena_dup(arena, in[i].key);
        switch (in[i].value.type) {
        case VALUE_TEXT:
            property->value_case = ASSAY__EVENT__V1__PROPERTY__VALUE_TEXT;
            property->text = arena_dup(arena, in[i].value.text);
            break;
        case VALUE_NUMBER:
            property->value_case = ASSAY__EVENT__V1__PROPERTY__VALUE_NUMBER;
            property->number = in[i].value.number;
            break;
        case VALUE_INTEGER:
            property->value_case = ASSAY__EVENT__V1__PROPERTY__VALUE_INTEGER;
            property->integer = in[i].value.integer;
            break;
        case VALUE_FLAG:
            property->value_case = ASSAY__EVENT__V1__PROPERTY__VALUE_FLAG;
            property->flag = in[i].value.flag;
            break;
        case VALUE_NONE:
            break;
        }
        out[i] = property;
    }
    return out;
}

static Assay__Scorer__V1__Condition *codec_condition(const struct explained_condition *in,
                                                     struct arena *arena)
{
    Assay__Scorer__V1__Condition *out = arena_alloc(arena, sizeof *out);
    assay__scorer__v1__condition__init(out);
    out->text = (char *)in->text;
    out->met = in->met;
    out->value = (char *)(in->value == NULL ? "" : in->value);
    out->threshold = (char *)(in->threshold == NULL ? "" : in->threshold);
    out->missing = (char *)(in->missing == NULL ? "" : in->missing);
    out->since_ms = in->since_ms;
    out->depth = in->depth;
    return out;
}

static Assay__Scorer__V1__ExplainedSignal *
codec_explained_signal(const struct explained_signal *in, const char *user, struct arena *arena)
{
    Assay__Scorer__V1__ExplainedSignal *out = arena_alloc(arena, sizeof *out);
    assay__scorer__v1__explained_signal__init(out);
    out->name = (char *)in->name;
    if (in->of_user)
        out->user_id = (char *)user;
    out->value = in->value;
    out->since_ms = in->since_ms;
    if (in->event_id != NULL)
        out->event_id = (char *)in->event_id;
    out->leaf_count = in->n_leaves;
    out->met_count = in->n_met;
    out->n_conditions = in->n_conditions;
    out->conditions = arena_alloc(arena, (in->n_conditions + 1) * sizeof *out->conditions);
    for (size_t i = 0; i < in->n_conditions; i++)
        out->conditions[i] = codec_condition(&in->conditions[i], arena);
    return out;
}

static Assay__Scorer__V1__Measure *codec_measure(const struct explained_measure *in,
                                                 const char *user, struct arena *arena)
{
    Assay__Scorer__V1__Measure *out = arena_alloc(arena, sizeof *out);
    assay__scorer__v1__measure__init(out);
    out->name = (char *)in->name;
    out->value = (char *)in->value;
    if (in->of_user)
        out->user_id = (char *)user;
    return out;
}

Assay__Scorer__V1__ExplainResponse *codec_explanation(const struct explanation *explanation,
                                                      const char *account, const char *user,
                                                      const char *playbook, struct arena *arena)
{
    const struct explanation *in = explanation;
    Assay__Scorer__V1__ExplainResponse *out = arena_alloc(arena, sizeof *out);
    assay__scorer__v1__explain_response__init(out);
    out->account_id = arena_dup(arena, span_of(account));
    out->playbook = arena_dup(arena, span_of(playbook));
    out->clock_ms = in->clock_ms;
    out->user_count = in->n_users;
    user = arena_dup(arena, span_of(user));
    out->n_signals = in->n_signals;
    out->signals = arena_alloc(arena, (in->n_signals + 1) * sizeof *out->signals);
    for (size_t i = 0; i < in->n_signals; i++)
        out->signals[i] = codec_explained_signal(&in->signals[i], user, arena);
    out->n_measures = in->n_measures;
    out->measures = arena_alloc(arena, (in->n_measures + 1) * sizeof *out->measures);
    for (size_t i = 0; i < in->n_measures; i++)
        out->measures[i] = codec_measure(&in->measures[i], user, arena);
    out->n_account_traits = in->n_account_traits;
    out->account_traits = codec_traits(in->account_traits, in->n_account_traits, arena);
    out->n_user_traits = in->n_user_traits;
    out->user_traits = codec_traits(in->user_traits, in->n_user_traits, arena);
    if (in->excluded != NULL)
        out->excluded = (char *)in->excluded;
    out->n_users_listed = in->n_listed_users;
    out->users_listed = arena_alloc(arena, (in->n_listed_users + 1) * sizeof *out->users_listed);
    for (size_t i = 0; i < in->n_listed_users; i++)
        out->users_listed[i] = (char *)in->users[i];
    return out;
}
