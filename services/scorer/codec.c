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
        .anonymous = in->anonymous != 0,
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

static const char *codec_link(const Assay__Scorer__V1__Event *in, uint32_t place,
                              struct batch_link *out)
{
    bool to_user = in->user_id[0] != '\0';
    *out = (struct batch_link){
        .place = place,
        .link =
            {
                .kind = to_user ? LINK_USER : LINK_GROUP,
                .identity = span_of(in->identity),
                .target = span_of(to_user ? in->user_id : in->account_id),
                .at_ms = in->at_ms,
                .message_id = span_of(in->message_id),
            },
    };
    if (out->link.identity.len == 0 || out->link.identity.len > CODEC_ID_MAX)
        return "identity";
    if (out->link.target.len == 0 || out->link.target.len > CODEC_ID_MAX)
        return to_user ? "user_id" : "account_id";
    if (out->link.message_id.len == 0 || out->link.message_id.len > CODEC_MESSAGE_ID_MAX)
        return "message_id";
    return codec_is_instant(in->at_ms) ? NULL : "at_ms";
}

// Source and number say what kind of batch it is.
static enum err codec_batch_head(const Assay__Scorer__V1__ApplyRequest *in, struct err_info *info)
{
    bool moves = in->source == 0 && in->n_moves > 0;
    if (!moves && (in->source == 0 || in->number == 0))
        return err_set(info, ERR_INVALID, "batch: source and number start at 1");
    if (moves && (in->number != 0 || in->n_events > 0))
        return err_set(info, ERR_INVALID, "batch: moves without a source come alone");
    if (!moves && in->n_moves > 0)
        return err_set(info, ERR_INVALID, "batch: moves have neither source nor number");
    if (in->received_at_ms != 0 && !codec_is_instant(in->received_at_ms))
        return err_set(info, ERR_INVALID, "batch: received_at_ms is out of bounds");
    if (in->n_events > CODEC_BATCH_EVENTS_MAX || in->n_moves > CODEC_BATCH_EVENTS_MAX)
        return err_set(info, ERR_INVALID, "batch: %zu events, at most %d",
                       in->n_events + in->n_moves, CODEC_BATCH_EVENTS_MAX);
    return ERR_OK;
}

static void codec_know(struct batch *out, int64_t known_at_ms)
{
    if (known_at_ms > out->known_at_ms)
        out->known_at_ms = known_at_ms;
}

// What the bodies say is the core's.
static enum err codec_moves(const Assay__Scorer__V1__ApplyRequest *in, struct arena *arena,
                            struct batch *out, struct err_info *info)
{
    struct batch_move *moves = arena_alloc(arena, (in->n_moves + 1) * sizeof *moves);
    for (size_t i = 0; i < in->n_moves; i++) {
        const Assay__Scorer__V1__Move *move = in->moves[i];
        moves[i] =
            (struct batch_move){move->position, move->index, span_of(move->account_id),
                                span_make(move->body.data, move->body.len), move->known_at_ms};
        codec_know(out, move->known_at_ms);
        bool rises = i == 0 || move->position > moves[i - 1].position ||
                     (move->position == moves[i - 1].position && move->index > moves[i - 1].index);
        if (move->position == 0 || !rises)
            return err_set(info, ERR_INVALID, "batch: moves[%zu] is out of order", i);
        if (move->known_at_ms != 0 && !codec_is_instant(move->known_at_ms))
            return err_set(info, ERR_INVALID, "batch: moves[%zu].known_at_ms is out of bounds", i);
        if (moves[i].account.len == 0 || moves[i].account.len > CODEC_ID_MAX + 8)
            return err_set(info, ERR_INVALID, "batch: moves[%zu].account_id is out of bounds", i);
    }
    out->from_lane = in->from_lane;
    out->moves = moves;
    out->n_moves = in->n_moves;
    return ERR_OK;
}

static enum err codec_events(const Assay__Scorer__V1__ApplyRequest *in, struct arena *arena,
                             struct batch *out, struct err_info *info)
{
    struct event *events = arena_alloc(arena, (in->n_events + 1) * sizeof *events);
    uint32_t *places = arena_alloc(arena, (in->n_events + 1) * sizeof *places);
    struct batch_link *links = NULL;
    for (uint32_t i = 0; i < in->n_events; i++) {
        bool link = in->events[i]->link_only;
        if (link && links == NULL)
            links = arena_alloc(arena, (in->n_events - i) * sizeof *links);
        const char *wrong = link ? codec_link(in->events[i], i, &links[out->n_links])
                                 : codec_event(in->events[i], arena, &events[out->n_events]);
        if (wrong != NULL)
            return err_set(info, ERR_INVALID, "batch: events[%u].%s is out of bounds", i, wrong);
        codec_know(out, in->events[i]->received_at_ms);
        if (!link)
            places[out->n_events] = i;
        *(link ? &out->n_links : &out->n_events) += 1;
    }
    out->events = events;
    out->places = places;
    out->links = links;
    return ERR_OK;
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
    err = codec_batch_head(in, info);
    if (err != ERR_OK)
        return err;
    // Texts go on to the router, which takes UTF-8 only: one that it refuses would hold up the
    // lane.
    const char *unclean = rpc_message_unclean_field(base);
    if (unclean != NULL)
        return err_set(info, ERR_INVALID, "batch: %s is not UTF-8", unclean);
    arena_bound(arena, 0); // what follows is a small multiple of what was just bounded
    *out = (struct batch){
        .source = in->source,
        .number = in->number,
        .lane = in->lane,
        .map_version = in->map_version,
        .received_at_ms = in->received_at_ms,
    };
    err = codec_events(in, arena, out, info);
    if (err == ERR_OK)
        err = codec_moves(in, arena, out, info);
    if (out->known_at_ms == 0)
        out->known_at_ms = out->received_at_ms;
    return err;
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
