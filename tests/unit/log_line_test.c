// SPDX-License-Identifier: Apache-2.0
// links: log base PkgConfig::JANSSON
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/log/log_line.h"

static struct log_line line_of(const char *facts)
{
    return (struct log_line){.time = "2026-01-02T03:04:05.678Z",
                             .level = "info",
                             .process = "p-0",
                             .component = "lane",
                             .event = "done",
                             .facts = facts,
                             .request = "",
                             .trace = ""};
}

static void expect_json(const char *facts, const char *expected)
{
    char out[LOG_LINE_MAX], whole[LOG_LINE_MAX];
    struct log_line line = line_of(facts);
    size_t n = log_line_json(&line, out);
    snprintf(whole, sizeof whole,
             "{\"time\":\"2026-01-02T03:04:05.678Z\",\"level\":\"info\",\"process\":\"p-0\","
             "\"component\":\"lane\",\"event\":\"done\"%s}\n",
             expected);
    cr_assert_eq(n, strlen(whole), "got %.*s", (int)n, out);
    cr_assert_arr_eq(out, whole, n, "got %.*s", (int)n, out);
}

Test(log_line, types_its_facts)
{
    expect_json("", "");
    expect_json("n=12 m=-3.50 z=0 ok=true no=false", ",\"n\":12,\"m\":-3.50,\"z\":0,\"ok\":true,"
                                                     "\"no\":false");
    expect_json("url=tcp://a:1 e= nan=nan id=007 x=1e5 p=1. q=.5 m=-",
                ",\"url\":\"tcp://a:1\",\"e\":\"\",\"nan\":\"nan\",\"id\":\"007\",\"x\":\"1e5\","
                "\"p\":\"1.\",\"q\":\".5\",\"m\":\"-\"");
    // More digits than every reader keeps.
    expect_json("a=123456789012345 b=1234567890123456", ",\"a\":123456789012345,"
                                                        "\"b\":\"1234567890123456\"");
}

Test(log_line, reads_texts_in_quotes)
{
    expect_json("msg=\"no room: a=b\" n=1", ",\"msg\":\"no room: a=b\",\"n\":1");
    expect_json("msg=\"he said \"no\" to it\" n=1",
                ",\"msg\":\"he said \\\"no\\\" to it\",\"n\":1");
    expect_json("msg=\"never ends", ",\"msg\":\"\\\"never ends\"");
    expect_json("msg=\"a\nb\\\x1b\xc3\xa4\"", ",\"msg\":\"a\\u000ab\\\\\\u001b\xc3\xa4\"");
    expect_json("msg=\"\xff\xfe.\"", ",\"msg\":\"??.\"");
}

Test(log_line, keeps_its_own_fields_apart)
{
    expect_json("level=debug n=1 request=x", ",\"fact_level\":\"debug\",\"n\":1,"
                                             "\"fact_request\":\"x\"");
    expect_json("n=1 just words", ",\"n\":1,\"facts\":\"just words\"");
}

Test(log_line, ends_with_the_context)
{
    char out[LOG_LINE_MAX];
    struct log_line line = line_of("n=1");
    line.request = "r-1";
    line.trace = "4bf9";
    line.suppressed = 7;
    line.cut = true;
    size_t n = log_line_json(&line, out);
    out[n] = '\0';
    cr_assert(strstr(out, ",\"n\":1,\"request\":\"r-1\",\"trace_id\":\"4bf9\",\"suppressed\":7,"
                          "\"cut\":true}\n") != NULL,
              "%s", out);
    n = log_line_text(&line, out);
    out[n] = '\0';
    cr_assert_str_eq(out, "2026-01-02T03:04:05.678Z info p-0 lane done n=1... request=r-1 "
                          "trace=4bf9 suppressed=7\n");
}

// Whatever is in it and however long it is, a line is one JSON object.
Test(log_line, is_always_an_object)
{
    static const char *const PIECES[] = {
        "\n", "\"", "\\", "x", "\xc3\xa4", "\xf0\x9f\x98\x80", " k=", "=", "\xff", "k=\"v\" "};
    char id[65], out[LOG_LINE_MAX], *facts = malloc(20000);
    memset(id, 'i', 64);
    id[64] = '\0';
    for (size_t p = 0; p < sizeof PIECES / sizeof PIECES[0]; p++) {
        for (size_t n = 3300; n < 4200; n += 7) {
            size_t at = (size_t)snprintf(facts, 20, "msg=\"");
            while (at < n)
                at += (size_t)snprintf(facts + at, 20, "%s", PIECES[p]);
            struct log_line line = line_of(facts);
            line.request = line.trace = id;
            line.suppressed = UINT32_MAX;
            size_t bytes = log_line_json(&line, out);
            cr_assert(bytes <= LOG_LINE_MAX && out[bytes - 1] == '\n');
            cr_assert(memchr(out, '\n', bytes) == out + bytes - 1);
            json_t *json =
                json_loadb(out, bytes, JSON_REJECT_DUPLICATES * (p != 6 && p != 9), NULL);
            cr_assert(json_is_object(json), "%zu %zu: %.*s", p, n, (int)bytes, out);
            cr_assert_str_eq(json_string_value(json_object_get(json, "trace_id")), id);
            json_decref(json);
            cr_assert(log_line_text(&line, out) <= LOG_LINE_MAX);
        }
    }
    free(facts);
}
