// SPDX-License-Identifier: Apache-2.0
// What the files of this folder share: nodes as they are built, mistakes as they are kept.
#pragma once

#include <stdarg.h>

#include "common/base/index.h"
#include "common/config/config.h"

struct config_node {
    enum config_kind kind;
    bool plain;
    bool is_key;
    bool bad; // reported already: what else is wrong with it is not worth telling
    uint32_t line, column;
    uint32_t at;                   // position in a sequence
    struct config_node *parent;    // NULL: the root
    const struct config_node *key; // of a mapping's value
    struct span text;
    struct config_node **items; // elements, or a mapping's values
    struct config_node **keys;  // beside the values
    size_t n, cap;
    struct index index;                 // of a large mapping's keys
    struct config_node *next_container; // for freeing
};

struct config_mistake {
    uint32_t line, column; // line 0: the file as a whole
    size_t order;          // of reporting
    bool warning;
    const char *message;
    const char *hint; // or NULL
};

struct config {
    char *name;
    char *bytes; // the file, without a byte order mark
    size_t n_bytes;
    struct arena arena; // nodes, texts, messages
    struct config_node *root;
    struct config_node *containers;
    struct config_mistake *mistakes;
    size_t n_mistakes, cap_mistakes;
    size_t n_errors, n_warnings; // also those that are not kept
};

// load.c
void config_parse(struct config *config);
// nodes.c: adds a pair to a mapping; the key must be new.
void config_map_add(struct config_node *map, struct config_node *key, struct config_node *value);
const struct config_node *config_map_key(const struct config_node *map, struct span key);
// "$.a.b[1]"; of a key, that of its mapping.
void config_path(const struct config_node *node, struct buf *out);
// report.c: a mistake at a place that is no node. Line 0: the file as a whole.
void config_error_at(struct config *config, uint32_t line, uint32_t column, const char *hint,
                     const char *format, ...) PRINTF_LIKE(5, 6);
// The line and column, as libyaml counts them, of a byte of the file.
void config_place_of(const struct config *config, size_t offset, uint32_t *line, uint32_t *column);
// Bytes before the first one that is NUL or no UTF-8.
size_t config_clean_len(struct span text);
// `"text"`, escaped and cut to a readable length.
void config_quote(struct span text, struct buf *out);
// What a node is, for "found ...": its text in quotes, "a list", "nothing".
void config_describe(const struct config_node *node, struct buf *out);
// `what` was expected at the node. `hint` may be NULL. Always false.
bool config_expected(struct config *config, const struct config_node *node, const char *what,
                     const char *hint);
// read.c
bool config_parse_bytes(struct span text, int64_t *out);
// A number of this type as a person writes it.
void config_format(enum config_type type, int64_t value, struct buf *out);
// "from 1s to 1h", "at least 1", "at most 64MiB", or nothing.
void config_format_bounds(enum config_type type, int64_t min, int64_t max, struct buf *out);
