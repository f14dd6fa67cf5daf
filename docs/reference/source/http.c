// SPDX-License-Identifier: Apache-2.0
// Writes docs/reference/http.md on standard output, from the table of routes.
#include <stdio.h>
#include <string.h>

#include "services/ingest/http/routes.h"

int main(void)
{
    size_t n;
    puts("# Reference of the HTTP edge\n\n"
         "Written by `./dev docs` from the table of routes. [Events over HTTP](../http.md) says "
         "what bodies, keys and answers are.\n"
         "Every path takes `OPTIONS` too, for browsers. `POST /PACKAGE.SERVICE/METHOD` calls any "
         "unary method of [the API](api.md) with JSON.\n\n"
         "## Events\n\n"
         "All are `POST`; the answer has a verdict for each event that was not simply accepted.\n\n"
         "| path | |\n|---|---|");
    const struct ingest_route *routes = ingest_routes(&n);
    for (size_t i = 0; i < n; i++)
        printf("| `%s` | %s |\n", routes[i].path, routes[i].summary);
    puts("\n## What SDKs ask for beside\n\n| method | path | |\n|---|---|---|");
    const struct ingest_beside_route *beside = ingest_beside_routes(&n);
    for (size_t i = 0; i < n; i++) {
        int fixed = (int)strcspn(beside[i].path, "*");
        printf("| `%s` | `%.*s%s` | %s |\n", beside[i].method, fixed, beside[i].path,
               beside[i].shown == NULL ? "" : beside[i].shown, beside[i].summary);
    }
    return 0;
}
