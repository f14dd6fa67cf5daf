// SPDX-License-Identifier: Apache-2.0
// Teams and their reps. What a team says holds for every rep who says nothing else.
#include <stdlib.h>

#include "common/base/mem.h"
#include "services/playbook/load_facts.h"
#include "services/playbook/load_teams.h"

enum { WEIGHT_MAX = 100, CONTROL_BELOW = 0x20, DELETE_BYTE = 0x7f };

// What reps start from.
struct load_crew {
    struct load_hours hours;
    struct rep_caps caps;
};

// Pairs of a mapping in order of their keys.
struct load_pair {
    const struct config_node *key, *value;
};

static int load_compare_pairs(const void *a, const void *b)
{
    const struct load_pair *x = a, *y = b;
    return span_cmp(config_text(x->key), config_text(y->key));
}

static struct load_pair *load_sorted_pairs(const struct config_node *node)
{
    size_t n = config_count(node);
    struct load_pair *pairs = mem_alloc(sizeof *pairs * (n + 1));
    for (size_t i = 0; i < n; i++)
        pairs[i] = (struct load_pair){config_key_at(node, i), config_at(node, i)};
    qsort(pairs, n, sizeof *pairs, load_compare_pairs);
    return pairs;
}

// "ben:" alone says nothing, nor does "ben: {}".
static bool load_is_nothing(const struct config_node *node)
{
    if (config_kind(node) == CONFIG_MAPPING)
        return config_count(node) == 0;
    return config_kind(node) == CONFIG_SCALAR && config_text(node).len == 0 && config_plain(node);
}

// ---- Reps ----

// As people and their systems call them: an address, a name.
static bool load_rep_name(struct loader *l, const struct config_node *key)
{
    struct span name = config_text(key);
    const unsigned char *p = name.ptr;
    bool good = config_kind(key) == CONFIG_SCALAR && name.len > 0 &&
                name.len <= LOAD_NAME_BYTES_MAX && p[0] != ' ' && p[name.len - 1] != ' ';
    for (size_t i = 0; good && i < name.len; i++)
        good = p[i] >= CONTROL_BELOW && p[i] != DELETE_BYTE;
    if (!good)
        load_expected(l, key, "the name of a rep",
                      "at most 64 bytes, as in ana or ana@example.com");
    return good;
}

static bool load_same_rep(const char *a, struct span b)
{
    const char *q = b.ptr;
    if (strlen(a) != b.len)
        return false;
    for (size_t i = 0; i < b.len; i++) {
        char x = (char)(a[i] >= 'A' && a[i] <= 'Z' ? a[i] + 32 : a[i]);
        char y = (char)(q[i] >= 'A' && q[i] <= 'Z' ? q[i] + 32 : q[i]);
        if (x != y)
            return false;
    }
    return true;
}

// An account's owner is found by name, whatever the case.
static bool load_rep_is_new(struct loader *l, const struct config_node *key, const struct rep *reps,
                            int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        if (!load_same_rep(reps[i].name, config_text(key)))
            continue;
        config_error(l->config, key, "\"%s\" is a rep of the team already (line %u)", reps[i].name,
                     reps[i].line);
        return false;
    }
    return true;
}

static void load_rep_says(struct loader *l, const struct config_node *node,
                          const struct load_crew *crew, struct rep *rep)
{
    struct load_hours hours = crew->hours;
    const struct config_node *weight = config_get(node, "weight");
    const struct config_node *inactive = config_get(node, "inactive");
    int64_t n = 1;
    (void)load_check_form(l, node, SCHEMA_REP);
    if (weight != NULL)
        (void)config_read_i64(l->config, weight, 1, WEIGHT_MAX, &n);
    rep->weight = (int32_t)n;
    if (inactive != NULL)
        (void)config_read_bool(l->config, inactive, &rep->inactive);
    load_caps(l, config_get(node, "caps"), &rep->caps);
    load_hours_read(l, node, &hours);
    rep->hours = load_hours_settle(l, &hours);
    rep->takes = load_when(l, config_get(node, "takes"));
    rep->absences = load_absences(l, config_get(node, "absent"), rep->hours.zone, &rep->n_absences);
}

static void load_rep(struct loader *l, const struct load_pair *pair, const struct load_crew *crew,
                     struct team *team, struct rep *reps)
{
    struct rep rep = {.weight = 1, .caps = crew->caps, .takes = PLAYBOOK_NONE};
    rep.line = config_line(pair->key);
    if (!load_rep_name(l, pair->key) || !load_rep_is_new(l, pair->key, reps, team->n_reps))
        return;
    rep.name = arena_dup(l->arena, config_text(pair->key));
    rep.hours = load_hours_settle(l, &crew->hours);
    if (load_is_nothing(pair->value))
        rep.takes = load_when(l, NULL);
    else if (load_is_mapping(l, pair->value, "a rep, as in {weight: 2}"))
        load_rep_says(l, pair->value, crew, &rep);
    rep.takes_text = load_when_text(l, rep.takes);
    reps[team->n_reps++] = rep;
}

