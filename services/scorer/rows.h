// SPDX-License-Identifier: Apache-2.0
// A lane's core as rows of its store and back: what the fold's freeze, collect, seal, load and
// loaded need. Rows are messages of assay.record.v1. On the fold's thread.
//
// A row of an account or a user names two things: the number of the playbook that was in force
// (rows may be newer than the checkpoint, so a row can be of a playbook that recovery has not
// reached yet: it waits until core_set_playbook puts that one in force), and the lists of measures,
// signals and leaves that its parts follow, which stand in a table of their own and are written
// before the first row that follows them.
#pragma once

#include "common/base/err.h"
#include "common/fold/fold.h"
#include "services/scorer/core/core.h"

// In the order in which they must be loaded: what comes later relies on what came before.
enum {
    ROWS_LANE,     // "lane"
    ROWS_LAYOUTS,  // hash of the lists, 8 bytes, big-endian
    ROWS_ACCOUNTS, // account id
    ROWS_USERS,    // account id, a zero byte, user id
    ROWS_PROFILES, // user id
    ROWS_SEEN,    // checkpoint's position, 8 bytes, and number, 4 bytes, big-endian: 16 bytes an id
    ROWS_SIGNALS, // the lane's
    ROWS_PARTS,   // account id, a zero byte, identity
    ROWS_MOVES,   // the lane's too
    ROWS_TABLES
};
extern const struct store_table ROWS_TABLE_LIST[ROWS_TABLES];

// Bound on the ids of accounts and users, in bytes: two of them make a key. Longer ones are refused
// before they get here.
enum { ROWS_ID_MAX = 255 };

// The part of the LaneRecord that is not the core's, kept by the lane.
struct rows_source {
    uint64_t source;
    uint64_t last_number;
    int64_t last_received_at_ms;
};
// The last move of another lane that was taken.
struct rows_moved {
    uint32_t lane;
    uint64_t position, index;
};
struct rows_lane {
    struct rows_source *sources;
    size_t n_sources, sources_cap;
    uint64_t confirmed_position, confirmed_index;
    struct rows_moved *moved;
    size_t n_moved, moved_cap;
};

struct rows;
// Keeps both. Before the core's first playbook.
struct rows *rows_create(struct core *core, struct rows_lane *lane);
// Before the core.
void rows_destroy(struct rows *rows);

// Takes what must be of one instant (ids seen, profiles, the lane's record, with `lane` as it is
// now) and marks the accounts that changed since the last freeze, all of which were collected.
void rows_freeze(struct rows *rows, uint64_t position);
// After freeze, before or after collect: what freeze took, and deletions of what has expired by
// then.
void rows_seal(struct rows *rows, struct fold_rows *out);
// Accounts in force as of `position`, the last record applied. Whole accounts: the account's row
// and its changed users' rows are always in the same slice.
bool rows_collect(struct rows *rows, uint64_t position, struct fold_rows *out, size_t rows_max);
// Every table but ROWS_SIGNALS and ROWS_MOVES, in the order of tables. CORRUPT: a row that cannot
// be read; `info` names it.
MUST_USE enum err rows_load(struct rows *rows, uint32_t table, struct span key, struct span value,
                            struct err_info *info);
// After the last row. CORRUPT: rows that do not fit together.
MUST_USE enum err rows_loaded(struct rows *rows, uint64_t position, struct err_info *info);
// After core_set_playbook. CORRUPT: a row that waited for the playbook cannot be read or does not
// fit to others; nothing may be done with the core any more.
MUST_USE enum err rows_adopted(const struct rows *rows, struct err_info *info);
