// SPDX-License-Identifier: Apache-2.0
// Measures and scores. A measure has one function; the function decides which other keys it takes.
#include "common/base/mem.h"
#include "common/base/check.h"
#include "common/base/text.h"
#include "common/base/time_text.h"
#include "services/playbook/load_impl.h"

enum load_key {
    KEY_ON = 1 << 0,
    KEY_EVER = 1 << 1,
    KEY_PER = 1 << 2,
    KEY_WINDOW = 1 << 3,
    KEY_AFTER = 1 << 4,
    KEY_WITHIN = 1 << 5,
    KEY_WHERE = 1 << 6,
};
enum {
    KEYS_TIME = KEY_WINDOW | KEY_AFTER | KEY_WITHIN,
    KEYS_COUNTING = KEY_PER | KEYS_TIME | KEY_WHERE
};

static const struct load_function {
    const char *name;
    enum measure_kind kind;
    unsigned keys; // that go with it
} FUNCTIONS[] = {
    {"count", MEASURE_COUNT, KEYS_COUNTING},
    {"active_days", MEASURE_ACTIVE_DAYS, KEYS_COUNTING},
    {"first", MEASURE_FIRST, KEY_PER | KEY_WHERE},
    {"last", MEASURE_LAST, KEY_PER | KEY_WHERE},
    {"sum", MEASURE_SUM, KEYS_COUNTING | KEY_ON},
    {"distinct", MEASURE_DISTINCT_VALUES, KEYS_COUNTING | KEY_ON},
    {"users_with", MEASURE_USERS_WITH, KEY_PER | KEY_EVER},
};

// Functions first, then what may stand beside them, in the order of load_key.
static const char *const MEASURE_KEYS[] = {
    "count", "active_days", "first", "last",   "sum",   "distinct", "users_with",
    "on",    "ever",        "per",   "window", "after", "within",   "where",
};

static const char *const PER_NAMES[] = {[SCOPE_USER] = "user", [SCOPE_ACCOUNT] = "account"};

struct load_definition {
    struct loader *l;
    const struct config_node *node;
    const struct load_function *function;
    struct measure *measure;
    bool good;
};

static const struct config_node *load_get(const struct load_definition *d, const char *key)
{
    return config_get(d->node, key);
}

// ---- Functions ----

static bool load_function(struct load_definition *d)
{
    const struct config_node *second = NULL;
    for (size_t i = 0; i < config_count(d->node); i++) {
        const struct config_node *key = config_key_at(d->node, i);
        for (size_t f = 0; f < ARRAY_LEN(FUNCTIONS); f++) {
            if (!span_is(config_text(key), FUNCTIONS[f].name))
                continue;
            if (d->function != NULL)
                second = key;
            else
                d->function = &FUNCTIONS[f];
        }
    }
    // With an unknown key there is a message already: most likely the function itself is misspelt.
    if (d->function == NULL && d->good)
        config_error_hint(d->l->config, d->node,
                          "add one of count, active_days, first, last, sum, distinct, users_with",
                          "a measure needs a function");
    if (second != NULL)
        config_error_hint(d->l->config, second, "make two measures of it",
                          "a measure has one function, this has %s and " SPAN_FMT,
                          d->function->name, SPAN_ARG(config_text(second)));
    return d->function != NULL && second == NULL;
}

static const char *load_misplaced_hint(const struct load_function *function, unsigned key)
{
    if (key == KEY_ON)
        return function->kind == MEASURE_USERS_WITH ? NULL
                                                    : "the events stand in the function itself";
    if (key == KEY_EVER)
        return "only users_with takes it";
    if ((key & KEYS_TIME) != 0 && function->kind != MEASURE_USERS_WITH)
        return "it is an instant: test it with within: 7d";
    if ((key & KEYS_TIME) != 0)
        return "users count while the signal is true for them, or with ever: true for good";
    return "put it into the measures that the signal looks at";
}

