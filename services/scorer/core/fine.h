// SPDX-License-Identifier: Apache-2.0
// Numbers finer than thousandths. What fades is added up in them and rounded once: were each part
// rounded by itself, parts of both signs that cancel out would make their sum go back and forth
// with every thousandth that one of them loses, and what looks at it as often.
#pragma once

#include "services/scorer/core/value.h"

// Thousandths with so many bits behind the point.
enum { FINE_BITS = 32 };

// Of these that many are taken off first, then the rest: so what is exactly between two thousandths
// but for the last bits, which roundings of parts may toggle all the time, stays one of them.
enum { FINE_NOISE_BITS = 10 };

static inline __int128 fine_of(int64_t milli)
{
    return (__int128)milli * ((__int128)1 << FINE_BITS);
}

static inline __int128 fine_bound(__int128 fine)
{
    const __int128 most = (__int128)VALUE_MILLI_MAX << FINE_BITS;
    return fine > most ? most : fine < -most ? -most : fine;
}

// Rounded to thousandths, a half away from zero. A larger number gives no smaller one.
static inline int64_t fine_milli(__int128 fine)
{
    enum { REST = FINE_BITS - FINE_NOISE_BITS };
    fine = fine_bound(fine);
    unsigned __int128 magnitude = (unsigned __int128)(fine < 0 ? -fine : fine);
    magnitude = (magnitude + ((unsigned)1 << (FINE_NOISE_BITS - 1))) >> FINE_NOISE_BITS;
    int64_t milli = (int64_t)((magnitude + ((unsigned)1 << (REST - 1))) >> REST);
    return fine < 0 ? -milli : milli;
}
