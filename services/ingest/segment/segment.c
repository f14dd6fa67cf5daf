// SPDX-License-Identifier: Apache-2.0
// How the stream becomes the struct: the parser keeps the depth, the top-level field that it is in,
// and (inside properties, traits and context) the flattened key as a path whose prefix lengths are
// stacked by depth. Whatever is not wanted (unknown fields, arrays) is skipped by remembering the
// depth at which it began. Strings are checked here, not by yajl: it lets overlong forms and
// surrogates pass, and it could not name the field.
#include "services/ingest/segment/segment.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/base/time_text.h"

enum field {
    FIELD_NONE, // unknown: ignored
    FIELD_TYPE,
    FIELD_MESSAGE_ID,
    FIELD_USER_ID,
    FIELD_ANONYMOUS_ID,
    FIELD_GROUP_ID,
    FIELD_PREVIOUS_ID,
    FIELD_EVENT,
    FIELD_NAME,
    FIELD_TIMESTAMP,
    FIELD_ORIGINAL_TIMESTAMP,
    FIELD_SENT_AT,
    FIELD_RECEIVED_AT,
    FIELD_PROPERTIES,
    FIELD_TRAITS,
    FIELD_CONTEXT,
    FIELD_COUNT,
};

static const char *const FIELD_NAMES[FIELD_COUNT] = {
    "",           "type",       "messageId", "userId",    "anonymousId",       "groupId",
    "previousId", "event",      "name",      "timestamp", "originalTimestamp", "sentAt",
    "receivedAt", "properties", "traits",    "context",
};

enum shape { SHAPE_NULL, SHAPE_FLAG, SHAPE_NUMBER, SHAPE_TEXT, SHAPE_OBJECT, SHAPE_ARRAY };

static const char *const SHAPE_NAMES[] = {"null", "a flag",    "a number",
                                          "text", "an object", "an array"};

enum { SHOWN_BYTES_MAX = 60 };

struct parser {
    struct arena *arena;
    struct segment_event *out;
    struct err_info *info;
    bool failed; // `info` says why
    bool done;   // the object has ended
    uint32_t depth;
    uint32_t skip_depth; // > 0: all is ignored while depth is at least this
    enum field field;
    uint32_t seen; // bits of fields
    struct span event, name, context_group_id;
    int64_t timestamp_ms, original_timestamp_ms;
    struct segment_list *list; // of the field, inside properties, traits and context
    size_t path_len;
    size_t prefix_len[SEGMENT_DEPTH_MAX + 1];
    char path[SEGMENT_KEY_BYTES_MAX + 1];
};

static int fail(struct parser *p, const char *format, ...) PRINTF_LIKE(2, 3);
static int fail(struct parser *p, const char *format, ...)
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
static const char *shown(struct parser *p, struct span s)
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

static const char *field_name(const struct parser *p)
{
    return p->field == FIELD_NONE ? "unknown field" : FIELD_NAMES[p->field];
}

// The place as a person would name it: "userId", "properties.a.b".
static const char *place(struct parser *p)
{
    if (p->depth == 0)
        return "event";
    if (p->list == NULL || p->depth < 2 || p->path_len == 0)
        return field_name(p);
    return arena_printf(p->arena, "%s.%s", FIELD_NAMES[p->field],
                        shown(p, span_make(p->path, p->path_len)));
}

static bool text_fails(struct parser *p, struct span s, const char *what)
{
    if (s.len == 0 || text_is_clean_utf8(s))
        return false;
    if (memchr(s.ptr, '\0', s.len) != NULL)
        fail(p, "%s: %sholds a NUL character", place(p), what);
    else
        fail(p, "%s: %sis not valid UTF-8", place(p), what);
    return true;
}

static bool skipping(const struct parser *p)
{
    return p->skip_depth > 0 && p->depth >= p->skip_depth;
}

static struct span keep(struct parser *p, struct span s)
{
    return span_make(arena_dup(p->arena, s), s.len);
}

