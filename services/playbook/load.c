// SPDX-License-Identifier: Apache-2.0
// The order of reading: all names first, so that anything may refer to anything; then what
// conditions look at (measures, scores), conditions (signals, fit, definitions, stages), queues,
// routes; then what needs the whole (order and scopes of signals). Nothing is built from a file
// that has a mistake.
#include "services/playbook/load.h"

#include <unistd.h>

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "services/playbook/build.h"
#include "services/playbook/load_impl.h"
#include "services/playbook/load_measures.h"

// ---- Small questions of all sections ----

void load_expected(struct loader *l, const struct config_node *node, const char *what,
                   const char *hint)
{
    struct span text = config_text(node);
    if (config_kind(node) == CONFIG_MAPPING)
        config_error_hint(l->config, node, hint, "expected %s, found %s", what,
                          config_count(node) == 0 ? "an empty mapping" : "a mapping");
    else if (config_kind(node) == CONFIG_SEQUENCE)
        config_error_hint(l->config, node, hint, "expected %s, found %s", what,
                          config_count(node) == 0 ? "an empty list" : "a list");
    else if (text.len == 0)
        config_error_hint(l->config, node, hint, "expected %s, found nothing", what);
    else
        config_error_hint(l->config, node, hint, "expected %s, found \"%.*s\"", what,
                          (int)(text.len < LOAD_NAME_BYTES_MAX ? text.len : LOAD_NAME_BYTES_MAX),
                          (const char *)text.ptr);
}

bool load_is_mapping(struct loader *l, const struct config_node *node, const char *what)
{
    if (config_kind(node) == CONFIG_MAPPING && config_count(node) > 0)
        return true;
    load_expected(l, node, what, NULL);
    return false;
}

bool load_is_list(struct loader *l, const struct config_node *node, const char *what)
{
    if (config_kind(node) == CONFIG_SEQUENCE && config_count(node) > 0)
        return true;
    load_expected(l, node, what, NULL);
    return false;
}

bool load_check_form(struct loader *l, const struct config_node *node, enum schema_form form)
{
    const struct schema_mapping *mapping = &SCHEMA_MAPPINGS[form];
    const char *names[LOAD_FORM_KEYS_MAX];
    CHECK(mapping->n_keys <= ARRAY_LEN(names));
    for (size_t i = 0; i < mapping->n_keys; i++)
        names[i] = mapping->keys[i].key;
    return config_check_keys(l->config, node, names, mapping->n_keys);
}

const struct config_node *load_key(const struct config_node *mapping, const char *key)
{
    for (size_t i = 0; i < config_count(mapping); i++) {
        if (span_is(config_text(config_key_at(mapping, i)), key))
            return config_key_at(mapping, i);
    }
    return NULL;
}

bool load_has_room(struct loader *l, const struct config_node *node, int32_t n, int32_t max,
                   const char *what)
{
    if (n < max)
        return true;
    if (!l->full_told)
        config_error(l->config, node, "too many %s (%d at most)", what, max);
    l->full_told = true;
    return false;
}

int32_t load_event(struct loader *l, const struct config_node *node)
{
    struct span text;
    if (!config_read_text(l->config, node, LOAD_TEXT_BYTES_MAX, &text))
        return PLAYBOOK_NONE;
    if (config_plain(node) && span_is(text, "any")) {
        config_error_hint(l->config, node, "an event of that name is written \"any\"",
                          "any is no event: it stands alone, for every active event");
        return PLAYBOOK_NONE;
    }
    for (int32_t i = 0; i < l->n_events; i++) {
        if (span_is(text, l->events[i]))
            return i;
    }
    if (!load_has_room(l, node, l->n_events, PLAYBOOK_EVENTS_MAX, "events"))
        return PLAYBOOK_NONE;
    MEM_GROW(l->events, l->n_events, l->cap_events);
    l->events[l->n_events] = arena_dup(l->arena, text);
    return l->n_events++;
}

