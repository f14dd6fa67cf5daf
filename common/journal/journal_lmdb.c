// SPDX-License-Identifier: Apache-2.0
// Two tables: `records`, from position to a sealed body whose schema byte is the record's type, and
// `meta`, with one row that holds the first position that is left. The positions are without a
// hole, so the first and the last one say which records there must be; opening and reading check
// that.
//
// A group is one write transaction: begin, check `expected` and the room, append, commit.
// - The bound is on pages in use, not on the file: LMDB never gives pages back to the disk, but
// uses
//   those of trimmed records again.
// - The map is larger than the bound, because a trim needs pages itself before it frees any: a
//   journal that is full can always be trimmed.
// - A failed commit (but FULL) leaves the store unusable, which every later call reports as IO.
#include "common/journal/journal.h"

#include <stdatomic.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/store/store.h"

enum { TABLE_RECORDS, TABLE_META, N_TABLES };
enum { META_SCHEMA = 1 };
// A trim reads one page of each record, perhaps from the disk, while appends wait for it.
enum { TRIM_RECORDS_MAX = 256 };
enum { MAP_SLACK_BYTES = 4 * 1024 * 1024 };

static const struct store_table TABLES[N_TABLES] = {
    [TABLE_RECORDS] = {"records", STORE_KEY_U64},
    [TABLE_META] = {"meta", STORE_KEY_BYTES},
};

struct journal_lmdb {
    struct journal journal;
    struct store *store;
    uint64_t bytes_max;
    char *path;
    // Written on the appending thread, read on any.
    _Atomic uint64_t first;
    _Atomic uint64_t last;
    _Atomic uint64_t used_bytes;
};

struct journal_cursor {
    struct store_txn *txn;
    struct store_cursor cursor;
    uint64_t expected; // 0 before the first record
};

static struct journal_lmdb *lmdb_of(const struct journal *journal)
{
    return CONTAINER_OF(journal, struct journal_lmdb, journal);
}

static enum err put_first(struct store_txn *txn, uint64_t first, struct err_info *info)
{
    struct buf body = {0};
    buf_append_u64(&body, first);
    uint8_t sealed[STORE_SEAL_BYTES + sizeof first];
    store_seal(sealed, META_SCHEMA, buf_span(&body));
    buf_deinit(&body);
    return store_put(txn, TABLE_META, span_of("first"), span_make(sealed, sizeof sealed), false,
                     info);
}

static enum err get_first(struct store_txn *txn, uint64_t *first, struct err_info *info)
{
    struct span value, body;
    uint8_t schema;
    enum err err = store_get(txn, TABLE_META, span_of("first"), &value, info);
    if (err == ERR_OK)
        err = store_unseal(value, &schema, &body, info);
    if (err != ERR_OK)
        return err;
    if (schema != META_SCHEMA || body.len != sizeof *first)
        return err_set(info, ERR_CORRUPT, "meta row: schema %u with %zu bytes", schema, body.len);
    const uint8_t *bytes = body.ptr;
    *first = 0;
    for (size_t i = 0; i < sizeof *first; i++)
        *first |= (uint64_t)bytes[i] << (8 * i);
    return ERR_OK;
}

// The key at one end of the records; NOT_FOUND when there are none.
static enum err end_position(struct store_txn *txn, bool last, uint64_t *position,
                             struct err_info *info)
{
    struct store_cursor cursor;
    enum err err = last ? store_cursor_open_last(txn, TABLE_RECORDS, &cursor, info)
                        : store_cursor_open(txn, TABLE_RECORDS, (struct span){0}, &cursor, info);
    if (err != ERR_OK)
        return err;
    struct span key, value;
    err = store_cursor_next(&cursor, &key, &value, info);
    if (err == ERR_OK)
        *position = store_u64_of_key(key);
    store_cursor_close(&cursor);
    return err;
}

// A new journal gets its meta row; an old one must be without holes.
static enum err load_ends(struct journal_lmdb *lmdb, struct store_txn *txn, struct err_info *info)
{
    uint64_t meta = 1, first = 0, last = 0;
    uint64_t n = store_count(txn, TABLE_RECORDS);
    enum err err = get_first(txn, &meta, info);
    if (err == ERR_NOT_FOUND && n == 0)
        err = put_first(txn, 1, info);
    else if (err == ERR_NOT_FOUND)
        return err_set(info, ERR_CORRUPT, "there are records but no meta row");
    if (err != ERR_OK)
        return err;
    first = meta;
    last = meta - 1;
    if (n > 0) {
        err = end_position(txn, false, &first, info);
        if (err == ERR_OK)
            err = end_position(txn, true, &last, info);
        if (err != ERR_OK)
            return err;
    }
    if (first != meta || last - first + 1 != n)
        return err_set(info, ERR_CORRUPT,
                       "%llu records between positions %llu and %llu, first must be %llu",
                       (unsigned long long)n, (unsigned long long)first, (unsigned long long)last,
                       (unsigned long long)meta);
    atomic_store(&lmdb->first, first);
    atomic_store(&lmdb->last, last);
    atomic_store(&lmdb->used_bytes, store_table_bytes(txn, TABLE_RECORDS));
    return ERR_OK;
}