static int list_add(struct parser *p, struct segment_property item)
{
    struct segment_list *list = p->list;
    if (list->n == SEGMENT_KEYS_MAX)
        return fail(p, "%s: more than %d keys", FIELD_NAMES[p->field], SEGMENT_KEYS_MAX);
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

static bool at_context_group_id(const struct parser *p)
{
    return p->field == FIELD_CONTEXT && p->depth == 2 &&
           span_is(span_make(p->path, p->path_len), "groupId");
}

static int top_type(struct parser *p, struct span s)
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
    return fail(p, "type: expected track, identify, group, page, screen or alias, got \"%s\"",
                shown(p, s));
}

static int top_time(struct parser *p, struct span s, int64_t *out)
{
    if (!time_parse(s, out))
        return fail(p, "%s: expected a time like 2026-01-31T10:00:00Z, got \"%s\"", place(p),
                    shown(p, s));
    if (*out == 0) // would read as "not given"
        return fail(p, "%s: 1970-01-01T00:00:00.000Z is no time of an event", place(p));
    return 1;
}

// Where a top-level field's text goes, or NULL.
static struct span *top_text(struct parser *p)
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
    case FIELD_PROPERTIES:
    case FIELD_TRAITS:
    case FIELD_CONTEXT:
    case FIELD_COUNT:
        break;
    }
    return NULL;
}

static int64_t *top_instant(struct parser *p)
{
    return p->field == FIELD_TIMESTAMP            ? &p->timestamp_ms
           : p->field == FIELD_ORIGINAL_TIMESTAMP ? &p->original_timestamp_ms
           : p->field == FIELD_SENT_AT            ? &p->out->sent_at_ms
           : p->field == FIELD_RECEIVED_AT        ? &p->out->received_at_ms
                                                  : NULL;
}

static bool is_list_field(enum field field)
{
    return field == FIELD_PROPERTIES || field == FIELD_TRAITS || field == FIELD_CONTEXT;
}

// A value that has no place where it stands.
static int fail_shape(struct parser *p, enum shape got)
{
    if (p->depth == 0)
        return fail(p, "not a JSON object: got %s", SHAPE_NAMES[got]);
    const char *expected = is_list_field(p->field) && p->depth == 1 ? "an object"
                           : top_instant(p) != NULL                 ? "a time as text"
                                                                    : "text";
    return fail(p, "%s: expected %s, got %s", place(p), expected, SHAPE_NAMES[got]);
}

static bool is_id(const struct parser *p)
{
    return p->field >= FIELD_MESSAGE_ID && p->field <= FIELD_PREVIOUS_ID;
}

static int on_null(void *ctx)
{
    struct parser *p = ctx;
    return p->depth == 0 ? fail_shape(p, SHAPE_NULL) : 1; // not given
}

static int on_flag(void *ctx, int value)
{
    struct parser *p = ctx;
    if (skipping(p))
        return 1;
    if (p->list == NULL || at_context_group_id(p))
        return p->field == FIELD_NONE && p->depth > 0 ? 1 : fail_shape(p, SHAPE_FLAG);
    return list_add(p, (struct segment_property){.kind = SEGMENT_FLAG, .flag = value != 0});
}

static int on_number(void *ctx, const char *digits, size_t len)
{
    struct parser *p = ctx;
    struct span s = span_make(digits, len);
    if (skipping(p) || (p->depth == 1 && p->field == FIELD_NONE))
        return 1;
    int64_t integer;
    bool whole = text_to_i64(s, &integer);
    if (p->depth > 0 && whole && (p->list == NULL ? is_id(p) : at_context_group_id(p))) {
        *(p->list == NULL ? top_text(p) : &p->context_group_id) = keep(p, s);
        return 1;
    }
    if (p->list == NULL || at_context_group_id(p))
        return fail_shape(p, SHAPE_NUMBER);
    if (whole)
        return list_add(p, (struct segment_property){.kind = SEGMENT_INTEGER, .integer = integer});
    // The grammar has been checked; what is left is the range.
    double number = strtod(keep(p, s).ptr, NULL);
    if (!isfinite(number))
        return fail(p, "%s: number out of range", place(p));
    return list_add(p, (struct segment_property){.kind = SEGMENT_NUMBER, .number = number});
}

