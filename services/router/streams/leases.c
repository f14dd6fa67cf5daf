// SPDX-License-Identifier: Apache-2.0
// Leads as a stream. Two polls: `lease` asks for as many leads as may be out beside those that are;
// `follow` reads the queue's decisions to see which of them are out no more: acked, completed,
// given back, parked, run out.
//
// While none is out there is nothing to follow: before each Lease the end of the log is asked for
// then, and following starts there. While some are, both polls run. So the decision that leased a
// lead may be read after the answer that hands it out, with older ones about the same lead before
// it, which do not count (`leased`); or before that answer, perhaps together with the one that ends
// the lease, and is kept until then (`early`).
//
// A Lease that got no answer is asked again under the same request id, so that the same leads come
// and none is lost on the way. When the caller goes, what it was sent and has not acked runs out by
// itself: nobody knows how much of it has arrived.
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "services/router/streams/streams_impl.h"

enum { OUT_MAX = 100, EARLY_MAX = 256, FOLLOW_DECISIONS = 500 };

struct held {
    char *id;
    bool leased; // the decision that leased it has been read
};

struct early {
    char *id;
    bool ended;
};

struct lease_stream {
    struct stream stream;
    char *queue;
    char *consumer;
    int64_t lease_ms;
    uint32_t max;
    char name[24]; // of request ids
    uint64_t n_requests;
    bool at_end; // `after` is the log's end, as it was before this Lease
    struct held out[OUT_MAX];
    uint32_t n_out;
    struct early early[EARLY_MAX]; // the newest ones, as a ring
    uint32_t n_early;              // ever since the last answer
};

static struct lease_stream *lease_stream_of(struct stream *stream)
{
    return CONTAINER_OF(stream, struct lease_stream, stream);
}

static struct poll *lease_poll(struct lease_stream *own)
{
    return &own->stream.polls[0];
}

static struct poll *follow_poll(struct lease_stream *own)
{
    return &own->stream.polls[1];
}

// ---- What is out --------------------------------------------------------------------------------

static struct held *find_held(struct lease_stream *own, const char *id)
{
    for (uint32_t i = 0; i < own->n_out; i++)
        if (strcmp(own->out[i].id, id) == 0)
            return &own->out[i];
    return NULL;
}

static void drop_held(struct lease_stream *own, struct held *held)
{
    mem_free(held->id);
    *held = own->out[--own->n_out];
}

static struct early *find_early(struct lease_stream *own, const char *id)
{
    for (uint32_t i = 0; i < own->n_early && i < EARLY_MAX; i++)
        if (strcmp(own->early[i].id, id) == 0)
            return &own->early[i];
    return NULL;
}

static void add_early(struct lease_stream *own, const char *id)
{
    struct early *early = find_early(own, id);
    if (early == NULL) {
        early = &own->early[own->n_early++ % EARLY_MAX];
        mem_free(early->id);
        early->id = mem_dup_text(id);
    }
    early->ended = false;
}

static void clear_early(struct lease_stream *own)
{
    for (uint32_t i = 0; i < own->n_early && i < EARLY_MAX; i++) {
        mem_free(own->early[i].id);
        own->early[i] = (struct early){0};
    }
    own->n_early = 0;
}

// ---- Following ----------------------------------------------------------------------------------

static void leases_begin(struct stream *stream);

static void follow_begin(struct stream *stream)
{
    struct lease_stream *own = lease_stream_of(stream);
    if (own->n_out == 0 || !poll_is_idle(follow_poll(own)))
        return;
    Assay__Router__V1__ListDecisionsRequest request =
        ASSAY__ROUTER__V1__LIST_DECISIONS_REQUEST__INIT;
    request.after = stream->after;
    request.max = FOLLOW_DECISIONS;
    request.wait_ms = STREAM_WAIT_MS;
    request.queue = own->queue;
    poll_call(follow_poll(own), "ListDecisions", &request.base, STREAM_WAIT_MS);
}

static bool step_ends_lease(Assay__Router__V1__LeadStep step)
{
    static const Assay__Router__V1__LeadStep ENDS[] = {
        ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_ACKED,
        ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_RELEASED,
        ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_EXPIRED,
        ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_PARKED,
        ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_COMPLETED,
        ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_WITHDRAWN,
        ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_UNASSIGNED,
    };
    for (size_t i = 0; i < ARRAY_LEN(ENDS); i++)
        if (step == ENDS[i])
            return true;
    return false;
}

static void follow_step(struct lease_stream *own, const Assay__Router__V1__LeadDecision *decision)
{
    bool leased = decision->step == ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_LEASED;
    bool to_us = leased && strcmp(decision->consumer, own->consumer) == 0;
    bool ends = !to_us && (leased || step_ends_lease(decision->step));
    struct held *held = find_held(own, decision->lead_id);
    if (held != NULL) {
        held->leased = held->leased || to_us;
        if (held->leased && ends)
            drop_held(own, held);
    } else if (lease_poll(own)->call != NULL && to_us) {
        add_early(own, decision->lead_id);
    } else if (ends) {
        struct early *early = find_early(own, decision->lead_id);
        if (early != NULL)
            early->ended = true;
    }
}

