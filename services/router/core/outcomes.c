// SPDX-License-Identifier: Apache-2.0
// Outcomes of leads that wait to be reported back, in the order of the decisions that say them.
#include "services/router/core/state.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"

void router_outcomes_add(struct router_core *core, const struct router_lead *lead)
{
    struct outcomes *o = &core->outcomes;
    if (o->head > 1024 && o->head * 2 > o->n) {
        o->n -= o->head;
        memmove(o->items, o->items + o->head, o->n * sizeof *o->items);
        o->head = 0;
    }
    MEM_GROW(o->items, o->n, o->cap);
    o->items[o->n++] = (struct outcome){lead->completed_offset, lead->serial};
}

static int outcome_cmp(const void *x, const void *y)
{
    const struct outcome *a = x, *b = y;
    return (a->decision > b->decision) - (a->decision < b->decision);
}

void router_outcomes_sort(struct router_core *core)
{
    struct outcomes *o = &core->outcomes;
    CHECK(o->head == 0);
    if (o->n > 0)
        qsort(o->items, o->n, sizeof *o->items, outcome_cmp);
}

size_t router_core_outcomes(const struct router_core *core, const struct router_lead **out,
                            size_t max)
{
    const struct outcomes *o = &core->outcomes;
    size_t n = 0;
    for (size_t i = o->head; i < o->n && n < max; i++)
        out[n++] = core->leads[o->items[i].serial - 1];
    return n;
}

uint64_t router_core_n_outcomes(const struct router_core *core)
{
    return core->outcomes.n - core->outcomes.head;
}

void router_core_reported(struct router_core *core, uint64_t decision)
{
    struct outcomes *o = &core->outcomes;
    if (decision <= core->reported)
        return;
    core->reported = decision;
    while (o->head < o->n && o->items[o->head].decision <= decision)
        o->head++;
}
