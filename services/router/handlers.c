// SPDX-License-Identifier: Apache-2.0
// The router's methods. ApplySignals goes from NNG's thread straight to the fold; the rest come
// from the loop and are answered on it.
#include "assay/record/v1/record_router.pb-c.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/clock/clock.h"
#include "common/log/log.h"
#include "common/rpc/carry.h"
#include "common/service/access.h"
#include "services/access/words.h"
#include "services/router/router_impl.h"
#include "services/router/webhook/deliver.h"

#define LOG_COMPONENT "router"

enum {
    PAGE_MAX = 1000,
    WAIT_MAX_MS = 10 * 60 * 1000,
    WAIT_MARGIN_MS = 100, // an answer is under way before the caller gives up
};

// ---- Signals, on NNG's threads ------------------------------------------------------------------

static void signals_refuse(struct signals_item *item, enum err err, const char *text)
{
    rpc_request_fail(item->request, rpc_status_of_err(err), "%s", text);
    arena_deinit(&item->arena);
    buf_deinit(&item->record);
    mem_free(item);
}

static void signals_record(const struct router *router, struct signals_item *item, struct span body)
{
    Assay__Record__V1__SignalsRecord record = ASSAY__RECORD__V1__SIGNALS_RECORD__INIT;
    record.now_ms = router_now_ms(router);
    record.request.data = (uint8_t *)body.ptr;
    record.request.len = body.len;
    size_t n = assay__record__v1__signals_record__get_packed_size(&record);
    assay__record__v1__signals_record__pack(&record, buf_reserve(&item->record, n));
    item->record.len = n;
    item->item.fold.type = LEDGER_SIGNALS;
    item->item.fold.body = buf_span(&item->record);
}

static void apply_signals_on_nng(void *arg, struct rpc_request *request)
{
    struct router *router = arg;
    struct signals_item *item = mem_zalloc(sizeof *item);
    item->item.kind = ITEM_SIGNALS;
    item->request = request;
    arena_init(&item->arena, 64 * 1024, 0);
    struct err_info info;
    struct span body = rpc_request_body(request);
    enum err err = router_codec_signals(body, &item->arena, &item->signals, &info);
    if (err != ERR_OK) {
        signals_refuse(item, err, info.text);
        return;
    }
    signals_record(router, item, body);
    LOG_DEBUG("signals", "lane=%u n=%zu", item->signals.lane, item->signals.n);
    err = router_submit(router, &item->item);
    if (err != ERR_OK)
        signals_refuse(item, err == ERR_CANCELED ? ERR_UNAVAILABLE : err,
                       err == ERR_CANCELED ? "the router stops" : "the router's queue is full");
}

// ---- One call -----------------------------------------------------------------------------------

static void call_destroy(struct call *call)
{
    CHECK(!call->parked);
    if (call->key != NULL)
        keys_release(call->key->keys);
    arena_deinit(&call->arena);
    buf_deinit(&call->bytes);
    mem_free(call);
}

static void pack_request(struct call *call)
{
    Assay__Record__V1__LeadRequestRecord record = ASSAY__RECORD__V1__LEAD_REQUEST_RECORD__INIT;
    size_t n = protobuf_c_message_get_packed_size(call->request);
    uint8_t *bytes = mem_alloc(n + 1);
    protobuf_c_message_pack(call->request, bytes);
    ProtobufCBinaryData data = {n, bytes};
    record.now_ms = router_now_ms(call->router);
    record.request_case = ledger_record_case(call->kind);
    record.lease = data; // the members of the oneof share their place
    buf_clear(&call->bytes);
    size_t size = assay__record__v1__lead_request_record__get_packed_size(&record);
    assay__record__v1__lead_request_record__pack(&record, buf_reserve(&call->bytes, size));
    call->bytes.len = size;
    mem_free(bytes);
}

