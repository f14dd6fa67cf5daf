// SPDX-License-Identifier: Apache-2.0
// A windowed measure keeps one bucket for each UTC day, hour or period that an event fell into; the
// window at a clock is a lowest bucket. Buckets below it no longer count and are dropped when a new
// one is added. A clock never moves back, so what is dropped at its arrival could not have counted
// later.
#include "services/scorer/core/measure.h"

#include "common/base/check.h"

#include "common/base/mem.h"
#include "common/base/time_text.h"
#include "services/scorer/core/score.h"
#include "services/scorer/core/value.h"

// ---- Buckets of time ----

static int64_t measure_floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return a % b < 0 ? q - 1 : q;
}

// Weeks begin on Monday; 1970-01-01 was a Thursday.
static int64_t measure_week(int64_t day)
{
    return measure_floor_div(day + 3, 7);
}

static int64_t measure_month(int64_t day)
{
    struct time_date date = time_date_of_day(day);
    return (int64_t)date.year * 12 + (int64_t)date.month - 1;
}

static int64_t measure_month_day(int64_t month)
{
    struct time_date date = {(int32_t)measure_floor_div(month, 12), 1, 1};
    date.month = (uint32_t)(month - (int64_t)date.year * 12) + 1;
    return time_day_of_date(date);
}

// The first day of the calendar period of a day, and of the next one.
static int64_t measure_period_day(enum window_kind window, int64_t day, int64_t next)
{
    if (window == WINDOW_CALENDAR_WEEK)
        return (measure_week(day) + next) * 7 - 3;
    if (window == WINDOW_CALENDAR_MONTH)
        return measure_month_day(measure_month(day) + next);
    return day + next;
}

// Active days are kept by day whatever the period; all else by what the window counts in.
static bool measure_by_day(const struct measure *measure)
{
    return measure->kind == MEASURE_ACTIVE_DAYS && measure->window != WINDOW_HOURS;
}

static int64_t measure_key(const struct measure *measure, int64_t at_ms)
{
    if (measure_by_day(measure))
        return time_day(at_ms);
    switch (measure->window) {
    case WINDOW_RESET:
    case WINDOW_WEEKS:
        CHECK(false);
    case WINDOW_LIFETIME:
    case WINDOW_ANCHORED:
        return 0;
    case WINDOW_DAYS:
        return time_day(at_ms);
    case WINDOW_HOURS:
        return time_hour(at_ms);
    case WINDOW_CALENDAR_DAY:
    case WINDOW_CALENDAR_WEEK:
    case WINDOW_CALENDAR_MONTH:
        return measure_period_day(measure->window, time_day(at_ms), 0);
    }
    return 0;
}

// The lowest bucket that counts at a clock.
static int64_t measure_low(const struct measure *measure, int64_t clock_ms)
{
    switch (measure->window) {
    case WINDOW_RESET:
    case WINDOW_WEEKS:
        CHECK(false);
    case WINDOW_LIFETIME:
    case WINDOW_ANCHORED:
        return INT64_MIN;
    case WINDOW_DAYS:
        return time_day(clock_ms) - measure->window_n + 1;
    case WINDOW_HOURS:
        return time_hour(clock_ms) - measure->window_n + 1;
    case WINDOW_CALENDAR_DAY:
    case WINDOW_CALENDAR_WEEK:
    case WINDOW_CALENDAR_MONTH:
        return measure_period_day(measure->window, time_day(clock_ms), 0);
    }
    return INT64_MIN;
}

// ---- Taking events ----

static const struct value *measure_property(const struct event *event, struct span key)
{
    for (size_t i = 0; i < event->n_properties; i++) {
        if (span_eq(event->properties[i].key, key))
            return &event->properties[i].value;
    }
    return NULL;
}

