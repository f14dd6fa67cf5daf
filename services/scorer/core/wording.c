// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/core/wording.h"

#include "common/base/check.h"

#include "common/base/time_text.h"
#include "services/scorer/core/value.h"

// ---- Numbers ----

const char *wording_instant(int64_t ms, struct arena *arena)
{
    char text[TIME_TEXT_MAX];
    return arena_dup(arena, span_of(time_format(ms, text)));
}

const char *wording_duration(int64_t ms, struct arena *arena)
{
    static const struct {
        int64_t ms;
        const char *name;
    } UNITS[] = {
        {TIME_DAY_MS, "d"}, {TIME_HOUR_MS, "h"}, {TIME_MINUTE_MS, "m"}, {TIME_SECOND_MS, "s"}};
    if (ms < 0)
        return arena_printf(arena, "-%s", wording_duration(ms == INT64_MIN ? 0 : -ms, arena));
    for (size_t i = 0; i < ARRAY_LEN(UNITS); i++) {
        if (ms < UNITS[i].ms)
            continue;
        int64_t rest = i + 1 < ARRAY_LEN(UNITS) ? ms % UNITS[i].ms / UNITS[i + 1].ms : 0;
        const char *large =
            arena_printf(arena, "%lld%s", (long long)(ms / UNITS[i].ms), UNITS[i].name);
        return rest == 0
                   ? large
                   : arena_printf(arena, "%s %lld%s", large, (long long)rest, UNITS[i + 1].name);
    }
    return ms == 0 ? "0s" : arena_printf(arena, "%lldms", (long long)ms);
}

// A quotient, rounded down to a tenth: what is not reached does not look as if it were.
static const char *wording_tenths(__int128 above, __int128 below, bool whole, struct arena *arena)
{
    __int128 tenths = above * 10 / below;
    long long n = tenths > INT64_MAX ? INT64_MAX : tenths < 0 ? 0 : (long long)tenths;
    return whole && n % 10 == 0 ? arena_printf(arena, "%lld", n / 10)
                                : arena_printf(arena, "%lld.%lld", n / 10, n % 10);
}

static const char *wording_band(const struct measure *measure, int64_t milli)
{
    const char *name = NULL;
    for (int32_t i = 0; i < measure->n_bands && measure->bands[i].from_milli <= milli; i++)
        name = measure->bands[i].name;
    return name;
}

static const char *wording_number(const struct measure *measure, int64_t milli, struct arena *arena)
{
    if (measure != NULL && measure->unit == UNIT_DURATION)
        return wording_duration(milli, arena);
    if (measure != NULL && (measure->unit == UNIT_INSTANT || measure->kind == MEASURE_FIRST ||
                            measure->kind == MEASURE_LAST))
        return wording_instant(milli, arena);
    if (measure != NULL && measure->kind == MEASURE_BUSIEST_HOUR)
        return milli < 1000 ? "none"
                            : arena_printf(arena, "%02lld:00 UTC", (long long)(milli / 1000 - 1));
    return value_milli_text(milli, arena);
}

const char *wording_reading(const struct measure *measure, const struct reading *reading,
                            struct arena *arena)
{
    if (!reading->present)
        return "";
    if (measure->unit == UNIT_VALUE)
        return value_text(&reading->value, arena);
    const char *number = wording_number(measure, reading->milli, arena);
    const char *band = wording_band(measure, reading->milli);
    return band == NULL ? number : arena_printf(arena, "%s (%s)", number, band);
}

// ---- Values ----

static const struct measure *wording_measure(const struct scene *scene,
                                             const struct condition *leaf)
{
    return leaf->operand == OPERAND_MEASURE ? &scene->plan->playbook->measures[leaf->measure]
                                            : NULL;
}

static const char *wording_operand(const struct measure *measure, const struct operand *left,
                                   struct arena *arena)
{
    struct reading reading = {left->present, left->milli, left->value};
    if (!left->present)
        return "";
    return measure != NULL ? wording_reading(measure, &reading, arena)
                           : value_text(&left->value, arena);
}

// "80 of 100 (80 %)"; what is more than all of it is missing there: "20 of 5 (400 %), 15 missing".
static const char *wording_share(const struct scene *scene, int32_t at, const struct operand *left,
                                 const char *value, struct arena *arena)
{
    const struct condition *leaf = &scene->plan->playbook->conditions[at];
    const struct measure *measure = wording_measure(scene, leaf);
    struct operand of = condition_of(scene, at);
    int64_t milli, whole;
    if (!condition_number(left, &milli) || !condition_number(&of, &whole) || whole <= 0)
        return value;
    const char *share =
        arena_printf(arena, "%s of %s (%s %%)", wording_number(measure, milli, arena),
                     wording_number(measure, whole, arena),
                     wording_tenths((__int128)milli * 100, whole, true, arena));
    return milli <= whole ? share
                          : arena_printf(arena, "%s, %s missing", share,
                                         wording_number(measure, milli - whole, arena));
}

