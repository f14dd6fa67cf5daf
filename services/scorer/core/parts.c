// SPDX-License-Identifier: Apache-2.0
// An account that has parts keeps a copy of what it has of its own, with the same users by ordinal.
// Something that comes adds to the total and to its part; what is taken out makes the total anew,
// at the end of the record, so that many that leave at once cost no more than one. The copy has the
// users as events name them; in the total a visitor is whom he is known to be (parts_as.c).
#include "services/scorer/core/parts.h"

#include "common/base/check.h"
#include "common/base/mem.h"
#include "services/scorer/core/blend.h"
#include "services/scorer/core/identity_impl.h"
#include "services/scorer/core/timers.h"

// ---- Life cycle ----

static void part_destroy(struct core *core, struct part *part)
{
    book_destroy(core, part->book);
    mem_free(part->by);
    mem_free(part);
}

void parts_destroy(struct core *core, struct parts *parts)
{
    if (parts == NULL)
        return;
    book_destroy(core, parts->own);
    for (uint32_t i = 0; i < parts->n; i++)
        part_destroy(core, parts->items[i]);
    for (uint32_t i = 0; i < parts->n_gone; i++)
        mem_free(parts->gone[i]);
    index_deinit(&parts->index);
    mem_free(parts->as);
    mem_free(parts->items);
    mem_free(parts->gone);
    mem_free(parts);
}

struct account *parts_own(const struct account *account)
{
    return account->parts == NULL ? NULL : account->parts->own;
}

void parts_begin(struct core *core, struct account *account)
{
    if (account->parts == NULL)
        account->parts = mem_zalloc(sizeof *account->parts);
    if (account->parts->own != NULL)
        return;
    struct account *own = book_create(core, 0);
    for (uint32_t i = 0; i < account->n_users; i++) {
        book_add_user(core, own, account->users[i].hash);
        own->users[i].user->counted = account->users[i].user->counted;
        user_touch(account, account->users[i].user);
    }
    own->clock_ms = account->vacant ? STATE_NO_CLOCK : account->clock_ms;
    blend_copy(core->plan, own, account);
    account->parts->own = own;
}

// ---- Finding one ----

static bool part_eq(const void *ctx, uint32_t item, const void *key)
{
    const struct parts *parts = ctx;
    const struct span *id = key;
    const struct part *part = parts->items[item];
    return span_eq(span_make(part->id, part->id_len), *id);
}

static uint64_t part_rehash(const void *ctx, uint32_t item)
{
    const struct parts *parts = ctx;
    return parts->items[item]->hash;
}

static uint32_t parts_at(const struct parts *parts, struct span identity)
{
    if (parts == NULL || parts->n == 0)
        return INDEX_NONE;
    return index_find(&parts->index, hash64(identity), part_eq, parts, &identity);
}

struct part *parts_find(const struct account *account, struct span identity)
{
    uint32_t at = parts_at(account->parts, identity);
    return at == INDEX_NONE ? NULL : account->parts->items[at];
}

struct part *parts_add(struct core *core, struct account *account, struct span identity)
{
    parts_begin(core, account);
    struct parts *parts = account->parts;
    struct part *part = mem_zalloc(sizeof *part + identity.len);
    part->book = book_create(core, 1);
    part->hash = hash64(identity);
    part->id_len = (uint32_t)identity.len;
    memcpy(part->id, identity.ptr, identity.len);
    MEM_GROW(parts->items, parts->n, parts->cap);
    parts->items[parts->n] = part;
    index_add(&parts->index, part->hash, parts->n, part_rehash, parts);
    parts->n++;
    return part;
}

static void parts_remove(struct core *core, struct parts *parts, uint32_t at)
{
    struct part *part = parts->items[at], *last = parts->items[parts->n - 1];
    MEM_GROW(parts->gone, parts->n_gone, parts->gone_cap);
    parts->gone[parts->n_gone++] = mem_dup(span_make(part->id, part->id_len));
    CHECK(index_remove(&parts->index, part->hash, at));
    if (last != part) {
        CHECK(index_remove(&parts->index, last->hash, parts->n - 1));
        parts->items[at] = last;
    }
    parts->n--;
    if (last != part)
        index_add(&parts->index, last->hash, at, part_rehash, parts);
    part_destroy(core, part);
    parts->remake = true;
}

// ---- Adding ----

// The timers run up to the piece's clock, which then is the account's if it is later.
static void parts_advance(struct decision *decision, const struct piece *piece)
{
    struct account *account = decision->account;
    int64_t clock_ms = piece->book->clock_ms;
    if (clock_ms <= account->clock_ms)
        return;
    if (account->queued_ms <= clock_ms)
        timers_run(decision, clock_ms);
    if (account->clock_ms < clock_ms)
        account_know(decision->core, account, NULL, clock_ms);
}

struct user *parts_user(struct core *core, struct account *account, struct span id)
{
    uint64_t hash = hash64(id);
    struct user *user = user_find(core, account, hash, id);
    if (user == NULL)
        user = user_add(core, account, hash, id);
    account_know(core, account, user, account->clock_ms);
    user->subject.stale = true;
    user_touch(account, user);
    return user;
}

// Something has been added: as after an event that may have changed every measure.
static void parts_decide(struct decision *decision, struct user *user)
{
    const struct plan *plan = decision->core->plan;
    decision->look[SCOPE_USER] = plan->scopes[SCOPE_USER].all;
    decision->look[SCOPE_ACCOUNT] = plan->scopes[SCOPE_ACCOUNT].all;
    decision->every = plan->mixed;
    decision->touched = NULL;
    decision->user = user;
    decision->n_users = 1;
    decision->moved = true;
    decide_pass(decision);
}

