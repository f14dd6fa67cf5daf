// SPDX-License-Identifier: Apache-2.0
// links: zone base
// Several threads ask for zones at once, the first time that anybody does.
#include <pthread.h>
#include <string.h>

#include "common/base/check.h"
#include "common/zone/zone.h"

enum { THREADS = 4, ROUNDS = 20 };

static const char *const NAMES[] = {"Europe/Berlin", "America/New_York", "Asia/Kolkata",
                                    "Pacific/Apia", "Australia/Lord_Howe"};

struct seen {
    size_t n[sizeof NAMES / sizeof *NAMES];
    size_t n_names;
};

static void *run(void *arg)
{
    struct seen *seen = arg;
    for (int round = 0; round < ROUNDS; round++) {
        struct arena arena;
        const struct zone_change *table;
        const char *const *names;
        struct err_info info;
        arena_init(&arena, 4096, 0);
        for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
            CHECK(zone_shifts(span_of(NAMES[i]), 1970, 2100, &arena, &table, &seen->n[i], &info) ==
                  ERR_OK);
        seen->n_names = zone_names(&arena, &names);
        arena_deinit(&arena);
    }
    return NULL;
}

int main(void)
{
    static struct seen seen[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, run, &seen[i]) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(seen[0].n[0] > 100 && seen[0].n_names > 300);
    for (int i = 1; i < THREADS; i++)
        CHECK(memcmp(&seen[0], &seen[i], sizeof seen[0]) == 0);
    return 0;
}
