// SPDX-License-Identifier: Apache-2.0
// links: httpd loop log base
// What the HTTP server tells browsers about pages of other origins: of a route for them everything,
// whoever makes the answer; of any other nothing.
#include "tests/support/httpd_world.h"

#define ORIGIN "Origin: https://app.example\r\n"

// "NAME: VALUE" of each line of `expected` is a header of the answer; with an empty VALUE none is.
static bool has_headers(const struct http_raw_answer *answer, const char *const *expected)
{
    char got[512];
    for (; *expected != NULL; expected++) {
        const char *colon = strchr(*expected, ':');
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)(colon - *expected), *expected);
        http_raw_header(answer, name, got, sizeof got);
        if (strcmp(got, colon + 2) == 0)
            continue;
        fprintf(stderr, "expected \"%s\", got \"%s\"\n", *expected, got);
        return false;
    }
    return true;
}

// A request on a connection of its own.
static void expect(struct httpd_world *world, const char *request, int status,
                   const char *const *headers)
{
    struct http_raw raw;
    EXPECT(http_raw_connect(&raw, world->address));
    EXPECT(http_raw_say(&raw, request));
    struct http_raw_answer answer = http_raw_read(&raw);
    if (answer.status != status)
        fprintf(stderr, "%s: got %d\n", request, answer.status);
    EXPECT(answer.status == status && has_headers(&answer, headers));
    http_raw_answer_free(&answer);
    http_raw_close(&raw);
}

#define EXPECT_HEADERS(world, request, status, ...)                                                \
    expect(world, request, status, (const char *const[]){__VA_ARGS__, NULL})

static void preflights(struct httpd_world *world)
{
    EXPECT_HEADERS(world,
                   "OPTIONS /pages HTTP/1.1\r\nHost: x\r\n" ORIGIN
                   "Access-Control-Request-Method: POST\r\n"
                   "Access-Control-Request-Headers: authorization,x-a\r\n\r\n",
                   204, "Access-Control-Allow-Origin: https://app.example",
                   "Access-Control-Allow-Credentials: true", "Access-Control-Allow-Methods: POST",
                   "Access-Control-Allow-Headers: authorization,x-a",
                   "Access-Control-Max-Age: 86400", "Vary: Origin");
    // Of a method that the path does not have, of none, and without an origin.
    EXPECT_HEADERS(world,
                   "OPTIONS /pages HTTP/1.1\r\nHost: x\r\n" ORIGIN
                   "Access-Control-Request-Method: PUT\r\n\r\n",
                   204, "Access-Control-Allow-Origin: ", "Access-Control-Allow-Methods: ");
    EXPECT_HEADERS(world, "OPTIONS /pages HTTP/1.1\r\nHost: x\r\n" ORIGIN "\r\n", 204,
                   "Access-Control-Allow-Origin: ", "Access-Control-Allow-Methods: ");
    EXPECT_HEADERS(world,
                   "OPTIONS /pages HTTP/1.1\r\nHost: x\r\n"
                   "Access-Control-Request-Method: POST\r\n\r\n",
                   204, "Access-Control-Allow-Origin: ", "Access-Control-Allow-Methods: ");
}

static void answers(struct httpd_world *world)
{
    EXPECT_HEADERS(world,
                   "POST /pages HTTP/1.1\r\nHost: x\r\n" ORIGIN "Content-Length: 2\r\n\r\nhi", 200,
                   "Access-Control-Allow-Origin: https://app.example",
                   "Access-Control-Allow-Credentials: true",
                   "Access-Control-Expose-Headers: X-Request-Id, X-Query, X-Path", "Vary: Origin");
    // What the server refuses by itself can be read too.
    EXPECT_HEADERS(world,
                   "POST /pages HTTP/1.1\r\nHost: x\r\n" ORIGIN "Content-Length: 9999999\r\n\r\n",
                   413, "Access-Control-Allow-Origin: https://app.example");
    EXPECT_HEADERS(world,
                   "POST /pages HTTP/1.1\r\nHost: x\r\n" ORIGIN
                   "Content-Encoding: br\r\nContent-Length: 2\r\n\r\nhi",
                   415, "Access-Control-Allow-Origin: https://app.example",
                   "Access-Control-Expose-Headers: X-Request-Id, Accept-Encoding");
    EXPECT_HEADERS(world, "POST /pages HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi", 200,
                   "Access-Control-Allow-Origin: ", "Vary: Origin");
}

// Whatever stands where an origin, a method or names of headers should: nothing ends by it. A value
// is told back as far as a header can say it.
static void strange_values(struct httpd_world *world)
{
    static const char *const STRANGE[] = {"",         " ",     "a\tb",    "a\x01\x7f",
                                          "a\r b: c", "a\rb",  "a\r\n b", "a\r\n\tb",
                                          "a\n b",    "a\xff", ":",       "null"};
    static const char *const HEADERS[] = {"Origin",
                                          "Access-Control-Request-Method",
                                          "Access-Control-Request-Headers",
                                          "X-Request-Id",
                                          "traceparent",
                                          "Content-Encoding"};
    for (size_t i = 0; i < ARRAY_LEN(STRANGE) * ARRAY_LEN(HEADERS) * 2; i++) {
        struct http_raw raw;
        char request[512];
        // The header first: of two of a name the first one counts.
        snprintf(request, sizeof request,
                 "%s /pages HTTP/1.1\r\nHost: x\r\n%s: %s\r\n" ORIGIN
                 "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: a\r\n"
                 "Content-Length: 0\r\n\r\n",
                 i % 2 == 0 ? "POST" : "OPTIONS", HEADERS[i / 2 % ARRAY_LEN(HEADERS)],
                 STRANGE[i / 2 / ARRAY_LEN(HEADERS)]);
        EXPECT(http_raw_connect(&raw, world->address));
        EXPECT(http_raw_say(&raw, request));
        struct http_raw_answer answer = http_raw_read(&raw);
        EXPECT(answer.status == 200 || answer.status == 204 || answer.status == 400 ||
               answer.status == 415);
        http_raw_answer_free(&answer);
        http_raw_close(&raw);
    }
    EXPECT_HEADERS(world,
                   "POST /pages HTTP/1.1\r\nHost: x\r\nOrigin: a\tb\r\nContent-Length: 0\r\n\r\n",
                   200, "Access-Control-Allow-Origin: a b");
    EXPECT_HEADERS(world, "POST /pages HTTP/1.1\r\nHost: x\r\nOrigin:\r\nContent-Length: 0\r\n\r\n",
                   200, "Access-Control-Allow-Origin: ", "Vary: Origin");
}

static void other_routes(struct httpd_world *world)
{
    EXPECT_HEADERS(world, "POST /echo HTTP/1.1\r\nHost: x\r\n" ORIGIN "Content-Length: 0\r\n\r\n",
                   200, "Access-Control-Allow-Origin: ", "Access-Control-Allow-Credentials: ",
                   "Access-Control-Expose-Headers: ", "Vary: ");
    EXPECT_HEADERS(world, "GET /nothing HTTP/1.1\r\nHost: x\r\n" ORIGIN "\r\n", 404,
                   "Access-Control-Allow-Origin: ");
    EXPECT_HEADERS(world, "PUT /pages HTTP/1.1\r\nHost: x\r\n" ORIGIN "\r\n", 405,
                   "Access-Control-Allow-Origin: ", "Allow: POST, OPTIONS");
}

int main(void)
{
    struct httpd_world world = {0};
    world_begin(&world);
    preflights(&world);
    answers(&world);
    strange_values(&world);
    other_routes(&world);
    world_end(&world);
    return 0;
}
