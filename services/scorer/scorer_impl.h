// SPDX-License-Identifier: Apache-2.0
// What scorer.c (wiring) and handlers.c (methods) share.
#pragma once

#include "assay/scorer/v1/scorer.pb-c.h"
#include "common/service/service.h"
#include "common/shard/shard.h"
#include "services/scorer/aside.h"
#include "services/scorer/lane.h"

struct scorer_config {
    const char *data;
    const char *playbook;
    const char *shard_map;
    int clock; // enum scorer_clock
    const char *router;
    const char *ingest;
    int64_t checkpoint_every_ms;
    int64_t dedupe_window_ms;
    int64_t dedupe_ids_max;
    int64_t journal_max_bytes, journal_keep_bytes, state_max_bytes;
    int64_t queue_max;
};

enum { SCORER_INGESTS_MAX = 16 };
enum scorer_clock { SCORER_CLOCK_WALL, SCORER_CLOCK_EVENT };

struct scorer {
    struct service *service;
    const struct scorer_config *config;
    struct shard_map *map;
    struct rpc_client *router;
    struct rpc_client *ingests[SCORER_INGESTS_MAX];
    size_t n_ingests;
    size_t n_clients;    // not closed yet
    struct lane **lanes; // [n_lanes]
    size_t n_lanes;
    char label[160]; // of the playbook in force
    Assay__Scorer__V1__ScorerService_Service methods;
    // While a playbook is being put in force, one lane after another.
    struct scorer_load *load;
    bool draining;
    struct aside *aside; // explanations that take longer
};

// The lane that owns an account here, or NULL.
struct lane *scorer_lane_of(struct scorer *scorer, struct span account);
// Registers the methods with the service's server.
void scorer_add_methods(struct scorer *scorer);
// handlers_identity.c
void scorer_get_identity(Assay__Scorer__V1__ScorerService_Service *methods,
                         const Assay__Scorer__V1__GetIdentityRequest *request,
                         Assay__Scorer__V1__GetIdentityResponse_Closure closure,
                         void *closure_data);
void scorer_change_identity(Assay__Scorer__V1__ScorerService_Service *methods,
                            const Assay__Scorer__V1__ChangeIdentityRequest *request,
                            Assay__Scorer__V1__ChangeIdentityResponse_Closure closure,
                            void *closure_data);
void scorer_resolve(Assay__Scorer__V1__ScorerService_Service *methods,
                    const Assay__Scorer__V1__ResolveRequest *request,
                    Assay__Scorer__V1__ResolveResponse_Closure closure, void *closure_data);
// handlers_explain.c
void scorer_explain(Assay__Scorer__V1__ScorerService_Service *methods,
                    const Assay__Scorer__V1__ExplainRequest *request,
                    Assay__Scorer__V1__ExplainResponse_Closure closure, void *closure_data);
