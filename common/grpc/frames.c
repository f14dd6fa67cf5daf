// SPDX-License-Identifier: Apache-2.0
#include "common/grpc/frames.h"

#include <string.h>

uint32_t frames_length(const struct frames *frames)
{
    const uint8_t *p = frames->head + 1;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

bool frames_compressed(const struct frames *frames)
{
    return frames->head[0] == 1;
}

bool frames_inside(const struct frames *frames)
{
    return frames->n_head > 0;
}

static size_t frames_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void frames_skip(struct span *bytes, size_t n)
{
    bytes->ptr = (const uint8_t *)bytes->ptr + n;
    bytes->len -= n;
}

enum frames_step frames_take(struct frames *frames, struct span *bytes)
{
    if (frames->n_head < FRAMES_HEAD_BYTES) {
        size_t n = frames_min(FRAMES_HEAD_BYTES - frames->n_head, bytes->len);
        if (n > 0)
            memcpy(frames->head + frames->n_head, bytes->ptr, n);
        frames->n_head += (unsigned)n;
        frames_skip(bytes, n);
        if (frames->n_head < FRAMES_HEAD_BYTES)
            return FRAMES_MORE;
    }
    if (frames->head[0] > 1)
        return FRAMES_BAD;
    if (frames_length(frames) > frames->bytes_max)
        return FRAMES_TOO_LARGE;
    // Memory grows with what has come, not with what was promised.
    size_t n = frames_min(frames_length(frames) - frames->body.len, bytes->len);
    buf_append(&frames->body, bytes->ptr, n);
    frames_skip(bytes, n);
    return frames->body.len == frames_length(frames) ? FRAMES_MESSAGE : FRAMES_MORE;
}

void frames_next(struct frames *frames)
{
    frames->n_head = 0;
    buf_deinit(&frames->body);
    frames->body = (struct buf){0};
}

void frames_deinit(struct frames *frames)
{
    buf_deinit(&frames->body);
}

void frames_write_head(uint8_t out[FRAMES_HEAD_BYTES], bool compressed, size_t len)
{
    out[0] = compressed;
    out[1] = (uint8_t)(len >> 24);
    out[2] = (uint8_t)(len >> 16);
    out[3] = (uint8_t)(len >> 8);
    out[4] = (uint8_t)len;
}
