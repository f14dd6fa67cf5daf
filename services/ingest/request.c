// SPDX-License-Identifier: Apache-2.0
#include "services/ingest/request.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/keys/keys.h"
#include "common/rpc/carry.h"
#include "services/access/words.h"
#include "services/ingest/ingest_impl.h"

static void list_add(struct request_list *list, struct request *request)
{
    request->prev = list->last;
    request->next = NULL;
    if (list->last != NULL)
        list->last->next = request;
    else
        list->first = request;
    list->last = request;
    list->n++;
}

static void list_remove(struct request_list *list, struct request *request)
{
    *(request->prev != NULL ? &request->prev->next : &list->first) = request->next;
    *(request->next != NULL ? &request->next->prev : &list->last) = request->prev;
    CHECK(list->n > 0);
    list->n--;
}

static void request_destroy(struct request *request)
{
    struct ingest *ingest = request->ingest;
    CHECK(request->closure == NULL && request->waiting == 0);
    if (request->open)
        list_remove(&ingest->open, request);
    if (request->sender != NULL)
        sender_leave(&ingest->senders, request);
    if (request->key != NULL)
        keys_release(request->key->keys);
    arena_deinit(&request->arena);
    mem_free(request);
}

// The call ends with an error, if it has not ended.
static void answer_error(struct request *request, enum rpc_status status, const char *text)
{
    if (request->closure == NULL)
        return;
    if (status == RPC_UNAVAILABLE || status == RPC_RESOURCE_EXHAUSTED)
        metrics_add(&request->ingest->metrics.unavailable, 1);
    request->closure = NULL;
    request->message = NULL;
    rpc_fail(request->closure_data, status, "%s", text);
}

// The caller has gone, and was told so. What was taken goes on.
static void request_cancelled_cb(void *arg)
{
    struct request *request = arg;
    if (request->open) {
        answer_error(request, RPC_DEADLINE_EXCEEDED, "the caller has gone");
        return;
    }
    request_refuse(request, RPC_UNAVAILABLE, "its turn did not come in time");
}

static uint64_t digest_of(const Assay__Ingest__V1__IngestRequest *message)
{
    uint64_t digest = message->n_events;
    for (size_t i = 0; i < message->n_events; i++)
        digest = hash64_seeded(span_of(message->events[i]->message_id), digest);
    return digest;
}

// Its turn may come after the keys have changed.
static const struct keys_key *hold_key(const struct rpc_incoming *call)
{
    const struct keys_key *key = rpc_incoming_tag(call);
    if (key == NULL || key->role == KEYS_ADMIN || keys_list_of(key, ACCESS_ACCOUNTS) == NULL)
        return NULL;
    (void)keys_hold(key->keys);
    return key;
}

struct request *request_create(struct ingest *ingest,
                               const Assay__Ingest__V1__IngestRequest *message,
                               Assay__Ingest__V1__IngestResponse_Closure closure,
                               void *closure_data)
{
    struct request *request = mem_zalloc(sizeof *request);
    struct rpc_incoming *call = rpc_incoming(closure_data);
    request->ingest = ingest;
    request->sequence = message->sequence;
    request->closure = closure;
    request->closure_data = closure_data;
    request->message = message;
    request->key = hold_key(call);
    const struct keys_key *caller = rpc_incoming_tag(call);
    snprintf(request->source, sizeof request->source, "%s", caller == NULL ? "" : caller->id);
    request->n_events = (uint32_t)message->n_events;
    request->held_bytes = sizeof *request + rpc_incoming_arena(call)->used_bytes;
    if (message->sender[0] != '\0')
        request->digest = digest_of(message);
    arena_init(&request->arena, 1024, 0);
    rpc_incoming_on_cancel(call, request_cancelled_cb, request);
    return request;
}

void request_refuse(struct request *request, enum rpc_status status, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    CHECK(!request->open);
    answer_error(request, status, text);
    request_destroy(request);
}

void request_begin(struct request *request)
{
    CHECK(!request->open && !request->held && request->verdicts == NULL);
    request->verdicts = arena_alloc(&request->arena, request->n_events + 1u);
    memset(request->verdicts, ASSAY__INGEST__V1__VERDICT__VERDICT_ACCEPTED, request->n_events);
}

void request_open(struct request *request)
{
    CHECK(!request->open && request->verdicts != NULL);
    request->open = true;
    request->message = NULL;
    list_add(&request->ingest->open, request);
}

