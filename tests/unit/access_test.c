// SPDX-License-Identifier: Apache-2.0
// links: access service router_service scorer_service assay_proto
//
// The table of who may call what: complete, and without anything that is open by mistake.
#include <criterion/criterion.h>

#include <stdio.h>

#include "assay/admin/v1/admin.pb-c.h"
#include "assay/health/v1/health.pb-c.h"
#include "assay/ingest/v1/ingest.pb-c.h"
#include "assay/router/v1/router.pb-c.h"
#include "assay/scorer/v1/scorer.pb-c.h"
#include "services/access/access.h"
#include "services/router/router.h"
#include "services/scorer/scorer.h"

static const ProtobufCServiceDescriptor *const SERVICES[] = {
    &assay__ingest__v1__ingest_service__descriptor, &assay__router__v1__router_service__descriptor,
    &assay__scorer__v1__scorer_service__descriptor, &assay__admin__v1__admin_service__descriptor,
    &assay__health__v1__health_service__descriptor,
};

static const struct service_access *find(const char *method)
{
    const struct service_access *row = service_access_find(&ACCESS, method);
    return row != NULL ? row : service_access_find(&SERVICE_ACCESS, method);
}

Test(access, every_method_has_a_row)
{
    size_t looked_at = 0;
    for (size_t s = 0; s < ARRAY_LEN(SERVICES); s++) {
        for (unsigned m = 0; m < SERVICES[s]->n_methods; m++, looked_at++) {
            char method[RPC_METHOD_MAX + 1];
            snprintf(method, sizeof method, "%s/%s", SERVICES[s]->name,
                     SERVICES[s]->methods[m].name);
            cr_expect(find(method) != NULL,
                      "%s has no row in services/access: nobody could call it", method);
        }
    }
    cr_assert(looked_at > 30);
}

Test(access, every_process_has_the_table)
{
    cr_assert_eq(ROUTER_SERVICE.access, &ACCESS);
    cr_assert_eq(SCORER_SERVICE.access, &ACCESS);
}

Test(access, rows_are_there_once_and_make_sense)
{
    for (size_t i = 0; i < ACCESS.n; i++) {
        const struct service_access *row = &ACCESS.rows[i];
        cr_assert_eq(service_access_find(&ACCESS, row->method), row, "%s twice", row->method);
        cr_assert(service_access_find(&SERVICE_ACCESS, row->method) == NULL);
        cr_assert(!row->open, "%s", row->method); // only the health check is
        bool known = row->verb == NULL;
        for (unsigned v = 0; v < ACCESS_VERB_COUNT && !known; v++)
            known = strcmp(row->verb, access_verb_name((enum access_verb)v)) == 0;
        cr_assert(known, "%s: %s is no verb", row->method, row->verb);
        // What a consumer may do can be taken from a consumer.
        cr_assert(!(row->roles & SERVICE_ROLE(KEYS_CONSUMER)) || row->verb != NULL, "%s",
                  row->method);
        // Whoever may do everything needs no bit.
        cr_assert(!(row->roles & SERVICE_ROLE(KEYS_ADMIN)));
    }
    for (size_t i = 0; i < SERVICE_ACCESS.n; i++)
        cr_assert_eq(SERVICE_ACCESS.rows[i].open,
                     strcmp(SERVICE_ACCESS.rows[i].method, "assay.health.v1.HealthService/Check") ==
                         0);
}

// ---- What requests say --------------------------------------------------------------------------

struct limited {
    struct keys_list lists[2];
    const char *queues[2];
    const char *consumer[1];
    struct keys_key key;
};

static void limited_init(struct limited *l)
{
    *l = (struct limited){.queues = {"enterprise", "eu-*"}, .consumer = {"crm"}};
    l->lists[0] = (struct keys_list){ACCESS_QUEUES, l->queues, 2};
    l->lists[1] = (struct keys_list){ACCESS_CONSUMER, l->consumer, 1};
    l->key = (struct keys_key){.role = KEYS_CONSUMER, .n_lists = 2};
    l->key.lists[0] = l->lists[0];
    l->key.lists[1] = l->lists[1];
}

static enum rpc_status check(const char *method, const struct keys_key *key,
                             const ProtobufCMessage *message, char text[RPC_TEXT_MAX])
{
    const struct service_access *row = find(method);
    text[0] = '\0';
    return row->check == NULL ? RPC_OK : row->check(key, message, text);
}

#define ROUTER "assay.router.v1.RouterService/"

