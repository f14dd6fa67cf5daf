// SPDX-License-Identifier: Apache-2.0
// What is asked of a plan; nothing changes.
#include "services/router/webhook/plan_impl.h"

size_t plan_places(const struct webhook_plan *plan)
{
    size_t most = plan->failures_in_row >= WEBHOOK_FAILING ? 1 : plan->opts.in_flight;
    return plan->disabled || most <= plan->n_in_flight ? 0 : most - plan->n_in_flight;
}

size_t webhook_plan_room(const struct webhook_plan *plan)
{
    if (plan->disabled || plan->n_pending >= plan->opts.pending_max)
        return 0;
    return plan->opts.pending_max - plan->n_pending;
}

uint64_t webhook_plan_cursor(const struct webhook_plan *plan)
{
    return plan->cursor;
}

// The earliest head that waits; skips nothing, so that it can look at a const plan: an entry that
// no longer holds makes it wake once too often, and then it is gone.
int64_t webhook_plan_due_ms(const struct webhook_plan *plan)
{
    const struct heap_entry *top = heap_top(&plan->due);
    if (top == NULL || plan_places(plan) == 0)
        return INT64_MAX;
    return top->key > plan->pause_until_ms ? top->key : plan->pause_until_ms;
}

const struct webhook_delivery *webhook_plan_find(const struct webhook_plan *plan, uint64_t offset)
{
    uint32_t i = plan_find(plan, offset);
    return i == INDEX_NONE ? NULL : &plan->slots[i].d;
}

const struct webhook_dead *webhook_plan_dead_after(const struct webhook_plan *plan, uint64_t after)
{
    return dead_list_after(&plan->dead, after);
}

void webhook_plan_health(const struct webhook_plan *plan, struct webhook_plan_health *out)
{
    *out = (struct webhook_plan_health){
        .failures_in_row = plan->failures_in_row,
        .disabled = plan->disabled,
        .last_error = plan->last_error,
    };
}

void webhook_plan_view(const struct webhook_plan *plan, struct webhook_plan_view *out)
{
    *out = (struct webhook_plan_view){
        .delivered = plan->n_delivered,
        .failed_attempts = plan->n_failed,
        .died = plan->n_died,
        .dead_dropped = plan->n_dropped,
        .pending = plan->n_pending,
        .in_flight = plan->n_in_flight,
        .dead = plan->dead.n,
        .last_delivered_ms = plan->last_delivered_ms,
    };
    webhook_plan_health(plan, &out->health);
    for (uint32_t i = 0; i < plan->n_slots; i++) {
        const struct plan_slot *s = &plan->slots[i];
        if (!s->used || s->superseded)
            continue;
        if (out->oldest_pending_ms == 0 || s->d.first_ms < out->oldest_pending_ms)
            out->oldest_pending_ms = s->d.first_ms;
        bool waits = s->before == INDEX_NONE && !s->in_flight;
        if (waits && (out->next_attempt_ms == 0 || s->d.next_ms < out->next_attempt_ms))
            out->next_attempt_ms = s->d.next_ms;
    }
    if (out->next_attempt_ms != 0 && out->next_attempt_ms < plan->pause_until_ms)
        out->next_attempt_ms = plan->pause_until_ms;
}
