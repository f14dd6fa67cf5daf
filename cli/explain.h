// SPDX-License-Identifier: Apache-2.0
// Why an account or a user qualifies, or what is missing: the lane's view and the router's, as a
// tree for people and as JSON.
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "assay/router/v1/router.pb-c.h"
#include "assay/scorer/v1/scorer.pb-c.h"

struct explain {
    const char *user; // "": the account alone
    const Assay__Scorer__V1__ExplainResponse *lane;
    const Assay__Router__V1__GetAccountResponse *router; // NULL: as of a past instant
    bool events;                                         // they were asked for
};

void explain_write(const struct explain *explain, FILE *stream);
json_t *explain_json(const struct explain *explain);

// What came of one definition for the subject that the lane was asked about.
enum { EXPLAIN_WHY_BYTES = 1000 };
struct explain_verdict {
    const Assay__Scorer__V1__ExplainedSignal *signal;
    bool qualified;
    const Assay__Router__V1__Lead *lead; // made or joined by it; NULL: none
    char why[EXPLAIN_WHY_BYTES];         // one line: since when and what became of it, or why not
};
// For a signal that is a definition.
void explain_verdict(const struct explain *explain,
                     const Assay__Scorer__V1__ExplainedSignal *signal, struct explain_verdict *out);
// What is missing, in one line: "2 x Report Run, before 2026-01-31 00:00:00"; "" when nothing is
// known.
const char *explain_proposal(const Assay__Scorer__V1__Proposal *proposal, char *out, size_t bytes);
