// SPDX-License-Identifier: Apache-2.0
// A condition taken apart. Leaves that are already as they should be need no wish; that they stay
// so is seen when the proposal is played.
#include "services/scorer/core/proposal_impl.h"

static const uint32_t ALTERNATIVES_ROOM = PROPOSAL_ALTERNATIVES_MAX;

static struct alternatives alternatives_none(struct proposer *p)
{
    return (struct alternatives){
        .items = arena_alloc(p->arena, ALTERNATIVES_ROOM * sizeof(struct alternative)),
    };
}

// One that asks for nothing.
static struct alternatives alternatives_free(struct proposer *p)
{
    struct alternatives out = alternatives_none(p);
    out.n = 1;
    return out;
}

static bool wish_same(const struct wish *a, const struct wish *b)
{
    return a->leaf == b->leaf && a->want == b->want && a->measure == b->measure &&
           a->low == b->low && a->high == b->high;
}

static bool alternative_covers(const struct alternative *small, const struct alternative *large)
{
    for (uint32_t i = 0; i < small->n; i++) {
        bool found = false;
        for (uint32_t j = 0; j < large->n && !found; j++)
            found = wish_same(&small->wishes[i], &large->wishes[j]);
        if (!found)
            return false;
    }
    return true;
}

// Adds one, unless what it asks is no less than what another asks.
static void alternatives_add(struct alternatives *list, const struct alternative *item)
{
    for (uint32_t i = 0; i < list->n; i++) {
        if (alternative_covers(&list->items[i], item))
            return;
    }
    if (list->n == ALTERNATIVES_ROOM)
        list->cut = true;
    else
        list->items[list->n++] = *item;
}

static void alternatives_join(struct alternatives *list, const struct alternatives *more)
{
    for (uint32_t i = 0; i < more->n; i++)
        alternatives_add(list, &more->items[i]);
    list->cut = list->cut || more->cut;
}

static bool alternative_wish(struct alternative *item, struct wish wish)
{
    for (uint32_t i = 0; i < item->n; i++) {
        const struct wish *old = &item->wishes[i];
        if (old->leaf == wish.leaf && old->measure == wish.measure)
            return wish_same(old, &wish);
    }
    if (item->n == PROPOSAL_WISHES_MAX)
        return false;
    item->wishes[item->n++] = wish;
    return true;
}

struct alternatives proposal_both(struct proposer *p, const struct alternatives *a,
                                  const struct alternatives *b)
{
    struct alternatives out = alternatives_none(p);
    out.cut = a->cut || b->cut;
    for (uint32_t i = 0; i < a->n; i++) {
        for (uint32_t j = 0; j < b->n; j++) {
            struct alternative item = a->items[i];
            bool fits = true;
            for (uint32_t w = 0; w < b->items[j].n && fits; w++)
                fits = alternative_wish(&item, b->items[j].wishes[w]);
            if (fits)
                alternatives_add(&out, &item);
        }
    }
    return out;
}

// At least `needed` of the children from the i-th on.
static struct alternatives alternatives_some(struct proposer *p, const struct scene *scene,
                                             const struct condition *condition, int32_t i,
                                             int32_t needed, bool want)
{
    if (needed <= 0)
        return alternatives_free(p);
    struct alternatives out = alternatives_none(p);
    if (condition->n_children - i < needed)
        return out;
    struct alternatives child;
    proposal_alternatives(p, scene, condition->children[i], want, &child);
    struct alternatives rest = alternatives_some(p, scene, condition, i + 1, needed - 1, want);
    struct alternatives with = proposal_both(p, &child, &rest);
    alternatives_join(&out, &with);
    if (condition->n_children - i - 1 >= needed) {
        struct alternatives without = alternatives_some(p, scene, condition, i + 1, needed, want);
        alternatives_join(&out, &without);
    }
    return out;
}

// ---- Derived measures ----

static struct alternatives alternatives_one(struct proposer *p, struct wish wish)
{
    struct alternatives out = alternatives_none(p);
    out.items[0] = (struct alternative){.n = 1};
    out.items[0].wishes[0] = wish;
    out.n = 1;
    return out;
}

