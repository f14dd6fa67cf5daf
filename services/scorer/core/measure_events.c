// SPDX-License-Identifier: Apache-2.0
// Measures that keep their events one by one, because which of them count is not known when they
// come: a window is measured from an event, which may be late; traits decide, which may be late; a
// sequence lacks its middle.
#include "common/base/check.h"
#include "common/base/mem.h"
#include "services/scorer/core/historic.h"
#include "services/scorer/core/measure_impl.h"
#include "services/scorer/core/measure_plan.h"

// ---- Taking events ----

static uint32_t events_max(const struct measure *measure, enum cell_shape shape)
{
    if (measure->kind == MEASURE_SEQUENCE)
        return CELL_SEQUENCE_MAX;
    return shape == CELL_SAID ? CELL_SAID_MAX : CELL_EVENTS_MAX;
}

static int64_t events_anchor_end(const struct measure *measure, int64_t anchor_ms)
{
    int64_t end;
    return __builtin_add_overflow(anchor_ms, measure->within_ms, &end) ? INT64_MAX : end;
}

// What can still count at a clock.
static struct cell_keep events_keep(const struct measure *measure, const struct cell_events *events,
                                    enum cell_shape shape, int64_t clock_ms)
{
    struct cell_keep keep = {.low = INT64_MIN, .end = INT64_MAX, .max = events_max(measure, shape)};
    bool first = measure->window == WINDOW_ANCHORED && !measure->anchor_last;
    keep.earliest = first;
    keep.same = measure->kind == MEASURE_DISTINCT_VALUES || measure->kind == MEASURE_DISTINCT_USERS;
    if (measure->kind == MEASURE_POINTS)
        keep.low = points_low(measure, clock_ms);
    else
        keep.low = window_begin(measure, clock_ms, measure->lag);
    if (measure->kind == MEASURE_TIME_SPENT && keep.low != INT64_MIN)
        keep.low -= measure->idle_ms;
    if (events == NULL || !events->marked)
        return keep;
    if (first)
        keep.end = events_anchor_end(measure, events->mark_ms);
    else if (measure->window == WINDOW_ANCHORED)
        keep.low = events->mark_ms;
    else if (measure->window == WINDOW_RESET)
        keep.low = events->mark_ms + 1;
    return keep;
}

// What is kept of the event; false: it does not have what the measure looks at.
static bool events_value(const struct scene *scene, const struct plan_step *step,
                         const struct value **said, int64_t *out)
{
    const struct plan *plan = scene->plan;
    const struct value *value;
    *out = 1;
    *said = NULL;
    switch (plan->playbook->measures[step->measure].kind) {
    case MEASURE_SUM:
    case MEASURE_MAX:
    case MEASURE_MIN:
    case MEASURE_AVERAGE:
        value = measure_property(scene->event, plan->measures[step->measure].key);
        return value != NULL && value_milli(value, out);
    case MEASURE_DISTINCT_VALUES:
        value = measure_property(scene->event, plan->measures[step->measure].key);
        if (value == NULL || value->type == VALUE_NONE)
            return false;
        *out = (int64_t)value_hash(value).low;
        return true;
    case MEASURE_FIRST_VALUE:
    case MEASURE_LAST_VALUE:
        *said = measure_property(scene->event, plan->measures[step->measure].key);
        return *said != NULL && (*said)->type != VALUE_NONE;
    case MEASURE_DISTINCT_USERS:
        *out = scene->user == NULL ? 0 : (int64_t)scene->user->ordinal;
        return scene->user != NULL;
    case MEASURE_SEQUENCE:
        *out = step->steps;
        return true;
    case MEASURE_COUNT:
    case MEASURE_ACTIVE_DAYS:
    case MEASURE_ACTIVE_WEEKS:
    case MEASURE_DAY_STREAK:
    case MEASURE_WEEK_STREAK:
    case MEASURE_FIRST:
    case MEASURE_LAST:
    case MEASURE_TIME_SPENT:
    case MEASURE_SINCE:
    case MEASURE_POINTS:
    case MEASURE_SCORE:
    case MEASURE_USERS_WITH:
    case MEASURE_WEIGHTED:
    case MEASURE_BEST:
    case MEASURE_GRADE:
    case MEASURE_BUSIEST_HOUR:
        break;
    }
    return true;
}

