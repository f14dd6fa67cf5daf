// SPDX-License-Identifier: Apache-2.0
// links: segment base
// Bodies as SDKs post them. What the real packages write was taken from their traffic.
#include <criterion/criterion.h>
#include <stdio.h>

#include "common/base/mem.h"
#include "services/ingest/segment/body.h"
#include "tests/support/segment_text.h"

#define NOW_MS 1795330310000ll // 2026-11-22T06:51:50Z

static char *read_opts(struct span json, const struct segment_body_opts *opts)
{
    struct arena arena;
    struct segment_body body;
    struct err_info info = {{0}};
    struct buf out = {0};
    arena_init(&arena, 4096, 0);
    enum err err = segment_body_read(json, opts, &arena, &body, &info);
    if (err != ERR_OK)
        buf_printf(&out, "%s! %s", err == ERR_FULL ? "full" : "", info.text);
    if (err == ERR_OK && body.write_key.len > 0)
        buf_printf(&out, "key %.*s\n", SPAN_ARG(body.write_key));
    for (size_t i = 0; err == ERR_OK && i < body.n; i++) {
        const struct segment_item *item = body.items[i];
        if (item->reason != NULL)
            buf_printf(&out, "! %s", item->reason);
        else
            segment_write(&out, &item->event);
        buf_append_text(&out, "\n");
    }
    buf_append_u8(&out, 0);
    arena_deinit(&arena);
    return (char *)out.bytes;
}

static char *read_body(const char *json, enum segment_dialect dialect, enum segment_kind kind)
{
    const struct segment_body_opts opts = {
        .dialect = dialect,
        .kind = kind,
        .events_max = 10,
        .event_bytes_max = 400,
        .now_ms = NOW_MS,
    };
    return read_opts(span_of(json), &opts);
}

struct body_case {
    const char *json;
    const char *expected;
};

static void check_cases(const struct body_case *cases, size_t n, enum segment_dialect dialect,
                        enum segment_kind kind)
{
    for (size_t i = 0; i < n; i++) {
        char *got = read_body(cases[i].json, dialect, kind);
        cr_expect_str_eq(got, cases[i].expected, "%s\n got %s expected %s", cases[i].json, got,
                         cases[i].expected);
        mem_free(got);
    }
}

#define CALL(rest) "{\"type\":\"track\",\"messageId\":\"m\"" rest "}"

