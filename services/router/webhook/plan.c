// SPDX-License-Identifier: Apache-2.0
// A delivery's way:
//
//     TAKEN ──► behind an earlier one of its account ──► head of its account, due at next_ms
//     due, and a place is free ──► SEND, in flight ──► delivered: gone, the account's next is head
//                                                 ├──► failed: head again, due after a delay
//                                                 └──► failed for the last time: a dead letter
#include "services/router/webhook/plan.h"

#include <stdio.h>
#include <string.h>

#include "common/base/hash.h"
#include "services/router/webhook/plan_impl.h"

// ---- Schedules ----------------------------------------------------------------------------------

enum webhook_verdict webhook_judge(int status)
{
    if (status >= 200 && status < 300)
        return WEBHOOK_DELIVERED;
    if (status == 410)
        return WEBHOOK_GONE;
    if (status == 0 || status >= 500 || status == 408 || status == 425 || status == 429)
        return WEBHOOK_RETRY;
    return WEBHOOK_RETRY_SLOW;
}

int64_t webhook_plan_delay_ms(uint64_t id, uint32_t attempt, bool slow)
{
    static const int64_t DELAYS_S[] = {5, 30, 120, 600, 1800, 3600};
    enum { SLOW_FROM = 3, JITTER_LEAST = 800, JITTER_STEPS = 401 };
    size_t i = attempt == 0 ? 0 : attempt - 1;
    i += slow ? SLOW_FROM : 0;
    i = i < ARRAY_LEN(DELAYS_S) ? i : ARRAY_LEN(DELAYS_S) - 1;
    uint64_t roll = hash64_seeded(span_make(&id, sizeof id), attempt);
    return DELAYS_S[i] * (JITTER_LEAST + (int64_t)(roll % JITTER_STEPS));
}

// ---- Effects ------------------------------------------------------------------------------------

void webhook_effects_deinit(struct webhook_effects *effects)
{
    mem_free(effects->items);
    *effects = (struct webhook_effects){0};
}

static void effect(struct webhook_effects *effects, struct webhook_effect item)
{
    MEM_GROW(effects->items, effects->n, effects->cap);
    effects->items[effects->n++] = item;
}

static void effect_of(struct webhook_effects *effects, enum webhook_effect_kind kind,
                      uint64_t offset)
{
    effect(effects, (struct webhook_effect){.kind = kind, .offset = offset});
}

// ---- Dead letters -------------------------------------------------------------------------------

static void dead_forget(struct webhook_plan *plan, size_t i, struct webhook_effects *effects)
{
    effect(effects, (struct webhook_effect){.kind = WEBHOOK_ERASE_DEAD,
                                            .serial = dead_list_at(&plan->dead, i)->serial});
    dead_list_remove(&plan->dead, i);
}

static void die(struct webhook_plan *plan, uint32_t i, int64_t now_ms,
                struct webhook_effects *effects)
{
    struct webhook_dead dead = {.serial = plan->dead.serial + 1, .dead_ms = now_ms};
    dead.delivery = plan->slots[i].d;
    if (dead.delivery.attempts == 0)
        memcpy(dead.delivery.error, plan->last_error, sizeof dead.delivery.error);
    while (plan->dead.n >= plan->opts.dead_max) {
        dead_forget(plan, 0, effects);
        plan->n_dropped++;
    }
    dead_list_add(&plan->dead, &dead);
    plan->n_died++;
    effect(effects, (struct webhook_effect){.kind = WEBHOOK_STORE_DEAD, .serial = dead.serial});
    effect_of(effects, WEBHOOK_ERASE, dead.delivery.offset);
    plan_drop(plan, i);
}

// ---- Sending ------------------------------------------------------------------------------------

static void skip_stale(struct webhook_plan *plan)
{
    const struct heap_entry *top;
    while ((top = heap_top(&plan->due)) != NULL) {
        uint32_t i = plan_find(plan, top->item);
        const struct plan_slot *s = i == INDEX_NONE ? NULL : &plan->slots[i];
        if (s != NULL && s->before == INDEX_NONE && !s->in_flight && s->d.next_ms == top->key)
            return;
        (void)heap_pop(&plan->due);
    }
}

