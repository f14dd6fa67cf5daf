// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/core/cell.h"

#include "common/base/check.h"
#include "common/base/mem.h"
#include "services/scorer/core/value.h"

void cell_deinit(struct cell *cell, enum cell_shape shape)
{
    switch (shape) {
    case CELL_BUCKETS:
        if (cell->cap > 0)
            mem_free(cell->entries);
        break;
    case CELL_HOURS:
        if (cell->cap > 0)
            mem_free(cell->hours);
        break;
    case CELL_VALUES:
        if (cell->values != NULL) {
            cell_deinit(&cell->values->buckets, CELL_BUCKETS);
            mem_free(cell->values->slots);
            mem_free(cell->values);
        }
        break;
    case CELL_EVENTS:
    case CELL_SAID:
        if (cell->events != NULL) {
            cell_cut(cell, shape, INT64_MAX, INT64_MIN);
            mem_free(cell->events->items);
            mem_free(cell->events);
        }
        break;
    }
    *cell = (struct cell){0};
}

// ---- Buckets ----

uint32_t cell_first(const struct cell *cell, int64_t low)
{
    const struct cell_entry *entries = cell_entries(cell);
    uint32_t from = 0, to = cell->n;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (entries[middle].key < low)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static void cell_combine(struct cell_entry *entry, int64_t value, enum cell_op op)
{
    switch (op) {
    case CELL_ADD:
        entry->value = value_add(entry->value, value);
        break;
    case CELL_MIN:
        entry->value = value < entry->value ? value : entry->value;
        break;
    case CELL_MAX:
        entry->value = value > entry->value ? value : entry->value;
        break;
    case CELL_SET:
        entry->value = value;
        break;
    }
}

static void cell_drop_front(struct cell *cell, uint32_t n)
{
    if (n == 0)
        return;
    cell->n -= n;
    if (cell->cap > 0)
        memmove(cell->entries, cell->entries + n, cell->n * sizeof *cell->entries);
}

static void cell_insert(struct cell *cell, uint32_t at, struct cell_entry entry)
{
    if (cell->cap == 0 && cell->n == 0) {
        cell->one = entry;
        cell->n = 1;
        return;
    }
    if (cell->cap == 0) {
        struct cell_entry *entries = mem_alloc(4 * sizeof *entries);
        entries[0] = cell->one;
        cell->entries = entries;
        cell->cap = 4;
    }
    MEM_GROW(cell->entries, cell->n, cell->cap);
    memmove(cell->entries + at + 1, cell->entries + at, (cell->n - at) * sizeof entry);
    cell->entries[at] = entry;
    cell->n++;
}

static struct cell_entry *cell_own(struct cell *cell)
{
    return cell->cap == 0 ? &cell->one : cell->entries;
}

void cell_put(struct cell *cell, int64_t key, int64_t value, enum cell_op op, int64_t low)
{
    struct cell_entry *entries = cell_own(cell);
    // Most events belong to the newest bucket.
    if (cell->n > 0 && entries[cell->n - 1].key == key) {
        cell_combine(&entries[cell->n - 1], value, op);
        return;
    }
    uint32_t at = cell_first(cell, key);
    if (at < cell->n && entries[at].key == key) {
        cell_combine(&entries[at], value, op);
        return;
    }
    uint32_t old = cell_first(cell, low);
    cell_drop_front(cell, old);
    at -= old < at ? old : at;
    if (cell->n < CELL_BUCKETS_MAX)
        cell_insert(cell, at, (struct cell_entry){key, value});
}

void cell_take_away(struct cell *cell, int64_t key, int64_t value)
{
    struct cell_entry *entries = cell_own(cell);
    uint32_t at = cell_first(cell, key);
    if (at == cell->n || entries[at].key != key)
        return;
    entries[at].value -= value;
    if (entries[at].value != 0)
        return;
    memmove(entries + at, entries + at + 1, (cell->n - at - 1) * sizeof *entries);
    cell->n--;
}

void cell_stay(struct cell *cell, int64_t at_ms, int64_t idle_ms, int64_t low)
{
    struct cell_entry *entries = cell_own(cell);
    uint32_t next = cell_first(cell, at_ms);
    bool after = next < cell->n && entries[next].key - at_ms <= idle_ms;
    bool before = next > 0 && at_ms - entries[next - 1].value <= idle_ms;
    if (before && after) {
        entries[next - 1].value = entries[next].value;
        memmove(entries + next, entries + next + 1, (cell->n - next - 1) * sizeof *entries);
        cell->n--;
    } else if (before) {
        if (at_ms > entries[next - 1].value)
            entries[next - 1].value = at_ms;
    } else if (after) {
        entries[next].key = at_ms;
    } else {
        uint32_t old = 0;
        while (old < next && entries[old].value < low)
            old++;
        if (old == 0 && cell->n >= CELL_BUCKETS_MAX) {
            if (next == 0)
                return;
            old = 1;
        }
        cell_drop_front(cell, old);
        cell_insert(cell, next - old, (struct cell_entry){at_ms, at_ms});
    }
}

void cell_stay_whole(struct cell *cell, struct cell_entry session, int64_t idle_ms, int64_t low)
{
    cell_stay(cell, session.key, idle_ms, low);
    struct cell_entry *entries = cell_own(cell);
    uint32_t at = cell_first(cell, session.key + 1);
    // At the bound it may be the one that went.
    if (at == 0 || entries[at - 1].value < session.key)
        return;
    struct cell_entry *into = &entries[at - 1];
    into->value = session.value > into->value ? session.value : into->value;
    uint32_t end = at;
    while (end < cell->n && entries[end].key - into->value <= idle_ms) {
        into->value = entries[end].value > into->value ? entries[end].value : into->value;
        end++;
    }
    if (end == at)
        return;
    memmove(entries + at, entries + end, (cell->n - end) * sizeof *entries);
    cell->n -= end - at;
}

// ---- Hours ----

// Room for all of them, as most that have two will have more.
static void cell_hours_spread(struct cell *cell)
{
    struct cell_entry one = cell->one;
    cell->hours = mem_zalloc(CELL_HOURS_OF_DAY * sizeof *cell->hours);
    cell->cap = CELL_HOURS_OF_DAY;
    cell->hours[one.key] = (uint32_t)one.value;
}

void cell_hour(struct cell *cell, uint32_t hour, uint32_t n)
{
    CHECK(hour < CELL_HOURS_OF_DAY && n > 0);
    if (cell->n == 0)
        cell->one = (struct cell_entry){.key = hour};
    if (cell->cap == 0 && cell->one.key != hour)
        cell_hours_spread(cell);
    uint64_t had = cell->cap > 0 ? cell->hours[hour] : (uint64_t)cell->one.value, now = had + n;
    cell->n += had == 0;
    now = now > UINT32_MAX ? UINT32_MAX : now;
    if (cell->cap > 0)
        cell->hours[hour] = (uint32_t)now;
    else
        cell->one.value = (int64_t)now;
}

uint32_t cell_hours(const struct cell *cell, struct cell_entry out[CELL_HOURS_OF_DAY])
{
    uint32_t n = 0;
    if (cell->n > 0 && cell->cap == 0)
        out[n++] = cell->one;
    for (uint32_t hour = 0; hour < cell->cap; hour++) {
        if (cell->hours[hour] > 0)
            out[n++] = (struct cell_entry){hour, cell->hours[hour]};
    }
    return n;
}

// ---- Values ----

static struct cell_value *cell_values_find(const struct cell_values *values, struct hash128 hash)
{
    uint64_t at = hash.low & values->mask;
    while (values->slots[at].used && !hash128_eq(values->slots[at].hash, hash))
        at = (at + 1) & values->mask;
    return &values->slots[at];
}

// Makes the table anew without the values that were last seen below `low`, and without their
// buckets.
static void cell_values_rebuild(struct cell_values *values, int64_t low)
{
    struct cell_value *old = values->slots;
    uint64_t n_old = old == NULL ? 0 : values->mask + 1;
    uint64_t keep = 0;
    for (uint64_t i = 0; i < n_old; i++)
        keep += old[i].used && old[i].last >= low;
    uint64_t cap = 4;
    while (cap < (keep + 1) * 2)
        cap *= 2;
    values->slots = mem_zalloc(cap * sizeof *values->slots);
    values->mask = cap - 1;
    values->n = 0;
    values->low = low;
    cell_drop_front(&values->buckets, cell_first(&values->buckets, low));
    for (uint64_t i = 0; i < n_old; i++) {
        if (!old[i].used || old[i].last < low)
            continue;
        *cell_values_find(values, old[i].hash) = old[i];
        values->n++;
    }
    mem_free(old);
}

// The slot of the hash, added when it is missing; NULL when the cell is full.
static struct cell_value *cell_values_slot(struct cell *cell, struct hash128 hash, int64_t low,
                                           bool *added)
{
    if (cell->values == NULL) {
        cell->values = mem_zalloc(sizeof *cell->values);
        cell_values_rebuild(cell->values, low);
    }
    struct cell_values *values = cell->values;
    struct cell_value *slot = cell_values_find(values, hash);
    *added = !slot->used;
    if (slot->used)
        return slot;
    bool full = values->n >= CELL_VALUES_MAX && low > values->low;
    if (full || ((uint64_t)values->n + 1) * 4 > (values->mask + 1) * 3) {
        cell_values_rebuild(values, low);
        slot = cell_values_find(values, hash);
    }
    if (values->n >= CELL_VALUES_MAX)
        return NULL;
    values->n++;
    *slot = (struct cell_value){.hash = hash, .used = true};
    return slot;
}

void cell_see(struct cell *cell, struct hash128 hash, int64_t key, int64_t low)
{
    bool added;
    struct cell_value *slot = cell_values_slot(cell, hash, low, &added);
    if (slot == NULL || (!added && slot->last >= key))
        return;
    if (!added)
        cell_take_away(&cell->values->buckets, slot->last, 1);
    slot->last = key;
    cell_put(&cell->values->buckets, key, 1, CELL_ADD, low);
}

const struct cell *cell_histogram(const struct cell *cell)
{
    static const struct cell EMPTY;
    return cell->values == NULL ? &EMPTY : &cell->values->buckets;
}

// ---- Copies ----

static void cell_copy_values(struct cell *to, const struct cell_values *from)
{
    for (uint64_t i = 0; i <= from->mask; i++) {
        if (from->slots[i].used)
            cell_see(to, from->slots[i].hash, from->slots[i].last, from->low);
    }
}

static void cell_copy_entries(struct cell *to, const struct cell *from)
{
    *to = *from;
    if (from->cap == 0)
        return;
    to->entries = mem_alloc(from->cap * sizeof *to->entries);
    memcpy(to->entries, from->entries, from->n * sizeof *to->entries);
}

static void cell_copy_hours(struct cell *to, const struct cell *from)
{
    *to = *from;
    if (from->cap == 0)
        return;
    to->hours = mem_alloc(from->cap * sizeof *to->hours);
    memcpy(to->hours, from->hours, from->cap * sizeof *to->hours);
}

void cell_copy(struct cell *to, const struct cell *from, enum cell_shape shape)
{
    switch (shape) {
    case CELL_BUCKETS:
        cell_copy_entries(to, from);
        break;
    case CELL_HOURS:
        cell_copy_hours(to, from);
        break;
    case CELL_VALUES:
        if (from->values != NULL)
            cell_copy_values(to, from->values);
        break;
    case CELL_EVENTS:
    case CELL_SAID:
        cell_copy_events(to, from, shape);
        break;
    }
}

bool cell_is_empty(const struct cell *cell, enum cell_shape shape)
{
    switch (shape) {
    case CELL_BUCKETS:
    case CELL_HOURS:
        return cell->n == 0;
    case CELL_VALUES:
        return cell->values == NULL || cell->values->n == 0;
    case CELL_EVENTS:
    case CELL_SAID:
        return cell->events == NULL || (cell->events->n == 0 && !cell->events->marked);
    }
    return true;
}

// ---- Rows ----

void cell_restore_bucket(struct cell *cell, int64_t key, int64_t value)
{
    cell_put(cell, key, value, CELL_SET, INT64_MIN);
}

void cell_restore_value(struct cell *cell, struct hash128 hash, int64_t last)
{
    cell_see(cell, hash, last, INT64_MIN);
}
