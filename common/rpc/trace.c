// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/trace.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/base/span.h"
#include "common/clock/clock.h"
#include "common/log/log.h"

enum { TRACE_ID_AT = 3, TRACE_ID_BYTES = 32, PARENT_AT = 36, PARENT_BYTES = 16, FLAGS_AT = 53 };

static _Thread_local const struct rpc_trace *trace_now;

// Names, not secrets: one true random number per thread is enough (SplitMix64).
static uint64_t trace_random(void)
{
    static _Thread_local uint64_t state;
    if (state == 0)
        state = clock_random_u64();
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static bool trace_request_id_fits(const char *text)
{
    size_t len = strnlen(text, RPC_REQUEST_ID_MAX + 1);
    if (len == 0 || len > RPC_REQUEST_ID_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    return true;
}

static bool trace_is_hex(const char *text, size_t n, bool may_be_zero)
{
    bool zero = true;
    for (size_t i = 0; i < n; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';
        if (!digit && !(text[i] >= 'a' && text[i] <= 'f'))
            return false;
        zero = zero && text[i] == '0';
    }
    return may_be_zero || !zero;
}

// Version 00 alone: later ones may be longer, and are restarted as the standard allows.
static bool trace_parent_fits(const char *text)
{
    return strnlen(text, RPC_TRACEPARENT_BYTES + 1) == RPC_TRACEPARENT_BYTES &&
           memcmp(text, "00-", TRACE_ID_AT) == 0 && text[PARENT_AT - 1] == '-' &&
           text[FLAGS_AT - 1] == '-' && trace_is_hex(text + TRACE_ID_AT, TRACE_ID_BYTES, false) &&
           trace_is_hex(text + PARENT_AT, PARENT_BYTES, false) &&
           trace_is_hex(text + FLAGS_AT, 2, true);
}

void rpc_trace_make(struct rpc_trace *trace, const char *request_id, const char *traceparent)
{
    if (request_id != NULL && trace_request_id_fits(request_id))
        memcpy(trace->request_id, request_id, strlen(request_id) + 1);
    else
        snprintf(trace->request_id, sizeof trace->request_id, "%016llx",
                 (unsigned long long)trace_random());
    if (traceparent != NULL && trace_parent_fits(traceparent))
        memcpy(trace->traceparent, traceparent, RPC_TRACEPARENT_BYTES + 1);
    else
        // An id of zeroes is not allowed, hence the ones.
        snprintf(trace->traceparent, sizeof trace->traceparent, "00-%016llx%016llx-%016llx-01",
                 (unsigned long long)trace_random(), (unsigned long long)trace_random() | 1,
                 (unsigned long long)trace_random() | 1);
}

void rpc_trace_child(struct rpc_trace *child, const struct rpc_trace *of)
{
    char span[PARENT_BYTES + 1];
    snprintf(span, sizeof span, "%016llx", (unsigned long long)trace_random() | 1);
    *child = *of;
    memcpy(child->traceparent + PARENT_AT, span, PARENT_BYTES);
}

const struct rpc_trace *rpc_trace_now(void)
{
    return trace_now;
}

static void trace_set(const struct rpc_trace *trace)
{
    trace_now = trace;
    if (trace == NULL) {
        log_set_context(NULL, NULL);
        return;
    }
    char id[TRACE_ID_BYTES + 1] = {0};
    memcpy(id, trace->traceparent + TRACE_ID_AT, TRACE_ID_BYTES);
    log_set_context(trace->request_id, id);
}

const struct rpc_trace *rpc_trace_enter(const struct rpc_trace *trace)
{
    const struct rpc_trace *outer = trace_now;
    if (trace != NULL || outer != NULL)
        trace_set(trace);
    return outer;
}

void rpc_trace_leave(const struct rpc_trace *outer)
{
    if (outer != NULL || trace_now != NULL)
        trace_set(outer);
}
