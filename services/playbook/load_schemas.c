// SPDX-License-Identifier: Apache-2.0
// What events should look like. Names of events and properties are the clients' own, so nothing of
// them is checked but their length; that they break the playbook's own naming rule is a warning.
#include <stdlib.h>

#include "common/base/mem.h"
#include "services/playbook/load_impl.h"
#include "services/playbook/naming.h"

enum { EVENT_BYTES_MAX = 200, PROPERTY_BYTES_MAX = 256, VALUES_MAX = 64 };

// The keys that the whole and an event share; an event's begin as the whole's.
struct load_schema_rules {
    size_t mode, naming, property_naming, unknown_events, unknown_properties;
};

static const char *const MODES[] = {"observe", "enforce"};
static const char *const UNKNOWN[] = {"allow", "refuse"};

static void load_choice(struct loader *l, const struct config_node *mapping, const char *key,
                        const char *const *names, size_t n, size_t *out)
{
    const struct config_node *node = config_get(mapping, key);
    if (node != NULL)
        (void)config_read_choice(l->config, node, names, n, out);
}

static void load_rules(struct loader *l, const struct config_node *node,
                       struct load_schema_rules *rules)
{
    load_choice(l, node, "mode", MODES, ARRAY_LEN(MODES), &rules->mode);
    load_choice(l, node, "naming", PLAYBOOK_NAMING_NAMES, SCHEMAS_NAMINGS, &rules->naming);
    load_choice(l, node, "property_naming", PLAYBOOK_NAMING_NAMES, SCHEMAS_NAMINGS,
                &rules->property_naming);
    load_choice(l, node, "unknown_events", UNKNOWN, ARRAY_LEN(UNKNOWN), &rules->unknown_events);
    load_choice(l, node, "unknown_properties", UNKNOWN, ARRAY_LEN(UNKNOWN),
                &rules->unknown_properties);
}

// ---- Properties ---------------------------------------------------------------------------------

static void load_one_of(struct loader *l, const struct config_node *node, struct property_rule *out)
{
    size_t n = config_count(node);
    if (!load_is_list(l, node, "a list of texts") ||
        !load_has_room(l, node, (int32_t)n - 1, VALUES_MAX, "values of a property"))
        return;
    struct span *values = arena_alloc(l->arena, n * sizeof *values);
    for (size_t i = 0; i < n; i++) {
        struct span text;
        if (config_read_text(l->config, config_at(node, i), LOAD_TEXT_BYTES_MAX, &text))
            values[i] = span_make(arena_dup(l->arena, text), text.len);
    }
    out->type = PROPERTY_ONE_OF;
    out->values = values;
    out->n_values = (int32_t)n;
}

static void load_type(struct loader *l, const struct config_node *node, struct property_rule *out)
{
    size_t type = PROPERTY_ANY;
    if (config_kind(node) == CONFIG_SEQUENCE)
        load_one_of(l, node, out);
    else if (config_kind(node) == CONFIG_MAPPING)
        load_expected(l, node, "a type, or a list of the texts that are allowed",
                      "the parts of an object are named with dots, as in address.city: text");
    else if (config_read_choice(l->config, node, PLAYBOOK_PROPERTY_TYPE_NAMES, PROPERTY_TYPES,
                                &type))
        out->type = (enum property_type)type;
}

struct load_properties {
    struct property_rule *items;
    int32_t n;
};

static bool load_is_there(const struct load_properties *list, struct span name)
{
    for (int32_t i = 0; i < list->n; i++) {
        if (span_eq(list->items[i].name, name))
            return true;
    }
    return false;
}

static void load_property(struct loader *l, const struct config_node *key,
                          const struct config_node *type, bool required,
                          struct load_properties *list)
{
    struct span name;
    if (!config_read_text(l->config, key, PROPERTY_BYTES_MAX, &name) ||
        !load_has_room(l, key, list->n, PLAYBOOK_SCHEMA_PROPERTIES_MAX, "properties of an event"))
        return;
    if (load_is_there(list, name)) {
        config_error_hint(l->config, key, "leave it in one of the two",
                          "\"%.*s\" is both required and optional", SPAN_ARG(name));
        return;
    }
    struct property_rule *rule = &list->items[list->n++];
    *rule = (struct property_rule){.required = required};
    rule->name = span_make(arena_dup(l->arena, name), name.len);
    load_type(l, type, rule);
}

