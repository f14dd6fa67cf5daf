// SPDX-License-Identifier: Apache-2.0
// links: segment segment_proto assay_proto base
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "services/ingest/segment/segment.h"
#include "services/ingest/segment/segment_proto.h"
#include "tests/support/segment_text.h"

static char *parse(struct span json)
{
    struct arena arena;
    struct segment_event event;
    struct err_info info = {{0}};
    struct buf out = {0};
    arena_init(&arena, 4096, 0);
    enum err err = segment_parse(json, &arena, &event, &info);
    cr_assert(err == ERR_OK || err == ERR_INVALID);
    if (err == ERR_OK)
        segment_write(&out, &event);
    else
        buf_printf(&out, "! %s", info.text);
    buf_append_u8(&out, 0);
    arena_deinit(&arena);
    return (char *)out.bytes;
}

#define TRACK(rest) "{\"type\":\"track\"" rest "}"

static const struct {
    const char *json;
    const char *expected;
} CASES[] = {
    // Good ones.
    {TRACK(""), "1"},
    {"{\"type\":\"identify\"}", "2"},
    {"{\"type\":\"group\"}", "3"},
    {"{\"type\":\"alias\",\"previousId\":\"old\",\"userId\":\"new\"}", "4 user=new prev=old"},
    {"{\"type\":\"page\",\"name\":\"Home\"}", "5 name=Home"},
    {"{\"type\":\"screen\",\"name\":\"Start\"}", "6 name=Start"},
    {" \t\r\n{\"type\" : \"track\"}\n ", "1"},
    {TRACK(",\"messageId\":\"m1\",\"userId\":\"u\",\"anonymousId\":\"a\",\"event\":\"Signed Up\""),
     "1 id=m1 user=u anon=a name=Signed Up"},
    {"{\"userId\":\"u\",\"event\":\"E\",\"type\":\"track\"}", "1 user=u name=E"},
    {TRACK(",\"event\":\"E\",\"name\":\"N\""), "1 name=E"},
    {"{\"type\":\"page\",\"event\":\"E\",\"name\":\"N\"}", "5 name=N"},
    {"{\"type\":\"identify\",\"event\":\"E\",\"name\":\"N\"}", "2"},
    {TRACK(",\"userId\":42,\"groupId\":-7"), "1 user=42 group=-7"},
    {TRACK(",\"userId\":null,\"properties\":null,\"timestamp\":null"), "1"},
    {TRACK(",\"properties\":{}"), "1"},
    {TRACK(",\"properties\":{\"a\":1,\"b\":1.5,\"c\":\"x\",\"d\":true,\"e\":false,\"f\":null}"),
     "1 p:a=1 p:b=1.5f p:c='x' p:d=true p:e=false"},
    {TRACK(",\"properties\":{\"a\":{\"b\":{\"c\":1},\"d\":2},\"e\":3}"),
     "1 p:a.b.c=1 p:a.d=2 p:e=3"},
    {TRACK(",\"properties\":{\"a\":[1,{\"b\":[2]},\"x\"],\"c\":3}"), "1 p:c=3"},
    {TRACK(",\"properties\":{\"a\":{\"b\":[{}]},\"c\":3}"), "1 p:c=3"},
    {TRACK(",\"properties\":{\"\":{\"a\":1}}"), "1 p:.a=1"},
    {TRACK(",\"properties\":{\"a\":1,\"b\":2,\"a\":\"last\"}"), "1 p:a='last' p:b=2"},
    {TRACK(",\"properties\":{\"a.b\":1,\"a\":{\"b\":2}}"), "1 p:a.b=2"},
    {TRACK(",\"properties\":{\"max\":9223372036854775807,\"min\":-9223372036854775808}"),
     "1 p:max=9223372036854775807 p:min=-9223372036854775808"},
    {TRACK(",\"properties\":{\"big\":9223372036854775808,\"e\":1e3,\"z\":-0.0,\"s\":1e-400}"),
     "1 p:big=9.2233720368547758e+18f p:e=1000f p:z=-0f p:s=0f"},
    {TRACK(",\"properties\":{\"long\":0.10000000000000000000000000000000000000000000000000000000000"
           "0000000000001}"),
     "1 p:long=0.10000000000000001f"},
    {TRACK(",\"properties\":{\"s\":\"a\\u00e9\\n\\\"\\\\\\/\\ud83d\\ude00\"}"),
     "1 p:s='a\xC3\xA9\n\"\\/\xF0\x9F\x98\x80'"},
    {TRACK(",\"traits\":{\"plan\":\"pro\"},\"properties\":{\"x\":1}"), "1 p:x=1 t:plan='pro'"},
    {TRACK(",\"context\":{\"active\":false,\"groupId\":\"g\",\"library\":{\"name\":\"l\"}}"),
     "1 group=g c:active=false c:library.name='l'"},
    {TRACK(",\"context\":{\"groupId\":12}"), "1 group=12"},
    {TRACK(",\"context\":{\"groupId\":null}"), "1"},
    {TRACK(",\"context\":{\"app\":{\"groupId\":\"no\"}}"), "1 c:app.groupId='no'"},
    {TRACK(",\"groupId\":\"top\",\"context\":{\"groupId\":\"inner\"}"), "1 group=top"},
    {TRACK(",\"integrations\":{\"All\":true,\"x\":{\"type\":1}},\"channel\":[[1]],\"version\":2,"
           "\"_metadata\":null,\"x\":1.5,\"y\":false"),
     "1"},
    {TRACK(",\"timestamp\":\"2026-01-31T10:00:00.5+01:00\""), "1 at=2026-01-31T09:00:00.500Z"},
    {TRACK(",\"originalTimestamp\":\"2026-01-31\""), "1 at=2026-01-31T00:00:00.000Z"},
    {TRACK(",\"timestamp\":\"2026-01-01\",\"originalTimestamp\":\"2026-01-02\""),
     "1 at=2026-01-01T00:00:00.000Z"},
    {TRACK(",\"timestamp\":\"2026-01-01\",\"originalTimestamp\":\"2026-01-02\",\"sentAt\":"
           "\"2026-01-03\",\"receivedAt\":\"2026-01-04\""),
     "1 at=2026-01-02T00:00:00.000Z sent=2026-01-03T00:00:00.000Z "
     "received=2026-01-04T00:00:00.000Z"},
    {TRACK(",\"timestamp\":\"2026-01-01\",\"sentAt\":\"2026-01-03\""),
     "1 at=2026-01-01T00:00:00.000Z sent=2026-01-03T00:00:00.000Z"},

    // Not JSON, or not an object.
    {"", "! not JSON: unexpected end at byte 0"},
    {"  ", "! not JSON: unexpected end at byte 2"},
    {"{\"type\":\"tra", "! not JSON: unexpected end at byte 12"},
    {"{\"type\":\"track\",", "! not JSON: unexpected end at byte 16"},
    {"{\"type\":\"track\"", "! not JSON: unexpected end at byte 15"},
    {"{\"type\":\"track\"}}", "! not JSON: trailing garbage at byte 17"},
    {"{\"type\":\"track\"}{}", "! not JSON: trailing garbage at byte 17"},
    {"{type:1}", "! not JSON: invalid string in json text at byte 2"},
    {"{\"a\":tru}", "! not JSON: invalid string in json text at byte 8"},
    {"{\"a\":01}", NULL},
    {"{\"a\":\"\\x\"}", NULL},
    {"{\"a\":\"\n\"}", NULL},
    {"{\"a\":1,}", NULL},
    {"/* no */ {}", NULL},
    {"\xEF\xBB\xBF{}", NULL},
    {"[]", "! not a JSON object: got an array"},
    {"12", "! not a JSON object: got a number"},
    {"\"x\"", "! not a JSON object: got text"},
    {"null", "! not a JSON object: got null"},
    {"true", "! not a JSON object: got a flag"},

    // The wrong thing in the wrong place.
    {"{}", "! type: missing; expected track, identify, group, page, screen or alias"},
    {"{\"type\":null}", "! type: missing; expected track, identify, group, page, screen or alias"},
    {"{\"type\":\"foo\"}",
     "! type: expected track, identify, group, page, screen or alias, got \"foo\""},
    {"{\"type\":\"Track\"}",
     "! type: expected track, identify, group, page, screen or alias, got \"Track\""},
    {"{\"type\":1}", "! type: expected text, got a number"},
    {"{\"type\":{}}", "! type: expected text, got an object"},
    {TRACK(",\"type\":\"page\""), "! type: given twice"},
    {TRACK(",\"userId\":\"a\",\"userId\":\"b\""), "! userId: given twice"},
    {TRACK(",\"properties\":{},\"properties\":{}"), "! properties: given twice"},
    {TRACK(",\"userId\":true"), "! userId: expected text, got a flag"},
    {TRACK(",\"userId\":1.5"), "! userId: expected text, got a number"},
    {TRACK(",\"userId\":[1]"), "! userId: expected text, got an array"},
    {TRACK(",\"userId\":{}"), "! userId: expected text, got an object"},
    {TRACK(",\"messageId\":[]"), "! messageId: expected text, got an array"},
    {TRACK(",\"event\":12"), "! event: expected text, got a number"},
    {TRACK(",\"properties\":[]"), "! properties: expected an object, got an array"},
    {TRACK(",\"properties\":\"x\""), "! properties: expected an object, got text"},
    {TRACK(",\"traits\":1"), "! traits: expected an object, got a number"},
    {TRACK(",\"context\":true"), "! context: expected an object, got a flag"},
    {TRACK(",\"context\":{\"groupId\":true}"), "! context.groupId: expected text, got a flag"},
    {TRACK(",\"context\":{\"groupId\":1.5}"), "! context.groupId: expected text, got a number"},
    {TRACK(",\"context\":{\"groupId\":{}}"), "! context.groupId: expected text, got an object"},
    {TRACK(",\"context\":{\"groupId\":[]}"), "! context.groupId: expected text, got an array"},
    {TRACK(",\"timestamp\":1700000000000"), "! timestamp: expected a time as text, got a number"},
    {TRACK(",\"sentAt\":{}"), "! sentAt: expected a time as text, got an object"},
    {TRACK(",\"timestamp\":\"yesterday\""),
     "! timestamp: expected a time like 2026-01-31T10:00:00Z, got \"yesterday\""},
    {TRACK(",\"receivedAt\":\"2026-02-30\""),
     "! receivedAt: expected a time like 2026-01-31T10:00:00Z, got \"2026-02-30\""},
    {TRACK(",\"timestamp\":\"1970-01-01T00:00:00Z\""),
     "! timestamp: 1970-01-01T00:00:00.000Z is no time of an event"},
    {TRACK(",\"properties\":{\"a\":{\"n\":1e999}}"), "! properties.a.n: number out of range"},

    // Texts that are none.
    {TRACK(",\"userId\":\"a\\u0000b\""), "! userId: holds a NUL character"},
    {TRACK(",\"properties\":{\"a\":\"\\u0000\"}"), "! properties.a: holds a NUL character"},
    {TRACK(",\"properties\":{\"a\\u0000\":1}"), "! properties: a key holds a NUL character"},
    {TRACK(",\"properties\":{\"a\":\"\xFF\"}"), "! properties.a: is not valid UTF-8"},
    {TRACK(",\"properties\":{\"a\":\"\xC0\x80\"}"), "! properties.a: is not valid UTF-8"},
    {TRACK(",\"properties\":{\"a\":\"\xED\xA0\x80\"}"), "! properties.a: is not valid UTF-8"},
    {TRACK(",\"properties\":{\"a\":\"\\udc00\"}"), "! properties.a: is not valid UTF-8"},
    {TRACK(",\"properties\":{\"\xFF\":1}"), "! properties: a key is not valid UTF-8"},
    {TRACK(",\"other\":{\"x\":[\"\xFF\"]}"), "! unknown field: is not valid UTF-8"},
};

