// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/core/measure_plan.h"

#include "common/base/check.h"

// ---- What a measure keeps ----

static bool measure_points_negative(const struct measure *measure)
{
    for (int32_t i = 0; i < measure->n_points; i++) {
        if (measure->points[i].milli < 0)
            return true;
    }
    return false;
}

static bool measure_logs(const struct measure *measure)
{
    if (measure->cell == PLAYBOOK_NONE || measure->kind == MEASURE_USERS_WITH ||
        measure->kind == MEASURE_SCORE)
        return false;
    if (measure->historic || measure->window == WINDOW_ANCHORED || measure->window == WINDOW_RESET)
        return true;
    switch (measure->kind) {
    case MEASURE_SEQUENCE:
    case MEASURE_FIRST_VALUE:
    case MEASURE_LAST_VALUE:
        return true;
    case MEASURE_DISTINCT_VALUES:
        return measure->lag > 0;
    case MEASURE_POINTS:
        return !measure->once && (measure->decay == DECAY_LINEAR ||
                                  (measure->decay == DECAY_HALF_LIFE && measure->per_day > 0));
    case MEASURE_COUNT:
    case MEASURE_SUM:
    case MEASURE_DISTINCT_USERS:
    case MEASURE_ACTIVE_DAYS:
    case MEASURE_FIRST:
    case MEASURE_LAST:
    case MEASURE_SCORE:
    case MEASURE_USERS_WITH:
    case MEASURE_MAX:
    case MEASURE_MIN:
    case MEASURE_AVERAGE:
    case MEASURE_ACTIVE_WEEKS:
    case MEASURE_DAY_STREAK:
    case MEASURE_WEEK_STREAK:
    case MEASURE_TIME_SPENT:
    case MEASURE_SINCE:
    case MEASURE_WEIGHTED:
    case MEASURE_BEST:
    case MEASURE_GRADE:
    case MEASURE_BUSIEST_HOUR:
        return false;
    }
    return false;
}

// Whether time can only bring its value towards 0, from above.
static bool measure_falls(const struct measure *measure)
{
    switch (measure->kind) {
    case MEASURE_COUNT:
    case MEASURE_DISTINCT_USERS:
    case MEASURE_DISTINCT_VALUES:
    case MEASURE_ACTIVE_DAYS:
    case MEASURE_ACTIVE_WEEKS:
    case MEASURE_DAY_STREAK:
    case MEASURE_WEEK_STREAK:
    case MEASURE_TIME_SPENT:
    case MEASURE_USERS_WITH:
    case MEASURE_SEQUENCE:
        return true;
    case MEASURE_SCORE:
        return !measure_points_negative(measure);
    case MEASURE_POINTS:
        return measure->points_milli >= 0;
    case MEASURE_SUM:
    case MEASURE_FIRST:
    case MEASURE_LAST:
    case MEASURE_MAX:
    case MEASURE_MIN:
    case MEASURE_AVERAGE:
    case MEASURE_FIRST_VALUE:
    case MEASURE_LAST_VALUE:
    case MEASURE_SINCE:
    case MEASURE_WEIGHTED:
    case MEASURE_BEST:
    case MEASURE_GRADE:
    case MEASURE_BUSIEST_HOUR:
        return false;
    }
    return false;
}

void measure_plan_fill(const struct measure *measure, struct plan_measure *out)
{
    bool moves = measure->window != WINDOW_LIFETIME && measure->window != WINDOW_ANCHORED &&
                 measure->window != WINDOW_RESET;
    out->key = span_of(measure->key);
    out->logs = measure_logs(measure);
    out->falls = out->steady = measure_falls(measure);
    switch (measure->kind) {
    case MEASURE_SCORE:
    case MEASURE_SINCE:
    case MEASURE_DAY_STREAK:
    case MEASURE_WEEK_STREAK:
        out->timed = true;
        break;
    case MEASURE_POINTS:
        out->timed = measure->decay != DECAY_NONE;
        // A cap holds its change off, and an earlier event of a day displaces a later one.
        out->steady = false;
        break;
    case MEASURE_USERS_WITH:
    case MEASURE_WEIGHTED:
    case MEASURE_BEST:
    case MEASURE_GRADE:
    case MEASURE_BUSIEST_HOUR:
        break;
    case MEASURE_COUNT:
    case MEASURE_SUM:
    case MEASURE_DISTINCT_USERS:
    case MEASURE_DISTINCT_VALUES:
    case MEASURE_ACTIVE_DAYS:
    case MEASURE_FIRST:
    case MEASURE_LAST:
    case MEASURE_MAX:
    case MEASURE_MIN:
    case MEASURE_AVERAGE:
    case MEASURE_ACTIVE_WEEKS:
    case MEASURE_FIRST_VALUE:
    case MEASURE_LAST_VALUE:
    case MEASURE_TIME_SPENT:
    case MEASURE_SEQUENCE:
        out->timed = moves;
        break;
    }
}

