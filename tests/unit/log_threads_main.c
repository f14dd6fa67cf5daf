// SPDX-License-Identifier: Apache-2.0
// links: log base
// Several threads write, redact and change the level at once; the lines come out whole.
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log/log.h"

#define LOG_COMPONENT "threads"

enum { THREADS = 4, LINES = 200 };

static void *writer(void *arg)
{
    static const char *const EVENTS[THREADS] = {"a", "b", "c", "d"};
    int me = *(int *)arg;
    char redacted[LOG_REDACTED_MAX];
    for (int i = 0; i < LINES; i++) {
        LOG_INFO(EVENTS[me], "i=%d who=%s", i, log_redact(span_of("x"), redacted));
        log_set_level(i % 2 == 0 ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG);
    }
    return NULL;
}

int main(void)
{
    int fds[2], ids[THREADS];
    pthread_t threads[THREADS];
    CHECK(pipe(fds) == 0);
    int saved = dup(STDERR_FILENO);
    CHECK(dup2(fds[1], STDERR_FILENO) >= 0 && close(fds[1]) == 0);
    log_init("p", LOG_LEVEL_INFO);
    for (int i = 0; i < THREADS; i++) {
        ids[i] = i;
        CHECK(pthread_create(&threads[i], NULL, writer, &ids[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(dup2(saved, STDERR_FILENO) >= 0 && close(saved) == 0);

    FILE *in = fdopen(fds[0], "r");
    char line[512];
    int n = 0;
    while (fgets(line, sizeof line, in) != NULL) {
        CHECK(strstr(line, "Z info p threads ") != NULL && strstr(line, " who=~") != NULL);
        n++;
    }
    fclose(in);
    CHECK(n >= THREADS * 20 && n <= THREADS * LINES);
    printf("ok: %d lines\n", n);
    return 0;
}
