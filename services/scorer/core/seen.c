// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/core/seen.h"

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/time_text.h"

// A slot's generation is read back from 16 bits, so no slot may live longer than half of their
// range: all tables are rebuilt when the hour has moved this far.
enum { SEEN_REBUILD_HOURS = 8192, SEEN_WINDOW_HOURS_MAX = 8192, SEEN_TABLE_MIN = 16 };

void seen_init(struct seen *seen, int64_t window_ms, uint64_t ids_max)
{
    *seen = (struct seen){.hour = INT64_MIN, .rebuilt_hour = INT64_MIN, .ids_max = ids_max};
    seen->window_hours = window_ms / TIME_HOUR_MS + (window_ms % TIME_HOUR_MS != 0);
    CHECK(window_ms >= 0 && seen->window_hours <= SEEN_WINDOW_HOURS_MAX);
}

void seen_deinit(struct seen *seen)
{
    for (size_t i = 0; i < SEEN_TABLES; i++)
        mem_free(seen->tables[i].slots);
    mem_free(seen->hours);
    mem_free(seen->fresh);
    *seen = (struct seen){0};
}

bool seen_expired(const struct seen *seen, int64_t hour, int64_t now_hour)
{
    // An id of hour g was taken in up to an hour after g began.
    return now_hour - hour > seen->window_hours;
}

int64_t seen_hour_of(struct seen_id id, int64_t now_hour)
{
    int16_t back = (int16_t)(uint16_t)((uint16_t)now_hour - (uint16_t)id.high);
    return now_hour - back;
}

static bool seen_slot_expired(const struct seen *seen, struct seen_id id)
{
    return seen_expired(seen, seen_hour_of(id, seen->hour), seen->hour);
}

static struct seen_id seen_id_make(struct hash128 hash, int64_t hour)
{
    struct seen_id id = {hash.low, (hash.high & ~UINT64_C(0xffff)) | (uint16_t)hour};
    if (id.low == 0)
        id.low = 1;
    return id;
}

static bool seen_id_same(struct seen_id a, struct seen_id b)
{
    return a.low == b.low && a.high >> 16 == b.high >> 16;
}

static struct seen_table *seen_table_of(struct seen *seen, struct seen_id id)
{
    return &seen->tables[id.high >> 56];
}

static struct seen_id *seen_find(const struct seen_table *table, struct seen_id id)
{
    uint64_t at = id.low & table->mask;
    while (table->slots[at].low != 0 && !seen_id_same(table->slots[at], id))
        at = (at + 1) & table->mask;
    return &table->slots[at];
}

static void seen_rebuild(struct seen *seen, struct seen_table *table)
{
    struct seen_id *old = table->slots;
    uint64_t n_old = old == NULL ? 0 : table->mask + 1;
    uint64_t keep = 0;
    for (uint64_t i = 0; i < n_old; i++)
        keep += old[i].low != 0 && !seen_slot_expired(seen, old[i]);
    uint64_t cap = SEEN_TABLE_MIN;
    while (cap < (keep + 1) * 2)
        cap *= 2;
    table->slots = mem_zalloc(cap * sizeof *table->slots);
    table->mask = cap - 1;
    table->used = keep;
    for (uint64_t i = 0; i < n_old; i++) {
        if (old[i].low != 0 && !seen_slot_expired(seen, old[i]))
            *seen_find(table, old[i]) = old[i];
    }
    mem_free(old);
}

static void seen_forget(struct seen *seen)
{
    size_t old = 0;
    while (old < seen->n_hours && seen_expired(seen, seen->hours[old].hour, seen->hour))
        seen->live -= seen->hours[old++].n;
    if (old == 0)
        return;
    seen->n_hours -= old;
    memmove(seen->hours, seen->hours + old, seen->n_hours * sizeof *seen->hours);
}

