// SPDX-License-Identifier: Apache-2.0
#include "common/keys/file_watch.h"

#include <sys/stat.h>

#include "common/base/mem.h"
#include "common/loop/queue.h"

// What a file was like. `there` false: all else is 0.
struct look {
    bool there;
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec changed, modified;
};

struct file_watch {
    char *path;
    int64_t every_ms;
    file_watch_fn tell;
    void *arg;
    struct look look;
    struct queue *sleep; // nothing is put in: the thread sleeps on it until it is shut
    struct thread *thread;
};

static struct look look_at(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return (struct look){0};
    return (struct look){true, st.st_dev, st.st_ino, st.st_size, st.st_ctim, st.st_mtim};
}

static bool time_eq(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool look_eq(const struct look *a, const struct look *b)
{
    return a->there == b->there && a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
           time_eq(a->changed, b->changed) && time_eq(a->modified, b->modified);
}

static void run_on_watch(void *arg)
{
    struct file_watch *watch = arg;
    void *none;
    while (!queue_is_shut(watch->sleep)) {
        (void)queue_take(watch->sleep, &none, 1, watch->every_ms);
        // The look is from before the reading: a change during it is seen the next time.
        struct look look = look_at(watch->path);
        if (!queue_is_shut(watch->sleep) && !look_eq(&look, &watch->look) &&
            watch->tell(watch->arg, look.there))
            watch->look = look;
    }
}

struct file_watch *file_watch_open(const char *path, int64_t every_ms,
                                   file_watch_fn changed_on_watch, void *arg)
{
    struct file_watch *watch = mem_zalloc(sizeof *watch);
    watch->path = mem_dup_text(path);
    watch->every_ms = every_ms;
    watch->tell = changed_on_watch;
    watch->arg = arg;
    watch->look = look_at(path);
    watch->sleep = queue_create(1);
    watch->thread = thread_start("watch", run_on_watch, watch);
    return watch;
}

void file_watch_close(struct file_watch *watch)
{
    if (watch == NULL)
        return;
    queue_shut(watch->sleep);
    thread_join(watch->thread);
    queue_destroy(watch->sleep);
    mem_free(watch->path);
    mem_free(watch);
}
