// SPDX-License-Identifier: Apache-2.0
// One way to write a condition, wherever it stands: a name, a list (all of it), or a mapping of one
// key. The operand decides which tests it takes; the place decides which operands it takes.
#include "common/base/mem.h"
#include "common/base/check.h"
#include "common/base/time_text.h"
#include "services/playbook/build.h"
#include "services/playbook/load_impl.h"

// In the order of operand_kind; a measure has no prefix.
static const char *const OPERAND_PREFIXES[] = {
    [OPERAND_ACCOUNT_TRAIT] = "account.",
    [OPERAND_USER_TRAIT] = "user.",
    [OPERAND_PROPERTY] = "properties.",
    [OPERAND_CONTEXT] = "context.",
};

enum { NUMBER_TESTS = TEST_BETWEEN + 1 };

static int32_t load_add(struct loader *l, const struct config_node *node,
                        const struct condition *condition)
{
    if (!load_has_room(l, node, l->n_conditions, PLAYBOOK_CONDITIONS_MAX, "conditions"))
        return PLAYBOOK_NONE;
    MEM_GROW(l->conditions, l->n_conditions, l->cap_conditions);
    struct load_condition *added = &l->conditions[l->n_conditions];
    *added = (struct load_condition){*condition, node};
    added->as.line = config_line(node);
    added->as.leaf = PLAYBOOK_NONE;
    return l->n_conditions++;
}

static const char *load_keep_text(struct loader *l, struct buf *text)
{
    const char *kept = arena_dup(l->arena, buf_span(text));
    buf_deinit(text);
    return kept;
}

static int32_t load_add_group(struct loader *l, const struct config_node *node,
                              enum condition_kind kind, const int32_t *children, int32_t n)
{
    int32_t *kept = arena_alloc(l->arena, sizeof *kept * (size_t)(n + 1));
    memcpy(kept, children, sizeof *kept * (size_t)n);
    return load_add(l, node,
                    &(struct condition){.kind = kind,
                                        .children = kept,
                                        .n_children = n,
                                        .text = kind == CONDITION_ALL   ? "all"
                                                : kind == CONDITION_ANY ? "any"
                                                                        : "not",
                                        .threshold = ""});
}

static int32_t load_add_signal(struct loader *l, const struct config_node *node, int32_t signal,
                               const char *text)
{
    return load_add(l, node,
                    &(struct condition){
                        .kind = CONDITION_SIGNAL, .signal = signal, .text = text, .threshold = ""});
}

// ---- Tests ----

// The signal that stands for a test of `qualify` or `route`; the same test has the same signal.
static int32_t load_hoist(struct loader *l, const struct config_node *node, int32_t test)
{
    const struct condition *condition = &l->conditions[test].as;
    const char *text = condition->text;
    if (strlen(text) > LOAD_IMPLIED_BYTES_MAX) {
        config_error_hint(l->config, node, "give it a name under \"signals\" or \"segments\"",
                          "this test is too long to stand here (%d bytes at most)",
                          LOAD_IMPLIED_BYTES_MAX);
        return PLAYBOOK_NONE;
    }
    char *name = arena_printf(l->arena, "when.%s", text);
    for (int32_t i = 0; i < l->n_signals; i++) {
        if (strcmp(l->signals[i].as.name, name) == 0)
            return load_add_signal(l, node, i, text);
    }
    if (!load_has_room(l, node, l->n_signals, PLAYBOOK_SIGNALS_MAX, "signals"))
        return PLAYBOOK_NONE;
    MEM_GROW(l->signals, l->n_signals, l->cap_signals);
    l->signals[l->n_signals] = (struct load_signal){
        .as = {.name = name,
               .origin = SIGNAL_IMPLIED,
               .condition = test,
               .line = config_line(node)},
        .key = node,
    };
    return load_add_signal(l, node, l->n_signals++, text);
}

