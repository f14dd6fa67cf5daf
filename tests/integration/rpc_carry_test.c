// SPDX-License-Identifier: Apache-2.0
// links: rpc
// Calls that another transport than NNG carries: the same handlers, deadlines, guard and bounds.
// HealthService is rpc_world.h's; AdminService/GetStatus is a stream here, AdminService/SetLogLevel
// hidden.
#include <criterion/criterion.h>

#include "common/rpc/carry.h"
#include "tests/support/rpc_world.h"

#define CHECK_METHOD "assay.health.v1.HealthService/Check"
#define STREAM_METHOD "assay.admin.v1.AdminService/GetStatus"
#define HIDDEN_METHOD "assay.admin.v1.AdminService/SetLogLevel"

// What a transport heard of one call.
struct heard {
    struct rpc_incoming *call;
    unsigned n_messages, n_ends;
    char last[256]; // text of the last message
    enum rpc_status status;
    char text[600];
    unsigned full_at;   // says that it is full at that message; 0: never
    unsigned cancel_at; // cancels in that message
};

static void heard_began(void *carrier, struct rpc_incoming *call)
{
    struct heard *heard = carrier;
    cr_assert_null(heard->call);
    heard->call = call;
}

static void heard_message(void *carrier, const ProtobufCMessage *message)
{
    struct heard *heard = carrier;
    cr_assert_eq(heard->n_ends, 0);
    heard->n_messages++;
    const char *text = "";
    if (message->descriptor == &assay__health__v1__check_response__descriptor)
        text = ((const Assay__Health__V1__CheckResponse *)message)->reason;
    else if (message->descriptor == &assay__admin__v1__get_status_response__descriptor)
        text = ((const Assay__Admin__V1__GetStatusResponse *)message)->service;
    snprintf(heard->last, sizeof heard->last, "%s", text);
    if (heard->n_messages == heard->full_at)
        rpc_carried_full(heard->call);
    if (heard->n_messages == heard->cancel_at)
        rpc_carried_cancel(heard->call);
}

static void heard_end(void *carrier, enum rpc_status status, const char *text)
{
    struct heard *heard = carrier;
    heard->n_ends++;
    heard->status = status;
    snprintf(heard->text, sizeof heard->text, "%s", text);
}

static const struct rpc_carrier_ops HEARD_OPS = {heard_began, heard_message, heard_end};

// ---- A stream -----------------------------------------------------------------------------------

static struct {
    void *closure_data;
    unsigned sent;
    unsigned cancelled;
    bool end_at_cancel;
} told;

static void told_cancel_cb(void *arg)
{
    void *closure_data = told.closure_data;
    cr_assert_eq(arg, &told);
    told.cancelled++;
    if (!told.end_at_cancel)
        return;
    told.closure_data = NULL;
    rpc_stream_end(closure_data);
}

static bool told_send(const char *text)
{
    Assay__Admin__V1__GetStatusResponse message = ASSAY__ADMIN__V1__GET_STATUS_RESPONSE__INIT;
    message.service = (char *)text;
    told.sent++;
    return rpc_stream_send(told.closure_data, &message.base);
}

static void told_write_cb(void *arg)
{
    cr_assert_eq(arg, &told);
    while (told.sent < 10 && told_send("more"))
        ;
}

static void told_invoke(ProtobufCService *service, unsigned method_index,
                        const ProtobufCMessage *input, ProtobufCClosure closure, void *closure_data)
{
    (void)service, (void)input, (void)closure;
    cr_assert_eq(method_index, 0); // GetStatus
    told.closure_data = closure_data;
    told.sent = 0;
    rpc_incoming_on_cancel(rpc_incoming(closure_data), told_cancel_cb, &told);
    rpc_stream_on_writable(closure_data, told_write_cb, &told);
    told_write_cb(&told);
}

// ---- The world ----------------------------------------------------------------------------------

struct carry_world {
    struct world w;
    ProtobufCService admin;
    enum rpc_status guard_says;
    unsigned guarded;
    char guard_saw[64];
};

