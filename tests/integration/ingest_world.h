// SPDX-License-Identifier: Apache-2.0
// Ingest, a scorer that misbehaves on command, and a client, all on one loop. A case that hangs is
// ended after a minute; nothing else depends on the time.
#pragma once

#include "assay/ingest/v1/ingest.pb-c.h"
#include "common/base/buf.h"
#include "common/clock/clock.h"
#include "common/log/log.h"
#include "services/ingest/core/core.h"
#include "services/ingest/ingest.h"
#include "tests/integration/ingest_fake_scorer.h"
#include "tests/support/temp_folder.h"

enum { LANES = 3, HANG_LOOKS = 60000 };

// ---- The world ----------------------------------------------------------------------------------

struct world {
    struct loop *loop;
    struct temp_folder folder;
    char map_path[2200];
    char scorer_url[64], ingest_url[64];
    struct fake_scorer *fake;
    struct shard_source *source;
    struct ingest_config config;
    struct metrics *metrics;
    struct ingest *ingest;
    struct rpc_server *server;
    struct rpc_client *client;
    bool ingest_closed, server_closed, client_closed;
    struct loop_timer *look;
    bool (*until)(struct world *w);
    int looks;
};

static unsigned n_worlds;

static inline void look_cb(void *arg)
{
    struct world *w = arg;
    EXPECT(++w->looks < HANG_LOOKS);
    if (w->until(w))
        loop_stop(w->loop);
}

static inline void run_until(struct world *w, bool (*until)(struct world *w))
{
    w->until = until;
    w->looks = 0;
    if (until(w))
        return;
    loop_timer_start(w->look, 1, 1);
    loop_run(w->loop);
    loop_timer_stop(w->look);
}

static inline void map_write(struct world *w, uint64_t version)
{
    struct shard_lane lanes[LANES] = {0};
    struct err_info info;
    for (uint32_t i = 0; i < LANES; i++) {
        lanes[i].lane = i;
        lanes[i].epoch = version;
        snprintf(lanes[i].node, sizeof lanes[i].node, "scorer-%u", i / 2);
        snprintf(lanes[i].address, sizeof lanes[i].address, "%s", w->scorer_url);
    }
    struct shard_map *map = shard_map_create(version, 64, lanes, LANES);
    EXPECT(shard_source_swap(w->source, version - 1, map, &info) == ERR_OK);
    shard_map_destroy(map);
}

static inline void ingest_start(struct world *w)
{
    struct rpc_server_opts opts = {.url = w->ingest_url, .calls_max = 256};
    struct err_info info = {{0}};
    w->metrics = metrics_create();
    EXPECT(ingest_open(w->loop, &w->config, w->source, w->metrics, &w->ingest, &info) == ERR_OK);
    EXPECT(rpc_server_open(w->loop, &opts, &w->server, &info) == ERR_OK);
    ingest_serve(w->ingest, w->server);
    rpc_server_start(w->server);
    w->ingest_closed = w->server_closed = false;
}

static inline void server_closed_cb(void *arg)
{
    struct world *w = arg;
    w->server_closed = true;
}

static inline void ingest_closed_cb(void *arg)
{
    struct world *w = arg;
    w->ingest_closed = true;
}

static inline bool is_server_closed(struct world *w)
{
    return w->server_closed;
}

static inline bool is_ingest_closed(struct world *w)
{
    return w->ingest_closed;
}

static inline void ingest_stop(struct world *w, int64_t drain_ms)
{
    ingest_close(w->ingest, drain_ms, ingest_closed_cb, w);
    run_until(w, is_ingest_closed);
    rpc_server_close(w->server, 0, server_closed_cb, w);
    run_until(w, is_server_closed);
    ingest_destroy(w->ingest);
    w->ingest = NULL;
    metrics_destroy(w->metrics);
}

static inline struct world *world_create(uint64_t seed)
{
    struct world *w = mem_zalloc(sizeof *w);
    struct err_info info;
    temp_folder_make(&w->folder);
    snprintf(w->map_path, sizeof w->map_path, "%s/shards", w->folder.path);
    snprintf(w->scorer_url, sizeof w->scorer_url, "inproc://scorer-%u", ++n_worlds);
    snprintf(w->ingest_url, sizeof w->ingest_url, "inproc://ingest-%u", n_worlds);
    w->loop = loop_create();
    w->look = loop_timer_create(w->loop, look_cb, w);
    w->config = (struct ingest_config){
        .shard_map = w->map_path,
        .clock = INGEST_CLOCK_WALL,
        .lane_bytes_max = 64 * 1024 * 1024,
        .batch_events = 7, // few, so that there are many batches
        .batch_bytes = 64 * 1024,
        .linger_ms = 1,
        .window = 4,
        .apply_timeout_ms = 20000,
        .retry_min_ms = 1,
        .retry_max_ms = 4,
        .senders_max = 100,
        .held_requests_max = 16,
        .held_bytes_max = 16 * 1024 * 1024,
        .held_all_max = 64,
    };
    EXPECT(shard_source_open_file(w->map_path, &w->source, &info) == ERR_OK);
    map_write(w, 1);
    w->fake = fake_create(w->loop, w->scorer_url, seed);
    ingest_start(w);
    struct rpc_client_opts opts = {.url = w->ingest_url, .calls_max = 256};
    EXPECT(rpc_client_open(w->loop, &opts, &w->client, &info) == ERR_OK);
    return w;
}

static inline void client_closed_cb(void *arg)
{
    struct world *w = arg;
    w->client_closed = true;
}

