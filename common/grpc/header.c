// SPDX-License-Identifier: Apache-2.0
#include "common/grpc/header.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/text.h"

enum { TIMEOUT_DIGITS_MAX = 8 };

bool header_timeout(struct span value, int64_t *out_ms)
{
    const char *text = value.ptr;
    uint64_t n;
    if (value.len < 2 || value.len > TIMEOUT_DIGITS_MAX + 1 || text[0] < '0' || text[0] > '9' ||
        !text_to_u64(span_make(text, value.len - 1), &n))
        return false;
    switch (text[value.len - 1]) {
    case 'H':
        *out_ms = (int64_t)n * 3600 * 1000;
        return true;
    case 'M':
        *out_ms = (int64_t)n * 60 * 1000;
        return true;
    case 'S':
        *out_ms = (int64_t)n * 1000;
        return true;
    case 'm':
        *out_ms = (int64_t)n;
        return true;
    case 'u':
        *out_ms = (int64_t)(n + 999) / 1000;
        return true;
    case 'n':
        *out_ms = (int64_t)(n + 999999) / 1000000;
        return true;
    default:
        return false;
    }
}

static bool header_starts(struct span value, const char *prefix)
{
    size_t n = strlen(prefix);
    return value.len >= n && strncasecmp(value.ptr, prefix, n) == 0;
}

bool header_is_grpc_type(struct span value)
{
    static const char *const TYPES[] = {"application/grpc+proto", "application/grpc"};
    for (size_t i = 0; i < ARRAY_LEN(TYPES); i++) {
        size_t n = strlen(TYPES[i]);
        if (header_starts(value, TYPES[i]))
            return value.len == n || strchr("; ", ((const char *)value.ptr)[n]) != NULL;
    }
    return false;
}

char *header_percent_encode(const char *text, struct arena *arena)
{
    static const char HEX[] = "0123456789ABCDEF";
    char *out = arena_alloc(arena, strlen(text) * 3 + 1), *to = out;
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        if (*p >= 0x20 && *p <= 0x7e && *p != '%') {
            *to++ = (char)*p;
        } else {
            *to++ = '%';
            *to++ = HEX[*p >> 4];
            *to++ = HEX[*p & 15];
        }
    }
    return out;
}

bool header_is_ascii(struct span value)
{
    const unsigned char *p = value.ptr;
    for (size_t i = 0; i < value.len; i++)
        if (p[i] < 0x20 || p[i] > 0x7e)
            return false;
    return true;
}

static bool header_is_base64(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
}

// One value; advances `*to`.
static bool header_bin_one(const char *p, size_t len, char **to)
{
    size_t n = len, padded = (len + 3) / 4 * 4;
    while (n > 0 && len - n < 2 && p[n - 1] == '=')
        n--;
    if (n % 4 == 1 || (n != len && len % 4 != 0))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!header_is_base64(p[i]))
            return false;
        *(*to)++ = p[i];
    }
    for (size_t i = n; i < padded; i++)
        *(*to)++ = '=';
    return true;
}

bool header_bin(struct span value, struct arena *arena, char **out)
{
    // Each value grows by at most 2, and a value without padding has a comma or 2 bytes.
    char *to = *out = arena_alloc(arena, value.len * 2 + 1);
    const char *p = value.ptr, *end = p + value.len;
    for (;;) {
        const char *comma = p == end ? NULL : memchr(p, ',', (size_t)(end - p));
        if (!header_bin_one(p, (size_t)((comma == NULL ? end : comma) - p), &to))
            return false;
        if (comma == NULL)
            break;
        *to++ = ',';
        p = comma + 1;
    }
    *to = '\0';
    return true;
}
