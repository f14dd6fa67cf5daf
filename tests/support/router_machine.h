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
    uint64_t key;
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

static inline size_t machine_place(const struct machine_store *store, enum router_table table,
                                   uint64_t key)
{
    size_t low = 0, high = store->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct machine_row *row = &store->rows[middle];
        if (row->table < table || (row->table == table && row->key < key))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static inline void machine_put(void *arg, enum router_table table, uint64_t key, struct span value)
{
    struct machine_store *store = arg;
    size_t i = machine_place(store, table, key);
    bool there = i < store->n && store->rows[i].table == table && store->rows[i].key == key;
    if (there && value.ptr != NULL) {
        buf_clear(&store->rows[i].value);
        buf_append_span(&store->rows[i].value, value);
        return;
    }
    cr_assert(there || value.ptr != NULL, "a row that is not there is deleted");
    if (there) {
        buf_deinit(&store->rows[i].value);
        memmove(store->rows + i, store->rows + i + 1, (store->n - i - 1) * sizeof *store->rows);
        store->n--;
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
    for (size_t i = 0; i < store->n; i++)
        buf_deinit(&store->rows[i].value);
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
        enum err err =
            router_rows_load(m->rows, row->table, row->key, buf_span(&row->value), &info);
        cr_assert_eq(err, ERR_OK, "%s", info.text);
    }
    enum err err = router_rows_loaded(m->rows, playbook_load, &info);
    cr_assert_eq(err, ERR_OK, "%s", info.text);
}