static inline bool is_client_closed(struct world *w)
{
    return w->client_closed;
}

static inline bool is_fake_closed(struct world *w)
{
    return w->fake->closed;
}

static inline void world_destroy(struct world *w)
{
    rpc_client_close(w->client, client_closed_cb, w);
    run_until(w, is_client_closed);
    if (w->ingest != NULL)
        ingest_stop(w, 0);
    fake_close(w->fake);
    run_until(w, is_fake_closed);
    fake_destroy(w->fake);
    loop_timer_destroy(w->look);
    loop_run(w->loop);
    loop_destroy(w->loop);
    shard_source_close(w->source);
    temp_folder_remove(&w->folder);
    mem_free(w);
}

// ---- One request --------------------------------------------------------------------------------

struct ask {
    struct rpc_call *call;
    bool done;
    enum rpc_status status;
    char text[300];
    uint32_t accepted, duplicate, refused;
    size_t n_verdicts;
    uint32_t indexes[64];
    int verdicts[64];
    char reasons[64][120];
};

static inline void answered_cb(const Assay__Ingest__V1__IngestResponse *response, void *arg)
{
    struct ask *ask = arg;
    EXPECT(!ask->done);
    ask->done = true;
    ask->status = rpc_call_status(ask->call);
    snprintf(ask->text, sizeof ask->text, "%s", rpc_call_text(ask->call));
    if (response == NULL)
        return;
    ask->accepted = response->accepted;
    ask->duplicate = response->duplicate;
    ask->refused = response->refused;
    ask->n_verdicts = response->n_verdicts;
    EXPECT(response->n_verdicts <= 64);
    for (size_t i = 0; i < response->n_verdicts; i++) {
        ask->indexes[i] = response->verdicts[i]->index;
        ask->verdicts[i] = (int)response->verdicts[i]->verdict;
        snprintf(ask->reasons[i], sizeof ask->reasons[i], "%s", response->verdicts[i]->reason);
    }
}

// A request as a test writes it.
struct plan {
    const char *sender;
    uint64_t sequence, oldest_open;
    Assay__Ingest__V1__Event events[64];
    char ids[64][48];
    char users[64][48];
    size_t n;
    int64_t timeout_ms;
};

static inline Assay__Ingest__V1__Event *plan_add(struct plan *plan, const char *id,
                                                 const char *user)
{
    size_t i = plan->n++;
    EXPECT(i < 64);
    Assay__Ingest__V1__Event *event = &plan->events[i];
    assay__ingest__v1__event__init(event);
    snprintf(plan->ids[i], sizeof plan->ids[i], "%s", id);
    snprintf(plan->users[i], sizeof plan->users[i], "%s", user);
    event->kind = ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_TRACK;
    event->message_id = plan->ids[i];
    event->user_id = plan->users[i];
    event->name = (char *)"Report Run";
    return event;
}

static inline void send_plan(struct world *w, struct plan *plan, struct ask *ask)
{
    Assay__Ingest__V1__IngestRequest request = ASSAY__INGEST__V1__INGEST_REQUEST__INIT;
    Assay__Ingest__V1__Event *events[64];
    struct rpc_call_opts opts = {.timeout_ms = plan->timeout_ms == 0 ? 60000 : plan->timeout_ms};
    for (size_t i = 0; i < plan->n; i++)
        events[i] = &plan->events[i];
    if (plan->sender != NULL)
        request.sender = (char *)plan->sender;
    request.sequence = plan->sequence;
    request.oldest_open = plan->oldest_open;
    request.events = events;
    request.n_events = plan->n;
    *ask = (struct ask){0};
    ask->call = rpc_call_begin(w->client, &assay__ingest__v1__ingest_service__descriptor, &opts);
    assay__ingest__v1__ingest_service__ingest((ProtobufCService *)ask->call, &request, answered_cb,
                                              ask);
}

static struct ask *waited_for;

static inline bool is_answered(struct world *w)
{
    (void)w;
    return waited_for->done;
}

static inline void wait_for(struct world *w, struct ask *ask)
{
    waited_for = ask;
    run_until(w, is_answered);
}

static inline void send_and_wait(struct world *w, struct plan *plan, struct ask *ask)
{
    send_plan(w, plan, ask);
    wait_for(w, ask);
}

static unsigned requests_wanted;

static inline bool has_requests(struct world *w)
{
    return w->fake->n_requests >= requests_wanted;
}

static inline void wait_for_requests(struct world *w, unsigned n)
{
    requests_wanted = n;
    run_until(w, has_requests);
}

// Requests overtake each other on their way, so a test waits until ingest says what it has got.
static const char *metric_wanted;

static inline bool has_metric(struct world *w)
{
    struct buf text = {0};
    ingest_refresh_metrics(w->ingest);
    metrics_write(w->metrics, &text);
    buf_append_u8(&text, 0);
    bool has = strstr((char *)text.bytes, metric_wanted) != NULL;
    buf_deinit(&text);
    return has;
}

static inline void wait_for_metric(struct world *w, const char *name, int value)
{
    char line[120];
    snprintf(line, sizeof line, "\n%s %d\n", name, value);
    metric_wanted = line;
    run_until(w, has_metric);
}

static inline size_t count_applied(struct world *w, const char *id)
{
    size_t n = 0;
    for (size_t lane = 0; lane < LANES; lane++)
        for (size_t i = 0; i < w->fake->lanes[lane].n_events; i++) {
            const struct fake_event *event = &w->fake->lanes[lane].events[i];
            n += strcmp(event->message_id, id) == 0 && !event->profile_only;
        }
    return n;
}
