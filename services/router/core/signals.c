// SPDX-License-Identifier: Apache-2.0
// Taking signals. For each: leave out what the lane's mark covers; note it with its subject; when
// its group ends, decide: stages of the users it touched (of all, when the account's own signals
// changed), the account's stage, then the lead.
#include "services/router/core/state.h"

#include "common/base/check.h"
#include "common/base/mem.h"

struct settling {
    struct router_core *core;
    struct account *account;
    struct cause cause;
    struct router_effects *effects;
    struct reasons reasons;
};

static bool mark_covers(const struct router_mark *mark, const struct router_signal *signal)
{
    if (signal->position != mark->position)
        return signal->position < mark->position;
    return signal->index <= mark->index;
}

// ---- Deciding a group
// -----------------------------------------------------------------------------

static int32_t stage_condition(const struct playbook *playbook, enum router_stage stage)
{
    switch (stage) {
    case ROUTER_PAL:
        return playbook->pal;
    case ROUTER_PQL:
        return playbook->pql;
    case ROUTER_PQA:
        return playbook->pqa;
    }
    return PLAYBOOK_NONE;
}

// Whether the subject enters the stage now; `user` NULL: the account.
static bool enter_stage(struct settling *s, enum router_stage stage, struct subject *user)
{
    struct router_core *core = s->core;
    struct subject *subject = user != NULL ? user : &s->account->self;
    int32_t condition = stage_condition(core->playbook, stage);
    if (subject->stage_at_ms[stage - 1] != STATE_NEVER || condition == PLAYBOOK_NONE)
        return false;
    if (!router_qualify_holds(core, condition, s->account, user))
        return false;
    subject->stage_at_ms[stage - 1] = s->cause.at_ms;
    core->n_stage[stage - 1]++;
    struct router_decision *d =
        router_decision_add(core, s->effects, ROUTER_DECISION_QUALIFICATION);
    d->stage = stage;
    d->account = span_of(s->account->id);
    d->user = span_of(subject->id);
    d->at_ms = s->cause.at_ms;
    d->known_at_ms = s->cause.known_at_ms;
    d->event_id = s->cause.event_id;
    return true;
}

static void give_reasons(struct settling *s, enum router_stage stage, const struct subject *user)
{
    s->reasons.n_names = 0;
    s->reasons.n_evidence = 0;
    s->reasons.names[s->reasons.n_names++] = router_stage_name(stage);
    router_qualify_reasons(s->core, stage_condition(s->core->playbook, stage), s->account, user,
                           &s->reasons);
}

// A user became a PQL: the account's lead is made, or gets one more contact.
static void user_qualified(struct settling *s, struct subject *user)
{
    if (s->account->lead != NULL) {
        router_leads_add_contact(s->core, s->account->lead, user, &s->cause, s->effects);
        return;
    }
    give_reasons(s, ROUTER_PQL, user);
    router_leads_create(s->core, s->account, user, &s->reasons, &s->cause, s->effects);
}

static void account_qualified(struct settling *s)
{
    give_reasons(s, ROUTER_PQA, NULL);
    struct router_lead *lead = s->account->lead;
    if (lead == NULL) {
        router_leads_create(s->core, s->account, NULL, &s->reasons, &s->cause, s->effects);
        return;
    }
    router_leads_add_reasons(s->core, lead, &s->reasons);
    router_leads_route_again(s->core, lead, "pqa", &s->cause, s->effects);
}

static void settle_user(struct settling *s, struct subject *user)
{
    enter_stage(s, ROUTER_PAL, user);
    if (enter_stage(s, ROUTER_PQL, user))
        user_qualified(s, user);
}

static void settle(struct router_core *core, struct router_effects *effects)
{
    struct group *group = &core->group;
    if (!group->open)
        return;
    struct settling s = {
        .core = core,
        .account = group->account,
        .cause = {group->last->at_ms, group->last->known_at_ms, group->last->event_id},
        .effects = effects,
    };
    bool had_lead = s.account->lead != NULL;
    if (group->all_users)
        for (uint32_t i = 0; i < s.account->n_users; i++)
            settle_user(&s, s.account->users[i]);
    else
        for (size_t i = 0; i < group->n_touched; i++)
            settle_user(&s, group->touched[i]);
    if (enter_stage(&s, ROUTER_PQA, NULL))
        account_qualified(&s);
    // A lead that no route took, or whose event goes on in this call, may have found its route now.
    if (had_lead && (router_leads_unrouted(s.account->lead) || group->continues))
        router_leads_route_again(core, s.account->lead, "signals", &s.cause, effects);
    group->open = false;
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

static void note(struct router_core *core, struct account *account, struct subject *subject,
                 const struct router_signal *signal)
{
    struct held *held = router_state_held(subject, router_state_intern(core, signal->name), true);
    if (subject != &account->self && held->value != signal->value)
        router_state_tally(account, held->name, signal->value ? 1 : -1);
    held->value = signal->value;
    held->ever = held->ever || signal->value;
    held->at_ms = signal->at_ms;
    held->known_at_ms = signal->known_at_ms;
    mem_free(held->event_id);
    held->event_id = mem_dup(signal->event_id);
    note_evidence(held, signal);
    router_state_account_changed(core, account);
}

static void touch(struct group *group, struct account *account, struct subject *subject)
{
    if (subject == &account->self) {
        group->all_users = true;
        return;
    }
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
    group->all_users = false;
    group->n_touched = 0;
}

static void take(struct router_core *core, struct router_mark *mark,
                 const struct router_signal *signal, bool first, struct router_effects *effects)
{
    CHECK(signal->account.len > 0 && signal->name.len > 0);
    struct group *group = &core->group;
    if (!in_group(group, mark->lane, signal)) {
        settle(core, effects);
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
    settle(core, effects);
}

struct router_mark router_core_mark(const struct router_core *core, uint32_t lane)
{
    const struct router_mark *mark = router_state_mark((struct router_core *)core, lane, false);
    return mark != NULL ? *mark : (struct router_mark){.lane = lane};
}
