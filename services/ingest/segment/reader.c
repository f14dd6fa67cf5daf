// SPDX-License-Identifier: Apache-2.0
// The reader keeps the depth, the top-level field that it is in, and (inside properties, traits and
// context) the flattened key as a path whose prefix lengths are stacked by depth. Whatever is not
// wanted (unknown fields, arrays) is skipped by remembering the depth at which it began. Strings
// are checked here, not by yajl: it lets overlong forms and surrogates pass, and it could not name
// the field.
#include "services/ingest/segment/reader.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/base/text.h"
#include "common/base/time_text.h"

const char *const DIALECT_SEGMENT[FIELD_COUNT] = {
    [FIELD_TYPE] = "type",
    [FIELD_MESSAGE_ID] = "messageId",
    [FIELD_USER_ID] = "userId",
    [FIELD_ANONYMOUS_ID] = "anonymousId",
    [FIELD_GROUP_ID] = "groupId",
    [FIELD_PREVIOUS_ID] = "previousId",
    [FIELD_EVENT] = "event",
    [FIELD_NAME] = "name",
    [FIELD_TIMESTAMP] = "timestamp",
    [FIELD_ORIGINAL_TIMESTAMP] = "originalTimestamp",
    [FIELD_SENT_AT] = "sentAt",
    [FIELD_RECEIVED_AT] = "receivedAt",
    [FIELD_PROPERTIES] = "properties",
    [FIELD_TRAITS] = "traits",
    [FIELD_CONTEXT] = "context",
};

const char *const DIALECT_POSTHOG[FIELD_COUNT] = {
    [FIELD_MESSAGE_ID] = "uuid",       [FIELD_USER_ID] = "distinct_id", [FIELD_EVENT] = "event",
    [FIELD_TIMESTAMP] = "timestamp",   [FIELD_SENT_AT] = "sent_at",     [FIELD_OFFSET] = "offset",
    [FIELD_PROPERTIES] = "properties", [FIELD_TRAITS] = "$set",         [FIELD_ONCE] = "$set_once",
};

enum shape { SHAPE_NULL, SHAPE_FLAG, SHAPE_NUMBER, SHAPE_TEXT, SHAPE_OBJECT, SHAPE_ARRAY };

static const char *const SHAPE_NAMES[] = {"null", "a flag",    "a number",
                                          "text", "an object", "an array"};

enum { SHOWN_BYTES_MAX = 60 };

int reader_fail(struct reader *p, const char *format, ...)
{
    p->failed = true;
    if (p->info != NULL) {
        va_list args;
        va_start(args, format);
        vsnprintf(p->info->text, sizeof p->info->text, format, args);
        va_end(args);
    }
    return 0;
}

// A text from outside, short enough for a message and cut between characters.
static const char *shown(struct reader *p, struct span s)
{
    size_t n = s.len;
    const unsigned char *bytes = s.ptr;
    if (n > SHOWN_BYTES_MAX) {
        n = SHOWN_BYTES_MAX;
        while (n > 0 && (bytes[n] & 0xC0) == 0x80)
            n--;
    }
    char *text =
        arena_printf(p->arena, "%.*s%s", (int)n, (const char *)bytes, n < s.len ? "..." : "");
    for (char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            *c = '?';
    }
    return text;
}

static const char *field_name(const struct reader *p)
{
    const char *name = p->dialect[p->field];
    return name == NULL ? "unknown field" : name;
}

// The place as a person would name it: "userId", "properties.a.b".
static const char *place(struct reader *p)
{
    if (p->depth == 0)
        return "event";
    if (p->list == NULL || p->depth < 2 || p->path_len == 0)
        return field_name(p);
    return arena_printf(p->arena, "%s.%s", field_name(p),
                        shown(p, span_make(p->path, p->path_len)));
}

static bool text_fails(struct reader *p, struct span s, const char *what)
{
    if (s.len == 0 || text_is_clean_utf8(s))
        return false;
    if (memchr(s.ptr, '\0', s.len) != NULL)
        reader_fail(p, "%s: %sholds a NUL character", place(p), what);
    else
        reader_fail(p, "%s: %sis not valid UTF-8", place(p), what);
    return true;
}

static bool skipping(const struct reader *p)
{
    return p->skip_depth > 0 && p->depth >= p->skip_depth;
}

