// SPDX-License-Identifier: Apache-2.0
// Values of events and traits as numbers, in an order, and as hashes. Pure; integer arithmetic
// only, so that every machine agrees.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/hash.h"
#include "services/playbook/model.h"

// Bound on every number in thousandths: four of them can be added without overflow.
#define VALUE_MILLI_MAX (INT64_MAX / 4)

// The number in thousandths, rounded to the nearest (a half away from zero), kept within
// +-VALUE_MILLI_MAX. False for what is not a number.
bool value_milli(const struct value *value, int64_t *out);
static inline int64_t value_bound(int64_t milli)
{
    return milli > VALUE_MILLI_MAX    ? VALUE_MILLI_MAX
           : milli < -VALUE_MILLI_MAX ? -VALUE_MILLI_MAX
                                      : milli;
}
// n * 1000 within the same bound.
static inline int64_t value_thousand(int64_t n)
{
    int64_t milli;
    if (__builtin_mul_overflow(n, 1000, &milli))
        milli = n > 0 ? INT64_MAX : INT64_MIN;
    return value_bound(milli);
}
// a + b within the same bound; both are.
static inline int64_t value_add(int64_t a, int64_t b)
{
    return value_bound(a + b);
}
// Numbers by value whatever their type, texts by bytes, flags by truth. VALUE_NONE equals nothing.
bool value_equal(const struct value *a, const struct value *b);
// Some total order, the same everywhere: it settles two values of one instant.
int value_order(const struct value *a, const struct value *b);
// Equal for equal values (an integer and the same number as a double).
struct hash128 value_hash(const struct value *value);
// As a person reads it: "saas", "12.5", "true"; "" for none.
const char *value_text(const struct value *value, struct arena *arena);
// The same, but a number is told in full: the shortest decimal that is this number again.
const char *value_exact_text(const struct value *value, struct arena *arena);
// Thousandths as a person reads them: "3", "12.5", "-0.125".
const char *value_milli_text(int64_t milli, struct arena *arena);
