// SPDX-License-Identifier: Apache-2.0
// The body of a request as it arrives: unpacked piece by piece, within its own bound and that of
// all bodies together. Memory is taken as bytes come, not as a header promises.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/span.h"
#include "common/httpd/unpack.h"

// What all bodies of a server hold, decoders included.
struct httpd_budget {
    uint64_t held, max;
};

// Fields private.
struct httpd_body {
    uint8_t *bytes;
    size_t len, cap;
    size_t bytes_max; // as sent and as unpacked, each
    uint64_t as_sent;
    enum httpd_coding coding;
    struct httpd_unpacker *unpacker;
    struct httpd_budget *budget; // NULL: nobody counts any more
    uint64_t charged;
};

// Keeps `budget`.
void httpd_body_init(struct httpd_body *body, enum httpd_coding coding, size_t bytes_max,
                     struct httpd_budget *budget);
void httpd_body_deinit(struct httpd_body *body);
// It outlives its budget: it is not counted any more.
void httpd_body_uncount(struct httpd_body *body);
// 0, or the HTTP status to answer: 400 (it does not unpack), 413 (over its bound), 503 (over the
// bound of all).
int httpd_body_take(struct httpd_body *body, struct span piece);
// The last piece has come: 0, or 400 when the packed bytes end too early.
int httpd_body_end(const struct httpd_body *body);
