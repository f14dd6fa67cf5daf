// SPDX-License-Identifier: Apache-2.0
// links: base store journal
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/store/store.h"
#include "tests/integration/journal_contract.h"
#include "tests/support/journal_fake.h"
#include "tests/support/temp_folder.h"

enum { BYTES_MAX = 8 << 20 };

static struct temp_folder folder;
static struct err_info info;

static struct journal *lmdb_open(void)
{
    struct journal_lmdb_opts opts = {.path = folder.path, .bytes_max = BYTES_MAX};
    struct journal *journal;
    cr_assert_eq(journal_lmdb_open(&opts, &journal, &info), ERR_OK, "%s", info.text);
    return journal;
}

static void lmdb_reopen(struct journal_world *world)
{
    journal_close(world->journal);
    world->journal = lmdb_open();
}

static void lmdb_make(struct journal_world *world)
{
    temp_folder_make(&folder);
    world->journal = lmdb_open();
    world->reopen = lmdb_reopen;
}

static void lmdb_drop(struct journal_world *world)
{
    journal_close(world->journal);
    temp_folder_remove(&folder);
}

static void fake_make(struct journal_world *world)
{
    struct journal_fake *fake = journal_fake_create();
    fake->bytes_max = BYTES_MAX;
    world->journal = &fake->journal;
}

static void fake_drop(struct journal_world *world)
{
    journal_close(world->journal);
}

Test(journal_lmdb, keeps_the_contract)
{
    journal_contract_run(lmdb_make, lmdb_drop);
}

Test(journal_fake, keeps_the_contract)
{
    journal_contract_run(fake_make, fake_drop);
}

Test(journal_fake, fails_when_told)
{
    struct journal_world world = {0};
    fake_make(&world);
    struct journal_fake *fake = journal_fake_of(world.journal);
    journal_fake_fail(fake, 1, 2, ERR_UNAVAILABLE);
    cr_assert_eq(contract_append_one(world.journal, 1, 10), ERR_OK);
    cr_assert_eq(contract_append_one(world.journal, 2, 10), ERR_UNAVAILABLE);
    cr_assert_eq(contract_append_one(world.journal, 2, 10), ERR_UNAVAILABLE);
    cr_assert_eq(contract_append_one(world.journal, 2, 10), ERR_OK);
    journal_fake_fail(fake, 0, 1, ERR_IO);
    cr_assert_eq(contract_append_one(world.journal, 3, 10), ERR_IO);
    cr_assert_eq(contract_append_one(world.journal, 3, 10), ERR_IO);
    fake_drop(&world);
}

static struct journal_world world;

static void setup(void)
{
    lmdb_make(&world);
}

static void teardown(void)
{
    if (world.journal != NULL)
        journal_close(world.journal);
    temp_folder_remove(&folder);
}

TestSuite(journal_lmdb_damage, .init = setup, .fini = teardown);

// Where `needle` lies in the file, from `from` on.
static const uint8_t *find(const uint8_t *bytes, size_t len, struct span needle)
{
    return memmem(bytes, len, needle.ptr, needle.len);
}

Test(journal_lmdb_damage, a_changed_byte_is_told_with_its_position)
{
    enum { LEN = 10000 };
    for (uint64_t i = 1; i <= 5; i++)
        cr_assert_eq(contract_append_one(world.journal, i, LEN), ERR_OK);
    journal_close(world.journal);
    world.journal = NULL;
    struct temp_folder file = temp_folder_at(&folder, "data.mdb");
    int fd = open(file.path, O_RDWR);
    struct stat st;
    cr_assert(fd >= 0 && fstat(fd, &st) == 0);
    uint8_t *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    cr_assert_neq(bytes, MAP_FAILED);
    const uint8_t *at = find(bytes, (size_t)st.st_size, contract_body(3, LEN));
    cr_assert_not_null(at);
    bytes[at - bytes + LEN / 2] ^= 0x10;
    munmap(bytes, (size_t)st.st_size);
    close(fd);
    world.journal = lmdb_open();
    struct journal_cursor *cursor;
    struct journal_record record;
    uint64_t position;
    cr_assert_eq(journal_cursor_open(world.journal, 1, &cursor, &info), ERR_OK);
    cr_assert_eq(journal_cursor_next(world.journal, cursor, &position, &record, &info), ERR_OK);
    cr_assert_eq(journal_cursor_next(world.journal, cursor, &position, &record, &info), ERR_OK);
    cr_assert_eq(journal_cursor_next(world.journal, cursor, &position, &record, &info),
                 ERR_CORRUPT);
    cr_assert_not_null(strstr(info.text, "record 3"), "%s", info.text);
    journal_cursor_close(world.journal, cursor);
}

