// SPDX-License-Identifier: Apache-2.0
// A journal in memory that fails when it is told to. Header only, so that a test needs no target
// for it.
#pragma once

#include <stdatomic.h>

#include "common/base/mem.h"
#include "common/journal/journal.h"

struct journal_fake_record {
    uint8_t type;
    size_t len;
    void *bytes;
};

struct journal_fake {
    struct journal journal;
    struct journal_fake_record *records; // of positions 1, 2, ...
    size_t n, cap;
    size_t bytes, bytes_max; // bytes_max 0: no bound
    _Atomic uint64_t first, last;
    // The append that is `fail_after` calls away (0: the next one) and the `fail_times` - 1 after
    // it fail with `fail_err`; none does while fail_times is 0.
    int fail_after, fail_times;
    enum err fail_err;
    bool broken; // after IO
    int n_appends;
};

struct journal_cursor_fake {
    struct journal_fake *fake;
    uint64_t next, last;
};

static inline struct journal_fake *journal_fake_of(const struct journal *journal)
{
    return CONTAINER_OF(journal, struct journal_fake, journal);
}

static inline enum err journal_fake_fault(struct journal_fake *fake, struct err_info *info)
{
    if (fake->broken)
        return err_set(info, ERR_IO, "fake: broken");
    if (fake->fail_times == 0 || fake->fail_after-- > 0)
        return ERR_OK;
    fake->fail_after = 0;
    fake->fail_times--;
    fake->broken = fake->fail_err == ERR_IO;
    return err_set(info, fake->fail_err, "fake: told to fail");
}

static inline enum err journal_fake_append(struct journal *journal,
                                           const struct journal_record *records, size_t n,
                                           uint64_t expected, uint64_t *first,
                                           struct err_info *info)
{
    struct journal_fake *fake = journal_fake_of(journal);
    fake->n_appends++;
    if (expected != fake->last + 1)
        return err_set(info, ERR_CONFLICT, "fake: expected %llu", (unsigned long long)expected);
    enum err err = journal_fake_fault(fake, info);
    if (err != ERR_OK)
        return err;
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += records[i].body.len;
    if (fake->bytes_max != 0 && fake->bytes + bytes > fake->bytes_max)
        return err_set(info, ERR_FULL, "fake: full");
    *first = expected;
    for (size_t i = 0; i < n; i++) {
        MEM_GROW(fake->records, fake->n, fake->cap);
        struct journal_fake_record *to = &fake->records[fake->n++];
        *to = (struct journal_fake_record){records[i].type, records[i].body.len,
                                           mem_alloc(records[i].body.len + 1)};
        if (to->len > 0)
            memcpy(to->bytes, records[i].body.ptr, to->len);
    }
    fake->bytes += bytes;
    fake->last = fake->last + n;
    return ERR_OK;
}

static inline enum err journal_fake_cursor_open(struct journal *journal, uint64_t from,
                                                struct journal_cursor **out, struct err_info *info)
{
    (void)info;
    struct journal_fake *fake = journal_fake_of(journal);
    struct journal_cursor_fake *cursor = mem_alloc(sizeof *cursor);
    *cursor =
        (struct journal_cursor_fake){fake, from < fake->first ? fake->first : from, fake->last};
    *out = (struct journal_cursor *)cursor;
    return ERR_OK;
}

static inline enum err journal_fake_cursor_next(struct journal_cursor *handle, uint64_t *position,
                                                struct journal_record *out, struct err_info *info)
{
    struct journal_cursor_fake *cursor = (struct journal_cursor_fake *)handle;
    if (cursor->next > cursor->last)
        return err_set(info, ERR_NOT_FOUND, "fake: no more records");
    *position = cursor->next++;
    const struct journal_fake_record *record = &cursor->fake->records[*position - 1];
    *out = (struct journal_record){record->type, span_make(record->bytes, record->len)};
    return ERR_OK;
}

static inline void journal_fake_cursor_close(struct journal_cursor *cursor)
{
    mem_free(cursor);
}

static inline enum err journal_fake_trim(struct journal *journal, uint64_t below,
                                         struct err_info *info)
{
    (void)info;
    struct journal_fake *fake = journal_fake_of(journal);
    while (fake->first < below && fake->first <= fake->last) {
        struct journal_fake_record *record = &fake->records[fake->first - 1];
        fake->bytes -= record->len;
        mem_free(record->bytes);
        record->bytes = NULL;
        fake->first++;
    }
    return ERR_OK;
}

static inline uint64_t journal_fake_first(const struct journal *journal)
{
    return journal_fake_of(journal)->first;
}

static inline uint64_t journal_fake_last(const struct journal *journal)
{
    return journal_fake_of(journal)->last;
}

static inline void journal_fake_close(struct journal *journal)
{
    struct journal_fake *fake = journal_fake_of(journal);
    for (size_t i = 0; i < fake->n; i++)
        mem_free(fake->records[i].bytes);
    mem_free(fake->records);
    mem_free(fake);
}

static inline struct journal_fake *journal_fake_create(void)
{
    static const struct journal_ops ops = {
        .append = journal_fake_append,
        .cursor_open = journal_fake_cursor_open,
        .cursor_next = journal_fake_cursor_next,
        .cursor_close = journal_fake_cursor_close,
        .trim = journal_fake_trim,
        .first = journal_fake_first,
        .last = journal_fake_last,
        .close = journal_fake_close,
    };
    struct journal_fake *fake = mem_zalloc(sizeof *fake);
    fake->journal.ops = &ops;
    fake->first = 1;
    return fake;
}

static inline void journal_fake_fail(struct journal_fake *fake, int after, int times, enum err err)
{
    fake->fail_after = after;
    fake->fail_times = times;
    fake->fail_err = err;
}