static void measure_take_anchored(const struct measure *measure, struct span key,
                                  const struct plan_step *step, struct cell *cell,
                                  const struct user *user, const struct event *event)
{
    const struct value *value;
    int64_t amount = 1;
    if (step->takes) {
        switch (measure->kind) {
        case MEASURE_ACTIVE_WEEKS:
        case MEASURE_AVERAGE:
        case MEASURE_BEST:
        case MEASURE_DAY_STREAK:
        case MEASURE_FIRST_VALUE:
        case MEASURE_GRADE:
        case MEASURE_LAST_VALUE:
        case MEASURE_MAX:
        case MEASURE_MIN:
        case MEASURE_POINTS:
        case MEASURE_SEQUENCE:
        case MEASURE_SINCE:
        case MEASURE_TIME_SPENT:
        case MEASURE_WEEK_STREAK:
        case MEASURE_WEIGHTED:
            CHECK(false);
        case MEASURE_SUM:
            value = measure_property(event, key);
            if (value != NULL && value_milli(value, &amount))
                cell_at(cell, event->at_ms, amount, false, CELL_ADD, measure->within_ms);
            break;
        case MEASURE_DISTINCT_VALUES:
            value = measure_property(event, key);
            if (value != NULL && value->type != VALUE_NONE)
                cell_at(cell, event->at_ms, (int64_t)value_hash(value).low, true, CELL_SET,
                        measure->within_ms);
            break;
        case MEASURE_DISTINCT_USERS:
            if (user != NULL)
                cell_at(cell, event->at_ms, (int64_t)user->ordinal, true, CELL_SET,
                        measure->within_ms);
            break;
        case MEASURE_COUNT:
        case MEASURE_ACTIVE_DAYS:
        case MEASURE_FIRST:
        case MEASURE_LAST:
        case MEASURE_SCORE:
        case MEASURE_USERS_WITH:
            cell_at(cell, event->at_ms, 1, false, CELL_ADD, measure->within_ms);
            break;
        }
    }
    if (step->anchors)
        cell_anchor(cell, event->at_ms, measure->within_ms);
}

static void measure_take_user(const struct measure *measure, struct cell *cell, struct user *user,
                              int64_t key, int64_t low)
{
    if (user == NULL)
        return;
    struct cell *last = &user->subject.cells[measure->user_cell];
    if (last->n > 0 && last->one.key >= key)
        return;
    if (last->n > 0)
        cell_take_away(cell, last->one.key, 1);
    last->one = (struct cell_entry){key, 1};
    last->n = 1;
    cell_put(cell, key, 1, CELL_ADD, low);
}

void measure_take(const struct scene *scene, const struct plan_step *step)
{
    const struct plan *plan = scene->plan;
    const struct event *event = scene->event;
    struct user *user = scene->user;
    int64_t clock_ms = scene->account->clock_ms;
    const struct measure *measure = &plan->playbook->measures[step->measure];
    struct cell *cell = &scene_subject(scene, measure->scope)->cells[measure->cell];
    struct span name = plan->measures[step->measure].key;
    if (measure->kind == MEASURE_SCORE) {
        int64_t level = score_level(event->at_ms, measure->half_life_ms);
        int64_t lowest = score_low(clock_ms, measure->half_life_ms);
        if (level >= lowest)
            cell_put(cell, level,
                     score_weight(step->points_milli, event->at_ms, measure->half_life_ms),
                     CELL_ADD, lowest);
        return;
    }
    if (measure->window == WINDOW_ANCHORED) {
        measure_take_anchored(measure, name, step, cell, user, event);
        return;
    }
    int64_t key = measure_key(measure, event->at_ms);
    int64_t low = measure_low(measure, clock_ms);
    if (key < low)
        return;
    const struct value *value;
    int64_t amount;
    switch (measure->kind) {
    case MEASURE_ACTIVE_WEEKS:
    case MEASURE_AVERAGE:
    case MEASURE_BEST:
    case MEASURE_DAY_STREAK:
    case MEASURE_FIRST_VALUE:
    case MEASURE_GRADE:
    case MEASURE_LAST_VALUE:
    case MEASURE_MAX:
    case MEASURE_MIN:
    case MEASURE_POINTS:
    case MEASURE_SEQUENCE:
    case MEASURE_SINCE:
    case MEASURE_TIME_SPENT:
    case MEASURE_WEEK_STREAK:
    case MEASURE_WEIGHTED:
        CHECK(false);
    case MEASURE_COUNT:
        cell_put(cell, key, 1, CELL_ADD, low);
        break;
    case MEASURE_SUM:
        value = measure_property(event, name);
        if (value != NULL && value_milli(value, &amount))
            cell_put(cell, key, amount, CELL_ADD, low);
        break;
    case MEASURE_DISTINCT_USERS:
        measure_take_user(measure, cell, user, key, low);
        break;
    case MEASURE_DISTINCT_VALUES:
        value = measure_property(event, name);
        if (value != NULL && value->type != VALUE_NONE)
            cell_see(cell, value_hash(value), key, low);
        break;
    case MEASURE_ACTIVE_DAYS:
        cell_put(cell, key, 1, CELL_SET, low);
        break;
    case MEASURE_FIRST:
        cell_put(cell, key, event->at_ms, CELL_MIN, low);
        break;
    case MEASURE_LAST:
        cell_put(cell, key, event->at_ms, CELL_MAX, low);
        break;
    case MEASURE_SCORE:
    case MEASURE_USERS_WITH:
        break;
    }
}

