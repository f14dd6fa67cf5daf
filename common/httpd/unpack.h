// SPDX-License-Identifier: Apache-2.0
// What Content-Encoding has packed, unpacked piece by piece: gzip (several members too), deflate
// (with zlib's header, as the standard says, or without, as some send it) and zstd.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/span.h"

enum httpd_coding { HTTPD_IDENTITY, HTTPD_GZIP, HTTPD_DEFLATE, HTTPD_ZSTD, HTTPD_UNKNOWN_CODING };

// Of a Content-Encoding header; NULL is the identity. More than one coding is unknown.
enum httpd_coding httpd_coding_parse(const char *header);

struct httpd_unpacker;
struct httpd_unpacker *httpd_unpacker_create(enum httpd_coding coding);
void httpd_unpacker_destroy(struct httpd_unpacker *unpacker); // NULL is allowed
// Unpacks from the front of `in`, which is moved on, to `out`, which has room for `room` bytes
// (at least 1), until one of them is used up. False: the bytes are not what the coding says.
bool httpd_unpack(struct httpd_unpacker *unpacker, struct span *in, uint8_t *out, size_t room,
                  size_t *written);
// Whether all that came is whole.
bool httpd_unpacker_ended(const struct httpd_unpacker *unpacker);
// The memory that it holds; NULL: none.
size_t httpd_unpacker_bytes(const struct httpd_unpacker *unpacker);
