// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/bytes.h"

static bool wire_varint(struct bytes *from, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (from->len == 0)
            return false;
        uint8_t byte = bytes_u8(from);
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

static bool wire_take(struct bytes *from, uint64_t n, struct span *out)
{
    if (n > from->len)
        return false;
    *out = span_make(from->at, (size_t)n);
    from->at += n;
    from->len -= (size_t)n;
    return true;
}

bool wire_next(struct bytes *from, struct wire_field *out)
{
    uint64_t tag, n;
    const uint8_t *start = from->at;
    if (!wire_varint(from, &tag) || tag >> 3 == 0 || tag >> 3 > UINT32_C(0x1fffffff))
        return false;
    *out = (struct wire_field){.number = (uint32_t)(tag >> 3), .type = (enum wire_type)(tag & 7)};
    bool read = false;
    switch (out->type) {
    case WIRE_VARINT:
        read = wire_varint(from, &out->value);
        break;
    case WIRE_FIXED64:
        read = wire_take(from, 8, &out->payload);
        break;
    case WIRE_BYTES:
        read = wire_varint(from, &n) && wire_take(from, n, &out->payload);
        break;
    case WIRE_FIXED32:
        read = wire_take(from, 4, &out->payload);
        break;
    }
    out->whole = span_make(start, (size_t)(from->at - start));
    return read;
}

void wire_append_varint(struct buf *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        buf_append_u8(out, (uint8_t)(value | 0x80));
    buf_append_u8(out, (uint8_t)value);
}

void wire_append_value(struct buf *out, uint32_t number, uint64_t value)
{
    wire_append_varint(out, (uint64_t)number << 3 | WIRE_VARINT);
    wire_append_varint(out, value);
}

void wire_append_bytes(struct buf *out, uint32_t number, struct span payload)
{
    wire_append_varint(out, (uint64_t)number << 3 | WIRE_BYTES);
    wire_append_varint(out, payload.len);
    buf_append_span(out, payload);
}
