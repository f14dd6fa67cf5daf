// SPDX-License-Identifier: Apache-2.0
// The map as text, one fact a line:
//
//     assay-shards 1
//     version 7
//     shards 256
//     lane 0 scorer-0 1 ipc:///run/scorer-0.sock 0-127
//     lane 1 scorer-1 3 ipc:///run/scorer-1.sock 128-200,202-255
//     lane 2 scorer-2 1 ipc:///run/scorer-2.sock 201
//
// A lane: number, node, epoch, address, shards ("-" for none). Empty lines and lines that begin
// with # are left out when reading.
#include <stdbool.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/shard/shard_impl.h"

static bool shard_is_word(const char *text, size_t len_max)
{
    size_t n = strnlen(text, len_max);
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)text[i] <= ' ' || text[i] == 0x7F)
            return false;
    }
    return n > 0 && n < len_max;
}

static void shard_format_runs(const struct shard_map *map, uint32_t lane, struct buf *out)
{
    bool any = false;
    for (uint32_t i = 0; i < map->n_shards; i++) {
        if (map->lane_of_shard[i] != lane)
            continue;
        uint32_t from = i;
        while (i + 1 < map->n_shards && map->lane_of_shard[i + 1] == lane)
            i++;
        buf_printf(out, from == i ? "%s%u" : "%s%u-%u", any ? "," : "", from, i);
        any = true;
    }
    buf_append_text(out, any ? "\n" : "-\n");
}

enum err shard_map_format(const struct shard_map *map, struct buf *out, struct err_info *info)
{
    buf_printf(out, "assay-shards 1\nversion %llu\nshards %u\n", (unsigned long long)map->version,
               map->n_shards);
    for (uint32_t i = 0; i < map->n_lanes; i++) {
        const struct shard_lane *lane = &map->lanes[i];
        CHECK(lane->lane == i);
        if (!shard_is_word(lane->node, sizeof lane->node))
            return err_set(info, ERR_INVALID, "lane %u: the node's name is empty or has spaces", i);
        if (!shard_is_word(lane->address, sizeof lane->address))
            return err_set(info, ERR_INVALID, "lane %u: the address is empty or has spaces", i);
        buf_printf(out, "lane %u %s %llu %s ", i, lane->node, (unsigned long long)lane->epoch,
                   lane->address);
        shard_format_runs(map, i, out);
    }
    return ERR_OK;
}

// What is known while reading. Lanes come before the map can be made, so they are kept here.
struct shard_reader {
    uint64_t version;
    uint64_t n_shards;
    struct shard_lane *lanes;
    size_t n_lanes, cap_lanes;
    uint16_t lane_of_shard[SHARD_COUNT_MAX];
    bool owned[SHARD_COUNT_MAX];
};

// The next run of characters up to a `stop`, which is left out; moves `rest`.
static struct span shard_next(struct span *rest, char stop)
{
    const char *p = rest->ptr;
    const char *end = rest->len == 0 ? NULL : memchr(p, stop, rest->len);
    size_t n = end == NULL ? rest->len : (size_t)(end - p);
    struct span word = {p, n};
    size_t skip = end == NULL ? n : n + 1;
    if (skip > 0)
        *rest = span_make(p + skip, rest->len - skip);
    return word;
}

// "3" or "0-127".
static const char *shard_read_run(struct shard_reader *reader, struct span run, uint16_t lane)
{
    uint64_t from, to;
    bool is_range = memchr(run.ptr, '-', run.len) != NULL;
    struct span first = shard_next(&run, '-');
    if (!text_to_u64(first, &from))
        return "a shard's number was expected";
    to = from;
    if (is_range && !text_to_u64(run, &to))
        return "a shard's number was expected";
    if (from > to || to >= reader->n_shards)
        return "a shard is out of range";
    for (uint64_t i = from; i <= to; i++) {
        if (reader->owned[i])
            return "a shard has two lanes";
        reader->owned[i] = true;
        reader->lane_of_shard[i] = lane;
    }
    return NULL;
}

