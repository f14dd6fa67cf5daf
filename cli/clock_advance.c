// SPDX-License-Identifier: Apache-2.0
#include "cli/clock_advance.h"

#include <time.h>

#include "assay/admin/v1/admin.pb-c.h"
#include "assay/scorer/v1/scorer.pb-c.h"
#include "common/clock/clock.h"

// Timers that become due take their time.
enum { ADVANCE_MS = 10 * 60 * 1000, PATIENCE_MS = 30 * 1000, LOOK_AGAIN_MS = 5 };

// Makes the call to every scorer in turn; `take` makes of `*ms` and the answer a new `*ms`.
static enum err scorers_call(struct cluster *cluster, struct cluster_call call,
                             void (*take)(const ProtobufCMessage *answer, int64_t *ms), int64_t *ms,
                             struct err_info *info)
{
    call.patience_ms = PATIENCE_MS;
    for (size_t i = 0; i < cluster_count(cluster); i++) {
        const struct cluster_endpoint *endpoint = cluster_endpoint(cluster, i);
        if (!cluster_is_scorer(endpoint))
            continue;
        call.service = endpoint->name;
        ProtobufCMessage *answer;
        enum err err = cluster_call(cluster, &call, &answer, info);
        if (err != ERR_OK)
            return err;
        take(answer, ms);
    }
    return ERR_OK;
}

static void event_time_take(const ProtobufCMessage *message, int64_t *max_ms)
{
    const Assay__Scorer__V1__GetLanesResponse *answer = (const void *)message;
    for (size_t k = 0; k < answer->n_lanes; k++)
        if (answer->lanes[k]->event_time_max_ms > *max_ms)
            *max_ms = answer->lanes[k]->event_time_max_ms;
}

enum err clock_event_time_max(struct cluster *cluster, int64_t *out_ms, struct err_info *info)
{
    Assay__Scorer__V1__GetLanesRequest request = ASSAY__SCORER__V1__GET_LANES_REQUEST__INIT;
    struct cluster_call call = {
        .method = "assay.scorer.v1.ScorerService/GetLanes",
        .request = &request.base,
        .answer_type = &assay__scorer__v1__get_lanes_response__descriptor,
    };
    *out_ms = 0;
    return scorers_call(cluster, call, event_time_take, out_ms, info);
}

static void clock_take(const ProtobufCMessage *message, int64_t *stands_ms)
{
    int64_t at_ms = ((const Assay__Admin__V1__AdvanceClockResponse *)message)->clock_ms;
    *stands_ms = at_ms < *stands_ms ? at_ms : *stands_ms;
}

static void waiting_take(const ProtobufCMessage *message, int64_t *n)
{
    const Assay__Scorer__V1__GetLanesResponse *answer = (const void *)message;
    for (size_t k = 0; k < answer->n_lanes; k++)
        *n += (int64_t)answer->lanes[k]->signals_waiting;
}

// Moves on their way, and how much was ever journaled.
struct moves_look {
    int64_t waiting, journaled;
};

static void moves_take(const ProtobufCMessage *message, int64_t *look)
{
    const Assay__Scorer__V1__GetLanesResponse *answer = (const void *)message;
    struct moves_look *sum = CONTAINER_OF(look, struct moves_look, waiting);
    for (size_t k = 0; k < answer->n_lanes; k++) {
        sum->waiting += (int64_t)answer->lanes[k]->moves_waiting;
        sum->journaled += (int64_t)answer->lanes[k]->journal_last;
    }
}

// What identities have contributed must be where it belongs before time passes. Scorers are asked
// one after another, so a move may hide from a single round: two that find nothing on the way, and
// nothing journaled between them, see all there is.
static enum err moves_settle(struct cluster *cluster, struct err_info *info)
{
    Assay__Scorer__V1__GetLanesRequest request = ASSAY__SCORER__V1__GET_LANES_REQUEST__INIT;
    struct cluster_call call = {
        .method = "assay.scorer.v1.ScorerService/GetLanes",
        .request = &request.base,
        .answer_type = &assay__scorer__v1__get_lanes_response__descriptor,
    };
    int64_t until_ms = clock_mono_ms() + ADVANCE_MS, journaled = -1;
    for (;;) {
        struct moves_look look = {0};
        enum err err = scorers_call(cluster, call, moves_take, &look.waiting, info);
        if (err != ERR_OK || (look.waiting == 0 && look.journaled == journaled))
            return err;
        journaled = look.waiting == 0 ? look.journaled : -1;
        if (clock_mono_ms() > until_ms)
            return err_set(info, ERR_TIMEOUT, "moves between accounts do not come to an end");
        struct timespec pause = {.tv_nsec = LOOK_AGAIN_MS * 1000000};
        nanosleep(&pause, NULL);
    }
}

// The router's clock must not pass what scorers have decided before.
static enum err signals_settle(struct cluster *cluster, struct err_info *info)
{
    Assay__Scorer__V1__GetLanesRequest request = ASSAY__SCORER__V1__GET_LANES_REQUEST__INIT;
    struct cluster_call call = {
        .method = "assay.scorer.v1.ScorerService/GetLanes",
        .request = &request.base,
        .answer_type = &assay__scorer__v1__get_lanes_response__descriptor,
    };
    int64_t until_ms = clock_mono_ms() + ADVANCE_MS;
    for (;;) {
        int64_t n = 0;
        enum err err = scorers_call(cluster, call, waiting_take, &n, info);
        if (err != ERR_OK || n == 0)
            return err;
        if (clock_mono_ms() > until_ms)
            return err_set(info, ERR_TIMEOUT, "the router does not take what scorers decided");
        struct timespec pause = {.tv_nsec = LOOK_AGAIN_MS * 1000000};
        nanosleep(&pause, NULL);
    }
}

enum err clock_advance(struct cluster *cluster, int64_t *clock_ms, struct err_info *info)
{
    Assay__Admin__V1__AdvanceClockRequest request = ASSAY__ADMIN__V1__ADVANCE_CLOCK_REQUEST__INIT;
    struct cluster_call call = {
        .method = "assay.admin.v1.AdminService/AdvanceClock",
        .request = &request.base,
        .answer_type = &assay__admin__v1__advance_clock_response__descriptor,
        .timeout_ms = ADVANCE_MS,
    };
    int64_t stands_ms = INT64_MAX;
    request.to_ms = *clock_ms;
    enum err err = moves_settle(cluster, info);
    if (err == ERR_OK)
        err = scorers_call(cluster, call, clock_take, &stands_ms, info);
    if (err == ERR_OK)
        err = signals_settle(cluster, info);
    if (err != ERR_OK)
        return err;
    *clock_ms = stands_ms;
    call.service = "router";
    call.patience_ms = PATIENCE_MS;
    ProtobufCMessage *answer;
    return cluster_call(cluster, &call, &answer, info);
}
