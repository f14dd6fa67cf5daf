// SPDX-License-Identifier: Apache-2.0
#include "common/base/base64.h"

#include <string.h>

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_append(struct buf *out, struct span bytes)
{
    const uint8_t *at = bytes.ptr;
    for (size_t left = bytes.len; left > 0; left -= left < 3 ? left : 3, at += 3) {
        uint32_t bits = (uint32_t)at[0] << 16;
        bits |= left > 1 ? (uint32_t)at[1] << 8 : 0;
        bits |= left > 2 ? at[2] : 0;
        buf_append_u8(out, (uint8_t)ALPHABET[bits >> 18 & 63]);
        buf_append_u8(out, (uint8_t)ALPHABET[bits >> 12 & 63]);
        buf_append_u8(out, left > 1 ? (uint8_t)ALPHABET[bits >> 6 & 63] : '=');
        buf_append_u8(out, left > 2 ? (uint8_t)ALPHABET[bits & 63] : '=');
    }
}

static int value_of(uint8_t c)
{
    if (c == '-')
        return 62;
    if (c == '_')
        return 63;
    const char *at = c == '\0' ? NULL : strchr(ALPHABET, c);
    return at == NULL ? -1 : (int)(at - ALPHABET);
}

bool base64_read(struct span text, struct arena *arena, struct span *out)
{
    const uint8_t *in = text.ptr;
    size_t n = text.len;
    for (int pads = 0; pads < 2 && text.len % 4 == 0 && n > 0 && in[n - 1] == '='; pads++)
        n--;
    uint8_t *bytes = arena_try(arena, n / 4 * 3 + 3);
    if (n % 4 == 1 || bytes == NULL)
        return false;
    size_t len = 0;
    uint32_t bits = 0;
    for (size_t i = 0; i < n; i++) {
        int value = value_of(in[i]);
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 != 0)
            bytes[len++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
    }
    *out = span_make(bytes, len);
    return true;
}
