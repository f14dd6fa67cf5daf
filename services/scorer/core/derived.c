// SPDX-License-Identifier: Apache-2.0
// Measures that keep nothing: what they read follows from other measures, and from signals as last
// decided.
#include "common/base/check.h"
#include "services/scorer/core/bend.h"
#include "services/scorer/core/measure_impl.h"

// ---- Signals ----

static bool derived_signal(const struct scene *scene, int32_t signal)
{
    const struct signal *of = &scene->plan->playbook->signals[signal];
    struct subject *subject = scene_subject(scene, of->scope);
    return (subject_flags(&scene->plan->scopes[of->scope], subject)[of->number] & SIGNAL_TRUE) != 0;
}

static struct reading derived_since(const struct scene *scene, int32_t signal, int64_t clock_ms)
{
    const struct signal *of = &scene->plan->playbook->signals[signal];
    const struct signal_mark *marks = scene_subject(scene, of->scope)->marks;
    if (marks == NULL || !derived_signal(scene, signal))
        return (struct reading){.present = false};
    int64_t ms = clock_ms - marks[of->number].since_ms;
    return measure_number(ms > 0 ? ms : 0);
}

// ---- Sums ----

static __int128 derived_add(__int128 a, __int128 b)
{
    const __int128 most = (__int128)1 << 126;
    __int128 sum;
    if (__builtin_add_overflow(a, b, &sum) || sum > most || sum < -most)
        return b > 0 ? most : -most;
    return sum;
}

// From thousandths of thousandths.
static int64_t derived_scale(const struct measure *measure, __int128 sum)
{
    const __int128 most = (__int128)1 << 119; // a hundred of them fit
    int64_t milli;
    if (measure->total_milli > 0) {
        sum = sum > most ? most : sum < -most ? -most : sum;
        milli = measure_divide(sum * 100, measure->total_milli);
    } else {
        milli = measure_divide(sum, 1000);
    }
    if (measure->min_milli >= measure->max_milli)
        return milli;
    return milli < measure->min_milli   ? measure->min_milli
           : milli > measure->max_milli ? measure->max_milli
                                        : milli;
}

static struct range derived_term(const struct scene *scene, const struct term *term,
                                 int64_t from_ms, int64_t to_ms)
{
    if (term->measure == PLAYBOOK_NONE) {
        int64_t milli = derived_signal(scene, term->signal) ? 1000 : 0;
        return (struct range){.low = milli, .high = milli};
    }
    struct range range;
    if (from_ms == to_ms) {
        struct reading reading = measure_read(scene, term->measure, from_ms);
        int64_t milli = reading.present ? reading.milli : 0;
        return (struct range){.low = milli, .high = milli};
    }
    range = measure_range(scene, term->measure, from_ms, to_ms);
    if (range.low > range.high)
        return (struct range){.low = 0, .high = 0};
    // What is absent counts nothing.
    if (range.absent && range.low > 0)
        range.low = 0;
    if (range.absent && range.high < 0)
        range.high = 0;
    return range;
}

// Below these a line tells no more.
enum { BEND_FROM_MS = 16, BEND_FROM_MILLI = 16 };

static struct range derived_weighted(const struct scene *scene, const struct measure *measure,
                                     int64_t from_ms, int64_t to_ms)
{
    __int128 low = 0, high = 0;
    for (int32_t i = 0; i < measure->n_terms; i++) {
        const struct term *term = &measure->terms[i];
        struct range range = derived_term(scene, term, from_ms, to_ms);
        __int128 a = (__int128)range.low * term->weight_milli;
        __int128 b = (__int128)range.high * term->weight_milli;
        low = derived_add(low, a < b ? a : b);
        high = derived_add(high, a < b ? b : a);
    }
    struct range range = {.low = derived_scale(measure, low), .high = derived_scale(measure, high)};
    if (to_ms - from_ms < BEND_FROM_MS || range.high - range.low < BEND_FROM_MILLI)
        return range;
    struct bend bend =
        bend_of(scene, (int32_t)(measure - scene->plan->playbook->measures), from_ms, to_ms);
    if (!bend.known)
        return range;
    low = (bend.from < bend.to ? bend.from : bend.to) - bend.below;
    high = (bend.from < bend.to ? bend.to : bend.from) + bend.above;
    range.low = low > range.low ? (int64_t)low : range.low;
    range.high = high < range.high ? (int64_t)high : range.high;
    return range;
}

