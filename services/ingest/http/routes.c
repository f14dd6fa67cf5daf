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
#define NO_FLAGS_TEXT "No feature flags: PostHog's SDKs ask for them."
#define NO_DESTINATIONS                                                                            \
    "{\"source\":{\"id\":\"assay\",\"name\":\"assay\",\"enabled\":true,\"config\":{},"             \
    "\"destinations\":[],\"connections\":[]}}"
#define NO_DESTINATIONS_TEXT "No destinations: RudderStack's browser SDK asks for them."

static const struct ingest_beside_route BESIDE[] = {
    {"POST", "/v1/m", INGEST_BESIDE_FIXED, TAKEN, NULL,
     "Metrics that Segment's browser SDK keeps of itself; dropped."},
    {"POST", "/m", INGEST_BESIDE_FIXED, TAKEN, NULL, "The same as /v1/m."},
    {"POST", "/s/", INGEST_BESIDE_FIXED, TAKEN, NULL,
     "Session recordings of PostHog's browser SDK; dropped."},
    {"POST", "/flags", INGEST_BESIDE_FIXED, INGEST_NO_FLAGS, NULL, NO_FLAGS_TEXT},
    {"POST", "/flags/", INGEST_BESIDE_FIXED, INGEST_NO_FLAGS, NULL, NO_FLAGS_TEXT},
    {"POST", "/decide", INGEST_BESIDE_FIXED, INGEST_NO_FLAGS, NULL, NO_FLAGS_TEXT},
    {"POST", "/decide/", INGEST_BESIDE_FIXED, INGEST_NO_FLAGS, NULL, NO_FLAGS_TEXT},
    {"GET", "/array/*", INGEST_BESIDE_POSTHOG, NULL, "KEY/config` and `/array/KEY/config.js",
     "Settings of PostHog's browser SDK: everything is off."},
    {"GET", "/static/*", INGEST_BESIDE_SCRIPT, NULL, "surveys.js` and `/static/VERSION/surveys.js",
     "An empty script: PostHog's browser SDK loads it even without surveys."},
    {"GET", "/sourceConfig", INGEST_BESIDE_FIXED, NO_DESTINATIONS, NULL, NO_DESTINATIONS_TEXT},
    {"GET", "/sourceConfig/", INGEST_BESIDE_FIXED, NO_DESTINATIONS, NULL, NO_DESTINATIONS_TEXT},
    {"GET", "/v1/projects/*", INGEST_BESIDE_SEGMENT, NULL, "KEY/settings",
     "Settings of Segment's browser SDK: everything goes here."},
};

const struct ingest_beside_route *ingest_beside_routes(size_t *n)
{
    *n = ARRAY_LEN(BESIDE);
    return BESIDE;
}
