// SPDX-License-Identifier: Apache-2.0
// Another playbook: every subject gets its shape. Parts are matched by what they mean, so a renamed
// measure keeps its state; what is new starts empty, and what is gone is dropped.
#include "common/base/check.h"
#include "common/base/mem.h"
#include "services/scorer/core/identity_impl.h"
#include "services/scorer/core/warming.h"

enum { RESHAPE_NEW = -1 };

struct reshape_scope {
    const struct plan_scope *from, *to;
    int32_t *cells, *signals, *leaves; // for each new part the old one, or RESHAPE_NEW
    bool *kept;                        // old cells and signals that have a place
    bool *signals_kept;
};

static void reshape_match(const uint64_t *from, uint32_t n_from, const uint64_t *to, uint32_t n_to,
                          int32_t *out, bool *kept)
{
    for (uint32_t i = 0; i < n_to; i++) {
        out[i] = RESHAPE_NEW;
        for (uint32_t j = 0; j < n_from && out[i] == RESHAPE_NEW; j++) {
            // Two parts of one meaning each keep their own, as both hold the same.
            if (from[j] == to[i] && (kept == NULL || !kept[j]))
                out[i] = (int32_t)j;
        }
        if (out[i] != RESHAPE_NEW && kept != NULL)
            kept[out[i]] = true;
    }
}

static struct reshape_scope reshape_scope_make(struct arena *arena, const struct plan_scope *from,
                                               const struct plan_scope *to)
{
    struct reshape_scope scope = {.from = from, .to = to};
    scope.cells = arena_alloc(arena, (to->n_cells + 1) * sizeof(int32_t));
    scope.signals = arena_alloc(arena, (to->n_signals + 1) * sizeof(int32_t));
    scope.leaves = arena_alloc(arena, (to->n_leaves + 1) * sizeof(int32_t));
    scope.kept = arena_alloc(arena, from->n_cells + 1);
    scope.signals_kept = arena_alloc(arena, from->n_signals + 1);
    reshape_match(from->cells, from->n_cells, to->cells, to->n_cells, scope.cells, scope.kept);
    reshape_match(from->signals, from->n_signals, to->signals, to->n_signals, scope.signals,
                  scope.signals_kept);
    reshape_match(from->leaves, from->n_leaves, to->leaves, to->n_leaves, scope.leaves, NULL);
    return scope;
}

static void reshape_marks(const struct reshape_scope *scope, struct subject *old,
                          struct subject *made)
{
    made->marks = NULL;
    if (old->marks == NULL)
        return;
    made->marks = mem_zalloc((scope->to->n_signals + 1) * sizeof *made->marks);
    for (uint32_t i = 0; i < scope->to->n_signals; i++) {
        if (scope->signals[i] != RESHAPE_NEW)
            made->marks[i] = old->marks[scope->signals[i]];
    }
    for (uint32_t i = 0; i < scope->from->n_signals; i++) {
        if (!scope->signals_kept[i])
            mem_free(old->marks[i].event_id);
    }
    mem_free(old->marks);
}

// Moves what the old subject holds into the new one; the header is copied by the caller.
static void reshape_parts(const struct reshape_scope *scope, struct subject *old,
                          struct subject *made)
{
    for (uint32_t i = 0; i < scope->to->n_cells; i++) {
        if (scope->cells[i] != RESHAPE_NEW)
            made->cells[i] = old->cells[scope->cells[i]];
    }
    for (uint32_t i = 0; i < scope->from->n_cells; i++) {
        if (!scope->kept[i])
            cell_deinit(&old->cells[i], (enum cell_shape)scope->from->shapes[i]);
    }
    int64_t *leaves = subject_leaves(scope->to, made);
    const int64_t *old_leaves = subject_leaves(scope->from, old);
    for (uint32_t i = 0; i < scope->to->n_leaves; i++)
        leaves[i] = scope->leaves[i] == RESHAPE_NEW ? 0 : old_leaves[scope->leaves[i]];
    uint8_t *flags = subject_flags(scope->to, made);
    const uint8_t *old_flags = subject_flags(scope->from, old);
    for (uint32_t i = 0; i < scope->to->n_signals; i++)
        flags[i] = scope->signals[i] == RESHAPE_NEW ? 0 : old_flags[scope->signals[i]];
    reshape_marks(scope, old, made);
    made->stale = true;
    made->due_ms = STATE_NEVER;
}

static struct user *reshape_user(const struct reshape_scope *scope, struct user *old)
{
    size_t head = offsetof(struct user, subject) + sizeof(struct subject);
    struct user *made = mem_zalloc(offsetof(struct user, subject) + scope->to->bytes + old->id_len);
    memcpy(made, old, head);
    reshape_parts(scope, &old->subject, &made->subject);
    memcpy((char *)&made->subject + scope->to->bytes,
           (const char *)&old->subject + scope->from->bytes, old->id_len);
    mem_free(old);
    return made;
}

