// SPDX-License-Identifier: Apache-2.0
#include "services/ingest/codec.h"

_Static_assert((int)INGEST_TRACK == (int)ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_TRACK &&
                   (int)INGEST_IDENTIFY == (int)ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_IDENTIFY &&
                   (int)INGEST_GROUP == (int)ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_GROUP &&
                   (int)INGEST_ALIAS == (int)ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_ALIAS &&
                   (int)INGEST_PAGE == (int)ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_PAGE &&
                   (int)INGEST_SCREEN == (int)ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_SCREEN,
               "the kinds have the numbers of the contract");

// protobuf-c's note of a field while it reads: 32 bytes, in slabs that double.
enum { SCANNED_BYTES = 64 };

static void property_in(const Assay__Event__V1__Property *in, struct ingest_property *out)
{
    out->key = span_of(in->key);
    switch (in->value_case) {
    case ASSAY__EVENT__V1__PROPERTY__VALUE_TEXT:
        out->kind = INGEST_TEXT;
        out->text = span_of(in->text);
        return;
    case ASSAY__EVENT__V1__PROPERTY__VALUE_NUMBER:
        out->kind = INGEST_NUMBER;
        out->number = in->number;
        return;
    case ASSAY__EVENT__V1__PROPERTY__VALUE_INTEGER:
        out->kind = INGEST_INTEGER;
        out->integer = in->integer;
        return;
    case ASSAY__EVENT__V1__PROPERTY__VALUE_FLAG:
        out->kind = INGEST_FLAG;
        out->flag = in->flag;
        return;
    case ASSAY__EVENT__V1__PROPERTY__VALUE__NOT_SET:
    case _ASSAY__EVENT__V1__PROPERTY__VALUE__CASE_IS_INT_SIZE:
        break;
    }
    out->kind = INGEST_NONE;
}

static const struct ingest_property *list_in(Assay__Event__V1__Property **in, size_t n,
                                             struct arena *arena)
{
    // More than the core allows are not looked at.
    if (n == 0 || n > INGEST_PROPERTIES_MAX)
        return NULL;
    struct ingest_property *out = arena_alloc(arena, n * sizeof *out);
    for (size_t i = 0; i < n; i++)
        property_in(in[i], &out[i]);
    return out;
}

void codec_event_in(const Assay__Ingest__V1__Event *in, struct arena *arena,
                    struct ingest_event *out)
{
    *out = (struct ingest_event){
        .kind = (int)in->kind,
        .message_id = span_of(in->message_id),
        .user_id = span_of(in->user_id),
        .anonymous_id = span_of(in->anonymous_id),
        .group_id = span_of(in->group_id),
        .previous_id = span_of(in->previous_id),
        .name = span_of(in->name),
        .timestamp_ms = in->timestamp_ms,
        .sent_at_ms = in->sent_at_ms,
        .received_at_ms = in->received_at_ms,
        .properties = list_in(in->properties, in->n_properties, arena),
        .n_properties = in->n_properties,
        .traits = list_in(in->traits, in->n_traits, arena),
        .n_traits = in->n_traits,
        .context = list_in(in->context, in->n_context, arena),
        .n_context = in->n_context,
    };
}

void codec_event_out(const Assay__Ingest__V1__Event *in, const struct ingest_target *target,
                     Assay__Scorer__V1__Event *out)
{
    bool traits = in->kind == ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_IDENTIFY ||
                  in->kind == ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_GROUP;
    bool alias = in->kind == ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_ALIAS;
    assay__scorer__v1__event__init(out);
    out->kind = in->kind;
    out->message_id = in->message_id;
    // Both are followed by a NUL: they are a message's strings, or the core's own text.
    out->account_id = (char *)target->account.ptr;
    if (target->user.len > 0)
        out->user_id = (char *)target->user.ptr;
    out->anonymous = target->user.len > 0 && in->user_id[0] == '\0';
    out->name = alias ? in->previous_id : in->name;
    out->at_ms = target->at_ms;
    out->received_at_ms = target->received_at_ms;
    out->properties = traits ? in->traits : in->properties;
    out->n_properties = traits ? in->n_traits : in->n_properties;
    out->context = in->context;
    out->n_context = in->n_context;
}

void codec_link_out(const Assay__Scorer__V1__Event *event, const struct ingest_link *link,
                    Assay__Scorer__V1__Event *out)
{
    assay__scorer__v1__event__init(out);
    out->kind = event->kind;
    out->message_id = event->message_id;
    out->at_ms = event->at_ms;
    out->received_at_ms = event->received_at_ms;
    out->link_only = true;
    out->identity = (char *)link->identity.ptr;
    out->account_id = (char *)link->account.ptr;
    if (link->user.len > 0)
        out->user_id = (char *)link->user.ptr;
}

static size_t text_bytes(const char *text)
{
    return (strlen(text) + 8) & ~(size_t)7;
}

static size_t list_bytes(Assay__Event__V1__Property **items, size_t n)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        bytes += sizeof *items[i] + sizeof items[i] + SCANNED_BYTES + text_bytes(items[i]->key);
        if (items[i]->value_case == ASSAY__EVENT__V1__PROPERTY__VALUE_TEXT)
            bytes += text_bytes(items[i]->text);
    }
    return bytes;
}

size_t codec_unpacked_bytes(const Assay__Scorer__V1__Event *event)
{
    return sizeof *event + sizeof event + SCANNED_BYTES + text_bytes(event->message_id) +
           text_bytes(event->account_id) + text_bytes(event->user_id) + text_bytes(event->name) +
           text_bytes(event->identity) + list_bytes(event->properties, event->n_properties) +
           list_bytes(event->context, event->n_context);
}
