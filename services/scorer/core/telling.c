// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/core/telling.h"

#include "services/scorer/core/wording.h"

// ---- Evidence ----

struct telling {
    const struct scene *scene;
    struct arena *arena;
    struct evidence *out; // NULL: they are only counted
    size_t n;
};

static void telling_put(struct telling *told, const struct condition *condition, const char *value,
                        int64_t since_ms)
{
    if (told->out != NULL)
        told->out[told->n] = (struct evidence){
            .condition = arena_dup(told->arena, span_of(condition->text)),
            .value = value,
            .threshold = arena_dup(told->arena, span_of(condition->threshold)),
            .since_ms = since_ms == 0 ? told->scene->clock_ms : since_ms,
        };
    told->n++;
}

static void telling_leaf(struct telling *told, int32_t at, enum scope scope)
{
    const struct scene *scene = told->scene;
    const struct condition *leaf = &scene->plan->playbook->conditions[at];
    int64_t since =
        subject_leaves(&scene->plan->scopes[scope], scene_subject(scene, scope))[leaf->leaf];
    telling_put(told, leaf, told->out == NULL ? "" : wording_value(scene, at, told->arena), since);
}

static void telling_walk(struct telling *told, int32_t at, bool negated, enum scope scope);

// Another signal speaks by its own tests. One with a memory may be true without any.
static void telling_signal(struct telling *told, const struct condition *condition, bool negated)
{
    const struct scene *scene = told->scene;
    const struct signal *other = &scene->plan->playbook->signals[condition->signal];
    size_t before = told->n;
    telling_walk(told, other->condition, negated, other->scope);
    if (negated || told->n > before || !other->memory ||
        !condition_signal(scene, condition->signal))
        return;
    const struct subject *subject = scene_subject(scene, other->scope);
    telling_put(told, condition, "true",
                subject->marks == NULL ? 0 : subject->marks[other->number].since_ms);
}

static void telling_walk(struct telling *told, int32_t at, bool negated, enum scope scope)
{
    const struct condition *condition = &told->scene->plan->playbook->conditions[at];
    switch (condition->kind) {
    case CONDITION_ALL:
    case CONDITION_ANY:
    case CONDITION_NOT:
    case CONDITION_AT_LEAST_N:
        for (int32_t i = 0; i < condition->n_children; i++)
            telling_walk(told, condition->children[i],
                         negated != (condition->kind == CONDITION_NOT), scope);
        break;
    case CONDITION_SIGNAL:
        telling_signal(told, condition, negated);
        break;
    case CONDITION_TEST:
        if (!negated && condition_leaf(told->scene, at))
            telling_leaf(told, at, scope);
        break;
    case CONDITION_ALWAYS:
    case CONDITION_ROLL_UP:
        break;
    }
}

const struct evidence *telling_evidence(const struct scene *scene, const struct signal *signal,
                                        struct arena *arena, size_t *n)
{
    struct telling told = {.scene = scene, .arena = arena};
    telling_walk(&told, signal->condition, false, signal->scope);
    *n = told.n;
    told.out = arena_alloc(arena, (told.n + 1) * sizeof *told.out);
    told.n = 0;
    telling_walk(&told, signal->condition, false, signal->scope);
    return told.out;
}

// ---- Reasons ----

// The part that makes a condition what it is: of one that holds what speaks for it, of one that
// does not what is missing.
struct reason {
    const struct condition *part;
    bool negated;
    bool dull; // missing, and nobody asked for it: the loader added it
};

static struct reason reason_of(const struct scene *scene, int32_t at, bool holds, bool negated)
{
    const struct condition *condition = &scene->plan->playbook->conditions[at];
    struct reason found = {condition, negated, condition->quiet && !holds}, first = {0};
    if (condition->kind == CONDITION_NOT)
        return reason_of(scene, condition->children[0], !holds, !negated);
    for (int32_t i = 0; i < condition->n_children; i++) {
        if (condition_holds(scene, condition->children[i]) != holds)
            continue;
        found = reason_of(scene, condition->children[i], holds, negated);
        if (!found.dull)
            return found;
        first = first.part == NULL ? found : first;
    }
    return first.part == NULL ? found : first;
}

// What somebody gave as the reason for a verdict on the user or the account; empty: nothing.
static struct span said_of(const struct scene *scene, const struct condition *part)
{
    enum { SAID_BYTES_MAX = 300 };
    bool of_user = part->operand == OPERAND_USER_TRAIT;
    bool verdict = part->kind == CONDITION_TEST && part->quiet &&
                   (of_user || part->operand == OPERAND_ACCOUNT_TRAIT);
    struct span key = span_of("qualification_reason");
    const struct trait *said = NULL;
    if (verdict && of_user && scene->user != NULL)
        said = traits_find(scene->user->subject.traits, key);
    if (verdict && of_user && said == NULL && scene->profile != NULL)
        said = traits_find(scene->profile->traits, key);
    if (verdict && !of_user)
        said = traits_find(scene->account->subject.traits, key);
    if (said == NULL || said->value.type != VALUE_TEXT || said->value.text.len > SAID_BYTES_MAX)
        return span_make("", 0);
    return said->value.text;
}

const char *telling_reason(const struct scene *scene, const struct signal *signal, bool left,
                           struct arena *arena)
{
    struct reason reason = reason_of(scene, left ? signal->exit : signal->condition, left, false);
    struct span said = said_of(scene, reason.part);
    return arena_printf(arena, "%s%s%s%s" SPAN_FMT, left ? "exit: " : "",
                        reason.negated ? "not " : "", reason.part->text, said.len > 0 ? ": " : "",
                        SPAN_ARG(said));
}
