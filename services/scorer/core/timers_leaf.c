// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/core/timers_leaf.h"

#include "common/base/check.h"

#include "common/base/time_text.h"
#include "services/scorer/core/fact.h"
#include "services/scorer/core/leaf_bounds.h"
#include "services/scorer/core/score.h"
#include "services/scorer/core/value.h"

// No clock passes the end of the year 9999.
static const int64_t TIMERS_END_MS = 253402300799999;

static bool timers_leaf_at(struct scene *scene, int32_t at, int64_t clock_ms)
{
    int64_t kept = scene->clock_ms;
    scene->clock_ms = clock_ms;
    bool holds = condition_leaf(scene, at);
    scene->clock_ms = kept;
    return holds;
}

// The first instant in (low, high] at which the leaf is not what it is at `low`, when it changes
// once.
static int64_t timers_bisect(struct scene *scene, int32_t at, int64_t low, int64_t high)
{
    bool now = timers_leaf_at(scene, at, low);
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (timers_leaf_at(scene, at, middle) == now)
            low = middle;
        else
            high = middle;
    }
    return high;
}

// The first instant after `low` at which a score has come to `bound` (strictly: has passed it).
static int64_t timers_score_reaches(const struct cell *cell, const struct measure *measure,
                                    int64_t bound, bool strictly, int64_t low, int64_t high)
{
    bool down = score_value(cell, low, measure->half_life_ms) >= 0;
    int64_t toward = down ? 1 : -1;
    for (int64_t middle; high - low > 1;) {
        middle = low + (high - low) / 2;
        int64_t value = score_value(cell, middle, measure->half_life_ms);
        bool there = strictly ? (bound - value) * toward > 0 : (bound - value) * toward >= 0;
        if (there)
            high = middle;
        else
            low = middle;
    }
    return high;
}

// A score goes towards 0, so a test that names several numbers can change once at each of them.
static int64_t timers_score_numbers(struct scene *scene, int32_t at, const struct cell *cell,
                                    int64_t high)
{
    const struct playbook *playbook = scene->plan->playbook;
    const struct condition *leaf = &playbook->conditions[at];
    const struct measure *measure = &playbook->measures[leaf->measure];
    bool now = condition_leaf(scene, at);
    int64_t best = INT64_MAX;
    for (int32_t i = -2; i < leaf->n_values; i++) {
        int64_t bound = i == -2 ? leaf->low_milli : leaf->high_milli;
        if (i >= 0 && !value_milli(&leaf->values[i], &bound))
            continue;
        for (int strictly = 0; strictly < 2; strictly++) {
            int64_t then =
                timers_score_reaches(cell, measure, bound, strictly != 0, scene->clock_ms, high);
            if (then < best && timers_leaf_at(scene, at, then) != now)
                best = then;
        }
    }
    return best;
}

static int64_t timers_score(struct scene *scene, int32_t at)
{
    const struct playbook *playbook = scene->plan->playbook;
    const struct condition *leaf = &playbook->conditions[at];
    const struct measure *measure = &playbook->measures[leaf->measure];
    const struct cell *cell = &scene_subject(scene, measure->scope)->cells[measure->cell];
    int64_t rest, high;
    // By then nothing is left of it.
    if (cell->n == 0 ||
        __builtin_mul_overflow(measure->half_life_ms, SCORE_LEVELS_MAX + 2, &rest) ||
        __builtin_add_overflow(scene->clock_ms, rest, &high))
        return INT64_MAX;
    switch (leaf->test) {
    case TEST_AT_LEAST:
    case TEST_AT_MOST:
    case TEST_ABOVE:
    case TEST_BELOW:
        break;
    case TEST_BETWEEN:
    case TEST_IS:
    case TEST_IN:
    case TEST_CONTAINS:
    case TEST_EXISTS:
    case TEST_WITHIN:
    case TEST_GREW:
    case TEST_IS_PAST:
    case TEST_LATER_THAN:
        return timers_score_numbers(scene, at, cell, high);
    }
    if (timers_leaf_at(scene, at, high) == condition_leaf(scene, at))
        return INT64_MAX;
    return timers_bisect(scene, at, scene->clock_ms, high);
}

