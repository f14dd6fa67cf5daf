// SPDX-License-Identifier: Apache-2.0
// Moves from one scorer's lane to another's. Ingest knows who owns a lane, so they pass through
// here, as they are: their numbers are the sending lane's, which sends them again until it is told
// that they are durable, and the receiving lane leaves out what it has. They do not stand in line
// with events: a lane that takes no events for a while, because its own moves wait, still takes
// moves, so that two lanes never wait for each other.
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/log/log.h"
#include "services/ingest/ingest_impl.h"

#define LOG_COMPONENT "carry"

enum { CARRY_MOVES_MAX = 10000 };

static const char APPLY_METHOD[] = "assay.scorer.v1.ScorerService/Apply";

// Outlives its call: the scorer's answer comes in any case.
struct carry {
    struct ingest *ingest;
    uint32_t to_lane;
    Assay__Ingest__V1__CarryResponse_Closure closure; // NULL: the caller has gone
    void *closure_data;
};

static void carry_cancelled_cb(void *arg)
{
    struct carry *carry = arg;
    carry->closure = NULL;
    rpc_fail(carry->closure_data, RPC_DEADLINE_EXCEEDED, "the caller has gone");
}

static void carry_fail(struct carry *carry, enum rpc_status status, const char *text)
{
    if (carry->closure != NULL)
        rpc_fail(carry->closure_data, status, "lane %u: %s", carry->to_lane, text);
    carry->closure = NULL;
}

static void carry_read_answer(struct carry *carry, struct span bytes)
{
    struct arena arena;
    struct err_info info;
    ProtobufCMessage *base;
    arena_init(&arena, 1024, 0);
    enum err err =
        rpc_unpack(&assay__scorer__v1__apply_response__descriptor, bytes, &arena, &base, &info);
    const Assay__Scorer__V1__ApplyResponse *answer = (Assay__Scorer__V1__ApplyResponse *)base;
    if (err != ERR_OK) {
        carry_fail(carry, RPC_INTERNAL, info.text);
    } else if (answer->outcome == ASSAY__SCORER__V1__APPLY_OUTCOME__APPLY_OUTCOME_APPLIED ||
               answer->outcome == ASSAY__SCORER__V1__APPLY_OUTCOME__APPLY_OUTCOME_REPEATED) {
        Assay__Ingest__V1__CarryResponse response = ASSAY__INGEST__V1__CARRY_RESPONSE__INIT;
        if (carry->closure != NULL)
            carry->closure(&response, carry->closure_data);
    } else {
        if (answer->outcome == ASSAY__SCORER__V1__APPLY_OUTCOME__APPLY_OUTCOME_WRONG_LANE)
            ingest_want_reload(carry->ingest);
        carry_fail(carry, RPC_UNAVAILABLE, "its owner does not take the moves");
    }
    arena_deinit(&arena);
}

static void carry_answered_cb(void *arg, enum rpc_status status, const char *text,
                              struct span answer)
{
    struct carry *carry = arg;
    if (status == RPC_OK)
        carry_read_answer(carry, answer);
    else
        carry_fail(carry, status, text);
    mem_free(carry);
}

// What is wrong with the request, or NULL. A lane of another map is not wrong, but not here either.
static const char *carry_mistake(const struct ingest *ingest,
                                 const Assay__Ingest__V1__CarryRequest *message)
{
    if (message->n_moves == 0 || message->n_moves > CARRY_MOVES_MAX)
        return "moves: expected 1 to 10000";
    if (message->to_lane >= ingest->map->n_lanes)
        return "to_lane: the shard map has no such lane";
    for (size_t i = 0; i < message->n_moves; i++) {
        struct span account = span_of(message->moves[i]->account_id);
        if (shard_map_lane_of_key(ingest->map, account) != message->to_lane)
            return "moves: the account of one belongs to another lane";
    }
    return NULL;
}

void carry_moves(Assay__Ingest__V1__IngestService_Service *service,
                 const Assay__Ingest__V1__CarryRequest *message,
                 Assay__Ingest__V1__CarryResponse_Closure closure, void *closure_data)
{
    struct ingest *ingest = CONTAINER_OF(service, struct ingest, methods);
    if (ingest->closing) {
        rpc_fail(closure_data, RPC_UNAVAILABLE, "shutting down");
        return;
    }
    const char *mistake = carry_mistake(ingest, message);
    if (mistake != NULL) {
        rpc_fail(closure_data, RPC_INVALID_ARGUMENT, "%s", mistake);
        return;
    }
    Assay__Scorer__V1__ApplyRequest out = ASSAY__SCORER__V1__APPLY_REQUEST__INIT;
    out.lane = message->to_lane;
    out.map_version = ingest->map->version;
    out.received_at_ms = clock_wall_ms();
    out.from_lane = message->from_lane;
    out.n_moves = message->n_moves;
    out.moves = message->moves;
    struct buf body = {0};
    size_t n = assay__scorer__v1__apply_request__get_packed_size(&out);
    assay__scorer__v1__apply_request__pack(&out, buf_reserve(&body, n));
    body.len = n;
    struct carry *carry = mem_zalloc(sizeof *carry);
    *carry = (struct carry){ingest, message->to_lane, closure, closure_data};
    struct rpc_incoming *call = rpc_incoming(closure_data);
    rpc_incoming_on_cancel(call, carry_cancelled_cb, carry);
    struct rpc_call_opts opts = {.timeout_ms = ingest->config->apply_timeout_ms};
    const struct peer *peer =
        ingest_find_peer(ingest, ingest->map->lanes[message->to_lane].address);
    metrics_add(&ingest->metrics.moves, message->n_moves);
    rpc_call_raw(peer->client, APPLY_METHOD, buf_span(&body), &opts, carry_answered_cb, carry);
    buf_deinit(&body);
}
