// SPDX-License-Identifier: Apache-2.0
// Out of a queue by somebody's word, and back.
#include "services/router/core/state.h"

#include <string.h>

#include "common/base/check.h"

// What the router itself parks for: a lead that is parked so by hand would be taken for such a one.
static bool is_own_word(struct span reason)
{
    static const char WORDS[][16] = {"hold_out", "suppress",       "no_route",
                                     "attempts", "do_not_contact", "no_consent"};
    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++)
        if (span_is(reason, WORDS[i]))
            return true;
    return false;
}

static enum err check_park(struct span reason, struct span by, struct err_info *info)
{
    if (reason.len == 0 || reason.len > ROUTER_TEXT_MAX)
        return err_set(info, ERR_INVALID, "reason: a text of 1 to %d bytes is needed",
                       ROUTER_TEXT_MAX);
    if (is_own_word(reason))
        return err_set(info, ERR_INVALID, "reason: \"" SPAN_FMT "\" is what the router itself says",
                       SPAN_ARG(reason));
    if (by.len > ROUTER_TEXT_MAX)
        return err_set(info, ERR_INVALID, "by: longer than %d bytes", ROUTER_TEXT_MAX);
    return ERR_OK;
}

static enum err find(const struct router_core *core, struct span lead_id, struct span token,
                     struct router_lead **out, struct err_info *info)
{
    if (token.len > 0)
        return router_requests_find(core, lead_id, token, out, info);
    *out = router_state_lead_find(core, lead_id);
    if (*out == NULL)
        return err_set(info, ERR_NOT_FOUND, "lead_id: there is no \"" SPAN_FMT "\"",
                       SPAN_ARG(lead_id));
    return ERR_OK;
}

enum err router_core_park(struct router_core *core, int64_t now_ms, struct span lead_id,
                          struct span token, struct span reason, struct span by,
                          const struct router_lead **out, struct router_effects *effects,
                          struct err_info *info)
{
    router_core_tick(core, now_ms, effects);
    struct router_lead *lead;
    enum err err = check_park(reason, by, info);
    if (err == ERR_OK)
        err = find(core, lead_id, token, &lead, info);
    if (err != ERR_OK)
        return err;
    bool held = lead->state == ROUTER_LEASED || lead->state == ROUTER_ACKED;
    bool again = lead->state == ROUTER_PARKED && span_is(reason, lead->parked_reason);
    bool waits = lead->state == ROUTER_WAITING && token.len == 0;
    if (!held && !again && !waits)
        return router_requests_wrong_state(lead, "parked", info);
    *out = lead;
    if (again)
        return ERR_OK;
    struct cause cause = router_leads_now(core);
    router_leads_park(core, lead, router_state_intern(core, reason), &cause,
                      arena_dup(&effects->texts, by), effects);
    return ERR_OK;
}

// ---- Back ---------------------------------------------------------------------------------------

static bool can_be_redriven(const struct router_core *core, const struct router_lead *lead)
{
    return lead->state == ROUTER_PARKED && lead->queue[0] != '\0' &&
           core->accounts[lead->account]->lead == lead;
}

static enum err redrive_one(struct router_core *core, struct span lead_id, struct span by,
                            struct router_effects *effects, struct err_info *info)
{
    struct router_lead *lead = router_state_lead_find(core, lead_id);
    if (lead == NULL)
        return err_set(info, ERR_NOT_FOUND, "lead_id: there is no \"" SPAN_FMT "\"",
                       SPAN_ARG(lead_id));
    if (lead->state != ROUTER_PARKED)
        return router_requests_wrong_state(lead, "redriven", info);
    if (lead->queue[0] == '\0')
        return err_set(info, ERR_CONFLICT, "%s cannot be redriven: it belongs to no queue (%s)",
                       lead->id, lead->parked_reason);
    if (!can_be_redriven(core, lead))
        return err_set(info, ERR_CONFLICT, "%s cannot be redriven: its account has a later lead",
                       lead->id);
    router_routes_redrive(core, lead, by, effects);
    return ERR_OK;
}

// The oldest first. One whose account has a later lead stays parked: it may be the last one again
// when that lead moves to another organization.
static size_t redrive_queue(struct router_core *core, struct router_queue *queue, struct span by,
                            struct router_effects *effects)
{
    size_t n = 0;
    uint64_t serial = queue->parked_from > 0 ? queue->parked_from : 1, left = 0;
    queue->parked_from = UINT64_MAX;
    while (serial <= core->n_leads && n < ROUTER_REDRIVE_MAX && queue->counts[ROUTER_PARKED] > 0) {
        struct router_lead *lead = core->leads[serial++ - 1];
        if (lead->in != queue || lead->state != ROUTER_PARKED)
            continue;
        if (can_be_redriven(core, lead)) {
            router_routes_redrive(core, lead, by, effects);
            n++;
        } else if (left == 0) {
            left = lead->serial;
        }
    }
    left = left != 0 ? left : serial;
    if (left < queue->parked_from)
        queue->parked_from = left;
    return n;
}

enum err router_core_redrive(struct router_core *core, int64_t now_ms, struct span lead_id,
                             struct span queue, struct span by, size_t *n,
                             struct router_effects *effects, struct err_info *info)
{
    *n = 0;
    router_core_tick(core, now_ms, effects);
    if (by.len > ROUTER_TEXT_MAX)
        return err_set(info, ERR_INVALID, "by: longer than %d bytes", ROUTER_TEXT_MAX);
    if (lead_id.len > 0) {
        enum err err = redrive_one(core, lead_id, by, effects, info);
        *n = err == ERR_OK;
        return err;
    }
    struct router_queue *of = router_state_queue(core, queue, false);
    if (!router_state_queue_known(of))
        return err_set(info, ERR_NOT_FOUND, "queue: there is no \"" SPAN_FMT "\"", SPAN_ARG(queue));
    *n = redrive_queue(core, of, by, effects);
    return ERR_OK;
}
