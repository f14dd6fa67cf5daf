// SPDX-License-Identifier: Apache-2.0
// What became of leads goes back to where events come in, as traits of their accounts, so that
// conditions can look at it:
//
//     idle ──outcomes wait──► look (fold) ──► call ingest ──taken──► record it (fold) ──► look ...
//                                             ▲      │
//                                             └pause─┘ not taken, or not recorded
//
// A batch is sent again until ingest has taken it, and, after a kill, again from the last record
// on: its messages have the same ids then, and count once.
#include <stdio.h>
#include <string.h>

#include "assay/ingest/v1/ingest.pb-c.h"
#include "assay/record/v1/record_router.pb-c.h"
#include "common/base/mem.h"
#include "common/base/time_text.h"
#include "common/log/log.h"
#include "services/router/router_impl.h"

#define LOG_COMPONENT "reports"

enum { CALL_MS = 10000, PAUSE_FIRST_MS = 100, PAUSE_MAX_MS = 5000, TRAITS = 3 };

static const char METHOD[] = "assay.ingest.v1.IngestService/Ingest";

static void look(struct router *router);
static void send_batch(struct router *router);

static void batch_destroy(struct outcomes_item *batch)
{
    if (batch == NULL)
        return;
    arena_deinit(&batch->arena);
    buf_deinit(&batch->record);
    mem_free(batch);
}

static void drop(struct router *router)
{
    batch_destroy(router->reports.batch);
    router->reports.batch = NULL;
}

// Tries again after a growing while: with the batch, or from a new look when there is none.
static void retry_later(struct router *router)
{
    struct reports *r = &router->reports;
    if (r->closing) {
        drop(router);
        return;
    }
    r->pause_ms = r->pause_ms == 0 ? PAUSE_FIRST_MS : r->pause_ms * 2;
    if (r->pause_ms > PAUSE_MAX_MS)
        r->pause_ms = PAUSE_MAX_MS;
    loop_timer_start(r->pause, (uint64_t)r->pause_ms, 0);
}

static void pause_cb(void *arg)
{
    struct router *router = arg;
    const struct reports *r = &router->reports;
    if (r->with_fold || r->in_call)
        return; // a wake was faster
    if (r->batch != NULL)
        send_batch(router);
    else
        look(router);
}

// ---- With the fold ------------------------------------------------------------------------------

static bool give_fold(struct router *router)
{
    struct reports *r = &router->reports;
    r->with_fold = router_submit(router, &r->batch->item) == ERR_OK;
    if (!r->with_fold)
        retry_later(router);
    return r->with_fold;
}

static void look(struct router *router)
{
    struct reports *r = &router->reports;
    r->batch = mem_zalloc(sizeof *r->batch);
    r->batch->item.kind = ITEM_OUTCOMES;
    arena_init(&r->batch->arena, 4096, 0);
    if (!give_fold(router))
        drop(router); // the pause, if any, ends with another look
}

static void record(struct router *router)
{
    struct outcomes_item *batch = router->reports.batch;
    Assay__Record__V1__ReportedRecord message = ASSAY__RECORD__V1__REPORTED_RECORD__INIT;
    message.decision = batch->decision;
    buf_clear(&batch->record);
    size_t n = assay__record__v1__reported_record__get_packed_size(&message);
    assay__record__v1__reported_record__pack(&message, buf_reserve(&batch->record, n + 1));
    batch->record.len = n;
    batch->item.kind = ITEM_REPORTED;
    batch->item.fold = (struct fold_item){.type = LEDGER_REPORTED};
    batch->item.fold.body = buf_span(&batch->record);
    (void)give_fold(router);
}

void reports_back(struct router *router, struct outcomes_item *batch)
{
    struct reports *r = &router->reports;
    CHECK(batch == r->batch && r->with_fold);
    r->with_fold = false;
    if (r->closing) {
        drop(router);
    } else if (batch->err != ERR_OK) {
        if (batch->item.kind == ITEM_OUTCOMES)
            drop(router);
        retry_later(router);
    } else if (batch->item.kind == ITEM_REPORTED) {
        drop(router);
        reports_wake(router);
    } else if (batch->n > 0) {
        send_batch(router);
    } else {
        drop(router);
    }
}