void call_send(struct call *call)
{
    struct router *router = call->router;
    struct fold_item *fold = &call->item.fold;
    *fold = (struct fold_item){0};
    call->answer = NULL;
    arena_reset(&call->arena);
    if (call->kind < CALL_CHANGES) {
        pack_request(call);
        fold->type = LEDGER_REQUEST;
        fold->body = buf_span(&call->bytes);
    }
    enum err err = router_submit(router, &call->item);
    if (err == ERR_OK)
        return;
    bool stops = err == ERR_CANCELED;
    call->err = err_set(&call->info, stops ? ERR_UNAVAILABLE : err,
                        stops ? "the router stops" : "the router's queue is full");
    call_answer(call);
}

static void call_cancelled_cb(void *arg)
{
    poll_cancelled(arg);
}

static int64_t wait_until(void *closure_data, int64_t wait_ms)
{
    int64_t left_ms = rpc_incoming_left_ms(rpc_incoming(closure_data));
    if (wait_ms > WAIT_MAX_MS)
        wait_ms = WAIT_MAX_MS;
    if (left_ms != INT64_MAX && wait_ms > left_ms - WAIT_MARGIN_MS)
        wait_ms = left_ms - WAIT_MARGIN_MS;
    return clock_mono_ms() + (wait_ms > 0 ? wait_ms : 0);
}

// What it is limited to is looked at when its lead is known, on the fold's thread.
static const struct keys_key *hold_key(void *closure_data)
{
    const struct keys_key *key = service_caller(closure_data);
    if (key == NULL || key->role != KEYS_CONSUMER || key->n_lists == 0)
        return NULL;
    (void)keys_hold(key->keys);
    return key;
}

static struct call *call_create(struct router *router, enum call_kind kind,
                                const ProtobufCMessage *request, ProtobufCClosure closure,
                                void *closure_data)
{
    struct call *call = mem_zalloc(sizeof *call);
    call->item.kind = ITEM_CALL;
    call->router = router;
    call->kind = kind;
    call->request = request;
    call->closure = closure;
    call->closure_data = closure_data;
    call->key = hold_key(closure_data);
    call->until_mono_ms = INT64_MIN;
    arena_init(&call->arena, 8 * 1024, 0);
    return call;
}

static void call_start(struct call *call)
{
    rpc_incoming_on_cancel(rpc_incoming(call->closure_data), call_cancelled_cb, call);
    call_send(call);
}

static void decisions_answer(struct call *call, Assay__Router__V1__ListDecisionsResponse *out)
{
    const uint8_t *at = call->bytes.bytes;
    const uint8_t *end = at + call->bytes.len;
    size_t cap = 0;
    assay__router__v1__list_decisions_response__init(out);
    while (at < end) {
        uint32_t len;
        memcpy(&len, at, sizeof len);
        Assay__Router__V1__Decision *decision =
            router_codec_decision_read(span_make(at + sizeof len, len), &call->arena);
        CHECK(decision != NULL); // we packed it, and the store's seal was right
        MEM_GROW(out->decisions, out->n_decisions, cap);
        out->decisions[out->n_decisions++] = decision;
        at += sizeof len + len;
    }
    out->last = atomic_load(&call->router->last_decision);
    out->next = call->looked;
    call->closure(&out->base, call->closure_data);
    mem_free(out->decisions);
}

void call_answer(struct call *call)
{
    Assay__Router__V1__LeaseResponse none = ASSAY__ROUTER__V1__LEASE_RESPONSE__INIT;
    Assay__Router__V1__ListDecisionsResponse page;
    if (call->err != ERR_OK)
        rpc_fail_err(call->closure_data, call->err, &call->info);
    else if (call->kind == CALL_LIST_DECISIONS)
        decisions_answer(call, &page);
    else
        call->closure(call->answer != NULL ? call->answer : &none.base, call->closure_data);
    call_destroy(call);
}

void call_done(struct call *call)
{
    if (call->err == ERR_OK && call->empty && poll_park(call))
        return;
    call_answer(call);
}

// ---- The methods --------------------------------------------------------------------------------