static struct range derived_best(const struct scene *scene, const struct measure *measure,
                                 int64_t from_ms, int64_t to_ms)
{
    struct range best = {0};
    for (int32_t i = 0; i < measure->n_terms; i++) {
        struct range range = derived_term(scene, &measure->terms[i], from_ms, to_ms);
        best.low = i == 0 || range.low > best.low ? range.low : best.low;
        best.high = i == 0 || range.high > best.high ? range.high : best.high;
    }
    return best;
}

// ---- Grades ----

static int64_t derived_level(const struct grade_side *side, int64_t milli)
{
    int64_t level = 0;
    while (level < side->n && milli >= side->at_least_milli[level])
        level++;
    return level;
}

static struct range derived_side(const struct scene *scene, const struct grade_side *side,
                                 int64_t from_ms, int64_t to_ms)
{
    struct term term = {.measure = side->measure};
    struct range range = derived_term(scene, &term, from_ms, to_ms);
    return (struct range){.low = derived_level(side, range.low),
                          .high = derived_level(side, range.high)};
}

// Places in the grid of names, in thousandths.
static struct range derived_grade(const struct scene *scene, const struct measure *measure,
                                  int64_t from_ms, int64_t to_ms)
{
    struct range row = derived_side(scene, &measure->rows, from_ms, to_ms);
    struct range column = derived_side(scene, &measure->columns, from_ms, to_ms);
    int64_t width = measure->columns.n + 1;
    return (struct range){.low = (row.low * width + column.low) * 1000,
                          .high = (row.high * width + column.high) * 1000};
}

// ---- The whole ----

static struct range derived_number(const struct scene *scene, const struct measure *measure,
                                   int64_t from_ms, int64_t to_ms)
{
    if (measure->kind == MEASURE_GRADE)
        return derived_grade(scene, measure, from_ms, to_ms);
    if (measure->veto != PLAYBOOK_NONE && derived_signal(scene, measure->veto))
        return (struct range){0};
    return measure->kind == MEASURE_BEST ? derived_best(scene, measure, from_ms, to_ms)
                                         : derived_weighted(scene, measure, from_ms, to_ms);
}

struct reading derived_read(const struct scene *scene, int32_t at, int64_t clock_ms)
{
    const struct measure *measure = &scene->plan->playbook->measures[at];
    if (measure->kind == MEASURE_SINCE)
        return derived_since(scene, measure->signal, clock_ms);
    struct reading reading = measure_number(derived_number(scene, measure, clock_ms, clock_ms).low);
    if (measure->kind == MEASURE_GRADE) {
        reading.value.type = VALUE_TEXT;
        reading.value.text = span_of(measure->names[reading.milli / 1000]);
    }
    return reading;
}

struct range derived_range(const struct scene *scene, int32_t at, int64_t from_ms, int64_t to_ms)
{
    const struct measure *measure = &scene->plan->playbook->measures[at];
    if (measure->kind != MEASURE_SINCE)
        return derived_number(scene, measure, from_ms, to_ms);
    struct reading from = derived_since(scene, measure->signal, from_ms);
    struct reading to = derived_since(scene, measure->signal, to_ms);
    if (!from.present)
        return (struct range){.absent = true, .low = 1, .high = 0};
    return (struct range){.low = from.milli, .high = to.milli};
}

int32_t derived_part(const struct measure *measure, int32_t nth)
{
    if (measure->kind == MEASURE_GRADE)
        return nth == 0   ? measure->rows.measure
               : nth == 1 ? measure->columns.measure
                          : PLAYBOOK_NONE;
    for (int32_t i = 0; i < measure->n_terms; i++) {
        if (measure->terms[i].measure != PLAYBOOK_NONE && nth-- == 0)
            return measure->terms[i].measure;
    }
    return PLAYBOOK_NONE;
}
