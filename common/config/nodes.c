// SPDX-License-Identifier: Apache-2.0
#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/config/config_impl.h"

// From this many keys on, a mapping has an index.
enum { CONFIG_INDEX_FROM = 16 };

static bool config_map_eq(const void *ctx, uint32_t item, const void *key)
{
    const struct config_node *map = ctx;
    return span_eq(map->keys[item]->text, *(const struct span *)key);
}

static uint64_t config_map_rehash(const void *ctx, uint32_t item)
{
    return hash64(((const struct config_node *)ctx)->keys[item]->text);
}

static uint32_t config_map_find(const struct config_node *map, struct span key)
{
    if (map->n >= CONFIG_INDEX_FROM)
        return index_find(&map->index, hash64(key), config_map_eq, map, &key);
    for (uint32_t i = 0; i < map->n; i++) {
        if (span_eq(map->keys[i]->text, key))
            return i;
    }
    return INDEX_NONE;
}

static void config_map_index(struct config_node *map, uint32_t i)
{
    index_add(&map->index, hash64(map->keys[i]->text), i, config_map_rehash, map);
}

void config_map_add(struct config_node *map, struct config_node *key, struct config_node *value)
{
    CHECK(map->kind == CONFIG_MAPPING);
    if (map->n == map->cap) {
        map->cap = map->cap == 0 ? 8 : map->cap * 2;
        map->items = mem_realloc(map->items, map->cap * sizeof *map->items);
        map->keys = mem_realloc(map->keys, map->cap * sizeof *map->keys);
    }
    map->items[map->n] = value;
    map->keys[map->n] = key;
    map->n++;
    if (map->n > CONFIG_INDEX_FROM)
        config_map_index(map, (uint32_t)map->n - 1);
    else if (map->n == CONFIG_INDEX_FROM)
        for (uint32_t i = 0; i < map->n; i++)
            config_map_index(map, i);
}

const struct config_node *config_map_key(const struct config_node *map, struct span key)
{
    uint32_t i = config_map_find(map, key);
    return i == INDEX_NONE ? NULL : map->keys[i];
}

const struct config_node *config_root(const struct config *config)
{
    return config->root;
}

enum config_kind config_kind(const struct config_node *node)
{
    return node->kind;
}

struct span config_text(const struct config_node *node)
{
    return node->kind == CONFIG_SCALAR ? node->text : span_make("", 0);
}

bool config_plain(const struct config_node *node)
{
    return node->plain;
}

size_t config_count(const struct config_node *node)
{
    return node->n;
}

const struct config_node *config_at(const struct config_node *node, size_t i)
{
    CHECK(i < node->n);
    return node->items[i];
}

const struct config_node *config_key_at(const struct config_node *node, size_t i)
{
    CHECK(node->kind == CONFIG_MAPPING && i < node->n);
    return node->keys[i];
}

const struct config_node *config_get(const struct config_node *node, const char *key)
{
    if (node == NULL || node->kind != CONFIG_MAPPING)
        return NULL;
    uint32_t i = config_map_find(node, span_of(key));
    return i == INDEX_NONE ? NULL : node->items[i];
}

uint32_t config_line(const struct config_node *node)
{
    return node->line;
}

uint32_t config_column(const struct config_node *node)
{
    return node->column;
}

static bool config_is_word(struct span s)
{
    const char *p = s.ptr;
    for (size_t i = 0; i < s.len; i++) {
        bool letter = (p[i] >= 'a' && p[i] <= 'z') || (p[i] >= 'A' && p[i] <= 'Z') || p[i] == '_';
        bool digit = (p[i] >= '0' && p[i] <= '9') || p[i] == '-';
        if (!letter && !(digit && i > 0))
            return false;
    }
    return s.len > 0;
}

void config_path(const struct config_node *node, struct buf *out)
{
    const struct config_node *chain[CONFIG_DEPTH_MAX + 2];
    size_t n = 0;
    if (node->is_key)
        node = node->parent;
    for (; node->parent != NULL; node = node->parent) {
        CHECK(n < ARRAY_LEN(chain));
        chain[n++] = node;
    }
    buf_append_text(out, "$");
    while (n-- > 0) {
        const struct config_node *key = chain[n]->key;
        if (chain[n]->is_key || (key != NULL && key->kind != CONFIG_SCALAR)) {
            buf_append_text(out, "[?]"); // inside a list that was written as a key, or its value
        } else if (key == NULL) {
            buf_printf(out, "[%u]", chain[n]->at);
        } else if (config_is_word(key->text) && key->text.len <= 64) {
            buf_append_text(out, ".");
            buf_append_span(out, key->text);
        } else {
            buf_append_text(out, "[");
            config_quote(key->text, out);
            buf_append_text(out, "]");
        }
    }
}
