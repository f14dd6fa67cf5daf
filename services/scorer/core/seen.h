// SPDX-License-Identifier: Apache-2.0
// The message ids of the last hours: an exact set of 128-bit hashes, of which 112 bits are kept. An
// id's generation is the hour in which it was taken in; the set's hour is the largest that it was
// told. 16 bytes a slot in 256 open tables, so that growing one stops nobody for long.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/hash.h"

// An id as a slot and as a row have it; all zero is no id.
struct seen_id {
    uint64_t low;
    uint64_t high; // upper 48 bits of the hash, then the generation's lower 16 bits
};

enum { SEEN_TABLES = 256 };

struct seen_table {
    struct seen_id *slots;
    uint64_t mask;
    uint64_t used; // slots, expired ones too
};

struct seen_hour {
    int64_t hour;
    uint64_t n;
};

// Fields are for seen.c and for rows.
struct seen {
    struct seen_table tables[SEEN_TABLES];
    int64_t window_hours;
    int64_t hour; // INT64_MIN: none yet
    int64_t rebuilt_hour;
    uint64_t ids_max;
    uint64_t live;           // ids that are not expired
    struct seen_hour *hours; // live ids by generation, oldest first
    size_t n_hours, hours_cap;
    // Ids added since they were last taken.
    struct seen_id *fresh;
    size_t n_fresh, fresh_cap;
};

void seen_init(struct seen *seen, int64_t window_ms, uint64_t ids_max);
void seen_deinit(struct seen *seen);
// The hour moves forward; ids older than the window expire.
void seen_advance(struct seen *seen, int64_t intake_ms);
// Whether n more ids fit, now or once the hour has moved on to an instant of intake.
bool seen_has_room(const struct seen *seen, size_t n);
bool seen_has_room_at(const struct seen *seen, int64_t intake_ms, size_t n);
// True: it was not there and is now. Needs an hour.
bool seen_add(struct seen *seen, struct hash128 hash);
void seen_prefetch(const struct seen *seen, struct hash128 hash);

// Rows: puts back an id; one that is expired is left out. The hour must have been set.
void seen_restore(struct seen *seen, struct seen_id id);
// The hour of an id's generation, when it is `now_hour`.
int64_t seen_hour_of(struct seen_id id, int64_t now_hour);
// Whether ids of this hour are forgotten then.
bool seen_expired(const struct seen *seen, int64_t hour, int64_t now_hour);
