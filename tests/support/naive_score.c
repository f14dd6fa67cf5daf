// SPDX-License-Identifier: Apache-2.0
// Points, weights, fit: what is added up. Half-lives in long double, all else in integers.
#include "tests/support/naive_world.h"

#include <math.h>

#include "common/base/check.h"
#include "services/scorer/core/score.h"

int64_t naive_divide(__int128 n, __int128 d)
{
    __int128 half = n < 0 ? -(d / 2) : d / 2;
    __int128 quotient = (n + half) / d;
    CHECK(d > 0);
    return (int64_t)quotient;
}

static int64_t bounded(const struct naive_number *s, int64_t value)
{
    if (s->has_min && value < s->min)
        value = s->min;
    if (s->has_max && value > s->max)
        value = s->max;
    return value;
}

// ---- Points ----

// Which events give the rule's points, in order of instant.
static int giving(const struct naive_subject *s, const struct naive_number *n,
                  const struct naive_rule *r, int64_t at_ms[NAIVE_EVENTS_MAX])
{
    int list[NAIVE_EVENTS_MAX], count = naive_taken(s, n, r->events, r->where, list), given = 0;
    int of_day = 0;
    for (int i = 0; i < count; i++) {
        int64_t at = s->world->events[list[i]].at_ms;
        bool same_day = i > 0 && naive_days(s->world->events[list[i - 1]].at_ms) == naive_days(at);
        of_day = same_day ? of_day + 1 : 1;
        if ((r->once && i > 0) || (r->per_day > 0 && of_day > r->per_day))
            continue;
        at_ms[given++] = at;
    }
    return given;
}

static long double halving(const struct naive_subject *s, const struct naive_number *n,
                           const struct naive_rule *r)
{
    int64_t at_ms[NAIVE_EVENTS_MAX];
    int count = giving(s, n, r, at_ms);
    long double sum = 0;
    for (int i = 0; i < count; i++)
        sum += (long double)r->points *
               exp2l(-(long double)(s->clock_ms - at_ms[i]) / (long double)n->fade_ms);
    return sum;
}

// Where long double cannot tell a half from a little less, the arithmetic of the reference decides.
static int64_t as_specified(const struct naive_subject *s, const struct naive_number *n,
                            const struct naive_rule *rules, int n_rules)
{
    int64_t at_ms[NAIVE_EVENTS_MAX], low = score_low(s->clock_ms, n->fade_ms);
    struct cell cell = {0};
    for (int i = 0; i < n_rules; i++) {
        int count = giving(s, n, &rules[i], at_ms);
        for (int k = 0; k < count; k++) {
            int64_t level = score_level(at_ms[k], n->fade_ms);
            if (level >= low)
                cell_put(&cell, level, score_weight(rules[i].points, at_ms[k], n->fade_ms),
                         CELL_ADD, low);
        }
    }
    int64_t value = score_value(&cell, s->clock_ms, n->fade_ms);
    cell_deinit(&cell, CELL_BUCKETS);
    return value;
}

static int64_t rounded(const struct naive_subject *s, const struct naive_number *n,
                       const struct naive_rule *rules, int n_rules, long double value)
{
    long double behind = fabsl(value) - floorl(fabsl(value));
    return fabsl(behind - 0.5l) > 1e-4l ? (int64_t)roundl(value)
                                        : as_specified(s, n, rules, n_rules);
}

static int64_t rule_points(const struct naive_subject *s, const struct naive_number *n,
                           const struct naive_rule *r)
{
    if (n->fade == NAIVE_HALVES)
        return rounded(s, n, r, 1, halving(s, n, r));
    int64_t at_ms[NAIVE_EVENTS_MAX];
    int count = giving(s, n, r, at_ms);
    if (n->fade == NAIVE_STAYS)
        return r->points * count;
    __int128 sum = 0;
    for (int i = 0; i < count; i++) {
        int64_t left = n->fade_ms - (s->clock_ms - at_ms[i]);
        if (left > 0)
            sum += (__int128)r->points * left;
    }
    return naive_divide(sum, n->fade_ms);
}

static int64_t rule_value(const struct naive_subject *s, const struct naive_number *n,
                          const struct naive_rule *r)
{
    int64_t value = rule_points(s, n, r), cap = r->at_most > 0 ? r->at_most : n->cap;
    if (cap > 0 && value > cap)
        return cap;
    return cap > 0 && value < -cap ? -cap : value;
}

// One sum, rounded once: the short form with a half-life and no bounds.
static bool is_plain(const struct naive_number *n)
{
    return n->short_form && n->fade == NAIVE_HALVES && n->cap == 0 && !n->has_min && !n->has_max;
}

static int64_t points(const struct naive_subject *s, const struct naive_number *n)
{
    long double plain = 0;
    int64_t sum = 0;
    for (int i = 0; i < n->n_rules; i++) {
        if (is_plain(n))
            plain += halving(s, n, &n->rules[i]);
        else
            sum += rule_value(s, n, &n->rules[i]);
    }
    return is_plain(n) ? rounded(s, n, n->rules, n->n_rules, plain) : bounded(n, sum);
}

static int64_t term_value(const struct naive_subject *s, const struct naive_term *t)
{
    if (t->number >= 0)
        return naive_read(s, t->number).number;
    const struct naive_world *w = s->world;
    int row = w->playbook->signals[t->signal].user ? s->user : NAIVE_USERS;
    return w->memory[s->account][row][t->signal].value ? 1000 : 0;
}

int64_t naive_score(const struct naive_subject *s, const struct naive_number *n)
{
    if (n->function == NAIVE_SCORE)
        return points(s, n);
    __int128 sum = 0;
    for (int i = 0; i < n->n_terms; i++)
        sum += (__int128)n->terms[i].weight * term_value(s, &n->terms[i]);
    return bounded(n, naive_divide(sum, 1000));
}

