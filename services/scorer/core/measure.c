// SPDX-License-Identifier: Apache-2.0
// A windowed measure keeps one bucket for each UTC day, hour or period that an event fell into; the
// window at a clock is a lowest bucket. Buckets below it no longer count and are dropped when a new
// one is added. A clock never moves back, so what is dropped at its arrival could not have counted
// later. Measures that are compared with what they were (`lag`) keep their buckets so much longer.
//
// Users that are counted with a lag: a user's cell has the buckets that the user was active in, the
// account's cell for each bucket how many users are in the window that ends with it.
#include "services/scorer/core/measure.h"

#include "common/base/check.h"
#include "services/scorer/core/measure_impl.h"
#include "services/scorer/core/score.h"

int64_t measure_divide(__int128 a, __int128 b)
{
    __int128 half = b / 2;
    __int128 q = a >= 0 ? (a + half) / b : (a - half) / b;
    return q > VALUE_MILLI_MAX    ? VALUE_MILLI_MAX
           : q < -VALUE_MILLI_MAX ? -VALUE_MILLI_MAX
                                  : (int64_t)q;
}

const struct value *measure_property(const struct event *event, struct span key)
{
    for (size_t i = 0; i < event->n_properties; i++) {
        if (span_eq(event->properties[i].key, key))
            return &event->properties[i].value;
    }
    return NULL;
}

// ---- Taking events ----

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

// Counts the user in every window that holds the bucket and none of the user's others. Windows are
// told by their last bucket; `first`: of the earliest that is still looked at.
static void measure_take_user_lag(const struct measure *measure, struct cell *cell,
                                  struct user *user, int64_t key, int64_t first)
{
    if (user == NULL)
        return;
    struct cell *own = &user->subject.cells[measure->user_cell];
    const struct cell_entry *entries = cell_entries(own);
    uint32_t at = cell_first(own, key);
    if (at < own->n && entries[at].key == key)
        return;
    int64_t from = key > first ? key : first, to = key + measure->window_n - 1;
    if (at > 0 && entries[at - 1].key + measure->window_n > from)
        from = entries[at - 1].key + measure->window_n;
    if (at < own->n && entries[at].key - 1 < to)
        to = entries[at].key - 1;
    for (int64_t end = from; end <= to; end++)
        cell_put(cell, end, 1, CELL_ADD, first);
    cell_put(own, key, 1, CELL_SET, first - measure->window_n + 1);
}

void measure_take_user_in(const struct measure *measure, struct cell *cell, struct user *user,
                          int64_t key, int64_t low)
{
    if (measure->lag > 0)
        measure_take_user_lag(measure, cell, user, key, low + measure->window_n - 1);
    else
        measure_take_user(measure, cell, user, key, low);
}

void measure_leave_users(const struct measure *measure, struct cell *cell,
                         const struct cell *active)
{
    const struct cell_entry *entries = cell_entries(active);
    int64_t next = INT64_MIN;
    for (uint32_t i = 0; i < active->n; i++) {
        int64_t from = entries[i].key, to = from;
        if (measure->lag > 0) {
            to = from + measure->window_n - 1;
            from = from > next ? from : next;
            next = to + 1;
        }
        // What has been dropped meanwhile is not there.
        for (int64_t end = from; end <= to; end++)
            cell_take_away(cell, end, 1);
    }
}

int64_t measure_low(const struct measure *measure, int64_t clock_ms)
{
    int64_t low = window_low(measure, clock_ms);
    return measure->lag > 0 ? low - measure->lag : low;
}

static void measure_take_score(const struct measure *measure, const struct plan_step *step,
                               struct cell *cell, int64_t at_ms, int64_t clock_ms)
{
    int64_t level = score_level(at_ms, measure->half_life_ms);
    int64_t lowest = score_low(clock_ms, measure->half_life_ms);
    if (level >= lowest)
        cell_put(cell, level, score_weight(step->points_milli, at_ms, measure->half_life_ms),
                 CELL_ADD, lowest);
}

static void measure_take_stay(const struct measure *measure, struct cell *cell, int64_t at_ms,
                              int64_t clock_ms)
{
    int64_t low = window_begin(measure, clock_ms, measure->lag);
    low = low == INT64_MIN ? low : low - measure->idle_ms;
    if (at_ms >= low)
        cell_stay(cell, at_ms, measure->idle_ms, low);
}