static void send_due(struct webhook_plan *plan, int64_t now_ms, struct webhook_effects *effects)
{
    if (now_ms < plan->pause_until_ms)
        return;
    for (size_t left = plan_places(plan); left > 0; left--) {
        skip_stale(plan);
        const struct heap_entry *top = heap_top(&plan->due);
        if (top == NULL || top->key > now_ms)
            return;
        uint32_t i = plan_find(plan, top->item);
        (void)heap_pop(&plan->due);
        struct plan_slot *s = &plan->slots[i];
        s->in_flight = true;
        plan->n_in_flight++;
        effect(effects, (struct webhook_effect){.kind = WEBHOOK_SEND,
                                                .offset = s->d.offset,
                                                .ticket = (uint64_t)s->uses << 32 | i});
    }
}

// Everything that waits because the destination failed is due now.
static void call_waiting(struct webhook_plan *plan, int64_t now_ms)
{
    plan->due.n = 0;
    for (uint32_t i = 0; i < plan->n_slots; i++) {
        struct plan_slot *s = &plan->slots[i];
        if (!s->used || s->superseded || s->in_flight)
            continue;
        if (!s->d.slow && s->d.next_ms > now_ms)
            s->d.next_ms = now_ms;
        plan_make_due(plan, i);
    }
}

static void delivered(struct webhook_plan *plan, uint32_t i, int64_t now_ms,
                      struct webhook_effects *effects)
{
    bool recovered = plan->failures_in_row >= WEBHOOK_RECOVERY;
    plan->n_delivered++;
    plan->last_delivered_ms = now_ms;
    plan->failures_in_row = 0;
    plan->pause_until_ms = 0;
    if (!plan->slots[i].superseded)
        effect_of(effects, WEBHOOK_ERASE, plan->slots[i].d.offset);
    plan_drop(plan, i);
    if (recovered)
        call_waiting(plan, now_ms);
}

static int64_t retry_at(const struct webhook_plan *plan, const struct webhook_delivery *d,
                        int64_t retry_after_ms, int64_t now_ms)
{
    int64_t wait_ms = webhook_plan_delay_ms(plan->opts.seed ^ d->offset, d->attempts, d->slow);
    int64_t last_ms = d->first_ms + plan->opts.give_up_after_ms;
    if (wait_ms < retry_after_ms)
        wait_ms = retry_after_ms;
    return now_ms + wait_ms < last_ms ? now_ms + wait_ms : last_ms;
}

// The destination fails on and on: a pause before anything else goes there, and an end for what is
// past its time.
static void fail_on(struct webhook_plan *plan, int64_t now_ms, struct webhook_effects *effects)
{
    if (plan->failures_in_row < WEBHOOK_FAILING)
        return;
    if (plan->failures_in_row == WEBHOOK_FAILING)
        plan->failing_since_ms = now_ms;
    int64_t pause_ms = WEBHOOK_PROBE_MIN_MS;
    for (uint32_t i = WEBHOOK_FAILING; i < plan->failures_in_row && pause_ms < WEBHOOK_PROBE_MAX_MS;
         i++)
        pause_ms *= 2;
    pause_ms = pause_ms < WEBHOOK_PROBE_MAX_MS ? pause_ms : WEBHOOK_PROBE_MAX_MS;
    if (plan->pause_until_ms < now_ms + pause_ms)
        plan->pause_until_ms = now_ms + pause_ms;
    if (now_ms - plan->failing_since_ms < WEBHOOK_HOPELESS_MS)
        return;
    for (uint32_t i = 0; i < plan->n_slots; i++) {
        const struct plan_slot *s = &plan->slots[i];
        if (s->used && !s->superseded && !s->in_flight &&
            now_ms >= s->d.first_ms + plan->opts.give_up_after_ms)
            die(plan, i, now_ms, effects);
    }
}

