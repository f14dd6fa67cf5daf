// SPDX-License-Identifier: Apache-2.0
// Measures. A measure has one function; the function decides which other keys it takes.
#include "services/playbook/load_measures.h"

#include "common/base/check.h"

enum {
    KEYS_TIME =
        LOAD_KEY_WINDOW | LOAD_KEY_AFTER | LOAD_KEY_WITHIN | LOAD_KEY_FROM | LOAD_KEY_RESETS,
    KEYS_WHO = LOAD_KEY_PER | LOAD_KEY_WHERE,
    KEYS_COUNTING = KEYS_WHO | KEYS_TIME,
};
enum {
    WINDOWS_CALENDAR =
        1 << WINDOW_CALENDAR_DAY | 1 << WINDOW_CALENDAR_WEEK | 1 << WINDOW_CALENDAR_MONTH,
    WINDOWS_DAYS = 1 << WINDOW_DAYS | WINDOWS_CALENDAR,
    WINDOWS_WEEKS = 1 << WINDOW_WEEKS,
    WINDOWS_ALL = WINDOWS_DAYS | WINDOWS_WEEKS | 1 << WINDOW_HOURS,
};
enum { LOAD_STEPS_MIN = 2, LOAD_STEPS_MAX = 5, LOAD_HISTORIC_TESTS_MAX = 32 };

static const struct load_function {
    const char *name;
    enum measure_kind kind;
    unsigned keys, windows; // that go with it
} FUNCTIONS[] = {
    {"count", MEASURE_COUNT, KEYS_COUNTING, WINDOWS_ALL},
    {"sum", MEASURE_SUM, KEYS_COUNTING | LOAD_KEY_ON, WINDOWS_ALL},
    {"max", MEASURE_MAX, KEYS_COUNTING | LOAD_KEY_ON, WINDOWS_ALL},
    {"min", MEASURE_MIN, KEYS_COUNTING | LOAD_KEY_ON, WINDOWS_ALL},
    {"average", MEASURE_AVERAGE, KEYS_COUNTING | LOAD_KEY_ON, WINDOWS_ALL},
    {"distinct", MEASURE_DISTINCT_VALUES, KEYS_COUNTING | LOAD_KEY_ON, WINDOWS_ALL},
    {"active_days", MEASURE_ACTIVE_DAYS, KEYS_COUNTING, WINDOWS_ALL},
    {"active_weeks", MEASURE_ACTIVE_WEEKS, KEYS_WHO | LOAD_KEY_WINDOW, WINDOWS_WEEKS},
    {"day_streak", MEASURE_DAY_STREAK, KEYS_WHO, 0},
    {"week_streak", MEASURE_WEEK_STREAK, KEYS_WHO, 0},
    {"first", MEASURE_FIRST, KEYS_WHO | LOAD_KEY_RESETS, 0},
    {"last", MEASURE_LAST, KEYS_WHO | LOAD_KEY_RESETS, 0},
    {"time_spent", MEASURE_TIME_SPENT, KEYS_WHO | LOAD_KEY_WINDOW | LOAD_KEY_IDLE, WINDOWS_DAYS},
    {"since", MEASURE_SINCE, KEYS_WHO, 0},
    {"sequence", MEASURE_SEQUENCE, KEYS_WHO | LOAD_KEY_WITHIN, 0},
    {"users_with", MEASURE_USERS_WITH, LOAD_KEY_PER | LOAD_KEY_EVER, 0},
};

// What may stand beside a function, in the order of load_key.
static const char *const BESIDE[] = {
    "on", "ever", "per", "window", "after", "within", "from", "resets_on", "idle", "where",
};

static const char *const PER_NAMES[] = {[SCOPE_USER] = "user", [SCOPE_ACCOUNT] = "account"};

static const struct config_node *load_get(const struct load_definition *d, const char *key)
{
    return config_get(d->node, key);
}

// ---- The function ----

