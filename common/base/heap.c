// SPDX-License-Identifier: Apache-2.0
#include "common/base/heap.h"

#include <stdlib.h>

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

static int heap_compare(const void *x, const void *y)
{
    const struct heap_entry *a = x, *b = y;
    return heap_less(*a, *b) ? -1 : heap_less(*b, *a);
}

void heap_keep(struct heap *heap, bool (*keep)(const void *ctx, const struct heap_entry *entry),
               const void *ctx)
{
    size_t n = 0;
    for (size_t i = 0; i < heap->n; i++)
        if (keep(ctx, &heap->entries[i]))
            heap->entries[n++] = heap->entries[i];
    heap->n = 0;
    if (n == 0)
        return;
    qsort(heap->entries, n, sizeof *heap->entries, heap_compare);
    // What is sorted is a heap.
    for (size_t i = 0; i < n; i++)
        if (i == 0 || heap_compare(&heap->entries[i], &heap->entries[heap->n - 1]) != 0)
            heap->entries[heap->n++] = heap->entries[i];
}
