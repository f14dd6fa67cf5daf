// SPDX-License-Identifier: Apache-2.0
// A group's bytes are, for each letter: the table (1 byte), the length (4 bytes), a LetterRecord.
// Rows are the same records, sealed, by number; a third table holds the next number.
//
// Removing takes pages before it gives any back, so the map is three times what rows may take: a
// row of more than half a page takes whole pages, and freed pages come back two commits later.
#include "services/ingest/letters/shelf.h"

#include <stdio.h>
#include <string.h>

#include "assay/record/v1/record_ingest.pb-c.h"
#include "common/base/mem.h"
#include "common/log/log.h"
#include "common/store/store.h"

#define LOG_COMPONENT "letters"

enum { TABLE_REFUSED, TABLE_OBSERVED, TABLE_FACTS, TABLES };
enum { LETTER_TABLES = 2, SCHEMA = 1, CORRUPT_AT_ONCE_MAX = 1000, REMOVE_AT_ONCE_MAX = 2000 };
static const uint64_t FACT_NEXT = 1;
static const uint64_t MAP_SLACK_BYTES = 64ull * 1024 * 1024;
// Nothing is written when less is free: the scorers need the rest.
static const uint64_t DISK_RESERVE_BYTES = 320ull * 1024 * 1024;

static const struct store_table TABLE_LIST[TABLES] = {
    [TABLE_REFUSED] = {"refused", STORE_KEY_U64},
    [TABLE_OBSERVED] = {"observed", STORE_KEY_U64},
    [TABLE_FACTS] = {"facts", STORE_KEY_U64},
};

struct table {
    int64_t letters_max, bytes_max;
    uint64_t letters, bytes;
};

struct letters_shelf {
    char *path;
    struct store *store;
    int64_t age_max_ms;
    uint64_t next; // number of the next letter
    struct table tables[LETTER_TABLES];
    uint64_t n_corrupt;
};

// ---- Bytes --------------------------------------------------------------------------------------

static ProtobufCBinaryData binary_of(struct span s)
{
    return (ProtobufCBinaryData){s.len, (uint8_t *)s.ptr};
}

size_t letter_cut(struct span text, size_t bytes_max)
{
    size_t n = text.len;
    if (n <= bytes_max)
        return n;
    n = bytes_max;
    while (n > 0 && (((const unsigned char *)text.ptr)[n] & 0xC0) == 0x80)
        n--;
    return n;
}

// `out` holds `bytes_max` + 1.
static char *cut_into(char *out, size_t bytes_max, struct span text)
{
    snprintf(out, bytes_max + 1, "%.*s", (int)letter_cut(text, bytes_max), (const char *)text.ptr);
    return out;
}
#define CUT(array, text) cut_into((array), sizeof(array) - 1, (text))

void letters_shelf_pack(const struct letter *letter, struct buf *group)
{
    Assay__Record__V1__LetterRecord record = ASSAY__RECORD__V1__LETTER_RECORD__INIT;
    char rule[64], reason[LETTER_REASON_BYTES_MAX], source[128], way[16];
    record.received_at_ms = letter->received_at_ms;
    record.rule = CUT(rule, letter->rule);
    record.reason = CUT(reason, letter->reason);
    record.source = CUT(source, letter->source);
    record.way = CUT(way, letter->way);
    record.partial = letter->partial;
    record.event = binary_of(letter->event);
    record.as_received = binary_of(letter->as_received);
    size_t n = assay__record__v1__letter_record__get_packed_size(&record);
    buf_append_u8(group, letter->observed ? TABLE_OBSERVED : TABLE_REFUSED);
    buf_append_u32(group, (uint32_t)n);
    group->len += assay__record__v1__letter_record__pack(&record, buf_reserve(group, n));
}

struct packed {
    uint32_t table;
    struct span record;
};

// The letter at `*at` in a group, which moves on.
static struct packed packed_at(struct span group, size_t *at)
{
    const uint8_t *p = (const uint8_t *)group.ptr + *at;
    uint32_t len;
    memcpy(&len, p + 1, sizeof len);
    *at += 1 + sizeof len + len;
    CHECK(p[0] < LETTER_TABLES && *at <= group.len);
    return (struct packed){p[0], span_make(p + 1 + sizeof len, len)};
}

