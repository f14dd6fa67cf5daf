// SPDX-License-Identifier: Apache-2.0
// A delivery's way:
//
//     TAKEN ──► behind an earlier one of its account ──► head of its account, due at next_ms
//     due, and a place is free ──► SEND, in flight ──► delivered: gone, the account's next is head
//                                                 ├──► failed: head again, due after a delay
//                                                 └──► failed for the last time: a dead letter
//
// Deliveries live in numbered slots; `by_offset` and `by_account` (of heads) find them. `due` holds
// (next_ms, offset) of heads; entries that no longer hold are skipped. A ticket is a slot and how
// often it was used, so an answer finds its own attempt, also when the same decision was taken in
// again meanwhile.
#include "services/router/webhook/plan.h"

#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/base/heap.h"
#include "common/base/index.h"
#include "common/base/mem.h"
#include "services/router/webhook/dead.h"

#define NONE INDEX_NONE

struct slot {
    struct webhook_delivery d;
    uint32_t before, after; // of the same account, in order of offset
    uint32_t uses;
    bool used;
    bool in_flight;
    bool superseded; // a replay has taken it back while it was in flight
};

struct webhook_plan {
    struct webhook_plan_opts opts;
    struct slot *slots;
    uint32_t n_slots, slots_cap;
    uint32_t *free;
    size_t n_free, free_cap;
    size_t n_pending; // superseded ones left out
    size_t n_in_flight;
    struct index by_offset, by_account;
    struct heap due;
    uint64_t cursor;
    int64_t pause_until_ms;
    bool disabled;
    uint32_t failures_in_row;
    int64_t failing_since_ms; // of FAILING in a row
    struct dead_list dead;
    uint64_t n_delivered, n_failed, n_died, n_dropped;
    int64_t last_delivered_ms;
    char last_error[WEBHOOK_ERROR_BYTES];
};

// ---- Schedules
// -----------------------------------------------------------------------------------

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

// ---- Slots
// ---------------------------------------------------------------------------------------

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

static uint32_t find_offset(const struct webhook_plan *plan, uint64_t offset)
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
    plan->slots[plan->n_slots] = (struct slot){0};
    return plan->n_slots++;
}

static void set_head(struct webhook_plan *plan, uint64_t account, uint32_t old, uint32_t new)
{
    if (old != NONE)
        CHECK(index_remove(&plan->by_account, hash_u64(account), old));
    if (new != NONE)
        index_add(&plan->by_account, hash_u64(account), new, rehash_account, plan);
}

static void make_due(struct webhook_plan *plan, uint32_t i)
{
    const struct slot *s = &plan->slots[i];
    if (s->before == NONE && !s->in_flight)
        heap_push(&plan->due, s->d.next_ms, s->d.offset);
}

// Puts it into its account's chain: behind what is in flight, otherwise by offset.
static void chain_in(struct webhook_plan *plan, uint32_t i)
{
    struct slot *s = &plan->slots[i];
    uint32_t head = find_head(plan, s->d.account), before = NONE, after = head;
    while (after != NONE &&
           (plan->slots[after].in_flight || plan->slots[after].d.offset < s->d.offset)) {
        before = after;
        after = plan->slots[after].after;
    }
    s->before = before;
    s->after = after;
    if (after != NONE)
        plan->slots[after].before = i;
    if (before != NONE)
        plan->slots[before].after = i;
    else
        set_head(plan, s->d.account, head, i);
}

static void chain_out(struct webhook_plan *plan, uint32_t i)
{
    const struct slot *s = &plan->slots[i];
    if (s->after != NONE)
        plan->slots[s->after].before = s->before;
    if (s->before != NONE) {
        plan->slots[s->before].after = s->after;
        return;
    }
    set_head(plan, s->d.account, i, s->after);
    if (s->after != NONE)
        make_due(plan, s->after);
}

static uint32_t add(struct webhook_plan *plan, const struct webhook_delivery *delivery)
{
    uint32_t i = slot_take(plan);
    struct slot *s = &plan->slots[i];
    *s = (struct slot){.d = *delivery, .uses = s->uses + 1, .used = true};
    index_add(&plan->by_offset, hash_u64(s->d.offset), i, rehash_offset, plan);
    chain_in(plan, i);
    plan->n_pending++;
    make_due(plan, i);
    return i;
}

static void drop(struct webhook_plan *plan, uint32_t i)
{
    struct slot *s = &plan->slots[i];
    chain_out(plan, i);
    if (!s->superseded) {
        CHECK(index_remove(&plan->by_offset, hash_u64(s->d.offset), i));
        plan->n_pending--;
    }
    s->used = false;
    MEM_GROW(plan->free, plan->n_free, plan->free_cap);
    plan->free[plan->n_free++] = i;
}

// ---- Effects
// -------------------------------------------------------------------------------------

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

// ---- Dead letters
// --------------------------------------------------------------------------------

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
    drop(plan, i);
}

// ---- Sending
// -------------------------------------------------------------------------------------

static void skip_stale(struct webhook_plan *plan)
{
    const struct heap_entry *top;
    while ((top = heap_top(&plan->due)) != NULL) {
        uint32_t i = find_offset(plan, top->item);
        const struct slot *s = i == NONE ? NULL : &plan->slots[i];
        if (s != NULL && s->before == NONE && !s->in_flight && s->d.next_ms == top->key)
            return;
        (void)heap_pop(&plan->due);
    }
}

static size_t places(const struct webhook_plan *plan)
{
    size_t most = plan->failures_in_row >= WEBHOOK_FAILING ? 1 : plan->opts.in_flight;
    return plan->disabled || most <= plan->n_in_flight ? 0 : most - plan->n_in_flight;
}

