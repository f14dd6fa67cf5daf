// SPDX-License-Identifier: Apache-2.0
// When reps work: their hours without their absences; and when a team does: while one of its reps
// works.
#include "services/router/core/teams_impl.h"

#include "common/base/mem.h"
#include "common/base/time_text.h"

enum { STEPS_MAX = 100000, SHIFTS_MAX = 1000 };
static const int64_t LOOK_MS = (int64_t)400 * TIME_DAY_MS;

const struct zone *rota_zone(const struct router_core *core, const struct hours *hours)
{
    const struct playbook *playbook = core->playbook;
    bool known = playbook != NULL && hours->zone >= 0 && hours->zone < playbook->n_zones;
    return known ? &playbook->zones[hours->zone] : NULL;
}

// ---- One rep ------------------------------------------------------------------------------------

// Who is said to be back ends the absence of the playbook that he was in.
static bool is_over(const struct desk *desk, const struct absence *absence)
{
    const struct router_rep_change *said = &desk->change;
    bool back = said->set_absent && said->absent_until_ms <= said->absent_from_ms;
    return back && absence->from_ms <= said->absent_from_ms &&
           said->absent_from_ms < absence->to_ms;
}

// One that is over has no length.
static bool absence_at(const struct desk *desk, int32_t i, struct absence *out)
{
    int32_t n = desk->rules == NULL ? 0 : desk->rules->n_absences;
    if (i < n) {
        *out = desk->rules->absences[i];
        if (is_over(desk, out))
            out->to_ms = out->from_ms;
    } else if (i == n && desk->change.set_absent)
        *out = (struct absence){desk->change.absent_from_ms, desk->change.absent_until_ms};
    else
        return false;
    return true;
}

int64_t rota_absent_until_ms(const struct desk *desk, int64_t at_ms)
{
    int64_t until_ms = 0;
    struct absence absence;
    for (int32_t i = 0; absence_at(desk, i, &absence); i++)
        if (absence.from_ms <= at_ms && at_ms < absence.to_ms && absence.to_ms > until_ms)
            until_ms = absence.to_ms;
    return until_ms;
}

static int64_t next_absence_ms(const struct desk *desk, int64_t at_ms)
{
    int64_t next_ms = INT64_MAX;
    struct absence absence;
    for (int32_t i = 0; absence_at(desk, i, &absence); i++)
        if (absence.from_ms > at_ms && absence.from_ms < absence.to_ms && absence.from_ms < next_ms)
            next_ms = absence.from_ms;
    return next_ms;
}

enum router_verdict rota_at(const struct router_core *core, const struct crew *crew,
                            const struct desk *desk, int64_t at_ms, int64_t *until_ms)
{
    *until_ms = rota_absent_until_ms(desk, at_ms);
    if (*until_ms != 0)
        return ROUTER_ABSENT;
    const struct hours *hours = router_teams_hours(crew, desk);
    const struct zone *zone = rota_zone(core, hours);
    int64_t change_ms = hours_next_change_ms(hours, zone, at_ms);
    int64_t absence_ms = next_absence_ms(desk, at_ms);
    *until_ms = change_ms < absence_ms ? change_ms : absence_ms;
    return hours_open(hours, zone, at_ms) ? ROUTER_CHOSEN : ROUTER_OFF_HOURS;
}

int64_t rota_after_ms(const struct router_core *core, const struct crew *crew,
                      const struct desk *desk, int64_t from_ms, int64_t working_ms)
{
    const struct hours *hours = router_teams_hours(crew, desk);
    const struct zone *zone = rota_zone(core, hours);
    int64_t at_ms = from_ms;
    // Each absence is passed once, and the time between two is asked of the calendar as a whole.
    for (int step = 0; step < STEPS_MAX && at_ms - from_ms <= LOOK_MS; step++) {
        int64_t absent_ms = rota_absent_until_ms(desk, at_ms);
        if (absent_ms != 0) {
            at_ms = absent_ms;
            continue;
        }
        int64_t end_ms = next_absence_ms(desk, at_ms);
        int64_t after_ms = hours_after_ms(hours, zone, at_ms, working_ms);
        if (after_ms <= end_ms)
            return after_ms;
        working_ms -= hours_between_ms(hours, zone, at_ms, end_ms);
        at_ms = end_ms;
    }
    return INT64_MAX;
}

