// SPDX-License-Identifier: Apache-2.0
// Calls of other transports than NNG: what methods there are, and the carrier that hands a call's
// life on to the transport.
#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/rpc/server_impl.h"

// ---- What there is ------------------------------------------------------------------------------

static struct server_method *carry_find_served(struct rpc_server *server, const char *name)
{
    CHECK(!server->started);
    for (size_t i = 0; i < server->n_methods; i++)
        if (server->methods[i]->raw == NULL && strcmp(server->methods[i]->public.name, name) == 0)
            return server->methods[i];
    bool is_a_method_of_an_added_service = false;
    CHECK(is_a_method_of_an_added_service);
    return NULL;
}

void rpc_server_hide(struct rpc_server *server, const char *method)
{
    carry_find_served(server, method)->hidden = true;
}

void rpc_server_stream(struct rpc_server *server, const char *method)
{
    carry_find_served(server, method)->public.stream = true;
}

const struct rpc_method *rpc_server_method(const struct rpc_server *server, const char *name)
{
    const struct server_method *method = server_find_method(server, name);
    return method == NULL || method->raw != NULL || method->hidden ? NULL : &method->public;
}

const struct rpc_method *rpc_server_nth_method(const struct rpc_server *server, size_t n)
{
    for (size_t i = 0; i < server->n_methods; i++) {
        const struct rpc_method *method = &server->methods[i]->public;
        if (rpc_server_method(server, method->name) == method && n-- == 0)
            return method;
    }
    return NULL;
}

// ---- Carrying -----------------------------------------------------------------------------------

struct carried {
    struct rpc_incoming incoming;
    struct arena arena;
    const struct rpc_carrier_ops *ops; // NULL: the carrier hears nothing more
    void *carrier;
    bool *gone; // set when the carrier's part is over, while rpc_carry runs
    struct carried *next;
    struct carried **link; // what points here
};

static struct carried *carried_of(struct rpc_incoming *call)
{
    return CONTAINER_OF(call, struct carried, incoming);
}

static void carried_detach(struct carried *carried)
{
    carried->ops = NULL;
    if (carried->gone != NULL)
        *carried->gone = true;
    carried->gone = NULL;
}

static void carried_release(struct rpc_incoming *call)
{
    struct carried *carried = carried_of(call);
    if (call->server != NULL) {
        *carried->link = carried->next;
        if (carried->next != NULL)
            carried->next->link = carried->link;
        incoming_deinit(call);
    }
    arena_deinit(&carried->arena);
    mem_free(carried);
}

static void carried_message(struct rpc_incoming *call, const ProtobufCMessage *message)
{
    struct carried *carried = carried_of(call);
    if (carried->ops != NULL)
        carried->ops->message(carried->carrier, message);
}

static void carried_end(struct rpc_incoming *call, enum rpc_status status, const char *text)
{
    struct carried *carried = carried_of(call);
    const struct rpc_carrier_ops *ops = carried->ops;
    if (ops == NULL)
        return;
    carried_detach(carried);
    ops->end(carried->carrier, status, text);
}

static void carried_refuse(struct rpc_incoming *call, enum rpc_status status, const char *text)
{
    carried_end(call, status, text);
    carried_release(call);
}

static const struct incoming_ops CARRIED_OPS = {
    .refuse = carried_refuse,
    .message = carried_message,
    .end = carried_end,
    .release = carried_release,
};

static const struct rpc_pair *carried_copy_metadata(struct arena *arena,
                                                    const struct rpc_pair *from, size_t n)
{
    if (n == 0)
        return NULL;
    struct rpc_pair *pairs = arena_alloc(arena, n * sizeof *pairs);
    for (size_t i = 0; i < n; i++)
        pairs[i] = (struct rpc_pair){arena_dup(arena, span_of(from[i].key)),
                                     arena_dup(arena, span_of(from[i].value))};
    return pairs;
}

