// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/core/wording.h"

#include "common/base/check.h"

#include "common/base/time_text.h"
#include "services/scorer/core/value.h"

const char *wording_instant(int64_t ms, struct arena *arena)
{
    char text[TIME_TEXT_MAX];
    return arena_dup(arena, span_of(time_format(ms, text)));
}

static bool wording_is_instant(const struct playbook *playbook, const struct condition *leaf)
{
    if (leaf->operand != OPERAND_MEASURE)
        return false;
    enum measure_kind kind = playbook->measures[leaf->measure].kind;
    return kind == MEASURE_FIRST || kind == MEASURE_LAST;
}

static const char *wording_operand(const struct scene *scene, const struct condition *leaf,
                                   const struct operand *left, struct arena *arena)
{
    if (!left->present)
        return "";
    if (wording_is_instant(scene->plan->playbook, leaf))
        return wording_instant(left->milli, arena);
    return left->number ? value_milli_text(left->milli, arena) : value_text(&left->value, arena);
}

const char *wording_value(const struct scene *scene, int32_t at, struct arena *arena)
{
    struct operand left = condition_operand(scene, at, arena);
    return wording_operand(scene, &scene->plan->playbook->conditions[at], &left, arena);
}

static const char *wording_absent(const struct playbook *playbook, const struct condition *leaf,
                                  struct arena *arena)
{
    if (leaf->operand != OPERAND_MEASURE)
        return arena_printf(arena, "trait %s is not set", leaf->key);
    return arena_printf(arena, "%s has not happened", playbook->measures[leaf->measure].name);
}

// A measure within a window whose anchor is not known yet: the anchor's name, else NULL.
static const char *wording_anchor(const struct scene *scene, const struct condition *leaf)
{
    if (leaf->operand != OPERAND_MEASURE)
        return NULL;
    const struct playbook *playbook = scene->plan->playbook;
    const struct measure *measure = &playbook->measures[leaf->measure];
    if (scene->plan->scopes[measure->scope].shapes[measure->cell] != CELL_ANCHORED ||
        (measure->scope == SCOPE_USER && scene->user == NULL))
        return NULL;
    const struct cell *cell = &scene_subject(scene, measure->scope)->cells[measure->cell];
    bool known = cell->anchored != NULL && cell->anchored->anchor != CELL_NO_ANCHOR;
    return known ? NULL : playbook->events[measure->anchor];
}

static const char *wording_at_least(const struct condition *leaf, const struct operand *left,
                                    const char *value, struct arena *arena)
{
    int64_t gap;
    if (left->number && !__builtin_sub_overflow(leaf->low_milli, left->milli, &gap))
        return arena_printf(arena, "%s more", value_milli_text(gap, arena));
    return arena_printf(arena, "needs at least %s, has %s", leaf->threshold, value);
}

const char *wording_missing(const struct scene *scene, int32_t at, struct arena *arena)
{
    const struct playbook *playbook = scene->plan->playbook;
    const struct condition *leaf = &playbook->conditions[at];
    struct operand left = condition_operand(scene, at, arena);
    if (leaf->test == TEST_EXISTS && !leaf->expected)
        return arena_printf(
            arena, "%s is set",
            leaf->operand == OPERAND_MEASURE ? playbook->measures[leaf->measure].name : leaf->key);
    const char *anchor = wording_anchor(scene, leaf);
    if (anchor != NULL)
        return arena_printf(arena, "%s has not happened", anchor);
    if (!left.present || leaf->test == TEST_EXISTS)
        return wording_absent(playbook, leaf, arena);
    const char *value = wording_operand(scene, leaf, &left, arena);
    switch (leaf->test) {
    case TEST_GREW:
    case TEST_IS_PAST:
    case TEST_LATER_THAN:
        CHECK(false);
    case TEST_AT_LEAST:
        return wording_at_least(leaf, &left, value, arena);
    case TEST_AT_MOST:
        return arena_printf(arena, "needs at most %s, has %s", leaf->threshold, value);
    case TEST_ABOVE:
        return arena_printf(arena, "needs more than %s, has %s", leaf->threshold, value);
    case TEST_BELOW:
        return arena_printf(arena, "needs less than %s, has %s", leaf->threshold, value);
    case TEST_BETWEEN:
        return arena_printf(arena, "not between %s, has %s", leaf->threshold, value);
    case TEST_IS:
        return arena_printf(arena, "needs %s, has %s", leaf->threshold, value);
    case TEST_IN:
        return arena_printf(arena, "not in %s, has %s", leaf->threshold, value);
    case TEST_CONTAINS:
        return arena_printf(arena, "does not contain %s", leaf->threshold);
    case TEST_WITHIN:
        return arena_printf(arena, "more than %s ago: %s", leaf->threshold, value);
    case TEST_EXISTS:
        break;
    }
    return "";
}
