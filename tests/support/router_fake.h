// SPDX-License-Identifier: Apache-2.0
// A router for tests of the scorer: serves ApplySignals on the test's own loop, takes each lane's
// signals once, in order of their number, and keeps them as lines of text. It can refuse, answer
// late, take signals and lose the answer, and restart, at random. Header only.
#pragma once

#include <stdio.h>

#include "assay/router/v1/router.pb-c.h"
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/loop/loop.h"
#include "common/rpc/rpc.h"
#include "tests/support/random.h"

enum { ROUTER_FAKE_LANES = 4, ROUTER_FAKE_HELD = 64 };

struct router_fake_signal {
    uint64_t position, index;
    char *text; // everything but the number
};

struct router_fake_lane {
    uint64_t position, index; // the last number taken
    struct router_fake_signal *signals;
    size_t n, cap;
};

struct router_fake_held {
    Assay__Router__V1__ApplySignalsResponse_Closure closure;
    void *closure_data;
    uint64_t position, index;
    int64_t due_ms;
};

struct router_fake {
    Assay__Router__V1__RouterService_Service service; // first: a handler finds the rest by it
    struct loop *loop;
    char url[200];
    struct rpc_server *server;
    bool closing;
    struct loop_timer *timer;
    struct router_fake_lane lanes[ROUTER_FAKE_LANES];
    struct router_fake_held held[ROUTER_FAKE_HELD];
    size_t n_held;
    // In percent of calls.
    uint64_t refuse, late, lose;
    int64_t late_ms_max;
    struct test_random random;
    size_t n_calls, n_refused, n_late, n_lost, n_repeated, n_signals_max;
    size_t n_split;         // calls that began within an event
    struct rpc_trace trace; // of the last call; made by the server when it came without
};

static inline int router_fake_cmp(uint64_t ap, uint64_t ai, uint64_t bp, uint64_t bi)
{
    if (ap != bp)
        return ap < bp ? -1 : 1;
    return (ai > bi) - (ai < bi);
}

static inline char *router_fake_text(const Assay__Router__V1__Signal *s)
{
    struct buf out = {0};
    buf_printf(&out, "%s=%d account=%s user=%s at=%lld known=%lld event=%s playbook=%s", s->name,
               s->value, s->account_id, s->user_id, (long long)s->at_ms, (long long)s->known_at_ms,
               s->event_id, s->playbook);
    for (size_t i = 0; i < s->n_evidence; i++)
        buf_printf(&out, " [%s: %s of %s since %lld]", s->evidence[i]->condition,
                   s->evidence[i]->value, s->evidence[i]->threshold,
                   (long long)s->evidence[i]->since_ms);
    if (s->label[0] != '\0')
        buf_printf(&out, " label=%s", s->label);
    buf_append_u8(&out, 0);
    return (char *)out.bytes;
}

static inline void router_fake_take(struct router_fake *fake, struct router_fake_lane *lane,
                                    const Assay__Router__V1__ApplySignalsRequest *request)
{
    for (size_t i = 0; i < request->n_signals; i++) {
        const Assay__Router__V1__Signal *s = request->signals[i];
        CHECK(s->position > 0);
        if (i > 0) {
            const Assay__Router__V1__Signal *before = request->signals[i - 1];
            CHECK(router_fake_cmp(before->position, before->index, s->position, s->index) < 0);
        }
        if (router_fake_cmp(s->position, s->index, lane->position, lane->index) <= 0) {
            fake->n_repeated++;
            continue;
        }
        fake->n_split +=
            i == 0 && lane->position == s->position && lane->index >> 32 == s->index >> 32;
        MEM_GROW(lane->signals, lane->n, lane->cap);
        lane->signals[lane->n++] =
            (struct router_fake_signal){s->position, s->index, router_fake_text(s)};
        lane->position = s->position;
        lane->index = s->index;
    }
}

static inline void router_fake_answer(const struct router_fake_held *held)
{
    Assay__Router__V1__ApplySignalsResponse response =
        ASSAY__ROUTER__V1__APPLY_SIGNALS_RESPONSE__INIT;
    response.position = held->position;
    response.index = held->index;
    held->closure(&response, held->closure_data);
}

static inline void router_fake_timer_cb(void *arg)
{
    struct router_fake *fake = arg;
    size_t kept = 0;
    for (size_t i = 0; i < fake->n_held; i++) {
        if (fake->held[i].due_ms > loop_now_ms(fake->loop))
            fake->held[kept++] = fake->held[i];
        else
            router_fake_answer(&fake->held[i]);
    }
    fake->n_held = kept;
}

