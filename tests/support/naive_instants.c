// SPDX-License-Identifier: Apache-2.0
// When could time alone change anything? Found by listing every instant at which any duration of
// the playbook could have passed since any event, every edge of a day or an hour, and by searching
// for what fades.
#include "tests/support/naive_world.h"

#include "common/base/time_text.h"

enum { DURATIONS_MAX = 256, THRESHOLDS_MAX = 64 };

struct search {
    const struct naive_world *world;
    int account;
    int64_t after_ms, next_ms;
};

static void consider(struct search *search, int64_t at_ms)
{
    if (at_ms > search->after_ms && at_ms < search->next_ms)
        search->next_ms = at_ms;
}

// ---- Every duration that the playbook names ----

struct durations {
    int64_t ms[DURATIONS_MAX];
    int n;
};

static void add_duration(struct durations *d, int64_t ms)
{
    for (int i = 0; i < d->n; i++) {
        if (d->ms[i] == ms)
            return;
    }
    if (ms > 0 && d->n < DURATIONS_MAX)
        d->ms[d->n++] = ms;
}

static void list_durations(const struct naive_playbook *pb, struct durations *d)
{
    for (int i = 0; i < pb->n_conditions; i++) {
        const struct naive_condition *c = &pb->conditions[i];
        bool duration = c->kind == NAIVE_TEST && c->operand == NAIVE_OF_NUMBER &&
                        (c->test == NAIVE_TEST_WITHIN ||
                         naive_number_unit(&pb->numbers[c->number]) == NAIVE_AS_DURATION);
        if (!duration)
            continue;
        add_duration(d, c->low);
        add_duration(d, c->high);
        for (int k = 0; k < c->n_segments; k++)
            add_duration(d, c->segment_low[k]);
    }
    for (int i = 0; i < pb->n_numbers; i++) {
        add_duration(d, pb->numbers[i].within_ms);
        add_duration(d, pb->numbers[i].fade_ms);
    }
}

// At the instant itself, and at the first after it.
static void consider_after(struct search *search, const struct durations *d, int64_t at_ms)
{
    for (int i = 0; i < d->n; i++) {
        consider(search, at_ms + d->ms[i]);
        consider(search, at_ms + d->ms[i] + 1);
    }
}

// ---- Instants that events and traits carry ----

static void consider_value(struct search *search, const struct naive_value *value)
{
    int64_t at_ms;
    if (naive_value_instant(value, &at_ms)) {
        consider(search, at_ms);
        consider(search, at_ms + 1);
    }
}

static void consider_values(struct search *search)
{
    const struct naive_world *w = search->world;
    for (int i = 0; i < w->n_traits; i++)
        consider_value(search, &w->traits[i].value);
    for (int i = 0; i < w->n_events; i++) {
        for (int k = 0; k < w->events[i].n_properties; k++)
            consider_value(search, &w->events[i].properties[k].value);
    }
}

// ---- What signals remember ----

static void consider_memories(struct search *search, const struct durations *d)
{
    const struct naive_world *w = search->world;
    for (int u = 0; u <= NAIVE_USERS; u++) {
        for (int i = 0; i < w->playbook->n_signals; i++) {
            const struct naive_memory *m = &w->memory[search->account][u][i];
            if (m->value)
                consider_after(search, d, m->since_ms);
            if (m->held)
                consider(search, m->held_since_ms + w->playbook->signals[i].hold_ms);
            if (m->episodes > 0)
                consider(search, m->false_since_ms + w->playbook->signals[i].cooldown_ms);
        }
    }
}

// ---- What fades ----

struct thresholds {
    int64_t milli[THRESHOLDS_MAX];
    int n;
};

static void add_threshold(struct thresholds *t, int64_t milli)
{
    if (t->n < THRESHOLDS_MAX)
        t->milli[t->n++] = milli;
}

