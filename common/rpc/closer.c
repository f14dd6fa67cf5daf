// SPDX-License-Identifier: Apache-2.0
// NNG 1.5.2 has one thread that takes ended connections apart, and it can wait there for ever when
// a connection ends just between the two reads or writes that make one message. From then on
// sockets of this process neither close nor connect again. Hence:
//
// closer_start closes a socket on a thread of its own and waits for it within a bound. What is left
// after that is a thread and a socket that do nothing.
//
// canary_start connects and closes a pair of sockets inside the process. When that does not end,
// NNG hangs, and nothing but a new process helps.
#include <nng/nng.h>
// After nng/nng.h, without which they do not compile.
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>

#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/rpc/rpc_impl.h"

// Looks are counted, not time: a process that was stopped for a while has not waited.
enum { CLOSER_LOOK_MS = 1, CLOSER_LOOKS_MAX = 2000, CANARY_LOOKS_MAX = 5000 };

// Held by the thread and by the loop; the later one frees it.
struct closer_job {
    atomic_uint holders;
    atomic_bool done;
    bool canary;
    nng_socket socket;
};

struct closer {
    struct closer_job *job;
    struct loop_timer *look;
    unsigned looks_left;
    void (*closed)(void *arg, bool stuck);
    void *arg;
};

static void closer_let_go(struct closer_job *job)
{
    if (atomic_fetch_sub(&job->holders, 1) == 1)
        mem_free(job);
}

static void canary_fly(void)
{
    nng_socket rep, req;
    char url[64];
    snprintf(url, sizeof url, "inproc://canary-%llx", (unsigned long long)clock_random_u64());
    CHECK(nng_rep0_open(&rep) == 0 && nng_req0_open(&req) == 0);
    CHECK(nng_listen(rep, url, NULL, 0) == 0 && nng_dial(req, url, NULL, 0) == 0);
    nng_close(req);
    nng_close(rep);
}

static void *closer_thread(void *arg)
{
    struct closer_job *job = arg;
    if (job->canary)
        canary_fly();
    else
        nng_close(job->socket);
    atomic_store(&job->done, true);
    closer_let_go(job);
    return NULL;
}

static void closer_look_cb(void *arg)
{
    struct closer *closer = arg;
    bool done = atomic_load(&closer->job->done);
    if (!done && --closer->looks_left > 0)
        return;
    void (*closed)(void *arg, bool stuck) = closer->closed;
    void *closed_arg = closer->arg;
    closer_let_go(closer->job);
    loop_timer_destroy(closer->look);
    mem_free(closer);
    closed(closed_arg, !done);
}

// Takes `job`.
static void closer_run(struct loop *loop, struct closer_job *job, unsigned looks_max,
                       void (*closed)(void *arg, bool stuck), void *arg)
{
    struct closer *closer = mem_zalloc(sizeof *closer);
    pthread_t thread;
    sigset_t all, before;
    atomic_store(&job->holders, 2);
    *closer = (struct closer){.job = job, .looks_left = looks_max, .closed = closed, .arg = arg};
    closer->look = loop_timer_create(loop, closer_look_cb, closer);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    CHECK(pthread_create(&thread, NULL, closer_thread, job) == 0);
    CHECK(pthread_detach(thread) == 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    loop_timer_start(closer->look, CLOSER_LOOK_MS, CLOSER_LOOK_MS);
}

void closer_start(struct loop *loop, nng_socket socket, void (*closed)(void *arg, bool stuck),
                  void *arg)
{
    struct closer_job *job = mem_zalloc(sizeof *job);
    job->socket = socket;
    closer_run(loop, job, CLOSER_LOOKS_MAX, closed, arg);
}

void canary_start(struct loop *loop, void (*landed)(void *arg, bool stuck), void *arg)
{
    struct closer_job *job = mem_zalloc(sizeof *job);
    job->canary = true;
    closer_run(loop, job, CANARY_LOOKS_MAX, landed, arg);
}
