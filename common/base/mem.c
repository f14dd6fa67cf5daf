// SPDX-License-Identifier: Apache-2.0
#include "common/base/mem.h"

#include <stdlib.h>

#include "common/base/check.h"

void *mem_alloc(size_t n)
{
    void *p = malloc(n == 0 ? 1 : n);
    CHECK(p != NULL);
    return p;
}

void *mem_zalloc(size_t n)
{
    void *p = calloc(1, n == 0 ? 1 : n);
    CHECK(p != NULL);
    return p;
}

void *mem_realloc(void *p, size_t n)
{
    void *q = realloc(p, n == 0 ? 1 : n);
    CHECK(q != NULL);
    return q;
}

void mem_free(void *p)
{
    free(p);
}

char *mem_dup(struct span s)
{
    char *copy = mem_alloc(s.len + 1);
    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return copy;
}

char *mem_dup_text(const char *text)
{
    return mem_dup(span_of(text));
}
