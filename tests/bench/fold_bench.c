// SPDX-License-Identifier: Apache-2.0
// links: base clock log loop store journal fold
// Records through a fold with a state that costs nothing: what the engine itself takes. One JSON
// object a shape. `fold_bench [milliseconds per shape]`.
#include <sys/resource.h>

#include "common/clock/clock.h"
#include "common/log/log.h"
#include "tests/support/fold_toy.h"
#include "tests/support/temp_folder.h"

enum { WINDOW_MAX = 256 };

struct shape {
    size_t window, record_bytes;
};

static double cpu_seconds(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1e-6;
}

static struct toy_item items[WINDOW_MAX];

static void submit(struct toy *toy, const struct shape *shape, uint8_t *bodies, uint64_t i)
{
    struct toy_item *item = &items[i % shape->window];
    uint8_t *body = bodies + (i % shape->window) * shape->record_bytes;
    *item = toy_item_of(toy_type_of(i + 1), toy_body_of(i + 1));
    memcpy(body, &item->body, sizeof item->body);
    item->more = body;
    item->item.body = span_make(body, shape->record_bytes);
    CHECK(toy_submit(toy, item) == ERR_OK);
}

static void run(const struct shape *shape, int64_t for_ms)
{
    struct temp_folder folder;
    temp_folder_make(&folder);
    struct toy toy;
    toy_init(&toy, true);
    struct fold_opts opts = toy_opts(&toy, folder.path);
    opts.journal_bytes_max = (uint64_t)2 << 30;
    opts.journal_keep_bytes = (uint64_t)512 << 20;
    opts.checkpoint_every_ms = 500;
    opts.fatal = NULL;
    CHECK(fold_open(&opts, &toy.fold, NULL) == ERR_OK);
    fold_start(toy.fold);
    uint8_t *bodies = mem_zalloc(shape->window * shape->record_bytes);
    double cpu = cpu_seconds();
    uint64_t start = clock_mono_ns(), n = 0;
    while (clock_mono_ns() - start < (uint64_t)for_ms * 1000000) {
        if (n >= shape->window)
            toy_wait(&toy, &toy.n_answered, n - shape->window + 1);
        submit(&toy, shape, bodies, n++);
    }
    toy_wait(&toy, &toy.n_answered, n);
    double seconds = (double)(clock_mono_ns() - start) * 1e-9;
    cpu = cpu_seconds() - cpu;
    struct fold_stats stats;
    fold_stats(toy.fold, &stats);
    CHECK(toy.core.totals.records == n);
    printf("{\"bench\":\"fold\",\"window\":%zu,\"record_bytes\":%zu,\"records_per_s\":%.0f,"
           "\"mb_per_s\":%.0f,\"records_per_group\":%.1f,\"cpu_us_per_record\":%.2f,"
           "\"commit_ms\":%.3f,\"checkpoints\":%llu}\n",
           shape->window, shape->record_bytes, (double)n / seconds,
           (double)(n * shape->record_bytes) / seconds * 1e-6, (double)n / (double)stats.groups,
           cpu / (double)n * 1e6, (double)stats.commit_ns_total / (double)stats.groups * 1e-6,
           (unsigned long long)stats.checkpoints);
    fold_close(toy.fold);
    mem_free(bodies);
    toy_deinit(&toy);
    temp_folder_remove(&folder);
}

int main(int argc, char **argv)
{
    static const struct shape shapes[] = {
        {1, 92000}, {4, 92000}, {16, 92000}, {64, 92000}, {1, 184}, {256, 184},
    };
    log_init("fold_bench", LOG_LEVEL_WARN);
    int64_t for_ms = argc > 1 ? atoll(argv[1]) : 2000;
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
        run(&shapes[i], for_ms);
    return 0;
}
