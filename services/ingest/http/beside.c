// SPDX-License-Identifier: Apache-2.0
#include "services/ingest/http/beside.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/buf.h"
#include "services/ingest/http/routes.h"

enum { KEY_BYTES_MAX = 240 };

static const char JSON_TYPE[] = "application/json";
static const char SCRIPT_TYPE[] = "text/javascript";

// The length of the write key that `path` begins with, followed by `rest`; 0: it is not so. A key
// goes into JSON and scripts as it is.
static size_t key_before(const char *path, const char *rest)
{
    size_t n = 0;
    while (isalnum((unsigned char)path[n]) || (path[n] != '\0' && strchr("_-.:", path[n]) != NULL))
        n++;
    return n < KEY_BYTES_MAX && strcmp(path + n, rest) == 0 ? n : 0;
}

struct span beside_segment(const char *path, const char *host, bool tls, struct arena *arena)
{
    size_t n = key_before(path, "/settings");
    if (n == 0 || host == NULL || host[0] == '\0' || strpbrk(host, "\"\\<>") != NULL)
        return (struct span){0};
    struct buf json = {0};
    buf_printf(&json,
               "{\"integrations\":{\"Segment.io\":{\"apiKey\":\"%.*s\",\"apiHost\":\"%s/v1\","
               "\"protocol\":\"%s\",\"unbundledIntegrations\":[],"
               "\"addBundledMetadata\":true}},"
               "\"plan\":{\"track\":{\"__default\":{\"enabled\":true,\"integrations\":{}}},"
               "\"identify\":{\"__default\":{\"enabled\":true}},"
               "\"group\":{\"__default\":{\"enabled\":true}}},"
               "\"edgeFunction\":{},\"middlewareSettings\":{},\"enabledMiddleware\":{},"
               "\"metrics\":{\"sampleRate\":0},\"legacyVideoPluginsEnabled\":false,"
               "\"remotePlugins\":[]}",
               (int)n, path, host, tls ? "https" : "http");
    struct span copy = span_make(arena_dup(arena, buf_span(&json)), json.len);
    buf_deinit(&json);
    return copy;
}

struct span beside_posthog(const char *path, const char **type, struct arena *arena)
{
    size_t n = key_before(path, "/config.js");
    *type = n > 0 ? SCRIPT_TYPE : JSON_TYPE;
    if (n == 0)
        return key_before(path, "/config") > 0 ? span_of(INGEST_NO_FLAGS) : (struct span){0};
    struct buf script = {0};
    buf_printf(&script,
               "(window._POSTHOG_REMOTE_CONFIG = window._POSTHOG_REMOTE_CONFIG || {})"
               "[\"%.*s\"] = {config: %s, siteApps: []};\n",
               (int)n, path, INGEST_NO_FLAGS);
    struct span copy = span_make(arena_dup(arena, buf_span(&script)), script.len);
    buf_deinit(&script);
    return copy;
}

// ---- Routes -------------------------------------------------------------------------------------

// What stands for the '*' of the route.
static const char *below(const struct ingest_beside_route *route,
                         const struct httpd_request *request)
{
    return httpd_path(request) + strcspn(route->path, "*");
}

static void answer(struct httpd_request *request, const char *type, struct span body,
                   const char *expected)
{
    if (body.ptr == NULL)
        httpd_fail(request, 404, 0, "expected %s", expected);
    else
        httpd_answer(request, 200, type, body);
}

// A proxy in front speaks TLS, which pages that came over TLS insist on.
static bool came_over_tls(const struct httpd_request *request)
{
    const char *protocol = httpd_header(request, "X-Forwarded-Proto");
    return protocol != NULL && strncasecmp(protocol, "https", 5) == 0;
}

static void send_script(struct httpd_request *request, const char *path)
{
    const char *name = strrchr(path, '/');
    if (strcmp(name == NULL ? path : name + 1, "surveys.js") == 0)
        httpd_answer(request, 200, SCRIPT_TYPE, span_of("// There are no surveys.\n"));
    else
        httpd_fail(request, 404, 0,
                   "PostHog's scripts are not here: take them from its package, or set asset_host");
}

static void beside_cb(void *arg, struct httpd_request *request)
{
    const struct ingest_beside_route *route = arg;
    const char *path = below(route, request), *type = JSON_TYPE;
    struct arena *arena = httpd_arena(request);
    struct span body;
    switch (route->what) {
    case INGEST_BESIDE_FIXED:
        httpd_answer(request, 200, JSON_TYPE, span_of(route->json));
        return;
    case INGEST_BESIDE_SEGMENT:
        body = beside_segment(path, httpd_header(request, "Host"), came_over_tls(request), arena);
        answer(request, type, body, "/v1/projects/WRITE_KEY/settings");
        return;
    case INGEST_BESIDE_POSTHOG:
        body = beside_posthog(path, &type, arena);
        answer(request, type, body, "/array/WRITE_KEY/config or config.js");
        return;
    case INGEST_BESIDE_SCRIPT:
        send_script(request, path);
        return;
    }
}

void beside_add_routes(struct httpd *httpd, size_t body_bytes_max)
{
    size_t n;
    const struct ingest_beside_route *routes = ingest_beside_routes(&n);
    for (size_t i = 0; i < n; i++) {
        const struct httpd_route route = {
            .method = routes[i].method,
            .path = routes[i].path,
            .body_bytes_max = body_bytes_max,
            .handler = beside_cb,
            .arg = (void *)&routes[i],
        };
        httpd_add_for_pages(httpd, &route);
    }
}
