// SPDX-License-Identifier: Apache-2.0
// What becomes of an event that is refused, beside the verdict: a count and a dead letter. One that
// is a letter already, and was sent again, makes no other.
#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/rpc/carry.h"
#include "services/ingest/ingest_impl.h"
#include "services/ingest/letter_codec.h"

void refusals_take(struct ingest *ingest, const struct refusal *refusal)
{
    enum rpc_way way = rpc_incoming_way(refusal->call);
    if (!refusal->observed)
        metrics_add(&ingest->refused[refusal->rule].events, 1);
    if (ingest->letters == NULL || way == RPC_WAY_INSIDE)
        return;
    struct letter letter = {
        .observed = refusal->observed,
        .received_at_ms = refusal->now_ms,
        .rule = span_of(ingest_refusal_text(refusal->rule)),
        .reason = span_of(refusal->reason),
        .source = span_of(refusal->source),
        .way = span_of(way == RPC_WAY_HTTP   ? "http"
                       : way == RPC_WAY_GRPC ? "grpc"
                                             : "nng"),
    };
    struct buf packed = {0};
    letter_codec_event(refusal->event, &packed, &letter);
    letters_keep(ingest->letters, &letter);
    buf_deinit(&packed);
}

void ingest_refuse_unread(struct ingest *ingest, const struct ingest_unread *unread)
{
    metrics_add(&ingest->refused[INGEST_REFUSED_FORM].events, 1);
    if (ingest->letters == NULL)
        return;
    bool partial = unread->as_received.len > LETTER_EVENT_BYTES_MAX;
    struct letter letter = {
        .partial = partial,
        .received_at_ms = clock_wall_ms(),
        .rule = span_of(ingest_refusal_text(INGEST_REFUSED_FORM)),
        .reason = span_of(unread->reason),
        .source = span_of(unread->source),
        .way = span_of(unread->way),
        .as_received = partial ? span_make(NULL, 0) : unread->as_received,
    };
    letters_keep(ingest->letters, &letter);
}
