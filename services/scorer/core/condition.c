// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/core/condition.h"

#include "common/base/text.h"
#include "common/base/time_text.h"
#include "services/scorer/core/value.h"

// ---- Operands ----

// A trait as it will be once the event's own ones are in.
static struct value condition_trait_of(const struct scene *scene, const struct traits *traits,
                                       const struct event *brings, struct span key)
{
    const struct trait *stored =
        scene->past ? traits_find_at(traits, key, scene->clock_ms) : traits_find(traits, key);
    struct value value = {.type = VALUE_NONE};
    int64_t best = -1;
    for (size_t i = 0; brings != NULL && i < brings->n_properties; i++) {
        const struct property *p = &brings->properties[i];
        if (!span_eq(p->key, key) || !traits_wins(stored, &p->value, brings->at_ms))
            continue;
        // Of one key twice in an event the larger value wins, as in the state.
        if (best < 0 || value_order(&p->value, &brings->properties[best].value) > 0)
            best = (int64_t)i;
    }
    if (best >= 0)
        return brings->properties[best].value;
    return stored == NULL ? value : stored->value;
}

static struct value condition_user_trait(const struct scene *scene, struct span key)
{
    const struct traits *own = scene->user == NULL ? NULL : scene->user->subject.traits;
    struct value value =
        condition_trait_of(scene, own, scene->brings_user ? scene->event : NULL, key);
    if (value.type != VALUE_NONE)
        return value;
    const struct traits *profile = scene->profile == NULL ? NULL : scene->profile->traits;
    return condition_trait_of(scene, profile, scene->brings_profile ? scene->event : NULL, key);
}

enum { DOMAIN_MAX = 255 };

// The part behind the last '@', in lower case; it lies in `out`.
static struct value condition_email_domain(const struct scene *scene, char out[DOMAIN_MAX])
{
    struct value email = condition_user_trait(scene, span_of("email"));
    struct value domain = {.type = VALUE_NONE};
    const char *text = email.type == VALUE_TEXT ? email.text.ptr : NULL;
    size_t at = text == NULL ? 0 : email.text.len;
    while (at > 0 && text[at - 1] != '@')
        at--;
    if (at == 0 || email.text.len - at > DOMAIN_MAX)
        return domain;
    size_t n = email.text.len - at;
    for (size_t i = 0; i < n; i++)
        out[i] =
            (char)(text[at + i] >= 'A' && text[at + i] <= 'Z' ? text[at + i] + 32 : text[at + i]);
    domain.type = VALUE_TEXT;
    domain.text = span_make(out, n);
    return domain;
}

// "userAgent" and "user_agent" are one key.
static bool condition_same_key(struct span a, struct span b)
{
    const char *p = a.ptr, *q = b.ptr;
    size_t i = 0, j = 0;
    for (;;) {
        while (i < a.len && p[i] == '_')
            i++;
        while (j < b.len && q[j] == '_')
            j++;
        if (i == a.len || j == b.len)
            return i == a.len && j == b.len;
        char x = (char)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] + 32 : p[i]);
        char y = (char)(q[j] >= 'A' && q[j] <= 'Z' ? q[j] + 32 : q[j]);
        if (x != y)
            return false;
        i++;
        j++;
    }
}

static struct value condition_event_value(const struct property *list, size_t n, struct span key,
                                          bool fold)
{
    for (size_t i = 0; i < n; i++) {
        if (fold ? condition_same_key(list[i].key, key) : span_eq(list[i].key, key))
            return list[i].value;
    }
    return (struct value){.type = VALUE_NONE};
}

