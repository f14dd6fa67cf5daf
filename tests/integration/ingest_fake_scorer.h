// SPDX-License-Identifier: Apache-2.0
// A scorer that keeps the rules of numbered batches and misbehaves on purpose: it loses requests
// and answers, delays and reorders them, is away for a while, forgets, refuses. What it applied is
// kept for the test to look at. It checks by itself that a number never comes with other bytes than
// before.
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assay/scorer/v1/scorer.pb-c.h"
#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/loop/loop.h"
#include "common/rpc/rpc.h"

#define EXPECT(cond)                                                                               \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: expected %s\n", __FILE__, __LINE__, #cond);                    \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

enum { FAKE_LANES_MAX = 4, FAKE_SOURCES_MAX = 64, FAKE_HELD_MAX = 256, FAKE_NUMBERS_MAX = 4096 };

struct fake_event {
    char message_id[48];
    char account[48];
    char user[48];
    bool profile_only;
    bool link_only;
    char identity[48];
    bool again; // the id was seen before in this lane
};

struct fake_move {
    uint32_t from_lane;
    uint64_t position, index;
    char account[48];
};

struct fake_source {
    uint64_t source;
    uint64_t last;
    uint64_t hashes[FAKE_NUMBERS_MAX]; // of each number's bytes
};

struct fake_lane {
    struct fake_source sources[FAKE_SOURCES_MAX];
    size_t n_sources;
    struct fake_event *events; // in order of application
    size_t n_events, cap_events;
    struct fake_move *moves; // as they came
    size_t n_moves, cap_moves;
};

struct fake_scorer {
    struct loop *loop;
    struct rpc_server *server;
    struct mailbox *mailbox;
    struct loop_timer *tick;
    struct fake_lane lanes[FAKE_LANES_MAX];
    struct rpc_request *held[FAKE_HELD_MAX];
    size_t n_held;
    uint64_t random;
    // What it does wrong, in percent of requests.
    unsigned lose, lose_answer, delay, busy;
    bool hold;          // answers nothing until told
    bool away;          // UNAVAILABLE to everything
    bool forget;        // the next batch finds nothing of its source
    bool wrong_lane;    // says so to everything
    bool internal;      // INTERNAL to the batch with the poison, instead of INVALID_ARGUMENT
    const char *poison; // a message id that it refuses
    unsigned n_requests, n_out_of_order, n_repeated, n_empty, n_poisoned;
    bool closed;
};

static inline uint64_t fake_random(struct fake_scorer *fake)
{
    fake->random ^= fake->random << 13;
    fake->random ^= fake->random >> 7;
    fake->random ^= fake->random << 17;
    return fake->random;
}

static inline bool fake_chance(struct fake_scorer *fake, unsigned percent)
{
    return fake_random(fake) % 100 < percent;
}

static inline struct fake_source *fake_source(struct fake_lane *lane, uint64_t source)
{
    for (size_t i = 0; i < lane->n_sources; i++) {
        if (lane->sources[i].source == source)
            return &lane->sources[i];
    }
    EXPECT(lane->n_sources < FAKE_SOURCES_MAX);
    struct fake_source *out = &lane->sources[lane->n_sources++];
    *out = (struct fake_source){.source = source};
    return out;
}

static inline const struct fake_event *fake_find(const struct fake_lane *lane, const char *id)
{
    for (size_t i = 0; i < lane->n_events; i++) {
        if (strcmp(lane->events[i].message_id, id) == 0 && !lane->events[i].link_only)
            return &lane->events[i];
    }
    return NULL;
}

// Whether an id is there. Looking through all is fine for what tests send, but not twice for each.
static inline bool fake_apply_event(struct fake_lane *lane, const Assay__Scorer__V1__Event *in)
{
    MEM_GROW(lane->events, lane->n_events, lane->cap_events);
    struct fake_event event = {.profile_only = in->profile_only, .link_only = in->link_only};
    snprintf(event.identity, sizeof event.identity, "%s", in->identity);
    snprintf(event.message_id, sizeof event.message_id, "%s", in->message_id);
    snprintf(event.account, sizeof event.account, "%s", in->account_id);
    snprintf(event.user, sizeof event.user, "%s", in->user_id);
    event.again = !in->link_only && fake_find(lane, in->message_id) != NULL;
    lane->events[lane->n_events++] = event;
    return event.again;
}

