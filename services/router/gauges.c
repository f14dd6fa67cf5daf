// SPDX-License-Identifier: Apache-2.0
// Metrics of each queue, under the label `queue`. A queue gets its set on the loop, before the
// playbook that names it is in force, and keeps it; the fold's thread writes the numbers.
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/log/log.h"
#include "services/router/router_impl.h"

#define LOG_COMPONENT "gauges"

enum { QUEUES_MAX = 256, LABELS_MAX = 256 };

// Labels: queue.
#define QUEUE_METRICS(X)                                                                           \
    X(GAUGE, waiting, "assay_router_queue_waiting", "Leads that wait")                             \
    X(GAUGE, ready, "assay_router_queue_ready", "Leads that can be leased now")                    \
    X(GAUGE, delayed, "assay_router_queue_delayed", "Leads that wait until an instant")            \
    X(GAUGE, held, "assay_router_queue_held", "Leads that no rep can take now")                    \
    X(GAUGE, leased, "assay_router_queue_leased", "Leads that a consumer holds")                   \
    X(GAUGE, acked, "assay_router_queue_acked", "Leads that a consumer took over")                 \
    X(GAUGE, parked, "assay_router_queue_parked", "Leads that were parked")                        \
    X(GAUGE, untouched, "assay_router_queue_untouched", "Leads of reps, not touched yet")          \
    X(COUNTER, touched, "assay_router_queue_touched_total", "First touches")                       \
    X(COUNTER, missed, "assay_router_queue_sla_missed_total",                                      \
      "Assignments that were not touched in time")                                                 \
    X(SECONDS, oldest, "assay_router_queue_oldest_timestamp_seconds",                              \
      "When the oldest lead that waits became known; 0: none waits")

struct queue_gauges {
    struct queue_gauges *next; // set before it can be seen
    char *name;
    METRICS_FIELDS(QUEUE_METRICS)
};

#define QUEUE_DESC(kind, field, name, help)                                                        \
    METRICS_DESC(struct queue_gauges, kind, field, name, help)
static const struct metrics_desc QUEUE_DESCS[] = {QUEUE_METRICS(QUEUE_DESC)};

static struct queue_gauges *first(const struct router *router)
{
    return atomic_load(&router->gauges);
}

static void add(struct router *router, const char *name)
{
    char labels[LABELS_MAX];
    for (const struct queue_gauges *g = first(router); g != NULL; g = g->next)
        if (strcmp(g->name, name) == 0)
            return;
    // Names of playbooks need no quoting.
    int len = snprintf(labels, sizeof labels, "queue=\"%s\"", name);
    if (router->n_gauges == QUEUES_MAX || len >= (int)sizeof labels) {
        LOG_WARN("queue_without_metrics", "queue=%.64s", name);
        return;
    }
    struct queue_gauges *gauges = mem_zalloc(sizeof *gauges);
    gauges->name = mem_dup_text(name);
    gauges->next = first(router);
    router->n_gauges++;
    metrics_register(service_metrics(router->service), QUEUE_DESCS, ARRAY_LEN(QUEUE_DESCS), gauges,
                     labels);
    atomic_store(&router->gauges, gauges);
}

void gauges_add(struct router *router, const struct playbook *playbook)
{
    for (int32_t i = 0; i < playbook->n_queues; i++)
        add(router, playbook->queues[i].name);
}

// Of an instant that nanoseconds cannot say, as of none: 0.
static int64_t nanoseconds(int64_t at_ms)
{
    static const int64_t MAX_MS = INT64_MAX / 1000000;
    return at_ms < 0 || at_ms > MAX_MS ? 0 : at_ms * 1000000;
}

static void set(struct queue_gauges *gauges, const struct router_queue_view *view)
{
    metrics_set(&gauges->waiting, (int64_t)view->counts[ROUTER_WAITING]);
    metrics_set(&gauges->ready, (int64_t)view->ready);
    metrics_set(&gauges->delayed, (int64_t)view->delayed);
    metrics_set(&gauges->held, (int64_t)view->held);
    metrics_set(&gauges->leased, (int64_t)view->counts[ROUTER_LEASED]);
    metrics_set(&gauges->acked, (int64_t)view->counts[ROUTER_ACKED]);
    metrics_set(&gauges->parked, (int64_t)view->counts[ROUTER_PARKED]);
    metrics_set(&gauges->untouched, (int64_t)view->untouched);
    metrics_set(&gauges->oldest, nanoseconds(view->oldest_known_at_ms));
}

void gauges_set(struct router *router, const struct router_queue_view *views, size_t n)
{
    static const struct router_queue_view NONE = {.oldest_known_at_ms = INT64_MIN};
    for (struct queue_gauges *g = first(router); g != NULL; g = g->next) {
        const struct router_queue_view *view = &NONE;
        for (size_t i = 0; i < n; i++)
            if (strcmp(views[i].name, g->name) == 0)
                view = &views[i];
        set(g, view);
        if (view == &NONE)
            continue;
        metrics_mirror(&g->touched, view->touched);
        metrics_mirror(&g->missed, view->sla_missed);
    }
}

void gauges_deinit(struct router *router)
{
    struct queue_gauges *next;
    for (struct queue_gauges *g = first(router); g != NULL; g = next) {
        next = g->next;
        mem_free(g->name);
        mem_free(g);
    }
}
