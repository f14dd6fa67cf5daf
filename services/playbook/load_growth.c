// SPDX-License-Identifier: Apache-2.0
// Growth: a measure against what it was some time before. The window of the measure moves on by
// days or hours, and so does that time.
#include "common/base/time_text.h"
#include "services/playbook/build.h"
#include "services/playbook/load_tests.h"

static bool load_growth_window(struct load_test *t, const struct config_node *at)
{
    const struct load_measure *entry = load_looked_at(t);
    enum measure_kind kind = entry == NULL ? MEASURE_FIRST : entry->as.kind;
    bool counts = kind == MEASURE_COUNT || kind == MEASURE_SUM || kind == MEASURE_DISTINCT_USERS ||
                  kind == MEASURE_DISTINCT_VALUES || kind == MEASURE_ACTIVE_DAYS ||
                  kind == MEASURE_MAX;
    if (entry != NULL && entry->broken)
        return false;
    if (!counts) {
        config_error_hint(t->l->config, at,
                          "use a measure count, sum, distinct, active_days or max",
                          "growth is told of measures that count, not of this");
        return false;
    }
    if (entry->as.window == WINDOW_DAYS || entry->as.window == WINDOW_HOURS)
        return true;
    config_error_hint(t->l->config, at, "give it one, as in window: 14d",
                      "growth needs a window in days or hours, and \"%s\" has none",
                      entry->as.name);
    return false;
}

// How far back, in buckets of the measure's window.
static bool load_growth_over(struct load_test *t, const struct config_node *at, struct growth *out,
                             struct buf *threshold)
{
    struct measure *measure = &t->l->measures[t->operand.measure].as;
    bool hours = measure->window == WINDOW_HOURS;
    const struct config_node *over = config_get(t->right, "over");
    int64_t bucket = hours ? TIME_HOUR_MS : TIME_DAY_MS, ms;
    int64_t most = (hours ? PLAYBOOK_WINDOW_HOURS_MAX : PLAYBOOK_WINDOW_DAYS_MAX);
    char duration[TIME_TEXT_MAX];
    if (over == NULL) {
        config_error_hint(t->l->config, at,
                          "add over: and the time in which it grew, as in over: 14d",
                          "missing key \"over\"");
        return false;
    }
    if (!config_read_duration(t->l->config, over, 1, most * bucket, &ms))
        return false;
    if (ms % bucket != 0) {
        config_error_hint(t->l->config, over, hours ? "write it in hours" : "write it in days",
                          "the window of \"%s\" moves on by the %s, and %s is not so many of them",
                          measure->name, hours ? "hour" : "day",
                          time_format_duration(ms, duration));
        return false;
    }
    out->lag = (int32_t)(ms / bucket);
    if (out->lag + measure->window_n > most) {
        config_error(t->l->config, over,
                     "the window of \"%s\" and this are at most %lld%c together, found %lld%c",
                     measure->name, (long long)most, hours ? 'h' : 'd',
                     (long long)(out->lag + measure->window_n), hours ? 'h' : 'd');
        return false;
    }
    measure->lag = measure->lag > out->lag ? measure->lag : out->lag;
    buf_printf(threshold, " over %s", time_format_duration(ms, duration));
    return true;
}

// The numbers of a growth, as a playbook writes them and as they are told: before them when they
// follow another, right before, right after.
enum growth_part { GROWTH_TO, GROWTH_FROM, GROWTH_BY, GROWTH_RATIO };
static const struct {
    const char *key, *joint, *before, *after;
} GROWTH[] = {
    [GROWTH_TO] = {"grew_to", "", "to ", ""},
    [GROWTH_FROM] = {"from_at_most", " ", "from at most ", ""},
    [GROWTH_BY] = {"grew_by", ", ", "by ", ""},
    [GROWTH_RATIO] = {"ratio", ", ", "", " times"},
};

static bool load_growth_parts(struct load_test *t, const struct config_node *at, struct growth *g,
                              struct buf *threshold)
{
    bool *const has[] = {&g->has_to, &g->has_from, &g->has_by, &g->has_ratio};
    int64_t *const numbers[] = {&g->to_milli, &g->from_milli, &g->by_milli, &g->ratio_milli};
    bool good = true;
    for (size_t i = 0; i < ARRAY_LEN(GROWTH); i++) {
        const struct config_node *node = config_get(t->right, GROWTH[i].key);
        if (node == NULL)
            continue;
        *has[i] = true;
        good = load_milli(t->l, node, numbers[i]) && good;
        buf_printf(threshold, "%s%s", threshold->len > 0 ? GROWTH[i].joint : "", GROWTH[i].before);
        playbook_append_milli(*numbers[i], threshold);
        buf_append_text(threshold, GROWTH[i].after);
    }
    if (!good)
        return false;
    if (g->has_ratio && (g->ratio_milli <= 0 || g->ratio_milli > 1000000 * INT64_C(1000))) {
        config_error(t->l->config, config_get(t->right, "ratio"),
                     "a ratio is above 0, at most 1000000, found \"" SPAN_FMT "\"",
                     SPAN_ARG(config_text(config_get(t->right, "ratio"))));
        return false;
    }
    if (g->has_by || g->has_ratio || (g->has_to && g->has_from))
        return true;
    config_error_hint(t->l->config, at,
                      g->has_to ? "add from_at_most: 5, or say it with grew_by or ratio"
                      : g->has_from
                          ? "add grew_to: 20, grew_by: 15 or ratio: 2"
                          : "add grew_to: 20 and from_at_most: 5, grew_by: 15 or ratio: 2",
                      "it does not say from where to where it grew");
    return false;
}

int32_t load_growth(struct load_test *t, const struct config_node *at)
{
    struct condition test = t->operand;
    struct buf threshold = {0};
    test.test = TEST_GREW;
    if (!load_growth_window(t, at) || !load_growth_parts(t, at, &test.growth, &threshold) ||
        !load_growth_over(t, at, &test.growth, &threshold)) {
        buf_deinit(&threshold);
        return PLAYBOOK_NONE;
    }
    return load_add_test(t, &test, PLAYBOOK_TEST_NAMES[TEST_GREW], &threshold);
}
