// SPDX-License-Identifier: Apache-2.0
// How much a rep may hold, and get within a time.
#include "common/base/mem.h"
#include "common/base/time_text.h"
#include "services/playbook/load_teams.h"

enum { PERIOD_DAYS_MAX = 31 };

// `none` takes away what the team says.
static bool load_is_none(const struct config_node *node)
{
    return config_kind(node) == CONFIG_SCALAR && config_plain(node) &&
           span_is(config_text(node), "none");
}

static void load_cap(struct loader *l, const struct config_node *node, const char *key,
                     int32_t *cap)
{
    const struct config_node *value = config_get(node, key);
    int64_t n = 0;
    if (value == NULL)
        return;
    if (load_is_none(value) || config_read_i64(l->config, value, 1, LOAD_CAP_MAX, &n))
        *cap = (int32_t)n;
}

static const struct config_node *load_needed(struct loader *l, const struct config_node *node,
                                             const char *key, const char *hint)
{
    const struct config_node *value = config_get(node, key);
    if (value == NULL)
        config_error_hint(l->config, node, hint, "missing key \"%s\"", key);
    return value;
}

static void load_cap_period(struct loader *l, const struct config_node *node, struct rep_caps *caps)
{
    static const char HINT[] = "write {at_most: 10, within: 7d}";
    int64_t n = 0, ms = 0;
    if (load_is_none(node)) {
        caps->per_period = 0;
        caps->period_ms = 0;
        return;
    }
    if (!load_is_mapping(l, node, "so many within a time, as in {at_most: 10, within: 7d}"))
        return;
    (void)load_check_form(l, node, SCHEMA_CAP_PERIOD);
    const struct config_node *at_most = load_needed(l, node, "at_most", HINT);
    const struct config_node *within = load_needed(l, node, "within", HINT);
    if (at_most != NULL)
        (void)config_read_i64(l->config, at_most, 1, LOAD_CAP_MAX, &n);
    if (within != NULL)
        (void)config_read_duration(l->config, within, TIME_MINUTE_MS,
                                   PERIOD_DAYS_MAX * (int64_t)TIME_DAY_MS, &ms);
    caps->per_period = (int32_t)n;
    caps->period_ms = ms;
}

static void load_cap_when(struct loader *l, const struct config_node *node, struct cap_when *out)
{
    static const char HINT[] = "write {if: {segment: enterprise}, open: 2}";
    int64_t open = 0;
    if (!load_is_mapping(l, node, "a cap, as in {if: {segment: enterprise}, open: 2}"))
        return;
    (void)load_check_form(l, node, SCHEMA_CAP_WHEN);
    const struct config_node *when = load_needed(l, node, "if", HINT);
    const struct config_node *n = load_needed(l, node, "open", HINT);
    out->condition = when != NULL ? load_when(l, when) : PLAYBOOK_NONE;
    if (n != NULL)
        (void)config_read_i64(l->config, n, 0, LOAD_CAP_MAX, &open);
    out->open = (int32_t)open;
}

static void load_caps_when(struct loader *l, const struct config_node *node, struct rep_caps *caps)
{
    caps->when = NULL;
    caps->n_when = 0;
    if (load_is_none(node) ||
        !load_is_list(l, node, "caps by condition, as in [{if: {segment: enterprise}, open: 2}]") ||
        !load_has_room(l, node, (int32_t)config_count(node) - 1, LOAD_CAPS_WHEN_MAX,
                       "caps by condition"))
        return;
    size_t n = config_count(node);
    struct cap_when *when = arena_alloc(l->arena, sizeof *when * n);
    for (size_t i = 0; i < n; i++)
        load_cap_when(l, config_at(node, i), &when[i]);
    caps->when = when;
    caps->n_when = (int32_t)n;
}

void load_caps(struct loader *l, const struct config_node *node, struct rep_caps *caps)
{
    if (node == NULL || !load_is_mapping(l, node, "caps, as in {open: 5, per_day: 3}"))
        return;
    (void)load_check_form(l, node, SCHEMA_CAPS);
    load_cap(l, node, "open", &caps->open);
    load_cap(l, node, "per_day", &caps->per_day);
    load_cap(l, node, "units", &caps->units);
    if (config_get(node, "per_period") != NULL)
        load_cap_period(l, config_get(node, "per_period"), caps);
    if (config_get(node, "when") != NULL)
        load_caps_when(l, config_get(node, "when"), caps);
}