static struct span keep(struct reader *p, struct span s)
{
    return span_make(arena_dup(p->arena, s), s.len);
}

static int list_add(struct reader *p, struct segment_property item)
{
    struct segment_list *list = p->list;
    if (list->n == SEGMENT_KEYS_MAX)
        return reader_fail(p, "%s: more than %d keys", field_name(p), SEGMENT_KEYS_MAX);
    if (list->n == list->cap) {
        size_t cap = list->cap == 0 ? 8 : list->cap * 2;
        struct segment_property *items = arena_alloc(p->arena, cap * sizeof *items);
        if (list->n > 0)
            memcpy(items, list->items, list->n * sizeof *items);
        list->items = items;
        list->cap = cap;
    }
    item.key = keep(p, span_make(p->path, p->path_len));
    list->items[list->n++] = item;
    return 1;
}

static bool at_context_group_id(const struct reader *p)
{
    return p->field == FIELD_CONTEXT && p->depth == 2 &&
           span_is(span_make(p->path, p->path_len), "groupId");
}

static int top_type(struct reader *p, struct span s)
{
    static const struct {
        const char *name;
        enum segment_kind kind;
    } KINDS[] = {{"track", SEGMENT_TRACK},   {"identify", SEGMENT_IDENTIFY},
                 {"group", SEGMENT_GROUP},   {"page", SEGMENT_PAGE},
                 {"screen", SEGMENT_SCREEN}, {"alias", SEGMENT_ALIAS}};
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
        if (span_is(s, KINDS[i].name)) {
            p->out->kind = KINDS[i].kind;
            return 1;
        }
    }
    return reader_fail(
        p, "type: expected track, identify, group, page, screen or alias, got \"%s\"", shown(p, s));
}

static int top_time(struct reader *p, struct span s, int64_t *out)
{
    if (!time_parse(s, out))
        return reader_fail(p, "%s: expected a time like 2026-01-31T10:00:00Z, got \"%s\"", place(p),
                           shown(p, s));
    if (*out == 0) // would read as "not given"
        return reader_fail(p, "%s: 1970-01-01T00:00:00.000Z is no time of an event", place(p));
    return 1;
}

// Where a top-level field's text goes, or NULL.
static struct span *top_text(struct reader *p)
{
    switch (p->field) {
    case FIELD_MESSAGE_ID:
        return &p->out->message_id;
    case FIELD_USER_ID:
        return &p->out->user_id;
    case FIELD_ANONYMOUS_ID:
        return &p->out->anonymous_id;
    case FIELD_GROUP_ID:
        return &p->out->group_id;
    case FIELD_PREVIOUS_ID:
        return &p->out->previous_id;
    case FIELD_EVENT:
        return &p->event;
    case FIELD_NAME:
        return &p->name;
    case FIELD_NONE:
    case FIELD_TYPE:
    case FIELD_TIMESTAMP:
    case FIELD_ORIGINAL_TIMESTAMP:
    case FIELD_SENT_AT:
    case FIELD_RECEIVED_AT:
    case FIELD_OFFSET:
    case FIELD_PROPERTIES:
    case FIELD_TRAITS:
    case FIELD_ONCE:
    case FIELD_CONTEXT:
    case FIELD_COUNT:
        break;
    }
    return NULL;
}

static int64_t *top_instant(struct reader *p)
{
    return p->field == FIELD_TIMESTAMP            ? &p->timestamp_ms
           : p->field == FIELD_ORIGINAL_TIMESTAMP ? &p->original_timestamp_ms
           : p->field == FIELD_SENT_AT            ? &p->out->sent_at_ms
           : p->field == FIELD_RECEIVED_AT        ? &p->out->received_at_ms
                                                  : NULL;
}

// Where a field's keys go, or NULL: it is no object.
static struct segment_list *list_of(struct reader *p)
{
    return p->field == FIELD_PROPERTIES ? &p->out->properties
           : p->field == FIELD_TRAITS   ? &p->out->traits
           : p->field == FIELD_CONTEXT  ? &p->out->context
           : p->field == FIELD_ONCE     ? &p->once
                                        : NULL;
}