static void send_due(struct webhook_plan *plan, int64_t now_ms, struct webhook_effects *effects)
{
    if (now_ms < plan->pause_until_ms)
        return;
    for (size_t left = places(plan); left > 0; left--) {
        skip_stale(plan);
        const struct heap_entry *top = heap_top(&plan->due);
        if (top == NULL || top->key > now_ms)
            return;
        uint32_t i = find_offset(plan, top->item);
        (void)heap_pop(&plan->due);
        struct slot *s = &plan->slots[i];
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
        struct slot *s = &plan->slots[i];
        if (!s->used || s->superseded || s->in_flight)
            continue;
        if (!s->d.slow && s->d.next_ms > now_ms)
            s->d.next_ms = now_ms;
        make_due(plan, i);
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
    drop(plan, i);
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
        const struct slot *s = &plan->slots[i];
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
    struct slot *s = &plan->slots[i];
    int64_t retry_after_ms = in->retry_after_ms < WEBHOOK_RETRY_AFTER_MAX_MS
                                 ? in->retry_after_ms
                                 : WEBHOOK_RETRY_AFTER_MAX_MS;
    note_failure(plan, in, retry_after_ms, now_ms);
    s->d.attempts++;
    s->d.slow = in->verdict == WEBHOOK_RETRY_SLOW;
    memcpy(s->d.error, plan->last_error, sizeof s->d.error);
    if (s->superseded) {
        drop(plan, i);
    } else if (in->verdict != WEBHOOK_GONE &&
               now_ms >= s->d.first_ms + plan->opts.give_up_after_ms) {
        die(plan, i, now_ms, effects);
    } else {
        // One that is gone is due as soon as the destination is enabled again.
        s->d.next_ms =
            in->verdict == WEBHOOK_GONE ? now_ms : retry_at(plan, &s->d, retry_after_ms, now_ms);
        effect_of(effects, WEBHOOK_STORE, s->d.offset);
        make_due(plan, i);
    }
    fail_on(plan, now_ms, effects);
}

static void answered(struct webhook_plan *plan, const struct webhook_input *in, int64_t now_ms,
                     struct webhook_effects *effects)
{
    uint32_t i = (uint32_t)in->ticket;
    CHECK(i < plan->n_slots);
    struct slot *s = &plan->slots[i];
    CHECK(s->used && s->in_flight && s->uses == in->ticket >> 32);
    s->in_flight = false;
    plan->n_in_flight--;
    switch (in->verdict) {
    case WEBHOOK_DELIVERED:
        delivered(plan, i, now_ms, effects);
        return;
    case WEBHOOK_INTERRUPTED:
        if (s->superseded)
            drop(plan, i);
        else
            make_due(plan, i);
        return;
    case WEBHOOK_RETRY:
    case WEBHOOK_RETRY_SLOW:
    case WEBHOOK_GONE:
        failed(plan, i, in, now_ms, effects);
        return;
    }
    CHECK(false);
}

// ---- The log and replays
// -------------------------------------------------------------------------

static void begin_anew(struct webhook_plan *plan, struct webhook_delivery *d, int64_t now_ms,
                       struct webhook_effects *effects)
{
    d->attempts = 0;
    d->first_ms = d->next_ms = now_ms;
    d->slow = false;
    d->error[0] = '\0';
    (void)add(plan, d);
    effect_of(effects, WEBHOOK_STORE, d->offset);
}

static void taken(struct webhook_plan *plan, const struct webhook_delivery *delivery,
                  int64_t now_ms, struct webhook_effects *effects)
{
    struct webhook_delivery d = *delivery;
    CHECK(d.offset > plan->cursor && webhook_plan_room(plan) > 0);
    plan->cursor = d.offset;
    if (find_offset(plan, d.offset) != NONE)
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
    if (find_offset(plan, d.offset) != NONE)
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
        struct slot *s = &plan->slots[i];
        if (!s->used || s->superseded || s->d.offset < offset)
            continue;
        effect_of(effects, WEBHOOK_ERASE, s->d.offset);
        if (!s->in_flight) {
            drop(plan, i);
            continue;
        }
        CHECK(index_remove(&plan->by_offset, hash_u64(s->d.offset), i));
        s->superseded = true;
        plan->n_pending--;
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

// ---- Life cycle
// ----------------------------------------------------------------------------------

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
    if (find_offset(plan, delivery->offset) == NONE)
        (void)add(plan, delivery);
}

void webhook_plan_restore_dead(struct webhook_plan *plan, const struct webhook_dead *dead)
{
    dead_list_add(&plan->dead, dead);
}

void webhook_plan_restore_cursor(struct webhook_plan *plan, uint64_t cursor)
{
    plan->cursor = cursor;
}

// ---- Looking
// -------------------------------------------------------------------------------------

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
    if (top == NULL || places(plan) == 0)
        return INT64_MAX;
    return top->key > plan->pause_until_ms ? top->key : plan->pause_until_ms;
}

const struct webhook_delivery *webhook_plan_find(const struct webhook_plan *plan, uint64_t offset)
{
    uint32_t i = find_offset(plan, offset);
    return i == NONE ? NULL : &plan->slots[i].d;
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
        const struct slot *s = &plan->slots[i];
        if (!s->used || s->superseded)
            continue;
        if (out->oldest_pending_ms == 0 || s->d.first_ms < out->oldest_pending_ms)
            out->oldest_pending_ms = s->d.first_ms;
        bool waits = s->before == NONE && !s->in_flight;
        if (waits && (out->next_attempt_ms == 0 || s->d.next_ms < out->next_attempt_ms))
            out->next_attempt_ms = s->d.next_ms;
    }
    if (out->next_attempt_ms != 0 && out->next_attempt_ms < plan->pause_until_ms)
        out->next_attempt_ms = plan->pause_until_ms;
}
