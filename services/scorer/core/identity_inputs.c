// SPDX-License-Identifier: Apache-2.0
// What the journal brings about identities, and the end of a record.
#include "common/base/check.h"
#include "common/base/mem.h"
#include "services/scorer/core/identity_impl.h"

// Numbers of what the end of a record makes stand behind those of its places.
static const uint64_t ENDING_INDEX = UINT64_C(1) << 62;

// ---- Links ----

void core_link(struct core *core, uint64_t position, uint32_t place, const struct link *link,
               int64_t known_at_ms)
{
    CHECK(core->playbook != NULL && link->identity.len > 0 && link->target.len > 0);
    (void)known_at_ms;
    uint32_t number;
    bool user = link->kind == LINK_USER;
    if (user && span_eq(link->identity, link->target))
        return;
    struct account *account =
        account_reach(core, position, place, moves_home(core, link->identity), &number);
    if (account == NULL)
        return;
    struct identity *identity = identity_of(account);
    if (linked_add(user ? &identity->users : &identity->groups, link->kind,
                   core->playbook->default_account, link))
        identity_touch(core, number, place);
}

static struct linked *change_in_force(struct identity *identity, enum default_account rule)
{
    const struct linked *user = linked_in_force(&identity->users, LINK_USER, rule);
    const struct linked *group = linked_in_force(&identity->groups, LINK_GROUP, rule);
    if (user != NULL)
        return linked_find(&identity->users, span_of(user->target));
    return group == NULL ? NULL : linked_find(&identity->groups, span_of(group->target));
}

static struct linked *change_undone_last(struct linked_set *set, struct linked *best)
{
    for (uint32_t i = 0; i < set->n; i++) {
        if (set->items[i].undone && (best == NULL || set->items[i].undone_ms > best->undone_ms))
            best = &set->items[i];
    }
    return best;
}

static struct linked *change_find(struct identity *identity, enum default_account rule,
                                  const struct link_change *change)
{
    if (change->target.len > 0) {
        struct linked *user = linked_find(&identity->users, change->target);
        return user != NULL ? user : linked_find(&identity->groups, change->target);
    }
    if (!change->redo)
        return change_in_force(identity, rule);
    return change_undone_last(&identity->groups, change_undone_last(&identity->users, NULL));
}

enum link_changed core_change_link(struct core *core, uint64_t position, uint32_t place,
                                   const struct link_change *change)
{
    uint32_t number;
    struct span home = moves_home(core, change->identity);
    struct account *account = account_find(core, hash64(home), home, &number);
    if (account == NULL)
        return LINK_UNKNOWN;
    if (account_reach(core, position, place, home, &number) == NULL)
        return LINK_CHANGED;
    struct linked *linked =
        account->identity == NULL
            ? NULL
            : change_find(account->identity, core->playbook->default_account, change);
    if (linked == NULL)
        return LINK_UNKNOWN;
    if (linked->undone == !change->redo)
        return LINK_AS_IT_WAS;
    linked->undone = !change->redo;
    linked->undone_ms = change->redo ? 0 : change->now_ms;
    identity_note(account->identity, change->redo ? IDENTITY_REDONE : IDENTITY_UNDONE,
                  change->now_ms, linked->target, change->by);
    identity_touch(core, number, place);
    return LINK_CHANGED;
}

// ---- Messages ----

// A single event whose message id has been counted here, as that of a call with another id or with
// the account named. Within one lane it is known anyway.
static bool move_is_repeated(struct core *core, const struct move *move)
{
    uint32_t number;
    struct span home = moves_home(core, move->identity);
    if (move->kind != MOVE_PIECE || (move->message.low == 0 && move->message.high == 0) ||
        account_find(core, hash64(home), home, &number) != NULL)
        return false;
    return !seen_add(&core->seen, move->message);
}

void core_take_move(struct core *core, uint64_t position, uint32_t place, const struct move *move,
                    int64_t known_at_ms, struct signal_changes *changes, struct arena *arena)
{
    CHECK(core->playbook != NULL && move->node.len > 0 && move->identity.len > 0);
    uint32_t number;
    if (move_is_repeated(core, move)) {
        core->counts.duplicates++;
        return;
    }
    struct account *account = account_reach(core, position, place, move->node, &number);
    if (account == NULL)
        return;
    struct decision decision = {.core = core,
                                .account = account,
                                .number = number,
                                .changes = changes,
                                .arena = arena,
                                .index = (uint64_t)place << 32,
                                .known_at_ms = known_at_ms,
                                .event_id = span_make("", 0)};
    moves_begin(core, (uint64_t)place << 32);
    switch (move->kind) {
    case MOVE_WATCH:
    case MOVE_UNWATCH:
        identity_take_watch(core, account, move);
        break;
    case MOVE_LINKS:
        identity_take_links(account, move);
        break;
    case MOVE_PIECE:
        parts_take_piece(&decision, move);
        break;
    case MOVE_RECALL:
        parts_take_recall(core, account, move);
        break;
    case MOVE_RETURN:
        parts_take_return(&decision, move);
        break;
    case MOVE_MEET:
        identity_take_meet(account, move);
        break;
    case MOVE_KNOWN:
        parts_take_known(core, account, move);
        break;
    }
    identity_touch(core, number, place);
}

// ---- The end of a record ----

static void end_account(struct core *core, uint32_t number, struct decision *decision,
                        uint64_t index)
{
    struct account *account = core->accounts[number];
    decision->account = account;
    decision->number = number;
    decision->index = index;
    moves_begin(core, index);
    if (account->identity != NULL)
        identity_settle(core, account, decision->known_at_ms);
    parts_end(core, account);
    if (account->clock_ms != STATE_NO_CLOCK && account->subject.stale)
        decide_pass(decision);
    parts_ended(core, account);
}

void core_end_record(struct core *core, uint64_t position, int64_t known_at_ms,
                     struct signal_changes *changes, struct arena *arena)
{
    (void)position;
    struct decision decision = {.core = core,
                                .changes = changes,
                                .arena = arena,
                                .known_at_ms = known_at_ms,
                                .event_id = span_make("", 0)};
    for (size_t i = 0; i < core->n_ending; i++) {
        struct ending *ending = &core->ending[i];
        core->accounts[ending->number]->ending = false;
        end_account(core, ending->number, &decision, ENDING_INDEX | (uint64_t)ending->place << 32);
    }
    core->n_ending = 0;
}

void core_settle(struct core *core, uint64_t position, int64_t known_at_ms,
                 struct signal_changes *changes, struct arena *arena)
{
    struct heap order = {0};
    struct decision decision = {.core = core,
                                .changes = changes,
                                .arena = arena,
                                .known_at_ms = known_at_ms,
                                .event_id = span_make("", 0)};
    for (uint32_t i = 0; i < core->n_accounts; i++) {
        const struct account *account = core->accounts[i];
        if (account->identity != NULL && !account->pending && position > account->covered)
            heap_push(&order, account->ordinal, i);
    }
    while (heap_top(&order) != NULL) {
        uint32_t number = (uint32_t)heap_pop(&order).item;
        uint64_t ordinal = core->accounts[number]->ordinal;
        account_touch(core, number);
        end_account(core, number, &decision, ordinal << 32);
    }
    heap_deinit(&order);
}
