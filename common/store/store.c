// SPDX-License-Identifier: Apache-2.0
#include "common/store/store.h"

#include <errno.h>
#include <lmdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/store/store_folder.h"

struct store {
    MDB_env *env;
    char *path;
    int lock_fd;
    uint32_t n_tables;
    MDB_dbi dbis[STORE_TABLES_MAX];
    enum store_key_kind kinds[STORE_TABLES_MAX];
    atomic_bool failed; // a commit failed for another reason than a full map
};

struct store_txn {
    struct store *store;
    MDB_txn *txn;
    bool write;
};

enum cursor_step { STEP_THIS_THEN_NEXT, STEP_NEXT, STEP_THIS_THEN_PREV, STEP_PREV, STEP_END };

// The one place that knows LMDB's codes.
static enum err store_err_from_mdb(int code, const char *what, struct err_info *info)
{
    enum err err = ERR_IO;
    switch (code) {
    case 0:
        return ERR_OK;
    case MDB_NOTFOUND:
        err = ERR_NOT_FOUND;
        break;
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
        err = ERR_FULL;
        break;
    case MDB_READERS_FULL:
    case EAGAIN:
    case EBUSY:
        err = ERR_BUSY;
        break;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
        err = ERR_CORRUPT;
        break;
    case ENOENT:
    case EACCES:
    case EPERM:
    case ENOTDIR:
    case EROFS:
        err = ERR_INVALID;
        break;
    case MDB_KEYEXIST: // an appended key that is not the greatest
    case MDB_BAD_TXN:
    case MDB_BAD_DBI:
    case MDB_BAD_VALSIZE:
    case MDB_BAD_RSLOT:
    case MDB_CURSOR_FULL:
    case MDB_PAGE_FULL:
    case MDB_DBS_FULL:
    case EINVAL:
        err = ERR_INTERNAL;
        break;
    default: // the system's own numbers, and MDB_PANIC, MDB_MAP_RESIZED
        break;
    }
    return err_set(info, err, "%s: %s", what, mdb_strerror(code));
}

static enum err open_env(struct store *store, const struct store_opts *opts, struct err_info *info)
{
    int rc = mdb_env_create(&store->env);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(store->env, STORE_TABLES_MAX);
    if (rc == 0)
        rc = mdb_env_set_maxreaders(store->env, STORE_READERS_MAX);
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t map = (opts->map_bytes + page - 1) / page * page;
    if (rc == 0)
        rc = mdb_env_set_mapsize(store->env, map);
    if (rc == 0)
        rc = mdb_env_open(store->env, opts->path, MDB_NOTLS | MDB_NORDAHEAD, 0640);
    int dead = 0;
    if (rc == 0)
        rc = mdb_reader_check(store->env, &dead);
    return store_err_from_mdb(rc, "open", info);
}

static enum err open_table(struct store *store, MDB_txn *txn, const struct store_table *table,
                           struct err_info *info)
{
    uint32_t i = store->n_tables;
    unsigned wanted = table->keys == STORE_KEY_U64 ? MDB_INTEGERKEY : 0;
    int rc = mdb_dbi_open(txn, table->name, MDB_CREATE | wanted, &store->dbis[i]);
    unsigned flags = 0;
    if (rc == 0)
        rc = mdb_dbi_flags(txn, store->dbis[i], &flags);
    if (rc != 0)
        return store_err_from_mdb(rc, table->name, info);
    if ((flags & MDB_INTEGERKEY) != wanted)
        return err_set(info, ERR_CORRUPT, "table %s: its keys are of another kind", table->name);
    store->kinds[i] = table->keys;
    store->n_tables++;
    return ERR_OK;
}

static enum err open_tables(struct store *store, const struct store_opts *opts,
                            struct err_info *info)
{
    MDB_txn *txn;
    enum err err = store_err_from_mdb(mdb_txn_begin(store->env, NULL, 0, &txn), "begin", info);
    if (err != ERR_OK)
        return err;
    for (uint32_t i = 0; i < opts->n_tables && err == ERR_OK; i++)
        err = open_table(store, txn, &opts->tables[i], info);
    if (err != ERR_OK) {
        mdb_txn_abort(txn);
        return err;
    }
    return store_err_from_mdb(mdb_txn_commit(txn), "commit", info);
}

