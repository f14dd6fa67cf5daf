// SPDX-License-Identifier: Apache-2.0
// links: scorer_core playbook
#include <criterion/criterion.h>

#include "services/scorer/core/cell.h"
#include "tests/support/scorer_facts.h"

#define BUSY                                                                                       \
    HEAD "measures: {busy: {count: any, per: account}}\n"                                          \
         "signals: {fact_busy: {busy: {above: 0}}}\n"

Test(scorer_busiest, hours_of_a_day_are_counted_apart)
{
    struct cell cell = {0};
    struct cell_entry hours[CELL_HOURS_OF_DAY];
    cr_assert(cell_hours(&cell, hours) == 0);
    cell_hour(&cell, 7, 2);
    cell_hour(&cell, 7, UINT32_MAX - 4);
    // The only hour lies in the cell itself.
    cr_assert(cell.cap == 0 && cell_hours(&cell, hours) == 1);
    cr_assert(hours[0].key == 7 && hours[0].value == UINT32_MAX - 2);
    cell_hour(&cell, 23, 1);
    cell_hour(&cell, 0, 3);
    cell_hour(&cell, 7, 9);
    cr_assert(cell.n == 3 && cell_hours(&cell, hours) == 3);
    cr_assert(hours[0].key == 0 && hours[0].value == 3);
    cr_assert(hours[1].key == 7 && hours[1].value == UINT32_MAX, "it counts no more");
    cr_assert(hours[2].key == 23 && hours[2].value == 1);
    cell_deinit(&cell, CELL_HOURS);
    cell_hour(&cell, 1, UINT32_MAX);
    cell_hour(&cell, 1, 1);
    cr_assert(cell_hours(&cell, hours) == 1 && hours[0].value == UINT32_MAX);
    cell_deinit(&cell, CELL_HOURS);
}

Test(scorer_busiest, is_told_when_another_hour_takes_over)
{
    struct scorer_world w;
    facts_open(&w, BUSY);
    scorer_world_track(&w, "a", "u", "A", "2026-01-05T14:59:59.999Z");
    expect_told(&w, "fact_busy=15000 at 2026-01-05T14:59:59.999Z;");
    cr_assert(strcmp(scorer_world_value(&w, "a", NULL, "busy"), "14:00 UTC") == 0);
    // As many in a later hour: the earlier one stays. One more: it is the other.
    scorer_world_track(&w, "a", "v", "B", "2026-01-05T23:00:00Z");
    expect_told(&w, "");
    scorer_world_track(&w, "a", "u", "A", "2026-01-06T23:59:00Z");
    expect_told(&w, "fact_busy=24000 at 2026-01-06T23:59:00.000Z;");
    // What is late counts as it happened: midnight's hour has as many, then.
    scorer_world_track(&w, "a", "u", "A", "2026-01-02T00:00:00Z");
    expect_told(&w, "");
    scorer_world_track(&w, "a", "u", "A", "2026-01-03T00:59:59.999Z");
    expect_told(&w, "fact_busy=1000 at 2026-01-06T23:59:00.000Z;");
    cr_assert(strcmp(scorer_world_value(&w, "a", NULL, "busy"), "00:00 UTC") == 0);
    // No activity, no hour.
    struct say say = {.account = "a",
                      .user = "u",
                      .name = "A",
                      .at_ms = at("2026-01-07T05:00:00Z"),
                      .context = "active=false"};
    for (int i = 0; i < 5; i++)
        scorer_world_say(&w, &say);
    expect_told(&w, "");
    cr_assert(core_next_due(w.core) == INT64_MAX);
    scorer_world_track(&w, "b", NULL, "A", "2026-01-07T05:00:00Z");
    cr_assert(strcmp(scorer_world_value(&w, "b", NULL, "busy"), "05:00 UTC") == 0);
    scorer_world_close(&w);
}

Test(scorer_busiest, does_not_depend_on_the_order_of_events)
{
    enum { EVENTS = 60 };
    uint64_t seed = 11;
    for (int round = 0; round < 20; round++) {
        int64_t when[EVENTS];
        char told[2][16] = {"", ""};
        int counts[24] = {0}, best = 0;
        for (int i = 0; i < EVENTS; i++) {
            when[i] = at("2026-01-05") + (int64_t)scorer_world_below(&seed, 200) * TIME_HOUR_MS +
                      (int64_t)scorer_world_below(&seed, TIME_HOUR_MS);
            counts[when[i] / TIME_HOUR_MS % 24]++;
        }
        for (int hour = 1; hour < 24; hour++)
            best = counts[hour] > counts[best] ? hour : best;
        for (int pass = 0; pass < 2; pass++) {
            struct scorer_world w;
            facts_open(&w, BUSY);
            for (int i = 0; i < EVENTS; i++) {
                struct say say = {.account = "a", .user = "u", .name = "A"};
                say.at_ms = when[pass == 0 ? i : EVENTS - 1 - i];
                scorer_world_say(&w, &say);
                if (w.changes.n > 0)
                    snprintf(told[pass], sizeof told[pass], "%s", w.changes.items[0].label);
            }
            scorer_world_close(&w);
            cr_assert(atoi(told[pass]) == (best + 1) * 1000, "%s, hour %d", told[pass], best);
        }
    }
}

Test(scorer_busiest, outlives_a_playbook_that_means_the_same)
{
    struct scorer_world w;
    facts_open(&w, BUSY);
    scorer_world_track(&w, "a", "u", "A", "2026-01-05T14:00:00Z");
    scorer_world_track(&w, "a", "u", "A", "2026-01-05T15:00:00Z");
    core_set_playbook(
        w.core, ++w.position,
        facts_playbook(HEAD "measures: {c: {count: A}, busy2: {count: any, per: account}}\n"
                            "signals: {fact_busy2: {busy2: {above: 0}}}\n"));
    scorer_world_track(&w, "a", "u", "A", "2026-01-06T15:00:00Z");
    expect_told(&w, "fact_busy2=16000 at 2026-01-06T15:00:00.000Z;");
    // Without it nothing is left.
    core_set_playbook(w.core, ++w.position,
                      scorer_world_playbook(HEAD "measures: {c: {count: A}}\n"));
    scorer_world_track(&w, "a", "u", "A", "2026-01-07T15:00:00Z");
    expect_told(&w, "");
    scorer_world_close(&w);
}
