// SPDX-License-Identifier: Apache-2.0
// links: base store
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/store/store.h"
#include "tests/support/temp_folder.h"

enum { NAMES, NUMBERS };
static const struct store_table TABLES[] = {
    [NAMES] = {"names", STORE_KEY_BYTES},
    [NUMBERS] = {"numbers", STORE_KEY_U64},
};

static struct temp_folder folder;
static struct store *store;
static struct err_info info;

static enum err open_at(const char *path, uint64_t map_bytes, struct store **out)
{
    struct store_opts opts = {
        .path = path, .map_bytes = map_bytes, .tables = TABLES, .n_tables = 2};
    return store_open(&opts, out, &info);
}

static void setup(void)
{
    temp_folder_make(&folder);
    cr_assert_eq(open_at(folder.path, 16 << 20, &store), ERR_OK, "%s", info.text);
}

static void teardown(void)
{
    store_close(store);
    temp_folder_remove(&folder);
}

static struct store_txn *writing(void)
{
    struct store_txn *txn;
    cr_assert_eq(store_write_begin(store, &txn, &info), ERR_OK, "%s", info.text);
    return txn;
}

static struct store_txn *reading(void)
{
    struct store_txn *txn;
    cr_assert_eq(store_read_begin(store, &txn, &info), ERR_OK, "%s", info.text);
    return txn;
}

static void put_number(struct store_txn *txn, uint64_t n)
{
    cr_assert_eq(store_put(txn, NUMBERS, store_u64_key(&n), span_make(&n, 8), false, &info),
                 ERR_OK);
}

static void put_name(struct store_txn *txn, const char *key, const char *value)
{
    cr_assert_eq(store_put(txn, NAMES, span_of(key), span_of(value), false, &info), ERR_OK);
}

static void reopen(void)
{
    store_close(store);
    cr_assert_eq(open_at(folder.path, 16 << 20, &store), ERR_OK, "%s", info.text);
}

TestSuite(store, .init = setup, .fini = teardown);

Test(store, keeps_what_was_committed_and_forgets_what_was_aborted)
{
    struct store_txn *txn = writing();
    put_name(txn, "kept", "1");
    put_name(txn, "empty", "");
    cr_assert_eq(store_commit(txn, &info), ERR_OK);
    txn = writing();
    put_name(txn, "gone", "2");
    put_name(txn, "kept", "3");
    store_abort(txn);
    reopen();
    txn = reading();
    struct span value;
    cr_assert_eq(store_get(txn, NAMES, span_of("kept"), &value, &info), ERR_OK);
    cr_assert(span_is(value, "1"));
    cr_assert_eq(store_get(txn, NAMES, span_of("empty"), &value, &info), ERR_OK);
    cr_assert_eq(value.len, 0);
    cr_assert_eq(store_get(txn, NAMES, span_of("gone"), &value, &info), ERR_NOT_FOUND);
    cr_assert_eq(store_count(txn, NAMES), 2);
    cr_assert_eq(store_count(txn, NUMBERS), 0);
    store_abort(txn);
}

Test(store, replaces_and_deletes)
{
    struct store_txn *txn = writing();
    put_name(txn, "a", "1");
    put_name(txn, "a", "22");
    put_name(txn, "b", "1");
    cr_assert_eq(store_delete(txn, NAMES, span_of("b"), &info), ERR_OK);
    cr_assert_eq(store_delete(txn, NAMES, span_of("b"), &info), ERR_OK);
    struct span value;
    cr_assert_eq(store_get(txn, NAMES, span_of("a"), &value, &info), ERR_OK);
    cr_assert(span_is(value, "22"));
    cr_assert_eq(store_count(txn, NAMES), 1);
    cr_assert_eq(store_commit(txn, &info), ERR_OK);
}

