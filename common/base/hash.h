// SPDX-License-Identifier: Apache-2.0
// Hashes of bytes: XXH3 (https://github.com/Cyan4973/xxHash), the same on every machine.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/span.h"

struct hash128 {
    uint64_t low;
    uint64_t high;
};

uint64_t hash64(struct span s);
uint64_t hash64_seeded(struct span s, uint64_t seed);
struct hash128 hash128(struct span s);

static inline bool hash128_eq(struct hash128 a, struct hash128 b)
{
    return a.low == b.low && a.high == b.high;
}
