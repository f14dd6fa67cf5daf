// SPDX-License-Identifier: Apache-2.0
// links: ingest_core playbook base
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/ingest/core/schema.h"
#include "services/playbook/load.h"
#include "services/playbook/naming.h"

#define S(text) ((struct span){(text), sizeof(text) - 1})

static struct playbook *load(const char *schemas)
{
    struct buf text = {0}, report = {0};
    struct playbook *playbook = NULL;
    buf_printf(&text, "playbook: p\nversion: 1\n%s", schemas);
    enum err err = playbook_load("p.yaml", buf_span(&text), &playbook, &report);
    cr_assert_eq(err, ERR_OK, SPAN_FMT, SPAN_ARG(buf_span(&report)));
    buf_deinit(&text);
    buf_deinit(&report);
    return playbook;
}

static struct ingest_property text_of(const char *key, const char *text)
{
    return (struct ingest_property){
        .key = span_of(key), .kind = INGEST_TEXT, .text = span_of(text)};
}

static struct ingest_property number_of(const char *key, double number)
{
    return (struct ingest_property){.key = span_of(key), .kind = INGEST_NUMBER, .number = number};
}

static struct ingest_property integer_of(const char *key, int64_t integer)
{
    return (struct ingest_property){
        .key = span_of(key), .kind = INGEST_INTEGER, .integer = integer};
}

static struct ingest_property flag_of(const char *key)
{
    return (struct ingest_property){.key = span_of(key), .kind = INGEST_FLAG, .flag = true};
}

static struct ingest_event track(const char *name, const struct ingest_property *items, size_t n)
{
    return (struct ingest_event){
        .kind = INGEST_TRACK, .name = span_of(name), .properties = items, .n_properties = n};
}

// What is wrong, or "" for nothing. Valid until the next call.
static const char *wrong(const struct playbook *playbook, const struct ingest_event *event,
                         struct ingest_finding *out)
{
    static struct ingest_finding finding;
    bool fits = ingest_fits_schema(playbook->schemas, event, &finding);
    if (out != NULL)
        *out = finding;
    return fits ? "" : finding.reason.text;
}

static const char PROJECT[] = "schemas:\n"
                              "  mode: enforce\n"
                              "  events:\n"
                              "    Project Created:\n"
                              "      required: {name: text, seats: integer}\n"
                              "      optional: {plan: [free, pro], price: number, trial: flag,\n"
                              "                 ends: time, note: any, address.city: text}\n";

Test(ingest_schema, what_fits_is_let_through)
{
    struct playbook *p = load(PROJECT);
    const struct ingest_property all[] = {
        text_of("name", "x"),
        integer_of("seats", 3),
        text_of("plan", "free"),
        number_of("price", 9.5),
        flag_of("trial"),
        text_of("ends", "2026-01-31"),
        flag_of("note"),
        text_of("address.city", "Porto"),
        text_of("Anything", "is allowed"),
    };
    struct ingest_event event = track("Project Created", all, ARRAY_LEN(all));
    cr_expect_str_eq(wrong(p, &event, NULL), "");
    // An integer is a number; a number without a fraction is an integer.
    const struct ingest_property numbers[] = {text_of("name", "x"), number_of("seats", 3.0),
                                              integer_of("price", 9)};
    event = track("Project Created", numbers, ARRAY_LEN(numbers));
    cr_expect_str_eq(wrong(p, &event, NULL), "");
    playbook_destroy(p);
}

