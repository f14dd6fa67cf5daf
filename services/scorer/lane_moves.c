// SPDX-License-Identifier: Apache-2.0
// Moves on their way from this lane's accounts to those of other lanes, and of this one. For each
// receiving lane there is an outbox and one request at a time:
//
//   core's moves ──► outbox of the lane ──► request ──► loop ──► ingest ──► receiver's journal
//                          ▲                                                       │
//                          └────────────── confirmed, the next request ◄───────────┘
//
// A move is in the outbox until the receiver has it in its journal, and in the store before any row
// that makes replay skip the record that made it. A request that fails is sent again after a pause,
// as it is: the receiver knows each move by its number, which is the place in this lane's journal,
// and leaves out what it has. So each arrives once and in order, whatever ends in between. Moves to
// this lane take the same way but for the network: they are a record of its journal like any
// other's, so that replay finds them where they were.
#include "assay/ingest/v1/ingest.pb-c.h"
#include "assay/scorer/v1/scorer.pb-c.h"
#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/log/log.h"
#include "services/scorer/lane_impl.h"
#include "services/scorer/moves_codec.h"

#define LOG_COMPONENT "lane"

enum {
    CARRY_MOVES_MAX = 500, // in one request
    CARRY_BYTES_MAX = 1024 * 1024,
    CARRY_TIMEOUT_MS = 10000,
    CARRY_RETRY_MS = 200,
    FIELD_CARRY_MOVES = 3, // of CarryRequest
    FIELD_APPLY_MOVES = 7, // of ApplyRequest
};

static const char CARRY_METHOD[] = "assay.ingest.v1.IngestService/Carry";

// One request; built on the fold's thread, sent on the loop.
struct lane_carry {
    struct lane *lane;
    struct lane_carry *next; // while it waits to be sent again
    uint32_t to_lane;
    uint64_t position, index; // of the last move in it
    struct buf body;
    struct rpc_trace trace; // of the first move that has one; no request id: none
    size_t ingest;          // the address that is tried
};

void lane_moves_open(struct lane *lane)
{
    lane->n_ways = lane->opts.map->n_lanes;
    lane->ways = mem_zalloc(lane->n_ways * sizeof *lane->ways);
    for (size_t i = 0; i < lane->n_ways; i++)
        lane->ways[i].outbox = outbox_create();
}

void lane_moves_close(struct lane *lane)
{
    struct lane_carry *next;
    for (struct lane_carry *carry = lane->carries; carry != NULL; carry = next) {
        next = carry->next;
        lane_carry_free(carry);
    }
    for (size_t i = 0; i < lane->n_ways; i++)
        outbox_destroy(lane->ways[i].outbox);
    mem_free(lane->ways);
}

static struct outbox *lane_way_of(struct lane *lane, struct span account)
{
    return lane->ways[shard_map_lane_of_key(lane->opts.map, account)].outbox;
}

size_t lane_moves_waiting(const struct lane *lane)
{
    size_t n = 0;
    for (size_t i = 0; i < lane->n_ways; i++)
        n += outbox_waiting(lane->ways[i].outbox);
    return n;
}

void lane_moves_add(struct lane *lane, uint64_t position, const struct move *move,
                    int64_t known_at_ms, const struct rpc_trace *trace)
{
    Assay__Scorer__V1__Move message = ASSAY__SCORER__V1__MOVE__INIT;
    message.position = position;
    message.index = move->index;
    message.known_at_ms = known_at_ms;
    message.account_id = arena_dup(&lane->arena, move->node);
    buf_clear(&lane->scratch);
    moves_pack(lane->core, move, &lane->scratch);
    message.body.data = lane->scratch.bytes;
    message.body.len = lane->scratch.len;
    size_t n = assay__scorer__v1__move__get_packed_size(&message);
    uint8_t *bytes = arena_alloc(&lane->arena, n);
    assay__scorer__v1__move__pack(&message, bytes);
    outbox_add(lane_way_of(lane, move->node), position, move->index, span_make(bytes, n), trace);
    metrics_add(&lane->metrics.moves_out, 1);
}

enum err lane_moves_load(struct lane *lane, struct span key, struct span value,
                         struct err_info *info)
{
    Assay__Scorer__V1__Move *move = assay__scorer__v1__move__unpack(NULL, value.len, value.ptr);
    if (move == NULL)
        return err_set(info, ERR_CORRUPT, "the row of a move cannot be read");
    enum err err = outbox_load(lane_way_of(lane, span_of(move->account_id)), key, value, info);
    assay__scorer__v1__move__free_unpacked(move, NULL);
    return err;
}

void lane_moves_settle(struct lane *lane)
{
    // What was confirmed but is here again, the receiver leaves out.
    for (size_t i = 0; i < lane->n_ways; i++)
        outbox_settle(lane->ways[i].outbox, 0, 0);
}

void lane_moves_collect(struct lane *lane, struct fold_rows *rows)
{
    for (size_t i = 0; i < lane->n_ways; i++)
        outbox_collect(lane->ways[i].outbox, ROWS_MOVES, rows);
}

// ---- Sending ------------------------------------------------------------------------------------

void lane_carry_free(struct lane_carry *carry)
{
    buf_deinit(&carry->body);
    mem_free(carry);
}