static const struct body_case CALLS[] = {
    // One call, an array, a batch.
    {CALL(""), "1 id=m\n"},
    {" \n" CALL("") "\n", "1 id=m\n"},
    {"[" CALL("") "," CALL(",\"userId\":\"u\"") "]", "1 id=m\n1 id=m user=u\n"},
    {"{\"batch\":[" CALL("") "]}", "1 id=m\n"},
    {"{\"batch\":[]}", ""},
    {"[]", ""},
    {"{\"batch\":[" CALL("") "],\"writeKey\":\"k\",\"sentAt\":\"2026-11-22T06:51:50Z\"}",
     "key k\n1 id=m sent=2026-11-22T06:51:50.000Z\n"},
    {"{\"sentAt\":\"2026-11-22T06:51:50Z\",\"batch\":[" CALL(
         ",\"sentAt\":\"2026-11-22T06:51:49Z\"") "]}",
     "1 id=m sent=2026-11-22T06:51:49.000Z\n"},
    // The instant is chosen when sentAt is known.
    {"{\"batch\":[" CALL(",\"timestamp\":\"2026-11-22T06:00:00Z\",\"originalTimestamp\":"
                         "\"2026-11-22T05:00:00Z\"") "],\"sentAt\":\"2026-11-22T06:51:50Z\"}",
     "1 id=m at=2026-11-22T05:00:00.000Z sent=2026-11-22T06:51:50.000Z\n"},
    {"{\"batch\":[" CALL(",\"timestamp\":\"2026-11-22T06:00:00Z\",\"originalTimestamp\":"
                         "\"2026-11-22T05:00:00Z\"") "]}",
     "1 id=m at=2026-11-22T06:00:00.000Z\n"},
    // What stands beside a batch is no call, whatever it is.
    {"{\"timestamp\":5,\"context\":\"x\",\"userId\":{},\"batch\":[" CALL("") "],\"type\":1}",
     "1 id=m\n"},
    {"{\"batch\":null,"
     "\"type\":\"track\",\"messageId\":\"m\"}",
     "1 id=m\n"},
    // Write keys under their names; the first one counts.
    {"{\"api_key\":\"k\",\"batch\":[]}", "key k\n"},
    {"{\"write_key\":\"k\",\"batch\":[],\"token\":\"t\"}", "key k\n"},
    {"{\"writeKey\":null,\"token\":\"t\",\"batch\":[]}", "key t\n"},
    {CALL(",\"writeKey\":\"k\""), "key k\n1 id=m\n"},
    {CALL(",\"properties\":{\"writeKey\":\"k\",\"batch\":[1],\"sentAt\":\"x\"}"),
     "1 id=m p:writeKey='k' p:sentAt='x'\n"},
    // A bad call does not hurt the others.
    {"[" CALL("") ",{\"type\":\"foo\",\"a\":{\"b\":[[1]]}}," CALL("") "]",
     "1 id=m\n! type: expected track, identify, group, page, screen or alias, got \"foo\"\n"
     "1 id=m\n"},
    {"[1," CALL("") ",\"x\",null,true,[" CALL("") "],{}]",
     "! not a JSON object: got a number\n1 id=m\n! not a JSON object: got text\n"
     "! not a JSON object: got null\n! not a JSON object: got a flag\n"
     "! not a JSON object: got an array\n"
     "! type: missing; expected track, identify, group, page, screen or alias\n"},
    {"[{\"type\":\"track\",\"properties\":{\"a\":1e999,\"b\":{\"c\":1}}}," CALL("") "]",
     "! properties.a: number out of range\n1 id=m\n"},
    {"[{\"userId\":\"\xff\"}," CALL("") "]", "! userId: is not valid UTF-8\n1 id=m\n"},
    // The body as a whole.
    {"", "! not JSON: unexpected end at byte 0"},
    {"1", "! not a JSON object or array: got a number"},
    {"null", "! not a JSON object or array: got null"},
    {"\"x\"", "! not a JSON object or array: got text"},
    {"true", "! not a JSON object or array: got a flag"},
    {"{\"batch\":{}}", "! batch: expected an array, got an object"},
    {"{\"batch\":\"x\"}", "! batch: expected an array, got text"},
    {"{\"batch\":1}", "! batch: expected an array, got a number"},
    {"{\"batch\":[],\"batch\":[]}", "! batch: given twice"},
    {"{\"batch\":[" CALL("") "],\"sentAt\":\"now\"}",
     "! sentAt: expected a time like 2026-01-31T10:00:00Z"},
    {"{\"writeKey\":\"\xff\",\"batch\":[]}", "! writeKey: not valid UTF-8 without NUL characters"},
    {"[" CALL("") ",", "! not JSON: unexpected end at byte 34"},
    {"[" CALL("") "]]", "! not JSON: trailing garbage at byte 35"},
};

Test(segment_body, calls)
{
    check_cases(CALLS, ARRAY_LEN(CALLS), SEGMENT_DIALECT_CALLS, 0);
}

Test(segment_body, the_path_says_what_a_call_is)
{
    static const struct body_case CASES[] = {
        {"{\"messageId\":\"m\",\"name\":\"Home\"}", "5 id=m name=Home\n"},
        {"{\"messageId\":\"m\",\"type\":\"track\"}", "5 id=m\n"},
        {"{\"messageId\":\"m\",\"type\":{\"x\":1}}", "5 id=m\n"},
        {"{\"messageId\":\"m\",\"type\":7}", "5 id=m\n"},
    };
    check_cases(CASES, ARRAY_LEN(CASES), SEGMENT_DIALECT_CALLS, SEGMENT_PAGE);
}

Test(segment_body, bounds)
{
    struct buf json = {0};
    buf_append_text(&json, "[");
    for (int i = 0; i < 10; i++)
        buf_printf(&json, "%s{\"type\":\"track\",\"messageId\":\"%d\"}", i == 0 ? "" : ",", i);
    buf_append_text(&json, "]");
    buf_append_u8(&json, 0);
    char *got = read_body((char *)json.bytes, SEGMENT_DIALECT_CALLS, 0);
    cr_expect(strstr(got, "id=9") != NULL, "%s", got);
    mem_free(got);
    json.len -= 2;
    buf_append_text(&json, ",1]");
    buf_append_u8(&json, 0);
    got = read_body((char *)json.bytes, SEGMENT_DIALECT_CALLS, 0);
    cr_expect_str_eq(got, "full! batch: more than 10 events");
    mem_free(got);
    // An event of more bytes than it may have; it ends where it ends.
    buf_clear(&json);
    buf_append_text(&json, "[{\"type\":\"track\",\"messageId\":\"a\",\"properties\":{");
    for (int i = 0; i < 100; i++)
        buf_printf(&json, "\"k%d\":{\"x\":[{}]},", i);
    buf_append_text(&json, "\"last\":1}},{\"type\":\"track\",\"messageId\":\"b\"}]");
    buf_append_u8(&json, 0);
    got = read_body((char *)json.bytes, SEGMENT_DIALECT_CALLS, 0);
    cr_expect_str_eq(got, "! event has 1746 bytes, at most 400\n1 id=b\n", "%s", got);
    mem_free(got);
    buf_deinit(&json);
}

