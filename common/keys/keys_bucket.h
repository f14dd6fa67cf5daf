// SPDX-License-Identifier: Apache-2.0
// How much somebody may do in a second: a token bucket that may go into debt, so that one large
// request passes and is paid for afterwards. Time is an argument.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Open struct, fields private; `{0}` is a full bucket.
struct keys_bucket {
    int64_t used;  // thousandths of what may be done, at `at_ms`
    int64_t at_ms; // 0: never used
};

struct keys_bucket_limit {
    int64_t rate;  // a second, 1 or more
    int64_t burst; // 1 or more
};

// Takes `n` when the bucket is not empty; else false, and `*wait_ms` says when it will not be (at
// least 1). A clock that goes back gives nothing.
bool keys_bucket_take(struct keys_bucket *bucket, const struct keys_bucket_limit *limit, int64_t n,
                      int64_t now_ms, int64_t *wait_ms);
