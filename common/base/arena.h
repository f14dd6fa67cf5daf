// SPDX-License-Identifier: Apache-2.0
// A bump allocator: one per request, dropped whole. Memory that it hands out is zeroed.
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/base/check.h"
#include "common/base/span.h"

// Fields private.
struct arena {
    struct arena_block *block; // newest first
    size_t block_bytes;
    size_t used_bytes; // handed out since the last reset
    size_t bytes_max;  // 0: no bound
    bool exhausted;    // an allocation would have passed bytes_max
};

// `block_bytes`: what is asked of the heap at a time. `bytes_max`: bound on the sum, 0 for none.
void arena_init(struct arena *arena, size_t block_bytes, size_t bytes_max);
void arena_deinit(struct arena *arena);
// Forgets everything and keeps one block for reuse. `bytes_max` stays, `exhausted` is cleared.
void arena_reset(struct arena *arena);
// Moves everything that `from` holds, with its bound, into `to`, which has handed out nothing yet.
// `from` is as after arena_init.
void arena_move(struct arena *to, struct arena *from);
// Changes the bound; a parser sets it from the size of what it is about to read.
void arena_bound(struct arena *arena, size_t bytes_max);

// Zeroed, aligned to 8. NULL only when `bytes_max` would be passed; `exhausted` is then set, and
// stays set until reset, so that a parser that swallows the NULL can still be told from one with
// bad input.
void *arena_try(struct arena *arena, size_t n);
// The same for arenas without a bound: never NULL.
void *arena_alloc(struct arena *arena, size_t n);
// NUL-terminated copies.
char *arena_dup(struct arena *arena, struct span s);
char *arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);