static struct router *router_of(Assay__Router__V1__RouterService_Service *methods)
{
    return CONTAINER_OF(methods, struct router, methods);
}

static bool bad_wait(int64_t wait_ms, void *closure_data)
{
    if (wait_ms >= 0)
        return false;
    rpc_fail(closure_data, RPC_INVALID_ARGUMENT, "wait_ms: expected 0 or more, got %lld",
             (long long)wait_ms);
    return true;
}

static bool bad_page_size(uint32_t max, void *closure_data)
{
    if (max <= PAGE_MAX)
        return false;
    rpc_fail(closure_data, RPC_INVALID_ARGUMENT, "max: expected at most %d, got %u", PAGE_MAX, max);
    return true;
}

// A method whose message goes to the fold as it is.
#define PLAIN_METHOD(function, Name, kind)                                                         \
    static void function(Assay__Router__V1__RouterService_Service *methods,                        \
                         const Assay__Router__V1__##Name##Request *request,                        \
                         Assay__Router__V1__##Name##Response_Closure closure, void *closure_data)  \
    {                                                                                              \
        call_start(call_create(router_of(methods), kind, &request->base,                           \
                               (ProtobufCClosure)closure, closure_data));                          \
    }

PLAIN_METHOD(on_extend, Extend, CALL_EXTEND)
PLAIN_METHOD(on_ack, Ack, CALL_ACK)
PLAIN_METHOD(on_complete, Complete, CALL_COMPLETE)
PLAIN_METHOD(on_get_queues, GetQueues, CALL_GET_QUEUES)
PLAIN_METHOD(on_get_teams, GetTeams, CALL_GET_TEAMS)
PLAIN_METHOD(on_get_experiments, GetExperiments, CALL_GET_EXPERIMENTS)

// The same, checked by itself first.
#define CHECKED_METHOD(verb, Name, kind)                                                           \
    static void on_##verb(Assay__Router__V1__RouterService_Service *methods,                       \
                          const Assay__Router__V1__##Name##Request *request,                       \
                          Assay__Router__V1__##Name##Response_Closure closure, void *closure_data) \
    {                                                                                              \
        struct err_info info;                                                                      \
        enum err err = router_codec_check_##verb(request, &info);                                  \
        if (err != ERR_OK)                                                                         \
            rpc_fail_err(closure_data, err, &info);                                                \
        else                                                                                       \
            call_start(call_create(router_of(methods), kind, &request->base,                       \
                                   (ProtobufCClosure)closure, closure_data));                      \
    }
CHECKED_METHOD(release, Release, CALL_RELEASE)
CHECKED_METHOD(park, Park, CALL_PARK)
CHECKED_METHOD(redrive, Redrive, CALL_REDRIVE)
CHECKED_METHOD(assign, Assign, CALL_ASSIGN)
CHECKED_METHOD(change_rep, ChangeRep, CALL_CHANGE_REP)
CHECKED_METHOD(answer_prompt, AnswerPrompt, CALL_ANSWER_PROMPT)
CHECKED_METHOD(get_prompts, GetPrompts, CALL_GET_PROMPTS)
CHECKED_METHOD(get_account, GetAccount, CALL_GET_ACCOUNT)

// A key may say who its caller is. The request is the call's own, from its arena.
static void name_consumer(const Assay__Router__V1__LeaseRequest *request, void *closure_data)
{
    const struct keys_key *key = service_caller(closure_data);
    const struct keys_list *names = key == NULL ? NULL : keys_list_of(key, ACCESS_CONSUMER);
    if (names == NULL || names->n == 0 || request->consumer[0] != '\0')
        return;
    ((Assay__Router__V1__LeaseRequest *)request)->consumer =
        arena_dup(rpc_incoming_arena(rpc_incoming(closure_data)), span_of(names->values[0]));
}

static void on_lease(Assay__Router__V1__RouterService_Service *methods,
                     const Assay__Router__V1__LeaseRequest *request,
                     Assay__Router__V1__LeaseResponse_Closure closure, void *closure_data)
{
    if (bad_wait(request->wait_ms, closure_data))
        return;
    name_consumer(request, closure_data);
    struct call *call = call_create(router_of(methods), CALL_LEASE, &request->base,
                                    (ProtobufCClosure)closure, closure_data);
    call->until_mono_ms = wait_until(closure_data, request->wait_ms);
    call_start(call);
}

static void on_list_decisions(Assay__Router__V1__RouterService_Service *methods,
                              const Assay__Router__V1__ListDecisionsRequest *request,
                              Assay__Router__V1__ListDecisionsResponse_Closure closure,
                              void *closure_data)
{
    if (bad_wait(request->wait_ms, closure_data) || bad_page_size(request->max, closure_data))
        return;
    struct call *call = call_create(router_of(methods), CALL_LIST_DECISIONS, &request->base,
                                    (ProtobufCClosure)closure, closure_data);
    call->until_mono_ms = wait_until(closure_data, request->wait_ms);
    call->looked = request->after;
    call_start(call);
}

static void on_list_leads(Assay__Router__V1__RouterService_Service *methods,
                          const Assay__Router__V1__ListLeadsRequest *request,
                          Assay__Router__V1__ListLeadsResponse_Closure closure, void *closure_data)
{
    uint64_t page = 0;
    if (bad_page_size(request->max, closure_data))
        return;
    if (request->page[0] != '\0' && !text_to_u64(span_of(request->page), &page)) {
        rpc_fail(closure_data, RPC_INVALID_ARGUMENT, "page: not one that an answer named");
        return;
    }
    if ((int)request->state < 0 || (int)request->state >= ROUTER_LEAD_STATES) {
        rpc_fail(closure_data, RPC_INVALID_ARGUMENT, "state: %d is no state of a lead",
                 (int)request->state);
        return;
    }
    struct call *call = call_create(router_of(methods), CALL_LIST_LEADS, &request->base,
                                    (ProtobufCClosure)closure, closure_data);
    call->page = page;
    call_start(call);
}

static void on_stream_leases(Assay__Router__V1__RouterService_Service *methods,
                             const Assay__Router__V1__StreamLeasesRequest *request,
                             Assay__Router__V1__StreamLeasesResponse_Closure closure,
                             void *closure_data)
{
    (void)closure;
    streams_leases(router_of(methods)->streams, request, closure_data);
}

static void on_stream_decisions(Assay__Router__V1__RouterService_Service *methods,
                                const Assay__Router__V1__StreamDecisionsRequest *request,
                                Assay__Router__V1__StreamDecisionsResponse_Closure closure,
                                void *closure_data)
{
    (void)closure;
    streams_decisions(router_of(methods)->streams, request, closure_data);
}

// The generated table wants every method; this one is taken out of the loop below.
static void on_apply_signals(Assay__Router__V1__RouterService_Service *methods,
                             const Assay__Router__V1__ApplySignalsRequest *request,
                             Assay__Router__V1__ApplySignalsResponse_Closure closure,
                             void *closure_data)
{
    (void)methods;
    (void)request;
    (void)closure;
    rpc_fail(closure_data, RPC_UNIMPLEMENTED, "ApplySignals is not served on the loop");
}

void router_add_methods(struct router *router)
{
    static const Assay__Router__V1__RouterService_Service METHODS =
        ASSAY__ROUTER__V1__ROUTER_SERVICE__INIT(on_);
    router->methods = METHODS;
    struct rpc_server *server = service_server(router->service);
    rpc_server_add(server, &router->methods.base);
    rpc_server_add_raw(server, "assay.router.v1.RouterService/ApplySignals", apply_signals_on_nng,
                       router);
    rpc_server_stream(server, "assay.router.v1.RouterService/StreamLeases");
    rpc_server_stream(server, "assay.router.v1.RouterService/StreamDecisions");
}
