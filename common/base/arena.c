// SPDX-License-Identifier: Apache-2.0
#include "common/base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"

struct arena_block {
    struct arena_block *next;
    size_t used;
    size_t cap;
    unsigned char bytes[] __attribute__((aligned(16)));
};

void arena_init(struct arena *arena, size_t block_bytes, size_t bytes_max)
{
    CHECK(block_bytes >= 64);
    *arena = (struct arena){.block_bytes = block_bytes, .bytes_max = bytes_max};
}

static void arena_free_blocks(struct arena_block *block)
{
    while (block != NULL) {
        struct arena_block *next = block->next;
        mem_free(block);
        block = next;
    }
}

void arena_deinit(struct arena *arena)
{
    arena_free_blocks(arena->block);
    *arena = (struct arena){0};
}

void arena_reset(struct arena *arena)
{
    struct arena_block *keep = arena->block;
    if (keep != NULL) {
        arena_free_blocks(keep->next);
        keep->next = NULL;
        keep->used = 0;
        if (keep->cap > 4 * arena->block_bytes) {
            mem_free(keep);
            arena->block = NULL;
        }
    }
    arena->used_bytes = 0;
    arena->exhausted = false;
}

void arena_move(struct arena *to, struct arena *from)
{
    CHECK(to->used_bytes == 0 && to != from);
    arena_free_blocks(to->block);
    *to = *from;
    arena_init(from, to->block_bytes, to->bytes_max);
}

void arena_bound(struct arena *arena, size_t bytes_max)
{
    arena->bytes_max = bytes_max;
}

void *arena_try(struct arena *arena, size_t n)
{
    CHECK(n < SIZE_MAX / 2);
    n = (n + 7) & ~(size_t)7;
    if (arena->bytes_max != 0 && n > arena->bytes_max - arena->used_bytes) {
        arena->exhausted = true;
        return NULL;
    }
    struct arena_block *block = arena->block;
    if (block == NULL || block->cap - block->used < n) {
        size_t cap = n > arena->block_bytes ? n : arena->block_bytes;
        block = mem_alloc(sizeof *block + cap);
        block->next = arena->block;
        block->used = 0;
        block->cap = cap;
        arena->block = block;
    }
    void *p = block->bytes + block->used;
    block->used += n;
    arena->used_bytes += n;
    memset(p, 0, n);
    return p;
}

void *arena_alloc(struct arena *arena, size_t n)
{
    void *p = arena_try(arena, n);
    CHECK(p != NULL);
    return p;
}

char *arena_dup(struct arena *arena, struct span s)
{
    char *copy = arena_alloc(arena, s.len + 1);
    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    CHECK(n >= 0);
    char *text = arena_alloc(arena, (size_t)n + 1);
    vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return text;
}
