// SPDX-License-Identifier: Apache-2.0
// Random conditions.
#include "tests/support/naive_generate.h"

#include <string.h>

#include "common/base/check.h"
#include "common/base/time_text.h"

uint32_t naive_below(struct naive_draft *d, uint32_t n)
{
    return (uint32_t)test_random_below(d->random, n);
}

bool naive_chance(struct naive_draft *d, uint32_t one_in)
{
    return naive_below(d, one_in) == 0;
}

bool naive_may(const struct naive_draft *d, enum naive_part part)
{
    return (d->parts & part) != 0;
}

struct naive_condition *naive_add_condition(struct naive_draft *d, enum naive_condition_kind kind,
                                            int *at)
{
    struct naive_playbook *pb = d->playbook;
    CHECK(pb->n_conditions < NAIVE_CONDITIONS_MAX);
    *at = pb->n_conditions++;
    pb->conditions[*at] = (struct naive_condition){
        .kind = kind, .signal = NAIVE_NONE, .number = NAIVE_NONE, .of_number = NAIVE_NONE};
    return &pb->conditions[*at];
}

// ---- Leaves ----

static bool growth_window(const struct naive_number *n)
{
    return (n->window == NAIVE_DAYS || n->window == NAIVE_HOURS) &&
           (n->function == NAIVE_COUNT || n->function == NAIVE_SUM ||
            n->function == NAIVE_DISTINCT || n->function == NAIVE_DISTINCT_USER ||
            n->function == NAIVE_ACTIVE_DAYS);
}

static bool is_instant_of_events(const struct naive_number *n)
{
    return n->function == NAIVE_FIRST || n->function == NAIVE_LAST;
}

static int pick_number(struct naive_draft *d, bool user)
{
    const struct naive_playbook *pb = d->playbook;
    if (pb->n_numbers == 0)
        return NAIVE_NONE;
    int at = (int)naive_below(d, (uint32_t)pb->n_numbers);
    for (int tries = 0; tries < pb->n_numbers; tries++, at = (at + 1) % pb->n_numbers) {
        const struct naive_number *n = &pb->numbers[at];
        bool marketing = (n->events >> NAIVE_EVENT_MARKETING & 1u) != 0;
        if (n->function != NAIVE_FIT && !marketing && (user || !n->user))
            return at;
    }
    return NAIVE_NONE;
}

static void draft_growth(struct naive_draft *d, struct naive_condition *c,
                         const struct naive_number *n)
{
    int64_t bucket = n->window == NAIVE_DAYS ? TIME_DAY_MS : TIME_HOUR_MS;
    c->test = NAIVE_TEST_GREW;
    c->over_ms = bucket * NAIVE_PICK(d, int, 1, 2, 3, 7);
    switch (naive_below(d, 4)) {
    case 0:
        c->has_to = c->has_from = true;
        c->to = 1000 * NAIVE_PICK(d, int, 1, 2, 3);
        c->from = 1000 * NAIVE_PICK(d, int, 0, 1);
        return;
    case 1:
        c->has_by = true;
        c->by = 1000 * NAIVE_PICK(d, int, 1, 2);
        return;
    case 2:
        c->has_ratio = true;
        c->ratio = NAIVE_PICK(d, int, 1500, 2000);
        return;
    default:
        c->has_to = c->has_by = true;
        c->to = 1000 * NAIVE_PICK(d, int, 2, 3);
        c->by = 1000;
        return;
    }
}

