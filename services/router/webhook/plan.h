// SPDX-License-Identifier: Apache-2.0
// When which delivery goes to one destination. A step machine without I/O, clock or threads: what
// happened and the present instant go in, what is to be done comes out. Each destination has a plan
// of its own, so nothing that one does slows another.
//
// - Order: of the deliveries of one account, the one with the lowest offset is sent until it has
//   been delivered or given up; only then the next. Accounts do not wait for each other.
// - Bounds: at most pending_max deliveries wait here (webhook_plan_room; the cursor in the decision
//   log stops there, and nothing is lost), at most in_flight are under way, at most dead_max dead
//   letters are kept: the oldest is dropped, and counted.
// - Retries: webhook_plan_delay_ms. The last attempt comes give_up_after_ms after the delivery was
//   taken in; when it fails too, it becomes a dead letter.
// - A destination that fails again and again (FAILING in a row) is asked for one delivery at a
//   time, 1 s to 30 s apart. With the first success, what waits because of such failures is due at
//   once. When it has failed so for HOPELESS_MS, what is past its time becomes a dead letter
//   without another attempt.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WEBHOOK_LEAD_ID_BYTES = 24,
    WEBHOOK_ERROR_BYTES = 160,
    WEBHOOK_FAILING = 8,  // failures in a row, from which on one is sent at a time
    WEBHOOK_RECOVERY = 3, // failures in a row, from which on a success calls all that wait
    WEBHOOK_RETRY_AFTER_MAX_MS = 3600 * 1000,
    WEBHOOK_PROBE_MIN_MS = 1000, // between attempts at a destination that fails: doubled with each
    WEBHOOK_PROBE_MAX_MS = 30 * 1000,
    WEBHOOK_HOPELESS_MS = 10 * 60 * 1000,
};

// One delivery; what a store keeps of it.
struct webhook_delivery {
    uint64_t offset;  // of the decision
    uint64_t account; // hash of the account's id: what keeps its order
    char lead_id[WEBHOOK_LEAD_ID_BYTES];
    uint32_t step;     // as router.v1.LeadStep
    uint32_t attempts; // that have ended
    int64_t first_ms;  // taken in
    int64_t next_ms;   // not before
    bool slow;         // the last attempt was refused for what was sent: see webhook_judge
    char error[WEBHOOK_ERROR_BYTES]; // of the last attempt; "" before the first one
};

struct webhook_dead {
    uint64_t serial; // 1, 2, 3 ... in the order of dying
    int64_t dead_ms;
    struct webhook_delivery delivery;
};

// What an attempt came to.
enum webhook_verdict {
    WEBHOOK_DELIVERED,  // 2xx
    WEBHOOK_RETRY,      // no answer, 5xx, 408, 425, 429
    WEBHOOK_RETRY_SLOW, // other 4xx, 1xx, 3xx (nothing is followed): the receiver has to be changed
    WEBHOOK_GONE,       // 410: nothing more is sent until the destination is enabled again
    WEBHOOK_INTERRUPTED, // by us, at the end of the process: as if it had not been
};
// `status` 0: no answer.
enum webhook_verdict webhook_judge(int status);
// How long after the attempt-th failure (from 1): 5 s, 30 s, 2 min, 10 min, 30 min, then 1 h; slow:
// 10 min, 30 min, then 1 h; each times 0.8 to 1.2, which follows from `id` and the attempt alone.
int64_t webhook_plan_delay_ms(uint64_t id, uint32_t attempt, bool slow);

struct webhook_plan_opts {
    uint64_t seed;            // of the jitter; two destinations have two
    uint32_t in_flight;       // at least 1
    uint32_t pending_max;     // at least 1
    uint32_t dead_max;        // at least 1
    int64_t give_up_after_ms; // at least 1
};

