// SPDX-License-Identifier: Apache-2.0
// One event, in order: its id is remembered; an exclusion is looked for with the traits that the
// event itself brings; timers run up to the new clock; then the event's traits and measures; then
// signals.
//
// In recovery an account whose row is newer than the checkpoint is left alone until the journal has
// caught up with it. What is not in its row happens again all the same: ids, profiles, counters,
// and the order in which accounts get their ordinals, for which a row names the event that made the
// account.
#include "services/scorer/core/core.h"

#include "common/base/check.h"
#include "common/base/mem.h"
#include "services/scorer/core/ahead.h"
#include "services/scorer/core/condition.h"
#include "services/scorer/core/decide.h"
#include "services/scorer/core/identity_impl.h"
#include "services/scorer/core/timers.h"

void signal_changes_deinit(struct signal_changes *changes)
{
    mem_free(changes->items);
    *changes = (struct signal_changes){0};
}

// ---- Life cycle ----

struct core *core_create(const struct core_opts *opts)
{
    struct core *core = mem_zalloc(sizeof *core);
    core->opts = *opts;
    core->counts.event_time_max_ms = INT64_MIN;
    core->counts.clock_ms = INT64_MIN;
    arena_init(&core->moves_arena, 4096, 0);
    seen_init(&core->seen, opts->dedupe_window_ms, opts->dedupe_ids_max);
    return core;
}

void core_destroy(struct core *core)
{
    if (core == NULL)
        return;
    state_destroy(core);
    plan_destroy(core->plan);
    playbook_destroy(core->playbook);
    mem_free(core);
}

void core_set_playbook(struct core *core, uint64_t position, struct playbook *playbook)
{
    (void)position;
    struct plan *plan = plan_create(playbook), *old = core->plan;
    moves_clear(core); // pieces are laid out by the old one
    core->ahead.n = 0;
    state_reshape(core, plan);
    plan_destroy(old);
    playbook_destroy(core->playbook);
    core->playbook = playbook;
    core->layout++;
    for (uint32_t i = 0; i < core->n_accounts; i++) {
        if (!core->accounts[i]->pending)
            timers_rebuild(core, core->accounts[i], i);
    }
    if (core->adopt != NULL)
        core->adopt(core->adopt_ctx);
}

const struct playbook *core_playbook(const struct core *core)
{
    return core->playbook;
}

// The record at `position` begins: all before it is in.
static void core_reach(struct core *core, uint64_t position)
{
    timers_catch_up(core, position);
    core->position = position;
}

void core_begin_record(struct core *core, uint64_t position, int64_t intake_ms)
{
    core_reach(core, position);
    core->ahead.n = 0;
    moves_clear(core);
    seen_advance(&core->seen, intake_ms);
}

bool core_has_room(const struct core *core, int64_t intake_ms, size_t n)
{
    return seen_has_room_at(&core->seen, intake_ms, n);
}

void core_counts(const struct core *core, struct core_counts *out)
{
    *out = core->counts;
    out->ids = core->seen.live;
}

void core_trace(struct core *core, core_taken_fn fn, void *arg)
{
    core->trace = fn;
    core->trace_arg = arg;
}

// ---- One event ----

// What is being applied. `user` and `profile` are NULL while they are not there.
struct core_event {
    const struct event *event;
    uint64_t position;
    uint32_t place;
    uint64_t account_hash, user_hash;
    uint32_t number;   // of the account
    int64_t before_ms; // the account's clock before it
    struct account *account;
    struct user *user;
    struct user *as; // under whom it counts: the user, or whom he is known to be
    struct profile *profile;
    struct account *book; // the account's own, beside the total that its parts are in; or NULL
    struct user *book_user;
    bool personal; // the account is the user's own
    bool active;
};

static bool core_is_personal(const struct event *event)
{
    struct span identity;
    return event->user.len > 0 && identity_is_personal(event->account, &identity) &&
           span_eq(identity, event->user);
}