// `value: {at_least_percent: 80, of: ...}`, or the thing itself as a threshold.
static bool draft_relative(struct naive_draft *d, struct naive_condition *c, bool user)
{
    int number = pick_number(d, user);
    uint32_t of = naive_below(d, 3);
    c->relative = true;
    if (of == 0 && user) {
        c->of = NAIVE_OF_USER;
        c->of_key = "level";
    } else if (of < 2 || number == NAIVE_NONE) {
        c->of = NAIVE_OF_ACCOUNT;
        c->of_key = "seats";
    } else {
        const struct naive_number *n = &d->playbook->numbers[number];
        if (naive_number_unit(n) != NAIVE_AS_NUMBER || n->function >= NAIVE_SCORE)
            return false;
        c->of = NAIVE_OF_NUMBER;
        c->of_number = number;
    }
    c->percent = naive_chance(d, 2);
    c->test = NAIVE_PICK(d, enum naive_test, NAIVE_TEST_AT_LEAST, NAIVE_TEST_AT_MOST);
    if (!c->percent)
        c->test = NAIVE_PICK(d, enum naive_test, NAIVE_TEST_AT_LEAST, NAIVE_TEST_AT_MOST,
                             NAIVE_TEST_ABOVE, NAIVE_TEST_BELOW);
    if (c->percent)
        c->low = 1000 * NAIVE_PICK(d, int, 50, 80, 100, 150);
    return true;
}

static int pick_signal(struct naive_draft *d, bool (*suits)(const struct naive_signal *signal))
{
    const struct naive_playbook *pb = d->playbook;
    if (pb->n_signals == 0)
        return NAIVE_NONE;
    int at = (int)naive_below(d, (uint32_t)pb->n_signals);
    for (int tries = 0; tries < pb->n_signals; tries++, at = (at + 1) % pb->n_signals) {
        if (suits(&pb->signals[at]))
            return at;
    }
    return NAIVE_NONE;
}

static bool is_segment(const struct naive_signal *signal)
{
    return signal->origin == NAIVE_SEGMENT;
}

static int64_t draft_milli(struct naive_draft *d, const struct naive_number *n)
{
    if (n->function >= NAIVE_SCORE)
        return NAIVE_PICK(d, int64_t, 0, 3000, 5500, 10000, 12125, 20000);
    if (n->function == NAIVE_SUM || n->function == NAIVE_MAX || n->function == NAIVE_AVERAGE)
        return NAIVE_PICK(d, int64_t, 1000, 2500, 4000, 7000);
    return 1000 * NAIVE_PICK(d, int64_t, 0, 1, 1, 2, 2, 3, 4);
}

static void draft_segments(struct naive_draft *d, struct naive_condition *c,
                           const struct naive_number *n)
{
    int first = pick_signal(d, is_segment), second = pick_signal(d, is_segment);
    if (first == NAIVE_NONE)
        return;
    c->segments[c->n_segments] = first;
    c->segment_low[c->n_segments++] = draft_milli(d, n);
    if (second == first)
        return;
    c->segments[c->n_segments] = second;
    c->segment_low[c->n_segments++] = draft_milli(d, n);
}

static const char *const WHOLE[] = {"0", "1", "2", "3", "4"};

static void draft_number_test(struct naive_draft *d, struct naive_condition *c, bool user)
{
    const struct naive_number *n = &d->playbook->numbers[c->number];
    bool more = naive_may(d, NAIVE_PART_CONDITIONS);
    uint32_t kind = naive_below(d, 12);
    c->low = draft_milli(d, n);
    if (more && growth_window(n) && kind < 5) {
        draft_growth(d, c, n);
        return;
    }
    if (more && kind == 5) {
        struct naive_condition before = *c;
        if (draft_relative(d, c, user))
            return;
        *c = before;
    }
    if (n->n_bands > 0 && kind < 5) {
        c->test = NAIVE_TEST_BAND;
        c->band = (int)naive_below(d, (uint32_t)n->n_bands);
        return;
    }
    if (kind == 6) {
        c->test = NAIVE_TEST_BETWEEN;
        c->high = c->low + 1000 * naive_below(d, 3);
        return;
    }
    if (kind == 7) {
        c->test = NAIVE_PICK(d, enum naive_test, NAIVE_TEST_IS, NAIVE_TEST_IN);
        c->n_values = c->test == NAIVE_TEST_IN ? 2 : 1;
        uint32_t value = naive_below(d, 4);
        c->values[0] = WHOLE[value];
        c->values[1] = WHOLE[value + 1];
        return;
    }
    if (kind == 8 &&
        (n->function == NAIVE_MAX || n->function == NAIVE_MIN || n->function == NAIVE_AVERAGE)) {
        c->test = NAIVE_TEST_EXISTS;
        c->expected = naive_chance(d, 2);
        return;
    }
    c->test = NAIVE_PICK(d, enum naive_test, NAIVE_TEST_AT_LEAST, NAIVE_TEST_AT_LEAST,
                         NAIVE_TEST_AT_MOST, NAIVE_TEST_ABOVE, NAIVE_TEST_BELOW);
    if (more && kind > 9)
        draft_segments(d, c, n);
}