static struct carried *carried_create(struct rpc_server *server, const struct rpc_carry_opts *opts)
{
    struct carried *carried = mem_zalloc(sizeof *carried);
    arena_init(&carried->arena, RPC_ARENA_BLOCK_BYTES, 0);
    if (opts->arena != NULL)
        arena_move(&carried->arena, opts->arena);
    arena_bound(&carried->arena, 0);
    struct arena *arena = &carried->arena;
    carried->incoming = (struct rpc_incoming){
        .ops = &CARRIED_OPS,
        .server = server,
        .method = CONTAINER_OF(opts->method, struct server_method, public),
        .way = opts->way,
        .arena = arena,
        .body = opts->body,
        .input = opts->message,
        .metadata = carried_copy_metadata(arena, opts->metadata, opts->n_metadata),
        .n_metadata = opts->n_metadata,
        .peer = opts->peer == NULL ? "" : arena_dup(arena, span_of(opts->peer)),
        .deadline_ms = opts->timeout_ms > 0 && opts->timeout_ms < INT32_MAX
                           ? clock_mono_ms() + opts->timeout_ms
                           : INT64_MAX,
    };
    incoming_init(&carried->incoming, server->loop);
    carried->next = server->carried;
    carried->link = &server->carried;
    if (carried->next != NULL)
        carried->next->link = &carried->next;
    server->carried = carried;
    return carried;
}

static enum rpc_status carry_look(struct rpc_server *server, const struct rpc_carry_opts *opts,
                                  struct err_info *info)
{
    if (opts->method->stream && server->n_streams >= server->n_slots)
        err_set(info, ERR_FULL, "%u streams in work, which is all that the server takes",
                server->n_streams);
    else if (opts->body.len > server->request_bytes_max)
        err_set(info, ERR_FULL, "request of %zu bytes, at most %zu", opts->body.len,
                server->request_bytes_max);
    else
        return RPC_OK;
    return RPC_RESOURCE_EXHAUSTED;
}

struct rpc_incoming *rpc_carry(struct rpc_server *server, const struct rpc_carry_opts *opts,
                               const struct rpc_carrier_ops *ops, void *carrier)
{
    struct err_info info;
    CHECK(server->started && opts->method != NULL && opts->way != RPC_WAY_NNG);
    CHECK(opts->message == NULL ||
          (opts->arena != NULL && opts->message->descriptor == opts->method->input));
    atomic_fetch_add(&server->requests, 1);
    enum rpc_status status = carry_look(server, opts, &info);
    if (status != RPC_OK) {
        atomic_fetch_add(&server->refused, 1);
        ops->end(carrier, status, info.text);
        return NULL;
    }
    struct carried *carried = carried_create(server, opts);
    bool gone = false;
    carried->ops = ops;
    carried->carrier = carrier;
    carried->gone = &gone;
    if (ops->began != NULL)
        ops->began(carrier, &carried->incoming);
    incoming_begin(&carried->incoming);
    if (gone)
        return NULL;
    carried->gone = NULL;
    return &carried->incoming;
}

void rpc_carried_cancel(struct rpc_incoming *call)
{
    struct carried *carried = carried_of(incoming_of(call));
    CHECK(carried->ops != NULL && call->state == INCOMING_WORKING);
    carried_detach(carried);
    atomic_fetch_add(&call->server->cancelled, 1);
    if (call->in_message)
        incoming_doom(call, RPC_CANCELLED);
    else
        incoming_end(call, RPC_CANCELLED, "cancelled by the caller"); // which is told nothing
}

// ---- The server's end ---------------------------------------------------------------------------

// A handler that is told may end other calls too, so the list is looked at from its start each
// time.
static struct carried *carried_find_working(struct rpc_server *server, bool streams_only)
{
    for (struct carried *carried = server->carried; carried != NULL; carried = carried->next)
        if (carried->incoming.state == INCOMING_WORKING &&
            (!streams_only || carried->incoming.method->public.stream))
            return carried;
    return NULL;
}

void carried_end_all(struct rpc_server *server, bool streams_only)
{
    struct carried *carried;
    while ((carried = carried_find_working(server, streams_only)) != NULL)
        incoming_end(&carried->incoming, RPC_UNAVAILABLE, "the server is closing");
}

void carried_orphan(struct rpc_server *server)
{
    for (struct carried *carried = server->carried; carried != NULL; carried = carried->next) {
        CHECK(carried->incoming.state == INCOMING_ENDED);
        incoming_deinit(&carried->incoming);
        carried->incoming.server = NULL;
    }
    server->carried = NULL;
}
