// SPDX-License-Identifier: Apache-2.0
// What consumers ask. Each request first lets time pass, so that a lease that has run out is never
// extended.
#include "services/router/core/state.h"

#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/base/mem.h"

static const char OUTCOMES[][12] = {"accepted", "rejected", "meeting", "won", "lost"};

static const char *outcome_of(struct span text)
{
    for (size_t i = 0; i < ARRAY_LEN(OUTCOMES); i++)
        if (span_is(text, OUTCOMES[i]))
            return OUTCOMES[i];
    return NULL;
}

void router_lead_token(const struct router_lead *lead, char out[ROUTER_TOKEN_BYTES])
{
    char text[ROUTER_LEAD_ID_BYTES + 32];
    int len = snprintf(text, sizeof text, "lease/%s/%u", lead->id, lead->attempts);
    struct hash128 hash = hash128(span_make(text, (size_t)len));
    snprintf(out, ROUTER_TOKEN_BYTES, "%016llx%016llx", (unsigned long long)hash.high,
             (unsigned long long)hash.low);
}

static enum err check_lease_ms(int64_t lease_ms, struct err_info *info)
{
    if (lease_ms < 0 || lease_ms > ROUTER_LEASE_MS_MAX)
        return err_set(info, ERR_INVALID, "lease_ms: %lld is not between 0 and %d",
                       (long long)lease_ms, ROUTER_LEASE_MS_MAX);
    return ERR_OK;
}

// ---- Lease --------------------------------------------------------------------------------------

enum router_prospect router_core_prospect(const struct router_core *core,
                                          const struct router_lease *request)
{
    const struct router_queue *queue =
        router_state_queue((struct router_core *)core, request->queue, false);
    if (!router_state_queue_known(queue))
        return ROUTER_PROSPECT_UNKNOWN;
    const struct desk *desk = router_leads_desk_of(queue, request->consumer);
    if ((desk != NULL ? desk->ready : queue->ready) > 0)
        return ROUTER_PROSPECT_LEADS;
    bool known = request->request_id.len > 0 &&
                 router_state_remembered_find(core, request->consumer, request->request_id) != NULL;
    return known ? ROUTER_PROSPECT_LEADS : ROUTER_PROSPECT_NOTHING;
}

enum err router_core_lease_check(const struct router_core *core, const struct router_lease *request,
                                 struct err_info *info)
{
    if (request->consumer.len == 0 || request->consumer.len > ROUTER_TEXT_MAX)
        return err_set(info, ERR_INVALID, "consumer: a name of 1 to %d bytes is needed",
                       ROUTER_TEXT_MAX);
    if (request->request_id.len > ROUTER_TEXT_MAX)
        return err_set(info, ERR_INVALID, "request_id: longer than %d bytes", ROUTER_TEXT_MAX);
    if (request->max < 1 || request->max > ROUTER_LEASE_LEADS_MAX)
        return err_set(info, ERR_INVALID, "max: %u is not between 1 and %d", request->max,
                       ROUTER_LEASE_LEADS_MAX);
    enum err err = check_lease_ms(request->lease_ms, info);
    if (err == ERR_OK && router_core_prospect(core, request) == ROUTER_PROSPECT_UNKNOWN)
        return err_set(info, ERR_NOT_FOUND, "queue: there is no \"" SPAN_FMT "\"",
                       SPAN_ARG(request->queue));
    return err;
}

// The same request again: what of it is still held.
static size_t repeat_lease(const struct router_core *core, const struct remembered *remembered,
                           const struct router_lead **out)
{
    size_t n = 0;
    for (uint32_t i = 0; i < remembered->n; i++) {
        const struct router_lead *lead = core->leads[remembered->leads[i] - 1];
        bool held = lead->state == ROUTER_LEASED || lead->state == ROUTER_ACKED;
        if (held && lead->attempts == remembered->attempts[i])
            out[n++] = lead;
    }
    return n;
}

static void remember_lease(struct router_core *core, const struct router_lease *request,
                           const struct router_lead *const *leads, size_t n)
{
    struct remembered *remembered = router_state_remembered_add(
        core, core->last_remembered + 1, request->consumer, request->request_id, (uint32_t)n);
    for (size_t i = 0; i < n; i++) {
        remembered->leads[i] = leads[i]->serial;
        remembered->attempts[i] = leads[i]->attempts;
    }
}

