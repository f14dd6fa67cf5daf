// SPDX-License-Identifier: Apache-2.0
// What a page may do that came from elsewhere (CORS, as the Fetch standard has it). A route for any
// origin names the page's own origin in each answer, and not "*", because browsers send beacons
// with credentials and take a "*" for a refusal then.
#include <string.h>

#include "common/base/buf.h"
#include "common/httpd/httpd_impl.h"

#define ALLOW(what) "Access-Control-Allow-" what

static void allow_origin(struct httpd_request *request, const char *origin)
{
    httpd_set_header(request, ALLOW("Origin"), origin);
    httpd_set_header(request, ALLOW("Credentials"), "true");
}

// NULL also for one that says nothing.
static const char *said(struct httpd_request *request, const char *name)
{
    const char *value = httpd_header(request, name);
    return value == NULL || value[0] == '\0' ? NULL : value;
}

void httpd_pages_preflight(void *arg, struct httpd_request *request)
{
    char allow[HTTPD_TEXT_MAX];
    struct httpd *httpd = arg;
    const char *origin = said(request, "Origin");
    const char *method = said(request, "Access-Control-Request-Method");
    const char *headers = said(request, "Access-Control-Request-Headers");
    const struct httpd_entry *entry =
        method == NULL ? NULL : httpd_route_find(httpd, method, request->path, allow);
    httpd_set_header(request, "Vary", "Origin");
    if (origin != NULL && entry != NULL && entry->any_origin) {
        allow_origin(request, origin);
        httpd_set_header(request, ALLOW("Methods"), method);
        if (headers != NULL)
            httpd_set_header(request, ALLOW("Headers"), headers);
        httpd_set_header(request, "Access-Control-Max-Age", "86400");
    }
    httpd_answer(request, 204, NULL, (struct span){"", 0});
}

void httpd_pages_admit(struct httpd_request *request)
{
    if (request->entry == NULL || !request->entry->any_origin)
        return;
    const char *origin = said(request, "Origin");
    if (origin != NULL) {
        struct buf names = {0};
        buf_append_text(&names, "X-Request-Id");
        for (const struct httpd_field *f = request->fields; f != NULL; f = f->next)
            buf_printf(&names, ", %s", f->name);
        buf_append_u8(&names, '\0');
        allow_origin(request, origin);
        httpd_set_header(request, "Access-Control-Expose-Headers", (const char *)names.bytes);
        buf_deinit(&names);
    }
    httpd_set_header(request, "Vary", "Origin");
}
