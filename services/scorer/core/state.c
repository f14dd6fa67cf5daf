// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/core/state.h"

#include "common/base/check.h"
#include "common/base/mem.h"
#include "services/scorer/core/identity_impl.h"

// From this many users on, an account has an index of them.
enum { STATE_INDEX_FROM = 8 };

struct state_key {
    const struct core *core;
    const struct account *account;
    uint64_t hash;
    struct span id;
};

// ---- Subjects ----

void subject_clear(const struct plan_scope *scope, struct subject *subject)
{
    for (uint32_t i = 0; i < scope->n_cells; i++)
        cell_deinit(&subject->cells[i], (enum cell_shape)scope->shapes[i]);
    for (uint32_t i = 0; subject->marks != NULL && i < scope->n_signals; i++)
        mem_free(subject->marks[i].event_id);
    mem_free(subject->marks);
    subject->marks = NULL;
    traits_destroy(subject->traits);
    subject->traits = NULL;
}

struct signal_mark *subject_mark(const struct plan_scope *scope, struct subject *subject,
                                 int32_t number)
{
    if (subject->marks == NULL)
        subject->marks = mem_zalloc(scope->n_signals * sizeof *subject->marks);
    return &subject->marks[number];
}

static void subject_init(struct subject *subject)
{
    subject->due_ms = STATE_NEVER;
    subject->stale = true;
}

// ---- Accounts ----

static char *account_id_at(const struct plan *plan, const struct account *account)
{
    return (char *)&account->subject + plan->scopes[SCOPE_ACCOUNT].bytes;
}

static char *user_id_at(const struct plan *plan, const struct user *user)
{
    return (char *)&user->subject + plan->scopes[SCOPE_USER].bytes;
}

struct span account_id(const struct core *core, const struct account *account)
{
    return span_make(account_id_at(core->plan, account), account->id_len);
}

struct span user_id(const struct core *core, const struct user *user)
{
    return span_make(user_id_at(core->plan, user), user->id_len);
}

static bool account_eq(const void *ctx, uint32_t item, const void *key)
{
    const struct core *core = ctx;
    const struct state_key *wanted = key;
    const struct account *account = core->accounts[item];
    return account->hash == wanted->hash && span_eq(account_id(core, account), wanted->id);
}

static uint64_t account_rehash(const void *ctx, uint32_t item)
{
    const struct core *core = ctx;
    return core->accounts[item]->hash;
}

struct account *account_find(struct core *core, uint64_t hash, struct span id, uint32_t *number)
{
    struct state_key key = {core, NULL, hash, id};
    *number = index_find(&core->account_index, hash, account_eq, core, &key);
    return *number == INDEX_NONE ? NULL : core->accounts[*number];
}

struct account *account_add(struct core *core, uint64_t hash, struct span id, uint32_t ordinal,
                            uint32_t *number)
{
    size_t bytes = offsetof(struct account, subject) + core->plan->scopes[SCOPE_ACCOUNT].bytes;
    struct account *account = mem_zalloc(bytes + id.len);
    account->hash = hash;
    account->clock_ms = STATE_NO_CLOCK;
    account->ordinal = ordinal;
    account->id_len = (uint32_t)id.len;
    account->queued_ms = STATE_NEVER;
    subject_init(&account->subject);
    memcpy(account_id_at(core->plan, account), id.ptr, id.len);
    MEM_GROW(core->accounts, core->n_accounts, core->accounts_cap);
    *number = core->n_accounts++;
    core->accounts[*number] = account;
    index_add(&core->account_index, hash, *number, account_rehash, core);
    return account;
}

void account_touch(struct core *core, uint32_t number)
{
    struct account *account = core->accounts[number];
    if (account->listed)
        return;
    account->listed = true;
    MEM_GROW(core->dirty, core->n_dirty, core->dirty_cap);
    core->dirty[core->n_dirty++] = number;
}

struct account *account_reach(struct core *core, uint64_t position, uint32_t place, struct span id,
                              uint32_t *number)
{
    uint64_t hash = hash64(id);
    struct account *account = account_find(core, hash, id, number);
    if (account != NULL && position <= account->covered) {
        if (position == account->created_position && place == account->created_place)
            core->next_ordinal = account->ordinal + 1;
        return NULL;
    }
    if (account == NULL) {
        account = account_add(core, hash, id, core->next_ordinal++, number);
        account->created_position = position;
        account->created_place = place;
    }
    account_touch(core, *number);
    return account;
}

