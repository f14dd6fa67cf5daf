// SPDX-License-Identifier: Apache-2.0
// The playbook's table of keys in two forms: a JSON Schema for editors, and the reference page.
#pragma once

#include <jansson.h>

#include "common/base/buf.h"

// Draft 2020-12. Owned by the caller.
json_t *playbook_schema_json(void);
// docs/reference/playbook.md, whole.
void playbook_schema_markdown(struct buf *out);
