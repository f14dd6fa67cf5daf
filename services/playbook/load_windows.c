// SPDX-License-Identifier: Apache-2.0
// Since when a measure counts: windows, anchors, resets; and what time means within one.
#include "common/base/text.h"
#include "common/base/time_text.h"
#include "services/playbook/load_measures.h"

enum { LOAD_WINDOW_WEEKS_MAX = 57, LOAD_IDLE_DEFAULT_MS = 30 * TIME_MINUTE_MS };

static const struct load_window_unit {
    char letter;
    enum window_kind kind;
    int64_t max;
    const char *name, *hint;
} UNITS[] = {
    {'d', WINDOW_DAYS, PLAYBOOK_WINDOW_DAYS_MAX, "days", NULL},
    {'h', WINDOW_HOURS, PLAYBOOK_WINDOW_HOURS_MAX, "hours", "write longer ones in days"},
    {'w', WINDOW_WEEKS, LOAD_WINDOW_WEEKS_MAX, "weeks", NULL},
};

static const struct {
    const char *name;
    enum window_kind kind;
} CALENDAR[] = {
    {"day", WINDOW_CALENDAR_DAY},
    {"week", WINDOW_CALENDAR_WEEK},
    {"month", WINDOW_CALENDAR_MONTH},
};

// ---- Windows ----

static const char *load_window_hint(unsigned windows)
{
    if ((windows & 1u << WINDOW_HOURS) != 0)
        return "write 30d, 48h, 4w, day, week or month";
    return (windows & 1u << WINDOW_DAYS) != 0 ? "write 30d, day, week or month" : "write 4w";
}

static bool load_window_takes(struct load_definition *d, const struct config_node *node,
                              enum window_kind kind, const char *what)
{
    if ((d->windows & 1u << kind) != 0)
        return true;
    config_error_hint(d->l->config, node, load_window_hint(d->windows),
                      "%s takes no window %s, found \"" SPAN_FMT "\"", d->function, what,
                      SPAN_ARG(config_text(node)));
    return false;
}

// "30d", of which the letter is a unit's; NULL: it is none.
static const struct load_window_unit *load_window_unit(struct span text, int64_t *n)
{
    for (size_t i = 0; i < ARRAY_LEN(UNITS); i++) {
        if (text.len > 1 && ((const char *)text.ptr)[text.len - 1] == UNITS[i].letter &&
            text_to_i64(span_make(text.ptr, text.len - 1), n))
            return &UNITS[i];
    }
    return NULL;
}

static bool load_window(struct load_definition *d, const struct config_node *node)
{
    struct span text = config_text(node);
    int64_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(CALENDAR); i++) {
        if (!span_is(text, CALENDAR[i].name))
            continue;
        d->measure->window = CALENDAR[i].kind;
        return load_window_takes(d, node, CALENDAR[i].kind, "of the calendar");
    }
    const struct load_window_unit *unit = load_window_unit(text, &n);
    if (unit == NULL) {
        load_expected(d->l, node, "a window", load_window_hint(d->windows));
        return false;
    }
    d->measure->window = unit->kind;
    d->measure->window_n = (int32_t)n;
    char what[16] = "in ";
    if (!load_window_takes(d, node, unit->kind, strcat(what, unit->name)))
        return false;
    if (n >= 1 && n <= unit->max)
        return true;
    config_error_hint(d->l->config, node, unit->hint,
                      "a window in %s is from 1%c to %lld%c, found \"" SPAN_FMT "\"", unit->name,
                      unit->letter, (long long)unit->max, unit->letter, SPAN_ARG(text));
    return false;
}

// ---- Anchors ----

static bool load_anchor_from(struct load_definition *d)
{
    static const char *const NAMES[] = {"first", "last"};
    const struct config_node *from = config_get(d->node, "from");
    size_t at;
    if (from == NULL)
        return true;
    if (!config_read_choice(d->l->config, from, NAMES, ARRAY_LEN(NAMES), &at))
        return false;
    d->measure->anchor_last = at == 1;
    return true;
}

