// SPDX-License-Identifier: Apache-2.0
#include "common/base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t hash64(struct span s)
{
    return XXH3_64bits(s.ptr, s.len);
}

uint64_t hash64_seeded(struct span s, uint64_t seed)
{
    return XXH3_64bits_withSeed(s.ptr, s.len, seed);
}

struct hash128 hash128(struct span s)
{
    XXH128_hash_t h = XXH3_128bits(s.ptr, s.len);
    return (struct hash128){h.low64, h.high64};
}