Test(ingest_schema, says_what_is_wrong_with_which_property)
{
    struct playbook *p = load(PROJECT);
    static const struct {
        const char *key;
        const char *expected;
        enum ingest_violation violation;
        int kind; // 0 text "x", 1 number 1.5, 2 integer, 3 flag
    } CASES[] = {
        {"seats", "properties.seats: expected an integer, got a text", INGEST_VIOLATION_TYPE, 0},
        {"seats", "properties.seats: expected an integer, got a number", INGEST_VIOLATION_TYPE, 1},
        {"seats", "properties.seats: expected an integer, got a flag", INGEST_VIOLATION_TYPE, 3},
        {"price", "properties.price: expected a number, got a text", INGEST_VIOLATION_TYPE, 0},
        {"trial", "properties.trial: expected a flag, got an integer", INGEST_VIOLATION_TYPE, 2},
        {"plan", "properties.plan: \"x\" is none of the texts that the schema lists",
         INGEST_VIOLATION_VALUE, 0},
        {"plan", "properties.plan: expected one of the texts that the schema lists, got an integer",
         INGEST_VIOLATION_TYPE, 2},
        {"ends", "properties.ends: expected a time, as in 2026-01-31T10:00:00Z, got another text",
         INGEST_VIOLATION_TYPE, 0},
        {"address.city", "properties.address.city: expected a text, got a flag",
         INGEST_VIOLATION_TYPE, 3},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        const char *key = CASES[i].key;
        struct ingest_property bad = CASES[i].kind == 0   ? text_of(key, "x")
                                     : CASES[i].kind == 1 ? number_of(key, 1.5)
                                     : CASES[i].kind == 2 ? integer_of(key, 1)
                                                          : flag_of(key);
        bool seats = strcmp(key, "seats") == 0;
        const struct ingest_property items[] = {text_of("name", "n"), bad, integer_of("seats", 1)};
        struct ingest_event event = track("Project Created", items, seats ? 2 : 3);
        struct ingest_finding finding;
        cr_expect_str_eq(wrong(p, &event, &finding), CASES[i].expected);
        cr_expect(finding.refused);
        cr_expect_eq(finding.n, 1);
        cr_expect_eq(finding.counts[CASES[i].violation], 1);
        cr_expect_eq(finding.schema, 0);
    }
    playbook_destroy(p);
}

Test(ingest_schema, all_that_is_missing_is_counted_and_the_first_named)
{
    struct playbook *p = load(PROJECT);
    struct ingest_event event = track("Project Created", NULL, 0);
    struct ingest_finding finding;
    cr_expect_str_eq(wrong(p, &event, &finding),
                     "properties.name: missing; \"Project Created\" needs it (and 1 more)");
    cr_expect_eq(finding.counts[INGEST_VIOLATION_MISSING], 2);
    // A repeated key stands for itself alone.
    const struct ingest_property twice[] = {text_of("name", "a"), text_of("name", "b")};
    event = track("Project Created", twice, 2);
    cr_expect_str_eq(wrong(p, &event, NULL),
                     "properties.seats: missing; \"Project Created\" needs it");
    playbook_destroy(p);
}

Test(ingest_schema, only_track_calls_are_judged)
{
    struct playbook *p = load(PROJECT);
    for (int kind = INGEST_TRACK; kind <= INGEST_SCREEN; kind++) {
        struct ingest_event event = track("Project Created", NULL, 0);
        event.kind = kind;
        cr_expect_eq(wrong(p, &event, NULL)[0] == '\0', kind != INGEST_TRACK, "%d", kind);
    }
    struct ingest_event event = track("Anything Else", NULL, 0);
    cr_expect_str_eq(wrong(p, &event, NULL), "");
    playbook_destroy(p);
    p = load("");
    cr_expect_null(p->schemas);
    cr_expect_str_eq(wrong(p, &event, NULL), "");
    playbook_destroy(p);
}

Test(ingest_schema, an_event_without_a_schema)
{
    struct playbook *p = load("schemas:\n"
                              "  mode: enforce\n"
                              "  naming: title_case\n"
                              "  unknown_events: refuse\n"
                              "  events: {Project Created: , Report Run: {}}\n");
    struct ingest_event event = track("project_created", NULL, 0);
    struct ingest_finding finding;
    cr_expect_str_eq(
        wrong(p, &event, &finding),
        "name: \"project_created\" is in no schema; it is written \"Project Created\"");
    cr_expect_eq(finding.schema, PLAYBOOK_NONE);
    cr_expect_eq(finding.counts[INGEST_VIOLATION_UNKNOWN_EVENT], 1);
    event = track("Other", NULL, 0);
    cr_expect_str_eq(wrong(p, &event, NULL), "name: \"Other\" is in no schema");
    event = track("Report Run", NULL, 0);
    cr_expect_str_eq(wrong(p, &event, NULL), "");
    playbook_destroy(p);
    p = load("schemas: {naming: title_case}\n");
    event = track("project_created", NULL, 0);
    cr_expect_str_eq(
        wrong(p, &event, &finding),
        "name: expected title_case, as in \"Project Created\", got \"project_created\"");
    cr_expect_not(finding.refused); // observe is the default
    playbook_destroy(p);
}

