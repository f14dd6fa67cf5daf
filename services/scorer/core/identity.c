// SPDX-License-Identifier: Apache-2.0
// A home decides about its identity, at the end of each record that touched it:
//   1. when its own links in force are others than those who watch it were told, they are told;
//   2. whom it depends on is watched, whoever else is no more;
//   3. when all of them have answered, its sink is known. If that is another one than so far, what
//      lies at the old one is recalled, and what is here is sent to the new one; accounts that it
//      acts in are told who it is, when that is somebody else than so far.
// What comes home later (the recalled, or what reached the old one late) is sent on at once. So an
// identity that is away has nothing here between two inputs.
#include "services/scorer/core/identity.h"

#include "common/base/check.h"
#include "common/base/mem.h"
#include "services/scorer/core/identity_impl.h"

// ---- Life cycle ----

static void identity_forget_told(struct told *told)
{
    mem_free(told->id);
    mem_free(told->user);
    mem_free(told->group);
}

void identity_destroy(struct identity *identity)
{
    if (identity == NULL)
        return;
    linked_deinit(&identity->users);
    linked_deinit(&identity->groups);
    for (uint32_t i = 0; i < identity->n_told; i++)
        identity_forget_told(&identity->told[i]);
    for (uint32_t i = 0; i < identity->n_watchers; i++)
        mem_free(identity->watchers[i]);
    for (size_t i = 0; identity->history != NULL && i < IDENTITY_HISTORY_MAX; i++) {
        mem_free(identity->history[i].target);
        mem_free(identity->history[i].by);
    }
    for (uint32_t i = 0; i < identity->n_met; i++) {
        mem_free(identity->met[i].account);
        mem_free(identity->met[i].user);
    }
    mem_free(identity->history);
    mem_free(identity->met);
    mem_free(identity->watchers);
    mem_free(identity->said_user);
    mem_free(identity->said_group);
    mem_free(identity->account);
    mem_free(identity->user);
    mem_free(identity->by);
    mem_free(identity);
}

struct identity *identity_of(struct account *account)
{
    if (account->identity == NULL)
        account->identity = mem_zalloc(sizeof *account->identity);
    return account->identity;
}

void identity_touch(struct core *core, uint32_t number, uint32_t place)
{
    struct account *account = core->accounts[number];
    account_touch(core, number);
    if (account->ending)
        return;
    account->ending = true;
    MEM_GROW(core->ending, core->n_ending, core->ending_cap);
    core->ending[core->n_ending++] = (struct ending){number, place};
}

// ---- Texts ----

static struct span identity_text(const char *text)
{
    return text == NULL ? span_make("", 0) : span_of(text);
}

static char *identity_copy(struct span text)
{
    return text.len == 0 ? NULL : mem_dup(text);
}

static void identity_put(char **at, struct span text)
{
    char *made = identity_copy(text);
    mem_free(*at);
    *at = made;
}

void identity_note(struct identity *identity, enum identity_what what, int64_t at_ms,
                   const char *target, struct span by)
{
    if (identity->history == NULL)
        identity->history = mem_zalloc(IDENTITY_HISTORY_MAX * sizeof *identity->history);
    struct identity_event *event = &identity->history[identity->n_history % IDENTITY_HISTORY_MAX];
    identity->n_history++;
    event->what = what;
    event->at_ms = at_ms;
    identity_put(&event->target, identity_text(target));
    identity_put(&event->by, by);
}

const char *identity_reason(const struct core *core, const struct account *account,
                            const struct user *user, struct arena *arena)
{
    if (identity_is_away(account->identity))
        return arena_printf(arena, "merged into %s", account->identity->account);
    uint32_t as = user == NULL || account->parts == NULL
                      ? CELL_NO_USER
                      : parts_ordinal_as(account->parts, user->ordinal);
    if (as != CELL_NO_USER && as != user->ordinal)
        return arena_printf(arena, "merged into %s",
                            arena_dup(arena, user_id(core, account->users[as].user)));
    return "its events count elsewhere";
}

// ---- Those who watch ----

