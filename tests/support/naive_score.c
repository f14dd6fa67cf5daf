// SPDX-License-Identifier: Apache-2.0
// Points, weights, fit: what is added up. In long double; where that cannot tell a half of a
// thousandth from a little less, in the integers of the reference.
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

// ---- Integers finer than thousandths, as the reference has them ----

enum { FINER = 32, NOISE = 10 };

static __int128 finer(int64_t milli)
{
    return (__int128)milli * ((int64_t)1 << FINER);
}

static int64_t finer_milli(__int128 value)
{
    __int128 half = (__int128)1 << (FINER - NOISE - 1);
    __int128 noisy = value < 0 ? -value : value;
    __int128 size = (noisy + ((__int128)1 << (NOISE - 1))) >> NOISE;
    int64_t milli = (int64_t)((size + half) >> (FINER - NOISE));
    return value < 0 ? -milli : milli;
}

// ---- The same in long double ----

// What the two may differ by.
static const long double APART = 1e-5l;

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

static __int128 halving_finer(const struct naive_subject *s, const struct naive_number *n,
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
    __int128 value = score_fine(&cell, s->clock_ms, n->fade_ms);
    cell_deinit(&cell, CELL_BUCKETS);
    return value;
}

// The points of all events as they are left, or the sum of what they have left of their time.
static __int128 line(const struct naive_subject *s, const struct naive_number *n,
                     const struct naive_rule *r)
{
    int64_t at_ms[NAIVE_EVENTS_MAX];
    int count = giving(s, n, r, at_ms);
    if (n->fade == NAIVE_STAYS)
        return (__int128)r->points * count;
    __int128 sum = 0;
    for (int i = 0; i < count; i++) {
        int64_t left = n->fade_ms - (s->clock_ms - at_ms[i]);
        if (left > 0)
            sum += (__int128)r->points * left;
    }
    return sum;
}

static int64_t cap_of(const struct naive_number *n, const struct naive_rule *r)
{
    int64_t cap = r->at_most > 0 ? r->at_most : n->cap;
    return cap > 0 ? cap : INT64_MAX;
}

static long double rule_value(const struct naive_subject *s, const struct naive_number *n,
                              const struct naive_rule *r)
{
    long double cap = (long double)cap_of(n, r);
    long double value = n->fade == NAIVE_HALVES ? halving(s, n, r) : (long double)line(s, n, r);
    if (n->fade == NAIVE_LINEAR)
        value /= (long double)n->fade_ms;
    return value > cap ? cap : value < -cap ? -cap : value;
}

static __int128 rule_finer(const struct naive_subject *s, const struct naive_number *n,
                           const struct naive_rule *r)
{
    __int128 cap = finer(cap_of(n, r)), value;
    if (n->fade == NAIVE_HALVES)
        value = halving_finer(s, n, r, 1);
    else
        value = line(s, n, r) * ((int64_t)1 << FINER) / (n->fade == NAIVE_LINEAR ? n->fade_ms : 1);
    return value > cap ? cap : value < -cap ? -cap : value;
}

// One sum: the short form with a half-life and no bounds.
static bool is_plain(const struct naive_number *n)
{
    return n->short_form && n->fade == NAIVE_HALVES && n->cap == 0 && !n->has_min && !n->has_max;
}

// ---- Sums ----

static int64_t term_value(const struct naive_subject *s, const struct naive_term *t)
{
    const struct naive_world *w = s->world;
    if (t->number >= 0)
        return naive_read(s, t->number).number;
    int row = w->playbook->signals[t->signal].user ? s->user : NAIVE_USERS;
    return w->memory[s->account][row][t->signal].value ? 1000 : 0;
}

static const struct naive_number *fading_term(const struct naive_subject *s,
                                              const struct naive_term *t)
{
    if (t->number < 0)
        return NULL;
    const struct naive_number *n = &s->world->playbook->numbers[t->number];
    return n->function == NAIVE_SCORE || n->function == NAIVE_WEIGHTED ? n : NULL;
}

static struct naive_subject subject_of(const struct naive_subject *s, const struct naive_number *n)
{
    struct naive_subject of = *s;
    if (!n->user)
        of.user = NAIVE_NONE;
    return of;
}

static long double sum_value(const struct naive_subject *as, const struct naive_number *n)
{
    struct naive_subject s = subject_of(as, n);
    long double sum = 0;
    for (int i = 0; n->function == NAIVE_SCORE && i < n->n_rules; i++)
        sum += rule_value(&s, n, &n->rules[i]);
    for (int i = 0; n->function == NAIVE_WEIGHTED && i < n->n_terms; i++) {
        const struct naive_term *t = &n->terms[i];
        const struct naive_number *part = fading_term(&s, t);
        long double value = part != NULL ? sum_value(&s, part) : (long double)term_value(&s, t);
        sum += (long double)t->weight * value / 1000;
    }
    if (n->has_min && sum < (long double)n->min)
        return (long double)n->min;
    return n->has_max && sum > (long double)n->max ? (long double)n->max : sum;
}