static enum err put_record(struct store_txn *txn, uint64_t position,
                           const struct journal_record *record, struct err_info *info)
{
    CHECK(record->body.len <= JOURNAL_RECORD_MAX);
    void *room;
    enum err err = store_put_reserve(txn, TABLE_RECORDS, store_u64_key(&position),
                                     STORE_SEAL_BYTES + record->body.len, true, &room, info);
    if (err == ERR_OK)
        store_seal_salted(room, record->type, record->body, position);
    return err;
}

static enum err check_room(struct journal_lmdb *lmdb, struct store_txn *txn,
                           const struct journal_record *records, size_t n, struct err_info *info)
{
    uint64_t used = store_table_bytes(txn, TABLE_RECORDS);
    uint64_t wanted = (uint64_t)n * JOURNAL_RECORD_COST;
    for (size_t i = 0; i < n; i++)
        wanted += records[i].body.len;
    if (used + wanted <= lmdb->bytes_max)
        return ERR_OK;
    return err_set(info, ERR_FULL, "%llu of %llu bytes used, %llu more wanted",
                   (unsigned long long)used, (unsigned long long)lmdb->bytes_max,
                   (unsigned long long)wanted);
}

static enum err lmdb_append(struct journal *journal, const struct journal_record *records, size_t n,
                            uint64_t expected, uint64_t *first, struct err_info *info)
{
    struct journal_lmdb *lmdb = lmdb_of(journal);
    uint64_t last = atomic_load(&lmdb->last);
    if (expected != last + 1)
        return err_set(info, ERR_CONFLICT, "append: expected position %llu, the next is %llu",
                       (unsigned long long)expected, (unsigned long long)last + 1);
    *first = expected;
    if (n == 0)
        return ERR_OK;
    struct store_txn *txn;
    enum err err = store_write_begin(lmdb->store, &txn, info);
    if (err != ERR_OK)
        return err_prefix(info, err, "append");
    err = check_room(lmdb, txn, records, n, info);
    for (size_t i = 0; i < n && err == ERR_OK; i++)
        err = put_record(txn, expected + i, &records[i], info);
    if (err != ERR_OK) {
        store_abort(txn);
        return err_prefix(info, err, "append %zu records at %llu", n, (unsigned long long)expected);
    }
    uint64_t used = store_table_bytes(txn, TABLE_RECORDS);
    err = store_commit(txn, info);
    if (err != ERR_OK)
        return err_prefix(info, err, "append %zu records at %llu", n, (unsigned long long)expected);
    atomic_store(&lmdb->used_bytes, used);
    atomic_store(&lmdb->last, last + n);
    return ERR_OK;
}

static enum err lmdb_cursor_open(struct journal *journal, uint64_t from,
                                 struct journal_cursor **out, struct err_info *info)
{
    *out = NULL;
    struct journal_cursor *cursor = mem_zalloc(sizeof *cursor);
    enum err err = store_read_begin(lmdb_of(journal)->store, &cursor->txn, info);
    if (err == ERR_OK)
        err = store_cursor_open(cursor->txn, TABLE_RECORDS, store_u64_key(&from), &cursor->cursor,
                                info);
    if (err != ERR_OK) {
        store_abort(cursor->txn);
        mem_free(cursor);
        return err_prefix(info, err, "read from %llu", (unsigned long long)from);
    }
    *out = cursor;
    return ERR_OK;
}

static enum err lmdb_cursor_next(struct journal_cursor *cursor, uint64_t *position,
                                 struct journal_record *out, struct err_info *info)
{
    struct span key, value;
    enum err err = store_cursor_next(&cursor->cursor, &key, &value, info);
    if (err != ERR_OK)
        return err;
    *position = store_u64_of_key(key);
    if (cursor->expected != 0 && *position != cursor->expected)
        return err_set(info, ERR_CORRUPT, "record %llu is missing",
                       (unsigned long long)cursor->expected);
    cursor->expected = *position + 1;
    err = store_unseal_salted(value, *position, &out->type, &out->body, info);
    if (err != ERR_OK)
        return err_prefix(info, err, "record %llu", (unsigned long long)*position);
    return ERR_OK;
}

