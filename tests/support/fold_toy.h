// SPDX-License-Identifier: Apache-2.0
// A small state for tests of the fold: rows of counters by key, and totals of one instant. What
// record p says follows from p alone, so the right state after p records can be computed without
// the journal.
//
// `fuzzy`: rows leave through collect and carry their positions; else everything leaves through
// seal. Header only.
#pragma once

#include <pthread.h>
#include <stdio.h>

#include "common/base/mem.h"
#include "common/fold/fold.h"

enum { TOY_KEYS = 64, TOY_TABLE_ROWS = 0, TOY_TABLE_TOTALS = 1 };
enum { TOY_ADD = 1, TOY_DROP = 2, TOY_OTHER = 3 };

static const struct store_table TOY_TABLES[] = {
    {"rows", STORE_KEY_U64},
    {"totals", STORE_KEY_BYTES},
};

struct toy_row {
    uint64_t count, chain;
    uint64_t position; // the last record that it includes
};

struct toy_totals {
    uint64_t records, chain;
    uint64_t sequence; // see toy_admit
};

struct toy_core {
    struct toy_row rows[TOY_KEYS]; // count 0: there is none
    struct toy_totals totals;
};

// The head of a body; more bytes may follow.
struct toy_body {
    uint64_t serial;   // the position that it expects; 0: any
    uint64_t sequence; // 0: none; else records are applied in this order
    uint32_t key;
    uint32_t amount;
};

struct toy_item {
    struct fold_item item;
    struct toy_body body;
    void *more; // a longer body that starts with `body`
    enum err err;
    int n_answers, n_inspects, n_admits;
    bool let_in;      // admit had it in the group
    bool repeated;    // admit found that it was applied before
    bool gap;         // it expired
    uint64_t durable; // what the journal had at the answer
    uint64_t order;   // of answers and inspections
};

struct toy {
    struct toy_core core;
    bool fuzzy;
    bool dirty[TOY_KEYS], frozen[TOY_KEYS];
    uint32_t collect_at;
    uint64_t admitted;       // the last sequence that admit let in
    uint64_t n_outstanding;  // let in, not answered
    struct journal *journal; // to look at in answers; may be NULL
    struct fold *fold;
    uint64_t loaded_position, rows_ahead; // rows beyond the checkpoint when loaded
    bool loaded, ready;
    uint64_t positions[TOY_KEYS];

    void (*on_answer)(struct toy *toy, struct toy_item *item);
    void (*on_inspect)(struct toy *toy, struct toy_item *item);
    void *own;

    pthread_mutex_t lock; // guards the rest
    pthread_cond_t changed;
    uint64_t n_answered, n_inspected, n_flushed, n_fatal, order, n_freezes;
    enum err fatal_err;
    char fatal_text[600];
};

static inline uint64_t toy_mix(uint64_t a, uint64_t b)
{
    uint64_t x = (a ^ (b + 0x9e3779b97f4a7c15u)) * 0xbf58476d1ce4e5b9u;
    return x ^ (x >> 29);
}

// What record p says, when it says what its position tells it to.
static inline struct toy_body toy_body_of(uint64_t position)
{
    uint64_t x = toy_mix(position, 77);
    return (struct toy_body){position, 0, (uint32_t)(x % TOY_KEYS), (uint32_t)(x >> 40) + 1};
}

static inline uint8_t toy_type_of(uint64_t position)
{
    return toy_mix(position, 5) % 11 == 0 ? TOY_DROP : TOY_ADD;
}

// `rows_from`: rows that include a position keep what they have (a fuzzy checkpoint's).
static inline bool toy_core_apply(struct toy_core *core, uint64_t position, uint8_t type,
                                  const struct toy_body *body)
{
    core->totals.records++;
    core->totals.chain = toy_mix(core->totals.chain, position * 1000003 + body->amount);
    if (body->sequence > core->totals.sequence)
        core->totals.sequence = body->sequence;
    struct toy_row *row = &core->rows[body->key];
    if (row->position >= position)
        return false;
    if (type == TOY_DROP)
        *row = (struct toy_row){0};
    else
        *row = (struct toy_row){row->count + 1, toy_mix(row->chain, position ^ body->amount), 0};
    row->position = position;
    return true;
}

static inline bool toy_core_eq(const struct toy_core *a, const struct toy_core *b)
{
    for (size_t i = 0; i < TOY_KEYS; i++)
        if (a->rows[i].count != b->rows[i].count || a->rows[i].chain != b->rows[i].chain)
            return false;
    return memcmp(&a->totals, &b->totals, sizeof a->totals) == 0;
}

// The state after `last` records that say what their positions tell them to.
static inline struct toy_core toy_model(uint64_t last)
{
    struct toy_core core = {0};
    for (uint64_t i = 1; i <= last; i++) {
        struct toy_body body = toy_body_of(i);
        toy_core_apply(&core, i, toy_type_of(i), &body);
    }
    return core;
}

