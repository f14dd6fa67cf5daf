// SPDX-License-Identifier: Apache-2.0
// Leads that wait for a rep, by kind: what decides who can take one is the same for all of a kind,
// so that a rep who comes free looks at the first of each kind and at no other. Order among leads
// is rank, then serial. Kinds live only while leads of them wait.
#include "services/router/core/teams_impl.h"

#include <string.h>

#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/base/mem.h"

enum { HELD_SLACK = 64 }; // stale entries that are never worth a new heap

struct group_in {
    const struct router_core *core;
    const struct held_group *group;
};

static bool live(const void *ctx, const struct heap_entry *entry)
{
    const struct group_in *in = ctx;
    const struct router_lead *lead = in->core->leads[entry->item - 1];
    return lead->group == in->group && lead->rank == entry->key;
}

// ---- Kinds --------------------------------------------------------------------------------------

static uint64_t kind_hash(const struct crew_held *held, const struct kind *kind)
{
    return hash64(span_make(kind, held->kind_bytes));
}

static uint64_t group_hash(const void *ctx, uint32_t item)
{
    const struct crew_held *held = ctx;
    return kind_hash(held, held->groups[item]->kind);
}

static bool group_eq(const void *ctx, uint32_t item, const void *key)
{
    const struct crew_held *held = ctx;
    return memcmp(held->groups[item]->kind, key, held->kind_bytes) == 0;
}

static struct held_group *group_of(struct crew_held *held, const struct kind *kind)
{
    uint64_t hash = kind_hash(held, kind);
    uint32_t item = index_find(&held->index, hash, group_eq, held, kind);
    if (item != INDEX_NONE)
        return held->groups[item];
    struct held_group *group = mem_zalloc(sizeof *group);
    group->kind = mem_alloc(held->kind_bytes);
    memcpy(group->kind, kind, held->kind_bytes);
    MEM_GROW(held->groups, held->n_groups, held->groups_cap);
    group->place = held->n_groups++;
    held->groups[group->place] = group;
    index_add(&held->index, hash, group->place, group_hash, held);
    return group;
}

static void group_destroy(struct held_group *group)
{
    heap_deinit(&group->heap);
    mem_free(group->kind);
    mem_free(group);
}

// The last group takes the place of the one that goes.
static void group_drop(struct crew_held *held, struct held_group *group)
{
    struct held_group *last = held->groups[held->n_groups - 1];
    CHECK(index_remove(&held->index, kind_hash(held, group->kind), group->place));
    if (last != group) {
        CHECK(index_remove(&held->index, kind_hash(held, last->kind), last->place));
        last->place = group->place;
        held->groups[last->place] = last;
    }
    held->n_groups--;
    if (last != group)
        index_add(&held->index, kind_hash(held, last->kind), last->place, group_hash, held);
    group_destroy(group);
}

// ---- Leads --------------------------------------------------------------------------------------

void held_add(struct router_core *core, struct crew *crew, struct router_lead *lead,
              const struct kind *kind)
{
    CHECK(lead->group == NULL && !lead->on_desk);
    struct held_group *group = group_of(crew->held, kind);
    lead->group = group;
    group->n++;
    crew->n_held++;
    crew->held->next_known = false;
    heap_push(&group->heap, lead->rank, lead->serial);
    if (group->heap.n <= 2 * group->n + HELD_SLACK)
        return;
    struct group_in in = {core, group};
    heap_keep(&group->heap, live, &in);
    CHECK(group->heap.n == group->n);
}

void held_remove(struct crew *crew, struct router_lead *lead)
{
    struct held_group *group = lead->group;
    lead->held_since_ms = 0;
    lead->overflow_at_ms = INT64_MAX;
    if (group == NULL)
        return;
    CHECK(group->n > 0 && crew->n_held > 0);
    lead->group = NULL;
    crew->n_held--;
    if (--group->n == 0)
        group_drop(crew->held, group);
}

void held_again(struct router_core *core, struct crew *crew)
{
    struct crew_held *held = crew->held;
    struct router_lead **leads = mem_alloc((crew->n_held + 1) * sizeof *leads);
    size_t n = 0;
    for (uint32_t i = 0; i < held->n_groups; i++) {
        struct held_group *group = held->groups[i];
        for (size_t j = 0; j < group->heap.n; j++) {
            struct router_lead *lead = core->leads[group->heap.entries[j].item - 1];
            if (lead->group != group)
                continue;
            lead->group = NULL;
            leads[n++] = lead;
        }
        group_destroy(group);
    }
    CHECK(n == crew->n_held);
    held->n_groups = 0;
    index_deinit(&held->index);
    held->index = (struct index){0};
    crew->n_held = 0;
    held->next_known = false;
    for (size_t i = 0; i < n; i++)
        held_add(core, crew, leads[i], assign_kind(core, crew, leads[i]));
    mem_free(leads);
}

static struct router_lead *top_of(const struct router_core *core, struct held_group *group)
{
    struct group_in in = {core, group};
    const struct heap_entry *top;
    while ((top = heap_top(&group->heap)) != NULL) {
        if (live(&in, top))
            return core->leads[top->item - 1];
        (void)heap_pop(&group->heap);
    }
    return NULL;
}

// ---- Since when ---------------------------------------------------------------------------------

struct crew_in {
    const struct router_core *core;
    const struct crew *crew;
};

static bool waits_since(const void *ctx, const struct heap_entry *entry)
{
    const struct crew_in *in = ctx;
    const struct router_lead *lead = in->core->leads[entry->item - 1];
    return lead->group != NULL && lead->in->crew == in->crew && lead->held_since_ms == entry->key;
}

void held_begins(struct router_core *core, struct crew *crew, const struct router_lead *lead)
{
    struct heap *since = &crew->held->since;
    heap_push(since, lead->held_since_ms, lead->serial);
    if (since->n <= 2 * crew->n_held + HELD_SLACK)
        return;
    struct crew_in in = {core, crew};
    heap_keep(since, waits_since, &in);
}

int64_t held_oldest_ms(const struct router_core *core, const struct crew *crew)
{
    struct heap *since = &crew->held->since;
    struct crew_in in = {core, crew};
    const struct heap_entry *top;
    while ((top = heap_top(since)) != NULL) {
        if (waits_since(&in, top))
            return top->key;
        (void)heap_pop(since);
    }
    return INT64_MIN;
}

// ---- The first ----------------------------------------------------------------------------------

static bool comes_before(const struct router_lead *a, const struct router_lead *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->serial < b->serial;
}

struct router_lead *held_first(struct router_core *core, struct crew *crew)
{
    struct crew_held *held = crew->held;
    struct router_lead *first = NULL;
    for (uint32_t i = 0; i < held->n_groups; i++) {
        struct router_lead *lead = top_of(core, held->groups[i]);
        CHECK(lead != NULL);
        enum router_verdict verdict;
        if ((first == NULL || comes_before(lead, first)) &&
            assign_choose(crew, held->groups[i]->kind, &verdict) != NULL)
            first = lead;
    }
    return first;
}

void held_deinit(struct crew *crew)
{
    struct crew_held *held = crew->held;
    for (uint32_t i = 0; i < held->n_groups; i++)
        group_destroy(held->groups[i]);
    index_deinit(&held->index);
    heap_deinit(&held->since);
    mem_free(held->groups);
    mem_free(held->conditions);
    mem_free(held->kind);
    mem_free(held->shifts);
    mem_free(held);
}
