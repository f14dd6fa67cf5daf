// SPDX-License-Identifier: Apache-2.0
// A binary min-heap of (key, item). Equal keys come out by the smaller item, so that the order
// never depends on the order of insertion.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_entry {
    int64_t key;
    uint64_t item;
};

// Open struct; `{0}` is an empty heap.
struct heap {
    struct heap_entry *entries;
    size_t n;
    size_t cap;
};

void heap_deinit(struct heap *heap);
void heap_push(struct heap *heap, int64_t key, uint64_t item);
// The smallest entry, or NULL. Valid until the next push or pop.
const struct heap_entry *heap_top(const struct heap *heap);
// Removes the smallest entry, which must exist.
struct heap_entry heap_pop(struct heap *heap);
// Keeps of equal entries one, and only those for which keep(ctx, entry) holds: for a heap whose
// entries go stale. As much work as sorting it.
void heap_keep(struct heap *heap, bool (*keep)(const void *ctx, const struct heap_entry *entry),
               const void *ctx);