static inline void toy_init(struct toy *toy, bool fuzzy)
{
    *toy = (struct toy){.fuzzy = fuzzy};
    CHECK(pthread_mutex_init(&toy->lock, NULL) == 0);
    CHECK(pthread_cond_init(&toy->changed, NULL) == 0);
}

static inline void toy_deinit(struct toy *toy)
{
    pthread_cond_destroy(&toy->changed);
    pthread_mutex_destroy(&toy->lock);
}

static inline struct toy_item toy_item_of(uint8_t type, struct toy_body body)
{
    return (struct toy_item){.item = {.type = type}, .body = body};
}

// Where the item lies now is where it stays.
static inline enum err toy_submit(struct toy *toy, struct toy_item *item)
{
    if (item->item.type != 0 && item->more == NULL)
        item->item.body = span_make(&item->body, sizeof item->body);
    return fold_submit(toy->fold, &item->item);
}

static inline uint64_t toy_wait(struct toy *toy, const uint64_t *counter, uint64_t at_least)
{
    pthread_mutex_lock(&toy->lock);
    while (*counter < at_least)
        pthread_cond_wait(&toy->changed, &toy->lock);
    uint64_t now = *counter;
    pthread_mutex_unlock(&toy->lock);
    return now;
}

// Items with a sequence are let in one after another; the others always.
static inline enum fold_admission toy_judge(struct toy *toy, struct toy_item *item, bool expired)
{
    uint64_t sequence = item->body.sequence;
    if (sequence == 0)
        return FOLD_APPEND;
    if (sequence <= toy->admitted) {
        item->repeated = true;
        return FOLD_ANSWER;
    }
    if (sequence == toy->admitted + 1) {
        toy->admitted = sequence;
        return FOLD_APPEND;
    }
    item->gap = expired;
    return expired ? FOLD_ANSWER : FOLD_HOLD;
}

static inline enum fold_admission toy_admit(void *state, struct fold_item *handle, bool expired)
{
    struct toy *toy = state;
    struct toy_item *item = CONTAINER_OF(handle, struct toy_item, item);
    CHECK(item->n_answers == 0 && !item->let_in);
    item->n_admits++;
    enum fold_admission admission = toy_judge(toy, item, expired);
    item->let_in = admission != FOLD_HOLD;
    toy->n_outstanding += item->let_in;
    return admission;
}

static inline enum err toy_apply(void *state, uint64_t position,
                                 const struct journal_record *record, struct fold_item *item,
                                 struct err_info *info)
{
    struct toy *toy = state;
    struct toy_body body;
    if (record->body.len < sizeof body)
        return err_set(info, ERR_CORRUPT, "toy: a body of %zu bytes", record->body.len);
    memcpy(&body, record->body.ptr, sizeof body);
    if (body.key >= TOY_KEYS || (body.serial != 0 && body.serial != position))
        return err_set(info, ERR_CORRUPT, "toy: record %llu at %llu",
                       (unsigned long long)body.serial, (unsigned long long)position);
    CHECK(item == NULL || item->position == position);
    // Live, and after an atomic checkpoint, nothing is there yet.
    bool did = toy_core_apply(&toy->core, position, record->type, &body);
    CHECK(did || (item == NULL && toy->fuzzy));
    toy->dirty[body.key] = true;
    return ERR_OK;
}

static inline void toy_answer(void *state, struct fold_item *handle, enum err err)
{
    struct toy *toy = state;
    struct toy_item *item = CONTAINER_OF(handle, struct toy_item, item);
    if (err != ERR_OK)
        toy->admitted = toy->core.totals.sequence;
    // What is refused before admission is refused when nothing that was admitted is outstanding.
    CHECK(item->let_in || toy->n_outstanding == 0);
    toy->n_outstanding -= item->let_in;
    item->err = err;
    item->durable = toy->journal == NULL ? 0 : journal_last(toy->journal);
    CHECK(item->n_answers++ == 0);
    if (toy->on_answer != NULL)
        toy->on_answer(toy, item);
    pthread_mutex_lock(&toy->lock);
    item->order = ++toy->order;
    toy->n_answered++; // the item may be used again from here on
    pthread_cond_broadcast(&toy->changed);
    pthread_mutex_unlock(&toy->lock);
}

static inline void toy_inspect(void *state, struct fold_item *handle)
{
    struct toy *toy = state;
    struct toy_item *item = CONTAINER_OF(handle, struct toy_item, item);
    item->n_inspects++;
    if (toy->on_inspect != NULL)
        toy->on_inspect(toy, item);
    pthread_mutex_lock(&toy->lock);
    item->order = ++toy->order;
    toy->n_inspected++;
    pthread_cond_broadcast(&toy->changed);
    pthread_mutex_unlock(&toy->lock);
}

static inline void toy_flush(void *state)
{
    struct toy *toy = state;
    pthread_mutex_lock(&toy->lock);
    toy->n_flushed++;
    pthread_cond_broadcast(&toy->changed);
    pthread_mutex_unlock(&toy->lock);
}

