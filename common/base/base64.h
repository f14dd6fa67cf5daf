// SPDX-License-Identifier: Apache-2.0
// Base64 (RFC 4648).
#pragma once

#include <stdbool.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/span.h"

// With the standard alphabet and padding.
void base64_append(struct buf *out, struct span bytes);
// Either alphabet, with or without padding, nothing else. False: it is no base64, or the arena is
// exhausted. `out` lives in the arena.
bool base64_read(struct span text, struct arena *arena, struct span *out);