const int32_t *load_events(struct loader *l, const struct config_node *node, int32_t *n)
{
    bool list = config_kind(node) == CONFIG_SEQUENCE, good = true;
    if (!list && config_kind(node) != CONFIG_SCALAR) {
        load_expected(l, node, "an event or a list of events", NULL);
        return NULL;
    }
    if (list && !load_is_list(l, node, "an event or a list of events"))
        return NULL;
    *n = list ? (int32_t)config_count(node) : 1;
    int32_t *events = arena_alloc(l->arena, sizeof *events * (size_t)*n);
    for (int32_t i = 0; i < *n; i++) {
        const struct config_node *item = list ? config_at(node, (size_t)i) : node;
        events[i] = load_event(l, item);
        good = good && events[i] != PLAYBOOK_NONE;
        for (int32_t j = 0; j < i && events[i] != PLAYBOOK_NONE; j++) {
            if (events[j] != events[i])
                continue;
            config_error(l->config, item, "\"%s\" stands in the list twice", l->events[events[i]]);
            good = false;
        }
    }
    return good ? events : NULL;
}

// ---- Sections ----

static void load_head(struct loader *l, const struct config_node *root)
{
    const struct config_node *name = config_get(root, "playbook");
    const struct config_node *version = config_get(root, "version");
    struct playbook *playbook = l->playbook;
    if (name == NULL)
        config_error_hint(l->config, root, "start with playbook: my-product",
                          "missing key \"playbook\"");
    else if (!load_is_playbook_name(config_text(name)))
        load_expected(l, name, "a name of small letters, digits and -", "at most 64 of them");
    else
        playbook->name = arena_dup(l->arena, config_text(name));
    if (version == NULL)
        config_error_hint(l->config, root, "add version: 1, and count it up with every change",
                          "missing key \"version\"");
    else
        (void)config_read_i64(l->config, version, 1, INT64_MAX, &playbook->version);
}

static void load_exclude(struct loader *l, const struct config_node *node)
{
    if (node == NULL || !load_is_list(l, node, "a list of conditions"))
        return;
    for (size_t i = 0; i < config_count(node); i++) {
        int32_t condition = load_condition(l, config_at(node, i), LOAD_IN_EVENT);
        if (condition == PLAYBOOK_NONE)
            continue;
        if (l->conditions[condition].as.kind == CONDITION_ALWAYS)
            config_error(l->config, config_at(node, i), "this excludes every event");
        MEM_GROW(l->exclude, l->n_exclude, l->cap_exclude);
        l->exclude[l->n_exclude++] = condition;
    }
}

static void load_all_measures(struct loader *l, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        if (l->measures[i].is_score)
            load_score(l, i);
        else
            load_measure(l, i);
    }
}

static void load_all_signals(struct loader *l)
{
    int32_t n = l->n_signals;
    for (int32_t i = 0; i < n; i++) {
        if (l->signals[i].as.origin == SIGNAL_DECLARED)
            load_signal(l, i, LOAD_SIGNAL_PER);
        else if (l->signals[i].as.origin == SIGNAL_SEGMENT && !l->signals[i].hoists)
            load_signal(l, i, 0);
    }
    load_buyers(l);
}

static void load_sections(struct loader *l, const struct config_node *root)
{
    const struct config_node *active = config_get(root, "active");
    (void)load_check_form(l, root, SCHEMA_PLAYBOOK);
    load_head(l, root);
    int32_t n_measures = load_all_names(l, root);
    if (active != NULL)
        l->playbook->active_events = load_events(l, active, &l->playbook->n_active_events);
    load_all_measures(l, n_measures);
    load_exclude(l, config_get(root, "exclude"));
    load_all_signals(l);
    load_fit(l);
    load_grades(l);
    load_qualify(l);
    load_lifecycle(l, config_get(root, "lifecycle"));
    load_marketing(l, config_get(root, "marketing"));
    load_queues(l, config_get(root, "queues"));
    load_teams(l, config_get(root, "teams"));
    load_owner_trait(l, config_get(root, "owner"));
    load_routes(l, config_get(root, "route"));
    load_priorities(l, config_get(root, "priority"));
    load_aging(l, config_get(root, "aging"));
    load_efforts(l, config_get(root, "effort"));
    load_experiments(l, config_get(root, "experiments"));
    load_prompts(l, config_get(root, "prompts"));
    load_contact(l, config_get(root, "contact"));
    load_organizations(l, config_get(root, "organizations"));
    load_identity(l, config_get(root, "identity"));
    load_organization_definitions(l);
    load_order_signals(l);
    load_check_contact(l);
    load_check_organizations(l);
    load_check_marketing(l);
    load_read_vanity(l, config_get(root, "vanity"));
    load_schemas(l, config_get(root, "schemas"));
    if (config_error_count(l->config) == 0)
        load_warnings(l);
}

