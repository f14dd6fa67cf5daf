// SPDX-License-Identifier: Apache-2.0
// links: webhook_message base
//
// The body of a delivery, byte by byte.
#include <criterion/criterion.h>

#include "services/router/webhook/payload.h"

static Assay__Router__V1__LeadDecision lead_decision(void)
{
    Assay__Router__V1__LeadDecision d = ASSAY__ROUTER__V1__LEAD_DECISION__INIT;
    d.step = ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_ASSIGNED;
    d.lead_id = (char *)"L1";
    d.account_id = (char *)"acme";
    d.organization = (char *)"acme.com";
    d.motion = (char *)"sales";
    d.queue = (char *)"sales";
    d.priority = 50;
    d.team = (char *)"smb";
    d.rep = (char *)"ana";
    d.at_ms = 1769940000000;
    d.known_at_ms = 1769940000001;
    d.due_ms = 1769943600000;
    d.playbook = (char *)"plg@3";
    return d;
}

static void assert_payload(const Assay__Router__V1__LeadDecision *d,
                           const Assay__Router__V1__Lead *lead, const char *expected)
{
    Assay__Router__V1__Decision decision = ASSAY__ROUTER__V1__DECISION__INIT;
    decision.offset = 4711;
    decision.decision_case = ASSAY__ROUTER__V1__DECISION__DECISION_LEAD;
    decision.lead = (Assay__Router__V1__LeadDecision *)d;
    struct buf out = {0};
    webhook_payload("msg_1", &decision, lead, &out);
    cr_assert(span_is(buf_span(&out), expected), "%.*s", (int)out.len, (const char *)out.bytes);
    buf_deinit(&out);
}

Test(webhook_payload, a_decision_with_its_lead)
{
    Assay__Router__V1__LeadDecision d = lead_decision();
    Assay__Router__V1__Lead lead = ASSAY__ROUTER__V1__LEAD__INIT;
    Assay__Router__V1__Evidence evidence = ASSAY__ROUTER__V1__EVIDENCE__INIT,
                                *evidences[] = {&evidence};
    Assay__Router__V1__Contact contact = ASSAY__ROUTER__V1__CONTACT__INIT, *contacts[] = {&contact};
    Assay__Router__V1__Arm arm = ASSAY__ROUTER__V1__ARM__INIT, *arms[] = {&arm};
    char *definitions[] = {(char *)"pql"}, *labels[] = {(char *)"PQL - \"High\""};
    char *reasons[] = {(char *)"pql", (char *)"ready"};
    evidence.condition = (char *)"projects at least 3";
    evidence.value = (char *)"4";
    evidence.threshold = (char *)"3";
    evidence.since_ms = 1769939000000;
    contact.user_id = (char *)"u1";
    contact.qualified_at_ms = 1769939000000;
    contact.reason = (char *)"ready";
    arm.experiment = (char *)"holdout";
    arm.arm = (char *)"treated";
    lead.lead_id = (char *)"L1";
    lead.account_id = (char *)"acme";
    lead.state = ASSAY__ROUTER__V1__LEAD_STATE__LEAD_STATE_WAITING;
    lead.number = 1;
    lead.route = (char *)"segment: enterprise";
    lead.definitions = definitions;
    lead.labels = labels;
    lead.reasons = reasons;
    lead.n_definitions = lead.n_labels = lead.n_evidence = lead.n_contacts = lead.n_arms = 1;
    lead.n_reasons = 2;
    lead.evidence = evidences;
    lead.contacts = contacts;
    lead.arms = arms;
    lead.created_at_ms = 1769940000000;
    lead.units = 1;
    lead.assigned_at_ms = 1769940000000;
    lead.touch_by_ms = 1769943600000;
    assert_payload(
        &d, &lead,
        "{\"type\":\"lead.assigned\",\"timestamp\":\"2026-02-01T10:00:00.000Z\",\"data\":{"
        "\"id\":\"msg_1\",\"idempotency_key\":\"msg_1\",\"offset\":4711,\"step\":\"assigned\","
        "\"lead\":\"L1\",\"account\":\"acme\",\"organization\":\"acme.com\",\"motion\":\"sales\","
        "\"queue\":\"sales\",\"priority\":50,\"team\":\"smb\",\"rep\":\"ana\","
        "\"due\":1769943600000,\"at\":1769940000000,\"known_at\":1769940000001,"
        "\"playbook\":\"plg@3\",\"state\":\"waiting\",\"number\":1,"
        "\"route\":\"segment: enterprise\",\"definitions\":[\"pql\"],"
        "\"labels\":[\"PQL - \\\"High\\\"\"],\"reasons\":[\"pql\",\"ready\"],"
        "\"evidence\":[{\"condition\":\"projects at least 3\",\"value\":\"4\",\"threshold\":\"3\","
        "\"since\":1769939000000}],\"contacts\":[{\"user\":\"u1\",\"qualified_at\":1769939000000,"
        "\"reason\":\"ready\"}],\"n_contacts\":1,\"created_at\":1769940000000,\"attempts\":0,"
        "\"units\":1,\"assigned_at\":1769940000000,\"touch_by\":1769943600000,"
        "\"arms\":{\"holdout\":\"treated\"}}}");
}

