// SPDX-License-Identifier: Apache-2.0
// The tests of one operand. What the operand is decides which tests it takes and how their right
// side is read: a number, a time, a value, the name of something else to compare with. What a
// playbook may write in a shorter way is put in terms of the few tests that the cores know.
#include "common/base/check.h"
#include "common/base/mem.h"
#include "services/playbook/build.h"
#include "services/playbook/load_tests.h"

// What can stand under an operand. Those from PLAYBOOK_TESTS on are no tests of the cores.
enum {
    WRITTEN_PERCENT_LEAST = PLAYBOOK_TESTS,
    WRITTEN_PERCENT_MOST,
    WRITTEN_OF,
    WRITTEN_GREW_TO,
    WRITTEN_FROM,
    WRITTEN_GREW_BY,
    WRITTEN_RATIO,
    WRITTEN_OVER,
    WRITTEN_BAND,
    WRITTEN
};
// PLAYBOOK_TEST_NAMES stand before them.
static const char *const MORE_NAMES[] = {
    [WRITTEN_PERCENT_LEAST - PLAYBOOK_TESTS] = "at_least_percent",
    [WRITTEN_PERCENT_MOST - PLAYBOOK_TESTS] = "at_most_percent",
    [WRITTEN_OF - PLAYBOOK_TESTS] = "of",
    [WRITTEN_GREW_TO - PLAYBOOK_TESTS] = "grew_to",
    [WRITTEN_FROM - PLAYBOOK_TESTS] = "from_at_most",
    [WRITTEN_GREW_BY - PLAYBOOK_TESTS] = "grew_by",
    [WRITTEN_RATIO - PLAYBOOK_TESTS] = "ratio",
    [WRITTEN_OVER - PLAYBOOK_TESTS] = "over",
    [WRITTEN_BAND - PLAYBOOK_TESTS] = "band",
};
enum { PERCENT_MAX = 100000 };

static const char *load_keep_text(struct loader *l, struct buf *text)
{
    const char *kept = arena_dup(l->arena, buf_span(text));
    buf_deinit(text);
    return kept;
}

const struct load_measure *load_looked_at(const struct load_test *t)
{
    return t->operand.operand == OPERAND_MEASURE ? &t->l->measures[t->operand.measure] : NULL;
}

// ---- What an operand takes ----

enum load_class load_class_of(const struct loader *l, const struct condition *operand)
{
    if (operand->operand == OPERAND_PROPERTY || operand->operand == OPERAND_CONTEXT)
        return CLASS_EVENT;
    if (operand->operand != OPERAND_MEASURE)
        return CLASS_TRAIT;
    const struct measure *measure = &l->measures[operand->measure].as;
    switch (measure->kind) {
    case MEASURE_FIRST:
    case MEASURE_LAST:
        return CLASS_INSTANT;
    case MEASURE_FIRST_VALUE:
    case MEASURE_LAST_VALUE:
        return CLASS_VALUE;
    case MEASURE_GRADE:
        return CLASS_GRADE;
    case MEASURE_TIME_SPENT:
    case MEASURE_SINCE:
        return CLASS_DURATION;
    case MEASURE_MAX:
    case MEASURE_MIN:
    case MEASURE_AVERAGE:
        return CLASS_MAYBE;
    case MEASURE_COUNT:
    case MEASURE_BUSIEST_HOUR:
    case MEASURE_SUM:
    case MEASURE_DISTINCT_USERS:
    case MEASURE_DISTINCT_VALUES:
    case MEASURE_ACTIVE_DAYS:
    case MEASURE_ACTIVE_WEEKS:
    case MEASURE_DAY_STREAK:
    case MEASURE_WEEK_STREAK:
    case MEASURE_SEQUENCE:
    case MEASURE_SCORE:
    case MEASURE_POINTS:
    case MEASURE_WEIGHTED:
    case MEASURE_BEST:
    case MEASURE_USERS_WITH:
        return CLASS_NUMBER;
    }
    CHECK(false);
}

static bool load_takes(const struct load_test *t, enum load_class class, enum test_kind kind)
{
    bool value = class == CLASS_VALUE || class == CLASS_TRAIT || class == CLASS_EVENT;
    bool number = class == CLASS_NUMBER || class == CLASS_MAYBE;
    switch (kind) {
    case TEST_AT_LEAST:
    case TEST_AT_MOST:
    case TEST_ABOVE:
    case TEST_BELOW:
    case TEST_BETWEEN:
        return value || number || class == CLASS_DURATION;
    case TEST_IS:
    case TEST_IN:
        return value || number || class == CLASS_GRADE;
    case TEST_CONTAINS:
        return value;
    case TEST_EXISTS:
        return value || class == CLASS_INSTANT || class == CLASS_MAYBE ||
               (class == CLASS_DURATION && load_looked_at(t)->as.kind == MEASURE_SINCE);
    case TEST_WITHIN:
    case TEST_LATER_THAN:
        return class == CLASS_INSTANT;
    case TEST_IS_PAST:
        return class == CLASS_VALUE || (class == CLASS_TRAIT && t->place != LOAD_IN_EVENT);
    case TEST_GREW:
        return class == CLASS_NUMBER || class == CLASS_MAYBE;
    }
    CHECK(false);
}