// Keys that do not go with the function.
static void load_misplaced(struct load_definition *d)
{
    size_t first = ARRAY_LEN(FUNCTIONS);
    for (size_t i = first; i < ARRAY_LEN(MEASURE_KEYS); i++) {
        unsigned bit = 1u << (i - first);
        const struct config_node *key = load_key(d->node, MEASURE_KEYS[i]);
        if (key == NULL || (d->function->keys & bit) != 0)
            continue;
        config_error_hint(d->l->config, key, load_misplaced_hint(d->function, bit),
                          "%s does not go with %s", MEASURE_KEYS[i], d->function->name);
        d->good = false;
    }
}

// Event names in the function or in `on`: a name, a list of names, or `any` without quotes.
static bool load_selection(struct load_definition *d, const struct config_node *node)
{
    bool any = config_kind(node) == CONFIG_SCALAR && config_plain(node) &&
               span_is(config_text(node), "any");
    if (any)
        return true;
    d->measure->events = load_events(d->l, node, &d->measure->n_events);
    return d->measure->events != NULL;
}

// "properties.bytes": the part after the dot.
static bool load_property(struct load_definition *d, const struct config_node *node)
{
    static const char PREFIX[] = "properties.";
    struct span text = config_text(node);
    size_t len = sizeof PREFIX - 1;
    if (!span_starts(text, PREFIX) || text.len == len || text.len > LOAD_TEXT_BYTES_MAX) {
        bool distinct = d->function->kind == MEASURE_DISTINCT_VALUES;
        load_expected(d->l, node, distinct ? "user or properties.<name>" : "properties.<name>",
                      distinct ? "write distinct: properties.area, on: Area Used"
                               : "write sum: properties.bytes, on: File Uploaded");
        return false;
    }
    d->measure->key =
        arena_dup(d->l->arena, span_make((const char *)text.ptr + len, text.len - len));
    return true;
}

static bool load_on(struct load_definition *d)
{
    const struct config_node *on = load_get(d, "on");
    if (on != NULL)
        return load_selection(d, on);
    if (d->function->kind != MEASURE_SUM)
        return true;
    config_error_hint(d->l->config, d->node, "add on: and the event that has the property",
                      "sum needs on");
    return false;
}

static bool load_users_with(struct load_definition *d, const struct config_node *node)
{
    const struct config_node *ever = load_get(d, "ever");
    const struct load_name *name = load_find_name(d->l, config_text(node), LOAD_NAME_SIGNAL);
    d->measure->scope = SCOPE_ACCOUNT;
    d->measure->signal = PLAYBOOK_NONE;
    if (ever != NULL && !config_read_bool(d->l->config, ever, &d->measure->ever))
        d->good = false;
    if (name == NULL) {
        load_unknown_name(d->l, node, "signal", 1u << LOAD_NAME_SIGNAL, NULL, 0);
        return false;
    }
    d->measure->signal = name->at;
    return true;
}

static bool load_function_value(struct load_definition *d)
{
    const struct config_node *node = load_get(d, d->function->name);
    bool users = span_is(config_text(node), "user");
    d->measure->kind = d->function->kind;
    switch (d->function->kind) {
    case MEASURE_ACTIVE_WEEKS:
    case MEASURE_AVERAGE:
    case MEASURE_BEST:
    case MEASURE_DAY_STREAK:
    case MEASURE_FIRST_VALUE:
    case MEASURE_GRADE:
    case MEASURE_LAST_VALUE:
    case MEASURE_MAX:
    case MEASURE_MIN:
    case MEASURE_POINTS:
    case MEASURE_SEQUENCE:
    case MEASURE_SINCE:
    case MEASURE_TIME_SPENT:
    case MEASURE_WEEK_STREAK:
    case MEASURE_WEIGHTED:
        CHECK(false);
    case MEASURE_COUNT:
    case MEASURE_ACTIVE_DAYS:
    case MEASURE_FIRST:
    case MEASURE_LAST:
        return load_selection(d, node);
    case MEASURE_DISTINCT_VALUES:
        if (users) {
            d->measure->kind = MEASURE_DISTINCT_USERS;
            d->measure->scope = SCOPE_ACCOUNT;
            return load_on(d);
        }
        // fall through
    case MEASURE_SUM: {
        bool property = load_property(d, node);
        return load_on(d) && property;
    }
    case MEASURE_USERS_WITH:
        return load_users_with(d, node);
    case MEASURE_DISTINCT_USERS:
    case MEASURE_SCORE:
        break;
    }
    CHECK(false);
}

