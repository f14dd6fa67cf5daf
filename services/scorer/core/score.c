// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/core/score.h"

#include "common/base/check.h"
#include "services/scorer/core/value.h"

// A level's sum has this many bits behind the point of a thousandth.
enum { SCORE_BITS = 24 };

// 2^(2^-i) for i = 1 to 32, 63 bits behind the point.
static const uint64_t SCORE_ROOTS[32] = {
    0xb504f333f9de6484, 0x9837f0518db8a96f, 0x8b95c1e3ea8bd6e7, 0x85aac367cc487b15,
    0x82cd8698ac2ba1d7, 0x8164d1f3bc030773, 0x80b1ed4fd999ab6c, 0x8058d7d2d5e5f6b1,
    0x802c6436d0e04f51, 0x8016302f17467628, 0x800b179c82028fd1, 0x80058baf7fee3b5d,
    0x8002c5d00fdcfcb7, 0x800162e61bed4a49, 0x8000b17292f702a4, 0x800058b92abbae02,
    0x80002c5c8dade4d7, 0x8000162e44eaf636, 0x80000b1721fa7c19, 0x8000058b90de7e4d,
    0x800002c5c8678f37, 0x80000162e431dba0, 0x800000b1721872d1, 0x80000058b90c1aa9,
    0x8000002c5c8605a4, 0x800000162e4300e6, 0x8000000b17217ff8, 0x800000058b90bfdd,
    0x80000002c5c85fe7, 0x8000000162e42ff2, 0x80000000b17217f8, 0x8000000058b90bfc,
};

// ln 2, 64 bits behind the point.
#define SCORE_LN2 UINT64_C(0xb17217f7d1cf79ab)

static int64_t score_floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return a % b < 0 ? q - 1 : q;
}

int64_t score_level(int64_t at_ms, int64_t half_life_ms)
{
    return score_floor_div(at_ms, half_life_ms);
}

int64_t score_low(int64_t clock_ms, int64_t half_life_ms)
{
    return score_floor_div(clock_ms, half_life_ms) - SCORE_LEVELS_MAX;
}

// r / h with 64 bits behind the point, digit by digit: a 128-bit division would be a call.
static uint64_t score_fraction(uint64_t r, uint64_t h)
{
    while (h >= UINT64_C(1) << 41) {
        h >>= 1;
        r >>= 1;
    }
    uint64_t out = 0;
    for (int step = 0; step < 3; step++) {
        int bits = step == 2 ? 20 : 22;
        r <<= bits;
        out = out << bits | (r / h);
        r %= h;
    }
    return out;
}

uint64_t score_exp2(int64_t r, int64_t h)
{
    uint64_t fraction = score_fraction((uint64_t)r, (uint64_t)h);
    uint64_t out = UINT64_C(1) << 63;
    uint32_t upper = (uint32_t)(fraction >> 32);
    for (int i = 0; upper != 0; i++, upper <<= 1) {
        if ((upper & UINT32_C(1) << 31) != 0)
            out = (uint64_t)((unsigned __int128)out * SCORE_ROOTS[i] >> 63);
    }
    // The rest is below 2^-32: 2^x = 1 + x ln 2 to within 2^-65.
    uint64_t rest = (uint64_t)((unsigned __int128)(fraction & UINT32_MAX) * SCORE_LN2 >> 64);
    return out + (uint64_t)((unsigned __int128)out * rest >> 64);
}

// magnitude * factor / 2^64, rounded down.
static unsigned __int128 score_scale(unsigned __int128 magnitude, uint64_t factor)
{
    unsigned __int128 low = (unsigned __int128)(uint64_t)magnitude * factor;
    unsigned __int128 high = (magnitude >> 64) * factor;
    return high + (low >> 64);
}

int64_t score_weight(int64_t points_milli, int64_t at_ms, int64_t half_life_ms)
{
    int64_t r = at_ms - score_level(at_ms, half_life_ms) * half_life_ms;
    uint64_t magnitude = points_milli < 0 ? 0 - (uint64_t)points_milli : (uint64_t)points_milli;
    unsigned __int128 weight = (unsigned __int128)magnitude * score_exp2(r, half_life_ms);
    weight = (weight + ((unsigned __int128)1 << (62 - SCORE_BITS))) >> (63 - SCORE_BITS);
    int64_t bounded = weight > VALUE_MILLI_MAX ? VALUE_MILLI_MAX : (int64_t)weight;
    return points_milli < 0 ? -bounded : bounded;
}

int64_t score_value(const struct cell *cell, int64_t clock_ms, int64_t half_life_ms)
{
    int64_t now = score_level(clock_ms, half_life_ms);
    const struct cell_entry *entries = cell_entries(cell);
    __int128 sum = 0; // SCORE_LEVELS_MAX more bits behind the point
    for (uint32_t i = cell_first(cell, now - SCORE_LEVELS_MAX); i < cell->n; i++) {
        int64_t back = now - entries[i].key;
        CHECK(back >= 0);
        sum += (__int128)entries[i].value * ((__int128)1 << (SCORE_LEVELS_MAX - back));
    }
    unsigned __int128 magnitude = (unsigned __int128)(sum < 0 ? -sum : sum);
    int64_t r = clock_ms - now * half_life_ms;
    // 2^(-r/h) is half of 2^((h-r)/h).
    if (r > 0)
        magnitude = score_scale(magnitude, score_exp2(half_life_ms - r, half_life_ms));
    int bits = SCORE_BITS + SCORE_LEVELS_MAX;
    int64_t milli = (int64_t)((magnitude + ((unsigned __int128)1 << (bits - 1))) >> bits);
    return sum < 0 ? -milli : milli;
}
