// SPDX-License-Identifier: Apache-2.0
// links: ingest_http base PkgConfig::ZLIB
// What stands around the JSON of a body, keys of headers, and answers.
#include <criterion/criterion.h>
#include <zlib.h>

#include "common/base/mem.h"
#include "services/ingest/http/answer.h"
#include "services/ingest/http/beside.h"
#include "services/ingest/http/form.h"

static struct arena arena;
static struct err_info info;

static void begin(void)
{
    arena_init(&arena, 4096, 0);
}

static void end(void)
{
    arena_deinit(&arena);
}

TestSuite(form, .init = begin, .fini = end);
TestSuite(answer, .init = begin, .fini = end);
TestSuite(beside, .init = begin, .fini = end);

static void expect_json(const char *body, const char *expected)
{
    struct span out;
    enum err err = form_json(span_of(body), 1000, &arena, &out, &info);
    if (expected == NULL)
        cr_expect(err == ERR_INVALID, "%s", body);
    else
        cr_expect(err == ERR_OK && span_is(out, expected), "%s: got %.*s", body, SPAN_ARG(out));
}

Test(form, json_is_taken_out_of_what_is_around_it)
{
    expect_json("{}", "{}");
    expect_json(" [1]", " [1]");
    expect_json("", "");
    expect_json("hello", "hello");
    expect_json("data=%7B%22a%22%3A1%7d&x=1", "{\"a\":1}");
    expect_json("ip=1&data={\"a\":+1}", "{\"a\": 1}");
    expect_json("data=eyJhIjoxfQ%3D%3D", "{\"a\":1}");
    expect_json("data=eyJhIjoxfQ==&compression=base64", "{\"a\":1}");
    expect_json("data=eyJhIjoxf", NULL);
    expect_json("data=!!", NULL);
    expect_json("data=", "data=");
    expect_json("data=%7", NULL);
}

