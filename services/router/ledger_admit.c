// SPDX-License-Identifier: Apache-2.0
// What is let into the journal. A record of signals or of a request holds the message as it came,
// and the clock. What cannot change anything is answered without a record: signals that were taken
// before, a lease where nothing waits, a token that was never given out, what names a lead, a
// queue, a team, an account or a prompt that is not there.
#include "services/access/words.h"
#include "services/router/router_impl.h"

// ---- Signals ------------------------------------------------------------------------------------

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

// ---- Requests -----------------------------------------------------------------------------------

static enum err check_token(const struct router *router, const char *lead_id, const char *token,
                            struct err_info *info)
{
    return router_core_token_check(router->core, span_of(lead_id), span_of(token), info);
}

static enum err check_lead(const struct router *router, const char *lead_id, struct err_info *info)
{
    if (router_core_lead(router->core, span_of(lead_id)) != NULL)
        return ERR_OK;
    return err_set(info, ERR_NOT_FOUND, "lead_id: there is no \"%s\"", lead_id);
}

static enum err check_extend(const struct router *router, const ProtobufCMessage *request,
                             struct err_info *info)
{
    const Assay__Router__V1__ExtendRequest *in = (const void *)request;
    return check_token(router, in->lead_id, in->lease_token, info);
}

static enum err check_ack(const struct router *router, const ProtobufCMessage *request,
                          struct err_info *info)
{
    const Assay__Router__V1__AckRequest *in = (const void *)request;
    return check_token(router, in->lead_id, in->lease_token, info);
}

static enum err check_release(const struct router *router, const ProtobufCMessage *request,
                              struct err_info *info)
{
    const Assay__Router__V1__ReleaseRequest *in = (const void *)request;
    return check_token(router, in->lead_id, in->lease_token, info);
}

static enum err check_complete(const struct router *router, const ProtobufCMessage *request,
                               struct err_info *info)
{
    const Assay__Router__V1__CompleteRequest *in = (const void *)request;
    return check_token(router, in->lead_id, in->lease_token, info);
}

static enum err check_park(const struct router *router, const ProtobufCMessage *request,
                           struct err_info *info)
{
    const Assay__Router__V1__ParkRequest *in = (const void *)request;
    if (in->lease_token[0] != '\0')
        return check_token(router, in->lead_id, in->lease_token, info);
    return check_lead(router, in->lead_id, info);
}

static enum err check_redrive(const struct router *router, const ProtobufCMessage *request,
                              struct err_info *info)
{
    const Assay__Router__V1__RedriveRequest *in = (const void *)request;
    if (in->lead_id[0] != '\0')
        return check_lead(router, in->lead_id, info);
    struct router_lease lease = {.queue = span_of(in->queue)};
    if (router_core_prospect(router->core, &lease) != ROUTER_PROSPECT_UNKNOWN)
        return ERR_OK;
    return err_set(info, ERR_NOT_FOUND, "queue: there is no \"%s\"", in->queue);
}

static enum err check_assign(const struct router *router, const ProtobufCMessage *request,
                             struct err_info *info)
{
    const Assay__Router__V1__AssignRequest *in = (const void *)request;
    return check_lead(router, in->lead_id, info);
}

static enum err check_change_rep(const struct router *router, const ProtobufCMessage *request,
                                 struct err_info *info)
{
    const Assay__Router__V1__ChangeRepRequest *in = (const void *)request;
    const struct playbook *playbook = router_core_playbook(router->core);
    for (int32_t i = 0; i < playbook->n_teams; i++)
        if (span_is(span_of(in->team), playbook->teams[i].name))
            return ERR_OK;
    return err_set(info, ERR_NOT_FOUND, "team: there is no \"%s\"", in->team);
}

static enum err check_answer_prompt(const struct router *router, const ProtobufCMessage *request,
                                    struct err_info *info)
{
    const Assay__Router__V1__AnswerPromptRequest *in = (const void *)request;
    const struct playbook *playbook = router_core_playbook(router->core);
    if (!router_core_knows(router->core, span_of(in->account_id)))
        return err_set(info, ERR_NOT_FOUND, "account_id: there is no \"%s\"", in->account_id);
    for (int32_t i = 0; i < playbook->n_prompts; i++)
        if (span_is(span_of(in->prompt), playbook->prompts[i].name))
            return ERR_OK;
    return err_set(info, ERR_NOT_FOUND, "prompt: there is no \"%s\"", in->prompt);
}

// Where requests that name a lead by its lease do so; 0: not so.
#define LEAD_ID_AT(Name) offsetof(Assay__Router__V1__##Name##Request, lead_id)
static const size_t LEAD_ID_PLACES[CALL_CHANGES] = {
    [CALL_EXTEND] = LEAD_ID_AT(Extend),   [CALL_ACK] = LEAD_ID_AT(Ack),
    [CALL_RELEASE] = LEAD_ID_AT(Release), [CALL_COMPLETE] = LEAD_ID_AT(Complete),
    [CALL_PARK] = LEAD_ID_AT(Park),
};