static void load_properties(struct loader *l, const struct config_node *node, bool required,
                            struct load_properties *list)
{
    if (node == NULL ||
        !load_is_mapping(l, node, "properties with their types, as in {seats: integer}"))
        return;
    for (size_t i = 0; i < config_count(node); i++)
        load_property(l, config_key_at(node, i), config_at(node, i), required, list);
}

static int compare_rules(const void *a, const void *b)
{
    return span_cmp(((const struct property_rule *)a)->name,
                    ((const struct property_rule *)b)->name);
}

// ---- Events -------------------------------------------------------------------------------------

static void load_event_schema(struct loader *l, const struct config_node *key,
                              const struct config_node *node, struct load_schema_rules rules,
                              struct event_schema *out)
{
    struct load_properties list = {0};
    struct span name;
    if (!config_read_text(l->config, key, EVENT_BYTES_MAX, &name))
        return;
    if (rules.naming != NAMING_ANY && !naming_fits((enum schemas_naming)rules.naming, name))
        config_warn(l->config, key, "it is accepted as it stands here", "\"%.*s\" is not in %s",
                    SPAN_ARG(name), PLAYBOOK_NAMING_NAMES[rules.naming]);
    bool bare = config_kind(node) == CONFIG_SCALAR && config_text(node).len == 0;
    bool empty = config_kind(node) == CONFIG_MAPPING && config_count(node) == 0;
    if (!bare && !empty) {
        if (!load_is_mapping(l, node, "a schema, as in {required: {seats: integer}}"))
            return;
        (void)load_check_form(l, node, SCHEMA_EVENT_SCHEMA);
        size_t naming = rules.naming, unknown_events = rules.unknown_events;
        load_rules(l, node, &rules);
        rules.naming = naming; // no keys of an event
        rules.unknown_events = unknown_events;
    }
    list.items = arena_alloc(l->arena, PLAYBOOK_SCHEMA_PROPERTIES_MAX * sizeof *list.items);
    load_properties(l, config_get(node, "required"), true, &list);
    int32_t n_required = list.n;
    load_properties(l, config_get(node, "optional"), false, &list);
    qsort(list.items, (size_t)list.n, sizeof *list.items, compare_rules);
    *out = (struct event_schema){
        .event = span_make(arena_dup(l->arena, name), name.len),
        .mode = (enum schemas_mode)rules.mode,
        .property_naming = (enum schemas_naming)rules.property_naming,
        .refuse_unknown = rules.unknown_properties != 0,
        .rules = list.items,
        .n_rules = list.n,
        .n_required = n_required,
    };
}

static int compare_events(const void *a, const void *b)
{
    return span_cmp(((const struct event_schema *)a)->event,
                    ((const struct event_schema *)b)->event);
}

static void load_event_schemas(struct loader *l, const struct config_node *node,
                               const struct load_schema_rules *rules, struct schemas *out)
{
    size_t n = node == NULL ? 0 : config_count(node);
    if (node == NULL ||
        !load_is_mapping(l, node, "events with their schemas, as in {Plan Changed: {..}}") ||
        !load_has_room(l, node, (int32_t)n - 1, PLAYBOOK_SCHEMAS_MAX, "schemas"))
        return;
    struct event_schema *events = arena_alloc(l->arena, n * sizeof *events);
    for (size_t i = 0; i < n; i++)
        load_event_schema(l, config_key_at(node, i), config_at(node, i), *rules, &events[i]);
    qsort(events, n, sizeof *events, compare_events);
    out->events = events;
    out->n_events = (int32_t)n;
}

void load_schemas(struct loader *l, const struct config_node *node)
{
    struct load_schema_rules rules = {0};
    if (node == NULL || !load_is_mapping(l, node, "schemas, as in {mode: observe, events: {..}}"))
        return;
    (void)load_check_form(l, node, SCHEMA_SCHEMAS);
    load_rules(l, node, &rules);
    struct schemas *schemas = arena_alloc(l->arena, sizeof *schemas);
    *schemas = (struct schemas){
        .mode = (enum schemas_mode)rules.mode,
        .naming = (enum schemas_naming)rules.naming,
        .refuse_unknown = rules.unknown_events != 0,
    };
    load_event_schemas(l, config_get(node, "events"), &rules, schemas);
    if (schemas->refuse_unknown && schemas->n_events == 0)
        config_error_hint(l->config, config_get(node, "unknown_events"), "name those that may come",
                          "without events: every event is refused");
    l->playbook->schemas = schemas;
}
