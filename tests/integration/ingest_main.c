// SPDX-License-Identifier: Apache-2.0
// links: ingest_service shard rpc loop clock log metrics base assay_proto
// Ingest between real clients and a scorer that misbehaves, all on one loop: verdicts, order,
// bounds, deadlines, restarts. Runs by counting, not by the clock: a case that hangs is ended after
// a minute.
#include "assay/ingest/v1/ingest.pb-c.h"
#include "common/base/buf.h"
#include "common/clock/clock.h"
#include "common/log/log.h"
#include "services/ingest/core/core.h"
#include "services/ingest/ingest.h"
#include "tests/integration/ingest_fake_scorer.h"
#include "tests/support/temp_folder.h"

enum { LANES = 3, HANG_LOOKS = 60000, PIPELINE = 8 };

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

static void look_cb(void *arg)
{
    struct world *w = arg;
    EXPECT(++w->looks < HANG_LOOKS);
    if (w->until(w))
        loop_stop(w->loop);
}

static void run_until(struct world *w, bool (*until)(struct world *w))
{
    w->until = until;
    w->looks = 0;
    if (until(w))
        return;
    loop_timer_start(w->look, 1, 1);
    loop_run(w->loop);
    loop_timer_stop(w->look);
}

static void map_write(struct world *w, uint64_t version)
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

static void ingest_start(struct world *w)
{
    struct rpc_server_opts opts = {.url = w->ingest_url, .calls_max = 256};
    struct err_info info = {{0}};
    w->metrics = metrics_create();
    EXPECT(ingest_open(w->loop, &w->config, w->source, w->metrics, &w->ingest, &info) == ERR_OK);
    EXPECT(rpc_server_open(w->loop, &opts, &w->server, &info) == ERR_OK);
    rpc_server_add(w->server, ingest_service(w->ingest));
    rpc_server_start(w->server);
    w->ingest_closed = w->server_closed = false;
}

static void server_closed_cb(void *arg)
{
    struct world *w = arg;
    w->server_closed = true;
}

static void ingest_closed_cb(void *arg)
{
    struct world *w = arg;
    w->ingest_closed = true;
}

static bool is_server_closed(struct world *w)
{
    return w->server_closed;
}

static bool is_ingest_closed(struct world *w)
{
    return w->ingest_closed;
}

static void ingest_stop(struct world *w, int64_t drain_ms)
{
    ingest_close(w->ingest, drain_ms, ingest_closed_cb, w);
    run_until(w, is_ingest_closed);
    rpc_server_close(w->server, 0, server_closed_cb, w);
    run_until(w, is_server_closed);
    ingest_destroy(w->ingest);
    w->ingest = NULL;
    metrics_destroy(w->metrics);
}

static struct world *world_create(uint64_t seed)
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
    };
    EXPECT(shard_source_open_file(w->map_path, &w->source, &info) == ERR_OK);
    map_write(w, 1);
    w->fake = fake_create(w->loop, w->scorer_url, seed);
    ingest_start(w);
    struct rpc_client_opts opts = {.url = w->ingest_url, .calls_max = 256};
    EXPECT(rpc_client_open(w->loop, &opts, &w->client, &info) == ERR_OK);
    return w;
}

static void client_closed_cb(void *arg)
{
    struct world *w = arg;
    w->client_closed = true;
}

static bool is_client_closed(struct world *w)
{
    return w->client_closed;
}

static bool is_fake_closed(struct world *w)
{
    return w->fake->closed;
}

static void world_destroy(struct world *w)
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

static void answered_cb(const Assay__Ingest__V1__IngestResponse *response, void *arg)
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
    char users[64][24];
    size_t n;
    int64_t timeout_ms;
};

static Assay__Ingest__V1__Event *plan_add(struct plan *plan, const char *id, const char *user)
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

static void send_plan(struct world *w, struct plan *plan, struct ask *ask)
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

static bool is_answered(struct world *w)
{
    (void)w;
    return waited_for->done;
}

static void wait_for(struct world *w, struct ask *ask)
{
    waited_for = ask;
    run_until(w, is_answered);
}

static void send_and_wait(struct world *w, struct plan *plan, struct ask *ask)
{
    send_plan(w, plan, ask);
    wait_for(w, ask);
}

static unsigned requests_wanted;

static bool has_requests(struct world *w)
{
    return w->fake->n_requests >= requests_wanted;
}

