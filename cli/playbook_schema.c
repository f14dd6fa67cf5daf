// SPDX-License-Identifier: Apache-2.0
#include "cli/playbook_schema.h"

#include <string.h>

#include "services/playbook/model.h"
#include "services/playbook/schema.h"

// ---- JSON Schema ----

static json_t *ref(const char *name)
{
    return json_pack("{s:o}", "$ref", json_sprintf("#/$defs/%s", name));
}

static json_t *form_ref(int form)
{
    return ref(SCHEMA_MAPPINGS[form].title);
}

static json_t *either(json_t *a, json_t *b)
{
    return json_pack("{s:[o, o]}", "anyOf", a, b);
}

static json_t *list_of(json_t *item)
{
    return json_pack("{s:s, s:o}", "type", "array", "items", item);
}

static json_t *names_of(json_t *value)
{
    return json_pack("{s:s, s:o}", "type", "object", "additionalProperties", value);
}

static json_t *pattern(const char *text)
{
    return json_pack("{s:s, s:s}", "type", "string", "pattern", text);
}

static json_t *choice(const char *const *choices)
{
    json_t *list = json_array();
    for (; *choices != NULL; choices++)
        json_array_append_new(list, json_string(*choices));
    return json_pack("{s:o}", "enum", list);
}

// Definitions and profiles may be bare conditions; signals too.
static json_t *named_form(const struct schema_key *key)
{
    json_t *form = form_ref(key->of);
    bool bare = key->of == SCHEMA_SIGNAL || key->of == SCHEMA_FIT || key->of == SCHEMA_DEFINITION;
    if (key->of == SCHEMA_ADMIT)
        return either(form, json_pack("{s:[s]}", "enum", "auto"));
    if (key->of == SCHEMA_CAP_PERIOD)
        return either(form, json_pack("{s:[s]}", "enum", "none"));
    if (key->of == SCHEMA_QUEUE || key->of == SCHEMA_REP)
        return either(form, json_pack("{s:s}", "type", "null"));
    return bare ? either(form, ref("condition")) : form;
}

static json_t *type_json(const struct schema_key *key)
{
    static const char *const NONE[] = {"none", NULL};
    switch (key->type) {
    case SCHEMA_TEXT:
        return json_pack("{s:s}", "type", "string");
    case SCHEMA_NAME:
        return pattern("^[a-z][a-z0-9_]*$");
    case SCHEMA_EVENT:
        return json_pack("{s:s}", "type", "string");
    case SCHEMA_EVENTS:
        return either(json_pack("{s:s}", "type", "string"),
                      list_of(json_pack("{s:s}", "type", "string")));
    case SCHEMA_PROPERTY:
        return pattern("^properties\\..+$");
    case SCHEMA_DURATION:
        return pattern("^[0-9]+(ms|s|m|h|d|w)$");
    case SCHEMA_WINDOW:
        return pattern("^([0-9]+[hdw]|day|week|month)$");
    case SCHEMA_NUMBER:
        return json_pack("{s:s}", "type", "number");
    case SCHEMA_INTEGER:
        return json_pack("{s:s}", "type", "integer");
    case SCHEMA_CAP:
        return either(json_pack("{s:s}", "type", "integer"), choice(NONE));
    case SCHEMA_FLAG:
        return json_pack("{s:s}", "type", "boolean");
    case SCHEMA_CONDITION:
        return ref("condition");
    case SCHEMA_CHOICE:
        return choice(key->choices);
    case SCHEMA_FORM:
        return named_form(key);
    case SCHEMA_FORMS:
        return names_of(named_form(key));
    case SCHEMA_LIST:
        return list_of(form_ref(key->of));
    case SCHEMA_CONDITIONS:
        return list_of(ref("condition"));
    case SCHEMA_NAMED:
        return names_of(ref("condition"));
    case SCHEMA_NUMBERS:
        return names_of(json_pack("{s:s}", "type", "number"));
    case SCHEMA_OTHER:
        break;
    }
    return json_object();
}

