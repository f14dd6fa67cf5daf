// SPDX-License-Identifier: Apache-2.0
// What the requests in the journal do to the core, live and in recovery alike, and their answers:
// one table, by kind.
#include "assay/record/v1/record_router.pb-c.h"
#include "services/router/router_impl.h"

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

// A request on its way through the core, and what it gave.
struct given {
    struct router_core *core;
    int64_t now_ms;
    enum err err;
    struct err_info info;
    const struct router_lead *leads[ROUTER_LEASE_LEADS_MAX];
    size_t n;
};

// ---- What they do -------------------------------------------------------------------------------

#define RUN(verb, Name)                                                                            \
    static enum err run_##verb(struct given *given, const Assay__Router__V1__##Name##Request *in,  \
                               struct router_effects *effects)

RUN(lease, Lease)
{
    struct router_lease lease = ledger_lease_of(in);
    return router_core_lease(given->core, given->now_ms, &lease, given->leads, &given->n, effects,
                             &given->info);
}

RUN(extend, Extend)
{
    return router_core_extend(given->core, given->now_ms, span_of(in->lead_id),
                              span_of(in->lease_token), in->lease_ms, &given->leads[0], effects,
                              &given->info);
}

RUN(ack, Ack)
{
    return router_core_ack(given->core, given->now_ms, span_of(in->lead_id),
                           span_of(in->lease_token), &given->leads[0], effects, &given->info);
}

RUN(release, Release)
{
    return router_core_release(given->core, given->now_ms, span_of(in->lead_id),
                               span_of(in->lease_token), span_of(in->reason), in->delay_ms,
                               &given->leads[0], effects, &given->info);
}

RUN(complete, Complete)
{
    return router_core_complete(given->core, given->now_ms, span_of(in->lead_id),
                                span_of(in->lease_token), span_of(in->outcome), &given->leads[0],
                                effects, &given->info);
}

RUN(park, Park)
{
    return router_core_park(given->core, given->now_ms, span_of(in->lead_id),
                            span_of(in->lease_token), span_of(in->reason), span_of(in->by),
                            &given->leads[0], effects, &given->info);
}

RUN(redrive, Redrive)
{
    return router_core_redrive(given->core, given->now_ms, span_of(in->lead_id), span_of(in->queue),
                               span_of(in->by), &given->n, effects, &given->info);
}

RUN(assign, Assign)
{
    return router_core_assign(given->core, given->now_ms, span_of(in->lead_id), span_of(in->rep),
                              span_of(in->by), span_of(in->reason), &given->leads[0], effects,
                              &given->info);
}

RUN(change_rep, ChangeRep)
{
    struct router_rep_change change;
    const char *wrong = router_codec_rep_change(in, &change);
    if (wrong != NULL)
        return err_set(&given->info, ERR_INVALID, "%s: out of its bounds", wrong);
    return router_core_change_rep(given->core, given->now_ms, &change, effects, &given->info);
}

RUN(answer_prompt, AnswerPrompt)
{
    return router_core_answer_prompt(given->core, given->now_ms, span_of(in->account_id),
                                     span_of(in->user_id), span_of(in->prompt),
                                     (enum router_answer)in->answer, effects, &given->info);
}

// ---- What is answered ---------------------------------------------------------------------------

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
#define LEAD_ANSWER(verb, Name, token)                                                             \
    static ProtobufCMessage *verb##_answer(const struct given *given, struct arena *arena)         \
    {                                                                                              \
        Assay__Router__V1__##Name##Response *out = arena_alloc(arena, sizeof *out);                \
        assay__router__v1__##verb##_response__init(out);                                           \
        out->lead = router_codec_lead(given->core, given->leads[0], token, arena);                 \
        return &out->base;                                                                         \
    }
LEAD_ANSWER(extend, Extend, true)
LEAD_ANSWER(ack, Ack, true)
LEAD_ANSWER(release, Release, false)
LEAD_ANSWER(complete, Complete, true)
LEAD_ANSWER(park, Park, false)
LEAD_ANSWER(assign, Assign, false)

static ProtobufCMessage *redrive_answer(const struct given *given, struct arena *arena)
{
    Assay__Router__V1__RedriveResponse *out = arena_alloc(arena, sizeof *out);
    assay__router__v1__redrive_response__init(out);
    out->leads = given->n;
    return &out->base;
}