// ---- The whole ----

static void *load_keep(struct loader *l, const void *items, size_t n, size_t each)
{
    void *kept = arena_alloc(l->arena, n * each + 1);
    if (n > 0)
        memcpy(kept, items, n * each);
    return kept;
}
#define LOAD_KEEP(l, name) load_keep(l, (l)->name, (size_t)(l)->n_##name, sizeof *(l)->name)

static int32_t load_position(const struct loader *l, int32_t signal)
{
    return signal == PLAYBOOK_NONE ? PLAYBOOK_NONE : l->signals[signal].position;
}

// Signals take their places in order; whatever refers to one follows.
static void load_place_signals(struct loader *l, struct condition *conditions,
                               struct measure *measures)
{
    struct playbook *playbook = l->playbook;
    CHECK(l->n_order == l->n_signals);
    struct signal *signals = arena_alloc(l->arena, sizeof *signals * (size_t)(l->n_signals + 1));
    for (int32_t i = 0; i < l->n_order; i++)
        signals[i] = l->signals[l->order[i]].as;
    for (int32_t i = 0; i < l->n_conditions; i++) {
        if (conditions[i].kind == CONDITION_SIGNAL || conditions[i].kind == CONDITION_ROLL_UP)
            conditions[i].signal = load_position(l, conditions[i].signal);
    }
    for (int32_t i = 0; i < l->n_measures; i++)
        load_place_measure(l, &measures[i]);
    for (int32_t i = 0; i < l->n_definitions; i++)
        l->definitions[i].signal = load_position(l, l->definitions[i].signal);
    for (int32_t i = 0; i < PLAYBOOK_STAGES; i++)
        playbook->stages[i] = load_position(l, l->stages[i]);
    for (int32_t i = 0; i < l->n_prompts; i++)
        l->prompts[i].when = load_position(l, l->prompts[i].when);
    for (int32_t i = 0; i < l->n_organizations; i++)
        l->organizations[i].fact = load_position(l, l->organizations[i].fact);
    bool user = l->never != PLAYBOOK_NONE && l->signals[l->never].as.scope == SCOPE_USER;
    playbook->owner_fact = load_position(l, l->owner_fact);
    playbook->busiest_fact = load_position(l, l->busiest_fact);
    playbook->never_user = user ? load_position(l, l->never) : PLAYBOOK_NONE;
    playbook->never_account = user ? PLAYBOOK_NONE : load_position(l, l->never);
    playbook->consent = load_position(l, l->consent);
    playbook->signals = signals;
    playbook->n_signals = l->n_signals;
}

static void load_finish_routing(struct loader *l)
{
    struct playbook *playbook = l->playbook;
#define LOAD_FINISH(name) (playbook->name = LOAD_KEEP(l, name), playbook->n_##name = l->n_##name)
    LOAD_FINISH(routes);
    LOAD_FINISH(queues);
    LOAD_FINISH(priorities);
    LOAD_FINISH(efforts);
    LOAD_FINISH(zones);
    LOAD_FINISH(teams);
    LOAD_FINISH(experiments);
    LOAD_FINISH(prompts);
    LOAD_FINISH(organizations);
    LOAD_FINISH(org_definitions);
#undef LOAD_FINISH
}

