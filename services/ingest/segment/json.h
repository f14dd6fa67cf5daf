// SPDX-License-Identifier: Apache-2.0
// Runs yajl over a whole text. Private to this folder, the only one that knows yajl.
#pragma once

#include <yajl/yajl_parse.h>

#include "common/base/err.h"
#include "common/base/span.h"

struct json_run {
    yajl_handle yajl; // valid while it runs
};

// How many bytes have been read, the part that a callback is called for included.
static inline size_t json_run_position(const struct json_run *run)
{
    return yajl_get_bytes_consumed(run->yajl);
}

// Calls `callbacks` with `ctx` for each part of the one value in `json`. `run` may be NULL. Texts
// are not checked. INVALID: it is not JSON; `info` says where ("not JSON: unexpected end at byte
// 12"), CANCELED: a callback has returned 0; `info` is left alone.
MUST_USE enum err json_run(struct span json, const yajl_callbacks *callbacks, void *ctx,
                           struct json_run *run, struct err_info *info);
