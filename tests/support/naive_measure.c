// SPDX-License-Identifier: Apache-2.0
// Measures, each worked out from the list of events.
#include "tests/support/naive_world.h"

#include <string.h>
#include <time.h>

#include "common/base/check.h"
#include "common/base/span.h"
#include "common/base/time_text.h"
#include "services/scorer/core/value.h"

static int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t naive_days(int64_t ms)
{
    return floor_divide(ms, TIME_DAY_MS);
}

int64_t naive_hours(int64_t ms)
{
    return floor_divide(ms, TIME_HOUR_MS);
}

// Of weeks from Monday; the first of January 1970 was a Thursday.
static int64_t weeks(int64_t ms)
{
    return floor_divide(naive_days(ms) + 3, 7);
}

static struct tm date(int64_t ms)
{
    time_t seconds = (time_t)floor_divide(ms, 1000);
    struct tm out;
    gmtime_r(&seconds, &out);
    return out;
}

// ---- Which events ----

static bool names(const struct naive_playbook *pb, unsigned events, const struct naive_event *e)
{
    if (e->name == NAIVE_NONE)
        return false;
    if (events != 0)
        return (events >> e->name & 1u) != 0;
    if (e->passive || (pb->marketing && e->name == NAIVE_EVENT_MARKETING))
        return false;
    return pb->active == 0 || (pb->active >> e->name & 1u) != 0;
}

static bool of_subject(const struct naive_subject *s, const struct naive_number *n,
                       const struct naive_event *e)
{
    return e->account == s->account && (!n->user || e->user == s->user);
}

int naive_taken(const struct naive_subject *s, const struct naive_number *n, unsigned events,
                int where, int out[NAIVE_EVENTS_MAX])
{
    const struct naive_world *w = s->world;
    int count = 0;
    for (int i = 0; i < w->n_events; i++) {
        const struct naive_event *e = &w->events[i];
        if (!of_subject(s, n, e) || !names(w->playbook, events, e) ||
            (where != NAIVE_NONE && !naive_holds(s, where, e)))
            continue;
        int at = count++;
        for (; at > 0 && w->events[out[at - 1]].at_ms > e->at_ms; at--)
            out[at] = out[at - 1];
        out[at] = i;
    }
    return count;
}

// The anchor of AFTER, the latest reset of RESET. `where` says nothing about them.
static bool find_mark(const struct naive_subject *s, const struct naive_number *n, unsigned events,
                      bool latest, int64_t *out)
{
    int list[NAIVE_EVENTS_MAX], count = naive_taken(s, n, events, NAIVE_NONE, list);
    if (count > 0)
        *out = s->world->events[list[latest ? count - 1 : 0]].at_ms;
    return count > 0;
}

static bool in_window(const struct naive_subject *s, const struct naive_number *n, int64_t at_ms,
                      int64_t clock)
{
    int64_t mark = 0;
    struct tm then, now;
    switch (n->window) {
    case NAIVE_ALL_TIME:
        return true;
    case NAIVE_DAYS:
        return naive_days(at_ms) > naive_days(clock) - n->window_n &&
               naive_days(at_ms) <= naive_days(clock);
    case NAIVE_HOURS:
        return naive_hours(at_ms) > naive_hours(clock) - n->window_n &&
               naive_hours(at_ms) <= naive_hours(clock);
    case NAIVE_WEEKS:
        return weeks(at_ms) > weeks(clock) - n->window_n && weeks(at_ms) <= weeks(clock);
    case NAIVE_CALENDAR_DAY:
        return naive_days(at_ms) == naive_days(clock);
    case NAIVE_CALENDAR_WEEK:
        return weeks(at_ms) == weeks(clock);
    case NAIVE_CALENDAR_MONTH:
        then = date(at_ms);
        now = date(clock);
        return then.tm_year == now.tm_year && then.tm_mon == now.tm_mon;
    case NAIVE_AFTER:
        return find_mark(s, n, 1u << n->after, n->from_last, &mark) && at_ms >= mark &&
               (n->within_ms == 0 || at_ms < mark + n->within_ms);
    case NAIVE_RESET:
        return !find_mark(s, n, n->resets, true, &mark) || at_ms > mark;
    }
    return false;
}

static struct naive_value property(const struct naive_event *e, const char *key)
{
    for (int i = 0; key != NULL && i < e->n_properties; i++) {
        if (strcmp(e->properties[i].key, key) == 0)
            return e->properties[i].value;
    }
    return (struct naive_value){0};
}