static void identity_say(struct core *core, const struct identity *identity, struct span x,
                         struct span to, bool told)
{
    moves_add(core, &(struct move){
                        .kind = MOVE_LINKS,
                        .node = moves_home(core, to),
                        .identity = x,
                        .user = told ? identity_text(identity->said_user) : span_make("", 0),
                        .group = told ? identity_text(identity->said_group) : span_make("", 0)});
}

static void identity_tell(struct core *core, struct identity *identity, struct span x)
{
    enum default_account rule = core->playbook->default_account;
    const struct linked *user = linked_in_force(&identity->users, LINK_USER, rule);
    const struct linked *group = linked_in_force(&identity->groups, LINK_GROUP, rule);
    struct span user_id = identity_text(user == NULL ? NULL : user->target);
    struct span group_id = identity_text(group == NULL ? NULL : group->target);
    if (span_eq(user_id, identity_text(identity->said_user)) &&
        span_eq(group_id, identity_text(identity->said_group)))
        return;
    identity_put(&identity->said_user, user_id);
    identity_put(&identity->said_group, group_id);
    for (uint32_t i = 0; i < identity->n_watchers; i++)
        identity_say(core, identity, x, span_of(identity->watchers[i]), true);
}

void identity_take_watch(struct core *core, struct account *account, const struct move *move)
{
    struct identity *identity = identity_of(account);
    struct span x;
    uint32_t at = 0;
    CHECK(identity_is_personal(account_id(core, account), &x));
    while (at < identity->n_watchers && !span_is(move->identity, identity->watchers[at]))
        at++;
    bool there = at < identity->n_watchers;
    if (move->kind == MOVE_UNWATCH) {
        if (!there)
            return;
        mem_free(identity->watchers[at]);
        identity->watchers[at] = identity->watchers[--identity->n_watchers];
        return;
    }
    if (!there && identity->n_watchers < IDENTITY_WATCHERS_MAX) {
        MEM_GROW(identity->watchers, identity->n_watchers, identity->watchers_cap);
        identity->watchers[identity->n_watchers++] = mem_dup(move->identity);
        there = true;
    }
    // Should the links have changed in this record, the end of it tells that too.
    identity_say(core, identity, x, move->identity, there);
}

void identity_take_links(struct account *account, const struct move *move)
{
    struct identity *identity = identity_of(account);
    for (uint32_t i = 0; i < identity->n_told; i++) {
        struct told *told = &identity->told[i];
        if (!span_is(move->identity, told->id))
            continue;
        told->known = true;
        identity_put(&told->user, move->user);
        identity_put(&told->group, move->group);
    }
}

// ---- Whom it watches ----

static bool identity_depends(const struct sink *sink, const char *id)
{
    for (uint32_t i = 0; i < sink->n_watched; i++) {
        if (span_is(sink->watched[i], id))
            return true;
    }
    return false;
}

static bool identity_watches(const struct identity *identity, struct span id)
{
    for (uint32_t i = 0; i < identity->n_told; i++) {
        if (span_is(id, identity->told[i].id))
            return true;
    }
    return false;
}

static void identity_watch(struct core *core, struct identity *identity, struct span x,
                           const struct sink *sink)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < identity->n_told; i++) {
        struct told told = identity->told[i];
        if (identity_depends(sink, told.id)) {
            identity->told[kept++] = told;
            continue;
        }
        moves_add(core, &(struct move){.kind = MOVE_UNWATCH,
                                       .node = moves_home(core, span_of(told.id)),
                                       .identity = x});
        identity_forget_told(&told);
    }
    identity->n_told = kept;
    for (uint32_t i = 0; i < sink->n_watched; i++) {
        struct span id = sink->watched[i];
        if (identity_watches(identity, id))
            continue;
        identity->told[identity->n_told++] = (struct told){.id = mem_dup(id)};
        moves_add(core,
                  &(struct move){.kind = MOVE_WATCH, .node = moves_home(core, id), .identity = x});
    }
}

// ---- Where it acts ----

void identity_add_met(struct identity *identity, struct span account, struct span user)
{
    CHECK(identity->n_met < IDENTITY_MET_MAX);
    MEM_GROW(identity->met, identity->n_met, identity->met_cap);
    identity->met[identity->n_met++] = (struct met){mem_dup(account), identity_copy(user)};
}

