// SPDX-License-Identifier: Apache-2.0
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "common/base/mem.h"
#include "common/loop/queue.h"

enum { THREAD_NAME_BYTES = 16 };

struct thread {
    pthread_t id;
    void (*run)(void *arg);
    void *arg;
    char name[THREAD_NAME_BYTES];
};

static void *thread_main(void *arg)
{
    struct thread *thread = arg;
    (void)pthread_setname_np(pthread_self(), thread->name);
    thread->run(thread->arg);
    return NULL;
}

struct thread *thread_start(const char *name, void (*run)(void *arg), void *arg)
{
    CHECK(name != NULL && run != NULL);
    struct thread *thread = mem_zalloc(sizeof *thread);
    thread->run = run;
    thread->arg = arg;
    snprintf(thread->name, sizeof thread->name, "%.*s", THREAD_NAME_BYTES - 1, name);
    // Signals are for the thread of the loop; a worker must not have its system calls interrupted.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread->id, NULL, thread_main, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    CHECK(error == 0);
    return thread;
}

void thread_join(struct thread *thread)
{
    CHECK(pthread_join(thread->id, NULL) == 0);
    mem_free(thread);
}