static enum rpc_status carry_guard(void *arg, struct rpc_incoming *call, char text[RPC_TEXT_MAX])
{
    struct carry_world *cw = arg;
    cw->guarded++;
    const ProtobufCMessage *input = rpc_incoming_input(call);
    const char *seen = "?";
    if (input != NULL && input->descriptor == &assay__health__v1__check_request__descriptor)
        seen = ((const Assay__Health__V1__CheckRequest *)input)->service;
    snprintf(cw->guard_saw, sizeof cw->guard_saw, "%d %s %s", (int)rpc_incoming_way(call),
             rpc_incoming_peer(call), seen);
    rpc_incoming_set_tag(call, cw);
    snprintf(text, RPC_TEXT_MAX, "no way");
    return cw->guard_says;
}

static void carry_open(struct carry_world *cw, uint32_t calls_max)
{
    *cw = (struct carry_world){0};
    memset(&told, 0, sizeof told);
    struct world *w = &cw->w;
    world_init(w, WORLD_INPROC);
    cw->admin = (ProtobufCService){.descriptor = &assay__admin__v1__admin_service__descriptor,
                                   .invoke = told_invoke};
    struct err_info info;
    w->server_opts =
        (struct rpc_server_opts){.url = w->url, .calls_max = calls_max, .response_bytes_max = 1000};
    cr_assert_eq(rpc_server_open(w->loop, &w->server_opts, &w->server, &info), ERR_OK);
    rpc_server_add(w->server, (ProtobufCService *)&w->health);
    rpc_server_add(w->server, &cw->admin);
    rpc_server_add_raw(w->server, "assay.admin.v1.AdminService/GetMetrics", world_raw_on_nng, w);
    rpc_server_stream(w->server, STREAM_METHOD);
    rpc_server_hide(w->server, HIDDEN_METHOD);
    rpc_server_set_guard(w->server, carry_guard, cw);
    rpc_server_start(w->server);
}

static struct rpc_incoming *carry_opts(struct carry_world *cw, const char *method, const char *what,
                                       struct heard *heard, struct rpc_carry_opts opts)
{
    Assay__Health__V1__CheckRequest request = ASSAY__HEALTH__V1__CHECK_REQUEST__INIT;
    request.service = (char *)what;
    uint8_t bytes[512];
    size_t n = assay__health__v1__check_request__get_packed_size(&request);
    cr_assert_leq(n, sizeof bytes);
    assay__health__v1__check_request__pack(&request, bytes);
    opts.method = rpc_server_method(cw->w.server, method);
    cr_assert_not_null(opts.method);
    opts.way = RPC_WAY_HTTP;
    opts.peer = "10.1.2.3:99";
    if (opts.timeout_ms == 0 && !opts.method->stream)
        opts.timeout_ms = 60000;
    if (opts.body.ptr == NULL && strcmp(method, CHECK_METHOD) == 0)
        opts.body = span_make(bytes, n);
    return rpc_carry(cw->w.server, &opts, &HEARD_OPS, heard);
}

static struct rpc_incoming *carry(struct carry_world *cw, const char *method, const char *what,
                                  struct heard *heard)
{
    return carry_opts(cw, method, what, heard, (struct rpc_carry_opts){0});
}

// ---- Unary --------------------------------------------------------------------------------------

