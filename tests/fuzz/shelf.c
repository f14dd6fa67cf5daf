// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/shelf.h"

#include "common/base/mem.h"
#include "tests/fuzz/bytes.h"

enum { KEY_BYTES_MAX = 511, ROWS_MAX = 64 }; // what LMDB takes; what an input is to have

static int shelf_compare(const struct shelf_row *row, uint32_t table, struct span key)
{
    if (row->table != table)
        return row->table < table ? -1 : 1;
    return span_cmp(row->key, key);
}

// The place of the row, or where it would stand.
static size_t shelf_find(const struct shelf *shelf, uint32_t table, struct span key, bool *found)
{
    size_t at = 0;
    while (at < shelf->n && shelf_compare(&shelf->rows[at], table, key) < 0)
        at++;
    *found = at < shelf->n && shelf_compare(&shelf->rows[at], table, key) == 0;
    return at;
}

static void shelf_free(struct shelf_row *row)
{
    mem_free((void *)row->key.ptr);
    mem_free((void *)row->value.ptr);
}

// A copy in a block of just its size, so that a read past its end is seen.
static struct span shelf_copy(struct span from)
{
    char *copy = mem_alloc(from.len);
    if (from.len > 0)
        memcpy(copy, from.ptr, from.len);
    return span_make(copy, from.len);
}

void shelf_put(struct shelf *shelf, uint32_t table, struct span key, struct span value)
{
    bool found;
    size_t at = shelf_find(shelf, table, key, &found);
    if (found) {
        shelf_free(&shelf->rows[at]);
        memmove(&shelf->rows[at], &shelf->rows[at + 1], (--shelf->n - at) * sizeof *shelf->rows);
    }
    if (value.ptr == NULL)
        return;
    MEM_GROW(shelf->rows, shelf->n, shelf->cap);
    memmove(&shelf->rows[at + 1], &shelf->rows[at], (shelf->n++ - at) * sizeof *shelf->rows);
    shelf->rows[at] = (struct shelf_row){table, shelf_copy(key), shelf_copy(value)};
}

void shelf_deinit(struct shelf *shelf)
{
    for (size_t i = 0; i < shelf->n; i++)
        shelf_free(&shelf->rows[i]);
    mem_free(shelf->rows);
    *shelf = (struct shelf){0};
}

void shelf_read(struct shelf *shelf, struct span bytes, uint32_t n_tables)
{
    struct bytes from = bytes_of(bytes);
    struct wire_field row, field;
    for (int i = 0; i < ROWS_MAX && wire_next(&from, &row); i++) {
        struct bytes in = bytes_of(row.payload);
        struct span key = span_make("", 0), value = span_make("", 0);
        uint64_t table = 0;
        while (wire_next(&in, &field)) {
            if (field.number == 1)
                table = field.value;
            else if (field.number == 2 && field.type == WIRE_BYTES)
                key = field.payload;
            else if (field.number == 3 && field.type == WIRE_BYTES)
                value = field.payload;
        }
        if (table < n_tables && key.len > 0 && key.len <= KEY_BYTES_MAX)
            shelf_put(shelf, (uint32_t)table, key, value);
    }
}

void shelf_write(const struct shelf *shelf, struct buf *out)
{
    struct buf row = {0};
    for (size_t i = 0; i < shelf->n; i++) {
        buf_clear(&row);
        wire_append_value(&row, 1, shelf->rows[i].table);
        wire_append_bytes(&row, 2, shelf->rows[i].key);
        wire_append_bytes(&row, 3, shelf->rows[i].value);
        wire_append_bytes(out, 1, buf_span(&row));
    }
    buf_deinit(&row);
}

const struct shelf_row *shelf_differ(const struct shelf *a, const struct shelf *b, uint32_t skipped)
{
    for (size_t i = 0; i < a->n; i++) {
        const struct shelf_row *row = &a->rows[i];
        bool found;
        size_t at = shelf_find(b, row->table, row->key, &found);
        if ((skipped >> row->table & 1) == 0 && (!found || !span_eq(b->rows[at].value, row->value)))
            return row;
    }
    return NULL;
}