// ---- Values in an order ----

static int order(const struct naive_value *a, const struct naive_value *b)
{
    struct value values[2];
    const struct naive_value *from[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        const struct naive_value *v = from[i];
        values[i] = (struct value){.type = VALUE_NONE};
        if (v->type == NAIVE_TEXT)
            values[i] = (struct value){.type = VALUE_TEXT, .text = span_of(v->text)};
        else if (v->type == NAIVE_NUMBER)
            values[i] = (struct value){.type = VALUE_NUMBER, .number = (double)v->milli / 1000};
        else if (v->type == NAIVE_FLAG)
            values[i] = (struct value){.type = VALUE_FLAG, .flag = v->milli != 0};
    }
    return value_order(&values[0], &values[1]);
}

struct naive_value naive_trait(const struct naive_world *w, int account, int user, const char *key,
                               int64_t as_of_ms)
{
    const struct naive_trait *best = NULL;
    for (int i = 0; i < w->n_traits; i++) {
        const struct naive_trait *t = &w->traits[i];
        if (t->account == account && t->user == user && strcmp(t->key, key) == 0 &&
            t->at_ms <= as_of_ms &&
            (best == NULL || t->at_ms > best->at_ms ||
             (t->at_ms == best->at_ms && order(&t->value, &best->value) > 0)))
            best = t;
    }
    return best == NULL ? (struct naive_value){0} : best->value;
}

// ---- Functions over a list of events by instant ----

struct list {
    const struct naive_world *world;
    const struct naive_number *number;
    int at[NAIVE_EVENTS_MAX];
    int n;
};

static const struct naive_event *item(const struct list *l, int i)
{
    return &l->world->events[l->at[i]];
}

static int64_t add_up(const struct list *l, int *n_numbers)
{
    int64_t sum = 0;
    *n_numbers = 0;
    for (int i = 0; i < l->n; i++) {
        struct naive_value v = property(item(l, i), l->number->key);
        if (v.type == NAIVE_NUMBER) {
            sum += v.milli;
            ++*n_numbers;
        }
    }
    return sum;
}

static struct naive_reading extreme(const struct list *l, bool largest)
{
    struct naive_reading out = {0};
    for (int i = 0; i < l->n; i++) {
        struct naive_value v = property(item(l, i), l->number->key);
        if (v.type != NAIVE_NUMBER)
            continue;
        if (!out.present || (largest ? v.milli > out.number : v.milli < out.number))
            out.number = v.milli;
        out.present = true;
    }
    return out;
}

static int64_t distinct(const struct list *l)
{
    int64_t n = 0;
    for (int i = 0; i < l->n; i++) {
        const struct naive_event *e = item(l, i);
        struct naive_value v = property(e, l->number->key);
        bool is_new = l->number->key == NULL || v.type != NAIVE_NOTHING;
        for (int j = 0; j < i && is_new; j++) {
            const struct naive_event *before = item(l, j);
            struct naive_value w = property(before, l->number->key);
            is_new = l->number->key == NULL ? e->user != before->user : !naive_value_equal(&v, &w);
        }
        n += is_new;
    }
    return n;
}

static int64_t periods(const struct list *l, int64_t (*period)(int64_t ms))
{
    int64_t n = 0;
    for (int i = 0; i < l->n; i++)
        n += i == 0 || period(item(l, i)->at_ms) != period(item(l, i - 1)->at_ms);
    return n;
}

static bool has_period(const struct list *l, int64_t (*period)(int64_t ms), int64_t which)
{
    for (int i = 0; i < l->n; i++) {
        if (period(item(l, i)->at_ms) == which)
            return true;
    }
    return false;
}

static int64_t streak(const struct list *l, int64_t (*period)(int64_t ms), int64_t clock)
{
    int64_t last = period(clock), n = 0;
    if (!has_period(l, period, last))
        last--;
    while (has_period(l, period, last - n))
        n++;
    return n;
}