// The record lives until it is freed with free_unpacked; `out` points into it.
static Assay__Record__V1__LetterRecord *unpack(struct span value, uint64_t number, uint32_t table,
                                               struct letter *out)
{
    uint8_t schema;
    struct span body;
    if (store_unseal_salted(value, number, &schema, &body, NULL) != ERR_OK || schema != SCHEMA)
        return NULL;
    Assay__Record__V1__LetterRecord *record =
        assay__record__v1__letter_record__unpack(NULL, body.len, body.ptr);
    if (record == NULL)
        return NULL;
    *out = (struct letter){
        .number = number,
        .observed = table == TABLE_OBSERVED,
        .partial = record->partial,
        .received_at_ms = record->received_at_ms,
        .rule = span_of(record->rule),
        .reason = span_of(record->reason),
        .source = span_of(record->source),
        .way = span_of(record->way),
        .event = span_make(record->event.data, record->event.len),
        .as_received = span_make(record->as_received.data, record->as_received.len),
    };
    return record;
}

// ---- Removing -----------------------------------------------------------------------------------

static enum err remove_row(struct store_txn *txn, uint32_t table, uint64_t number, uint64_t bytes,
                           struct table *tables, struct err_info *info)
{
    enum err err = store_delete(txn, table, store_u64_key(&number), info);
    if (err == ERR_OK) {
        CHECK(tables[table].letters > 0 && tables[table].bytes >= bytes);
        tables[table].letters--;
        tables[table].bytes -= bytes;
    }
    return err;
}

// A letter that is too old, or cannot be trusted, and so has no age.
static bool is_over(const struct letters_shelf *shelf, uint32_t table, uint64_t number,
                    struct span value, int64_t now_ms)
{
    struct letter letter;
    Assay__Record__V1__LetterRecord *record = unpack(value, number, table, &letter);
    bool over = record == NULL || letter.received_at_ms < now_ms - shelf->age_max_ms;
    if (record != NULL)
        assay__record__v1__letter_record__free_unpacked(record, NULL);
    return over;
}

struct coming {
    uint64_t letters, bytes;
};

static bool is_above(const struct table *t, const struct coming *coming)
{
    return t->letters + coming->letters > (uint64_t)t->letters_max ||
           t->bytes + coming->bytes > (uint64_t)t->bytes_max;
}

// The oldest go until the rest is young enough and what is coming has room.
static enum err trim(struct letters_shelf *shelf, struct store_txn *txn, uint32_t table,
                     const struct coming *coming, int64_t now_ms, struct table *tables,
                     struct err_info *info)
{
    enum err err = ERR_OK;
    while (err == ERR_OK && tables[table].letters > 0) {
        // The cursor is opened anew: a removal moves it.
        struct store_cursor cursor;
        struct span key, value;
        err = store_cursor_open(txn, table, span_make(NULL, 0), &cursor, info);
        if (err == ERR_OK)
            err = store_cursor_next(&cursor, &key, &value, info);
        if (err != ERR_OK) {
            store_cursor_close(&cursor);
            break;
        }
        uint64_t number = store_u64_of_key(key), bytes = value.len;
        bool goes =
            is_above(&tables[table], coming) || is_over(shelf, table, number, value, now_ms);
        store_cursor_close(&cursor);
        if (!goes)
            return ERR_OK;
        err = remove_row(txn, table, number, bytes, tables, info);
    }
    return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
}

// ---- Writing ------------------------------------------------------------------------------------

static enum err put_next(struct store_txn *txn, uint64_t next, struct err_info *info)
{
    uint8_t sealed[STORE_SEAL_BYTES + sizeof next];
    store_seal(sealed, SCHEMA, span_make(&next, sizeof next));
    return store_put(txn, TABLE_FACTS, store_u64_key(&FACT_NEXT), span_make(sealed, sizeof sealed),
                     false, info);
}

// Letters at the beginning of a group that alone would be more than a table takes are not written.
static enum err put_group(struct letters_shelf *shelf, struct store_txn *txn, struct span group,
                          struct coming *coming, struct table *tables, uint64_t *next,
                          uint64_t *n_kept, struct err_info *info)
{
    enum err err = ERR_OK;
    for (size_t at = 0; err == ERR_OK && at < group.len;) {
        struct packed packed = packed_at(group, &at);
        struct coming *rest = &coming[packed.table];
        const struct table *t = &shelf->tables[packed.table];
        uint64_t bytes = packed.record.len + STORE_SEAL_BYTES;
        void *room;
        bool skipped =
            rest->letters > (uint64_t)t->letters_max || rest->bytes > (uint64_t)t->bytes_max;
        rest->letters--;
        rest->bytes -= bytes;
        if (skipped)
            continue;
        uint64_t number = (*next)++;
        err =
            store_put_reserve(txn, packed.table, store_u64_key(&number), bytes, true, &room, info);
        if (err != ERR_OK)
            break;
        store_seal_salted(room, SCHEMA, packed.record, number);
        tables[packed.table].letters++;
        tables[packed.table].bytes += bytes;
        (*n_kept)++;
    }
    return err == ERR_OK ? put_next(txn, *next, info) : err;
}

