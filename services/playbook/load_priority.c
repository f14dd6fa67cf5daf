// SPDX-License-Identifier: Apache-2.0
// Which lead is handed out first, and how much work each one is.
#include "common/base/mem.h"
#include "common/base/time_text.h"
#include "services/playbook/load_teams.h"

enum { ADD_MAX = 1000, UNITS_MAX = 100, AGE_POINTS_MAX = 1000, AGE_DAYS_MAX = 31 };

// {when: CONDITION, KEY: NUMBER}; the condition, and PLAYBOOK_NONE with the mistake reported.
static int32_t load_rule(struct loader *l, const struct config_node *node, enum schema_form form,
                         const char *key, const char *example, int64_t min, int64_t max, int64_t *n)
{
    int32_t when = PLAYBOOK_NONE;
    const char *const keys[] = {"when", key};
    bool good = load_is_mapping(l, node, arena_printf(l->arena, "a rule, as in %s", example)) &&
                load_check_form(l, node, form);
    for (size_t i = 0; good && i < ARRAY_LEN(keys); i++) {
        if (config_get(node, keys[i]) == NULL)
            config_error_hint(l->config, node, arena_printf(l->arena, "write %s", example),
                              "missing key \"%s\"", keys[i]);
    }
    if (config_get(node, key) != NULL)
        good = config_read_i64(l->config, config_get(node, key), min, max, n) && good;
    if (config_get(node, "when") != NULL)
        when = load_when(l, config_get(node, "when"));
    return good ? when : PLAYBOOK_NONE;
}

static bool load_is_rules(struct loader *l, const struct config_node *node, const char *what)
{
    return node != NULL && load_is_list(l, node, "a list of rules") &&
           load_has_room(l, node, (int32_t)config_count(node) - 1, LOAD_RULES_MAX, what);
}

void load_priorities(struct loader *l, const struct config_node *node)
{
    if (!load_is_rules(l, node, "rules of priority"))
        return;
    for (size_t i = 0; i < config_count(node); i++) {
        int64_t add = 0;
        int32_t when = load_rule(l, config_at(node, i), SCHEMA_PRIORITY, "add",
                                 "{when: {segment: enterprise}, add: 50}", -ADD_MAX, ADD_MAX, &add);
        MEM_GROW(l->priorities, l->n_priorities, l->cap_priorities);
        l->priorities[l->n_priorities++] = (struct priority_rule){when, (int32_t)add};
    }
}

void load_efforts(struct loader *l, const struct config_node *node)
{
    if (!load_is_rules(l, node, "rules of effort"))
        return;
    for (size_t i = 0; i < config_count(node); i++) {
        int64_t units = 0;
        int32_t when = load_rule(l, config_at(node, i), SCHEMA_EFFORT, "units",
                                 "{when: {segment: enterprise}, units: 3}", 1, UNITS_MAX, &units);
        MEM_GROW(l->efforts, l->n_efforts, l->cap_efforts);
        l->efforts[l->n_efforts++] = (struct effort_rule){when, (int32_t)units};
    }
}

struct load_aging_fields {
    int64_t points, every_ms;
};

static const struct config_field AGING_FIELDS[] = {
    {"points", CONFIG_INT, offsetof(struct load_aging_fields, points), NULL, 1, AGE_POINTS_MAX,
     NULL, "What waiting adds to the priority."},
    {"every", CONFIG_DURATION, offsetof(struct load_aging_fields, every_ms), NULL, TIME_MINUTE_MS,
     AGE_DAYS_MAX *(int64_t)TIME_DAY_MS, NULL, "How often it does."},
};

void load_aging(struct loader *l, const struct config_node *node)
{
    struct load_aging_fields fields;
    if (node == NULL ||
        !load_is_mapping(l, node, "points and a time, as in {points: 1, every: 1h}"))
        return;
    (void)load_check_form(l, node, SCHEMA_AGING);
    if (!config_fill_known(l->config, node, AGING_FIELDS, ARRAY_LEN(AGING_FIELDS), &fields,
                           l->arena))
        return;
    l->playbook->age_points = (int32_t)fields.points;
    l->playbook->age_ms = fields.every_ms;
}
