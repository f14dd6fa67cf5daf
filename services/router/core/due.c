// SPDX-License-Identifier: Apache-2.0
// Time. What an instant brings to a lead, in this order when several come at once: its lease runs
// out, its delay ends, it overflows, its SLA takes a step. The clock steps through these instants:
// what is decided at one is decided with the clock there. At one instant leads come in the order of
// their making, and teams look again at what they hold after them.
#include "services/router/core/state.h"

#include "common/base/check.h"

enum {
    DUE_SLACK = 64,
    DUE_STEPS_MAX = 10000, // of one lead at one instant: more can only be a mistake
};

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t delay_end(const struct router_lead *lead)
{
    return lead->state == ROUTER_WAITING && lead->not_before_ms != 0 ? lead->not_before_ms
                                                                     : INT64_MAX;
}

static int64_t lease_end(const struct router_lead *lead)
{
    return lead->state == ROUTER_LEASED ? lead->lease_until_ms : INT64_MAX;
}

static int64_t overflow(const struct router_lead *lead)
{
    return lead->state == ROUTER_WAITING ? lead->overflow_at_ms : INT64_MAX;
}

static int64_t sla_step(const struct router_lead *lead)
{
    bool open = lead->state >= ROUTER_WAITING && lead->state <= ROUTER_ACKED;
    return open ? lead->sla_due_ms : INT64_MAX;
}

int64_t router_due_ms(const struct router_lead *lead)
{
    return earlier(earlier(lease_end(lead), delay_end(lead)),
                   earlier(overflow(lead), sla_step(lead)));
}

// ---- The heap -----------------------------------------------------------------------------------

static bool is_armed(const void *ctx, const struct heap_entry *entry)
{
    const struct router_core *core = ctx;
    return core->leads[entry->item - 1]->timer_at_ms == entry->key;
}

static void set_timer(struct router_core *core, struct router_lead *lead, int64_t at_ms)
{
    core->n_armed -= lead->timer_at_ms != STATE_NEVER;
    core->n_armed += at_ms != STATE_NEVER;
    lead->timer_at_ms = at_ms;
}

void router_due_arm(struct router_core *core, struct router_lead *lead)
{
    int64_t due_ms = router_due_ms(lead);
    if (due_ms == INT64_MAX || (lead->timer_at_ms != STATE_NEVER && lead->timer_at_ms <= due_ms))
        return;
    set_timer(core, lead, due_ms);
    heap_push(&core->expiries, due_ms, lead->serial);
    // A lead whose instants come earlier again and again leaves stale entries far ahead.
    if (core->expiries.n > 2 * core->n_armed + DUE_SLACK) {
        heap_keep(&core->expiries, is_armed, core);
        CHECK(core->expiries.n == core->n_armed);
    }
}

// The next lead for which something is due at the instant of its entry; NULL: none.
static struct router_lead *next_lead(struct router_core *core)
{
    const struct heap_entry *top;
    while ((top = heap_top(&core->expiries)) != NULL) {
        struct router_lead *lead = core->leads[top->item - 1];
        if (top->key == lead->timer_at_ms && router_due_ms(lead) == top->key)
            return lead;
        struct heap_entry entry = heap_pop(&core->expiries);
        if (entry.key != lead->timer_at_ms)
            continue;
        set_timer(core, lead, STATE_NEVER);
        router_due_arm(core, lead);
    }
    return NULL;
}

// ---- What happens -------------------------------------------------------------------------------

static void end_delay(struct router_core *core, struct router_lead *lead,
                      struct router_effects *effects)
{
    lead->not_before_ms = 0;
    router_state_lead_changed(core, lead);
    router_leads_ready(core, lead);
    struct cause cause = router_leads_now(core);
    if (lead->in->crew != NULL && lead->rep[0] == '\0')
        router_teams_place(core, lead, &cause, effects);
}

// One step of the lead, due at `at_ms`.
static void step(struct router_core *core, struct router_lead *lead, int64_t at_ms,
                 struct router_effects *effects)
{
    if (lease_end(lead) <= at_ms) {
        router_decision_add_lead(core, effects, lead, ROUTER_STEP_EXPIRED, "lease ran out");
        router_leads_return(core, lead, effects);
    } else if (delay_end(lead) <= at_ms) {
        end_delay(core, lead, effects);
    } else if (overflow(lead) <= at_ms) {
        router_teams_overflow(core, lead, effects);
    } else {
        router_sla_due(core, lead, effects);
    }
}

static void happen(struct router_core *core, struct router_lead *lead,
                   struct router_effects *effects)
{
    int64_t at_ms = heap_pop(&core->expiries).key;
    set_timer(core, lead, STATE_NEVER);
    for (int steps = 0; router_due_ms(lead) <= at_ms; steps++) {
        CHECK(steps < DUE_STEPS_MAX);
        step(core, lead, at_ms, effects);
    }
    router_due_arm(core, lead);
}

int64_t router_core_next_due(struct router_core *core)
{
    const struct router_lead *lead = next_lead(core);
    return earlier(lead == NULL ? INT64_MAX : lead->timer_at_ms, router_teams_next_ms(core));
}

void router_core_tick(struct router_core *core, int64_t now_ms, struct router_effects *effects)
{
    int64_t filled_ms = STATE_NEVER;
    for (;;) {
        struct router_lead *lead = next_lead(core);
        int64_t lead_ms = lead == NULL ? INT64_MAX : lead->timer_at_ms;
        int64_t teams_ms = router_teams_next_ms(core);
        CHECK(teams_ms > filled_ms);
        int64_t at_ms = earlier(lead_ms, teams_ms);
        if (at_ms > now_ms || at_ms == INT64_MAX)
            break;
        if (at_ms > core->clock_ms)
            core->clock_ms = at_ms;
        if (lead_ms <= teams_ms) {
            happen(core, lead, effects);
        } else {
            filled_ms = teams_ms;
            router_teams_fill(core, effects);
        }
    }
    if (now_ms > core->clock_ms)
        core->clock_ms = now_ms;
}
