// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/core/measure_plan.h"

#include "common/base/check.h"

static bool measure_points_negative(const struct measure *measure)
{
    for (int32_t i = 0; i < measure->n_points; i++) {
        if (measure->points[i].milli < 0)
            return true;
    }
    return false;
}

void measure_plan_fill(const struct measure *measure, struct plan_measure *out)
{
    bool negative = measure->kind == MEASURE_SCORE && measure_points_negative(measure);
    out->key = span_of(measure->key);
    out->timed = measure->kind == MEASURE_SCORE;
    if (measure->kind != MEASURE_SCORE && measure->kind != MEASURE_USERS_WITH)
        out->timed = measure->window != WINDOW_LIFETIME && measure->window != WINDOW_ANCHORED;
    out->falls = out->steady = measure->kind != MEASURE_SUM && measure->kind != MEASURE_FIRST &&
                               measure->kind != MEASURE_LAST && !negative;
}

enum cell_shape measure_plan_shape(const struct measure *measure)
{
    if (measure->kind != MEASURE_SCORE && measure->kind != MEASURE_USERS_WITH &&
        measure->window == WINDOW_ANCHORED)
        return CELL_ANCHORED;
    return measure->kind == MEASURE_DISTINCT_VALUES ? CELL_VALUES : CELL_BUCKETS;
}

static bool measure_lists(const int32_t *events, int32_t n, int32_t event)
{
    for (int32_t i = 0; i < n; i++) {
        if (events[i] == event)
            return true;
    }
    return false;
}

struct plan_step measure_plan_step(const struct playbook *playbook, int32_t m, int32_t event)
{
    const struct measure *measure = &playbook->measures[m];
    struct plan_step step = {.measure = m};
    if (measure->kind == MEASURE_SCORE) {
        for (int32_t i = 0; i < measure->n_points; i++) {
            if (measure->points[i].event == event) {
                step.points_milli = measure->points[i].milli;
                step.takes = true;
            }
        }
        return step;
    }
    if (measure->events != NULL) {
        step.takes = measure_lists(measure->events, measure->n_events, event);
    } else {
        step.active = true;
        step.takes = playbook->active_events == NULL ||
                     measure_lists(playbook->active_events, playbook->n_active_events, event);
    }
    step.anchors = measure->window == WINDOW_ANCHORED && measure->anchor == event;
    return step;
}