Test(rpc_carry, answers_as_handlers_do)
{
    struct carry_world cw;
    carry_open(&cw, 0);
    struct heard ok = {0}, failed = {0}, malformed = {0}, unclean = {0}, large = {0};
    cr_assert_null(carry(&cw, CHECK_METHOD, "echo:hello", &ok));
    cr_assert_eq(ok.n_messages, 1);
    cr_assert_eq(ok.n_ends, 1);
    cr_assert_eq(ok.status, RPC_OK);
    cr_assert_str_eq(ok.last, "hello");
    cr_assert_str_eq(cw.guard_saw, "2 10.1.2.3:99 echo:hello");

    cr_assert_null(carry(&cw, CHECK_METHOD, "fail:9", &failed));
    cr_assert_eq(failed.n_messages, 0);
    cr_assert_eq(failed.status, RPC_FAILED_PRECONDITION);
    cr_assert_str_eq(failed.text, "status 9");

    struct rpc_carry_opts opts = {.body = span_make("\x0a\x7f", 2)};
    cr_assert_null(carry_opts(&cw, CHECK_METHOD, "", &malformed, opts));
    cr_assert_eq(malformed.status, RPC_INVALID_ARGUMENT);
    opts.body = span_make("\x0a\x01\xff", 3);
    cr_assert_null(carry_opts(&cw, CHECK_METHOD, "", &unclean, opts));
    cr_assert_eq(unclean.status, RPC_INVALID_ARGUMENT);
    cr_assert_null(carry(&cw, CHECK_METHOD, "big:2000", &large));
    cr_assert_eq(large.status, RPC_RESOURCE_EXHAUSTED);
    cr_assert_eq(large.n_ends, 1);

    struct rpc_server_stats stats;
    rpc_server_stats(cw.w.server, &stats);
    cr_assert_eq(stats.requests, 5);
    cr_assert_eq(stats.in_work, 0);
    world_deinit(&cw.w);
}

Test(rpc_carry, takes_a_message_with_its_arena)
{
    struct carry_world cw;
    carry_open(&cw, 0);
    struct heard heard = {0};
    struct arena arena;
    arena_init(&arena, 4096, 1 << 20);
    Assay__Health__V1__CheckRequest *request = arena_alloc(&arena, sizeof *request);
    assay__health__v1__check_request__init(request);
    request->service = arena_dup(&arena, span_of("hold"));
    struct rpc_carry_opts opts = {.message = &request->base,
                                  .arena = &arena,
                                  .method = rpc_server_method(cw.w.server, CHECK_METHOD),
                                  .way = RPC_WAY_GRPC,
                                  .timeout_ms = 60000};
    cr_assert_not_null(rpc_carry(cw.w.server, &opts, &HEARD_OPS, &heard));
    cr_assert_eq(arena.used_bytes, 0);
    arena_deinit(&arena);
    cr_assert_str_eq(cw.guard_saw, "1  hold");
    world_release(&cw.w, 0, "released");
    cr_assert_str_eq(heard.last, "released");
    cr_assert_eq(heard.n_ends, 1);
    world_deinit(&cw.w);
}

static bool carry_one_cancelled(struct world *w)
{
    return w->n_cancelled == 1;
}

Test(rpc_carry, ends_at_the_deadline)
{
    struct carry_world cw;
    carry_open(&cw, 0);
    struct heard heard = {0};
    struct rpc_carry_opts opts = {.timeout_ms = 5};
    cr_assert_not_null(carry_opts(&cw, CHECK_METHOD, "hold", &heard, opts));
    world_run(&cw.w, carry_one_cancelled);
    cr_assert_eq(heard.status, RPC_DEADLINE_EXCEEDED);
    cr_assert_eq(heard.n_ends, 1);
    world_release(&cw.w, 0, "late");
    cr_assert_eq(heard.n_ends, 1);
    cr_assert_eq(heard.n_messages, 0);
    world_deinit(&cw.w);
}

Test(rpc_carry, hears_nothing_after_a_cancel)
{
    struct carry_world cw;
    carry_open(&cw, 0);
    struct heard heard = {0};
    struct rpc_incoming *call = carry(&cw, CHECK_METHOD, "hold", &heard);
    cr_assert_eq(call, heard.call);
    rpc_carried_cancel(call);
    cr_assert_eq(cw.w.n_cancelled, 1);
    world_release(&cw.w, 0, "late");
    cr_assert_eq(heard.n_ends + heard.n_messages, 0);

    struct heard inside = {.cancel_at = 1};
    cr_assert_null(carry(&cw, CHECK_METHOD, "echo:x", &inside));
    cr_assert_eq(inside.n_messages, 1);
    cr_assert_eq(inside.n_ends, 0);
    world_deinit(&cw.w);
}