// Whether a of two kept events stands before b as the first (or as the last).
static bool events_said_before(bool last, const struct cell_event *a, const struct cell_event *b)
{
    if (a->at_ms != b->at_ms)
        return last ? a->at_ms > b->at_ms : a->at_ms < b->at_ms;
    int order = value_order(cell_said(a), cell_said(b));
    return last ? order > 0 : order < 0;
}

// One event a bucket is enough when nothing but time decides: drops the one that does not stand.
// False: that is the new one.
static bool events_said_alone(const struct measure *measure, struct cell *cell,
                              const struct cell_event *event)
{
    struct cell_events *events = cell->events;
    bool last = measure->kind == MEASURE_LAST_VALUE;
    int64_t key = window_key(measure, event->at_ms);
    if (events == NULL)
        return true;
    uint32_t at = cell_logged_first(events, event->at_ms);
    for (uint32_t i = at > 0 ? at - 1 : 0; i <= at && i < events->n; i++) {
        if (window_key(measure, events->items[i].at_ms) != key)
            continue;
        if (!events_said_before(last, event, &events->items[i]))
            return false;
        mem_free((void *)(intptr_t)events->items[i].value);
        events->n--;
        memmove(events->items + i, events->items + i + 1, (events->n - i) * sizeof *events->items);
        return true;
    }
    return true;
}

static void events_take(const struct scene *scene, const struct plan_step *step, struct cell *cell)
{
    const struct measure *measure = &scene->plan->playbook->measures[step->measure];
    bool said = measure->kind == MEASURE_FIRST_VALUE || measure->kind == MEASURE_LAST_VALUE;
    enum cell_shape shape = said ? CELL_SAID : CELL_EVENTS;
    struct cell_keep keep = events_keep(measure, cell->events, shape, scene->account->clock_ms);
    struct cell_event event = {.at_ms = scene->event->at_ms, .user = CELL_NO_USER};
    const struct value *value;
    if (event.at_ms < keep.low || event.at_ms >= keep.end ||
        !events_value(scene, step, &value, &event.value))
        return;
    if (measure->historic) {
        event.user = scene->user == NULL ? CELL_NO_USER : scene->user->ordinal;
        if (!historic_bits(scene, measure->where, &event.bits))
            return;
    } else if (measure->kind == MEASURE_DISTINCT_VALUES && measure->lag > 0) {
        // One a bucket is enough.
        event.at_ms = window_instant(window_by(measure), window_key(measure, event.at_ms));
    }
    if (said)
        event.value = (int64_t)(intptr_t)cell_said_make(value);
    bool buckets = measure->window != WINDOW_ANCHORED && measure->window != WINDOW_RESET;
    if (said && !measure->historic && buckets && !events_said_alone(measure, cell, &event)) {
        mem_free((void *)(intptr_t)event.value);
        return;
    }
    cell_log(cell, shape, event, &keep);
}

void measure_take_event(const struct scene *scene, const struct plan_step *step, struct cell *cell)
{
    const struct measure *measure = &scene->plan->playbook->measures[step->measure];
    if (step->anchors) {
        bool latest = measure->window == WINDOW_RESET || measure->anchor_last;
        enum cell_shape shape = measure_plan_shape(measure);
        if (cell_mark(cell, scene->event->at_ms, latest)) {
            struct cell_keep keep =
                events_keep(measure, cell->events, shape, scene->account->clock_ms);
            cell_cut(cell, shape, keep.low, keep.end);
        }
    }
    if (step->takes)
        events_take(scene, step, cell);
}

