// SPDX-License-Identifier: Apache-2.0
// Random measures, scores, fit profiles and grades.
#include "tests/support/naive_generate.h"

#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/time_text.h"

#define HOUR ((int64_t)TIME_HOUR_MS)
#define DAY ((int64_t)TIME_DAY_MS)

static struct naive_number *add_number(struct naive_draft *d, enum naive_function function,
                                       const char *prefix)
{
    struct naive_playbook *pb = d->playbook;
    CHECK(pb->n_numbers < NAIVE_NUMBERS_MAX);
    struct naive_number *n = &pb->numbers[pb->n_numbers];
    *n = (struct naive_number){.function = function,
                               .user = true,
                               .where = NAIVE_NONE,
                               .signal = NAIVE_NONE,
                               .after = NAIVE_NONE,
                               .score = NAIVE_NONE};
    snprintf(n->name, sizeof n->name, "%s%d", prefix, pb->n_numbers);
    pb->n_numbers++;
    return n;
}

static unsigned draft_events(struct naive_draft *d)
{
    return NAIVE_PICK(d, unsigned, 0, 1, 1, 2, 3, 7, 4);
}

// Whether it is one of these functions, a bit each.
static bool is_one_of(enum naive_function function, unsigned functions)
{
    return (functions >> function & 1u) != 0;
}

enum {
    OF_NUMBERS = 1u << NAIVE_SUM | 1u << NAIVE_MAX | 1u << NAIVE_MIN | 1u << NAIVE_AVERAGE,
    COUNTING = 1u << NAIVE_COUNT | 1u << NAIVE_SUM | 1u << NAIVE_DISTINCT |
               1u << NAIVE_DISTINCT_USER | 1u << NAIVE_ACTIVE_DAYS,
    WITH_WINDOW = COUNTING | OF_NUMBERS,
    WITH_WEIGHT = COUNTING | 1u << NAIVE_ACTIVE_WEEKS | 1u << NAIVE_DAY_STREAK |
                  1u << NAIVE_WEEK_STREAK | 1u << NAIVE_SCORE | 1u << NAIVE_WEIGHTED,
};

static const char *draft_key(struct naive_draft *d, enum naive_function function)
{
    if (is_one_of(function, OF_NUMBERS))
        return "p";
    if (function == NAIVE_DISTINCT)
        return NAIVE_PICK(d, char *, "p", "q");
    if (function == NAIVE_FIRST_VALUE || function == NAIVE_LAST_VALUE)
        return NAIVE_PICK(d, char *, "p", "q", "q", "d");
    return NULL;
}

static void draft_after(struct naive_draft *d, struct naive_number *n)
{
    n->window = NAIVE_AFTER;
    n->after = NAIVE_PICK(d, int, 3, 3, 0);
    n->within_ms = NAIVE_PICK(d, int64_t, HOUR * 3 / 2, 36 * HOUR, 3 * DAY);
    if (naive_may(d, NAIVE_PART_MEASURES) && naive_chance(d, 2)) {
        n->from_last = true;
        n->within_ms = naive_chance(d, 3) ? 0 : n->within_ms;
    }
}

static void draft_buckets(struct naive_draft *d, struct naive_number *n)
{
    switch (naive_below(d, 7)) {
    case 0:
        n->window = NAIVE_HOURS;
        n->window_n = NAIVE_PICK(d, int, 1, 7, 30);
        return;
    case 1:
        n->window = NAIVE_PICK(d, enum naive_window, NAIVE_CALENDAR_DAY, NAIVE_CALENDAR_WEEK,
                               NAIVE_CALENDAR_MONTH);
        return;
    case 2:
        if (naive_may(d, NAIVE_PART_MEASURES)) {
            n->window = NAIVE_WEEKS;
            n->window_n = NAIVE_PICK(d, int, 1, 2, 4);
        }
        return;
    default:
        n->window = NAIVE_DAYS;
        n->window_n = NAIVE_PICK(d, int, 1, 2, 5, 10);
        return;
    }
}

