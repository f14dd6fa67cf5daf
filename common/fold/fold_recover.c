// SPDX-License-Identifier: Apache-2.0
// Start-up: the rows of the last checkpoint, then the records after it. Rows that a later,
// unfinished checkpoint has already replaced are among them; they carry their positions.
#include <stdio.h>

#include "common/clock/clock.h"
#include "common/fold/fold_impl.h"
#include "common/log/log.h"

#define LOG_COMPONENT "fold"

// "17" or "0a0b0c" of the key, for a person who looks for it.
static const char *key_text(enum store_key_kind kind, struct span key, char out[40])
{
    if (kind == STORE_KEY_U64 && key.len == 8) {
        snprintf(out, 40, "%llu", (unsigned long long)store_u64_of_key(key));
        return out;
    }
    const uint8_t *bytes = key.ptr;
    out[0] = '\0';
    for (size_t i = 0; i < key.len && i < 16; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    return out;
}

static enum err load_row(struct fold *fold, uint32_t i, struct span key, struct span value,
                         struct err_info *info)
{
    struct span body;
    enum err err = fold_row_open(i, key, value, &body, info);
    if (err == ERR_OK)
        err = fold->opts.ops->load(fold->opts.state, i, key, body, info);
    return err;
}

static enum err load_table(struct fold *fold, struct store_txn *txn, uint32_t i, uint64_t *rows,
                           struct err_info *info)
{
    const struct store_table *table = &fold->opts.tables[i];
    struct store_cursor cursor;
    struct span key, value;
    uint64_t n = 0;
    enum err err = store_cursor_open(txn, i, (struct span){0}, &cursor, info);
    if (err != ERR_OK)
        return err_prefix(info, err, "table %s", table->name);
    while ((err = store_cursor_next(&cursor, &key, &value, info)) == ERR_OK) {
        n++;
        err = load_row(fold, i, key, value, info);
        if (err != ERR_OK) {
            char text[40];
            err = err_prefix(info, err, "table %s: row %llu (key %s)", table->name,
                             (unsigned long long)n, key_text(table->keys, key, text));
            break;
        }
    }
    store_cursor_close(&cursor);
    *rows += n;
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err load_state(struct fold *fold, uint64_t *rows, struct err_info *info)
{
    struct store_txn *txn;
    enum err err = store_read_begin(fold->store, &txn, info);
    if (err != ERR_OK)
        return err;
    err = fold_meta_get(fold, txn, &fold->meta, info);
    if (err == ERR_NOT_FOUND)
        err = ERR_OK;
    uint32_t n = fold->opts.n_tables - fold->opts.n_tables_unloaded;
    for (uint32_t i = 0; i < n && err == ERR_OK; i++)
        err = load_table(fold, txn, i, rows, info);
    store_abort(txn);
    if (err == ERR_OK)
        err = fold->opts.ops->loaded(fold->opts.state, fold->meta.position, info);
    return err;
}

static enum err check_journal(struct fold *fold, struct err_info *info)
{
    unsigned long long first = journal_first(fold->journal), last = journal_last(fold->journal);
    unsigned long long position = fold->meta.position;
    if (first > position + 1)
        return err_set(info, ERR_CORRUPT,
                       "the journal begins at %llu, but the checkpoint ends at %llu: the records "
                       "between are missing",
                       first, position);
    if (last < position)
        return err_set(info, ERR_CORRUPT,
                       "the journal ends at %llu, before the checkpoint at %llu: it is not the "
                       "journal of this state",
                       last, position);
    return ERR_OK;
}

static enum err replay_one(struct fold *fold, uint64_t position,
                           const struct journal_record *record, struct err_info *info)
{
    if (position != fold->applied + 1)
        return err_set(info, ERR_CORRUPT, "record %llu is missing from the journal",
                       (unsigned long long)fold->applied + 1);
    enum err err = fold->opts.ops->apply(fold->opts.state, position, record, NULL, info);
    if (err != ERR_OK)
        return err_prefix(info, err, "replay of record %llu", (unsigned long long)position);
    fold->applied = position;
    fold_meta_count(&fold->meta, record->body.len);
    return ERR_OK;
}

static enum err replay(struct fold *fold, struct err_info *info)
{
    fold->applied = fold->meta.position;
    struct journal_cursor *cursor;
    enum err err = journal_cursor_open(fold->journal, fold->applied + 1, &cursor, info);
    if (err != ERR_OK)
        return err;
    struct journal_record record;
    uint64_t position;
    do {
        err = journal_cursor_next(fold->journal, cursor, &position, &record, info);
        if (err == ERR_OK)
            err = replay_one(fold, position, &record, info);
    } while (err == ERR_OK);
    journal_cursor_close(fold->journal, cursor);
    if (err != ERR_NOT_FOUND)
        return err;
    if (fold->applied != journal_last(fold->journal))
        return err_set(info, ERR_CORRUPT, "the journal ends at %llu, its last record is %llu",
                       (unsigned long long)fold->applied,
                       (unsigned long long)journal_last(fold->journal));
    return ERR_OK;
}

enum err fold_recover(struct fold *fold, struct err_info *info)
{
    uint64_t rows = 0;
    int64_t started = clock_mono_ms();
    enum err err = load_state(fold, &rows, info);
    if (err == ERR_OK)
        err = check_journal(fold, info);
    if (err == ERR_OK)
        err = replay(fold, info);
    if (err == ERR_OK)
        err = fold->opts.ops->ready(fold->opts.state, info);
    if (err != ERR_OK)
        return err;
    fold->checkpoint.position = fold->meta.position;
    fold->counted.replayed = fold->applied - fold->meta.position;
    LOG_INFO("recovered", "fold=%s checkpoint=%llu rows=%llu replayed=%llu position=%llu ms=%lld",
             fold->name, (unsigned long long)fold->meta.position, (unsigned long long)rows,
             (unsigned long long)fold->counted.replayed, (unsigned long long)fold->applied,
             (long long)(clock_mono_ms() - started));
    return ERR_OK;
}
