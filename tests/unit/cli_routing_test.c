// SPDX-License-Identifier: Apache-2.0
// links: cli_backtest
//
// What became of leads, counted from decisions on them.
#include <criterion/criterion.h>

#include "cli/backtest/routing.h"

enum { MINUTE = 60000 };

static struct routing_step step_of(enum router_step step, const char *lead, const char *rep,
                                   int64_t at_min)
{
    return (struct routing_step){
        .step = step,
        .lead_id = lead,
        .motion = "sales",
        .queue = "sales",
        .team = rep[0] == '\0' ? "" : "inside",
        .rep = rep,
        .reason = "",
        .outcome = "",
        .at_ms = at_min * MINUTE,
    };
}

static void take(struct routing *r, enum router_step step, const char *lead, const char *rep,
                 int64_t at_min)
{
    struct routing_step s = step_of(step, lead, rep, at_min);
    if (step == ROUTER_STEP_ASSIGNED)
        s.due_ms = s.at_ms + 60 * MINUTE;
    if (step == ROUTER_STEP_COMPLETED)
        s.outcome = "won";
    if (step == ROUTER_STEP_OVERFLOWED)
        s.motion = "self_serve";
    routing_take(r, &s);
}

Test(cli_routing, a_lead_that_is_worked)
{
    struct routing r;
    routing_init(&r);
    take(&r, ROUTER_STEP_CREATED, "L1", "", 0);
    take(&r, ROUTER_STEP_ASSIGNED, "L1", "ann", 0);
    take(&r, ROUTER_STEP_LEASED, "L1", "ann", 5);
    take(&r, ROUTER_STEP_ACKED, "L1", "ann", 10);
    take(&r, ROUTER_STEP_COMPLETED, "L1", "ann", 90);
    routing_finish(&r, 1000 * MINUTE);
    cr_assert_eq(r.n_reps, 1);
    cr_assert_str_eq(r.reps[0].name, "ann");
    cr_assert(r.reps[0].assigned == 1 && r.reps[0].open == 0 && r.reps[0].open_max == 1);
    cr_assert(r.reps[0].touched == 1 && r.reps[0].missed == 0 && r.reps[0].won == 1);
    cr_assert_eq(r.n_touches, 1);
    cr_assert_eq(r.touches_ms[0], 10 * MINUTE);
    cr_assert(r.completed == 1 && r.won == 1 && r.missed == 0);
    cr_assert_eq(r.motions[MOTION_SALES], 1);
    routing_deinit(&r);
}

// Not touched in an hour: somebody else's, who is late too.
Test(cli_routing, a_lead_that_is_missed_twice)
{
    struct routing r;
    routing_init(&r);
    take(&r, ROUTER_STEP_CREATED, "L1", "", 0);
    take(&r, ROUTER_STEP_ASSIGNED, "L1", "ann", 0);
    take(&r, ROUTER_STEP_UNASSIGNED, "L1", "ann", 60);
    take(&r, ROUTER_STEP_ASSIGNED, "L1", "ben", 60);
    routing_finish(&r, 121 * MINUTE);
    cr_assert(r.reps[0].missed == 1 && r.reps[0].credited == 1 && r.reps[0].open == 0);
    cr_assert(r.reps[1].missed == 1 && r.reps[1].open == 1 && r.reps[1].touched == 0);
    cr_assert(r.missed == 2 && r.reassigned == 1);
    routing_deinit(&r);
}

Test(cli_routing, leads_that_wait)
{
    struct routing r;
    routing_init(&r);
    for (int i = 0; i < 3; i++) {
        const char *lead = (const char *[]){"L1", "L2", "L3"}[i];
        take(&r, ROUTER_STEP_CREATED, lead, "", i);
        take(&r, ROUTER_STEP_HELD, lead, "", i);
        take(&r, ROUTER_STEP_HELD, lead, "", i); // told again: the same wait
    }
    take(&r, ROUTER_STEP_ASSIGNED, "L1", "ann", 10);
    take(&r, ROUTER_STEP_OVERFLOWED, "L2", "", 31);
    take(&r, ROUTER_STEP_WITHDRAWN, "L3", "", 5);
    routing_finish(&r, 40 * MINUTE);
    cr_assert(r.held == 3 && r.overflowed == 1 && r.withdrawn == 1);
    cr_assert_eq(r.n_waits, 3);
    cr_assert_eq(routing_quantile_ms(r.waits_ms, r.n_waits, 50), 10 * MINUTE);
    cr_assert_eq(routing_quantile_ms(r.waits_ms, r.n_waits, 100), 30 * MINUTE);
    cr_assert_eq(r.motions[MOTION_SELF_SERVE], 1);
    routing_deinit(&r);
}

Test(cli_routing, nothing_is_nothing)
{
    struct routing r;
    routing_init(&r);
    routing_finish(&r, 0);
    cr_assert_eq(routing_quantile_ms(r.waits_ms, r.n_waits, 50), 0);
    cr_assert_null(routing_find(&r, "L1"));
    routing_deinit(&r);
}
