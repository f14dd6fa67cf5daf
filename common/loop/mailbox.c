// SPDX-License-Identifier: Apache-2.0
// Posters put items in a ring under a lock and wake the loop when the ring was empty. The loop
// takes items out one at a time, so that a callback may destroy the mailbox that called it.
#include <pthread.h>

#include "common/base/mem.h"
#include "common/loop/loop_impl.h"

struct mailbox {
    uv_async_t uv;
    struct loop *loop;
    mailbox_cb cb;
    void *arg;
    bool destroyed;
    size_t capacity;
    pthread_mutex_t lock; // guards what follows
    void **ring;
    size_t first;
    size_t n;
};

// Takes the oldest item.
static bool mailbox_pop(struct mailbox *mailbox, void **item)
{
    pthread_mutex_lock(&mailbox->lock);
    bool some = mailbox->n > 0;
    if (some) {
        *item = mailbox->ring[mailbox->first];
        mailbox->first = (mailbox->first + 1) % mailbox->capacity;
        mailbox->n--;
    }
    pthread_mutex_unlock(&mailbox->lock);
    return some;
}

static bool mailbox_waits(struct mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->lock);
    bool some = mailbox->n > 0;
    pthread_mutex_unlock(&mailbox->lock);
    return some;
}

static void mailbox_wake_cb(uv_async_t *uv)
{
    struct mailbox *mailbox = uv->data;
    loop_turn_begin(mailbox->loop);
    void *item;
    // At most one ring's worth in a turn: busy posters must not keep the loop from its other work.
    for (size_t i = 0; i < mailbox->capacity; i++) {
        if (mailbox->destroyed || !mailbox_pop(mailbox, &item))
            return;
        mailbox->cb(mailbox->arg, item);
    }
    if (!mailbox->destroyed && mailbox_waits(mailbox))
        CHECK(uv_async_send(&mailbox->uv) == 0);
}

struct mailbox *mailbox_create(struct loop *loop, size_t capacity, mailbox_cb cb, void *arg)
{
    CHECK(capacity > 0 && cb != NULL);
    struct mailbox *mailbox = mem_zalloc(sizeof *mailbox);
    mailbox->loop = loop;
    mailbox->cb = cb;
    mailbox->arg = arg;
    mailbox->capacity = capacity;
    mailbox->ring = mem_alloc(capacity * sizeof *mailbox->ring);
    CHECK(pthread_mutex_init(&mailbox->lock, NULL) == 0);
    CHECK(uv_async_init(&loop->uv, &mailbox->uv, mailbox_wake_cb) == 0);
    mailbox->uv.data = mailbox;
    loop->open.mailboxes++;
    return mailbox;
}

enum err mailbox_post(struct mailbox *mailbox, void *item)
{
    pthread_mutex_lock(&mailbox->lock);
    bool full = mailbox->n == mailbox->capacity;
    bool was_empty = mailbox->n == 0;
    if (!full) {
        mailbox->ring[(mailbox->first + mailbox->n) % mailbox->capacity] = item;
        mailbox->n++;
        // Under the lock, so that the last post is over when mailbox_destroy has emptied the ring.
        if (was_empty)
            CHECK(uv_async_send(&mailbox->uv) == 0);
    }
    pthread_mutex_unlock(&mailbox->lock);
    return full ? ERR_FULL : ERR_OK;
}

static void mailbox_closed_cb(uv_handle_t *handle)
{
    struct mailbox *mailbox = handle->data;
    pthread_mutex_destroy(&mailbox->lock);
    mem_free(mailbox->ring);
    mem_free(mailbox);
}

void mailbox_destroy(struct mailbox *mailbox)
{
    if (mailbox == NULL)
        return;
    CHECK(!mailbox->destroyed);
    void *item;
    while (mailbox_pop(mailbox, &item))
        mailbox->cb(mailbox->arg, item);
    mailbox->destroyed = true;
    CHECK(mailbox->loop->open.mailboxes > 0);
    mailbox->loop->open.mailboxes--;
    uv_close((uv_handle_t *)&mailbox->uv, mailbox_closed_cb);
}
