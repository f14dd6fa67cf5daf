// SPDX-License-Identifier: Apache-2.0
// Each part of the JSON goes to one of two readers. The outermost object is read as a call, until
// it turns out to hold a batch; then each element of the batch has the second reader for itself,
// and what the first one says does not count any more. Where an element ends is known by depth
// alone, so one that has failed is passed over without its reader.
#include "services/ingest/segment/body.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/index.h"
#include "common/base/text.h"
#include "common/base/time_text.h"
#include "services/ingest/segment/json.h"
#include "services/ingest/segment/posthog.h"
#include "services/ingest/segment/reader.h"

enum body_key { KEY_OTHER, KEY_BATCH, KEY_WRITE_KEY, KEY_SENT_AT };

// A call that is being read.
struct call {
    struct segment_item *item;
    size_t start; // of its bytes
    struct err_info info;
    struct reader reader;
};

struct body {
    const struct segment_body_opts *opts;
    struct arena *arena;
    struct segment_body *out;
    struct err_info *info;
    enum err err; // the body as a whole is refused
    struct span json;
    struct json_run run;
    const char *const *dialect;
    uint32_t depth;
    enum body_key key;    // of the outermost object, at depth 1
    uint32_t batch_depth; // > 0: there is an array of calls, and its elements are at this depth
    bool in_batch;        // inside of it
    size_t element_from;  // the element before has ended here
    int64_t sent_at_ms;
    size_t cap;        // of out->items
    struct index same; // items without an id of their own, by digest
    struct call outer, inner;
    struct call *call; // where parts go now, or NULL: none, or it has failed
};

static int body_fail(struct body *b, enum err err, const char *format, ...) PRINTF_LIKE(3, 4);
static int body_fail(struct body *b, enum err err, const char *format, ...)
{
    b->err = err;
    if (b->info != NULL) {
        va_list args;
        va_start(args, format);
        vsnprintf(b->info->text, sizeof b->info->text, format, args);
        va_end(args);
    }
    return 0;
}

// ---- Calls --------------------------------------------------------------------------------------

// How many bytes of white space and commas come first.
static size_t gap(const char *text, size_t len)
{
    size_t n = 0;
    while (n < len && memchr(" \t\r\n,", text[n], 5) != NULL)
        n++;
    return n;
}

static void call_begin(struct body *b, struct call *call, size_t from)
{
    const char *text = b->json.ptr;
    call->item = arena_alloc(b->arena, sizeof *call->item);
    call->start = from + gap(text + from, b->json.len - from);
    reader_begin(&call->reader, b->dialect, b->opts->kind, b->arena, &call->item->event,
                 &call->info);
    b->call = call;
}

static bool item_same(const void *ctx, uint32_t item, const void *key)
{
    const struct body *b = ctx;
    return hash128_eq(b->out->items[item]->digest, *(const struct hash128 *)key);
}

static uint64_t item_hash(const void *ctx, uint32_t item)
{
    return ((const struct body *)ctx)->out->items[item]->digest.low;
}

static void item_name(struct body *b, struct segment_item *item, uint32_t number)
{
    uint32_t nth = 0;
    item->digest = hash128(item->json);
    uint32_t first = index_find(&b->same, item->digest.low, item_same, b, &item->digest);
    if (first == INDEX_NONE)
        index_add(&b->same, item->digest.low, number, item_hash, b);
    else
        nth = ++b->out->items[first]->again;
    char *id = nth == 0 ? arena_printf(b->arena, "body-%016llx%016llx",
                                       (unsigned long long)item->digest.high,
                                       (unsigned long long)item->digest.low)
                        : arena_printf(b->arena, "body-%016llx%016llx-%u",
                                       (unsigned long long)item->digest.high,
                                       (unsigned long long)item->digest.low, nth);
    item->event.message_id = span_of(id);
}

static void call_finish(struct body *b, struct call *call)
{
    struct reader *reader = &call->reader;
    if (call->item->json.len > b->opts->event_bytes_max)
        (void)reader_fail(reader, "event has %zu bytes, at most %zu", call->item->json.len,
                          b->opts->event_bytes_max);
    else if (!reader->failed && b->opts->dialect == SEGMENT_DIALECT_POSTHOG)
        posthog_finish(reader, b->opts->posthog_group, b->opts->now_ms, &b->out->write_key);
    else if (!reader->failed)
        reader_finish(reader);
}