Test(store, numbers_are_in_numeric_order)
{
    static const uint64_t numbers[] = {256, 1, UINT64_MAX, 0, 255, 1ull << 40, 65536};
    static const uint64_t sorted[] = {0, 1, 255, 256, 65536, 1ull << 40, UINT64_MAX};
    struct store_txn *txn = writing();
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        put_number(txn, numbers[i]);
    cr_assert_eq(store_commit(txn, &info), ERR_OK);
    txn = reading();
    struct store_cursor cursor;
    struct span key, value;
    cr_assert_eq(store_cursor_open(txn, NUMBERS, (struct span){0}, &cursor, &info), ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(sorted); i++) {
        cr_assert_eq(store_cursor_next(&cursor, &key, &value, &info), ERR_OK);
        cr_assert_eq(store_u64_of_key(key), sorted[i]);
        cr_assert_eq(store_u64_of_key(value), sorted[i]);
    }
    cr_assert_eq(store_cursor_next(&cursor, &key, &value, &info), ERR_NOT_FOUND);
    cr_assert_eq(store_cursor_next(&cursor, &key, &value, &info), ERR_NOT_FOUND);
    store_cursor_close(&cursor);
    cr_assert_eq(store_cursor_open_last(txn, NUMBERS, &cursor, &info), ERR_OK);
    for (size_t i = ARRAY_LEN(sorted); i-- > 0;) {
        cr_assert_eq(store_cursor_next(&cursor, &key, &value, &info), ERR_OK);
        cr_assert_eq(store_u64_of_key(key), sorted[i]);
    }
    cr_assert_eq(store_cursor_next(&cursor, &key, &value, &info), ERR_NOT_FOUND);
    store_cursor_close(&cursor);
    store_abort(txn);
}

Test(store, walks_back_from_below_a_key)
{
    static const uint64_t BEFORE[] = {0, 10, 15, 20, 30, 31};
    static const uint64_t FIRST[] = {0, 0, 10, 10, 20, 30}; // 0: nothing is below
    struct store_txn *txn = writing();
    struct store_cursor cursor;
    struct span key, value;
    for (uint64_t n = 10; n <= 30; n += 10)
        put_number(txn, n);
    for (size_t i = 0; i < ARRAY_LEN(BEFORE); i++) {
        cr_assert_eq(
            store_cursor_open_before(txn, NUMBERS, store_u64_key(&BEFORE[i]), &cursor, &info),
            ERR_OK);
        for (uint64_t want = FIRST[i]; want > 0; want -= 10) {
            cr_assert_eq(store_cursor_next(&cursor, &key, &value, &info), ERR_OK);
            cr_assert_eq(store_u64_of_key(key), want);
        }
        cr_assert_eq(store_cursor_next(&cursor, &key, &value, &info), ERR_NOT_FOUND);
        store_cursor_close(&cursor);
    }
    store_abort(txn);
}

Test(store, a_cursor_starts_at_the_first_key_that_is_not_below)
{
    struct store_txn *txn = writing();
    put_name(txn, "b", "1");
    put_name(txn, "d", "2");
    struct store_cursor cursor;
    struct span key, value;
    cr_assert_eq(store_cursor_open(txn, NAMES, span_of("c"), &cursor, &info), ERR_OK);
    cr_assert_eq(store_cursor_next(&cursor, &key, &value, &info), ERR_OK);
    cr_assert(span_is(key, "d"));
    cr_assert(span_is(value, "2"));
    cr_assert_eq(store_cursor_next(&cursor, &key, &value, &info), ERR_NOT_FOUND);
    store_cursor_close(&cursor);
    cr_assert_eq(store_cursor_open(txn, NAMES, span_of("e"), &cursor, &info), ERR_OK);
    cr_assert_eq(store_cursor_next(&cursor, &key, &value, &info), ERR_NOT_FOUND);
    store_cursor_close(&cursor);
    cr_assert_eq(store_cursor_open_last(txn, NUMBERS, &cursor, &info), ERR_OK);
    cr_assert_eq(store_cursor_next(&cursor, &key, &value, &info), ERR_NOT_FOUND);
    store_cursor_close(&cursor);
    store_abort(txn);
}