Test(segment, reads_or_says_why_not)
{
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char *got = parse(span_of(CASES[i].json));
        if (CASES[i].expected == NULL)
            cr_assert(strncmp(got, "! not JSON: ", 12) == 0, "%s\n got %s", CASES[i].json, got);
        else
            cr_assert_str_eq(got, CASES[i].expected, "%s\n got      %s\n expected %s",
                             CASES[i].json, got, CASES[i].expected);
        mem_free(got);
    }
}

// Cut anywhere, an event is an error that says where, never something else.
Test(segment, every_prefix_is_truncated)
{
    const char *json =
        "{\"type\":\"track\",\"userId\":\"u\\u00e9\",\"properties\":{\"a\":[1,-2.5e3],"
        "\"b\":{\"c\":true}},\"timestamp\":\"2026-01-31T10:00:00Z\"}";
    for (size_t n = 0; n < strlen(json); n++) {
        char expected[64];
        char *copy = mem_dup(span_make(json, n));
        snprintf(expected, sizeof expected, "! not JSON: unexpected end at byte %zu", n);
        char *got = parse(span_make(copy, n));
        cr_assert_str_eq(got, expected, "at %zu: %s", n, got);
        mem_free(got);
        mem_free(copy);
    }
}

static char *parse_built(struct buf *json)
{
    char *got = parse(buf_span(json));
    buf_deinit(json);
    return got;
}