bool condition_zero_exists(enum measure_kind kind)
{
    switch (kind) {
    case MEASURE_FIRST:
    case MEASURE_LAST:
    case MEASURE_FIRST_VALUE:
    case MEASURE_LAST_VALUE:
    case MEASURE_MAX:
    case MEASURE_MIN:
    case MEASURE_AVERAGE:
    case MEASURE_SINCE:
    case MEASURE_GRADE:
        return true;
    case MEASURE_BUSIEST_HOUR:
    case MEASURE_COUNT:
    case MEASURE_SUM:
    case MEASURE_DISTINCT_USERS:
    case MEASURE_DISTINCT_VALUES:
    case MEASURE_ACTIVE_DAYS:
    case MEASURE_SCORE:
    case MEASURE_USERS_WITH:
    case MEASURE_ACTIVE_WEEKS:
    case MEASURE_DAY_STREAK:
    case MEASURE_WEEK_STREAK:
    case MEASURE_TIME_SPENT:
    case MEASURE_SEQUENCE:
    case MEASURE_POINTS:
    case MEASURE_WEIGHTED:
    case MEASURE_BEST:
        return false;
    }
    return false;
}

static inline struct operand condition_reading(const struct measure *measure,
                                               struct reading reading)
{
    struct operand out = {.present = reading.present,
                          .number = measure->unit != UNIT_VALUE,
                          .milli = reading.milli,
                          .value = reading.value};
    out.some = reading.present && (reading.milli != 0 || condition_zero_exists(measure->kind));
    return out;
}

static inline struct operand condition_measure(const struct scene *scene, int32_t measure)
{
    const struct measure *m = &scene->plan->playbook->measures[measure];
    if (m->scope == SCOPE_USER ? scene->user == NULL : scene->account == NULL)
        return (struct operand){.present = false};
    return condition_reading(m, measure_read(scene, measure, scene->clock_ms));
}

static struct value condition_account_trait(const struct scene *scene, struct span key)
{
    return condition_trait_of(scene, scene->account == NULL ? NULL : scene->account->subject.traits,
                              scene->brings_account ? scene->event : NULL, key);
}

// `domain` is where a derived text may lie.
static struct operand condition_read(const struct scene *scene, int32_t at, char domain[DOMAIN_MAX])
{
    const struct condition *leaf = &scene->plan->playbook->conditions[at];
    struct span key = scene->plan->keys[at];
    struct operand out = {0};
    switch (leaf->operand) {
    case OPERAND_MEASURE:
        return condition_measure(scene, leaf->measure);
    case OPERAND_ACCOUNT_TRAIT:
        out.value = condition_account_trait(scene, key);
        break;
    case OPERAND_USER_TRAIT:
        out.value = condition_user_trait(scene, key);
        if (out.value.type == VALUE_NONE && span_is(key, "email_domain"))
            out.value = condition_email_domain(scene, domain);
        break;
    case OPERAND_PROPERTY:
        if (scene->event != NULL)
            out.value = condition_event_value(scene->event->properties, scene->event->n_properties,
                                              key, false);
        break;
    case OPERAND_CONTEXT:
        if (scene->event != NULL)
            out.value =
                condition_event_value(scene->event->context, scene->event->n_context, key, true);
        break;
    }
    out.present = out.some = out.value.type != VALUE_NONE;
    return out;
}

struct operand condition_operand(const struct scene *scene, int32_t leaf, struct arena *arena)
{
    char domain[DOMAIN_MAX];
    struct operand out = condition_read(scene, leaf, domain);
    if (out.value.type == VALUE_TEXT && out.value.text.ptr == domain)
        out.value.text.ptr = arena_dup(arena, out.value.text);
    return out;
}

struct operand condition_of(const struct scene *scene, int32_t at)
{
    const struct operand_ref *of = &scene->plan->playbook->conditions[at].of;
    struct operand out = {0};
    if (!of->set)
        return out;
    if (of->kind == OPERAND_MEASURE)
        return condition_measure(scene, of->measure);
    out.value = of->kind == OPERAND_ACCOUNT_TRAIT ? condition_account_trait(scene, span_of(of->key))
                                                  : condition_user_trait(scene, span_of(of->key));
    out.present = out.some = out.value.type != VALUE_NONE;
    return out;
}

bool condition_number(const struct operand *operand, int64_t *milli)
{
    *milli = operand->milli;
    return operand->present && (operand->number || value_milli(&operand->value, milli));
}