static void load_functionless(struct load_definition *d)
{
    struct buf hint = {0};
    buf_append_text(&hint, "add one of ");
    for (size_t i = 0; i < ARRAY_LEN(FUNCTIONS); i++)
        buf_printf(&hint, "%s%s", i > 0 ? ", " : "", FUNCTIONS[i].name);
    config_error_hint(d->l->config, d->node, arena_dup(d->l->arena, buf_span(&hint)),
                      "a measure needs a function");
    buf_deinit(&hint);
}

static const struct load_function *load_function_of(struct span key)
{
    for (size_t i = 0; i < ARRAY_LEN(FUNCTIONS); i++) {
        if (span_is(key, FUNCTIONS[i].name))
            return &FUNCTIONS[i];
    }
    return NULL;
}

static bool load_function(struct load_definition *d)
{
    const struct load_function *function = NULL;
    const struct config_node *second = NULL;
    for (size_t i = 0; i < config_count(d->node); i++) {
        const struct config_node *key = config_key_at(d->node, i);
        const struct load_function *found = load_function_of(config_text(key));
        if (found != NULL && function != NULL)
            second = key;
        else if (found != NULL)
            function = found;
    }
    // With an unknown key there is a message already: most likely the function itself is misspelt.
    if (function == NULL && d->good)
        load_functionless(d);
    if (second != NULL)
        config_error_hint(d->l->config, second, "make two measures of it",
                          "a measure has one function, this has %s and " SPAN_FMT, function->name,
                          SPAN_ARG(config_text(second)));
    if (function == NULL || second != NULL)
        return false;
    d->function = function->name;
    d->keys = function->keys;
    d->windows = function->windows;
    d->measure->kind = function->kind;
    return true;
}

// ---- Its value ----

bool load_selection(struct loader *l, const struct config_node *node, const int32_t **events,
                    int32_t *n)
{
    bool any = config_kind(node) == CONFIG_SCALAR && config_plain(node) &&
               span_is(config_text(node), "any");
    if (any)
        return true;
    *events = load_events(l, node, n);
    return *events != NULL;
}

static bool load_own_events(struct load_definition *d, const struct config_node *node)
{
    return load_selection(d->l, node, &d->measure->events, &d->measure->n_events);
}

static bool load_is_property(const struct config_node *node)
{
    return config_kind(node) == CONFIG_SCALAR && config_plain(node) &&
           span_starts(config_text(node), "properties.");
}

