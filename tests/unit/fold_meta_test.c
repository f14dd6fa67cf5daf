// SPDX-License-Identifier: Apache-2.0
// links: base clock log loop store journal fold
#include <criterion/criterion.h>

#include "common/fold/fold_impl.h"
#include "tests/support/temp_folder.h"

enum { RECORD = 1000 - JOURNAL_RECORD_COST };

static struct fold_meta at_position(const struct fold_meta *meta, uint64_t position)
{
    struct fold_meta at = *meta;
    at.position = position;
    return at;
}

Test(fold_meta, marks_say_how_much_is_behind_the_checkpoint)
{
    struct fold_meta meta = {0};
    for (uint64_t i = 1; i <= 100; i++) {
        fold_meta_count(&meta, RECORD);
        if (i % 10 == 0)
            fold_meta_mark(&meta, i, 6400);
    }
    struct fold_meta at = at_position(&meta, 100);
    cr_assert_eq(fold_meta_trim(&at, &at, 30 * 1000), 71, "70 is 30 records behind 100");
    cr_assert_eq(fold_meta_trim(&at, &at, 30 * 1000 + 1), 61);
    cr_assert_eq(fold_meta_trim(&at, &at, 1), 91);
    cr_assert_eq(fold_meta_trim(&at, &at, 90 * 1000), 11);
    cr_assert_eq(fold_meta_trim(&at, &at, 90 * 1000 + 1), 0);
}

Test(fold_meta, marks_are_some_way_apart_and_bounded)
{
    struct fold_meta meta = {0};
    for (uint64_t i = 1; i <= 100; i++) {
        fold_meta_count(&meta, RECORD);
        fold_meta_mark(&meta, i, 64 * 10 * 1000);
    }
    cr_assert_eq(meta.n_marks, 10);
    for (uint64_t i = 101; i <= 100 * 1000; i++) {
        fold_meta_count(&meta, RECORD);
        fold_meta_mark(&meta, i, 1);
    }
    cr_assert_eq(meta.n_marks, FOLD_MARKS_MAX);
    fold_meta_forget(&meta, 1);
    cr_assert_eq(meta.n_marks, FOLD_MARKS_MAX);
    uint64_t third = meta.marks[2].position;
    fold_meta_forget(&meta, third);
    cr_assert_eq(meta.n_marks, FOLD_MARKS_MAX - 2);
    cr_assert_eq(meta.marks[0].position, third);
}

Test(fold_meta, is_kept_with_the_checkpoint)
{
    struct temp_folder folder;
    temp_folder_make(&folder);
    static const struct store_table tables[] = {{"fold", STORE_KEY_BYTES}};
    struct store_opts opts = {folder.path, 1 << 20, tables, 1};
    struct fold fold = {.table_own = 0};
    struct fold_meta meta = {.position = 77, .bytes = 1234567}, read;
    for (uint64_t i = 1; i <= 300; i++) {
        fold_meta_count(&meta, 20);
        fold_meta_mark(&meta, i, 1);
    }
    struct fold_rows rows = {0};
    struct store_txn *txn;
    cr_assert_eq(store_open(&opts, &fold.store, NULL), ERR_OK);
    cr_assert_eq(store_read_begin(fold.store, &txn, NULL), ERR_OK);
    cr_assert_eq(fold_meta_get(&fold, txn, &read, NULL), ERR_NOT_FOUND);
    store_abort(txn);
    fold_meta_put(&fold, &meta, &rows);
    cr_assert_eq(fold_rows_commit(&rows, fold.store, NULL), ERR_OK);
    fold_rows_deinit(&rows);
    cr_assert_eq(store_read_begin(fold.store, &txn, NULL), ERR_OK);
    cr_assert_eq(fold_meta_get(&fold, txn, &read, NULL), ERR_OK);
    store_abort(txn);
    cr_assert_eq(read.position, 77);
    cr_assert_eq(read.bytes, meta.bytes);
    cr_assert_eq(read.n_marks, FOLD_MARKS_MAX);
    cr_assert_eq(memcmp(read.marks, meta.marks, sizeof meta.marks), 0);
    store_close(fold.store);
    temp_folder_remove(&folder);
}
