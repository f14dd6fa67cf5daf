// SPDX-License-Identifier: Apache-2.0
// links: ingest_service shard rpc loop clock log metrics base assay_proto
// What ingest answers, and what it does at each bound and in each kind of trouble.
#include "tests/integration/ingest_world.h"

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

// The copies of a linking call, wherever they are.
static const struct fake_event *find_link(struct world *w, const char *id, size_t *n)
{
    const struct fake_event *found = NULL;
    *n = 0;
    for (uint32_t i = 0; i < LANES; i++) {
        struct fake_lane *lane = &w->fake->lanes[i];
        for (size_t k = 0; k < lane->n_events; k++) {
            const struct fake_event *event = &lane->events[k];
            if (!event->link_only || strcmp(event->message_id, id) != 0)
                continue;
            char home[64];
            snprintf(home, sizeof home, "user:%s", event->identity);
            EXPECT(shard_of_key(span_of(home), 64) * LANES / 64 == i); // runs of shards
            found = event;
            ++*n;
        }
    }
    return found;
}

// Each once, beside the call itself, also where both are in one lane.
static void links_reach_the_home_of_who_is_linked(void)
{
    struct world *w = world_create(14);
    struct plan plan = {0};
    struct ask ask;
    size_t n;
    Assay__Ingest__V1__Event *identify = plan_add(&plan, "identify", "u1");
    identify->kind = ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_IDENTIFY;
    identify->anonymous_id = (char *)"a1";
    Assay__Ingest__V1__Event *alias = plan_add(&plan, "alias", "u1");
    alias->kind = ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_ALIAS;
    alias->previous_id = (char *)"old";
    Assay__Ingest__V1__Event *group = plan_add(&plan, "group", "u1");
    group->kind = ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_GROUP;
    group->group_id = (char *)"g";
    plan_add(&plan, "track", "u1")->group_id = (char *)"g";
    send_and_wait(w, &plan, &ask);
    EXPECT(ask.status == RPC_OK && ask.accepted == 4);
    const struct fake_event *link = find_link(w, "identify", &n);
    EXPECT(n == 1 && strcmp(link->identity, "a1") == 0 && strcmp(link->user, "u1") == 0);
    link = find_link(w, "alias", &n);
    EXPECT(n == 1 && strcmp(link->identity, "old") == 0 && strcmp(link->user, "u1") == 0);
    link = find_link(w, "group", &n);
    EXPECT(n == 1 && strcmp(link->identity, "u1") == 0 && strcmp(link->account, "g") == 0);
    EXPECT(link->user[0] == '\0');
    (void)find_link(w, "track", &n);
    EXPECT(n == 0);
    send_and_wait(w, &plan, &ask);
    EXPECT(ask.duplicate == 4 && ask.accepted == 0);
    world_destroy(w);
}

struct carrying {
    Assay__Ingest__V1__CarryRequest request;
    Assay__Scorer__V1__Move moves[2], *list[2];
};

// Two moves to an account of the lane that owns it.
static void carrying_fill(struct carrying *c, uint64_t position, const char *account)
{
    assay__ingest__v1__carry_request__init(&c->request);
    c->request.from_lane = 7;
    c->request.to_lane = shard_of_key(span_of(account), 64) * LANES / 64;
    for (size_t i = 0; i < 2; i++) {
        assay__scorer__v1__move__init(&c->moves[i]);
        c->moves[i].position = position;
        c->moves[i].index = i + 1;
        c->moves[i].account_id = (char *)account;
        c->list[i] = &c->moves[i];
    }
    c->request.moves = c->list;
    c->request.n_moves = 2;
}

static enum err carry(struct world *w, const struct carrying *c, struct err_info *info)
{
    struct arena arena;
    ProtobufCMessage *answer;
    arena_init(&arena, 1024, 0);
    enum err err =
        rpc_call_wait(w->loop, w->client, "assay.ingest.v1.IngestService/Carry", &c->request.base,
                      &assay__ingest__v1__carry_response__descriptor, NULL, &arena, &answer, info);
    arena_deinit(&arena);
    return err;
}

