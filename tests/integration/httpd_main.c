// SPDX-License-Identifier: Apache-2.0
// links: httpd loop log base PkgConfig::ZLIB PkgConfig::ZSTD
// The HTTP server against sockets: what it answers, and that every bound holds while others are
// served. The server runs on a thread of its own, so the thread sanitizer sees both sides.
#include <sys/resource.h>
#include <zlib.h>
#include <zstd.h>

#include "tests/support/httpd_world.h"

static struct http_raw_answer ask(struct http_raw *raw, const char *method, const char *path,
                                  const char *headers, struct span body)
{
    char head[4096];
    snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n%s\r\n",
             method, path, body.len, headers);
    EXPECT(http_raw_say(raw, head));
    http_raw_send(raw, body.ptr, body.len);
    return http_raw_read_of(raw, strcmp(method, "HEAD") == 0);
}

// One request on a connection of its own: its status; the body is compared when given.
static int status_of(struct httpd_world *world, const char *method, const char *path,
                     const char *headers, struct span body, const char *expected)
{
    struct http_raw raw;
    EXPECT(http_raw_connect(&raw, world->address));
    struct http_raw_answer answer = ask(&raw, method, path, headers, body);
    int status = answer.status;
    const char *got = answer.body != NULL ? answer.body : "(no answer)";
    if (expected != NULL && strcmp(got, expected) != 0)
        fprintf(stderr, "%s %s: got %d %s\n", method, path, status, got);
    EXPECT(expected == NULL || strcmp(got, expected) == 0);
    http_raw_answer_free(&answer);
    http_raw_close(&raw);
    return status;
}

static bool header_is(const struct http_raw_answer *answer, const char *name, const char *value)
{
    char got[512];
    bool same = strcmp(http_raw_header(answer, name, got, sizeof got), value) == 0;
    if (!same)
        fprintf(stderr, "%s: got \"%s\"\n", name, got);
    return same;
}

static void answers_and_keeps_alive(void)
{
    struct httpd_world world = {0};
    struct http_raw raw;
    world_begin(&world);
    EXPECT(http_raw_connect(&raw, world.address));
    for (int i = 0; i < 100; i++) {
        const char *path = i % 2 == 0 ? "/echo?q=a%20b%26c" : "/later?q=a%20b%26c";
        struct http_raw_answer answer =
            ask(&raw, "POST", path, "X-Request-Id: r-17\r\n", span_of("hello"));
        EXPECT(answer.status == 200 && strcmp(answer.body, "hello") == 0);
        EXPECT(header_is(&answer, "X-Query", "a b&c"));
        EXPECT(header_is(&answer, "X-Request-Id", "r-17"));
        http_raw_answer_free(&answer);
    }
    world_order(&world, ORDER_STATS);
    EXPECT(world.stats.connections == 1 && world.stats.requests == 100 && world.stats.cut == 0);
    http_raw_close(&raw);
    world_end(&world);
}

static void finds_routes(void)
{
    struct httpd_world world = {0};
    struct http_raw raw;
    struct span none = {0};
    world_begin(&world);
    EXPECT(status_of(&world, "GET", "/nothing", "", none,
                     "{\"error\": \"there is nothing at this path\"}\n") == 404);
    EXPECT(status_of(&world, "GET", "/under/", "", none, "") == 200);
    EXPECT(status_of(&world, "GET", "/under/the/hood", "", none, "") == 200);
    EXPECT(status_of(&world, "GET", "/under", "", none, NULL) == 404);
    EXPECT(status_of(&world, "OPTIONS", "/echo", "", none, "") == 200);
    EXPECT(http_raw_connect(&raw, world.address));
    struct http_raw_answer answer = ask(&raw, "PUT", "/echo", "", span_of("xyz"));
    EXPECT(answer.status == 405 && header_is(&answer, "Allow", "POST, GET"));
    http_raw_answer_free(&answer);
    // A refusal after the whole body leaves the connection as it was.
    answer = ask(&raw, "HEAD", "/echo", "", none);
    EXPECT(answer.status == 200 && answer.body_bytes == 0);
    http_raw_answer_free(&answer);
    answer = ask(&raw, "GET", "/fail", "X-Why: \xc3\xa9\r\n", none);
    EXPECT(answer.status == 429 && header_is(&answer, "Retry-After", "7"));
    EXPECT(strcmp(answer.body, "{\"error\": \"slow \\\"down\\\"\\u000a\xc3\xa9\"}\n") == 0);
    http_raw_answer_free(&answer);
    http_raw_close(&raw);
    world_end(&world);
}

