// SPDX-License-Identifier: Apache-2.0
// links: base clock log loop store journal fold
// Checkpoints, start-up, trimming and damage, over LMDB.
#include <criterion/criterion.h>
#include <sched.h>

#include "common/log/log.h"
#include "tests/support/fold_toy.h"
#include "tests/support/random.h"
#include "tests/support/temp_folder.h"

static struct temp_folder folder;
static struct toy toy;
static struct fold_opts opts;
static struct err_info info;

static void setup(void)
{
    log_set_level(LOG_LEVEL_OFF);
    temp_folder_make(&folder);
    toy_init(&toy, true);
    opts = toy_opts(&toy, folder.path);
}

static void teardown(void)
{
    toy_deinit(&toy);
    temp_folder_remove(&folder);
}

TestSuite(fold_recovery, .init = setup, .fini = teardown, .timeout = 120);

// A new process' worth of state.
static enum err try_open(bool fuzzy)
{
    toy_deinit(&toy);
    toy_init(&toy, fuzzy);
    opts.ops = fuzzy ? &TOY_OPS_FUZZY : &TOY_OPS_ATOMIC;
    return fold_open(&opts, &toy.fold, &info);
}

static void open_fold(bool fuzzy)
{
    cr_assert_eq(try_open(fuzzy), ERR_OK, "%s", info.text);
    struct toy_core model = toy_model(toy.core.totals.records);
    cr_assert(toy_core_eq(&toy.core, &model));
}

// Records that say what their positions tell them to, at most window_max at a time. Sent again when
// there is no room, one at a time then: the one behind may find room that the one before did not.
// Returns how many refusals there were.
enum { WINDOW = 32 };
static size_t window_max = WINDOW;
static uint64_t feed(uint64_t n, size_t body_bytes)
{
    static struct toy_item items[WINDOW];
    uint64_t refused = 0, first = toy.core.totals.records + 1, answered = toy.n_answered;
    size_t len = body_bytes > sizeof(struct toy_body) ? body_bytes : sizeof(struct toy_body);
    void *bodies = mem_zalloc(len * WINDOW);
    for (uint64_t done = 0; done < n;) {
        size_t window = n - done < window_max ? n - done : window_max;
        for (size_t i = 0; i < window; i++) {
            uint64_t position = first + done + i;
            items[i] = toy_item_of(toy_type_of(position), toy_body_of(position));
            items[i].more = (char *)bodies + i * len;
            memcpy(items[i].more, &items[i].body, sizeof items[i].body);
            items[i].item.body = span_make(items[i].more, len);
            cr_assert_eq(toy_submit(&toy, &items[i]), ERR_OK);
        }
        answered += window;
        toy_wait(&toy, &toy.n_answered, answered);
        for (size_t i = 0; i < window; i++) {
            bool full = items[i].err == ERR_FULL;
            cr_assert(items[i].err == ERR_OK || (full && window_max == 1), "%s",
                      err_name(items[i].err));
            cr_assert(!full || items[i].n_admits == 0, "refused after it was let in");
            refused += full;
            done += !full;
        }
        cr_assert_lt(refused, 100 * 1000 * 1000);
    }
    mem_free(bodies);
    return refused;
}

static struct fold_stats stats_now(void)
{
    struct fold_stats stats;
    fold_stats(toy.fold, &stats);
    return stats;
}

static void close_is_a_checkpoint(bool fuzzy)
{
    open_fold(fuzzy);
    cr_assert_eq(toy.loaded_position, 0);
    fold_start(toy.fold);
    feed(500, 0);
    fold_close(toy.fold);
    cr_assert_eq(toy.n_freezes, 1);
    open_fold(fuzzy);
    cr_assert_eq(toy.core.totals.records, 500);
    cr_assert_eq(toy.loaded_position, 500);
    cr_assert_eq(stats_now().replayed, 0);
    cr_assert_eq(stats_now().checkpoint_position, 500);
    fold_close(toy.fold);
    cr_assert_eq(toy.n_freezes, 0, "nothing changed, so there is no checkpoint");
}

