// SPDX-License-Identifier: Apache-2.0
// Identities: what one is linked to and where its events count, changes by operators, and the
// look-up of many. Each is answered by the lane of its personal account.
#include <stdio.h>

#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/clock/clock.h"
#include "services/scorer/codec.h"
#include "services/scorer/scorer_impl.h"

enum { RESOLVE_MAX = 1000, OPERATOR_BYTES_MAX = 100 };

// What is wrong with an identity, or NULL.
static const char *identity_mistake(const char *identity)
{
    size_t n = strlen(identity);
    if (n == 0)
        return "identity: missing";
    return n > CODEC_ID_MAX ? "identity: too long, at most 200 bytes" : NULL;
}

static struct lane *identity_lane(struct scorer *scorer, const char *home, void *closure_data)
{
    struct lane *lane = scorer_lane_of(scorer, span_of(home));
    if (lane == NULL)
        rpc_fail(closure_data, RPC_FAILED_PRECONDITION,
                 "this scorer does not own the identity's personal account");
    return lane;
}

// ---- One identity -------------------------------------------------------------------------------

// A look, or a change and then a look. Texts of the view are in the arena.
struct identity_call {
    struct arena arena;
    const char *identity, *home;
    struct lane *lane;
    struct identity_view view;
    Assay__Scorer__V1__GetIdentityResponse_Closure got; // one of the two
    Assay__Scorer__V1__ChangeIdentityResponse_Closure changed;
    void *closure_data;
};

static struct identity_call *identity_call_create(const char *identity, void *closure_data)
{
    struct identity_call *call = mem_zalloc(sizeof *call);
    arena_init(&call->arena, 4096, 0);
    call->identity = arena_dup(&call->arena, span_of(identity));
    call->home = identity_home(&call->arena, span_of(call->identity));
    call->closure_data = closure_data;
    return call;
}

static void identity_call_destroy(struct identity_call *call)
{
    arena_deinit(&call->arena);
    mem_free(call);
}

static void identity_look(void *arg, const struct lane_view *view)
{
    struct identity_call *call = arg;
    core_identity_view(view->core_mutable, span_of(call->home), &call->arena, &call->view);
}

static void identity_looked(void *arg, enum err err, const struct err_info *info)
{
    struct identity_call *call = arg;
    Assay__Scorer__V1__GetIdentityResponse *found =
        codec_identity(&call->view, call->identity, &call->arena);
    if (err != ERR_OK) {
        rpc_fail_err(call->closure_data, err, info);
    } else if (!call->view.known) {
        rpc_fail(call->closure_data, RPC_NOT_FOUND, "nothing is known of this identity");
    } else if (call->got != NULL) {
        call->got(found, call->closure_data);
    } else {
        Assay__Scorer__V1__ChangeIdentityResponse response =
            ASSAY__SCORER__V1__CHANGE_IDENTITY_RESPONSE__INIT;
        response.identity = found;
        call->changed(&response, call->closure_data);
    }
    identity_call_destroy(call);
}

void scorer_get_identity(Assay__Scorer__V1__ScorerService_Service *methods,
                         const Assay__Scorer__V1__GetIdentityRequest *request,
                         Assay__Scorer__V1__GetIdentityResponse_Closure closure, void *closure_data)
{
    struct scorer *scorer = CONTAINER_OF(methods, struct scorer, methods);
    const char *mistake = identity_mistake(request->identity);
    if (mistake != NULL) {
        rpc_fail(closure_data, RPC_INVALID_ARGUMENT, "%s", mistake);
        return;
    }
    struct identity_call *call = identity_call_create(request->identity, closure_data);
    call->got = closure;
    call->lane = identity_lane(scorer, call->home, closure_data);
    if (call->lane == NULL)
        identity_call_destroy(call);
    else
        lane_look(call->lane, identity_look, identity_looked, call);
}

static void identity_change_done(void *arg, enum err err, const struct err_info *info)
{
    struct identity_call *call = arg;
    if (err == ERR_OK)
        lane_look(call->lane, identity_look, identity_looked, call);
    else
        identity_looked(call, err, info);
}

void scorer_change_identity(Assay__Scorer__V1__ScorerService_Service *methods,
                            const Assay__Scorer__V1__ChangeIdentityRequest *request,
                            Assay__Scorer__V1__ChangeIdentityResponse_Closure closure,
                            void *closure_data)
{
    struct scorer *scorer = CONTAINER_OF(methods, struct scorer, methods);
    const char *mistake = identity_mistake(request->identity);
    if (mistake == NULL && strlen(request->target) > CODEC_ID_MAX)
        mistake = "target: too long, at most 200 bytes";
    if (mistake == NULL && strlen(request->operator_name) > OPERATOR_BYTES_MAX)
        mistake = "operator_name: too long, at most 100 bytes";
    if (mistake != NULL) {
        rpc_fail(closure_data, RPC_INVALID_ARGUMENT, "%s", mistake);
        return;
    }
    struct identity_call *call = identity_call_create(request->identity, closure_data);
    call->changed = closure;
    call->lane = identity_lane(scorer, call->home, closure_data);
    if (call->lane == NULL) {
        identity_call_destroy(call);
        return;
    }
    struct link_change change = {
        .identity = span_of(call->identity),
        .target = span_of(request->target),
        .redo = request->redo,
        .by = span_of(request->operator_name),
        .now_ms = clock_wall_ms(),
    };
    lane_change_link(call->lane, &change, identity_change_done, call);
}

