// SPDX-License-Identifier: Apache-2.0
// What identities contribute, as JSON; for `assay identity` and `assay explain`.
#pragma once

#include <jansson.h>

#include "assay/scorer/v1/scorer.pb-c.h"

json_t *identity_parts_json(Assay__Scorer__V1__IdentityPart *const *parts, size_t n);
