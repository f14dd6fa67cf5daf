// SPDX-License-Identifier: Apache-2.0
// Reads one call of Segment's tracking specification (track, identify, group, alias, page, screen)
// from a JSON object, as SDKs, exports and import files write it. A stream parser: nothing is built
// but the struct below. Pure: any thread, no state. What a call must hold to be taken is not asked
// here but in services/ingest/core, so that every way in is judged by the same rules.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"

enum {
    SEGMENT_EVENT_BYTES_MAX = 32 * 1024, // of one JSON object
    SEGMENT_DEPTH_MAX = 64,              // objects and arrays inside each other
    SEGMENT_KEYS_MAX = 512,              // of properties, traits and context, each
    SEGMENT_KEY_BYTES_MAX = 512,         // of a flattened key
};

// The numbers of assay.event.v1.EventKind.
enum segment_kind {
    SEGMENT_TRACK = 1,
    SEGMENT_IDENTIFY,
    SEGMENT_GROUP,
    SEGMENT_ALIAS,
    SEGMENT_PAGE,
    SEGMENT_SCREEN,
};

enum segment_value { SEGMENT_TEXT, SEGMENT_NUMBER, SEGMENT_INTEGER, SEGMENT_FLAG };

struct segment_property {
    struct span key; // flattened: {"a": {"b": 1}} is "a.b"
    enum segment_value kind;
    union {
        struct span text;
        double number; // finite
        int64_t integer;
        bool flag;
    };
};

struct segment_list {
    struct segment_property *items;
    size_t n;
    size_t cap; // private
};

// Every text lives in the arena, is well-formed UTF-8 without NUL, and is followed by a NUL. An
// empty text, or a time of 0, was not given.
struct segment_event {
    enum segment_kind kind;
    struct span message_id;
    struct span user_id; // ids may come as whole numbers; they are texts here
    struct span anonymous_id;
    struct span group_id; // groupId, else context.groupId
    struct span previous_id;
    struct span name; // track: event. page, screen: name
    // By the client's clock: originalTimestamp when sentAt is given (the two correct its skew),
    // else timestamp; either stands in for the other. Milliseconds since 1970.
    int64_t timestamp_ms;
    int64_t sent_at_ms;
    int64_t received_at_ms;
    // Each key once: of repeated ones the last counts. Nulls and arrays are left out.
    struct segment_list properties;
    struct segment_list traits;
    struct segment_list context; // without groupId
};

// `json` is exactly one object (white space around it is allowed). Unknown fields are ignored, but
// must be well-formed too. `arena` has no bound of its own; it takes less than 700 KiB for one
// event. INVALID, with what is wrong and where in `info`, for everything that is not such a call:
//
//     event has 40000 bytes, at most 32768
//     not JSON: unexpected end at byte 123
//     userId: expected text, got a flag
//     type: expected track, identify, group, page, screen or alias, got "foo"
MUST_USE enum err segment_parse(struct span json, struct arena *arena, struct segment_event *out,
                                struct err_info *info);