// Whether the operand takes this test; `at` is where the mistake stands.
static bool load_test_allowed(const struct load_test *t, const struct config_node *at,
                              enum test_kind kind, const char *name)
{
    static const char *const WHAT[CLASSES] = {
        [CLASS_NUMBER] = "a measure that is a number",
        [CLASS_MAYBE] = "a measure that is a number",
        [CLASS_DURATION] = "a measure that is a time",
        [CLASS_INSTANT] = "a first or last measure",
        [CLASS_VALUE] = "a first or last value",
        [CLASS_GRADE] = "a grade",
        [CLASS_TRAIT] = "a trait",
        [CLASS_EVENT] = "a part of an event",
    };
    static const char *const INSTEAD[CLASSES] = {
        [CLASS_NUMBER] = "a measure is always there, from 0 on: use at_least: 1",
        [CLASS_MAYBE] = "compare it with a number: at_least: 1",
        [CLASS_DURATION] = "compare it with a time: at_least: 14d",
        [CLASS_INSTANT] = "use within: 7d, or exists: true",
        [CLASS_GRADE] = "use is: A1, or in: [A1, A2]",
    };
    const struct load_measure *measure = load_looked_at(t);
    enum load_class class = load_class_of(t->l, &t->operand);
    if (measure != NULL && measure->broken)
        return true;
    if (load_takes(t, class, kind))
        return true;
    if (kind == TEST_WITHIN && class != CLASS_INSTANT)
        config_error_hint(t->l->config, at, "a measure counts within a time by its own window",
                          "within goes with first and last measures only");
    else if (kind == TEST_LATER_THAN)
        config_error_hint(t->l->config, at, "compare two instants: {last_paid: {later_than: ..}}",
                          "later_than goes with first and last measures only");
    else if (kind == TEST_IS_PAST && t->place == LOAD_IN_EVENT)
        config_error_hint(t->l->config, at, "use it in a signal",
                          "is_past cannot stand here, where an event is looked at");
    else if (kind == TEST_IS_PAST)
        config_error_hint(t->l->config, at, "test an instant: a trait, or last: properties.ends_at",
                          "is_past goes with traits, and with first and last values");
    else
        config_error_hint(t->l->config, at, INSTEAD[class], "%s does not go with %s", name,
                          WHAT[class]);
    return false;
}

// ---- One test ----

// Takes `threshold`. `name`: how the test is told.
int32_t load_add_test(struct load_test *t, struct condition *test, const char *name,
                      struct buf *threshold)
{
    struct buf text = {0};
    buf_printf(&text, "%s %s " SPAN_FMT, t->left, name, SPAN_ARG(buf_span(threshold)));
    test->text = load_keep_text(t->l, &text);
    test->threshold = load_keep_text(t->l, threshold);
    int32_t added = load_add_condition(t->l, t->key, test);
    if (added == PLAYBOOK_NONE || t->place != LOAD_IN_ROUTE)
        return added;
    return load_hoist(t->l, t->key, added);
}

static int32_t load_plain_test(struct load_test *t, const struct config_node *node,
                               enum test_kind kind)
{
    struct condition test = t->operand;
    struct buf threshold = {0};
    test.test = kind;
    if (!load_test_right(t, node, &test, &threshold)) {
        buf_deinit(&threshold);
        return PLAYBOOK_NONE;
    }
    return load_add_test(t, &test, PLAYBOOK_TEST_NAMES[kind], &threshold);
}

static int32_t load_percent_test(struct load_test *t, const struct config_node *node,
                                 enum test_kind kind)
{
    struct condition test = t->operand;
    const struct config_node *of = config_get(t->right, "of");
    struct buf threshold = {0};
    int64_t percent;
    test.test = kind;
    if (of == NULL || !load_ref(t, of, &test.of) || !load_milli(t->l, node, &percent))
        return PLAYBOOK_NONE;
    if (percent <= 0 || percent > PERCENT_MAX * INT64_C(1000)) {
        config_error(t->l->config, node,
                     "a percentage is above 0, at most %d, found \"" SPAN_FMT "\"", PERCENT_MAX,
                     SPAN_ARG(config_text(node)));
        return PLAYBOOK_NONE;
    }
    test.low_milli = percent;
    playbook_append_milli(percent, &threshold);
    buf_printf(&threshold, " %% of " SPAN_FMT, SPAN_ARG(config_text(of)));
    return load_add_test(t, &test, PLAYBOOK_TEST_NAMES[kind], &threshold);
}