static inline bool fake_is_poisoned(const struct fake_scorer *fake,
                                    const Assay__Scorer__V1__ApplyRequest *batch)
{
    for (size_t i = 0; fake->poison != NULL && i < batch->n_events; i++) {
        if (strcmp(batch->events[i]->message_id, fake->poison) == 0)
            return true;
    }
    return false;
}

// The rule of numbers, and the bytes of each.
static inline void fake_judge(struct fake_scorer *fake, struct span body,
                              const Assay__Scorer__V1__ApplyRequest *batch,
                              Assay__Scorer__V1__ApplyResponse *out)
{
    EXPECT(batch->lane < FAKE_LANES_MAX && batch->source != 0 && batch->number != 0);
    EXPECT(batch->number < FAKE_NUMBERS_MAX);
    int64_t age_ms = clock_wall_ms() - batch->received_at_ms;
    EXPECT(age_ms > -600000 && age_ms < 600000); // by the wall clock, whatever the events say
    struct fake_lane *lane = &fake->lanes[batch->lane];
    struct fake_source *source = fake_source(lane, batch->source);
    uint64_t hash = hash64(body);
    if (batch->n_events == 0)
        fake->n_empty++;
    EXPECT(source->hashes[batch->number] == 0 || source->hashes[batch->number] == hash ||
           batch->n_events == 0);
    source->hashes[batch->number] = hash;
    if (fake->forget) {
        fake->forget = false;
        source->last = 0;
        memset(source->hashes, 0, sizeof source->hashes);
    }
    if (batch->number <= source->last) {
        fake->n_repeated++;
        out->outcome = ASSAY__SCORER__V1__APPLY_OUTCOME__APPLY_OUTCOME_REPEATED;
        return;
    }
    if (batch->number > source->last + 1) {
        fake->n_out_of_order++;
        out->outcome = ASSAY__SCORER__V1__APPLY_OUTCOME__APPLY_OUTCOME_OUT_OF_ORDER;
        out->expected = source->last + 1;
        return;
    }
    source->last = batch->number;
    out->outcome = ASSAY__SCORER__V1__APPLY_OUTCOME__APPLY_OUTCOME_APPLIED;
    out->duplicates = mem_zalloc((batch->n_events + 1) * sizeof *out->duplicates);
    for (size_t i = 0; i < batch->n_events; i++) {
        if (fake_apply_event(lane, batch->events[i]))
            out->duplicates[out->n_duplicates++] = (uint32_t)i;
    }
}

static inline void fake_take_moves(struct fake_scorer *fake,
                                   const Assay__Scorer__V1__ApplyRequest *batch)
{
    EXPECT(batch->lane < FAKE_LANES_MAX && batch->number == 0 && batch->n_events == 0);
    int64_t age_ms = clock_wall_ms() - batch->received_at_ms;
    EXPECT(age_ms > -600000 && age_ms < 600000);
    struct fake_lane *lane = &fake->lanes[batch->lane];
    for (size_t i = 0; i < batch->n_moves; i++) {
        const Assay__Scorer__V1__Move *in = batch->moves[i];
        MEM_GROW(lane->moves, lane->n_moves, lane->cap_moves);
        struct fake_move *out = &lane->moves[lane->n_moves++];
        *out = (struct fake_move){batch->from_lane, in->position, in->index, ""};
        snprintf(out->account, sizeof out->account, "%s", in->account_id);
    }
}