static void wait_for_requests(struct world *w, unsigned n)
{
    requests_wanted = n;
    run_until(w, has_requests);
}

static size_t count_applied(struct world *w, const char *id)
{
    size_t n = 0;
    for (size_t lane = 0; lane < LANES; lane++)
        for (size_t i = 0; i < w->fake->lanes[lane].n_events; i++) {
            const struct fake_event *event = &w->fake->lanes[lane].events[i];
            n += strcmp(event->message_id, id) == 0 && !event->profile_only;
        }
    return n;
}

// ---- Cases --------------------------------------------------------------------------------------

static void verdicts_have_the_right_places(void)
{
    struct world *w = world_create(1);
    struct plan first = {0}, second = {0};
    struct ask ask;
    for (int i = 0; i < 20; i++) {
        char id[32], user[32];
        snprintf(id, sizeof id, "m%d", i);
        snprintf(user, sizeof user, "u%d", i);
        plan_add(&first, id, user);
    }
    send_and_wait(w, &first, &ask);
    EXPECT(ask.status == RPC_OK && ask.accepted == 20 && ask.n_verdicts == 0);
    // 0 duplicate, 1 new, 2 refused, 3 duplicate, 4 new, 5 refused, and so on.
    for (int i = 0; i < 60; i++) {
        char id[32], user[32];
        snprintf(id, sizeof id, i % 3 == 0 ? "m%d" : "n%d", i / 3);
        snprintf(id + strlen(id), sizeof id - strlen(id), i % 3 == 1 ? "-new" : "");
        snprintf(user, sizeof user, "u%d", i / 3);
        Assay__Ingest__V1__Event *event = plan_add(&second, id, user);
        if (i % 3 == 2)
            event->name = (char *)"";
    }
    send_and_wait(w, &second, &ask);
    EXPECT(ask.status == RPC_OK);
    EXPECT(ask.accepted == 20 && ask.duplicate == 20 && ask.refused == 20);
    EXPECT(ask.n_verdicts == 40);
    for (size_t i = 0; i < 40; i++) {
        EXPECT(ask.indexes[i] == i / 2 * 3 + (i % 2 == 0 ? 0 : 2));
        EXPECT(ask.verdicts[i] == (i % 2 == 0 ? ASSAY__INGEST__V1__VERDICT__VERDICT_DUPLICATE
                                              : ASSAY__INGEST__V1__VERDICT__VERDICT_REFUSED));
        EXPECT(strcmp(ask.reasons[i], i % 2 == 0 ? "" : "name: missing; a track call needs it") ==
               0);
    }
    struct buf text = {0};
    ingest_refresh_metrics(w->ingest);
    metrics_write(w->metrics, &text);
    buf_append_u8(&text, 0);
    EXPECT(strstr((char *)text.bytes, "assay_ingest_events_accepted_total 40\n") != NULL);
    EXPECT(strstr((char *)text.bytes, "assay_ingest_events_duplicate_total 20\n") != NULL);
    EXPECT(strstr((char *)text.bytes, "assay_ingest_events_refused_total{reason=\"name\"} 20\n") !=
           NULL);
    EXPECT(strstr((char *)text.bytes, "assay_ingest_lane_waiting_bytes{lane=\"2\"} 0\n") != NULL);
    buf_deinit(&text);
    world_destroy(w);
}

static void requests_are_judged_as_a_whole(void)
{
    struct world *w = world_create(2);
    struct ask ask;
    struct plan empty = {0};
    send_and_wait(w, &empty, &ask);
    EXPECT(ask.status == RPC_OK && ask.accepted == 0);
    struct plan plan = {.sender = "s"};
    plan_add(&plan, "m", "u");
    send_and_wait(w, &plan, &ask);
    EXPECT(ask.status == RPC_INVALID_ARGUMENT);
    EXPECT(strcmp(ask.text, "sequence: expected 1 or more with a sender") == 0);
    plan.sequence = 3;
    plan.oldest_open = 4;
    send_and_wait(w, &plan, &ask);
    EXPECT(ask.status == RPC_INVALID_ARGUMENT);
    EXPECT(strcmp(ask.text, "oldest_open: expected 1 to sequence (3), got 4") == 0);
    char sender[202];
    memset(sender, 's', 201);
    sender[201] = '\0';
    plan.sender = sender;
    send_and_wait(w, &plan, &ask);
    EXPECT(ask.status == RPC_INVALID_ARGUMENT);
    EXPECT(strcmp(ask.text, "sender: 201 bytes, at most 200") == 0);
    EXPECT(w->fake->n_requests == 0);
    world_destroy(w);
}