static json_t *mapping_json(const struct schema_mapping *mapping)
{
    json_t *properties = json_object(), *required = json_array();
    for (size_t i = 0; i < mapping->n_keys; i++) {
        const struct schema_key *key = &mapping->keys[i];
        json_t *type = type_json(key);
        json_object_set_new(type, "description", json_string(key->help));
        if (key->fallback[0] != '\0')
            json_object_set_new(type, "default", json_string(key->fallback));
        json_object_set_new(properties, key->key, type);
        if (key->required)
            json_array_append_new(required, json_string(key->key));
    }
    json_t *out = json_pack("{s:s, s:s, s:o, s:b}", "type", "object", "description", mapping->help,
                            "properties", properties, "additionalProperties", 0);
    if (json_array_size(required) > 0)
        json_object_set(out, "required", required);
    json_decref(required);
    return out;
}

// A mapping of one key: a group, or an operand of any name with its tests or its value.
static json_t *condition_json(void)
{
    json_t *mapping = mapping_json(&SCHEMA_MAPPINGS[SCHEMA_GROUP]);
    json_t *value = json_pack("{s:[s, s, s]}", "type", "string", "number", "boolean");
    json_object_set_new(mapping, "additionalProperties", either(form_ref(SCHEMA_TESTS), value));
    json_object_set_new(mapping, "minProperties", json_integer(1));
    json_object_set_new(mapping, "maxProperties", json_integer(1));
    return json_pack("{s:[o, o, o]}", "anyOf", json_pack("{s:s}", "type", "string"),
                     list_of(ref("condition")), mapping);
}

json_t *playbook_schema_json(void)
{
    json_t *defs = json_object();
    for (int form = 0; form < SCHEMA_FORMS_N; form++) {
        if (form != SCHEMA_GROUP && form != SCHEMA_PLAYBOOK)
            json_object_set_new(defs, SCHEMA_MAPPINGS[form].title,
                                mapping_json(&SCHEMA_MAPPINGS[form]));
    }
    // Further definitions have names of their own.
    json_object_set_new(
        json_object_get(defs, SCHEMA_MAPPINGS[SCHEMA_QUALIFY].title), "additionalProperties",
        either(form_ref(SCHEMA_DEFINITION), form_ref(SCHEMA_ORGANIZATION_DEFINITION)));
    json_object_set_new(defs, "condition", condition_json());
    json_t *root = mapping_json(&SCHEMA_MAPPINGS[SCHEMA_PLAYBOOK]);
    json_object_set_new(root, "$schema",
                        json_string("https://json-schema.org/draft/2020-12/schema"));
    json_object_set_new(root, "title", json_string("Assay playbook"));
    json_object_set_new(root, "$defs", defs);
    return root;
}

// ---- The reference ----

static const char *type_text(const struct schema_key *key)
{
    switch (key->type) {
    case SCHEMA_TEXT:
        return "text";
    case SCHEMA_NAME:
        return "name";
    case SCHEMA_EVENT:
        return "event";
    case SCHEMA_EVENTS:
        return "event, list of events, or `any`";
    case SCHEMA_PROPERTY:
        return "`properties.NAME`";
    case SCHEMA_DURATION:
        return "duration";
    case SCHEMA_WINDOW:
        return "`30d` `48h` `4w` `day` `week` `month`";
    case SCHEMA_NUMBER:
        return "number";
    case SCHEMA_INTEGER:
        return "whole number";
    case SCHEMA_CAP:
        return "whole number, or `none`";
    case SCHEMA_FLAG:
        return "`true` `false`";
    case SCHEMA_CONDITION:
        return "condition";
    case SCHEMA_CONDITIONS:
        return "list of conditions";
    case SCHEMA_NAMED:
        return "names, each with a condition";
    case SCHEMA_NUMBERS:
        return "names, each with a number";
    case SCHEMA_CHOICE:
    case SCHEMA_FORM:
    case SCHEMA_FORMS:
    case SCHEMA_LIST:
    case SCHEMA_OTHER:
        break;
    }
    return "";
}