static void takes_chunks_and_pipelines(void)
{
    struct httpd_world world = {0};
    struct http_raw raw;
    world_begin(&world);
    EXPECT(http_raw_connect(&raw, world.address));
    EXPECT(http_raw_say(&raw, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                              "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: yes\r\n\r\n"
                              "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"
                              "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
                              "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"
                              "complete garbage\r\n\r\n"));
    const char *const expected[] = {"abcde", "", "hi", ""};
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        struct http_raw_answer answer = http_raw_read(&raw);
        EXPECT(answer.status == 200 && strcmp(answer.body, expected[i]) == 0);
        http_raw_answer_free(&answer);
    }
    struct http_raw_answer answer = http_raw_read(&raw);
    EXPECT(answer.status == 400);
    http_raw_answer_free(&answer);
    EXPECT(http_raw_ends(&raw));
    http_raw_close(&raw);
    world_end(&world);
}

static void bounds_bodies(void)
{
    struct httpd_world world = {.opts = {.body_bytes_max = 100000}};
    struct http_raw raw;
    world_begin(&world);
    char *text = malloc(300000);
    memset(text, 'x', 300000);
    EXPECT(status_of(&world, "POST", "/echo", "", span_make(text, 100000), NULL) == 200);
    EXPECT(status_of(&world, "POST", "/echo", "", span_make(text, 100001), NULL) == 413);
    EXPECT(status_of(&world, "POST", "/small", "", span_make(text, 1000), NULL) == 200);
    // Read to its end, so the connection goes on.
    EXPECT(http_raw_connect(&raw, world.address));
    struct http_raw_answer answer = ask(&raw, "POST", "/small", "", span_make(text, 300000));
    EXPECT(answer.status == 413 && strstr(answer.body, "larger than 1000 bytes") != NULL);
    http_raw_answer_free(&answer);
    answer = ask(&raw, "POST", "/echo", "", span_of("next"));
    EXPECT(answer.status == 200);
    http_raw_answer_free(&answer);
    http_raw_close(&raw);
    // Two gigabytes: refused by the promise alone.
    EXPECT(http_raw_connect(&raw, world.address));
    EXPECT(
        http_raw_say(&raw, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2147483648\r\n\r\n"));
    answer = http_raw_read(&raw);
    EXPECT(answer.status == 413);
    http_raw_answer_free(&answer);
    EXPECT(http_raw_ends(&raw));
    http_raw_close(&raw);
    // Chunks without end: the connection ends.
    EXPECT(http_raw_connect(&raw, world.address));
    EXPECT(
        http_raw_say(&raw, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"));
    size_t sent = 0;
    while (sent < 64u * 1024 * 1024 && http_raw_say(&raw, "493e0\r\n") &&
           http_raw_send(&raw, text, 300000) && http_raw_say(&raw, "\r\n"))
        sent += 300000;
    EXPECT(sent < 64u * 1024 * 1024);
    http_raw_close(&raw);
    world_order(&world, ORDER_STATS);
    EXPECT(world.stats.body_bytes == 0);
    free(text);
    world_end(&world);
}

static void waits_for_continue(void)
{
    struct httpd_world world = {0};
    struct http_raw raw;
    world_begin(&world);
    EXPECT(http_raw_connect(&raw, world.address));
    EXPECT(http_raw_say(&raw, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
                              "Expect: 100-continue\r\n\r\n"));
    struct http_raw_answer answer = http_raw_read(&raw);
    EXPECT(answer.status == 100);
    http_raw_answer_free(&answer);
    EXPECT(http_raw_say(&raw, "hello"));
    answer = http_raw_read(&raw);
    EXPECT(answer.status == 200 && strcmp(answer.body, "hello") == 0);
    http_raw_answer_free(&answer);
    EXPECT(http_raw_say(&raw, "POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n"
                              "Expect: 100-continue\r\n\r\n"));
    answer = http_raw_read(&raw);
    EXPECT(answer.status == 413); // without having asked for the body
    http_raw_answer_free(&answer);
    http_raw_close(&raw);
    world_end(&world);
}

static size_t pack(struct span text, int window_bits, uint8_t *out, size_t room)
{
    z_stream z = {0};
    EXPECT(deflateInit2(&z, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    z.next_in = (Bytef *)text.ptr;
    z.avail_in = (uInt)text.len;
    z.next_out = out;
    z.avail_out = (uInt)room;
    EXPECT(deflate(&z, Z_FINISH) == Z_STREAM_END);
    size_t n = room - z.avail_out;
    EXPECT(deflateEnd(&z) == Z_OK);
    return n;
}

static void unpacks(void)
{
    static const struct {
        const char *coding;
        int window_bits; // 0: zstd
    } WAYS[] = {{"gzip", 31}, {"x-gzip", 31}, {"deflate", 15}, {"deflate", -15}, {"ZSTD", 0}};
    struct httpd_world world = {.opts = {.body_bytes_max = 200000}};
    char header[64], text[100001];
    uint8_t packed[200000];
    world_begin(&world);
    for (size_t i = 0; i < sizeof text - 1; i++)
        text[i] = (char)('a' + i * i % 23);
    text[sizeof text - 1] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(WAYS); i++) {
        struct span whole = span_of(text);
        size_t n = WAYS[i].window_bits != 0
                       ? pack(whole, WAYS[i].window_bits, packed, sizeof packed)
                       : ZSTD_compress(packed, sizeof packed, whole.ptr, whole.len, 3);
        snprintf(header, sizeof header, "Content-Encoding: %s\r\n", WAYS[i].coding);
        EXPECT(status_of(&world, "POST", "/echo", header, span_make(packed, n), text) == 200);
        // Cut short, and with a broken byte at the beginning.
        EXPECT(status_of(&world, "POST", "/echo", header, span_make(packed, n - 5), NULL) == 400);
        packed[0] = 0xFF;
        EXPECT(status_of(&world, "POST", "/echo", header, span_make(packed, n), NULL) == 400);
    }
    // Two members, one behind the other.
    size_t n = pack(span_of("ab"), 31, packed, sizeof packed);
    n += pack(span_of("cd"), 31, packed + n, sizeof packed - n);
    EXPECT(status_of(&world, "POST", "/echo", "Content-Encoding: gzip\r\n", span_make(packed, n),
                     "abcd") == 200);
    EXPECT(status_of(&world, "POST", "/echo", "Content-Encoding: gzip\r\n", span_of(""), "") ==
           200);
    EXPECT(status_of(&world, "POST", "/echo", "Content-Encoding: br\r\n", span_of("x"), NULL) ==
           415);
    world_order(&world, ORDER_STATS);
    EXPECT(world.stats.body_bytes == 0);
    world_end(&world);
}

// A megabyte of zeros a thousand times over, in a few kilobytes.
static void stops_bombs(void)
{
    struct httpd_world world = {.opts = {.body_bytes_max = 2 * 1024 * 1024}};
    const size_t bytes = 512u * 1024 * 1024;
    size_t room = 1024 * 1024;
    char *zeros = calloc(1, bytes);
    uint8_t *packed = malloc(room);
    world_begin(&world);
    size_t n = pack(span_make(zeros, bytes), 31, packed, room);
    EXPECT(status_of(&world, "POST", "/echo", "Content-Encoding: gzip\r\n", span_make(packed, n),
                     NULL) == 413);
    n = ZSTD_compress(packed, room, zeros, bytes, 1);
    EXPECT(!ZSTD_isError(n));
    EXPECT(status_of(&world, "POST", "/echo", "Content-Encoding: zstd\r\n", span_make(packed, n),
                     NULL) == 413);
    EXPECT(atomic_load(&world.n_handled) == 0);
    free(packed);
    free(zeros);
    world_end(&world);
}

// Bodies together are bounded, as are requests in work; who is refused is told to come again.
static void refuses_too_many(void)
{
    struct httpd_world world = {.opts = {.requests_max = 2, .bodies_bytes_max = 150000}};
    struct http_raw raw[2], other;
    char *text = malloc(200000);
    memset(text, 'x', 200000);
    world_begin(&world);
    for (int i = 0; i < 2; i++) {
        EXPECT(http_raw_connect(&raw[i], world.address));
        EXPECT(
            http_raw_say(&raw[i], "POST /keep HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"));
        while (atomic_load(&world.n_kept) < (unsigned)i + 1)
            usleep(1000);
    }
    EXPECT(http_raw_connect(&other, world.address));
    struct http_raw_answer answer = ask(&other, "POST", "/echo", "", span_of("x"));
    EXPECT(answer.status == 503 && header_is(&answer, "Retry-After", "1"));
    EXPECT(strstr(answer.body, "2 requests are being worked on") != NULL);
    http_raw_answer_free(&answer);
    world_order(&world, ORDER_ANSWER_KEPT);
    for (int i = 0; i < 2; i++) {
        answer = http_raw_read(&raw[i]);
        EXPECT(answer.status == 200);
        http_raw_answer_free(&answer);
        http_raw_close(&raw[i]);
    }
    answer = ask(&other, "POST", "/echo", "", span_make(text, 200000));
    EXPECT(answer.status == 503 && strstr(answer.body, "bodies") != NULL);
    http_raw_answer_free(&answer);
    answer = ask(&other, "POST", "/echo", "", span_make(text, 100000));
    EXPECT(answer.status == 200);
    http_raw_answer_free(&answer);
    http_raw_close(&other);
    world_order(&world, ORDER_STATS);
    EXPECT(world.stats.refused == 2 && world.stats.in_work == 0 && world.stats.body_bytes == 0);
    free(text);
    world_end(&world);
}

// Whoever is slow at anything is cut off; others are served meanwhile.
static void cuts_the_slow(void)
{
    struct httpd_world world = {.opts = {.idle_ms = 400, .request_ms = 200}};
    struct http_raw silent, trickle, header, body, idle, reader;
    world_begin(&world);
    EXPECT(http_raw_connect(&silent, world.address));
    EXPECT(http_raw_connect(&trickle, world.address));
    EXPECT(http_raw_connect(&header, world.address));
    EXPECT(http_raw_connect(&body, world.address));
    EXPECT(http_raw_connect(&idle, world.address));
    EXPECT(http_raw_connect(&reader, world.address));
    EXPECT(http_raw_say(&header, "GET /echo HTTP/1.1\r\nHost:"));
    EXPECT(http_raw_say(&body, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab"));
    EXPECT(http_raw_say(&reader, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n")); // and reads nothing
    struct http_raw_answer answer = ask(&idle, "POST", "/echo", "", span_of("x"));
    EXPECT(answer.status == 200);
    http_raw_answer_free(&answer);
    // A byte now and then does not help.
    bool open = true;
    for (int i = 0; i < 1000 && open; i++) {
        open = http_raw_say(&trickle, "G");
        EXPECT(status_of(&world, "POST", "/echo", "", span_of("ok"), "ok") == 200);
        usleep(10000);
    }
    EXPECT(!open);
    EXPECT(http_raw_ends(&silent) && silent.n == 0);
    EXPECT(http_raw_ends(&header) && header.n == 0);
    EXPECT(http_raw_ends(&body) && body.n == 0);
    EXPECT(http_raw_ends(&idle));
    EXPECT(http_raw_ends(&reader) && reader.n < BIG_BYTES);
    struct http_raw *const all[] = {&silent, &trickle, &header, &body, &idle, &reader};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        http_raw_close(all[i]);
    world_order(&world, ORDER_STATS);
    EXPECT(world.stats.cut >= 6);
    world_end(&world);
}

static void bounds_headers(void)
{
    struct httpd_world world = {0};
    struct http_raw raw;
    char *head = malloc(200000);
    world_begin(&world);
    size_t n = (size_t)sprintf(head, "GET /echo HTTP/1.1\r\nHost: x\r\nX-Long: ");
    memset(head + n, 'x', 150000);
    strcpy(head + n + 150000, "\r\n\r\n");
    EXPECT(http_raw_connect(&raw, world.address));
    http_raw_say(&raw, head);
    struct http_raw_answer answer = http_raw_read(&raw);
    EXPECT(answer.status == 431);
    http_raw_answer_free(&answer);
    EXPECT(http_raw_ends(&raw));
    http_raw_close(&raw);
    // Many small ones.
    n = (size_t)sprintf(head, "GET /echo HTTP/1.1\r\nHost: x\r\n");
    for (int i = 0; i < 10000; i++)
        n += (size_t)sprintf(head + n, "X-%d: y\r\n", i);
    strcpy(head + n, "\r\n");
    EXPECT(http_raw_connect(&raw, world.address));
    http_raw_say(&raw, head);
    answer = http_raw_read(&raw);
    EXPECT(answer.status == 431);
    http_raw_answer_free(&answer);
    http_raw_close(&raw);
    // What a browser sends fits.
    n = (size_t)sprintf(head, "GET /echo HTTP/1.1\r\nHost: x\r\nCookie: ");
    memset(head + n, 'x', 8000);
    strcpy(head + n + 8000, "\r\n\r\n");
    EXPECT(http_raw_connect(&raw, world.address));
    http_raw_say(&raw, head);
    answer = http_raw_read(&raw);
    EXPECT(answer.status == 200);
    http_raw_answer_free(&answer);
    http_raw_close(&raw);
    free(head);
    world_end(&world);
}

static void bounds_connections(void)
{
    struct httpd_world world = {
        .opts = {.connections_max = 8, .idle_ms = 600000, .request_ms = 600000, .room_ms = 600000}};
    struct http_raw raw[8], more;
    world_begin(&world);
    for (int i = 0; i < 8; i++) {
        EXPECT(http_raw_connect(&raw[i], world.address));
        struct http_raw_answer answer = ask(&raw[i], "POST", "/echo", "", span_of("x"));
        EXPECT(answer.status == 200);
        http_raw_answer_free(&answer);
    }
    EXPECT(http_raw_connect(&more, world.address));
    EXPECT(http_raw_ends(&more));
    http_raw_close(&more);
    // The others are still served, and a place that comes free is taken.
    http_raw_close(&raw[0]);
    do {
        usleep(1000);
        world_order(&world, ORDER_STATS);
    } while (world.stats.open > 7);
    EXPECT(status_of(&world, "POST", "/echo", "", span_of("ok"), "ok") == 200);
    for (int i = 1; i < 8; i++)
        http_raw_close(&raw[i]);
    world_end(&world);
}

// Whoever holds a place without using it loses it to somebody new, whatever the place is held with;
// a request that is in work keeps its own.
static void makes_room(void)
{
    struct httpd_world world = {
        .opts = {.connections_max = 8, .idle_ms = 600000, .request_ms = 600000, .room_ms = 1}};
    const char *const held[] = {"", "GET /echo HTTP/1.1\r\nHost:",
                                "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab",
                                "GET /big HTTP/1.1\r\nHost: x\r\n\r\n"};
    struct http_raw holders[7], working;
    world_begin(&world);
    EXPECT(http_raw_connect(&working, world.address));
    EXPECT(http_raw_say(&working, "POST /keep HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"));
    do {
        usleep(1000);
        world_order(&world, ORDER_STATS);
    } while (world.stats.in_work == 0);
    for (int i = 0; i < 7; i++) {
        EXPECT(http_raw_connect(&holders[i], world.address));
        EXPECT(http_raw_say(&holders[i], held[i % 4]));
    }
    do {
        usleep(1000);
        world_order(&world, ORDER_STATS);
    } while (world.stats.open < 8);
    usleep(20000); // all are at what they hold their place with by now; if not, the test shows less
    for (int i = 0; i < 20; i++)
        EXPECT(status_of(&world, "POST", "/echo", "", span_of("ok"), "ok") == 200);
    world_order(&world, ORDER_STATS);
    EXPECT(world.stats.cut >= 1);
    EXPECT(http_raw_ends(&holders[0]));
    world_order(&world, ORDER_ANSWER_KEPT);
    struct http_raw_answer answer = http_raw_read(&working);
    EXPECT(answer.status == 200);
    http_raw_answer_free(&answer);
    http_raw_close(&working);
    for (int i = 0; i < 7; i++)
        http_raw_close(&holders[i]);
    world_end(&world);
}

static void bounds_one_address(void)
{
    struct httpd_world world = {.opts = {.per_address_max = 2}};
    struct http_raw raw[3];
    world_begin(&world);
    for (int i = 0; i < 2; i++) {
        EXPECT(http_raw_connect(&raw[i], world.address));
        struct http_raw_answer answer = ask(&raw[i], "POST", "/echo", "", span_of("x"));
        EXPECT(answer.status == 200);
        http_raw_answer_free(&answer);
    }
    EXPECT(http_raw_connect(&raw[2], world.address));
    EXPECT(http_raw_ends(&raw[2]));
    for (int i = 0; i < 3; i++)
        http_raw_close(&raw[i]);
    world_end(&world);
}

static void tells_when_the_peer_goes(void)
{
    struct httpd_world world = {0};
    struct http_raw raw;
    world_begin(&world);
    EXPECT(http_raw_connect(&raw, world.address));
    EXPECT(http_raw_say(&raw, "POST /keep HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"));
    while (atomic_load(&world.n_kept) == 0)
        usleep(1000);
    EXPECT(atomic_load(&world.n_gone) == 0);
    http_raw_close(&raw);
    for (int i = 0; i < 10000 && atomic_load(&world.n_gone) == 0; i++)
        usleep(1000);
    EXPECT(atomic_load(&world.n_gone) == 1);
    world_order(&world, ORDER_ANSWER_KEPT);
    EXPECT(atomic_load(&world.n_gone) == 1);
    EXPECT(status_of(&world, "POST", "/echo", "", span_of("ok"), "ok") == 200);
    world_end(&world);
}

// A request in work is answered while the server closes, and says so; then nothing is left.
static void drains(void)
{
    struct httpd_world world = {.drain_ms = 60000};
    struct http_raw raw, idle;
    world_begin(&world);
    EXPECT(http_raw_connect(&raw, world.address));
    EXPECT(http_raw_connect(&idle, world.address));
    EXPECT(http_raw_say(&raw, "POST /keep HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"));
    while (atomic_load(&world.n_kept) == 0)
        usleep(1000);
    EXPECT(mailbox_post(world.orders, (void *)(uintptr_t)ORDER_CLOSE) == ERR_OK);
    EXPECT(http_raw_ends(&idle));
    struct http_raw late;
    EXPECT(!http_raw_connect(&late, world.address));
    EXPECT(mailbox_post(world.orders, (void *)(uintptr_t)ORDER_ANSWER_KEPT) == ERR_OK);
    struct http_raw_answer answer = http_raw_read(&raw);
    EXPECT(answer.status == 200 && header_is(&answer, "Connection", "close"));
    http_raw_answer_free(&answer);
    EXPECT(http_raw_ends(&raw));
    world_wait(&world);
    world_wait(&world); // one for each order
    EXPECT(world.closed && atomic_load(&world.n_gone) == 0);
    http_raw_close(&raw);
    http_raw_close(&idle);
    world_stop(&world);
}

// A handler that has not answered when the time is up does so into nothing, after the server.
static void abandons(void)
{
    struct httpd_world world = {0};
    struct http_raw raw;
    world_begin(&world);
    EXPECT(http_raw_connect(&raw, world.address));
    EXPECT(http_raw_say(&raw, "POST /keep HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"));
    while (atomic_load(&world.n_kept) == 0)
        usleep(1000);
    world_order(&world, ORDER_CLOSE);
    EXPECT(world.closed && atomic_load(&world.n_gone) == 1);
    EXPECT(http_raw_ends(&raw));
    http_raw_close(&raw);
    world_order(&world, ORDER_ANSWER_KEPT);
    world_stop(&world);
}

// Without descriptors it stops accepting for a moment; the connection that waited is served then.
static void lives_without_descriptors(void)
{
    struct httpd_world world = {0};
    struct http_raw raw;
    struct rlimit before, few;
    int taken[256], n = 0;
    world_begin(&world);
    EXPECT(status_of(&world, "POST", "/echo", "", span_of("ok"), "ok") == 200);
    do { // its descriptor is free again
        usleep(1000);
        world_order(&world, ORDER_STATS);
    } while (world.stats.open > 0);
    EXPECT(getrlimit(RLIMIT_NOFILE, &before) == 0);
    few = (struct rlimit){128, before.rlim_max};
    EXPECT(setrlimit(RLIMIT_NOFILE, &few) == 0);
    while (n < 256 && (taken[n] = dup(STDERR_FILENO)) >= 0)
        n++;
    EXPECT(n > 1 && n < 256);
    close(taken[--n]); // for the client's end alone
    EXPECT(http_raw_connect(&raw, world.address));
    EXPECT(http_raw_say(&raw, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"));
    usleep(50000); // most likely it has tried by now; if not, the test shows less
    world_order(&world, ORDER_STATS);
    EXPECT(world.stats.open == 0);
    while (n > 0)
        close(taken[--n]);
    struct http_raw_answer answer = http_raw_read(&raw);
    EXPECT(answer.status == 200);
    http_raw_answer_free(&answer);
    http_raw_close(&raw);
    EXPECT(setrlimit(RLIMIT_NOFILE, &before) == 0);
    world_end(&world);
}

static void opens_or_says_why(void)
{
    struct loop *loop = loop_create();
    struct httpd *httpd;
    struct err_info info;
    struct httpd_world world = {0};
    world_begin(&world);
    static const char *const BAD[] = {"",
                                      "x",
                                      ":80",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      "127.0.0.1:x",
                                      "127.0.0.1:65536",
                                      "::1:80",
                                      "[::1]",
                                      "[127.0.0.1:80"};
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
        EXPECT(httpd_open(loop, &(struct httpd_opts){.address = BAD[i]}, &httpd, &info) ==
               ERR_INVALID);
    EXPECT(httpd_open(loop, &(struct httpd_opts){.address = world.address}, &httpd, &info) ==
           ERR_BUSY);
    EXPECT(strstr(info.text, world.address) != NULL);
    loop_destroy(loop);
    world_end(&world);
}

int main(void)
{
    static void (*const CASES[])(void) = {
        answers_and_keeps_alive,
        finds_routes,
        takes_chunks_and_pipelines,
        bounds_bodies,
        waits_for_continue,
        unpacks,
        stops_bombs,
        refuses_too_many,
        cuts_the_slow,
        bounds_headers,
        bounds_connections,
        makes_room,
        bounds_one_address,
        tells_when_the_peer_goes,
        drains,
        abandons,
        opens_or_says_why,
        lives_without_descriptors,
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        CASES[i]();
        fprintf(stderr, "case %zu passed\n", i);
    }
    return 0;
}
