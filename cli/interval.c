// SPDX-License-Identifier: Apache-2.0
#include "cli/interval.h"

#include <math.h>

#include "common/base/check.h"

static const double Z = 1.959963984540054; // 97.5 % of the normal distribution lie below

struct interval interval_share(uint64_t k, uint64_t n)
{
    CHECK(n > 0 && k <= n);
    double p = (double)k / (double)n;
    double z2 = Z * Z;
    double middle = 2 * (double)k + z2;
    double spread = Z * sqrt(z2 + 4 * (double)k * (1 - p));
    double whole = 2 * ((double)n + z2);
    return (struct interval){
        // Rounding must not leave the range at its ends.
        k == 0 ? 0 : (middle - spread) / whole,
        p,
        k == n ? 1 : (middle + spread) / whole,
    };
}

struct interval interval_difference(uint64_t k_a, uint64_t n_a, uint64_t k_b, uint64_t n_b)
{
    struct interval a = interval_share(k_a, n_a), b = interval_share(k_b, n_b);
    double value = a.value - b.value;
    return (struct interval){
        value - hypot(a.value - a.low, b.high - b.value),
        value,
        value + hypot(a.high - a.value, b.value - b.low),
    };
}

struct interval interval_difference_normal(uint64_t k_a, uint64_t n_a, uint64_t k_b, uint64_t n_b)
{
    CHECK(n_a > 0 && n_b > 0 && k_a <= n_a && k_b <= n_b);
    double a = (double)k_a / (double)n_a, b = (double)k_b / (double)n_b;
    double half = Z * sqrt(a * (1 - a) / (double)n_a + b * (1 - b) / (double)n_b);
    return (struct interval){a - b - half, a - b, a - b + half};
}
