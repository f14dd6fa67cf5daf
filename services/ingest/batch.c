// SPDX-License-Identifier: Apache-2.0
#include "services/ingest/batch.h"

#include "assay/scorer/v1/scorer.pb-c.h"
#include "common/base/mem.h"

enum {
    // How far a batch may go beyond 8 times its bytes in the scorer's memory (rpc_unpack allows
    // 64 KiB): a batch that can never be read would stop its lane.
    BATCH_UNPACK_EXCESS_MAX = 48 * 1024,
    BATCH_UNPACK_GROWTH = 8,
    // Field 6 of ApplyRequest, a message.
    BATCH_EVENT_TAG = 6 << 3 | 2,
};

struct batch *batch_create(struct lane *lane)
{
    struct batch *batch = mem_zalloc(sizeof *batch);
    batch->lane = lane;
    return batch;
}

void batch_destroy(struct batch *batch)
{
    CHECK(!batch->in_flight);
    buf_deinit(&batch->body);
    mem_free(batch->events);
    mem_free(batch);
}

size_t batch_weight(const struct batch *batch)
{
    return batch->events_len + batch->n_events * (size_t)LANE_EVENT_OVERHEAD;
}

static int64_t excess_of(const struct lane_event *event)
{
    return (int64_t)event->unpacked_bytes - (int64_t)(BATCH_UNPACK_GROWTH * event->packed.len);
}

bool batch_can_grow(const struct batch *batch, const struct lane_event *event)
{
    return batch->n_events == 0 ||
           batch->unpack_excess + excess_of(event) <= BATCH_UNPACK_EXCESS_MAX;
}

void batch_append(struct batch *batch, const struct lane_event *event)
{
    CHECK(batch->number == 0);
    size_t len = event->packed.len;
    buf_append_u8(&batch->body, BATCH_EVENT_TAG);
    for (; len >= 0x80; len >>= 7)
        buf_append_u8(&batch->body, (uint8_t)(len | 0x80));
    buf_append_u8(&batch->body, (uint8_t)len);
    buf_append_span(&batch->body, event->packed);
    batch->events_len = batch->body.len;
    MEM_GROW(batch->events, batch->n_events, batch->events_cap);
    if (batch->n_events == 0 && rpc_trace_now() != NULL)
        batch->trace = *rpc_trace_now();
    batch->events[batch->n_events++] =
        (struct batch_event){event->request, event->index, event->copy};
    batch->unpack_excess += excess_of(event);
}

// A field may stand anywhere in a message, so these are simply put behind the events.
void batch_write_head(struct batch *batch, const struct batch_head *head)
{
    CHECK(head->source != 0 && head->number != 0);
    Assay__Scorer__V1__ApplyRequest fields = ASSAY__SCORER__V1__APPLY_REQUEST__INIT;
    fields.source = head->source;
    fields.number = head->number;
    fields.lane = head->lane;
    fields.map_version = head->map_version;
    fields.received_at_ms = batch->received_at_ms;
    batch->body.len = batch->events_len;
    size_t n = assay__scorer__v1__apply_request__get_packed_size(&fields);
    assay__scorer__v1__apply_request__pack(&fields, buf_reserve(&batch->body, n));
    batch->body.len += n;
}

struct batch_event *batch_take_events(struct batch *batch, uint32_t *n)
{
    struct batch_event *events = batch->events;
    *n = batch->n_events;
    batch->events = NULL;
    batch->n_events = batch->events_cap = 0;
    batch->events_len = 0;
    return events;
}
