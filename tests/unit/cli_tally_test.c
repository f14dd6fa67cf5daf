// SPDX-License-Identifier: Apache-2.0
// links: cli_backtest
#include <criterion/criterion.h>

#include "cli/backtest/backtest.h"

enum { DAY = 86400000 };

static void subject(struct tally *tally, const char *id, int64_t seen, int64_t qualified,
                    int64_t paid)
{
    tally_note(tally, span_of(id), TALLY_SEEN, seen);
    if (qualified != TALLY_NEVER)
        tally_note(tally, span_of(id), TALLY_QUALIFIED, qualified);
    if (paid != TALLY_NEVER)
        tally_note(tally, span_of(id), TALLY_PAID, paid);
}

Test(tally, the_earliest_counts_whatever_comes_first)
{
    struct tally tally = {0};
    struct tally_report report;
    subject(&tally, "a", 5 * DAY, 9 * DAY, TALLY_NEVER);
    subject(&tally, "a", 2 * DAY, 7 * DAY, TALLY_NEVER);
    subject(&tally, "a", 3 * DAY, 8 * DAY, TALLY_NEVER);
    tally_report(&tally, &report);
    cr_assert_eq(report.seen, 1u);
    cr_assert_eq(report.time_to_qualify.median_ms, 5 * (int64_t)DAY);
    tally_deinit(&tally);
}

Test(tally, who_paid_before_qualifying_is_no_success_of_the_definition)
{
    struct tally tally = {0};
    struct tally_report report;
    subject(&tally, "before", 0, 10 * DAY, 9 * DAY);
    subject(&tally, "then", 0, 10 * DAY, 10 * DAY);
    subject(&tally, "after", 0, 10 * DAY, 14 * DAY);
    subject(&tally, "never", 0, 10 * DAY, TALLY_NEVER);
    subject(&tally, "other, paid", 0, TALLY_NEVER, 3 * DAY);
    subject(&tally, "other", 0, TALLY_NEVER, TALLY_NEVER);
    tally_note(&tally, span_of("unseen"), TALLY_QUALIFIED, 1);
    tally_report(&tally, &report);
    cr_assert_eq(report.seen, 6u);
    cr_assert_eq(report.qualifiers.n, 4u);
    cr_assert_eq(report.qualifiers.paid, 3u);
    cr_assert_eq(report.others.n, 2u);
    cr_assert_eq(report.others.paid, 1u);
    cr_assert_eq(report.paid_after, 2u);
    cr_assert_eq(report.lead_time.n, 2u);
    cr_assert_eq(report.lead_time.median_ms, 0);
    cr_assert_eq(report.lead_time.p90_ms, 4 * (int64_t)DAY);
    tally_deinit(&tally);
}

Test(tally, ranks_are_those_of_the_sorted_durations)
{
    struct tally tally = {0};
    struct tally_report report;
    for (int i = 10; i >= 1; i--) {
        char id[16];
        snprintf(id, sizeof id, "u%d", i);
        subject(&tally, id, 0, i * DAY, TALLY_NEVER);
    }
    tally_report(&tally, &report);
    cr_assert_eq(report.time_to_qualify.median_ms, 5 * (int64_t)DAY);
    cr_assert_eq(report.time_to_qualify.p90_ms, 9 * (int64_t)DAY);
    tally_deinit(&tally);
}

Test(tally, event_names_with_commas)
{
    struct backtest_paid paid;
    struct err_info info;
    cr_assert_eq(backtest_paid_parse(" Order Completed ,Deal Won", &paid, &info), ERR_OK);
    cr_assert_eq(paid.n, 2u);
    cr_assert(span_is(paid.names[0], "Order Completed"));
    cr_assert(span_is(paid.names[1], "Deal Won"));
    cr_assert_eq(backtest_paid_parse("A,,B", &paid, &info), ERR_INVALID);
    cr_assert_eq(backtest_paid_parse("", &paid, &info), ERR_INVALID);
}