static void draft_window(struct naive_draft *d, struct naive_number *n)
{
    bool edge = n->function == NAIVE_FIRST || n->function == NAIVE_LAST;
    if (n->function == NAIVE_ACTIVE_WEEKS && naive_chance(d, 2)) {
        n->window = NAIVE_WEEKS;
        n->window_n = NAIVE_PICK(d, int, 1, 2, 4);
    }
    if (n->function == NAIVE_TIME_SPENT) {
        n->window = NAIVE_PICK(d, enum naive_window, NAIVE_ALL_TIME, NAIVE_DAYS, NAIVE_CALENDAR_DAY,
                               NAIVE_CALENDAR_WEEK, NAIVE_CALENDAR_MONTH);
        n->window_n = NAIVE_PICK(d, int, 1, 2, 5);
    }
    if (!edge && !is_one_of(n->function, WITH_WINDOW))
        return;
    if (naive_may(d, NAIVE_PART_MEASURES) && naive_chance(d, 6)) {
        n->window = NAIVE_RESET;
        n->resets = NAIVE_PICK(d, unsigned, 16, 16, 24, 2);
    } else if (!edge && naive_chance(d, 5)) {
        draft_after(d, n);
    } else if (!edge && !naive_chance(d, 4)) {
        draft_buckets(d, n);
    }
}

static enum naive_function draft_function(struct naive_draft *d)
{
    if (!naive_may(d, NAIVE_PART_MEASURES) || naive_chance(d, 3))
        return NAIVE_PICK(d, enum naive_function, NAIVE_COUNT, NAIVE_COUNT, NAIVE_SUM,
                          NAIVE_DISTINCT, NAIVE_DISTINCT_USER, NAIVE_ACTIVE_DAYS, NAIVE_FIRST,
                          NAIVE_LAST);
    return NAIVE_PICK(d, enum naive_function, NAIVE_COUNT, NAIVE_SUM, NAIVE_MAX, NAIVE_MIN,
                      NAIVE_AVERAGE, NAIVE_DISTINCT, NAIVE_DISTINCT_USER, NAIVE_ACTIVE_DAYS,
                      NAIVE_ACTIVE_WEEKS, NAIVE_DAY_STREAK, NAIVE_WEEK_STREAK, NAIVE_FIRST,
                      NAIVE_LAST, NAIVE_FIRST_VALUE, NAIVE_LAST_VALUE, NAIVE_TIME_SPENT,
                      NAIVE_SINCE, NAIVE_SEQUENCE);
}

static void draft_steps(struct naive_draft *d, struct naive_number *n)
{
    n->n_steps = NAIVE_PICK(d, int, 2, 2, 3);
    for (int i = 0; i < n->n_steps; i++)
        n->steps[i] = (int)naive_below(d, 4);
    n->within_ms = NAIVE_PICK(d, int64_t, 3 * HOUR, 36 * HOUR, 5 * DAY);
}

static void draft_measure(struct naive_draft *d, bool account)
{
    struct naive_number *n = add_number(d, draft_function(d), "m");
    n->user = !account;
    if (n->function == NAIVE_DISTINCT_USER)
        n->user = false;
    n->key = draft_key(d, n->function);
    n->events = draft_events(d);
    if (n->function == NAIVE_TIME_SPENT)
        n->idle_ms = NAIVE_PICK(d, int64_t, 30 * TIME_MINUTE_MS, 90 * TIME_MINUTE_MS, 5 * HOUR);
    if (n->function == NAIVE_SEQUENCE)
        draft_steps(d, n);
    draft_window(d, n);
    if (naive_chance(d, 5))
        n->where = naive_draft_where(d, false);
    else if (naive_may(d, NAIVE_PART_HISTORIC) && naive_chance(d, 4))
        n->where = naive_draft_where(d, true);
}

void naive_draft_measures(struct naive_draft *d)
{
    int n = 3 + (int)naive_below(d, 5);
    for (int i = 0; i < n; i++)
        draft_measure(d, i < 2 || naive_chance(d, 2));
}