enum cell_shape measure_plan_shape(const struct measure *measure)
{
    if (measure->kind == MEASURE_FIRST_VALUE || measure->kind == MEASURE_LAST_VALUE)
        return CELL_SAID;
    if (measure_logs(measure))
        return CELL_EVENTS;
    if (measure->kind == MEASURE_BUSIEST_HOUR)
        return CELL_HOURS;
    return measure->kind == MEASURE_DISTINCT_VALUES ? CELL_VALUES : CELL_BUCKETS;
}

// ---- What a measure does with an event ----

static bool measure_lists(const int32_t *events, int32_t n, int32_t event)
{
    for (int32_t i = 0; i < n; i++) {
        if (events[i] == event)
            return true;
    }
    return false;
}

static void measure_plan_points(const struct measure *measure, int32_t event,
                                struct plan_step *step)
{
    for (int32_t i = 0; i < measure->n_points; i++) {
        if (measure->points[i].event == event) {
            step->points_milli = measure->points[i].milli;
            step->takes = true;
        }
    }
}

struct plan_step measure_plan_step(const struct playbook *playbook, int32_t m, int32_t event)
{
    const struct measure *measure = &playbook->measures[m];
    struct plan_step step = {.measure = m};
    if (measure->cell == PLAYBOOK_NONE || measure->kind == MEASURE_USERS_WITH)
        return step;
    if (measure->kind == MEASURE_SCORE) {
        measure_plan_points(measure, event, &step);
        return step;
    }
    if (measure->kind == MEASURE_SEQUENCE) {
        for (int32_t i = 0; i < measure->n_steps; i++)
            step.steps |= measure->steps[i] == event ? 1u << i : 0;
        step.takes = step.steps != 0;
        return step;
    }
    if (measure->events != NULL) {
        step.takes = measure_lists(measure->events, measure->n_events, event);
    } else {
        step.active = true;
        step.takes = playbook->active_events == NULL ||
                     measure_lists(playbook->active_events, playbook->n_active_events, event);
    }
    step.anchors = (measure->window == WINDOW_ANCHORED && measure->anchor == event) ||
                   (measure->window == WINDOW_RESET &&
                    measure_lists(measure->resets, measure->n_resets, event));
    return step;
}

// ---- The past ----

enum { WHERE_BITS = 32 };

static bool where_looks_at_event(const struct playbook *playbook, int32_t at)
{
    const struct condition *condition = &playbook->conditions[at];
    for (int32_t i = 0; i < condition->n_children; i++) {
        if (!where_looks_at_event(playbook, condition->children[i]))
            return false;
    }
    return condition->kind != CONDITION_TEST || condition->operand == OPERAND_PROPERTY ||
           condition->operand == OPERAND_CONTEXT;
}

// Numbers the parts that look at the event alone, and returns the next number.
static int where_number(struct plan *plan, int32_t at, int bits)
{
    const struct playbook *playbook = plan->playbook;
    const struct condition *condition = &playbook->conditions[at];
    if (where_looks_at_event(playbook, at)) {
        // A loader allows no more.
        CHECK(bits < WHERE_BITS);
        plan->bits[at] = (int8_t)bits;
        return bits + 1;
    }
    for (int32_t i = 0; i < condition->n_children; i++)
        bits = where_number(plan, condition->children[i], bits);
    return bits;
}

void measure_plan_bits(struct plan *plan)
{
    const struct playbook *playbook = plan->playbook;
    plan->bits = arena_alloc(plan->arena, (size_t)playbook->n_conditions + 1);
    memset(plan->bits, -1, (size_t)playbook->n_conditions + 1);
    for (int32_t m = 0; m < playbook->n_measures; m++) {
        const struct measure *measure = &playbook->measures[m];
        if (measure->historic && measure->where != PLAYBOOK_NONE)
            (void)where_number(plan, measure->where, 0);
    }
}