static void lmdb_cursor_close(struct journal_cursor *cursor)
{
    store_cursor_close(&cursor->cursor);
    store_abort(cursor->txn);
    mem_free(cursor);
}

static enum err lmdb_trim(struct journal *journal, uint64_t below, struct err_info *info)
{
    struct journal_lmdb *lmdb = lmdb_of(journal);
    uint64_t first = atomic_load(&lmdb->first);
    uint64_t end = atomic_load(&lmdb->last) + 1;
    if (below < end)
        end = below;
    if (end <= first)
        return ERR_OK;
    if (end - first > TRIM_RECORDS_MAX)
        end = first + TRIM_RECORDS_MAX;
    struct store_txn *txn;
    enum err err = store_write_begin(lmdb->store, &txn, info);
    if (err != ERR_OK)
        return err_prefix(info, err, "trim");
    for (uint64_t position = first; position < end && err == ERR_OK; position++)
        err = store_delete(txn, TABLE_RECORDS, store_u64_key(&position), info);
    if (err == ERR_OK)
        err = put_first(txn, end, info);
    if (err != ERR_OK) {
        store_abort(txn);
        return err_prefix(info, err, "trim below %llu", (unsigned long long)end);
    }
    uint64_t used = store_table_bytes(txn, TABLE_RECORDS);
    err = store_commit(txn, info);
    if (err != ERR_OK)
        return err_prefix(info, err, "trim below %llu", (unsigned long long)end);
    atomic_store(&lmdb->used_bytes, used);
    atomic_store(&lmdb->first, end);
    return ERR_OK;
}

static uint64_t lmdb_first(const struct journal *journal)
{
    return atomic_load(&lmdb_of(journal)->first);
}

static uint64_t lmdb_last(const struct journal *journal)
{
    return atomic_load(&lmdb_of(journal)->last);
}

static void lmdb_close(struct journal *journal)
{
    struct journal_lmdb *lmdb = lmdb_of(journal);
    store_close(lmdb->store);
    mem_free(lmdb->path);
    mem_free(lmdb);
}

static const struct journal_ops LMDB_OPS = {
    .append = lmdb_append,
    .cursor_open = lmdb_cursor_open,
    .cursor_next = lmdb_cursor_next,
    .cursor_close = lmdb_cursor_close,
    .trim = lmdb_trim,
    .first = lmdb_first,
    .last = lmdb_last,
    .close = lmdb_close,
};

static enum err open_store(struct journal_lmdb *lmdb, struct err_info *info)
{
    struct store_opts opts = {
        .path = lmdb->path,
        .map_bytes = lmdb->bytes_max + lmdb->bytes_max / 8 + MAP_SLACK_BYTES,
        .tables = TABLES,
        .n_tables = N_TABLES,
    };
    enum err err = store_open(&opts, &lmdb->store, info);
    if (err != ERR_OK)
        return err;
    struct store_txn *txn;
    err = store_write_begin(lmdb->store, &txn, info);
    if (err != ERR_OK)
        return err;
    err = load_ends(lmdb, txn, info);
    if (err != ERR_OK) {
        store_abort(txn);
        return err;
    }
    return store_commit(txn, info);
}

enum err journal_lmdb_open(const struct journal_lmdb_opts *opts, struct journal **out,
                           struct err_info *info)
{
    CHECK(opts->bytes_max > 0);
    *out = NULL;
    struct journal_lmdb *lmdb = mem_zalloc(sizeof *lmdb);
    lmdb->journal.ops = &LMDB_OPS;
    lmdb->bytes_max = opts->bytes_max;
    lmdb->path = mem_dup_text(opts->path);
    enum err err = open_store(lmdb, info);
    if (err != ERR_OK) {
        lmdb_close(&lmdb->journal);
        return err_prefix(info, err, "journal");
    }
    *out = &lmdb->journal;
    return ERR_OK;
}

void journal_lmdb_usage(struct journal *journal, uint64_t *used_bytes, uint64_t *bytes_max,
                        uint64_t *disk_free_bytes)
{
    *used_bytes = *bytes_max = 0;
    if (disk_free_bytes != NULL)
        *disk_free_bytes = 0;
    if (journal->ops != &LMDB_OPS)
        return;
    struct journal_lmdb *lmdb = lmdb_of(journal);
    *used_bytes = atomic_load(&lmdb->used_bytes);
    *bytes_max = lmdb->bytes_max;
    if (disk_free_bytes != NULL)
        *disk_free_bytes = store_disk_free(lmdb->path);
}
