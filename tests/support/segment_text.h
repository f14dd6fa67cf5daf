// SPDX-License-Identifier: Apache-2.0
// A call as one line of text, so that a case shows all that it expects.
#pragma once

#include "common/base/buf.h"
#include "common/base/time_text.h"
#include "services/ingest/segment/segment.h"

static inline void segment_write_text(struct buf *out, const char *name, struct span s)
{
    if (s.len > 0)
        buf_printf(out, " %s=%.*s", name, SPAN_ARG(s));
}

static inline void segment_write_time(struct buf *out, const char *name, int64_t ms)
{
    char text[TIME_TEXT_MAX];
    if (ms != 0)
        buf_printf(out, " %s=%s", name, time_format(ms, text));
}

static inline void segment_write_list(struct buf *out, char mark, const struct segment_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct segment_property *item = &list->items[i];
        buf_printf(out, " %c:%.*s=", mark, SPAN_ARG(item->key));
        switch (item->kind) {
        case SEGMENT_TEXT:
            buf_printf(out, "'%.*s'", SPAN_ARG(item->text));
            break;
        case SEGMENT_NUMBER:
            buf_printf(out, "%.17gf", item->number);
            break;
        case SEGMENT_INTEGER:
            buf_printf(out, "%lld", (long long)item->integer);
            break;
        case SEGMENT_FLAG:
            buf_append_text(out, item->flag ? "true" : "false");
            break;
        }
    }
}

static inline void segment_write(struct buf *out, const struct segment_event *event)
{
    buf_printf(out, "%d", (int)event->kind);
    segment_write_text(out, "id", event->message_id);
    segment_write_text(out, "user", event->user_id);
    segment_write_text(out, "anon", event->anonymous_id);
    segment_write_text(out, "group", event->group_id);
    segment_write_text(out, "prev", event->previous_id);
    segment_write_text(out, "name", event->name);
    segment_write_time(out, "at", event->timestamp_ms);
    segment_write_time(out, "sent", event->sent_at_ms);
    segment_write_time(out, "received", event->received_at_ms);
    segment_write_list(out, 'p', &event->properties);
    segment_write_list(out, 't', &event->traits);
    segment_write_list(out, 'c', &event->context);
}