static bool load_test_numbers(struct loader *l, const struct config_node *node,
                              struct condition *test, struct buf *threshold)
{
    if (test->test != TEST_BETWEEN) {
        if (!load_milli(l, node, &test->low_milli))
            return false;
        playbook_append_milli(test->low_milli, threshold);
        return true;
    }
    if (config_kind(node) != CONFIG_SEQUENCE || config_count(node) != 2) {
        load_expected(l, node, "two numbers", "write between: [50, 1000]");
        return false;
    }
    bool low = load_milli(l, config_at(node, 0), &test->low_milli);
    bool high = load_milli(l, config_at(node, 1), &test->high_milli);
    if (low && high && test->low_milli > test->high_milli) {
        config_error(l->config, node, "the first number is larger than the second");
        return false;
    }
    buf_append_text(threshold, "[");
    playbook_append_milli(test->low_milli, threshold);
    buf_append_text(threshold, ", ");
    playbook_append_milli(test->high_milli, threshold);
    buf_append_text(threshold, "]");
    return low && high;
}

static bool load_test_value(struct loader *l, const struct config_node *node,
                            struct condition *test, struct value *out)
{
    // A measure is a number, whatever it is compared with.
    if (test->operand == OPERAND_MEASURE && !load_milli(l, node, &test->low_milli))
        return false;
    if (!load_value(l, node, out))
        return false;
    if (test->test == TEST_CONTAINS && (out->type != VALUE_TEXT || out->text.len == 0)) {
        load_expected(l, node, "a text", "contains looks for a text within a text");
        return false;
    }
    return true;
}

static bool load_test_values(struct loader *l, const struct config_node *node,
                             struct condition *test, struct buf *threshold)
{
    bool list = test->test == TEST_IN, good = true;
    if (list && !load_is_list(l, node, "a list of values"))
        return false;
    int32_t n = list ? (int32_t)config_count(node) : 1;
    struct value *values = arena_alloc(l->arena, sizeof *values * (size_t)n);
    buf_append_text(threshold, list ? "[" : "");
    for (int32_t i = 0; i < n; i++) {
        const struct config_node *item = list ? config_at(node, (size_t)i) : node;
        good = load_test_value(l, item, test, &values[i]) && good;
        buf_append_text(threshold, i > 0 ? ", " : "");
        load_value_text(&values[i], threshold);
    }
    buf_append_text(threshold, list ? "]" : "");
    test->values = values;
    test->n_values = n;
    return good;
}

// The right side by kind of test.
static bool load_test_right(struct loader *l, const struct config_node *node,
                            struct condition *test, struct buf *threshold)
{
    char duration[TIME_TEXT_MAX];
    switch (test->test) {
    case TEST_GREW:
    case TEST_IS_PAST:
    case TEST_LATER_THAN:
        CHECK(false);
    case TEST_AT_LEAST:
    case TEST_AT_MOST:
    case TEST_ABOVE:
    case TEST_BELOW:
    case TEST_BETWEEN:
        return load_test_numbers(l, node, test, threshold);
    case TEST_IS:
    case TEST_IN:
    case TEST_CONTAINS:
        return load_test_values(l, node, test, threshold);
    case TEST_EXISTS:
        if (!config_read_bool(l->config, node, &test->expected))
            return false;
        buf_append_text(threshold, test->expected ? "true" : "false");
        return true;
    case TEST_WITHIN:
        if (!config_read_duration(l->config, node, 1, LOAD_DAYS_MAX * (int64_t)TIME_DAY_MS,
                                  &test->low_milli))
            return false;
        buf_append_text(threshold, time_format_duration(test->low_milli, duration));
        return true;
    }
    CHECK(false);
}

// Whether the operand takes this test; `at` is where the mistake stands.
static bool load_test_allowed(struct loader *l, const struct config_node *at,
                              const struct condition *test)
{
    const char *name = PLAYBOOK_TEST_NAMES[test->test];
    bool measure = test->operand == OPERAND_MEASURE, instant = false;
    if (measure) {
        enum measure_kind kind = l->measures[test->measure].as.kind;
        if (l->measures[test->measure].broken)
            return true;
        instant = kind == MEASURE_FIRST || kind == MEASURE_LAST;
    }
    if (instant && test->test != TEST_WITHIN && test->test != TEST_EXISTS) {
        config_error_hint(l->config, at, "use within: 7d, or exists: true",
                          "%s does not go with a first or last measure", name);
        return false;
    }
    if (!instant && test->test == TEST_WITHIN) {
        config_error_hint(l->config, at, "a measure counts within a time by its own window",
                          "within goes with first and last measures only");
        return false;
    }
    if (measure && !instant && (test->test == TEST_EXISTS || test->test == TEST_CONTAINS)) {
        config_error_hint(l->config, at, "a measure is always there, from 0 on: use at_least: 1",
                          "%s does not go with a measure that is a number", name);
        return false;
    }
    return true;
}