Test(segment, bounds_the_event)
{
    for (size_t over = 0; over <= 1; over++) {
        struct buf json = {0};
        buf_append_text(&json, "{\"type\":\"track\",\"x\":\"");
        while (json.len < SEGMENT_EVENT_BYTES_MAX + over - 2)
            buf_append_u8(&json, 'x');
        buf_append_text(&json, "\"}");
        char *got = parse_built(&json);
        cr_assert_str_eq(got, over ? "! event has 32769 bytes, at most 32768" : "1");
        mem_free(got);
    }
}

static char *nested(const char *before, const char *open, int depth, const char *inner,
                    const char *close, const char *after)
{
    struct buf json = {0};
    buf_append_text(&json, before);
    for (int i = 0; i < depth; i++)
        buf_append_text(&json, open);
    buf_append_text(&json, inner);
    for (int i = 0; i < depth; i++)
        buf_append_text(&json, close);
    buf_append_text(&json, after);
    return parse_built(&json);
}

Test(segment, bounds_the_depth)
{
    static const struct {
        const char *before, *open, *inner, *close;
        const char *name;
    } SHAPES[] = {
        {"{\"type\":\"track\",\"x\":", "[", "1", "]", "unknown field"},
        {"{\"type\":\"track\",\"x\":", "{\"a\":", "1", "}", "unknown field"},
        {"{\"type\":\"track\",\"properties\":", "{\"a\":", "null", "}", "properties"},
    };
    for (size_t i = 0; i < sizeof SHAPES / sizeof SHAPES[0]; i++) {
        char *got =
            nested(SHAPES[i].before, SHAPES[i].open, 63, SHAPES[i].inner, SHAPES[i].close, "}");
        cr_assert_str_eq(got, "1");
        mem_free(got);
        char expected[80];
        snprintf(expected, sizeof expected, "! %s: nested deeper than 64", SHAPES[i].name);
        got = nested(SHAPES[i].before, SHAPES[i].open, 64, SHAPES[i].inner, SHAPES[i].close, "}");
        cr_assert_str_eq(got, expected);
        mem_free(got);
    }
    char *got = nested("", "[", 1000, "", "]", "");
    cr_assert_str_eq(got, "! not a JSON object: got an array");
    mem_free(got);
}

