// SPDX-License-Identifier: Apache-2.0
// The records of a lane's journal, packed and read. Any thread.
#pragma once

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/journal/journal.h"
#include "services/scorer/core/core.h"
#include "services/scorer/core/identity.h"

// Types of the records. They are on disk: numbers are never reused.
enum lane_record {
    LANE_BATCH = 1,    // an ApplyRequest as received: codec_batch reads it
    LANE_TICK = 2,     // a TickRecord
    LANE_PLAYBOOK = 3, // a PlaybookRecord
    LANE_WARMED = 4,   // a WarmedRecord
    LANE_IDENTITY = 5, // an IdentityChangeRecord
};

struct record_warmed {
    uint64_t from;            // the first record that was read for it
    uint64_t playbook_digest; // of the playbook that it is for
    int64_t since_ms;         // when the oldest events that it has were taken in; 0: it has all
    int64_t now_ms;
};

void record_pack_tick(int64_t now_ms, struct buf *out);
void record_pack_playbook(const struct playbook *playbook, int64_t now_ms, struct buf *out);
void record_pack_identity(const struct link_change *change, struct buf *out);
void record_pack_warmed(const struct record_warmed *warmed, struct buf *out);
// CORRUPT: it cannot be read; `info` names the position. The playbook is the caller's.
MUST_USE enum err record_read_tick(uint64_t position, struct span body, int64_t *now_ms,
                                   struct err_info *info);
MUST_USE enum err record_read_playbook(uint64_t position, struct span body, struct playbook **out,
                                       int64_t *now_ms, struct err_info *info);
MUST_USE enum err record_read_warmed(uint64_t position, struct span body, struct record_warmed *out,
                                     struct err_info *info);
// Its texts are in the arena.
MUST_USE enum err record_read_identity(uint64_t position, struct span body, struct arena *arena,
                                       struct link_change *out, struct err_info *info);
