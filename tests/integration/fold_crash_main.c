// SPDX-License-Identifier: Apache-2.0
// links: base clock log loop store journal fold
// A child folds records that follow from their positions, takes checkpoints all the time in slices
// of three rows, and reports each answer; the parent kills it at any moment and opens the fold:
// every record that was answered is there, and the state is exactly the fold of the records. Fuzzy
// and atomic states, the same folders all the time, so that what a kill leaves behind is built
// upon.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log/log.h"
#include "tests/support/fold_toy.h"
#include "tests/support/random.h"
#include "tests/support/temp_folder.h"

enum { ROUNDS = 60, WINDOW = 48, ACKS_MAX = 400 };

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
    CHECK(write(*(int *)toy->own, &position, sizeof position) == sizeof position);
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

static uint64_t kill_some_time(pid_t pid, int ack_fd, struct test_random *random)
{
    uint64_t acked = 0, position;
    uint64_t n = test_random_below(random, ACKS_MAX);
    for (uint64_t i = 0; i < n; i++) {
        CHECK(read(ack_fd, &position, sizeof position) == sizeof position);
        acked = position;
    }
    usleep((useconds_t)test_random_below(random, 3000));
    CHECK(kill(pid, SIGKILL) == 0);
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    while (read(ack_fd, &position, sizeof position) == sizeof position)
        acked = position;
    return acked;
}

static uint64_t run_child(const char *path, bool fuzzy, struct test_random *random)
{
    int ends[2];
    CHECK(pipe(ends) == 0);
    char fd[16];
    snprintf(fd, sizeof fd, "%d", ends[1]);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        execl("/proc/self/exe", "fold_crash", "child", path, fuzzy ? "fuzzy" : "atomic", fd,
              (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    uint64_t acked = kill_some_time(pid, ends[0], random);
    close(ends[0]);
    return acked;
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
        return child(argv[2], strcmp(argv[3], "fuzzy") == 0, atoi(argv[4]));
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
        uint64_t acked = run_child(paths[fuzzy].path, fuzzy, &random);
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
