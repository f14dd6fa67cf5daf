// SPDX-License-Identifier: Apache-2.0
// What one measure keeps for one subject. Four shapes:
//   buckets  pairs (where, how much) sorted by where: a UTC day, hour or week, a period, a level of
//            a score, the beginning of a session; one pair lies in the cell itself
//   values   the distinct values seen, each with the last bucket that it was seen in, and a
//            histogram of these buckets
//   events   events one by one, by instant, and perhaps the instant that a window is measured from
//   hours    how many events there were in each hour of the day
// None of them depends on the order in which events arrive, as long as no bound is reached
// (docs/measures.md).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/hash.h"
#include "services/playbook/model.h"

enum cell_shape {
    CELL_BUCKETS,
    CELL_VALUES,
    CELL_EVENTS,
    CELL_SAID, // events whose value is a text, number or flag: cell_said
    CELL_HOURS,
};

// Bounds for one cell. Past them: new buckets and new values do not count; of events see cell_log.
enum {
    CELL_BUCKETS_MAX = 65536,
    CELL_VALUES_MAX = 1 << 20,
    CELL_EVENTS_MAX = 65536,
    CELL_SAID_MAX = 4096,
    CELL_SEQUENCE_MAX = 4096,
};
enum { CELL_HOURS_OF_DAY = 24 };

struct cell_entry {
    int64_t key;
    int64_t value;
};

// Open struct; all zero is an empty cell of any shape.
struct cell {
    union {
        struct cell_entry one;
        struct cell_entry *entries; // buckets, cap > 0
        struct cell_values *values;
        struct cell_events *events;
        uint32_t *hours; // of the day, cap > 0
    };
    uint32_t n;   // buckets; hours with an event
    uint32_t cap; // buckets: of `entries`; hours: of `hours`; 0: the one is inline
};

enum cell_op { CELL_ADD, CELL_MIN, CELL_MAX, CELL_SET };

void cell_deinit(struct cell *cell, enum cell_shape shape);
// Into an empty cell; `from` stays as it is.
void cell_copy(struct cell *to, const struct cell *from, enum cell_shape shape);
// Whether nothing is kept.
bool cell_is_empty(const struct cell *cell, enum cell_shape shape);

// ---- Buckets ----
// Combines `value` into the bucket; before a new one is added, those below `low` are dropped.
void cell_put(struct cell *cell, int64_t key, int64_t value, enum cell_op op, int64_t low);
// Adds to a bucket if it is there, and drops it at 0.
void cell_take_away(struct cell *cell, int64_t key, int64_t value);
static inline const struct cell_entry *cell_entries(const struct cell *cell)
{
    return cell->cap == 0 ? &cell->one : cell->entries;
}
// The first entry whose key is not below `low`.
uint32_t cell_first(const struct cell *cell, int64_t low);
// Sessions: pairs (first instant, last instant), apart from each other by more than `idle_ms`. Puts
// an instant in; those that end before `low` are dropped when a new one begins. At the bound the
// earliest goes.
void cell_stay(struct cell *cell, int64_t at_ms, int64_t idle_ms, int64_t low);
// A whole session, as if all its instants were put in.
void cell_stay_whole(struct cell *cell, struct cell_entry session, int64_t idle_ms, int64_t low);

// ---- Hours ----
// Adds events of an hour of the day; one that has had UINT32_MAX counts no more.
void cell_hour(struct cell *cell, uint32_t hour, uint32_t n);
// Those with an event, ascending, as pairs (hour, events); how many.
uint32_t cell_hours(const struct cell *cell, struct cell_entry out[CELL_HOURS_OF_DAY]);

// ---- Values ----
struct cell_value {
    struct hash128 hash;
    int64_t last; // bucket
    bool used;
};

struct cell_values {
    struct cell buckets; // histogram: how many values were last seen in each bucket
    struct cell_value *slots;
    uint64_t mask;
    uint32_t n;
    int64_t low; // what the last rebuild dropped lies below
};

void cell_see(struct cell *cell, struct hash128 hash, int64_t key, int64_t low);
// The histogram; an empty one when nothing was seen.
const struct cell *cell_histogram(const struct cell *cell);

// ---- Events ----
enum { CELL_NO_USER = UINT32_MAX };

struct cell_event {
    int64_t at_ms;
    int64_t value; // what the measure makes of it; CELL_SAID: a pointer, see cell_said
    uint32_t user; // ordinal, or CELL_NO_USER
    uint32_t bits; // which tests on the event itself hold, for historic measures
};

struct cell_events {
    int64_t mark_ms; // what the window is measured from: an anchor or a reset
    bool marked;
    uint32_t n, cap;
    struct cell_event *items; // by instant, user, bits, value
};

// What a kept event said.
struct cell_said {
    struct value value; // a text lies behind
    char bytes[];
};

struct cell_keep {
    int64_t low, end; // what lies before `low`, or not before `end`, can never count any more
    uint32_t max;
    bool earliest; // at the bound the latest event goes; else the earliest
    bool same;     // events that are equal in everything are one
};

// Adds an event. What has become too old is dropped when room is needed. At the bound the earliest
// event (or the latest) goes, so that what is kept does not depend on the order.
void cell_log(struct cell *cell, enum cell_shape shape, struct cell_event event,
              const struct cell_keep *keep);
// Measures from an instant if it is the latest (or the earliest) so far; true when it now does.
bool cell_mark(struct cell *cell, int64_t at_ms, bool latest);
// Drops the events before `low` and those not before `end`.
void cell_cut(struct cell *cell, enum cell_shape shape, int64_t low, int64_t end);
// The events of [low, end); the first one and how many. INT64_MAX: without end.
const struct cell_event *cell_logged(const struct cell *cell, int64_t low, int64_t end,
                                     uint32_t *n);
// The first event that is not before an instant.
uint32_t cell_logged_first(const struct cell_events *events, int64_t at_ms);
struct cell_said *cell_said_make(const struct value *value);
void cell_copy_events(struct cell *to, const struct cell *from, enum cell_shape shape);
static inline const struct value *cell_said(const struct cell_event *event)
{
    return &((const struct cell_said *)(intptr_t)event->value)->value;
}

// ---- Rows ----
// Adds back what a row holds.
void cell_restore_bucket(struct cell *cell, int64_t key, int64_t value);
void cell_restore_value(struct cell *cell, struct hash128 hash, int64_t last);
// In their order. `said` is copied.
void cell_restore_event(struct cell *cell, struct cell_event event, const struct value *said);
void cell_restore_mark(struct cell *cell, int64_t mark_ms);