// What of a property: a number, or (DISTINCT_VALUES) a value.
static void measure_take_property(const struct scene *scene, const struct measure *measure,
                                  struct cell *cell, struct span name, int64_t key, int64_t low)
{
    const struct value *value = measure_property(scene->event, name);
    int64_t amount;
    if (value == NULL)
        return;
    if (measure->kind == MEASURE_DISTINCT_VALUES) {
        if (value->type != VALUE_NONE)
            cell_see(cell, value_hash(value), key, low);
        return;
    }
    if (!value_milli(value, &amount))
        return;
    enum cell_op op = measure->kind == MEASURE_MAX   ? CELL_MAX
                      : measure->kind == MEASURE_MIN ? CELL_MIN
                                                     : CELL_ADD;
    cell_put(cell, key, amount, op, low);
    if (measure->kind == MEASURE_AVERAGE)
        cell_put(&scene_subject(scene, measure->scope)->cells[measure->user_cell], key, 1, CELL_ADD,
                 low);
}

// Apart from the usual ones.
static __attribute__((noinline)) void
measure_take_other(const struct scene *scene, const struct plan_step *step, struct cell *cell)
{
    const struct measure *measure = &scene->plan->playbook->measures[step->measure];
    int64_t at_ms = scene->event->at_ms, clock_ms = scene->account->clock_ms;
    if (scene->plan->measures[step->measure].logs)
        measure_take_event(scene, step, cell);
    else if (measure->kind == MEASURE_TIME_SPENT)
        measure_take_stay(measure, cell, at_ms, clock_ms);
    else if (measure->kind == MEASURE_POINTS)
        points_take(measure, cell, at_ms, clock_ms);
}

void measure_take(const struct scene *scene, const struct plan_step *step)
{
    const struct plan *plan = scene->plan;
    const struct event *event = scene->event;
    int64_t clock_ms = scene->account->clock_ms;
    const struct measure *measure = &plan->playbook->measures[step->measure];
    struct cell *cell = &scene_subject(scene, measure->scope)->cells[measure->cell];
    const struct plan_measure *note = &plan->measures[step->measure];
    if (measure->kind == MEASURE_SCORE) {
        measure_take_score(measure, step, cell, event->at_ms, clock_ms);
        return;
    }
    if (note->logs || measure->kind == MEASURE_TIME_SPENT || measure->kind == MEASURE_POINTS) {
        measure_take_other(scene, step, cell);
        return;
    }
    int64_t key = window_key(measure, event->at_ms);
    int64_t low = measure_low(measure, clock_ms);
    if (key < low)
        return;
    switch (measure->kind) {
    case MEASURE_COUNT:
        cell_put(cell, key, 1, CELL_ADD, low);
        break;
    case MEASURE_SUM:
    case MEASURE_MAX:
    case MEASURE_MIN:
    case MEASURE_AVERAGE:
    case MEASURE_DISTINCT_VALUES:
        measure_take_property(scene, measure, cell, note->key, key, low);
        break;
    case MEASURE_DISTINCT_USERS:
        measure_take_user_in(measure, cell, scene->user, key, low);
        break;
    case MEASURE_ACTIVE_DAYS:
    case MEASURE_ACTIVE_WEEKS:
    case MEASURE_DAY_STREAK:
    case MEASURE_WEEK_STREAK:
        cell_put(cell, key, 1, CELL_SET, low);
        break;
    case MEASURE_FIRST:
        cell_put(cell, key, event->at_ms, CELL_MIN, low);
        break;
    case MEASURE_LAST:
    case MEASURE_SINCE:
        cell_put(cell, key, event->at_ms, CELL_MAX, low);
        break;
    case MEASURE_BUSIEST_HOUR:
        cell_hour(cell, (uint32_t)(time_hour(event->at_ms) - 24 * time_day(event->at_ms)), 1);
        break;
    case MEASURE_FIRST_VALUE:
    case MEASURE_LAST_VALUE:
    case MEASURE_TIME_SPENT:
    case MEASURE_SEQUENCE:
    case MEASURE_POINTS:
    case MEASURE_SCORE:
    case MEASURE_USERS_WITH:
    case MEASURE_WEIGHTED:
    case MEASURE_BEST:
    case MEASURE_GRADE:
        break;
    }
}

// ---- Reading buckets ----

// The buckets of [low, high] of a cell.
struct buckets {
    const struct cell_entry *items;
    uint32_t n;
};

static struct buckets measure_buckets(const struct cell *cell, int64_t low, int64_t high)
{
    uint32_t from = cell_first(cell, low);
    uint32_t to = high == INT64_MAX ? cell->n : cell_first(cell, high + 1);
    return (struct buckets){cell_entries(cell) + from, to > from ? to - from : 0};
}

static int64_t measure_big_sum(const struct cell_entry *entries, uint32_t from, uint32_t to)
{
    __int128 sum = 0;
    for (uint32_t i = from; i < to; i++)
        sum += entries[i].value;
    return sum > VALUE_MILLI_MAX    ? VALUE_MILLI_MAX
           : sum < -VALUE_MILLI_MAX ? -VALUE_MILLI_MAX
                                    : (int64_t)sum;
}