static int32_t load_one_test(struct loader *l, const struct config_node *key,
                             const struct config_node *at, const struct config_node *right,
                             const struct condition *operand, enum test_kind kind,
                             enum load_place place)
{
    struct condition test = *operand;
    struct buf threshold = {0}, text = {0};
    test.test = kind;
    if (!load_test_allowed(l, at, &test) || !load_test_right(l, right, &test, &threshold)) {
        buf_deinit(&threshold);
        return PLAYBOOK_NONE;
    }
    buf_printf(&text, SPAN_FMT " %s " SPAN_FMT, SPAN_ARG(config_text(key)),
               PLAYBOOK_TEST_NAMES[kind], SPAN_ARG(buf_span(&threshold)));
    test.text = load_keep_text(l, &text);
    test.threshold = load_keep_text(l, &threshold);
    int32_t added = load_add(l, key, &test);
    if (added == PLAYBOOK_NONE || place != LOAD_IN_ROUTE)
        return added;
    return load_hoist(l, key, added);
}

// The tests of one operand: a mapping of them, all of which must hold, or a value that it must be.
static int32_t load_tests(struct loader *l, const struct config_node *key,
                          const struct config_node *right, const struct condition *operand,
                          enum load_place place)
{
    int32_t children[PLAYBOOK_TESTS], n = 0;
    bool good = true;
    if (config_kind(right) == CONFIG_SEQUENCE) {
        load_expected(l, right, "a value or tests", "one of several is written in: [a, b]");
        return PLAYBOOK_NONE;
    }
    if (config_kind(right) == CONFIG_SCALAR)
        return load_one_test(l, key, right, right, operand, TEST_IS, place);
    if (!load_is_mapping(l, right, "a value or tests"))
        return PLAYBOOK_NONE;
    good = config_check_keys(l->config, right, PLAYBOOK_TEST_NAMES, PLAYBOOK_TESTS);
    for (size_t i = 0; i < config_count(right); i++) {
        const struct config_node *name = config_key_at(right, i);
        size_t kind = 0;
        while (kind < PLAYBOOK_TESTS && !span_is(config_text(name), PLAYBOOK_TEST_NAMES[kind]))
            kind++;
        if (kind == PLAYBOOK_TESTS)
            continue;
        int32_t child =
            load_one_test(l, key, name, config_at(right, i), operand, (enum test_kind)kind, place);
        good = good && child != PLAYBOOK_NONE;
        children[n++] = child;
    }
    if (!good)
        return PLAYBOOK_NONE;
    return n == 1 ? children[0] : load_add_group(l, key, CONDITION_ALL, children, n);
}

// ---- Operands ----

// "user_agent" is "userAgent" on the wire; what is written in camel case already stays as it is.
static const char *load_context_key(struct loader *l, struct span key)
{
    char *out = arena_dup(l->arena, key);
    size_t n = 0;
    for (size_t i = 0; i < key.len; i++) {
        char c = out[i], next = i + 1 < key.len ? out[i + 1] : '\0';
        bool joins = c == '_' && n > 0 && out[n - 1] != '.' && next >= 'a' && next <= 'z';
        if (joins)
            out[n++] = (char)(out[++i] - 'a' + 'A');
        else
            out[n++] = c;
    }
    out[n] = '\0';
    return out;
}

static bool load_trait_allowed(struct loader *l, const struct config_node *key,
                               enum operand_kind kind, enum load_place place)
{
    bool of_event = kind == OPERAND_PROPERTY || kind == OPERAND_CONTEXT;
    if (!of_event || place == LOAD_IN_EVENT)
        return true;
    config_error_hint(l->config, key, "count the events that have it with a measure and where:",
                      "there is no event here to look at, only in where and exclude");
    return false;
}

static bool load_operand_measure(struct loader *l, const struct config_node *key,
                                 enum load_place place, struct condition *out)
{
    const struct load_name *name = load_find_name(l, config_text(key), LOAD_NAME_MEASURE);
    if (name == NULL)
        return false;
    out->operand = OPERAND_MEASURE;
    out->measure = name->at;
    l->measures[name->at].used = true;
    if (place != LOAD_IN_EVENT)
        return true;
    config_error_hint(l->config, key, "use properties., context., user. or account.",
                      "a measure cannot be looked at here, only the event and traits");
    return false;
}

