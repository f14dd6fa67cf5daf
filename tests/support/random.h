// SPDX-License-Identifier: Apache-2.0
// A seeded generator for tests: xorshift64* (Vigna 2016, "An experimental exploration of
// Marsaglia's xorshift generators, scrambled"). The seed comes from TEST_SEED, or from the clock,
// and is printed by whoever takes it, so that a failure can be run again.
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <time.h>

struct test_random {
    uint64_t state;
};

static inline uint64_t test_random_seed(void)
{
    const char *text = getenv("TEST_SEED");
    if (text != NULL)
        return strtoull(text, NULL, 10);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline uint64_t test_random_next(struct test_random *random)
{
    uint64_t x = random->state == 0 ? 0x9e3779b97f4a7c15u : random->state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    random->state = x;
    return x * 0x2545f4914f6cdd1du;
}

// 0 to bound - 1.
static inline uint64_t test_random_below(struct test_random *random, uint64_t bound)
{
    return (test_random_next(random) >> 11) % bound;
}