static int32_t load_number_test(struct load_test *t, const struct config_node *node, size_t written)
{
    if (written == WRITTEN_PERCENT_LEAST)
        return load_percent_test(t, node, TEST_AT_LEAST);
    if (written == WRITTEN_PERCENT_MOST)
        return load_percent_test(t, node, TEST_AT_MOST);
    return load_plain_test(t, node, (enum test_kind)written);
}

// ---- By segment ----

// {default: 3, enterprise: 5}: in the segment that one, else what follows.
static int32_t load_by_segment(struct load_test *t, const struct config_node *node, size_t written)
{
    const struct config_node *otherwise = config_get(node, "default");
    if (otherwise == NULL) {
        config_error_hint(t->l->config, node, "add default: for all other accounts",
                          "missing key \"default\"");
        return PLAYBOOK_NONE;
    }
    int32_t rest = load_number_test(t, otherwise, written);
    for (size_t i = config_count(node); i-- > 0;) {
        const struct config_node *segment = config_key_at(node, i);
        if (config_at(node, i) == otherwise)
            continue;
        int32_t within = load_segment(t->l, segment, t->place);
        int32_t without =
            within == PLAYBOOK_NONE ? PLAYBOOK_NONE : load_segment(t->l, segment, t->place);
        int32_t test = load_number_test(t, config_at(node, i), written);
        if (rest == PLAYBOOK_NONE || without == PLAYBOOK_NONE || test == PLAYBOOK_NONE) {
            rest = PLAYBOOK_NONE;
            continue;
        }
        without = load_join(t->l, t->key, CONDITION_NOT, &without, 1);
        int32_t here = load_join(t->l, t->key, CONDITION_ALL, (int32_t[]){within, test}, 2);
        rest = load_join(t->l, t->key, CONDITION_ALL, (int32_t[]){without, rest}, 2);
        rest = load_join(t->l, t->key, CONDITION_ANY, (int32_t[]){here, rest}, 2);
    }
    return rest;
}

// ---- Bands ----

static void load_unknown_band(struct load_test *t, const struct config_node *node,
                              const struct measure *measure)
{
    const char **names = mem_alloc(sizeof *names * (size_t)measure->n_bands);
    for (int32_t i = 0; i < measure->n_bands; i++)
        names[i] = measure->bands[i].name;
    config_error_unknown(t->l->config, node, "band", names, (size_t)measure->n_bands);
    mem_free(names);
}

// A band ends right before the next one begins, a thousandth below.
static int32_t load_one_band(struct load_test *t, const struct config_node *node)
{
    const struct measure *measure = &load_looked_at(t)->as;
    struct condition test = t->operand;
    struct buf threshold = {0};
    for (int32_t i = 0; i < measure->n_bands; i++) {
        if (!span_is(config_text(node), measure->bands[i].name))
            continue;
        bool last = i + 1 == measure->n_bands;
        test.test = last ? TEST_AT_LEAST : TEST_BETWEEN;
        test.low_milli = measure->bands[i].from_milli;
        test.high_milli = last ? 0 : measure->bands[i + 1].from_milli - 1;
        buf_append_text(&threshold, measure->bands[i].name);
        return load_add_test(t, &test, "band", &threshold);
    }
    load_unknown_band(t, node, measure);
    return PLAYBOOK_NONE;
}

static int32_t load_band(struct load_test *t, const struct config_node *at,
                         const struct config_node *node)
{
    const struct load_measure *entry = load_looked_at(t);
    if (entry != NULL && entry->broken)
        return PLAYBOOK_NONE;
    if (entry == NULL || entry->as.n_bands == 0) {
        config_error_hint(t->l->config, at, "give a score its bands: {Cold: 0, Warm: 40}",
                          "\"%s\" has no bands", t->left);
        return PLAYBOOK_NONE;
    }
    if (config_kind(node) == CONFIG_SCALAR)
        return load_one_band(t, node);
    if (!load_is_list(t->l, node, "a band or a list of bands"))
        return PLAYBOOK_NONE;
    int32_t *any = mem_alloc(sizeof *any * config_count(node)), added = PLAYBOOK_NONE;
    bool good = true;
    for (size_t i = 0; i < config_count(node); i++) {
        any[i] = load_one_band(t, config_at(node, i));
        good = good && any[i] != PLAYBOOK_NONE;
    }
    if (good)
        added = load_join(t->l, t->key, CONDITION_ANY, any, (int32_t)config_count(node));
    mem_free(any);
    return added;
}

// ---- All tests of an operand ----

static const char *load_written_name(size_t written)
{
    return written < PLAYBOOK_TESTS ? PLAYBOOK_TEST_NAMES[written]
                                    : MORE_NAMES[written - PLAYBOOK_TESTS];
}