static int on_text(void *ctx, const unsigned char *bytes, size_t len)
{
    struct parser *p = ctx;
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
    if (is_list_field(p->field))
        return fail_shape(p, SHAPE_TEXT);
    *top_text(p) = keep(p, s);
    return 1;
}

static enum field field_of(struct span key)
{
    for (int i = 1; i < FIELD_COUNT; i++) {
        if (span_is(key, FIELD_NAMES[i]))
            return (enum field)i;
    }
    return FIELD_NONE;
}

static int on_key(void *ctx, const unsigned char *bytes, size_t len)
{
    struct parser *p = ctx;
    struct span key = span_make(bytes, len);
    p->path_len = p->depth >= 2 ? p->prefix_len[p->depth] : 0;
    if (text_fails(p, key, "a key "))
        return 0;
    if (skipping(p))
        return 1;
    if (p->depth == 1) {
        p->field = field_of(key);
        if (p->field != FIELD_NONE && (p->seen & 1u << p->field) != 0)
            return fail(p, "%s: given twice", FIELD_NAMES[p->field]);
        p->seen |= 1u << p->field;
        return 1;
    }
    size_t dot = p->depth > 2;
    if (len > SEGMENT_KEY_BYTES_MAX || p->path_len + dot + len > SEGMENT_KEY_BYTES_MAX)
        return fail(p, "%s: a key has %zu bytes, at most %d", FIELD_NAMES[p->field],
                    p->path_len + dot + len, SEGMENT_KEY_BYTES_MAX);
    if (dot)
        p->path[p->path_len++] = '.';
    memcpy(p->path + p->path_len, bytes, len);
    p->path_len += len;
    return 1;
}

// An object or an array begins: the depth grows in any case.
static int open_container(struct parser *p, enum shape shape)
{
    if (p->depth == SEGMENT_DEPTH_MAX)
        return fail(p, "%s: nested deeper than %d", field_name(p), SEGMENT_DEPTH_MAX);
    if (!skipping(p)) {
        if (p->depth == 0 && shape == SHAPE_ARRAY)
            return fail_shape(p, shape);
        bool known = p->depth == 1 && p->field != FIELD_NONE;
        if (known && !(is_list_field(p->field) && shape == SHAPE_OBJECT))
            return fail_shape(p, shape);
        if (p->list != NULL && at_context_group_id(p))
            return fail_shape(p, shape);
        if (known)
            p->list = p->field == FIELD_PROPERTIES ? &p->out->properties
                      : p->field == FIELD_TRAITS   ? &p->out->traits
                                                   : &p->out->context;
        else if (shape == SHAPE_ARRAY || p->depth == 1)
            p->skip_depth = p->depth + 1;
    }
    p->depth++;
    p->prefix_len[p->depth] = p->depth > 2 ? p->path_len : 0;
    return 1;
}

static int on_object(void *ctx)
{
    return open_container(ctx, SHAPE_OBJECT);
}

static int on_array(void *ctx)
{
    return open_container(ctx, SHAPE_ARRAY);
}

static int on_close(void *ctx)
{
    struct parser *p = ctx;
    p->depth--;
    if (p->depth < p->skip_depth)
        p->skip_depth = 0;
    if (p->depth <= 1)
        p->list = NULL;
    if (p->depth == 0)
        p->done = true;
    return 1;
}