enum err router_core_lease(struct router_core *core, int64_t now_ms,
                           const struct router_lease *request, const struct router_lead **out,
                           size_t *n, struct router_effects *effects, struct err_info *info)
{
    *n = 0;
    router_core_tick(core, now_ms, effects);
    enum err err = router_core_lease_check(core, request, info);
    if (err != ERR_OK)
        return err;
    bool named = request->request_id.len > 0;
    const struct remembered *before =
        named ? router_state_remembered_find(core, request->consumer, request->request_id) : NULL;
    if (before != NULL) {
        *n = repeat_lease(core, before, out);
        return ERR_OK;
    }
    struct router_queue *queue = router_state_queue(core, request->queue, false);
    struct desk *desk = router_leads_desk_of(queue, request->consumer);
    struct router_lead *lead;
    while (*n < request->max && (lead = router_leads_take(core, queue, desk)) != NULL) {
        router_leads_hand_out(core, lead, request->consumer, request->lease_ms, effects);
        out[(*n)++] = lead;
    }
    if (named && *n > 0)
        remember_lease(core, request, out, *n);
    return ERR_OK;
}

// ---- By token -----------------------------------------------------------------------------------

enum err router_requests_find(const struct router_core *core, struct span lead_id,
                              struct span token, struct router_lead **out, struct err_info *info)
{
    struct router_lead *lead = router_state_lead_find(core, lead_id);
    if (lead == NULL)
        return err_set(info, ERR_NOT_FOUND, "lead_id: there is no \"" SPAN_FMT "\"",
                       SPAN_ARG(lead_id));
    char last[ROUTER_TOKEN_BYTES];
    router_lead_token(lead, last);
    if (lead->attempts == 0 || !span_is(token, last))
        return err_set(info, ERR_CONFLICT, "lease_token: not that of the last lease of %s",
                       lead->id);
    *out = lead;
    return ERR_OK;
}

enum err router_core_token_check(const struct router_core *core, struct span lead_id,
                                 struct span token, struct err_info *info)
{
    struct router_lead *lead;
    return router_requests_find(core, lead_id, token, &lead, info);
}

static const char *state_text(enum router_lead_state state)
{
    static const char TEXTS[][20] = {"",          "back in its queue", "leased", "acked",
                                     "completed", "withdrawn",         "parked"};
    return TEXTS[state];
}

enum err router_requests_wrong_state(const struct router_lead *lead, const char *verb,
                                     struct err_info *info)
{
    return err_set(info, ERR_CONFLICT, "%s cannot be %s: the lead is %s", lead->id, verb,
                   state_text(lead->state));
}

enum err router_core_extend(struct router_core *core, int64_t now_ms, struct span lead_id,
                            struct span token, int64_t lease_ms, const struct router_lead **out,
                            struct router_effects *effects, struct err_info *info)
{
    router_core_tick(core, now_ms, effects);
    struct router_lead *lead;
    enum err err = check_lease_ms(lease_ms, info);
    if (err == ERR_OK)
        err = router_requests_find(core, lead_id, token, &lead, info);
    if (err != ERR_OK)
        return err;
    if (lead->state != ROUTER_LEASED)
        return router_requests_wrong_state(lead, "extended", info);
    *out = lead;
    int64_t until = core->clock_ms + router_leads_lease_ms(lead, lease_ms);
    if (until <= lead->lease_until_ms)
        return ERR_OK;
    lead->lease_until_ms = until;
    router_state_lead_changed(core, lead);
    router_decision_add_lead(core, effects, lead, ROUTER_STEP_EXTENDED, "");
    return ERR_OK;
}

enum err router_core_ack(struct router_core *core, int64_t now_ms, struct span lead_id,
                         struct span token, const struct router_lead **out,
                         struct router_effects *effects, struct err_info *info)
{
    router_core_tick(core, now_ms, effects);
    struct router_lead *lead;
    enum err err = router_requests_find(core, lead_id, token, &lead, info);
    if (err != ERR_OK)
        return err;
    if (lead->state != ROUTER_LEASED && lead->state != ROUTER_ACKED)
        return router_requests_wrong_state(lead, "acked", info);
    *out = lead;
    if (lead->state == ROUTER_ACKED)
        return ERR_OK;
    router_sla_touched(core, lead);
    lead->lease_until_ms = 0;
    router_leads_set_state(core, lead, ROUTER_ACKED);
    router_decision_add_lead(core, effects, lead, ROUTER_STEP_ACKED, "");
    return ERR_OK;
}