static struct account *reshape_account(const struct reshape_scope *scope, struct account *old)
{
    size_t head = offsetof(struct account, subject) + sizeof(struct subject);
    struct account *made =
        mem_zalloc(offsetof(struct account, subject) + scope->to->bytes + old->id_len);
    memcpy(made, old, head);
    if (old->users == &old->only)
        made->users = &made->only;
    reshape_parts(scope, &old->subject, &made->subject);
    memcpy((char *)&made->subject + scope->to->bytes,
           (const char *)&old->subject + scope->from->bytes, old->id_len);
    mem_free(old);
    return made;
}

static struct account *reshape_book(const struct reshape_scope *accounts,
                                    const struct reshape_scope *users, struct account *old)
{
    struct account *book = old == NULL ? NULL : reshape_account(accounts, old);
    for (uint32_t u = 0; book != NULL && u < book->n_users; u++)
        book->users[u].user = reshape_user(users, book->users[u].user);
    return book;
}

static void reshape_books(const struct reshape_scope *accounts, const struct reshape_scope *users,
                          struct parts *parts)
{
    if (parts == NULL)
        return;
    parts->own = reshape_book(accounts, users, parts->own);
    for (uint32_t i = 0; i < parts->n; i++) {
        parts->items[i]->book = reshape_book(accounts, users, parts->items[i]->book);
        parts->items[i]->dirty = true;
    }
}

// What counts users with a signal is read off the users, so that a new one is right from the start.
static void reshape_count(const struct plan *plan, struct account *account)
{
    for (uint32_t i = 0; i < plan->n_counting; i++) {
        const struct measure *measure = &plan->playbook->measures[plan->counting[i]];
        int32_t number = plan->playbook->signals[measure->signal].number;
        int64_t n = 0;
        for (uint32_t u = 0; u < account->n_users; u++) {
            const uint8_t *flags =
                subject_flags(&plan->scopes[SCOPE_USER], &account->users[u].user->subject);
            n += (flags[number] & (measure->ever ? SIGNAL_EVER : SIGNAL_TRUE)) != 0;
        }
        struct cell *cell = &account->subject.cells[measure->cell];
        cell_deinit(cell, CELL_BUCKETS);
        if (n > 0)
            cell_put(cell, 0, n, CELL_SET, INT64_MIN);
    }
}

// Whether a measure is new, or was not complete before; since when it has its past.
static bool reshape_is_warming(const struct core *core, const struct plan *old,
                               const struct reshape_scope *scope, const struct measure *measure,
                               int64_t *since_ms)
{
    *since_ms = 0;
    // What counts users is read off them.
    if (measure->cell == PLAYBOOK_NONE || measure->kind == MEASURE_USERS_WITH)
        return false;
    if (scope->cells[measure->cell] == RESHAPE_NEW)
        return core->counts.events > 0;
    for (int32_t m = 0; m < old->playbook->n_measures; m++) {
        if (old->playbook->measures[m].meaning == measure->meaning) {
            *since_ms = core->since_ms[m];
            return core_measure_warming(core, m);
        }
    }
    return false;
}

static void reshape_warming(struct core *core, const struct plan *old,
                            const struct reshape_scope *users, const struct reshape_scope *accounts)
{
    const struct playbook *playbook = core->plan->playbook;
    uint64_t warming[PLAYBOOK_MEASURES_MAX / 64] = {0};
    int64_t since_ms[PLAYBOOK_MEASURES_MAX] = {0};
    for (int32_t m = 0; m < playbook->n_measures; m++) {
        const struct measure *measure = &playbook->measures[m];
        const struct reshape_scope *scope = measure->scope == SCOPE_USER ? users : accounts;
        if (reshape_is_warming(core, old, scope, measure, &since_ms[m]))
            warming[m / 64] |= UINT64_C(1) << (m % 64);
    }
    memcpy(core->since_ms, since_ms, sizeof since_ms);
    warming_set(core, warming);
}

void state_reshape(struct core *core, struct plan *plan)
{
    struct plan *old = core->plan;
    core->plan = plan;
    if (old == NULL)
        return;
    struct arena arena;
    arena_init(&arena, 4096, 0);
    struct reshape_scope users =
        reshape_scope_make(&arena, &old->scopes[SCOPE_USER], &plan->scopes[SCOPE_USER]);
    struct reshape_scope accounts =
        reshape_scope_make(&arena, &old->scopes[SCOPE_ACCOUNT], &plan->scopes[SCOPE_ACCOUNT]);
    reshape_warming(core, old, &users, &accounts);
    heap_deinit(&core->timers);
    for (uint32_t i = 0; i < core->n_accounts; i++) {
        struct account *account = reshape_account(&accounts, core->accounts[i]);
        core->accounts[i] = account;
        account->queued_ms = STATE_NEVER;
        if (account->timers != NULL)
            account->timers->n = 0;
        if (account->pending)
            continue;
        account_touch(core, i);
        for (uint32_t u = 0; u < account->n_users; u++) {
            account->users[u].user = reshape_user(&users, account->users[u].user);
            user_touch(account, account->users[u].user);
        }
        reshape_books(&accounts, &users, account->parts);
        reshape_count(plan, account);
    }
    arena_deinit(&arena);
}
