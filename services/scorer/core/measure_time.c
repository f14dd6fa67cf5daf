// SPDX-License-Identifier: Apache-2.0
// What time alone does to measures: when those that change in steps change, and between which
// bounds one stays over an interval.
#include "common/base/check.h"
#include "services/scorer/core/measure_impl.h"
#include "services/scorer/core/score.h"

// ---- Steps ----

// The buckets of a measure that leave one by one; NULL: it has none, or its window moves over what
// it keeps.
static const struct cell *steps_cell(const struct scene *scene, int32_t at)
{
    const struct measure *measure = &scene->plan->playbook->measures[at];
    bool plain = measure->window == WINDOW_DAYS || measure->window == WINDOW_HOURS;
    if (!plain || measure->lag > 0 || scene->plan->measures[at].logs ||
        measure->kind == MEASURE_TIME_SPENT)
        return NULL;
    const struct cell *cell = measure_cell(scene, measure);
    return measure->kind == MEASURE_DISTINCT_VALUES ? cell_histogram(cell) : cell;
}

// The latest instant that a measure keeps, or one of its bucket; INT64_MIN: it is empty.
static int64_t steps_last(const struct scene *scene, int32_t at)
{
    const struct measure *measure = &scene->plan->playbook->measures[at];
    const struct cell *cell = measure_cell(scene, measure);
    if (scene->plan->measures[at].logs)
        return measure_last_event(cell);
    if (measure->kind == MEASURE_DISTINCT_VALUES)
        cell = cell_histogram(cell);
    if (cell->n == 0)
        return INT64_MIN;
    struct cell_entry last = cell_entries(cell)[cell->n - 1];
    if (measure->kind == MEASURE_TIME_SPENT)
        return last.value;
    // Users with a lag: of windows, told by their last bucket.
    if (measure->kind == MEASURE_DISTINCT_USERS && measure->lag > 0)
        last.key -= measure->window_n - 1;
    return window_instant(window_by(measure), last.key);
}

static bool steps_none(const struct measure *measure)
{
    return measure->kind == MEASURE_USERS_WITH || measure->kind == MEASURE_SCORE ||
           measure->kind == MEASURE_POINTS || measure->kind == MEASURE_SINCE ||
           measure->kind == MEASURE_BUSIEST_HOUR;
}

// The next change of any part.
static int64_t steps_derived(const struct scene *scene, const struct measure *measure,
                             int64_t after_ms)
{
    int64_t next = INT64_MAX;
    int32_t part;
    for (int32_t i = 0; (part = derived_part(measure, i)) != PLAYBOOK_NONE; i++) {
        int64_t then = measure_change(scene, part, after_ms, 0);
        next = then < next ? then : next;
    }
    return next;
}

uint32_t measure_changes(const struct scene *scene, int32_t at, int64_t after_ms)
{
    const struct measure *measure = &scene->plan->playbook->measures[at];
    if (steps_none(measure))
        return 0;
    if (measure->cell == PLAYBOOK_NONE) {
        uint32_t n = 0;
        while ((after_ms = steps_derived(scene, measure, after_ms)) != INT64_MAX)
            n++;
        return n;
    }
    const struct cell *cell = steps_cell(scene, at);
    if (cell != NULL)
        return cell->n - cell_first(cell, window_low(measure, after_ms));
    int64_t last = steps_last(scene, at);
    return last == INT64_MIN ? 0 : window_moves(measure, after_ms, last);
}

int64_t measure_change(const struct scene *scene, int32_t at, int64_t after_ms, uint32_t nth)
{
    const struct measure *measure = &scene->plan->playbook->measures[at];
    if (steps_none(measure))
        return INT64_MAX;
    if (measure->cell == PLAYBOOK_NONE) {
        int64_t then = after_ms;
        for (uint32_t i = 0; i <= nth && then != INT64_MAX; i++)
            then = steps_derived(scene, measure, then);
        return then;
    }
    const struct cell *cell = steps_cell(scene, at);
    if (cell == NULL) {
        int64_t last = steps_last(scene, at);
        if (last == INT64_MIN || nth >= window_moves(measure, after_ms, last))
            return INT64_MAX;
        return window_move(measure, after_ms, nth);
    }
    uint32_t from = cell_first(cell, window_low(measure, after_ms));
    if (nth >= cell->n - from)
        return INT64_MAX;
    int64_t unit = measure->window == WINDOW_DAYS ? TIME_DAY_MS : TIME_HOUR_MS;
    return (cell_entries(cell)[from + nth].key + measure->window_n) * unit;
}

// ---- At any instant ----

bool measure_continuous(const struct playbook *playbook, int32_t at)
{
    const struct measure *measure = &playbook->measures[at];
    if (measure->kind == MEASURE_SCORE || measure->kind == MEASURE_SINCE)
        return true;
    if (measure->kind == MEASURE_POINTS)
        return measure->decay != DECAY_NONE;
    if (measure->kind != MEASURE_WEIGHTED && measure->kind != MEASURE_BEST &&
        measure->kind != MEASURE_GRADE)
        return false;
    int32_t part;
    for (int32_t i = 0; (part = derived_part(measure, i)) != PLAYBOOK_NONE; i++) {
        if (measure_continuous(playbook, part))
            return true;
    }
    return false;
}

// ---- Bounds ----