static void part_join(const struct plan *plan, struct account *book, struct user *user,
                      const struct account *from)
{
    if (from->clock_ms > book->clock_ms)
        book->clock_ms = from->clock_ms;
    user->counted = true;
    blend_add(plan, book, user, from);
}

void parts_take_piece(struct decision *decision, const struct move *move)
{
    struct core *core = decision->core;
    struct account *account = decision->account;
    if (move->piece == NULL)
        return;
    struct part *part = parts_find(account, move->identity);
    if (part == NULL) {
        // Before anything of it counts: what is there so far is the account's own.
        part = parts_add(core, account, move->identity);
        part->since_ms = move->at_ms;
        part->by = mem_dup(move->by);
    }
    parts_advance(decision, move->piece);
    struct user *user = parts_user(core, account, move->user);
    part->user = user->ordinal;
    part->version = move->version;
    part->dirty = true;
    blend_add(core->plan, account, user, move->piece->book);
    part_join(core->plan, part->book, part->book->users[0].user, move->piece->book);
    parts_decide(decision, user);
}

void parts_take_return(struct decision *decision, const struct move *move)
{
    struct core *core = decision->core;
    struct account *account = decision->account;
    if (move->piece == NULL)
        return;
    parts_advance(decision, move->piece);
    struct user *user = parts_user(core, account, move->identity);
    blend_add(core->plan, account, user, move->piece->book);
    struct account *own = parts_own(account);
    if (own != NULL)
        part_join(core->plan, own, own->users[user->ordinal].user, move->piece->book);
    if (identity_is_away(account->identity)) {
        identity_send(core, account, (struct hash128){0});
        return;
    }
    if (account->identity != NULL)
        identity_note(account->identity, IDENTITY_RETURNED, decision->known_at_ms, NULL,
                      span_make("", 0));
    parts_decide(decision, user);
}

// ---- Taking out ----

void parts_take_recall(struct core *core, struct account *account, const struct move *move)
{
    uint32_t at = parts_at(account->parts, move->identity);
    if (at == INDEX_NONE || account->parts->items[at]->version > move->version)
        return;
    struct part *part = account->parts->items[at];
    struct user *user = account->users[part->user].user;
    struct piece *piece = piece_create(core);
    blend_take(core->plan, part->book, part->book->users[0].user, piece->book);
    moves_add(core, &(struct move){.kind = MOVE_RETURN,
                                   .node = moves_home(core, move->identity),
                                   .identity = move->identity,
                                   .piece = piece});
    user->lost = true;
    user_touch(account, user);
    parts_remove(core, account->parts, at);
}

struct piece *parts_take_own(struct core *core, struct account *account)
{
    struct account *own = parts_own(account), *from = own == NULL ? account : own;
    struct span x;
    CHECK(identity_is_personal(account_id(core, account), &x));
    struct user *user = user_find(core, account, hash64(x), x);
    if (user == NULL || from->clock_ms == STATE_NO_CLOCK)
        return NULL;
    struct piece *piece = piece_create(core);
    blend_take(core->plan, from, from->users[user->ordinal].user, piece->book);
    user_touch(account, user);
    user->lost = true;
    if (own != NULL)
        account->parts->remake = true;
    if (!blend_is_empty(core->plan, piece->book))
        return piece;
    piece_destroy(piece);
    return NULL;
}

// ---- The end of a record ----

// Those of whom nothing is left, neither of the account's own nor of a part.
static void parts_leave(struct core *core, struct account *account)
{
    struct parts *parts = account->parts;
    bool *has = mem_zalloc(account->n_users + 1);
    for (uint32_t i = 0; i < parts->n; i++)
        has[parts->items[i]->user] = true;
    for (uint32_t i = 0; i < account->n_users; i++) {
        if (parts->own->users[i].user->counted)
            has[parts_ordinal_as(parts, i)] = true;
    }
    for (uint32_t i = 0; i < account->n_users; i++) {
        struct user *user = account->users[i].user;
        user->away = user->counted && !has[i];
        parts->leaves = parts->leaves || user->away;
        if (user->away)
            parts_hand_over(core, account, user);
    }
    account->vacant = parts->n == 0 && parts->own->clock_ms == STATE_NO_CLOCK;
    mem_free(has);
}

void parts_end(struct core *core, struct account *account)
{
    struct parts *parts = account->parts;
    if (parts == NULL || !parts->remake)
        return;
    parts->remake = false;
    blend_copy(core->plan, account, parts->own);
    if (parts->n_others > 0)
        parts_rename(core, account);
    for (uint32_t i = 0; i < parts->n; i++)
        blend_add(core->plan, account, account->users[parts->items[i]->user].user,
                  parts->items[i]->book);
    for (uint32_t i = 0; i < account->n_users; i++) {
        struct user *user = account->users[i].user;
        user->subject.stale = user->subject.stale || user->lost;
        user->lost = false;
        user_touch(account, user);
    }
    account->subject.stale = true;
    parts_leave(core, account);
    if (parts->n > 0 || parts->n_others > 0)
        return;
    parts->n_as = 0;
    book_destroy(core, parts->own);
    parts->own = NULL;
}

void parts_ended(struct core *core, struct account *account)
{
    if (account->parts == NULL || !account->parts->leaves)
        return;
    account->parts->leaves = false;
    for (uint32_t i = 0; i < account->n_users; i++) {
        struct user *user = account->users[i].user;
        if (!user->away)
            continue;
        user->away = user->counted = false;
        user->subject.stale = true;
        account->n_counted--;
        core->counts.users--;
        user_touch(account, user);
    }
}
