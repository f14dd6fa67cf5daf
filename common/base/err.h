// SPDX-License-Identifier: Apache-2.0
// Errors of the world (bad input, full, late, gone), named by what the caller can do about them.
// One list gives name, text, RPC status and whether a retry can help, so that they never drift
// apart. Bugs are not errors: see check.h.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/check.h"

// X(name, text, gRPC status, retry)
#define ERR_LIST(X)                                                                                \
    X(OK, "ok", 0, false)                                                                          \
    X(INVALID, "invalid", 3, false)                                                                \
    X(NOT_FOUND, "not found", 5, false)                                                            \
    X(CONFLICT, "conflict", 10, false)                                                             \
    X(FULL, "full", 8, true)                                                                       \
    X(BUSY, "busy", 9, true)                                                                       \
    X(TIMEOUT, "timeout", 4, true)                                                                 \
    X(UNAVAILABLE, "unavailable", 14, true)                                                        \
    X(CANCELED, "canceled", 1, false)                                                              \
    X(CORRUPT, "corrupt", 15, false)                                                               \
    X(IO, "i/o error", 13, false)                                                                  \
    X(INTERNAL, "internal", 2, false)

enum err {
#define ERR_ENUM(name, text, rpc, retry) ERR_##name,
    ERR_LIST(ERR_ENUM)
#undef ERR_ENUM
};

// What happened, in words. A fixed buffer, so that reporting never allocates; NULL is allowed
// wherever one is taken. Inner code writes the fact ("put: map full"), outer code prefixes its
// purpose.
struct err_info {
    char text[512];
};

const char *err_name(enum err err);
const char *err_text(enum err err);
bool err_retry(enum err err);

// Writes the fact into `info` (which may be NULL) and returns `err`, so that it ends a function.
enum err err_set(struct err_info *info, enum err err, const char *format, ...) PRINTF_LIKE(3, 4);
// Puts "<prefix>: " in front of what `info` says and returns `err`.
enum err err_prefix(struct err_info *info, enum err err, const char *format, ...) PRINTF_LIKE(3, 4);
