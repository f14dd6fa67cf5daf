// SPDX-License-Identifier: Apache-2.0
#include "common/loop/queue.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "common/base/mem.h"

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t some;
    void **ring;
    size_t items_max;
    size_t first;
    size_t n;
    bool woken;
    bool shut;
};

struct queue *queue_create(size_t items_max)
{
    CHECK(items_max > 0);
    struct queue *queue = mem_zalloc(sizeof *queue);
    queue->items_max = items_max;
    queue->ring = mem_alloc(items_max * sizeof *queue->ring);
    pthread_condattr_t attr;
    CHECK(pthread_condattr_init(&attr) == 0);
    CHECK(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&queue->some, &attr) == 0);
    pthread_condattr_destroy(&attr);
    CHECK(pthread_mutex_init(&queue->lock, NULL) == 0);
    return queue;
}

void queue_destroy(struct queue *queue)
{
    if (queue == NULL)
        return;
    CHECK(queue->n == 0);
    pthread_cond_destroy(&queue->some);
    pthread_mutex_destroy(&queue->lock);
    mem_free(queue->ring);
    mem_free(queue);
}

enum err queue_put(struct queue *queue, void *item)
{
    enum err err = ERR_OK;
    pthread_mutex_lock(&queue->lock);
    if (queue->shut) {
        err = ERR_CANCELED;
    } else if (queue->n == queue->items_max) {
        err = ERR_FULL;
    } else {
        queue->ring[(queue->first + queue->n) % queue->items_max] = item;
        if (queue->n++ == 0)
            pthread_cond_signal(&queue->some);
    }
    pthread_mutex_unlock(&queue->lock);
    return err;
}

static struct timespec queue_deadline(int64_t wait_ms)
{
    struct timespec t;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
    t.tv_sec += wait_ms / 1000;
    t.tv_nsec += (wait_ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

// Under the lock. Returns when there is an item, a wake, the shut, or no time left.
static void queue_wait(struct queue *queue, int64_t wait_ms)
{
    struct timespec until = {0};
    if (wait_ms > 0)
        until = queue_deadline(wait_ms);
    while (queue->n == 0 && !queue->woken && !queue->shut && wait_ms != 0) {
        if (wait_ms < 0)
            pthread_cond_wait(&queue->some, &queue->lock);
        else if (pthread_cond_timedwait(&queue->some, &queue->lock, &until) == ETIMEDOUT)
            return;
    }
}

size_t queue_take(struct queue *queue, void **items, size_t max, int64_t wait_ms)
{
    CHECK(max > 0);
    pthread_mutex_lock(&queue->lock);
    queue_wait(queue, wait_ms);
    queue->woken = false;
    size_t n = queue->n < max ? queue->n : max;
    for (size_t i = 0; i < n; i++) {
        items[i] = queue->ring[queue->first];
        queue->first = (queue->first + 1) % queue->items_max;
    }
    queue->n -= n;
    pthread_mutex_unlock(&queue->lock);
    return n;
}

void queue_wake(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->woken = true;
    pthread_cond_signal(&queue->some);
    pthread_mutex_unlock(&queue->lock);
}

void queue_shut(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->shut = true;
    pthread_cond_broadcast(&queue->some);
    pthread_mutex_unlock(&queue->lock);
}

bool queue_is_shut(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    bool shut = queue->shut;
    pthread_mutex_unlock(&queue->lock);
    return shut;
}

size_t queue_depth(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    size_t n = queue->n;
    pthread_mutex_unlock(&queue->lock);
    return n;
}