// A value that has no place where it stands.
static int fail_shape(struct reader *p, enum shape got)
{
    if (p->depth == 0)
        return reader_fail(p, "not a JSON object: got %s", SHAPE_NAMES[got]);
    const char *expected = list_of(p) != NULL && p->depth == 1 ? "an object"
                           : top_instant(p) != NULL            ? "a time as text"
                           : p->field == FIELD_OFFSET          ? "a number"
                                                               : "text";
    return reader_fail(p, "%s: expected %s, got %s", place(p), expected, SHAPE_NAMES[got]);
}

static bool is_id(const struct reader *p)
{
    return p->field >= FIELD_MESSAGE_ID && p->field <= FIELD_PREVIOUS_ID;
}

int reader_on_null(void *reader)
{
    struct reader *p = reader;
    return p->depth == 0 ? fail_shape(p, SHAPE_NULL) : 1; // not given
}

int reader_on_flag(void *reader, int value)
{
    struct reader *p = reader;
    if (skipping(p))
        return 1;
    if (p->list == NULL || at_context_group_id(p))
        return p->field == FIELD_NONE && p->depth > 0 ? 1 : fail_shape(p, SHAPE_FLAG);
    return list_add(p, (struct segment_property){.kind = SEGMENT_FLAG, .flag = value != 0});
}

int reader_on_number(void *reader, const char *digits, size_t len)
{
    struct reader *p = reader;
    struct span s = span_make(digits, len);
    if (skipping(p) || (p->depth == 1 && p->field == FIELD_NONE))
        return 1;
    int64_t integer;
    bool whole = text_to_i64(s, &integer);
    if (p->depth > 0 && whole && (p->list == NULL ? is_id(p) : at_context_group_id(p))) {
        *(p->list == NULL ? top_text(p) : &p->context_group_id) = keep(p, s);
        return 1;
    }
    if (p->depth == 1 && p->field == FIELD_OFFSET && whole) {
        p->offset_ms = integer;
        return 1;
    }
    if (p->list == NULL || at_context_group_id(p))
        return fail_shape(p, SHAPE_NUMBER);
    if (whole)
        return list_add(p, (struct segment_property){.kind = SEGMENT_INTEGER, .integer = integer});
    // The grammar has been checked; what is left is the range.
    double number = strtod(keep(p, s).ptr, NULL);
    if (!isfinite(number))
        return reader_fail(p, "%s: number out of range", place(p));
    return list_add(p, (struct segment_property){.kind = SEGMENT_NUMBER, .number = number});
}

int reader_on_text(void *reader, const unsigned char *bytes, size_t len)
{
    struct reader *p = reader;
    struct span s = span_make(bytes, len);
    if (text_fails(p, s, ""))
        return 0;
    if (p->depth == 0)
        return fail_shape(p, SHAPE_TEXT);
    if (skipping(p) || (p->depth == 1 && p->field == FIELD_NONE))
        return 1;
    if (at_context_group_id(p)) {
        p->context_group_id = keep(p, s);
        return 1;
    }
    if (p->list != NULL)
        return list_add(p, (struct segment_property){.kind = SEGMENT_TEXT, .text = keep(p, s)});
    if (p->field == FIELD_TYPE)
        return top_type(p, s);
    if (top_instant(p) != NULL)
        return top_time(p, s, top_instant(p));
    if (top_text(p) == NULL)
        return fail_shape(p, SHAPE_TEXT);
    *top_text(p) = keep(p, s);
    return 1;
}

static enum field field_of(const struct reader *p, struct span key)
{
    for (int i = p->kind_stands ? FIELD_MESSAGE_ID : FIELD_TYPE; i < FIELD_COUNT; i++) {
        if (p->dialect[i] != NULL && span_is(key, p->dialect[i]))
            return (enum field)i;
    }
    return FIELD_NONE;
}

int reader_on_key(void *reader, const unsigned char *bytes, size_t len)
{
    struct reader *p = reader;
    struct span key = span_make(bytes, len);
    p->path_len = p->depth >= 2 ? p->prefix_len[p->depth] : 0;
    if (text_fails(p, key, "a key "))
        return 0;
    if (skipping(p))
        return 1;
    if (p->depth == 1) {
        p->field = field_of(p, key);
        if (p->field != FIELD_NONE && (p->seen & 1u << p->field) != 0)
            return reader_fail(p, "%s: given twice", field_name(p));
        p->seen |= 1u << p->field;
        return 1;
    }
    size_t dot = p->depth > 2;
    if (len > SEGMENT_KEY_BYTES_MAX || p->path_len + dot + len > SEGMENT_KEY_BYTES_MAX)
        return reader_fail(p, "%s: a key has %zu bytes, at most %d", field_name(p),
                           p->path_len + dot + len, SEGMENT_KEY_BYTES_MAX);
    if (dot)
        p->path[p->path_len++] = '.';
    memcpy(p->path + p->path_len, bytes, len);
    p->path_len += len;
    return 1;
}

