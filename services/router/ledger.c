// SPDX-License-Identifier: Apache-2.0
// The router's fold: what its journal's records do to the core, and what leaves then.
//
// A record of signals or of a lead request holds the message as it came, and the clock. What cannot
// change anything is answered by admit without a record: signals that were taken before, a lease
// where nothing waits, a token that was never given out.
#include "assay/record/v1/record_router.pb-c.h"
#include "assay/record/v1/record_scorer.pb-c.h"
#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "services/playbook/load.h"
#include "services/router/router_impl.h"

const struct store_table LEDGER_TABLES[ROUTER_TABLES] = {
    [ROUTER_TABLE_ACCOUNTS] = {"accounts", STORE_KEY_U64},
    [ROUTER_TABLE_LEADS] = {"leads", STORE_KEY_U64},
    [ROUTER_TABLE_LEASES] = {"leases", STORE_KEY_U64},
    [ROUTER_TABLE_ROUTER] = {"router", STORE_KEY_U64},
    [ROUTER_TABLE_DECISIONS] = {"decisions", STORE_KEY_U64},
};

static struct item *item_of(struct fold_item *fold)
{
    return CONTAINER_OF(fold, struct item, fold);
}

static struct call *call_of(struct item *item)
{
    return CONTAINER_OF(item, struct call, item);
}

static struct signals_item *signals_of(struct item *item)
{
    return CONTAINER_OF(item, struct signals_item, item);
}

// Moves what the core decided into the log.
static void take_effects(struct router *router)
{
    for (size_t i = 0; i < router->effects.n; i++) {
        const struct router_decision *decision = &router->effects.items[i];
        buf_clear(&router->packed);
        router_codec_decision(decision, &router->scratch, &router->packed);
        decision_log_add(router->log, decision->offset, buf_span(&router->packed));
    }
    router_effects_clear(&router->effects);
}

// ---- Admission
// ------------------------------------------------------------------------------------

static bool covered(const struct router_mark *mark, const struct router_signal *signal)
{
    return signal->position < mark->position ||
           (signal->position == mark->position && signal->index <= mark->index);
}

static enum fold_admission admit_signals(struct router *router, const struct signals_item *item)
{
    struct router_mark mark = router_core_mark(router->core, item->signals.lane);
    for (size_t i = 0; i < item->signals.n; i++)
        if (!covered(&mark, &item->signals.items[i]))
            return FOLD_APPEND;
    return FOLD_ANSWER;
}

static struct router_lease lease_of(const Assay__Router__V1__LeaseRequest *request)
{
    return (struct router_lease){
        .queue = span_of(request->queue),
        .consumer = span_of(request->consumer),
        .request_id = span_of(request->request_id),
        .max = request->max == 0 ? 1 : request->max,
        .lease_ms = request->lease_ms,
    };
}

static enum fold_admission admit_lease(struct router *router, struct call *call)
{
    const Assay__Router__V1__LeaseRequest *request =
        (const Assay__Router__V1__LeaseRequest *)call->request;
    struct router_lease lease = lease_of(request);
    call->seen_leads = atomic_load(&router->leads_version);
    call->err = router_core_lease_check(router->core, &lease, &call->info);
    if (call->err != ERR_OK)
        return FOLD_ANSWER;
    call->empty = router_core_prospect(router->core, &lease) == ROUTER_PROSPECT_NOTHING;
    return call->empty ? FOLD_ANSWER : FOLD_APPEND;
}

static enum fold_admission admit_by_token(struct router *router, struct call *call,
                                          const char *lead_id, const char *token)
{
    call->err =
        router_core_token_check(router->core, span_of(lead_id), span_of(token), &call->info);
    return call->err == ERR_OK ? FOLD_APPEND : FOLD_ANSWER;
}