// A key that is no operand: what could have been meant.
static void load_unknown_operand(struct loader *l, const struct config_node *key)
{
    struct span text = config_text(key);
    const char *dot = text.len > 0 ? memchr(text.ptr, '.', text.len) : NULL;
    static const char *const GROUPS[] = {"all", "any", "not", "segment"};
    if (load_find_name(l, text, LOAD_NAME_SIGNAL) != NULL) {
        config_error_hint(l->config, key, "a signal stands alone, without a test",
                          "\"" SPAN_FMT "\" is a signal", SPAN_ARG(text));
        return;
    }
    if (dot == NULL) {
        load_unknown_name(l, key, "measure or condition", 1u << LOAD_NAME_MEASURE, GROUPS,
                          ARRAY_LEN(GROUPS));
        return;
    }
    const char *candidates[ARRAY_LEN(OPERAND_PREFIXES)];
    size_t n = 0;
    for (size_t i = OPERAND_MEASURE + 1; i < ARRAY_LEN(OPERAND_PREFIXES); i++)
        candidates[n++] =
            arena_printf(l->arena, "%s" SPAN_FMT, OPERAND_PREFIXES[i],
                         (int)(text.len - (size_t)(dot + 1 - (const char *)text.ptr)), dot + 1);
    config_error_unknown(l->config, key, "operand", candidates, n);
}

// The left side of a test; false with the mistake reported.
static bool load_operand(struct loader *l, const struct config_node *key, enum load_place place,
                         struct condition *out)
{
    struct span text = config_text(key), rest;
    *out = (struct condition){.kind = CONDITION_TEST, .key = ""};
    for (size_t i = OPERAND_MEASURE + 1; i < ARRAY_LEN(OPERAND_PREFIXES); i++) {
        size_t len = strlen(OPERAND_PREFIXES[i]);
        if (!span_starts(text, OPERAND_PREFIXES[i]))
            continue;
        rest = span_make((const char *)text.ptr + len, text.len - len);
        if (rest.len == 0 || rest.len > LOAD_TEXT_BYTES_MAX) {
            config_error(l->config, key, "expected a name of 1 to %d bytes after \"%s\"",
                         LOAD_TEXT_BYTES_MAX, OPERAND_PREFIXES[i]);
            return false;
        }
        out->operand = (enum operand_kind)i;
        out->key = i == OPERAND_CONTEXT ? load_context_key(l, rest) : arena_dup(l->arena, rest);
        return load_trait_allowed(l, key, out->operand, place);
    }
    if (load_find_name(l, text, LOAD_NAME_MEASURE) != NULL)
        return load_operand_measure(l, key, place, out);
    load_unknown_operand(l, key);
    return false;
}

// ---- Groups and names ----

static int32_t load_group(struct loader *l, const struct config_node *node,
                          const struct config_node *list, enum condition_kind kind,
                          enum load_place place)
{
    if (!load_is_list(l, list, "a list of conditions"))
        return PLAYBOOK_NONE;
    size_t n = config_count(list);
    int32_t *children = mem_alloc(sizeof *children * n);
    bool good = true;
    for (size_t i = 0; i < n; i++) {
        children[i] = load_condition(l, config_at(list, i), place);
        good = good && children[i] != PLAYBOOK_NONE;
    }
    int32_t added = PLAYBOOK_NONE;
    if (good)
        added = n == 1 ? children[0] : load_add_group(l, node, kind, children, (int32_t)n);
    mem_free(children);
    return added;
}

static int32_t load_negation(struct loader *l, const struct config_node *node,
                             const struct config_node *right, enum load_place place)
{
    int32_t child = load_condition(l, right, place);
    return child == PLAYBOOK_NONE ? PLAYBOOK_NONE
                                  : load_add_group(l, node, CONDITION_NOT, &child, 1);
}

static bool load_signal_allowed(struct loader *l, const struct config_node *node,
                                enum load_place place)
{
    if (place != LOAD_IN_EVENT)
        return true;
    config_error_hint(l->config, node, "use properties., context., user. or account.",
                      "a signal cannot be looked at here, only the event and traits");
    return false;
}

