// SPDX-License-Identifier: Apache-2.0
// Measures that keep nothing: what they read follows from other measures, and from signals as last
// decided.
#include "common/base/check.h"
#include "services/scorer/core/bend.h"
#include "services/scorer/core/condition.h"
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

// From thousandths of what a part reads.
static __int128 derived_scale(const struct measure *measure, __int128 sum)
{
    const __int128 most = (__int128)1 << 119; // a hundred of them fit
    __int128 fine = sum / 1000;
    if (measure->total_milli > 0) { // of signals alone
        sum /= (__int128)1 << FINE_BITS;
        sum = sum > most ? most : sum < -most ? -most : sum;
        fine = fine_of(measure_divide(sum * 100, measure->total_milli));
    }
    fine = fine_bound(fine);
    if (measure->min_milli >= measure->max_milli)
        return fine;
    __int128 low = fine_of(measure->min_milli), high = fine_of(measure->max_milli);
    return fine < low ? low : fine > high ? high : fine;
}

static struct fine_range derived_term(const struct scene *scene, const struct term *term,
                                      int64_t from_ms, int64_t to_ms)
{
    if (term->measure != PLAYBOOK_NONE)
        return measure_fine_range(scene, term->measure, from_ms, to_ms);
    __int128 fine = fine_of(derived_signal(scene, term->signal) ? 1000 : 0);
    return (struct fine_range){fine, fine};
}

// Below it a line tells no more.
enum { BEND_FROM_MS = 16 };

static struct fine_range derived_weighted(const struct scene *scene, const struct measure *measure,
                                          int64_t from_ms, int64_t to_ms)
{
    __int128 low = 0, high = 0;
    for (int32_t i = 0; i < measure->n_terms; i++) {
        const struct term *term = &measure->terms[i];
        struct fine_range range = derived_term(scene, term, from_ms, to_ms);
        __int128 a = range.low * term->weight_milli;
        __int128 b = range.high * term->weight_milli;
        low = derived_add(low, a < b ? a : b);
        high = derived_add(high, a < b ? b : a);
    }
    struct fine_range range = {derived_scale(measure, low), derived_scale(measure, high)};
    if (to_ms - from_ms < BEND_FROM_MS || fine_milli(range.low) == fine_milli(range.high))
        return range;
    struct bend bend = bend_of_sum(scene, measure, from_ms, to_ms);
    if (!bend.known)
        return range;
    low = (bend.from < bend.to ? bend.from : bend.to) - bend.below;
    high = (bend.from < bend.to ? bend.to : bend.from) + bend.above;
    range.low = low > range.low ? low : range.low;
    range.high = high < range.high ? high : range.high;
    return range;
}

static struct fine_range derived_best(const struct scene *scene, const struct measure *measure,
                                      int64_t from_ms, int64_t to_ms)
{
    struct fine_range best = {0};
    for (int32_t i = 0; i < measure->n_terms; i++) {
        struct fine_range range = derived_term(scene, &measure->terms[i], from_ms, to_ms);
        best.low = i == 0 || range.low > best.low ? range.low : best.low;
        best.high = i == 0 || range.high > best.high ? range.high : best.high;
    }
    return best;
}

bool derived_is_fine(const struct measure *measure)
{
    return measure->kind == MEASURE_WEIGHTED || measure->kind == MEASURE_BEST;
}

struct fine_range derived_fine(const struct scene *scene, int32_t at, int64_t from_ms,
                               int64_t to_ms)
{
    const struct measure *measure = &scene->plan->playbook->measures[at];
    if (measure->veto != PLAYBOOK_NONE && derived_signal(scene, measure->veto))
        return (struct fine_range){0};
    return measure->kind == MEASURE_BEST ? derived_best(scene, measure, from_ms, to_ms)
                                         : derived_weighted(scene, measure, from_ms, to_ms);
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
    struct fine_range range = measure_fine_range(scene, side->measure, from_ms, to_ms);
    return (struct range){.low = derived_level(side, fine_milli(range.low)),
                          .high = derived_level(side, fine_milli(range.high))};
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

// ---- A share of another ----

struct range measure_over_share(const struct scene *scene, int32_t at, int32_t of, int64_t share,
                                int64_t from_ms, int64_t to_ms)
{
    const struct term terms[] = {
        {.measure = at, .signal = PLAYBOOK_NONE, .weight_milli = PERCENT_WHOLE},
        {.measure = of, .signal = PLAYBOOK_NONE, .weight_milli = -share},
    };
    const struct measure difference = {
        .kind = MEASURE_WEIGHTED, .terms = terms, .n_terms = 2, .veto = PLAYBOOK_NONE};
    struct fine_range range = derived_weighted(scene, &difference, from_ms, to_ms);
    const int64_t times = PERCENT_WHOLE / 1000;
    return (struct range){.low = fine_milli(range.low / times),
                          .high = fine_milli(range.high / times)};
}

// ---- The whole ----

static struct range derived_number(const struct scene *scene, int32_t at, int64_t from_ms,
                                   int64_t to_ms)
{
    const struct measure *measure = &scene->plan->playbook->measures[at];
    if (measure->kind == MEASURE_GRADE)
        return derived_grade(scene, measure, from_ms, to_ms);
    struct fine_range range = derived_fine(scene, at, from_ms, to_ms);
    return (struct range){.low = fine_milli(range.low), .high = fine_milli(range.high)};
}

struct reading derived_read(const struct scene *scene, int32_t at, int64_t clock_ms)
{
    const struct measure *measure = &scene->plan->playbook->measures[at];
    if (measure->kind == MEASURE_SINCE)
        return derived_since(scene, measure->signal, clock_ms);
    struct reading reading = measure_number(derived_number(scene, at, clock_ms, clock_ms).low);
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
        return derived_number(scene, at, from_ms, to_ms);
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
