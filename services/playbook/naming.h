// SPDX-License-Identifier: Apache-2.0
// How names are written: rules for names of events and properties. Pure. Bytes beyond ASCII count
// as small letters and as capitals, so that a rule is never stricter than its words are plain.
#pragma once

#include <stdbool.h>

#include "common/base/span.h"
#include "services/playbook/model.h"

// Whether a name is written so. An empty one is not, but for NAMING_ANY.
bool naming_fits(enum schemas_naming naming, struct span name);
// "Project Created": for messages.
const char *naming_example(enum schemas_naming naming);
// Whether two names are the same words, whatever their case and what stands between them:
// "project_created" and "Project Created".
bool naming_same_words(struct span a, struct span b);
