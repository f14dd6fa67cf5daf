// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/core/leaf_bounds.h"

#include "services/scorer/core/value.h"

// The bounds of one side of a test: of the numbers it may be, if it may be one at all.
struct side {
    bool none; // it may be nothing, or no number
    bool some; // it may be a number
    __int128 low, high;
};

static struct operand leaf_operand_at(struct scene *scene, int32_t at, bool of, int64_t ms)
{
    int64_t kept = scene->clock_ms;
    struct arena arena;
    arena_init(&arena, 512, 0);
    scene->clock_ms = ms;
    struct operand operand = of ? condition_of(scene, at) : condition_operand(scene, at, &arena);
    scene->clock_ms = kept;
    arena_deinit(&arena); // only a text may lie there, and that is no number
    return operand;
}

static struct side leaf_side(struct scene *scene, int32_t at, bool of, int64_t from_ms,
                             int64_t to_ms)
{
    const struct condition *leaf = &scene->plan->playbook->conditions[at];
    enum operand_kind kind = of ? leaf->of.kind : leaf->operand;
    int32_t measure = of ? leaf->of.measure : leaf->measure;
    if (kind == OPERAND_MEASURE && scene->plan->measures[measure].continuous) {
        struct range range = measure_range(scene, measure, from_ms, to_ms);
        return (struct side){range.absent, range.low <= range.high, range.low, range.high};
    }
    struct operand operand = leaf_operand_at(scene, at, of, from_ms);
    int64_t milli;
    bool some = condition_number(&operand, &milli);
    return (struct side){!some, some, some ? milli : 0, some ? milli : 0};
}

// Whether some number of the side compares so with some number of [low, high].
static bool leaf_compares(enum test_kind test, bool wanted, const struct side *side, __int128 low,
                          __int128 high)
{
    if (!side->some)
        return !wanted;
    if (!wanted && side->none)
        return true;
    switch (test) {
    case TEST_AT_LEAST:
        return wanted ? side->high >= low : side->low < high;
    case TEST_AT_MOST:
        return wanted ? side->low <= high : side->high > low;
    case TEST_ABOVE:
        return wanted ? side->high > low : side->low <= high;
    case TEST_BELOW:
        return wanted ? side->low < high : side->high >= low;
    case TEST_BETWEEN: // both ends stand still
        return wanted ? side->high >= low && side->low <= high
                      : side->low < low || side->high > high;
    case TEST_IS:
    case TEST_IN:
    case TEST_CONTAINS:
    case TEST_EXISTS:
    case TEST_WITHIN:
    case TEST_GREW:
    case TEST_IS_PAST:
    case TEST_LATER_THAN:
        break;
    }
    return true;
}

static bool leaf_may_relative(struct scene *scene, int32_t at, bool wanted, const struct side *left,
                              int64_t from_ms, int64_t to_ms)
{
    const struct condition *leaf = &scene->plan->playbook->conditions[at];
    struct side of = leaf_side(scene, at, true, from_ms, to_ms);
    // It does not hold unless that is above 0.
    if (!of.some || of.high <= 0)
        return !wanted;
    if (!wanted && (of.none || of.low <= 0))
        return true;
    if (left->some && condition_shares(scene, leaf)) {
        struct range over = measure_over_share(scene, leaf->measure, leaf->of.measure,
                                               leaf->low_milli, from_ms, to_ms);
        struct side side = {left->none, true, over.low, over.high};
        return leaf_compares(leaf->test, wanted, &side, 0, 0);
    }
    __int128 a = (of.low > 0 ? of.low : 1) * leaf->low_milli, b = of.high * leaf->low_milli;
    struct side scaled = *left;
    scaled.low *= PERCENT_WHOLE;
    scaled.high *= PERCENT_WHOLE;
    return leaf_compares(leaf->test, wanted, &scaled, a < b ? a : b, a < b ? b : a);
}