bool condition_instant(const struct operand *operand, int64_t *ms)
{
    int64_t milli;
    if (!operand->present)
        return false;
    if (operand->number) {
        *ms = operand->milli;
        return true;
    }
    if (operand->value.type == VALUE_TEXT)
        return time_parse(operand->value.text, ms);
    if (operand->value.type == VALUE_INTEGER) {
        *ms = operand->value.integer;
        return true;
    }
    if (!value_milli(&operand->value, &milli))
        return false;
    *ms = milli / 1000 - (milli % 1000 < 0);
    return true;
}

// ---- Tests ----

static bool condition_contains(const struct operand *left, const struct value *needle)
{
    return left->value.type == VALUE_TEXT && needle->type == VALUE_TEXT &&
           text_contains(left->value.text, needle->text, true);
}

static bool condition_one_of(const struct operand *left, const struct condition *leaf)
{
    for (int32_t i = 0; i < leaf->n_values; i++) {
        int64_t milli;
        if (left->number ? value_milli(&leaf->values[i], &milli) && milli == left->milli
                         : value_equal(&left->value, &leaf->values[i]))
            return true;
    }
    return false;
}

static bool condition_compare(const struct condition *leaf, int64_t milli)
{
    switch (leaf->test) {
    case TEST_AT_LEAST:
        return milli >= leaf->low_milli;
    case TEST_AT_MOST:
        return milli <= leaf->low_milli;
    case TEST_ABOVE:
        return milli > leaf->low_milli;
    case TEST_BELOW:
        return milli < leaf->low_milli;
    case TEST_BETWEEN:
        return milli >= leaf->low_milli && milli <= leaf->high_milli;
    case TEST_IS:
    case TEST_IN:
    case TEST_CONTAINS:
    case TEST_EXISTS:
    case TEST_WITHIN:
    case TEST_GREW:
    case TEST_IS_PAST:
    case TEST_LATER_THAN:
        break;
    }
    return false;
}

bool condition_test(const struct operand *left, const struct condition *leaf, int64_t clock_ms)
{
    int64_t milli = left->milli;
    switch (leaf->test) {
    case TEST_EXISTS:
        return left->some == leaf->expected;
    case TEST_IS:
    case TEST_IN:
        return left->present && condition_one_of(left, leaf);
    case TEST_CONTAINS:
        return left->present && condition_contains(left, &leaf->values[0]);
    case TEST_WITHIN:
        return left->present && left->number && clock_ms - milli < leaf->low_milli;
    case TEST_IS_PAST:
        return condition_instant(left, &milli) && (milli <= clock_ms) == leaf->expected;
    case TEST_AT_LEAST:
    case TEST_AT_MOST:
    case TEST_ABOVE:
    case TEST_BELOW:
    case TEST_BETWEEN:
        break;
    case TEST_GREW:
    case TEST_LATER_THAN:
        return false; // they look at more than the left side
    }
    if (!left->present || (!left->number && !value_milli(&left->value, &milli)))
        return false;
    return condition_compare(leaf, milli);
}

static bool condition_fades(const struct scene *scene, int32_t measure)
{
    return scene->plan->measures[measure].continuous &&
           scene->plan->playbook->measures[measure].kind != MEASURE_SINCE;
}

bool condition_shares(const struct scene *scene, const struct condition *leaf)
{
    return leaf->operand == OPERAND_MEASURE && leaf->of.kind == OPERAND_MEASURE &&
           condition_fades(scene, leaf->measure) && condition_fades(scene, leaf->of.measure);
}

