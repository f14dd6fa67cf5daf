// SPDX-License-Identifier: Apache-2.0
// What the commands of keys share: where the keys are, and what becomes of a fresh token.
#pragma once

#include <stdbool.h>

#include "cli/keys_file.h"

struct keys_place {
    const char *dir, *file;
    bool json;
};
// Rows of options.
#define KEYS_PLACE_ROWS(p)                                                                         \
    OPTION_ROW_DATA(&(p).dir),                                                                     \
        {"keys", OPTION_TEXT, &(p).file, "FILE", "the file of keys (DIR/keys.yaml)", 0, 0, NULL},  \
        OPTION_ROW_JSON(&(p).json)

// Saves the keys, and before them the token to a new file `out` (NULL: to none).
MUST_USE enum err keys_save_token(struct keys_file *file, const char *token, const char *out,
                                  struct err_info *info);
// Says what was made, and shows the token unless it is in `out`.
void keys_tell_token(const struct keys_place *place, const struct keys_key *key, const char *token,
                     const char *out);

// In cmd_keys_add.c.
int cmd_keys_add(int argc, char **argv);
int cmd_keys_import(int argc, char **argv);
