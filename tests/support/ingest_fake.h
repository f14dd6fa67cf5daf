// SPDX-License-Identifier: Apache-2.0
// An ingest for tests of who sends to it: serves Ingest on the test's own loop, remembers every
// event that it took by its message id, and can refuse, lose answers and keep silent. Header only.
#pragma once

#include <stdio.h>
#include <string.h>

#include "assay/ingest/v1/ingest.pb-c.h"
#include "common/base/check.h"
#include "common/loop/loop.h"
#include "common/rpc/rpc.h"

enum { INGEST_FAKE_EVENTS = 256, INGEST_FAKE_TEXT = 400 };

enum ingest_fake_way {
    INGEST_FAKE_ACCEPT,
    INGEST_FAKE_FULL,   // refuses: back-pressure
    INGEST_FAKE_AWAY,   // refuses: nobody there
    INGEST_FAKE_LOSE,   // takes it, and the answer is lost
    INGEST_FAKE_SILENT, // takes it and never answers
    INGEST_FAKE_REFUSE, // accepts the request and refuses its first event
};
enum { INGEST_FAKE_WAYS = INGEST_FAKE_REFUSE + 1 };

struct ingest_fake_event {
    char id[64];
    char text[INGEST_FAKE_TEXT]; // all but the id
    unsigned times;
};

struct ingest_fake {
    Assay__Ingest__V1__IngestService_Service service; // first: a handler finds the rest by it
    struct loop *loop;
    struct rpc_server *server;
    enum ingest_fake_way way; // of the next calls
    unsigned n_calls;
    struct ingest_fake_event events[INGEST_FAKE_EVENTS];
    size_t n;
    Assay__Ingest__V1__IngestResponse_Closure silent[INGEST_FAKE_EVENTS];
    void *silent_data[INGEST_FAKE_EVENTS];
    size_t n_silent;
};

static inline struct ingest_fake_event *ingest_fake_find(struct ingest_fake *fake, const char *id)
{
    for (size_t i = 0; i < fake->n; i++)
        if (strcmp(fake->events[i].id, id) == 0)
            return &fake->events[i];
    return NULL;
}

static inline void ingest_fake_text(const Assay__Ingest__V1__Event *e, char out[INGEST_FAKE_TEXT])
{
    int n = snprintf(out, INGEST_FAKE_TEXT, "kind=%d group=%s user=%s at=%lld", (int)e->kind,
                     e->group_id, e->user_id, (long long)e->timestamp_ms);
    for (size_t i = 0; i < e->n_traits; i++)
        n += snprintf(out + n, (size_t)(INGEST_FAKE_TEXT - n), " %s=%s", e->traits[i]->key,
                      e->traits[i]->text);
    CHECK(n < INGEST_FAKE_TEXT);
}

// The same id always comes with the same content.
static inline void ingest_fake_take(struct ingest_fake *fake, const Assay__Ingest__V1__Event *e)
{
    struct ingest_fake_event *known = ingest_fake_find(fake, e->message_id);
    char text[INGEST_FAKE_TEXT];
    ingest_fake_text(e, text);
    if (known != NULL) {
        CHECK(strcmp(known->text, text) == 0);
        known->times++;
        return;
    }
    CHECK(fake->n < INGEST_FAKE_EVENTS);
    known = &fake->events[fake->n++];
    *known = (struct ingest_fake_event){.times = 1};
    snprintf(known->id, sizeof known->id, "%s", e->message_id);
    memcpy(known->text, text, sizeof text);
}

static inline void ingest_fake_ingest(Assay__Ingest__V1__IngestService_Service *service,
                                      const Assay__Ingest__V1__IngestRequest *request,
                                      Assay__Ingest__V1__IngestResponse_Closure closure,
                                      void *closure_data)
{
    struct ingest_fake *fake = (struct ingest_fake *)service;
    enum ingest_fake_way way = fake->way;
    fake->n_calls++;
    loop_stop(fake->loop);
    CHECK(request->n_events > 0);
    if (way == INGEST_FAKE_FULL || way == INGEST_FAKE_AWAY) {
        rpc_fail(closure_data, way == INGEST_FAKE_FULL ? RPC_RESOURCE_EXHAUSTED : RPC_UNAVAILABLE,
                 "no, not now");
        return;
    }
    Assay__Ingest__V1__EventVerdict verdict = ASSAY__INGEST__V1__EVENT_VERDICT__INIT;
    Assay__Ingest__V1__EventVerdict *verdicts[] = {&verdict};
    Assay__Ingest__V1__IngestResponse response = ASSAY__INGEST__V1__INGEST_RESPONSE__INIT;
    verdict.verdict = ASSAY__INGEST__V1__VERDICT__VERDICT_REFUSED;
    verdict.reason = (char *)"for a reason";
    response.verdicts = verdicts;
    response.n_verdicts = way == INGEST_FAKE_REFUSE ? 1 : 0;
    for (size_t i = response.n_verdicts; i < request->n_events; i++)
        ingest_fake_take(fake, request->events[i]);
    if (way == INGEST_FAKE_SILENT) {
        CHECK(fake->n_silent < INGEST_FAKE_EVENTS);
        fake->silent[fake->n_silent] = closure;
        fake->silent_data[fake->n_silent++] = closure_data;
    } else if (way == INGEST_FAKE_LOSE) {
        rpc_fail(closure_data, RPC_DEADLINE_EXCEEDED, "the answer is lost");
    } else {
        closure(&response, closure_data);
    }
}

static inline void ingest_fake_open(struct ingest_fake *fake, struct loop *loop, const char *url)
{
    *fake = (struct ingest_fake){
        .service = {.base = {.descriptor = &assay__ingest__v1__ingest_service__descriptor,
                             .invoke = protobuf_c_service_invoke_internal},
                    .ingest = ingest_fake_ingest},
        .loop = loop,
    };
    struct rpc_server_opts opts = {.url = url};
    CHECK(rpc_server_open(loop, &opts, &fake->server, NULL) == ERR_OK);
    rpc_server_add(fake->server, &fake->service.base);
    rpc_server_start(fake->server);
}

static inline void ingest_fake_closed_cb(void *arg)
{
    struct ingest_fake *fake = arg;
    fake->server = NULL;
}

// The loop has to run for a while after this.
static inline void ingest_fake_close(struct ingest_fake *fake)
{
    Assay__Ingest__V1__IngestResponse response = ASSAY__INGEST__V1__INGEST_RESPONSE__INIT;
    for (size_t i = 0; i < fake->n_silent; i++)
        fake->silent[i](&response, fake->silent_data[i]);
    rpc_server_close(fake->server, 0, ingest_fake_closed_cb, fake);
}

static inline void ingest_fake_patience_cb(void *arg)
{
    struct loop_timer **timer = arg;
    loop_timer_destroy(*timer);
    *timer = NULL;
}

// Runs the loop until so many calls have come. False: they did not, for two minutes.
static inline bool ingest_fake_await(struct ingest_fake *fake, unsigned n_calls)
{
    struct loop_timer *patience = NULL;
    patience = loop_timer_create(fake->loop, ingest_fake_patience_cb, &patience);
    loop_timer_start(patience, 120000, 0);
    while (fake->n_calls < n_calls && patience != NULL)
        loop_run(fake->loop);
    loop_timer_destroy(patience);
    return fake->n_calls >= n_calls;
}