static void identify_reaches_every_lane(void)
{
    struct world *w = world_create(3);
    struct plan plan = {0};
    struct ask ask;
    plan_add(&plan, "personal", "u1")->kind = ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_IDENTIFY;
    Assay__Ingest__V1__Event *of_group = plan_add(&plan, "of-group", "u1");
    of_group->kind = ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_IDENTIFY;
    of_group->group_id = (char *)"g";
    Assay__Ingest__V1__Event *group = plan_add(&plan, "group", "");
    group->kind = ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_GROUP;
    group->group_id = (char *)"g";
    send_and_wait(w, &plan, &ask);
    EXPECT(ask.status == RPC_OK && ask.accepted == 3);
    size_t n_whole = 0, n_copies = 0;
    for (size_t lane = 0; lane < LANES; lane++) {
        const struct fake_event *event = fake_find(&w->fake->lanes[lane], "personal");
        EXPECT(event != NULL && strcmp(event->account, "user:u1") == 0);
        EXPECT(strcmp(event->user, "u1") == 0);
        *(event->profile_only ? &n_copies : &n_whole) += 1;
    }
    EXPECT(n_whole == 1 && n_copies == LANES - 1);
    EXPECT(count_applied(w, "of-group") == 1 && count_applied(w, "group") == 1);
    // Sent again: a duplicate once, whatever the copies say.
    send_and_wait(w, &plan, &ask);
    EXPECT(ask.duplicate == 3 && ask.accepted == 0 && ask.n_verdicts == 3);
    world_destroy(w);
}

static void plan_big(struct plan *plan, const char *id, char *text)
{
    static Assay__Event__V1__Property property;
    static Assay__Event__V1__Property *properties[1] = {&property};
    Assay__Ingest__V1__Event *event = plan_add(plan, id, "u");
    assay__event__v1__property__init(&property);
    property.key = (char *)"text";
    property.value_case = ASSAY__EVENT__V1__PROPERTY__VALUE_TEXT;
    property.text = text;
    event->properties = properties;
    event->n_properties = 1;
}

// Nothing of a request without room is taken, the sender's turn stays, and all goes on afterwards.
static void a_lane_that_is_behind_pushes_back(void)
{
    struct world *w = world_create(4);
    char *text = mem_zalloc(8001);
    memset(text, 'x', 8000);
    w->config.lane_bytes_max = 64 * 1024;
    w->fake->hold = true;
    struct ask asks[20], after;
    int n = 0;
    bool full = false;
    for (; n < 20 && !full; n++) {
        struct plan plan = {.sender = "s", .sequence = (uint64_t)n + 1, .oldest_open = 1};
        char id[32];
        snprintf(id, sizeof id, "m%d", n);
        plan_big(&plan, id, text);
        plan.timeout_ms = 60000;
        send_plan(w, &plan, &asks[n]);
        // A refusal comes at once; a request that was taken shows as a call to the scorer or waits.
        struct plan probe = {0};
        struct ask probed;
        send_and_wait(w, &probe, &probed);
        full = asks[n].done;
    }
    EXPECT(full && n == 9); // eight of 8 KiB fit
    EXPECT(asks[n - 1].status == RPC_UNAVAILABLE);
    EXPECT(strstr(asks[n - 1].text, " is behind: 0.1 MiB wait") != NULL);
    // The next in sequence is held though it is small.
    struct plan next = {.sender = "s", .sequence = (uint64_t)n + 1, .oldest_open = 1};
    plan_add(&next, "next", "u");
    send_plan(w, &next, &after);
    struct plan probe = {0};
    struct ask probed;
    send_and_wait(w, &probe, &probed);
    EXPECT(!after.done);
    fake_release(w->fake);
    for (int i = 0; i < n - 1; i++) {
        wait_for(w, &asks[i]);
        EXPECT(asks[i].status == RPC_OK && asks[i].accepted == 1);
    }
    EXPECT(!after.done);
    struct plan again = {.sender = "s", .sequence = (uint64_t)n, .oldest_open = (uint64_t)n};
    char id[32];
    snprintf(id, sizeof id, "m%d", n - 1);
    plan_big(&again, id, text);
    send_and_wait(w, &again, &asks[n - 1]);
    EXPECT(asks[n - 1].status == RPC_OK && asks[n - 1].accepted == 1);
    wait_for(w, &after);
    EXPECT(after.status == RPC_OK && after.accepted == 1);
    mem_free(text);
    world_destroy(w);
}