// From the newest bucket back.
static inline int64_t measure_sum(const struct cell *cell, int64_t low, int64_t high)
{
    const struct cell_entry *entries = cell_entries(cell);
    uint32_t to = high == INT64_MAX ? cell->n : cell_first(cell, high + 1);
    int64_t sum = 0;
    for (uint32_t i = to; i > 0 && entries[i - 1].key >= low; i--) {
        if (__builtin_add_overflow(sum, entries[i - 1].value, &sum))
            return measure_big_sum(entries, cell_first(cell, low), to);
    }
    return value_bound(sum);
}

static int64_t measure_days(const struct measure *measure, const struct cell *cell, int64_t low,
                            int64_t high)
{
    struct buckets buckets = measure_buckets(cell, low, high);
    if (window_by(measure) == BY_DAY)
        return buckets.n;
    int64_t days = 0, day = INT64_MIN;
    for (uint32_t i = 0; i < buckets.n; i++) {
        int64_t of = window_floor_div(buckets.items[i].key, 24);
        days += of != day;
        day = of;
    }
    return days;
}

// The run of buckets that ends at the clock's or at the one before it.
static int64_t measure_streak(const struct measure *measure, const struct cell *cell,
                              int64_t clock_ms)
{
    const struct cell_entry *entries = cell_entries(cell);
    int64_t now = window_key(measure, clock_ms), n = 0;
    int64_t most = measure->kind == MEASURE_DAY_STREAK ? WINDOW_STREAK_DAYS : WINDOW_STREAK_WEEKS;
    uint32_t i = cell->n;
    if (i == 0 || entries[i - 1].key < now - 1)
        return 0;
    do {
        n++;
        i--;
    } while (i > 0 && n < most && entries[i - 1].key == entries[i].key - 1);
    return n;
}

static struct reading measure_extreme(const struct measure *measure, const struct cell *cell,
                                      int64_t low, int64_t high)
{
    struct buckets buckets = measure_buckets(cell, low, high);
    struct reading out = {.present = buckets.n > 0};
    if (!out.present)
        return out;
    out.milli = buckets.items[0].value;
    if (measure->kind == MEASURE_LAST)
        out.milli = buckets.items[buckets.n - 1].value;
    if (measure->kind != MEASURE_MAX && measure->kind != MEASURE_MIN)
        return out;
    for (uint32_t i = 1; i < buckets.n; i++) {
        int64_t value = buckets.items[i].value;
        if (measure->kind == MEASURE_MAX ? value > out.milli : value < out.milli)
            out.milli = value;
    }
    return out;
}

static struct reading measure_average(const struct scene *scene, const struct measure *measure,
                                      int64_t low, int64_t high)
{
    const struct subject *subject = scene_subject(scene, measure->scope);
    struct buckets sums = measure_buckets(&subject->cells[measure->cell], low, high);
    struct buckets counts = measure_buckets(&subject->cells[measure->user_cell], low, high);
    __int128 sum = 0, n = 0;
    for (uint32_t i = 0; i < sums.n; i++)
        sum += sums.items[i].value;
    for (uint32_t i = 0; i < counts.n; i++)
        n += counts.items[i].value;
    if (n == 0)
        return (struct reading){.present = false};
    return measure_number(measure_divide(sum, n));
}

// Of each session what lies at or after the window's first instant.
static int64_t measure_stayed(const struct cell *cell, int64_t begin_ms)
{
    const struct cell_entry *entries = cell_entries(cell);
    int64_t ms = 0;
    for (uint32_t i = cell->n; i > 0 && entries[i - 1].value > begin_ms; i--) {
        int64_t from = entries[i - 1].key > begin_ms ? entries[i - 1].key : begin_ms;
        ms += entries[i - 1].value - from;
    }
    return ms;
}

// The hour with most events, the earliest of several, and 1; 0: there was none.
static int64_t measure_busiest(const struct cell *cell)
{
    struct cell_entry hours[CELL_HOURS_OF_DAY];
    uint32_t n = cell_hours(cell, hours), best = 0;
    for (uint32_t i = 1; i < n; i++)
        best = hours[i].value > hours[best].value ? i : best;
    return n == 0 ? 0 : hours[best].key + 1;
}