static inline bool router_fake_chance(struct router_fake *fake, uint64_t percent)
{
    return percent > 0 && test_random_below(&fake->random, 100) < percent;
}

static inline void router_fake_apply(Assay__Router__V1__RouterService_Service *service,
                                     const Assay__Router__V1__ApplySignalsRequest *request,
                                     Assay__Router__V1__ApplySignalsResponse_Closure closure,
                                     void *closure_data)
{
    struct router_fake *fake = (struct router_fake *)service;
    CHECK(request->lane < ROUTER_FAKE_LANES && request->n_signals > 0);
    struct router_fake_lane *lane = &fake->lanes[request->lane];
    fake->n_calls++;
    fake->trace = *rpc_incoming_trace(rpc_incoming(closure_data));
    if (request->n_signals > fake->n_signals_max)
        fake->n_signals_max = request->n_signals;
    if (router_fake_chance(fake, fake->refuse)) {
        fake->n_refused++;
        rpc_fail(closure_data, RPC_UNAVAILABLE, "no, not now");
        return;
    }
    router_fake_take(fake, lane, request);
    if (router_fake_chance(fake, fake->lose)) {
        fake->n_lost++;
        rpc_fail(closure_data, RPC_UNAVAILABLE, "the answer is lost");
        return;
    }
    struct router_fake_held held = {closure, closure_data, lane->position, lane->index, 0};
    if (!router_fake_chance(fake, fake->late) || fake->n_held == ROUTER_FAKE_HELD) {
        router_fake_answer(&held);
        return;
    }
    fake->n_late++;
    held.due_ms = loop_now_ms(fake->loop) + 1 +
                  (int64_t)test_random_below(&fake->random, (uint64_t)fake->late_ms_max);
    fake->held[fake->n_held++] = held;
}

static inline void router_fake_serve(struct router_fake *fake)
{
    struct rpc_server_opts opts = {.url = fake->url};
    struct err_info info;
    enum err err = rpc_server_open(fake->loop, &opts, &fake->server, &info);
    if (err != ERR_OK)
        fprintf(stderr, "router_fake: %s\n", info.text);
    CHECK(err == ERR_OK);
    rpc_server_add(fake->server, &fake->service.base);
    rpc_server_start(fake->server);
    fake->closing = false;
}

static inline void router_fake_open(struct router_fake *fake, struct loop *loop, const char *url)
{
    *fake = (struct router_fake){
        .service = {.base = {.descriptor = &assay__router__v1__router_service__descriptor,
                             .invoke = protobuf_c_service_invoke_internal},
                    .apply_signals = router_fake_apply},
        .loop = loop,
        .late_ms_max = 50,
        .random = {1},
    };
    snprintf(fake->url, sizeof fake->url, "%s", url);
    fake->timer = loop_timer_create(loop, router_fake_timer_cb, fake);
    loop_timer_start(fake->timer, 1, 1);
    router_fake_serve(fake);
}

static inline void router_fake_closed_cb(void *arg)
{
    struct router_fake *fake = arg;
    fake->server = NULL;
}

// What is held is answered first. The server is gone when fake->server is NULL.
static inline void router_fake_shut(struct router_fake *fake)
{
    for (size_t i = 0; i < fake->n_held; i++)
        router_fake_answer(&fake->held[i]);
    fake->n_held = 0;
    fake->closing = true;
    rpc_server_close(fake->server, 0, router_fake_closed_cb, fake);
}

// After the server is gone.
static inline void router_fake_close(struct router_fake *fake)
{
    CHECK(fake->server == NULL);
    loop_timer_destroy(fake->timer);
    for (size_t l = 0; l < ROUTER_FAKE_LANES; l++) {
        for (size_t i = 0; i < fake->lanes[l].n; i++)
            mem_free(fake->lanes[l].signals[i].text);
        mem_free(fake->lanes[l].signals);
    }
}

// How many signals of any lane say so ("" for any).
static inline size_t router_fake_count(const struct router_fake *fake, const char *begin)
{
    size_t n = 0;
    for (size_t l = 0; l < ROUTER_FAKE_LANES; l++)
        for (size_t i = 0; i < fake->lanes[l].n; i++)
            n += strncmp(fake->lanes[l].signals[i].text, begin, strlen(begin)) == 0;
    return n;
}
