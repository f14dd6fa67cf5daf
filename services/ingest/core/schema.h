// SPDX-License-Identifier: Apache-2.0
// Whether a track call looks as the playbook's schemas say. Pure; for events that ingest_take has
// taken.
#pragma once

#include "services/ingest/core/core.h"
#include "services/playbook/model.h"

// What can be wrong, for counting. X(name, text)
#define INGEST_VIOLATION_LIST(X)                                                                   \
    X(UNKNOWN_EVENT, "unknown_event")                                                              \
    X(NAMING, "naming")                                                                            \
    X(MISSING, "missing")                                                                          \
    X(TYPE, "type")                                                                                \
    X(VALUE, "value")                                                                              \
    X(UNKNOWN_PROPERTY, "unknown_property")

enum ingest_violation {
#define INGEST_VIOLATION_ENUM(name, text) INGEST_VIOLATION_##name,
    INGEST_VIOLATION_LIST(INGEST_VIOLATION_ENUM)
#undef INGEST_VIOLATION_ENUM
        INGEST_VIOLATION_COUNT
};
const char *ingest_violation_text(enum ingest_violation violation);

struct ingest_finding {
    int32_t schema; // position in schemas->events, or PLAYBOOK_NONE
    bool refused;   // by the mode
    size_t n;       // violations
    // How many of each kind.
    uint32_t counts[INGEST_VIOLATION_COUNT];
    struct err_info reason; // the first, and how many more there are
};

// True: nothing is wrong, and `out` is not touched. `schemas` NULL: nothing ever is.
bool ingest_fits_schema(const struct schemas *schemas, const struct ingest_event *event,
                        struct ingest_finding *out);
