// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/core/value.h"

#include <stdio.h>

#include "common/base/text.h"

static int64_t value_clamp(__int128 milli)
{
    if (milli > VALUE_MILLI_MAX)
        return VALUE_MILLI_MAX;
    if (milli < -(__int128)VALUE_MILLI_MAX)
        return -VALUE_MILLI_MAX;
    return (int64_t)milli;
}

// mantissa * 2^exponent in thousandths. The parts of the double are taken apart, because a compiler
// may fuse a multiplication and an addition on one machine and not on another.
static bool value_double_milli(double number, int64_t *out)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    int exponent = (int)(bits >> 52 & 0x7ff);
    uint64_t mantissa = bits & ((UINT64_C(1) << 52) - 1);
    if (exponent == 0x7ff)
        return false;
    if (exponent > 0)
        mantissa |= UINT64_C(1) << 52;
    int shift = (exponent > 0 ? exponent : 1) - 1075;
    uint64_t scaled = mantissa * 1000; // below 2^63
    int64_t milli;
    if (scaled == 0 || shift < -64)
        milli = 0;
    else if (shift < 0)
        milli = value_clamp(
            (__int128)(((unsigned __int128)scaled + ((unsigned __int128)1 << (-shift - 1))) >>
                       -shift));
    else
        milli = shift > 60 ? VALUE_MILLI_MAX : value_clamp((__int128)scaled << shift);
    *out = (bits >> 63) != 0 ? -milli : milli;
    return true;
}

bool value_milli(const struct value *value, int64_t *out)
{
    if (value->type == VALUE_INTEGER) {
        *out = value_thousand(value->integer);
        return true;
    }
    return value->type == VALUE_NUMBER && value_double_milli(value->number, out);
}

// Whether the double is a whole number that an int64_t holds.
static bool value_whole(double number, int64_t *out)
{
    if (!(number >= -9223372036854775808.0 && number < 9223372036854775808.0))
        return false;
    *out = (int64_t)number;
    return (double)*out == number;
}

// One form for each number.
static struct value value_normal(const struct value *value)
{
    struct value normal = *value;
    int64_t whole;
    if (value->type == VALUE_NUMBER && value_whole(value->number, &whole)) {
        normal.type = VALUE_INTEGER;
        normal.integer = whole;
    }
    return normal;
}

int value_order(const struct value *a, const struct value *b)
{
    struct value x = value_normal(a), y = value_normal(b);
    if (x.type != y.type)
        return x.type < y.type ? -1 : 1;
    switch (x.type) {
    case VALUE_NONE:
        return 0;
    case VALUE_TEXT:
        return span_cmp(x.text, y.text);
    case VALUE_NUMBER: {
        // By bits, so that a NaN has its place too.
        uint64_t m, n;
        memcpy(&m, &x.number, sizeof m);
        memcpy(&n, &y.number, sizeof n);
        return (m > n) - (m < n);
    }
    case VALUE_INTEGER:
        return (x.integer > y.integer) - (x.integer < y.integer);
    case VALUE_FLAG:
        return (int)x.flag - (int)y.flag;
    }
    return 0;
}

bool value_equal(const struct value *a, const struct value *b)
{
    return a->type != VALUE_NONE && value_order(a, b) == 0;
}

struct hash128 value_hash(const struct value *value)
{
    struct value normal = value_normal(value);
    struct hash128 hash = {0, 0};
    switch (normal.type) {
    case VALUE_NONE:
        break;
    case VALUE_TEXT:
        return hash128(normal.text);
    case VALUE_NUMBER:
        hash = hash128(span_make(&normal.number, sizeof normal.number));
        break;
    case VALUE_INTEGER:
        hash = hash128(span_make(&normal.integer, sizeof normal.integer));
        break;
    case VALUE_FLAG:
        hash = hash128(span_make(&normal.flag, 1));
        break;
    }
    // Keeps a number apart from a text of the same bytes.
    hash.high ^= UINT64_C(0x9e3779b97f4a7c15) * (uint64_t)normal.type;
    return hash;
}

const char *value_milli_text(int64_t milli, struct arena *arena)
{
    uint64_t n = milli < 0 ? 0 - (uint64_t)milli : (uint64_t)milli;
    unsigned rest = (unsigned)(n % 1000);
    const char *sign = milli < 0 ? "-" : "";
    unsigned long long whole = n / 1000;
    if (rest == 0)
        return arena_printf(arena, "%s%llu", sign, whole);
    if (rest % 100 == 0)
        return arena_printf(arena, "%s%llu.%u", sign, whole, rest / 100);
    if (rest % 10 == 0)
        return arena_printf(arena, "%s%llu.%02u", sign, whole, rest / 10);
    return arena_printf(arena, "%s%llu.%03u", sign, whole, rest);
}

const char *value_text(const struct value *value, struct arena *arena)
{
    int64_t milli;
    switch (value->type) {
    case VALUE_NONE:
        return "";
    case VALUE_TEXT:
        return arena_dup(arena, value->text);
    case VALUE_INTEGER:
        return arena_printf(arena, "%lld", (long long)value->integer);
    case VALUE_NUMBER:
        return value_milli(value, &milli) ? value_milli_text(milli, arena) : "not a number";
    case VALUE_FLAG:
        return value->flag ? "true" : "false";
    }
    return "";
}

const char *value_exact_text(const struct value *value, struct arena *arena)
{
    enum { DIGITS_LEAST = 15, DIGITS_MOST = 17 };
    struct value normal = value_normal(value);
    if (normal.type != VALUE_NUMBER)
        return value_text(&normal, arena);
    char text[40];
    double back = 0;
    for (int digits = DIGITS_LEAST; digits <= DIGITS_MOST; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, normal.number);
        if (text_to_double(span_of(text), &back) && back == normal.number)
            break;
    }
    return arena_dup(arena, span_of(text));
}