Test(store, reserved_room_is_filled_in_place)
{
    static const size_t lens[] = {1, 2000, 5000, 300000};
    struct store_txn *txn = writing();
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        uint64_t n = i;
        void *room;
        cr_assert_eq(
            store_put_reserve(txn, NUMBERS, store_u64_key(&n), lens[i], true, &room, &info),
            ERR_OK);
        memset(room, 'a' + (int)i, lens[i]);
    }
    cr_assert_gt(store_table_bytes(txn, NUMBERS), 307000);
    cr_assert_eq(store_commit(txn, &info), ERR_OK);
    reopen();
    txn = reading();
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        uint64_t n = i;
        struct span value;
        cr_assert_eq(store_get(txn, NUMBERS, store_u64_key(&n), &value, &info), ERR_OK);
        cr_assert_eq(value.len, lens[i]);
        const char *bytes = value.ptr;
        for (size_t j = 0; j < lens[i]; j++)
            cr_assert_eq(bytes[j], 'a' + (int)i);
    }
    store_abort(txn);
}

Test(store, appending_a_key_out_of_order_is_refused)
{
    struct store_txn *txn = writing();
    uint64_t n = 5;
    cr_assert_eq(store_put(txn, NUMBERS, store_u64_key(&n), span_of("x"), true, &info), ERR_OK);
    cr_assert_eq(store_put(txn, NUMBERS, store_u64_key(&n), span_of("x"), true, &info),
                 ERR_INTERNAL);
    store_abort(txn);
}

Test(store, a_full_map_is_told_and_survived)
{
    static char big[64 << 10];
    enum err err = ERR_OK;
    uint64_t n = 0, committed = 0;
    while (err == ERR_OK && n < 1000) {
        struct store_txn *txn = writing();
        n++;
        err = store_put(txn, NUMBERS, store_u64_key(&n), span_make(big, sizeof big), true, &info);
        if (err != ERR_OK) {
            store_abort(txn);
            break;
        }
        err = store_commit(txn, &info);
        if (err == ERR_OK)
            committed = n;
    }
    cr_assert_eq(err, ERR_FULL, "%s", err_name(err));
    struct store_txn *txn = writing();
    cr_assert_eq(store_count(txn, NUMBERS), committed);
    cr_assert_gt(committed, 100);
    // A few at a time: a transaction that frees needs pages itself.
    for (uint64_t i = 1; i <= 4; i++)
        cr_assert_eq(store_delete(txn, NUMBERS, store_u64_key(&i), &info), ERR_OK);
    cr_assert_eq(store_commit(txn, &info), ERR_OK, "%s", info.text);
    // Freed pages can be used again two transactions later.
    for (int i = 0; i < 20; i++) {
        txn = writing();
        n++;
        cr_assert_eq(store_put(txn, NUMBERS, store_u64_key(&n), span_make(big, 1000), true, &info),
                     ERR_OK, "%s", info.text);
        cr_assert_eq(store_commit(txn, &info), ERR_OK, "%s", info.text);
    }
}

Test(store, is_open_once_in_a_process)
{
    struct store *second = NULL;
    cr_assert_eq(open_at(folder.path, 16 << 20, &second), ERR_BUSY);
    cr_assert_null(second);
    cr_assert_not_null(strstr(info.text, folder.path), "%s", info.text);
    reopen();
}