static enum fold_admission admit_call(struct router *router, struct call *call)
{
    call->err = ERR_OK;
    call->empty = false;
    switch (call->kind) {
    case CALL_LEASE:
        return admit_lease(router, call);
    case CALL_EXTEND: {
        const Assay__Router__V1__ExtendRequest *r = (const void *)call->request;
        return admit_by_token(router, call, r->lead_id, r->lease_token);
    }
    case CALL_ACK: {
        const Assay__Router__V1__AckRequest *r = (const void *)call->request;
        return admit_by_token(router, call, r->lead_id, r->lease_token);
    }
    case CALL_RELEASE: {
        const Assay__Router__V1__ReleaseRequest *r = (const void *)call->request;
        return admit_by_token(router, call, r->lead_id, r->lease_token);
    }
    case CALL_COMPLETE: {
        const Assay__Router__V1__CompleteRequest *r = (const void *)call->request;
        return admit_by_token(router, call, r->lead_id, r->lease_token);
    }
    case CALL_LIST_LEADS:
    case CALL_LIST_DECISIONS:
    case CALL_GET_ACCOUNT:
    case CALL_GET_QUEUES:
        break;
    }
    CHECK(false); // these have no record
    return FOLD_ANSWER;
}

// At the first start the playbook's record is on its way before everything else; a moment later it
// is there.
static enum fold_admission admit_without_playbook(struct item *item, bool expired)
{
    if (!expired)
        return FOLD_HOLD;
    if (item->kind == ITEM_SIGNALS) {
        signals_of(item)->err = ERR_UNAVAILABLE;
    } else {
        struct call *call = call_of(item);
        call->err = err_set(&call->info, ERR_UNAVAILABLE, "there is no playbook in force yet");
    }
    return FOLD_ANSWER;
}

static enum fold_admission ledger_admit(void *state, struct fold_item *fold, bool expired)
{
    struct router *router = state;
    struct item *item = item_of(fold);
    bool needs_playbook = item->kind == ITEM_SIGNALS || item->kind == ITEM_CALL;
    if (needs_playbook && router_core_playbook(router->core) == NULL)
        return admit_without_playbook(item, expired);
    switch (item->kind) {
    case ITEM_SIGNALS:
        return admit_signals(router, signals_of(item));
    case ITEM_CALL:
        return admit_call(router, call_of(item));
    case ITEM_TICK: {
        const struct tick_item *tick = CONTAINER_OF(item, struct tick_item, item);
        bool due = router_core_next_due(router->core) <= tick->now_ms;
        return due ? FOLD_APPEND : FOLD_ANSWER;
    }
    case ITEM_PLAYBOOK:
        return FOLD_APPEND;
    case ITEM_WAKE:
        break;
    }
    CHECK(false);
    return FOLD_ANSWER;
}

// ---- Records
// --------------------------------------------------------------------------------------

static enum err corrupt(struct err_info *info, const char *what)
{
    return err_set(info, ERR_CORRUPT, "%s cannot be read", what);
}

static enum err apply_signals(struct router *router, struct span body, struct item *item,
                              struct err_info *info)
{
    struct router_signals read;
    const struct router_signals *signals = &read;
    Assay__Record__V1__SignalsRecord *record = NULL;
    if (item != NULL) {
        signals = &signals_of(item)->signals;
    } else {
        record = assay__record__v1__signals_record__unpack(NULL, body.len, body.ptr);
        if (record == NULL)
            return corrupt(info, "a record of signals");
        struct span request = span_make(record->request.data, record->request.len);
        enum err err = router_codec_signals(request, &router->arena, &read, info);
        if (err != ERR_OK) {
            assay__record__v1__signals_record__free_unpacked(record, NULL);
            return err_prefix(info, ERR_CORRUPT, "a record of signals");
        }
    }
    if (router_core_playbook(router->core) == NULL)
        return err_set(info, ERR_CORRUPT, "signals before any playbook");
    router_core_signals(router->core, signals->lane, signals->items, signals->n, &router->effects);
    take_effects(router);
    assay__record__v1__signals_record__free_unpacked(record, NULL);
    return ERR_OK;
}