// The parts of a fit profile are signals: some of those that are false must turn true, so that the
// percentage is enough.
static void alternatives_parts(struct proposer *p, const struct scene *scene,
                               const struct measure *measure, int32_t i, int64_t weight,
                               int64_t needed, struct alternatives so_far, struct alternatives *out)
{
    if (weight >= needed) {
        alternatives_join(out, &so_far);
        return;
    }
    if (i == measure->n_terms)
        return;
    const struct term *term = &measure->terms[i];
    struct alternatives part;
    if (term->signal == PLAYBOOK_NONE) {
        alternatives_parts(p, scene, measure, i + 1, weight, needed, so_far, out);
        return;
    }
    const struct signal *signal = &p->playbook->signals[term->signal];
    proposal_alternatives(p, scene, signal->condition, true, &part);
    struct alternatives with = proposal_both(p, &so_far, &part);
    if (part.n > 0)
        alternatives_parts(p, scene, measure, i + 1, weight + term->weight_milli, needed, with,
                           out);
    // One that is true already is not worth leaving out.
    if (!condition_holds(scene, signal->condition))
        alternatives_parts(p, scene, measure, i + 1, weight, needed, so_far, out);
}

static bool measure_of_signals(const struct measure *measure)
{
    if (measure->kind != MEASURE_WEIGHTED)
        return false;
    for (int32_t i = 0; i < measure->n_terms; i++) {
        if (measure->terms[i].signal == PLAYBOOK_NONE)
            return false;
    }
    return measure->n_terms <= 12;
}

static struct alternatives alternatives_reach(struct proposer *p, const struct scene *scene,
                                              struct wish wish)
{
    const struct measure *measure = &p->playbook->measures[wish.measure];
    struct reading reading = measure_read(scene, wish.measure, scene->clock_ms);
    if (reading.present && reading.milli >= wish.low && reading.milli <= wish.high)
        return alternatives_free(p);
    if (reading.milli > wish.high)
        return alternatives_one(p, wish);
    struct alternatives out = alternatives_none(p), veto = alternatives_free(p);
    if (measure->kind == MEASURE_BEST) {
        for (int32_t i = 0; i < measure->n_terms; i++) {
            struct wish term = wish;
            term.measure = measure->terms[i].measure;
            if (term.measure == PLAYBOOK_NONE)
                continue;
            struct alternatives one = alternatives_reach(p, scene, term);
            alternatives_join(&out, &one);
        }
    } else if (measure_of_signals(measure)) {
        int64_t needed = wish.low;
        if (measure->total_milli > 0)
            needed = (int64_t)(((__int128)wish.low * measure->total_milli + 99999) / 100000);
        alternatives_parts(p, scene, measure, 0, 0, needed, alternatives_free(p), &out);
    } else {
        return alternatives_one(p, wish);
    }
    if (measure->veto == PLAYBOOK_NONE)
        return out;
    proposal_alternatives(p, scene, p->playbook->signals[measure->veto].condition, false, &veto);
    return proposal_both(p, &veto, &out);
}

static struct alternatives alternatives_level(struct proposer *p, const struct scene *scene,
                                              int32_t leaf, const struct grade_side *side,
                                              int32_t level)
{
    struct wish wish = {leaf, true, side->measure, INT64_MIN, INT64_MAX};
    if (level > 0)
        wish.low = side->at_least_milli[level - 1];
    if (level < side->n)
        wish.high = side->at_least_milli[level] - 1;
    return alternatives_reach(p, scene, wish);
}

static bool grade_named(const struct condition *leaf, const char *name)
{
    for (int32_t i = 0; i < leaf->n_values; i++) {
        if (leaf->values[i].type == VALUE_TEXT && span_is(leaf->values[i].text, name))
            return true;
    }
    return false;
}

