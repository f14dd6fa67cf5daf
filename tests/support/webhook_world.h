// SPDX-License-Identifier: Apache-2.0
// The shipped router with webhooks to receivers on loopback, in a cluster that lives by its events'
// times: the test moves the clock, and so decides when a delivery is tried again.
#pragma once

#include "assay/admin/v1/admin.pb-c.h"
#include "tests/support/http_receiver.h"
#include "tests/support/router_process.h"

static const char WEBHOOK_SECRET[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

enum { WEBHOOK_RECEIVERS_MAX = 4 };

struct webhook_world {
    struct router_process w;
    struct http_receiver receivers[WEBHOOK_RECEIVERS_MAX];
    size_t n;
    uint64_t position;
    int64_t clock_ms;
};

static inline void world_append(struct webhook_world *world, const char *name, const char *text)
{
    struct temp_folder path = temp_folder_at(&world->w.folder, name);
    FILE *f = fopen(path.path, "a");
    CHECK(f != NULL);
    fputs(text, f);
    CHECK(fclose(f) == 0);
}

static inline void world_make(struct webhook_world *world, const char *clock)
{
    char text[PATH_MAX + 128];
    world->n = 0;
    world->position = 0;
    world->clock_ms = 0;
    router_process_make(&world->w, PLAYBOOK, TEST_BIN_DIR "/assay-router");
    snprintf(text, sizeof text, "clock: %s\nwebhooks: \"%s/webhooks.yaml\"\n", clock,
             world->w.folder.path);
    world_append(world, "router.yaml", text);
    world_append(world, "webhooks.yaml", "webhooks:\n");
    world_append(world, "a.secret", WEBHOOK_SECRET);
}

// A webhook with a receiver of its own; `more` are lines of its section, each indented by 4.
static inline struct http_receiver *world_hook(struct webhook_world *world, const char *name,
                                               const char *more)
{
    char text[2048];
    CHECK(world->n < WEBHOOK_RECEIVERS_MAX);
    struct http_receiver *receiver = &world->receivers[world->n++];
    receiver_init(receiver);
    snprintf(text, sizeof text,
             "  %s:\n    url: http://localhost:%d/hook?key=1\n    allow_http: true\n"
             "    secret_files: [a.secret]\n%s",
             name, receiver->port, more);
    world_append(world, "webhooks.yaml", text);
    return receiver;
}

static inline void world_end(struct webhook_world *world)
{
    router_process_end(&world->w);
    for (size_t i = 0; i < world->n; i++)
        receiver_deinit(&world->receivers[i]);
}

static inline void world_die(struct webhook_world *world)
{
    kill(world->w.pid, SIGKILL);
    CHECK(wait_end(&world->w) == 128 + SIGKILL);
}

// The next lead, of an account of its own: one decision of it is CREATED.
static inline void world_lead(struct webhook_world *world, const char *account)
{
    send_one(&world->w, ++world->position, account, "qualify.pql");
    if (world->clock_ms <= (int64_t)world->position)
        world->clock_ms = (int64_t)world->position + 1;
}

static inline void world_advance(struct webhook_world *world, int64_t to_ms)
{
    Assay__Admin__V1__AdvanceClockRequest request = ASSAY__ADMIN__V1__ADVANCE_CLOCK_REQUEST__INIT;
    request.to_ms = to_ms;
    enum err err = ask(&world->w, "assay.admin.v1.AdminService/AdvanceClock", &request.base,
                       &assay__admin__v1__advance_clock_response__descriptor, NULL);
    if (err != ERR_OK)
        fprintf(stderr, "AdvanceClock: %s\n", world->w.info.text);
    CHECK(err == ERR_OK);
    world->clock_ms = to_ms;
}

static inline const Assay__Router__V1__Webhook *world_webhook(struct webhook_world *world, size_t i)
{
    Assay__Router__V1__GetWebhooksRequest request = ASSAY__ROUTER__V1__GET_WEBHOOKS_REQUEST__INIT;
    Assay__Router__V1__GetWebhooksResponse *answer = NULL;
    INSIST(&world->w, GetWebhooks, get_webhooks, &request, &answer);
    CHECK(i < answer->n_webhooks);
    return answer->webhooks[i];
}

// Asks until so many attempts of the webhook have ended, well or not.
static inline const Assay__Router__V1__Webhook *world_ended(struct webhook_world *world, size_t i,
                                                            uint64_t delivered, uint64_t failed)
{
    for (int tries = 0; tries < ROUNDS_MAX; tries++) {
        arena_reset(&world->w.arena);
        const Assay__Router__V1__Webhook *hook = world_webhook(world, i);
        if (hook->delivered >= delivered && hook->failed_attempts >= failed)
            return hook;
    }
    const Assay__Router__V1__Webhook *hook = world_webhook(world, i);
    fprintf(stderr, "%s: delivered %llu, failed %llu, pending %llu, next at %lld of %lld: %s\n",
            hook->name, (unsigned long long)hook->delivered,
            (unsigned long long)hook->failed_attempts, (unsigned long long)hook->pending,
            (long long)hook->next_attempt_ms, (long long)world->clock_ms, hook->last_error);
    show_log(&world->w);
    CHECK(!"the attempts end");
    return NULL;
}

// Moves the clock from one attempt to the next until nothing of the webhook waits any more.
static inline const Assay__Router__V1__Webhook *world_drain(struct webhook_world *world, size_t i)
{
    for (int tries = 0; tries < ROUNDS_MAX; tries++) {
        arena_reset(&world->w.arena);
        const Assay__Router__V1__Webhook *hook = world_webhook(world, i);
        if (hook->pending == 0 && hook->behind == 0)
            return hook;
        if (hook->next_attempt_ms > world->clock_ms)
            world_advance(world, hook->next_attempt_ms);
    }
    CHECK(!"it is drained");
    return NULL;
}
