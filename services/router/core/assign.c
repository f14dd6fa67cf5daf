// SPDX-License-Identifier: Apache-2.0
// Who can take a lead, who gets it, and what that changes. An assignment looks at every rep of the
// team once.
#include "services/router/core/teams_impl.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/time_text.h"

// Assignments are remembered so long, or for the period of a cap where that is longer.
static const int64_t REMEMBERED_MS = 2 * (int64_t)TIME_DAY_MS;
// Candidates of one call's decisions fill no more than this.
static const size_t CANDIDATES_BYTES_MAX = (size_t)64 << 20;

// ---- Caps by time -------------------------------------------------------------------------------

// Assignments that are remembered of [from_ms, now].
static uint32_t taken_since(const struct desk *desk, int64_t from_ms)
{
    uint32_t low = 0;
    uint32_t high = desk->n_taken;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (desk->taken[middle].at_ms < from_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return desk->n_taken - low;
}

int64_t assign_remembered_ms(const struct rep_caps *caps)
{
    return caps->period_ms > REMEMBERED_MS ? caps->period_ms : REMEMBERED_MS;
}

static void remember(struct desk *desk, const struct router_lead *lead, int64_t now_ms)
{
    uint32_t old = desk->n_taken - taken_since(desk, now_ms - desk->in_force->remembered_ms);
    bool full = desk->n_taken >= ROUTER_TAKEN_MAX;
    if (full && old == 0)
        old = 1;
    // Else only now and then: moving the rest costs.
    if (full || old > 64 || old * 2 > desk->n_taken) {
        desk->n_taken -= old;
        memmove(desk->taken, desk->taken + old, desk->n_taken * sizeof *desk->taken);
    }
    MEM_GROW(desk->taken, desk->n_taken, desk->taken_cap);
    desk->taken[desk->n_taken++] = (struct taken){lead->serial, now_ms};
}

void assign_forget(struct desk *desk, uint64_t serial)
{
    for (uint32_t i = desk->n_taken; i-- > 0;) {
        if (desk->taken[i].serial != serial)
            continue;
        desk->n_taken--;
        memmove(desk->taken + i, desk->taken + i + 1, (desk->n_taken - i) * sizeof *desk->taken);
        return;
    }
}

// ---- One rep ------------------------------------------------------------------------------------

static enum router_verdict calendar(const struct router_core *core, const struct crew *crew,
                                    const struct desk *desk, int64_t now_ms)
{
    struct desk_rules *rules = desk->in_force;
    if (now_ms < rules->calendar_from_ms || now_ms >= rules->calendar_until_ms) {
        rules->calendar = rota_at(core, crew, desk, now_ms, &rules->calendar_until_ms);
        rules->calendar_from_ms = now_ms;
    }
    return rules->calendar;
}

// What cannot be remembered cannot be allowed.
static bool is_full(uint32_t n, int32_t cap, struct look *out)
{
    int32_t bound = cap < ROUTER_TAKEN_MAX ? cap : ROUTER_TAKEN_MAX;
    if (cap == 0 || n < (uint32_t)bound)
        return false;
    out->cap = bound;
    return true;
}

static enum router_verdict caps_verdict(const struct desk *desk, struct look *out)
{
    const struct rep_caps *caps = &desk->in_force->caps;
    if (caps->open > 0 && desk->open >= (uint32_t)caps->open) {
        out->cap = caps->open;
        return ROUTER_FULL_OPEN;
    }
    if (is_full(out->today, caps->per_day, out))
        return ROUTER_FULL_DAY;
    if (is_full(out->period, caps->per_period, out))
        return ROUTER_FULL_PERIOD;
    if (caps->units > 0 && desk->units >= caps->units) {
        out->cap = caps->units;
        return ROUTER_FULL_UNITS;
    }
    return ROUTER_CHOSEN;
}

void assign_look(const struct router_core *core, const struct crew *crew, const struct desk *desk,
                 int64_t now_ms, struct look *out)
{
    const struct desk_rules *rules = desk->in_force;
    const struct zone *zone = rota_zone(core, router_teams_hours(crew, desk));
    *out = (struct look){.base = ROUTER_INACTIVE};
    out->today = taken_since(desk, hours_day_start_ms(zone, hours_local_day(zone, now_ms)));
    if (rules->caps.per_period > 0)
        out->period = taken_since(desk, now_ms - rules->caps.period_ms + 1);
    if (rules->removed || !rules->active)
        return;
    out->base = calendar(core, crew, desk, now_ms);
    if (out->base == ROUTER_CHOSEN)
        out->base = caps_verdict(desk, out);
}

// When time alone could change what the look says.
static int64_t look_ends_ms(const struct router_core *core, const struct crew *crew,
                            const struct desk *desk, const struct look *look)
{
    const struct desk_rules *rules = desk->in_force;
    if (look->base == ROUTER_INACTIVE)
        return INT64_MAX;
    int64_t end_ms = rules->calendar_until_ms;
    int64_t now_ms = core->clock_ms;
    if (look->base == ROUTER_FULL_DAY) {
        // Local midnight; a shift before it is a reason to look again, no more.
        const struct zone *zone = rota_zone(core, router_teams_hours(crew, desk));
        int64_t local_ms = now_ms + hours_offset_ms(zone, now_ms);
        int64_t day_ms = now_ms + TIME_DAY_MS - (local_ms - time_day(local_ms) * TIME_DAY_MS);
        int64_t shift_ms = hours_next_shift_ms(zone, now_ms);
        day_ms = day_ms < shift_ms ? day_ms : shift_ms;
        end_ms = day_ms < end_ms ? day_ms : end_ms;
    }
    if (look->base == ROUTER_FULL_PERIOD) {
        uint32_t first = desk->n_taken - (uint32_t)look->cap;
        int64_t free_ms = desk->taken[first].at_ms + rules->caps.period_ms;
        end_ms = free_ms < end_ms ? free_ms : end_ms;
    }
    return end_ms;
}

int64_t router_teams_next_ms(const struct router_core *core)
{
    int64_t next_ms = INT64_MAX;
    for (size_t c = 0; c < core->n_crews; c++) {
        const struct crew *crew = core->crews[c];
        struct crew_held *held = crew->held;
        if (crew->n_held == 0 || crew->rules == NULL)
            continue;
        if (!held->next_known) {
            held->next_known = true;
            held->next_ms = INT64_MAX;
            for (uint32_t i = 0; i < crew->n_desks; i++) {
                struct look look;
                assign_look(core, crew, crew->desks[i], core->clock_ms, &look);
                int64_t end_ms = look_ends_ms(core, crew, crew->desks[i], &look);
                held->next_ms = end_ms < held->next_ms ? end_ms : held->next_ms;
            }
        }
        next_ms = held->next_ms < next_ms ? held->next_ms : next_ms;
    }
    return next_ms;
}

// ---- A lead -------------------------------------------------------------------------------------

static bool same_name(const char *a, const char *b)
{
    for (; *a != '\0' && *b != '\0'; a++, b++) {
        int x = *a >= 'A' && *a <= 'Z' ? *a + ('a' - 'A') : *a;
        int y = *b >= 'A' && *b <= 'Z' ? *b + ('a' - 'A') : *b;
        if (x != y)
            return false;
    }
    return *a == *b;
}

// Of the account that brought the lead about, else of the first of its organization that has one.
static const char *owner_of(const struct router_core *core, const struct router_lead *lead)
{
    int32_t fact = core->playbook->owner_fact;
    const struct account *home = core->accounts[lead->account];
    const struct account *brought = router_state_account_find(core, span_of(lead->account_id));
    const char *owner = router_organizations_fact_of(core, brought != NULL ? brought : home, fact);
    for (uint32_t i = 0; owner == NULL && i < home->n_members; i++)
        owner = router_organizations_fact_of(core, home->members[i], fact);
    return owner;
}

static bool has_passed(const struct kind *kind, const struct desk *desk)
{
    for (uint32_t i = 0; i < kind->n_passed; i++)
        if (kind->passed[i] == desk)
            return true;
    return false;
}

static const struct desk *owner_desk(const struct router_core *core, const struct crew *crew,
                                     const struct router_lead *lead)
{
    const char *owner = core->playbook->owner_fact == PLAYBOOK_NONE ? NULL : owner_of(core, lead);
    for (uint32_t i = 0; owner != NULL && i < crew->n_desks; i++) {
        const struct desk *desk = crew->desks[i];
        if (!desk->in_force->removed && same_name(desk->rep, owner))
            return desk;
    }
    return NULL;
}

struct kind *assign_kind(struct router_core *core, struct crew *crew,
                         const struct router_lead *lead)
{
    struct crew_held *held = crew->held;
    struct kind *kind = held->kind;
    memset(kind, 0, held->kind_bytes);
    kind->units = lead->units;
    for (uint32_t i = 0; i < lead->n_passed && kind->n_passed < ROUTER_PASSED_MAX; i++) {
        const struct desk *desk = router_teams_desk(crew, span_of(lead->passed[i]), false);
        if (desk != NULL)
            kind->passed[kind->n_passed++] = desk;
    }
    const struct account *home = core->accounts[lead->account];
    for (uint32_t i = 0; i < held->n_conditions; i++)
        if (router_qualify_holds(core, held->conditions[i], home, NULL))
            kind->bits[i / 64] |= 1ull << (i % 64);
    const struct desk *owner = owner_desk(core, crew, lead);
    // A lead that he gave back, or that went by him in time, waits for him no longer; nor for one
    // who is switched off.
    if (owner != NULL && !has_passed(kind, owner) && owner->in_force->active) {
        kind->owner = owner;
        kind->owner_only = crew->rules->owner_only;
    }
    return kind;
}

static bool bit_of(const struct kind *kind, int32_t bit)
{
    return bit == NO_BIT || (kind->bits[bit / 64] >> (bit % 64) & 1) != 0;
}

uint32_t assign_caps_when(const struct desk *desk, const struct kind *kind)
{
    uint32_t held = 0;
    for (int32_t i = 0; i < desk->in_force->n_when; i++)
        if (bit_of(kind, desk->in_force->when_bits[i]))
            held |= 1u << i;
    return held;
}

// CHOSEN: he could take it. The owner is not asked what he takes.
static enum router_verdict verdict_of(const struct desk *desk, const struct kind *kind,
                                      int32_t *cap)
{
    const struct desk_rules *rules = desk->in_force;
    enum router_verdict base = rules->look.base;
    *cap = rules->look.cap;
    if (kind->owner_only && kind->owner != desk)
        return ROUTER_NOT_OWNER;
    if (base == ROUTER_INACTIVE || base == ROUTER_ABSENT || base == ROUTER_OFF_HOURS)
        return base;
    if (kind->owner != desk && !bit_of(kind, rules->takes_bit))
        return ROUTER_TAKES_NOT;
    if (has_passed(kind, desk))
        return ROUTER_HAD_IT;
    if (base != ROUTER_CHOSEN)
        return base;
    if (rules->caps.units > 0 && kind->units > rules->caps.units - desk->units) {
        *cap = rules->caps.units;
        return ROUTER_FULL_UNITS;
    }
    for (int32_t i = 0; i < rules->n_when; i++) {
        *cap = rules->caps.when[i].open;
        if (bit_of(kind, rules->when_bits[i]) && desk->open_when[i] >= (uint32_t)*cap)
            return ROUTER_FULL_WHEN;
    }
    return ROUTER_CHOSEN;
}

struct desk *assign_choose(const struct crew *crew, const struct kind *kind,
                           enum router_verdict *verdict)
{
    struct desk *best = NULL;
    int32_t cap;
    *verdict = ROUTER_OWNER;
    if (kind->owner != NULL && verdict_of(kind->owner, kind, &cap) == ROUTER_CHOSEN)
        return (struct desk *)kind->owner;
    *verdict = ROUTER_CHOSEN;
    for (uint32_t i = 0; i < crew->n_desks; i++) {
        struct desk *desk = crew->desks[i];
        if (desk->in_force->removed || desk->in_force->look.base != ROUTER_CHOSEN ||
            (best != NULL && !fairness_less(desk, best)))
            continue;
        if (verdict_of(desk, kind, &cap) == ROUTER_CHOSEN)
            best = desk;
    }
    return best;
}

static struct router_candidate candidate_of(const struct desk *desk, const struct kind *kind,
                                            const struct desk *chosen, enum router_verdict why)
{
    struct router_candidate c = {
        .rep = desk->rep,
        .assigned = desk->assigned,
        .weight = desk->in_force->weight,
        .open = desk->open,
        .today = desk->in_force->look.today,
        .period = desk->in_force->look.period,
        .units = desk->units,
    };
    c.verdict = verdict_of(desk, kind, &c.cap);
    if (c.verdict == ROUTER_CHOSEN && desk != chosen)
        c.verdict = why == ROUTER_OWNER ? ROUTER_NOT_OWNER : ROUTER_BEHIND;
    if (desk == chosen)
        c.verdict = why;
    if (c.verdict < ROUTER_FULL_OPEN || c.verdict > ROUTER_FULL_WHEN)
        c.cap = 0;
    return c;
}

struct router_candidate *assign_candidates(const struct crew *crew, const struct kind *kind,
                                           const struct desk *chosen, enum router_verdict verdict,
                                           struct arena *arena, size_t *n)
{
    *n = 0;
    if (arena->used_bytes > CANDIDATES_BYTES_MAX)
        return NULL;
    size_t max = crew->n_desks < ROUTER_CANDIDATES_MAX ? crew->n_desks : ROUTER_CANDIDATES_MAX;
    struct router_candidate *out = arena_alloc(arena, (max + 1) * sizeof *out);
    for (uint32_t i = 0; i < crew->n_desks; i++) {
        const struct desk *desk = crew->desks[i];
        if (desk->in_force->removed)
            continue;
        if (*n < max)
            out[(*n)++] = candidate_of(desk, kind, chosen, verdict);
        else if (desk == chosen)
            out[max - 1] = candidate_of(desk, kind, chosen, verdict);
    }
    return out;
}

// ---- His, and no longer -------------------------------------------------------------------------

void assign_put_on(struct router_core *core, struct desk *desk, struct router_lead *lead)
{
    struct crew *crew = teams_of(core, lead);
    CHECK(!lead->on_desk && lead->group == NULL && crew != NULL);
    lead->on_desk = true;
    lead->desk_prev = NULL;
    lead->desk_next = desk->first_open;
    if (desk->first_open != NULL)
        desk->first_open->desk_prev = lead;
    desk->first_open = lead;
    desk->open++;
    desk->units += lead->units;
    for (int32_t i = 0; i < ROUTER_CAPS_WHEN_MAX; i++)
        desk->open_when[i] += lead->caps_when >> i & 1;
    crew->n_untouched += lead->touched_at_ms == 0;
}

void assign_take_off(struct desk *desk, struct router_lead *lead)
{
    CHECK(lead->on_desk && desk->open > 0);
    if (lead->desk_prev != NULL)
        lead->desk_prev->desk_next = lead->desk_next;
    else
        desk->first_open = lead->desk_next;
    if (lead->desk_next != NULL)
        lead->desk_next->desk_prev = lead->desk_prev;
    lead->desk_next = lead->desk_prev = NULL;
    lead->on_desk = false;
    desk->open--;
    desk->units -= lead->units;
    for (int32_t i = 0; i < ROUTER_CAPS_WHEN_MAX; i++)
        desk->open_when[i] -= lead->caps_when >> i & 1;
}

void assign_give(struct router_core *core, struct crew *crew, struct router_lead *lead,
                 struct desk *desk, enum router_verdict verdict, const struct kind *kind,
                 const struct cause *cause, struct router_effects *effects)
{
    size_t n;
    const struct router_candidate *candidates =
        assign_candidates(crew, kind, desk, verdict, &effects->texts, &n);
    held_remove(crew, lead);
    fairness_assigned(crew, desk);
    remember(desk, lead, core->clock_ms);
    desk->ever_assigned++;
    lead->rep = desk->rep;
    lead->n_assigned++;
    lead->assigned_at_ms = core->clock_ms;
    lead->caps_when = assign_caps_when(desk, kind);
    assign_put_on(core, desk, lead);
    assign_look(core, crew, desk, core->clock_ms, &desk->in_force->look);
    crew->held->next_known = false;
    router_sla_start(core, lead);
    struct router_decision *d =
        router_leads_decide(core, effects, lead, ROUTER_STEP_ASSIGNED, "", cause);
    d->due_ms = lead->touch_by_ms;
    d->candidates = candidates;
    d->n_candidates = n;
    lead->assigned_offset = d->offset;
    router_leads_ready(core, lead);
    router_due_arm(core, lead);
    router_state_lead_changed(core, lead);
}