static ProtobufCMessage *change_rep_answer(const struct given *given, struct arena *arena)
{
    (void)given;
    Assay__Router__V1__ChangeRepResponse *out = arena_alloc(arena, sizeof *out);
    assay__router__v1__change_rep_response__init(out);
    return &out->base;
}

static ProtobufCMessage *answer_prompt_answer(const struct given *given, struct arena *arena)
{
    (void)given;
    Assay__Router__V1__AnswerPromptResponse *out = arena_alloc(arena, sizeof *out);
    assay__router__v1__answer_prompt_response__init(out);
    return &out->base;
}

// ---- The table ----------------------------------------------------------------------------------

struct request_kind {
    int record; // case in a LeadRequestRecord
    const ProtobufCMessageDescriptor *type;
    enum err (*run)(struct given *given, const ProtobufCMessage *in,
                    struct router_effects *effects);
    ProtobufCMessage *(*answer)(const struct given *given, struct arena *arena);
};

// Functions of one message, called with what their kind's descriptor has made.
#define RUNS(verb, Name)                                                                           \
    static enum err verb##_runs(struct given *given, const ProtobufCMessage *in,                   \
                                struct router_effects *effects)                                    \
    {                                                                                              \
        return run_##verb(given, (const Assay__Router__V1__##Name##Request *)in, effects);         \
    }
RUNS(lease, Lease)
RUNS(extend, Extend)
RUNS(ack, Ack)
RUNS(release, Release)
RUNS(complete, Complete)
RUNS(park, Park)
RUNS(redrive, Redrive)
RUNS(assign, Assign)
RUNS(change_rep, ChangeRep)
RUNS(answer_prompt, AnswerPrompt)

#define KIND(NAME, verb)                                                                           \
    [CALL_##NAME] = {ASSAY__RECORD__V1__LEAD_REQUEST_RECORD__REQUEST_##NAME,                       \
                     &assay__router__v1__##verb##_request__descriptor, verb##_runs, verb##_answer}
static const struct request_kind KINDS[CALL_CHANGES] = {
    KIND(LEASE, lease),
    KIND(EXTEND, extend),
    KIND(ACK, ack),
    KIND(RELEASE, release),
    KIND(COMPLETE, complete),
    KIND(PARK, park),
    KIND(REDRIVE, redrive),
    KIND(ASSIGN, assign),
    KIND(CHANGE_REP, change_rep),
    KIND(ANSWER_PROMPT, answer_prompt),
};

int ledger_record_case(enum call_kind kind)
{
    CHECK(kind < CALL_CHANGES);
    return KINDS[kind].record;
}

static const struct request_kind *kind_of(const Assay__Record__V1__LeadRequestRecord *record)
{
    for (size_t i = 0; i < CALL_CHANGES; i++)
        if (KINDS[i].record == (int)record->request_case)
            return &KINDS[i];
    return NULL;
}

static enum err corrupt(struct err_info *info)
{
    return err_set(info, ERR_CORRUPT, "the record of a request cannot be read");
}

static void answer_call(struct call *call, const struct given *given)
{
    call->err = given->err;
    call->info = given->info;
    call->empty = call->kind == CALL_LEASE && given->n == 0;
    if (given->err == ERR_OK)
        call->answer = KINDS[call->kind].answer(given, &call->arena);
}

enum err ledger_request(struct router *router, struct span body, struct item *item,
                        struct err_info *info)
{
    ProtobufCMessage *read, *in;
    enum err err = rpc_unpack(&assay__record__v1__lead_request_record__descriptor, body,
                              &router->arena, &read, NULL);
    if (err != ERR_OK)
        return corrupt(info);
    const Assay__Record__V1__LeadRequestRecord *record = (const void *)read;
    const struct request_kind *kind = kind_of(record);
    if (kind == NULL)
        return corrupt(info);
    ProtobufCBinaryData bytes = record->lease; // the members of the oneof share their place
    err = rpc_unpack(kind->type, span_make(bytes.data, bytes.len), &router->arena, &in, NULL);
    if (err != ERR_OK)
        return corrupt(info);
    struct given given = {.core = router->core, .now_ms = record->now_ms};
    given.err = kind->run(&given, in, &router->effects);
    ledger_take_effects(router);
    if (item != NULL)
        answer_call(ledger_call_of(item), &given);
    return ERR_OK;
}
