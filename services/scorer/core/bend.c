// SPDX-License-Identifier: Apache-2.0
// A score with a half-life is one exponential function, a rule's points are a sum of functions that
// fall towards 0 and are convex: above 0 such a function lies below its chord, and above the lines
// on through its middle; so by no more than its second difference.
#include "services/scorer/core/bend.h"

#include "services/scorer/core/condition.h"
#include "services/scorer/core/measure_impl.h"
#include "services/scorer/core/value.h"

// Each of three numbers is rounded by up to half a thousandth.
enum { BEND_ROUNDING = 3 };

static const int64_t BEND_MAX = VALUE_MILLI_MAX / 16;

static struct bend bend_constant(int64_t milli)
{
    return (struct bend){.known = true, .from = milli, .to = milli};
}

static struct bend bend_fading(const struct scene *scene, int32_t at, int64_t from_ms,
                               int64_t to_ms)
{
    struct bend out = {.known = true};
    out.from = measure_read(scene, at, from_ms).milli;
    out.to = measure_read(scene, at, to_ms).milli;
    int64_t half_ms = (to_ms - from_ms + 1) / 2;
    int64_t middle = measure_read(scene, at, from_ms + half_ms).milli;
    bool up = out.from > 0;
    int64_t second = (out.from - middle) - (middle - out.to);
    second = second < 0 ? -second : second;
    // The middle may be half a millisecond off.
    int64_t fall = (out.from - out.to) / half_ms;
    second += (fall < 0 ? -fall : fall) + 1;
    out.below = (up ? second : 0) + BEND_ROUNDING;
    out.above = (up ? 0 : second) + BEND_ROUNDING;
    out.known = out.from <= BEND_MAX && out.from >= -BEND_MAX;
    return out;
}

static struct bend bend_points(const struct scene *scene, int32_t at, int64_t from_ms,
                               int64_t to_ms)
{
    const struct measure *measure = &scene->plan->playbook->measures[at];
    struct bend out = bend_fading(scene, at, from_ms, to_ms);
    int64_t from = out.from < 0 ? -out.from : out.from, to = out.to < 0 ? -out.to : out.to;
    if (measure->cap_milli <= 0 || from < measure->cap_milli)
        return out;
    // It stays at its bound, or comes down from it in between.
    if (to >= measure->cap_milli)
        return bend_constant(out.from);
    return (struct bend){.known = false};
}

static struct bend bend_stepping(const struct scene *scene, int32_t at, int64_t from_ms,
                                 int64_t to_ms)
{
    struct range range = measure_range(scene, at, from_ms, to_ms);
    if (range.absent || range.low != range.high)
        return (struct bend){.known = false};
    return bend_constant(range.low);
}

static struct bend bend_term(const struct scene *scene, const struct term *term, int64_t from_ms,
                             int64_t to_ms)
{
    if (term->measure != PLAYBOOK_NONE)
        return bend_of(scene, term->measure, from_ms, to_ms);
    return bend_constant(condition_signal(scene, term->signal) ? 1000 : 0);
}

static int64_t bend_out(__int128 micro)
{
    return (int64_t)(micro / 1000) + 1; // away from 0, and one more
}

// A sum of thousandths times thousandths; without bounds that are in force.
static struct bend bend_weighted(const struct scene *scene, const struct measure *measure,
                                 int64_t from_ms, int64_t to_ms)
{
    const struct bend unknown = {.known = false};
    __int128 from = 0, to = 0, below = 0, above = 0;
    if (measure->total_milli > 0 || measure->veto != PLAYBOOK_NONE)
        return unknown;
    for (int32_t i = 0; i < measure->n_terms; i++) {
        int64_t weight = measure->terms[i].weight_milli;
        struct bend part = bend_term(scene, &measure->terms[i], from_ms, to_ms);
        if (!part.known || weight > BEND_MAX || weight < -BEND_MAX)
            return unknown;
        from += (__int128)part.from * weight;
        to += (__int128)part.to * weight;
        below += (__int128)(weight < 0 ? -part.above : part.below) * weight;
        above += (__int128)(weight < 0 ? -part.below : part.above) * weight;
    }
    const __int128 most = (__int128)BEND_MAX * 1000;
    if (from > most || from < -most || to > most || to < -most || below > most || above > most)
        return unknown;
    struct bend out = {true, (int64_t)(from / 1000), (int64_t)(to / 1000), bend_out(below) + 1,
                       bend_out(above) + 1};
    int64_t low = (out.from < out.to ? out.from : out.to) - out.below;
    int64_t high = (out.from < out.to ? out.to : out.from) + out.above;
    bool bounded = measure->min_milli < measure->max_milli &&
                   (low < measure->min_milli || high > measure->max_milli);
    return bounded ? unknown : out;
}

struct bend bend_of(const struct scene *scene, int32_t at, int64_t from_ms, int64_t to_ms)
{
    const struct measure *measure = &scene->plan->playbook->measures[at];
    if (measure->kind == MEASURE_SCORE)
        return bend_fading(scene, at, from_ms, to_ms);
    if (measure->kind == MEASURE_POINTS)
        return bend_points(scene, at, from_ms, to_ms);
    if (measure->kind == MEASURE_WEIGHTED)
        return bend_weighted(scene, measure, from_ms, to_ms);
    if (measure->kind == MEASURE_BEST || measure->kind == MEASURE_GRADE ||
        measure->kind == MEASURE_SINCE)
        return (struct bend){.known = false};
    return bend_stepping(scene, at, from_ms, to_ms);
}