// ---- Scores ----

static int64_t draft_points(struct naive_draft *d)
{
    return NAIVE_PICK(d, int64_t, 5000, 10000, 10000, 2500, 20000, -5000, -15000);
}

static void draft_bounds(struct naive_draft *d, struct naive_number *n)
{
    n->has_min = naive_chance(d, 3);
    n->has_max = naive_chance(d, 3);
    n->min = NAIVE_PICK(d, int64_t, 0, -10000);
    n->max = NAIVE_PICK(d, int64_t, 15000, 30000, 12125);
}

static void draft_bands(struct naive_draft *d, struct naive_number *n)
{
    static const int64_t BANDS[3] = {0, 8000, 20000};
    n->n_bands = 2 + (int)naive_below(d, 2);
    memcpy(n->bands, BANDS, sizeof BANDS);
}

static void draft_rule(struct naive_draft *d, struct naive_number *n, int at)
{
    struct naive_rule *r = &n->rules[n->n_rules++];
    *r = (struct naive_rule){.points = draft_points(d), .where = NAIVE_NONE};
    r->events = n->short_form ? 1u << at : draft_events(d);
    if (n->short_form)
        return;
    r->once = naive_chance(d, 4);
    r->per_day = !r->once && naive_chance(d, 3) ? NAIVE_PICK(d, int, 1, 2) : 0;
    r->at_most = naive_chance(d, 3) ? NAIVE_PICK(d, int64_t, 12000, 25000) : 0;
    if (naive_chance(d, 4))
        r->where = naive_draft_where(d, naive_may(d, NAIVE_PART_HISTORIC) && naive_chance(d, 3));
}

static void draft_score(struct naive_draft *d)
{
    struct naive_number *n = add_number(d, NAIVE_SCORE, "s");
    bool more = naive_may(d, NAIVE_PART_SCORES);
    n->short_form = !more || naive_chance(d, 2);
    n->fade = more ? NAIVE_PICK(d, enum naive_fade, NAIVE_STAYS, NAIVE_HALVES, NAIVE_LINEAR)
                   : NAIVE_HALVES;
    n->fade_ms = NAIVE_PICK(d, int64_t, 5 * HOUR, 2 * DAY, 14 * DAY);
    if (n->fade == NAIVE_STAYS)
        n->fade_ms = 0;
    n->user = naive_chance(d, 2);
    int rules = 1 + (int)naive_below(d, 3);
    for (int i = 0; i < rules; i++)
        draft_rule(d, n, i);
    if (!more)
        return;
    n->cap = naive_chance(d, 4) ? 15000 : 0;
    draft_bounds(d, n);
    if (naive_chance(d, 3))
        draft_bands(d, n);
}

void naive_draft_scores(struct naive_draft *d)
{
    int n = (int)naive_below(d, 3);
    for (int i = 0; i < n; i++)
        draft_score(d);
}

static bool may_be_weighed(const struct naive_number *n)
{
    return is_one_of(n->function, WITH_WEIGHT) && (n->events >> NAIVE_EVENT_MARKETING & 1u) == 0;
}

static bool has_term(const struct naive_number *n, int number)
{
    for (int i = 0; i < n->n_terms; i++) {
        if (n->terms[i].number == number)
            return true;
    }
    return false;
}

void naive_draft_weights(struct naive_draft *d)
{
    struct naive_playbook *pb = d->playbook;
    int before = pb->n_numbers;
    struct naive_number *n = add_number(d, NAIVE_WEIGHTED, "w");
    n->user = false;
    for (int tries = 0; tries < 8 && n->n_terms < 3; tries++) {
        int at = (int)naive_below(d, (uint32_t)before);
        if (!may_be_weighed(&pb->numbers[at]) || has_term(n, at))
            continue;
        n->terms[n->n_terms++] = (struct naive_term){
            at, NAIVE_NONE, NAIVE_NONE, NAIVE_PICK(d, int64_t, 1000, 2500, 500, -1000)};
        n->user |= pb->numbers[at].user;
    }
    if (pb->n_signals > 0 && naive_chance(d, 2)) {
        int at = (int)naive_below(d, (uint32_t)pb->n_signals);
        if (pb->signals[at].origin == NAIVE_DECLARED) {
            n->terms[n->n_terms++] = (struct naive_term){NAIVE_NONE, at, NAIVE_NONE, 4000};
            n->user |= pb->signals[at].user;
        }
    }
    if (n->n_terms == 0) {
        pb->n_numbers--;
        return;
    }
    draft_bounds(d, n);
    if (naive_chance(d, 3))
        draft_bands(d, n);
}