// ---- The team -----------------------------------------------------------------------------------

void rota_forget(struct crew *crew)
{
    crew->held->n_shifts = 0;
    crew->held->shifts_from_ms = crew->held->shifts_to_ms = 0;
    crew->held->next_known = false;
    for (uint32_t i = 0; i < crew->n_desks; i++)
        crew->desks[i]->in_force->calendar_until_ms = STATE_NEVER;
}

// Whether one of the active reps works, and until when that is known to hold.
static bool works(const struct router_core *core, const struct crew *crew, int64_t at_ms,
                  int64_t *until_ms)
{
    int64_t any_until_ms = STATE_NEVER, none_until_ms = INT64_MAX;
    for (uint32_t i = 0; i < crew->n_desks; i++) {
        const struct desk *desk = crew->desks[i];
        if (desk->in_force->removed || !desk->in_force->active)
            continue;
        int64_t desk_until_ms;
        if (rota_at(core, crew, desk, at_ms, &desk_until_ms) != ROUTER_CHOSEN)
            none_until_ms = desk_until_ms < none_until_ms ? desk_until_ms : none_until_ms;
        else if (desk_until_ms > any_until_ms)
            any_until_ms = desk_until_ms;
    }
    bool any = any_until_ms != STATE_NEVER;
    *until_ms = any ? any_until_ms : none_until_ms;
    return any;
}

// Knows shifts up to the instant at least, unless that is too far ahead.
static void learn_shifts(const struct router_core *core, struct crew *crew, int64_t to_ms)
{
    struct crew_held *held = crew->held;
    while (held->shifts_to_ms < to_ms && held->n_shifts < SHIFTS_MAX) {
        int64_t at_ms = held->shifts_to_ms, until_ms;
        bool any = works(core, crew, at_ms, &until_ms);
        bool joins = held->n_shifts > 0 && held->shifts[held->n_shifts - 1].to_ms == at_ms;
        held->shifts_to_ms = until_ms;
        if (!any)
            continue;
        if (!joins) {
            MEM_GROW(held->shifts, held->n_shifts, held->shifts_cap);
            held->shifts[held->n_shifts++] = (struct team_shift){at_ms, until_ms};
        }
        held->shifts[held->n_shifts - 1].to_ms = until_ms;
    }
}

int64_t rota_team_after_ms(const struct router_core *core, struct crew *crew, int64_t from_ms,
                           int64_t working_ms)
{
    struct crew_held *held = crew->held;
    if (working_ms <= 0)
        return from_ms;
    bool far = held->n_shifts > 0 && held->shifts[0].to_ms < from_ms - LOOK_MS / 10;
    bool known = held->shifts_from_ms < held->shifts_to_ms && held->shifts_from_ms <= from_ms &&
                 from_ms <= held->shifts_to_ms;
    if (!known || far) {
        held->n_shifts = 0;
        held->shifts_from_ms = held->shifts_to_ms = from_ms;
    }
    uint32_t i = 0;
    for (;;) {
        for (; i < held->n_shifts; i++) {
            struct team_shift shift = held->shifts[i];
            // The last one may go on.
            if (i + 1 == held->n_shifts && held->shifts_to_ms == shift.to_ms &&
                shift.to_ms != INT64_MAX)
                break;
            int64_t at_ms = shift.from_ms > from_ms ? shift.from_ms : from_ms;
            if (shift.to_ms <= at_ms)
                continue;
            if (shift.to_ms - at_ms >= working_ms)
                return at_ms + working_ms;
            working_ms -= shift.to_ms - at_ms;
        }
        int64_t known_ms = held->shifts_to_ms;
        if (known_ms - from_ms > LOOK_MS || known_ms == INT64_MAX)
            return INT64_MAX;
        learn_shifts(core, crew, known_ms + 1);
        if (held->shifts_to_ms == known_ms)
            return INT64_MAX; // too many shifts to be told
    }
}
