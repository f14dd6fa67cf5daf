// SPDX-License-Identifier: Apache-2.0
// What rows.c (freeze, collect, seal) and rows_load.c (recovery) share.
#pragma once

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "services/scorer/rows.h"
#include "services/scorer/rows_codec.h"

// A chunk of ids as it lies in the store.
struct rows_chunk {
    uint64_t position;
    uint32_t number;
    int64_t hour; // of its newest id
};

// Where one row of `bytes` is.
struct rows_put {
    uint32_t table;
    size_t key, key_len, value_len;
};

struct rows_later {
    uint32_t table;
    char *key;
    size_t key_len;
    char *value;
    size_t value_len;
};

struct rows {
    struct core *core;
    struct rows_lane *lane;
    struct arena arena; // of one row
    struct buf scratch;

    // What is frozen.
    bool frozen;
    struct buf bytes;
    struct rows_put *puts;
    size_t n_puts, puts_cap;
    uint32_t *accounts; // numbers
    size_t n_accounts, next_account;
    struct seen_id *ids;
    size_t n_ids;
    uint64_t position;
    int64_t hour;

    // What the store holds.
    struct rows_chunk *chunks;
    size_t n_chunks, chunks_cap;
    struct rows_lists *lists;
    size_t n_lists, lists_cap;
    uint64_t lists_now; // hash of the plan's in force

    // Rows of playbooks that come later in the journal.
    struct rows_later *later;
    size_t n_later, later_cap;
    uint32_t *restored; // accounts to be finished
    size_t n_restored, restored_cap;
    bool loading;
    enum err adopted; // what came of those that had to wait
    struct err_info why;
};

#define ROWS_LANE_KEY "lane" // of the only row of its table

// Key of a chunk of ids.
struct rows_seen_key {
    uint64_t position; // big-endian
    uint32_t number;
} __attribute__((packed));

struct rows_lists *rows_find_lists(struct rows *rows, uint64_t hash);
// After a playbook came into force.
void rows_adopt(void *ctx);