// "properties.bytes": the part after the dot.
static bool load_property(struct load_definition *d, const struct config_node *node)
{
    static const char PREFIX[] = "properties.";
    struct span text = config_text(node);
    size_t len = sizeof PREFIX - 1;
    if (!span_starts(text, PREFIX) || text.len == len || text.len > LOAD_TEXT_BYTES_MAX) {
        bool distinct = d->measure->kind == MEASURE_DISTINCT_VALUES;
        load_expected(d->l, node, distinct ? "user or properties.<name>" : "properties.<name>",
                      distinct ? "write distinct: properties.area, on: Area Used"
                               : arena_printf(d->l->arena,
                                              "write %s: properties.bytes, on: File Uploaded",
                                              d->function));
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
        return load_own_events(d, on);
    if (d->measure->kind == MEASURE_DISTINCT_VALUES || d->measure->kind == MEASURE_DISTINCT_USERS)
        return true;
    config_error_hint(d->l->config, d->node, "add on: and the event that has the property",
                      "%s needs on", d->function);
    return false;
}

static bool load_property_on(struct load_definition *d, const struct config_node *node)
{
    bool property = load_property(d, node);
    return load_on(d) && property;
}

static bool load_distinct(struct load_definition *d, const struct config_node *node)
{
    if (!span_is(config_text(node), "user"))
        return load_property_on(d, node);
    d->measure->kind = MEASURE_DISTINCT_USERS;
    d->measure->scope = SCOPE_ACCOUNT;
    return load_on(d);
}

// Of events it is an instant, of a property its value there.
static bool load_first_or_last(struct load_definition *d, const struct config_node *node)
{
    if (!load_is_property(node)) {
        d->measure->unit = UNIT_INSTANT;
        return load_own_events(d, node);
    }
    d->measure->kind = d->measure->kind == MEASURE_FIRST ? MEASURE_FIRST_VALUE : MEASURE_LAST_VALUE;
    d->measure->unit = UNIT_VALUE;
    d->keys |= LOAD_KEY_ON;
    return load_property_on(d, node);
}

static bool load_users_with(struct load_definition *d, const struct config_node *node)
{
    const struct config_node *ever = load_get(d, "ever");
    const struct load_name *name = load_find_name(d->l, config_text(node), LOAD_NAME_SIGNAL);
    d->measure->scope = SCOPE_ACCOUNT;
    if (ever != NULL && !config_read_bool(d->l->config, ever, &d->measure->ever))
        d->good = false;
    if (name == NULL) {
        load_unknown_name(d->l, node, "signal", 1u << LOAD_NAME_SIGNAL, NULL, 0);
        return false;
    }
    d->measure->signal = name->at;
    return true;
}

static bool load_since_stage(struct load_definition *d, const struct config_node *node)
{
    struct span text = config_text(node);
    const struct load_name *name = load_find_name(d->l, text, LOAD_NAME_STAGE);
    if (name != NULL) {
        d->measure->signal = name->at;
        return true;
    }
    if (span_is(text, PLAYBOOK_STAGE_NAMES[STAGE_SIGNED_UP]))
        config_error_hint(d->l->config, node, "measure it from an event: since: Signed Up",
                          "every account is signed_up from the start");
    else if (config_get(config_root(d->l->config), "lifecycle") == NULL)
        config_error_hint(d->l->config, node, "add lifecycle: and what makes the stages",
                          "there are no stages without \"lifecycle\"");
    else
        load_unknown_name(d->l, node, "stage", 1u << LOAD_NAME_STAGE, NULL, 0);
    return false;
}

// {signal: near_limit} or {stage: customer}: it is of whom the signal is.
static bool load_since_signal(struct load_definition *d, const struct config_node *node)
{
    static const char *const KEYS[] = {"signal", "stage"};
    d->keys = 0;
    if (!load_is_mapping(d->l, node, "events, {signal: NAME} or {stage: NAME}") ||
        !config_check_keys(d->l->config, node, KEYS, ARRAY_LEN(KEYS)))
        return false;
    if (config_count(node) > 1) {
        config_error_hint(d->l->config, config_key_at(node, 1), "make two measures of it",
                          "since is of a signal or of a stage, not of both");
        return false;
    }
    const struct config_node *stage = config_get(node, "stage"), *name = config_at(node, 0);
    if (stage != NULL)
        return load_since_stage(d, stage);
    const struct load_name *signal = load_find_name(d->l, config_text(name), LOAD_NAME_SIGNAL);
    if (signal == NULL) {
        load_unknown_name(d->l, name, "signal", 1u << LOAD_NAME_SIGNAL, NULL, 0);
        return false;
    }
    d->measure->signal = signal->at;
    return true;
}

static bool load_since(struct load_definition *d, const struct config_node *node)
{
    d->measure->unit = UNIT_DURATION;
    if (config_kind(node) == CONFIG_MAPPING)
        return load_since_signal(d, node);
    return load_own_events(d, node);
}

// The events of the steps, each once, as the measure takes them.
static void load_step_events(struct load_definition *d, const int32_t *steps, int32_t n)
{
    int32_t *events = arena_alloc(d->l->arena, sizeof *events * (size_t)n);
    int32_t n_events = 0;
    for (int32_t i = 0; i < n; i++) {
        int32_t j = 0;
        while (j < n_events && events[j] != steps[i])
            j++;
        if (j == n_events)
            events[n_events++] = steps[i];
    }
    d->measure->steps = steps;
    d->measure->n_steps = n;
    d->measure->events = events;
    d->measure->n_events = n_events;
}

static bool load_sequence(struct load_definition *d, const struct config_node *node)
{
    size_t n = config_count(node);
    bool good = true;
    if (config_kind(node) != CONFIG_SEQUENCE || n < LOAD_STEPS_MIN || n > LOAD_STEPS_MAX) {
        config_error_hint(d->l->config, node, "write sequence: [Report Run, Report Shared]",
                          "a sequence is a list of %d to %d events", LOAD_STEPS_MIN,
                          LOAD_STEPS_MAX);
        return false;
    }
    int32_t *steps = arena_alloc(d->l->arena, sizeof *steps * n);
    for (size_t i = 0; i < n; i++) {
        steps[i] = load_event(d->l, config_at(node, i));
        good = good && steps[i] != PLAYBOOK_NONE;
    }
    if (good)
        load_step_events(d, steps, (int32_t)n);
    return good;
}

static bool load_function_value(struct load_definition *d)
{
    const struct config_node *node = load_get(d, d->function);
    switch (d->measure->kind) {
    case MEASURE_COUNT:
    case MEASURE_ACTIVE_DAYS:
    case MEASURE_ACTIVE_WEEKS:
    case MEASURE_DAY_STREAK:
    case MEASURE_WEEK_STREAK:
        return load_own_events(d, node);
    case MEASURE_FIRST:
    case MEASURE_LAST:
        return load_first_or_last(d, node);
    case MEASURE_TIME_SPENT:
        d->measure->unit = UNIT_DURATION;
        return load_own_events(d, node);
    case MEASURE_SINCE:
        return load_since(d, node);
    case MEASURE_SEQUENCE:
        return load_sequence(d, node);
    case MEASURE_DISTINCT_VALUES:
        return load_distinct(d, node);
    case MEASURE_SUM:
    case MEASURE_MAX:
    case MEASURE_MIN:
    case MEASURE_AVERAGE:
        return load_property_on(d, node);
    case MEASURE_USERS_WITH:
        return load_users_with(d, node);
    case MEASURE_DISTINCT_USERS:
    case MEASURE_FIRST_VALUE:
    case MEASURE_LAST_VALUE:
    case MEASURE_SCORE:
    case MEASURE_POINTS:
    case MEASURE_WEIGHTED:
    case MEASURE_BEST:
    case MEASURE_GRADE:
    case MEASURE_BUSIEST_HOUR:
        break;
    }
    CHECK(false);
}

// ---- Keys that do not go with the function ----

static const char *load_misplaced_time(const struct load_definition *d, unsigned key)
{
    switch (d->measure->kind) {
    case MEASURE_USERS_WITH:
        return "users count while the signal is true for them, or with ever: true for good";
    case MEASURE_FIRST:
    case MEASURE_LAST:
        return "it is an instant: test it with within: 7d";
    case MEASURE_FIRST_VALUE:
    case MEASURE_LAST_VALUE:
        return "it is the property of one event, however long ago";
    case MEASURE_SINCE:
        return "it is a duration: test it with at_least: 14d";
    case MEASURE_DAY_STREAK:
    case MEASURE_WEEK_STREAK:
        return "a streak is what is unbroken up to now";
    case MEASURE_SEQUENCE:
        return key == LOAD_KEY_WINDOW ? "within says how long all of it may take"
                                      : "its first step is where it begins";
    case MEASURE_ACTIVE_WEEKS:
        return "it takes a window in weeks, as in window: 4w";
    case MEASURE_TIME_SPENT:
        return "it takes a window in days or of the calendar, as in window: 7d";
    case MEASURE_COUNT:
    case MEASURE_SUM:
    case MEASURE_DISTINCT_USERS:
    case MEASURE_DISTINCT_VALUES:
    case MEASURE_ACTIVE_DAYS:
    case MEASURE_SCORE:
    case MEASURE_MAX:
    case MEASURE_MIN:
    case MEASURE_AVERAGE:
    case MEASURE_POINTS:
    case MEASURE_WEIGHTED:
    case MEASURE_BEST:
    case MEASURE_GRADE:
    case MEASURE_BUSIEST_HOUR:
        break;
    }
    return NULL;
}

static const char *load_misplaced_hint(const struct load_definition *d, unsigned key)
{
    enum measure_kind kind = d->measure->kind;
    if (key == LOAD_KEY_ON && (kind == MEASURE_FIRST || kind == MEASURE_LAST))
        return arena_printf(d->l->arena, "it goes with a property, as in %s: properties.plan",
                            d->function);
    if (key == LOAD_KEY_ON)
        return kind == MEASURE_USERS_WITH ? NULL : "the events stand in the function itself";
    if (key == LOAD_KEY_EVER)
        return "only users_with takes it";
    if (key == LOAD_KEY_IDLE)
        return "only time_spent takes it";
    if (key == LOAD_KEY_PER)
        return "it is of whom the signal is";
    if (key == LOAD_KEY_WHERE)
        return "put it into the measures that the signal looks at";
    return load_misplaced_time(d, key);
}

static void load_misplaced(struct load_definition *d)
{
    for (size_t i = 0; i < ARRAY_LEN(BESIDE); i++) {
        unsigned bit = 1u << i;
        const struct config_node *key = load_key(d->node, BESIDE[i]);
        if (key == NULL || (d->keys & bit) != 0)
            continue;
        config_error_hint(d->l->config, key, load_misplaced_hint(d, bit), "%s does not go with %s",
                          BESIDE[i], d->function);
        d->good = false;
    }
}

// ---- Who, and which events ----

void load_per(struct load_definition *d)
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

struct load_where_leaves {
    int32_t of_event;
    bool traits;
};

static void load_where_walk(const struct loader *l, int32_t at, struct load_where_leaves *out)
{
    const struct condition *condition = &l->conditions[at].as;
    for (int32_t i = 0; i < condition->n_children; i++)
        load_where_walk(l, condition->children[i], out);
    // `always` is settled with the event, like what looks at nothing else.
    if (condition->kind == CONDITION_ALWAYS)
        out->of_event++;
    if (condition->kind != CONDITION_TEST)
        return;
    if (condition->operand == OPERAND_PROPERTY || condition->operand == OPERAND_CONTEXT)
        out->of_event++;
    else
        out->traits = true;
    // What it is compared with is a trait, if anything.
    out->traits = out->traits || condition->of.set;
}

void load_where(struct load_definition *d)
{
    const struct config_node *where = load_get(d, "where");
    struct load_where_leaves leaves = {0};
    if (where == NULL)
        return;
    int32_t condition = load_condition(d->l, where, LOAD_IN_EVENT);
    d->measure->where = condition;
    d->good = d->good && condition != PLAYBOOK_NONE;
    if (condition == PLAYBOOK_NONE)
        return;
    load_where_walk(d->l, condition, &leaves);
    d->measure->historic = leaves.traits;
    if (!leaves.traits || leaves.of_event <= LOAD_HISTORIC_TESTS_MAX)
        return;
    // What each event meets is kept in bits, to be judged again when a trait arrives late.
    config_error_hint(d->l->config, where, "use in: [a, b] for several values of one",
                      "a where that looks at traits has at most %d tests of properties and "
                      "context, this has %d",
                      LOAD_HISTORIC_TESTS_MAX, leaves.of_event);
    d->good = false;
}

// ---- The whole ----

void load_measure(struct loader *l, int32_t at)
{
    // Conditions do not add measures, but what is read here stays apart until it is whole.
    struct measure measure = l->measures[at].as;
    struct load_definition d = {
        .l = l, .node = l->measures[at].definition, .measure = &measure, .good = true};
    // What the loader added itself has nothing left to be read.
    if (d.node == NULL)
        return;
    l->measures[at].broken = true;
    if (!load_is_mapping(l, d.node, "a measure, as in {count: Report Run}"))
        return;
    d.good = load_check_form(l, d.node, SCHEMA_MEASURE);
    if (!load_function(&d))
        return;
    if (!load_function_value(&d))
        d.good = false;
    load_misplaced(&d);
    if ((d.keys & LOAD_KEY_PER) != 0)
        load_per(&d);
    load_windows(&d);
    if ((d.keys & LOAD_KEY_WHERE) != 0)
        load_where(&d);
    l->measures[at].as = measure;
    l->measures[at].broken = !d.good;
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