static void note_failure(struct webhook_plan *plan, const struct webhook_input *in,
                         int64_t retry_after_ms, int64_t now_ms)
{
    plan->n_failed++;
    plan->failures_in_row++;
    snprintf(plan->last_error, sizeof plan->last_error, "%s", in->error == NULL ? "" : in->error);
    if (in->pause && retry_after_ms > 0)
        plan->pause_until_ms = now_ms + retry_after_ms;
    if (in->verdict == WEBHOOK_GONE)
        plan->disabled = true;
}

static void failed(struct webhook_plan *plan, uint32_t i, const struct webhook_input *in,
                   int64_t now_ms, struct webhook_effects *effects)
{
    struct plan_slot *s = &plan->slots[i];
    int64_t retry_after_ms = in->retry_after_ms < WEBHOOK_RETRY_AFTER_MAX_MS
                                 ? in->retry_after_ms
                                 : WEBHOOK_RETRY_AFTER_MAX_MS;
    note_failure(plan, in, retry_after_ms, now_ms);
    s->d.attempts++;
    s->d.slow = in->verdict == WEBHOOK_RETRY_SLOW;
    memcpy(s->d.error, plan->last_error, sizeof s->d.error);
    if (s->superseded) {
        plan_drop(plan, i);
    } else if (in->verdict != WEBHOOK_GONE &&
               now_ms >= s->d.first_ms + plan->opts.give_up_after_ms) {
        die(plan, i, now_ms, effects);
    } else {
        // One that is gone is due as soon as the destination is enabled again.
        s->d.next_ms =
            in->verdict == WEBHOOK_GONE ? now_ms : retry_at(plan, &s->d, retry_after_ms, now_ms);
        effect_of(effects, WEBHOOK_STORE, s->d.offset);
        plan_make_due(plan, i);
    }
    fail_on(plan, now_ms, effects);
}

static void answered(struct webhook_plan *plan, const struct webhook_input *in, int64_t now_ms,
                     struct webhook_effects *effects)
{
    uint32_t i = (uint32_t)in->ticket;
    CHECK(i < plan->n_slots);
    struct plan_slot *s = &plan->slots[i];
    CHECK(s->used && s->in_flight && s->uses == in->ticket >> 32);
    s->in_flight = false;
    plan->n_in_flight--;
    switch (in->verdict) {
    case WEBHOOK_DELIVERED:
        delivered(plan, i, now_ms, effects);
        return;
    case WEBHOOK_INTERRUPTED:
        if (s->superseded)
            plan_drop(plan, i);
        else
            plan_make_due(plan, i);
        return;
    case WEBHOOK_RETRY:
    case WEBHOOK_RETRY_SLOW:
    case WEBHOOK_GONE:
        failed(plan, i, in, now_ms, effects);
        return;
    }
    CHECK(false);
}

// ---- The log and replays ------------------------------------------------------------------------

static void begin_anew(struct webhook_plan *plan, struct webhook_delivery *d, int64_t now_ms,
                       struct webhook_effects *effects)
{
    d->attempts = 0;
    d->first_ms = d->next_ms = now_ms;
    d->slow = false;
    d->error[0] = '\0';
    (void)plan_add(plan, d);
    effect_of(effects, WEBHOOK_STORE, d->offset);
}

static void taken(struct webhook_plan *plan, const struct webhook_delivery *delivery,
                  int64_t now_ms, struct webhook_effects *effects)
{
    struct webhook_delivery d = *delivery;
    CHECK(d.offset > plan->cursor && webhook_plan_room(plan) > 0);
    plan->cursor = d.offset;
    if (plan_find(plan, d.offset) != INDEX_NONE)
        return; // a dead letter of a stretch that is replayed
    begin_anew(plan, &d, now_ms, effects);
}

