// SPDX-License-Identifier: Apache-2.0
// Where refused events go: one JSON object a line, {"file","line","reason","event"}. A file is made
// only when there is something to write.
#pragma once

#include <stddef.h>

#include "cli/import.h"
#include "common/base/err.h"

struct import_errors;
// `path` NULL: "FILE.errors.ndjson" beside each file, "import.errors.ndjson" for standard input.
// Keeps its arguments.
struct import_errors *import_errors_create(const char *const *files, const char *path);
void import_errors_add(struct import_errors *errors, const struct import_refused *refused);
// Writes everything out. IO when something could not be written.
MUST_USE enum err import_errors_close(struct import_errors *errors, struct err_info *info);
void import_errors_destroy(struct import_errors *errors);
// The files that were written, in order; NULL-terminated, valid until destroy.
const char *const *import_errors_files(const struct import_errors *errors);