static void range_add(struct range *range, struct reading reading)
{
    if (!reading.present) {
        range->absent = true;
        return;
    }
    range->low = reading.milli < range->low ? reading.milli : range->low;
    range->high = reading.milli > range->high ? reading.milli : range->high;
}

// A sum over buckets takes the value of each of their tails in turn.
static void range_tails(struct range *range, const struct cell *cell, int64_t low, int64_t high)
{
    const struct cell_entry *entries = cell_entries(cell);
    __int128 sum = 0;
    for (uint32_t i = cell->n; i > 0 && entries[i - 1].key >= low; i--) {
        sum += entries[i - 1].value;
        if (entries[i - 1].key < high)
            range_add(range, measure_number(measure_divide(sum, 1)));
    }
}

// Whether what one reads between two instants lies between what one reads at them.
static bool range_between(const struct scene *scene, int32_t at)
{
    const struct measure *measure = &scene->plan->playbook->measures[at];
    return scene->plan->measures[at].falls || measure->kind == MEASURE_SCORE ||
           measure->kind == MEASURE_POINTS || measure->kind == MEASURE_SINCE;
}

struct range measure_range(const struct scene *scene, int32_t at, int64_t from_ms, int64_t to_ms)
{
    const struct measure *measure = &scene->plan->playbook->measures[at];
    struct range range = {.low = INT64_MAX, .high = INT64_MIN};
    if (measure->cell == PLAYBOOK_NONE)
        return derived_range(scene, at, from_ms, to_ms);
    range_add(&range, measure_read(scene, at, from_ms));
    if (from_ms == to_ms)
        return range;
    range_add(&range, measure_read(scene, at, to_ms));
    if (range_between(scene, at))
        return range;
    if (measure->kind == MEASURE_SUM && steps_cell(scene, at) != NULL) {
        range_tails(&range, measure_cell(scene, measure), window_low(measure, from_ms),
                    window_low(measure, to_ms));
        return range;
    }
    for (int64_t then = from_ms; (then = measure_change(scene, at, then, 0)) < to_ms;)
        range_add(&range, measure_read(scene, at, then));
    return range;
}

struct fine_range measure_fine_range(const struct scene *scene, int32_t at, int64_t from_ms,
                                     int64_t to_ms)
{
    const struct measure *measure = &scene->plan->playbook->measures[at];
    if (derived_is_fine(measure))
        return derived_fine(scene, at, from_ms, to_ms);
    if (from_ms == to_ms || measure->kind == MEASURE_SCORE || measure->kind == MEASURE_POINTS) {
        __int128 from = measure_fine(scene, at, from_ms);
        __int128 to = from_ms == to_ms ? from : measure_fine(scene, at, to_ms);
        return from < to ? (struct fine_range){from, to} : (struct fine_range){to, from};
    }
    struct range range = measure_range(scene, at, from_ms, to_ms);
    if (range.low > range.high)
        return (struct fine_range){0, 0};
    // What is absent counts nothing.
    if (range.absent && range.low > 0)
        range.low = 0;
    if (range.absent && range.high < 0)
        range.high = 0;
    return (struct fine_range){fine_of(range.low), fine_of(range.high)};
}

// ---- Rest ----

static int64_t rest_after(int64_t at_ms, int64_t ms)
{
    int64_t rest;
    return at_ms == INT64_MIN || __builtin_add_overflow(at_ms, ms, &rest) ? INT64_MAX : rest;
}

// When nothing is left of points that fade.
static int64_t rest_points(const struct scene *scene, int32_t at)
{
    const struct measure *measure = &scene->plan->playbook->measures[at];
    const struct cell *cell = measure_cell(scene, measure);
    bool logs = scene->plan->measures[at].logs;
    int64_t last = scene->clock_ms, ms = 0;
    bool empty = logs ? measure_last_event(cell) == INT64_MIN : cell->n == 0;
    if (empty || (measure->kind == MEASURE_POINTS && measure->decay == DECAY_NONE))
        return scene->clock_ms;
    if (measure->kind == MEASURE_POINTS && measure->decay == DECAY_LINEAR) {
        last = logs ? measure_last_event(cell) : cell->one.value;
        ms = measure->half_life_ms;
    } else if (__builtin_mul_overflow(measure->half_life_ms, SCORE_LEVELS_MAX + 2, &ms)) {
        return INT64_MAX;
    }
    int64_t rest = rest_after(last, ms);
    return rest > scene->clock_ms ? rest : scene->clock_ms;
}

int64_t measure_rest(const struct scene *scene, int32_t at)
{
    const struct measure *measure = &scene->plan->playbook->measures[at];
    if (measure->kind == MEASURE_SINCE)
        return measure_read(scene, at, scene->clock_ms).present ? INT64_MAX : scene->clock_ms;
    if (measure->kind == MEASURE_SCORE || measure->kind == MEASURE_POINTS)
        return rest_points(scene, at);
    int64_t rest = scene->clock_ms;
    if (measure->cell != PLAYBOOK_NONE) {
        uint32_t n = measure_changes(scene, at, scene->clock_ms);
        return n == 0 ? rest : measure_change(scene, at, scene->clock_ms, n - 1);
    }
    int32_t part;
    for (int32_t i = 0; (part = derived_part(measure, i)) != PLAYBOOK_NONE; i++) {
        int64_t then = measure_rest(scene, part);
        rest = then > rest ? then : rest;
    }
    return rest;
}