static void list_relative(const struct naive_subject *s, const struct naive_condition *c,
                          struct thresholds *t)
{
    __int128 limit;
    const struct naive_playbook *pb = s->world->playbook;
    if (c->of == NAIVE_OF_USER && s->user == NAIVE_NONE)
        return;
    if (c->of == NAIVE_OF_NUMBER && pb->numbers[c->of_number].user && s->user == NAIVE_NONE)
        return;
    if (!naive_relative(s, c, &limit))
        return;
    add_threshold(t, (int64_t)(limit / 100000));
    add_threshold(t, (int64_t)(limit / 100000) + 1);
}

static void list_thresholds(const struct naive_subject *s, int number, struct thresholds *t)
{
    const struct naive_playbook *pb = s->world->playbook;
    for (int i = 0; i < pb->n_conditions; i++) {
        const struct naive_condition *c = &pb->conditions[i];
        if (c->kind != NAIVE_TEST || c->operand != NAIVE_OF_NUMBER || c->number != number)
            continue;
        if (c->relative && c->test != NAIVE_TEST_LATER_THAN)
            list_relative(s, c, t);
        add_threshold(t, c->low);
        add_threshold(t, c->high);
        for (int k = 0; k < c->n_segments; k++)
            add_threshold(t, c->segment_low[k]);
        for (int k = 0; k < c->n_values; k++)
            add_threshold(t, naive_value_of(c->values[k]).milli);
    }
    for (int i = 0; i < pb->numbers[number].n_bands; i++)
        add_threshold(t, pb->numbers[number].bands[i]);
    for (int i = 0; i < pb->n_numbers; i++) {
        const struct naive_number *g = &pb->numbers[i];
        for (int k = 0; g->function == NAIVE_GRADE && g->score == number && k < g->n_score_bounds;
             k++)
            add_threshold(t, g->score_bounds[k]);
    }
}

static void consider_score(struct search *search, int user, int number)
{
    struct naive_subject s = {search->world, search->account, user, search->after_ms};
    struct thresholds t = {.n = 0};
    list_thresholds(&s, number, &t);
    if (t.n > 0)
        consider(search, naive_crossing(&s, number, t.milli, t.n, search->next_ms));
}

static void consider_scores(struct search *search)
{
    const struct naive_world *w = search->world;
    for (int i = 0; i < w->playbook->n_numbers; i++) {
        const struct naive_number *n = &w->playbook->numbers[i];
        if (n->function != NAIVE_SCORE && n->function != NAIVE_WEIGHTED)
            continue;
        // A condition on users may relate the account's score to a user's trait: each user is
        // looked at, and the account itself.
        for (int u = n->user ? 0 : NAIVE_NONE; u < NAIVE_USERS; u++) {
            if (u == NAIVE_NONE || w->known[search->account][u])
                consider_score(search, u, i);
        }
    }
}

// ---- The next ----

static bool looks_at_hours(const struct naive_playbook *pb)
{
    for (int i = 0; i < pb->n_numbers; i++) {
        if (pb->numbers[i].window == NAIVE_HOURS)
            return true;
    }
    return false;
}

int64_t naive_next_instant(const struct naive_world *w, int account, int64_t after_ms,
                           int64_t until_ms)
{
    struct search search = {w, account, after_ms, INT64_MAX};
    struct durations durations = {.n = 0};
    if (looks_at_hours(w->playbook))
        search.next_ms = (naive_hours(after_ms) + 1) * TIME_HOUR_MS;
    else
        search.next_ms = (naive_days(after_ms) + 1) * TIME_DAY_MS;
    if (search.next_ms > until_ms)
        search.next_ms = until_ms + 1;
    list_durations(w->playbook, &durations);
    for (int i = 0; i < w->n_events; i++) {
        if (w->events[i].account == account)
            consider_after(&search, &durations, w->events[i].at_ms);
    }
    consider_values(&search);
    consider_memories(&search, &durations);
    if (search.next_ms > after_ms + 1)
        consider_scores(&search);
    return search.next_ms;
}
