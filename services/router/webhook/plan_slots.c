// SPDX-License-Identifier: Apache-2.0
// Where deliveries live: slots, and the chain of each account, in order of offset.
#include "common/base/hash.h"
#include "services/router/webhook/plan_impl.h"

static uint64_t hash_u64(uint64_t value)
{
    return hash64(span_make(&value, sizeof value));
}

static uint64_t rehash_offset(const void *ctx, uint32_t item)
{
    return hash_u64(((const struct webhook_plan *)ctx)->slots[item].d.offset);
}

static bool eq_offset(const void *ctx, uint32_t item, const void *key)
{
    return ((const struct webhook_plan *)ctx)->slots[item].d.offset == *(const uint64_t *)key;
}

static uint64_t rehash_account(const void *ctx, uint32_t item)
{
    return hash_u64(((const struct webhook_plan *)ctx)->slots[item].d.account);
}

static bool eq_account(const void *ctx, uint32_t item, const void *key)
{
    return ((const struct webhook_plan *)ctx)->slots[item].d.account == *(const uint64_t *)key;
}

uint32_t plan_find(const struct webhook_plan *plan, uint64_t offset)
{
    return index_find(&plan->by_offset, hash_u64(offset), eq_offset, plan, &offset);
}

static uint32_t find_head(const struct webhook_plan *plan, uint64_t account)
{
    return index_find(&plan->by_account, hash_u64(account), eq_account, plan, &account);
}

static uint32_t slot_take(struct webhook_plan *plan)
{
    if (plan->n_free > 0)
        return plan->free[--plan->n_free];
    MEM_GROW(plan->slots, plan->n_slots, plan->slots_cap);
    plan->slots[plan->n_slots] = (struct plan_slot){0};
    return plan->n_slots++;
}

static void set_head(struct webhook_plan *plan, uint64_t account, uint32_t old, uint32_t new)
{
    if (old != INDEX_NONE)
        CHECK(index_remove(&plan->by_account, hash_u64(account), old));
    if (new != INDEX_NONE)
        index_add(&plan->by_account, hash_u64(account), new, rehash_account, plan);
}

void plan_make_due(struct webhook_plan *plan, uint32_t i)
{
    const struct plan_slot *s = &plan->slots[i];
    if (s->before == INDEX_NONE && !s->in_flight)
        heap_push(&plan->due, s->d.next_ms, s->d.offset);
}

// Puts it into its account's chain: behind what is in flight, otherwise by offset.
static void chain_in(struct webhook_plan *plan, uint32_t i)
{
    struct plan_slot *s = &plan->slots[i];
    uint32_t head = find_head(plan, s->d.account), before = INDEX_NONE, after = head;
    while (after != INDEX_NONE &&
           (plan->slots[after].in_flight || plan->slots[after].d.offset < s->d.offset)) {
        before = after;
        after = plan->slots[after].after;
    }
    s->before = before;
    s->after = after;
    if (after != INDEX_NONE)
        plan->slots[after].before = i;
    if (before != INDEX_NONE)
        plan->slots[before].after = i;
    else
        set_head(plan, s->d.account, head, i);
}

static void chain_out(struct webhook_plan *plan, uint32_t i)
{
    const struct plan_slot *s = &plan->slots[i];
    if (s->after != INDEX_NONE)
        plan->slots[s->after].before = s->before;
    if (s->before != INDEX_NONE) {
        plan->slots[s->before].after = s->after;
        return;
    }
    set_head(plan, s->d.account, i, s->after);
    if (s->after != INDEX_NONE)
        plan_make_due(plan, s->after);
}

uint32_t plan_add(struct webhook_plan *plan, const struct webhook_delivery *delivery)
{
    uint32_t i = slot_take(plan);
    struct plan_slot *s = &plan->slots[i];
    *s = (struct plan_slot){.d = *delivery, .uses = s->uses + 1, .used = true};
    index_add(&plan->by_offset, hash_u64(s->d.offset), i, rehash_offset, plan);
    chain_in(plan, i);
    plan->n_pending++;
    plan_make_due(plan, i);
    return i;
}

void plan_drop(struct webhook_plan *plan, uint32_t i)
{
    struct plan_slot *s = &plan->slots[i];
    chain_out(plan, i);
    if (!s->superseded) {
        CHECK(index_remove(&plan->by_offset, hash_u64(s->d.offset), i));
        plan->n_pending--;
    }
    s->used = false;
    MEM_GROW(plan->free, plan->n_free, plan->free_cap);
    plan->free[plan->n_free++] = i;
}

void plan_supersede(struct webhook_plan *plan, uint32_t i)
{
    struct plan_slot *s = &plan->slots[i];
    CHECK(s->in_flight && !s->superseded);
    CHECK(index_remove(&plan->by_offset, hash_u64(s->d.offset), i));
    s->superseded = true;
    plan->n_pending--;
}
