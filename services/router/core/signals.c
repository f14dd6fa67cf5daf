// SPDX-License-Identifier: Apache-2.0
// Taking signals. For each: leave out what the lane's mark covers; note it with its subject; when
// its group ends, decide (settle.c).
#include "services/router/core/state.h"

#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"

static bool mark_covers(const struct router_mark *mark, const struct router_signal *signal)
{
    if (signal->position != mark->position)
        return signal->position < mark->position;
    return signal->index <= mark->index;
}

// ---- Noting a signal ----------------------------------------------------------------------------

static void note_evidence(struct router_core *core, struct held *held,
                          const struct router_signal *signal)
{
    router_state_evidence_free(held->evidence);
    held->evidence = NULL;
    held->n_evidence = 0;
    if (signal->value)
        held->evidence = router_state_evidence_copy(core, signal->evidence, signal->n_evidence,
                                                    &held->n_evidence);
}

// Of a fact: its value, bounded. Values are many and are never interned.
static char *fact_of(const struct router_signal *signal)
{
    size_t n = signal->label.len < ROUTER_TEXT_MAX ? signal->label.len : ROUTER_TEXT_MAX;
    return signal->value ? mem_dup(span_make(signal->label.ptr, n)) : NULL;
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool looked_at(const struct router_core *core, const char *name)
{
    for (int32_t i = 0; i < core->playbook->n_signals; i++)
        if (core->in_routes[i] && core->signal_names[i] == name)
            return true;
    return false;
}

// What else depends on whether it is true: how many users have it, the routes, whether the account
// converts.
static void note_change(struct router_core *core, struct account *account,
                        const struct subject *subject, const struct held *held,
                        const struct router_signal *signal)
{
    struct group *group = &core->group;
    if (subject != &account->self) {
        router_state_tally(account, held->name, signal->value ? 1 : -1);
    } else if (signal->value && held->name == core->stage_signals[STAGE_CUSTOMER]) {
        group->converted = true;
        account->customer_since_ms = signal->at_ms;
    }
    group->routes = group->routes || looked_at(core, held->name);
}

// Sets whether it is true, and the value of a fact.
static void note_value(struct router_core *core, struct account *account, struct subject *subject,
                       struct held *held, const struct router_signal *signal)
{
    char *fact = held->is_fact ? fact_of(signal) : NULL;
    bool changes = held->value != signal->value;
    if (!changes && same_text(held->fact, fact)) {
        mem_free(fact);
        return;
    }
    router_organizations_before(core, account, subject, held);
    if (changes)
        note_change(core, account, subject, held, signal);
    else
        core->group.routes = core->group.routes || looked_at(core, held->name);
    held->value = signal->value;
    mem_free(held->fact);
    held->fact = fact;
    router_organizations_after(core, account, subject, held);
}

static void note(struct router_core *core, struct account *account, struct subject *subject,
                 const struct router_signal *signal)
{
    struct held *held = router_state_held(subject, router_state_intern(core, signal->name), true);
    note_value(core, account, subject, held, signal);
    held->episode = signal->episode;
    held->label = held->is_fact ? "" : router_state_intern(core, signal->label);
    mem_free(held->reason);
    held->reason = signal->reason.len > 0 ? mem_dup(signal->reason) : NULL;
    held->ever = held->ever || signal->value;
    held->at_ms = signal->at_ms;
    held->known_at_ms = signal->known_at_ms;
    router_state_text_free(held->event_id);
    held->event_id = router_state_text(core, signal->event_id);
    note_evidence(core, held, signal);
    router_state_account_changed(core, account);
}

// The account itself is decided with every group.
static void touch(struct group *group, const struct account *account, struct subject *subject)
{
    if (subject == &account->self)
        return;
    for (size_t i = 0; i < group->n_touched; i++)
        if (group->touched[i] == subject)
            return;
    MEM_GROW(group->touched, group->n_touched, group->touched_cap);
    group->touched[group->n_touched++] = subject;
}

// The mark of an event: its position and its place there.
static uint64_t place_of(uint64_t index)
{
    return index >> 32;
}

static bool in_group(const struct group *group, uint32_t lane, const struct router_signal *signal)
{
    return group->open && group->lane == lane && group->position == signal->position &&
           group->place == place_of(signal->index) && group->at_ms == signal->at_ms &&
           span_is(signal->account, group->account->id);
}

static void open_group(struct router_core *core, const struct router_mark *mark,
                       const struct router_signal *signal, bool first)
{
    struct group *group = &core->group;
    group->open = true;
    group->lane = mark->lane;
    group->position = signal->position;
    group->place = place_of(signal->index);
    group->at_ms = signal->at_ms;
    size_t known = core->n_accounts;
    group->account = router_state_account_add(core, signal->account);
    group->belongs = false;
    if (core->n_accounts > known)
        router_organizations_born(core, group->account);
    group->continues =
        first && mark->position == group->position && place_of(mark->index) == group->place;
    group->routes = group->converted = false;
    group->n_touched = 0;
}

static void take(struct router_core *core, const struct router_mark *mark,
                 const struct router_signal *signal, bool first, struct router_effects *effects)
{
    struct group *group = &core->group;
    if (!in_group(group, mark->lane, signal)) {
        router_settle(core, effects);
        open_group(core, mark, signal, first);
    }
    group->last = signal;
    router_decision_add(core, effects, ROUTER_DECISION_SIGNAL)->signal = signal;
    struct account *account = group->account;
    struct subject *subject =
        signal->user.len > 0 ? router_state_user(account, signal->user, true) : &account->self;
    note(core, account, subject, signal);
    touch(group, account, subject);
    core->n_signals++;
}

void router_core_signals(struct router_core *core, uint32_t lane,
                         const struct router_signal *signals, size_t n,
                         struct router_effects *effects)
{
    CHECK(core->playbook != NULL);
    struct router_mark *mark = router_state_mark(core, lane, true);
    bool first = true;
    for (size_t i = 0; i < n; i++) {
        CHECK(signals[i].account.len > 0 && signals[i].name.len > 0);
        if (mark_covers(mark, &signals[i]))
            continue;
        // What is named like an organization is no account: it is left out.
        if (*(const char *)signals[i].account.ptr != ORGANIZATION_MARK) {
            take(core, mark, &signals[i], first, effects);
            first = false;
        }
        mark->position = signals[i].position;
        mark->index = signals[i].index;
    }
    router_settle(core, effects);
}

struct router_mark router_core_mark(const struct router_core *core, uint32_t lane)
{
    const struct router_mark *mark = router_state_mark((struct router_core *)core, lane, false);
    return mark != NULL ? *mark : (struct router_mark){.lane = lane};
}