static void carry_begin_body(struct lane_carry *carry, bool own)
{
    const struct lane *lane = carry->lane;
    Assay__Ingest__V1__CarryRequest request = ASSAY__INGEST__V1__CARRY_REQUEST__INIT;
    Assay__Scorer__V1__ApplyRequest record = ASSAY__SCORER__V1__APPLY_REQUEST__INIT;
    request.from_lane = record.from_lane = record.lane = lane->opts.number;
    request.to_lane = carry->to_lane;
    record.received_at_ms = clock_wall_ms();
    const ProtobufCMessage *head = own ? &record.base : &request.base;
    size_t n = protobuf_c_message_get_packed_size(head);
    protobuf_c_message_pack(head, buf_reserve(&carry->body, n));
    carry->body.len += n;
}

// The first moves that wait for a lane, on their way.
static void lane_carry_next(struct lane *lane, uint32_t to_lane)
{
    struct lane_way *way = &lane->ways[to_lane];
    if (way->busy || outbox_waiting(way->outbox) == 0)
        return;
    bool own = to_lane == lane->opts.number;
    struct lane_carry *carry = mem_zalloc(sizeof *carry);
    carry->lane = lane;
    carry->to_lane = to_lane;
    carry_begin_body(carry, own);
    size_t n =
        outbox_append(way->outbox, own ? FIELD_APPLY_MOVES : FIELD_CARRY_MOVES, CARRY_MOVES_MAX,
                      CARRY_BYTES_MAX, &carry->body, &carry->position, &carry->index);
    const struct rpc_trace *trace = outbox_trace(way->outbox, n);
    if (trace != NULL)
        rpc_trace_child(&carry->trace, trace);
    way->busy = true;
    lane_post_carry(lane, carry);
}

void lane_moves_next(struct lane *lane)
{
    for (uint32_t i = 0; i < lane->n_ways; i++)
        lane_carry_next(lane, i);
}

void lane_moves_confirmed(struct lane *lane, uint32_t to_lane, uint64_t position, uint64_t index)
{
    CHECK(to_lane < lane->n_ways);
    lane->ways[to_lane].busy = false;
    outbox_confirm(lane->ways[to_lane].outbox, position, index);
}

// ---- On the loop --------------------------------------------------------------------------------

void lane_carry_retry_cb(void *arg)
{
    struct lane *lane = arg;
    struct lane_carry *next, *carry = lane->carries;
    lane->carries = NULL;
    for (; carry != NULL; carry = next) {
        next = carry->next;
        lane_carry_send(carry);
    }
}

void lane_carry_later(struct lane_carry *carry)
{
    struct lane *lane = carry->lane;
    if (!lane_is_open(lane)) {
        lane_carry_free(carry); // what it holds is in the last checkpoint
        return;
    }
    carry->next = lane->carries;
    lane->carries = carry;
    loop_timer_start(lane->carry_retry, CARRY_RETRY_MS, 0);
}

// The receiver has it. If the queue is full the receiver will say it again.
static void carry_confirm(struct lane_carry *carry)
{
    struct control_item *item = mem_zalloc(sizeof *item);
    item->confirm_moves = true;
    item->to_lane = carry->to_lane;
    item->position = carry->position;
    item->index = carry->index;
    if (lane_offer(carry->lane, &item->fold) == ERR_OK) {
        lane_carry_free(carry);
        return;
    }
    control_item_destroy(item);
    lane_carry_later(carry);
}

static void carry_answered_cb(void *arg, enum rpc_status status, const char *text,
                              struct span answer)
{
    struct lane_carry *carry = arg;
    (void)answer;
    if (status == RPC_OK) {
        carry_confirm(carry);
        return;
    }
    if (lane_is_open(carry->lane))
        LOG_WARN("moves_not_taken", "lane=%u to=%u status=%s msg=\"%s\"", carry->lane->opts.number,
                 carry->to_lane, rpc_status_name(status), text);
    carry->ingest++;
    lane_carry_later(carry);
}

static struct rpc_client *carry_client(const struct lane_carry *carry)
{
    const struct lane_opts *opts = &carry->lane->opts;
    for (size_t i = 0; i < opts->n_ingests; i++) {
        struct rpc_client *client = opts->ingests[(carry->ingest + i) % opts->n_ingests];
        if (rpc_client_connected(client))
            return client;
    }
    return NULL;
}

// To the lane itself: a record of its own journal.
static void carry_send_home(struct lane_carry *carry)
{
    struct batch_item *item = batch_item_create_own(carry);
    if (item == NULL || lane_offer(carry->lane, &item->fold) == ERR_OK)
        return;
    batch_item_destroy(item);
    lane_carry_later(carry);
}

void lane_carry_send(struct lane_carry *carry)
{
    struct lane *lane = carry->lane;
    if (!lane_is_open(lane)) {
        lane_carry_free(carry);
        return;
    }
    if (carry->to_lane == lane->opts.number) {
        carry_send_home(carry);
        return;
    }
    struct rpc_client *client = carry_client(carry);
    if (client == NULL) {
        lane_carry_later(carry);
        return;
    }
    struct rpc_call_opts opts = {.timeout_ms = CARRY_TIMEOUT_MS, .trace = lane_carry_trace(carry)};
    rpc_call_raw(client, CARRY_METHOD, buf_span(&carry->body), &opts, carry_answered_cb, carry);
}

struct span lane_carry_body(const struct lane_carry *carry)
{
    return buf_span(&carry->body);
}

const struct rpc_trace *lane_carry_trace(const struct lane_carry *carry)
{
    return lane_trace(&carry->trace);
}

void lane_carry_home_done(struct lane_carry *carry, enum err err)
{
    struct lane *lane = carry->lane;
    if (err != ERR_OK) {
        lane_post_carry(lane, carry); // tried again on the loop
        return;
    }
    lane_moves_confirmed(lane, carry->to_lane, carry->position, carry->index);
    lane_carry_free(carry);
}
