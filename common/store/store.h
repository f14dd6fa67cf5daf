// SPDX-License-Identifier: Apache-2.0
// Tables of keys and values in one file, with transactions. The only folder that knows LMDB.
// Default sync: a commit that returned OK survives power loss. Any commit error but FULL leaves the
// environment unusable: the caller logs and exits, and never tries the sync again.
//
// Threads: one writer at a time (write_begin waits for the other); up to STORE_READERS_MAX readers,
// each transaction on the thread that began it. Bytes that reads return are valid until the
// transaction ends, and are not aligned. A read transaction that stays open keeps freed pages from
// being used again and so lets the file grow: keep them short.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/span.h"

enum { STORE_TABLES_MAX = 16, STORE_KEY_MAX = 511, STORE_READERS_MAX = 64 };

enum store_key_kind {
    STORE_KEY_BYTES, // compared as bytes
    STORE_KEY_U64,   // 8 bytes in the machine's order, compared as numbers: store_u64_key
};

struct store_table {
    const char *name;
    enum store_key_kind keys;
};

struct store_opts {
    const char *path;   // a folder; made when it is missing (its parent must exist)
    uint64_t map_bytes; // bound on the file; address space is reserved, disk is used as it fills
    const struct store_table *tables; // table i is addressed as i
    uint32_t n_tables;
};

struct store;
// BUSY: another process or this one has it open. CORRUPT: not a store, or a table whose keys are of
// another kind. INVALID: the folder cannot be made or opened. IO otherwise.
MUST_USE enum err store_open(const struct store_opts *opts, struct store **out,
                             struct err_info *info);
// Every transaction has ended. NULL is allowed.
void store_close(struct store *store);

struct store_txn;
// IO: a commit has failed before; the environment is unusable.
MUST_USE enum err store_write_begin(struct store *store, struct store_txn **out,
                                    struct err_info *info);
// BUSY: STORE_READERS_MAX read already.
MUST_USE enum err store_read_begin(struct store *store, struct store_txn **out,
                                   struct err_info *info);
// Ends a write transaction; the handle is gone whatever the result. FULL: the map's bound, nothing
// of the transaction is in. IO: fatal, see above.
MUST_USE enum err store_commit(struct store_txn *txn, struct err_info *info);
// Ends any transaction without effect. NULL is allowed.
void store_abort(struct store_txn *txn);

// Keys are 1 to STORE_KEY_MAX bytes, or 8 in a table of numbers (CHECKed). Replaces the value of a
// key that is there. FULL: the map's bound; abort then. `append`: the key is greater than every key
// of the table (INTERNAL when it is not), which is faster.
MUST_USE enum err store_put(struct store_txn *txn, uint32_t table, struct span key,
                            struct span value, bool append, struct err_info *info);
// Room for `len` bytes of value (not aligned), to be filled before the next call on this
// transaction.
MUST_USE enum err store_put_reserve(struct store_txn *txn, uint32_t table, struct span key,
                                    size_t len, bool append, void **out, struct err_info *info);
// NOT_FOUND when there is no such key.
MUST_USE enum err store_get(struct store_txn *txn, uint32_t table, struct span key,
                            struct span *out, struct err_info *info);
// OK also when the key was not there.
MUST_USE enum err store_delete(struct store_txn *txn, uint32_t table, struct span key,
                               struct err_info *info);
uint64_t store_count(struct store_txn *txn, uint32_t table);
// Bytes of the pages that a table takes as of this transaction, freed pages left out. Costs no
// reads.
uint64_t store_table_bytes(struct store_txn *txn, uint32_t table);

// Walks keys in order. Fields private.
struct store_cursor {
    void *handle;
    struct store_txn *txn;
    int step;
};
// Starts at the first key that is not below `from`, or at the first of all when `from` is empty.
MUST_USE enum err store_cursor_open(struct store_txn *txn, uint32_t table, struct span from,
                                    struct store_cursor *out, struct err_info *info);
// Starts at the last key and walks back.
MUST_USE enum err store_cursor_open_last(struct store_txn *txn, uint32_t table,
                                         struct store_cursor *out, struct err_info *info);
// Starts at the last key that is below `before` (not empty) and walks back.
MUST_USE enum err store_cursor_open_before(struct store_txn *txn, uint32_t table,
                                           struct span before, struct store_cursor *out,
                                           struct err_info *info);
// NOT_FOUND at the end.
MUST_USE enum err store_cursor_next(struct store_cursor *cursor, struct span *key,
                                    struct span *value, struct err_info *info);
void store_cursor_close(struct store_cursor *cursor);

static inline struct span store_u64_key(const uint64_t *key)
{
    return (struct span){key, sizeof *key};
}
uint64_t store_u64_of_key(struct span key);

struct store_usage {
    uint64_t map_bytes;
    uint64_t used_bytes; // the file's high-water mark
    uint32_t readers;    // slots that have been in use at once
    uint64_t disk_free_bytes;
};
// Any thread.
MUST_USE enum err store_usage(struct store *store, struct store_usage *out, struct err_info *info);

// A value with its guard: 4 bytes of checksum over the rest, 1 byte of schema version, the body.
// LMDB has no page checksums, so whatever must not be trusted blindly is sealed. `salt` goes into
// the checksum but not into the bytes: something that the reader knows (a key, a position), so that
// an old page in the place of a newer one is told as well.
enum { STORE_SEAL_BYTES = 5 };
// Writes STORE_SEAL_BYTES + body.len to `out`.
void store_seal(void *out, uint8_t schema, struct span body);
void store_seal_salted(void *out, uint8_t schema, struct span body, uint64_t salt);
// CORRUPT when the checksum or the length is wrong. `body` points into `value`.
MUST_USE enum err store_unseal(struct span value, uint8_t *schema, struct span *body,
                               struct err_info *info);
MUST_USE enum err store_unseal_salted(struct span value, uint64_t salt, uint8_t *schema,
                                      struct span *body, struct err_info *info);

// Makes a folder when it is missing (its parent must exist) and makes that durable. INVALID: it
// cannot.
MUST_USE enum err store_folder_make(const char *path, struct err_info *info);
// Bytes that are free for this user on the disk that holds `path`; 0 when that cannot be told.
uint64_t store_disk_free(const char *path);