static bool core_is_usage(const struct event *event)
{
    return event->kind == EVENT_TRACK || event->kind == EVENT_PAGE || event->kind == EVENT_SCREEN;
}

static bool core_is_marketing(const struct playbook *playbook, struct span name)
{
    int32_t n = playbook->n_marketing_events;
    int32_t event = n == 0 ? PLAYBOOK_NONE : playbook_event(playbook, name);
    for (int32_t i = 0; i < n; i++) {
        if (playbook->marketing_events[i] == event)
            return true;
    }
    return false;
}

static bool core_is_active(const struct playbook *playbook, const struct event *event)
{
    if (!core_is_usage(event) || core_is_marketing(playbook, event->name))
        return false;
    for (size_t i = 0; i < event->n_context; i++) {
        const struct property *p = &event->context[i];
        if (p->value.type == VALUE_FLAG && !p->value.flag && span_is(p->key, "active"))
            return false;
    }
    return true;
}

// True when one has changed, now or in a past that counts.
static bool core_put_all(const struct core *core, struct traits **traits, enum scope scope,
                         const struct event *event)
{
    bool changed = false;
    for (size_t i = 0; i < event->n_properties; i++) {
        const struct property *p = &event->properties[i];
        bool past = plan_keeps_past(core->plan, scope, p->key);
        changed = (past ? traits_put_past : traits_put)(traits, p->key, &p->value, event->at_ms) ||
                  changed;
    }
    return changed;
}

// Traits of an identify call that belong to no account in particular.
static void core_put_profile(struct core *core, struct core_event *e)
{
    const struct event *event = e->event;
    if (event->user.len == 0 || event->n_properties == 0)
        return;
    uint32_t number;
    struct profile *profile = profile_find(core, e->user_hash, event->user, &number);
    if (profile == NULL)
        profile = profile_add(core, e->user_hash, event->user, &number);
    profile->version += core_put_all(core, &profile->traits, SCOPE_USER, event);
    e->profile = profile;
    profile_touch(core, number);
}

static void core_put_traits(struct core *core, const struct core_event *e, enum scope scope)
{
    struct subject *subject = scope == SCOPE_USER ? &e->user->subject : &e->account->subject;
    if (!core_put_all(core, &subject->traits, scope, e->event))
        return;
    subject->stale = true;
    // Events of the account may be judged anew by what the user was.
    if (scope == SCOPE_USER && core->plan->past_in_account)
        e->account->subject.stale = true;
    // And those of its users by what the account was, if any of them came after.
    if (scope == SCOPE_USER || !core->plan->past_in_users || e->event->at_ms > e->before_ms)
        return;
    for (uint32_t i = 0; i < e->account->n_users; i++) {
        e->account->users[i].user->subject.stale = true;
        user_touch(e->account, e->account->users[i].user);
    }
}

static void core_make_account(struct core *core, struct core_event *e)
{
    if (e->account == NULL) {
        e->account =
            account_add(core, e->account_hash, e->event->account, core->next_ordinal++, &e->number);
        e->account->created_position = e->position;
        e->account->created_place = e->place;
    }
    account_touch(core, e->number);
}

static void core_make_user(struct core *core, struct core_event *e)
{
    if (e->event->user.len == 0)
        return;
    if (e->user == NULL)
        e->user = user_add(core, e->account, e->user_hash, e->event->user);
    user_touch(e->account, e->user);
}

// The traits that the event brings, wherever they belong.
static void core_apply_traits(struct core *core, struct core_event *e)
{
    if (e->event->kind == EVENT_GROUP)
        core_put_traits(core, e, SCOPE_ACCOUNT);
    else if (e->event->kind == EVENT_IDENTIFY && e->personal)
        core_put_profile(core, e);
    else if (e->event->kind == EVENT_IDENTIFY && e->user != NULL)
        core_put_traits(core, e, SCOPE_USER);
}

