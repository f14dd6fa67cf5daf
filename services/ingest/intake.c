// SPDX-License-Identifier: Apache-2.0
// The method. A request is checked as a whole, waits for its sender's turn, and then is taken in
// two passes: first every event is judged, packed and given its lane; only when all lanes have room
// are the events appended. So a request is taken whole or not at all.
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/keys/keys.h"
#include "services/access/words.h"
#include "services/ingest/codec.h"
#include "services/ingest/ingest_impl.h"

// One event between the passes, in the scratch arena.
struct intake_event {
    enum ingest_refusal refusal;
    const struct ingest_finding *finding; // NULL: it looks as its schema says
    struct ingest_target target;
    struct span packed, packed_copy; // the copy for the other lanes, if there is one
    size_t unpacked_bytes;
    uint32_t lane;
    struct span packed_link; // the copy for the lane of the identity that it links, if it does
    size_t link_unpacked_bytes;
    uint32_t link_lane;
};

struct intake {
    struct ingest *ingest;
    struct request *request;
    const Assay__Ingest__V1__IngestRequest *message;
    struct intake_event *events;
    size_t *lane_bytes; // [n_lanes] to be added
    size_t copy_bytes;  // to be added to every lane
    int64_t now_ms;
};

static struct span pack(const Assay__Scorer__V1__Event *event, struct arena *arena)
{
    size_t n = assay__scorer__v1__event__get_packed_size(event);
    uint8_t *bytes = arena_alloc(arena, n);
    CHECK(assay__scorer__v1__event__pack(event, bytes) == n);
    return span_make(bytes, n);
}

static void intake_pack_link(struct intake *intake, const Assay__Scorer__V1__Event *event,
                             struct intake_event *out)
{
    struct ingest *ingest = intake->ingest;
    const struct ingest_link *link = &out->target.link;
    Assay__Scorer__V1__Event copy;
    codec_link_out(event, link, &copy);
    out->packed_link = pack(&copy, &ingest->scratch);
    out->link_unpacked_bytes = codec_unpacked_bytes(&copy);
    out->link_lane = shard_map_lane_of_key(ingest->map, link->home);
    intake->lane_bytes[out->link_lane] += out->packed_link.len + LANE_EVENT_OVERHEAD;
}

static void intake_pack(struct intake *intake, const Assay__Ingest__V1__Event *in,
                        struct intake_event *out)
{
    struct ingest *ingest = intake->ingest;
    Assay__Scorer__V1__Event event;
    codec_event_out(in, &out->target, &event);
    out->packed = pack(&event, &ingest->scratch);
    out->unpacked_bytes = codec_unpacked_bytes(&event);
    out->lane = shard_map_lane_of_key(ingest->map, out->target.account);
    intake->lane_bytes[out->lane] += out->packed.len + LANE_EVENT_OVERHEAD;
    if (out->target.copy_profile && ingest->map->n_lanes > 1) {
        event.profile_only = true;
        out->packed_copy = pack(&event, &ingest->scratch);
        intake->copy_bytes += out->packed_copy.len + LANE_EVENT_OVERHEAD;
    }
    if (out->target.link.identity.len > 0)
        intake_pack_link(intake, &event, out);
}

// What the playbook's schemas say of an event that can be taken.
static void intake_judge_schema(struct intake *intake, const struct ingest_event *event,
                                struct intake_event *out, struct err_info *reason)
{
    struct ingest *ingest = intake->ingest;
    struct ingest_finding finding;
    const struct schemas *schemas = ingest->playbook == NULL ? NULL : ingest->playbook->schemas;
    if (ingest_fits_schema(schemas, event, &finding))
        return;
    struct ingest_finding *kept = arena_alloc(&ingest->scratch, sizeof *kept);
    *kept = finding;
    out->finding = kept;
    if (finding.refused) {
        out->refusal = INGEST_REFUSED_SCHEMA;
        *reason = finding.reason;
    }
}

// Whether the caller's key is for the account that the event turned out to be of.
static void intake_judge_access(const struct intake *intake, struct intake_event *out,
                                struct err_info *reason)
{
    struct span account = out->target.account;
    if (keys_allows(intake->request->key, ACCESS_ACCOUNTS, account))
        return;
    out->refusal = INGEST_REFUSED_ACCOUNT;
    (void)err_set(reason, ERR_INVALID, "account: the write key is not for \"" SPAN_FMT "\"",
                  SPAN_ARG(account));
}

// The first pass over one event.
static void intake_judge(struct intake *intake, uint32_t index)
{
    struct ingest *ingest = intake->ingest;
    const Assay__Ingest__V1__Event *in = intake->message->events[index];
    struct intake_event *out = &intake->events[index];
    struct ingest_event event;
    struct err_info reason = {{0}};
    codec_event_in(in, &ingest->scratch, &event);
    const struct ingest_rules rules = {
        (enum ingest_clock)ingest->config->clock,
        (enum ingest_accounts)ingest->config->accounts,
    };
    out->refusal =
        ingest_take(&event, &rules, intake->now_ms, &ingest->scratch, &out->target, &reason);
    if (out->refusal == INGEST_TAKEN)
        intake_judge_access(intake, out, &reason);
    if (out->refusal == INGEST_TAKEN)
        intake_judge_schema(intake, &event, out, &reason);
    if (out->refusal == INGEST_TAKEN)
        intake_pack(intake, in, out);
    else
        request_set_refused(intake->request, index, ingest_refusal_text(out->refusal), reason.text);
}

static const struct lane *find_full_lane(const struct intake *intake)
{
    const struct ingest *ingest = intake->ingest;
    for (uint32_t i = 0; i < ingest->map->n_lanes; i++) {
        size_t bytes = intake->lane_bytes[i] + intake->copy_bytes;
        if (bytes > 0 && !lane_has_room(ingest->lanes[i], bytes))
            return ingest->lanes[i];
    }
    return NULL;
}

