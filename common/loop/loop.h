// SPDX-License-Identifier: Apache-2.0
// The event loop of one thread: timers, messages from other threads, signals, child processes. The
// only folder that knows libuv. Everything here is for the loop's own thread but mailbox_post.
//
// The contract of every callback: on the loop's thread, never inside the call that asked for it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

struct loop;

struct loop *loop_create(void);
// After loop_run has returned. Every timer, mailbox, poll, signal, process, listener and connection
// of it has been closed by then (CHECKed, naming how many are left).
void loop_destroy(struct loop *loop);
// Runs until loop_stop, or until nothing is left to wait for.
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
// Monotonic milliseconds, as of the current turn.
int64_t loop_now_ms(struct loop *loop);
// The longest turn since the last call, in nanoseconds (for the watchdog metric).
uint64_t loop_longest_turn_ns(struct loop *loop);

// Timers. Heap objects; close may be called inside the timer's own callback.
struct loop_timer;
typedef void (*loop_timer_cb)(void *arg);
struct loop_timer *loop_timer_create(struct loop *loop, loop_timer_cb cb, void *arg);
// Starts or restarts. `repeat_ms` 0: once.
void loop_timer_start(struct loop_timer *timer, uint64_t delay_ms, uint64_t repeat_ms);
void loop_timer_stop(struct loop_timer *timer);
void loop_timer_destroy(struct loop_timer *timer); // NULL is allowed; memory is freed later

// A descriptor that another library reads and writes: calls back in each turn in which there is
// something to read, or once the peer of a connection will send no more. The descriptor stays the
// caller's, and is closed after loop_poll_destroy only.
struct loop_poll;
enum loop_poll_for { LOOP_POLL_READABLE, LOOP_POLL_GONE };
typedef void (*loop_poll_cb)(void *arg);
struct loop_poll *loop_poll_create(struct loop *loop, int fd, enum loop_poll_for what,
                                   loop_poll_cb cb, void *arg);
void loop_poll_destroy(struct loop_poll *poll); // NULL is allowed; memory is freed later

// A bounded queue into the loop from any thread. Items are delivered one by one, in order of
// posting for each poster.
struct mailbox;
typedef void (*mailbox_cb)(void *arg, void *item);
struct mailbox *mailbox_create(struct loop *loop, size_t capacity, mailbox_cb cb, void *arg);
// Any thread. FULL when `capacity` items wait: the item stays the caller's.
MUST_USE enum err mailbox_post(struct mailbox *mailbox, void *item);
// On the loop, when no other thread can post any more. Items that still wait are delivered first.
void mailbox_destroy(struct mailbox *mailbox);

// Signals to the process. `signum` as in <signal.h>. SIGPIPE is ignored by loop_create.
struct loop_signal;
typedef void (*loop_signal_cb)(void *arg, int signum);
struct loop_signal *loop_signal_create(struct loop *loop, int signum, loop_signal_cb cb, void *arg);
void loop_signal_destroy(struct loop_signal *signal);

// Child processes.
struct loop_process;
// `status` is the exit code, or 128 + the signal's number. The object is freed after the callback.
typedef void (*loop_exit_cb)(void *arg, struct loop_process *process, int status);
struct loop_process_opts {
    const char *file;        // path of the program
    const char *const *argv; // NULL-terminated, argv[0] included
    const char *log_path;    // standard output and error are appended there; NULL: inherited
    bool die_with_parent;    // the child gets SIGTERM when the thread that spawned it dies
                             // (PR_SET_PDEATHSIG)
};
// Returns when the program runs: NOT_FOUND or INVALID when there is none at `file` that can, IO and
// FULL from the system. `opts` is borrowed. Signals are at their defaults in the child.
MUST_USE enum err loop_process_spawn(struct loop *loop, const struct loop_process_opts *opts,
                                     loop_exit_cb cb, void *arg, struct loop_process **out,
                                     struct err_info *info);
int loop_process_pid(const struct loop_process *process);
// Sends a signal; nothing happens when the child has ended.
void loop_process_kill(struct loop_process *process, int signum);