Test(rpc_carry, is_bounded_with_nng)
{
    struct carry_world cw;
    carry_open(&cw, 2);
    struct heard heard[3] = {0};
    cr_assert_not_null(carry(&cw, CHECK_METHOD, "hold", &heard[0]));
    cr_assert_not_null(carry(&cw, CHECK_METHOD, "hold", &heard[1]));
    cr_assert_null(carry(&cw, CHECK_METHOD, "hold", &heard[2]));
    cr_assert_eq(heard[2].status, RPC_RESOURCE_EXHAUSTED);
    // A stream is counted for itself.
    struct heard stream = {.full_at = 1};
    cr_assert_not_null(carry(&cw, STREAM_METHOD, "", &stream));
    rpc_stream_end(told.closure_data);
    world_release(&cw.w, 0, "");
    struct heard again = {0};
    cr_assert_null(carry(&cw, CHECK_METHOD, "echo:x", &again));
    cr_assert_eq(again.status, RPC_OK);
    world_deinit(&cw.w);
}

Test(rpc_carry, guard_refuses_before_the_handler)
{
    struct carry_world cw;
    carry_open(&cw, 0);
    struct heard heard = {0};
    cw.guard_says = RPC_UNAUTHENTICATED;
    cr_assert_null(carry(&cw, CHECK_METHOD, "echo:x", &heard));
    cr_assert_eq(heard.status, RPC_UNAUTHENTICATED);
    cr_assert_str_eq(heard.text, "no way");
    cr_assert_eq(cw.w.checks, 0);
    world_connect(&cw.w, &(struct rpc_client_opts){0});
    struct world_answer answer;
    cr_assert_eq(world_ask(&cw.w, "echo:x", NULL, &answer), RPC_UNAUTHENTICATED);
    cr_assert_str_eq(cw.guard_saw, "0 " RPC_PEER_LOCAL " echo:x");
    cr_assert_eq(cw.w.checks, 0);
    cr_assert_eq(cw.guarded, 2);
    world_deinit(&cw.w);
}

Test(rpc_carry, lists_what_is_public)
{
    struct carry_world cw;
    carry_open(&cw, 0);
    const struct rpc_method *method;
    size_t n = 0, streams = 0;
    while ((method = rpc_server_nth_method(cw.w.server, n)) != NULL) {
        cr_assert_neq(strcmp(method->name, HIDDEN_METHOD), 0);
        cr_assert_neq(strcmp(method->name, "assay.admin.v1.AdminService/GetMetrics"), 0);
        cr_assert_eq(rpc_server_method(cw.w.server, method->name), method);
        streams += method->stream;
        n++;
    }
    cr_assert_eq(n, 4);
    cr_assert_eq(streams, 1);
    cr_assert_null(rpc_server_method(cw.w.server, HIDDEN_METHOD));
    cr_assert_null(rpc_server_method(cw.w.server, "assay.admin.v1.AdminService/GetMetrics"));
    cr_assert_null(rpc_server_method(cw.w.server, "assay.admin.v1.AdminService/Nothing"));
    world_deinit(&cw.w);
}

// ---- Streams ------------------------------------------------------------------------------------

Test(rpc_carry, stream_waits_for_a_slow_reader)
{
    struct carry_world cw;
    carry_open(&cw, 0);
    struct heard heard = {.full_at = 3};
    struct rpc_incoming *call = carry(&cw, STREAM_METHOD, "", &heard);
    cr_assert_not_null(call);
    cr_assert_eq(heard.n_messages, 3);
    rpc_carried_writable(call);
    cr_assert_eq(heard.n_messages, 10);
    rpc_stream_end(told.closure_data);
    cr_assert_eq(heard.n_ends, 1);
    cr_assert_eq(heard.status, RPC_OK);
    world_deinit(&cw.w);
}

static bool told_was_cancelled(struct world *w)
{
    (void)w;
    return told.cancelled == 1;
}