static __int128 sum_finer(const struct naive_subject *as, const struct naive_number *n)
{
    struct naive_subject s = subject_of(as, n);
    __int128 sum = 0;
    if (n->function == NAIVE_SCORE && is_plain(n))
        return halving_finer(&s, n, n->rules, n->n_rules);
    for (int i = 0; n->function == NAIVE_SCORE && i < n->n_rules; i++)
        sum += 1000 * rule_finer(&s, n, &n->rules[i]);
    for (int i = 0; n->function == NAIVE_WEIGHTED && i < n->n_terms; i++) {
        const struct naive_term *t = &n->terms[i];
        const struct naive_number *part = fading_term(&s, t);
        sum += t->weight * (part != NULL ? sum_finer(&s, part) : finer(term_value(&s, t)));
    }
    sum /= 1000;
    if (n->has_min && sum < finer(n->min))
        return finer(n->min);
    return n->has_max && sum > finer(n->max) ? finer(n->max) : sum;
}

int64_t naive_score(const struct naive_subject *s, const struct naive_number *n)
{
    long double value = sum_value(s, n);
    int64_t low = (int64_t)roundl(value - APART), high = (int64_t)roundl(value + APART);
    return low == high ? low : finer_milli(sum_finer(s, n));
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
// between its values at them, so the sum lies between known bounds. Each part also bends little
// within a short time, so that the sum stays near the line through its ends: that tells more when
// parts cancel out. Where no threshold is within the bounds nothing is crossed, else the time is
// halved.

struct stretch {
    long double from, to; // at its ends
    long double low, high;
    bool lined; // it stays within `bend` of the line through its ends
    long double bend;
};

static struct naive_subject at_instant(const struct naive_subject *s, int64_t clock)
{
    struct naive_subject then = *s;
    then.clock_ms = clock;
    return then;
}

static struct stretch between(long double from, long double to)
{
    return (struct stretch){from, to, fminl(from, to), fmaxl(from, to), true, 0};
}

// What fades in a line has its corners where events are forgotten, and none of them in between.
static struct stretch rule_stretch(const struct naive_subject *s, const struct naive_number *n,
                                   const struct naive_rule *r, int64_t until)
{
    struct naive_subject then = at_instant(s, until);
    struct stretch out = between(rule_value(s, n, r), rule_value(&then, n, r));
    long double cap = (long double)cap_of(n, r);
    out.lined = fabsl(out.from) < cap || out.from == out.to;
    if (n->fade != NAIVE_HALVES || out.from == out.to)
        return out;
    // A function's distance from its chord: an eighth of the square of the time, times the most
    // that its second derivative is.
    long double halvings = (long double)(until - s->clock_ms) / (long double)n->fade_ms;
    long double steep = halvings * logl(2);
    out.bend = fabsl(out.from) * steep * steep / 8;
    return out;
}

static void add_stretch(struct stretch *sum, const struct stretch *part, long double weight)
{
    sum->from += weight * part->from;
    sum->to += weight * part->to;
    sum->low += weight * (weight > 0 ? part->low : part->high);
    sum->high += weight * (weight > 0 ? part->high : part->low);
    sum->lined &= part->lined;
    sum->bend += fabsl(weight) * part->bend;
}

static void narrow(struct stretch *sum)
{
    if (!sum->lined)
        return;
    sum->low = fmaxl(sum->low, fminl(sum->from, sum->to) - sum->bend);
    sum->high = fminl(sum->high, fmaxl(sum->from, sum->to) + sum->bend);
}

static void bound_stretch(struct stretch *sum, const struct naive_number *n)
{
    long double min = n->has_min ? (long double)n->min : -HUGE_VALL;
    long double max = n->has_max ? (long double)n->max : HUGE_VALL;
    if (sum->low >= min && sum->high <= max)
        return;
    bool flat = sum->low >= max || sum->high <= min;
    sum->from = fminl(fmaxl(sum->from, min), max);
    sum->to = fminl(fmaxl(sum->to, min), max);
    sum->low = fminl(fmaxl(sum->low, min), max);
    sum->high = fminl(fmaxl(sum->high, min), max);
    sum->lined = flat;
    sum->bend = 0;
}

static struct stretch stretch_of(const struct naive_subject *as, const struct naive_number *n,
                                 int64_t until)
{
    struct naive_subject s = subject_of(as, n);
    struct stretch sum = between(0, 0);
    for (int i = 0; n->function == NAIVE_SCORE && i < n->n_rules; i++) {
        struct stretch part = rule_stretch(&s, n, &n->rules[i], until);
        add_stretch(&sum, &part, 1);
    }
    for (int i = 0; n->function == NAIVE_WEIGHTED && i < n->n_terms; i++) {
        const struct naive_term *t = &n->terms[i];
        const struct naive_number *other = fading_term(&s, t);
        long double value = other != NULL ? 0 : (long double)term_value(&s, t);
        struct stretch part = other != NULL ? stretch_of(&s, other, until) : between(value, value);
        add_stretch(&sum, &part, (long double)t->weight / 1000);
    }
    narrow(&sum);
    bound_stretch(&sum, n);
    return sum;
}

struct range {
    int64_t low, high;
};

static struct range number_range(const struct naive_subject *s, int number, int64_t until)
{
    struct stretch all = stretch_of(s, &s->world->playbook->numbers[number], until);
    return (struct range){(int64_t)roundl(all.low - APART), (int64_t)roundl(all.high + APART)};
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