enum webhook_input_kind {
    WEBHOOK_IN_PASSED,      // decisions up to `offset` hold nothing for it
    WEBHOOK_IN_TAKEN,       // the decision at delivery->offset is for it; there is room
    WEBHOOK_IN_ANSWERED,    // the attempt `ticket` has ended
    WEBHOOK_IN_TIME,        // time has passed
    WEBHOOK_IN_REPLAY_DEAD, // dead letters come again, as far as there is room: that of `offset`,
                            // or (0) all, the oldest first
    WEBHOOK_IN_REPLAY_FROM, // everything from `offset` on comes again, dead letters too
};

struct webhook_input {
    enum webhook_input_kind kind;
    uint64_t offset;
    const struct webhook_delivery *delivery; // TAKEN: offset, account, lead_id, step
    uint64_t ticket;
    enum webhook_verdict verdict; // ANSWERED
    int64_t retry_after_ms;       // ANSWERED: as the receiver says; 0: it does not. Bounded here
    bool pause;                   // ANSWERED: it holds for the whole destination (429, 503)
    const char *error;            // ANSWERED: what went wrong, in words
};

enum webhook_effect_kind {
    WEBHOOK_SEND,       // `offset` as attempt `ticket`
    WEBHOOK_STORE,      // the delivery of `offset` is new or has changed
    WEBHOOK_ERASE,      // it is no longer pending
    WEBHOOK_STORE_DEAD, // a dead letter `serial` came
    WEBHOOK_ERASE_DEAD, // or went
};

struct webhook_effect {
    enum webhook_effect_kind kind;
    uint64_t offset;
    uint64_t ticket;
    uint64_t serial;
};

// Open struct; `{0}` is empty.
struct webhook_effects {
    struct webhook_effect *items;
    size_t n, cap;
};
void webhook_effects_deinit(struct webhook_effects *effects);

struct webhook_plan;
struct webhook_plan *webhook_plan_create(const struct webhook_plan_opts *opts);
void webhook_plan_destroy(struct webhook_plan *plan);

// Before the first step: what a store kept. Deliveries in order of offset, dead letters in order of
// serial. More than the bounds allow: all of them are taken.
void webhook_plan_restore(struct webhook_plan *plan, const struct webhook_delivery *delivery);
void webhook_plan_restore_dead(struct webhook_plan *plan, const struct webhook_dead *dead);
// `cursor`: decisions up to this one have been looked at.
void webhook_plan_restore_cursor(struct webhook_plan *plan, uint64_t cursor);

// Appends effects. Returns, for a replay of dead letters, how many come again.
size_t webhook_plan_step(struct webhook_plan *plan, const struct webhook_input *input,
                         int64_t now_ms, struct webhook_effects *effects);

// How many more it takes in; 0: reading the log has to wait.
size_t webhook_plan_room(const struct webhook_plan *plan);
uint64_t webhook_plan_cursor(const struct webhook_plan *plan);
// When WEBHOOK_IN_TIME has something to do again without another input; INT64_MAX: never.
int64_t webhook_plan_due_ms(const struct webhook_plan *plan);
// A pending delivery, or NULL; valid until the next step.
const struct webhook_delivery *webhook_plan_find(const struct webhook_plan *plan, uint64_t offset);
// Dead letters in order: the first whose serial is above `after`, or NULL; valid until the next
// step.
const struct webhook_dead *webhook_plan_dead_after(const struct webhook_plan *plan, uint64_t after);

// How the destination is doing; costs nothing.
struct webhook_plan_health {
    uint32_t failures_in_row;
    bool disabled;
    const char *last_error; // of the last attempt that failed; "": none did. Valid as the plan is
};
void webhook_plan_health(const struct webhook_plan *plan, struct webhook_plan_health *out);

// Looks at every pending delivery.
struct webhook_plan_view {
    uint64_t delivered, failed_attempts; // since the plan was made
    uint64_t died, dead_dropped;         // the same
    uint64_t pending, in_flight, dead;
    struct webhook_plan_health health;
    int64_t oldest_pending_ms; // taken in; 0: none
    int64_t next_attempt_ms;   // 0: none waits
    int64_t last_delivered_ms; // 0: none was
};
void webhook_plan_view(const struct webhook_plan *plan, struct webhook_plan_view *out);
