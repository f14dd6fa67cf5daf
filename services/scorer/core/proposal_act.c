// SPDX-License-Identifier: Apache-2.0
// Which events could move which measure. What one of them really moves is found by playing it, so
// here it is enough to leave nothing out.
#include "common/base/time_text.h"
#include "services/scorer/core/proposal_impl.h"
#include "services/scorer/core/value.h"

// ---- Bounds ----

static struct value act_trait(const struct scene *scene, enum operand_kind kind, const char *key)
{
    const struct traits *traits = NULL;
    if (kind == OPERAND_ACCOUNT_TRAIT)
        traits = scene->account->subject.traits;
    else if (scene->user != NULL)
        traits = scene->user->subject.traits;
    const struct trait *trait = traits_find(traits, span_of(key));
    if (kind == OPERAND_USER_TRAIT && (trait == NULL || trait->value.type == VALUE_NONE) &&
        scene->profile != NULL)
        trait = traits_find(scene->profile->traits, span_of(key));
    return trait == NULL ? (struct value){.type = VALUE_NONE} : trait->value;
}

static bool act_reference(const struct scene *scene, const struct operand_ref *of, int64_t *milli)
{
    if (of->kind == OPERAND_MEASURE) {
        struct reading reading = measure_read(scene, of->measure, scene->clock_ms);
        *milli = reading.milli;
        return reading.present && *milli > 0;
    }
    struct value value = act_trait(scene, of->kind, of->key);
    return value_milli(&value, milli) && *milli > 0;
}

// low_milli, or that part of what it is relative to, rounded up or down.
static bool act_threshold(const struct scene *scene, const struct condition *leaf, bool up,
                          int64_t *out)
{
    int64_t of;
    *out = leaf->low_milli;
    if (!leaf->of.set)
        return true;
    if (!act_reference(scene, &leaf->of, &of))
        return false;
    __int128 scaled = (__int128)of * leaf->low_milli;
    __int128 floor = scaled / 100000 - (scaled % 100000 < 0);
    bool whole = floor * 100000 == scaled;
    floor += up && !whole;
    *out = floor > VALUE_MILLI_MAX ? VALUE_MILLI_MAX : (int64_t)floor;
    return true;
}

static bool act_bounds_number(const struct scene *scene, const struct condition *leaf, bool want,
                              int64_t *low, int64_t *high)
{
    int64_t floor, ceiling;
    if (!act_threshold(scene, leaf, true, &ceiling) || !act_threshold(scene, leaf, false, &floor))
        return false;
    switch (leaf->test) {
    case TEST_AT_LEAST:
        *(want ? low : high) = want ? ceiling : ceiling - 1;
        return true;
    case TEST_ABOVE:
        *(want ? low : high) = want ? floor + 1 : floor;
        return true;
    case TEST_AT_MOST:
        *(want ? high : low) = want ? floor : floor + 1;
        return true;
    case TEST_BELOW:
        *(want ? high : low) = want ? ceiling - 1 : ceiling;
        return true;
    case TEST_BETWEEN:
        *low = want ? leaf->low_milli : leaf->high_milli + 1;
        *high = want ? leaf->high_milli : INT64_MAX;
        return true;
    case TEST_EXISTS:
        *(want == leaf->expected ? low : high) = want == leaf->expected ? 1 : 0;
        return true;
    case TEST_IS:
    case TEST_IN:
    case TEST_CONTAINS:
    case TEST_WITHIN:
    case TEST_GREW:
    case TEST_IS_PAST:
    case TEST_LATER_THAN:
        break;
    }
    return false;
}

// The next of the numbers that is not below what is read.
static bool act_bounds_values(const struct condition *leaf, bool want, int64_t now, int64_t *low,
                              int64_t *high)
{
    bool found = false;
    for (int32_t i = 0; i < leaf->n_values; i++) {
        int64_t milli;
        if (!value_milli(&leaf->values[i], &milli))
            continue;
        if (!want) {
            *low = milli + 1;
            return true;
        }
        if (!found || (milli >= now && (*low < now || milli < *low)))
            *low = *high = milli;
        found = true;
    }
    return found;
}