// What a lead request gave.
struct given {
    enum err err;
    struct err_info info;
    const struct router_lead *leads[ROUTER_LEASE_LEADS_MAX];
    size_t n;
};

static void give(struct given *given, enum err err)
{
    given->err = err;
    given->n = err == ERR_OK ? 1 : 0;
}

static void *unpack_in(struct router *router, const ProtobufCMessageDescriptor *type,
                       ProtobufCBinaryData bytes)
{
    ProtobufCMessage *message = NULL;
    enum err err =
        rpc_unpack(type, span_make(bytes.data, bytes.len), &router->arena, &message, NULL);
    return err == ERR_OK ? message : NULL;
}

static bool run_lease(struct router *router, const Assay__Record__V1__LeadRequestRecord *record,
                      struct given *given)
{
    const Assay__Router__V1__LeaseRequest *in =
        unpack_in(router, &assay__router__v1__lease_request__descriptor, record->lease);
    if (in == NULL)
        return false;
    struct router_lease lease = lease_of(in);
    given->err = router_core_lease(router->core, record->now_ms, &lease, given->leads, &given->n,
                                   &router->effects, &given->info);
    return true;
}

static bool run_extend(struct router *router, const Assay__Record__V1__LeadRequestRecord *record,
                       struct given *given)
{
    const Assay__Router__V1__ExtendRequest *in =
        unpack_in(router, &assay__router__v1__extend_request__descriptor, record->extend);
    if (in == NULL)
        return false;
    give(given, router_core_extend(router->core, record->now_ms, span_of(in->lead_id),
                                   span_of(in->lease_token), in->lease_ms, &given->leads[0],
                                   &router->effects, &given->info));
    return true;
}

static bool run_ack(struct router *router, const Assay__Record__V1__LeadRequestRecord *record,
                    struct given *given)
{
    const Assay__Router__V1__AckRequest *in =
        unpack_in(router, &assay__router__v1__ack_request__descriptor, record->ack);
    if (in == NULL)
        return false;
    give(given, router_core_ack(router->core, record->now_ms, span_of(in->lead_id),
                                span_of(in->lease_token), &given->leads[0], &router->effects,
                                &given->info));
    return true;
}

static bool run_release(struct router *router, const Assay__Record__V1__LeadRequestRecord *record,
                        struct given *given)
{
    const Assay__Router__V1__ReleaseRequest *in =
        unpack_in(router, &assay__router__v1__release_request__descriptor, record->release);
    if (in == NULL)
        return false;
    give(given, router_core_release(router->core, record->now_ms, span_of(in->lead_id),
                                    span_of(in->lease_token), span_of(in->reason), &given->leads[0],
                                    &router->effects, &given->info));
    return true;
}

static bool run_complete(struct router *router, const Assay__Record__V1__LeadRequestRecord *record,
                         struct given *given)
{
    const Assay__Router__V1__CompleteRequest *in =
        unpack_in(router, &assay__router__v1__complete_request__descriptor, record->complete);
    if (in == NULL)
        return false;
    give(given, router_core_complete(router->core, record->now_ms, span_of(in->lead_id),
                                     span_of(in->lease_token), span_of(in->outcome),
                                     &given->leads[0], &router->effects, &given->info));
    return true;
}

static bool run_request(struct router *router, const Assay__Record__V1__LeadRequestRecord *record,
                        struct given *given)
{
    switch (record->request_case) {
    case ASSAY__RECORD__V1__LEAD_REQUEST_RECORD__REQUEST_LEASE:
        return run_lease(router, record, given);
    case ASSAY__RECORD__V1__LEAD_REQUEST_RECORD__REQUEST_EXTEND:
        return run_extend(router, record, given);
    case ASSAY__RECORD__V1__LEAD_REQUEST_RECORD__REQUEST_ACK:
        return run_ack(router, record, given);
    case ASSAY__RECORD__V1__LEAD_REQUEST_RECORD__REQUEST_RELEASE:
        return run_release(router, record, given);
    case ASSAY__RECORD__V1__LEAD_REQUEST_RECORD__REQUEST_COMPLETE:
        return run_complete(router, record, given);
    case ASSAY__RECORD__V1__LEAD_REQUEST_RECORD__REQUEST__NOT_SET:
    case _ASSAY__RECORD__V1__LEAD_REQUEST_RECORD__REQUEST__CASE_IS_INT_SIZE:
        break;
    }
    return false;
}