enum err store_open(const struct store_opts *opts, struct store **out, struct err_info *info)
{
    CHECK(opts->path != NULL && opts->map_bytes > 0);
    CHECK(opts->n_tables > 0 && opts->n_tables <= STORE_TABLES_MAX);
    *out = NULL;
    struct store *store = mem_zalloc(sizeof *store);
    store->lock_fd = -1;
    store->path = mem_dup_text(opts->path);
    atomic_init(&store->failed, false);
    enum err err = store_folder_make(opts->path, info);
    if (err == ERR_OK)
        err = store_folder_lock(opts->path, &store->lock_fd, info);
    if (err == ERR_OK)
        err = open_env(store, opts, info);
    if (err == ERR_OK)
        err = open_tables(store, opts, info);
    if (err == ERR_OK)
        err = store_folder_sync(opts->path, info);
    if (err != ERR_OK) {
        store_close(store);
        return err_prefix(info, err, "store %s", opts->path);
    }
    *out = store;
    return ERR_OK;
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    if (store->env != NULL)
        mdb_env_close(store->env);
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    mem_free(store->path);
    mem_free(store);
}

static enum err txn_begin(struct store *store, bool write, struct store_txn **out,
                          struct err_info *info)
{
    *out = NULL;
    MDB_txn *handle;
    int rc = mdb_txn_begin(store->env, NULL, write ? 0 : MDB_RDONLY, &handle);
    if (rc != 0)
        return store_err_from_mdb(rc, write ? "begin to write" : "begin to read", info);
    struct store_txn *txn = mem_alloc(sizeof *txn);
    *txn = (struct store_txn){.store = store, .txn = handle, .write = write};
    *out = txn;
    return ERR_OK;
}

enum err store_write_begin(struct store *store, struct store_txn **out, struct err_info *info)
{
    *out = NULL;
    if (atomic_load(&store->failed))
        return err_set(info, ERR_IO, "store %s: an earlier commit failed", store->path);
    return txn_begin(store, true, out, info);
}

enum err store_read_begin(struct store *store, struct store_txn **out, struct err_info *info)
{
    return txn_begin(store, false, out, info);
}

enum err store_commit(struct store_txn *txn, struct err_info *info)
{
    CHECK(txn->write);
    struct store *store = txn->store;
    enum err err = store_err_from_mdb(mdb_txn_commit(txn->txn), "commit", info);
    mem_free(txn);
    // What the kernel did with the pages of a failed sync is not known, so nothing may build on
    // them.
    if (err != ERR_OK && err != ERR_FULL)
        atomic_store(&store->failed, true);
    return err;
}

void store_abort(struct store_txn *txn)
{
    if (txn == NULL)
        return;
    mdb_txn_abort(txn->txn);
    mem_free(txn);
}

// `number` is where the key of a table of numbers is put, aligned.
static MDB_val key_of(const struct store_txn *txn, uint32_t table, struct span key,
                      uint64_t *number)
{
    CHECK(table < txn->store->n_tables);
    if (txn->store->kinds[table] == STORE_KEY_U64) {
        *number = store_u64_of_key(key);
        return (MDB_val){sizeof *number, number};
    }
    CHECK(key.len > 0 && key.len <= STORE_KEY_MAX);
    return (MDB_val){key.len, (void *)(uintptr_t)key.ptr};
}

enum err store_put(struct store_txn *txn, uint32_t table, struct span key, struct span value,
                   bool append, struct err_info *info)
{
    CHECK(txn->write);
    uint64_t number;
    MDB_val k = key_of(txn, table, key, &number);
    MDB_val v = {value.len, (void *)(uintptr_t)value.ptr};
    int rc = mdb_put(txn->txn, txn->store->dbis[table], &k, &v, append ? MDB_APPEND : 0);
    return store_err_from_mdb(rc, "put", info);
}

enum err store_put_reserve(struct store_txn *txn, uint32_t table, struct span key, size_t len,
                           bool append, void **out, struct err_info *info)
{
    CHECK(txn->write);
    uint64_t number;
    MDB_val k = key_of(txn, table, key, &number);
    MDB_val v = {len, NULL};
    unsigned flags = MDB_RESERVE | (append ? MDB_APPEND : 0);
    int rc = mdb_put(txn->txn, txn->store->dbis[table], &k, &v, flags);
    *out = rc == 0 ? v.mv_data : NULL;
    return store_err_from_mdb(rc, "put", info);
}

enum err store_get(struct store_txn *txn, uint32_t table, struct span key, struct span *out,
                   struct err_info *info)
{
    uint64_t number;
    MDB_val k = key_of(txn, table, key, &number);
    MDB_val v = {0, NULL};
    int rc = mdb_get(txn->txn, txn->store->dbis[table], &k, &v);
    *out = span_make(v.mv_data, v.mv_size);
    return store_err_from_mdb(rc, "get", info);
}

enum err store_delete(struct store_txn *txn, uint32_t table, struct span key, struct err_info *info)
{
    CHECK(txn->write);
    uint64_t number;
    MDB_val k = key_of(txn, table, key, &number);
    int rc = mdb_del(txn->txn, txn->store->dbis[table], &k, NULL);
    return store_err_from_mdb(rc == MDB_NOTFOUND ? 0 : rc, "delete", info);
}

