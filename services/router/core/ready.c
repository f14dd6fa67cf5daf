// SPDX-License-Identifier: Apache-2.0
// What can be leased, in order of rank: one heap for each queue, one for each rep of its team. A
// lead that is taken through one of the two heaps leaves a stale entry in the other; so that these
// never pile up, a heap of mostly stale entries is built anew of what is live.
#include "services/router/core/state.h"

#include "common/base/check.h"

enum { READY_SLACK = 64 }; // stale entries that are never worth a new heap

// ---- Rank ---------------------------------------------------------------------------------------

static int64_t rank_of(int64_t known_at_ms, int64_t points, int64_t priority, int64_t every_ms)
{
    int64_t age, strength, rank;
    if (__builtin_mul_overflow(known_at_ms, points, &age) ||
        __builtin_mul_overflow(priority, every_ms, &strength) ||
        __builtin_sub_overflow(age, strength, &rank))
        return known_at_ms < 0 ? INT64_MIN : INT64_MAX;
    return rank;
}

// Waiting adds the same to all, so that the order of two leads never changes while they wait: the
// strength that age has given is told by when it began.
int64_t router_leads_rank(const struct router_core *core, const struct router_lead *lead)
{
    const struct playbook *playbook = core->playbook;
    if (playbook == NULL || playbook->age_points == 0)
        return -(int64_t)lead->priority;
    int64_t since_ms = cause_now_ms(core, lead->created_at_ms, lead->known_at_ms);
    return rank_of(since_ms, playbook->age_points, lead->priority, playbook->age_ms);
}

// ---- The heaps ----------------------------------------------------------------------------------

// Whose heap it is: the queue's, or of the queue's team a rep's.
struct ready_in {
    const struct router_core *core;
    const struct router_queue *queue;
    const struct desk *desk; // NULL: the queue's
};

static bool live(const void *ctx, const struct heap_entry *entry)
{
    const struct ready_in *in = ctx;
    const struct router_lead *lead = in->core->leads[entry->item - 1];
    if (!lead->ready || lead->rank != entry->key)
        return false;
    return in->desk != NULL ? lead->desk == in->desk : lead->in == in->queue;
}

static void put_in(const struct router_core *core, struct heap *heap,
                   const struct router_lead *lead, const struct router_queue *queue,
                   const struct desk *desk, uint64_t n_live)
{
    heap_push(heap, lead->rank, lead->serial);
    if (heap->n < 2 * n_live + READY_SLACK)
        return;
    struct ready_in in = {core, queue, desk};
    heap_keep(heap, live, &in);
    CHECK(heap->n == n_live);
}

static bool can_be_leased(const struct router_lead *lead)
{
    if (lead->state != ROUTER_WAITING || lead->not_before_ms != 0)
        return false;
    return lead->in->crew == NULL || lead->rep[0] != '\0';
}

void router_leads_unready(struct router_lead *lead)
{
    if (!lead->ready)
        return;
    CHECK(lead->in->ready > 0);
    lead->in->ready--;
    if (lead->desk != NULL) {
        CHECK(lead->desk->ready > 0);
        lead->desk->ready--;
    }
    lead->desk = NULL;
    lead->ready = false;
}

void router_leads_ready(struct router_core *core, struct router_lead *lead)
{
    bool can = can_be_leased(lead);
    struct router_queue *queue = lead->in;
    struct desk *desk = NULL;
    if (can && queue->crew != NULL)
        desk = router_teams_desk(queue->crew, span_of(lead->rep), false);
    if (lead->ready && can && lead->desk == desk)
        return;
    router_leads_unready(lead);
    if (!can)
        return;
    lead->ready = true;
    lead->desk = desk;
    put_in(core, &queue->waiting, lead, queue, NULL, ++queue->ready);
    if (desk != NULL)
        put_in(core, &desk->waiting, lead, queue, desk, ++desk->ready);
}

struct router_lead *router_leads_take(struct router_core *core, struct router_queue *queue,
                                      struct desk *desk)
{
    struct heap *heap = desk != NULL ? &desk->waiting : &queue->waiting;
    struct ready_in in = {core, queue, desk};
    while (heap_top(heap) != NULL) {
        struct heap_entry entry = heap_pop(heap);
        if (live(&in, &entry))
            return core->leads[entry.item - 1];
    }
    return NULL;
}

struct desk *router_leads_desk_of(const struct router_queue *queue, struct span consumer)
{
    return queue->crew == NULL ? NULL : router_teams_desk(queue->crew, consumer, false);
}

void router_leads_rank_again(struct router_core *core)
{
    for (size_t i = 0; i < core->n_leads; i++)
        if (core->leads[i]->state == ROUTER_WAITING)
            router_leads_unready(core->leads[i]);
    for (size_t i = 0; i < core->n_queues; i++)
        core->queues[i]->waiting.n = 0;
    for (size_t i = 0; i < core->n_crews; i++)
        for (uint32_t j = 0; j < core->crews[i]->n_desks; j++)
            core->crews[i]->desks[j]->waiting.n = 0;
    for (size_t i = 0; i < core->n_leads; i++) {
        struct router_lead *lead = core->leads[i];
        lead->rank = router_leads_rank(core, lead);
        if (lead->state == ROUTER_WAITING)
            router_leads_ready(core, lead);
    }
}