void identity_take_meet(struct account *account, const struct move *move)
{
    struct identity *identity = identity_of(account);
    for (uint32_t i = 0; i < identity->n_met; i++) {
        if (span_is(move->group, identity->met[i].account))
            return;
    }
    if (identity->n_met < IDENTITY_MET_MAX)
        identity_add_met(identity, move->group, span_make("", 0));
}

static void identity_introduce(struct core *core, struct identity *identity, struct span x,
                               struct span user)
{
    struct span other = span_eq(user, x) ? span_make("", 0) : user;
    for (uint32_t i = 0; i < identity->n_met; i++) {
        struct met *met = &identity->met[i];
        if (span_eq(other, identity_text(met->user)))
            continue;
        identity_put(&met->user, other);
        moves_add(core, &(struct move){.kind = MOVE_KNOWN,
                                       .node = span_of(met->account),
                                       .identity = x,
                                       .user = user});
    }
}

// ---- Where its events count ----

void identity_send(struct core *core, struct account *account, struct hash128 message)
{
    struct identity *identity = account->identity;
    struct span x;
    CHECK(identity_is_away(identity) && identity_is_personal(account_id(core, account), &x));
    struct piece *piece = parts_take_own(core, account);
    if (piece == NULL)
        return;
    if (!identity->sent)
        identity_note(identity, IDENTITY_SENT, identity->since_ms, identity->account,
                      identity_text(identity->by));
    identity->sent = true;
    moves_add(core, &(struct move){.kind = MOVE_PIECE,
                                   .node = span_of(identity->account),
                                   .identity = x,
                                   .user = span_of(identity->user),
                                   .version = identity->version,
                                   .by = identity_text(identity->by),
                                   .at_ms = identity->since_ms,
                                   .message = message,
                                   .piece = piece});
}

static void identity_stale(struct account *account)
{
    account->subject.stale = true;
    for (uint32_t i = 0; i < account->n_users; i++) {
        account->users[i].user->subject.stale = true;
        user_touch(account, account->users[i].user);
    }
}

static void identity_move(struct core *core, struct account *account, struct span x, struct span to,
                          const struct sink *sink, int64_t known_at_ms)
{
    struct identity *identity = account->identity;
    if (identity->account != NULL && identity->sent)
        moves_add(core, &(struct move){.kind = MOVE_RECALL,
                                       .node = span_of(identity->account),
                                       .identity = x,
                                       .version = identity->version});
    struct span by = sink->by == NULL ? span_make("", 0) : span_of(sink->by->by);
    identity_put(&identity->account, to);
    identity_put(&identity->user, to.len == 0 ? to : sink->user);
    identity_put(&identity->by, by);
    identity->version++;
    identity->sent = false;
    identity->since_ms = known_at_ms;
    identity_note(identity, to.len == 0 ? IDENTITY_HOME : IDENTITY_MOVED, known_at_ms,
                  identity->account, by);
    identity_stale(account);
    if (identity->account != NULL)
        identity_send(core, account, (struct hash128){0});
}

void identity_settle(struct core *core, struct account *account, int64_t known_at_ms)
{
    struct identity *identity = account->identity;
    struct span x, none = span_make("", 0);
    CHECK(identity_is_personal(account_id(core, account), &x));
    identity_tell(core, identity, x);
    // Of somebody who has done nothing there is nothing to send, and nobody is asked.
    if (account->clock_ms == STATE_NO_CLOCK && identity->n_met == 0)
        return;
    struct sink sink = links_sink(identity, x, core->playbook->default_account);
    identity_watch(core, identity, x, &sink);
    if (!sink.known)
        return;
    identity_introduce(core, identity, x, sink.user);
    if (account->clock_ms == STATE_NO_CLOCK)
        return;
    struct span to = sink.group;
    if (to.len == 0 && !span_eq(sink.user, x))
        to = moves_home(core, sink.user);
    if (span_eq(to, account_id(core, account)))
        to = none;
    struct span user = to.len == 0 ? none : sink.user;
    if (!span_eq(to, identity_text(identity->account)) ||
        !span_eq(user, identity_text(identity->user)))
        identity_move(core, account, x, to, &sink, known_at_ms);
}