static bool load_within(struct load_definition *d, const struct config_node *within)
{
    return config_read_duration(d->l->config, within, 1, LOAD_DAYS_MAX * (int64_t)TIME_DAY_MS,
                                &d->measure->within_ms);
}

// What needs `after` and has none.
static void load_anchorless(struct load_definition *d, const char *name)
{
    const struct config_node *key = load_key(d->node, name);
    if (key == NULL)
        return;
    config_error_hint(d->l->config, key, "add after: and the event from which it counts",
                      "%s needs after", name);
    d->good = false;
}

static void load_anchor(struct load_definition *d)
{
    const struct config_node *after = config_get(d->node, "after");
    const struct config_node *within = config_get(d->node, "within");
    const struct config_node *window = load_key(d->node, "window");
    bool from = load_anchor_from(d);
    d->good = d->good && from;
    if (within != NULL && !load_within(d, within))
        d->good = false;
    if (after == NULL) {
        load_anchorless(d, "within");
        load_anchorless(d, "from");
        return;
    }
    d->measure->window = WINDOW_ANCHORED;
    d->measure->anchor = load_event(d->l, after);
    d->good = d->good && d->measure->anchor != PLAYBOOK_NONE && window == NULL;
    if (window != NULL)
        config_error_hint(d->l->config, window, "within is the window of such a measure",
                          "window does not go with after");
    if (within != NULL)
        return;
    d->measure->within_ms = INT64_MAX;
    if (d->measure->anchor_last || !from)
        return;
    config_error_hint(d->l->config, load_key(d->node, "after"),
                      "add within: and how long after it, as in within: 48h", "after needs within");
    d->good = false;
}

// ---- Resets ----

static void load_resets(struct load_definition *d)
{
    static const char *const OTHERS[] = {"window", "after"};
    const struct config_node *resets = config_get(d->node, "resets_on");
    if (resets == NULL)
        return;
    for (size_t i = 0; i < ARRAY_LEN(OTHERS); i++) {
        const struct config_node *other = load_key(d->node, OTHERS[i]);
        if (other == NULL)
            continue;
        config_error_hint(d->l->config, other, "such a measure counts since its latest reset",
                          "%s does not go with resets_on", OTHERS[i]);
        d->good = false;
    }
    d->measure->window = WINDOW_RESET;
    if (config_kind(resets) == CONFIG_SCALAR && config_plain(resets) &&
        span_is(config_text(resets), "any")) {
        config_error_hint(d->l->config, resets, "name the events that begin it anew",
                          "any cannot reset: nothing would ever count");
        d->good = false;
        return;
    }
    d->measure->resets = load_events(d->l, resets, &d->measure->n_resets);
    d->good = d->good && d->measure->resets != NULL;
}

// ---- The whole ----

static void load_idle(struct load_definition *d)
{
    const struct config_node *idle = config_get(d->node, "idle");
    d->measure->idle_ms = LOAD_IDLE_DEFAULT_MS;
    if (idle != NULL && !config_read_duration(d->l->config, idle, TIME_MINUTE_MS, TIME_DAY_MS,
                                              &d->measure->idle_ms))
        d->good = false;
}

static void load_sequence_within(struct load_definition *d)
{
    const struct config_node *within = config_get(d->node, "within");
    if (within == NULL)
        config_error_hint(d->l->config, d->node,
                          "add within: and how long all of it may take, as in within: 7d",
                          "sequence needs within");
    if (within == NULL || !load_within(d, within))
        d->good = false;
}

void load_windows(struct load_definition *d)
{
    const struct config_node *window = config_get(d->node, "window");
    if ((d->keys & LOAD_KEY_WINDOW) != 0 && window != NULL && !load_window(d, window))
        d->good = false;
    if ((d->keys & LOAD_KEY_AFTER) != 0)
        load_anchor(d);
    if ((d->keys & LOAD_KEY_RESETS) != 0)
        load_resets(d);
    if ((d->keys & LOAD_KEY_IDLE) != 0)
        load_idle(d);
    if (d->measure->kind == MEASURE_SEQUENCE)
        load_sequence_within(d);
}
