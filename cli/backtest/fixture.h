// SPDX-License-Identifier: Apache-2.0
// A playbook's own tests: a YAML file beside it says which events come and which decisions must
// follow; every qualification and lead that follows must be listed. docs/playbook-tests.md is the
// format's reference.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "common/base/buf.h"
#include "common/base/err.h"

struct fixture_counts {
    size_t cases, failed, events;
};

// Runs every case of the file. `report`: a line for each case that failed and what differs, or the
// file's mistakes. NOT_FOUND, IO: the file or its playbook cannot be read; INVALID: one of them has
// mistakes. OK: it ran; `counts` says how it went.
MUST_USE enum err fixture_run(const char *path, struct fixture_counts *counts, struct buf *report);
// Writes the events of all cases, one JSON object a line, to be sent to a cluster: each case has
// users and accounts of its own there ("c2-acme" is the second case's acme).
MUST_USE enum err fixture_write(const char *path, FILE *out, struct buf *report);
