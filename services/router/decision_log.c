// SPDX-License-Identifier: Apache-2.0
#include "services/router/decision_log.h"

#include "common/base/check.h"
#include "common/base/mem.h"

struct entry {
    uint8_t *bytes;
    size_t len;
};

struct decision_log {
    uint32_t table;
    size_t keep;
    // Offsets first .. last are here: entry of offset o at ring[o & (cap - 1)].
    struct entry *ring;
    size_t cap;
    uint64_t first, last;
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

void decision_log_destroy(struct decision_log *log)
{
    if (log == NULL)
        return;
    for (uint64_t o = log->first; o <= log->last; o++)
        mem_free(entry_at(log, o)->bytes);
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
    entry->bytes = mem_alloc(packed.len + 1);
    entry->len = packed.len;
    memcpy(entry->bytes, packed.ptr, packed.len);
}

static void forget(struct decision_log *log)
{
    while (log->first <= log->certain && log->last - log->first >= log->keep) {
        mem_free(entry_at(log, log->first)->bytes);
        log->first++;
    }
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
