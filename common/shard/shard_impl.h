// SPDX-License-Identifier: Apache-2.0
// The text form of a map, kept apart from files so that it can be tested alone.
#pragma once

#include "common/base/buf.h"
#include "common/shard/shard.h"

enum { SHARD_TEXT_BYTES_MAX = 1024 * 1024 };

// INVALID when a name or an address could not be read back (empty, spaces, control characters).
MUST_USE enum err shard_map_format(const struct shard_map *map, struct buf *out,
                                   struct err_info *info);
// CORRUPT with "line N: ..." when it makes no sense.
MUST_USE enum err shard_map_parse(struct span text, struct shard_map **out, struct err_info *info);
// Without lanes' shards: all belong to lane 0.
struct shard_map *shard_map_new(uint64_t version, uint32_t n_shards, uint32_t n_lanes);
