// SPDX-License-Identifier: Apache-2.0
// Reading leads, queues and counts: nothing here changes what is decided.
#include "services/router/core/state.h"

#include <string.h>

#include "common/base/check.h"

// Leads that one page looks at: the reader shares a thread with the work.
enum { VIEW_LOOK_MAX = 200000 };

static uint64_t count_leads(const struct router_core *core, const struct router_filter *filter)
{
    uint64_t total = 0;
    for (size_t i = 0; i < core->n_queues; i++) {
        const struct router_queue *queue = core->queues[i];
        if (filter->queue.len > 0 && !span_is(filter->queue, queue->name))
            continue;
        for (int state = 1; state < ROUTER_LEAD_STATES; state++)
            if (filter->state == 0 || filter->state == state)
                total += queue->counts[state];
    }
    return total;
}

static bool lead_matches(const struct router_lead *lead, const struct router_filter *filter)
{
    if (filter->state != 0 && (int)lead->state != filter->state)
        return false;
    return filter->queue.len == 0 || span_is(filter->queue, lead->queue);
}

// The page of one list of an account's leads, kept in order of creation: an organization's are not
// always. Returns how many there are now; `found` counts all that could be on it.
static size_t page_of(const struct router_lead *lead, const struct router_filter *filter,
                      const struct router_lead **out, size_t n, size_t *found, uint64_t *total)
{
    for (; lead != NULL; lead = lead->before) {
        if (!lead_matches(lead, filter))
            continue;
        ++*total;
        if (lead->serial <= filter->after)
            continue;
        ++*found;
        if (n == filter->max && lead->serial > out[n - 1]->serial)
            continue;
        size_t at = n < filter->max ? n++ : n - 1;
        for (; at > 0 && out[at - 1]->serial > lead->serial; at--)
            out[at] = out[at - 1];
        out[at] = lead;
    }
    return n;
}

// An account's leads and those of its organization, in order of creation; `total` counts those
// before the page too.
static size_t leads_of_account(const struct router_core *core, const struct router_filter *filter,
                               const struct router_lead **out, uint64_t *next, uint64_t *total)
{
    const struct account *account = router_state_account_find(core, filter->account);
    *total = 0;
    if (account == NULL)
        return 0;
    size_t found = 0;
    size_t n = page_of(account->lead, filter, out, 0, &found, total);
    if (account->organization != NULL)
        n = page_of(account->organization->lead, filter, out, n, &found, total);
    if (found > n)
        *next = out[n - 1]->serial;
    return n;
}

const struct router_lead *router_core_lead(const struct router_core *core, struct span lead_id)
{
    return router_state_lead_find(core, lead_id);
}

size_t router_core_leads(const struct router_core *core, const struct router_filter *filter,
                         const struct router_lead **out, uint64_t *next, uint64_t *total)
{
    CHECK(filter->max > 0);
    *next = 0;
    if (filter->account.len > 0)
        return leads_of_account(core, filter, out, next, total);
    *total = count_leads(core, filter);
    size_t n = 0;
    uint64_t serial = filter->after < core->n_leads ? filter->after : core->n_leads;
    uint64_t last = core->n_leads - serial > VIEW_LOOK_MAX ? serial + VIEW_LOOK_MAX : core->n_leads;
    while (serial < last && n < filter->max) {
        const struct router_lead *lead = core->leads[serial++];
        if (lead_matches(lead, filter))
            out[n++] = lead;
    }
    if (serial < core->n_leads)
        *next = serial;
    return n;
}

static int64_t oldest_waiting(struct router_core *core, struct router_queue *queue)
{
    if (queue->counts[ROUTER_WAITING] == 0)
        return INT64_MIN;
    uint64_t serial = queue->oldest_from > 0 ? queue->oldest_from : 1;
    for (;;) {
        size_t block = (size_t)(serial - 1) / STATE_BLOCK;
        CHECK(serial <= core->n_leads && block < queue->n_blocks);
        const struct router_lead *lead = core->leads[serial - 1];
        if (queue->waiting_of[block] == 0) {
            serial = ((uint64_t)block + 1) * STATE_BLOCK + 1;
        } else if (lead->in != queue || lead->state != ROUTER_WAITING) {
            serial++;
        } else {
            queue->oldest_from = serial;
            return lead->known_at_ms;
        }
    }
}

static void view_waiting(const struct router_queue *queue, struct router_queue_view *view)
{
    uint64_t waiting = queue->counts[ROUTER_WAITING];
    const struct crew *crew = queue->crew;
    view->ready = queue->ready < waiting ? queue->ready : waiting;
    view->team = crew != NULL ? crew->name : "";
    view->held = crew != NULL ? crew->n_held : 0;
    view->held = view->held < waiting - view->ready ? view->held : waiting - view->ready;
    view->delayed = waiting - view->ready - view->held;
    if (crew == NULL)
        return;
    view->untouched = crew->n_untouched;
    for (uint32_t i = 0; i < crew->n_desks; i++) {
        view->touched += crew->desks[i]->touched;
        view->sla_missed += crew->desks[i]->missed;
    }
}

// By insertion: queues are few.
static void view_put(struct router_queue_view *views, size_t n, struct router_queue_view view)
{
    for (; n > 0 && strcmp(views[n - 1].name, view.name) > 0; n--)
        views[n] = views[n - 1];
    views[n] = view;
}

size_t router_core_queues(struct router_core *core, struct arena *arena,
                          const struct router_queue_view **out)
{
    struct router_queue_view *views = arena_alloc(arena, core->n_queues * sizeof *views);
    size_t n = 0;
    for (size_t i = 1; i < core->n_queues; i++) {
        if (!router_state_queue_known(core->queues[i]))
            continue;
        struct router_queue_view view = {
            .name = core->queues[i]->name,
            .oldest_known_at_ms = oldest_waiting(core, core->queues[i]),
        };
        memcpy(view.counts, core->queues[i]->counts, sizeof view.counts);
        view_waiting(core->queues[i], &view);
        view_put(views, n++, view);
    }
    *out = views;
    return n;
}

uint64_t router_core_last_decision(const struct router_core *core)
{
    return core->last_decision;
}

void router_core_counts(const struct router_core *core, struct router_counts *out)
{
    *out = (struct router_counts){
        .accounts = core->n_accounts - core->n_organizations,
        .pals = core->n_stage[ROUTER_PAL - 1],
        .pqls = core->n_stage[ROUTER_PQL - 1],
        .pqas = core->n_stage[ROUTER_PQA - 1],
        .leads = core->n_leads,
        .decisions = core->last_decision,
        .signals = core->n_signals,
        .clock_ms = core->clock_ms,
    };
    memcpy(out->stages, core->n_in_stage, sizeof out->stages);
    for (size_t i = 0; i < core->n_queues; i++)
        for (int state = 1; state < ROUTER_LEAD_STATES; state++)
            out->states[state] += core->queues[i]->counts[state];
    for (size_t i = 0; i < core->n_crews; i++) {
        const struct crew *crew = core->crews[i];
        for (uint32_t j = 0; j < crew->n_desks; j++) {
            out->touched += crew->desks[j]->touched;
            out->sla_missed += crew->desks[j]->missed;
            out->touch_ms_total += crew->desks[j]->touch_ms_total;
        }
    }
}
