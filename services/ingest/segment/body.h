// SPDX-License-Identifier: Apache-2.0
// Reads a whole body as SDKs post it: one call, an array of calls, or an object with the calls in
// its `batch` beside what holds for all of them. One pass, nothing is built but the calls. A call
// that is wrong does not hurt the others; what is no JSON is refused as a whole. Pure.
//
// Two dialects: Segment's (which RudderStack and Jitsu speak too) and PostHog's, whose events
// become the calls that mean the same (posthog.c says how).
//
// A call without an id of its own gets one from its bytes, and from how many of the same bytes came
// before it in the body: a body that is sent again has the same ids, two equal calls in one body
// have not.
#pragma once

#include "common/base/hash.h"
#include "services/ingest/segment/segment.h"

enum segment_dialect { SEGMENT_DIALECT_CALLS, SEGMENT_DIALECT_POSTHOG };

struct segment_body_opts {
    enum segment_dialect dialect;
    enum segment_kind kind; // what the calls are, by the path that they came on; 0: `type` says
    size_t events_max;
    size_t event_bytes_max;
    int64_t now_ms;            // for calls that say how long ago they were
    struct span posthog_group; // the type of PostHog's groups that accounts are; empty: any
};

struct segment_item {
    struct span json;           // as sent, inside the body
    const char *reason;         // NULL: it is a call
    struct segment_event event; // if it is one
    // Private: until it is known when the body was sent; of a call without an id, its bytes and how
    // many equal ones came later.
    int64_t timestamp_ms, original_timestamp_ms;
    struct hash128 digest;
    uint32_t again;
};

struct segment_body {
    struct span write_key; // writeKey, write_key, api_key or token; empty: there is none
    struct segment_item **items;
    size_t n;
};

// All lives in `arena` (without a bound), but for `json` of the items; it takes less than 64 times
// the bytes of the body and 1 KiB for each call. Texts are as in segment_event. INVALID, with what
// is wrong in `info`: no JSON, or not of this form. FULL: more than events_max calls.
MUST_USE enum err segment_body_read(struct span json, const struct segment_body_opts *opts,
                                    struct arena *arena, struct segment_body *out,
                                    struct err_info *info);