void measure_join_events(const struct measure *measure, struct cell *cell, const struct cell *from,
                         int64_t clock_ms, uint32_t user)
{
    enum cell_shape shape = measure_plan_shape(measure);
    const struct cell_events *events = from->events;
    bool latest = measure->window == WINDOW_RESET || measure->anchor_last;
    bool buckets = measure->window != WINDOW_ANCHORED && measure->window != WINDOW_RESET;
    if (events == NULL)
        return;
    bool moved = events->marked && cell_mark(cell, events->mark_ms, latest);
    struct cell_keep keep = events_keep(measure, cell->events, shape, clock_ms);
    if (moved)
        cell_cut(cell, shape, keep.low, keep.end);
    for (uint32_t i = 0; i < events->n; i++) {
        struct cell_event event = events->items[i];
        if (event.at_ms < keep.low || event.at_ms >= keep.end)
            continue;
        if (event.user != CELL_NO_USER)
            event.user = user;
        if (measure->kind == MEASURE_DISTINCT_USERS)
            event.value = user;
        if (shape == CELL_SAID)
            event.value = (int64_t)(intptr_t)cell_said_make(cell_said(&event));
        if (shape == CELL_SAID && !measure->historic && buckets &&
            !events_said_alone(measure, cell, &event))
            mem_free((void *)(intptr_t)event.value);
        else
            cell_log(cell, shape, event, &keep);
    }
}

static uint32_t events_renamed(const struct renaming *renaming, uint32_t user)
{
    bool stays = user >= renaming->n || (renaming->only != CELL_NO_USER && user != renaming->only);
    return stays ? user : renaming->to[user];
}

// What is kept is in order of its users, among others.
void measure_rename_users(const struct measure *measure, struct cell *cell,
                          const struct renaming *renaming)
{
    enum cell_shape shape = measure_plan_shape(measure);
    struct cell_events *events = cell->events;
    struct cell made = {0};
    struct cell_keep all = {.low = INT64_MIN, .end = INT64_MAX, .max = UINT32_MAX};
    bool users = measure->kind == MEASURE_DISTINCT_USERS;
    if (events == NULL || (!measure->historic && !users))
        return;
    all.same = users || measure->kind == MEASURE_DISTINCT_VALUES;
    for (uint32_t i = 0; i < events->n; i++) {
        struct cell_event event = events->items[i];
        if (event.user != CELL_NO_USER)
            event.user = events_renamed(renaming, event.user);
        if (users)
            event.value = events_renamed(renaming, (uint32_t)event.value);
        cell_log(&made, shape, event, &all);
    }
    if (events->marked)
        (void)cell_mark(&made, events->mark_ms, true);
    events->n = 0; // what they say is the new one's
    cell_deinit(cell, shape);
    *cell = made;
}

int64_t measure_last_event(const struct cell *cell)
{
    const struct cell_events *events = cell->events;
    return events == NULL || events->n == 0 ? INT64_MIN : events->items[events->n - 1].at_ms;
}

// ---- Which count ----

struct counted {
    const struct cell_event *items;
    uint32_t n;
    struct cell_event *own; // what of it is to be freed
};

static struct counted events_judge(const struct scene *scene, const struct measure *measure,
                                   struct counted all)
{
    struct counted out = {.own = mem_alloc((all.n + 1) * sizeof *out.own)};
    for (uint32_t i = 0; i < all.n; i++) {
        if (historic_counts(scene, measure->where, measure->scope, &all.items[i]))
            out.own[out.n++] = all.items[i];
    }
    out.items = out.own;
    return out;
}

static struct counted events_in(const struct scene *scene, const struct measure *measure,
                                int64_t clock_ms, int64_t lag)
{
    const struct cell *cell = measure_cell(scene, measure);
    const struct cell_events *events = cell->events;
    struct counted all = {0};
    if (events == NULL)
        return all;
    int64_t low = window_begin(measure, clock_ms, lag);
    int64_t end = lag > 0 ? window_end(measure, clock_ms, lag) : INT64_MAX;
    if (measure->kind == MEASURE_TIME_SPENT && low != INT64_MIN)
        low -= measure->idle_ms;
    if (measure->window == WINDOW_ANCHORED) {
        if (!events->marked)
            return all;
        low = events->mark_ms;
        end = events_anchor_end(measure, low);
    } else if (measure->window == WINDOW_RESET && events->marked) {
        low = events->mark_ms + 1;
    }
    all.items = cell_logged(cell, low, end, &all.n);
    return measure->historic && all.n > 0 ? events_judge(scene, measure, all) : all;
}

// ---- What they say ----

// How many different values there are, by sorting a copy on its own heap.
static void events_sift(int64_t *items, uint32_t at, uint32_t n)
{
    for (uint32_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && items[child + 1] > items[child])
            child++;
        if (items[at] >= items[child])
            return;
        int64_t held = items[at];
        items[at] = items[child];
        items[child] = held;
    }
}