// Against a share of something else: exact, in 128 bits. What both fade is rounded once.
static bool condition_relative(const struct scene *scene, int32_t at, const struct operand *left)
{
    const struct condition *leaf = &scene->plan->playbook->conditions[at];
    struct operand of = condition_of(scene, at);
    int64_t milli, whole;
    if (!condition_number(left, &milli) || !condition_number(&of, &whole) || whole <= 0)
        return false;
    __int128 have = (__int128)milli * PERCENT_WHOLE, need = (__int128)whole * leaf->low_milli;
    if (condition_shares(scene, leaf)) {
        have = measure_over_share(scene, leaf->measure, leaf->of.measure, leaf->low_milli,
                                  scene->clock_ms, scene->clock_ms)
                   .low;
        need = 0;
    }
    switch (leaf->test) {
    case TEST_AT_LEAST:
        return have >= need;
    case TEST_AT_MOST:
        return have <= need;
    case TEST_ABOVE:
        return have > need;
    case TEST_BELOW:
        return have < need;
    case TEST_BETWEEN:
    case TEST_IS:
    case TEST_IN:
    case TEST_CONTAINS:
    case TEST_EXISTS:
    case TEST_WITHIN:
    case TEST_GREW:
    case TEST_IS_PAST:
    case TEST_LATER_THAN:
        break;
    }
    return false;
}

bool condition_grew(const struct growth *growth, int64_t now, bool was, int64_t then)
{
    if (growth->has_to && now < growth->to_milli)
        return false;
    if (!growth->has_from && !growth->has_by && !growth->has_ratio)
        return true;
    if (!was)
        return false;
    return (!growth->has_from || then <= growth->from_milli) &&
           (!growth->has_by || (__int128)now - then >= growth->by_milli) &&
           (!growth->has_ratio ||
            (then > 0 && (__int128)now * 1000 >= (__int128)then * growth->ratio_milli));
}

// Tests that look at more than the left side.
static __attribute__((noinline)) bool condition_leaf_more(const struct scene *scene, int32_t at)
{
    char domain[DOMAIN_MAX];
    const struct condition *leaf = &scene->plan->playbook->conditions[at];
    struct operand left = condition_read(scene, at, domain), of;
    struct reading then;
    int64_t a, b;
    if (!left.present)
        return false;
    if (leaf->test == TEST_GREW) {
        then = measure_read_before(scene, leaf->measure, scene->clock_ms, leaf->growth.lag);
        return condition_grew(&leaf->growth, left.milli, then.present, then.milli);
    }
    if (leaf->test != TEST_LATER_THAN)
        return condition_relative(scene, at, &left);
    of = condition_of(scene, at);
    return condition_instant(&left, &a) && (!condition_instant(&of, &b) || a > b);
}

// Apart from the rest, so that the usual leaf needs no room for texts.
static __attribute__((noinline)) bool condition_leaf_value(const struct scene *scene, int32_t at)
{
    char domain[DOMAIN_MAX];
    struct operand left = condition_read(scene, at, domain);
    return condition_test(&left, &scene->plan->playbook->conditions[at], scene->clock_ms);
}

static inline bool condition_says_nothing(const struct subject *subject)
{
    return subject == NULL || subject->traits == NULL;
}

// Of most users and accounts no trait is known that a verdict would be looked for in.
static inline bool condition_is_bare(const struct scene *scene, const struct condition *leaf)
{
    const struct user *user = scene->user;
    const struct account *account = scene->account;
    if (leaf->operand == OPERAND_ACCOUNT_TRAIT)
        return !scene->brings_account &&
               condition_says_nothing(account == NULL ? NULL : &account->subject);
    return leaf->operand == OPERAND_USER_TRAIT && !scene->brings_user && !scene->brings_profile &&
           (scene->profile == NULL || scene->profile->traits == NULL) &&
           condition_says_nothing(user == NULL ? NULL : &user->subject);
}

bool condition_leaf(const struct scene *scene, int32_t at)
{
    const struct condition *leaf = &scene->plan->playbook->conditions[at];
    if (leaf->of.set || leaf->test == TEST_GREW)
        return condition_leaf_more(scene, at);
    if (leaf->operand != OPERAND_MEASURE && condition_is_bare(scene, leaf))
        return leaf->test == TEST_EXISTS && !leaf->expected;
    if (leaf->operand != OPERAND_MEASURE)
        return condition_leaf_value(scene, at);
    struct operand left = condition_measure(scene, leaf->measure);
    return condition_test(&left, leaf, scene->clock_ms);
}

// ---- Trees ----

