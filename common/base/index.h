// SPDX-License-Identifier: Apache-2.0
// A hash index: from a 64-bit hash to the number of an item that the caller keeps in an array. The
// caller compares keys, so an index costs 12 bytes a slot whatever the keys are. Open addressing.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INDEX_NONE UINT32_MAX

// Open struct; `{0}` is an empty index. Fields private.
struct index {
    struct index_slot *slots;
    size_t mask;
    size_t n;     // items
    size_t tombs; // removed slots that still lengthen chains
};

struct index_slot {
    uint32_t hash; // upper half of the item's hash
    uint32_t item; // number + 2; 0 is empty, 1 is a removed slot
};

// Where an item's search begins. All bits of the hash take part: keys of one shard share its low
// ones.
static inline size_t index_home(const struct index *index, uint64_t hash)
{
    return (size_t)((hash * 0x9e3779b97f4a7c15ull) >> 20) & index->mask;
}

typedef bool (*index_eq_fn)(const void *ctx, uint32_t item, const void *key);

void index_deinit(struct index *index);
// The item whose hash matches and for which eq(ctx, item, key) holds, or INDEX_NONE.
uint32_t index_find(const struct index *index, uint64_t hash, index_eq_fn eq, const void *ctx,
                    const void *key);
// Adds an item that is not in the index. `rehash(ctx, item)` gives an item's hash again when it
// grows.
void index_add(struct index *index, uint64_t hash, uint32_t item,
               uint64_t (*rehash)(const void *ctx, uint32_t item), const void *ctx);
// Removes an item that is in the index; false when it is not there.
bool index_remove(struct index *index, uint64_t hash, uint32_t item);

static inline void index_prefetch(const struct index *index, uint64_t hash)
{
    if (index->slots != NULL)
        __builtin_prefetch(&index->slots[index_home(index, hash)]);
}
