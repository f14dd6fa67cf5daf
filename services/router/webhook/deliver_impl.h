// SPDX-License-Identifier: Apache-2.0
// What deliver.c (the flow), send.c (one attempt), look.c (with the fold) and methods.c share.
#pragma once

#include "common/http_client/http_client.h"
#include "services/router/webhook/config.h"
#include "services/router/webhook/deliver.h"
#include "services/router/webhook/payload.h"
#include "services/router/webhook/plan.h"
#include "services/router/webhook/shelf.h"

enum {
    WEBHOOK_PENDING_MAX = 10000,
    WEBHOOK_DEAD_MAX = 10000,
    WEBHOOK_LOOK_SENDS_MAX = 32,
    WEBHOOK_LOOK_DECISIONS_MAX = 256,
    WEBHOOK_LOOK_AT_MAX = 1000, // decisions, to find those: the thread has other work
    WEBHOOK_HEADERS_OWN = 4,
};

// Labels: webhook.
#define WEBHOOK_METRICS(X)                                                                         \
    X(COUNTER, delivered, "assay_webhook_delivered_total", "Deliveries that got through")          \
    X(COUNTER, failed, "assay_webhook_failed_attempts_total", "Attempts that failed")              \
    X(COUNTER, died, "assay_webhook_dead_total", "Deliveries that were given up")                  \
    X(COUNTER, dropped, "assay_webhook_dead_dropped_total",                                        \
      "Dead letters that were dropped because there were too many")                                \
    X(GAUGE, dead, "assay_webhook_dead_letters", "Dead letters that are kept")                     \
    X(GAUGE, pending, "assay_webhook_pending", "Deliveries that wait or are under way")            \
    X(GAUGE, behind, "assay_webhook_behind_decisions", "Decisions that were not looked at yet")    \
    X(GAUGE, disabled, "assay_webhook_disabled", "1 when it answered 410 and gets nothing more")

struct webhook_metrics {
    METRICS_FIELDS(WEBHOOK_METRICS)
};

// One webhook.
struct hook {
    struct webhooks *webhooks;
    const struct webhook_config *config;
    struct webhook_plan *plan;
    uint64_t stored_cursor;
    struct webhook_metrics metrics;
};

// One attempt, from the plan's word until its answer.
struct sending {
    struct hook *hook;
    uint64_t offset, ticket;
    char lead_id[WEBHOOK_LEAD_ID_BYTES];
    struct sending *next; // while it waits for a look
    // From the look.
    struct span packed; // the decision; empty: it could not be read
    Assay__Router__V1__Lead *lead;
    // While it is under way.
    struct http_request request;
    struct http_header headers[WEBHOOK_HEADERS_MAX + WEBHOOK_HEADERS_OWN];
    char id[WEBHOOK_ID_BYTES];
    char timestamp[24];
    struct buf body, signatures;
};

// What is asked of the fold's thread.
struct webhook_look {
    struct item item;
    bool out;     // the fold has it
    bool refused; // it did not look
    bool reads;   // decisions after `after`
    uint64_t after, next;
    struct buf decisions;
    struct sending *sends[WEBHOOK_LOOK_SENDS_MAX];
    size_t n_sends;
    struct buf packed; // decisions of the sends
    struct arena arena;
    enum err err;
    struct err_info info;
};

struct webhooks {
    struct router *router;
    struct webhooks_config config;
    struct hook *hooks;
    size_t n;
    size_t next; // whose turn it is to read
    struct webhook_shelf *shelf;
    struct http_client *client;
    struct webhook_effects effects;
    struct sending *first, *last; // wait for a look
    struct webhook_look look;
    struct loop_timer *timer, *flush_timer;
    bool flushing; // the timer runs
    atomic_bool awaits;
    bool closing, client_closed, closed;
};

// deliver.c
void webhooks_step(struct hook *hook, const struct webhook_input *input, size_t *n);
void webhooks_pump(struct webhooks *webhooks);
struct hook *webhooks_find(struct webhooks *webhooks, const char *name); // NULL: there is none

// send.c
// Builds and sends it; its end is an answer to the plan.
void sending_start(struct sending *sending);
void sending_destroy(struct sending *sending);