static const yajl_callbacks CALLBACKS = {
    .yajl_null = on_null,
    .yajl_boolean = on_flag,
    .yajl_number = on_number,
    .yajl_string = on_text,
    .yajl_start_map = on_object,
    .yajl_map_key = on_key,
    .yajl_end_map = on_close,
    .yajl_start_array = on_array,
    .yajl_end_array = on_close,
};

static void *yajl_malloc_cb(void *ctx, size_t n)
{
    (void)ctx;
    return mem_alloc(n);
}

static void *yajl_realloc_cb(void *ctx, void *p, size_t n)
{
    (void)ctx;
    return mem_realloc(p, n);
}

static void yajl_free_cb(void *ctx, void *p)
{
    (void)ctx;
    mem_free(p);
}

// yajl's own words ("lexical error: invalid char in json text.\n") without their frame.
static void fail_syntax(struct parser *p, yajl_handle yajl, struct span json, size_t at)
{
    unsigned char *error = yajl_get_error(yajl, 0, json.ptr, json.len);
    const char *text = (const char *)error;
    const char *colon = strstr(text, ": ");
    if (colon != NULL)
        text = colon + 2;
    size_t len = strcspn(text, "\n");
    while (len > 0 && text[len - 1] == '.')
        len--;
    fail(p, "not JSON: %.*s at byte %zu", (int)len, text, at);
    yajl_free_error(yajl, error);
}

static void parse(struct parser *p, struct span json)
{
    yajl_alloc_funcs memory = {yajl_malloc_cb, yajl_realloc_cb, yajl_free_cb, NULL};
    yajl_handle yajl = yajl_alloc(&CALLBACKS, &memory, p);
    yajl_config(yajl, yajl_dont_validate_strings, 1);
    yajl_status status = yajl_parse(yajl, json.ptr, json.len);
    if (status == yajl_status_error && !p->failed)
        fail_syntax(p, yajl, json, yajl_get_bytes_consumed(yajl));
    // What was fine so far can only be too short.
    if (status == yajl_status_ok)
        status = yajl_complete_parse(yajl);
    if (status == yajl_status_error && !p->failed)
        fail(p, "not JSON: unexpected end at byte %zu", json.len);
    CHECK(status != yajl_status_client_canceled || p->failed);
    CHECK(p->failed || p->done);
    yajl_free(yajl);
}

// Of repeated keys the last one counts, as in every JSON reader that keeps objects.
static void drop_repeated(struct segment_list *list)
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

static void finish(struct parser *p)
{
    struct segment_event *out = p->out;
    if (out->kind == 0) {
        fail(p, "type: missing; expected track, identify, group, page, screen or alias");
        return;
    }
    if (out->group_id.len == 0)
        out->group_id = p->context_group_id;
    out->name = out->kind == SEGMENT_TRACK                                 ? p->event
                : out->kind == SEGMENT_PAGE || out->kind == SEGMENT_SCREEN ? p->name
                                                                           : (struct span){0};
    // What servers write beside originalTimestamp as timestamp is corrected already, so it must not
    // be corrected by sentAt again.
    bool original = p->original_timestamp_ms != 0 && (out->sent_at_ms != 0 || p->timestamp_ms == 0);
    out->timestamp_ms = original ? p->original_timestamp_ms : p->timestamp_ms;
    drop_repeated(&out->properties);
    drop_repeated(&out->traits);
    drop_repeated(&out->context);
}

enum err segment_parse(struct span json, struct arena *arena, struct segment_event *out,
                       struct err_info *info)
{
    CHECK(arena->bytes_max == 0);
    memset(out, 0, sizeof *out);
    if (json.len > SEGMENT_EVENT_BYTES_MAX)
        return err_set(info, ERR_INVALID, "event has %zu bytes, at most %d", json.len,
                       SEGMENT_EVENT_BYTES_MAX);
    struct parser p = {.arena = arena, .out = out, .info = info};
    parse(&p, json);
    if (!p.failed)
        finish(&p);
    return p.failed ? ERR_INVALID : ERR_OK;
}
