// SPDX-License-Identifier: Apache-2.0
// links: message_json rpc assay_proto base
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "assay/ingest/v1/ingest.pb-c.h"
#include "assay/router/v1/router.pb-c.h"
#include "common/base/base64.h"
#include "common/rpc/rpc.h"
#include "common/rpc_json/json.h"

static struct arena arena;
static struct err_info info;

static void setup(void)
{
    arena_init(&arena, 4096, 0);
}

static void teardown(void)
{
    arena_deinit(&arena);
}

TestSuite(message_json, .init = setup, .fini = teardown);

static ProtobufCMessage *read_as(const ProtobufCMessageDescriptor *type, const char *text)
{
    ProtobufCMessage *message = NULL;
    enum err err = json_read_message(type, span_of(text), &arena, &message, &info);
    cr_assert_eq(err, ERR_OK, "%s: %s", text, info.text);
    return message;
}

static void refused(const ProtobufCMessageDescriptor *type, const char *text, const char *word)
{
    ProtobufCMessage *message = NULL;
    info.text[0] = '\0';
    cr_assert_eq(json_read_message(type, span_of(text), &arena, &message, &info), ERR_INVALID, "%s",
                 text);
    cr_assert_not_null(strstr(info.text, word), "%s: %s", text, info.text);
}

static void writes(const ProtobufCMessage *message, const char *expected)
{
    struct buf out = {0};
    json_write_message(&out, message);
    buf_append_u8(&out, 0);
    cr_assert_str_eq((const char *)out.bytes, expected);
    buf_deinit(&out);
}

#define LEASE &assay__router__v1__lease_request__descriptor
#define LEADS &assay__router__v1__list_leads_request__descriptor
#define LEAD &assay__router__v1__lead__descriptor
#define DECISION &assay__router__v1__decision__descriptor
#define EVENT &assay__ingest__v1__event__descriptor

Test(message_json, reads_both_spellings_and_all_kinds)
{
    const Assay__Router__V1__Lead *lead = (const void *)read_as(
        LEAD, "{\"leadId\": \"l-1\", \"account_id\": \"\\u00e4\", \"state\": \"LEAD_STATE_LEASED\","
              " \"priority\": -7, \"reasons\": [\"a\", \"b\"], \"createdAtMs\": \"1767225600000\","
              " \"knownAtMs\": 12, \"attempts\": 3.0, \"slaMissed\": true, \"outcome\": null,"
              " \"contacts\": [{\"userId\": \"u\"}, {}], \"assignedOffset\":"
              " \"18446744073709551615\"}");
    cr_assert_str_eq(lead->lead_id, "l-1");
    cr_assert_str_eq(lead->account_id, "\xc3\xa4");
    cr_assert_eq(lead->state, ASSAY__ROUTER__V1__LEAD_STATE__LEAD_STATE_LEASED);
    cr_assert_eq(lead->priority, -7);
    cr_assert_eq(lead->n_reasons, 2);
    cr_assert_str_eq(lead->reasons[1], "b");
    cr_assert_eq(lead->created_at_ms, 1767225600000);
    cr_assert_eq(lead->known_at_ms, 12);
    cr_assert_eq(lead->attempts, 3);
    cr_assert(lead->sla_missed);
    cr_assert_str_eq(lead->outcome, "");
    cr_assert_eq(lead->n_contacts, 2);
    cr_assert_str_eq(lead->contacts[0]->user_id, "u");
    cr_assert_eq(lead->assigned_offset, UINT64_MAX);
}

Test(message_json, reads_oneofs_and_reals)
{
    const Assay__Ingest__V1__Event *event = (const void *)read_as(
        EVENT, "{\"kind\":1,\"properties\":[{\"key\":\"a\",\"number\":\"NaN\"},"
               "{\"key\":\"b\",\"number\":-1.5e3},{\"key\":\"c\",\"integer\":0},"
               "{\"key\":\"d\",\"number\":\"Infinity\"}]}");
    cr_assert_eq(event->n_properties, 4);
    cr_assert(isnan(event->properties[0]->number));
    cr_assert_eq(event->properties[1]->number, -1500);
    cr_assert_eq(event->properties[2]->value_case, ASSAY__EVENT__V1__PROPERTY__VALUE_INTEGER);
    cr_assert(isinf(event->properties[3]->number));
    refused(EVENT, "{\"properties\":[{\"key\":\"a\",\"number\":1,\"text\":\"x\"}]}",
            "properties[0].text: expected only one");
}

Test(message_json, names_the_place_and_what_was_expected)
{
    refused(LEASE, "{\"queue\": \"q\", \"quue\": 1}", "\"quue\"");
    refused(LEASE, "{\"max\": \"x\"}", "max: expected a whole number from 0 to 4294967295");
    refused(LEASE, "{\"max\": -1}", "max: ");
    refused(LEASE, "{\"max\": 4294967296}", "max: ");
    refused(LEASE, "{\"max\": 1.5}", "max: ");
    refused(LEASE, "{\"leaseMs\": \"9223372036854775808\"}", "leaseMs: ");
    refused(LEASE, "{\"leaseMs\": 1e19}", "leaseMs: ");
    refused(LEASE, "{\"leaseMs\": true}", "leaseMs: expected a whole number");
    refused(LEASE, "{\"queue\": 7}", "queue: expected a text, got a number");
    refused(LEASE, "{\"queue\": [\"q\"]}", "queue: expected a text, got an array");
    refused(LEASE, "[]", "the message: expected an object");
    refused(LEASE, "{\"requestId\": \"a\", \"request_id\": \"b\"}", "a field once");
    refused(LEASE, "{\"queue\": \"a\", \"queue\": \"b\"}", "duplicate");
    refused(LEASE, "{\"queue\": \"a\"} x", "line 1");
    refused(LEASE, "{\"queue\": \"\\u0000\"}", "line 1");
    refused(LEASE, "", "line 1");
    refused(LEADS, "{\"state\": \"LEASED\"}", "state: expected a name of LeadState");
    refused(LEAD, "{\"contacts\": {}}", "contacts: expected an array");
    refused(LEAD, "{\"contacts\": [{}, {\"userId\": 1}]}", "contacts[1].userId: expected a text");
    refused(LEAD, "{\"contacts\": [null]}", "contacts[0]: expected an object, got null");
    refused(LEAD, "{\"slaMissed\": 1}", "slaMissed: expected true or false");
}

