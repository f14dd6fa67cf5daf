// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/aside.h"

#include <pthread.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/loop/queue.h"

struct aside {
    struct mailbox *done;
    pthread_mutex_t lock;
    pthread_cond_t idle;
    size_t running[2]; // by kind
    bool ended;
};

struct aside_work {
    struct aside *aside;
    enum aside_kind kind;
    struct thread *thread;
    aside_fn work, done;
    void *arg;
};

static void aside_done_cb(void *arg, void *item)
{
    struct aside *aside = arg;
    struct aside_work *work = item;
    thread_join(work->thread);
    work->done(work->arg);
    pthread_mutex_lock(&aside->lock);
    aside->running[work->kind]--;
    pthread_cond_signal(&aside->idle);
    pthread_mutex_unlock(&aside->lock);
    mem_free(work);
}

static void aside_main(void *arg)
{
    struct aside_work *work = arg;
    work->work(work->arg);
    // There is room for as many as may be under way.
    CHECK(mailbox_post(work->aside->done, work) == ERR_OK);
}

struct aside *aside_create(struct loop *loop)
{
    struct aside *aside = mem_zalloc(sizeof *aside);
    aside->done = mailbox_create(loop, ASIDE_LIGHT_MAX + ASIDE_HEAVY_MAX, aside_done_cb, aside);
    pthread_mutex_init(&aside->lock, NULL);
    pthread_cond_init(&aside->idle, NULL);
    return aside;
}

void aside_destroy(struct aside *aside)
{
    if (aside == NULL)
        return;
    CHECK(aside->running[ASIDE_LIGHT] + aside->running[ASIDE_HEAVY] == 0);
    mailbox_destroy(aside->done);
    pthread_cond_destroy(&aside->idle);
    pthread_mutex_destroy(&aside->lock);
    mem_free(aside);
}

bool aside_run(struct aside *aside, enum aside_kind kind, aside_fn work, aside_fn done, void *arg)
{
    size_t most = kind == ASIDE_HEAVY ? ASIDE_HEAVY_MAX : ASIDE_LIGHT_MAX;
    pthread_mutex_lock(&aside->lock);
    bool room = !aside->ended && aside->running[kind] < most;
    aside->running[kind] += room;
    pthread_mutex_unlock(&aside->lock);
    if (!room)
        return false;
    struct aside_work *item = mem_zalloc(sizeof *item);
    *item = (struct aside_work){aside, kind, NULL, work, done, arg};
    // The loop reads `thread`, and this is the loop: it is set by then.
    item->thread = thread_start("aside", aside_main, item);
    return true;
}

void aside_end(struct aside *aside)
{
    pthread_mutex_lock(&aside->lock);
    aside->ended = true;
    while (aside->running[ASIDE_LIGHT] + aside->running[ASIDE_HEAVY] > 0)
        pthread_cond_wait(&aside->idle, &aside->lock);
    pthread_mutex_unlock(&aside->lock);
}
