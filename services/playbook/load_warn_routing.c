// SPDX-License-Identifier: Apache-2.0
// What is odd about teams, rules and prompts, but no mistake. Only what is sure: the file alone
// shows it.
#include "common/base/text.h"
#include "services/playbook/load_teams.h"

static const struct config_node *load_key_of(const struct loader *l, const char *section,
                                             const char *name)
{
    return load_key(config_get(config_root(l->config), section), name);
}

// ---- Teams ----

static bool load_is_led_to(const struct loader *l, int32_t queue)
{
    for (int32_t i = 0; i < l->n_routes; i++) {
        if (l->routes[i].queue == queue)
            return true;
    }
    for (int32_t i = 0; i < l->n_teams; i++) {
        if (l->teams[i].wait_ms != INT64_MAX && l->teams[i].then_queue == queue)
            return true;
    }
    return false;
}

static void load_warn_reps(struct loader *l, const struct team *team, const struct config_node *key)
{
    int32_t active = 0;
    for (int32_t i = 0; i < team->n_reps; i++)
        active += team->reps[i].inactive ? 0 : 1;
    if (team->n_reps == 0)
        config_warn(l->config, key, "add reps:, or let somebody add them while it runs",
                    "\"%s\" has no reps: nobody gets its leads", team->name);
    else if (active == 0)
        config_warn(l->config, key, "leave inactive: out for somebody",
                    "every rep of \"%s\" is inactive: nobody gets its leads", team->name);
}

static void load_warn_admit(struct loader *l, const struct team *team,
                            const struct config_node *key)
{
    if (!team->admit.set || team->admit.slots_per_week > 0)
        return;
    for (int32_t i = 0; i < team->n_reps; i++) {
        const struct rep *rep = &team->reps[i];
        if (rep->inactive || rep->caps.per_day > 0 || rep->caps.per_period > 0)
            continue;
        config_warn(l->config, key, "give him one, or say slots_per_week",
                    "\"%s\" admits every lead: \"%s\" has no cap a day or within a time",
                    team->name, rep->name);
        return;
    }
}

// Leads that cost more than anybody may hold.
static void load_warn_units(struct loader *l, const struct team *team,
                            const struct config_node *key)
{
    int32_t most = 0;
    for (int32_t i = 0; i < team->n_reps; i++) {
        if (team->reps[i].caps.units == 0)
            return;
        if (team->reps[i].caps.units > most)
            most = team->reps[i].caps.units;
    }
    for (int32_t i = 0; i < l->n_efforts && most > 0; i++) {
        if (l->efforts[i].units <= most)
            continue;
        config_warn(l->config, key, "raise units under caps:",
                    "nobody of \"%s\" can take a lead of %d units: %d are the most", team->name,
                    l->efforts[i].units, most);
        return;
    }
}

static void load_warn_cap_when(struct loader *l, const struct rep_caps *caps, const char *whose,
                               const struct config_node *key)
{
    for (int32_t i = 0; i < caps->n_when && caps->open > 0; i++) {
        if (caps->when[i].open >= caps->open)
            config_warn(l->config, key, "lower it, or leave it out",
                        "\"%s\" never has %d leads by condition: %d open ones are the most", whose,
                        caps->when[i].open, caps->open);
    }
}

static void load_warn_caps(struct loader *l, const struct team *team, const struct config_node *key)
{
    load_warn_cap_when(l, &team->caps, team->name, key);
    for (int32_t i = 0; i < team->n_reps; i++) {
        const struct rep *rep = &team->reps[i];
        if (rep->caps.when != team->caps.when || rep->caps.open != team->caps.open)
            load_warn_cap_when(
                l, &rep->caps, rep->name,
                load_key(
                    config_get(config_get(config_get(config_root(l->config), "teams"), team->name),
                               "reps"),
                    rep->name));
    }
}

