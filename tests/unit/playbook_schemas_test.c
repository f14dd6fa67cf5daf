// SPDX-License-Identifier: Apache-2.0
// links: playbook config base
// The section `schemas`: what is read, and every mistake with the whole message.
#include <criterion/criterion.h>

#include "services/playbook/load.h"
#include "tests/support/playbook_bad.h"

Test(playbook_schemas, reads_everything)
{
    static const char TEXT[] = "playbook: p\n"
                               "version: 1\n"
                               "schemas:\n"
                               "  mode: enforce\n"
                               "  naming: snake_case\n"
                               "  property_naming: camel_case\n"
                               "  unknown_events: refuse\n"
                               "  unknown_properties: refuse\n"
                               "  events:\n"
                               "    zoo_left:\n"
                               "    a_made:\n"
                               "      mode: observe\n"
                               "      required: {z: text, b: [x, \"1\"]}\n"
                               "      optional: {c.d: time, a: integer}\n"
                               "      property_naming: any\n"
                               "      unknown_properties: allow\n";
    struct buf report = {0};
    struct playbook *p = NULL;
    cr_assert_eq(playbook_load("p.yaml", span_of(TEXT), &p, &report), ERR_OK, SPAN_FMT,
                 SPAN_ARG(buf_span(&report)));
    const struct schemas *s = p->schemas;
    cr_assert_not_null(s);
    cr_expect_eq(s->mode, SCHEMAS_ENFORCE);
    cr_expect_eq(s->naming, NAMING_SNAKE_CASE);
    cr_expect(s->refuse_unknown);
    cr_assert_eq(s->n_events, 2);
    const struct event_schema *made = &s->events[0], *left = &s->events[1];
    cr_expect(span_is(made->event, "a_made") && span_is(left->event, "zoo_left"));
    cr_expect(left->mode == SCHEMAS_ENFORCE && left->refuse_unknown && left->n_rules == 0);
    cr_expect_eq(left->property_naming, NAMING_CAMEL_CASE);
    cr_expect(made->mode == SCHEMAS_OBSERVE && !made->refuse_unknown);
    cr_expect_eq(made->property_naming, NAMING_ANY);
    cr_assert_eq(made->n_rules, 4);
    cr_expect_eq(made->n_required, 2);
    static const struct {
        const char *name;
        enum property_type type;
        bool required;
    } RULES[] = {{"a", PROPERTY_INTEGER, false},
                 {"b", PROPERTY_ONE_OF, true},
                 {"c.d", PROPERTY_TIME, false},
                 {"z", PROPERTY_TEXT, true}};
    for (size_t i = 0; i < ARRAY_LEN(RULES); i++) {
        cr_expect(span_is(made->rules[i].name, RULES[i].name));
        cr_expect_eq(made->rules[i].type, RULES[i].type);
        cr_expect_eq(made->rules[i].required, RULES[i].required);
    }
    cr_expect_eq(made->rules[1].n_values, 2);
    cr_expect(span_is(made->rules[1].values[1], "1"));
    playbook_destroy(p);
    buf_deinit(&report);
}

Test(playbook_schemas, a_name_against_the_own_rule_is_a_warning)
{
    static const char TEXT[] = "playbook: p\n"
                               "version: 1\n"
                               "schemas:\n"
                               "  naming: title_case\n"
                               "  events: {project_created: }\n"
                               "qualify: {pql: always}\n";
    struct buf report = {0};
    struct playbook *p = NULL;
    cr_assert_eq(playbook_load("p.yaml", span_of(TEXT), &p, &report), ERR_OK);
    buf_append_u8(&report, '\0');
    cr_expect_str_eq((const char *)report.bytes,
                     "p.yaml:5:12: $.schemas.events: warning: \"project_created\" is not in "
                     "title_case\n"
                     "  5 |   events: {project_created: }\n"
                     "    |            ^ it is accepted as it stands here\n");
    playbook_destroy(p);
    buf_deinit(&report);
}

