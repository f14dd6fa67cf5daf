// SPDX-License-Identifier: Apache-2.0
// What the files of this folder share: the loop's body and its count of open objects.
#pragma once

#include <uv.h>

#include "common/loop/loop.h"

// Objects of the loop that are open, by kind, so that loop_destroy can say what was forgotten.
struct loop_open {
    unsigned timers;
    unsigned mailboxes;
    unsigned polls;
    unsigned signals;
    unsigned processes;
    unsigned listeners;
    unsigned tcps;
};

struct loop {
    uv_loop_t uv;
    uv_prepare_t prepare; // the end of a turn: just before the loop sleeps
    struct loop_open open;
    bool running;
    uint64_t turn_began_ns; // first callback of this turn; 0: none yet
    uint64_t longest_turn_ns;
    void *tcp_read_bytes; // tcp.c's, for all connections
};

// Every callback from libuv begins with this; what follows until the next sleep is one turn.
static inline void loop_turn_begin(struct loop *loop)
{
    if (loop->turn_began_ns == 0)
        loop->turn_began_ns = uv_hrtime();
}
