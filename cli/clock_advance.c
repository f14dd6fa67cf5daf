// SPDX-License-Identifier: Apache-2.0
#include "cli/clock_advance.h"

#include "assay/admin/v1/admin.pb-c.h"
#include "assay/scorer/v1/scorer.pb-c.h"

// Timers that become due take their time.
enum { ADVANCE_MS = 10 * 60 * 1000, PATIENCE_MS = 30 * 1000 };

enum err clock_event_time_max(struct cluster *cluster, int64_t *out_ms, struct err_info *info)
{
    *out_ms = 0;
    Assay__Scorer__V1__GetLanesRequest request = ASSAY__SCORER__V1__GET_LANES_REQUEST__INIT;
    for (size_t i = 0; i < cluster_count(cluster); i++) {
        const struct cluster_endpoint *endpoint = cluster_endpoint(cluster, i);
        if (!cluster_is_scorer(endpoint))
            continue;
        struct cluster_call call = {
            .service = endpoint->name,
            .method = "assay.scorer.v1.ScorerService/GetLanes",
            .request = &request.base,
            .answer_type = &assay__scorer__v1__get_lanes_response__descriptor,
            .patience_ms = PATIENCE_MS,
        };
        ProtobufCMessage *message;
        enum err err = cluster_call(cluster, &call, &message, info);
        if (err != ERR_OK)
            return err;
        const Assay__Scorer__V1__GetLanesResponse *answer = (void *)message;
        for (size_t k = 0; k < answer->n_lanes; k++)
            if (answer->lanes[k]->event_time_max_ms > *out_ms)
                *out_ms = answer->lanes[k]->event_time_max_ms;
    }
    return ERR_OK;
}

enum err clock_advance(struct cluster *cluster, int64_t *clock_ms, struct err_info *info)
{
    Assay__Admin__V1__AdvanceClockRequest request = ASSAY__ADMIN__V1__ADVANCE_CLOCK_REQUEST__INIT;
    int64_t stands_ms = INT64_MAX;
    request.to_ms = *clock_ms;
    for (size_t i = 0; i < cluster_count(cluster); i++) {
        const struct cluster_endpoint *endpoint = cluster_endpoint(cluster, i);
        if (!cluster_is_scorer(endpoint))
            continue;
        struct cluster_call call = {
            .service = endpoint->name,
            .method = "assay.admin.v1.AdminService/AdvanceClock",
            .request = &request.base,
            .answer_type = &assay__admin__v1__advance_clock_response__descriptor,
            .timeout_ms = ADVANCE_MS,
            .patience_ms = PATIENCE_MS,
        };
        ProtobufCMessage *message;
        enum err err = cluster_call(cluster, &call, &message, info);
        if (err != ERR_OK)
            return err;
        int64_t at_ms = ((Assay__Admin__V1__AdvanceClockResponse *)message)->clock_ms;
        stands_ms = at_ms < stands_ms ? at_ms : stands_ms;
    }
    *clock_ms = stands_ms;
    return ERR_OK;
}
