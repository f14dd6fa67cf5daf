// SPDX-License-Identifier: Apache-2.0
// Where leads go, and the queues that they wait in.
#include "common/base/mem.h"
#include "common/base/time_text.h"
#include "services/playbook/load_facts.h"
#include "services/playbook/load_teams.h"

struct load_queue_fields {
    int64_t lease_ms;
    int64_t attempts;
    int deliver;
};

static const char *const DELIVERIES[] = {"at_once", "busiest_hour", NULL};

static const struct config_field QUEUE_FIELDS[] = {
    {"lease", CONFIG_DURATION, offsetof(struct load_queue_fields, lease_ms), "15m", TIME_SECOND_MS,
     7 * (int64_t)TIME_DAY_MS, NULL, "How long a consumer holds a lead when it does not say."},
    {"attempts", CONFIG_INT, offsetof(struct load_queue_fields, attempts), "5", 1, 100, NULL,
     "Leases that ran out or were given back before the lead is parked."},
    {"deliver", CONFIG_CHOICE, offsetof(struct load_queue_fields, deliver), "at_once", 0, 0,
     DELIVERIES, "When a lead can be had."},
};

int32_t load_find_queue(const struct loader *l, struct span name)
{
    for (int32_t i = 0; i < l->n_queues; i++) {
        if (span_is(name, l->queues[i].name))
            return i;
    }
    return PLAYBOOK_NONE;
}

static void load_queue(struct loader *l, const char *name, const struct config_node *node)
{
    struct load_queue_fields fields;
    int32_t at = load_find_queue(l, span_of(name));
    if (node != NULL && config_kind(node) == CONFIG_SCALAR && config_text(node).len == 0)
        node = NULL; // "support:" alone: all defaults
    (void)config_fill(l->config, node, QUEUE_FIELDS, ARRAY_LEN(QUEUE_FIELDS), &fields, l->arena);
    if (at == PLAYBOOK_NONE) {
        MEM_GROW(l->queues, l->n_queues, l->cap_queues);
        at = l->n_queues++;
    }
    l->queues[at] = (struct lead_queue){
        .name = name,
        .lease_ms = fields.lease_ms,
        .attempts_max = (int32_t)fields.attempts,
        .busiest_hour = fields.deliver == 1,
        .team = PLAYBOOK_NONE,
    };
    if (fields.deliver == 1)
        load_busiest_hour(l, config_get(node, "deliver"));
}

void load_queues(struct loader *l, const struct config_node *node)
{
    load_queue(l, motion_name(MOTION_SALES), NULL);
    load_queue(l, motion_name(MOTION_SELF_SERVE), NULL);
    if (node == NULL || !load_is_mapping(l, node, "queues, as in {enterprise: {lease: 15m}}"))
        return;
    for (size_t i = 0; i < config_count(node); i++) {
        const struct config_node *key = config_key_at(node, i);
        if (!load_has_room(l, key, l->n_queues, PLAYBOOK_QUEUES_MAX, "queues"))
            return;
        if (load_check_name(l, key))
            load_queue(l, arena_dup(l->arena, config_text(key)), config_at(node, i));
    }
}

void load_unknown_queue(struct loader *l, const struct config_node *node)
{
    const char **names = mem_alloc(sizeof *names * (size_t)l->n_queues);
    for (int32_t i = 0; i < l->n_queues; i++)
        names[i] = l->queues[i].name;
    config_error_unknown(l->config, node, "queue", names, (size_t)l->n_queues);
    mem_free(names);
}

static bool load_motion_queue(struct loader *l, const struct config_node *node, enum motion motion,
                              int32_t *out)
{
    const struct config_node *queue = config_get(node, "queue"), *said = config_get(node, "motion");
    bool waits = motion != MOTION_HOLD_OUT && motion != MOTION_SUPPRESS;
    *out = PLAYBOOK_NONE;
    if (!waits && queue != NULL) {
        config_error_hint(l->config, load_key(node, "queue"), "leave it out",
                          "%s keeps a lead out of every queue", motion_name(motion));
        return false;
    }
    if (!waits)
        return true;
    *out = load_find_queue(l, queue != NULL ? config_text(queue) : span_of(motion_name(motion)));
    if (*out != PLAYBOOK_NONE)
        return true;
    if (queue != NULL)
        load_unknown_queue(l, queue);
    else
        config_error_hint(l->config, said != NULL ? said : node,
                          "add queue: and its name, or declare it under queues",
                          "there is no queue \"%s\"", motion_name(motion));
    return false;
}

static bool load_motion_name(struct loader *l, const struct config_node *node, enum motion *out)
{
    const char *names[MOTION_SUPPRESS + 1];
    size_t at;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        names[i] = motion_name((enum motion)i);
    if (!config_read_choice(l->config, node, names, ARRAY_LEN(names), &at))
        return false;
    *out = (enum motion)at;
    return true;
}

static bool load_motion_of_rule(struct loader *l, const struct config_node *node, enum motion *out)
{
    const struct config_node *motion = config_get(node, "motion");
    if (motion != NULL)
        return load_motion_name(l, motion, out);
    config_error_hint(l->config, node, "sales, self_serve, success, hold_out or suppress",
                      "missing key \"motion\"");
    return false;
}

