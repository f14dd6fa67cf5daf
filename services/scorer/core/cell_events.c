// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/core/cell.h"

#include "common/base/mem.h"
#include "services/scorer/core/value.h"

static struct cell_events *cell_events_own(struct cell *cell)
{
    if (cell->events == NULL)
        cell->events = mem_zalloc(sizeof *cell->events);
    return cell->events;
}

struct cell_said *cell_said_make(const struct value *value)
{
    size_t text = value->type == VALUE_TEXT ? value->text.len : 0;
    struct cell_said *said = mem_alloc(sizeof *said + text);
    said->value = *value;
    if (value->type != VALUE_TEXT)
        return said;
    if (text > 0)
        memcpy(said->bytes, value->text.ptr, text);
    said->value.text.ptr = said->bytes;
    return said;
}

static void cell_unsay(struct cell_event *event, enum cell_shape shape)
{
    if (shape == CELL_SAID)
        mem_free((void *)(intptr_t)event->value);
}

static int cell_event_order(const struct cell_event *a, const struct cell_event *b,
                            enum cell_shape shape)
{
    if (a->at_ms != b->at_ms)
        return a->at_ms < b->at_ms ? -1 : 1;
    if (a->user != b->user)
        return a->user < b->user ? -1 : 1;
    if (a->bits != b->bits)
        return a->bits < b->bits ? -1 : 1;
    if (shape == CELL_SAID)
        return value_order(cell_said(a), cell_said(b));
    return (a->value > b->value) - (a->value < b->value);
}

// The first one that is not before `event` in order.
static uint32_t cell_event_place(const struct cell_events *events, const struct cell_event *event,
                                 enum cell_shape shape)
{
    uint32_t from = 0, to = events->n;
    // Most events are the latest.
    if (to > 0 && events->items[to - 1].at_ms < event->at_ms)
        return to;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (cell_event_order(&events->items[middle], event, shape) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

uint32_t cell_logged_first(const struct cell_events *events, int64_t at_ms)
{
    uint32_t from = 0, to = events->n;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (events->items[middle].at_ms < at_ms)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static void cell_events_remove(struct cell_events *events, enum cell_shape shape, uint32_t at,
                               uint32_t n)
{
    for (uint32_t i = at; i < at + n; i++)
        cell_unsay(&events->items[i], shape);
    events->n -= n;
    if (n > 0)
        memmove(events->items + at, events->items + at + n,
                (events->n - at) * sizeof *events->items);
}

void cell_cut(struct cell *cell, enum cell_shape shape, int64_t low, int64_t end)
{
    struct cell_events *events = cell->events;
    if (events == NULL)
        return;
    uint32_t to = end == INT64_MAX ? events->n : cell_logged_first(events, end);
    cell_events_remove(events, shape, to, events->n - to);
    cell_events_remove(events, shape, 0, cell_logged_first(events, low));
}

// Old ones go half of them at a time, so that what is kept follows from the events alone.
static void cell_events_thin(struct cell *cell, enum cell_shape shape, int64_t low)
{
    struct cell_events *events = cell->events;
    if (events->n == 0 || events->items[0].at_ms >= low)
        return;
    uint32_t old = cell_logged_first(events, low);
    if (old > events->n / 2)
        cell_events_remove(events, shape, 0, old);
}

// Room for one more at the bound; false when the event is the one that goes.
static bool cell_events_room(struct cell *cell, enum cell_shape shape,
                             const struct cell_event *event, const struct cell_keep *keep)
{
    struct cell_events *events = cell->events;
    if (events->n >= keep->max)
        cell_cut(cell, shape, keep->low, keep->end);
    while (events->n >= keep->max) {
        uint32_t goes = keep->earliest ? events->n - 1 : 0;
        int order = cell_event_order(event, &events->items[goes], shape);
        if (keep->earliest ? order >= 0 : order <= 0)
            return false;
        cell_events_remove(events, shape, goes, 1);
    }
    return true;
}

static bool cell_events_has(const struct cell_events *events, enum cell_shape shape,
                            const struct cell_event *event, uint32_t at)
{
    return at < events->n && cell_event_order(&events->items[at], event, shape) == 0;
}

void cell_log(struct cell *cell, enum cell_shape shape, struct cell_event event,
              const struct cell_keep *keep)
{
    struct cell_events *events = cell_events_own(cell);
    uint32_t at = 0;
    bool wanted = event.at_ms >= keep->low && event.at_ms < keep->end;
    if (wanted) {
        cell_events_thin(cell, shape, keep->low);
        at = cell_event_place(events, &event, shape);
        wanted = !(keep->same && cell_events_has(events, shape, &event, at));
    }
    if (wanted && events->n >= keep->max) {
        wanted = cell_events_room(cell, shape, &event, keep);
        at = cell_event_place(events, &event, shape);
    }
    if (!wanted) {
        cell_unsay(&event, shape);
        return;
    }
    MEM_GROW(events->items, events->n, events->cap);
    memmove(events->items + at + 1, events->items + at, (events->n - at) * sizeof event);
    events->items[at] = event;
    events->n++;
}

bool cell_mark(struct cell *cell, int64_t at_ms, bool latest)
{
    struct cell_events *events = cell_events_own(cell);
    if (events->marked && (latest ? at_ms <= events->mark_ms : at_ms >= events->mark_ms))
        return false;
    events->marked = true;
    events->mark_ms = at_ms;
    return true;
}

const struct cell_event *cell_logged(const struct cell *cell, int64_t low, int64_t end, uint32_t *n)
{
    const struct cell_events *events = cell->events;
    *n = 0;
    if (events == NULL)
        return NULL;
    uint32_t from = cell_logged_first(events, low);
    uint32_t to = end == INT64_MAX ? events->n : cell_logged_first(events, end);
    *n = to > from ? to - from : 0;
    return *n == 0 ? NULL : &events->items[from];
}

void cell_copy_events(struct cell *to, const struct cell *from, enum cell_shape shape)
{
    if (from->events == NULL)
        return;
    struct cell_events *events = cell_events_own(to);
    *events = *from->events;
    events->cap = events->n;
    events->items = mem_alloc((events->n + 1) * sizeof *events->items);
    if (events->n > 0)
        memcpy(events->items, from->events->items, events->n * sizeof *events->items);
    for (uint32_t i = 0; shape == CELL_SAID && i < events->n; i++)
        events->items[i].value =
            (int64_t)(intptr_t)cell_said_make(cell_said(&from->events->items[i]));
}

// ---- Rows ----

void cell_restore_event(struct cell *cell, struct cell_event event, const struct value *said)
{
    static const struct cell_keep ALL = {.low = INT64_MIN, .end = INT64_MAX, .max = UINT32_MAX};
    if (said != NULL)
        event.value = (int64_t)(intptr_t)cell_said_make(said);
    cell_log(cell, said != NULL ? CELL_SAID : CELL_EVENTS, event, &ALL);
}

void cell_restore_mark(struct cell *cell, int64_t mark_ms)
{
    struct cell_events *events = cell_events_own(cell);
    events->marked = true;
    events->mark_ms = mark_ms;
}
