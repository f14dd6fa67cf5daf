// SPDX-License-Identifier: Apache-2.0
// links: scorer_core
// Cells and traits at their bounds.
#include <criterion/criterion.h>

#include "common/base/check.h"
#include "services/scorer/core/cell.h"
#include "services/scorer/core/traits.h"
#include "services/scorer/core/value.h"

static const struct cell_keep LATEST = {.low = INT64_MIN, .end = INT64_MAX, .max = 8};
static const struct cell_keep EARLIEST = {
    .low = INT64_MIN, .end = INT64_MAX, .max = 8, .earliest = true};

static void log_at(struct cell *cell, int64_t at_ms, const struct cell_keep *keep)
{
    cell_log(cell, CELL_EVENTS, (struct cell_event){.at_ms = at_ms, .value = 1}, keep);
}

Test(scorer_cells, at_the_bound_the_same_events_stay_in_any_order)
{
    for (int stride = 1; stride < 31; stride += 2) { // odd: every number of 32 once
        struct cell latest = {0}, earliest = {0};
        for (int i = 0; i < 32; i++) {
            log_at(&latest, i * stride % 32, &LATEST);
            log_at(&earliest, i * stride % 32, &EARLIEST);
        }
        cr_assert_eq(latest.events->n, 8);
        cr_assert_eq(earliest.events->n, 8);
        for (int i = 0; i < 8; i++) {
            cr_assert_eq(latest.events->items[i].at_ms, 24 + i);
            cr_assert_eq(earliest.events->items[i].at_ms, i);
        }
        cell_deinit(&latest, CELL_EVENTS);
        cell_deinit(&earliest, CELL_EVENTS);
    }
}

Test(scorer_cells, events_of_one_instant_are_apart_unless_they_are_one)
{
    struct cell cell = {0};
    struct cell_keep keep = {.low = INT64_MIN, .end = INT64_MAX, .max = 8, .same = true};
    for (int i = 0; i < 3; i++)
        log_at(&cell, 5, &LATEST);
    cr_assert_eq(cell.events->n, 3);
    log_at(&cell, 5, &keep);
    cr_assert_eq(cell.events->n, 3);
    cell_log(&cell, CELL_EVENTS, (struct cell_event){.at_ms = 5, .value = 2}, &keep);
    cr_assert_eq(cell.events->n, 4);
    cell_deinit(&cell, CELL_EVENTS);
}

Test(scorer_cells, old_events_go_when_they_are_most)
{
    struct cell cell = {0};
    struct cell_keep keep = {.low = 0, .end = 100, .max = 64};
    for (int i = 0; i < 10; i++)
        log_at(&cell, i, &keep);
    log_at(&cell, 100, &keep);
    cr_assert_eq(cell.events->n, 10);
    keep.low = 5;
    log_at(&cell, 4, &keep);
    cr_assert_eq(cell.events->n, 10);
    log_at(&cell, 10, &keep);
    cr_assert_eq(cell.events->n, 11); // half of them do not count any more
    keep.low = 6;
    log_at(&cell, 11, &keep);
    cr_assert_eq(cell.events->n, 6);
    uint32_t n;
    cr_assert_eq(cell_logged(&cell, 7, 11, &n)->at_ms, 7);
    cr_assert_eq(n, 4);
    cr_assert_null(cell_logged(&cell, 12, 5, &n));
    cr_assert_eq(n, 0);
    cell_deinit(&cell, CELL_EVENTS);
}

Test(scorer_cells, what_was_said_is_freed_with_its_event)
{
    struct cell cell = {0};
    for (int i = 0; i < 20; i++) {
        struct value value = {VALUE_TEXT, {.text = span_of("a text that lies apart")}};
        cell_log(
            &cell, CELL_SAID,
            (struct cell_event){.at_ms = i, .value = (int64_t)(intptr_t)cell_said_make(&value)},
            &LATEST);
    }
    cr_assert_eq(cell.events->n, 8);
    cell_cut(&cell, CELL_SAID, 15, 18);
    cr_assert_eq(cell.events->n, 3);
    cr_assert(span_is(cell_said(&cell.events->items[0])->text, "a text that lies apart"));
    cell_deinit(&cell, CELL_SAID);
}

Test(scorer_cells, marks_move_one_way)
{
    struct cell cell = {0};
    cr_assert(cell_mark(&cell, 5, true));
    cr_assert(!cell_mark(&cell, 5, true) && !cell_mark(&cell, 4, true));
    cr_assert(cell_mark(&cell, 6, true));
    cr_assert(!cell_mark(&cell, 6, false) && cell_mark(&cell, 3, false));
    cr_assert_eq(cell.events->mark_ms, 3);
    cell_deinit(&cell, CELL_EVENTS);
}

// ---- Sessions ----

