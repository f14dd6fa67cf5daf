// SPDX-License-Identifier: Apache-2.0
// links: shard base
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/shard/shard.h"
#include "common/shard/shard_impl.h"

static struct shard_map *make_map(uint64_t version, uint32_t n_shards, uint32_t n_lanes)
{
    struct shard_lane lanes[SHARD_LANES_MAX] = {0};
    for (uint32_t i = 0; i < n_lanes; i++) {
        lanes[i].lane = i;
        lanes[i].epoch = i + 1;
        snprintf(lanes[i].node, sizeof lanes[i].node, "node-%u", i);
        snprintf(lanes[i].address, sizeof lanes[i].address, "ipc:///run/node-%u.sock", i);
    }
    return shard_map_create(version, n_shards, lanes, n_lanes);
}

static bool same_maps(const struct shard_map *a, const struct shard_map *b)
{
    if (a->version != b->version || a->n_shards != b->n_shards || a->n_lanes != b->n_lanes)
        return false;
    for (uint32_t i = 0; i < a->n_lanes; i++) {
        const struct shard_lane *x = &a->lanes[i], *y = &b->lanes[i];
        if (x->lane != y->lane || x->epoch != y->epoch || strcmp(x->node, y->node) != 0 ||
            strcmp(x->address, y->address) != 0)
            return false;
    }
    return memcmp(a->lane_of_shard, b->lane_of_shard, a->n_shards * sizeof *a->lane_of_shard) == 0;
}

// These numbers are on disks: a change of the function loses what was stored.
Test(shard, of_a_key_never_changes)
{
    static const struct {
        const char *key;
        uint32_t of_256, of_4096, of_7;
    } GOLDEN[] = {
        {"", 194, 1218, 4},
        {"a", 31, 3615, 1},
        {"acme", 225, 2273, 2},
        {"acct-000123", 246, 2806, 3},
        {"\xC3\xA4\xC3\xB6", 67, 1091, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(GOLDEN); i++) {
        struct span key = span_of(GOLDEN[i].key);
        cr_expect_eq(shard_of_key(key, 256), GOLDEN[i].of_256, "%s %u", GOLDEN[i].key,
                     shard_of_key(key, 256));
        cr_expect_eq(shard_of_key(key, 4096), GOLDEN[i].of_4096, "%s %u", GOLDEN[i].key,
                     shard_of_key(key, 4096));
        cr_expect_eq(shard_of_key(key, 7), GOLDEN[i].of_7, "%s %u", GOLDEN[i].key,
                     shard_of_key(key, 7));
    }
}

Test(shard, spreads_keys_evenly)
{
    enum { KEYS = 256000 };
    uint32_t counts[256] = {0};
    char key[32];
    for (int i = 0; i < KEYS; i++) {
        snprintf(key, sizeof key, "acct-%06d", i);
        counts[shard_of_key(span_of(key), 256)]++;
    }
    // 1000 are expected in each, with a deviation of about 32.
    for (int i = 0; i < 256; i++)
        cr_assert(counts[i] > 800 && counts[i] < 1200, "shard %d has %u", i, counts[i]);
}

Test(shard, deals_in_even_runs)
{
    static const uint32_t SIZES[][2] = {{256, 1}, {256, 2}, {256, 3}, {256, 256},
                                        {4, 7},   {1, 1},   {7, 3},   {4096, 256}};
    for (size_t i = 0; i < ARRAY_LEN(SIZES); i++) {
        uint32_t n_shards = SIZES[i][0], n_lanes = SIZES[i][1], counts[SHARD_LANES_MAX] = {0};
        struct shard_map *map = make_map(1, n_shards, n_lanes);
        for (uint32_t s = 0; s < n_shards; s++) {
            counts[map->lane_of_shard[s]]++;
            cr_assert(s == 0 || map->lane_of_shard[s] >= map->lane_of_shard[s - 1]);
        }
        for (uint32_t l = 0; l < n_lanes; l++)
            cr_assert(counts[l] == n_shards / n_lanes || counts[l] == n_shards / n_lanes + 1);
        shard_map_destroy(map);
    }
}

Test(shard, finds_the_lane_of_a_key)
{
    struct shard_map *map = make_map(1, 256, 4);
    for (int i = 0; i < 1000; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        struct span s = span_of(key);
        cr_assert_eq(shard_map_lane_of_key(map, s), shard_of_key(s, 256) / 64);
    }
    shard_map_destroy(map);
    shard_map_destroy(NULL);
}

Test(shard, is_written_for_people)
{
    struct buf out = {0};
    struct shard_map *map = make_map(7, 8, 3);
    map->lane_of_shard[0] = 1;
    map->lane_of_shard[6] = 1;
    map->lane_of_shard[7] = 1;
    cr_assert_eq(shard_map_format(map, &out, NULL), ERR_OK);
    buf_append_u8(&out, 0);
    cr_assert_str_eq((const char *)out.bytes, "assay-shards 1\n"
                                              "version 7\n"
                                              "shards 8\n"
                                              "lane 0 node-0 1 ipc:///run/node-0.sock 1-2\n"
                                              "lane 1 node-1 2 ipc:///run/node-1.sock 0,3-7\n"
                                              "lane 2 node-2 3 ipc:///run/node-2.sock -\n");
    buf_deinit(&out);
    shard_map_destroy(map);
}

Test(shard, reads_back_what_it_wrote)
{
    uint32_t random = 12345;
    for (uint32_t n_lanes = 1; n_lanes <= SHARD_LANES_MAX; n_lanes += 51) {
        struct shard_map *map = make_map(UINT64_MAX, SHARD_COUNT_MAX, n_lanes), *again;
        struct buf out = {0};
        for (uint32_t i = 0; i < map->n_shards; i++) {
            random = random * 1664525 + 1013904223;
            if (random >> 28 == 0)
                map->lane_of_shard[i] = (uint16_t)((random >> 8) % n_lanes);
        }
        struct shard_map *copy = shard_map_copy(map);
        cr_assert(same_maps(map, copy));
        cr_assert_eq(shard_map_format(map, &out, NULL), ERR_OK);
        cr_assert_eq(shard_map_parse(buf_span(&out), &again, NULL), ERR_OK);
        cr_assert(same_maps(map, again));
        shard_map_destroy(copy);
        shard_map_destroy(map);
        shard_map_destroy(again);
        buf_deinit(&out);
    }
}

Test(shard, refuses_names_that_do_not_read_back)
{
    static const char *const NAMES[] = {"", "a b", "a\nb", "\x7f"};
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        struct buf out = {0};
        struct shard_map *map = make_map(1, 4, 1);
        snprintf(map->lanes[0].node, sizeof map->lanes[0].node, "%s", NAMES[i]);
        cr_assert_eq(shard_map_format(map, &out, NULL), ERR_INVALID);
        snprintf(map->lanes[0].node, sizeof map->lanes[0].node, "n");
        snprintf(map->lanes[0].address, sizeof map->lanes[0].address, "%s", NAMES[i]);
        cr_assert_eq(shard_map_format(map, &out, NULL), ERR_INVALID);
        shard_map_destroy(map);
        buf_deinit(&out);
    }
}

