// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/core/score.h"

#include "common/base/check.h"
#include "services/scorer/core/fine.h"
#include "services/scorer/core/value.h"

// A level's sum has this many bits behind the point of a thousandth.
enum { SCORE_BITS = 24 };

// 2^(v / 16^(i + 1)) for the digits i = 0 to 7 of a fraction and their values v, 63 bits behind the
// point.
static const uint64_t SCORE_POWERS[8][16] = {
    {0x8000000000000000, 0x85aac367cc487b15, 0x8b95c1e3ea8bd6e7, 0x91c3d373ab11c336,
     0x9837f0518db8a96f, 0x9ef5326091a111ae, 0xa5fed6a9b15138ea, 0xad583eea42a14ac6,
     0xb504f333f9de6484, 0xbd08a39f580c36bf, 0xc5672a115506dadd, 0xce248c151f8480e4,
     0xd744fccad69d6af4, 0xe0ccdeec2a94e111, 0xeac0c6e7dd24392f, 0xf5257d152486cc2c},
    {0x8000000000000000, 0x8058d7d2d5e5f6b1, 0x80b1ed4fd999ab6c, 0x810b40a1d81406d4,
     0x8164d1f3bc030773, 0x81bea1708dde6056, 0x8218af4373fc25ec, 0x8272fb97b2a5894c,
     0x82cd8698ac2ba1d7, 0x83285071e0fc4547, 0x8383594eefb6ee37, 0x83dea15b9541b132,
     0x843a28c3acde4046, 0x8495efb3303efd30, 0x84f1f656379c1a29, 0x854e3cd8f9c8c95d},
    {0x8000000000000000, 0x80058baf7fee3b5d, 0x800b179c82028fd1, 0x8010a3c708e73282,
     0x8016302f17467628, 0x801bbcd4afcacb09, 0x802149b7d51ebefb, 0x8026d6d889ecfd6a,
     0x802c6436d0e04f51, 0x8031f1d2aca39b44, 0x80377fac1fe1e56a, 0x803d0dc32d464f85,
     0x80429c17d77c18ed, 0x80482aaa212e9e96, 0x804db97a0d095b0c, 0x805348879db7e67d},
    {0x8000000000000000, 0x800058b92abbae02, 0x8000b17292f702a4, 0x80010a2c38b22886,
     0x800162e61bed4a49, 0x8001bba03ca8928e, 0x8002145a9ae42bf7, 0x80026d1536a04124,
     0x8002c5d00fdcfcb7, 0x80031e8b269a8951, 0x800377467ad91193, 0x8003d0020c98c020,
     0x800428bddbd9bf99, 0x80048179e89c3aa0, 0x8004da3632e05bd7, 0x800532f2baa64de0},
    {0x8000000000000000, 0x8000058b90de7e4d, 0x80000b1721fa7c19, 0x800010a2b353f965,
     0x8000162e44eaf636, 0x80001bb9d6bf728e, 0x8000214568d16e6f, 0x800026d0fb20e9dc,
     0x80002c5c8dade4d7, 0x800031e820785f64, 0x80003773b3805985, 0x80003cff46c5d33c,
     0x8000428ada48cc8d, 0x800048166e09457a, 0x80004da202073e05, 0x8000532d9642b631},
    {0x8000000000000000, 0x80000058b90c1aa9, 0x800000b1721872d1, 0x8000010a2b250878,
     0x80000162e431dba0, 0x800001bb9d3eec46, 0x80000214564c3a6c, 0x8000026d0f59c612,
     0x800002c5c8678f37, 0x8000031e817595db, 0x800003773a83d9ff, 0x800003cff3925ba3,
     0x80000428aca11ac6, 0x8000048165b01768, 0x800004da1ebf518a, 0x80000532d7cec92c},
    {0x8000000000000000, 0x800000058b90bfdd, 0x8000000b17217ff8, 0x80000010a2b24050,
     0x800000162e4300e6, 0x8000001bb9d3c1ba, 0x80000021456482ca, 0x80000026d0f54419,
     0x8000002c5c8605a4, 0x80000031e816c76e, 0x8000003773a78974, 0x8000003cff384bb9,
     0x800000428ac90e3b, 0x800000481659d0fa, 0x8000004da1ea93f7, 0x800000532d7b5731},
    {0x8000000000000000, 0x8000000058b90bfc, 0x80000000b17217f8, 0x800000010a2b23f5,
     0x8000000162e42ff2, 0x80000001bb9d3bef, 0x80000002145647ec, 0x800000026d0f53e9,
     0x80000002c5c85fe7, 0x800000031e816be5, 0x80000003773a77e3, 0x80000003cff383e2,
     0x8000000428ac8fe0, 0x8000000481659bdf, 0x80000004da1ea7de, 0x8000000532d7b3de},
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
    uint64_t out = SCORE_POWERS[0][fraction >> 60];
    for (int i = 1; i < 8; i++)
        out = (uint64_t)((unsigned __int128)out * SCORE_POWERS[i][fraction >> (60 - 4 * i) & 15] >>
                         63);
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

__int128 score_fine(const struct cell *cell, int64_t clock_ms, int64_t half_life_ms)
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
    enum { REST = SCORE_BITS + SCORE_LEVELS_MAX - FINE_BITS };
    __int128 fine = (__int128)((magnitude + ((unsigned __int128)1 << (REST - 1))) >> REST);
    return sum < 0 ? -fine : fine;
}

int64_t score_value(const struct cell *cell, int64_t clock_ms, int64_t half_life_ms)
{
    return fine_milli(score_fine(cell, clock_ms, half_life_ms));
}