// As they are, in order, and answered only when they are there.
static void moves_are_passed_on(void)
{
    struct world *w = world_create(15);
    struct carrying c;
    struct err_info info = {{0}};
    carrying_fill(&c, 5, "acme");
    EXPECT(carry(w, &c, &info) == ERR_OK);
    const struct fake_lane *lane = &w->fake->lanes[c.request.to_lane];
    EXPECT(lane->n_moves == 2);
    for (size_t i = 0; i < 2; i++) {
        EXPECT(lane->moves[i].from_lane == 7 && lane->moves[i].position == 5);
        EXPECT(lane->moves[i].index == i + 1 && strcmp(lane->moves[i].account, "acme") == 0);
    }
    w->fake->away = true;
    EXPECT(carry(w, &c, &info) == ERR_UNAVAILABLE && lane->n_moves == 2);
    w->fake->away = false;
    w->fake->wrong_lane = true;
    EXPECT(carry(w, &c, &info) == ERR_UNAVAILABLE && lane->n_moves == 2);
    w->fake->wrong_lane = false;
    c.request.to_lane = (c.request.to_lane + 1) % LANES;
    EXPECT(carry(w, &c, &info) == ERR_INVALID);
    EXPECT(strstr(info.text, "belongs to another lane") != NULL);
    c.request.to_lane = LANES;
    EXPECT(carry(w, &c, &info) == ERR_INVALID);
    EXPECT(strstr(info.text, "no such lane") != NULL);
    c.request.n_moves = 0;
    EXPECT(carry(w, &c, &info) == ERR_INVALID);
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

static struct ask *taken_or_refused;
static size_t n_taken;

static bool is_taken_or_refused(struct world *w)
{
    char line[80];
    snprintf(line, sizeof line, "\nassay_ingest_requests_open %zu\n", n_taken);
    metric_wanted = line;
    return taken_or_refused->done || has_metric(w);
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
        taken_or_refused = &asks[n];
        n_taken = (size_t)n + 1;
        run_until(w, is_taken_or_refused);
        full = asks[n].done;
    }
    EXPECT(full && n == 9); // eight of 8 KiB fit
    EXPECT(asks[n - 1].status == RPC_RESOURCE_EXHAUSTED);
    EXPECT(strstr(asks[n - 1].text, " is behind: 0.1 MiB wait") != NULL);
    // The next in sequence is held though it is small.
    struct plan next = {.sender = "s", .sequence = (uint64_t)n + 1, .oldest_open = 1};
    plan_add(&next, "next", "u");
    send_plan(w, &next, &after);
    wait_for_metric(w, "assay_ingest_requests_held", 1);
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

// The call ends; its events go on, and the same request gets their verdicts.
static void a_caller_that_gives_up_ends_the_call_only(void)
{
    struct world *w = world_create(5);
    struct plan plan = {.sender = "s", .sequence = 1, .oldest_open = 1};
    struct ask ask, again;
    plan_add(&plan, "m", "u");
    w->fake->hold = true;
    send_plan(w, &plan, &ask);
    wait_for_requests(w, 1);
    rpc_call_cancel(ask.call); // a deadline ends it in the same way, but not at a known moment
    wait_for(w, &ask);
    EXPECT(ask.status == RPC_CANCELLED);
    send_plan(w, &plan, &again);
    wait_for_metric(w, "assay_ingest_requests_repeated_total", 1);
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
    struct plan connect = {0};
    plan_add(&late, "m3", "u");
    send_and_wait(w, &connect, &ask);
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
        if (i < 16)
            wait_for_metric(w, "assay_ingest_requests_held", (int)i + 1);
    }
    wait_for(w, &asks[16]);
    EXPECT(asks[16].done && asks[16].status == RPC_RESOURCE_EXHAUSTED);
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
    wait_for_metric(w, "assay_ingest_requests_open", 2);
    struct plan third = {.sender = "no place", .sequence = 1, .oldest_open = 1};
    send_and_wait(w, &third, &ask);
    EXPECT(ask.status == RPC_RESOURCE_EXHAUSTED);
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
    wait_for_metric(w, "assay_ingest_map_reloads_total", 1);
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
    wait_for_metric(w, "assay_ingest_requests_held", 1);
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
        CASE(verdicts_have_the_right_places),
        CASE(requests_are_judged_as_a_whole),
        CASE(identify_reaches_every_lane),
        CASE(links_reach_the_home_of_who_is_linked),
        CASE(moves_are_passed_on),
        CASE(a_lane_that_is_behind_pushes_back),
        CASE(a_caller_that_gives_up_ends_the_call_only),
        CASE(a_turn_that_does_not_come),
        CASE(held_requests_are_bounded),
        CASE(senders_are_bounded),
        CASE(a_refused_batch_leaves_no_hole),
        CASE(a_scorer_that_forgot_gets_a_new_source),
        CASE(a_new_map_is_fetched),
        CASE(a_drain_finishes_what_was_taken),
        CASE(a_drain_ends_in_time),
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