Test(fold_recovery, close_is_a_checkpoint)
{
    close_is_a_checkpoint(true);
    temp_folder_remove(&folder);
    temp_folder_make(&folder);
    close_is_a_checkpoint(false);
}

Test(fold_recovery, without_a_checkpoint_everything_is_replayed)
{
    open_fold(true);
    fold_start(toy.fold);
    feed(300, 0);
    fold_abandon(toy.fold);
    cr_assert_eq(toy.n_freezes, 0);
    open_fold(true);
    cr_assert_eq(toy.core.totals.records, 300);
    cr_assert_eq(stats_now().replayed, 300);
    fold_close(toy.fold);
}

Test(fold_recovery, checkpoints_are_taken_while_work_goes_on)
{
    opts.checkpoint_every_ms = 1;
    opts.slice_rows = 5;
    opts.slice_pause_ms = 1;
    open_fold(true);
    fold_start(toy.fold);
    for (int i = 0; i < 10000 && stats_now().checkpoints < 3; i++)
        feed(50, 0);
    struct fold_stats stats = stats_now();
    cr_assert_geq(stats.checkpoints, 3);
    cr_assert_geq(stats.checkpoint_rows, TOY_KEYS / 2);
    cr_assert_gt(stats.checkpoint_position, 0);
    fold_abandon(toy.fold);
    open_fold(true);
    cr_assert_eq(toy.core.totals.records, stats.journal_last);
    cr_assert_geq(toy.loaded_position, stats.checkpoint_position);
    fold_close(toy.fold);
}

Test(fold_recovery, an_abandoned_fold_comes_back_from_any_moment)
{
    struct test_random random = {test_random_seed()};
    printf("fold_recovery: TEST_SEED=%llu\n", (unsigned long long)random.state);
    opts.checkpoint_every_ms = 1;
    opts.slice_rows = 3;
    opts.slice_pause_ms = 1;
    opts.journal_keep_bytes = 5000;
    uint64_t last = 0, torn = 0;
    for (int round = 0; round < 60; round++) {
        open_fold(true);
        cr_assert_geq(toy.core.totals.records, last);
        torn += toy.rows_ahead > 0;
        fold_start(toy.fold);
        feed(1 + test_random_below(&random, 200), 0);
        last = toy.core.totals.records;
        // Some more that nobody waits for.
        static struct toy_item items[WINDOW];
        for (uint64_t i = 0; i < WINDOW; i++) {
            items[i] = toy_item_of(toy_type_of(last + i + 1), toy_body_of(last + i + 1));
            cr_assert_eq(toy_submit(&toy, &items[i]), ERR_OK);
        }
        for (uint64_t i = test_random_below(&random, 200); i > 0; i--)
            sched_yield();
        if (test_random_below(&random, 8) == 0)
            fold_close(toy.fold);
        else
            fold_abandon(toy.fold);
    }
    printf("fold_recovery: %llu records, %llu starts from inside a checkpoint\n",
           (unsigned long long)last, (unsigned long long)torn);
}

Test(fold_recovery, the_journal_is_trimmed_but_for_what_is_kept)
{
    opts.journal_keep_bytes = 100 * 1000;
    opts.checkpoint_every_ms = 1;
    opts.slice_pause_ms = 1;
    open_fold(true);
    fold_start(toy.fold);
    for (int i = 0; i < 10000 && stats_now().journal_first < 500; i++)
        feed(32, 1000);
    fold_close(toy.fold);
    open_fold(true);
    struct fold_stats stats = stats_now();
    cr_assert_geq(stats.journal_first, 500);
    // 100 kB are 93 records of 1000 bytes with their cost.
    cr_assert_geq(stats.checkpoint_position - stats.journal_first + 1, 93);
    fold_close(toy.fold);
}

