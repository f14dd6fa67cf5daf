// SPDX-License-Identifier: Apache-2.0
// The last step of a server's or client's life. NNG 1.5.2 can wait for ever in nng_close when a
// connection ends just between the two reads or writes that make one message, so it runs on a
// thread of its own and is waited for within a bound. What is left then is a thread and a socket
// that do nothing.
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "common/base/mem.h"
#include "common/rpc/rpc_impl.h"

#define LOG_COMPONENT "rpc"
#include "common/log/log.h"

enum { CLOSER_LOOK_MS = 1, CLOSER_LOOKS_MAX = 2000 };

// Held by the thread and by the loop; the later one frees it.
struct closer_job {
    atomic_uint holders;
    atomic_bool done;
    nng_socket socket;
};

struct closer {
    struct closer_job *job;
    struct loop_timer *look;
    unsigned looks;
    void (*closed)(void *arg);
    void *arg;
};

static void closer_let_go(struct closer_job *job)
{
    if (atomic_fetch_sub(&job->holders, 1) == 1)
        mem_free(job);
}

static void *closer_thread(void *arg)
{
    struct closer_job *job = arg;
    nng_close(job->socket);
    atomic_store(&job->done, true);
    closer_let_go(job);
    return NULL;
}

static void closer_look_cb(void *arg)
{
    struct closer *closer = arg;
    bool done = atomic_load(&closer->job->done);
    // Looks are counted, not time: a process that was stopped for a while has not waited.
    if (!done && ++closer->looks < CLOSER_LOOKS_MAX)
        return;
    if (!done)
        LOG_ERROR("socket_stuck",
                  "msg=\"NNG did not close a socket; connections of this process may "
                  "not come back until it is started again\"");
    void (*closed)(void *arg) = closer->closed;
    void *closed_arg = closer->arg;
    closer_let_go(closer->job);
    loop_timer_destroy(closer->look);
    mem_free(closer);
    closed(closed_arg);
}

void closer_start(struct loop *loop, nng_socket socket, void (*closed)(void *arg), void *arg)
{
    struct closer_job *job = mem_zalloc(sizeof *job);
    struct closer *closer = mem_zalloc(sizeof *closer);
    pthread_t thread;
    atomic_store(&job->holders, 2);
    job->socket = socket;
    *closer = (struct closer){.job = job, .closed = closed, .arg = arg};
    closer->look = loop_timer_create(loop, closer_look_cb, closer);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    CHECK(pthread_create(&thread, NULL, closer_thread, job) == 0);
    CHECK(pthread_detach(thread) == 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    loop_timer_start(closer->look, CLOSER_LOOK_MS, CLOSER_LOOK_MS);
}
