// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/core/blend.h"

#include "common/base/check.h"
#include "services/scorer/core/measure_impl.h"
#include "services/scorer/core/measure_plan.h"
#include "services/scorer/core/score.h"

// ---- One cell ----

static void blend_buckets(struct cell *to, const struct cell *from, enum cell_op op, int64_t low)
{
    const struct cell_entry *entries = cell_entries(from);
    for (uint32_t i = cell_first(from, low); i < from->n; i++)
        cell_put(to, entries[i].key, entries[i].value, op, low);
}

static void blend_values(struct cell *to, const struct cell *from, int64_t low)
{
    const struct cell_values *values = from->values;
    for (uint64_t i = 0; values != NULL && i <= values->mask; i++) {
        if (values->slots[i].used && values->slots[i].last >= low)
            cell_see(to, values->slots[i].hash, values->slots[i].last, low);
    }
}

static void blend_sessions(const struct measure *measure, struct cell *to, const struct cell *from,
                           int64_t clock_ms)
{
    const struct cell_entry *entries = cell_entries(from);
    int64_t low = window_begin(measure, clock_ms, measure->lag);
    low = low == INT64_MIN ? low : low - measure->idle_ms;
    for (uint32_t i = 0; i < from->n; i++) {
        if (entries[i].value >= low)
            cell_stay_whole(to, entries[i], measure->idle_ms, low);
    }
}

static void blend_hours(struct cell *to, const struct cell *from)
{
    struct cell_entry hours[CELL_HOURS_OF_DAY];
    uint32_t n = cell_hours(from, hours);
    for (uint32_t i = 0; i < n; i++)
        cell_hour(to, (uint32_t)hours[i].key, (uint32_t)hours[i].value);
}

static void blend_points(const struct measure *measure, struct cell *to, const struct cell *from,
                         int64_t clock_ms)
{
    bool fades = !measure->once && measure->decay != DECAY_NONE;
    int64_t low = fades ? score_low(clock_ms, measure->half_life_ms) : INT64_MIN;
    blend_buckets(to, from, measure->once ? CELL_MIN : CELL_ADD, low);
}

static void blend_plain(const struct measure *measure, struct cell *to, const struct cell *from,
                        int64_t clock_ms)
{
    int64_t low = measure_low(measure, clock_ms);
    switch (measure->kind) {
    case MEASURE_COUNT:
    case MEASURE_SUM:
    case MEASURE_AVERAGE:
        blend_buckets(to, from, CELL_ADD, low);
        break;
    case MEASURE_MAX:
    case MEASURE_LAST:
    case MEASURE_SINCE:
        blend_buckets(to, from, CELL_MAX, low);
        break;
    case MEASURE_MIN:
    case MEASURE_FIRST:
        blend_buckets(to, from, CELL_MIN, low);
        break;
    case MEASURE_ACTIVE_DAYS:
    case MEASURE_ACTIVE_WEEKS:
    case MEASURE_DAY_STREAK:
    case MEASURE_WEEK_STREAK:
        blend_buckets(to, from, CELL_SET, low);
        break;
    case MEASURE_SCORE:
        blend_buckets(to, from, CELL_ADD, score_low(clock_ms, measure->half_life_ms));
        break;
    case MEASURE_POINTS:
        blend_points(measure, to, from, clock_ms);
        break;
    case MEASURE_DISTINCT_VALUES:
        blend_values(to, from, low);
        break;
    case MEASURE_TIME_SPENT:
        blend_sessions(measure, to, from, clock_ms);
        break;
    case MEASURE_BUSIEST_HOUR:
        blend_hours(to, from);
        break;
    case MEASURE_DISTINCT_USERS:
    case MEASURE_FIRST_VALUE:
    case MEASURE_LAST_VALUE:
    case MEASURE_SEQUENCE:
    case MEASURE_USERS_WITH:
    case MEASURE_WEIGHTED:
    case MEASURE_BEST:
    case MEASURE_GRADE:
        break;
    }
}

// ---- Measures ----

// Whether the measure keeps something that adds up.
static bool blend_has(const struct measure *measure)
{
    return measure->cell != PLAYBOOK_NONE && measure->kind != MEASURE_USERS_WITH;
}

static bool blend_counts_users(const struct plan *plan, int32_t m)
{
    return plan->playbook->measures[m].kind == MEASURE_DISTINCT_USERS && !plan->measures[m].logs;
}

// The user's own buckets say when the user was active; the account's follow.
static void blend_users(const struct measure *measure, struct account *to, struct user *user,
                        const struct user *from)
{
    const struct cell *active = &from->subject.cells[measure->user_cell];
    const struct cell_entry *entries = cell_entries(active);
    int64_t low = measure_low(measure, to->clock_ms);
    for (uint32_t i = cell_first(active, low); i < active->n; i++)
        measure_take_user_in(measure, &to->subject.cells[measure->cell], user, entries[i].key, low);
}

static void blend_cells(const struct plan *plan, int32_t m, struct account *to,
                        const struct user *user, struct subject *subject,
                        const struct subject *from)
{
    const struct measure *measure = &plan->playbook->measures[m];
    struct cell *cells = subject->cells;
    const struct cell *others = from->cells;
    if (plan->measures[m].logs) {
        measure_join_events(measure, &cells[measure->cell], &others[measure->cell], to->clock_ms,
                            user->ordinal);
        return;
    }
    blend_plain(measure, &cells[measure->cell], &others[measure->cell], to->clock_ms);
    if (measure->kind == MEASURE_AVERAGE)
        blend_plain(measure, &cells[measure->user_cell], &others[measure->user_cell], to->clock_ms);
}