static bool act_bounds_growth(const struct scene *scene, const struct condition *leaf, bool want,
                              int64_t *low)
{
    const struct growth *growth = &leaf->growth;
    struct reading then = measure_read_before(scene, leaf->measure, scene->clock_ms, growth->lag);
    if (!want || !then.present)
        return false;
    *low = growth->has_to ? growth->to_milli : INT64_MIN;
    if (growth->has_by && then.milli + growth->by_milli > *low)
        *low = then.milli + growth->by_milli;
    if (growth->has_ratio) {
        __int128 scaled = (__int128)then.milli * growth->ratio_milli;
        int64_t least = (int64_t)((scaled + 999) / 1000);
        *low = least > *low ? least : *low;
    }
    return *low != INT64_MIN;
}

bool proposal_bounds(const struct proposer *p, const struct scene *scene, const struct wish *wish,
                     int64_t *low, int64_t *high)
{
    const struct condition *leaf = &p->playbook->conditions[wish->leaf];
    if (wish->measure != PLAYBOOK_NONE) {
        *low = wish->low;
        *high = wish->high;
        return true;
    }
    *low = INT64_MIN;
    *high = INT64_MAX;
    if (leaf->operand != OPERAND_MEASURE)
        return false;
    enum unit unit = p->playbook->measures[leaf->measure].unit;
    if (unit != UNIT_NUMBER && unit != UNIT_DURATION)
        return false;
    if (leaf->test == TEST_GREW)
        return act_bounds_growth(scene, leaf, wish->want, low);
    if (leaf->test == TEST_IS || leaf->test == TEST_IN)
        return act_bounds_values(
            leaf, wish->want, measure_read(scene, leaf->measure, scene->clock_ms).milli, low, high);
    return act_bounds_number(scene, leaf, wish->want, low, high);
}

int32_t proposal_measure(const struct proposer *p, const struct wish *wish)
{
    const struct condition *leaf = &p->playbook->conditions[wish->leaf];
    if (wish->measure != PLAYBOOK_NONE)
        return wish->measure;
    return leaf->operand == OPERAND_MEASURE ? leaf->measure : PLAYBOOK_NONE;
}

bool proposal_met(const struct scene *scene, const struct wish *wish)
{
    if (wish->measure == PLAYBOOK_NONE)
        return condition_leaf(scene, wish->leaf) == wish->want;
    struct reading reading = measure_read(scene, wish->measure, scene->clock_ms);
    return reading.present && reading.milli >= wish->low && reading.milli <= wish->high;
}

// ---- Values ----

static struct value act_number(int64_t milli)
{
    if (milli % 1000 == 0)
        return (struct value){.type = VALUE_INTEGER, .integer = milli / 1000};
    return (struct value){.type = VALUE_NUMBER, .number = (double)milli / 1000.0};
}

static struct value act_text(const char *text)
{
    return (struct value){.type = VALUE_TEXT, .text = span_of(text)};
}

bool proposal_value(struct proposer *p, const struct scene *scene, int32_t at, bool want,
                    struct value *out)
{
    const struct condition *leaf = &p->playbook->conditions[at];
    int64_t low = INT64_MIN, high = INT64_MAX;
    char instant[TIME_TEXT_MAX];
    *out = (struct value){.type = VALUE_NONE};
    switch (leaf->test) {
    case TEST_AT_LEAST:
    case TEST_ABOVE:
    case TEST_AT_MOST:
    case TEST_BELOW:
    case TEST_BETWEEN:
        if (!want)
            return true; // without a value no test holds
        if (!act_bounds_number(scene, leaf, want, &low, &high))
            return false;
        if (leaf->test == TEST_ABOVE && low % 1000 == 1)
            low += 999; // the next whole number
        if (leaf->test == TEST_BELOW && high % 1000 != 0)
            high = high / 1000 * 1000 - (high < 0 ? 1000 : 0);
        *out = act_number(low != INT64_MIN ? low : high);
        return true;
    case TEST_IS:
    case TEST_IN:
    case TEST_CONTAINS:
        if (want)
            *out = leaf->values[0];
        return true;
    case TEST_EXISTS:
        if (want == leaf->expected)
            *out = act_text("set");
        return true;
    case TEST_IS_PAST:
        if (want)
            *out = act_text(arena_dup(
                p->arena,
                span_of(time_format(
                    scene->clock_ms + (leaf->expected ? 0 : 1) * (int64_t)TIME_DAY_MS, instant))));
        return true;
    case TEST_WITHIN:
    case TEST_GREW:
    case TEST_LATER_THAN:
        break;
    }
    return false;
}

