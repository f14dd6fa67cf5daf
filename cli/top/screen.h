// SPDX-License-Identifier: Apache-2.0
// The terminal as a screen that is drawn anew: the one place that knows curses. One at a time, one
// thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"

enum screen_key {
    SCREEN_NOTHING, // the time is over
    SCREEN_QUIT,    // q, Ctrl-C, or the process is to end
    SCREEN_NEXT,    // tab, right
    SCREEN_BACK,    // shift tab, left
    SCREEN_UP,
    SCREEN_DOWN,
    SCREEN_PAGE_UP,
    SCREEN_PAGE_DOWN,
    SCREEN_TOP,    // home
    SCREEN_REDRAW, // another size, or a wish
    SCREEN_DIGIT,  // SCREEN_DIGIT + 1: '1' ... SCREEN_DIGIT + 9
};

// False: the terminal cannot do it. Until screen_close nothing else writes to it. SIGINT and
// SIGTERM end it properly: they come as SCREEN_QUIT.
bool screen_open(void);
void screen_close(void);
void screen_size(size_t *rows, size_t *columns);
// Lines with the styles of cli/top/canvas.h.
void screen_draw(const struct buf *text);
// Waits up to `ms`.
int screen_key(int64_t ms);
