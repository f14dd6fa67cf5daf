// SPDX-License-Identifier: Apache-2.0
// links: segment segment_proto assay_proto base
// Any bytes give an event whose message survives a round trip, or a reason.
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "services/ingest/segment/segment.h"
#include "services/ingest/segment/segment_proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void round_trip(const struct segment_event *event, struct arena *arena)
{
    Assay__Ingest__V1__Event *packed = segment_pack(event, arena);
    struct buf out = {0};
    uint8_t *to = buf_reserve(&out, assay__ingest__v1__event__get_packed_size(packed));
    out.len = assay__ingest__v1__event__pack(packed, to);
    Assay__Ingest__V1__Event *got = assay__ingest__v1__event__unpack(NULL, out.len, out.bytes);
    CHECK(got != NULL && got->n_properties == event->properties.n);
    CHECK(strcmp(got->user_id, packed->user_id) == 0);
    assay__ingest__v1__event__free_unpacked(got, NULL);
    buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct arena arena;
    struct segment_event event;
    struct err_info info = {{0}};
    arena_init(&arena, 4096, 0);
    if (segment_parse(span_make(bytes, len), &arena, &event, &info) == ERR_OK) {
        CHECK(event.kind >= SEGMENT_TRACK && event.kind <= SEGMENT_SCREEN);
        CHECK(event.user_id.len == 0 || text_is_clean_utf8(event.user_id));
        round_trip(&event, &arena);
    } else {
        CHECK(info.text[0] != '\0' && text_is_clean_utf8(span_of(info.text)));
    }
    CHECK(arena.used_bytes < 700 * 1024);
    arena_deinit(&arena);
    return 0;
}
