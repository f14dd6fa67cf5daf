// SPDX-License-Identifier: Apache-2.0
// Why an account or a user qualifies, or what is missing: the lane's view and the router's, as a
// tree for people and as JSON.
#pragma once

#include <stdio.h>

#include <jansson.h>

#include "assay/router/v1/router.pb-c.h"
#include "assay/scorer/v1/scorer.pb-c.h"

struct explain {
    const char *user; // "": the account alone
    const Assay__Scorer__V1__ExplainResponse *lane;
    const Assay__Router__V1__GetAccountResponse *router;
};

void explain_write(const struct explain *explain, FILE *stream);
json_t *explain_json(const struct explain *explain);
