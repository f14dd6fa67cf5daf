// SPDX-License-Identifier: Apache-2.0
// Rows in a buffer, one after the other: table (4), what (1), length of key (4), length of value
// (4), key, sealed value.
#include <string.h>

#include "common/base/hash.h"
#include "common/fold/fold_impl.h"

enum { ROW_PUT = 1, ROW_DELETE = 2, ROW_SCHEMA = 1, ROW_HEAD_BYTES = 13 };
enum { ROOM_KEPT_BYTES = 8 << 20 };

// The key goes into the checksum, so that a value under another key is told.
static uint64_t row_salt(uint32_t table, struct span key)
{
    return hash64_seeded(key, table);
}

static void put_u32(uint8_t *out, uint32_t v)
{
    memcpy(out, &v, sizeof v);
}

static uint32_t get_u32(const uint8_t *in)
{
    uint32_t v;
    memcpy(&v, in, sizeof v);
    return v;
}

static uint8_t *row_begin(struct fold_rows *rows, uint32_t table, uint8_t what, struct span key,
                          size_t value_bytes)
{
    CHECK(key.len > 0 && key.len <= STORE_KEY_MAX && value_bytes <= UINT32_MAX);
    size_t total = ROW_HEAD_BYTES + key.len + value_bytes;
    uint8_t *at = buf_reserve(&rows->bytes, total);
    rows->bytes.len += total;
    rows->n++;
    put_u32(at, table);
    at[4] = what;
    put_u32(at + 5, (uint32_t)key.len);
    put_u32(at + 9, (uint32_t)value_bytes);
    memcpy(at + ROW_HEAD_BYTES, key.ptr, key.len);
    return at + ROW_HEAD_BYTES + key.len;
}

void fold_rows_put(struct fold_rows *rows, uint32_t table, struct span key, struct span value)
{
    uint8_t *at = row_begin(rows, table, ROW_PUT, key, STORE_SEAL_BYTES + value.len);
    store_seal_salted(at, ROW_SCHEMA, value, row_salt(table, key));
}

void fold_rows_delete(struct fold_rows *rows, uint32_t table, struct span key)
{
    row_begin(rows, table, ROW_DELETE, key, 0);
}

void fold_rows_deinit(struct fold_rows *rows)
{
    buf_deinit(&rows->bytes);
    rows->n = 0;
}

// Room for what most checkpoints have stays; that of a burst goes.
void fold_rows_clear(struct fold_rows *rows)
{
    if (rows->bytes.cap > ROOM_KEPT_BYTES)
        buf_deinit(&rows->bytes);
    buf_clear(&rows->bytes);
    rows->n = 0;
}

static enum err rows_write(const struct fold_rows *rows, struct store_txn *txn,
                           struct err_info *info)
{
    const uint8_t *at = rows->bytes.bytes;
    const uint8_t *end = at + rows->bytes.len;
    enum err err = ERR_OK;
    for (size_t i = 0; i < rows->n && err == ERR_OK; i++) {
        uint32_t table = get_u32(at), key_bytes = get_u32(at + 5), value_bytes = get_u32(at + 9);
        uint8_t what = at[4];
        struct span key = span_make(at + ROW_HEAD_BYTES, key_bytes);
        struct span value = span_make(at + ROW_HEAD_BYTES + key_bytes, value_bytes);
        at += ROW_HEAD_BYTES + key_bytes + value_bytes;
        CHECK(at <= end);
        if (what == ROW_DELETE)
            err = store_delete(txn, table, key, info);
        else
            err = store_put(txn, table, key, value, false, info);
    }
    return err;
}

enum err fold_rows_commit(const struct fold_rows *rows, struct store *store, struct err_info *info)
{
    struct store_txn *txn;
    enum err err = store_write_begin(store, &txn, info);
    if (err != ERR_OK)
        return err;
    err = rows_write(rows, txn, info);
    if (err != ERR_OK) {
        store_abort(txn);
        return err;
    }
    return store_commit(txn, info);
}

enum err fold_row_open(uint32_t table, struct span key, struct span value, struct span *body,
                       struct err_info *info)
{
    uint8_t schema;
    enum err err = store_unseal_salted(value, row_salt(table, key), &schema, body, info);
    if (err == ERR_OK && schema != ROW_SCHEMA)
        err = err_set(info, ERR_CORRUPT, "schema version %u, this program knows %d", schema,
                      ROW_SCHEMA);
    return err;
}
