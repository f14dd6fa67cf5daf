// SPDX-License-Identifier: Apache-2.0
// The playbook as ingest has it: for its schemas alone. Loop's thread.
#pragma once

#include "common/service/service.h"
#include "services/ingest/ingest.h"

// From the file of the configuration, if it names one. INVALID: it has mistakes, which are on
// standard error.
MUST_USE enum err document_load_at_start(struct ingest *ingest, const char *file,
                                         struct err_info *info);
// For service_desc. name@version#digest, or "" while there is none.
const char *document_label(const struct ingest *ingest);
void document_load(struct ingest *ingest, const char *file, struct span text, bool check_only,
                   void *token);