void reports_wake(struct router *router)
{
    struct reports *r = &router->reports;
    // A pause without a batch ends with a look by itself; another one does no harm.
    if (r->n > 0 && !r->closing && r->batch == NULL && atomic_load(&router->n_outcomes) > 0)
        look(router);
}

// ---- With ingest --------------------------------------------------------------------------------

static Assay__Event__V1__Property *trait(const char *key, char *text, struct arena *arena)
{
    Assay__Event__V1__Property *property = arena_alloc(arena, sizeof *property);
    assay__event__v1__property__init(property);
    property->key = (char *)key;
    property->value_case = ASSAY__EVENT__V1__PROPERTY__VALUE_TEXT;
    property->text = text;
    return property;
}

static Assay__Ingest__V1__Event *event_of(const struct outcome_copy *outcome, struct arena *arena)
{
    Assay__Ingest__V1__Event *event = arena_alloc(arena, sizeof *event);
    assay__ingest__v1__event__init(event);
    char *at = arena_alloc(arena, TIME_TEXT_MAX);
    event->kind = ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_GROUP;
    event->message_id = arena_printf(arena, "%s:%s", outcome->lead_id, outcome->outcome);
    event->group_id = (char *)outcome->account_id;
    event->timestamp_ms = outcome->at_ms;
    event->n_traits = TRAITS;
    event->traits = arena_alloc(arena, TRAITS * sizeof *event->traits);
    event->traits[0] = trait("lead_outcome", (char *)outcome->outcome, arena);
    event->traits[1] = trait("lead_outcome_at", time_format(outcome->at_ms, at), arena);
    event->traits[2] = trait("lead_id", (char *)outcome->lead_id, arena);
    return event;
}

static void answered_cb(void *arg, enum rpc_status status, const char *text, struct span answer);

// The next one with a connection. False: there is none.
static bool choose_client(struct reports *r)
{
    for (size_t i = 0; i < r->n; i++) {
        size_t at = (r->at + i) % r->n;
        if (!rpc_client_connected(r->clients[at]))
            continue;
        r->at = at;
        return true;
    }
    return false;
}

static void send_batch(struct router *router)
{
    struct reports *r = &router->reports;
    if (!choose_client(r)) {
        retry_later(router);
        return;
    }
    arena_reset(&r->arena);
    Assay__Ingest__V1__IngestRequest request = ASSAY__INGEST__V1__INGEST_REQUEST__INIT;
    request.n_events = r->batch->n;
    request.events = arena_alloc(&r->arena, r->batch->n * sizeof *request.events);
    for (size_t i = 0; i < r->batch->n; i++)
        request.events[i] = event_of(&r->batch->items[i], &r->arena);
    buf_clear(&r->body);
    size_t n = assay__ingest__v1__ingest_request__get_packed_size(&request);
    assay__ingest__v1__ingest_request__pack(&request, buf_reserve(&r->body, n));
    r->body.len = n;
    struct rpc_call_opts opts = {.timeout_ms = CALL_MS};
    r->in_call = true;
    rpc_call_raw(r->clients[r->at], METHOD, buf_span(&r->body), &opts, answered_cb, router);
}

// What ingest refuses by its content it would refuse for ever.
static void count_verdicts(struct router *router, const Assay__Ingest__V1__IngestResponse *answer)
{
    const struct outcomes_item *batch = router->reports.batch;
    size_t refused = 0;
    for (size_t i = 0; i < answer->n_verdicts; i++) {
        const Assay__Ingest__V1__EventVerdict *v = answer->verdicts[i];
        if (v->verdict != ASSAY__INGEST__V1__VERDICT__VERDICT_REFUSED || v->index >= batch->n)
            continue;
        refused++;
        LOG_ERROR("outcome_refused", "lead=%s outcome=%s msg=\"%s\"",
                  batch->items[v->index].lead_id, batch->items[v->index].outcome, v->reason);
    }
    metrics_add(&router->metrics.unreportable, refused);
    metrics_add(&router->metrics.reported, batch->n - refused);
}

