// SPDX-License-Identifier: Apache-2.0
#include "cli/survey.h"

#include "common/base/mem.h"

#include <string.h>

enum { ASK_MS = 2000 };

static const void *ask(struct cluster *cluster, const char *service, const char *method,
                       const ProtobufCMessage *request,
                       const ProtobufCMessageDescriptor *answer_type, struct err_info *info)
{
    struct cluster_call call = {service, method, request, answer_type, ASK_MS, 0};
    ProtobufCMessage *message = NULL;
    return cluster_call(cluster, &call, &message, info) == ERR_OK ? message : NULL;
}

static void lanes_add(struct survey *out, const Assay__Scorer__V1__GetLanesResponse *lanes)
{
    for (size_t i = 0; i < lanes->n_lanes; i++) {
        const Assay__Scorer__V1__Lane *lane = lanes->lanes[i];
        out->accounts += lane->accounts;
        out->users += lane->users;
        out->events += lane->events;
        out->duplicates += lane->duplicates;
        out->excluded += lane->excluded;
        out->signals_waiting += lane->signals_waiting;
        if (lane->event_time_max_ms > out->event_time_max_ms)
            out->event_time_max_ms = lane->event_time_max_ms;
    }
}

void survey_make(struct cluster *cluster, struct survey *out)
{
    Assay__Admin__V1__GetStatusRequest status = ASSAY__ADMIN__V1__GET_STATUS_REQUEST__INIT;
    Assay__Scorer__V1__GetLanesRequest lanes = ASSAY__SCORER__V1__GET_LANES_REQUEST__INIT;
    Assay__Router__V1__GetQueuesRequest queues = ASSAY__ROUTER__V1__GET_QUEUES_REQUEST__INIT;
    *out = (struct survey){.n = cluster_count(cluster), .all_ready = true};
    out->services = mem_zalloc(out->n * sizeof *out->services);
    for (size_t i = 0; i < out->n; i++) {
        struct survey_service *s = &out->services[i];
        s->endpoint = cluster_endpoint(cluster, i);
        s->status = ask(cluster, s->endpoint->name, "assay.admin.v1.AdminService/GetStatus",
                        &status.base, &assay__admin__v1__get_status_response__descriptor, &s->why);
        out->all_ready = out->all_ready && s->status != NULL && s->status->ready;
        if (s->status == NULL)
            continue;
        if (cluster_is_scorer(s->endpoint))
            s->lanes =
                ask(cluster, s->endpoint->name, "assay.scorer.v1.ScorerService/GetLanes",
                    &lanes.base, &assay__scorer__v1__get_lanes_response__descriptor, &s->why);
        if (s->lanes != NULL)
            lanes_add(out, s->lanes);
        if (strcmp(s->endpoint->name, "router") == 0)
            out->queues =
                ask(cluster, s->endpoint->name, "assay.router.v1.RouterService/GetQueues",
                    &queues.base, &assay__router__v1__get_queues_response__descriptor, &s->why);
    }
}

void survey_destroy(struct survey *survey)
{
    mem_free(survey->services);
}
