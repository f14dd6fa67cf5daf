// SPDX-License-Identifier: Apache-2.0
// Whether a condition holds.
#include "tests/support/naive_world.h"

#include <ctype.h>
#include <string.h>

#include "common/base/check.h"

int naive_stage(const struct naive_world *w, int account)
{
    int stage = 0;
    for (int i = 0; i < w->playbook->n_signals; i++) {
        const struct naive_signal *s = &w->playbook->signals[i];
        if (s->origin == NAIVE_LIFECYCLE && w->memory[account][NAIVE_USERS][i].value &&
            s->stage > stage)
            stage = s->stage;
    }
    return stage;
}

// ---- Operands ----

static struct naive_value pair_of(const struct naive_pair *pairs, int n, const char *key)
{
    for (int i = 0; i < n; i++) {
        if (strcmp(pairs[i].key, key) == 0)
            return pairs[i].value;
    }
    return (struct naive_value){0};
}

static struct naive_value set_trait(const struct naive_subject *s, const char *key,
                                    int64_t as_of_ms)
{
    if (s->user == NAIVE_NONE)
        return (struct naive_value){0};
    struct naive_value own = naive_trait(s->world, s->account, s->user, key, as_of_ms);
    return own.type != NAIVE_NOTHING ? own
                                     : naive_trait(s->world, NAIVE_NONE, s->user, key, as_of_ms);
}

// The user's own trait in the account goes before the profile's. A domain is what follows the @.
static struct naive_value user_trait(const struct naive_subject *s, const char *key,
                                     int64_t as_of_ms)
{
    if (strcmp(key, "email_domain") != 0)
        return set_trait(s, key, as_of_ms);
    struct naive_value email = set_trait(s, "email", as_of_ms);
    const char *sign = email.type == NAIVE_TEXT ? strchr(email.text, '@') : NULL;
    return sign == NULL ? (struct naive_value){0} : naive_value_of(sign + 1);
}

static struct naive_value attribute(const struct naive_subject *s, const struct naive_condition *c,
                                    const struct naive_event *e)
{
    // In a `where` the traits are those of the event's instant.
    int64_t as_of = e == NULL ? INT64_MAX : e->at_ms;
    struct naive_subject of = *s;
    if (e != NULL)
        of.user = e->user;
    switch (c->operand) {
    case NAIVE_OF_ACCOUNT:
        return naive_trait(s->world, s->account, NAIVE_NONE, c->key, as_of);
    case NAIVE_OF_USER:
        return user_trait(&of, c->key, as_of);
    case NAIVE_OF_PROPERTY:
        CHECK(e != NULL);
        return pair_of(e->properties, e->n_properties, c->key);
    case NAIVE_OF_CONTEXT:
        CHECK(e != NULL);
        return pair_of(&e->context, e->n_context,
                       strcmp(c->key, "user_agent") == 0 ? "userAgent" : c->key);
    case NAIVE_OF_NUMBER:
    case NAIVE_OF_BEST_FIT:
        break;
    }
    CHECK(false);
}

struct operand {
    enum naive_unit unit;
    struct naive_reading reading;
};

static struct operand operand_of(const struct naive_subject *s, const struct naive_condition *c,
                                 const struct naive_event *e)
{
    struct operand out = {.unit = NAIVE_AS_NUMBER};
    if (c->operand == NAIVE_OF_NUMBER) {
        out.unit = naive_number_unit(&s->world->playbook->numbers[c->number]);
        out.reading = naive_read(s, c->number);
    } else if (c->operand == NAIVE_OF_BEST_FIT) {
        out.reading = (struct naive_reading){.present = true, .number = naive_best_fit(s)};
    } else {
        out.unit = NAIVE_AS_VALUE;
        out.reading.value = attribute(s, c, e);
        out.reading.present = out.reading.value.type != NAIVE_NOTHING;
    }
    return out;
}

// As a number in milli, or ms of a duration or instant.
static bool as_number(const struct operand *o, int64_t *out)
{
    if (!o->reading.present || (o->unit == NAIVE_AS_VALUE && o->reading.value.type != NAIVE_NUMBER))
        return false;
    *out = o->unit == NAIVE_AS_VALUE ? o->reading.value.milli : o->reading.number;
    return true;
}

// ---- Tests ----

static int64_t threshold(const struct naive_subject *s, const struct naive_condition *c)
{
    for (int i = 0; i < c->n_segments; i++) {
        if (s->world->memory[s->account][NAIVE_USERS][c->segments[i]].value)
            return c->segment_low[i];
    }
    return c->low;
}

bool naive_relative(const struct naive_subject *s, const struct naive_condition *c, __int128 *out)
{
    struct naive_condition of = {.operand = c->of, .number = c->of_number, .key = c->of_key};
    struct operand other = operand_of(s, &of, NULL);
    int64_t number;
    if (!as_number(&other, &number) || number <= 0)
        return false;
    *out = (__int128)(c->percent ? c->low : 100000) * number;
    return true;
}

static bool test_limit(const struct naive_subject *s, const struct naive_condition *c,
                       const struct operand *o)
{
    int64_t number;
    if (!as_number(o, &number))
        return false;
    __int128 is = number, limit = threshold(s, c);
    if (c->relative) {
        is = (__int128)number * 100000;
        if (!naive_relative(s, c, &limit))
            return false;
    }
    return c->test == NAIVE_TEST_AT_LEAST  ? is >= limit
           : c->test == NAIVE_TEST_AT_MOST ? is <= limit
           : c->test == NAIVE_TEST_ABOVE   ? is > limit
                                           : is < limit;
}