bool load_motion(struct loader *l, const struct config_node *node, enum motion *motion,
                 int32_t *queue)
{
    static const char *const KEYS[] = {"motion", "queue"};
    *queue = PLAYBOOK_NONE;
    if (config_kind(node) == CONFIG_SCALAR)
        return load_motion_name(l, node, motion) && load_motion_queue(l, node, *motion, queue);
    if (!load_is_mapping(l, node, "a motion, as in self_serve or {motion: sales, queue: backup}"))
        return false;
    bool good = config_check_keys(l->config, node, KEYS, ARRAY_LEN(KEYS));
    return load_motion_of_rule(l, node, motion) && load_motion_queue(l, node, *motion, queue) &&
           good;
}

// ---- Conditions of rules ----

int32_t load_when(struct loader *l, const struct config_node *when)
{
    if (when != NULL)
        return load_condition(l, when, LOAD_IN_ROUTE);
    if (l->always == PLAYBOOK_NONE)
        l->always = load_always(l, config_root(l->config));
    return l->always;
}

const char *load_when_text(struct loader *l, int32_t condition)
{
    struct buf line = {0};
    if (condition == PLAYBOOK_NONE)
        return "";
    load_condition_line(l, condition, &line);
    const char *text = arena_dup(l->arena, buf_span(&line));
    buf_deinit(&line);
    return text;
}

// ---- Rules ----

// The condition of one rule, `rule` when it says none; true when it always holds.
static bool load_route_when(struct loader *l, const struct config_node *rule,
                            const struct config_node *when, struct route *route)
{
    route->when = when != NULL ? load_condition(l, when, LOAD_IN_ROUTE) : load_always(l, rule);
    route->text = load_when_text(l, route->when);
    if (route->when != PLAYBOOK_NONE)
        return l->conditions[route->when].as.kind == CONDITION_ALWAYS;
    l->rules_broken = true;
    return false;
}

static void load_route_message(struct loader *l, const struct config_node *node,
                               struct route *route)
{
    if (node == NULL)
        return;
    struct span text = config_kind(node) == CONFIG_SCALAR ? config_text(node) : span_of("");
    if (text.len == 0 || text.len > LOAD_TEXT_BYTES_MAX)
        load_expected(l, node, "the name of a message", "message: upgrade_prompt");
    else
        route->message = arena_dup(l->arena, text);
}

// True when the rule always holds.
static bool load_route(struct loader *l, const struct config_node *node)
{
    struct route route = {.queue = PLAYBOOK_NONE, .message = ""};
    int64_t priority = 0;
    bool mapping = load_is_mapping(l, node, "a rule, as in {when: always, motion: self_serve}");
    if (!mapping || !load_check_form(l, node, SCHEMA_ROUTE))
        l->rules_broken = true;
    if (!mapping)
        return false;
    bool always = load_route_when(l, node, config_get(node, "when"), &route);
    if (load_motion_of_rule(l, node, &route.motion))
        (void)load_motion_queue(l, node, route.motion, &route.queue);
    const struct config_node *number = config_get(node, "priority");
    const struct config_node *first = config_get(node, "first");
    if (number != NULL)
        (void)config_read_i64(l->config, number, 0, 1000, &priority);
    if (first != NULL)
        (void)config_read_bool(l->config, first, &route.first);
    if (always && route.first)
        config_error_hint(l->config, load_key(node, "first"),
                          "give the rule a condition, and let a later one hold always",
                          "the lead that comes next would have nowhere to go");
    route.priority = (int32_t)priority;
    load_route_message(l, config_get(node, "message"), &route);
    MEM_GROW(l->routes, l->n_routes, l->cap_routes);
    l->routes[l->n_routes++] = route;
    return always;
}

void load_routes(struct loader *l, const struct config_node *node)
{
    uint32_t always_line = 0;
    if (node == NULL) {
        struct route route = {.motion = MOTION_SELF_SERVE, .message = ""};
        route.queue = load_find_queue(l, span_of(motion_name(route.motion)));
        (void)load_route_when(l, config_root(l->config), NULL, &route);
        MEM_GROW(l->routes, l->n_routes, l->cap_routes);
        l->routes[l->n_routes++] = route;
        return;
    }
    if (!load_is_list(l, node, "a list of rules"))
        return;
    for (size_t i = 0; i < config_count(node); i++) {
        const struct config_node *rule = config_at(node, i);
        if (!load_has_room(l, rule, l->n_routes, PLAYBOOK_ROUTES_MAX, "rules"))
            return;
        if (always_line > 0)
            config_warn(l->config, rule, "the first rule that matches wins",
                        "no lead gets here: the rule on line %u always holds", always_line);
        if (load_route(l, rule) && always_line == 0)
            always_line = config_line(rule);
    }
    // A rule that could not be read may well be the one.
    if (always_line == 0 && !l->rules_broken)
        config_error_hint(l->config, config_at(node, config_count(node) - 1),
                          "end with {when: always, motion: self_serve}",
                          "the last rule must hold always, or leads may have nowhere to go");
}