// Apart from the usual ones.
static __attribute__((noinline)) struct reading
measure_read_other(const struct scene *scene, int32_t at, int64_t clock_ms, int64_t lag)
{
    const struct measure *measure = &scene->plan->playbook->measures[at];
    if (measure->cell == PLAYBOOK_NONE)
        return derived_read(scene, at, clock_ms);
    const struct cell *cell = measure_cell(scene, measure);
    if (scene->plan->measures[at].logs)
        return measure_read_events(scene, at, clock_ms, lag);
    if (measure->kind == MEASURE_POINTS)
        return measure_number(fine_milli(points_fine(measure, cell, clock_ms)));
    if (measure->kind == MEASURE_BUSIEST_HOUR)
        return measure_number(value_thousand(measure_busiest(cell)));
    if (measure->kind == MEASURE_TIME_SPENT)
        return measure_number(measure_stayed(cell, window_begin(measure, clock_ms, 0)));
    if (measure->kind == MEASURE_SINCE) {
        if (cell->n == 0)
            return (struct reading){.present = false};
        return measure_number(clock_ms - cell_entries(cell)[0].value);
    }
    if (measure->kind == MEASURE_DISTINCT_USERS) {
        int64_t end = window_key(measure, clock_ms) - lag;
        return measure_number(value_thousand(measure_sum(cell, end, end)));
    }
    return measure_number(value_thousand(measure_streak(measure, cell, clock_ms)));
}

static inline __attribute__((always_inline)) struct reading
measure_read_at(const struct scene *scene, int32_t at, int64_t clock_ms, int64_t lag)
{
    const struct plan *plan = scene->plan;
    const struct measure *measure = &plan->playbook->measures[at];
    if (measure->cell == PLAYBOOK_NONE || plan->measures[at].logs)
        return measure_read_other(scene, at, clock_ms, lag);
    const struct cell *cell = measure_cell(scene, measure);
    int64_t low = window_low(measure, clock_ms), high = INT64_MAX;
    if (lag > 0) {
        low -= lag;
        high = window_key(measure, clock_ms) - lag;
    }
    switch (measure->kind) {
    case MEASURE_SCORE:
        return measure_number(score_value(cell, clock_ms, measure->half_life_ms));
    case MEASURE_USERS_WITH:
        return measure_number(value_thousand(measure_sum(cell, INT64_MIN, INT64_MAX)));
    case MEASURE_COUNT:
    case MEASURE_ACTIVE_WEEKS:
        return measure_number(value_thousand(measure_sum(cell, low, high)));
    case MEASURE_DISTINCT_USERS:
        if (measure->lag > 0)
            break;
        return measure_number(value_thousand(measure_sum(cell, low, high)));
    case MEASURE_SUM:
        return measure_number(measure_sum(cell, low, high));
    case MEASURE_DISTINCT_VALUES:
        return measure_number(value_thousand(measure_sum(cell_histogram(cell), low, high)));
    case MEASURE_ACTIVE_DAYS:
        return measure_number(value_thousand(measure_days(measure, cell, low, high)));
    case MEASURE_FIRST:
    case MEASURE_LAST:
    case MEASURE_MAX:
    case MEASURE_MIN:
        return measure_extreme(measure, cell, low, high);
    case MEASURE_AVERAGE:
        return measure_average(scene, measure, low, high);
    case MEASURE_DAY_STREAK:
    case MEASURE_WEEK_STREAK:
    case MEASURE_TIME_SPENT:
    case MEASURE_SINCE:
    case MEASURE_POINTS:
    case MEASURE_FIRST_VALUE:
    case MEASURE_LAST_VALUE:
    case MEASURE_SEQUENCE:
    case MEASURE_WEIGHTED:
    case MEASURE_BEST:
    case MEASURE_GRADE:
    case MEASURE_BUSIEST_HOUR:
        break;
    }
    return measure_read_other(scene, at, clock_ms, lag);
}

struct reading measure_read(const struct scene *scene, int32_t measure, int64_t clock_ms)
{
    return measure_read_at(scene, measure, clock_ms, 0);
}

__int128 measure_fine(const struct scene *scene, int32_t at, int64_t clock_ms)
{
    const struct measure *measure = &scene->plan->playbook->measures[at];
    if (derived_is_fine(measure))
        return derived_fine(scene, at, clock_ms, clock_ms).low;
    if (measure->kind == MEASURE_SCORE)
        return score_fine(measure_cell(scene, measure), clock_ms, measure->half_life_ms);
    if (measure->kind == MEASURE_POINTS)
        return scene->plan->measures[at].logs
                   ? measure_fine_events(scene, at, clock_ms)
                   : points_fine(measure, measure_cell(scene, measure), clock_ms);
    struct reading reading = measure_read(scene, at, clock_ms);
    return reading.present ? fine_of(reading.milli) : 0;
}

struct reading measure_read_before(const struct scene *scene, int32_t measure, int64_t clock_ms,
                                   int32_t lag)
{
    CHECK(lag <= scene->plan->playbook->measures[measure].lag);
    return measure_read_at(scene, measure, clock_ms, lag);
}