static Assay__Router__V1__Lead *first_lead(const struct given *given, bool token,
                                           struct arena *arena)
{
    return router_codec_lead(given->leads[0], token, arena);
}

static ProtobufCMessage *lease_answer(const struct given *given, struct arena *arena)
{
    Assay__Router__V1__LeaseResponse *out = arena_alloc(arena, sizeof *out);
    assay__router__v1__lease_response__init(out);
    out->n_leads = given->n;
    out->leads = arena_alloc(arena, (given->n + 1) * sizeof *out->leads);
    for (size_t i = 0; i < given->n; i++)
        out->leads[i] = router_codec_lead(given->leads[i], true, arena);
    return &out->base;
}

// Only whoever holds the lead sees its token.
#define LEAD_ANSWER(type, init, given, token, arena)                                               \
    type *out = arena_alloc(arena, sizeof *out);                                                   \
    init(out);                                                                                     \
    out->lead = first_lead(given, token, arena);                                                   \
    return &out->base

static ProtobufCMessage *extend_answer(const struct given *given, struct arena *arena)
{
    LEAD_ANSWER(Assay__Router__V1__ExtendResponse, assay__router__v1__extend_response__init, given,
                true, arena);
}

static ProtobufCMessage *ack_answer(const struct given *given, struct arena *arena)
{
    LEAD_ANSWER(Assay__Router__V1__AckResponse, assay__router__v1__ack_response__init, given, true,
                arena);
}

static ProtobufCMessage *release_answer(const struct given *given, struct arena *arena)
{
    LEAD_ANSWER(Assay__Router__V1__ReleaseResponse, assay__router__v1__release_response__init,
                given, false, arena);
}

static ProtobufCMessage *complete_answer(const struct given *given, struct arena *arena)
{
    LEAD_ANSWER(Assay__Router__V1__CompleteResponse, assay__router__v1__complete_response__init,
                given, true, arena);
}

static void answer_call(struct call *call, const struct given *given)
{
    call->err = given->err;
    call->info = given->info;
    call->empty = call->kind == CALL_LEASE && given->n == 0;
    if (given->err != ERR_OK)
        return;
    static ProtobufCMessage *(*const ANSWERS[])(const struct given *, struct arena *) = {
        [CALL_LEASE] = lease_answer,     [CALL_EXTEND] = extend_answer,     [CALL_ACK] = ack_answer,
        [CALL_RELEASE] = release_answer, [CALL_COMPLETE] = complete_answer,
    };
    call->answer = ANSWERS[call->kind](given, &call->arena);
}

static enum err apply_request(struct router *router, struct span body, struct item *item,
                              struct err_info *info)
{
    Assay__Record__V1__LeadRequestRecord *record =
        assay__record__v1__lead_request_record__unpack(NULL, body.len, body.ptr);
    if (record == NULL)
        return corrupt(info, "a record of a request");
    struct given given = {.err = ERR_OK};
    bool read = run_request(router, record, &given);
    take_effects(router);
    assay__record__v1__lead_request_record__free_unpacked(record, NULL);
    if (!read)
        return corrupt(info, "a request in its record");
    if (item != NULL)
        answer_call(call_of(item), &given);
    return ERR_OK;
}

static enum err apply_tick(struct router *router, struct span body, struct err_info *info)
{
    Assay__Record__V1__TickRecord *record =
        assay__record__v1__tick_record__unpack(NULL, body.len, body.ptr);
    if (record == NULL)
        return corrupt(info, "a tick");
    router_core_tick(router->core, record->now_ms, &router->effects);
    take_effects(router);
    assay__record__v1__tick_record__free_unpacked(record, NULL);
    return ERR_OK;
}