static bool leaf_may_equal(const struct condition *leaf, bool wanted, const struct side *side)
{
    bool met = false;
    if (!side->some || (!wanted && (side->none || side->low != side->high)))
        return !wanted;
    for (int32_t i = 0; i < leaf->n_values && !met; i++) {
        int64_t milli;
        met = value_milli(&leaf->values[i], &milli) && side->low <= milli && milli <= side->high;
    }
    return met == wanted;
}

static bool leaf_may_exist(const struct measure *measure, const struct side *side, bool wanted)
{
    if (condition_zero_exists(measure->kind))
        return wanted ? side->some : side->none;
    return wanted ? side->some && (side->low < 0 || side->high > 0)
                  : side->none || (side->low <= 0 && side->high >= 0);
}

// ---- Grades ----

static int32_t leaf_level(const struct grade_side *side, int64_t milli)
{
    int32_t level = 0;
    while (level < side->n && milli >= side->at_least_milli[level])
        level++;
    return level;
}

// Levels that a side may have.
static void leaf_levels(const struct scene *scene, const struct grade_side *side, int64_t from_ms,
                        int64_t to_ms, int32_t *low, int32_t *high)
{
    struct range range = measure_range(scene, side->measure, from_ms, to_ms);
    bool some = range.low <= range.high;
    // What is absent counts as 0.
    int64_t none = range.absent || !some ? 0 : range.low;
    *low = leaf_level(side, some && range.low < none ? range.low : none);
    none = range.absent || !some ? 0 : range.high;
    *high = leaf_level(side, some && range.high > none ? range.high : none);
}

static bool leaf_may_grade(const struct scene *scene, const struct condition *leaf, bool wanted,
                           int64_t from_ms, int64_t to_ms)
{
    const struct measure *grade = &scene->plan->playbook->measures[leaf->measure];
    int32_t row, last_row, column, last_column;
    leaf_levels(scene, &grade->rows, from_ms, to_ms, &row, &last_row);
    leaf_levels(scene, &grade->columns, from_ms, to_ms, &column, &last_column);
    for (int32_t r = row; r <= last_row; r++) {
        for (int32_t c = column; c <= last_column; c++) {
            const char *name = grade->names[r * (grade->columns.n + 1) + c];
            struct operand operand = {.present = true, .some = true};
            operand.value = (struct value){.type = VALUE_TEXT, .text = span_of(name)};
            if (condition_test(&operand, leaf, from_ms) == wanted)
                return true;
        }
    }
    return false;
}

bool leaf_may(struct scene *scene, int32_t at, bool wanted, int64_t from_ms, int64_t to_ms)
{
    const struct condition *leaf = &scene->plan->playbook->conditions[at];
    if (leaf->operand == OPERAND_MEASURE &&
        scene->plan->playbook->measures[leaf->measure].kind == MEASURE_GRADE)
        return leaf_may_grade(scene, leaf, wanted, from_ms, to_ms);
    struct side left = leaf_side(scene, at, false, from_ms, to_ms);
    if (leaf->of.set)
        return leaf_may_relative(scene, at, wanted, &left, from_ms, to_ms);
    switch (leaf->test) {
    case TEST_AT_LEAST:
    case TEST_AT_MOST:
    case TEST_ABOVE:
    case TEST_BELOW:
    case TEST_BETWEEN:
        return leaf_compares(leaf->test, wanted, &left, leaf->low_milli,
                             leaf->test == TEST_BETWEEN ? leaf->high_milli : leaf->low_milli);
    case TEST_IS:
    case TEST_IN:
        return leaf_may_equal(leaf, wanted, &left);
    case TEST_EXISTS:
        return leaf_may_exist(&scene->plan->playbook->measures[leaf->measure], &left,
                              leaf->expected == wanted);
    case TEST_CONTAINS:
    case TEST_WITHIN:
    case TEST_GREW:
    case TEST_IS_PAST:
    case TEST_LATER_THAN:
        break;
    }
    return true;
}
