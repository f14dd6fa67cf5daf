// SPDX-License-Identifier: Apache-2.0
// A score with a half-life is one exponential function, a rule's points are a sum of functions that
// fall towards 0 and are convex: above 0 such a function lies below its chord, and above the lines
// from either end through its middle on to the other.
#include "services/scorer/core/bend.h"

#include "services/scorer/core/condition.h"
#include "services/scorer/core/measure_impl.h"
#include "services/scorer/core/value.h"

// What three readings may be off, and what is dropped of a half-life after SCORE_LEVELS_MAX of
// them, of sums of up to some hundred thousand points: a millionth of a thousandth.
static const __int128 BEND_ROUNDING = (__int128)1 << 12;
// So that nothing overflows: of numbers, and of weights in thousandths.
static const __int128 BEND_MAX = (__int128)1 << 76;
static const int64_t BEND_WEIGHT_MAX = INT64_C(1) << 30;

static struct bend bend_constant(__int128 fine)
{
    return (struct bend){.known = true, .from = fine, .to = fine};
}

// All that is known: no line through it.
static struct bend bend_between(__int128 low, __int128 high)
{
    return (struct bend){.known = true, .from = low, .to = low, .above = high - low};
}

static __int128 bend_size(__int128 fine)
{
    return fine < 0 ? -fine : fine;
}

// The most that a convex function is off its chord: what it is off in the middle, carried on to
// either end.
static __int128 bend_off(const struct bend *ends, __int128 middle, int64_t before_ms,
                         int64_t after_ms)
{
    int64_t span_ms = before_ms + after_ms;
    __int128 chord = (ends->from * after_ms + ends->to * before_ms) / span_ms;
    int64_t less_ms = before_ms < after_ms ? before_ms : after_ms;
    return (bend_size(chord - middle) + 1) * span_ms / less_ms;
}

static struct bend bend_fading(const struct scene *scene, int32_t at, int64_t from_ms,
                               int64_t to_ms)
{
    struct bend out = {.known = true};
    out.from = measure_fine(scene, at, from_ms);
    out.to = measure_fine(scene, at, to_ms);
    int64_t half_ms = (to_ms - from_ms) / 2;
    bool up = out.from > 0;
    if (half_ms == 0 || bend_size(out.from) > BEND_MAX || bend_size(out.to) > BEND_MAX)
        return (struct bend){.known = false};
    __int128 middle = measure_fine(scene, at, from_ms + half_ms);
    __int128 off = bend_off(&out, middle, half_ms, to_ms - from_ms - half_ms);
    out.below = (up ? off : 0) + BEND_ROUNDING;
    out.above = (up ? 0 : off) + BEND_ROUNDING;
    return out;
}

static struct bend bend_points(const struct scene *scene, int32_t at, int64_t from_ms,
                               int64_t to_ms)
{
    const struct measure *measure = &scene->plan->playbook->measures[at];
    struct bend out = bend_fading(scene, at, from_ms, to_ms);
    __int128 cap = fine_of(measure->cap_milli);
    if (cap <= 0 || bend_size(out.from) < cap)
        return out;
    // It stays at its bound, or comes down from it in between.
    return out.from < out.to ? bend_between(out.from, out.to) : bend_between(out.to, out.from);
}

static struct bend bend_stepping(const struct scene *scene, int32_t at, int64_t from_ms,
                                 int64_t to_ms)
{
    struct fine_range range = measure_fine_range(scene, at, from_ms, to_ms);
    return bend_between(range.low, range.high);
}

static struct bend bend_term(const struct scene *scene, const struct term *term, int64_t from_ms,
                             int64_t to_ms)
{
    if (term->measure != PLAYBOOK_NONE)
        return bend_of(scene, term->measure, from_ms, to_ms);
    return bend_constant(fine_of(condition_signal(scene, term->signal) ? 1000 : 0));
}

static bool bend_is_small(const struct bend *bend)
{
    return bend->known && bend_size(bend->from) <= BEND_MAX && bend_size(bend->to) <= BEND_MAX &&
           bend->below <= BEND_MAX && bend->above <= BEND_MAX;
}

static __int128 bend_out(__int128 sum)
{
    return sum / 1000 + 1; // away from 0
}

// A sum of numbers times thousandths.
struct bend bend_of_sum(const struct scene *scene, const struct measure *measure, int64_t from_ms,
                        int64_t to_ms)
{
    const struct bend unknown = {.known = false};
    __int128 from = 0, to = 0, below = 0, above = 0;
    if (measure->total_milli > 0 || measure->veto != PLAYBOOK_NONE)
        return unknown;
    for (int32_t i = 0; i < measure->n_terms; i++) {
        int64_t weight = measure->terms[i].weight_milli;
        struct bend part = bend_term(scene, &measure->terms[i], from_ms, to_ms);
        if (!bend_is_small(&part) || weight > BEND_WEIGHT_MAX || weight < -BEND_WEIGHT_MAX)
            return unknown;
        from += part.from * weight;
        to += part.to * weight;
        below += (weight < 0 ? -part.above : part.below) * weight;
        above += (weight < 0 ? -part.below : part.above) * weight;
    }
    // Both ends may be one off.
    struct bend out = {true, from / 1000, to / 1000, bend_out(below) + 1, bend_out(above) + 1};
    __int128 low = (out.from < out.to ? out.from : out.to) - out.below;
    __int128 high = (out.from < out.to ? out.to : out.from) + out.above;
    if (measure->min_milli >= measure->max_milli)
        return out;
    __int128 least = fine_of(measure->min_milli), most = fine_of(measure->max_milli);
    if (low >= least && high <= most)
        return out;
    low = low < least ? least : low > most ? most : low;
    high = high < least ? least : high > most ? most : high;
    return bend_between(low, high);
}

struct bend bend_of(const struct scene *scene, int32_t at, int64_t from_ms, int64_t to_ms)
{
    const struct measure *measure = &scene->plan->playbook->measures[at];
    if (measure->kind == MEASURE_SCORE)
        return bend_fading(scene, at, from_ms, to_ms);
    if (measure->kind == MEASURE_POINTS)
        return bend_points(scene, at, from_ms, to_ms);
    if (measure->kind == MEASURE_WEIGHTED)
        return bend_of_sum(scene, measure, from_ms, to_ms);
    if (measure->kind == MEASURE_BEST || measure->kind == MEASURE_GRADE ||
        measure->kind == MEASURE_SINCE)
        return (struct bend){.known = false};
    return bend_stepping(scene, at, from_ms, to_ms);
}