static bool shard_read_word(struct span word, char *out, size_t len_max)
{
    if (word.len == 0 || word.len >= len_max || !text_is_clean_utf8(word))
        return false;
    memcpy(out, word.ptr, word.len);
    out[word.len] = '\0';
    return shard_is_word(out, len_max);
}

// Returns what is wrong with the line, or NULL.
static const char *shard_read_lane(struct shard_reader *reader, struct span line)
{
    struct shard_lane lane = {0};
    uint64_t number;
    if (reader->n_shards == 0)
        return "\"shards\" must come before the lanes";
    if (!text_to_u64(shard_next(&line, ' '), &number) || number != reader->n_lanes)
        return "lanes must be numbered from 0 in order";
    if (number >= SHARD_LANES_MAX)
        return "too many lanes";
    lane.lane = (uint32_t)number;
    if (!shard_read_word(shard_next(&line, ' '), lane.node, sizeof lane.node))
        return "a node's name was expected";
    if (!text_to_u64(shard_next(&line, ' '), &lane.epoch))
        return "an epoch was expected";
    if (!shard_read_word(shard_next(&line, ' '), lane.address, sizeof lane.address))
        return "an address was expected";
    if (line.len == 0)
        return "the lane's shards were expected";
    while (line.len > 0 && !span_is(line, "-")) {
        const char *wrong = shard_read_run(reader, shard_next(&line, ','), (uint16_t)number);
        if (wrong != NULL)
            return wrong;
    }
    MEM_GROW(reader->lanes, reader->n_lanes, reader->cap_lanes);
    reader->lanes[reader->n_lanes++] = lane;
    return NULL;
}

static const char *shard_read_line(struct shard_reader *reader, struct span line)
{
    struct span word = shard_next(&line, ' ');
    if (span_is(word, "lane"))
        return shard_read_lane(reader, line);
    if (span_is(word, "version")) {
        if (reader->version != 0)
            return "\"version\" stands twice";
        return text_to_u64(line, &reader->version) && reader->version > 0
                   ? NULL
                   : "a version of at least 1 was expected";
    }
    if (span_is(word, "shards")) {
        if (reader->n_shards != 0)
            return "\"shards\" stands twice";
        return text_to_u64(line, &reader->n_shards) && reader->n_shards > 0 &&
                       reader->n_shards <= SHARD_COUNT_MAX
                   ? NULL
                   : "a number of shards from 1 to 4096 was expected";
    }
    return "\"version\", \"shards\" or \"lane\" was expected";
}

static const char *shard_reader_missing(const struct shard_reader *reader)
{
    if (reader->version == 0)
        return "\"version\" is missing";
    if (reader->n_shards == 0)
        return "\"shards\" is missing";
    if (reader->n_lanes == 0)
        return "there is no lane";
    for (uint64_t i = 0; i < reader->n_shards; i++) {
        if (!reader->owned[i])
            return "a shard has no lane";
    }
    return NULL;
}

enum err shard_map_parse(struct span text, struct shard_map **out, struct err_info *info)
{
    struct shard_reader *reader = mem_zalloc(sizeof *reader);
    unsigned n_line = 1;
    const char *wrong = NULL;
    *out = NULL;
    if (!span_is(shard_next(&text, '\n'), "assay-shards 1"))
        wrong = "\"assay-shards 1\" was expected";
    while (wrong == NULL && text.len > 0) {
        struct span line = shard_next(&text, '\n');
        n_line++;
        if (line.len > 0 && !span_starts(line, "#"))
            wrong = shard_read_line(reader, line);
    }
    if (wrong == NULL)
        wrong = shard_reader_missing(reader);
    if (wrong == NULL) {
        *out =
            shard_map_new(reader->version, (uint32_t)reader->n_shards, (uint32_t)reader->n_lanes);
        memcpy((*out)->lanes, reader->lanes, reader->n_lanes * sizeof *reader->lanes);
        memcpy((*out)->lane_of_shard, reader->lane_of_shard,
               reader->n_shards * sizeof *reader->lane_of_shard);
    }
    mem_free(reader->lanes);
    mem_free(reader);
    return wrong == NULL ? ERR_OK : err_set(info, ERR_CORRUPT, "line %u: %s", n_line, wrong);
}
