// SPDX-License-Identifier: Apache-2.0
// A test program that runs itself as a child, which reports positions as they become durable, and
// kills it at any moment.
#pragma once

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/check.h"
#include "tests/support/random.h"

struct crash_child {
    const char *args[2];   // the child's argv is: program, "child", the descriptor, these two
    uint64_t acks_max;     // it is killed after fewer reports than this
    uint64_t pause_us_max; // and after less than this long
};

static inline void crash_child_report(int fd, uint64_t position)
{
    CHECK(write(fd, &position, sizeof position) == sizeof position);
}

// The last position that the child reported before it died; 0: none.
static inline uint64_t crash_child_kill(const struct crash_child *child, pid_t pid, int fd,
                                        struct test_random *random)
{
    uint64_t acked = 0, position;
    uint64_t n = test_random_below(random, child->acks_max);
    for (uint64_t i = 0; i < n; i++) {
        CHECK(read(fd, &position, sizeof position) == sizeof position);
        acked = position;
    }
    usleep((useconds_t)test_random_below(random, child->pause_us_max));
    CHECK(kill(pid, SIGKILL) == 0);
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    while (read(fd, &position, sizeof position) == sizeof position)
        acked = position;
    return acked;
}

// Starts a child and kills it; returns what crash_child_kill does.
static inline uint64_t crash_child_run(const struct crash_child *child, struct test_random *random)
{
    int ends[2];
    char fd[16];
    CHECK(pipe(ends) == 0);
    snprintf(fd, sizeof fd, "%d", ends[1]);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        execl("/proc/self/exe", "crash_child", "child", fd, child->args[0], child->args[1],
              (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    uint64_t acked = crash_child_kill(child, pid, ends[0], random);
    close(ends[0]);
    return acked;
}