static enum err commit_group(struct letters_shelf *shelf, struct span group,
                             const struct coming *coming, int64_t now_ms, uint64_t *n_kept,
                             struct err_info *info)
{
    struct store_txn *txn;
    struct table tables[LETTER_TABLES];
    struct coming rest[LETTER_TABLES];
    uint64_t next = shelf->next;
    memcpy(tables, shelf->tables, sizeof tables);
    memcpy(rest, coming, sizeof rest);
    *n_kept = 0;
    enum err err = store_write_begin(shelf->store, &txn, info);
    if (err != ERR_OK)
        return err;
    for (uint32_t i = 0; i < LETTER_TABLES && err == ERR_OK; i++)
        err = trim(shelf, txn, i, &coming[i], now_ms, tables, info);
    if (err == ERR_OK)
        err = put_group(shelf, txn, group, rest, tables, &next, n_kept, info);
    if (err != ERR_OK) {
        store_abort(txn);
        return err;
    }
    err = store_commit(txn, info);
    if (err == ERR_OK) {
        memcpy(shelf->tables, tables, sizeof tables);
        shelf->next = next;
    }
    return err;
}

static bool has_disk(const struct letters_shelf *shelf)
{
    return store_disk_free(shelf->path) >= DISK_RESERVE_BYTES;
}

enum err letters_shelf_write(struct letters_shelf *shelf, struct span group, int64_t now_ms,
                             uint64_t *n_kept, struct err_info *info)
{
    struct coming coming[LETTER_TABLES] = {{0}};
    *n_kept = 0;
    if (!has_disk(shelf))
        return err_set(info, ERR_FULL, "%s: the disk is full: less than %llu MiB are free",
                       shelf->path, (unsigned long long)(DISK_RESERVE_BYTES >> 20));
    for (size_t at = 0; at < group.len;) {
        struct packed packed = packed_at(group, &at);
        coming[packed.table].letters++;
        coming[packed.table].bytes += packed.record.len + STORE_SEAL_BYTES;
    }
    return commit_group(shelf, group, coming, now_ms, n_kept, info);
}

enum err letters_shelf_age(struct letters_shelf *shelf, int64_t now_ms, struct err_info *info)
{
    struct coming none[LETTER_TABLES] = {{0}};
    struct store_txn *txn;
    struct table tables[LETTER_TABLES];
    memcpy(tables, shelf->tables, sizeof tables);
    enum err err = store_write_begin(shelf->store, &txn, info);
    if (err != ERR_OK)
        return err;
    for (uint32_t i = 0; i < LETTER_TABLES && err == ERR_OK; i++)
        err = trim(shelf, txn, i, &none[i], now_ms, tables, info);
    bool changed = tables[0].letters != shelf->tables[0].letters ||
                   tables[1].letters != shelf->tables[1].letters;
    if (err != ERR_OK || !changed) {
        store_abort(txn);
        return err;
    }
    err = store_commit(txn, info);
    if (err == ERR_OK)
        memcpy(shelf->tables, tables, sizeof tables);
    return err;
}

static enum err remove_some(struct store_txn *txn, const uint64_t *numbers, size_t n,
                            struct table *tables, uint64_t *n_removed, struct err_info *info)
{
    for (size_t i = 0; i < n; i++) {
        for (uint32_t table = 0; table < LETTER_TABLES; table++) {
            struct span value;
            enum err err = store_get(txn, table, store_u64_key(&numbers[i]), &value, info);
            if (err == ERR_NOT_FOUND)
                continue;
            if (err == ERR_OK)
                err = remove_row(txn, table, numbers[i], value.len, tables, info);
            if (err != ERR_OK)
                return err;
            (*n_removed)++;
        }
    }
    return ERR_OK;
}

