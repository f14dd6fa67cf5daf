// SPDX-License-Identifier: Apache-2.0
// The file of keys as the command changes it: locked while it is changed, written whole, for its
// owner alone.
#pragma once

#include "common/base/err.h"
#include "common/keys/keys.h"

struct keys_file {
    char path[4096];
    struct keys *keys;
    bool fresh; // it was not there
    int lock;   // of those who change it
};

// `file` NULL: keys.yaml in `dir`. For looking: NOT_FOUND when there is none. For changing
// (`change`): an empty one then, and others who change it wait. Mistakes in the file go to standard
// error.
MUST_USE enum err keys_file_open(const char *dir, const char *file, bool change,
                                 struct keys_file *out, struct err_info *info);
MUST_USE enum err keys_file_save(struct keys_file *file, struct err_info *info);
void keys_file_close(struct keys_file *file);

// Writes a token to a new file that its owner alone may read. CONFLICT: there is a file already.
MUST_USE enum err keys_file_write_token(const char *path, const char *token, struct err_info *info);
