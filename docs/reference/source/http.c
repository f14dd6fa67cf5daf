// SPDX-License-Identifier: Apache-2.0
// Writes docs/reference/http.md on standard output, from the table of routes.
#include <stdio.h>

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
    const struct ingest_fixed_route *fixed = ingest_fixed_routes(&n);
    for (size_t i = 0; i < n; i++)
        printf("| `%s` | `%s` | %s |\n", fixed[i].method, fixed[i].path, fixed[i].summary);
    puts("| `GET` | `/v1/projects/WRITE_KEY/settings` | Settings of Segment's browser SDK: "
         "everything "
         "goes here. |");
    return 0;
}
