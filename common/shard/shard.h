// SPDX-License-Identifier: Apache-2.0
// Which shard a key belongs to, and which lane of which node owns a shard. The map has a version,
// and every owner an epoch; both travel with calls, and lower ones are refused. Where the map is
// kept is behind an interface: a file here, an agreed store in a cluster of many machines.
#pragma once

#include <stdint.h>

#include "common/base/err.h"
#include "common/base/span.h"

enum { SHARD_COUNT_DEFAULT = 256, SHARD_COUNT_MAX = 4096, SHARD_LANES_MAX = 256 };

// xxh3_64(key) mod n_shards. Fixed for ever: bytes on disk depend on it.
uint32_t shard_of_key(struct span key, uint32_t n_shards);

struct shard_lane {
    uint32_t lane;  // number, unique in the cluster
    uint64_t epoch; // of its ownership
    char node[64];  // the owner's name
    char address[200];
};

// A value: copied whole, never changed after it was read.
struct shard_map {
    uint64_t version;
    uint32_t n_shards;
    uint32_t n_lanes;
    struct shard_lane *lanes; // [n_lanes], lane i has number i
    uint16_t *lane_of_shard;  // [n_shards]
};

// Deals `n_shards` out to the lanes evenly, in runs; a lane may get none when there are more lanes
// than shards. 1 to SHARD_LANES_MAX lanes, lanes[i].lane == i (CHECKed). `lanes` is copied. Release
// with shard_map_destroy.
struct shard_map *shard_map_create(uint64_t version, uint32_t n_shards,
                                   const struct shard_lane *lanes, uint32_t n_lanes);
void shard_map_destroy(struct shard_map *map);
struct shard_map *shard_map_copy(const struct shard_map *map);
uint32_t shard_map_lane_of_key(const struct shard_map *map, struct span key);

// Where the map lives.
struct shard_source;
// A file, written whole by rename; lines of text that a person can read.
// UNAVAILABLE when it cannot be read, CORRUPT (with the line) when it makes no sense:
// shard_source_read and shard_source_swap have the same two. Beside it, PATH.lock and for a moment
// PATH.tmp are made.
MUST_USE enum err shard_source_open_file(const char *path, struct shard_source **out,
                                         struct err_info *info);
void shard_source_close(struct shard_source *source);
// The map as it is now, owned by the caller. NOT_FOUND: there is none yet.
MUST_USE enum err shard_source_read(struct shard_source *source, struct shard_map **out,
                                    struct err_info *info);
// Replaces the map if its version is still `expected` (0: there is none), also against other
// processes. CONFLICT otherwise. INVALID when the new version is not above `expected`, or a name or
// address could not be read back (empty, spaces); IO when it could not be written: the old map
// stands then, unless only the last sync failed. Blocks for the time of two syncs.
MUST_USE enum err shard_source_swap(struct shard_source *source, uint64_t expected,
                                    const struct shard_map *map, struct err_info *info);