// ---- Who and when ----

static void load_per(struct load_definition *d)
{
    const struct config_node *per = load_get(d, "per");
    bool always_account = d->measure->scope == SCOPE_ACCOUNT;
    size_t scope;
    if (per == NULL)
        return;
    if (!config_read_choice(d->l->config, per, PER_NAMES, ARRAY_LEN(PER_NAMES), &scope)) {
        d->good = false;
        return;
    }
    if (always_account && scope == SCOPE_USER) {
        config_error_hint(d->l->config, per, "leave it out, or write account",
                          "users are counted per account");
        d->good = false;
    }
    d->measure->scope = always_account ? SCOPE_ACCOUNT : (enum scope)scope;
}

static void load_window(struct load_definition *d)
{
    static const struct {
        const char *name;
        enum window_kind kind;
    } CALENDAR[] = {
        {"day", WINDOW_CALENDAR_DAY},
        {"week", WINDOW_CALENDAR_WEEK},
        {"month", WINDOW_CALENDAR_MONTH},
    };
    const struct config_node *window = load_get(d, "window");
    if (window == NULL)
        return;
    struct span text = config_text(window);
    for (size_t i = 0; i < ARRAY_LEN(CALENDAR); i++) {
        if (span_is(text, CALENDAR[i].name)) {
            d->measure->window = CALENDAR[i].kind;
            return;
        }
    }
    char unit = text.len > 1 ? ((const char *)text.ptr)[text.len - 1] : '\0';
    int64_t n = 0, max = unit == 'h' ? PLAYBOOK_WINDOW_HOURS_MAX : PLAYBOOK_WINDOW_DAYS_MAX;
    bool number =
        (unit == 'h' || unit == 'd') && text_to_i64(span_make(text.ptr, text.len - 1), &n);
    if (number && n >= 1 && n <= max) {
        d->measure->window = unit == 'h' ? WINDOW_HOURS : WINDOW_DAYS;
        d->measure->window_n = (int32_t)n;
        return;
    }
    if (number)
        config_error_hint(d->l->config, window, unit == 'h' ? "write longer ones in days" : NULL,
                          "a window in %s is from 1%c to %lld%c, found \"" SPAN_FMT "\"",
                          unit == 'h' ? "hours" : "days", unit, (long long)max, unit,
                          SPAN_ARG(text));
    else
        load_expected(d->l, window, "a window", "write 30d, 48h, day, week or month");
    d->good = false;
}

static void load_anchor(struct load_definition *d)
{
    const struct config_node *after = load_get(d, "after"), *within = load_get(d, "within");
    const struct config_node *window = load_key(d->node, "window");
    if (after == NULL && within == NULL)
        return;
    d->good = d->good && after != NULL && within != NULL && window == NULL;
    if (after == NULL)
        config_error_hint(d->l->config, load_key(d->node, "within"),
                          "add after: and the event from which it counts", "within needs after");
    if (within == NULL)
        config_error_hint(d->l->config, load_key(d->node, "after"),
                          "add within: and how long after it, as in within: 48h",
                          "after needs within");
    if (window != NULL)
        config_error_hint(d->l->config, window, "within is the window of such a measure",
                          "window does not go with after");
    d->measure->window = WINDOW_ANCHORED;
    if (after != NULL) {
        d->measure->anchor = load_event(d->l, after);
        d->good = d->good && d->measure->anchor != PLAYBOOK_NONE;
    }
    if (within != NULL &&
        !config_read_duration(d->l->config, within, 1, LOAD_DAYS_MAX * (int64_t)TIME_DAY_MS,
                              &d->measure->within_ms))
        d->good = false;
}

static void load_where(struct load_definition *d)
{
    const struct config_node *where = load_get(d, "where");
    if (where == NULL)
        return;
    int32_t condition = load_condition(d->l, where, LOAD_IN_EVENT);
    d->good = d->good && condition != PLAYBOOK_NONE;
    d->measure->where = condition;
}