static int32_t load_segment(struct loader *l, const struct config_node *right,
                            enum load_place place)
{
    const struct load_name *name = load_find_name(l, config_text(right), LOAD_NAME_SEGMENT);
    if (!load_signal_allowed(l, right, place))
        return PLAYBOOK_NONE;
    if (name == NULL) {
        load_unknown_name(l, right, "segment", 1u << LOAD_NAME_SEGMENT, NULL, 0);
        return PLAYBOOK_NONE;
    }
    return load_add_signal(l, right, name->at, l->signals[name->at].as.name);
}

int32_t load_always(struct loader *l, const struct config_node *node)
{
    return load_add(
        l, node, &(struct condition){.kind = CONDITION_ALWAYS, .text = "always", .threshold = ""});
}

static int32_t load_name_alone(struct loader *l, const struct config_node *node,
                               enum load_place place)
{
    struct span text = config_text(node);
    if (span_is(text, "always"))
        return load_always(l, node);
    const struct load_name *name = load_find_name(l, text, LOAD_NAME_SIGNAL);
    if (name != NULL) {
        if (!load_signal_allowed(l, node, place))
            return PLAYBOOK_NONE;
        return load_add_signal(l, node, name->at, l->signals[name->at].as.name);
    }
    if (load_find_name(l, text, LOAD_NAME_MEASURE) != NULL)
        config_error_hint(l->config, node, "give it a test, as in {reports: {at_least: 1}}",
                          "\"" SPAN_FMT "\" is a measure", SPAN_ARG(text));
    else if (load_find_name(l, text, LOAD_NAME_SEGMENT) != NULL)
        config_error_hint(l->config, node, "write it as {segment: name}",
                          "\"" SPAN_FMT "\" is a segment", SPAN_ARG(text));
    else if (place == LOAD_IN_EVENT)
        load_expected(l, node, "a condition",
                      "write a test, as in {context.user_agent: {contains: bot}}");
    else
        load_unknown_name(l, node, "signal", 1u << LOAD_NAME_SIGNAL, NULL, 0);
    return PLAYBOOK_NONE;
}

int32_t load_condition(struct loader *l, const struct config_node *node, enum load_place place)
{
    struct condition operand;
    if (config_kind(node) == CONFIG_SCALAR)
        return load_name_alone(l, node, place);
    if (config_kind(node) == CONFIG_SEQUENCE)
        return load_group(l, node, node, CONDITION_ALL, place);
    if (!load_is_mapping(l, node, "a condition"))
        return PLAYBOOK_NONE;
    if (config_count(node) > 1) {
        config_error_hint(l->config, config_key_at(node, 1),
                          "write a list to require several: [{..}, {..}]",
                          "a condition has one key, this has %zu", config_count(node));
        return PLAYBOOK_NONE;
    }
    const struct config_node *key = config_key_at(node, 0), *right = config_at(node, 0);
    struct span text = config_text(key);
    if (span_is(text, "all") || span_is(text, "any"))
        return load_group(l, node, right, span_is(text, "all") ? CONDITION_ALL : CONDITION_ANY,
                          place);
    if (span_is(text, "not"))
        return load_negation(l, node, right, place);
    if (span_is(text, "segment"))
        return load_segment(l, right, place);
    if (!load_operand(l, key, place, &operand))
        return PLAYBOOK_NONE;
    return load_tests(l, key, right, &operand, place);
}

static void load_line_part(const struct loader *l, int32_t at, bool nested, struct buf *out)
{
    const struct condition *condition = &l->conditions[at].as;
    bool group = condition->kind == CONDITION_ALL || condition->kind == CONDITION_ANY;
    if (condition->kind == CONDITION_NOT) {
        buf_append_text(out, "not ");
        load_line_part(l, condition->children[0], true, out);
    } else if (group) {
        buf_append_text(out, nested ? "(" : "");
        for (int32_t i = 0; i < condition->n_children; i++) {
            if (i > 0)
                buf_append_text(out, condition->kind == CONDITION_ALL ? " and " : " or ");
            load_line_part(l, condition->children[i], true, out);
        }
        buf_append_text(out, nested ? ")" : "");
    } else {
        buf_append_text(out, condition->text);
    }
}

void load_condition_line(const struct loader *l, int32_t at, struct buf *out)
{
    load_line_part(l, at, false, out);
}
