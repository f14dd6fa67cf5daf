// SPDX-License-Identifier: Apache-2.0
#include "services/ingest/http/routes.h"

#include "common/base/check.h"

#define CALLS SEGMENT_DIALECT_CALLS
#define POSTHOG SEGMENT_DIALECT_POSTHOG

// A call of Segment's: the long and the short path, also without the version (browsers whose host
// has it), and Jitsu's two.
#define KIND_ROUTES(name, letter, kind)                                                            \
    {"/v1/" name, CALLS, kind, "One " name " call, or several."},                                  \
        {"/" name, CALLS, kind, "The same as /v1/" name "."},                                      \
        {"/v1/" letter, CALLS, kind, "The same as /v1/" name ", as browsers call it."},            \
        {"/" letter, CALLS, kind, "The same as /v1/" name ", as browsers call it."},               \
        {"/api/s/" name, CALLS, kind, "One " name " call of Jitsu's SDK."},                        \
    {                                                                                              \
        "/api/s/s2s/" name, CALLS, kind, "One " name " call of Jitsu's SDK on a server."           \
    }

static const struct ingest_route ROUTES[] = {
    {"/v1/batch", CALLS, 0, "Calls of any kind, by their `type` (Segment, RudderStack)."},
    {"/v1/import", CALLS, 0, "The same as /v1/batch."},
    {"/v1/b", CALLS, 0, "The same as /v1/batch, as browsers call it."},
    {"/b", CALLS, 0, "The same as /v1/batch, as browsers call it."},
    {"/beacon/v1/batch", CALLS, 0, "The same as /v1/batch, as RudderStack's browsers call it."},
    KIND_ROUTES("track", "t", SEGMENT_TRACK),
    KIND_ROUTES("identify", "i", SEGMENT_IDENTIFY),
    KIND_ROUTES("group", "g", SEGMENT_GROUP),
    KIND_ROUTES("alias", "a", SEGMENT_ALIAS),
    KIND_ROUTES("page", "p", SEGMENT_PAGE),
    KIND_ROUTES("screen", "s", SEGMENT_SCREEN),
    {"/api/s/*", CALLS, 0, "Calls of Jitsu's SDK, by their `type`."},
    {"/batch", POSTHOG, 0, "Events of PostHog's SDKs."},
    {"/batch/", POSTHOG, 0, "Events of PostHog's SDKs."},
    {"/capture", POSTHOG, 0, "An event of PostHog's, or several."},
    {"/capture/", POSTHOG, 0, "An event of PostHog's, or several."},
    {"/e", POSTHOG, 0, "Events of PostHog's browser SDK."},
    {"/e/", POSTHOG, 0, "Events of PostHog's browser SDK."},
    {"/i/v0/e", POSTHOG, 0, "Events of PostHog's browser SDK."},
    {"/i/v0/e/", POSTHOG, 0, "Events of PostHog's browser SDK."},
};

const struct ingest_route *ingest_routes(size_t *n)
{
    *n = ARRAY_LEN(ROUTES);
    return ROUTES;
}

#define TAKEN "{\"success\":true}"
#define NO_FLAGS                                                                                   \
    "{\"flags\":{},\"featureFlags\":{},\"featureFlagPayloads\":{},"                                \
    "\"errorsWhileComputingFlags\":false,\"config\":{},\"sessionRecording\":false,"                \
    "\"supportedCompression\":[\"gzip\",\"gzip-js\"],\"toolbarParams\":{},"                        \
    "\"isAuthenticated\":false,\"surveys\":false}"
#define NO_FLAGS_TEXT "No feature flags: PostHog's SDKs ask for them."
#define NO_DESTINATIONS                                                                            \
    "{\"source\":{\"id\":\"assay\",\"name\":\"assay\",\"enabled\":true,\"config\":{},"             \
    "\"destinations\":[],\"connections\":[]}}"
#define NO_DESTINATIONS_TEXT "No destinations: RudderStack's browser SDK asks for them."

static const struct ingest_fixed_route FIXED[] = {
    {"POST", "/v1/m", TAKEN, "Metrics that Segment's browser SDK keeps of itself; dropped."},
    {"POST", "/m", TAKEN, "The same as /v1/m."},
    {"POST", "/s/", TAKEN, "Session recordings of PostHog's browser SDK; dropped."},
    {"POST", "/flags", NO_FLAGS, NO_FLAGS_TEXT},
    {"POST", "/flags/", NO_FLAGS, NO_FLAGS_TEXT},
    {"POST", "/decide", NO_FLAGS, NO_FLAGS_TEXT},
    {"POST", "/decide/", NO_FLAGS, NO_FLAGS_TEXT},
    {"GET", "/array/*", NO_FLAGS, "Settings of PostHog's browser SDK: everything is off."},
    {"GET", "/sourceConfig", NO_DESTINATIONS, NO_DESTINATIONS_TEXT},
    {"GET", "/sourceConfig/", NO_DESTINATIONS, NO_DESTINATIONS_TEXT},
};

const struct ingest_fixed_route *ingest_fixed_routes(size_t *n)
{
    *n = ARRAY_LEN(FIXED);
    return FIXED;
}