static bool replay_one(struct webhook_plan *plan, size_t i, int64_t now_ms,
                       struct webhook_effects *effects)
{
    if (plan->n_pending >= plan->opts.pending_max)
        return false;
    struct webhook_delivery d = dead_list_at(&plan->dead, i)->delivery;
    dead_forget(plan, i, effects);
    if (plan_find(plan, d.offset) != INDEX_NONE)
        return true; // a replay from an offset was faster
    begin_anew(plan, &d, now_ms, effects);
    return true;
}

static size_t replay_dead(struct webhook_plan *plan, uint64_t offset, int64_t now_ms,
                          struct webhook_effects *effects)
{
    size_t n = 0;
    plan->disabled = false;
    plan->pause_until_ms = 0;
    if (offset != 0) {
        size_t i = dead_list_find(&plan->dead, offset);
        return i < plan->dead.n && replay_one(plan, i, now_ms, effects) ? 1 : 0;
    }
    while (plan->dead.n > 0 && replay_one(plan, 0, now_ms, effects))
        n++;
    return n;
}

static void replay_from(struct webhook_plan *plan, uint64_t offset, struct webhook_effects *effects)
{
    plan->disabled = false;
    plan->pause_until_ms = 0;
    if (offset > plan->cursor)
        return; // it comes anyway
    plan->cursor = offset > 0 ? offset - 1 : 0;
    for (size_t i = plan->dead.n; i > 0; i--)
        if (dead_list_at(&plan->dead, i - 1)->delivery.offset >= offset)
            dead_forget(plan, i - 1, effects);
    for (uint32_t i = 0; i < plan->n_slots; i++) {
        struct plan_slot *s = &plan->slots[i];
        if (!s->used || s->superseded || s->d.offset < offset)
            continue;
        effect_of(effects, WEBHOOK_ERASE, s->d.offset);
        if (!s->in_flight) {
            plan_drop(plan, i);
            continue;
        }
        plan_supersede(plan, i);
    }
}

size_t webhook_plan_step(struct webhook_plan *plan, const struct webhook_input *input,
                         int64_t now_ms, struct webhook_effects *effects)
{
    size_t n = 0;
    switch (input->kind) {
    case WEBHOOK_IN_PASSED:
        if (input->offset > plan->cursor)
            plan->cursor = input->offset;
        break;
    case WEBHOOK_IN_TAKEN:
        taken(plan, input->delivery, now_ms, effects);
        break;
    case WEBHOOK_IN_ANSWERED:
        answered(plan, input, now_ms, effects);
        break;
    case WEBHOOK_IN_TIME:
        break;
    case WEBHOOK_IN_REPLAY_DEAD:
        n = replay_dead(plan, input->offset, now_ms, effects);
        break;
    case WEBHOOK_IN_REPLAY_FROM:
        replay_from(plan, input->offset, effects);
        break;
    }
    send_due(plan, now_ms, effects);
    return n;
}

// ---- Life cycle ---------------------------------------------------------------------------------

struct webhook_plan *webhook_plan_create(const struct webhook_plan_opts *opts)
{
    CHECK(opts->in_flight > 0 && opts->pending_max > 0 && opts->dead_max > 0);
    CHECK(opts->give_up_after_ms > 0);
    struct webhook_plan *plan = mem_zalloc(sizeof *plan);
    plan->opts = *opts;
    return plan;
}

void webhook_plan_destroy(struct webhook_plan *plan)
{
    if (plan == NULL)
        return;
    index_deinit(&plan->by_offset);
    index_deinit(&plan->by_account);
    heap_deinit(&plan->due);
    mem_free(plan->slots);
    mem_free(plan->free);
    dead_list_deinit(&plan->dead);
    mem_free(plan);
}

void webhook_plan_restore(struct webhook_plan *plan, const struct webhook_delivery *delivery)
{
    if (plan_find(plan, delivery->offset) == INDEX_NONE)
        (void)plan_add(plan, delivery);
}

void webhook_plan_restore_dead(struct webhook_plan *plan, const struct webhook_dead *dead)
{
    dead_list_add(&plan->dead, dead);
}

void webhook_plan_restore_cursor(struct webhook_plan *plan, uint64_t cursor)
{
    plan->cursor = cursor;
}
