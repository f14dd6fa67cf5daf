// SPDX-License-Identifier: Apache-2.0
// Shares and their differences with 95 % intervals. Pure.
//
// A share's interval is Wilson's (1927), that of a difference Newcombe's hybrid score method,
// without continuity correction: R. G. Newcombe, "Interval estimation for the difference between
// independent proportions", Statistics in Medicine 17 (1998), method 10. Both are good for small
// numbers and shares near 0 and 1, where the usual ones are not.
#pragma once

#include <stdint.h>

struct interval {
    double low, value, high; // shares, 0 to 1; of a difference -1 to 1
};
// k of n, n > 0.
struct interval interval_share(uint64_t k, uint64_t n);
// k_a of n_a less k_b of n_b; both n > 0.
struct interval interval_difference(uint64_t k_a, uint64_t n_a, uint64_t k_b, uint64_t n_b);
// The same by the normal approximation (Wald's), which textbooks give: for comparison only.
struct interval interval_difference_normal(uint64_t k_a, uint64_t n_a, uint64_t k_b, uint64_t n_b);
