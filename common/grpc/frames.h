// SPDX-License-Identifier: Apache-2.0
// Messages in a stream of bytes: each behind 5 bytes, a flag (1: compressed) and its length (32
// bits, big-endian). They span DATA frames, and the reverse. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/span.h"

enum { FRAMES_HEAD_BYTES = 5 };

// Open struct; all zero but `bytes_max` is the beginning of a stream.
struct frames {
    size_t bytes_max; // of a message, as sent
    uint8_t head[FRAMES_HEAD_BYTES];
    unsigned n_head;
    struct buf body;
};

enum frames_step {
    FRAMES_MORE,      // all bytes were taken, and no message is complete
    FRAMES_MESSAGE,   // `body` is one; frames_next before more is given
    FRAMES_TOO_LARGE, // frames_length tells how large; the stream cannot go on
    FRAMES_BAD,       // not a flag
};
// Takes from the front of `*bytes`.
enum frames_step frames_take(struct frames *frames, struct span *bytes);
bool frames_compressed(const struct frames *frames);
uint32_t frames_length(const struct frames *frames);
// Whether it stands inside a message.
bool frames_inside(const struct frames *frames);
// Goes on behind the message; its bytes are gone.
void frames_next(struct frames *frames);
void frames_deinit(struct frames *frames);
// The 5 bytes.
void frames_write_head(uint8_t out[FRAMES_HEAD_BYTES], bool compressed, size_t len);