// ---- Properties of an event ----

static const char *act_words(struct proposer *p, int32_t at, bool want)
{
    const char *text = p->playbook->conditions[at].text;
    return want ? text : arena_printf(p->arena, "not %s", text);
}

// Adds a property unless the event has another value there already.
static bool act_put(struct act *act, const struct property *property, const char *words)
{
    for (uint32_t i = 0; i < act->n_properties; i++) {
        if (span_eq(act->properties[i].key, property->key))
            return value_equal(&act->properties[i].value, &property->value);
    }
    if (act->n_properties == PROPOSAL_PROPERTIES_MAX)
        return false;
    act->properties[act->n_properties] = *property;
    act->words[act->n_properties++] = words;
    return true;
}

// What a `where` asks of the event. Traits are no part of it: they are wishes of their own if the
// event then moves nothing.
static bool act_where(struct proposer *p, const struct scene *scene, int32_t at, bool want,
                      struct act *act)
{
    const struct condition *c = &p->playbook->conditions[at];
    struct property property;
    bool all = (c->kind == CONDITION_ALL) == want;
    switch (c->kind) {
    case CONDITION_NOT:
        return act_where(p, scene, c->children[0], !want, act);
    case CONDITION_ALL:
    case CONDITION_ANY:
    case CONDITION_AT_LEAST_N:
        for (int32_t i = 0; i < c->n_children; i++) {
            struct act kept = *act;
            bool done = act_where(p, scene, c->children[i], want, act);
            if (done && !all && c->kind != CONDITION_AT_LEAST_N)
                return true;
            if (!done)
                *act = kept;
            if (!done && all)
                return false;
        }
        return all || c->kind == CONDITION_AT_LEAST_N;
    case CONDITION_TEST:
        if (c->operand != OPERAND_PROPERTY)
            return c->operand != OPERAND_CONTEXT || !want;
        if (!proposal_value(p, scene, at, want, &property.value))
            return false;
        property.key = span_of(c->key);
        return property.value.type == VALUE_NONE || act_put(act, &property, act_words(p, at, want));
    case CONDITION_ALWAYS:
    case CONDITION_ROLL_UP:
        return want;
    case CONDITION_SIGNAL:
        break;
    }
    return false;
}

// The property that the measure reads.
static bool act_key(struct proposer *p, const struct scene *scene, const struct measure *measure,
                    const struct wish *wish, struct act *act)
{
    const struct condition *leaf = &p->playbook->conditions[wish->leaf];
    struct property property = {.key = span_of(measure->key)};
    int64_t low, high, now = measure_read(scene, proposal_measure(p, wish), scene->clock_ms).milli;
    bool number = proposal_bounds(p, scene, wish, &low, &high);
    const char *words;
    uint32_t at = act->n_properties;
    if (measure->kind == MEASURE_SUM) {
        if (!number || low == INT64_MIN)
            return false;
        property.value = act_number(low > now ? low - now : 1000);
        words = arena_printf(p->arena, "%s adding up to %s", measure->key,
                             value_milli_text(low > now ? low - now : 1000, p->arena));
    } else if (measure->kind == MEASURE_MAX || measure->kind == MEASURE_MIN ||
               measure->kind == MEASURE_AVERAGE) {
        if (!number)
            return false;
        property.value = act_number(low != INT64_MIN ? low : high);
        words = arena_printf(p->arena, "%s %s %s", measure->key,
                             low != INT64_MIN ? "at least" : "at most",
                             value_milli_text(low != INT64_MIN ? low : high, p->arena));
    } else if (measure->kind == MEASURE_FIRST_VALUE || measure->kind == MEASURE_LAST_VALUE) {
        if (!proposal_value(p, scene, wish->leaf, wish->want, &property.value) ||
            property.value.type == VALUE_NONE)
            return false;
        words = arena_printf(p->arena, "%s %s %s", measure->key,
                             leaf->test == TEST_EXISTS ? "" : PLAYBOOK_TEST_NAMES[leaf->test],
                             leaf->threshold);
    } else if (measure->kind == MEASURE_DISTINCT_VALUES) {
        property.value = (struct value){.type = VALUE_TEXT, .text = proposal_fresh(p, "value")};
        words = arena_printf(p->arena, "a new value of %s", measure->key);
    } else {
        return true;
    }
    if (!act_put(act, &property, words))
        return false;
    if (at < act->n_properties) {
        act->anew[at] = measure->kind == MEASURE_DISTINCT_VALUES;
        act->shared[at] = measure->kind == MEASURE_SUM;
    }
    return true;
}