static char *with_keys(int n)
{
    struct buf json = {0};
    buf_append_text(&json, "{\"type\":\"track\",\"properties\":{\"k0\":0");
    for (int i = 1; i < n; i++)
        buf_printf(&json, ",\"k%d\":%d", i, i);
    buf_append_text(&json, "}}");
    return parse_built(&json);
}

Test(segment, bounds_the_keys)
{
    char *got = with_keys(SEGMENT_KEYS_MAX);
    cr_assert(strncmp(got, "1 p:k0=0 p:k1=1", 15) == 0, "%s", got);
    cr_assert_not_null(strstr(got, " p:k511=511"));
    mem_free(got);
    got = with_keys(SEGMENT_KEYS_MAX + 1);
    cr_assert_str_eq(got, "! properties: more than 512 keys");
    mem_free(got);
}

Test(segment, bounds_a_key)
{
    // "aaa...a.b": the parent, a dot and the child.
    for (size_t over = 0; over <= 1; over++) {
        struct buf json = {0};
        buf_append_text(&json, "{\"type\":\"track\",\"traits\":{\"");
        for (size_t i = 0; i < SEGMENT_KEY_BYTES_MAX - 2 + over; i++)
            buf_append_u8(&json, 'a');
        buf_append_text(&json, "\":{\"b\":1}}}");
        char *got = parse_built(&json);
        if (over)
            cr_assert_str_eq(got, "! traits: a key has 513 bytes, at most 512");
        else
            cr_assert_not_null(strstr(got, "a.b=1"));
        mem_free(got);
    }
}