static void load_reps(struct loader *l, const struct config_node *node,
                      const struct load_crew *crew, struct team *team)
{
    if (node == NULL || load_is_nothing(node) ||
        !load_is_mapping(l, node, "reps, as in {ana: {weight: 2}}") ||
        !load_has_room(l, node, (int32_t)config_count(node) - 1, PLAYBOOK_REPS_MAX, "reps"))
        return;
    size_t n = config_count(node);
    struct rep *reps = arena_alloc(l->arena, sizeof *reps * n);
    struct load_pair *pairs = load_sorted_pairs(node);
    for (size_t i = 0; i < n; i++)
        load_rep(l, &pairs[i], crew, team, reps);
    mem_free(pairs);
    team->reps = reps;
}

// ---- Teams ----

static void load_team_queue(struct loader *l, const struct config_node *node, struct team *team)
{
    const struct config_node *queue = config_get(node, "queue");
    team->queue = PLAYBOOK_NONE;
    if (queue == NULL) {
        config_error_hint(l->config, node, "say which queue it works, as in queue: sales",
                          "missing key \"queue\"");
        return;
    }
    int32_t at = load_find_queue(l, config_text(queue));
    if (at == PLAYBOOK_NONE) {
        load_unknown_queue(l, queue);
        return;
    }
    int32_t other = l->queues[at].team;
    if (other != PLAYBOOK_NONE) {
        config_error_hint(l->config, queue, "give each team a queue of its own under queues:",
                          "the queue \"%s\" has the team \"%s\" already (line %u)",
                          l->queues[at].name, l->teams[other].name, l->teams[other].line);
        return;
    }
    l->queues[at].team = l->n_teams;
    team->queue = at;
}

static void load_team_owner(struct loader *l, const struct config_node *node, struct team *team)
{
    static const char *const NAMES[] = {"team", "wait"};
    size_t choice;
    if (node != NULL && config_read_choice(l->config, node, NAMES, ARRAY_LEN(NAMES), &choice))
        team->owner_only = choice == 1;
}

static void load_team(struct loader *l, const struct load_pair *pair)
{
    const struct config_node *node = pair->value;
    struct team team = {.line = config_line(pair->key), .then_queue = PLAYBOOK_NONE};
    struct load_crew crew = {.hours = load_hours_unsaid()};
    if (!load_check_name(l, pair->key) ||
        !load_is_mapping(l, node, "a team, as in {queue: sales, reps: {ana: {weight: 2}}}"))
        return;
    (void)load_check_form(l, node, SCHEMA_TEAM);
    team.name = arena_dup(l->arena, config_text(pair->key));
    load_team_queue(l, node, &team);
    load_hours_read(l, node, &crew.hours);
    load_caps(l, config_get(node, "caps"), &crew.caps);
    team.hours = load_hours_settle(l, &crew.hours);
    team.caps = crew.caps;
    load_reps(l, config_get(node, "reps"), &crew, &team);
    load_team_owner(l, config_get(node, "owner"), &team);
    load_full(l, config_get(node, "full"), &team);
    load_sla(l, config_get(node, "sla"), &team.sla);
    load_admit(l, node, &team);
    MEM_GROW(l->teams, l->n_teams, l->cap_teams);
    l->teams[l->n_teams++] = team;
}

void load_teams(struct loader *l, const struct config_node *node)
{
    if (node == NULL || !load_is_mapping(l, node, "teams, as in {smb: {queue: sales, reps: ..}}") ||
        !load_has_room(l, node, (int32_t)config_count(node) - 1, PLAYBOOK_TEAMS_MAX, "teams"))
        return;
    struct load_pair *pairs = load_sorted_pairs(node);
    for (size_t i = 0; i < config_count(node); i++)
        load_team(l, &pairs[i]);
    mem_free(pairs);
}

// ---- The owner of an account ----

void load_owner_trait(struct loader *l, const struct config_node *node)
{
    struct span key = span_of("owner");
    if (node != NULL && !load_account_trait(l, node, &key))
        return;
    if (l->n_teams > 0)
        l->owner_fact = load_fact_of_trait(l, node, OPERAND_ACCOUNT_TRAIT, key);
    else if (node != NULL)
        config_warn(l->config, node, "declare them under teams:",
                    "nobody is asked to be the owner: there are no teams");
}
