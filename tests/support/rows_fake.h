// SPDX-License-Identifier: Apache-2.0
// A store of a lane's rows as a list in memory, for tests of recovery: slices reach it one by one,
// as the fold commits them. Takes the place of the fold: for tests that link scorer_rows, once
// each.
#pragma once

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "services/scorer/rows.h"

struct row {
    uint32_t table;
    struct span key, value;
    bool deleted;
};

struct store_fake {
    struct row *rows;
    size_t n, cap;
};

// What was handed out and is not committed yet.
static struct store_fake pending;

static inline void fake_add(struct store_fake *store, uint32_t table, struct span key,
                            struct span value, bool deleted)
{
    MEM_GROW(store->rows, store->n, store->cap);
    store->rows[store->n++] = (struct row){table, span_make(mem_dup(key), key.len),
                                           span_make(mem_dup(value), value.len), deleted};
}

static inline void fake_free_row(struct row *row)
{
    mem_free((void *)row->key.ptr);
    mem_free((void *)row->value.ptr);
}

static inline void fake_clear(struct store_fake *store)
{
    for (size_t i = 0; i < store->n; i++)
        fake_free_row(&store->rows[i]);
    mem_free(store->rows);
    *store = (struct store_fake){0};
}

// These two stand in for the fold's.
void fold_rows_put(struct fold_rows *rows, uint32_t table, struct span key, struct span value)
{
    rows->n++;
    fake_add(&pending, table, key, value, false);
}

void fold_rows_delete(struct fold_rows *rows, uint32_t table, struct span key)
{
    rows->n++;
    fake_add(&pending, table, key, span_make("", 0), true);
}

static inline int fake_compare(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    if (x->table != y->table)
        return x->table < y->table ? -1 : 1;
    return span_cmp(x->key, y->key);
}

static inline void fake_commit(struct store_fake *store, struct store_fake *from)
{
    for (size_t i = 0; i < from->n; i++) {
        struct row *row = &from->rows[i];
        size_t at = 0;
        while (at < store->n && fake_compare(&store->rows[at], row) != 0)
            at++;
        if (at < store->n) {
            fake_free_row(&store->rows[at]);
            store->rows[at] = store->rows[--store->n];
        }
        if (!row->deleted)
            fake_add(store, row->table, row->key, row->value, false);
    }
    fake_clear(from);
    if (store->n > 0)
        qsort(store->rows, store->n, sizeof *store->rows, fake_compare);
}
