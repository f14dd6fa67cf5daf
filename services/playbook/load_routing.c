// SPDX-License-Identifier: Apache-2.0
// Where leads go, and the queues that they wait in.
#include "common/base/mem.h"
#include "common/base/time_text.h"
#include "services/playbook/load_impl.h"

struct load_queue_fields {
    int64_t lease_ms;
    int64_t attempts;
};

static const struct config_field QUEUE_FIELDS[] = {
    {"lease", CONFIG_DURATION, offsetof(struct load_queue_fields, lease_ms), "15m", TIME_SECOND_MS,
     7 * (int64_t)TIME_DAY_MS, NULL, "How long a consumer holds a lead when it does not say."},
    {"attempts", CONFIG_INT, offsetof(struct load_queue_fields, attempts), "5", 1, 100, NULL,
     "Leases that ran out or were given back before the lead is parked."},
};

static int32_t load_find_queue(const struct loader *l, struct span name)
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
        .team = PLAYBOOK_NONE,
    };
}

void load_queues(struct loader *l, const struct config_node *node)
{
    load_queue(l, motion_name(MOTION_SALES), NULL);
    load_queue(l, motion_name(MOTION_SELF_SERVE), NULL);
    if (node == NULL || !load_is_mapping(l, node, "queues, as in {enterprise: {lease: 15m}}"))
        return;
    for (size_t i = 0; i < config_count(node); i++) {
        const struct config_node *key = config_key_at(node, i);
        if (!load_has_room(l, key, l->n_queues, LOAD_QUEUES_MAX, "queues"))
            return;
        if (load_check_name(l, key))
            load_queue(l, arena_dup(l->arena, config_text(key)), config_at(node, i));
    }
}

static void load_unknown_queue(struct loader *l, const struct config_node *node)
{
    const char **names = mem_alloc(sizeof *names * (size_t)l->n_queues);
    for (int32_t i = 0; i < l->n_queues; i++)
        names[i] = l->queues[i].name;
    config_error_unknown(l->config, node, "queue", names, (size_t)l->n_queues);
    mem_free(names);
}

static void load_route_queue(struct loader *l, const struct config_node *node, struct route *route)
{
    const struct config_node *queue = config_get(node, "queue");
    const char *motion = motion_name(route->motion);
    bool waits = route->motion != MOTION_HOLD_OUT && route->motion != MOTION_SUPPRESS;
    route->queue = PLAYBOOK_NONE;
    if (!waits && queue != NULL) {
        config_error_hint(l->config, load_key(node, "queue"), "leave it out",
                          "%s keeps a lead out of every queue", motion);
        return;
    }
    if (!waits)
        return;
    route->queue = load_find_queue(l, queue != NULL ? config_text(queue) : span_of(motion));
    if (route->queue != PLAYBOOK_NONE)
        return;
    if (queue != NULL)
        load_unknown_queue(l, queue);
    else
        config_error_hint(l->config, config_get(node, "motion"),
                          "add queue: and its name, or declare it under queues",
                          "there is no queue \"%s\"", motion);
}

// The condition of one rule, `rule` when it says none; true when it always holds.
static bool load_route_when(struct loader *l, const struct config_node *rule,
                            const struct config_node *when, struct route *route)
{
    struct buf line = {0};
    route->when = when != NULL ? load_condition(l, when, LOAD_IN_ROUTE) : load_always(l, rule);
    if (route->when == PLAYBOOK_NONE) {
        l->rules_broken = true;
        return false;
    }
    load_condition_line(l, route->when, &line);
    route->text = arena_dup(l->arena, buf_span(&line));
    buf_deinit(&line);
    return l->conditions[route->when].as.kind == CONDITION_ALWAYS;
}

static bool load_route_motion(struct loader *l, const struct config_node *node, struct route *route)
{
    const char *names[MOTION_SUPPRESS + 1];
    const struct config_node *motion = config_get(node, "motion");
    size_t at;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        names[i] = motion_name((enum motion)i);
    if (motion == NULL) {
        config_error_hint(l->config, node, "sales, self_serve, success, hold_out or suppress",
                          "missing key \"motion\"");
        return false;
    }
    if (!config_read_choice(l->config, motion, names, ARRAY_LEN(names), &at))
        return false;
    route->motion = (enum motion)at;
    return true;
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
    if (load_route_motion(l, node, &route))
        load_route_queue(l, node, &route);
    const struct config_node *number = config_get(node, "priority");
    if (number != NULL)
        (void)config_read_i64(l->config, number, 0, 1000, &priority);
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
        if (!load_has_room(l, rule, l->n_routes, LOAD_ROUTES_MAX, "rules"))
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
