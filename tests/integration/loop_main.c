// SPDX-License-Identifier: Apache-2.0
// links: loop
// What crosses threads: mailboxes and queues, for the thread sanitizer and for every other build.
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/loop/loop.h"
#include "common/loop/queue.h"

#define EXPECT(cond)                                                                               \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: expected %s\n", __FILE__, __LINE__, #cond);                    \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

enum { POSTERS = 4, ITEMS = 20000, CAPACITY = 64 };

struct item {
    unsigned poster;
    unsigned number;
};

struct scene {
    struct loop *loop;
    struct mailbox *mailbox;
    struct queue *queue;
    atomic_uint next_poster;
    atomic_uint fulls;
    unsigned next[POSTERS]; // the number that must come next from each
    unsigned received;
};

static void take(struct scene *scene, struct item *item)
{
    EXPECT(item->poster < POSTERS);
    EXPECT(item->number == scene->next[item->poster]);
    scene->next[item->poster]++;
    scene->received++;
    mem_free(item);
}

static void post_all(void *arg)
{
    struct scene *scene = arg;
    unsigned poster = atomic_fetch_add(&scene->next_poster, 1);
    for (unsigned i = 0; i < ITEMS; i++) {
        struct item *item = mem_alloc(sizeof *item);
        *item = (struct item){poster, i};
        for (;;) {
            enum err err = scene->queue != NULL ? queue_put(scene->queue, item)
                                                : mailbox_post(scene->mailbox, item);
            if (err == ERR_OK)
                break;
            EXPECT(err == ERR_FULL);
            atomic_fetch_add(&scene->fulls, 1);
        }
    }
}

static void start_posters(struct scene *scene, struct thread **threads)
{
    for (int i = 0; i < POSTERS; i++)
        threads[i] = thread_start("a poster with a long name", post_all, scene);
}

static void mail_cb(void *arg, void *item)
{
    struct scene *scene = arg;
    take(scene, item);
    if (scene->received == POSTERS * ITEMS)
        loop_stop(scene->loop);
}

static void mailbox_from_many_threads(void)
{
    struct scene scene = {.loop = loop_create()};
    struct thread *threads[POSTERS];
    scene.mailbox = mailbox_create(scene.loop, CAPACITY, mail_cb, &scene);
    start_posters(&scene, threads);
    loop_run(scene.loop);
    for (int i = 0; i < POSTERS; i++)
        thread_join(threads[i]);
    EXPECT(scene.received == POSTERS * ITEMS);
    mailbox_destroy(scene.mailbox);
    loop_destroy(scene.loop);
}

static void queue_from_many_threads(void)
{
    struct scene scene = {.queue = queue_create(CAPACITY)};
    struct thread *threads[POSTERS];
    void *items[16];
    start_posters(&scene, threads);
    while (scene.received < POSTERS * ITEMS) {
        size_t n = queue_take(scene.queue, items, ARRAY_LEN(items), -1);
        EXPECT(n > 0);
        for (size_t i = 0; i < n; i++)
            take(&scene, items[i]);
    }
    for (int i = 0; i < POSTERS; i++)
        thread_join(threads[i]);
    EXPECT(queue_depth(scene.queue) == 0);
    queue_destroy(scene.queue);
}

static void shut_after(void *arg)
{
    queue_wake(arg);
    queue_shut(arg);
}

// A taker that waits without end is let go by a wake and by the shut.
static void queue_lets_go(void)
{
    struct queue *queue = queue_create(1);
    struct thread *thread = thread_start("shutter", shut_after, queue);
    void *item;
    while (!queue_is_shut(queue))
        EXPECT(queue_take(queue, &item, 1, -1) == 0);
    EXPECT(queue_take(queue, &item, 1, -1) == 0);
    thread_join(thread);
    queue_destroy(queue);
}

// Round trips between the loop and a worker: each post finds the other side asleep.
struct rally {
    struct loop *loop;
    struct mailbox *mailbox;
    struct queue *queue;
    unsigned strokes;
};

static void rally_worker(void *arg)
{
    struct rally *rally = arg;
    void *item;
    while (queue_take(rally->queue, &item, 1, -1) > 0)
        EXPECT(mailbox_post(rally->mailbox, item) == ERR_OK);
}

static void rally_cb(void *arg, void *item)
{
    struct rally *rally = arg;
    if (++rally->strokes == 20000)
        loop_stop(rally->loop);
    else
        EXPECT(queue_put(rally->queue, item) == ERR_OK);
}

static void no_wake_is_lost(void)
{
    struct rally rally = {.loop = loop_create(), .queue = queue_create(1)};
    rally.mailbox = mailbox_create(rally.loop, 1, rally_cb, &rally);
    struct thread *thread = thread_start("rally", rally_worker, &rally);
    EXPECT(queue_put(rally.queue, &rally) == ERR_OK);
    loop_run(rally.loop);
    EXPECT(rally.strokes == 20000);
    queue_shut(rally.queue);
    thread_join(thread);
    mailbox_destroy(rally.mailbox);
    loop_destroy(rally.loop);
    queue_destroy(rally.queue);
}

int main(void)
{
    mailbox_from_many_threads();
    queue_from_many_threads();
    queue_lets_go();
    no_wake_is_lost();
    return 0;
}