static void account_destroy(struct core *core, struct account *account)
{
    identity_destroy(account->identity);
    parts_destroy(core, account->parts);
    for (uint32_t i = 0; i < account->n_users; i++) {
        struct user *user = account->users[i].user;
        if (user != NULL)
            subject_clear(&core->plan->scopes[SCOPE_USER], &user->subject);
        mem_free(user);
    }
    if (account->users != &account->only)
        mem_free(account->users);
    if (account->index != NULL)
        index_deinit(account->index);
    mem_free(account->index);
    if (account->timers != NULL)
        heap_deinit(account->timers);
    mem_free(account->timers);
    subject_clear(&core->plan->scopes[SCOPE_ACCOUNT], &account->subject);
    mem_free(account);
}

void account_know(struct core *core, struct account *account, struct user *user, int64_t clock_ms)
{
    core->counts.accounts += account->clock_ms == STATE_NO_CLOCK;
    account->clock_ms = clock_ms;
    if (account->vacant)
        account->subject.stale = true;
    account->vacant = false;
    if (user == NULL)
        return;
    if (user->away)
        user->subject.stale = true;
    user->away = false;
    if (user->counted)
        return;
    user->counted = true;
    account->n_counted++;
    core->counts.users++;
}

// ---- Books ----

struct account *book_create(struct core *core, uint32_t n_users)
{
    struct account *book =
        mem_zalloc(offsetof(struct account, subject) + core->plan->scopes[SCOPE_ACCOUNT].bytes);
    book->clock_ms = STATE_NO_CLOCK;
    book->queued_ms = STATE_NEVER;
    subject_init(&book->subject);
    account_reserve_users(book, n_users);
    for (uint32_t i = 0; i < n_users; i++)
        book_add_user(core, book, 0);
    return book;
}

void book_destroy(struct core *core, struct account *book)
{
    if (book != NULL)
        account_destroy(core, book);
}

void book_add_user(struct core *core, struct account *book, uint64_t hash)
{
    account_reserve_users(book, book->n_users + 1);
    book->users[book->n_users++] = (struct user_ref){0, NULL};
    (void)book_place_user(core, book, hash, book->n_users - 1);
}

struct user *book_place_user(struct core *core, struct account *book, uint64_t hash,
                             uint32_t ordinal)
{
    CHECK(ordinal < book->n_users && book->users[ordinal].user == NULL);
    struct user *user =
        mem_zalloc(offsetof(struct user, subject) + core->plan->scopes[SCOPE_USER].bytes);
    user->hash = hash;
    user->ordinal = ordinal;
    subject_init(&user->subject);
    book->users[ordinal] = (struct user_ref){hash, user};
    return user;
}

// ---- Users ----

static bool user_eq(const void *ctx, uint32_t item, const void *key)
{
    const struct account *account = ctx;
    const struct state_key *wanted = key;
    return account->users[item].hash == wanted->hash &&
           span_eq(user_id(wanted->core, account->users[item].user), wanted->id);
}

static uint64_t user_rehash(const void *ctx, uint32_t item)
{
    const struct account *account = ctx;
    return account->users[item].hash;
}

struct user *user_find(struct core *core, const struct account *account, uint64_t hash,
                       struct span id)
{
    struct state_key key = {core, account, hash, id};
    if (account->index != NULL) {
        uint32_t at = index_find(account->index, hash, user_eq, account, &key);
        return at == INDEX_NONE ? NULL : account->users[at].user;
    }
    for (uint32_t i = 0; i < account->n_users; i++) {
        if (account->users[i].user != NULL && user_eq(account, i, &key))
            return account->users[i].user;
    }
    return NULL;
}

void account_reserve_users(struct account *account, uint32_t n)
{
    if (account->users == NULL && n <= 1) {
        account->users = &account->only;
        account->users_cap = 1;
    }
    if (n <= account->users_cap)
        return;
    uint32_t cap = account->users_cap < 4 ? 4 : account->users_cap * 2;
    while (cap < n)
        cap *= 2;
    struct user_ref *users = mem_zalloc(cap * sizeof *users);
    if (account->n_users > 0)
        memcpy(users, account->users, account->n_users * sizeof *users);
    if (account->users != &account->only)
        mem_free(account->users);
    account->users = users;
    account->users_cap = cap;
}

static void account_index_users(struct account *account, uint32_t ordinal)
{
    if (account->index != NULL) {
        index_add(account->index, account->users[ordinal].hash, ordinal, user_rehash, account);
        return;
    }
    if (account->n_users < STATE_INDEX_FROM)
        return;
    account->index = mem_zalloc(sizeof *account->index);
    for (uint32_t i = 0; i < account->n_users; i++) {
        if (account->users[i].user != NULL)
            index_add(account->index, account->users[i].hash, i, user_rehash, account);
    }
}