Test(fold_recovery, a_small_journal_makes_room_by_itself)
{
    opts.journal_bytes_max = 1 << 20;
    window_max = 1;
    open_fold(true);
    fold_start(toy.fold);
    feed(3000, 10 * 1000); // 30 times what it holds
    struct fold_stats stats = stats_now();
    cr_assert_eq(stats.journal_last, 3000);
    cr_assert_gt(stats.journal_first, 2800);
    cr_assert_gt(stats.checkpoints, 10);
    cr_assert_eq(toy.n_fatal, 0, "%s", toy.fatal_text);
    fold_abandon(toy.fold);
    open_fold(true);
    cr_assert_eq(toy.core.totals.records, 3000);
    fold_close(toy.fold);
}

// The end of the room is met in the middle of a burst, and what is behind it is sent again.
Test(fold_recovery, a_burst_that_is_larger_than_the_journal_gets_in_piece_by_piece)
{
    enum { ITEMS = 300, BYTES = 10 * 1000 };
    static struct toy_item items[ITEMS];
    static uint8_t bodies[ITEMS][BYTES];
    opts.journal_bytes_max = 1 << 20;
    open_fold(true);
    uint64_t done = 0, answered = 0, refused = 0;
    while (done < ITEMS) {
        for (uint64_t i = done; i < ITEMS; i++) {
            struct toy_body body = {.sequence = i + 1, .key = (uint32_t)(i % TOY_KEYS)};
            memcpy(bodies[i], &body, sizeof body);
            items[i] = toy_item_of(TOY_OTHER, body);
            items[i].more = bodies[i];
            items[i].item.body = span_make(bodies[i], BYTES);
            cr_assert_eq(toy_submit(&toy, &items[i]), ERR_OK);
        }
        if (answered == 0)
            fold_start(toy.fold);
        answered += ITEMS - done;
        toy_wait(&toy, &toy.n_answered, answered);
        // Those behind a refused one expire at the latest, so none of them got in.
        while (done < ITEMS && items[done].err == ERR_OK && !items[done].gap)
            done++;
        for (uint64_t i = done; i < ITEMS; i++)
            cr_assert(items[i].err == ERR_FULL || items[i].gap);
        refused += ITEMS - done;
        cr_assert_lt(refused, 10 * 1000 * 1000);
    }
    cr_assert_gt(refused, 0);
    cr_assert_eq(toy.core.totals.records, ITEMS);
    cr_assert_eq(toy.core.totals.sequence, ITEMS);
    cr_assert_eq(toy.n_fatal, 0);
    fold_close(toy.fold);
}

Test(fold_recovery, a_checkpoint_that_has_no_room_is_tried_again)
{
    opts.state_bytes_max = 48 << 10; // the tables fit, a checkpoint does not for long
    opts.checkpoint_every_ms = 1;
    opts.slice_pause_ms = 1;
    open_fold(true);
    fold_start(toy.fold);
    for (int i = 0; i < 200; i++)
        feed(20, 0);
    cr_assert_eq(toy.n_fatal, 0, "%s", toy.fatal_text);
    fold_close(toy.fold);
    cr_assert_eq(toy.core.totals.records, 4000);
    opts.state_bytes_max = 16 << 20;
    open_fold(true);
    cr_assert_lt(toy.loaded_position, 4000, "there was room after all");
    cr_assert_eq(toy.core.totals.records, 4000);
    fold_close(toy.fold);
    open_fold(true);
    cr_assert_eq(toy.loaded_position, 4000);
    fold_close(toy.fold);
}

Test(fold_recovery, a_fold_is_open_once)
{
    open_fold(true);
    struct toy other;
    toy_init(&other, true);
    struct fold_opts again = toy_opts(&other, folder.path);
    cr_assert_eq(fold_open(&again, &other.fold, &info), ERR_BUSY);
    cr_assert_not_null(strstr(info.text, folder.path), "%s", info.text);
    toy_deinit(&other);
    fold_close(toy.fold);
}

static void make_state(uint64_t n)
{
    open_fold(true);
    fold_start(toy.fold);
    feed(n, 0);
    fold_close(toy.fold);
}