static void answered_cb(void *arg, enum rpc_status status, const char *text, struct span bytes)
{
    struct router *router = arg;
    struct reports *r = &router->reports;
    ProtobufCMessage *answer = NULL;
    struct err_info info;
    r->in_call = false;
    if (r->closing) {
        drop(router);
        return;
    }
    arena_reset(&r->arena);
    if (status == RPC_OK && rpc_unpack(&assay__ingest__v1__ingest_response__descriptor, bytes,
                                       &r->arena, &answer, &info) != ERR_OK) {
        status = RPC_INTERNAL;
        text = info.text;
    }
    if (status == RPC_OK) {
        count_verdicts(router, (const Assay__Ingest__V1__IngestResponse *)answer);
        r->pause_ms = 0;
        record(router);
        return;
    }
    metrics_add(&router->metrics.report_retries, 1);
    LOG_WARN("outcomes_not_taken", "status=%s n=%zu msg=\"%s\"", rpc_status_name(status),
             r->batch->n, text);
    r->at = (r->at + 1) % r->n;
    retry_later(router);
}

// ---- Life cycle ---------------------------------------------------------------------------------

static enum err open_client(struct router *router, struct span address, struct err_info *info)
{
    struct reports *r = &router->reports;
    if (r->n == ROUTER_INGESTS_MAX)
        return err_set(info, ERR_INVALID, "ingest: more than %d addresses", ROUTER_INGESTS_MAX);
    struct rpc_client_opts opts = {.url = arena_dup(&r->arena, address),
                                   .calls_max = 2,
                                   .authorization = service_authorization,
                                   .authorization_arg = router->service};
    enum err err = rpc_client_open(service_loop(router->service), &opts, &r->clients[r->n], info);
    if (err != ERR_OK)
        return err_prefix(info, err, "ingest");
    r->n++;
    return ERR_OK;
}

enum err reports_open(struct router *router, struct err_info *info)
{
    struct reports *r = &router->reports;
    const char *at = router->config->ingest;
    enum err err = ERR_OK;
    arena_init(&r->arena, 16 * 1024, 0);
    r->pause = loop_timer_create(service_loop(router->service), pause_cb, router);
    while (err == ERR_OK && *(at += strspn(at, " ")) != '\0') {
        size_t len = strcspn(at, " ");
        err = open_client(router, span_make(at, len), info);
        at += len;
    }
    if (err == ERR_OK && r->n == 0)
        LOG_INFO("outcomes_stay_here", "msg=\"no address of ingest is configured: what becomes of "
                                       "leads is not reported back\"");
    return err;
}

static void client_closed_cb(void *arg)
{
    struct router *router = arg;
    router->reports.n_closed++;
    if (reports_closed(router))
        router_ended(router);
}

void reports_close(struct router *router)
{
    struct reports *r = &router->reports;
    r->closing = true;
    loop_timer_stop(r->pause);
    if (!r->in_call && !r->with_fold)
        drop(router);
    for (size_t i = 0; i < r->n; i++)
        rpc_client_close(r->clients[i], client_closed_cb, router);
}

bool reports_closed(const struct router *router)
{
    return router->reports.closing && router->reports.n_closed == router->reports.n;
}

static void forgotten_cb(void *arg)
{
    (void)arg;
}

void reports_deinit(struct router *router)
{
    struct reports *r = &router->reports;
    drop(router);
    for (size_t i = 0; !r->closing && i < r->n; i++)
        rpc_client_close(r->clients[i], forgotten_cb, NULL);
    loop_timer_destroy(r->pause);
    arena_deinit(&r->arena);
    buf_deinit(&r->body);
}