static int64_t draft_duration(struct naive_draft *d)
{
    return NAIVE_PICK(d, int64_t, 40 * TIME_MINUTE_MS, 3 * (int64_t)TIME_HOUR_MS,
                      30 * (int64_t)TIME_HOUR_MS, 2 * (int64_t)TIME_DAY_MS,
                      5 * (int64_t)TIME_DAY_MS);
}

static void draft_duration_test(struct naive_draft *d, struct naive_condition *c)
{
    c->low = draft_duration(d);
    c->test = NAIVE_PICK(d, enum naive_test, NAIVE_TEST_AT_LEAST, NAIVE_TEST_AT_MOST,
                         NAIVE_TEST_ABOVE, NAIVE_TEST_BELOW, NAIVE_TEST_BETWEEN);
    c->high = c->low + draft_duration(d);
}

static void draft_instant_test(struct naive_draft *d, struct naive_condition *c, bool user)
{
    const struct naive_playbook *pb = d->playbook;
    int other = pick_number(d, user);
    if (naive_may(d, NAIVE_PART_CONDITIONS) && naive_chance(d, 2) && other != NAIVE_NONE &&
        is_instant_of_events(&pb->numbers[other]) && other != c->number) {
        c->test = NAIVE_TEST_LATER_THAN;
        c->relative = true;
        c->of = NAIVE_OF_NUMBER;
        c->of_number = other;
        return;
    }
    c->test = naive_chance(d, 3) ? NAIVE_TEST_EXISTS : NAIVE_TEST_WITHIN;
    c->expected = naive_chance(d, 2);
    c->low = draft_duration(d);
}

static void draft_value_test(struct naive_draft *d, struct naive_condition *c, const char *key)
{
    bool instant = strcmp(key, "d") == 0 || strcmp(key, "ends") == 0;
    if (instant && naive_may(d, NAIVE_PART_CONDITIONS)) {
        c->test = NAIVE_TEST_IS_PAST;
        c->expected = naive_chance(d, 2);
        return;
    }
    if (naive_chance(d, 4)) {
        c->test = NAIVE_TEST_EXISTS;
        c->expected = naive_chance(d, 2);
        return;
    }
    if (strcmp(key, "p") == 0 || strcmp(key, "seats") == 0 || strcmp(key, "level") == 0) {
        c->test = NAIVE_PICK(d, enum naive_test, NAIVE_TEST_AT_LEAST, NAIVE_TEST_BELOW,
                             NAIVE_TEST_BETWEEN);
        c->low = 1000 * NAIVE_PICK(d, int64_t, 1, 2, 3, 4);
        c->high = c->low + 1000;
        return;
    }
    c->test = NAIVE_PICK(d, enum naive_test, NAIVE_TEST_IS, NAIVE_TEST_IN, NAIVE_TEST_CONTAINS);
    c->n_values = c->test == NAIVE_TEST_IN ? 2 : 1;
    c->values[0] = NAIVE_PICK(d, char *, "x", "y", "z");
    if (strcmp(key, "email_domain") == 0)
        c->values[0] = NAIVE_PICK(d, char *, "x.example", "z.example");
    c->values[1] = NAIVE_PICK(d, char *, "x", "2", "true");
    if (c->values[0] == c->values[1] || strcmp(c->values[0], c->values[1]) == 0)
        c->n_values = 1;
    if (c->n_values == 1 && c->test == NAIVE_TEST_IN)
        c->test = NAIVE_TEST_IS;
}