Test(fold_recovery, a_damaged_row_is_named)
{
    make_state(400);
    struct store *store;
    struct store_txn *txn;
    struct temp_folder state = temp_folder_at(&folder, "state");
    struct store_opts store_opts = {state.path, 16 << 20, TOY_TABLES, 2};
    cr_assert_eq(store_open(&store_opts, &store, &info), ERR_OK);
    cr_assert_eq(store_write_begin(store, &txn, &info), ERR_OK);
    uint64_t from = 17, to = 18;
    struct span value;
    char copy[256];
    cr_assert_eq(store_get(txn, TOY_TABLE_ROWS, store_u64_key(&from), &value, &info), ERR_OK);
    cr_assert_leq(value.len, sizeof copy);
    memcpy(copy, value.ptr, value.len);
    cr_assert_eq(store_put(txn, TOY_TABLE_ROWS, store_u64_key(&to), span_make(copy, value.len),
                           false, &info),
                 ERR_OK);
    cr_assert_eq(store_commit(txn, &info), ERR_OK);
    store_close(store);
    cr_assert_eq(try_open(true), ERR_CORRUPT);
    cr_assert_not_null(strstr(info.text, "table rows"), "%s", info.text);
    cr_assert_not_null(strstr(info.text, "key 18"), "%s", info.text);
}

static void with_journal(uint64_t trim_below, uint64_t n_more)
{
    struct temp_folder path = temp_folder_at(&folder, "journal");
    struct journal_lmdb_opts journal_opts = {.path = path.path, .bytes_max = 64 << 20};
    struct journal *journal;
    cr_assert_eq(journal_lmdb_open(&journal_opts, &journal, &info), ERR_OK, "%s", info.text);
    for (uint64_t i = 0; i < n_more; i++) {
        uint64_t position = journal_last(journal) + 1, first;
        struct toy_body body = toy_body_of(position);
        struct journal_record record = {toy_type_of(position), span_make(&body, sizeof body)};
        cr_assert_eq(journal_append(journal, &record, 1, position, &first, &info), ERR_OK);
    }
    while (journal_first(journal) < trim_below)
        cr_assert_eq(journal_trim(journal, trim_below, &info), ERR_OK);
    journal_close(journal);
}

Test(fold_recovery, a_journal_that_begins_too_late_is_told)
{
    make_state(100);
    with_journal(101, 10);
    open_fold(true); // it begins where the checkpoint ends
    cr_assert_eq(toy.core.totals.records, 110);
    fold_abandon(toy.fold);
    with_journal(102, 0);
    cr_assert_eq(try_open(true), ERR_CORRUPT);
    cr_assert_not_null(strstr(info.text, "begins at 102"), "%s", info.text);
}

Test(fold_recovery, a_journal_of_something_else_is_told)
{
    make_state(100);
    struct temp_folder path = temp_folder_at(&folder, "journal");
    temp_folder_remove(&path);
    with_journal(0, 99);
    cr_assert_eq(try_open(true), ERR_CORRUPT);
    cr_assert_not_null(strstr(info.text, "ends at 99"), "%s", info.text);
}

Test(fold_recovery, a_record_that_cannot_be_read_is_named)
{
    make_state(10);
    struct temp_folder path = temp_folder_at(&folder, "journal");
    struct journal_lmdb_opts journal_opts = {.path = path.path, .bytes_max = 64 << 20};
    struct journal *journal;
    cr_assert_eq(journal_lmdb_open(&journal_opts, &journal, &info), ERR_OK);
    struct journal_record record = {TOY_ADD, span_of("x")};
    uint64_t first;
    cr_assert_eq(journal_append(journal, &record, 1, 11, &first, &info), ERR_OK);
    journal_close(journal);
    cr_assert_eq(try_open(true), ERR_CORRUPT);
    cr_assert_not_null(strstr(info.text, "record 11"), "%s", info.text);
}