static struct scene core_scene(struct core *core, const struct core_event *e)
{
    bool identify = e->event->kind == EVENT_IDENTIFY;
    return (struct scene){
        .core = core,
        .plan = core->plan,
        .account = e->account,
        .user = e->user,
        .profile = e->profile,
        .clock_ms = e->account == NULL ? e->event->at_ms : e->account->clock_ms,
        .event = e->event,
        .brings_account = e->event->kind == EVENT_GROUP,
        .brings_user = identify && !e->personal,
        .brings_profile = identify && e->personal,
    };
}

static bool core_excluded(struct core *core, struct core_event *e)
{
    if (core->playbook->n_exclude == 0)
        return false;
    if (core->plan->exclude_traits && e->event->user.len > 0 && e->profile == NULL) {
        uint32_t number;
        e->profile = e->user != NULL ? profile_of(core, e->user)
                                     : profile_find(core, e->user_hash, e->event->user, &number);
    }
    struct scene scene = core_scene(core, e);
    return condition_excluded(&scene) >= 0;
}

// An excluded event leaves its traits behind, so that what it says of a user is known, and nothing
// else.
static enum verdict core_exclude(struct core *core, struct core_event *e)
{
    const struct event *event = e->event;
    bool identify = event->kind == EVENT_IDENTIFY && event->user.len > 0;
    bool leaves = (identify || event->kind == EVENT_GROUP) && event->n_properties > 0;
    core->counts.excluded++;
    if (identify && e->personal) {
        core_put_profile(core, e);
        leaves = false;
    }
    if (leaves || e->account != NULL)
        core_make_account(core, e);
    if (leaves && identify)
        core_make_user(core, e);
    if (leaves)
        core_apply_traits(core, e);
    if (e->account == NULL)
        core->excluded_alone++;
    else
        e->account->n_excluded++;
    return VERDICT_EXCLUDED;
}

// An event that the account's row already has.
static enum verdict core_skip(struct core *core, struct core_event *e)
{
    const struct account *account = e->account;
    bool before = e->position < account->created_position ||
                  (e->position == account->created_position && e->place < account->created_place);
    if (before) {
        // The account was not there then, so if the event was excluded no account counted it.
        e->account = NULL;
        e->user = NULL;
        if (core_excluded(core, e)) {
            core->counts.excluded++;
            core->excluded_alone++;
        }
    } else if (e->position == account->created_position && e->place == account->created_place) {
        core->next_ordinal = account->ordinal + 1;
    }
    if (e->event->kind == EVENT_IDENTIFY && e->personal)
        core_put_profile(core, e);
    return VERDICT_COUNTED;
}

static void core_tell(const struct core *core, const struct plan_step *step,
                      const struct event *event)
{
    struct core_taken taken = {step->measure, step->takes, step->anchors, event};
    core->trace(core->trace_arg, &taken);
}

static void core_measure(struct core *core, struct core_event *e, const struct plan_event *event,
                         enum scope scope)
{
    struct scene scene = core_scene(core, e);
    scene.brings_account = scene.brings_user = scene.brings_profile = false;
    scene.user = e->as;
    scene.profile = e->as == NULL ? NULL : profile_of(core, e->as);
    for (uint32_t i = 0; i < event->n_steps[scope]; i++) {
        struct plan_step step = event->steps[scope][i];
        const struct measure *measure = &core->playbook->measures[step.measure];
        step.takes = step.takes && (!step.active || e->active) &&
                     (measure->where == PLAYBOOK_NONE || measure->historic ||
                      condition_holds(&scene, measure->where));
        if (!step.takes && !step.anchors)
            continue;
        measure_take(&scene, &step);
        if (e->book != NULL && (scope == SCOPE_ACCOUNT || e->book_user != NULL)) {
            struct scene kept = scene;
            kept.account = e->book;
            kept.user = e->book_user;
            measure_take(&kept, &step);
        }
        if (core->trace != NULL)
            core_tell(core, &step, e->event);
    }
}