// The call has ended with the byte before `end`. 0: there are too many.
static int call_add(struct body *b, struct call *call, size_t end)
{
    struct segment_body *out = b->out;
    struct segment_item *item = call->item;
    if (out->n == b->opts->events_max)
        return body_fail(b, ERR_FULL, "batch: more than %zu events", b->opts->events_max);
    if (out->n == b->cap) {
        size_t cap = b->cap == 0 ? 8 : b->cap * 2;
        struct segment_item **items = arena_alloc(b->arena, cap * sizeof *items);
        if (out->n > 0)
            memcpy(items, out->items, out->n * sizeof *items);
        out->items = items;
        b->cap = cap;
    }
    item->json = span_make((const char *)b->json.ptr + call->start, end - call->start);
    call_finish(b, call);
    out->items[out->n++] = item;
    item->timestamp_ms = call->reader.timestamp_ms;
    item->original_timestamp_ms = call->reader.original_timestamp_ms;
    if (call->reader.failed)
        item->reason = arena_dup(b->arena, span_of(call->info.text));
    else if (item->event.message_id.len == 0)
        item_name(b, item, (uint32_t)out->n - 1);
    return 1;
}

// ---- Parts --------------------------------------------------------------------------------------

// An element of the batch begins here, if one does.
static void value_begin(struct body *b)
{
    if (b->in_batch && b->depth == b->batch_depth)
        call_begin(b, &b->inner, b->element_from);
}

// After a value, and what the reader of its call said: an element may have ended.
static int value_end(struct body *b, int result)
{
    if (result == 0)
        b->call = NULL;
    if (!b->in_batch || b->depth != b->batch_depth)
        return 1;
    b->call = NULL;
    b->element_from = json_run_position(&b->run);
    return call_add(b, &b->inner, b->element_from);
}

// What the body looks for in the outermost object, and what stands there instead.
static int own_value(struct body *b, const char *got)
{
    if (b->depth == 0)
        return body_fail(b, ERR_INVALID, "not a JSON object or array: got %s", got);
    if (b->depth == 1 && !b->in_batch && b->key == KEY_BATCH)
        return body_fail(b, ERR_INVALID, "batch: expected an array, got %s", got);
    return 1;
}

static int own_text(struct body *b, struct span s)
{
    if (b->depth != 1 || b->in_batch)
        return own_value(b, "text");
    switch (b->key) {
    case KEY_WRITE_KEY:
        if (s.len > 0 && !text_is_clean_utf8(s))
            return body_fail(b, ERR_INVALID, "writeKey: not valid UTF-8 without NUL characters");
        if (b->out->write_key.len == 0)
            b->out->write_key = span_make(arena_dup(b->arena, s), s.len);
        return 1;
    case KEY_SENT_AT:
        if (!time_parse(s, &b->sent_at_ms))
            return body_fail(b, ERR_INVALID, "sentAt: expected a time like 2026-01-31T10:00:00Z");
        return 1;
    case KEY_BATCH:
    case KEY_OTHER:
        break;
    }
    return own_value(b, "text");
}

static int on_null(void *ctx)
{
    struct body *b = ctx;
    if (b->depth == 0 && !own_value(b, "null"))
        return 0;
    value_begin(b);
    return value_end(b, b->call == NULL || reader_on_null(&b->call->reader));
}

static int on_flag(void *ctx, int value)
{
    struct body *b = ctx;
    if (!own_value(b, "a flag"))
        return 0;
    value_begin(b);
    return value_end(b, b->call == NULL || reader_on_flag(&b->call->reader, value));
}

static int on_number(void *ctx, const char *digits, size_t len)
{
    struct body *b = ctx;
    if (!own_value(b, "a number"))
        return 0;
    value_begin(b);
    return value_end(b, b->call == NULL || reader_on_number(&b->call->reader, digits, len));
}

static int on_text(void *ctx, const unsigned char *bytes, size_t len)
{
    struct body *b = ctx;
    if (!own_text(b, span_make(bytes, len)))
        return 0;
    value_begin(b);
    return value_end(b, b->call == NULL || reader_on_text(&b->call->reader, bytes, len));
}

