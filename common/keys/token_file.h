// SPDX-License-Identifier: Apache-2.0
// The token that this process shows to others, from a file that holds nothing else. Read again
// within seconds when the file changes; one that is not right changes nothing but the log. Loop's
// thread.
#pragma once

#include "common/base/err.h"
#include "common/loop/loop.h"

struct token_file;
struct token_file_opts {
    const char *path;      // copied
    int64_t look_every_ms; // 0: 1 s
};
// NOT_FOUND, IO; INVALID: it holds no token. What it says never repeats the token.
MUST_USE enum err token_file_open(struct loop *loop, const struct token_file_opts *opts,
                                  struct token_file **out, struct err_info *info);
void token_file_close(struct token_file *file); // NULL is allowed
// "Bearer TOKEN", for the metadata of calls; "" when `arg` is NULL. Valid until the loop's next
// turn.
const char *token_file_authorization(void *arg);
// Reads such a file, for whoever needs it once. `out` holds TOKEN_CHARS_MAX + 1.
MUST_USE enum err token_file_read(const char *path, char *out, struct err_info *info);
