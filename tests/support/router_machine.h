// SPDX-License-Identifier: Apache-2.0
// A router's core that can be stored as rows and restored, with its decisions as packed bytes: of
// two that got the same inputs, one restored on the way, both must say the same. For tests of
// Criterion.
#pragma once

#include <criterion/criterion.h>

#include "common/base/mem.h"
#include "services/playbook/load.h"
#include "services/router/codec.h"
#include "services/router/rows.h"

// ---- A store of rows ----------------------------------------------------------------------------

struct row {
    enum router_table table;
    struct buf key; // a number's bytes from the highest on, so that they are in order
    struct buf value;
};

struct table_store {
    struct row *rows; // sorted by table, key
    size_t n, cap;
};

static inline void key_write(enum router_table table, struct span key, struct buf *out)
{
    uint64_t number;
    if (table == ROUTER_TABLE_TEAMS) {
        buf_append_span(out, key);
        return;
    }
    cr_assert_eq(key.len, sizeof number);
    memcpy(&number, key.ptr, sizeof number);
    for (int i = 0; i < 8; i++)
        buf_append_u8(out, (uint8_t)(number >> (56 - 8 * i)));
}

// As the loader wants it.
static inline struct span key_of(const struct row *row, uint64_t *number)
{
    if (row->table == ROUTER_TABLE_TEAMS)
        return buf_span(&row->key);
    *number = 0;
    for (int i = 0; i < 8; i++)
        *number = *number << 8 | row->key.bytes[i];
    return (struct span){number, sizeof *number};
}

static inline int row_cmp(const struct row *row, enum router_table table, struct span key)
{
    if (row->table != table)
        return row->table < table ? -1 : 1;
    return span_cmp(buf_span(&row->key), key);
}

static inline void row_remove(struct table_store *store, size_t i)
{
    buf_deinit(&store->rows[i].key);
    buf_deinit(&store->rows[i].value);
    memmove(store->rows + i, store->rows + i + 1, (store->n - i - 1) * sizeof *store->rows);
    store->n--;
}

static inline void row_put(void *arg, enum router_table table, struct span name, struct span value)
{
    struct table_store *store = arg;
    struct row row = {.table = table};
    key_write(table, name, &row.key);
    size_t i = 0, high = store->n;
    while (i < high) {
        size_t middle = i + (high - i) / 2;
        if (row_cmp(&store->rows[middle], table, buf_span(&row.key)) < 0)
            i = middle + 1;
        else
            high = middle;
    }
    bool there = i < store->n && row_cmp(&store->rows[i], table, buf_span(&row.key)) == 0;
    if (there)
        row_remove(store, i);
    cr_assert(there || value.ptr != NULL, "a row that is not there is deleted");
    if (value.ptr == NULL) {
        buf_deinit(&row.key);
        return;
    }
    buf_append_span(&row.value, value);
    MEM_GROW(store->rows, store->n, store->cap);
    memmove(store->rows + i + 1, store->rows + i, (store->n - i) * sizeof *store->rows);
    store->n++;
    store->rows[i] = row;
}

static inline void store_clear(struct table_store *store)
{
    while (store->n > 0)
        row_remove(store, store->n - 1);
    mem_free(store->rows);
    *store = (struct table_store){0};
}

// ---- A core with its store ----------------------------------------------------------------------

struct machine {
    unsigned n_moved, n_companies; // leads that moved; episodes of organizations, begun and ended
    struct router_core *core;
    struct router_rows *rows;
    struct table_store store;
    struct router_effects effects;
    struct arena scratch;
    struct buf decisions; // of this step, packed
    bool by_event;        // see router_core_by_event
};

static inline void machine_init(struct machine *m)
{
    *m = (struct machine){.core = router_core_create()};
    m->rows = router_rows_create(m->core);
    router_effects_init(&m->effects);
    arena_init(&m->scratch, 4096, 0);
}

static inline void machine_deinit(struct machine *m)
{
    router_rows_destroy(m->rows);
    router_core_destroy(m->core);
    router_effects_deinit(&m->effects);
    arena_deinit(&m->scratch);
    store_clear(&m->store);
    buf_deinit(&m->decisions);
}

static inline void machine_note(struct machine *m)
{
    for (size_t i = 0; i < m->effects.n; i++) {
        const struct router_decision *d = &m->effects.items[i];
        router_codec_decision(d, &m->scratch, &m->decisions);
        m->n_moved += d->kind == ROUTER_DECISION_LEAD && d->step == ROUTER_STEP_MOVED;
        m->n_companies += d->kind == ROUTER_DECISION_QUALIFICATION && d->organization[0] != '\0';
    }
    router_effects_clear(&m->effects);
}

static inline void machine_restart(struct machine *m)
{
    router_rows_take(m->rows, row_put, &m->store);
    router_rows_destroy(m->rows);
    router_core_destroy(m->core);
    m->core = router_core_create();
    if (m->by_event)
        router_core_by_event(m->core);
    m->rows = router_rows_create(m->core);
    struct err_info info;
    for (size_t i = 0; i < m->store.n; i++) {
        const struct row *row = &m->store.rows[i];
        uint64_t number;
        enum err err = router_rows_load(m->rows, row->table, key_of(row, &number),
                                        buf_span(&row->value), &info);
        cr_assert_eq(err, ERR_OK, "%s", info.text);
    }
    enum err err = router_rows_loaded(m->rows, playbook_load, &info);
    cr_assert_eq(err, ERR_OK, "%s", info.text);
}

// Stores both; every row must be the same.
static inline void machine_compare(struct machine *a, struct machine *b)
{
    router_rows_take(a->rows, row_put, &a->store);
    router_rows_take(b->rows, row_put, &b->store);
    cr_assert_eq(a->store.n, b->store.n);
    for (size_t i = 0; i < a->store.n; i++) {
        const struct row *x = &a->store.rows[i];
        const struct row *y = &b->store.rows[i];
        cr_assert(x->table == y->table && span_eq(buf_span(&x->key), buf_span(&y->key)));
        cr_assert(span_eq(buf_span(&x->value), buf_span(&y->value)), "table %d row %zu", x->table,
                  i);
    }
}
