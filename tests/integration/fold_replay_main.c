// SPDX-License-Identifier: Apache-2.0
// links: base clock log loop store journal fold
// One thread appends, checkpoints and trims run all the time, and two threads read the journal
// meanwhile. What they read is without a hole, in order and right, or ends with NOT_FOUND where
// the journal was trimmed; and the journal stays within its bound, so reading holds nothing back.
#include <sched.h>
#include <stdatomic.h>

#include "common/log/log.h"
#include "common/loop/queue.h"
#include "tests/support/fold_toy.h"
#include "tests/support/temp_folder.h"

enum {
    READERS = 2,
    PIECE_MAX = 300, // more records than are read at once
    BODY_BYTES = 4000,
    RECORDS = 12000,
    JOURNAL_BYTES = 16 * 1024 * 1024, // a third of what is appended
    KEEP_BYTES = 4 * 1024 * 1024,
};

struct replay_reader {
    struct toy *toy;
    bool lags; // stops at its first record until the ones behind it are trimmed
    uint64_t rounds, complete, gone, records, last;
};

static atomic_bool stop;

static void lag_behind(struct toy *toy, uint64_t position)
{
    struct fold_stats stats;
    do {
        sched_yield();
        fold_stats(toy->fold, &stats);
    } while (!atomic_load(&stop) && stats.journal_first < position + PIECE_MAX);
}

static bool read_one(void *arg, uint64_t position, const struct journal_record *record)
{
    struct replay_reader *reader = arg;
    struct toy_body body, expected = toy_body_of(position);
    CHECK(reader->last == 0 || position == reader->last + 1);
    CHECK(record->type == toy_type_of(position) && record->body.len == BODY_BYTES);
    memcpy(&body, record->body.ptr, sizeof body);
    CHECK(memcmp(&body, &expected, sizeof body) == 0);
    if (reader->lags && reader->last == 0)
        lag_behind(reader->toy, position);
    reader->last = position;
    reader->records++;
    return true;
}

static void run_reader(void *arg)
{
    struct replay_reader *reader = arg;
    bool ended = false;
    while (!ended) {
        ended = atomic_load(&stop); // one more round over a journal that is at rest
        reader->last = 0;
        struct err_info info = {{0}};
        enum err err = fold_replay(reader->toy->fold, 0, UINT64_MAX, read_one, reader, &info);
        CHECK(err == ERR_OK || err == ERR_NOT_FOUND);
        reader->rounds++;
        reader->complete += err == ERR_OK;
        reader->gone += err == ERR_NOT_FOUND;
        CHECK(!ended || (err == ERR_OK && reader->last == RECORDS));
    }
}

// Full means that the trim has not come so far yet: the same item again.
static void append_one(struct toy *toy, uint64_t position, void *bytes)
{
    static uint64_t answered;
    struct toy_item item;
    do {
        item = toy_item_of(toy_type_of(position), toy_body_of(position));
        item.more = bytes;
        memcpy(bytes, &item.body, sizeof item.body);
        item.item.body = span_make(bytes, BODY_BYTES);
        CHECK(toy_submit(toy, &item) == ERR_OK);
        toy_wait(toy, &toy->n_answered, ++answered);
        CHECK(item.err == ERR_OK || item.err == ERR_FULL);
    } while (item.err == ERR_FULL);
}

int main(void)
{
    static struct replay_reader readers[READERS];
    log_init("fold_replay", LOG_LEVEL_WARN);
    struct temp_folder folder;
    temp_folder_make(&folder);
    struct toy toy;
    toy_init(&toy, true);
    struct fold_opts opts = toy_opts(&toy, folder.path);
    opts.checkpoint_every_ms = 1;
    opts.slice_pause_ms = 1;
    opts.journal_bytes_max = JOURNAL_BYTES;
    opts.journal_keep_bytes = KEEP_BYTES;
    opts.fatal = NULL;
    CHECK(fold_open(&opts, &toy.fold, NULL) == ERR_OK);
    fold_start(toy.fold);
    struct thread *threads[READERS];
    for (size_t i = 0; i < READERS; i++) {
        readers[i].toy = &toy;
        readers[i].lags = i == 1;
        threads[i] = thread_start("reader", run_reader, &readers[i]);
    }
    void *bytes = mem_zalloc(BODY_BYTES);
    for (uint64_t i = 1; i <= RECORDS; i++)
        append_one(&toy, i, bytes);
    atomic_store(&stop, true);
    struct fold_stats stats;
    fold_stats(toy.fold, &stats);
    for (size_t i = 0; i < READERS; i++) {
        thread_join(threads[i]);
        CHECK(readers[i].records > 0 && readers[i].complete > 0);
        printf("fold_replay: reader %zu: %llu rounds, %llu ended at a gap, %llu records\n", i,
               (unsigned long long)readers[i].rounds, (unsigned long long)readers[i].gone,
               (unsigned long long)readers[i].records);
    }
    CHECK(readers[1].gone > 0);
    CHECK(stats.journal_first > 1 && stats.records == RECORDS);
    fold_close(toy.fold);
    toy_deinit(&toy);
    mem_free(bytes);
    temp_folder_remove(&folder);
    return 0;
}
