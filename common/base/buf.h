// SPDX-License-Identifier: Apache-2.0
// A growable run of bytes, for building records and texts.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/check.h"
#include "common/base/span.h"

// Open struct; `{0}` is an empty buffer.
struct buf {
    uint8_t *bytes;
    size_t len;
    size_t cap;
};

void buf_deinit(struct buf *buf);
void buf_clear(struct buf *buf);
// Makes room for `n` more bytes and returns where they go; the caller then adds to `len`.
uint8_t *buf_reserve(struct buf *buf, size_t n);
void buf_append(struct buf *buf, const void *bytes, size_t n);
void buf_append_span(struct buf *buf, struct span s);
void buf_append_text(struct buf *buf, const char *text);
void buf_append_u8(struct buf *buf, uint8_t v);
void buf_append_u32(struct buf *buf, uint32_t v); // little-endian
void buf_append_u64(struct buf *buf, uint64_t v); // little-endian
// A JSON string with its quotes. Text that is not UTF-8 loses its bytes above 7F.
void buf_append_json(struct buf *buf, struct span text);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);

static inline struct span buf_span(const struct buf *buf)
{
    return (struct span){buf->bytes, buf->len};
}