// ---- Ids ----------------------------------------------------------------------------------------

static char *second_line(char *text)
{
    char *at = strchr(text, '\n');
    cr_assert(at != NULL);
    *at = '\0';
    return at + 1;
}

Test(segment_body, a_call_without_an_id_is_named_by_its_bytes)
{
    const char *call = "{\"type\":\"track\",\"event\":\"E\"}";
    char one[200], two[200];
    snprintf(one, sizeof one, "[%s,%s]", call, call);
    snprintf(two, sizeof two, "{\"sentAt\":\"2026-11-22T06:51:50Z\",\"batch\":[ %s]}", call);
    char *a = read_body(one, SEGMENT_DIALECT_CALLS, 0);
    char *b = read_body(one, SEGMENT_DIALECT_CALLS, 0);
    char *c = read_body(two, SEGMENT_DIALECT_CALLS, 0);
    cr_expect_str_eq(a, b);
    char *again = second_line(a);
    cr_expect(strncmp(a, "1 id=body-", 10) == 0, "%s", a);
    // The same bytes in one body are two calls, in two bodies they are one.
    size_t n = strcspn(a, " \n") + 1 + strcspn(strchr(a, ' ') + 1, " ");
    cr_expect(strncmp(a, again, n) == 0 && again[n] == '-', "%s and %s", a, again);
    cr_expect(strncmp(a, c, n) == 0 && c[n] == ' ', "%s and %s", a, c);
    mem_free(a);
    mem_free(b);
    mem_free(c);
}

// ---- PostHog ------------------------------------------------------------------------------------

#define EVENT(name, rest) "{\"uuid\":\"m\",\"distinct_id\":\"u\",\"event\":\"" name "\"" rest "}"

static const struct body_case POSTHOG[] = {
    {"{\"api_key\":\"k\",\"batch\":[" EVENT("Signed Up", ",\"properties\":{\"n\":1}") "]}",
     "key k\n1 id=m user=u name=Signed Up p:n=1\n"},
    {"{\"api_key\":\"k\",\"event\":\"E\",\"uuid\":\"m\",\"properties\":{\"distinct_id\":\"u\"}}",
     "key k\n1 id=m user=u name=E\n"},
    {"[" EVENT("E", ",\"properties\":{\"token\":\"k\"}") "]", "key k\n1 id=m user=u name=E\n"},
    {EVENT("E", ",\"timestamp\":\"2026-11-22T06:51:49Z\",\"sent_at\":\"2026-11-22T06:51:50Z\""),
     "1 id=m user=u name=E at=2026-11-22T06:51:49.000Z sent=2026-11-22T06:51:50.000Z\n"},
    {EVENT("E", ",\"offset\":1000"),
     "1 id=m user=u name=E at=2026-11-22T06:51:49.000Z sent=2026-11-22T06:51:50.000Z\n"},
    {EVENT("E", ",\"offset\":\"x\""), "! offset: expected a number, got text\n"},
    {EVENT("$identify", ",\"$set_once\":{\"a\":0,\"b\":1},\"properties\":{\"$set\":{\"a\":{\"x\":2}"
                        ",\"b\":2},\"$anon_distinct_id\":\"a1\",\"$lib\":\"l\"}"),
     "2 id=m user=u anon=a1 t:a=0 t:b=2 t:a.x=2 c:library.name='l'\n"},
    {EVENT("$set", ",\"$set\":{\"a\":0}"), "2 id=m user=u t:a=0\n"},
    {EVENT("E", ",\"properties\":{\"$set\":{\"a\":1},\"$groups\":{\"company\":\"g\",\"x\":\"y\"}}"),
     "1 id=m user=u group=g name=E c:traits.a=1\n"},
    {EVENT("E", ",\"properties\":{\"$groups\":{\"company\":7}}"), "1 id=m user=u group=7 name=E\n"},
    {EVENT("$groupidentify", ",\"properties\":{\"$group_type\":\"company\",\"$group_key\":\"g\","
                             "\"$group_set\":{\"plan\":\"pro\"}}"),
     "3 id=m user=u group=g t:plan='pro'\n"},
    {"{\"uuid\":\"m\",\"distinct_id\":\"$company_g\",\"event\":\"$groupidentify\",\"properties\":"
     "{\"$group_type\":\"company\",\"$group_key\":\"g\"}}",
     "3 id=m group=g\n"},
    {EVENT("$create_alias", ",\"properties\":{\"distinct_id\":\"u\",\"alias\":\"a\"}"),
     "4 id=m user=u prev=a\n"},
    {EVENT("$create_alias", ",\"properties\":{\"alias\":\"a\",\"$device_id\":\"u\"}"),
     "4 id=m user=a prev=u\n"},
    {EVENT("E", ",\"properties\":{\"alias\":\"a\"}"), "1 id=m user=u name=E p:alias='a'\n"},
    {EVENT("$pageview", ",\"properties\":{\"$current_url\":\"http://x/y\",\"$pathname\":\"/y\"}"),
     "5 id=m user=u name=/y p:$current_url='http://x/y' p:$pathname='/y'\n"},
    {EVENT("$screen", ",\"properties\":{\"$screen_name\":\"S\"}"),
     "6 id=m user=u name=S p:$screen_name='S'\n"},
    {EVENT("$feature_flag_called", ""), "1 id=m user=u name=$feature_flag_called c:active=false\n"},
    {EVENT("$autocapture", ""), "1 id=m user=u name=$autocapture\n"},
    // Who it was: the device, or a user of a device.
    {EVENT("E", ",\"properties\":{\"$device_id\":\"u\"}"), "1 id=m anon=u name=E\n"},
    {EVENT("E", ",\"properties\":{\"$device_id\":\"d\"}"), "1 id=m user=u anon=d name=E\n"},
    {EVENT("E", ",\"properties\":{\"$is_identified\":false}"),
     "1 id=m anon=u name=E p:$is_identified=false\n"},
    {"{\"uuid\":\"m\",\"distinct_id\":\"u\"}", "! event: missing; expected the event's name\n"},
    {EVENT("E", ",\"timestamp\":7"), "! timestamp: expected a time as text, got a number\n"},
};

