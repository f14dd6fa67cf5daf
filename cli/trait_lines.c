// SPDX-License-Identifier: Apache-2.0
#include "cli/trait_lines.h"

#include <csv.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/base/time_text.h"

enum { COLUMNS_MAX = 1024 };

struct cells {
    char **items;
    size_t n, cap;
};

struct trait_lines {
    struct trait_lines_opts opts;
    int64_t at_ms;
    bool begun, json;
    struct csv_parser parser;
    bool parsing; // the parser was made
    struct cells heading, row;
    size_t key; // of the heading
    bool row_done;
    bool inside; // a quoted cell goes on
};

// ---- Life cycle ----

static void cells_clear(struct cells *cells)
{
    for (size_t i = 0; i < cells->n; i++)
        mem_free(cells->items[i]);
    cells->n = 0;
}

struct trait_lines *trait_lines_create(const struct trait_lines_opts *opts)
{
    struct trait_lines *lines = mem_zalloc(sizeof *lines);
    lines->opts = *opts;
    return lines;
}

static void parser_end(struct trait_lines *lines)
{
    if (lines->parsing)
        csv_free(&lines->parser);
    lines->parsing = false;
    cells_clear(&lines->heading);
    cells_clear(&lines->row);
}

void trait_lines_destroy(struct trait_lines *lines)
{
    if (lines == NULL)
        return;
    parser_end(lines);
    mem_free(lines->heading.items);
    mem_free(lines->row.items);
    mem_free(lines);
}

void trait_lines_begin(struct trait_lines *lines, int64_t at_ms)
{
    parser_end(lines);
    lines->at_ms = at_ms;
    lines->begun = lines->json = lines->row_done = lines->inside = false;
}

bool trait_lines_open(const struct trait_lines *lines)
{
    return lines->inside;
}

// ---- Calls ----

static json_t *value_of(struct span text)
{
    int64_t integer;
    double number;
    if (span_is(text, "true") || span_is(text, "false"))
        return json_boolean(span_is(text, "true"));
    // What begins with 0 is a code, not a number.
    const char *p = text.ptr;
    bool code = text.len > 1 && p[0] == '0' && p[1] != '.';
    if (!code && text_to_i64(text, &integer))
        return json_integer(integer);
    if (!code && text_to_double(text, &number))
        return json_real(number);
    return json_stringn(text.ptr, text.len);
}

// Takes `traits`.
static void call_write(const struct trait_lines *lines, const char *id, json_t *traits,
                       struct buf *out)
{
    char at[TIME_TEXT_MAX], message[64];
    bool users = lines->opts.of_users;
    json_t *call = json_pack("{s:s, s:s, s:s, s:o}", "type", users ? "identify" : "group",
                             users ? "userId" : "groupId", id, "timestamp",
                             time_format(lines->at_ms, at), "traits", traits);
    char *bare = json_dumps(call, JSON_COMPACT | JSON_SORT_KEYS);
    struct hash128 hash = hash128(span_of(bare));
    snprintf(message, sizeof message, "traits-%016llx%016llx", (unsigned long long)hash.high,
             (unsigned long long)hash.low);
    json_object_set_new(call, "messageId", json_string(message));
    char *text = json_dumps(call, JSON_COMPACT | JSON_REAL_PRECISION(17));
    buf_clear(out);
    buf_append_text(out, text);
    free(text);
    free(bare);
    json_decref(call);
}

// ---- NDJSON ----

static const char *const KEYS[2][4] = {
    {"groupId", "account_id", "account", "id"},
    {"userId", "user_id", "user", "id"},
};

static const char *object_key(const struct trait_lines *lines, json_t *object)
{
    if (lines->opts.key != NULL)
        return lines->opts.key;
    for (size_t i = 0; i < ARRAY_LEN(KEYS[0]); i++) {
        const char *key = KEYS[lines->opts.of_users][i];
        if (json_object_get(object, key) != NULL)
            return key;
    }
    return KEYS[lines->opts.of_users][0];
}

static enum trait_line object_next(const struct trait_lines *lines, struct span line,
                                   struct buf *call, struct err_info *info)
{
    json_error_t error;
    json_t *object = json_loadb(line.ptr, line.len, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(object)) {
        json_decref(object);
        (void)err_set(info, ERR_INVALID, "not an object: %s",
                      object == NULL ? error.text : "expected {...}");
        return TRAIT_LINE_BAD;
    }
    const char *key = object_key(lines, object);
    json_t *named = json_object_get(object, key);
    char id[32];
    const char *text = json_string_value(named);
    if (json_is_integer(named)) {
        snprintf(id, sizeof id, "%lld", (long long)json_integer_value(named));
        text = id;
    }
    if (text == NULL || text[0] == '\0') {
        (void)err_set(info, ERR_INVALID, "%s: missing (--key names another one)", key);
        json_decref(object);
        return TRAIT_LINE_BAD;
    }
    char *kept = mem_dup_text(text);
    (void)json_object_del(object, key);
    call_write(lines, kept, object, call);
    mem_free(kept);
    return TRAIT_LINE_CALL;
}

