// SPDX-License-Identifier: Apache-2.0
#include "common/base/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

bool text_is_clean_utf8(struct span s)
{
    const unsigned char *p = s.ptr;
    const unsigned char *end = p + s.len;
    while (p < end) {
        unsigned char c = *p;
        if (c < 0x80) {
            if (c == 0)
                return false;
            p++;
            continue;
        }
        size_t n = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
        if (c < 0xC2 || c > 0xF4 || (size_t)(end - p) < n)
            return false;
        // The second byte's range excludes overlong forms, surrogates and what is past U+10FFFF.
        unsigned char low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
        unsigned char high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
        if (p[1] < low || p[1] > high)
            return false;
        for (size_t i = 2; i < n; i++) {
            if ((p[i] & 0xC0) != 0x80)
                return false;
        }
        p += n;
    }
    return true;
}

bool text_to_u64(struct span s, uint64_t *out)
{
    const char *p = s.ptr;
    uint64_t v = 0;
    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (p[i] < '0' || p[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(p[i] - '0');
        if (__builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, digit, &v))
            return false;
    }
    *out = v;
    return true;
}

bool text_to_i64(struct span s, int64_t *out)
{
    bool negative = s.len > 0 && *(const char *)s.ptr == '-';
    uint64_t v;
    if (negative)
        s = span_make((const char *)s.ptr + 1, s.len - 1);
    if (!text_to_u64(s, &v) || v > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return false;
    *out = negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

bool text_to_double(struct span s, double *out)
{
    // Only the characters of a decimal number: strtod would also take "inf", "nan" and hex. The
    // programs never call setlocale, so the decimal point is a point.
    char copy[64];
    if (s.len == 0 || s.len >= sizeof copy)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = ((const char *)s.ptr)[i];
        if (!((c >= '0' && c <= '9') || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E'))
            return false;
        copy[i] = c;
    }
    copy[s.len] = '\0';
    char *end;
    errno = 0;
    double v = strtod(copy, &end);
    if (*end != '\0' || end == copy || !isfinite(v))
        return false;
    *out = v;
    return true;
}

size_t text_distance(struct span a, struct span b, size_t most)
{
    enum { LEN_MAX = 64 };
    size_t n = a.len, m = b.len;
    if (n > LEN_MAX || m > LEN_MAX || (n > m ? n - m : m - n) > most)
        return most + 1;
    const char *x = a.ptr, *y = b.ptr;
    size_t rows[3][LEN_MAX + 1];
    for (size_t j = 0; j <= m; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = above[j - 1] + (x[i - 1] != y[j - 1]);
            if (above[j] + 1 < best)
                best = above[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (i > 1 && j > 1 && x[i - 1] == y[j - 2] && x[i - 2] == y[j - 1] &&
                two_above[j - 2] + 1 < best)
                best = two_above[j - 2] + 1;
            row[j] = best;
        }
    }
    size_t d = rows[n % 3][m];
    return d > most ? most + 1 : d;
}

static char text_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool text_contains(struct span s, struct span needle, bool fold_case)
{
    const char *x = s.ptr, *y = needle.ptr;
    if (needle.len > s.len)
        return false;
    for (size_t i = 0; i + needle.len <= s.len; i++) {
        size_t j = 0;
        while (j < needle.len &&
               (x[i + j] == y[j] || (fold_case && text_lower(x[i + j]) == text_lower(y[j]))))
            j++;
        if (j == needle.len)
            return true;
    }
    return false;
}
