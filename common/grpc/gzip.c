// SPDX-License-Identifier: Apache-2.0
#include "common/grpc/gzip.h"

#include <zlib.h>

enum { GZIP_WINDOW = 15 + 16, GZIP_STEP_BYTES = 64 * 1024, GZIP_LEVEL = 1, GZIP_MEMORY = 8 };

// Unpacks the rest of one member: OK at its end.
static enum err gzip_member(z_stream *z, size_t bytes_max, struct buf *out, size_t before)
{
    for (;;) {
        size_t room = bytes_max - (out->len - before);
        // One byte more than there may be tells a message that is too large from one that fits.
        size_t step = room + 1 < GZIP_STEP_BYTES ? room + 1 : GZIP_STEP_BYTES;
        z->next_out = buf_reserve(out, step);
        z->avail_out = (uInt)step;
        int rv = inflate(z, Z_NO_FLUSH);
        size_t got = step - z->avail_out;
        if (got > room)
            return ERR_FULL;
        out->len += got;
        if (rv == Z_STREAM_END)
            return ERR_OK;
        if (rv != Z_OK || (z->avail_in == 0 && got < step))
            return ERR_INVALID;
    }
}

enum err gzip_unpack(struct span in, size_t bytes_max, struct buf *out)
{
    z_stream z = {.next_in = (Bytef *)in.ptr, .avail_in = (uInt)in.len};
    size_t before = out->len;
    CHECK(inflateInit2(&z, GZIP_WINDOW) == Z_OK);
    enum err err = gzip_member(&z, bytes_max, out, before);
    while (err == ERR_OK && z.avail_in > 0) {
        CHECK(inflateReset(&z) == Z_OK);
        err = gzip_member(&z, bytes_max, out, before);
    }
    inflateEnd(&z);
    return err;
}

void gzip_pack(struct span in, struct buf *out)
{
    z_stream z = {.next_in = (Bytef *)in.ptr, .avail_in = (uInt)in.len};
    CHECK(deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY, Z_DEFAULT_STRATEGY) ==
          Z_OK);
    size_t room = deflateBound(&z, in.len);
    z.next_out = buf_reserve(out, room);
    z.avail_out = (uInt)room;
    CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
    out->len += room - z.avail_out;
    deflateEnd(&z);
}
