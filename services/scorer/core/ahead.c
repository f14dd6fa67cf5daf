// SPDX-License-Identifier: Apache-2.0
// Steps, each some events after the one before, so that what a step asked for is there for the
// next: the slots of the account and the message id; the account's place in the table; its struct;
// its list of users; the user; the buckets of both.
#include "services/scorer/core/ahead.h"

enum {
    AHEAD_HASH = 22,
    AHEAD_TABLE = 18,
    AHEAD_ACCOUNT = 14,
    AHEAD_USERS = 10,
    AHEAD_USER = 6,
    AHEAD_BUCKETS = 2,
    LINE_BYTES = 64,
};

static void ahead_lines(const void *from, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += LINE_BYTES)
        __builtin_prefetch((const char *)from + at);
}

static void ahead_hash(struct core *core, const struct event *event, struct ahead_slot *slot)
{
    slot->hashes.account_hash = hash64(event->account);
    slot->hashes.user_hash = event->user.len > 0 ? hash64(event->user) : 0;
    slot->hashes.id = hash128(event->message_id);
    slot->number = INDEX_NONE;
    slot->account = NULL;
    slot->user = NULL;
    index_prefetch(&core->account_index, slot->hashes.account_hash);
    seen_prefetch(&core->seen, slot->hashes.id);
}

// The first account whose hash looks right: nearly always the one.
static bool ahead_any(const void *ctx, uint32_t item, const void *key)
{
    (void)ctx;
    (void)item;
    (void)key;
    return true;
}

static void ahead_table(struct core *core, struct ahead_slot *slot)
{
    slot->number =
        index_find(&core->account_index, slot->hashes.account_hash, ahead_any, NULL, NULL);
    if (slot->number != INDEX_NONE)
        __builtin_prefetch(&core->accounts[slot->number]);
}

static void ahead_account(struct core *core, struct ahead_slot *slot)
{
    if (slot->number == INDEX_NONE)
        return;
    slot->account = core->accounts[slot->number];
    const struct plan_scope *scope = &core->plan->scopes[SCOPE_ACCOUNT];
    ahead_lines(slot->account, sizeof *slot->account + scope->bytes);
    __builtin_prefetch((const char *)&slot->account->subject + scope->bytes);
}

static void ahead_users(struct core *core, struct ahead_slot *slot)
{
    (void)core;
    if (slot->account == NULL)
        return;
    if (slot->account->index != NULL)
        index_prefetch(slot->account->index, slot->hashes.user_hash);
    else if (slot->account->users != &slot->account->only)
        ahead_lines(slot->account->users, slot->account->n_users * sizeof *slot->account->users);
}

static void ahead_user(struct core *core, struct ahead_slot *slot)
{
    const struct account *account = slot->account;
    if (account == NULL || account->users == NULL)
        return;
    uint32_t found = INDEX_NONE;
    if (account->index != NULL)
        found = index_find(account->index, slot->hashes.user_hash, ahead_any, NULL, NULL);
    for (uint32_t i = 0; account->index == NULL && i < account->n_users; i++) {
        if (account->users[i].hash == slot->hashes.user_hash)
            found = i;
    }
    if (found == INDEX_NONE)
        return;
    slot->user = account->users[found].user;
    ahead_lines(slot->user, sizeof *slot->user + core->plan->scopes[SCOPE_USER].bytes);
}

static void ahead_cells(const struct plan_scope *scope, const struct subject *subject)
{
    for (uint32_t i = 0; i < scope->n_cells; i++) {
        const struct cell *cell = &subject->cells[i];
        if (scope->shapes[i] == CELL_HOURS)
            __builtin_prefetch(cell->cap > 0 ? cell->hours : NULL);
        else if (scope->shapes[i] != CELL_BUCKETS)
            __builtin_prefetch(cell->values);
        else if (cell->cap > 0)
            __builtin_prefetch(&cell->entries[cell->n == 0 ? 0 : cell->n - 1]);
    }
}

static void ahead_buckets(struct core *core, struct ahead_slot *slot)
{
    if (slot->account != NULL)
        ahead_cells(&core->plan->scopes[SCOPE_ACCOUNT], &slot->account->subject);
    if (slot->user != NULL)
        ahead_cells(&core->plan->scopes[SCOPE_USER], &slot->user->subject);
}

typedef void (*ahead_fn)(struct core *core, struct ahead_slot *slot);

static const struct {
    size_t distance;
    ahead_fn run;
} AHEAD_STEPS[] = {
    {AHEAD_TABLE, ahead_table}, {AHEAD_ACCOUNT, ahead_account}, {AHEAD_USERS, ahead_users},
    {AHEAD_USER, ahead_user},   {AHEAD_BUCKETS, ahead_buckets},
};

// Every step for the event that is at its distance from `at`; negative when the batch begins.
static void ahead_move(struct core *core, int64_t at)
{
    struct ahead *ahead = &core->ahead;
    size_t next = (size_t)(at + AHEAD_HASH);
    if (next < ahead->n)
        ahead_hash(core, &ahead->events[next], &ahead->slots[next % AHEAD_SLOTS]);
    for (size_t i = 0; i < ARRAY_LEN(AHEAD_STEPS); i++) {
        int64_t step = at + (int64_t)AHEAD_STEPS[i].distance;
        if (step >= 0 && (size_t)step < ahead->n)
            AHEAD_STEPS[i].run(core, &ahead->slots[(size_t)step % AHEAD_SLOTS]);
    }
}

void core_expect(struct core *core, const struct event *events, size_t n)
{
    core->ahead.events = events;
    core->ahead.n = n;
    core->ahead.at = 0;
    for (int64_t at = -AHEAD_HASH; at < 0; at++)
        ahead_move(core, at);
}

bool ahead_take(struct core *core, const struct event *event, struct ahead_event *out)
{
    struct ahead *ahead = &core->ahead;
    if (ahead->at >= ahead->n || event != &ahead->events[ahead->at])
        return false;
    ahead_move(core, (int64_t)ahead->at);
    *out = ahead->slots[ahead->at % AHEAD_SLOTS].hashes;
    ahead->at++;
    return true;
}