void load_measure(struct loader *l, int32_t at)
{
    struct load_measure *entry = &l->measures[at];
    struct measure measure = entry->as;
    struct load_definition d = {
        .l = l, .node = entry->definition, .measure = &measure, .good = true};
    entry->broken = true;
    if (!load_is_mapping(l, d.node, "a measure, as in {count: Report Run}"))
        return;
    d.good = config_check_keys(l->config, d.node, MEASURE_KEYS, ARRAY_LEN(MEASURE_KEYS));
    if (!load_function(&d))
        return;
    load_misplaced(&d);
    if (!load_function_value(&d))
        d.good = false;
    if ((d.function->keys & KEY_PER) != 0)
        load_per(&d);
    if ((d.function->keys & KEY_WINDOW) != 0) {
        load_window(&d);
        load_anchor(&d);
    }
    if ((d.function->keys & KEY_WHERE) != 0)
        load_where(&d);
    entry->as = measure;
    entry->broken = !d.good;
}

// ---- Scores ----

enum { SCORE_POINTS_MAX = 100000 };

static bool load_one_points(struct loader *l, const struct config_node *key,
                            const struct config_node *value, struct points *out)
{
    out->event = load_event(l, key);
    if (!load_milli(l, value, &out->milli))
        return false;
    if (out->milli > SCORE_POINTS_MAX * INT64_C(1000) ||
        out->milli < -SCORE_POINTS_MAX * INT64_C(1000)) {
        config_error(l->config, value, "points are from -%d to %d, found \"" SPAN_FMT "\"",
                     SCORE_POINTS_MAX, SCORE_POINTS_MAX, SPAN_ARG(config_text(value)));
        return false;
    }
    return out->event != PLAYBOOK_NONE;
}

static bool load_points(struct load_definition *d)
{
    const struct config_node *node = load_get(d, "points");
    bool good = true;
    if (node == NULL) {
        config_error_hint(d->l->config, d->node, "add points: {Report Run: 5}",
                          "missing key \"points\"");
        return false;
    }
    if (!load_is_mapping(d->l, node, "points, as in {Report Run: 5}"))
        return false;
    size_t n = config_count(node);
    struct points *points = arena_alloc(d->l->arena, sizeof *points * n);
    for (size_t i = 0; i < n; i++)
        good =
            load_one_points(d->l, config_key_at(node, i), config_at(node, i), &points[i]) && good;
    d->measure->points = points;
    d->measure->n_points = (int32_t)n;
    return good;
}

void load_score(struct loader *l, int32_t at)
{
    static const char *const KEYS[] = {"points", "half_life", "per"};
    struct load_measure *entry = &l->measures[at];
    struct measure measure = entry->as;
    struct load_definition d = {
        .l = l, .node = entry->definition, .measure = &measure, .good = true};
    entry->broken = true;
    measure.kind = MEASURE_SCORE;
    if (!load_is_mapping(l, d.node, "a score, as in {points: {Report Run: 5}, half_life: 30d}"))
        return;
    d.good = config_check_keys(l->config, d.node, KEYS, ARRAY_LEN(KEYS));
    d.good = load_points(&d) && d.good;
    const struct config_node *half_life = load_get(&d, "half_life");
    if (half_life == NULL)
        config_error_hint(l->config, d.node, "add half_life: 30d", "missing key \"half_life\"");
    if (half_life == NULL ||
        !config_read_duration(l->config, half_life, TIME_HOUR_MS, 3650 * (int64_t)TIME_DAY_MS,
                              &measure.half_life_ms))
        d.good = false;
    load_per(&d);
    entry->as = measure;
    entry->broken = !d.good;
}

void load_warn_unused(struct loader *l)
{
    for (int32_t i = 0; i < l->n_measures; i++) {
        const struct load_measure *entry = &l->measures[i];
        if (!entry->used)
            config_warn(l->config, entry->key, "it costs memory in every account",
                        "nothing looks at the %s \"%s\"", entry->is_score ? "score" : "measure",
                        entry->as.name);
    }
}