// In an account that has parts the event is also kept among what the account has of its own, under
// the user that it names.
static void core_keep(struct core_event *e)
{
    struct account *book = parts_own(e->account);
    e->as = e->user;
    if (book == NULL)
        return;
    e->book = book;
    if (e->event->at_ms > book->clock_ms)
        book->clock_ms = e->event->at_ms;
    if (e->user == NULL)
        return;
    e->book_user = book->users[e->user->ordinal].user;
    e->book_user->counted = true;
    e->as = parts_as(e->account, e->user);
    if (e->as != e->user)
        user_touch(e->account, e->as);
}

// An anonymous id acts here for the first time: its home will say who it is.
static void core_meet(struct core *core, const struct core_event *e)
{
    if (e->user->met || e->personal)
        return;
    e->user->met = true;
    moves_add(core, &(struct move){.kind = MOVE_MEET,
                                   .node = moves_home(core, e->event->user),
                                   .identity = e->event->user,
                                   .group = e->event->account});
}

static void core_count(struct core *core, struct core_event *e, struct decision *decision)
{
    const struct event *event = e->event;
    core_make_account(core, e);
    if (event->kind == EVENT_ALIAS)
        e->user = NULL;
    else
        core_make_user(core, e);
    decision->account = e->account;
    decision->number = e->number;
    int64_t clock_ms = event->at_ms > e->account->clock_ms ? event->at_ms : e->account->clock_ms;
    if (e->account->queued_ms <= clock_ms) {
        struct span id = decision->event_id;
        decision->event_id = span_make("", 0);
        timers_run(decision, clock_ms);
        decision->event_id = id;
    }
    core_keep(e);
    account_know(core, e->account, e->as, clock_ms);
    if (event->anonymous && e->user != NULL)
        core_meet(core, e);
    core_apply_traits(core, e);

    static const uint64_t UNTOUCHED[PLAYBOOK_MEASURES_MAX / 64];
    const struct plan_event *what = NULL;
    if (core_is_usage(event))
        what = &core->plan->events[playbook_event(core->playbook, event->name)];
    decision->touched = what == NULL ? UNTOUCHED : what->touched;
    e->active = core_is_active(core->playbook, event);
    if (what != NULL) {
        if (e->as != NULL) {
            decide_lapse(decision, e->as, &what->signals[SCOPE_USER]);
            core_measure(core, e, what, SCOPE_USER);
            decision->look[SCOPE_USER] = what->signals[SCOPE_USER];
        }
        decide_lapse(decision, NULL, &what->signals[SCOPE_ACCOUNT]);
        core_measure(core, e, what, SCOPE_ACCOUNT);
        decision->look[SCOPE_ACCOUNT] = what->signals[SCOPE_ACCOUNT];
        decision->every = what->every;
    }
    decision->user = e->as;
    decision->n_users = e->as != NULL;
    decide_pass(decision);
}

enum verdict core_apply(struct core *core, uint64_t position, uint32_t place,
                        const struct event *event, struct signal_changes *changes,
                        struct arena *arena)
{
    CHECK(core->playbook != NULL && event->account.len > 0);
    struct ahead_event hashes;
    if (!ahead_take(core, event, &hashes)) {
        hashes.id = hash128(event->message_id);
        hashes.account_hash = hash64(event->account);
        hashes.user_hash = event->user.len > 0 ? hash64(event->user) : 0;
    }
    if (event->message_id.len > 0 && !seen_add(&core->seen, hashes.id)) {
        core->counts.duplicates++;
        return VERDICT_DUPLICATE;
    }
    core->counts.events++;
    if (event->at_ms > core->counts.event_time_max_ms)
        core->counts.event_time_max_ms = event->at_ms;
    struct core_event e = {.event = event, .position = position, .place = place};
    e.user_hash = hashes.user_hash;
    if (event->kind == EVENT_IDENTIFY && event->profile_only) {
        core_put_profile(core, &e);
        return VERDICT_COUNTED;
    }
    e.personal = core_is_personal(event);
    e.account_hash = hashes.account_hash;
    e.account = account_find(core, e.account_hash, event->account, &e.number);
    if (e.account != NULL && position <= e.account->covered)
        return core_skip(core, &e);
    e.before_ms = e.account == NULL ? STATE_NO_CLOCK : e.account->clock_ms;
    if (e.account != NULL && event->user.len > 0)
        e.user = user_find(core, e.account, e.user_hash, event->user);
    if (core_excluded(core, &e))
        return core_exclude(core, &e);
    moves_begin(core, (uint64_t)place << 32);
    struct decision decision = {
        .core = core,
        .changes = changes,
        .arena = arena,
        .index = (uint64_t)place << 32,
        .known_at_ms = event->received_at_ms,
        .event_id = event->message_id,
    };
    core_count(core, &e, &decision);
    if (e.account->identity != NULL) {
        if (identity_is_away(e.account->identity))
            identity_send(core, e.account, hashes.id);
        identity_touch(core, e.number, place);
    }
    return VERDICT_COUNTED;
}