// ---- Events of a measure ----

struct act_list {
    struct act acts[PROPOSAL_ACTS_MAX * 4];
    int32_t wish_of[PROPOSAL_ACTS_MAX * 4];
    uint32_t n;
    bool fresh; // who does it may matter
};

static void act_template(struct proposer *p, const struct scene *scene,
                         const struct measure *measure, const struct wish *wish, int32_t number,
                         int32_t event, struct act_list *list)
{
    struct act act = {.event = event};
    if (list->n == PROPOSAL_ACTS_MAX * 4) {
        p->cut = true;
        return;
    }
    if (measure->where != PLAYBOOK_NONE && !act_where(p, scene, measure->where, true, &act))
        return;
    if (measure->key != NULL && measure->key[0] != '\0' && !act_key(p, scene, measure, wish, &act))
        return;
    list->acts[list->n] = act;
    list->wish_of[list->n++] = number;
}

static bool act_is_marketing(const struct playbook *playbook, int32_t event)
{
    for (int32_t i = 0; i < playbook->n_marketing_events; i++) {
        if (playbook->marketing_events[i] == event)
            return true;
    }
    return false;
}

// The events that a measure counts. Of `any` the ones that the playbook names, then any other.
static void act_events(struct proposer *p, const struct scene *scene, const struct measure *measure,
                       const struct wish *wish, int32_t number, struct act_list *list)
{
    const struct playbook *playbook = p->playbook;
    const int32_t *events = measure->events;
    int32_t n = measure->n_events;
    if (events == NULL) {
        events = playbook->active_events;
        n = playbook->n_active_events;
    }
    for (int32_t i = 0; events != NULL && i < n; i++)
        act_template(p, scene, measure, wish, number, events[i], list);
    for (int32_t i = 0; events == NULL && i <= playbook->n_events; i++) {
        // The last stands for every name that the playbook does not mention.
        int32_t event = i == 0 ? playbook->n_events : i - 1;
        if (!act_is_marketing(playbook, event))
            act_template(p, scene, measure, wish, number, event, list);
    }
}

static void act_sequence(const struct measure *measure, int32_t number, struct act_list *list)
{
    // As few of the steps as are needed: the last alone, the last two, ...
    for (int32_t n = 1; n <= measure->n_steps && list->n < PROPOSAL_ACTS_MAX * 4; n++) {
        struct act act = {.event = measure->steps[measure->n_steps - 1],
                          .steps = measure->steps + measure->n_steps - n,
                          .n_steps = n - 1};
        list->acts[list->n] = act;
        list->wish_of[list->n++] = number;
    }
}

static void act_measure(struct proposer *p, const struct scene *scene, int32_t m,
                        const struct wish *wish, int32_t number, struct act_list *list)
{
    const struct measure *measure = &p->playbook->measures[m];
    list->fresh = list->fresh || measure->kind == MEASURE_DISTINCT_USERS;
    enum measure_kind kind = measure->kind;
    if (kind == MEASURE_WEIGHTED || kind == MEASURE_BEST) {
        for (int32_t i = 0; i < measure->n_terms; i++) {
            if (measure->terms[i].measure != PLAYBOOK_NONE)
                act_measure(p, scene, measure->terms[i].measure, wish, number, list);
            else
                p->cut = true;
        }
    } else if (kind == MEASURE_SCORE) {
        for (int32_t i = 0; i < measure->n_points; i++)
            act_template(p, scene, measure, wish, number, measure->points[i].event, list);
    } else if (kind == MEASURE_SEQUENCE) {
        act_sequence(measure, number, list);
    } else if (kind != MEASURE_USERS_WITH && kind != MEASURE_GRADE &&
               kind != MEASURE_BUSIEST_HOUR &&
               (kind != MEASURE_SINCE || measure->signal == PLAYBOOK_NONE)) {
        act_events(p, scene, measure, wish, number, list);
    }
}

