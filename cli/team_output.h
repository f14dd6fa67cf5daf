// SPDX-License-Identifier: Apache-2.0
// Teams and reps in words, tables and JSON.
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "assay/router/v1/router.pb-c.h"

// Why a rep got a lead or did not: "full: 5 of 5 open", "absent", "took part, but had more". Valid
// for 16 more such calls.
const char *team_verdict_text(const Assay__Router__V1__Candidate *candidate);
// As above, with until when he is absent or off hours.
const char *team_rep_text(const Assay__Router__V1__Rep *rep);

void team_write(const Assay__Router__V1__Team *team, int64_t now_ms, FILE *stream);
json_t *team_json(const Assay__Router__V1__Team *team);
