// SPDX-License-Identifier: Apache-2.0
// TCP servers on the loop: a listener that accepts, connections that read, write and end. Loop's
// thread; the contract of callbacks is loop.h's.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/span.h"
#include "common/loop/loop.h"

struct tcp;
struct tcp_listener;

enum { TCP_ADDRESS_MAX = 64 };

// Listens at "127.0.0.1:8080", "[::1]:8080", "0.0.0.0:8080" or "localhost:8080"; port 0 is any.
// `accepted` gets each connection and owns it. Out of descriptors or memory, the listener rests for
// a moment and tries again; connections wait in the system meanwhile. INVALID for what is no
// address, BUSY when somebody listens there.
typedef void (*tcp_accepted_cb)(void *arg, struct tcp *tcp);
MUST_USE enum err tcp_listen(struct loop *loop, const char *address, tcp_accepted_cb accepted,
                             void *arg, struct tcp_listener **out, struct err_info *info);
// With the port that it got.
const char *tcp_listener_address(const struct tcp_listener *listener);
// How often it had to rest.
uint64_t tcp_listener_rests(const struct tcp_listener *listener);
void tcp_listener_destroy(struct tcp_listener *listener); // NULL is allowed

// Whether `address` is one for tcp_listen; `loopback` (may be NULL) says whether only this machine
// reaches it. INVALID with the reason.
MUST_USE enum err tcp_address_check(const char *address, bool *loopback, struct err_info *info);

struct tcp_events {
    // Valid during the call.
    void (*read)(void *arg, struct span bytes);
    // Some of what waited has left (tcp_unsent tells how much still waits).
    void (*sent)(void *arg);
    // Once, and nothing after it: the peer has ended its side (OK), a write or read failed (IO), or
    // what tcp_finish waited for did not come (TIMEOUT). The connection still is to be destroyed.
    void (*ended)(void *arg, enum err err);
};
// Before anything else is done with it. Reading is off at first.
void tcp_set_events(struct tcp *tcp, const struct tcp_events *events, void *arg);
// "127.0.0.1:4711"
const char *tcp_peer(const struct tcp *tcp);
void tcp_read_start(struct tcp *tcp);
void tcp_read_stop(struct tcp *tcp);
// Sends a copy of `bytes`, after what waits. There is no bound here: the caller looks at
// tcp_unsent.
void tcp_write(struct tcp *tcp, struct span bytes);
// Bytes that the system has not taken yet.
size_t tcp_unsent(const struct tcp *tcp);
// Bytes that it has taken, ever: whether a peer reads at all shows here.
uint64_t tcp_sent(const struct tcp *tcp);
// Sends what waits, ends its own side, drops what still comes, and calls `ended` when the peer has
// ended too, `linger_ms` later at the latest: closing with unread bytes would make the system throw
// away what the peer has not read yet. No `read` and no `sent` any more.
void tcp_finish(struct tcp *tcp, uint64_t linger_ms);
// Closes at once; what waits is dropped. NULL is allowed.
void tcp_destroy(struct tcp *tcp);
