// SPDX-License-Identifier: Apache-2.0
// A fresh folder for one test, and its removal with everything in it.
#pragma once

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/check.h"

struct temp_folder {
    char path[PATH_MAX / 2];
};

static inline void temp_folder_make(struct temp_folder *folder)
{
    const char *base = getenv("TMPDIR");
    snprintf(folder->path, sizeof folder->path, "%s/assay-test-XXXXXX",
             base == NULL || base[0] == '\0' ? "/tmp" : base);
    CHECK(mkdtemp(folder->path) != NULL);
}

static inline int temp_folder_unlink(const char *path, const struct stat *st, int flag,
                                     struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static inline void temp_folder_remove(struct temp_folder *folder)
{
    CHECK(nftw(folder->path, temp_folder_unlink, 16, FTW_DEPTH | FTW_PHYS) == 0);
}

// "<folder>/<name>" in a buffer of the folder's own size.
static inline struct temp_folder temp_folder_at(const struct temp_folder *folder, const char *name)
{
    struct temp_folder out;
    int n = snprintf(out.path, sizeof out.path, "%s/%s", folder->path, name);
    CHECK(n > 0 && (size_t)n < sizeof out.path);
    return out;
}
