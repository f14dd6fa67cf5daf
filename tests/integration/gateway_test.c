// SPDX-License-Identifier: Apache-2.0
// links: ingest_gateway rpc loop assay_proto base clock router_core
// runs: assay-router
//
// The router's methods through an edge, against the shipped router and its restarts: unary calls
// are forwarded, streams go on.
#include <criterion/criterion.h>

#include "common/rpc/carry.h"
#include "services/ingest/gateway.h"
#include "tests/support/router_process.h"

#define ROUTER(method) "assay.router.v1.RouterService/" #method
enum { HEARD_MAX = 600, SLICE_MS = 20, SLICES_MAX = 3000 };

struct edge {
    struct router_process router;
    struct rpc_server *server;
    struct gateway *gateway;
    struct loop_timer *slice;
    uint64_t position; // of signals sent
    bool closed;
};

// What the transport of one call hears.
struct heard {
    struct rpc_incoming *call;
    char leads[HEARD_MAX][48];
    char tokens[HEARD_MAX][64];
    unsigned n; // leads or decisions
    uint64_t next;
    unsigned n_messages, n_ends;
    unsigned full_after; // messages; 0: never
    enum rpc_status status;
    char text[600];
};

static void heard_began(void *carrier, struct rpc_incoming *call)
{
    ((struct heard *)carrier)->call = call;
}

static void heard_message(void *carrier, const ProtobufCMessage *message)
{
    struct heard *heard = carrier;
    heard->n_messages++;
    if (message->descriptor == &assay__router__v1__stream_leases_response__descriptor) {
        const Assay__Router__V1__Lead *lead =
            ((const Assay__Router__V1__StreamLeasesResponse *)message)->lead;
        cr_assert_lt(heard->n, HEARD_MAX);
        snprintf(heard->leads[heard->n], sizeof heard->leads[0], "%s", lead->lead_id);
        snprintf(heard->tokens[heard->n], sizeof heard->tokens[0], "%s", lead->lease_token);
        heard->n++;
    } else if (message->descriptor == &assay__router__v1__stream_decisions_response__descriptor) {
        const Assay__Router__V1__StreamDecisionsResponse *page = (const void *)message;
        for (size_t i = 0; i < page->n_decisions; i++) {
            cr_assert_eq(page->decisions[i]->offset, heard->n + 1);
            heard->n++;
        }
        heard->next = page->next;
    }
    if (heard->n_messages == heard->full_after)
        rpc_carried_full(heard->call);
}

static void heard_end(void *carrier, enum rpc_status status, const char *text)
{
    struct heard *heard = carrier;
    heard->n_ends++;
    heard->status = status;
    snprintf(heard->text, sizeof heard->text, "%s", text);
}

static const struct rpc_carrier_ops OPS = {heard_began, heard_message, heard_end};

static void carry(struct edge *edge, const char *method, const ProtobufCMessage *request,
                  struct heard *heard)
{
    uint8_t bytes[512];
    struct rpc_carry_opts opts = {.method = rpc_server_method(edge->server, method),
                                  .way = RPC_WAY_GRPC};
    cr_assert_not_null(opts.method, "%s", method);
    opts.body = span_make(bytes, protobuf_c_message_pack(request, bytes));
    memset(heard, 0, offsetof(struct heard, full_after));
    heard->n_ends = 0;
    (void)rpc_carry(edge->server, &opts, &OPS, heard);
}

static void slice_cb(void *arg)
{
    struct edge *edge = arg;
    loop_stop(edge->router.loop);
}

static void run_slice(struct edge *edge)
{
    loop_timer_start(edge->slice, SLICE_MS, 0);
    loop_run(edge->router.loop);
    loop_timer_stop(edge->slice);
}

