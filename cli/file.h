// SPDX-License-Identifier: Apache-2.0
// Whole files, small ones.
#pragma once

#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/span.h"

// Replaces a file whole: a new one beside it, synced, then renamed.
MUST_USE enum err file_write(const char *path, struct span text, struct err_info *info);
// The same; its owner alone may read it.
MUST_USE enum err file_write_private(const char *path, struct span text, struct err_info *info);
// Appends the file's bytes. NOT_FOUND, IO; FULL when it has more than `bytes_max`.
MUST_USE enum err file_read(const char *path, size_t bytes_max, struct buf *out,
                            struct err_info *info);