static void load_finish(struct loader *l, const char *file)
{
    struct playbook *playbook = l->playbook;
    struct span text = config_file_text(l->config);
    struct condition *conditions =
        arena_alloc(l->arena, sizeof *conditions * (size_t)(l->n_conditions + 1));
    struct measure *measures =
        arena_alloc(l->arena, sizeof *measures * (size_t)(l->n_measures + 1));
    for (int32_t i = 0; i < l->n_conditions; i++)
        conditions[i] = l->conditions[i].as;
    for (int32_t i = 0; i < l->n_measures; i++)
        measures[i] = l->measures[i].as;
    load_place_signals(l, conditions, measures);
    playbook->conditions = conditions;
    playbook->n_conditions = l->n_conditions;
    playbook->measures = measures;
    playbook->n_measures = l->n_measures;
    playbook->events = LOAD_KEEP(l, events);
    playbook->n_events = l->n_events;
    playbook->exclude = LOAD_KEEP(l, exclude);
    playbook->n_exclude = l->n_exclude;
    load_finish_routing(l);
    playbook->definitions = LOAD_KEEP(l, definitions);
    playbook->n_definitions = l->n_definitions;
    playbook->text = span_make(arena_dup(l->arena, text), text.len);
    playbook->digest = hash64(text);
    playbook->file = arena_dup(l->arena, span_of(file));
    playbook->label =
        arena_printf(l->arena, "%s@%lld", playbook->name, (long long)playbook->version);
    playbook_build(playbook);
}

static void load_release(struct loader *l)
{
    mem_free(l->names);
    mem_free(l->conditions);
    mem_free(l->measures);
    mem_free(l->signals);
    mem_free(l->events);
    mem_free(l->exclude);
    mem_free(l->routes);
    mem_free(l->queues);
    mem_free(l->priorities);
    mem_free(l->efforts);
    mem_free(l->zones);
    mem_free(l->teams);
    mem_free(l->experiments);
    mem_free(l->prompts);
    mem_free(l->organizations);
    mem_free(l->org_definitions);
    mem_free(l->definitions);
    mem_free(l->vanity);
    mem_free(l->order);
}

// Takes the document.
static enum err load_document(struct config *config, const char *file, struct playbook **out,
                              struct buf *report)
{
    struct arena *arena = mem_alloc(sizeof *arena);
    arena_init(arena, 16 * 1024, 0);
    struct playbook *playbook = arena_alloc(arena, sizeof *playbook);
    struct loader l = {.config = config,
                       .arena = arena,
                       .playbook = playbook,
                       .owner_fact = PLAYBOOK_NONE,
                       .busiest_fact = PLAYBOOK_NONE,
                       .never = PLAYBOOK_NONE,
                       .consent = PLAYBOOK_NONE,
                       .buyers = {PLAYBOOK_NONE, PLAYBOOK_NONE, PLAYBOOK_NONE},
                       .always = PLAYBOOK_NONE};
    const struct config_node *root = config_root(config);
    for (size_t i = 0; i < PLAYBOOK_STAGES; i++)
        l.stages[i] = PLAYBOOK_NONE;
    playbook->arena = arena;
    *out = NULL;
    if (root != NULL && config_kind(root) != CONFIG_MAPPING)
        load_expected(&l, root, "a mapping", "start with playbook: my-product");
    else if (root != NULL)
        load_sections(&l, root);
    if (config_error_count(config) == 0) {
        load_finish(&l, file);
        *out = playbook;
    } else {
        playbook_destroy(playbook);
    }
    config_report(config, report);
    load_release(&l);
    config_destroy(config);
    return *out != NULL ? ERR_OK : ERR_INVALID;
}

enum err playbook_load(const char *file, struct span text, struct playbook **out,
                       struct buf *report)
{
    return load_document(config_load_text(file, text), file, out, report);
}

enum err playbook_load_file(const char *path, struct playbook **out, struct buf *report)
{
    struct config *config = config_load_file(path);
    bool unread = config_file_text(config).ptr == NULL;
    enum err err = load_document(config, path, out, report);
    if (err == ERR_OK || !unread)
        return err;
    return access(path, F_OK) != 0 ? ERR_NOT_FOUND : ERR_IO;
}
