// SPDX-License-Identifier: Apache-2.0
// Reading one account, and the people behind a lead. Nothing here changes what is decided.
#include "services/router/core/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"

enum {
    LOOK_USERS_MAX = 1000, // when the best of an account's users are looked for
    REASON_NAMES_MAX = 8,
};

// ---- The account --------------------------------------------------------------------------------

static void view_pqls(const struct account *account, struct arena *arena,
                      struct router_account_view *out)
{
    struct router_contact *pqls = arena_alloc(arena, (account->n_users + 1) * sizeof *pqls);
    for (uint32_t i = 0; i < account->n_users; i++) {
        const struct subject *user = account->users[i];
        int64_t at_ms = INT64_MAX;
        for (uint32_t j = 0; j < user->n_qualified; j++) {
            const struct qualified *q = &user->qualified[j];
            if (!q->left && q->role != ROUTER_PAL && q->at_ms < at_ms)
                at_ms = q->at_ms;
        }
        if (at_ms != INT64_MAX)
            pqls[out->n_pqls++] = (struct router_contact){user->id, at_ms};
    }
    out->pqls = pqls;
}

static void view_standings_of(const struct subject *subject, const char *organization,
                              struct router_standing *out, size_t *n)
{
    for (uint32_t i = 0; i < subject->n_qualified && *n < ROUTER_STANDINGS_MAX; i++) {
        const struct qualified *q = &subject->qualified[i];
        out[(*n)++] = (struct router_standing){
            .definition = q->definition,
            .role = q->role,
            .label = q->label,
            .user_id = subject->id,
            .episode = q->episode,
            .since_ms = q->at_ms,
            .event_id = q->event_id,
            .left = q->left,
            .left_at_ms = q->left_at_ms,
            .reason = q->left_reason != NULL ? q->left_reason : "",
            .organization = organization,
        };
    }
}

static void view_standings(const struct account *account, struct arena *arena,
                           struct router_account_view *out)
{
    struct router_standing *standings =
        arena_alloc(arena, ROUTER_STANDINGS_MAX * sizeof *standings);
    view_standings_of(&account->self, "", standings, &out->n_standings);
    for (uint32_t i = 0; i < account->n_users; i++)
        view_standings_of(account->users[i], "", standings, &out->n_standings);
    if (account->organization != NULL)
        view_standings_of(&account->organization->self, router_organizations_key(account),
                          standings, &out->n_standings);
    out->standings = standings;
}

static void view_organization(const struct router_core *core, const struct account *account,
                              struct arena *arena, struct router_account_view *out)
{
    const struct account *organization = account->organization;
    const char *owner = router_organizations_fact_of(core, account, core->playbook->owner_fact);
    out->owner = owner != NULL ? owner : "";
    out->organization = router_organizations_key(account);
    if (organization == NULL)
        return;
    uint32_t n =
        organization->n_members < ROUTER_MEMBERS_MAX ? organization->n_members : ROUTER_MEMBERS_MAX;
    const char **members = arena_alloc(arena, n * sizeof *members);
    for (uint32_t i = 0; i < n; i++)
        members[i] = organization->members[i]->id;
    out->members = members;
    out->n_members = n;
    out->own_lead = account->lead;
    out->lead = organization->lead;
}

bool router_core_knows(const struct router_core *core, struct span account_id)
{
    const struct account *account = router_state_account_find(core, account_id);
    return account != NULL && !account_is_organization(account);
}

void router_core_account(const struct router_core *core, struct span account_id,
                         struct arena *arena, struct router_account_view *out)
{
    *out = (struct router_account_view){.stage = "", .organization = "", .owner = ""};
    const struct account *account = router_state_account_find(core, account_id);
    if (account == NULL || account_is_organization(account))
        return;
    out->known = true;
    out->lead = account->lead;
    out->pqa = router_standing_now(&account->self, ROUTER_PQA);
    out->stage = PLAYBOOK_STAGE_NAMES[STAGE_SIGNED_UP];
    out->history = account->history;
    out->n_history = account->n_history;
    if (account->n_history > 0) {
        const struct router_stage_change *last = &account->history[account->n_history - 1];
        out->stage = last->stage;
        out->stage_since_ms = last->since_ms;
    }
    view_pqls(account, arena, out);
    view_standings(account, arena, out);
    if (core->playbook != NULL)
        view_organization(core, account, arena, out);
}

// ---- Whom to speak to ---------------------------------------------------------------------------

struct candidate {
    const struct subject *user;
    int64_t at_ms;
    uint32_t n_definitions, n_signals;
};

// A signal as the playbook declares it: derived ones have a dot in their names, and what marketing
// has seen is no usage.
static bool is_usage(const struct held *held)
{
    return held->value && strchr(held->name, '.') == NULL && strcmp(held->name, "mql") != 0;
}

static struct candidate candidate_of(const struct subject *user, int64_t at_ms)
{
    struct candidate c = {.user = user, .at_ms = at_ms};
    for (uint32_t i = 0; i < user->n_qualified; i++)
        c.n_definitions += !user->qualified[i].left;
    for (uint32_t i = 0; i < user->n_held; i++)
        c.n_signals += is_usage(&user->held[i]);
    return c;
}

static int candidate_cmp(const void *x, const void *y)
{
    const struct candidate *a = x, *b = y;
    if (a->n_definitions != b->n_definitions)
        return a->n_definitions > b->n_definitions ? -1 : 1;
    if (a->n_signals != b->n_signals)
        return a->n_signals > b->n_signals ? -1 : 1;
    if (a->at_ms != b->at_ms)
        return a->at_ms < b->at_ms ? -1 : 1;
    return strcmp(a->user->id, b->user->id);
}

