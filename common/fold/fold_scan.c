// SPDX-License-Identifier: Apache-2.0
#include "common/fold/fold_impl.h"

enum err fold_scan(struct fold *fold, uint32_t table, struct span from, fold_row_fn row, void *arg,
                   struct err_info *info)
{
    CHECK(table < fold->opts.n_tables);
    struct store_txn *txn;
    struct store_cursor cursor;
    struct span key, value, body;
    enum err err = store_read_begin(fold->store, &txn, info);
    if (err != ERR_OK)
        return err;
    err = store_cursor_open(txn, table, from, &cursor, info);
    if (err != ERR_OK) {
        store_abort(txn);
        return err;
    }
    while ((err = store_cursor_next(&cursor, &key, &value, info)) == ERR_OK) {
        err = fold_row_open(table, key, value, &body, info);
        if (err != ERR_OK || !row(arg, key, body))
            break;
    }
    store_cursor_close(&cursor);
    store_abort(txn);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}
