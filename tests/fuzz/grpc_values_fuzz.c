// SPDX-License-Identifier: Apache-2.0
// links: grpc_wire base
// What stands in gRPC's headers and frames. The first byte says which; the rest is the value.
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/grpc/frames.h"
#include "common/grpc/gzip.h"
#include "common/grpc/header.h"

enum { MESSAGE_MAX = 4096, MESSAGES_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void try_timeout(struct span value)
{
    int64_t ms = -1;
    if (header_timeout(value, &ms))
        CHECK(ms >= 0 && ms <= 99999999ll * 3600 * 1000 && value.len <= 9);
}

static int hex(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : c - 'A' + 10;
}

// What was encoded is printable, and is the same when it is decoded.
static void try_percent(struct span value, struct arena *arena)
{
    char *text = arena_dup(arena, value), *encoded = header_percent_encode(text, arena);
    char *decoded = arena_alloc(arena, strlen(encoded) + 1), *to = decoded;
    for (const char *p = encoded; *p != '\0'; p++) {
        CHECK(*p >= 0x20 && *p <= 0x7e);
        if (*p == '%') {
            *to++ = (char)(hex(p[1]) << 4 | hex(p[2]));
            p += 2;
        } else {
            *to++ = *p;
        }
    }
    CHECK(strcmp(decoded, text) == 0);
}

// What was accepted is padded base64, and stays what it is.
static void try_bin(struct span value, struct arena *arena)
{
    char *once, *twice;
    if (!header_bin(value, arena, &once))
        return;
    CHECK(header_is_ascii(span_of(once)));
    for (const char *p = once; *p != '\0';) {
        size_t n = strcspn(p, ",");
        CHECK(n % 4 == 0);
        p += n + (p[n] == ',');
    }
    CHECK(header_bin(span_of(once), arena, &twice) && strcmp(once, twice) == 0);
}

static size_t read_frames(struct span bytes, size_t step, struct buf *out, enum frames_step *last)
{
    struct frames frames = {.bytes_max = MESSAGE_MAX};
    size_t n = 0;
    *last = FRAMES_MORE;
    while (bytes.len > 0 && *last == FRAMES_MORE && n < MESSAGES_MAX) {
        struct span piece = {bytes.ptr, step < bytes.len ? step : bytes.len};
        bytes = span_make((const char *)bytes.ptr + piece.len, bytes.len - piece.len);
        while (piece.len > 0 && n < MESSAGES_MAX) {
            *last = frames_take(&frames, &piece);
            CHECK(frames.body.len <= MESSAGE_MAX);
            if (*last == FRAMES_TOO_LARGE || *last == FRAMES_BAD)
                break;
            if (*last == FRAMES_MESSAGE) {
                buf_append(out, frames.body.bytes, frames.body.len);
                buf_append_u8(out, frames_compressed(&frames));
                frames_next(&frames);
                *last = FRAMES_MORE;
                n++;
            }
        }
    }
    frames_deinit(&frames);
    return n;
}

// However the bytes are cut, the messages are the same.
static void try_frames(struct span bytes)
{
    struct buf whole = {0}, pieces = {0};
    enum frames_step end_whole, end_pieces;
    size_t n = read_frames(bytes, bytes.len, &whole, &end_whole);
    for (size_t step = 1; step < 8; step += 3) {
        buf_clear(&pieces);
        CHECK(read_frames(bytes, step, &pieces, &end_pieces) == n);
        CHECK(span_eq(buf_span(&whole), buf_span(&pieces)) && end_whole == end_pieces);
    }
    buf_deinit(&whole);
    buf_deinit(&pieces);
}

static void try_gzip(struct span bytes)
{
    struct buf out = {0}, packed = {0}, again = {0};
    enum err err = gzip_unpack(bytes, MESSAGE_MAX, &out);
    CHECK(out.len <= MESSAGE_MAX);
    if (err == ERR_OK) {
        gzip_pack(buf_span(&out), &packed);
        CHECK(gzip_unpack(buf_span(&packed), MESSAGE_MAX, &again) == ERR_OK);
        CHECK(span_eq(buf_span(&out), buf_span(&again)));
    }
    buf_deinit(&out);
    buf_deinit(&packed);
    buf_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct arena arena;
    if (len == 0)
        return 0;
    struct span value = span_make(bytes + 1, len - 1);
    arena_init(&arena, 4096, 0);
    switch (bytes[0]) {
    case 't':
        try_timeout(value);
        break;
    case '%':
        try_percent(value, &arena);
        break;
    case 'b':
        try_bin(value, &arena);
        break;
    case 'f':
        try_frames(value);
        break;
    case 'z':
        try_gzip(value);
        break;
    default:
        (void)header_is_grpc_type(value);
        break;
    }
    arena_deinit(&arena);
    return 0;
}