Test(rpc_carry, stream_ends_when_its_reader_goes_inside_a_message)
{
    struct carry_world cw;
    carry_open(&cw, 0);
    struct heard heard = {.cancel_at = 2};
    told.end_at_cancel = true;
    cr_assert_null(carry(&cw, STREAM_METHOD, "", &heard));
    cr_assert_eq(heard.n_messages, 2);
    cr_assert_eq(told.cancelled, 0);
    world_run(&cw.w, told_was_cancelled);
    cr_assert_eq(heard.n_ends, 0);
    struct rpc_server_stats stats;
    rpc_server_stats(cw.w.server, &stats);
    cr_assert_eq(stats.streams, 0);
    world_deinit(&cw.w);
}

Test(rpc_carry, stream_ends_at_a_message_that_is_too_large)
{
    struct carry_world cw;
    carry_open(&cw, 0);
    struct heard heard = {.full_at = 1};
    told.end_at_cancel = true;
    cr_assert_not_null(carry(&cw, STREAM_METHOD, "", &heard));
    char large[1100];
    memset(large, 'x', sizeof large);
    large[sizeof large - 1] = '\0';
    cr_assert_not(told_send(large));
    world_run(&cw.w, told_was_cancelled);
    cr_assert_eq(heard.status, RPC_RESOURCE_EXHAUSTED);
    cr_assert_eq(heard.n_messages, 1);
    world_deinit(&cw.w);
}

Test(rpc_carry, stream_needs_another_transport_than_nng)
{
    struct carry_world cw;
    carry_open(&cw, 0);
    world_connect(&cw.w, &(struct rpc_client_opts){0});
    Assay__Admin__V1__GetStatusRequest request = ASSAY__ADMIN__V1__GET_STATUS_REQUEST__INIT;
    ProtobufCMessage *answer;
    struct err_info info;
    struct arena arena;
    arena_init(&arena, 4096, 0);
    enum err err = rpc_call_wait(cw.w.loop, cw.w.client, STREAM_METHOD, &request.base,
                                 &assay__admin__v1__get_status_response__descriptor, NULL, &arena,
                                 &answer, &info);
    cr_assert_eq(err, rpc_err_of_status(RPC_UNIMPLEMENTED));
    cr_assert_not_null(strstr(info.text, "needs gRPC"));
    arena_deinit(&arena);
    world_deinit(&cw.w);
}

// A stream would keep a drain for ever, so it does not take part in it; a call does.
Test(rpc_carry, closing_ends_streams_at_once_and_calls_after_the_drain)
{
    struct carry_world cw;
    carry_open(&cw, 0);
    struct heard stream = {.full_at = 1}, call = {0}, kept = {0};
    cr_assert_not_null(carry(&cw, STREAM_METHOD, "", &stream));
    told.end_at_cancel = true;
    cr_assert_not_null(carry(&cw, CHECK_METHOD, "hold", &call));
    cr_assert_not_null(carry(&cw, CHECK_METHOD, "hold", &kept));
    rpc_server_close(cw.w.server, 50, world_server_closed_cb, &cw.w);
    world_run(&cw.w, told_was_cancelled);
    cr_assert_eq(stream.status, RPC_UNAVAILABLE);
    cr_assert_eq(call.n_ends, 0);
    world_release(&cw.w, 0, "in time");
    cr_assert_eq(call.status, RPC_OK);
    struct heard refused = {0};
    cr_assert_null(carry(&cw, CHECK_METHOD, "echo:x", &refused));
    cr_assert_eq(refused.status, RPC_UNAVAILABLE);
    world_run(&cw.w, world_no_server);
    cr_assert_eq(kept.status, RPC_UNAVAILABLE);
    cr_assert_eq(kept.n_ends, 1);
    // Its handler answers when the server is gone.
    world_release(&cw.w, 1, "late");
    cr_assert_eq(kept.n_ends, 1);
    world_deinit(&cw.w);
}

// ---- Trace --------------------------------------------------------------------------------------

#define PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