static int64_t events_distinct(const struct counted *counted)
{
    uint32_t n = counted->n;
    if (n <= 1)
        return n;
    int64_t *items = mem_alloc(n * sizeof *items);
    for (uint32_t i = 0; i < n; i++)
        items[i] = counted->items[i].value;
    for (uint32_t i = n / 2; i > 0; i--)
        events_sift(items, i - 1, n);
    for (uint32_t left = n; left > 1; left--) {
        int64_t held = items[0];
        items[0] = items[left - 1];
        items[left - 1] = held;
        events_sift(items, 0, left - 1);
    }
    int64_t different = 1;
    for (uint32_t i = 1; i < n; i++)
        different += items[i] != items[i - 1];
    mem_free(items);
    return different;
}

static struct reading events_sum(const struct measure *measure, const struct counted *counted)
{
    __int128 sum = 0;
    for (uint32_t i = 0; i < counted->n; i++)
        sum += counted->items[i].value;
    if (measure->kind == MEASURE_AVERAGE) {
        if (counted->n == 0)
            return (struct reading){.present = false};
        return measure_number(measure_divide(sum, counted->n));
    }
    return measure_number(measure_divide(measure->kind == MEASURE_COUNT ? sum * 1000 : sum, 1));
}

static struct reading events_extreme(const struct measure *measure, const struct counted *counted)
{
    struct reading out = {.present = counted->n > 0};
    for (uint32_t i = 0; i < counted->n; i++) {
        int64_t value = counted->items[i].value;
        if (i == 0 || (measure->kind == MEASURE_MAX ? value > out.milli : value < out.milli))
            out.milli = value;
    }
    return out;
}

static int64_t events_bucket(bool weeks, int64_t at_ms)
{
    return weeks ? window_week(time_day(at_ms)) : time_day(at_ms);
}

static int64_t events_periods(const struct counted *counted, bool weeks)
{
    int64_t n = 0, last = INT64_MIN;
    for (uint32_t i = 0; i < counted->n; i++) {
        int64_t bucket = events_bucket(weeks, counted->items[i].at_ms);
        n += bucket != last;
        last = bucket;
    }
    return n;
}

static int64_t events_streak(const struct counted *counted, bool weeks, int64_t clock_ms)
{
    int64_t most = weeks ? WINDOW_STREAK_WEEKS : WINDOW_STREAK_DAYS, n = 0;
    int64_t now = events_bucket(weeks, clock_ms), last = INT64_MAX;
    for (uint32_t i = counted->n; i > 0 && n < most; i--) {
        int64_t bucket = events_bucket(weeks, counted->items[i - 1].at_ms);
        if (bucket == last)
            continue;
        if (n == 0 ? bucket < now - 1 : bucket != last - 1)
            break;
        n++;
        last = bucket;
    }
    return n;
}

static int64_t events_stayed(const struct measure *measure, const struct counted *counted,
                             int64_t begin_ms)
{
    int64_t ms = 0;
    for (uint32_t i = 1; i < counted->n; i++) {
        int64_t from = counted->items[i - 1].at_ms, to = counted->items[i].at_ms;
        if (to - from <= measure->idle_ms && to > begin_ms)
            ms += to - (from > begin_ms ? from : begin_ms);
    }
    return ms;
}

// For each step the latest instant at which a run up to it can have begun. What is of one instant
// is looked at together, as each step comes strictly before the next.
static int64_t events_sequence(const struct measure *measure, const struct counted *counted)
{
    enum { STEPS_MAX = 32 };
    int64_t began[STEPS_MAX], next[STEPS_MAX], n = 0;
    int32_t last = measure->n_steps - 1;
    CHECK(last > 0 && last < STEPS_MAX);
    for (int32_t s = 0; s <= last; s++)
        began[s] = next[s] = INT64_MIN;
    for (uint32_t i = 0; i < counted->n; i++) {
        const struct cell_event *event = &counted->items[i];
        if (i > 0 && event->at_ms != event[-1].at_ms)
            memcpy(began, next, sizeof began);
        for (int32_t s = 0; s <= last; s++) {
            int64_t from = s == 0 ? event->at_ms : began[s - 1];
            if ((event->value >> s & 1) == 0 || from == INT64_MIN)
                continue;
            n += s == last && event->at_ms - from < measure->within_ms;
            next[s] = from > next[s] ? from : next[s];
        }
    }
    return n;
}