static enum err read_playbook(struct span body, struct playbook **out, struct err_info *info)
{
    Assay__Record__V1__PlaybookRecord *record =
        assay__record__v1__playbook_record__unpack(NULL, body.len, body.ptr);
    if (record == NULL)
        return corrupt(info, "a playbook's record");
    struct buf report = {0};
    enum err err =
        playbook_load(record->file, span_make(record->text.data, record->text.len), out, &report);
    buf_append_u8(&report, 0);
    if (err != ERR_OK)
        err = err_set(info, ERR_CORRUPT, "the journal's playbook cannot be read: %s",
                      (const char *)report.bytes);
    buf_deinit(&report);
    assay__record__v1__playbook_record__free_unpacked(record, NULL);
    return err;
}

static enum err apply_playbook(struct router *router, struct span body, struct item *item,
                               struct err_info *info)
{
    struct playbook *playbook = NULL;
    if (item != NULL) {
        struct playbook_item *loading = CONTAINER_OF(item, struct playbook_item, item);
        playbook = loading->playbook;
        loading->playbook = NULL;
    } else {
        enum err err = read_playbook(body, &playbook, info);
        if (err != ERR_OK)
            return err;
    }
    router_core_set_playbook(router->core, playbook, &router->effects);
    take_effects(router);
    return ERR_OK;
}

static enum err ledger_apply(void *state, uint64_t position, const struct journal_record *record,
                             struct fold_item *fold, struct err_info *info)
{
    (void)position;
    struct router *router = state;
    struct item *item = fold == NULL ? NULL : item_of(fold);
    arena_reset(&router->arena);
    arena_bound(&router->arena, 0);
    switch ((enum ledger_record)record->type) {
    case LEDGER_SIGNALS:
        return apply_signals(router, record->body, item, info);
    case LEDGER_REQUEST:
        return apply_request(router, record->body, item, info);
    case LEDGER_TICK:
        return apply_tick(router, record->body, info);
    case LEDGER_PLAYBOOK:
        return apply_playbook(router, record->body, item, info);
    }
    return err_set(info, ERR_CORRUPT, "a record of the unknown type %u", record->type);
}

// ---- Answers
// --------------------------------------------------------------------------------------

static void answer_signals(struct router *router, struct signals_item *item, enum err err)
{
    if (err == ERR_OK)
        err = item->err;
    if (err != ERR_OK) {
        rpc_request_fail(item->request, rpc_status_of_err(err), "signals: %s",
                         err == ERR_FULL ? fold_describe_full(router->fold) : err_text(err));
    } else {
        struct router_mark mark = router_core_mark(router->core, item->signals.lane);
        Assay__Router__V1__ApplySignalsResponse response =
            ASSAY__ROUTER__V1__APPLY_SIGNALS_RESPONSE__INIT;
        response.position = mark.position;
        response.index = mark.index;
        rpc_request_answer_message(item->request, &response.base);
    }
    arena_deinit(&item->arena);
    buf_deinit(&item->record);
    mem_free(item);
}

static void ledger_answer(void *state, struct fold_item *fold, enum err err)
{
    struct router *router = state;
    struct item *item = item_of(fold);
    switch (item->kind) {
    case ITEM_SIGNALS:
        answer_signals(router, signals_of(item), err);
        return;
    case ITEM_CALL: {
        struct call *call = call_of(item);
        if (err != ERR_OK)
            call->err = err_set(&call->info, err, "%s",
                                err == ERR_FULL ? fold_describe_full(router->fold) : err_text(err));
        break;
    }
    case ITEM_TICK:
        CONTAINER_OF(item, struct tick_item, item)->err = err;
        break;
    case ITEM_PLAYBOOK:
        CONTAINER_OF(item, struct playbook_item, item)->err = err;
        break;
    case ITEM_WAKE:
        CHECK(false);
        return;
    }
    router_answered(router, item);
}

