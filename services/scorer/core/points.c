// SPDX-License-Identifier: Apache-2.0
// One rule of a score. What it keeps:
//   points stay             how many events, in one bucket; with per_day, in one of each day
//   half-life               sums by level, as score.c has them
//   once                    the earliest instant
//   fading in a line, or the first few of each day that fade: the events themselves
#include "common/base/check.h"
#include "services/scorer/core/measure_impl.h"
#include "services/scorer/core/score.h"

static __int128 points_bound(const struct measure *measure, __int128 fine)
{
    __int128 cap = fine_of(measure->cap_milli);
    if (cap > 0 && fine > cap)
        return cap;
    return cap > 0 && fine < -cap ? -cap : fine_bound(fine);
}

static int64_t points_times(int64_t milli, int64_t n)
{
    __int128 product = (__int128)milli * n;
    return product > VALUE_MILLI_MAX    ? VALUE_MILLI_MAX
           : product < -VALUE_MILLI_MAX ? -VALUE_MILLI_MAX
                                        : (int64_t)product;
}

// What is left of one event, in parts of half_life_ms.
static int64_t points_line(const struct measure *measure, int64_t at_ms, int64_t clock_ms)
{
    int64_t age = clock_ms - at_ms;
    return age < measure->half_life_ms ? measure->half_life_ms - age : 0;
}

void points_take(const struct measure *measure, struct cell *cell, int64_t at_ms, int64_t clock_ms)
{
    if (measure->once) {
        cell_put(cell, 0, at_ms, CELL_MIN, INT64_MIN);
        return;
    }
    if (measure->decay == DECAY_NONE) {
        cell_put(cell, measure->per_day > 0 ? time_day(at_ms) : 0, 1, CELL_ADD, INT64_MIN);
        return;
    }
    int64_t level = score_level(at_ms, measure->half_life_ms);
    int64_t lowest = score_low(clock_ms, measure->half_life_ms);
    if (level >= lowest)
        cell_put(cell, level, score_weight(measure->points_milli, at_ms, measure->half_life_ms),
                 CELL_ADD, lowest);
}

// Of the events that count.
struct points_sum {
    const struct measure *measure;
    int64_t clock_ms;
    int64_t n;
    __int128 line;
    struct cell levels;
};

static void points_add(struct points_sum *sum, int64_t at_ms)
{
    const struct measure *measure = sum->measure;
    sum->n++;
    if (measure->decay == DECAY_LINEAR)
        sum->line += points_line(measure, at_ms, sum->clock_ms);
    if (measure->decay != DECAY_HALF_LIFE)
        return;
    int64_t level = score_level(at_ms, measure->half_life_ms);
    if (level >= score_low(sum->clock_ms, measure->half_life_ms))
        cell_put(&sum->levels, level,
                 score_weight(measure->points_milli, at_ms, measure->half_life_ms), CELL_ADD,
                 INT64_MIN);
}

static __int128 points_end(struct points_sum *sum)
{
    const struct measure *measure = sum->measure;
    __int128 fine = 0;
    switch (measure->decay) {
    case DECAY_NONE:
        fine = fine_of(points_times(measure->points_milli, sum->n));
        break;
    case DECAY_HALF_LIFE:
        fine = score_fine(&sum->levels, sum->clock_ms, measure->half_life_ms);
        break;
    case DECAY_LINEAR:
        fine = fine_of(measure->points_milli) * sum->line / measure->half_life_ms;
        break;
    }
    cell_deinit(&sum->levels, CELL_BUCKETS);
    return points_bound(measure, fine);
}

static int64_t points_by_day(const struct measure *measure, const struct cell *cell)
{
    const struct cell_entry *entries = cell_entries(cell);
    int64_t n = 0;
    for (uint32_t i = 0; i < cell->n; i++)
        n += measure->per_day > 0 && entries[i].value > measure->per_day ? measure->per_day
                                                                         : entries[i].value;
    return n;
}

__int128 points_fine(const struct measure *measure, const struct cell *cell, int64_t clock_ms)
{
    struct points_sum sum = {.measure = measure, .clock_ms = clock_ms};
    if (measure->once) {
        if (cell->n > 0)
            points_add(&sum, cell->one.value);
        return points_end(&sum);
    }
    if (measure->decay != DECAY_NONE)
        return points_bound(measure, score_fine(cell, clock_ms, measure->half_life_ms));
    int64_t milli = points_times(measure->points_milli, points_by_day(measure, cell));
    return points_bound(measure, fine_of(milli));
}

int64_t points_low(const struct measure *measure, int64_t clock_ms)
{
    if (measure->decay == DECAY_NONE || measure->once)
        return INT64_MIN;
    int64_t low = clock_ms - measure->half_life_ms + 1;
    if (measure->decay == DECAY_HALF_LIFE)
        low = score_low(clock_ms, measure->half_life_ms) * measure->half_life_ms;
    // What came earlier on that day takes its place among the first ones.
    return measure->per_day > 0 ? time_day(low) * TIME_DAY_MS : low;
}

__int128 points_of_events(const struct measure *measure, const struct cell_event *events,
                          uint32_t n, int64_t clock_ms)
{
    struct points_sum sum = {.measure = measure, .clock_ms = clock_ms};
    int64_t day = INT64_MIN;
    int32_t of_day = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (time_day(events[i].at_ms) != day) {
            day = time_day(events[i].at_ms);
            of_day = 0;
        }
        if (measure->per_day > 0 && of_day++ >= measure->per_day)
            continue;
        points_add(&sum, events[i].at_ms);
        if (measure->once)
            break;
    }
    return points_end(&sum);
}
