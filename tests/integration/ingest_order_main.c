// SPDX-License-Identifier: Apache-2.0
// links: ingest_service shard rpc loop clock log metrics base assay_proto
// Senders that pipeline requests and repeat them until they are answered, while the scorer loses,
// delays, reorders and refuses, and ingest is started again: no acknowledged event is missing, and
// events of one sender for one account are applied in order.
#include "tests/integration/ingest_world.h"

// ---- A sender that repeats until it is answered -------------------------------------------------

enum { PIPELINE = 8, REQUESTS = 120, EVENTS = 5, ACCOUNTS = 6 };

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
                   slot->ask.status == RPC_RESOURCE_EXHAUSTED ||
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

int main(void)
{
    log_init("test", LOG_LEVEL_OFF);
    printf("order survives a bad scorer\n");
    for (uint64_t seed = 1; seed <= 3; seed++)
        order_and_counts_survive(seed, 0);
    printf("order survives restarts of ingest\n");
    for (uint64_t seed = 1; seed <= 5; seed++)
        order_and_counts_survive(seed * 100, 4);
    return 0;
}