enum err letters_shelf_remove(struct letters_shelf *shelf, const uint64_t *numbers, size_t n,
                              uint64_t *n_removed, struct err_info *info)
{
    *n_removed = 0;
    // In pieces, so that a removal of everything has pages enough.
    for (size_t at = 0; at < n;) {
        size_t some = n - at < REMOVE_AT_ONCE_MAX ? n - at : REMOVE_AT_ONCE_MAX;
        struct store_txn *txn;
        struct table tables[LETTER_TABLES];
        uint64_t removed = 0;
        memcpy(tables, shelf->tables, sizeof tables);
        enum err err = store_write_begin(shelf->store, &txn, info);
        if (err != ERR_OK)
            return err;
        err = remove_some(txn, numbers + at, some, tables, &removed, info);
        if (err != ERR_OK || removed == 0)
            store_abort(txn);
        else
            err = store_commit(txn, info);
        if (err != ERR_OK)
            return err;
        memcpy(shelf->tables, tables, sizeof tables);
        *n_removed += removed;
        at += some;
    }
    return ERR_OK;
}

// ---- Looking ------------------------------------------------------------------------------------

// Rows that were met and cannot be trusted.
struct corrupt {
    uint64_t numbers[CORRUPT_AT_ONCE_MAX];
    size_t n;
};

static void drop_corrupt(struct letters_shelf *shelf, const struct corrupt *corrupt)
{
    uint64_t n = 0;
    struct err_info info = {""};
    if (corrupt->n == 0)
        return;
    enum err err = letters_shelf_remove(shelf, corrupt->numbers, corrupt->n, &n, &info);
    shelf->n_corrupt += corrupt->n;
    LOG_WARN("letters_corrupt", "letters=%zu removed=%llu msg=\"%s\"", corrupt->n,
             (unsigned long long)n, err == ERR_OK ? "their bytes were changed" : info.text);
}

// False: enough.
static bool look_at(const struct letters_walk *walk, uint32_t table, uint64_t number,
                    struct span value, struct corrupt *corrupt)
{
    struct letter letter;
    Assay__Record__V1__LetterRecord *record = unpack(value, number, table, &letter);
    if (record == NULL) {
        if (corrupt->n < CORRUPT_AT_ONCE_MAX)
            corrupt->numbers[corrupt->n++] = number;
        return true;
    }
    bool on = walk->look(walk->arg, &letter);
    assay__record__v1__letter_record__free_unpacked(record, NULL);
    return on;
}