// The earliest or latest property; among those of one instant the smaller or the larger.
static struct naive_reading edge_value(const struct list *l, bool latest)
{
    struct naive_reading out = {0};
    int64_t at_ms = 0;
    for (int i = 0; i < l->n; i++) {
        const struct naive_event *e = item(l, i);
        struct naive_value v = property(e, l->number->key);
        if (v.type == NAIVE_NOTHING)
            continue;
        int64_t later = latest ? e->at_ms - at_ms : at_ms - e->at_ms;
        int larger = out.present ? order(&v, &out.value) * (latest ? 1 : -1) : 1;
        if (!out.present || later > 0 || (later == 0 && larger > 0)) {
            out = (struct naive_reading){.present = true, .value = v};
            at_ms = e->at_ms;
        }
    }
    return out;
}

// The first instant that a window in days or of the calendar looks at.
static int64_t window_begin(const struct naive_number *n, int64_t clock)
{
    int64_t day = naive_days(clock);
    switch (n->window) {
    case NAIVE_DAYS:
        return (day - n->window_n + 1) * TIME_DAY_MS;
    case NAIVE_CALENDAR_DAY:
        return day * TIME_DAY_MS;
    case NAIVE_CALENDAR_WEEK:
        return (weeks(clock) * 7 - 3) * TIME_DAY_MS;
    case NAIVE_CALENDAR_MONTH:
        return (day - date(clock).tm_mday + 1) * TIME_DAY_MS;
    case NAIVE_ALL_TIME:
    case NAIVE_HOURS:
    case NAIVE_WEEKS:
    case NAIVE_AFTER:
    case NAIVE_RESET:
        break;
    }
    return INT64_MIN;
}

// `l` has all events, in the window or not.
static int64_t time_spent(const struct list *l, int64_t clock)
{
    int64_t begin = window_begin(l->number, clock), sum = 0;
    for (int i = 1; i < l->n; i++) {
        int64_t from = item(l, i - 1)->at_ms, to = item(l, i)->at_ms;
        if (to - from <= l->number->idle_ms && to > begin)
            sum += to - (from > begin ? from : begin);
    }
    return sum;
}

// Whether the events up to the last step at `before` can be found, each earlier than the next, the
// first after `begin`.
static bool steps_before(const struct list *l, int step, int64_t before, int64_t begin)
{
    if (step < 0)
        return true;
    for (int i = 0; i < l->n; i++) {
        const struct naive_event *e = item(l, i);
        if (e->name == l->number->steps[step] && e->at_ms < before && e->at_ms > begin &&
            steps_before(l, step - 1, e->at_ms, begin))
            return true;
    }
    return false;
}

static int64_t sequences(const struct list *l)
{
    const struct naive_number *n = l->number;
    int64_t count = 0;
    for (int i = 0; i < l->n; i++) {
        const struct naive_event *e = item(l, i);
        if (e->name == n->steps[n->n_steps - 1])
            count += steps_before(l, n->n_steps - 2, e->at_ms, e->at_ms - n->within_ms);
    }
    return count;
}

// The hour of the day with most events, the earliest of several, and 1.
static int64_t busiest(const struct list *l)
{
    int64_t best = 0, most = 0;
    for (int64_t hour = 0; hour < 24; hour++) {
        int64_t n = 0;
        for (int i = 0; i < l->n; i++)
            n += naive_hours(item(l, i)->at_ms) - 24 * naive_days(item(l, i)->at_ms) == hour;
        if (n > most) {
            most = n;
            best = hour + 1;
        }
    }
    return best;
}

// ---- Reading ----

static struct naive_reading numeric(int64_t number)
{
    return (struct naive_reading){.present = true, .number = number};
}

static int64_t users_with(const struct naive_subject *s, const struct naive_number *n)
{
    int64_t count = 0;
    for (int u = 0; u < NAIVE_USERS; u++) {
        const struct naive_memory *m = &s->world->memory[s->account][u][n->signal];
        count += s->world->known[s->account][u] && (n->ever ? m->ever : m->value);
    }
    return count * 1000;
}

static struct naive_reading since_signal(const struct naive_subject *s,
                                         const struct naive_number *n, int64_t clock)
{
    const struct naive_memory *m =
        &s->world->memory[s->account]
                         [s->world->playbook->signals[n->signal].user ? s->user : NAIVE_USERS]
                         [n->signal];
    return m->value ? numeric(clock - m->since_ms) : (struct naive_reading){0};
}