Test(webhook_payload, a_decision_whose_lead_is_gone_and_bytes_that_are_no_text)
{
    Assay__Router__V1__LeadDecision d = lead_decision();
    d.step = ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_COMPLETED;
    d.organization = d.team = d.rep = (char *)"";
    d.account_id = (char *)"a\xff"
                           "c";
    d.outcome = (char *)"won";
    d.due_ms = 0;
    assert_payload(&d, NULL,
                   "{\"type\":\"lead.completed\",\"timestamp\":\"2026-02-01T10:00:00.000Z\","
                   "\"data\":{\"id\":\"msg_1\",\"idempotency_key\":\"msg_1\",\"offset\":4711,"
                   "\"step\":\"completed\",\"lead\":\"L1\",\"account\":\"a?c\","
                   "\"motion\":\"sales\",\"queue\":\"sales\",\"priority\":50,\"outcome\":\"won\","
                   "\"at\":1769940000000,\"known_at\":1769940000001,\"playbook\":\"plg@3\"}}");
}

Test(webhook_payload, many_contacts_are_cut_and_counted)
{
    enum { MANY = 500 };
    Assay__Router__V1__LeadDecision d = lead_decision();
    Assay__Router__V1__Lead lead = ASSAY__ROUTER__V1__LEAD__INIT;
    static Assay__Router__V1__Contact contacts[MANY], *list[MANY];
    for (int i = 0; i < MANY; i++) {
        assay__router__v1__contact__init(&contacts[i]);
        list[i] = &contacts[i];
    }
    lead.contacts = list;
    lead.n_contacts = MANY;
    Assay__Router__V1__Decision decision = ASSAY__ROUTER__V1__DECISION__INIT;
    decision.decision_case = ASSAY__ROUTER__V1__DECISION__DECISION_LEAD;
    decision.lead = &d;
    struct buf out = {0};
    webhook_payload("msg_1", &decision, &lead, &out);
    buf_append_u8(&out, 0);
    size_t users = 0;
    for (const char *at = (const char *)out.bytes; (at = strstr(at, "\"user\"")) != NULL; at++)
        users++;
    cr_assert_eq(users, WEBHOOK_CONTACTS_MAX);
    cr_assert(strstr((const char *)out.bytes, "\"n_contacts\":500") != NULL);
    buf_deinit(&out);
}

Test(webhook_payload, ids_differ_by_cluster_webhook_and_offset)
{
    char id[WEBHOOK_ID_BYTES];
    cr_assert_str_eq(webhook_id(0xabc, "crm", 17, id), "msg_0000000000000abc_crm_17");
    cr_assert_str_eq(webhook_id(UINT64_MAX, "a-b_c", UINT64_MAX, id),
                     "msg_ffffffffffffffff_a-b_c_18446744073709551615");
    char longest[65];
    memset(longest, 'x', 64);
    longest[64] = '\0';
    cr_assert_lt(strlen(webhook_id(UINT64_MAX, longest, UINT64_MAX, id)), WEBHOOK_ID_BYTES);
}

Test(webhook_payload, steps_have_names)
{
    cr_assert_str_eq(webhook_step_name(1), "created");
    cr_assert_str_eq(webhook_step_name(2), "contact_added");
    cr_assert_str_eq(webhook_step_name(18), "escalated");
    cr_assert_null(webhook_step_name(0));
    cr_assert_null(webhook_step_name(31));
    cr_assert_null(webhook_step_name(1000));
}
