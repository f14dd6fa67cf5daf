// SPDX-License-Identifier: Apache-2.0
// Which paths SDKs post to, and what the calls that come there are.
#pragma once

#include "services/ingest/segment/body.h"

struct ingest_route {
    const char *path;
    enum segment_dialect dialect;
    enum segment_kind kind; // of what comes on this path; 0: each call says
    const char *summary;
};
// Paths that take events, by POST.
const struct ingest_route *ingest_routes(size_t *n);

// Paths whose requests are answered without a look.
struct ingest_fixed_route {
    const char *method;
    const char *path;
    const char *json; // the answer
    const char *summary;
};
const struct ingest_fixed_route *ingest_fixed_routes(size_t *n);