static struct naive_reading grade(const struct naive_subject *s, const struct naive_number *n)
{
    int row = 0, column = 0;
    int64_t fit = naive_best_fit(s), score = naive_read(s, n->score).number;
    while (row < n->n_fit_bounds && fit >= n->fit_bounds[row])
        row++;
    while (column < n->n_score_bounds && score >= n->score_bounds[column])
        column++;
    struct naive_reading out = {.present = true, .value = {.type = NAIVE_TEXT}};
    out.value.text[0] = (char)('A' + n->n_fit_bounds - row);
    out.value.text[1] = (char)('1' + n->n_score_bounds - column);
    return out;
}

static struct list taken_list(const struct naive_subject *s, const struct naive_number *n,
                              int64_t clock)
{
    struct list all = {.world = s->world, .number = n};
    unsigned events = n->events;
    for (int i = 0; i < n->n_steps; i++)
        events |= 1u << n->steps[i];
    all.n = naive_taken(s, n, events, n->where, all.at);
    if (n->function == NAIVE_TIME_SPENT)
        return all;
    struct list in = {.world = s->world, .number = n};
    for (int i = 0; i < all.n; i++) {
        if (in_window(s, n, item(&all, i)->at_ms, clock))
            in.at[in.n++] = all.at[i];
    }
    return in;
}

static struct naive_reading read_events(const struct naive_subject *s, const struct naive_number *n,
                                        int64_t clock)
{
    struct list l = taken_list(s, n, clock);
    int with_number;
    int64_t sum = add_up(&l, &with_number);
    struct naive_reading none = {0};
    switch (n->function) {
    case NAIVE_COUNT:
        return numeric(l.n * 1000);
    case NAIVE_SUM:
        return numeric(sum);
    case NAIVE_AVERAGE:
        return with_number == 0 ? none : numeric(naive_divide(sum, with_number));
    case NAIVE_MAX:
    case NAIVE_MIN:
        return extreme(&l, n->function == NAIVE_MAX);
    case NAIVE_DISTINCT_USER:
    case NAIVE_DISTINCT:
        return numeric(distinct(&l) * 1000);
    case NAIVE_ACTIVE_DAYS:
        return numeric(periods(&l, naive_days) * 1000);
    case NAIVE_ACTIVE_WEEKS:
        return numeric(periods(&l, weeks) * 1000);
    case NAIVE_DAY_STREAK:
        return numeric(streak(&l, naive_days, clock) * 1000);
    case NAIVE_WEEK_STREAK:
        return numeric(streak(&l, weeks, clock) * 1000);
    case NAIVE_FIRST:
        return l.n == 0 ? none : numeric(item(&l, 0)->at_ms);
    case NAIVE_LAST:
        return l.n == 0 ? none : numeric(item(&l, l.n - 1)->at_ms);
    case NAIVE_SINCE:
        return l.n == 0 ? none : numeric(clock - item(&l, l.n - 1)->at_ms);
    case NAIVE_FIRST_VALUE:
    case NAIVE_LAST_VALUE:
        return edge_value(&l, n->function == NAIVE_LAST_VALUE);
    case NAIVE_TIME_SPENT:
        return numeric(time_spent(&l, clock));
    case NAIVE_SEQUENCE:
        return numeric(sequences(&l) * 1000);
    case NAIVE_BUSIEST:
        return numeric(busiest(&l) * 1000);
    case NAIVE_SINCE_SIGNAL:
    case NAIVE_USERS_WITH:
    case NAIVE_SCORE:
    case NAIVE_WEIGHTED:
    case NAIVE_FIT:
    case NAIVE_GRADE:
        break;
    }
    CHECK(false);
}

struct naive_reading naive_read_at(const struct naive_subject *s, int number, int64_t clock)
{
    const struct naive_number *n = &s->world->playbook->numbers[number];
    struct naive_subject of = *s;
    if (!n->user)
        of.user = NAIVE_NONE;
    CHECK(!n->user || s->user != NAIVE_NONE);
    if (n->function == NAIVE_USERS_WITH)
        return numeric(users_with(&of, n));
    if (n->function == NAIVE_SINCE_SIGNAL)
        return since_signal(&of, n, clock);
    if (n->function == NAIVE_SCORE || n->function == NAIVE_WEIGHTED)
        return numeric(naive_score(&of, n));
    if (n->function == NAIVE_FIT)
        return numeric(naive_percent(&of, n));
    if (n->function == NAIVE_GRADE)
        return grade(&of, n);
    return read_events(&of, n, clock);
}

struct naive_reading naive_read(const struct naive_subject *s, int number)
{
    return naive_read_at(s, number, s->clock_ms);
}
