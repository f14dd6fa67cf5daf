// SPDX-License-Identifier: Apache-2.0
// What a fuzzer's input is read as: single bytes, or protobuf's wire format without a schema.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/span.h"

struct bytes {
    const uint8_t *at;
    size_t len;
};

static inline struct bytes bytes_of(struct span span)
{
    return (struct bytes){(const uint8_t *)span.ptr, span.len};
}
// The next byte; 0 at the end.
static inline uint8_t bytes_u8(struct bytes *bytes)
{
    if (bytes->len == 0)
        return 0;
    bytes->len--;
    return *bytes->at++;
}

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

struct wire_field {
    uint32_t number;
    enum wire_type type;
    uint64_t value;      // VARINT
    struct span payload; // of the rest: without the length
    struct span whole;   // with its tag
};
// False: the end, or no field.
bool wire_next(struct bytes *from, struct wire_field *out);
void wire_append_varint(struct buf *out, uint64_t value);
void wire_append_value(struct buf *out, uint32_t number, uint64_t value);
void wire_append_bytes(struct buf *out, uint32_t number, struct span payload);
