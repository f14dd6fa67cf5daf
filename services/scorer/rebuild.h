// SPDX-License-Identifier: Apache-2.0
// A second core, folded from the records of a lane's journal as if one playbook had been in force
// from the first of them on. Its measures are what they would be then; its signals are not decided,
// and its clocks follow events alone. One thread at a time.
#pragma once

#include "common/shard/shard.h"
#include "services/scorer/records.h"

struct rebuild;
// Takes the playbook, keeps the map. What identities have contributed to accounts of `lane` is
// there at once; what came from other lanes or went there is as in the journal.
struct rebuild *rebuild_create(const struct core_opts *opts, struct playbook *playbook,
                               const struct shard_map *map, uint32_t lane);
void rebuild_destroy(struct rebuild *rebuild);
// A fold_record_fn: the next record, without a gap. False when it cannot be read: see rebuild_err.
bool rebuild_record(void *rebuild, uint64_t position, const struct journal_record *record);
MUST_USE enum err rebuild_err(const struct rebuild *rebuild, struct err_info *info);
struct core *rebuild_core(struct rebuild *rebuild);
// The first and the last record that it has; 0: none yet.
uint64_t rebuild_first(const struct rebuild *rebuild);
uint64_t rebuild_last(const struct rebuild *rebuild);
// When the first batch that it has was taken in; 0: it has every record that there ever was.
int64_t rebuild_since_ms(const struct rebuild *rebuild);