// Counts and keeps what is wrong with an event, if anything is.
static void intake_tell(struct intake *intake, uint32_t index)
{
    struct ingest *ingest = intake->ingest;
    const struct intake_event *in = &intake->events[index];
    bool taken = in->refusal == INGEST_TAKEN, sampled = true;
    const Assay__Ingest__V1__Event *event = intake->message->events[index];
    if (in->finding != NULL)
        sampled =
            schema_counts_add(ingest->schemas, span_of(event->name), in->finding, intake->now_ms);
    if (taken && (in->finding == NULL || !sampled))
        return;
    struct refusal refusal = {
        .event = event,
        .call = rpc_incoming(intake->request->closure_data),
        .source = intake->request->source,
        .rule = taken ? INGEST_REFUSED_SCHEMA : in->refusal,
        .observed = taken,
        .reason = taken ? in->finding->reason.text : intake->request->reasons[index],
        .now_ms = intake->now_ms,
    };
    refusals_take(ingest, &refusal);
}

static void intake_append(struct intake *intake, uint32_t index)
{
    struct ingest *ingest = intake->ingest;
    const struct intake_event *in = &intake->events[index];
    struct lane_event event = {
        .packed = in->packed,
        .unpacked_bytes = in->unpacked_bytes,
        .request = intake->request,
        .index = index,
    };
    intake_tell(intake, index);
    if (in->refusal != INGEST_TAKEN)
        return;
    lane_append(ingest->lanes[in->lane], &event);
    event.copy = true;
    if (in->packed_link.len > 0) {
        struct lane_event link = event;
        link.packed = in->packed_link;
        link.unpacked_bytes = in->link_unpacked_bytes;
        lane_append(ingest->lanes[in->link_lane], &link);
    }
    if (in->packed_copy.len == 0)
        return;
    event.packed = in->packed_copy;
    for (uint32_t i = 0; i < ingest->map->n_lanes; i++) {
        if (i != in->lane)
            lane_append(ingest->lanes[i], &event);
    }
}

// The second pass. Nothing is sent before the last event is appended, so that the request cannot be
// over before.
static void intake_append_all(struct intake *intake)
{
    struct ingest *ingest = intake->ingest;
    struct request *request = intake->request;
    uint32_t n = request->n_events;
    for (uint32_t i = 0; i < n; i++)
        intake_append(intake, i);
    request_look_done(request);
    for (uint32_t i = 0; i < ingest->map->n_lanes; i++) {
        if (intake->lane_bytes[i] + intake->copy_bytes > 0)
            lane_flush(ingest->lanes[i]);
    }
}

bool intake_take(struct ingest *ingest, struct request *request)
{
    struct arena *scratch = &ingest->scratch;
    uint32_t n = request->n_events;
    struct intake intake = {
        .ingest = ingest,
        .request = request,
        .message = request->message,
        .now_ms = clock_wall_ms(),
    };
    arena_reset(scratch);
    intake.events = arena_alloc(scratch, n * sizeof *intake.events);
    intake.lane_bytes = arena_alloc(scratch, ingest->map->n_lanes * sizeof *intake.lane_bytes);
    request_begin(request);
    for (uint32_t i = 0; i < n; i++)
        intake_judge(&intake, i);
    const struct lane *full = find_full_lane(&intake);
    if (full != NULL) {
        char text[160];
        request_refuse(request, RPC_RESOURCE_EXHAUSTED, "%s", lane_describe_behind(full, text));
        return false;
    }
    request_open(request);
    intake_append_all(&intake);
    return true;
}

// ---- The method ---------------------------------------------------------------------------------

// What is wrong with the request as a whole, or NULL.
static const char *find_mistake(const Assay__Ingest__V1__IngestRequest *message,
                                struct arena *arena)
{
    size_t sender_bytes = strlen(message->sender);
    if (message->n_events > INGEST_REQUEST_EVENTS_MAX)
        return arena_printf(arena, "events: %zu, at most %d", message->n_events,
                            INGEST_REQUEST_EVENTS_MAX);
    if (sender_bytes > INGEST_SENDER_BYTES_MAX)
        return arena_printf(arena, "sender: %zu bytes, at most %d", sender_bytes,
                            INGEST_SENDER_BYTES_MAX);
    if (sender_bytes > 0 && (message->sequence == 0 || message->sequence == UINT64_MAX))
        return "sequence: expected 1 or more with a sender";
    if (sender_bytes > 0 && (message->oldest_open == 0 || message->oldest_open > message->sequence))
        return arena_printf(arena, "oldest_open: expected 1 to sequence (%llu), got %llu",
                            (unsigned long long)message->sequence,
                            (unsigned long long)message->oldest_open);
    return NULL;
}

void intake_ingest(Assay__Ingest__V1__IngestService_Service *service,
                   const Assay__Ingest__V1__IngestRequest *message,
                   Assay__Ingest__V1__IngestResponse_Closure closure, void *closure_data)
{
    struct ingest *ingest = CONTAINER_OF(service, struct ingest, methods);
    if (ingest->closing) {
        rpc_fail(closure_data, RPC_UNAVAILABLE, "shutting down");
        return;
    }
    const char *mistake = find_mistake(message, rpc_incoming_arena(rpc_incoming(closure_data)));
    if (mistake != NULL) {
        rpc_fail(closure_data, RPC_INVALID_ARGUMENT, "%s", mistake);
        return;
    }
    struct request *request = request_create(ingest, message, closure, closure_data);
    if (message->sender[0] == '\0')
        (void)intake_take(ingest, request);
    else
        senders_offer(&ingest->senders, span_of(message->sender), message->oldest_open, request);
}
