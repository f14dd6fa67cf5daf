// SPDX-License-Identifier: Apache-2.0
// Small allocations: they abort on failure, which removes hundreds of branches that nothing can
// test. A size that comes from outside is bounded by its caller before it gets here.
#pragma once

#include <stddef.h>

#include "common/base/span.h"

void *mem_alloc(size_t n);
void *mem_zalloc(size_t n);
// Grows or shrinks; `p` may be NULL.
void *mem_realloc(void *p, size_t n);
void mem_free(void *p);
// A NUL-terminated copy, owned by the caller.
char *mem_dup(struct span s);
char *mem_dup_text(const char *text);

// Makes room for one more element: doubles `cap` and moves `*items` when `n` has reached it.
#define MEM_GROW(items, n, cap)                                                                    \
    do {                                                                                           \
        if ((n) == (cap)) {                                                                        \
            (cap) = (cap) == 0 ? 8 : (cap)*2;                                                      \
            (items) = mem_realloc((items), (size_t)(cap) * sizeof *(items));                       \
        }                                                                                          \
    } while (0)