// ---- Merging ----

static void act_merge(struct act *act, const struct act *other)
{
    struct act kept = *act;
    if (other->event != act->event || other->n_steps != act->n_steps)
        return;
    for (uint32_t i = 0; i < other->n_properties; i++) {
        uint32_t at = act->n_properties;
        if (!act_put(act, &other->properties[i], other->words[i])) {
            *act = kept;
            return;
        }
        if (at < act->n_properties) {
            act->anew[at] = other->anew[i];
            act->shared[at] = other->shared[i];
        }
    }
}

static bool act_same(const struct act *a, const struct act *b)
{
    if (a->event != b->event || a->actor != b->actor || a->n_properties != b->n_properties ||
        a->n_steps != b->n_steps)
        return false;
    for (uint32_t i = 0; i < b->n_properties; i++) {
        bool found = false;
        for (uint32_t j = 0; j < a->n_properties && !found; j++)
            found = span_eq(a->properties[j].key, b->properties[i].key) &&
                    a->anew[j] == b->anew[i] && a->shared[j] == b->shared[i] &&
                    (a->anew[j] || value_equal(&a->properties[j].value, &b->properties[i].value));
        if (!found)
            return false;
    }
    return true;
}

static uint32_t act_shared_by(const struct act_list *list, uint32_t at)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < list->n; i++)
        n += list->acts[i].event == list->acts[at].event;
    return n;
}

static void act_add(struct proposer *p, struct act *acts, uint32_t *n, const struct act *act)
{
    for (uint32_t i = 0; i < *n; i++) {
        if (act_same(&acts[i], act))
            return;
    }
    if (*n == PROPOSAL_ACTS_MAX)
        p->cut = true;
    else
        acts[(*n)++] = *act;
}

uint32_t proposal_acts(struct proposer *p, const struct scene *scene,
                       const struct alternative *alternative, struct act acts[PROPOSAL_ACTS_MAX])
{
    struct act_list *list = arena_alloc(p->arena, sizeof *list);
    uint32_t n = 0, most = 0;
    for (uint32_t w = 0; w < alternative->n; w++) {
        int32_t measure = proposal_measure(p, &alternative->wishes[w]);
        if (measure != PLAYBOOK_NONE)
            act_measure(p, scene, measure, &alternative->wishes[w], (int32_t)w, list);
    }
    for (uint32_t i = 0; i < list->n; i++) {
        uint32_t shared = act_shared_by(list, i);
        most = shared > most ? shared : most;
    }
    // Events that serve several wishes come first.
    for (uint32_t shared = most; shared > 0; shared--) {
        for (uint32_t i = 0; i < list->n; i++) {
            if (act_shared_by(list, i) != shared)
                continue;
            struct act act = list->acts[i];
            for (uint32_t j = 0; j < list->n; j++) {
                if (list->wish_of[j] != list->wish_of[i])
                    act_merge(&act, &list->acts[j]);
            }
            act_add(p, acts, &n, &act);
            act.actor = ACTOR_FRESH;
            if (list->fresh)
                act_add(p, acts, &n, &act);
        }
    }
    return n;
}

// ---- Apart ----

int64_t proposal_spacing(const struct playbook *playbook, int32_t m)
{
    const struct measure *measure = &playbook->measures[m];
    enum measure_kind kind = measure->kind;
    if (kind == MEASURE_ACTIVE_DAYS || kind == MEASURE_DAY_STREAK)
        return TIME_DAY_MS;
    if (kind == MEASURE_ACTIVE_WEEKS || kind == MEASURE_WEEK_STREAK)
        return 7 * (int64_t)TIME_DAY_MS;
    if (kind == MEASURE_TIME_SPENT)
        return measure->idle_ms;
    return kind == MEASURE_POINTS && measure->per_day > 0 ? TIME_DAY_MS : 0;
}

const char *proposal_with(const struct act *act, struct arena *arena)
{
    const char *out = "";
    for (uint32_t i = 0; i < act->n_properties; i++)
        out = arena_printf(arena, "%s%s%s", out, i == 0 ? "" : ", ", act->words[i]);
    return out;
}