static struct reading events_said(const struct measure *measure, const struct counted *counted)
{
    bool last = measure->kind == MEASURE_LAST_VALUE;
    const struct cell_event *best = NULL;
    if (counted->n > 0)
        best = &counted->items[last ? counted->n - 1 : 0];
    for (uint32_t i = 1; i < counted->n; i++) {
        const struct cell_event *other = &counted->items[last ? counted->n - 1 - i : i];
        if (other->at_ms != best->at_ms)
            break;
        if (events_said_before(last, other, best))
            best = other;
    }
    if (best == NULL)
        return (struct reading){.present = false};
    return (struct reading){.present = true, .value = *cell_said(best)};
}

static struct reading events_instant(const struct measure *measure, const struct counted *counted,
                                     int64_t clock_ms)
{
    if (counted->n == 0)
        return (struct reading){.present = false};
    if (measure->kind == MEASURE_FIRST)
        return measure_number(counted->items[0].at_ms);
    int64_t at_ms = counted->items[counted->n - 1].at_ms;
    return measure_number(measure->kind == MEASURE_SINCE ? clock_ms - at_ms : at_ms);
}

static struct reading events_read(const struct measure *measure, const struct counted *counted,
                                  int64_t clock_ms)
{
    switch (measure->kind) {
    case MEASURE_COUNT:
    case MEASURE_SUM:
    case MEASURE_AVERAGE:
        return events_sum(measure, counted);
    case MEASURE_MAX:
    case MEASURE_MIN:
        return events_extreme(measure, counted);
    case MEASURE_DISTINCT_USERS:
    case MEASURE_DISTINCT_VALUES:
        return measure_number(value_thousand(events_distinct(counted)));
    case MEASURE_ACTIVE_DAYS:
    case MEASURE_ACTIVE_WEEKS:
        return measure_number(
            value_thousand(events_periods(counted, measure->kind == MEASURE_ACTIVE_WEEKS)));
    case MEASURE_DAY_STREAK:
    case MEASURE_WEEK_STREAK:
        return measure_number(
            value_thousand(events_streak(counted, measure->kind == MEASURE_WEEK_STREAK, clock_ms)));
    case MEASURE_FIRST:
    case MEASURE_LAST:
    case MEASURE_SINCE:
        return events_instant(measure, counted, clock_ms);
    case MEASURE_FIRST_VALUE:
    case MEASURE_LAST_VALUE:
        return events_said(measure, counted);
    case MEASURE_TIME_SPENT:
        return measure_number(events_stayed(measure, counted, window_begin(measure, clock_ms, 0)));
    case MEASURE_SEQUENCE:
        return measure_number(value_thousand(events_sequence(measure, counted)));
    case MEASURE_POINTS:
        return measure_number(
            fine_milli(points_of_events(measure, counted->items, counted->n, clock_ms)));
    case MEASURE_SCORE:
    case MEASURE_USERS_WITH:
    case MEASURE_WEIGHTED:
    case MEASURE_BEST:
    case MEASURE_GRADE:
    case MEASURE_BUSIEST_HOUR:
        break;
    }
    return (struct reading){.present = false};
}

struct reading measure_read_events(const struct scene *scene, int32_t at, int64_t clock_ms,
                                   int64_t lag)
{
    const struct measure *measure = &scene->plan->playbook->measures[at];
    struct counted counted = events_in(scene, measure, clock_ms, lag);
    struct reading reading = events_read(measure, &counted, clock_ms);
    mem_free(counted.own);
    return reading;
}

__int128 measure_fine_events(const struct scene *scene, int32_t at, int64_t clock_ms)
{
    const struct measure *measure = &scene->plan->playbook->measures[at];
    struct counted counted = events_in(scene, measure, clock_ms, 0);
    __int128 fine = points_of_events(measure, counted.items, counted.n, clock_ms);
    mem_free(counted.own);
    return fine;
}
