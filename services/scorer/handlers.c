// SPDX-License-Identifier: Apache-2.0
// The scorer's methods. Apply goes from NNG's thread straight to a lane's queue; the rest run on
// the loop and look at a lane from its fold's thread.
#include <stdio.h>

#include "common/base/mem.h"
#include "services/scorer/codec.h"
#include "services/scorer/core/warm.h"
#include "services/scorer/scorer_impl.h"

static struct lane *scorer_lane(struct scorer *scorer, uint32_t number)
{
    for (size_t i = 0; i < scorer->n_lanes; i++) {
        if (lane_number(scorer->lanes[i]) == number)
            return scorer->lanes[i];
    }
    return NULL;
}

struct lane *scorer_lane_of(struct scorer *scorer, struct span account)
{
    return scorer_lane(scorer, shard_map_lane_of_key(scorer->map, account));
}

static void scorer_apply_on_nng(void *arg, struct rpc_request *request)
{
    struct scorer *scorer = arg;
    struct batch_item *item = batch_item_create(request);
    if (item == NULL)
        return;
    batch_item_log(item);
    struct lane *lane = scorer_lane(scorer, batch_item_lane(item));
    if (lane == NULL)
        batch_item_refuse(item, RPC_FAILED_PRECONDITION, "this scorer does not own the lane");
    else
        lane_take(lane, item);
}

// ---- GetLanes -----------------------------------------------------------------------------------

struct scorer_lanes {
    size_t left;
    enum err err;
    struct err_info info;
    size_t n;
    struct scorer_lane_look {
        struct scorer_lanes *all;
        Assay__Scorer__V1__Lane message;
        char playbook[160];
    } * looks;
    Assay__Scorer__V1__GetLanesResponse_Closure closure;
    void *closure_data;
};

static uint32_t scorer_warming_percent(const struct lane_view *view)
{
    if (view->warm_first == 0 || view->warm_last >= view->journal_last)
        return view->warm_first == 0 ? 0 : 100;
    uint64_t total = view->journal_last - view->warm_first + 1;
    return (uint32_t)((view->warm_last - view->warm_first + 1) * 100 / total);
}

static void scorer_lane_look(void *arg, const struct lane_view *view)
{
    struct scorer_lane_look *look = arg;
    struct core_counts counts;
    core_counts(view->core, &counts);
    const struct playbook *playbook = core_playbook(view->core);
    Assay__Scorer__V1__Lane *out = &look->message;
    out->journal_last = view->journal_last;
    out->checkpoint = view->checkpoint;
    out->accounts = counts.accounts;
    out->users = counts.users;
    out->events = counts.events;
    out->duplicates = counts.duplicates;
    out->excluded = counts.excluded;
    out->event_time_max_ms = counts.event_time_max_ms == INT64_MIN ? 0 : counts.event_time_max_ms;
    out->clock_ms = counts.clock_ms == INT64_MIN ? 0 : counts.clock_ms;
    out->signals_waiting = view->signals_waiting;
    out->moves_waiting = view->moves_waiting;
    out->warming_measures = (uint32_t)core_warming(view->core);
    out->warming_percent = scorer_warming_percent(view);
    snprintf(look->playbook, sizeof look->playbook, "%s", playbook == NULL ? "" : playbook->label);
    out->playbook = look->playbook;
}

static void scorer_lane_done(void *arg, enum err err, const struct err_info *info)
{
    struct scorer_lanes *all = ((struct scorer_lane_look *)arg)->all;
    if (err != ERR_OK && all->err == ERR_OK) {
        all->err = err;
        all->info = *info;
    }
    if (--all->left > 0)
        return;
    if (all->err != ERR_OK) {
        rpc_fail_err(all->closure_data, all->err, &all->info);
    } else {
        Assay__Scorer__V1__GetLanesResponse response = ASSAY__SCORER__V1__GET_LANES_RESPONSE__INIT;
        Assay__Scorer__V1__Lane *lanes[SHARD_LANES_MAX];
        for (size_t i = 0; i < all->n; i++)
            lanes[i] = &all->looks[i].message;
        response.n_lanes = all->n;
        response.lanes = lanes;
        all->closure(&response, all->closure_data);
    }
    mem_free(all->looks);
    mem_free(all);
}

static void scorer_get_lanes(Assay__Scorer__V1__ScorerService_Service *methods,
                             const Assay__Scorer__V1__GetLanesRequest *request,
                             Assay__Scorer__V1__GetLanesResponse_Closure closure,
                             void *closure_data)
{
    (void)request;
    struct scorer *scorer = CONTAINER_OF(methods, struct scorer, methods);
    struct scorer_lanes *all = mem_zalloc(sizeof *all);
    all->n = all->left = scorer->n_lanes;
    all->looks = mem_zalloc(scorer->n_lanes * sizeof *all->looks);
    all->closure = closure;
    all->closure_data = closure_data;
    for (size_t i = 0; i < scorer->n_lanes; i++) {
        all->looks[i].all = all;
        assay__scorer__v1__lane__init(&all->looks[i].message);
        all->looks[i].message.lane = lane_number(scorer->lanes[i]);
    }
    struct scorer_lane_look *looks = all->looks; // `all` may be gone after the last call
    for (size_t i = 0; i < scorer->n_lanes; i++)
        lane_look(scorer->lanes[i], scorer_lane_look, scorer_lane_done, &looks[i]);
}

// The stub's table wants a handler for every method; this one is taken out of the loop below.
static void scorer_apply(Assay__Scorer__V1__ScorerService_Service *methods,
                         const Assay__Scorer__V1__ApplyRequest *request,
                         Assay__Scorer__V1__ApplyResponse_Closure closure, void *closure_data)
{
    (void)methods;
    (void)request;
    (void)closure;
    rpc_fail(closure_data, RPC_INTERNAL, "Apply is served as bytes");
}

void scorer_add_methods(struct scorer *scorer)
{
    Assay__Scorer__V1__ScorerService_Service methods =
        ASSAY__SCORER__V1__SCORER_SERVICE__INIT(scorer_);
    scorer->methods = methods;
    struct rpc_server *server = service_server(scorer->service);
    rpc_server_add(server, (ProtobufCService *)&scorer->methods);
    rpc_server_add_raw(server, "assay.scorer.v1.ScorerService/Apply", scorer_apply_on_nng, scorer);
}