// ---- Reading ----

static struct reading measure_number(int64_t milli)
{
    return (struct reading){.present = true, .milli = milli};
}

// How many different values there are, by sorting a copy on its own heap.
static void measure_sift(int64_t *items, uint32_t at, uint32_t n)
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

static int64_t measure_distinct(const struct cell_entry *entries, uint32_t n)
{
    if (n <= 1)
        return n;
    int64_t *items = mem_alloc(n * sizeof *items);
    for (uint32_t i = 0; i < n; i++)
        items[i] = entries[i].value;
    for (uint32_t i = n / 2; i > 0; i--)
        measure_sift(items, i - 1, n);
    for (uint32_t left = n; left > 1; left--) {
        int64_t held = items[0];
        items[0] = items[left - 1];
        items[left - 1] = held;
        measure_sift(items, 0, left - 1);
    }
    int64_t different = 1;
    for (uint32_t i = 1; i < n; i++)
        different += items[i] != items[i - 1];
    mem_free(items);
    return different;
}

static struct reading measure_read_anchored(const struct measure *measure, const struct cell *cell)
{
    uint32_t n;
    const struct cell_entry *entries = cell_within(cell, measure->within_ms, &n);
    struct reading out = {.present = true};
    int64_t day = INT64_MIN, days = 0;
    switch (measure->kind) {
    case MEASURE_ACTIVE_WEEKS:
    case MEASURE_AVERAGE:
    case MEASURE_BEST:
    case MEASURE_DAY_STREAK:
    case MEASURE_FIRST_VALUE:
    case MEASURE_GRADE:
    case MEASURE_LAST_VALUE:
    case MEASURE_MAX:
    case MEASURE_MIN:
    case MEASURE_POINTS:
    case MEASURE_SEQUENCE:
    case MEASURE_SINCE:
    case MEASURE_TIME_SPENT:
    case MEASURE_WEEK_STREAK:
    case MEASURE_WEIGHTED:
        CHECK(false);
    case MEASURE_DISTINCT_USERS:
    case MEASURE_DISTINCT_VALUES:
        out.milli = value_thousand(measure_distinct(entries, n));
        break;
    case MEASURE_ACTIVE_DAYS:
        for (uint32_t i = 0; i < n; i++) {
            days += time_day(entries[i].key) != day;
            day = time_day(entries[i].key);
        }
        out.milli = value_thousand(days);
        break;
    case MEASURE_FIRST:
    case MEASURE_LAST:
        out.present = n > 0;
        out.milli = n == 0 ? 0 : entries[measure->kind == MEASURE_FIRST ? 0 : n - 1].key;
        break;
    case MEASURE_COUNT:
    case MEASURE_SUM:
    case MEASURE_SCORE:
    case MEASURE_USERS_WITH:
        for (uint32_t i = 0; i < n; i++)
            out.milli = value_add(out.milli, entries[i].value);
        if (measure->kind == MEASURE_COUNT)
            out.milli = value_thousand(out.milli);
        break;
    }
    return out;
}

static int64_t measure_big_sum(const struct cell *cell, int64_t low)
{
    const struct cell_entry *entries = cell_entries(cell);
    __int128 sum = 0;
    for (uint32_t i = cell_first(cell, low); i < cell->n; i++)
        sum += entries[i].value;
    return sum > VALUE_MILLI_MAX    ? VALUE_MILLI_MAX
           : sum < -VALUE_MILLI_MAX ? -VALUE_MILLI_MAX
                                    : (int64_t)sum;
}

// From the newest bucket back.
static int64_t measure_sum(const struct cell *cell, int64_t low)
{
    const struct cell_entry *entries = cell_entries(cell);
    int64_t sum = 0;
    uint32_t i = cell->n;
    for (; i > 0 && entries[i - 1].key >= low; i--) {
        if (__builtin_add_overflow(sum, entries[i - 1].value, &sum))
            return measure_big_sum(cell, low);
    }
    return value_bound(sum);
}

static int64_t measure_days(const struct measure *measure, const struct cell *cell, int64_t low)
{
    const struct cell_entry *entries = cell_entries(cell);
    int64_t days = 0, day = INT64_MIN;
    uint32_t from = cell_first(cell, low);
    if (measure_by_day(measure))
        return cell->n - from;
    for (uint32_t i = from; i < cell->n; i++) {
        int64_t of = measure_floor_div(entries[i].key, 24);
        days += of != day;
        day = of;
    }
    return days;
}