static void load_warn_teams(struct loader *l)
{
    for (int32_t i = 0; i < l->n_teams; i++) {
        const struct team *team = &l->teams[i];
        const struct config_node *key = load_key_of(l, "teams", team->name);
        load_warn_reps(l, team, key);
        load_warn_admit(l, team, key);
        load_warn_units(l, team, key);
        load_warn_caps(l, team, key);
        if (!load_is_led_to(l, team->queue))
            config_warn(l->config, key, "add a rule with its queue: to route:",
                        "\"%s\" gets no leads: no rule leads to the queue \"%s\"", team->name,
                        l->queues[team->queue].name);
    }
}

// ---- Rules ----

// Only the first that holds decides.
static void load_warn_efforts(struct loader *l)
{
    const struct config_node *node = config_get(config_root(l->config), "effort");
    for (int32_t i = 0; i + 1 < l->n_efforts; i++) {
        if (l->conditions[l->efforts[i].when].as.kind != CONDITION_ALWAYS)
            continue;
        config_warn(l->config, config_at(node, (size_t)i + 1), "the first rule that holds decides",
                    "no lead gets here: the rule on line %u always holds",
                    config_line(config_at(node, (size_t)i)));
        return;
    }
}

// ---- Prompts ----

typedef void (*load_message_cb)(struct loader *l, const char *message,
                                const struct config_node *node, void *context);

static void load_each_message(struct loader *l, load_message_cb visit, void *context)
{
    const struct config_node *root = config_root(l->config), *route = config_get(root, "route");
    const struct config_node *experiments = config_get(root, "experiments");
    for (int32_t i = 0; i < l->n_routes && route != NULL; i++)
        visit(l, l->routes[i].message, config_get(config_at(route, (size_t)i), "message"), context);
    for (int32_t i = 0; i < l->n_experiments; i++) {
        const struct experiment *experiment = &l->experiments[i];
        const struct config_node *arms =
            config_get(config_get(experiments, experiment->name), "arms");
        for (int32_t j = 0; j < experiment->n_arms; j++)
            visit(l, experiment->arms[j].message,
                  config_get(config_get(arms, experiment->arms[j].name), "message"), context);
    }
}

struct load_shown {
    const char *prompt;
    bool found;
};

static void load_is_shown_visit(struct loader *l, const char *message,
                                const struct config_node *node, void *context)
{
    struct load_shown *shown = context;
    (void)l;
    (void)node;
    shown->found = shown->found || strcmp(message, shown->prompt) == 0;
}

// A message need not be a prompt; one that is nearly called like one surely is.
static void load_warn_message(struct loader *l, const char *message, const struct config_node *node,
                              void *context)
{
    const char *near = NULL;
    (void)context;
    for (int32_t i = 0; i < l->n_prompts; i++) {
        const char *name = l->prompts[i].name;
        if (strcmp(name, message) == 0)
            return;
        if (strlen(message) > 3 && text_distance(span_of(message), span_of(name), 2) <= 2)
            near = name;
    }
    if (near != NULL && node != NULL)
        config_warn(l->config, node, arena_printf(l->arena, "did you mean \"%s\"?", near),
                    "no prompt is called \"%s\"", message);
}

static void load_warn_prompts(struct loader *l)
{
    for (int32_t i = 0; i < l->n_prompts; i++) {
        struct load_shown shown = {l->prompts[i].name, l->prompts[i].when != PLAYBOOK_NONE};
        load_each_message(l, load_is_shown_visit, &shown);
        if (!shown.found)
            config_warn(l->config, load_key_of(l, "prompts", shown.prompt),
                        "give it when:, or name it as the message of a rule",
                        "nothing ever shows the prompt \"%s\"", shown.prompt);
    }
    load_each_message(l, load_warn_message, NULL);
}

// ---- All ----

void load_warn_routing(struct loader *l)
{
    load_warn_teams(l);
    load_warn_efforts(l);
    load_warn_prompts(l);
}
