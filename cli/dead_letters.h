// SPDX-License-Identifier: Apache-2.0
// The parts of `assay dead-letters`: each ingest keeps its own letters, so they are asked one after
// the other. A letter is called by its number, with the ingest's name in front where there are
// several: "ingest-1/17".
#pragma once

#include <jansson.h>

#include "assay/ingest/v1/ingest.pb-c.h"
#include "cli/cluster.h"
#include "cli/options.h"

int cmd_dead_letters_resend(int argc, char **argv);
int cmd_dead_letters_drop(int argc, char **argv);

// What all of its commands may be told.
struct letters_opts {
    const char *dir;
    bool json;
    const char *rule, *source, *event;
    int64_t since_ms, last_ms;
    bool observed;
};
#define LETTERS_FILTER_ROWS(o)                                                                     \
    {"rule", OPTION_TEXT, &(o)->rule, "WORD", "only those refused for this: name, schema, ...",    \
     0,      0,           NULL},                                                                   \
        {"event", OPTION_TEXT, &(o)->event, "NAME", "only track calls of this event", 0, 0, NULL}, \
        {"source", OPTION_TEXT, &(o)->source, "ID", "only those that came with this write key",    \
         0,        0,           NULL},                                                             \
        {"since", OPTION_TIME, &(o)->since_ms, "TIME", "only those received since then", 0,        \
         0,       NULL},                                                                           \
        {"last", OPTION_DURATION, &(o)->last_ms, "TIME", "only those of the last so long: 24h",    \
         1000,   INT64_MAX / 2,   NULL},                                                           \
    {                                                                                              \
        "observed", OPTION_FLAG, &(o)->observed, NULL,                                             \
            "those that were taken although a schema was not met", 0, 0, NULL                      \
    }

bool letters_has_filter(const struct letters_opts *opts);
void letters_filter(const struct letters_opts *opts, Assay__Ingest__V1__DeadLetterFilter *out);

// The cluster's ingests.
struct letters_ingests {
    struct cluster *cluster;
    const struct cluster_endpoint *endpoints[CLUSTER_SCORERS_MAX];
    size_t n;
};
MUST_USE enum err letters_open(const char *dir, struct letters_ingests *out, struct err_info *info);
void letters_close(struct letters_ingests *ingests);
// `method` is one of IngestService's.
MUST_USE enum err letters_call(struct letters_ingests *ingests, size_t i, const char *method,
                               const ProtobufCMessage *request,
                               const ProtobufCMessageDescriptor *answer_type,
                               ProtobufCMessage **answer, struct err_info *info);
// Reads what a person calls a letter. INVALID, with what was expected.
MUST_USE enum err letters_parse(const struct letters_ingests *ingests, const char *text, size_t *i,
                                uint64_t *number, struct err_info *info);
// The name that it has for a person; valid for 8 more such calls.
const char *letters_name(const struct letters_ingests *ingests, size_t i, uint64_t number);