void seen_advance(struct seen *seen, int64_t intake_ms)
{
    int64_t hour = time_hour(intake_ms);
    if (seen->hour != INT64_MIN && hour <= seen->hour)
        return;
    if (seen->rebuilt_hour == INT64_MIN)
        seen->rebuilt_hour = hour;
    if (hour - seen->rebuilt_hour > SEEN_REBUILD_HOURS) {
        // What the old hour still tells apart from the new one is dropped before generations wrap.
        bool far = hour - seen->hour > SEEN_REBUILD_HOURS;
        if (!far)
            seen->hour = hour;
        for (size_t i = 0; i < SEEN_TABLES; i++) {
            if (seen->tables[i].slots != NULL && far) {
                mem_free(seen->tables[i].slots);
                seen->tables[i] = (struct seen_table){0};
            } else if (seen->tables[i].slots != NULL) {
                seen_rebuild(seen, &seen->tables[i]);
            }
        }
        seen->rebuilt_hour = hour;
    }
    seen->hour = hour;
    seen_forget(seen);
}

static bool seen_fits(const struct seen *seen, uint64_t live, size_t n)
{
    return live <= seen->ids_max && n <= seen->ids_max - live;
}

bool seen_has_room(const struct seen *seen, size_t n)
{
    return seen_fits(seen, seen->live, n);
}

bool seen_has_room_at(const struct seen *seen, int64_t intake_ms, size_t n)
{
    int64_t hour = time_hour(intake_ms);
    uint64_t live = seen->live;
    for (size_t i = 0; i < seen->n_hours && seen_expired(seen, seen->hours[i].hour, hour); i++)
        live -= seen->hours[i].n;
    return seen_fits(seen, live, n);
}

static void seen_count(struct seen *seen, int64_t hour)
{
    size_t at = seen->n_hours;
    while (at > 0 && seen->hours[at - 1].hour > hour)
        at--;
    seen->live++;
    if (at > 0 && seen->hours[at - 1].hour == hour) {
        seen->hours[at - 1].n++;
        return;
    }
    MEM_GROW(seen->hours, seen->n_hours, seen->hours_cap);
    memmove(seen->hours + at + 1, seen->hours + at, (seen->n_hours - at) * sizeof *seen->hours);
    seen->hours[at] = (struct seen_hour){hour, 1};
    seen->n_hours++;
}

// Puts the id in; false when it is there and not expired.
static bool seen_put(struct seen *seen, struct seen_id id, int64_t hour)
{
    struct seen_table *table = seen_table_of(seen, id);
    if (table->slots == NULL)
        seen_rebuild(seen, table);
    struct seen_id *slot = seen_find(table, id);
    if (slot->low != 0 && !seen_slot_expired(seen, *slot))
        return false;
    if (slot->low == 0) {
        if ((table->used + 1) * 4 > (table->mask + 1) * 3) {
            seen_rebuild(seen, table);
            slot = seen_find(table, id);
        }
        table->used++;
    }
    *slot = id;
    seen_count(seen, hour);
    return true;
}

bool seen_add(struct seen *seen, struct hash128 hash)
{
    CHECK(seen->hour != INT64_MIN);
    struct seen_id id = seen_id_make(hash, seen->hour);
    if (!seen_put(seen, id, seen->hour))
        return false;
    MEM_GROW(seen->fresh, seen->n_fresh, seen->fresh_cap);
    seen->fresh[seen->n_fresh++] = id;
    return true;
}

void seen_prefetch(const struct seen *seen, struct hash128 hash)
{
    const struct seen_table *table = &seen->tables[hash.high >> 56];
    if (table->slots != NULL)
        __builtin_prefetch(&table->slots[hash.low & table->mask]);
}

void seen_restore(struct seen *seen, struct seen_id id)
{
    int64_t hour = seen_hour_of(id, seen->hour);
    if (id.low != 0 && hour <= seen->hour && !seen_slot_expired(seen, id))
        (void)seen_put(seen, id, hour);
}
