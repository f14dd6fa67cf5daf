// SPDX-License-Identifier: Apache-2.0
#include "common/base/index.h"

#include "common/base/check.h"
#include "common/base/mem.h"

enum { SLOT_EMPTY = 0, SLOT_TOMB = 1, SLOT_FIRST = 2 };

void index_deinit(struct index *index)
{
    mem_free(index->slots);
    *index = (struct index){0};
}

uint32_t index_find(const struct index *index, uint64_t hash, index_eq_fn eq, const void *ctx,
                    const void *key)
{
    if (index->slots == NULL)
        return INDEX_NONE;
    uint32_t upper = (uint32_t)(hash >> 32);
    for (size_t at = index_home(index, hash);; at = (at + 1) & index->mask) {
        const struct index_slot *slot = &index->slots[at];
        if (slot->item == SLOT_EMPTY)
            return INDEX_NONE;
        if (slot->item != SLOT_TOMB && slot->hash == upper && eq(ctx, slot->item - SLOT_FIRST, key))
            return slot->item - SLOT_FIRST;
    }
}

static void index_place(struct index *index, uint64_t hash, uint32_t item)
{
    size_t at = index_home(index, hash);
    while (index->slots[at].item != SLOT_EMPTY)
        at = (at + 1) & index->mask;
    index->slots[at] = (struct index_slot){(uint32_t)(hash >> 32), item + SLOT_FIRST};
}

static void index_resize(struct index *index, size_t cap,
                         uint64_t (*rehash)(const void *ctx, uint32_t item), const void *ctx)
{
    struct index_slot *old = index->slots;
    size_t old_cap = old == NULL ? 0 : index->mask + 1;
    index->slots = mem_zalloc(cap * sizeof *index->slots);
    index->mask = cap - 1;
    index->tombs = 0;
    for (size_t i = 0; i < old_cap; i++) {
        if (old[i].item >= SLOT_FIRST)
            index_place(index, rehash(ctx, old[i].item - SLOT_FIRST), old[i].item - SLOT_FIRST);
    }
    mem_free(old);
}

void index_add(struct index *index, uint64_t hash, uint32_t item,
               uint64_t (*rehash)(const void *ctx, uint32_t item), const void *ctx)
{
    CHECK(item < UINT32_MAX - SLOT_FIRST);
    size_t cap = index->slots == NULL ? 0 : index->mask + 1;
    if ((index->n + index->tombs + 1) * 4 > cap * 3)
        index_resize(index, cap == 0 ? 16 : ((index->n + 1) * 2 > cap ? cap * 2 : cap), rehash,
                     ctx);
    index_place(index, hash, item);
    index->n++;
}

bool index_remove(struct index *index, uint64_t hash, uint32_t item)
{
    if (index->slots == NULL)
        return false;
    for (size_t at = index_home(index, hash);; at = (at + 1) & index->mask) {
        struct index_slot *slot = &index->slots[at];
        if (slot->item == SLOT_EMPTY)
            return false;
        if (slot->item == item + SLOT_FIRST) {
            slot->item = SLOT_TOMB;
            index->n--;
            index->tombs++;
            return true;
        }
    }
}