static bool test_equal(const struct naive_condition *c, const struct operand *o)
{
    struct naive_value is = o->reading.value;
    if (!o->reading.present)
        return false;
    if (o->unit == NAIVE_AS_NUMBER)
        is = (struct naive_value){.type = NAIVE_NUMBER, .milli = o->reading.number};
    for (int i = 0; i < c->n_values; i++) {
        struct naive_value value = naive_value_of(c->values[i]);
        if (naive_value_equal(&is, &value))
            return true;
    }
    return false;
}

static bool test_contains(const struct naive_condition *c, const struct operand *o)
{
    const char *text = o->reading.value.text, *part = c->values[0];
    if (o->reading.value.type != NAIVE_TEXT)
        return false;
    for (; *text != '\0'; text++) {
        size_t i = 0;
        while (part[i] != '\0' &&
               tolower((unsigned char)text[i]) == tolower((unsigned char)part[i]))
            i++;
        if (part[i] == '\0')
            return true;
    }
    return false;
}

static bool test_grew(const struct naive_subject *s, const struct naive_condition *c)
{
    int64_t now = naive_read(s, c->number).number;
    int64_t then = naive_read_at(s, c->number, s->clock_ms - c->over_ms).number;
    return (!c->has_to || now >= c->to) && (!c->has_from || then <= c->from) &&
           (!c->has_by || now - then >= c->by) &&
           (!c->has_ratio || (then > 0 && (__int128)now * 1000 >= (__int128)c->ratio * then));
}

static bool test_later(const struct naive_subject *s, const struct naive_condition *c,
                       const struct operand *o)
{
    struct naive_reading other = naive_read(s, c->of_number);
    return o->reading.present && (!other.present || o->reading.number > other.number);
}

static bool test_band(const struct naive_subject *s, const struct naive_condition *c)
{
    const struct naive_number *n = &s->world->playbook->numbers[c->number];
    int64_t value = naive_read(s, c->number).number;
    return value >= n->bands[c->band] &&
           (c->band + 1 == n->n_bands || value < n->bands[c->band + 1]);
}

static bool test(const struct naive_subject *s, const struct naive_condition *c,
                 const struct naive_event *e)
{
    struct operand o = operand_of(s, c, e);
    int64_t number;
    switch (c->test) {
    case NAIVE_TEST_AT_LEAST:
    case NAIVE_TEST_AT_MOST:
    case NAIVE_TEST_ABOVE:
    case NAIVE_TEST_BELOW:
        return test_limit(s, c, &o);
    case NAIVE_TEST_BETWEEN:
        return as_number(&o, &number) && number >= c->low && number <= c->high;
    case NAIVE_TEST_IS:
    case NAIVE_TEST_IN:
        return test_equal(c, &o);
    case NAIVE_TEST_CONTAINS:
        return test_contains(c, &o);
    case NAIVE_TEST_EXISTS:
        return o.reading.present == c->expected;
    case NAIVE_TEST_WITHIN:
        return o.reading.present && s->clock_ms - o.reading.number < c->low;
    case NAIVE_TEST_GREW:
        return test_grew(s, c);
    case NAIVE_TEST_IS_PAST:
        return o.reading.present && naive_value_instant(&o.reading.value, &number) &&
               (number <= s->clock_ms) == c->expected;
    case NAIVE_TEST_LATER_THAN:
        return test_later(s, c, &o);
    case NAIVE_TEST_BAND:
        return test_band(s, c);
    }
    return false;
}

// ---- Conditions ----

// As it was last decided. For an account a signal of users means: some user has it.
static bool signal_is_true(const struct naive_subject *s, int signal)
{
    const struct naive_world *w = s->world;
    if (!w->playbook->signals[signal].user)
        return w->memory[s->account][NAIVE_USERS][signal].value;
    if (s->user != NAIVE_NONE)
        return w->memory[s->account][s->user][signal].value;
    for (int u = 0; u < NAIVE_USERS; u++) {
        if (w->known[s->account][u] && w->memory[s->account][u][signal].value)
            return true;
    }
    return false;
}

static bool fits(const struct naive_subject *s, int fit)
{
    const struct naive_number *n = &s->world->playbook->numbers[fit];
    return naive_percent(s, n) >= n->at_least;
}

bool naive_holds(const struct naive_subject *s, int at, const struct naive_event *e)
{
    const struct naive_condition *c = &s->world->playbook->conditions[at];
    int n = 0;
    for (int i = 0; i < c->n_children; i++)
        n += naive_holds(s, c->children[i], e);
    switch (c->kind) {
    case NAIVE_ALL:
        return n == c->n_children;
    case NAIVE_ANY:
        return n > 0;
    case NAIVE_NOT:
    case NAIVE_NONE_OF:
        return n == 0;
    case NAIVE_AT_LEAST_N:
        return n >= c->needed;
    case NAIVE_ALWAYS:
        return true;
    case NAIVE_SIGNAL:
        return signal_is_true(s, c->signal);
    case NAIVE_IN_STAGE:
        return naive_stage(s->world, s->account) == c->stage;
    case NAIVE_FITS:
        return fits(s, c->fit);
    case NAIVE_DISQUALIFIED:
        return naive_disqualified(s);
    case NAIVE_TEST:
        return test(s, c, e);
    }
    return false;
}

struct naive_value naive_left(const struct naive_subject *s, int condition)
{
    const struct naive_condition *c = &s->world->playbook->conditions[condition];
    if (c->operand != NAIVE_OF_NUMBER)
        return attribute(s, c, NULL);
    struct naive_reading r = naive_read(s, c->number);
    return (struct naive_value){.type = r.present ? NAIVE_NUMBER : NAIVE_NOTHING,
                                .milli = r.number};
}
