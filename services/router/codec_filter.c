// SPDX-License-Identifier: Apache-2.0
// Which packed decisions a reader asks for, told from the bytes without unpacking them: a decision
// on a lead is field 4, its lead's id is field 2 there, its queue field 6.
#include "services/router/codec.h"

enum { FIELD_LEAD = 4, FIELD_LEAD_ID = 2, FIELD_QUEUE = 6 };
enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

static bool read_varint(struct span *rest, uint64_t *out)
{
    const uint8_t *bytes = rest->ptr;
    *out = 0;
    for (size_t i = 0; i < rest->len && i < 10; i++) {
        *out |= (uint64_t)(bytes[i] & 0x7f) << (7 * i);
        if (bytes[i] < 0x80) {
            *rest = span_make(bytes + i + 1, rest->len - i - 1);
            return true;
        }
    }
    return false;
}

// The next field and, when it is of bytes, these. False at the end, or where it makes no sense.
static bool read_field(struct span *rest, uint64_t *number, struct span *bytes)
{
    uint64_t key, len;
    *bytes = (struct span){NULL, 0};
    if (!read_varint(rest, &key))
        return false;
    *number = key >> 3;
    switch (key & 7) {
    case WIRE_VARINT:
        return read_varint(rest, &len);
    case WIRE_FIXED64:
        len = 8;
        break;
    case WIRE_FIXED32:
        len = 4;
        break;
    case WIRE_BYTES:
        if (!read_varint(rest, &len))
            return false;
        break;
    default:
        return false;
    }
    if (len > rest->len)
        return false;
    const uint8_t *at = rest->ptr;
    *bytes = span_make(at, (size_t)len);
    *rest = span_make(at + len, rest->len - (size_t)len);
    return true;
}

static struct span field_of(struct span message, uint64_t wanted)
{
    uint64_t number;
    struct span bytes;
    while (read_field(&message, &number, &bytes))
        if (number == wanted)
            return bytes;
    return (struct span){NULL, 0};
}

bool router_codec_decision_is_of(struct span packed, struct span queue, struct span lead_id)
{
    struct span lead = field_of(packed, FIELD_LEAD);
    if (lead.len == 0)
        return false;
    if (lead_id.len > 0 && !span_eq(field_of(lead, FIELD_LEAD_ID), lead_id))
        return false;
    return queue.len == 0 || span_eq(field_of(lead, FIELD_QUEUE), queue);
}