// A heading as a link's target.
static void put_anchor(const char *title, struct buf *out)
{
    for (const char *c = title; *c != '\0'; c++)
        buf_append_u8(out, (uint8_t)(*c == ' ' ? '-' : *c));
}

static void put_type(const struct schema_key *key, struct buf *out)
{
    static const char *const MANY[] = {
        [SCHEMA_FORM] = "", [SCHEMA_FORMS] = "names, each with a ", [SCHEMA_LIST] = "list of: "};
    buf_append_text(out, type_text(key));
    if (key->type == SCHEMA_CHOICE) {
        for (const char *const *c = key->choices; *c != NULL; c++)
            buf_printf(out, "%s`%s`", c == key->choices ? "" : " ", *c);
    }
    if (key->type == SCHEMA_FORM || key->type == SCHEMA_FORMS || key->type == SCHEMA_LIST) {
        const char *title = SCHEMA_MAPPINGS[key->of].title;
        buf_printf(out, "%s[%s](#", MANY[key->type], title);
        put_anchor(title, out);
        buf_append_text(out, ")");
    }
}

static void put_mapping(const struct schema_mapping *mapping, struct buf *out)
{
    buf_printf(out, "\n## %s\n\n", mapping->title);
    if (mapping->where[0] != '\0')
        buf_printf(out, "`%s`. ", mapping->where);
    buf_printf(out, "%s\n\n| key | value | default | |\n|---|---|---|---|\n", mapping->help);
    for (size_t i = 0; i < mapping->n_keys; i++) {
        const struct schema_key *key = &mapping->keys[i];
        buf_printf(out, "| `%s` | ", key->key);
        put_type(key, out);
        if (key->required)
            buf_append_text(out, " | required | ");
        else if (key->fallback[0] != '\0')
            buf_printf(out, " | `%s` | ", key->fallback);
        else
            buf_append_text(out, " | | ");
        buf_printf(out, "%s |\n", key->help);
    }
    if (mapping->example[0] != '\0')
        buf_printf(out, "\n```yaml\n%s```\n", mapping->example);
}

void playbook_schema_markdown(struct buf *out)
{
    buf_append_text(
        out, "# Reference of the playbook's keys\n\n"
             "Written by `assay playbook schema --markdown` from the table that the loader reads "
             "by. [The playbook](../playbook.md) explains\nwhat they mean; [write your first "
             "playbook](../first-playbook.md) begins at the beginning.\n\n"
             "Editors check and complete playbooks by the JSON Schema that `assay playbook schema` "
             "writes.\n\n"
             "Durations are a whole number with a unit: `250ms 10s 5m 48h 30d 2w`. Windows are in "
             "UTC.\n");
    for (int form = 0; form < SCHEMA_FORMS_N; form++)
        put_mapping(&SCHEMA_MAPPINGS[form], out);
    buf_printf(out,
               "\n## Bounds\n\n| | at most |\n|---|---|\n"
               "| measures and scores, with the hidden parts of scores and fits | %d |\n"
               "| signals, with segments, stages, criteria and tests in `route` | %d |\n"
               "| conditions, counting every test and group | %d |\n"
               "| names of events | %d |\n"
               "| rules of `route` | %d |\n"
               "| queues, with sales and self_serve | %d |\n"
               "| teams | %d |\n"
               "| reps of a team | %d |\n"
               "| experiments | %d |\n"
               "| prompts | %d |\n",
               PLAYBOOK_MEASURES_MAX, PLAYBOOK_SIGNALS_MAX, PLAYBOOK_CONDITIONS_MAX,
               PLAYBOOK_EVENTS_MAX, PLAYBOOK_ROUTES_MAX, PLAYBOOK_QUEUES_MAX, PLAYBOOK_TEAMS_MAX,
               PLAYBOOK_REPS_MAX, PLAYBOOK_EXPERIMENTS_MAX, PLAYBOOK_PROMPTS_MAX);
}