#define HEAD "assay-shards 1\nversion 1\nshards 4\n"

Test(shard, names_the_line_that_makes_no_sense)
{
    static const struct {
        const char *text, *message;
    } BAD[] = {
        {"", "line 1: \"assay-shards 1\" was expected"},
        {"assay-shards 2\n", "line 1: \"assay-shards 1\" was expected"},
        {"assay-shards 1\nverzion 1\n", "line 2: \"version\", \"shards\" or \"lane\" was expected"},
        {"assay-shards 1\nversion 0\n", "line 2: a version of at least 1 was expected"},
        {"assay-shards 1\nversion x\n", "line 2: a version of at least 1 was expected"},
        {"assay-shards 1\nversion 1\n\nversion 2\n", "line 4: \"version\" stands twice"},
        {"assay-shards 1\nshards 4\nshards 4\n", "line 3: \"shards\" stands twice"},
        {"assay-shards 1\nshards 0\n", "line 2: a number of shards from 1 to 4096 was expected"},
        {"assay-shards 1\nshards 4097\n", "line 2: a number of shards from 1 to 4096 was expected"},
        {"assay-shards 1\nlane 0 n 1 a 0\n", "line 2: \"shards\" must come before the lanes"},
        {"assay-shards 1\nshards 1\nlane 0 n 1 a 0\n", "line 3: \"version\" is missing"},
        {"assay-shards 1\nversion 1\n", "line 2: \"shards\" is missing"},
        {HEAD, "line 3: there is no lane"},
        {HEAD "lane 1 n 1 a 0-3\n", "line 4: lanes must be numbered from 0 in order"},
        {HEAD "lane x n 1 a 0-3\n", "line 4: lanes must be numbered from 0 in order"},
        {HEAD "lane 0  1 a 0-3\n", "line 4: a node's name was expected"},
        {HEAD "lane 0 n e a 0-3\n", "line 4: an epoch was expected"},
        {HEAD "lane 0 n 1\n", "line 4: an address was expected"},
        {HEAD "lane 0 n 1 a\n", "line 4: the lane's shards were expected"},
        {HEAD "lane 0 n 1 a x\n", "line 4: a shard's number was expected"},
        {HEAD "lane 0 n 1 a 0-\n", "line 4: a shard's number was expected"},
        {HEAD "lane 0 n 1 a 0-3-4\n", "line 4: a shard's number was expected"},
        {HEAD "lane 0 n 1 a 0-4\n", "line 4: a shard is out of range"},
        {HEAD "lane 0 n 1 a 3-2\n", "line 4: a shard is out of range"},
        {HEAD "lane 0 n 1 a 0-2,2\n", "line 4: a shard has two lanes"},
        {HEAD "# two\nlane 0 n 1 a 0-2\nlane 1 n 1 a 2-3\n", "line 6: a shard has two lanes"},
        {HEAD "lane 0 n 1 a 0-2\n", "line 4: a shard has no lane"},
        {HEAD "lane 0 n 1 a 0-3\nlane 1 n 1 a\n", "line 5: the lane's shards were expected"},
    };
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        struct err_info info = {""};
        struct shard_map *map;
        cr_expect_eq(shard_map_parse(span_of(BAD[i].text), &map, &info), ERR_CORRUPT);
        cr_expect_null(map);
        cr_expect_str_eq(info.text, BAD[i].message, "%s gave %s", BAD[i].text, info.text);
    }
}

