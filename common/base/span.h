// SPDX-License-Identifier: Apache-2.0
// A view of bytes that somebody else owns. Data from outside is a span, never a C string.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const void *ptr;
    size_t len;
};

#define SPAN_FMT "%.*s"
#define SPAN_ARG(s) (int)(s).len, (const char *)(s).ptr

static inline struct span span_make(const void *ptr, size_t len)
{
    return (struct span){ptr, len};
}

// `text` may be NULL, which is the empty span.
static inline struct span span_of(const char *text)
{
    return (struct span){text, text == NULL ? 0 : strlen(text)};
}

static inline bool span_eq(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool span_is(struct span a, const char *text)
{
    return span_eq(a, span_of(text));
}

static inline bool span_starts(struct span a, const char *prefix)
{
    size_t n = strlen(prefix);
    return a.len >= n && memcmp(a.ptr, prefix, n) == 0;
}

static inline int span_cmp(struct span a, struct span b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n == 0 ? 0 : memcmp(a.ptr, b.ptr, n);
    return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}