static void look_leads(struct router *router, struct call *call)
{
    const Assay__Router__V1__ListLeadsRequest *in = (const void *)call->request;
    struct router_filter filter = {
        .queue = span_of(in->queue),
        .state = (int)in->state,
        .account = span_of(in->account_id),
        .max = in->max == 0 ? 100 : in->max,
        .after = call->page,
    };
    const struct router_lead **leads = arena_alloc(&call->arena, filter.max * sizeof *leads);
    uint64_t next, total;
    size_t n = router_core_leads(router->core, &filter, leads, &next, &total);
    Assay__Router__V1__ListLeadsResponse *out = arena_alloc(&call->arena, sizeof *out);
    assay__router__v1__list_leads_response__init(out);
    out->n_leads = n;
    out->leads = arena_alloc(&call->arena, (n + 1) * sizeof *out->leads);
    for (size_t i = 0; i < n; i++)
        out->leads[i] = router_codec_lead(leads[i], false, &call->arena);
    out->total = total;
    if (next != 0)
        out->next_page = arena_printf(&call->arena, "%llu", (unsigned long long)next);
    call->answer = &out->base;
}

static void look_decisions(struct router *router, struct call *call)
{
    const Assay__Router__V1__ListDecisionsRequest *in = (const void *)call->request;
    buf_clear(&call->bytes);
    call->err =
        decision_log_read(router->log, router->fold, in->after, in->max == 0 ? 1000 : in->max,
                          (size_t)router->config->page_max_bytes, &call->bytes, &call->info);
    call->empty = call->err == ERR_OK && call->bytes.len == 0;
}

static void look_account(struct router *router, struct call *call)
{
    const Assay__Router__V1__GetAccountRequest *in = (const void *)call->request;
    struct router_account_view view;
    router_core_account(router->core, span_of(in->account_id), &call->arena, &view);
    call->answer = &router_codec_account(in->account_id, &view, &call->arena)->base;
}

static void look_queues(struct router *router, struct call *call)
{
    struct fold_stats stats;
    fold_stats(router->fold, &stats);
    struct router_counts counts;
    router_core_counts(router->core, &counts);
    const struct router_queue_view *views;
    size_t n = router_core_queues(router->core, &call->arena, &views);
    Assay__Router__V1__GetQueuesResponse *out = arena_alloc(&call->arena, sizeof *out);
    assay__router__v1__get_queues_response__init(out);
    out->n_queues = n;
    out->queues = arena_alloc(&call->arena, (n + 1) * sizeof *out->queues);
    for (size_t i = 0; i < n; i++)
        out->queues[i] = router_codec_queue(&views[i], &call->arena);
    out->accounts = counts.accounts;
    out->pals = counts.pals;
    out->pqls = counts.pqls;
    out->pqas = counts.pqas;
    out->leads = counts.leads;
    out->decisions = counts.decisions;
    out->journal_last = stats.journal_last;
    out->checkpoint = stats.checkpoint_position;
    const struct playbook *playbook = router_core_playbook(router->core);
    if (playbook != NULL)
        out->playbook = arena_dup(&call->arena, span_of(playbook->label));
    call->answer = &out->base;
}

static void ledger_inspect(void *state, struct fold_item *fold)
{
    struct router *router = state;
    struct call *call = call_of(item_of(fold));
    call->err = ERR_OK;
    switch (call->kind) {
    case CALL_LIST_LEADS:
        look_leads(router, call);
        break;
    case CALL_LIST_DECISIONS:
        look_decisions(router, call);
        break;
    case CALL_GET_ACCOUNT:
        look_account(router, call);
        break;
    case CALL_GET_QUEUES:
        look_queues(router, call);
        break;
    case CALL_LEASE:
    case CALL_EXTEND:
    case CALL_ACK:
    case CALL_RELEASE:
    case CALL_COMPLETE:
        CHECK(false);
    }
    router_answered(router, &call->item);
}

// ---- After a group
// --------------------------------------------------------------------------------

