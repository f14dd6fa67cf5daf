// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/rows_check.h"

#include <math.h>

#include "services/scorer/core/fact.h"
#include "services/scorer/core/score.h"
#include "services/scorer/core/value.h"
#include "services/scorer/core/window.h"

// 9999-12-31T23:59:59.999Z, as for events.
static const int64_t CHECK_INSTANT_MAX_MS = 253402300799999;
// Of one bucket; as many buckets as there can be add up to less than VALUE_MILLI_MAX.
static const int64_t CHECK_COUNT_MAX = INT64_C(1) << 36;

struct check {
    const struct plan *plan;
    const struct measure *measure;
    int64_t clock_ms;
    uint32_t n_users;
    bool logs; // the measure keeps its events one by one
};

// One that an event can have, or (`or_none`) 0.
static bool check_instant(int64_t ms, bool or_none)
{
    return (ms > 0 || (ms == 0 && or_none)) && ms <= CHECK_INSTANT_MAX_MS;
}

static bool check_between(int64_t value, int64_t low, int64_t high)
{
    return value >= low && value <= high;
}

// ---- Traits ----

static bool check_value(const struct value *value)
{
    return value->type != VALUE_NUMBER || isfinite(value->number);
}

static bool check_trait(const struct trait *trait)
{
    return check_instant(trait->at_ms, false) && check_value(&trait->value);
}

bool rows_check_traits(const struct traits *traits)
{
    for (uint32_t i = 0; traits != NULL && i < traits->n; i++) {
        const struct trait *trait = traits->items[i];
        if (!check_trait(trait))
            return false;
        for (uint32_t p = 0; trait->past != NULL && p < trait->past->n; p++) {
            if (!check_trait(trait->past->items[p]))
                return false;
        }
    }
    return true;
}

// ---- Cells ----

static bool check_empty(const struct cell *cell, enum cell_shape shape)
{
    switch (shape) {
    case CELL_BUCKETS:
    case CELL_HOURS:
        return cell->n == 0;
    case CELL_VALUES:
        return cell->values == NULL;
    case CELL_EVENTS:
    case CELL_SAID:
        return cell->events == NULL;
    }
    return false;
}

// Every key of [low, high], every value of [least, most]. Keys are in order.
static bool check_buckets(const struct cell *cell, int64_t low, int64_t high, int64_t least,
                          int64_t most)
{
    const struct cell_entry *entries = cell_entries(cell);
    if (cell->n > 0 && (entries[0].key < low || entries[cell->n - 1].key > high))
        return false;
    for (uint32_t i = 0; i < cell->n; i++) {
        if (!check_between(entries[i].value, least, most))
            return false;
    }
    return true;
}

// The measure's own buckets, up to the clock's and `more`.
static bool check_window(const struct check *check, const struct cell *cell, int64_t more,
                         int64_t least, int64_t most)
{
    int64_t low = window_key(check->measure, 0), high = window_key(check->measure, check->clock_ms);
    return check_buckets(cell, low, high + more, least, most);
}

static bool check_event(const struct check *check, const struct cell_event *event, bool said)
{
    const struct measure *measure = check->measure;
    bool amount = measure->kind == MEASURE_SUM || measure->kind == MEASURE_MAX ||
                  measure->kind == MEASURE_MIN || measure->kind == MEASURE_AVERAGE;
    if (!check_between(event->at_ms, 1, check->clock_ms) ||
        (event->user != CELL_NO_USER && event->user >= check->n_users))
        return false;
    if (said)
        return check_value(cell_said(event));
    return !amount || check_between(event->value, -VALUE_MILLI_MAX, VALUE_MILLI_MAX);
}

static bool check_events(const struct check *check, const struct cell *cell)
{
    const struct measure *measure = check->measure;
    const struct cell_events *events = cell->events;
    bool said = check->plan->scopes[measure->scope].shapes[measure->cell] == CELL_SAID;
    if (events == NULL)
        return true;
    if (events->marked && !check_between(events->mark_ms, 1, check->clock_ms))
        return false;
    for (uint32_t i = 0; i < events->n; i++) {
        if (!check_event(check, &events->items[i], said))
            return false;
    }
    return true;
}

// From their first instant to their last, apart by more than the pause that ends one.
static bool check_sessions(const struct check *check, const struct cell *cell)
{
    const struct cell_entry *entries = cell_entries(cell);
    int64_t free_from = 1;
    for (uint32_t i = 0; i < cell->n; i++) {
        if (entries[i].key < free_from || entries[i].value < entries[i].key ||
            entries[i].value > check->clock_ms)
            return false;
        free_from = entries[i].value + check->measure->idle_ms + 1;
    }
    return true;
}

static bool check_points(const struct check *check, const struct cell *cell)
{
    const struct measure *measure = check->measure;
    if (measure->kind == MEASURE_POINTS && measure->once)
        return check_buckets(cell, 0, 0, 1, check->clock_ms);
    if (measure->kind == MEASURE_POINTS && measure->decay == DECAY_NONE)
        return check_buckets(cell, 0, measure->per_day > 0 ? time_day(check->clock_ms) : 0, 1,
                             CHECK_COUNT_MAX);
    return check_buckets(cell, 0, score_level(check->clock_ms, measure->half_life_ms),
                         -VALUE_MILLI_MAX, VALUE_MILLI_MAX);
}

