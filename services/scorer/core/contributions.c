// SPDX-License-Identifier: Apache-2.0
// Without a window only the first and the last are kept, else every event that may still be in it.
#include "services/scorer/core/contributions.h"

#include "common/base/mem.h"
#include "services/scorer/core/state.h"
#include "services/scorer/core/window.h"

enum { KEPT_MAX = 65536 };

struct taken_event {
    int64_t at_ms;
    const char *id;
};

struct taken_list {
    struct taken_event first, last; // of all
    uint64_t n;
    struct taken_event *items; // windows only
    size_t n_items, cap;
    int64_t anchor_first, anchor_last; // INT64_MIN: none
    int64_t newest_ms;
    bool more;
};

struct contributions {
    struct core *core;
    const struct span *users;
    size_t n_users;
    struct arena arena;
    struct taken_list *lists; // by measure
};

static bool taken_windowed(const struct measure *measure)
{
    if (measure->window == WINDOW_ANCHORED || measure->window == WINDOW_RESET)
        return true;
    return measure->window != WINDOW_LIFETIME || measure->kind == MEASURE_DAY_STREAK ||
           measure->kind == MEASURE_WEEK_STREAK || measure->decay == DECAY_LINEAR;
}

// The first instant that counts at a clock, for windows that no event opens.
static int64_t taken_begin(const struct measure *measure, int64_t clock_ms)
{
    if (measure->decay == DECAY_LINEAR && measure->kind == MEASURE_POINTS)
        return clock_ms - measure->half_life_ms + 1;
    if (measure->window == WINDOW_ANCHORED || measure->window == WINDOW_RESET)
        return INT64_MIN;
    return window_instant(window_by(measure), window_low(measure, clock_ms));
}

static void taken_prune(const struct measure *measure, struct taken_list *list)
{
    int64_t begin = taken_begin(measure, list->newest_ms);
    size_t kept = 0;
    for (size_t i = 0; i < list->n_items; i++) {
        if (list->items[i].at_ms >= begin)
            list->items[kept++] = list->items[i];
    }
    list->n_items = kept;
}

static bool taken_has(const struct measure *measure, const struct event *event)
{
    if (measure->key == NULL || measure->key[0] == '\0')
        return true;
    for (size_t i = 0; i < event->n_properties; i++) {
        if (span_is(event->properties[i].key, measure->key))
            return event->properties[i].value.type != VALUE_NONE;
    }
    return false;
}

static void taken_add(struct contributions *c, const struct measure *measure,
                      struct taken_list *list, const struct event *event)
{
    struct taken_event item = {event->at_ms, arena_dup(&c->arena, event->message_id)};
    if (list->n == 0 || item.at_ms < list->first.at_ms)
        list->first = item;
    if (list->n == 0 || item.at_ms >= list->last.at_ms)
        list->last = item;
    if (list->n++ == 0 || item.at_ms > list->newest_ms)
        list->newest_ms = item.at_ms;
    if (!taken_windowed(measure))
        return;
    if (list->n_items == KEPT_MAX)
        taken_prune(measure, list);
    if (list->n_items == KEPT_MAX) {
        list->more = true;
        return;
    }
    MEM_GROW(list->items, list->n_items, list->cap);
    list->items[list->n_items++] = item;
}

static bool contributions_wants(const struct contributions *c, struct span user)
{
    for (size_t i = 0; i < c->n_users; i++) {
        if (span_eq(user, c->users[i]))
            return true;
    }
    return false;
}

static void contributions_taken(void *arg, const struct core_taken *taken)
{
    struct contributions *c = arg;
    const struct measure *measure = &c->core->playbook->measures[taken->measure];
    struct taken_list *list = &c->lists[taken->measure];
    const struct event *event = taken->event;
    if (measure->scope == SCOPE_USER && !contributions_wants(c, event->user))
        return;
    if (taken->anchors) {
        if (list->anchor_first == INT64_MIN || event->at_ms < list->anchor_first)
            list->anchor_first = event->at_ms;
        if (event->at_ms > list->anchor_last)
            list->anchor_last = event->at_ms;
    }
    if (taken->takes && taken_has(measure, event))
        taken_add(c, measure, list, event);
}

struct contributions *contributions_create(struct core *core, const struct span *users,
                                           size_t n_users)
{
    struct contributions *c = mem_zalloc(sizeof *c);
    size_t n = (size_t)core->playbook->n_measures;
    c->core = core;
    arena_init(&c->arena, 65536, 0);
    c->users = users;
    c->n_users = n_users;
    c->lists = mem_zalloc((n + 1) * sizeof *c->lists);
    for (size_t i = 0; i < n; i++)
        c->lists[i].anchor_first = c->lists[i].anchor_last = INT64_MIN;
    core_trace(core, contributions_taken, c);
    return c;
}

void contributions_destroy(struct contributions *c)
{
    if (c == NULL)
        return;
    core_trace(c->core, NULL, NULL);
    for (int32_t i = 0; i < c->core->playbook->n_measures; i++)
        mem_free(c->lists[i].items);
    mem_free(c->lists);
    arena_deinit(&c->arena);
    mem_free(c);
}

static void contribution_join(struct contribution *out, const struct taken_event *item, uint64_t n)
{
    if (out->n == 0 || item->at_ms < out->first_ms) {
        out->first_ms = item->at_ms;
        out->first_id = item->id;
    }
    if (out->n == 0 || item->at_ms >= out->last_ms) {
        out->last_ms = item->at_ms;
        out->last_id = item->id;
    }
    out->n += n;
}

// Whether an event lies in the window that others opened.
static bool taken_opened(const struct measure *measure, const struct taken_list *list,
                         int64_t at_ms)
{
    if (measure->window == WINDOW_RESET)
        return at_ms > list->anchor_last;
    int64_t anchor = measure->anchor_last ? list->anchor_last : list->anchor_first;
    return anchor != INT64_MIN && at_ms >= anchor &&
           (measure->within_ms == INT64_MAX || at_ms - anchor < measure->within_ms);
}

static void contribution_add(const struct contributions *c, int32_t m, int64_t clock_ms,
                             struct contribution *out)
{
    const struct measure *measure = &c->core->playbook->measures[m];
    const struct taken_list *list = &c->lists[m];
    for (int32_t i = 0; i < measure->n_terms; i++) {
        if (measure->terms[i].measure != PLAYBOOK_NONE)
            contribution_add(c, measure->terms[i].measure, clock_ms, out);
    }
    if (measure->kind == MEASURE_GRADE) {
        contribution_add(c, measure->rows.measure, clock_ms, out);
        contribution_add(c, measure->columns.measure, clock_ms, out);
    }
    if (list->n == 0)
        return;
    if (!taken_windowed(measure)) {
        contribution_join(out, &list->first, 1);
        contribution_join(out, &list->last, list->n - 1);
        return;
    }
    bool opened = measure->window == WINDOW_ANCHORED || measure->window == WINDOW_RESET;
    int64_t begin = taken_begin(measure, clock_ms);
    for (size_t i = 0; i < list->n_items; i++) {
        int64_t at_ms = list->items[i].at_ms;
        if (opened ? taken_opened(measure, list, at_ms) : at_ms >= begin)
            contribution_join(out, &list->items[i], 1);
    }
    out->more = out->more || list->more;
}

void contributions_of(const struct contributions *c, int32_t measure, int64_t clock_ms,
                      struct contribution *out)
{
    *out = (struct contribution){.first_id = "", .last_id = ""};
    contribution_add(c, measure, clock_ms, out);
}