static void add_name(const char **names, uint32_t *n, const char *name)
{
    if (*n < REASON_NAMES_MAX)
        names[(*n)++] = name;
}

static const char *reason_of(const struct subject *user, struct arena *arena)
{
    const char *names[REASON_NAMES_MAX];
    uint32_t n = 0;
    for (uint32_t i = 0; i < user->n_held; i++)
        if (is_usage(&user->held[i]))
            add_name(names, &n, user->held[i].name);
    bool signals = n > 0;
    for (uint32_t i = 0; !signals && i < user->n_qualified; i++)
        if (!user->qualified[i].left && user->qualified[i].role != ROUTER_PAL)
            add_name(names, &n, user->qualified[i].definition);
    size_t len = 1;
    for (uint32_t i = 0; i < n; i++)
        len += strlen(names[i]) + 2;
    char *text = arena_alloc(arena, len);
    text[0] = '\0';
    for (uint32_t i = 0, at = 0; i < n; i++)
        at += (uint32_t)snprintf(text + at, len - at, "%s%s", i > 0 ? ", " : "", names[i]);
    return text;
}

// Whom a lead may name: never who must not be contacted, and for messages only who agreed to them.
static bool may_name(const struct router_core *core, const struct router_lead *lead,
                     const struct account *account, const struct subject *user)
{
    bool message = strcmp(lead->motion, motion_name(MOTION_SELF_SERVE)) == 0;
    return !router_contacts_barred(core, account, user) &&
           (!message || router_contacts_consents(core, account, user));
}

// The i-th account of the lead: who brought it about, then the members of its organization, that
// one among them again. NULL: there are no more.
static const struct account *account_of(const struct router_core *core,
                                        const struct router_lead *lead, uint32_t i)
{
    const struct account *home = core->accounts[lead->account];
    if (i == 0)
        return router_state_account_find(core, span_of(lead->account_id));
    return i <= home->n_members ? home->members[i - 1] : NULL;
}

static size_t contacts_of(const struct router_core *core, const struct router_lead *lead,
                          struct candidate *out)
{
    size_t n = 0;
    for (uint32_t i = 0; i < lead->n_contacts; i++) {
        const struct account *account;
        const struct subject *user = NULL;
        for (uint32_t j = 0; user == NULL && (account = account_of(core, lead, j)) != NULL; j++) {
            user = router_state_user((struct account *)account, span_of(lead->contacts[i].user_id),
                                     false);
            if (user != NULL && !may_name(core, lead, account, user))
                user = NULL;
            if (user != NULL)
                out[n++] = candidate_of(user, lead->contacts[i].at_ms);
        }
    }
    return n;
}

// Looks at no more than `room` users, and is told how many it may still look at.
static size_t add_users(const struct router_core *core, const struct router_lead *lead,
                        const struct account *account, size_t *room, struct candidate *out)
{
    size_t n = 0;
    uint32_t last = account->n_users < *room ? account->n_users : (uint32_t)*room;
    for (uint32_t i = 0; i < last; i++) {
        struct candidate c = candidate_of(account->users[i], 0);
        if (c.n_definitions + c.n_signals > 0 && may_name(core, lead, account, c.user))
            out[n++] = c;
    }
    *room -= last;
    return n;
}

static size_t users_of(const struct router_core *core, const struct router_lead *lead, size_t room,
                       struct candidate *out)
{
    const struct account *first = account_of(core, lead, 0), *account;
    CHECK(first != NULL);
    size_t n = add_users(core, lead, first, &room, out);
    for (uint32_t i = 1; room > 0 && (account = account_of(core, lead, i)) != NULL; i++)
        if (account != first)
            n += add_users(core, lead, account, &room, out + n);
    return n;
}

static size_t users_looked_at(const struct router_core *core, const struct router_lead *lead)
{
    const struct account *account;
    size_t n = 0;
    for (uint32_t i = 0; n < LOOK_USERS_MAX && (account = account_of(core, lead, i)) != NULL; i++)
        n += account->n_users;
    return n < LOOK_USERS_MAX ? n : LOOK_USERS_MAX;
}

// Somebody who uses several of an organization's accounts is one person.
static bool is_listed(const struct router_person *people, size_t n, const char *user_id)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(people[i].user_id, user_id) == 0)
            return true;
    return false;
}

size_t router_core_people(const struct router_core *core, const struct router_lead *lead,
                          struct arena *arena, const struct router_person **out)
{
    bool named = lead->n_contacts > 0;
    size_t room = named ? lead->n_contacts : users_looked_at(core, lead);
    struct candidate *candidates = arena_alloc(arena, (room + 1) * sizeof *candidates);
    size_t n = named ? contacts_of(core, lead, candidates) : users_of(core, lead, room, candidates);
    if (n > 0)
        qsort(candidates, n, sizeof *candidates, candidate_cmp);
    size_t most = named || n < ROUTER_BEST_USERS_MAX ? n : ROUTER_BEST_USERS_MAX;
    struct router_person *people = arena_alloc(arena, (most + 1) * sizeof *people);
    size_t shown = 0;
    for (size_t i = 0; i < n && shown < most; i++)
        if (named || !is_listed(people, shown, candidates[i].user->id))
            people[shown++] = (struct router_person){candidates[i].user->id, candidates[i].at_ms,
                                                     reason_of(candidates[i].user, arena)};
    *out = people;
    return shown;
}