static bool check_cell(const struct check *check, const struct cell *cell)
{
    const struct measure *measure = check->measure;
    if (check->logs)
        return check_events(check, cell);
    switch (measure->kind) {
    case MEASURE_COUNT:
    case MEASURE_ACTIVE_DAYS:
    case MEASURE_ACTIVE_WEEKS:
    case MEASURE_DAY_STREAK:
    case MEASURE_WEEK_STREAK:
        return check_window(check, cell, 0, 1, CHECK_COUNT_MAX);
    case MEASURE_DISTINCT_USERS:
        return check_window(check, cell, measure->lag > 0 ? measure->window_n - 1 : 0, 1,
                            check->n_users);
    case MEASURE_DISTINCT_VALUES:
        return check_window(check, cell_histogram(cell), 0, 1, CELL_VALUES_MAX);
    case MEASURE_SUM:
    case MEASURE_MAX:
    case MEASURE_MIN:
    case MEASURE_AVERAGE:
        return check_window(check, cell, 0, -VALUE_MILLI_MAX, VALUE_MILLI_MAX);
    case MEASURE_FIRST:
    case MEASURE_LAST:
    case MEASURE_SINCE:
        return check_window(check, cell, 0, 1, check->clock_ms);
    case MEASURE_TIME_SPENT:
        return check_sessions(check, cell);
    case MEASURE_SCORE:
    case MEASURE_POINTS:
        return check_points(check, cell);
    case MEASURE_USERS_WITH:
    case MEASURE_FIRST_VALUE:
    case MEASURE_LAST_VALUE:
    case MEASURE_SEQUENCE:
    case MEASURE_WEIGHTED:
    case MEASURE_BEST:
    case MEASURE_GRADE:
    case MEASURE_BUSIEST_HOUR:
        break;
    }
    return true;
}

// The cell of the measure's own scope. An account without any event that counts has nothing.
static bool check_own(const struct check *check, const struct subject *subject)
{
    const struct measure *measure = check->measure;
    const struct plan_scope *shape = &check->plan->scopes[measure->scope];
    const struct cell *cell = &subject->cells[measure->cell];
    if (measure->kind == MEASURE_USERS_WITH)
        return check_buckets(cell, 0, 0, 0, check->n_users);
    if (check->clock_ms == STATE_NO_CLOCK)
        return check_empty(cell, (enum cell_shape)shape->shapes[measure->cell]);
    return check_cell(check, cell);
}

// The other one: a user's last bucket (or buckets), or how many an average is of.
static bool check_other(const struct check *check, const struct subject *subject)
{
    const struct measure *measure = check->measure;
    const struct cell *cell = &subject->cells[measure->user_cell];
    if (check->clock_ms == STATE_NO_CLOCK)
        return cell->n == 0;
    // It is written in place.
    if (measure->kind == MEASURE_DISTINCT_USERS && measure->lag == 0 && cell->cap > 0)
        return false;
    return check_window(check, cell, 0, 1, CHECK_COUNT_MAX);
}

static bool check_measure(const struct check *check, enum scope scope,
                          const struct subject *subject)
{
    const struct measure *measure = check->measure;
    if (measure->cell == PLAYBOOK_NONE)
        return true;
    if (measure->scope == scope && !check_own(check, subject))
        return false;
    bool other = measure->kind == MEASURE_DISTINCT_USERS
                     ? scope == SCOPE_USER
                     : measure->kind == MEASURE_AVERAGE && measure->scope == scope;
    return !other || check->logs || check_other(check, subject);
}

// ---- Subjects ----

// A fact has told a value while it is true, and no longer.
static bool check_mark(const struct signal *signal, const struct signal_mark *mark, uint8_t flags)
{
    if (!check_instant(mark->since_ms, true))
        return false;
    if (fact_is(signal))
        return (mark->told != 0) == ((flags & SIGNAL_TRUE) != 0) && (flags & SIGNAL_MET) == 0;
    return check_instant(mark->met_ms, true);
}

static bool check_signals(const struct plan *plan, enum scope scope, struct subject *subject)
{
    const struct plan_scope *shape = &plan->scopes[scope];
    const int64_t *leaves = subject_leaves(shape, subject);
    const uint8_t *flags = subject_flags(shape, subject);
    for (uint32_t i = 0; subject->marks != NULL && i < shape->n_signals; i++) {
        if (!check_mark(&plan->playbook->signals[shape->of_number[i]], &subject->marks[i],
                        flags[i]))
            return false;
    }
    for (uint32_t i = 0; i < shape->n_leaves; i++) {
        if (!check_instant(leaves[i], true))
            return false;
    }
    return true;
}

bool rows_check_subject(const struct plan *plan, enum scope scope, struct subject *subject,
                        const struct account *account)
{
    struct check check = {.plan = plan, .clock_ms = account->clock_ms, .n_users = account->n_users};
    if (account->clock_ms != STATE_NO_CLOCK && !check_instant(account->clock_ms, false))
        return false;
    for (int32_t i = 0; i < plan->playbook->n_measures; i++) {
        check.measure = &plan->playbook->measures[i];
        check.logs = plan->measures[i].logs;
        if (!check_measure(&check, scope, subject))
            return false;
    }
    return check_signals(plan, scope, subject) && rows_check_traits(subject->traits);
}
