// SPDX-License-Identifier: Apache-2.0
// What identities contribute, and visitors who act as somebody else, as JSON; for `assay identity`
// and `assay explain`.
#pragma once

#include <jansson.h>

#include "assay/scorer/v1/scorer.pb-c.h"

json_t *identity_parts_json(Assay__Scorer__V1__IdentityPart *const *parts, size_t n);
json_t *identity_acting_json(Assay__Scorer__V1__IdentityActing *const *acting, size_t n);
