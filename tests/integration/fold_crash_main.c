// SPDX-License-Identifier: Apache-2.0
// links: base clock log loop store journal fold
// A child folds records that follow from their positions, takes checkpoints all the time in slices
// of three rows, and reports each answer; the parent kills it at any moment and opens the fold:
// every record that was answered is there, and the state is exactly the fold of the records. Fuzzy
// and atomic states, the same folders all the time, so that what a kill leaves behind is built
// upon.
#include "common/log/log.h"
#include "tests/support/crash_child.h"
#include "tests/support/fold_toy.h"
#include "tests/support/random.h"
#include "tests/support/temp_folder.h"

enum { ROUNDS = 60, WINDOW = 48 };

static struct fold_opts crash_opts(struct toy *toy, const char *path)
{
    struct fold_opts opts = toy_opts(toy, path);
    opts.journal_keep_bytes = 20000;
    opts.checkpoint_every_ms = 2;
    opts.slice_rows = 3;
    opts.slice_pause_ms = 1;
    opts.fatal = NULL;
    return opts;
}

static void open_toy(struct toy *toy, const char *path)
{
    struct err_info info;
    struct fold_opts opts = crash_opts(toy, path);
    if (fold_open(&opts, &toy->fold, &info) != ERR_OK) {
        fprintf(stderr, "open: %s\n", info.text);
        abort();
    }
    struct toy_core model = toy_model(toy->core.totals.records);
    CHECK(toy_core_eq(&toy->core, &model));
}

static void report(struct toy *toy, struct toy_item *item)
{
    uint64_t position = item->item.position;
    CHECK(item->err == ERR_OK && position == item->body.serial);
    crash_child_report(*(int *)toy->own, position);
}

static int child(const char *path, bool fuzzy, int ack_fd)
{
    static struct toy_item items[WINDOW];
    struct toy toy;
    toy_init(&toy, fuzzy);
    toy.own = &ack_fd;
    toy.on_answer = report;
    open_toy(&toy, path);
    uint64_t start = toy.core.totals.records;
    fold_start(toy.fold);
    for (uint64_t i = 0;; i++) {
        if (i >= WINDOW)
            toy_wait(&toy, &toy.n_answered, i - WINDOW + 1);
        uint64_t position = start + i + 1;
        items[i % WINDOW] = toy_item_of(toy_type_of(position), toy_body_of(position));
        CHECK(toy_submit(&toy, &items[i % WINDOW]) == ERR_OK);
    }
}

struct tally {
    uint64_t last, replayed, torn_checkpoints;
};

static void look(const char *path, bool fuzzy, uint64_t acked, struct test_random *random,
                 struct tally *tally)
{
    struct toy toy;
    toy_init(&toy, fuzzy);
    open_toy(&toy, path);
    CHECK(toy.core.totals.records >= acked && toy.core.totals.records >= tally->last);
    struct fold_stats stats;
    fold_stats(toy.fold, &stats);
    tally->last = toy.core.totals.records;
    tally->replayed += stats.replayed;
    tally->torn_checkpoints += toy.rows_ahead > 0;
    // Sometimes what the kill left is tidied up, mostly the next child builds upon it.
    if (test_random_below(random, 5) == 0)
        fold_close(toy.fold);
    else
        fold_abandon(toy.fold);
    toy_deinit(&toy);
}

int main(int argc, char **argv)
{
    log_init("fold_crash", LOG_LEVEL_WARN);
    if (argc == 5 && strcmp(argv[1], "child") == 0)
        return child(argv[3], strcmp(argv[4], "fuzzy") == 0, atoi(argv[2]));
    uint64_t seed = test_random_seed();
    printf("fold_crash: TEST_SEED=%llu\n", (unsigned long long)seed);
    fflush(stdout);
    struct test_random random = {seed};
    struct temp_folder folder;
    temp_folder_make(&folder);
    struct temp_folder paths[2] = {temp_folder_at(&folder, "atomic"),
                                   temp_folder_at(&folder, "fuzzy")};
    struct tally tallies[2] = {{0}};
    for (int i = 0; i < ROUNDS; i++) {
        bool fuzzy = i % 3 != 0;
        struct crash_child child = {
            {paths[fuzzy].path, fuzzy ? "fuzzy" : "atomic"}, .acks_max = 400, .pause_us_max = 3000};
        uint64_t acked = crash_child_run(&child, &random);
        look(paths[fuzzy].path, fuzzy, acked, &random, &tallies[fuzzy]);
    }
    for (int i = 0; i < 2; i++) {
        CHECK(tallies[i].last > 0);
        printf("fold_crash: %s: %llu records, %llu replayed, %llu kills inside a checkpoint\n",
               i == 0 ? "atomic" : "fuzzy", (unsigned long long)tallies[i].last,
               (unsigned long long)tallies[i].replayed,
               (unsigned long long)tallies[i].torn_checkpoints);
    }
    temp_folder_remove(&folder);
    return 0;
}