void blend_add_user(const struct plan *plan, struct account *to, struct user *user,
                    const struct user *from)
{
    for (int32_t m = 0; m < plan->playbook->n_measures; m++) {
        const struct measure *measure = &plan->playbook->measures[m];
        if (!blend_has(measure))
            continue;
        if (blend_counts_users(plan, m))
            blend_users(measure, to, user, from);
        else if (measure->scope == SCOPE_USER)
            blend_cells(plan, m, to, user, &user->subject, &from->subject);
    }
}

static void blend_join(const struct plan *plan, struct account *to, struct user *user,
                       const struct account *from, const struct user *other)
{
    blend_add_user(plan, to, user, other);
    for (int32_t m = 0; m < plan->playbook->n_measures; m++) {
        const struct measure *measure = &plan->playbook->measures[m];
        if (blend_has(measure) && !blend_counts_users(plan, m) && measure->scope == SCOPE_ACCOUNT)
            blend_cells(plan, m, to, user, &to->subject, &from->subject);
    }
}

void blend_add(const struct plan *plan, struct account *to, struct user *user,
               const struct account *from)
{
    blend_join(plan, to, user, from, from->users[0].user);
}

// ---- Subjects ----

// Which cells of a scope are left alone.
static bool blend_leaves(const struct plan *plan, enum scope scope, uint32_t cell)
{
    for (uint32_t i = 0; scope == SCOPE_ACCOUNT && i < plan->n_counting; i++) {
        if (plan->playbook->measures[plan->counting[i]].cell == (int32_t)cell)
            return true;
    }
    return false;
}

static void blend_clear_subject(const struct plan *plan, enum scope scope, struct subject *subject)
{
    const struct plan_scope *shape = &plan->scopes[scope];
    for (uint32_t i = 0; i < shape->n_cells; i++) {
        if (!blend_leaves(plan, scope, i))
            cell_deinit(&subject->cells[i], (enum cell_shape)shape->shapes[i]);
    }
}

static void blend_copy_subject(const struct plan *plan, enum scope scope, struct subject *to,
                               const struct subject *from)
{
    const struct plan_scope *shape = &plan->scopes[scope];
    blend_clear_subject(plan, scope, to);
    for (uint32_t i = 0; i < shape->n_cells; i++) {
        if (!blend_leaves(plan, scope, i))
            cell_copy(&to->cells[i], &from->cells[i], (enum cell_shape)shape->shapes[i]);
    }
}

void blend_copy(const struct plan *plan, struct account *to, const struct account *from)
{
    blend_copy_subject(plan, SCOPE_ACCOUNT, &to->subject, &from->subject);
    for (uint32_t i = 0; i < to->n_users; i++)
        blend_copy_subject(plan, SCOPE_USER, &to->users[i].user->subject,
                           &from->users[i].user->subject);
}

void blend_clear(const struct plan *plan, struct account *account)
{
    blend_clear_subject(plan, SCOPE_ACCOUNT, &account->subject);
    for (uint32_t i = 0; i < account->n_users; i++)
        blend_clear_subject(plan, SCOPE_USER, &account->users[i].user->subject);
}

void blend_leave(const struct plan *plan, struct account *account, struct user *user)
{
    for (int32_t m = 0; m < plan->playbook->n_measures; m++) {
        const struct measure *measure = &plan->playbook->measures[m];
        if (blend_has(measure) && blend_counts_users(plan, m))
            measure_leave_users(measure, &account->subject.cells[measure->cell],
                                &user->subject.cells[measure->user_cell]);
    }
    blend_clear_subject(plan, SCOPE_USER, &user->subject);
}

void blend_rename(const struct plan *plan, struct account *account, const struct renaming *renaming)
{
    for (int32_t m = 0; m < plan->playbook->n_measures; m++) {
        const struct measure *measure = &plan->playbook->measures[m];
        if (blend_has(measure) && plan->measures[m].logs && measure->scope == SCOPE_ACCOUNT)
            measure_rename_users(measure, &account->subject.cells[measure->cell], renaming);
    }
}

static bool blend_subject_is_empty(const struct plan *plan, enum scope scope,
                                   const struct subject *subject)
{
    const struct plan_scope *shape = &plan->scopes[scope];
    for (uint32_t i = 0; i < shape->n_cells; i++) {
        if (!blend_leaves(plan, scope, i) &&
            !cell_is_empty(&subject->cells[i], (enum cell_shape)shape->shapes[i]))
            return false;
    }
    return true;
}

bool blend_is_empty(const struct plan *plan, const struct account *book)
{
    return blend_subject_is_empty(plan, SCOPE_ACCOUNT, &book->subject) &&
           (book->n_users == 0 ||
            blend_subject_is_empty(plan, SCOPE_USER, &book->users[0].user->subject));
}

void blend_take(const struct plan *plan, struct account *from, struct user *user,
                struct account *book)
{
    CHECK(book->clock_ms == STATE_NO_CLOCK && book->n_users == 1);
    book->clock_ms = from->clock_ms;
    blend_join(plan, book, book->users[0].user, from, user);
    blend_clear(plan, from);
}
