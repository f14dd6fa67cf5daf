// SPDX-License-Identifier: Apache-2.0
// Collects one call from the parts of a JSON value, as a stream parser hands them out. Whose field
// is called what is the dialect's; what the fields mean together is settled when the value has
// ended. Private to this folder.
#pragma once

#include "services/ingest/segment/segment.h"

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
    FIELD_OFFSET, // PostHog: how long ago, in milliseconds
    FIELD_PROPERTIES,
    FIELD_TRAITS,
    FIELD_ONCE, // PostHog: traits that others of the same name stand over
    FIELD_CONTEXT,
    FIELD_COUNT,
};

// The names of the fields; NULL: the dialect does not have it.
extern const char *const DIALECT_SEGMENT[FIELD_COUNT];
extern const char *const DIALECT_POSTHOG[FIELD_COUNT];

struct reader {
    const char *const *dialect;
    struct arena *arena;
    struct segment_event *out;
    struct err_info *info;
    bool failed;      // `info` says why
    bool done;        // the object has ended
    bool kind_stands; // `out->kind` was known before: "type" is ignored
    uint32_t depth;
    uint32_t skip_depth; // > 0: all is ignored while depth is at least this
    enum field field;
    uint32_t seen; // bits of fields
    struct span event, name, context_group_id;
    int64_t timestamp_ms, original_timestamp_ms, offset_ms;
    struct segment_list once;
    struct segment_list *list; // of the field, inside properties, traits and context
    size_t path_len;
    size_t prefix_len[SEGMENT_DEPTH_MAX + 1];
    char path[SEGMENT_KEY_BYTES_MAX + 1];
};

// `out` is cleared. `kind`: what the call is, or 0: its type says. Borrows all until the end.
void reader_begin(struct reader *reader, const char *const *dialect, enum segment_kind kind,
                  struct arena *arena, struct segment_event *out, struct err_info *info);

// The parts, with the types that yajl gives them; 0 once it has failed.
int reader_on_null(void *reader);
int reader_on_flag(void *reader, int value);
int reader_on_number(void *reader, const char *digits, size_t len);
int reader_on_text(void *reader, const unsigned char *bytes, size_t len);
int reader_on_key(void *reader, const unsigned char *bytes, size_t len);
int reader_on_object(void *reader);
int reader_on_array(void *reader);
int reader_on_close(void *reader);

// After the end, of a reader that has not failed: what the fields mean together, but for the time.
// A call of Segment's; it may still fail.
void reader_finish(struct reader *reader);
// Fails the call from outside.
int reader_fail(struct reader *reader, const char *format, ...) PRINTF_LIKE(2, 3);
// Of repeated keys the last one stays.
void reader_drop_repeated(struct segment_list *list);
// Which of the two instants counts, once it is known when the call was sent.
int64_t reader_instant(int64_t timestamp_ms, int64_t original_timestamp_ms, int64_t sent_at_ms);
