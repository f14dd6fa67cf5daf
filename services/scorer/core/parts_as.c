// SPDX-License-Identifier: Apache-2.0
// Whom a visitor is in an account that he acts in by events that name it. The account's own knows
// him as himself; in the total he is whom his home says (identity.h). One who is somebody else for
// the first time, and is nothing but himself in the total, moves there at once, at the cost of his
// own cells and a look at each user; any other change makes the total anew at the end of the
// record.
#include "common/base/check.h"
#include "common/base/mem.h"
#include "services/scorer/core/blend.h"
#include "services/scorer/core/identity_impl.h"

void parts_set_as(struct account *account, uint32_t ordinal, uint32_t as)
{
    struct parts *parts = account->parts;
    CHECK(ordinal < account->n_users && as < account->n_users);
    if (ordinal >= parts->n_as) {
        uint32_t n = account->n_users;
        parts->as = mem_realloc(parts->as, n * sizeof *parts->as);
        for (uint32_t i = parts->n_as; i < n; i++)
            parts->as[i] = i;
        parts->n_as = n;
    }
    parts->n_others += as != ordinal;
    parts->n_others -= parts->as[ordinal] != ordinal;
    parts->as[ordinal] = as;
}

// ---- Who has left ----

void parts_hand_over(struct core *core, struct account *account, struct user *user)
{
    const struct plan *plan = core->plan;
    const struct plan_scope *scope = &plan->scopes[SCOPE_USER];
    struct user *to = parts_as(account, user);
    uint8_t *flags = subject_flags(scope, &user->subject);
    uint8_t *others = subject_flags(scope, &to->subject);
    if (to == user)
        return;
    for (uint32_t i = 0; i < plan->n_counting; i++) {
        const struct measure *measure = &plan->playbook->measures[plan->counting[i]];
        int32_t number = plan->playbook->signals[measure->signal].number;
        // Both had it: they were counted as two.
        if (measure->ever && (flags[number] & others[number] & SIGNAL_EVER) != 0)
            cell_put(&account->subject.cells[measure->cell], 0, -1, CELL_ADD, INT64_MIN);
    }
    for (uint32_t i = 0; i < scope->n_signals; i++) {
        others[i] |= flags[i] & SIGNAL_EVER;
        flags[i] = (uint8_t)(flags[i] & ~SIGNAL_EVER);
    }
    user_touch(account, to);
}

// ---- In the total ----

// Whether all that the total has of a user is his own.
static bool parts_is_alone(const struct parts *parts, uint32_t ordinal)
{
    for (uint32_t i = 0; i < parts->n_as; i++) {
        if (i != ordinal && parts->as[i] == ordinal)
            return false;
    }
    for (uint32_t i = 0; i < parts->n; i++) {
        if (parts->items[i]->user == ordinal)
            return false;
    }
    return true;
}

void parts_rename(struct core *core, struct account *account)
{
    struct parts *parts = account->parts;
    const struct plan *plan = core->plan;
    struct renaming all = {parts->as, parts->n_as, CELL_NO_USER};
    // First all leave, as one may become whom another was.
    for (uint32_t i = 0; i < parts->n_as; i++) {
        if (parts->as[i] != i)
            blend_leave(plan, account, account->users[i].user);
    }
    for (uint32_t i = 0; i < parts->n_as; i++) {
        if (parts->as[i] != i)
            blend_add_user(plan, account, account->users[parts->as[i]].user,
                           parts->own->users[i].user);
    }
    blend_rename(plan, account, &all);
}

// What the total has of one user becomes another one's.
static void parts_become(struct core *core, struct account *account, struct user *user,
                         struct user *to)
{
    struct parts *parts = account->parts;
    struct renaming one = {parts->as, parts->n_as, user->ordinal};
    blend_leave(core->plan, account, user);
    blend_add_user(core->plan, account, to, parts->own->users[user->ordinal].user);
    blend_rename(core->plan, account, &one);
    account->subject.stale = true;
    user->subject.stale = true;
    user->away = user->counted;
    parts->leaves = true;
    parts_hand_over(core, account, user);
}

void parts_take_known(struct core *core, struct account *account, const struct move *move)
{
    struct user *user = user_find(core, account, hash64(move->identity), move->identity);
    // One who never acted here has not asked.
    if (user == NULL || !user->met || account->clock_ms == STATE_NO_CLOCK || move->user.len == 0)
        return;
    struct user *was = parts_as(account, user);
    if (span_eq(user_id(core, was), move->user))
        return;
    // Before anybody is made: the account's own has what there is.
    parts_begin(core, account);
    struct user *to = parts_user(core, account, move->user);
    parts_set_as(account, user->ordinal, to->ordinal);
    user_touch(account, user);
    if (was == user && !account->parts->remake && parts_is_alone(account->parts, user->ordinal)) {
        parts_become(core, account, user, to);
        return;
    }
    user->lost = was->lost = to->lost = true;
    account->parts->remake = true;
}
