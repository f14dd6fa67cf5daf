// SPDX-License-Identifier: Apache-2.0
#include "services/playbook/model.h"
#include "services/playbook/schema_routing.h"

static const char *const MODES[] = {"observe", "enforce", NULL};
static const char *const UNKNOWN[] = {"allow", "refuse", NULL};
#define NAMINGS                                                                                    \
    (const char *const[])                                                                          \
    {                                                                                              \
        "any", "title_case", "snake_case", "camel_case", "pascal_case", "kebab_case", NULL         \
    }

const struct schema_key SCHEMA_KEYS_SCHEMAS[] = {
    {"mode", SCHEMA_CHOICE, 0, false, "observe", MODES,
     "observe: what does not fit is counted, and some of it kept as dead letters, but it counts; "
     "enforce: it is refused."},
    {"naming", SCHEMA_CHOICE, 0, false, "any", NAMINGS,
     "How names of events are written that have no schema."},
    {"property_naming", SCHEMA_CHOICE, 0, false, "any", NAMINGS,
     "How names of properties are written that a schema does not mention; each part between dots."},
    {"unknown_events", SCHEMA_CHOICE, 0, false, "allow", UNKNOWN,
     "Whether an event may have no schema."},
    {"unknown_properties", SCHEMA_CHOICE, 0, false, "allow", UNKNOWN,
     "Whether an event may have properties that its schema does not mention."},
    {"events", SCHEMA_FORMS, SCHEMA_EVENT_SCHEMA, false, "", NULL, "Schemas by the event's name."},
};

const struct schema_key SCHEMA_KEYS_EVENT_SCHEMA[] = {
    {"mode", SCHEMA_CHOICE, 0, false, "", MODES, "Instead of the mode above."},
    {"required", SCHEMA_OTHER, 0, false, "", NULL,
     "{NAME: type, ...}: properties that have to be there."},
    {"optional", SCHEMA_OTHER, 0, false, "", NULL,
     "The same: of this type, if they are there. An object's parts are named with dots."},
    {"property_naming", SCHEMA_CHOICE, 0, false, "", NAMINGS, "Instead of the one above."},
    {"unknown_properties", SCHEMA_CHOICE, 0, false, "", UNKNOWN, "Instead of the one above."},
};