Test(segment, cuts_what_it_shows_between_characters)
{
    struct buf json = {0};
    buf_append_text(&json, "{\"type\":\"");
    buf_append_text(&json, "x\\n");
    for (int i = 0; i < 100; i++)
        buf_append_text(&json, "\xC3\xA9");
    buf_append_text(&json, "\"}");
    char *got = parse_built(&json);
    const char *start = "! type: expected track, identify, group, page, screen or alias, got \"x?";
    cr_assert(strncmp(got, start, strlen(start)) == 0, "%s", got);
    cr_assert_eq(strlen(got), strlen(start) + 58 + strlen("...\""), "%s", got);
    mem_free(got);
}

Test(segment, packs_into_the_contract)
{
    const char *json =
        "{\"type\":\"group\",\"messageId\":\"m\",\"userId\":\"u\",\"groupId\":\"g\",\"traits\":"
        "{\"a\":\"x\",\"b\":1.5,\"c\":3,\"d\":true,\"e\":\"\"},\"timestamp\":\"2026-01-01\","
        "\"sentAt\":"
        "\"2026-01-02\",\"receivedAt\":\"2026-01-03\",\"context\":{\"ip\":\"1\"}}";
    struct arena arena;
    struct segment_event event;
    struct err_info info;
    arena_init(&arena, 4096, 0);
    cr_assert_eq(segment_parse(span_of(json), &arena, &event, &info), ERR_OK);
    Assay__Ingest__V1__Event *packed = segment_pack(&event, &arena);
    struct buf bytes = {0};
    uint8_t *to = buf_reserve(&bytes, assay__ingest__v1__event__get_packed_size(packed));
    bytes.len = assay__ingest__v1__event__pack(packed, to);
    Assay__Ingest__V1__Event *got = assay__ingest__v1__event__unpack(NULL, bytes.len, bytes.bytes);
    cr_assert_not_null(got);
    cr_assert_eq(got->kind, ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_GROUP);
    cr_assert_str_eq(got->message_id, "m");
    cr_assert_str_eq(got->user_id, "u");
    cr_assert_str_eq(got->anonymous_id, "");
    cr_assert_str_eq(got->group_id, "g");
    cr_assert_str_eq(got->name, "");
    cr_assert_eq(got->sent_at_ms - got->timestamp_ms, TIME_DAY_MS);
    cr_assert_eq(got->received_at_ms - got->sent_at_ms, TIME_DAY_MS);
    cr_assert_eq(got->n_traits, 5);
    cr_assert_str_eq(got->traits[0]->key, "a");
    cr_assert_str_eq(got->traits[0]->text, "x");
    cr_assert_eq(got->traits[1]->number, 1.5);
    cr_assert_eq(got->traits[2]->integer, 3);
    cr_assert_eq(got->traits[3]->flag, 1);
    cr_assert_eq(got->traits[4]->value_case, ASSAY__EVENT__V1__PROPERTY__VALUE_TEXT);
    cr_assert_eq(got->n_context, 1);
    cr_assert_eq(got->n_properties, 0);
    assay__ingest__v1__event__free_unpacked(got, NULL);
    buf_deinit(&bytes);
    arena_deinit(&arena);
}

// What the fuzzer starts from and what it once found: each file gives an event or a reason.
Test(segment, replays_the_fuzz_corpus)
{
    const char *folder = TEST_SOURCE_DIR "/tests/fuzz/corpus/segment";
    DIR *dir = opendir(folder);
    cr_assert_not_null(dir);
    size_t n_files = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char path[512];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        FILE *file = fopen(path, "rb");
        cr_assert_not_null(file);
        char *bytes = mem_alloc(64 * 1024);
        size_t len = fread(bytes, 1, 64 * 1024, file);
        fclose(file);
        // In a block of its own size, so that a read past its end is seen.
        char *exact = mem_alloc(len);
        memcpy(exact, bytes, len);
        mem_free(bytes);
        char *got = parse(span_make(exact, len));
        cr_assert(got[0] != '\0');
        mem_free(got);
        mem_free(exact);
        n_files++;
    }
    closedir(dir);
    cr_assert_gt(n_files, 10);
}