Test(ingest_schema, properties_without_a_rule)
{
    struct playbook *p = load("schemas:\n"
                              "  property_naming: snake_case\n"
                              "  events:\n"
                              "    A: {optional: {Odd Name: text}}\n"
                              "    B: {unknown_properties: refuse}\n"
                              "    C: {property_naming: camel_case}\n");
    const struct ingest_property odd[] = {text_of("Odd Name", "x")};
    struct ingest_event event = track("A", odd, 1);
    cr_expect_str_eq(wrong(p, &event, NULL), "");
    const struct ingest_property nested[] = {text_of("address.zipCode", "x")};
    event = track("A", nested, 1);
    cr_expect_str_eq(wrong(p, &event, NULL),
                     "properties.address.zipCode: expected snake_case, as in project_created");
    event = track("B", nested, 1);
    cr_expect_str_eq(wrong(p, &event, NULL),
                     "properties.address.zipCode: not in the schema of \"B\"");
    event = track("C", nested, 1);
    cr_expect_str_eq(wrong(p, &event, NULL), "");
    playbook_destroy(p);
}

Test(ingest_schema, an_event_has_its_own_mode)
{
    struct playbook *p = load("schemas:\n"
                              "  mode: enforce\n"
                              "  events:\n"
                              "    A: {mode: observe, required: {x: any}}\n"
                              "    B: {required: {x: any}}\n");
    struct ingest_finding finding;
    struct ingest_event event = track("A", NULL, 0);
    (void)wrong(p, &event, &finding);
    cr_expect_not(finding.refused);
    event = track("B", NULL, 0);
    (void)wrong(p, &event, &finding);
    cr_expect(finding.refused);
    playbook_destroy(p);
}

Test(ingest_schema, reasons_hold_whole_characters_of_long_names)
{
    struct playbook *p = load("schemas: {mode: enforce, naming: snake_case}\n");
    char name[201];
    for (size_t i = 0; i + 2 <= 200; i += 2)
        memcpy(name + i, "\xc3\x89", 2);
    name[199] = 'X';
    name[200] = '\0';
    memmove(name + 1, name, 199);
    name[0] = 'A'; // so that the cut falls into a character
    struct ingest_event event = track(name, NULL, 0);
    const char *reason = wrong(p, &event, NULL);
    cr_expect(strncmp(reason, "name: expected snake_case", 25) == 0);
    size_t n = strlen(reason);
    cr_assert_eq(reason[n - 1], '"');
    cr_expect_eq((unsigned char)reason[n - 2], 0x89, "%s", reason);
    playbook_destroy(p);
}

// The same rules, written down once more without any of the shortcuts.
static void naive(const struct schemas *schemas, const struct ingest_event *event,
                  uint32_t counts[INGEST_VIOLATION_COUNT])
{
    const struct event_schema *schema = NULL;
    for (int32_t i = 0; i < schemas->n_events; i++)
        if (span_eq(schemas->events[i].event, event->name))
            schema = &schemas->events[i];
    for (int32_t r = 0; schema != NULL && r < schema->n_rules; r++) {
        size_t n = 0;
        for (size_t i = 0; i < event->n_properties; i++) {
            if (!span_eq(event->properties[i].key, schema->rules[r].name))
                continue;
            n++;
            if (schema->rules[r].type == PROPERTY_TEXT && event->properties[i].kind != INGEST_TEXT)
                counts[INGEST_VIOLATION_TYPE]++;
        }
        counts[INGEST_VIOLATION_MISSING] += n == 0 && schema->rules[r].required;
    }
    for (size_t i = 0; schema != NULL && i < event->n_properties; i++) {
        bool known = false;
        for (int32_t r = 0; r < schema->n_rules; r++)
            known = known || span_eq(event->properties[i].key, schema->rules[r].name);
        counts[INGEST_VIOLATION_UNKNOWN_PROPERTY] += !known && schema->refuse_unknown;
    }
}

