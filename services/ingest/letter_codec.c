// SPDX-License-Identifier: Apache-2.0
#include "services/ingest/letter_codec.h"

#include <stdio.h>
#include <string.h>

#include "common/base/text.h"
#include "common/rpc/rpc.h"
#include "services/ingest/core/core.h"

// ---- In -----------------------------------------------------------------------------------------

static void cut(char out[INGEST_ID_BYTES_MAX + 1], char **text)
{
    int n = (int)letter_cut(span_of(*text), INGEST_ID_BYTES_MAX);
    snprintf(out, INGEST_ID_BYTES_MAX + 1, "%.*s", n, *text);
    *text = out;
}

// What is left of an event that is too large: texts are cut, lists are gone.
static void pack_part(const Assay__Ingest__V1__Event *event, struct buf *packed)
{
    Assay__Ingest__V1__Event part = *event;
    char texts[6][INGEST_ID_BYTES_MAX + 1];
    cut(texts[0], &part.message_id);
    cut(texts[1], &part.user_id);
    cut(texts[2], &part.anonymous_id);
    cut(texts[3], &part.group_id);
    cut(texts[4], &part.previous_id);
    cut(texts[5], &part.name);
    part.base.n_unknown_fields = 0;
    part.as_received = (ProtobufCBinaryData){0, NULL};
    part.n_properties = part.n_traits = part.n_context = 0;
    size_t n = assay__ingest__v1__event__get_packed_size(&part);
    packed->len += assay__ingest__v1__event__pack(&part, buf_reserve(packed, n));
}

void letter_codec_event(const Assay__Ingest__V1__Event *event, struct buf *packed,
                        struct letter *letter)
{
    Assay__Ingest__V1__Event whole = *event;
    whole.as_received = (ProtobufCBinaryData){0, NULL};
    whole.base.n_unknown_fields = 0;
    size_t n = assay__ingest__v1__event__get_packed_size(&whole);
    letter->partial = n + event->as_received.len > LETTER_EVENT_BYTES_MAX;
    buf_clear(packed);
    if (letter->partial) {
        pack_part(event, packed);
    } else {
        packed->len += assay__ingest__v1__event__pack(&whole, buf_reserve(packed, n));
        letter->as_received = span_make(event->as_received.data, event->as_received.len);
    }
    letter->event = buf_span(packed);
}

// ---- Out ----------------------------------------------------------------------------------------

Assay__Ingest__V1__Event *letter_codec_read_event(const struct letter *letter, struct arena *arena)
{
    ProtobufCMessage *message;
    if (letter->event.len == 0 || rpc_unpack(&assay__ingest__v1__event__descriptor, letter->event,
                                             arena, &message, NULL) != ERR_OK)
        return NULL;
    return (Assay__Ingest__V1__Event *)message;
}

// A reason begins with the field that it is about.
static char *field_of(struct span reason, struct arena *arena)
{
    const char *colon = memchr(reason.ptr, ':', reason.len);
    size_t n = colon == NULL ? 0 : (size_t)(colon - (const char *)reason.ptr);
    return arena_dup(arena, span_make(reason.ptr, n));
}

Assay__Ingest__V1__DeadLetter *letter_codec_out(const struct letter *letter,
                                                const Assay__Ingest__V1__Event *event,
                                                struct arena *arena)
{
    Assay__Ingest__V1__DeadLetter *out = arena_alloc(arena, sizeof *out);
    assay__ingest__v1__dead_letter__init(out);
    out->number = letter->number;
    out->received_at_ms = letter->received_at_ms;
    out->rule = arena_dup(arena, letter->rule);
    out->reason = arena_dup(arena, letter->reason);
    out->field = field_of(letter->reason, arena);
    out->observed = letter->observed;
    out->partial = letter->partial;
    out->source = arena_dup(arena, letter->source);
    out->way = arena_dup(arena, letter->way);
    if (event == NULL)
        return out;
    out->message_id = event->message_id;
    if (event->kind == ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_TRACK)
        out->event_name = event->name;
    out->user_id = event->user_id[0] != '\0' ? event->user_id : event->anonymous_id;
    out->group_id = event->group_id;
    return out;
}

// ---- Which --------------------------------------------------------------------------------------

bool letter_codec_matches(const Assay__Ingest__V1__DeadLetterFilter *filter,
                          const struct letter *letter, struct arena *scratch)
{
    if (filter == NULL)
        return true;
    if ((filter->rule[0] != '\0' && !span_is(letter->rule, filter->rule)) ||
        (filter->source[0] != '\0' && !span_is(letter->source, filter->source)) ||
        letter->received_at_ms < filter->since_ms)
        return false;
    if (filter->event_name[0] == '\0')
        return true;
    const Assay__Ingest__V1__Event *event = letter_codec_read_event(letter, scratch);
    return event != NULL && event->kind == ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_TRACK &&
           strcmp(event->name, filter->event_name) == 0;
}

bool letter_codec_names_user(const struct letter *letter, struct span user, struct arena *scratch)
{
    const Assay__Ingest__V1__Event *event = letter_codec_read_event(letter, scratch);
    if (event == NULL)
        return text_contains(letter->as_received, user, false) ||
               text_contains(letter->event, user, false);
    return span_is(user, event->user_id) || span_is(user, event->anonymous_id) ||
           span_is(user, event->previous_id);
}