// ---- Fit ----

static int draft_criterion(struct naive_draft *d, bool user)
{
    int at;
    struct naive_condition *c = naive_add_condition(d, NAIVE_TEST, &at);
    c->operand = user ? NAIVE_OF_USER : NAIVE_OF_ACCOUNT;
    c->key = user ? "role" : NAIVE_PICK(d, char *, "plan", "seats");
    if (strcmp(c->key, "seats") == 0) {
        c->test = NAIVE_TEST_BETWEEN;
        c->low = 2000;
        c->high = 4000;
        return at;
    }
    c->test = NAIVE_TEST_IN;
    c->n_values = 2;
    c->values[0] = NAIVE_PICK(d, char *, "x", "y");
    c->values[1] = "z";
    return at;
}

static void draft_profile(struct naive_draft *d, bool user)
{
    struct naive_number *n = add_number(d, NAIVE_FIT, "f");
    n->disqualifies = d->playbook->n_numbers > 1 && naive_chance(d, 3);
    n->short_form = naive_chance(d, 3);
    n->at_least = NAIVE_PICK(d, int64_t, 100000, 60000, 33000);
    if (n->short_form || n->disqualifies)
        n->at_least = 100000;
    n->n_terms = n->short_form || n->disqualifies ? 1 : 1 + (int)naive_below(d, 3);
    n->user = false;
    for (int i = 0; i < n->n_terms; i++) {
        bool of_user = user && naive_chance(d, 2);
        unsigned parts = d->parts;
        d->parts &= ~(unsigned)NAIVE_PART_FIT; // it cannot look at fit itself
        int criterion = naive_chance(d, 4) ? naive_draft_condition(d, of_user, false, 0)
                                           : draft_criterion(d, of_user);
        d->parts = parts;
        n->terms[i] = (struct naive_term){NAIVE_NONE, NAIVE_NONE, criterion,
                                          NAIVE_PICK(d, int64_t, 1000, 2000, 500)};
        n->user |= naive_condition_of_user(d->playbook, criterion);
    }
}

void naive_draft_fit(struct naive_draft *d)
{
    struct naive_playbook *pb = d->playbook;
    bool user = naive_chance(d, 3), disqualifies = true, fit_user = false;
    int first = pb->n_numbers, n = 1 + (int)naive_below(d, 3);
    for (int i = 0; i < n; i++) {
        draft_profile(d, user);
        disqualifies &= pb->numbers[pb->n_numbers - 1].disqualifies;
        fit_user |= pb->numbers[pb->n_numbers - 1].user;
    }
    if (disqualifies)
        pb->numbers[first].disqualifies = false;
    int score = NAIVE_NONE;
    for (int i = 0; i < first; i++) {
        if (pb->numbers[i].function == NAIVE_SCORE)
            score = i;
    }
    if (score == NAIVE_NONE || naive_chance(d, 3))
        return;
    struct naive_number *g = add_number(d, NAIVE_GRADE, "g");
    g->score = score;
    g->user = fit_user || pb->numbers[score].user;
    g->n_fit_bounds = 1 + (int)naive_below(d, 2);
    g->fit_bounds[0] = 50000;
    g->fit_bounds[1] = 80000;
    g->n_score_bounds = 1 + (int)naive_below(d, 2);
    g->score_bounds[0] = 5000;
    g->score_bounds[1] = 15000;
}