static inline void fake_serve(struct fake_scorer *fake, struct rpc_request *request)
{
    struct span body = rpc_request_body(request);
    Assay__Scorer__V1__ApplyRequest *batch =
        assay__scorer__v1__apply_request__unpack(NULL, body.len, body.ptr);
    EXPECT(batch != NULL);
    Assay__Scorer__V1__ApplyResponse response = ASSAY__SCORER__V1__APPLY_RESPONSE__INIT;
    if (fake->away || fake_chance(fake, fake->lose)) {
        rpc_request_fail(request, RPC_UNAVAILABLE, "lost");
    } else if (fake_chance(fake, fake->busy)) {
        rpc_request_fail(request, RPC_RESOURCE_EXHAUSTED, "busy");
    } else if (fake->wrong_lane) {
        response.outcome = ASSAY__SCORER__V1__APPLY_OUTCOME__APPLY_OUTCOME_WRONG_LANE;
        rpc_request_answer_message(request, &response.base);
    } else if (fake_is_poisoned(fake, batch)) {
        fake->n_poisoned++;
        rpc_request_fail(request, fake->internal ? RPC_INTERNAL : RPC_INVALID_ARGUMENT, "poison");
    } else if (batch->source == 0) {
        fake_take_moves(fake, batch);
        response.outcome = ASSAY__SCORER__V1__APPLY_OUTCOME__APPLY_OUTCOME_APPLIED;
        rpc_request_answer_message(request, &response.base);
    } else {
        fake_judge(fake, body, batch, &response);
        if (fake_chance(fake, fake->lose_answer))
            rpc_request_fail(request, RPC_UNAVAILABLE, "the answer is lost");
        else
            rpc_request_answer_message(request, &response.base);
        mem_free(response.duplicates);
    }
    assay__scorer__v1__apply_request__free_unpacked(batch, NULL);
}

// Any one of those held.
static inline void fake_serve_one(struct fake_scorer *fake)
{
    size_t i = fake_random(fake) % fake->n_held;
    struct rpc_request *request = fake->held[i];
    fake->held[i] = fake->held[--fake->n_held];
    fake_serve(fake, request);
}

static inline void fake_release(struct fake_scorer *fake)
{
    fake->hold = false;
    while (fake->n_held > 0)
        fake_serve_one(fake);
}

static inline void fake_tick_cb(void *arg)
{
    struct fake_scorer *fake = arg;
    for (size_t n = fake->n_held / 2 + 1; n > 0 && fake->n_held > 0 && !fake->hold; n--)
        fake_serve_one(fake);
}

static inline void fake_mail_cb(void *arg, void *item)
{
    struct fake_scorer *fake = arg;
    fake->n_requests++;
    if (fake->hold || fake_chance(fake, fake->delay)) {
        EXPECT(fake->n_held < FAKE_HELD_MAX);
        fake->held[fake->n_held++] = item;
    } else {
        fake_serve(fake, item);
    }
}

static inline void fake_apply_on_nng(void *arg, struct rpc_request *request)
{
    struct fake_scorer *fake = arg;
    EXPECT(mailbox_post(fake->mailbox, request) == ERR_OK);
}

static inline struct fake_scorer *fake_create(struct loop *loop, const char *url, uint64_t seed)
{
    struct fake_scorer *fake = mem_zalloc(sizeof *fake);
    struct rpc_server_opts opts = {.url = url, .calls_max = FAKE_HELD_MAX};
    struct err_info info;
    fake->loop = loop;
    fake->random = seed * 0x9E3779B97F4A7C15u + 1;
    fake->mailbox = mailbox_create(loop, FAKE_HELD_MAX, fake_mail_cb, fake);
    fake->tick = loop_timer_create(loop, fake_tick_cb, fake);
    loop_timer_start(fake->tick, 1, 1);
    EXPECT(rpc_server_open(loop, &opts, &fake->server, &info) == ERR_OK);
    rpc_server_add_raw(fake->server, "assay.scorer.v1.ScorerService/Apply", fake_apply_on_nng,
                       fake);
    rpc_server_start(fake->server);
    return fake;
}

static inline void fake_closed_cb(void *arg)
{
    struct fake_scorer *fake = arg;
    mailbox_destroy(fake->mailbox);
    loop_timer_destroy(fake->tick);
    fake->closed = true;
}

static inline void fake_close(struct fake_scorer *fake)
{
    fake->lose = fake->lose_answer = fake->delay = fake->busy = 0;
    fake_release(fake);
    rpc_server_close(fake->server, 0, fake_closed_cb, fake);
}

static inline void fake_destroy(struct fake_scorer *fake)
{
    EXPECT(fake->closed);
    for (size_t i = 0; i < FAKE_LANES_MAX; i++) {
        mem_free(fake->lanes[i].events);
        mem_free(fake->lanes[i].moves);
    }
    mem_free(fake);
}