static MDB_stat table_stat(struct store_txn *txn, uint32_t table)
{
    CHECK(table < txn->store->n_tables);
    MDB_stat stat;
    CHECK(mdb_stat(txn->txn, txn->store->dbis[table], &stat) == 0);
    return stat;
}

uint64_t store_count(struct store_txn *txn, uint32_t table)
{
    return table_stat(txn, table).ms_entries;
}

uint64_t store_table_bytes(struct store_txn *txn, uint32_t table)
{
    MDB_stat stat = table_stat(txn, table);
    return (stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages) *
           (uint64_t)stat.ms_psize;
}

// Moves a fresh cursor to where it starts; an empty range is an end, not an error.
static enum err cursor_start(struct store_txn *txn, uint32_t table, MDB_val *key, MDB_cursor_op op,
                             struct store_cursor *out, struct err_info *info)
{
    CHECK(table < txn->store->n_tables);
    *out = (struct store_cursor){.txn = txn, .step = STEP_END};
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn->txn, txn->store->dbis[table], &cursor);
    if (rc != 0)
        return store_err_from_mdb(rc, "open cursor", info);
    MDB_val value;
    rc = mdb_cursor_get(cursor, key, &value, op);
    if (rc != 0 && rc != MDB_NOTFOUND) {
        mdb_cursor_close(cursor);
        return store_err_from_mdb(rc, "open cursor", info);
    }
    out->handle = cursor;
    if (rc == 0)
        out->step = op == MDB_LAST ? STEP_THIS_THEN_PREV : STEP_THIS_THEN_NEXT;
    return ERR_OK;
}

enum err store_cursor_open(struct store_txn *txn, uint32_t table, struct span from,
                           struct store_cursor *out, struct err_info *info)
{
    uint64_t number;
    MDB_val key = {0, NULL};
    if (from.len > 0)
        key = key_of(txn, table, from, &number);
    return cursor_start(txn, table, &key, from.len > 0 ? MDB_SET_RANGE : MDB_FIRST, out, info);
}

enum err store_cursor_open_last(struct store_txn *txn, uint32_t table, struct store_cursor *out,
                                struct err_info *info)
{
    MDB_val key = {0, NULL};
    return cursor_start(txn, table, &key, MDB_LAST, out, info);
}

enum err store_cursor_open_before(struct store_txn *txn, uint32_t table, struct span before,
                                  struct store_cursor *out, struct err_info *info)
{
    enum err err = store_cursor_open(txn, table, before, out, info);
    if (err != ERR_OK || out->handle == NULL)
        return err;
    if (out->step == STEP_THIS_THEN_NEXT) {
        out->step = STEP_PREV; // it stands at the first key that is not below
        return ERR_OK;
    }
    store_cursor_close(out); // every key is below
    return store_cursor_open_last(txn, table, out, info);
}

enum err store_cursor_next(struct store_cursor *cursor, struct span *key, struct span *value,
                           struct err_info *info)
{
    MDB_cursor_op op = MDB_GET_CURRENT;
    switch ((enum cursor_step)cursor->step) {
    case STEP_THIS_THEN_NEXT:
        cursor->step = STEP_NEXT;
        break;
    case STEP_THIS_THEN_PREV:
        cursor->step = STEP_PREV;
        break;
    case STEP_NEXT:
        op = MDB_NEXT;
        break;
    case STEP_PREV:
        op = MDB_PREV;
        break;
    case STEP_END:
        return err_set(info, ERR_NOT_FOUND, "no more keys");
    }
    MDB_val k, v;
    int rc = mdb_cursor_get(cursor->handle, &k, &v, op);
    if (rc != 0) {
        cursor->step = STEP_END;
        return store_err_from_mdb(rc, "next", info);
    }
    *key = span_make(k.mv_data, k.mv_size);
    *value = span_make(v.mv_data, v.mv_size);
    return ERR_OK;
}

void store_cursor_close(struct store_cursor *cursor)
{
    if (cursor->handle != NULL)
        mdb_cursor_close(cursor->handle);
    cursor->handle = NULL;
}

uint64_t store_u64_of_key(struct span key)
{
    uint64_t number;
    CHECK(key.len == sizeof number);
    memcpy(&number, key.ptr, sizeof number);
    return number;
}

enum err store_usage(struct store *store, struct store_usage *out, struct err_info *info)
{
    MDB_envinfo env;
    MDB_stat stat;
    int rc = mdb_env_info(store->env, &env);
    if (rc == 0)
        rc = mdb_env_stat(store->env, &stat);
    if (rc != 0)
        return store_err_from_mdb(rc, "usage", info);
    *out = (struct store_usage){
        .map_bytes = env.me_mapsize,
        .used_bytes = (uint64_t)(env.me_last_pgno + 1) * stat.ms_psize,
        .readers = env.me_numreaders,
        .disk_free_bytes = store_disk_free(store->path),
    };
    return ERR_OK;
}
