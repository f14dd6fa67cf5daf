// SPDX-License-Identifier: Apache-2.0
#include "services/router/decision_log.h"

#include <sys/mman.h>

#include "common/base/check.h"
#include "common/base/mem.h"

struct entry {
    uint8_t *bytes;
    size_t len;
};

// Decisions come in bursts, and go together with the checkpoint that has stored them. They are in
// blocks of their own, mapped and unmapped, so that the memory of a burst goes back to the system
// and does not stay as gaps between what lives on.
struct block {
    struct block *next;
    size_t bytes, used;
    uint64_t last; // offset of the last decision in it
};
enum { BLOCK_BYTES = 1 << 20 };

struct decision_log {
    uint32_t table;
    size_t keep;
    // Offsets first .. last are here: entry of offset o at ring[o & (cap - 1)].
    struct entry *ring;
    size_t cap;
    uint64_t first, last;
    struct block *oldest, *newest;
    uint64_t sealed;  // handed out up to here
    uint64_t certain; // of a checkpoint that is complete
};

struct decision_log *decision_log_create(uint32_t table, size_t keep)
{
    struct decision_log *log = mem_zalloc(sizeof *log);
    log->table = table;
    log->keep = keep;
    log->cap = 1024;
    log->ring = mem_zalloc(log->cap * sizeof *log->ring);
    log->first = 1;
    return log;
}

static struct entry *entry_at(const struct decision_log *log, uint64_t offset)
{
    return &log->ring[offset & (log->cap - 1)];
}

static void block_drop(struct decision_log *log)
{
    struct block *block = log->oldest;
    log->oldest = block->next;
    if (log->oldest == NULL)
        log->newest = NULL;
    CHECK(munmap(block, block->bytes) == 0);
}

static struct block *block_add(struct decision_log *log, size_t len)
{
    size_t bytes = BLOCK_BYTES;
    while (bytes < sizeof(struct block) + len)
        bytes *= 2;
    struct block *block =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(block != MAP_FAILED);
    *block = (struct block){.bytes = bytes, .used = sizeof *block};
    if (log->newest != NULL)
        log->newest->next = block;
    else
        log->oldest = block;
    log->newest = block;
    return block;
}

// Room for a decision, in the newest block.
static uint8_t *block_room(struct decision_log *log, uint64_t offset, size_t len)
{
    struct block *block = log->newest;
    if (block == NULL || block->bytes - block->used < len)
        block = block_add(log, len);
    uint8_t *room = (uint8_t *)block + block->used;
    block->used += len;
    block->last = offset;
    return room;
}

void decision_log_destroy(struct decision_log *log)
{
    if (log == NULL)
        return;
    while (log->oldest != NULL)
        block_drop(log);
    mem_free(log->ring);
    mem_free(log);
}

void decision_log_restore(struct decision_log *log, uint64_t last)
{
    CHECK(log->last == 0);
    log->last = log->sealed = log->certain = last;
    log->first = last + 1;
}

uint64_t decision_log_last(const struct decision_log *log)
{
    return log->last;
}

static void grow(struct decision_log *log)
{
    struct decision_log old = *log;
    log->cap *= 2;
    log->ring = mem_zalloc(log->cap * sizeof *log->ring);
    for (uint64_t o = log->first; o <= log->last; o++)
        *entry_at(log, o) = *entry_at(&old, o);
    mem_free(old.ring);
}

void decision_log_add(struct decision_log *log, uint64_t offset, struct span packed)
{
    CHECK(offset == log->last + 1);
    if (log->last + 1 - log->first == log->cap)
        grow(log);
    log->last = offset;
    struct entry *entry = entry_at(log, offset);
    entry->bytes = block_room(log, offset, packed.len);
    entry->len = packed.len;
    if (packed.len > 0)
        memcpy(entry->bytes, packed.ptr, packed.len);
}

static void forget(struct decision_log *log)
{
    while (log->first <= log->certain && log->last - log->first >= log->keep)
        log->first++;
    while (log->oldest != NULL && log->oldest->last < log->first)
        block_drop(log);
}

void decision_log_seal(struct decision_log *log, struct fold_rows *rows)
{
    log->certain = log->sealed;
    for (uint64_t o = log->sealed + 1; o <= log->last; o++) {
        const struct entry *entry = entry_at(log, o);
        fold_rows_put(rows, log->table, store_u64_key(&o), span_make(entry->bytes, entry->len));
    }
    log->sealed = log->last;
    forget(log);
}

struct reading {
    const struct decision_query *query;
    uint64_t next; // offset wanted
    size_t n, n_looked;
    struct buf *out;
    bool holed;
};

// Whether there is room for more.
static bool read_one(struct reading *reading, struct span packed)
{
    const struct decision_query *query = reading->query;
    reading->next++;
    reading->n_looked++;
    if (query->wanted == NULL || query->wanted(query->arg, packed)) {
        buf_append_u32(reading->out, (uint32_t)packed.len);
        buf_append_span(reading->out, packed);
        reading->n++;
    }
    return reading->n < query->max && reading->out->len < query->bytes_max &&
           (query->wanted == NULL || reading->n_looked < query->look_max);
}

static bool read_row(void *arg, struct span key, struct span value)
{
    struct reading *reading = arg;
    if (store_u64_of_key(key) != reading->next) {
        reading->holed = true;
        return false;
    }
    return read_one(reading, value);
}

enum err decision_log_find(const struct decision_log *log, struct fold *fold,
                           const struct decision_query *query, struct buf *out, uint64_t *next,
                           struct err_info *info)
{
    struct reading reading = {.query = query, .next = query->after + 1, .out = out};
    *next = query->after;
    if (query->after >= log->last || query->max == 0)
        return ERR_OK;
    if (reading.next < log->first) {
        // Everything below `first` is stored; what else is stored there may be read as well.
        enum err err =
            fold_scan(fold, log->table, store_u64_key(&reading.next), read_row, &reading, info);
        *next = reading.next - 1;
        if (err == ERR_OK && (reading.holed || reading.n_looked == 0))
            err = err_set(info, ERR_CORRUPT, "decision %llu is missing",
                          (unsigned long long)reading.next);
        return err;
    }
    while (reading.next <= log->last &&
           read_one(&reading, span_make(entry_at(log, reading.next)->bytes,
                                        entry_at(log, reading.next)->len)))
        continue;
    *next = reading.next - 1;
    return ERR_OK;
}

enum err decision_log_read(const struct decision_log *log, struct fold *fold, uint64_t after,
                           size_t max, size_t bytes_max, struct buf *out, struct err_info *info)
{
    struct decision_query query = {.after = after, .max = max, .bytes_max = bytes_max};
    uint64_t next;
    return decision_log_find(log, fold, &query, out, &next, info);
}
