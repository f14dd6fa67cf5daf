// SPDX-License-Identifier: Apache-2.0
// The folder of a store: one process at a time, held by a lock on a file in it.
#pragma once

#include "common/base/err.h"

// BUSY: somebody has it. On OK `*fd` holds the lock until it is closed.
MUST_USE enum err store_folder_lock(const char *path, int *fd, struct err_info *info);
// Makes the names of the files in a folder durable.
MUST_USE enum err store_folder_sync(const char *path, struct err_info *info);
