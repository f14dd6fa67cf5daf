// SPDX-License-Identifier: Apache-2.0
// YAML files read strictly: every mistake is reported, all at once, with file, line, column, the
// line itself with a caret, the path ("$.measures.projects"), what was expected, and "did you
// mean". The only folder that knows libyaml. Used for the services' own files and for any other
// YAML of the project.
//
//     rules.yaml:12:5: $.measures.projcts: unknown key "windw"
//       12 |     windw: 30d
//          |     ^ did you mean "window"?
//
// A document is read into nodes that keep their positions. Flat sections are read by a table
// (config_fill); whatever is recursive walks nodes. One thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/span.h"

enum { CONFIG_DEPTH_MAX = 32, CONFIG_NODES_MAX = 200000, CONFIG_BYTES_MAX = 4 * 1024 * 1024 };
enum { CONFIG_ERRORS_MAX = 100 };

// One file, its nodes and the mistakes found in it so far.
struct config;

// Both always give a document: when the file cannot be read or is no YAML, the document has errors
// and its root is NULL. Aliases, duplicate keys, tags and more than one document are errors.
struct config *config_load_file(const char *path);
// `name` stands for the file in messages. Copies `text`.
struct config *config_load_text(const char *name, struct span text);
void config_destroy(struct config *config);

enum config_kind { CONFIG_SCALAR, CONFIG_SEQUENCE, CONFIG_MAPPING };

// Owned by the document.
struct config_node;

// NULL when the document could not be read, or is empty (an error then). What was reported while
// loading (an alias, a text with NUL) leaves a node at which nothing more is reported.
const struct config_node *config_root(const struct config *config);
enum config_kind config_kind(const struct config_node *node);
// A scalar's text; empty for others. `config_plain`: written without quotes.
struct span config_text(const struct config_node *node);
bool config_plain(const struct config_node *node);
// Elements of a sequence, or pairs of a mapping, in order.
size_t config_count(const struct config_node *node);
// The i-th element or value; the i-th key of a mapping.
const struct config_node *config_at(const struct config_node *node, size_t i);
const struct config_node *config_key_at(const struct config_node *node, size_t i);
// A mapping's value, or NULL.
const struct config_node *config_get(const struct config_node *node, const char *key);
uint32_t config_line(const struct config_node *node);   // from 1
uint32_t config_column(const struct config_node *node); // from 1
struct span config_file_text(const struct config *config);

// Reports a mistake at a node: "<path>: <message>". NULL node: the file as a whole.
void config_error(struct config *config, const struct config_node *node, const char *format, ...)
    PRINTF_LIKE(3, 4);
// The same with a hint under the caret, e.g. "use 30d or 48h".
void config_error_hint(struct config *config, const struct config_node *node, const char *hint,
                       const char *format, ...) PRINTF_LIKE(4, 5);
// "unknown <what> \"text\"", with the nearest candidate as hint, or else the list of them when
// short.
void config_error_unknown(struct config *config, const struct config_node *node, const char *what,
                          const char *const *candidates, size_t n_candidates);
// A warning: reported the same way, does not make the file invalid.
void config_warn(struct config *config, const struct config_node *node, const char *hint,
                 const char *format, ...) PRINTF_LIKE(4, 5);

size_t config_error_count(const struct config *config);
size_t config_warning_count(const struct config *config);
// All mistakes (and warnings) in order of line, then column, as shown above; at the end a line
// "N errors" when there is more than one. Appends nothing when there are none.
void config_report(const struct config *config, struct buf *out);

// Reading one value of a node that is there: false, with the mistake reported, when it is not such
// a thing.
bool config_read_bool(struct config *config, const struct config_node *node, bool *out);
bool config_read_i64(struct config *config, const struct config_node *node, int64_t min,
                     int64_t max, int64_t *out);
bool config_read_double(struct config *config, const struct config_node *node, double min,
                        double max, double *out);
// "30d" "48h" "5s" "250ms"; at least min_ms.
bool config_read_duration(struct config *config, const struct config_node *node, int64_t min_ms,
                          int64_t max_ms, int64_t *out_ms);
// "64MiB" "8GiB" "4096" "1KB" (1000).
bool config_read_bytes(struct config *config, const struct config_node *node, int64_t min,
                       int64_t max, int64_t *out);
// A scalar that is not empty, at most len_max bytes.
bool config_read_text(struct config *config, const struct config_node *node, size_t len_max,
                      struct span *out);
// One of `names`; its position.
bool config_read_choice(struct config *config, const struct config_node *node,
                        const char *const *names, size_t n, size_t *out);
// Every key of a mapping is one of `names`; false when a key was not (each is reported), or when
// the node is no mapping.
bool config_check_keys(struct config *config, const struct config_node *node,
                       const char *const *names, size_t n);

// Sections by table. One row gives key, type, default, bounds and one sentence; checking,
// --print-config and the reference page come from it.
enum config_type {
    CONFIG_BOOL,     // bool
    CONFIG_INT,      // int64_t, within min..max
    CONFIG_DURATION, // int64_t in ms, within min..max
    CONFIG_BYTES,    // int64_t, within min..max
    CONFIG_TEXT,     // const char *, at most max bytes (0: 1024)
    CONFIG_CHOICE,   // int (position in choices)
};
struct config_field {
    const char *key;
    enum config_type type;
    size_t offset;            // in the struct
    const char *default_text; // as one would write it; NULL: required
    int64_t min, max;
    const char *const *choices; // NULL-terminated
    const char *help;
};
// Fills `out` from a mapping (NULL: all defaults); unknown and missing keys are reported. Texts
// live in `arena`, or are the table's default. False when something was reported; what was wrong
// then has its default, or zero. A text whose default is "" may be empty; the others may not.
bool config_fill(struct config *config, const struct config_node *node,
                 const struct config_field *fields, size_t n_fields, void *out,
                 struct arena *arena);
// The same for a section that several tables share: unknown keys are not looked at
// (config_check_keys, with the keys of all tables, does that).
bool config_fill_known(struct config *config, const struct config_node *node,
                       const struct config_field *fields, size_t n_fields, void *out,
                       struct arena *arena);
// The section as YAML with its help as comments, values as they stand in `in`.
void config_print(const struct config_field *fields, size_t n_fields, const void *in,
                  struct buf *out);
// Its reference as a Markdown table.
void config_reference(const struct config_field *fields, size_t n_fields, struct buf *out);