static struct reading wording_then(const struct scene *scene, const struct condition *leaf)
{
    return measure_read_before(scene, leaf->measure, scene->clock_ms, leaf->growth.lag);
}

// "5 to 20 (x4.0)".
static const char *wording_growth(const struct scene *scene, const struct condition *leaf,
                                  const struct operand *left, struct arena *arena)
{
    struct reading then = wording_then(scene, leaf);
    const char *now = value_milli_text(left->milli, arena);
    if (!then.present)
        return now;
    const char *from = value_milli_text(then.milli, arena);
    if (then.milli <= 0)
        return arena_printf(arena, "%s to %s", from, now);
    return arena_printf(arena, "%s to %s (x%s)", from, now,
                        wording_tenths(left->milli, then.milli, false, arena));
}

const char *wording_value(const struct scene *scene, int32_t at, struct arena *arena)
{
    const struct condition *leaf = &scene->plan->playbook->conditions[at];
    struct operand left = condition_operand(scene, at, arena);
    if (left.present && leaf->test == TEST_GREW)
        return wording_growth(scene, leaf, &left, arena);
    const char *value = wording_operand(wording_measure(scene, leaf), &left, arena);
    bool share = left.present && leaf->of.set && leaf->test != TEST_LATER_THAN;
    return share ? wording_share(scene, at, &left, value, arena) : value;
}

// ---- What is missing ----

static const char *wording_absent(const struct playbook *playbook, enum operand_kind kind,
                                  int32_t measure, const char *key, struct arena *arena)
{
    if (kind != OPERAND_MEASURE)
        return arena_printf(arena, "trait %s is not set", key);
    return arena_printf(arena, "%s has not happened", playbook->measures[measure].name);
}

// A measure within a window whose anchor is not known yet: the anchor's name, else NULL.
static const char *wording_anchor(const struct scene *scene, const struct condition *leaf)
{
    const struct measure *measure = wording_measure(scene, leaf);
    if (measure == NULL || measure->window != WINDOW_ANCHORED || measure->cell == PLAYBOOK_NONE ||
        (measure->scope == SCOPE_USER && scene->user == NULL))
        return NULL;
    const struct cell *cell = &scene_subject(scene, measure->scope)->cells[measure->cell];
    bool known = cell->events != NULL && cell->events->marked;
    return known ? NULL : scene->plan->playbook->events[measure->anchor];
}

// The smallest number that is a share of the whole.
static int64_t wording_needed(int64_t whole, int64_t share, bool strictly)
{
    __int128 need = (__int128)whole * share;
    __int128 least =
        strictly ? need / PERCENT_WHOLE + 1 : (need + PERCENT_WHOLE - 1) / PERCENT_WHOLE;
    return least > VALUE_MILLI_MAX ? VALUE_MILLI_MAX : (int64_t)least;
}

static const char *wording_missing_share(const struct scene *scene, int32_t at,
                                         const struct operand *left, struct arena *arena)
{
    const struct playbook *playbook = scene->plan->playbook;
    const struct condition *leaf = &playbook->conditions[at];
    struct operand of = condition_of(scene, at);
    int64_t milli, whole;
    if (!of.present)
        return wording_absent(playbook, leaf->of.kind, leaf->of.measure, leaf->of.key, arena);
    const char *value = wording_value(scene, at, arena);
    if (!condition_number(left, &milli) || !condition_number(&of, &whole) || whole <= 0)
        return arena_printf(arena, "needs a share of a number above 0, has %s", value);
    bool more = leaf->test == TEST_AT_LEAST || leaf->test == TEST_ABOVE;
    if (!more)
        return arena_printf(arena, "needs %s %s, has %s",
                            leaf->test == TEST_AT_MOST ? "at most" : "less than", leaf->threshold,
                            value);
    int64_t gap = wording_needed(whole, leaf->low_milli, leaf->test == TEST_ABOVE) - milli;
    return arena_printf(arena, "%s more to %s%s",
                        wording_number(wording_measure(scene, leaf), gap, arena),
                        leaf->test == TEST_ABOVE ? "pass " : "", leaf->threshold);
}