static struct reading measure_extreme(const struct measure *measure, const struct cell *cell,
                                      int64_t low)
{
    const struct cell_entry *entries = cell_entries(cell);
    uint32_t from = cell_first(cell, low);
    if (from == cell->n)
        return (struct reading){.present = false};
    return measure_number(entries[measure->kind == MEASURE_FIRST ? from : cell->n - 1].value);
}

struct reading measure_read(const struct scene *scene, int32_t at, int64_t clock_ms)
{
    const struct plan *plan = scene->plan;
    const struct measure *measure = &plan->playbook->measures[at];
    const struct cell *cell = &scene_subject(scene, measure->scope)->cells[measure->cell];
    if (measure->kind == MEASURE_SCORE)
        return measure_number(score_value(cell, clock_ms, measure->half_life_ms));
    if (measure->kind == MEASURE_USERS_WITH)
        return measure_number(value_thousand(measure_sum(cell, INT64_MIN)));
    if (measure->window == WINDOW_ANCHORED)
        return measure_read_anchored(measure, cell);
    int64_t low = measure_low(measure, clock_ms);
    switch (measure->kind) {
    case MEASURE_ACTIVE_WEEKS:
    case MEASURE_AVERAGE:
    case MEASURE_BEST:
    case MEASURE_DAY_STREAK:
    case MEASURE_FIRST_VALUE:
    case MEASURE_GRADE:
    case MEASURE_LAST_VALUE:
    case MEASURE_MAX:
    case MEASURE_MIN:
    case MEASURE_POINTS:
    case MEASURE_SEQUENCE:
    case MEASURE_SINCE:
    case MEASURE_TIME_SPENT:
    case MEASURE_WEEK_STREAK:
    case MEASURE_WEIGHTED:
        CHECK(false);
    case MEASURE_SUM:
        return measure_number(measure_sum(cell, low));
    case MEASURE_DISTINCT_VALUES:
        return measure_number(value_thousand(measure_sum(cell_histogram(cell), low)));
    case MEASURE_ACTIVE_DAYS:
        return measure_number(value_thousand(measure_days(measure, cell, low)));
    case MEASURE_FIRST:
    case MEASURE_LAST:
        return measure_extreme(measure, cell, low);
    case MEASURE_COUNT:
    case MEASURE_DISTINCT_USERS:
    case MEASURE_SCORE:
    case MEASURE_USERS_WITH:
        break;
    }
    return measure_number(value_thousand(measure_sum(cell, low)));
}

// The buckets of a measure that time takes away, from the oldest that counts; NULL: none.
static const struct cell_entry *measure_leaving(const struct measure *measure,
                                                const struct cell *cell, int64_t after_ms,
                                                uint32_t *n)
{
    const struct cell *buckets =
        measure->kind == MEASURE_DISTINCT_VALUES ? cell_histogram(cell) : cell;
    *n = 0;
    if (measure->window == WINDOW_LIFETIME || measure->window == WINDOW_ANCHORED)
        return NULL;
    uint32_t from = cell_first(buckets, measure_low(measure, after_ms));
    *n = buckets->n - from;
    // Those of a calendar period leave all at once.
    if (*n > 1 && measure->window != WINDOW_DAYS && measure->window != WINDOW_HOURS)
        *n = 1;
    return cell_entries(buckets) + from;
}

static const struct cell *measure_cell(const struct scene *scene, const struct measure *measure)
{
    return &scene_subject(scene, measure->scope)->cells[measure->cell];
}

uint32_t measure_changes(const struct scene *scene, int32_t at, int64_t after_ms)
{
    const struct measure *measure = &scene->plan->playbook->measures[at];
    uint32_t n;
    (void)measure_leaving(measure, measure_cell(scene, measure), after_ms, &n);
    return n;
}

int64_t measure_change(const struct scene *scene, int32_t at, int64_t after_ms, uint32_t nth)
{
    const struct measure *measure = &scene->plan->playbook->measures[at];
    uint32_t n;
    const struct cell_entry *entries =
        measure_leaving(measure, measure_cell(scene, measure), after_ms, &n);
    if (nth >= n)
        return INT64_MAX;
    if (measure->window == WINDOW_DAYS)
        return (entries[nth].key + measure->window_n) * TIME_DAY_MS;
    if (measure->window == WINDOW_HOURS)
        return (entries[nth].key + measure->window_n) * TIME_HOUR_MS;
    return measure_period_day(measure->window, time_day(after_ms), 1) * TIME_DAY_MS;
}
