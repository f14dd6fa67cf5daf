// SPDX-License-Identifier: Apache-2.0
#include "common/clock/clock.h"

#include <sys/random.h>
#include <time.h>

#include "common/base/check.h"

static uint64_t clock_read_ns(clockid_t id)
{
    struct timespec t;
    CHECK(clock_gettime(id, &t) == 0);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int64_t clock_wall_ms(void)
{
    return (int64_t)(clock_read_ns(CLOCK_REALTIME) / 1000000u);
}

int64_t clock_mono_ms(void)
{
    return (int64_t)(clock_read_ns(CLOCK_MONOTONIC) / 1000000u);
}

uint64_t clock_mono_ns(void)
{
    return clock_read_ns(CLOCK_MONOTONIC);
}

uint64_t clock_random_u64(void)
{
    uint64_t v;
    CHECK(getrandom(&v, sizeof v, 0) == sizeof v);
    return v;
}
