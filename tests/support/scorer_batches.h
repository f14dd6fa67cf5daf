// SPDX-License-Identifier: Apache-2.0
// Events and numbered batches for tests of the scorer. Header only.
#pragma once

#include "assay/scorer/v1/scorer.pb-c.h"
#include "common/base/arena.h"
#include "common/base/check.h"

// 2026-01-05T00:00:00Z, a Monday.
static const int64_t BATCH_T0 = 1767571200000;

static inline Assay__Scorer__V1__Event *batch_event(struct arena *arena, const char *id,
                                                    const char *account, const char *user,
                                                    const char *name, int64_t at_ms)
{
    Assay__Scorer__V1__Event *event = arena_alloc(arena, sizeof *event);
    assay__scorer__v1__event__init(event);
    event->kind = ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_TRACK;
    event->message_id = arena_dup(arena, span_of(id));
    event->account_id = arena_dup(arena, span_of(account));
    event->user_id = arena_dup(arena, span_of(user));
    event->name = arena_dup(arena, span_of(name));
    event->at_ms = at_ms;
    event->received_at_ms = at_ms + 1000;
    return event;
}

static inline Assay__Event__V1__Property *batch_property(struct arena *arena, const char *key)
{
    Assay__Event__V1__Property *property = arena_alloc(arena, sizeof *property);
    assay__event__v1__property__init(property);
    property->key = arena_dup(arena, span_of(key));
    return property;
}

// One property (of identify and group: trait) at most.
static inline void batch_set_integer(struct arena *arena, Assay__Scorer__V1__Event *event,
                                     const char *key, int64_t value)
{
    event->properties = arena_alloc(arena, sizeof *event->properties);
    event->n_properties = 1;
    event->properties[0] = batch_property(arena, key);
    event->properties[0]->value_case = ASSAY__EVENT__V1__PROPERTY__VALUE_INTEGER;
    event->properties[0]->integer = value;
}

static inline void batch_set_text(struct arena *arena, Assay__Scorer__V1__Event *event,
                                  const char *key, const char *value)
{
    event->properties = arena_alloc(arena, sizeof *event->properties);
    event->n_properties = 1;
    event->properties[0] = batch_property(arena, key);
    event->properties[0]->value_case = ASSAY__EVENT__V1__PROPERTY__VALUE_TEXT;
    event->properties[0]->text = arena_dup(arena, span_of(value));
}

static inline struct span batch_pack(struct arena *arena, uint64_t source, uint64_t number,
                                     uint32_t lane, Assay__Scorer__V1__Event **events, size_t n)
{
    Assay__Scorer__V1__ApplyRequest request = ASSAY__SCORER__V1__APPLY_REQUEST__INIT;
    request.source = source;
    request.number = number;
    request.lane = lane;
    request.map_version = 1;
    request.received_at_ms = n > 0 ? events[n - 1]->received_at_ms : BATCH_T0;
    request.events = events;
    request.n_events = n;
    size_t len = assay__scorer__v1__apply_request__get_packed_size(&request);
    uint8_t *bytes = arena_alloc(arena, len + 1);
    CHECK(assay__scorer__v1__apply_request__pack(&request, bytes) == len);
    return span_make(bytes, len);
}
