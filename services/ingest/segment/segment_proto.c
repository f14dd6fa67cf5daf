// SPDX-License-Identifier: Apache-2.0
#include "services/ingest/segment/segment_proto.h"

_Static_assert((int)SEGMENT_TRACK == (int)ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_TRACK &&
                   (int)SEGMENT_IDENTIFY ==
                       (int)ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_IDENTIFY &&
                   (int)SEGMENT_GROUP == (int)ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_GROUP &&
                   (int)SEGMENT_ALIAS == (int)ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_ALIAS &&
                   (int)SEGMENT_PAGE == (int)ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_PAGE &&
                   (int)SEGMENT_SCREEN == (int)ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_SCREEN,
               "the kinds have the numbers of the contract");

// Texts of a parsed event are NUL-terminated; messages do not write to their texts.
static char *text_of(struct span s)
{
    return s.len == 0 ? (char *)protobuf_c_empty_string : (char *)s.ptr;
}

// An empty text inside a oneof must not be the shared constant, or it is packed as not given.
static char *value_of(struct span s)
{
    static char empty[1];
    return s.len == 0 ? empty : (char *)s.ptr;
}

static void property_pack(const struct segment_property *in, Assay__Event__V1__Property *out)
{
    assay__event__v1__property__init(out);
    out->key = text_of(in->key);
    switch (in->kind) {
    case SEGMENT_TEXT:
        out->value_case = ASSAY__EVENT__V1__PROPERTY__VALUE_TEXT;
        out->text = value_of(in->text);
        break;
    case SEGMENT_NUMBER:
        out->value_case = ASSAY__EVENT__V1__PROPERTY__VALUE_NUMBER;
        out->number = in->number;
        break;
    case SEGMENT_INTEGER:
        out->value_case = ASSAY__EVENT__V1__PROPERTY__VALUE_INTEGER;
        out->integer = in->integer;
        break;
    case SEGMENT_FLAG:
        out->value_case = ASSAY__EVENT__V1__PROPERTY__VALUE_FLAG;
        out->flag = in->flag;
        break;
    }
}

static Assay__Event__V1__Property **list_pack(const struct segment_list *list, struct arena *arena,
                                              size_t *n)
{
    *n = list->n;
    if (list->n == 0)
        return NULL;
    Assay__Event__V1__Property **out = arena_alloc(arena, list->n * sizeof *out);
    Assay__Event__V1__Property *items = arena_alloc(arena, list->n * sizeof *items);
    for (size_t i = 0; i < list->n; i++) {
        property_pack(&list->items[i], &items[i]);
        out[i] = &items[i];
    }
    return out;
}

Assay__Ingest__V1__Event *segment_pack(const struct segment_event *event, struct arena *arena)
{
    Assay__Ingest__V1__Event *out = arena_alloc(arena, sizeof *out);
    assay__ingest__v1__event__init(out);
    out->kind = (Assay__Event__V1__EventKind)event->kind;
    out->message_id = text_of(event->message_id);
    out->user_id = text_of(event->user_id);
    out->anonymous_id = text_of(event->anonymous_id);
    out->group_id = text_of(event->group_id);
    out->previous_id = text_of(event->previous_id);
    out->name = text_of(event->name);
    out->timestamp_ms = event->timestamp_ms;
    out->sent_at_ms = event->sent_at_ms;
    out->received_at_ms = event->received_at_ms;
    out->properties = list_pack(&event->properties, arena, &out->n_properties);
    out->traits = list_pack(&event->traits, arena, &out->n_traits);
    out->context = list_pack(&event->context, arena, &out->n_context);
    return out;
}
