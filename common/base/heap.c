// SPDX-License-Identifier: Apache-2.0
#include "common/base/heap.h"

#include "common/base/check.h"
#include "common/base/mem.h"

static bool heap_less(struct heap_entry a, struct heap_entry b)
{
    return a.key != b.key ? a.key < b.key : a.item < b.item;
}

void heap_deinit(struct heap *heap)
{
    mem_free(heap->entries);
    *heap = (struct heap){0};
}

void heap_push(struct heap *heap, int64_t key, uint64_t item)
{
    MEM_GROW(heap->entries, heap->n, heap->cap);
    struct heap_entry entry = {key, item};
    size_t at = heap->n++;
    while (at > 0 && heap_less(entry, heap->entries[(at - 1) / 2])) {
        heap->entries[at] = heap->entries[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap->entries[at] = entry;
}

const struct heap_entry *heap_top(const struct heap *heap)
{
    return heap->n == 0 ? NULL : &heap->entries[0];
}

struct heap_entry heap_pop(struct heap *heap)
{
    CHECK(heap->n > 0);
    struct heap_entry top = heap->entries[0];
    struct heap_entry last = heap->entries[--heap->n];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= heap->n)
            break;
        if (child + 1 < heap->n && heap_less(heap->entries[child + 1], heap->entries[child]))
            child++;
        if (!heap_less(heap->entries[child], last))
            break;
        heap->entries[at] = heap->entries[child];
        at = child;
    }
    heap->entries[at] = last;
    return top;
}
