// SPDX-License-Identifier: Apache-2.0
// A smaller case that still fails: greedy, one thing left out at a time.
#include "tests/support/naive_case.h"

#include <string.h>

#include "common/base/mem.h"

struct shrinking {
    struct naive_case *best;
    struct naive_case *attempt;
    int left;
    bool (*agrees)(const struct naive_case *c, void *context);
    void *context;
};

// Keeps the attempt when it still fails.
static bool try_it(struct shrinking *s)
{
    naive_playbook_scopes(&s->attempt->playbook);
    if (s->left-- <= 0 || s->agrees(s->attempt, s->context))
        return false;
    *s->best = *s->attempt;
    return true;
}

// ---- Steps ----

static void drop_steps(struct naive_case *c, int from, int n)
{
    int kept = 0, place[NAIVE_STEPS_MAX];
    for (int i = 0; i < c->n_steps; i++) {
        place[i] = kept;
        bool gone = i >= from && i < from + n;
        if (c->steps[i].kind == NAIVE_REPEAT && !gone) {
            gone = c->steps[i].repeat >= from && c->steps[i].repeat < from + n;
            c->steps[i].repeat = place[c->steps[i].repeat];
        }
        if (!gone)
            c->steps[kept++] = c->steps[i];
    }
    c->n_steps = kept;
}

static bool shrink_steps(struct shrinking *s)
{
    bool any = false;
    for (int size = 16; size > 0; size /= 2) {
        for (int i = s->best->n_steps - 1; i >= 0; i -= size) {
            int from = i - size + 1 > 0 ? i - size + 1 : 0;
            *s->attempt = *s->best;
            drop_steps(s->attempt, from, i - from + 1);
            any |= try_it(s);
        }
    }
    for (int i = 0; i < s->best->n_steps; i++) {
        for (int k = 0; k < s->best->steps[i].event.n_properties; k++) {
            *s->attempt = *s->best;
            struct naive_event *e = &s->attempt->steps[i].event;
            e->properties[k] = e->properties[--e->n_properties];
            any |= try_it(s);
        }
        *s->attempt = *s->best;
        s->attempt->steps[i].event.n_context = 0;
        s->attempt->steps[i].event.passive = false;
        if (s->best->steps[i].event.n_context > 0)
            any |= try_it(s);
    }
    return any;
}

// ---- The playbook ----

static void replace(struct naive_playbook *pb, int from, int to)
{
    for (int i = 0; i < pb->n_conditions; i++) {
        for (int k = 0; k < pb->conditions[i].n_children; k++) {
            if (pb->conditions[i].children[k] == from)
                pb->conditions[i].children[k] = to;
        }
    }
    for (int i = 0; i < pb->n_signals; i++) {
        struct naive_signal *s = &pb->signals[i];
        s->condition = s->condition == from ? to : s->condition;
        s->exit = s->exit == from ? to : s->exit;
    }
    for (int i = 0; i < pb->n_numbers; i++) {
        struct naive_number *n = &pb->numbers[i];
        n->where = n->where == from ? to : n->where;
        for (int k = 0; k < n->n_rules; k++)
            n->rules[k].where = n->rules[k].where == from ? to : n->rules[k].where;
        for (int k = 0; k < n->n_terms; k++)
            n->terms[k].condition = n->terms[k].condition == from ? to : n->terms[k].condition;
    }
}

static bool shrink_conditions(struct shrinking *s)
{
    bool any = false;
    for (int i = 0; i < s->best->playbook.n_conditions; i++) {
        const struct naive_condition *c = &s->best->playbook.conditions[i];
        for (int k = 0; k < c->n_children; k++) {
            *s->attempt = *s->best;
            replace(&s->attempt->playbook, i, c->children[k]);
            if (try_it(s)) {
                any = true;
                break;
            }
        }
        if (c->n_segments > 0) {
            *s->attempt = *s->best;
            s->attempt->playbook.conditions[i].n_segments = 0;
            any |= try_it(s);
        }
    }
    return any;
}

static bool shrink_names(struct shrinking *s)
{
    bool any = false;
    for (int i = 0; i < s->best->playbook.n_signals; i++) {
        struct naive_usage usage = naive_playbook_usage(&s->best->playbook);
        const struct naive_signal *signal = &s->best->playbook.signals[i];
        if (usage.signals[i] || signal->dropped ||
            (signal->origin == NAIVE_LIFECYCLE && (usage.stages || signal->stage < 5)))
            continue;
        *s->attempt = *s->best;
        s->attempt->playbook.signals[i].dropped = true;
        any |= try_it(s);
    }
    for (int i = 0; i < s->best->playbook.n_numbers; i++) {
        struct naive_usage usage = naive_playbook_usage(&s->best->playbook);
        if (usage.numbers[i] || s->best->playbook.number_dropped[i])
            continue;
        *s->attempt = *s->best;
        s->attempt->playbook.number_dropped[i] = true;
        any |= try_it(s);
    }
    return any;
}

// Sections, and what stands beside the function of a measure.
static bool shrink_keys(struct shrinking *s)
{
    bool any = false;
    for (int key = 0; key < 12; key++) {
        for (int i = 0; i < NAIVE_NUMBERS_MAX; i++) {
            *s->attempt = *s->best;
            struct naive_playbook *pb = &s->attempt->playbook;
            struct naive_number *n = &pb->numbers[i];
            struct naive_signal *signal = &pb->signals[i];
            struct naive_case before = *s->best;
            switch (key) {
            case 0:
                pb->n_exclude = 0;
                break;
            case 1:
                pb->active = 0;
                break;
            case 2:
                n->where = NAIVE_NONE;
                break;
            case 3:
                n->window = NAIVE_ALL_TIME;
                break;
            case 4:
                n->n_bands = 0;
                break;
            case 5:
                n->has_min = n->has_max = false;
                break;
            case 6:
                n->n_rules -= n->n_rules > 1;
                break;
            case 7:
                n->n_terms -= n->n_terms > 1;
                break;
            case 8:
                signal->hold_ms = 0;
                break;
            case 9:
                signal->cooldown_ms = 0;
                break;
            case 10:
                signal->exit = NAIVE_NONE;
                break;
            case 11:
                signal->episodes = 0;
                break;
            }
            if (memcmp(&before, s->attempt, sizeof before) != 0)
                any |= try_it(s);
        }
    }
    return any;
}

void naive_case_shrink(struct naive_case *c, int attempts,
                       bool (*agrees)(const struct naive_case *c, void *context), void *context)
{
    struct naive_case *attempt = mem_zalloc(sizeof *attempt);
    struct shrinking s = {c, attempt, attempts, agrees, context};
    for (bool any = true; any && s.left > 0;) {
        any = shrink_steps(&s);
        any |= shrink_names(&s);
        any |= shrink_conditions(&s);
        any |= shrink_keys(&s);
    }
    mem_free(attempt);
}