// A lead of a queue, or of a consumer, that the caller's key is not for is not there to it. What
// names a queue was looked at before the call came here.
static enum err check_limits(const struct router *router, const struct call *call,
                             struct err_info *info)
{
    size_t place = LEAD_ID_PLACES[call->kind];
    if (call->key == NULL || place == 0)
        return ERR_OK;
    const char *lead_id = *(char *const *)((const char *)call->request + place);
    const struct router_lead *lead = router_core_lead(router->core, span_of(lead_id));
    const char *consumer = lead == NULL || lead->consumer == NULL ? "" : lead->consumer;
    if (lead != NULL && keys_allows(call->key, ACCESS_QUEUES, span_of(lead->queue)) &&
        keys_allows(call->key, ACCESS_CONSUMER, span_of(consumer)))
        return ERR_OK;
    return err_set(info, ERR_NOT_FOUND, "lead_id: there is no \"%s\"", lead_id);
}

static enum fold_admission admit_lease(struct router *router, struct call *call)
{
    const Assay__Router__V1__LeaseRequest *request =
        (const Assay__Router__V1__LeaseRequest *)call->request;
    struct router_lease lease = ledger_lease_of(request);
    call->seen_leads = atomic_load(&router->leads_version);
    call->err = router_core_lease_check(router->core, &lease, &call->info);
    if (call->err != ERR_OK)
        return FOLD_ANSWER;
    call->empty = router_core_prospect(router->core, &lease) == ROUTER_PROSPECT_NOTHING;
    return call->empty ? FOLD_ANSWER : FOLD_APPEND;
}

static enum fold_admission admit_call(struct router *router, struct call *call)
{
    static enum err (*const CHECKS[CALL_CHANGES])(const struct router *, const ProtobufCMessage *,
                                                  struct err_info *) = {
        [CALL_EXTEND] = check_extend,
        [CALL_ACK] = check_ack,
        [CALL_RELEASE] = check_release,
        [CALL_COMPLETE] = check_complete,
        [CALL_PARK] = check_park,
        [CALL_REDRIVE] = check_redrive,
        [CALL_ASSIGN] = check_assign,
        [CALL_CHANGE_REP] = check_change_rep,
        [CALL_ANSWER_PROMPT] = check_answer_prompt,
    };
    CHECK(call->kind < CALL_CHANGES); // the others have no record
    call->empty = false;
    if (call->kind == CALL_LEASE)
        return admit_lease(router, call);
    call->err = check_limits(router, call, &call->info);
    if (call->err != ERR_OK)
        return FOLD_ANSWER;
    call->err = CHECKS[call->kind](router, call->request, &call->info);
    return call->err == ERR_OK ? FOLD_APPEND : FOLD_ANSWER;
}

// ---- Everything ---------------------------------------------------------------------------------

// At the first start the playbook's record is on its way before everything else; a moment later it
// is there.
static enum fold_admission admit_without_playbook(struct item *item, bool expired)
{
    if (!expired)
        return FOLD_HOLD;
    if (item->kind == ITEM_SIGNALS) {
        ledger_signals_of(item)->err = ERR_UNAVAILABLE;
    } else {
        struct call *call = ledger_call_of(item);
        call->err = err_set(&call->info, ERR_UNAVAILABLE, "there is no playbook in force yet");
    }
    return FOLD_ANSWER;
}

enum fold_admission ledger_admit(void *state, struct fold_item *fold, bool expired)
{
    struct router *router = state;
    struct item *item = ledger_item_of(fold);
    bool needs_playbook = item->kind == ITEM_SIGNALS || item->kind == ITEM_CALL;
    if (needs_playbook && router_core_playbook(router->core) == NULL)
        return admit_without_playbook(item, expired);
    switch (item->kind) {
    case ITEM_SIGNALS:
        return admit_signals(router, ledger_signals_of(item));
    case ITEM_CALL:
        return admit_call(router, ledger_call_of(item));
    case ITEM_TICK: {
        const struct tick_item *tick = CONTAINER_OF(item, struct tick_item, item);
        struct router_counts counts;
        router_core_counts(router->core, &counts);
        bool due = tick->token != NULL ? counts.clock_ms < tick->now_ms
                                       : router_core_next_due(router->core) <= tick->now_ms;
        return due ? FOLD_APPEND : FOLD_ANSWER;
    }
    case ITEM_PLAYBOOK:
    case ITEM_REPORTED:
        return FOLD_APPEND;
    case ITEM_OUTCOMES: // these are inspected
    case ITEM_WEBHOOKS:
    case ITEM_WAKE:
        break;
    }
    CHECK(false);
    return FOLD_ANSWER;
}
