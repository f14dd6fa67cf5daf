// SPDX-License-Identifier: Apache-2.0
// The fold's own row: where the checkpoint stands, how many bytes of records there have been up to
// there, and marks at earlier checkpoints. From these follows how much of the journal can go.
#include <string.h>

#include "common/fold/fold_impl.h"

enum { META_FORM = 1 };
static const char META_KEY[] = "checkpoint";

// Numbers of 8 bytes, little-endian: form, position, bytes, count of marks, then position and bytes
// each.
void fold_meta_put(const struct fold *fold, const struct fold_meta *meta, struct fold_rows *rows)
{
    struct buf body = {0};
    buf_append_u64(&body, META_FORM);
    buf_append_u64(&body, meta->position);
    buf_append_u64(&body, meta->bytes);
    buf_append_u64(&body, meta->n_marks);
    for (uint32_t i = 0; i < meta->n_marks; i++) {
        buf_append_u64(&body, meta->marks[i].position);
        buf_append_u64(&body, meta->marks[i].bytes);
    }
    fold_rows_put(rows, fold->table_own, span_of(META_KEY), buf_span(&body));
    buf_deinit(&body);
}

static uint64_t number_at(struct span body, size_t i)
{
    const uint8_t *bytes = (const uint8_t *)body.ptr + 8 * i;
    uint64_t v = 0;
    for (size_t j = 0; j < 8; j++)
        v |= (uint64_t)bytes[j] << (8 * j);
    return v;
}

enum err fold_meta_get(const struct fold *fold, struct store_txn *txn, struct fold_meta *meta,
                       struct err_info *info)
{
    *meta = (struct fold_meta){0};
    struct span key = span_of(META_KEY), value, body;
    enum err err = store_get(txn, fold->table_own, key, &value, info);
    if (err == ERR_OK)
        err = fold_row_open(fold->table_own, key, value, &body, info);
    if (err != ERR_OK)
        return err_prefix(info, err, "the checkpoint's own row");
    if (body.len < 32 || number_at(body, 0) != META_FORM)
        return err_set(info, ERR_CORRUPT, "the checkpoint's own row: %zu bytes of another form",
                       body.len);
    uint64_t n = number_at(body, 3);
    if (n > FOLD_MARKS_MAX || body.len != 32 + 16 * n)
        return err_set(info, ERR_CORRUPT, "the checkpoint's own row: %llu marks in %zu bytes",
                       (unsigned long long)n, body.len);
    meta->position = number_at(body, 1);
    meta->bytes = number_at(body, 2);
    meta->n_marks = (uint32_t)n;
    for (uint32_t i = 0; i < n; i++)
        meta->marks[i] = (struct fold_mark){number_at(body, 4 + 2 * i), number_at(body, 5 + 2 * i)};
    return ERR_OK;
}

void fold_meta_count(struct fold_meta *meta, size_t record_bytes)
{
    meta->bytes += record_bytes + JOURNAL_RECORD_COST;
}

void fold_meta_mark(struct fold_meta *meta, uint64_t position, uint64_t keep_bytes)
{
    uint64_t apart = keep_bytes / 64;
    if (meta->n_marks == FOLD_MARKS_MAX)
        return;
    if (meta->n_marks > 0 && meta->bytes - meta->marks[meta->n_marks - 1].bytes <= apart)
        return;
    meta->marks[meta->n_marks++] = (struct fold_mark){position, meta->bytes};
}

uint64_t fold_meta_trim(const struct fold_meta *meta, const struct fold_meta *at,
                        uint64_t keep_bytes)
{
    uint64_t below = 0;
    for (uint32_t i = 0; i < meta->n_marks; i++)
        if (meta->marks[i].position <= at->position &&
            at->bytes - meta->marks[i].bytes >= keep_bytes)
            below = meta->marks[i].position + 1;
    return below;
}

void fold_meta_forget(struct fold_meta *meta, uint64_t below)
{
    uint32_t n = 0;
    while (n < meta->n_marks && meta->marks[n].position < below)
        n++;
    memmove(meta->marks, meta->marks + n, (meta->n_marks - n) * sizeof meta->marks[0]);
    meta->n_marks -= n;
}