static inline void toy_freeze(void *state, uint64_t position)
{
    struct toy *toy = state;
    CHECK(position == toy->core.totals.records);
    pthread_mutex_lock(&toy->lock);
    toy->n_freezes++;
    pthread_mutex_unlock(&toy->lock);
    for (uint32_t i = 0; i < TOY_KEYS; i++) {
        CHECK(!toy->frozen[i] || !toy->fuzzy);
        toy->frozen[i] = toy->dirty[i];
        toy->dirty[i] = false;
    }
    toy->collect_at = 0;
}

static inline void toy_put(struct toy *toy, uint32_t key, struct fold_rows *rows)
{
    uint64_t number = key;
    const struct toy_row *row = &toy->core.rows[key];
    toy->frozen[key] = false;
    if (row->count == 0)
        fold_rows_delete(rows, TOY_TABLE_ROWS, store_u64_key(&number));
    else
        fold_rows_put(rows, TOY_TABLE_ROWS, store_u64_key(&number), span_make(row, sizeof *row));
}

static inline bool toy_collect(void *state, uint64_t position, struct fold_rows *rows,
                               size_t rows_max)
{
    struct toy *toy = state;
    CHECK(position == toy->core.totals.records);
    size_t n = 0;
    for (; toy->collect_at < TOY_KEYS; toy->collect_at++) {
        if (!toy->frozen[toy->collect_at])
            continue;
        if (n++ == rows_max)
            return true;
        toy_put(toy, toy->collect_at, rows);
    }
    return false;
}

static inline void toy_seal(void *state, struct fold_rows *rows)
{
    struct toy *toy = state;
    if (!toy->fuzzy)
        for (uint32_t i = 0; i < TOY_KEYS; i++)
            if (toy->frozen[i])
                toy_put(toy, i, rows);
    fold_rows_put(rows, TOY_TABLE_TOTALS, span_of("totals"),
                  span_make(&toy->core.totals, sizeof toy->core.totals));
}

static inline enum err toy_load(void *state, uint32_t table, struct span key, struct span value,
                                struct err_info *info)
{
    struct toy *toy = state;
    CHECK(!toy->loaded);
    if (table == TOY_TABLE_TOTALS) {
        if (value.len != sizeof toy->core.totals)
            return err_set(info, ERR_CORRUPT, "toy: totals of %zu bytes", value.len);
        memcpy(&toy->core.totals, value.ptr, value.len);
        return ERR_OK;
    }
    uint64_t number = store_u64_of_key(key);
    if (value.len != sizeof(struct toy_row) || number >= TOY_KEYS)
        return err_set(info, ERR_CORRUPT, "toy: a row of %zu bytes", value.len);
    memcpy(&toy->core.rows[number], value.ptr, value.len);
    return ERR_OK;
}

static inline enum err toy_loaded(void *state, uint64_t position, struct err_info *info)
{
    struct toy *toy = state;
    (void)info;
    CHECK(!toy->loaded && toy->core.totals.records == position);
    toy->loaded = true;
    toy->loaded_position = position;
    for (size_t i = 0; i < TOY_KEYS; i++)
        toy->rows_ahead += toy->core.rows[i].position > position;
    CHECK(toy->fuzzy || toy->rows_ahead == 0);
    return ERR_OK;
}

static inline enum err toy_ready(void *state, struct err_info *info)
{
    struct toy *toy = state;
    (void)info;
    CHECK(toy->loaded && !toy->ready);
    toy->ready = true;
    toy->admitted = toy->core.totals.sequence;
    return ERR_OK;
}

static inline void toy_fatal(void *state, enum err err, const char *text)
{
    struct toy *toy = state;
    pthread_mutex_lock(&toy->lock);
    toy->n_fatal++;
    toy->fatal_err = err;
    snprintf(toy->fatal_text, sizeof toy->fatal_text, "%s", text);
    pthread_mutex_unlock(&toy->lock);
}

#define TOY_OPS                                                                                    \
    .admit = toy_admit, .apply = toy_apply, .answer = toy_answer, .inspect = toy_inspect,          \
    .flush = toy_flush, .freeze = toy_freeze, .seal = toy_seal, .load = toy_load,                  \
    .loaded = toy_loaded, .ready = toy_ready

static const struct fold_ops TOY_OPS_ATOMIC = {TOY_OPS};
static const struct fold_ops TOY_OPS_FUZZY = {TOY_OPS, .collect = toy_collect};

// Options that suit most tests: checkpoints only at close.
static inline struct fold_opts toy_opts(struct toy *toy, const char *path)
{
    return (struct fold_opts){
        .name = "toy",
        .path = path,
        .ops = toy->fuzzy ? &TOY_OPS_FUZZY : &TOY_OPS_ATOMIC,
        .state = toy,
        .tables = TOY_TABLES,
        .n_tables = 2,
        .journal_bytes_max = 64 << 20,
        .state_bytes_max = 64 << 20,
        .disk_reserve_bytes = 1,
        .checkpoint_every_ms = 1000 * 1000,
        .fatal = toy_fatal,
    };
}
