// SPDX-License-Identifier: Apache-2.0
// links: base clock store journal
// Appends groups to a journal and prints one JSON object a shape. A record of 92 KB stands for a
// batch of 500 events of 184 bytes. `journal_bench [milliseconds per shape]`.
#include <stdio.h>
#include <sys/resource.h>

#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/journal/journal.h"
#include "tests/support/temp_folder.h"

struct shape {
    size_t group, record_bytes, events;
};

static double cpu_seconds(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1e-6;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static struct journal *open_journal(const char *path)
{
    struct err_info info;
    struct journal_lmdb_opts opts = {.path = path, .bytes_max = (uint64_t)1 << 30};
    struct journal *journal;
    if (journal_lmdb_open(&opts, &journal, &info) != ERR_OK) {
        fprintf(stderr, "%s\n", info.text);
        exit(1);
    }
    return journal;
}

// Keeps the last 256 MB, as a fold does.
static void trim(struct journal *journal, const struct shape *shape)
{
    uint64_t keep = ((uint64_t)256 << 20) / shape->record_bytes;
    if (journal_last(journal) > keep)
        CHECK(journal_trim(journal, journal_last(journal) - keep, NULL) == ERR_OK);
}

static void run(const struct shape *shape, int64_t for_ms)
{
    enum { TIMES_MAX = 1 << 20 };
    struct temp_folder folder;
    temp_folder_make(&folder);
    struct journal *journal = open_journal(folder.path);
    uint8_t *bytes = mem_alloc(shape->group * shape->record_bytes);
    struct journal_record *records = mem_alloc(shape->group * sizeof *records);
    uint64_t *times = mem_alloc(TIMES_MAX * sizeof *times);
    for (size_t i = 0; i < shape->group * shape->record_bytes; i++)
        bytes[i] = (uint8_t)(i * 31 + (i >> 9));
    for (size_t i = 0; i < shape->group; i++)
        records[i] = (struct journal_record){
            1, span_make(bytes + i * shape->record_bytes, shape->record_bytes)};
    size_t n = 0;
    double cpu = cpu_seconds();
    uint64_t start = clock_mono_ns(), now = start;
    while (now - start < (uint64_t)for_ms * 1000000 && n < TIMES_MAX) {
        uint64_t first;
        CHECK(journal_append(journal, records, shape->group, journal_last(journal) + 1, &first,
                             NULL) == ERR_OK);
        uint64_t end = clock_mono_ns();
        times[n++] = end - now;
        if (n % (1 + 100 / shape->group) == 0)
            trim(journal, shape);
        now = clock_mono_ns();
    }
    double seconds = (double)(now - start) * 1e-9;
    cpu = cpu_seconds() - cpu;
    qsort(times, n, sizeof *times, by_size);
    double events = (double)(n * shape->group * shape->events);
    printf("{\"bench\":\"journal\",\"group\":%zu,\"record_bytes\":%zu,\"groups_per_s\":%.0f,"
           "\"events_per_s\":%.0f,\"mb_per_s\":%.0f,\"cpu_us_per_event\":%.3f,"
           "\"append_p50_ms\":%.3f,\"append_p99_ms\":%.3f}\n",
           shape->group, shape->record_bytes, (double)n / seconds, events / seconds,
           (double)(n * shape->group * shape->record_bytes) / seconds * 1e-6, cpu / events * 1e6,
           (double)times[n / 2] * 1e-6, (double)times[n - 1 - n / 100] * 1e-6);
    mem_free(times);
    mem_free(records);
    mem_free(bytes);
    journal_close(journal);
    temp_folder_remove(&folder);
}

int main(int argc, char **argv)
{
    static const struct shape shapes[] = {
        {1, 92000, 500}, {2, 92000, 500}, {10, 92000, 500}, {100, 92000, 500},
        {1, 184, 1},     {100, 184, 1},   {1000, 184, 1},
    };
    int64_t for_ms = argc > 1 ? atoll(argv[1]) : 2000;
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
        run(&shapes[i], for_ms);
    return 0;
}
