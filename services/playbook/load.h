// SPDX-License-Identifier: Apache-2.0
// From a YAML file to a playbook. Every mistake is reported at once, with line, column and a hint;
// a playbook with mistakes is never in force. docs/playbook.md is the language's reference.
#pragma once

#include "common/base/buf.h"
#include "common/base/err.h"
#include "services/playbook/model.h"

// `file` names the text in messages. INVALID: `report` (required) holds every mistake, in the form
// of common/config. OK: `report` holds warnings, if any. Owned by the caller: playbook_destroy.
MUST_USE enum err playbook_load(const char *file, struct span text, struct playbook **out,
                                struct buf *report);
// Reads the file first. NOT_FOUND or IO with the reason in `report`.
MUST_USE enum err playbook_load_file(const char *path, struct playbook **out, struct buf *report);