Test(segment_body, posthog)
{
    check_cases(POSTHOG, ARRAY_LEN(POSTHOG), SEGMENT_DIALECT_POSTHOG, 0);
}

Test(segment_body, only_one_type_of_groups_is_accounts)
{
    static const struct body_case CASES[] = {
        {EVENT("E", ",\"properties\":{\"$groups\":{\"project\":\"p\",\"company\":\"g\"}}"),
         "1 id=m user=u group=g name=E\n"},
        {EVENT("E", ",\"properties\":{\"$groups\":{\"project\":\"p\"}}"), "1 id=m user=u name=E\n"},
        {EVENT("$groupidentify", ",\"properties\":{\"$group_type\":\"project\",\"$group_key\":"
                                 "\"p\",\"$group_set\":{\"a\":1}}"),
         "1 id=m user=u name=$groupidentify c:active=false\n"},
    };
    const struct segment_body_opts opts = {
        .dialect = SEGMENT_DIALECT_POSTHOG,
        .events_max = 10,
        .event_bytes_max = 1000,
        .now_ms = NOW_MS,
        .posthog_group = span_of("company"),
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        char *got = read_opts(span_of(CASES[i].json), &opts);
        cr_expect_str_eq(got, CASES[i].expected, "%s\n got %s", CASES[i].json, got);
        mem_free(got);
    }
}

// The most keys that there can be: inside and beside the properties.
Test(segment_body, posthog_traits_have_a_bound)
{
    const struct segment_body_opts opts = {
        .dialect = SEGMENT_DIALECT_POSTHOG,
        .events_max = 10,
        .event_bytes_max = 100000,
        .now_ms = NOW_MS,
    };
    struct buf json = {0};
    static const char *const PARTS[] = {"\"$set\":{", "\"properties\":{\"$set\":{"};
    buf_append_text(&json, "{\"event\":\"$set\",");
    for (size_t part = 0; part < 2; part++) {
        buf_append_text(&json, PARTS[part]);
        for (int i = 0; i < 500; i++)
            buf_printf(&json, "%s\"k%d\":%d", i == 0 ? "" : ",", i, i);
        buf_append_text(&json, part == 0 ? "}," : "}}}");
    }
    char *got = read_opts(buf_span(&json), &opts);
    cr_expect_str_eq(got, "! $set: more than 512 keys\n", "%s", got);
    mem_free(got);
    buf_deinit(&json);
}