// Any of the fields of the grid with one of the names.
static struct alternatives alternatives_grade(struct proposer *p, const struct scene *scene,
                                              int32_t at, bool want)
{
    const struct condition *leaf = &p->playbook->conditions[at];
    const struct measure *grade = &p->playbook->measures[leaf->measure];
    struct alternatives out = alternatives_none(p);
    for (int32_t row = 0; row <= grade->rows.n; row++) {
        for (int32_t column = 0; column <= grade->columns.n; column++) {
            const char *name = grade->names[row * (grade->columns.n + 1) + column];
            if (grade_named(leaf, name) != want)
                continue;
            struct alternatives a = alternatives_level(p, scene, at, &grade->rows, row);
            struct alternatives b = alternatives_level(p, scene, at, &grade->columns, column);
            struct alternatives both = proposal_both(p, &a, &b);
            alternatives_join(&out, &both);
        }
    }
    return out;
}

static struct alternatives alternatives_leaf(struct proposer *p, const struct scene *scene,
                                             int32_t at, bool want)
{
    const struct condition *leaf = &p->playbook->conditions[at];
    struct wish wish = {.leaf = at, .want = want, .measure = PLAYBOOK_NONE};
    // What the loader added is a person's verdict, which no event of the product replaces.
    if (leaf->quiet && want)
        return alternatives_none(p);
    if (leaf->operand != OPERAND_MEASURE)
        return alternatives_one(p, wish);
    const struct measure *measure = &p->playbook->measures[leaf->measure];
    if (measure->kind == MEASURE_GRADE && (leaf->test == TEST_IS || leaf->test == TEST_IN))
        return alternatives_grade(p, scene, at, want);
    if ((measure->kind == MEASURE_BEST || measure_of_signals(measure)) &&
        proposal_bounds(p, scene, &wish, &wish.low, &wish.high)) {
        wish.measure = leaf->measure;
        return alternatives_reach(p, scene, wish);
    }
    return alternatives_one(p, wish);
}

// ---- Trees ----

static struct alternatives alternatives_signal(struct proposer *p, const struct scene *scene,
                                               int32_t position, bool want)
{
    const struct signal *signal = &p->playbook->signals[position];
    struct alternatives entry, exit;
    if (!want && signal->sticky) {
        if (signal->exit == PLAYBOOK_NONE)
            return alternatives_none(p);
        proposal_alternatives(p, scene, signal->exit, true, &exit);
        return exit;
    }
    proposal_alternatives(p, scene, signal->condition, want, &entry);
    if (signal->exit == PLAYBOOK_NONE)
        return entry;
    proposal_alternatives(p, scene, signal->exit, !want, &exit);
    if (want)
        return proposal_both(p, &entry, &exit);
    alternatives_join(&entry, &exit);
    return entry;
}

void proposal_alternatives(struct proposer *p, const struct scene *scene, int32_t at, bool want,
                           struct alternatives *out)
{
    const struct condition *condition = &p->playbook->conditions[at];
    int32_t n = condition->n_children, needed = 0;
    if (condition_holds(scene, at) == want) {
        *out = alternatives_free(p);
        return;
    }
    switch (condition->kind) {
    case CONDITION_TEST:
        *out = alternatives_leaf(p, scene, at, want);
        return;
    case CONDITION_NOT:
        proposal_alternatives(p, scene, condition->children[0], !want, out);
        return;
    case CONDITION_SIGNAL:
        *out = alternatives_signal(p, scene, condition->signal, want);
        return;
    case CONDITION_ALWAYS:
    case CONDITION_ROLL_UP:
        *out = alternatives_none(p);
        return;
    case CONDITION_ALL:
        needed = n;
        break;
    case CONDITION_ANY:
        needed = 1;
        break;
    case CONDITION_AT_LEAST_N:
        needed = condition->n_needed;
        break;
    }
    // To fail, so many must fail that too few are left.
    *out = alternatives_some(p, scene, condition, 0, want ? needed : n - needed + 1, want);
    p->cut = p->cut || out->cut;
}

bool proposal_same(const struct alternative *a, const struct alternative *b)
{
    return a->n == b->n && alternative_covers(a, b);
}

void proposal_all(struct proposer *p, const struct scene *scene, struct alternatives *out)
{
    const struct signal *signal = &p->playbook->signals[p->signal];
    struct alternatives exit;
    proposal_alternatives(p, scene, signal->condition, true, out);
    if (signal->exit == PLAYBOOK_NONE)
        return;
    proposal_alternatives(p, scene, signal->exit, false, &exit);
    *out = proposal_both(p, out, &exit);
}