// Back in its queue: a rep who declines it does not get it again, a delayed one waits.
static void release(struct router_core *core, struct router_lead *lead, struct span reason,
                    int64_t delay_ms, struct router_effects *effects)
{
    bool declined = lead->in->crew != NULL && lead->rep[0] != '\0' && span_is(reason, "declined");
    bool delayed = delay_ms > 0 && !declined && lead->ended_reason == NULL;
    if (delayed) {
        lead->n_delays++;
        lead->not_before_ms = core->clock_ms + delay_ms;
    }
    router_leads_return(core, lead, effects);
    if (lead->state != ROUTER_WAITING)
        return;
    struct cause cause = router_leads_now(core);
    if (declined)
        router_teams_reassign(core, lead, "declined", &cause, effects);
    if (delayed)
        router_decision_add_lead(core, effects, lead, ROUTER_STEP_DELAYED, "released")->due_ms =
            lead->not_before_ms;
}

enum err router_core_release(struct router_core *core, int64_t now_ms, struct span lead_id,
                             struct span token, struct span reason, int64_t delay_ms,
                             const struct router_lead **out, struct router_effects *effects,
                             struct err_info *info)
{
    router_core_tick(core, now_ms, effects);
    struct router_lead *lead;
    if (reason.len > ROUTER_TEXT_MAX)
        return err_set(info, ERR_INVALID, "reason: longer than %d bytes", ROUTER_TEXT_MAX);
    if (delay_ms < 0 || delay_ms > ROUTER_DELAY_MS_MAX)
        return err_set(info, ERR_INVALID, "delay_ms: %lld is not between 0 and %lld",
                       (long long)delay_ms, (long long)ROUTER_DELAY_MS_MAX);
    enum err err = router_requests_find(core, lead_id, token, &lead, info);
    if (err != ERR_OK)
        return err;
    *out = lead;
    if (lead->state == ROUTER_WAITING || lead->state == ROUTER_PARKED ||
        lead->state == ROUTER_WITHDRAWN)
        return ERR_OK; // it was given back already
    if (lead->state != ROUTER_LEASED)
        return router_requests_wrong_state(lead, "released", info);
    router_decision_add_lead(core, effects, lead, ROUTER_STEP_RELEASED,
                             arena_dup(&effects->texts, reason));
    release(core, lead, reason, delay_ms, effects);
    return ERR_OK;
}

// Behind all that the account knows, and behind the outcomes of its earlier leads, wherever they
// were kept: of two traits of one instant, which one holds would not be a matter of order.
static int64_t outcome_clock(const struct router_core *core, const struct router_lead *lead)
{
    struct account *account = router_state_account_find(core, span_of(lead->account_id));
    int64_t clock_ms = router_standing_clock(account, NULL);
    if (account->outcome_clock_ms > clock_ms)
        clock_ms = account->outcome_clock_ms;
    account->outcome_clock_ms = clock_ms + 1;
    return clock_ms + 1;
}

enum err router_core_complete(struct router_core *core, int64_t now_ms, struct span lead_id,
                              struct span token, struct span outcome,
                              const struct router_lead **out, struct router_effects *effects,
                              struct err_info *info)
{
    router_core_tick(core, now_ms, effects);
    const char *known = outcome_of(outcome);
    if (known == NULL)
        return err_set(info, ERR_INVALID,
                       "outcome: \"" SPAN_FMT
                       "\" is none of accepted, rejected, meeting, won, lost",
                       (int)(outcome.len < 64 ? outcome.len : 64), (const char *)outcome.ptr);
    struct router_lead *lead;
    enum err err = router_requests_find(core, lead_id, token, &lead, info);
    if (err != ERR_OK)
        return err;
    *out = lead;
    if (lead->state == ROUTER_COMPLETED && span_is(outcome, lead->outcome))
        return ERR_OK;
    if (lead->state != ROUTER_LEASED && lead->state != ROUTER_ACKED)
        return router_requests_wrong_state(lead, "completed", info);
    router_sla_touched(core, lead);
    lead->outcome = known;
    lead->completed_at_ms = core->clock_ms;
    lead->lease_until_ms = 0;
    router_teams_leave(core, lead, false);
    router_leads_set_state(core, lead, ROUTER_COMPLETED);
    lead->account_clock_ms = outcome_clock(core, lead);
    lead->completed_offset =
        router_decision_add_lead(core, effects, lead, ROUTER_STEP_COMPLETED, "")->offset;
    router_outcomes_add(core, lead);
    router_teams_fill(core, effects);
    router_leads_follow(core, lead, effects);
    return ERR_OK;
}