// The call ends at its deadline; its events go on, and the same request gets their verdicts.
static void a_deadline_ends_the_call_only(void)
{
    struct world *w = world_create(5);
    struct plan plan = {.sender = "s", .sequence = 1, .oldest_open = 1, .timeout_ms = 30};
    struct ask ask, again;
    plan_add(&plan, "m", "u");
    w->fake->hold = true;
    send_and_wait(w, &plan, &ask);
    EXPECT(ask.status == RPC_DEADLINE_EXCEEDED);
    wait_for_requests(w, 1);
    plan.timeout_ms = 0;
    send_plan(w, &plan, &again);
    struct plan probe = {0};
    send_and_wait(w, &probe, &ask);
    EXPECT(!again.done);
    fake_release(w->fake);
    wait_for(w, &again);
    EXPECT(again.status == RPC_OK && again.accepted == 1 && again.duplicate == 0);
    EXPECT(w->fake->n_requests == 1 && count_applied(w, "m") == 1);
    // When it has been answered, it is simply taken again.
    send_and_wait(w, &plan, &again);
    EXPECT(again.duplicate == 1);
    world_destroy(w);
}

static void a_turn_that_does_not_come(void)
{
    struct world *w = world_create(6);
    struct plan late = {.sender = "s", .sequence = 3, .oldest_open = 1, .timeout_ms = 30};
    struct ask ask, asks[2];
    plan_add(&late, "m3", "u");
    send_and_wait(w, &late, &ask);
    EXPECT(ask.status == RPC_DEADLINE_EXCEEDED && w->fake->n_requests == 0);
    // Ahead of their turn, in any order of arrival; then what was missing.
    late.timeout_ms = 0;
    send_plan(w, &late, &asks[0]);
    struct plan second = {.sender = "s", .sequence = 2, .oldest_open = 1};
    plan_add(&second, "m2", "u");
    send_plan(w, &second, &asks[1]);
    struct plan first = {.sender = "s", .sequence = 1, .oldest_open = 1};
    plan_add(&first, "m1", "u");
    send_and_wait(w, &first, &ask);
    wait_for(w, &asks[0]);
    wait_for(w, &asks[1]);
    EXPECT(ask.status == RPC_OK && asks[0].status == RPC_OK && asks[1].status == RPC_OK);
    struct fake_lane *lane = w->fake->lanes;
    while (lane->n_events == 0)
        lane++;
    EXPECT(lane->n_events == 3);
    EXPECT(strcmp(lane->events[0].message_id, "m1") == 0);
    EXPECT(strcmp(lane->events[1].message_id, "m2") == 0);
    EXPECT(strcmp(lane->events[2].message_id, "m3") == 0);
    // What the sender says it has seen answered is not waited for.
    struct plan ninth = {.sender = "s", .sequence = 9, .oldest_open = 9};
    plan_add(&ninth, "m9", "u");
    send_and_wait(w, &ninth, &ask);
    EXPECT(ask.status == RPC_OK && ask.accepted == 1);
    world_destroy(w);
}

static void held_requests_are_bounded(void)
{
    struct world *w = world_create(7);
    struct ask asks[20], ask;
    for (uint64_t i = 0; i < 17; i++) {
        struct plan plan = {.sender = "s", .sequence = i + 2, .oldest_open = 1};
        char id[32];
        snprintf(id, sizeof id, "m%d", (int)i + 2);
        plan_add(&plan, id, "u");
        send_plan(w, &plan, &asks[i]);
        struct plan probe = {0};
        send_and_wait(w, &probe, &ask);
    }
    EXPECT(asks[16].done && asks[16].status == RPC_UNAVAILABLE);
    EXPECT(strcmp(asks[16].text, "sequence 18: 16 requests of this sender wait for sequence 1") ==
           0);
    struct plan first = {.sender = "s", .sequence = 1, .oldest_open = 1};
    plan_add(&first, "m1", "u");
    send_and_wait(w, &first, &ask);
    EXPECT(ask.accepted == 1);
    for (int i = 0; i < 16; i++) {
        wait_for(w, &asks[i]);
        EXPECT(asks[i].status == RPC_OK && asks[i].accepted == 1);
    }
    world_destroy(w);
}

