// SPDX-License-Identifier: Apache-2.0
#include "services/ingest/core/schema.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/time_text.h"
#include "services/playbook/naming.h"

enum { SHOWN_BYTES_MAX = 60 };

const char *ingest_violation_text(enum ingest_violation violation)
{
    static const char *const TEXTS[] = {
#define INGEST_VIOLATION_TEXT(name, text) text,
        INGEST_VIOLATION_LIST(INGEST_VIOLATION_TEXT)
#undef INGEST_VIOLATION_TEXT
    };
    CHECK((size_t)violation < ARRAY_LEN(TEXTS));
    return TEXTS[violation];
}

// Clean text as far as a message has room, cut between characters.
static int shown_len(struct span s)
{
    size_t n = s.len;
    if (n > SHOWN_BYTES_MAX) {
        n = SHOWN_BYTES_MAX;
        while (n > 0 && (((const unsigned char *)s.ptr)[n] & 0xC0) == 0x80)
            n--;
    }
    return (int)n;
}
#define SHOWN(s) shown_len(s), (const char *)(s).ptr

// The first violation says why; the others are counted.
#define FIND(out, violation, ...)                                                                  \
    do {                                                                                           \
        if ((out)->n++ == 0)                                                                       \
            (void)err_set(&(out)->reason, ERR_INVALID, __VA_ARGS__);                               \
        (out)->counts[violation]++;                                                                \
    } while (0)

// ---- Values -------------------------------------------------------------------------------------

static const char *kind_words(enum ingest_value kind)
{
    switch (kind) {
    case INGEST_TEXT:
        return "a text";
    case INGEST_NUMBER:
        return "a number";
    case INGEST_INTEGER:
        return "an integer";
    case INGEST_FLAG:
        return "a flag";
    case INGEST_NONE:
        break;
    }
    return "nothing";
}

static const char *type_words(enum property_type type)
{
    switch (type) {
    case PROPERTY_TEXT:
        return "a text";
    case PROPERTY_NUMBER:
        return "a number";
    case PROPERTY_INTEGER:
        return "an integer";
    case PROPERTY_FLAG:
        return "a flag";
    case PROPERTY_TIME:
        return "a time, as in 2026-01-31T10:00:00Z";
    case PROPERTY_ONE_OF:
        return "one of the texts that the schema lists";
    case PROPERTY_ANY:
        break;
    }
    return "anything";
}

static bool is_of_type(const struct ingest_property *property, enum property_type type)
{
    int64_t ms;
    switch (type) {
    case PROPERTY_ANY:
        return true;
    case PROPERTY_TEXT:
    case PROPERTY_ONE_OF:
        return property->kind == INGEST_TEXT;
    case PROPERTY_NUMBER:
        return property->kind == INGEST_NUMBER || property->kind == INGEST_INTEGER;
    case PROPERTY_INTEGER:
        return property->kind == INGEST_INTEGER ||
               (property->kind == INGEST_NUMBER && trunc(property->number) == property->number);
    case PROPERTY_FLAG:
        return property->kind == INGEST_FLAG;
    case PROPERTY_TIME:
        return property->kind == INGEST_TEXT && time_parse(property->text, &ms);
    }
    return false;
}

static bool is_listed(const struct property_rule *rule, struct span text)
{
    for (int32_t i = 0; i < rule->n_values; i++) {
        if (span_eq(rule->values[i], text))
            return true;
    }
    return false;
}

static void check_value(const struct property_rule *rule, const struct ingest_property *property,
                        struct ingest_finding *out)
{
    bool text = property->kind == INGEST_TEXT && rule->type == PROPERTY_TIME;
    if (!is_of_type(property, rule->type))
        FIND(out, INGEST_VIOLATION_TYPE, "properties.%.*s: expected %s, got %s", SHOWN(rule->name),
             type_words(rule->type), text ? "another text" : kind_words(property->kind));
    else if (rule->type == PROPERTY_ONE_OF && !is_listed(rule, property->text))
        FIND(out, INGEST_VIOLATION_VALUE,
             "properties.%.*s: \"%.*s\" is none of the texts that the schema lists",
             SHOWN(rule->name), SHOWN(property->text));
}

// ---- Properties ---------------------------------------------------------------------------------

static int compare_rule(const void *key, const void *rule)
{
    return span_cmp(*(const struct span *)key, ((const struct property_rule *)rule)->name);
}

static const struct property_rule *find_rule(const struct event_schema *schema, struct span name)
{
    return bsearch(&name, schema->rules, (size_t)schema->n_rules, sizeof *schema->rules,
                   compare_rule);
}

