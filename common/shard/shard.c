// SPDX-License-Identifier: Apache-2.0
#include "common/shard/shard.h"

#include <string.h>

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/shard/shard_impl.h"

uint32_t shard_of_key(struct span key, uint32_t n_shards)
{
    CHECK(n_shards > 0);
    return (uint32_t)(hash64(key) % n_shards);
}

struct shard_map *shard_map_new(uint64_t version, uint32_t n_shards, uint32_t n_lanes)
{
    CHECK(n_shards > 0 && n_shards <= SHARD_COUNT_MAX);
    CHECK(n_lanes > 0 && n_lanes <= SHARD_LANES_MAX);
    struct shard_map *map = mem_zalloc(sizeof *map);
    map->version = version;
    map->n_shards = n_shards;
    map->n_lanes = n_lanes;
    map->lanes = mem_zalloc(n_lanes * sizeof *map->lanes);
    map->lane_of_shard = mem_zalloc(n_shards * sizeof *map->lane_of_shard);
    return map;
}

struct shard_map *shard_map_create(uint64_t version, uint32_t n_shards,
                                   const struct shard_lane *lanes, uint32_t n_lanes)
{
    struct shard_map *map = shard_map_new(version, n_shards, n_lanes);
    for (uint32_t i = 0; i < n_lanes; i++) {
        CHECK(lanes[i].lane == i);
        map->lanes[i] = lanes[i];
    }
    for (uint32_t i = 0; i < n_shards; i++)
        map->lane_of_shard[i] = (uint16_t)((uint64_t)i * n_lanes / n_shards);
    return map;
}

void shard_map_destroy(struct shard_map *map)
{
    if (map == NULL)
        return;
    mem_free(map->lanes);
    mem_free(map->lane_of_shard);
    mem_free(map);
}

struct shard_map *shard_map_copy(const struct shard_map *map)
{
    struct shard_map *copy = shard_map_new(map->version, map->n_shards, map->n_lanes);
    memcpy(copy->lanes, map->lanes, map->n_lanes * sizeof *map->lanes);
    memcpy(copy->lane_of_shard, map->lane_of_shard, map->n_shards * sizeof *map->lane_of_shard);
    return copy;
}

uint32_t shard_map_lane_of_key(const struct shard_map *map, struct span key)
{
    uint32_t lane = map->lane_of_shard[shard_of_key(key, map->n_shards)];
    CHECK(lane < map->n_lanes);
    return lane;
}