Test(message_json, bounds_memory)
{
    // Each "{}," of three bytes asks for a message of many times that.
    size_t n = 200000;
    char *text = malloc(3 * n + 64), *at = text;
    at += sprintf(at, "{\"contacts\":[{}");
    for (size_t i = 1; i < n; i++)
        at += sprintf(at, ",{}");
    at += sprintf(at, "]}");
    ProtobufCMessage *message;
    cr_assert_eq(
        json_read_message(LEAD, span_make(text, (size_t)(at - text)), &arena, &message, &info),
        ERR_FULL);
    cr_assert_leq(arena.used_bytes, 17 * (size_t)(at - text) + 128 * 1024);
    cr_assert_eq(arena.bytes_max, 0);
    // And nothing of depth brings it down.
    memset(text, '[', 3 * n);
    cr_assert_eq(json_read_message(LEAD, span_make(text, 3 * n), &arena, &message, &info),
                 ERR_INVALID);
    free(text);
}

Test(message_json, writes_no_defaults)
{
    Assay__Router__V1__Lead lead = ASSAY__ROUTER__V1__LEAD__INIT;
    writes(&lead.base, "{}");
    char *reasons[] = {(char *)"a \"b\"\n", (char *)""};
    lead.lead_id = (char *)"l";
    lead.state = ASSAY__ROUTER__V1__LEAD_STATE__LEAD_STATE_WAITING;
    lead.reasons = reasons;
    lead.n_reasons = 2;
    lead.created_at_ms = -5;
    lead.assigned_offset = UINT64_MAX;
    lead.sla_missed = true;
    lead.units = 2;
    writes(&lead.base, "{\"leadId\":\"l\",\"state\":\"LEAD_STATE_WAITING\",\"reasons\":"
                       "[\"a \\\"b\\\"\\u000a\",\"\"],\"createdAtMs\":\"-5\",\"assignedOffset\":"
                       "\"18446744073709551615\",\"units\":2,\"slaMissed\":true}");
    lead = (Assay__Router__V1__Lead)ASSAY__ROUTER__V1__LEAD__INIT;
    lead.state = (Assay__Router__V1__LeadState)99;
    writes(&lead.base, "{\"state\":99}");
}

// What is written reads back as the same bytes.
static void goes_round(const ProtobufCMessageDescriptor *type, const char *text)
{
    ProtobufCMessage *first = read_as(type, text);
    struct buf out = {0};
    json_write_message(&out, first);
    ProtobufCMessage *second = NULL;
    cr_assert_eq(json_read_message(type, buf_span(&out), &arena, &second, &info), ERR_OK, "%s",
                 info.text);
    size_t n = protobuf_c_message_get_packed_size(first);
    cr_assert_eq(protobuf_c_message_get_packed_size(second), n);
    uint8_t *a = arena_alloc(&arena, n + 1), *b = arena_alloc(&arena, n + 1);
    protobuf_c_message_pack(first, a);
    protobuf_c_message_pack(second, b);
    cr_assert_eq(memcmp(a, b, n), 0);
    buf_deinit(&out);
}

Test(message_json, goes_round)
{
    goes_round(EVENT, "{\"properties\":[{\"key\":\"x\",\"number\":0.1},{\"number\":1e-300},"
                      "{\"number\":1.7976931348623157e308},{\"number\":-0.0},{\"flag\":false},"
                      "{\"text\":\"\"},{\"integer\":\"-9223372036854775808\"},{}]}");
    goes_round(DECISION, "{\"offset\":\"7\",\"lead\":{\"step\":\"LEAD_STEP_LEASED\",\"candidates\":"
                         "[{\"rep\":\"r\",\"verdict\":3}]}}");
}

Test(base64, goes_both_ways)
{
    static const struct {
        const char *plain, *coded;
    } cases[] = {{"", ""},
                 {"f", "Zg=="},
                 {"fo", "Zm8="},
                 {"foo", "Zm9v"},
                 {"foob", "Zm9vYg=="},
                 {"\xfb\xff", "+/8="},
                 {"foobar", "Zm9vYmFy"}};
    setup();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = {0};
        struct span back;
        base64_append(&out, span_of(cases[i].plain));
        cr_assert(span_is(buf_span(&out), cases[i].coded), "%s", cases[i].plain);
        cr_assert(base64_read(span_of(cases[i].coded), &arena, &back));
        cr_assert(span_is(back, cases[i].plain));
        buf_deinit(&out);
    }
    struct span back;
    cr_assert(base64_read(span_of("-_8"), &arena, &back) && span_is(back, "\xfb\xff"));
    static const char *const bad[] = {"A", "Zg=", "Z===", "Zm 8", "Zm8=Zm8=", "Zm9v\n"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        cr_assert_not(base64_read(span_of(bad[i]), &arena, &back), "%s", bad[i]);
    teardown();
}
