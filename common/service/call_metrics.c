// SPDX-License-Identifier: Apache-2.0
#include "common/service/call_metrics.h"

#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/log/log.h"
#include "common/rpc/carry.h"

#define LOG_COMPONENT "rpc"

// Labels: method, status.
#define CALL_STATUS_METRICS(X)                                                                     \
    X(COUNTER, calls, "assay_rpc_calls_total", "Calls that ended, by method and status")
// Labels: method.
#define CALL_TIME_METRICS(X)                                                                       \
    X(HISTOGRAM, time, "assay_rpc_call_seconds", "Time from a call's arrival to its end")

enum { STATUSES = RPC_UNAUTHENTICATED + 1 };

struct call_status {
    METRICS_FIELDS(CALL_STATUS_METRICS)
};

// Of one method; a status gets its set when it is seen.
struct call_method {
    struct call_method *next;
    const char *name; // the server's
    struct call_status *statuses[STATUSES];
    METRICS_FIELDS(CALL_TIME_METRICS)
};

struct call_metrics {
    struct metrics *metrics;
    struct call_method *methods; // the last that was called first
};

#define CALL_STATUS_DESC(kind, field, name, help)                                                  \
    METRICS_DESC(struct call_status, kind, field, name, help)
#define CALL_TIME_DESC(kind, field, name, help)                                                    \
    METRICS_DESC(struct call_method, kind, field, name, help)
static const struct metrics_desc STATUS_DESCS[] = {CALL_STATUS_METRICS(CALL_STATUS_DESC)};
static const struct metrics_desc TIME_DESCS[] = {CALL_TIME_METRICS(CALL_TIME_DESC)};

static struct call_method *find(struct call_metrics *calls, const char *name)
{
    struct call_method **link = &calls->methods, *method;
    // A name is one text for all calls of the method.
    while ((method = *link) != NULL && method->name != name)
        link = &method->next;
    if (method != NULL) {
        *link = method->next;
    } else {
        char labels[RPC_METHOD_MAX + 16];
        method = mem_zalloc(sizeof *method);
        method->name = name;
        snprintf(labels, sizeof labels, "method=\"%s\"", name);
        metrics_register(calls->metrics, TIME_DESCS, ARRAY_LEN(TIME_DESCS), method, labels);
    }
    method->next = calls->methods;
    calls->methods = method;
    return method;
}

static void count(struct call_metrics *calls, struct call_method *method, enum rpc_status status)
{
    struct call_status **set = &method->statuses[status];
    if (*set == NULL) {
        char labels[RPC_METHOD_MAX + 64];
        *set = mem_zalloc(sizeof **set);
        snprintf(labels, sizeof labels, "method=\"%s\",status=\"%s\"", method->name,
                 rpc_status_name(status));
        metrics_register(calls->metrics, STATUS_DESCS, ARRAY_LEN(STATUS_DESCS), *set, labels);
    }
    metrics_add(&(*set)->calls, 1);
}

static void observe(void *arg, const struct rpc_incoming *call, enum rpc_status status, uint64_t ns)
{
    static const char *const WAYS[] = {"nng", "grpc", "http", "inside"};
    struct call_metrics *calls = arg;
    CHECK((size_t)status < STATUSES && (size_t)rpc_incoming_way(call) < ARRAY_LEN(WAYS));
    struct call_method *method = find(calls, rpc_incoming_method(call));
    count(calls, method, status);
    metrics_observe(&method->time, ns);
    LOG_DEBUG("call", "method=%s way=%s status=%s us=%llu", method->name,
              WAYS[rpc_incoming_way(call)], rpc_status_name(status), (unsigned long long)ns / 1000);
}

struct call_metrics *call_metrics_create(struct metrics *metrics, struct rpc_server *server)
{
    struct call_metrics *calls = mem_zalloc(sizeof *calls);
    calls->metrics = metrics;
    rpc_server_set_observer(server, observe, calls);
    return calls;
}

void call_metrics_destroy(struct call_metrics *calls)
{
    struct call_method *method;
    while (calls != NULL && (method = calls->methods) != NULL) {
        calls->methods = method->next;
        for (size_t i = 0; i < STATUSES; i++)
            mem_free(method->statuses[i]);
        mem_free(method);
    }
    mem_free(calls);
}