Test(access, limits_a_key_to_its_queues)
{
    struct limited l;
    struct keys_key free_key = {.role = KEYS_CONSUMER};
    char text[RPC_TEXT_MAX];
    limited_init(&l);
    Assay__Router__V1__LeaseRequest lease = ASSAY__ROUTER__V1__LEASE_REQUEST__INIT;
    const struct {
        const char *queue;
        enum rpc_status status;
    } CASES[] = {{"enterprise", RPC_OK},
                 {"eu-west", RPC_OK},
                 {"sales", RPC_PERMISSION_DENIED},
                 {"", RPC_PERMISSION_DENIED}};
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        Assay__Router__V1__ListLeadsRequest leads = ASSAY__ROUTER__V1__LIST_LEADS_REQUEST__INIT;
        Assay__Router__V1__ListDecisionsRequest log =
            ASSAY__ROUTER__V1__LIST_DECISIONS_REQUEST__INIT;
        lease.queue = leads.queue = log.queue = (char *)CASES[i].queue;
        cr_expect_eq(check(ROUTER "Lease", &l.key, &lease.base, text), CASES[i].status);
        cr_expect_eq(check(ROUTER "ListLeads", &l.key, &leads.base, text), CASES[i].status);
        cr_expect_eq(check(ROUTER "ListDecisions", &l.key, &log.base, text), CASES[i].status);
        cr_expect(CASES[i].status == RPC_OK || strstr(text, "queue") != NULL, "%s", text);
        cr_expect_eq(check(ROUTER "Lease", &free_key, &lease.base, text), RPC_OK);
    }
    Assay__Router__V1__GetQueuesRequest queues = ASSAY__ROUTER__V1__GET_QUEUES_REQUEST__INIT;
    Assay__Router__V1__GetAccountRequest account = ASSAY__ROUTER__V1__GET_ACCOUNT_REQUEST__INIT;
    cr_expect_eq(check(ROUTER "GetQueues", &l.key, &queues.base, text), RPC_PERMISSION_DENIED);
    cr_expect_eq(check(ROUTER "GetAccount", &l.key, &account.base, text), RPC_PERMISSION_DENIED);
    cr_expect_eq(check(ROUTER "GetAccount", &free_key, &account.base, text), RPC_OK);
}

Test(access, a_key_may_say_who_its_consumer_is)
{
    struct limited l;
    char text[RPC_TEXT_MAX];
    limited_init(&l);
    Assay__Router__V1__LeaseRequest lease = ASSAY__ROUTER__V1__LEASE_REQUEST__INIT;
    lease.queue = (char *)"enterprise";
    cr_expect_eq(check(ROUTER "Lease", &l.key, &lease.base, text), RPC_OK); // the key names it
    lease.consumer = (char *)"crm";
    cr_expect_eq(check(ROUTER "Lease", &l.key, &lease.base, text), RPC_OK);
    lease.consumer = (char *)"somebody else";
    cr_expect_eq(check(ROUTER "Lease", &l.key, &lease.base, text), RPC_PERMISSION_DENIED);
}

Test(access, a_consumer_parks_only_what_it_holds)
{
    struct keys_key key = {.role = KEYS_CONSUMER};
    char text[RPC_TEXT_MAX];
    Assay__Router__V1__ParkRequest park = ASSAY__ROUTER__V1__PARK_REQUEST__INIT;
    cr_expect_eq(check(ROUTER "Park", &key, &park.base, text), RPC_PERMISSION_DENIED);
    park.lease_token = (char *)"t";
    cr_expect_eq(check(ROUTER "Park", &key, &park.base, text), RPC_OK);
}

Test(access, an_event_uses_up_the_rate)
{
    Assay__Ingest__V1__IngestRequest request = ASSAY__INGEST__V1__INGEST_REQUEST__INIT;
    request.n_events = 77;
    cr_assert_eq(find("assay.ingest.v1.IngestService/Ingest")->cost(&request.base), 77);
}

Test(access, lists_are_checked_when_they_are_written)
{
    const char *verbs[] = {"lease", "ack"}, *bad[] = {"leese"}, *names[] = {"a", "b"},
               *star[] = {"a*"}, *any[] = {"x*"};
    const struct {
        enum keys_role role;
        struct keys_list list;
        enum err err;
    } CASES[] = {
        {KEYS_CONSUMER, {"verbs", verbs, 2}, ERR_OK},
        {KEYS_CONSUMER, {"verbs", bad, 1}, ERR_INVALID},
        {KEYS_WRITE, {"verbs", verbs, 2}, ERR_INVALID},
        {KEYS_CONSUMER, {"queues", any, 1}, ERR_OK},
        {KEYS_ADMIN, {"queues", any, 1}, ERR_INVALID},
        {KEYS_WRITE, {"accounts", any, 1}, ERR_OK},
        {KEYS_CONSUMER, {"accounts", any, 1}, ERR_INVALID},
        {KEYS_CONSUMER, {"consumer", names, 1}, ERR_OK},
        {KEYS_CONSUMER, {"consumer", names, 2}, ERR_INVALID},
        {KEYS_CONSUMER, {"consumer", star, 1}, ERR_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
        cr_expect_eq(access_check_lists(CASES[i].role, &CASES[i].list, 1, NULL), CASES[i].err,
                     "%zu", i);
}