// Idle senders are forgotten, those at work are not.
static void senders_are_bounded(void)
{
    struct world *w = world_create(8);
    struct ask ask, working, one_more;
    w->config.senders_max = 2;
    w->fake->hold = true;
    struct plan plan = {.sender = "busy", .sequence = 1, .oldest_open = 1};
    plan_add(&plan, "m", "u");
    send_plan(w, &plan, &working);
    wait_for_requests(w, 1);
    for (int i = 0; i < 5; i++) {
        char name[32];
        snprintf(name, sizeof name, "idle-%d", i);
        struct plan empty = {.sender = name, .sequence = 1, .oldest_open = 1};
        send_and_wait(w, &empty, &ask);
        EXPECT(ask.status == RPC_OK);
    }
    struct plan second = {.sender = "busy too", .sequence = 1, .oldest_open = 1};
    plan_add(&second, "m2", "u");
    send_plan(w, &second, &one_more);
    struct plan third = {.sender = "no place", .sequence = 1, .oldest_open = 1};
    send_and_wait(w, &third, &ask);
    EXPECT(ask.status == RPC_UNAVAILABLE);
    EXPECT(strcmp(ask.text, "2 senders are at work, at most that many") == 0);
    fake_release(w->fake);
    wait_for(w, &working);
    wait_for(w, &one_more);
    EXPECT(working.accepted == 1 && one_more.accepted == 1);
    world_destroy(w);
}

static void a_refused_batch_leaves_no_hole(void)
{
    for (int internal = 0; internal <= 1; internal++) {
        struct world *w = world_create(9);
        struct ask asks[9];
        w->fake->poison = "m4";
        w->fake->internal = internal == 1;
        w->config.batch_events = 1;
        for (int i = 0; i < 9; i++) {
            struct plan plan = {0};
            char id[32];
            snprintf(id, sizeof id, "m%d", i);
            plan_add(&plan, id, "u");
            send_plan(w, &plan, &asks[i]);
        }
        for (int i = 0; i < 9; i++) {
            wait_for(w, &asks[i]);
            EXPECT(asks[i].status == (i == 4 ? RPC_INTERNAL : RPC_OK));
            EXPECT(i == 4 || asks[i].accepted == 1);
        }
        EXPECT(w->fake->n_empty >= 1 && count_applied(w, "m4") == 0);
        EXPECT(w->fake->n_poisoned == (internal ? 5 : 1));
        world_destroy(w);
    }
}

static void a_scorer_that_forgot_gets_a_new_source(void)
{
    struct world *w = world_create(10);
    struct ask ask;
    for (int i = 0; i < 4; i++) {
        struct plan plan = {0};
        char id[32];
        snprintf(id, sizeof id, "m%d", i);
        plan_add(&plan, id, "u");
        w->fake->forget = i == 2;
        send_and_wait(w, &plan, &ask);
        EXPECT(ask.status == RPC_OK && ask.accepted == 1);
    }
    struct fake_lane *lane = w->fake->lanes;
    while (lane->n_events == 0)
        lane++;
    EXPECT(lane->n_sources == 2 && lane->n_events == 4);
    EXPECT(lane->sources[1].last == 2);
    world_destroy(w);
}

static bool is_on_map_2(struct world *w)
{
    struct buf text = {0};
    metrics_write(w->metrics, &text);
    buf_append_u8(&text, 0);
    bool is = strstr((char *)text.bytes, "assay_ingest_map_reloads_total 1\n") != NULL;
    buf_deinit(&text);
    return is;
}

static void a_new_map_is_fetched(void)
{
    struct world *w = world_create(11);
    struct plan plan = {.sender = "s", .sequence = 1, .oldest_open = 1};
    struct ask ask;
    plan_add(&plan, "m", "u");
    w->fake->wrong_lane = true;
    send_plan(w, &plan, &ask);
    wait_for_requests(w, 2); // again and again, while there is no new map
    EXPECT(!ask.done);
    map_write(w, 2);
    wait_for(w, &ask);
    EXPECT(ask.status == RPC_UNAVAILABLE && strcmp(ask.text, "the shard map has changed") == 0);
    run_until(w, is_on_map_2);
    w->fake->wrong_lane = false;
    send_and_wait(w, &plan, &ask);
    EXPECT(ask.status == RPC_OK && ask.accepted == 1);
    EXPECT(count_applied(w, "m") == 1);
    world_destroy(w);
}

