// SPDX-License-Identifier: Apache-2.0
// A log of records, each with a position 1, 2, 3 ... The truth from which state is folded. What
// implements it can change (LMDB here; an agreed store in a cluster): one contract suite tests them
// all.
//
// Threads: append, trim and close on one thread; first and last on any; read on any, with a cursor
// of its own that is closed on the thread that opened it, before the journal is.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/span.h"

// Largest record; larger ones are a bug of the caller.
enum { JOURNAL_RECORD_MAX = 16 * 1024 * 1024 };

struct journal_record {
    uint8_t type;     // the owner's
    struct span body; // may be empty
};

struct journal;
struct journal_cursor;

struct journal_ops {
    enum err (*append)(struct journal *journal, const struct journal_record *records, size_t n,
                       uint64_t expected, uint64_t *first, struct err_info *info);
    enum err (*cursor_open)(struct journal *journal, uint64_t from, struct journal_cursor **out,
                            struct err_info *info);
    enum err (*cursor_next)(struct journal_cursor *cursor, uint64_t *position,
                            struct journal_record *out, struct err_info *info);
    void (*cursor_close)(struct journal_cursor *cursor);
    enum err (*trim)(struct journal *journal, uint64_t below, struct err_info *info);
    uint64_t (*first)(const struct journal *journal);
    uint64_t (*last)(const struct journal *journal);
    void (*close)(struct journal *journal);
};

// The head of every implementation's own struct.
struct journal {
    const struct journal_ops *ops;
};

// Appends a group: all of it or nothing, durable when it returns OK. `expected` is the position
// that the first record must get (last + 1); CONFLICT when it is not, and nothing is appended.
// FULL: no room, nothing is appended, trim first. UNAVAILABLE: not reached. IO: the implementation
// is unusable from now on; whether the group is in is known only after opening it again.
MUST_USE static inline enum err journal_append(struct journal *journal,
                                               const struct journal_record *records, size_t n,
                                               uint64_t expected, uint64_t *first,
                                               struct err_info *info)
{
    return journal->ops->append(journal, records, n, expected, first, info);
}

// Reads from `from` on (or from the first record that is left, when that was trimmed). An open
// cursor keeps the room of what is trimmed meanwhile from being used again: read and close.
MUST_USE static inline enum err journal_cursor_open(struct journal *journal, uint64_t from,
                                                    struct journal_cursor **out,
                                                    struct err_info *info)
{
    return journal->ops->cursor_open(journal, from, out, info);
}

// NOT_FOUND at the end as of the cursor's opening. CORRUPT: a record whose checksum is wrong (the
// text names its position). `out` is valid until the next call on this cursor.
MUST_USE static inline enum err journal_cursor_next(struct journal *journal,
                                                    struct journal_cursor *cursor,
                                                    uint64_t *position, struct journal_record *out,
                                                    struct err_info *info)
{
    return journal->ops->cursor_next(cursor, position, out, info);
}

static inline void journal_cursor_close(struct journal *journal, struct journal_cursor *cursor)
{
    journal->ops->cursor_close(cursor);
}

// Forgets the records below `below`; a bounded number in one call, so call it now and then.
MUST_USE static inline enum err journal_trim(struct journal *journal, uint64_t below,
                                             struct err_info *info)
{
    return journal->ops->trim(journal, below, info);
}

// The first position that is left, and the last that was appended. Empty: first is last + 1. An
// emptied journal goes on counting where it was.
static inline uint64_t journal_first(const struct journal *journal)
{
    return journal->ops->first(journal);
}
static inline uint64_t journal_last(const struct journal *journal)
{
    return journal->ops->last(journal);
}
static inline void journal_close(struct journal *journal)
{
    if (journal != NULL)
        journal->ops->close(journal);
}

// In LMDB, in a folder of its own; one commit a group, one key a record, each record with a
// checksum over its position, type and body. A full disk shows as IO, so keep some of it free.
struct journal_lmdb_opts {
    const char *path;
    uint64_t bytes_max; // bound on the pages that hold records; the file may be an eighth larger
};
// BUSY: open already, here or in another process. CORRUPT: not a journal, or one with a hole.
MUST_USE enum err journal_lmdb_open(const struct journal_lmdb_opts *opts, struct journal **out,
                                    struct err_info *info);
// Any thread. Journals that can say so: bytes used of how many (as of the last append or trim; room
// for n records of together b bytes is there when used + b + n * JOURNAL_RECORD_COST fits). Zero
// for others.
enum { JOURNAL_RECORD_COST = 64 };
void journal_lmdb_usage(struct journal *journal, uint64_t *used_bytes, uint64_t *bytes_max,
                        uint64_t *disk_free_bytes);
