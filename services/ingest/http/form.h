// SPDX-License-Identifier: Apache-2.0
// What stands around the JSON of a body and of a header. Pure.
#pragma once

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"

// The JSON of a body, whatever its type was said to be: itself; packed by gzip without saying so
// (PostHog's browsers); or a form's field `data`, percent-encoded, perhaps base64. In the arena, or
// a part of `body`. INVALID when it is broken, FULL when it unpacks to more than bytes_max.
MUST_USE enum err form_json(struct span body, size_t bytes_max, struct arena *arena,
                            struct span *out, struct err_info *info);

// The key of an Authorization header: Basic's user (or, without one, its password), or Bearer's
// token. Empty when there is none. In the arena, followed by a NUL.
struct span form_authorization(const char *header, struct arena *arena);
