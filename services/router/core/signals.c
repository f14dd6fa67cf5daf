// SPDX-License-Identifier: Apache-2.0
// Taking signals. For each: leave out what the lane's mark covers; note it with its subject; when
// its group ends, decide (settle.c).
#include "services/router/core/state.h"

#include "common/base/check.h"
#include "common/base/mem.h"

static bool mark_covers(const struct router_mark *mark, const struct router_signal *signal)
{
    if (signal->position != mark->position)
        return signal->position < mark->position;
    return signal->index <= mark->index;
}

// ---- Noting a signal
// ------------------------------------------------------------------------------

static void note_evidence(struct held *held, const struct router_signal *signal)
{
    mem_free(held->evidence);
    held->evidence = NULL;
    held->n_evidence = 0;
    if (signal->value)
        held->evidence =
            router_state_evidence_copy(signal->evidence, signal->n_evidence, &held->n_evidence);
}

// What else depends on it: how many users have it, the routes, whether the account converts.
static void note_change(struct router_core *core, struct account *account,
                        const struct subject *subject, const struct held *held, bool value)
{
    struct group *group = &core->group;
    if (subject != &account->self)
        router_state_tally(account, held->name, value ? 1 : -1);
    else if (value && held->name == core->stage_signals[STAGE_CUSTOMER])
        group->converted = true;
    for (int32_t i = 0; i < core->playbook->n_signals; i++)
        if (core->in_routes[i] && core->signal_names[i] == held->name)
            group->routes = true;
}

static void note(struct router_core *core, struct account *account, struct subject *subject,
                 const struct router_signal *signal)
{
    struct held *held = router_state_held(subject, router_state_intern(core, signal->name), true);
    if (held->value != signal->value)
        note_change(core, account, subject, held, signal->value);
    held->value = signal->value;
    held->episode = signal->episode;
    held->label = router_state_intern(core, signal->label);
    mem_free(held->reason);
    held->reason = signal->reason.len > 0 ? mem_dup(signal->reason) : NULL;
    held->ever = held->ever || signal->value;
    held->at_ms = signal->at_ms;
    held->known_at_ms = signal->known_at_ms;
    mem_free(held->event_id);
    held->event_id = mem_dup(signal->event_id);
    note_evidence(held, signal);
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
    group->account = router_state_account_add(core, signal->account);
    group->continues =
        first && mark->position == group->position && place_of(mark->index) == group->place;
    group->routes = group->converted = false;
    group->n_touched = 0;
}

static void take(struct router_core *core, struct router_mark *mark,
                 const struct router_signal *signal, bool first, struct router_effects *effects)
{
    CHECK(signal->account.len > 0 && signal->name.len > 0);
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
    mark->position = signal->position;
    mark->index = signal->index;
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
        if (mark_covers(mark, &signals[i]))
            continue;
        take(core, mark, &signals[i], first, effects);
        first = false;
    }
    router_settle(core, effects);
}

struct router_mark router_core_mark(const struct router_core *core, uint32_t lane)
{
    const struct router_mark *mark = router_state_mark((struct router_core *)core, lane, false);
    return mark != NULL ? *mark : (struct router_mark){.lane = lane};
}
