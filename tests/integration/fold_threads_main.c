// SPDX-License-Identifier: Apache-2.0
// links: base clock log loop store journal fold
// Several threads submit at once, one looks at the figures, checkpoints run all the time. Every
// item is answered exactly once, and is in the journal, in its thread's order.
#include <sched.h>
#include <stdatomic.h>

#include "common/log/log.h"
#include "common/loop/queue.h"
#include "tests/support/fold_toy.h"
#include "tests/support/temp_folder.h"

enum { THREADS = 4, ITEMS = 3000 };

struct submitter {
    struct toy *toy;
    uint32_t number;
    struct toy_item items[ITEMS];
    atomic_int open; // submitted, not answered
};

static atomic_bool stop_watching;

static void answered(struct toy *toy, struct toy_item *item)
{
    (void)toy;
    struct submitter *submitter = item->more;
    atomic_fetch_sub(&submitter->open, 1);
}

static enum err submit_one(struct submitter *submitter, uint64_t i)
{
    struct toy_item *item = &submitter->items[i];
    // The amount tells the thread and the item; every key is shared.
    struct toy_body body = {0, 0, (uint32_t)(i % TOY_KEYS),
                            submitter->number * ITEMS + (uint32_t)i};
    *item = toy_item_of(TOY_ADD, body);
    item->item.body = span_make(&item->body, sizeof item->body);
    item->more = submitter;
    atomic_fetch_add(&submitter->open, 1);
    enum err err;
    while ((err = toy_submit(submitter->toy, item)) == ERR_FULL)
        sched_yield();
    return err;
}

static void submit_all(void *arg)
{
    struct submitter *submitter = arg;
    for (uint64_t i = 0; i < ITEMS; i++)
        CHECK(submit_one(submitter, i) == ERR_OK);
    while (atomic_load(&submitter->open) > 0)
        sched_yield();
}

static void watch(void *arg)
{
    struct toy *toy = arg;
    uint64_t records = 0, checkpoint = 0;
    while (!atomic_load(&stop_watching)) {
        struct fold_stats stats;
        fold_stats(toy->fold, &stats);
        CHECK(stats.records >= records && stats.checkpoint_position >= checkpoint);
        CHECK(stats.journal_last >= stats.checkpoint_position);
        records = stats.records;
        checkpoint = stats.checkpoint_position;
        sched_yield();
    }
}

// The last item of each thread, as the journal has them.
static void verify_order(const char *path, uint64_t expected)
{
    char at[PATH_MAX];
    snprintf(at, sizeof at, "%s/journal", path);
    struct journal_lmdb_opts opts = {.path = at, .bytes_max = 64 << 20};
    struct journal *journal;
    struct journal_cursor *cursor;
    struct journal_record record;
    uint64_t position, n = 0;
    int64_t last[THREADS];
    memset(last, -1, sizeof last);
    CHECK(journal_lmdb_open(&opts, &journal, NULL) == ERR_OK);
    CHECK(journal_cursor_open(journal, 1, &cursor, NULL) == ERR_OK);
    while (journal_cursor_next(journal, cursor, &position, &record, NULL) == ERR_OK) {
        struct toy_body body;
        memcpy(&body, record.body.ptr, sizeof body);
        uint32_t thread = body.amount / ITEMS, item = body.amount % ITEMS;
        CHECK(thread < THREADS && last[thread] == (int64_t)item - 1);
        last[thread] = item;
        n++;
    }
    journal_cursor_close(journal, cursor);
    journal_close(journal);
    CHECK(n == expected);
}

static struct fold_opts thread_opts(struct toy *toy, const char *path)
{
    struct fold_opts opts = toy_opts(toy, path);
    opts.queue_max = 64;
    opts.checkpoint_every_ms = 1;
    opts.slice_rows = 8;
    opts.slice_pause_ms = 1;
    opts.fatal = NULL;
    return opts;
}

int main(void)
{
    static struct submitter submitters[THREADS];
    log_init("fold_threads", LOG_LEVEL_WARN);
    struct temp_folder folder;
    temp_folder_make(&folder);
    struct toy toy;
    toy_init(&toy, true);
    toy.on_answer = answered;
    struct fold_opts opts = thread_opts(&toy, folder.path);
    CHECK(fold_open(&opts, &toy.fold, NULL) == ERR_OK);
    fold_start(toy.fold);
    struct thread *threads[THREADS], *watcher = thread_start("watch", watch, &toy);
    for (uint32_t i = 0; i < THREADS; i++) {
        submitters[i].toy = &toy;
        submitters[i].number = i;
        threads[i] = thread_start("submit", submit_all, &submitters[i]);
    }
    for (uint32_t i = 0; i < THREADS; i++)
        thread_join(threads[i]);
    atomic_store(&stop_watching, true);
    thread_join(watcher);
    struct fold_stats stats;
    fold_stats(toy.fold, &stats);
    CHECK(stats.records == THREADS * ITEMS && stats.waiting == 0);
    printf("fold_threads: %llu records in %llu groups, %llu checkpoints\n",
           (unsigned long long)stats.records, (unsigned long long)stats.groups,
           (unsigned long long)stats.checkpoints);
    fold_close(toy.fold);
    for (uint32_t i = 0; i < THREADS; i++)
        for (uint32_t j = 0; j < ITEMS; j++)
            CHECK(submitters[i].items[j].n_answers == 1 && submitters[i].items[j].err == ERR_OK);
    struct toy_core live = toy.core;
    toy_deinit(&toy);
    verify_order(folder.path, THREADS * ITEMS);
    toy_init(&toy, true);
    opts = thread_opts(&toy, folder.path);
    CHECK(fold_open(&opts, &toy.fold, NULL) == ERR_OK);
    CHECK(toy_core_eq(&toy.core, &live) && toy.loaded_position == THREADS * ITEMS);
    fold_close(toy.fold);
    toy_deinit(&toy);
    temp_folder_remove(&folder);
    return 0;
}