void request_set_refused(struct request *request, uint32_t index, const char *rule,
                         const char *reason)
{
    CHECK(request->verdicts != NULL && index < request->n_events);
    if (request->reasons == NULL) {
        size_t bytes = request->n_events * sizeof *request->reasons;
        request->reasons = arena_alloc(&request->arena, bytes);
        request->rules = arena_alloc(&request->arena, bytes);
    }
    request->rules[index] = rule;
    request->reasons[index] = arena_dup(&request->arena, span_of(reason));
    request->verdicts[index] = ASSAY__INGEST__V1__VERDICT__VERDICT_REFUSED;
}

// ---- The answer ---------------------------------------------------------------------------------

static void answer_verdicts(struct request *request, const uint32_t *counts)
{
    Assay__Ingest__V1__IngestResponse response = ASSAY__INGEST__V1__INGEST_RESPONSE__INIT;
    response.accepted = counts[ASSAY__INGEST__V1__VERDICT__VERDICT_ACCEPTED];
    response.duplicate = counts[ASSAY__INGEST__V1__VERDICT__VERDICT_DUPLICATE];
    response.refused = counts[ASSAY__INGEST__V1__VERDICT__VERDICT_REFUSED];
    size_t n = response.duplicate + response.refused;
    Assay__Ingest__V1__EventVerdict *items = arena_alloc(&request->arena, n * sizeof *items);
    response.verdicts = arena_alloc(&request->arena, n * sizeof *response.verdicts);
    for (uint32_t i = 0; i < request->n_events; i++) {
        if (request->verdicts[i] == ASSAY__INGEST__V1__VERDICT__VERDICT_ACCEPTED)
            continue;
        Assay__Ingest__V1__EventVerdict *item = &items[response.n_verdicts];
        response.verdicts[response.n_verdicts++] = item;
        assay__ingest__v1__event_verdict__init(item);
        item->index = i;
        item->verdict = (Assay__Ingest__V1__Verdict)request->verdicts[i];
        if (request->reasons != NULL && request->reasons[i] != NULL) {
            item->reason = (char *)request->reasons[i];
            item->rule = (char *)request->rules[i];
        }
    }
    CHECK(response.n_verdicts == n);
    Assay__Ingest__V1__IngestResponse_Closure closure = request->closure;
    request->closure = NULL;
    closure(&response, request->closure_data);
}

void request_look_done(struct request *request)
{
    CHECK(request->open);
    if (request->waiting > 0)
        return;
    uint32_t counts[4] = {0};
    for (uint32_t i = 0; i < request->n_events; i++)
        counts[request->verdicts[i]]++;
    if (!request->failed) {
        metrics_add(&request->ingest->metrics.accepted,
                    counts[ASSAY__INGEST__V1__VERDICT__VERDICT_ACCEPTED]);
        metrics_add(&request->ingest->metrics.duplicate,
                    counts[ASSAY__INGEST__V1__VERDICT__VERDICT_DUPLICATE]);
    }
    if (request->closure != NULL)
        answer_verdicts(request, counts);
    request_destroy(request);
}

void request_wait(struct request *request)
{
    CHECK(request->open);
    request->waiting++;
}

void request_acknowledged(struct request *request, uint32_t index, bool duplicate, bool copy)
{
    CHECK(request->waiting > 0 && index < request->n_events);
    if (duplicate && !copy)
        request->verdicts[index] = ASSAY__INGEST__V1__VERDICT__VERDICT_DUPLICATE;
    request->waiting--;
    request_look_done(request);
}

void request_dropped(struct request *request)
{
    CHECK(request->waiting > 0 && request->closure == NULL);
    request->waiting--;
    request_look_done(request);
}

void request_fail(struct request *request, enum rpc_status status, const char *text)
{
    CHECK(request->open);
    request->failed = true;
    answer_error(request, status, text);
}

void request_give_up(struct request *request, const char *text)
{
    CHECK(request->open);
    answer_error(request, RPC_UNAVAILABLE, text);
}

void request_attach(struct request *request, struct request *again)
{
    CHECK(request->open && !again->open && !again->held && again->sender == NULL);
    metrics_add(&request->ingest->metrics.repeated, 1);
    answer_error(request, RPC_ABORTED, "the same request was sent again");
    request->closure = again->closure;
    request->closure_data = again->closure_data;
    rpc_incoming_on_cancel(rpc_incoming(again->closure_data), request_cancelled_cb, request);
    again->closure = NULL;
    request_destroy(again);
}