struct user *user_place(struct core *core, struct account *account, uint64_t hash, struct span id,
                        uint32_t ordinal)
{
    CHECK(ordinal < account->n_users && account->users[ordinal].user == NULL);
    size_t bytes = offsetof(struct user, subject) + core->plan->scopes[SCOPE_USER].bytes;
    struct user *user = mem_zalloc(bytes + id.len);
    user->hash = hash;
    user->ordinal = ordinal;
    user->id_len = (uint32_t)id.len;
    subject_init(&user->subject);
    memcpy(user_id_at(core->plan, user), id.ptr, id.len);
    account->users[ordinal] = (struct user_ref){hash, user};
    account_index_users(account, ordinal);
    return user;
}

struct user *user_add(struct core *core, struct account *account, uint64_t hash, struct span id)
{
    account_reserve_users(account, account->n_users + 1);
    uint32_t ordinal = account->n_users++;
    account->users[ordinal] = (struct user_ref){0, NULL};
    // What the account has of its own events knows the same users.
    if (account->parts != NULL && account->parts->own != NULL)
        book_add_user(core, account->parts->own, hash);
    return user_place(core, account, hash, id, ordinal);
}

void user_touch(struct account *account, struct user *user)
{
    if (user->dirty)
        return;
    user->dirty = true;
    user->dirty_next = account->dirty_users;
    account->dirty_users = user->ordinal + 1;
}

// ---- Profiles ----

static bool profile_eq(const void *ctx, uint32_t item, const void *key)
{
    const struct core *core = ctx;
    const struct state_key *wanted = key;
    const struct profile *profile = core->profiles[item];
    return profile->hash == wanted->hash &&
           span_eq(span_make(profile->id, profile->id_len), wanted->id);
}

static uint64_t profile_rehash(const void *ctx, uint32_t item)
{
    const struct core *core = ctx;
    return core->profiles[item]->hash;
}

struct profile *profile_find(struct core *core, uint64_t hash, struct span id, uint32_t *number)
{
    struct state_key key = {core, NULL, hash, id};
    *number = index_find(&core->profile_index, hash, profile_eq, core, &key);
    return *number == INDEX_NONE ? NULL : core->profiles[*number];
}

struct profile *profile_add(struct core *core, uint64_t hash, struct span id, uint32_t *number)
{
    struct profile *profile = mem_zalloc(sizeof *profile + id.len);
    profile->hash = hash;
    profile->id_len = (uint32_t)id.len;
    memcpy(profile->id, id.ptr, id.len);
    MEM_GROW(core->profiles, core->n_profiles, core->profiles_cap);
    *number = core->n_profiles++;
    core->profiles[*number] = profile;
    index_add(&core->profile_index, hash, *number, profile_rehash, core);
    return profile;
}

void profile_touch(struct core *core, uint32_t number)
{
    struct profile *profile = core->profiles[number];
    if (profile->dirty)
        return;
    profile->dirty = true;
    MEM_GROW(core->dirty_profiles, core->n_dirty_profiles, core->dirty_profiles_cap);
    core->dirty_profiles[core->n_dirty_profiles++] = number;
}

struct profile *profile_of(struct core *core, struct user *user)
{
    if (user->profile == 0 && user->looked_up != core->n_profiles) {
        uint32_t number;
        user->looked_up = core->n_profiles;
        if (profile_find(core, user->hash, user_id(core, user), &number) != NULL)
            user->profile = number + 1;
    }
    return user->profile == 0 ? NULL : core->profiles[user->profile - 1];
}

// ---- The whole ----

uint32_t *state_scratch(struct core *core, size_t n)
{
    if (core->scratch_cap < n) {
        core->scratch_cap = n * 2;
        core->scratch = mem_realloc(core->scratch, core->scratch_cap * sizeof *core->scratch);
    }
    return core->scratch;
}

void state_destroy(struct core *core)
{
    for (uint32_t i = 0; i < core->n_accounts; i++)
        account_destroy(core, core->accounts[i]);
    for (uint32_t i = 0; i < core->n_profiles; i++) {
        traits_destroy(core->profiles[i]->traits);
        mem_free(core->profiles[i]);
    }
    mem_free(core->accounts);
    mem_free(core->profiles);
    index_deinit(&core->account_index);
    index_deinit(&core->profile_index);
    seen_deinit(&core->seen);
    heap_deinit(&core->timers);
    heap_deinit(&core->ahead_rows);
    moves_clear(core);
    mem_free(core->moves.items);
    arena_deinit(&core->moves_arena);
    mem_free(core->ending);
    mem_free(core->dirty);
    mem_free(core->dirty_profiles);
    mem_free(core->scratch);
    mem_free(core->moved);
}
