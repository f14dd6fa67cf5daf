// SPDX-License-Identifier: Apache-2.0
// What the listener needs of a connection.
#pragma once

#include <unistd.h>

#include "common/loop/loop_impl.h"
#include "common/loop/tcp.h"

// Takes `fd`, a connected socket; NULL when libuv does not take it.
struct tcp *tcp_open_fd(struct loop *loop, int fd, const char *peer);