#define RUN_UNTIL(edge, cond)                                                                      \
    do {                                                                                           \
        for (int i_ = 0; i_ < SLICES_MAX && !(cond); i_++)                                         \
            run_slice(edge);                                                                       \
        if (!(cond))                                                                               \
            show_log(&(edge)->router);                                                             \
        cr_assert(cond, "%s", #cond);                                                              \
    } while (0)

static void edge_open(struct edge *edge)
{
    struct err_info info;
    *edge = (struct edge){0};
    router_process_make(&edge->router, PLAYBOOK, TEST_BIN_DIR "/assay-router");
    start(&edge->router);
    char url[64];
    snprintf(url, sizeof url, "inproc://edge-%d", (int)getpid());
    struct rpc_server_opts opts = {.url = url};
    cr_assert_eq(rpc_server_open(edge->router.loop, &opts, &edge->server, &info), ERR_OK);
    struct gateway_opts gateway = {.url = edge->router.url, .calls_max = 16};
    cr_assert_eq(gateway_open(edge->router.loop, &gateway, edge->server, &edge->gateway, &info),
                 ERR_OK);
    rpc_server_start(edge->server);
    edge->slice = loop_timer_create(edge->router.loop, slice_cb, edge);
}

static void edge_closed_cb(void *arg)
{
    ((struct edge *)arg)->closed = true;
}

static void edge_close(struct edge *edge)
{
    rpc_server_close(edge->server, 0, edge_closed_cb, edge);
    RUN_UNTIL(edge, edge->closed);
    gateway_close(edge->gateway);
    loop_timer_destroy(edge->slice);
    router_process_end(&edge->router);
}

static void kill_router(struct edge *edge)
{
    kill(edge->router.pid, SIGKILL);
    cr_assert_eq(wait_end(&edge->router), 128 + SIGKILL);
}

// Another lead in the queue self_serve.
static void add_lead(struct edge *edge)
{
    char account[32];
    edge->position++;
    snprintf(account, sizeof account, "a-%llu", (unsigned long long)edge->position);
    send_one(&edge->router, edge->position, account, "qualify.pql");
}

static void ack(struct edge *edge, const struct heard *heard, unsigned i)
{
    Assay__Router__V1__AckRequest request = ASSAY__ROUTER__V1__ACK_REQUEST__INIT;
    request.lead_id = (char *)heard->leads[i];
    request.lease_token = (char *)heard->tokens[i];
    static struct heard acked;
    carry(edge, ROUTER(Ack), &request.base, &acked);
    RUN_UNTIL(edge, acked.n_ends == 1);
    cr_assert_eq(acked.status, RPC_OK, "%s", acked.text);
}

static Assay__Router__V1__StreamLeasesRequest leases_request(uint32_t max, int64_t lease_ms)
{
    Assay__Router__V1__StreamLeasesRequest request = ASSAY__ROUTER__V1__STREAM_LEASES_REQUEST__INIT;
    request.queue = (char *)"self_serve";
    request.consumer = (char *)"c";
    request.max = max;
    request.lease_ms = lease_ms;
    return request;
}

// ---- Unary --------------------------------------------------------------------------------------

Test(gateway, forwards_answers_and_errors)
{
    static struct heard heard;
    struct edge edge;
    edge_open(&edge);
    add_lead(&edge);
    Assay__Router__V1__ListLeadsRequest list = ASSAY__ROUTER__V1__LIST_LEADS_REQUEST__INIT;
    carry(&edge, ROUTER(ListLeads), &list.base, &heard);
    RUN_UNTIL(&edge, heard.n_ends == 1);
    cr_assert_eq(heard.status, RPC_OK);
    cr_assert_eq(heard.n_messages, 1);
    Assay__Router__V1__AckRequest wrong = ASSAY__ROUTER__V1__ACK_REQUEST__INIT;
    wrong.lead_id = (char *)"nobody";
    carry(&edge, ROUTER(Ack), &wrong.base, &heard);
    RUN_UNTIL(&edge, heard.n_ends == 1);
    cr_assert_eq(heard.status, RPC_NOT_FOUND, "%s", heard.text);
    cr_assert_null(rpc_server_method(edge.server, ROUTER(ApplySignals)));
    edge_close(&edge);
}

Test(gateway, passes_a_cancel_on)
{
    static struct heard heard;
    struct edge edge;
    edge_open(&edge);
    add_lead(&edge); // the router is there
    Assay__Router__V1__LeaseRequest lease = ASSAY__ROUTER__V1__LEASE_REQUEST__INIT;
    lease.queue = (char *)"sales";
    lease.consumer = (char *)"c";
    lease.wait_ms = 600000;
    carry(&edge, ROUTER(Lease), &lease.base, &heard);
    run_slice(&edge);
    cr_assert_eq(heard.n_ends, 0);
    rpc_carried_cancel(heard.call);
    struct rpc_server_stats stats;
    do {
        run_slice(&edge);
        rpc_server_stats(edge.server, &stats);
    } while (stats.in_work > 0);
    cr_assert_eq(heard.n_ends, 0);
    edge_close(&edge);
}

// ---- Leases -------------------------------------------------------------------------------------

Test(gateway, lease_stream_keeps_as_many_out_as_asked)
{
    static struct heard heard;
    struct edge edge;
    edge_open(&edge);
    for (int i = 0; i < 4; i++)
        add_lead(&edge);
    Assay__Router__V1__StreamLeasesRequest request = leases_request(2, 0);
    carry(&edge, ROUTER(StreamLeases), &request.base, &heard);
    RUN_UNTIL(&edge, heard.n == 2);
    for (int i = 0; i < 10; i++)
        run_slice(&edge);
    cr_assert_eq(heard.n, 2); // none is acked
    ack(&edge, &heard, 1);
    RUN_UNTIL(&edge, heard.n == 3);
    ack(&edge, &heard, 0);
    RUN_UNTIL(&edge, heard.n == 4);
    ack(&edge, &heard, 2);
    ack(&edge, &heard, 3);
    // All are gone; what comes later comes too.
    add_lead(&edge);
    RUN_UNTIL(&edge, heard.n == 5);
    for (unsigned i = 0; i < heard.n; i++)
        for (unsigned j = 0; j < i; j++)
            cr_assert_str_neq(heard.leads[i], heard.leads[j]);
    rpc_carried_cancel(heard.call);
    edge_close(&edge);
}

Test(gateway, lease_that_ran_out_is_handed_out_again)
{
    static struct heard heard;
    struct edge edge;
    edge_open(&edge);
    add_lead(&edge);
    Assay__Router__V1__StreamLeasesRequest request = leases_request(1, 1000);
    carry(&edge, ROUTER(StreamLeases), &request.base, &heard);
    RUN_UNTIL(&edge, heard.n == 2);
    cr_assert_str_eq(heard.leads[0], heard.leads[1]);
    edge_close(&edge);
    cr_assert_eq(heard.status, RPC_UNAVAILABLE);
}

Test(gateway, lease_stream_outlives_restarts)
{
    static struct heard heard;
    struct edge edge;
    edge_open(&edge);
    Assay__Router__V1__StreamLeasesRequest request = leases_request(3, 0);
    carry(&edge, ROUTER(StreamLeases), &request.base, &heard);
    unsigned acked = 0;
    for (unsigned round = 0; round < 4; round++) {
        kill_router(&edge);
        run_slice(&edge);
        start(&edge.router);
        for (int i = 0; i < 3; i++)
            add_lead(&edge);
        RUN_UNTIL(&edge, heard.n == 3 * (round + 1));
        while (acked < heard.n)
            ack(&edge, &heard, acked++);
    }
    cr_assert_eq(heard.n_ends, 0, "%s", heard.text);
    rpc_carried_cancel(heard.call);
    edge_close(&edge);
}

Test(gateway, slow_reader_gets_no_more_leads)
{
    static struct heard heard = {.full_after = 1};
    struct edge edge;
    edge_open(&edge);
    for (int i = 0; i < 3; i++)
        add_lead(&edge);
    Assay__Router__V1__StreamLeasesRequest request = leases_request(1, 0);
    carry(&edge, ROUTER(StreamLeases), &request.base, &heard);
    RUN_UNTIL(&edge, heard.n == 1);
    ack(&edge, &heard, 0);
    for (int i = 0; i < 10; i++)
        run_slice(&edge);
    cr_assert_eq(heard.n, 1);
    rpc_carried_writable(heard.call);
    RUN_UNTIL(&edge, heard.n == 2);
    rpc_carried_cancel(heard.call);
    edge_close(&edge);
}

Test(gateway, stream_ends_with_the_routers_refusal)
{
    static struct heard heard;
    struct edge edge;
    edge_open(&edge);
    Assay__Router__V1__StreamLeasesRequest request = leases_request(101, 0);
    carry(&edge, ROUTER(StreamLeases), &request.base, &heard);
    RUN_UNTIL(&edge, heard.n_ends == 1);
    cr_assert_eq(heard.status, RPC_INVALID_ARGUMENT);
    request.max = 1;
    request.queue = (char *)"no such queue";
    carry(&edge, ROUTER(StreamLeases), &request.base, &heard);
    RUN_UNTIL(&edge, heard.n_ends == 1);
    cr_assert_eq(heard.status, RPC_NOT_FOUND, "%s", heard.text);
    edge_close(&edge);
}

// ---- Decisions ----------------------------------------------------------------------------------

Test(gateway, decision_stream_has_each_once_over_restarts)
{
    static struct heard heard, behind;
    struct edge edge;
    edge_open(&edge);
    Assay__Router__V1__StreamDecisionsRequest request =
        ASSAY__ROUTER__V1__STREAM_DECISIONS_REQUEST__INIT;
    carry(&edge, ROUTER(StreamDecisions), &request.base, &heard);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 20; i++)
            add_lead(&edge);
        kill_router(&edge);
        start(&edge.router);
    }
    add_lead(&edge);
    Assay__Router__V1__GetQueuesRequest queues = ASSAY__ROUTER__V1__GET_QUEUES_REQUEST__INIT;
    Assay__Router__V1__GetQueuesResponse *counts = NULL;
    INSIST(&edge.router, GetQueues, get_queues, &queues, &counts);
    cr_assert_gt(counts->decisions, 61 * 2);
    RUN_UNTIL(&edge, heard.n == counts->decisions);
    // The same from the start, for one who comes later.
    carry(&edge, ROUTER(StreamDecisions), &request.base, &behind);
    RUN_UNTIL(&edge, behind.n == counts->decisions);
    cr_assert_eq(behind.next, counts->decisions);
    edge_close(&edge);
    cr_assert_eq(heard.status, RPC_UNAVAILABLE);
    cr_assert_eq(behind.status, RPC_UNAVAILABLE);
}
