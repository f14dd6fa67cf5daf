// SPDX-License-Identifier: Apache-2.0
#include "services/ingest/segment/segment.h"

#include "services/ingest/segment/json.h"
#include "services/ingest/segment/reader.h"

static const yajl_callbacks CALLBACKS = {
    .yajl_null = reader_on_null,
    .yajl_boolean = reader_on_flag,
    .yajl_number = reader_on_number,
    .yajl_string = reader_on_text,
    .yajl_start_map = reader_on_object,
    .yajl_map_key = reader_on_key,
    .yajl_end_map = reader_on_close,
    .yajl_start_array = reader_on_array,
    .yajl_end_array = reader_on_close,
};

enum err segment_parse(struct span json, struct arena *arena, struct segment_event *out,
                       struct err_info *info)
{
    struct reader reader;
    CHECK(arena->bytes_max == 0);
    reader_begin(&reader, DIALECT_SEGMENT, 0, arena, out, info);
    if (json.len > SEGMENT_EVENT_BYTES_MAX)
        return err_set(info, ERR_INVALID, "event has %zu bytes, at most %d", json.len,
                       SEGMENT_EVENT_BYTES_MAX);
    enum err err = json_run(json, &CALLBACKS, &reader, NULL, info);
    CHECK((err == ERR_CANCELED) == reader.failed && (err != ERR_OK || reader.done));
    if (err == ERR_OK)
        reader_finish(&reader);
    out->timestamp_ms =
        reader_instant(reader.timestamp_ms, reader.original_timestamp_ms, out->sent_at_ms);
    return err != ERR_OK || reader.failed ? ERR_INVALID : ERR_OK;
}
