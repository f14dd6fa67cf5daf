// SPDX-License-Identifier: Apache-2.0
#include "cli/survey.h"

#include "common/base/mem.h"
#include "common/base/time_text.h"
#include "common/clock/clock.h"

#include <stdio.h>
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

static void rule_add(struct survey *out, const Assay__Ingest__V1__DeadLetterCount *count)
{
    size_t i = 0;
    while (i < out->n_rules && strcmp(out->rules[i].rule, count->rule) != 0)
        i++;
    if (i == SURVEY_RULES_MAX)
        return;
    if (i == out->n_rules)
        out->rules[out->n_rules++] = (struct survey_rule){count->rule, 0};
    out->rules[i].events += count->letters;
    for (; i > 0 && out->rules[i].events > out->rules[i - 1].events; i--) {
        struct survey_rule swap = out->rules[i];
        out->rules[i] = out->rules[i - 1];
        out->rules[i - 1] = swap;
    }
}

static void letters_add(struct survey *out,
                        const Assay__Ingest__V1__CountDeadLettersResponse *letters)
{
    for (size_t i = 0; i < letters->n_counts; i++) {
        const Assay__Ingest__V1__DeadLetterCount *count = letters->counts[i];
        *(count->observed ? &out->observed : &out->refused) += count->letters;
        if (!count->observed)
            rule_add(out, count);
    }
    out->lost += letters->lost;
}

const char *survey_rules_text(const struct survey *survey, char *out, size_t size)
{
    out[0] = '\0';
    for (size_t i = 0, at = 0; i < survey->n_rules && at < size; i++)
        at += (size_t)snprintf(out + at, size - at, "%s%s %llu", i > 0 ? ", " : "",
                               survey->rules[i].rule, (unsigned long long)survey->rules[i].events);
    return out;
}

void survey_make(struct cluster *cluster, struct survey *out)
{
    Assay__Admin__V1__GetStatusRequest status = ASSAY__ADMIN__V1__GET_STATUS_REQUEST__INIT;
    Assay__Scorer__V1__GetLanesRequest lanes = ASSAY__SCORER__V1__GET_LANES_REQUEST__INIT;
    Assay__Router__V1__GetQueuesRequest queues = ASSAY__ROUTER__V1__GET_QUEUES_REQUEST__INIT;
    Assay__Ingest__V1__CountDeadLettersRequest letters =
        ASSAY__INGEST__V1__COUNT_DEAD_LETTERS_REQUEST__INIT;
    letters.since_ms = clock_wall_ms() - SURVEY_REFUSED_HOURS * TIME_HOUR_MS;
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
        if (strncmp(s->endpoint->name, "ingest-", 7) == 0)
            s->letters = ask(cluster, s->endpoint->name,
                             "assay.ingest.v1.IngestService/CountDeadLetters", &letters.base,
                             &assay__ingest__v1__count_dead_letters_response__descriptor, &s->why);
        if (s->letters != NULL)
            letters_add(out, s->letters);
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
