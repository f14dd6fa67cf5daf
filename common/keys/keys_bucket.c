// SPDX-License-Identifier: Apache-2.0
#include "common/keys/keys_bucket.h"

#include "common/base/check.h"

enum { UNIT = 1000 }; // in thousandths, a rate a second is the same rate a millisecond

static void refill(struct keys_bucket *bucket, int64_t rate, int64_t now_ms)
{
    int64_t passed_ms = bucket->at_ms == 0 ? 0 : now_ms - bucket->at_ms;
    if (passed_ms > bucket->used / rate)
        bucket->used = 0;
    else if (passed_ms > 0)
        bucket->used -= passed_ms * rate;
    if (bucket->at_ms < now_ms)
        bucket->at_ms = now_ms;
}

bool keys_bucket_take(struct keys_bucket *bucket, const struct keys_bucket_limit *limit, int64_t n,
                      int64_t now_ms, int64_t *wait_ms)
{
    int64_t full = limit->burst * UNIT;
    CHECK(limit->rate > 0 && limit->burst > 0 && n >= 0);
    refill(bucket, limit->rate, now_ms);
    if (bucket->used >= full) {
        *wait_ms = (bucket->used - full) / limit->rate + 1;
        return false;
    }
    bucket->used += n * UNIT;
    *wait_ms = 0;
    return true;
}