Test(shard, bounds_names_and_lanes)
{
    struct shard_map *map;
    struct buf text = {0};
    buf_append_text(&text, HEAD "lane 0 ");
    for (int i = 0; i < 64; i++)
        buf_append_text(&text, "n");
    buf_append_text(&text, " 1 a 0-3\n");
    cr_assert_eq(shard_map_parse(buf_span(&text), &map, NULL), ERR_CORRUPT);
    buf_clear(&text);
    buf_append_text(&text, HEAD);
    for (int i = 0; i <= SHARD_LANES_MAX; i++)
        buf_printf(&text, "lane %d n 1 a %s\n", i, i == 0 ? "0-3" : "-");
    cr_assert_eq(shard_map_parse(buf_span(&text), &map, NULL), ERR_CORRUPT);
    buf_deinit(&text);
}

struct place {
    char dir[32];
    char path[64];
    struct shard_source *source;
};

static void place_open(struct place *place)
{
    strcpy(place->dir, "/tmp/shard-XXXXXX");
    cr_assert_not_null(mkdtemp(place->dir));
    snprintf(place->path, sizeof place->path, "%s/map", place->dir);
    cr_assert_eq(shard_source_open_file(place->path, &place->source, NULL), ERR_OK);
}

static void place_close(struct place *place)
{
    char path[80];
    shard_source_close(place->source);
    unlink(place->path);
    snprintf(path, sizeof path, "%s.lock", place->path);
    unlink(path);
    cr_assert_eq(rmdir(place->dir), 0, "something was left behind");
}

Test(shard_source, swaps_by_version)
{
    struct place place;
    struct shard_map *first = make_map(1, 256, 2), *second = make_map(5, 256, 3), *read;
    struct err_info info;
    place_open(&place);
    cr_assert_eq(shard_source_read(place.source, &read, NULL), ERR_NOT_FOUND);
    cr_assert_eq(shard_source_swap(place.source, 1, second, NULL), ERR_CONFLICT);
    cr_assert_eq(shard_source_swap(place.source, 0, first, NULL), ERR_OK);
    cr_assert_eq(shard_source_swap(place.source, 0, first, &info), ERR_CONFLICT);
    cr_assert(strstr(info.text, "has version 1, expected 0") != NULL, "%s", info.text);
    cr_assert_eq(shard_source_read(place.source, &read, NULL), ERR_OK);
    cr_assert(same_maps(first, read));
    shard_map_destroy(read);
    cr_assert_eq(shard_source_swap(place.source, 1, first, NULL), ERR_INVALID);
    cr_assert_eq(shard_source_swap(place.source, 1, second, NULL), ERR_OK);
    cr_assert_eq(shard_source_read(place.source, &read, NULL), ERR_OK);
    cr_assert(same_maps(second, read));
    shard_map_destroy(read);
    shard_map_destroy(first);
    shard_map_destroy(second);
    place_close(&place);
}

Test(shard_source, tells_corrupt_from_unreadable)
{
    struct place place;
    struct shard_map *map = make_map(1, 4, 1), *read;
    struct shard_source *other;
    struct err_info info;
    place_open(&place);
    FILE *file = fopen(place.path, "w");
    fputs("assay-shards 1\nnonsense\n", file);
    fclose(file);
    cr_assert_eq(shard_source_read(place.source, &read, &info), ERR_CORRUPT);
    cr_assert(strstr(info.text, "/map: line 2: ") != NULL, "%s", info.text);
    cr_assert_eq(shard_source_swap(place.source, 0, map, NULL), ERR_CORRUPT);
    cr_assert_eq(shard_source_open_file(place.path, &other, NULL), ERR_CORRUPT);
    cr_assert_null(other);
    cr_assert_eq(truncate(place.path, SHARD_TEXT_BYTES_MAX + 1), 0);
    cr_assert_eq(shard_source_read(place.source, &read, NULL), ERR_CORRUPT);
    unlink(place.path);
    mkdir(place.path, 0700);
    cr_assert_eq(shard_source_read(place.source, &read, NULL), ERR_UNAVAILABLE);
    rmdir(place.path);
    shard_map_destroy(map);
    place_close(&place);
}

Test(shard_source, reports_a_place_that_cannot_be_written)
{
    struct shard_source *source;
    struct shard_map *map = make_map(1, 4, 1);
    struct err_info info;
    cr_assert_eq(shard_source_open_file("/nonexistent/map", &source, NULL), ERR_OK);
    cr_assert_eq(shard_source_swap(source, 0, map, &info), ERR_IO);
    shard_source_close(source);
    shard_map_destroy(map);
}