// ---- CSV ----

static void cell_cb(void *text, size_t n, void *arg)
{
    struct trait_lines *lines = arg;
    struct cells *row = &lines->row;
    if (row->n >= COLUMNS_MAX)
        return;
    MEM_GROW(row->items, row->n, row->cap);
    row->items[row->n++] = mem_dup(span_make(text == NULL ? "" : text, n));
}

static void row_cb(int end, void *arg)
{
    (void)end;
    struct trait_lines *lines = arg;
    lines->row_done = true;
}

// Whatever there is most of in the heading.
static unsigned char delimiter_of(struct span heading)
{
    static const char CANDIDATES[] = {',', ';', '\t'};
    size_t most = 0;
    char best = ',';
    for (size_t i = 0; i < sizeof CANDIDATES; i++) {
        size_t n = 0;
        for (size_t j = 0; j < heading.len; j++)
            n += ((const char *)heading.ptr)[j] == CANDIDATES[i];
        if (n > most) {
            most = n;
            best = CANDIDATES[i];
        }
    }
    return (unsigned char)best;
}

static bool heading_take(struct trait_lines *lines, struct err_info *info)
{
    struct cells *row = &lines->row, held = lines->heading;
    lines->heading = *row;
    *row = held;
    row->n = 0;
    lines->key = 0;
    if (lines->opts.key == NULL)
        return true;
    for (size_t i = 0; i < lines->heading.n; i++) {
        lines->key = i;
        if (strcmp(lines->heading.items[i], lines->opts.key) == 0)
            return true;
    }
    lines->key = 0;
    (void)err_set(info, ERR_INVALID, "there is no column \"%s\"", lines->opts.key);
    return false;
}

static enum trait_line row_take(struct trait_lines *lines, struct buf *call, struct err_info *info)
{
    const struct cells *row = &lines->row, *heading = &lines->heading;
    if (row->n > heading->n) {
        (void)err_set(info, ERR_INVALID, "%zu cells, and the heading has %zu columns", row->n,
                      heading->n);
        return TRAIT_LINE_BAD;
    }
    if (lines->key >= row->n || row->items[lines->key][0] == '\0') {
        (void)err_set(info, ERR_INVALID, "%s: missing", heading->items[lines->key]);
        return TRAIT_LINE_BAD;
    }
    json_t *traits = json_object();
    for (size_t i = 0; i < row->n; i++) {
        if (i != lines->key && row->items[i][0] != '\0' && heading->items[i][0] != '\0')
            json_object_set_new(traits, heading->items[i], value_of(span_of(row->items[i])));
    }
    call_write(lines, row->items[lines->key], traits, call);
    return TRAIT_LINE_CALL;
}

static enum trait_line csv_next(struct trait_lines *lines, struct span line, struct buf *call,
                                struct err_info *info)
{
    bool heading = !lines->parsing;
    if (heading) {
        CHECK(csv_init(&lines->parser, CSV_APPEND_NULL) == 0);
        csv_set_delim(&lines->parser, delimiter_of(line));
        lines->parsing = true;
    }
    if (!lines->inside)
        cells_clear(&lines->row);
    lines->row_done = false;
    (void)csv_parse(&lines->parser, line.ptr, line.len, cell_cb, row_cb, lines);
    (void)csv_parse(&lines->parser, "\n", 1, cell_cb, row_cb, lines);
    lines->inside = !lines->row_done;
    if (lines->inside)
        return TRAIT_LINE_NONE;
    if (lines->heading.n == 0)
        return heading_take(lines, info) ? TRAIT_LINE_NONE : TRAIT_LINE_BAD;
    return row_take(lines, call, info);
}

enum trait_line trait_lines_next(struct trait_lines *lines, struct span line, struct buf *call,
                                 struct err_info *info)
{
    static const char MARK[] = "\xEF\xBB\xBF"; // spreadsheets begin UTF-8 with it
    if (!lines->begun && span_starts(line, MARK))
        line = span_make((const char *)line.ptr + 3, line.len - 3);
    if (!text_is_clean_utf8(line)) {
        (void)err_set(info, ERR_INVALID, "not valid UTF-8");
        return TRAIT_LINE_BAD;
    }
    if (!lines->begun) {
        lines->begun = true;
        lines->json = line.len > 0 && ((const char *)line.ptr)[0] == '{';
    }
    return lines->json ? object_next(lines, line, call, info) : csv_next(lines, line, call, info);
}