static bool is_one_held(struct world *w)
{
    return w->fake->n_held >= 1;
}

static void a_drain_finishes_what_was_taken(void)
{
    struct world *w = world_create(12);
    struct plan plan = {0}, held = {.sender = "s", .sequence = 2, .oldest_open = 1};
    struct ask taken, waiting, refused;
    plan_add(&plan, "m", "u");
    plan_add(&held, "m2", "u");
    w->fake->hold = true;
    send_plan(w, &plan, &taken);
    send_plan(w, &held, &waiting);
    run_until(w, is_one_held);
    ingest_close(w->ingest, 60000, ingest_closed_cb, w);
    wait_for(w, &waiting);
    EXPECT(waiting.status == RPC_UNAVAILABLE && strcmp(waiting.text, "shutting down") == 0);
    send_and_wait(w, &held, &refused);
    EXPECT(refused.status == RPC_UNAVAILABLE);
    EXPECT(!w->ingest_closed && !taken.done);
    fake_release(w->fake);
    wait_for(w, &taken);
    EXPECT(taken.status == RPC_OK && taken.accepted == 1);
    run_until(w, is_ingest_closed);
    rpc_server_close(w->server, 0, server_closed_cb, w);
    run_until(w, is_server_closed);
    ingest_destroy(w->ingest);
    w->ingest = NULL;
    metrics_destroy(w->metrics);
    world_destroy(w);
}

static void a_drain_ends_in_time(void)
{
    struct world *w = world_create(13);
    struct plan plan = {0};
    struct ask ask;
    plan_add(&plan, "m", "u");
    w->fake->hold = true;
    send_plan(w, &plan, &ask);
    run_until(w, is_one_held);
    ingest_stop(w, 10);
    wait_for(w, &ask);
    EXPECT(ask.status == RPC_UNAVAILABLE);
    world_destroy(w);
}

// ---- A sender that repeats until it is answered -------------------------------------------------

enum { REQUESTS = 120, EVENTS = 5, ACCOUNTS = 6 };

struct sender {
    struct world *w;
    char name[16];
    struct slot {
        struct sender *sender;
        struct ask ask;
        uint64_t sequence; // 0: free
    } slots[PIPELINE];
    bool answered[REQUESTS + 2];
    uint64_t next, oldest_open;
    unsigned retries;
};

static struct sender senders[3];

static void slot_send(struct slot *slot)
{
    struct sender *sender = slot->sender;
    struct plan plan = {
        .sender = sender->name, .sequence = slot->sequence, .oldest_open = sender->oldest_open};
    for (int i = 0; i < EVENTS; i++) {
        char id[48], user[24];
        int number = (int)slot->sequence * EVENTS + i;
        snprintf(id, sizeof id, "%s-%08d", sender->name, number);
        snprintf(user, sizeof user, "u%d", (number * 7 + i) % ACCOUNTS);
        plan_add(&plan, id, user);
    }
    plan.timeout_ms = 5000;
    send_plan(sender->w, &plan, &slot->ask);
}

// Looks at the answers and goes on; whether all is answered.
static bool sender_step(struct sender *sender)
{
    for (int i = 0; i < PIPELINE; i++) {
        struct slot *slot = &sender->slots[i];
        if (slot->sequence != 0 && slot->ask.done && slot->ask.status != RPC_OK) {
            EXPECT(slot->ask.status == RPC_UNAVAILABLE ||
                   slot->ask.status == RPC_DEADLINE_EXCEEDED || slot->ask.status == RPC_ABORTED);
            sender->retries++;
            slot_send(slot);
        } else if (slot->sequence != 0 && slot->ask.done) {
            EXPECT(slot->ask.accepted + slot->ask.duplicate == EVENTS && slot->ask.refused == 0);
            sender->answered[slot->sequence] = true;
            while (sender->answered[sender->oldest_open])
                sender->oldest_open++;
            slot->sequence = 0;
        }
        if (slot->sequence == 0 && sender->next <= REQUESTS) {
            slot->sequence = sender->next++;
            slot_send(slot);
        }
    }
    return sender->oldest_open > REQUESTS;
}

