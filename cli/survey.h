// SPDX-License-Identifier: Apache-2.0
// What all services say of themselves at one moment; `assay status` and `assay overview` show parts
// of it.
#pragma once

#include "assay/admin/v1/admin.pb-c.h"
#include "assay/ingest/v1/ingest.pb-c.h"
#include "assay/router/v1/router.pb-c.h"
#include "assay/scorer/v1/scorer.pb-c.h"
#include "cli/cluster.h"

enum { SURVEY_REFUSED_HOURS = 24, SURVEY_RULES_MAX = 16 };

struct survey_service {
    const struct cluster_endpoint *endpoint;
    const Assay__Admin__V1__GetStatusResponse *status; // NULL: no answer
    const Assay__Scorer__V1__GetLanesResponse *lanes;  // of scorers
    // Of ingests: events that were refused in the last SURVEY_REFUSED_HOURS.
    const Assay__Ingest__V1__CountDeadLettersResponse *letters;
    struct err_info why; // without an answer
};

struct survey {
    struct survey_service *services; // as many as the cluster has
    size_t n;
    const Assay__Router__V1__GetQueuesResponse *queues; // NULL: no answer
    bool all_ready;
    // Sums over all lanes.
    uint64_t accounts, users, events, duplicates, excluded, signals_waiting;
    int64_t event_time_max_ms;
    // Sums over all ingests, of the last hours: events refused, by what was wrong, the most first;
    // events taken that did not meet a schema; of either, since the start, that could not be kept.
    struct survey_rule {
        const char *rule;
        uint64_t events;
    } rules[SURVEY_RULES_MAX];
    size_t n_rules;
    uint64_t refused, observed, lost;
};
// Asks every service once, waiting up to 2 s each. Lives as long as the cluster's answers; release
// `services` with survey_destroy.
void survey_make(struct cluster *cluster, struct survey *out);
void survey_destroy(struct survey *survey);
// "name 10, schema 2": what the refused events were refused for.
const char *survey_rules_text(const struct survey *survey, char *out, size_t size);
