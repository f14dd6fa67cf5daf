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

// Paths that SDKs ask beside sending events (beside.c). No key is looked at.
enum ingest_beside {
    INGEST_BESIDE_FIXED,   // always the same JSON
    INGEST_BESIDE_SEGMENT, // settings of Segment's browser SDK
    INGEST_BESIDE_POSTHOG, // settings of PostHog's browser SDK, as JSON or as a script
    INGEST_BESIDE_SCRIPT,  // scripts that PostHog's browser SDK loads
};
struct ingest_beside_route {
    const char *method;
    const char *path;
    enum ingest_beside what;
    const char *json;  // of INGEST_BESIDE_FIXED
    const char *shown; // what stands for '*', for people; NULL: the path has none
    const char *summary;
};
const struct ingest_beside_route *ingest_beside_routes(size_t *n);

// What PostHog's SDKs are told: nothing to switch on, and not to ask for flags again.
#define INGEST_NO_FLAGS                                                                            \
    "{\"flags\":{},\"featureFlags\":{},\"featureFlagPayloads\":{},\"hasFeatureFlags\":false,"      \
    "\"errorsWhileComputingFlags\":false,\"config\":{},\"sessionRecording\":false,"                \
    "\"supportedCompression\":[\"gzip\",\"gzip-js\"],\"toolbarParams\":{},"                        \
    "\"isAuthenticated\":false,\"surveys\":false}"