// A test against one number over a value that only falls changes once: with the first bucket to
// leave by which it has changed.
static int64_t timers_falling(struct scene *scene, int32_t at)
{
    int32_t measure = scene->plan->playbook->conditions[at].measure;
    bool now = condition_leaf(scene, at);
    int64_t then = INT64_MAX;
    uint32_t from = 0, to = measure_changes(scene, measure, scene->clock_ms);
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        int64_t next = measure_change(scene, measure, scene->clock_ms, middle);
        if (timers_leaf_at(scene, at, next) == now) {
            from = middle + 1;
        } else {
            then = next;
            to = middle;
        }
    }
    return then;
}

// ---- Any leaf ----

static int64_t timers_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t timers_bucket(const struct measure *measure, int64_t ms)
{
    return measure->window == WINDOW_HOURS ? time_hour(ms) : time_day(ms);
}

// A growth may change at every bucket's end, until all events have left both windows.
static int64_t timers_growth_step(const struct scene *scene, const struct condition *leaf,
                                  int64_t after_ms)
{
    const struct measure *measure = &scene->plan->playbook->measures[leaf->measure];
    int64_t width = measure->window == WINDOW_HOURS ? TIME_HOUR_MS : TIME_DAY_MS;
    int64_t next = timers_bucket(measure, after_ms) + 1;
    int64_t last = timers_bucket(measure, scene->clock_ms) + measure->window_n + leaf->growth.lag;
    return next > last ? STATE_NEVER : next * width;
}

// When a test on an instant changes, what it looks at staying what it is.
static int64_t timers_instant_step(struct scene *scene, int32_t at, int64_t after_ms)
{
    const struct condition *leaf = &scene->plan->playbook->conditions[at];
    struct arena arena;
    int64_t kept = scene->clock_ms, ms, end = STATE_NEVER;
    if (leaf->test != TEST_WITHIN && leaf->test != TEST_IS_PAST)
        return end;
    arena_init(&arena, 512, 0);
    scene->clock_ms = after_ms;
    struct operand left = condition_operand(scene, at, &arena);
    scene->clock_ms = kept;
    if (condition_instant(&left, &ms) &&
        !__builtin_add_overflow(ms, leaf->test == TEST_WITHIN ? leaf->low_milli : 0, &ms) &&
        ms > after_ms)
        end = ms;
    arena_deinit(&arena);
    return end;
}

// The next instant at which what changes in steps may change the leaf.
static int64_t timers_step(struct scene *scene, int32_t at, int64_t after_ms)
{
    const struct condition *leaf = &scene->plan->playbook->conditions[at];
    const struct plan_measure *measures = scene->plan->measures;
    int64_t next = timers_instant_step(scene, at, after_ms);
    if (leaf->test == TEST_GREW)
        next = timers_min(next, timers_growth_step(scene, leaf, after_ms));
    else if (leaf->operand == OPERAND_MEASURE && !measures[leaf->measure].continuous)
        next = timers_min(next, measure_change(scene, leaf->measure, after_ms, 0));
    if (leaf->of.set && leaf->of.kind == OPERAND_MEASURE && !measures[leaf->of.measure].continuous)
        next = timers_min(next, measure_change(scene, leaf->of.measure, after_ms, 0));
    CHECK(next > after_ms);
    return next;
}

// From when on nothing changes all the time any more.
static int64_t timers_rest(const struct scene *scene, const struct condition *leaf)
{
    const struct plan_measure *measures = scene->plan->measures;
    int64_t rest = scene->clock_ms, other;
    if (leaf->operand == OPERAND_MEASURE && measures[leaf->measure].continuous) {
        other = measure_rest(scene, leaf->measure);
        rest = other > rest ? other : rest;
    }
    if (leaf->of.set && leaf->of.kind == OPERAND_MEASURE && measures[leaf->of.measure].continuous) {
        other = measure_rest(scene, leaf->of.measure);
        rest = other > rest ? other : rest;
    }
    return timers_min(rest, TIMERS_END_MS);
}