Test(rpc_trace, takes_what_is_well_formed)
{
    struct rpc_trace trace;
    rpc_trace_make(&trace, "order-17", PARENT);
    cr_assert_str_eq(trace.request_id, "order-17");
    cr_assert_str_eq(trace.traceparent, PARENT);
    static const char *const bad_ids[] = {
        "", "with space", "line\nbreak", "\xc3\xa4",
        "0123456789012345678901234567890123456789012345678901234567890123x"};
    static const char *const bad_parents[] = {
        "",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        PARENT "-extra"};
    for (size_t i = 0; i < ARRAY_LEN(bad_ids); i++) {
        rpc_trace_make(&trace, bad_ids[i], PARENT);
        cr_assert_eq(strlen(trace.request_id), 16, "%s", trace.request_id);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad_parents); i++) {
        struct rpc_trace again;
        rpc_trace_make(&trace, "a", bad_parents[i]);
        cr_assert_neq(strcmp(trace.traceparent, bad_parents[i]), 0);
        rpc_trace_make(&again, NULL, trace.traceparent);
        cr_assert_str_eq(again.traceparent, trace.traceparent); // what it makes is well-formed
    }
}

Test(rpc_trace, a_child_differs_in_its_span_alone)
{
    struct rpc_trace trace, child, again;
    rpc_trace_make(&trace, "order-17", PARENT);
    rpc_trace_child(&child, &trace);
    cr_assert_str_eq(child.request_id, "order-17");
    cr_assert_neq(strncmp(child.traceparent + 36, PARENT + 36, 16), 0);
    rpc_trace_make(&again, NULL, child.traceparent);
    cr_assert_str_eq(again.traceparent, child.traceparent); // it is well-formed
    memcpy(child.traceparent + 36, PARENT + 36, 16);
    cr_assert_str_eq(child.traceparent, PARENT);
}

static struct {
    struct world *w;
    struct rpc_trace outer, inner, in_callback;
    bool done;
} traced;

static void traced_inner_cb(const Assay__Health__V1__CheckResponse *response, void *arg)
{
    (void)response, (void)arg;
    cr_assert_not_null(rpc_trace_now());
    traced.in_callback = *rpc_trace_now();
    traced.done = true;
}

// The first call makes a second one; both are served here.
static void traced_check(Assay__Health__V1__HealthService_Service *service,
                         const Assay__Health__V1__CheckRequest *input,
                         Assay__Health__V1__CheckResponse_Closure closure, void *closure_data)
{
    (void)service;
    bool outer = strcmp(input->service, "outer") == 0;
    *(outer ? &traced.outer : &traced.inner) = *rpc_incoming_trace(rpc_incoming(closure_data));
    world_answer_reason("", closure, closure_data);
    if (!outer)
        return;
    Assay__Health__V1__CheckRequest request = ASSAY__HEALTH__V1__CHECK_REQUEST__INIT;
    request.service = "inner";
    struct rpc_call *call =
        rpc_call_begin(traced.w->client, &assay__health__v1__health_service__descriptor, NULL);
    assay__health__v1__health_service__check((ProtobufCService *)call, &request, traced_inner_cb,
                                             NULL);
}

static bool traced_done(struct world *w)
{
    (void)w;
    return traced.done;
}

Test(rpc_trace, goes_along_with_calls_of_a_handler)
{
    struct carry_world cw;
    carry_open(&cw, 0);
    traced.w = &cw.w;
    cw.w.health.check = traced_check;
    world_connect(&cw.w, &(struct rpc_client_opts){0});
    struct heard heard = {0};
    struct rpc_pair pairs[] = {{RPC_KEY_REQUEST_ID, "order-17"}, {RPC_KEY_TRACEPARENT, PARENT}};
    struct rpc_carry_opts opts = {.metadata = pairs, .n_metadata = 2};
    cr_assert_null(carry_opts(&cw, CHECK_METHOD, "outer", &heard, opts));
    cr_assert_null(rpc_trace_now());
    world_run(&cw.w, traced_done);
    cr_assert_null(rpc_trace_now());
    cr_assert_str_eq(traced.outer.request_id, "order-17");
    cr_assert_str_eq(traced.inner.request_id, "order-17");
    cr_assert_str_eq(traced.inner.traceparent, PARENT);
    cr_assert_str_eq(traced.in_callback.request_id, "order-17");
    world_deinit(&cw.w);
}