static void set_metrics(struct router *router, const struct router_counts *counts)
{
    struct router_metrics *m = &router->metrics;
    metrics_mirror(&m->signals, counts->signals);
    metrics_mirror(&m->decisions, counts->decisions);
    metrics_mirror(&m->pals, counts->pals);
    metrics_mirror(&m->pqls, counts->pqls);
    metrics_mirror(&m->pqas, counts->pqas);
    metrics_mirror(&m->leads, counts->leads);
    metrics_set(&m->accounts, (int64_t)counts->accounts);
    metrics_set(&m->waiting, (int64_t)counts->states[ROUTER_WAITING]);
    metrics_set(&m->leased, (int64_t)counts->states[ROUTER_LEASED]);
    metrics_set(&m->acked, (int64_t)counts->states[ROUTER_ACKED]);
    metrics_set(&m->completed, (int64_t)counts->states[ROUTER_COMPLETED]);
    metrics_set(&m->parked, (int64_t)counts->states[ROUTER_PARKED]);
}

void ledger_publish(struct router *router)
{
    struct router_counts counts;
    router_core_counts(router->core, &counts);
    uint64_t before = atomic_exchange(&router->last_decision, counts.decisions);
    // A lead that begins to wait is always in a decision; waking for nothing now and then is cheap.
    if (before != counts.decisions && counts.states[ROUTER_WAITING] > 0)
        atomic_fetch_add(&router->leads_version, 1);
    atomic_store(&router->next_due_ms, router_core_next_due(router->core));
    set_metrics(router, &counts);
}

static void ledger_flush(void *state)
{
    struct router *router = state;
    uint64_t decisions = atomic_load(&router->last_decision);
    int64_t due_ms = atomic_load(&router->next_due_ms);
    ledger_publish(router);
    bool sooner = atomic_load(&router->next_due_ms) < due_ms;
    bool awaited =
        atomic_load(&router->last_decision) != decisions && atomic_load(&router->n_parked) > 0;
    if ((sooner || awaited) && !atomic_exchange(&router->woken, true))
        router_answered(router, &router->wake);
}

// ---- Checkpoints and recovery
// ---------------------------------------------------------------------

static void ledger_freeze(void *state, uint64_t position)
{
    (void)state;
    (void)position; // seal follows at once and gives everything
}

static void seal_row(void *arg, enum router_table table, uint64_t key, struct span value)
{
    if (value.ptr == NULL)
        fold_rows_delete(arg, table, store_u64_key(&key));
    else
        fold_rows_put(arg, table, store_u64_key(&key), value);
}

static void ledger_seal(void *state, struct fold_rows *rows)
{
    struct router *router = state;
    router_rows_take(router->rows, seal_row, rows);
    decision_log_seal(router->log, rows);
}

static enum err ledger_load(void *state, uint32_t table, struct span key, struct span value,
                            struct err_info *info)
{
    struct router *router = state;
    return router_rows_load(router->rows, (enum router_table)table, store_u64_of_key(key), value,
                            info);
}

static enum err ledger_loaded(void *state, uint64_t position, struct err_info *info)
{
    (void)position;
    struct router *router = state;
    enum err err = router_rows_loaded(router->rows, playbook_load, info);
    if (err != ERR_OK)
        return err;
    struct router_counts counts;
    router_core_counts(router->core, &counts);
    decision_log_restore(router->log, counts.decisions);
    return ERR_OK;
}

static enum err ledger_ready(void *state, struct err_info *info)
{
    (void)info;
    ledger_publish(state);
    return ERR_OK;
}

const struct fold_ops LEDGER_OPS = {
    .admit = ledger_admit,
    .apply = ledger_apply,
    .answer = ledger_answer,
    .inspect = ledger_inspect,
    .flush = ledger_flush,
    .freeze = ledger_freeze,
    .seal = ledger_seal,
    .load = ledger_load,
    .loaded = ledger_loaded,
    .ready = ledger_ready,
};
