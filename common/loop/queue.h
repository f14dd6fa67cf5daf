// SPDX-License-Identifier: Apache-2.0
// A bounded queue between threads: many put, one takes all. The taker sleeps on a condition.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

struct queue;

struct queue *queue_create(size_t items_max);
// Nobody uses it any more and it is empty (CHECKed).
void queue_destroy(struct queue *queue);
// Any thread. FULL when `items_max` wait; CANCELED after queue_shut. The item stays the caller's
// then.
MUST_USE enum err queue_put(struct queue *queue, void *item);
// The taker's thread: moves up to `max` items to `items` in order of arrival. Waits up to `wait_ms`
// for the first one (-1: without end; 0: not at all). 0 when there is none in time, or after a
// wake.
size_t queue_take(struct queue *queue, void **items, size_t max, int64_t wait_ms);
// Any thread: a queue_take that waits returns; with none waiting, the next one does not wait.
void queue_wake(struct queue *queue);
// Any thread: nothing more can be put; what waits can still be taken, and queue_take waits no more.
void queue_shut(struct queue *queue);
bool queue_is_shut(struct queue *queue);
size_t queue_depth(struct queue *queue);

// A thread with a name (15 bytes are shown by the system).
struct thread;
struct thread *thread_start(const char *name, void (*run)(void *arg), void *arg);
void thread_join(struct thread *thread); // waits, then frees
