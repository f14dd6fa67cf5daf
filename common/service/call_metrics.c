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

struct call_time {
    METRICS_FIELDS(CALL_TIME_METRICS)
};

// Of one method; a status gets its set when it is seen.
struct call_method {
    struct call_method *next;
    const char *name; // the server's
    struct call_status *statuses[STATUSES];
    struct call_time took;
};

// Of a raw method: counted on any thread, and so everything is there from the start; what there is
// something to say of is registered on the loop, when metrics are about to be written.
struct call_raw {
    const char *name; // the server's
    struct call_status statuses[STATUSES];
    bool shown[STATUSES], timed;
    struct call_time took;
};

struct call_metrics {
    struct metrics *metrics;
    struct call_method *methods; // the last that was called first
    struct call_raw *raws;
    size_t n_raws, raws_cap;
};

#define CALL_STATUS_DESC(kind, field, name, help)                                                  \
    METRICS_DESC(struct call_status, kind, field, name, help)
#define CALL_TIME_DESC(kind, field, name, help)                                                    \
    METRICS_DESC(struct call_time, kind, field, name, help)
static const struct metrics_desc STATUS_DESCS[] = {CALL_STATUS_METRICS(CALL_STATUS_DESC)};
static const struct metrics_desc TIME_DESCS[] = {CALL_TIME_METRICS(CALL_TIME_DESC)};

static void register_time(struct call_metrics *calls, const char *method,
                          const struct call_time *set)
{
    char labels[RPC_METHOD_MAX + 16];
    snprintf(labels, sizeof labels, "method=\"%s\"", method);
    metrics_register(calls->metrics, TIME_DESCS, ARRAY_LEN(TIME_DESCS), set, labels);
}

static void register_status(struct call_metrics *calls, const char *method, size_t status,
                            const struct call_status *set)
{
    char labels[RPC_METHOD_MAX + 64];
    snprintf(labels, sizeof labels, "method=\"%s\",status=\"%s\"", method,
             rpc_status_name((enum rpc_status)status));
    metrics_register(calls->metrics, STATUS_DESCS, ARRAY_LEN(STATUS_DESCS), set, labels);
}

static struct call_method *find(struct call_metrics *calls, const char *name)
{
    struct call_method **link = &calls->methods, *method;
    // A name is one text for all calls of the method.
    while ((method = *link) != NULL && method->name != name)
        link = &method->next;
    if (method != NULL) {
        *link = method->next;
    } else {
        method = mem_zalloc(sizeof *method);
        method->name = name;
        register_time(calls, name, &method->took);
    }
    method->next = calls->methods;
    calls->methods = method;
    return method;
}

static void count(struct call_metrics *calls, struct call_method *method, enum rpc_status status)
{
    struct call_status **set = &method->statuses[status];
    if (*set == NULL) {
        *set = mem_zalloc(sizeof **set);
        register_status(calls, method->name, (size_t)status, *set);
    }
    metrics_add(&(*set)->calls, 1);
}

static struct call_raw *find_raw(const struct call_metrics *calls, const char *name)
{
    for (size_t i = 0; i < calls->n_raws; i++)
        if (calls->raws[i].name == name)
            return &calls->raws[i];
    return NULL;
}

// Any thread.
static void observe_raw(void *arg, const char *name, enum rpc_status status, uint64_t ns)
{
    struct call_raw *raw = find_raw(arg, name);
    CHECK(raw != NULL && (size_t)status < STATUSES);
    metrics_add(&raw->statuses[status].calls, 1);
    metrics_observe(&raw->took.time, ns);
}

static void observe(void *arg, const struct rpc_incoming *call, enum rpc_status status, uint64_t ns)
{
    static const char *const WAYS[] = {"nng", "grpc", "http", "inside"};
    struct call_metrics *calls = arg;
    CHECK((size_t)status < STATUSES && (size_t)rpc_incoming_way(call) < ARRAY_LEN(WAYS));
    if (find_raw(calls, rpc_incoming_method(call)) != NULL) {
        observe_raw(calls, rpc_incoming_method(call), status, ns);
        return;
    }
    struct call_method *method = find(calls, rpc_incoming_method(call));
    count(calls, method, status);
    metrics_observe(&method->took.time, ns);
    LOG_DEBUG("call", "method=%s way=%s status=%s us=%llu", method->name,
              WAYS[rpc_incoming_way(call)], rpc_status_name(status), (unsigned long long)ns / 1000);
}

struct call_metrics *call_metrics_create(struct metrics *metrics, struct rpc_server *server)
{
    struct call_metrics *calls = mem_zalloc(sizeof *calls);
    const char *name;
    calls->metrics = metrics;
    while ((name = rpc_server_nth_raw(server, calls->n_raws)) != NULL) {
        MEM_GROW(calls->raws, calls->n_raws, calls->raws_cap);
        calls->raws[calls->n_raws++] = (struct call_raw){.name = name};
    }
    rpc_server_set_observer(server, observe, calls);
    rpc_server_set_raw_observer(server, observe_raw, calls);
    return calls;
}

void call_metrics_refresh(struct call_metrics *calls)
{
    for (size_t i = 0; i < calls->n_raws; i++) {
        struct call_raw *raw = &calls->raws[i];
        for (size_t s = 0; s < STATUSES; s++) {
            if (raw->shown[s] || metrics_value(&raw->statuses[s].calls) == 0)
                continue;
            raw->shown[s] = true;
            register_status(calls, raw->name, s, &raw->statuses[s]);
            if (!raw->timed)
                register_time(calls, raw->name, &raw->took);
            raw->timed = true;
        }
    }
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
    if (calls != NULL)
        mem_free(calls->raws);
    mem_free(calls);
}