static bool load_check_tests(struct load_test *t)
{
    const char *names[WRITTEN];
    size_t n = 0;
    for (size_t i = 0; i < WRITTEN; i++) {
        if (i != TEST_GREW)
            names[n++] = load_written_name(i);
    }
    return config_check_keys(t->l->config, t->right, names, n);
}

static bool load_check_percent(struct load_test *t)
{
    const struct config_node *least = load_key(t->right, "at_least_percent");
    const struct config_node *most = load_key(t->right, "at_most_percent");
    const struct config_node *of = load_key(t->right, "of");
    const struct config_node *percent = least != NULL ? least : most;
    if (percent != NULL && of == NULL)
        config_error_hint(t->l->config, percent, "add of: and a trait or a measure",
                          "a percentage needs what it is of");
    if (percent == NULL && of != NULL)
        config_error_hint(t->l->config, of, "write at_least_percent: 80, of: account.limit",
                          "of goes with at_least_percent and at_most_percent");
    return (percent == NULL) == (of == NULL);
}

static bool load_is_growth(size_t written)
{
    return written >= WRITTEN_GREW_TO && written <= WRITTEN_OVER;
}

static int32_t load_written(struct load_test *t, const struct config_node *at,
                            const struct config_node *node, size_t written)
{
    bool percent = written == WRITTEN_PERCENT_LEAST || written == WRITTEN_PERCENT_MOST;
    enum test_kind kind = percent ? TEST_AT_LEAST : (enum test_kind)written;
    if (written == WRITTEN_BAND)
        return load_band(t, at, node);
    if (load_is_growth(written))
        return load_growth(t, at);
    if (!load_test_allowed(t, at, kind, load_written_name(written)))
        return PLAYBOOK_NONE;
    if (percent && load_class_of(t->l, &t->operand) == CLASS_DURATION) {
        config_error_hint(t->l->config, at, "compare it with a time: at_least: 14d",
                          "%s does not go with a measure that is a time",
                          load_written_name(written));
        return PLAYBOOK_NONE;
    }
    if (kind <= TEST_BETWEEN && config_kind(node) == CONFIG_MAPPING && config_count(node) > 0)
        return load_by_segment(t, node, written);
    return load_number_test(t, node, written);
}

static int32_t load_test_mapping(struct load_test *t)
{
    size_t n = config_count(t->right);
    int32_t *children = mem_alloc(sizeof *children * n), n_children = 0, added = PLAYBOOK_NONE;
    bool good = load_check_tests(t), grew = false;
    good = load_check_percent(t) && good;
    for (size_t i = 0; i < n; i++) {
        const struct config_node *at = config_key_at(t->right, i);
        size_t written = 0;
        while (written < WRITTEN &&
               (written == TEST_GREW || !span_is(config_text(at), load_written_name(written))))
            written++;
        if (written == WRITTEN || written == WRITTEN_OF || (grew && load_is_growth(written)))
            continue;
        grew = grew || load_is_growth(written);
        int32_t child = load_written(t, at, config_at(t->right, i), written);
        good = good && child != PLAYBOOK_NONE;
        children[n_children++] = child;
    }
    if (good)
        added = load_join(t->l, t->key, CONDITION_ALL, children, n_children);
    mem_free(children);
    return added;
}

int32_t load_tests(struct loader *l, const struct config_node *key, const struct config_node *right,
                   const struct condition *operand, const char *left, enum load_place place)
{
    struct load_test t = {l, key, right, *operand, left, place};
    if (config_kind(right) == CONFIG_SEQUENCE) {
        load_expected(l, right, "a value or tests", "one of several is written in: [a, b]");
        return PLAYBOOK_NONE;
    }
    if (config_kind(right) == CONFIG_MAPPING)
        return load_is_mapping(l, right, "a value or tests") ? load_test_mapping(&t)
                                                             : PLAYBOOK_NONE;
    if (!load_test_allowed(&t, right, TEST_IS, PLAYBOOK_TEST_NAMES[TEST_IS]))
        return PLAYBOOK_NONE;
    return load_plain_test(&t, right, TEST_IS);
}

int32_t load_at_least(struct loader *l, const struct config_node *node, int32_t measure,
                      const char *left, int64_t milli, enum load_place place)
{
    struct condition operand = {.kind = CONDITION_TEST,
                                .operand = OPERAND_MEASURE,
                                .measure = measure,
                                .key = "",
                                .test = TEST_AT_LEAST,
                                .low_milli = milli};
    struct load_test t = {l, node, node, operand, left, place};
    struct buf threshold = {0};
    playbook_append_milli(milli, &threshold);
    return load_add_test(&t, &operand, PLAYBOOK_TEST_NAMES[TEST_AT_LEAST], &threshold);
}