static const char *wording_missing_growth(const struct scene *scene, const struct condition *leaf,
                                          const struct operand *left, struct arena *arena)
{
    const struct growth *growth = &leaf->growth;
    struct reading then = wording_then(scene, leaf);
    const char *value = wording_growth(scene, leaf, left, arena);
    if (growth->has_to && left->milli < growth->to_milli)
        return arena_printf(arena, "%s more to %s",
                            value_milli_text(growth->to_milli - left->milli, arena),
                            value_milli_text(growth->to_milli, arena));
    if (!then.present)
        return "nothing to compare with";
    if (growth->has_from && then.milli > growth->from_milli)
        return arena_printf(arena, "needs at most %s before, had %s",
                            value_milli_text(growth->from_milli, arena),
                            value_milli_text(then.milli, arena));
    if (growth->has_by && left->milli - then.milli < growth->by_milli)
        return arena_printf(arena, "%s more to grow by %s",
                            value_milli_text(growth->by_milli - (left->milli - then.milli), arena),
                            value_milli_text(growth->by_milli, arena));
    return arena_printf(arena, "needs x%s, has %s",
                        wording_tenths(growth->ratio_milli, 1000, false, arena), value);
}

static const char *wording_missing_instant(const struct scene *scene, const struct condition *leaf,
                                           const struct operand *left, const char *value,
                                           struct arena *arena)
{
    int64_t ms;
    if (!condition_instant(left, &ms))
        return arena_printf(arena, "%s is not an instant", value);
    if (!leaf->expected)
        return arena_printf(arena, "has come: %s", value);
    return arena_printf(arena, "in %s: %s", wording_duration(ms - scene->clock_ms, arena), value);
}

static const char *wording_at_least(const struct measure *measure, const struct condition *leaf,
                                    const struct operand *left, const char *value,
                                    struct arena *arena)
{
    int64_t gap;
    if (left->number && !__builtin_sub_overflow(leaf->low_milli, left->milli, &gap))
        return arena_printf(arena, "%s more", wording_number(measure, gap, arena));
    return arena_printf(arena, "needs at least %s, has %s", leaf->threshold, value);
}

static const char *wording_missing_plain(const struct scene *scene, int32_t at,
                                         const struct operand *left, struct arena *arena)
{
    const struct condition *leaf = &scene->plan->playbook->conditions[at];
    const char *value = wording_operand(wording_measure(scene, leaf), left, arena);
    switch (leaf->test) {
    case TEST_AT_LEAST:
        return wording_at_least(wording_measure(scene, leaf), leaf, left, value, arena);
    case TEST_AT_MOST:
        return arena_printf(arena, "needs at most %s, has %s", leaf->threshold, value);
    case TEST_ABOVE:
        return arena_printf(arena, "needs more than %s, has %s", leaf->threshold, value);
    case TEST_BELOW:
        return arena_printf(arena, "needs less than %s, has %s", leaf->threshold, value);
    case TEST_BETWEEN:
        return arena_printf(arena, "not between %s, has %s", leaf->threshold, value);
    case TEST_IS:
        return arena_printf(arena, "needs %s, has %s", leaf->threshold, value);
    case TEST_IN:
        return arena_printf(arena, "not in %s, has %s", leaf->threshold, value);
    case TEST_CONTAINS:
        return arena_printf(arena, "does not contain %s", leaf->threshold);
    case TEST_WITHIN:
        return arena_printf(arena, "more than %s ago: %s", leaf->threshold, value);
    case TEST_GREW:
        return wording_missing_growth(scene, leaf, left, arena);
    case TEST_IS_PAST:
        return wording_missing_instant(scene, leaf, left, value, arena);
    case TEST_LATER_THAN:
        return arena_printf(arena, "not later than %s: %s", leaf->threshold, value);
    case TEST_EXISTS:
        break;
    }
    return "";
}

const char *wording_missing(const struct scene *scene, int32_t at, struct arena *arena)
{
    const struct playbook *playbook = scene->plan->playbook;
    const struct condition *leaf = &playbook->conditions[at];
    struct operand left = condition_operand(scene, at, arena);
    if (leaf->test == TEST_EXISTS && !leaf->expected)
        return arena_printf(
            arena, "%s is set",
            leaf->operand == OPERAND_MEASURE ? playbook->measures[leaf->measure].name : leaf->key);
    const char *anchor = wording_anchor(scene, leaf);
    if (anchor != NULL)
        return arena_printf(arena, "%s has not happened", anchor);
    if (!left.present || leaf->test == TEST_EXISTS)
        return wording_absent(playbook, leaf->operand, leaf->measure, leaf->key, arena);
    if (leaf->of.set && leaf->test != TEST_LATER_THAN)
        return wording_missing_share(scene, at, &left, arena);
    return wording_missing_plain(scene, at, &left, arena);
}