// The first instant of [from, to], between two steps, at which the leaf is not `now`.
static int64_t timers_flip(struct scene *scene, int32_t at, bool now, int64_t from, int64_t to)
{
    if (from > to || !leaf_may(scene, at, !now, from, to))
        return STATE_NEVER;
    if (from == to)
        return timers_leaf_at(scene, at, from) != now ? from : STATE_NEVER;
    int64_t middle = from + (to - from) / 2;
    int64_t first = timers_flip(scene, at, now, from, middle);
    return first != STATE_NEVER ? first : timers_flip(scene, at, now, middle + 1, to);
}

// An instant of [from, to] before which it is `now`: at least a quarter of the way to the first at
// which it is not, as far as bounds tell.
static int64_t timers_early(struct scene *scene, int32_t at, bool now, int64_t from, int64_t to)
{
    if (from > to || !leaf_may(scene, at, !now, from, to))
        return STATE_NEVER;
    for (int64_t span = (to - from) / 4; span > 0; span /= 4) {
        if (!leaf_may(scene, at, !now, from, from + span))
            return from + span + 1;
    }
    return from;
}

static int64_t timers_search(struct scene *scene, int32_t at, enum timers_how how)
{
    const struct condition *leaf = &scene->plan->playbook->conditions[at];
    bool now = condition_leaf(scene, at);
    int64_t then = scene->clock_ms, rest = timers_rest(scene, leaf);
    for (;;) {
        int64_t next = timers_step(scene, at, then);
        int64_t to = next == STATE_NEVER ? rest : timers_min(rest, next - 1);
        int64_t first =
            (how == TIMERS_EXACT ? timers_flip : timers_early)(scene, at, now, then + 1, to);
        if (first != STATE_NEVER || next == STATE_NEVER || next > TIMERS_END_MS)
            return first;
        if (timers_leaf_at(scene, at, next) != now)
            return next;
        then = next;
    }
}

int64_t timers_leaf(struct scene *scene, int32_t at, enum timers_how how)
{
    const struct condition *leaf = &scene->plan->playbook->conditions[at];
    const struct plan_leaf *note = &scene->plan->leaves[at];
    if (!note->timed)
        return STATE_NEVER;
    if (leaf->operand != OPERAND_MEASURE || leaf->of.set)
        return timers_search(scene, at, how);
    if (scene->plan->playbook->measures[leaf->measure].kind == MEASURE_SCORE)
        return timers_score(scene, at);
    if (!note->continuous && scene->plan->measures[leaf->measure].falls &&
        (leaf->test == TEST_AT_LEAST || leaf->test == TEST_AT_MOST || leaf->test == TEST_ABOVE ||
         leaf->test == TEST_BELOW))
        return timers_falling(scene, at);
    return timers_search(scene, at, how);
}

// The next day begins, and until now, or from now on, the value changes.
static int64_t timers_fact_day(const struct scene *scene, const struct signal *fact)
{
    const struct condition *leaf = &scene->plan->playbook->conditions[fact->condition];
    const struct subject *subject = scene_subject(scene, fact->scope);
    bool told =
        subject->marks != NULL && subject->marks[fact->number].told == fact_hash(scene, fact, NULL);
    if (told && scene->clock_ms >= timers_rest(scene, leaf))
        return STATE_NEVER;
    return (time_day(scene->clock_ms) + 1) * TIME_DAY_MS;
}

int64_t timers_fact(struct scene *scene, const struct signal *fact, enum timers_how how)
{
    const struct condition *leaf = &scene->plan->playbook->conditions[fact->condition];
    if (leaf->operand != OPERAND_MEASURE)
        return timers_leaf(scene, fact->condition, how);
    if (scene->plan->leaves[fact->condition].continuous)
        return timers_min(timers_leaf(scene, fact->condition, how), timers_fact_day(scene, fact));
    int64_t kept = scene->clock_ms, then = kept;
    uint64_t now = fact_hash(scene, fact, NULL); // of a measure nothing needs an arena
    bool changed = false;
    while (!changed) {
        then = measure_change(scene, leaf->measure, then, 0);
        if (then > TIMERS_END_MS)
            return STATE_NEVER;
        scene->clock_ms = then;
        changed = how == TIMERS_EARLY || fact_hash(scene, fact, NULL) != now;
        scene->clock_ms = kept;
    }
    return then;
}