static void follow_took(struct stream *stream, const ProtobufCMessage *message)
{
    struct lease_stream *own = lease_stream_of(stream);
    const Assay__Router__V1__ListDecisionsResponse *answer =
        (const Assay__Router__V1__ListDecisionsResponse *)message;
    bool moved = answer->next > stream->after;
    if (moved)
        stream->after = answer->next;
    for (size_t i = 0; i < answer->n_decisions; i++)
        if (answer->decisions[i]->decision_case == ASSAY__ROUTER__V1__DECISION__DECISION_LEAD)
            follow_step(own, answer->decisions[i]->lead);
    poll_again(follow_poll(own), !moved);
    leases_begin(stream);
}

// ---- Leasing ------------------------------------------------------------------------------------

// The end of the log: what comes after no decision that there is.
static void find_end(struct lease_stream *own)
{
    Assay__Router__V1__ListDecisionsRequest request =
        ASSAY__ROUTER__V1__LIST_DECISIONS_REQUEST__INIT;
    request.after = UINT64_MAX;
    request.max = 1;
    poll_call(lease_poll(own), "ListDecisions", &request.base, 0);
}

static void ask_for_leads(struct lease_stream *own)
{
    char id[64];
    snprintf(id, sizeof id, "%s-%llu", own->name, (unsigned long long)own->n_requests);
    Assay__Router__V1__LeaseRequest request = ASSAY__ROUTER__V1__LEASE_REQUEST__INIT;
    request.queue = own->queue;
    request.consumer = own->consumer;
    request.max = own->max - own->n_out;
    request.lease_ms = own->lease_ms;
    request.wait_ms = STREAM_WAIT_MS;
    request.request_id = id;
    poll_call(lease_poll(own), "Lease", &request.base, STREAM_WAIT_MS);
}

static void leases_begin(struct stream *stream)
{
    struct lease_stream *own = lease_stream_of(stream);
    if (stream->full || own->n_out >= own->max || !poll_is_idle(lease_poll(own)))
        return;
    if (own->n_out == 0 && !own->at_end && follow_poll(own)->call == NULL)
        find_end(own);
    else
        ask_for_leads(own);
}

static void took_lead(struct lease_stream *own, Assay__Router__V1__Lead *lead)
{
    struct stream *stream = &own->stream;
    Assay__Router__V1__StreamLeasesResponse one = ASSAY__ROUTER__V1__STREAM_LEASES_RESPONSE__INIT;
    CHECK(own->n_out < OUT_MAX);
    const struct early *early = find_early(own, lead->lead_id);
    if (early == NULL || !early->ended)
        own->out[own->n_out++] =
            (struct held){.id = mem_dup_text(lead->lead_id), .leased = early != NULL};
    one.lead = lead;
    stream_send(stream, &one.base);
}

static void leases_took(struct stream *stream, const ProtobufCMessage *message)
{
    struct lease_stream *own = lease_stream_of(stream);
    if (message->descriptor == &assay__router__v1__list_decisions_response__descriptor) {
        stream->after = ((const Assay__Router__V1__ListDecisionsResponse *)message)->last;
        own->at_end = true;
        leases_begin(stream);
        return;
    }
    const Assay__Router__V1__LeaseResponse *answer =
        (const Assay__Router__V1__LeaseResponse *)message;
    uint32_t room = own->max - own->n_out;
    own->at_end = false;
    if (answer->n_leads > 0)
        own->n_requests++;
    for (size_t i = 0; i < answer->n_leads && i < room; i++)
        took_lead(own, answer->leads[i]);
    clear_early(own);
    follow_begin(stream);
    if (!stream->full && own->n_out < own->max)
        poll_again(lease_poll(own), answer->n_leads == 0);
}

static void leases_free(struct stream *stream)
{
    struct lease_stream *own = lease_stream_of(stream);
    while (own->n_out > 0)
        drop_held(own, &own->out[0]);
    clear_early(own);
    mem_free(own->queue);
    mem_free(own->consumer);
}

void streams_leases(struct streams *streams, const Assay__Router__V1__StreamLeasesRequest *request,
                    void *closure_data)
{
    if (request->max > OUT_MAX) {
        rpc_fail(closure_data, RPC_INVALID_ARGUMENT, "max: expected at most %d, got %u", OUT_MAX,
                 request->max);
        return;
    }
    struct lease_stream *own = stream_create(streams, sizeof *own, closure_data);
    if (own == NULL)
        return;
    struct stream *stream = &own->stream;
    own->queue = mem_dup_text(request->queue);
    own->consumer = mem_dup_text(request->consumer);
    own->lease_ms = request->lease_ms;
    own->max = request->max == 0 ? 1 : request->max;
    snprintf(own->name, sizeof own->name, "stream-%016llx", (unsigned long long)clock_random_u64());
    stream->free = leases_free;
    stream->resume = leases_begin;
    lease_poll(own)->begin = leases_begin;
    lease_poll(own)->took = leases_took;
    follow_poll(own)->begin = follow_begin;
    follow_poll(own)->took = follow_took;
    leases_begin(stream);
}
