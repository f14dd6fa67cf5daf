// SPDX-License-Identifier: Apache-2.0
#include "common/httpd/unpack.h"

#include <strings.h>
#include <zlib.h>
#include <zstd.h>

#include "common/base/check.h"
#include "common/base/mem.h"

enum {
    // zlib's inflate: a window of 32 KiB and its tables.
    INFLATE_BYTES = 48 * 1024,
    // A zstd frame may ask for a window of 8 MiB (RFC 9659); larger ones are refused.
    WINDOW_LOG_MAX = 23,
};

struct httpd_unpacker {
    enum httpd_coding coding;
    bool began, ended;
    z_stream z;
    ZSTD_DStream *zstd;
};

enum httpd_coding httpd_coding_parse(const char *header)
{
    static const struct {
        const char *name;
        enum httpd_coding coding;
    } CODINGS[] = {{"identity", HTTPD_IDENTITY},
                   {"gzip", HTTPD_GZIP},
                   {"x-gzip", HTTPD_GZIP},
                   {"deflate", HTTPD_DEFLATE},
                   {"zstd", HTTPD_ZSTD}};
    if (header == NULL || header[0] == '\0')
        return HTTPD_IDENTITY;
    for (size_t i = 0; i < ARRAY_LEN(CODINGS); i++)
        if (strcasecmp(header, CODINGS[i].name) == 0)
            return CODINGS[i].coding;
    return HTTPD_UNKNOWN_CODING;
}

struct httpd_unpacker *httpd_unpacker_create(enum httpd_coding coding)
{
    CHECK(coding == HTTPD_GZIP || coding == HTTPD_DEFLATE || coding == HTTPD_ZSTD);
    struct httpd_unpacker *unpacker = mem_zalloc(sizeof *unpacker);
    unpacker->coding = coding;
    if (coding == HTTPD_ZSTD) {
        unpacker->zstd = ZSTD_createDStream();
        CHECK(unpacker->zstd != NULL);
        CHECK(!ZSTD_isError(
            ZSTD_DCtx_setParameter(unpacker->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)));
    }
    return unpacker;
}

void httpd_unpacker_destroy(struct httpd_unpacker *unpacker)
{
    if (unpacker == NULL)
        return;
    if (unpacker->zstd != NULL)
        ZSTD_freeDStream(unpacker->zstd);
    else if (unpacker->began)
        inflateEnd(&unpacker->z);
    mem_free(unpacker);
}

// zlib's header is a multiple of 31 with 8 in the low bits of its first byte (RFC 1950); the first
// byte alone tells it from a raw block well enough.
static int window_bits(const struct httpd_unpacker *unpacker, uint8_t first)
{
    if (unpacker->coding == HTTPD_GZIP)
        return 16 + MAX_WBITS;
    return (first & 0x0F) == Z_DEFLATED && (first >> 4) <= 7 ? MAX_WBITS : -MAX_WBITS;
}

static bool unpack_zlib(struct httpd_unpacker *unpacker, struct span *in, uint8_t *out, size_t room,
                        size_t *written)
{
    z_stream *z = &unpacker->z;
    *written = 0;
    if (!unpacker->began && in->len == 0)
        return true;
    if (!unpacker->began) {
        CHECK(inflateInit2(z, window_bits(unpacker, *(const uint8_t *)in->ptr)) == Z_OK);
        unpacker->began = true;
    }
    z->next_in = (Bytef *)in->ptr;
    z->avail_in = (uInt)in->len;
    z->next_out = out;
    z->avail_out = (uInt)room;
    bool fine = true;
    while (fine && z->avail_out > 0 && (z->avail_in > 0 || !unpacker->ended)) {
        if (unpacker->ended) { // another member of a gzip file
            fine = unpacker->coding == HTTPD_GZIP && inflateReset(z) == Z_OK;
            unpacker->ended = false;
            continue;
        }
        int result = inflate(z, Z_NO_FLUSH);
        unpacker->ended = result == Z_STREAM_END;
        if (result == Z_BUF_ERROR)
            break; // it wants more
        fine = result == Z_OK || result == Z_STREAM_END;
    }
    *in = span_make(z->next_in, z->avail_in);
    *written = room - z->avail_out;
    return fine;
}

static bool unpack_zstd(struct httpd_unpacker *unpacker, struct span *in, uint8_t *out, size_t room,
                        size_t *written)
{
    ZSTD_inBuffer from = {in->ptr, in->len, 0};
    ZSTD_outBuffer to = {out, room, 0};
    bool fine = true;
    while (fine && to.pos < to.size && (from.pos < from.size || !unpacker->ended)) {
        size_t was_in = from.pos, was_out = to.pos;
        size_t left = ZSTD_decompressStream(unpacker->zstd, &to, &from);
        fine = !ZSTD_isError(left);
        unpacker->ended = fine && left == 0;
        if (from.pos == was_in && to.pos == was_out)
            break; // it wants more
    }
    *in = span_make((const uint8_t *)in->ptr + from.pos, from.size - from.pos);
    *written = to.pos;
    return fine;
}

bool httpd_unpack(struct httpd_unpacker *unpacker, struct span *in, uint8_t *out, size_t room,
                  size_t *written)
{
    CHECK(room > 0 && room <= UINT32_MAX && in->len <= UINT32_MAX);
    return unpacker->zstd != NULL ? unpack_zstd(unpacker, in, out, room, written)
                                  : unpack_zlib(unpacker, in, out, room, written);
}

bool httpd_unpacker_ended(const struct httpd_unpacker *unpacker)
{
    return unpacker->ended;
}

size_t httpd_unpacker_bytes(const struct httpd_unpacker *unpacker)
{
    if (unpacker == NULL)
        return 0;
    return unpacker->zstd != NULL ? ZSTD_sizeof_DStream(unpacker->zstd) : INFLATE_BYTES;
}
