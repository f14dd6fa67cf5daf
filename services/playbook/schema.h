// SPDX-License-Identifier: Apache-2.0
// The playbook's keys, in one table: what each mapping of the file may hold, with type, default and
// one sentence. The loader takes its keys from it, and the reference (docs/reference/playbook.md)
// and the JSON Schema for editors are written from it, so that they cannot say different things.
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum schema_type {
    SCHEMA_TEXT,
    SCHEMA_NAME,       // small letters, digits and _
    SCHEMA_EVENT,      // one event's name
    SCHEMA_EVENTS,     // a name, a list of names, or any
    SCHEMA_PROPERTY,   // properties.NAME
    SCHEMA_DURATION,   // 30d
    SCHEMA_WINDOW,     // 30d, 48h, 4w, day, week, month
    SCHEMA_NUMBER,     // decimal
    SCHEMA_INTEGER,    // whole
    SCHEMA_CAP,        // whole, or none
    SCHEMA_FLAG,       // true or false
    SCHEMA_CONDITION,  // a condition
    SCHEMA_CHOICE,     // one of `choices`
    SCHEMA_FORM,       // a mapping of the form `of`
    SCHEMA_FORMS,      // names, each with a mapping of the form `of`
    SCHEMA_LIST,       // a list of mappings of the form `of`
    SCHEMA_CONDITIONS, // a list of conditions
    SCHEMA_NAMED,      // names, each with a condition
    SCHEMA_NUMBERS,    // names, each with a number
    SCHEMA_OTHER,      // as `help` says
};

// The mappings.
enum schema_form {
    SCHEMA_PLAYBOOK,
    SCHEMA_MEASURE,
    SCHEMA_SCORE,
    SCHEMA_RULE,
    SCHEMA_FIT,
    SCHEMA_CRITERION,
    SCHEMA_GRADE,
    SCHEMA_GROUP,
    SCHEMA_TESTS,
    SCHEMA_SIGNAL,
    SCHEMA_QUALIFY,
    SCHEMA_DEFINITION,
    SCHEMA_LIFECYCLE,
    SCHEMA_MARKETING,
    SCHEMA_ROUTE,
    SCHEMA_QUEUE,
    SCHEMA_PRIORITY,
    SCHEMA_AGING,
    SCHEMA_EFFORT,
    SCHEMA_TEAM,
    SCHEMA_REP,
    SCHEMA_ABSENCE,
    SCHEMA_CAPS,
    SCHEMA_CAP_PERIOD,
    SCHEMA_CAP_WHEN,
    SCHEMA_FULL,
    SCHEMA_SLA,
    SCHEMA_ESCALATION,
    SCHEMA_ADMIT,
    SCHEMA_EXPERIMENT,
    SCHEMA_ARM,
    SCHEMA_PROMPT,
    SCHEMA_CONTACT,
    SCHEMA_BUYERS,
    SCHEMA_ORGANIZATIONS,
    SCHEMA_IDENTITY,
    SCHEMA_ORGANIZATION_DEFINITION,
    SCHEMA_ROLL_UP,
    SCHEMA_SCHEMAS,
    SCHEMA_EVENT_SCHEMA,
};
enum { SCHEMA_FORMS_N = SCHEMA_EVENT_SCHEMA + 1 };

struct schema_key {
    const char *key;
    enum schema_type type;
    int of; // FORM, FORMS, LIST: enum schema_form
    bool required;
    const char *fallback;       // as one would write it; "" where nothing stands for it
    const char *const *choices; // NULL-terminated
    const char *help;           // a sentence
};

struct schema_mapping {
    const char *title;   // "measures", "a rule of a score"
    const char *where;   // where it stands in the file: "measures: NAME:"
    const char *help;    // sentences
    const char *example; // a whole section that loads, indented by nothing
    const struct schema_key *keys;
    size_t n_keys;
};
extern const struct schema_mapping SCHEMA_MAPPINGS[SCHEMA_FORMS_N];
