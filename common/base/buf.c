// SPDX-License-Identifier: Apache-2.0
#include "common/base/buf.h"

#include <endian.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/base/mem.h"
#include "common/base/text.h"

void buf_deinit(struct buf *buf)
{
    mem_free(buf->bytes);
    *buf = (struct buf){0};
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
}

uint8_t *buf_reserve(struct buf *buf, size_t n)
{
    if (buf->cap - buf->len < n) {
        size_t cap = buf->cap < 64 ? 64 : buf->cap;
        while (cap - buf->len < n) {
            CHECK(cap < SIZE_MAX / 2);
            cap *= 2;
        }
        buf->bytes = mem_realloc(buf->bytes, cap);
        buf->cap = cap;
    }
    return buf->bytes + buf->len;
}

void buf_append(struct buf *buf, const void *bytes, size_t n)
{
    if (n == 0)
        return;
    memcpy(buf_reserve(buf, n), bytes, n);
    buf->len += n;
}

void buf_append_span(struct buf *buf, struct span s)
{
    buf_append(buf, s.ptr, s.len);
}

void buf_append_text(struct buf *buf, const char *text)
{
    buf_append_span(buf, span_of(text));
}

void buf_append_u8(struct buf *buf, uint8_t v)
{
    buf_append(buf, &v, 1);
}

void buf_append_u32(struct buf *buf, uint32_t v)
{
    v = htole32(v);
    buf_append(buf, &v, sizeof v);
}

void buf_append_u64(struct buf *buf, uint64_t v)
{
    v = htole64(v);
    buf_append(buf, &v, sizeof v);
}

void buf_append_json(struct buf *buf, struct span text)
{
    const unsigned char *at = text.ptr, *end = at + text.len;
    bool utf8 = text_is_clean_utf8(text);
    buf_append_u8(buf, '"');
    for (; at < end; at++) {
        if (*at == '"' || *at == '\\')
            buf_append_u8(buf, '\\');
        if (*at < 0x20)
            buf_printf(buf, "\\u%04x", *at);
        else if (*at < 0x80 || utf8)
            buf_append_u8(buf, *at);
    }
    buf_append_u8(buf, '"');
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    CHECK(n >= 0);
    vsnprintf((char *)buf_reserve(buf, (size_t)n + 1), (size_t)n + 1, format, again);
    va_end(again);
    buf->len += (size_t)n;
}