#define HEAD "playbook: p\nversion: 1\n"
// clang-format off
static const struct bad BAD[] = {
    {"a_list", HEAD "schemas: [a]\n",
     "p.yaml:3:10: $.schemas: expected schemas, as in {mode: observe, events: {..}}, found a list\n"
     "  3 | schemas: [a]\n"
     "    |          ^\n"},
    {"unknown_key", HEAD "schemas: {mod: observe}\n",
     "p.yaml:3:11: $.schemas: unknown key \"mod\"\n"
     "  3 | schemas: {mod: observe}\n"
     "    |           ^ did you mean \"mode\"?\n"},
    {"unknown_mode", HEAD "schemas: {mode: refuse}\n",
     "p.yaml:3:17: $.schemas.mode: unknown value \"refuse\"\n"
     "  3 | schemas: {mode: refuse}\n"
     "    |                 ^ expected one of observe, enforce\n"},
    {"unknown_naming", HEAD "schemas: {naming: snake}\n",
     "p.yaml:3:19: $.schemas.naming: unknown value \"snake\"\n"
     "  3 | schemas: {naming: snake}\n"
     "    |                   ^ expected one of any, title_case, snake_case, camel_case, pascal_case, kebab_case\n"},
    {"unknown_type", HEAD "schemas: {events: {A: {required: {n: string}}}}\n",
     "p.yaml:3:38: $.schemas.events.A.required.n: unknown value \"string\"\n"
     "  3 | schemas: {events: {A: {required: {n: string}}}}\n"
     "    |                                      ^ expected one of any, text, number, integer, flag, time\n"},
    {"object_type", HEAD "schemas: {events: {A: {required: {address: {city: text}}}}}\n",
     "p.yaml:3:44: $.schemas.events.A.required.address: expected a type, or a list of the texts that are allowed, found a mapping\n"
     "  3 | schemas: {events: {A: {required: {address: {city: text}}}}}\n"
     "    |                                            ^ the parts of an object are named with dots, as in address.city: text\n"},
    {"list_of_nothing", HEAD "schemas: {events: {A: {required: {n: []}}}}\n",
     "p.yaml:3:38: $.schemas.events.A.required.n: expected a list of texts, found an empty list\n"
     "  3 | schemas: {events: {A: {required: {n: []}}}}\n"
     "    |                                      ^\n"},
    {"twice", HEAD "schemas: {events: {A: {required: {n: text}, optional: {n: text}}}}\n",
     "p.yaml:3:56: $.schemas.events.A.optional: \"n\" is both required and optional\n"
     "  3 | schemas: {events: {A: {required: {n: text}, optional: {n: text}}}}\n"
     "    |                                                        ^ leave it in one of the two\n"},
    {"properties_are_a_list", HEAD "schemas: {events: {A: {required: [n]}}}\n",
     "p.yaml:3:34: $.schemas.events.A.required: expected properties with their types, as in {seats: integer}, found a list\n"
     "  3 | schemas: {events: {A: {required: [n]}}}\n"
     "    |                                  ^\n"},
    {"event_is_a_text", HEAD "schemas: {events: {A: text}}\n",
     "p.yaml:3:23: $.schemas.events.A: expected a schema, as in {required: {seats: integer}}, found \"text\"\n"
     "  3 | schemas: {events: {A: text}}\n"
     "    |                       ^\n"},
    {"key_of_the_whole", HEAD "schemas: {events: {A: {naming: any}}}\n",
     "p.yaml:3:24: $.schemas.events.A: unknown key \"naming\"\n"
     "  3 | schemas: {events: {A: {naming: any}}}\n"
     "    |                        ^ expected one of mode, required, optional, property_naming, unknown_properties\n"},
    {"refuses_everything", HEAD "schemas: {unknown_events: refuse}\n",
     "p.yaml:3:27: $.schemas.unknown_events: without events: every event is refused\n"
     "  3 | schemas: {unknown_events: refuse}\n"
     "    |                           ^ name those that may come\n"},
};
// clang-format on

Test(playbook_schemas, says_what_is_wrong_and_where)
{
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
        playbook_bad_check(&BAD[i], ERR_INVALID);
}
