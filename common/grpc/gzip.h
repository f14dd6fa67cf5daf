// SPDX-License-Identifier: Apache-2.0
// Gzip of whole messages, with a bound on what comes out. The only file of this folder that knows
// zlib.
#pragma once

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/span.h"

// Appends what `in` (one or more gzip members) unpacks to. INVALID when it is no gzip or is cut
// off, FULL when it would be more than `bytes_max`; `out` holds a part then.
MUST_USE enum err gzip_unpack(struct span in, size_t bytes_max, struct buf *out);
// Appends it packed.
void gzip_pack(struct span in, struct buf *out);