static struct span gzip(size_t n, size_t cut)
{
    uint8_t *from = arena_alloc(&arena, n + 1), *to = arena_alloc(&arena, n + 200);
    memset(from, ' ', n);
    from[0] = '{';
    z_stream z = {
        .next_in = from, .avail_in = (unsigned)n, .next_out = to, .avail_out = (unsigned)n + 200};
    cr_assert_eq(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t len = z.total_out;
    deflateEnd(&z);
    return span_make(to, len - cut);
}

Test(form, gzip_that_was_not_announced_is_unpacked_within_bounds)
{
    struct span out;
    cr_assert_eq(form_json(gzip(70000, 0), 70000, &arena, &out, &info), ERR_OK);
    cr_expect(out.len == 70000 && *(const char *)out.ptr == '{');
    cr_expect_eq(form_json(gzip(70001, 0), 70000, &arena, &out, &info), ERR_FULL);
    cr_expect_eq(form_json(gzip(1 << 26, 0), 1000, &arena, &out, &info), ERR_FULL);
    cr_expect_eq(form_json(gzip(70000, 5), 70000, &arena, &out, &info), ERR_INVALID);
    cr_expect_eq(
        form_json(span_make("\x1f\x8b\x08zzzzzzzzzzzzzzzzzzz", 22), 100, &arena, &out, &info),
        ERR_INVALID);
}

Test(form, keys_of_authorization)
{
    static const struct {
        const char *header, *key;
    } CASES[] = {
        {"Basic ZGV2Og==", "dev"},
        {"basic ZGV2OnBhc3M=", "dev"},
        {"Basic OnBhc3M=", "pass"},
        {"Basic ZGV2", "dev"},
        {"Basic  ZGV2Og", "dev"},
        {"Basic !", ""},
        {"Basic", ""},
        {"Basic ", ""},
        {"Bearer tok", "tok"},
        {"BEARER   tok", "tok"},
        {"Bearertok", ""},
        {"Digest x", ""},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct span key = form_authorization(CASES[i].header, &arena);
        cr_expect(span_is(key, CASES[i].key), "%s: got %.*s", CASES[i].header, SPAN_ARG(key));
    }
}

Test(answer, verdicts_are_in_the_order_of_the_body)
{
    Assay__Ingest__V1__EventVerdict verdicts[2] = {ASSAY__INGEST__V1__EVENT_VERDICT__INIT,
                                                   ASSAY__INGEST__V1__EVENT_VERDICT__INIT};
    Assay__Ingest__V1__EventVerdict *list[2] = {&verdicts[0], &verdicts[1]};
    Assay__Ingest__V1__IngestResponse response = ASSAY__INGEST__V1__INGEST_RESPONSE__INIT;
    const uint32_t indexes[] = {1, 2, 5};
    const struct answer_refusal refusals[] = {{0, "a"}, {3, "b \"q\" \\ \n"}, {6, "\xc3\xa9"}};
    struct buf out = {0};
    verdicts[0].index = 0;
    verdicts[0].verdict = ASSAY__INGEST__V1__VERDICT__VERDICT_DUPLICATE;
    verdicts[1].index = 2;
    verdicts[1].verdict = ASSAY__INGEST__V1__VERDICT__VERDICT_REFUSED;
    verdicts[1].reason = (char *)"name: missing";
    response.accepted = 1;
    response.duplicate = 1;
    response.refused = 1;
    response.verdicts = list;
    response.n_verdicts = 2;
    answer_write(&out, &response, indexes, refusals, 3);
    buf_append_u8(&out, 0);
    cr_expect_str_eq((char *)out.bytes,
                     "{\"success\":true,\"accepted\":1,\"duplicate\":1,\"refused\":4,\"events\":["
                     "{\"index\":0,\"status\":\"refused\",\"reason\":\"a\"},"
                     "{\"index\":1,\"status\":\"duplicate\"},"
                     "{\"index\":3,\"status\":\"refused\",\"reason\":\"b \\\"q\\\" \\\\ \\u000a\"},"
                     "{\"index\":5,\"status\":\"refused\",\"reason\":\"name: missing\"},"
                     "{\"index\":6,\"status\":\"refused\",\"reason\":\"\xc3\xa9\"}]}");
    buf_deinit(&out);
}

Test(answer, what_sdks_send_again_is_answered_429_or_503)
{
    int after;
    cr_expect(answer_status(RPC_RESOURCE_EXHAUSTED, &after) == 429 && after > 0);
    cr_expect(answer_status(RPC_UNAVAILABLE, &after) == 503 && after > 0);
    cr_expect(answer_status(RPC_DEADLINE_EXCEEDED, &after) == 503 && after > 0);
    cr_expect(answer_status(RPC_UNAUTHENTICATED, &after) == 401 && after == 0);
    cr_expect(answer_status(RPC_PERMISSION_DENIED, &after) == 403 && after == 0);
    cr_expect(answer_status(RPC_INVALID_ARGUMENT, &after) == 400 && after == 0);
}

// 4xx makes an SDK drop the body: only for what is wrong with the body or its key.
Test(answer, differs_from_other_edges_only_where_sdks_would_drop_events)
{
    for (int i = RPC_OK; i <= RPC_UNAUTHENTICATED; i++) {
        enum rpc_status status = (enum rpc_status)i;
        int after, http = answer_status(status, &after);
        bool bad_body = status == RPC_INVALID_ARGUMENT || status == RPC_OUT_OF_RANGE ||
                        status == RPC_FAILED_PRECONDITION;
        bool bad_key = status == RPC_UNAUTHENTICATED || status == RPC_PERMISSION_DENIED;
        bool dropped = http >= 400 && http < 500 && http != 429;
        cr_expect_eq(dropped, bad_body || bad_key, "%s: %d", rpc_status_name(status), http);
        cr_expect_eq(after > 0, http == 429 || http == 503, "%s: %d", rpc_status_name(status),
                     http);
        if (dropped || http == 200)
            cr_expect_eq(http, rpc_http_status(status));
    }
}

static bool holds(struct span text, const char *part)
{
    return text.ptr != NULL && memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

Test(beside, segment_is_told_to_send_to_where_it_asked)
{
    struct span json = beside_segment("dev/settings", "edge.example:8480", false, &arena);
    cr_expect(holds(json, "\"apiHost\":\"edge.example:8480/v1\",\"protocol\":\"http\""));
    cr_expect(holds(json, "\"apiKey\":\"dev\""));
    json = beside_segment("k_1.a-b:c/settings", "edge.example", true, &arena);
    cr_expect(holds(json, "\"apiHost\":\"edge.example/v1\",\"protocol\":\"https\""));
    cr_expect(holds(json, "\"apiKey\":\"k_1.a-b:c\""));
}

Test(beside, posthog_is_told_the_same_as_json_and_as_a_script)
{
    const char *type;
    struct span json = beside_posthog("dev/config", &type, &arena);
    cr_expect(holds(json, "\"hasFeatureFlags\":false") && *(const char *)json.ptr == '{');
    cr_expect_str_eq(type, "application/json");
    struct span script = beside_posthog("dev/config.js", &type, &arena);
    cr_expect(holds(script, "[\"dev\"] = {config: {") && holds(script, "window."));
    cr_expect_str_eq(type, "text/javascript");
}

Test(beside, nothing_of_a_path_gets_into_an_answer_that_is_no_key)
{
    static const char *const PATHS[] = {"",
                                        "settings",
                                        "/settings",
                                        "config.js",
                                        "/config.js",
                                        "d\"/settings",
                                        "d\"/config.js",
                                        "d\\/config.js",
                                        "<b>/config.js",
                                        "d/e/config.js",
                                        "d e/settings",
                                        "\xc3\xa9/settings",
                                        "dev/settings/",
                                        "dev/config.json",
                                        "dev/array.js"};
    char long_path[300];
    const char *type;
    for (size_t i = 0; i < ARRAY_LEN(PATHS); i++) {
        cr_expect_null(beside_segment(PATHS[i], "edge", false, &arena).ptr, "%s", PATHS[i]);
        cr_expect_null(beside_posthog(PATHS[i], &type, &arena).ptr, "%s", PATHS[i]);
    }
    memset(long_path, 'k', sizeof long_path);
    strcpy(long_path + 250, "/settings");
    cr_expect_null(beside_segment(long_path, "edge", false, &arena).ptr);
    cr_expect_null(beside_segment("dev/settings", NULL, false, &arena).ptr);
    cr_expect_null(beside_segment("dev/settings", "", false, &arena).ptr);
    cr_expect_null(beside_segment("dev/settings", "a\"b", false, &arena).ptr);
}