Test(scorer_cells, sessions_are_the_same_in_any_order)
{
    // With gaps of 1 to 8 and an idle time of 4: from 0 to 10, 15 to 15, 21 to 24.
    static const int64_t AT[] = {0, 1, 3, 6, 10, 15, 21, 24};
    static const int ORDERS[][8] = {{0, 1, 2, 3, 4, 5, 6, 7},
                                    {7, 6, 5, 4, 3, 2, 1, 0},
                                    {0, 4, 2, 7, 5, 1, 3, 6},
                                    {4, 0, 6, 2, 3, 7, 5, 1}};
    static const int64_t EXPECTED[][2] = {{0, 10}, {15, 15}, {21, 24}};
    for (size_t o = 0; o < ARRAY_LEN(ORDERS); o++) {
        struct cell cell = {0};
        for (int i = 0; i < 8; i++)
            cell_stay(&cell, AT[ORDERS[o][i]], 4, INT64_MIN);
        cr_assert_eq(cell.n, 3);
        for (int i = 0; i < 3; i++) {
            cr_assert_eq(cell_entries(&cell)[i].key, EXPECTED[i][0]);
            cr_assert_eq(cell_entries(&cell)[i].value, EXPECTED[i][1]);
        }
        cell_deinit(&cell, CELL_BUCKETS);
    }
}

Test(scorer_cells, sessions_at_the_bound_lose_the_earliest)
{
    struct cell cell = {0};
    for (int64_t i = 0; i < CELL_BUCKETS_MAX + 3; i++)
        cell_stay(&cell, i * 10, 4, INT64_MIN);
    cr_assert_eq(cell.n, CELL_BUCKETS_MAX);
    cr_assert_eq(cell_entries(&cell)[0].key, 30);
    cell_stay(&cell, 0, 4, INT64_MIN);
    cr_assert_eq(cell_entries(&cell)[0].key, 30);
    cell_stay(&cell, 1, 4, 1000);
    cr_assert_eq(cell_entries(&cell)[0].key, 30);
    cell_deinit(&cell, CELL_BUCKETS);
}

// ---- Traits ----

static struct value number(int64_t n)
{
    return (struct value){VALUE_INTEGER, {.integer = n}};
}

static bool put(struct traits **traits, int64_t n, int64_t at_ms)
{
    struct value value = number(n);
    return traits_put_past(traits, span_of("k"), &value, at_ms);
}

static int64_t was(const struct traits *traits, int64_t at_ms)
{
    const struct trait *trait = traits_find_at(traits, span_of("k"), at_ms);
    return trait == NULL ? -1 : trait->value.integer;
}

Test(scorer_cells, traits_are_what_was_said_last_by_then)
{
    struct traits *traits = NULL;
    cr_assert(put(&traits, 5, 50));
    cr_assert(put(&traits, 3, 30));
    cr_assert(put(&traits, 7, 70));
    cr_assert(!put(&traits, 7, 80)); // nothing changes by it
    cr_assert(put(&traits, 6, 75));
    cr_assert_eq(was(traits, 29), -1);
    cr_assert_eq(was(traits, 30), 3);
    cr_assert_eq(was(traits, 49), 3);
    cr_assert_eq(was(traits, 74), 7);
    cr_assert_eq(was(traits, 79), 6);
    cr_assert_eq(was(traits, 80), 7);
    // Of one instant the larger stands.
    cr_assert(!put(&traits, 4, 50));
    cr_assert(put(&traits, 9, 50));
    cr_assert_eq(was(traits, 50), 9);
    cr_assert(!put(&traits, 6, 80) && put(&traits, 8, 80));
    cr_assert_eq(traits_find(traits, span_of("k"))->value.integer, 8);
    // A key whose past does not count any more loses it.
    struct value value = number(1);
    cr_assert(!traits_put(&traits, span_of("k"), &value, 10));
    cr_assert_eq(was(traits, 75), -1);
    cr_assert_eq(was(traits, 80), 8);
    traits_destroy(traits);
}

Test(scorer_cells, a_trait_at_its_bound_forgets_what_says_nothing_first)
{
    struct traits *traits = NULL;
    (void)put(&traits, 1, 0);
    for (int64_t i = 1; i < 2000; i++)
        (void)put(&traits, 2, i * 10);
    (void)put(&traits, 3, 20000);
    cr_assert_leq(traits->items[0]->past->n, TRAITS_PAST_MAX);
    cr_assert_eq(was(traits, 9), 1);
    cr_assert_eq(was(traits, 10), 2);
    cr_assert_eq(was(traits, 19999), 2);
    cr_assert_eq(was(traits, 20000), 3);
    for (int64_t i = 0; i < 2000; i++)
        (void)put(&traits, i % 2, 30000 + i);
    cr_assert_eq(traits->items[0]->past->n, TRAITS_PAST_MAX);
    cr_assert_eq(was(traits, 20000), -1);
    cr_assert_eq(was(traits, 30000 + 1999 - TRAITS_PAST_MAX), (1999 - TRAITS_PAST_MAX) % 2);
    cr_assert_eq(was(traits, 31998), 0);
    cr_assert_eq(was(traits, 31999), 1);
    traits_destroy(traits);
}