// ---- The clock ----

// Sorts account numbers by the accounts' ordinals: a heap of its own, so that nothing is allocated.
static void core_sort(struct core *core, uint32_t *numbers, size_t n)
{
    struct heap heap = {0};
    for (size_t i = 0; i < n; i++)
        heap_push(&heap, core->accounts[numbers[i]]->ordinal, numbers[i]);
    for (size_t i = 0; i < n; i++)
        numbers[i] = (uint32_t)heap_pop(&heap).item;
    heap_deinit(&heap);
}

// Takes the accounts out of the heap whose timers may be due.
static uint32_t *core_take_due(struct core *core, int64_t now_ms, size_t *n)
{
    uint32_t *numbers = NULL;
    size_t cap = 0;
    const struct heap_entry *top;
    *n = 0;
    while ((top = heap_top(&core->timers)) != NULL && top->key <= now_ms) {
        struct heap_entry entry = heap_pop(&core->timers);
        struct account *account = core->accounts[entry.item];
        if (account->queued_ms != entry.key)
            continue;
        account->queued_ms = STATE_NEVER;
        MEM_GROW(numbers, *n, cap);
        numbers[(*n)++] = (uint32_t)entry.item;
    }
    return numbers;
}

void core_tick(struct core *core, uint64_t position, int64_t now_ms, struct signal_changes *changes,
               struct arena *arena)
{
    core_reach(core, position);
    moves_clear(core);
    if (now_ms > core->counts.clock_ms)
        core->counts.clock_ms = now_ms;
    size_t n;
    uint32_t *numbers = core_take_due(core, now_ms, &n);
    core_sort(core, numbers, n);
    for (size_t i = 0; i < n; i++) {
        struct account *account = core->accounts[numbers[i]];
        struct decision decision = {
            .core = core,
            .account = account,
            .number = numbers[i],
            .changes = changes,
            .arena = arena,
            .index = (uint64_t)account->ordinal << 32,
            .known_at_ms = now_ms,
            .event_id = span_make("", 0),
        };
        if (position <= account->covered)
            timers_queue(core, account, numbers[i]); // its row has this tick
        else
            timers_run(&decision, now_ms);
    }
    mem_free(numbers);
}

int64_t core_next_due(struct core *core)
{
    const struct heap_entry *top;
    timers_catch_up(core, core->position + 1);
    while ((top = heap_top(&core->timers)) != NULL) {
        struct heap_entry entry = *top;
        uint32_t number = (uint32_t)entry.item;
        struct account *account = core->accounts[number];
        if (account->queued_ms == entry.key && timers_next(core, account) == entry.key)
            return entry.key;
        // Old, or too early: the account's entry, if it needs one, goes in anew.
        (void)heap_pop(&core->timers);
        if (account->queued_ms == entry.key) {
            account->queued_ms = STATE_NEVER;
            timers_queue(core, account, number);
        }
    }
    return INT64_MAX;
}