Test(store, is_open_once_among_processes)
{
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        struct store *second = NULL;
        _exit(open_at(folder.path, 16 << 20, &second) == ERR_BUSY ? 0 : 1);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

Test(store, a_reader_sees_the_state_at_its_beginning)
{
    struct store_txn *txn = writing();
    put_name(txn, "a", "old");
    cr_assert_eq(store_commit(txn, &info), ERR_OK);
    struct store_txn *reader = reading();
    txn = writing();
    put_name(txn, "a", "new");
    put_name(txn, "b", "new");
    struct span value;
    cr_assert_eq(store_get(reader, NAMES, span_of("a"), &value, &info), ERR_OK);
    cr_assert(span_is(value, "old"));
    cr_assert_eq(store_commit(txn, &info), ERR_OK);
    cr_assert_eq(store_get(reader, NAMES, span_of("a"), &value, &info), ERR_OK);
    cr_assert(span_is(value, "old"));
    cr_assert_eq(store_count(reader, NAMES), 1);
    store_abort(reader);
    reader = reading();
    cr_assert_eq(store_get(reader, NAMES, span_of("a"), &value, &info), ERR_OK);
    cr_assert(span_is(value, "new"));
    store_abort(reader);
}

Test(store, a_table_of_another_kind_is_refused)
{
    store_close(store);
    static const struct store_table other[] = {{"names", STORE_KEY_U64}};
    struct store_opts opts = {folder.path, 16 << 20, other, 1};
    cr_assert_eq(store_open(&opts, &store, &info), ERR_CORRUPT);
    cr_assert_not_null(strstr(info.text, "names"), "%s", info.text);
}

Test(store, a_file_that_is_no_store_is_refused)
{
    store_close(store);
    struct temp_folder file = temp_folder_at(&folder, "data.mdb");
    int fd = open(file.path, O_WRONLY);
    cr_assert_geq(fd, 0);
    char junk[8192];
    memset(junk, 'x', sizeof junk);
    cr_assert_eq(pwrite(fd, junk, sizeof junk, 0), (ssize_t)sizeof junk);
    close(fd);
    cr_assert_eq(open_at(folder.path, 16 << 20, &store), ERR_CORRUPT);
    cr_assert_not_null(strstr(info.text, folder.path), "%s", info.text);
}

Test(store, a_folder_that_cannot_be_made_is_refused)
{
    struct temp_folder deep = temp_folder_at(&folder, "no/such");
    struct store *other;
    cr_assert_eq(open_at(deep.path, 1 << 20, &other), ERR_INVALID);
    cr_assert_not_null(strstr(info.text, "no/such"), "%s", info.text);
}

Test(store, tells_its_usage)
{
    struct store_usage usage;
    cr_assert_eq(store_usage(store, &usage, &info), ERR_OK);
    cr_assert_eq(usage.map_bytes, 16 << 20);
    cr_assert_gt(usage.used_bytes, 0);
    cr_assert_lt(usage.used_bytes, usage.map_bytes);
    cr_assert_gt(usage.disk_free_bytes, 0);
}

Test(seal, tells_every_flipped_bit)
{
    uint8_t sealed[STORE_SEAL_BYTES + 7];
    store_seal_salted(sealed, 3, span_of("content"), 42);
    struct span value = span_make(sealed, sizeof sealed), body;
    uint8_t schema;
    cr_assert_eq(store_unseal_salted(value, 42, &schema, &body, &info), ERR_OK);
    cr_assert_eq(schema, 3);
    cr_assert(span_is(body, "content"));
    for (size_t bit = 0; bit < sizeof sealed * 8; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_eq(store_unseal_salted(value, 42, &schema, &body, &info), ERR_CORRUPT, "%zu",
                     bit);
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    cr_assert_eq(store_unseal_salted(value, 43, &schema, &body, &info), ERR_CORRUPT);
    cr_assert_eq(store_unseal(value, &schema, &body, &info), ERR_CORRUPT);
    for (size_t len = 0; len < sizeof sealed; len++)
        cr_assert_eq(store_unseal_salted(span_make(sealed, len), 42, &schema, &body, &info),
                     ERR_CORRUPT);
}

Test(seal, an_empty_body_round_trips)
{
    uint8_t sealed[STORE_SEAL_BYTES];
    store_seal(sealed, 255, (struct span){0});
    struct span body;
    uint8_t schema;
    cr_assert_eq(store_unseal(span_make(sealed, sizeof sealed), &schema, &body, &info), ERR_OK);
    cr_assert_eq(schema, 255);
    cr_assert_eq(body.len, 0);
}
