// SPDX-License-Identifier: Apache-2.0
// The inside of a plan, shared by plan.c (the steps), plan_slots.c (where deliveries live) and
// plan_look.c (what is asked of a plan).
//
// Deliveries live in numbered slots; `by_offset` and `by_account` (of heads) find them. `due` holds
// (next_ms, offset) of heads; entries that no longer hold are skipped. A ticket is a slot and how
// often it was used, so an answer finds its own attempt, also when the same decision was taken in
// again meanwhile.
#pragma once

#include "common/base/check.h"
#include "common/base/heap.h"
#include "common/base/index.h"
#include "common/base/mem.h"
#include "services/router/webhook/dead.h"
#include "services/router/webhook/plan.h"

struct plan_slot {
    struct webhook_delivery d;
    uint32_t before, after; // of the same account, in order of offset
    uint32_t uses;
    bool used;
    bool in_flight;
    bool superseded; // a replay has taken it back while it was in flight
};

struct webhook_plan {
    struct webhook_plan_opts opts;
    struct plan_slot *slots;
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

// ---- plan_slots.c
// The slot of a pending delivery, or INDEX_NONE.
uint32_t plan_find(const struct webhook_plan *plan, uint64_t offset);
// Takes a delivery in, behind those of its account that come before it. Its slot.
uint32_t plan_add(struct webhook_plan *plan, const struct webhook_delivery *delivery);
// The slot is free, and what was behind it is head.
void plan_drop(struct webhook_plan *plan, uint32_t i);
// No longer among the pending ones: it is dropped when its attempt ends.
void plan_supersede(struct webhook_plan *plan, uint32_t i);
// What has another next_ms, or is no longer in flight; nothing when it is no head.
void plan_make_due(struct webhook_plan *plan, uint32_t i);

// ---- plan_look.c
// How many more may be sent now.
size_t plan_places(const struct webhook_plan *plan);
