// SPDX-License-Identifier: Apache-2.0
// Anchored cells at their bound: an instant that finds the cell full is merged into its nearest
// neighbour (the earlier one of two at the same distance), so that nothing is lost from a count,
// but an edge of the window that falls between the two is exact only for the neighbour. Hashes that
// must stay apart are not taken any more.
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
    case CELL_VALUES:
        if (cell->values != NULL) {
            cell_deinit(&cell->values->buckets, CELL_BUCKETS);
            mem_free(cell->values->slots);
            mem_free(cell->values);
        }
        break;
    case CELL_ANCHORED:
        if (cell->anchored != NULL) {
            mem_free(cell->anchored->entries);
            mem_free(cell->anchored);
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

// ---- Anchored ----

static struct cell_anchored *cell_anchored_own(struct cell *cell)
{
    if (cell->anchored == NULL) {
        cell->anchored = mem_zalloc(sizeof *cell->anchored);
        cell->anchored->anchor = CELL_NO_ANCHOR;
    }
    return cell->anchored;
}

// The first entry that is not below (key, value).
static uint32_t cell_anchored_first(const struct cell_anchored *anchored, int64_t key,
                                    int64_t value)
{
    uint32_t from = 0, to = anchored->n;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        const struct cell_entry *entry = &anchored->entries[middle];
        if (entry->key < key || (entry->key == key && entry->value < value))
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

// The end of the window that the anchor as known gives; a later instant can never count.
static int64_t cell_anchored_end(const struct cell_anchored *anchored, int64_t within_ms)
{
    int64_t end;
    if (anchored->anchor == CELL_NO_ANCHOR ||
        __builtin_add_overflow(anchored->anchor, within_ms, &end))
        return INT64_MAX;
    return end;
}

static void cell_anchored_full(struct cell_anchored *anchored, uint32_t at, int64_t at_ms,
                               int64_t value, enum cell_op op)
{
    uint32_t near = at == anchored->n ? at - 1 : at;
    if (at > 0 && at < anchored->n &&
        at_ms - anchored->entries[at - 1].key <= anchored->entries[at].key - at_ms)
        near = at - 1;
    cell_combine(&anchored->entries[near], value, op);
}

void cell_at(struct cell *cell, int64_t at_ms, int64_t value, bool apart, enum cell_op op,
             int64_t within_ms)
{
    struct cell_anchored *anchored = cell_anchored_own(cell);
    if (at_ms >= cell_anchored_end(anchored, within_ms))
        return;
    uint32_t at = cell_anchored_first(anchored, at_ms, apart ? value : INT64_MIN);
    if (at < anchored->n && anchored->entries[at].key == at_ms &&
        (!apart || anchored->entries[at].value == value)) {
        if (!apart)
            cell_combine(&anchored->entries[at], value, op);
        return;
    }
    if (anchored->n >= CELL_ANCHORED_MAX) {
        if (!apart)
            cell_anchored_full(anchored, at, at_ms, value, op);
        return;
    }
    MEM_GROW(anchored->entries, anchored->n, anchored->cap);
    memmove(anchored->entries + at + 1, anchored->entries + at,
            (anchored->n - at) * sizeof *anchored->entries);
    anchored->entries[at] = (struct cell_entry){at_ms, value};
    anchored->n++;
}

void cell_anchor(struct cell *cell, int64_t at_ms, int64_t within_ms)
{
    struct cell_anchored *anchored = cell_anchored_own(cell);
    if (at_ms >= anchored->anchor)
        return;
    anchored->anchor = at_ms;
    anchored->n = cell_anchored_first(anchored, cell_anchored_end(anchored, within_ms), INT64_MIN);
}

const struct cell_entry *cell_within(const struct cell *cell, int64_t within_ms, uint32_t *n)
{
    const struct cell_anchored *anchored = cell->anchored;
    *n = 0;
    if (anchored == NULL || anchored->anchor == CELL_NO_ANCHOR)
        return NULL;
    uint32_t from = cell_anchored_first(anchored, anchored->anchor, INT64_MIN);
    uint32_t to = cell_anchored_first(anchored, cell_anchored_end(anchored, within_ms), INT64_MIN);
    *n = to - from;
    return *n == 0 ? NULL : &anchored->entries[from];
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

void cell_restore_at(struct cell *cell, int64_t at_ms, int64_t value)
{
    cell_at(cell, at_ms, value, true, CELL_SET, 0);
}

void cell_restore_anchor(struct cell *cell, int64_t anchor)
{
    cell_anchored_own(cell)->anchor = anchor;
}
