// SPDX-License-Identifier: Apache-2.0
// Admission: of the leads that come to a team, those below a priority go elsewhere at once, so that
// the rest fits into the team's week. Once a day, with the first lead of it, the threshold is
// worked out of the last full days: the lowest priority such that leads of it and above, scaled to
// a week, are no more than the slots. The strongest priority is always admitted, and with less than
// a week to look back at, everything.
#include "services/router/core/teams_impl.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/time_text.h"

enum { STRENGTHS_MAX = 20000, DAYS_MIN = 7, WEEK_DAYS = 7 };

// ---- What came ----------------------------------------------------------------------------------

static struct strength *strength_at(struct crew *crew, int32_t day, int32_t priority)
{
    uint32_t low = 0;
    uint32_t high = crew->n_strengths;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct strength *s = &crew->strengths[middle];
        if (s->day == day && s->priority == priority)
            return &crew->strengths[middle];
        if (s->day < day || (s->day == day && s->priority < priority))
            low = middle + 1;
        else
            high = middle;
    }
    MEM_GROW(crew->strengths, crew->n_strengths, crew->strengths_cap);
    memmove(crew->strengths + low + 1, crew->strengths + low,
            (crew->n_strengths - low) * sizeof *crew->strengths);
    crew->n_strengths++;
    crew->strengths[low] = (struct strength){.day = day, .priority = priority};
    return &crew->strengths[low];
}

// Days before `day` are looked at no more; of too many entries the oldest days go.
static void forget(struct crew *crew, int32_t day)
{
    uint32_t n = 0;
    if (crew->n_strengths > STRENGTHS_MAX)
        day = crew->strengths[crew->n_strengths - STRENGTHS_MAX].day + 1;
    while (n < crew->n_strengths && crew->strengths[n].day < day)
        n++;
    if (n == 0)
        return;
    crew->n_strengths -= n;
    memmove(crew->strengths, crew->strengths + n, crew->n_strengths * sizeof *crew->strengths);
}

// ---- The threshold ------------------------------------------------------------------------------

// What one rep's caps by time allow in a week; -1: they have no bound.
static double slots_of(const struct crew *crew, const struct desk *desk)
{
    const struct desk_rules *rules = desk->in_force;
    double slots = -1;
    if (rules->removed || !rules->active)
        return 0;
    if (rules->caps.per_day > 0) {
        int days = 0;
        for (int i = 0; i < WEEK_DAYS; i++)
            days += router_teams_hours(crew, desk)->days >> i & 1;
        slots = (double)rules->caps.per_day * days;
    }
    if (rules->caps.per_period > 0) {
        double week_ms = (double)WEEK_DAYS * TIME_DAY_MS;
        double scaled = rules->caps.per_period * (week_ms / (double)rules->caps.period_ms);
        slots = slots < 0 || scaled < slots ? scaled : slots;
    }
    return slots;
}

// -1: there is no bound.
static int64_t slots_of_week(const struct crew *crew)
{
    if (crew->rules->admit.slots_per_week > 0)
        return crew->rules->admit.slots_per_week;
    double sum = 0;
    for (uint32_t i = 0; i < crew->n_desks; i++) {
        double slots = slots_of(crew, crew->desks[i]);
        if (slots < 0)
            return -1;
        sum += slots;
    }
    return (int64_t)sum;
}

// What came of one priority in all days, the strongest first.
struct come {
    int32_t priority;
    uint64_t leads, ended, won;
};

static int come_cmp(const void *x, const void *y)
{
    const struct come *a = x, *b = y;
    return (a->priority < b->priority) - (a->priority > b->priority);
}

static size_t add_up(const struct crew *crew, int32_t before_day, struct come *out)
{
    size_t n = 0, kept = 0;
    for (uint32_t i = 0; i < crew->n_strengths; i++) {
        const struct strength *s = &crew->strengths[i];
        if (s->day < before_day)
            out[n++] = (struct come){s->priority, s->leads, s->ended, s->won};
    }
    if (n > 0)
        qsort(out, n, sizeof *out, come_cmp);
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || out[kept - 1].priority != out[i].priority) {
            out[kept++] = out[i];
            continue;
        }
        out[kept - 1].leads += out[i].leads;
        out[kept - 1].ended += out[i].ended;
        out[kept - 1].won += out[i].won;
    }
    return kept;
}

static void work_out(struct crew *crew, int32_t today)
{
    int32_t days = crew->n_strengths == 0 ? 0 : today - crew->strengths[0].day;
    crew->admit_from = INT32_MIN;
    crew->admit_weekly = crew->turned_away_weekly = crew->lost_won_weekly = 0;
    crew->admit_slots = slots_of_week(crew);
    if (days <= 0)
        return;
    struct come *comes = mem_alloc((crew->n_strengths + 1) * sizeof *comes);
    size_t n = add_up(crew, today, comes);
    bool bounded = crew->admit_slots >= 0 && days >= DAYS_MIN;
    uint64_t leads = 0, away = 0, ended = 0, won = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t with = leads + comes[i].leads;
        bool fits = i == 0 || with * WEEK_DAYS <= (uint64_t)crew->admit_slots * (uint64_t)days;
        if (away == 0 && (!bounded || fits)) {
            leads = with;
            continue;
        }
        if (away == 0)
            crew->admit_from = comes[i - 1].priority;
        away += comes[i].leads;
        ended += comes[i].ended;
        won += comes[i].won;
    }
    mem_free(comes);
    crew->admit_weekly = (double)leads * WEEK_DAYS / days;
    crew->turned_away_weekly = (double)away * WEEK_DAYS / days;
    if (ended > 0)
        crew->lost_won_weekly = crew->turned_away_weekly * (double)won / (double)ended;
}

// ---- A lead -------------------------------------------------------------------------------------

bool router_admit(struct router_core *core, struct crew *crew, const struct router_lead *lead)
{
    if (crew->rules == NULL || !crew->rules->admit.set)
        return true;
    int32_t today = (int32_t)time_day(core->clock_ms);
    if (crew->admit_since_ms == 0 || time_day(crew->admit_since_ms) != today) {
        forget(crew, today - crew->rules->admit.days);
        work_out(crew, today);
        crew->admit_since_ms = core->clock_ms;
    }
    strength_at(crew, today, lead->priority)->leads++;
    crew->dirty = true;
    return lead->priority >= crew->admit_from;
}

void router_admit_ended(struct router_core *core, struct crew *crew, const struct router_lead *lead)
{
    if (crew->rules == NULL || !crew->rules->admit.set)
        return;
    struct strength *s = strength_at(crew, (int32_t)time_day(core->clock_ms), lead->priority);
    s->ended++;
    s->won += strcmp(lead->outcome, "won") == 0;
    crew->dirty = true;
}