Test(ingest_schema, random_events_are_judged_as_by_the_plain_rules)
{
    struct buf text = {0};
    buf_append_text(&text, "schemas:\n  unknown_properties: refuse\n  events:\n");
    for (int e = 0; e < 9; e++) {
        buf_printf(&text, "    E%d:\n      required: {", e);
        for (int i = 0; i < e * 9 % 70; i++)
            buf_printf(&text, "%sr%d: text", i > 0 ? ", " : "", i * 7 % 71);
        buf_append_text(&text, e * 9 % 70 == 0 ? "z: any}\n" : "}\n");
    }
    buf_append_u8(&text, '\0');
    struct playbook *p = load((const char *)text.bytes);
    srand(7);
    for (int round = 0; round < 2000; round++) {
        struct ingest_property items[80];
        char keys[80][8], name[8];
        size_t n = (size_t)(rand() % 80);
        for (size_t i = 0; i < n; i++) {
            snprintf(keys[i], sizeof keys[i], "%c%d", rand() % 20 == 0 ? 'q' : 'r', rand() % 71);
            items[i] = rand() % 10 == 0 ? flag_of(keys[i]) : text_of(keys[i], "x");
        }
        snprintf(name, sizeof name, "E%d", rand() % 10);
        struct ingest_event event = track(name, items, n);
        struct ingest_finding finding = {0};
        uint32_t counts[INGEST_VIOLATION_COUNT] = {0};
        (void)ingest_fits_schema(p->schemas, &event, &finding);
        naive(p->schemas, &event, counts);
        cr_assert_arr_eq(finding.counts, counts, sizeof counts, "round %d", round);
    }
    playbook_destroy(p);
    buf_deinit(&text);
}

Test(naming, each_rule)
{
    static const struct {
        const char *name;
        bool fits[SCHEMAS_NAMINGS]; // any title snake camel pascal kebab
    } CASES[] = {
        {"", {true, false, false, false, false, false}},
        {"Project Created", {true, true, false, false, false, false}},
        {"Project created", {true, false, false, false, false, false}},
        {"Project  Created", {true, false, false, false, false, false}},
        {"Project Created ", {true, false, false, false, false, false}},
        {" Project", {true, false, false, false, false, false}},
        {"CSV Exported 2", {true, true, false, false, false, false}},
        {"3D Viewed", {true, true, false, false, false, false}},
        {"project_created", {true, false, true, false, false, false}},
        {"project__created", {true, false, false, false, false, false}},
        {"project_created_", {true, false, false, false, false, false}},
        {"projectCreated", {true, false, false, true, false, false}},
        {"ProjectCreated", {true, true, false, false, true, false}},
        {"project-created", {true, false, false, false, false, true}},
        {"created", {true, false, true, true, false, true}},
        {"2created", {true, true, false, false, true, false}},
        {"$pageview", {true, false, false, false, false, false}},
        {"\xc3\x89t\xc3\xa9 Pass\xc3\xa9", {true, true, false, false, false, false}},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
        for (int n = 0; n < SCHEMAS_NAMINGS; n++)
            cr_expect_eq(naming_fits((enum schemas_naming)n, span_of(CASES[i].name)),
                         CASES[i].fits[n], "\"%s\" as %s", CASES[i].name, PLAYBOOK_NAMING_NAMES[n]);
    for (int n = 1; n < SCHEMAS_NAMINGS; n++)
        cr_expect(
            naming_fits((enum schemas_naming)n, span_of(naming_example((enum schemas_naming)n))));
    cr_expect(naming_same_words(S("project_created"), S("Project Created")));
    cr_expect(naming_same_words(S("projectCreated"), S("PROJECT-CREATED")));
    cr_expect_not(naming_same_words(S("project_created"), S("Projects Created")));
    cr_expect_not(naming_same_words(S("project"), S("project_created")));
}