// ---- Many ---------------------------------------------------------------------------------------

struct resolve_one {
    const char *identity, *home;
    struct lane *lane; // NULL: of another scorer
    const char *account, *user;
    int64_t since_ms;
};

struct resolve {
    struct scorer *scorer;
    struct arena arena;
    struct resolve_one *items;
    size_t n;
    size_t next; // lane to be asked
    Assay__Scorer__V1__ResolveResponse_Closure closure;
    void *closure_data;
};

static void resolve_look(void *arg, const struct lane_view *view)
{
    struct resolve *resolve = arg;
    const struct lane *lane = resolve->scorer->lanes[resolve->next];
    for (size_t i = 0; i < resolve->n; i++) {
        struct resolve_one *item = &resolve->items[i];
        struct identity_place place;
        if (item->lane != lane ||
            !core_identity_place(view->core_mutable, span_of(item->identity), &place))
            continue;
        item->account = arena_dup(&resolve->arena, place.account);
        item->user = arena_dup(&resolve->arena, place.user);
        item->since_ms = place.since_ms;
    }
}

static void resolve_answer(struct resolve *resolve)
{
    Assay__Scorer__V1__ResolveResponse response = ASSAY__SCORER__V1__RESOLVE_RESPONSE__INIT;
    Assay__Scorer__V1__ResolvedIdentity *items =
        arena_alloc(&resolve->arena, (resolve->n + 1) * sizeof *items);
    response.identities =
        arena_alloc(&resolve->arena, (resolve->n + 1) * sizeof *response.identities);
    for (size_t i = 0; i < resolve->n; i++) {
        const struct resolve_one *from = &resolve->items[i];
        Assay__Scorer__V1__ResolvedIdentity *item = &items[response.n_identities];
        if (from->lane == NULL)
            continue;
        assay__scorer__v1__resolved_identity__init(item);
        item->identity = (char *)from->identity;
        if (from->account != NULL) {
            item->account_id = (char *)from->account;
            item->user_id = (char *)from->user;
        }
        item->since_ms = from->since_ms;
        response.identities[response.n_identities++] = item;
    }
    resolve->closure(&response, resolve->closure_data);
}

static void resolve_next(struct resolve *resolve);

static void resolve_looked(void *arg, enum err err, const struct err_info *info)
{
    struct resolve *resolve = arg;
    if (err == ERR_OK) {
        resolve->next++;
        resolve_next(resolve);
        return;
    }
    rpc_fail_err(resolve->closure_data, err, info);
    arena_deinit(&resolve->arena);
    mem_free(resolve);
}

static bool resolve_wants(const struct resolve *resolve, const struct lane *lane)
{
    for (size_t i = 0; i < resolve->n; i++) {
        if (resolve->items[i].lane == lane)
            return true;
    }
    return false;
}

static void resolve_next(struct resolve *resolve)
{
    const struct scorer *scorer = resolve->scorer;
    while (resolve->next < scorer->n_lanes && !resolve_wants(resolve, scorer->lanes[resolve->next]))
        resolve->next++;
    if (resolve->next < scorer->n_lanes) {
        lane_look(scorer->lanes[resolve->next], resolve_look, resolve_looked, resolve);
        return;
    }
    resolve_answer(resolve);
    arena_deinit(&resolve->arena);
    mem_free(resolve);
}

void scorer_resolve(Assay__Scorer__V1__ScorerService_Service *methods,
                    const Assay__Scorer__V1__ResolveRequest *request,
                    Assay__Scorer__V1__ResolveResponse_Closure closure, void *closure_data)
{
    struct scorer *scorer = CONTAINER_OF(methods, struct scorer, methods);
    const char *mistake = request->n_identities > RESOLVE_MAX ? "identities: at most 1000" : NULL;
    for (size_t i = 0; i < request->n_identities && mistake == NULL; i++)
        mistake = identity_mistake(request->identities[i]);
    if (mistake != NULL) {
        rpc_fail(closure_data, RPC_INVALID_ARGUMENT, "%s", mistake);
        return;
    }
    struct resolve *resolve = mem_zalloc(sizeof *resolve);
    arena_init(&resolve->arena, 16 * 1024, 0);
    resolve->scorer = scorer;
    resolve->closure = closure;
    resolve->closure_data = closure_data;
    resolve->n = request->n_identities;
    resolve->items = arena_alloc(&resolve->arena, (resolve->n + 1) * sizeof *resolve->items);
    for (size_t i = 0; i < resolve->n; i++) {
        const char *identity = arena_dup(&resolve->arena, span_of(request->identities[i]));
        const char *home = identity_home(&resolve->arena, span_of(identity));
        resolve->items[i] = (struct resolve_one){
            .identity = identity, .home = home, .lane = scorer_lane_of(scorer, span_of(home))};
    }
    resolve_next(resolve);
}