// ---- Fit ----

bool naive_disqualified(const struct naive_subject *s)
{
    const struct naive_playbook *pb = s->world->playbook;
    for (int i = 0; i < pb->n_numbers; i++) {
        const struct naive_number *n = &pb->numbers[i];
        if (n->function == NAIVE_FIT && n->disqualifies && !pb->number_dropped[i] &&
            naive_holds(s, n->terms[0].condition, NULL))
            return true;
    }
    return false;
}

int64_t naive_percent(const struct naive_subject *s, const struct naive_number *n)
{
    int64_t met = 0, all = 0;
    if (naive_disqualified(s))
        return 0;
    for (int i = 0; i < n->n_terms; i++) {
        all += n->terms[i].weight;
        met += naive_holds(s, n->terms[i].condition, NULL) ? n->terms[i].weight : 0;
    }
    return naive_divide((__int128)met * 100000, all);
}

int64_t naive_best_fit(const struct naive_subject *s)
{
    const struct naive_playbook *pb = s->world->playbook;
    int64_t best = 0;
    for (int i = 0; i < pb->n_numbers; i++) {
        const struct naive_number *n = &pb->numbers[i];
        if (n->function != NAIVE_FIT || n->disqualifies || pb->number_dropped[i])
            continue;
        int64_t percent = naive_percent(s, n);
        best = percent > best ? percent : best;
    }
    return best;
}

// ---- Crossings ----
// The value is a sum of parts that each move one way only. Between two instants each part lies
// between its values at them, so the sum lies between known bounds: where these have no threshold
// between them nothing is crossed, else the time is halved.

struct range {
    int64_t low, high;
};

static struct naive_subject at_instant(const struct naive_subject *s, int64_t clock)
{
    struct naive_subject then = *s;
    then.clock_ms = clock;
    return then;
}

static struct range rule_range(const struct naive_subject *s, const struct naive_number *n,
                               const struct naive_rule *r, int64_t until)
{
    struct naive_subject then = at_instant(s, until);
    int64_t a = rule_value(s, n, r), b = rule_value(&then, n, r);
    return (struct range){a < b ? a : b, a < b ? b : a};
}

static struct range plain_range(const struct naive_subject *s, const struct naive_number *n,
                                int64_t until)
{
    struct naive_subject then = at_instant(s, until);
    long double low = 0, high = 0;
    for (int i = 0; i < n->n_rules; i++) {
        long double a = halving(s, n, &n->rules[i]), b = halving(&then, n, &n->rules[i]);
        low += a < b ? a : b;
        high += a < b ? b : a;
    }
    // A little wider than what the arithmetics may differ by.
    return (struct range){(int64_t)roundl(low - 1e-4l), (int64_t)roundl(high + 1e-4l)};
}

static struct range number_range(const struct naive_subject *s, int number, int64_t until)
{
    const struct naive_number *n = &s->world->playbook->numbers[number];
    struct naive_subject of = *s;
    if (!n->user)
        of.user = NAIVE_NONE;
    if (n->function == NAIVE_SCORE && is_plain(n))
        return plain_range(&of, n, until);
    struct range all = {0, 0};
    if (n->function == NAIVE_SCORE) {
        for (int i = 0; i < n->n_rules; i++) {
            struct range r = rule_range(&of, n, &n->rules[i], until);
            all.low += r.low;
            all.high += r.high;
        }
        return (struct range){bounded(n, all.low), bounded(n, all.high)};
    }
    if (n->function != NAIVE_WEIGHTED) {
        int64_t value = naive_read(&of, number).number;
        return (struct range){value, value};
    }
    __int128 low = 0, high = 0;
    for (int i = 0; i < n->n_terms; i++) {
        const struct naive_term *t = &n->terms[i];
        int64_t value = t->number >= 0 ? 0 : term_value(&of, t);
        struct range r = {value, value};
        if (t->number >= 0)
            r = number_range(&of, t->number, until);
        low += (__int128)t->weight * (t->weight > 0 ? r.low : r.high);
        high += (__int128)t->weight * (t->weight > 0 ? r.high : r.low);
    }
    return (struct range){bounded(n, naive_divide(low, 1000)),
                          bounded(n, naive_divide(high, 1000))};
}

static bool may_cross(struct range r, const int64_t *thresholds, int n)
{
    for (int i = 0; i < n; i++) {
        int64_t t = thresholds[i];
        if (r.low <= t && r.high >= t && r.low != r.high)
            return true;
    }
    return false;
}

static bool differs(int64_t a, int64_t b, const int64_t *thresholds, int n)
{
    for (int i = 0; i < n; i++) {
        int64_t t = thresholds[i];
        if ((a >= t) != (b >= t) || (a > t) != (b > t))
            return true;
    }
    return false;
}

int64_t naive_crossing(const struct naive_subject *s, int number, const int64_t *thresholds, int n,
                       int64_t until)
{
    if (until <= s->clock_ms || !may_cross(number_range(s, number, until), thresholds, n))
        return INT64_MAX;
    if (until == s->clock_ms + 1) {
        struct naive_subject then = at_instant(s, until);
        int64_t a = naive_read(s, number).number, b = naive_read(&then, number).number;
        return differs(a, b, thresholds, n) ? until : INT64_MAX;
    }
    int64_t middle = s->clock_ms + (until - s->clock_ms) / 2;
    int64_t found = naive_crossing(s, number, thresholds, n, middle);
    if (found != INT64_MAX)
        return found;
    struct naive_subject then = at_instant(s, middle);
    return naive_crossing(&then, number, thresholds, n, until);
}