static void draft_grade_test(struct naive_draft *d, struct naive_condition *c,
                             const struct naive_number *n)
{
    // [bounds of fit][bounds of the score], each 1 or 2.
    static const char *const ROWS[] = {"A1", "A2", "B1", "B2"};
    c->test = NAIVE_TEST_IN;
    c->n_values = 2;
    c->values[0] = ROWS[naive_below(d, 4)];
    c->values[1] = n->n_fit_bounds == 2 && naive_chance(d, 2)     ? "C1"
                   : n->n_score_bounds == 2 && naive_chance(d, 2) ? "A3"
                                                                  : "B2";
    if (strcmp(c->values[0], c->values[1]) == 0)
        c->values[0] = "A1";
}

static int draft_trait(struct naive_draft *d, bool user)
{
    int at;
    struct naive_condition *c = naive_add_condition(d, NAIVE_TEST, &at);
    if (user && naive_chance(d, 2)) {
        c->operand = NAIVE_OF_USER;
        c->key = NAIVE_PICK(d, char *, "role", "role", "level", "email_domain");
    } else {
        c->operand = NAIVE_OF_ACCOUNT;
        c->key = NAIVE_PICK(d, char *, "plan", "plan", "seats", "ends");
    }
    draft_value_test(d, c, c->key);
    return at;
}

static int draft_number(struct naive_draft *d, bool user)
{
    int number = pick_number(d, user), at;
    if (number == NAIVE_NONE)
        return draft_trait(d, user);
    struct naive_condition *c = naive_add_condition(d, NAIVE_TEST, &at);
    const struct naive_number *n = &d->playbook->numbers[number];
    c->operand = NAIVE_OF_NUMBER;
    c->number = number;
    if (n->function == NAIVE_GRADE)
        draft_grade_test(d, c, n);
    else if (naive_number_unit(n) == NAIVE_AS_NUMBER)
        draft_number_test(d, c, user);
    else if (naive_number_unit(n) == NAIVE_AS_DURATION)
        draft_duration_test(d, c);
    else if (naive_number_unit(n) == NAIVE_AS_INSTANT)
        draft_instant_test(d, c, user);
    else
        draft_value_test(d, c, n->key);
    return at;
}

// NAIVE_NONE: there is none to look at.
static int draft_reference(struct naive_draft *d, bool user, bool account)
{
    const struct naive_playbook *pb = d->playbook;
    if (pb->n_signals == 0)
        return NAIVE_NONE;
    int signal = (int)naive_below(d, (uint32_t)pb->n_signals), at;
    const struct naive_signal *s = &pb->signals[signal];
    bool more = naive_may(d, NAIVE_PART_MEMORY);
    if (s->origin != NAIVE_DECLARED && s->origin != NAIVE_SEGMENT)
        return NAIVE_NONE;
    if (s->user ? !user && !account : user && !more)
        return NAIVE_NONE;
    if (s->user && account && !more)
        return NAIVE_NONE;
    naive_add_condition(d, NAIVE_SIGNAL, &at)->signal = signal;
    return at;
}

