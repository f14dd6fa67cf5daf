// SPDX-License-Identifier: Apache-2.0
// What the journal's records do to the core, live and in recovery alike.
#include "assay/record/v1/record_router.pb-c.h"
#include "assay/record/v1/record_scorer.pb-c.h"
#include "common/base/mem.h"
#include "services/playbook/load.h"
#include "services/router/router_impl.h"

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

struct router_lease ledger_lease_of(const Assay__Router__V1__LeaseRequest *request)
{
    return (struct router_lease){
        .queue = span_of(request->queue),
        .consumer = span_of(request->consumer),
        .request_id = span_of(request->request_id),
        .max = request->max == 0 ? 1 : request->max,
        .lease_ms = request->lease_ms,
    };
}

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
        signals = &ledger_signals_of(item)->signals;
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
    const struct router_core *core;
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
    struct router_lease lease = ledger_lease_of(in);
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
                                    span_of(in->lease_token), span_of(in->reason), in->delay_ms,
                                    &given->leads[0], &router->effects, &given->info));
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
    case ASSAY__RECORD__V1__LEAD_REQUEST_RECORD__REQUEST_PARK:
    case ASSAY__RECORD__V1__LEAD_REQUEST_RECORD__REQUEST_REDRIVE:
    case ASSAY__RECORD__V1__LEAD_REQUEST_RECORD__REQUEST_ASSIGN:
    case ASSAY__RECORD__V1__LEAD_REQUEST_RECORD__REQUEST_CHANGE_REP:
    case ASSAY__RECORD__V1__LEAD_REQUEST_RECORD__REQUEST_ANSWER_PROMPT:
    case ASSAY__RECORD__V1__LEAD_REQUEST_RECORD__REQUEST__NOT_SET:
    case _ASSAY__RECORD__V1__LEAD_REQUEST_RECORD__REQUEST__CASE_IS_INT_SIZE:
        break;
    }
    return false;
}

static Assay__Router__V1__Lead *first_lead(const struct given *given, bool token,
                                           struct arena *arena)
{
    return router_codec_lead(given->core, given->leads[0], token, arena);
}

static ProtobufCMessage *lease_answer(const struct given *given, struct arena *arena)
{
    Assay__Router__V1__LeaseResponse *out = arena_alloc(arena, sizeof *out);
    assay__router__v1__lease_response__init(out);
    out->n_leads = given->n;
    out->leads = arena_alloc(arena, (given->n + 1) * sizeof *out->leads);
    for (size_t i = 0; i < given->n; i++)
        out->leads[i] = router_codec_lead(given->core, given->leads[i], true, arena);
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
    struct given given = {.core = router->core, .err = ERR_OK};
    bool read = run_request(router, record, &given);
    take_effects(router);
    assay__record__v1__lead_request_record__free_unpacked(record, NULL);
    if (!read)
        return corrupt(info, "a request in its record");
    if (item != NULL)
        answer_call(ledger_call_of(item), &given);
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

static enum err apply_reported(struct router *router, struct span body, struct err_info *info)
{
    Assay__Record__V1__ReportedRecord *record =
        assay__record__v1__reported_record__unpack(NULL, body.len, body.ptr);
    if (record == NULL)
        return corrupt(info, "a record of reported outcomes");
    router_core_reported(router->core, record->decision);
    assay__record__v1__reported_record__free_unpacked(record, NULL);
    return ERR_OK;
}

enum err ledger_apply(void *state, uint64_t position, const struct journal_record *record,
                      struct fold_item *fold, struct err_info *info)
{
    (void)position;
    struct router *router = state;
    struct item *item = fold == NULL ? NULL : ledger_item_of(fold);
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
    case LEDGER_REPORTED:
        return apply_reported(router, record->body, info);
    }
    return err_set(info, ERR_CORRUPT, "a record of the unknown type %u", record->type);
}