static enum body_key key_of(struct span key)
{
    static const char *const WRITE_KEYS[] = {"writeKey", "write_key", "api_key", "token"};
    if (span_is(key, "batch"))
        return KEY_BATCH;
    if (span_is(key, "sentAt") || span_is(key, "sent_at"))
        return KEY_SENT_AT;
    for (size_t i = 0; i < ARRAY_LEN(WRITE_KEYS); i++) {
        if (span_is(key, WRITE_KEYS[i]))
            return KEY_WRITE_KEY;
    }
    return KEY_OTHER;
}

static int on_key(void *ctx, const unsigned char *bytes, size_t len)
{
    struct body *b = ctx;
    if (b->depth == 1)
        b->key = key_of(span_make(bytes, len));
    if (b->call == NULL)
        return 1;
    struct reader *reader = &b->call->reader;
    // call_finish says why.
    if (json_run_position(&b->run) - b->call->start > b->opts->event_bytes_max && b->in_batch)
        reader->failed = true;
    if (reader->failed || reader_on_key(reader, bytes, len) == 0)
        b->call = NULL;
    return 1;
}

static int on_object(void *ctx)
{
    struct body *b = ctx;
    if (b->depth > 0 && !own_value(b, "an object"))
        return 0;
    if (b->depth == 0)
        call_begin(b, &b->outer, 0);
    else
        value_begin(b);
    b->depth++;
    if (b->call != NULL && reader_on_object(&b->call->reader) == 0)
        b->call = NULL;
    return 1;
}

static int on_array(void *ctx)
{
    struct body *b = ctx;
    bool batch = !b->in_batch && (b->depth == 0 || (b->depth == 1 && b->key == KEY_BATCH));
    if (batch && b->batch_depth > 0)
        return body_fail(b, ERR_INVALID, "batch: given twice");
    if (!batch)
        value_begin(b);
    b->depth++;
    if (batch) {
        b->call = NULL;
        b->in_batch = true;
        b->batch_depth = b->depth;
        b->element_from = json_run_position(&b->run);
        return 1;
    }
    if (b->call != NULL && reader_on_array(&b->call->reader) == 0)
        b->call = NULL;
    return 1;
}

static int on_close(void *ctx)
{
    struct body *b = ctx;
    b->depth--;
    if (b->in_batch && b->depth < b->batch_depth) {
        b->in_batch = false;
        return 1;
    }
    return value_end(b, b->call == NULL || reader_on_close(&b->call->reader));
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

static void settle_times(struct body *b)
{
    for (size_t i = 0; i < b->out->n; i++) {
        struct segment_item *item = b->out->items[i];
        if (item->event.sent_at_ms == 0)
            item->event.sent_at_ms = b->sent_at_ms;
        item->event.timestamp_ms =
            reader_instant(item->timestamp_ms, item->original_timestamp_ms, item->event.sent_at_ms);
    }
}

// Without white space around.
static struct span trimmed(struct span s)
{
    const char *text = s.ptr;
    while (s.len > 0 && memchr(" \t\r\n", text[s.len - 1], 4) != NULL)
        s.len--;
    return s;
}

enum err segment_body_read(struct span json, const struct segment_body_opts *opts,
                           struct arena *arena, struct segment_body *out, struct err_info *info)
{
    CHECK(arena->bytes_max == 0 && opts->events_max > 0);
    struct body *b = arena_alloc(arena, sizeof *b);
    memset(out, 0, sizeof *out);
    b->opts = opts;
    b->arena = arena;
    b->out = out;
    b->info = info;
    b->json = trimmed(json);
    b->dialect = opts->dialect == SEGMENT_DIALECT_POSTHOG ? DIALECT_POSTHOG : DIALECT_SEGMENT;
    enum err err = json_run(b->json, &CALLBACKS, b, &b->run, info);
    if (err == ERR_OK && b->batch_depth == 0 && !call_add(b, &b->outer, b->json.len))
        err = ERR_CANCELED;
    if (err == ERR_OK)
        settle_times(b);
    CHECK((err == ERR_CANCELED) == (b->err != ERR_OK));
    index_deinit(&b->same);
    return err == ERR_CANCELED ? b->err : err;
}
