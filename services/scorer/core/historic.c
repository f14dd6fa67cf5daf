// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/core/historic.h"

#include "services/scorer/core/condition.h"

enum truth { FALSE, UNKNOWN, TRUE };

// A tree over what each of its ends says: a part with a bit, or a test on a trait.
typedef enum truth (*historic_end)(void *arg, int32_t at);

static enum truth historic_tree(const struct plan *plan, int32_t at, historic_end end, void *arg)
{
    const struct condition *condition = &plan->playbook->conditions[at];
    if (plan->bits[at] >= 0 || condition->kind == CONDITION_TEST)
        return end(arg, at);
    int32_t said[3] = {0};
    for (int32_t i = 0; i < condition->n_children; i++)
        said[historic_tree(plan, condition->children[i], end, arg)]++;
    switch (condition->kind) {
    case CONDITION_ALL:
        return said[FALSE] > 0 ? FALSE : said[UNKNOWN] > 0 ? UNKNOWN : TRUE;
    case CONDITION_ANY:
        return said[TRUE] > 0 ? TRUE : said[UNKNOWN] > 0 ? UNKNOWN : FALSE;
    case CONDITION_NOT:
        return said[UNKNOWN] > 0 ? UNKNOWN : said[TRUE] > 0 ? FALSE : TRUE;
    case CONDITION_AT_LEAST_N:
        return said[TRUE] >= condition->n_needed                   ? TRUE
               : said[TRUE] + said[UNKNOWN] >= condition->n_needed ? UNKNOWN
                                                                   : FALSE;
    case CONDITION_ALWAYS:
    case CONDITION_ROLL_UP:
    case CONDITION_TEST:
    case CONDITION_SIGNAL:
        break;
    }
    return TRUE;
}

// ---- When the event comes ----

struct historic_noting {
    const struct scene *scene;
    uint32_t bits;
};

static enum truth historic_note(void *arg, int32_t at)
{
    struct historic_noting *noting = arg;
    int bit = noting->scene->plan->bits[at];
    if (bit < 0)
        return UNKNOWN;
    if (!condition_holds(noting->scene, at))
        return FALSE;
    noting->bits |= UINT32_C(1) << bit;
    return TRUE;
}

bool historic_bits(const struct scene *scene, int32_t where, uint32_t *bits)
{
    struct historic_noting noting = {.scene = scene};
    bool may = historic_tree(scene->plan, where, historic_note, &noting) != FALSE;
    *bits = noting.bits;
    return may;
}

// ---- When the measure is read ----

struct historic_asking {
    struct scene scene; // as it was
    uint32_t bits;
};

static enum truth historic_ask(void *arg, int32_t at)
{
    const struct historic_asking *asking = arg;
    int bit = asking->scene.plan->bits[at];
    bool holds = bit >= 0 ? (asking->bits >> bit & 1) != 0 : condition_leaf(&asking->scene, at);
    return holds ? TRUE : FALSE;
}

bool historic_counts(const struct scene *scene, int32_t where, enum scope scope,
                     const struct cell_event *event)
{
    struct user *user = scope == SCOPE_USER           ? scene->user
                        : event->user != CELL_NO_USER ? scene->account->users[event->user].user
                                                      : NULL;
    struct historic_asking asking = {
        .scene = {.core = scene->core,
                  .plan = scene->plan,
                  .account = scene->account,
                  .user = user,
                  .profile = user == NULL ? NULL : profile_of(scene->core, user),
                  .clock_ms = event->at_ms,
                  .past = true},
        .bits = event->bits,
    };
    return historic_tree(scene->plan, where, historic_ask, &asking) == TRUE;
}