// An object or an array begins: the depth grows in any case.
static int open_container(struct reader *p, enum shape shape)
{
    if (p->depth == SEGMENT_DEPTH_MAX)
        return reader_fail(p, "%s: nested deeper than %d", field_name(p), SEGMENT_DEPTH_MAX);
    if (!skipping(p)) {
        if (p->depth == 0 && shape == SHAPE_ARRAY)
            return fail_shape(p, shape);
        bool known = p->depth == 1 && p->field != FIELD_NONE;
        if (known && !(list_of(p) != NULL && shape == SHAPE_OBJECT))
            return fail_shape(p, shape);
        if (p->list != NULL && at_context_group_id(p))
            return fail_shape(p, shape);
        if (known)
            p->list = list_of(p);
        else if (shape == SHAPE_ARRAY || p->depth == 1)
            p->skip_depth = p->depth + 1;
    }
    p->depth++;
    p->prefix_len[p->depth] = p->depth > 2 ? p->path_len : 0;
    return 1;
}

int reader_on_object(void *reader)
{
    return open_container(reader, SHAPE_OBJECT);
}

int reader_on_array(void *reader)
{
    return open_container(reader, SHAPE_ARRAY);
}

int reader_on_close(void *reader)
{
    struct reader *p = reader;
    p->depth--;
    if (p->depth < p->skip_depth)
        p->skip_depth = 0;
    if (p->depth <= 1)
        p->list = NULL;
    if (p->depth == 0)
        p->done = true;
    return 1;
}

// Of repeated keys the last one counts, as in every JSON reader that keeps objects.
void reader_drop_repeated(struct segment_list *list)
{
    uint64_t hashes[SEGMENT_KEYS_MAX];
    size_t n = 0;
    CHECK(list->n <= SEGMENT_KEYS_MAX);
    for (size_t i = 0; i < list->n; i++) {
        uint64_t hash = hash64(list->items[i].key);
        size_t at = 0;
        while (at < n && !(hashes[at] == hash && span_eq(list->items[at].key, list->items[i].key)))
            at++;
        list->items[at] = list->items[i];
        hashes[at] = hash;
        n = at == n ? n + 1 : n;
    }
    list->n = n;
}

void reader_begin(struct reader *reader, const char *const *dialect, enum segment_kind kind,
                  struct arena *arena, struct segment_event *out, struct err_info *info)
{
    // The path is written before it is read.
    memset(reader, 0, offsetof(struct reader, prefix_len));
    memset(out, 0, sizeof *out);
    reader->dialect = dialect;
    reader->kind_stands = kind != 0;
    reader->arena = arena;
    reader->out = out;
    reader->info = info;
    out->kind = kind;
}

void reader_finish(struct reader *p)
{
    struct segment_event *out = p->out;
    CHECK(p->done && !p->failed && p->dialect == DIALECT_SEGMENT);
    if (out->kind == 0) {
        reader_fail(p, "type: missing; expected track, identify, group, page, screen or alias");
        return;
    }
    if (out->group_id.len == 0)
        out->group_id = p->context_group_id;
    out->name = out->kind == SEGMENT_TRACK                                 ? p->event
                : out->kind == SEGMENT_PAGE || out->kind == SEGMENT_SCREEN ? p->name
                                                                           : (struct span){0};
    reader_drop_repeated(&out->properties);
    reader_drop_repeated(&out->traits);
    reader_drop_repeated(&out->context);
}

int64_t reader_instant(int64_t timestamp_ms, int64_t original_timestamp_ms, int64_t sent_at_ms)
{
    // What servers write beside originalTimestamp as timestamp is corrected already, so it must not
    // be corrected by sentAt again.
    bool original = original_timestamp_ms != 0 && (sent_at_ms != 0 || timestamp_ms == 0);
    return original ? original_timestamp_ms : timestamp_ms;
}
