// SPDX-License-Identifier: Apache-2.0
// A router's core with a store of its rows, that can end and begin again from them.
#pragma once

#include <criterion/criterion.h>
#include <string.h>

#include "common/base/mem.h"
#include "services/playbook/load.h"
#include "services/router/codec.h"
#include "services/router/rows.h"

struct machine_row {
    enum router_table table;
    struct buf key; // a number's bytes from the highest on, so that they are in order
    struct buf value;
};

struct machine_store {
    struct machine_row *rows; // sorted by table, key
    size_t n, cap;
};

struct machine {
    struct router_core *core;
    struct router_rows *rows;
    struct machine_store store;
    struct router_effects effects;
    struct arena scratch;
    struct buf decisions; // since they were taken, packed
};

static inline void machine_key_write(enum router_table table, struct span key, struct buf *out)
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
static inline struct span machine_key(const struct machine_row *row, uint64_t *number)
{
    if (row->table == ROUTER_TABLE_TEAMS)
        return buf_span(&row->key);
    *number = 0;
    for (int i = 0; i < 8; i++)
        *number = *number << 8 | row->key.bytes[i];
    return (struct span){number, sizeof *number};
}

static inline int machine_cmp(const struct machine_row *row, enum router_table table,
                              struct span key)
{
    if (row->table != table)
        return row->table < table ? -1 : 1;
    return span_cmp(buf_span(&row->key), key);
}

static inline size_t machine_place(const struct machine_store *store, enum router_table table,
                                   struct span key)
{
    size_t low = 0, high = store->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (machine_cmp(&store->rows[middle], table, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static inline void machine_remove(struct machine_store *store, size_t i)
{
    buf_deinit(&store->rows[i].key);
    buf_deinit(&store->rows[i].value);
    memmove(store->rows + i, store->rows + i + 1, (store->n - i - 1) * sizeof *store->rows);
    store->n--;
}

static inline void machine_put(void *arg, enum router_table table, struct span raw,
                               struct span value)
{
    struct machine_store *store = arg;
    struct buf key = {0};
    machine_key_write(table, raw, &key);
    size_t i = machine_place(store, table, buf_span(&key));
    bool there = i < store->n && machine_cmp(&store->rows[i], table, buf_span(&key)) == 0;
    cr_assert(there || value.ptr != NULL, "a row that is not there is deleted");
    if (there) {
        buf_deinit(&key);
        buf_clear(&store->rows[i].value);
        if (value.ptr == NULL)
            machine_remove(store, i);
        else
            buf_append_span(&store->rows[i].value, value);
        return;
    }
    MEM_GROW(store->rows, store->n, store->cap);
    memmove(store->rows + i + 1, store->rows + i, (store->n - i) * sizeof *store->rows);
    store->n++;
    store->rows[i] = (struct machine_row){table, key, {0}};
    buf_append_span(&store->rows[i].value, value);
}

static inline void machine_store_clear(struct machine_store *store)
{
    while (store->n > 0)
        machine_remove(store, store->n - 1);
    mem_free(store->rows);
    *store = (struct machine_store){0};
}

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
    machine_store_clear(&m->store);
    buf_deinit(&m->decisions);
}

static inline void machine_note(struct machine *m)
{
    for (size_t i = 0; i < m->effects.n; i++)
        router_codec_decision(&m->effects.items[i], &m->scratch, &m->decisions);
    router_effects_clear(&m->effects);
}

static inline void machine_restart(struct machine *m)
{
    router_rows_take(m->rows, machine_put, &m->store);
    router_rows_destroy(m->rows);
    router_core_destroy(m->core);
    m->core = router_core_create();
    m->rows = router_rows_create(m->core);
    struct err_info info;
    for (size_t i = 0; i < m->store.n; i++) {
        struct machine_row *row = &m->store.rows[i];
        uint64_t number;
        struct span key = machine_key(row, &number);
        enum err err = router_rows_load(m->rows, row->table, key, buf_span(&row->value), &info);
        cr_assert_eq(err, ERR_OK, "%s", info.text);
    }
    enum err err = router_rows_loaded(m->rows, playbook_load, &info);
    cr_assert_eq(err, ERR_OK, "%s", info.text);
}
