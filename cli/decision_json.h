// SPDX-License-Identifier: Apache-2.0
// Lines of the decision log and leads as JSON. The order of keys is fixed: the lines of two runs
// can be compared byte by byte.
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "assay/router/v1/router.pb-c.h"

// NULL for a decision of a kind that this version does not know. `evidence`: with it.
json_t *decision_json(const Assay__Router__V1__Decision *decision, bool evidence);
json_t *lead_json(const Assay__Router__V1__Lead *lead);
json_t *evidence_json(Assay__Router__V1__Evidence *const *evidence, size_t n);
// "waiting", "leased" ...; "unknown" for a number that this version does not know.
const char *lead_state_word(Assay__Router__V1__LeadState state);
const char *lead_step_word(Assay__Router__V1__LeadStep step);
const char *verdict_word(Assay__Router__V1__Verdict verdict); // "full_open"; valid until the next
json_t *candidate_json(const Assay__Router__V1__Candidate *candidate);