static enum err walk_rows(struct store_txn *txn, const struct letters_walk *walk,
                          struct corrupt *corrupt, uint64_t *last, struct err_info *info)
{
    uint32_t table = walk->observed ? TABLE_OBSERVED : TABLE_REFUSED;
    struct store_cursor cursor;
    struct span key, value;
    uint64_t after = walk->from + 1;
    enum err err;
    if (walk->order == LETTERS_OLDEST_FIRST)
        err = store_cursor_open(txn, table, store_u64_key(&after), &cursor, info);
    else if (walk->from == 0)
        err = store_cursor_open_last(txn, table, &cursor, info);
    else
        err = store_cursor_open_before(txn, table, store_u64_key(&walk->from), &cursor, info);
    if (err != ERR_OK)
        return err;
    for (size_t n = 0; (err = store_cursor_next(&cursor, &key, &value, info)) == ERR_OK; n++) {
        uint64_t number = store_u64_of_key(key);
        if (!look_at(walk, table, number, value, corrupt) || n + 1 == LETTERS_WALK_MAX) {
            *last = number;
            break;
        }
    }
    store_cursor_close(&cursor);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

enum err letters_shelf_walk(struct letters_shelf *shelf, const struct letters_walk *walk,
                            uint64_t *last, struct err_info *info)
{
    struct store_txn *txn;
    struct corrupt *corrupt = mem_zalloc(sizeof *corrupt);
    uint64_t reached = 0; // `last` may be the walk's own `from`
    enum err err = store_read_begin(shelf->store, &txn, info);
    if (err == ERR_OK) {
        err = walk_rows(txn, walk, corrupt, &reached, info);
        store_abort(txn);
        drop_corrupt(shelf, corrupt);
    }
    mem_free(corrupt);
    *last = reached;
    return err;
}

enum err letters_shelf_find(struct letters_shelf *shelf, uint64_t number, letters_look look,
                            void *arg, struct err_info *info)
{
    struct letters_walk walk = {.look = look, .arg = arg};
    struct store_txn *txn;
    struct span value;
    struct corrupt *corrupt = mem_zalloc(sizeof *corrupt);
    enum err err = store_read_begin(shelf->store, &txn, info);
    bool found = false;
    if (err == ERR_OK) {
        for (uint32_t table = 0; table < LETTER_TABLES && !found; table++) {
            found = store_get(txn, table, store_u64_key(&number), &value, NULL) == ERR_OK;
            if (found)
                (void)look_at(&walk, table, number, value, corrupt);
        }
        store_abort(txn);
        found = found && corrupt->n == 0;
        drop_corrupt(shelf, corrupt);
        err = found ? ERR_OK
                    : err_set(info, ERR_NOT_FOUND, "there is no letter %llu",
                              (unsigned long long)number);
    }
    mem_free(corrupt);
    return err;
}

void letters_shelf_usage(const struct letters_shelf *shelf, bool observed,
                         struct letters_usage *out)
{
    const struct table *t = &shelf->tables[observed ? TABLE_OBSERVED : TABLE_REFUSED];
    *out = (struct letters_usage){t->letters, t->bytes};
}

uint64_t letters_shelf_corrupt(const struct letters_shelf *shelf)
{
    return shelf->n_corrupt;
}

// ---- Opening ------------------------------------------------------------------------------------

static enum err count_rows(struct letters_shelf *shelf, struct store_txn *txn, uint32_t table,
                           struct err_info *info)
{
    struct table *t = &shelf->tables[table];
    struct store_cursor cursor;
    struct span key, value;
    enum err err = store_cursor_open(txn, table, span_make(NULL, 0), &cursor, info);
    if (err != ERR_OK)
        return err;
    while ((err = store_cursor_next(&cursor, &key, &value, info)) == ERR_OK) {
        t->letters++;
        t->bytes += value.len;
        if (store_u64_of_key(key) >= shelf->next)
            shelf->next = store_u64_of_key(key) + 1;
    }
    store_cursor_close(&cursor);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err read_next(struct letters_shelf *shelf, struct store_txn *txn, struct err_info *info)
{
    struct span value, body;
    uint8_t schema;
    enum err err = store_get(txn, TABLE_FACTS, store_u64_key(&FACT_NEXT), &value, info);
    if (err == ERR_NOT_FOUND)
        return ERR_OK;
    if (err != ERR_OK)
        return err;
    // Without it, it goes on above the letters that are there.
    if (store_unseal(value, &schema, &body, NULL) == ERR_OK && body.len == sizeof shelf->next)
        memcpy(&shelf->next, body.ptr, sizeof shelf->next);
    else
        LOG_WARN("letters_number_lost");
    return ERR_OK;
}

static enum err take_stock(struct letters_shelf *shelf, struct err_info *info)
{
    struct store_txn *txn;
    enum err err = store_read_begin(shelf->store, &txn, info);
    if (err != ERR_OK)
        return err;
    err = read_next(shelf, txn, info);
    for (uint32_t i = 0; i < LETTER_TABLES && err == ERR_OK; i++)
        err = count_rows(shelf, txn, i, info);
    store_abort(txn);
    return err;
}

static struct table table_of(const struct letters_bounds *bounds, int64_t part)
{
    return (struct table){
        .letters_max = bounds->letters_max / part,
        .bytes_max = bounds->bytes_max / part,
    };
}

enum err letters_shelf_open(const char *path, const struct letters_bounds *bounds,
                            struct letters_shelf **out, struct err_info *info)
{
    struct letters_shelf *shelf = mem_zalloc(sizeof *shelf);
    struct store_opts opts = {
        .path = path,
        .map_bytes = (uint64_t)bounds->bytes_max * 3 + MAP_SLACK_BYTES,
        .tables = TABLE_LIST,
        .n_tables = TABLES,
    };
    shelf->age_max_ms = bounds->age_max_ms;
    shelf->next = 1;
    shelf->tables[TABLE_REFUSED] = table_of(bounds, 1);
    shelf->tables[TABLE_OBSERVED] = table_of(bounds, LETTERS_OBSERVED_PART);
    shelf->path = mem_dup_text(path);
    enum err err = store_open(&opts, &shelf->store, info);
    if (err == ERR_OK)
        err = take_stock(shelf, info);
    if (err != ERR_OK) {
        letters_shelf_close(shelf);
        return err;
    }
    *out = shelf;
    return ERR_OK;
}

void letters_shelf_close(struct letters_shelf *shelf)
{
    if (shelf == NULL)
        return;
    store_close(shelf->store);
    mem_free(shelf->path);
    mem_free(shelf);
}
