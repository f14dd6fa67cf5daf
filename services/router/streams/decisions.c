// SPDX-License-Identifier: Apache-2.0
// The decision log as a stream: each page that ListDecisions answers is one message.
#include "common/base/mem.h"
#include "services/router/streams/streams_impl.h"

enum { PAGE_DECISIONS = 200 };

struct decision_stream {
    struct stream stream;
    char *queue;
    char *lead_id;
};

static void decisions_begin(struct stream *stream)
{
    const struct decision_stream *own = CONTAINER_OF(stream, struct decision_stream, stream);
    if (stream->full || !poll_is_idle(&stream->polls[0]))
        return;
    Assay__Router__V1__ListDecisionsRequest request =
        ASSAY__ROUTER__V1__LIST_DECISIONS_REQUEST__INIT;
    request.after = stream->after;
    request.max = PAGE_DECISIONS;
    request.wait_ms = STREAM_WAIT_MS;
    request.queue = own->queue;
    request.lead_id = own->lead_id;
    poll_call(&stream->polls[0], "ListDecisions", &request.base, STREAM_WAIT_MS);
}

static void decisions_took(struct stream *stream, const ProtobufCMessage *message)
{
    const Assay__Router__V1__ListDecisionsResponse *answer =
        (const Assay__Router__V1__ListDecisionsResponse *)message;
    // A filter may have passed over many without a find.
    bool moved = answer->next > stream->after;
    if (moved)
        stream->after = answer->next;
    if (answer->n_decisions > 0) {
        Assay__Router__V1__StreamDecisionsResponse page =
            ASSAY__ROUTER__V1__STREAM_DECISIONS_RESPONSE__INIT;
        page.decisions = answer->decisions;
        page.n_decisions = answer->n_decisions;
        page.last = answer->last;
        page.next = answer->next;
        stream_send(stream, &page.base);
    }
    if (!stream->full)
        poll_again(&stream->polls[0], !moved);
}

static void decisions_free(struct stream *stream)
{
    struct decision_stream *own = CONTAINER_OF(stream, struct decision_stream, stream);
    mem_free(own->queue);
    mem_free(own->lead_id);
}

void streams_decisions(struct streams *streams,
                       const Assay__Router__V1__StreamDecisionsRequest *request, void *closure_data)
{
    struct decision_stream *own = stream_create(streams, sizeof *own, closure_data);
    if (own == NULL)
        return;
    struct stream *stream = &own->stream;
    own->queue = mem_dup_text(request->queue);
    own->lead_id = mem_dup_text(request->lead_id);
    stream->after = request->after;
    stream->free = decisions_free;
    stream->resume = decisions_begin;
    stream->polls[0].begin = decisions_begin;
    stream->polls[0].took = decisions_took;
    decisions_begin(stream);
}
