// SPDX-License-Identifier: Apache-2.0
// links: cli_interval
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#include "cli/interval.h"

static void expect(uint64_t k_a, uint64_t n_a, uint64_t k_b, uint64_t n_b, const char *expected)
{
    struct interval i = interval_difference(k_a, n_a, k_b, n_b);
    char text[64];
    // Adding 0 makes of -0.0000 what a table prints.
    snprintf(text, sizeof text, "%+.4f %+.4f", round(i.low * 1e4) / 1e4 + 0.0,
             round(i.high * 1e4) / 1e4 + 0.0);
    cr_assert_str_eq(text, expected, "%g of %g less %g of %g: %s", (double)k_a, (double)n_a,
                     (double)k_b, (double)n_b, text);
}

// Table II of Newcombe's paper, method 10.
Test(cli_interval, equals_the_published_examples)
{
    expect(56, 70, 48, 80, "+0.0524 +0.3339");
    expect(9, 10, 3, 10, "+0.1705 +0.8090");
    expect(6, 7, 2, 7, "+0.0582 +0.8062");
    expect(5, 56, 0, 29, "-0.0381 +0.1926");
    expect(0, 10, 0, 20, "-0.1611 +0.2775");
    expect(0, 10, 0, 10, "-0.2775 +0.2775");
    expect(10, 10, 0, 20, "+0.6791 +1.0000");
    expect(10, 10, 0, 10, "+0.6075 +1.0000");
}

Test(cli_interval, treated_against_held_out)
{
    struct interval i = interval_difference(675, 2250, 25, 250);
    char text[64];
    snprintf(text, sizeof text, "%+.1f %.1f to %.1f", i.value * 100, i.low * 100, i.high * 100);
    cr_assert_str_eq(text, "+20.0 15.3 to 23.7", "%s", text);
    i = interval_difference_normal(675, 2250, 25, 250);
    snprintf(text, sizeof text, "%+.1f %.1f to %.1f", i.value * 100, i.low * 100, i.high * 100);
    cr_assert_str_eq(text, "+20.0 15.8 to 24.2", "%s", text);
}

Test(cli_interval, a_share_stays_within_its_range)
{
    struct interval none = interval_share(0, 12), all = interval_share(12, 12);
    cr_assert(none.low == 0 && none.value == 0 && none.high > 0.2 && none.high < 0.3);
    cr_assert(all.high == 1 && all.value == 1 && all.low > 0.7 && all.low < 0.8);
}