// Each part of a flattened key.
static bool key_fits(enum schemas_naming naming, struct span key)
{
    const char *p = key.ptr;
    size_t from = 0;
    for (size_t i = 0; i <= key.len; i++) {
        if (i < key.len && p[i] != '.')
            continue;
        if (!naming_fits(naming, span_make(p + from, i - from)))
            return false;
        from = i + 1;
    }
    return true;
}

static void check_unknown(const struct event_schema *schema, struct span key,
                          struct ingest_finding *out)
{
    if (schema->refuse_unknown)
        FIND(out, INGEST_VIOLATION_UNKNOWN_PROPERTY,
             "properties.%.*s: not in the schema of \"%.*s\"", SHOWN(key), SHOWN(schema->event));
    else if (schema->property_naming != NAMING_ANY && !key_fits(schema->property_naming, key))
        FIND(out, INGEST_VIOLATION_NAMING, "properties.%.*s: expected %s, as in %s", SHOWN(key),
             PLAYBOOK_NAMING_NAMES[schema->property_naming],
             naming_example(schema->property_naming));
}

// Which rules a property met, by position: a repeated key counts once.
struct met {
    uint64_t bits[(PLAYBOOK_SCHEMA_PROPERTIES_MAX + 63) / 64];
};

static void check_missing(const struct event_schema *schema, const struct met *met,
                          struct ingest_finding *out)
{
    for (int32_t i = 0; i < schema->n_rules; i++) {
        const struct property_rule *rule = &schema->rules[i];
        if (rule->required && (met->bits[i / 64] >> (i % 64) & 1) == 0)
            FIND(out, INGEST_VIOLATION_MISSING, "properties.%.*s: missing; \"%.*s\" needs it",
                 SHOWN(rule->name), SHOWN(schema->event));
    }
}

static void check_properties(const struct event_schema *schema, const struct ingest_event *event,
                             struct ingest_finding *out)
{
    struct met met = {{0}};
    for (size_t i = 0; i < event->n_properties; i++) {
        const struct ingest_property *property = &event->properties[i];
        const struct property_rule *rule = find_rule(schema, property->key);
        if (rule == NULL) {
            check_unknown(schema, property->key, out);
            continue;
        }
        size_t at = (size_t)(rule - schema->rules);
        met.bits[at / 64] |= (uint64_t)1 << (at % 64);
        check_value(rule, property, out);
    }
    check_missing(schema, &met, out);
}

// ---- Events -------------------------------------------------------------------------------------

static int compare_schema(const void *key, const void *schema)
{
    return span_cmp(*(const struct span *)key, ((const struct event_schema *)schema)->event);
}

static void check_unknown_event(const struct schemas *schemas, struct span name,
                                struct ingest_finding *out)
{
    const struct event_schema *near = NULL;
    for (int32_t i = 0; schemas->refuse_unknown && i < schemas->n_events && near == NULL; i++) {
        if (naming_same_words(schemas->events[i].event, name))
            near = &schemas->events[i];
    }
    if (schemas->refuse_unknown && near != NULL)
        FIND(out, INGEST_VIOLATION_UNKNOWN_EVENT,
             "name: \"%.*s\" is in no schema; it is written \"%.*s\"", SHOWN(name),
             SHOWN(near->event));
    else if (schemas->refuse_unknown)
        FIND(out, INGEST_VIOLATION_UNKNOWN_EVENT, "name: \"%.*s\" is in no schema", SHOWN(name));
    else if (!naming_fits(schemas->naming, name))
        FIND(out, INGEST_VIOLATION_NAMING, "name: expected %s, as in \"%s\", got \"%.*s\"",
             PLAYBOOK_NAMING_NAMES[schemas->naming], naming_example(schemas->naming), SHOWN(name));
}

static void say_more(struct ingest_finding *out)
{
    size_t len = strlen(out->reason.text);
    if (out->n > 1)
        snprintf(out->reason.text + len, sizeof out->reason.text - len, " (and %zu more)",
                 out->n - 1);
}

bool ingest_fits_schema(const struct schemas *schemas, const struct ingest_event *event,
                        struct ingest_finding *out)
{
    if (schemas == NULL || event->kind != INGEST_TRACK)
        return true;
    // bsearch takes no empty array that is NULL.
    const struct event_schema *schema =
        schemas->n_events == 0 ? NULL
                               : bsearch(&event->name, schemas->events, (size_t)schemas->n_events,
                                         sizeof *schemas->events, compare_schema);
    struct ingest_finding finding = {.schema = PLAYBOOK_NONE};
    if (schema != NULL)
        check_properties(schema, event, &finding);
    else
        check_unknown_event(schemas, event->name, &finding);
    if (finding.n == 0)
        return true;
    if (schema != NULL)
        finding.schema = (int32_t)(schema - schemas->events);
    finding.refused = (schema != NULL ? schema->mode : schemas->mode) == SCHEMAS_ENFORCE;
    say_more(&finding);
    *out = finding;
    return false;
}