static int draft_fit(struct naive_draft *d, bool user)
{
    const struct naive_playbook *pb = d->playbook;
    int at, fit = NAIVE_NONE;
    bool disqualifies = false;
    for (int i = 0; i < pb->n_numbers; i++) {
        const struct naive_number *n = &pb->numbers[i];
        if (n->function != NAIVE_FIT)
            continue;
        if (n->user && !user)
            return NAIVE_NONE; // a profile is 0 where another disqualifies: all are of users then
        disqualifies |= n->disqualifies;
        if (!n->disqualifies && (fit == NAIVE_NONE || naive_chance(d, 2)))
            fit = i;
    }
    if (fit == NAIVE_NONE)
        return NAIVE_NONE;
    uint32_t kind = naive_below(d, 3);
    if (kind == 0) {
        naive_add_condition(d, NAIVE_FITS, &at)->fit = fit;
    } else if (kind == 1 && disqualifies) {
        naive_add_condition(d, NAIVE_DISQUALIFIED, &at);
    } else {
        struct naive_condition *c = naive_add_condition(d, NAIVE_TEST, &at);
        c->operand = NAIVE_OF_BEST_FIT;
        c->test = NAIVE_PICK(d, enum naive_test, NAIVE_TEST_AT_LEAST, NAIVE_TEST_BELOW);
        c->low = NAIVE_PICK(d, int64_t, 34000, 50000, 66000, 100000);
    }
    return at;
}

static int draft_leaf(struct naive_draft *d, bool user, bool account)
{
    int at = NAIVE_NONE;
    uint32_t kind = naive_below(d, 12);
    if (kind < 2)
        at = draft_reference(d, user, account);
    else if (kind == 2)
        at = draft_trait(d, user);
    else if (kind == 3 && naive_may(d, NAIVE_PART_FIT))
        at = draft_fit(d, user);
    else if (kind == 4 && d->stages != 0) {
        uint32_t stage = naive_below(d, NAIVE_STAGES);
        while ((d->stages >> stage & 1u) == 0)
            stage = (stage + 1) % NAIVE_STAGES;
        naive_add_condition(d, NAIVE_IN_STAGE, &at)->stage = (int)stage;
    }
    return at == NAIVE_NONE ? draft_number(d, user) : at;
}

int naive_draft_condition(struct naive_draft *d, bool user, bool account, int depth)
{
    uint32_t kind = naive_below(d, 12);
    if (depth == 0 || kind < 4)
        return draft_leaf(d, user, account);
    enum naive_condition_kind group = kind < 7 ? NAIVE_ALL : kind < 10 ? NAIVE_ANY : NAIVE_NOT;
    if (naive_may(d, NAIVE_PART_CONDITIONS) && naive_chance(d, 5))
        group = naive_chance(d, 2) ? NAIVE_NONE_OF : NAIVE_AT_LEAST_N;
    int n = group == NAIVE_NOT ? 1 : group == NAIVE_AT_LEAST_N ? 3 : 2, at;
    int children[NAIVE_CHILDREN_MAX];
    for (int i = 0; i < n; i++)
        children[i] = naive_draft_condition(d, user, account, depth - 1);
    struct naive_condition *c = naive_add_condition(d, group, &at);
    memcpy(c->children, children, sizeof children);
    c->n_children = n;
    c->needed = 2;
    return at;
}

int naive_draft_where(struct naive_draft *d, bool historic)
{
    int at;
    struct naive_condition *c = naive_add_condition(d, NAIVE_TEST, &at);
    if (historic) {
        c->operand = NAIVE_PICK(d, enum naive_operand, NAIVE_OF_USER, NAIVE_OF_ACCOUNT);
        c->key = c->operand == NAIVE_OF_USER
                     ? NAIVE_PICK(d, char *, "role", "level", "email_domain")
                     : NAIVE_PICK(d, char *, "plan", "seats");
    } else if (naive_chance(d, 6)) {
        c->operand = NAIVE_OF_CONTEXT;
        c->key = "user_agent";
        c->test = NAIVE_TEST_CONTAINS;
        c->values[0] = "BO";
        c->n_values = 1;
        return at;
    } else {
        c->operand = NAIVE_OF_PROPERTY;
        c->key = NAIVE_PICK(d, char *, "p", "p", "q");
    }
    draft_value_test(d, c, c->key);
    if (historic && naive_chance(d, 3)) {
        int other = naive_draft_where(d, false), group;
        c = naive_add_condition(d, naive_chance(d, 2) ? NAIVE_ALL : NAIVE_ANY, &group);
        c->children[0] = at;
        c->children[1] = other;
        c->n_children = 2;
        return group;
    }
    return at;
}
