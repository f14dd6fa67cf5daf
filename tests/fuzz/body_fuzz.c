// SPDX-License-Identifier: Apache-2.0
// links: segment segment_proto assay_proto base
// Any bytes as the body of a request give calls whose messages survive a round trip, each with a
// reason if it is none, or one reason for all. The first byte chooses the dialect and the path.
#include <string.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/text.h"
#include "services/ingest/segment/body.h"
#include "services/ingest/segment/segment_proto.h"

enum { EVENTS_MAX = 40, EVENT_BYTES_MAX = 2000 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check_list(const struct segment_list *list)
{
    CHECK(list->n <= SEGMENT_KEYS_MAX);
    for (size_t i = 0; i < list->n; i++) {
        CHECK(list->items[i].key.len == 0 || text_is_clean_utf8(list->items[i].key));
        CHECK(((const char *)list->items[i].key.ptr)[list->items[i].key.len] == '\0');
    }
}

static void check_event(const struct segment_event *event, struct arena *arena)
{
    CHECK(event->kind >= SEGMENT_TRACK && event->kind <= SEGMENT_SCREEN);
    CHECK(event->message_id.len > 0 && text_is_clean_utf8(event->message_id));
    CHECK(event->user_id.len == 0 || text_is_clean_utf8(event->user_id));
    check_list(&event->properties);
    check_list(&event->traits);
    check_list(&event->context);
    Assay__Ingest__V1__Event *packed = segment_pack(event, arena);
    struct buf out = {0};
    uint8_t *to = buf_reserve(&out, assay__ingest__v1__event__get_packed_size(packed));
    out.len = assay__ingest__v1__event__pack(packed, to);
    Assay__Ingest__V1__Event *got = assay__ingest__v1__event__unpack(NULL, out.len, out.bytes);
    CHECK(got != NULL && got->n_properties == event->properties.n);
    CHECK(strcmp(got->message_id, packed->message_id) == 0);
    assay__ingest__v1__event__free_unpacked(got, NULL);
    buf_deinit(&out);
}

static void check_item(const struct segment_item *item, struct span json, struct arena *arena)
{
    const char *from = item->json.ptr, *all = json.ptr;
    CHECK(from >= all && from + item->json.len <= all + json.len && item->json.len > 0);
    if (item->reason == NULL)
        check_event(&item->event, arena);
    else
        CHECK(item->reason[0] != '\0' && text_is_clean_utf8(span_of(item->reason)));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct arena arena;
    struct segment_body body;
    struct err_info info = {{0}};
    uint8_t how = len > 0 ? bytes[0] : 0;
    struct span json = span_make(bytes + (len > 0), len - (len > 0));
    struct segment_body_opts opts = {
        .dialect = how % 2 == 0 ? SEGMENT_DIALECT_CALLS : SEGMENT_DIALECT_POSTHOG,
        .kind = how / 2 % 2 == 0 ? 0 : (enum segment_kind)(1 + how / 4 % 6),
        .events_max = EVENTS_MAX,
        .event_bytes_max = EVENT_BYTES_MAX,
        .now_ms = 1795330310000,
        .posthog_group = how / 64 % 2 == 0 ? span_of("") : span_of("company"),
    };
    arena_init(&arena, 4096, 0);
    enum err err = segment_body_read(json, &opts, &arena, &body, &info);
    CHECK(arena.used_bytes < 64 * json.len + 16384 + 1024 * body.n);
    if (err != ERR_OK)
        CHECK(info.text[0] != '\0' && text_is_clean_utf8(span_of(info.text)));
    for (size_t i = 0; err == ERR_OK && i < body.n; i++)
        check_item(body.items[i], json, &arena);
    CHECK(body.write_key.len == 0 || text_is_clean_utf8(body.write_key));
    arena_deinit(&arena);
    return 0;
}