static int restarts_left, steps_to_restart;

static bool are_senders_done(struct world *w)
{
    bool done = true;
    (void)w;
    for (size_t i = 0; i < ARRAY_LEN(senders); i++)
        done = sender_step(&senders[i]) && done;
    return done || (restarts_left > 0 && --steps_to_restart == 0);
}

// No sender's events for an account were first applied out of order, and none is missing.
static void check_applied(struct world *w)
{
    size_t n = 0;
    for (size_t i = 0; i < LANES; i++) {
        const struct fake_lane *lane = &w->fake->lanes[i];
        int last[ARRAY_LEN(senders)][ACCOUNTS] = {{0}};
        for (size_t j = 0; j < lane->n_events; j++) {
            const struct fake_event *event = &lane->events[j];
            int sender = event->message_id[1] - '0', number = atoi(event->message_id + 3);
            int account = atoi(event->user + 1);
            if (event->again)
                continue;
            n++;
            EXPECT(number > last[sender][account]);
            last[sender][account] = number;
        }
    }
    EXPECT(n == ARRAY_LEN(senders) * REQUESTS * EVENTS);
}

static void order_and_counts_survive(uint64_t seed, int restarts)
{
    struct world *w = world_create(seed);
    w->config.apply_timeout_ms = 3000;
    w->fake->lose = 5;
    w->fake->lose_answer = 5;
    w->fake->busy = 3;
    w->fake->delay = 40;
    for (size_t i = 0; i < ARRAY_LEN(senders); i++) {
        senders[i] = (struct sender){.w = w, .next = 1, .oldest_open = 1};
        snprintf(senders[i].name, sizeof senders[i].name, "s%zu", i);
        for (int j = 0; j < PIPELINE; j++)
            senders[i].slots[j].sender = &senders[i];
    }
    restarts_left = restarts;
    for (;;) {
        steps_to_restart = 10 + (int)(fake_random(w->fake) % 40);
        run_until(w, are_senders_done);
        if (senders[0].oldest_open > REQUESTS && senders[1].oldest_open > REQUESTS &&
            senders[2].oldest_open > REQUESTS)
            break;
        restarts_left--;
        ingest_stop(w, 0);
        ingest_start(w);
    }
    check_applied(w);
    unsigned retries = senders[0].retries + senders[1].retries + senders[2].retries;
    printf("  seed %llu: %u batches, %u out of order, %u repeated, %u retries of senders\n",
           (unsigned long long)seed, w->fake->n_requests, w->fake->n_out_of_order,
           w->fake->n_repeated, retries);
    EXPECT(w->fake->n_out_of_order > 0 && w->fake->n_repeated > 0);
    EXPECT(restarts == 0 || retries > 0);
    world_destroy(w);
}

static void order_survives_a_bad_scorer(void)
{
    for (uint64_t seed = 1; seed <= 3; seed++)
        order_and_counts_survive(seed, 0);
}

static void order_survives_restarts(void)
{
    for (uint64_t seed = 1; seed <= 5; seed++)
        order_and_counts_survive(seed * 100, 4);
}

#define CASE(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } CASES[] = {
        CASE(verdicts_have_the_right_places), CASE(requests_are_judged_as_a_whole),
        CASE(identify_reaches_every_lane),    CASE(a_lane_that_is_behind_pushes_back),
        CASE(a_deadline_ends_the_call_only),  CASE(a_turn_that_does_not_come),
        CASE(held_requests_are_bounded),      CASE(senders_are_bounded),
        CASE(a_refused_batch_leaves_no_hole), CASE(a_scorer_that_forgot_gets_a_new_source),
        CASE(a_new_map_is_fetched),           CASE(a_drain_finishes_what_was_taken),
        CASE(a_drain_ends_in_time),           CASE(order_survives_a_bad_scorer),
        CASE(order_survives_restarts),
    };
    log_init("test", argc > 2 ? LOG_LEVEL_DEBUG : LOG_LEVEL_OFF);
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        if (argc > 1 && strcmp(argv[1], CASES[i].name) != 0)
            continue;
        printf("%s\n", CASES[i].name);
        fflush(stdout);
        CASES[i].run();
    }
    return 0;
}