bool condition_signal(const struct scene *scene, int32_t position)
{
    const struct signal *signal = &scene->plan->playbook->signals[position];
    if (signal->scope == SCOPE_USER && scene->user == NULL)
        return false;
    const struct plan_scope *scope = &scene->plan->scopes[signal->scope];
    uint8_t *flags = subject_flags(scope, scene_subject(scene, signal->scope));
    return (flags[signal->number] & SIGNAL_TRUE) != 0;
}

bool condition_holds(const struct scene *scene, int32_t at)
{
    const struct playbook *playbook = scene->plan->playbook;
    const struct condition *condition = &playbook->conditions[at];
    int32_t n = 0;
    switch (condition->kind) {
    case CONDITION_ALL:
    case CONDITION_ANY:
        for (int32_t i = 0; i < condition->n_children; i++) {
            if (condition_holds(scene, condition->children[i]) ==
                (condition->kind == CONDITION_ANY))
                return condition->kind == CONDITION_ANY;
        }
        return condition->kind == CONDITION_ALL;
    case CONDITION_AT_LEAST_N:
        for (int32_t i = 0; i < condition->n_children; i++)
            n += condition_holds(scene, condition->children[i]);
        return n >= condition->n_needed;
    case CONDITION_NOT:
        return !condition_holds(scene, condition->children[0]);
    case CONDITION_TEST:
        return condition_leaf(scene, at);
    case CONDITION_SIGNAL:
        return condition_signal(scene, condition->signal);
    case CONDITION_ALWAYS:
    case CONDITION_ROLL_UP:
        return true;
    }
    return false;
}

int32_t condition_excluded(const struct scene *scene)
{
    const struct playbook *playbook = scene->plan->playbook;
    for (int32_t i = 0; i < playbook->n_exclude; i++) {
        if (condition_holds(scene, playbook->exclude[i]))
            return i;
    }
    return -1;
}

static inline bool condition_touches(const uint64_t *touched, int32_t measure)
{
    return (touched[measure / 64] >> (measure % 64) & 1) != 0;
}

bool condition_touched(const struct scene *scene, int32_t at, const uint64_t *touched)
{
    const struct condition *leaf = &scene->plan->playbook->conditions[at];
    return (leaf->operand == OPERAND_MEASURE && condition_touches(touched, leaf->measure)) ||
           (leaf->of.set && leaf->of.kind == OPERAND_MEASURE &&
            condition_touches(touched, leaf->of.measure));
}

static bool condition_decide_leaf(struct scene *scene, int32_t at, enum scope scope)
{
    const struct condition *leaf = &scene->plan->playbook->conditions[at];
    int64_t *since =
        &subject_leaves(&scene->plan->scopes[scope], scene_subject(scene, scope))[leaf->leaf];
    // What neither the event nor time has touched is as it was.
    if (scene->touched != NULL && !condition_touched(scene, at, scene->touched))
        return *since != 0;
    bool holds = condition_leaf(scene, at);
    if (holds == (*since != 0))
        return holds;
    scene->flipped = true;
    *since = !holds ? 0 : scene->clock_ms == 0 ? 1 : scene->clock_ms; // 0: it does not hold
    return holds;
}

bool condition_decide(struct scene *scene, int32_t at, enum scope scope)
{
    const struct condition *condition = &scene->plan->playbook->conditions[at];
    int32_t n = 0;
    switch (condition->kind) {
    case CONDITION_ALL:
    case CONDITION_ANY:
    case CONDITION_AT_LEAST_N:
        // Every child is looked at, so that each leaf knows since when it holds.
        for (int32_t i = 0; i < condition->n_children; i++)
            n += condition_decide(scene, condition->children[i], scope);
        return n >= (condition->kind == CONDITION_ALL   ? condition->n_children
                     : condition->kind == CONDITION_ANY ? 1
                                                        : condition->n_needed);
    case CONDITION_NOT:
        return !condition_decide(scene, condition->children[0], scope);
    case CONDITION_TEST:
        return condition_decide_leaf(scene, at, scope);
    case CONDITION_SIGNAL:
        return condition_signal(scene, condition->signal);
    case CONDITION_ALWAYS:
    case CONDITION_ROLL_UP:
        return true;
    }
    return false;
}