static const struct store_table TABLES[] = {{"records", STORE_KEY_U64}, {"meta", STORE_KEY_BYTES}};

// Opens what lies under the closed journal.
static struct store_txn *tamper(struct store **store)
{
    journal_close(world.journal);
    world.journal = NULL;
    struct store_opts opts = {folder.path, 2 * BYTES_MAX, TABLES, 2};
    struct store_txn *txn;
    cr_assert_eq(store_open(&opts, store, &info), ERR_OK, "%s", info.text);
    cr_assert_eq(store_write_begin(*store, &txn, &info), ERR_OK);
    return txn;
}

static enum err tampered(struct store *store, struct store_txn *txn)
{
    cr_assert_eq(store_commit(txn, &info), ERR_OK);
    store_close(store);
    struct journal_lmdb_opts opts = {.path = folder.path, .bytes_max = BYTES_MAX};
    return journal_lmdb_open(&opts, &world.journal, &info);
}

Test(journal_lmdb_damage, a_hole_is_told)
{
    contract_fill(world.journal, 5);
    struct store *store;
    struct store_txn *txn = tamper(&store);
    uint64_t hole = 3;
    cr_assert_eq(store_delete(txn, 0, store_u64_key(&hole), &info), ERR_OK);
    cr_assert_eq(tampered(store, txn), ERR_CORRUPT);
}

Test(journal_lmdb_damage, a_lost_front_is_told)
{
    contract_fill(world.journal, 5);
    struct store *store;
    struct store_txn *txn = tamper(&store);
    uint64_t front = 1;
    cr_assert_eq(store_delete(txn, 0, store_u64_key(&front), &info), ERR_OK);
    cr_assert_eq(tampered(store, txn), ERR_CORRUPT);
}

Test(journal_lmdb_damage, a_lost_meta_row_is_told)
{
    contract_fill(world.journal, 5);
    struct store *store;
    struct store_txn *txn = tamper(&store);
    cr_assert_eq(store_delete(txn, 1, span_of("first"), &info), ERR_OK);
    cr_assert_eq(tampered(store, txn), ERR_CORRUPT);
}

Test(journal_lmdb_damage, another_records_bytes_are_told)
{
    contract_fill(world.journal, 5);
    struct store *store;
    struct store_txn *txn = tamper(&store);
    uint64_t from = 2, to = 4;
    struct span value;
    cr_assert_eq(store_get(txn, 0, store_u64_key(&from), &value, &info), ERR_OK);
    char copy[4096];
    cr_assert_leq(value.len, sizeof copy);
    memcpy(copy, value.ptr, value.len);
    cr_assert_eq(store_put(txn, 0, store_u64_key(&to), span_make(copy, value.len), false, &info),
                 ERR_OK);
    cr_assert_eq(tampered(store, txn), ERR_OK);
    struct journal_cursor *cursor;
    struct journal_record record;
    uint64_t position;
    cr_assert_eq(journal_cursor_open(world.journal, 4, &cursor, &info), ERR_OK);
    cr_assert_eq(journal_cursor_next(world.journal, cursor, &position, &record, &info),
                 ERR_CORRUPT);
    journal_cursor_close(world.journal, cursor);
}

Test(journal_lmdb_damage, is_open_once)
{
    struct journal_lmdb_opts opts = {.path = folder.path, .bytes_max = BYTES_MAX};
    struct journal *second;
    cr_assert_eq(journal_lmdb_open(&opts, &second, &info), ERR_BUSY);
    cr_assert_not_null(strstr(info.text, folder.path), "%s", info.text);
}

Test(journal_lmdb_damage, tells_its_usage)
{
    uint64_t used, max, disk;
    contract_fill(world.journal, 100);
    journal_lmdb_usage(world.journal, &used, &max, &disk);
    cr_assert_eq(max, BYTES_MAX);
    cr_assert_gt(used, 200 * 1000);
    cr_assert_lt(used, 600 * 1000);
    cr_assert_gt(disk, 0);
    contract_trim(world.journal, 101);
    journal_lmdb_usage(world.journal, &used, &max, &disk);
    cr_assert_eq(used, 0);
    struct journal_fake *fake = journal_fake_create();
    journal_lmdb_usage(&fake->journal, &used, &max, &disk);
    cr_assert(used == 0 && max == 0 && disk == 0);
    journal_close(&fake->journal);
}
